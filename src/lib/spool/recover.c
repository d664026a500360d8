/*
 * recover.c - at start: bring the files and the journal together.
 *
 * The files are right. A whole object without a row is adopted (adopt.c;
 * parcels before raw objects, so that a raw object that a parcel replaced is
 * recognised); a row without its object is an alarm. What is
 * adopted is read, compared with its checksum and synced first: the life that
 * wrote it may have been killed before it did so. Files go only after the
 * commit, and only what another durable object stands for, or what was never
 * acknowledged: so every step can be done again.
 */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "df/damage.h"
#include "df/fetches.h"
#include "df/file.h"
#include "df/log.h"
#include "paths.h"
#include "recovery.h"

/*
 * It has no whole, matching end and no row names it, so it was never
 * acknowledged: but a journal that is new knows of nothing, and then it may be
 * a damaged object.
 */
static void unfinished(struct recovery *r, const struct df_id *id,
		       uint64_t bytes, const struct df_why *why)
{
	struct df_why mine = {0};

	if (!df_sql_names(r->j, id) && (bytes == 0 || !r->fresh)) {
		r->out->swept++;
		df_recovery_drop(r, id);
		return;
	}
	r->out->bad++;
	df_log(DF_LOG_ERROR, "spool.unreadable", DF_F_ID(id), DF_F_ERR(why));
	if (r->change && df_spool_set_aside(r->sp, id, &mine) != DF_OK)
		df_log(DF_LOG_ERROR, "spool.quarantine", DF_F_ERR(&mine));
}

static enum df_err envelope_of(const struct df_id *id, int fd,
			       struct df_envelope *env, uint64_t *dfenv_len,
			       struct df_why *why)
{
	enum df_err rc = df_spool_envelope(fd, env, dfenv_len, NULL, why);

	if (rc == DF_OK && strcmp(env->id.s, id->s) != 0) {
		df_envelope_release(env);
		rc = df_fail(why, DF_E_FORMAT, "it bears another's name");
	}
	return rc;
}

/* --- the files -------------------------------------------------------------------- */

static void keep_newcomer(struct recovery *r, const struct df_envelope *env)
{
	if (r->n_new == r->cap_new) {
		r->cap_new = r->cap_new ? 2 * r->cap_new : 64;
		r->new = df_xrealloc(r->new, r->cap_new * sizeof *r->new);
	}
	r->new[r->n_new++] = (struct newcomer){
		.id = env->id,
		.raw = env->kind == DF_ENV_RAW,
		.received_ms = env->received_ms,
	};
}

/* One with a row: a start is quick, a check reads every envelope once. */
static void look_at_known(struct recovery *r, const struct df_id *id,
			  enum df_err rc, const struct df_why *why)
{
	if (rc == DF_OK)
		return;
	r->out->bad++;
	df_log(DF_LOG_ERROR, "spool.unreadable", DF_F_ID(id), DF_F_ERR(why));
}

/* False: the disk cannot be read, or there is no memory, which proves nothing
 * about the file. */
static bool look(void *ctx, const struct df_id *id)
{
	struct recovery *r = ctx;
	struct df_envelope env = {0};
	struct df_why why = {0};
	uint64_t dfenv_len, bytes = 0;
	bool known = df_journal_object_has(r->j, id);
	int fd = -1;
	enum df_err rc;

	r->out->objects += known;
	if (known && r->change)
		return true;
	rc = df_spool_object(r->sp, id, &fd, &why);
	if (rc == DF_OK)
		rc = df_fd_size(fd, &bytes, &why);
	if (rc == DF_OK)
		rc = envelope_of(id, fd, &env, &dfenv_len, &why);
	df_fd_close(&fd);
	if (df_err_fate(rc) == DF_FATE_RETRY) {
		r->rc = rc;
		r->why = why;
	} else if (known) {
		look_at_known(r, id, rc, &why);
	} else if (rc != DF_OK) {
		unfinished(r, id, bytes, &why);
	} else {
		keep_newcomer(r, &env);
	}
	df_envelope_release(&env);
	return r->rc == DF_OK;
}

/* Parcels first; then in the order of arrival, so that who came first is the
 * first again. */
static int by_arrival(const void *x, const void *y)
{
	const struct newcomer *a = x, *b = y;

	if (a->raw != b->raw)
		return a->raw ? 1 : -1;
	if (a->received_ms != b->received_ms)
		return a->received_ms < b->received_ms ? -1 : 1;
	return strcmp(a->id.s, b->id.s);
}

/* The name of what is adopted: durable before its row is. */
static enum df_err sync_name(struct recovery *r, const struct df_id *id)
{
	enum df_err rc = DF_OK;

