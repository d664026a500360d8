/* flow_test.c - a line that is simulated, and what is made of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "df/flow.h"

#define STEP_MS 100

/* What so many connections carry together, in bytes/s. */
struct wire {
	double all; /* the line */
	double one; /* a connection alone */
	enum df_flow_control control;
};

static double carries(const struct wire *w, unsigned n)
{
	return n * w->one < w->all ? n * w->one : w->all;
}

/* Runs for so long with always enough to send; the time and bytes go on. */
static void run(struct df_flow *f, const struct wire *w, int64_t ms,
		int64_t *now, double *acked)
{
	for (int64_t end = *now + ms; *now < end; *now += STEP_MS) {
		unsigned n = df_flow_width(f);

		*acked += carries(w, n) * STEP_MS / 1000;
		df_flow_look(f,
			     &(struct df_flow_seen){n, n, (uint64_t)*acked, 80,
						    w->control},
			     *now);
	}
}

/* What a line of its own makes of the number of connections, 0 = finds out. */
static void as_many_as_carry_more(void **state)
{
	static const struct {
		const char *what;
		struct wire w;
		unsigned fixed, want;
	} T[] = {
		{"a clean line keeps few",
		 {2.5e6, 2.5e6, DF_FLOW_YIELDS},
		 0,
		 4},
		/* 1 %, 80 ms, cubic */
		{"a lossy one gets many",
		 {2.5e6, 0.19e6, DF_FLOW_YIELDS},
		 0,
		 16},
		{"eight of them fill it", {1e6, 0.13e6, DF_FLOW_YIELDS}, 0, 8},
		{"a slow line keeps two", {48000, 48000, DF_FLOW_YIELDS}, 0, 2},
		{"what is configured stands",
		 {2.5e6, 0.1e6, DF_FLOW_YIELDS},
		 3,
		 3},
		{"steady: one carries it",
		 {2.5e6, 2.5e6, DF_FLOW_STEADY},
		 0,
		 1},
		{"steady, and slow", {20000, 20000, DF_FLOW_STEADY}, 0, 1},
		{"steady, yet one is held to less",
		 {4e6, 0.5e6, DF_FLOW_STEADY},
		 0,
		 8},
		{"configured, not found out",
		 {2.5e6, 2.5e6, DF_FLOW_STEADY},
		 3,
		 3},
	};

	(void)state;
	for (size_t i = 0; i < sizeof T / sizeof T[0]; i++) {
		struct df_flow f;
		int64_t now = 1000;
		double acked = 1;

		df_flow_init(&f, T[i].fixed);
		run(&f, &T[i].w, 60000, &now, &acked);
		if (f.width != T[i].want)
			fail_msg("%s: %u", T[i].what, f.width);
		run(&f, &T[i].w, 600000, &now, &acked); /* and stays so */
		if (f.width != T[i].want)
			fail_msg("%s, later: %u", T[i].what, f.width);
	}
}

static void its_rate_is_measured(void **state)
{
	const struct wire clean = {2.5e6, 2.5e6, DF_FLOW_YIELDS},
			  slow = {48000, 48000, DF_FLOW_YIELDS};
	struct df_flow f;
	int64_t now = 1000;
	double acked = 1;

	(void)state;
	df_flow_init(&f, 0);
	run(&f, &clean, 20000, &now, &acked);
	assert_true(f.bytes_per_s > 2.4e6 && f.bytes_per_s < 2.6e6);
	df_flow_init(&f, 0);
	run(&f, &slow, 60000, &now, &acked);
	assert_int_equal(df_flow_part(&f, 4u << 20, 4u << 20, 2, 4u << 20),
			 DF_FLOW_PART_MIN);
}

static void a_line_that_becomes_bad_is_tried_again(void **state)
{
	const struct wire good = {2.5e6, 2.5e6, DF_FLOW_YIELDS},
			  bad = {2.5e6, 0.2e6, DF_FLOW_YIELDS};
	struct df_flow f;
	int64_t now = 1000;
	double acked = 1;

	(void)state;
	df_flow_init(&f, 0);
	run(&f, &good, 10000, &now, &acked);
	assert_int_equal(f.width, 4);
	run(&f, &bad, 60000, &now, &acked);
	assert_int_equal(f.width, 16);
}

