/*
 * conn.c - accepting, with one policy for every door.
 *
 * A silent connection costs a descriptor and a small struct here, and no
 * process. Beyond the caps a newcomer is closed at once; those inside stay.
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

static int64_t from_address(const struct front *f, const char *address)
{
	const struct conn *c;
	int64_t n = 0;

	for (c = f->conns; c != NULL; c = c->next)
		if (strcmp(c->address, address) == 0)
			n++;
	return n;
}

static bool is_admitted(struct front *f, const char *address)
{
	const struct df_config *cfg = df_room_config(f->room);
	const char *word = NULL;

	if (f->n_conns >= cfg->receive.max_connections)
		word = "too many connections";
	else if (from_address(f, address) >= cfg->receive.max_per_address)
		word = "too many from one address";
	if (word == NULL) {
		f->full_said = false;
		return true;
	}
	if (!f->full_said) /* once, not for each of a flood */
		df_log(DF_LOG_WARN, "connection.refused", DF_F_ADDR(address),
		       DF_F_WORD("reason", word));
	f->full_said = true;
	return false;
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
	if (kind == CONN_DICOM)
		association_begin(c);
	else
		tls_begin(c);
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
		if (is_admitted(l->f, address))
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
