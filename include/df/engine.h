/*
 * engine.h - a library with its own idea of time, driven by our loop.
 *
 * libcurl and libmicrohttpd hide their sockets behind one descriptor and a
 * waiting time. An engine watches the one, waits the other, and gives the
 * library its turns.
 */
#ifndef DF_ENGINE_H
#define DF_ENGINE_H

#include "df/loop.h"

#ifdef __cplusplus
extern "C" {
#endif

struct df_engine { /* the three to be filled in; the rest is ours */
	void *ctx;
	int64_t (*timeout_ms)(void *ctx); /* -1 = nothing to wait for */
	void (*turn)(void *ctx);
	struct df_loop *loop;
	int fd;
	uint64_t timer;
};

/* fd is borrowed and must live until df_engine_stop. */
DF_MUST_CHECK enum df_err df_engine_start(struct df_engine *e,
					  struct df_loop *loop, int fd);
/* Call it at the end of each turn of the loop: what callbacks have answered
 * meanwhile may have changed how long the library wants to wait. */
void df_engine_arm(struct df_engine *e);
void df_engine_stop(struct df_engine *e);

#ifdef __cplusplus
}
#endif
#endif
