/*
 * pacs.c - instances to PACS destinations, by DIMSE or STOW-RS.
 *
 * A SEND names instances; the deliverer fetches each when its wire is ready
 * and says what became of it. Only what failed is sent again. Several go to
 * one PACS at once, each in a lane of its own: an association, or a request of
 * STOW-RS. What is due is dealt out in small portions, so that no lane sits on
 * work that another could do. An instance is not given out while one of an
 * urgent study waits, so that one overtakes at the next instance. What VERIFY
 * has just restored (restored.h) is given as it is, all else by a RESTORE.
 */
#include <stdlib.h>
#include <string.h>

#include "df/file.h"
#include "df/log.h"
#include "df/route.h"
#include "promising.h"

#define SEND_MAX 100
#define PORTION_MAX 16
#define PORTION_BYTES (8u << 20)
/* A line that was cut is tried so often, whatever the pauses have come to: a
 * try costs a few bytes, and a study waits. */
#define KNOCK_FOR_MS 3600000
#define WANTED_MAX 4 /* transfer syntaxes in a FETCH */
#define FETCH_TRIES (DEATHS_MAX * CRASH_WEIGHT) /* nobody says how it died */

struct send {
	struct queue *q;
	size_t dest;
	size_t lane;
	int64_t deliveries[PORTION_MAX];
	int64_t since_ms[PORTION_MAX];
	bool settled[PORTION_MAX];
	size_t n;
	uint64_t good;
	struct df_why bad; /* the last failure that was the destination's */
};

struct fetch {
	struct fetch *next;
	struct queue *q;
	struct df_link *link; /* NULL when it went away */
	uint32_t tag;
	int64_t delivery;
	struct df_row_instance row;
	char form[16];
	char wanted[WANTED_MAX][65];
	size_t n_wanted;
	unsigned tries;
};

static bool is_stow(const struct df_destination *d)
{
	return d->dicom.host[0] == '\0';
}

static struct df_link *link_to(struct queue *q, size_t i, size_t lane)
{
	if (is_stow(&q->cfg->destinations[i]))
		return queue_https(q);
	return df_room_link(q->room, DF_ROLE_DELIVER_DIMSE,
			    df_config_lane(q->cfg, i, lane));
}

/* --- is it up? --------------------------------------------------------------- */

static void is_up(struct destination_state *d, struct lane *lane)
{
	df_window_good(&d->window);
	df_window_good(&lane->window);
	d->last = (struct df_why){0};
}

/* A lane that has failed says nothing against a PACS that others are busy
 * with: it may allow so many associations and no more. */
static void is_down(struct queue *q, struct destination_state *d,
		    struct lane *lane, const struct df_why *why)
{
	int64_t min_ms = q->cfg->retry.min_s * 1000;
	bool others = false;

	for (size_t i = 0; i < DF_ASSOCIATIONS; i++)
		others = others || (d->lanes[i].busy &&
				    d->lanes[i].window.failures == 0);
	if (others) {
		df_window_bad(&lane->window, q->now, min_ms,
			      q->cfg->retry.max_s * 1000, queue_chance());
		return;
	}
	destination_bad(q, d, why);
	if ((why->err == DF_E_PEER || why->err == DF_E_TIMEOUT) &&
	    q->now - d->window.down_since_ms < KNOCK_FOR_MS)
		d->window.next_ms = df_retry_next(q->now, q->now, min_ms,
						  min_ms, queue_chance());
}

/* It said when to come again: not before. */
static void rest(struct queue *q, struct destination_state *d,
		 struct lane *lane, const struct df_msg *m)
{
	struct df_window *w = d->window.failures > 0 ? &d->window
						      : &lane->window;
	uint64_t ms;

	if (m != NULL && df_msg_get_u64(m, DF_M_WAIT_MS, &ms) &&
	    w->next_ms < q->now + (int64_t)ms)
		w->next_ms = q->now + (int64_t)ms;
}

/* --- results ------------------------------------------------------------------ */

/* tried: it was on the wire itself, so that it may be what the PACS chokes on:
 * it waits by itself, and those behind it go on. */
