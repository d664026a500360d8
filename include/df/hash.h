/*
 * hash.h - SHA-256 of small texts, for rooms that do not link OpenSSL.
 *
 * Plain and slow (about 200 MB/s): for envelopes, manifests and headers.
 * Image bytes are hashed by crypto (include/df/digest.h).
 */
#ifndef DF_HASH_H
#define DF_HASH_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

void df_hash_bytes(struct df_digest *d, const void *ptr, size_t len);

#ifdef __cplusplus
}
#endif
#endif
