/* frame.c - shapes of frames, and which codec codes them. */
#include <stdlib.h>
#include <string.h>

#include "frame.h"

static bool shape_valid(const struct df_frame_shape *s)
{
	return s->columns >= 1 && s->columns <= 65535 && s->rows >= 1 &&
	       s->rows <= 65535 && (s->samples == 1 || s->samples == 3) &&
	       (s->bytes == 1 || s->bytes == 2) && s->bits >= 2 &&
	       s->bits <= 8 * s->bytes;
}

size_t frame_samples(const struct df_frame_shape *s)
{
	return (size_t)s->columns * s->rows * s->samples;
}

uint64_t df_frame_size(const struct df_frame_shape *s)
{
	return shape_valid(s) ? (uint64_t)frame_samples(s) * s->bytes : 0;
}

static unsigned sample_at(const uint8_t *p, unsigned bytes, size_t i)
{
	return bytes == 1 ? p[i] : (unsigned)(p[2 * i] | (p[2 * i + 1] << 8));
}

static void sample_put(uint8_t *p, unsigned bytes, size_t i, unsigned v)
{
	if (bytes == 1) {
		p[i] = (uint8_t)v;
	} else {
		p[2 * i] = (uint8_t)v;
		p[2 * i + 1] = (uint8_t)(v >> 8);
	}
}

/* The whole sample that the low bits stand for. */
static unsigned widen(const struct df_frame_shape *s, unsigned v)
{
	unsigned top = 1u << (s->bits - 1);
	unsigned full = s->bytes == 1 ? 0xFFu : 0xFFFFu;

	if (s->sign_extended && (v & top))
		v |= full & ~(2 * top - 1);
	return v;
}

bool df_frame_fits(const struct df_frame_shape *s, const void *ptr, size_t len)
{
	unsigned mask;
	size_t n;

	if (!shape_valid(s) || len % s->bytes)
		return false;
	if (s->bits == 8 * s->bytes)
		return true;
	mask = (1u << s->bits) - 1;
	n = len / s->bytes;
	for (size_t i = 0; i < n; i++) {
		unsigned v = sample_at(ptr, s->bytes, i);

		if (widen(s, v & mask) != v)
			return false;
	}
	return true;
}

static unsigned plain_bytes(const struct df_frame_shape *s)
{
	return s->bits <= 8 ? 1 : 2;
}

size_t frame_plain_size(const struct df_frame_shape *s)
{
	return frame_samples(s) * plain_bytes(s);
}

void frame_pack(const struct df_frame_shape *s, unsigned flip, void *to,
		const void *from)
{
	unsigned mask = (1u << s->bits) - 1;
	size_t n = frame_samples(s);

	for (size_t i = 0; i < n; i++)
		sample_put(to, plain_bytes(s), i,
			   (sample_at(from, s->bytes, i) + flip) & mask);
}

void frame_unpack(const struct df_frame_shape *s, unsigned flip, void *to,
		  const void *from)
{
	unsigned mask = (1u << s->bits) - 1;
	size_t n = frame_samples(s);

	for (size_t i = 0; i < n; i++)
		sample_put(to, s->bytes, i,
			   widen(s, (sample_at(from, plain_bytes(s), i) +
				     flip) & mask));
}

/* Do the codecs read these bytes as they are? */
static bool is_plain(const struct df_frame_shape *s)
{
	return s->bits == 8 * s->bytes ||
	       (!s->sign_extended && s->bytes == plain_bytes(s));
}

const void *frame_plain(const struct df_frame_shape *s, unsigned flip,
			const void *from, void **made)
{
	*made = NULL;
	if (flip == 0 && is_plain(s))
		return from;
	*made = malloc(frame_plain_size(s));
	if (*made != NULL)
		frame_pack(s, flip, *made, from);
	return *made;
}

static const struct frame_codec *codec_of(enum df_coding coding)
{
	switch (coding) {
	case DF_CODED_JPEG_LS:
		return &frame_codec_jpegls;
	case DF_CODED_PREDICT:
		return &frame_codec_predict;
	case DF_CODED_JPEG2000:
		return &frame_codec_jpeg2000;
	case DF_CODED_JPEG_XL:
		return &frame_codec_jpegxl;
	case DF_CODED_STORED:
	case DF_CODED_ZSTD:
		break;
	}
	return NULL;
}

#define GREED 32u /* bytes a sample: both stay below it */
#define GREED_ALWAYS (16u << 20)

/* What is missing is nobody's fault but the machine's. */
static enum df_err look_for_memory(const struct frame_codec *codec,
				   const struct df_frame_shape *s,
				   struct df_why *why)
{
	void *volatile probe; /* not to be optimised away */

	if (!codec->greedy)
		return DF_OK;
	probe = malloc(frame_samples(s) * GREED + GREED_ALWAYS);
	if (probe == NULL)
		return df_fail(why, DF_E_NOMEM, "no memory for a codec");
	free(probe);
	return DF_OK;
}

bool df_frame_coding(enum df_coding coding)
{
	return codec_of(coding) != NULL;
}

enum df_err df_frame_encode(struct df_buf *out, enum df_coding coding,
			    const struct df_frame_shape *s, const void *ptr,
			    size_t len, struct df_why *why)
{
	const struct frame_codec *codec = codec_of(coding);
	enum df_err rc;

	if (codec == NULL)
		df_bug("coding %d codes no frames", (int)coding);
	if (!df_frame_size(s) || df_frame_size(s) != len)
		return df_fail(why, DF_E_UNSUPPORTED,
			       "frame is not of a shape that can be coded");
	rc = look_for_memory(codec, s, why);
	return rc == DF_OK ? codec->encode(out, s, ptr, len, why) : rc;
}

enum df_err df_frame_decode(void *to, size_t len, enum df_coding coding,
			    const struct df_frame_shape *s, const void *code,
			    size_t code_len, struct df_why *why)
{
	const struct frame_codec *codec = codec_of(coding);
	enum df_err rc;

	if (codec == NULL)
		df_bug("coding %d codes no frames", (int)coding);
	if (!df_frame_size(s) || df_frame_size(s) != len)
		return df_fail(why, DF_E_FORMAT,
			       "frame is not of a shape that can be coded");
	rc = look_for_memory(codec, s, why);
	return rc == DF_OK ? codec->decode(to, len, s, code, code_len, why)
			   : rc;
}
