/*
 * charset_data_test.c - names of real objects in eleven character sets, and
 * the examples of PS3.5 annexes H to K; items with a set of their own.
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

/* Finds the last element of a tag and VR in explicit little endian bytes. */
static struct df_text element(const uint8_t *ptr, size_t len, const char *head)
{
	struct df_text t = {NULL, 0};
	size_t i;

	for (i = 0; i + 8 <= len; i++)
		if (!memcmp(ptr + i, head, 6))
			t = (struct df_text){(const char *)ptr + i + 8,
					     ptr[i + 6] + 256u * ptr[i + 7]};
	return t;
}

/* The file's last Patient's Name, in the set that was declared last before:
 * that of its item, else of the data set. */
static void names_of_files(void **state)
{
	static const struct {
		const char *file, *want;
		enum df_text_basis basis;
	} table[] = {
		{"names/dicom/chrArab", "قباني^لنزار", DF_TEXT_DECLARED},
		{"names/dicom/chrFrenMulti", "Buc^Jérôme", DF_TEXT_DECLARED},
		{"dicom/charset/latin1", "Buc^Jérôme", DF_TEXT_DECLARED},
		{"names/dicom/chrGerm", "Äneas^Rüdiger", DF_TEXT_DECLARED},
		{"dicom/charset/japanese",
		 "Yamada^Tarou=山田^太郎=やまだ^たろう", DF_TEXT_DECLARED},
		{"names/dicom/chrJapMulti", "やまだ^たろう", DF_TEXT_DECLARED},
		{"names/dicom/chrJapMultiExplicitIR6", "やまだ^たろう",
		 DF_TEXT_DECLARED},
		{"names/dicom/chrKoreanMulti", "김희중", DF_TEXT_DECLARED},
		{"names/dicom/chrRuss", "Люкceмбypг", DF_TEXT_DECLARED},
		{"names/dicom/chrSQEncoding",
		 "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう", DF_TEXT_DECLARED},
		{"names/dicom/chrSQEncoding1",
		 "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう", DF_TEXT_DECLARED},
		{"dicom/charset/utf8",
		 "Wang^XiaoDong=王^小東=", DF_TEXT_DECLARED},
		{"dicom/charset/gb18030",
		 "Wang^XiaoDong=王^小东=", DF_TEXT_DECLARED},
		{"names/dicom/iso2022ir13-001", "dicom2nifti", DF_TEXT_ASCII},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof table / sizeof table[0]; i++) {
		char path[512], declared[256], got[256];
		static uint8_t file[1 << 14];
		struct df_text name, set;
		FILE *in;
		size_t len;

		snprintf(path, sizeof path, "%s/%s.dcm", DF_TESTDATA,
			 table[i].file);
		in = fopen(path, "rb");
		if (in == NULL)
			fail_msg("cannot open %s", path);
		len = fread(file, 1, sizeof file, in);
		fclose(in);
		name = element(file, len, "\x10\0\x10\0PN");
		set = element(file, len, "\x08\0\x05\0CS");
		assert_true(name.len > 0);
		snprintf(declared, sizeof declared, "%.*s", (int)set.len,
			 set.ptr);
		assert_int_equal(df_charset_decode(got, sizeof got, name,
						   declared, true),
				 table[i].basis);
		assert_string_equal(got, table[i].want);
	}
}

