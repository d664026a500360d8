/*
 * reports.c - reports as they arrived, what was found, and what may be shown.
 *
 * Rows are keyed by the object that holds the bundle, so that a second look
 * at the same bundle replaces the first. The statement and the signer's name
 * are sealed; verdict, reason words and digests are in clear.
 */
#include <stdlib.h>
#include <string.h>

#include "sql.h"

static void place_of(char to[64], const char *object)
{
	df_str_fmt(to, 64, "report:%s", object);
}

/* Sealed: {u16 length of the signer's name, name, statement}. */
static enum df_err seal(struct df_store *s, const struct df_store_report *r,
			struct df_buf *out, struct df_why *why)
{
	size_t n = strnlen(r->signer, sizeof r->signer - 1);
	struct df_buf plain;
	char place[64];
	enum df_err rc;

	place_of(place, r->object);
	df_buf_init(&plain, 128 * 1024);
	rc = df_buf_u16(&plain, (uint16_t)n);
	if (rc == DF_OK)
		rc = df_buf_add(&plain, r->signer, n, why);
	if (rc == DF_OK && r->text.len > 0)
		rc = df_buf_add(&plain, r->text.ptr, r->text.len, why);
	if (rc == DF_OK)
		rc = s->cipher.seal(
			s->cipher.ctx, df_text_of(place),
			(struct df_text){(const char *)plain.ptr, plain.len},
			out, why);
	df_buf_wipe(&plain);
	return rc;
}

static void bind(sqlite3_stmt *q, const struct df_store_report *r)
{
	df_sql_str(q, 1, r->object);
	df_sql_str(q, 2, r->sender);
	df_sql_u64(q, 3, (uint64_t)r->received_ms);
	df_sql_digest(q, 4, &r->statement);
	df_sql_str(q, 5, r->report_id);
	df_sql_str(q, 6, r->study_uid);
	df_sql_u64(q, 7, r->version);
	df_sql_u64(q, 8, r->status);
	df_sql_u64(q, 9, r->checked);
	df_sql_u64(q, 10, r->verdict);
	df_sql_str(q, 11, r->reason);
	df_sql_str(q, 12, r->note);
	df_sql_str(q, 13, r->why);
	df_sql_u64(q, 14, r->accepted);
	df_sql_u64(q, 15, r->conflict);
}

enum df_err df_store_put_report(struct df_store *s,
				const struct df_store_report *r,
				struct df_why *why)
{
	struct df_buf sealed;
	sqlite3_stmt *q;
	enum df_err rc;

	df_buf_init(&sealed, 256 * 1024);
	rc = seal(s, r, &sealed, why);
	if (rc == DF_OK) {
		q = df_sql(s, DF_SQL_REPORT_PUT_, why);
		if (q != NULL)
			bind(q, r);
		df_sql_blob(q, 16, sealed.ptr, sealed.len);
		rc = df_sql_run(s, q, why);
	}
	df_buf_release(&sealed);
	return rc;
}

static enum df_err open_text(struct df_store *s, struct df_text sealed,
			     struct df_store_report *out, struct df_buf *text,
			     struct df_why *why)
{
	char place[64];
	enum df_err rc;
	size_t n;

	place_of(place, out->object);
	df_buf_clear(text);
	rc = s->cipher.open(s->cipher.ctx, df_text_of(place), sealed, text,
			    why);
	if (rc != DF_OK)
		return rc;
	n = text->len >= 2 ? df_get_u16(text->ptr) : SIZE_MAX;
	if (n > text->len - 2 || n >= sizeof out->signer)
		return df_fail(why, DF_E_CORRUPT,
			       "index.db: sealed report is malformed");
	memcpy(out->signer, text->ptr + 2, n);
	out->signer[n] = '\0';
	out->text = (struct df_text){(const char *)text->ptr + 2 + n,
				     text->len - 2 - n};
	return DF_OK;
}

/* From a row of DF_SQL_REPORT. */
static enum df_err read_report(struct df_store *s, sqlite3_stmt *q,
			       struct df_store_report *r, struct df_buf *text,
			       struct df_why *why)
{
	*r = (struct df_store_report){0};
	if (df_str_copy(r->object, sizeof r->object, df_sql_col(q, 0)) ||
	    df_str_copy(r->sender, sizeof r->sender, df_sql_col(q, 1)) ||
	    df_str_copy(r->report_id, sizeof r->report_id, df_sql_col(q, 4)) ||
	    df_str_copy(r->study_uid, sizeof r->study_uid, df_sql_col(q, 5)) ||
	    df_str_copy(r->reason, sizeof r->reason, df_sql_col(q, 10)) ||
	    df_str_copy(r->note, sizeof r->note, df_sql_col(q, 11)) ||
	    df_str_copy(r->why, sizeof r->why, df_sql_col(q, 12)))
		return df_fail(why, DF_E_CORRUPT, "index.db: row of a report");
	r->received_ms = sqlite3_column_int64(q, 2);
	(void)df_sql_col_digest(q, 3, &r->statement); /* null: zero */
	r->version = (uint32_t)sqlite3_column_int64(q, 6);
	r->status = (uint32_t)sqlite3_column_int64(q, 7);
	r->checked = (uint32_t)sqlite3_column_int64(q, 8);
	r->verdict = (uint32_t)sqlite3_column_int64(q, 9);
	r->accepted = sqlite3_column_int(q, 13) != 0;
	r->conflict = sqlite3_column_int(q, 14) != 0;
	return open_text(s, df_sql_col(q, 15), r, text, why);
}

static enum df_err one(struct df_store *s, sqlite3_stmt *q,
		       struct df_store_report *out, struct df_buf *text,
		       struct df_why *why)
{
	enum df_err rc = df_sql_step(s, q, why);

	if (rc == DF_OK)
		rc = read_report(s, q, out, text, why);
	df_sql_done(q);
	return rc;
}

enum df_err df_store_report(struct df_store *s, const char *object,
			    struct df_store_report *out, struct df_buf *text,
			    struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_REPORT_GET_, why);

	df_sql_str(q, 1, object);
	return one(s, q, out, text, why);
}

enum df_err df_store_report_version(struct df_store *s, const char *study_uid,
				    const char *report_id, uint32_t version,
				    struct df_store_report *out,
				    struct df_buf *text, struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_REPORT_VERSION_, why);

	df_sql_str(q, 1, study_uid);
	df_sql_str(q, 2, report_id);
	df_sql_u64(q, 3, version);
	return one(s, q, out, text, why);
}

enum df_err df_store_reports(
	struct df_store *s, const char *study_uid,
	enum df_err (*fn)(void *ctx, const struct df_store_report *report),
	void *ctx, struct df_why *why)
{
	/* one row a statement: fn may put reports between two of them */
	struct df_store_report r = {.received_ms = INT64_MIN};
	struct df_buf text;
	enum df_err rc;

	df_buf_init(&text, 256 * 1024);
	do {
		sqlite3_stmt *q = df_sql(s,
					 study_uid != NULL
						 ? DF_SQL_REPORT_OF_STUDY_
						 : DF_SQL_REPORT_NEXT_,
					 why);

		df_sql_u64(q, 1, (uint64_t)r.received_ms);
		df_sql_str(q, 2, r.object);
		if (study_uid != NULL)
			df_sql_str(q, 3, study_uid);
		rc = one(s, q, &r, &text, why);
		if (rc == DF_OK)
			rc = fn(ctx, &r);
	} while (rc == DF_OK);
	df_buf_wipe(&text);
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}
