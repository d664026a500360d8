/* gcm.c - see gcm.h. A failing library call here is a broken invariant. */
#include "gcm.h"

#include <limits.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "df/err.h"

void *df_gcm_new(const uint8_t key[32], bool seal)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();

	if (c == NULL || EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key,
					   NULL, seal ? 1 : 0) != 1)
		df_bug("AES-256-GCM is missing");
	return c;
}

void df_gcm_free(void *gcm)
{
	EVP_CIPHER_CTX_free(gcm);
}

static void start(EVP_CIPHER_CTX *c, const uint8_t *nonce, const void *aad,
		  size_t aad_len)
{
	int n;

	if (aad_len > INT_MAX ||
	    EVP_CipherInit_ex(c, NULL, NULL, NULL, nonce, -1) != 1 ||
	    (aad_len > 0 &&
	     EVP_CipherUpdate(c, NULL, &n, aad, (int)aad_len) != 1))
		df_bug("AES-256-GCM does not start");
}

void df_gcm_seal(void *gcm, const uint8_t nonce[DF_GCM_NONCE_LEN],
		 const void *aad, size_t aad_len, const uint8_t *in, size_t len,
		 uint8_t *out)
{
	int n = 0, m = 0;

	start(gcm, nonce, aad, aad_len);
	if (len > INT_MAX ||
	    (len > 0 && EVP_CipherUpdate(gcm, out, &n, in, (int)len) != 1) ||
	    EVP_CipherFinal_ex(gcm, out + n, &m) != 1 ||
	    EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_GET_TAG, DF_GCM_TAG_LEN,
				out + len) != 1)
		df_bug("AES-256-GCM does not seal");
}

bool df_gcm_open(void *gcm, const uint8_t nonce[DF_GCM_NONCE_LEN],
		 const void *aad, size_t aad_len, const uint8_t *in, size_t len,
		 uint8_t *out)
{
	uint8_t tag[DF_GCM_TAG_LEN];
	int n = 0, m = 0;
	size_t i;

	for (i = 0; i < sizeof tag; i++)
		tag[i] = in[len + i];
	start(gcm, nonce, aad, aad_len);
	if (len > INT_MAX ||
	    (len > 0 && EVP_CipherUpdate(gcm, out, &n, in, (int)len) != 1) ||
	    EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_SET_TAG, DF_GCM_TAG_LEN,
				tag) != 1)
		df_bug("AES-256-GCM does not open");
	if (EVP_CipherFinal_ex(gcm, out + n, &m) == 1)
		return true;
	OPENSSL_cleanse(out, len);
	return false;
}
