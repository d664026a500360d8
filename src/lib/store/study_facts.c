/*
 * study_facts.c - facts of instances in, studies out.
 *
 * A study stays with the patient of its first instance (patients.c); when a
 * later one names another patient, the study is marked mixed and a human being
 * decides.
 */
#include <string.h>

#include "people.h"

struct place {
	char s[256];
};

static struct place place_of(const char *table, struct df_text peer,
			     struct df_text key)
{
	struct place p;

	df_str_fmt(p.s, sizeof p.s, "%s:%.*s:%.*s", table, (int)peer.len,
		   peer.ptr ? peer.ptr : "", (int)key.len, key.ptr);
	return p;
}

static uint64_t accession_key(struct df_store *s,
			      const struct df_store_instance *i)
{
	const struct df_text *const both[] = {
		&i->ident[DF_IDENT_ACCESSION],
		&i->ident[DF_IDENT_ACCESSION_ISSUER]};
	struct df_digest d;

	if (both[0]->len == 0 || !df_column_blind(s, "accession", both, 2, &d))
		return 0;
	return df_get_u64(d.b);
}

enum df_err df_peer_row(struct df_store *s, struct df_text node, uint64_t *row,
			struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_PEER_GET_, why);
	enum df_err rc;

	df_sql_text(q, 1, node);
	rc = df_sql_number(s, q, row, why);
	if (rc != DF_E_NOTFOUND)
		return rc;
	q = df_sql(s, DF_SQL_PEER_PUT_, why);
	df_sql_text(q, 1, node);
	rc = df_sql_run(s, q, why);
	*row = (uint64_t)sqlite3_last_insert_rowid(s->db);
	return rc;
}

static enum df_err add_study(struct df_store *s,
			     const struct df_store_instance *i,
			     const struct df_patient_key *key, uint64_t peer,
			     uint64_t *row, struct df_why *why)
{
	struct place p = place_of("study", i->peer, i->study_uid);
	uint64_t patient = 0, accession = accession_key(s, i);
	struct df_buf sealed;
	sqlite3_stmt *q;
	enum df_err rc = df_patient_row(s, i, key, peer, &patient, why);

	df_buf_init(&sealed, 64 * 1024);
	if (rc == DF_OK)
		rc = df_column_seal(s, df_text_of(p.s), i->ident,
				    DF_IDENT_PATIENT, DF_IDENT_COUNT, &sealed,
				    why);
	if (rc == DF_OK) {
		q = df_sql(s, DF_SQL_STUDY_PUT_, why);
		df_sql_text(q, 1, i->study_uid);
		df_sql_u64(q, 2, peer);
		df_sql_u64(q, 3, patient);
		if (accession != 0) /* else null */
			df_sql_u64(q, 4, accession);
		df_sql_text(q, 5, i->basis);
		df_sql_blob(q, 6, sealed.ptr, sealed.len);
		df_sql_u64(q, 7, (uint64_t)i->received_ms);
		rc = df_sql_run(s, q, why);
		*row = (uint64_t)sqlite3_last_insert_rowid(s->db);
	}
	df_buf_release(&sealed);
	return rc;
}

static bool differs(uint64_t a, uint64_t b)
{
	return a != 0 && b != 0 && a != b;
}

/* Another number, or another name, where both sides have one: of the study's
 * patient as a row of STUDY_GET has it, and of the instance. */
static bool names_another(struct df_store *s, sqlite3_stmt *q,
			  const struct df_store_instance *i,
			  const struct df_patient_key *key)
{
	struct df_text theirs = df_sql_col(q, 1);

	if (theirs.len == sizeof key->b &&
	    memcmp(theirs.ptr, key->b, sizeof key->b) == 0)
		return false;
	return differs(df_sql_col_u64(q, 2), df_patient_number(s, i)) ||
	       differs(df_sql_col_u64(q, 3), df_patient_who(s, i));
}

static enum df_err study_row(struct df_store *s,
			     const struct df_store_instance *i, uint64_t *row,
			     struct df_why *why)
{
	struct df_patient_key key = df_patient_key(s, i);
	bool mixed = false;
	uint64_t peer = 0;
	enum df_err rc = df_peer_row(s, i->peer, &peer, why);
	sqlite3_stmt *q;

	if (rc != DF_OK)
		return rc;
	q = df_sql(s, DF_SQL_STUDY_GET_, why);
	df_sql_text(q, 1, i->study_uid);
	df_sql_u64(q, 2, peer);
	rc = df_sql_step(s, q, why);
	if (rc == DF_OK) {
		*row = df_sql_col_u64(q, 0);
		mixed = names_another(s, q, i, &key);
	}
	df_sql_done(q);
	if (rc == DF_E_NOTFOUND)
		return add_study(s, i, &key, peer, row, why);
	if (rc != DF_OK)
		return rc;
	q = df_sql(s, DF_SQL_STUDY_TOUCH_, why);
	df_sql_u64(q, 1, *row);
	df_sql_u64(q, 2, (uint64_t)i->received_ms);
	df_sql_u64(q, 3, mixed);
	return df_sql_run(s, q, why);
}

static enum df_err series_row(struct df_store *s,
			      const struct df_store_instance *i, uint64_t study,
			      uint64_t *row, struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_SERIES_GET_, why);
	enum df_err rc;

	df_sql_u64(q, 1, study);
	df_sql_text(q, 2, i->series_uid);
	rc = df_sql_step(s, q, why);
	if (rc == DF_OK)
		*row = (uint64_t)sqlite3_column_int64(q, 0);
	df_sql_done(q);
	if (rc != DF_E_NOTFOUND)
		return rc;
	q = df_sql(s, DF_SQL_SERIES_PUT_, why);
	df_sql_u64(q, 1, study);
	df_sql_text(q, 2, i->series_uid);
	df_sql_text(q, 3, i->modality);
	df_sql_text(q, 4, i->body_part);
	df_sql_text(q, 5, i->series_number);
	rc = df_sql_run(s, q, why);
	*row = (uint64_t)sqlite3_last_insert_rowid(s->db);
	return rc;
}

