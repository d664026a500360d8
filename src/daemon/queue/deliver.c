/*
 * deliver.c - parcels and manifests to the peers that we dial.
 *
 * Parcels by offset, several at a time, in the journal's order; those of urgent
 * studies have places of their own, so that they need not wait for one. The
 * peer knows what it holds, so nothing is lost by asking again. A manifest
 * follows when all parcels of its study are there; only a receipt that keys
 * verified, and that matches, confirms them.
 */
#include <stdlib.h>
#include <string.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"
#include "df/receipt.h"
#include "queue.h"

#define PARCELS_MAX 24 /* under way to one peer */
#define SOON_MS 1000

struct parcel_job {
	struct parcel_job *next;
	struct queue *q;
	size_t peer;
	int64_t delivery;
	int64_t study;
	char hex[33];
	bool urgent;
	int64_t since_ms;
	struct df_id object;
};

struct manifest_job {
	struct queue *q;
	size_t peer;
	size_t place; /* among those under way */
	struct df_row_manifest m;
	struct df_buf receipt;
	struct df_buf signature;
};

int64_t object_again(struct queue *q, int64_t since_ms)
{
	return df_retry_next(q->now, since_ms, q->cfg->retry.min_s * 1000,
			     q->cfg->retry.max_s * 1000, queue_chance());
}

void destination_bad(struct queue *q, struct destination_state *d,
		     const struct df_why *why)
{
	if (d->window.failures == 0)
		df_log(DF_LOG_WARN, "destination.down", DF_F_ERR(why));
	df_window_bad(&d->window, q->now, q->cfg->retry.min_s * 1000,
		      q->cfg->retry.max_s * 1000, queue_chance());
	d->last = *why;
}

static void good(struct destination_state *d)
{
	df_window_good(&d->window);
	d->last = (struct df_why){0};
}

/* The poll of the mailbox met the line: what waits for it goes at once. */
QUEUE_HANDLER(line)
{
	struct queue *q = queue_of(room);
	struct df_why why = {0};
	enum df_err err = df_msg_result(m, &why);
	struct df_text name;

	(void)from, (void)fds, (void)n_fds;
	if (!df_msg_get(m, DF_M_DESTINATION, &name))
		df_bug("word of a line without its name");
	for (size_t i = 0; i < q->cfg->n_peers; i++) {
		struct destination_state *d = &q->peers[i];

		if (!df_text_eq(name, d->name))
			continue;
		d->remark[0] = '\0';
		(void)df_msg_get_str(m, DF_M_REASON, d->remark,
				     sizeof d->remark); /* mostly absent */
		if (err != DF_OK && d->window.failures == 0)
			destination_bad(q, d, &why);
		else if (err != DF_OK)
			d->last = why; /* another reason by now */
		if (err == DF_OK && d->window.failures > 0) {
			df_log(DF_LOG_INFO, "destination.up");
			good(d);
		}
	}
}

/* --- parcels ----------------------------------------------------------------
 */

static uint64_t priority_of(uint32_t priority, int64_t due_ms)
{
	return (uint64_t)due_ms + (priority > 0 ? 0 : DF_PRIORITY_ROUTINE);
}

static void job_begin(struct destination_state *d, struct parcel_job *p)
{
	d->under_way++;
	d->urgent += p->urgent;
	p->next = d->jobs;
	d->jobs = p;
}

static void job_end(struct destination_state *d, struct parcel_job *p)
{
	struct parcel_job **at = &d->jobs;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	d->under_way--;
	d->urgent -= p->urgent;
}

void study_urge(struct queue *q, int64_t study)
{
	struct df_row_study s;
	struct df_msg m;

	df_journal_study_priority(q->j, study, 1);
	linked_let_go(q, study);
	df_sched_urge(&q->sched, (uint64_t)study, JOB_URGENT);
	q->pack_look = q->urgent_look = q->manifest_look = true;
	if (!df_journal_study(q->j, study, &s))
		return;
	df_log(DF_LOG_INFO, "study.urgent", DF_F_UID("study", s.uid));
	for (size_t i = 0; i < q->cfg->n_peers; i++) {
		struct destination_state *d = &q->peers[i];

		for (struct parcel_job *p = d->jobs; p != NULL; p = p->next) {
			if (p->study != study || p->urgent)
				continue;
			p->urgent = true;
			d->urgent++;
			df_msg_init(&m, DF_MSG_PARCEL_URGE, 0);
			df_msg_put_str(&m, DF_M_DESTINATION, d->name);
			df_msg_put_str(&m, DF_M_PARCEL, p->hex);
			df_msg_put_u64(&m, DF_M_PRIORITY,
				       priority_of(1, s.opened_ms));
			queue_post(q, queue_https(q), &m, NULL, 0);
		}
	}
}

