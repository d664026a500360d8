/*
 * prior_fetch.c - brings the files of an earlier exam from a peer that we dial.
 *
 * One study a peer at a time, one file, one part: what is low in priority asks
 * for the line again after each part, and waits while images of ours are on
 * their way there. A parcel is checked and taken by arrival.c like one that was
 * uploaded, as a copy (DF_ENV_FETCHED); a bundle by pull.c and judging.c like
 * one of the mailbox, once the index knows the study. A fetch is done when as
 * many instances are here, verified, as the peer said that it holds.
 */
#include <stdlib.h>
#include <string.h>

#include "df/file.h"
#include "df/log.h"
#include "df/sealed.h"
#include "prior.h"
#include "upload.h"

#define FILES_MAX 64
#define FILE_BYTES_MAX (64ull << 30)
#define PART_BYTES (1ull << 20)	 /* on a line that has nothing to do, */
#define PART_SMALL (64ull << 10) /* and while images of ours wait for it */
#define SHY_MS 5000 /* a small part that often at least: it must end one day \
		     */
#define SHY_LOOK_MS 250
#define TOLD_LOOK_MS 200
#define PART_MS 300000 /* for a part; what came of it counts */
#define PATIENCE_MS \
	20000 /* that nothing comes, before others have their turn */

struct file {
	char hex[33];
	char sender[DF_HEX_LEN + 1];
	uint64_t size;
	bool report;
};

struct fetching {
	struct queue *q;
	size_t peer;
	struct df_row_fetch row;
	struct file files[FILES_MAX]; /* as the peer listed them last */
	size_t n, at;
	bool listed;
	uint64_t cursor, wait_ms;
	int64_t shy_since_ms; /* 0 = not waiting for the line */
	int64_t moved_ms;     /* when something came last */
};

static void step(void *ctx);

/* --- ends --------------------------------------------------------------------
 */

static void let_go(struct fetching *f)
{
	f->q->fetchings[f->peer] = NULL;
	free(f);
}

static void drop_file(struct fetching *f)
{
	struct df_row_fetch *r = &f->row;

	if (r->file.s[0] != '\0')
		df_incoming_drop(&f->q->sp, &r->file);
	r->file.s[0] = r->hex[0] = '\0';
	r->size = r->offset = 0;
}

static void end(struct fetching *f, enum df_fetch_state state, enum df_err err,
		const char *why)
{
	struct df_row_fetch *r = &f->row;
	struct df_row_study s;
	struct df_why said = {.err = err};
	const char *peer = strcmp(r->origin, f->q->self) == 0 ? "" : r->origin;

	drop_file(f);
	if (r->state == DF_FETCH_CANCELLED) { /* whatever came of its part */
		state = r->state;
		err = DF_E_CANCELLED;
		why = "cancelled by a person";
	}
	r->state = state;
	r->ended_ms = f->q->now;
	r->err = err;
	df_str_fmt(r->why, sizeof r->why, "%.190s", why);
	df_journal_fetch_put(f->q->j, r);
	if (peer[0] != '\0' &&
	    df_journal_study_find(f->q->j, r->study, peer, &s) &&
	    df_journal_study_is_copy(f->q->j, s.n))
		df_journal_study_close(f->q->j, s.n, "fetched", f->q->now);
	df_str_fmt(said.text, sizeof said.text, "%.190s", why);
	if (err == DF_OK)
		df_log(DF_LOG_INFO, "prior.fetched",
		       DF_F_UID("study", r->study),
		       DF_F_NUM("instances", r->instances - r->gone),
		       DF_F_BYTES(r->bytes));
	else
		df_log(DF_LOG_WARN, "prior.failed", DF_F_UID("study", r->study),
		       DF_F_ERR(&said));
	prior_purpose_forget(f->q, r->n);
	let_go(f);
}

