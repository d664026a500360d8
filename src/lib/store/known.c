/* known.c - see df/known.h. */
#include <string.h>

#include "df/known.h"
#include "sql.h"

#define PLACE_CAP 96

static void identity_key(struct df_store *s, const char *identity,
			 struct df_digest *key)
{
	s->cipher.blind(s->cipher.ctx, "known.identity", df_text_of(identity),
			key);
}

/* A sealed answer opens in its own row only. */
static void place_of(const struct df_digest *key, char place[PLACE_CAP])
{
	df_str_fmt(place, PLACE_CAP, "known.%s", df_digest_hex(key).s);
}

enum df_err df_store_put_known(struct df_store *s, const char *identity,
			       const char *peer, int64_t now_ms,
			       struct df_text answer, struct df_why *why)
{
	struct df_digest key;
	struct df_buf sealed;
	char place[PLACE_CAP];
	sqlite3_stmt *q;
	enum df_err rc;

	if (answer.len > DF_KNOWN_MAX)
		return df_fail(why, DF_E_LIMIT, "an answer is too large");
	identity_key(s, identity, &key);
	place_of(&key, place);
	df_buf_init(&sealed, DF_KNOWN_MAX + 256);
	rc = s->cipher.seal(s->cipher.ctx, df_text_of(place), answer, &sealed,
			    why);
	if (rc == DF_OK) {
		q = df_sql(s, DF_SQL_KNOWN_PUT_, why);
		df_sql_digest(q, 1, &key);
		df_sql_str(q, 2, peer);
		df_sql_u64(q, 3, (uint64_t)now_ms);
		df_sql_blob(q, 4, sealed.ptr, sealed.len);
		rc = df_sql_run(s, q, why);
	}
	df_buf_release(&sealed);
	return rc;
}

enum df_err df_store_known(struct df_store *s, const char *identity,
			   const char *peer, int64_t *learned_ms,
			   struct df_buf *answer, struct df_why *why)
{
	struct df_digest key;
	char place[PLACE_CAP];
	sqlite3_stmt *q;
	enum df_err rc;

	identity_key(s, identity, &key);
	place_of(&key, place);
	q = df_sql(s, DF_SQL_KNOWN_GET_, why);
	df_sql_digest(q, 1, &key);
	df_sql_str(q, 2, peer);
	rc = df_sql_step(s, q, why);
	if (rc == DF_OK) {
		*learned_ms = sqlite3_column_int64(q, 0);
		rc = s->cipher.open(s->cipher.ctx, df_text_of(place),
				    df_sql_col(q, 1), answer, why);
	}
	df_sql_done(q);
	return rc;
}

enum df_err df_store_forget_known(struct df_store *s, int64_t before_ms,
				  struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_KNOWN_FORGET_, why);

	df_sql_u64(q, 1, before_ms > 0 ? (uint64_t)before_ms : 0);
	return df_sql_run(s, q, why);
}

enum df_err df_store_put_told(struct df_store *s, const char *peer,
			      const char *study_uid, const char *origin,
			      int64_t now_ms, struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_TOLD_PUT_, why);

	df_sql_str(q, 1, peer);
	df_sql_str(q, 2, study_uid);
	df_sql_str(q, 3, origin);
	df_sql_u64(q, 4, (uint64_t)now_ms);
	return df_sql_run(s, q, why);
}

enum df_err df_store_told(struct df_store *s, const char *peer,
			  const char *study_uid, int64_t since_ms,
			  char origin[DF_HEX_LEN + 1], struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_TOLD_GET_, why);
	enum df_err rc;

	df_sql_str(q, 1, peer);
	df_sql_str(q, 2, study_uid);
	df_sql_u64(q, 3, since_ms > 0 ? (uint64_t)since_ms : 0);
	rc = df_sql_step(s, q, why);
	if (rc == DF_OK)
		rc = df_str_copy(origin, DF_HEX_LEN + 1, df_sql_col(q, 0));
	if (rc == DF_OK) {
		rc = df_sql_step(s, q, why);
		/* what came to us directly, an SR say, stands behind */
		if (rc == DF_OK && df_sql_col(q, 0).len > 0)
			rc = df_fail(why, DF_E_CONFLICT,
				     "two clinics have a study of that UID");
		else if (rc == DF_E_NOTFOUND)
			rc = DF_OK;
	}
	df_sql_done(q);
	return rc;
}
