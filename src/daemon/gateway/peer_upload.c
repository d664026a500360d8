/* peer_upload.c - offers and manifests; the parts are in peer_part.c. */
#include <string.h>

#include "df/file.h"
#include "df/log.h"
#include "gateway.h"

/* --- offers ------------------------------------------------------------- */

void offers_begin(struct request *rq)
{
	request_gather(rq, GATEWAY_SMALL);
}

#define HELD_MAX 1024 /* ranges in one answer: it has its own limit */

static void take_held(const struct df_msg *item, struct df_peer_offered *o,
		      size_t *left)
{
	struct df_msg range;
	uint64_t from, len;
	size_t at = 0;

	while (*left > 0 && df_msg_next_item(item, DF_M_HELD, &at, &range)) {
		if (!df_msg_get_u64(&range, DF_M_OFFSET, &from) ||
		    !df_msg_get_u64(&range, DF_M_LENGTH, &len) ||
		    !df_ranges_add(&o->held, from, from + len))
			df_bug("queue holds a range that is none");
		--*left;
	}
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
	size_t n = 0, at = 0, held_max = HELD_MAX;

	if (request_failed(rq, reply))
		return;
	while (n < DF_PEER_OFFERS_MAX &&
	       df_msg_next_item(reply->msg, DF_M_OFFER, &at, &item)) {
		if (!take_offered(&item, &o[n]))
			df_bug("queue answered an offer badly");
		take_held(&item, &o[n], &held_max);
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

		parts_cut(rq, &o[i].id); /* before queue is asked */
		df_parcel_id_encode(hex, &o[i].id);
		df_msg_init(&item, DF_MSG_OFFER_RQ, 0);
		df_msg_put_str(&item, DF_M_PARCEL, hex);
		df_msg_put_u64(&item, DF_M_LENGTH, o[i].size_bytes);
		df_msg_put_item(&m, DF_M_OFFER, &item);
		df_msg_release(&item);
	}
	request_ask(rq, DF_ROLE_QUEUE, &m, NULL, 0, GATEWAY_QUEUE_MS, offered);
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
