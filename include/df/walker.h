/*
 * walker.h - one bounded pass over an untrusted data set.
 *
 * Runs before DCMTK sees a byte: every length is checked against the buffer,
 * nesting and element count are limited, nothing recurses and nothing is
 * allocated. On the way it notes where the few things are that we need (UIDs,
 * pixel data and its shape). It does not judge meaning.
 */
#ifndef DF_WALKER_H
#define DF_WALKER_H

#include "df/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_WALK_DEPTH_MAX 32	     /* sequences inside sequences */
#define DF_WALK_ELEMENTS_MAX 1000000 /* elements, items and fragments */
#define DF_WALK_UID_LEN 64

/* How the bytes of a data set are laid out. */
enum df_walk_syntax {
	DF_WALK_EXPLICIT_LE, /* also every encapsulated transfer syntax */
	DF_WALK_IMPLICIT_LE,
	DF_WALK_EXPLICIT_BE,
	DF_WALK_OPAQUE, /* deflated: not walked, not inflated */
};

/* Makes len bytes at an offset of the buffer readable; what it fails with ends
 * the walk. */
typedef enum df_err df_walk_need(void *ctx, uint64_t at, uint64_t len,
				 struct df_why *why);

/* Told of an element of the data set itself (not of a sequence's items), when
 * the walk has passed it: len bytes from its tag to the end of its value. What
 * was told of a walk that fails is void. */
typedef void df_walk_passed(void *ctx, uint32_t tag, uint64_t at, uint64_t len);

struct df_walk_limits {
	unsigned depth;	   /* 1..DF_WALK_DEPTH_MAX; 0 = DF_WALK_DEPTH_MAX */
	uint64_t elements; /* 0 = DF_WALK_ELEMENTS_MAX */
	/* Asked before bytes are looked at; NULL = all are there. So a data set
	 * need not be read where the walk only passes by: pixels. */
	df_walk_need *need;
	df_walk_passed *passed; /* or NULL */
	void *ctx;
};

enum df_walk_pixel {
	DF_WALK_PIXEL_NONE,
	DF_WALK_PIXEL_NATIVE,	    /* (7FE0,0010), defined length */
	DF_WALK_PIXEL_ENCAPSULATED, /* (7FE0,0010), fragments */
	DF_WALK_PIXEL_FLOAT,	    /* (7FE0,0008) or (7FE0,0009) */
};

/* One UID as it stands in the data set, without padding; "" = absent, empty
 * or not a UID (df_uid_valid). `bad` of struct df_walk tells the last apart. */
struct df_walk_uid {
	char s[DF_WALK_UID_LEN + 1];
};

struct df_walk {
	enum df_walk_syntax syntax;
	struct df_walk_uid sop_class;	 /* (0008,0016) */
	struct df_walk_uid sop_instance; /* (0008,0018) */
	struct df_walk_uid study;	 /* (0020,000D) */
	struct df_walk_uid series;	 /* (0020,000E) */
	bool bad_uid;			 /* one of them is not a UID */

	/* Pixel data at the top level; offsets from the data set's start. */
	enum df_walk_pixel pixel;
	uint64_t pixel_header; /* first byte of the tag */
	uint64_t pixel_value;  /* first byte of the value */
	uint64_t pixel_length; /* value; encapsulated: with the delimiter */
	char pixel_vr[3];      /* "OW", "OB", …; "" in implicit VR */
	uint64_t fragments;    /* encapsulated: items, offset table included */

	/* Shape; 0 and "" when absent. Not checked against anything. */
	uint32_t rows, columns, frames; /* frames: 0 = absent */
	uint32_t samples, planar, allocated, stored, high_bit, representation;
	char photometric[17];

	/* What was seen. */
	uint64_t elements; /* elements, items and fragments */
	unsigned deepest;  /* 0 = no sequence */
	uint64_t trailing; /* zero bytes after the last element */
	uint64_t end;	   /* where the last element ends */
};

/* What a transfer syntax UID means for walking. Unknown ones are explicit
 * little endian, as PS3.5 demands of every new one. */
enum df_walk_syntax df_walk_syntax_of(struct df_text transfer_syntax);

/*
 * Walks `len` bytes. limits NULL = the maxima. On success *walk is complete.
 *  DF_E_FORMAT  a length runs past its container, a tag that cannot stand
 *               there, a truncated data set
 *  DF_E_LIMIT   nested too deep, too many elements
 * The text names tag and offset, never a value. DF_WALK_OPAQUE succeeds with
 * nothing noted. *walk borrows nothing.
 */
DF_MUST_CHECK enum df_err df_walk(struct df_walk *walk, const void *ptr,
				  size_t len, enum df_walk_syntax syntax,
				  const struct df_walk_limits *limits,
				  struct df_why *why);

/*
 * Fragments of encapsulated pixel data, one a call; the first is the basic
 * offset table. *at starts at walk->pixel_value. False at the end. Only for
 * the very bytes that df_walk accepted.
 */
bool df_walk_fragment(const struct df_walk *walk, const void *ptr, uint64_t *at,
		      uint64_t *offset, uint64_t *length);

#ifdef __cplusplus
}
#endif
#endif
