/*
 * identity_questions.c - which records may be one person, and why: what a
 * person needs to decide it. Reads; writes nothing.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "df/clock.h"
#include "identity_room.h"

#define LISTED 200
#define LISTED_MOST 5000
#define STUDIES_SHOWN 50

cJSON *identity_patient_json(const struct df_store_patient *p)
{
	cJSON *o = cJSON_CreateObject();

	(void)cJSON_AddStringToObject(o, "ref", p->ref);
	(void)cJSON_AddStringToObject(o, "node", p->peer);
	for (int i = 0; i < DF_IDENT_PATIENT; i++)
		(void)cJSON_AddStringToObject(o, index_ident_word[i],
					      p->ident[i]);
	(void)cJSON_AddBoolToObject(o, "held", p->held);
	return o;
}

static void add_reasons(cJSON *o, unsigned reasons)
{
	cJSON *list = cJSON_AddArrayToObject(o, "reasons");

	for (unsigned bit = 0; bit < DF_MATCH_REASON_COUNT; bit++) {
		cJSON *r;

		if (!(reasons & 1u << bit))
			continue;
		r = cJSON_CreateObject();
		(void)cJSON_AddStringToObject(r, "code",
					      df_match_reason_word(bit));
		(void)cJSON_AddStringToObject(r, "zh", df_match_reason_zh(bit));
		(void)cJSON_AddStringToObject(r, "en", df_match_reason_en(bit));
		(void)cJSON_AddItemToArray(list, r);
	}
}

static cJSON *pair_json(const struct df_store_pair *pair)
{
	cJSON *o = cJSON_CreateObject();

	(void)cJSON_AddStringToObject(o, "match", df_match_word(pair->match));
	(void)cJSON_AddStringToObject(o, "match_zh", df_match_zh(pair->match));
	(void)cJSON_AddStringToObject(o, "match_en", df_match_en(pair->match));
	add_reasons(o, pair->reasons);
	(void)cJSON_AddStringToObject(o, "decided",
				      identity_said_word(pair->decided));
	(void)cJSON_AddNumberToObject(o, "seq", (double)pair->seq);
	(void)cJSON_AddBoolToObject(o, "one_person",
				    pair->a.person == pair->b.person);
	(void)cJSON_AddItemToObject(o, "a", identity_patient_json(&pair->a));
	(void)cJSON_AddItemToObject(o, "b", identity_patient_json(&pair->b));
	return o;
}

/* Perhaps one person, and by other records they are: nothing to ask. */
static bool is_settled(const struct df_store_pair *p)
{
	return p->decided != DF_DECIDED_NOTHING ||
	       (p->match == DF_MATCH_PROBABLE && p->a.person == p->b.person);
}

/* --- list
 * ---------------------------------------------------------------------- */

struct listing {
	cJSON *list;
	uint64_t limit;
	bool all, more;
};

static enum df_err list_pair(void *ctx, const struct df_store_pair *pair)
{
	struct listing *l = ctx;

	if (!l->all && is_settled(pair))
		return DF_OK;
	l->more = (uint64_t)cJSON_GetArraySize(l->list) == l->limit;
	if (l->more)
		return DF_E_CANCELLED; /* that is enough */
	(void)cJSON_AddItemToArray(l->list, pair_json(pair));
	return DF_OK;
}

enum df_err index_identity_status(struct index *x, const cJSON *args,
				  cJSON *out, struct df_why *why)
{
	uint64_t open = 0;
	enum df_err rc = df_store_questions(x->store, &open, why);

	(void)args; /* none */
	(void)cJSON_AddNumberToObject(out, "open", (double)open);
	return rc;
}

enum df_err index_identity_list(struct index *x, const cJSON *args, cJSON *out,
				struct df_why *why)
{
	const cJSON *limit = cJSON_GetObjectItemCaseSensitive(args, "limit");
	struct listing l = {
		.list = cJSON_AddArrayToObject(out, "questions"),
		.limit = LISTED,
		.all = cJSON_IsTrue(
			cJSON_GetObjectItemCaseSensitive(args, "all"))};
	enum df_err rc;

	if (cJSON_IsNumber(limit) && limit->valuedouble >= 1 &&
	    limit->valuedouble <= LISTED_MOST)
		l.limit = (uint64_t)limit->valuedouble;
	rc = df_store_pairs(x->store, l.all, UINT_MAX, list_pair, &l, why);
	(void)cJSON_AddBoolToObject(out, "more", l.more);
	return rc == DF_OK || rc == DF_E_CANCELLED
		       ? index_identity_status(x, NULL, out, why)
		       : rc;
}

