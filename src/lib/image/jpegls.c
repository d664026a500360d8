/*
 * jpegls.c - frames as JPEG-LS codestreams, through CharLS.
 *
 * CharLS takes one byte a sample up to 8 bits and two above, with nothing in
 * the bits above the precision. Frames that DICOM stores otherwise (8 bits in
 * words, signs extended) are repacked on the way; what the shape promises of
 * the bits above `bits` brings them back.
 */
#include <charls/charls.h>
#include <stdlib.h>
#include <string.h>

#include "df/frames.h"

static bool shape_valid(const struct df_frame_shape *s)
{
	return s->columns >= 1 && s->columns <= 65535 && s->rows >= 1 &&
	       s->rows <= 65535 && (s->samples == 1 || s->samples == 3) &&
	       (s->bytes == 1 || s->bytes == 2) && s->bits >= 2 &&
	       s->bits <= 8 * s->bytes;
}

static size_t samples_in(const struct df_frame_shape *s)
{
	return (size_t)s->columns * s->rows * s->samples;
}

uint64_t df_frame_size(const struct df_frame_shape *s)
{
	return shape_valid(s) ? (uint64_t)samples_in(s) * s->bytes : 0;
}

static uint16_t sample_at(const struct df_frame_shape *s, const uint8_t *p,
			  size_t i)
{
	if (s->bytes == 1)
		return p[i];
	return (uint16_t)(p[2 * i] | (p[2 * i + 1] << 8));
}

/* The whole sample that the low bits stand for. */
static uint16_t widen(const struct df_frame_shape *s, unsigned v)
{
	unsigned top = 1u << (s->bits - 1);
	unsigned full = s->bytes == 1 ? 0xFFu : 0xFFFFu;

	if (s->sign_extended && (v & top))
		v |= full & ~(2 * top - 1);
	return (uint16_t)v;
}

bool df_frame_fits(const struct df_frame_shape *s, const void *ptr, size_t len)
{
	const uint8_t *p = ptr;
	unsigned mask;
	size_t n;

	if (!shape_valid(s) || len % s->bytes)
		return false;
	if (s->bits == 8 * s->bytes)
		return true;
	mask = (1u << s->bits) - 1;
	n = len / s->bytes;
	for (size_t i = 0; i < n; i++) {
		uint16_t v = sample_at(s, p, i);

		if (widen(s, v & mask) != v)
			return false;
	}
	return true;
}

/* Does CharLS read these bytes as they are? */
static bool is_packed(const struct df_frame_shape *s)
{
	if (s->bits == 8 * s->bytes)
		return true;
	return !s->sign_extended && s->bytes == (s->bits <= 8 ? 1 : 2);
}

static void pack(const struct df_frame_shape *s, uint8_t *to, const uint8_t *p)
{
	unsigned mask = (1u << s->bits) - 1;
	size_t n = samples_in(s);

	for (size_t i = 0; i < n; i++) {
		unsigned v = sample_at(s, p, i) & mask;

		if (s->bits <= 8) {
			to[i] = (uint8_t)v;
		} else {
			to[2 * i] = (uint8_t)v;
			to[2 * i + 1] = (uint8_t)(v >> 8);
		}
	}
}

static void unpack(const struct df_frame_shape *s, uint8_t *to,
		   const uint8_t *p)
{
	size_t n = samples_in(s);

	for (size_t i = 0; i < n; i++) {
		unsigned v =
			s->bits <= 8
				? p[i]
				: (unsigned)(p[2 * i] | (p[2 * i + 1] << 8));
		uint16_t w = widen(s, v);

		if (s->bytes == 1) {
			to[i] = (uint8_t)w;
		} else {
			to[2 * i] = (uint8_t)w;
			to[2 * i + 1] = (uint8_t)(w >> 8);
		}
	}
}

static size_t packed_size(const struct df_frame_shape *s)
{
	return samples_in(s) * (s->bits <= 8 ? 1 : 2);
}

static charls_interleave_mode interleave(const struct df_frame_shape *s)
{
	return s->samples == 3 && !s->planar ? CHARLS_INTERLEAVE_MODE_SAMPLE
					     : CHARLS_INTERLEAVE_MODE_NONE;
}

static enum df_err charls_failed(struct df_why *why, enum df_err err,
				 const char *what, charls_jpegls_errc rc)
{
	if (rc == CHARLS_JPEGLS_ERRC_NOT_ENOUGH_MEMORY)
		err = DF_E_NOMEM;
	return df_fail(why, err, "%s: %s", what,
		       charls_get_error_message((int)rc));
}

static charls_jpegls_errc encode(charls_jpegls_encoder *e,
				 const struct df_frame_shape *s,
				 const uint8_t *p, uint8_t *to, size_t cap,
				 size_t *written)
{
	charls_frame_info info = {
		.width = s->columns,
		.height = s->rows,
		.bits_per_sample = s->bits,
		.component_count = s->samples,
	};
	charls_jpegls_errc rc = charls_jpegls_encoder_set_frame_info(e, &info);

	if (rc == CHARLS_JPEGLS_ERRC_SUCCESS)
		rc = charls_jpegls_encoder_set_interleave_mode(e,
							       interleave(s));
	if (rc == CHARLS_JPEGLS_ERRC_SUCCESS)
		rc = charls_jpegls_encoder_set_destination_buffer(e, to, cap);
	if (rc == CHARLS_JPEGLS_ERRC_SUCCESS)
		rc = charls_jpegls_encoder_encode_from_buffer(
			e, p, packed_size(s), 0);
	if (rc == CHARLS_JPEGLS_ERRC_SUCCESS)
		rc = charls_jpegls_encoder_get_bytes_written(e, written);
	return rc;
}

