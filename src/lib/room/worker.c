/*
 * worker.c - rooms without a loop: wait for a message, ask and wait. Only
 * df_room_ask is for rooms with a loop too. See df/room.h.
 */
#include "room_private.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "df/clock.h"

#define LINKS_MAX 32
#define START_TIMEOUT_MS 30000

static void fds_close(int *fds, size_t n_fds)
{
	size_t i;

	for (i = 0; i < n_fds; i++)
		df_fd_close(&fds[i]);
}

static int64_t left_ms(int64_t deadline_ms)
{
	int64_t left;

	if (deadline_ms < 0)
		return -1;
	left = deadline_ms - df_clock_mono_ms();
	return left < 0 ? 0 : left;
}

static bool is_wanted(const struct link *l, unsigned roles)
{
	return l->face.role == DF_ROLE_SUPERVISE ||
	       (roles & (1u << l->face.role)) != 0;
}

static enum df_err gone(const struct link *l, struct df_why *why)
{
	return df_fail(why, DF_E_PEER, "room '%s' left",
		       df_role_name(l->face.role));
}

/*
 * The first wanted link with something to read, in *to; NULL when the deadline
 * passed first, or the other descriptor (-1 = none) is *readable.
 */
static enum df_err link_wait(struct df_room *room, unsigned roles, int also,
			     int64_t deadline_ms, struct link **to,
			     bool *readable, struct df_why *why)
{
	struct pollfd polls[LINKS_MAX + 1];
	struct link *who[LINKS_MAX], *l;
	nfds_t n = 0, i;
	int64_t left = left_ms(deadline_ms);
	int rc;

	*to = NULL;
	*readable = false;
	for (l = room->links; l != NULL; l = l->next) {
		if (l->stash != NULL && (roles & (1u << l->face.role)) != 0) {
			*to = l;
			return DF_OK;
		}
		if (!is_wanted(l, roles) &&
		    (room->spec->exit_without & (1u << l->face.role)) == 0)
			continue;
		if (n == LINKS_MAX)
			df_bug("too many links for a worker");
		polls[n] = (struct pollfd){.fd = l->ch.fd};
		polls[n].events = is_wanted(l, roles) ? POLLIN : 0;
		who[n++] = l;
	}
	polls[n] = (struct pollfd){.fd = also, .events = POLLIN}; /* -1: none */
	rc = poll(polls, n + 1, left > 3600000 ? 3600000 : (int)left);
	if (rc < 0 && errno != EINTR)
		return df_fail_sys(why, DF_E_IO, "cannot wait for rooms");
	*readable = rc > 0 && polls[n].revents != 0;
	for (i = 0; i < n && rc > 0; i++) {
		if (polls[i].revents == 0)
			continue;
		if (!is_wanted(who[i], roles))
			return gone(who[i], why);
		*to = who[i];
		return DF_OK;
	}
	return DF_OK;
}

/*
 * True when the message is for the caller. What supervise says while nobody
 * listens to it is kept for the one who will.
 */
static bool is_for_caller(struct df_room *room, struct link *l, unsigned roles,
			  const struct df_msg *m, size_t len, int *fds,
			  size_t *n_fds)
{
	struct call *late = df_call_find(room, l, m->tag);

	if (m->tag != 0 && late != NULL) { /* nobody waits for it any more */
		df_call_remove(late);
		return false;
	}
	if (l->face.role != DF_ROLE_SUPERVISE)
		return true;
	(void)df_room_own_message(room, m, fds, *n_fds); /* looked at below */
	if (m->type == DF_MSG_LINK)
		return false;
	if ((roles & DF_ROLE_BIT(SUPERVISE)) != 0)
		return true;
	df_link_stash(l, room->in, len, fds, *n_fds);
	*n_fds = 0;
	return false;
}

