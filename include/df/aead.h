/*
 * aead.h - small values sealed under a long-lived key: columns, secrets.
 *
 * AES-256-GCM, nonce 12 random || ciphertext || tag 16. Up to 2^32 values a
 * key. The blind index is an HMAC of a normalised value under its own key:
 * equal values are found, nothing else is learned without the key.
 */
#ifndef DF_AEAD_H
#define DF_AEAD_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_AEAD_KEY_LEN 32u
#define DF_AEAD_OVERHEAD 28u

/* Appends len + DF_AEAD_OVERHEAD bytes. aad binds the value to its place
 * ("patient.name" and the row's key, say). */
DF_MUST_CHECK enum df_err df_aead_seal(struct df_buf *out,
				       const uint8_t key[DF_AEAD_KEY_LEN],
				       struct df_text aad, const void *ptr,
				       size_t len, struct df_why *why);
/* Appends the plaintext. DF_E_CORRUPT when it is not authentic. */
DF_MUST_CHECK enum df_err df_aead_open(struct df_buf *out,
				       const uint8_t key[DF_AEAD_KEY_LEN],
				       struct df_text aad, const void *ptr,
				       size_t len, struct df_why *why);

/* `field` is a constant name of ours: one value in two fields does not match.
 */
void df_blind_index(struct df_digest *d, const uint8_t key[DF_AEAD_KEY_LEN],
		    const char *field, struct df_text value);

#ifdef __cplusplus
}
#endif
#endif
