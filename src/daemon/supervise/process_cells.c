/*
 * process_cells.c - processes in their cells: start, link, bury, start again.
 *
 * A process that ends is replaced at once the first time, then after 100 ms
 * doubling to 5 s; ten quiet seconds forgive. Every start makes fresh links to
 * all rooms that may talk to it.
 */
#include "supervise.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "df/channel.h"
#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"
#include "df/proc.h"

#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 5000
#define PAUSE_PREPARE_MS 100 /* poison kills cells; the others go on */
#define FORGIVEN_MS 10000
#define DEAF_MS 5000 /* a process that closed its link has this to end */
#define PREPARE_CELLS 2
/* These also hold the directory's lock (descriptor 4): should supervise be
 * killed, the next one waits until they have let go of their databases and of
 * the doors. */
#define HOLDERS                                                              \
	(DF_ROLE_BIT(QUEUE) | DF_ROLE_BIT(INDEX) | DF_ROLE_BIT(KEYS) |       \
	 DF_ROLE_BIT(FRONT))

/* --- finding -------------------------------------------------------------- */

static struct cell *cell_find(struct supervise *s, enum df_role role,
			      uint32_t number)
{
	struct cell *c;

	for (c = s->cells; c != NULL; c = c->next)
		if (c->role == role && c->number == number)
			return c;
	return NULL;
}

struct cell *cell_of(struct supervise *s, const struct df_link *link)
{
	struct cell *c;

	for (c = s->cells; c != NULL; c = c->next)
		if (c->link == link)
			return c;
	return NULL;
}

bool cells_any(const struct supervise *s, unsigned roles)
{
	const struct cell *c;

	for (c = s->cells; c != NULL; c = c->next)
		if (c->pid != 0 && (roles & (1u << c->role)) != 0)
			return true;
	return false;
}

bool cells_ready(const struct supervise *s)
{
	const struct cell *c;

	if (s->phase != PHASE_SERVING)
		return false;
	for (c = s->cells; c != NULL; c = c->next)
		if (c->role != DF_ROLE_RECEIVE && c->state != CELL_READY)
			return false;
	return true;
}

/* --- starting ------------------------------------------------------------- */

static void link_send(struct cell *to, const struct cell *peer, int fd)
{
	struct df_msg m;

	df_msg_init(&m, DF_MSG_LINK, 0);
	df_msg_put_u64(&m, DF_M_ROLE, peer->role);
	df_msg_put_u64(&m, DF_M_NUMBER, peer->number);
	df_room_send(to->link, &m, &fd, 1); /* its end shows in link_down */
}

static void cell_connect(struct cell *c)
{
	struct df_why why = {0};
	struct cell *peer;
	int fds[2];

	for (peer = c->s->cells; peer != NULL; peer = peer->next) {
		if (peer->link == NULL || peer->state == CELL_STOPPING ||
		    !is_edge(c->role, peer->role))
			continue; /* who is leaving makes no new friends */
		if (df_channel_pair(fds, &why) != DF_OK) {
			df_log(DF_LOG_ERROR, "link.failed", DF_F_ERR(&why));
			return; /* the rooms wait for each other's link */
		}
		link_send(c, peer, fds[0]);
		link_send(peer, c, fds[1]);
	}
}

/* START with the configuration and the doors that this role opens. */
static enum df_err start_send(struct cell *c, struct df_why *why)
{
	int fds[1 + LISTENERS_MAX];
	enum df_err err;
	struct df_msg m;
	size_t i, n = 1;
	bool is_front = c->role == DF_ROLE_FRONT;

	err = df_fd_dup(&fds[0], c->s->config_fd, why);
	if (err != DF_OK)
		return err;
	df_msg_init(&m, DF_MSG_START, 0);
	df_msg_put_u64(&m, DF_M_ROLE, c->role);
	df_msg_put_u64(&m, DF_M_NUMBER, c->number);
	for (i = 0; i < c->s->n_doors && err == DF_OK; i++) {
		bool is_control = c->s->doors[i].kind[0] == 'c';

		if (!(is_front && !is_control) &&
		    !(c->role == DF_ROLE_CONSOLE && is_control))
			continue;
		err = df_fd_dup(&fds[n], c->s->doors[i].fd, why);
		if (err != DF_OK)
			break;
		df_msg_put_str(&m, DF_M_LISTENER, c->s->doors[i].kind);
		n++;
	}
	if (err == DF_OK)
		err = df_room_send(c->link, &m, fds, n);
	for (i = 0; i < n; i++)
		df_fd_close(&fds[i]);
	df_msg_release(&m);
	return err;
}

static enum df_err process_start(struct cell *c, struct df_why *why)
{
	char path[BUILD_DIR_MAX + 32];
	const char *argv[] = {path, NULL};
	struct df_spawn spec = {.path = path, .argv = argv, .n_fds = 1};
	int fds[2], given[2];
	enum df_err err;

