/*
 * prior_local.c - the verb "prior local": earlier exams of a person, as this
 * node knows them. See df/message.h.
 *
 * A number finds its owner, a name with date of birth those who may be meant,
 * the beginning of a name (characters, pinyin, initials) whoever is called so:
 * what is found by a name is probable at most, and a human being looks.
 */
#include <stdlib.h>
#include <string.h>

#include "region.h"

#define FOUND_MAX 64  /* patients that are looked at */
#define PERSONS_MAX 32
#define PRIORS_MAX 200

struct found {
	uint64_t person;
	struct df_match_result match;
	bool doubt; /* a record of his contradicts, or another has his number */
	struct df_store_patient patient; /* the one that matched best */
};

struct search {
	struct index *x;
	const cJSON *args;
	struct df_person who; /* as typed */
	struct found *found;  /* PERSONS_MAX */
	size_t n_found;
	struct found *owner;	   /* of the number in hand, when one is */
	cJSON *priors[PRIORS_MAX]; /* owned */
	size_t n_priors;
	bool more;
	const struct df_match_result *match; /* of the person in hand */
	struct df_why *why;
};

/* --- who it is ------------------------------------------------------------------ */

static unsigned rank(enum df_match m)
{
	switch (m) {
	case DF_MATCH_EXACT:
		return 3;
	case DF_MATCH_PROBABLE:
		return 2;
	case DF_MATCH_CONTRADICTION:
		return 1;
	case DF_MATCH_NONE:
	case DF_MATCH_COUNT:
		break;
	}
	return 0;
}

static enum df_err keep(struct search *s, const struct df_store_patient *p,
			const struct df_match_result *m)
{
	struct found *f;
	size_t i;

	for (i = 0; i < s->n_found; i++)
		if (s->found[i].person == p->person)
			break;
	if (i == PERSONS_MAX) {
		s->more = true;
		return DF_OK;
	}
	f = &s->found[i];
	s->n_found += i == s->n_found;
	f->doubt |= m->match == DF_MATCH_CONTRADICTION;
	if (m->match == DF_MATCH_EXACT) {
		if (s->owner != NULL && s->owner != f)
			f->doubt = s->owner->doubt = true;
		s->owner = f;
	}
	if (rank(f->match.match) < rank(m->match)) {
		f->person = p->person;
		f->match = *m;
		f->patient = *p;
	}
	return DF_OK;
}

static enum df_err by_number(void *ctx, const struct df_store_patient *p)
{
	struct search *s = ctx;
	struct df_match_result m;
	struct df_person here;

	m = region_person_match(s->x, &s->who, p, &here);
	return rank(m.match) > 0 ? keep(s, p, &m) : DF_OK;
}

/* Typed under no issuer that is known: whoever has that number anywhere. */
static enum df_err by_bare_number(void *ctx, const struct df_store_patient *p)
{
	static const struct df_match_result PERHAPS = {
		DF_MATCH_PROBABLE, DF_BECAUSE(WEAK_NUMBER)};

	return keep(ctx, p, &PERHAPS);
}

static bool differ(const char *a, const char *b)
{
	return a[0] != '\0' && b[0] != '\0' && strcmp(a, b) != 0;
}

/* What else was typed must not speak against him. */
static enum df_err by_name(void *ctx, const struct df_store_patient *p)
{
	struct search *s = ctx;
	struct df_match_result m = {DF_MATCH_PROBABLE, 0};
	struct df_person here;
	char mine[9], his[9];

	df_store_person_of(s->x->store, p, &here);
	if (differ(df_person_birth_date(&s->who, mine),
		   df_person_birth_date(&here, his)) ||
	    differ(s->who.sex, here.sex))
		return DF_OK;
	m.reasons = df_person_match(&s->who, &here).reasons;
	return keep(s, p, &m);
}

static enum df_err find_numbers(struct search *s)
{
	struct df_store *store = s->x->store;
	enum df_err rc = DF_OK;
	size_t i;

	for (i = 0; rc == DF_OK && i < s->who.n_ids; i++) {
		s->owner = NULL;
		rc = df_store_find_number(store, &s->who.ids[i], FOUND_MAX,
					  by_number, s, s->why);
	}
	for (i = 0; rc == DF_OK && s->n_found == 0 && i < s->who.n_ids; i++) {
		struct df_identifier bare = s->who.ids[i];

		if (bare.type != DF_IDENTIFIER_LOCAL)
			continue;
		bare.issuer[0] = '\0';
		rc = df_store_find_number(store, &bare, FOUND_MAX,
					  by_bare_number, s, s->why);
	}
	return rc;
}

static enum df_err find_persons(struct search *s)
{
	char birth[9];
	bool more = false;
	enum df_err rc = find_numbers(s);

