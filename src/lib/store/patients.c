/*
 * patients.c - patients: one exact identity as one node sends it.
 *
 * Nothing is merged or overwritten here. One who has no number is nobody but
 * himself in each study: two studies of one name are not one patient.
 */
#include <string.h>

#include "people.h"

static bool has_number(const struct df_store_instance *i)
{
	struct df_identifier id; /* and no placeholder such as 000000 */

	return df_identifier_set(&id, DF_IDENTIFIER_LOCAL,
				 i->ident[DF_IDENT_PATIENT_ID],
				 (struct df_text){0});
}

struct df_patient_key df_patient_key(struct df_store *s,
				     const struct df_store_instance *i)
{
	const struct df_text none = {0}, *t = i->ident;
	const struct df_text *const all[] = {
		&i->peer,
		&t[DF_IDENT_PATIENT_ID],
		&t[DF_IDENT_PATIENT_ID_ISSUER],
		&t[DF_IDENT_PATIENT_NAME],
		&t[DF_IDENT_BIRTH_DATE],
		&t[DF_IDENT_SEX],
		has_number(i) ? &none : &i->study_uid};
	struct df_patient_key key;
	struct df_digest d;

	(void)df_column_blind(s, "patient", all, 7, &d); /* never empty: UID */
	memcpy(key.b, d.b, sizeof key.b);
	return key;
}

static uint64_t short_blind(struct df_store *s, const char *column,
			    const struct df_text *first,
			    const struct df_text *second)
{
	const struct df_text *const both[] = {first, second};
	struct df_digest d = {0};

	if (first->len == 0 || !df_column_blind(s, column, both, 2, &d))
		return 0;
	return df_get_u64(d.b);
}

uint64_t df_patient_number(struct df_store *s,
			   const struct df_store_instance *i)
{
	return short_blind(s, "number", &i->ident[DF_IDENT_PATIENT_ID],
			   &i->ident[DF_IDENT_PATIENT_ID_ISSUER]);
}

uint64_t df_patient_who(struct df_store *s, const struct df_store_instance *i)
{
	return short_blind(s, "who", &i->ident[DF_IDENT_PATIENT_NAME],
			   &i->ident[DF_IDENT_BIRTH_DATE]);
}

static void place_of(char to[64], const char *ref)
{
	df_str_fmt(to, 64, "patient:%s", ref);
}

static enum df_err add_patient(struct df_store *s,
			       const struct df_store_instance *i,
			       const struct df_patient_key *key, uint64_t peer,
			       struct df_why *why)
{
	char ref[DF_PATIENT_REF_LEN + 1], place[64], readings[DF_IDENT_CAP];
	struct df_text values[DF_IDENT_PATIENT + 1];
	struct df_buf sealed;
	sqlite3_stmt *q;
	enum df_err rc;

	df_hex_encode(ref, key, sizeof *key);
	place_of(place, ref);
	df_name_readings(s, i->ident[DF_IDENT_PATIENT_NAME], readings);
	memcpy(values, i->ident, DF_IDENT_PATIENT * sizeof values[0]);
	values[DF_IDENT_PATIENT] = df_text_of(readings);
	df_buf_init(&sealed, 64 * 1024);
	rc = df_column_seal(s, df_text_of(place), values, 0,
			    DF_IDENT_PATIENT + 1, &sealed, why);
	explicit_bzero(readings, sizeof readings);
	if (rc == DF_OK) {
		q = df_sql(s, DF_SQL_PATIENT_PUT_, why);
		df_sql_blob(q, 1, key, sizeof *key);
		df_sql_u64(q, 2, peer);
		df_sql_u64(q, 3, df_patient_number(s, i));
		df_sql_u64(q, 4, df_patient_who(s, i));
		df_sql_blob(q, 5, sealed.ptr, sealed.len);
		rc = df_sql_run(s, q, why);
	}
	df_buf_release(&sealed);
	return rc;
}

enum df_err df_patient_row(struct df_store *s,
			   const struct df_store_instance *i,
			   const struct df_patient_key *key, uint64_t peer,
			   uint64_t *row, struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_PATIENT_GET_, why);
	enum df_err rc;

	df_sql_blob(q, 1, key, sizeof *key);
	rc = df_sql_number(s, q, row, why);
	if (rc != DF_E_NOTFOUND)
		return rc;
	rc = add_patient(s, i, key, peer, why);
	if (rc != DF_OK)
		return rc;
	*row = (uint64_t)sqlite3_last_insert_rowid(s->db);
	return df_person_admit(s, *row, why);
}

enum df_err df_patient_open(struct df_store *s, struct df_text key,
			    struct df_text sealed, char (*ident)[DF_IDENT_CAP],
			    unsigned n, char ref[DF_PATIENT_REF_LEN + 1],
			    struct df_why *why)
{
	char place[64];

	if (key.len != DF_PATIENT_KEY_LEN)
		return df_fail(why, DF_E_CORRUPT, "index.db: row of a patient");
	df_hex_encode(ref, key.ptr, key.len);
	place_of(place, ref);
	return df_column_open(s, df_text_of(place), sealed, ident, 0, n, why);
}

enum df_err df_patient_read(struct df_store *s, uint64_t row,
			    struct df_store_patient *out, struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_PATIENT_ROW_, why);
	char all[DF_IDENT_PATIENT + 1][DF_IDENT_CAP];
	enum df_err rc;

	*out = (struct df_store_patient){.row = row};
	df_sql_u64(q, 1, row);
	rc = df_sql_step(s, q, why);
	if (rc == DF_OK &&
	    df_str_copy(out->peer, sizeof out->peer, df_sql_col(q, 2)))
		rc = df_fail(why, DF_E_CORRUPT, "index.db: row of a patient");
	if (rc == DF_OK) {
		out->person = df_sql_col_u64(q, 3);
		out->held = df_sql_col_u64(q, 4) != 0;
		rc = df_patient_open(s, df_sql_col(q, 1), df_sql_col(q, 5), all,
				     DF_IDENT_PATIENT + 1, out->ref, why);
	}
	df_sql_done(q);
	if (rc == DF_OK) {
		memcpy(out->ident, all, sizeof out->ident);
		memcpy(out->readings, all[DF_IDENT_PATIENT],
		       sizeof out->readings);
	}
	return rc;
}

void df_store_person_of(const struct df_store *s,
			     const struct df_store_patient *p,
			     struct df_person *out)
{
	df_person_of(out, df_text_of(p->ident[DF_IDENT_PATIENT_NAME]),
		     df_text_of(p->ident[DF_IDENT_PATIENT_ID]),
		     df_text_of(p->ident[DF_IDENT_PATIENT_ID_ISSUER]),
		     df_text_of(p->ident[DF_IDENT_BIRTH_DATE]),
		     df_text_of(p->ident[DF_IDENT_SEX]),
		     p->peer[0] ? p->peer : s->lent.self);
	df_name_full_readings(p->readings, out->reading);
}

void df_store_lend(struct df_store *s, const struct df_store_lent *lent)
{
	s->lent = *lent;
}
