/*
 * jpegxl.c - frames as lossless JPEG XL, through libjxl.
 *
 * Effort 3: the smallest of what codes faster than a line of 40 Mbit/s takes
 * it. libjxl 0.7 reads words as 16 bits whatever their precision, so frames
 * are coded at 8 or 16. Signed samples are moved by half their range: the
 * codec knows unsigned ones only.
 */
#include <jxl/decode.h>
#include <jxl/encode.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"

#define EFFORT 3
#define GROUP_512 2 /* of 512 x 512: a CT slice in one, up to 0.4 % smaller */
#define PIECE (64u << 10)

static unsigned flip_of(const struct df_frame_shape *s)
{
	return s->sign_extended ? 1u << (s->bits - 1) : 0;
}

static unsigned coded_bits(const struct df_frame_shape *s)
{
	return s->bits <= 8 ? 8 : 16;
}

/* A plane a frame of three times the height: the codec has no planes. */
static uint32_t height_of(const struct df_frame_shape *s)
{
	return s->planar ? s->rows * s->samples : s->rows;
}

static uint32_t channels_of(const struct df_frame_shape *s)
{
	return s->planar ? 1 : s->samples;
}

static JxlPixelFormat format_of(const struct df_frame_shape *s)
{
	return (JxlPixelFormat){
		.num_channels = channels_of(s),
		.data_type = s->bits <= 8 ? JXL_TYPE_UINT8 : JXL_TYPE_UINT16,
		.endianness = JXL_LITTLE_ENDIAN,
	};
}

/* --- encoding ----------------------------------------------------------- */

static bool set_up(JxlEncoder *e, const struct df_frame_shape *s,
		   const void *plain)
{
	JxlPixelFormat format = format_of(s);
	JxlEncoderFrameSettings *frame;
	JxlColorEncoding colour;
	JxlBasicInfo info;

	JxlEncoderInitBasicInfo(&info);
	info.xsize = s->columns;
	info.ysize = height_of(s);
	info.bits_per_sample = coded_bits(s);
	info.num_color_channels = channels_of(s);
	info.uses_original_profile = JXL_TRUE;
	JxlColorEncodingSetToSRGB(&colour, channels_of(s) == 1);
	frame = JxlEncoderFrameSettingsCreate(e, NULL);
	return frame != NULL &&
	       JxlEncoderSetBasicInfo(e, &info) == JXL_ENC_SUCCESS &&
	       JxlEncoderSetColorEncoding(e, &colour) == JXL_ENC_SUCCESS &&
	       JxlEncoderSetFrameLossless(frame, JXL_TRUE) == JXL_ENC_SUCCESS &&
	       JxlEncoderFrameSettingsSetOption(frame,
						JXL_ENC_FRAME_SETTING_EFFORT,
						EFFORT) == JXL_ENC_SUCCESS &&
	       JxlEncoderFrameSettingsSetOption(
		       frame, JXL_ENC_FRAME_SETTING_MODULAR_GROUP_SIZE,
		       GROUP_512) == JXL_ENC_SUCCESS &&
	       JxlEncoderAddImageFrame(frame, &format, plain,
				       frame_plain_size(s)) == JXL_ENC_SUCCESS;
}

static enum df_err drain(JxlEncoder *e, struct df_buf *out, struct df_why *why)
{
	JxlEncoderStatus status = JXL_ENC_NEED_MORE_OUTPUT;

	JxlEncoderCloseInput(e);
	while (status == JXL_ENC_NEED_MORE_OUTPUT) {
		enum df_err rc = df_buf_reserve(out, PIECE, why);
		uint8_t *at;
		size_t left = PIECE;

		if (rc != DF_OK)
			return rc;
		at = out->ptr + out->len;
		status = JxlEncoderProcessOutput(e, &at, &left);
		out->len += PIECE - left;
	}
	return status == JXL_ENC_SUCCESS
		       ? DF_OK
		       : df_fail(why, DF_E_UNSUPPORTED,
				 "cannot encode jpeg-xl");
}

