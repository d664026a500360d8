/* manifests.c - rows of manifests made here, and of those we hold for peers. */
#include <stdio.h>
#include <string.h>

#include "sql.h"

enum df_err df_journal_manifest_fill(struct df_journal *j, int64_t study,
				     struct df_manifest *m, struct df_why *why)
{
	enum df_err rc = DF_OK;
	sqlite3_stmt *st = df_sql(
		j, /* what was let go is still part of the study */
		"SELECT sop, digest, size FROM instances WHERE study = ?"
		" AND (state = 2 OR state = 4 AND in_parcel = 1)",
		"i", study);

	while (rc == DF_OK && df_sql_row(j, st)) {
		struct df_manifest_instance in = {.size_bytes =
							  (uint64_t)COL(st, 2)};

		df_col_text(st, 0, in.sop_instance, sizeof in.sop_instance);
		df_col_digest(st, 1, &in.digest);
		rc = df_manifest_add_instance(m, &in, why);
	}
	df_sql_done(st);
	st = df_sql(j,
		    "SELECT hex, h0, epoch, sequence FROM parcels WHERE"
		    " study = ? AND state IN (1, 3)",
		    "i", study);
	while (rc == DF_OK && df_sql_row(j, st)) {
		struct df_manifest_parcel p = {.epoch = (uint64_t)COL(st, 2),
					       .sequence =
						       (uint64_t)COL(st, 3)};
		char hex[33];

		df_col_text(st, 0, hex, sizeof hex);
		df_col_digest(st, 1, &p.h0);
		if (!df_hex_decode(p.id, sizeof p.id, df_text_of(hex)))
			rc = df_fail(why, DF_E_BUG, "parcel id is not hex");
		if (rc == DF_OK)
			rc = df_manifest_add_parcel(m, &p, why);
	}
	df_sql_done(st);
	return rc;
}

void df_journal_manifest_add(struct df_journal *j,
			     const struct df_row_manifest *m,
			     struct df_text text, struct df_text signature)
{
	struct df_text none = {NULL, 0};

	df_sql_run(j,
		   "INSERT OR REPLACE INTO manifests(study, version, dest,"
		   " digest, state, next, since, err, why, text, signature,"
		   " receipt, receipt_signature)"
		   " VALUES(?,?,?,?,0,0,?,0,'',?,?,?,?)",
		   "iitdixxxx", m->study, (int64_t)m->version, m->dest,
		   &m->digest, m->since_ms, text, signature, none, none);
	df_sql_run(j,
		   "UPDATE studies SET version = max(version, ?) WHERE n = ?",
		   "ii", (int64_t)m->version, m->study);
	df_sql_run(j,
		   "UPDATE instances SET named = ? WHERE study = ? AND"
		   " state = 2 AND named = 0",
		   "ii", (int64_t)m->version, m->study);
}

#define SELECT_MANIFEST                                                        \
	"SELECT n, study, version, dest, digest, state, next, since, err, why"\
	" FROM manifests m "

static size_t manifest_rows(struct df_journal *j, sqlite3_stmt *st,
			    struct df_row_manifest *rows, size_t max)
{
	size_t n = 0;

	while (n < max && df_sql_row(j, st)) {
		struct df_row_manifest *m = &rows[n++];

		*m = (struct df_row_manifest){.n = COL(st, 0)};
		m->study = COL(st, 1);
		m->version = (uint32_t)COL(st, 2);
		df_col_text(st, 3, m->dest, sizeof m->dest);
		df_col_digest(st, 4, &m->digest);
		m->state = (enum df_manifest_state)COL(st, 5);
		m->next_ms = COL(st, 6);
		m->since_ms = COL(st, 7);
		m->err = df_err_from((uint64_t)COL(st, 8));
		df_col_text(st, 9, m->why, sizeof m->why);
	}
	df_sql_done(st);
	return n;
}

size_t df_journal_manifests_due(struct df_journal *j, const char *dest,
				int64_t now_ms, struct df_row_manifest *rows,
				size_t max)
{
	return manifest_rows(
		j,
		df_sql(j,
		       SELECT_MANIFEST
		       "WHERE dest = ? AND state = 0 AND next <= ?"
		       " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE"
		       "  study = m.study AND dest = m.dest AND kind = 1"
		       "  AND state NOT IN (4, 5))"
		       " ORDER BY (SELECT priority FROM studies s WHERE"
		       " s.n = m.study) DESC, n LIMIT ?",
		       "tii", dest, now_ms, (int64_t)max),
		rows, max);
}

