/* line_test.c - what a line is said to carry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "df/line.h"

#define MB 1000000u

static void test_unknown_at_first(void **state)
{
	struct df_line l = {0};

	(void)state;
	assert_false(df_line_outruns_jpegls(&l));
	df_line_begin(&l, 1000);
	df_line_end(&l, 200000, 1001); /* too little to say anything */
	assert_true(l.bytes_per_s < 1);
	assert_false(df_line_outruns_jpegls(&l));
}

static void test_idle_time_does_not_count(void **state)
{
	struct df_line l = {0};

	(void)state;
	for (int64_t at = 0; at < 600000; at += 60000) {
		df_line_begin(&l, at);
		df_line_end(&l, 4 * MB, at + 100);
	}
	assert_true(l.bytes_per_s > 39e6 && l.bytes_per_s < 41e6);
	assert_true(df_line_outruns_jpegls(&l));
}

static void test_several_share_the_line(void **state)
{
	struct df_line l = {0};

	(void)state;
	for (int i = 0; i < 4; i++)
		df_line_begin(&l, 0);
	for (int i = 0; i < 4; i++) /* 4 MB each, all within 8 s */
		df_line_end(&l, 4 * MB, 2000 * (i + 1));
	assert_true(l.bytes_per_s > 1.9e6 && l.bytes_per_s < 2.1e6);
	assert_false(df_line_outruns_jpegls(&l));
}

static void test_failures_bring_nothing(void **state)
{
	struct df_line l = {0};

	(void)state;
	df_line_begin(&l, 0);
	df_line_end(&l, 0, 50);
	assert_int_equal(l.under_way, 0);
	assert_true(l.bytes_per_s < 1);
	df_line_begin(&l, 0); /* a clock that stands still */
	df_line_end(&l, 4 * MB, 0);
	assert_true(l.bytes_per_s > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown_at_first),
		cmocka_unit_test(test_idle_time_does_not_count),
		cmocka_unit_test(test_several_share_the_line),
		cmocka_unit_test(test_failures_bring_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
