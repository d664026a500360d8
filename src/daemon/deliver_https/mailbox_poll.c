/*
 * mailbox_poll.c - what a peer holds for us: ask for ever, tell queue of the
 * next item, fetch it into the descriptor that queue gives.
 *
 * A poll that fails is repeated by itself, soon and then at growing distance,
 * and is the probe of a line that is down: queue hears when it goes and when it
 * is back, so that what waits for it leaves at once. One poll a peer; a new
 * MAILBOX_OPEN replaces it.
 */
#include <stdlib.h>
#include <string.h>

#include "deliver.h"
#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"

#define AGAIN_MIN_MS 500
#define AGAIN_SOON_MS 1000	     /* the most at first */
#define SOON_FOR_MS (10 * 60 * 1000) /* then */
#define AGAIN_MAX_MS 60000
#define PROBE_STALL_MS 10000
#define PROBE_CONNECT_MS 4000 /* a lost SYN is repeated after 1 s, then 2 s */
#define CLOCKS_APART_S 300
#define TELL_EVERY (1u << 20) /* bytes pulled between two PULL_PART */

/* --- polling ------------------------------------------------------------ */

struct mailbox {
	struct line *line;
	char name[DF_NAME_LEN + 1]; /* as queue calls the peer */
	uint32_t tag;
	uint64_t cursor;
	struct df_http_call *call; /* NULL between polls */
	uint64_t timer;
	int64_t again_ms;
	int64_t failing_since; /* monotonic; 0 = it works */
	bool told;	       /* queue knows how it is */
	bool again;	       /* cancelled to be asked anew */
	bool apart;	       /* its clock and ours */
	char reason[sizeof((struct df_why *)0)->text]; /* told last */
};

static void poll_now(void *ctx);

static void stop_polling(struct mailbox *b)
{
	df_loop_cancel(df_room_loop(b->line->room), b->timer);
	b->timer = 0;
	if (b->call == NULL)
		free(b);
	else
		df_http_call_cancel(b->call); /* its end frees b */
}

/* remark: what a person should know of a line that is up, or "". */
static void tell_line(struct mailbox *b, enum df_err err,
		      const struct df_why *why, const char *remark)
{
	struct df_msg m;

	b->told = true;
	df_msg_init(&m, DF_MSG_LINE, b->tag);
	df_msg_put_str(&m, DF_M_DESTINATION, b->name);
	df_msg_put_result(&m, err, why);
	df_msg_put_opt(&m, DF_M_REASON, remark);
	tell_queue(b->line->room, &m, NULL, 0);
}

/*
 * The peer says its time with every answer. Clocks that differ break nothing
 * at once, but one day a certificate is "not yet valid" for one of the two.
 */
static bool clocks_differ(const struct df_http_result *r, char *text,
			  size_t cap)
{
	int64_t there_ms, ahead_s;

	text[0] = '\0';
	if (!df_http_result_date(r, &there_ms))
		return false;
	ahead_s = (df_clock_wall_ms() - there_ms) / 1000;
	if (ahead_s > -CLOCKS_APART_S && ahead_s < CLOCKS_APART_S)
		return false;
	df_str_fmt(text, cap,
		   "the clock of this node is %lld minutes %s of the peer's",
		   (long long)(ahead_s < 0 ? -ahead_s : ahead_s) / 60,
		   ahead_s < 0 ? "behind" : "ahead");
	return true;
}

static void poll_later(struct mailbox *b, const struct df_why *why)
{
	int64_t now = df_clock_mono_ms();
	int64_t most;
	uint16_t jitter;

	b->line->down = true;
	if (b->failing_since == 0) {
		df_log(DF_LOG_WARN, "mailbox.unreachable", DF_F_ERR(why));
		b->failing_since = now;
		b->reason[0] = '\0';
	}
	if (strcmp(b->reason, why->text) != 0) { /* the first one, or another */
		df_str_fmt(b->reason, sizeof b->reason, "%s", why->text);
		tell_line(b, why->err, why, NULL);
	}
	df_random(&jitter, sizeof jitter);
	b->timer = df_loop_timer(df_room_loop(b->line->room),
				 now + b->again_ms + jitter % (b->again_ms / 4),
				 poll_now, b);
	most = now - b->failing_since < SOON_FOR_MS ? AGAIN_SOON_MS
						    : AGAIN_MAX_MS;
	b->again_ms *= 2;
	if (b->again_ms > most)
		b->again_ms = most;
}

static void answered(struct mailbox *b, const struct df_http_result *r)
{
	char remark[120];
	bool apart = clocks_differ(r, remark, sizeof remark);

	if (b->failing_since != 0)
		df_log(DF_LOG_INFO, "mailbox.reachable");
	if (apart && !b->apart)
		df_log(DF_LOG_WARN, "clock.differs", DF_F_WORD("how", remark));
	if (b->failing_since != 0 || !b->told || apart || b->apart)
		tell_line(b, DF_OK, NULL, remark);
	b->apart = apart;
	b->line->down = false;
	b->failing_since = 0;
	b->again_ms = AGAIN_MIN_MS;
}

