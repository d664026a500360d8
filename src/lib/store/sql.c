/* sql.c - see sql.h. */
#include "sql.h"

#include <string.h>

#include "df/pages.h"

static const char *const TEXT[] = {
#define X(name, text) text,
	DF_SQL_MAP(X)
#undef X
};

enum df_err df_sql_fail(struct df_store *s, const char *what,
			struct df_why *why)
{
	int rc = s->db != NULL ? sqlite3_extended_errcode(s->db) : SQLITE_NOMEM;
	enum df_err err = DF_E_IO;

	if (df_pages_is_damage(rc))
		err = DF_E_CORRUPT;
	else if ((rc & 0xff) == SQLITE_FULL)
		err = DF_E_NOSPACE;
	else if ((rc & 0xff) == SQLITE_NOMEM)
		err = DF_E_NOMEM;
	s->damaged = s->damaged || err == DF_E_CORRUPT;
	/* sqlite3_errmsg may repeat bound values: only the code is told */
	return df_fail(why, err, "index.db: cannot %s: %s", what,
		       sqlite3_errstr(rc));
}

sqlite3_stmt *df_sql(struct df_store *s, enum df_sql which, struct df_why *why)
{
	sqlite3_stmt **q = &s->statements[which];

	if (*q == NULL && sqlite3_prepare_v3(s->db, TEXT[which], -1,
					     SQLITE_PREPARE_PERSISTENT, q,
					     NULL) != SQLITE_OK) {
		(void)df_sql_fail(s, "prepare", why); /* the NULL tells */
		return NULL;
	}
	return *q;
}

/* Binding fails only for lack of memory; the step then says so. */
void df_sql_text(sqlite3_stmt *q, int at, struct df_text t)
{
	if (q != NULL)
		(void)sqlite3_bind_text(q, at, t.len ? t.ptr : "", (int)t.len,
					SQLITE_TRANSIENT);
}

void df_sql_str(sqlite3_stmt *q, int at, const char *t)
{
	if (q != NULL && t != NULL)
		df_sql_text(q, at, df_text_of(t));
	else if (q != NULL)
		(void)sqlite3_bind_null(q, at);
}

void df_sql_blob(sqlite3_stmt *q, int at, const void *ptr, size_t len)
{
	if (q != NULL)
		(void)sqlite3_bind_blob(q, at, ptr, (int)len, SQLITE_TRANSIENT);
}

void df_sql_digest(sqlite3_stmt *q, int at, const struct df_digest *d)
{
	if (q != NULL && (d == NULL || df_digest_is_zero(d)))
		(void)sqlite3_bind_null(q, at);
	else
		df_sql_blob(q, at, d, sizeof *d);
}

void df_sql_u64(sqlite3_stmt *q, int at, uint64_t v)
{
	if (q != NULL)
		(void)sqlite3_bind_int64(q, at, (sqlite3_int64)v);
}

enum df_err df_sql_step(struct df_store *s, sqlite3_stmt *q, struct df_why *why)
{
	int rc;

	if (q == NULL)
		return df_fail(why, DF_E_IO, "index.db: no statement");
	rc = sqlite3_step(q);
	if (rc == SQLITE_ROW)
		return DF_OK;
	if (rc == SQLITE_DONE)
		return DF_E_NOTFOUND; /* to most that is no failure */
	return df_sql_fail(s, "step", why);
}

void df_sql_done(sqlite3_stmt *q)
{
	if (q == NULL)
		return;
	(void)sqlite3_reset(q);		 /* repeats the error of the step */
	(void)sqlite3_clear_bindings(q); /* never fails */
}

enum df_err df_sql_run(struct df_store *s, sqlite3_stmt *q, struct df_why *why)
{
	enum df_err rc = df_sql_step(s, q, why);

	df_sql_done(q);
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}

enum df_err df_sql_number(struct df_store *s, sqlite3_stmt *q, uint64_t *v,
			  struct df_why *why)
{
	enum df_err rc = df_sql_step(s, q, why);

	*v = rc == DF_OK ? df_sql_col_u64(q, 0) : 0;
	df_sql_done(q);
	return rc;
}

uint64_t df_sql_col_u64(sqlite3_stmt *q, int at)
{
	return (uint64_t)sqlite3_column_int64(q, at);
}

struct df_text df_sql_col(sqlite3_stmt *q, int at)
{
	const void *p = sqlite3_column_blob(q, at);
	int n = sqlite3_column_bytes(q, at);

	return (struct df_text){p, p != NULL && n > 0 ? (size_t)n : 0};
}

bool df_sql_col_digest(sqlite3_stmt *q, int at, struct df_digest *d)
{
	struct df_text t = df_sql_col(q, at);

	*d = (struct df_digest){0};
	if (t.len != sizeof d->b)
		return false;
	memcpy(d->b, t.ptr, sizeof d->b);
	return true;
}
