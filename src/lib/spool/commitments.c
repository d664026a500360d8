/*
 * commitments.c - rows of storage commitment: transactions and what each
 * names. An item's reason is -1 until it is settled.
 */
#include "commitments_schema.h"

#include <stdio.h>

#include "df/commitments.h"

const char df_commitments_schema[] =
	"CREATE TABLE commitments(n INTEGER PRIMARY KEY, side INT, uid TEXT,"
	" who TEXT, digest BLOB, state INT, asked INT, next INT, tries INT,"
	" err INT, why TEXT, changed INT, UNIQUE(side, uid));"
	"CREATE INDEX commitments_due ON commitments(side, state, n)"
	" WHERE state < 3;"
	"CREATE INDEX commitments_who ON commitments(who, n) WHERE side = 1;"
	"CREATE INDEX commitments_over ON commitments(changed)"
	" WHERE state >= 3;"
	"CREATE TABLE commitment_items(t INT, k INT, class TEXT, sop TEXT,"
	" delivery INT, reason INT, PRIMARY KEY(t, k)) WITHOUT ROWID;"
	"CREATE INDEX items_promised ON commitment_items(sop)"
	" WHERE reason < 0;"
	"CREATE INDEX items_delivery ON commitment_items(delivery)"
	" WHERE delivery > 0;"
	"CREATE INDEX deliveries_taken ON deliveries(dest, n)"
	" WHERE state = 4 AND kind = 2;";

const char *df_commitment_state_name(enum df_commitment_state s)
{
	static const char *const names[] = {"open", "ready", "asked", "done",
					    "ended"};

	return (unsigned)s < 5 ? names[s] : "unknown";
}

int64_t df_commitment_add(struct df_journal *j,
			  const struct df_row_commitment *c,
			  const struct df_references *refs,
			  const int64_t *deliveries)
{
	int64_t n;

	df_sql_run(j,
		   "INSERT INTO commitments(side, uid, who, digest, state,"
		   " asked, next, tries, err, why, changed)"
		   " VALUES(?1,?2,?3,?4,?5,?6,?7,0,0,'',?6)",
		   "ittdiii", (int64_t)c->side, c->uid, c->who, &c->digest,
		   (int64_t)c->state, c->asked_ms, c->next_ms);
	n = df_sql_last(j);
	df_commitment_name(j, n, refs, deliveries);
	return n;
}

void df_commitment_name(struct df_journal *j, int64_t n,
			const struct df_references *refs,
			const int64_t *deliveries)
{
	for (size_t i = 0; i < refs->n; i++)
		df_sql_run(j,
			   "INSERT INTO commitment_items(t, k, class, sop,"
			   " delivery, reason) VALUES(?,?,?,?,?,-1)",
			   "iitti", n, (int64_t)i, refs->v[i].sop_class,
			   refs->v[i].sop_instance,
			   deliveries != NULL ? deliveries[i] : (int64_t)0);
}

#define SELECT_COMMITMENT                                                      \
	"SELECT n, side, uid, who, digest, state, asked, next, tries, err,"   \
	" why, (SELECT count(*) FROM commitment_items WHERE t = n),"          \
	" (SELECT count(*) FROM commitment_items WHERE t = n AND reason < 0)," \
	" (SELECT count(*) FROM commitment_items WHERE t = n AND reason > 0)"  \
	" FROM commitments "

static size_t rows_read(struct df_journal *j, sqlite3_stmt *st,
			struct df_row_commitment *rows, size_t max)
{
	size_t n = 0;

	while (n < max && df_sql_row(j, st)) {
		struct df_row_commitment *c = &rows[n++];

		*c = (struct df_row_commitment){.n = COL(st, 0)};
		c->side = (enum df_commitment_side)COL(st, 1);
		df_col_text(st, 2, c->uid, sizeof c->uid);
		df_col_text(st, 3, c->who, sizeof c->who);
		df_col_digest(st, 4, &c->digest);
		c->state = (enum df_commitment_state)COL(st, 5);
		c->asked_ms = COL(st, 6);
		c->next_ms = COL(st, 7);
		c->tries = (uint32_t)COL(st, 8);
		c->err = df_err_from((uint64_t)COL(st, 9));
		df_col_text(st, 10, c->why, sizeof c->why);
		c->items = (uint64_t)COL(st, 11);
		c->open = (uint64_t)COL(st, 12);
		c->bad = (uint64_t)COL(st, 13);
	}
	df_sql_done(st);
	return n;
}

bool df_commitment_find(struct df_journal *j, enum df_commitment_side side,
			const char *uid, struct df_row_commitment *c)
{
	return rows_read(j,
			 df_sql(j,
				SELECT_COMMITMENT "WHERE side = ? AND uid = ?",
				"it", (int64_t)side, uid),
			 c, 1) == 1;
}

bool df_commitment(struct df_journal *j, int64_t n, struct df_row_commitment *c)
{
	return rows_read(j, df_sql(j, SELECT_COMMITMENT "WHERE n = ?", "i", n),
			 c, 1) == 1;
}

