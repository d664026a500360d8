/*
 * report.c - reports that go back to the clinic whose study they are about.
 *
 * One that a reading PACS sent by C-STORE gets a statement under the centre's
 * seal; one that a person submits brings statement and signature along. A
 * report is made once: the flag of its instance, its bundle and its place in
 * the mailbox change in one commit.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "report_bundle.h"
#include "df/decision.h"
#include "df/file.h"
#include "df/hash.h"
#include "df/log.h"
#include "df/statement.h"

#define SEAL_BODY_MAX (256u << 20)
#define WAKE_MS 5000 /* between looks at reports that wait for a study */

/* --- sealed by us -----------------------------------------------------------
 */

struct sealing {
	struct queue *q;
	struct df_row_instance row;
	struct df_row_study study; /* the peer's */
	struct df_statement st;
	int statement, cms, body;
};

static void over(struct sealing *s)
{
	df_fd_close(&s->statement);
	df_fd_close(&s->cms);
	df_fd_close(&s->body);
	s->q->sealing = false;
	s->q->report_look = true;
	explicit_bzero(s, sizeof *s);
	free(s);
}

static void over_later(void *ctx)
{
	over(ctx);
}

/* It stays flagged and is taken up again. */
static void delay(struct sealing *s, const struct df_why *why)
{
	df_log(DF_LOG_WARN, "report.delayed",
	       DF_F_UID("sop_instance", s->row.sop_instance), DF_F_ERR(why));
	s->q->report_cursor = s->row.n; /* others first */
	queue_later(s->q, 5 * RETRY_MS, over_later, s);
}

/* It stays here, where staff see it and why. */
static void keep_back(struct sealing *s, enum df_row_reporting to,
		      const char *reason)
{
	df_log(DF_LOG_WARN, "report.kept",
	       DF_F_UID("sop_instance", s->row.sop_instance),
	       DF_F_WORD("reason", to == DF_REPORTING_WAITS ? "unknown-study"
							    : "contradicts"));
	df_journal_instance_reporting(s->q->j, s->row.n, to, reason);
	over(s);
}

static void bundled(void *ctx, enum df_err rc, const struct df_why *why,
		    const struct df_id *object, const char *hex)
{
	struct sealing *s = ctx;

	(void)object, (void)hex;
	if (rc != DF_OK) {
		delay(s, why);
		return;
	}
	df_journal_instance_reporting(s->q->j, s->row.n, DF_REPORTING_DONE, "");
	over(s);
}

static void statement_signed(void *ctx, struct df_reply *r)
{
	struct sealing *s = ctx;
	struct df_text signature;
	struct df_why why = r->why;

	if (r->err == DF_OK && df_msg_get(r->msg, DF_M_SIGNATURE, &signature))
		s->cms = text_fd("cms", signature, &why);
	if (s->cms < 0) {
		delay(s, &why);
		return;
	}
	bundle_make(s->q, s->study.peer, s->study.uid, &s->statement, &s->cms,
		    &s->body, bundled, s);
}

static void sign(struct sealing *s)
{
	struct df_why why = {0};
	struct df_buf text;
	struct df_msg m;
	int copy = -1;

	df_buf_init(&text, DF_STATEMENT_BYTES_MAX);
	if (df_statement_encode(&s->st, &text, &why) == DF_OK)
		s->statement = text_fd(
			"statement",
			(struct df_text){(const char *)text.ptr, text.len},
			&why);
	df_buf_wipe(&text);
	if (s->statement < 0 || df_fd_dup(&copy, s->statement, &why) != DF_OK) {
		delay(s, &why);
		return;
	}
	df_msg_init(&m, DF_MSG_SIGN_RQ, 0);
	df_msg_put_str(&m, DF_M_PURPOSE, "report");
	queue_call(s->q, queue_keys(s->q), &m, &copy, 1, DF_MSG_NONE, CALL_MS,
		   statement_signed, s);
}

static void take_text(const struct df_msg *m, enum df_field f, char *to)
{
	struct df_text t;

	if (!df_msg_get(m, f, &t) || df_statement_set_text(to, t) != DF_OK)
		to[0] = '\0';
}

static void study_known(void *ctx, struct df_reply *r)
{
	struct sealing *s = ctx;
	struct df_statement *st = &s->st;
	struct df_text name;

	if (r->err == DF_E_CONFLICT) {
		keep_back(s, DF_REPORTING_REFUSED, r->why.text);
		return;
	}
	if (r->err != DF_OK) {
		delay(s, &r->why);
		return;
	}
	df_id_new(&st->report_id);
	st->version = 1;
	memcpy(st->study_uid, s->study.uid, sizeof st->study_uid);
	take_text(r->msg, DF_M_ACCESSION, st->accession);
	take_text(r->msg, DF_M_ACCESSION_ISSUER, st->accession_issuer);
	take_text(r->msg, DF_M_PATIENT_ID, st->patient_id);
	take_text(r->msg, DF_M_PATIENT_ID_ISSUER, st->patient_id_issuer);
	if (df_msg_get(r->msg, DF_M_PATIENT_NAME, &name) && name.len > 0)
		df_hash_bytes(&st->patient_name, name.ptr, name.len);
	st->image_count = (uint32_t)df_journal_held_digests(
		s->q->j, s->study.n, st->images, DF_STATEMENT_IMAGES_MAX);
	memcpy(st->clinic_node.s, s->study.peer, sizeof st->clinic_node.s);
	memcpy(st->centre_node.s, s->q->self, sizeof st->centre_node.s);
	st->media = DF_REPORT_DICOM;
	st->role = DF_ROLE_SEAL;
	st->signed_at_ms = s->q->now;
	sign(s);
}

