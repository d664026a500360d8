/*
 * study_facts.c - facts of instances in, studies out.
 *
 * A patient is one exact identity (id, issuer, name, birth date, sex) as one
 * clinic sends it: nothing is merged or overwritten here. A study stays with
 * the patient of its first instance; when a later one names another patient,
 * the study is marked mixed and a person decides.
 */
#include <string.h>

#include "sql.h"

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

struct blinds {
	struct df_digest key, number, who, accession;
};

static struct blinds blind(struct df_store *s,
			   const struct df_store_instance *i)
{
	const struct df_text *t = i->ident;
	const struct df_text *const all[] = {
		&t[DF_IDENT_PATIENT_ID], &t[DF_IDENT_PATIENT_ID_ISSUER],
		&t[DF_IDENT_PATIENT_NAME], &t[DF_IDENT_BIRTH_DATE],
		&t[DF_IDENT_SEX]};
	const struct df_text *const accession[] = {
		&t[DF_IDENT_ACCESSION], &t[DF_IDENT_ACCESSION_ISSUER]};
	struct blinds b;

	(void)df_column_blind(s, "patient", all, 5, &b.key);
	if (t[DF_IDENT_PATIENT_ID].len == 0 ||
	    !df_column_blind(s, "number", all, 2, &b.number))
		b.number = (struct df_digest){0};
	if (t[DF_IDENT_PATIENT_NAME].len == 0 ||
	    !df_column_blind(s, "who", all + 2, 2, &b.who))
		b.who = (struct df_digest){0};
	if (t[DF_IDENT_ACCESSION].len == 0 ||
	    !df_column_blind(s, "accession", accession, 2, &b.accession))
		b.accession = (struct df_digest){0};
	return b;
}

static enum df_err add_patient(struct df_store *s,
			       const struct df_store_instance *i,
			       const struct blinds *b, struct df_why *why)
{
	struct df_hex hex = df_digest_hex(&b->key);
	struct place p = place_of("patient", i->peer, df_text_of(hex.s));
	struct df_buf sealed;
	sqlite3_stmt *q;
	enum df_err rc;

	df_buf_init(&sealed, 64 * 1024);
	rc = df_column_seal(s, df_text_of(p.s), i->ident, 0, DF_IDENT_PATIENT,
			    &sealed, why);
	if (rc == DF_OK) {
		q = df_sql(s, DF_SQL_PATIENT_PUT_, why);
		df_sql_text(q, 1, i->peer);
		df_sql_blob(q, 2, &b->key, sizeof b->key);
		df_sql_digest(q, 3, &b->number);
		df_sql_digest(q, 4, &b->who);
		df_sql_blob(q, 5, sealed.ptr, sealed.len);
		rc = df_sql_run(s, q, why);
	}
	df_buf_release(&sealed);
	return rc;
}

/* The row's number, made if need be. */
static enum df_err patient_row(struct df_store *s,
			       const struct df_store_instance *i,
			       const struct blinds *b, uint64_t *row,
			       struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_PATIENT_GET_, why);
	enum df_err rc;

	df_sql_text(q, 1, i->peer);
	df_sql_blob(q, 2, &b->key, sizeof b->key);
	rc = df_sql_step(s, q, why);
	if (rc == DF_OK)
		*row = (uint64_t)sqlite3_column_int64(q, 0);
	df_sql_done(q);
	if (rc != DF_E_NOTFOUND)
		return rc;
	rc = add_patient(s, i, b, why);
	*row = (uint64_t)sqlite3_last_insert_rowid(s->db);
	return rc;
}

static enum df_err add_study(struct df_store *s,
			     const struct df_store_instance *i,
			     const struct blinds *b, uint64_t *row,
			     struct df_why *why)
{
	struct place p = place_of("study", i->peer, i->study_uid);
	struct df_buf sealed;
	uint64_t patient = 0;
	sqlite3_stmt *q;
	enum df_err rc = patient_row(s, i, b, &patient, why);

	df_buf_init(&sealed, 64 * 1024);
	if (rc == DF_OK)
		rc = df_column_seal(s, df_text_of(p.s), i->ident,
				    DF_IDENT_PATIENT, DF_IDENT_COUNT, &sealed,
				    why);
	if (rc == DF_OK) {
		q = df_sql(s, DF_SQL_STUDY_PUT_, why);
		df_sql_text(q, 1, i->peer);
		df_sql_text(q, 2, i->study_uid);
		df_sql_u64(q, 3, patient);
		df_sql_digest(q, 4, &b->accession);
		df_sql_blob(q, 5, sealed.ptr, sealed.len);
		df_sql_u64(q, 6, (uint64_t)i->received_ms);
		rc = df_sql_run(s, q, why);
		*row = (uint64_t)sqlite3_last_insert_rowid(s->db);
	}
	df_buf_release(&sealed);
	return rc;
}

/* Another number, or another name, where both sides have one. */
static bool differs(sqlite3_stmt *q, int at, const struct df_digest *mine)
{
	struct df_digest theirs;

	return df_sql_col_digest(q, at, &theirs) && !df_digest_is_zero(mine) &&
	       !df_digest_same(&theirs, mine);
}