/* It stays ordered; the pump takes it up again. */
static void later(struct fetching *f, int64_t next_ms, const struct df_why *why)
{
	if (f->row.state == DF_FETCH_CANCELLED) {
		end(f, DF_FETCH_CANCELLED, DF_E_CANCELLED, "");
		return;
	}
	f->row.next_ms = next_ms;
	f->row.err = why->err;
	df_str_fmt(f->row.why, sizeof f->row.why, "%.190s", why->text);
	df_journal_fetch_put(f->q->j, &f->row);
	let_go(f);
}

static void failed(struct fetching *f, const struct df_reply *r)
{
	struct queue *q = f->q;

	if (job_lost(r)) {
		later(f, q->now + RETRY_MS, &r->why);
		return;
	}
	if (r->err == DF_E_DENIED || r->err == DF_E_NOTFOUND ||
	    df_retry_blame(r->err) == DF_BLAME_OBJECT) {
		end(f, DF_FETCH_FAILED, r->err, r->why.text);
		return;
	}
	if (df_retry_blame(r->err) == DF_BLAME_DESTINATION &&
	    r->err != DF_E_AGAIN && r->err != DF_E_NOSPACE)
		destination_bad(q, &q->peers[f->peer], &r->why);
	later(f, object_again(q, f->row.asked_ms), &r->why);
}

void prior_stop(struct queue *q, struct df_row_fetch *row)
{
	struct fetching *f = NULL, idle = {.q = q, .row = *row};

	for (size_t i = 0; i < q->cfg->n_peers; i++)
		if (q->fetchings[i] != NULL && q->fetchings[i]->row.n == row->n)
			f = q->fetchings[i]; /* after its part */
	if (f == NULL) {
		f = &idle;
		drop_file(f);
		prior_purpose_forget(q, row->n);
	}
	f->row.state = DF_FETCH_CANCELLED;
	f->row.ended_ms = q->now;
	df_journal_fetch_put(q->j, &f->row);
	*row = f->row;
}

/* --- a whole file
 * ------------------------------------------------------------- */

static bool is_here(struct queue *q, const char *hex, bool report)
{
	struct df_row_parcel p;
	struct df_row_report r;

	return report ? df_journal_report_find(q->j, hex, &r)
		      : df_journal_parcel_find(q->j, hex, &p) &&
				p.state == DF_PARCEL_READY;
}

static void file_done(struct fetching *f)
{
	if (!is_here(f->q, f->row.hex,
		     f->row.report)) { /* it would come again */
		end(f, DF_FETCH_FAILED, DF_E_CONFLICT,
		    "a parcel of it came, and is not in use here");
		return;
	}
	f->moved_ms = f->q->now;
	f->row.bytes += f->row.size;
	f->row.file.s[0] = f->row.hex[0] = '\0';
	f->row.size = f->row.offset = 0;
	df_journal_fetch_put(f->q->j, &f->row);
	step(f); /* the list says what is next: this one is here */
}

static void file_refused(struct fetching *f, enum df_err rc, const char *why)
{
	char text[200];

	f->row.file.s[0] = '\0'; /* in quarantine, or gone */
	df_str_fmt(text, sizeof text, "a file of it was refused: %.150s", why);
	end(f, DF_FETCH_FAILED, rc, text);
}

static void parcel_taken(void *ctx, enum df_err rc, const char *why)
{
	struct fetching *f = ctx;
	struct df_why again = {.err = DF_E_AGAIN};

	if (rc == DF_OK)
		file_done(f);
	else if (rc == DF_E_AGAIN)
		later(f, f->q->now + 5 * RETRY_MS, &again);
	else
		file_refused(f, rc, why);
}

static void report_opened(void *ctx, enum df_err rc, const struct df_why *why,
			  struct opened *o)
{
	struct fetching *f = ctx;
	struct report_file file = {.file = f->row.file, .size = f->row.size};
	struct df_why mine = *why;

	memcpy(file.hex, f->row.hex, sizeof file.hex);
	memcpy(file.peer, f->row.sender, sizeof file.peer);
	if (rc != DF_OK && df_err_fate(rc) == DF_FATE_RETRY)
		rc = DF_E_AGAIN;
	if (rc == DF_OK)
		rc = report_take(f->q, &file, o, &mine);
	if (rc != DF_OK && rc != DF_E_AGAIN &&
	    df_incoming_quarantine(&f->q->sp, &f->row.file, NULL) != DF_OK)
		df_incoming_drop(&f->q->sp, &f->row.file);
	parcel_taken(f, rc, mine.text);
}

