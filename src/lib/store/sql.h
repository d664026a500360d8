/*
 * sql.h - the statements of index.db, each prepared once, and how to run them.
 *
 * The only SQL text outside of the schema (schema.c) stands in this table.
 */
#ifndef DF_STORE_SQL_H
#define DF_STORE_SQL_H

#include <sqlite3.h>

#include "df/persons.h"
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
/* --- words that many rows share ----------------------------------------- */\
X(PEER_GET, "SELECT id FROM peers WHERE node = ?1")                            \
X(PEER_PUT, "INSERT INTO peers(node) VALUES(?1)")                              \
X(OBJECT_GET, "SELECT id FROM objects WHERE name = ?1")                        \
X(OBJECT_PUT, "INSERT INTO objects(name, instances) VALUES(?1, 0)")            \
X(OBJECT_COUNT, "UPDATE objects SET instances = instances + ?2 WHERE id = ?1") \
X(OBJECT_DROP, "DELETE FROM objects WHERE id = ?1 AND instances = 0")          \
X(FORM_GET, "SELECT id FROM forms WHERE class = ?1 AND syntax = ?2"            \
	" AND coding = ?3 AND rows = ?4 AND columns = ?5 AND frames = ?6"      \
	" AND calling_ae = ?7")                                                \
X(FORM_PUT, "INSERT INTO forms(class, syntax, coding, rows, columns, frames,"  \
	" calling_ae) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)")                     \
/* --- patients and persons ------------------------------------------------*/ \
X(PATIENT_GET, "SELECT id FROM patients WHERE key = ?1")                       \
X(PATIENT_PUT, "INSERT INTO patients(key, peer, number, who, person, held,"    \
	" sealed) VALUES(?1, ?2, ?3, ?4, 0, 0, ?5)")                           \
X(PATIENT_ROW, "SELECT p.id, p.key, n.node, p.person, " DF_SQL_HELD ","        \
	" p.sealed FROM patients p JOIN peers n ON n.id = p.peer"              \
	" WHERE p.id = ?1")                                                    \
X(PATIENT_LIKE, "SELECT id FROM patients WHERE key BETWEEN ?1 AND ?2 LIMIT 2") \
X(PATIENT_WHO, "SELECT who FROM patients WHERE id = ?1")                       \
X(PATIENT_JOIN, "UPDATE patients SET person = ?2, held = ?3 WHERE id = ?1"     \
	" AND (person <> ?2 OR held <> ?3)")                                   \
X(PERSON_NEXT, "SELECT id FROM patients WHERE person = ?1 AND id > ?2"         \
	" ORDER BY id LIMIT 1")                                                \
X(KEY_PUT, "INSERT OR IGNORE INTO patient_keys(key, patient) VALUES(?1, ?2)")  \
X(KEY_NEXT, "SELECT patient FROM patient_keys WHERE key = ?1"                  \
	" AND patient < ?2 ORDER BY patient DESC LIMIT 1")                     \
X(PAIR_PUT, "INSERT INTO pairs(a, b, match, reasons, question, decided, seq)"  \
	" VALUES(?1, ?2, ?3, ?4, ?5, 0, 0) ON CONFLICT(a, b) DO UPDATE SET"    \
	" match = ?3, reasons = ?4, question = ?5 AND decided = 0")            \
X(PAIR_GET, "SELECT match, reasons FROM pairs WHERE a = ?1 AND b = ?2")        \
X(PAIR_DECIDE, "UPDATE pairs SET decided = ?3, seq = ?4, question = ?5"        \
	" WHERE a = ?1 AND b = ?2")                                            \
X(PAIR_LINKS, "SELECT b, match, decided FROM pairs WHERE a = ?1")              \
X(PAIR_QUESTION, "SELECT a, b, match, reasons, decided, seq FROM pairs"        \
	" WHERE question AND (a, b) < (?1, ?2) ORDER BY a DESC, b DESC LIMIT 1") \
X(PAIR_NEXT, "SELECT a, b, match, reasons, decided, seq FROM pairs"            \
	" WHERE a > b AND (question OR decided) AND (a, b) < (?1, ?2)"         \
	" ORDER BY a DESC, b DESC LIMIT 1")                                    \
X(PAIR_OPEN, "SELECT count(*) FROM pairs JOIN patients p ON p.id = a"          \
	" JOIN patients q ON q.id = b"                                         \
	" WHERE question AND (match <> ?1 OR p.person <> q.person)")           \
X(PAIR_OF, "SELECT a, b, match, reasons, decided, seq FROM pairs"              \
	" WHERE a = ?1 AND b < ?2 ORDER BY b DESC LIMIT 1")                    \
X(DECISION_PUT, "INSERT OR REPLACE INTO decisions(a, b, decided, seq)"         \
	" VALUES(?1, ?2, ?3, ?4)")                                             \
X(DECISION_DROP, "DELETE FROM decisions WHERE a = ?1 AND b = ?2")              \
X(DECISION_LIST, "SELECT p.id, d.decided, d.seq FROM decisions d"              \
	" JOIN patients p ON p.key = d.b WHERE d.a = ?1")                      \
