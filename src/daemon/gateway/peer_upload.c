/* peer_upload.c - offers, parts and manifests: what a peer brings. */
#include <string.h>

#include "df/file.h"
#include "df/log.h"
#include "gateway.h"

/* --- offers ------------------------------------------------------------- */

void offers_begin(struct request *rq)
{
	request_gather(rq, GATEWAY_SMALL);
}

static bool take_offered(const struct df_msg *item, struct df_peer_offered *o)
{
	char hex[DF_PEER_PARCEL_HEX + 1], want[16];
	uint64_t why;

	*o = (struct df_peer_offered){.reason = DF_E_REFUSED};
	if (!df_msg_get_str(item, DF_M_PARCEL, hex, sizeof hex) ||
	    !df_parcel_id_decode(&o->id, df_text_of(hex)) ||
	    !df_msg_get_str(item, DF_M_WANT, want, sizeof want))
		return false;
	if (strcmp(want, "have") == 0) {
		o->state = DF_OFFER_HAVE;
	} else if (strcmp(want, "want") == 0) {
		o->state = DF_OFFER_WANT;
		return df_msg_get_u64(item, DF_M_OFFSET, &o->offset);
	} else {
		o->state = DF_OFFER_REFUSED;
		if (df_msg_get_u64(item, DF_M_ERR, &why))
			o->reason = df_err_from(why);
	}
	return true;
}

static void offered(void *ctx, struct df_reply *reply)
{
	static struct df_peer_offered o[DF_PEER_OFFERS_MAX]; /* one thread */
	struct request *rq = ctx;
	struct df_msg item;
	struct df_buf json;
	size_t n = 0, at = 0;

	if (request_failed(rq, reply))
		return;
	while (n < DF_PEER_OFFERS_MAX &&
	       df_msg_next_item(reply->msg, DF_M_OFFER, &at, &item)) {
		if (!take_offered(&item, &o[n]))
			df_bug("queue answered an offer badly");
		n++;
	}
	df_buf_init(&json, DF_PEER_JSON_MAX);
	request_json(rq, 200, &json, df_peer_offered_encode(&json, o, n, NULL));
}

void offers_whole(struct request *rq)
{
	static struct df_peer_offer o[DF_PEER_OFFERS_MAX]; /* one thread */
	struct df_why why = {0};
	struct df_msg m, item;
	enum df_err rc;
	size_t n;

	rc = df_peer_offers_decode(df_http_gathered(rq->x), o, &n, &why);
	if (rc != DF_OK) {
		df_http_answer_err(rq->x, rc, why.text);
		return;
	}
	df_msg_init(&m, DF_MSG_OFFER_RQ, 0);
	df_msg_put_str(&m, DF_M_PEER, request_peer(rq));
	for (size_t i = 0; i < n; i++) {
		char hex[DF_PEER_PARCEL_HEX + 1];

		df_parcel_id_encode(hex, &o[i].id);
		df_msg_init(&item, DF_MSG_OFFER_RQ, 0);
		df_msg_put_str(&item, DF_M_PARCEL, hex);
		df_msg_put_u64(&item, DF_M_LENGTH, o[i].size_bytes);
		df_msg_put_item(&m, DF_M_OFFER, &item);
		df_msg_release(&item);
	}
	request_ask(rq, DF_ROLE_QUEUE, &m, NULL, 0, GATEWAY_QUEUE_MS, offered);
}

/* --- parts -------------------------------------------------------------- */

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
 * One writer a parcel. A newer request takes over from one that may hang on a
 * dead connection, and none that asked before a part was written may write
 * after it. So nobody writes into a parcel once it is whole.
 */
static struct request *bringing;

void part_forget(struct request *rq)
{
	struct request **at = &bringing;

	while (*at != NULL && *at != rq)
		at = &(*at)->next;
	if (*at == rq)
		*at = rq->next;
}

