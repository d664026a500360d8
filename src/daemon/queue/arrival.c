/*
 * arrival.c - a parcel that is whole: opened, decoded, taken into custody.
 *
 * Peers take turns, one parcel each: who brings much at once waits for itself.
 * What is urgent waits for no turn, one of each peer: who calls all urgent
 * gains little by it. What we fetched ourselves (a prior) goes the same way, but
 * for its row: prior_fetch.c has it.
 */
#include <stdlib.h>
#include <string.h>

#include "df/clock.h"
#include "df/decision.h"
#include "df/fetches.h"
#include "df/file.h"
#include "df/log.h"
#include "df/sealed.h"
#include "upload.h"

#define ARRIVALS_MAX 4
#define URGENT_MAX 16 /* beside them */

static void over(struct upload *u, enum df_err rc, const char *why)
{
	struct upload **at = &u->q->uploads;

	if (u->fetched != NULL) {
		u->fetched(u->ctx, rc, why);
	} else {
		while (*at != u)
			at = &(*at)->next;
		*at = u->next;
		u->q->upload_look = true;
	}
	restored_drop(&u->q->restored, &u->row.file);
	seen_release(&u->seen);
	free(u);
}

static void later_now(void *ctx)
{
	over(ctx, DF_E_AGAIN, "");
}

static void later(struct upload *u)
{
	queue_later(u->q, RETRY_MS, later_now, u); /* its row stays */
}

static void refuse(struct upload *u, enum df_err err, const char *text)
{
	struct queue *q = u->q;
	struct df_why why = {0};

	df_log(DF_LOG_ERROR, "parcel.refused", DF_F_WORD("parcel", u->row.hex),
	       DF_F_WORD("peer", u->row.peer),
	       DF_F_WORD("err", df_err_name(err)));
	if (df_incoming_quarantine(&q->sp, &u->row.file, &why) != DF_OK)
		df_log(DF_LOG_ERROR, "spool.quarantine", DF_F_ERR(&why));
	df_str_fmt(u->row.why, sizeof u->row.why, "%.190s", text);
	if (u->fetched == NULL) {
		u->row.state = DF_UPLOAD_REFUSED;
		u->row.err = err;
		df_journal_upload_put(q->j, &u->row, q->now);
		receipt_wake(q, u->row.peer);
	}
	over(u, err, u->row.why);
}

static bool is_ours(const struct upload *u)
{
	return strcmp(u->row.peer, u->q->self) == 0;
}

static enum df_env_direction direction_of(const struct upload *u)
{
	if (u->fetched == NULL)
		return DF_ENV_TAKEN;
	return is_ours(u) ? DF_ENV_MADE : DF_ENV_FETCHED;
}

static void envelope_of(const struct upload *u, struct df_envelope *env)
{
	*env = (struct df_envelope){.kind = DF_ENV_PARCEL,
				    .id = u->row.file,
				    .received_ms = u->q->now,
				    .checksum = u->checksum,
				    .direction = direction_of(u),
				    .epoch = u->o.epoch,
				    .sequence = u->o.sequence,
				    .h0 = u->o.h0,
				    .previous = u->o.previous,
				    .n_instances = u->seen.n};
	memcpy(env->peer, u->row.peer, sizeof env->peer);
	(void)df_hex_decode(env->parcel_id, 16,
			    df_text_of(u->row.hex)); /* keys said the same */
	memcpy(env->study_uid, u->seen.v[0].study_uid, 65);
	env->instances = df_xcalloc(u->seen.n, sizeof *env->instances);
	for (size_t i = 0; i < u->seen.n; i++) {
		const struct df_row_instance *r = &u->seen.v[i].row;
		struct df_env_instance *in = &env->instances[i];

		memcpy(in->sop_instance, r->sop_instance, 65);
		memcpy(in->sop_class, r->sop_class, 65);
		memcpy(in->transfer_syntax, r->transfer_syntax, 65);
		memcpy(in->series_uid, r->series, 65);
		memcpy(in->coding, r->coding, 16);
		memcpy(in->calling_ae, r->calling, 17);
		in->received_ms = u->q->now;
		in->digest = r->digest;
		in->size_bytes = r->size_bytes;
		in->record_offset = r->record;
	}
}

