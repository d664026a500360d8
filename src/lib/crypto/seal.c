/*
 * seal.c - the chunked payload: sealing, opening in order, opening anywhere.
 *
 * Nonce of chunk i: 00*7 || u32 i || u8 last. The key belongs to one CORE (its
 * digest is the salt, its id is random), so a nonce is used once.
 * Invariant: `plain` of opener and reader is handed out only after its tag
 * was checked.
 */
#include "df/seal.h"

#include <stdlib.h>
#include <string.h>

#include "df/digest.h"
#include "gcm.h"

#define TAG DF_CHUNK_TAG_LEN
#define NO_CHUNK UINT64_MAX

static void nonce_of(uint8_t nonce[DF_GCM_NONCE_LEN], uint32_t index, bool last)
{
	memset(nonce, 0, 7);
	df_put_u32(nonce + 7, index);
	nonce[11] = last ? 1 : 0;
}

/* Checks that cek belongs to core; gives the cipher and the chunk size. */
static enum df_err begin(void **gcm, size_t *chunk, const uint8_t *core,
			 const struct df_cek *cek, bool seal,
			 struct df_why *why)
{
	uint8_t same[DF_CORE_LEN], key[32];
	struct df_digest h0;

	if (core[12] < 16 || core[12] > 20 || df_get_u16(core + 10) != 1)
		return df_fail(why, DF_E_FORMAT,
			       "suite or chunk size of CORE is not allowed");
	memcpy(same, core, sizeof same);
	df_seal_commit(same, cek);
	if (!df_same_secret(same, core, sizeof same))
		return df_fail(why, DF_E_HEADER,
			       "key commitment of the header does not match");
	*chunk = (size_t)1 << core[12];
	df_sha256(&h0, core, DF_CORE_LEN);
	df_hkdf_sha256(key, sizeof key, cek->b, sizeof cek->b, h0.b,
		       sizeof h0.b, "dfenv/1 payload");
	*gcm = df_gcm_new(key, seal);
	df_wipe(key, sizeof key);
	return DF_OK;
}

static void drop(uint8_t **ptr, size_t len)
{
	if (*ptr != NULL)
		df_wipe(*ptr, len);
	free(*ptr);
	*ptr = NULL;
}

/* --- sealing ------------------------------------------------------------- */

enum df_err df_seal_init(struct df_sealer *s, const uint8_t core[DF_CORE_LEN],
			 const struct df_cek *cek, df_chunk_emit *emit,
			 void *ctx, struct df_why *why)
{
	enum df_err rc;

	memset(s, 0, sizeof *s);
	rc = begin(&s->gcm, &s->chunk, core, cek, true, why);
	if (rc != DF_OK)
		return rc;
	s->plain = df_xmalloc(s->chunk);
	s->out = df_xmalloc(s->chunk + TAG);
	s->emit = emit;
	s->ctx = ctx;
	return DF_OK;
}

static enum df_err seal_chunk(struct df_sealer *s, const uint8_t *in,
			      size_t len, bool last, struct df_why *why)
{
	uint8_t nonce[DF_GCM_NONCE_LEN];

	if (s->index == UINT32_MAX)
		return df_fail(why, DF_E_LIMIT, "too many chunks to seal");
	nonce_of(nonce, s->index++, last);
	df_gcm_seal(s->gcm, nonce, NULL, 0, in, len, s->out);
	return s->emit(s->ctx, s->out, len + TAG, why);
}

/* A full chunk is sealed only when more follows: the last one is marked. */
enum df_err df_seal_update(struct df_sealer *s, const void *ptr, size_t len,
			   struct df_why *why)
{
	const uint8_t *p = ptr;
	enum df_err rc;

	while (len > 0) {
		size_t n = s->chunk - s->have;

		if (n == 0) {
			rc = seal_chunk(s, s->plain, s->chunk, false, why);
			if (rc != DF_OK)
				return rc;
			s->have = 0;
			continue;
		}
		if (s->have == 0 && len > s->chunk) { /* no copy needed */
			rc = seal_chunk(s, p, s->chunk, false, why);
			if (rc != DF_OK)
				return rc;
			n = s->chunk;
		} else {
			n = n < len ? n : len;
			memcpy(s->plain + s->have, p, n);
			s->have += n;
		}
		p += n;
		len -= n;
	}
	return DF_OK;
}

