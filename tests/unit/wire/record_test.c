/* record_test.c - frames, instance headers, contents: one meaning, one text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "df/record.h"

static struct df_record_instance sample(void)
{
	struct df_record_instance r = {
		.sop_class = "1.2.840.10008.5.1.4.1.1.2",
		.sop_instance = "1.2.3.4",
		.transfer_syntax = "1.2.840.10008.1.2.4.80",
		.coding = "jpeg-ls",
		.size_bytes = 526336,
		.received_ms = 1795312800123,
		.called_ae = "CLINIC",
		.calling_ae = "CT SCANNER 1",
	};

	memset(r.digest.b, 0x11, 32);
	memset(r.body_digest.b, 0x22, 32);
	df_id_new(&r.association);
	return r;
}

static struct df_text text(const struct df_buf *b)
{
	return (struct df_text){(const char *)b->ptr, b->len};
}

static void frames(void **state)
{
	struct df_record_frame f = {DF_RECORD_BODY, 4096, 1ull << 40}, back;
	uint8_t b[DF_RECORD_FRAME_LEN], bad[DF_RECORD_FRAME_LEN];
	int i;

	(void)state;
	df_record_frame_encode(b, &f);
	assert_int_equal(df_record_frame_decode(&back, b, NULL), DF_OK);
	assert_int_equal(back.type, f.type);
	assert_int_equal(back.header_len, 4096);
	assert_int_equal(back.body_len, 1ull << 40);
	for (i = 1; i < 4; i++) { /* flags and reserved */
		memcpy(bad, b, sizeof b);
		bad[i] = 1;
		assert_int_equal(df_record_frame_decode(&back, bad, NULL),
				 DF_E_FORMAT);
	}
	memcpy(bad, b, sizeof b);
	bad[0] = 0;
	assert_int_equal(df_record_frame_decode(&back, bad, NULL), DF_E_FORMAT);
	bad[0] = 7;
	assert_int_equal(df_record_frame_decode(&back, bad, NULL), DF_E_FORMAT);
	bad[0] = DF_RECORD_CONTENTS; /* has its own, smaller limit */
	assert_int_equal(df_record_frame_decode(&back, bad, NULL), DF_E_LIMIT);
	memcpy(bad, b, sizeof b);
	bad[15] = 1; /* one byte longer than the longest */
	assert_int_equal(df_record_frame_decode(&back, bad, NULL), DF_E_LIMIT);
	memcpy(bad, b, sizeof b);
	bad[7] = 1;
	assert_int_equal(df_record_frame_decode(&back, bad, NULL), DF_E_LIMIT);
}

static void instance(void **state)
{
	struct df_record_instance r = sample(), back;
	struct df_buf b;

	(void)state;
	df_buf_init(&b, DF_RECORD_HEADER_MAX);
	assert_int_equal(df_record_instance_encode(&b, &r, NULL), DF_OK);
	assert_int_equal(df_record_instance_decode(&back, text(&b), NULL),
			 DF_OK);
	assert_memory_equal(&back, &r, sizeof r);
	df_buf_clear(&b);
	r.called_ae[0] = r.association.s[0] = '\0';
	memset(&r.association, 0, sizeof r.association);
	memset(r.called_ae, 0, sizeof r.called_ae);
	assert_int_equal(df_record_instance_encode(&b, &r, NULL), DF_OK);
	assert_int_equal(df_record_instance_decode(&back, text(&b), NULL),
			 DF_OK);
	assert_memory_equal(&back, &r, sizeof r);
	df_buf_release(&b);
}

static void instance_refused(void **state)
{
	struct df_record_instance r = sample(), back;
	struct df_buf b;
	size_t i;

	(void)state;
	df_buf_init(&b, DF_RECORD_HEADER_MAX);
	strcpy(r.sop_instance, "1..2");
	assert_int_equal(df_record_instance_encode(&b, &r, NULL), DF_E_FORMAT);
	r = sample();
	strcpy(r.coding, "Zstd");
	assert_int_equal(df_record_instance_encode(&b, &r, NULL), DF_E_FORMAT);
	strcpy(r.coding, "predict+zstd");
	assert_int_equal(df_record_instance_encode(&b, &r, NULL), DF_OK);
	df_buf_clear(&b);
	r = sample();
	strcpy(r.calling_ae, "A\n");
	assert_int_equal(df_record_instance_encode(&b, &r, NULL), DF_E_FORMAT);
	r = sample();
	assert_int_equal(df_record_instance_encode(&b, &r, NULL), DF_OK);
	for (i = 0; i < b.len; i++) /* every truncation */
		assert_int_not_equal(
			df_record_instance_decode(
				&back, (struct df_text){(const char *)b.ptr, i},
				NULL),
			DF_OK);
	assert_int_equal(df_buf_add(&b, "x: y\n", 5, NULL), DF_OK);
	assert_int_equal(df_record_instance_decode(&back, text(&b), NULL),
			 DF_E_FORMAT);
	b.len -= 5;
	b.ptr[b.len - 1] = '\0';
	assert_int_equal(df_record_instance_decode(&back, text(&b), NULL),
			 DF_E_FORMAT);
	df_buf_release(&b);
}

