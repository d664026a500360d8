/*
 * charset_guess_test.c - bytes in another character set than the declared one:
 * 5000 Chinese names written as GBK or UTF-8, thousands of real western names
 * as Latin-1, every GBK character that ends in a delimiter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "df/charset.h"
#include "df/object.h"
#include "df/str.h"

#define ROW_MAX 400

struct rows {
	char *all;
	char **row; /* without line ends */
	size_t n;
};

static void rows_load(struct rows *r, const char *name)
{
	char path[512], *save = NULL, *line;
	size_t cap = 4u << 20, len;
	FILE *in;

	snprintf(path, sizeof path, "%s/names/%s", DF_TESTDATA, name);
	in = fopen(path, "rb");
	if (in == NULL)
		fail_msg("cannot open %s", path);
	r->all = malloc(cap);
	r->row = calloc(100000, sizeof *r->row);
	assert_non_null(r->all);
	len = fread(r->all, 1, cap - 1, in);
	r->all[len] = 0;
	fclose(in);
	r->n = 0;
	for (line = strtok_r(r->all, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save))
		r->row[r->n++] = line;
}

static void rows_free(struct rows *r)
{
	free(r->row);
	free(r->all);
}

/* A row of hex and text. */
static struct df_text bytes_of(char *row, char *bytes, const char **text)
{
	char *tab = strchr(row, '\t');
	struct df_text hex = {row, (size_t)(tab - row)};

	assert_non_null(tab);
	assert_true(df_hex_decode(bytes, hex.len / 2, hex));
	*text = tab + 1;
	return (struct df_text){bytes, hex.len / 2};
}

/* How many rows of a file come out right, and all with this basis. */
static size_t right(const struct rows *r, const char *declared,
		    enum df_text_basis want, bool as_utf8)
{
	char bytes[ROW_MAX], got[ROW_MAX];
	size_t i, good = 0;

	for (i = 0; i < r->n; i++) {
		const char *text;
		struct df_text t = bytes_of(r->row[i], bytes, &text);
		enum df_text_basis basis;

		if (as_utf8)
			t = df_text_of(text);
		basis = df_charset_decode(got, sizeof got, t, declared, true);
		if (basis == want && !strcmp(got, text))
			good++;
		else
			print_message("%s: \"%s\" for \"%s\"\n",
				      df_text_basis_name(basis), got, text);
	}
	print_message("%s as %s under \"%s\": %zu of %zu\n",
		      as_utf8 ? "UTF-8" : "GB 18030", df_text_basis_name(want),
		      declared, good, r->n);
	return good;
}

static void chinese_names(void **state)
{
	struct rows r;

	(void)state;
	rows_load(&r, "chinese.tsv");
	assert_int_equal(r.n, 5000);
	assert_int_equal(right(&r, "GB18030", DF_TEXT_DECLARED, false), r.n);
	assert_true(right(&r, "ISO_IR 100", DF_TEXT_GB18030, false) >= 4950);
	assert_true(right(&r, "", DF_TEXT_GB18030, false) >= 4950);
	assert_true(right(&r, "ISO 2022 IR 6\\ISO 2022 IR 58", DF_TEXT_GB18030,
			  false) >= 4950);
	assert_true(right(&r, "ISO_IR 100", DF_TEXT_UTF8, true) >= 4950);
	assert_true(right(&r, "GB18030", DF_TEXT_UTF8, true) >= 4950);
	assert_int_equal(right(&r, "ISO_IR 192", DF_TEXT_DECLARED, true), r.n);
	rows_free(&r);
}

/* Second bytes 0x5C (119, 117 of them Han) and 0x5E (118, 116). */
static void bytes_of_delimiters(void **state)
{
	struct rows r;

	(void)state;
	rows_load(&r, "delimiters.tsv");
	assert_int_equal(r.n, 119 + 118);
	assert_int_equal(right(&r, "GB18030", DF_TEXT_DECLARED, false), r.n);
	assert_int_equal(right(&r, "ISO_IR 100", DF_TEXT_GB18030, false), r.n);
	assert_int_equal(right(&r, "", DF_TEXT_GB18030, false), r.n);
	rows_free(&r);
}