/* The one that the caller waits for will not answer: it is another life. */
static bool replaced(struct df_room *room, unsigned roles, struct df_why *why)
{
	bool yes = (room->replaced & roles) != 0;

	room->replaced &= ~roles;
	if (yes)
		(void)df_fail(why, DF_E_PEER, "room began anew");
	return yes;
}

/* One step; DF_E_AGAIN when something happened that the caller need not see. */
static enum df_err wait_step(struct df_room *room, unsigned roles,
			     int64_t deadline_ms, struct df_link **from,
			     struct df_msg *m, int *fds, size_t *n_fds,
			     struct df_why *why)
{
	struct link *l;
	enum df_err err;
	bool readable;
	size_t len;

	err = link_wait(room, roles, -1, deadline_ms, &l, &readable, why);
	if (err != DF_OK)
		return err;
	if (l == NULL && left_ms(deadline_ms) == 0)
		return df_fail(why, DF_E_TIMEOUT, "no message in time");
	if (l == NULL)
		return DF_E_AGAIN;
	if ((roles & (1u << l->face.role)) != 0)
		err = df_link_take(l, room->in, &len, fds, n_fds, why);
	else /* supervise, unasked: past what is kept for later */
		err = df_channel_receive(&l->ch, room->in, DF_CHANNEL_MAX, &len,
					 fds, n_fds, why);
	if (err == DF_E_PEER)
		return gone(l, why);
	if (err != DF_OK)
		return err;
	err = df_msg_decode(m, room->in, len, why);
	if (err == DF_OK && !is_for_caller(room, l, roles, m, len, fds, n_fds))
		err = replaced(room, roles, why) ? DF_E_PEER : DF_E_AGAIN;
	if (err != DF_OK) {
		fds_close(fds, *n_fds);
		return err;
	}
	*from = &l->face;
	return DF_OK;
}

enum df_err df_room_wait(struct df_room *room, unsigned roles,
			 int64_t timeout_ms, struct df_link **from,
			 struct df_msg *m, int *fds, size_t *n_fds,
			 struct df_why *why)
{
	int64_t deadline_ms =
		timeout_ms < 0 ? -1 : df_clock_mono_ms() + timeout_ms;
	enum df_err err;

	room->replaced = 0; /* before this wait */
	do {
		*n_fds = 0;
		err = wait_step(room, roles, deadline_ms, from, m, fds, n_fds,
				why);
	} while (err == DF_E_AGAIN);
	return err;
}

enum df_err df_room_wait_fd(struct df_room *room, unsigned roles, int fd,
			    int64_t timeout_ms, bool *readable,
			    struct df_why *why)
{
	int64_t deadline_ms =
		timeout_ms < 0 ? -1 : df_clock_mono_ms() + timeout_ms;
	struct link *l;
	enum df_err err;

	do {
		err = link_wait(room, roles, fd, deadline_ms, &l, readable,
				why);
		if (err != DF_OK || l != NULL || *readable)
			return err;
	} while (left_ms(deadline_ms) != 0);
	return df_fail(why, DF_E_TIMEOUT, "nothing in time");
}

enum df_err df_room_open(struct df_room **to, int argc, char **argv,
			 const struct df_room_spec *spec, unsigned needs,
			 struct df_why *why)
{
	int64_t deadline_ms = df_clock_mono_ms() + START_TIMEOUT_MS;
	int fds[DF_CHANNEL_FDS];
	struct df_link *from;
	struct df_room *room;
	struct df_msg m;
	enum df_err err;
	size_t n_fds;
	int role;

	(void)argc; /* rooms have no arguments: all comes with START */
	(void)argv;
	*to = NULL;
	err = df_room_begin(&room, spec, false, why);
	if (err != DF_OK)
		return err;
	for (role = 1; role < DF_ROLE_COUNT && err == DF_OK; role++) {
		while ((needs & (1u << role)) != 0 &&
		       df_room_link(room, (enum df_role)role, DF_ANY_NUMBER) ==
			       NULL) {
			err = wait_step(room, 0, deadline_ms, &from, &m, fds,
					&n_fds, why);
			if (err != DF_E_AGAIN)
				break;
			err = DF_OK;
			/* who is to end gets no more links */
			if (room->draining) {
				err = df_fail(why, DF_E_CANCELLED,
					      "told to end before it began");
				break;
			}
		}
	}
	if (err != DF_OK) {
		df_room_free(room);
		return err;
	}
	df_room_ready(room);
	*to = room;
	return DF_OK;
}

