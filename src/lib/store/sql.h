/*
 * sql.h - the statements of index.db, each prepared once, and how to run them.
 *
 * The only SQL text outside of the schema (schema.c) stands in this table.
 */
#ifndef DF_STORE_SQL_H
#define DF_STORE_SQL_H

#include <sqlite3.h>

#include "df/store.h"

/* clang-format off */
#define DF_SQL_MAP(X)                                                          \
X(BEGIN, "BEGIN IMMEDIATE")                                                    \
X(COMMIT, "COMMIT")                                                            \
X(SAVE, "SAVEPOINT part")                                                      \
X(SAVE_BACK, "ROLLBACK TO part")                                               \
X(SAVE_KEEP, "RELEASE part")                                                   \
X(META_GET, "SELECT value FROM meta WHERE name = ?1")                          \
X(META_PUT, "INSERT OR REPLACE INTO meta(name, value) VALUES(?1, ?2)")         \
X(PATIENT_GET, "SELECT id FROM patients WHERE peer = ?1 AND key = ?2")         \
X(PATIENT_PUT, "INSERT INTO patients(peer, key, number, who, sealed)"          \
	" VALUES(?1, ?2, ?3, ?4, ?5)")                                         \
X(STUDY_GET, "SELECT s.id, p.number, p.who FROM studies s"                     \
	" JOIN patients p ON p.id = s.patient"                                 \
	" WHERE s.peer = ?1 AND s.uid = ?2")                                   \
X(STUDY_PUT, "INSERT INTO studies"                                             \
	"(peer, uid, patient, accession, sealed, first_ms, last_ms, mixed)"    \
	" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?6, 0)")                              \
X(STUDY_TOUCH, "UPDATE studies SET first_ms = min(first_ms, ?2),"              \
	" last_ms = max(last_ms, ?2), mixed = max(mixed, ?3) WHERE id = ?1")   \
X(SERIES_GET, "SELECT id FROM series WHERE study = ?1 AND uid = ?2")           \
X(SERIES_PUT, "INSERT INTO series"                                             \
	"(study, uid, modality, body_part, number) VALUES(?1, ?2, ?3, ?4, ?5)")\
X(INSTANCE_PUT, "INSERT INTO instances"                                        \
	"(series, uid, digest, class, syntax, size, object, record, coding,"   \
	" number, rows, columns, frames, pixels, calling_ae, received_ms)"     \
	" VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)"      \
	" ON CONFLICT(series, uid, digest) DO UPDATE SET object = ?7,"         \
	" record = ?8, coding = ?9, pixels = coalesce(?14, pixels)")           \
X(STUDY_FIND, DF_SQL_STUDY " WHERE s.uid = ?1 AND (?2 IS NULL OR s.peer = ?2)" \
	" ORDER BY s.peer = '', s.last_ms DESC LIMIT 2")                       \
X(STUDY_LIST, DF_SQL_STUDY " ORDER BY s.last_ms DESC, s.id DESC LIMIT ?1")     \
X(STUDY_COUNT, "SELECT count(DISTINCT r.id), count(DISTINCT i.uid),"           \
	" total(i.size) FROM series r JOIN instances i ON i.series = r.id"     \
	" WHERE r.study = ?1")                                                 \
X(STUDY_MODALITIES, "SELECT DISTINCT modality FROM series WHERE study = ?1"    \
	" AND modality <> '' ORDER BY modality")                               \
X(REPORT_PUT, "INSERT OR REPLACE INTO reports"                                 \
	"(object, sender, received_ms, statement, report_id, study_uid,"       \
	" version, status, checked, verdict, reason, note, why, accepted,"     \
	" conflict, sealed) VALUES"                                            \
	"(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)")            \
X(REPORT_GET, DF_SQL_REPORT " WHERE object = ?1")                              \
X(REPORT_VERSION, DF_SQL_REPORT " WHERE study_uid = ?1 AND report_id = ?2"     \
	" AND accepted AND (?3 = 0 OR version = ?3)"                           \
	" ORDER BY version DESC LIMIT 1")                                      \
X(REPORT_NEXT, DF_SQL_REPORT " WHERE (received_ms, object) > (?1, ?2)"         \
	" AND (?3 IS NULL OR study_uid = ?3)"                                  \
	" ORDER BY received_ms, object LIMIT 1")

#define DF_SQL_STUDY "SELECT s.id, s.uid, s.peer, s.first_ms, s.last_ms,"      \
	" s.mixed, s.sealed, p.sealed, p.key FROM studies s"                   \
	" JOIN patients p ON p.id = s.patient"
#define DF_SQL_REPORT "SELECT object, sender, received_ms, statement,"         \
	" report_id, study_uid, version, status, checked, verdict, reason,"    \
	" note, why, accepted, conflict, sealed FROM reports"
/* clang-format on */

enum df_sql {
#define X(name, text) DF_SQL_##name##_,
	DF_SQL_MAP(X)
#undef X
		DF_SQL_COUNT
};

struct df_store {
	sqlite3 *db;
	struct df_column_cipher cipher;
	sqlite3_stmt *statements[DF_SQL_COUNT];
	bool begun;
	bool damaged; /* a page did not match, or the structure is broken */
};

/* A statement ready to be bound; df_sql_done() when its rows are read. */
sqlite3_stmt *df_sql(struct df_store *s, enum df_sql which, struct df_why *why);
void df_sql_text(sqlite3_stmt *q, int at, struct df_text t);
void df_sql_str(sqlite3_stmt *q, int at, const char *t); /* NULL = null */
void df_sql_blob(sqlite3_stmt *q, int at, const void *ptr, size_t len);
void df_sql_digest(sqlite3_stmt *q, int at, const struct df_digest *d);
void df_sql_u64(sqlite3_stmt *q, int at, uint64_t v);
/* DF_OK with a row, DF_E_NOTFOUND without, else the failure. */
DF_MUST_CHECK enum df_err df_sql_step(struct df_store *s, sqlite3_stmt *q,
				      struct df_why *why);
void df_sql_done(sqlite3_stmt *q); /* NULL is fine */
/* Runs one that gives no rows, and is done with it. NULL fails. */
DF_MUST_CHECK enum df_err df_sql_run(struct df_store *s, sqlite3_stmt *q,
				     struct df_why *why);
struct df_text df_sql_col(sqlite3_stmt *q, int at); /* borrowed until done */
bool df_sql_col_digest(sqlite3_stmt *q, int at, struct df_digest *d);
enum df_err df_sql_fail(struct df_store *s, const char *what,
			struct df_why *why);

/* schema.c: makes or checks the tables. */
DF_MUST_CHECK enum df_err df_schema_check(struct df_store *s,
					  struct df_why *why);

/* column.c: rows' sealed parts. `values[first..last)` as one sealed record. */
DF_MUST_CHECK enum df_err
df_column_seal(struct df_store *s, struct df_text place,
	       const struct df_text *values, unsigned first, unsigned last,
	       struct df_buf *out, struct df_why *why);
DF_MUST_CHECK enum df_err
df_column_open(struct df_store *s, struct df_text place, struct df_text sealed,
	       char (*values)[DF_IDENT_CAP], unsigned first, unsigned last,
	       struct df_why *why);
/* Blind index of normalised values joined by NUL; false when all are empty. */
bool df_column_blind(struct df_store *s, const char *column,
		     const struct df_text *const *values, unsigned n,
		     struct df_digest *out);

#endif
