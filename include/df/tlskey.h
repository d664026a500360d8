/*
 * tlskey.h - TLS in a room that does not hold the private key.
 *
 * The certificate's public key becomes an EVP_PKEY whose signing calls back;
 * the room asks keys by message and returns the signature. OpenSSL types are
 * named by their tags so that only users of TLS include OpenSSL.
 */
#ifndef DF_TLSKEY_H
#define DF_TLSKEY_H

#include "df/x509.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ssl_ctx_st; /* SSL_CTX */
struct ssl_st;	   /* SSL */

/*
 * Signs a ready digest (32 bytes: P-256 with SHA-256) and writes the DER
 * signature, at most DF_RAW_SIGNATURE_MAX bytes. Blocks: it asks keys (answer:
 * df_key_sign_raw). An error fails this handshake only.
 */
typedef enum df_err df_tls_sign(void *ctx, const void *digest, size_t len,
				uint8_t sig[DF_RAW_SIGNATURE_MAX],
				size_t *sig_len);

/* Puts the certificate and the key that calls back into an SSL_CTX, limits
 * it to TLS 1.2 with AEAD and TLS 1.3, no renegotiation, no compression. sign
 * and ctx must live as long as the SSL_CTX. */
DF_MUST_CHECK enum df_err df_tls_use(struct ssl_ctx_st *ssl_ctx,
				     struct df_text cert_pem, df_tls_sign *sign,
				     void *ctx, struct df_why *why);
/* A server's SSL_CTX (SSL_CTX_free it): as above, and asks for a client
 * certificate, which may be missing but not wrong (issued by ca_pem, valid). */
DF_MUST_CHECK enum df_err df_tls_server_new(struct ssl_ctx_st **ssl_ctx,
					    struct df_text cert_pem,
					    struct df_text ca_pem,
					    df_tls_sign *sign, void *ctx,
					    struct df_why *why);
/* For a client, also inside curl's SSL_CTX callback. Replaces chain checks by:
 * the server's key has this fingerprint, its certificate is in time. *pin must
 * outlive ssl_ctx. */
void df_tls_pin(struct ssl_ctx_st *ssl_ctx, const struct df_digest *pin);
/* Fingerprint of the peer's certificate; false when it showed none. */
bool df_tls_peer(const struct ssl_st *ssl, struct df_digest *fingerprint);

#ifdef __cplusplus
}
#endif
#endif
