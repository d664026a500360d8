/*
 * object_test.c - facts, character sets, transfer syntaxes and reports, on
 * real objects of testdata/dicom.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "df/charset.h"
#include "df/object.h"
#include "df/str.h"

struct file {
	uint8_t *ptr;
	size_t len;
	struct df_part10 head;
	struct df_object object;
};

static void load(struct file *f, const char *name)
{
	char path[512];
	FILE *in;
	struct df_why why = {0};

	snprintf(path, sizeof path, "%s/dicom/%s", DF_TESTDATA, name);
	in = fopen(path, "rb");
	if (in == NULL)
		fail_msg("cannot open %s", path);
	fseek(in, 0, SEEK_END);
	f->len = (size_t)ftell(in);
	rewind(in);
	f->ptr = malloc(f->len);
	assert_non_null(f->ptr);
	assert_int_equal(fread(f->ptr, 1, f->len, in), f->len);
	fclose(in);
	assert_int_equal(df_part10_decode(&f->head, f->ptr, f->len, &why),
			 DF_OK);
	f->object.ptr = f->ptr + f->head.dataset_at;
	f->object.len = f->len - f->head.dataset_at;
	f->object.transfer_syntax = f->head.transfer_syntax;
}

static void facts_of_real_objects(void **state)
{
	static const struct {
		const char *file, *name, *basis, *modality, *rows, *frames;
	} table[] = {
		{"charset/gb18030.dcm", "Wang^XiaoDong=王^小东=", "declared",
		 "OT", "32", ""},
		{"charset/utf8.dcm", "Wang^XiaoDong=王^小東=", "declared", "OT",
		 "32", ""},
		{"charset/latin1.dcm", "Buc^Jérôme", "declared", "OT", "32",
		 ""},
		{"charset/japanese.dcm", "Yamada^Tarou=山田^太郎=やまだ^たろう",
		 "declared", "OT", "32", ""},
		{"ct/IM0001.dcm", "HEAD", "ascii", "CT", "512", ""},
		{"mr/enhanced_big_endian.dcm", "", "ascii", "MR", "64", "10"},
		{"syntaxes/deflated.dcm", "MISTER^CT", "ascii", "CT", "512",
		 ""},
		{"us/ybr_jpeg_30_frames.dcm", "PLA", "ascii", "US", "240",
		 "30"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct file f;
		struct df_facts facts;
		struct df_why why = {0};

		load(&f, table[i].file);
		assert_int_equal(df_object_facts(&f.object, &facts, &why),
				 DF_OK);
		assert_string_equal(facts.patient_name, table[i].name);
		assert_string_equal(facts.text_basis, table[i].basis);
		assert_string_equal(facts.modality, table[i].modality);
		assert_string_equal(facts.rows, table[i].rows);
		if (table[i].frames[0] != 0)
			assert_string_equal(facts.frames, table[i].frames);
		assert_string_equal(facts.sop_instance, f.head.sop_instance);
		free(f.ptr);
	}
}

static void facts_of_bad_bytes(void **state)
{
	static const uint8_t junk[64] = {8, 0, 5, 0, 'C', 'S', 0xff, 0xff};
	struct df_object o = {junk, sizeof junk, DF_TS_EXPLICIT_LE};
	struct df_facts facts;
	struct df_why why = {0};

	(void)state;
	assert_int_equal(df_object_facts(&o, &facts, &why), DF_E_FORMAT);
	o.len = 0;
	assert_int_equal(df_object_facts(&o, &facts, &why), DF_E_FORMAT);
	o.transfer_syntax = "1.2.3.4";
	assert_int_equal(df_object_facts(&o, &facts, &why), DF_E_UNSUPPORTED);
}

static void charsets(void **state)
{
	static const struct {
		const char *bytes, *declared, *want;
		enum df_text_basis basis;
	} table[] = {
		{"Smith^John  ", "ISO_IR 100", "Smith^John", DF_TEXT_ASCII},
		{"M\xfcller", "ISO_IR 100", "Müller", DF_TEXT_DECLARED},
		/* GBK under a Latin-1 label, and without any */
		{"\xd5\xc5\xd0\xa1\xb6\xab", "ISO_IR 100", "张小东",
		 DF_TEXT_GB18030},
		{"\xd5\xc5\xd0\xa1\xb6\xab", "", "张小东", DF_TEXT_GB18030},
		/* trail bytes that are backslash (昞) and caret (玘) */
		{"\xc0\xee\x95\x5c", "GBK", "李昞", DF_TEXT_DECLARED},
		{"\xc0\xee\x95\x5c", "GB18030", "李昞", DF_TEXT_DECLARED},
		{"\xc0\xee\xab\x5e", "GB18030", "李玘", DF_TEXT_DECLARED},
		/* four bytes: U+20000 */
		{"\x95\x32\x82\x36", "GB18030", "𠀀", DF_TEXT_DECLARED},
		{"\xe5\xbc\xa0", "ISO_IR 100", "张", DF_TEXT_UTF8},
		{"\xe5\xbc\xa0", "ISO_IR 192", "张", DF_TEXT_DECLARED},
		{"\xe5\xbc\xa0", "NO SUCH SET", "张", DF_TEXT_UTF8},
		{"a\tb\nc", "", "a b c", DF_TEXT_ASCII},
		{"\x1b$B;3\x1b(B", "", "山", DF_TEXT_ISO2022},
		{"\x1b$Z;3", "", "$Z;3", DF_TEXT_UNKNOWN},
		{"\xff\xff", "", "\xef\xbf\xbd\xef\xbf\xbd", DF_TEXT_UNKNOWN},
	};
	char to[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof table / sizeof table[0]; i++) {
		enum df_text_basis basis = df_charset_decode(
			to, sizeof to, df_text_of(table[i].bytes),
			table[i].declared, true);

		assert_string_equal(to, table[i].want);
		assert_int_equal(basis, table[i].basis);
	}
	/* cut at a character */
	(void)df_charset_decode(to, 6, df_text_of("张小东"), "ISO_IR 192",
				false);
	assert_string_equal(to, "张");
}

