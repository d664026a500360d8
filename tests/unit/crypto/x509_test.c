/* x509_test.c - keys, certificates, requests, a new node's key set, CMS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "../../lib/parcel.h"
#include "df/keyring.h"

static struct parcel_nodes n;

static int setup(void **state)
{
	(void)state;
	parcel_nodes_make(&n);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	parcel_nodes_release(&n);
	return 0;
}

static struct df_text text(const struct df_buf *b)
{
	return (struct df_text){(const char *)b->ptr, b->len};
}

static void certificates(void **state)
{
	struct df_digest a, b;
	struct df_cert *back = NULL;
	struct df_key *key = NULL;
	char name[DF_NODE_NAME_MAX + 1];
	struct df_buf buf;

	(void)state;
	df_buf_init(&buf, DF_PEM_MAX);
	df_cert_name(n.clinic, name);
	assert_string_equal(name, "桥头镇卫生院");
	df_cert_fingerprint(n.clinic, &a);
	df_key_fingerprint(n.clinic_key, &b);
	assert_true(df_digest_same(&a, &b));
	assert_true(df_cert_has_key(n.clinic, n.clinic_key));
	assert_false(df_cert_has_key(n.clinic, n.centre_key));
	assert_true(df_cert_is_ca(n.ca));
	assert_false(df_cert_is_ca(n.clinic));
	assert_int_equal(df_cert_to_pem(&buf, n.clinic, NULL), DF_OK);
	assert_int_equal(df_cert_from_pem(&back, text(&buf), NULL), DF_OK);
	df_cert_fingerprint(back, &b);
	assert_true(df_digest_same(&a, &b));
	df_cert_free(back);
	df_buf_clear(&buf);
	assert_int_equal(df_cert_to_der(&buf, n.clinic, NULL), DF_OK);
	assert_int_equal(df_cert_from_der(&back, buf.ptr, buf.len, NULL),
			 DF_OK);
	df_cert_free(back);
	assert_int_equal(df_cert_from_der(&back, buf.ptr, buf.len - 1, NULL),
			 DF_E_FORMAT);
	df_buf_clear(&buf);
	assert_int_equal(df_key_to_pem(&buf, n.clinic_key, NULL), DF_OK);
	assert_int_equal(df_key_from_pem(&key, text(&buf), NULL), DF_OK);
	assert_true(df_cert_has_key(n.clinic, key));
	df_key_free(key);
	assert_int_equal(df_key_from_pem(&key, df_text_of("nothing"), NULL),
			 DF_E_FORMAT);
	assert_null(key);
	df_buf_wipe(&buf);
}

static void validity(void **state)
{
	static const int64_t day = 86400000;
	struct parcel_nodes other;

	(void)state;
	parcel_nodes_make(&other);
	assert_int_equal(df_cert_check(n.clinic, n.ca, NOW_MS, NULL), DF_OK);
	assert_int_equal(
		df_cert_check(n.clinic, n.ca, NOW_MS - 30 * 60000, NULL),
		DF_OK);
	assert_int_equal(df_cert_check(n.clinic, n.ca, NOW_MS - day, NULL),
			 DF_E_SENDER);
	assert_int_equal(
		df_cert_check(n.clinic, n.ca, NOW_MS + 731 * day, NULL),
		DF_E_SENDER);
	/* a CA of the same name is another CA */
	assert_int_equal(df_cert_check(n.clinic, other.ca, NOW_MS, NULL),
			 DF_E_SENDER);
	assert_int_equal(df_cert_check(n.clinic, n.centre, NOW_MS, NULL),
			 DF_E_SENDER);
	parcel_nodes_release(&other);
}

static void requests(void **state)
{
	static const char *const bad[] = {
		"", "a\nb", "\xff\xfe", "\x7f",
		"12345678901234567890123456789012345678901234567890123456789012"
		"345"};
	char name[DF_NODE_NAME_MAX + 1];
	struct df_digest a, b;
	struct df_buf csr;
	size_t i;

	(void)state;
	df_buf_init(&csr, 8192);
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_false(df_name_valid(df_text_of(bad[i])));
		assert_int_equal(df_csr_make(&csr, n.clinic_key,
					     df_text_of(bad[i]), NULL),
				 DF_E_FORMAT);
	}
	assert_int_equal(
		df_csr_make(&csr, n.clinic_key, df_text_of("乡镇"), NULL),
		DF_OK);
	assert_int_equal(df_csr_check(csr.ptr, csr.len, name, &a, NULL), DF_OK);
	assert_string_equal(name, "乡镇");
	df_key_fingerprint(n.clinic_key, &b);
	assert_true(df_digest_same(&a, &b));
	for (i = 0; i < csr.len; i++) { /* not one byte may change */
		csr.ptr[i] ^= 0x04;
		assert_int_not_equal(
			df_csr_check(csr.ptr, csr.len, name, &a, NULL), DF_OK);
		csr.ptr[i] ^= 0x04;
	}
	df_buf_release(&csr);
}