size_t df_journal_manifests_of(struct df_journal *j, int64_t study,
			       struct df_row_manifest *rows, size_t max)
{
	return manifest_rows(j,
			     df_sql(j,
				    SELECT_MANIFEST "WHERE study = ? ORDER BY"
						    " version DESC LIMIT ?",
				    "ii", study, (int64_t)max),
			     rows, max);
}

bool df_journal_manifest_text(struct df_journal *j, int64_t n,
			      struct df_buf *text, struct df_buf *signature)
{
	sqlite3_stmt *st = df_sql(
		j, "SELECT text, signature FROM manifests WHERE n = ?", "i", n);
	bool found = df_sql_row(j, st) && df_col_blob(st, 0, text) &&
		     (signature == NULL || df_col_blob(st, 1, signature));

	df_sql_done(st);
	return found;
}

void df_journal_manifest_settle(struct df_journal *j, int64_t n,
				enum df_manifest_state state, int64_t next_ms,
				enum df_err err, const char *why)
{
	df_sql_run(j,
		   "UPDATE manifests SET state = ?, next = ?, err = ?, why = ?"
		   " WHERE n = ?",
		   "iiiti", (int64_t)state, next_ms, (int64_t)err,
		   why != NULL ? why : "", n);
}

void df_journal_manifest_receipt(struct df_journal *j,
				 const struct df_row_manifest *m,
				 struct df_text receipt,
				 struct df_text signature)
{
	df_sql_run(j,
		   "UPDATE manifests SET state = 1, err = 0, why = '',"
		   " receipt = ?, receipt_signature = ? WHERE n = ?",
		   "xxi", receipt, signature, m->n);
	/* the receipt speaks for what this version names, not for parcels that
	 * were made after it */
	df_sql_run(j,
		   "UPDATE deliveries SET state = 5, err = 0, why = ''"
		   " WHERE kind = 1 AND dest = ?1 AND study = ?2 AND state = 4"
		   " AND NOT EXISTS (SELECT 1 FROM instances i WHERE"
		   "  i.parcel = deliveries.item AND i.parcel > 0" /* index */
		   "  AND i.state = 2"
		   "  AND (i.named = 0 OR i.named > ?3))",
		   "tii", m->dest, m->study, (int64_t)m->version);
}

static size_t digests_of(struct df_journal *j, sqlite3_stmt *st,
			 struct df_digest *digests, size_t max)
{
	size_t n = 0;

	while (n < max && df_sql_row(j, st))
		df_col_digest(st, 0, &digests[n++]);
	df_sql_done(st);
	return n;
}

size_t df_journal_receipted(struct df_journal *j, const char *study_uid,
			    struct df_digest *digests, size_t max)
{
	return digests_of(j,
			  df_sql(j,
				 "SELECT digest FROM manifests WHERE state = 1"
				 " AND study IN (SELECT n FROM studies WHERE"
				 " uid = ?) ORDER BY version DESC LIMIT ?",
				 "ti", study_uid, (int64_t)max),
			  digests, max);
}

bool df_journal_held(struct df_journal *j, int64_t study, uint32_t version,
		     const struct df_digest *digest, struct df_buf *receipt,
		     struct df_buf *signature)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT receipt, signature FROM held WHERE"
				  " study = ? AND version = ? AND digest = ?",
				  "iid", study, (int64_t)version, digest);
	bool found = df_sql_row(j, st) && df_col_blob(st, 0, receipt) &&
		     df_col_blob(st, 1, signature);

	df_sql_done(st);
	return found;
}

void df_journal_held_add(struct df_journal *j, int64_t study, uint32_t version,
			 const struct df_digest *digest, struct df_text text,
			 struct df_text receipt, struct df_text signature)
{
	df_sql_run(j, "INSERT OR REPLACE INTO held VALUES(?,?,?,?,?,?)",
		   "iidxxx", study, (int64_t)version, digest, text, receipt,
		   signature);
	df_sql_run(j,
		   "UPDATE studies SET state = 1, reason = 'receipted',"
		   " version = max(version, ?) WHERE n = ?",
		   "ii", (int64_t)version, study);
}

size_t df_journal_held_digests(struct df_journal *j, int64_t study,
			       struct df_digest *digests, size_t max)
{
	return digests_of(j,
			  df_sql(j,
				 "SELECT digest FROM held WHERE study = ?"
				 " ORDER BY version DESC LIMIT ?",
				 "ii", study, (int64_t)max),
			  digests, max);
}
