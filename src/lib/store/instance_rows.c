/*
 * instance_rows.c - the rows of instances, kept short: there are millions.
 *
 * An instance's UID is written as what it does not share with its series':
 * {u8 length of the common beginning, the rest in half bytes, 0-9 and 10 for
 * '.', 15 fills the last}. Digests are cut to 16 bytes: the index finds, the
 * queue holds the whole ones. What the instances of a series mostly share
 * stands once, as a form. Which object an instance lives in is a number; one
 * that nobody lives in any more is dropped.
 */
#include <string.h>

#include "people.h"

#define SHORT_DIGEST 16

/* --- UIDs ---------------------------------------------------------------------- */

struct short_uid {
	uint8_t b[1 + 32];
	size_t len;
};

static struct short_uid shorten(struct df_text uid, struct df_text series)
{
	struct short_uid u = {.len = 1};
	size_t same = 0, i;

	while (same < uid.len && same < series.len &&
	       uid.ptr[same] == series.ptr[same])
		same++;
	u.b[0] = (uint8_t)same;
	for (i = same; i < uid.len; i++) {
		uint8_t c = (uint8_t)uid.ptr[i];
		uint8_t half = c == '.' ? 10 : (uint8_t)(c - '0');

		if ((i - same) % 2 == 0)
			u.b[u.len++] = (uint8_t)(half << 4 | 15);
		else
			u.b[u.len - 1] = (uint8_t)((u.b[u.len - 1] & 0xF0) |
						   half);
	}
	return u;
}

/* False when it is none of ours. */
static bool lengthen(char to[65], struct df_text u, struct df_text series)
{
	size_t len, i;

	if (u.len == 0 || (uint8_t)u.ptr[0] > series.len || series.len > 64)
		return false;
	len = (uint8_t)u.ptr[0];
	memcpy(to, series.ptr, len);
	for (i = 0; i < 2 * (u.len - 1); i++) {
		uint8_t byte = (uint8_t)u.ptr[1 + i / 2];
		uint8_t half = i % 2 == 0 ? byte >> 4 : byte & 15;

		if (half == 15 && i + 1 == 2 * (u.len - 1))
			break;
		if (half > 10 || len == 64)
			return false;
		to[len++] = half == 10 ? '.' : (char)('0' + half);
	}
	to[len] = '\0';
	return true;
}

/* --- what instances share ------------------------------------------------------- */

static enum df_err form_row(struct df_store *s,
			    const struct df_store_instance *i, uint64_t *row,
			    struct df_why *why)
{
	const struct df_text t[] = {i->sop_class, i->transfer_syntax,
				    i->coding,	  i->rows,
				    i->columns,	  i->frames,
				    i->calling_ae};
	sqlite3_stmt *q = df_sql(s, DF_SQL_FORM_GET_, why);
	enum df_err rc;
	int n;

	for (n = 0; n < 7; n++)
		df_sql_text(q, n + 1, t[n]);
	rc = df_sql_number(s, q, row, why);
	if (rc != DF_E_NOTFOUND)
		return rc;
	q = df_sql(s, DF_SQL_FORM_PUT_, why);
	for (n = 0; n < 7; n++)
		df_sql_text(q, n + 1, t[n]);
	rc = df_sql_run(s, q, why);
	*row = (uint64_t)sqlite3_last_insert_rowid(s->db);
	return rc;
}

static enum df_err object_row(struct df_store *s, struct df_text name,
			      uint64_t *row, struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_OBJECT_GET_, why);
	enum df_err rc;

	df_sql_text(q, 1, name);
	rc = df_sql_number(s, q, row, why);
	if (rc != DF_E_NOTFOUND)
		return rc;
	q = df_sql(s, DF_SQL_OBJECT_PUT_, why);
	df_sql_text(q, 1, name);
	rc = df_sql_run(s, q, why);
	*row = (uint64_t)sqlite3_last_insert_rowid(s->db);
	return rc;
}

/* One more instance lives in it, or one less. */
static enum df_err object_count(struct df_store *s, uint64_t row, int change,
				struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_OBJECT_COUNT_, why);
	enum df_err rc;

	df_sql_u64(q, 1, row);
	df_sql_u64(q, 2, (uint64_t)(int64_t)change);
	rc = df_sql_run(s, q, why);
	if (rc != DF_OK || change > 0)
		return rc;
	q = df_sql(s, DF_SQL_OBJECT_DROP_, why);
	df_sql_u64(q, 1, row);
	return df_sql_run(s, q, why);
}

/* --- one instance ------------------------------------------------------------------ */

static bool has_pixels(const struct df_store_instance *i)
{
	return !df_digest_is_zero(&i->pixel_digest);
}

