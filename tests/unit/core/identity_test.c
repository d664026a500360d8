/*
 * identity_test.c - who is taken for whom: 2,000 labelled pairs, and what
 * holds for any two records.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "df/identity.h"

#define PAIRS DF_TESTDATA "/identity/pairs.tsv"
#define PAIRS_MAX 4000
#define COLUMNS 16

struct labelled {
	char name[64];
	bool same;
	struct df_person a, b;
};

static struct labelled *pairs;
static size_t n_pairs;

static void read_person(struct df_person *p, char **c)
{
	/* node, id, issuer, name, reading, birth, sex */
	df_person_of(p, df_text_of(c[3]), df_text_of(c[1]), df_text_of(c[2]),
		     df_text_of(c[5]), df_text_of(c[6]), c[0]);
	assert_int_equal(
		df_str_copy(p->reading, sizeof p->reading, df_text_of(c[4])),
		DF_OK);
}

static int read_pairs(void **state)
{
	FILE *f = fopen(PAIRS, "r");
	char line[4096], *column[COLUMNS];

	(void)state;
	assert_non_null(f);
	pairs = calloc(PAIRS_MAX, sizeof *pairs);
	while (fgets(line, sizeof line, f) != NULL) {
		char *rest = line;
		size_t n = 0;

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#')
			continue;
		while (rest != NULL && n < COLUMNS)
			column[n++] = strsep(&rest, "\t");
		assert_int_equal(n, COLUMNS);
		assert_true(n_pairs < PAIRS_MAX);
		(void)snprintf(pairs[n_pairs].name, 64, "%s", column[0]);
		pairs[n_pairs].same = !strcmp(column[1], "same");
		read_person(&pairs[n_pairs].a, column + 2);
		read_person(&pairs[n_pairs].b, column + 9);
		n_pairs++;
	}
	(void)fclose(f);
	return 0;
}

static int free_pairs(void **state)
{
	(void)state;
	free(pairs);
	return 0;
}

static void print_table(void)
{
	print_message("%-44s %-9s  none prob exact contra\n", "case", "truth");
	for (size_t i = 0; i < n_pairs;) {
		unsigned n[DF_MATCH_COUNT] = {0};
		size_t k = i;

		for (; k < n_pairs && !strcmp(pairs[k].name, pairs[i].name);
		     k++)
			n[df_person_match(&pairs[k].a, &pairs[k].b).match]++;
		print_message("%-44s %-9s %5u %4u %5u %6u\n", pairs[i].name,
			      pairs[i].same ? "same" : "different", n[0], n[1],
			      n[2], n[3]);
		i = k;
	}
}

static void labelled_pairs(void **state)
{
	unsigned n[2][DF_MATCH_COUNT] = {0}; /* [same][match] */
	double recall, precision, found;

	(void)state;
	print_table();
	for (size_t i = 0; i < n_pairs; i++)
		n[pairs[i].same]
		 [df_person_match(&pairs[i].a, &pairs[i].b).match]++;
	unsigned same = n[1][DF_MATCH_NONE] + n[1][DF_MATCH_PROBABLE] +
			n[1][DF_MATCH_EXACT] + n[1][DF_MATCH_CONTRADICTION];

	precision = 100.0 * n[1][DF_MATCH_PROBABLE] /
		    (n[1][DF_MATCH_PROBABLE] + n[0][DF_MATCH_PROBABLE]);
	recall =
		100.0 * n[1][DF_MATCH_PROBABLE] / (same - n[1][DF_MATCH_EXACT]);
	found = 100.0 * (n[1][DF_MATCH_PROBABLE] + n[1][DF_MATCH_EXACT]) / same;
	print_message("%zu pairs, %u the same. exact: %u, of them wrong %u. "
		      "probable: precision %.1f %%, recall %.1f %% of what "
		      "is not exact. found in all: %.1f %%\n",
		      n_pairs, same, n[1][DF_MATCH_EXACT], n[0][DF_MATCH_EXACT],
		      precision, recall, found);
	assert_true(n_pairs >= 1000);
	assert_int_equal(n[0][DF_MATCH_EXACT], 0);
	/* one person is never called two */
	assert_int_equal(n[1][DF_MATCH_CONTRADICTION], 0);
	assert_true(n[1][DF_MATCH_EXACT] >= 530);
	assert_true(precision >= 72);
	assert_true(recall >= 77);
	assert_true(found >= 86);
}

