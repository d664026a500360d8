/* linked_rows.c - see df/linked.h. */
#include "df/linked.h"

#include <stdio.h>

#include "df/fetches.h"
#include "linked_schema.h"

const char df_linked_schema[] =
	"CREATE TABLE IF NOT EXISTS linked(study INTEGER PRIMARY KEY,"
	" state INT, twin TEXT, peer TEXT);"
	"CREATE INDEX IF NOT EXISTS linked_state ON linked(state, study)"
	" WHERE state < 3;";

static void read_row(sqlite3_stmt *st, struct df_row_linked *row)
{
	*row = (struct df_row_linked){
		.study = COL(st, 0),
		.state = (enum df_linked_state)COL(st, 1),
	};
	df_col_text(st, 2, row->twin, sizeof row->twin);
	df_col_text(st, 3, row->peer, sizeof row->peer);
}

enum df_linked_state df_journal_linked(struct df_journal *j, int64_t study,
				       struct df_row_linked *row)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT study, state, twin, peer FROM linked"
				  " WHERE study = ?",
				  "i", study);

	*row = (struct df_row_linked){.study = study};
	if (df_sql_row(j, st))
		read_row(st, row);
	df_sql_done(st);
	return row->state;
}

void df_journal_linked_put(struct df_journal *j,
			   const struct df_row_linked *row)
{
	df_sql_run(j, "INSERT OR REPLACE INTO linked VALUES(?,?,?,?)", "iitt",
		   row->study, (int64_t)row->state, row->twin, row->peer);
}

size_t df_journal_linked_in(struct df_journal *j, enum df_linked_state state,
			    int64_t after, struct df_row_linked *rows,
			    size_t max)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT study, state, twin, peer FROM linked"
				  " WHERE state < 3 AND state = ? AND study > ?"
				  " ORDER BY study LIMIT ?",
				  "iii", (int64_t)state, after, (int64_t)max);
	size_t n = 0;

	while (n < max && df_sql_row(j, st))
		read_row(st, &rows[n++]);
	df_sql_done(st);
	return n;
}

bool df_journal_study_held_by(struct df_journal *j,
			      const struct df_row_study *s, const char *dest)
{
	if (s->peer[0] != '\0')
		return df_journal_study_is_copy(j, s->n) &&
		       df_sql_any(
			       j,
			       df_sql(j,
				      "SELECT 1 FROM fetches WHERE study = ?1"
				      " AND dest = ?2 AND state = 1 AND"
				      " NOT EXISTS (SELECT 1 FROM instances"
				      "  WHERE study = ?3 AND state = 4)",
				      "tti", s->uid, dest, s->n));
	return df_sql_any(
		j, df_sql(j,
			  "SELECT 1 FROM instances WHERE study = ?1 AND"
			  " state NOT IN (3, 5) AND NOT EXISTS (SELECT 1 FROM"
			  "  instances i WHERE study = ?1 AND"
			  "  state NOT IN (3, 5) AND NOT EXISTS (SELECT 1 FROM"
			  "   deliveries WHERE kind = 1 AND item = i.parcel"
			  "   AND dest = ?2 AND state = 5)) LIMIT 1",
			  "it", s->n, dest));
}

bool df_journal_study_packed(struct df_journal *j, int64_t study)
{
	return df_sql_any(
		j, df_sql(j,
			  "SELECT 1 FROM studies s WHERE n = ? AND state = 1"
			  " AND NOT EXISTS (SELECT 1 FROM instances WHERE"
			  "  study = s.n AND state = 1)"
			  " AND NOT EXISTS (SELECT 1 FROM parcels WHERE"
			  "  study = s.n AND state = 0)",
			  "i", study));
}
