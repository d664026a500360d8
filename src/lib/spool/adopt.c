/*
 * adopt.c - rows for whole objects that have none, from their envelopes.
 *
 * What another durable object stands for is dropped instead: a parcel that was
 * made here and whose instances are all at home elsewhere, a raw object whose
 * bytes a row already has a home for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "df/damage.h"
#include "df/fetches.h"
#include "df/file.h"
#include "df/log.h"
#include "paths.h"
#include "recovery.h"

void df_recovery_drop(struct recovery *r, const struct df_id *id)
{
	r->gone = df_xrealloc(r->gone, (r->n_gone + 1) * sizeof *r->gone);
	r->gone[r->n_gone++] = *id;
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
		.association = in->association,
		.received_ms = in->received_ms,
		.state = DF_INSTANCE_PACKED,
		.object = env->id,
		.in_parcel = true,
		.record = in->record_offset,
		.parcel = parcel,
	};
	if (env->direction != DF_ENV_MADE)
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
	else if (old.state != DF_INSTANCE_PURGED && !stands(r, &old.object))
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

	if (strcmp(old->object.s, env->id.s) != 0 &&
	    (old->state == DF_PARCEL_BAD || old->state == DF_PARCEL_PURGED) &&
	    df_digest_same(&old->h0, &env->h0)) { /* cut off before its rows */
		r->out->adopted++;
		if (!r->change)
			return;
		df_journal_object_add(r->j, &env->id, DF_ENV_PARCEL, dfenv_len,
				      bytes, env->received_ms);
		df_journal_parcel_revive(r->j, old->n, &env->id);
		return;
	}
	if (strcmp(old->object.s, env->id.s) != 0) {
		r->out->bad++;
		df_log(DF_LOG_ERROR, "spool.parcel.twice", DF_F_ID(&env->id));
		if (r->change &&
		    df_spool_quarantine(r->sp, &env->id, &why) != DF_OK)
			df_log(DF_LOG_ERROR, "spool.quarantine",
			       DF_F_ERR(&why));
		return;
	}
	if (old->state == DF_PARCEL_PURGED) { /* cut off before its unlink */
		r->out->dropped++;
		df_recovery_drop(r, &env->id);
		return;
	}
	r->out->adopted++;
	if (!r->change)
		return;
	df_journal_object_add(r->j, &env->id, DF_ENV_PARCEL, dfenv_len, bytes,
			      env->received_ms);
	df_journal_parcel_state(r->j, old->n,
				env->direction != DF_ENV_MADE
					? DF_PARCEL_READY
					: DF_PARCEL_UNVERIFIED);
	df_sql_run(r->j,
		   "UPDATE instances SET state = 2, reason = '', indexed = 0"
		   " WHERE object = ? AND state = 3 AND reason = ?",
		   "tt", env->id.s, LOST_REASON);
}

/* It was open from the first to the last of its instances. */
static void touch_study(struct recovery *r, const struct df_envelope *env,
			const char *peer, struct df_row_study *s)
{
	size_t first = 0, last = 0;

	for (size_t i = 1; i < env->n_instances; i++) {
		if (env->instances[i].received_ms <
		    env->instances[first].received_ms)
			first = i;
		if (env->instances[i].received_ms >
		    env->instances[last].received_ms)
			last = i;
	}
	df_journal_study_touch(
		r->j, env->study_uid, peer,
		env->n_instances > 0 ? env->instances[first].calling_ae : "",
		env->n_instances > 0 ? env->instances[first].received_ms
				     : env->received_ms,
		s);
	if (env->n_instances > 0)
		df_journal_study_touch(r->j, env->study_uid, peer, "",
				       env->instances[last].received_ms, s);
}

static void adopt_parcel(struct recovery *r, const struct df_envelope *env,
			 uint64_t dfenv_len, uint64_t bytes)
{
	const char *peer = env->direction != DF_ENV_MADE ? env->peer : "";
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
		r->out->dropped++;
		df_recovery_drop(r, &env->id);
		return;
	}
	r->out->adopted++;
	if (!r->change)
		return;
	memcpy(p.peer, env->peer, sizeof p.peer);
	if (env->direction == DF_ENV_MADE)
		p.peer[0] = '\0';
	p.state = env->direction != DF_ENV_MADE ? DF_PARCEL_READY
						 : DF_PARCEL_UNVERIFIED;
	touch_study(r, env, peer, &s);
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

/* The same, and its content is what was put into it. */
static bool holds(struct recovery *r, const struct df_id *object)
{
	if (strcmp(r->held.s, object->s) != 0 &&
	    df_spool_whole(r->sp, object, NULL) != DF_OK)
		return false;
	r->held = *object;
	return true;
}

/* The home of the row is gone, or a parcel that was never compared. In that one
 * it stays, to be compared now: it must not be packed into another as well. */
static void raw_is_home(struct recovery *r, const struct df_envelope *env,
			const struct df_row_instance *row)
{
	struct df_row_parcel p;

	if (!row->in_parcel) {
		df_sql_run(r->j, "UPDATE instances SET object = ? WHERE n = ?",
			   "ti", env->id.s, row->n);
		return;
	}
	df_journal_instance_unpacked(r->j, row->n, &env->id);
	if (df_journal_parcel(r->j, row->parcel, &p) &&
	    p.state == DF_PARCEL_UNVERIFIED && holds(r, &p.object))
		df_journal_instance_in(r->j, row->n, p.n, row->record,
				       row->coding, row->coded_bytes);
}