/* Every way there and back gives the same explicit little endian pixels. */
static void transcodes_without_loss(void **state)
{
	static const char *const files[] = {
		"ct/IM0001.dcm",
		"ct_signed/CT_small.dcm",
		"mr/t1.dcm",
		"mr/enhanced_big_endian.dcm",
		"us/rgb.dcm",
		"us/palette.dcm",
		"syntaxes/jpeg_ls.dcm",
		"syntaxes/jpeg_lossless.dcm",
		"syntaxes/rle.dcm",
		"syntaxes/deflated.dcm",
		"sr/basic_text.dcm",
	};
	static const char *const to[] = {DF_TS_IMPLICIT_LE, DF_TS_EXPLICIT_LE,
					 DF_TS_EXPLICIT_BE, DF_TS_DEFLATED_LE,
					 DF_TS_JPEG_LS_LOSSLESS};
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof files / sizeof files[0]; i++) {
		struct file f;

		load(&f, files[i]);
		for (k = 0; k < sizeof to / sizeof to[0]; k++) {
			struct df_buf there, back;
			struct df_object o = {NULL, 0, to[k]};
			struct df_facts a, b;
			struct df_why why = {0};

			df_buf_init(&there, 1u << 26);
			df_buf_init(&back, 1u << 26);
			assert_int_equal(df_object_transcode(&f.object, to[k],
							     &there, &why),
					 DF_OK);
			o.ptr = there.ptr;
			o.len = there.len;
			assert_int_equal(df_object_transcode(&o,
							     DF_TS_EXPLICIT_LE,
							     &back, &why),
					 DF_OK);
			assert_int_equal(df_object_facts(&f.object, &a, &why),
					 DF_OK);
			o.ptr = back.ptr;
			o.len = back.len;
			o.transfer_syntax = DF_TS_EXPLICIT_LE;
			assert_int_equal(df_object_facts(&o, &b, &why), DF_OK);
			assert_memory_equal(&a, &b, sizeof a);
			df_buf_release(&there);
			df_buf_release(&back);
		}
		free(f.ptr);
	}
}

