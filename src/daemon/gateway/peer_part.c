/* peer_part.c - one part of a parcel: from its head to its durable bytes. */
#include <string.h>

#include "df/file.h"
#include "df/log.h"
#include "gateway.h"

static void put_parcel(struct df_msg *m, const struct request *rq)
{
	char hex[DF_PEER_PARCEL_HEX + 1];

	df_parcel_id_encode(hex, &rq->parcel);
	df_msg_put_str(m, DF_M_PEER, request_peer(rq));
	df_msg_put_str(m, DF_M_PARCEL, hex);
	df_msg_put_u64(m, DF_M_OFFSET, rq->offset);
}

static void say_offset(struct request *rq, uint64_t offset)
{
	char text[24];

	df_str_fmt(text, sizeof text, "%llu", (unsigned long long)offset);
	df_http_answer_header(rq->x, "Upload-Offset", text);
}

/*
 * One writer a range. A newer request takes over from one that may hang on a
 * dead connection, and none that asked before a range was kept may write into
 * it after that. So nobody writes into a parcel once it is whole.
 */
static struct request *bringing;

static void forget(struct request *rq)
{
	struct request **at = &bringing;

	while (*at != NULL && *at != rq)
		at = &(*at)->next;
	if (*at == rq)
		*at = rq->next;
}

static bool same_parcel(const struct request *a, const struct request *b)
{
	return memcmp(a->parcel.b, b->parcel.b, sizeof a->parcel.b) == 0 &&
	       strcmp(request_peer(a), request_peer(b)) == 0;
}

/* All others that bring some of [offset, offset + len) are too late. */
static void overtake(const struct request *rq, uint64_t len, bool also_asking)
{
	struct request *w;

	for (w = bringing; w != NULL; w = w->next) {
		if (w == rq || (w->fd < 0 && !also_asking) ||
		    !same_parcel(w, rq) || w->offset >= rq->offset + len ||
		    rq->offset >= w->offset + w->length)
			continue;
		w->overtaken = true;
		df_fd_close(&w->fd);
	}
}

static void nobody_waits(void *ctx, struct df_reply *reply)
{
	(void)ctx;
	if (reply->err != DF_OK)
		df_log(DF_LOG_INFO, "part.lost", DF_F_ERR(&reply->why));
}

/*
 * The connection broke in mid part: what came is good to go on from, though
 * nobody saw its digest. TLS guarded it on the way, and the parcel is verified
 * as a whole.
 */
static void keep_prefix(struct request *rq)
{
	struct df_msg m;

	df_fd_close(&rq->fd);
	if (rq->written == 0)
		return;
	overtake(rq, rq->written, true);
	df_msg_init(&m, DF_MSG_PART_DONE, 0);
	put_parcel(&m, rq);
	df_msg_put_u64(&m, DF_M_LENGTH, rq->written);
	(void)df_room_call(rq->room,
			   df_room_link(rq->room, DF_ROLE_QUEUE, DF_ANY_NUMBER),
			   &m, NULL, 0, DF_MSG_NONE, GATEWAY_QUEUE_MS,
			   nobody_waits, NULL); /* not cancelled */
}

void part_end(struct request *rq)
{
	if (rq->fd >= 0)
		keep_prefix(rq);
	forget(rq);
}

void parts_cut(struct request *rq, const struct df_parcel_id *parcel)
{
	for (struct request *w = bringing; w != NULL; w = w->next) {
		if (w->fd < 0 ||
		    memcmp(w->parcel.b, parcel->b, sizeof parcel->b) != 0 ||
		    strcmp(request_peer(w), request_peer(rq)) != 0)
			continue;
		keep_prefix(w);
		w->overtaken = true;
	}
}

static void answer_overtaken(struct request *rq)
{
	df_http_answer_err(rq->x, DF_E_CANCELLED,
			   "another request brings this part");
}

static void part_granted(void *ctx, struct df_reply *reply)
{
	struct request *rq = ctx;
	uint64_t offset = 0;

	if (reply->msg != NULL &&
	    df_msg_get_u64(reply->msg, DF_M_OFFSET, &offset) &&
	    reply->err != DF_OK)
		say_offset(rq, offset); /* where we stand: go on from there */
	if (request_failed(rq, reply))
		return;
	if (reply->n_fds != 1)
		df_bug("queue granted a part without its file");
	if (rq->overtaken) {
		answer_overtaken(rq);
		return;
	}
	overtake(rq, rq->length, false);
	rq->fd = df_fd_take(&reply->fds[0]);
	df_sha256_init(&rq->hash);
	df_http_stream(rq->x);
}