static void settle(struct send *s, size_t i, enum df_err err,
		   const struct df_why *why, uint32_t status, bool tried,
		   bool asked)
{
	struct df_journal *j = s->q->j;
	int64_t n = s->deliveries[i];
	enum df_delivery_event event =
		asked ? DF_DELIVERY_TAKEN : DF_DELIVERY_WORD;
	int64_t next = 0;
	struct destination_state *d = &s->q->pacs[s->dest];

	s->settled[i] = true;
	if (err == DF_OK) {
		s->good++;
		is_up(d, &d->lanes[s->lane]);
		if (asked)
			asking_taken(s->q, s->dest, n);
	} else if (err == DF_E_AGAIN) { /* it could not take this one now */
		event = DF_DELIVERY_FAILED;
		next = object_again(s->q, s->since_ms[i]);
	} else {
		switch (df_retry_blame(err)) {
		case DF_BLAME_DESTINATION:
			event = tried ? DF_DELIVERY_FAILED : DF_DELIVERY_LOST;
			if (tried)
				next = object_again(s->q, s->since_ms[i]);
			s->bad = *why;
			break;
		case DF_BLAME_OBJECT_LATER:
			event = DF_DELIVERY_FAILED;
			next = object_again(s->q, s->since_ms[i]);
			break;
		case DF_BLAME_OBJECT:
			event = DF_DELIVERY_DENIED;
			break;
		}
	}
	/* a person may have moved it meanwhile: then it stays as it is */
	(void)df_journal_delivery_move(j, n, event, next, err,
				       err == DF_OK ? NULL : why->text, status);
}

/* Is its Success only the first word, and storage commitment the last? */
static bool is_asked(const struct df_destination *d, const struct df_msg *m)
{
	uint64_t offered = 0;

	(void)df_msg_get_u64(m, DF_M_COMMITMENT, &offered); /* absent: no */
	return d->commitment != DF_COMMIT_ASK_NO && !is_stow(d) &&
	       (offered != 0 || d->commitment == DF_COMMIT_ASK_YES);
}

/* We did not give it out: it waits again, at nobody's cost. */
static void gave_way(struct send *s, size_t i)
{
	s->settled[i] = true;
	(void)df_journal_delivery_move(s->q->j, s->deliveries[i],
				       DF_DELIVERY_LOST, 0, DF_OK, NULL,
				       0); /* as above */
}

static void result(struct send *s, const struct df_msg *m)
{
	const struct df_destination *d = &s->q->cfg->destinations[s->dest];
	struct df_why why = {0};
	uint64_t key = 0, status = 0;
	enum df_err err = df_msg_result(m, &why);

	(void)df_msg_get_u64(m, DF_M_STATUS, &status); /* absent: 0 */
	if (!df_msg_get_u64(m, DF_M_KEY_NUMBER, &key))
		return;
	for (size_t i = 0; i < s->n; i++) {
		if ((uint64_t)s->deliveries[i] != key || s->settled[i])
			continue;
		if (err == DF_E_CANCELLED)
			gave_way(s, i);
		else /* STOW-RS: the server's trouble is the batch's */
			settle(s, i, err, &why, (uint32_t)status, !is_stow(d),
			       is_asked(d, m));
	}
}

static void send_reply(void *ctx, struct df_reply *r)
{
	struct send *s = ctx;
	struct queue *q = s->q;
	struct destination_state *d = &q->pacs[s->dest];
	struct lane *lane = &d->lanes[s->lane];
	struct df_why lost = {.err = DF_E_CANCELLED};

	if (!r->last) {
		if (r->msg != NULL && r->msg->type == DF_MSG_RESULT)
			result(s, r->msg);
		return;
	}
	for (size_t i = 0; i < s->n; i++)
		if (!s->settled[i])
			settle(s, i, DF_E_CANCELLED,
			       r->err != DF_OK ? &r->why : &lost, 0, false,
			       false);
	lane->busy = false;
	if (r->err == DF_OK)
		is_up(d, lane);
	if (r->err != DF_OK && !job_lost(r)) {
		is_down(q, d, lane, &r->why);
		rest(q, d, lane, r->msg);
	} else if (s->good == 0 && r->err == DF_OK && s->bad.err != DF_OK) {
		/* it took none, each for a reason of its own: not in a circle */
		is_down(q, d, lane, &s->bad);
	}
	df_log(DF_LOG_INFO, "send.done",
	       DF_F_NUM("instances", s->n), DF_F_NUM("good", s->good));
	free(s);
}