X(SAID_PUT, "INSERT OR REPLACE INTO said(a, b, seq) VALUES(?1, ?2, ?3)")       \
X(SAID_LIST, "SELECT seq FROM said WHERE a = ?1 AND (?2 IS NULL OR b = ?2)"    \
	" ORDER BY seq")                                                       \
/* --- studies, series, instances ------------------------------------------*/ \
X(STUDY_GET, "SELECT s.id, p.key, p.number, p.who FROM studies s"              \
	" JOIN patients p ON p.id = s.patient"                                 \
	" WHERE s.uid = ?1 AND s.peer = ?2")                                   \
X(STUDY_PUT, "INSERT INTO studies(uid, peer, patient, accession, basis,"       \
	" sealed, first_ms, last_ms, mixed)"                                   \
	" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, 0)")                          \
X(STUDY_TOUCH, "UPDATE studies SET first_ms = min(first_ms, ?2),"              \
	" last_ms = max(last_ms, ?2), mixed = max(mixed, ?3) WHERE id = ?1"    \
	" AND (?2 < first_ms OR ?2 > last_ms OR ?3 > mixed)")                  \
X(SERIES_GET, "SELECT id FROM series WHERE study = ?1 AND uid = ?2")           \
X(SERIES_PUT, "INSERT INTO series"                                             \
	"(study, uid, modality, body_part, number) VALUES(?1, ?2, ?3, ?4, ?5)")\
X(INSTANCE_GET, "SELECT object FROM instances"                                 \
	" WHERE series = ?1 AND uid = ?2 AND digest = ?3")                     \
X(INSTANCE_PUT, "INSERT INTO instances(series, uid, digest, form, size,"       \
	" object, record, number, pixels, received_ms)"                        \
	" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")                    \
X(INSTANCE_MOVE, "UPDATE instances SET form = ?4, object = ?6, record = ?7,"   \
	" pixels = coalesce(?9, pixels)"                                       \
	" WHERE series = ?1 AND uid = ?2 AND digest = ?3")                     \
X(IMAGE_PUT, "INSERT OR IGNORE INTO image_keys(key, series)"                   \
	" VALUES(substr(?1, 1, 8), ?2)")                                       \
/* first which series share a key, then which of their images are the same */\
X(TWINS, "WITH both(mine, theirs) AS MATERIALIZED"                             \
	" (SELECT DISTINCT r.id, t.id FROM series r"                           \
	" CROSS JOIN instances i ON i.series = r.id"                           \
	" CROSS JOIN image_keys k ON k.key = substr(i.pixels, 1, 8)"           \
	" CROSS JOIN series t ON t.id = k.series AND t.study <> r.study"       \
	" WHERE r.study = ?1 AND i.pixels IS NOT NULL),"                       \
	" images AS MATERIALIZED (SELECT series, uid, pixels FROM instances"   \
	" WHERE pixels IS NOT NULL AND series IN (SELECT theirs FROM both))"   \
	" SELECT r.uid, i.uid, t.uid, j.uid, u.uid, n.node,"                   \
	" p.person = q.person, r.modality = t.modality"                        \
	" FROM both CROSS JOIN series r ON r.id = mine"                        \
	" CROSS JOIN studies s ON s.id = r.study"                              \
	" CROSS JOIN patients p ON p.id = s.patient"                           \
	" CROSS JOIN series t ON t.id = theirs"                                \
	" CROSS JOIN studies u ON u.id = t.study"                              \
	" CROSS JOIN peers n ON n.id = u.peer"                                 \
	" CROSS JOIN patients q ON q.id = u.patient"                           \
	" CROSS JOIN instances i ON i.series = mine"                           \
	" CROSS JOIN images j ON j.series = theirs AND j.pixels = i.pixels"    \
	" ORDER BY i.series, i.uid, u.id, j.series, j.uid")                    \
X(STUDY_ROW, "SELECT s.id FROM studies s JOIN peers n ON n.id = s.peer"        \
	" WHERE s.uid = ?1 AND n.node = ?2")                                   \
X(STUDY_FIND, DF_SQL_STUDY " WHERE s.uid = ?1 AND (?2 IS NULL OR n.node = ?2)" \
	" ORDER BY n.node = '', s.last_ms DESC LIMIT 2")                       \
X(STUDY_LIST, DF_SQL_STUDY " ORDER BY s.last_ms DESC, s.id DESC LIMIT ?1")     \
X(STUDY_OF_PERSON, DF_SQL_STUDY " WHERE p.person = ?1"                         \
	" AND (s.last_ms, s.id) < (?2, ?3)"                                    \
	" ORDER BY s.last_ms DESC, s.id DESC LIMIT 1")                         \
X(STUDY_COUNT, "SELECT count(*), total(n), total(bytes) FROM"                  \
	" (SELECT count(DISTINCT i.uid) AS n, total(i.size) AS bytes"          \
	" FROM series r JOIN instances i ON i.series = r.id"                   \
	" WHERE r.study = ?1 GROUP BY r.id)")                                  \
