/*
 * twins.c - the same images under other UIDs: a CD that was imported twice, a
 * study that was sent again with new UIDs. Only of one person and one modality.
 */
#include <string.h>

#include <cjson/cJSON.h>

#include "index.h"

#define CANDIDATES_MAX 16
#define ASKED_MAX 64 /* instances in one question: those of a parcel */

struct candidate {
	char study[65];
	char peer[DF_HEX_LEN + 1];
	uint64_t instances;
	char last[65]; /* the twins of one instance come together */
};

struct twins {
	const char (*asked)[65]; /* NULL = all of the study */
	size_t n_asked;
	struct candidate v[CANDIDATES_MAX];
	size_t n;
};

static bool is_asked(const struct twins *t, const char *sop)
{
	for (size_t i = 0; i < t->n_asked; i++)
		if (strcmp(t->asked[i], sop) == 0)
			return true;
	return t->asked == NULL;
}

static enum df_err count(void *ctx, const struct df_store_twin *twin)
{
	struct twins *t = ctx;
	struct candidate *c = NULL;

	if (!twin->same_person || !twin->same_modality ||
	    !is_asked(t, twin->sop_instance))
		return DF_OK;
	for (size_t i = 0; i < t->n && c == NULL; i++)
		if (strcmp(t->v[i].study, twin->other_study) == 0 &&
		    strcmp(t->v[i].peer, twin->other_peer) == 0)
			c = &t->v[i];
	if (c == NULL && t->n < CANDIDATES_MAX) {
		c = &t->v[t->n++];
		memcpy(c->study, twin->other_study, sizeof c->study);
		memcpy(c->peer, twin->other_peer, sizeof c->peer);
	}
	if (c == NULL || strcmp(c->last, twin->sop_instance) == 0)
		return DF_OK;
	memcpy(c->last, twin->sop_instance, sizeof c->last);
	c->instances++;
	return DF_OK;
}

/* No commit first: what was put before it in this turn counts, and a parcel
 * waits for the answer. */
void index_twins(struct index *x, struct df_link *from, const struct df_msg *m)
{
	static char asked[ASKED_MAX][65]; /* one thread */
	struct twins t = {.asked = (const char(*)[65])asked};
	const struct candidate *best = NULL;
	struct df_why why = {0};
	struct df_text sop;
	struct df_msg reply;
	char study[65];
	size_t at = 0;
	enum df_err rc;

	if (!df_msg_get_str(m, DF_M_STUDY, study, sizeof study))
		df_bug("TWINS_RQ is not whole");
	while (t.n_asked < ASKED_MAX &&
	       df_msg_next(m, DF_M_SOP_INSTANCE, &at, &sop))
		if (df_str_copy(asked[t.n_asked], 65, sop) == DF_OK)
			t.n_asked++;
	rc = df_store_twins(x->store, study, "", count, &t, &why);
	for (size_t i = 0; i < t.n; i++)
		if (best == NULL || t.v[i].instances > best->instances)
			best = &t.v[i];
	df_msg_init(&reply, DF_MSG_TWINS, m->tag);
	df_msg_put_result(&reply, rc, &why);
	df_msg_put_u64(&reply, DF_M_NUMBER, best != NULL ? best->instances : 0);
	if (best != NULL) {
		df_msg_put_str(&reply, DF_M_STUDY, best->study);
		df_msg_put_opt(&reply, DF_M_PEER, best->peer);
	}
	(void)df_room_send(from, &reply, NULL, 0); /* gone: it asks again */
}

enum df_err index_study_twins(struct index *x, const cJSON *args, cJSON *out,
			      struct df_why *why)
{
	const char *study = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(args, "study"));
	const char *peer = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(args, "peer"));
	cJSON *list = cJSON_AddArrayToObject(out, "same_images");
	struct twins t = {.asked = NULL};
	enum df_err rc;

	if (study == NULL)
		return df_fail(why, DF_E_USAGE, "which study?");
	rc = df_store_twins(x->store, study, peer != NULL ? peer : "", count,
			    &t, why);
	for (size_t i = 0; rc == DF_OK && i < t.n; i++) {
		cJSON *o = cJSON_CreateObject();

		(void)cJSON_AddStringToObject(o, "study_uid",
					      t.v[i].study); /* memory */
		(void)cJSON_AddStringToObject(o, "node", t.v[i].peer);
		(void)cJSON_AddNumberToObject(o, "instances",
					      (double)t.v[i].instances);
		(void)cJSON_AddItemToArray(list, o);
	}
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}
