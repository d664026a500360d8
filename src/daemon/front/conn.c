/*
 * conn.c - accepting, with one policy for every door.
 *
 * A silent connection costs a descriptor and a small struct here, and no
 * process. Beyond the caps a newcomer is closed at once; those inside stay.
 *
 * An address answers for strangers: modalities, and TLS callers that have not
 * shown a certificate of our centre. Many clinics may call from one (address
 * translation, a VPN), so an enrolled peer is counted by its key instead. At
 * the TLS door nobody is refused for what others of that address or peer have
 * open: the oldest stranger there ends, or the peer's own stillest connection.
 * So a clinic whose line broke comes in although its old connections look
 * alive, and a crowd shuts out nobody who takes less time to show who it is
 * than the crowd to be renewed. TLS strangers have half of all places.
 */
#include "front.h"

#include <stdlib.h>
#include <string.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"

#define ACCEPTS_PER_EVENT 64
#define RETRY_MS 100 /* no descriptors left: look again after this */

void conn_deadline(struct conn *c, int64_t in_ms, df_loop_fn *run)
{
	struct df_loop *loop = df_room_loop(c->f->room);

	df_loop_cancel(loop, c->timer);
	c->timer = df_loop_timer(loop, df_clock_mono_ms() + in_ms, run, c);
}

void conn_end(struct conn *c)
{
	struct df_loop *loop = df_room_loop(c->f->room);

	df_loop_cancel(loop, c->timer);
	association_forget(c);
	if (c->fd >= 0)
		df_loop_unwatch(loop, c->fd);
	tls_release(c);
	df_fd_close(&c->fd);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		c->f->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->f->n_conns--;
	free(c);
}

static bool is_stranger(const struct conn *c)
{
	return c->peer.s[0] == '\0';
}

struct strangers {
	int64_t at_tls;
	int64_t from_there;	   /* DICOM too */
	struct conn *oldest;	   /* at TLS */
	struct conn *oldest_there; /* at TLS, from that address */
};

static struct strangers strangers(const struct front *f, const char *address)
{
	struct strangers s = {0};
	struct conn *c;

	for (c = f->conns; c != NULL; c = c->next) { /* the newest is first */
		bool there = strcmp(c->address, address) == 0;

		if (!is_stranger(c))
			continue;
		s.from_there += there;
		if (c->kind != CONN_TLS)
			continue;
		s.at_tls++;
		s.oldest = c;
		if (there)
			s.oldest_there = c;
	}
	return s;
}

static void say_full(struct front *f, const char *address, const char *word)
{
	if (!f->full_said) /* once, not for each of a flood */
		df_log(DF_LOG_WARN, "connection.refused", DF_F_ADDR(address),
		       DF_F_WORD("reason", word));
	f->full_said = true;
}

static bool is_admitted(struct front *f, enum conn_kind kind,
			const char *address)
{
	const struct df_config *cfg = df_room_config(f->room);
	struct strangers s = strangers(f, address);
	bool many_there = s.from_there >= cfg->receive.max_per_address;
	bool many = s.at_tls >= cfg->receive.max_connections / 2;

	if (f->n_conns >= cfg->receive.max_connections) {
		say_full(f, address, "too many connections");
		return false;
	}
	if (many_there && (kind == CONN_DICOM || s.oldest_there == NULL)) {
		say_full(f, address, "too many from one address");
		return false;
	}
	if (kind == CONN_TLS && (many_there || many)) {
		say_full(f, address, "the oldest stranger goes");
		conn_end(many_there ? s.oldest_there : s.oldest);
		return true;
	}
	f->full_said = false;
	return true;
}

void conn_known(struct conn *c, const struct df_digest *peer)
{
	const struct df_config *cfg = df_room_config(c->f->room);
	struct conn *other, *stillest = NULL;
	int64_t n = 1;

	c->peer = df_digest_hex(peer);
	for (other = c->f->conns; other != NULL; other = other->next) {
		if (other == c || strcmp(other->peer.s, c->peer.s) != 0)
			continue;
		n++;
		if (stillest == NULL ||
		    tls_moved_ms(other) < tls_moved_ms(stillest))
			stillest = other;
	}
	if (n <= cfg->receive.max_per_peer)
		return;
	df_log(DF_LOG_DEBUG, "connection.dropped",
	       DF_F_ADDR(stillest->address),
	       DF_F_WORD("peer", c->peer.s),
	       DF_F_WORD("reason", "this peer has opened more since"));
	conn_end(stillest);
}

static void conn_begin(struct front *f, enum conn_kind kind, int fd,
		       const char *address)
{
	struct conn *c = df_xcalloc(1, sizeof *c);

	c->kind = kind;
	c->fd = fd;
	c->f = f;
	df_str_fmt(c->address, sizeof c->address, "%s", address);
	c->next = f->conns;
	if (f->conns != NULL)
		f->conns->prev = c;
	f->conns = c;
	f->n_conns++;
	df_sock_tune(fd);
	if (kind == CONN_DICOM) {
		association_begin(c);
	} else {
		df_sock_far(fd);
		tls_begin(c);
	}
}

static void rest_over(void *ctx)
{
	listeners_watch(ctx);
}

static void listeners_rest(struct front *f)
{
	struct df_loop *loop = df_room_loop(f->room);
	size_t i;

	for (i = 0; i < f->n_listeners; i++) {
		df_loop_unwatch(loop, f->listeners[i].fd);
		f->listeners[i].watched = false;
	}
	(void)df_loop_timer(loop, df_clock_mono_ms() + RETRY_MS, rest_over, f);
}

static void listener_ready(void *ctx, int fd, unsigned events)
{
	char address[DF_ADDR_LEN + 1];
	struct listener *l = ctx;
	struct df_why why = {0};
	enum df_err err;
	int i, newcomer;

	(void)events; /* whatever it is, accept tells */
	for (i = 0; i < ACCEPTS_PER_EVENT; i++) {
		err = df_sock_accept(&newcomer, fd, address, &why);
		if (err == DF_E_AGAIN)
			return;
		if (err != DF_OK) {
			df_log(DF_LOG_WARN, "accept.failed", DF_F_ERR(&why));
			listeners_rest(l->f);
			return;
		}
		if (is_admitted(l->f, l->kind, address))
			conn_begin(l->f, l->kind, newcomer, address);
		else
			df_fd_close(&newcomer);
	}
}

void listeners_watch(struct front *f)
{
	struct listener *l;
	size_t i;

	for (i = 0; i < f->n_listeners; i++) {
		l = &f->listeners[i];
		/* TLS callers wait in the kernel until we know who we are */
		if (l->watched || l->fd < 0 ||
		    (l->kind == CONN_TLS && f->ssl_ctx == NULL))
			continue;
		if (df_loop_watch(df_room_loop(f->room), l->fd, DF_LOOP_READ,
				  listener_ready, l) != DF_OK)
			df_bug("cannot watch a listener");
		l->watched = true;
	}
}

void listeners_close(struct front *f)
{
	size_t i;

	for (i = 0; i < f->n_listeners; i++) {
		if (f->listeners[i].fd >= 0)
			df_loop_unwatch(df_room_loop(f->room),
					f->listeners[i].fd);
		df_fd_close(&f->listeners[i].fd);
	}
}