size_t df_commitments_due(struct df_journal *j, enum df_commitment_side side,
			  enum df_commitment_state state, const char *who,
			  int64_t after, int64_t now_ms,
			  struct df_row_commitment *rows, size_t max)
{
	return rows_read(j,
			 df_sql(j,
				SELECT_COMMITMENT
				"WHERE state < 3 AND side = ?1 AND state = ?2"
				" AND (?3 = '' OR who = ?3) AND n > ?4 AND"
				" next <= ?5 ORDER BY n LIMIT ?6",
				"iitiii", (int64_t)side, (int64_t)state, who,
				after, now_ms, (int64_t)max),
			 rows, max);
}

size_t df_commitments_list(struct df_journal *j, int64_t after,
			   struct df_row_commitment *rows, size_t max)
{
	return rows_read(j,
			 df_sql(j,
				SELECT_COMMITMENT
				"WHERE n > ? ORDER BY n LIMIT ?",
				"ii", after, (int64_t)max),
			 rows, max);
}

void df_commitment_move(struct df_journal *j, int64_t n,
			enum df_commitment_state state, int64_t next_ms,
			bool tried, const struct df_why *why)
{
	df_sql_run(j,
		   "UPDATE commitments SET state = ?1, next = ?2,"
		   " tries = tries + ?3, err = ?4, why = ?5,"
		   " changed = max(changed, ?2) WHERE n = ?6",
		   "iiiiti", (int64_t)state, next_ms, (int64_t)tried,
		   (int64_t)(why != NULL ? why->err : DF_OK),
		   why != NULL ? why->text : "", n);
}

void df_commitment_reopen(struct df_journal *j, int64_t n, int64_t now_ms)
{
	df_sql_run(j,
		   "UPDATE commitments SET state = 0, asked = ?1, next = ?1,"
		   " tries = 0, err = 0, why = '' WHERE n = ?2",
		   "ii", now_ms, n);
	df_sql_run(j, "UPDATE commitment_items SET reason = -1 WHERE t = ?",
		   "i", n);
}

static uint64_t number(struct df_journal *j, sqlite3_stmt *st)
{
	uint64_t v = df_sql_row(j, st) ? (uint64_t)COL(st, 0) : 0;

	df_sql_done(st);
	return v;
}

uint64_t df_commitments_pending(struct df_journal *j,
				enum df_commitment_side side)
{
	return number(j, df_sql(j,
				"SELECT count(*) FROM commitments WHERE"
				" state < 3 AND side = ?",
				"i", (int64_t)side));
}

uint64_t df_commitments_items(struct df_journal *j)
{
	return number(j, df_sql(j,
				"SELECT count(*) FROM commitments JOIN"
				" commitment_items ON t = n WHERE side = ?",
				"i", (int64_t)DF_COMMITMENT_OF_US));
}

bool df_commitments_sweep(struct df_journal *j, int64_t give_up_ms,
			  int64_t drop_ms, int64_t forget_ms, size_t max)
{
	df_sql_run(j,
		   "UPDATE commitments SET state = 4, changed = max(changed,"
		   " next) WHERE side = 0 AND state = 1 AND asked < ?",
		   "i", give_up_ms);
	df_sql_run(j,
		   "DELETE FROM commitment_items WHERE (t, k) IN (SELECT t, k"
		   " FROM commitments JOIN commitment_items ON t = n WHERE"
		   " state >= 3 AND changed < iif(side = 0, ?1, ?2) LIMIT ?3)",
		   "iii", drop_ms, forget_ms, (int64_t)max);
	if (df_sql_changes(j) == max)
		return true;
	df_sql_run(j,
		   "DELETE FROM commitments WHERE state >= 3 AND changed < ?",
		   "i", forget_ms);
	return false;
}

void df_commitments_shift(struct df_journal *j, int64_t by_ms)
{
	df_sql_run(j,
		   "UPDATE commitments SET next = next + ?1,"
		   " asked = asked + ?1 WHERE state < 3",
		   "i", by_ms);
}

/* --- what they name ------------------------------------------------------- */

static void ref_read(sqlite3_stmt *st, int col, struct df_reference *r)
{
	df_col_text(st, col, r->sop_class, sizeof r->sop_class);
	df_col_text(st, col + 1, r->sop_instance, sizeof r->sop_instance);
}

size_t df_commitment_unsettled(struct df_journal *j, int64_t n, int64_t k,
			       struct df_row_commitment_item *rows, size_t max)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT k, class, sop FROM commitment_items"
				  " WHERE t = ? AND k > ? AND reason < 0"
				  " ORDER BY k LIMIT ?",
				  "iii", n, k, (int64_t)max);
	size_t found = 0;

	while (found < max && df_sql_row(j, st)) {
		struct df_row_commitment_item *it = &rows[found++];

		*it = (struct df_row_commitment_item){.k = COL(st, 0)};
		ref_read(st, 1, &it->ref);
	}
	df_sql_done(st);
	return found;
}

