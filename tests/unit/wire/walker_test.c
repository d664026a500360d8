/*
 * walker_test.c - data sets made by hand: what must pass, what must not, and
 * what is noted on the way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "df/str.h"
#include "../../lib/veiled.h"

#define B(s) s, sizeof(s) - 1
#define SQ_OPEN "\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff"
#define ITEM_OPEN "\xfe\xff\0\xe0\xff\xff\xff\xff"
#define ITEM_0 "\xfe\xff\0\xe0\0\0\0\0"
#define ITEM_END "\xfe\xff\x0d\xe0\0\0\0\0"
#define SQ_END "\xfe\xff\xdd\xe0\0\0\0\0"
#define MODALITY "\x08\0\x60\0CS\x02\0CT"
#define EL DF_WALK_EXPLICIT_LE
#define IL DF_WALK_IMPLICIT_LE
#define EB DF_WALK_EXPLICIT_BE

static const struct {
	const char *name;
	const char *ptr;
	size_t len;
	enum df_walk_syntax syntax;
	enum df_err want;
	uint64_t elements;
	unsigned deepest;
} rows[] = {
	{"one element", B(MODALITY), EL, DF_OK, 1, 0},
	{"empty", B(""), EL, DF_E_FORMAT, 0, 0},
	{"cut value", B("\x08\0\x60\0CS\x04\0CT"), EL, DF_E_FORMAT, 1, 0},
	{"cut header", B(MODALITY "\x08\0\x70"), EL, DF_E_FORMAT, 2, 0},
	{"cut long header", B("\x08\0\x60\0OB\0\0\0\0"), EL, DF_E_FORMAT, 1, 0},
	{"zeros at the end", B(MODALITY "\0\0\0\0\0\0\0\0\0"), EL, DF_OK, 1, 0},
	{"odd length", B("\x08\0\x60\0CS\x03\0CT " MODALITY), EL, DF_OK, 2, 0},
	{"open sequence",
	 B(SQ_OPEN ITEM_OPEN MODALITY ITEM_END SQ_END MODALITY), EL, DF_OK, 6,
	 1},
	{"sequence of defined length",
	 B("\x08\0\x40\x11SQ\0\0\x12\0\0\0\xfe\xff\0\xe0\x0a\0\0\0" MODALITY),
	 EL, DF_OK, 3, 1},
	{"item larger than its sequence",
	 B("\x08\0\x40\x11SQ\0\0\x12\0\0\0\xfe\xff\0\xe0\x0c\0\0\0" MODALITY
	   "\0\0"),
	 EL, DF_E_FORMAT, 2, 1},
	{"sequence without end", B(SQ_OPEN ITEM_OPEN MODALITY ITEM_END), EL,
	 DF_E_FORMAT, 4, 1},
	{"item without end", B(SQ_OPEN ITEM_OPEN MODALITY), EL, DF_E_FORMAT, 3,
	 1},
	{"element in a sequence", B(SQ_OPEN MODALITY SQ_END), EL, DF_E_FORMAT,
	 2, 1},
	{"stray delimiter", B(MODALITY ITEM_END), EL, DF_E_FORMAT, 2, 0},
	{"empty sequence", B(SQ_OPEN SQ_END), EL, DF_OK, 2, 1},
	{"empty item", B(SQ_OPEN ITEM_0 SQ_END), EL, DF_OK, 3, 1},
	{"UN of undefined length holds implicit VR",
	 B("\x09\0\x40\x11UN\0\0\xff\xff\xff\xff" ITEM_OPEN
	   "\x08\0\x60\0\x02\0\0\0CT" ITEM_END SQ_END),
	 EL, DF_OK, 5, 1},
	{"LO may not be undefined",
	 B("\x09\0\x40\x11UT\0\0\xff\xff\xff\xff" SQ_END), EL, DF_E_FORMAT, 1,
	 0},
	{"unknown VR of capitals is long",
	 B("\x09\0\x40\x11QQ\0\0\x02\0\0\0ab"), EL, DF_OK, 1, 0},
	{"broken VR is short", B("\x09\0\x40\x11??\x02\0ab"), EL, DF_OK, 1, 0},
	{"implicit", B("\x08\0\x60\0\x02\0\0\0CT"), IL, DF_OK, 1, 0},
	{"implicit sequence of defined length",
	 B("\x08\0\x40\x11\x12\0\0\0\xfe\xff\0\xe0\x0a\0\0\0"
	   "\x08\0\x60\0\x02\0\0\0CT"),
	 IL, DF_OK, 3, 1},
	{"implicit bytes that look like an item",
	 B("\x09\0\x40\x11\x0a\0\0\0\xfe\xff\0\xe0\xff\0\0\0zz"
	   "\x08\0\x60\0\x02\0\0\0CT"),
	 IL, DF_OK, 3, 1},
	{"big endian", B("\0\x08\0\x60" "CS\0\x02" "CT"), EB, DF_OK, 1, 0},
	{"fragments",
	 B("\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" ITEM_0
	   "\xfe\xff\0\xe0\x02\0\0\0xy" SQ_END),
	 EL, DF_OK, 4, 1},
	{"fragment of undefined length",
	 B("\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" ITEM_OPEN SQ_END), EL,
	 DF_E_FORMAT, 2, 1},
	{"opaque", B("anything"), DF_WALK_OPAQUE, DF_OK, 0, 0},
};

/* It looks at nothing that it did not ask for. */
static void test_needs(void **state)
{
	static const char image[] = MODALITY "\xe0\x7f\x10\0OW\0\0\x80\0\0\0";
	char *big = calloc(1, sizeof image - 1 + 128);
	struct veiled v = {0};
	struct df_walk_limits how = {.need = unveil, .ctx = &v};
	struct df_walk whole, part;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t len = rows[i].len;
		enum df_err a, b;

		v = (struct veiled){rows[i].ptr, malloc(len ? len : 1), 0};
		memset(v.seen, 0xa5, len);
		a = df_walk(&whole, rows[i].ptr, len, rows[i].syntax, NULL,
			    NULL);
		b = df_walk(&part, v.seen, len, rows[i].syntax, &how, NULL);
		if (a != b || !same_walk(&whole, &part))
			fail_msg("%s: not the same when read by need",
				 rows[i].name);
		free(v.seen);
	}
	memcpy(big, image, sizeof image - 1); /* pixels: passed by */
	memset(big + sizeof image - 1, 7, 128);
	v = (struct veiled){big, calloc(1, sizeof image - 1 + 128), 0};
	assert_int_equal(df_walk(&part, v.seen, sizeof image - 1 + 128,
				 DF_WALK_EXPLICIT_LE, &how, NULL), DF_OK);
	assert_int_equal(part.pixel_length, 128);
	assert_int_equal(v.seen[sizeof image + 50], 0);
	free(v.seen);
	free(big);
}

