/*
 * send.c - a SEND job: each instance gets its own RESULT, so that only what
 * failed is sent again.
 *
 * A destination failure (no association, several lost ones, a PACS that is
 * full) ends the job with that error and costs the instances nothing. An
 * object failure (no context, a Cxxx status, cannot be restored) is the
 * RESULT of that instance and the job goes on. An association that was lost
 * over an instance is the line's fault until a second one is.
 */
#include "deliver.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "df/file.h"
#include "df/log.h"

#define LOSSES_MAX 3 /* associations lost, or refusals for want of room */
#define ITEM_LOSSES_MAX 2
#define ITEMS_MAX 100000
/* Restored ahead of the wire, as far as memory may be spent on it. */
#define AHEAD_MAX 3
#define AHEAD_BYTES (8u << 20)

struct run {
	struct deliver *d;
	struct job job;
	unsigned losses;
	bool queue_lost;
};

static void settle(struct run *r, struct item *it, enum df_err err,
		   uint64_t status, bool has_status, const char *syntax,
		   const struct df_why *why)
{
	struct df_msg m;

	df_msg_init(&m, DF_MSG_RESULT, r->job.tag);
	df_msg_put_u64(&m, DF_M_KEY_NUMBER, it->key);
	df_msg_put_result(&m, err, why);
	if (has_status)
		df_msg_put_u64(&m, DF_M_STATUS, status);
	df_msg_put_opt(&m, DF_M_TRANSFER_SYNTAX, syntax);
	if (err == DF_OK && association_offers_commitment(r->d))
		df_msg_put_u64(&m, DF_M_COMMITMENT, 1);
	if (df_room_send(deliver_queue(r->d), &m, NULL, 0) != DF_OK)
		r->queue_lost = true;
	it->settled = true;
}

static enum df_err decode_items(struct job *job, const struct df_msg *m,
				struct df_why *why)
{
	struct df_msg item;
	size_t at = 0, n = 0;

	while (df_msg_next_item(m, DF_M_INSTANCE, &at, &item))
		n++;
	if (n == 0 || n > ITEMS_MAX)
		return df_fail(why, DF_E_FORMAT, "SEND of %zu instances", n);
	job->items = df_xcalloc(n, sizeof *job->items);
	for (at = 0; df_msg_next_item(m, DF_M_INSTANCE, &at, &item);) {
		struct item *it = &job->items[job->n++];

		if (!df_msg_get_u64(&item, DF_M_KEY_NUMBER, &it->key) ||
		    !df_msg_get_str(&item, DF_M_SOP_CLASS, it->sop_class,
				    sizeof it->sop_class) ||
		    !df_msg_get_str(&item, DF_M_SOP_INSTANCE, it->sop_instance,
				    sizeof it->sop_instance) ||
		    !df_msg_get_str(&item, DF_M_TRANSFER_SYNTAX,
				    it->transfer_syntax,
				    sizeof it->transfer_syntax))
			return df_fail(why, DF_E_FORMAT,
				       "SEND with an incomplete instance");
		/* absent: large, for all we know */
		if (!df_msg_get_u64(&item, DF_M_SIZE, &it->size_bytes))
			it->size_bytes = AHEAD_BYTES;
	}
	return DF_OK;
}

/*
 * The next instance that this association can carry, and its transfer
 * syntaxes; those that it never could are settled on the way. False: none.
 */
static bool next_item(struct run *r, size_t from, struct fetch *f)
{
	size_t i;

	*f = (struct fetch){0};
	for (i = from; i < r->job.n; i++) {
		struct item *it = &r->job.items[i];
		struct df_why why = {0};

		if (it->settled || !association_covers(r->d, r->job.to, it))
			continue;
		f->item = i;
		f->n = association_syntaxes(r->d, r->job.to, it, f->syntaxes);
		if (f->n > 0)
			return true;
		(void)df_fail(&why, DF_E_UNSUPPORTED,
			      "'%s' accepts class %s neither in its transfer "
			      "syntax %s nor in one it could be brought to "
			      "without loss",
			      r->job.to->name, it->sop_class,
			      it->transfer_syntax);
		settle(r, it, DF_E_UNSUPPORTED, 0, false, NULL, &why);
	}
	return false;
}

