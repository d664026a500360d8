/*
 * peek.c - a number out of an index.db that nobody has open, without its key.
 *
 * Alone in its file and without sql.h, for the command line, which has the
 * journal's statements linked already.
 */
#include "df/pages.h"
#include "df/store.h"

enum df_err df_store_peek(const char *path, const char *name, uint64_t *value,
			  struct df_why *why)
{
	static const char SQL[] = "SELECT value FROM meta WHERE name = ?1";
	sqlite3_stmt *q = NULL;
	sqlite3 *db = NULL;
	int code = df_pages_open(&db, path);

	*value = 0;
	if (code == SQLITE_OK) /* these pages have no shared memory */
		code = sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE", NULL,
				    NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(db, SQL, -1, &q, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_step(q);
	if (code == SQLITE_ROW &&
	    !df_text_u64((struct df_text){sqlite3_column_blob(q, 0),
					  (size_t)sqlite3_column_bytes(q, 0)},
			 value))
		code = SQLITE_MISMATCH;
	(void)sqlite3_finalize(q); /* repeats the step's error */
	(void)sqlite3_close(db);   /* nothing was written */
	if (code == SQLITE_ROW || code == SQLITE_DONE)
		return DF_OK;
	return df_fail(why, DF_E_IO, "cannot look into index.db: %s",
		       sqlite3_errstr(code));
}