static enum df_err jpegxl_encode(struct df_buf *out,
				 const struct df_frame_shape *s,
				 const void *ptr, size_t len,
				 struct df_why *why)
{
	JxlEncoder *e = JxlEncoderCreate(NULL);
	enum df_err rc;
	const void *plain;
	void *made;

	(void)len; /* that of the shape */
	plain = frame_plain(s, flip_of(s), ptr, &made);
	if (e == NULL || plain == NULL)
		rc = df_fail(why, DF_E_NOMEM, "no memory for jpeg-xl");
	else if (!set_up(e, s, plain))
		rc = df_fail(why, DF_E_UNSUPPORTED,
			     "jpeg-xl does not take this frame");
	else
		rc = drain(e, out, why);
	JxlEncoderDestroy(e);
	free(made);
	return rc;
}

/* --- decoding ----------------------------------------------------------- */

/* The image must be what our encoder would write for this shape. */
static bool is_of_shape(const JxlDecoder *d, const struct df_frame_shape *s)
{
	JxlBasicInfo info;

	return JxlDecoderGetBasicInfo(d, &info) == JXL_DEC_SUCCESS &&
	       info.xsize == s->columns && info.ysize == height_of(s) &&
	       info.bits_per_sample == coded_bits(s) &&
	       info.exponent_bits_per_sample == 0 &&
	       info.num_color_channels == channels_of(s) &&
	       info.num_extra_channels == 0 && info.alpha_bits == 0 &&
	       !info.have_animation && info.uses_original_profile &&
	       info.orientation == JXL_ORIENT_IDENTITY;
}

/* One image, and nothing after it. */
static enum df_err run(JxlDecoder *d, const struct df_frame_shape *s,
		       void *plain, const void *code, size_t code_len,
		       struct df_why *why)
{
	JxlPixelFormat format = format_of(s);
	bool whole = false;

	if (JxlDecoderSubscribeEvents(d, JXL_DEC_BASIC_INFO |
						 JXL_DEC_FULL_IMAGE) !=
		    JXL_DEC_SUCCESS ||
	    JxlDecoderSetInput(d, code, code_len) != JXL_DEC_SUCCESS)
		return df_fail(why, DF_E_NOMEM, "no memory for jpeg-xl");
	JxlDecoderCloseInput(d);
	for (;;) {
		JxlDecoderStatus status = JxlDecoderProcessInput(d);

		if (status == JXL_DEC_BASIC_INFO && is_of_shape(d, s))
			continue;
		if (status == JXL_DEC_NEED_IMAGE_OUT_BUFFER &&
		    JxlDecoderSetImageOutBuffer(d, &format, plain,
						frame_plain_size(s)) ==
			    JXL_DEC_SUCCESS)
			continue;
		if (status == JXL_DEC_FULL_IMAGE) {
			whole = true;
			continue;
		}
		if (status == JXL_DEC_SUCCESS && whole &&
		    JxlDecoderReleaseInput(d) == 0)
			return DF_OK;
		return df_fail(why, DF_E_FORMAT,
			       status == JXL_DEC_BASIC_INFO
				       ? "jpeg-xl frame is not of the shape "
					 "announced"
				       : "cannot decode jpeg-xl");
	}
}

static enum df_err jpegxl_decode(void *to, size_t len,
				 const struct df_frame_shape *s,
				 const void *code, size_t code_len,
				 struct df_why *why)
{
	JxlDecoder *d = JxlDecoderCreate(NULL);
	bool direct = frame_plain_size(s) == len && !s->sign_extended;
	uint8_t *plain = direct ? to : malloc(frame_plain_size(s));
	enum df_err rc;

	if (d == NULL || plain == NULL)
		rc = df_fail(why, DF_E_NOMEM, "no memory for jpeg-xl");
	else
		rc = run(d, s, plain, code, code_len, why);
	if (rc == DF_OK && !direct)
		frame_unpack(s, flip_of(s), to, plain);
	JxlDecoderDestroy(d);
	if (!direct)
		free(plain);
	return rc;
}

const struct frame_codec frame_codec_jpegxl = {jpegxl_encode, jpegxl_decode,
						true};