/* --- what holds for any two -------------------------------------------------
 */

static uint64_t seed = 88172645463325252u;

static unsigned chance(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)((seed >> 16) % below);
}

#define ONE_OF(list) (list)[chance(sizeof(list) / sizeof *(list))]

/* Of few values, so that any two records often have some in common. */
static void any_person(struct df_person *p)
{
	static const char *const names[] = {
		"",	   "张三",   "ZHANG^SAN", "ZHANG^SAN=张^三", "章三",
		"李小明",  "李小敏", "李晓明",	  "LI^XIAOMING",     "匿名",
		"\xff\xfe"};
	static const char *const readings[] = {"", "zhang san", "li xiao ming"};
	static const char *const ids[] = {"",
					  "11010519491231002X",
					  "11010519491231003X",
					  "110105491231002",
					  "110105194912310038",
					  "12",
					  "P1234",
					  "p1234",
					  "0000",
					  "1234567890123"};
	static const char *const issuers[] = {"", "", "医保", "HOSP",
					      "PASSPORT"};
	static const char *const births[] = {"",	 "19491231", "19491213",
					     "19800101", "19000101", "19801",
					     "20100530"};
	static const char *const sexes[] = {"", "M", "F", "O", "男"};
	static const char *const nodes[] = {"a", "b"};

	df_person_of(p, df_text_of(ONE_OF(names)), df_text_of(ONE_OF(ids)),
		     df_text_of(ONE_OF(issuers)), df_text_of(ONE_OF(births)),
		     df_text_of(ONE_OF(sexes)), ONE_OF(nodes));
	(void)snprintf(p->reading, sizeof p->reading, "%s", ONE_OF(readings));
}

static unsigned found[DF_MATCH_COUNT];

static void holds_for(const struct df_person *a, const struct df_person *b)
{
	struct df_match_result x = df_person_match(a, b);
	struct df_match_result y = df_person_match(b, a);
	char one[9], two[9];

	assert_int_equal(x.match, y.match);
	assert_int_equal(x.reasons, y.reasons);
	found[x.match]++;
	if (x.match != DF_MATCH_EXACT)
		return;
	(void)df_person_birth_date(a, one);
	(void)df_person_birth_date(b, two);
	assert_false(one[0] && two[0] && strcmp(one, two) != 0);
	assert_int_equal(x.reasons & (DF_BECAUSE(NAME_DIFFERENT) |
				      DF_BECAUSE(NAME_CLOSE) |
				      DF_BECAUSE(SEX_DIFFERENT)),
			 0);
	assert_true(x.reasons &
		    (DF_BECAUSE(SAME_RESIDENT) | DF_BECAUSE(SAME_PASSPORT) |
		     DF_BECAUSE(SAME_INSURANCE) | DF_BECAUSE(SAME_LOCAL)));
}

static void any_two(void **state)
{
	struct df_person a, b;

	(void)state;
	memset(found, 0, sizeof found);
	for (size_t i = 0; i < n_pairs; i++)
		for (size_t k = i; k < n_pairs && k < i + 40; k++)
			holds_for(&pairs[i].a, &pairs[k].b);
	for (int i = 0; i < 300000; i++) {
		any_person(&a);
		any_person(&b);
		holds_for(&a, &b);
	}
	print_message("none %u, probable %u, exact %u, contradiction %u\n",
		      found[0], found[1], found[2], found[3]);
	for (int m = 0; m < DF_MATCH_COUNT; m++)
		assert_true(found[m] > 1000); /* else nothing was tried */
}

