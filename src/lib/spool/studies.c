/* studies.c - rows of studies and parcels. */
#include <stdio.h>

#include "df/clock.h"
#include "df/fetches.h"
#include "sql.h"

#define SELECT_STUDY                                                           \
	"SELECT n, uid, peer, state, reason, opened, last, version, epoch,"   \
	" sequence, h0, priority, source, closed FROM studies s "

static void study_read(sqlite3_stmt *st, struct df_row_study *s)
{
	*s = (struct df_row_study){.n = COL(st, 0)};
	df_col_text(st, 1, s->uid, sizeof s->uid);
	df_col_text(st, 2, s->peer, sizeof s->peer);
	s->state = (enum df_study_state)COL(st, 3);
	df_col_text(st, 4, s->close_reason, sizeof s->close_reason);
	s->opened_ms = COL(st, 5);
	s->last_ms = COL(st, 6);
	s->version = (uint32_t)COL(st, 7);
	s->epoch = (uint64_t)COL(st, 8);
	s->sequence = (uint64_t)COL(st, 9);
	df_col_digest(st, 10, &s->h0);
	s->priority = (uint32_t)COL(st, 11);
	df_col_text(st, 12, s->source, sizeof s->source);
	s->closed_ms = COL(st, 13);
}

static bool study_one(struct df_journal *j, sqlite3_stmt *st,
		      struct df_row_study *s)
{
	bool found = df_sql_row(j, st);

	if (found)
		study_read(st, s);
	df_sql_done(st);
	return found;
}

void df_journal_study_touch(struct df_journal *j, const char *uid,
			    const char *peer, const char *source,
			    int64_t received_ms, struct df_row_study *s)
{
	struct df_digest zero = {{0}};

	/* the epoch of a new stream is its birth: a counter that was lost with
	 * state.db never comes back with the same numbers */
	df_sql_note(j,
		   "INSERT INTO studies(uid, peer, state, reason, opened, last,"
		   " version, epoch, sequence, h0, priority, source)"
		   " VALUES(?,?,0,'',?,?,0,?,0,?,0,?)"
		   " ON CONFLICT(uid, peer) DO UPDATE SET state ="
		   " CASE WHEN excluded.last > closed THEN 0 ELSE state END,"
		   " opened = min(opened, excluded.opened),"
		   " last = max(last, excluded.last)",
		   "ttiiidt", uid, peer, received_ms, received_ms,
		   df_clock_wall_ms(), &zero, source);
	if (!df_journal_study_find(j, uid, peer, s))
		*s = (struct df_row_study){0};
}

bool df_journal_study(struct df_journal *j, int64_t n, struct df_row_study *s)
{
	return study_one(j, df_sql(j, SELECT_STUDY "WHERE n = ?", "i", n), s);
}

bool df_journal_study_untold(struct df_journal *j, const char *uid)
{
	return df_sql_any(j,
			  df_sql(j,
				 "SELECT 1 FROM studies s JOIN instances i"
				 " ON i.study = s.n WHERE s.uid = ? AND"
				 " i.indexed = 0 AND i.state IN (1, 2) LIMIT 1",
				 "t", uid));
}

bool df_journal_study_in_flight(struct df_journal *j, const char *calling)
{
	return df_sql_any(j, df_sql(j,
				    "SELECT 1 FROM studies WHERE state = 0 AND"
				    " peer = '' AND source = ? LIMIT 1",
				    "t", calling));
}

bool df_journal_study_find(struct df_journal *j, const char *uid,
			   const char *peer, struct df_row_study *s)
{
	if (peer == NULL)
		return study_one(j,
				 df_sql(j,
					SELECT_STUDY "WHERE uid = ? AND"
						     " peer <> '' ORDER BY"
						     " opened, n LIMIT 1",
					"t", uid),
				 s);
	return study_one(j,
			 df_sql(j, SELECT_STUDY "WHERE uid = ? AND peer = ?",
				"tt", uid, peer),
			 s);
}