	df_str_fmt(path, sizeof path, "%s/df-%s", c->s->bin_dir,
		   df_role_name(c->role));
	err = df_channel_pair(fds, why);
	if (err != DF_OK)
		return err;
	given[0] = fds[1];
	given[1] = c->s->lock_fd;
	spec.fds = given;
	if (HOLDERS & (1u << c->role))
		spec.n_fds = 2;
	err = df_proc_spawn(&c->pid, &spec, why);
	df_fd_close(&fds[1]);
	if (err != DF_OK) {
		c->pid = 0;
		df_fd_close(&fds[0]);
		return err;
	}
	c->state = CELL_STARTING;
	c->started_ms = df_clock_mono_ms();
	c->link = df_room_link_add(c->s->room, c->role, c->number, fds[0]);
	err = start_send(c, why);
	if (err == DF_OK)
		cell_connect(c);
	return err;
}

static void start_timer(void *ctx)
{
	struct cell *c = ctx;

	c->timer = 0;
	cell_start(c);
}

static void kill_timer(void *ctx)
{
	struct cell *c = ctx;

	c->timer = 0;
	if (c->pid > 0) /* an error means that it has just ended */
		(void)!df_proc_signal(c->pid, SIGKILL, NULL);
}

static void timer_set(struct cell *c, int64_t in_ms, df_loop_fn *run)
{
	struct df_loop *loop = df_room_loop(c->s->room);

	df_loop_cancel(loop, c->timer);
	c->timer = df_loop_timer(loop, df_clock_mono_ms() + in_ms, run, c);
}

static void pause_grow(struct cell *c)
{
	c->pause_ms = c->pause_ms == 0 ? PAUSE_MIN_MS : 2 * c->pause_ms;
	if (c->role == DF_ROLE_PREPARE && c->crashed &&
	    c->pause_ms > PAUSE_PREPARE_MS)
		c->pause_ms = PAUSE_PREPARE_MS;
	if (c->pause_ms > PAUSE_MAX_MS)
		c->pause_ms = PAUSE_MAX_MS;
}

void cell_start(struct cell *c)
{
	struct df_why why = {0};

	if (c->s->phase == PHASE_ENDING)
		return;
	if (c->pid != 0)
		df_bug("cell '%s' is not empty", df_role_name(c->role));
	if (process_start(c, &why) == DF_OK)
		return;
	df_log(DF_LOG_ERROR, "room.failed",
	       DF_F_WORD("peer", df_role_name(c->role)), DF_F_ERR(&why));
	if (c->pid != 0) { /* started, but cannot be talked to */
		timer_set(c, 0, kill_timer);
		return;
	}
	c->state = CELL_WAITING;
	pause_grow(c);
	timer_set(c, c->pause_ms, start_timer);
}

/* --- ending --------------------------------------------------------------- */

void cell_drain(struct cell *c)
{
	const bool end = c->s->phase == PHASE_ENDING;
	struct df_msg m;

	/* a worker that a reload left to its association hears of the end */
	if (c->pid == 0 || (c->state == CELL_STOPPING && !(end && c->busy)))
		return;
	c->state = CELL_STOPPING;
	df_msg_init(&m, DF_MSG_DRAIN, 0);
	df_msg_put_opt(&m, DF_M_PURPOSE, end ? "end" : NULL);
	df_room_send(c->link, &m, NULL, 0);
}

void cell_link_down(struct df_room *room, struct df_link *link)
{
	struct cell *c = cell_of(df_room_ctx(room), link);

	if (c == NULL)
		return;
	c->link = NULL;
	if (c->pid != 0)
		timer_set(c, DEAF_MS, kill_timer);
}

static void cell_free(struct cell *c)
{
	struct cell **at = &c->s->cells;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	df_loop_cancel(df_room_loop(c->s->room), c->timer);
	free(c);
}

static bool is_short_of_memory(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == DF_EXIT_NOMEM;
}

/*
 * By a fault of its own, and not because somebody killed it? Its own alarm is
 * not one: a disk that stalls takes as long as an image that never ends.
 */
static bool is_crash(int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status) != 0;
	return WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGTERM &&
	       WTERMSIG(status) != SIGINT && WTERMSIG(status) != SIGHUP &&
	       WTERMSIG(status) != SIGALRM;
}

static void crash_say(struct cell *c, int status)
{
	struct df_msg m;

	df_msg_init(&m, DF_MSG_CELL_CRASHED, 0);
	df_msg_put_u64(&m, DF_M_NUMBER, c->number);
	if (is_short_of_memory(status))
		df_msg_put_u64(&m, DF_M_ERR, DF_E_NOMEM);
	/* a queue that is gone counts the death by the dispatch alone */
	(void)df_room_send(df_room_link(c->s->room, DF_ROLE_QUEUE, 0), &m, NULL,
			   0);
}

