/* rivals.c - what cannot go on its way: rivals for a UID, and a count. */
#include "sql.h"

bool df_journal_instance_rival(struct df_journal *j,
			       const struct df_row_instance *r)
{
	struct df_row_instance first;

	return df_journal_instance_find(j, r->peer, r->sop_instance, NULL,
					&first) &&
	       first.n < r->n;
}

uint64_t df_journal_quarantined(struct df_journal *j)
{
	sqlite3_stmt *st =
		df_sql(j, "SELECT count(*) FROM instances WHERE state = 3", "");
	uint64_t n = df_sql_row(j, st) ? (uint64_t)COL(st, 0) : 0;

	df_sql_done(st);
	return n;
}
