/*
 * export.c - one image of a study as a file, for a person here: `study export`
 * asks for one after the other, until it is told that there is none. The bytes
 * are those that came, with a preamble and file meta information before them;
 * they leave this node's seal by his hand.
 */
#include <stdlib.h>
#include <string.h>

#include "df/fetches.h"
#include "df/file.h"
#include "answers.h"

struct exporting {
	struct queue *q;
	struct df_link *link;
	uint32_t tag;
	struct df_row_instance row;
	uint64_t instances; /* of the study, also those that are not here */
};

static void restored(void *ctx, struct df_reply *r)
{
	struct exporting *e = ctx;
	struct ask a = {.q = e->q, .link = e->link, .tag = e->tag};
	int fd = -1;

	if (r->err != DF_OK || r->n_fds != 1) {
		answer_error(e->q, e->link, e->tag,
			     r->err != DF_OK ? r->err : DF_E_BUG, &r->why);
	} else {
		cJSON *o = cJSON_CreateObject();

		fd = df_fd_take(&r->fds[0]);
		put_str(o, "sop_instance", e->row.sop_instance);
		put_num(o, "after", (uint64_t)e->row.n);
		put_num(o, "instances", e->instances);
		answer_file(&a, o, "application/dicom", &fd);
	}
	free(e);
}

static void opened(void *ctx, enum df_err rc, const struct df_why *why,
		   struct opened *o)
{
	struct exporting *e = ctx;
	struct job *job;

	if (rc != DF_OK) {
		answer_error(e->q, e->link, e->tag, rc, why);
		free(e);
		return;
	}
	job = job_new(e->q, DF_MSG_RESTORE, WORK_REPORT, e->row.study, e);
	df_msg_put_u64(&job->m, DF_M_KIND,
		       e->row.in_parcel ? DF_SOURCE_PARCEL : DF_SOURCE_RAW);
	opened_put(&job->m, o);
	df_msg_put_u64(&job->m, DF_M_RECORD, e->row.record);
	df_msg_put_str(&job->m, DF_M_FORM, "part10");
	job_fd(job, df_fd_take(&o->fd));
	job->priority = JOB_SOON; /* a person waits */
	job->done = restored;
	job_submit(job);
}

static bool find_study(struct queue *q, const char *uid, struct df_row_study *s)
{
	return df_journal_study_find(q->j, uid, NULL, s) ||
	       df_journal_study_find(q->j, uid, "", s);
}

/* How many it has, also in quarantine (what was lost is there, too); of one
 * that is fetched, as its holder said. */
static uint64_t study_size(struct queue *q, const struct df_row_study *s)
{
	struct df_study_counts c;
	struct df_row_fetch f;

	df_journal_study_counts(q->j, s->n, &c);
	c.instances += c.quarantined;
	if (df_journal_fetch_of(q->j, s->uid, &f) && f.instances > c.instances)
		return f.instances;
	return c.instances;
}

void study_export(struct ask *a)
{
	const cJSON *after = cJSON_GetObjectItemCaseSensitive(a->args, "after");
	struct df_why why = {0};
	struct df_row_study s;
	struct exporting *e;

	if (!find_study(a->q, ask_text(a, "study"), &s)) {
		const enum df_err rc = df_fail(&why, DF_E_NOTFOUND,
					       "this node holds no such study");

		answer_error(a->q, a->link, a->tag, rc, &why);
		return;
	}
	e = df_xcalloc(1, sizeof *e);
	*e = (struct exporting){.q = a->q, .link = a->link, .tag = a->tag};
	e->instances = study_size(a->q, &s);
	if (df_journal_study_next(
		    a->q->j, s.n,
		    cJSON_IsNumber(after) ? (int64_t)after->valuedouble : 0,
		    &e->row)) {
		object_open(a->q, &e->row.object, e->row.in_parcel, e->row.peer,
			    opened, e);
	} else {
		cJSON *end = cJSON_CreateObject();

		put_num(end, "instances", e->instances);
		answer_json(a, end);
		free(e);
	}
}
