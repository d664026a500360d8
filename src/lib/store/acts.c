/* acts.c - see df/acts.h. */
#include <inttypes.h>
#include <string.h>

#include "df/acts.h"
#include "df/register.h"
#include "sql.h"

#define CASE_LEN 8 /* of a blind key: what it finds is compared by people */

/* clang-format off */
static const char *const WORDS[] = {
	"",
#define X(name, word, zh) word,
	DF_ACT_MAP(X)
#undef X
};
static const char *const WORDS_ZH[] = {
	"",
#define X(name, word, zh) zh,
	DF_ACT_MAP(X)
#undef X
};
/* clang-format on */

const char *df_act_word(enum df_act a)
{
	return a < DF_ACT_COUNT ? WORDS[a] : "";
}

const char *df_act_zh(enum df_act a)
{
	return a < DF_ACT_COUNT ? WORDS_ZH[a] : "";
}

enum df_act df_act_from(const char *word)
{
	unsigned i;

	for (i = DF_ACT_COUNT - 1; i > 0; i--)
		if (strcmp(WORDS[i], word) == 0)
			break;
	return (enum df_act)i;
}

/* The order may say who it is for: behind the blind key only. */
static void case_key(struct df_store *s, const char *study, const char *node,
		     const char *subject, struct df_digest *key)
{
	struct df_buf b;

	df_buf_init(&b, 4096);
	if (df_buf_addf(&b, NULL, "%.64s %.64s %.512s", study, node, subject) !=
	    DF_OK)
		df_bug("a case is bounded");
	s->cipher.blind(s->cipher.ctx, "recognition.case",
			(struct df_text){(const char *)b.ptr, b.len}, key);
	df_buf_wipe(&b);
}

static void place_of(char to[40], uint64_t seq)
{
	df_str_fmt(to, 40, "act:%" PRIu64, seq);
}

enum df_err df_store_put_act(struct df_store *s, const struct df_store_act *a,
			     struct df_why *why)
{
	struct df_digest key;
	struct df_buf sealed;
	char place[40];
	sqlite3_stmt *q;
	enum df_err rc;

	case_key(s, a->study_uid, a->node, a->subject, &key);
	place_of(place, a->seq);
	df_buf_init(&sealed, DF_REGISTER_JSON_MAX + 256);
	rc = s->cipher.seal(s->cipher.ctx, df_text_of(place), a->json, &sealed,
			    why);
	if (rc == DF_OK) {
		q = df_sql(s, DF_SQL_ACT_PUT_, why);
		df_sql_u64(q, 1, a->seq);
		df_sql_u64(q, 2, (uint64_t)a->at_ms);
		df_sql_u64(q, 3, a->day);
		df_sql_u64(q, 4, a->act);
		df_sql_str(q, 5, a->study_uid);
		df_sql_str(q, 6, a->node);
		df_sql_blob(q, 7, key.b, CASE_LEN);
		df_sql_u64(q, 8, a->undone);
		df_sql_blob(q, 9, sealed.ptr, sealed.len);
		rc = df_sql_run(s, q, why);
	}
	df_buf_release(&sealed);
	return rc;
}

enum df_err df_store_undo_act(struct df_store *s, uint64_t seq, uint64_t by,
			      struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_ACT_UNDO_, why);

	df_sql_u64(q, 1, seq);
	df_sql_u64(q, 2, by);
	return df_sql_run(s, q, why);
}

/* A row of DF_SQL_ACT: opened, and given. */
static enum df_err give_row(struct df_store *s, sqlite3_stmt *q,
			    df_store_act_fn *fn, void *ctx, struct df_why *why)
{
	char study[65], node[DF_HEX_LEN + 1], place[40];
	struct df_store_act a = {
		.seq = (uint64_t)sqlite3_column_int64(q, 0),
		.at_ms = sqlite3_column_int64(q, 1),
		.day = (unsigned)sqlite3_column_int64(q, 2),
		.act = (enum df_act)sqlite3_column_int64(q, 3),
		.study_uid = study,
		.node = node,
		.undone = (uint64_t)sqlite3_column_int64(q, 6),
	};
	struct df_buf json;
	enum df_err rc = df_str_copy(study, sizeof study, df_sql_col(q, 4));

	if (rc == DF_OK)
		rc = df_str_copy(node, sizeof node, df_sql_col(q, 5));
	if (rc != DF_OK)
		return df_fail(why, DF_E_CORRUPT, "a row of acts is too long");
	place_of(place, a.seq);
	df_buf_init(&json, DF_REGISTER_JSON_MAX + 256);
	rc = s->cipher.open(s->cipher.ctx, df_text_of(place), df_sql_col(q, 7),
			    &json, why);
	a.json = (struct df_text){(const char *)json.ptr, json.len};
	if (rc == DF_OK)
		rc = fn(ctx, &a);
	df_buf_wipe(&json);
	return rc;
}

static enum df_err give_rows(struct df_store *s, sqlite3_stmt *q,
			     df_store_act_fn *fn, void *ctx, struct df_why *why)
{
	enum df_err rc = DF_OK, found;

	while (rc == DF_OK && (found = df_sql_step(s, q, why)) == DF_OK)
		rc = give_row(s, q, fn, ctx, why);
	df_sql_done(q);
	if (rc == DF_OK && found != DF_E_NOTFOUND)
		rc = found;
	return rc;
}

enum df_err df_store_act(struct df_store *s, uint64_t seq, df_store_act_fn *fn,
			 void *ctx, struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_ACT_GET_, why);
	enum df_err rc;

	df_sql_u64(q, 1, seq);
	rc = df_sql_step(s, q, why);
	if (rc == DF_OK)
		rc = give_row(s, q, fn, ctx, why);
	df_sql_done(q);
	return rc;
}

enum df_err df_store_case(struct df_store *s, const char *study_uid,
			  const char *node, const char *subject,
			  df_store_act_fn *fn, void *ctx, struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_ACT_CASE_, why);
	struct df_digest key;

	case_key(s, study_uid, node, subject, &key);
	df_sql_blob(q, 1, key.b, CASE_LEN);
	return give_rows(s, q, fn, ctx, why);
}

enum df_err df_store_days(struct df_store *s, unsigned first_day,
			  unsigned last_day, df_store_act_fn *fn, void *ctx,
			  struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_ACT_DAYS_, why);

	df_sql_u64(q, 1, first_day);
	df_sql_u64(q, 2, last_day);
	return give_rows(s, q, fn, ctx, why);
}

enum df_err df_store_acts(struct df_store *s, uint64_t before,
			  const char *study_uid, unsigned limit,
			  df_store_act_fn *fn, void *ctx, struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_ACT_LIST_, why);

	df_sql_u64(q, 1, before);
	df_sql_str(q, 2, study_uid);
	df_sql_u64(q, 3, limit);
	return give_rows(s, q, fn, ctx, why);
}
