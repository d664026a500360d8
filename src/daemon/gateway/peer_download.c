/* peer_download.c - hello, mailbox and parcels: what a peer takes. */
#include <string.h>
#include <unistd.h>

#include "df/clock.h"
#include "df/file.h"
#include "gateway.h"

void hello_begin(struct request *rq)
{
	const struct df_config *cfg = df_room_config(rq->room);
	struct df_peer_hello h = {.now_ms = df_clock_wall_ms()};
	struct df_buf json;
	enum df_err rc;

	df_buf_init(&json, DF_PEER_JSON_MAX);
	rc = df_str_copy(h.name, sizeof h.name, df_text_of(cfg->node.name));
	if (rc == DF_OK)
		rc = df_str_copy(h.peer_name, sizeof h.peer_name,
				 df_text_of(rq->peer_name));
	if (rc == DF_OK)
		rc = df_peer_hello_encode(&json, &h, NULL);
	request_json(rq, 200, &json, rc);
}

/* --- mailbox ------------------------------------------------------------ */

static void mail_came(void *ctx, struct df_reply *reply)
{
	static struct df_peer_mail mail[DF_PEER_MAIL_MAX]; /* one thread */
	struct request *rq = ctx;
	uint64_t cursor = rq->cursor;
	struct df_msg item;
	struct df_buf json;
	size_t n = 0, at = 0;

	/* nobody had mail in time: an empty list, not an error */
	if (reply->err == DF_E_TIMEOUT || reply->err == DF_E_AGAIN)
		rq->call = 0;
	else if (request_failed(rq, reply))
		return;
	while (reply->msg != NULL && n < DF_PEER_MAIL_MAX &&
	       df_msg_next_item(reply->msg, DF_M_MAIL, &at, &item)) {
		char hex[DF_PEER_PARCEL_HEX + 1];

		if (!df_msg_get_str(&item, DF_M_PARCEL, hex, sizeof hex) ||
		    !df_parcel_id_decode(&mail[n].id, df_text_of(hex)) ||
		    !df_msg_get_u64(&item, DF_M_CURSOR, &mail[n].sequence) ||
		    !df_msg_get_u64(&item, DF_M_LENGTH, &mail[n].size_bytes))
			df_bug("queue answered a mailbox badly");
		cursor = mail[n].sequence;
		n++;
	}
	rq->call = 0;
	df_buf_init(&json, DF_PEER_JSON_MAX);
	request_json(rq, 200, &json,
		     df_peer_mail_encode(&json, cursor, mail, n, NULL));
}

void mailbox_begin(struct request *rq)
{
	uint64_t wait_s = 0;
	struct df_text value;
	struct df_msg m;

	if (!df_http_query(rq->x, "after", &value) ||
	    !df_text_u64(value, &rq->cursor)) {
		df_http_answer_err(rq->x, DF_E_FORMAT, "no cursor");
		return;
	}
	if (df_http_query(rq->x, "wait", &value) &&
	    (!df_text_u64(value, &wait_s) || wait_s > DF_PEER_POLL_MAX_S))
		wait_s = DF_PEER_POLL_MAX_S;
	df_msg_init(&m, DF_MSG_MAILBOX_RQ, 0);
	df_msg_put_str(&m, DF_M_PEER, request_peer(rq));
	df_msg_put_u64(&m, DF_M_CURSOR, rq->cursor);
	df_msg_put_u64(&m, DF_M_WAIT_MS, wait_s * 1000);
	request_ask(rq, DF_ROLE_QUEUE, &m, NULL, 0,
		    (int64_t)wait_s * 1000 + 5000, mail_came);
}

/* --- one parcel of the mailbox ------------------------------------------ */

static void parcel_opened(void *ctx, struct df_reply *reply)
{
	struct request *rq = ctx;
	uint64_t size, behind, first = 0, last;
	struct df_text head;
	char text[96];

	if (request_failed(rq, reply))
		return;
	if (reply->n_fds != 1 ||
	    !df_msg_get_u64(reply->msg, DF_M_LENGTH, &size) || size == 0)
		df_bug("queue gave a parcel badly");
	last = size - 1;
	df_http_answer_header(rq->x, "Accept-Ranges", "bytes");
	if (rq->ranged) {
		first = rq->first;
		if (rq->last < last)
			last = rq->last;
		if (first >= size) {
			df_str_fmt(text, sizeof text, "bytes */%llu",
				   (unsigned long long)size);
			df_http_answer_header(rq->x, "Content-Range", text);
			df_http_answer(rq->x, 416, NULL, NULL, 0);
			return;
		}
		df_str_fmt(text, sizeof text, "bytes %llu-%llu/%llu",
			   (unsigned long long)first, (unsigned long long)last,
			   (unsigned long long)size);
		df_http_answer_header(rq->x, "Content-Range", text);
	}
	if (df_msg_get(reply->msg, DF_M_HEADER, &head) &&
	    df_msg_get_u64(reply->msg, DF_M_OFFSET, &behind))
		df_http_answer_headed(rq->x, rq->ranged ? 206 : 200,
				      DF_PEER_TYPE_PARCEL, head,
				      df_fd_take(&reply->fds[0]), behind, first,
				      last - first + 1);
	else
		df_http_answer_fd(rq->x, rq->ranged ? 206 : 200,
				  DF_PEER_TYPE_PARCEL,
				  df_fd_take(&reply->fds[0]), first,
				  last - first + 1);
}

void parcel_begin(struct request *rq)
{
	char hex[DF_PEER_PARCEL_HEX + 1];
	struct df_text value;
	struct df_msg m;

	if (!df_parcel_id_decode(&rq->parcel, rq->variable)) {
		df_http_answer_err(rq->x, DF_E_NOTFOUND, "no such parcel");
		return;
	}
	if (df_http_request_header(rq->x, "Range", &value)) {
		if (!df_range_decode(value, &rq->first, &rq->last)) {
			df_http_answer_err(rq->x, DF_E_FORMAT, "bad Range");
			return;
		}
		rq->ranged = true;
	}
	df_parcel_id_encode(hex, &rq->parcel);
	df_msg_init(&m, DF_MSG_PARCEL_RQ, 0);
	df_msg_put_str(&m, DF_M_PEER, request_peer(rq));
	df_msg_put_str(&m, DF_M_PARCEL, hex);
	request_ask(rq, DF_ROLE_QUEUE, &m, NULL, 0, GATEWAY_QUEUE_MS,
		    parcel_opened);
}