/* Each element of the data set itself, one behind the other, to the end. */
static void test_passed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct passed p = {0};
		struct df_walk_limits how = {.passed = pass_on, .ctx = &p};
		struct df_walk w;

		if (df_walk(&w, rows[i].ptr, rows[i].len, rows[i].syntax, &how,
			    NULL) == DF_OK &&
		    (p.gap || p.end != w.end))
			fail_msg("%s: not all of it was told", rows[i].name);
	}
}

/* A sequence is one, with all that stands in it. */
static void test_passed_sequence(void **state)
{
	static const char data[] = MODALITY SQ_OPEN ITEM_OPEN MODALITY ITEM_END
		SQ_END MODALITY "\0\0\0\0";
	struct passed p = {0};
	struct df_walk_limits how = {.passed = pass_on, .ctx = &p};
	struct df_walk w;

	(void)state;
	assert_int_equal(df_walk(&w, data, sizeof data - 1, EL, &how, NULL),
			 DF_OK);
	assert_int_equal(p.n, 3);
	assert_int_equal(p.last, 0x00080060);
	assert_int_equal(p.last_len, sizeof MODALITY - 1);
	assert_int_equal(p.end, sizeof data - 1 - 4);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		/* a copy of the exact size, so that sanitizers see overruns */
		char *copy = malloc(rows[i].len ? rows[i].len : 1);
		struct df_why why = {0};
		struct df_walk w;
		enum df_err rc;

		memcpy(copy, rows[i].ptr, rows[i].len);
		rc = df_walk(&w, copy, rows[i].len, rows[i].syntax, NULL, &why);
		if (rc != rows[i].want || w.elements != rows[i].elements ||
		    w.deepest != rows[i].deepest)
			fail_msg("%s: %s (%s), %llu elements, %u deep",
				 rows[i].name, df_err_name(rc), why.text,
				 (unsigned long long)w.elements, w.deepest);
		free(copy);
	}
}

/* n sequences inside each other, closed or not. */
static enum df_err nested(size_t n, bool closed, const char *open,
			  enum df_walk_syntax syntax, size_t open_len)
{
	size_t one = open_len + (closed ? 16 : 0), at = 0;
	char *p = malloc(n * one);
	struct df_walk w;
	enum df_err rc;

	for (size_t i = 0; i < n; i++, at += open_len)
		memcpy(p + at, open, open_len);
	for (size_t i = 0; closed && i < n; i++, at += 16)
		memcpy(p + at, ITEM_END SQ_END, 16);
	rc = df_walk(&w, p, n * one, syntax, NULL, NULL);
	free(p);
	return rc;
}

static void test_depth_limits(void **state)
{
	static const char explicit_open[] = SQ_OPEN ITEM_OPEN;
	static const char implicit_open[] =
		"\x08\0\x40\x11\xff\xff\xff\xff" ITEM_OPEN;

	(void)state;
	assert_int_equal(nested(31, true, explicit_open, EL, 20), DF_OK);
	assert_int_equal(nested(32, true, explicit_open, EL, 20), DF_OK);
	assert_int_equal(nested(33, true, explicit_open, EL, 20), DF_E_LIMIT);
	assert_int_equal(nested(32, true, implicit_open, IL, 16), DF_OK);
	assert_int_equal(nested(33, true, implicit_open, IL, 16), DF_E_LIMIT);
	assert_int_equal(nested(100000, false, explicit_open, EL, 20),
			 DF_E_LIMIT);
	assert_int_equal(nested(100000, false, implicit_open, IL, 16),
			 DF_E_LIMIT);
}

