/*
 * recover.c - at start: bring the files and the journal together.
 *
 * The files are right. An object without a row is adopted from its envelope
 * (parcels before raw objects, so that a raw object that a parcel replaced is
 * recognised); a row without its object is an alarm. Every step can be done
 * again: nothing is removed but what another durable object stands for, and
 * files that were never acknowledged.
 */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "df/file.h"
#include "df/log.h"
#include "df/sys.h"
#include "sql.h"

#define LOST_REASON "'its object is missing from the spool'"

struct recovery {
	struct df_spool *sp;
	struct df_journal *j;
	struct df_recovery *out;
	bool change;
	bool raws; /* this pass adopts raw objects, else all others */
	int64_t now_ms;
	enum df_err rc;
	struct df_why why;
};

static void drop_file(struct recovery *r, const struct df_id *id)
{
	r->out->dropped++;
	if (r->change)
		df_spool_remove(r->sp, id);
}

static void instance_of(struct df_row_instance *row,
			const struct df_envelope *env,
			const struct df_env_instance *in, int64_t study,
			int64_t parcel)
{
	*row = (struct df_row_instance){
		.study = study,
		.size_bytes = in->size_bytes,
		.digest = in->digest,
		.received_ms = env->received_ms,
		.state = DF_INSTANCE_PACKED,
		.object = env->id,
		.in_parcel = true,
		.record = in->record_offset,
		.parcel = parcel,
	};
	if (env->direction == DF_ENV_TAKEN)
		memcpy(row->peer, env->peer, sizeof row->peer);
	memcpy(row->sop_instance, in->sop_instance, sizeof row->sop_instance);
	memcpy(row->sop_class, in->sop_class, sizeof row->sop_class);
	memcpy(row->transfer_syntax, in->transfer_syntax,
	       sizeof row->transfer_syntax);
	memcpy(row->series, in->series_uid, sizeof row->series);
	memcpy(row->coding, in->coding, sizeof row->coding);
	memcpy(row->calling, in->calling_ae, sizeof row->calling);
}

/* Near enough: up to the next record, or to the end of the parcel. */
static uint64_t coded_of(const struct df_envelope *env, size_t i,
			 uint64_t dfenv_len)
{
	uint64_t at = env->instances[i].record_offset;
	uint64_t end = i + 1 < env->n_instances
			       ? env->instances[i + 1].record_offset
			       : dfenv_len;

	return end > at ? end - at : 0;
}

static bool stands(const struct recovery *r, const struct df_id *object)
{
	int fd = -1;
	bool there = df_spool_object(r->sp, object, &fd, NULL) == DF_OK;

	df_fd_close(&fd);
	return there;
}

/* Is each instance of this parcel at home elsewhere, file and row? */
static bool all_elsewhere(const struct recovery *r,
			  const struct df_envelope *env)
{
	struct df_row_instance row;

	for (size_t i = 0; i < env->n_instances; i++)
		if (!df_journal_instance_find(
			    r->j, "", env->instances[i].sop_instance,
			    &env->instances[i].digest, &row) ||
		    !stands(r, &row.object))
			return false;
	return true;
}

static void adopt_instance(struct recovery *r,
			   const struct df_row_instance *row)
{
	struct df_row_instance old;

	if (!df_journal_instance_find(r->j, row->peer, row->sop_instance,
				      &row->digest, &old))
		(void)df_journal_instance_add(r->j, row); /* its n */
	else if (!stands(r, &old.object))
		df_journal_instance_packed(r->j, old.n, row->parcel,
					   &row->object, row->record,
					   row->coding, row->coded_bytes);
}

/*
 * A parcel of that name has a row. Its own file that was away is back; or a
 * second file, which must not stop us: the name is its maker's choice.
 */
static void parcel_again(struct recovery *r, const struct df_envelope *env,
			 const struct df_row_parcel *old, uint64_t dfenv_len,
			 uint64_t bytes)
{
	struct df_why why = {0};

	if (strcmp(old->object.s, env->id.s) != 0) {
		r->out->bad++;
		df_log(DF_LOG_ERROR, "spool.parcel.twice", DF_F_ID(&env->id));
		if (r->change &&
		    df_spool_quarantine(r->sp, &env->id, &why) != DF_OK)
			df_log(DF_LOG_ERROR, "spool.quarantine",
			       DF_F_ERR(&why));
		return;
	}
	r->out->adopted++;
	if (!r->change)
		return;
	df_journal_object_add(r->j, &env->id, DF_ENV_PARCEL, dfenv_len, bytes,
			      env->received_ms);
	df_journal_parcel_state(r->j, old->n,
				env->direction == DF_ENV_TAKEN
					? DF_PARCEL_READY
					: DF_PARCEL_UNVERIFIED);
	df_sql_run(r->j,
		   "UPDATE instances SET state = 2, reason = '', indexed = 0"
		   " WHERE object = ? AND state = 3 AND reason = " LOST_REASON,
		   "t", env->id.s);
}

