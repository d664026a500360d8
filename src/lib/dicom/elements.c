/* elements.c - see elements.h. */
#include "elements.h"

#include <string.h>

uint32_t element_number(const uint8_t *p, size_t n)
{
	uint32_t v = 0;

	while (n > 0)
		v = (v << 8) | p[--n];
	return v;
}

void element_wrong(struct element_reader *r, const char *what)
{
	if (r->rc == DF_OK)
		r->rc = df_fail(r->why, DF_E_FORMAT,
				"%s data set, offset %zu: %s", r->what, r->at,
				what);
}

/* Has this VR two bytes of nothing and then four of length? */
static bool is_long(const uint8_t *vr)
{
	static const char names[] = "OBODOFOLOVOWSQSVUCUNURUTUV";

	for (size_t i = 0; names[i] != '\0'; i += 2)
		if (memcmp(vr, names + i, 2) == 0)
			return true;
	return false;
}

bool element_next(struct element_reader *r, size_t end, struct element *p)
{
	const uint8_t *b;
	size_t size = 8;

	if (r->rc != DF_OK || r->at == end)
		return false;
	b = r->ptr + r->at;
	if (end - r->at < 8) {
		element_wrong(r, "ends inside an element");
		return false;
	}
	p->tag = (element_number(b, 2) << 16) | element_number(b + 2, 2);
	p->length = element_number(b + 4, 4);
	if (r->explicit_vr && p->tag >> 16 != 0xfffe) {
		p->length = element_number(b + 6, 2);
		size = is_long(b + 4) ? 12 : 8;
		if (end - r->at < size) {
			element_wrong(r, "ends inside an element");
			return false;
		}
		if (size == 12)
			p->length = element_number(b + 8, 4);
	}
	r->at += size;
	p->value = r->at;
	p->end = p->length == ELEMENT_UNDEFINED ? end : r->at + p->length;
	if (p->length != ELEMENT_UNDEFINED && p->length > end - r->at) {
		element_wrong(r, "an element is longer than its container");
		return false;
	}
	return true;
}

void element_skip(struct element_reader *r, const struct element *p)
{
	size_t depth = 1;
	struct element in;

	if (p->length != ELEMENT_UNDEFINED) {
		r->at = p->end;
		return;
	}
	while (depth > 0 && element_next(r, p->end, &in)) {
		if (in.tag == ELEMENT_ITEM_END ||
		    in.tag == ELEMENT_SEQUENCE_END)
			depth--;
		else if (in.length == ELEMENT_UNDEFINED)
			depth++;
		else
			r->at = in.end;
	}
	if (depth > 0)
		element_wrong(r, "a sequence does not end");
}

struct df_text element_text(struct element_reader *r, const struct element *p)
{
	struct df_text t = {(const char *)r->ptr + p->value, p->length};

	if (p->length == ELEMENT_UNDEFINED) {
		element_wrong(r, "a value without a length");
		return (struct df_text){0};
	}
	while (t.len > 0 &&
	       (t.ptr[t.len - 1] == '\0' || t.ptr[t.len - 1] == ' '))
		t.len--;
	r->at = p->end;
	return t;
}

/* --- writing ---------------------------------------------------------------
 */

void element_bytes(struct element_writer *w, const void *ptr, size_t len)
{
	if (w->rc == DF_OK)
		w->rc = df_buf_add(w->to, ptr, len, w->why);
}

void element_head(struct element_writer *w, uint32_t tag, const char *vr,
		  uint32_t length)
{
	bool has_vr = w->explicit_vr && vr[0] != '\0';
	bool wide = !has_vr || strcmp(vr, "SQ") == 0;
	uint8_t b[12] = {(uint8_t)(tag >> 16), (uint8_t)(tag >> 24),
			 (uint8_t)tag, (uint8_t)(tag >> 8)};
	size_t at = 4;

	if (has_vr) {
		memcpy(b + 4, vr, 2);
		at = wide ? 8 : 6;
	}
	for (size_t i = 0; i < (wide ? 4u : 2u); i++)
		b[at++] = (uint8_t)(length >> (8 * i));
	element_bytes(w, b, at);
}

void element_value(struct element_writer *w, uint32_t tag, const char *vr,
		   struct df_text value)
{
	element_head(w, tag, vr, (uint32_t)((value.len + 1) & ~(size_t)1));
	element_bytes(w, value.ptr, value.len);
	if (value.len % 2 != 0)
		element_bytes(w, strcmp(vr, "UI") == 0 ? "" : " ", 1);
}