enum df_err df_frame_encode(struct df_buf *out, const struct df_frame_shape *s,
			    const void *ptr, size_t len, struct df_why *why)
{
	const uint8_t *p = ptr;
	charls_jpegls_encoder *e = NULL;
	charls_jpegls_errc crc;
	uint8_t *scratch = NULL;
	size_t cap, written = 0;
	enum df_err rc = DF_OK;

	if (!df_frame_size(s) || df_frame_size(s) != len)
		return df_fail(why, DF_E_UNSUPPORTED,
			       "frame is not of a shape that jpeg-ls codes");
	/* one and a half times the frame always does; noise falls back */
	cap = packed_size(s) + packed_size(s) / 2 + 1024;
	rc = df_buf_reserve(out, cap, why);
	if (rc != DF_OK)
		return rc;
	if (!is_packed(s)) {
		scratch = malloc(packed_size(s));
		if (!scratch)
			return df_fail(why, DF_E_NOMEM,
				       "no memory for a frame");
		pack(s, scratch, p);
		p = scratch;
	}
	e = charls_jpegls_encoder_create();
	if (!e) {
		rc = df_fail(why, DF_E_NOMEM, "no memory for jpeg-ls");
		goto out;
	}
	crc = encode(e, s, p, out->ptr + out->len, cap, &written);
	if (crc != CHARLS_JPEGLS_ERRC_SUCCESS)
		rc = charls_failed(why, DF_E_UNSUPPORTED,
				   "cannot encode jpeg-ls", crc);
	else
		out->len += written;
out:
	charls_jpegls_encoder_destroy(e);
	free(scratch);
	return rc;
}

/* The codestream must be what our encoder would write for this shape. */
static enum df_err check_header(charls_jpegls_decoder *d,
				const struct df_frame_shape *s,
				const void *code, size_t code_len,
				struct df_why *why)
{
	charls_frame_info info = {0};
	charls_interleave_mode mode = CHARLS_INTERLEAVE_MODE_NONE;
	int32_t near = 0;
	size_t size = 0;
	charls_jpegls_errc rc =
		charls_jpegls_decoder_set_source_buffer(d, code, code_len);

	if (rc == CHARLS_JPEGLS_ERRC_SUCCESS)
		rc = charls_jpegls_decoder_read_header(d);
	if (rc == CHARLS_JPEGLS_ERRC_SUCCESS)
		rc = charls_jpegls_decoder_get_frame_info(d, &info);
	if (rc == CHARLS_JPEGLS_ERRC_SUCCESS)
		rc = charls_jpegls_decoder_get_near_lossless(d, 0, &near);
	if (rc == CHARLS_JPEGLS_ERRC_SUCCESS)
		rc = charls_jpegls_decoder_get_interleave_mode(d, &mode);
	if (rc == CHARLS_JPEGLS_ERRC_SUCCESS)
		rc = charls_jpegls_decoder_get_destination_size(d, 0, &size);
	if (rc != CHARLS_JPEGLS_ERRC_SUCCESS)
		return charls_failed(why, DF_E_FORMAT, "cannot read jpeg-ls",
				     rc);
	if (info.width != s->columns || info.height != s->rows ||
	    info.bits_per_sample != s->bits ||
	    info.component_count != s->samples || near != 0 ||
	    mode != interleave(s) || size != packed_size(s))
		return df_fail(why, DF_E_FORMAT,
			       "jpeg-ls frame is not of the shape announced");
	return DF_OK;
}

enum df_err df_frame_decode(void *to, size_t len,
			    const struct df_frame_shape *s, const void *code,
			    size_t code_len, struct df_why *why)
{
	charls_jpegls_decoder *d = NULL;
	uint8_t *scratch = NULL;
	charls_jpegls_errc crc;
	enum df_err rc;

	if (!df_frame_size(s) || df_frame_size(s) != len)
		return df_fail(why, DF_E_FORMAT,
			       "frame is not of a shape that jpeg-ls codes");
	d = charls_jpegls_decoder_create();
	if (!d)
		return df_fail(why, DF_E_NOMEM, "no memory for jpeg-ls");
	rc = check_header(d, s, code, code_len, why);
	if (rc != DF_OK)
		goto out;
	if (!is_packed(s)) {
		scratch = malloc(packed_size(s));
		if (!scratch) {
			rc = df_fail(why, DF_E_NOMEM, "no memory for a frame");
			goto out;
		}
	}
	crc = charls_jpegls_decoder_decode_to_buffer(d, scratch ? scratch : to,
						     packed_size(s), 0);
	if (crc != CHARLS_JPEGLS_ERRC_SUCCESS)
		rc = charls_failed(why, DF_E_FORMAT, "cannot decode jpeg-ls",
				   crc);
	else if (scratch)
		unpack(s, to, scratch);
out:
	charls_jpegls_decoder_destroy(d);
	free(scratch);
	return rc;
}