/* PS3.5: H.3.1, H.3.2, I.2, J.2 (also with GBK), K.2. */
static void examples_of_the_standard(void **state)
{
	static const struct {
		const char *declared, *bytes, *want;
	} table[] = {
		{"\\ISO 2022 IR 87",
		 "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B="
		 "\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
		 "Yamada^Tarou=山田^太郎=やまだ^たろう"},
		{"ISO 2022 IR 13\\ISO 2022 IR 87",
		 "\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^"
		 "\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
		 "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"},
		{"\\ISO 2022 IR 149",
		 "Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7="
		 "\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
		 "Hong^Gildong=洪^吉洞=홍^길동"},
		{"ISO_IR 192",
		 "Wang^XiaoDong=\xe7\x8e\x8b^\xe5\xb0\x8f\xe6\x9d\xb1=",
		 "Wang^XiaoDong=王^小東="},
		{"GB18030", "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=",
		 "Wang^XiaoDong=王^小东="},
		{"\\ISO 2022 IR 58",
		 "Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
		 "Zhang^XiaoDong=张^小东="},
		/* JIS X 0212 (ISO 2022 IR 159): 丂, then back to ASCII */
		{"\\ISO 2022 IR 87\\ISO 2022 IR 159", "A=\x1b$(D\x30\x21\x1b(B",
		 "A=丂"},
		/* one byte each: Latin-2, 4, Greek, Hebrew, 5, Thai */
		{"ISO_IR 101", "Kov\xe1\xe8", "Kováč"},
		{"ISO_IR 109", "G\xf5rg", "Gġrg"},
		{"ISO_IR 110", "K\xefrlis", "Kīrlis"},
		{"ISO_IR 126", "\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2",
		 "Διονυσιος"},
		{"ISO_IR 138", "\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4",
		 "שרון^דבורה"},
		{"ISO_IR 148",
		 "\xc7"
		 "avu\xfeo\xf0lu",
		 "Çavuşoğlu"},
		{"ISO_IR 166", "\xb9\xd2\xc2", "นาย"},
		{"ISO_IR 144",
		 "\xbb\xee\xda"
		 "e\xdc\xd1\xe3\xe0\xd3",
		 "Люкeмбург"},
		{"ISO_IR 127", "\xe2\xc8\xc7\xe6\xea", "قباني"},
		/* a set that is announced and designated */
		{"ISO 2022 IR 6\\ISO 2022 IR 100\\ISO 2022 IR 144",
		 "A=\x1b-A\xe9=\x1b-L\xbb\xee", "A=é=Лю"},
	};
	char got[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof table / sizeof table[0]; i++) {
		enum df_text_basis basis = df_charset_decode(
			got, sizeof got, df_text_of(table[i].bytes),
			table[i].declared, true);

		assert_string_equal(got, table[i].want);
		assert_int_equal(basis, DF_TEXT_DECLARED);
	}
}

/* --- data sets made by hand
 * ---------------------------------------------------- */

struct made {
	uint8_t b[2048];
	size_t n;
};

static void put_head(struct made *d, unsigned group, unsigned element,
		     const char *vr, size_t len)
{
	uint8_t h[12] = {(uint8_t)group,   (uint8_t)(group >> 8),
			 (uint8_t)element, (uint8_t)(element >> 8),
			 (uint8_t)vr[0],   (uint8_t)vr[1],
			 (uint8_t)len,	   (uint8_t)(len >> 8)};
	bool wide = !strcmp(vr, "SQ") || !strcmp(vr, "UT"), item = vr[0] == 0;

	if (wide || item) {
		size_t at = wide ? 8 : 4;

		h[6] = h[7] = 0;
		h[at] = (uint8_t)len;
		h[at + 1] = (uint8_t)(len >> 8);
		h[at + 2] = h[at + 3] = 0;
	}
	memcpy(d->b + d->n, h, wide ? 12 : 8);
	d->n += wide ? 12 : 8;
}

static void put(struct made *d, unsigned group, unsigned element,
		const char *vr, const char *value)
{
	size_t len = strlen(value);

	put_head(d, group, element, vr, len + len % 2);
	memcpy(d->b + d->n, value, len);
	if (len % 2 != 0)
		d->b[d->n + len] = !strcmp(vr, "UI") ? 0 : ' ';
	d->n += len + len % 2;
}

static void put_item(struct made *d, unsigned group, unsigned element,
		     const struct made *item)
{
	put_head(d, group, element, "SQ", item->n + 8);
	put_head(d, 0xfffe, 0xe000, "\0", item->n);
	memcpy(d->b + d->n, item->b, item->n);
	d->n += item->n;
}

