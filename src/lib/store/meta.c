/* meta.c - numbers that index.db remembers, and parts of a transaction. */
#include "sql.h"

enum df_err df_store_number(struct df_store *s, const char *name,
			    uint64_t *value, struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_META_GET_, why);
	enum df_err rc;

	*value = 0;
	df_sql_str(q, 1, name);
	rc = df_sql_step(s, q, why);
	if (rc == DF_OK && !df_text_u64(df_sql_col(q, 0), value))
		rc = df_fail(why, DF_E_CORRUPT, "meta %s is no number", name);
	df_sql_done(q);
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}

enum df_err df_store_put_number(struct df_store *s, const char *name,
				uint64_t value, struct df_why *why)
{
	sqlite3_stmt *q = df_sql(s, DF_SQL_META_PUT_, why);
	char text[24];

	df_str_fmt(text, sizeof text, "%llu", (unsigned long long)value);
	df_sql_str(q, 1, name);
	df_sql_str(q, 2, text);
	return df_sql_run(s, q, why);
}

enum df_err df_store_save(struct df_store *s, struct df_why *why)
{
	return df_sql_run(s, df_sql(s, DF_SQL_SAVE_, why), why);
}

enum df_err df_store_keep(struct df_store *s, struct df_why *why)
{
	return df_sql_run(s, df_sql(s, DF_SQL_SAVE_KEEP_, why), why);
}

enum df_err df_store_back(struct df_store *s, struct df_why *why)
{
	enum df_err rc = df_sql_run(s, df_sql(s, DF_SQL_SAVE_BACK_, why), why);

	return rc == DF_OK ? df_store_keep(s, why) : rc;
}