static enum df_err publish(struct upload *u, uint64_t *bytes,
			   struct df_why *why)
{
	struct df_envelope env;
	int fd = -1;
	enum df_err rc = df_incoming_open(&u->q->sp, &u->row.file, &fd, why);

	if (rc != DF_OK)
		return rc;
	envelope_of(u, &env);
	rc = df_incoming_publish(&u->q->sp, fd, &env, u->row.size, bytes, why);
	df_envelope_release(&env);
	df_fd_close(&fd);
	return rc;
}

static void add_instance(struct upload *u, struct seen *s, int64_t study,
			 int64_t parcel, uint64_t next_record)
{
	struct queue *q = u->q;
	struct df_row_instance row = s->row, old;

	memcpy(row.peer, u->row.peer, sizeof row.peer);
	/* made twice by its sender, in two parcels: one row, no second send */
	if (df_journal_known(q->j, &q->sp, row.peer, row.sop_instance,
			     &row.digest, &old))
		return;
	row.study = study;
	row.parcel = parcel;
	row.object = u->row.file;
	row.in_parcel = true;
	row.state = DF_INSTANCE_PACKED;
	row.received_ms = q->now;
	if (df_journal_instance_find(q->j, row.peer, row.sop_instance, NULL,
				     NULL)) {
		row.state = DF_INSTANCE_QUARANTINED;
		df_str_fmt(row.reason, sizeof row.reason,
			   "same SOP Instance UID as another instance, but "
			   "other content");
		df_log(DF_LOG_WARN, "instance.conflict",
		       DF_F_UID("sop_instance", row.sop_instance));
	}
	claim_check(q, &row);
	row.coded_bytes =
		next_record > row.record ? next_record - row.record : 0;
	row.n = df_journal_instance_add(q->j, &row);
	if (row.state == DF_INSTANCE_QUARANTINED || row.indexed)
		return;
	instance_route(q, &row);
	restored_keep(&q->restored, &row.object, row.record, pacs_takers(q),
		      df_clock_mono_ms());
	facts_put(q, row.n, &s->facts, &row);
}

static struct df_row_parcel parcel_of(const struct upload *u)
{
	struct df_row_parcel p = {.object = u->row.file,
				  .direction = direction_of(u),
				  .epoch = u->o.epoch,
				  .sequence = u->o.sequence,
				  .h0 = u->o.h0,
				  .previous = u->o.previous,
				  .dfenv_len = u->row.size,
				  .state = DF_PARCEL_READY,
				  .created_ms = u->q->now};

	memcpy(p.hex, u->row.hex, sizeof p.hex);
	memcpy(p.peer, u->row.peer, sizeof p.peer);
	return p;
}

static void take(struct upload *u, uint64_t bytes)
{
	struct queue *q = u->q;
	struct df_row_study study;
	struct df_row_parcel p = parcel_of(u);
	int64_t n;

	df_journal_study_touch(q->j, u->seen.v[0].study_uid, u->row.peer,
			       u->seen.v[0].row.calling, q->now, &study);
	if (u->row.priority > 0 && study.priority == 0)
		study_urge(q, study.n); /* before it is routed */
	p.study = study.n;
	df_journal_object_add(q->j, &p.object, DF_ENV_PARCEL, u->row.size,
			      bytes, q->now);
	n = df_journal_parcel_add(q->j, &p);
	for (size_t i = 0; i < u->seen.n; i++)
		add_instance(u, &u->seen.v[i], study.n, n,
			     i + 1 < u->seen.n ? u->seen.v[i + 1].row.record
					       : u->row.size);
	if (u->fetched == NULL)
		df_journal_upload_drop(q->j, u->row.hex, u->row.peer);
	df_log(DF_LOG_INFO, "parcel.taken", DF_F_WORD("parcel", p.hex),
	       DF_F_UID("study", study.uid), DF_F_NUM("instances", u->seen.n),
	       DF_F_BYTES(u->row.size));
	receipt_wake(q, u->row.peer);
}