static struct df_text latin1(const char *utf8, char *to)
{
	iconv_t cd = iconv_open("ISO-8859-1", "UTF-8");
	char *in = (char *)(uintptr_t)utf8, *out = to;
	size_t in_left = strlen(utf8), out_left = ROW_MAX;

	assert_true(cd != (iconv_t)-1);
	assert_int_equal(iconv(cd, &in, &in_left, &out, &out_left), 0);
	iconv_close(cd);
	return (struct df_text){to, ROW_MAX - out_left};
}

/* É to é and back; what has no other case stays (ß, ÿ). */
static void upper_case(char *latin, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)latin[i];

		if ((c >= 'a' && c <= 'z') ||
		    (c >= 0xe0 && c != 0xf7 && c != 0xff))
			latin[i] = (char)(c - 0x20);
	}
}

static void to_utf8(const char *latin, size_t len, char *to)
{
	size_t i;

	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)latin[i];

		if (c >= 0x80)
			*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(c < 0x80 ? c : 0x80 | (c & 0x3f));
	}
	*to = 0;
}

static size_t changed(const char *bytes, size_t len, const char *declared,
		      enum df_text_basis want)
{
	char text[2 * ROW_MAX], got[2 * ROW_MAX];
	enum df_text_basis basis = df_charset_decode(
		got, sizeof got, (struct df_text){bytes, len}, declared, true);

	to_utf8(bytes, len, text);
	if (basis == want && !strcmp(got, text))
		return 0;
	print_message("%s: \"%s\" for \"%s\"\n", df_text_basis_name(basis), got,
		      text);
	return 1;
}

/* Each real name by itself, with each other one, and in capitals. */
static void western_names_stay(void **state)
{
	char a[ROW_MAX + 1], b[ROW_MAX + 1], both[2 * ROW_MAX];
	size_t i, wrong = 0;
	struct rows r;

	(void)state;
	rows_load(&r, "latin1.txt");
	assert_true(r.n >= 5000);
	for (i = 0; i < r.n; i++) {
		struct df_text one = latin1(r.row[i], a);
		struct df_text two = latin1(r.row[(i * 7 + 3) % r.n], b);
		size_t len;

		wrong += changed(one.ptr, one.len, "ISO_IR 100",
				 DF_TEXT_DECLARED);
		wrong += changed(one.ptr, one.len, "", DF_TEXT_LATIN1);
		len = (size_t)snprintf(both, sizeof both, "%.*s^%.*s",
				       (int)one.len, one.ptr, (int)two.len,
				       two.ptr);
		wrong += changed(both, len, "ISO_IR 100", DF_TEXT_DECLARED);
		wrong += changed(both, len, "", DF_TEXT_LATIN1);
		upper_case(both, len);
		wrong += changed(both, len, "ISO_IR 100", DF_TEXT_DECLARED);
	}
	assert_int_equal(wrong, 0);
	rows_free(&r);
}

