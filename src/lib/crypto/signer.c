/*
 * signer.c - signing a report statement: CAdES-BES, detached. See df/sign.h.
 *
 * What every verifier would refuse is refused here, before it is signed.
 */
#include "signer.h"

#include <string.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>

#include "pki.h"

static enum df_err sign(struct df_buf *der, X509 *cert, EVP_PKEY *key,
			STACK_OF(X509) * chain, const void *statement,
			size_t len, struct df_why *why)
{
	unsigned flags = CMS_BINARY | CMS_DETACHED | CMS_NOSMIMECAP | CMS_CADES;
	BIO *in = df_pki_bio(statement, len);
	CMS_ContentInfo *cms = NULL;
	unsigned char *ptr = NULL;
	enum df_err rc;
	int n = -1;

	if (in != NULL)
		cms = CMS_sign(NULL, NULL, chain, NULL, flags | CMS_PARTIAL);
	if (cms != NULL &&
	    CMS_add1_signer(cms, cert, key, EVP_sha256(), flags) != NULL &&
	    CMS_final(cms, in, NULL, flags) == 1)
		n = i2d_CMS_ContentInfo(cms, &ptr);
	if (n <= 0)
		rc = df_pki_fail(why, DF_E_KEY, "cannot sign the report");
	else
		rc = df_buf_add(der, ptr, (size_t)n, why);
	OPENSSL_free(ptr);
	BIO_free(in);
	CMS_ContentInfo_free(cms);
	return rc;
}

enum df_err df_report_sign(struct df_buf *der, const struct df_key *key,
			   const struct df_cert *cert, const void *statement,
			   size_t len, struct df_why *why)
{
	return sign(der, cert->x509, key->pkey, NULL, statement, len, why);
}

static enum df_err check_own(X509 *cert, EVP_PKEY *key, int64_t now_ms,
			     struct df_why *why)
{
	enum df_sign_verdict v = df_signer_time(cert, now_ms);

	if (v == DF_SIGN_GOOD)
		v = df_signer_usage(cert);
	if (v == DF_SIGN_GOOD && !df_pki_key_strong(key, 2048))
		v = DF_SIGN_ALGORITHM;
	if (v == DF_SIGN_GOOD)
		return DF_OK;
	return df_fail(why, DF_E_UNSUPPORTED, "cannot sign with this file: %s",
		       df_sign_text(v));
}

/* Opens the file; what it gives is the caller's to free, also on failure. */
static enum df_err open_p12(EVP_PKEY **key, X509 **cert,
			    STACK_OF(X509) * *chain, const void *ptr,
			    size_t len, const char *passphrase,
			    struct df_why *why)
{
	const unsigned char *p = ptr;
	PKCS12 *p12 =
		len <= (1u << 20) ? d2i_PKCS12(NULL, &p, (long)len) : NULL;
	enum df_err rc = DF_OK;

	if (p12 == NULL)
		return df_pki_fail(why, DF_E_FORMAT, "not a PKCS#12 file");
	if (PKCS12_verify_mac(p12, passphrase, -1) != 1 &&
	    !(passphrase[0] == '\0' && PKCS12_verify_mac(p12, NULL, 0) == 1))
		rc = df_pki_fail(why, DF_E_DENIED,
				 "wrong passphrase for the PKCS#12 file");
	else if (PKCS12_parse(p12, passphrase, key, cert, chain) != 1)
		rc = df_pki_fail(why, DF_E_FORMAT,
				 "cannot read the PKCS#12 file");
	else if (*key == NULL || *cert == NULL)
		rc = df_fail(why, DF_E_FORMAT,
			     "the PKCS#12 file has no key with a certificate");
	PKCS12_free(p12);
	return rc;
}

enum df_err df_report_sign_p12(struct df_buf *der, const void *p12,
			       size_t p12_len, const char *passphrase,
			       const void *statement, size_t len,
			       int64_t now_ms,
			       char signer[DF_NODE_NAME_MAX + 1],
			       struct df_why *why)
{
	STACK_OF(X509) *chain = NULL;
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	enum df_err rc;

	if (passphrase == NULL)
		passphrase = "";
	rc = open_p12(&key, &cert, &chain, p12, p12_len, passphrase, why);
	if (rc == DF_OK)
		rc = check_own(cert, key, now_ms, why);
	if (rc == DF_OK)
		rc = sign(der, cert, key, chain, statement, len, why);
	if (rc == DF_OK && signer != NULL)
		df_cert_name(&(struct df_cert){cert}, signer);
	EVP_PKEY_free(key);
	X509_free(cert);
	sk_X509_pop_free(chain, X509_free);
	ERR_clear_error();
	return rc;
}
