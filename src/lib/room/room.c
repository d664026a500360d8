/*
 * room.c - the life of a room: start, loop, end. See df/room.h.
 */
#include "room_private.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "df/clock.h"
#include "df/log.h"
#include "df/proc.h"

#define SUPERVISE_FD 3
#define LOCK_FD 4 /* the directory's lock, held and never used */
#define START_TIMEOUT_MS 30000

static const char *const ROLE[DF_ROLE_COUNT] = {[DF_ROLE_NONE] = "none",
#define X(role, name) [DF_ROLE_##role] = name,
						DF_ROLE_MAP(X)
#undef X
};

const char *df_role_name(enum df_role role)
{
	return (unsigned)role < DF_ROLE_COUNT ? ROLE[role] : "unknown";
}

enum df_role df_role_decode(struct df_text name)
{
	int i;

	for (i = 1; i < DF_ROLE_COUNT; i++)
		if (df_text_eq(name, ROLE[i]))
			return (enum df_role)i;
	return DF_ROLE_NONE;
}

/* --- what the room knows ------------------------------------------------- */

const struct df_config *df_room_config(const struct df_room *room)
{
	return &room->config;
}

void df_room_set_config(struct df_room *room, struct df_config *cfg)
{
	df_config_release(&room->config);
	room->config = *cfg;
	*cfg = (struct df_config){0};
}

struct df_loop *df_room_loop(struct df_room *room)
{
	return room->loop;
}

uint32_t df_room_number(const struct df_room *room)
{
	return room->number;
}

int df_room_listener(struct df_room *room, const char *kind)
{
	size_t i;

	for (i = 0; i < room->n_listeners; i++)
		if (room->listeners[i].fd >= 0 &&
		    strcmp(room->listeners[i].kind, kind) == 0)
			return df_fd_take(&room->listeners[i].fd);
	return -1;
}

void df_room_set_ctx(struct df_room *room, void *ctx)
{
	room->ctx = ctx;
}

void *df_room_ctx(const struct df_room *room)
{
	return room->ctx;
}

bool df_room_draining(const struct df_room *room)
{
	return room->draining;
}

void df_room_ready(struct df_room *room)
{
	struct df_msg m;

	if (room->is_ready)
		return;
	room->is_ready = true;
	df_msg_init(&m, DF_MSG_READY, 0);
	df_room_send(df_room_link(room, DF_ROLE_SUPERVISE, DF_ANY_NUMBER), &m,
		     NULL, 0);
}

void df_room_stop(struct df_room *room)
{
	room->stopped = true;
	if (room->loop != NULL)
		df_loop_stop(room->loop);
}

void df_room_fail(struct df_room *room)
{
	room->failed = true;
	df_room_stop(room);
}

/* --- messages that the room answers itself ------------------------------- */

static void drain(struct df_room *room)
{
	if (room->draining)
		return;
	room->draining = true;
	if (room->loop == NULL)
		return; /* a worker sees the flag or the message */
	if (room->spec->drain != NULL)
		room->spec->drain(room);
	else
		df_room_stop(room);
}

static void link_take(struct df_room *room, const struct df_msg *m, int *fds,
		      size_t n_fds)
{
	uint64_t role = 0, number = 0;

	if (n_fds != 1 || !df_msg_get_u64(m, DF_M_ROLE, &role) ||
	    !df_msg_get_u64(m, DF_M_NUMBER, &number) || role == 0 ||
	    role >= DF_ROLE_COUNT || number >= UINT32_MAX)
		df_bug("supervise sent a bad LINK");
	(void)df_room_link_add(room, (enum df_role)role, (uint32_t)number,
			       df_fd_take(&fds[0])); /* found by role later */
}

bool df_room_own_message(struct df_room *room, const struct df_msg *m, int *fds,
			 size_t n_fds)
{
	if (m->type == DF_MSG_LINK) {
		link_take(room, m, fds, n_fds);
		return true;
	}
	if (m->type != DF_MSG_DRAIN)
		return false;
	drain(room);
	return true;
}

/* --- start --------------------------------------------------------------- */

struct df_room *df_room_new(const struct df_room_spec *spec)
{
	struct df_room *room = df_xcalloc(1, sizeof *room);

	room->spec = spec;
	room->in = df_xmalloc(DF_CHANNEL_MAX);
	room->in_ask = df_xmalloc(DF_CHANNEL_MAX);
	df_buf_init(&room->out, DF_MSG_MAX);
	room->loop = df_loop_new();
	return room;
}

void df_room_free(struct df_room *room)
{
	struct link *l;
	size_t i;

	if (room == NULL)
		return;
	while (room->links != NULL) {
		l = room->links;
		room->links = l->next;
		df_link_free(l);
	}
	for (i = 0; i < room->n_listeners; i++)
		df_fd_close(&room->listeners[i].fd);
	df_config_release(&room->config);
	df_buf_wipe(&room->out);
	explicit_bzero(room->in_ask, DF_CHANNEL_MAX); /* may hold keys */
	free(room->in);
	free(room->in_ask);
	df_loop_free(room->loop);
	free(room);
}

