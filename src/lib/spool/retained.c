/*
 * retained.c - studies in the order in which they may be let go, and letting
 * go of one. The table `retained` holds no more than since when a study is
 * confirmed and how much of it may go; what it says is judged again before
 * anything goes.
 */
#include "purge_facts.h"

#define SCAN_RANGE 512 /* rows of studies that one step may walk over */

void df_journal_retained(struct df_journal *j, int64_t study,
			 struct df_row_retained *r)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT confirmed, bytes, purged,"
				  " purged_bytes FROM retained WHERE study = ?",
				  "i", study);

	*r = (struct df_row_retained){0};
	if (df_sql_row(j, st))
		*r = (struct df_row_retained){
			.confirmed_ms = COL(st, 0),
			.bytes = (uint64_t)COL(st, 1),
			.purged_ms = COL(st, 2),
			.purged_bytes = (uint64_t)COL(st, 3),
		};
	df_sql_done(st);
}

static void put(struct df_journal *j, int64_t study,
		const struct df_row_retained *r)
{
	/* a note: what is confirmed is found to be so again */
	df_sql_note(j, "INSERT OR REPLACE INTO retained VALUES(?,?,?,?,?)",
		    "iiiii", study, r->confirmed_ms, (int64_t)r->bytes,
		    r->purged_ms, (int64_t)r->purged_bytes);
}

static uint64_t bytes_of(struct df_journal *j, const struct df_id *object)
{
	sqlite3_stmt *st = df_sql(j, "SELECT bytes FROM objects WHERE id = ?",
				  "t", object->s);
	uint64_t bytes = df_sql_row(j, st) ? (uint64_t)COL(st, 0) : 0;

	df_sql_done(st);
	return bytes;
}

/* --- since when --- */

/* Quick: somebody who is configured has not confirmed something. */
static bool is_waiting(struct df_journal *j, const struct df_purge *p,
		       int64_t study)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT DISTINCT kind, dest FROM deliveries d"
				  " WHERE study = ? AND state <> 5 AND"
				  " iif(kind = 2, EXISTS (SELECT 1 FROM"
				  "  instances i WHERE i.n = d.item AND"
				  "  i.state IN (1, 2)), EXISTS (SELECT 1 FROM"
				  "  instances i WHERE i.parcel = d.item AND"
				  "  i.parcel > 0 AND i.state IN (1, 2)))",
				  "i", study);
	bool waits = false;

	while (!waits && df_sql_row(j, st)) {
		char dest[DF_NAME_LEN + 1];

		df_col_text(st, 1, dest, sizeof dest);
		waits = COL(st, 0) == DF_DELIVER_PARCEL
				? df_config_peer(p->cfg, df_text_of(dest)) !=
					  NULL
				: df_config_destination(
					  p->cfg, df_text_of(dest)) != NULL;
	}
	df_sql_done(st);
	return waits;
}

static void note_one(struct df_journal *j, const struct df_purge *p,
		     int64_t study)
{
	struct df_retention_facts f;
	struct purge_study ps;
	uint64_t bytes = 0;

	if (is_waiting(j, p, study) || !df_purge_load(j, p, study, &ps))
		return;
	for (size_t at = 0; at < ps.n;) {
		size_t next = df_purge_object(j, p, &ps, at, &f);
		enum df_keep keep = p->judge(&f, &p->policy);

		if (keep == DF_KEEP_NOT || keep == DF_KEEP_YOUNG)
			bytes += bytes_of(j, &ps.v[at].object);
		at = next;
	}
	if (bytes > 0) {
		ps.retained.confirmed_ms = p->now_ms;
		ps.retained.bytes = bytes;
		put(j, study, &ps.retained);
	}
	df_purge_unload(&ps);
}

static int64_t last_study(struct df_journal *j)
{
	sqlite3_stmt *st = df_sql(j, "SELECT max(n) FROM studies", "");
	int64_t n = df_sql_row(j, st) ? COL(st, 0) : 0;

	df_sql_done(st);
	return n;
}

bool df_journal_releasable_scan(struct df_journal *j, const struct df_purge *p,
				int64_t *cursor, size_t max)
{
	int64_t found[64], end = *cursor + SCAN_RANGE;
	size_t n = 0;
	sqlite3_stmt *st;

	if (max > 64)
		max = 64;
	st = df_sql(j,
		    "SELECT n FROM studies s WHERE n > ? AND n <= ? AND"
		    " state = 1 AND"
		    " NOT EXISTS (SELECT 1 FROM retained WHERE study = s.n"
		    "  AND confirmed > 0) AND"
		    " (EXISTS (SELECT 1 FROM deliveries WHERE study = s.n"
		    "  AND state = 5) OR"
		    " EXISTS (SELECT 1 FROM parcels WHERE study = s.n"
		    "  AND direction = 3)) AND"
		    " EXISTS (SELECT 1 FROM instances WHERE study = s.n"
		    "  AND state IN (1, 2)) ORDER BY n LIMIT ?",
		    "iii", *cursor, end, (int64_t)max);
	while (n < max && df_sql_row(j, st))
		found[n++] = COL(st, 0);
	df_sql_done(st);
	for (size_t i = 0; i < n; i++)
		note_one(j, p, found[i]);
	if (n == max)
		end = found[n - 1];
	*cursor = end < last_study(j) ? end : 0;
	return *cursor > 0;
}

