/*
 * tlskey.c - an EC key whose signing calls back, and TLS policy.
 * See df/tlskey.h.
 *
 * OpenSSL 3.0 has no provider-free way but EC_KEY_METHOD, which is marked as
 * deprecated: a provider would be 500 lines for the same effect.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "df/tlskey.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "pki.h"

/* Hangs on the EC_KEY and dies with it. */
struct callback {
	df_tls_sign *sign;
	void *ctx;
};

static EC_KEY_METHOD *method; /* made once by setup(), then constant */
static int slot = -1;
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static void drop_callback(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx,
			  long argl, void *argp)
{
	(void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
	free(ptr);
}

static int sign_bytes(int type, const unsigned char *digest, int len,
		      unsigned char *sig, unsigned int *sig_len,
		      const BIGNUM *kinv, const BIGNUM *r, EC_KEY *key)
{
	struct callback *c = EC_KEY_get_ex_data(key, slot);
	size_t n = 0;

	(void)type, (void)kinv, (void)r; /* OpenSSL's shape */
	if (c == NULL || len <= 0 ||
	    c->sign(c->ctx, digest, (size_t)len, sig, &n) != DF_OK || n == 0 ||
	    n > DF_RAW_SIGNATURE_MAX || (int)n > ECDSA_size(key))
		return 0;
	*sig_len = (unsigned int)n;
	return 1;
}

static ECDSA_SIG *sign_pair(const unsigned char *digest, int len,
			    const BIGNUM *kinv, const BIGNUM *r, EC_KEY *key)
{
	unsigned char sig[DF_RAW_SIGNATURE_MAX];
	const unsigned char *p = sig;
	unsigned int n = 0;

	if (sign_bytes(0, digest, len, sig, &n, kinv, r, key) != 1)
		return NULL;
	return d2i_ECDSA_SIG(NULL, &p, (long)n);
}

static void setup(void)
{
	slot = EC_KEY_get_ex_new_index(0, NULL, NULL, NULL, drop_callback);
	method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
	if (slot < 0 || method == NULL)
		df_bug("no room for a signing callback");
	EC_KEY_METHOD_set_sign(method, sign_bytes, NULL, sign_pair);
}

/* Public key of cert with the callback for its private half; NULL: not EC. */
static EVP_PKEY *callback_key(X509 *cert, df_tls_sign *sign, void *ctx)
{
	struct callback *c = df_xcalloc(1, sizeof *c);
	EVP_PKEY *pub = X509_get0_pubkey(cert), *pkey = EVP_PKEY_new();
	EC_KEY *ec = NULL;

	if (CRYPTO_THREAD_run_once(&once, setup) != 1)
		df_bug("cannot set up the signing callback");
	*c = (struct callback){sign, ctx};
	if (pub != NULL && df_pki_key_is_ec(pub, 256))
		ec = EC_KEY_dup(EVP_PKEY_get0_EC_KEY(pub));
	if (ec == NULL || pkey == NULL || EC_KEY_set_method(ec, method) != 1 ||
	    EC_KEY_set_ex_data(ec, slot, c) != 1) {
		free(c);
		EC_KEY_free(ec);
		EVP_PKEY_free(pkey);
		return NULL;
	}
	if (EVP_PKEY_assign_EC_KEY(pkey, ec) != 1)
		df_bug("an EC key is no key");
	return pkey;
}

enum df_err df_tls_use(struct ssl_ctx_st *ssl_ctx, struct df_text cert_pem,
		       df_tls_sign *sign, void *ctx, struct df_why *why)
{
	struct df_cert *cert = NULL;
	EVP_PKEY *key = NULL;
	enum df_err rc;
	bool ok;

	rc = df_cert_from_pem(&cert, cert_pem, why);
	if (rc != DF_OK)
		return rc;
	key = callback_key(cert->x509, sign, ctx);
	SSL_CTX_set_options(ssl_ctx,
			    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	ok = key != NULL &&
	     SSL_CTX_set_min_proto_version(ssl_ctx, TLS1_2_VERSION) == 1 &&
	     SSL_CTX_set_cipher_list(ssl_ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") ==
		     1 &&
	     SSL_CTX_use_certificate(ssl_ctx, cert->x509) == 1 &&
	     SSL_CTX_use_PrivateKey(ssl_ctx, key) == 1;
	EVP_PKEY_free(key);
	df_cert_free(cert);
	if (!ok)
		return df_pki_fail(why, DF_E_CONFIG,
				   "cannot use the node certificate for TLS");
	return DF_OK;
}

static bool trust(SSL_CTX *ssl_ctx, X509 *ca)
{
	return X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl_ctx), ca) == 1 &&
	       SSL_CTX_add_client_CA(ssl_ctx, ca) == 1;
}

enum df_err df_tls_server_new(struct ssl_ctx_st **ssl_ctx,
			      struct df_text cert_pem, struct df_text ca_pem,
			      df_tls_sign *sign, void *ctx, struct df_why *why)
{
	SSL_CTX *s = SSL_CTX_new(TLS_server_method());
	struct df_cert *ca = NULL;
	enum df_err rc;

	*ssl_ctx = NULL;
	if (s == NULL)
		return df_pki_fail(why, DF_E_NOMEM, "cannot start TLS");
	rc = df_tls_use(s, cert_pem, sign, ctx, why);
	if (rc == DF_OK)
		rc = df_cert_from_pem(&ca, ca_pem, why);
	if (rc == DF_OK && !trust(s, ca->x509))
		rc = df_pki_fail(why, DF_E_CONFIG, "cannot use the CA for TLS");
	df_cert_free(ca);
	if (rc != DF_OK) {
		SSL_CTX_free(s);
		return rc;
	}
	SSL_CTX_set_verify(s, SSL_VERIFY_PEER, NULL);
	/* every connection proves itself anew: no tickets, no cache */
	SSL_CTX_set_session_cache_mode(s, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(s,
			    SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
	(void)SSL_CTX_set_num_tickets(s, 0); /* cannot fail for 0 */
	*ssl_ctx = s;
	return DF_OK;
}

static int check_pin(X509_STORE_CTX *store, void *arg)
{
	X509 *x = X509_STORE_CTX_get0_cert(store);
	const struct df_digest *pin = arg;
	struct df_digest d;

	if (x == NULL)
		return 0;
	df_cert_fingerprint(&(struct df_cert){x}, &d);
	if (!df_digest_same(&d, pin)) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
		return 0;
	}
	if (X509_cmp_current_time(X509_get0_notBefore(x)) > 0) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_NOT_YET_VALID);
		return 0;
	}
	if (X509_cmp_current_time(X509_get0_notAfter(x)) < 0) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_HAS_EXPIRED);
		return 0;
	}
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

void df_tls_pin(struct ssl_ctx_st *ssl_ctx, const struct df_digest *pin)
{
	SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, NULL);
	/* read only in check_pin; OpenSSL has no const here */
	SSL_CTX_set_cert_verify_callback(ssl_ctx, check_pin,
					 (void *)(uintptr_t)pin);
}

bool df_tls_peer(const struct ssl_st *ssl, struct df_digest *fingerprint)
{
	X509 *x = SSL_get0_peer_certificate(ssl);

	if (x == NULL)
		return false;
	df_cert_fingerprint(&(struct df_cert){x}, fingerprint);
	return true;
}
