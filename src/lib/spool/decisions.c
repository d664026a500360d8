/* decisions.c - what a person decided about an instance. See df/decision.h. */
#include <string.h>

#include "df/decision.h"
#include "df/file.h"
#include "paths.h"
#include "sql.h"

#define READ_AT_ONCE (64u << 20)

static void decide(struct df_journal *j, int64_t instance,
		   const struct df_row_decision *d, enum df_decision what)
{
	df_sql_run(j,
		   "INSERT INTO decisions(instance, at, what, who, reason)"
		   " VALUES(?,?,?,?,?)",
		   "iiitt", instance, d->at_ms, (int64_t)what, d->who,
		   d->reason);
}

size_t df_journal_decisions(struct df_journal *j, int64_t instance,
			    struct df_row_decision *rows, size_t max)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT at, what, who, reason FROM decisions"
				  " WHERE instance = ? ORDER BY n LIMIT ?",
				  "ii", instance, (int64_t)max);
	size_t n = 0;

	while (n < max && df_sql_row(j, st)) {
		struct df_row_decision *d = &rows[n++];

		*d = (struct df_row_decision){
			.at_ms = COL(st, 0),
			.what = (enum df_decision)COL(st, 1)};
		df_col_text(st, 2, d->who, sizeof d->who);
		df_col_text(st, 3, d->reason, sizeof d->reason);
	}
	df_sql_done(st);
	return n;
}

bool df_journal_is_released(struct df_journal *j, int64_t instance)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT what FROM decisions WHERE"
				  " instance = ? ORDER BY n DESC LIMIT 1",
				  "i", instance);
	bool yes = df_sql_row(j, st) && COL(st, 0) == DF_DECIDED_RELEASE;

	df_sql_done(st);
	return yes;
}

uint64_t df_journal_extras(struct df_journal *j, int64_t instance)
{
	sqlite3_stmt *st =
		df_sql(j, "SELECT count(*) FROM extras WHERE instance = ?", "i",
		       instance);
	uint64_t n = df_sql_row(j, st) ? (uint64_t)COL(st, 0) : 0;

	df_sql_done(st);
	return n;
}

/* --- finding --- */

static size_t rows_of(struct df_journal *j, sqlite3_stmt *st,
		      struct df_row_instance *rows, size_t max)
{
	int64_t found[256];
	size_t n = 0, k = 0;

	if (max > 256)
		max = 256;
	while (n < max && df_sql_row(j, st))
		found[n++] = COL(st, 0);
	df_sql_done(st);
	for (size_t i = 0; i < n; i++)
		k += df_journal_instance(j, found[i], &rows[k]);
	return k;
}

size_t df_journal_quarantined_list(struct df_journal *j, int64_t after,
				   struct df_row_instance *rows, size_t max)
{
	return rows_of(j,
		       df_sql(j,
			      "SELECT n FROM instances WHERE state = 3 AND"
			      " n > ?1 UNION SELECT n FROM instances WHERE"
			      " report = 4 AND n > ?1 ORDER BY n LIMIT ?2",
			      "ii", after, (int64_t)max),
		       rows, max);
}

/* Several may live in one parcel: then the row number tells them apart. */
bool df_journal_quarantined_find(struct df_journal *j, const char *id,
				 struct df_row_instance *r)
{
	struct df_row_instance two[2];
	char object[DF_ID_LEN + 1];
	const char *dot = strchr(id, '.');
	uint64_t row = 0;
	size_t n;

	if (dot == NULL)
		dot = id + strlen(id);
	else if (!df_text_u64(df_text_of(dot + 1), &row))
		return false;
	if (df_str_copy(object, sizeof object,
			(struct df_text){id, (size_t)(dot - id)}) != DF_OK)
		return false;
	n = rows_of(j,
		    df_sql(j,
			   "SELECT n FROM instances WHERE object = ?1 AND"
			   " (?2 = 0 OR n = ?2) AND (state = 3 OR report = 4)"
			   " LIMIT 2",
			   "ti", object, (int64_t)row),
		    two, 2);
	if (n == 1)
		*r = two[0];
	return n == 1;
}