size_t df_journal_studies(struct df_journal *j, enum df_studies_of which,
			  int64_t key, struct df_row_study *rows, size_t max)
{
	static const char *const sql[] = {
		[DF_OF_QUIET] = SELECT_STUDY
		"WHERE state = 0 AND peer = '' AND last <= ? LIMIT ?",
		[DF_OF_UNPACKED] = SELECT_STUDY
		"WHERE n > ? AND n IN (SELECT study FROM instances WHERE"
		" state = 1 AND peer = '' AND parcel = 0)"
		" ORDER BY priority DESC, n LIMIT ?",
		[DF_OF_UNSIGNED] = SELECT_STUDY
		"WHERE state = 1 AND peer = '' AND n > ?"
		" AND EXISTS (SELECT 1 FROM instances WHERE study = s.n"
		"  AND state = 2 AND named = 0)"
		" AND NOT EXISTS (SELECT 1 FROM instances WHERE study = s.n"
		"  AND state = 1)"
		" AND NOT EXISTS (SELECT 1 FROM parcels WHERE study = s.n"
		"  AND state = 0)"
		" AND NOT EXISTS (SELECT 1 FROM linked WHERE study = s.n"
		"  AND state < 3)"
		" ORDER BY n LIMIT ?",
		[DF_OF_ALL] = SELECT_STUDY
		"WHERE n < ? ORDER BY n DESC LIMIT ?",
	};
	sqlite3_stmt *st = df_sql(j, sql[which], "ii", key, (int64_t)max);
	size_t n = 0;

	while (n < max && df_sql_row(j, st))
		study_read(st, &rows[n++]);
	df_sql_done(st);
	return n;
}

void df_journal_study_close(struct df_journal *j, int64_t n,
			    const char *reason, int64_t now_ms)
{
	df_sql_run(j,
		   "UPDATE studies SET state = 1, reason = ?, closed = ?"
		   " WHERE n = ?",
		   "tii", reason, now_ms, n);
}

void df_journal_study_priority(struct df_journal *j, int64_t n, uint32_t p)
{
	df_sql_run(j, "UPDATE studies SET priority = ? WHERE n = ?", "ii",
		   (int64_t)p, n);
	df_sql_run(j,
		   "UPDATE deliveries SET priority = ?1,"
		   " due = iif(?1 > 0, (SELECT opened FROM studies WHERE"
		   " n = ?2), due) WHERE study = ?2",
		   "ii", (int64_t)p, n);
}

void df_journal_study_epoch(struct df_journal *j, int64_t n)
{
	struct df_digest zero = {{0}};

	df_sql_run(j,
		   "UPDATE studies SET epoch = epoch + 1, sequence = 0, h0 = ?"
		   " WHERE n = ?",
		   "di", &zero, n);
}

static uint64_t count_of(struct df_journal *j, const char *sql, int64_t n)
{
	sqlite3_stmt *st = df_sql(j, sql, "i", n);
	uint64_t c = df_sql_row(j, st) ? (uint64_t)COL(st, 0) : 0;

	df_sql_done(st);
	return c;
}

void df_journal_study_counts(struct df_journal *j, int64_t n,
			     struct df_study_counts *c)
{
	sqlite3_stmt *st = df_sql(
		j,
		"SELECT sum(state NOT IN (3, 5)), sum(state = 3),"
		" sum(state IN (1, 2, 4)),"
		" sum(state = 2 OR state = 4 AND in_parcel = 1),"
		" sum(iif(state NOT IN (3, 5), size, 0)),"
		" sum(iif(state NOT IN (3, 5), coded, 0)), sum(state = 4)"
		" FROM instances WHERE study = ?",
		"i", n);