static void adopt_parcel(struct recovery *r, const struct df_envelope *env,
			 uint64_t dfenv_len, uint64_t bytes)
{
	const char *peer = env->direction == DF_ENV_TAKEN ? env->peer : "";
	struct df_row_parcel old, p = {.object = env->id,
				       .direction = env->direction,
				       .epoch = env->epoch,
				       .sequence = env->sequence,
				       .h0 = env->h0,
				       .previous = env->previous,
				       .dfenv_len = dfenv_len,
				       .created_ms = env->received_ms};
	struct df_row_study s;
	int64_t n;

	df_hex_encode(p.hex, env->parcel_id, 16);
	if (df_journal_parcel_find(r->j, p.hex, &old)) {
		parcel_again(r, env, &old, dfenv_len, bytes);
		return;
	}
	/* made, but its rows were never written: it will be made again */
	if (env->direction == DF_ENV_MADE && all_elsewhere(r, env)) {
		drop_file(r, &env->id);
		return;
	}
	r->out->adopted++;
	if (!r->change)
		return;
	memcpy(p.peer, env->peer, sizeof p.peer);
	if (env->direction == DF_ENV_MADE)
		p.peer[0] = '\0';
	p.state = env->direction == DF_ENV_TAKEN ? DF_PARCEL_READY
						 : DF_PARCEL_UNVERIFIED;
	df_journal_study_touch(
		r->j, env->study_uid, peer,
		env->n_instances > 0 ? env->instances[0].calling_ae : "",
		env->received_ms, &s);
	p.study = s.n;
	df_journal_object_add(r->j, &env->id, DF_ENV_PARCEL, dfenv_len, bytes,
			      env->received_ms);
	n = df_journal_parcel_add(r->j, &p);
	for (size_t i = 0; i < env->n_instances; i++) {
		struct df_row_instance row;

		instance_of(&row, env, &env->instances[i], s.n, n);
		row.coded_bytes = coded_of(env, i, dfenv_len);
		adopt_instance(r, &row);
	}
}

static void adopt_report(struct recovery *r, const struct df_envelope *env,
			 uint64_t dfenv_len, uint64_t bytes)
{
	struct df_row_report rep = {.object = env->id,
				    .direction = env->direction,
				    .stored = env->direction == DF_ENV_MADE};

	r->out->adopted++;
	if (!r->change)
		return;
	df_hex_encode(rep.hex, env->parcel_id, 16);
	memcpy(rep.peer, env->peer, sizeof rep.peer);
	df_journal_object_add(r->j, &env->id, DF_ENV_REPORT, dfenv_len, bytes,
			      env->received_ms);
	df_journal_report_add(r->j, &rep);
	if (env->direction == DF_ENV_MADE)
		(void)df_journal_mail_add(r->j, env->peer, rep.hex, &env->id,
					  dfenv_len); /* its number */
}

/* True when a row for the same bytes stands and the file is settled. */
static bool raw_is_known(struct recovery *r, const struct df_envelope *env)
{
	struct df_row_instance row;
	struct df_row_parcel p;

	if (!df_journal_instance_find(r->j, "", env->sop_instance, &env->digest,
				      &row))
		return false;
	if (stands(r, &row.object) &&
	    (!row.in_parcel || (df_journal_parcel(r->j, row.parcel, &p) &&
				p.state == DF_PARCEL_READY))) {
		drop_file(r, &env->id);
		return true;
	}
	/* its home is gone, or a parcel that was never compared */
	r->out->adopted++;
	if (r->change && row.in_parcel)
		df_journal_instance_unpacked(r->j, row.n, &env->id);
	else if (r->change)
		df_sql_run(r->j, "UPDATE instances SET object = ? WHERE n = ?",
			   "ti", env->id.s, row.n);
	return true;
}

static void adopt_raw(struct recovery *r, const struct df_envelope *env,
		      uint64_t dfenv_len, uint64_t bytes)
{
	struct df_row_instance row = {.size_bytes = env->size_bytes,
				      .digest = env->digest,
				      .association = env->association,
				      .received_ms = env->received_ms,
				      .object = env->id};
	uint64_t dropped = r->out->dropped;

	if (raw_is_known(r, env)) {
		if (r->change && r->out->dropped == dropped)
			df_journal_object_add(r->j, &env->id, DF_ENV_RAW,
					      dfenv_len, bytes,
					      env->received_ms);
		return;
	}
	r->out->adopted++;
	if (!r->change)
		return;
	memcpy(row.sop_instance, env->sop_instance, sizeof row.sop_instance);
	memcpy(row.sop_class, env->sop_class, sizeof row.sop_class);
	memcpy(row.transfer_syntax, env->transfer_syntax,
	       sizeof row.transfer_syntax);
	memcpy(row.calling, env->calling_ae, sizeof row.calling);
	df_journal_object_add(r->j, &env->id, DF_ENV_RAW, dfenv_len, bytes,
			      env->received_ms);
	(void)df_journal_instance_add(r->j, &row); /* its number */
}

