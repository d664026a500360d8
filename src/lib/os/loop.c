/*
 * loop.c - the event loop over epoll. See df/loop.h.
 *
 * Watchers stand in an array indexed by descriptor, each with a generation
 * that also travels in the epoll event: an event of an older generation is
 * stale and dropped, so callbacks may remove or replace anything. Timers stand
 * in a binary heap; a handle is (slot, generation).
 */
#include "df/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "df/clock.h"

#define BATCH 64
#define TURNS_MAX 8
#define SIGNALS_MAX 65

struct watcher {
	df_loop_fd_fn *cb; /* NULL = not watched */
	void *ctx;
	uint32_t generation;
};

struct timer {
	int64_t at_ms;
	df_loop_fn *cb; /* NULL = slot is free */
	void *ctx;
	uint32_t generation;
	uint32_t heap_index;
	uint64_t order; /* equal times fire in the order they were set */
};

struct df_loop {
	int epoll_fd;
	int signal_fd; /* -1 until the first df_loop_signal */
	bool stopped;
	struct watcher *watchers;
	size_t n_watchers;
	struct timer *timers;
	size_t n_timers; /* slots */
	uint32_t *heap;	 /* slots ordered by time */
	size_t n_heap;
	uint32_t free_slot; /* slot + 1, 0 = none; then by heap_index */
	uint64_t order;
	sigset_t signals;
	struct {
		df_loop_signal_fn *cb;
		void *ctx;
	} on_signal[SIGNALS_MAX];
	struct {
		df_loop_fn *cb;
		void *ctx;
	} on_turn[TURNS_MAX];
	size_t n_on_turn;
};

struct df_loop *df_loop_new(void)
{
	struct df_loop *loop = df_xcalloc(1, sizeof *loop);

	loop->signal_fd = -1;
	sigemptyset(&loop->signals);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		df_bug("no epoll: errno %d", errno);
	return loop;
}

void df_loop_free(struct df_loop *loop)
{
	if (loop == NULL)
		return;
	(void)close(loop->epoll_fd); /* nothing to lose */
	if (loop->signal_fd >= 0)
		(void)close(loop->signal_fd); /* nothing to lose */
	free(loop->watchers);
	free(loop->timers);
	free(loop->heap);
	free(loop);
}

/* --- descriptors --------------------------------------------------------- */

static uint32_t epoll_events(unsigned events)
{
	uint32_t to = 0;

	if (events & DF_LOOP_READ)
		to |= EPOLLIN;
	if (events & DF_LOOP_WRITE)
		to |= EPOLLOUT;
	return to;
}

static struct epoll_event event_of(const struct df_loop *loop, int fd,
				   unsigned events)
{
	struct epoll_event ev = {.events = epoll_events(events)};

	ev.data.u64 =
		((uint64_t)loop->watchers[fd].generation << 32) | (uint32_t)fd;
	return ev;
}

enum df_err df_loop_watch(struct df_loop *loop, int fd, unsigned events,
			  df_loop_fd_fn *cb, void *ctx)
{
	size_t old = loop->n_watchers, want = (size_t)fd + 1;
	struct epoll_event ev;

	if (fd < 0 || cb == NULL)
		df_bug("watch without descriptor or callback");
	if (want > old) {
		want = want < 2 * old ? 2 * old : want;
		loop->watchers = df_xrealloc(loop->watchers,
					     want * sizeof *loop->watchers);
		memset(loop->watchers + old, 0,
		       (want - old) * sizeof *loop->watchers);
		loop->n_watchers = want;
	}
	if (loop->watchers[fd].cb != NULL)
		return DF_E_EXISTS;
	loop->watchers[fd].generation++;
	ev = event_of(loop, fd, events);
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return DF_E_IO;
	loop->watchers[fd].cb = cb;
	loop->watchers[fd].ctx = ctx;
	return DF_OK;
}

static bool is_watched(const struct df_loop *loop, int fd)
{
	return fd >= 0 && (size_t)fd < loop->n_watchers &&
	       loop->watchers[fd].cb != NULL;
}

void df_loop_modify(struct df_loop *loop, int fd, unsigned events)
{
	struct epoll_event ev;

	if (!is_watched(loop, fd))
		df_bug("descriptor %d is not watched", fd);
	ev = event_of(loop, fd, events);
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &ev) < 0)
		df_bug("epoll lost descriptor %d: errno %d", fd, errno);
}

