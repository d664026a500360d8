/*
 * assemble.c - studies become complete, and their manifests are signed.
 *
 * A study closes after quiet time, not while an association that brought some
 * of it is open, and not while something that came before is still unread; or
 * when a person says so. A late instance opens it again: version n + 1.
 */
#include <stdlib.h>
#include <string.h>

#include "df/file.h"
#include "df/hash.h"
#include "df/log.h"
#include "queue.h"

struct signing {
	struct queue *q;
	struct df_row_study study;
	int64_t created_ms;
	struct df_buf text;
};

static void close_quiet(struct queue *q)
{
	struct df_row_study rows[32];
	int64_t quiet_ms = q->cfg->study.quiet_s * 1000;
	int64_t oldest = df_journal_oldest_uninspected(q->j);
	size_t n = df_journal_studies(q->j, DF_OF_QUIET, q->now - quiet_ms,
				      rows, 32);

	for (size_t i = 0; i < n; i++) {
		if (oldest <= rows[i].last_ms + quiet_ms ||
		    intake_is_open(q, rows[i].n))
			continue;
		df_journal_study_close(q->j, rows[i].n, "quiet", q->now);
		df_log(DF_LOG_INFO, "study.closed",
		       DF_F_UID("study", rows[i].uid),
		       DF_F_WORD("reason", "quiet"));
		q->pack_look = true;
		prior_along(q, rows[i].n);
	}
}

static enum df_err manifest_text(struct signing *s, struct df_buf *text,
				 struct df_why *why)
{
	struct queue *q = s->q;
	struct df_row_manifest last;
	struct df_manifest m = {.version = s->study.version + 1,
				.created_ms = s->created_ms};
	enum df_err rc;

	memcpy(m.study_uid, s->study.uid, sizeof m.study_uid);
	memcpy(m.clinic_node.s, q->self, sizeof m.clinic_node.s);
	df_str_fmt(m.close_reason, sizeof m.close_reason, "%s",
		   s->study.close_reason);
	if (df_journal_manifests_of(q->j, s->study.n, &last, 1) == 1)
		m.previous = last.digest;
	rc = df_journal_manifest_fill(q->j, s->study.n, &m, why);
	if (rc == DF_OK)
		rc = df_manifest_encode(&m, text, why);
	df_manifest_release(&m);
	return rc;
}

static void over(struct signing *s)
{
	s->q->signing = false;
	df_buf_release(&s->text);
	free(s);
}

static void later(void *ctx)
{
	over(ctx);
}

static void keep(struct signing *s, struct df_text signature)
{
	struct queue *q = s->q;
	struct df_text text = {(const char *)s->text.ptr, s->text.len};
	struct df_row_manifest row = {.study = s->study.n,
				      .version = s->study.version + 1,
				      .since_ms = q->now};

	df_hash_bytes(&row.digest, text.ptr, text.len);
	for (size_t i = 0; i < q->cfg->n_peers; i++) {
		if (!study_goes_to(q, s->study.n, i, 0))
			continue;
		df_str_fmt(row.dest, sizeof row.dest, "%s",
			   q->cfg->peers[i].name);
		df_journal_manifest_add(q->j, &row, text, signature);
	}
	q->manifest_look = true;
	df_log(DF_LOG_INFO, "manifest.signed",
	       DF_F_UID("study", s->study.uid),
	       DF_F_NUM("version", row.version));
}

static void signed_now(void *ctx, struct df_reply *r)
{
	struct signing *s = ctx;
	struct df_text signature;
	struct df_buf again;
	struct df_row_study now;

	if (r->err != DF_OK) {
		df_log(DF_LOG_WARN, "manifest.unsigned", DF_F_ERR(&r->why));
		queue_later(s->q, RETRY_MS, later, s);
		return;
	}
	if (!df_msg_get(r->msg, DF_M_SIGNATURE, &signature))
		df_bug("keys signed without a signature");
	/* what came while it was signed is not in it: then sign anew */
	df_buf_init(&again, DF_MANIFEST_BYTES_MAX);
	if (df_journal_study(s->q->j, s->study.n, &now) &&
	    now.state == DF_STUDY_CLOSED && now.version == s->study.version &&
	    manifest_text(s, &again, NULL) == DF_OK &&
	    again.len == s->text.len &&
	    memcmp(again.ptr, s->text.ptr, again.len) == 0)
		keep(s, signature);
	df_buf_release(&again);
	over(s);
}

static void sign(struct queue *q, const struct df_row_study *study)
{
	struct signing *s = df_xcalloc(1, sizeof *s);
	struct df_why why = {0};
	struct df_msg m;
	int fd;

	s->q = q;
	s->study = *study;
	s->created_ms = q->now;
	df_buf_init(&s->text, DF_MANIFEST_BYTES_MAX);
	q->signing = true;
	if (manifest_text(s, &s->text, &why) != DF_OK) {
		df_log(DF_LOG_ERROR, "manifest.impossible",
		       DF_F_UID("study", study->uid), DF_F_ERR(&why));
		queue_later(q, 60 * RETRY_MS, later, s);
		return;
	}
	fd = text_fd("manifest",
		     (struct df_text){(const char *)s->text.ptr, s->text.len},
		     &why);
	if (fd < 0) {
		queue_later(q, RETRY_MS, later, s);
		return;
	}
	df_msg_init(&m, DF_MSG_SIGN_RQ, 0);
	df_msg_put_str(&m, DF_M_PURPOSE, "manifest");
	queue_call(q, queue_keys(q), &m, &fd, 1, DF_MSG_NONE, CALL_MS,
		   signed_now, s);
}

void assemble_pump(struct queue *q)
{
	struct df_row_study row;

	if (!q->study_look)
		return;
	q->study_look = false;
	close_quiet(q);
	if (q->cfg->n_peers == 0 || q->signing || q->self[0] == '\0')
		return;
	if (df_journal_studies(q->j, DF_OF_UNSIGNED, 0, &row, 1) != 1)
		return;
	/* what came before the close and was not looked at may be of it */
	if (df_journal_oldest_uninspected(q->j) > row.closed_ms)
		sign(q, &row);
}
