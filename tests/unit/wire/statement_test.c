/* statement_test.c - the report statement: what the signature covers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "df/statement.h"

#define NODE "1f825aa2f0020ef7cf91dfa30da4668d791c5d4824fc8e41354b89ec05795ab3"

static void sample(struct df_statement *s)
{
	*s = (struct df_statement){.version = 2,
				   .status = DF_REPORT_AMENDED,
				   .image_count = 2,
				   .media = DF_REPORT_PDF,
				   .content_bytes = 48211,
				   .role = DF_ROLE_VERIFYING,
				   .signed_at_ms = 1795311723000};
	df_str_fmt(s->report_id.s, sizeof s->report_id.s,
		   "0123456789abcdefghjkmnpqrs");
	df_str_fmt(s->study_uid, sizeof s->study_uid, "1.2.840.1");
	assert_int_equal(
		df_statement_set_text(s->accession, df_text_of(" ACC1 ")),
		DF_OK);
	assert_int_equal(
		df_statement_set_text(s->patient_id, df_text_of("患者-7: a")),
		DF_OK);
	df_str_fmt(s->clinic_node.s, sizeof s->clinic_node.s, NODE);
	df_str_fmt(s->centre_node.s, sizeof s->centre_node.s, NODE);
	memset(s->previous.b, 1, 32);
	memset(s->patient_name.b, 2, 32);
	memset(s->images[0].b, 3, 32);
	memset(s->images[1].b, 4, 32);
	memset(s->content.b, 5, 32);
}

static size_t golden(char *to, size_t cap)
{
	char path[512];
	FILE *f;
	size_t n;

	df_str_fmt(path, sizeof path, "%s/golden/statement-1.txt", DF_TESTDATA);
	f = fopen(path, "rb");
	if (f == NULL)
		fail_msg("no %s", path);
	n = fread(to, 1, cap, f);
	assert_int_equal(fclose(f), 0);
	return n;
}

static void test_golden(void **state)
{
	struct df_statement s, back;
	struct df_buf out;
	char want[4096];
	size_t n = golden(want, sizeof want);

	(void)state;
	sample(&s);
	df_buf_init(&out, DF_STATEMENT_BYTES_MAX);
	assert_int_equal(df_statement_encode(&s, &out, NULL), DF_OK);
	assert_int_equal(out.len, n);
	assert_memory_equal(out.ptr, want, n);
	assert_int_equal(
		df_statement_decode((struct df_text){want, n}, &back, NULL),
		DF_OK);
	assert_string_equal(back.patient_id, "患者-7: a");
	assert_string_equal(back.accession, "ACC1");
	assert_string_equal(back.accession_issuer, "");
	assert_int_equal(back.image_count, 2);
	assert_memory_equal(&back.images[1], &s.images[1], 32);
	df_buf_release(&out);
}

static void test_damage(void **state)
{
	struct df_statement back;
	struct df_buf out;
	char text[4096];
	size_t n = golden(text, sizeof text), i, bit;

	(void)state;
	df_buf_init(&out, DF_STATEMENT_BYTES_MAX);
	for (i = 0; i < n; i++) {
		assert_int_not_equal(
			df_statement_decode((struct df_text){text, i}, &back,
					    NULL),
			DF_OK);
		for (bit = 0; bit < 8; bit++) {
			text[i] ^= (char)(1 << bit);
			df_buf_clear(&out);
			if (!df_statement_decode((struct df_text){text, n},
						 &back, NULL)) {
				assert_int_equal(
					df_statement_encode(&back, &out, NULL),
					DF_OK);
				assert_memory_equal(out.ptr, text, n);
			}
			text[i] ^= (char)(1 << bit);
		}
	}
	df_buf_release(&out);
}

static void test_text(void **state)
{
	static const struct {
		const char *in;
		enum df_err rc;
		const char *want;
	} CASES[] = {
		{"", DF_OK, ""},
		{"-", DF_OK, ""},
		{"  x y  ", DF_OK, "x y"},
		{"王^小东", DF_OK, "王^小东"},
		{"a\nstatus: final", DF_E_FORMAT, ""},
		{"a\tb", DF_E_FORMAT, ""},
		{"\xc3", DF_E_FORMAT, ""},
		{"\xc0\xaf", DF_E_FORMAT, ""},
		{"\xed\xa0\x80", DF_E_FORMAT, ""},
		{"\xc2\x85", DF_E_FORMAT, ""},
		{"\xff", DF_E_FORMAT, ""},
	};
	char field[DF_STATEMENT_TEXT_MAX + 1], big[DF_STATEMENT_TEXT_MAX + 1];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
		assert_int_equal(
			df_statement_set_text(field, df_text_of(CASES[i].in)),
			CASES[i].rc);
		assert_string_equal(field, CASES[i].want);
	}
	memset(big, 'x', sizeof big);
	assert_int_equal(
		df_statement_set_text(field, (struct df_text){big, sizeof big}),
		DF_E_LIMIT);
	assert_int_equal(df_statement_set_text(
				 field, (struct df_text){big, sizeof big - 1}),
			 DF_OK);
}

static void test_encode_refuses(void **state)
{
	struct df_statement s;
	struct df_buf out;
	int i;

	(void)state;
	df_buf_init(&out, DF_STATEMENT_BYTES_MAX);
	for (i = 0; i < 9; i++) {
		sample(&s);
		if (i == 0)
			s.report_id.s[0] = 'A';
		else if (i == 1)
			s.version = 1; /* with a predecessor */
		else if (i == 2)
			s.status = (enum df_report_status)9;
		else if (i == 3)
			s.accession[0] = '\n';
		else if (i == 4)
			memset(s.content.b, 0, 32);
		else if (i == 5)
			memset(s.images[1].b, 0, 32);
		else if (i == 6)
			s.clinic_node.s[0] = '\0';
		else if (i == 7)
			s.signed_at_ms = -1;
		else
			s.image_count = DF_STATEMENT_IMAGES_MAX + 1;
		if (df_statement_encode(&s, &out, NULL) != DF_E_FORMAT)
			fail_msg("accepted case %d", i);
	}
	df_buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_encode_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
