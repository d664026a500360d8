/*
 * elements.h - the small data sets that come with DIMSE messages, element by
 * element: a bounded reader and a writer, without DCMTK's dictionary.
 *
 * Untrusted bytes: every length is checked against its container, nothing
 * recurses, nothing is allocated by a peer's number.
 */
#ifndef DF_DICOM_ELEMENTS_H
#define DF_DICOM_ELEMENTS_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ELEMENT_UNDEFINED 0xffffffffu
#define ELEMENT_ITEM 0xfffee000u
#define ELEMENT_ITEM_END 0xfffee00du
#define ELEMENT_SEQUENCE_END 0xfffee0ddu

/* Little endian, with VRs or without. */
struct element_reader {
	const uint8_t *ptr;
	size_t at;
	bool explicit_vr;
	enum df_err rc;	  /* sticky */
	const char *what; /* which data set, for `why` */
	struct df_why *why;
};

struct element { /* one element, item or delimiter */
	uint32_t tag;
	uint32_t length;
	size_t value;
	size_t end; /* of its value; of its container when undefined */
};

/* Reads a head inside a container that ends at `end`; false at that end and
 * after a fault. What follows is the value: enter it, or skip it. */
bool element_next(struct element_reader *r, size_t end, struct element *p);
void element_skip(struct element_reader *r, const struct element *p);
/* The value without padding, and past it; of no length it is a fault. */
struct df_text element_text(struct element_reader *r, const struct element *p);
void element_wrong(struct element_reader *r, const char *what);
uint32_t element_number(const uint8_t *p, size_t n); /* little endian */

struct element_writer {
	struct df_buf *to;
	bool explicit_vr;
	enum df_err rc; /* sticky */
	struct df_why *why;
};

/* vr "": an item, which has none. Only SQ may be 64 KiB or longer. */
void element_head(struct element_writer *w, uint32_t tag, const char *vr,
		  uint32_t length);
void element_bytes(struct element_writer *w, const void *ptr, size_t len);
/* A whole element, padded to an even length with a space, or NUL for UI. */
void element_value(struct element_writer *w, uint32_t tag, const char *vr,
		   struct df_text value);

#ifdef __cplusplus
}
#endif
#endif