static void parcel_done(void *ctx, struct df_reply *r)
{
	struct parcel_job *p = ctx;
	struct queue *q = p->q;
	struct destination_state *d = &q->peers[p->peer];

	if (!r->last)
		return; /* PROGRESS: the peer remembers it for us */
	job_end(d, p);
	q->manifest_look = q->pack_look = true;
	if (r->err == DF_OK) {
		good(d);
		(void)df_journal_delivery_move(q->j, p->delivery,
					       DF_DELIVERY_TAKEN, 0, DF_OK,
					       NULL, 0); /* it was sending */
		free(p);
		return;
	}
	switch (df_retry_blame(r->err)) {
	case DF_BLAME_DESTINATION:
		(void)df_journal_delivery_move(q->j, p->delivery,
					       DF_DELIVERY_LOST, 0, r->err,
					       r->why.text, 0); /* same */
		if (!job_lost(r))
			destination_bad(q, d, &r->why);
		break;
	case DF_BLAME_OBJECT_LATER:
		(void)df_journal_delivery_move(
			q->j, p->delivery, DF_DELIVERY_FAILED,
			object_again(q, p->since_ms), r->err, r->why.text, 0);
		object_doubt(q, &p->object, r->err); /* the line, or us? */
		break;
	case DF_BLAME_OBJECT:
		(void)df_journal_delivery_move(q->j, p->delivery,
					       DF_DELIVERY_DENIED, 0, r->err,
					       r->why.text, 0);
		df_log(DF_LOG_ERROR, "parcel.refused", DF_F_ERR(&r->why));
		object_doubt(q, &p->object, DF_E_CORRUPT);
		break;
	}
	free(p);
}

static void send_parcel(struct queue *q, size_t i,
			const struct df_row_delivery *row)
{
	struct parcel_job *p;
	struct df_row_parcel parcel;
	struct df_why why = {0};
	struct df_msg m;
	int fd = -1;

	if (df_journal_parcel(q->j, row->item, &parcel) &&
	    parcel.state == DF_PARCEL_PURGED) {
		/* to a peer that was not configured when it was let go */
		(void)df_journal_delivery_move(q->j, row->n, DF_DELIVERY_START,
					       0, DF_OK, NULL, 0);
		(void)df_journal_delivery_move(q->j, row->n, DF_DELIVERY_DENIED,
					       0, DF_E_NOTFOUND, PURGED_TEXT, 0);
		return;
	}
	if (!df_journal_parcel(q->j, row->item, &parcel) ||
	    df_spool_object(&q->sp, &parcel.object, &fd, &why) != DF_OK) {
		df_log(DF_LOG_ERROR, "parcel.unreadable", DF_F_ERR(&why));
		(void)df_journal_delivery_move(q->j, row->n, DF_DELIVERY_START,
					       0, DF_OK, NULL, 0);
		(void)df_journal_delivery_move(q->j, row->n, DF_DELIVERY_FAILED,
					       object_again(q, row->since_ms),
					       DF_E_CORRUPT, why.text, 0);
		return;
	}
	(void)df_journal_delivery_move(q->j, row->n, DF_DELIVERY_START, 0,
				       DF_OK, NULL, 0); /* it was due */
	p = df_xmalloc(sizeof *p);
	*p = (struct parcel_job){.q = q,
				 .peer = i,
				 .delivery = row->n,
				 .study = row->study,
				 .urgent = row->priority > 0,
				 .since_ms = row->since_ms,
				 .object = parcel.object};
	memcpy(p->hex, parcel.hex, sizeof p->hex);
	job_begin(&q->peers[i], p);
	df_msg_init(&m, DF_MSG_PARCEL_SEND, 0);
	df_msg_put_str(&m, DF_M_DESTINATION, q->cfg->peers[i].name);
	df_msg_put_str(&m, DF_M_PARCEL, parcel.hex);
	df_msg_put_u64(&m, DF_M_LENGTH, parcel.dfenv_len);
	if (q->first_made > 0 && parcel.n >= q->first_made &&
	    row->tries == 0 && row->err == DF_OK)
		df_msg_put_u64(&m, DF_M_OFFSET, 0);
	df_msg_put_u64(&m, DF_M_PRIORITY,
		       priority_of(row->priority, row->due_ms));
	queue_call(q, queue_https(q), &m, &fd, 1, DF_MSG_JOB_DONE, 0,
		   parcel_done, p);
}

/* --- manifests
 * ---------------------------------------------------------------- */

