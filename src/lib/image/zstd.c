/*
 * zstd.c - zstd frames with their size in the header and a bounded window.
 */
#define ZSTD_STATIC_LINKING_ONLY /* frame header, parameters of a level */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "df/frames.h"

static enum df_err zstd_failed(struct df_why *why, enum df_err err,
			       const char *what, size_t rc)
{
	if (ZSTD_getErrorCode(rc) == ZSTD_error_memory_allocation)
		err = DF_E_NOMEM;
	return df_fail(why, err, "%s: %s", what, ZSTD_getErrorName(rc));
}

static size_t set_up(ZSTD_CCtx *c, int level, uint64_t size)
{
	size_t rc = ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level);
	ZSTD_compressionParameters p = ZSTD_getCParams(level, size, 0);

	if (!ZSTD_isError(rc) && p.windowLog > DF_ZSTD_WINDOW_LOG)
		rc = ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog,
					    DF_ZSTD_WINDOW_LOG);
	if (!ZSTD_isError(rc) && level < 0)
		rc = ZSTD_CCtx_setParameter(c, ZSTD_c_literalCompressionMode,
					    ZSTD_lcm_huffman);
	if (!ZSTD_isError(rc))
		rc = ZSTD_CCtx_setPledgedSrcSize(c, size);
	return rc;
}

/* One piece into the room there is; the last one must end the frame. */
static enum df_err feed(ZSTD_CCtx *c, ZSTD_outBuffer *to, const void *ptr,
			size_t len, ZSTD_EndDirective how, struct df_why *why)
{
	ZSTD_inBuffer from = {ptr, len, 0};
	size_t rc;

	do {
		rc = ZSTD_compressStream2(c, to, &from, how);
		if (ZSTD_isError(rc))
			return zstd_failed(why, DF_E_BUG, "cannot encode zstd",
					   rc);
		if (to->pos == to->size && (rc || from.pos < from.size))
			return df_fail(why, DF_E_LIMIT,
				       "zstd frame exceeds its buffer");
	} while (how == ZSTD_e_end ? rc != 0 : from.pos < from.size);
	return DF_OK;
}

enum df_err df_zstd_encode2(struct df_buf *out, const void *a, size_t a_len,
			    const void *b, size_t b_len, int level,
			    struct df_why *why)
{
	size_t bound = ZSTD_compressBound(a_len + b_len);
	ZSTD_outBuffer to = {0};
	ZSTD_CCtx *c;
	enum df_err rc;
	size_t zrc;

	if (bound > out->max - out->len)
		bound = out->max - out->len; /* LIMIT if that is too little */
	rc = df_buf_reserve(out, bound, why);
	if (rc != DF_OK)
		return rc;
	c = ZSTD_createCCtx();
	if (!c)
		return df_fail(why, DF_E_NOMEM, "no memory for zstd");
	to.dst = out->ptr + out->len;
	to.size = bound;
	zrc = set_up(c, level, (uint64_t)a_len + b_len);
	if (ZSTD_isError(zrc)) {
		rc = zstd_failed(why, DF_E_BUG, "cannot set up zstd", zrc);
		goto out;
	}
	if (b_len) {
		rc = feed(c, &to, a, a_len, ZSTD_e_continue, why);
		if (rc == DF_OK)
			rc = feed(c, &to, b, b_len, ZSTD_e_end, why);
	} else {
		rc = feed(c, &to, a, a_len, ZSTD_e_end, why);
	}
	if (rc == DF_OK)
		out->len += to.pos;
out:
	ZSTD_freeCCtx(c);
	return rc;
}

enum df_err df_zstd_encode(struct df_buf *out, const void *ptr, size_t len,
			   int level, struct df_why *why)
{
	return df_zstd_encode2(out, ptr, len, NULL, 0, level, why);
}

/* One whole frame of exactly this size within our window, nothing after it. */
static enum df_err check_frame(uint64_t len, const void *code, size_t code_len,
			       struct df_why *why)
{
	ZSTD_frameHeader h;
	size_t rc = ZSTD_getFrameHeader(&h, code, code_len);

	if (rc != 0)
		return df_fail(why, DF_E_FORMAT, "zstd frame has no header");
	if (h.frameType != ZSTD_frame || h.dictID != 0 ||
	    h.frameContentSize != len)
		return df_fail(why, DF_E_FORMAT,
			       "zstd frame is not of the size announced");
	if (h.windowSize > (1ull << DF_ZSTD_WINDOW_LOG))
		return df_fail(why, DF_E_LIMIT, "zstd window is too large");
	if (len / DF_ZSTD_RATIO_MAX > code_len)
		return df_fail(why, DF_E_LIMIT, "zstd ratio is too high");
	rc = ZSTD_findFrameCompressedSize(code, code_len);
	if (ZSTD_isError(rc) || rc != code_len)
		return df_fail(why, DF_E_FORMAT,
			       "zstd frame does not end where it must");
	return DF_OK;
}

enum df_err df_zstd_decode(void *to, size_t len, const void *code,
			   size_t code_len, struct df_why *why)
{
	enum df_err rc = check_frame(len, code, code_len, why);
	size_t got;

	if (rc != DF_OK)
		return rc;
	got = ZSTD_decompress(to, len, code, code_len);
	if (ZSTD_isError(got))
		return zstd_failed(why, DF_E_FORMAT, "cannot decode zstd", got);
	if (got != len)
		return df_fail(why, DF_E_FORMAT,
			       "zstd frame decodes to another size");
	return DF_OK;
}

/* Does `got` at offset `at` equal what a followed by b has there? */
static bool same(const uint8_t *got, size_t n, size_t at, const uint8_t *a,
		 size_t a_len, const uint8_t *b, size_t b_len)
{
	size_t head = 0;

	if (at + n > a_len + b_len)
		return false;
	if (at < a_len) {
		head = a_len - at < n ? a_len - at : n;
		if (memcmp(got, a + at, head) != 0)
			return false;
	}
	if (head == n)
		return true;
	return memcmp(got + head, b + (at + head - a_len), n - head) == 0;
}

enum df_err df_zstd_compare(const void *code, size_t code_len, const void *a,
			    size_t a_len, const void *b, size_t b_len,
			    struct df_why *why)
{
	size_t cap = ZSTD_DStreamOutSize(), at = 0;
	ZSTD_inBuffer from = {code, code_len, 0};
	ZSTD_DCtx *d = ZSTD_createDCtx();
	uint8_t *piece = malloc(cap);
	enum df_err rc = DF_OK;
	size_t zrc = 1;

	if (!d || !piece) {
		rc = df_fail(why, DF_E_NOMEM, "no memory for zstd");
		goto out;
	}
	while (rc == DF_OK && zrc != 0) {
		ZSTD_outBuffer to = {piece, cap, 0};

		zrc = ZSTD_decompressStream(d, &to, &from);
		if (ZSTD_isError(zrc) ||
		    (!to.pos && from.pos == from.size && zrc) ||
		    !same(piece, to.pos, at, a, a_len, b, b_len))
			rc = df_fail(why, DF_E_CORRUPT,
				     "zstd decodes to something else");
		at += to.pos;
	}
	if (rc == DF_OK && (at != a_len + b_len || from.pos != code_len))
		rc = df_fail(why, DF_E_CORRUPT, "zstd decodes to another size");
out:
	free(piece);
	ZSTD_freeDCtx(d);
	return rc;
}