static void short_texts(void **state)
{
	static const struct {
		const char *bytes, *declared, *want;
		enum df_text_basis basis;
	} table[] = {
		/* 胸部正位DR, 女 (whose two bytes are UTF-8 for Ů too), 头 */
		{"\xd0\xd8\xb2\xbf\xd5\xfd\xce\xbb"
		 "DR",
		 "ISO_IR 100", "胸部正位DR", DF_TEXT_GB18030},
		{"\xc5\xae", "", "女", DF_TEXT_GB18030},
		{"\xcd\xb7", "ISO_IR 100", "头", DF_TEXT_GB18030},
		/* 姚伟: valid UTF-8, a Cyrillic and a Greek letter */
		{"\xd2\xa6\xce\xb0", "", "姚伟", DF_TEXT_GB18030},
		/* 何燚, 袁原志: the surname decides */
		{"\xba\xce\xa0\x44", "ISO_IR 100", "何燚", DF_TEXT_GB18030},
		{"\xd4\xac\xd4\xad\xd6\xbe", "", "袁原志", DF_TEXT_GB18030},
		{"45\xb0 \xb1 2%", "ISO_IR 100", "45° ± 2%", DF_TEXT_DECLARED},
		{"Sch\xe4"
		 "del 45\xb0",
		 "", "Schädel 45°", DF_TEXT_LATIN1},
		/* what Windows writes where ISO 8859-1 has controls */
		{"Smith\x92s", "ISO_IR 100", "Smith’s", DF_TEXT_LATIN1},
		{"Concei\xe7\xe3o^Assun\xe7\xe3o", "ISO_IR 100",
		 "Conceição^Assunção", DF_TEXT_DECLARED},
		/* how devices spell it */
		{"\xe9t\xe9", "ISO-IR 100", "été", DF_TEXT_DECLARED},
		{"\xe5\xbc\xa0", "utf-8", "张", DF_TEXT_DECLARED},
		{"\xd5\xc5", "GB2312", "张", DF_TEXT_DECLARED},
		{"\x1b$)A\xd5\xc5", "ISO 2022 IR 58", "张", DF_TEXT_DECLARED},
		/* escapes that nobody declared, or not for these bytes: 镕 */
		{"\x1b$)A\xd5\xc5", "ISO_IR 100", "张", DF_TEXT_ISO2022},
		{"\x1b$)A\xd6\xec^\x1b$)A\xe9\x46", "\\ISO 2022 IR 58", "朱^镕",
		 DF_TEXT_ISO2022},
		/* one dot in a name, however it is coded */
		{"\x1b$)A\xc2\xf2\xa1\xa4\xb0\xac", "\\ISO 2022 IR 58", "买·艾",
		 DF_TEXT_DECLARED},
		{"\xc2\xf2\xa1\xa4\xb0\xac", "GB18030", "买·艾",
		 DF_TEXT_DECLARED},
	};
	char got[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof table / sizeof table[0]; i++) {
		enum df_text_basis basis = df_charset_decode(
			got, sizeof got, df_text_of(table[i].bytes),
			table[i].declared, true);

		assert_string_equal(got, table[i].want);
		assert_string_equal(df_text_basis_name(basis),
				    df_text_basis_name(table[i].basis));
		assert_int_equal(
			df_text_basis_guessed(df_text_basis_name(basis)),
			basis >= DF_TEXT_UTF8);
	}
}

/* 16 MiB of nothing but what is taken out or put otherwise, which took minutes
 * when each was looked for from the beginning; the timeout of the test is the
 * measure. */
static void long_texts(void **state)
{
	static const struct {
		const char *unit, *end, *begins;
		enum df_text_basis basis;
	} table[] = {
		/* rows of GBK behind the escape of GB 2312: 镕 */
		{"\x1b$)A", "\xe9\x46", "镕", DF_TEXT_ISO2022},
		{"\x1b(B", "\x1b$)A\xe9\x46", "镕", DF_TEXT_ISO2022},
		{"\x1b$)A\xa1\xa4", "", "··", DF_TEXT_DECLARED},
	};
	const size_t size = 16u << 20;
	char *all = malloc(size), got[64];
	size_t i, at;

	(void)state;
	assert_non_null(all);
	for (i = 0; i < sizeof table / sizeof table[0]; i++) {
		size_t unit = strlen(table[i].unit), end = strlen(table[i].end);

		for (at = 0; at + unit + end <= size; at += unit)
			memcpy(all + at, table[i].unit, unit);
		memcpy(all + at, table[i].end, end);
		assert_int_equal(
			df_charset_decode(got, sizeof got,
					  (struct df_text){all, at + end},
					  "\\ISO 2022 IR 58", false),
			table[i].basis);
		assert_memory_equal(got, table[i].begins,
				    strlen(table[i].begins));
	}
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chinese_names),
		cmocka_unit_test(bytes_of_delimiters),
		cmocka_unit_test(western_names_stay),
		cmocka_unit_test(short_texts),
		cmocka_unit_test(long_texts),
	};

	if (df_object_init(NULL) != DF_OK) /* silences DCMTK */
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