	if (strncmp(r->synced, id->s, 2) != 0) {
		rc = df_object_dir_sync(r->sp, id, &r->why);
		df_str_fmt(r->synced, sizeof r->synced, "%.2s", id->s);
	}
	return rc;
}

/* A journal that is new, and an object that says what it was: staff will see
 * its instances in quarantine. */
static void adopt_damaged(struct recovery *r, const struct df_envelope *env,
			  uint64_t dfenv_len, uint64_t bytes)
{
	struct df_damage found;
	struct df_why why = {0};

	r->out->bad++;
	df_log(DF_LOG_ERROR, "spool.damaged", DF_F_ID(&env->id));
	if (!r->change)
		return;
	df_recovery_adopt(r, env, dfenv_len, bytes);
	if (df_spool_condemn(r->sp, r->j, &env->id,
			     "does not match its checksum", &found,
			     &why) != DF_OK)
		df_log(DF_LOG_ERROR, "spool.quarantine", DF_F_ERR(&why));
}

static void adopt_one(struct recovery *r, const struct df_id *id)
{
	struct df_envelope env = {0};
	uint64_t dfenv_len, bytes;
	int fd = -1;
	enum df_err rc = df_spool_object(r->sp, id, &fd, &r->why);

	/* the life that wrote it may have failed to sync it: what counts is
	 * on the disk */
	if (rc == DF_OK && r->change)
		rc = df_fd_from_disk(fd, id->s, &r->why);
	if (rc == DF_OK)
		rc = df_fd_size(fd, &bytes, &r->why);
	if (rc == DF_OK)
		rc = envelope_of(id, fd, &env, &dfenv_len, &r->why);
	if (rc == DF_OK)
		rc = df_spool_content(fd, &env, dfenv_len, &r->why);
	if (rc == DF_OK) {
		r->out->objects++;
		if (r->change)
			rc = sync_name(r, id);
		if (rc == DF_OK)
			df_recovery_adopt(r, &env, dfenv_len, bytes);
	} else if (rc == DF_E_CORRUPT && r->fresh && env.id.s[0] != '\0') {
		adopt_damaged(r, &env, dfenv_len, bytes);
		rc = DF_OK;
	} else if (df_err_fate(rc) != DF_FATE_RETRY) {
		unfinished(r, id, bytes, &r->why);
		rc = DF_OK;
	}
	r->rc = rc;
	df_envelope_release(&env);
	df_fd_close(&fd);
}

static enum df_err look_at_files(struct recovery *r)
{
	enum df_err rc = df_spool_each(r->sp, look, r, &r->out->strangers,
				       &r->why);

	if (rc == DF_OK)
		rc = r->rc;
	if (rc == DF_OK && r->n_new > 1)
		qsort(r->new, r->n_new, sizeof *r->new, by_arrival);
	for (size_t i = 0; rc == DF_OK && i < r->n_new; i++) {
		adopt_one(r, &r->new[i].id);
		rc = r->rc;
	}
	return rc;
}

/* The rename into quarantine/ may be durable, and the row that says so not. */
static bool look_at_quarantined(void *ctx, const struct df_id *id)
{
	struct recovery *r = ctx;
	struct df_envelope env = {0};
	struct df_why why = {0};
	uint64_t dfenv_len, bytes = 0;
	int fd = -1;
	enum df_err rc;

	if (df_sql_names(r->j, id))
		return true;
	rc = df_spool_object(r->sp, id, &fd, &why);
	if (rc == DF_OK)
		rc = df_fd_size(fd, &bytes, &why);
	if (rc == DF_OK)
		rc = envelope_of(id, fd, &env, &dfenv_len, &why);
	df_fd_close(&fd);
	if (rc == DF_OK && env.kind == DF_ENV_RAW)
		df_recovery_quarantined(r, &env, dfenv_len, bytes);
	df_envelope_release(&env);
	return true;
}

/* Damaged, and a journal that is new: what its end still says of it. */
static bool look_at_damaged(void *ctx, const struct df_id *id)
{
	struct recovery *r = ctx;
	struct df_envelope env = {0};
	struct df_why why = {0};
	struct df_damage found;
	uint64_t dfenv_len, bytes = 0;
	int fd = -1;
	enum df_err rc;

	if (df_sql_names(r->j, id))
		return true;
	rc = df_spool_aside(r->sp, id, &fd, &why);
	if (rc == DF_OK)
		rc = df_fd_size(fd, &bytes, &why);
	if (rc == DF_OK)
		rc = envelope_of(id, fd, &env, &dfenv_len, &why);
	df_fd_close(&fd);
	if (rc == DF_OK && df_recovery_damaged(r, &env, dfenv_len, bytes))
		rc = df_spool_condemn(r->sp, r->j, id, "was found damaged",
				      &found, &why);
	df_envelope_release(&env);
	return true;
}

