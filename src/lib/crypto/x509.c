/* x509.c - reading and writing keys and certificates. See df/x509.h. */
#include "df/x509.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "df/digest.h"
#include "pki.h"

enum df_err df_key_new(struct df_key **key, struct df_why *why)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");

	*key = df_pki_key(pkey);
	if (*key == NULL)
		return df_pki_fail(why, DF_E_NOMEM, "cannot make a key");
	return DF_OK;
}

void df_key_free(struct df_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

enum df_err df_key_to_pem(struct df_buf *out, const struct df_key *key,
			  struct df_why *why)
{
	BIO *bio = BIO_new(BIO_s_mem());

	if (bio == NULL || PEM_write_bio_PrivateKey(bio, key->pkey, NULL, NULL,
						    0, NULL, NULL) != 1) {
		BIO_free(bio);
		return df_pki_fail(why, DF_E_NOMEM, "cannot write a key");
	}
	return df_pki_drain(out, bio, why);
}

/* An encrypted PEM is refused instead of asking on the terminal. */
static int no_passphrase(char *buf, int size, int rwflag, void *ctx)
{
	(void)buf, (void)size, (void)rwflag, (void)ctx; /* OpenSSL's shape */
	return 0;
}

enum df_err df_key_from_pem(struct df_key **key, struct df_text pem,
			    struct df_why *why)
{
	BIO *bio = df_pki_bio(pem.ptr, pem.len);
	EVP_PKEY *pkey = NULL;

	if (bio != NULL)
		pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	*key = df_pki_key(pkey);
	if (*key == NULL)
		return df_pki_fail(why, DF_E_FORMAT, "cannot read a key");
	return DF_OK;
}

static void fingerprint(X509_PUBKEY *pub, struct df_digest *d)
{
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(pub, &der);

	if (n <= 0)
		df_bug("a public key has no encoding");
	df_sha256(d, der, (size_t)n);
	OPENSSL_free(der);
}

void df_key_fingerprint(const struct df_key *key, struct df_digest *d)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key->pkey, &der);

	if (n <= 0)
		df_bug("a public key has no encoding");
	df_sha256(d, der, (size_t)n);
	OPENSSL_free(der);
}

enum df_err df_key_sign_raw(const struct df_key *key, const void *digest,
			    size_t len, uint8_t sig[DF_RAW_SIGNATURE_MAX],
			    size_t *sig_len, struct df_why *why)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key->pkey, NULL);
	bool ok;

	*sig_len = DF_RAW_SIGNATURE_MAX;
	ok = len >= 32 && len <= 64 && c != NULL &&
	     df_pki_key_is_ec(key->pkey, 256) && EVP_PKEY_sign_init(c) > 0 &&
	     EVP_PKEY_sign(c, sig, sig_len, digest, len) > 0;
	EVP_PKEY_CTX_free(c);
	if (!ok)
		return df_pki_fail(why, DF_E_FORMAT, "cannot sign a digest");
	return DF_OK;
}

enum df_err df_cert_from_pem(struct df_cert **cert, struct df_text pem,
			     struct df_why *why)
{
	BIO *bio = df_pki_bio(pem.ptr, pem.len);
	X509 *x = NULL;

	if (bio != NULL)
		x = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	*cert = df_pki_cert(x);
	if (*cert == NULL)
		return df_pki_fail(why, DF_E_FORMAT,
				   "cannot read a certificate");
	return DF_OK;
}

enum df_err df_cert_from_der(struct df_cert **cert, const void *ptr, size_t len,
			     struct df_why *why)
{
	const unsigned char *p = ptr;
	X509 *x = NULL;

	if (len <= DF_PEM_MAX)
		x = d2i_X509(NULL, &p, (long)len);
	if (x != NULL && p != (const unsigned char *)ptr + len) {
		X509_free(x);
		x = NULL;
	}
	*cert = df_pki_cert(x);
	if (*cert == NULL)
		return df_pki_fail(why, DF_E_FORMAT,
				   "cannot read a certificate");
	return DF_OK;
}

