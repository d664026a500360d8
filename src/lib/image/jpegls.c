/*
 * jpegls.c - frames as JPEG-LS codestreams, through CharLS.
 *
 * Signed samples go in as the bits they are, as DICOM encapsulates them: not
 * shifted.
 */
#include <charls/charls.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"

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
			e, p, frame_plain_size(s), 0);
	if (rc == CHARLS_JPEGLS_ERRC_SUCCESS)
		rc = charls_jpegls_encoder_get_bytes_written(e, written);
	return rc;
}

static enum df_err jpegls_encode(struct df_buf *out,
				 const struct df_frame_shape *s,
				 const void *ptr, size_t len,
				 struct df_why *why)
{
	charls_jpegls_encoder *e = NULL;
	charls_jpegls_errc crc;
	size_t cap, written = 0;
	enum df_err rc;
	const void *plain;
	void *made;

	(void)len; /* that of the shape */
	/* one and a half times the frame always does; noise falls back */
	cap = frame_plain_size(s) + frame_plain_size(s) / 2 + 1024;
	rc = df_buf_reserve(out, cap, why);
	if (rc != DF_OK)
		return rc;
	plain = frame_plain(s, 0, ptr, &made);
	e = plain == NULL ? NULL : charls_jpegls_encoder_create();
	if (e == NULL) {
		rc = df_fail(why, DF_E_NOMEM, "no memory for jpeg-ls");
		goto out;
	}
	crc = encode(e, s, plain, out->ptr + out->len, cap, &written);
	if (crc != CHARLS_JPEGLS_ERRC_SUCCESS)
		rc = charls_failed(why, DF_E_UNSUPPORTED,
				   "cannot encode jpeg-ls", crc);
	else
		out->len += written;
out:
	charls_jpegls_encoder_destroy(e);
	free(made);
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
	    mode != interleave(s) || size != frame_plain_size(s))
		return df_fail(why, DF_E_FORMAT,
			       "jpeg-ls frame is not of the shape announced");
	return DF_OK;
}

static enum df_err jpegls_decode(void *to, size_t len,
				 const struct df_frame_shape *s,
				 const void *code, size_t code_len,
				 struct df_why *why)
{
	bool direct = frame_plain_size(s) == len && !s->sign_extended;
	charls_jpegls_decoder *d = charls_jpegls_decoder_create();
	uint8_t *plain = direct ? to : malloc(frame_plain_size(s));
	charls_jpegls_errc crc;
	enum df_err rc;

	if (d == NULL || plain == NULL) {
		rc = df_fail(why, DF_E_NOMEM, "no memory for jpeg-ls");
		goto out;
	}
	rc = check_header(d, s, code, code_len, why);
	if (rc != DF_OK)
		goto out;
	crc = charls_jpegls_decoder_decode_to_buffer(d, plain,
						     frame_plain_size(s), 0);
	if (crc != CHARLS_JPEGLS_ERRC_SUCCESS)
		rc = charls_failed(why, DF_E_FORMAT, "cannot decode jpeg-ls",
				   crc);
	else if (!direct)
		frame_unpack(s, 0, to, plain);
out:
	charls_jpegls_decoder_destroy(d);
	if (!direct)
		free(plain);
	return rc;
}

const struct frame_codec frame_codec_jpegls = {jpegls_encode, jpegls_decode, false};
