/*
 * schema.c - index.db opened, its tables made or checked, transactions.
 *
 * Invariants: WAL with synchronous FULL, so that a commit is on stable
 * storage; what may identify a patient is in a `sealed` column or behind a
 * keyed digest (patients, patient_keys, accession), never in clear
 * (docs/decisions/0014); the value
 * "key-check" in meta opens only under the key that the database was made
 * with.
 */
#include <stdlib.h>
#include <string.h>

#include "df/pages.h"
#include "sql.h"

#define SCHEMA_VERSION 3
static const char KEY_CHECK[] = "dcm-forward index 1";

static const char SCHEMA[] =
	"CREATE TABLE meta(name TEXT PRIMARY KEY, value BLOB NOT NULL)"
	" WITHOUT ROWID;"
	/* node: the fingerprint of who sent it, "" is ourselves */
	"CREATE TABLE peers(id INTEGER PRIMARY KEY, node TEXT NOT NULL UNIQUE);"
	/* key, number, who: blind (identity), (id, issuer), (name, birth) */
	"CREATE TABLE patients(id INTEGER PRIMARY KEY,"
	" key BLOB NOT NULL UNIQUE, peer INTEGER NOT NULL REFERENCES peers,"
	" number INTEGER, who INTEGER, person INTEGER NOT NULL,"
	" held INTEGER NOT NULL, sealed BLOB NOT NULL);"
	"CREATE INDEX patients_person ON patients(person);"
	/* blind: identifiers, names with birth dates, beginnings of names */
	"CREATE TABLE patient_keys(key INTEGER, patient INTEGER NOT NULL"
	" REFERENCES patients, PRIMARY KEY(key, patient)) WITHOUT ROWID;"
	/* each pair twice, (a, b) and (b, a); a question once, a > b */
	"CREATE TABLE pairs(a INTEGER NOT NULL REFERENCES patients,"
	" b INTEGER NOT NULL REFERENCES patients, match INTEGER NOT NULL,"
	" reasons INTEGER NOT NULL, question INTEGER NOT NULL,"
	" decided INTEGER NOT NULL, seq INTEGER NOT NULL,"
	" PRIMARY KEY(a, b)) WITHOUT ROWID;"
	"CREATE INDEX pairs_question ON pairs(a, b) WHERE question;"
	/* by key: of patients that may not be known yet; also twice */
	"CREATE TABLE decisions(a BLOB NOT NULL, b BLOB NOT NULL,"
	" decided INTEGER NOT NULL, seq INTEGER NOT NULL,"
	" PRIMARY KEY(a, b)) WITHOUT ROWID;"
	/* all that was ever said of them: entries of the register; also twice */
	"CREATE TABLE said(a BLOB NOT NULL, b BLOB NOT NULL,"
	" seq INTEGER NOT NULL, PRIMARY KEY(a, b, seq)) WITHOUT ROWID;"
	"CREATE TABLE studies(id INTEGER PRIMARY KEY, uid TEXT NOT NULL,"
	" peer INTEGER NOT NULL REFERENCES peers,"
	" patient INTEGER NOT NULL REFERENCES patients, accession INTEGER,"
	" basis TEXT NOT NULL, sealed BLOB NOT NULL,"
	" first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,"
	" mixed INTEGER NOT NULL, UNIQUE(uid, peer));"
	"CREATE INDEX studies_last ON studies(last_ms);"
	"CREATE INDEX studies_patient ON studies(patient);"
	"CREATE INDEX studies_accession ON studies(accession)"
	" WHERE accession IS NOT NULL;"
	"CREATE TABLE series(id INTEGER PRIMARY KEY, study INTEGER NOT NULL"
	" REFERENCES studies, uid TEXT NOT NULL, modality TEXT NOT NULL,"
	" body_part TEXT NOT NULL, number TEXT NOT NULL, UNIQUE(study, uid));"
	/* what the instances of a series mostly share */
	"CREATE TABLE forms(id INTEGER PRIMARY KEY, class TEXT NOT NULL,"
	" syntax TEXT NOT NULL, coding TEXT NOT NULL, rows INTEGER NOT NULL,"
	" columns INTEGER NOT NULL, frames INTEGER NOT NULL,"
	" calling_ae TEXT NOT NULL, UNIQUE(class, syntax, coding, rows,"
	" columns, frames, calling_ae));"
	"CREATE TABLE objects(id INTEGER PRIMARY KEY,"
	" name TEXT NOT NULL UNIQUE, instances INTEGER NOT NULL);"
	/* uid: see instance_rows.c; digest, pixels: their first 16 bytes */
	"CREATE TABLE instances(series INTEGER NOT NULL REFERENCES series,"
	" uid BLOB NOT NULL, digest BLOB NOT NULL, form INTEGER NOT NULL,"
	" size INTEGER NOT NULL, object INTEGER NOT NULL,"
	" record INTEGER NOT NULL, number INTEGER NOT NULL, pixels BLOB,"
	" received_ms INTEGER NOT NULL, PRIMARY KEY(series, uid, digest))"
	" WITHOUT ROWID;"
	/* which series have an image of these pixels: their first 8 bytes */
	"CREATE TABLE image_keys(key BLOB NOT NULL, series INTEGER NOT NULL,"
	" PRIMARY KEY(key, series)) WITHOUT ROWID;"
	"CREATE TABLE reports(object TEXT PRIMARY KEY, sender TEXT NOT NULL,"
	" received_ms INTEGER NOT NULL, statement BLOB,"
	" report_id TEXT NOT NULL, study_uid TEXT NOT NULL,"
	" version INTEGER NOT NULL, status INTEGER NOT NULL,"
	" checked INTEGER NOT NULL, verdict INTEGER NOT NULL,"
	" reason TEXT NOT NULL, note TEXT NOT NULL, why TEXT NOT NULL,"
	" accepted INTEGER NOT NULL, conflict INTEGER NOT NULL,"
	" sealed BLOB NOT NULL);"
	"CREATE INDEX reports_study ON reports(study_uid, report_id, version);"
	"CREATE INDEX reports_received ON reports(received_ms, object);"
	/* df/known.h: answers of peers; identity is blind */
	"CREATE TABLE known(identity BLOB NOT NULL, peer TEXT NOT NULL,"
	" learned_ms INTEGER NOT NULL, sealed BLOB NOT NULL,"
	" PRIMARY KEY(identity, peer)) WITHOUT ROWID;"
	"CREATE TABLE told(peer TEXT NOT NULL, study_uid TEXT NOT NULL,"
	" origin TEXT NOT NULL, at_ms INTEGER NOT NULL,"
	" PRIMARY KEY(peer, study_uid, origin)) WITHOUT ROWID;"
	/* df/orders.h: accession and number are blind */
	"CREATE TABLE orders(id TEXT PRIMARY KEY, state INTEGER NOT NULL,"
	" moment INTEGER NOT NULL, study_uid TEXT NOT NULL,"
	" modality TEXT NOT NULL, performed TEXT NOT NULL,"
	" changed_ms INTEGER NOT NULL, accession BLOB, number BLOB,"
	" sealed BLOB NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX orders_moment ON orders(moment);"
	"CREATE INDEX orders_open ON orders(moment) WHERE state = 0;"
	"CREATE INDEX orders_study ON orders(study_uid) WHERE state = 0;"
	"CREATE INDEX orders_accession ON orders(accession) WHERE state = 0;"
	"CREATE INDEX orders_number ON orders(number) WHERE state = 0;"
	"PRAGMA user_version = 3;";

