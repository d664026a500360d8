/*
 * header.c - the keyed parts of a sealed header: key commitment, MAC, and the
 * CEK under the node's KEK. See df/seal.h.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "df/digest.h"
#include "df/seal.h"

#define COMMIT_AT 120u /* in CORE; what stands before it is the salt */

static void commitment(struct df_digest *d, const uint8_t *core,
		       const struct df_cek *cek)
{
	df_hkdf_sha256(d->b, sizeof d->b, cek->b, sizeof cek->b, core,
		       COMMIT_AT, "dfenv/1 commit");
}

void df_seal_commit(uint8_t core[DF_CORE_LEN], const struct df_cek *cek)
{
	struct df_digest d;

	commitment(&d, core, cek);
	memcpy(core + COMMIT_AT, d.b, sizeof d.b);
}

void df_header_mac(uint8_t mac[DF_HEADER_MAC_LEN], const struct df_cek *cek,
		   const uint8_t core[DF_CORE_LEN], const void *recipients,
		   size_t recipients_len)
{
	struct df_digest h0, d;
	uint8_t key[32];
	uint8_t *text;

	if (recipients_len > UINT32_MAX - DF_CORE_LEN - 4)
		df_bug("recipients of %zu bytes", recipients_len);
	df_sha256(&h0, core, DF_CORE_LEN);
	df_hkdf_sha256(key, sizeof key, cek->b, sizeof cek->b, h0.b,
		       sizeof h0.b, "dfenv/1 header");
	text = df_xmalloc(DF_CORE_LEN + 4 + recipients_len);
	memcpy(text, core, DF_CORE_LEN);
	df_put_u32(text + DF_CORE_LEN, (uint32_t)recipients_len);
	if (recipients_len > 0)
		memcpy(text + DF_CORE_LEN + 4, recipients, recipients_len);
	df_hmac_sha256(&d, key, sizeof key, text,
		       DF_CORE_LEN + 4 + recipients_len);
	memcpy(mac, d.b, sizeof d.b);
	free(text);
	df_wipe(key, sizeof key);
}

enum df_err df_header_check(const struct df_cek *cek,
			    const uint8_t core[DF_CORE_LEN],
			    const void *recipients, size_t recipients_len,
			    const uint8_t mac[DF_HEADER_MAC_LEN],
			    struct df_why *why)
{
	uint8_t want[DF_HEADER_MAC_LEN];
	struct df_digest d;

	commitment(&d, core, cek);
	if (!df_same_secret(d.b, core + COMMIT_AT, sizeof d.b))
		return df_fail(why, DF_E_HEADER,
			       "key commitment of the header does not match");
	df_header_mac(want, cek, core, recipients, recipients_len);
	if (!df_same_secret(want, mac, sizeof want))
		return df_fail(why, DF_E_HEADER,
			       "header was changed (MAC does not match)");
	return DF_OK;
}

/* AES-256 key wrap in either direction; false when it is not authentic. */
static bool wrap(uint8_t *to, const uint8_t *key, const uint8_t *from, int len,
		 int seal)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n = 0, m = 0;
	bool ok;

	if (c == NULL)
		df_bug("no memory for a cipher");
	EVP_CIPHER_CTX_set_flags(c, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	ok = EVP_CipherInit_ex(c, EVP_aes_256_wrap(), NULL, key, NULL, seal) ==
		     1 &&
	     EVP_CipherUpdate(c, to, &n, from, len) == 1 &&
	     EVP_CipherFinal_ex(c, to + n, &m) == 1;
	EVP_CIPHER_CTX_free(c);
	return ok && n + m == (seal ? (int)DF_WRAPPED_LEN : (int)DF_CEK_LEN);
}

void df_kek_wrap(uint8_t to[DF_WRAPPED_LEN], const uint8_t kek[DF_KEK_LEN],
		 const struct df_cek *cek)
{
	if (!wrap(to, kek, cek->b, DF_CEK_LEN, 1))
		df_bug("AES key wrap does not wrap");
}

enum df_err df_kek_unwrap(struct df_cek *cek, const uint8_t kek[DF_KEK_LEN],
			  const void *wrapped, size_t len, struct df_why *why)
{
	uint8_t to[DF_WRAPPED_LEN + 8] = {0};
	bool ok = len == DF_WRAPPED_LEN &&
		  wrap(to, kek, wrapped, DF_WRAPPED_LEN, 0);

	memset(cek, 0, sizeof *cek);
	if (ok)
		memcpy(cek->b, to, DF_CEK_LEN);
	df_wipe(to, sizeof to);
	if (!ok)
		return df_fail(why, DF_E_KEY,
			       "the node's key does not open this object");
	return DF_OK;
}

enum df_err df_seal_rest_header(struct df_buf *out, uint8_t core[DF_CORE_LEN],
				const struct df_cek *cek,
				const uint8_t wrapped[DF_WRAPPED_LEN],
				struct df_why *why)
{
	uint8_t head[DF_CORE_LEN + 4 + DF_WRAPPED_LEN + DF_HEADER_MAC_LEN];

	df_seal_commit(core, cek);
	memcpy(head, core, DF_CORE_LEN);
	df_put_u32(head + DF_CORE_LEN, DF_WRAPPED_LEN);
	memcpy(head + DF_CORE_LEN + 4, wrapped, DF_WRAPPED_LEN);
	df_header_mac(head + DF_CORE_LEN + 4 + DF_WRAPPED_LEN, cek, core,
		      wrapped, DF_WRAPPED_LEN);
	return df_buf_add(out, head, sizeof head, why);
}
