/*
 * hash.h - SHA-256 of what is in memory: envelopes, manifests, headers.
 *
 * For the pure formats of this module. Bytes that stream by are hashed by
 * crypto (include/df/digest.h).
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
