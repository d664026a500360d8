/*
 * verify.c - a parcel made here is opened again in a fresh job, every
 * instance decoded and compared; only then it is the instances' home and the
 * raw objects go. The same job on a parcel that is ready brings facts that
 * an earlier life lost.
 */
#include <stdlib.h>
#include <string.h>

#include "df/file.h"
#include "df/log.h"
#include "queue.h"

#define VERIFIES_MAX 3

struct verify {
	struct verify *next;
	struct queue *q;
	struct df_row_parcel p;
	bool again;
	unsigned tries;
	struct seen_list seen;
};

static void begin(void *ctx);

static uint32_t *places(const struct verify *v)
{
	return v->again ? &v->q->facts.under_way : &v->q->verifies;
}

static void over(struct verify *v)
{
	struct verify **at = &v->q->verifying;

	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	--*places(v);
	v->q->verify_look = v->q->pack_look = true;
	seen_release(&v->seen);
	free(v);
}

/* Its death was counted when it was dispatched. */
static void retry_lost(struct verify *v)
{
	seen_release(&v->seen);
	queue_later(v->q, RETRY_MS, begin, v);
}

static void begin_again(void *ctx)
{
	++*places(ctx);
	begin(ctx);
}

static void retry(struct verify *v)
{
	if (++v->tries < TRIES_MAX) {
		retry_lost(v);
		return;
	}
	v->tries = 0;
	--*places(v);
	v->q->verify_look = true;
	seen_release(&v->seen);
	queue_later(v->q, ASIDE_MS, begin_again, v);
}

/* Is each of its instances at home in a raw object? */
static bool is_derived(const struct verify *v)
{
	static struct df_row_instance rows[PACK_MAX]; /* one thread */
	size_t n = df_journal_instances(v->q->j, DF_OF_PARCEL, v->p.n, rows,
					PACK_MAX);

	for (size_t i = 0; i < n; i++)
		if (rows[i].in_parcel)
			return false;
	return n > 0 && n < PACK_MAX;
}

/* The parcel is not what was put in. When the raw objects stay it goes: it is
 * made again, and from now on each frame is compared while it is packed, so
 * that one which an encoder spoils is coded otherwise. */
static void bad(struct verify *v, const char *reason)
{
	struct queue *q = v->q;
	struct df_why why = {0};

	(void)df_fail(&why, DF_E_CORRUPT, "%s", reason);
	df_log(DF_LOG_ERROR, "parcel.bad", DF_F_WORD("parcel", v->p.hex),
	       DF_F_ERR(&why));
	if (v->again) { /* it was good once */
		object_doubt(q, &v->p.object, DF_E_CORRUPT);
		return;
	}
	if (is_derived(v))
		queue_remove(q, &v->p.object);
	else
		queue_aside(q, &v->p.object);
	df_journal_parcel_state(q->j, v->p.n, DF_PARCEL_BAD);
	df_journal_parcel_undo(q->j, v->p.n);
	df_journal_study_epoch(q->j, v->p.study);
	df_journal_object_drop(q->j, &v->p.object); /* nobody's home */
	pack_failed(q, v->p.study,
		    q->compared_from == 0 || v->p.n < q->compared_from);
	q->pack_compares = true;
}

static const struct seen *seen_of(const struct verify *v,
				  const struct df_env_instance *in)
{
	for (size_t i = 0; i < v->seen.n; i++) {
		const struct seen *s = &v->seen.v[i];

		if (strcmp(s->row.sop_instance, in->sop_instance) == 0 &&
		    df_digest_same(&s->row.digest, &in->digest) &&
		    s->row.record == in->record_offset)
			return s;
	}
	return NULL;
}

