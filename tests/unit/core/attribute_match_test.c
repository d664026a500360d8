/* attribute_match_test.c - keys of a C-FIND against values, case by case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "df/attribute_match.h"

static const struct {
	const char *vr, *key, *value;
	bool match;
} CASES[] = {
	/* universal */
	{"LO", "", "", true},
	{"LO", "", "x", true},
	{"LO", "x", "", false},
	{"LO", "*", "", true},
	{"LO", "*", "abc", true},
	/* single value, wildcards */
	{"LO", "abc", "abc", true},
	{"LO", "abc", "ABC", false},
	{"LO", " abc ", "abc", true},
	{"LO", "a*c", "abbbc", true},
	{"LO", "a*c", "abbbcd", false},
	{"LO", "*b*b*", "abcb", true},
	{"LO", "*b*b*b*", "abcb", false},
	{"LO", "a?c", "abc", true},
	{"LO", "a?c", "ac", false},
	{"LO", "a\\b", "a", false},
	/* one character is not one byte */
	{"LO", "胸部?T", "胸部CT", true},
	{"LO", "?部CT", "胸部CT", true},
	{"LO", "??部CT", "胸部CT", false},
	{"LO", "*部*", "胸部CT", true},
	/* names */
	{"PN", "zhang^san", "ZHANG^SAN", true},
	{"PN", "张*", "张^三", true},
	{"PN", "张*", "Zhang^San=张^三", true},
	{"PN", "zhang*", "Zhang^San=张^三", true},
	{"PN", "王*", "Zhang^San=张^三", false},
	{"PN", "张三", "张三", true},
	{"PN", "张^三^^^", "张^三", true},
	{"PN", "张^三", "张^三^^^=", true},
	{"PN", "*", "", true},
	{"PN", "Zhang^San=张^三", "Zhang^San=张^三", true},
	{"PN", "san", "Zhang^San=张^三", false},
	/* lists */
	{"UI", "1.2.3\\1.2.4", "1.2.4", true},
	{"UI", "1.2.3\\1.2.4", "1.2.5", false},
	{"CS", "CT\\MR", "MR", true},
	{"CS", "C*", "CT", true},
	{"AE", "CT_1 ", "CT_1", true},
	{"AE", "CT_1", "CT_2", false},
	/* dates */
	{"DA", "20261122", "20261122", true},
	{"DA", "20261122", "20261123", false},
	{"DA", "2026.11.22", "20261122", true},
	{"DA", "20261120-20261122", "20261122", true},
	{"DA", "20261120-20261122", "20261123", false},
	{"DA", "-20261122", "19991231", true},
	{"DA", "-20261122", "20261123", false},
	{"DA", "20261122-", "20261122", true},
	{"DA", "20261122-", "20261121", false},
	{"DA", "20261122", "", false},
	{"DA", "-", "", true},
	/* times */
	{"TM", "101500", "101500", true},
	{"TM", "1015", "101530", true},
	{"TM", "1015", "101600", false},
	{"TM", "10-12", "125959", true},
	{"TM", "10-12", "130000", false},
	{"TM", "080000-", "073000", false},
	{"TM", "-1200", "1159", true},
	{"TM", "101500.000", "101500", true},
};

static void by_vr(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
		if (df_attribute_match(CASES[i].vr, df_text_of(CASES[i].key),
				       df_text_of(CASES[i].value)) !=
		    CASES[i].match)
			fail_msg("%s '%s' and '%s'", CASES[i].vr, CASES[i].key,
				 CASES[i].value);
}

static bool moment(const char *dates, const char *times, const char *date,
		   const char *time)
{
	return df_moment_match(df_text_of(dates), df_text_of(times),
			       df_text_of(date), df_text_of(time));
}

/* July 5 to 7 and 10 to 18 is one period, PS3.4 K.6.1.2.2. */
static void one_period(void **state)
{
	(void)state;
	assert_true(moment("20260705-20260707", "10-18", "20260705", "1000"));
	assert_true(moment("20260705-20260707", "10-18", "20260706", "0300"));
	assert_false(moment("20260705-20260707", "10-18", "20260705", "0900"));
	assert_false(moment("20260705-20260707", "10-18", "20260707", "1900"));
	/* one day and hours of it */
	assert_true(moment("20260705", "10-18", "20260705", "1200"));
	assert_false(moment("20260705", "10-18", "20260705", "1900"));
	assert_false(moment("20260705", "10-18", "20260706", "1200"));
	/* either alone */
	assert_true(moment("", "10-18", "20260705", "1200"));
	assert_false(moment("", "10-18", "20260705", "0900"));
	assert_true(moment("20260705-", "", "20260801", ""));
	assert_true(moment("", "", "", ""));
	assert_true(moment("20260705-", "10-", "20260801", "0900"));
	assert_false(moment("20260705-", "10-", "20260705", "0900"));
	assert_false(moment("20260705-20260707", "10-18", "", ""));
}

/* Only in linear work: a key of stars is no way to stop us. */
static void stars(void **state)
{
	char key[300], value[300];

	(void)state;
	for (size_t i = 0; i < sizeof key; i++) {
		key[i] = i % 2 ? 'a' : '*';
		value[i] = 'a';
	}
	assert_true(df_attribute_match("LO", (struct df_text){key, 299},
				       (struct df_text){value, 299}));
	key[298] = 'b';
	assert_false(df_attribute_match("LO", (struct df_text){key, 299},
					(struct df_text){value, 299}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_vr),
		cmocka_unit_test(one_period),
		cmocka_unit_test(stars),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