/* Defined lengths in implicit VR, which only a dictionary tells from bytes. */
static void test_depth_defined(void **state)
{
	enum { N = 40 };
	uint8_t p[N * 16];
	struct df_walk w;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		uint32_t left = (N - i) * 16;

		memcpy(p + i * 16, "\x08\0\x40\x11\0\0\0\0\xfe\xff\0\xe0", 12);
		memset(p + i * 16 + 12, 0, 4);
		p[i * 16 + 4] = (uint8_t)(left - 8);
		p[i * 16 + 5] = (uint8_t)((left - 8) >> 8);
		p[i * 16 + 12] = (uint8_t)(left - 16);
		p[i * 16 + 13] = (uint8_t)((left - 16) >> 8);
	}
	assert_int_equal(df_walk(&w, p, sizeof p, IL, NULL, NULL), DF_E_LIMIT);
}

static void test_elements(void **state)
{
	const struct df_walk_limits limits = {.elements = 3};
	struct df_walk w;

	(void)state;
	assert_int_equal(df_walk(&w, B(MODALITY MODALITY MODALITY), EL, &limits,
				 NULL),
			 DF_OK);
	assert_int_equal(df_walk(&w, B(MODALITY MODALITY MODALITY MODALITY), EL,
				 &limits, NULL),
			 DF_E_LIMIT);
}

static void test_notes(void **state)
{
	static const char p[] =
		"\x08\0\x16\0UI\x08\0" "1.2.840\0"
		"\x08\0\x18\0UI\x04\0" "1.2\0"
		"\x20\0\x0d\0UI\x04\0" "1.x\0"
		"\x28\0\x02\0US\x02\0\x03\0"
		"\x28\0\x04\0CS\x04\0RGB "
		"\x28\0\x08\0IS\x02\0" "7 "
		"\x28\0\x10\0US\x02\0\x01\x02"
		"\xe0\x7f\x10\0OW\0\0\x04\0\0\0abcd";
	struct df_walk w;

	(void)state;
	assert_int_equal(df_walk(&w, B(p), EL, NULL, NULL), DF_OK);
	assert_string_equal(w.sop_class.s, "1.2.840");
	assert_string_equal(w.sop_instance.s, "1.2");
	assert_string_equal(w.study.s, "");
	assert_true(w.bad_uid);
	assert_int_equal(w.samples, 3);
	assert_int_equal(w.frames, 7);
	assert_int_equal(w.rows, 0x201);
	assert_string_equal(w.photometric, "RGB");
	assert_int_equal(w.pixel, DF_WALK_PIXEL_NATIVE);
	assert_int_equal(w.pixel_length, 4);
	assert_memory_equal(p + w.pixel_value, "abcd", 4);
	assert_string_equal(w.pixel_vr, "OW");
}

static void test_fragments(void **state)
{
	static const char p[] = MODALITY
		"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" ITEM_0
		"\xfe\xff\0\xe0\x02\0\0\0xy"
		"\xfe\xff\0\xe0\x04\0\0\0wxyz" SQ_END;
	uint64_t at, offset, length;
	struct df_walk w;

	(void)state;
	assert_int_equal(df_walk(&w, B(p), EL, NULL, NULL), DF_OK);
	assert_int_equal(w.pixel, DF_WALK_PIXEL_ENCAPSULATED);
	assert_int_equal(w.fragments, 3);
	at = w.pixel_value;
	assert_true(df_walk_fragment(&w, p, &at, &offset, &length));
	assert_int_equal(length, 0);
	assert_true(df_walk_fragment(&w, p, &at, &offset, &length));
	assert_memory_equal(p + offset, "xy", length);
	assert_true(df_walk_fragment(&w, p, &at, &offset, &length));
	assert_int_equal(length, 4);
	assert_memory_equal(p + offset, "wxyz", length);
	assert_false(df_walk_fragment(&w, p, &at, &offset, &length));
}

static void test_syntaxes(void **state)
{
	static const struct {
		const char *uid;
		enum df_walk_syntax want;
	} uids[] = {
		{"1.2.840.10008.1.2", IL},
		{"1.2.840.10008.1.2.1", EL},
		{"1.2.840.10008.1.2.2", EB},
		{"1.2.840.10008.1.2.1.99", DF_WALK_OPAQUE},
		{"1.2.840.10008.1.2.4.80", EL},
		{"1.2.840.10008.1.2.8.1", EL}, /* deflated frames only */
		{"1.2.3.4", EL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof uids / sizeof *uids; i++)
		assert_int_equal(df_walk_syntax_of(df_text_of(uids[i].uid)),
				 uids[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_needs),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_passed),
		cmocka_unit_test(test_passed_sequence),
		cmocka_unit_test(test_depth_limits),
		cmocka_unit_test(test_depth_defined),
		cmocka_unit_test(test_elements),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_syntaxes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