static void idle_time_is_no_slow_line(void **state)
{
	struct df_flow f;
	uint64_t acked = 1;

	(void)state;
	df_flow_init(&f, 0);
	for (int64_t at = 0; at < 600000; at += 60000) {
		df_flow_look(
			&f,
			&(struct df_flow_seen){1, 1, acked, 80, DF_FLOW_YIELDS},
			at);
		acked += 4000000;
		df_flow_look(
			&f,
			&(struct df_flow_seen){0, 0, acked, 80, DF_FLOW_YIELDS},
			at + 100);
	}
	assert_true(f.bytes_per_s > 39e6 && f.bytes_per_s < 41e6);
	assert_int_equal(f.width, 4); /* it was never full */
}

/* Windows are small after a silence, and the first image is waited for. */
static void the_first_bytes_go_over_several(void **state)
{
	struct df_flow f;
	uint64_t acked = 1;

	(void)state;
	df_flow_init(&f, 0);
	for (int64_t at = 1000; at < 400000; at += 60000) {
		struct df_flow_seen seen = {1, 1, acked, 80, DF_FLOW_STEADY};

		df_flow_look(&f, &seen, at);
		assert_int_equal(df_flow_width(&f), 4);
		seen.acked = acked += 100000;
		df_flow_look(&f, &seen, at + 100);
		assert_int_equal(df_flow_width(&f), 4);
		seen.acked = acked += 200000;
		df_flow_look(&f, &seen, at + 200);
		assert_int_equal(df_flow_width(&f), 1);
		seen.under_way = seen.leaving = 0;
		df_flow_look(&f, &seen, at + 300);
		/* the next image comes soon: no silence */
		seen.under_way = 1;
		df_flow_look(&f, &seen, at + 700);
		assert_int_equal(df_flow_width(&f), 1);
		seen.under_way = 0;
		df_flow_look(&f, &seen, at + 800);
	}
}

static void parts(void **state)
{
	static const struct {
		double rate;
		uint64_t gap, left;
		unsigned free;
		uint64_t most, want;
	} T[] = {
		/* unknown: careful; the first image over all that are open */
		{0, 4u << 20, 4u << 20, 4, 4u << 20, 256u << 10},
		{0, 120000, 120000, 4, 4u << 20, 32768},
		{0, 120000, 120000, 1, 4u << 20, 120000},
		{0, 20000, 20000, 4, 4u << 20, 20000},
		/* a second of a share, within the limits */
		{2e6, 4u << 20, 8u << 20, 4, 4u << 20, 500000},
		{1e9, 64u << 20, 64u << 20, 4, 4u << 20, 4u << 20},
		{1000, 4u << 20, 4u << 20, 4, 4u << 20, 32u << 10},
		{2e6, 4u << 20, 8u << 20, 4, 100000, 100000},
		/* the last bytes are for all */
		{4e6, 1000000, 1000000, 4, 4u << 20, 250000},
		/* but in no pieces that a fast line carries in no time */
		{4e7, 1000000, 1000000, 4, 4u << 20, 400000},
		{1e8, 1000000, 1000000, 4, 4u << 20, 1000000},
		{1e9, 4u << 20, 4u << 20, 4, 100000, 100000},
		/* no crumb */
		{2e6, 510000, 8u << 20, 4, 4u << 20, 510000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof T / sizeof T[0]; i++) {
		struct df_flow f;

		df_flow_init(&f, 4);
		f.bytes_per_s = T[i].rate;
		assert_int_equal(df_flow_part(&f, T[i].gap, T[i].left,
					      T[i].free, T[i].most),
				 T[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_as_carry_more),
		cmocka_unit_test(its_rate_is_measured),
		cmocka_unit_test(a_line_that_becomes_bad_is_tried_again),
		cmocka_unit_test(idle_time_is_no_slow_line),
		cmocka_unit_test(the_first_bytes_go_over_several),
		cmocka_unit_test(parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
