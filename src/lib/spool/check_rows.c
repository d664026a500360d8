/* check_rows.c - what rows say of each other, and signed texts of themselves. */
#include <string.h>

#include "check.h"
#include "df/hash.h"
#include "purge_facts.h"

/* Each gives the subject of one finding a row. */
static const struct {
	enum df_finding f;
	const char *sql;
} rules[] = {
	{DF_FOUND_INSTANCE_HOME,
	 "SELECT sop FROM instances i WHERE state IN (0, 1, 2) AND NOT EXISTS"
	 " (SELECT 1 FROM objects WHERE id = i.object)"},
	{DF_FOUND_INSTANCE_OTHER,
	 "SELECT sop FROM instances i WHERE state IN (1, 2) AND in_parcel = 1"
	 " AND NOT EXISTS (SELECT 1 FROM parcels p WHERE p.n = i.parcel AND"
	 " p.object = i.object)"},
	{DF_FOUND_INSTANCE_STUDY,
	 "SELECT sop FROM instances i WHERE state IN (1, 2) AND NOT EXISTS"
	 " (SELECT 1 FROM studies WHERE n = i.study)"},
	{DF_FOUND_INSTANCE_TWICE,
	 "SELECT sop FROM instances WHERE state IN (0, 1, 2)"
	 " GROUP BY sop, peer, digest HAVING count(*) > 1"},
	{DF_FOUND_PARCEL_HOME,
	 "SELECT hex FROM parcels p WHERE state IN (0, 1) AND NOT EXISTS"
	 " (SELECT 1 FROM objects WHERE id = p.object)"},
	/* a taken one may hold twins only, whose home is another */
	{DF_FOUND_PARCEL_EMPTY,
	 "SELECT hex FROM parcels p WHERE state = 1 AND direction = 1 AND"
	 " NOT EXISTS (SELECT 1 FROM instances i WHERE i.parcel = p.n AND"
	 " i.parcel > 0)"},
	{DF_FOUND_PARCEL_PLACE,
	 "SELECT a.hex FROM parcels a JOIN parcels b ON a.study = b.study AND"
	 " a.epoch = b.epoch AND a.sequence = b.sequence AND a.n < b.n"
	 " WHERE a.state = 1 AND b.state = 1"},
	{DF_FOUND_DELIVERY_ITEM,
	 "SELECT kind || ' ' || item FROM deliveries d WHERE NOT EXISTS"
	 " (SELECT 1 FROM parcels p WHERE kind = 1 AND p.n = item) AND"
	 " NOT EXISTS (SELECT 1 FROM instances i WHERE kind = 2 AND"
	 " i.n = item)"},
	{DF_FOUND_MAIL_OBJECT,
	 "SELECT hex FROM mail m WHERE NOT EXISTS"
	 " (SELECT 1 FROM objects WHERE id = m.object)"},
	{DF_FOUND_REPORT_OBJECT,
	 "SELECT hex FROM reports r WHERE verdict <> 2 AND NOT EXISTS"
	 " (SELECT 1 FROM objects WHERE id = r.object)"},
};

static void check_rules(struct check *c)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		sqlite3_stmt *st = df_sql(c->j, rules[i].sql, "");

		while (df_sql_row(c->j, st))
			df_check_found(c, rules[i].f,
				       (const char *)sqlite3_column_text(st,
									 0));
	}
}

static struct df_text column(sqlite3_stmt *st, int col)
{
	const char *p = sqlite3_column_blob(st, col);

	return (struct df_text){p, (size_t)sqlite3_column_bytes(st, col)};
}

static bool is_of(struct df_text text, const struct df_digest *digest,
		  struct df_text receipt)
{
	struct df_manifest m = {0};
	bool good = df_purge_is_word(text, receipt, digest, NULL, &m);

	df_manifest_release(&m);
	return good;
}

/* SELECT subject, digest, text, receipt (NULL or empty: none yet) */
static void check_texts(struct check *c, const char *sql)
{
	sqlite3_stmt *st = df_sql(c->j, sql, "");

	while (df_sql_row(c->j, st)) {
		const char *subject = (const char *)sqlite3_column_text(st, 0);
		struct df_text text = column(st, 2), receipt = column(st, 3);
		struct df_digest said, is;

		df_col_digest(st, 1, &said);
		df_hash_bytes(&is, text.ptr, text.len);
		if (!df_digest_same(&said, &is))
			df_check_found(c, DF_FOUND_MANIFEST, subject);
		else if (receipt.len > 0 && !is_of(text, &said, receipt))
			df_check_found(c, DF_FOUND_RECEIPT, subject);
	}
}

static void check_structure(struct check *c)
{
	sqlite3_stmt *st = df_sql(c->j, "PRAGMA integrity_check(10)", "");

	while (df_sql_row(c->j, st)) {
		const char *said = (const char *)sqlite3_column_text(st, 0);

		if (strcmp(said, "ok") != 0)
			df_check_found(c, DF_FOUND_STATE_STRUCTURE, said);
	}
}

void df_check_rows(struct check *c)
{
	check_structure(c);
	check_rules(c);
	check_texts(c, "SELECT s.uid, m.digest, m.text, m.receipt FROM"
		       " manifests m JOIN studies s ON s.n = m.study");
	check_texts(c, "SELECT s.uid, h.digest, h.text, h.receipt FROM"
		       " held h JOIN studies s ON s.n = h.study");
}
