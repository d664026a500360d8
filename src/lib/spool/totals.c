/* totals.c - how much of everything there is; for `status`. */
#include "sql.h"

static void count(struct df_journal *j, const char *sql, uint64_t *to, size_t n)
{
	sqlite3_stmt *st = df_sql(j, sql, "");

	while (df_sql_row(j, st)) {
		int64_t state = COL(st, 0);

		if (state >= 0 && (size_t)state < n)
			to[state] = (uint64_t)COL(st, 1);
	}
}

void df_journal_totals(struct df_journal *j, struct df_totals *t)
{
	*t = (struct df_totals){0};
	count(j, "SELECT state, count(*) FROM instances GROUP BY state",
	      t->instances, DF_TOTALS_STATES);
	count(j, "SELECT state, count(*) FROM deliveries GROUP BY state",
	      t->deliveries, DF_TOTALS_STATES);
	count(j, "SELECT 0, count(*) FROM studies", &t->studies, 1);
}