/* fds: the configuration's memory, then one listener for each LISTENER. */
static enum df_err start_decode(struct df_room *room, const struct df_msg *m,
				int *fds, size_t n_fds, struct df_why *why)
{
	struct df_text kind, text;
	uint64_t role, number, size;
	struct df_buf config;
	enum df_err err;
	size_t at = 0, n = 1;

	if (m->type != DF_MSG_START || n_fds == 0 ||
	    !df_msg_get_u64(m, DF_M_ROLE, &role) ||
	    !df_msg_get_u64(m, DF_M_NUMBER, &number) ||
	    role != (uint64_t)room->spec->role)
		return df_fail(why, DF_E_FORMAT, "bad START message");
	room->number = (uint32_t)number;
	while (df_msg_next(m, DF_M_LISTENER, &at, &kind)) {
		if (n == n_fds || room->n_listeners == DF_ROOM_LISTENERS)
			return df_fail(why, DF_E_FORMAT, "listeners missing");
		err = df_str_copy(room->listeners[room->n_listeners].kind,
				  sizeof room->listeners[0].kind, kind);
		if (err != DF_OK)
			return df_fail(why, err, "bad kind of listener");
		room->listeners[room->n_listeners++].fd = df_fd_take(&fds[n++]);
	}
	err = df_fd_size(fds[0], &size, why);
	if (err != DF_OK)
		return err;
	df_buf_init(&config, DF_CONFIG_MAX);
	err = df_buf_reserve(&config, (size_t)size, why);
	if (err == DF_OK)
		err = df_pread_all(fds[0], config.ptr, (size_t)size, 0, why);
	text = (struct df_text){(const char *)config.ptr, (size_t)size};
	if (err == DF_OK)
		err = df_config_parse(text.ptr, text.len, &room->config, why);
	df_buf_release(&config);
	return err;
}

static enum df_err start_wait(struct df_room *room, struct df_why *why)
{
	int fds[DF_CHANNEL_FDS];
	struct df_channel ch = {.fd = SUPERVISE_FD};
	enum df_log_level level;
	struct df_msg m;
	size_t len, n_fds, i;
	enum df_err err;

	err = df_channel_wait(&ch, START_TIMEOUT_MS, why);
	if (err == DF_OK)
		err = df_channel_receive(&ch, room->in, DF_CHANNEL_MAX, &len,
					 fds, &n_fds, why);
	if (err != DF_OK)
		return err;
	err = df_msg_decode(&m, room->in, len, why);
	if (err == DF_OK)
		err = start_decode(room, &m, fds, n_fds, why);
	for (i = 0; i < n_fds; i++)
		df_fd_close(&fds[i]);
	if (err != DF_OK)
		return err;
	level = (enum df_log_level)room->config.node.log_level;
	df_log_init(df_role_name(room->spec->role), level);
	(void)df_room_link_add(room, DF_ROLE_SUPERVISE, 0, SUPERVISE_FD);
	return DF_OK;
}

/* False when nobody started us as a room. */
static bool is_room(const struct df_room_spec *spec)
{
	int type = 0;
	socklen_t len = sizeof type;

	if (getsockopt(SUPERVISE_FD, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    type == SOCK_SEQPACKET)
		return true;
	(void)fprintf(stderr, "df-%s is started by 'dcm-forward serve'\n",
		      df_role_name(spec->role)); /* nobody left to tell */
	return false;
}

enum df_err df_room_begin(struct df_room **to, const struct df_room_spec *spec,
			  bool loop, struct df_why *why)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct df_room *room;
	enum df_err err;

	df_log_init(df_role_name(spec->role), DF_LOG_INFO);
	*to = NULL;
	if (!is_room(spec))
		return df_fail(why, DF_E_USAGE, "not started by supervise");
	/* supervise decides when we end, also on Ctrl-C for the group */
	(void)sigaction(SIGPIPE, &ignore, NULL); /* valid signals */
	(void)sigaction(SIGINT, &ignore, NULL);
	(void)sigaction(SIGTERM, &ignore, NULL);
	(void)sigaction(SIGHUP, &ignore, NULL);
	(void)fcntl(LOCK_FD, F_SETFD, FD_CLOEXEC); /* not every room has it */
	if (fcntl(SUPERVISE_FD, F_SETFD, FD_CLOEXEC) < 0)
		return df_fail_sys(why, DF_E_IO, "cannot keep descriptor 3");
	err = df_proc_confine(why);
	if (err != DF_OK)
		return err;
	room = df_room_new(spec);
	if (!loop) {
		df_loop_free(room->loop);
		room->loop = NULL;
	}
	err = start_wait(room, why);
	if (err != DF_OK) {
		df_room_free(room);
		return err;
	}
	*to = room;
	return DF_OK;
}

/* --- with a loop --------------------------------------------------------- */

void df_room_turn(struct df_room *room)
{
	df_links_deliver(room);
	df_links_reap(room);
	if (room->spec->turn != NULL && !room->stopped)
		room->spec->turn(room);
	df_links_reap(room);
}

static void turn(void *ctx)
{
	df_room_turn(ctx);
}

void df_room_run(struct df_room *room)
{
	df_loop_on_turn(room->loop, turn, room);
	df_loop_run(room->loop);
}

int df_room_main(int argc, char **argv, const struct df_room_spec *spec)
{
	struct df_why why = {0};
	struct df_room *room;
	enum df_err err;
	bool failed;

	(void)argc; /* rooms have no arguments: all comes with START */
	(void)argv;
	err = df_room_begin(&room, spec, true, &why);
	if (err == DF_OK && spec->start != NULL)
		err = spec->start(room, &why);
	if (err != DF_OK) {
		/* a parent that left before START is no fault of ours */
		if (err != DF_E_USAGE && err != DF_E_PEER)
			df_log(DF_LOG_ERROR, "room.failed", DF_F_ERR(&why));
		df_room_free(room);
		return err == DF_E_USAGE ? 2 : 1;
	}
	if (!spec->says_ready)
		df_room_ready(room);
	df_room_run(room);
	if (spec->end != NULL)
		spec->end(room);
	failed = room->failed;
	df_room_free(room);
	return failed ? 1 : 0;
}
