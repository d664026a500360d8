/*
 * person_search.c - patients by number, name or reference; a person's
 * patients and studies.
 *
 * A blind key only says where to look: each patient it leads to is opened and
 * compared with what was asked.
 */
#include <string.h>

#include "people.h"

#define OPENED_MAX 1000 /* patients a question; the newest come first */

struct asked {
	const struct df_identifier *number; /* by number, or */
	const struct df_typed *typed;	    /* by name, and how like it, or */
	enum df_name_likeness like;
	const struct df_person *who;	    /* by name and date of birth */
};

static bool has_id(const struct df_person *p, const struct df_identifier *id)
{
	size_t i;

	for (i = 0; i < p->n_ids; i++)
		if (p->ids[i].type == id->type &&
		    !strcmp(p->ids[i].number, id->number) &&
		    (id->type != DF_IDENTIFIER_LOCAL || !id->issuer[0] ||
		     !strcmp(p->ids[i].issuer, id->issuer)))
			return true;
	return false;
}

static bool share_form(const struct df_person *a, const struct df_person *b)
{
	struct df_name_forms fa, fb;
	size_t i, j;

	df_person_forms(a, &fa);
	df_person_forms(b, &fb);
	for (i = 0; i < fa.n; i++)
		for (j = 0; j < fb.n; j++)
			if (!strcmp(fa.form[i], fb.form[j]))
				return true;
	return false;
}

static bool is_asked(const struct df_store *s, const struct asked *a,
		     const struct df_store_patient *p)
{
	struct df_person person;
	char want[9], have[9];

	if (a->typed != NULL)
		return df_typed_meets(a->typed, p->ident[DF_IDENT_PATIENT_NAME],
				      p->readings) == a->like;
	df_store_person_of(s, p, &person);
	if (a->number != NULL)
		return has_id(&person, a->number);
	return !strcmp(df_person_birth_date(a->who, want),
		       df_person_birth_date(&person, have)) &&
	       share_form(a->who, &person);
}

/* The newest patient before `at` under any of the keys. */
static enum df_err next_row(struct df_store *s, const struct df_keys *keys,
			    uint64_t *at, struct df_why *why)
{
	uint64_t best = 0, row;
	enum df_err rc = DF_OK;
	size_t i;

	for (i = 0; i < keys->n; i++) {
		sqlite3_stmt *q = df_sql(s, DF_SQL_KEY_NEXT_, why);

		df_sql_u64(q, 1, keys->key[i]);
		df_sql_u64(q, 2, *at);
		rc = df_sql_number(s, q, &row, why);
		if (rc != DF_OK && rc != DF_E_NOTFOUND)
			return rc;
		if (rc == DF_OK && row > best)
			best = row;
	}
	*at = best;
	return best > 0 ? DF_OK : DF_E_NOTFOUND;
}

/* *more: it ended before all were looked at. */
static enum df_err find(struct df_store *s, const struct df_keys *keys,
			const struct asked *asked, unsigned *limit,
			df_store_patient_fn *fn, void *ctx, bool *more,
			struct df_why *why)
{
	struct df_store_patient p;
	uint64_t at = INT64_MAX;
	unsigned opened = 0;
	enum df_err rc = DF_OK;

	while (rc == DF_OK && *limit > 0 && opened++ < OPENED_MAX) {
		rc = next_row(s, keys, &at, why);
		if (rc == DF_OK)
			rc = df_patient_read(s, at, &p, why);
		if (rc != DF_OK || !is_asked(s, asked, &p))
			continue;
		--*limit;
		rc = fn(ctx, &p);
	}
	*more = rc == DF_OK;
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}

enum df_err df_store_find_number(struct df_store *s,
				 const struct df_identifier *number,
				 unsigned limit, df_store_patient_fn *fn,
				 void *ctx, struct df_why *why)
{
	struct asked asked = {.number = number};
	struct df_keys keys = {0};
	bool more;

	df_keys_add(&keys, number->issuer[0]
				   ? df_key_of_number(s, number)
				   : df_key_of_bare_number(s, number));
	return find(s, &keys, &asked, &limit, fn, ctx, &more, why);
}

enum df_err df_store_find_name(struct df_store *s, const char *typed,
			       unsigned limit, df_store_patient_fn *fn,
			       void *ctx, bool *more, struct df_why *why)
{
	struct df_typed t;
	struct asked asked = {.typed = &t, .like = DF_NAME_WHOLE};
	struct df_keys whole = {0}, begins = {0};
	enum df_err rc;

	df_typed_read(s, typed, &t);
	df_keys_of_whole(s, &t, &whole);
	df_keys_of_typed(s, &t, &begins);
	if (begins.n == 0)
		return df_fail(why, DF_E_USAGE,
			       "at least two characters of a name, three "
			       "letters of its pinyin, or two initials");
	rc = find(s, &whole, &asked, &limit, fn, ctx, more, why);
	if (rc != DF_OK || *more)
		return rc;
	asked.like = DF_NAME_BEGINS;
	return find(s, &begins, &asked, &limit, fn, ctx, more, why);
}

