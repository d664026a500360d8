/*
 * scrub.c - every object is read again, from the disk, round after round.
 *
 * A cell sums up the bytes as the disk gives them back; the sum must be the one
 * in the envelope. A round takes some days at most and a twentieth of the time
 * of the disk: after each object there is a pause of nineteen times what it
 * took, or a longer one when the round would be over too early. What did not
 * match twice is damaged: it leaves objects/ and staff are told.
 *
 * A disk that cannot be read proves nothing about an object; that is logged,
 * and the object has its turn again in the next round.
 */
#include <stdlib.h>
#include <string.h>

#include "answers.h"
#include "df/clock.h"
#include "df/damage.h"
#include "df/file.h"
#include "df/log.h"
#include "scrub.h"

#define ROUND_MS (6 * 86400000ll)
#define PAUSE_TIMES 19
#define COUNT_MS 3600000
#define READS 2
#define SAVE_EVERY 64 /* objects between two notes of how far it is */

struct reread {
	struct queue *q;
	struct df_id id;
	scrubbed_fn *fn;
	void *ctx;
	unsigned reads;
	uint64_t bytes;
};

/* --- one object ------------------------------------------------------------------- */

static void begin(void *ctx);

static void over(struct reread *r, enum df_err err, const struct df_why *why)
{
	r->fn(r->ctx, err, why, r->bytes);
	free(r);
}

static void again_or(struct reread *r, enum df_err err,
		     const struct df_why *why)
{
	if (++r->reads < READS)
		queue_later(r->q, RETRY_MS, begin, r);
	else
		over(r, err, why);
}

static enum df_err read_end(int fd, struct df_envelope *env, uint64_t *length,
			    struct df_why *why)
{
	enum df_err rc = df_spool_envelope(fd, env, length, NULL, why);

	if (rc == DF_OK || df_err_fate(rc) == DF_FATE_RETRY)
		return rc;
	return df_fail(why, DF_E_CORRUPT, "has a damaged end");
}

/* The envelope is read after the job, which left nothing of the file in
 * memory: so it comes from the disk too. */
static enum df_err compare(struct reread *r, const struct df_msg *said,
			   struct df_why *why)
{
	struct df_envelope env = {0};
	struct df_checksum sum;
	uint64_t length;
	int fd = -1;
	enum df_err rc = df_spool_object(&r->q->sp, &r->id, &fd, why);

	if (rc == DF_OK)
		rc = read_end(fd, &env, &length, why);
	if (rc == DF_OK && !df_msg_get_checksum(said, &sum))
		rc = df_fail(why, DF_E_BUG, "a cell summed up nothing");
	if (rc == DF_OK && !df_checksum_same(&sum, &env.checksum))
		rc = df_fail(why, DF_E_CORRUPT, "does not match its checksum");
	if (rc == DF_OK && strcmp(env.id.s, r->id.s) != 0)
		rc = df_fail(why, DF_E_CORRUPT, "bears another's name");
	df_envelope_release(&env);
	df_fd_close(&fd);
	return rc;
}

static void summed(void *ctx, struct df_reply *reply)
{
	struct reread *r = ctx;
	struct df_why why = reply->why;
	enum df_err rc = reply->err;

	if (job_lost(reply)) /* its cell died: of this object, perhaps */
		rc = df_fail(&why, DF_E_AGAIN, "a cell was lost over it");
	else if (rc == DF_OK)
		rc = compare(r, reply->msg, &why);
	if (rc == DF_OK || rc == DF_E_NOTFOUND)
		over(r, rc, &why);
	else
		again_or(r, rc, &why);
}

static void begin(void *ctx)
{
	struct reread *r = ctx;
	struct df_envelope env = {0};
	struct df_why why = {0};
	uint64_t length = 0;
	struct job *job;
	int fd = -1;
	enum df_err rc = df_spool_object(&r->q->sp, &r->id, &fd, &why);

	if (rc == DF_OK)
		rc = read_end(fd, &env, &length, &why);
	df_envelope_release(&env);
	if (rc != DF_OK) {
		df_fd_close(&fd);
		if (rc == DF_E_NOTFOUND)
			over(r, rc, &why); /* removed meanwhile */
		else
			again_or(r, rc, &why);
		return;
	}
	r->bytes = length;
	job = job_new(r->q, DF_MSG_SCRUB, WORK_SCRUB, 0, r);
	df_msg_put_u64(&job->m, DF_M_LENGTH, length);
	job_fd(job, fd);
	job->done = summed;
	job_submit(job);
}

void object_reread(struct queue *q, const struct df_id *id, scrubbed_fn *fn,
		   void *ctx)
{
	struct reread *r = df_xcalloc(1, sizeof *r);

	*r = (struct reread){.q = q, .id = *id, .fn = fn, .ctx = ctx};
	queue_later(q, 0, begin, r); /* never answers before it returns */
}

/* --- damage ------------------------------------------------------------------------ */

void object_condemn(struct queue *q, const struct df_id *id,
		    const struct df_why *what)
{
	struct df_damage found;
	struct df_why why = {0};
	enum df_err rc;

	if (!df_journal_object_has(q->j, id))
		return; /* it is known to be damaged, or is gone */
	rc = df_spool_condemn(&q->sp, q->j, id, what->text, &found, &why);
	if (rc != DF_OK) {
		df_log(DF_LOG_ERROR, "spool.quarantine", DF_F_ERR(&why));
		return;
	}
	q->scrub.state.damaged++;
	df_journal_scrub_put(q->j, &q->scrub.state);
	df_log(DF_LOG_ERROR, "object.damaged", DF_F_ID(id), DF_F_ERR(what),
	       DF_F_NUM("instances", found.instances),
	       DF_F_NUM("held_elsewhere", found.elsewhere));
}

