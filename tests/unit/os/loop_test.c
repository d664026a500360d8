/* loop_test.c - order of timers, removal inside a turn, signals, turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "df/clock.h"
#include "df/loop.h"

struct seen {
	struct df_loop *loop;
	char order[32];
	int a[2], b[2]; /* pipes */
	int turns;
	uint64_t timer;
};

static void note(struct seen *s, char c)
{
	size_t n = strlen(s->order);

	assert_true(n + 1 < sizeof s->order);
	s->order[n] = c;
}

static void on_a(void *ctx)
{
	note(ctx, 'a');
}

static void on_b(void *ctx)
{
	note(ctx, 'b');
}

static void on_c(void *ctx)
{
	struct seen *s = ctx;

	note(s, 'c');
	df_loop_cancel(s->loop, s->timer);
	df_loop_stop(s->loop);
}

static void on_turn(void *ctx)
{
	((struct seen *)ctx)->turns++;
}

static void timers_in_order(void **state)
{
	struct seen s = {.loop = df_loop_new()};
	int64_t now = df_clock_mono_ms();
	uint64_t gone;

	(void)state;
	df_loop_on_turn(s.loop, on_turn, &s);
	df_loop_timer(s.loop, now + 2, on_c, &s);
	df_loop_timer(s.loop, now, on_a, &s);
	df_loop_timer(s.loop, now, on_b, &s);
	gone = df_loop_timer(s.loop, now, on_b, &s);
	s.timer = df_loop_timer(s.loop, now + 2, on_b, &s);
	df_loop_cancel(s.loop, gone);
	df_loop_cancel(s.loop, gone); /* twice is fine */
	df_loop_cancel(s.loop, 0);
	df_loop_run(s.loop);
	assert_string_equal(s.order, "abc");
	assert_true(s.turns > 0);
	df_loop_cancel(s.loop, gone);
	df_loop_free(s.loop);
}

static void many_timers(void **state)
{
	struct seen s = {.loop = df_loop_new()};
	uint64_t h[500];
	int i;

	(void)state;
	for (i = 0; i < 500; i++)
		h[i] = df_loop_timer(s.loop, 1 + (i * 7919) % 500, on_turn, &s);
	for (i = 0; i < 500; i += 2)
		df_loop_cancel(s.loop, h[i]);
	df_loop_once(s.loop, 0);
	assert_int_equal(s.turns, 250);
	df_loop_free(s.loop);
}

static void on_ready(void *ctx, int fd, unsigned events)
{
	struct seen *s = ctx;

	assert_true(events & DF_LOOP_READ);
	note(s, fd == s->a[0] ? 'a' : 'b');
	/* whoever comes first removes the other and itself */
	df_loop_unwatch(s->loop, s->a[0]);
	df_loop_unwatch(s->loop, s->b[0]);
	df_loop_stop(s->loop);
}

static void removed_in_the_turn(void **state)
{
	struct seen s = {.loop = df_loop_new()};

	(void)state;
	assert_int_equal(pipe(s.a), 0);
	assert_int_equal(pipe(s.b), 0);
	assert_int_equal(write(s.a[1], "x", 1), 1);
	assert_int_equal(write(s.b[1], "x", 1), 1);
	assert_int_equal(
		df_loop_watch(s.loop, s.a[0], DF_LOOP_READ, on_ready, &s),
		DF_OK);
	assert_int_equal(
		df_loop_watch(s.loop, s.b[0], DF_LOOP_READ, on_ready, &s),
		DF_OK);
	assert_int_equal(
		df_loop_watch(s.loop, s.b[0], DF_LOOP_READ, on_ready, &s),
		DF_E_EXISTS);
	df_loop_run(s.loop);
	assert_int_equal(strlen(s.order), 1);
	df_loop_free(s.loop);
	close(s.a[0]);
	close(s.a[1]);
	close(s.b[0]);
	close(s.b[1]);
}

static void on_signal(void *ctx, int signo)
{
	struct seen *s = ctx;

	note(s, signo == SIGUSR1 ? '1' : '2');
	if (signo == SIGUSR2)
		df_loop_stop(s->loop);
}

static void signals_arrive(void **state)
{
	struct seen s = {.loop = df_loop_new()};

	(void)state;
	assert_int_equal(df_loop_signal(s.loop, SIGUSR1, on_signal, &s), 0);
	assert_int_equal(df_loop_signal(s.loop, SIGUSR2, on_signal, &s), 0);
	raise(SIGUSR1);
	raise(SIGUSR2);
	df_loop_run(s.loop);
	assert_string_equal(s.order, "12");
	df_loop_free(s.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_in_order),
		cmocka_unit_test(many_timers),
		cmocka_unit_test(removed_in_the_turn),
		cmocka_unit_test(signals_arrive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
