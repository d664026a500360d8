/*
 * pages.h - SQLite databases whose every page carries a checksum.
 *
 * SQLite finds a broken structure, but not a flipped bit inside a value. Here
 * the last 8 bytes of each page of the database file hold the XXH3 of the rest;
 * a page that does not match is not given to SQLite: the statement fails with
 * SQLITE_IOERR_DATA, which df_pages_is_damage knows. The write-ahead log has
 * checksums of its own. Pages of the log get ours when they are copied home.
 */
#ifndef DF_PAGES_H
#define DF_PAGES_H

#include <sqlite3.h>

#include "df/err.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Opens or makes the database (read-write, no symbolic link). The result is
 * SQLite's code; *db is to be closed in any case, and may be NULL. One that was
 * made without checksums counts as damaged.
 */
DF_MUST_CHECK int df_pages_open(sqlite3 **db, const char *path);

/* Is what a statement said (an extended result code) damage of the file, and
 * not a disk that cannot be read or is full? */
bool df_pages_is_damage(int extended_code);

/*
 * Reads every page of the database file and of nothing else; *bad counts those
 * that do not match. For a file that no process has open. DF_E_NOTFOUND when
 * there is none, DF_E_FORMAT when it has no checksums.
 */
DF_MUST_CHECK enum df_err df_pages_check(int dir, const char *name,
					 uint64_t *pages, uint64_t *bad,
					 struct df_why *why);

/*
 * The database of that name and its log step aside, as NAME.TIME...: nothing is
 * deleted, and a new one can be made. Durable afterwards.
 */
DF_MUST_CHECK enum df_err df_pages_aside(int dir, const char *name,
					 struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
