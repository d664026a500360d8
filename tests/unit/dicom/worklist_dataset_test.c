/*
 * worklist_dataset_test.c - what modalities ask and get: layouts, lengths that
 * nobody wrote, and characters whose second byte is a delimiter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "df/charset.h"
#include "df/worklist_dataset.h"

static struct df_worklist_query q;

#define LOAD(bytes, explicit_vr)                                             \
	df_worklist_query_decode(&q, (const uint8_t *)(bytes),               \
				 sizeof(bytes) - 1, explicit_vr, NULL)

static void is_key(enum df_worklist_field f, const char *value)
{
	assert_true(q.keys.has[f]);
	assert_true(df_text_eq(q.keys.v[f], value));
}

/* Undefined lengths, group lengths, codes inside sequences, unknown tags. */
static void as_consoles_ask(void **state)
{
	static const char bytes[] =
		"\x08\x00\x00\x00\x04\0\0\0\x10\0\0\0"	/* group length */
		"\x08\x00\x05\x00\x08\0\0\0GB18030 "
		"\x08\x00\x10\x11\xff\xff\xff\xff"	/* referenced study */
		"\xfe\xff\x00\xe0\xff\xff\xff\xff"
		"\x08\x00\x50\x11\x00\0\0\0"
		"\xfe\xff\x0d\xe0\0\0\0\0"
		"\xfe\xff\xdd\xe0\0\0\0\0"
		"\x10\x00\x10\x00\x06\0\0\0\xb3\xc2*\0  " /* 陈*, badly padded */
		"\x10\x00\x20\x00\x00\0\0\0"
		"\x40\x00\x00\x01\xff\xff\xff\xff"
		"\xfe\xff\x00\xe0\xff\xff\xff\xff"
		"\x08\x00\x60\x00\x02\0\0\0CT"
		"\x40\x00\x01\x00\x06\0\0\0CT_1  "
		"\x40\x00\x02\x00\x08\0\0\0" "20261122"
		"\x40\x00\x08\x00\xff\xff\xff\xff"	/* protocol code */
		"\xfe\xff\xdd\xe0\0\0\0\0"
		"\xfe\xff\x0d\xe0\0\0\0\0"
		"\xfe\xff\xdd\xe0\0\0\0\0"
		"\x40\x00\x01\x10\x00\0\0\0";

	(void)state;
	assert_int_equal(LOAD(bytes, false), DF_OK);
	assert_string_equal(q.charset, "GB18030");
	is_key(DF_WORKLIST_PATIENT_NAME, "陈*");
	is_key(DF_WORKLIST_PATIENT_ID, "");
	is_key(DF_WORKLIST_MODALITY, "CT");
	is_key(DF_WORKLIST_STATION_AE, "CT_1");
	is_key(DF_WORKLIST_STEP_DATE, "20261122");
	assert_true(q.keys.has[DF_WORKLIST_PROTOCOL_CODE]);
	assert_true(q.keys.has[DF_WORKLIST_REFERENCED_STUDY]);
	assert_true(q.keys.has[DF_WORKLIST_PROCEDURE_ID]);
	assert_false(q.keys.has[DF_WORKLIST_STEP_TIME]);
	assert_false(q.others);
	for (size_t cut = 0; cut < sizeof bytes - 1; cut++) {
		uint8_t *part = malloc(cut + 1);

		memcpy(part, bytes, cut);
		/* whatever it says, it stays inside */
		for (int explicit_vr = 0; explicit_vr < 2; explicit_vr++)
			if (df_worklist_query_decode(&q, part, cut, explicit_vr,
						     NULL) == DF_OK)
				assert_true(cut < sizeof bytes - 1);
		free(part);
	}
}

/* A sequence without keys asks for all of it. */
static void whole_step(void **state)
{
	(void)state;
	assert_int_equal(LOAD("\x40\x00\x00\x01SQ\0\0\0\0\0\0", true), DF_OK);
	for (unsigned i = 0; i < DF_WORKLIST_COUNT; i++)
		assert_int_equal(q.keys.has[i],
				 i >= DF_WORKLIST_STEP_FIRST &&
					 i <= DF_WORKLIST_STEP_LAST);
	assert_int_equal(LOAD("\x40\x00\x00\x01SQ\0\0\x08\0\0\0"
			      "\xfe\xff\x00\xe0\0\0\0\0", true),
			 DF_OK);
	assert_true(q.keys.has[DF_WORKLIST_STATION_AE]);
}