/* What nobody is to use; and of a new journal, what no object says. */
static enum df_err look_further(struct recovery *r)
{
	struct df_ledger_account a;
	uint64_t before = r->out->adopted;
	enum df_err rc = df_spool_each_quarantined(r->sp, look_at_quarantined,
						   r, &r->why);

	if (rc == DF_OK && r->out->adopted > before)
		rc = df_dir_sync(r->sp->quarantine, "quarantine", &r->why);
	if (rc == DF_OK && r->fresh)
		rc = df_spool_each_damaged(r->sp, look_at_damaged, r, &r->why);
	if (rc == DF_OK)
		rc = df_ledger_replay(r->sp, r->j, &a, &r->why);
	if (rc == DF_OK) {
		r->out->facts = a.facts;
		r->out->forgotten = a.damaged;
	}
	return rc;
}

/* Its row stands; the file is missing, or is not as long as it was. */
struct loss {
	struct df_id id;
	bool torn;
	bool aside; /* found damaged, and a cut took the rows that say so */
};

static void settle_loss(struct recovery *r, const struct loss *l)
{
	struct df_damage found;
	struct df_why why = {0};

	bool bad = l->torn || l->aside;

	df_log(DF_LOG_ERROR,
	       l->torn    ? "spool.object.torn"
	       : l->aside ? "spool.damaged"
			  : "spool.object.lost",
	       DF_F_ID(&l->id));
	r->out->bad += bad;
	r->out->lost += !bad;
	if (!r->change)
		return;
	if (bad) {
		if (df_spool_condemn(r->sp, r->j, &l->id,
				     l->torn ? "is not as long as it was"
					     : "was found damaged",
				     &found, &why) != DF_OK)
			df_log(DF_LOG_ERROR, "spool.quarantine",
			       DF_F_ERR(&why));
		return;
	}
	df_sql_run(r->j,
		   "UPDATE instances SET state = 3, reason = ?"
		   " WHERE object = ? AND state IN (0, 1, 2)",
		   "tt", LOST_REASON, l->id.s);
	df_sql_run(r->j, "UPDATE parcels SET state = 2 WHERE object = ?", "t",
		   l->id.s);
	df_journal_object_drop(r->j, &l->id);
}

/* Said aloud, never forgotten silently. */
static void find_lost(struct recovery *r)
{
	sqlite3_stmt *st = df_sql(r->j, "SELECT id, bytes FROM objects", "");
	struct loss *all = NULL;
	size_t n = 0;

	while (df_sql_row(r->j, st)) {
		struct loss l = {.torn = false, .aside = false};
		uint64_t bytes = 0;
		int fd = -1;
		enum df_err rc;

		df_col_id(st, 0, &l.id);
		rc = df_spool_object(r->sp, &l.id, &fd, &r->why);
		if (rc == DF_OK)
			rc = df_fd_size(fd, &bytes, &r->why);
		df_fd_close(&fd);
		if (rc != DF_OK && rc != DF_E_NOTFOUND)
			r->rc = rc; /* a disk that fails loses nothing yet */
		l.torn = rc == DF_OK && bytes != (uint64_t)COL(st, 1);
		l.aside = rc == DF_E_NOTFOUND &&
			  df_spool_aside(r->sp, &l.id, &fd, NULL) == DF_OK;
		df_fd_close(&fd);
		if (rc != DF_E_NOTFOUND && !l.torn)
			continue;
		all = df_xrealloc(all, (n + 1) * sizeof *all);
		all[n++] = l;
	}
	for (size_t i = 0; r->rc == DF_OK && i < n; i++)
		settle_loss(r, &all[i]);
	free(all);
}

static bool incoming_one(void *ctx, const struct df_id *id)
{
	struct recovery *r = ctx;

	if (df_journal_upload_file(r->j, id) ||
	    df_journal_pull_file(r->j, id) || df_journal_fetch_file(r->j, id))
		return true;
	r->out->swept++;
	if (r->change)
		df_incoming_drop(r->sp, id);
	return true;
}

