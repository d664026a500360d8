/* aead.c - small sealed values and blind indexes. See df/aead.h. */
#include "df/aead.h"

#include <string.h>

#include "df/digest.h"
#include "gcm.h"

enum df_err df_aead_seal(struct df_buf *out, const uint8_t key[DF_AEAD_KEY_LEN],
			 struct df_text aad, const void *ptr, size_t len,
			 struct df_why *why)
{
	enum df_err rc;
	uint8_t *at;
	void *gcm;

	if (len > SIZE_MAX - DF_AEAD_OVERHEAD)
		return df_fail(why, DF_E_LIMIT, "value too long to seal");
	rc = df_buf_reserve(out, len + DF_AEAD_OVERHEAD, why);
	if (rc != DF_OK)
		return rc;
	at = out->ptr + out->len;
	df_random(at, DF_GCM_NONCE_LEN);
	gcm = df_gcm_new(key, true);
	df_gcm_seal(gcm, at, aad.ptr, aad.len, ptr, len, at + DF_GCM_NONCE_LEN);
	df_gcm_free(gcm);
	out->len += len + DF_AEAD_OVERHEAD;
	return DF_OK;
}

enum df_err df_aead_open(struct df_buf *out, const uint8_t key[DF_AEAD_KEY_LEN],
			 struct df_text aad, const void *ptr, size_t len,
			 struct df_why *why)
{
	const uint8_t *p = ptr;
	enum df_err rc;
	void *gcm;
	bool ok;

	if (len < DF_AEAD_OVERHEAD)
		return df_fail(why, DF_E_CORRUPT, "sealed value too short");
	len -= DF_AEAD_OVERHEAD;
	rc = df_buf_reserve(out, len + 1, why);
	if (rc != DF_OK)
		return rc;
	gcm = df_gcm_new(key, false);
	ok = df_gcm_open(gcm, p, aad.ptr, aad.len, p + DF_GCM_NONCE_LEN, len,
			 out->ptr + out->len);
	df_gcm_free(gcm);
	if (!ok)
		return df_fail(why, DF_E_CORRUPT,
			       "sealed value is not authentic");
	out->len += len;
	return DF_OK;
}

void df_blind_index(struct df_digest *d, const uint8_t key[DF_AEAD_KEY_LEN],
		    const char *field, struct df_text value)
{
	struct df_digest of_field;

	/* a key a field, so that field and value cannot run together */
	df_hmac_sha256(&of_field, key, DF_AEAD_KEY_LEN, field, strlen(field));
	df_hmac_sha256(d, of_field.b, sizeof of_field.b, value.ptr, value.len);
	df_wipe(&of_field, sizeof of_field);
}
