/*
 * report_bundle.c - header by keys, sealed by a cell, published, and put into
 * the mailbox of the clinic in the same commit.
 */
#include "report_bundle.h"

#include <stdlib.h>
#include <string.h>

#include "df/file.h"
#include "df/log.h"
#include "df/sealed.h"

enum { STATEMENT, CMS, BODY, PARTS };

struct bundle {
	struct queue *q;
	char peer[DF_HEX_LEN + 1];
	char study_uid[65];
	int fds[PARTS]; /* kept until it is done: a cell may die */
	uint64_t epoch;
	struct df_buf header;
	uint8_t cek[CEK_LEN];
	char hex[33];
	struct df_digest h0;
	struct df_stage stage;
	struct df_id object;
	uint64_t dfenv_len, bytes;
	int64_t made_ms;
	bundled_fn *done;
	void *ctx;
};

static void over(struct bundle *b, enum df_err rc, const struct df_why *why)
{
	b->done(b->ctx, rc, why, &b->object, b->hex);
	df_stage_drop(&b->q->sp, &b->stage);
	for (int i = 0; i < PARTS; i++)
		df_fd_close(&b->fds[i]);
	df_buf_release(&b->header);
	explicit_bzero(b->cek, sizeof b->cek);
	free(b);
}

static void published(void *ctx, enum df_err rc, const struct df_why *why)
{
	struct bundle *b = ctx;
	struct queue *q = b->q;
	struct df_row_report r = {.object = b->object,
				  .direction = DF_ENV_MADE};

	if (rc == DF_OK) {
		memcpy(r.hex, b->hex, sizeof r.hex);
		memcpy(r.peer, b->peer, sizeof r.peer);
		df_journal_object_add(q->j, &b->object, DF_ENV_REPORT,
				      b->dfenv_len, b->bytes, b->made_ms);
		df_journal_report_add(q->j, &r);
		(void)df_journal_mail_add(q->j, b->peer, b->hex, &b->object,
					  b->dfenv_len); /* the cursor */
		mailbox_wake(q, b->peer);
		q->report_look = true;
		df_log(DF_LOG_INFO, "report.bundled",
		       DF_F_WORD("parcel", b->hex),
		       DF_F_UID("study", b->study_uid));
	}
	over(b, rc, why);
}

static enum df_err add_envelope(struct bundle *b, const struct df_msg *m,
				struct df_why *why)
{
	struct df_envelope env = {.kind = DF_ENV_REPORT,
				  .id = b->stage.id,
				  .received_ms = b->made_ms,
				  .direction = DF_ENV_MADE,
				  .epoch = b->epoch,
				  .sequence = 1,
				  .h0 = b->h0};
	struct df_buf text;
	uint64_t size = 0;
	enum df_err rc = df_fd_size(b->stage.fd, &size, why);

	if (rc == DF_OK && (!df_msg_get_u64(m, DF_M_LENGTH, &b->dfenv_len) ||
			    !df_msg_get_checksum(m, &env.checksum) ||
			    size != b->dfenv_len))
		rc = df_fail(why, DF_E_CORRUPT, "the cell sealed another size");
	if (rc != DF_OK)
		return rc;
	memcpy(env.peer, b->peer, sizeof env.peer);
	memcpy(env.study_uid, b->study_uid, sizeof env.study_uid);
	(void)df_hex_decode(env.parcel_id, 16,
			    df_text_of(b->hex)); /* keys made it */
	df_buf_init(&text, DF_ENV_RAW_MAX);
	rc = df_envelope_encode(&text, &env, b->dfenv_len, why);
	if (rc == DF_OK)
		rc = df_pwrite_all(b->stage.fd, text.ptr, text.len,
				   b->dfenv_len, why);
	b->bytes = b->dfenv_len + text.len;
	df_buf_release(&text);
	return rc;
}

