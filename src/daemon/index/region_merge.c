/*
 * region_merge.c - what other nodes know beside what we know, and what they
 * told us before.
 */
#include <string.h>

#include "df/clock.h"
#include "df/known.h"
#include "region.h"

#define KEPT_MS (INT64_C(400) * 86400 * 1000) /* answers that nobody renews */

/* --- one list --------------------------------------------------------------
 */

static void add_where(cJSON *prior, const char *where)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(prior, "where");
	const cJSON *o;

	if (!cJSON_IsArray(list)) {
		cJSON_DeleteItemFromObjectCaseSensitive(prior, "where");
		list = cJSON_AddArrayToObject(prior, "where");
	}
	cJSON_ArrayForEach(o, list) if (strcmp(cJSON_GetStringValue(o),
					       where) == 0) return;
	(void)cJSON_AddItemToArray(list,
				   cJSON_CreateString(where)); /* memory */
}

static cJSON *same_exam(cJSON *list, const char *uid, const char *node)
{
	cJSON *o;

	cJSON_ArrayForEach(
		o, list) if (!strcmp(index_word(o, "study_uid"), uid) &&
			     !strcmp(index_word(o, "node"), node)) return o;
	return NULL;
}

static void set_text(cJSON *o, const char *key, const char *text)
{
	cJSON_DeleteItemFromObjectCaseSensitive(o, key);
	(void)cJSON_AddStringToObject(o, key, text); /* memory */
}

static void merge_one(struct index *x, cJSON *list, cJSON *prior_take,
		      const char *node, int64_t learned_ms)
{
	const char *made = index_word(prior_take, "node");
	char by[DF_HEX_LEN + 1], at[DF_TIME_LEN + 1];
	cJSON *here;

	/* "" is whoever answered, and we are "" to ourselves */
	df_str_fmt(by, sizeof by, "%.64s", made[0] != '\0' ? made : node);
	if (strcmp(by, x->self) == 0)
		by[0] = '\0';
	here = same_exam(list, index_word(prior_take, "study_uid"), by);
	if (here != NULL) {
		add_where(here, "centre");
		cJSON_Delete(prior_take);
		return;
	}
	set_text(prior_take, "node", by);
	add_where(prior_take, "centre");
	if (learned_ms > 0) {
		df_time_encode(at, learned_ms);
		set_text(prior_take, "learned_at", at);
	}
	(void)cJSON_AddItemToArray(list, prior_take); /* memory */
}

void region_merge(struct index *x, cJSON *list, cJSON *answer, const char *node,
		  int64_t learned_ms)
{
	cJSON *priors = cJSON_GetObjectItemCaseSensitive(answer, "priors");
	cJSON *o;

	while (cJSON_IsArray(priors) && (o = priors->child) != NULL)
		merge_one(x, list, cJSON_DetachItemViaPointer(priors, o), node,
			  learned_ms);
}

static int newer(const cJSON *a, const cJSON *b)
{
	int d = strcmp(index_word(b, "study_date"),
		       index_word(a, "study_date"));

	return d != 0 ? d
		      : strcmp(index_word(b, "study_time"),
			       index_word(a, "study_time"));
}

void region_sort(cJSON *list)
{
	cJSON *sorted = cJSON_CreateArray(), *o, *best;

	while (list->child != NULL) {
		best = list->child;
		cJSON_ArrayForEach(o, list) if (newer(o, best) < 0) best = o;
		(void)cJSON_AddItemToArray(
			sorted, cJSON_DetachItemViaPointer(list, best));
	}
	list->child = sorted->child;
	sorted->child = NULL;
	cJSON_Delete(sorted);
}

bool region_fit(cJSON *list)
{
	size_t left = DF_KNOWN_MAX - 64; /* {"priors":[…],"more":true} */
	bool more = false;
	cJSON *o, *next;

	region_sort(list);
	for (o = list->child; o != NULL; o = next) {
		char *text = more ? NULL : cJSON_PrintUnformatted(o);
		size_t len = text != NULL ? strlen(text) + 1 : 0; /* and , */

		next = o->next;
		more = text == NULL || len > left; /* nor any that is older */
		left -= more ? 0 : len;
		cJSON_free(text);
		if (more)
			cJSON_Delete(cJSON_DetachItemViaPointer(list, o));
	}
	return more;
}

/* --- what was learned ------------------------------------------------------
 */

static enum df_err put_known(struct index *x, const struct df_person *p,
			     const char *node, const cJSON *answer,
			     struct df_why *why)
{
	char *text = cJSON_PrintUnformatted(answer);
	int64_t now = df_clock_wall_ms();
	char key[REGION_NAME_CAP];
	enum df_err rc = index_begin(x, why);

