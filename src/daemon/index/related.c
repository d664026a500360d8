/*
 * related.c - the other exams of a study's person, newest first: what a reader
 * compares with. Only of one who is the same exactly (persons), and never of a
 * study whose person a human being must decide.
 */
#include <string.h>

#include <cjson/cJSON.h>

#include "index.h"

#define RELATED_MAX 64 /* looked at */

struct related {
	struct index *x;
	const struct df_store_study *of;
	cJSON *question; /* {days} */
	uint64_t left;
	struct df_msg *reply;
};

static enum df_err add(void *ctx, const struct df_store_study *st)
{
	struct related *r = ctx;
	struct df_msg item;

	if (r->left == 0 || st->held || st->mixed ||
	    (strcmp(st->study_uid, r->of->study_uid) == 0 &&
	     strcmp(st->peer, r->of->peer) == 0) ||
	    !index_prior_fits(r->x, st, r->question))
		return DF_OK;
	r->left--;
	df_msg_init(&item, DF_MSG_NONE, 0);
	df_msg_put_str(&item, DF_M_STUDY, st->study_uid);
	df_msg_put_opt(&item, DF_M_PEER, st->peer);
	df_msg_put_item(r->reply, DF_M_MAIL, &item);
	df_msg_release(&item);
	return DF_OK;
}

static enum df_err find(struct related *r, const char *study, const char *peer,
			struct df_store_study *of, struct df_why *why)
{
	struct df_store_patient p;
	enum df_err rc = df_store_study(r->x->store, study, peer, of, why);

	if (rc != DF_OK || of->held || of->mixed)
		return rc == DF_E_NOTFOUND ? DF_OK : rc;
	rc = df_store_patient(r->x->store, of->patient, &p, why);
	if (rc == DF_OK && !p.held)
		rc = df_store_person_studies(r->x->store, p.person, RELATED_MAX,
					     add, r, why);
	explicit_bzero(&p, sizeof p);
	return rc;
}

void index_related(struct index *x, struct df_link *from,
		   const struct df_msg *m)
{
	static struct df_store_study of; /* one thread */
	char study[65], peer[DF_HEX_LEN + 1];
	struct df_why why = {0};
	struct df_msg reply;
	struct related r = {.x = x, .of = &of, .reply = &reply};
	uint64_t days = 0;
	enum df_err rc;

	if (!df_msg_get_str(m, DF_M_STUDY, study, sizeof study) ||
	    !df_msg_get_u64(m, DF_M_NUMBER, &r.left) ||
	    !df_msg_get_u64(m, DF_M_WAIT_MS, &days))
		df_bug("RELATED_RQ is not whole");
	(void)df_msg_get_str(m, DF_M_PEER, peer, sizeof peer); /* or ours */
	r.question = cJSON_CreateObject();
	(void)cJSON_AddNumberToObject(r.question, "days",
				      (double)(days / 86400000)); /* memory */
	df_msg_init(&reply, DF_MSG_RELATED, m->tag);
	rc = find(&r, study, peer, &of, &why);
	df_msg_put_result(&reply, rc, &why);
	cJSON_Delete(r.question);
	explicit_bzero(&of, sizeof of);
	(void)df_room_send(from, &reply, NULL, 0); /* gone: asked no more */
}