/* An upload is as long as its file; one that became an object is over. */
static void check_uploads(struct recovery *r)
{
	sqlite3_stmt *st = df_sql(
		r->j, "SELECT hex, peer FROM uploads WHERE state < 2", "");
	struct {
		char hex[33], peer[65];
	} *all = NULL;
	size_t n = 0;

	while (df_sql_row(r->j, st)) {
		all = df_xrealloc(all, (n + 1) * sizeof *all);
		df_col_text(st, 0, all[n].hex, sizeof all[n].hex);
		df_col_text(st, 1, all[n].peer, sizeof all[n].peer);
		n++;
	}
	for (size_t i = 0; i < n; i++) {
		struct df_row_upload u;
		struct df_row_parcel p;
		struct df_row_report rep;
		uint64_t size = 0;
		int fd = -1;

		if (!df_journal_upload(r->j, all[i].hex, all[i].peer, &u))
			continue;
		if ((df_journal_parcel_find(r->j, u.hex, &p) &&
		     p.state != DF_PARCEL_BAD) || /* lost: it comes again */
		    df_journal_report_find(r->j, u.hex, &rep)) {
			df_journal_upload_drop(r->j, u.hex, u.peer);
			continue;
		}
		if (u.file.s[0] != '\0' &&
		    df_incoming_open(r->sp, &u.file, &fd, NULL) == DF_OK &&
		    df_fd_size(fd, &size, NULL) == DF_OK && size >= u.offset) {
			df_fd_close(&fd);
			continue;
		}
		df_fd_close(&fd);
		u.offset = 0;
		u.file.s[0] = '\0';
		u.state = DF_UPLOAD_RECEIVING;
		df_journal_upload_put(r->j, &u, r->now_ms);
	}
	free(all);
}

static void check_pulls(struct recovery *r)
{
	sqlite3_stmt *st =
		df_sql(r->j, "SELECT dest FROM pulls WHERE hex <> ''", "");
	char(*all)[121] = NULL;
	size_t n = 0;

	while (df_sql_row(r->j, st)) {
		all = df_xrealloc(all, (n + 1) * sizeof *all);
		df_col_text(st, 0, all[n++], sizeof *all);
	}
	for (size_t i = 0; i < n; i++) {
		struct df_row_pull p;
		struct df_row_report rep;
		uint64_t size = 0;
		int fd = -1;

		df_journal_pull(r->j, all[i], &p);
		if (df_journal_report_find(r->j, p.hex, &rep)) {
			p.cursor = p.next_cursor;
			p.hex[0] = '\0';
		} else if (df_incoming_open(r->sp, &p.file, &fd, NULL) ==
				   DF_OK &&
			   df_fd_size(fd, &size, NULL) == DF_OK &&
			   size >= p.offset) {
			df_fd_close(&fd);
			continue;
		}
		df_fd_close(&fd);
		p.offset = 0;
		p.file.s[0] = '\0';
		df_journal_pull_put(r->j, &p);
	}
	free(all);
}

/* One whose file became an object, or is shorter than it was, looks anew what
 * is still to come. */
static void check_fetches(struct recovery *r)
{
	struct df_row_fetch f;
	int64_t after = 0;

	while (df_journal_fetch_in_hand(r->j, after, &f)) {
		uint64_t size = 0;
		int fd = -1;

		after = f.n;
		if (df_incoming_open(r->sp, &f.file, &fd, NULL) != DF_OK ||
		    df_fd_size(fd, &size, NULL) != DF_OK || size < f.offset) {
			f.file.s[0] = f.hex[0] = '\0';
			f.size = f.offset = 0;
			df_journal_fetch_put(r->j, &f);
		}
		df_fd_close(&fd);
	}
}

static enum df_err recover(struct recovery *r)
{
	struct df_spool *sp = r->sp;
	enum df_err rc;

	r->fresh = df_sql_is_fresh(r->j);
	rc = look_at_files(r);
	if (rc == DF_OK && r->change)
		rc = look_further(r);
	if (rc != DF_OK)
		return rc;
	find_lost(r);
	if (r->rc != DF_OK)
		return r->rc;
	if (r->change) {
		check_uploads(r);
		check_pulls(r);
		check_fetches(r);
		(void)df_journal_deliveries_move(r->j, "", 0, 0,
						 DF_DELIVERY_LOST); /* count */
		df_sql_in_use(r->j);
	}
	rc = df_spool_each_incoming(sp, incoming_one, r, &r->why);
	if (rc == DF_OK)
		rc = df_journal_commit(r->j, &r->why);
	for (size_t i = 0; rc == DF_OK && r->change && i < r->n_gone; i++)
		df_spool_remove(sp, &r->gone[i]);
	return rc;
}

enum df_err df_spool_recover(struct df_spool *sp, struct df_journal *j,
			     bool change, int64_t now_ms,
			     struct df_recovery *out, struct df_why *why)
{
	struct recovery r = {.sp = sp,
			     .j = j,
			     .out = out,
			     .change = change,
			     .now_ms = now_ms};
	enum df_err rc;

	*out = (struct df_recovery){0};
	rc = recover(&r);
	if (rc != DF_OK && why != NULL)
		*why = r.why;
	free(r.gone);
	free(r.new);
	return rc;
}
