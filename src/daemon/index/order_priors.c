/*
 * order_priors.c - which earlier exams the patient of an order has, when he is
 * registered: what this node knows at once, what others say when they answer.
 *
 * The person who registers him waits for none of it. An answer that comes
 * later changes what the worklist says, if the exam has not been made yet.
 */
#include <stdlib.h>
#include <string.h>

#include "df/log.h"
#include "orders.h"
#include "region.h"

#define WAITING_MAX 64 /* orders whose question is under way */

/* The exam that is thought of, and who it is for. */
static cJSON *question_of(const cJSON *order, const char *id)
{
	static const struct {
		const char *key;
		enum df_worklist_field field;
	} PARTS[] = {
		{"name", DF_WORKLIST_PATIENT_NAME},
		{"birth_date", DF_WORKLIST_BIRTH_DATE},
		{"sex", DF_WORKLIST_SEX},
		{"modality", DF_WORKLIST_MODALITY},
		{"body_part", DF_WORKLIST_BODY_PART},
		{"description", DF_WORKLIST_PROCEDURE},
	};
	cJSON *q = cJSON_CreateObject();
	size_t i;

	(void)cJSON_AddStringToObject(q, "id", id); /* NULL: no memory */
	for (i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
		struct df_text t = order_value(order, PARTS[i].field);

		if (t.len > 0)
			(void)cJSON_AddStringToObject(q, PARTS[i].key, t.ptr);
	}
	return q;
}

static bool is_emergency(const cJSON *order)
{
	return cJSON_IsTrue(
		cJSON_GetObjectItemCaseSensitive(order, "emergency"));
}

/* A clinic's number and a resident number may find different exams. */
static const char *number_of(const cJSON *order, unsigned nth)
{
	const char *resident = index_word(order, "resident_id");
	const char *own = index_word(order, "patient_id");

	if (resident[0] == '\0')
		return nth == 0 ? own : NULL;
	return nth == 0 ? resident : nth == 1 ? own : NULL;
}

static bool is_there(const cJSON *list, const cJSON *prior)
{
	const cJSON *p;

	cJSON_ArrayForEach(p, list)
	{
		if (strcmp(index_word(p, "study_uid"),
			   index_word(prior, "study_uid")) == 0 &&
		    strcmp(index_word(p, "node"), index_word(prior, "node")) ==
			    0)
			return true;
	}
	return false;
}

/* Moves what is not in the list yet out of `from`. */
static void add_new(cJSON *list, cJSON *from)
{
	cJSON *p;

	while ((p = cJSON_DetachItemFromArray(from, 0)) != NULL)
		if (is_there(list, p))
			cJSON_Delete(p);
		else
			(void)cJSON_AddItemToArray(list, p);
}

static void add_here(struct index *x, const cJSON *q, cJSON *list)
{
	cJSON *answer = cJSON_CreateObject();
	struct df_why why = {0};

	if (index_verb(x, df_text_of("prior local"), q, answer, &why) != DF_OK)
		df_log(DF_LOG_WARN, "order.priors-unknown", DF_F_ERR(&why));
	add_new(list, cJSON_GetObjectItemCaseSensitive(answer, "priors"));
	cJSON_Delete(answer);
}

/* Who it is, as far as is known here; false: nobody can be asked about him. */
static bool person_of(struct index *x, const cJSON *q, struct df_person *p)
{
	struct df_why why = {0};

	return region_person_typed(x, q, p, &why) == DF_OK &&
	       region_person_known(x, p, &why) == DF_OK &&
	       region_person_enough(p);
}

/* What other nodes said when they were last asked. */
static void add_recalled(struct index *x, const cJSON *q, cJSON *list)
{
	const struct df_config *cfg = df_room_config(x->room);
	struct df_person p;

	if (!person_of(x, q, &p))
		return;
	for (size_t i = 0; i < cfg->n_peers; i++) {
		const char *node = cfg->peers[i].fingerprint;
		int64_t learned_ms = 0;
		struct df_why why = {0};
		cJSON *answer = NULL;

		if (region_recall(x, &p, node, NULL, &learned_ms, &answer,
				  &why) != DF_OK)
			df_log(DF_LOG_WARN, "order.region-unknown",
			       DF_F_ERR(&why));
		else if (answer != NULL)
			region_merge(x, list, answer, node, learned_ms);
		cJSON_Delete(answer);
	}
}

void order_judge(struct index *x, cJSON *order, cJSON *out)
{
	cJSON *priors = cJSON_AddArrayToObject(out, "priors");
	const char *id;

	if (is_emergency(order))
		return;
	for (unsigned i = 0; (id = number_of(order, i)) != NULL; i++) {
		cJSON *q = question_of(order, id);

		add_here(x, q, priors);
		if (i == 0)
			add_recalled(x, q, priors);
		index_priors_judge(x, priors, q); /* against what is ordered */
		cJSON_Delete(q);
	}
	region_sort(priors);
	order_mark(order, priors);
}

/* --- the other nodes -------------------------------------------------------
 */

static size_t n_waiting;

static enum df_err put_mark(struct index *x, const char *id, const cJSON *order,
			    struct df_why *why)
{
	cJSON *entry = cJSON_CreateObject();

	(void)cJSON_AddStringToObject(entry, "event", "mark"); /* memory */
	(void)cJSON_AddStringToObject(entry, "id", id);
	(void)cJSON_AddStringToObject(entry, "mark", index_word(order, "mark"));
	(void)cJSON_AddStringToObject(entry, "mark_text",
				      index_word(order, "mark_text"));
	return index_register_put(x, "order", entry, why);
}

/* Judges an order anew; it is written only when that changes what it says. */
static enum df_err mark_again(struct index *x, const char *id,
			      struct df_why *why)
{
	struct df_store_order row;
	cJSON *order, *before, *out;
	enum df_err rc = order_load(x, id, &row, &order, why);

	if (rc != DF_OK)
		return rc;
	before = cJSON_Duplicate(order, true);
	out = cJSON_CreateObject();
	if (row.state == DF_ORDER_OPEN)
		order_judge(x, order, out);
	if (strcmp(index_word(order, "mark_text"),
		   index_word(before, "mark_text")) != 0) {
		rc = put_mark(x, id, order, why);
		index_recognition_offer(
			x, cJSON_GetObjectItemCaseSensitive(out, "priors"),
			index_word(order, "accession"), "registration", false);
	}
	cJSON_Delete(before);
	cJSON_Delete(order);
	cJSON_Delete(out);
	return rc;
}

/* ctx: the order's id. What one node did not say changes nothing of what
 * others did. */
static void answered(struct index *x, void *ctx, bool all)
{
	struct df_why why = {0};
	char *id = ctx;

	(void)all; /* as said */
	if (mark_again(x, id, &why) != DF_OK)
		df_log(DF_LOG_WARN, "order.not-marked", DF_F_ERR(&why));
	free(id);
	n_waiting--;
}

void order_ask(struct index *x, const cJSON *order)
{
	const struct df_config *cfg = df_room_config(x->room);
	char purpose[64];
	struct df_person p;
	cJSON *q;

	if (is_emergency(order) || cfg->n_peers == 0 ||
	    n_waiting == WAITING_MAX)
		return;
	q = question_of(order, number_of(order, 0));
	if (person_of(x, q, &p)) {
		df_str_fmt(purpose, sizeof purpose, "order %s",
			   index_word(order, "accession"));
		n_waiting++;
		region_ask_quietly(x, &p, purpose, answered,
				   df_xstrdup(index_word(order, "id")));
	}
	cJSON_Delete(q);
}