enum df_err df_cert_to_pem(struct df_buf *out, const struct df_cert *cert,
			   struct df_why *why)
{
	BIO *bio = BIO_new(BIO_s_mem());

	if (bio == NULL || PEM_write_bio_X509(bio, cert->x509) != 1) {
		BIO_free(bio);
		return df_pki_fail(why, DF_E_NOMEM,
				   "cannot write a certificate");
	}
	return df_pki_drain(out, bio, why);
}

enum df_err df_cert_to_der(struct df_buf *out, const struct df_cert *cert,
			   struct df_why *why)
{
	unsigned char *der = NULL;
	int n = i2d_X509(cert->x509, &der);
	enum df_err rc;

	if (n <= 0)
		return df_pki_fail(why, DF_E_NOMEM,
				   "cannot write a certificate");
	rc = df_buf_add(out, der, (size_t)n, why);
	OPENSSL_free(der);
	return rc;
}

struct df_cert *df_cert_ref(const struct df_cert *cert)
{
	X509_up_ref(cert->x509);
	return df_pki_cert(cert->x509);
}

void df_cert_free(struct df_cert *cert)
{
	if (cert == NULL)
		return;
	X509_free(cert->x509);
	free(cert);
}

void df_cert_fingerprint(const struct df_cert *cert, struct df_digest *d)
{
	fingerprint(X509_get_X509_PUBKEY(cert->x509), d);
}

void df_cert_name(const struct df_cert *cert, char to[DF_NODE_NAME_MAX + 1])
{
	X509_NAME *name = X509_get_subject_name(cert->x509);
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	unsigned char *utf8 = NULL;
	int n = -1;

	to[0] = '\0';
	if (at >= 0)
		n = ASN1_STRING_to_UTF8(&utf8,
					X509_NAME_ENTRY_get_data(
						X509_NAME_get_entry(name, at)));
	if (n > 0 && df_str_copy(to, DF_NODE_NAME_MAX + 1,
				 (struct df_text){(const char *)utf8,
						  (size_t)n}) != DF_OK)
		to[0] = '\0';
	OPENSSL_free(utf8);
}

int64_t df_cert_not_before_ms(const struct df_cert *cert)
{
	return df_pki_time_ms(X509_get0_notBefore(cert->x509));
}

int64_t df_cert_not_after_ms(const struct df_cert *cert)
{
	return df_pki_time_ms(X509_get0_notAfter(cert->x509));
}

bool df_cert_is_ca(const struct df_cert *cert)
{
	return X509_check_ca(cert->x509) == 1;
}

bool df_cert_is_own(const struct df_cert *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(cert->x509);
	bool own = key != NULL && X509_verify(cert->x509, key) == 1;

	ERR_clear_error();
	return own;
}

bool df_cert_has_key(const struct df_cert *cert, const struct df_key *key)
{
	bool same = X509_check_private_key(cert->x509, key->pkey) == 1;

	ERR_clear_error();
	return same;
}

enum df_err df_cert_check(const struct df_cert *cert, const struct df_cert *ca,
			  int64_t now_ms, struct df_why *why)
{
	EVP_PKEY *key = X509_get0_pubkey(ca->x509);

	if (!df_cert_is_ca(ca) || key == NULL ||
	    X509_check_issued(ca->x509, cert->x509) != X509_V_OK ||
	    X509_verify(cert->x509, key) != 1)
		return df_pki_fail(why, DF_E_SENDER,
				   "certificate is not of this CA");
	if (df_cert_not_before_ms(cert) > now_ms)
		return df_fail(why, DF_E_SENDER,
			       "certificate is not valid yet (wrong clock?)");
	if (df_cert_not_after_ms(cert) < now_ms)
		return df_fail(why, DF_E_SENDER, "certificate expired");
	return DF_OK;
}
