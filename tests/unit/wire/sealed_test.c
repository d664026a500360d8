/* sealed_test.c - CORE, header blocks and geometry of the sealed form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "df/sealed.h"

static struct df_sealed_core sample(void)
{
	struct df_sealed_core c = {.content = DF_SEALED_PARCEL,
				   .suite = DF_SUITE_AES256GCM,
				   .chunk_log2 = 18,
				   .epoch = 7,
				   .sequence = 1ull << 40,
				   .created_ms = 1795312800000};

	memset(c.id, 0xa1, sizeof c.id);
	memset(c.sender.b, 0xb2, 32);
	memset(c.previous.b, 0xc3, 32);
	memset(c.commitment.b, 0xd4, 32);
	return c;
}

static void core_round_trip(void **state)
{
	struct df_sealed_core c = sample(), back;
	uint8_t b[DF_SEALED_CORE_LEN];

	(void)state;
	df_sealed_core_encode(b, &c);
	assert_memory_equal(b, "DFENV\r\n\x1a\0\1\0\1\x12\1\0\0", 16);
	assert_int_equal(b[DF_SEALED_COMMIT_AT], 0xd4);
	assert_int_equal(df_sealed_core_decode(&back, b, NULL), DF_OK);
	assert_int_equal(back.content, c.content);
	assert_int_equal(back.chunk_log2, 18);
	assert_int_equal(back.epoch, 7);
	assert_int_equal(back.sequence, 1ull << 40);
	assert_int_equal(back.created_ms, c.created_ms);
	assert_memory_equal(back.id, c.id, 16);
	assert_true(df_digest_same(&back.sender, &c.sender));
	assert_true(df_digest_same(&back.previous, &c.previous));
	assert_true(df_digest_same(&back.commitment, &c.commitment));
	c.chunk_log2 = 0; /* the default */
	df_sealed_core_encode(b, &c);
	assert_int_equal(b[12], DF_SEALED_CHUNK_LOG2);
}

static void core_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		enum df_err want;
	} rows[] = {
		{0, 'd', DF_E_FORMAT},	 {7, 0x1b, DF_E_FORMAT},
		{9, 0, DF_E_FORMAT},	 {9, 2, DF_E_FORMAT},
		{8, 1, DF_E_FORMAT},	 {11, 0, DF_E_SUITE},
		{10, 1, DF_E_SUITE},	 {11, 2, DF_E_SUITE},
		{12, 15, DF_E_FORMAT},	 {12, 21, DF_E_FORMAT},
		{12, 255, DF_E_FORMAT},	 {13, 0, DF_E_FORMAT},
		{13, 5, DF_E_FORMAT},	 {14, 1, DF_E_FORMAT},
		{15, 0x80, DF_E_FORMAT}, {48, 0x80, DF_E_FORMAT},
	};
	struct df_sealed_core c = sample(), back;
	uint8_t b[DF_SEALED_CORE_LEN];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		df_sealed_core_encode(b, &c);
		b[rows[i].at] = rows[i].value;
		assert_int_equal(df_sealed_core_decode(&back, b, NULL),
				 rows[i].want);
	}
}

static size_t head(uint8_t *b, uint32_t r, uint32_t s, bool rest)
{
	struct df_sealed_core c = sample();
	size_t n = DF_SEALED_CORE_LEN;

	c.content = rest ? DF_SEALED_REST : DF_SEALED_REPORT;
	df_sealed_core_encode(b, &c);
	df_put_u32(b + n, r);
	n += 4 + r + DF_SEALED_MAC_LEN;
	if (rest)
		return n;
	df_put_u32(b + n, s);
	return n + 4 + s;
}

static void heads(void **state)
{
	static uint8_t b[DF_SEALED_HEAD_MAX + 8];
	struct df_sealed_head h;
	size_t n, i;

	(void)state;
	n = head(b, 300, 500, false);
	for (i = 0; i < n; i++) {
		assert_int_equal(df_sealed_head_decode(&h, b, i, NULL),
				 DF_E_AGAIN);
		assert_true(h.need > i && h.need <= n);
	}
	assert_int_equal(df_sealed_head_decode(&h, b, n + 8, NULL), DF_OK);
	assert_int_equal(h.head_len, n);
	assert_ptr_equal(h.recipients, b + 156);
	assert_int_equal(h.recipients_len, 300);
	assert_ptr_equal(h.mac, b + 456);
	assert_ptr_equal(h.signature, b + 492);
	assert_int_equal(h.signature_len, 500);
	n = head(b, 40, 0, true);
	assert_int_equal(n, DF_SEALED_REST_LEN);
	assert_int_equal(df_sealed_head_decode(&h, b, n, NULL), DF_OK);
	assert_null(h.signature);
	assert_int_equal(h.head_len, n);
	n = head(b, DF_SEALED_RECIPIENTS_MAX, DF_SEALED_SIGNATURE_MAX, false);
	assert_int_equal(n, DF_SEALED_HEAD_MAX);
	assert_int_equal(df_sealed_head_decode(&h, b, n, NULL), DF_OK);
	/* lengths that are refused at once, before more bytes are asked for */
	head(b, 41, 0, true);
	assert_int_equal(df_sealed_head_decode(&h, b, 156, NULL), DF_E_FORMAT);
	head(b, 0, 0, false);
	assert_int_equal(df_sealed_head_decode(&h, b, 156, NULL), DF_E_FORMAT);
	head(b, 300, 0, false);
	assert_int_equal(df_sealed_head_decode(&h, b, 492, NULL), DF_E_FORMAT);
	df_put_u32(b + 152, DF_SEALED_RECIPIENTS_MAX + 1);
	assert_int_equal(df_sealed_head_decode(&h, b, 156, NULL), DF_E_FORMAT);
	head(b, 300, 0, false);
	df_put_u32(b + 488, DF_SEALED_SIGNATURE_MAX + 1);
	assert_int_equal(df_sealed_head_decode(&h, b, 492, NULL), DF_E_FORMAT);
}

static void geometry(void **state)
{
	static const struct {
		uint8_t log2;
		uint64_t plain, payload;
	} rows[] = {
		{16, 0, 16},
		{16, 1, 17},
		{16, 65535, 65551},
		{16, 65536, 65552},
		{16, 65537, 65569},
		{16, 131072, 131104},
		{18, 530000, 530048},
		{20, 1ull << 32, (1ull << 32) + 4096 * 16},
	};
	uint64_t back;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(
			df_sealed_payload_len(rows[i].log2, rows[i].plain),
			rows[i].payload);
		assert_true(df_sealed_plain_len(rows[i].log2, rows[i].payload,
						&back));
		assert_int_equal(back, rows[i].plain);
	}
	assert_false(df_sealed_plain_len(16, 0, &back));
	assert_false(df_sealed_plain_len(16, 15, &back));
	assert_false(df_sealed_plain_len(16, 65552 + 15, &back));
	assert_false(df_sealed_plain_len(16, 65552 + 16, &back));
	assert_true(df_sealed_plain_len(16, 65552 + 17, &back));
	assert_int_equal(df_sealed_size(228, 16, 0), 244);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(core_round_trip),
		cmocka_unit_test(core_refused),
		cmocka_unit_test(heads),
		cmocka_unit_test(geometry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
