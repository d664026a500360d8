/*
 * ledger.h - the facts that the ledger keeps, one row a kind; private to spool.
 *
 * A kind knows when a row has something to say that no object says (triggers
 * put it into `changed`), how it is said (one JSON object, natural keys only:
 * row numbers do not outlive state.db), and how it is put back.
 */
#ifndef DF_SPOOL_LEDGER_H
#define DF_SPOOL_LEDGER_H

#include "sql.h"

#define DF_FACT_STEPS 4

struct df_fact_kind {
	const char *name;
	/* SQL: CREATE TRIGGER IF NOT EXISTS ...; behind the schema */
	const char *triggers;
	/* a line for each row of this kind in `changed` */
	const char *render;
	/* puts every row that has something to say into `changed` */
	const char *all;
	/* ?1 = the line; run in order */
	const char *apply[DF_FACT_STEPS];
	bool first; /* others name its rows: put back before them */
};
extern const struct df_fact_kind df_fact_kinds[];
extern const size_t df_n_fact_kinds;

/* What the statements above use: unhex(text). */
int df_ledger_functions(sqlite3 *db);
/* What one table cannot say in SQL: after apply of a line of that kind. */
void df_ledger_applied(struct df_journal *j, const struct df_fact_kind *kind,
		       const char *line);

#endif