	*c = (struct df_study_counts){0};
	if (df_sql_row(j, st)) {
		c->instances = (uint64_t)COL(st, 0);
		c->quarantined = (uint64_t)COL(st, 1);
		c->inspected = (uint64_t)COL(st, 2);
		c->packed = (uint64_t)COL(st, 3);
		c->bytes = (uint64_t)COL(st, 4);
		c->coded_bytes = (uint64_t)COL(st, 5);
		c->purged = (uint64_t)COL(st, 6);
	}
	df_sql_done(st);
	c->to_line = count_of(
		j,
		"SELECT count(*) FROM instances i JOIN (SELECT item FROM"
		" deliveries WHERE study = ?1 AND kind = 1 GROUP BY item"
		" HAVING min(state IN (4, 5))) d ON d.item = i.parcel"
		" WHERE i.study = ?1 AND i.state NOT IN (3, 5)",
		n);
	c->receipted = count_of(
		j,
		"SELECT count(*) FROM instances i JOIN (SELECT item FROM"
		" deliveries WHERE study = ?1 AND kind = 1 GROUP BY item"
		" HAVING min(state = 5)) d ON d.item = i.parcel"
		" WHERE i.study = ?1 AND i.state NOT IN (3, 5)",
		n);
	c->to_pacs = count_of(j,
			      "SELECT count(*) FROM (SELECT item FROM"
			      " deliveries WHERE study = ? AND kind = 2"
			      " GROUP BY item HAVING min(state IN (4, 5)))",
			      n);
	c->in_pacs = count_of(j,
			      "SELECT count(*) FROM (SELECT item FROM"
			      " deliveries WHERE study = ? AND kind = 2"
			      " GROUP BY item HAVING min(state = 5))",
			      n);
	c->for_pacs = count_of(j,
			       "SELECT count(DISTINCT item) FROM deliveries"
			       " WHERE study = ? AND kind = 2",
			       n);
	st = df_sql(j,
		    "SELECT sum(state = 3), sum(state = 2), sum(state = 6)"
		    " FROM deliveries WHERE study = ?",
		    "i", n);
	if (df_sql_row(j, st)) {
		c->held = (uint64_t)COL(st, 0);
		c->deferred = (uint64_t)COL(st, 1);
		c->refused = (uint64_t)COL(st, 2);
	}
	df_sql_done(st);
}

/* --- parcels -------------------------------------------------------------- */

int64_t df_journal_parcel_add(struct df_journal *j,
			      const struct df_row_parcel *p)
{
	int64_t n;

	df_sql_run(j,
		   "INSERT INTO parcels(hex, object, study, direction, peer,"
		   " epoch, sequence, h0, previous, dfenv, state, deaths,"
		   " created) VALUES(?,?,?,?,?,?,?,?,?,?,?,0,?)",
		   "ttiitiiddiii", p->hex, p->object.s, p->study,
		   (int64_t)p->direction, p->peer, (int64_t)p->epoch,
		   (int64_t)p->sequence, &p->h0, &p->previous,
		   (int64_t)p->dfenv_len, (int64_t)p->state, p->created_ms);
	n = df_sql_last(j);
	if (p->direction == DF_ENV_MADE)
		df_sql_run(j,
			   "UPDATE studies SET epoch = ?1, sequence = ?2,"
			   " h0 = ?3 WHERE n = ?4 AND"
			   " (epoch, sequence) < (?1, ?2) OR n = ?4 AND"
			   " sequence = 0",
			   "iidi", (int64_t)p->epoch, (int64_t)p->sequence,
			   &p->h0, p->study);
	return n;
}

#define SELECT_PARCEL                                                          \
	"SELECT n, hex, object, study, direction, peer, epoch, sequence, h0," \
	" previous, dfenv, state, deaths, created FROM parcels "

static void parcel_read(sqlite3_stmt *st, struct df_row_parcel *p)
{
	*p = (struct df_row_parcel){.n = COL(st, 0)};
	df_col_text(st, 1, p->hex, sizeof p->hex);
	df_col_id(st, 2, &p->object);
	p->study = COL(st, 3);
	p->direction = (enum df_env_direction)COL(st, 4);
	df_col_text(st, 5, p->peer, sizeof p->peer);
	p->epoch = (uint64_t)COL(st, 6);
	p->sequence = (uint64_t)COL(st, 7);
	df_col_digest(st, 8, &p->h0);
	df_col_digest(st, 9, &p->previous);
	p->dfenv_len = (uint64_t)COL(st, 10);
	p->state = (enum df_parcel_state)COL(st, 11);
	p->deaths = (uint32_t)COL(st, 12);
	p->created_ms = COL(st, 13);
}

static bool parcel_one(struct df_journal *j, sqlite3_stmt *st,
		       struct df_row_parcel *p)
{
	bool found = df_sql_row(j, st);