static void refuses_lossy_and_unknown(void **state)
{
	static const struct {
		const char *file, *to;
		size_t max;
		enum df_err want;
	} table[] = {
		{"us/ybr_jpeg_30_frames.dcm", DF_TS_EXPLICIT_LE, 1u << 26,
		 DF_E_UNSUPPORTED},
		{"syntaxes/jpeg2000.dcm", DF_TS_EXPLICIT_LE, 1u << 26,
		 DF_E_UNSUPPORTED},
		{"ct/IM0001.dcm", "1.2.840.10008.1.2.4.50", 1u << 26,
		 DF_E_UNSUPPORTED},
		{"ct/IM0001.dcm", DF_TS_IMPLICIT_LE, 1000, DF_E_LIMIT},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct file f;
		struct df_buf out;
		struct df_why why = {0};

		load(&f, table[i].file);
		df_buf_init(&out, table[i].max);
		assert_int_equal(
			df_object_transcode(&f.object, table[i].to, &out, &why),
			table[i].want);
		assert_int_equal(out.len, 0);
		df_buf_release(&out);
		free(f.ptr);
	}
}

static void part10_round_trip(void **state)
{
	struct df_part10 p;
	struct df_buf b;
	struct df_why why = {0};

	(void)state;
	df_buf_init(&b, 4096);
	assert_int_equal(df_object_part10(&b, "1.2.3", "1.2.3.45",
					  DF_TS_RLE_LOSSLESS, "NODE", &why),
			 DF_OK);
	assert_int_equal(b.len % 2, 0);
	assert_int_equal(df_buf_add(&b, "\x08\0\x05\0CS\0\0", 8, &why), DF_OK);
	assert_int_equal(df_part10_decode(&p, b.ptr, b.len, &why), DF_OK);
	assert_string_equal(p.sop_class, "1.2.3");
	assert_string_equal(p.sop_instance, "1.2.3.45");
	assert_string_equal(p.transfer_syntax, DF_TS_RLE_LOSSLESS);
	assert_int_equal(p.dataset_at, b.len - 8);
	assert_int_equal(df_part10_decode(&p, b.ptr, 140, &why), DF_E_FORMAT);
	assert_int_equal(df_part10_decode(&p, b.ptr, 100, &why), DF_E_FORMAT);
	df_buf_clear(&b);
	assert_int_equal(
		df_object_part10(&b, "../..", "1.2", "1.2", NULL, &why),
		DF_E_FORMAT);
	df_buf_release(&b);
}

static void report_text(void **state)
{
	struct file f;
	struct df_report_view view;
	struct df_why why = {0};

	(void)state;
	load(&f, "sr/basic_text.dcm");
	assert_int_equal(df_report_kind(f.head.sop_class), DF_REPORT_SR);
	assert_int_equal(df_object_report(&f.object, 1u << 20, &view, &why),
			 DF_OK);
	assert_true(view.body.len > 100);
	assert_true(df_utf8_valid(
		(struct df_text){(char *)view.body.ptr, view.body.len}));
	assert_string_equal(view.title, "Imaging Measurement Report");
	df_report_view_release(&view);
	assert_int_equal(df_object_report(&f.object, 20, &view, &why),
			 DF_E_LIMIT);
	df_report_view_release(&view);
	free(f.ptr);
	load(&f, "ct/IM0001.dcm");
	assert_int_equal(df_object_report(&f.object, 1u << 20, &view, &why),
			 DF_E_UNSUPPORTED);
	df_report_view_release(&view);
	free(f.ptr);
}

static void tables(void **state)
{
	size_t n = 0;

	(void)state;
	assert_true(df_storage_class_known("1.2.840.10008.5.1.4.1.1.2"));
	assert_false(df_storage_class_known("1.2.840.10008.1.1"));
	while (df_storage_class_at(n) != NULL)
		n++;
	assert_true(n > 100);
	assert_true(df_transfer_syntax_encapsulated(DF_TS_RLE_LOSSLESS));
	assert_false(df_transfer_syntax_encapsulated(DF_TS_DEFLATED_LE));
}

static int setup(void **state)
{
	struct df_why why = {0};

	(void)state;
	return df_object_init(&why) == DF_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_of_real_objects),
		cmocka_unit_test(facts_of_bad_bytes),
		cmocka_unit_test(charsets),
		cmocka_unit_test(transcodes_without_loss),
		cmocka_unit_test(refuses_lossy_and_unknown),
		cmocka_unit_test(part10_round_trip),
		cmocka_unit_test(report_text),
		cmocka_unit_test(tables),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
