/*
 * resident_test.c - no slip of the fingers in a resident number passes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "df/identity.h"

static uint64_t seed = 88172645463325252u;

static unsigned chance(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)((seed >> 16) % below);
}

/* ISO 7064's pure system, digit by digit: not the weights of the code. */
static char check_digit(const char *n)
{
	unsigned p = 0;

	for (int i = 0; i < 17; i++)
		p = (p + (unsigned)(n[i] - '0')) * 2 % 11;
	return "0123456789X"[(12 - p) % 11];
}

static void invent(char n[19])
{
	static const char *const regions[] = {"110101", "440923", "650102",
					      "820000", "931000"};

	(void)snprintf(n, 19, "%s%04u%02u%02u%03u", regions[chance(5)],
		       1900 + chance(126), 1 + chance(12), 1 + chance(28),
		       chance(1000));
	n[17] = check_digit(n);
	n[18] = '\0';
}

static bool holds(const char *s)
{
	struct df_resident r;

	return df_resident_read(&r, df_text_of(s)) && r.checked;
}

/* Every other character at every place, every swap of neighbours. */
static size_t slips_that_pass(const char *good, size_t *tried)
{
	static const char letters[] = "0123456789X";
	size_t passed = 0;
	char s[19];

	for (size_t i = 0; i < 18; i++) {
		memcpy(s, good, 19);
		for (size_t k = 0; k < 11; k++) {
			if (letters[k] == good[i])
				continue;
			s[i] = letters[k];
			passed += holds(s);
			++*tried;
		}
		memcpy(s, good, 19);
		if (i == 17 || s[i] == s[i + 1])
			continue;
		s[i] = good[i + 1];
		s[i + 1] = good[i];
		passed += holds(s);
		++*tried;
	}
	return passed;
}

static void ten_thousand_numbers(void **state)
{
	size_t tried = 0, with_x = 0;
	char n[19];

	(void)state;
	for (int i = 0; i < 10000; i++) {
		invent(n);
		with_x += n[17] == 'X';
		assert_true(holds(n));
		assert_int_equal(slips_that_pass(n, &tried), 0);
	}
	print_message("10000 numbers, %zu with X, %zu slips, none passes\n",
		      with_x, tried);
	assert_true(with_x > 500 && tried > 1900000);
}

/* The same without chance: every weight, every pair of digits. A wrong one at
 * i changes the sum by w[i](a-b); a swap of i, i+1 by (w[i]-w[i+1])(a-b). */
static void no_slip_can_pass(void **state)
{
	int w[18] = {0};

	(void)state;
	w[17] = 1;
	for (int i = 16; i >= 0; i--)
		w[i] = w[i + 1] * 2 % 11;
	for (int i = 0; i < 18; i++)
		for (int a = 0; a <= 10; a++)
			for (int b = 0; b <= 10; b++) {
				if (a == b)
					continue;
				assert_int_not_equal((w[i] * (a - b)) % 11, 0);
				if (i < 17)
					assert_int_not_equal(
						((w[i] - w[i + 1]) * (a - b)) %
							11,
						0);
			}
}

static void as_people_type_it(void **state)
{
	static const char *const ways[] = {
		"11010519491231002X",
		"11010519491231002x",
		" 110105 19491231 002X ",
		"110105-19491231-002x",
		"１１０１０５１９４９１２３１００２Ｘ",
		"１１０１０５　１９４９１２３１　００２ｘ",
		"11010519491231002×",
		"11010519491231002*",
		"\xef\xbb\xbf"
		"11010519491231002X\t",
	};
	struct df_resident r;

	(void)state;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		assert_true(df_resident_read(&r, df_text_of(ways[i])));
		assert_true(r.checked);
		/* the example of the standard */
		assert_string_equal(r.number, "11010519491231002X");
		assert_string_equal(r.birth_date, "19491231");
		assert_string_equal(r.sex, "F");
	}
}

static void fifteen_digits(void **state)
{
	struct df_resident r;

	(void)state;
	assert_true(df_resident_read(&r, df_text_of("110105491231002")));
	assert_string_equal(r.number, "11010519491231002X");
	assert_false(r.checked); /* it had no check digit */
	assert_true(df_resident_read(&r, df_text_of("440923930101999")));
	assert_string_equal(r.birth_date, "18930101");
}

static void what_is_none(void **state)
{
	static const char *const others[] = {
		"",
		"X",
		"11010519491231002",   /* 17 */
		"11010519491231002XX", /* 19 */
		"1101051949123100X2",
		"00010519491231002X", /* no province */
		"11010519491331002X", /* no month */
		"11010519490229002X", /* no day: not a leap year */
		"11010517000101002X",
		"202611221240331", /* a time of day */
		"11010519491231002\xff",
		"110105194912310O2X",
	};
	struct df_resident r;

	(void)state;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_false(df_resident_read(&r, df_text_of(others[i])));
	assert_false(df_resident_read(&r, (struct df_text){0}));
	/* form is right, check digit is not: said, not hidden */
	assert_true(df_resident_read(&r, df_text_of("110105194912310021")));
	assert_false(r.checked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_thousand_numbers),
		cmocka_unit_test(no_slip_can_pass),
		cmocka_unit_test(as_people_type_it),
		cmocka_unit_test(fifteen_digits),
		cmocka_unit_test(what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
