/* fetches.c - see df/fetches.h. */
#include "df/fetches.h"

#include <stdio.h>

#include "fetches_schema.h"
#include "recovery.h"

/* Nothing of these goes to the ledger: they are attempts. */
const char df_fetches_schema[] =
	"CREATE TABLE IF NOT EXISTS fetches(n INTEGER PRIMARY KEY, study TEXT,"
	" dest TEXT, state INT, asked INT, ended INT, next INT, origin TEXT,"
	" instances INT, gone INT, bytes INT, err INT, why TEXT, hex TEXT,"
	" sender TEXT, report INT, size INT, offset INT, file TEXT);"
	"CREATE INDEX IF NOT EXISTS fetches_due ON fetches(dest, next)"
	" WHERE state = 0;"
	"CREATE INDEX IF NOT EXISTS fetches_study ON fetches(study, n);"
	"CREATE TABLE IF NOT EXISTS outgoing(peer TEXT, hex TEXT, object TEXT,"
	" sender TEXT, report INT, skip INT, size INT, header BLOB, made INT,"
	" PRIMARY KEY(peer, hex)) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS outgoing_made ON outgoing(made);";

const char *df_fetch_state_name(enum df_fetch_state s)
{
	switch (s) {
	case DF_FETCH_WAITING:
		return "fetching";
	case DF_FETCH_DONE:
		return "done";
	case DF_FETCH_FAILED:
		return "failed";
	case DF_FETCH_CANCELLED:
		return "cancelled";
	}
	df_bug("fetch state %d", (int)s);
}

int64_t df_journal_fetch_put(struct df_journal *j, const struct df_row_fetch *f)
{
	df_sql_run(j,
		   "INSERT OR REPLACE INTO fetches VALUES(nullif(?,0),"
		   "?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
		   "ittiiiitiiiittti"
		   "iit",
		   f->n, f->study, f->dest, (int64_t)f->state, f->asked_ms,
		   f->ended_ms, f->next_ms, f->origin, (int64_t)f->instances,
		   (int64_t)f->gone, (int64_t)f->bytes, (int64_t)f->err, f->why,
		   f->hex, f->sender, (int64_t)f->report, (int64_t)f->size,
		   (int64_t)f->offset, f->file.s);
	return f->n != 0 ? f->n : df_sql_last(j);
}

#define SELECT_FETCH                                                           \
	"SELECT n, study, dest, state, asked, ended, next, origin, instances," \
	" gone, bytes, err, why, hex, sender, report, size, offset, file"      \
	" FROM fetches "

static void fetch_read(sqlite3_stmt *st, struct df_row_fetch *f)
{
	*f = (struct df_row_fetch){
		.n = COL(st, 0),
		.state = (enum df_fetch_state)COL(st, 3),
		.asked_ms = COL(st, 4),
		.ended_ms = COL(st, 5),
		.next_ms = COL(st, 6),
		.instances = (uint64_t)COL(st, 8),
		.gone = (uint64_t)COL(st, 9),
		.bytes = (uint64_t)COL(st, 10),
		.err = df_err_from((uint64_t)COL(st, 11)),
		.report = COL(st, 15) != 0,
		.size = (uint64_t)COL(st, 16),
		.offset = (uint64_t)COL(st, 17),
	};
	df_col_text(st, 1, f->study, sizeof f->study);
	df_col_text(st, 2, f->dest, sizeof f->dest);
	df_col_text(st, 7, f->origin, sizeof f->origin);
	df_col_text(st, 12, f->why, sizeof f->why);
	df_col_text(st, 13, f->hex, sizeof f->hex);
	df_col_text(st, 14, f->sender, sizeof f->sender);
	df_col_id(st, 18, &f->file);
}

static bool fetch_one(struct df_journal *j, sqlite3_stmt *st,
		      struct df_row_fetch *f)
{
	bool found = df_sql_row(j, st);

	if (found)
		fetch_read(st, f);
	df_sql_done(st);
	return found;
}

bool df_journal_fetch_of(struct df_journal *j, const char *study,
			 struct df_row_fetch *f)
{
	return fetch_one(j,
			 df_sql(j,
				SELECT_FETCH "WHERE study = ? ORDER BY n DESC"
					     " LIMIT 1",
				"t", study),
			 f);
}

bool df_journal_fetch_due(struct df_journal *j, const char *dest,
			  int64_t now_ms, struct df_row_fetch *f)
{
	return fetch_one(j,
			 df_sql(j,
				SELECT_FETCH "WHERE dest = ? AND state = 0 AND"
					     " next <= ? ORDER BY n LIMIT 1",
				"ti", dest, now_ms),
			 f);
}

bool df_journal_fetch_in_hand(struct df_journal *j, int64_t after,
			      struct df_row_fetch *f)
{
	return fetch_one(j,
			 df_sql(j,
				SELECT_FETCH "WHERE state = 0 AND file <> ''"
					     " AND n > ? ORDER BY n LIMIT 1",
				"i", after),
			 f);
}

size_t df_journal_fetches(struct df_journal *j, struct df_row_fetch *rows,
			  size_t max)
{
	sqlite3_stmt *st = df_sql(j, SELECT_FETCH "ORDER BY n DESC LIMIT ?",
				  "i", (int64_t)max);
	size_t n = 0;

	while (n < max && df_sql_row(j, st))
		fetch_read(st, &rows[n++]);
	df_sql_done(st);
	return n;
}

