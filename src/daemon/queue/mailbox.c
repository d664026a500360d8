/*
 * mailbox.c - what we keep for peers until they fetch it: report bundles, and
 * the files of earlier exams that they asked for.
 *
 * A question waits until there is mail or its time is over.
 */
#include <stdlib.h>
#include <string.h>

#include "df/fetches.h"
#include "df/file.h"
#include "df/log.h"
#include "queue.h"

#define MAIL_MAX 64
#define PARKED_MAX 4 /* polls of one peer */

struct parked_mailbox {
	struct parked_mailbox *next;
	struct df_link *link;
	uint32_t tag;
	char peer[DF_HEX_LEN + 1];
	int64_t cursor;
	int64_t until_ms;
};

/* True when there was mail, or it is told that there is none. */
static bool answer(struct queue *q, const struct parked_mailbox *p, bool empty)
{
	static struct df_row_mail rows[MAIL_MAX]; /* one thread */
	size_t n = df_journal_mail(q->j, p->peer, p->cursor, rows, MAIL_MAX);
	struct df_msg out, item;

	if (n == 0 && !empty)
		return false;
	df_msg_init(&out, DF_MSG_MAILBOX, p->tag);
	for (size_t i = 0; i < n; i++) {
		df_msg_init(&item, DF_MSG_NONE, 0);
		df_msg_put_u64(&item, DF_M_CURSOR, (uint64_t)rows[i].seq);
		df_msg_put_str(&item, DF_M_PARCEL, rows[i].hex);
		df_msg_put_u64(&item, DF_M_LENGTH, rows[i].dfenv_len);
		df_msg_put_item(&out, DF_M_MAIL, &item);
		df_msg_release(&item);
	}
	queue_post(q, p->link, &out, NULL, 0);
	return true;
}

/* A peer has one poll; whoever opens more loses the oldest. */
static void end_oldest(struct queue *q, const char *peer)
{
	struct parked_mailbox **at = &q->mailboxes, **last = NULL, *p;
	size_t n = 0;

	for (; *at != NULL; at = &(*at)->next)
		if (strcmp((*at)->peer, peer) == 0) {
			n++;
			last = at;
		}
	if (n <= PARKED_MAX)
		return;
	p = *last;
	(void)answer(q, p, true); /* whatever there is */
	*last = p->next;
	free(p);
}

QUEUE_HANDLER(mailbox)
{
	struct queue *q = queue_of(room);
	struct parked_mailbox *p = df_xcalloc(1, sizeof *p);
	uint64_t cursor = 0, wait_ms = 0;

	(void)fds, (void)n_fds;
	(void)df_msg_get_u64(m, DF_M_CURSOR, &cursor);	 /* absent: 0 */
	(void)df_msg_get_u64(m, DF_M_WAIT_MS, &wait_ms); /* absent: 0 */
	if (!df_msg_get_str(m, DF_M_PEER, p->peer, sizeof p->peer))
		df_bug("a mailbox without a peer");
	p->link = from;
	p->tag = m->tag;
	p->cursor = (int64_t)(cursor & INT64_MAX);
	p->until_ms = q->now + (int64_t)(wait_ms % 120000);
	if (answer(q, p, wait_ms == 0)) {
		free(p);
		return;
	}
	p->next = q->mailboxes;
	q->mailboxes = p;
	end_oldest(q, p->peer);
}

static void walk(struct queue *q, const char *peer, bool overdue)
{
	struct parked_mailbox **at = &q->mailboxes;

	while (*at != NULL) {
		struct parked_mailbox *p = *at;
		bool mine = peer != NULL && strcmp(peer, p->peer) == 0;
		bool late = overdue && q->now >= p->until_ms;

		if ((mine || late) && answer(q, p, late)) {
			*at = p->next;
			free(p);
		} else {
			at = &p->next;
		}
	}
}

void mailbox_wake(struct queue *q, const char *peer)
{
	walk(q, peer, false);
}

void mailbox_pump(struct queue *q)
{
	walk(q, NULL, true);
}

void mailbox_link_down(struct queue *q, struct df_link *link)
{
	struct parked_mailbox **at = &q->mailboxes;

	while (*at != NULL) {
		struct parked_mailbox *p = *at;

		if (p->link == link) {
			*at = p->next;
			free(p);
		} else {
			at = &p->next;
		}
	}
}

/* In its mailbox, or made ready for it because it fetches an earlier exam. */
QUEUE_HANDLER(parcel)
{
	struct queue *q = queue_of(room);
	char peer[DF_HEX_LEN + 1], hex[33];
	struct df_row_outgoing o;
	struct df_row_mail row;
	struct df_why why = {0};
	struct df_buf head;
	struct df_msg out;
	enum df_err rc;
	int fd = -1;

	(void)fds, (void)n_fds;
	if (!df_msg_get_str(m, DF_M_PEER, peer, sizeof peer) ||
	    !df_msg_get_str(m, DF_M_PARCEL, hex, sizeof hex))
		df_bug("a question for a parcel that is not whole");
	df_buf_init(&head, DF_MSG_SMALL);
	df_msg_init(&out, DF_MSG_PARCEL_FILE, m->tag);
	if (df_journal_mail_find(q->j, peer, hex, &row)) {
		rc = df_spool_object(&q->sp, &row.object, &fd, &why);
		df_msg_put_u64(&out, DF_M_LENGTH, row.dfenv_len);
	} else if (df_journal_outgoing(q->j, peer, hex, &o, &head)) {
		rc = df_spool_object(&q->sp, &o.object, &fd, &why);
		df_msg_put_u64(&out, DF_M_LENGTH, o.size);
		df_msg_put(&out, DF_M_HEADER, head.ptr, head.len);
		df_msg_put_u64(&out, DF_M_OFFSET, o.skip);
	} else {
		rc = df_fail(&why, DF_E_NOTFOUND, "nothing of that name");
	}
	df_msg_put_result(&out, rc, &why);
	df_buf_release(&head);
	queue_post(q, from, &out, &fd, rc == DF_OK ? 1 : 0);
}
