/*
 * peer_fetch.c - the files of an earlier exam: may this peer have them (index),
 * and which are they (queue)? Their bytes are parcels like those of a mailbox.
 */
#include <string.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"
#include "df/prior_files.h"
#include "df/priors.h"
#include "df/sealed.h"
#include "gateway.h"

void prior_fetch_begin(struct request *rq)
{
	struct gateway *g = df_room_ctx(rq->room);
	struct df_text value;
	int64_t wait_ms;

	if (!df_uid_valid(rq->variable)) {
		df_http_answer_err(rq->x, DF_E_NOTFOUND, "no such study");
		return;
	}
	rq->cursor = 0;
	if (df_http_query(rq->x, "after", &value) &&
	    !df_text_u64(value, &rq->cursor)) {
		df_http_answer_err(rq->x, DF_E_FORMAT, "no cursor");
		return;
	}
	if (!df_limit_take(&g->fetches, request_peer(rq), 0, df_clock_mono_ms(),
			   &wait_ms))
		request_again(rq, wait_ms, "too many lists");
	else
		request_gather(rq, DF_PRIORS_QUESTION);
}

static bool take_file(const struct df_msg *item, struct df_prior_file *f)
{
	char hex[DF_PEER_PARCEL_HEX + 1];
	uint64_t content;

	if (!df_msg_get_str(item, DF_M_PARCEL, hex, sizeof hex) ||
	    !df_parcel_id_decode(&f->id, df_text_of(hex)) ||
	    !df_msg_get_u64(item, DF_M_LENGTH, &f->size_bytes) ||
	    !df_msg_get_u64(item, DF_M_CONTENT, &content) ||
	    !df_msg_get_str(item, DF_M_PEER, f->sender, sizeof f->sender))
		return false;
	f->report = content == DF_SEALED_REPORT;
	return true;
}

static void files_came(void *ctx, struct df_reply *reply)
{
	static struct df_prior_files f; /* one thread */
	struct request *rq = ctx;
	struct df_msg item;
	struct df_buf json;
	size_t at = 0;

	if (request_failed(rq, reply))
		return;
	f = (struct df_prior_files){0};
	if (!df_msg_get_str(reply->msg, DF_M_PEER, f.origin, sizeof f.origin) ||
	    !df_msg_get_u64(reply->msg, DF_M_NUMBER, &f.instances) ||
	    !df_msg_get_u64(reply->msg, DF_M_MISSING, &f.gone) ||
	    !df_msg_get_u64(reply->msg, DF_M_CURSOR, &f.cursor))
		df_bug("queue lists the files of a study badly");
	(void)df_msg_get_u64(reply->msg, DF_M_WAIT_MS,
			     &f.wait_ms); /* absent: that was all */
	while (f.n < DF_PRIOR_FILES_MAX &&
	       df_msg_next_item(reply->msg, DF_M_MAIL, &at, &item))
		if (!take_file(&item, &f.v[f.n++]))
			df_bug("queue names a file badly");
	df_buf_init(&json, DF_PEER_JSON_MAX);
	request_json(rq, 200, &json, df_prior_files_encode(&json, &f, NULL));
}

static void may(void *ctx, struct df_reply *reply)
{
	struct request *rq = ctx;
	struct df_msg m;

	if (request_failed(rq, reply))
		return;
	df_msg_init(&m, DF_MSG_PRIOR_FILES_RQ, 0);
	df_msg_put_str(&m, DF_M_RECIPIENT, request_peer(rq));
	df_msg_put_text(&m, DF_M_STUDY, rq->variable);
	df_msg_put_u64(&m, DF_M_CURSOR, rq->cursor);
	df_msg_copy(&m, reply->msg, DF_M_PEER);
	df_msg_copy(&m, reply->msg, DF_M_OBJECT);
	request_ask(rq, DF_ROLE_QUEUE, &m, NULL, 0, GATEWAY_QUEUE_MS,
		    files_came);
}

void prior_fetch_whole(struct request *rq)
{
	struct df_why why = {0};
	struct df_buf json;
	struct df_msg m;
	enum df_err rc;

	df_buf_init(&json, DF_PEER_JSON_MAX);
	rc = df_priors_fetch_clean(&json, df_http_gathered(rq->x), &why);
	if (rc != DF_OK) {
		df_buf_wipe(&json);
		df_http_answer_err(rq->x, rc, why.text);
		return;
	}
	df_msg_init(&m, DF_MSG_FETCH_MAY_RQ, 0);
	df_msg_put_str(&m, DF_M_PEER, request_peer(rq));
	df_msg_put_str(&m, DF_M_NAME, rq->peer_name);
	df_msg_put_text(&m, DF_M_STUDY, rq->variable);
	df_msg_put(&m, DF_M_JSON, json.ptr, json.len);
	df_buf_wipe(&json);
	request_ask(rq, DF_ROLE_INDEX, &m, NULL, 0, GATEWAY_QUEUE_MS, may);
}