/* Whoever has a number is himself, and at least perhaps; one with a number
 * that says who is exactly himself. */
static void each_is_himself(void **state)
{
	struct df_person a;
	enum df_match m;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		any_person(&a);
		m = df_person_match(&a, &a).match;
		assert_int_not_equal(m, DF_MATCH_CONTRADICTION);
		if (a.n_ids > 0)
			assert_int_not_equal(m, DF_MATCH_NONE);
	}
	for (size_t i = 0; i < n_pairs; i++) {
		const struct df_person *p = &pairs[i].a;

		if (p->n_ids > 0 && p->ids[0].checked)
			assert_int_equal(df_person_match(p, p).match,
					 DF_MATCH_EXACT);
	}
}

/* --- cases that must not move ------------------------------------------------
 */

static struct df_person person(const char *node, const char *id,
			       const char *issuer, const char *name,
			       const char *birth, const char *sex)
{
	struct df_person p;

	df_person_of(&p, df_text_of(name), df_text_of(id), df_text_of(issuer),
		     df_text_of(birth), df_text_of(sex), node);
	return p;
}

static void numbers_are_read(void **state)
{
	struct df_person p;
	struct df_identifier id;

	(void)state;
	p = person("n", "11010519491231002x", "", "张三", "19491231", "F");
	assert_int_equal(p.n_ids, 1);
	assert_int_equal(p.ids[0].type, DF_IDENTIFIER_RESIDENT);
	/* a slip in it: still known for what it is, and as what is written */
	p = person("n", "110105194912310021", "", "张三", "19491231", "F");
	assert_int_equal(p.n_ids, 2);
	assert_false(p.ids[0].checked);
	assert_string_equal(p.ids[1].issuer, "node:n");
	p = person("n", " ct-１７ ", "HIS", "张三", "1949.12.31", "F ");
	assert_int_equal(p.n_ids, 2);
	assert_string_equal(p.ids[0].number, "CT-17");
	assert_string_equal(p.ids[0].issuer, "node:n");
	assert_string_equal(p.ids[1].issuer, "HIS");
	assert_string_equal(p.birth_date, "19491231");
	assert_string_equal(p.sex, "F");
	p = person("n", "e1234-5678", "护照", "张三", "", "");
	assert_int_equal(p.ids[1].type, DF_IDENTIFIER_PASSPORT);
	assert_string_equal(p.ids[1].number, "E12345678");
	p = person("n", "000000", "", "张三", "", "");
	assert_int_equal(p.n_ids, 0);

	assert_true(df_identifier_parse(&id, df_text_of("11010519491231002X"),
					"n"));
	assert_int_equal(id.type, DF_IDENTIFIER_RESIDENT);
	assert_true(df_identifier_parse(&id, df_text_of("P1234"), "n"));
	assert_string_equal(id.issuer, "node:n");
	assert_true(df_identifier_parse(&id, df_text_of("passport:e 12"), "n"));
	assert_int_equal(id.type, DF_IDENTIFIER_PASSPORT);
	assert_false(df_identifier_parse(&id, df_text_of("resident:17"), "n"));
	assert_false(df_identifier_parse(&id,
					 df_text_of("local"
						    ":"),
					 "n"));
}

static void too_long_is_no_number(void **state)
{
	char long_id[200];
	struct df_person p;

	(void)state;
	memset(long_id, '7', sizeof long_id);
	long_id[0] = '1';
	long_id[sizeof long_id - 1] = '\0';
	p = person("n", long_id, "", "张三", "", "");
	assert_int_equal(p.n_ids, 0); /* a cut one could equal another */
	long_id[64] = '\0';	      /* as long as DICOM lets it be */
	p = person("n", long_id, "", "张三", "", "");
	assert_int_equal(p.n_ids, 1);
	assert_int_equal(strlen(p.ids[0].number), 64);
	p = person("n", "17\xc3 \x80", "", "张三", "", ""); /* no text */
	assert_int_equal(p.n_ids, 0);
}