void df_loop_unwatch(struct df_loop *loop, int fd)
{
	if (!is_watched(loop, fd))
		return;
	loop->watchers[fd].cb = NULL;
	loop->watchers[fd].generation++;
	/* may be closed already: then epoll has dropped it */
	(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static void event_run(struct df_loop *loop, const struct epoll_event *ev)
{
	uint32_t generation = (uint32_t)(ev->data.u64 >> 32);
	int fd = (int)(uint32_t)ev->data.u64;
	unsigned events = 0;

	if (!is_watched(loop, fd) ||
	    loop->watchers[fd].generation != generation)
		return; /* removed earlier in this turn */
	if (ev->events & EPOLLIN)
		events |= DF_LOOP_READ;
	if (ev->events & EPOLLOUT)
		events |= DF_LOOP_WRITE;
	if (ev->events & (EPOLLHUP | EPOLLERR))
		events |= DF_LOOP_HANGUP;
	loop->watchers[fd].cb(loop->watchers[fd].ctx, fd, events);
}

/* --- timers -------------------------------------------------------------- */

static bool earlier(const struct df_loop *loop, size_t a, size_t b)
{
	const struct timer *x = &loop->timers[loop->heap[a]];
	const struct timer *y = &loop->timers[loop->heap[b]];

	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms;
	return x->order < y->order;
}

static void heap_swap(struct df_loop *loop, size_t a, size_t b)
{
	uint32_t slot = loop->heap[a];

	loop->heap[a] = loop->heap[b];
	loop->heap[b] = slot;
	loop->timers[loop->heap[a]].heap_index = (uint32_t)a;
	loop->timers[loop->heap[b]].heap_index = (uint32_t)b;
}

static void heap_settle(struct df_loop *loop, size_t i)
{
	size_t child;

	while (i > 0 && earlier(loop, i, (i - 1) / 2)) {
		heap_swap(loop, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
	for (;;) {
		child = 2 * i + 1;
		if (child >= loop->n_heap)
			return;
		if (child + 1 < loop->n_heap && earlier(loop, child + 1, child))
			child++;
		if (!earlier(loop, child, i))
			return;
		heap_swap(loop, i, child);
		i = child;
	}
}

static void heap_remove(struct df_loop *loop, size_t i)
{
	uint32_t slot = loop->heap[i];

	loop->n_heap--;
	if (i != loop->n_heap) {
		loop->heap[i] = loop->heap[loop->n_heap];
		loop->timers[loop->heap[i]].heap_index = (uint32_t)i;
		heap_settle(loop, i);
	}
	loop->timers[slot].cb = NULL;
	loop->timers[slot].generation++;
	loop->timers[slot].heap_index = loop->free_slot;
	loop->free_slot = slot + 1;
}

static size_t timer_slot(struct df_loop *loop)
{
	size_t i, old = loop->n_timers, want = old == 0 ? 16 : 2 * old;
	uint32_t slot;

	if (loop->free_slot == 0) {
		loop->timers =
			df_xrealloc(loop->timers, want * sizeof *loop->timers);
		loop->heap = df_xrealloc(loop->heap, want * sizeof *loop->heap);
		memset(loop->timers + old, 0,
		       (want - old) * sizeof *loop->timers);
		for (i = want; i > old; i--) {
			loop->timers[i - 1].heap_index = loop->free_slot;
			loop->free_slot = (uint32_t)i;
		}
		loop->n_timers = want;
	}
	slot = loop->free_slot - 1;
	loop->free_slot = loop->timers[slot].heap_index;
	return slot;
}

uint64_t df_loop_timer(struct df_loop *loop, int64_t at_mono_ms, df_loop_fn *cb,
		       void *ctx)
{
	size_t slot = timer_slot(loop);
	struct timer *t = &loop->timers[slot];

	t->at_ms = at_mono_ms;
	t->cb = cb;
	t->ctx = ctx;
	t->order = loop->order++;
	t->heap_index = (uint32_t)loop->n_heap;
	loop->heap[loop->n_heap] = (uint32_t)slot;
	loop->n_heap++;
	heap_settle(loop, loop->n_heap - 1);
	return ((uint64_t)t->generation << 32) | (uint64_t)(slot + 1);
}

void df_loop_cancel(struct df_loop *loop, uint64_t timer)
{
	uint32_t slot = (uint32_t)timer;
	struct timer *t;

	if (slot == 0 || slot > loop->n_timers)
		return;
	t = &loop->timers[slot - 1];
	if (t->cb == NULL || t->generation != (uint32_t)(timer >> 32))
		return;
	heap_remove(loop, t->heap_index);
}

static void timers_run(struct df_loop *loop)
{
	int64_t now_ms = df_clock_mono_ms();
	uint64_t before = loop->order; /* those set meanwhile wait a turn */
	struct timer *t;
	df_loop_fn *cb;
	void *ctx;

	while (loop->n_heap > 0) {
		t = &loop->timers[loop->heap[0]];
		if (t->at_ms > now_ms || t->order >= before)
			return;
		cb = t->cb;
		ctx = t->ctx;
		heap_remove(loop, 0);
		cb(ctx);
	}
}

static int wait_ms(const struct df_loop *loop, int64_t timeout_ms)
{
	int64_t left_ms;

	if (loop->n_heap > 0) {
		left_ms =
			loop->timers[loop->heap[0]].at_ms - df_clock_mono_ms();
		left_ms = left_ms < 0 ? 0 : left_ms;
		if (timeout_ms < 0 || left_ms < timeout_ms)
			timeout_ms = left_ms;
	}
	if (timeout_ms < 0)
		return -1;
	return timeout_ms > 3600000 ? 3600000 : (int)timeout_ms;
}

/* --- signals ------------------------------------------------------------- */

static void signals_read(void *ctx, int fd, unsigned events)
{
	struct df_loop *loop = ctx;
	struct signalfd_siginfo info;

	(void)events; /* only reading is asked for */
	while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo < SIGNALS_MAX &&
		    loop->on_signal[info.ssi_signo].cb != NULL)
			loop->on_signal[info.ssi_signo].cb(
				loop->on_signal[info.ssi_signo].ctx,
				(int)info.ssi_signo);
	}
}

enum df_err df_loop_signal(struct df_loop *loop, int signo,
			   df_loop_signal_fn *cb, void *ctx)
{
	int fd;

	if (signo <= 0 || signo >= SIGNALS_MAX)
		df_bug("signal %d does not exist", signo);
	loop->on_signal[signo].cb = cb;
	loop->on_signal[signo].ctx = ctx;
	sigaddset(&loop->signals, signo);
	if (sigprocmask(SIG_BLOCK, &loop->signals, NULL) < 0)
		return DF_E_IO;
	fd = signalfd(loop->signal_fd, &loop->signals,
		      SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return DF_E_IO;
	if (loop->signal_fd >= 0)
		return DF_OK;
	loop->signal_fd = fd;
	return df_loop_watch(loop, fd, DF_LOOP_READ, signals_read, loop);
}

/* --- turns --------------------------------------------------------------- */

void df_loop_on_turn(struct df_loop *loop, df_loop_fn *cb, void *ctx)
{
	if (loop->n_on_turn == TURNS_MAX)
		df_bug("too many turn callbacks");
	loop->on_turn[loop->n_on_turn].cb = cb;
	loop->on_turn[loop->n_on_turn].ctx = ctx;
	loop->n_on_turn++;
}

void df_loop_once(struct df_loop *loop, int64_t timeout_ms)
{
	struct epoll_event ready[BATCH];
	size_t k;
	int n, i;

	n = epoll_wait(loop->epoll_fd, ready, BATCH, wait_ms(loop, timeout_ms));
	if (n < 0 && errno != EINTR)
		df_bug("epoll fails: errno %d", errno);
	for (i = 0; i < n; i++)
		event_run(loop, &ready[i]);
	timers_run(loop);
	for (k = 0; k < loop->n_on_turn; k++)
		loop->on_turn[k].cb(loop->on_turn[k].ctx);
}

void df_loop_run(struct df_loop *loop)
{
	while (!loop->stopped)
		df_loop_once(loop, -1);
	loop->stopped = false; /* a stop before the run counts too */
}

void df_loop_stop(struct df_loop *loop)
{
	loop->stopped = true;
}
