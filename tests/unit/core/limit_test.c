/* limit_test.c - so many a minute for each, and nobody pays for another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "df/limit.h"

static struct df_limit l;

static void burst_then_rate(void **state)
{
	int64_t wait = -1, now = 1000;

	(void)state;
	df_limit_init(&l, 60, 20); /* one a second */
	for (int i = 0; i < 20; i++) {
		assert_true(df_limit_take(&l, "a", 0, now, &wait));
		assert_int_equal(wait, 0);
	}
	assert_false(df_limit_take(&l, "a", 0, now, &wait));
	assert_int_equal(wait, 1000);
	/* a refusal costs nothing: the same second serves it */
	for (int i = 0; i < 1000; i++)
		assert_false(df_limit_take(&l, "a", 0, now + 999, &wait));
	assert_int_equal(wait, 1);
	assert_true(df_limit_take(&l, "a", 0, now + 1000, &wait));
	assert_false(df_limit_take(&l, "a", 0, now + 1000, &wait));
	/* another one has its own */
	assert_true(df_limit_take(&l, "b", 0, now, &wait));
	/* a long rest fills it, and no more */
	now += INT64_C(1000) * 86400 * 365;
	for (int i = 0; i < 20; i++)
		assert_true(df_limit_take(&l, "a", 0, now, &wait));
	assert_false(df_limit_take(&l, "a", 0, now, &wait));
}

/* Who waits his turn is served at the rate, however often he comes. */
static void owed(void **state)
{
	int64_t wait, last = 0;

	(void)state;
	df_limit_init(&l, 200 * 60, 400);
	for (int i = 0; i < 400; i++) {
		assert_true(df_limit_take(&l, "a", 2000, 0, &wait));
		assert_int_equal(wait, 0);
	}
	for (int i = 1; i <= 400; i++) {
		assert_true(df_limit_take(&l, "a", 2000, 0, &wait));
		assert_int_equal(wait, i * 5); /* 200 a second */
		last = wait;
	}
	assert_int_equal(last, 2000);
	assert_false(df_limit_take(&l, "a", 2000, 0, &wait));
	assert_true(wait > 2000);
	/* what was owed is paid before new ones are free */
	assert_true(df_limit_take(&l, "a", 2000, 2000, &wait));
	assert_int_equal(wait, 5);
}

static void clock_back(void **state)
{
	int64_t wait;

	(void)state;
	df_limit_init(&l, 60, 1);
	assert_true(df_limit_take(&l, "a", 0, 5000, &wait));
	assert_false(df_limit_take(&l, "a", 0, 1000, &wait));
	assert_true(df_limit_take(&l, "a", 0, 6000, &wait));
}

/* More keys than it holds: the one that rested longest makes place. */
static void crowd(void **state)
{
	int64_t wait;
	char key[16];

	(void)state;
	df_limit_init(&l, 1, 1);
	assert_true(df_limit_take(&l, "busy", 0, 0, &wait));
	for (int i = 0; i < 3000; i++) {
		df_str_fmt(key, sizeof key, "k%d", i);
		assert_true(df_limit_take(&l, key, 0, i, &wait));
		/* who asks all the time is never forgotten */
		assert_false(df_limit_take(&l, "busy", 0, i, &wait));
	}
	assert_int_equal(l.n, DF_LIMIT_KEYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(burst_then_rate),
		cmocka_unit_test(owed),
		cmocka_unit_test(clock_back),
		cmocka_unit_test(crowd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