enum df_err df_seal_finish(struct df_sealer *s, struct df_why *why)
{
	size_t n = s->have;

	s->have = 0;
	return seal_chunk(s, s->plain, n, true, why);
}

void df_seal_release(struct df_sealer *s)
{
	df_gcm_free(s->gcm);
	drop(&s->plain, s->chunk);
	free(s->out);
	memset(s, 0, sizeof *s);
}

/* --- opening in order ---------------------------------------------------- */

enum df_err df_open_init(struct df_opener *o, const uint8_t core[DF_CORE_LEN],
			 const struct df_cek *cek, df_chunk_emit *emit,
			 void *ctx, struct df_why *why)
{
	enum df_err rc;

	memset(o, 0, sizeof *o);
	rc = begin(&o->gcm, &o->chunk, core, cek, false, why);
	if (rc != DF_OK)
		return rc;
	o->in = df_xmalloc(o->chunk + TAG);
	o->plain = df_xmalloc(o->chunk);
	o->emit = emit;
	o->ctx = ctx;
	return DF_OK;
}

/* True when the chunk is authentic as the one at o->index. */
static bool open_chunk(struct df_opener *o, const uint8_t *in, size_t len,
		       bool last)
{
	uint8_t nonce[DF_GCM_NONCE_LEN];

	nonce_of(nonce, o->index, last);
	return df_gcm_open(o->gcm, nonce, NULL, 0, in, len - TAG, o->plain);
}

/* A whole chunk that is followed by more. */
static enum df_err open_middle(struct df_opener *o, const uint8_t *in,
			       struct df_why *why)
{
	if (o->index == UINT32_MAX)
		return df_fail(why, DF_E_LIMIT, "too many chunks to open");
	if (!open_chunk(o, in, o->chunk + TAG, false)) {
		if (open_chunk(o, in, o->chunk + TAG, true))
			return df_fail(why, DF_E_TRAIL,
				       "bytes follow the last chunk");
		return df_fail(why, DF_E_CHUNK, "chunk %u is not authentic",
			       o->index);
	}
	o->index++;
	return o->emit(o->ctx, o->plain, o->chunk, why);
}

enum df_err df_open_update(struct df_opener *o, const void *ptr, size_t len,
			   struct df_why *why)
{
	const uint8_t *p = ptr;
	size_t whole = o->chunk + TAG;
	enum df_err rc;

	while (len > 0) {
		size_t n = whole - o->have;

		if (n == 0) {
			rc = open_middle(o, o->in, why);
			if (rc != DF_OK)
				return rc;
			o->have = 0;
			continue;
		}
		if (o->have == 0 && len > whole) { /* no copy needed */
			rc = open_middle(o, p, why);
			if (rc != DF_OK)
				return rc;
			n = whole;
		} else {
			n = n < len ? n : len;
			memcpy(o->in + o->have, p, n);
			o->have += n;
		}
		p += n;
		len -= n;
	}
	return DF_OK;
}

enum df_err df_open_finish(struct df_opener *o, struct df_why *why)
{
	size_t n = o->have;

	o->have = 0;
	if (n < TAG)
		return df_fail(why, DF_E_TRUNC, "ends without its last chunk");
	if (open_chunk(o, o->in, n, true)) {
		if (n == TAG && o->index > 0) /* nobody seals that */
			return df_fail(why, DF_E_CHUNK,
				       "last chunk may not be empty");
		return o->emit(o->ctx, o->plain, n - TAG, why);
	}
	if (n == o->chunk + TAG && open_chunk(o, o->in, n, false))
		return df_fail(why, DF_E_TRUNC, "ends without its last chunk");
	return df_fail(why, DF_E_CHUNK, "chunk %u is not authentic", o->index);
}

void df_open_release(struct df_opener *o)
{
	df_gcm_free(o->gcm);
	free(o->in);
	drop(&o->plain, o->chunk);
	memset(o, 0, sizeof *o);
}

/* --- opening anywhere ---------------------------------------------------- */

