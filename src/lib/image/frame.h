/*
 * frame.h - private: what every codec of frames gives, and the plain form of
 * samples that the standard codecs take.
 *
 * Plain: one byte a sample up to 8 bits, two (little endian) above, nothing in
 * the bits above the precision.
 */
#ifndef DF_FRAME_H
#define DF_FRAME_H

#include "df/frames.h"

/* Sizes and shape were checked; encode appends, decode fills `len` bytes.
 * Errors as df_frame_encode and df_frame_decode have them. */
struct frame_codec {
	enum df_err (*encode)(struct df_buf *out,
			      const struct df_frame_shape *s, const void *ptr,
			      size_t len, struct df_why *why);
	enum df_err (*decode)(void *to, size_t len,
			      const struct df_frame_shape *s, const void *code,
			      size_t code_len, struct df_why *why);
	/* Short of memory the library dies (libjxl) or says that the frame is
	 * bad (OpenJPEG): it is called only when there is plenty. */
	bool greedy;
};
extern const struct frame_codec frame_codec_jpegls;
extern const struct frame_codec frame_codec_predict;
extern const struct frame_codec frame_codec_jpeg2000;
extern const struct frame_codec frame_codec_jpegxl;

size_t frame_samples(const struct df_frame_shape *s);
size_t frame_plain_size(const struct df_frame_shape *s);
/* `flip` is added to each sample, modulo 2^bits, on the way in and out: the
 * top bit makes signed samples ascend. */
void frame_pack(const struct df_frame_shape *s, unsigned flip, void *to,
		const void *from);
void frame_unpack(const struct df_frame_shape *s, unsigned flip, void *to,
		  const void *from);
/* The plain form: `from` itself when it is plain, else *made (to be freed),
 * NULL when there is no memory. */
const void *frame_plain(const struct df_frame_shape *s, unsigned flip,
			const void *from, void **made);
#endif