static void expect(const struct df_person *a, const struct df_person *b,
		   enum df_match match, unsigned reasons)
{
	struct df_match_result r = df_person_match(a, b);

	assert_int_equal(r.match, match);
	assert_int_equal(r.reasons & reasons, reasons);
}

static void decided_cases(void **state)
{
	static const char id[] = "11010519491231002X";
	struct df_person a = person("a", id, "", "张三", "19491231", "F");
	struct df_person b = person("b", id, "", "王小五", "19880101", "M");

	(void)state;
	expect(&a, &b, DF_MATCH_CONTRADICTION,
	       DF_BECAUSE(SAME_RESIDENT) | DF_BECAUSE(NAME_DIFFERENT) |
		       DF_BECAUSE(BIRTH_DIFFERENT) | DF_BECAUSE(SEX_DIFFERENT));
	b = person("b", id, "", "王小五", "19491231", "F"); /* a new name? */
	expect(&a, &b, DF_MATCH_PROBABLE, DF_BECAUSE(NAME_DIFFERENT));
	b = person("b", id, "", "", "", "");
	expect(&a, &b, DF_MATCH_EXACT, DF_BECAUSE(BIRTH_SAME));
	b = person("b", "P7", "", "张三", "19491231", "F");
	expect(&a, &b, DF_MATCH_PROBABLE, DF_BECAUSE(NAME_SAME));
	b = person("b", "P7", "", "张三", "19491231", "M");
	expect(&a, &b, DF_MATCH_NONE, DF_BECAUSE(SEX_DIFFERENT));
	/* 单 is shan; whoever typed DAN did not know */
	a = person("a", id, "", "单小芳", "19491231", "F");
	b = person("b", id, "", "DAN^XIAOFANG", "19491231", "F");
	(void)snprintf(a.reading, sizeof a.reading,
		       "shanxiaofang\ndanxiaofang");
	expect(&a, &b, DF_MATCH_EXACT, DF_BECAUSE(NAME_READING));
	/* the same clinic's system and another's, both brought by one node */
	a = person("a", "P1234", "HIS A", "张三", "", "");
	b = person("a", "P1234", "HIS B", "张三", "", "");
	expect(&a, &b, DF_MATCH_NONE, 0);
	b = person("a", "P1234", "", "张三", "", "");
	expect(&a, &b, DF_MATCH_EXACT, DF_BECAUSE(SAME_LOCAL));
}

/* Numbers that do not say who by themselves: name and birth date must agree,
 * so that one of them being absent is not enough. */
static void weak_numbers(void **state)
{
	static const char wrong[] = "110105194912310021"; /* check digit */
	static const char id[] = "11010519491231002X";
	struct df_person a = person("a", wrong, "", "张三", "19491231", "F");
	struct df_person b = person("b", wrong, "", "张三", "", "");
	unsigned weak = DF_BECAUSE(WEAK_NUMBER);

	(void)state;
	expect(&a, &b, DF_MATCH_PROBABLE, weak | DF_BECAUSE(SAME_RESIDENT));
	a = person("a", "9988776655", "医保", "张三", "19491231", "F");
	b = person("b", "9988776655", "社保卡", "张三", "", "");
	expect(&a, &b, DF_MATCH_PROBABLE, weak | DF_BECAUSE(SAME_INSURANCE));
	/* another's card: the date beside the number is not the number's */
	a = person("a", id, "", "张三", "19800101", "F");
	b = person("b", id, "", "", "19800101", "F");
	expect(&a, &b, DF_MATCH_PROBABLE, weak | DF_BECAUSE(BIRTH_NOT_OF_ID));
}