/* What follows from the register, df/acts.h; case_key is blind. */
static const char SCHEMA_ACTS[] =
	"CREATE TABLE acts(seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL,"
	" day INTEGER NOT NULL, act INTEGER NOT NULL, study TEXT NOT NULL,"
	" node TEXT NOT NULL, case_key BLOB NOT NULL, undone INTEGER NOT NULL,"
	" sealed BLOB NOT NULL);"
	"CREATE INDEX acts_day ON acts(day);"
	"CREATE INDEX acts_study ON acts(study);"
	"CREATE INDEX acts_case ON acts(case_key);";

static enum df_err exec(struct df_store *s, const char *sql, const char *what,
			struct df_why *why)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return df_sql_fail(s, what, why);
	return DF_OK;
}

static enum df_err put_key_check(struct df_store *s, struct df_why *why)
{
	struct df_buf sealed;
	sqlite3_stmt *q;
	enum df_err rc;

	df_buf_init(&sealed, 256);
	rc = s->cipher.seal(s->cipher.ctx, df_text_of("meta.key-check"),
			    df_text_of(KEY_CHECK), &sealed, why);
	if (rc == DF_OK) {
		q = df_sql(s, DF_SQL_META_PUT_, why);
		df_sql_str(q, 1, "key-check");
		df_sql_blob(q, 2, sealed.ptr, sealed.len);
		rc = df_sql_run(s, q, why);
	}
	df_buf_release(&sealed);
	return rc;
}

