/*
 * rebirth.c - state.db as it is taken up, and its second self beside the
 * objects.
 *
 * A page that does not match its checksum is never read as something else. The
 * whole file then steps aside (nothing is deleted), and a new one is made from
 * the objects and the ledger: what was settled stands there, what was under
 * way is found again. That is said in the log and in `status`; nobody has to
 * do anything for it.
 */
#include <fcntl.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"
#include "df/sys.h"
#include "queue.h"

#define DATABASE "state.db"
#define LEDGER_TICKS 5 /* of TICK_MS, between two looks at the ledger */
#define LEDGER_REST_MS 120000 /* after a failure: a full disk stays so */

static enum df_err take_up(struct queue *q, struct df_why *why)
{
	struct df_recovery rec;
	int64_t begun = df_clock_mono_ms();
	enum df_err rc = df_journal_open(&q->j, DATABASE, why);

	if (rc == DF_OK)
		rc = df_spool_recover(&q->sp, q->j, true, df_clock_wall_ms(),
				      &rec, why);
	if (rc != DF_OK)
		return rc;
	df_log(rec.lost + rec.bad > 0 ? DF_LOG_ERROR : DF_LOG_INFO,
	       "spool.recovered", DF_F_NUM("objects", rec.objects),
	       DF_F_NUM("adopted", rec.adopted), DF_F_NUM("lost", rec.lost),
	       DF_F_NUM("unreadable", rec.bad), DF_F_NUM("swept", rec.swept),
	       DF_F_NUM("dropped", rec.dropped), DF_F_NUM("facts", rec.facts),
	       DF_F_MS(df_clock_mono_ms() - begun));
	return DF_OK;
}

void journal_aside(struct queue *q, const struct df_why *what)
{
	struct df_why why = {0};

	(void)q; /* its descriptors stay on the file, under whatever name */
	df_log(DF_LOG_ERROR, "journal.damaged", DF_F_ERR(what));
	if (df_journal_aside(AT_FDCWD, DATABASE, &why) != DF_OK)
		df_log(DF_LOG_ERROR, "journal.aside", DF_F_ERR(&why));
}

enum df_err journal_start(struct queue *q, struct df_why *why)
{
	struct df_why first = {0};
	enum df_err rc = take_up(q, &first);

	if (rc != DF_E_CORRUPT) {
		if (rc != DF_OK && why != NULL)
			*why = first;
		return rc;
	}
	df_journal_close(q->j);
	q->j = NULL;
	journal_aside(q, &first);
	return take_up(q, why);
}

static void commit_all(struct queue *q)
{
	struct df_why why = {0};

	df_journal_firm(q->j);
	if (df_journal_commit(q->j, &why) != DF_OK)
		df_log(DF_LOG_WARN, "journal.commit", DF_F_ERR(&why));
}

/* index began with nothing: it is told everything again. The mark goes after
 * the commit. */
static void index_look(struct queue *q)
{
	struct stat st;
	struct df_why why = {0};
	uint64_t n;

	if (df_sys.fstatat(AT_FDCWD, DF_INDEX_NEW, &st, AT_SYMLINK_NOFOLLOW) <
	    0)
		return;
	n = df_journal_index_forget(q->j);
	df_journal_firm(q->j);
	if (df_journal_commit(q->j, &why) != DF_OK ||
	    df_file_remove(AT_FDCWD, DF_INDEX_NEW, &why) != DF_OK) {
		df_log(DF_LOG_WARN, "index.new", DF_F_ERR(&why));
		return;
	}
	df_log(n > 0 ? DF_LOG_WARN : DF_LOG_INFO, "index.new",
	       DF_F_NUM("told_again", n));
	q->facts.last_parcel = 0;
	facts_start(q);
}

void ledger_look(struct queue *q, bool now)
{
	static int64_t rest_until; /* df_clock_mono_ms */
	static unsigned failures;  /* in a row */
	struct df_why why = {0};

	if (now) /* at the end: notes too */
		commit_all(q);
	if (!df_journal_at_rest(q->j) || (q->ledger_ticks < LEDGER_TICKS && !now))
		return;
	q->ledger_ticks = 0;
	index_look(q);
	if (df_clock_mono_ms() < rest_until && !now)
		return;
	if (df_ledger_flush(&q->sp, q->j, &why) != DF_OK) {
		df_log(DF_LOG_WARN, "ledger.delayed", DF_F_ERR(&why));
		if (failures++ > 0) /* not when it is to be written anew */
			rest_until = df_clock_mono_ms() + LEDGER_REST_MS;
	} else {
		failures = 0;
	}
	if (now)
		commit_all(q);
}
