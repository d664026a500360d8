/* engine.c - gives a library with its own sockets its turns in our loop. */
#include "df/engine.h"

#include "df/clock.h"

static void due(void *ctx)
{
	struct df_engine *e = ctx;

	e->timer = 0;
	e->turn(e->ctx);
	df_engine_arm(e);
}

static void ready(void *ctx, int fd, unsigned events)
{
	struct df_engine *e = ctx;

	(void)fd, (void)events;
	e->turn(e->ctx);
}

enum df_err df_engine_start(struct df_engine *e, struct df_loop *loop, int fd)
{
	e->loop = loop;
	e->fd = fd;
	e->timer = 0;
	return df_loop_watch(loop, fd, DF_LOOP_READ, ready, e);
}

void df_engine_arm(struct df_engine *e)
{
	int64_t ms = e->timeout_ms(e->ctx);

	df_loop_cancel(e->loop, e->timer);
	e->timer = 0;
	if (ms >= 0)
		e->timer = df_loop_timer(e->loop, df_clock_mono_ms() + ms, due,
					 e);
}

void df_engine_stop(struct df_engine *e)
{
	df_loop_cancel(e->loop, e->timer);
	df_loop_unwatch(e->loop, e->fd);
}
