/*
 * acceptance.c - the one place that says whether new bytes are taken.
 *
 * Looked at afresh for each request: a stranger may fill the disk between two
 * images, and when there is room again nothing has to be told. Words for
 * people are here too: log, status, doctor and the comment of an A700 say the
 * same. What is here already is sent on whatever this file says.
 */
#include "acceptance.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"
#include "df/sys.h"
#include "queue.h"

#define SLACK_BYTES (4ull << 20)  /* left free beside what a job needs */
#define STEP_BYTES (16ull << 20)  /* of the reserve, grown or given */
#define GIVEN_MS 5000		  /* what was given is let be */
#define LOOK_TICKS 5		  /* once a second */
#define FEED_PAUSE_MS 5000
#define TRY_MS 1000
#define TRIAL "trial" /* a file in the spool, for a moment */
#define TREND_MS (10 * 60 * 1000)

static const char *const REFUSALS[] = {
	[REFUSAL_NONE] = "",
	[REFUSAL_DRAINING] = "draining",
	[REFUSAL_DEGRADED] = "degraded",
	[REFUSAL_UNMOUNTED] = "unmounted",
	[REFUSAL_READ_ONLY] = "read-only",
	[REFUSAL_SPACE] = "space",
	[REFUSAL_INODES] = "inodes",
};

const char *acceptance_word(const struct queue *q)
{
	return REFUSALS[q->acceptance.refusal];
}

static enum refusal refuse_disk(struct acceptance *a, struct df_why *why)
{
	const struct df_disk *d = &a->disk;

	a->pressure = df_watermark(d, &a->marks, a->pressure.mark);
	if (d->read_only) {
		(void)df_fail(why, DF_E_IO,
			      "the disk of the spool is read-only");
		return REFUSAL_READ_ONLY;
	}
	if (a->pressure.mark < DF_MARK_RESERVE)
		return REFUSAL_NONE;
	if (a->pressure.inodes) {
		(void)df_fail(why, DF_E_NOSPACE,
			      "the disk has room for %llu more files, %llu are "
			      "kept back",
			      (unsigned long long)d->free_inodes,
			      (unsigned long long)df_reserve_inodes(d));
		return REFUSAL_INODES;
	}
	(void)df_fail(why, DF_E_NOSPACE,
		      "the disk is full: %llu MiB are left, %llu MiB are kept "
		      "back for sending",
		      (unsigned long long)((d->free_bytes + d->held_bytes) >>
					   20),
		      (unsigned long long)(df_reserve_bytes(d, &a->marks) >>
					   20));
	return REFUSAL_SPACE;
}

/* The files could not be opened or trusted: what is it, for a person? */
static enum refusal refuse_files(struct df_why *why)
{
	enum df_err err = why->err;

	if (err == DF_E_NOSPACE)
		return REFUSAL_SPACE;
	why->err = DF_E_IO; /* the sender may come again */
	if (why->sys == EROFS)
		return REFUSAL_READ_ONLY;
	return err == DF_E_NOTFOUND ? REFUSAL_UNMOUNTED : REFUSAL_DEGRADED;
}

static enum df_err try_write(struct queue *q, struct df_why *why)
{
	int fd = -1;
	enum df_err rc = df_file_open(&fd, q->sp.root, TRIAL,
				      O_RDWR | O_CREAT | O_TRUNC, 0600, why);

	if (rc == DF_OK)
		rc = df_write_all(fd, TRIAL, sizeof TRIAL, why);
	df_fd_close(&fd);
	if (rc == DF_OK)
		return df_file_remove(q->sp.root, TRIAL, why);
	(void)!df_file_remove(q->sp.root, TRIAL, NULL); /* if it is there */
	return rc;
}

/*
 * A file system that gave up after an error need not say that it is read-only
 * (ext4's emergency state). A write tells; one a second.
 */
static enum refusal refuse_doubt(struct queue *q, struct df_why *why)
{
	struct acceptance *a = &q->acceptance;
	int64_t now = df_clock_mono_ms();

	if (!a->doubted)
		return REFUSAL_NONE;
	if (now - a->tried_ms >= TRY_MS) {
		enum df_err rc = try_write(q, &a->doubt);

		a->tried_ms = now;
		a->doubted = rc != DF_OK && rc != DF_E_NOSPACE;
	}
	if (!a->doubted)
		return REFUSAL_NONE;
	*why = a->doubt;
	return refuse_files(why);
}

void acceptance_doubt(struct queue *q)
{
	struct acceptance *a = &q->acceptance;

	a->doubted = true;
	if (a->doubt.err == DF_OK)
		(void)df_fail(&a->doubt, DF_E_IO, "the disk took no write");
}

static enum refusal find_refusal(struct queue *q, struct df_why *why)
{
	struct acceptance *a = &q->acceptance;
	enum refusal to;

