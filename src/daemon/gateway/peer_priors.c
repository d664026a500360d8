/*
 * peer_priors.c - a peer asks which exams of a patient are known here. Its
 * question goes to index as far as the format knows it; what index answers
 * leaves in the same way: nothing else can.
 */
#include "df/clock.h"
#include "df/file.h"
#include "df/priors.h"
#include "gateway.h"

#define GATEWAY_INDEX_MS 5000

void priors_begin(struct request *rq)
{
	struct gateway *g = df_room_ctx(rq->room);
	int64_t wait_ms;

	if (!df_limit_take(&g->questions, request_peer(rq), 0,
			   df_clock_mono_ms(), &wait_ms))
		request_again(rq, wait_ms, "too many questions");
	else
		request_gather(rq, DF_PRIORS_QUESTION);
}

static enum df_err read_answer(struct df_buf *out, const struct df_reply *reply,
			       struct df_why *why)
{
	struct df_buf raw;
	uint64_t size = 0;
	enum df_err rc;

	if (reply->n_fds != 1)
		df_bug("index answered a question without an answer");
	df_buf_init(&raw, DF_PEER_JSON_MAX);
	rc = df_fd_size(reply->fds[0], &size, why);
	if (rc == DF_OK)
		rc = df_buf_reserve(&raw, (size_t)size, why);
	if (rc == DF_OK)
		rc = df_pread_all(reply->fds[0], raw.ptr, (size_t)size, 0, why);
	if (rc == DF_OK)
		rc = df_priors_answer_clean(
			out, (struct df_text){(char *)raw.ptr, (size_t)size},
			why);
	df_buf_wipe(&raw);
	return rc;
}

static void priors_found(void *ctx, struct df_reply *reply)
{
	struct request *rq = ctx;
	struct df_why why = {0};
	struct df_buf json;
	enum df_err rc;

	if (request_failed(rq, reply))
		return;
	df_buf_init(&json, DF_PEER_JSON_MAX);
	rc = read_answer(&json, reply, &why);
	if (rc == DF_OK)
		df_http_answer(rq->x, 200, DF_PEER_TYPE_JSON, json.ptr,
			       json.len);
	else
		df_http_answer_err(rq->x, DF_E_BUG, why.text);
	df_buf_wipe(&json);
}

void priors_whole(struct request *rq)
{
	struct df_why why = {0};
	struct df_buf json;
	struct df_msg m;
	enum df_err rc;

	df_buf_init(&json, DF_PEER_JSON_MAX);
	rc = df_priors_question_clean(&json, df_http_gathered(rq->x), &why);
	if (rc != DF_OK) {
		df_http_answer_err(rq->x, rc, why.text);
	} else {
		df_msg_init(&m, DF_MSG_PRIOR_RQ, 0);
		df_msg_put_str(&m, DF_M_PEER, request_peer(rq));
		df_msg_put_opt(&m, DF_M_NAME, rq->peer_name);
		df_msg_put(&m, DF_M_JSON, json.ptr, json.len);
		request_ask(rq, DF_ROLE_INDEX, &m, NULL, 0, GATEWAY_INDEX_MS,
			    priors_found);
	}
	df_buf_wipe(&json);
}
