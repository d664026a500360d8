/*
 * cap_test.c - caps as text, which one counts at which hour, and a bucket that
 * holds a sender to its rate, whatever pieces it asks for and however the
 * clock steps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "df/cap.h"
#include "df/clock.h"

#define AT(day, hour, minute) ((day) * 1440u + (hour) * 60u + (minute))
enum { MON, TUE, WED, THU, FRI, SAT, SUN };

static void texts(void **state)
{
	static const struct {
		const char *text, *back; /* NULL = the same */
		uint64_t rate;
	} good[] = {
		{"10 Mbit/s", NULL, 10000000},
		{"10Mbit/s", "10 Mbit/s", 10000000},
		{"1.5 Mbit/s", NULL, 1500000},
		{"384 kbit/s", NULL, 384000},
		{"64000 bit/s", "64 kbit/s", 64000},
		{"1 Gbit/s", NULL, 1000000000},
		{"none", NULL, 0},
		{"Mon-Fri 08:00-18:00 2 Mbit/s", NULL, 2000000},
		{"Sat,Sun none", "Sat-Sun none", 0},
		{"Fri-Mon 1 Mbit/s", "Mon,Fri-Sun 1 Mbit/s", 1000000},
		{"22:00-06:00 none", NULL, 0},
		{"Mon-Sun 00:00-24:00 8 kbit/s", "8 kbit/s", 8000},
		{"Tue,Thu 23:59-00:01 9 Mbit/s", NULL, 9000000},
	};
	static const char *const bad[] = {
		"",		     "10",
		"10 Mb/s",	     "10 Mbit",
		"7999 bit/s",	     "0 Mbit/s",
		"-1 Mbit/s",	     "1.55 Mbit/s",
		".5 Mbit/s",	     "9999999 Gbit/s",
		"Monday 1 Mbit/s",   "Mo-Fr 1 Mbit/s",
		"Mon- 1 Mbit/s",     "Mon-Fri",
		"Mon-Fri 8-18 1 Mbit/s", "08:00-08:00 1 Mbit/s",
		"08:00-25:00 1 Mbit/s",	 "24:00-08:00 1 Mbit/s",
		"08:60-09:00 1 Mbit/s",	 "1 Mbit/s please",
		"none please",		 "Mon, 1 Mbit/s",
		"18446744073709551615 Gbit/s",
	};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct df_cap c, again;
		struct df_why why = {0};
		char text[DF_CAP_TEXT];

		if (df_cap_decode(&c, df_text_of(good[i].text), &why) != DF_OK)
			fail_msg("'%s': %s", good[i].text, why.text);
		assert_true(c.bit_per_s == good[i].rate);
		df_cap_encode(text, &c);
		assert_string_equal(text, good[i].back ? good[i].back
						       : good[i].text);
		assert_int_equal(df_cap_decode(&again, df_text_of(text), &why),
				 DF_OK);
		assert_int_equal(again.days, c.days);
		assert_int_equal(again.from_min, c.from_min);
		assert_int_equal(again.to_min, c.to_min);
		assert_true(again.bit_per_s == c.bit_per_s);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct df_cap c;
		struct df_why why = {0};

		if (df_cap_decode(&c, df_text_of(bad[i]), &why) != DF_E_CONFIG)
			fail_msg("'%s' was taken", bad[i]);
	}
}

static void add(struct df_caps *c, const char *text)
{
	assert_int_equal(df_cap_decode(&c->v[c->n++], df_text_of(text), NULL),
			 DF_OK);
}

static void the_narrowest_counts(void **state)
{
	struct df_caps c = {0};

	(void)state;
	assert_null(df_caps_at(&c, AT(MON, 9, 0)));
	assert_true(df_caps_rate(&c, AT(MON, 9, 0)) == 0);
	add(&c, "Mon-Fri 08:00-18:00 2 Mbit/s");
	add(&c, "10 Mbit/s");
	add(&c, "22:00-06:00 none");
	add(&c, "Fri 17:00-20:00 1 Mbit/s");
	assert_true(df_caps_rate(&c, AT(MON, 7, 59)) == 10000000);
	assert_true(df_caps_rate(&c, AT(MON, 8, 0)) == 2000000);
	assert_true(df_caps_rate(&c, AT(MON, 17, 59)) == 2000000);
	assert_true(df_caps_rate(&c, AT(MON, 18, 0)) == 10000000);
	assert_true(df_caps_rate(&c, AT(SAT, 9, 0)) == 10000000);
	/* over midnight, also that of Sunday to Monday */
	assert_true(df_caps_rate(&c, AT(MON, 21, 59)) == 10000000);
	assert_true(df_caps_rate(&c, AT(MON, 22, 0)) == 0);
	assert_true(df_caps_rate(&c, AT(TUE, 5, 59)) == 0);
	assert_true(df_caps_rate(&c, AT(TUE, 6, 0)) == 10000000);
	assert_true(df_caps_rate(&c, AT(SUN, 23, 59)) == 0);
	assert_true(df_caps_rate(&c, AT(MON, 0, 0)) == 0);
	assert_true(df_caps_rate(&c, AT(FRI, 16, 59)) == 2000000);
	assert_true(df_caps_rate(&c, AT(FRI, 17, 30)) == 1000000);
	assert_true(df_caps_rate(&c, AT(FRI, 20, 0)) == 10000000);
}

