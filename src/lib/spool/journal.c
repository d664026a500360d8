/*
 * journal.c - state.db itself: opening, the schema, the turn's transaction.
 *
 * WAL, synchronous=FULL: a COMMIT syncs the log once. A turn that wrote
 * anything but notes (see df_sql_note) is committed before anybody hears of it;
 * notes alone wait in the open transaction for such a turn. The lock is exclusive: one process, no system call for each read. The
 * first failure sticks in `failed`; from then on nothing is written and commit
 * reports it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coding_schema.h"
#include "commitments_schema.h"
#include "df/pages.h"
#include "fetches_schema.h"
#include "ledger.h"
#include "linked_schema.h"

#define STATEMENTS 352
#define LOG_BYTES (9 << 19) /* a thousand pages, and what comes over that */
#define SCHEMA_VERSION 1

struct df_journal {
	sqlite3 *db;
	bool open_turn;
	bool firm; /* this turn must be durable */
	struct df_id whole; /* df_sql_whole */
	int64_t old_instances; /* up to this number from an earlier life */
	enum df_err failed;
	struct df_why why;
	struct {
		const char *sql;
		sqlite3_stmt *st;
	} cache[STATEMENTS];
	size_t n_cache;
};

static const char schema[] =
	"CREATE TABLE objects(id TEXT PRIMARY KEY, kind INT, dfenv INT,"
	" bytes INT, created INT) WITHOUT ROWID;"
	"CREATE TABLE instances(n INTEGER PRIMARY KEY, peer TEXT, sop TEXT,"
	" class TEXT, ts TEXT, study INT, series TEXT, size INT, digest BLOB,"
	" assoc TEXT, calling TEXT, received INT, state INT, object TEXT,"
	" in_parcel INT, record INT, coding TEXT, coded INT, indexed INT,"
	" deaths INT, parcel INT, report INT, named INT DEFAULT 0,"
	" reason TEXT);"
	"CREATE INDEX instances_sop ON instances(sop);"
	"CREATE INDEX instances_study ON instances(study, state);"
	"CREATE INDEX instances_parcel ON instances(parcel) WHERE parcel > 0;"
	"CREATE INDEX instances_new ON instances(n) WHERE state = 0;"
	"CREATE INDEX instances_facts ON instances(n)"
	" WHERE indexed = 0 AND state IN (1, 2);"
	"CREATE INDEX instances_pack ON instances(study, n)"
	" WHERE state = 1 AND peer = '';"
	"CREATE INDEX instances_report ON instances(n) WHERE report = 1;"
	"CREATE INDEX instances_waiting ON instances(n) WHERE report = 3;"
	"CREATE INDEX instances_bad ON instances(n) WHERE state = 3;"
	"CREATE INDEX instances_object ON instances(object);"
	"CREATE TABLE extras(instance INT, assoc TEXT, at INT);"
	"CREATE TABLE studies(n INTEGER PRIMARY KEY, uid TEXT, peer TEXT,"
	" state INT, reason TEXT, opened INT, last INT, version INT,"
	" epoch INT, sequence INT, h0 BLOB, priority INT, source TEXT,"
	" closed INT DEFAULT 0, UNIQUE(uid, peer));"
	"CREATE INDEX studies_open ON studies(last) WHERE state = 0;"
	"CREATE INDEX studies_closed ON studies(n)"
	" WHERE state = 1 AND peer = '';"
	"CREATE TABLE parcels(n INTEGER PRIMARY KEY, hex TEXT UNIQUE,"
	" object TEXT, study INT, direction INT, peer TEXT, epoch INT,"
	" sequence INT, h0 BLOB, previous BLOB, dfenv INT, state INT,"
	" deaths INT, created INT);"
	"CREATE INDEX parcels_study ON parcels(study, epoch, sequence);"
	"CREATE INDEX parcels_h0 ON parcels(h0);"
	"CREATE INDEX parcels_object ON parcels(object);"
	"CREATE INDEX parcels_new ON parcels(n) WHERE state = 0;"
	"CREATE TABLE deliveries(n INTEGER PRIMARY KEY, kind INT, item INT,"
	" study INT, dest TEXT, state INT, next INT, since INT, tries INT,"
	" err INT, why TEXT, status INT, priority INT, due INT DEFAULT 0,"
	" UNIQUE(kind, item, dest));"
	"CREATE INDEX deliveries_due ON"
	" deliveries(dest, kind, priority DESC, due, n) WHERE state IN (0, 2);"
	"CREATE INDEX deliveries_share ON deliveries(study, dest, kind, due);"
	"CREATE INDEX deliveries_study ON deliveries(study, dest, state);"
	"CREATE INDEX deliveries_live ON deliveries(n) WHERE state <> 5;"
	"CREATE TABLE manifests(n INTEGER PRIMARY KEY, study INT, version INT,"
	" dest TEXT, digest BLOB, state INT, next INT, since INT, err INT,"
	" why TEXT, text BLOB, signature BLOB, receipt BLOB,"
	" receipt_signature BLOB, UNIQUE(study, version, dest));"
	"CREATE INDEX manifests_due ON manifests(dest, next) WHERE state = 0;"
	"CREATE TABLE held(study INT, version INT, digest BLOB, text BLOB,"
	" receipt BLOB, signature BLOB, PRIMARY KEY(study, version));"
	"CREATE TABLE uploads(hex TEXT, peer TEXT, size INT, offset INT,"
	" file TEXT, state INT, err INT, why TEXT, deaths INT, at INT,"
	" priority INT,"
	" PRIMARY KEY(hex, peer)) WITHOUT ROWID;"
	"CREATE TABLE mail(seq INTEGER PRIMARY KEY AUTOINCREMENT, peer TEXT,"
	" hex TEXT, object TEXT, dfenv INT, UNIQUE(peer, hex));"
	"CREATE TABLE pulls(dest TEXT PRIMARY KEY, cursor INT, hex TEXT,"
	" next_cursor INT, size INT, offset INT, file TEXT) WITHOUT ROWID;"
	"CREATE TABLE reports(n INTEGER PRIMARY KEY, object TEXT, hex TEXT,"
	" peer TEXT, direction INT, stored INT, verdict INT, UNIQUE(hex));"
	"CREATE INDEX reports_object ON reports(object);"
	"CREATE INDEX reports_open ON reports(n) WHERE stored = 0;"
	/* for the ledger: rows that it must say (again), and which file it is */
	"CREATE TABLE changed(kind TEXT, key, PRIMARY KEY(kind, key))"
	" WITHOUT ROWID;"
	"CREATE TABLE ledger(one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT,"
	" bytes INT, base INT);"
	"INSERT INTO ledger VALUES(1, '', 0, 0);"
	/* how far the scrubber is (damage.c) */
	"CREATE TABLE scrub(one INTEGER PRIMARY KEY CHECK (one = 1),"
	" cursor TEXT, begun INT, looked INT, bytes INT, damaged INT, done INT);"
	"INSERT INTO scrub VALUES(1, '', 0, 0, 0, 0, 0);";

