/* prices_test.c - what an exam costs and exposes, from tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "df/recognition.h"

static const char *own; /* the node's prices.tsv, NULL: none */

static enum df_err give(void *ctx, const char *file, struct df_buf *to,
			struct df_why *why)
{
	(void)ctx; /* one table */
	if (own == NULL || strcmp(file, "prices.tsv") != 0)
		return DF_E_NOTFOUND;
	return df_buf_add(to, own, strlen(own), why);
}

static enum df_err load(struct df_rules **r, const char *text)
{
	own = text;
	return df_rules_load(r, give, NULL, NULL);
}

static void the_longest_that_fits(void **state)
{
	struct df_rules *r;
	uint64_t fen, usv;

	(void)state;
	assert_int_equal(load(&r, "item\tyuan\tmsv\nCT-*\t199.5\t4.25\n"
				  "CT-HEAD\t0.05\t0\n"),
			 DF_OK);
	assert_true(df_rules_price(r, "CT-HEAD", &fen, &usv));
	assert_int_equal(fen, 5);
	assert_int_equal(usv, 0);
	assert_true(df_rules_price(r, "CT-NECK", &fen, &usv)); /* ours */
	assert_int_equal(fen, 20000);
	assert_int_equal(usv, 3000);
	assert_true(df_rules_price(r, "CT-SPINE-C", &fen, &usv));
	assert_int_equal(fen, 19950);
	assert_int_equal(usv, 4250);
	assert_false(df_rules_price(r, "", &fen, &usv));
	assert_false(df_rules_price(r, "XX-HEAD", &fen, &usv));
	df_rules_free(r);
}

static void every_item_has_a_price(void **state)
{
	struct df_text items = df_rules_table_text(DF_RULES_ITEMS), line;
	struct df_rules *r;
	uint64_t fen, usv;
	size_t n = 0;

	(void)state;
	assert_int_equal(load(&r, NULL), DF_OK);
	while (df_text_line(&items, &line)) {
		char code[DF_RULES_CODE];
		const char *tab = memchr(line.ptr, '\t', line.len);

		if (line.len == 0 || line.ptr[0] == '#' || tab == NULL ||
		    strncmp(line.ptr, "item\t", 5) == 0)
			continue;
		assert_int_equal(
			df_str_copy(code, sizeof code,
				    (struct df_text){line.ptr,
						     (size_t)(tab - line.ptr)}),
			DF_OK);
		assert_true(df_rules_price(r, code, &fen, &usv));
		n++;
	}
	assert_true(n > 40);
	df_rules_free(r);
}

static void what_is_no_price_is_said(void **state)
{
	static const char *const BAD[] = {
		"item\tyuan\tmsv\nCT-*\t1,5\t4\n",
		"item\tyuan\tmsv\nCT-*\t-1\t4\n",
		"item\tyuan\tmsv\nCT-*\t1.234\t4\n",
		"item\tyuan\tmsv\nCT-*\t1.\t4\n",
		"item\tyuan\tmsv\nCT-*\t.5\t4\n",
		"item\tyuan\tmsv\nCT-*\t1\t4.0001\n",
		"item\tyuan\tmsv\nQQ-*\t1\t4\n",
		"item\tyuan\tmsv\nCT-*\t99999999999999\t4\n",
	};
	struct df_rules *r;

	(void)state;
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
		assert_int_equal(load(&r, BAD[i]), DF_E_CONFIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_that_fits),
		cmocka_unit_test(every_item_has_a_price),
		cmocka_unit_test(what_is_no_price_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
