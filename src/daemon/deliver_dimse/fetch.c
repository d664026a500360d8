/*
 * fetch.c - talking with queue while a job runs: instances are asked for
 * ahead, and messages that are not its answer are kept for later.
 */
#include "deliver.h"

#include "df/clock.h"
#include "df/file.h"

#define FETCH_MS 600000 /* restoring a very large object takes a while */

struct df_link *deliver_queue(struct deliver *d)
{
	return df_room_link(d->room, DF_ROLE_QUEUE, 0);
}

static void fds_close(int *fds, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		df_fd_close(&fds[i]);
}

static void copy(struct df_msg *to, const struct df_msg *from)
{
	df_msg_init(to, from->type, from->tag);
	df_msg_copy(to, from, DF_M_NONE);
	if (to->failed != DF_OK)
		df_bug("cannot copy a message");
}

enum df_err deliver_next(struct deliver *d, int64_t timeout_ms,
			 struct df_msg *m, int *fd, struct df_why *why)
{
	int fds[DF_CHANNEL_FDS];
	struct df_link *from;
	struct df_msg in;
	size_t n_fds = 0, i;
	enum df_err rc;

	*fd = -1;
	if (d->n_waiting > 0) {
		*m = d->waiting[0];
		*fd = d->waiting_fds[0];
		for (i = 1; i < d->n_waiting; i++) {
			d->waiting[i - 1] = d->waiting[i];
			d->waiting_fds[i - 1] = d->waiting_fds[i];
		}
		d->n_waiting--;
		return DF_OK;
	}
	do {
		rc = df_room_wait(d->room,
				  DF_ROLE_BIT(QUEUE) | DF_ROLE_BIT(SUPERVISE),
				  timeout_ms, &from, &in, fds, &n_fds, why);
		if (rc != DF_OK)
			return rc;
		if (in.type != DF_MSG_FETCHED && n_fds == 1)
			*fd = df_fd_take(&fds[0]);
		fds_close(fds, n_fds);
	} while (in.type == DF_MSG_FETCHED); /* late, for a lost association */
	copy(m, &in);
	return DF_OK;
}

enum df_err deliver_wait(struct deliver *d, int64_t timeout_ms,
			 struct df_why *why)
{
	bool readable = false;

	if (d->n_waiting > 0)
		return DF_OK;
	return df_room_wait_fd(d->room,
			       DF_ROLE_BIT(QUEUE) | DF_ROLE_BIT(SUPERVISE),
			       d->open != NULL ? df_dimse_fd(d->open) : -1,
			       timeout_ms, &readable, why);
}

void fetch_ask(struct deliver *d, const struct job *job, struct fetch *f)
{
	struct df_msg m;

	df_msg_init(&m, DF_MSG_FETCH, 0);
	df_msg_put_u64(&m, DF_M_JOB, job->tag);
	df_msg_put_u64(&m, DF_M_KEY_NUMBER, job->items[f->item].key);
	df_msg_put_str(&m, DF_M_FORM, "dataset");
	for (size_t i = 0; i < f->n; i++)
		df_msg_put_str(&m, DF_M_TRANSFER_SYNTAX, f->syntaxes[i]);
	f->tag = df_room_request(d->room, deliver_queue(d), &m, NULL, 0);
}

/* Keeps what is not the answer. */
static void put_aside(struct deliver *d, const struct df_msg *m, int *fds,
		      size_t n_fds)
{
	if (m->type == DF_MSG_FETCHED)
		return;
	if (d->n_waiting == WAITING_MAX)
		df_bug("too many messages during a job");
	d->waiting_fds[d->n_waiting] = n_fds == 1 ? df_fd_take(&fds[0]) : -1;
	copy(&d->waiting[d->n_waiting++], m);
}

static enum df_err answer(const struct df_msg *m, struct fetch *f, int *fds,
			  size_t n_fds, int *fd, uint64_t *size_bytes,
			  struct df_why *why)
{
	enum df_err rc = df_msg_result(m, why);
	struct df_text ts = {0};
	size_t i = 0;

	if (rc != DF_OK)
		return rc;
	if (n_fds != 1 || !df_msg_get_u64(m, DF_M_SIZE, size_bytes))
		df_bug("FETCHED without a data set");
	(void)df_msg_get(m, DF_M_TRANSFER_SYNTAX, &ts); /* absent: not one */
	while (i < f->n && !df_text_eq(ts, f->syntaxes[i]))
		i++;
	if (i == f->n)
		return df_fail(why, DF_E_CORRUPT,
			       "queue restored another transfer syntax");
	f->syntaxes[0] = f->syntaxes[i];
	f->n = 1;
	*fd = df_fd_take(&fds[0]);
	return DF_OK;
}

static bool is_answer(const struct df_msg *m, const struct fetch *list,
		      size_t n, size_t *which)
{
	for (*which = 0; *which < n; ++*which)
		if (m->type == DF_MSG_FETCHED && m->tag == list[*which].tag)
			return true;
	return false;
}

enum df_err fetch_wait(struct deliver *d, struct fetch *list, size_t n,
		       size_t *which, int *fd, uint64_t *size_bytes, bool *lost,
		       struct df_why *why)
{
	int64_t until = df_clock_mono_ms() + FETCH_MS;

	*fd = -1;
	*lost = false;
	for (size_t i = 0; i < n; i++)
		*lost = *lost || list[i].tag == 0;
	if (*lost)
		return df_fail(why, DF_E_PEER, "queue is gone");
	for (;;) {
		int fds[DF_CHANNEL_FDS];
		int64_t left = until - df_clock_mono_ms();
		struct df_link *from;
		struct df_msg m;
		size_t n_fds = 0;
		enum df_err rc;

		rc = df_room_wait(d->room, DF_ROLE_BIT(QUEUE),
				  left > 0 ? left : 0, &from, &m, fds, &n_fds,
				  why);
		if (rc != DF_OK) {
			*lost = true;
			return rc;
		}
		if (is_answer(&m, list, n, which))
			rc = answer(&m, &list[*which], fds, n_fds, fd,
				    size_bytes, why);
		else
			put_aside(d, &m, fds, n_fds);
		fds_close(fds, n_fds);
		if (*which < n)
			return rc;
	}
}
