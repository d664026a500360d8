/* order_rows.c - see df/orders.h. */
#include "df/orders.h"

#include <string.h>

#include "sql.h"

#define TEXT_MAX ((size_t)64 * 1024)

struct place {
	char s[64];
};

static struct place place_of(const char *id)
{
	struct place p;

	df_str_fmt(p.s, sizeof p.s, "order.%s", id);
	return p;
}

/* NULL where there is nothing to find it by. */
static void bind_blind(struct df_store *s, sqlite3_stmt *q, int at,
		       const char *column, struct df_text value)
{
	const struct df_text *values[] = {&value};
	struct df_digest d;

	if (df_column_blind(s, column, values, 1, &d))
		df_sql_blob(q, at, &d, sizeof d);
	else
		df_sql_str(q, at, NULL);
}

enum df_err df_store_put_order(struct df_store *s,
			       const struct df_store_order *o,
			       struct df_why *why)
{
	struct place p = place_of(o->id);
	struct df_buf sealed;
	sqlite3_stmt *q;
	enum df_err rc;

	df_buf_init(&sealed, TEXT_MAX);
	rc = s->cipher.seal(s->cipher.ctx, df_text_of(p.s), o->text, &sealed,
			    why);
	if (rc == DF_OK) {
		q = df_sql(s, DF_SQL_ORDER_PUT_, why);
		df_sql_str(q, 1, o->id);
		df_sql_u64(q, 2, (uint64_t)o->state);
		df_sql_u64(q, 3, o->moment);
		df_sql_str(q, 4, o->study_uid);
		df_sql_str(q, 5, o->modality);
		df_sql_str(q, 6, o->performed);
		df_sql_u64(q, 7, (uint64_t)o->changed_ms);
		bind_blind(s, q, 8, "order.accession", o->accession);
		bind_blind(s, q, 9, "order.number", o->patient_id);
		df_sql_blob(q, 10, sealed.ptr, sealed.len);
		rc = df_sql_run(s, q, why);
	}
	df_buf_release(&sealed);
	return rc;
}

/* From a row of DF_SQL_ORDER; the text goes into *text. */
static enum df_err read_order(struct df_store *s, sqlite3_stmt *q,
			      struct df_store_order *o, struct df_buf *text,
			      struct df_why *why)
{
	struct place p;
	enum df_err rc;

	*o = (struct df_store_order){0};
	if (df_str_copy(o->id, sizeof o->id, df_sql_col(q, 0)) ||
	    df_str_copy(o->study_uid, sizeof o->study_uid, df_sql_col(q, 3)) ||
	    df_str_copy(o->modality, sizeof o->modality, df_sql_col(q, 4)) ||
	    df_str_copy(o->performed, sizeof o->performed, df_sql_col(q, 5)))
		return df_fail(why, DF_E_CORRUPT, "index.db: row of an order");
	o->state = (enum df_order_state)sqlite3_column_int(q, 1);
	o->moment = (uint64_t)sqlite3_column_int64(q, 2);
	o->changed_ms = sqlite3_column_int64(q, 6);
	p = place_of(o->id);
	df_buf_clear(text);
	rc = s->cipher.open(s->cipher.ctx, df_text_of(p.s), df_sql_col(q, 7),
			    text, why);
	o->text = (struct df_text){(const char *)text->ptr, text->len};
	return rc;
}

enum df_err df_store_order(struct df_store *s, const char *id,
			   struct df_store_order *out, struct df_buf *text,
			   struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_ORDER_GET_, why);
	enum df_err rc;

	df_sql_str(q, 1, id);
	rc = df_sql_step(s, q, why);
	if (rc == DF_OK)
		rc = read_order(s, q, out, text, why);
	df_sql_done(q);
	return rc;
}

static enum df_err each(struct df_store *s, sqlite3_stmt *q,
			enum df_err (*fn)(void *ctx,
					  const struct df_store_order *o),
			void *ctx, struct df_why *why)
{
	struct df_store_order o;
	struct df_buf text;
	enum df_err rc;

	df_buf_init(&text, TEXT_MAX);
	while ((rc = df_sql_step(s, q, why)) == DF_OK) {
		rc = read_order(s, q, &o, &text, why);
		if (rc == DF_OK)
			rc = fn(ctx, &o);
		if (rc != DF_OK)
			break;
	}
	df_sql_done(q);
	df_buf_wipe(&text);
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}

enum df_err df_store_orders(struct df_store *s, uint64_t from, uint64_t to,
			    enum df_err (*fn)(void *ctx,
					      const struct df_store_order *o),
			    void *ctx, struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_ORDER_OPEN_, why);

	df_sql_u64(q, 1, from);
	df_sql_u64(q, 2, to);
	return each(s, q, fn, ctx, why);
}

enum df_err df_store_last_orders(
	struct df_store *s, uint64_t limit, uint64_t *left_out,
	enum df_err (*fn)(void *ctx, const struct df_store_order *o), void *ctx,
	struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_ORDER_COUNT_, why);
	uint64_t n;
	enum df_err rc = df_sql_number(s, q, &n, why);

	*left_out = n > limit ? n - limit : 0;
	if (rc != DF_OK)
		return rc;
	q = df_sql(s, DF_SQL_ORDER_LAST_, why);
	df_sql_u64(q, 1, limit);
	return each(s, q, fn, ctx, why);
}

enum df_err df_store_orders_like(
	struct df_store *s, const struct df_store_order *like,
	enum df_err (*fn)(void *ctx, const struct df_store_order *o), void *ctx,
	struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_ORDER_LIKE_, why);

	df_sql_str(q, 1, like->study_uid);
	bind_blind(s, q, 2, "order.accession", like->accession);
	bind_blind(s, q, 3, "order.number", like->patient_id);
	df_sql_str(q, 4, like->modality);
	return each(s, q, fn, ctx, why);
}

enum df_err df_store_has_orders(struct df_store *s, bool *any,
				struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_ORDER_ANY_, why);
	enum df_err rc = df_sql_step(s, q, why);

	*any = rc == DF_OK;
	df_sql_done(q);
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}
