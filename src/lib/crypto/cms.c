/*
 * cms.c - the CEK for its recipients; detached signatures of nodes.
 * See df/cms.h.
 *
 * Invariant: a signature that verifies has one encoding. CMS leaves bytes
 * that no signature covers (versions, unused parameters), so the block is put
 * together again from its verified parts and compared.
 */
#include "df/cms.h"

#include <string.h>

#include <openssl/cms.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>

#include "df/digest.h"
#include "pki.h"

/* --- envelope ------------------------------------------------------------ */

static bool add_ec(CMS_ContentInfo *cms, X509 *cert)
{
	CMS_RecipientInfo *ri = CMS_add1_recipient_cert(
		cms, cert, CMS_USE_KEYID | CMS_KEY_PARAM);
	EVP_PKEY_CTX *ctx = ri ? CMS_RecipientInfo_get0_pkey_ctx(ri) : NULL;

	/* OpenSSL's own default would be SHA-1 */
	return ctx != NULL &&
	       EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, EVP_sha256()) > 0;
}

static bool add_rsa(CMS_ContentInfo *cms, X509 *cert)
{
	CMS_RecipientInfo *ri = CMS_add1_recipient_cert(
		cms, cert, CMS_USE_KEYID | CMS_KEY_PARAM);
	EVP_PKEY_CTX *ctx = ri ? CMS_RecipientInfo_get0_pkey_ctx(ri) : NULL;

	return ctx != NULL &&
	       EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) > 0 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) > 0;
}

static bool add_recipient(CMS_ContentInfo *cms, X509 *cert)
{
	const EVP_PKEY *key = X509_get0_pubkey(cert);

	if (key == NULL || !df_pki_key_strong(key, 3072))
		return false;
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
		return add_ec(cms, cert);
	return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && add_rsa(cms, cert);
}

static enum df_err append_cms(struct df_buf *out, CMS_ContentInfo *cms,
			      struct df_why *why)
{
	unsigned char *der = NULL;
	int n = i2d_CMS_ContentInfo(cms, &der);
	enum df_err rc;

	if (n <= 0)
		return df_pki_fail(why, DF_E_NOMEM, "cannot encode CMS");
	rc = df_buf_add(out, der, (size_t)n, why);
	OPENSSL_free(der);
	return rc;
}

enum df_err df_cms_wrap(struct df_buf *der, const struct df_cek *cek,
			const struct df_cert *const *recipients, size_t n,
			struct df_why *why)
{
	CMS_ContentInfo *cms = CMS_AuthEnvelopedData_create(EVP_aes_256_gcm());
	BIO *in = df_pki_bio(cek->b, sizeof cek->b);
	enum df_err rc;
	size_t i;

	if (cms == NULL || in == NULL || n == 0) {
		rc = df_pki_fail(why, DF_E_NOMEM, "cannot make an envelope");
		goto out;
	}
	for (i = 0; i < n; i++)
		if (!add_recipient(cms, recipients[i]->x509)) {
			rc = df_pki_fail(why, DF_E_UNSUPPORTED,
					 "cannot seal for this certificate");
			goto out;
		}
	CMS_set_detached(cms, 0); /* the CEK stands inside */
	if (CMS_final(cms, in, NULL, CMS_BINARY) != 1)
		rc = df_pki_fail(why, DF_E_UNSUPPORTED,
				 "cannot seal for these certificates");
	else
		rc = append_cms(der, cms, why);
out:
	BIO_free(in);
	CMS_ContentInfo_free(cms);
	return rc;
}

/* A whole CMS of the wanted type in exactly len bytes, or NULL. */
static CMS_ContentInfo *parse(const void *der, size_t len, int nid)
{
	const unsigned char *p = der;
	CMS_ContentInfo *cms;

	if (len == 0 || len > DF_CMS_MAX)
		return NULL;
	cms = d2i_CMS_ContentInfo(NULL, &p, (long)len);
	if (cms != NULL && (p != (const unsigned char *)der + len ||
			    OBJ_obj2nid(CMS_get0_type(cms)) != nid)) {
		CMS_ContentInfo_free(cms);
		cms = NULL;
	}
	return cms;
}

enum df_err df_cms_unwrap(struct df_cek *cek, const void *der, size_t der_len,
			  const struct df_key *key, const struct df_cert *cert,
			  struct df_why *why)
{
	CMS_ContentInfo *cms =
		parse(der, der_len, NID_id_smime_ct_authEnvelopedData);
	BIO *out = BIO_new(BIO_s_mem());
	char *ptr = NULL;
	bool ok;

