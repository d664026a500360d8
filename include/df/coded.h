/*
 * coded.h - the coded form of one data set (docs/formats/coded.md).
 *
 * Any bytes go in and exactly those bytes come out. Native pixels may be coded
 * frame by frame, the rest goes through zstd; what does not fit a coding
 * falls back to zstd, and that to stored. The encoder decodes its own
 * work and compares before it returns it, unless the caller does so anyway.
 */
#ifndef DF_CODED_H
#define DF_CODED_H

#include "df/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers are part of the format: only append. */
enum df_coding {
	DF_CODED_STORED = 0,
	DF_CODED_ZSTD = 1,
	DF_CODED_JPEG_LS = 2,
	DF_CODED_PREDICT = 3,
	DF_CODED_JPEG2000 = 4,
	DF_CODED_JPEG_XL = 5,
};
const char *df_coding_name(enum df_coding c); /* "jpeg-ls" */
bool df_coding_decode(enum df_coding *c, struct df_text name);

/* Where native pixels stand and what shape they have (struct df_walk has it
 * all). length 0 = none that may be coded. */
struct df_coded_pixels {
	uint64_t offset, length; /* in the data set, bytes */
	uint32_t rows, columns, frames, samples, planar;
	uint32_t allocated, stored, high_bit, representation;
	bool big_endian; /* samples of 16 bits are swapped on the way */
};

/* What the encoder is to do. */
struct df_coded_how {
	enum df_coding coding;
	/* Graphics and screen captures may go better through zstd: below 9
	 * bits and with colours it is tried too, and the smaller stands. */
	bool zstd_too;
	/* The caller has the body decoded and compared before anybody relies on
	 * it: a codec that gives back something else is not found here. */
	bool compared_later;
};

/* What the encoder did. */
struct df_coded_note {
	enum df_coding used;
	unsigned mismatches;  /* decoded differently and fell back: an alarm */
	const char *fallback; /* why not the coding wanted; static, or NULL */
};

/* Head of a coded body. */
struct df_coded_head {
	enum df_coding coding;
	uint64_t size_bytes; /* of the data set */
};

/* Bytes that a coded body may need at most, for the maximum of `out`. */
uint64_t df_coded_bound(uint64_t size_bytes);

/*
 * Appends the coded body of `len` bytes to out. pixels NULL = none. The result
 * depends on nothing but the arguments. DF_E_LIMIT when out's maximum is too
 * small, DF_E_NOMEM.
 */
DF_MUST_CHECK enum df_err
df_coded_encode(struct df_buf *out, const void *ptr, size_t len,
		const struct df_coded_pixels *pixels,
		const struct df_coded_how *how, struct df_coded_note *note,
		struct df_why *why);

/* Untrusted input: the size is to be checked by the caller before memory. */
DF_MUST_CHECK enum df_err df_coded_head(struct df_coded_head *head,
					const void *body, size_t len,
					struct df_why *why);
/*
 * The parts of a body whose pixels are coded frame by frame, for one who takes
 * codestreams as they are (DICOM encapsulates those of jpeg-ls and jpeg2000).
 * Borrows the body.
 */
struct df_coded_parts {
	enum df_coding coding;
	uint64_t size_bytes;	/* of the data set */
	uint64_t offset, length; /* of its pixels */
	uint32_t frames, samples, allocated;
	uint32_t bits; /* precision of the codestreams */
	bool planar, sign_extended, big_endian;
	const uint8_t *rest; /* zstd: the data set without its pixels */
	size_t rest_len;
	const uint8_t *table; /* length of each frame's codestream, u32 */
	const uint8_t *codes; /* one after the other */
	size_t codes_len;
};
/* Untrusted input as in decode; every length is checked, nothing is decoded.
 * DF_E_UNSUPPORTED when pixels are not coded by frame. */
DF_MUST_CHECK enum df_err df_coded_parts(struct df_coded_parts *p,
					 const void *body, size_t len,
					 struct df_why *why);
/* Exactly head.size_bytes to `to`. DF_E_FORMAT, DF_E_LIMIT, DF_E_NOMEM. */
DF_MUST_CHECK enum df_err df_coded_decode(void *to, size_t size_bytes,
					  const void *body, size_t len,
					  struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
