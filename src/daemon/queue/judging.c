/*
 * judging.c - a report bundle is opened and judged: keys opens the header and
 * lends the trust anchors, a cell checks content and signature, the index
 * rules with what it knows of the study. Its verdict is kept here only to
 * refuse a body that was not verified.
 */
#include <stdlib.h>
#include <string.h>

#include "df/file.h"
#include "df/log.h"
#include "df/statement.h"
#include "queue.h"

#define MANIFESTS_MAX 32
#define ANCHOR_FDS 2

struct verdict {
	struct queue *q;
	struct df_row_report r;
	struct opened o; /* fd owned */
	unsigned deaths;
	unsigned tries;
};

static void begin(void *ctx);

static void over(struct verdict *v)
{
	v->q->reporting = false;
	v->q->report_look = true;
	df_fd_close(&v->o.fd);
	explicit_bzero(v->o.cek, sizeof v->o.cek);
	free(v);
}

static void over_later(void *ctx)
{
	over(ctx);
}

/* One that cannot be read for now must not hold up all others. */
static void retry(struct verdict *v)
{
	df_fd_close(&v->o.fd);
	if (++v->tries < TRIES_MAX) {
		queue_later(v->q, RETRY_MS, begin, v);
		return;
	}
	/* others have their turn */
	df_log(DF_LOG_WARN, "report.delayed", DF_F_ID(&v->r.object));
	v->q->verdict_cursor = v->r.n;
	queue_later(v->q, RETRY_MS, over_later, v);
}

static void stored(void *ctx, struct df_reply *r)
{
	struct verdict *v = ctx;
	uint64_t verdict = 2;

	if (r->err != DF_OK && r->err != DF_E_FORMAT) {
		retry(v);
		return;
	}
	if (r->err == DF_OK)
		(void)df_msg_get_u64(r->msg, DF_M_VERDICT,
				     &verdict); /* absent: rejected */
	df_journal_report_stored(v->q->j, v->r.n, (uint32_t)verdict);
	df_log(DF_LOG_INFO, "report.stored", DF_F_ID(&v->r.object),
	       DF_F_NUM("verdict", verdict));
	over(v);
}

static void put_manifests(struct verdict *v, struct df_msg *m,
			  const char *study_uid)
{
	struct df_digest d[MANIFESTS_MAX];
	struct df_row_study s;
	size_t n = df_journal_receipted(v->q->j, study_uid, d, MANIFESTS_MAX);

	if (n == 0 && df_journal_study_find(v->q->j, study_uid, NULL, &s))
		n = df_journal_held_digests(v->q->j, s.n, d, MANIFESTS_MAX);
	for (size_t i = 0; i < n; i++)
		df_msg_put_digest(m, DF_M_MANIFEST, &d[i]);
}

/* Judged as on the day it came: what was good then is not bad because it is
 * looked at again. */
static int64_t day_of(struct verdict *v)
{
	int64_t ms = df_journal_object_created(v->q->j, &v->r.object);

	return ms > 0 && ms < v->q->now ? ms : v->q->now;
}

static void put(struct verdict *v, const struct df_msg *said,
		const char *reason, const char *text)
{
	struct queue *q = v->q;
	struct df_statement st;
	struct df_text statement;
	struct df_msg m;

	df_msg_init(&m, DF_MSG_REPORT_PUT, 0);
	df_msg_put_id(&m, DF_M_OBJECT, &v->r.object);
	df_msg_put_str(&m, DF_M_PEER,
		       v->r.direction == DF_ENV_MADE ? q->self : v->r.peer);
	df_msg_put_u64(&m, DF_M_NOW_MS, (uint64_t)day_of(v));
	if (said != NULL) {
		df_msg_copy(&m, said, DF_M_STATEMENT);
		df_msg_copy(&m, said, DF_M_DIGEST);
		df_msg_copy(&m, said, DF_M_VERDICT);
		df_msg_copy(&m, said, DF_M_REASON);
		df_msg_copy(&m, said, DF_M_WHY);
		df_msg_copy(&m, said, DF_M_SIGNER);
		if (df_msg_get(said, DF_M_STATEMENT, &statement) &&
		    df_statement_decode(statement, &st, NULL) == DF_OK)
			put_manifests(v, &m, st.study_uid);
	} else {
		df_msg_put_u64(&m, DF_M_VERDICT, 2);
		df_msg_put_str(&m, DF_M_REASON, reason);
		df_msg_put_opt(&m, DF_M_WHY, text);
	}
	queue_call(q, queue_index(q), &m, NULL, 0, DF_MSG_NONE, CALL_MS, stored,
		   v);
}