	memset(cek, 0, sizeof *cek);
	ok = cms != NULL && out != NULL &&
	     CMS_decrypt(cms, key->pkey, cert->x509, NULL, out, CMS_BINARY) ==
		     1 &&
	     BIO_get_mem_data(out, &ptr) == DF_CEK_LEN;
	if (ok) {
		memcpy(cek->b, ptr, DF_CEK_LEN);
		df_wipe(ptr, DF_CEK_LEN);
	}
	BIO_free(out);
	CMS_ContentInfo_free(cms);
	if (!ok)
		return df_pki_fail(why, DF_E_KEY,
				   "this node's key does not open it");
	ERR_clear_error();
	return DF_OK;
}

/* --- signatures ---------------------------------------------------------- */

enum df_err df_cms_sign(struct df_buf *der, const struct df_key *key,
			const struct df_cert *cert, const void *ptr, size_t len,
			struct df_why *why)
{
	unsigned flags =
		CMS_BINARY | CMS_DETACHED | CMS_NOSMIMECAP | CMS_USE_KEYID;
	CMS_ContentInfo *cms = NULL;
	BIO *in = df_pki_bio(ptr, len);
	enum df_err rc;

	if (in != NULL)
		cms = CMS_sign(cert->x509, key->pkey, NULL, in, flags);
	if (cms == NULL)
		rc = df_pki_fail(why, DF_E_KEY, "cannot sign");
	else
		rc = append_cms(der, cms, why);
	BIO_free(in);
	CMS_ContentInfo_free(cms);
	return rc;
}

/* DER, outside in: the length of everything is known before it is written. */
static bool tlv(struct df_buf *out, uint8_t tag, const void *ptr, size_t len)
{
	enum df_err rc = df_buf_u8(out, tag);

	if (rc == DF_OK && len >= 256) {
		rc = df_buf_u8(out, 0x82);
		if (rc == DF_OK)
			rc = df_buf_u16(out, (uint16_t)len);
	} else if (rc == DF_OK && len >= 128) {
		rc = df_buf_u16(out, (uint16_t)(0x8100 | len));
	} else if (rc == DF_OK) {
		rc = df_buf_u8(out, (uint8_t)len);
	}
	return rc == DF_OK && len <= 0xffff &&
	       df_buf_add(out, ptr, len, NULL) == DF_OK;
}

static bool wrap(struct df_buf *out, uint8_t tag, struct df_buf *inner)
{
	bool ok = tlv(out, tag, inner->ptr, inner->len);

	df_buf_clear(inner);
	return ok;
}

static bool add(struct df_buf *out, const void *ptr, size_t len)
{
	return df_buf_add(out, ptr, len, NULL) == DF_OK;
}

/* AlgorithmIdentifiers and the empty detached content, as DER. */
static const uint8_t SHA256_ID[] = {0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48,
				    0x01, 0x65, 0x03, 0x04, 0x02, 0x01};