/* --- a SEND -------------------------------------------------------------------- */

static void put_instance(struct df_msg *m, const struct df_row_delivery *d,
			 const struct df_row_instance *row)
{
	struct df_msg item;

	df_msg_init(&item, DF_MSG_NONE, 0);
	df_msg_put_u64(&item, DF_M_KEY_NUMBER, (uint64_t)d->n);
	df_msg_put_str(&item, DF_M_SOP_CLASS, row->sop_class);
	df_msg_put_str(&item, DF_M_SOP_INSTANCE, row->sop_instance);
	df_msg_put_str(&item, DF_M_TRANSFER_SYNTAX, row->transfer_syntax);
	df_msg_put_u64(&item, DF_M_SIZE, row->size_bytes);
	df_msg_put_item(m, DF_M_INSTANCE, &item);
	df_msg_release(&item);
}

/* What may go, and why not otherwise. */
static bool may_go(struct queue *q, const struct df_row_delivery *d,
		   struct df_row_instance *row)
{
	bool purged;

	if (df_journal_instance(q->j, d->item, row) &&
	    (row->state == DF_INSTANCE_INSPECTED ||
	     row->state == DF_INSTANCE_PACKED))
		return true;
	purged = row->state == DF_INSTANCE_PURGED;
	(void)df_journal_delivery_move(
		q->j, d->n, DF_DELIVERY_DENIED, 0,
		purged ? DF_E_NOTFOUND : DF_E_CORRUPT,
		purged ? PURGED_TEXT : "the instance is in quarantine", 0);
	return false;
}

/* A portion of at most n; returns how many rows it took care of. */
static size_t start(struct queue *q, size_t i, size_t lane,
		    const struct df_row_delivery *rows, size_t n)
{
	struct send *s = df_xcalloc(1, sizeof *s);
	uint64_t bytes = 0;
	struct df_msg m;
	size_t k;

	s->q = q;
	s->dest = i;
	s->lane = lane;
	df_msg_init(&m, DF_MSG_SEND, 0);
	df_msg_put_str(&m, DF_M_DESTINATION, q->cfg->destinations[i].name);
	for (k = 0; k < n && s->n < PORTION_MAX && bytes < PORTION_BYTES;
	     k++) {
		struct df_row_instance row = {0};

		(void)df_journal_delivery_move(q->j, rows[k].n,
					       DF_DELIVERY_START, 0, DF_OK,
					       NULL, 0); /* it was due */
		if (!may_go(q, &rows[k], &row))
			continue;
		put_instance(&m, &rows[k], &row);
		bytes += row.size_bytes;
		s->deliveries[s->n] = rows[k].n;
		s->since_ms[s->n++] = rows[k].since_ms;
	}
	if (s->n == 0) {
		df_msg_release(&m);
		free(s);
		return k;
	}
	q->pacs[i].lanes[lane].busy = true;
	queue_call(q, link_to(q, i, lane), &m, NULL, 0, DF_MSG_JOB_DONE, 0,
		   send_reply, s);
	return k;
}

/* The next lane that can take a portion. One that does not answer is asked by
 * one lane only. */
static size_t lane_next(struct queue *q, size_t i, size_t from)
{
	const struct destination_state *d = &q->pacs[i];
	size_t n = (size_t)q->cfg->destinations[i].associations;

	if (d->window.failures > 0)
		for (size_t k = 0; k < n; k++)
			if (d->lanes[k].busy)
				return n;
	while (from < n &&
	       (d->lanes[from].busy || link_to(q, i, from) == NULL ||
		!df_window_open(&d->lanes[from].window, q->now)))
		from++;
	return from;
}