enum df_err df_store_find_who(struct df_store *s, const char *name,
			      const char *birth_date, unsigned limit,
			      df_store_patient_fn *fn, void *ctx,
			      struct df_why *why)
{
	struct df_text none = {0};
	char readings[DF_IDENT_CAP];
	struct df_keys keys = {0};
	struct df_person who;
	struct asked asked = {.who = &who};
	bool more;

	df_person_of(&who, df_text_of(name), none, none,
		     df_text_of(birth_date), none, s->lent.self);
	df_name_readings(s, df_text_of(name), readings);
	df_name_full_readings(readings, who.reading);
	df_keys_of_who(s, &who, &keys);
	if (keys.n == 0)
		return df_fail(why, DF_E_USAGE,
			       "a name and a date of birth are needed");
	return find(s, &keys, &asked, &limit, fn, ctx, &more, why);
}

/* The first and the last key that begin with these digits. */
static bool key_range(const char *ref, struct df_patient_key *low,
		      struct df_patient_key *high)
{
	size_t n = strlen(ref);
	char a[DF_PATIENT_REF_LEN + 1], b[DF_PATIENT_REF_LEN + 1];

	if (n == 0 || n > DF_PATIENT_REF_LEN)
		return false;
	memset(a, '0', DF_PATIENT_REF_LEN);
	memset(b, 'f', DF_PATIENT_REF_LEN);
	memcpy(a, ref, n);
	memcpy(b, ref, n);
	return df_hex_decode(low->b, sizeof low->b,
			     (struct df_text){a, DF_PATIENT_REF_LEN}) &&
	       df_hex_decode(high->b, sizeof high->b,
			     (struct df_text){b, DF_PATIENT_REF_LEN});
}

enum df_err df_store_patient(struct df_store *s, const char *ref,
			     struct df_store_patient *out, struct df_why *why)
{
	struct df_patient_key low, high;
	uint64_t row = 0;
	sqlite3_stmt *q;
	enum df_err rc;

	if (!key_range(ref, &low, &high))
		return df_fail(why, DF_E_NOTFOUND, "no reference of a patient");
	q = df_sql(s, DF_SQL_PATIENT_LIKE_, why);
	df_sql_blob(q, 1, low.b, sizeof low.b);
	df_sql_blob(q, 2, high.b, sizeof high.b);
	rc = df_sql_step(s, q, why);
	if (rc == DF_OK) {
		row = df_sql_col_u64(q, 0);
		rc = df_sql_step(s, q, why);
		if (rc == DF_OK)
			rc = df_fail(why, DF_E_CONFLICT,
				     "several patients begin with '%.32s'",
				     ref);
		else if (rc == DF_E_NOTFOUND)
			rc = DF_OK;
	} else if (rc == DF_E_NOTFOUND) {
		rc = df_fail(why, rc, "no patient '%.32s' is known here", ref);
	}
	df_sql_done(q);
	return rc == DF_OK ? df_patient_read(s, row, out, why) : rc;
}

enum df_err df_store_person(struct df_store *s, uint64_t person,
			    df_store_patient_fn *fn, void *ctx,
			    struct df_why *why)
{
	struct df_store_patient p;
	uint64_t row = 0;
	enum df_err rc;

	do {
		rc = df_person_next(s, person, &row, why);
		if (rc == DF_OK)
			rc = df_patient_read(s, row, &p, why);
		if (rc == DF_OK)
			rc = fn(ctx, &p);
	} while (rc == DF_OK);
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}

enum df_err df_store_person_studies(
	struct df_store *s, uint64_t person, unsigned limit,
	enum df_err (*fn)(void *ctx, const struct df_store_study *study),
	void *ctx, struct df_why *why)
{
	uint64_t last_ms = INT64_MAX, row = INT64_MAX;
	struct df_store_study study;
	enum df_err rc = DF_OK;

	while (rc == DF_OK && limit-- > 0) {
		sqlite3_stmt *q = df_sql(s, DF_SQL_STUDY_OF_PERSON_, why);

		df_sql_u64(q, 1, person);
		df_sql_u64(q, 2, last_ms);
		df_sql_u64(q, 3, row);
		rc = df_sql_step(s, q, why);
		if (rc == DF_OK) {
			row = df_sql_col_u64(q, 0);
			rc = df_study_read(s, q, &study, why);
			last_ms = (uint64_t)study.last_ms;
		}
		df_sql_done(q);
		if (rc == DF_OK)
			rc = fn(ctx, &study);
	}
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}