static bool look(void *ctx, const struct df_id *id)
{
	struct recovery *r = ctx;
	struct df_envelope env;
	struct df_why why;
	uint64_t dfenv_len, bytes;
	bool known;
	int fd;

	known = df_journal_object_has(r->j, id);
	if (!r->raws)
		r->out->objects++;
	/* a start is quick, a check reads every envelope once */
	if (known && (r->change || r->raws))
		return true;
	r->rc = df_spool_object(r->sp, id, &fd, &r->why);
	if (r->rc != DF_OK)
		return false;
	if (df_fd_size(fd, &bytes, &why) != DF_OK ||
	    df_spool_envelope(fd, &env, &dfenv_len, NULL, &why) != DF_OK ||
	    strcmp(env.id.s, id->s) != 0) {
		if (!r->raws) {
			r->out->bad++;
			df_log(DF_LOG_ERROR, "spool.unreadable", DF_F_ID(id),
			       DF_F_ERR(&why));
		}
		df_fd_close(&fd);
		return true;
	}
	df_fd_close(&fd);
	if (known) {
		df_envelope_release(&env);
		return true;
	}
	if (r->raws && env.kind == DF_ENV_RAW)
		adopt_raw(r, &env, dfenv_len, bytes);
	else if (!r->raws && env.kind == DF_ENV_PARCEL)
		adopt_parcel(r, &env, dfenv_len, bytes);
	else if (!r->raws && env.kind == DF_ENV_REPORT)
		adopt_report(r, &env, dfenv_len, bytes);
	df_envelope_release(&env);
	return true;
}

/* Rows whose object is nowhere: said aloud, never forgotten silently. */
static void find_lost(struct recovery *r)
{
	sqlite3_stmt *st = df_sql(r->j, "SELECT id FROM objects", "");
	struct df_id *lost = NULL;
	struct df_id id;
	size_t n = 0;

	while (df_sql_row(r->j, st)) {
		enum df_err rc;
		int fd = -1;

		df_col_id(st, 0, &id);
		rc = df_spool_object(r->sp, &id, &fd, &r->why);
		df_fd_close(&fd);
		if (rc != DF_OK && rc != DF_E_NOTFOUND)
			r->rc = rc; /* a disk that fails loses nothing yet */
		if (rc != DF_E_NOTFOUND)
			continue;
		df_log(DF_LOG_ERROR, "spool.object.lost", DF_F_ID(&id));
		lost = df_xrealloc(lost, (n + 1) * sizeof *lost);
		lost[n++] = id;
	}
	r->out->lost = n;
	for (size_t i = 0; r->change && i < n; i++) {
		df_sql_run(r->j,
			   "UPDATE instances SET state = 3, reason ="
			   " " LOST_REASON " WHERE object = ?",
			   "t", lost[i].s);
		df_sql_run(r->j,
			   "UPDATE parcels SET state = 2 WHERE object = ?", "t",
			   lost[i].s);
		df_journal_object_drop(r->j, &lost[i]);
	}
	free(lost);
}

static bool incoming_one(void *ctx, const struct df_id *id)
{
	struct recovery *r = ctx;

	if (df_journal_upload_file(r->j, id) || df_journal_pull_file(r->j, id))
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
		struct df_row_report rep;
		uint64_t size = 0;
		int fd = -1;

		if (!df_journal_upload(r->j, all[i].hex, all[i].peer, &u))
			continue;
		if (df_journal_parcel_find(r->j, u.hex, NULL) ||
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

enum df_err df_spool_recover(struct df_spool *sp, struct df_journal *j,
			     bool change, int64_t now_ms,
			     struct df_recovery *out, struct df_why *why)
{
	struct recovery r = {sp, j, out, change, false, now_ms, DF_OK, {0}};
	enum df_err rc = DF_OK;

	*out = (struct df_recovery){0};
	if (change)
		rc = df_spool_sweep(sp, &out->swept, why);
	for (int pass = 0; rc == DF_OK && pass < 2; pass++) {
		r.raws = pass == 1;
		rc = df_spool_each(sp, look, &r, &out->strangers, why);
		if (rc == DF_OK && r.rc != DF_OK) {
			rc = r.rc;
			if (why != NULL)
				*why = r.why;
		}
	}
	if (rc != DF_OK)
		return rc;
	find_lost(&r);
	if (r.rc != DF_OK && why != NULL)
		*why = r.why;
	if (r.rc != DF_OK)
		return r.rc;
	if (change) {
		check_uploads(&r);
		check_pulls(&r);
		(void)df_journal_deliveries_move(j, "", 0, 0,
						 DF_DELIVERY_LOST); /* count */
	}
	rc = df_spool_each_incoming(sp, incoming_one, &r, why);
	return rc == DF_OK ? df_journal_commit(j, why) : rc;
}