static enum df_err store_bytes(struct run *r, struct item *it,
			       const char *syntax, int fd, uint64_t size_bytes,
			       struct df_store_rsp *rsp, struct df_why *why)
{
	struct df_store_rq rq = {0};
	uint64_t there = 0;
	enum df_err rc = df_fd_size(fd, &there, why);
	void *p;

	if (rc != DF_OK)
		return rc;
	if (size_bytes == 0 || there < size_bytes)
		return df_fail(why, DF_E_TRUNC, "a restored object is short");
	p = mmap(NULL, size_bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return df_fail_sys(why, DF_E_NOMEM, "cannot map an object");
	df_str_fmt(rq.sop_class, sizeof rq.sop_class, "%s", it->sop_class);
	df_str_fmt(rq.sop_instance, sizeof rq.sop_instance, "%s",
		   it->sop_instance);
	df_str_fmt(rq.transfer_syntax, sizeof rq.transfer_syntax, "%s", syntax);
	rc = df_dimse_store(r->d->open, &rq, p, size_bytes, rsp, why);
	(void)munmap(p, size_bytes); /* nothing to be done when it fails */
	return rc;
}

static bool is_lost_association(enum df_err rc)
{
	return rc == DF_E_PEER || rc == DF_E_TIMEOUT || rc == DF_E_FORMAT ||
	       rc == DF_E_IO;
}

/*
 * Was it the compressed form that it could not take, though it had said so?
 * Then the original follows, and the others go like that at once.
 */
static bool is_form_refused(struct run *r, struct item *it, const char *syntax,
			    uint16_t status)
{
	if (strcmp(syntax, it->transfer_syntax) == 0 || it->plain ||
	    !df_dimse_accepts(r->d->open, it->sop_class, it->transfer_syntax) ||
	    ((status & 0xff00) != 0xa900 && (status & 0xf000) != 0xc000 &&
	     status != 0x0110))
		return false;
	df_log(DF_LOG_WARN, "compressed.refused",
	       DF_F_UID("transfer_syntax", syntax),
	       DF_F_NUM("status", status));
	it->plain = true;
	r->d->incapable = true;
	return true;
}

/* One instance whose bytes are there. Returns a destination failure. */
static enum df_err store_one(struct run *r, const struct fetch *f, int fd,
			     uint64_t size_bytes, struct df_why *why)
{
	struct item *it = &r->job.items[f->item];
	const char *syntax = f->syntaxes[0];
	struct df_store_rsp rsp = {0};
	struct df_why mine = {0};
	enum df_err rc;

	rc = store_bytes(r, it, syntax, fd, size_bytes, &rsp, &mine);
	if (is_lost_association(rc)) {
		association_end(r->d, true);
		if (++it->losses >= ITEM_LOSSES_MAX)
			settle(r, it, rc, 0, false, syntax, &mine);
		*why = mine;
		return ++r->losses >= LOSSES_MAX ? rc : DF_OK;
	}
	if (rc != DF_OK) {
		settle(r, it, rc, 0, false, syntax, &mine);
		return DF_OK;
	}
	rc = df_store_status_err(rsp.status);
	if (rc == DF_OK && rsp.status != 0)
		df_log(DF_LOG_WARN, "store.remark",
		       DF_F_UID("instance", it->sop_instance),
		       DF_F_NUM("status", rsp.status));
	if (rc != DF_OK && is_form_refused(r, it, syntax, rsp.status))
		return DF_OK;
	if (rc != DF_OK)
		(void)df_fail(&mine, rc, "C-STORE status %04x from '%s'",
			      rsp.status, r->job.to->name);
	settle(r, it, rc, rsp.status, true, syntax, &mine);
	if (rc != DF_E_NOSPACE)
		return DF_OK;
	*why = mine;
	return ++r->losses >= LOSSES_MAX ? rc : DF_OK;
}

/* What was asked for and has not come. */
struct ahead {
	struct fetch list[AHEAD_MAX];
	size_t n;
	size_t next; /* item, to be looked at */
	uint64_t bytes;
};

static void ask_ahead(struct run *r, struct ahead *a)
{
	struct fetch f;

	while (a->n < AHEAD_MAX && (a->n == 0 || a->bytes < AHEAD_BYTES) &&
	       next_item(r, a->next, &f)) {
		a->next = f.item + 1;
		a->bytes += r->job.items[f.item].size_bytes;
		fetch_ask(r->d, &r->job, &f);
		a->list[a->n++] = f;
	}
}

static struct fetch taken(struct run *r, struct ahead *a, size_t which)
{
	struct fetch f = a->list[which];