static void pump(struct queue *q, size_t i)
{
	static struct df_row_delivery rows[SEND_MAX]; /* one thread */
	size_t lanes = (size_t)q->cfg->destinations[i].associations;
	size_t lane = lane_next(q, i, 0), n, share, at = 0;

	if (lane >= lanes || !df_window_open(&q->pacs[i].window, q->now))
		return;
	n = df_journal_deliveries_due(q->j, DF_DELIVER_INSTANCE,
				      q->pacs[i].name, q->now, rows, SEND_MAX);
	share = (n + 2 * lanes - 1) / (2 * lanes);
	while (at < n && lane < lanes) {
		at += start(q, i, lane, rows + at,
			    n - at < share ? n - at : share);
		lane = lane_next(q, i, lane);
	}
}

void pacs_pump(struct queue *q)
{
	for (size_t i = 0; i < q->cfg->n_destinations; i++)
		pump(q, i);
}

/* --- fetching -------------------------------------------------------------------- */

static void fetch_again(void *ctx);

static void fetch_end(struct fetch *f, enum df_err rc, const struct df_why *why,
		      struct df_reply *r)
{
	struct fetch **at = &f->q->fetches;
	struct df_msg m;
	int fd = -1;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	object_doubt(f->q, &f->row.object, rc);
	df_msg_init(&m, DF_MSG_FETCHED, f->tag);
	if (rc == DF_OK && r->n_fds != 1)
		rc = DF_E_BUG;
	df_msg_put_result(&m, rc, why);
	df_msg_put_u64(&m, DF_M_KEY_NUMBER, (uint64_t)f->delivery);
	if (rc == DF_OK) {
		df_msg_copy(&m, r->msg, DF_M_SIZE);
		df_msg_copy(&m, r->msg, DF_M_TRANSFER_SYNTAX);
		fd = df_fd_take(&r->fds[0]);
	}
	if (f->link != NULL)
		queue_post(f->q, f->link, &m, &fd, fd >= 0 ? 1 : 0);
	df_msg_release(&m);
	df_fd_close(&fd);
	free(f);
}

unsigned pacs_takers(const struct queue *q)
{
	unsigned n = 0;

	for (size_t i = 0; i < q->cfg->n_destinations; i++) {
		const struct df_destination *d = &q->cfg->destinations[i];

		n += !is_stow(d) && d->compress <= DF_COMPRESS_NO &&
		     q->pacs[i].window.failures == 0 &&
		     df_route_destination(d, "");
	}
	return n;
}

/* Is it here as it is wanted? Then that was all. */
static bool is_given(struct fetch *f)
{
	struct restored_store *s = &f->q->restored;
	int fd = -1;
	struct df_msg m;
	struct df_reply r = {.msg = &m, .fds = &fd, .n_fds = 1};
	char syntax[65];
	uint64_t size = 0;

	if (f->row.state == DF_INSTANCE_PACKED &&
	    strcmp(f->form, "dataset") == 0)
		fd = restored_take(s, &f->row.object, f->row.record, &size,
				   syntax);
	if (fd >= 0 && f->n_wanted > 0 && strcmp(f->wanted[0], syntax) != 0)
		df_fd_close(&fd);
	if (fd < 0)
		return false;
	s->served++;
	df_msg_init(&m, DF_MSG_JOB_DONE, 0);
	df_msg_put_u64(&m, DF_M_SIZE, size);
	df_msg_put_str(&m, DF_M_TRANSFER_SYNTAX, syntax);
	fetch_end(f, DF_OK, NULL, &r);
	df_msg_release(&m);
	return true;
}

static void restored(void *ctx, struct df_reply *r)
{
	struct fetch *f = ctx;
	struct df_why why = {0};

	if (!job_lost(r)) {
		f->q->restored.decoded += r->err == DF_OK;
		fetch_end(f, r->err, &r->why, r);
		return;
	}
	if (++f->tries < FETCH_TRIES) {
		queue_later(f->q, RETRY_MS, fetch_again, f);
		return;
	}
	fetch_end(f,
		  df_fail(&why, DF_E_CORRUPT,
			  "each process that restored it died"),
		  &why, r);
}