static void a_night_belongs_to_the_day_it_begins_on(void **state)
{
	struct df_caps c = {0};

	(void)state;
	add(&c, "Fri 22:00-06:00 1 Mbit/s");
	assert_true(df_caps_rate(&c, AT(FRI, 5, 0)) == 0);
	assert_true(df_caps_rate(&c, AT(FRI, 22, 0)) == 1000000);
	assert_true(df_caps_rate(&c, AT(SAT, 5, 59)) == 1000000);
	assert_true(df_caps_rate(&c, AT(SAT, 6, 0)) == 0);
	add(&c, "Sun 20:00-04:00 3 Mbit/s");
	assert_true(df_caps_rate(&c, AT(MON, 3, 59)) == 3000000);
	assert_true(df_caps_rate(&c, AT(MON, 4, 0)) == 0);
	/* of equals the last */
	add(&c, "Sun 20:00-04:00 4 Mbit/s");
	assert_true(df_caps_rate(&c, AT(SUN, 21, 0)) == 4000000);
}

/* The hour that summer time takes or gives is the hour on the wall. */
static void the_clock_on_the_wall(void **state)
{
	(void)state;
	assert_int_equal(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
	tzset();
	/* 2026-03-29: 01:59:59 CET, a second later 03:00 CEST; a Sunday */
	assert_int_equal(df_time_week_minute(INT64_C(1774745999000)),
			 AT(SUN, 1, 59));
	assert_int_equal(df_time_week_minute(INT64_C(1774746000000)),
			 AT(SUN, 3, 0));
	/* 2026-10-25: 02:59 CEST, a minute later 02:00 CET again */
	assert_int_equal(df_time_week_minute(INT64_C(1792889940000)),
			 AT(SUN, 2, 59));
	assert_int_equal(df_time_week_minute(INT64_C(1792890000000)),
			 AT(SUN, 2, 0));
	assert_int_equal(setenv("TZ", "Asia/Shanghai", 1), 0);
	tzset();
	/* 2026-11-22T16:30:00Z is Monday half past midnight there */
	assert_int_equal(df_time_week_minute(INT64_C(1795365000000)),
			 AT(MON, 0, 30));
	assert_int_equal(unsetenv("TZ"), 0);
	tzset();
}

/* Sends all it may for `ms`, in pieces of `want`, and owes a part of it more;
 * returns the bytes. */
static uint64_t drive(struct df_bucket *b, int64_t *now, int64_t ms,
		      size_t want, size_t part)
{
	int64_t end = *now + ms, wait;
	uint64_t sum = 0;

	while (*now < end) {
		size_t n = df_bucket_take(b, want, *now, &wait);

		sum += n;
		if (n == 0) {
			assert_true(wait >= 1);
			*now += wait;
		} else if (part > 0) {
			df_bucket_owe(b, n / part);
			sum += n / part;
		}
	}
	return sum;
}

static void assert_within(uint64_t is, double want, double part)
{
	if ((double)is < want * (1 - part) || (double)is > want * (1 + part))
		fail_msg("%llu is not %.0f", (unsigned long long)is, want);
}

static void the_rate_is_kept(void **state)
{
	static const uint64_t rates[] = {8000,	  384000,    2000000,
					 10000000, 100000000, 1000000000};
	static const size_t wants[] = {1, 700, 16384, 65536, 4 << 20};

	(void)state;
	for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
		for (size_t w = 0; w < sizeof wants / sizeof *wants; w++) {
			struct df_bucket b = {0};
			int64_t now = 1000;

			if (wants[w] == 1 && rates[r] > 1000000)
				continue; /* nobody sends single bytes so fast */
			df_bucket_rate(&b, rates[r], now);
			assert_within(drive(&b, &now, 20000, wants[w], 0),
				      (double)rates[r] / 8 * 20, 0.08);
			/* what heads and the network take counts too */
			assert_within(drive(&b, &now, 60000, wants[w], 20),
				      (double)rates[r] / 8 * 60, 0.04);
		}
}

static void a_rest_gives_no_burst(void **state)
{
	struct df_bucket b = {0};
	int64_t now = 5, wait;

	(void)state;
	df_bucket_rate(&b, 8000000, now); /* a byte a microsecond */
	(void)drive(&b, &now, 1000, 65536, 0);
	now += 3600 * 1000;
	assert_within(drive(&b, &now, 1000, 65536, 0), 1e6, 0.11);
	/* a clock that steps back gives nothing, and costs nothing later */
	now -= 100000;
	(void)df_bucket_take(&b, 65536, now, &wait);
	assert_within(drive(&b, &now, 1000, 65536, 0), 1e6, 0.11);
	assert_int_equal(df_bucket_take(&b, 0, now, &wait), 0);
	assert_int_equal(wait, 0);
}

static void the_rate_changes(void **state)
{
	struct df_bucket b = {0};
	int64_t now = 77, wait;

	(void)state;
	assert_int_equal(df_bucket_take(&b, 1 << 20, now, &wait), 1 << 20);
	df_bucket_owe(&b, 1 << 30); /* without a cap nothing is owed */
	df_bucket_rate(&b, 8000000, now);
	assert_within(drive(&b, &now, 5000, 16384, 0), 5e6, 0.03);
	df_bucket_rate(&b, 80000, now);
	assert_within(drive(&b, &now, 50000, 16384, 0), 5e5, 0.03);
	df_bucket_owe(&b, 1 << 20);
	assert_int_equal(df_bucket_take(&b, 100, now, &wait), 0);
	assert_true(wait > 100000);
	df_bucket_rate(&b, 8000000, now); /* another hour: no old debts */
	assert_within(drive(&b, &now, 5000, 16384, 0), 5e6, 0.03);
	df_bucket_rate(&b, 0, now);
	assert_int_equal(df_bucket_take(&b, 1 << 20, now, &wait), 1 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(the_narrowest_counts),
		cmocka_unit_test(a_night_belongs_to_the_day_it_begins_on),
		cmocka_unit_test(the_clock_on_the_wall),
		cmocka_unit_test(the_rate_is_kept),
		cmocka_unit_test(a_rest_gives_no_burst),
		cmocka_unit_test(the_rate_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