	if (df_room_draining(q->room)) {
		(void)df_fail(why, DF_E_CANCELLED, "this node is ending");
		return REFUSAL_DRAINING;
	}
	if (a->degraded.err != DF_OK) {
		*why = a->degraded;
		return refuse_files(why);
	}
	if (df_spool_in_place(&q->sp, why) != DF_OK) {
		why->err = DF_E_IO;
		return REFUSAL_UNMOUNTED;
	}
	if (df_spool_disk(&q->sp, &a->disk, why) != DF_OK)
		return REFUSAL_READ_ONLY; /* not to be written, at least */
	to = refuse_disk(a, why);
	return to == REFUSAL_NONE ? refuse_doubt(q, why) : to;
}

static void look(struct queue *q)
{
	struct acceptance *a = &q->acceptance;
	struct df_why why = {0};
	enum df_mark mark = a->pressure.mark;
	enum refusal to = find_refusal(q, &why);

	a->why = why;
	if (a->pressure.mark != mark)
		df_log(a->pressure.mark > mark ? DF_LOG_WARN : DF_LOG_INFO,
		       "disk.mark",
		       DF_F_WORD("mark", df_mark_name(a->pressure.mark)),
		       DF_F_WORD("of", a->pressure.inodes ? "inodes" : "bytes"),
		       DF_F_NUM("free_bytes", a->disk.free_bytes),
		       DF_F_NUM("held_bytes", a->disk.held_bytes),
		       DF_F_NUM("free_inodes", a->disk.free_inodes));
	if (to == a->refusal)
		return;
	a->refusal = to;
	if (to == REFUSAL_NONE)
		df_log(DF_LOG_INFO, "acceptance.resumed");
	else
		df_log(DF_LOG_ERROR, "acceptance.refused",
		       DF_F_WORD("reason", REFUSALS[to]), DF_F_ERR(&why));
}

enum df_err acceptance(struct queue *q, uint64_t more, struct df_why *why)
{
	struct acceptance *a = &q->acceptance;

	look(q);
	if (a->refusal != REFUSAL_NONE) {
		*why = a->why;
		return a->why.err;
	}
	if (more > 0 && !df_watermark_fits(&a->disk, &a->marks, more))
		return df_fail(why, DF_E_NOSPACE,
			       "the disk has no room for %llu MiB more",
			       (unsigned long long)(more >> 20));
	return DF_OK;
}

enum df_err acceptance_report(struct queue *q, uint64_t more,
			      struct df_why *why)
{
	struct acceptance *a = &q->acceptance;
	struct df_marks half = a->marks;

	look(q);
	if (a->refusal != REFUSAL_NONE && a->refusal != REFUSAL_SPACE &&
	    a->refusal != REFUSAL_INODES) {
		*why = a->why;
		return a->why.err;
	}
	half.reserve_bytes /= 2;
	half.reserve_percent /= 2;
	if (!df_watermark_fits(&a->disk, &half, more))
		return df_fail(why, DF_E_NOSPACE,
			       "the disk has no room for a report");
	return acceptance_room(q, more, why);
}

static bool is_urgent(const struct queue *q, const char *calling)
{
	for (size_t i = 0; i < q->cfg->n_modalities; i++)
		if (strcmp(q->cfg->modalities[i].ae, calling) == 0)
			return q->cfg->modalities[i].stat;
	return false;
}

enum df_err acceptance_association(struct queue *q, const char *calling,
				   struct df_why *why)
{
	look(q);
	if (q->acceptance.pressure.mark != DF_MARK_HIGH ||
	    is_urgent(q, calling) ||
	    df_journal_study_in_flight(q->j, calling))
		return DF_OK; /* each image is judged by itself */
	return df_fail(why, DF_E_NOSPACE,
		       "the disk is above its high mark: only urgent sources "
		       "and studies in flight are taken");
}

bool acceptance_is_urgent(const struct queue *q, const char *calling)
{
	return is_urgent(q, calling);
}

bool acceptance_wants_purge(const struct queue *q)
{
	return q->acceptance.pressure.mark >= DF_MARK_SOFT;
}

/* --- the reserve ------------------------------------------------------------ */

/*
 * What work in hand was let begin with and has not written yet. It is nobody
 * else's: neither the next job's nor the reserve's.
 */
static uint64_t promised(const struct queue *q)
{
	uint64_t sum = pack_promised(q);

	for (size_t i = 0; i < q->cfg->n_peers; i++)
		sum += q->peers[i].promised;
	return sum;
}

enum df_err acceptance_room(struct queue *q, uint64_t bytes,
			    struct df_why *why)
{
	struct acceptance *a = &q->acceptance;
	uint64_t need = bytes + promised(q), want = need + SLACK_BYTES;
	enum df_err rc = df_spool_disk(&q->sp, &a->disk, why);