static enum df_err study_row(struct df_store *s,
			     const struct df_store_instance *i, uint64_t *row,
			     struct df_why *why)
{
	struct blinds b = blind(s, i);
	sqlite3_stmt *q = df_sql(s, DF_SQL_STUDY_GET_, why);
	bool mixed = false;
	enum df_err rc;

	df_sql_text(q, 1, i->peer);
	df_sql_text(q, 2, i->study_uid);
	rc = df_sql_step(s, q, why);
	if (rc == DF_OK) {
		*row = (uint64_t)sqlite3_column_int64(q, 0);
		mixed = differs(q, 1, &b.number) || differs(q, 2, &b.who);
	}
	df_sql_done(q);
	if (rc == DF_E_NOTFOUND)
		return add_study(s, i, &b, row, why);
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

static enum df_err instance_row(struct df_store *s,
				const struct df_store_instance *i,
				uint64_t series, struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_INSTANCE_PUT_, why);

	df_sql_u64(q, 1, series);
	df_sql_text(q, 2, i->sop_instance);
	df_sql_blob(q, 3, &i->digest, sizeof i->digest);
	df_sql_text(q, 4, i->sop_class);
	df_sql_text(q, 5, i->transfer_syntax);
	df_sql_u64(q, 6, i->size_bytes);
	df_sql_text(q, 7, i->object);
	df_sql_u64(q, 8, i->record);
	df_sql_text(q, 9, i->coding);
	df_sql_text(q, 10, i->instance_number);
	df_sql_text(q, 11, i->rows);
	df_sql_text(q, 12, i->columns);
	df_sql_text(q, 13, i->frames);
	df_sql_digest(q, 14, &i->pixel_digest);
	df_sql_text(q, 15, i->calling_ae);
	df_sql_u64(q, 16, (uint64_t)i->received_ms);
	return df_sql_run(s, q, why);
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
		rc = instance_row(s, i, series, why);
	return rc;
}

static enum df_err count(struct df_store *s, uint64_t row,
			 struct df_store_study *out, struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_STUDY_COUNT_, why);
	size_t len = 0;
	enum df_err rc;

	df_sql_u64(q, 1, row);
	rc = df_sql_step(s, q, why);
	if (rc == DF_OK) {
		out->series = (uint64_t)sqlite3_column_int64(q, 0);
		out->instances = (uint64_t)sqlite3_column_int64(q, 1);
		out->bytes = (uint64_t)sqlite3_column_double(q, 2);
	}
	df_sql_done(q);
	if (rc != DF_OK)
		return rc;
	q = df_sql(s, DF_SQL_STUDY_MODALITIES_, why);
	df_sql_u64(q, 1, row);
	while ((rc = df_sql_step(s, q, why)) == DF_OK) {
		struct df_text m = df_sql_col(q, 0);

		if (m.len + len + 2 > sizeof out->modalities)
			continue;
		if (len > 0)
			out->modalities[len++] = '/';
		memcpy(out->modalities + len, m.ptr, m.len);
		len += m.len;
	}
	df_sql_done(q);
	out->modalities[len] = '\0';
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}

/* From a row of DF_SQL_STUDY. */
static enum df_err read_study(struct df_store *s, sqlite3_stmt *q,
			      struct df_store_study *out, struct df_why *why)
{
	struct df_text uid = df_sql_col(q, 1), peer = df_sql_col(q, 2);
	struct df_digest key;
	struct df_hex hex;
	struct place p;
	enum df_err rc;

	*out = (struct df_store_study){0};
	if (df_str_copy(out->study_uid, sizeof out->study_uid, uid) ||
	    df_str_copy(out->peer, sizeof out->peer, peer))
		return df_fail(why, DF_E_CORRUPT, "index.db: row of a study");
	out->first_ms = sqlite3_column_int64(q, 3);
	out->last_ms = sqlite3_column_int64(q, 4);
	out->mixed = sqlite3_column_int(q, 5) != 0;
	p = place_of("study", peer, uid);
	rc = df_column_open(s, df_text_of(p.s), df_sql_col(q, 6), out->ident,
			    DF_IDENT_PATIENT, DF_IDENT_COUNT, why);
	if (rc != DF_OK)
		return rc;
	(void)df_sql_col_digest(q, 8, &key); /* else the seal does not open */
	hex = df_digest_hex(&key);
	p = place_of("patient", peer, df_text_of(hex.s));
	rc = df_column_open(s, df_text_of(p.s), df_sql_col(q, 7), out->ident, 0,
			    DF_IDENT_PATIENT, why);
	if (rc != DF_OK)
		return rc;
	return count(s, (uint64_t)sqlite3_column_int64(q, 0), out, why);
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
		rc = read_study(s, q, out, why);
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
		rc = read_study(s, q, &study, why);
		if (rc == DF_OK)
			rc = fn(ctx, &study);
		if (rc != DF_OK)
			break;
	}
	df_sql_done(q);
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}