/* Head of a data set in which an accession number's issuer is an item. */
static void make(struct made *d, const char *charset, const struct made *issuer,
		 const char *institution, const char *name)
{
	*d = (struct made){0};
	put(d, 8, 5, "CS", charset);
	put(d, 8, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.88.11");
	put(d, 8, 0x18, "UI", "1.2.3");
	if (issuer != NULL)
		put_item(d, 8, 0x51, issuer);
	put(d, 8, 0x80, "LO", institution);
	put(d, 0x10, 0x10, "PN", name);
	put(d, 0x20, 0xd, "UI", "1.2.4");
	put(d, 0x20, 0xe, "UI", "1.2.5");
}

static void items_have_their_own(void **state)
{
	struct made d, own = {0}, inherits = {0}, code = {0}, content = {0};
	struct df_object o = {d.b, 0, DF_TS_EXPLICIT_LE};
	struct df_facts f;
	struct df_report_view v;

	(void)state;
	put(&own, 8, 5, "CS", "ISO_IR 192");
	put(&own, 0x40, 0x31, "UT", "\xe5\xbc\xa0");
	make(&d, "GB18030", &own, "x", "\xd5\xc5^\xc8\xfd");
	o.len = d.n;
	assert_int_equal(df_object_facts(&o, &f, NULL), DF_OK);
	assert_string_equal(f.accession_issuer, "张");
	assert_string_equal(f.patient_name, "张^三");
	put(&inherits, 0x40, 0x31, "UT", "\xd5\xc5");
	make(&d, "GB18030", &inherits, "x", "\xd5\xc5^\xc8\xfd");
	o.len = d.n;
	assert_int_equal(df_object_facts(&o, &f, NULL), DF_OK);
	assert_string_equal(f.accession_issuer, "张");
	/* a report whose content item has a set of its own, and whose code
	 * within that item has none */
	put(&code, 8, 0x104, "LO", "\xe6\x89\x80\xe8\xa7\x81");
	put(&content, 8, 5, "CS", "ISO_IR 192");
	put(&content, 0x40, 0xa040, "CS", "TEXT");
	put_item(&content, 0x40, 0xa043, &code);
	put(&content, 0x40, 0xa160, "UT", "\xe8\x83\xb8\xe9\x83\xa8");
	put(&d, 0x40, 0xa040, "CS", "CONTAINER");
	put_item(&d, 0x40, 0xa730, &content);
	o.len = d.n;
	assert_int_equal(df_object_report(&o, 4096, &v, NULL), DF_OK);
	assert_memory_equal(v.body.ptr, "  所见: 胸部\n", v.body.len);
	df_report_view_release(&v);
}

/* Two bytes of a name may be é and F, or 镕: the institution decides. */
static void texts_speak_for_each_other(void **state)
{
	struct made d;
	struct df_object o = {d.b, 0, DF_TS_EXPLICIT_LE};
	struct df_facts f;

	(void)state;
	make(&d, "ISO_IR 100", NULL,
	     "\xc7\xc5\xcd\xb7\xd5\xf2\xce\xc0\xc9\xfa"
	     "\xd4\xba",
	     "\xe9\x46");
	o.len = d.n;
	assert_int_equal(df_object_facts(&o, &f, NULL), DF_OK);
	assert_string_equal(f.institution, "桥头镇卫生院");
	assert_string_equal(f.patient_name, "镕");
	assert_string_equal(f.name_basis, "guessed gb18030");
	assert_string_equal(f.text_basis, "guessed gb18030");
	make(&d, "ISO_IR 100", NULL, "H\xf4pital", "\xe9\x46");
	o.len = d.n;
	assert_int_equal(df_object_facts(&o, &f, NULL), DF_OK);
	assert_string_equal(f.patient_name, "éF");
	assert_string_equal(f.name_basis, "declared");
	/* the name is sure although another text is not */
	make(&d, "ISO_IR 100", NULL, "\xc7\xc5\xcd\xb7\xd5\xf2", "Li^Bing");
	o.len = d.n;
	assert_int_equal(df_object_facts(&o, &f, NULL), DF_OK);
	assert_string_equal(f.name_basis, "ascii");
	assert_string_equal(f.text_basis, "guessed gb18030");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_files),
		cmocka_unit_test(examples_of_the_standard),
		cmocka_unit_test(items_have_their_own),
		cmocka_unit_test(texts_speak_for_each_other),
	};

	if (df_object_init(NULL) != DF_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