bool df_journal_standing(struct df_journal *j, const struct df_row_instance *r,
			 struct df_row_instance *standing)
{
	return df_journal_instance_find(j, r->peer, r->sop_instance, NULL,
					standing) &&
	       standing->n != r->n;
}

/*
 * The queue's loop waits while a file is read: so what was found whole last is
 * believed (all of a parcel lives in one file), and a large raw one is not read
 * at all: then a second copy of it is kept.
 */
static bool is_copy(struct df_journal *j, const struct df_spool *sp,
		    const struct df_row_instance *r)
{
	struct df_id *last = df_sql_whole(j);

	if (strcmp(last->s, r->object.s) == 0)
		return true;
	if ((!r->in_parcel && r->size_bytes > READ_AT_ONCE) ||
	    df_spool_whole(sp, &r->object, NULL) != DF_OK)
		return false;
	*last = r->object;
	return true;
}

bool df_journal_known(struct df_journal *j, const struct df_spool *sp,
		      const char *peer, const char *sop_instance,
		      const struct df_digest *digest, struct df_row_instance *r)
{
	sqlite3_stmt *st;
	int64_t found[8];
	size_t n = 0;

	if (df_journal_instance_find(j, peer, sop_instance, digest, r))
		return true;
	st = df_sql(j,
		    "SELECT n FROM instances WHERE sop = ? AND peer = ?"
		    " AND state = 3 AND digest = ?",
		    "ttd", sop_instance, peer, digest);
	while (n < 8 && df_sql_row(j, st))
		found[n++] = COL(st, 0);
	df_sql_done(st);
	while (n > 0)
		if (df_journal_instance(j, found[--n], r) &&
		    is_copy(j, sp, r))
			return true;
	return false;
}

/* --- release --- */

/* What is not on its way yet need not go. */
static void cancel_deliveries(struct df_journal *j, int64_t instance)
{
	int64_t found[64];
	size_t n = 0;
	sqlite3_stmt *st = df_sql(j,
				  "SELECT n FROM deliveries WHERE kind = 2 AND"
				  " item = ? AND state IN (0, 2, 3) LIMIT 64",
				  "i", instance);

	while (n < 64 && df_sql_row(j, st))
		found[n++] = COL(st, 0);
	df_sql_done(st);
	for (size_t i = 0; i < n; i++)
		(void)df_journal_delivery_move(j, found[i], DF_DELIVERY_CANCEL,
					       0, DF_OK, NULL,
					       0); /* by state it can */
}

/* One stands under a UID: the other goes into quarantine in its place. */
static enum df_err set_aside(struct df_journal *j, struct df_spool *sp,
			     const struct df_row_instance *r,
			     const struct df_row_decision *d,
			     struct df_why *why)
{
	enum df_instance_state to;
	enum df_err rc = DF_OK;

	if (r->state == DF_INSTANCE_RECEIVED ||
	    (r->parcel > 0 && !r->in_parcel))
		return df_fail(why, DF_E_AGAIN,
			       "the one that stands under this UID is being "
			       "worked on; try again in a moment");
	if (!df_instance_may(r->state, DF_INSTANCE_SET_ASIDE, &to))
		return df_fail(why, DF_E_REFUSED,
			       "the one that stands under this UID is %s",
			       df_instance_state_name(r->state));
	if (to == DF_INSTANCE_QUARANTINED && !r->in_parcel)
		rc = df_spool_quarantine(sp, &r->object, why);
	if (rc != DF_OK)
		return rc;
	df_sql_run(j,
		   "UPDATE instances SET state = ?, reason = 'another instance"
		   " of this SOP Instance UID was released in its place'"
		   " WHERE n = ?",
		   "ii", (int64_t)to, r->n);
	cancel_deliveries(j, r->n);
	decide(j, r->n, d, DF_DECIDED_ASIDE);
	return DF_OK;
}

static enum df_err release_report(struct df_journal *j,
				  const struct df_row_instance *r,
				  const struct df_row_decision *d,
				  enum df_release *how)
{
	df_journal_instance_reporting(j, r->n, DF_REPORTING_DUE, "");
	decide(j, r->n, d, DF_DECIDED_RELEASE);
	*how = DF_RELEASE_REPORT;
	return DF_OK;
}