/* retention (retained.c) and what people decided (decisions.c) */
static const char retention_schema[] =
	"CREATE TABLE retained(study INTEGER PRIMARY KEY, confirmed INT,"
	" bytes INT, purged INT, purged_bytes INT);"
	"CREATE INDEX retained_order ON retained(confirmed, study)"
	" WHERE confirmed > 0;"
	"CREATE TABLE decisions(n INTEGER PRIMARY KEY, instance INT, at INT,"
	" what INT, who TEXT, reason TEXT);"
	"CREATE INDEX decisions_instance ON decisions(instance, n);"
	"CREATE INDEX instances_kept ON instances(n) WHERE report = 4;"
	"CREATE INDEX instances_gone ON instances(n) WHERE state = 5;";

/* Whose turn it is, and how many a peer has: also in files that had none. */
static const char turns_schema[] =
	"CREATE INDEX IF NOT EXISTS uploads_turn ON uploads(state, peer, at);"
	"CREATE INDEX IF NOT EXISTS uploads_urgent ON uploads(at)"
	" WHERE state = 1 AND priority > 0;";

/* The order of deliveries, in files from before there was one. */
static const char order_schema[] =
	"ALTER TABLE deliveries ADD COLUMN due INT DEFAULT 0;"
	"ALTER TABLE uploads ADD COLUMN priority INT;"
	"DROP INDEX deliveries_due;"
	"CREATE INDEX deliveries_due ON"
	" deliveries(dest, kind, priority DESC, due, n) WHERE state IN (0, 2);"
	"CREATE INDEX deliveries_share ON deliveries(study, dest, kind, due);";