static const uint8_t ECDSA_ID[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
				   0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
static const uint8_t CONTENT[] = {0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48,
				  0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01};
static const uint8_t SIGNED_DATA[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
				      0xf7, 0x0d, 0x01, 0x07, 0x02};
static const uint8_t THREE[] = {0x02, 0x01, 0x03};

static bool add_attributes(struct df_buf *out, CMS_SignerInfo *si)
{
	int i, n = CMS_signed_get_attr_count(si);

	for (i = 0; i < n; i++) {
		unsigned char *der = NULL;
		int len = i2d_X509_ATTRIBUTE(CMS_signed_get_attr(si, i), &der);
		bool ok = len > 0 && add(out, der, (size_t)len);

		OPENSSL_free(der);
		if (!ok)
			return false;
	}
	return n > 0;
}

/* SignerInfo: version 3, SKI, SHA-256, signed attributes, ECDSA, signature. */
static bool rebuild_signer(struct df_buf *out, struct df_buf *scratch,
			   CMS_SignerInfo *si)
{
	ASN1_OCTET_STRING *ski = NULL, *sig = CMS_SignerInfo_get0_signature(si);

	if (CMS_SignerInfo_get0_signer_id(si, &ski, NULL, NULL) != 1 ||
	    ski == NULL || sig == NULL)
		return false;
	return add(out, THREE, sizeof THREE) &&
	       tlv(out, 0x80, ASN1_STRING_get0_data(ski),
		   (size_t)ASN1_STRING_length(ski)) &&
	       add(out, SHA256_ID, sizeof SHA256_ID) &&
	       add_attributes(scratch, si) && wrap(out, 0xa0, scratch) &&
	       add(out, ECDSA_ID, sizeof ECDSA_ID) &&
	       tlv(out, 0x04, ASN1_STRING_get0_data(sig),
		   (size_t)ASN1_STRING_length(sig));
}

static bool rebuild(struct df_buf *out, CMS_SignerInfo *si, X509 *cert)
{
	struct df_buf a, b;
	unsigned char *der = NULL;
	int n = i2d_X509(cert, &der);
	bool ok;

	df_buf_init(&a, DF_CMS_MAX);
	df_buf_init(&b, DF_CMS_MAX);
	ok = n > 0 && rebuild_signer(&a, &b, si) && wrap(&b, 0x30, &a) &&
	     wrap(out, 0x31, &b); /* SET of one SignerInfo */
	ok = ok && add(&a, THREE, sizeof THREE) &&
	     tlv(&a, 0x31, SHA256_ID, sizeof SHA256_ID) &&
	     add(&a, CONTENT, sizeof CONTENT) &&
	     tlv(&a, 0xa0, der, (size_t)n) && add(&a, out->ptr, out->len) &&
	     wrap(&b, 0x30, &a) && add(&a, SIGNED_DATA, sizeof SIGNED_DATA) &&
	     wrap(&a, 0xa0, &b);
	df_buf_clear(out);
	ok = ok && wrap(out, 0x30, &a);
	OPENSSL_free(der);
	df_buf_release(&a);
	df_buf_release(&b);
	return ok;
}

static bool canonical(CMS_SignerInfo *si, X509 *cert, const void *der,
		      size_t len)
{
	struct df_buf same;
	bool ok;

	df_buf_init(&same, DF_CMS_MAX);
	ok = rebuild(&same, si, cert) && same.len == len &&
	     memcmp(same.ptr, der, len) == 0;
	df_buf_release(&same);
	return ok;
}

/* One signer, P-256, signature right; gives SignerInfo and certificate. */
static bool check(CMS_ContentInfo *cms, BIO *data, CMS_SignerInfo **si,
		  X509 **cert)
{
	STACK_OF(CMS_SignerInfo) *all = CMS_get0_SignerInfos(cms);
	STACK_OF(X509) *signers = NULL;
	bool ok;

	if (CMS_is_detached(cms) != 1 || sk_CMS_SignerInfo_num(all) != 1 ||
	    CMS_verify(cms, NULL, NULL, data, NULL,
		       CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) != 1)
		return false;
	*si = sk_CMS_SignerInfo_value(all, 0);
	signers = CMS_get0_signers(cms);
	ok = sk_X509_num(signers) == 1;
	*cert = ok ? sk_X509_value(signers, 0) : NULL;
	sk_X509_free(signers);
	return ok && df_pki_key_is_ec(X509_get0_pubkey(*cert), 256);
}

enum df_err df_cms_verify(struct df_digest *signer, struct df_cert **cert,
			  const void *der, size_t der_len, const void *ptr,
			  size_t len, struct df_why *why)
{
	CMS_ContentInfo *cms = parse(der, der_len, NID_pkcs7_signed);
	BIO *data = df_pki_bio(ptr, len);
	CMS_SignerInfo *si = NULL;
	X509 *x = NULL;
	bool ok;

	ok = cms != NULL && data != NULL && check(cms, data, &si, &x) &&
	     canonical(si, x, der, der_len);
	if (ok && signer != NULL)
		df_cert_fingerprint(&(struct df_cert){x}, signer);
	if (ok && cert != NULL)
		*cert = df_cert_ref(&(struct df_cert){x});
	BIO_free(data);
	CMS_ContentInfo_free(cms);
	if (!ok)
		return df_pki_fail(why, DF_E_SENDER, "signature is not valid");
	ERR_clear_error();
	return DF_OK;
}

enum df_err df_cms_recertify(struct df_buf *out, const struct df_cert *cert,
			     const void *der, size_t der_len, const void *ptr,
			     size_t len, struct df_why *why)
{
	CMS_ContentInfo *cms = parse(der, der_len, NID_pkcs7_signed);
	BIO *data = df_pki_bio(ptr, len);
	CMS_SignerInfo *si = NULL;
	X509 *x = NULL;
	bool ok;

	ok = cms != NULL && data != NULL && check(cms, data, &si, &x) &&
	     EVP_PKEY_eq(X509_get0_pubkey(x), X509_get0_pubkey(cert->x509)) ==
		     1 &&
	     rebuild(out, si, cert->x509);
	BIO_free(data);
	CMS_ContentInfo_free(cms);
	if (!ok)
		return df_pki_fail(why, DF_E_SENDER, "signature is not valid");
	ERR_clear_error();
	return DF_OK;
}
