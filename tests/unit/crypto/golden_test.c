/*
 * golden_test.c - opens what earlier versions sealed: for ever. The files and
 * what is expected of them stand in testdata/golden/dfenv-1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "../../lib/parcel.h"

#define DIR DF_TESTDATA "/golden/dfenv-1/"

static void load(struct df_buf *b, const char *name)
{
	char path[512];
	uint8_t block[4096];
	FILE *f;
	size_t n;

	df_str_fmt(path, sizeof path, "%s%s", DIR, name);
	df_buf_init(b, 1 << 22);
	f = fopen(path, "rb");
	assert_non_null(f);
	while ((n = fread(block, 1, sizeof block, f)) > 0)
		assert_int_equal(df_buf_add(b, block, n, NULL), DF_OK);
	assert_int_equal(fclose(f), 0);
}

static struct df_cert *cert(const char *name)
{
	struct df_cert *c = NULL;
	struct df_buf b;

	load(&b, name);
	assert_int_equal(
		df_cert_from_pem(
			&c, (struct df_text){(const char *)b.ptr, b.len}, NULL),
		DF_OK);
	df_buf_release(&b);
	return c;
}

static struct df_key *key(const char *name)
{
	struct df_key *k = NULL;
	struct df_buf b;

	load(&b, name);
	assert_int_equal(
		df_key_from_pem(
			&k, (struct df_text){(const char *)b.ptr, b.len}, NULL),
		DF_OK);
	df_buf_release(&b);
	return k;
}

static void open_rest(struct df_buf *plain, const struct df_buf *in)
{
	struct df_opener o = {0};
	struct df_sealed_head h;
	struct df_buf kek;
	struct df_cek cek;

	load(&kek, "kek");
	assert_int_equal(kek.len, DF_KEK_LEN);
	assert_int_equal(df_sealed_head_decode(&h, in->ptr, in->len, NULL),
			 DF_OK);
	assert_int_equal(df_kek_unwrap(&cek, kek.ptr, h.recipients,
				       h.recipients_len, NULL),
			 DF_OK);
	assert_int_equal(df_header_check(&cek, h.core_bytes, h.recipients,
					 h.recipients_len, h.mac, NULL),
			 DF_OK);
	assert_int_equal(
		df_open_init(&o, h.core_bytes, &cek, parcel_sink, plain, NULL),
		DF_OK);
	assert_int_equal(df_open_update(&o, in->ptr + h.head_len,
					in->len - h.head_len, NULL),
			 DF_OK);
	assert_int_equal(df_open_finish(&o, NULL), DF_OK);
	df_open_release(&o);
	df_buf_release(&kek);
}

static void open_parcel(struct df_buf *plain, const struct df_buf *in,
			const char *who)
{
	struct df_cert *ca = cert("ca.crt"), *clinic = cert("clinic.crt");
	char name[32];
	struct df_cert *own;
	struct df_key *k;
	struct df_digest sender;
	struct df_why why = {0};

	df_str_fmt(name, sizeof name, "%s.crt", who);
	own = cert(name);
	df_str_fmt(name, sizeof name, "%s.key", who);
	k = key(name);
	df_cert_fingerprint(clinic, &sender);
	if (parcel_open(plain, in->ptr, in->len, k, own, &sender, ca, &why) !=
	    DF_OK)
		fail_msg("%s: %s", who, why.text);
	df_cert_free(ca);
	df_cert_free(clinic);
	df_cert_free(own);
	df_key_free(k);
}

static void is_expected(const struct df_buf *plain, unsigned long size,
			const char *digest)
{
	struct df_digest d;
	struct df_hex hex;

	assert_int_equal(plain->len, size);
	df_sha256(&d, plain->ptr, plain->len);
	hex = df_digest_hex(&d);
	assert_string_equal(hex.s, digest);
}

static void opens(void **state)
{
	char name[64], digest[65];
	struct df_buf list, in, plain;
	unsigned long size;
	char *line, *rest = NULL;
	int files = 0;

	(void)state;
	load(&list, "expect");
	assert_int_equal(df_buf_u8(&list, 0), DF_OK);
	df_buf_init(&plain, 1 << 22);
	for (line = strtok_r((char *)list.ptr, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		assert_int_equal(
			sscanf(line, "%63s %lu %64s", name, &size, digest), 3);
		load(&in, name);
		if (strcmp(name, "rest.dfenv") == 0) {
			open_rest(&plain, &in);
		} else {
			open_parcel(&plain, &in, "clinic");
			is_expected(&plain, size, digest);
			df_buf_clear(&plain);
			open_parcel(&plain, &in, "centre");
		}
		is_expected(&plain, size, digest);
		df_buf_clear(&plain);
		df_buf_release(&in);
		files++;
	}
	assert_int_equal(files, 4);
	df_buf_release(&plain);
	df_buf_release(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(opens)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
