/*
 * inspection.c - raw objects that nobody has looked into yet.
 *
 * A cell opens one, reads it, and says what it is; or it says why it cannot
 * be used, or it dies. The dispatch is recorded first: an object on which
 * DEATHS_MAX cells crashed (or three times as many were killed) goes to
 * quarantine.
 */
#include <stdlib.h>
#include <string.h>

#include "df/decision.h"
#include "df/file.h"
#include "df/log.h"
#include "df/route.h"
#include "queue.h"

#define UNDER_WAY_MAX 6
#define UNACKED_MAX 2000 /* facts that may wait in memory for the index */

struct inspect {
	struct queue *q;
	int64_t n;
	bool again; /* only for the facts; it was understood before */
	unsigned tries;
	struct seen_list seen;
};

static void begin(void *ctx);

static uint32_t *places(const struct inspect *in)
{
	return in->again ? &in->q->facts.under_way : &in->q->inspect.under_way;
}

static void over(struct inspect *in)
{
	--*places(in);
	in->q->inspect.more = true;
	seen_release(&in->seen);
	free(in);
}

/* The study that a person will look into, when the data set names one. */
static int64_t study_of(struct inspect *in, const struct df_row_instance *row)
{
	const struct seen *s = in->seen.v;
	struct df_row_study study = {.n = row->study};

	if (in->seen.n == 1 && df_uid_valid(df_text_of(s->study_uid)) &&
	    !df_journal_study_find(in->q->j, s->study_uid, "", &study))
		df_journal_study_touch(in->q->j, s->study_uid, "", row->calling,
				       row->received_ms, &study);
	return study.n;
}

static void quarantine(struct inspect *in, const char *reason)
{
	struct queue *q = in->q;
	struct df_row_instance row;
	enum df_instance_state to;

	if (!df_journal_instance(q->j, in->n, &row) ||
	    !df_instance_may(row.state, DF_INSTANCE_REJECTED, &to))
		return;
	df_log(DF_LOG_WARN, "instance.quarantined", DF_F_ID(&row.object),
	       DF_F_UID("sop_instance", row.sop_instance));
	df_journal_instance_settle(q->j, in->n, to, study_of(in, &row),
				   row.series, 0, reason);
	queue_aside(q, &row.object);
}

/* A report that was written here about a peer's study goes back to it. */
static uint32_t report_flag(struct queue *q, const struct seen *s)
{
	struct df_row_study study;

	if (!df_route_is_report(s->row.sop_class))
		return DF_REPORTING_NONE;
	/* a centre's reports are about clinics' studies, if not yet known */
	return q->cfg->node.role == DF_NODE_CENTRE ||
			       df_journal_study_find(q->j, s->study_uid, NULL,
						     &study)
		       ? DF_REPORTING_DUE
		       : DF_REPORTING_NONE;
}

static void understood(struct inspect *in)
{
	struct queue *q = in->q;
	struct seen *s = &in->seen.v[0];
	struct df_row_instance row;
	struct df_row_study study = {0};

	if (!df_journal_instance(q->j, in->n, &row))
		return;
	if (!in->again) {
		df_journal_study_touch(q->j, s->study_uid, "", row.calling,
				       row.received_ms, &study);
		if (study.priority == 0 && acceptance_is_urgent(q, row.calling))
			study_urge(q, study.n); /* study is as before */
		df_journal_instance_settle(
			q->j, in->n,
			df_instance_next(row.state, DF_INSTANCE_UNDERSTOOD),
			study.n, s->row.series, report_flag(q, s), "");
		q->urgent_look = q->urgent_look || study.priority > 0;
		if (study.sequence == 0 || pack_is_awaited(q))
			q->pack_look = true; /* else at the next tick */
	}
	if (!df_journal_instance(q->j, in->n, &row))
		return;
	instance_route(q, &row);
	facts_put(q, in->n, &s->facts, &row);
}

/* The first is never overwritten; a person decides. */
static bool is_rival(struct inspect *in)
{
	struct df_row_instance row;

	return !in->again && df_journal_instance(in->q->j, in->n, &row) &&
	       !df_journal_is_released(in->q->j, in->n) &&
	       df_journal_instance_rival(in->q->j, &row);
}

static void doubt(struct inspect *in, enum df_err rc)
{
	struct df_row_instance row;

	if (df_journal_instance(in->q->j, in->n, &row))
		object_doubt(in->q, &row.object, rc);
}

/* Its death was counted when it was dispatched. */
static void retry_lost(struct inspect *in)
{
	seen_release(&in->seen);
	queue_later(in->q, RETRY_MS, begin, in);
}

