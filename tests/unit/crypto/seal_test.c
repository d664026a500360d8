/* seal_test.c - the chunked payload: sizes, pieces, places, and attacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../../lib/parcel.h"

#define CHUNK 65536u
#define WHOLE (CHUNK + 16)

static struct df_cek cek = {{3, 1, 4}};

static void core_of(uint8_t core[DF_SEALED_CORE_LEN])
{
	struct df_sealed_core c = {.content = DF_SEALED_REST,
				   .suite = DF_SUITE_AES256GCM,
				   .chunk_log2 = 16};

	df_random(c.id, sizeof c.id);
	df_sealed_core_encode(core, &c);
	df_seal_commit(core, &cek);
}

static uint8_t *noise(size_t len)
{
	uint8_t *p = malloc(len + 1);

	assert_non_null(p);
	if (len > 0)
		df_random(p, len);
	return p;
}

/* Seals in pieces of `step` bytes. */
static void seal(struct df_buf *out, const uint8_t *core, const uint8_t *plain,
		 size_t len, size_t step)
{
	struct df_sealer s = {0};
	size_t at, n;

	assert_int_equal(df_seal_init(&s, core, &cek, parcel_sink, out, NULL),
			 DF_OK);
	for (at = 0; at < len; at += n) {
		n = len - at < step ? len - at : step;
		assert_int_equal(df_seal_update(&s, plain + at, n, NULL),
				 DF_OK);
	}
	assert_int_equal(df_seal_finish(&s, NULL), DF_OK);
	df_seal_release(&s);
	df_seal_release(&s);
}

static enum df_err open_all(struct df_buf *out, const uint8_t *core,
			    const uint8_t *ptr, size_t len, size_t step)
{
	struct df_opener o = {0};
	enum df_err rc;
	size_t at, n;

	df_buf_clear(out);
	rc = df_open_init(&o, core, &cek, parcel_sink, out, NULL);
	for (at = 0; rc == DF_OK && at < len; at += n) {
		n = len - at < step ? len - at : step;
		rc = df_open_update(&o, ptr + at, n, NULL);
	}
	if (rc == DF_OK)
		rc = df_open_finish(&o, NULL);
	df_open_release(&o);
	return rc;
}

struct bytes {
	const uint8_t *ptr;
	size_t len;
};

static enum df_err read_bytes(void *ctx, uint64_t offset, void *ptr, size_t len,
			      struct df_why *why)
{
	const struct bytes *b = ctx;

	if (offset + len > b->len)
		return df_fail(why, DF_E_TRUNC, "past the end");
	memcpy(ptr, b->ptr + offset, len);
	return DF_OK;
}

static enum df_err read_all(const uint8_t *core, const uint8_t *ptr, size_t len,
			    uint8_t *to, size_t *n)
{
	struct bytes b = {ptr, len};
	struct df_reader r = {0};
	enum df_err rc;

	rc = df_reader_init(&r, core, &cek, len, read_bytes, &b, NULL);
	*n = 0;
	if (rc == DF_OK) {
		*n = (size_t)df_reader_size(&r);
		rc = df_reader_read(&r, 0, to, *n, NULL);
	}
	df_reader_release(&r);
	return rc;
}

static void sizes(void **state)
{
	static const size_t lens[] = {0,	 1,	    100,
				      CHUNK - 1, CHUNK,	    CHUNK + 1,
				      2 * CHUNK, 3 * CHUNK, 3 * CHUNK + 7};
	static const size_t steps[] = {1000, CHUNK, WHOLE, 1 << 20};
	uint8_t core[DF_SEALED_CORE_LEN];
	struct df_buf sealed, plain;
	size_t i, k, n;

	(void)state;
	core_of(core);
	df_buf_init(&sealed, 1 << 20);
	df_buf_init(&plain, 1 << 20);
	for (i = 0; i < sizeof lens / sizeof lens[0]; i++)
		for (k = 0; k < sizeof steps / sizeof steps[0]; k++) {
			uint8_t *p = noise(lens[i]), *q = noise(lens[i]);
			uint64_t back;

			df_buf_clear(&sealed);
			seal(&sealed, core, p, lens[i], steps[k]);
			assert_int_equal(sealed.len,
					 df_sealed_payload_len(16, lens[i]));
			assert_true(df_sealed_plain_len(16, sealed.len, &back));
			assert_int_equal(back, lens[i]);
			assert_int_equal(open_all(&plain, core, sealed.ptr,
						  sealed.len, steps[3 - k]),
					 DF_OK);
			assert_int_equal(plain.len, lens[i]);
			if (lens[i] > 0)
				assert_memory_equal(plain.ptr, p, lens[i]);
			assert_int_equal(
				read_all(core, sealed.ptr, sealed.len, q, &n),
				DF_OK);
			assert_int_equal(n, lens[i]);
			assert_memory_equal(q, p, n);
			free(p);
			free(q);
		}
	df_buf_release(&sealed);
	df_buf_release(&plain);
}