static void bury(struct cell *c, int status)
{
	bool asked = c->state == CELL_STOPPING || c->busy || !c->wanted;
	char text[32];

	if (c->role == DF_ROLE_PREPARE && !asked && is_crash(status))
		crash_say(c, status);
	c->crashed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	df_proc_status_text(text, sizeof text, status);
	df_log(asked && status == 0 ? DF_LOG_DEBUG : DF_LOG_WARN, "room.ended",
	       DF_F_WORD("peer", df_role_name(c->role)),
	       DF_F_NUM("number", c->number), DF_F_NUM("pid", c->pid),
	       DF_F_WORD("status", text));
	if (c->link != NULL)
		df_room_link_drop(c->link);
	c->link = NULL;
	c->pid = 0;
	df_loop_cancel(df_room_loop(c->s->room), c->timer);
	c->timer = 0;
}

/* When may the next process start? At once after a reload or a good run. */
static void start_again(struct cell *c, enum cell_state was)
{
	bool long_run = df_clock_mono_ms() - c->started_ms >= FORGIVEN_MS;

	c->state = CELL_WAITING;
	if (was == CELL_STOPPING || long_run)
		c->pause_ms = 0;
	if (was != CELL_STOPPING)
		c->restarts++;
	timer_set(c, c->pause_ms, start_timer);
	if (was != CELL_STOPPING)
		pause_grow(c);
}

void cell_ended(struct supervise *s, pid_t pid, int status)
{
	enum cell_state was;
	struct cell *c;

	for (c = s->cells; c != NULL && c->pid != pid; c = c->next)
		;
	if (c == NULL)
		return; /* nobody of ours */
	was = c->state;
	bury(c, status);
	if (c->role == DF_ROLE_RECEIVE) {
		if (c->busy)
			worker_gone(s);
		/* the next spare waits if this one never got anywhere */
		if (was == CELL_STARTING && !c->busy &&
		    s->phase == PHASE_SERVING) {
			start_again(c, was);
			c->restarts = 0;
		} else {
			cell_free(c);
		}
	} else if (c->wanted && s->phase != PHASE_ENDING) {
		start_again(c, was);
	} else {
		cell_free(c);
	}
	change_step(s);
	workers_fill(s);
}

void cells_kill(struct supervise *s)
{
	struct cell *c;

	for (c = s->cells; c != NULL; c = c->next)
		if (c->pid > 0) /* an error means that it has just ended */
			(void)!df_proc_signal(c->pid, SIGKILL, NULL);
}

void cells_release(struct supervise *s)
{
	while (s->cells != NULL)
		cell_free(s->cells);
}

/* --- planning ------------------------------------------------------------- */

struct cell *cell_add(struct supervise *s, enum df_role role, uint32_t number)
{
	struct cell *c = df_xcalloc(1, sizeof *c);
	struct cell **at = &s->cells;

	c->role = role;
	c->number = number;
	c->wanted = true;
	c->s = s;
	while (*at != NULL)
		at = &(*at)->next;
	*at = c;
	return c;
}

static void want(struct supervise *s, enum df_role role, uint32_t number)
{
	struct cell *c = cell_find(s, role, number);

	if (c == NULL)
		c = cell_add(s, role, number);
	c->wanted = true;
	if (c->pid == 0 && c->timer == 0)
		cell_start(c);
}

static void unwanted_go(struct supervise *s)
{
	struct cell *c, *next;

	for (c = s->cells; c != NULL; c = next) {
		next = c->next;
		if (c->wanted)
			continue;
		if (c->pid == 0)
			cell_free(c);
		else
			cell_drain(c);
	}
}

static void want_lanes(struct supervise *s, size_t destination)
{
	int64_t n = s->config.destinations[destination].associations;

	for (int64_t lane = 0; lane < n; lane++)
		want(s, DF_ROLE_DELIVER_DIMSE,
		     df_config_lane(&s->config, destination, (size_t)lane));
}

void cells_plan(struct supervise *s)
{
	const struct df_config *cfg = &s->config;
	bool https_out = cfg->n_peers > 0;
	struct cell *c;
	uint32_t i;

	for (c = s->cells; c != NULL; c = c->next)
		c->wanted = c->role == DF_ROLE_RECEIVE;
	want(s, DF_ROLE_KEYS, 0);
	want(s, DF_ROLE_INDEX, 0);
	want(s, DF_ROLE_QUEUE, 0);
	for (i = 0; i < PREPARE_CELLS; i++)
		want(s, DF_ROLE_PREPARE, i);
	for (i = 0; i < cfg->n_destinations; i++) {
		if (cfg->destinations[i].dicom.host[0] != '\0')
			want_lanes(s, i);
		else
			https_out = true;
	}
	/* one more, for reports to modalities */
	for (i = 0; i < cfg->n_modalities; i++)
		if (cfg->modalities[i].reports.host[0] != '\0')
			want(s, DF_ROLE_DELIVER_DIMSE,
			     df_config_lane(cfg, cfg->n_destinations, 0));
	if (https_out)
		want(s, DF_ROLE_DELIVER_HTTPS, 0);
	if (cfg->node.listen_https.host[0] != '\0')
		want(s, DF_ROLE_GATEWAY, 0);
	want(s, DF_ROLE_FRONT, 0);
	want(s, DF_ROLE_CONSOLE, 0);
	unwanted_go(s);
}