static void bind(sqlite3_stmt *q, const struct df_store_instance *i,
		 uint64_t series, uint64_t form, uint64_t object)
{
	struct short_uid u = shorten(i->sop_instance, i->series_uid);

	df_sql_u64(q, 1, series);
	df_sql_blob(q, 2, u.b, u.len);
	df_sql_blob(q, 3, i->digest.b, SHORT_DIGEST);
	if (form == 0)
		return;
	df_sql_u64(q, 4, form);
	df_sql_u64(q, 6, object);
	df_sql_u64(q, 7, i->record);
	if (has_pixels(i))
		df_sql_blob(q, 9, i->pixel_digest.b, SHORT_DIGEST);
}

static enum df_err add(struct df_store *s, const struct df_store_instance *i,
		       uint64_t series, uint64_t form, uint64_t object,
		       struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_INSTANCE_PUT_, why);

	bind(q, i, series, form, object);
	df_sql_u64(q, 5, i->size_bytes);
	df_sql_text(q, 8, i->instance_number);
	df_sql_u64(q, 10, (uint64_t)i->received_ms);
	return df_sql_run(s, q, why);
}

static enum df_err place(struct df_store *s, const struct df_store_instance *i,
			 uint64_t series, struct df_why *why)
{
	uint64_t form = 0, object = 0, old = 0;
	sqlite3_stmt *q = df_sql(s, DF_SQL_INSTANCE_GET_, why);
	bool known;
	enum df_err rc;

	bind(q, i, series, 0, 0);
	rc = df_sql_number(s, q, &old, why);
	known = rc == DF_OK;
	if (known || rc == DF_E_NOTFOUND)
		rc = form_row(s, i, &form, why);
	if (rc == DF_OK)
		rc = object_row(s, i->object, &object, why);
	if (rc == DF_OK && (!known || old != object))
		rc = object_count(s, object, 1, why);
	if (rc != DF_OK)
		return rc;
	if (!known)
		return add(s, i, series, form, object, why);
	q = df_sql(s, DF_SQL_INSTANCE_MOVE_, why);
	bind(q, i, series, form, object);
	rc = df_sql_run(s, q, why);
	if (rc == DF_OK && old != object)
		rc = object_count(s, old, -1, why);
	return rc;
}

enum df_err df_instance_put(struct df_store *s,
			    const struct df_store_instance *i, uint64_t series,
			    struct df_why *why)
{
	enum df_err rc = place(s, i, series, why);
	sqlite3_stmt *q;

	if (rc != DF_OK || !has_pixels(i))
		return rc;
	q = df_sql(s, DF_SQL_IMAGE_PUT_, why);
	df_sql_blob(q, 1, i->pixel_digest.b, SHORT_DIGEST);
	df_sql_u64(q, 2, series);
	return df_sql_run(s, q, why);
}

/* --- the same images ------------------------------------------------------------------ */

static enum df_err read_twin(sqlite3_stmt *q, struct df_store_twin *t,
			     struct df_why *why)
{
	if (!lengthen(t->sop_instance, df_sql_col(q, 1), df_sql_col(q, 0)) ||
	    !lengthen(t->other_instance, df_sql_col(q, 3), df_sql_col(q, 2)) ||
	    df_str_copy(t->other_study, sizeof t->other_study,
			df_sql_col(q, 4)) ||
	    df_str_copy(t->other_peer, sizeof t->other_peer, df_sql_col(q, 5)))
		return df_fail(why, DF_E_CORRUPT,
			       "index.db: row of an instance");
	t->same_person = df_sql_col_u64(q, 6) != 0;
	t->same_modality = df_sql_col_u64(q, 7) != 0;
	return DF_OK;
}

enum df_err df_store_twins(
	struct df_store *s, const char *study_uid, const char *peer,
	enum df_err (*fn)(void *ctx, const struct df_store_twin *twin),
	void *ctx, struct df_why *why)
{
	struct df_store_twin twin;
	uint64_t study = 0;
	enum df_err rc;
	sqlite3_stmt *q = df_sql(s, DF_SQL_STUDY_ROW_, why);

	df_sql_str(q, 1, study_uid);
	df_sql_str(q, 2, peer != NULL ? peer : "");
	rc = df_sql_number(s, q, &study, why);
	if (rc != DF_OK)
		return rc;
	q = df_sql(s, DF_SQL_TWINS_, why);
	df_sql_u64(q, 1, study);
	while ((rc = df_sql_step(s, q, why)) == DF_OK) {
		rc = read_twin(q, &twin, why);
		if (rc == DF_OK)
			rc = fn(ctx, &twin);
		if (rc != DF_OK)
			break;
	}
	df_sql_done(q);
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}