static void manifest_over(struct manifest_job *j)
{
	j->q->peers[j->peer].manifests[j->place] = 0;
	j->q->manifest_look = true;
	df_buf_release(&j->receipt);
	df_buf_release(&j->signature);
	free(j);
}

static void manifest_later(struct manifest_job *j, int64_t next_ms,
			   const struct df_why *why)
{
	df_journal_manifest_settle(j->q->j, j->m.n, DF_MANIFEST_WAITING,
				   next_ms, why->err, why->text);
	manifest_over(j);
}

static struct df_text text_of(const struct df_buf *b)
{
	return (struct df_text){(const char *)b->ptr, b->len};
}

/* Does the receipt say that all of exactly this manifest is held there? */
static enum df_err receipt_fits(struct manifest_job *j, struct df_why *why)
{
	struct df_receipt r = {0};
	struct df_manifest m = {0};
	struct df_buf text;
	enum df_err rc;

	df_buf_init(&text, DF_MANIFEST_BYTES_MAX);
	if (!df_journal_manifest_text(j->q->j, j->m.n, &text, NULL))
		rc = df_fail(why, DF_E_NOTFOUND, "manifest is gone");
	else
		rc = df_manifest_decode(text_of(&text), &m, why);
	if (rc == DF_OK)
		rc = df_receipt_decode(text_of(&j->receipt), &r, why);
	if (rc == DF_OK)
		rc = df_receipt_match(&r, &m, &j->m.digest, why);
	if (rc == DF_OK &&
	    strcmp(r.centre_node.s, j->q->cfg->peers[j->peer].fingerprint) != 0)
		rc = df_fail(why, DF_E_SENDER, "receipt of another node");
	df_manifest_release(&m);
	df_buf_release(&text);
	return rc;
}

static void receipt_checked(void *ctx, struct df_reply *r)
{
	struct manifest_job *j = ctx;
	struct df_why why = r->why;
	struct df_row_study s;

	if (r->err != DF_OK || receipt_fits(j, &why) != DF_OK) {
		df_log(DF_LOG_ERROR, "receipt.refused", DF_F_ERR(&why));
		manifest_later(j, object_again(j->q, j->m.since_ms), &why);
		return;
	}
	df_journal_manifest_receipt(j->q->j, &j->m, text_of(&j->receipt),
				    text_of(&j->signature));
	if (df_journal_study(j->q->j, j->m.study, &s))
		df_log(DF_LOG_INFO, "study.receipted", DF_F_UID("study", s.uid),
		       DF_F_NUM("version", j->m.version));
	manifest_over(j);
}

static void check_receipt(struct manifest_job *j)
{
	struct queue *q = j->q;
	struct df_why why = {0};
	struct df_msg m;
	int fd = text_fd("receipt", text_of(&j->receipt), &why);

	if (fd < 0) {
		manifest_later(j, q->now + SOON_MS, &why);
		return;
	}
	df_msg_init(&m, DF_MSG_CHECK_RQ, 0);
	df_msg_put_str(&m, DF_M_PURPOSE, "receipt");
	df_msg_put_str(&m, DF_M_PEER, q->cfg->peers[j->peer].fingerprint);
	df_msg_put_text(&m, DF_M_SIGNATURE, text_of(&j->signature));
	queue_call(q, queue_keys(q), &m, &fd, 1, DF_MSG_NONE, CALL_MS,
		   receipt_checked, j);
}

/* Parcels that the peer does not hold go again. */
static void send_missing(struct manifest_job *j, const struct df_msg *m)
{
	struct df_row_parcel p;
	struct df_row_delivery d;
	struct df_text hex;
	char text[33];
	size_t at = 0;

	while (df_msg_next(m, DF_M_MISSING, &at, &hex))
		if (df_str_copy(text, sizeof text, hex) == DF_OK &&
		    df_journal_parcel_find(j->q->j, text, &p) &&
		    df_journal_delivery_find(j->q->j, DF_DELIVER_PARCEL, p.n,
					     j->m.dest, &d))
			(void)df_journal_delivery_move(
				j->q->j, d.n, DF_DELIVERY_MISSING, 0, DF_OK,
				"the peer does not hold it", 0);
}

