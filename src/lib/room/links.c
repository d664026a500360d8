/*
 * links.c - connections to other rooms: sending, receiving, ending.
 *
 * A link that breaks inside a turn stays valid until the turn is over: then
 * its calls are answered with DF_E_PEER, link_down runs, and it is freed.
 */
#include "room_private.h"

#include <stdlib.h>
#include <string.h>

#include "df/clock.h"
#include "df/log.h"

#define READS_PER_EVENT 32 /* so that one busy peer starves nobody */

static void watch(struct link *l)
{
	unsigned events = DF_LOOP_READ;

	if (l->face.room->loop == NULL || l->ch.fd < 0)
		return;
	if (df_channel_waits(&l->ch) && !l->deaf)
		events |= DF_LOOP_WRITE;
	df_loop_modify(l->face.room->loop, l->ch.fd, events);
}

struct df_link *df_room_link(struct df_room *room, enum df_role role,
			     uint32_t number)
{
	struct link *l;

	for (l = room->links; l != NULL; l = l->next)
		if (l->face.role == role && !l->broken &&
		    (number == DF_ANY_NUMBER || l->face.number == number))
			return &l->face;
	return NULL;
}

struct df_link *df_room_link_next(struct df_room *room, enum df_role role,
				  const struct df_link *after)
{
	struct link *l =
		after == NULL ? room->links : df_link_inside(after)->next;

	while (l != NULL && (l->face.role != role || l->broken))
		l = l->next;
	return l == NULL ? NULL : &l->face;
}

size_t df_link_backlog(const struct df_link *link)
{
	return df_link_inside(link)->ch.backlog_bytes;
}

/* --- sending ------------------------------------------------------------- */

static void fds_close(int *fds, size_t n_fds)
{
	size_t i;

	for (i = 0; i < n_fds; i++)
		df_fd_close(&fds[i]);
}

static enum df_err put(struct link *l, int *fds, size_t n_fds)
{
	struct df_room *room = l->face.room;
	struct df_why why = {0};
	bool waited = df_channel_waits(&l->ch);
	enum df_err err;

	if (room->loop == NULL)
		err = df_channel_send_now(&l->ch, room->out.ptr, room->out.len,
					  fds, n_fds, -1, &why);
	else
		err = df_channel_send(&l->ch, room->out.ptr, room->out.len, fds,
				      n_fds, &why);
	if (err == DF_OK) {
		if (df_channel_waits(&l->ch) != waited)
			watch(l);
		return DF_OK;
	}
	l->deaf = true; /* the end of its messages will show in reading */
	if (err != DF_E_PEER) {
		df_log(DF_LOG_ERROR, "link.broken",
		       DF_F_WORD("peer", df_role_name(l->face.role)),
		       DF_F_ERR(&why));
		df_room_link_drop(&l->face);
	}
	return DF_E_PEER;
}

enum df_err df_room_send(struct df_link *link, struct df_msg *m, int *fds,
			 size_t n_fds)
{
	struct link *l = link == NULL ? NULL : df_link_inside(link);
	struct df_why why = {0};
	enum df_err err = DF_E_PEER;
	struct df_buf *out;

	if (l != NULL && !l->deaf && !l->broken) {
		out = &link->room->out;
		err = df_msg_encode(m, out, &why);
		if (err == DF_OK)
			err = put(l, fds, n_fds);
		else if (err == DF_E_NOMEM) /* somebody waits for it */
			df_bug("out of memory for message %s",
			       df_msg_name(m->type));
		else
			df_log(DF_LOG_ERROR, "message.unsendable",
			       DF_F_WORD("type", df_msg_name(m->type)),
			       DF_F_ERR(&why));
		explicit_bzero(out->ptr, out->len); /* may hold keys */
		df_buf_clear(out);
	}
	fds_close(fds, n_fds);
	df_msg_release(m);
	return err;
}

/* --- receiving ----------------------------------------------------------- */

void df_link_stash(struct link *l, const uint8_t *ptr, size_t len, int *fds,
		   size_t n_fds)
{
	struct stash *s = df_xmalloc(sizeof *s + len);

	s->next = NULL;
	s->len = len;
	s->n_fds = n_fds;
	memcpy(s->fds, fds, sizeof s->fds[0] * n_fds);
	memcpy(s->bytes, ptr, len);
	if (l->stash_last == NULL)
		l->stash = s;
	else
		l->stash_last->next = s;
	l->stash_last = s;
	df_room_wake(l->face.room);
}

static void stash_free(struct link *l)
{
	struct stash *s = l->stash;

	l->stash = s->next;
	if (l->stash == NULL)
		l->stash_last = NULL;
	explicit_bzero(s->bytes, s->len); /* may hold keys */
	free(s);
}

enum df_err df_link_take(struct link *l, uint8_t *buf, size_t *len, int *fds,
			 size_t *n_fds, struct df_why *why)
{
	struct stash *s = l->stash;

	if (s == NULL)
		return df_channel_receive(&l->ch, buf, DF_CHANNEL_MAX, len, fds,
					  n_fds, why);
	*len = s->len;
	*n_fds = s->n_fds;
	memcpy(buf, s->bytes, s->len);
	memcpy(fds, s->fds, sizeof fds[0] * s->n_fds);
	stash_free(l);
	return DF_OK;
}

static void unknown(struct link *l, const struct df_msg *m)
{
	df_log(DF_LOG_ERROR, "message.unknown",
	       DF_F_WORD("from", df_role_name(l->face.role)),
	       DF_F_WORD("type", df_msg_name(m->type)));
	df_room_fail(l->face.room);
}

