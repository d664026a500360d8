/*
 * pull.c - our mailbox at the peers that we dial: one item at a time each.
 *
 * The cursor moves when the bundle is an object here (or is in quarantine
 * with its reason); until then the same item is fetched on from what is
 * durable.
 */
#include <stdlib.h>
#include <string.h>

#include "df/file.h"
#include "df/log.h"
#include "df/sealed.h"
#include "queue.h"

#define PULL_BYTES_MAX (4ull << 30)

struct pull {
	struct queue *q;
	size_t peer;
	struct df_row_pull row;
};

static void again(void *ctx)
{
	struct pull *p = ctx;

	p->q->peers[p->peer].promised = 0;
	p->q->peers[p->peer].pulling = false;
	p->q->peers[p->peer].polling = false; /* pull_pump begins anew */
	free(p);
}

static void next_item(struct pull *p)
{
	struct df_row_pull *r = &p->row;

	r->cursor = r->next_cursor;
	r->hex[0] = '\0';
	r->file.s[0] = '\0';
	r->offset = r->size = 0;
	df_journal_pull_put(p->q->j, r);
	again(p);
}

static void refuse(struct pull *p, const struct df_why *why)
{
	struct df_why mine = {0};

	df_log(DF_LOG_ERROR, "mail.refused", DF_F_WORD("parcel", p->row.hex),
	       DF_F_ERR(why));
	if (df_incoming_quarantine(&p->q->sp, &p->row.file, &mine) != DF_OK)
		df_log(DF_LOG_ERROR, "spool.quarantine", DF_F_ERR(&mine));
	next_item(p);
}

static enum df_err publish(struct queue *q, const struct report_file *f,
			   const struct opened *o, uint64_t *bytes,
			   struct df_why *why)
{
	struct df_envelope env = {.kind = DF_ENV_REPORT,
				  .id = f->file,
				  .received_ms = q->now,
				  .direction = DF_ENV_TAKEN,
				  .epoch = o->epoch,
				  .sequence = o->sequence,
				  .h0 = o->h0,
				  .previous = o->previous,
				  .study_uid = "0"}; /* its statement says */
	int fd = -1;
	enum df_err rc = df_incoming_open(&q->sp, &f->file, &fd, why);

	if (rc != DF_OK)
		return rc;
	memcpy(env.peer, f->peer, sizeof env.peer);
	(void)df_hex_decode(env.parcel_id, 16,
			    df_text_of(f->hex)); /* keys said the same */
	rc = df_spool_checksum(fd, f->size, &env.checksum, why);
	if (rc == DF_OK)
		rc = df_incoming_publish(&q->sp, fd, &env, f->size, bytes, why);
	df_fd_close(&fd);
	return rc;
}

enum df_err report_take(struct queue *q, const struct report_file *f,
			const struct opened *o, struct df_why *why)
{
	struct df_row_report r = {.object = f->file,
				  .direction = DF_ENV_TAKEN};
	uint64_t bytes;
	enum df_err rc;

	if (o->content != DF_SEALED_REPORT || strcmp(o->hex, f->hex) != 0)
		return df_fail(why, DF_E_HEADER,
			       "its header names something else");
	rc = publish(q, f, o, &bytes, why);
	if (rc != DF_OK) {
		df_log(DF_LOG_ERROR, "mail.unstored", DF_F_ERR(why));
		why->err = DF_E_AGAIN;
		return DF_E_AGAIN;
	}
	memcpy(r.hex, f->hex, sizeof r.hex);
	memcpy(r.peer, f->peer, sizeof r.peer);
	df_journal_object_add(q->j, &r.object, DF_ENV_REPORT, f->size, bytes,
			      q->now);
	df_journal_report_add(q->j, &r);
	df_log(DF_LOG_INFO, "mail.taken", DF_F_WORD("parcel", r.hex),
	       DF_F_BYTES(f->size));
	q->report_look = true;
	return DF_OK;
}

static void take(struct pull *p, const struct opened *o)
{
	struct report_file f = {.file = p->row.file, .size = p->row.size};
	struct df_why why = {0};
	enum df_err rc;

	memcpy(f.hex, p->row.hex, sizeof f.hex);
	memcpy(f.peer, p->q->cfg->peers[p->peer].fingerprint, sizeof f.peer);
	rc = report_take(p->q, &f, o, &why);
	if (rc == DF_E_AGAIN)
		queue_later(p->q, RETRY_MS, again, p);
	else if (rc != DF_OK)
		refuse(p, &why);
	else
		next_item(p);
}

static void opened(void *ctx, enum df_err rc, const struct df_why *why,
		   struct opened *o)
{
	struct pull *p = ctx;

	if (rc != DF_OK && df_err_fate(rc) == DF_FATE_RETRY)
		queue_later(p->q, RETRY_MS, again, p);
	else if (rc != DF_OK)
		refuse(p, why);
	else
		take(p, o);
}

static void arrived(struct pull *p)
{
	struct df_why why = {0};
	int fd = -1;

	if (df_incoming_open(&p->q->sp, &p->row.file, &fd, &why) != DF_OK) {
		df_log(DF_LOG_ERROR, "mail.unreadable", DF_F_ERR(&why));
		p->row.offset = 0;
		p->row.file.s[0] = '\0';
		df_journal_pull_put(p->q->j, &p->row);
		queue_later(p->q, RETRY_MS, again, p);
		return;
	}
	object_open_fd(p->q, fd, p->row.size,
		       p->q->cfg->peers[p->peer].fingerprint, "", opened, p);
}

