/* digest.c - SHA-256, HMAC, HKDF. See df/digest.h. */
#include "df/digest.h"

#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

void df_sha256_init(struct df_sha256 *s)
{
	if (s->ctx == NULL)
		s->ctx = EVP_MD_CTX_new();
	if (s->ctx == NULL ||
	    EVP_DigestInit_ex(s->ctx, EVP_sha256(), NULL) != 1)
		df_bug("SHA-256 is missing");
}

void df_sha256_update(struct df_sha256 *s, const void *ptr, size_t len)
{
	if (EVP_DigestUpdate(s->ctx, ptr, len) != 1)
		df_bug("SHA-256 does not update");
}

void df_sha256_final(struct df_sha256 *s, struct df_digest *d)
{
	if (EVP_DigestFinal_ex(s->ctx, d->b, NULL) != 1)
		df_bug("SHA-256 does not end");
}

void df_sha256_release(struct df_sha256 *s)
{
	EVP_MD_CTX_free(s->ctx);
	s->ctx = NULL;
}

void df_sha256(struct df_digest *d, const void *ptr, size_t len)
{
	if (EVP_Digest(ptr, len, d->b, NULL, EVP_sha256(), NULL) != 1)
		df_bug("SHA-256 is missing");
}

void df_hmac_sha256(struct df_digest *d, const void *key, size_t key_len,
		    const void *ptr, size_t len)
{
	static const uint8_t none[1];

	if (key_len > INT_MAX ||
	    HMAC(EVP_sha256(), key_len ? key : none, (int)key_len,
		 len ? ptr : none, len, d->b, NULL) == NULL)
		df_bug("HMAC-SHA-256 is missing");
}

void df_hkdf_sha256(void *to, size_t to_len, const void *key, size_t key_len,
		    const void *salt, size_t salt_len, const char *info)
{
	struct df_digest prk, t = {{0}};
	uint8_t block[DF_DIGEST_LEN + 64 + 1];
	size_t info_len = strlen(info), done = 0, before = 0;
	uint8_t i;

	if (info_len > 64 || to_len > 255 * DF_DIGEST_LEN)
		df_bug("HKDF of %zu bytes", to_len);
	df_hmac_sha256(&prk, salt, salt_len, key, key_len);
	for (i = 1; done < to_len; i++) {
		size_t n = to_len - done;

		memcpy(block, t.b, before);
		memcpy(block + before, info, info_len);
		block[before + info_len] = i;
		df_hmac_sha256(&t, prk.b, sizeof prk.b, block,
			       before + info_len + 1);
		before = DF_DIGEST_LEN;
		n = n < DF_DIGEST_LEN ? n : DF_DIGEST_LEN;
		memcpy((uint8_t *)to + done, t.b, n);
		done += n;
	}
	df_wipe(&prk, sizeof prk);
	df_wipe(&t, sizeof t);
	df_wipe(block, sizeof block);
}

bool df_same_secret(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

void df_wipe(void *ptr, size_t len)
{
	explicit_bzero(ptr, len); /* OPENSSL_cleanse is much slower */
}
