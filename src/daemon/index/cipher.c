/* cipher.c - lends the store its cipher: AEAD and HMAC under the index key. */
#include "df/aead.h"
#include "index.h"

static enum df_err seal(void *ctx, struct df_text place, struct df_text value,
			struct df_buf *out, struct df_why *why)
{
	struct index *x = ctx;

	return df_aead_seal(out, x->seal_key, place, value.ptr, value.len, why);
}

static enum df_err open_sealed(void *ctx, struct df_text place,
			       struct df_text sealed, struct df_buf *out,
			       struct df_why *why)
{
	struct index *x = ctx;

	return df_aead_open(out, x->seal_key, place, sealed.ptr, sealed.len,
			    why);
}

static void blind(void *ctx, const char *column, struct df_text value,
		  struct df_digest *out)
{
	struct index *x = ctx;

	df_blind_index(out, x->blind_key, column, value);
}

struct df_column_cipher index_cipher(struct index *x)
{
	return (struct df_column_cipher){x, seal, open_sealed, blind};
}