struct suspect {
	struct suspect *next;
	struct queue *q;
	struct df_id id;
};

static void suspect_read(void *ctx, enum df_err err, const struct df_why *why,
			 uint64_t bytes)
{
	struct suspect *s = ctx;
	struct suspect **at = &s->q->scrub.suspects;

	(void)bytes; /* one more or less */
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	if (err == DF_E_CORRUPT)
		object_condemn(s->q, &s->id, why);
	free(s);
}

void object_doubt(struct queue *q, const struct df_id *id, enum df_err rc)
{
	struct suspect *s;

	if (rc == DF_OK || rc == DF_E_NOTFOUND || df_err_fate(rc) == DF_FATE_RETRY)
		return;
	for (s = q->scrub.suspects; s != NULL; s = s->next)
		if (strcmp(s->id.s, id->s) == 0)
			return; /* many read it at the same time */
	s = df_xcalloc(1, sizeof *s);
	*s = (struct suspect){q->scrub.suspects, q, *id};
	q->scrub.suspects = s;
	object_reread(q, id, suspect_read, s);
}

/* --- rounds -------------------------------------------------------------------------- */

static bool is_time(const struct queue *q)
{
	const struct df_scrub *s = &q->scrub.state;
	uint64_t left = q->scrub.total > s->looked ? q->scrub.total - s->looked
						   : 1;
	int64_t spread = (s->begun_ms + ROUND_MS - q->now) / (int64_t)left;
	int64_t rest = PAUSE_TIMES * (q->scrub.ended_ms - q->scrub.since_ms);

	if (rest < spread)
		rest = spread;
	return q->scrub.fast ||
	       df_clock_mono_ms() - q->scrub.ended_ms >= rest;
}

static void count(struct queue *q)
{
	q->scrub.counted_ms = df_clock_mono_ms();
	q->scrub.total = df_journal_object_count(q->j);
}

static void looked(void *ctx, enum df_err err, const struct df_why *why,
		   uint64_t bytes)
{
	struct queue *q = ctx;
	struct df_scrub *s = &q->scrub.state;

	q->scrub.busy = false;
	q->scrub.ended_ms = df_clock_mono_ms();
	s->cursor = q->scrub.id;
	s->looked++;
	s->bytes += bytes;
	if (err == DF_E_CORRUPT)
		object_condemn(q, &q->scrub.id, why);
	else if (err != DF_OK && err != DF_E_NOTFOUND)
		df_log(DF_LOG_ERROR, "object.unreadable",
		       DF_F_ID(&q->scrub.id), DF_F_ERR(why));
	if (!q->scrub.fast || s->looked % SAVE_EVERY == 0)
		df_journal_scrub_put(q->j, s);
}

static void round_over(struct queue *q)
{
	struct df_scrub *s = &q->scrub.state;

	if (s->looked > 0)
		df_log(DF_LOG_INFO, "scrub.round",
		       DF_F_NUM("objects", s->looked), DF_F_BYTES(s->bytes),
		       DF_F_NUM("damaged", s->damaged));
	s->done_ms = s->looked > 0 ? q->now : s->done_ms;
	s->cursor.s[0] = '\0';
	s->begun_ms = q->now;
	s->looked = s->bytes = 0;
	q->scrub.fast = false;
	count(q);
	df_journal_scrub_put(q->j, s);
}

void scrub_start(struct queue *q)
{
	struct df_scrub *s = &q->scrub.state;

	df_journal_scrub(q->j, s);
	if (s->begun_ms == 0 || s->begun_ms > q->now)
		s->begun_ms = q->now; /* the first, or the clock was ahead */
	df_journal_scrub_put(q->j, s);
	q->scrub.ended_ms = q->scrub.since_ms = df_clock_mono_ms();
	count(q);
}

void scrub_pump(struct queue *q)
{
	if (q->scrub.busy)
		return;
	if (df_clock_mono_ms() - q->scrub.counted_ms > COUNT_MS)
		count(q);
	if (!is_time(q))
		return;
	if (!df_journal_scrub_next(q->j, &q->scrub.state.cursor,
				   &q->scrub.id)) {
		round_over(q);
		return;
	}
	q->scrub.busy = true;
	q->scrub.since_ms = df_clock_mono_ms();
	object_reread(q, &q->scrub.id, looked, q);
}

/* --- status, and a round at once ------------------------------------------------------- */

void scrub_put(struct queue *q, cJSON *status)
{
	const struct df_scrub *s = &q->scrub.state;
	cJSON *o = cJSON_AddObjectToObject(status, "scrub");

	put_num(o, "objects", q->scrub.total);
	put_num(o, "looked_at", s->looked);
	put_num(o, "bytes", s->bytes);
	put_num(o, "damaged", s->damaged);
	put_time(o, "round_began", s->begun_ms);
	put_time(o, "last_round_ended", s->done_ms);
	(void)cJSON_AddBoolToObject(o, "at_once", q->scrub.fast); /* memory */
}

void spool_scrub(struct ask *a)
{
	struct queue *q = a->q;
	cJSON *o = cJSON_CreateObject();

	if (!q->scrub.fast && ask_text(a, "begin")[0] != '\0') {
		struct df_scrub *s = &q->scrub.state;

		s->cursor.s[0] = '\0';
		s->begun_ms = q->now;
		s->looked = s->bytes = 0;
		q->scrub.fast = true;
		count(q);
	}
	scrub_put(q, o);
	answer_json(a, o);
}