static void fail(struct df_journal *j, const char *what)
{
	int code = sqlite3_extended_errcode(j->db);
	enum df_err err = DF_E_IO;

	if (df_pages_is_damage(code))
		err = DF_E_CORRUPT;
	else if ((code & 0xff) == SQLITE_FULL)
		err = DF_E_NOSPACE;
	else if ((code & 0xff) == SQLITE_NOMEM)
		err = DF_E_NOMEM; /* the disk is not to blame */
	if (j->failed == DF_OK)
		j->failed = df_fail(&j->why, err, "cannot %s state.db: %s",
				    what, sqlite3_errmsg(j->db));
}

static void exec(struct df_journal *j, const char *sql)
{
	if (j->failed == DF_OK &&
	    sqlite3_exec(j->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail(j, "write");
}

static sqlite3_stmt *prepared(struct df_journal *j, const char *sql)
{
	sqlite3_stmt *st = NULL;

	for (size_t i = 0; i < j->n_cache; i++)
		if (j->cache[i].sql == sql)
			return j->cache[i].st;
	if (j->n_cache == STATEMENTS)
		df_bug("too many statements");
	if (sqlite3_prepare_v3(j->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st,
			       NULL) != SQLITE_OK) {
		fail(j, "prepare a statement of");
		return NULL;
	}
	j->cache[j->n_cache].sql = sql;
	j->cache[j->n_cache++].st = st;
	return st;
}

static sqlite3_stmt *bound(struct df_journal *j, const char *sql,
			   const char *types, va_list ap)
{
	sqlite3_stmt *st = j->failed == DF_OK ? prepared(j, sql) : NULL;
	const struct df_digest *d;
	struct df_text t;

	if (st == NULL)
		return NULL;
	(void)sqlite3_reset(st); /* reports the last step's failure again */
	for (int i = 0; types[i] != '\0'; i++) {
		int rc = SQLITE_MISUSE;

		switch (types[i]) {
		case 'i':
			rc = sqlite3_bind_int64(st, i + 1, va_arg(ap, int64_t));
			break;
		case 't':
			rc = sqlite3_bind_text(st, i + 1,
					       va_arg(ap, const char *), -1,
					       SQLITE_TRANSIENT);
			break;
		case 'd':
			d = va_arg(ap, const struct df_digest *);
			rc = sqlite3_bind_blob(st, i + 1, d->b, sizeof d->b,
					       SQLITE_TRANSIENT);
			break;
		case 'x':
			t = va_arg(ap, struct df_text);
			rc = sqlite3_bind_blob64(st, i + 1, t.ptr, t.len,
						 SQLITE_TRANSIENT);
			break;
		default:
			df_bug("unknown type '%c'", types[i]);
		}
		if (rc != SQLITE_OK) {
			fail(j, "bind for");
			return NULL;
		}
	}
	return st;
}

sqlite3_stmt *df_sql(struct df_journal *j, const char *sql, const char *types,
		     ...)
{
	sqlite3_stmt *st;
	va_list ap;

	va_start(ap, types);
	st = bound(j, sql, types, ap);
	va_end(ap);
	return st;
}

bool df_sql_any(struct df_journal *j, sqlite3_stmt *st)
{
	bool any = df_sql_row(j, st);

	df_sql_done(st);
	return any;
}

bool df_sql_row(struct df_journal *j, sqlite3_stmt *st)
{
	int rc;

	if (st == NULL)
		return false;
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		return true;
	if (rc != SQLITE_DONE)
		fail(j, "read");
	df_sql_done(st);
	return false;
}

struct df_id *df_sql_whole(struct df_journal *j)
{
	return &j->whole;
}

bool df_sql_is_fresh(struct df_journal *j)
{
	sqlite3_stmt *st = df_sql(j, "PRAGMA application_id", "");
	bool fresh = df_sql_row(j, st) && COL(st, 0) == 0;

	df_sql_done(st);
	return fresh;
}

/* "DFWD" */
void df_sql_in_use(struct df_journal *j)
{
	df_sql_run(j, "PRAGMA application_id = 1145460548", "");
}

void df_sql_done(sqlite3_stmt *st)
{
	if (st != NULL)
		(void)sqlite3_reset(st); /* the step reported it */
}

static void begin_turn(struct df_journal *j)
{
	if (j->open_turn)
		return;
	exec(j, "BEGIN IMMEDIATE");
	j->open_turn = j->failed == DF_OK;
}

void df_sql_run(struct df_journal *j, const char *sql, const char *types, ...)
{
	sqlite3_stmt *st;
	va_list ap;

	begin_turn(j);
	j->firm = true;
	va_start(ap, types);
	st = bound(j, sql, types, ap);
	va_end(ap);
	while (df_sql_row(j, st))
		;
}

void df_sql_note(struct df_journal *j, const char *sql, const char *types, ...)
{
	sqlite3_stmt *st;
	va_list ap;

	begin_turn(j);
	va_start(ap, types);
	st = bound(j, sql, types, ap);
	va_end(ap);
	while (df_sql_row(j, st))
		;
}

int64_t df_sql_last(struct df_journal *j)
{
	return sqlite3_last_insert_rowid(j->db);
}

uint64_t df_sql_changes(struct df_journal *j)
{
	return (uint64_t)sqlite3_changes(j->db);
}

static sqlite3_file *log_of(struct df_journal *j)
{
	sqlite3_file *log = NULL;

	if (sqlite3_file_control(j->db, "main", SQLITE_FCNTL_JOURNAL_POINTER,
				 &log) != SQLITE_OK ||
	    log == NULL || log->pMethods == NULL)
		df_bug("state.db has no log");
	return log;
}

/*
 * Writes the log out to its usual length: a sync of it then has no length to
 * put down, which on most file systems saves a write and a wait. SQLite stops
 * reading a log at the first frame that is not of its salt; zeros never are.
 */
static void fill_log(struct df_journal *j)
{
	static const char zeros[65536];
	sqlite3_file *log = log_of(j);
	sqlite3_int64 at = 0;

	if (log->pMethods->xFileSize(log, &at) != SQLITE_OK)
		return; /* it only costs speed */
	while (at < LOG_BYTES &&
	       log->pMethods->xWrite(log, zeros, sizeof zeros, at) == SQLITE_OK)
		at += (sqlite3_int64)sizeof zeros;
	(void)log->pMethods->xSync(log, SQLITE_SYNC_NORMAL); /* likewise */
}

static bool has_order(struct df_journal *j)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT count(*) FROM"
				  " pragma_table_info('deliveries')"
				  " WHERE name = 'due'",
				  "");
	bool has = df_sql_row(j, st) && COL(st, 0) > 0;

	df_sql_done(st);
	return has;
}