static void dispatch(struct link *l, const struct df_msg *m, int *fds,
		     size_t n_fds)
{
	struct df_room *room = l->face.room;
	const struct df_handler *h;
	size_t i;

	if (l->face.role == DF_ROLE_SUPERVISE &&
	    df_room_own_message(room, m, fds, n_fds))
		return;
	for (i = 0; i < room->spec->n_handlers; i++) {
		h = &room->spec->handlers[i];
		if (h->type == m->type && h->from == l->face.role) {
			h->run(room, &l->face, m, fds, n_fds);
			return;
		}
	}
	if (!df_call_deliver(l, m, fds, n_fds))
		unknown(l, m);
}

/* One message, if there is one. False when the link has no more for now. */
static bool read_one(struct link *l)
{
	struct df_room *room = l->face.room;
	int fds[DF_CHANNEL_FDS];
	struct df_why why = {0};
	struct df_msg m;
	size_t len, n_fds;
	enum df_err err;

	err = df_link_take(l, room->in, &len, fds, &n_fds, &why);
	if (err == DF_E_AGAIN)
		return false;
	if (err == DF_OK)
		err = df_msg_decode(&m, room->in, len, &why);
	if (err == DF_OK) {
		dispatch(l, &m, fds, n_fds);
		fds_close(fds, n_fds);
		explicit_bzero(room->in, len); /* may hold keys */
		return !room->stopped && !l->broken;
	}
	if (err != DF_E_PEER) {
		df_log(DF_LOG_ERROR, "message.bad",
		       DF_F_WORD("from", df_role_name(l->face.role)),
		       DF_F_ERR(&why));
		fds_close(fds, n_fds);
	}
	df_room_link_drop(&l->face);
	return false;
}

static void link_ready(void *ctx, int fd, unsigned events)
{
	struct link *l = ctx;
	size_t i;

	(void)fd; /* is l->ch.fd */
	if (events & DF_LOOP_WRITE) {
		if (df_channel_flush(&l->ch, NULL) == DF_E_PEER)
			l->deaf = true;
		watch(l);
	}
	if ((events & (DF_LOOP_READ | DF_LOOP_HANGUP)) == 0)
		return;
	for (i = 0; i < READS_PER_EVENT; i++)
		if (!read_one(l))
			return;
}

/* --- beginning and end --------------------------------------------------- */

struct df_link *df_room_link_add(struct df_room *room, enum df_role role,
				 uint32_t number, int fd)
{
	struct df_link *old = df_room_link(room, role, number);
	struct link *l = df_xcalloc(1, sizeof *l);
	struct link **at = &room->links;

	if (old != NULL) { /* its end has not reached us yet */
		df_room_link_drop(old);
		if (room->loop == NULL) {
			df_links_reap(room);
			room->replaced |= 1u << role;
		}
	}
	l->face =
		(struct df_link){.role = role,
				 .number = number,
				 .serial = ++room->links_made,
				 .room = room};
	df_channel_init(&l->ch, fd);
	while (*at != NULL)
		at = &(*at)->next;
	*at = l;
	if (room->loop == NULL)
		return &l->face;
	if (df_loop_watch(room->loop, fd, DF_LOOP_READ, link_ready, l) != DF_OK)
		df_bug("cannot watch a link");
	if (room->spec->link_up != NULL)
		room->spec->link_up(room, &l->face);
	return &l->face;
}

static void again(void *ctx)
{
	struct df_room *room = ctx;

	room->wake = 0; /* one more turn is all it is for */
}

void df_room_wake(struct df_room *room)
{
	if (room->loop != NULL && room->wake == 0)
		room->wake = df_loop_timer(room->loop, df_clock_mono_ms(),
					   again, room);
}

void df_room_link_drop(struct df_link *link)
{
	df_link_inside(link)->broken = true;
	df_room_wake(link->room);
}

void df_link_free(struct link *l)
{
	size_t i;

	if (l->face.room->loop != NULL)
		df_loop_unwatch(l->face.room->loop, l->ch.fd);
	while (l->stash != NULL) {
		for (i = 0; i < l->stash->n_fds; i++)
			df_fd_close(&l->stash->fds[i]);
		stash_free(l);
	}
	while (l->calls != NULL)
		df_call_remove(l->calls);
	df_channel_release(&l->ch);
	free(l);
}

static void reap(struct df_room *room, struct link **at)
{
	const struct df_room_spec *spec = room->spec;
	struct link *l = *at;
	enum df_role role = l->face.role;

	*at = l->next;
	df_calls_fail(l);
	if (room->loop != NULL && spec->link_down != NULL)
		spec->link_down(room, &l->face);
	df_link_free(l);
	if (room->loop == NULL || room->stopped)
		return;
	if (role == DF_ROLE_SUPERVISE && spec->role != DF_ROLE_SUPERVISE)
		df_room_stop(room);
	else if (spec->exit_without & (1u << role))
		df_room_stop(room);
}

void df_links_deliver(struct df_room *room)
{
	struct link *l;

	for (l = room->links; l != NULL; l = l->next)
		while (l->stash != NULL && !l->broken && read_one(l))
			;
}

void df_links_reap(struct df_room *room)
{
	struct link **at = &room->links;

	while (*at != NULL) {
		if (!(*at)->broken) {
			at = &(*at)->next;
			continue;
		}
		reap(room, at);
		at = &room->links; /* callbacks may have changed the list */
	}
}