static void arrived(struct fetching *f)
{
	struct queue *q = f->q;
	struct df_row_upload u = {.size = f->row.size,
				  .offset = f->row.size,
				  .file = f->row.file,
				  .state = DF_UPLOAD_WHOLE};
	struct df_why why = {0};
	int fd = -1;

	if (!f->row.report) {
		memcpy(u.hex, f->row.hex, sizeof u.hex);
		memcpy(u.peer, f->row.sender, sizeof u.peer);
		arrival_fetched(q, &u, parcel_taken, f);
	} else if (df_incoming_open(&q->sp, &f->row.file, &fd, &why) == DF_OK) {
		object_open_fd(q, fd, f->row.size, f->row.sender, "",
			       report_opened, f);
	} else {
		drop_file(f);
		later(f, q->now + 5 * RETRY_MS, &why);
	}
}

/* --- its bytes
 * ------------------------------------------------------------------ */

/* What was written so far becomes durable. */
static void keep_offset(struct fetching *f, const struct df_msg *m)
{
	struct df_row_fetch *r = &f->row;
	uint64_t offset;
	int fd = -1;

	if (m == NULL || !df_msg_get_u64(m, DF_M_OFFSET, &offset) ||
	    offset <= r->offset || offset > r->size ||
	    df_incoming_open(&f->q->sp, &r->file, &fd, NULL) != DF_OK)
		return;
	if (df_incoming_sync(fd, NULL) == DF_OK) {
		r->offset = offset;
		df_journal_fetch_put(f->q->j, r);
	}
	df_fd_close(&fd);
}

static void part_came(void *ctx, struct df_reply *r)
{
	struct fetching *f = ctx;
	const uint64_t before = f->row.offset;

	if (!r->last)
		return;
	keep_offset(f, r->msg);
	if (r->err == DF_E_NOTFOUND) { /* it has forgotten: list them anew */
		drop_file(f);
		later(f, f->q->now + 5 * RETRY_MS, &r->why);
	} else if (r->err == DF_E_TIMEOUT && f->row.offset > before) {
		later(f, f->q->now + RETRY_MS, &r->why); /* it trickles */
	} else if (r->err != DF_OK) {
		failed(f, r);
	} else if (f->row.offset == before) { /* the disk would not keep it */
		later(f, f->q->now + 5 * RETRY_MS, &r->why);
	} else {
		step(f);
	}
}

/* Images of ours wait for this line, or are on it. */
static bool line_is_busy(const struct fetching *f)
{
	const struct destination_state *d = &f->q->peers[f->peer];

	return d->under_way > 0 || d->manifests[0] != 0 || d->manifests[1] != 0;
}

/* A new file, or the one that an earlier life began. */
static enum df_err open_file(struct fetching *f, int *fd, struct df_why *why)
{
	struct queue *q = f->q;
	struct df_row_fetch *r = &f->row;
	uint64_t has = 0;
	enum df_err rc = acceptance(q, r->size - r->offset, why);

	if (rc != DF_OK)
		return rc;
	if (r->file.s[0] != '\0' &&
	    df_incoming_open(&q->sp, &r->file, fd, why) == DF_OK) {
		if (df_fd_size(*fd, &has, why) == DF_OK && has >= r->offset)
			return DF_OK;
		df_fd_close(fd);
		df_incoming_drop(&q->sp, &r->file);
	}
	r->offset = 0;
	rc = df_incoming_new(&q->sp, &r->file, fd, why);
	if (rc == DF_E_IO)
		acceptance_doubt(q);
	df_journal_fetch_put(q->j, r);
	return rc;
}

