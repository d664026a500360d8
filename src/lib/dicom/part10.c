/*
 * part10.c - the head of a DICOM file (PS3.10 chapter 7): written and read
 * without DCMTK, so that the data set behind it is never touched.
 */
#include "df/object.h"

#include <string.h>

#include "df/str.h"

#define IMPLEMENTATION_CLASS "2.25.222336450137368738519599182263959315745"
#define IMPLEMENTATION_VERSION "DCM_FORWARD"
#define META_AT 132u /* preamble and "DICM" */

struct writer {
	struct df_buf *out;
	enum df_err err;
	struct df_why *why;
};

static void put(struct writer *w, const void *ptr, size_t len)
{
	if (w->err == DF_OK)
		w->err = df_buf_add(w->out, ptr, len, w->why);
}

/* (0002,element), explicit VR little endian, 16-bit length, padded. */
static void put_text(struct writer *w, uint8_t element, const char *vr,
		     const char *text)
{
	size_t len = strlen(text), even = len + (len & 1);
	uint8_t head[8] = {2,
			   0,
			   element,
			   0,
			   (uint8_t)vr[0],
			   (uint8_t)vr[1],
			   (uint8_t)even,
			   (uint8_t)(even >> 8)};

	put(w, head, sizeof head);
	put(w, text, len);
	if (len != even)
		put(w, vr[0] == 'U' ? "" : " ", 1);
}

enum df_err df_object_part10(struct df_buf *out, const char *sop_class,
			     const char *sop_instance,
			     const char *transfer_syntax, const char *source_ae,
			     struct df_why *why)
{
	static const uint8_t version[14] = {2, 0, 1, 0, 'O', 'B', 0,
					    0, 2, 0, 0, 0,   0,	  1};
	static const uint8_t length[12] = {2, 0, 0, 0, 'U', 'L', 4, 0};
	static const uint8_t preamble[128];
	struct writer w = {out, DF_OK, why};
	size_t start, n;

	if (!df_uid_valid(df_text_of(sop_class)) ||
	    !df_uid_valid(df_text_of(sop_instance)) ||
	    !df_uid_valid(df_text_of(transfer_syntax)))
		return df_fail(why, DF_E_FORMAT,
			       "file meta information needs valid UIDs");
	put(&w, preamble, sizeof preamble);
	put(&w, "DICM", 4);
	put(&w, length, sizeof length);
	start = out->len;
	put(&w, version, sizeof version);
	put_text(&w, 0x02, "UI", sop_class);
	put_text(&w, 0x03, "UI", sop_instance);
	put_text(&w, 0x10, "UI", transfer_syntax);
	put_text(&w, 0x12, "UI", IMPLEMENTATION_CLASS);
	put_text(&w, 0x13, "SH", IMPLEMENTATION_VERSION);
	if (source_ae != NULL && source_ae[0] != 0)
		put_text(&w, 0x16, "AE", source_ae);
	if (w.err != DF_OK)
		return w.err;
	n = out->len - start;
	out->ptr[start - 4] = (uint8_t)n;
	out->ptr[start - 3] = (uint8_t)(n >> 8);
	return DF_OK;
}

/* --- reading --------------------------------------------------------------*/

struct element {
	uint16_t group;
	uint16_t number;
	const uint8_t *ptr;
	size_t len;
	size_t whole; /* with its head */
};

static uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | (p[1] << 8));
}

static uint32_t le32(const uint8_t *p)
{
	return le16(p) | ((uint32_t)le16(p + 2) << 16);
}

static bool vr_is_long(const uint8_t *vr)
{
	static const char names[] = "OBOWOFODOLOVSQUNUCURUTSVUV";
	size_t i;

	for (i = 0; i + 1 < sizeof names; i += 2)
		if (memcmp(names + i, vr, 2) == 0)
			return true;
	return false;
}

static bool element_read(struct element *e, const uint8_t *p, size_t len)
{
	size_t head = 8;

	if (len < 8)
		return false;
	e->group = le16(p);
	e->number = le16(p + 2);
	e->len = le16(p + 6);
	if (vr_is_long(p + 4)) {
		head = 12;
		if (len < head)
			return false;
		e->len = le32(p + 8);
	}
	if (e->len > len - head)
		return false;
	e->ptr = p + head;
	e->whole = head + e->len;
	return true;
}

static void take_uid(char to[65], const struct element *e)
{
	struct df_text t = {(const char *)e->ptr, e->len};

	while (t.len > 0 && (t.ptr[t.len - 1] == 0 || t.ptr[t.len - 1] == ' '))
		t.len--;
	if (!df_uid_valid(t) || df_str_copy(to, 65, t) != DF_OK)
		to[0] = 0;
}

enum df_err df_part10_decode(struct df_part10 *p, const void *ptr, size_t len,
			     struct df_why *why)
{
	const uint8_t *b = ptr;
	size_t at = META_AT;

	memset(p, 0, sizeof *p);
	if (len < META_AT || memcmp(b + 128, "DICM", 4) != 0)
		return df_fail(why, DF_E_FORMAT,
			       "not a DICOM file: no preamble and DICM");
	while (at + 2 <= len && le16(b + at) == 2) {
		struct element e;

		if (!element_read(&e, b + at, len - at))
			return df_fail(why, DF_E_FORMAT,
				       "file meta information is cut off");
		if (e.number == 0x0002)
			take_uid(p->sop_class, &e);
		if (e.number == 0x0003)
			take_uid(p->sop_instance, &e);
		if (e.number == 0x0010)
			take_uid(p->transfer_syntax, &e);
		at += e.whole;
	}
	if (p->transfer_syntax[0] == 0)
		return df_fail(why, DF_E_FORMAT,
			       "file meta information names no transfer "
			       "syntax");
	p->dataset_at = at;
	return DF_OK;
}