/* True when a row for the same bytes stands and the file is settled. */
static bool raw_is_known(struct recovery *r, const struct df_envelope *env)
{
	struct df_row_instance row;
	struct df_row_parcel p;

	if (!df_journal_instance_find(r->j, "", env->sop_instance, &env->digest,
				      &row))
		return false;
	if (row.state == DF_INSTANCE_PURGED) { /* the same */
		r->out->dropped++;
		df_recovery_drop(r, &env->id);
		return true;
	}
	if (holds(r, &row.object) &&
	    (!row.in_parcel || (df_journal_parcel(r->j, row.parcel, &p) &&
				p.state == DF_PARCEL_READY))) {
		r->out->dropped++;
		df_recovery_drop(r, &env->id);
		return true;
	}
	r->out->adopted++;
	if (r->change)
		raw_is_home(r, env, &row);
	return true;
}

static void add_raw(struct recovery *r, const struct df_envelope *env,
		    uint64_t dfenv_len, uint64_t bytes,
		    enum df_instance_state state, const char *reason)
{
	struct df_row_instance row = {.size_bytes = env->size_bytes,
				      .digest = env->digest,
				      .association = env->association,
				      .received_ms = env->received_ms,
				      .state = state,
				      .object = env->id};

	memcpy(row.sop_instance, env->sop_instance, sizeof row.sop_instance);
	memcpy(row.sop_class, env->sop_class, sizeof row.sop_class);
	memcpy(row.transfer_syntax, env->transfer_syntax,
	       sizeof row.transfer_syntax);
	memcpy(row.calling, env->calling_ae, sizeof row.calling);
	df_str_fmt(row.reason, sizeof row.reason, "%s", reason);
	df_journal_object_add(r->j, &env->id, DF_ENV_RAW, dfenv_len, bytes,
			      env->received_ms);
	(void)df_journal_instance_add(r->j, &row); /* its number */
}

/*
 * A row names this object: it was away, or it was damaged and another copy of
 * the file was put there. What was lost is judged anew; a judgement and a
 * decision stand.
 */
static bool raw_again(struct recovery *r, const struct df_envelope *env,
		      uint64_t dfenv_len, uint64_t bytes)
{
	sqlite3_stmt *st =
		df_sql(r->j,
		       "SELECT state FROM instances WHERE object = ? AND"
		       " in_parcel = 0 ORDER BY state = 5 LIMIT 1",
		       "t", env->id.s);
	bool named = df_sql_row(r->j, st);
	bool discarded = named && COL(st, 0) == DF_INSTANCE_DISCARDED;

	df_sql_done(st);
	if (discarded) {
		r->out->dropped++;
		df_recovery_drop(r, &env->id);
	} else if (named) {
		r->out->adopted++;
	}
	if (!named || discarded || !r->change)
		return named;
	df_journal_object_add(r->j, &env->id, DF_ENV_RAW, dfenv_len, bytes,
			      env->received_ms);
	df_sql_run(r->j,
		   "UPDATE instances SET state = iif(parcel > 0, 1, 0),"
		   " reason = '', deaths = 0, indexed = 0 WHERE object = ?1"
		   " AND in_parcel = 0 AND state = 3 AND (reason = ?2 OR"
		   " substr(reason, 1, length(?3)) = ?3)",
		   "ttt", env->id.s, LOST_REASON, DF_DAMAGED_WORD ":");
	return true;
}

static void adopt_raw(struct recovery *r, const struct df_envelope *env,
		      uint64_t dfenv_len, uint64_t bytes)
{
	uint64_t dropped = r->out->dropped;

	if (raw_is_known(r, env)) {
		if (r->change && r->out->dropped == dropped)
			df_journal_object_add(r->j, &env->id, DF_ENV_RAW,
					      dfenv_len, bytes,
					      env->received_ms);
		return;
	}
	if (raw_again(r, env, dfenv_len, bytes))
		return;
	r->out->adopted++;
	if (r->change)
		add_raw(r, env, dfenv_len, bytes, DF_INSTANCE_RECEIVED, "");
}

void df_recovery_quarantined(struct recovery *r, const struct df_envelope *env,
			     uint64_t dfenv_len, uint64_t bytes)
{
	r->out->adopted++;
	add_raw(r, env, dfenv_len, bytes, DF_INSTANCE_QUARANTINED,
		r->fresh ? JUDGED_REASON : UNTOLD_REASON);
}

bool df_recovery_damaged(struct recovery *r, const struct df_envelope *env,
			 uint64_t dfenv_len, uint64_t bytes)
{
	struct df_row_report rep;
	char hex[33];

	df_hex_encode(hex, env->parcel_id, 16);
	if (df_journal_parcel_find(r->j, hex, NULL) ||
	    df_journal_report_find(r->j, hex, &rep))
		return false; /* another file of that name stands */
	if (env->kind == DF_ENV_RAW) /* whatever else holds the same bytes */
		add_raw(r, env, dfenv_len, bytes, DF_INSTANCE_RECEIVED, "");
	else
		df_recovery_adopt(r, env, dfenv_len, bytes);
	return true;
}

void df_recovery_adopt(struct recovery *r, const struct df_envelope *env,
		       uint64_t dfenv_len, uint64_t bytes)
{
	switch (env->kind) {
	case DF_ENV_RAW:
		adopt_raw(r, env, dfenv_len, bytes);
		break;
	case DF_ENV_PARCEL:
		adopt_parcel(r, env, dfenv_len, bytes);
		break;
	case DF_ENV_REPORT:
		adopt_report(r, env, dfenv_len, bytes);
		break;
	case DF_ENV_NONE:
		break;
	}
}