static void ask_part(struct fetching *f)
{
	struct queue *q = f->q;
	struct df_row_fetch *r = &f->row;
	struct df_why why = {0};
	struct df_msg m;
	uint64_t part = line_is_busy(f) ? PART_SMALL : PART_BYTES;
	int fd = -1;

	if (open_file(f, &fd, &why) != DF_OK) {
		df_log(DF_LOG_WARN, "prior.delayed", DF_F_ERR(&why));
		later(f, q->now + 10 * RETRY_MS, &why);
		return;
	}
	f->shy_since_ms = 0;
	df_msg_init(&m, DF_MSG_PULL, 0);
	df_msg_put_str(&m, DF_M_DESTINATION, r->dest);
	df_msg_put_str(&m, DF_M_PARCEL, r->hex);
	df_msg_put_u64(&m, DF_M_OFFSET, r->offset);
	df_msg_put_u64(&m, DF_M_LENGTH,
		       r->size - r->offset < part ? r->size : r->offset + part);
	df_msg_put_u64(&m, DF_M_WAIT_MS, PART_MS);
	queue_call(q, queue_https(q), &m, &fd, 1, DF_MSG_JOB_DONE, 0, part_came,
		   f);
}

static void file_go(struct fetching *f)
{
	if (f->row.offset == f->row.size && f->row.file.s[0] != '\0') {
		arrived(f);
		return;
	}
	if (line_is_busy(f)) {
		if (f->shy_since_ms == 0)
			f->shy_since_ms = f->q->now;
		if (f->q->now - f->shy_since_ms < SHY_MS) {
			queue_later(f->q, SHY_LOOK_MS, step, f);
			return;
		}
	}
	ask_part(f);
}

/* --- which files
 * ------------------------------------------------------------------ */

static void take_files(struct fetching *f, const struct df_msg *m)
{
	struct df_msg item;
	uint64_t content;
	size_t at = 0;

	f->n = f->at = 0;
	while (f->n < FILES_MAX && df_msg_next_item(m, DF_M_MAIL, &at, &item)) {
		struct file *file = &f->files[f->n++];

		if (!df_msg_get_str(&item, DF_M_PARCEL, file->hex,
				    sizeof file->hex) ||
		    !df_msg_get_u64(&item, DF_M_LENGTH, &file->size) ||
		    !df_msg_get_str(&item, DF_M_PEER, file->sender,
				    sizeof file->sender) ||
		    !df_msg_get_u64(&item, DF_M_CONTENT, &content))
			df_bug("a list of files that is not whole");
		file->report = content == DF_SEALED_REPORT;
	}
}

static void listed(void *ctx, struct df_reply *r)
{
	struct fetching *f = ctx;

	if (!r->last)
		return;
	if (r->err != DF_OK) {
		failed(f, r);
		return;
	}
	if (!df_msg_get_str(r->msg, DF_M_PEER, f->row.origin,
			    sizeof f->row.origin) ||
	    !df_msg_get_u64(r->msg, DF_M_NUMBER, &f->row.instances) ||
	    !df_msg_get_u64(r->msg, DF_M_MISSING, &f->row.gone) ||
	    !df_msg_get_u64(r->msg, DF_M_CURSOR, &f->cursor))
		df_bug("a list of files that is not whole");
	f->wait_ms = 0;
	(void)df_msg_get_u64(r->msg, DF_M_WAIT_MS,
			     &f->wait_ms); /* absent: these are all */
	take_files(f, r->msg);
	f->listed = true;
	f->row.err = DF_OK;
	f->row.why[0] = '\0';
	df_journal_fetch_put(f->q->j, &f->row);
	step(f);
}

static void ask_list(void *ctx)
{
	struct fetching *f = ctx;
	struct df_msg m;

	df_msg_init(&m, DF_MSG_PRIOR_FETCH, 0);
	df_msg_put_str(&m, DF_M_DESTINATION, f->row.dest);
	df_msg_put_str(&m, DF_M_STUDY, f->row.study);
	df_msg_put_u64(&m, DF_M_CURSOR, f->cursor);
	df_msg_put_str(&m, DF_M_JSON, prior_purpose(f->q, f->row.n));
	queue_call(f->q, queue_https(f->q), &m, NULL, 0, DF_MSG_JOB_DONE, 0,
		   listed, f);
}

