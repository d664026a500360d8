/* pki.c - see pki.h. */
#include "pki.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>

struct df_key *df_pki_key(EVP_PKEY *pkey)
{
	struct df_key *key;

	if (pkey == NULL)
		return NULL;
	key = df_xcalloc(1, sizeof *key);
	key->pkey = pkey;
	return key;
}

struct df_cert *df_pki_cert(X509 *x509)
{
	struct df_cert *cert;

	if (x509 == NULL)
		return NULL;
	cert = df_xcalloc(1, sizeof *cert);
	cert->x509 = x509;
	return cert;
}

enum df_err df_pki_fail(struct df_why *why, enum df_err err, const char *text)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	if (reason == NULL)
		return df_fail(why, err, "%s", text);
	return df_fail(why, err, "%s: %s", text, reason);
}

BIO *df_pki_bio(const void *ptr, size_t len)
{
	if (len > INT_MAX || (len > 0 && ptr == NULL))
		return NULL;
	return BIO_new_mem_buf(len ? ptr : "", (int)len);
}

enum df_err df_pki_drain(struct df_buf *out, BIO *bio, struct df_why *why)
{
	char *ptr = NULL;
	long n = BIO_get_mem_data(bio, &ptr);
	enum df_err rc;

	rc = df_buf_add(out, ptr, n > 0 ? (size_t)n : 0, why);
	if (ptr != NULL && n > 0)
		explicit_bzero(ptr, (size_t)n); /* may be a private key */
	BIO_free(bio);
	return rc;
}

bool df_pki_key_is_ec(const EVP_PKEY *key, int bits)
{
	char group[32] = "";

	if (key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
	    EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME,
					   group, sizeof group, NULL) != 1)
		return false;
	return (bits == 256 && strcmp(group, "prime256v1") == 0) ||
	       (bits == 384 && strcmp(group, "secp384r1") == 0);
}

bool df_pki_key_strong(const EVP_PKEY *key, int rsa_bits)
{
	int type = key ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE;

	if (type == EVP_PKEY_RSA || type == EVP_PKEY_RSA_PSS)
		return EVP_PKEY_get_bits(key) >= rsa_bits;
	return df_pki_key_is_ec(key, 256) || df_pki_key_is_ec(key, 384);
}

int64_t df_pki_time_ms(const ASN1_TIME *t)
{
	struct tm tm;

	if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
		return -1;
	return (int64_t)timegm(&tm) * 1000;
}