/* The head of a part; the error is the answer. */
static enum df_err read_head(struct request *rq, struct df_why *why)
{
	struct df_text value;

	rq->length = df_http_length(rq->x);
	if (!df_parcel_id_decode(&rq->parcel, rq->variable))
		return df_fail(why, DF_E_NOTFOUND, "no such parcel");
	if (!df_http_request_header(rq->x, "Upload-Offset", &value) ||
	    !df_text_u64(value, &rq->offset) || rq->offset > DF_PEER_PARCEL_MAX)
		return df_fail(why, DF_E_FORMAT, "no Upload-Offset");
	if (!df_http_request_header(rq->x, "Content-Digest", &value) ||
	    df_content_digest_decode(&rq->want, value, NULL) != DF_OK)
		return df_fail(why, DF_E_FORMAT, "no Content-Digest");
	if (rq->length == 0 || rq->length > DF_PEER_PART_MAX)
		return df_fail(why, DF_E_LIMIT, "part is empty or large");
	if (!df_http_request_header(rq->x, "Upload-Length", &value))
		return DF_OK;
	if (!df_text_u64(value, &rq->size) || rq->size > DF_PEER_PARCEL_MAX ||
	    rq->offset + rq->length > rq->size)
		return df_fail(why, DF_E_FORMAT, "Upload-Length does not fit");
	return DF_OK;
}

void part_begin(struct request *rq)
{
	struct df_why why = {0};
	struct df_msg m;

	if (read_head(rq, &why) != DF_OK) {
		df_http_answer_err(rq->x, why.err, why.text);
		return;
	}
	rq->next = bringing;
	bringing = rq;
	df_msg_init(&m, DF_MSG_PART_RQ, 0);
	put_parcel(&m, rq);
	df_msg_put_u64(&m, DF_M_LENGTH, rq->length);
	if (rq->size > 0)
		df_msg_put_u64(&m, DF_M_SIZE, rq->size);
	request_put_urgent(rq, &m);
	request_ask(rq, DF_ROLE_QUEUE, &m, NULL, 0, GATEWAY_QUEUE_MS,
		    part_granted);
}

enum df_err part_body(struct request *rq, const void *ptr, size_t len,
		      struct df_why *why)
{
	enum df_err rc;

	if (rq->overtaken)
		return df_fail(why, DF_E_CANCELLED,
			       "another request brings this part");
	rc = df_pwrite_all(rq->fd, ptr, len, rq->offset + rq->written, why);
	if (rc != DF_OK)
		return rc;
	df_sha256_update(&rq->hash, ptr, len);
	rq->written += len;
	return DF_OK;
}

static void part_durable(void *ctx, struct df_reply *reply)
{
	struct request *rq = ctx;
	uint64_t offset;

	if (request_failed(rq, reply))
		return;
	if (!df_msg_get_u64(reply->msg, DF_M_OFFSET, &offset))
		df_bug("queue answered a part without an offset");
	say_offset(rq, offset);
	df_http_answer(rq->x, 204, NULL, NULL, 0);
}

void part_whole(struct request *rq)
{
	struct df_digest got;
	struct df_why why = {0};
	struct df_msg m;

	if (rq->overtaken) {
		answer_overtaken(rq);
		return;
	}
	if (df_http_body_err(rq->x, &why) != DF_OK) {
		df_fd_close(&rq->fd);
		df_log(DF_LOG_ERROR, "part.unwritten", DF_F_ERR(&why));
		df_http_answer_err(rq->x, why.err, "cannot write the part");
		return;
	}
	df_sha256_final(&rq->hash, &got);
	if (!df_digest_same(&got, &rq->want)) {
		/* nothing is recorded: the next part overwrites it */
		df_fd_close(&rq->fd);
		df_http_answer_err(rq->x, DF_E_CORRUPT,
				   "part does not match its digest");
		return;
	}
	df_fd_close(&rq->fd);
	overtake(rq, rq->written, true);
	df_msg_init(&m, DF_MSG_PART_DONE, 0);
	put_parcel(&m, rq);
	df_msg_put_u64(&m, DF_M_LENGTH, rq->written);
	request_ask(rq, DF_ROLE_QUEUE, &m, NULL, 0, GATEWAY_QUEUE_MS,
		    part_durable);
}

