/*
 * gcm.h - AES-256-GCM with one key and many nonces (private to crypto).
 *
 * The key schedule is made once; each call only sets the nonce.
 */
#ifndef DF_GCM_H
#define DF_GCM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DF_GCM_NONCE_LEN 12
#define DF_GCM_TAG_LEN 16

void *df_gcm_new(const uint8_t key[32], bool seal);
void df_gcm_free(void *gcm);
/* out gets len bytes of ciphertext and the tag. out may not overlap in. */
void df_gcm_seal(void *gcm, const uint8_t nonce[DF_GCM_NONCE_LEN],
		 const void *aad, size_t aad_len, const uint8_t *in, size_t len,
		 uint8_t *out);
/* in has len bytes of ciphertext and the tag; false (and out wiped) when it is
 * not authentic. */
bool df_gcm_open(void *gcm, const uint8_t nonce[DF_GCM_NONCE_LEN],
		 const void *aad, size_t aad_len, const uint8_t *in, size_t len,
		 uint8_t *out);

#endif