/* The chunk's plaintext, in `to`; what is not authentic is wiped there. */
static enum df_err open_at(struct df_reader *r, uint64_t index, uint8_t *to,
			   struct df_why *why)
{
	uint64_t at = index * (r->chunk + TAG);
	uint64_t left = r->payload_len - at;
	size_t n = left < r->chunk + TAG ? (size_t)left : r->chunk + TAG;
	uint8_t nonce[DF_GCM_NONCE_LEN];
	enum df_err rc = r->read(r->ctx, at, r->in, n, why);

	if (rc != DF_OK)
		return rc;
	nonce_of(nonce, (uint32_t)index, index == r->last);
	if (df_gcm_open(r->gcm, nonce, NULL, 0, r->in, n - TAG, to))
		return DF_OK;
	if (index == r->last && n == r->chunk + TAG) {
		nonce_of(nonce, (uint32_t)index, false);
		if (df_gcm_open(r->gcm, nonce, NULL, 0, r->in, n - TAG, to))
			return df_fail(why, DF_E_TRUNC,
				       "ends without its last chunk");
	}
	return df_fail(why, DF_E_CHUNK, "chunk %llu is not authentic",
		       (unsigned long long)index);
}

static enum df_err load(struct df_reader *r, uint64_t index, struct df_why *why)
{
	enum df_err rc;

	r->current = NO_CHUNK;
	rc = open_at(r, index, r->plain, why);
	if (rc == DF_OK)
		r->current = index;
	return rc;
}

/* Lengths from the payload's size alone; false: no stream has that size. */
static bool measure(struct df_reader *r, uint64_t payload_len)
{
	uint64_t whole = r->chunk + TAG;
	uint64_t count = payload_len / whole + (payload_len % whole != 0);
	uint64_t tail = payload_len - (count ? count - 1 : 0) * whole;

	if (count == 0 || count > UINT32_MAX || tail < TAG ||
	    (tail == TAG && count > 1))
		return false;
	r->payload_len = payload_len;
	r->plain_len = payload_len - count * TAG;
	r->last = count - 1;
	return true;
}

enum df_err df_reader_init(struct df_reader *r, const uint8_t core[DF_CORE_LEN],
			   const struct df_cek *cek, uint64_t payload_len,
			   df_payload_read *read, void *ctx, struct df_why *why)
{
	enum df_err rc;

	memset(r, 0, sizeof *r);
	rc = begin(&r->gcm, &r->chunk, core, cek, false, why);
	if (rc != DF_OK)
		return rc;
	r->read = read;
	r->ctx = ctx;
	r->current = NO_CHUNK;
	r->in = df_xmalloc(r->chunk + TAG);
	r->plain = df_xmalloc(r->chunk);
	if (measure(r, payload_len))
		rc = load(r, r->last, why);
	else
		rc = df_fail(why, DF_E_TRUNC, "no sealed stream is that long");
	if (rc != DF_OK)
		df_reader_release(r);
	return rc;
}

uint64_t df_reader_size(const struct df_reader *r)
{
	return r->plain_len;
}

enum df_err df_reader_read(struct df_reader *r, uint64_t offset, void *ptr,
			   size_t len, struct df_why *why)
{
	uint8_t *to = ptr;

	if (offset > r->plain_len || len > r->plain_len - offset)
		return df_fail(why, DF_E_TRUNC,
			       "read past the end of the plaintext");
	while (len > 0) {
		uint64_t index = offset / r->chunk;
		size_t at = (size_t)(offset % r->chunk);
		size_t n = r->chunk - at;
		enum df_err rc = DF_OK;

		n = n < len ? n : len;
		if (n == r->chunk && r->current != index) { /* no copy needed */
			rc = open_at(r, index, to, why);
		} else {
			if (r->current != index)
				rc = load(r, index, why);
			if (rc == DF_OK)
				memcpy(to, r->plain + at, n);
		}
		if (rc != DF_OK)
			return rc;
		to += n;
		offset += n;
		len -= n;
	}
	return DF_OK;
}

void df_reader_release(struct df_reader *r)
{
	df_gcm_free(r->gcm);
	free(r->in);
	drop(&r->plain, r->chunk);
	memset(r, 0, sizeof *r);
}
