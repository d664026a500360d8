/* envelope_test.c - the trailer survives a round trip and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "df/envelope.h"
#include "df/hash.h"

static struct df_envelope sample(enum df_env_kind kind)
{
	static struct df_env_instance in[2];
	struct df_envelope e = {.kind = kind, .received_ms = 1795312872000};

	df_str_fmt(e.id.s, sizeof e.id.s, "%s", "0123456789abcdefghjkmnpqrs");
	(void)snprintf(e.peer, sizeof e.peer, "%064d", 7);
	(void)snprintf(e.study_uid, sizeof e.study_uid, "1.2.3");
	(void)snprintf(e.called_ae, sizeof e.called_ae, "DCMFWD");
	(void)snprintf(e.calling_ae, sizeof e.calling_ae, "CT 1");
	(void)snprintf(e.address, sizeof e.address, "192.0.2.1");
	(void)snprintf(e.sop_class, sizeof e.sop_class, "1.2.840.1");
	(void)snprintf(e.sop_instance, sizeof e.sop_instance, "1.2.3.4");
	(void)snprintf(e.transfer_syntax, sizeof e.transfer_syntax, "1.2.840");
	e.association = e.id;
	e.direction = DF_ENV_MADE;
	e.sequence = 3;
	e.checksum.b[0] = 0x99;
	memset(&e.h0, 0xab, sizeof e.h0);
	if (kind == DF_ENV_PARCEL) {
		memset(in, 0, sizeof in);
		for (int i = 0; i < 2; i++) {
			(void)snprintf(in[i].sop_instance, 65, "1.2.3.%d", i);
			(void)snprintf(in[i].sop_class, 65, "1.2.840.1");
			(void)snprintf(in[i].transfer_syntax, 65, "1.2.840");
			(void)snprintf(in[i].coding, 16, "jpeg-ls");
			in[i].size_bytes = 526000;
		}
		(void)snprintf(in[1].calling_ae, 17, "CT 1 A");
		in[1].received_ms = 1795312871000;
		in[1].association = e.id;
		(void)snprintf(in[1].series_uid, 65, "1.2.3.9");
		e.instances = in;
		e.n_instances = 2;
	}
	return e;
}

/* In the place of realloc, by the linker; tests/CMakeLists.txt. */
void *__real_realloc(void *ptr, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
static unsigned fails_in; /* calls; 0 = never */

void *__wrap_realloc(void *ptr, size_t size)
{
	return fails_in > 0 && --fails_in == 0 ? NULL
					       : __real_realloc(ptr, size);
}

/* A whole object may be put aside, or swept, for what is said of its end. */
static void no_memory_is_no_damage(void **state)
{
	struct df_envelope e = sample(DF_ENV_RAW), got;
	unsigned failed = 0;
	struct df_buf out;
	struct df_why why;

	(void)state;
	df_buf_init(&out, 1 << 16);
	assert_int_equal(df_envelope_encode(&out, &e, 999, &why), 0);
	for (unsigned n = 1; n < 100; n++) {
		enum df_err rc;

		fails_in = n;
		rc = df_envelope_decode(&got, out.ptr, out.len, &why);
		if (fails_in > 0) {
			assert_int_equal(rc, DF_OK);
			break;
		}
		assert_int_equal(rc, DF_E_NOMEM);
		failed++;
	}
	fails_in = 0;
	assert_true(failed > 0);
	df_envelope_release(&got);
	df_buf_release(&out);
}

static void round_trip(void **state)
{
	(void)state;
	for (unsigned k = DF_ENV_RAW; k <= DF_ENV_REPORT; k++) {
		struct df_envelope e = sample((enum df_env_kind)k), got;
		struct df_buf out;
		struct df_why why;
		uint64_t n = 0;

		df_buf_init(&out, 1 << 16);
		assert_int_equal(df_envelope_encode(&out, &e, 999, &why), 0);
		assert_int_equal(df_envelope_footer(&n, out.ptr + out.len - 16,
						    999 + out.len, &why), 0);
		assert_int_equal(n, 999);
		assert_int_equal(
			df_envelope_decode(&got, out.ptr, out.len, &why), 0);
		assert_int_equal(got.kind, k);
		assert_string_equal(got.id.s, e.id.s);
		assert_int_equal(got.n_instances, e.n_instances);
		if (k == DF_ENV_PARCEL) {
			assert_string_equal(got.instances[1].calling_ae,
					    "CT 1 A");
			assert_true(got.instances[1].received_ms ==
				    1795312871000);
			assert_string_equal(got.instances[1].association.s,
					    e.id.s);
			assert_string_equal(got.instances[0].association.s, "");
		}
		if (k == DF_ENV_RAW)
			assert_true(out.len <= DF_ENV_RAW_MAX);
		df_envelope_release(&got);
		df_buf_release(&out);
	}
}

static void damage_is_refused(void **state)
{
	struct df_envelope e = sample(DF_ENV_PARCEL), got;
	struct df_buf out;

	(void)state;
	df_buf_init(&out, 1 << 16);
	assert_int_equal(df_envelope_encode(&out, &e, 999, NULL), 0);
	for (size_t i = 0; i < out.len - 16; i++) {
		out.ptr[i] ^= 1;
		assert_int_not_equal(
			df_envelope_decode(&got, out.ptr, out.len, NULL), 0);
		out.ptr[i] ^= 1;
	}
	for (size_t n = 0; n < out.len; n++)
		assert_int_not_equal(
			df_envelope_decode(&got, out.ptr, n, NULL), 0);
	df_buf_release(&out);
}

static void bad_fields_are_refused(void **state)
{
	struct df_envelope e = sample(DF_ENV_RAW);
	struct df_buf out;
	uint64_t n;
	uint8_t foot[16] = {0};

	(void)state;
	df_buf_init(&out, 1 << 16);
	(void)snprintf(e.sop_instance, sizeof e.sop_instance, "1.2\n3");
	assert_int_equal(df_envelope_encode(&out, &e, 1, NULL), DF_E_FORMAT);
	e = sample(DF_ENV_RAW);
	e.checksum.b[0] = 0; /* forgotten */
	assert_int_equal(df_envelope_encode(&out, &e, 1, NULL), DF_E_FORMAT);
	e = sample(DF_ENV_RAW);
	e.id.s[0] = '/';
	assert_int_equal(df_envelope_encode(&out, &e, 1, NULL), DF_E_FORMAT);
	assert_int_equal(df_envelope_footer(&n, foot, 100, NULL), DF_E_TRUNC);
	memcpy(foot + 8, "DFENVEL1", 8);
	foot[7] = 90;
	assert_int_equal(df_envelope_footer(&n, foot, 100, NULL), DF_E_FORMAT);
	df_buf_release(&out);
}

/* As `printf '' | xxhsum -H2` and `printf abc | xxhsum -H2` say. */
static void checksum_vectors(void **state)
{
	struct df_summer s = {0};
	struct df_checksum sum;
	char hex[33];

	(void)state;
	df_summer_init(&s);
	df_summer_sum(&s, &sum);
	df_hex_encode(hex, sum.b, sizeof sum.b);
	assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
	df_summer_update(&s, "a", 1);
	df_summer_update(&s, "bc", 2);
	df_summer_sum(&s, &sum);
	df_hex_encode(hex, sum.b, sizeof sum.b);
	assert_string_equal(hex, "06b05ab6733a618578af5f94892f3950");
	df_summer_release(&s);
	df_summer_release(&s);
}

static void hash_vectors(void **state)
{
	struct df_digest d;
	char a[200];

	(void)state;
	df_hash_bytes(&d, "abc", 3);
	assert_string_equal(df_digest_hex(&d).s,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb4"
			    "10ff61f20015ad");
	df_hash_bytes(&d, "", 0);
	assert_string_equal(df_digest_hex(&d).s,
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca4"
			    "95991b7852b855");
	memset(a, 'a', sizeof a);
	df_hash_bytes(&d, a, 119); /* two tail blocks */
	assert_string_equal(df_digest_hex(&d).s,
			    "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af9"
			    "52f7ea6584dcfb");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(no_memory_is_no_damage),
		cmocka_unit_test(damage_is_refused),
		cmocka_unit_test(bad_fields_are_refused),
		cmocka_unit_test(checksum_vectors),
		cmocka_unit_test(hash_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