static const struct df_keyring_file *find(const struct df_keyring_new *k,
					  const char *path)
{
	size_t i;

	for (i = 0; i < k->count; i++)
		if (strcmp(k->files[i].path, path) == 0)
			return &k->files[i];
	return NULL;
}

static void keyring(void **state)
{
	struct df_keyring_new k = {0};
	struct df_cert *ca = NULL, *node = NULL, *seal = NULL;
	struct df_digest fp;

	(void)state;
	assert_int_equal(
		df_keyring_make(&k, false, df_text_of("c"), NOW_MS, NULL),
		DF_OK);
	assert_int_equal(k.count, 3);
	assert_int_equal(find(&k, DF_KEYS_KEK)->content.len, 32);
	df_keyring_release(&k);
	assert_int_equal(
		df_keyring_make(&k, true, df_text_of("中心"), NOW_MS, NULL),
		DF_OK);
	assert_int_equal(k.count, 7);
	assert_int_equal(
		df_cert_from_pem(&ca, text(&find(&k, DF_KEYS_CA_CRT)->content),
				 NULL),
		DF_OK);
	assert_int_equal(
		df_cert_from_pem(&node,
				 text(&find(&k, DF_KEYS_NODE_CRT)->content),
				 NULL),
		DF_OK);
	assert_int_equal(
		df_cert_from_pem(&seal,
				 text(&find(&k, DF_KEYS_SEAL_CRT)->content),
				 NULL),
		DF_OK);
	df_cert_fingerprint(node, &fp);
	assert_true(df_digest_same(&fp, &k.fingerprint));
	assert_int_equal(df_cert_check(node, ca, NOW_MS, NULL), DF_OK);
	assert_int_equal(df_cert_check(seal, ca, NOW_MS, NULL), DF_OK);
	df_cert_free(ca);
	df_cert_free(node);
	df_cert_free(seal);
	df_keyring_release(&k);
	df_keyring_release(&k);
	assert_int_equal(
		df_keyring_make(&k, true, df_text_of(""), NOW_MS, NULL),
		DF_E_FORMAT);
}

static void envelope(void **state)
{
	const struct df_cert *to[] = {n.clinic, n.centre};
	struct df_cek cek = {{1, 2, 3}}, back;
	struct df_buf der;
	size_t bit, len;

	(void)state;
	df_buf_init(&der, DF_CMS_MAX);
	assert_int_equal(df_cms_wrap(&der, &cek, to, 2, NULL), DF_OK);
	assert_int_equal(df_cms_unwrap(&back, der.ptr, der.len, n.clinic_key,
				       n.clinic, NULL),
			 DF_OK);
	assert_memory_equal(&back, &cek, sizeof cek);
	assert_int_equal(df_cms_unwrap(&back, der.ptr, der.len, n.centre_key,
				       n.centre, NULL),
			 DF_OK);
	assert_memory_equal(&back, &cek, sizeof cek);
	/* whatever changes, another key never comes out */
	for (bit = 0; bit < der.len * 8; bit++) {
		der.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (df_cms_unwrap(&back, der.ptr, der.len, n.clinic_key,
				  n.clinic, NULL) == DF_OK)
			assert_memory_equal(&back, &cek, sizeof cek);
		der.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (len = 0; len < der.len; len++)
		assert_int_equal(df_cms_unwrap(&back, der.ptr, len,
					       n.clinic_key, n.clinic, NULL),
				 DF_E_KEY);
	df_buf_release(&der);
}

static void signature(void **state)
{
	struct df_digest fp, want;
	struct df_cert *cert = NULL;
	struct df_buf der;

	(void)state;
	df_buf_init(&der, DF_CMS_MAX);
	assert_int_equal(
		df_cms_sign(&der, n.clinic_key, n.clinic, "text", 4, NULL),
		DF_OK);
	assert_int_equal(
		df_cms_verify(&fp, &cert, der.ptr, der.len, "text", 4, NULL),
		DF_OK);
	df_cert_fingerprint(n.clinic, &want);
	assert_true(df_digest_same(&fp, &want));
	df_cert_fingerprint(cert, &fp);
	assert_true(df_digest_same(&fp, &want));
	df_cert_free(cert);
	assert_int_equal(
		df_cms_verify(NULL, NULL, der.ptr, der.len, "texT", 4, NULL),
		DF_E_SENDER);
	assert_int_equal(df_cms_verify(NULL, NULL, der.ptr, der.len - 1, "text",
				       4, NULL),
			 DF_E_SENDER);
	assert_int_equal(df_cms_verify(NULL, NULL, "", 0, "text", 4, NULL),
			 DF_E_SENDER);
	df_buf_release(&der);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates), cmocka_unit_test(validity),
		cmocka_unit_test(requests),	cmocka_unit_test(keyring),
		cmocka_unit_test(envelope),	cmocka_unit_test(signature),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
