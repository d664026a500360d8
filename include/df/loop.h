/*
 * loop.h - one event loop a room: descriptors, timers, signals, turns.
 *
 * Level-triggered epoll. A *turn* is one batch of ready events and due timers;
 * the turn callbacks run once after each (group commit hangs there). Inside
 * any callback, any watcher or timer may be added, changed or removed: an
 * event that was already fetched for a removed watcher is dropped.
 * One thread. Only out-of-memory and a broken kernel can make it fail.
 */
#ifndef DF_LOOP_H
#define DF_LOOP_H

#include "df/err.h"

#ifdef __cplusplus
extern "C" {
#endif

struct df_loop;

enum df_loop_events {
	DF_LOOP_READ = 1 << 0,
	DF_LOOP_WRITE = 1 << 1,
	DF_LOOP_HANGUP = 1 << 2, /* given, never asked for: error or hang-up */
};

typedef void df_loop_fd_fn(void *ctx, int fd, unsigned events);
typedef void df_loop_fn(void *ctx);
typedef void df_loop_signal_fn(void *ctx, int signo);

/* Never NULL; dies when the kernel gives no epoll. */
struct df_loop *df_loop_new(void);
/* Closes no watched descriptor. NULL is fine. */
void df_loop_free(struct df_loop *loop);

/* fd is borrowed: unwatch before closing it. events may be 0 (hang-up only).
 * DF_E_EXISTS when it is watched already. */
DF_MUST_CHECK enum df_err df_loop_watch(struct df_loop *loop, int fd,
					unsigned events, df_loop_fd_fn *cb,
					void *ctx);
/* A descriptor that is not watched is a bug of ours. */
void df_loop_modify(struct df_loop *loop, int fd, unsigned events);
/* Not watched is fine. */
void df_loop_unwatch(struct df_loop *loop, int fd);

/* Runs cb once when df_clock_mono_ms() >= at_mono_ms. The handle is never 0. */
uint64_t df_loop_timer(struct df_loop *loop, int64_t at_mono_ms, df_loop_fn *cb,
		       void *ctx);
/* 0, a fired or a cancelled handle are fine. */
void df_loop_cancel(struct df_loop *loop, uint64_t timer);

/* Blocks signo for the process and runs cb in the loop when it arrives. */
DF_MUST_CHECK enum df_err df_loop_signal(struct df_loop *loop, int signo,
					 df_loop_signal_fn *cb, void *ctx);

/* Runs cb after each turn; at most 8 of them, never removed. */
void df_loop_on_turn(struct df_loop *loop, df_loop_fn *cb, void *ctx);

/* Runs until df_loop_stop. */
void df_loop_run(struct df_loop *loop);
/* One turn: waits at most timeout_ms (-1 = for ever) for something to do. */
void df_loop_once(struct df_loop *loop, int64_t timeout_ms);
void df_loop_stop(struct df_loop *loop);

#ifdef __cplusplus
}
#endif
#endif
