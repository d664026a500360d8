/* digest_test.c - published vectors of SHA-256, HMAC, HKDF; small seals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "df/aead.h"
#include "df/digest.h"
#include "df/enrol.h"

static void is_hex(const void *ptr, size_t len, const char *want)
{
	char hex[201];

	assert_true(len <= 100);
	df_hex_encode(hex, ptr, len);
	assert_string_equal(hex, want);
}

static void sha256(void **state)
{
	struct df_sha256 s = {0};
	struct df_digest d;

	(void)state;
	df_sha256(&d, "abc", 3);
	is_hex(d.b, 32,
	       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff"
	       "61f20015ad");
	df_sha256_init(&s);
	df_sha256_update(&s, "a", 1);
	df_sha256_init(&s); /* begins anew */
	df_sha256_update(&s, "ab", 2);
	df_sha256_update(&s, "c", 1);
	df_sha256_final(&s, &d);
	is_hex(d.b, 32,
	       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff"
	       "61f20015ad");
	df_sha256_release(&s);
	df_sha256_release(&s);
}

static void hmac_rfc4231_2(void **state)
{
	struct df_digest d;

	(void)state;
	df_hmac_sha256(&d, "Jefe", 4, "what do ya want for nothing?", 28);
	is_hex(d.b, 32,
	       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58"
	       "b964ec3843");
}

static void hkdf_rfc5869_1(void **state)
{
	/* info f0..f9 holds no NUL, so it is a string */
	static const char info[] = "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9";
	uint8_t ikm[22], salt[13], okm[42];
	size_t i;

	(void)state;
	memset(ikm, 0x0b, sizeof ikm);
	for (i = 0; i < sizeof salt; i++)
		salt[i] = (uint8_t)i;
	df_hkdf_sha256(okm, sizeof okm, ikm, sizeof ikm, salt, sizeof salt,
		       info);
	is_hex(okm, 42,
	       "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d"
	       "56ecc4c5bf34007208d5b887185865");
}

static void aead(void **state)
{
	static const uint8_t key[32] = {1};
	struct df_text aad = df_text_of("patient.name:1");
	struct df_buf sealed, plain;
	size_t bit;

	(void)state;
	df_buf_init(&sealed, 1000);
	df_buf_init(&plain, 1000);
	assert_int_equal(df_aead_seal(&sealed, key, aad, "abc", 3, NULL),
			 DF_OK);
	assert_int_equal(sealed.len, 3 + DF_AEAD_OVERHEAD);
	assert_int_equal(
		df_aead_open(&plain, key, aad, sealed.ptr, sealed.len, NULL),
		DF_OK);
	assert_int_equal(plain.len, 3);
	assert_memory_equal(plain.ptr, "abc", 3);
	df_buf_clear(&plain);
	assert_int_equal(df_aead_open(&plain, key, df_text_of("other"),
				      sealed.ptr, sealed.len, NULL),
			 DF_E_CORRUPT);
	for (bit = 0; bit < sealed.len * 8; bit++) {
		sealed.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(df_aead_open(&plain, key, aad, sealed.ptr,
					      sealed.len, NULL),
				 DF_E_CORRUPT);
		sealed.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (bit = 0; bit < sealed.len; bit++)
		assert_int_equal(
			df_aead_open(&plain, key, aad, sealed.ptr, bit, NULL),
			DF_E_CORRUPT);
	assert_int_equal(plain.len, 0);
	df_buf_clear(&sealed); /* the empty value */
	assert_int_equal(df_aead_seal(&sealed, key, aad, NULL, 0, NULL), DF_OK);
	assert_int_equal(
		df_aead_open(&plain, key, aad, sealed.ptr, sealed.len, NULL),
		DF_OK);
	assert_int_equal(plain.len, 0);
	df_buf_release(&sealed);
	df_buf_release(&plain);
}

static void blind(void **state)
{
	static const uint8_t key[32] = {1}, other[32] = {2};
	struct df_digest a, b;

	(void)state;
	df_blind_index(&a, key, "patient-id", df_text_of("x"));
	df_blind_index(&b, key, "patient-id", df_text_of("x"));
	assert_true(df_digest_same(&a, &b));
	df_blind_index(&b, key, "accession", df_text_of("x"));
	assert_false(df_digest_same(&a, &b));
	df_blind_index(&b, other, "patient-id", df_text_of("x"));
	assert_false(df_digest_same(&a, &b));
}

static void invite_code(void **state)
{
	char code[DF_INVITE_CODE_LEN + 1], typed[2 * DF_INVITE_CODE_LEN];
	struct df_digest centre = {{7}}, a, b;
	struct df_invite i, back;
	size_t n, at = 0;

	(void)state;
	df_invite_new(&i, &centre);
	df_invite_encode(code, &i);
	assert_int_equal(strlen(code), DF_INVITE_CODE_LEN);
	assert_int_equal(df_invite_decode(&back, df_text_of(code), NULL),
			 DF_OK);
	assert_memory_equal(&back, &i, sizeof i);
	for (n = 0; code[n]; n++) /* as people type it */
		if (code[n] != '-')
			typed[at++] = code[n] == '0'   ? 'o'
				      : code[n] == '1' ? 'l'
						       : (char)(code[n] | 0x20);
	typed[at++] = '\n';
	typed[at] = '\0';
	assert_int_equal(df_invite_decode(&back, df_text_of(typed), NULL),
			 DF_OK);
	code[0] = code[0] == 'A' ? 'B' : 'A';
	assert_int_equal(df_invite_decode(&back, df_text_of(code), NULL),
			 DF_E_FORMAT);
	assert_int_equal(df_invite_decode(&back, df_text_of("ABCD"), NULL),
			 DF_E_FORMAT);
	df_invite_proof(&a, i.secret, "csr", 3);
	df_invite_proof(&b, i.secret, "csR", 3);
	assert_false(df_digest_same(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256),
		cmocka_unit_test(hmac_rfc4231_2),
		cmocka_unit_test(hkdf_rfc5869_1),
		cmocka_unit_test(aead),
		cmocka_unit_test(blind),
		cmocka_unit_test(invite_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
