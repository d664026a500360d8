/* coding_rows.c - see df/coding_rows.h. */
#include "df/coding_rows.h"

#include "coding_schema.h"

/* IF NOT EXISTS: a journal of before gets it too */
const char df_coding_schema[] =
	"CREATE TABLE IF NOT EXISTS codings(study INT, wanted TEXT, why TEXT,"
	" line INT, assumed INT, instances INT, fell_back INT,"
	" mismatches INT, PRIMARY KEY(study, wanted, why)) WITHOUT ROWID;";

void df_journal_coding_add(struct df_journal *j, int64_t study,
			   const struct df_row_coding *r)
{
	df_sql_run(j,
		   "INSERT INTO codings VALUES(?,?,?,?,?,?,?,?)"
		   " ON CONFLICT DO UPDATE SET line = excluded.line,"
		   " assumed = excluded.assumed,"
		   " instances = instances + excluded.instances,"
		   " fell_back = fell_back + excluded.fell_back,"
		   " mismatches = mismatches + excluded.mismatches",
		   "ittiiiii", study, r->wanted, r->why,
		   (int64_t)r->line_bytes_per_s, (int64_t)r->assumed,
		   (int64_t)r->instances, (int64_t)r->fell_back,
		   (int64_t)r->mismatches);
}

size_t df_journal_codings_wanted(struct df_journal *j, int64_t study,
				 struct df_row_coding *rows, size_t max)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT wanted, why, line, assumed,"
				  " instances, fell_back, mismatches"
				  " FROM codings WHERE study = ?",
				  "i", study);
	size_t n = 0;

	while (n < max && df_sql_row(j, st)) {
		struct df_row_coding *r = &rows[n++];

		*r = (struct df_row_coding){
			.line_bytes_per_s = (uint64_t)COL(st, 2),
			.assumed = COL(st, 3) != 0,
			.instances = (uint64_t)COL(st, 4),
			.fell_back = (uint64_t)COL(st, 5),
			.mismatches = (uint64_t)COL(st, 6),
		};
		df_col_text(st, 0, r->wanted, sizeof r->wanted);
		df_col_text(st, 1, r->why, sizeof r->why);
	}
	df_sql_done(st);
	return n;
}

size_t df_journal_codings(struct df_journal *j, int64_t study,
			  struct df_coding_sum *rows, size_t max)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT coding, count(*), sum(size),"
				  " sum(coded) FROM instances WHERE study = ?"
				  " AND parcel > 0 AND coding <> ''"
				  " GROUP BY coding",
				  "i", study);
	size_t n = 0;

	while (n < max && df_sql_row(j, st)) {
		struct df_coding_sum *r = &rows[n++];

		*r = (struct df_coding_sum){
			.instances = (uint64_t)COL(st, 1),
			.raw = (uint64_t)COL(st, 2),
			.coded = (uint64_t)COL(st, 3),
		};
		df_col_text(st, 0, r->coding, sizeof r->coding);
	}
	df_sql_done(st);
	return n;
}
