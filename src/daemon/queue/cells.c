/*
 * cells.c - jobs for the prepare cells: one job at a time each, most urgent
 * first, fair between kinds of work and between studies.
 */
#include <stdlib.h>

#include "df/file.h"
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
		job->priority = s.priority;
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

	if (!r->last) {
		if (r->msg != NULL && r->msg->type == DF_MSG_FACTS &&
		    job->facts != NULL)
			job->facts(job->ctx, r->msg);
		return;
	}
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
	cell->ctx = job;
	job->n_fds = 0; /* they leave with the message */
	queue_call(q, cell, &job->m, job->fds, n, DF_MSG_JOB_DONE, 0, replied,
		   job);
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
		do {
			job = df_sched_next(&q->sched);
			if (job != NULL && job->dispatch != NULL &&
			    !job->dispatch(job->ctx)) {
				job_free(job);
				continue;
			}
			break;
		} while (true);
		if (job == NULL)
			return;
		run(q, cell, job);
	}
}