	if (rc != DF_OK || s->who.name[0] == '\0')
		return rc;
	if (df_person_birth_date(&s->who, birth)[0] != '\0')
		rc = df_store_find_who(s->x->store, s->who.name, birth,
				       FOUND_MAX, by_name, s, s->why);
	/* who typed a number means its owner, not his namesakes */
	if (rc == DF_OK && s->n_found == 0)
		rc = df_store_find_name(s->x->store, s->who.name, FOUND_MAX,
					by_name, s, &more, s->why);
	s->more = s->more || more;
	return rc;
}

/* --- their exams ------------------------------------------------------------------ */

static enum df_err add_exam(void *ctx, const struct df_store_study *st)
{
	struct search *s = ctx;
	const char *not = index_word(s->args, "not");
	cJSON *o;

	if (strcmp(st->study_uid, not) == 0 ||
	    !index_prior_fits(s->x, st, s->args))
		return DF_OK;
	if (s->n_priors == PRIORS_MAX) {
		s->more = true;
		return DF_OK;
	}
	o = index_prior_json(s->x, st, s->match, s->why);
	if (o == NULL)
		return DF_E_IO; /* why says what */
	s->priors[s->n_priors++] = o;
	return DF_OK;
}

static cJSON *person_json(const struct found *f)
{
	const struct df_store_patient *p = &f->patient;
	cJSON *o = cJSON_CreateObject();

	(void)cJSON_AddStringToObject(o, "ref", p->ref); /* memory */
	(void)cJSON_AddStringToObject(o, "node", p->peer);
	(void)cJSON_AddStringToObject(o, "name",
				      p->ident[DF_IDENT_PATIENT_NAME]);
	(void)cJSON_AddStringToObject(o, "birth_date",
				      p->ident[DF_IDENT_BIRTH_DATE]);
	(void)cJSON_AddStringToObject(o, "sex", p->ident[DF_IDENT_SEX]);
	(void)cJSON_AddStringToObject(o, "patient_id",
				      p->ident[DF_IDENT_PATIENT_ID]);
	(void)cJSON_AddBoolToObject(o, "held", p->held);
	index_match_json(o, &f->match);
	return o;
}

static enum df_err add_person(struct search *s, struct found *f, cJSON *persons)
{
	if (f->doubt && f->match.match == DF_MATCH_EXACT)
		f->match.match = DF_MATCH_PROBABLE;
	(void)cJSON_AddItemToArray(persons, person_json(f)); /* memory */
	if (f->match.match == DF_MATCH_CONTRADICTION)
		return DF_OK; /* shown as found, not as his */
	s->match = &f->match;
	return df_store_person_studies(s->x->store, f->person, PRIORS_MAX + 1,
				       add_exam, s, s->why);
}

static int newest_first(const void *a, const void *b)
{
	const cJSON *const *x = a, *const *y = b;
	int d = strcmp(index_word(*y, "study_date"),
		       index_word(*x, "study_date"));

	if (d == 0)
		d = strcmp(index_word(*y, "study_time"),
			   index_word(*x, "study_time"));
	return d != 0 ? d
		      : strcmp(index_word(*x, "study_uid"),
			       index_word(*y, "study_uid"));
}

static enum df_err answer(struct search *s, cJSON *out)
{
	cJSON *persons = cJSON_AddArrayToObject(out, "persons");
	cJSON *priors = cJSON_AddArrayToObject(out, "priors");
	enum df_err rc = find_persons(s);
	size_t i;

	for (i = 0; rc == DF_OK && i < s->n_found; i++)
		rc = add_person(s, &s->found[i], persons);
	qsort(s->priors, s->n_priors, sizeof s->priors[0], newest_first);
	for (i = 0; i < s->n_priors; i++)
		(void)cJSON_AddItemToArray(priors, s->priors[i]); /* memory */
	(void)cJSON_AddBoolToObject(out, "more", s->more);
	return rc;
}

enum df_err index_prior_local(struct index *x, const cJSON *args, cJSON *out,
			      struct df_why *why)
{
	struct search s = {.x = x, .args = args, .why = why};
	enum df_err rc = region_person_typed(x, args, &s.who, why);

	if (rc == DF_OK && s.who.n_ids == 0 && s.who.name[0] == '\0')
		rc = df_fail(why, DF_E_USAGE,
			     "whose exams? give a number or a name");
	if (rc != DF_OK)
		return rc;
	s.found = df_xcalloc(PERSONS_MAX, sizeof *s.found);
	rc = answer(&s, out);
	explicit_bzero(s.found, PERSONS_MAX * sizeof *s.found);
	explicit_bzero(&s.who, sizeof s.who);
	free(s.found);
	return rc;
}
