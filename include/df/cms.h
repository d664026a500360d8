/*
 * cms.h - CMS (RFC 5652): the CEK for its recipients, detached signatures.
 *
 * Envelope: AuthEnvelopedData, AES-256-GCM, of the 32 bytes of the CEK; each
 * recipient by subject key identifier; EC P-256/P-384 by ECDH with the SHA-256
 * KDF, RSA (>= 3072 bit) by OAEP with SHA-256.
 */
#ifndef DF_CMS_H
#define DF_CMS_H

#include "df/seal.h"
#include "df/x509.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_CMS_MAX 65536u
#define DF_CMS_SIGNATURE_MAX 16384u

/* Appends DER. DF_E_UNSUPPORTED: a recipient's key is of another kind. */
DF_MUST_CHECK enum df_err df_cms_wrap(struct df_buf *der,
				      const struct df_cek *cek,
				      const struct df_cert *const *recipients,
				      size_t n, struct df_why *why);
/* DF_E_KEY: malformed, or not for this key, or not authentic. */
DF_MUST_CHECK enum df_err df_cms_unwrap(struct df_cek *cek, const void *der,
					size_t der_len,
					const struct df_key *key,
					const struct df_cert *cert,
					struct df_why *why);

/* Detached SignedData (SHA-256) over (ptr, len) with the signer certificate. */
DF_MUST_CHECK enum df_err df_cms_sign(struct df_buf *der,
				      const struct df_key *key,
				      const struct df_cert *cert,
				      const void *ptr, size_t len,
				      struct df_why *why);
/*
 * Checks the signature alone and gives the signer's certificate (the caller
 * frees it) and fingerprint; whether that signer is trusted, and whether the
 * certificate's own bytes are (df_cert_check), is the caller's question. One
 * signer, ECDSA P-256 with SHA-256, exactly the encoding that df_cms_sign
 * makes: no bit of it can change. DF_E_SENDER. signer and cert may be NULL.
 */
DF_MUST_CHECK enum df_err df_cms_verify(struct df_digest *signer,
					struct df_cert **cert, const void *der,
					size_t der_len, const void *ptr,
					size_t len, struct df_why *why);
/* The same signature with another certificate of the same key; out is empty. */
DF_MUST_CHECK enum df_err df_cms_recertify(struct df_buf *out,
					   const struct df_cert *cert,
					   const void *der, size_t der_len,
					   const void *ptr, size_t len,
					   struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