/* All that was listed is here: is it all? */
static void finish(struct fetching *f)
{
	struct df_row_fetch *r = &f->row;
	const char *peer = strcmp(r->origin, f->q->self) == 0 ? "" : r->origin;
	uint64_t here = df_journal_study_usable(f->q->j, r->study, peer);
	char text[200];

	if (here >= r->instances && r->instances > 0) {
		end(f, DF_FETCH_DONE, DF_OK, "");
	} else if (r->gone > 0 && here + r->gone >= r->instances) {
		df_str_fmt(text, sizeof text,
			   "%llu of %llu images are no longer held there; the "
			   "PACS that it sent them to has them",
			   (unsigned long long)r->gone,
			   (unsigned long long)r->instances);
		end(f, here > 0 ? DF_FETCH_DONE : DF_FETCH_FAILED,
		    DF_E_NOTFOUND, text);
	} else {
		df_str_fmt(text, sizeof text,
			   "%llu of %llu images are usable here; see "
			   "quarantine list",
			   (unsigned long long)here,
			   (unsigned long long)r->instances);
		end(f, DF_FETCH_FAILED, DF_E_MANIFEST, text);
	}
}

/* Nothing to do but to look again: not for ever, for others wait behind it. */
static void wait_for(struct fetching *f, int64_t ms, df_loop_fn *look,
		     const char *what)
{
	struct df_why why = {0};

	if (f->q->now - f->moved_ms < PATIENCE_MS) {
		queue_later(f->q, ms, look, f);
		return;
	}
	(void)df_fail(&why, DF_E_AGAIN, "%s", what);
	later(f, f->q->now + PATIENCE_MS, &why);
}

static void next_file(struct fetching *f)
{
	const struct file *file;

	while (f->at < f->n &&
	       is_here(f->q, f->files[f->at].hex, f->files[f->at].report))
		f->at++;
	if (f->at >= f->n) {
		if (f->listed && f->wait_ms == 0)
			finish(f);
		else if (f->wait_ms > 1)
			wait_for(f, (int64_t)f->wait_ms, ask_list,
				 "the peer is still making it ready");
		else
			ask_list(f);
		return;
	}
	file = &f->files[f->at];
	if (file->size == 0 || file->size > FILE_BYTES_MAX) {
		file_refused(f, DF_E_LIMIT, "its size cannot be");
		return;
	}
	/* of a study that the index does not know it would be refused */
	if (file->report && df_journal_study_untold(f->q->j, f->row.study)) {
		wait_for(f, TOLD_LOOK_MS, step,
			 "the index does not know its images yet");
		return;
	}
	memcpy(f->row.hex, file->hex, sizeof f->row.hex);
	memcpy(f->row.sender, file->sender, sizeof f->row.sender);
	f->row.report = file->report;
	f->row.size = file->size;
	f->row.offset = 0;
	f->row.file.s[0] = '\0';
	file_go(f);
}

static void step(void *ctx)
{
	struct fetching *f = ctx;

	if (f->row.state == DF_FETCH_CANCELLED)
		end(f, DF_FETCH_CANCELLED, DF_E_CANCELLED, "");
	else if (f->row.hex[0] != '\0')
		file_go(f);
	else
		next_file(f);
}

void prior_pump(struct queue *q)
{
	struct df_row_fetch row;

	if (queue_https(q) == NULL || q->self[0] == '\0')
		return;
	for (size_t i = 0; i < q->cfg->n_peers; i++) {
		struct fetching *f;

		if (q->fetchings[i] != NULL ||
		    !df_window_open(&q->peers[i].window, q->now) ||
		    !df_journal_fetch_due(q->j, q->cfg->peers[i].name, q->now,
					  &row))
			continue;
		f = df_xcalloc(1, sizeof *f);
		f->q = q;
		f->peer = i;
		f->row = row;
		f->moved_ms = q->now;
		q->fetchings[i] = f;
		step(f);
	}
}
