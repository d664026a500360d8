/* ranges_test.c - ranges against an array of flags, one a byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "df/ranges.h"

#define WHOLE 200u

static void is_in_order(const struct df_ranges *s)
{
	for (size_t i = 0; i < s->n; i++) {
		assert_true(s->r[i].from < s->r[i].to);
		assert_true(i == 0 || s->r[i - 1].to < s->r[i].from);
	}
}

static void looks_like(const struct df_ranges *s, const bool there[WHOLE])
{
	struct df_range gap = {0};
	uint64_t prefix = 0, sum = 0, end;

	while (prefix < WHOLE && there[prefix])
		prefix++;
	for (size_t i = 0; i < WHOLE; i++) {
		assert_int_equal(df_ranges_meet(s, i, i + 1), there[i]);
		sum += there[i];
	}
	assert_int_equal(df_ranges_prefix(s), prefix);
	assert_int_equal(df_ranges_sum(s), sum);
	assert_int_equal(df_ranges_gap(s, WHOLE, &gap), prefix < WHOLE);
	if (prefix == WHOLE)
		return;
	for (end = prefix; end < WHOLE && !there[end];)
		end++;
	assert_int_equal(gap.from, prefix);
	assert_int_equal(gap.to, end);
}

static void any_order(void **state)
{
	(void)state;
	srand(7);
	for (int round = 0; round < 300; round++) {
		struct df_ranges s = {0};
		bool there[WHOLE] = {0};

		for (int k = 0; k < 60; k++) {
			uint64_t from = (uint64_t)rand() % WHOLE;
			uint64_t to = from + (uint64_t)rand() % 12;

			if (to > WHOLE)
				to = WHOLE;
			if (df_ranges_add(&s, from, to))
				memset(there + from, 1, to - from);
			else
				assert_true(from == to ||
					    s.n == DF_RANGES_MAX);
			is_in_order(&s);
			looks_like(&s, there);
		}
	}
}

static void has_an_end(void **state)
{
	struct df_ranges s = {0}, before;

	(void)state;
	for (uint64_t i = 0; i < DF_RANGES_MAX; i++)
		assert_true(df_ranges_add(&s, 10 * i, 10 * i + 5));
	before = s;
	assert_false(df_ranges_add(&s, 1000, 1001));
	assert_memory_equal(&s, &before, sizeof s);
	assert_true(df_ranges_add(&s, 5, 10)); /* joins two: place again */
	assert_true(df_ranges_add(&s, 1000, 1001));
	assert_false(df_ranges_add(&s, 3, 3));
	assert_true(df_ranges_add(&s, UINT64_MAX - 1, UINT64_MAX) ||
		    s.n == DF_RANGES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order),
		cmocka_unit_test(has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