/* Other spellings of numbers and digests are other texts. */
static void not_canonical(void **state)
{
	static const char *const from[] = {"size: 526336", "digest: 11",
					   "digest: 1111"};
	static const char *const to[] = {"size: 0526336", "digest: 0x",
					 "digest: AAaa"};
	struct df_record_instance r = sample(), back;
	struct df_buf b;
	size_t i;

	(void)state;
	memset(r.digest.b, 0x11, 32);
	df_buf_init(&b, DF_RECORD_HEADER_MAX);
	for (i = 0; i < 3; i++) {
		char copy[DF_RECORD_HEADER_MAX], *at;
		size_t n = strlen(from[i]), m = strlen(to[i]), rest;

		df_buf_clear(&b);
		assert_int_equal(df_record_instance_encode(&b, &r, NULL),
				 DF_OK);
		memcpy(copy, b.ptr, b.len);
		copy[b.len] = '\0';
		at = strstr(copy, from[i]);
		assert_non_null(at);
		rest = strlen(at) - n;
		memmove(at + m, at + n, rest + 1);
		memcpy(at, to[i], m);
		assert_int_equal(df_record_instance_decode(
					 &back, df_text_of(copy), NULL),
				 DF_E_FORMAT);
	}
	df_buf_release(&b);
}

static void add(struct df_record_contents *c, const char *name, uint64_t at)
{
	struct df_record_entry e = {.offset = at};

	strcpy(e.name, name);
	memset(e.digest.b, (int)at, 32);
	assert_int_equal(df_record_contents_add(c, &e, NULL), DF_OK);
}

static enum df_err reread(struct df_record_contents *back,
			  const struct df_buf *b)
{
	struct df_record_frame f;

	assert_int_equal(df_record_frame_decode(&f, b->ptr, NULL), DF_OK);
	assert_int_equal(b->len,
			 DF_RECORD_FRAME_LEN + f.header_len + f.body_len);
	return df_record_contents_decode(
		back,
		(struct df_text){(const char *)b->ptr + DF_RECORD_FRAME_LEN,
				 f.header_len},
		b->ptr + DF_RECORD_FRAME_LEN + f.header_len, (size_t)f.body_len,
		NULL);
}

static void contents(void **state)
{
	struct df_record_contents c = {0}, back = {0};
	struct df_record_entry e = {0};
	struct df_buf b;
	size_t i;

	(void)state;
	df_buf_init(&b, 1 << 21);
	assert_int_equal(df_record_contents_encode(&b, &c, NULL), DF_OK);
	assert_int_equal(reread(&back, &b), DF_OK); /* an empty one */
	assert_int_equal(back.count, 0);
	add(&c, "1.2.3", 0);
	add(&c, "1.2.4", 1000);
	df_buf_clear(&b);
	assert_int_equal(df_record_contents_encode(&b, &c, NULL), DF_OK);
	assert_int_equal(reread(&back, &b), DF_OK);
	assert_int_equal(back.count, 2);
	assert_string_equal(back.entries[1].name, "1.2.4");
	assert_int_equal(back.entries[1].offset, 1000);
	df_record_contents_release(&back);
	for (i = b.len - 40; i < b.len; i++) { /* in the list: the digest */
		b.ptr[i] ^= 1;
		assert_int_equal(reread(&back, &b), DF_E_MANIFEST);
		b.ptr[i] ^= 1;
	}
	add(&c, "1.2.5", 1000); /* offsets rise */
	df_buf_clear(&b);
	assert_int_equal(df_record_contents_encode(&b, &c, NULL), DF_OK);
	assert_int_equal(reread(&back, &b), DF_E_FORMAT);
	assert_null(back.entries);
	strcpy(e.name, "../etc");
	assert_int_equal(df_record_contents_add(&c, &e, NULL), DF_E_FORMAT);
	strcpy(e.name, "statement");
	assert_int_equal(df_record_contents_add(&c, &e, NULL), DF_OK);
	while (c.count < DF_RECORD_ENTRIES_MAX)
		add(&c, "1.2.3", c.count + 2000);
	assert_int_equal(df_record_contents_add(&c, &e, NULL), DF_E_LIMIT);
	df_record_contents_release(&c);
	df_record_contents_release(&c);
	df_buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames),
		cmocka_unit_test(instance),
		cmocka_unit_test(instance_refused),
		cmocka_unit_test(not_canonical),
		cmocka_unit_test(contents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
