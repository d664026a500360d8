/*
 * main.c - df-supervise -C DIR: one node, in the foreground.
 *
 * Reads the configuration, takes the directory's lock, opens the doors, starts
 * the rooms and starts them again when they end. It reads nothing from the
 * network and nothing of the spool. SIGTERM and SIGINT drain and end it (a
 * second one at once), SIGHUP reloads.
 */
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"
#include "df/proc.h"

#define LOCK_MS 5000

static void ready(struct df_room *room, struct df_link *from,
		  const struct df_msg *m, int *fds, size_t n_fds)
{
	struct supervise *s = df_room_ctx(room);
	struct cell *c = cell_of(s, from);

	(void)m; /* says nothing more */
	(void)fds;
	(void)n_fds;
	if (c == NULL || c->state != CELL_STARTING)
		return;
	c->state = CELL_READY;
	if (c->role == DF_ROLE_RECEIVE) {
		workers_fill(s); /* somebody may wait for it */
		return;
	}
	df_log(DF_LOG_DEBUG, "room.ready",
	       DF_F_WORD("peer", df_role_name(c->role)),
	       DF_F_NUM("number", c->number), DF_F_NUM("pid", c->pid));
	if (cells_ready(s))
		df_log(DF_LOG_INFO, "node.ready",
		       DF_F_NUM("doors", s->n_doors));
}

static const struct df_handler HANDLERS[] = {
	{DF_MSG_ACCEPTED, DF_ROLE_FRONT, accepted},
	{DF_MSG_QUERY, DF_ROLE_CONSOLE, query},
#define X(role, name) {DF_MSG_READY, DF_ROLE_##role, ready},
	DF_ROLE_MAP(X)
#undef X
};

static const struct df_room_spec SPEC = {
	.role = DF_ROLE_SUPERVISE,
	.handlers = HANDLERS,
	.n_handlers = sizeof HANDLERS / sizeof HANDLERS[0],
	.link_down = cell_link_down,
};

static void on_child(void *ctx, int signo)
{
	int status;
	pid_t pid;

	(void)signo; /* only SIGCHLD */
	while (df_proc_ended(&pid, &status))
		cell_ended(ctx, pid, status);
}

static void on_end(void *ctx, int signo)
{
	(void)signo; /* SIGTERM and SIGINT mean the same */
	end_begin(ctx);
}

static void on_reload(void *ctx, int signo)
{
	struct df_why why = {0};

	(void)signo; /* only SIGHUP */
	if (reload(ctx, &why) != DF_OK)
		df_log(DF_LOG_ERROR, "config.refused", DF_F_ERR(&why));
	change_step(ctx);
}

static enum df_err signals_watch(struct supervise *s, struct df_why *why)
{
	struct df_loop *loop = df_room_loop(s->room);

	if (df_loop_signal(loop, SIGCHLD, on_child, s) != DF_OK ||
	    df_loop_signal(loop, SIGTERM, on_end, s) != DF_OK ||
	    df_loop_signal(loop, SIGINT, on_end, s) != DF_OK ||
	    df_loop_signal(loop, SIGHUP, on_reload, s) != DF_OK)
		return df_fail(why, DF_E_IO, "cannot watch signals");
	return DF_OK;
}

/* Nothing of the terminal's reaches a room by descriptor 0. */
static enum df_err stdin_close(struct df_why *why)
{
	enum df_err err;
	int fd;

	err = df_file_open(&fd, AT_FDCWD, "/dev/null", O_RDONLY, 0, why);
	if (err != DF_OK)
		return err;
	if (dup2(fd, STDIN_FILENO) < 0)
		err = df_fail_sys(why, DF_E_IO, "cannot close input");
	df_fd_close(&fd);
	return err;
}

/* Rooms of a supervise that was killed may still be on their way out. */
static enum df_err lock_take(struct supervise *s, const char *dir,
			     struct df_why *why)
{
	int64_t until_ms = df_clock_mono_ms() + LOCK_MS;
	enum df_err err;

	for (;;) {
		err = df_file_lock(&s->lock_fd, AT_FDCWD, ".lock", why);
		if (err != DF_E_EXISTS)
			return err;
		if (df_clock_mono_ms() >= until_ms)
			return df_fail(why, err,
				       "another dcm-forward serves '%s'", dir);
		(void)poll(NULL, 0, 50); /* a pause, nothing to hear */
	}
}

static enum df_err begin(struct supervise *s, const char *dir,
			 struct df_why *why)
{
	enum df_err err;

	err = df_proc_self_dir(s->bin_dir, sizeof s->bin_dir, why);
	if (err != DF_OK)
		return err;
	if (chdir(dir) < 0)
		return df_fail_sys(why, DF_E_CONFIG, "cannot enter '%s'", dir);
	err = config_load(&s->config, &s->config_fd, why);
	if (err != DF_OK)
		return err;
	df_log_init("supervise", (enum df_log_level)s->config.node.log_level);
	err = lock_take(s, dir, why);
	if (err == DF_OK)
		err = stdin_close(why);
	if (err == DF_OK)
		err = df_proc_confine(why);
	if (err != DF_OK)
		return err;
	df_proc_raise_files();
	err = doors_open(s, why);
	if (err != DF_OK)
		return err;
	s->room = df_room_new(&SPEC);
	df_room_set_ctx(s->room, s);
	return signals_watch(s, why);
}

static int usage(void)
{
	(void)fputs("usage: df-supervise -C DIR (see 'dcm-forward serve')\n",
		    stderr); /* nobody left to tell */
	return 2;
}

int main(int argc, char **argv)
{
	static struct supervise self = {
		.lock_fd = -1, .config_fd = -1, .next_config_fd = -1};
	struct df_why why = {0};
	enum df_err err;

	if (argc != 3 || strcmp(argv[1], "-C") != 0)
		return usage();
	df_log_init("supervise", DF_LOG_INFO);
	(void)umask(077); /* every room's files too; cannot fail */
	err = begin(&self, argv[2], &why);
	if (err == DF_OK) {
		cells_plan(&self);
		workers_fill(&self);
		df_room_run(self.room);
		cells_release(&self);
		(void)unlink("control.sock"); /* litter at worst */
	} else {
		df_log(DF_LOG_ERROR, "node.failed", DF_F_ERR(&why));
		(void)fprintf(stderr, "dcm-forward: %s\n", why.text);
	}
	doors_close(&self);
	df_room_free(self.room);
	df_config_release(&self.config);
	df_config_release(&self.next_config);
	df_fd_close(&self.config_fd);
	df_fd_close(&self.next_config_fd);
	df_fd_close(&self.lock_fd);
	return err == DF_OK ? 0 : 1;
}