	if (rc != DF_OK || a->disk.free_bytes >= want)
		return rc;
	if (a->disk.held_bytes > 0) {
		df_log(DF_LOG_WARN, "reserve.given",
		       DF_F_NUM("bytes", want - a->disk.free_bytes),
		       DF_F_NUM("held_bytes", a->disk.held_bytes));
		a->given_ms = df_clock_mono_ms();
		rc = df_spool_reserve_give(&q->sp, want - a->disk.free_bytes,
					   why);
		if (rc == DF_OK)
			rc = df_spool_disk(&q->sp, &a->disk, why);
	}
	if (rc == DF_OK && a->disk.free_bytes < need)
		rc = df_fail(why, DF_E_NOSPACE,
			     "no room even for sending: %llu KiB are left",
			     (unsigned long long)(a->disk.free_bytes >> 10));
	return rc;
}

/* What the disk has to spare goes into the reserve, step by step. */
static void grow(struct queue *q)
{
	struct acceptance *a = &q->acceptance;
	uint64_t target = df_reserve_bytes(&a->disk, &a->marks);
	struct df_why why = {0};

	/* the file is spool.reserve long; a larger share is only a mark */
	if (target > a->marks.reserve_bytes)
		target = a->marks.reserve_bytes;
	if (a->unheld || a->disk.read_only || a->disk.held_bytes >= target ||
	    (a->given_ms != 0 &&
	     df_clock_mono_ms() - a->given_ms < GIVEN_MS) ||
	    df_spool_disk(&q->sp, &a->disk, &why) != DF_OK ||
	    a->disk.free_bytes < STEP_BYTES + SLACK_BYTES + promised(q))
		return;
	if (df_spool_reserve_grow(&q->sp, target, &why) == DF_E_UNSUPPORTED) {
		a->unheld = true;
		df_log(DF_LOG_WARN, "reserve.unheld", DF_F_ERR(&why));
	}
	/* another failure: the disk has changed since it was looked at */
}

void acceptance_open(struct queue *q)
{
	struct df_why why = {0};

	if (acceptance_room(q, STEP_BYTES, &why) != DF_OK)
		df_log(DF_LOG_ERROR, "reserve.gone", DF_F_ERR(&why));
}

void acceptance_feed(struct queue *q)
{
	struct acceptance *a = &q->acceptance;
	int64_t now = df_clock_mono_ms();
	struct df_why why = {0};

	if (now - a->fed_ms < FEED_PAUSE_MS)
		return; /* a stranger may be the one who eats it */
	a->fed_ms = now;
	if (acceptance_room(q, STEP_BYTES, &why) != DF_OK)
		df_log(DF_LOG_ERROR, "reserve.gone", DF_F_ERR(&why));
}

/*
 * A log that grows on a full disk is a database that could not grow: SQLite
 * writes on in the log for as long as that goes.
 */
static void feed_databases(struct queue *q)
{
	static const char *const logs[DATABASES] = {"state.db-wal",
						    "index.db-wal"};
	struct acceptance *a = &q->acceptance;

	for (size_t i = 0; i < DATABASES; i++) {
		struct stat st;
		uint64_t was = a->log_bytes[i];

		if (df_sys.fstatat(AT_FDCWD, logs[i], &st, 0) < 0)
			continue;
		a->log_bytes[i] = (uint64_t)st.st_size;
		if (was > 0 && a->log_bytes[i] > was &&
		    a->disk.free_bytes < SLACK_BYTES)
			acceptance_feed(q);
	}
	if (queue_index(q) == NULL && a->disk.free_bytes < SLACK_BYTES)
		acceptance_feed(q); /* it may have ended for want of it */
}

static void follow_trend(struct queue *q)
{
	struct acceptance *a = &q->acceptance;
	uint64_t left = a->disk.free_bytes + a->disk.held_bytes;
	int64_t now = df_clock_mono_ms();
	uint64_t used;

	if (a->then_ms == 0) {
		a->then_ms = now;
		a->then_free = left;
		a->days_left = -1;
	}
	if (now - a->then_ms < TREND_MS)
		return;
	used = a->then_free > left ? a->then_free - left : 0;
	a->days_left = used == 0 ? -1
				 : (int64_t)((double)left / (double)used *
					     (double)(now - a->then_ms) /
					     86400000.0);
	a->then_ms = now;
	a->then_free = left;
}

void acceptance_tick(struct queue *q)
{
	if (q->acceptance.ticks++ % LOOK_TICKS == 0) {
		look(q);
		feed_databases(q);
		follow_trend(q);
	}
	grow(q);
}

void acceptance_start(struct queue *q)
{
	struct acceptance *a = &q->acceptance;

	a->marks = (struct df_marks){
		.reserve_bytes = (uint64_t)q->cfg->spool.reserve_bytes,
		.reserve_percent = (uint64_t)q->cfg->spool.reserve_percent,
		.soft_percent = (uint64_t)q->cfg->spool.soft_percent,
		.high_percent = (uint64_t)q->cfg->spool.high_percent,
	};
}
