/* deliveries.c - rows of deliveries: who should get what, and how it goes. */
#include <stdio.h>

#include "sql.h"

/*
 * The order in which a destination gets what waits for it is one number, made
 * when a delivery is noted and never looked at again: `due`, when this item
 * would have arrived if its study had a line of SHARE bytes a millisecond
 * (1 Mbit/s) to itself. So a small study passes a large one that came before
 * it, by no more than its share: what is older by more than the large one's
 * own time at that rate goes first, and nothing waits for ever. The first item
 * of a study is due at once (0): it is seen soon, whatever else there is.
 * Urgent studies go before all others, the oldest first and each as a whole.
 * Nothing is put off by more than DUE_MOST_MS, whatever its size.
 */
#define SHARE "125"
#define DUE_MOST_MS "86400000"
#define ITEM_BYTES                                                             \
	"ifnull(iif(?1 = 1, (SELECT dfenv FROM parcels WHERE n = ?2),"        \
	" (SELECT size FROM instances WHERE n = ?2)), 0)"
#define STUDY_LAST                                                             \
	"(SELECT max(due) FROM deliveries WHERE study = ?3 AND dest = ?4"     \
	" AND kind = ?1)"

void df_journal_delivery_add(struct df_journal *j, enum df_delivery_kind kind,
			     int64_t item, int64_t study, const char *dest,
			     int64_t now_ms)
{
	/* a note: routed anew when its item is looked into again */
	df_sql_note(j,
		    "INSERT OR IGNORE INTO deliveries(kind, item, study, dest,"
		    " state, next, since, tries, err, why, status, priority,"
		    " due) SELECT ?1,?2,?3,?4,0,0,?5,0,0,'',0,"
		    " ifnull(s.priority, 0), iif(s.priority > 0, s.opened,"
		    " ifnull(min(max(" STUDY_LAST ", ?5) + " ITEM_BYTES
		    " / " SHARE ", ?5 + " DUE_MOST_MS "), 0))"
		    " FROM (SELECT 1) LEFT JOIN studies s ON s.n = ?3",
		    "iiiti", (int64_t)kind, item, study, dest, now_ms);
}

#define SELECT_DELIVERY                                                        \
	"SELECT n, kind, item, study, dest, state, next, since, tries, err,"  \
	" why, status, priority, due FROM deliveries "

static void row_read(sqlite3_stmt *st, struct df_row_delivery *d)
{
	*d = (struct df_row_delivery){.n = COL(st, 0)};
	d->kind = (enum df_delivery_kind)COL(st, 1);
	d->item = COL(st, 2);
	d->study = COL(st, 3);
	df_col_text(st, 4, d->dest, sizeof d->dest);
	d->state = (enum df_delivery_state)COL(st, 5);
	d->next_ms = COL(st, 6);
	d->since_ms = COL(st, 7);
	d->tries = (uint32_t)COL(st, 8);
	d->err = df_err_from((uint64_t)COL(st, 9));
	df_col_text(st, 10, d->why, sizeof d->why);
	d->status = (uint32_t)COL(st, 11);
	d->priority = (uint32_t)COL(st, 12);
	d->due_ms = COL(st, 13);
}

static bool one(struct df_journal *j, sqlite3_stmt *st,
		struct df_row_delivery *d)
{
	bool found = df_sql_row(j, st);

	if (found)
		row_read(st, d);
	df_sql_done(st);
	return found;
}

static size_t many(struct df_journal *j, sqlite3_stmt *st,
		   struct df_row_delivery *rows, size_t max)
{
	size_t n = 0;

	while (n < max && df_sql_row(j, st))
		row_read(st, &rows[n++]);
	df_sql_done(st);
	return n;
}

bool df_journal_delivery(struct df_journal *j, int64_t n,
			 struct df_row_delivery *d)
{
	return one(j, df_sql(j, SELECT_DELIVERY "WHERE n = ?", "i", n), d);
}

bool df_journal_delivery_find(struct df_journal *j, enum df_delivery_kind kind,
			      int64_t item, const char *dest,
			      struct df_row_delivery *d)
{
	return one(j,
		   df_sql(j,
			  SELECT_DELIVERY
			  "WHERE kind = ? AND item = ? AND dest = ?",
			  "iit", (int64_t)kind, item, dest),
		   d);
}

bool df_journal_study_routed(struct df_journal *j, int64_t study,
			     const char *dest, int64_t but)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT 1 FROM deliveries WHERE study = ?"
				  " AND kind = 1 AND dest = ? AND item <> ?"
				  " LIMIT 1",
				  "iti", study, dest, but);
	bool found = df_sql_row(j, st);

	df_sql_done(st);
	return found;
}

size_t df_journal_deliveries_due(struct df_journal *j,
				 enum df_delivery_kind kind, const char *dest,
				 int64_t now_ms, struct df_row_delivery *rows,
				 size_t max)
{
	return many(j,
		    df_sql(j,
			   SELECT_DELIVERY
			   "WHERE dest = ? AND kind = ? AND state IN (0, 2)"
			   " AND next <= ? ORDER BY priority DESC, due, n"
			   " LIMIT ?",
			   "tiii", dest, (int64_t)kind, now_ms, (int64_t)max),
		    rows, max);
}

bool df_journal_delivery_move(struct df_journal *j, int64_t n,
			      enum df_delivery_event event, int64_t next_ms,
			      enum df_err err, const char *why, uint32_t status)
{
	struct df_row_delivery d;
	enum df_delivery_state to;

