/*
 * receive_worklist.c - a modality asks what it has to do: its question goes to
 * index, the items come back beside the answer.
 */
#include "receive.h"

#include <poll.h>

#include "df/file.h"
#include "df/log.h"

#define ASK_MS 10000 /* consoles wait about so long */
#define PAUSE_MS 500 /* of who asks too often */
#define DENIED 0x0124
#define OUT_OF_RESOURCES 0xa700
#define UNABLE 0xc000

/* The items that stand in fd. */
static enum df_err read_items(int fd, struct df_buf *to, struct df_why *why)
{
	uint64_t size = 0;
	enum df_err rc = df_fd_size(fd, &size, why);

	if (rc == DF_OK && size > DF_WORKLIST_ITEMS_MAX)
		return df_fail(why, DF_E_LIMIT, "too many items");
	if (rc == DF_OK)
		rc = df_buf_reserve(to, (size_t)size, why);
	if (rc == DF_OK)
		rc = df_pread_all(fd, to->ptr + to->len, (size_t)size, 0, why);
	if (rc == DF_OK)
		to->len += (size_t)size;
	return rc;
}

static enum df_err ask_index(struct receive *r,
			     const struct df_worklist_query *q,
			     struct df_buf *items, struct df_why *why)
{
	struct df_link *index = df_room_link(r->room, DF_ROLE_INDEX, 0);
	int fds[DF_CHANNEL_FDS];
	struct df_msg m, reply;
	struct df_buf keys;
	size_t n_fds = 0;
	enum df_err rc;

	df_buf_init(&keys, DF_MSG_SMALL);
	rc = df_worklist_encode(&keys, &q->keys, why);
	df_msg_init(&m, DF_MSG_WORKLIST_RQ, 0);
	df_msg_put_str(&m, DF_M_CALLING, r->calling);
	df_msg_put(&m, DF_M_ITEM, keys.ptr, keys.len);
	df_buf_wipe(&keys);
	if (rc != DF_OK)
		df_msg_release(&m);
	else
		rc = df_room_ask(r->room, index, &m, NULL, 0, ASK_MS, &reply,
				 fds, &n_fds, why);
	if (rc == DF_OK && (reply.type != DF_MSG_WORKLIST || n_fds != 1))
		df_bug("index answered a worklist question with %s",
		       df_msg_name(reply.type));
	if (rc == DF_OK)
		rc = read_items(fds[0], items, why);
	for (size_t i = 0; i < n_fds; i++)
		df_fd_close(&fds[i]);
	/* a console that asks in a loop waits here, and nobody else does */
	if (rc == DF_E_AGAIN)
		(void)poll(NULL, 0, PAUSE_MS); /* shorter is no matter */
	return rc;
}

static uint16_t status_of(enum df_err rc)
{
	/* what is LIMIT passes when the question is narrower, the others when
	 * it is asked again */
	return rc == DF_OK ? 0
	       : rc == DF_E_LIMIT || rc == DF_E_PEER || rc == DF_E_TIMEOUT ||
			       rc == DF_E_NOMEM || rc == DF_E_IO ||
			       rc == DF_E_AGAIN
		       ? OUT_OF_RESOURCES
		       : UNABLE;
}

static uint16_t find(void *ctx, const struct df_worklist_query *q,
		     struct df_buf *items, enum df_worklist_charset *charset)
{
	struct receive *r = ctx;
	const struct df_config *cfg = df_room_config(r->room);
	const struct df_modality *m =
		df_config_modality(cfg, df_text_of(r->calling));
	struct df_why why = {0};
	uint16_t status = DENIED;
	int64_t set = cfg->worklist.charset;

	/* our own AE title, from loopback, is no modality's and may ask */
	if (m != NULL && m->charset != DF_WORKLIST_AUTO)
		set = m->charset;
	*charset = (enum df_worklist_charset)set;
	if (m == NULL || m->worklist)
		status = status_of(ask_index(r, q, items, &why));
	df_log(status == 0 ? DF_LOG_INFO : DF_LOG_WARN, "worklist.asked",
	       DF_F_ID(&r->association), DF_F_AE("calling", r->calling),
	       DF_F_NUM("status", status), DF_F_BYTES(items->len),
	       DF_F_WORD("result", status == 0	      ? "answered"
				   : why.text[0] != 0 ? why.text
						      : "not allowed"));
	return status;
}

void receive_worklist(struct receive *r, struct df_worklist_sink *sink)
{
	*sink = (struct df_worklist_sink){r, find};
}