/* whose rows they are */
static const char *peer_of(const struct upload *u)
{
	return is_ours(u) ? "" : u->row.peer;
}

/* Is each row of the parcel among what came, and is nothing new in it? Its
 * signature stands for its header, and not for all who had it since. */
static bool is_what_it_was(struct upload *u, const struct df_row_instance *rows,
			   size_t n)
{
	struct df_row_instance other;
	size_t same = 0;

	for (size_t i = 0; i < u->seen.n; i++) {
		const struct df_row_instance *s = &u->seen.v[i].row;
		const size_t before = same;

		for (size_t k = 0; k < n; k++)
			same += strcmp(rows[k].sop_instance, s->sop_instance) ==
					0 &&
				df_digest_same(&rows[k].digest, &s->digest) &&
				rows[k].record == s->record;
		if (same == before &&
		    !df_journal_known(u->q->j, &u->q->sp, peer_of(u),
				      s->sop_instance, &s->digest, &other))
			return false;
	}
	return same == n;
}

static void known(struct upload *u)
{
	if (u->fetched == NULL)
		df_journal_upload_drop(u->q->j, u->row.hex, u->row.peer);
	receipt_wake(u->q, u->row.peer);
	over(u, DF_OK, "");
}

/* It was here before, was let go or lost, and came again. */
static void revive(struct upload *u, const struct df_row_parcel *held)
{
	struct queue *q = u->q;
	struct df_row_instance *rows =
		df_xcalloc(DF_ENV_INSTANCES_MAX, sizeof *rows);
	size_t n = df_journal_instances(q->j, DF_OF_PARCEL, held->n, rows,
					DF_ENV_INSTANCES_MAX);
	const bool same = is_what_it_was(u, rows, n);
	struct df_why why = {0};
	uint64_t bytes;

	free(rows);
	if (!same) {
		refuse(u, DF_E_CONFLICT,
		       "it does not hold what it held when it was here");
		return;
	}
	if (publish(u, &bytes, &why) != DF_OK) {
		df_log(DF_LOG_ERROR, "parcel.unstored", DF_F_ERR(&why));
		later(u);
		return;
	}
	df_journal_object_add(q->j, &u->row.file, DF_ENV_PARCEL, u->row.size,
			      bytes, q->now);
	df_journal_parcel_revive(q->j, held->n, &u->row.file);
	for (size_t i = 0; i < u->seen.n; i++) {
		const struct seen *s = &u->seen.v[i];
		struct df_row_instance row;

		if (df_journal_instance_find(q->j, peer_of(u),
					     s->row.sop_instance,
					     &s->row.digest, &row) &&
		    !row.indexed)
			facts_put(q, row.n, &s->facts, &row);
	}
	df_log(DF_LOG_INFO, "parcel.revived", DF_F_WORD("parcel", u->row.hex),
	       DF_F_BYTES(u->row.size));
	known(u);
}

/* Another parcel of this name is held. True: that was all. */
static bool name_is_taken(struct upload *u)
{
	struct queue *q = u->q;
	struct df_row_parcel held;

	if (!df_journal_parcel_find(q->j, u->row.hex, &held)) {
		if (u->fetched != NULL && is_ours(u))
			refuse(u, DF_E_CONFLICT,
			       "sealed by this node, which knows nothing of it");
		return u->fetched != NULL && is_ours(u);
	}
	if ((strcmp(held.peer, u->row.peer) != 0 &&
	     !(held.peer[0] == '\0' && is_ours(u))) ||
	    !df_digest_same(&held.h0, &u->o.h0)) {
		refuse(u, DF_E_CONFLICT, "another parcel of this name is held");
	} else if (held.state == DF_PARCEL_BAD ||
		   (u->fetched != NULL && held.state == DF_PARCEL_PURGED)) {
		revive(u, &held);
	} else {
		df_incoming_drop(&q->sp, &u->row.file); /* its twin is here */
		known(u);
	}
	return true;
}

