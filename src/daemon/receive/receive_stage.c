/*
 * receive_stage.c - what we borrow: the data key from keys, empty files from
 * queue.
 */
#include "receive.h"

#include <string.h>

#include "df/file.h"

#define ASK_MS 30000

enum df_err receive_key(struct receive *r, struct df_why *why)
{
	struct df_link *keys = df_room_link(r->room, DF_ROLE_KEYS, 0);
	struct df_msg m, reply;
	struct df_text cek, wrapped, self;
	enum df_err rc;

	df_msg_init(&m, DF_MSG_ASSOCIATION_KEY_RQ, 0);
	rc = df_room_ask(r->room, keys, &m, NULL, 0, ASK_MS, &reply, NULL, NULL,
			 why);
	if (rc != DF_OK)
		return rc;
	if (reply.type != DF_MSG_ASSOCIATION_KEY ||
	    !df_msg_get(&reply, DF_M_CEK, &cek) || cek.len != DF_CEK_LEN ||
	    !df_msg_get(&reply, DF_M_WRAPPED, &wrapped) ||
	    wrapped.len != DF_WRAPPED_LEN ||
	    !df_msg_get(&reply, DF_M_PEER, &self) ||
	    !df_digest_decode(&r->self, self))
		df_bug("keys sent no association key");
	memcpy(r->cek.b, cek.ptr, DF_CEK_LEN);
	memcpy(r->wrapped, wrapped.ptr, DF_WRAPPED_LEN);
	return DF_OK;
}

struct df_link *receive_lender(struct receive *r, const struct stage *s)
{
	struct df_link *queue = df_room_link(r->room, DF_ROLE_QUEUE, 0);

	return queue != NULL && queue->serial == s->lender ? queue : NULL;
}

/* 0 = no queue. */
static uint32_t queue_serial(const struct receive *r)
{
	const struct df_link *queue = df_room_link(r->room, DF_ROLE_QUEUE, 0);

	return queue != NULL ? queue->serial : 0;
}

static void ask_stage(struct receive *r)
{
	struct df_msg m;

	df_msg_init(&m, DF_MSG_STAGE_RQ, 0);
	/* when queue is gone, the wait says so */
	r->asked = df_room_request(r->room,
				   df_room_link(r->room, DF_ROLE_QUEUE, 0), &m,
				   NULL, 0) != 0;
	r->asked_of = queue_serial(r);
}

static void take_stage(struct receive *r, const struct df_link *from,
		       const struct df_msg *m, int *fds, size_t n_fds,
		       struct df_why *why)
{
	if (!r->asked || r->ready.fd >= 0)
		df_bug("an answer that nobody asked for");
	r->asked = false;
	r->starved = df_msg_result(m, why);
	if (r->starved != DF_OK)
		return;
	if (n_fds != 1 || !df_msg_get_id(m, DF_M_ID, &r->ready.id))
		df_bug("STAGED without a file");
	r->ready.fd = df_fd_take(&fds[0]);
	r->ready.lender = from->serial;
}

enum df_err receive_message(struct receive *r, int64_t wait_ms,
			    struct df_why *why)
{
	int fds[DF_CHANNEL_FDS];
	struct df_link *from;
	struct df_msg m;
	size_t n_fds, i;
	enum df_err rc;

	rc = df_room_wait(r->room, DF_ROLE_BIT(QUEUE), wait_ms, &from, &m, fds,
			  &n_fds, why);
	if (rc != DF_OK)
		return rc;
	if (m.type == DF_MSG_STAGED)
		take_stage(r, from, &m, fds, n_fds, why);
	else if (m.type == DF_MSG_COMMITMENT_TELL && n_fds == 1)
		receive_report_keep(r, &m, fds[0]);
	else
		df_bug("unexpected message %s", df_msg_name(m.type));
	for (i = 0; i < n_fds; i++)
		df_fd_close(&fds[i]);
	return DF_OK;
}

enum df_err receive_stage(struct receive *r, struct df_why *why)
{
	r->starved = DF_OK; /* what was refused before is asked for anew */
	while (r->ready.fd < 0) {
		enum df_err rc;

		if (r->starved != DF_OK)
			return r->starved;
		if (!r->asked || r->asked_of != queue_serial(r))
			ask_stage(r);
		if (!r->asked)
			return df_fail(why, DF_E_PEER, "queue is gone");
		rc = receive_message(r, ASK_MS, why);
		if (rc != DF_OK)
			return rc;
	}
	if (receive_lender(r, &r->ready) == NULL)
		return df_fail(why, DF_E_PEER, "queue was lost");
	return DF_OK;
}