static void fetch_opened(void *ctx, enum df_err rc, const struct df_why *why,
			 struct opened *o)
{
	struct fetch *f = ctx;
	struct job *job;

	if (rc != DF_OK || f->link == NULL) {
		fetch_end(f, rc != DF_OK ? rc : DF_E_CANCELLED, why, NULL);
		return;
	}
	job = job_new(f->q, DF_MSG_RESTORE, WORK_RESTORE, f->row.study, f);
	df_msg_put_u64(&job->m, DF_M_KIND,
		       f->row.in_parcel ? DF_SOURCE_PARCEL : DF_SOURCE_RAW);
	opened_put(&job->m, o);
	df_msg_put_u64(&job->m, DF_M_RECORD, f->row.record);
	for (size_t i = 0; i < f->n_wanted; i++)
		df_msg_put_str(&job->m, DF_M_TRANSFER_SYNTAX, f->wanted[i]);
	df_msg_put_str(&job->m, DF_M_FORM, f->form);
	job_fd(job, df_fd_take(&o->fd));
	job->priority += 1; /* somebody waits with an open association */
	job->suspect = f->tries > 0;
	job->done = restored;
	job_submit(job);
}

static void fetch_again(void *ctx)
{
	struct fetch *f = ctx;
	struct df_row_delivery d;
	struct df_why why = {0};

	if (!df_journal_delivery(f->q->j, f->delivery, &d) ||
	    d.kind != DF_DELIVER_INSTANCE ||
	    !df_journal_instance(f->q->j, d.item, &f->row)) {
		fetch_end(f, df_fail(&why, DF_E_NOTFOUND, "no such delivery"),
			  &why, NULL);
		return;
	}
	if (!is_given(f))
		object_open(f->q, &f->row.object, f->row.in_parcel, f->row.peer,
			    fetch_opened, f);
}

/* Does an urgent instance wait for the place of this one, which is not? */
static bool gives_way(struct queue *q, int64_t delivery)
{
	struct df_row_delivery own, first;

	return df_journal_delivery(q->j, delivery, &own) &&
	       own.kind == DF_DELIVER_INSTANCE && own.priority == 0 &&
	       df_journal_deliveries_due(q->j, own.kind, own.dest, q->now,
					 &first, 1) == 1 &&
	       first.priority > 0;
}

QUEUE_HANDLER(fetch)
{
	struct queue *q = queue_of(room);
	struct fetch *f = df_xcalloc(1, sizeof *f);
	struct df_why why = {0};
	struct df_text ts;
	uint64_t key = 0;
	size_t at = 0;

	(void)fds, (void)n_fds;
	f->q = q;
	f->link = from;
	f->tag = m->tag;
	f->next = q->fetches;
	q->fetches = f;
	(void)df_msg_get_u64(m, DF_M_KEY_NUMBER, &key); /* 0: not found */
	f->delivery = (int64_t)key;
	if (!df_msg_get_str(m, DF_M_FORM, f->form, sizeof f->form))
		df_str_fmt(f->form, sizeof f->form, "dataset");
	/* none: the original */
	while (f->n_wanted < WANTED_MAX &&
	       df_msg_next(m, DF_M_TRANSFER_SYNTAX, &at, &ts))
		if (df_str_copy(f->wanted[f->n_wanted],
				sizeof f->wanted[0], ts) == DF_OK)
			f->n_wanted++;
	if (gives_way(q, f->delivery))
		fetch_end(f,
			  df_fail(&why, DF_E_CANCELLED,
				  "an urgent study goes first"),
			  &why, NULL);
	else
		fetch_again(f);
}

void deliver_link_down(struct queue *q, struct df_link *link)
{
	for (struct fetch *f = q->fetches; f != NULL; f = f->next)
		if (f->link == link)
			f->link = NULL;
	if (link->role == DF_ROLE_DELIVER_HTTPS)
		for (size_t i = 0; i < q->cfg->n_peers; i++)
			q->peers[i].polling = q->peers[i].pulling;
}