	if (found && p != NULL)
		parcel_read(st, p);
	df_sql_done(st);
	return found;
}

static size_t parcel_rows(struct df_journal *j, sqlite3_stmt *st,
			  struct df_row_parcel *rows, size_t max)
{
	size_t n = 0;

	while (n < max && df_sql_row(j, st))
		parcel_read(st, &rows[n++]);
	df_sql_done(st);
	return n;
}

bool df_journal_parcel(struct df_journal *j, int64_t n,
		       struct df_row_parcel *p)
{
	return parcel_one(j, df_sql(j, SELECT_PARCEL "WHERE n = ?", "i", n), p);
}

bool df_journal_parcel_find(struct df_journal *j, const char *hex,
			    struct df_row_parcel *p)
{
	return parcel_one(j, df_sql(j, SELECT_PARCEL "WHERE hex = ?", "t", hex),
			  p);
}

bool df_journal_parcel_held(struct df_journal *j, const char *peer,
			    const struct df_digest *h0)
{
	return parcel_one(j,
			  df_sql(j,
				 SELECT_PARCEL "WHERE h0 = ? AND peer = ?"
					       " AND state IN (1, 3)",
				 "dt", h0, peer),
			  NULL);
}

bool df_journal_parcel_clash(struct df_journal *j, int64_t study,
			     const struct df_row_parcel *p)
{
	/* at its place, just before it, just after it */
	return parcel_one(j,
			  df_sql(j,
				 SELECT_PARCEL
				 "WHERE study = ?1 AND epoch = ?2 AND"
				 " state <> 2 AND"
				 " ((sequence = ?3 AND h0 <> ?4) OR"
				 " (sequence = ?3 - 1 AND h0 <> ?5) OR"
				 " (sequence = ?3 + 1 AND previous <> ?4))",
				 "iiidd", study, (int64_t)p->epoch,
				 (int64_t)p->sequence, &p->h0, &p->previous),
			  NULL);
}

size_t df_journal_parcels_unverified(struct df_journal *j, int64_t after,
				     struct df_row_parcel *rows, size_t max)
{
	return parcel_rows(j,
			   df_sql(j,
				  SELECT_PARCEL "WHERE state = 0 AND n > ?"
						" ORDER BY n LIMIT ?",
				  "ii", after, (int64_t)max),
			   rows, max);
}

size_t df_journal_parcels_of(struct df_journal *j, int64_t study,
			     uint64_t epoch, uint64_t sequence,
			     struct df_row_parcel *rows, size_t max)
{
	return parcel_rows(j,
			   df_sql(j,
				  SELECT_PARCEL
				  "WHERE study = ? AND state = 1 AND"
				  " (epoch, sequence) > (?, ?)"
				  " ORDER BY epoch, sequence LIMIT ?",
				  "iiii", study, (int64_t)epoch,
				  (int64_t)sequence, (int64_t)max),
			   rows, max);
}

size_t df_journal_parcels_ready(struct df_journal *j, int64_t study,
				int64_t after, struct df_row_parcel *rows,
				size_t max)
{
	return parcel_rows(j,
			   df_sql(j,
				  SELECT_PARCEL "WHERE study = ? AND state = 1"
						" AND n > ? ORDER BY n LIMIT ?",
				  "iii", study, after, (int64_t)max),
			   rows, max);
}

void df_journal_parcel_state(struct df_journal *j, int64_t n,
			     enum df_parcel_state state)
{
	df_sql_run(j, "UPDATE parcels SET state = ?, deaths = 0 WHERE n = ?",
		   "ii", (int64_t)state, n);
}

uint32_t df_journal_parcel_dispatch(struct df_journal *j, int64_t n)
{
	struct df_row_parcel p = {0};

	if (!df_journal_parcel(j, n, &p))
		return 0;
	df_sql_run(j, "UPDATE parcels SET deaths = deaths + 1 WHERE n = ?", "i",
		   n);
	return p.deaths;
}

void df_journal_parcel_undispatch(struct df_journal *j, int64_t n)
{
	df_sql_run(j,
		   "UPDATE parcels SET deaths = max(deaths - 1, 0) WHERE n = ?",
		   "i", n);
}
