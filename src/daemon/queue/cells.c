/*
 * cells.c - jobs for the prepare cells: one job at a time each, most urgent
 * first, fair between kinds of work and between studies.
 *
 * A job on which a cell died before is a suspect. One suspect runs at a time,
 * so that there is always a cell for the others, however many are poisoned.
 * Its death is counted before it runs (the dispatch); what supervise says of
 * the end then weighs it: a crash is the object's doing, a kill may be
 * anybody's.
 */
#include <stdlib.h>

#include "df/file.h"
#include "df/log.h"
#include "queue.h"

struct job *job_new(struct queue *q, enum df_msg_type type, enum source source,
		    int64_t study, void *ctx)
{
	struct job *job = df_xcalloc(1, sizeof *job);
	struct df_row_study s;

	df_msg_init(&job->m, type, 0);
	job->q = q;
	job->source = source;
	job->study = study;
	job->ctx = ctx;
	if (study != 0 && df_journal_study(q->j, study, &s))
		job->priority = s.priority > 0 ? JOB_URGENT : 0;
	return job;
}

void job_fd(struct job *job, int fd)
{
	if (job->n_fds == sizeof job->fds / sizeof job->fds[0])
		df_bug("too many descriptors for a cell");
	job->fds[job->n_fds++] = fd;
}

static void job_free(struct job *job)
{
	df_msg_release(&job->m);
	for (size_t i = 0; i < job->n_fds; i++)
		df_fd_close(&job->fds[i]);
	free(job);
}

void job_submit(struct job *job)
{
	df_sched_add(&job->q->sched,
		     &(struct df_sched_job){.priority = job->priority,
					    .source = job->source,
					    .study = (uint64_t)job->study,
					    .ctx = job});
}

bool job_lost(const struct df_reply *r)
{
	return r->msg == NULL;
}

static void replied(void *ctx, struct df_reply *r)
{
	struct job *job = ctx;
	struct queue *q = job->q;

	if (!r->last) {
		if (r->msg != NULL && r->msg->type == DF_MSG_FACTS &&
		    job->facts != NULL)
			job->facts(job->ctx, r->msg);
		if (r->msg != NULL && r->msg->type == DF_MSG_FACTS &&
		    job->handed != NULL && r->n_fds == 1)
			job->handed(job->ctx, r->msg, &r->fds[0]);
		return;
	}
	if (!job_lost(r) && job->number < CELLS_MAX)
		q->in_cell[job->number] = 0;
	/* also when the job could not be said: the cell is free again */
	if (r->link != NULL)
		r->link->ctx = NULL;
	job->done(job->ctx, r);
	job_free(job);
}

static void run(struct queue *q, struct df_link *cell, struct job *job)
{
	size_t n = job->n_fds;

	job->cell = cell;
	job->number = cell->number;
	if (job->number < CELLS_MAX)
		q->in_cell[job->number] = job->instance;
	cell->ctx = job;
	job->n_fds = 0; /* they leave with the message */
	queue_call(q, cell, &job->m, job->fds, n, DF_MSG_JOB_DONE, 0, replied,
		   job);
}

static bool suspect_runs(struct queue *q)
{
	struct df_link *cell = NULL;

	while ((cell = df_room_link_next(q->room, DF_ROLE_PREPARE, cell)) !=
	       NULL) {
		const struct job *job = cell->ctx;

		if (job != NULL && job->suspect)
			return true;
	}
	return false;
}

static struct job *take_suspect(struct queue *q)
{
	struct job *job = q->suspects;

	q->suspects = job->next;
	job->next = NULL;
	return job;
}

static void wait_as_suspect(struct queue *q, struct job *job)
{
	struct job **at = &q->suspects;

	while (*at != NULL)
		at = &(*at)->next;
	*at = job;
}

/* The next that may run now; NULL when there is none. */
static struct job *next_job(struct queue *q)
{
	bool one_runs = suspect_runs(q);

	for (;;) {
		struct job *job;

		if (q->suspects != NULL && !one_runs)
			job = take_suspect(q);
		else
			job = df_sched_next(&q->sched);
		if (job != NULL && job->suspect && one_runs) {
			wait_as_suspect(q, job);
			continue;
		}
		if (job == NULL || job->dispatch == NULL ||
		    job->dispatch(job->ctx))
			return job;
		job_free(job); /* it has had its chances */
	}
}

QUEUE_HANDLER(cell_crashed)
{
	struct queue *q = queue_of(room);
	uint64_t number = 0, err = DF_OK;
	int64_t n = 0;

	(void)from, (void)fds, (void)n_fds;
	if (!df_msg_get_u64(m, DF_M_NUMBER, &number) || number >= CELLS_MAX)
		return;
	/* supervise says it before it brings the next cell of that number */
	n = q->in_cell[number];
	q->in_cell[number] = 0;
	if (n == 0)
		return;
	if (df_msg_get_u64(m, DF_M_ERR, &err) && err == DF_E_NOMEM) {
		df_log(DF_LOG_WARN, "cell.starved", DF_F_NUM("number", number),
		       DF_F_NUM("instance", n));
		df_journal_instance_blame(q->j, n, -1);
		return;
	}
	df_log(DF_LOG_WARN, "cell.crashed", DF_F_NUM("number", number),
	       DF_F_NUM("instance", n));
	df_journal_instance_blame(q->j, n, CRASH_WEIGHT - 1);
}

void cells_pump(struct queue *q)
{
	struct df_link *cell = NULL;

	if (q->stopping)
		return;
	while ((cell = df_room_link_next(q->room, DF_ROLE_PREPARE, cell)) !=
	       NULL) {
		struct job *job;

		if (cell->ctx != NULL)
			continue;
		job = next_job(q);
		if (job == NULL)
			return;
		run(q, cell, job);
	}
}