/* What was written so far becomes durable. */
static void keep_offset(struct pull *p, const struct df_msg *m)
{
	uint64_t offset;
	int fd = -1;

	if (m == NULL || !df_msg_get_u64(m, DF_M_OFFSET, &offset) ||
	    offset <= p->row.offset || offset > p->row.size ||
	    df_incoming_open(&p->q->sp, &p->row.file, &fd, NULL) != DF_OK)
		return;
	if (df_incoming_sync(fd, NULL) == DF_OK) {
		p->row.offset = offset;
		p->q->peers[p->peer].promised = p->row.size - offset;
		df_journal_pull_put(p->q->j, &p->row);
	}
	df_fd_close(&fd);
}

static void pull_reply(void *ctx, struct df_reply *r)
{
	struct pull *p = ctx;
	struct destination_state *d = &p->q->peers[p->peer];

	keep_offset(p, r->msg);
	if (!r->last)
		return;
	if (r->err != DF_OK || p->row.offset != p->row.size) {
		if (!job_lost(r) && r->err != DF_OK &&
		    df_retry_blame(r->err) == DF_BLAME_DESTINATION)
			destination_bad(p->q, d, &r->why);
		queue_later(p->q, RETRY_MS, again, p);
		return;
	}
	arrived(p);
}

static void fetch(struct pull *p)
{
	struct queue *q = p->q;
	struct df_why why = {0};
	struct df_msg m;
	enum df_err rc;
	int fd = -1;

	q->peers[p->peer].pulling = true;
	if (p->row.file.s[0] != '\0' && p->row.offset == p->row.size) {
		arrived(p);
		return;
	}
	rc = acceptance_report(q, p->row.size - p->row.offset, &why);
	if (rc == DF_OK) {
		rc = p->row.file.s[0] != '\0'
			     ? df_incoming_open(&q->sp, &p->row.file, &fd, &why)
			     : df_incoming_new(&q->sp, &p->row.file, &fd, &why);
		if (rc == DF_E_IO)
			acceptance_doubt(q);
	}
	if (rc != DF_OK) {
		df_log(DF_LOG_WARN, "mail.delayed", DF_F_ERR(&why));
		queue_later(q, 10 * RETRY_MS, again, p);
		return;
	}
	q->peers[p->peer].promised = p->row.size - p->row.offset;
	df_journal_pull_put(q->j, &p->row);
	df_msg_init(&m, DF_MSG_PULL, 0);
	df_msg_put_str(&m, DF_M_DESTINATION, p->row.dest);
	df_msg_put_str(&m, DF_M_PARCEL, p->row.hex);
	df_msg_put_u64(&m, DF_M_OFFSET, p->row.offset);
	df_msg_put_u64(&m, DF_M_LENGTH, p->row.size);
	queue_call(q, queue_https(q), &m, &fd, 1, DF_MSG_JOB_DONE, 0,
		   pull_reply, p);
}

static struct pull *pull_of(struct queue *q, size_t i)
{
	struct pull *p = df_xcalloc(1, sizeof *p);

	p->q = q;
	p->peer = i;
	df_journal_pull(q->j, q->cfg->peers[i].name, &p->row);
	return p;
}

QUEUE_HANDLER(mail)
{
	struct queue *q = queue_of(room);
	char dest[121] = "", hex[33] = "";
	struct df_row_report known;
	uint64_t cursor = 0, size = 0;
	struct pull *p;
	size_t i;

	(void)from, (void)fds, (void)n_fds;
	if (!df_msg_get_str(m, DF_M_DESTINATION, dest, sizeof dest) ||
	    !df_msg_get_str(m, DF_M_PARCEL, hex, sizeof hex) ||
	    !df_msg_get_u64(m, DF_M_CURSOR, &cursor) ||
	    !df_msg_get_u64(m, DF_M_LENGTH, &size))
		df_bug("mail that is not whole");
	for (i = 0; i < q->cfg->n_peers; i++)
		if (strcmp(q->cfg->peers[i].name, dest) == 0)
			break;
	if (i == q->cfg->n_peers || !q->peers[i].polling)
		return;
	p = pull_of(q, i);
	p->row.next_cursor = (int64_t)(cursor & INT64_MAX);
	if (df_journal_report_find(q->j, hex, &known) || size == 0 ||
	    size > PULL_BYTES_MAX) {
		next_item(p); /* it is here, or it cannot be */
		return;
	}
	memcpy(p->row.hex, hex, sizeof p->row.hex);
	p->row.size = size;
	p->row.offset = 0;
	p->row.file.s[0] = '\0';
	fetch(p);
}

void pull_pump(struct queue *q)
{
	struct df_link *https = queue_https(q);
	struct df_msg m;

	for (size_t i = 0; https != NULL && i < q->cfg->n_peers; i++) {
		struct destination_state *d = &q->peers[i];
		struct pull *p;

		if (d->polling)
			continue;
		p = pull_of(q, i);
		if (p->row.hex[0] != '\0' &&
		    !df_window_open(&d->window, q->now)) {
			free(p);
			continue;
		}
		d->polling = true;
		if (p->row.hex[0] != '\0') {
			fetch(p);
			continue;
		}
		/* polls also while the line is down: that finds it up again */
		df_msg_init(&m, DF_MSG_MAILBOX_OPEN, 0);
		df_msg_put_str(&m, DF_M_DESTINATION, d->name);
		df_msg_put_u64(&m, DF_M_CURSOR, (uint64_t)p->row.cursor);
		queue_post(q, https, &m, NULL, 0);
		free(p);
	}
}