static void take_home(struct verify *v, const struct seen *s)
{
	struct queue *q = v->q;
	struct df_row_instance row;
	enum df_instance_state to;
	struct df_text pixels;
	const char *peer = v->p.direction != DF_ENV_MADE ? v->p.peer : "";

	if (!df_journal_instance_find(q->j, peer, s->row.sop_instance,
				      &s->row.digest, &row))
		return;
	if (!row.in_parcel &&
	    df_instance_may(row.state, DF_INSTANCE_REPLACED, &to)) {
		df_journal_instance_packed(q->j, row.n, v->p.n, &v->p.object,
					   s->row.record, s->row.coding,
					   row.coded_bytes);
		df_journal_object_drop(q->j, &row.object);
		queue_remove(q, &row.object);
		row.object = v->p.object;
	}
	if (row.indexed) { /* of what it shows nothing was known till now */
		if (df_msg_get(&s->facts, DF_M_PIXEL_DIGEST, &pixels))
			facts_put(q, row.n, &s->facts, &row);
		return;
	}
	claim_check(q, &row); /* after a rebuild nothing was checked yet */
	if (row.state == DF_INSTANCE_QUARANTINED)
		df_journal_instance_settle(q->j, row.n, row.state, row.study,
					   row.series, 0, row.reason);
	else if (row.indexed)
		df_journal_instance_indexed(q->j, row.n);
	if (row.state == DF_INSTANCE_QUARANTINED || row.indexed)
		return;
	instance_route(q, &row);
	facts_put(q, row.n, &s->facts, &row); /* more than what may wait */
}

/* Has each instance come back as it went in? A file that cannot be read now
 * is no answer. */
static enum df_err came_back(struct verify *v, const struct df_msg *m,
			     struct df_why *why)
{
	struct df_envelope env = {0};
	struct df_checksum sum = {{0}};
	uint64_t len;
	int fd = -1;
	size_t i;
	enum df_err rc = df_spool_object(&v->q->sp, &v->p.object, &fd, why);

	if (rc == DF_OK)
		rc = df_spool_envelope(fd, &env, &len, NULL, why);
	df_fd_close(&fd);
	if (rc == DF_OK && (!df_msg_get_checksum(m, &sum) ||
			    !df_checksum_same(&sum, &env.checksum)))
		rc = df_fail(why, DF_E_CORRUPT,
			     "a parcel does not match its checksum");
	for (i = 0; rc == DF_OK && i < env.n_instances; i++)
		if (seen_of(v, &env.instances[i]) == NULL)
			break;
	if (rc == DF_OK && (i < env.n_instances || v->seen.n != i))
		rc = df_fail(why, DF_E_CORRUPT,
			     "an instance did not come back from its parcel as "
			     "it went in");
	df_envelope_release(&env);
	return rc;
}

static void good(struct verify *v)
{
	for (size_t i = 0; i < v->seen.n; i++)
		take_home(v, &v->seen.v[i]);
	if (v->again)
		return;
	df_journal_parcel_state(v->q->j, v->p.n, DF_PARCEL_READY);
	linked_route(v->q, &v->p, &v->seen);
	v->q->study_look = true;
}

/* What comparing costs, when one coding alone was compared. */
static void learn(struct verify *v, const struct df_msg *m)
{
	struct df_coding_work w = {0};
	enum df_coding_choice c;

	for (size_t i = 0; i < v->seen.n; i++) {
		if (strcmp(v->seen.v[i].row.coding,
			   v->seen.v[0].row.coding) != 0)
			return;
		w.raw += v->seen.v[i].row.size_bytes;
	}
	c = v->seen.n > 0 ? df_coding_of_word(v->seen.v[0].row.coding)
			  : DF_CODING_COUNT;
	if (c == DF_CODING_COUNT ||
	    !df_msg_get_u64(m, DF_M_CPU_US, &w.cpu_us) ||
	    !df_msg_get_u64(m, DF_M_WALL_US, &w.wall_us))
		return;
	df_coders_verified(&v->q->coders, c, &w);
}