static void verified(struct upload *u)
{
	struct queue *q = u->q;
	const struct df_row_parcel p = parcel_of(u);
	struct df_row_study study;
	struct df_why why = {0};
	uint64_t bytes;

	for (size_t i = 0; i < u->seen.n; i++)
		if (strcmp(u->seen.v[i].study_uid, u->seen.v[0].study_uid) !=
			    0 ||
		    !df_uid_valid(df_text_of(u->seen.v[i].study_uid))) {
			refuse(u, DF_E_MANIFEST,
			       "its instances are not of one study");
			return;
		}
	if (u->seen.n == 0 || u->seen.n > DF_ENV_INSTANCES_MAX) {
		refuse(u, DF_E_MANIFEST, "it holds no instance");
		return;
	}
	if (df_journal_study_find(q->j, u->seen.v[0].study_uid, u->row.peer,
				  &study) &&
	    df_journal_parcel_clash(q->j, study.n, &p)) {
		refuse(u, DF_E_REPLAY,
		       "its place in the stream contradicts a parcel held");
		return;
	}
	if (name_is_taken(u))
		return;
	if (publish(u, &bytes, &why) != DF_OK) {
		df_log(DF_LOG_ERROR, "parcel.unstored", DF_F_ERR(&why));
		later(u);
		return;
	}
	take(u, bytes);
	over(u, DF_OK, "");
}

static void open_file(void *ctx);

static void count_deaths(struct upload *u, uint32_t deaths)
{
	u->row.deaths = deaths;
	if (u->fetched == NULL)
		df_journal_upload_put(u->q->j, &u->row, u->q->now);
}

static void done(void *ctx, struct df_reply *r)
{
	struct upload *u = ctx;

	if (job_lost(r) && u->fetched != NULL) { /* no row has its deaths */
		seen_release(&u->seen);
		queue_later(u->q, RETRY_MS, open_file, u);
	} else if (job_lost(r)) {
		later(u);
	} else if (df_err_fate(r->err) == DF_FATE_RETRY) {
		count_deaths(u, u->row.deaths - 1); /* it lived */
		later(u);
	} else if (r->err != DF_OK) {
		refuse(u, r->err, r->why.text);
	} else if (!df_msg_get_checksum(r->msg, &u->checksum)) {
		refuse(u, DF_E_CORRUPT, "the cell did not read all of it");
	} else {
		verified(u);
	}
}

static bool dispatch(void *ctx)
{
	struct upload *u = ctx;

	/* who killed a cell is not known here: as inspection weighs a kill */
	if (u->row.deaths >= DEATHS_MAX * CRASH_WEIGHT) {
		refuse(u, DF_E_CORRUPT, "each process that read it died");
		return false;
	}
	count_deaths(u, u->row.deaths + 1);
	return true;
}

static void facts(void *ctx, const struct df_msg *m)
{
	struct upload *u = ctx;

	seen_add(&u->seen, m);
}

/* What a PACS is to get next: it needs no second decoding. */
static void handed(void *ctx, const struct df_msg *m, int *fd)
{
	struct upload *u = ctx;
	const struct df_row_instance *row = &u->seen.v[u->seen.n - 1].row;

	(void)m; /* was seen */
	restored_put(&u->q->restored, &u->row.file, row->record,
		     row->transfer_syntax, fd, df_clock_mono_ms());
}

static void opened(void *ctx, enum df_err rc, const struct df_why *why,
		   struct opened *o)
{
	struct upload *u = ctx;
	struct job *job;