X(STUDY_MODALITIES, "SELECT DISTINCT modality FROM series WHERE study = ?1"    \
	" AND modality <> '' ORDER BY modality")                               \
X(STUDY_BODY_PARTS, "SELECT DISTINCT body_part FROM series WHERE study = ?1"   \
	" AND body_part <> '' ORDER BY body_part")                             \
/* --- reports ------------------------------------------------------------ */ \
X(KNOWN_PUT, "INSERT OR REPLACE INTO known"                                    \
	"(identity, peer, learned_ms, sealed) VALUES(?1, ?2, ?3, ?4)")         \
X(KNOWN_GET, "SELECT learned_ms, sealed FROM known"                            \
	" WHERE identity = ?1 AND peer = ?2")                                  \
X(KNOWN_FORGET, "DELETE FROM known WHERE learned_ms < ?1")                     \
X(TOLD_PUT, "INSERT OR REPLACE INTO told(peer, study_uid, origin, at_ms)"      \
	" VALUES(?1, ?2, ?3, ?4)")                                             \
X(TOLD_GET, "SELECT origin FROM told WHERE peer = ?1 AND study_uid = ?2"       \
	" AND at_ms >= ?3 ORDER BY origin = '' LIMIT 2")                       \
/* --- orders ----------------------------------------------------------- */   \
X(ORDER_PUT, "INSERT OR REPLACE INTO orders(id, state, moment, study_uid,"     \
	" modality, performed, changed_ms, accession, number, sealed)"         \
	" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")                    \
X(ORDER_GET, DF_SQL_ORDER " WHERE id = ?1")                                    \
X(ORDER_OPEN, DF_SQL_ORDER " WHERE state = 0 AND moment BETWEEN ?1 AND ?2"     \
	" ORDER BY moment")                                                    \
X(ORDER_LAST, "SELECT * FROM (" DF_SQL_ORDER " ORDER BY moment DESC,"          \
	" changed_ms DESC LIMIT ?1) ORDER BY moment, changed_ms")              \
X(ORDER_COUNT, "SELECT count(*) FROM orders")                                  \
X(ORDER_LIKE, DF_SQL_ORDER " WHERE state = 0 AND (study_uid = ?1"              \
	" OR accession = ?2 OR (number = ?3 AND modality = ?4))")              \
X(ORDER_ANY, "SELECT 1 FROM orders WHERE state = 0 LIMIT 1")                   \
/* --- the ledger of recognition ------------------------------------------- */\
X(ACT_PUT, "INSERT INTO acts(seq, at_ms, day, act, study, node, case_key,"      \
	" undone, sealed) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")         \
X(ACT_UNDO, "UPDATE acts SET undone = ?2 WHERE seq = ?1")                      \
X(ACT_GET, DF_SQL_ACT " WHERE seq = ?1")                                       \
X(ACT_CASE, DF_SQL_ACT " WHERE case_key = ?1 ORDER BY seq")                    \
X(ACT_DAYS, DF_SQL_ACT " WHERE day BETWEEN ?1 AND ?2 ORDER BY seq")            \
X(ACT_LIST, DF_SQL_ACT " WHERE seq < ?1 AND (?2 IS NULL OR study = ?2)"        \
	" ORDER BY seq DESC LIMIT ?3")                                         \
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
	" ORDER BY received_ms, object LIMIT 1")                               \
X(REPORT_OF_STUDY, DF_SQL_REPORT " WHERE study_uid = ?3"                       \
	" AND (received_ms, object) > (?1, ?2)"                                \
	" ORDER BY received_ms, object LIMIT 1")

/* A person must say who it is: of patients p. 3 = DF_MATCH_CONTRADICTION */
#define DF_SQL_HELD "(p.held OR EXISTS(SELECT 1 FROM pairs c"                  \
	" WHERE c.a = p.id AND c.match = 3 AND c.decided = 0))"
#define DF_SQL_STUDY "SELECT s.id, s.uid, n.node, s.first_ms, s.last_ms,"      \
	" s.mixed, s.sealed, p.sealed, p.key, p.person, " DF_SQL_HELD ","      \
	" s.basis"                                                             \
	" FROM studies s JOIN patients p ON p.id = s.patient"                  \
	" JOIN peers n ON n.id = s.peer"
#define DF_SQL_ORDER "SELECT id, state, moment, study_uid, modality,"          \
	" performed, changed_ms, sealed FROM orders"
#define DF_SQL_ACT "SELECT seq, at_ms, day, act, study, node, undone, sealed" \
	" FROM acts"
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
	struct df_store_lent lent;
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
/* Runs one that gives a number or no row (DF_E_NOTFOUND), and is done. */
DF_MUST_CHECK enum df_err df_sql_number(struct df_store *s, sqlite3_stmt *q,
					uint64_t *v, struct df_why *why);
struct df_text df_sql_col(sqlite3_stmt *q, int at); /* borrowed until done */
uint64_t df_sql_col_u64(sqlite3_stmt *q, int at);
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
/* A blind key of a text as it is: what rows are found by. */
uint64_t df_column_key(struct df_store *s, const char *column,
		       struct df_text value);

#endif