static void what_is_wrong(void **state)
{
	static char big[1024];

	(void)state;
	/* a key that is not known is told, but not one without a value */
	assert_int_equal(LOAD("\x10\x00\x00\x40\0\0\0\0", false), DF_OK);
	assert_false(q.others);
	assert_int_equal(LOAD("\x10\x00\x00\x40\x02\0\0\0xx", false), DF_OK);
	assert_true(q.others);
	/* two items, an element of no length, a key without end */
	assert_int_equal(LOAD("\x40\x00\x00\x01\x10\0\0\0"
			      "\xfe\xff\x00\xe0\0\0\0\0"
			      "\xfe\xff\x00\xe0\0\0\0\0", false),
			 DF_E_FORMAT);
	assert_int_equal(LOAD("\x10\x00\x10\x00\xff\xff\xff\xff", false),
			 DF_E_FORMAT);
	memcpy(big, "\x10\x00\x20\x00\xf8\x03\0\0", 8);
	memset(big + 8, 'a', sizeof big - 8);
	assert_int_equal(df_worklist_query_decode(&q, (uint8_t *)big,
						  sizeof big, false, NULL),
			 DF_E_FORMAT);
}

static void put(struct df_worklist_item *item, enum df_worklist_field f,
		const char *value)
{
	item->has[f] = true;
	item->v[f] = df_text_of(value);
}

static bool holds(const struct df_buf *b, const char *bytes, size_t len)
{
	return memmem(b->ptr, b->len, bytes, len) != NULL;
}

/* The bytes of a name, and the character set that is declared. */
static void said(const char *name, enum df_worklist_charset charset,
		 const char *declared, const char *bytes)
{
	static struct df_worklist_query back;
	struct df_worklist_item item = {0};
	struct df_buf out;

	for (int explicit_vr = 0; explicit_vr < 2; explicit_vr++) {
		put(&item, DF_WORKLIST_PATIENT_NAME, name);
		put(&item, DF_WORKLIST_STEP_DESCRIPTION, name);
		df_buf_init(&out, DF_WORKLIST_DATASET_MAX);
		assert_int_equal(df_worklist_item_encode(&out, &q, &item,
							 charset, explicit_vr,
							 NULL),
				 DF_OK);
		assert_int_equal(out.len % 2, 0);
		assert_true(holds(&out, bytes, strlen(bytes)));
		assert_int_equal(df_worklist_query_decode(&back, out.ptr,
							  out.len, explicit_vr,
							  NULL),
				 DF_OK);
		assert_string_equal(back.charset, declared);
		assert_true(df_text_eq(back.keys.v[DF_WORKLIST_PATIENT_NAME],
				       name));
		assert_true(df_text_eq(
			back.keys.v[DF_WORKLIST_STEP_DESCRIPTION], name));
		df_buf_release(&out);
	}
}

static void character_sets(void **state)
{
	(void)state;
	assert_int_equal(LOAD("\x10\x00\x10\x00\0\0\0\0"
			      "\x40\x00\x00\x01\0\0\0\0", false),
			 DF_OK);
	said("Wang^Li", DF_WORKLIST_GB18030, "", "Wang^Li");
	said("张^三", DF_WORKLIST_AUTO, "ISO_IR 192", "张^三");
	said("张^三", DF_WORKLIST_GB18030, "GB18030", "\xd5\xc5^\xc8\xfd");
	said("张^三", DF_WORKLIST_GBK, "GBK", "\xd5\xc5^\xc8\xfd");
	/* second bytes 0x5C and 0x5E: 誠 is D55C, 昢 is 955E */
	said("Cheng^X=誠^昢", DF_WORKLIST_GBK, "GBK", "=\xd5\x5c^\x95\x5e");
	said("Cheng^X=誠^昢", DF_WORKLIST_GB18030, "GB18030",
	     "=\xd5\x5c^\x95\x5e");
	/* what GBK cannot say goes in GB18030, in four bytes */
	said("王^𬀩", DF_WORKLIST_GBK, "GB18030", "^\x99\x31\x87\x39");
	/* as the question's own set says */
	assert_int_equal(LOAD("\x08\x00\x05\x00\x04\0\0\0GBK "
			      "\x10\x00\x10\x00\0\0\0\0"
			      "\x40\x00\x00\x01\0\0\0\0", false),
			 DF_OK);
	said("张^三", DF_WORKLIST_AUTO, "GBK", "\xd5\xc5^\xc8\xfd");
	said("张^三", DF_WORKLIST_UTF8, "ISO_IR 192", "张^三");
}

