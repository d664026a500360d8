/*
 * x509.h - keys and certificates of nodes: making, reading, naming.
 *
 * A node's identity is the SHA-256 of its SubjectPublicKeyInfo: its
 * fingerprint. All in memory; files are the business of keys and of the
 * command. Private key text is wiped by df_buf_wipe(), by the caller.
 */
#ifndef DF_X509_H
#define DF_X509_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_NODE_NAME_MAX 192 /* bytes of UTF-8, at most 64 characters */
#define DF_PEM_MAX (64u << 10)

struct df_key;	/* a private key */
struct df_cert; /* a certificate */

/* --- private keys -------------------------------------------------------- */
DF_MUST_CHECK enum df_err df_key_new(struct df_key **key, struct df_why *why);
void df_key_free(struct df_key *key); /* NULL is fine */
/* PKCS#8, not encrypted. */
DF_MUST_CHECK enum df_err
df_key_to_pem(struct df_buf *out, const struct df_key *key, struct df_why *why);
DF_MUST_CHECK enum df_err
df_key_from_pem(struct df_key **key, struct df_text pem, struct df_why *why);
void df_key_fingerprint(const struct df_key *key, struct df_digest *d);
/* ECDSA over a digest already made; DER signature. For TLS by message. */
#define DF_RAW_SIGNATURE_MAX 80
DF_MUST_CHECK enum df_err df_key_sign_raw(const struct df_key *key,
					  const void *digest, size_t len,
					  uint8_t sig[DF_RAW_SIGNATURE_MAX],
					  size_t *sig_len, struct df_why *why);

/* --- certificates -------------------------------------------------------- */
DF_MUST_CHECK enum df_err
df_cert_from_pem(struct df_cert **cert, struct df_text pem, struct df_why *why);
DF_MUST_CHECK enum df_err df_cert_from_der(struct df_cert **cert,
					   const void *ptr, size_t len,
					   struct df_why *why);
DF_MUST_CHECK enum df_err df_cert_to_pem(struct df_buf *out,
					 const struct df_cert *cert,
					 struct df_why *why);
DF_MUST_CHECK enum df_err df_cert_to_der(struct df_buf *out,
					 const struct df_cert *cert,
					 struct df_why *why);
struct df_cert *df_cert_ref(const struct df_cert *cert);
void df_cert_free(struct df_cert *cert);
/* SHA-256 of SubjectPublicKeyInfo. */
void df_cert_fingerprint(const struct df_cert *cert, struct df_digest *d);
/* Common name as UTF-8, "" when there is none or it is too long. */
void df_cert_name(const struct df_cert *cert, char to[DF_NODE_NAME_MAX + 1]);
int64_t df_cert_not_before_ms(const struct df_cert *cert);
int64_t df_cert_not_after_ms(const struct df_cert *cert);
bool df_cert_is_ca(const struct df_cert *cert);
bool df_cert_has_key(const struct df_cert *cert, const struct df_key *key);
bool df_cert_is_own(const struct df_cert *cert); /* signed by its own key */
/* Issued by ca and valid at now_ms: DF_E_SENDER else. */
DF_MUST_CHECK enum df_err df_cert_check(const struct df_cert *cert,
					const struct df_cert *ca,
					int64_t now_ms, struct df_why *why);

/* --- making -------------------------------------------------------------- */
/* Names below: well-formed UTF-8, 1..64 characters, none of them a control
 * character; else DF_E_FORMAT. */
bool df_name_valid(struct df_text name);
/* A CA for a centre's clinics, self-signed, 10 years. */
DF_MUST_CHECK enum df_err df_ca_make(struct df_cert **cert,
				     const struct df_key *key,
				     struct df_text name, int64_t now_ms,
				     struct df_why *why);
/* As df_node_issue makes it, but signed by the key itself. */
DF_MUST_CHECK enum df_err df_own_issue(struct df_cert **cert,
				       const struct df_key *key,
				       struct df_text name, int64_t now_ms,
				       struct df_why *why);
/* PKCS#10, DER. */
DF_MUST_CHECK enum df_err df_csr_make(struct df_buf *der,
				      const struct df_key *key,
				      struct df_text name, struct df_why *why);
/* Checks the self-signature and the kind of key (P-256). Either out may be
 * NULL. DF_E_FORMAT, DF_E_DENIED. */
DF_MUST_CHECK enum df_err df_csr_check(const void *der, size_t len,
				       char name[DF_NODE_NAME_MAX + 1],
				       struct df_digest *fingerprint,
				       struct df_why *why);
/* A node certificate, 2 years, TLS client and server; `name` is the CA's
 * choice, the request's own name is not used. */
DF_MUST_CHECK enum df_err
df_node_issue(struct df_cert **cert, const struct df_key *ca_key,
	      const struct df_cert *ca, const void *csr, size_t csr_len,
	      struct df_text name, int64_t now_ms, struct df_why *why);
/* The centre's report seal, 2 years, signs reports only. */
DF_MUST_CHECK enum df_err
df_seal_issue(struct df_cert **cert, const struct df_key *ca_key,
	      const struct df_cert *ca, const struct df_key *seal_key,
	      struct df_text name, int64_t now_ms, struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