/* All others that bring a part of this parcel are too late. */
static void overtake(const struct request *rq, bool also_asking)
{
	struct request *w;

	for (w = bringing; w != NULL; w = w->next) {
		if (w == rq || (w->fd < 0 && !also_asking) ||
		    memcmp(w->parcel.b, rq->parcel.b, sizeof w->parcel.b) !=
			    0 ||
		    strcmp(request_peer(w), request_peer(rq)) != 0)
			continue;
		w->overtaken = true;
		df_fd_close(&w->fd);
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
	if (reply->n_fds != 1 || offset != rq->offset) {
		/* granted at another place than asked for: the same answer */
		say_offset(rq, offset);
		df_http_answer_err(rq->x, DF_E_CONFLICT, "wrong offset");
		return;
	}
	if (rq->overtaken) {
		answer_overtaken(rq);
		return;
	}
	overtake(rq, false);
	rq->fd = df_fd_take(&reply->fds[0]);
	df_sha256_init(&rq->hash);
	df_http_stream(rq->x);
}

void part_begin(struct request *rq)
{
	struct df_why why = {0};
	struct df_text value;
	struct df_msg m;
	uint64_t len = df_http_length(rq->x);

	if (!df_parcel_id_decode(&rq->parcel, rq->variable)) {
		df_http_answer_err(rq->x, DF_E_NOTFOUND, "no such parcel");
	} else if (!df_http_request_header(rq->x, "Upload-Offset", &value) ||
		   !df_text_u64(value, &rq->offset) ||
		   rq->offset > DF_PEER_PARCEL_MAX) {
		df_http_answer_err(rq->x, DF_E_FORMAT, "no Upload-Offset");
	} else if (!df_http_request_header(rq->x, "Content-Digest", &value) ||
		   df_content_digest_decode(&rq->want, value, &why) != DF_OK) {
		df_http_answer_err(rq->x, DF_E_FORMAT, "no Content-Digest");
	} else if (len == 0 || len > DF_PEER_PART_MAX) {
		df_http_answer_err(rq->x, DF_E_LIMIT, "part is empty or large");
	} else {
		rq->next = bringing;
		bringing = rq;
		df_msg_init(&m, DF_MSG_PART_RQ, 0);
		put_parcel(&m, rq);
		df_msg_put_u64(&m, DF_M_LENGTH, len);
		request_ask(rq, DF_ROLE_QUEUE, &m, NULL, 0, GATEWAY_QUEUE_MS,
			    part_granted);
	}
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

	if (df_http_body_err(rq->x, &why) != DF_OK) {
		df_log(DF_LOG_ERROR, "part.unwritten", DF_F_ERR(&why));
		df_http_answer_err(rq->x, why.err, "cannot write the part");
		return;
	}
	df_sha256_final(&rq->hash, &got);
	if (!df_digest_same(&got, &rq->want)) {
		/* nothing was recorded: the next part overwrites it */
		df_http_answer_err(rq->x, DF_E_CORRUPT,
				   "part does not match its digest");
		return;
	}
	if (rq->overtaken) {
		answer_overtaken(rq);
		return;
	}
	df_fd_close(&rq->fd);
	overtake(rq, true);
	df_msg_init(&m, DF_MSG_PART_DONE, 0);
	put_parcel(&m, rq);
	df_msg_put_u64(&m, DF_M_LENGTH, rq->written);
	request_ask(rq, DF_ROLE_QUEUE, &m, NULL, 0, GATEWAY_QUEUE_MS,
		    part_durable);
}

/* --- manifests ---------------------------------------------------------- */

void manifest_begin(struct request *rq)
{
	if (!df_uid_valid(rq->variable))
		df_http_answer_err(rq->x, DF_E_NOTFOUND, "no such study");
	else
		request_gather(rq, GATEWAY_SIGNED);
}

static void answer_missing(struct request *rq, const struct df_msg *m)
{
	static struct df_parcel_id ids[1024]; /* one thread; more come next */
	struct df_text hex;
	struct df_buf json;
	size_t n = 0, at = 0;

	while (n < sizeof ids / sizeof ids[0] &&
	       df_msg_next(m, DF_M_MISSING, &at, &hex))
		if (df_parcel_id_decode(&ids[n], hex))
			n++;
	df_buf_init(&json, DF_PEER_JSON_MAX);
	request_json(rq, 202, &json,
		     df_peer_missing_encode(&json, ids, n, NULL));
}

static void manifest_answered(void *ctx, struct df_reply *reply)
{
	struct request *rq = ctx;
	struct df_text receipt, signature;
	struct df_why why = {0};
	struct df_buf b;

	if (reply->err == DF_E_AGAIN && reply->msg != NULL) {
		rq->call = 0;
		answer_missing(rq, reply->msg);
		return;
	}
	if (request_failed(rq, reply))
		return;
	if (!df_msg_get(reply->msg, DF_M_RECEIPT, &receipt) ||
	    !df_msg_get(reply->msg, DF_M_SIGNATURE, &signature)) {
		answer_missing(rq, reply->msg);
		return;
	}
	df_buf_init(&b, DF_MSG_MAX);
	if (df_peer_signed_encode(&b, receipt, signature, &why) != DF_OK)
		df_http_answer_err(rq->x, why.err, why.text);
	else
		df_http_answer(rq->x, 200, DF_PEER_TYPE_SIGNED, b.ptr, b.len);
	df_buf_release(&b);
}

void manifest_whole(struct request *rq)
{
	struct df_text text, cms;
	struct df_why why = {0};
	struct df_msg m;
	int fd = -1;

	if (df_peer_signed_decode(df_http_gathered(rq->x), &text, &cms, &why) !=
		    DF_OK ||
	    df_memfd_new(&fd, "manifest", &why) != DF_OK ||
	    df_write_all(fd, text.ptr, text.len, &why) != DF_OK ||
	    df_memfd_seal(fd, &why) != DF_OK) {
		df_fd_close(&fd);
		df_http_answer_err(rq->x, why.err, why.text);
		return;
	}
	df_msg_init(&m, DF_MSG_MANIFEST_RQ, 0);
	df_msg_put_str(&m, DF_M_PEER, request_peer(rq));
	df_msg_put_text(&m, DF_M_STUDY, rq->variable);
	df_msg_put_text(&m, DF_M_SIGNATURE, cms);
	request_put_urgent(rq, &m);
	request_ask(rq, DF_ROLE_QUEUE, &m, &fd, 1, GATEWAY_QUEUE_MS,
		    manifest_answered);
}