enum df_err df_store_put_instance(struct df_store *s,
				  const struct df_store_instance *i,
				  struct df_why *why)
{
	uint64_t study = 0, series = 0;
	enum df_err rc;

	if (!df_uid_valid(i->study_uid) || !df_uid_valid(i->series_uid) ||
	    !df_uid_valid(i->sop_instance) || i->peer.len > DF_HEX_LEN)
		return df_fail(why, DF_E_FORMAT,
			       "facts lack a study, series or instance UID");
	rc = study_row(s, i, &study, why);
	if (rc == DF_OK)
		rc = series_row(s, i, study, &series, why);
	if (rc == DF_OK)
		rc = df_instance_put(s, i, series, why);
	return rc;
}

/* The values of a column of words, "/" between; what does not fit is left. */
static enum df_err join_words(struct df_store *s, sqlite3_stmt *q,
			      uint64_t study, char *to, size_t cap,
			      struct df_why *why)
{
	size_t len = 0;
	enum df_err rc;

	df_sql_u64(q, 1, study);
	while ((rc = df_sql_step(s, q, why)) == DF_OK) {
		struct df_text m = df_sql_col(q, 0);

		if (m.len + len + 2 > cap)
			continue;
		if (len > 0)
			to[len++] = '/';
		memcpy(to + len, m.ptr, m.len);
		len += m.len;
	}
	df_sql_done(q);
	to[len] = '\0';
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}

static enum df_err count(struct df_store *s, uint64_t row,
			 struct df_store_study *out, struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_STUDY_COUNT_, why);
	enum df_err rc;

	df_sql_u64(q, 1, row);
	rc = df_sql_step(s, q, why);
	if (rc == DF_OK) {
		out->series = df_sql_col_u64(q, 0);
		out->instances = df_sql_col_u64(q, 1);
		out->bytes = (uint64_t)sqlite3_column_double(q, 2);
	}
	df_sql_done(q);
	if (rc == DF_OK)
		rc = join_words(s, df_sql(s, DF_SQL_STUDY_MODALITIES_, why),
				row, out->modalities, sizeof out->modalities,
				why);
	if (rc == DF_OK)
		rc = join_words(s, df_sql(s, DF_SQL_STUDY_BODY_PARTS_, why),
				row, out->body_parts, sizeof out->body_parts,
				why);
	return rc;
}

enum df_err df_study_read(struct df_store *s, sqlite3_stmt *q,
			  struct df_store_study *out, struct df_why *why)
{
	struct df_text uid = df_sql_col(q, 1), peer = df_sql_col(q, 2);
	struct place p;
	enum df_err rc;

	*out = (struct df_store_study){0};
	if (df_str_copy(out->study_uid, sizeof out->study_uid, uid) ||
	    df_str_copy(out->peer, sizeof out->peer, peer) ||
	    df_str_copy(out->basis, sizeof out->basis, df_sql_col(q, 11)))
		return df_fail(why, DF_E_CORRUPT, "index.db: row of a study");
	out->first_ms = sqlite3_column_int64(q, 3);
	out->last_ms = sqlite3_column_int64(q, 4);
	out->mixed = sqlite3_column_int(q, 5) != 0;
	out->person = df_sql_col_u64(q, 9);
	out->held = df_sql_col_u64(q, 10) != 0;
	p = place_of("study", peer, uid);
	rc = df_column_open(s, df_text_of(p.s), df_sql_col(q, 6), out->ident,
			    DF_IDENT_PATIENT, DF_IDENT_COUNT, why);
	if (rc == DF_OK)
		rc = df_patient_open(s, df_sql_col(q, 8), df_sql_col(q, 7),
				     out->ident, DF_IDENT_PATIENT, out->patient,
				     why);
	return rc == DF_OK ? count(s, df_sql_col_u64(q, 0), out, why) : rc;
}

enum df_err df_store_study(struct df_store *s, const char *study_uid,
			   const char *peer, struct df_store_study *out,
			   struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_STUDY_FIND_, why);
	enum df_err rc;

	df_sql_str(q, 1, study_uid);
	df_sql_str(q, 2, peer);
	rc = df_sql_step(s, q, why);
	if (rc == DF_OK)
		rc = df_study_read(s, q, out, why);
	if (rc == DF_OK) {
		rc = df_sql_step(s, q, why);
		/* what came to us directly, an SR say, stands behind */
		if (rc == DF_OK && df_sql_col(q, 2).len > 0)
			rc = df_fail(why, DF_E_CONFLICT,
				     "two clinics sent a study of this UID");
		else if (rc == DF_E_NOTFOUND)
			rc = DF_OK;
	}
	df_sql_done(q);
	return rc;
}

enum df_err df_store_studies(
	struct df_store *s, uint64_t limit,
	enum df_err (*fn)(void *ctx, const struct df_store_study *study),
	void *ctx, struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_STUDY_LIST_, why);
	struct df_store_study study;
	enum df_err rc;

	df_sql_u64(q, 1, limit);
	while ((rc = df_sql_step(s, q, why)) == DF_OK) {
		rc = df_study_read(s, q, &study, why);
		if (rc == DF_OK)
			rc = fn(ctx, &study);
		if (rc != DF_OK)
			break;
	}
	df_sql_done(q);
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}