bool df_journal_fetch_file(struct df_journal *j, const struct df_id *file)
{
	return df_sql_any(j, df_sql(j,
				    "SELECT 1 FROM fetches WHERE file = ?"
				    " AND state = 0",
				    "t", file->s));
}

uint64_t df_journal_study_usable(struct df_journal *j, const char *study,
				 const char *peer)
{
	sqlite3_stmt *st =
		df_sql(j,
		       "SELECT count(*) FROM instances i JOIN studies s"
		       " ON i.study = s.n WHERE s.uid = ? AND s.peer = ?"
		       " AND i.state IN (1, 2)",
		       "tt", study, peer);
	uint64_t n = df_sql_row(j, st) ? (uint64_t)COL(st, 0) : 0;

	df_sql_done(st);
	return n;
}

bool df_journal_study_next(struct df_journal *j, int64_t study, int64_t after,
			   struct df_row_instance *row)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT min(n) FROM instances WHERE study = ?"
				  " AND state IN (1, 2) AND n > ?",
				  "ii", study, after);
	int64_t n = df_sql_row(j, st) ? COL(st, 0) : 0;

	df_sql_done(st);
	return n > 0 && df_journal_instance(j, n, row);
}

bool df_journal_study_is_raw(struct df_journal *j, int64_t study)
{
	return df_sql_any(j, df_sql(j,
				    "SELECT 1 FROM instances WHERE study = ?"
				    " AND state = 1 AND in_parcel = 0 LIMIT 1",
				    "i", study));
}

bool df_journal_study_is_copy(struct df_journal *j, int64_t study)
{
	return df_sql_any(
		j, df_sql(j,
			  "SELECT 1 FROM studies s WHERE n = ?1 AND peer <> ''"
			  " AND EXISTS (SELECT 1 FROM parcels WHERE"
			  "  study = s.n AND direction = ?2)"
			  " AND NOT EXISTS (SELECT 1 FROM parcels WHERE"
			  "  study = s.n AND direction <> ?2)"
			  " AND NOT EXISTS (SELECT 1 FROM held WHERE"
			  "  study = s.n)",
			  "ii", study, (int64_t)DF_ENV_FETCHED));
}

bool df_journal_study_lost(struct df_journal *j, int64_t study)
{
	return df_sql_any(j, df_sql(j,
				    "SELECT 1 FROM instances WHERE study = ?"
				    " AND " SQL_LOST " LIMIT 1",
				    "i", study));
}

void df_journal_parcel_revive(struct df_journal *j, int64_t n,
			      const struct df_id *object)
{
	df_sql_run(j,
		   "UPDATE parcels SET object = ?, state = 1, deaths = 0"
		   " WHERE n = ?",
		   "ti", object->s, n);
	df_sql_run(j,
		   "UPDATE instances SET object = ?, in_parcel = 1, state = 2,"
		   " reason = '', indexed = 0 WHERE parcel = ? AND (state = 4 "
		   "OR " SQL_LOST ")",
		   "ti", object->s, n);
	/* what was not sent for the damage goes now */
	df_sql_run(j,
		   "UPDATE deliveries SET state = 0, next = 0, err = 0,"
		   " why = '' WHERE state = 6 AND why GLOB '" DF_DAMAGED_WORD
		   ":*' AND (kind = 1 AND item = ?2 OR kind = 2 AND item IN"
		   " (SELECT n FROM instances WHERE object = ?1))",
		   "ti", object->s, n);
}

/* --- for those who fetch from us ------------------------------------------ */

void df_journal_outgoing_put(struct df_journal *j,
			     const struct df_row_outgoing *o,
			     struct df_text header, int64_t now_ms)
{
	df_sql_run(j,
		   "INSERT OR REPLACE INTO outgoing VALUES(?,?,?,?,?,?,?,?,?)",
		   "ttttiiixi", o->peer, o->hex, o->object.s, o->sender,
		   (int64_t)o->report, (int64_t)o->skip, (int64_t)o->size,
		   header, now_ms);
}

bool df_journal_outgoing(struct df_journal *j, const char *peer,
			 const char *hex, struct df_row_outgoing *o,
			 struct df_buf *header)
{
	sqlite3_stmt *st =
		df_sql(j,
		       "SELECT object, sender, report, skip, size, header"
		       " FROM outgoing WHERE peer = ? AND hex = ?",
		       "tt", peer, hex);
	bool found = df_sql_row(j, st);

	*o = (struct df_row_outgoing){0};
	if (found) {
		df_str_fmt(o->peer, sizeof o->peer, "%s", peer);
		df_str_fmt(o->hex, sizeof o->hex, "%s", hex);
		df_col_id(st, 0, &o->object);
		df_col_text(st, 1, o->sender, sizeof o->sender);
		o->report = COL(st, 2) != 0;
		o->skip = (uint64_t)COL(st, 3);
		o->size = (uint64_t)COL(st, 4);
		found = header == NULL || df_col_blob(st, 5, header);
	}
	df_sql_done(st);
	return found;
}

void df_journal_outgoing_forget(struct df_journal *j, int64_t before_ms)
{
	if (df_sql_any(j, df_sql(j, "SELECT 1 FROM outgoing WHERE made < ?",
				 "i", before_ms)))
		df_sql_run(j, "DELETE FROM outgoing WHERE made < ?", "i",
			   before_ms);
}