static void tell_mail(struct mailbox *b, const struct df_peer_mail *mail)
{
	char hex[DF_PEER_PARCEL_HEX + 1];
	struct df_msg m;

	df_parcel_id_encode(hex, &mail->id);
	df_msg_init(&m, DF_MSG_MAIL, b->tag);
	df_msg_put_str(&m, DF_M_DESTINATION, b->name);
	df_msg_put_u64(&m, DF_M_CURSOR, mail->sequence);
	df_msg_put_str(&m, DF_M_PARCEL, hex);
	df_msg_put_u64(&m, DF_M_LENGTH, mail->size_bytes);
	tell_queue(b->line->room, &m, NULL, 0);
}

static void polled(void *ctx, struct df_http_result *r)
{
	static struct df_peer_mail mail[DF_PEER_MAIL_MAX]; /* one thread */
	struct df_text json = {(const char *)r->body.ptr, r->body.len};
	struct mailbox *b = ctx;
	struct df_why why = {0};
	uint64_t cursor;
	enum df_err rc;
	size_t n = 0;
	bool probe;

	b->call = NULL;
	if (b->line->mailbox != b) { /* replaced while it was asking */
		free(b);
		return;
	}
	if (b->again) {
		poll_now(b);
		return;
	}
	rc = http_outcome(r, 200, &why);
	if (rc == DF_OK)
		rc = df_peer_mail_decode(json, &cursor, mail, &n, &why);
	if (rc != DF_OK) {
		poll_later(b, &why);
		return;
	}
	probe = b->failing_since != 0 || !b->told;
	answered(b, r);
	if (n == 0) {
		/* a peer that answers a long poll at once with nothing is not
		 * asked in a circle */
		b->timer = df_loop_timer(
			df_room_loop(b->line->room),
			df_clock_mono_ms() +
				(probe || r->elapsed_ms >= 1000 ? 0 : 1000),
			poll_now, b);
		return;
	}
	b->line->mailbox = NULL;
	tell_mail(b, &mail[0]);
	free(b);
}

static void poll_now(void *ctx)
{
	struct mailbox *b = ctx;
	const struct df_config *cfg = df_room_config(b->line->room);
	bool probe = b->failing_since != 0 || !b->told || b->again;
	long long wait_s = probe ? 0 : (long long)cfg->line.poll_s;
	struct df_http_request rq = {
		.method = "GET",
		.max_response = DF_PEER_JSON_MAX,
		.stall_ms = probe ? PROBE_STALL_MS : (wait_s + 30) * 1000,
		.fresh = probe, /* what was open may be dead */
		.patient = true,
		.connect_ms = probe ? PROBE_CONNECT_MS : 0,
		.done = polled,
		.ctx = b,
	};
	struct df_why why = {0};
	char path[96];

	b->timer = 0;
	b->again = false;
	df_str_fmt(path, sizeof path, "/peer/v1/mailbox?after=%llu&wait=%lld",
		   (unsigned long long)b->cursor, wait_s);
	if (line_start(b->line, &rq, path, &b->call, &why) != DF_OK)
		poll_later(b, &why);
}

void mailbox_look(struct line *line)
{
	struct mailbox *b = line->mailbox;

	if (b == NULL || b->failing_since != 0)
		return; /* it does so soon */
	df_loop_cancel(df_room_loop(line->room), b->timer);
	b->timer = 0;
	if (b->call == NULL) {
		b->again = true;
		poll_now(b);
	} else if (!b->again) {
		b->again = true;
		df_http_call_cancel(b->call);
	}
}

/* Keys may not have answered yet, so a line may have to be waited for. */
struct opening {
	struct df_room *room;
	char name[DF_NAME_LEN + 1];
	uint32_t tag;
	uint64_t cursor;
};

static void open_line(void *ctx)
{
	struct opening *o = ctx;
	struct df_why why = {0};
	struct mailbox *b;
	struct line *line;
	enum df_err rc = line_get(o->room, df_text_of(o->name), &line, &why);

	if (rc == DF_E_AGAIN) {
		(void)df_loop_timer(df_room_loop(o->room),
				    df_clock_mono_ms() + 200, open_line,
				    o); /* fires once, frees o */
		return;
	}
	if (rc != DF_OK) {
		df_log(DF_LOG_WARN, "mailbox.closed", DF_F_ERR(&why));
		free(o);
		return;
	}
	if (line->mailbox != NULL) {
		b = line->mailbox;
		line->mailbox = NULL;
		stop_polling(b);
	}
	b = df_xcalloc(1, sizeof *b);
	b->line = line;
	memcpy(b->name, o->name, sizeof b->name);
	b->tag = o->tag;
	b->cursor = o->cursor;
	b->again_ms = AGAIN_MIN_MS;
	line->mailbox = b;
	free(o);
	poll_now(b);
}

