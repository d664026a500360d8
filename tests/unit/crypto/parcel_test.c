/*
 * parcel_test.c - a whole small parcel: every single-bit flip and every
 * truncation is refused and releases no byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "../../lib/parcel.h"

static struct parcel_nodes nodes;
static struct df_digest sender;
static struct df_buf parcel, plain;

static int setup(void **state)
{
	struct df_sealed_core core = {.content = DF_SEALED_PARCEL,
				      .suite = DF_SUITE_AES256GCM,
				      .sequence = 1,
				      .created_ms = NOW_MS};

	(void)state;
	parcel_nodes_make(&nodes);
	df_cert_fingerprint(nodes.clinic, &sender);
	df_buf_init(&plain, 1 << 16);
	parcel_records(&plain, "a small data set", 16);
	df_buf_init(&parcel, 1 << 20);
	parcel_seal(&parcel, &nodes, &core, plain.ptr, plain.len);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	parcel_nodes_release(&nodes);
	df_buf_release(&parcel);
	df_buf_release(&plain);
	return 0;
}

static enum df_err open_it(struct df_buf *out, const uint8_t *ptr, size_t len)
{
	df_buf_clear(out);
	return parcel_open(out, ptr, len, nodes.centre_key, nodes.centre,
			   &sender, nodes.ca, NULL);
}

static void both_recipients(void **state)
{
	struct df_buf out;

	(void)state;
	df_buf_init(&out, 1 << 16);
	assert_int_equal(open_it(&out, parcel.ptr, parcel.len), DF_OK);
	assert_int_equal(out.len, plain.len);
	assert_memory_equal(out.ptr, plain.ptr, plain.len);
	df_buf_clear(&out);
	assert_int_equal(parcel_open(&out, parcel.ptr, parcel.len,
				     nodes.clinic_key, nodes.clinic, &sender,
				     nodes.ca, NULL),
			 DF_OK);
	assert_int_equal(out.len, plain.len);
	df_buf_clear(&out);
	assert_int_equal(parcel_open(&out, parcel.ptr, parcel.len, nodes.ca_key,
				     nodes.ca, &sender, nodes.ca, NULL),
			 DF_E_KEY);
	assert_int_equal(out.len, 0);
	df_buf_release(&out);
}

static void every_flip(void **state)
{
	struct df_buf out;
	size_t bit;

	(void)state;
	df_buf_init(&out, 1 << 16);
	for (bit = 0; bit < parcel.len * 8; bit++) {
		enum df_err rc;

		parcel.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
		rc = open_it(&out, parcel.ptr, parcel.len);
		parcel.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (rc == DF_OK || out.len != 0)
			fail_msg("bit %zu: %s, %zu bytes", bit, df_err_name(rc),
				 out.len);
	}
	print_message("%zu flips\n", bit);
	df_buf_release(&out);
}

static void every_truncation(void **state)
{
	struct df_buf out;
	size_t n;

	(void)state;
	df_buf_init(&out, 1 << 16);
	for (n = 0; n < parcel.len; n++) {
		enum df_err rc = open_it(&out, parcel.ptr, n);

		if (rc == DF_OK || out.len != 0)
			fail_msg("cut at %zu: %s, %zu bytes", n,
				 df_err_name(rc), out.len);
	}
	assert_int_equal(df_buf_add(&parcel, "x", 1, NULL), DF_OK);
	assert_int_equal(open_it(&out, parcel.ptr, parcel.len), DF_E_CHUNK);
	assert_int_equal(out.len, 0);
	parcel.len--;
	df_buf_release(&out);
}

/* Recipients, core or payload of another good parcel of the same sender. */
static void parts_of_another(void **state)
{
	struct df_sealed_core core = {.content = DF_SEALED_PARCEL,
				      .suite = DF_SUITE_AES256GCM,
				      .sequence = 2,
				      .created_ms = NOW_MS};
	struct df_sealed_head a, b;
	struct df_buf other, mix, out;

	(void)state;
	df_buf_init(&other, 1 << 20);
	df_buf_init(&mix, 1 << 20);
	df_buf_init(&out, 1 << 20);
	parcel_seal(&other, &nodes, &core, plain.ptr, plain.len);
	assert_int_equal(
		df_sealed_head_decode(&a, parcel.ptr, parcel.len, NULL), DF_OK);
	assert_int_equal(df_sealed_head_decode(&b, other.ptr, other.len, NULL),
			 DF_OK);
	/* its header, our payload */
	assert_int_equal(df_buf_add(&mix, other.ptr, b.head_len, NULL), DF_OK);
	assert_int_equal(df_buf_add(&mix, parcel.ptr + a.head_len,
				    parcel.len - a.head_len, NULL),
			 DF_OK);
	assert_int_equal(open_it(&out, mix.ptr, mix.len), DF_E_CHUNK);
	assert_int_equal(out.len, 0);
	/* our header with its recipients and MAC */
	df_buf_clear(&mix);
	assert_int_equal(df_buf_add(&mix, parcel.ptr, 152, NULL), DF_OK);
	assert_int_equal(df_buf_add(&mix, other.ptr + 152,
				    4 + b.recipients_len + 32, NULL),
			 DF_OK);
	assert_int_equal(
		df_buf_add(&mix, a.signature - 4,
			   parcel.len - (size_t)(a.signature - 4 - parcel.ptr),
			   NULL),
		DF_OK);
	assert_int_equal(open_it(&out, mix.ptr, mix.len), DF_E_HEADER);
	assert_int_equal(out.len, 0);
	df_buf_release(&other);
	df_buf_release(&mix);
	df_buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_recipients),
		cmocka_unit_test(every_flip),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(parts_of_another),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