static void manifest_done(void *ctx, struct df_reply *r)
{
	struct manifest_job *j = ctx;
	struct queue *q = j->q;
	struct df_text receipt, signature;

	if (!r->last)
		return;
	if (r->err == DF_OK && df_msg_get(r->msg, DF_M_RECEIPT, &receipt) &&
	    df_msg_get(r->msg, DF_M_SIGNATURE, &signature) &&
	    df_buf_add(&j->receipt, receipt.ptr, receipt.len, NULL) == DF_OK &&
	    df_buf_add(&j->signature, signature.ptr, signature.len, NULL) ==
		    DF_OK) {
		good(&q->peers[j->peer]);
		check_receipt(j);
		return;
	}
	if (r->msg != NULL && (r->err == DF_OK || r->err == DF_E_AGAIN)) {
		good(&q->peers[j->peer]);
		send_missing(j, r->msg);
		manifest_later(j, q->now + SOON_MS, &r->why);
		return;
	}
	if (df_retry_blame(r->err) == DF_BLAME_DESTINATION && !job_lost(r))
		destination_bad(q, &q->peers[j->peer], &r->why);
	manifest_later(j,
		       job_lost(r) ? q->now + SOON_MS
				   : object_again(q, j->m.since_ms),
		       &r->why);
}

static void send_manifest(struct queue *q, size_t i, size_t place,
			  const struct df_row_manifest *row, bool urgent)
{
	struct manifest_job *j = df_xcalloc(1, sizeof *j);
	struct df_buf text, signature;
	struct df_row_study s;
	struct df_why why = {0};
	struct df_msg m;
	int fd = -1;

	*j = (struct manifest_job){
		.q = q, .peer = i, .place = place, .m = *row};
	df_buf_init(&j->receipt, DF_RECEIPT_BYTES_MAX);
	df_buf_init(&j->signature, DF_MSG_SMALL);
	df_buf_init(&text, DF_MANIFEST_BYTES_MAX);
	df_buf_init(&signature, DF_MSG_SMALL);
	q->peers[i].manifests[place] = row->n;
	if (df_journal_study(q->j, row->study, &s) &&
	    df_journal_manifest_text(q->j, row->n, &text, &signature))
		fd = text_fd("manifest", text_of(&text), &why);
	if (fd < 0) {
		manifest_later(j, q->now + SOON_MS, &why);
	} else {
		df_msg_init(&m, DF_MSG_MANIFEST_SEND, 0);
		df_msg_put_str(&m, DF_M_DESTINATION, q->cfg->peers[i].name);
		df_msg_put_str(&m, DF_M_STUDY, s.uid);
		df_msg_put_u64(&m, DF_M_VERSION, row->version);
		df_msg_put_u64(&m, DF_M_PRIORITY, priority_of(urgent, 0));
		df_msg_put_text(&m, DF_M_SIGNATURE, text_of(&signature));
		queue_call(q, queue_https(q), &m, &fd, 1, DF_MSG_JOB_DONE, 0,
			   manifest_done, j);
	}
	df_buf_release(&text);
	df_buf_release(&signature);
}

/* One at a time: the next is asked about when the peer has said what it makes
 * of this one. That of an urgent study does not wait for it. */
static void pump_manifests(struct queue *q, size_t i)
{
	struct destination_state *d = &q->peers[i];
	struct df_row_manifest rows[3];
	size_t n = df_journal_manifests_due(q->j, d->name, q->now, rows, 3);

	for (size_t k = 0; k < n; k++) {
		struct df_row_study s = {.priority = 0};

		if (rows[k].n == d->manifests[0] || rows[k].n == d->manifests[1])
			continue;
		if (!df_journal_study(q->j, rows[k].study, &s))
			continue;
		if (d->manifests[0] == 0)
			send_manifest(q, i, 0, &rows[k], s.priority > 0);
		else if (s.priority > 0 && d->manifests[1] == 0)
			send_manifest(q, i, 1, &rows[k], true);
	}
}

static void pump_parcels(struct queue *q, size_t i)
{
	struct df_row_delivery rows[PARCELS_MAX];
	struct destination_state *d = &q->peers[i];
	const uint32_t routine = d->under_way - d->urgent;
	/* urgent ones stand first: without a place only one is looked at */
	size_t most = routine < PARCELS_MAX ? PARCELS_MAX : 1;
	size_t n = df_journal_deliveries_due(q->j, DF_DELIVER_PARCEL, d->name,
					     q->now, rows, most);

	for (size_t k = 0; k < n; k++)
		if (rows[k].priority > 0
			    ? d->urgent < PARCELS_MAX
			    : d->under_way - d->urgent < PARCELS_MAX)
			send_parcel(q, i, &rows[k]);
}

void deliver_pump(struct queue *q)
{
	const bool look = q->manifest_look;

	if (queue_https(q) == NULL)
		return;
	q->manifest_look = false;
	for (size_t i = 0; i < q->cfg->n_peers; i++) {
		if (!df_window_open(&q->peers[i].window, q->now))
			continue;
		pump_parcels(q, i);
		if (look)
			pump_manifests(q, i);
	}
}
