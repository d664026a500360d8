/*
 * frames.h - the codecs: four for frames of pixels, zstd for anything, and the
 * way out of a deflated data set.
 *
 * Lossless only. All input of the decoders is untrusted: sizes are checked
 * against what the caller expects before memory is touched.
 */
#ifndef DF_FRAMES_H
#define DF_FRAMES_H

#include "df/coded.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One frame of samples. `bytes` little endian bytes hold a sample of which
 * the low `bits` count; the rest is zero or repeats the sign. */
struct df_frame_shape {
	uint32_t columns, rows; /* 1..65535 */
	uint8_t bits;		/* 2..16 */
	uint8_t bytes;		/* 1 or 2 */
	uint8_t samples;	/* 1 or 3 */
	bool planar;		/* RRR GGG BBB instead of RGB RGB RGB */
	bool sign_extended;	/* bits above `bits` repeat the top bit */
};

/* Bytes of one native frame; 0 when the shape is not one we code. */
uint64_t df_frame_size(const struct df_frame_shape *shape);

/* True when the bits above `bits` are what the shape says for all samples. */
bool df_frame_fits(const struct df_frame_shape *shape, const void *ptr,
		   size_t len);

/* Does this coding code frames? The other functions take only such. */
bool df_frame_coding(enum df_coding coding);

/*
 * Appends one frame to out, as docs/formats/coded.md says for the coding:
 * a codestream of JPEG-LS (ISO 14495-1, NEAR 0, the raw stored bits at `bits`
 * precision) or JPEG 2000 (ISO 15444-1, reversible) as DICOM encapsulates it,
 * of JPEG XL (ISO 18181-1), or residuals of our predictor. DF_E_LIMIT when
 * out's maximum would be passed, DF_E_UNSUPPORTED when the codec refuses.
 */
DF_MUST_CHECK enum df_err df_frame_encode(struct df_buf *out,
					  enum df_coding coding,
					  const struct df_frame_shape *shape,
					  const void *ptr, size_t len,
					  struct df_why *why);
/* Exactly df_frame_size() bytes to `to`; DF_E_FORMAT when the code is damaged
 * or is not of this shape. */
DF_MUST_CHECK enum df_err df_frame_decode(void *to, size_t len,
					  enum df_coding coding,
					  const struct df_frame_shape *shape,
					  const void *code, size_t code_len,
					  struct df_why *why);

#define DF_ZSTD_WINDOW_LOG 23 /* 8 MiB: neither written nor accepted larger */
#define DF_ZSTD_RATIO_MAX 100000 /* a frame of zeros is 30,000 to 1 */

/* Appends one zstd frame with its content size; level 1..19, or below 0 for
 * what has few repetitions: the search is short, literals are coded all the
 * same. */
DF_MUST_CHECK enum df_err df_zstd_encode(struct df_buf *out, const void *ptr,
					 size_t len, int level,
					 struct df_why *why);
/* Two pieces as one frame: what stands before and after the pixels. */
DF_MUST_CHECK enum df_err df_zstd_encode2(struct df_buf *out, const void *a,
					  size_t a_len, const void *b,
					  size_t b_len, int level,
					  struct df_why *why);
/* Exactly `len` bytes to `to`; the frame must say so in its header, end where
 * `code` ends, and keep to the window. DF_E_FORMAT or DF_E_LIMIT. */
DF_MUST_CHECK enum df_err df_zstd_decode(void *to, size_t len, const void *code,
					 size_t code_len, struct df_why *why);
/* Decodes piece by piece and compares with a followed by b: DF_E_CORRUPT when
 * they differ. Needs no memory of the size of the data. */
DF_MUST_CHECK enum df_err df_zstd_compare(const void *code, size_t code_len,
					  const void *a, size_t a_len,
					  const void *b, size_t b_len,
					  struct df_why *why);

#define DF_INFLATE_RATIO_MAX 200

/*
 * Appends what a raw deflate stream (RFC 1951, as the deflated transfer syntax
 * has it) holds; up to 8 bytes may follow it (padding, or the trailer of a
 * writer that thought of gzip). DF_E_LIMIT past
 * out's maximum or DF_INFLATE_RATIO_MAX to 1 (beyond the first MiB), as soon
 * as it shows; DF_E_FORMAT when the stream is damaged or ends too early.
 */
DF_MUST_CHECK enum df_err df_inflate(struct df_buf *out, const void *ptr,
				     size_t len, struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
