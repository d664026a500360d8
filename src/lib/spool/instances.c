/* instances.c - rows of objects and instances. */
#include <stdio.h>
#include <string.h>

#include "sql.h"

#define ADD_OBJECT "INSERT OR REPLACE INTO objects VALUES(?,?,?,?,?)"

void df_journal_object_add(struct df_journal *j, const struct df_id *id,
			   enum df_env_kind kind, uint64_t dfenv_len,
			   uint64_t bytes, int64_t created_ms)
{
	df_sql_run(j, ADD_OBJECT, "tiiii", id->s, (int64_t)kind,
		   (int64_t)dfenv_len, (int64_t)bytes, created_ms);
}

bool df_journal_object_has(struct df_journal *j, const struct df_id *id)
{
	return df_sql_any(
		j, df_sql(j, "SELECT 1 FROM objects WHERE id = ?", "t", id->s));
}

bool df_sql_names(struct df_journal *j, const struct df_id *id)
{
	return df_sql_any(
		j, df_sql(j,
			  "SELECT 1 FROM instances WHERE object = ?1 UNION ALL"
			  " SELECT 1 FROM parcels WHERE object = ?1 UNION ALL"
			  " SELECT 1 FROM reports WHERE object = ?1 LIMIT 1",
			  "t", id->s));
}

void df_journal_object_drop(struct df_journal *j, const struct df_id *id)
{
	df_sql_run(j, "DELETE FROM objects WHERE id = ?", "t", id->s);
}

typedef void write_fn(struct df_journal *j, const char *sql, const char *types,
		      ...);

static void add(struct df_journal *j, write_fn *write,
		const struct df_row_instance *r)
{
	write(j,
	      "INSERT INTO instances(peer, sop, class, ts, study, series,"
	      " size, digest, assoc, calling, received, state, object,"
	      " in_parcel, record, coding, coded, indexed, deaths, parcel,"
	      " report, reason)"
	      " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	      "ttttitidttiitiitiiiiit", r->peer, r->sop_instance, r->sop_class,
	      r->transfer_syntax, r->study, r->series, (int64_t)r->size_bytes,
	      &r->digest, r->association.s, r->calling, r->received_ms,
	      (int64_t)r->state, r->object.s, (int64_t)r->in_parcel,
	      (int64_t)r->record, r->coding, (int64_t)r->coded_bytes,
	      (int64_t)r->indexed, (int64_t)r->deaths, r->parcel,
	      (int64_t)r->report, r->reason);
}

int64_t df_journal_instance_add(struct df_journal *j,
				const struct df_row_instance *r)
{
	add(j, df_sql_run, r);
	return df_sql_last(j);
}

void df_journal_arrival_note(struct df_journal *j,
			     const struct df_row_instance *r,
			     uint64_t dfenv_len, uint64_t bytes)
{
	df_sql_note(j, ADD_OBJECT, "tiiii", r->object.s, (int64_t)DF_ENV_RAW,
		    (int64_t)dfenv_len, (int64_t)bytes, r->received_ms);
	add(j, df_sql_note, r);
}

#define SELECT_INSTANCE                                                  \
	"SELECT i.n, peer, sop, class, ts, study, series, size, digest," \
	" assoc, calling, received, state, object, in_parcel, record,"   \
	" coding, coded, indexed, deaths, parcel, report, reason,"       \
	" (SELECT dfenv FROM objects WHERE id = i.object)"               \
	" FROM instances i "

static void row_read(sqlite3_stmt *st, struct df_row_instance *r)
{
	*r = (struct df_row_instance){.n = COL(st, 0)};
	df_col_text(st, 1, r->peer, sizeof r->peer);
	df_col_text(st, 2, r->sop_instance, sizeof r->sop_instance);
	df_col_text(st, 3, r->sop_class, sizeof r->sop_class);
	df_col_text(st, 4, r->transfer_syntax, sizeof r->transfer_syntax);
	r->study = COL(st, 5);
	df_col_text(st, 6, r->series, sizeof r->series);
	r->size_bytes = (uint64_t)COL(st, 7);
	df_col_digest(st, 8, &r->digest);
	df_col_id(st, 9, &r->association);
	df_col_text(st, 10, r->calling, sizeof r->calling);
	r->received_ms = COL(st, 11);
	r->state = (enum df_instance_state)COL(st, 12);
	df_col_id(st, 13, &r->object);
	r->in_parcel = COL(st, 14) != 0;
	r->record = (uint64_t)COL(st, 15);
	df_col_text(st, 16, r->coding, sizeof r->coding);
	r->coded_bytes = (uint64_t)COL(st, 17);
	r->indexed = COL(st, 18) != 0;
	r->deaths = (uint32_t)COL(st, 19);
	r->parcel = COL(st, 20);
	r->report = (uint32_t)COL(st, 21);
	df_col_text(st, 22, r->reason, sizeof r->reason);
	r->dfenv_len = (uint64_t)COL(st, 23);
}