	if (rc != DF_OK && df_err_fate(rc) == DF_FATE_RETRY) {
		later(u);
		return;
	}
	if (rc != DF_OK) {
		refuse(u, rc, why->text);
		return;
	}
	if (o->content != DF_SEALED_PARCEL || strcmp(o->hex, u->row.hex) != 0) {
		refuse(u, DF_E_HEADER, "its header names another parcel");
		return;
	}
	u->o = *o;
	u->o.fd = -1;
	explicit_bzero(u->o.cek, sizeof u->o.cek);
	job = job_new(u->q, DF_MSG_VERIFY, WORK_VERIFY, 0, u);
	job->suspect = u->row.deaths > 0;
	if (job->suspect)
		df_msg_put_u64(&job->m, DF_M_STATUS, 1);
	else if (pacs_takers(u->q) > 0)
		df_msg_put_u64(&job->m, DF_M_WANT,
			       restored_room(&u->q->restored));
	opened_put(&job->m, o);
	job_fd(job, df_fd_take(&o->fd));
	if (u->row.priority > 0)
		job->priority += JOB_URGENT;
	job->dispatch = dispatch;
	job->facts = facts;
	job->handed = handed;
	job->done = done;
	job_submit(job);
}

/* Takes u. */
static void open_file(void *ctx)
{
	struct upload *u = ctx;
	struct df_why why = {0};
	int fd = -1;

	if (df_incoming_open(&u->q->sp, &u->row.file, &fd, &why) != DF_OK) {
		df_log(DF_LOG_ERROR, "upload.unreadable", DF_F_ERR(&why));
		later(u);
		return;
	}
	object_open_fd(u->q, fd, u->row.size, u->row.peer,
		       u->fetched != NULL ? "prior" : "", opened, u);
}

static void start(struct queue *q, const struct df_row_upload *row)
{
	struct upload *u = df_xcalloc(1, sizeof *u);

	u->q = q;
	u->row = *row;
	u->next = q->uploads;
	q->uploads = u;
	open_file(u);
}

void arrival_fetched(struct queue *q, const struct df_row_upload *row,
		     void (*fetched)(void *ctx, enum df_err rc,
				     const char *why),
		     void *ctx)
{
	struct upload *u = df_xcalloc(1, sizeof *u);

	u->q = q;
	u->row = *row;
	u->fetched = fetched;
	u->ctx = ctx;
	open_file(u);
}

static bool in_hand(const struct queue *q, const struct df_row_upload *row)
{
	for (const struct upload *u = q->uploads; u != NULL; u = u->next)
		if (strcmp(u->row.hex, row->hex) == 0 &&
		    strcmp(u->row.peer, row->peer) == 0)
			return true;
	return false;
}

static bool has_urgent(const struct queue *q, const char *peer)
{
	for (const struct upload *u = q->uploads; u != NULL; u = u->next)
		if (u->row.priority > 0 && strcmp(u->row.peer, peer) == 0)
			return true;
	return false;
}

/* The first of them that may go now; false: there is none. */
static bool start_one(struct queue *q, const struct df_row_upload *rows,
		      size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (in_hand(q, &rows[i]) ||
		    (rows[i].priority > 0 && has_urgent(q, rows[i].peer)))
			continue;
		start(q, &rows[i]);
		return true;
	}
	return false;
}

static void start_urgent(struct queue *q)
{
	struct df_row_upload rows[URGENT_MAX];
	size_t n = df_journal_uploads_urgent(q->j, rows, URGENT_MAX);

	for (size_t i = 0; i < n; i++)
		if (!in_hand(q, &rows[i]) && !has_urgent(q, rows[i].peer))
			start(q, &rows[i]);
}

void upload_pump(struct queue *q)
{
	struct df_row_upload rows[ARRIVALS_MAX + 1];
	size_t n, under_way = 0, rounds = 0; /* in which nothing was found */

	if (!q->upload_look)
		return;
	q->upload_look = false;
	start_urgent(q);
	for (const struct upload *u = q->uploads; u != NULL; u = u->next)
		under_way += u->row.priority == 0;
	while (under_way < ARRIVALS_MAX && rounds < 2) {
		/* more than one peer can have in hand, if there are */
		n = df_journal_uploads_whole(q->j, q->upload_turn, rows,
					     ARRIVALS_MAX + 1);
		if (n == 0) {
			q->upload_turn[0] = '\0';
			rounds++;
			continue;
		}
		memcpy(q->upload_turn, rows[0].peer, sizeof q->upload_turn);
		if (start_one(q, rows, n)) {
			under_way++;
			rounds = 0;
		}
	}
}