	if (!df_journal_delivery(j, n, &d) ||
	    !df_delivery_may(d.state, event, &to))
		return false;
	(event == DF_DELIVERY_START ? df_sql_note : df_sql_run)(
		j,
		"UPDATE deliveries SET state = ?, next = ?,"
		" tries = tries + ?, err = ?, why = ?, status = ?"
		" WHERE n = ?",
		"iiiitii", (int64_t)to, next_ms,
		(int64_t)(event == DF_DELIVERY_FAILED ||
			  event == DF_DELIVERY_DENIED),
		(int64_t)err,
		why != NULL ? why : "", (int64_t)status, n);
	return true;
}

/* One statement for every (from, to) that the table allows. */
uint64_t df_journal_deliveries_move(struct df_journal *j, const char *dest,
				    int64_t study, enum df_delivery_kind kind,
				    enum df_delivery_event event)
{
	uint64_t moved = 0;

	for (unsigned s = 0; s <= DF_DELIVERY_CANCELLED; s++) {
		enum df_delivery_state to;

		if (!df_delivery_may((enum df_delivery_state)s, event, &to))
			continue;
		df_sql_run(j,
			   "UPDATE deliveries SET state = ?1, next = 0"
			   " WHERE state = ?2 AND (?3 = '' OR dest = ?3)"
			   " AND (?4 = 0 OR study = ?4)"
			   " AND (?5 = 0 OR kind = ?5)",
			   "iitii", (int64_t)to, (int64_t)s, dest, study,
			   (int64_t)kind);
		moved += df_sql_changes(j);
	}
	return moved;
}

size_t df_journal_delivery_sums(struct df_journal *j, int64_t study,
				struct df_delivery_sum *rows, size_t max)
{
	/* SQLite gives the bare columns of the row that has the max(err) */
	static const char one_study[] =
		"SELECT dest, kind, state, count(*), min(next), max(err), why,"
		" status, sum(status BETWEEN 45056 AND 49151)"
		" FROM deliveries WHERE study = ?"
		" GROUP BY dest, kind, state LIMIT ?";
	static const char all[] =
		"SELECT dest, kind, state, count(*), min(next), max(err), why,"
		" status, sum(status BETWEEN 45056 AND 49151)"
		" FROM deliveries WHERE ? = 0"
		" GROUP BY dest, kind, state LIMIT ?";
	sqlite3_stmt *st = df_sql(j, study != 0 ? one_study : all, "ii", study,
				  (int64_t)max);
	size_t n = 0;

	while (n < max && df_sql_row(j, st)) {
		struct df_delivery_sum *s = &rows[n++];

		df_col_text(st, 0, s->dest, sizeof s->dest);
		s->kind = (enum df_delivery_kind)COL(st, 1);
		s->state = (enum df_delivery_state)COL(st, 2);
		s->count = (uint64_t)COL(st, 3);
		s->next_ms = COL(st, 4);
		s->err = df_err_from((uint64_t)COL(st, 5));
		df_col_text(st, 6, s->why, sizeof s->why);
		s->status = (uint32_t)COL(st, 7);
		s->remarked = (uint64_t)COL(st, 8);
	}
	df_sql_done(st);
	return n;
}

void df_journal_timers_shift(struct df_journal *j, int64_t by_ms)
{
	df_sql_run(j,
		   "UPDATE deliveries SET next = next + ?1, since = since + ?1"
		   " WHERE state = 2",
		   "i", by_ms);
	df_sql_run(j,
		   "UPDATE deliveries SET due = due + ?1"
		   " WHERE state IN (0, 2) AND due > 0",
		   "i", by_ms);
	df_sql_run(j,
		   "UPDATE manifests SET next = next + ?1, since = since + ?1"
		   " WHERE state = 0 AND next > 0",
		   "i", by_ms);
	df_sql_run(j, "UPDATE studies SET last = last + ? WHERE state = 0", "i",
		   by_ms);
	df_sql_run(j,
		   "UPDATE retained SET confirmed = max(1, confirmed + ?)"
		   " WHERE confirmed > 0",
		   "i", by_ms);
	df_sql_run(j,
		   "UPDATE fetches SET next = next + ?1,"
		   " ended = iif(ended > 0, max(1, ended + ?1), 0)",
		   "i", by_ms);
}

void df_journal_timers_cap(struct df_journal *j, int64_t now_ms,
			   int64_t latest_ms)
{
	df_sql_run(j,
		   "UPDATE deliveries SET next = ?1 WHERE state = 2 AND"
		   " next > ?2",
		   "ii", now_ms, latest_ms);
	/* noted by a clock that was far ahead */
	df_sql_run(j,
		   "UPDATE deliveries SET due = ?1 WHERE state IN (0, 2) AND"
		   " due > ?1 + 2 * " DUE_MOST_MS,
		   "i", now_ms);
	df_sql_run(j,
		   "UPDATE manifests SET next = ?1, since = min(since, ?1)"
		   " WHERE state = 0 AND next > ?2",
		   "ii", now_ms, latest_ms);
	df_sql_run(j, "UPDATE studies SET last = ?1 WHERE state = 0 AND"
		      " last > ?1",
		   "i", now_ms);
	df_sql_run(j,
		   "UPDATE fetches SET next = iif(next > ?2, ?1, next),"
		   " ended = min(ended, ?1) WHERE next > ?2 OR ended > ?1",
		   "ii", now_ms, latest_ms);
}