bool df_journal_instance(struct df_journal *j, int64_t n,
			 struct df_row_instance *r)
{
	sqlite3_stmt *st = df_sql(j, SELECT_INSTANCE "WHERE i.n = ?", "i", n);
	bool found = df_sql_row(j, st);

	if (found)
		row_read(st, r);
	df_sql_done(st);
	return found;
}

bool df_journal_instance_find(struct df_journal *j, const char *peer,
			      const char *sop_instance,
			      const struct df_digest *digest,
			      struct df_row_instance *r)
{
	struct df_row_instance look;
	bool found = false;
	sqlite3_stmt *st =
		df_sql(j,
		       SELECT_INSTANCE "WHERE sop = ? AND peer = ?"
				       " AND state NOT IN (3, 5) ORDER BY i.n",
		       "tt", sop_instance, peer);

	while (!found && df_sql_row(j, st)) {
		row_read(st, &look);
		found = digest == NULL || df_digest_same(digest, &look.digest);
	}
	df_sql_done(st);
	if (found && r != NULL)
		*r = look;
	return found;
}

size_t df_journal_instances(struct df_journal *j, enum df_instances_of which,
			    int64_t key, struct df_row_instance *rows,
			    size_t max)
{
	static const char *const sql[] = {
		[DF_OF_UNINSPECTED] = SELECT_INSTANCE
		"WHERE state = 0 AND i.n > ? ORDER BY i.n LIMIT ?",
		[DF_OF_UNINDEXED] = SELECT_INSTANCE
		"WHERE indexed = 0 AND state IN (1, 2) AND i.n > ?"
		" ORDER BY i.n LIMIT ?",
		[DF_OF_TO_PACK] = SELECT_INSTANCE
		"WHERE state = 1 AND peer = '' AND study = ? AND parcel = 0"
		" ORDER BY i.n LIMIT ?",
		[DF_OF_STUDY] =
			SELECT_INSTANCE "WHERE study = ? ORDER BY i.n LIMIT ?",
		[DF_OF_PARCEL] = SELECT_INSTANCE
		"WHERE parcel > 0 AND parcel = ? ORDER BY i.n LIMIT ?",
		[DF_OF_TO_REPORT] = SELECT_INSTANCE
		"WHERE report = 1 AND i.n > ? ORDER BY i.n LIMIT ?",
		[DF_OF_QUARANTINED] = SELECT_INSTANCE
		"WHERE state = 3 AND i.n > ? ORDER BY i.n LIMIT ?",
	};
	sqlite3_stmt *st = df_sql(j, sql[which], "ii", key, (int64_t)max);
	size_t n = 0;

	while (n < max && df_sql_row(j, st))
		row_read(st, &rows[n++]);
	df_sql_done(st);
	return n;
}

void df_journal_extra_add(struct df_journal *j, int64_t instance,
			  const struct df_id *association, int64_t now_ms)
{
	df_sql_note(j, "INSERT INTO extras VALUES(?,?,?)", "iti", instance,
		    association->s, now_ms);
}

uint32_t df_journal_instance_dispatch(struct df_journal *j, int64_t n)
{
	sqlite3_stmt *st =
		df_sql(j, "SELECT deaths FROM instances WHERE n = ?", "i", n);
	bool found = df_sql_row(j, st);
	uint32_t deaths = found ? (uint32_t)COL(st, 0) : 0;

	df_sql_done(st);
	if (!found)
		return 0;
	/* the first try of what has just come need not be durable: should all
	 * of us die of it, the next life counts from its first try */
	(deaths > 0 || df_sql_is_old(j, n) ? df_sql_run : df_sql_note)(
		j, "UPDATE instances SET deaths = deaths + 1 WHERE n = ?", "i",
		n);
	return deaths;
}

