/* sql.h - statements, binding and stepping; private to spool. */
#ifndef DF_SPOOL_SQL_H
#define DF_SPOOL_SQL_H

#include <sqlite3.h>

#include "df/journal.h"

/*
 * Prepares (once per text, which must be a literal), resets and binds.
 * types: i int64_t, t const char *, d const struct df_digest *,
 * x struct df_text (a blob). NULL after a failure, which sticks.
 */
sqlite3_stmt *df_sql(struct df_journal *j, const char *sql, const char *types,
		     ...);
/* The next row; false at the end (the statement is reset then). */
bool df_sql_row(struct df_journal *j, sqlite3_stmt *st);
/* Is there a row? The statement is done. */
bool df_sql_any(struct df_journal *j, sqlite3_stmt *st);
/* A statement that writes, inside the turn's transaction. */
void df_sql_run(struct df_journal *j, const char *sql, const char *types, ...);
/*
 * The same for a note: what may be lost, because it is found again from what
 * stays, and nobody outside was told. Notes wait for the next turn that writes
 * more than notes, or for df_journal_firm.
 */
void df_sql_note(struct df_journal *j, const char *sql, const char *types, ...);
/* True when the instance was there when the journal was opened. */
bool df_sql_is_old(const struct df_journal *j, int64_t instance);
/* Has this journal never been held against objects/? Then that it knows
 * nothing of a file says nothing. */
bool df_sql_is_fresh(struct df_journal *j);
void df_sql_in_use(struct df_journal *j);
/* Does a row name this object? `objects` alone does not say: its row goes when
 * the file is missing. */
bool df_sql_names(struct df_journal *j, const struct df_id *id);
/* The quarantined object that was last found whole; "" = none. */
struct df_id *df_sql_whole(struct df_journal *j);
/* After a row that is the only one wanted. */
void df_sql_done(sqlite3_stmt *st);
int64_t df_sql_last(struct df_journal *j);
uint64_t df_sql_changes(struct df_journal *j);

/* Columns; text is cut to cap, which never happens with what we wrote. */
void df_col_text(sqlite3_stmt *st, int col, char *to, size_t cap);
void df_col_id(sqlite3_stmt *st, int col, struct df_id *id);
void df_col_digest(sqlite3_stmt *st, int col, struct df_digest *d);
bool df_col_blob(sqlite3_stmt *st, int col, struct df_buf *to);

#define COL(st, col) sqlite3_column_int64(st, col)

#endif