static enum df_err make_schema(struct df_journal *j, struct df_why *why)
{
	sqlite3_stmt *st = df_sql(j, "PRAGMA user_version", "");
	int64_t version = df_sql_row(j, st) ? COL(st, 0) : -1;

	df_sql_done(st);
	if (j->failed == DF_OK && version != 0 && version != SCHEMA_VERSION)
		return df_fail(why, DF_E_FORMAT,
			       "state.db is of another version (%lld)",
			       (long long)version);
	exec(j, "BEGIN IMMEDIATE");
	if (version == 0) {
		exec(j, schema);
		exec(j, retention_schema);
		exec(j, df_commitments_schema);
		exec(j, "PRAGMA user_version = 1");
	}
	if (!has_order(j))
		exec(j, order_schema);
	exec(j, turns_schema);
	exec(j, df_coding_schema);
	exec(j, df_fetches_schema);
	exec(j, df_linked_schema);
	for (size_t i = 0; i < df_n_fact_kinds; i++)
		exec(j, df_fact_kinds[i].triggers);
	exec(j, "COMMIT");
	if (j->failed != DF_OK && why != NULL)
		*why = j->why;
	return j->failed;
}

static void find_old(struct df_journal *j)
{
	sqlite3_stmt *st = df_sql(j, "SELECT max(n) FROM instances", "");

	if (df_sql_row(j, st))
		j->old_instances = COL(st, 0);
	df_sql_done(st);
}