	a->bytes -= r->job.items[f.item].size_bytes;
	a->list[which] = a->list[--a->n];
	return f;
}

/*
 * Sends what the open association can carry, as it comes from queue, which
 * restores some while others are on the wire. Ends early when the association
 * is lost: what comes then is passed over.
 */
static enum df_err run_association(struct run *r, struct df_why *why)
{
	struct ahead ahead = {0};
	enum df_err rc = DF_OK;

	ask_ahead(r, &ahead);
	while (ahead.n > 0 && rc == DF_OK && r->d->open != NULL &&
	       !r->queue_lost && !df_room_draining(r->d->room)) {
		struct df_why mine = {0};
		uint64_t size_bytes = 0;
		struct fetch now;
		size_t which = 0;
		int fd = -1;

		rc = fetch_wait(r->d, ahead.list, ahead.n, &which, &fd,
				&size_bytes, &r->queue_lost, &mine);
		if (r->queue_lost)
			break;
		now = taken(r, &ahead, which);
		ask_ahead(r, &ahead);
		if (rc == DF_OK)
			rc = store_one(r, &now, fd, size_bytes, why);
		else {
			settle(r, &r->job.items[now.item], rc, 0, false,
			       now.syntaxes[0], &mine);
			rc = DF_OK;
		}
		df_fd_close(&fd);
	}
	return rc;
}

static bool all_settled(const struct job *job)
{
	size_t i;

	for (i = 0; i < job->n; i++)
		if (!job->items[i].settled)
			return false;
	return true;
}

static enum df_err run(struct run *r, struct df_why *why)
{
	while (!all_settled(&r->job)) {
		enum df_err rc = association_for(r->d, &r->job, why);

		if (rc == DF_OK)
			rc = run_association(r, why);
		if (rc != DF_OK || r->queue_lost)
			return rc;
		if (df_room_draining(r->d->room))
			return df_fail(why, DF_E_CANCELLED,
				       "the node is stopping");
	}
	return DF_OK;
}

enum df_err send_run(struct deliver *d, const struct df_msg *m,
		     struct df_why *why)
{
	struct run r = {.d = d, .job = {.tag = m->tag}};
	struct df_why mine = {0};
	enum df_err rc = DF_OK;

	r.job.to = job_destination(d, m, &mine);
	if (r.job.to == NULL)
		rc = mine.err;
	else
		rc = decode_items(&r.job, m, &mine);
	if (rc == DF_OK)
		rc = run(&r, &mine);
	if (rc != DF_OK)
		df_log(DF_LOG_WARN, "send.stopped", DF_F_ERR(&mine));
	free(r.job.items);
	if (r.queue_lost)
		return df_fail(why, DF_E_PEER, "queue is gone");
	job_done(d, m->tag, rc, &mine, NULL);
	return DF_OK;
}