void df_journal_instance_blame(struct df_journal *j, int64_t n, int32_t weight)
{
	df_sql_run(j,
		   "UPDATE instances SET deaths = max(deaths + ?, 0)"
		   " WHERE n = ? AND state IN (0, 1)",
		   "ii", (int64_t)weight, n);
}

void df_journal_instance_settle(struct df_journal *j, int64_t n,
				enum df_instance_state state, int64_t study,
				const char *series, uint32_t report,
				const char *reason)
{
	/* what was understood is understood again; a judgement stays */
	(state == DF_INSTANCE_INSPECTED ? df_sql_note : df_sql_run)(
		j,
		"UPDATE instances SET deaths = 0, state = ?, study = ?,"
		" series = ?, report = max(report, ?), reason = ?"
		" WHERE n = ?",
		"iititi", (int64_t)state, study, series, (int64_t)report,
		reason, n);
}

void df_journal_instance_indexed(struct df_journal *j, int64_t n)
{
	df_sql_note(j, "UPDATE instances SET indexed = 1 WHERE n = ?", "i", n);
}

void df_journal_instance_reporting(struct df_journal *j, int64_t n,
				   enum df_row_reporting to, const char *reason)
{
	df_sql_run(j, "UPDATE instances SET report = ?, reason = ? WHERE n = ?",
		   "iti", (int64_t)to, reason, n);
}

bool df_journal_reports_wake(struct df_journal *j)
{
	sqlite3_stmt *st = df_sql(
		j, "SELECT 1 FROM instances WHERE report = 3 LIMIT 1", "");
	bool any = df_sql_row(j, st);

	df_sql_done(st);
	if (any)
		df_sql_run(j,
			   "UPDATE instances SET report = 1, reason = ''"
			   " WHERE report = 3 AND EXISTS"
			   " (SELECT 1 FROM studies o JOIN studies c"
			   " ON c.uid = o.uid AND c.peer <> ''"
			   " WHERE o.n = instances.study)",
			   "");
	return any;
}

void df_journal_instance_in(struct df_journal *j, int64_t n, int64_t parcel,
			    uint64_t record, const char *coding,
			    uint64_t coded_bytes)
{
	df_sql_run(j,
		   "UPDATE instances SET parcel = ?, record = ?, coding = ?,"
		   " coded = ?, deaths = 0 WHERE n = ?",
		   "iitii", parcel, (int64_t)record, coding,
		   (int64_t)coded_bytes, n);
}

void df_journal_parcel_undo(struct df_journal *j, int64_t parcel)
{
	df_sql_run(j,
		   "UPDATE instances SET parcel = 0 WHERE parcel = ? AND"
		   " parcel > 0 AND in_parcel = 0",
		   "i", parcel);
}

void df_journal_instance_packed(struct df_journal *j, int64_t n, int64_t parcel,
				const struct df_id *object, uint64_t record,
				const char *coding, uint64_t coded_bytes)
{
	df_sql_run(j,
		   "UPDATE instances SET state = 2, parcel = ?, object = ?,"
		   " in_parcel = 1, record = ?, coding = ?, coded = ?,"
		   " deaths = 0 WHERE n = ?",
		   "ititii", parcel, object->s, (int64_t)record, coding,
		   (int64_t)coded_bytes, n);
}

void df_journal_instance_unpacked(struct df_journal *j, int64_t n,
				  const struct df_id *object)
{
	df_sql_run(j,
		   "UPDATE instances SET state = 1, parcel = 0, object = ?,"
		   " in_parcel = 0, record = 0 WHERE n = ?",
		   "ti", object->s, n);
}

int64_t df_journal_oldest_uninspected(struct df_journal *j)
{
	sqlite3_stmt *st =
		df_sql(j,
		       "SELECT received FROM instances WHERE state = 0"
		       " ORDER BY n LIMIT 1",
		       "");
	int64_t ms = df_sql_row(j, st) ? COL(st, 0) : INT64_MAX;

	df_sql_done(st);
	return ms;
}

bool df_journal_study_from(struct df_journal *j, int64_t study,
			   const struct df_id *association)
{
	sqlite3_stmt *st = df_sql(
		j, "SELECT 1 FROM instances WHERE study = ? AND assoc = ?",
		"it", study, association->s);
	bool found = df_sql_row(j, st);

	df_sql_done(st);
	return found;
}
