/* policy_test.c - lifecycle, retry, routing and scheduling, with fake time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "df/lifecycle.h"
#include "df/retry.h"
#include "df/route.h"
#include "df/sched.h"

static void lives_end_where_they_should(void **state)
{
	enum df_delivery_state to;
	enum df_instance_state it;

	(void)state;
	assert_true(df_delivery_may(DF_DELIVERY_WAITING, DF_DELIVERY_START,
				    &to) && to == DF_DELIVERY_SENDING);
	assert_true(df_delivery_may(DF_DELIVERY_SENDING, DF_DELIVERY_LOST,
				    &to) && to == DF_DELIVERY_WAITING);
	/* what is confirmed, refused or quarantined never moves by itself */
	for (unsigned e = DF_DELIVERY_START; e <= DF_DELIVERY_CANCEL; e++) {
		if (e != DF_DELIVERY_WORD)
			assert_false(df_delivery_may(
				DF_DELIVERY_CONFIRMED,
				(enum df_delivery_event)e, &to));
		if (e != DF_DELIVERY_RETRY)
			assert_false(df_delivery_may(
				DF_DELIVERY_REFUSED,
				(enum df_delivery_event)e, &to));
	}
	for (unsigned e = 0; e <= DF_INSTANCE_LET_GO; e++)
		assert_false(df_instance_may(DF_INSTANCE_QUARANTINED,
					     (enum df_instance_event)e, &it));
	/* nothing comes back from where no bytes are */
	for (unsigned e = 0; e <= DF_INSTANCE_DISCARD; e++) {
		if (e != DF_INSTANCE_SET_ASIDE)
			assert_false(df_instance_may(
				DF_INSTANCE_PURGED, (enum df_instance_event)e,
				&it));
		assert_false(df_instance_may(DF_INSTANCE_DISCARDED,
					     (enum df_instance_event)e, &it));
	}
	/* nothing that nobody looked at is let go */
	assert_false(df_instance_may(DF_INSTANCE_RECEIVED, DF_INSTANCE_LET_GO,
				     &it));
	assert_false(df_instance_may(DF_INSTANCE_RECEIVED,
				     DF_INSTANCE_REPLACED, &it));
}

static void retry_grows_with_waiting(void **state)
{
	static const struct {
		int64_t now, since, lo, hi;
	} t[] = {
		{1000, 1000, 1000 + 4000, 1000 + 6000}, /* min 5 s */
		{100000, 0, 100000 + 80000, 100000 + 120000},
		{9000000, 0, 9000000 + 720000, 9000000 + 1080000}, /* max */
		{0, 5000, 4000, 6000}, /* clock went back */
	};
	struct df_window w = {0};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		for (uint32_t c = 0; c < 5000; c += 100) {
			int64_t n = df_retry_next(t[i].now, t[i].since, 5000,
						  900000, c);

			assert_in_range(n, t[i].lo, t[i].hi);
		}
	assert_true(df_window_open(&w, 0));
	df_window_bad(&w, 1000, 5000, 900000, 512);
	assert_false(df_window_open(&w, 2000));
	assert_true(df_window_open(&w, 7001));
	df_window_bad(&w, 61000, 5000, 900000, 512);
	assert_in_range(w.next_ms, 61000 + 48000, 61000 + 72000);
	df_window_good(&w);
	assert_true(df_window_open(&w, 0));
	assert_int_equal(df_retry_blame(DF_E_PEER), DF_BLAME_DESTINATION);
	assert_int_equal(df_retry_blame(DF_E_NOSPACE), DF_BLAME_DESTINATION);
	assert_int_equal(df_retry_blame(DF_E_UNSUPPORTED), DF_BLAME_OBJECT);
}

static void routes(void **state)
{
	struct df_destination d = {.name = "pacs", .ae = "PACS"};
	struct df_config cfg = {.n_peers = 1};

	(void)state;
	assert_true(df_route_destination(&d, "CT1"));
	assert_false(df_route_destination(&d, "PACS "));
	assert_true(df_route_peers(&cfg, ""));
	assert_false(df_route_peers(&cfg, "ab"));
	assert_true(df_route_is_report("1.2.840.10008.5.1.4.1.1.104.1"));
	assert_false(df_route_is_report("1.2.840.10008.5.1.4.1.1.88.67"));
}

static void fair_turns(void **state)
{
	struct df_sched s = {0};
	int small = 0, big = 0, stat = 0;

	(void)state;
	for (int i = 0; i < 4; i++)
		df_sched_add(&s, &(struct df_sched_job){
					 .source = 1, .study = 1, .ctx = &big});
	df_sched_add(&s, &(struct df_sched_job){.source = 1,
						.study = 2,
						.ctx = &small});
	df_sched_add(&s, &(struct df_sched_job){.priority = 9,
						.source = 1,
						.study = 3,
						.ctx = &stat});
	assert_ptr_equal(df_sched_next(&s), &stat);
	assert_ptr_equal(df_sched_next(&s), &big);
	assert_ptr_equal(df_sched_next(&s), &small);
	assert_true(df_sched_drop(&s, &big));
	assert_ptr_equal(df_sched_next(&s), &big);
	assert_ptr_equal(df_sched_next(&s), &big);
	assert_null(df_sched_next(&s));
	df_sched_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lives_end_where_they_should),
		cmocka_unit_test(retry_grows_with_waiting),
		cmocka_unit_test(routes),
		cmocka_unit_test(fair_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