/* What an emergency console writes: two strangers come with the same. */
static void words_are_no_numbers(void **state)
{
	static const char *const words[] = {"急诊", "门诊",	"体检", "EMERGENCY",
					    "JIZHEN", "胸痛中心", "0001", "0000012",
					    "A-17"};

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		struct df_person a = person("a", words[i], "", "无名氏", "", "M");
		struct df_person b = person("a", words[i], "", "不详", "", "M");
		struct df_person c = person("a", words[i], "", "张三", "", "M");
		struct df_person d = person("a", words[i], "", "", "", "");

		assert_int_not_equal(df_person_match(&a, &b).match,
				     DF_MATCH_EXACT);
		assert_int_not_equal(df_person_match(&a, &c).match,
				     DF_MATCH_EXACT);
		assert_int_not_equal(df_person_match(&c, &d).match,
				     DF_MATCH_EXACT);
	}
}

static void numbers_against_each_other(void **state)
{
	struct df_person a = person("n", "P1234", "", "张三", "19491231", "F");
	struct df_person b = a;
	struct df_identifier x, y;

	(void)state;
	assert_true(df_identifier_set(&x, DF_IDENTIFIER_RESIDENT,
				      df_text_of("11010519491231002X"),
				      (struct df_text){0}));
	assert_true(df_identifier_set(&y, DF_IDENTIFIER_RESIDENT,
				      df_text_of("110101194912310032"),
				      (struct df_text){0}));
	assert_true(x.checked && y.checked);
	expect(&a, &b, DF_MATCH_EXACT, 0);
	assert_true(df_person_add(&a, &x));
	expect(&a, &b, DF_MATCH_EXACT, 0);
	assert_true(df_person_add(&b, &y));
	expect(&a, &b, DF_MATCH_CONTRADICTION, DF_BECAUSE(OTHER_RESIDENT));
	/* one slip, and nobody wrote a birth date */
	a = person("a", "11010519491231002X", "", "张三", "", "");
	b = person("b", "11010519491131002X", "", "张三", "", "");
	expect(&a, &b, DF_MATCH_NONE, 0); /* no such day: no number */
	b = person("b", "11010519491230002X", "", "张三", "", "");
	expect(&a, &b, DF_MATCH_PROBABLE, DF_BECAUSE(NEAR_RESIDENT));
}

static void names_that_are_written_otherwise(void **state)
{
	struct df_person a = person("n", "P1234", "", "张伟", "", "");
	struct df_person b = person("n", "P1234", "", "李伟", "", "");

	(void)state;
	/* one of two characters is half of a name */
	expect(&a, &b, DF_MATCH_CONTRADICTION, DF_BECAUSE(NAME_DIFFERENT));
	a = person("n", "P1234", "", "买买提·艾力", "19000101", "");
	b = person("n", "P1234", "", "买买提^艾力", "19491231", "");
	expect(&a, &b, DF_MATCH_EXACT, DF_BECAUSE(NAME_SAME));
	b = person("n", "P1234", "", "买买提艾尼", "19491231", "");
	expect(&a, &b, DF_MATCH_PROBABLE, DF_BECAUSE(NAME_CLOSE));
}

static void every_reason_has_words(void **state)
{
	(void)state;
	for (unsigned i = 0; i < DF_MATCH_REASON_COUNT; i++) {
		assert_true(df_match_reason_word(i)[0] > ' ');
		assert_true(df_match_reason_zh(i)[0] & 0x80);
		assert_true(df_match_reason_en(i)[0] > ' ');
	}
	assert_true(DF_MATCH_REASON_COUNT <= 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labelled_pairs),
		cmocka_unit_test(any_two),
		cmocka_unit_test(each_is_himself),
		cmocka_unit_test(numbers_are_read),
		cmocka_unit_test(too_long_is_no_number),
		cmocka_unit_test(decided_cases),
		cmocka_unit_test(weak_numbers),
		cmocka_unit_test(words_are_no_numbers),
		cmocka_unit_test(numbers_against_each_other),
		cmocka_unit_test(names_that_are_written_otherwise),
		cmocka_unit_test(every_reason_has_words),
	};

	return cmocka_run_group_tests(tests, read_pairs, free_pairs);
}
