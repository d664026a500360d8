/*
 * encapsulate.c - an instance with its pixels as compressed codestreams, as
 * DICOM encapsulates them (PS3.5 A.4).
 *
 * A parcel that is coded as jpeg-ls or jpeg2000 holds these very codestreams:
 * they are taken as they are. Others are coded now. Only what decodes to the
 * same words everywhere is done: no sign that a decoder might not extend, no
 * colours whose meaning a codec would change. SOP instance UID and all other
 * elements stay; without loss no new one is due (PS3.3 C.12.4.1.1).
 */
#include <string.h>

#include "df/coded.h"
#include "df/frames.h"
#include "df/object.h"
#include "prepare.h"

#define ITEM_HEAD 8u
#define PIXEL_HEAD 12u	  /* explicit VR; tag and length take 8 */
#define GROUP_LENGTH 12u  /* (7FE0,0000), retired: it would be wrong */
#define OFFSETS_MAX 65536 /* frames in an offset table: it may be empty too */

static const uint8_t pixel_tag[4] = {0xE0, 0x7F, 0x10, 0x00};
static const uint8_t pixel_vr[8] = {'O', 'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF};
static const uint8_t group_length_tag[4] = {0xE0, 0x7F, 0x00, 0x00};
static const uint8_t item_tag[4] = {0xFE, 0xFF, 0x00, 0xE0};
static const uint8_t end_of_items[8] = {0xFE, 0xFF, 0xDD, 0xE0};

bool encapsulate_knows(const char *transfer_syntax)
{
	return strcmp(transfer_syntax, DF_TS_JPEG_LS_LOSSLESS) == 0 ||
	       strcmp(transfer_syntax, DF_TS_JPEG2000_LOSSLESS) == 0;
}

enum df_coding encapsulate_coding(const char *transfer_syntax)
{
	return strcmp(transfer_syntax, DF_TS_JPEG_LS_LOSSLESS) == 0
		       ? DF_CODED_JPEG_LS
		       : DF_CODED_JPEG2000;
}

/* --- what stands around the pixels -----------------------------------------
 */

struct around {
	struct bytes rest;
	struct df_text before, after; /* whole elements; borrow rest */
	struct df_walk walk;	      /* of before: the shape */
};

/* Cuts the rest at the pixel element, whose value is no longer in it. */
static enum df_err cut(struct around *a, const struct df_coded_parts *p,
		       size_t head_len, struct df_why *why)
{
	const uint8_t *rest = a->rest.ptr;
	uint64_t at = p->offset, value, pad;

	if (at < head_len || at > a->rest.len ||
	    memcmp(rest + at - head_len, pixel_tag, sizeof pixel_tag) != 0)
		return df_fail(why, DF_E_UNSUPPORTED,
			       "pixels are not where they are thought to be");
	value = (uint64_t)rest[at - 4] | (uint64_t)rest[at - 3] << 8 |
		(uint64_t)rest[at - 2] << 16 | (uint64_t)rest[at - 1] << 24;
	pad = value - p->length;
	/* what is more than padding would be lost */
	if (value < p->length || pad > 1 || pad > a->rest.len - at)
		return df_fail(why, DF_E_UNSUPPORTED,
			       "pixels are not of the length announced");
	a->after = (struct df_text){(const char *)rest + at + pad,
				    a->rest.len - at - pad};
	at -= head_len;
	if (at >= GROUP_LENGTH &&
	    memcmp(rest + at - GROUP_LENGTH, group_length_tag,
		   sizeof group_length_tag) == 0)
		at -= GROUP_LENGTH;
	a->before = (struct df_text){(const char *)rest, at};
	return DF_OK;
}

static enum df_err look_around(struct around *a, const struct df_coded_parts *p,
			       const char *transfer_syntax, uint64_t limit,
			       struct df_why *why)
{
	bool implicit = strcmp(transfer_syntax, DF_TS_IMPLICIT_LE) == 0;
	enum df_err rc;

	if (!implicit && strcmp(transfer_syntax, DF_TS_EXPLICIT_LE) != 0)
		return df_fail(why, DF_E_UNSUPPORTED,
			       "only little endian pixels are encapsulated");
	rc = bytes_new(&a->rest, p->size_bytes - p->length, limit, why);
	if (rc == DF_OK)
		rc = df_zstd_decode(a->rest.ptr, a->rest.len, p->rest,
				    p->rest_len, why);
	if (rc == DF_OK)
		rc = cut(a, p, implicit ? 8 : PIXEL_HEAD, why);
	if (rc == DF_OK)
		rc = df_walk(&a->walk, a->before.ptr, a->before.len,
			     df_walk_syntax_of(df_text_of(transfer_syntax)),
			     NULL, why);
	return rc;
}

static enum df_err add_elements(struct df_buf *out, struct df_text elements,
				const char *transfer_syntax, struct df_why *why)
{
	struct df_object o = {(const uint8_t *)elements.ptr, elements.len,
			      transfer_syntax};

	return elements.len == 0 ? DF_OK
				 : df_object_transcode(
					   &o, DF_TS_EXPLICIT_LE, out, why);
}

/* --- the pixels ------------------------------------------------------------- */

/* Would every decoder give back the same words, and call them the same? */
static enum df_err check_meaning(const struct df_coded_parts *p,
				 const struct df_walk *w, struct df_why *why)
{
	bool grey = p->samples == 1;
	bool rgb = p->samples == 3 && !p->planar && p->bits == 8 &&
		   p->coding == DF_CODED_JPEG_LS;

	if (!grey && !rgb)
		return df_fail(why, DF_E_UNSUPPORTED,
			       "colours of this shape are not encapsulated");
	if (p->big_endian || p->bits != w->stored)
		return df_fail(why, DF_E_UNSUPPORTED,
			       "bits beyond those stored are in use");
	if (p->sign_extended && p->bits != p->allocated &&
	    p->coding == DF_CODED_JPEG_LS)
		return df_fail(why, DF_E_UNSUPPORTED,
			       "a decoder might not extend the sign");
	return DF_OK;
}

static enum df_err put_le32(struct df_buf *out, uint64_t v, struct df_why *why)
{
	const uint8_t b[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
			      (uint8_t)(v >> 24)};

	return df_buf_add(out, b, sizeof b, why);
}

static enum df_err add_item_head(struct df_buf *out, uint64_t len,
				 struct df_why *why)
{
	enum df_err rc = df_buf_add(out, item_tag, sizeof item_tag, why);

	return rc == DF_OK ? put_le32(out, len, why) : rc;
}

/* An even number of bytes each. */
static uint64_t item_len(const struct df_coded_parts *p, uint32_t frame)
{
	return ((uint64_t)df_get_u32(p->table + 4ull * frame) + 1) & ~1ull;
}

static enum df_err add_offsets(struct df_buf *out,
			       const struct df_coded_parts *p,
			       struct df_why *why)
{
	bool all = p->frames <= OFFSETS_MAX && p->codes_len < UINT32_MAX / 2;
	uint64_t at = 0;
	enum df_err rc = add_item_head(out, all ? 4ull * p->frames : 0, why);

	for (uint32_t i = 0; all && rc == DF_OK && i < p->frames; i++) {
		rc = put_le32(out, at, why);
		at += ITEM_HEAD + item_len(p, i);
	}
	return rc;
}

static enum df_err add_pixels(struct df_buf *out,
			      const struct df_coded_parts *p,
			      struct df_why *why)
{
	const uint8_t *code = p->codes;
	enum df_err rc = df_buf_add(out, pixel_tag, sizeof pixel_tag, why);

	if (rc == DF_OK)
		rc = df_buf_add(out, pixel_vr, sizeof pixel_vr, why);
	if (rc == DF_OK)
		rc = add_offsets(out, p, why);
	for (uint32_t i = 0; rc == DF_OK && i < p->frames; i++) {
		uint32_t n = df_get_u32(p->table + 4ull * i);

		rc = add_item_head(out, item_len(p, i), why);
		if (rc == DF_OK)
			rc = df_buf_add(out, code, n, why);
		if (rc == DF_OK && n % 2 != 0)
			rc = df_buf_u8(out, 0);
		code += n;
	}
	return rc == DF_OK ? df_buf_add(out, end_of_items, sizeof end_of_items,
					why)
			   : rc;
}

enum df_err encapsulate(struct df_buf *out, const void *body, size_t len,
			const char *transfer_syntax, uint64_t limit,
			struct df_why *why)
{
	struct df_coded_parts p;
	struct around a = {0};
	struct df_walk walk;
	enum df_err rc = df_coded_parts(&p, body, len, why);

	if (rc == DF_OK)
		rc = look_around(&a, &p, transfer_syntax, limit, why);
	if (rc == DF_OK)
		rc = check_meaning(&p, &a.walk, why);
	if (rc == DF_OK)
		rc = add_elements(out, a.before, transfer_syntax, why);
	if (rc == DF_OK)
		rc = add_pixels(out, &p, why);
	if (rc == DF_OK)
		rc = add_elements(out, a.after, transfer_syntax, why);
	if (rc == DF_OK)
		rc = df_walk(&walk, out->ptr, out->len, DF_WALK_EXPLICIT_LE,
			     NULL, why);
	if (rc == DF_OK && (walk.pixel != DF_WALK_PIXEL_ENCAPSULATED ||
			    walk.fragments != p.frames + 1ull))
		rc = df_fail(why, DF_E_UNSUPPORTED,
			     "what was encapsulated does not read back");
	bytes_release(&a.rest);
	return rc;
}