void df_commitment_references(struct df_journal *j, int64_t n,
			      struct df_references *refs)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT reason, class, sop FROM"
				  " commitment_items WHERE t = ? ORDER BY k",
				  "i", n);

	*refs = (struct df_references){0};
	while (df_sql_row(j, st)) {
		struct df_reference r = {0};

		r.reason = COL(st, 0) < 0 ? DF_REFERENCE_PROCESSING_FAILURE
					  : (uint16_t)COL(st, 0);
		ref_read(st, 1, &r);
		if (df_references_add(refs, &r, NULL) != DF_OK)
			df_bug("a transaction is too long");
	}
	df_sql_done(st);
}

void df_commitment_settle(struct df_journal *j, int64_t n, int64_t k,
			  uint16_t reason)
{
	df_sql_note(j,
		    "UPDATE commitment_items SET reason = ? WHERE t = ? AND"
		    " k = ? AND reason < 0",
		    "iii", (int64_t)reason, n, k);
}

void df_commitment_settle_rest(struct df_journal *j, int64_t n,
			       uint16_t reason)
{
	df_sql_run(j,
		   "UPDATE commitment_items SET reason = ? WHERE t = ? AND"
		   " reason < 0",
		   "ii", (int64_t)reason, n);
}

bool df_commitment_promised(struct df_journal *j, const char *sop_instance)
{
	return number(j, df_sql(j,
				"SELECT count(*) FROM commitment_items i JOIN"
				" commitments c ON c.n = i.t WHERE i.sop = ?"
				" AND i.reason < 0 AND c.side = 0",
				"t", sop_instance)) > 0;
}

bool df_commitment_doubtful(struct df_journal *j, const char *sop_instance)
{
	return number(j, df_sql(j,
				"SELECT count(*) FROM instances WHERE sop = ?"
				" AND peer = '' AND state = 3"
				/* unless a person has said which is right */
				" AND (SELECT what FROM decisions WHERE"
				"  instance = instances.n ORDER BY n DESC"
				"  LIMIT 1) IS NOT 2",
				"t", sop_instance)) > 0;
}

/* --- by us ---------------------------------------------------------------- */

size_t df_commitment_wanted(struct df_journal *j, const char *dest,
			    int64_t after, size_t max,
			    struct df_references *refs, int64_t *deliveries)
{
	sqlite3_stmt *st = df_sql(
		j,
		"SELECT d.n, i.class, i.sop FROM deliveries d"
		" JOIN instances i ON i.n = d.item"
		" WHERE d.dest = ? AND d.state = 4 AND d.kind = 2 AND"
		" d.n > ? AND NOT EXISTS (SELECT 1 FROM commitment_items w"
		" WHERE w.delivery = d.n AND w.delivery > 0 AND w.reason < 0)"
		" ORDER BY d.n LIMIT ?",
		"tii", dest, after, (int64_t)max);

	*refs = (struct df_references){0};
	while (refs->n < max && df_sql_row(j, st)) {
		struct df_reference r = {0};

		ref_read(st, 1, &r);
		deliveries[refs->n] = COL(st, 0);
		if (df_references_add(refs, &r, NULL) != DF_OK)
			df_bug("max is too large");
	}
	df_sql_done(st);
	return refs->n;
}

uint64_t df_commitment_waive(struct df_journal *j, const char *dest)
{
	df_sql_run(j,
		   "UPDATE deliveries SET state = 5, next = 0 WHERE dest = ?"
		   " AND state = 4 AND kind = 2",
		   "t", dest);
	return df_sql_changes(j);
}

int64_t df_commitment_delivery(struct df_journal *j, int64_t n,
			       const char *sop_instance, int64_t *k)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT delivery, k FROM commitment_items"
				  " WHERE sop = ? AND t = ? AND reason < 0",
				  "ti", sop_instance, n);
	int64_t delivery = 0;

	if (df_sql_row(j, st)) {
		delivery = COL(st, 0);
		*k = COL(st, 1);
	}
	df_sql_done(st);
	return delivery;
}

int64_t df_commitment_named(struct df_journal *j, int64_t n,
			    const char *sop_instance)
{
	return (int64_t)number(j, df_sql(j,
					 "SELECT delivery FROM"
					 " commitment_items WHERE t = ? AND"
					 " sop = ? AND delivery > 0",
					 "it", n, sop_instance));
}

void df_commitment_drop(struct df_journal *j, int64_t n)
{
	df_sql_run(j, "DELETE FROM commitment_items WHERE t = ?", "i", n);
	df_sql_run(j, "DELETE FROM commitments WHERE n = ?", "i", n);
}

uint64_t df_commitment_denials(struct df_journal *j, int64_t delivery)
{
	return number(j, df_sql(j,
				"SELECT count(*) FROM commitment_items i JOIN"
				" commitments c ON c.n = i.t WHERE"
				" i.delivery = ? AND i.delivery > 0 AND"
				" i.reason > 0 AND c.state = 3",
				"i", delivery));
}

uint64_t df_commitment_silences(struct df_journal *j, const char *dest)
{
	return number(j, df_sql(j,
				"SELECT count(*) FROM commitments WHERE"
				" side = 1 AND who = ?1 AND state = 4 AND"
				" n > ifnull((SELECT max(n) FROM commitments"
				" WHERE side = 1 AND who = ?1 AND state = 3),"
				" 0)",
				"t", dest));
}
