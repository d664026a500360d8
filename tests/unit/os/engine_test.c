/* engine_test.c - a library that waits and reads gets its turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "df/engine.h"

struct library {
	int fd;
	int64_t wait;
	int turns;
};

static int64_t wait_ms(void *ctx)
{
	return ((struct library *)ctx)->wait;
}

static void turn(void *ctx)
{
	struct library *l = ctx;
	char c;

	l->turns++;
	l->wait = -1;
	if (l->fd >= 0 && read(l->fd, &c, 1) != 1)
		fail();
}

static void both_wake_it(void **state)
{
	struct df_loop *loop = df_loop_new();
	struct library l = {.fd = -1, .wait = 1};
	struct df_engine e = {
		.ctx = &l, .timeout_ms = wait_ms, .turn = turn};
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(df_engine_start(&e, loop, p[0]), DF_OK);
	df_engine_arm(&e);
	df_loop_once(loop, -1); /* its waiting time */
	assert_int_equal(l.turns, 1);

	l.fd = p[0];
	assert_int_equal(write(p[1], "x", 1), 1);
	df_loop_once(loop, -1); /* its descriptor */
	assert_int_equal(l.turns, 2);

	l.wait = 0;
	df_engine_arm(&e);
	df_engine_stop(&e);
	df_loop_once(loop, 0); /* nothing more comes */
	assert_int_equal(l.turns, 2);
	df_loop_free(loop);
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(both_wake_it)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