static enum df_err check_key(struct df_store *s, struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_META_GET_, why);
	struct df_buf open;
	enum df_err rc;

	df_buf_init(&open, 256);
	df_sql_str(q, 1, "key-check");
	rc = df_sql_step(s, q, why);
	if (rc == DF_OK)
		rc = s->cipher.open(s->cipher.ctx, df_text_of("meta.key-check"),
				    df_sql_col(q, 0), &open, why);
	if (!s->damaged &&
	    (rc == DF_E_CORRUPT || rc == DF_E_NOTFOUND ||
	    (rc == DF_OK && (open.len != sizeof KEY_CHECK - 1 ||
			     memcmp(open.ptr, KEY_CHECK, open.len) != 0))))
		rc = df_fail(why, DF_E_KEY,
			     "index.db was made under another index key; "
			     "restore keys/kek or move index.db away");
	df_sql_done(q);
	df_buf_release(&open);
	return rc;
}

static int version_of(struct df_store *s)
{
	sqlite3_stmt *q = NULL;
	int v = -1;

	if (sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &q, NULL) ==
		    SQLITE_OK &&
	    sqlite3_step(q) == SQLITE_ROW)
		v = sqlite3_column_int(q, 0);
	(void)sqlite3_finalize(q); /* repeats the step's error */
	return v;
}

enum df_err df_schema_check(struct df_store *s, struct df_why *why)
{
	enum df_err rc = exec(s,
			      "PRAGMA locking_mode = EXCLUSIVE;"
			      "PRAGMA journal_mode = WAL;"
			      "PRAGMA synchronous = FULL;"
			      "PRAGMA secure_delete = ON;"
			      "PRAGMA temp_store = MEMORY;"
			      "PRAGMA cache_size = -16384;"
			      "PRAGMA wal_autocheckpoint = 4000;"
			      "PRAGMA foreign_keys = ON;",
			      "set up", why);
	int version;

	if (rc != DF_OK)
		return rc;
	version = version_of(s);
	if (version == SCHEMA_VERSION)
		return check_key(s, why);
	if (version < 0)
		return df_sql_fail(s, "read the version", why);
	if (version > 0 && version < SCHEMA_VERSION)
		return df_fail(why, DF_E_AGAIN,
			       "index.db has schema %d, older than %d",
			       version, SCHEMA_VERSION);
	if (version != 0)
		return df_fail(why, DF_E_UNSUPPORTED,
			       "index.db has schema %d, this program knows %d",
			       version, SCHEMA_VERSION);
	rc = df_store_begin(s, why);
	if (rc == DF_OK)
		rc = exec(s, SCHEMA, "make the tables", why);
	if (rc == DF_OK)
		rc = exec(s, SCHEMA_ACTS, "make the ledger's table", why);
	if (rc == DF_OK)
		rc = put_key_check(s, why);
	if (rc == DF_OK)
		return df_store_commit(s, why);
	df_store_abandon(s);
	return rc;
}

enum df_err df_store_open(struct df_store **out, const char *path,
			  const struct df_column_cipher *cipher,
			  struct df_why *why)
{
	struct df_store *s = df_xcalloc(1, sizeof *s);
	enum df_err rc;

	*out = NULL;
	s->cipher = *cipher;
	if (df_pages_open(&s->db, path) != SQLITE_OK)
		rc = df_sql_fail(s, "open it", why);
	else
		rc = df_schema_check(s, why);
	if (rc != DF_OK) {
		df_store_close(s);
		return rc;
	}
	*out = s;
	return DF_OK;
}

bool df_store_damaged(const struct df_store *s)
{
	return s->damaged;
}

enum df_err df_store_aside(int dir, struct df_why *why)
{
	return df_pages_aside(dir, "index.db", why);
}

void df_store_close(struct df_store *s)
{
	size_t i;

	if (s == NULL)
		return;
	df_store_abandon(s);
	for (i = 0; i < DF_SQL_COUNT; i++)
		(void)sqlite3_finalize(s->statements[i]); /* told before */
	if (sqlite3_close(s->db) != SQLITE_OK)
		df_bug("index.db closed with a statement open");
	free(s);
}

enum df_err df_store_begin(struct df_store *s, struct df_why *why)
{
	enum df_err rc;

	if (s->begun)
		df_bug("transaction begun twice");
	rc = df_sql_run(s, df_sql(s, DF_SQL_BEGIN_, why), why);
	s->begun = rc == DF_OK;
	return rc;
}

enum df_err df_store_commit(struct df_store *s, struct df_why *why)
{
	enum df_err rc;

	if (!s->begun)
		df_bug("commit without begin");
	rc = df_sql_run(s, df_sql(s, DF_SQL_COMMIT_, why), why);
	if (rc == DF_OK)
		s->begun = false;
	return rc;
}

void df_store_abandon(struct df_store *s)
{
	if (!s->begun)
		return;
	s->begun = false;
	/* some failures have rolled back already: SQLite complains, rightly */
	(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}