static void any_place(void **state)
{
	size_t len = 3 * CHUNK + 77, i;
	uint8_t core[DF_SEALED_CORE_LEN], *p = noise(len), *q = noise(len);
	struct df_reader r = {0};
	struct df_buf sealed;
	struct bytes b;

	(void)state;
	core_of(core);
	df_buf_init(&sealed, 1 << 20);
	seal(&sealed, core, p, len, len);
	b = (struct bytes){sealed.ptr, sealed.len};
	assert_int_equal(df_reader_init(&r, core, &cek, sealed.len, read_bytes,
					&b, NULL),
			 DF_OK);
	for (i = 0; i < 2000; i++) {
		uint32_t raw[2];
		size_t at, n;

		df_random(raw, sizeof raw);
		at = raw[0] % (len + 1);
		n = raw[1] % (len - at + 1);
		if (i % 2)
			n = n % 100;
		assert_int_equal(df_reader_read(&r, at, q, n, NULL), DF_OK);
		assert_memory_equal(q, p + at, n);
	}
	assert_int_equal(df_reader_read(&r, len, q, 1, NULL), DF_E_TRUNC);
	assert_int_equal(df_reader_read(&r, UINT64_MAX, q, 2, NULL),
			 DF_E_TRUNC);
	/* damage in the middle is found when it is read, not before */
	sealed.ptr[WHOLE + 5] ^= 1;
	df_reader_release(&r);
	assert_int_equal(df_reader_init(&r, core, &cek, sealed.len, read_bytes,
					&b, NULL),
			 DF_OK);
	assert_int_equal(df_reader_read(&r, 0, q, CHUNK, NULL), DF_OK);
	assert_int_equal(df_reader_read(&r, CHUNK, q, 1, NULL), DF_E_CHUNK);
	/* and nothing of it stays where it was to go */
	assert_int_equal(df_reader_read(&r, CHUNK, q, CHUNK, NULL),
			 DF_E_CHUNK);
	for (i = 0; i < CHUNK; i++)
		assert_int_equal(q[i], 0);
	df_reader_release(&r);
	df_buf_release(&sealed);
	free(p);
	free(q);
}

/* Each attack makes other bytes of a stream of three chunks and a bit. */
enum attack {
	SWAP,
	DROP_FIRST,
	DROP_MIDDLE,
	DROP_LAST,
	DUPLICATE,
	REPEAT_LAST,
	APPEND_BYTE,
	APPEND_CHUNK,
	FOREIGN,
	FOREIGN_LAST,
	CUT_IN_CHUNK,
	CUT_TO_TAG,
	EMPTY,
	ATTACKS
};
static const struct {
	enum df_err want;
	size_t most; /* plaintext bytes that may have been released */
} EXPECT[ATTACKS] = {
	[SWAP] = {DF_E_CHUNK, 0},
	[DROP_FIRST] = {DF_E_CHUNK, 0},
	[DROP_MIDDLE] = {DF_E_CHUNK, CHUNK},
	[DROP_LAST] = {DF_E_TRUNC, 2 * CHUNK},
	[DUPLICATE] = {DF_E_CHUNK, CHUNK},
	[REPEAT_LAST] = {DF_E_CHUNK, 3 * CHUNK},
	[APPEND_BYTE] = {DF_E_CHUNK, 3 * CHUNK},
	[APPEND_CHUNK] = {DF_E_CHUNK, 3 * CHUNK},
	[FOREIGN] = {DF_E_CHUNK, CHUNK},
	[FOREIGN_LAST] = {DF_E_CHUNK, 3 * CHUNK},
	[CUT_IN_CHUNK] = {DF_E_CHUNK, CHUNK},
	[CUT_TO_TAG] = {DF_E_TRUNC, 3 * CHUNK},
	[EMPTY] = {DF_E_TRUNC, 0},
};

static size_t attack(enum attack a, uint8_t *to, const struct df_buf *s,
		     const struct df_buf *other)
{
	size_t n = s->len, tail = s->len - 3 * WHOLE;

	memcpy(to, s->ptr, n);
	switch (a) {
	case SWAP:
		memcpy(to, s->ptr + WHOLE, WHOLE);
		memcpy(to + WHOLE, s->ptr, WHOLE);
		return n;
	case DROP_FIRST:
		memcpy(to, s->ptr + WHOLE, n - WHOLE);
		return n - WHOLE;
	case DROP_MIDDLE:
		memcpy(to + WHOLE, s->ptr + 2 * WHOLE, n - 2 * WHOLE);
		return n - WHOLE;
	case DROP_LAST:
		return 3 * WHOLE;
	case DUPLICATE:
		memcpy(to + WHOLE, s->ptr, n - WHOLE);
		return n;
	case REPEAT_LAST:
		memcpy(to + n, s->ptr + 3 * WHOLE, tail);
		return n + tail;
	case APPEND_BYTE:
		to[n] = 0;
		return n + 1;
	case APPEND_CHUNK:
		memcpy(to + n, s->ptr, WHOLE);
		return n + WHOLE;
	case FOREIGN:
		memcpy(to + WHOLE, other->ptr + WHOLE, WHOLE);
		return n;
	case FOREIGN_LAST:
		memcpy(to + 3 * WHOLE, other->ptr + 3 * WHOLE, tail);
		return n;
	case CUT_IN_CHUNK:
		return WHOLE + 100;
	case CUT_TO_TAG:
		return 3 * WHOLE + 15;
	case EMPTY:
	case ATTACKS:
		break;
	}
	return 0;
}