/* While the index is told everything anew, a report waits for its study: of
 * one that the index does not know it would be refused. */
static bool study_is_told(struct verdict *v, const struct df_msg *said)
{
	struct df_statement st;
	struct df_text statement;

	return !facts_retelling(v->q) ||
	       !df_msg_get(said, DF_M_STATEMENT, &statement) ||
	       df_statement_decode(statement, &st, NULL) != DF_OK ||
	       !df_journal_study_untold(v->q->j, st.study_uid);
}

static void judged(void *ctx, struct df_reply *r)
{
	struct verdict *v = ctx;

	if (job_lost(r) && ++v->deaths < DEATHS_MAX * CRASH_WEIGHT)
		queue_later(v->q, RETRY_MS, begin, v); /* no try of its own */
	else if (job_lost(r))
		put(v, NULL, "unreadable-content",
		    "each process that read it died");
	else if (r->err == DF_OK && !study_is_told(v, r->msg))
		retry(v);
	else if (r->err == DF_OK)
		put(v, r->msg, NULL, NULL);
	else if (df_err_fate(r->err) == DF_FATE_RETRY)
		retry(v);
	else
		put(v, NULL, "unreadable-content", r->why.text);
}

static void anchors(void *ctx, struct df_reply *r)
{
	struct verdict *v = ctx;
	struct job *job;

	if (r->err != DF_OK || r->n_fds != ANCHOR_FDS) {
		retry(v);
		return;
	}
	job = job_new(v->q, DF_MSG_OPEN_REPORT, WORK_REPORT, 0, v);
	opened_put(&job->m, &v->o);
	df_msg_put_u64(&job->m, DF_M_NOW_MS, (uint64_t)day_of(v));
	job_fd(job, df_fd_take(&v->o.fd));
	job_fd(job, df_fd_take(&r->fds[0]));
	job_fd(job, df_fd_take(&r->fds[1]));
	job->suspect = v->deaths > 0;
	job->done = judged;
	job_submit(job);
}

static void opened(void *ctx, enum df_err rc, const struct df_why *why,
		   struct opened *o)
{
	struct verdict *v = ctx;
	struct df_msg m;

	if (rc != DF_OK && df_err_fate(rc) == DF_FATE_RETRY) {
		retry(v);
		return;
	}
	if (rc != DF_OK) {
		put(v, NULL, "unreadable-content", why->text);
		return;
	}
	v->o = *o;
	o->fd = -1;
	df_msg_init(&m, DF_MSG_ANCHORS_RQ, 0);
	queue_call(v->q, queue_keys(v->q), &m, NULL, 0, DF_MSG_NONE, CALL_MS,
		   anchors, v);
}

static void begin(void *ctx)
{
	struct verdict *v = ctx;

	object_open(v->q, &v->r.object, true,
		    v->r.direction == DF_ENV_TAKEN ? v->r.peer : "", opened, v);
}

void verdict_pump(struct queue *q)
{
	struct df_row_report row;
	struct verdict *v;

	if (q->reporting || !q->report_look || q->self[0] == '\0' ||
	    queue_index(q) == NULL || queue_keys(q) == NULL)
		return;
	q->report_look = false;
	if (df_journal_reports_open(q->j, q->verdict_cursor, &row, 1) == 0) {
		q->verdict_cursor = 0; /* the next tick begins anew */
		return;
	}
	v = df_xcalloc(1, sizeof *v);
	v->q = q;
	v->r = row;
	v->o.fd = -1;
	q->reporting = true;
	begin(v);
}
