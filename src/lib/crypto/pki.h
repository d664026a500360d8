/* pki.h - what the OpenSSL files of crypto share (private to crypto). */
#ifndef DF_PKI_H
#define DF_PKI_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "df/x509.h"

struct df_key {
	EVP_PKEY *pkey; /* owned */
};
struct df_cert {
	X509 *x509; /* owned */
};

/* Wrap an OpenSSL object that we own; on NULL give NULL. */
struct df_key *df_pki_key(EVP_PKEY *pkey);
struct df_cert *df_pki_cert(X509 *x509);

/* Like df_fail, and adds OpenSSL's reason (constant words of the library) and
 * empties its queue. */
enum df_err df_pki_fail(struct df_why *why, enum df_err err, const char *text);
/* A read-only BIO over borrowed bytes, or NULL. */
BIO *df_pki_bio(const void *ptr, size_t len);
/* Appends what a memory BIO holds and frees it. */
enum df_err df_pki_drain(struct df_buf *out, BIO *bio, struct df_why *why);
/* P-256 or P-384 key, or RSA of at least rsa_bits. NULL (a certificate whose
 * key cannot be read) is neither. */
bool df_pki_key_strong(const EVP_PKEY *key, int rsa_bits);
bool df_pki_key_is_ec(const EVP_PKEY *key, int bits); /* named curve */
int64_t df_pki_time_ms(const ASN1_TIME *t);	      /* -1: cannot be read */

#endif