/* --- show
 * ---------------------------------------------------------------------- */

static enum df_err add_patient(void *ctx, const struct df_store_patient *p)
{
	(void)cJSON_AddItemToArray(ctx, identity_patient_json(p));
	return DF_OK;
}

enum df_err identity_person_add(struct index *x,
				const struct df_store_patient *p, cJSON *out,
				struct df_why *why)
{
	return df_store_person(x->store, p->person, add_patient,
			       cJSON_AddArrayToObject(out, "person"), why);
}

static enum df_err add_study(void *ctx, const struct df_store_study *st)
{
	cJSON *o = cJSON_CreateObject();
	char at[DF_TIME_LEN + 1];

	df_time_encode(at, st->last_ms);
	(void)cJSON_AddStringToObject(o, "study_uid", st->study_uid);
	(void)cJSON_AddStringToObject(o, "node", st->peer);
	(void)cJSON_AddStringToObject(o, "modalities", st->modalities);
	(void)cJSON_AddStringToObject(o, "study_date",
				      st->ident[DF_IDENT_STUDY_DATE]);
	(void)cJSON_AddStringToObject(o, "study_description",
				      st->ident[DF_IDENT_STUDY_DESCRIPTION]);
	(void)cJSON_AddStringToObject(o, "institution",
				      st->ident[DF_IDENT_INSTITUTION]);
	(void)cJSON_AddStringToObject(o, "received", at);
	(void)cJSON_AddItemToArray(ctx, o);
	return DF_OK;
}

static enum df_err add_pair(void *ctx, const struct df_store_pair *pair)
{
	(void)cJSON_AddItemToArray(ctx, pair_json(pair));
	return DF_OK;
}

struct history {
	cJSON *list;
	const char *ref;
};

static void add_decision(void *ctx, const struct identity_entry *d)
{
	struct history *h = ctx;
	cJSON *o = cJSON_CreateObject();
	char at[DF_TIME_LEN + 1];

	df_time_encode(at, d->at_ms);
	(void)cJSON_AddNumberToObject(o, "seq", (double)d->seq);
	(void)cJSON_AddStringToObject(o, "at", at);
	(void)cJSON_AddStringToObject(o, "other",
				      strcmp(d->a, h->ref) ? d->a : d->b);
	(void)cJSON_AddStringToObject(o, "decided",
				      identity_said_word(d->said));
	(void)cJSON_AddNumberToObject(o, "undoes", (double)d->undoes);
	(void)cJSON_AddStringToObject(o, "by", d->by);
	(void)cJSON_AddStringToObject(o, "reason", d->reason);
	(void)cJSON_AddItemToArray(h->list, o);
}

/* By reference, or by the study of his that somebody looks at. */
static enum df_err patient_of(struct index *x, const char *what,
			      struct df_store_patient *p, struct df_why *why)
{
	struct df_store_study st;
	enum df_err rc;

	if (strchr(what, '.') == NULL)
		return df_store_patient(x->store, what, p, why);
	rc = df_store_study(x->store, what, NULL, &st, why);
	if (rc == DF_E_NOTFOUND)
		return df_fail(why, rc, "study '%.64s' is not known here",
			       what);
	return rc == DF_OK ? df_store_patient(x->store, st.patient, p, why)
			   : rc;
}

enum df_err index_identity_show(struct index *x, const cJSON *args, cJSON *out,
				struct df_why *why)
{
	const char *ref = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(args, "patient"));
	struct df_store_patient p;
	struct history h = {.ref = p.ref};
	enum df_err rc;

	if (ref == NULL)
		return df_fail(why, DF_E_USAGE, "which patient? no reference");
	rc = patient_of(x, ref, &p, why);
	if (rc != DF_OK)
		return rc;
	(void)cJSON_AddItemToObject(out, "patient", identity_patient_json(&p));
	rc = identity_person_add(x, &p, out, why);
	if (rc == DF_OK)
		rc = df_store_person_studies(
			x->store, p.person, STUDIES_SHOWN, add_study,
			cJSON_AddArrayToObject(out, "studies"), why);
	if (rc == DF_OK)
		rc = df_store_patient_pairs(
			x->store, p.row, add_pair,
			cJSON_AddArrayToObject(out, "pairs"), why);
	h.list = cJSON_AddArrayToObject(out, "decisions");
	return rc == DF_OK
		       ? identity_entries(x, p.ref, NULL, add_decision, &h, why)
		       : rc;
}