enum df_err df_journal_release(struct df_journal *j, struct df_spool *sp,
			       const struct df_row_instance *r,
			       const struct df_row_decision *d,
			       enum df_release *how, struct df_why *why)
{
	struct df_row_instance standing;
	enum df_instance_event event;
	enum df_instance_state to;
	enum df_err rc = DF_OK;

	if (r->report == DF_REPORTING_REFUSED &&
	    r->state != DF_INSTANCE_QUARANTINED)
		return release_report(j, r, d, how);
	event = r->in_parcel ? DF_INSTANCE_ACCEPT : DF_INSTANCE_JUDGE;
	if (!df_instance_may(r->state, event, &to))
		return df_fail(why, DF_E_REFUSED, "it is not in quarantine");
	rc = df_spool_whole(sp, &r->object, why);
	if (df_err_fate(rc) == DF_FATE_RETRY)
		return rc;
	if (rc != DF_OK)
		return df_fail(why, DF_E_NOTFOUND,
			       "its bytes are not here, or damaged; send it "
			       "again");
	if (!r->in_parcel) /* found in either place until its row says so */
		rc = df_spool_unquarantine(sp, &r->object, why);
	if (rc == DF_OK && df_journal_standing(j, r, &standing))
		rc = set_aside(j, sp, &standing, d, why);
	if (rc != DF_OK)
		return rc;
	df_sql_run(j,
		   "UPDATE instances SET state = ?, deaths = 0, indexed = 0,"
		   " reason = '' WHERE n = ?",
		   "ii", (int64_t)to, r->n);
	decide(j, r->n, d, DF_DECIDED_RELEASE);
	*how = r->in_parcel ? DF_RELEASE_PARCEL : DF_RELEASE_JUDGE;
	return DF_OK;
}

/* --- discard --- */

/* Another row, in use or in quarantine, lives in the same file. */
static bool is_shared(struct df_journal *j, const struct df_row_instance *r)
{
	return df_sql_any(j,
			  df_sql(j,
				 "SELECT 1 FROM instances WHERE object = ? AND"
				 " n <> ? AND state NOT IN (4, 5) LIMIT 1",
				 "ti", r->object.s, r->n));
}

enum df_err df_journal_discard(struct df_journal *j, struct df_spool *sp,
			       const struct df_row_instance *r,
			       const struct df_row_decision *d, bool *file,
			       struct df_why *why)
{
	enum df_instance_state to;
	bool shared = !r->in_parcel && is_shared(j, r);

	if (!df_instance_may(r->state, DF_INSTANCE_DISCARD, &to))
		return df_fail(why, DF_E_REFUSED,
			       "only what is in quarantine can be discarded");
	*file = !r->in_parcel && !shared;
	/* one that could not be packed still stands in objects/ */
	if (*file && df_spool_quarantine(sp, &r->object, why) != DF_OK)
		return why->err;
	/* a discarded row that named it would say that it may be removed */
	df_sql_run(j,
		   "UPDATE instances SET state = ?,"
		   " object = iif(?, '', object) WHERE n = ?",
		   "iii", (int64_t)to, (int64_t)shared, r->n);
	cancel_deliveries(j, r->n);
	if (*file)
		df_journal_object_drop(j, &r->object);
	decide(j, r->n, d, DF_DECIDED_DISCARD);
	df_sql_whole(j)->s[0] = '\0';
	return DF_OK;
}

void df_spool_discarded_sweep(struct df_spool *sp, struct df_journal *j)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT object FROM instances i WHERE"
				  " state = 5 AND in_parcel = 0 AND"
				  " object <> '' AND NOT EXISTS (SELECT 1 FROM"
				  "  instances WHERE object = i.object AND"
				  "  state NOT IN (4, 5))",
				  "");
	struct df_id id;

	while (df_sql_row(j, st)) {
		df_col_id(st, 0, &id);
		df_spool_discard(sp, &id);
	}
	df_sql_done(st);
}
