/*
 * digest.h - SHA-256 by OpenSSL (1.7 GB/s), HMAC, HKDF, constant-time compare.
 *
 * Nothing here fails in use: a broken library is df_bug().
 */
#ifndef DF_DIGEST_H
#define DF_DIGEST_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

/* {0} is a valid released state; init may be repeated on a used one. */
struct df_sha256 {
	void *ctx; /* owned */
};
void df_sha256_init(struct df_sha256 *s);
void df_sha256_update(struct df_sha256 *s, const void *ptr, size_t len);
void df_sha256_final(struct df_sha256 *s, struct df_digest *d);
void df_sha256_release(struct df_sha256 *s);

void df_sha256(struct df_digest *d, const void *ptr, size_t len);

void df_hmac_sha256(struct df_digest *d, const void *key, size_t key_len,
		    const void *ptr, size_t len);
/* HKDF-SHA-256 (RFC 5869, extract and expand); info is our constant text. */
void df_hkdf_sha256(void *to, size_t to_len, const void *key, size_t key_len,
		    const void *salt, size_t salt_len, const char *info);
/* In constant time. */
bool df_same_secret(const void *a, const void *b, size_t len);
/* Overwrites; the compiler may not drop it. */
void df_wipe(void *ptr, size_t len);

#ifdef __cplusplus
}
#endif
#endif
