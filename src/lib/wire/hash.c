/* hash.c - SHA-256 of small texts, by libcrypto. See df/hash.h. */
#include "df/hash.h"

#include <openssl/evp.h>

void df_hash_bytes(struct df_digest *d, const void *ptr, size_t len)
{
	if (EVP_Digest(ptr, len, d->b, NULL, EVP_sha256(), NULL) != 1)
		df_bug("libcrypto has no SHA-256");
}
