/* watermark_test.c - marks on disks of every size, and their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "df/watermark.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static const struct df_marks usual = {2 * GIB, 5, 80, 90};

static void the_larger_reserve_counts(void **state)
{
	static const struct {
		uint64_t total, keep;
	} t[] = {
		{100 * GIB, 5 * GIB},	 /* a share */
		{20 * GIB, 2 * GIB},	 /* the fixed size */
		{4 * GIB, GIB},		 /* at most a quarter */
		{256 * MIB, 64 * MIB},
		{0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct df_disk d = {.total_bytes = t[i].total};
		uint64_t keep = df_reserve_bytes(&d, &usual);

		/* a share of whole percents, rounded down */
		assert_in_range(keep, t[i].keep - (t[i].keep ? 100 : 0),
				t[i].keep);
	}
}

static enum df_mark at(uint64_t free_bytes, uint64_t held, enum df_mark was)
{
	/* 80 GiB may be filled: soft at 64 filled, high at 72 */
	static const struct df_marks m = {20 * GIB, 5, 80, 90};
	struct df_disk d = {.total_bytes = 100 * GIB,
			    .free_bytes = free_bytes,
			    .held_bytes = held};

	return df_watermark(&d, &m, was).mark;
}

static void marks_are_shares_of_what_may_be_filled(void **state)
{
	(void)state;
	for (uint64_t held = 0; held <= 20 * GIB; held += 10 * GIB) {
		uint64_t h = held; /* what is held is free for us */

		assert_int_equal(at(100 * GIB - h, h, 0), DF_MARK_NONE);
		assert_int_equal(at(37 * GIB - h, h, 0), DF_MARK_NONE);
		assert_int_equal(at(35 * GIB - h, h, 0), DF_MARK_SOFT);
		assert_int_equal(at(29 * GIB - h, h, 0), DF_MARK_SOFT);
		assert_int_equal(at(27 * GIB - h, h, 0), DF_MARK_HIGH);
		assert_int_equal(at(20 * GIB + 1 - h, h, 0), DF_MARK_HIGH);
		assert_int_equal(at(20 * GIB - h, h, 0), DF_MARK_RESERVE);
	}
	assert_int_equal(at(0, 0, 0), DF_MARK_RESERVE);
	assert_int_equal(at(0, 20 * GIB, 0), DF_MARK_RESERVE);
}

static void a_mark_is_left_below_it(void **state)
{
	(void)state;
	assert_int_equal(at(21 * GIB, 0, DF_MARK_RESERVE), DF_MARK_RESERVE);
	assert_int_equal(at(22 * GIB, 0, DF_MARK_RESERVE), DF_MARK_HIGH);
	assert_int_equal(at(29 * GIB, 0, DF_MARK_HIGH), DF_MARK_HIGH);
	assert_int_equal(at(30 * GIB, 0, DF_MARK_HIGH), DF_MARK_SOFT);
	assert_int_equal(at(37 * GIB, 0, DF_MARK_RESERVE), DF_MARK_SOFT);
	assert_int_equal(at(38 * GIB, 0, DF_MARK_RESERVE), DF_MARK_NONE);
}

static void inodes_are_judged_alike(void **state)
{
	struct df_disk d = {.total_bytes = 100 * GIB,
			    .free_bytes = 90 * GIB,
			    .total_inodes = 1000};
	struct df_pressure p;

	(void)state;
	assert_int_equal(df_reserve_inodes(&d), 50);
	d.free_inodes = 1000;
	assert_int_equal(df_watermark(&d, &usual, 0).mark, DF_MARK_NONE);
	d.free_inodes = 140; /* 90 of 950 are left */
	p = df_watermark(&d, &usual, 0);
	assert_int_equal(p.mark, DF_MARK_HIGH);
	assert_true(p.inodes);
	d.free_inodes = 50;
	p = df_watermark(&d, &usual, 0);
	assert_int_equal(p.mark, DF_MARK_RESERVE);
	assert_true(p.inodes);
	d.free_bytes = 0; /* both: equal, then it is the bytes */
	assert_false(df_watermark(&d, &usual, 0).inodes);
	d.total_inodes = 0; /* not counted there */
	d.free_bytes = 90 * GIB;
	d.free_inodes = 0;
	assert_int_equal(df_watermark(&d, &usual, 0).mark, DF_MARK_NONE);
	d.total_inodes = 10000000;
	assert_int_equal(df_reserve_inodes(&d), 4096);
}

static void what_fits_leaves_the_reserve_whole(void **state)
{
	static const struct df_marks m = {10 * MIB, 0, 80, 90};
	struct df_disk d = {.total_bytes = 100 * MIB,
			    .free_bytes = 15 * MIB,
			    .held_bytes = 5 * MIB};

	(void)state;
	assert_true(df_watermark_fits(&d, &m, 10 * MIB));
	assert_false(df_watermark_fits(&d, &m, 10 * MIB + 1));
	assert_false(df_watermark_fits(&d, &m, UINT64_MAX));
	d.free_bytes = 5 * MIB;
	assert_false(df_watermark_fits(&d, &m, 0)); /* exactly the reserve */
}

/* Whatever the numbers: less room never means a lower mark. */
static void pressure_is_monotone(void **state)
{
	uint64_t x = 88172645463325252ull;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct df_disk d = {0};
		struct df_marks m = {0};
		enum df_mark last = DF_MARK_NONE;

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		d.total_bytes = x % (4096 * GIB);
		m.reserve_bytes = (x >> 7) % (64 * GIB);
		m.reserve_percent = (x >> 13) % 91;
		m.soft_percent = 1 + (x >> 17) % 100;
		m.high_percent = m.soft_percent +
				 (x >> 23) % (101 - m.soft_percent);
		assert_true(df_reserve_bytes(&d, &m) <= d.total_bytes / 4);
		for (int part = 16; part >= 0; part--) {
			struct df_pressure p;

			d.free_bytes = d.total_bytes / 16 * (uint64_t)part;
			p = df_watermark(&d, &m, DF_MARK_NONE);
			assert_true(p.mark >= last);
			last = p.mark;
		}
		assert_int_equal(last, DF_MARK_RESERVE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_larger_reserve_counts),
		cmocka_unit_test(marks_are_shares_of_what_may_be_filled),
		cmocka_unit_test(a_mark_is_left_below_it),
		cmocka_unit_test(inodes_are_judged_alike),
		cmocka_unit_test(what_fits_leaves_the_reserve_whole),
		cmocka_unit_test(pressure_is_monotone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