static void done(void *ctx, struct df_reply *r)
{
	struct verify *v = ctx;
	struct df_why why = r->why;
	enum df_err rc = r->err;

	if (!job_lost(r) && rc == DF_OK)
		rc = came_back(v, r->msg, &why);
	if (job_lost(r)) {
		retry_lost(v);
		return;
	}
	df_journal_parcel_undispatch(v->q->j, v->p.n); /* it lived */
	if (df_err_fate(rc) == DF_FATE_RETRY) {
		retry(v);
		return;
	}
	if (rc == DF_OK) {
		learn(v, r->msg);
		good(v);
	} else {
		bad(v, why.text);
	}
	over(v);
}

static bool dispatch(void *ctx)
{
	struct verify *v = ctx;

	/* who killed a cell is not known here: as inspection weighs a kill */
	if (df_journal_parcel_dispatch(v->q->j, v->p.n) <
	    DEATHS_MAX * CRASH_WEIGHT)
		return true;
	bad(v, "each process that compared it died");
	over(v);
	return false;
}

static void facts(void *ctx, const struct df_msg *m)
{
	struct verify *v = ctx;

	seen_add(&v->seen, m);
}

static void opened(void *ctx, enum df_err rc, const struct df_why *why,
		   struct opened *o)
{
	struct verify *v = ctx;
	struct job *job;

	if (rc != DF_OK && df_err_fate(rc) == DF_FATE_RETRY) {
		retry(v);
		return;
	}
	if (rc != DF_OK) {
		bad(v, why->text);
		over(v);
		return;
	}
	(void)df_journal_parcel(v->q->j, v->p.n, &v->p); /* deaths may be new */
	job = job_new(v->q, DF_MSG_VERIFY, WORK_VERIFY, v->p.study, v);
	opened_put(&job->m, o);
	job_fd(job, df_fd_take(&o->fd));
	job->suspect = v->p.deaths > 0;
	if (job->suspect)
		df_msg_put_u64(&job->m, DF_M_STATUS, 1);
	job->dispatch = dispatch;
	job->facts = facts;
	job->done = done;
	job_submit(job);
}

static void begin(void *ctx)
{
	struct verify *v = ctx;

	object_open(v->q, &v->p.object, true,
		    v->p.direction != DF_ENV_MADE ? v->p.peer : "", opened, v);
}

static void start(struct queue *q, const struct df_row_parcel *p, bool again)
{
	struct verify *v = df_xcalloc(1, sizeof *v);

	v->q = q;
	v->p = *p;
	v->again = again;
	v->next = q->verifying;
	q->verifying = v;
	begin(v);
}

void verify_again(struct queue *q, int64_t parcel)
{
	struct df_row_parcel p;

	if (!df_journal_parcel(q->j, parcel, &p))
		return;
	q->facts.under_way++;
	start(q, &p, true);
}

static bool in_hand(const struct queue *q, int64_t parcel)
{
	for (const struct verify *v = q->verifying; v != NULL; v = v->next)
		if (v->p.n == parcel && !v->again)
			return true;
	return false;
}

void verify_urgent(struct queue *q, int64_t parcel)
{
	struct df_row_parcel p;

	if (!df_journal_parcel(q->j, parcel, &p) || in_hand(q, parcel))
		return;
	q->verifies++;
	start(q, &p, false);
}

void verify_pump(struct queue *q)
{
	struct df_row_parcel rows[VERIFIES_MAX];
	size_t n;

	if (!q->verify_look || q->verifies >= VERIFIES_MAX)
		return;
	q->verify_look = false;
	n = df_journal_parcels_unverified(q->j, q->verify_cursor, rows,
					  VERIFIES_MAX - q->verifies);
	for (size_t i = 0; i < n; i++) {
		q->verify_cursor = rows[i].n;
		if (in_hand(q, rows[i].n))
			continue;
		q->verifies++;
		start(q, &rows[i], false);
	}
}
