/*
 * doors.c - listening sockets, and a worker for each association.
 *
 * The doors stay open while rooms come and go: a connection that nobody
 * accepts yet waits in the kernel. Two spare workers wait with their links
 * made, so that an association costs no process start.
 */
#include "supervise.h"

#include <stdlib.h>

#include "df/file.h"

#define SPARES 2u

static enum df_err door_add(struct supervise *s, const char *kind,
			    const struct df_endpoint *at, struct df_why *why)
{
	size_t n = LISTENERS_MAX - s->n_doors, i;
	int fds[LISTENERS_MAX];
	enum df_err err;

	if (at->host[0] == '\0')
		return DF_OK;
	err = df_sock_listen(fds, &n, at->host, at->port, why);
	if (err != DF_OK)
		return err;
	for (i = 0; i < n; i++) {
		struct door *d = &s->doors[s->n_doors++];

		d->kind = kind;
		d->fd = fds[i];
		df_sock_local(d->address, fds[i]);
	}
	return DF_OK;
}

enum df_err doors_open(struct supervise *s, struct df_why *why)
{
	enum df_err err;
	int fd;

	err = df_sock_listen_unix(&fd, "control.sock", why);
	if (err != DF_OK)
		return err;
	s->doors[s->n_doors++] = (struct door){.kind = "control", .fd = fd};
	err = door_add(s, "dicom", &s->config.node.listen_dicom, why);
	if (err == DF_OK)
		err = door_add(s, "https", &s->config.node.listen_https, why);
	return err;
}

void doors_close(struct supervise *s)
{
	struct waiting *w;
	size_t i;

	for (i = 0; i < s->n_doors; i++)
		df_fd_close(&s->doors[i].fd);
	s->n_doors = 0;
	while (s->waiting != NULL) {
		w = s->waiting;
		s->waiting = w->next;
		df_fd_close(&w->fd);
		free(w);
	}
	s->waiting_last = NULL;
}

/* --- workers -------------------------------------------------------------- */

static struct cell *spare(struct supervise *s)
{
	struct cell *c, *best = NULL;

	for (c = s->cells; c != NULL; c = c->next) {
		if (c->role != DF_ROLE_RECEIVE || c->busy || c->link == NULL)
			continue;
		if (c->state == CELL_READY)
			return c;
		if (c->state == CELL_STARTING && best == NULL)
			best = c;
	}
	return best;
}

static uint32_t spares(const struct supervise *s)
{
	const struct cell *c;
	uint32_t n = 0;

	/* one that waits to be started counts: its pause is meant */
	for (c = s->cells; c != NULL; c = c->next)
		if (c->role == DF_ROLE_RECEIVE && !c->busy &&
		    c->state != CELL_STOPPING)
			n++;
	return n;
}

static void give(struct supervise *s, struct cell *worker)
{
	struct waiting *w = s->waiting;
	struct df_msg m;

	s->waiting = w->next;
	if (s->waiting == NULL)
		s->waiting_last = NULL;
	worker->busy = true;
	s->busy++;
	df_msg_init(&m, DF_MSG_ASSOCIATION, 0);
	df_msg_put_str(&m, DF_M_ADDRESS, w->address);
	df_room_send(worker->link, &m, &w->fd, 1);
	free(w);
}

void workers_fill(struct supervise *s)
{
	struct cell *worker;
	uint32_t max = (uint32_t)s->config.receive.max_associations;

	if (s->phase != PHASE_SERVING ||
	    s->config.node.listen_dicom.host[0] == '\0')
		return;
	while (s->waiting != NULL && s->busy < max) {
		worker = spare(s);
		if (worker == NULL && spares(s) >= SPARES)
			break; /* they die as they start: wait for the pause */
		if (worker == NULL) {
			worker = cell_add(s, DF_ROLE_RECEIVE, s->next_worker++);
			cell_start(worker);
		}
		if (worker->link == NULL)
			break;
		give(s, worker);
	}
	while (spares(s) < SPARES)
		cell_start(cell_add(s, DF_ROLE_RECEIVE, s->next_worker++));
}

void accepted(struct df_room *room, struct df_link *from,
	      const struct df_msg *m, int *fds, size_t n_fds)
{
	struct supervise *s = df_room_ctx(room);
	struct waiting *w;

	(void)from; /* only front sends it */
	if (n_fds != 1 || s->phase == PHASE_ENDING)
		return;
	w = df_xcalloc(1, sizeof *w);
	w->fd = df_fd_take(&fds[0]);
	(void)df_msg_get_str(m, DF_M_ADDRESS, w->address, sizeof w->address);
	if (s->waiting_last == NULL)
		s->waiting = w;
	else
		s->waiting_last->next = w;
	s->waiting_last = w;
	workers_fill(s);
}

void worker_gone(struct supervise *s)
{
	struct df_msg m;

	s->busy--;
	df_msg_init(&m, DF_MSG_WORKER_GONE, 0);
	df_room_send(df_room_link(s->room, DF_ROLE_FRONT, 0), &m, NULL, 0);
}