void df_journal_releasable(struct df_journal *j, struct df_releasable *r)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT sum(confirmed > 0),"
				  " sum(iif(confirmed > 0, bytes, 0)),"
				  " sum(purged > 0), sum(purged_bytes)"
				  " FROM retained",
				  "");

	*r = (struct df_releasable){0};
	if (df_sql_row(j, st))
		*r = (struct df_releasable){
			(uint64_t)COL(st, 0), (uint64_t)COL(st, 1),
			(uint64_t)COL(st, 2), (uint64_t)COL(st, 3)};
	df_sql_done(st);
}

/* --- letting go --- */

static int64_t longest(struct df_journal *j, const struct df_purge *p)
{
	const struct df_retention *policy = &p->policy;
	int64_t until = policy->keep_ms > 0 ? p->now_ms - policy->keep_ms : 0;
	sqlite3_stmt *st =
		df_sql(j,
		       "SELECT study FROM retained WHERE"
		       " confirmed > 0 AND confirmed <= ?"
		       " ORDER BY confirmed, study LIMIT 1",
		       "i", policy->short_of_space ? INT64_MAX : until);
	int64_t study = df_sql_row(j, st) ? COL(st, 0) : 0;

	df_sql_done(st);
	return study;
}

static void object_goes(struct df_journal *j, const struct df_id *object,
			int64_t parcel)
{
	df_journal_object_drop(j, object);
	if (parcel > 0)
		df_journal_parcel_state(j, parcel, DF_PARCEL_PURGED);
}

static void rows_go(struct df_journal *j, const struct purge_study *ps,
		    size_t at, size_t next, struct df_purged *out)
{
	for (size_t i = at; i < next; i++) {
		enum df_instance_state to =
			df_instance_next(ps->v[i].state, DF_INSTANCE_LET_GO);

		df_sql_run(j, "UPDATE instances SET state = ? WHERE n = ?",
			   "ii", (int64_t)to, ps->v[i].n);
	}
	out->objects++;
	out->instances += next - at;
	out->bytes += bytes_of(j, &ps->v[at].object);
	object_goes(j, &ps->v[at].object,
		    ps->v[at].in_parcel ? ps->v[at].parcel : 0);
}

/* Parcels in which nothing lives: all of it lived elsewhere too. */
static void empty_parcels_go(struct df_journal *j, int64_t study,
			     void (*gone)(void *ctx, const struct df_id *id),
			     void *ctx, struct df_purged *out)
{
	struct {
		int64_t n;
		struct df_id object;
	} found[16];
	size_t n = 0;
	sqlite3_stmt *st = df_sql(
		j,
		"SELECT n, object FROM parcels p WHERE study = ? AND state = 1"
		" AND NOT EXISTS (SELECT 1 FROM instances WHERE"
		" object = p.object AND state NOT IN (4, 5)) LIMIT 16",
		"i", study);

	while (n < 16 && df_sql_row(j, st)) {
		found[n].n = COL(st, 0);
		df_col_id(st, 1, &found[n++].object);
	}
	df_sql_done(st);
	for (size_t i = 0; i < n; i++) {
		out->objects++;
		out->bytes += bytes_of(j, &found[i].object);
		object_goes(j, &found[i].object, found[i].n);
		gone(ctx, &found[i].object);
	}
}

bool df_journal_purge(struct df_journal *j, const struct df_purge *p,
		      void (*gone)(void *ctx, const struct df_id *object),
		      void *ctx, struct df_purged *out)
{
	int64_t study = longest(j, p);
	struct df_retention_facts f;
	struct purge_study ps;
	bool all = true;

	*out = (struct df_purged){0};
	if (study == 0 || !df_purge_load(j, p, study, &ps))
		return false;
	/* what came after the word waits its own time */
	if (ps.study.last_ms > ps.retained.confirmed_ms)
		ps.retained.confirmed_ms = 0;
	for (size_t at = 0; at < ps.n;) {
		size_t next = df_purge_object(j, p, &ps, at, &f);

		if (p->judge(&f, &p->policy) == DF_KEEP_NOT) {
			rows_go(j, &ps, at, next, out);
			gone(ctx, &ps.v[at].object);
		} else {
			all = false;
		}
		at = next;
	}
	if (all)
		empty_parcels_go(j, study, gone, ctx, out);
	ps.retained.confirmed_ms = 0;
	ps.retained.bytes = 0;
	if (out->objects > 0) {
		ps.retained.purged_ms = p->now_ms;
		ps.retained.purged_bytes += out->bytes;
	}
	put(j, study, &ps.retained);
	out->study = ps.study;
	df_purge_unload(&ps);
	return true;
}