	if (text == NULL)
		return df_fail(why, DF_E_NOMEM, "no memory for an answer");
	if (rc == DF_OK)
		rc = df_store_forget_known(x->store, now - KEPT_MS, why);
	for (size_t i = 0; rc == DF_OK && region_person_key(p, i, key); i++)
		rc = df_store_put_known(x->store, key, node, now,
					df_text_of(text), why);
	explicit_bzero(key, sizeof key);
	explicit_bzero(text, strlen(text));
	cJSON_free(text);
	return rc;
}

enum df_err region_learn(struct index *x, const struct df_person *p,
			 const char *node, const cJSON *answer, bool whole,
			 struct df_why *why)
{
	cJSON *all = cJSON_Duplicate(answer, true);
	cJSON *list = cJSON_GetObjectItemCaseSensitive(all, "priors");
	cJSON *old = NULL, *o;
	int64_t learned_ms;
	enum df_err rc = DF_OK;

	if (!whole) /* what was not asked for now is still known */
		rc = region_recall(x, p, node, NULL, &learned_ms, &old, why);
	while (old != NULL &&
	       (o = cJSON_DetachItemFromArray(
			cJSON_GetObjectItemCaseSensitive(old, "priors"), 0)) !=
		       NULL)
		if (same_exam(list, index_word(o, "study_uid"),
			      index_word(o, "node")) != NULL)
			cJSON_Delete(o);
		else
			(void)cJSON_AddItemToArray(list, o); /* memory */
	(void)region_fit(list); /* the oldest can be asked for again */
	if (rc == DF_OK)
		rc = put_known(x, p, node, all, why);
	cJSON_Delete(old);
	cJSON_Delete(all);
	return rc;
}

/* What was learned of another question: is it this person at all? number: it
 * was found by, or NULL; answers name none. */
static void compare_anew(const struct df_person *p,
			 const struct df_identifier *number, cJSON *answer)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(answer, "priors");
	cJSON *o, *next;

	for (o = list != NULL ? list->child : NULL; o != NULL; o = next) {
		struct df_match_result r;
		struct df_person other;
		cJSON *reasons;

		next = o->next;
		region_person_get(
			cJSON_GetObjectItemCaseSensitive(o, "patient"), &other);
		if (number != NULL)
			(void)df_person_add(&other, number); /* the first */
		r = df_person_match(p, &other);
		if (r.match == DF_MATCH_EXACT && number != NULL)
			continue; /* as it was told */
		if (r.match != DF_MATCH_PROBABLE && r.match != DF_MATCH_EXACT) {
			cJSON_Delete(cJSON_DetachItemViaPointer(list, o));
			continue;
		}
		set_text(o, "match", df_match_word(DF_MATCH_PROBABLE));
		cJSON_DeleteItemFromObjectCaseSensitive(o, "match_reasons");
		reasons = cJSON_AddArrayToObject(o, "match_reasons");
		for (unsigned bit = 0; bit < DF_MATCH_REASON_COUNT; bit++)
			if (r.reasons & (1u << bit))
				(void)cJSON_AddItemToArray(
					reasons,
					cJSON_CreateString(
						df_match_reason_word(bit)));
	}
}

/* Of what is kept, only what this question wants. */
static void leave_unwanted(struct index *x, const cJSON *question,
			   cJSON *answer)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(answer, "priors");
	cJSON *o, *next;

	for (o = list != NULL ? list->child : NULL; o != NULL; o = next) {
		struct df_store_study st = {0};

		next = o->next;
		df_str_fmt(st.modalities, sizeof st.modalities, "%.63s",
			   index_word(o, "modality"));
		df_str_fmt(st.body_parts, sizeof st.body_parts, "%.127s",
			   index_word(o, "body_part"));
		df_str_fmt(st.ident[DF_IDENT_STUDY_DATE], DF_IDENT_CAP, "%.16s",
			   index_word(o, "study_date"));
		if (!index_prior_fits(x, &st, question))
			cJSON_Delete(cJSON_DetachItemViaPointer(list, o));
	}
}

enum df_err region_recall(struct index *x, const struct df_person *p,
			  const char *node, const cJSON *question,
			  int64_t *learned_ms, cJSON **answer,
			  struct df_why *why)
{
	char key[REGION_NAME_CAP];
	struct df_buf text;
	enum df_err rc = DF_E_NOTFOUND;
	size_t n;

	*learned_ms = 0;
	*answer = NULL;
	df_buf_init(&text, DF_KNOWN_MAX);
	for (n = 0; rc == DF_E_NOTFOUND && region_person_key(p, n, key); n++)
		rc = df_store_known(x->store, key, node, learned_ms, &text,
				    why);
	if (rc == DF_OK) {
		*answer = cJSON_ParseWithLength((char *)text.ptr, text.len);
		if (*answer != NULL)
			compare_anew(p, n <= p->n_ids ? &p->ids[n - 1] : NULL,
				     *answer);
		if (*answer != NULL && question != NULL)
			leave_unwanted(x, question, *answer);
	}
	explicit_bzero(key, sizeof key);
	df_buf_wipe(&text);
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}
