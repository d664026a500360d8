/* places.c - where in the order something stands, and what goes before it. */
#include "sql.h"

/* The order of df_journal_deliveries_due. */
#define WAITING "state IN (0, 2)"
#define IN_ORDER "priority DESC, due, n"

size_t df_journal_deliveries_list(struct df_journal *j, int64_t after,
				  struct df_row_place *rows, size_t max)
{
	sqlite3_stmt *st = df_sql(
		j,
		"WITH places AS MATERIALIZED (SELECT n AS m, row_number() OVER"
		"  (PARTITION BY dest, kind ORDER BY " IN_ORDER ") AS place"
		"  FROM deliveries WHERE " WAITING ")"
		" SELECT n, ifnull(place, 0) FROM deliveries"
		" LEFT JOIN places ON m = n WHERE state <> 5 AND n > ?"
		" ORDER BY n LIMIT ?",
		"ii", after, (int64_t)max);
	size_t n = 0;

	while (n < max && df_sql_row(j, st)) {
		rows[n].n = COL(st, 0);
		rows[n++].place = (uint64_t)COL(st, 1);
	}
	df_sql_done(st);
	return n;
}

/* What waits, not of this study, before its own item at that end of it. */
#define BEFORE(end)                                                            \
	"WITH own AS (SELECT priority AS p, due AS d, n AS m FROM deliveries" \
	"  WHERE study = ?1 AND dest = ?2 AND kind = ?3 AND " WAITING         \
	"  ORDER BY " end " LIMIT 1)"                                         \
	" SELECT count(n), count(DISTINCT study),"                            \
	" count(DISTINCT iif(priority > 0, study, NULL)),"                    \
	" sum(iif(kind = 1, (SELECT dfenv FROM parcels WHERE n = item),"      \
	" (SELECT size FROM instances WHERE n = item))), p FROM own"          \
	" LEFT JOIN deliveries ON dest = ?2 AND kind = ?3 AND " WAITING       \
	" AND study <> ?1 AND (priority > p OR"                               \
	"  (priority = p AND (due, n) < (d, m)))"

static void before(struct df_journal *j, const char *sql, int64_t study,
		   const char *dest, enum df_delivery_kind kind,
		   struct df_ahead *a)
{
	sqlite3_stmt *st = df_sql(j, sql, "iti", study, dest, (int64_t)kind);

	*a = (struct df_ahead){0};
	if (df_sql_row(j, st) && sqlite3_column_type(st, 4) != SQLITE_NULL) {
		a->waits = true;
		a->items = (uint64_t)COL(st, 0);
		a->studies = (uint64_t)COL(st, 1);
		a->urgent = (uint64_t)COL(st, 2);
		a->bytes = (uint64_t)COL(st, 3);
	}
	df_sql_done(st);
}

void df_journal_ahead(struct df_journal *j, int64_t study, const char *dest,
		      enum df_delivery_kind kind, struct df_ahead *next,
		      struct df_ahead *last)
{
	static const char first_sql[] = BEFORE("priority DESC, due, n");
	static const char last_sql[] = BEFORE("priority, due DESC, n DESC");

	before(j, first_sql, study, dest, kind, next);
	before(j, last_sql, study, dest, kind, last);
}
