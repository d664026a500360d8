/* coding_choice_test.c - which coding for which line, and what is learned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "df/coding_choice.h"

#define MBIT 125000.0 /* bytes/s */
#define CT 530000u

static void test_table(void **state)
{
	static const struct {
		double mbit; /* 0 = not known */
		uint64_t first;
		enum df_coding_choice want;
		enum df_coding_why why;
	} rows[] = {
		{0.384, 0, DF_CODING_JPEGXL, DF_CODING_FILLS},
		{2, 0, DF_CODING_JPEGXL, DF_CODING_FILLS},
		{0, 0, DF_CODING_JPEGXL, DF_CODING_FILLS},
		{20, 0, DF_CODING_JPEGXL, DF_CODING_FILLS},
		{35, 0, DF_CODING_JPEGXL, DF_CODING_FILLS},
		{50, 0, DF_CODING_JPEGXL, DF_CODING_FILLS},
		{75, 0, DF_CODING_JPEGLS, DF_CODING_FILLS},
		{95, 0, DF_CODING_JPEGLS, DF_CODING_FASTEST},
		{120, 0, DF_CODING_PREDICT, DF_CODING_FILLS},
		{200, 0, DF_CODING_PREDICT, DF_CODING_FILLS},
		{1000, 0, DF_CODING_PREDICT, DF_CODING_FASTEST},
		{10000, 0, DF_CODING_PREDICT, DF_CODING_FASTEST},
		/* somebody waits for the first */
		{0, CT, DF_CODING_PREDICT, DF_CODING_FIRST},
		{20, CT, DF_CODING_PREDICT, DF_CODING_FIRST},
		{1, CT, DF_CODING_JPEGXL, DF_CODING_FIRST},
		{1000, CT, DF_CODING_PREDICT, DF_CODING_FIRST},
	};
	struct df_coding_chosen got;
	struct df_coders c;

	(void)state;
	df_coders_init(&c);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		df_coding_choose(&got, &c, 2, rows[i].mbit * MBIT,
				 rows[i].first);
		if (got.coding != rows[i].want || got.why != rows[i].why)
			fail_msg("%g Mbit/s%s: %s, %s", rows[i].mbit,
				 rows[i].first ? ", first image" : "",
				 df_coding_word(got.coding),
				 df_coding_why_word(got.why));
		assert_true(got.assumed == (rows[i].mbit <= 0));
		assert_true(got.line_bytes_per_s > 0);
	}
}

/* On a faster line the images are never coded smaller. */
static void test_never_back(void **state)
{
	struct df_coding_chosen got;
	struct df_coders c;
	double last = 100;

	(void)state;
	df_coders_init(&c);
	for (double mbit = 0.1; mbit < 1e5; mbit *= 1.1) {
		df_coding_choose(&got, &c, 2, mbit * MBIT, 0);
		assert_true(c.by[got.coding].ratio <= last);
		last = c.by[got.coding].ratio;
	}
}

/* A slow machine: what it said is believed after some parcels. */
static void test_learns_the_machine(void **state)
{
	struct df_coding_work slow = {.raw = 16000000,
				      .coded = 3700000,
				      .cpu_us = 8000000,
				      .wall_us = 9000000};
	struct df_coding_chosen got;
	struct df_coders c;

	(void)state;
	df_coders_init(&c);
	for (int i = 0; i < 20; i++) {
		df_coders_packed(&c, DF_CODING_JPEGXL, &slow);
		df_coders_verified(&c, DF_CODING_JPEGXL, &slow);
	}
	df_coding_choose(&got, &c, 2, 20 * MBIT, 0);
	assert_int_equal(got.coding, DF_CODING_JPEGLS);
	assert_true(c.share < 0.9 && c.share > 0.88);
	df_coding_choose(&got, &c, 2, 1 * MBIT, 0); /* still fills this one */
	assert_int_equal(got.coding, DF_CODING_JPEGXL);
	/* a core that others use leaves less */
	slow.wall_us = 80000000;
	for (int i = 0; i < 20; i++)
		df_coders_packed(&c, DF_CODING_JPEGLS, &slow);
	df_coding_choose(&got, &c, 2, 20 * MBIT, 0);
	assert_int_equal(got.coding, DF_CODING_PREDICT);
}

/* Graphics that code 20 to 1 need more raw bytes for the same line. */
static void test_learns_the_images(void **state)
{
	struct df_coding_work easy = {.raw = 16000000,
				      .coded = 800000,
				      .cpu_us = 1200000,
				      .wall_us = 1200000};
	struct df_coding_chosen got;
	struct df_coders c;

	(void)state;
	df_coders_init(&c);
	for (int i = 0; i < 20; i++)
		df_coders_packed(&c, DF_CODING_JPEGXL, &easy);
	assert_true(c.content > 4);
	df_coding_choose(&got, &c, 2, 30 * MBIT, 0);
	assert_int_equal(got.coding, DF_CODING_PREDICT);
	/* one image says little */
	df_coders_init(&c);
	easy.raw = 16000;
	easy.coded = 800;
	easy.cpu_us = easy.wall_us = 1200;
	df_coders_packed(&c, DF_CODING_JPEGXL, &easy);
	assert_true(c.content < 1.01);
}

static void test_what_lied_is_passed_over(void **state)
{
	struct df_coding_chosen got;
	struct df_coders c;

	(void)state;
	df_coders_init(&c);
	df_coders_mismatch(&c, DF_CODING_JPEGXL);
	df_coding_choose(&got, &c, 2, 2 * MBIT, 0);
	assert_int_equal(got.coding, DF_CODING_JPEGLS);
	for (unsigned i = DF_CODING_ZSTD; i < DF_CODING_COUNT; i++)
		df_coders_mismatch(&c, (enum df_coding_choice)i);
	df_coding_choose(&got, &c, 2, 2 * MBIT, 0);
	assert_int_equal(got.coding, DF_CODING_STORED);
}

static void test_words(void **state)
{
	(void)state;
	for (unsigned i = 0; i < DF_CODING_COUNT; i++)
		assert_int_equal(df_coding_of_word(df_coding_word(
					 (enum df_coding_choice)i)),
				 i);
	assert_int_equal(df_coding_of_word("zip"), DF_CODING_COUNT);
	assert_string_equal(df_coding_why_word(DF_CODING_FIRST), "first");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_never_back),
		cmocka_unit_test(test_learns_the_machine),
		cmocka_unit_test(test_learns_the_images),
		cmocka_unit_test(test_what_lied_is_passed_over),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
