/*
 * retention_test.c - every condition of the purge keeps by itself, and the
 * test would notice if one were missing.
 *
 * The table is private, so its file is part of this one: that is how a table
 * without one of its rows can be tried.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../../src/lib/core/retention.c"

#define DAY 86400000LL

/* The same rule, said once more from the other side: what lets it go. */
static bool may_go(const struct df_retention_facts *f,
		   const struct df_retention *p)
{
	bool old = f->confirmed_ms > 0 && p->keep_ms > 0 &&
		   f->confirmed_ms <= f->now_ms - p->keep_ms;

	if (f->instances < 1 || f->study_open || f->fetching)
		return false;
	if (f->fetched_ms > 0 && f->fetched_ms > f->now_ms - p->fetched_ms)
		return false;
	if (f->aside + f->unindexed + f->reports + f->unsent + f->unreceipted +
		    f->unheld + f->promised + f->study_waiting !=
	    0)
		return false;
	return p->short_of_space || old;
}

static uint64_t seed = 88172645463325252u;

static uint64_t chance(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 16) % below;
}

/* Mostly nothing, so that each condition is often the only one. */
static uint64_t few(void)
{
	return chance(12) == 0 ? 1 + chance(3) : 0;
}

static void facts(struct df_retention_facts *f, struct df_retention *p)
{
	static const int64_t keeps[] = {0, DAY, 30 * DAY, -1, INT64_MAX};
	int64_t now = (int64_t)(1 + chance(100)) * DAY;

	*p = (struct df_retention){keeps[chance(5)], chance(2) == 0,
				   (int64_t)chance(3) * DAY};
	*f = (struct df_retention_facts){
		.instances = chance(10) == 0 ? 0 : 1 + chance(50),
		.aside = few(),
		.unindexed = few(),
		.reports = few(),
		.unsent = few(),
		.unreceipted = few(),
		.unheld = few(),
		.promised = few(),
		.study_open = chance(12) == 0,
		.study_waiting = few(),
		.fetching = chance(12) == 0,
		.fetched_ms = chance(2) == 0
				      ? 0
				      : now - (int64_t)chance(8) * DAY + DAY,
		.confirmed_ms =
			chance(8) == 0
				? 0
				: now - (int64_t)chance(60) * DAY + 10 * DAY,
		.now_ms = now,
	};
}

/* How often a table lets go of what must be kept; or keeps what may go. */
static size_t wrong(const struct condition *table, size_t n, size_t cases,
		    size_t *went)
{
	struct df_retention_facts f;
	struct df_retention p;
	size_t bad = 0;

	*went = 0;
	for (size_t i = 0; i < cases; i++) {
		facts(&f, &p);
		bool goes = judge(table, n, &f, &p) == DF_KEEP_NOT;

		*went += goes;
		bad += goes != may_go(&f, &p);
	}
	return bad;
}

static void a_hundred_thousand_purges(void **state)
{
	size_t went;

	(void)state;
	assert_int_equal(wrong(conditions, N_CONDITIONS, 100000, &went), 0);
	print_message("%zu of 100000 may go\n", went);
	assert_true(went > 5000); /* else nothing was tried */
}

static void each_condition_is_missed(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_CONDITIONS; i++) {
		struct condition less[N_CONDITIONS];
		size_t went;

		memcpy(less, conditions, sizeof conditions);
		memmove(&less[i], &less[i + 1],
			(N_CONDITIONS - 1 - i) * sizeof less[0]);
		assert_true(wrong(less, N_CONDITIONS - 1, 20000, &went) > 0);
	}
}

static void the_reason_is_named(void **state)
{
	struct df_retention p = {30 * DAY, false, 0};
	struct df_retention_facts f = {
		.instances = 1, .confirmed_ms = 1, .now_ms = 30 * DAY};

	(void)state;
	assert_int_equal(df_retention_judge(&f, &p), DF_KEEP_YOUNG);
	f.now_ms++;
	assert_int_equal(df_retention_judge(&f, &p), DF_KEEP_NOT);
	f.confirmed_ms = f.now_ms + DAY; /* the clock went back */
	assert_int_equal(df_retention_judge(&f, &p), DF_KEEP_YOUNG);
	p.short_of_space = true;
	assert_int_equal(df_retention_judge(&f, &p), DF_KEEP_NOT);
	p.fetched_ms = DAY;
	assert_int_equal(df_retention_judge(&f, &p), DF_KEEP_NOT);
	f.fetched_ms = f.now_ms - DAY + 1;
	assert_int_equal(df_retention_judge(&f, &p), DF_KEEP_FETCHED);
	f.fetched_ms--;
	assert_int_equal(df_retention_judge(&f, &p), DF_KEEP_NOT);
	f.fetching = true; /* for the second time */
	assert_int_equal(df_retention_judge(&f, &p), DF_KEEP_FETCHING);
	f.fetching = false;
	f.unreceipted = 1;
	assert_int_equal(df_retention_judge(&f, &p), DF_KEEP_UNRECEIPTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hundred_thousand_purges),
		cmocka_unit_test(each_condition_is_missed),
		cmocka_unit_test(the_reason_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