/* Every character of GBK whose second byte is a backslash or a caret. */
static void delimiters_as_second_bytes(void **state)
{
	static struct df_worklist_query back;
	unsigned tried = 0;

	(void)state;
	assert_int_equal(LOAD("\x10\x00\x10\x00\0\0\0\0"
			      "\x40\x00\x00\x01\0\0\0\0", false),
			 DF_OK);
	for (unsigned lead = 0x81; lead <= 0xfe; lead++)
		for (unsigned second = 0x5c; second <= 0x5e; second += 2) {
			char raw[2] = {(char)lead, (char)second};
			struct df_worklist_item item = {0};
			char one[16], name[64];
			struct df_buf out;

			if (df_charset_decode(one, sizeof one,
					      (struct df_text){raw, 2},
					      "GB18030",
					      false) != DF_TEXT_DECLARED)
				continue; /* no such character */
			df_str_fmt(name, sizeof name, "X^Y=%s^%s", one, one);
			put(&item, DF_WORKLIST_PATIENT_NAME, name);
			df_buf_init(&out, DF_WORKLIST_DATASET_MAX);
			assert_int_equal(
				df_worklist_item_encode(&out, &q, &item,
							DF_WORKLIST_GB18030,
							false, NULL),
				DF_OK);
			assert_int_equal(df_worklist_query_decode(
						 &back, out.ptr, out.len,
						 false, NULL),
					 DF_OK);
			assert_true(df_text_eq(
				back.keys.v[DF_WORKLIST_PATIENT_NAME], name));
			df_buf_release(&out);
			tried++;
		}
	assert_in_range(tried, 200, 252);
}

static void numbers_and_emptiness(void **state)
{
	struct df_worklist_item item = {0};
	struct df_buf out;

	(void)state;
	assert_int_equal(LOAD("\x10\x00\xc0\x21\0\0\0\0" /* pregnancy */
			      "\x32\x00\x64\x10\0\0\0\0", false),
			 DF_OK);
	df_buf_init(&out, DF_WORKLIST_DATASET_MAX);
	assert_int_equal(df_worklist_item_encode(&out, &q, &item,
						 DF_WORKLIST_AUTO, true, NULL),
			 DF_OK);
	/* what is not known is there, and empty */
	assert_int_equal(out.len, 8 + 12);
	put(&item, DF_WORKLIST_PREGNANCY_STATUS, "4");
	df_buf_clear(&out);
	assert_int_equal(df_worklist_item_encode(&out, &q, &item,
						 DF_WORKLIST_AUTO, true, NULL),
			 DF_OK);
	assert_true(holds(&out, "\x10\x00\xc0\x21US\x02\0\x04\0", 10));
	/* what no person typed does not leave either */
	put(&item, DF_WORKLIST_PATIENT_NAME, "\xd5\xc5");
	assert_int_equal(df_worklist_item_encode(&out, &q, &item,
						 DF_WORKLIST_AUTO, true, NULL),
			 DF_E_FORMAT);
	df_buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_consoles_ask),
		cmocka_unit_test(whole_step),
		cmocka_unit_test(what_is_wrong),
		cmocka_unit_test(character_sets),
		cmocka_unit_test(delimiters_as_second_bytes),
		cmocka_unit_test(numbers_and_emptiness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
