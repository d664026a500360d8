/* register_record.c - one record of the register, encoded and decoded. */
#include <inttypes.h>
#include <string.h>

#include "df/hash.h"
#include "register_record.h"

static const uint8_t MARK[4] = {0xDF, 'R', 'E', 'C'};
#define PLAIN_HEAD 9u /* time and the length of kind */

bool df_register_record_decode(struct df_register_record *r, const uint8_t *ptr,
			       size_t len)
{
	size_t n;

	if (len < DF_REGISTER_FRAME_LEN + DF_DIGEST_LEN ||
	    memcmp(ptr, MARK, sizeof MARK) != 0)
		return false;
	n = df_get_u32(ptr + 4);
	if (n > DF_REGISTER_SEALED_MAX ||
	    n > len - DF_REGISTER_FRAME_LEN - DF_DIGEST_LEN)
		return false;
	r->len = DF_REGISTER_FRAME_LEN + n + DF_DIGEST_LEN;
	r->seq = df_get_u64(ptr + 8);
	memcpy(r->previous.b, ptr + 16, sizeof r->previous.b);
	r->sealed =
		(struct df_text){(const char *)ptr + DF_REGISTER_FRAME_LEN, n};
	df_hash_bytes(&r->hash, ptr, DF_REGISTER_FRAME_LEN + n);
	return r->seq > 0 && r->seq < UINT64_MAX / 2 &&
	       memcmp(r->hash.b, ptr + DF_REGISTER_FRAME_LEN + n,
		      sizeof r->hash.b) == 0;
}

enum df_err df_register_record_encode(struct df_buf *out,
				      struct df_register_record *r,
				      struct df_why *why)
{
	size_t begin = out->len;
	enum df_err rc;

	if (r->sealed.len > DF_REGISTER_SEALED_MAX)
		df_bug("a sealed entry is longer than its parts");
	r->len = DF_REGISTER_FRAME_LEN + r->sealed.len + DF_DIGEST_LEN;
	rc = df_buf_reserve(out, r->len, why);
	if (rc == DF_OK)
		rc = df_buf_add(out, MARK, sizeof MARK, why);
	if (rc == DF_OK)
		rc = df_buf_u32(out, (uint32_t)r->sealed.len);
	if (rc == DF_OK)
		rc = df_buf_u64(out, r->seq);
	if (rc == DF_OK)
		rc = df_buf_add(out, r->previous.b, sizeof r->previous.b, why);
	if (rc == DF_OK)
		rc = df_buf_add(out, r->sealed.ptr, r->sealed.len, why);
	if (rc != DF_OK)
		return rc;
	df_hash_bytes(&r->hash, out->ptr + begin, out->len - begin);
	return df_buf_add(out, r->hash.b, sizeof r->hash.b, why);
}

size_t df_register_record_find(const uint8_t *ptr, size_t len, size_t from)
{
	const uint8_t *at;

	if (from >= len)
		return len;
	at = memmem(ptr + from, len - from, MARK, sizeof MARK);
	return at != NULL ? (size_t)(at - ptr) : len;
}

struct df_register_place
df_register_record_place(const struct df_register_record *r)
{
	struct df_register_place p;

	df_str_fmt(p.s, sizeof p.s, "register/%" PRIu64 "/%s", r->seq,
		   df_digest_hex(&r->previous).s);
	return p;
}

enum df_err df_register_plain_decode(struct df_register_entry *e,
				     struct df_text plain, struct df_why *why)
{
	const uint8_t *p = (const uint8_t *)plain.ptr;
	size_t k;

	if (plain.len < PLAIN_HEAD || p[8] > DF_REGISTER_KIND_MAX ||
	    p[8] > plain.len - PLAIN_HEAD)
		return df_fail(why, DF_E_FORMAT, "an entry is too short");
	k = p[8];
	e->at_ms = (int64_t)df_get_u64(p);
	e->kind = (struct df_text){plain.ptr + PLAIN_HEAD, k};
	e->json = (struct df_text){plain.ptr + PLAIN_HEAD + k,
				   plain.len - PLAIN_HEAD - k};
	return DF_OK;
}

enum df_err df_register_plain_encode(struct df_buf *out, const char *kind,
				     int64_t now_ms, struct df_text json,
				     struct df_why *why)
{
	size_t k = strlen(kind);
	enum df_err rc;

	if (k == 0 || k > DF_REGISTER_KIND_MAX)
		df_bug("no kind of entry is called that");
	if (json.len > DF_REGISTER_JSON_MAX)
		return df_fail(why, DF_E_LIMIT,
			       "an entry of the register has at most %zu bytes",
			       DF_REGISTER_JSON_MAX);
	rc = df_buf_u64(out, (uint64_t)now_ms);
	if (rc == DF_OK)
		rc = df_buf_u8(out, (uint8_t)k);
	if (rc == DF_OK)
		rc = df_buf_add(out, kind, k, why);
	if (rc == DF_OK)
		rc = df_buf_add(out, json.ptr, json.len, why);
	return rc;
}