static void begin_again(void *ctx)
{
	++*places(ctx);
	begin(ctx);
}

static void retry(struct inspect *in)
{
	if (++in->tries < TRIES_MAX) {
		retry_lost(in);
		return;
	}
	in->tries = 0;
	--*places(in);
	in->q->inspect.more = true;
	seen_release(&in->seen);
	queue_later(in->q, ASIDE_MS, begin_again, in);
}

static void done(void *ctx, struct df_reply *r)
{
	struct inspect *in = ctx;

	if (job_lost(r)) {
		df_log(DF_LOG_WARN, "cell.lost",
		       DF_F_WORD("job", "inspect"), DF_F_NUM("instance", in->n));
		retry_lost(in);
		return;
	}
	if (r->err == DF_OK && is_rival(in)) {
		quarantine(in, "same SOP Instance UID as another instance, "
			       "but other content");
	} else if (r->err == DF_OK && in->seen.n == 1 &&
	    df_uid_valid(df_text_of(in->seen.v[0].study_uid))) {
		understood(in);
	} else if (r->err == DF_OK) {
		quarantine(in, "the data set has no usable Study Instance UID");
	} else if (df_err_fate(r->err) == DF_FATE_RETRY) {
		df_journal_instance_blame(in->q->j, in->n, -1); /* it lived */
		retry(in);
		return;
	} else {
		quarantine(in, r->why.text);
		doubt(in, r->err);
	}
	over(in);
}

static bool dispatch(void *ctx)
{
	struct inspect *in = ctx;

	if (df_journal_instance_dispatch(in->q->j, in->n) <
	    DEATHS_MAX * CRASH_WEIGHT)
		return true;
	quarantine(in, "each process that read it died (three crashes)");
	over(in);
	return false;
}

static void facts(void *ctx, const struct df_msg *m)
{
	struct inspect *in = ctx;

	if (in->seen.n == 0)
		seen_add(&in->seen, m);
}

static void opened(void *ctx, enum df_err rc, const struct df_why *why,
		   struct opened *o)
{
	struct inspect *in = ctx;
	struct df_row_instance row;
	struct job *job;

	if (rc != DF_OK && df_err_fate(rc) == DF_FATE_RETRY) {
		retry(in);
		return;
	}
	if (rc != DF_OK || !df_journal_instance(in->q->j, in->n, &row)) {
		quarantine(in, why->text);
		over(in);
		return;
	}
	job = job_new(in->q, DF_MSG_INSPECT, WORK_INSPECT, row.study, in);
	df_msg_put_id(&job->m, DF_M_OBJECT, &row.object);
	opened_put(&job->m, o);
	job_fd(job, df_fd_take(&o->fd));
	/* short, and all the rest waits for it */
	job->priority += JOB_SOON;
	if (row.study == 0 && acceptance_is_urgent(in->q, row.calling))
		job->priority += JOB_URGENT;
	job->instance = row.n;
	job->suspect = row.deaths > 0;
	job->dispatch = dispatch;
	job->facts = facts;
	job->done = done;
	job_submit(job);
}

static void begin(void *ctx)
{
	struct inspect *in = ctx;
	struct df_row_instance row;

	if (!df_journal_instance(in->q->j, in->n, &row) || row.in_parcel) {
		over(in);
		return;
	}
	object_open(in->q, &row.object, false, "", opened, in);
}

static void start(struct queue *q, int64_t n, bool again)
{
	struct inspect *in = df_xcalloc(1, sizeof *in);

	in->q = q;
	in->n = n;
	in->again = again;
	if (again)
		q->facts.under_way++;
	else
		q->inspect.under_way++;
	begin(in);
}

void inspect_again(struct queue *q, const struct df_row_instance *row)
{
	start(q, row->n, true);
}

void inspect_released(struct queue *q, int64_t instance)
{
	start(q, instance, false);
}

void inspect_pump(struct queue *q)
{
	struct df_row_instance rows[UNDER_WAY_MAX];
	size_t n;

	if (!q->inspect.more || q->inspect.under_way >= UNDER_WAY_MAX ||
	    q->n_unacked > UNACKED_MAX)
		return;
	n = df_journal_instances(q->j, DF_OF_UNINSPECTED, q->inspect.cursor,
				 rows, UNDER_WAY_MAX - q->inspect.under_way);
	q->inspect.more = n > 0;
	for (size_t i = 0; i < n; i++) {
		q->inspect.cursor = rows[i].n;
		start(q, rows[i].n, false);
	}
}