DELIVER_HANDLER(mailbox_open)
{
	struct opening *o = df_xcalloc(1, sizeof *o);

	(void)from;
	(void)fds;
	(void)n_fds;
	o->room = room;
	o->tag = m->tag;
	if (!df_msg_get_str(m, DF_M_DESTINATION, o->name, sizeof o->name))
		df_bug("MAILBOX_OPEN is not whole");
	(void)df_msg_get_u64(m, DF_M_CURSOR, &o->cursor); /* absent: 0 */
	open_line(o);
}

/* --- pulling ------------------------------------------------------------ */

struct pulling {
	struct df_room *room;
	uint32_t tag;
	int fd;
	uint64_t offset; /* next byte to write */
	uint64_t size;
	uint64_t told;
};

static void tell_part(struct pulling *p)
{
	struct df_msg m;

	p->told = p->offset;
	df_msg_init(&m, DF_MSG_PULL_PART, p->tag);
	df_msg_put_u64(&m, DF_M_OFFSET, p->offset);
	tell_queue(p->room, &m, NULL, 0);
}

static enum df_err take_bytes(void *ctx, const void *ptr, size_t len,
			      struct df_why *why)
{
	struct pulling *p = ctx;
	enum df_err rc;

	if (len > p->size - p->offset)
		return df_fail(why, DF_E_LIMIT, "parcel is longer than said");
	rc = df_pwrite_all(p->fd, ptr, len, p->offset, why);
	if (rc != DF_OK)
		return rc;
	p->offset += len;
	if (p->offset - p->told >= TELL_EVERY && p->offset < p->size)
		tell_part(p);
	return DF_OK;
}

static void end_pull(struct pulling *p, enum df_err err,
		     const struct df_why *why)
{
	struct df_msg m;

	df_fd_close(&p->fd);
	df_msg_init(&m, DF_MSG_JOB_DONE, p->tag);
	df_msg_put_result(&m, err, why);
	df_msg_put_u64(&m, DF_M_OFFSET, p->offset);
	tell_queue(p->room, &m, NULL, 0);
	free(p);
}

static void pulled(void *ctx, struct df_http_result *r)
{
	struct pulling *p = ctx;
	struct df_why why = {0};
	enum df_err rc = http_outcome(r, 206, &why);

	if (rc == DF_OK && p->offset != p->size)
		rc = df_fail(&why, DF_E_PEER, "parcel ended too early");
	end_pull(p, rc, &why);
}

DELIVER_HANDLER(pull)
{
	struct pulling *p = df_xcalloc(1, sizeof *p);
	char range[64], path[64], hex[DF_PEER_PARCEL_HEX + 1];
	const char *headers[] = {range};
	struct df_http_request rq = {.method = "GET",
				     .headers = headers,
				     .n_headers = 1,
				     .max_response = 4096,
				     .sink_status = 206,
				     .sink = take_bytes,
				     .done = pulled,
				     .ctx = p};
	struct df_why why = {0};
	struct df_text name;
	struct line *line;
	uint64_t total_ms = 0;
	enum df_err rc;

	(void)from;
	if (n_fds != 1 || !df_msg_get(m, DF_M_DESTINATION, &name) ||
	    !df_msg_get_str(m, DF_M_PARCEL, hex, sizeof hex) ||
	    !df_msg_get_u64(m, DF_M_LENGTH, &p->size))
		df_bug("PULL is not whole");
	p->room = room;
	p->tag = m->tag;
	(void)df_msg_get_u64(m, DF_M_OFFSET, &p->offset); /* absent: 0 */
	(void)df_msg_get_u64(m, DF_M_WAIT_MS, &total_ms); /* or no limit */
	rq.total_ms = (int64_t)total_ms;
	p->told = p->offset;
	p->fd = df_fd_take(&fds[0]);
	if (p->offset >= p->size) { /* nothing left to fetch */
		end_pull(p, DF_OK, NULL);
		return;
	}
	df_str_fmt(range, sizeof range, "Range: bytes=%llu-%llu",
		   (unsigned long long)p->offset,
		   (unsigned long long)p->size - 1);
	df_str_fmt(path, sizeof path, "/peer/v1/parcels/%s", hex);
	rc = line_get(room, name, &line, &why);
	if (rc == DF_OK)
		rc = line_start(line, &rq, path, NULL, &why);
	if (rc != DF_OK)
		end_pull(p, rc, &why);
}