static enum df_err hash_body(struct sealing *s, struct df_why *why)
{
	uint64_t size = 0;
	enum df_err rc = df_fd_size(s->body, &size, why);
	void *p;

	if (rc == DF_OK && (size == 0 || size > SEAL_BODY_MAX))
		rc = df_fail(why, DF_E_LIMIT, "report is empty or too large");
	if (rc != DF_OK)
		return rc;
	p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, s->body, 0);
	if (p == MAP_FAILED)
		return df_fail_sys(why, DF_E_NOMEM, "cannot map a report");
	df_hash_bytes(&s->st.content, p, (size_t)size);
	s->st.content_bytes = size;
	(void)munmap(p, (size_t)size); /* nothing to be done about it */
	return DF_OK;
}

static void restored(void *ctx, struct df_reply *r)
{
	struct sealing *s = ctx;
	struct df_why why = r->why;
	uint64_t unfinished = 0;
	struct df_msg m;
	enum df_err rc = r->err;

	if (rc == DF_OK && r->n_fds == 1) {
		/* the seal says no more than the report itself */
		(void)df_msg_get_u64(r->msg, DF_M_STATUS, &unfinished);
		s->st.status = unfinished ? DF_REPORT_PRELIMINARY
					  : DF_REPORT_FINAL;
		s->body = df_fd_take(&r->fds[0]);
		rc = hash_body(s, &why);
	} else if (rc == DF_OK) {
		rc = df_fail(&why, DF_E_BUG, "restored without a file");
	}
	if (rc != DF_OK) {
		delay(s, &why);
		return;
	}
	df_msg_init(&m, DF_MSG_STUDY_FACTS_RQ, 0);
	df_msg_put_str(&m, DF_M_STUDY, s->study.uid);
	if (df_journal_is_released(s->q->j, s->row.n))
		df_msg_put_str(&m, DF_M_PURPOSE, "released");
	queue_call(s->q, queue_index(s->q), &m, NULL, 0, DF_MSG_NONE, CALL_MS,
		   study_known, s);
}

static void opened(void *ctx, enum df_err rc, const struct df_why *why,
		   struct opened *o)
{
	struct sealing *s = ctx;
	struct job *job;

	if (rc != DF_OK) {
		delay(s, why);
		return;
	}
	job = job_new(s->q, DF_MSG_RESTORE, WORK_REPORT, s->row.study, s);
	df_msg_put_u64(&job->m, DF_M_KIND,
		       s->row.in_parcel ? DF_SOURCE_PARCEL : DF_SOURCE_RAW);
	opened_put(&job->m, o);
	df_msg_put_u64(&job->m, DF_M_RECORD, s->row.record);
	df_msg_put_str(&job->m, DF_M_FORM, "part10");
	job_fd(job, df_fd_take(&o->fd));
	job->done = restored;
	job_submit(job);
}

void report_pump(struct queue *q)
{
	struct df_row_instance row;
	struct df_row_study own;
	struct sealing *s;

	if (q->now - q->reports_woken_ms >= WAKE_MS) {
		q->reports_woken_ms = q->now;
		if (df_journal_reports_wake(q->j))
			q->report_look = true;
	}
	if (q->sealing || !q->report_look || q->self[0] == '\0' ||
	    queue_index(q) == NULL)
		return;
	if (df_journal_instances(q->j, DF_OF_TO_REPORT, q->report_cursor, &row,
				 1) == 0) {
		q->report_cursor = 0;
		return;
	}
	s = df_xcalloc(1, sizeof *s);
	s->q = q;
	s->row = row;
	s->statement = s->cms = s->body = -1;
	q->sealing = true;
	if (!df_journal_study(q->j, row.study, &own) ||
	    !df_journal_study_find(q->j, own.uid, NULL, &s->study)) {
		keep_back(s, DF_REPORTING_WAITS,
			  "no clinic sent the study of this report");
		return;
	}
	object_open(q, &row.object, row.in_parcel, row.peer, opened, s);
}

/* --- submitted by a person ---------------------------------------------------
 */

struct submitting {
	struct queue *q;
	struct df_link *link;
	uint32_t tag;
};

static void submitted(void *ctx, enum df_err rc, const struct df_why *why,
		      const struct df_id *object, const char *hex)
{
	struct submitting *s = ctx;
	char text[160];

	if (rc != DF_OK) {
		answer_error(s->q, s->link, s->tag, rc, why);
	} else {
		df_str_fmt(text, sizeof text,
			   "{\"object\":\"%s\",\"parcel\":\"%s\"}", object->s,
			   hex);
		answer_text(s->q, s->link, s->tag, text, NULL);
	}
	free(s);
}

void report_submit(struct queue *q, struct df_link *link, uint32_t tag,
		   const char *study_uid, int *fds, size_t n_fds)
{
	struct df_why why = {0};
	struct df_row_study study;
	struct submitting *s;

	if (n_fds != 3) {
		answer_error(q, link, tag,
			     df_fail(&why, DF_E_USAGE,
				     "a report is statement, signature and "
				     "body"),
			     &why);
		return;
	}
	if (!df_journal_study_find(q->j, study_uid, NULL, &study)) {
		answer_error(q, link, tag,
			     df_fail(&why, DF_E_NOTFOUND,
				     "no clinic sent such a study"),
			     &why);
		return;
	}
	s = df_xmalloc(sizeof *s);
	*s = (struct submitting){q, link, tag};
	bundle_make(q, study.peer, study.uid, &fds[0], &fds[1], &fds[2],
		    submitted, s);
}