void df_room_close(struct df_room *room)
{
	df_room_free(room);
}

/* --- ask ------------------------------------------------------------------ */

uint32_t df_room_request(struct df_room *room, struct df_link *link,
			 struct df_msg *m, int *fds, size_t n_fds)
{
	uint32_t tag = df_tag_new(room);

	m->tag = tag;
	return df_room_send(link, m, fds, n_fds) == DF_OK ? tag : 0;
}

/* All that waits in our memory goes out first, with the request at its end. */
static enum df_err flush(struct link *l, int64_t deadline_ms,
			 struct df_why *why)
{
	struct pollfd p = {.fd = l->ch.fd, .events = POLLOUT};
	enum df_err err;

	for (;;) {
		err = df_channel_flush(&l->ch, why);
		if (err != DF_E_AGAIN)
			return err;
		if (left_ms(deadline_ms) == 0)
			return df_fail(why, DF_E_TIMEOUT, "room does not read");
		(void)poll(&p, 1, (int)left_ms(deadline_ms)); /* see above */
	}
}

/* Receives until the message with this tag is in room->in_ask. */
static enum df_err reply_wait(struct link *l, uint32_t tag, int64_t deadline_ms,
			      struct df_msg *reply, int *fds, size_t *n_fds,
			      struct df_why *why)
{
	uint8_t *in = l->face.room->in_ask;
	enum df_err err;
	size_t len;

	for (;;) {
		err = df_channel_receive(&l->ch, in, DF_CHANNEL_MAX, &len, fds,
					 n_fds, why);
		if (err == DF_E_AGAIN) {
			err = df_channel_wait(&l->ch, left_ms(deadline_ms),
					      why);
			if (err != DF_OK)
				return err;
			continue;
		}
		if (err != DF_OK)
			return err;
		err = df_msg_decode(reply, in, len, why);
		if (err != DF_OK) {
			fds_close(fds, *n_fds);
			return err;
		}
		if (reply->tag == tag)
			return DF_OK;
		df_link_stash(l, in, len, fds, *n_fds);
	}
}

enum df_err df_room_ask(struct df_room *room, struct df_link *link,
			struct df_msg *m, int *out_fds, size_t n_out,
			int64_t timeout_ms, struct df_msg *reply, int *in_fds,
			size_t *n_in, struct df_why *why)
{
	int64_t deadline_ms =
		timeout_ms < 0 ? -1 : df_clock_mono_ms() + timeout_ms;
	uint32_t tag = df_room_request(room, link, m, out_fds, n_out);
	int own_fds[DF_CHANNEL_FDS];
	int *fds = in_fds != NULL ? in_fds : own_fds;
	struct link *l;
	size_t n_fds = 0;
	enum df_err err;

	*reply = (struct df_msg){0};
	if (n_in != NULL)
		*n_in = 0;
	if (tag == 0)
		return df_fail(why, DF_E_PEER, "room is not there");
	l = df_link_inside(link);
	err = flush(l, deadline_ms, why);
	if (err == DF_OK)
		err = reply_wait(l, tag, deadline_ms, reply, fds, &n_fds, why);
	if (err == DF_E_TIMEOUT) /* a late reply is to be dropped */
		(void)df_call_add(l, tag);
	if (err != DF_OK)
		return err;
	if (in_fds == NULL)
		fds_close(fds, n_fds);
	if (n_in != NULL)
		*n_in = n_fds;
	return df_msg_result(reply, why);
}