static void sealed_by_cell(void *ctx, struct df_reply *r)
{
	struct bundle *b = ctx;
	struct df_why why = r->why;
	enum df_err rc = r->err;

	b->made_ms = b->q->now;
	if (rc == DF_OK)
		rc = add_envelope(b, r->msg, &why);
	if (rc != DF_OK) {
		over(b, rc, &why);
		return;
	}
	b->object = b->stage.id;
	queue_publish(b->q, &b->stage, published, b);
}

static void submit(struct bundle *b)
{
	struct df_why why = {0};
	struct job *job;
	int fds[1 + PARTS] = {-1, -1, -1, -1};
	enum df_err rc = df_stage_new(&b->q->sp, &b->stage, &why);

	if (rc == DF_OK)
		rc = df_fd_dup(&fds[0], b->stage.fd, &why);
	for (int i = 0; rc == DF_OK && i < PARTS; i++)
		rc = df_fd_dup(&fds[1 + i], b->fds[i], &why);
	if (rc != DF_OK) {
		for (int i = 0; i < 1 + PARTS; i++)
			df_fd_close(&fds[i]);
		over(b, rc, &why);
		return;
	}
	job = job_new(b->q, DF_MSG_SEAL_REPORT, WORK_REPORT, 0, b);
	df_msg_put(&job->m, DF_M_HEADER, b->header.ptr, b->header.len);
	df_msg_put(&job->m, DF_M_CEK, b->cek, sizeof b->cek);
	for (int i = 0; i < 1 + PARTS; i++)
		job_fd(job, fds[i]);
	job->done = sealed_by_cell;
	job_submit(job);
}

static void header_made(void *ctx, struct df_reply *r)
{
	struct bundle *b = ctx;
	struct df_text header, cek;
	struct df_why why = r->why;
	enum df_err rc = r->err;

	if (rc == DF_OK && (!df_msg_get(r->msg, DF_M_HEADER, &header) ||
			    !df_msg_get(r->msg, DF_M_CEK, &cek) ||
			    cek.len != CEK_LEN ||
			    !df_msg_get_str(r->msg, DF_M_PARCEL, b->hex,
					    sizeof b->hex) ||
			    !df_msg_get_digest(r->msg, DF_M_H0, &b->h0)))
		df_bug("keys sealed without saying what");
	if (rc == DF_OK) {
		memcpy(b->cek, cek.ptr, CEK_LEN);
		rc = df_buf_add(&b->header, header.ptr, header.len, &why);
	}
	if (rc != DF_OK)
		over(b, rc, &why);
	else
		submit(b);
}

void bundle_make(struct queue *q, const char *peer, const char *study_uid,
		 int *statement, int *cms, int *body, bundled_fn *done,
		 void *ctx)
{
	struct bundle *b = df_xcalloc(1, sizeof *b);
	struct df_digest zero = {{0}};
	struct df_msg m;

	b->q = q;
	b->stage.fd = -1;
	b->done = done;
	b->ctx = ctx;
	b->fds[STATEMENT] = df_fd_take(statement);
	b->fds[CMS] = df_fd_take(cms);
	b->fds[BODY] = df_fd_take(body);
	df_str_fmt(b->peer, sizeof b->peer, "%s", peer);
	df_str_fmt(b->study_uid, sizeof b->study_uid, "%s", study_uid);
	df_buf_init(&b->header, DF_SEALED_HEAD_MAX);
	/* the report lane: every bundle is a stream of its own; the order of
	 * reports is in their statements */
	b->epoch = (uint64_t)q->now;
	df_msg_init(&m, DF_MSG_SEAL_RQ, 0);
	df_msg_put_u64(&m, DF_M_CONTENT, DF_SEALED_REPORT);
	df_msg_put_u64(&m, DF_M_EPOCH, b->epoch);
	df_msg_put_u64(&m, DF_M_SEQUENCE, 1);
	df_msg_put_digest(&m, DF_M_PREVIOUS, &zero);
	df_msg_put_str(&m, DF_M_PEER, peer);
	queue_call(q, queue_keys(q), &m, NULL, 0, DF_MSG_NONE, CALL_MS,
		   header_made, b);
}
