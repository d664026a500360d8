/*
 * column.c - the sealed part of a row, and blind indexes.
 *
 * A sealed record is {u8 field, u16 length, bytes}*, absent fields left out;
 * field numbers are those of enum df_ident, so that a record can grow.
 */
#include <string.h>

#include "sql.h"

/* Cut to what a reader has room for, never inside a UTF-8 sequence. */
static struct df_text cut(struct df_text t)
{
	if (t.len < DF_IDENT_CAP)
		return t;
	t.len = DF_IDENT_CAP - 1;
	while (t.len > 0 && ((uint8_t)t.ptr[t.len] & 0xC0) == 0x80)
		t.len--;
	return t;
}

enum df_err df_column_seal(struct df_store *s, struct df_text place,
			   const struct df_text *values, unsigned first,
			   unsigned last, struct df_buf *out,
			   struct df_why *why)
{
	struct df_buf plain;
	enum df_err rc = DF_OK;
	unsigned i;

	df_buf_init(&plain, 64 * 1024);
	for (i = first; rc == DF_OK && i < last; i++) {
		struct df_text t = cut(values[i]);

		if (t.len == 0)
			continue;
		rc = df_buf_u8(&plain, (uint8_t)i);
		if (rc == DF_OK)
			rc = df_buf_u16(&plain, (uint16_t)t.len);
		if (rc == DF_OK)
			rc = df_buf_add(&plain, t.ptr, t.len, why);
	}
	if (rc == DF_OK)
		rc = s->cipher.seal(
			s->cipher.ctx, place,
			(struct df_text){(const char *)plain.ptr, plain.len},
			out, why);
	df_buf_wipe(&plain);
	return rc;
}

enum df_err df_column_open(struct df_store *s, struct df_text place,
			   struct df_text sealed, char (*values)[DF_IDENT_CAP],
			   unsigned first, unsigned last, struct df_why *why)
{
	struct df_buf plain;
	enum df_err rc;
	unsigned i;
	size_t at = 0;

	for (i = first; i < last; i++)
		values[i][0] = '\0';
	df_buf_init(&plain, 64 * 1024);
	rc = s->cipher.open(s->cipher.ctx, place, sealed, &plain, why);
	while (rc == DF_OK && at + 3 <= plain.len) {
		size_t len = df_get_u16(plain.ptr + at + 1);
		unsigned field = plain.ptr[at];

		at += 3;
		if (len > plain.len - at || len >= DF_IDENT_CAP) {
			rc = df_fail(why, DF_E_CORRUPT,
				     "index.db: sealed record is malformed");
			break;
		}
		if (field >= first && field < last) {
			memcpy(values[field], plain.ptr + at, len);
			values[field][len] = '\0';
		}
		at += len;
	}
	df_buf_wipe(&plain);
	return rc;
}

/* Full-width ASCII (U+FF01..U+FF5E) becomes ASCII, letters upper case, outer
 * spaces and empty name components go: what staff type differently. */
static enum df_err normalise(struct df_buf *out, struct df_text t)
{
	size_t begin = out->len, i;
	enum df_err rc = DF_OK;

	for (i = 0; rc == DF_OK && i < t.len; i++) {
		const uint8_t *p = (const uint8_t *)t.ptr + i;
		uint8_t c = p[0];

		if (c == 0xEF && t.len - i >= 3 &&
		    (p[1] == 0xBC || p[1] == 0xBD)) {
			unsigned u = ((p[1] & 0x3Fu) << 6) | (p[2] & 0x3Fu);
			unsigned a = u - 0xF00u + 0x20u; /* U+FF00 is 0xF00 */

			if (a > 0x20 && a < 0x7F) {
				c = (uint8_t)a;
				i += 2;
			}
		}
		if (c >= 'a' && c <= 'z')
			c = (uint8_t)(c - 'a' + 'A');
		if (c == ' ' && out->len == begin)
			continue;
		rc = df_buf_u8(out, c);
	}
	while (out->len > begin &&
	       (out->ptr[out->len - 1] == ' ' || out->ptr[out->len - 1] == '^'))
		out->len--;
	return rc;
}

bool df_column_blind(struct df_store *s, const char *column,
		     const struct df_text *const *values, unsigned n,
		     struct df_digest *out)
{
	struct df_buf b;
	bool any = false;
	unsigned i;

	df_buf_init(&b, 256 * 1024);
	for (i = 0; i < n; i++) {
		size_t before = b.len;

		if (normalise(&b, cut(*values[i])) != DF_OK)
			df_bug("identity values exceed their bounds");
		any = any || b.len > before;
		if (df_buf_u8(&b, 0) != DF_OK)
			df_bug("identity values exceed their bounds");
	}
	if (any)
		s->cipher.blind(s->cipher.ctx, column,
				(struct df_text){(const char *)b.ptr, b.len},
				out);
	else
		*out = (struct df_digest){0};
	df_buf_wipe(&b);
	return any;
}

uint64_t df_column_key(struct df_store *s, const char *column,
		       struct df_text value)
{
	struct df_digest d;

	s->cipher.blind(s->cipher.ctx, column, value, &d);
	return df_get_u64(d.b);
}