bool df_sql_is_old(const struct df_journal *j, int64_t instance)
{
	return instance <= j->old_instances;
}

enum df_err df_journal_open(struct df_journal **to, const char *path,
			    struct df_why *why)
{
	struct df_journal *j = df_xcalloc(1, sizeof *j);
	enum df_err rc;

	*to = NULL;
	if (df_pages_open(&j->db, path) != SQLITE_OK) {
		rc = df_fail(why, DF_E_IO, "cannot open '%s': %s", path,
			     j->db ? sqlite3_errmsg(j->db) : "no memory");
		df_journal_close(j);
		return rc;
	}
	(void)sqlite3_busy_timeout(j->db, 2000); /* cannot fail */
	/* else a bound value may make it compile a statement anew each time */
	(void)sqlite3_db_config(j->db, SQLITE_DBCONFIG_ENABLE_QPSG, 1,
				NULL); /* it only costs speed */
	if (df_ledger_functions(j->db) != SQLITE_OK)
		fail(j, "add functions to");
	exec(j, "PRAGMA locking_mode = EXCLUSIVE");
	exec(j, "PRAGMA journal_mode = WAL");
	exec(j, "PRAGMA synchronous = FULL");
	exec(j, "PRAGMA wal_autocheckpoint = 1000"); /* pages: LOG_BYTES */
	exec(j, "PRAGMA temp_store = MEMORY");
	exec(j, "PRAGMA trusted_schema = OFF");
	exec(j, "PRAGMA cache_size = -16384"); /* KiB */
	rc = make_schema(j, why);
	if (rc != DF_OK) {
		df_journal_close(j);
		return rc;
	}
	fill_log(j);
	find_old(j);
	*to = j;
	return DF_OK;
}

enum df_err df_journal_aside(int dir, const char *name, struct df_why *why)
{
	return df_pages_aside(dir, name, why); /* rooms do not see db */
}

void df_journal_close(struct df_journal *j)
{
	if (j == NULL)
		return;
	for (size_t i = 0; i < j->n_cache; i++)
		(void)sqlite3_finalize(j->cache[i].st); /* old failures */
	if (j->db != NULL && sqlite3_close_v2(j->db) != SQLITE_OK)
		df_bug("state.db did not close");
	free(j);
}

bool df_journal_dirty(const struct df_journal *j)
{
	return j->firm;
}

bool df_journal_at_rest(const struct df_journal *j)
{
	return !j->open_turn;
}

void df_journal_firm(struct df_journal *j)
{
	j->firm = j->open_turn;
}

enum df_err df_journal_commit(struct df_journal *j, struct df_why *why)
{
	if (j->firm) {
		exec(j, "COMMIT");
		j->open_turn = j->firm = false;
	}
	if (j->failed != DF_OK && why != NULL)
		*why = j->why;
	return j->failed;
}

void df_col_text(sqlite3_stmt *st, int col, char *to, size_t cap)
{
	const unsigned char *s = sqlite3_column_text(st, col);
	size_t n = (size_t)sqlite3_column_bytes(st, col);

	if (s == NULL)
		n = 0;
	if (n >= cap)
		n = cap - 1;
	if (n > 0)
		memcpy(to, s, n);
	to[n] = '\0';
}

void df_col_id(sqlite3_stmt *st, int col, struct df_id *id)
{
	df_col_text(st, col, id->s, sizeof id->s);
}

void df_col_digest(sqlite3_stmt *st, int col, struct df_digest *d)
{
	*d = (struct df_digest){{0}};
	if (sqlite3_column_bytes(st, col) == DF_DIGEST_LEN)
		memcpy(d->b, sqlite3_column_blob(st, col), DF_DIGEST_LEN);
}

bool df_col_blob(sqlite3_stmt *st, int col, struct df_buf *to)
{
	size_t n = (size_t)sqlite3_column_bytes(st, col);

	return n == 0 ||
	       df_buf_add(to, sqlite3_column_blob(st, col), n, NULL) == DF_OK;
}
