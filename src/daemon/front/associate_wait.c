/*
 * associate_wait.c - waits for a whole A-ASSOCIATE-RQ, then passes the socket on.
 *
 * Nothing is read: the request is looked at where it lies in the kernel, and
 * the low water mark keeps the socket quiet until the rest is there. The first
 * six bytes are type, reserved, length (PS3.8 9.3.1); nothing else is parsed.
 */
#include "front.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"

#define ARTIM_MS 10000 /* PS3.8 9.1.4 */
#define LINE_MS 30000  /* for a worker, when all are busy */
#define LOOK_MS 20     /* woken too early: look again after this */
#define HEAD 6
#define PDU_MAX 65536u
#define A_ASSOCIATE_RQ 0x01

static void ready(void *ctx, int fd, unsigned events);

static void drop(struct conn *c, const char *reason)
{
	df_log(DF_LOG_INFO, "connection.dropped", DF_F_ADDR(c->address),
	       DF_F_WORD("reason", reason));
	conn_end(c);
}

static void silent(void *ctx)
{
	drop(ctx, "no association request in time");
}

/* A-ASSOCIATE-RJ: transient, presentation, local limit exceeded. */
static void no_worker(void *ctx)
{
	static const uint8_t rj[] = {3, 0, 0, 0, 0, 4, 0, 2, 3, 2};
	static uint8_t rest[HEAD + PDU_MAX];
	struct conn *c = ctx;

	/* what is unread at the close would turn our answer into a reset */
	(void)!recv(c->fd, rest, sizeof rest, MSG_DONTWAIT);
	/* lost when the peer has gone: nobody there to miss it */
	(void)!send(c->fd, rj, sizeof rj, MSG_NOSIGNAL | MSG_DONTWAIT);
	drop(c, "no worker free in time");
}

/* --- the line ------------------------------------------------------------- */

void association_forget(struct conn *c)
{
	struct conn **at = &c->f->line;

	if (!c->complete)
		return;
	while (*at != c)
		at = &(*at)->line_next;
	*at = c->line_next;
	c->complete = false;
	c->f->line_last = NULL;
	for (c = c->f->line; c != NULL; c = c->line_next)
		c->f->line_last = c;
}

static void pass(struct conn *c)
{
	struct front *f = c->f;
	struct df_msg m;

	association_forget(c);
	df_loop_unwatch(df_room_loop(f->room), c->fd);
	df_sock_plain(c->fd);
	df_sock_tune(c->fd);
	df_msg_init(&m, DF_MSG_ACCEPTED, 0);
	df_msg_put_str(&m, DF_M_ADDRESS, c->address);
	if (df_room_send(df_room_link(f->room, DF_ROLE_SUPERVISE, 0), &m,
			 &c->fd, 1) == DF_OK)
		f->passed++;
	conn_end(c);
}

static void line_move(struct front *f)
{
	const struct df_config *cfg = df_room_config(f->room);

	while (f->line != NULL && f->passed < cfg->receive.max_associations)
		pass(f->line);
}

void worker_gone(struct df_room *room, struct df_link *from,
		 const struct df_msg *m, int *fds, size_t n_fds)
{
	struct front *f = df_room_ctx(room);

	(void)from; /* only supervise says it */
	(void)m;
	(void)fds;
	(void)n_fds;
	if (f->passed > 0) /* it may have come from a front before us */
		f->passed--;
	line_move(f);
}

/* --- waiting for the request ---------------------------------------------- */

static void join_line(struct conn *c)
{
	struct front *f = c->f;

	c->complete = true;
	c->line_next = NULL;
	if (f->line == NULL)
		f->line = c;
	else
		f->line_last->line_next = c;
	f->line_last = c;
	df_loop_modify(df_room_loop(f->room), c->fd, 0);
	conn_deadline(c, LINE_MS, no_worker);
	line_move(f);
}

static void look_again(void *ctx)
{
	struct conn *c = ctx;

	df_loop_modify(df_room_loop(c->f->room), c->fd, DF_LOOP_READ);
	conn_deadline(c, c->until_ms - df_clock_mono_ms(), silent);
}

static void ready(void *ctx, int fd, unsigned events)
{
	static uint8_t seen[HEAD + PDU_MAX];
	struct conn *c = ctx;
	bool gone;
	uint32_t want;
	long n;

	if (events & DF_LOOP_HANGUP) {
		conn_end(c);
		return;
	}
	n = df_sock_peek(fd, seen, sizeof seen, &gone);
	if (gone) { /* port scanners and health checks: no word about them */
		conn_end(c);
		return;
	}
	if (n >= 1 && seen[0] != A_ASSOCIATE_RQ) {
		drop(c, "not a DICOM association request");
		return;
	}
	want = n < HEAD ? 0 : df_get_u32(seen + 2);
	if (want > PDU_MAX) {
		drop(c, "association request too long");
		return;
	}
	want += HEAD;
	if (n >= (long)want && n >= HEAD) {
		join_line(c);
		return;
	}
	df_sock_tune(fd); /* the rest must not wait for our acknowledgement */
	if (c->mark != want) {
		c->mark = want;
		df_sock_low_water(fd, (int)want);
		return;
	}
	/* The mark does not hold (a small window, the stream ended half way):
	 * look away for a moment instead of spinning. */
	if (df_clock_mono_ms() >= c->until_ms) {
		silent(c);
		return;
	}
	df_loop_modify(df_room_loop(c->f->room), fd, 0);
	conn_deadline(c, LOOK_MS, look_again);
}

void association_begin(struct conn *c)
{
	c->mark = HEAD;
	c->until_ms = df_clock_mono_ms() + ARTIM_MS;
	df_sock_low_water(c->fd, HEAD);
	if (df_loop_watch(df_room_loop(c->f->room), c->fd, DF_LOOP_READ, ready,
			  c) != DF_OK)
		df_bug("cannot watch a connection");
	conn_deadline(c, ARTIM_MS, silent);
}