static void attacks(void **state)
{
	size_t len = 3 * CHUNK + 50, got;
	uint8_t core[DF_SEALED_CORE_LEN], core2[DF_SEALED_CORE_LEN];
	uint8_t *p = noise(len), *q = noise(2 * len), *bad = noise(2 * len);
	struct df_buf s, s2, out;
	int a;

	(void)state;
	core_of(core);
	core_of(core2); /* same CEK, other id: an object of one association */
	df_buf_init(&s, 1 << 20);
	df_buf_init(&s2, 1 << 20);
	df_buf_init(&out, 1 << 20);
	seal(&s, core, p, len, len);
	seal(&s2, core2, p, len, len);
	for (a = 0; a < ATTACKS; a++) {
		size_t n = attack((enum attack)a, bad, &s, &s2);
		enum df_err rc = open_all(&out, core, bad, n, 30000);

		if (rc != EXPECT[a].want)
			print_message("attack %d: %s\n", a, df_err_name(rc));
		/* DROP_LAST: the third chunk waits for more, then it ends */
		assert_int_equal(rc, EXPECT[a].want);
		assert_true(out.len <= EXPECT[a].most);
		assert_memory_equal(out.ptr ? out.ptr : p, p, out.len);
		assert_int_not_equal(read_all(core, bad, n, q, &got), DF_OK);
	}
	/* a whole last chunk with bytes behind it */
	df_buf_clear(&s);
	seal(&s, core, p, CHUNK, CHUNK);
	assert_int_equal(df_buf_add(&s, "x", 1, NULL), DF_OK);
	assert_int_equal(open_all(&out, core, s.ptr, s.len, 1 << 20),
			 DF_E_TRAIL);
	assert_int_equal(out.len, 0);
	/* the payload of another object */
	assert_int_equal(open_all(&out, core, s2.ptr, s2.len, 1 << 20),
			 DF_E_CHUNK);
	df_buf_release(&s);
	df_buf_release(&s2);
	df_buf_release(&out);
	free(p);
	free(q);
	free(bad);
}

static void rest_header(void **state)
{
	uint8_t core[DF_SEALED_CORE_LEN], kek[32] = {9}, wrapped[40];
	struct df_sealed_head h;
	struct df_cek back;
	struct df_buf b;
	size_t bit, n;

	(void)state;
	core_of(core);
	df_buf_init(&b, 1000);
	df_kek_wrap(wrapped, kek, &cek);
	assert_int_equal(df_seal_rest_header(&b, core, &cek, wrapped, NULL),
			 DF_OK);
	assert_int_equal(b.len, DF_SEALED_REST_LEN);
	for (n = 0; n < b.len; n++) {
		assert_int_equal(df_sealed_head_decode(&h, b.ptr, n, NULL),
				 DF_E_AGAIN);
		assert_true(h.need > n && h.need <= b.len);
	}
	for (bit = 0; bit <= b.len * 8; bit++) {
		bool whole = bit == b.len * 8;
		enum df_err rc;

		if (!whole)
			b.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
		rc = df_sealed_head_decode(&h, b.ptr, b.len, NULL);
		if (rc == DF_OK)
			rc = df_kek_unwrap(&back, kek, h.recipients,
					   h.recipients_len, NULL);
		if (rc == DF_OK)
			rc = df_header_check(&back, h.core_bytes, h.recipients,
					     h.recipients_len, h.mac, NULL);
		if (whole)
			assert_int_equal(rc, DF_OK);
		else
			assert_int_not_equal(rc, DF_OK);
		if (!whole)
			b.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_memory_equal(&back, &cek, sizeof cek);
	kek[0] ^= 1;
	assert_int_equal(df_kek_unwrap(&back, kek, wrapped, 40, NULL),
			 DF_E_KEY);
	df_buf_release(&b);
}

static void wrong_key(void **state)
{
	uint8_t core[DF_SEALED_CORE_LEN];
	struct df_cek other = {{1}};
	struct df_sealer s = {0};
	struct df_opener o = {0};

	(void)state;
	core_of(core);
	assert_int_equal(
		df_seal_init(&s, core, &other, parcel_sink, NULL, NULL),
		DF_E_HEADER);
	assert_int_equal(
		df_open_init(&o, core, &other, parcel_sink, NULL, NULL),
		DF_E_HEADER);
	df_seal_release(&s);
	df_open_release(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),     cmocka_unit_test(any_place),
		cmocka_unit_test(attacks),   cmocka_unit_test(rest_header),
		cmocka_unit_test(wrong_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
