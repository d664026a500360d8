/*
 * commitment.c - data sets of storage commitment, see df/commitment.h.
 *
 * Untrusted bytes: every length is checked against its container, nothing
 * recurses, and only the two sequences that we know are entered.
 */
#include "df/commitment.h"

#include <string.h>

#define UNDEFINED 0xffffffffu
#define ITEM 0xfffee000u
#define ITEM_END 0xfffee00du
#define SEQUENCE_END 0xfffee0ddu
#define TRANSACTION_UID 0x00081195u
#define FAILED_SEQUENCE 0x00081198u
#define REFERENCED_SEQUENCE 0x00081199u
#define REFERENCED_CLASS 0x00081150u
#define REFERENCED_INSTANCE 0x00081155u
#define FAILURE_REASON 0x00081197u

struct reader {
	const uint8_t *ptr;
	size_t at;
	bool explicit_vr;
	enum df_err rc; /* sticky */
	struct df_why *why;
};

struct part { /* one element, item or delimiter */
	uint32_t tag;
	uint32_t length;
	size_t value;
	size_t end; /* of its value; of its container when undefined */
};

static uint32_t le(const uint8_t *p, size_t n)
{
	uint32_t v = 0;

	while (n > 0)
		v = (v << 8) | p[--n];
	return v;
}

static void wrong(struct reader *r, const char *what)
{
	if (r->rc == DF_OK)
		r->rc = df_fail(r->why, DF_E_FORMAT,
				"storage commitment data set, offset %zu: %s",
				r->at, what);
}

static bool is_long(const uint8_t *vr)
{
	static const char names[] = "OBODOFOLOVOWSQSVUCUNURUTUV";

	for (size_t i = 0; names[i] != '\0'; i += 2)
		if (memcmp(vr, names + i, 2) == 0)
			return true;
	return false;
}

/* Reads a head inside a container that ends at `end`. */
static bool head(struct reader *r, size_t end, struct part *p)
{
	const uint8_t *b = r->ptr + r->at;
	size_t size = 8;

	if (r->rc != DF_OK || r->at == end)
		return false;
	if (end - r->at < 8) {
		wrong(r, "ends inside an element");
		return false;
	}
	p->tag = (le(b, 2) << 16) | le(b + 2, 2);
	p->length = le(b + 4, 4);
	if (r->explicit_vr && p->tag >> 16 != 0xfffe) {
		p->length = le(b + 6, 2);
		size = is_long(b + 4) ? 12 : 8;
		if (end - r->at < size) {
			wrong(r, "ends inside an element");
			return false;
		}
		if (size == 12)
			p->length = le(b + 8, 4);
	}
	r->at += size;
	p->value = r->at;
	p->end = p->length == UNDEFINED ? end : r->at + p->length;
	if (p->length != UNDEFINED && p->length > end - r->at) {
		wrong(r, "an element is longer than its container");
		return false;
	}
	return true;
}

/* Past an element that is of no interest; its head was read. */
static void skip(struct reader *r, const struct part *p)
{
	size_t depth = 1;
	struct part in;

	if (p->length != UNDEFINED) {
		r->at = p->end;
		return;
	}
	while (depth > 0 && head(r, p->end, &in)) {
		if (in.tag == ITEM_END || in.tag == SEQUENCE_END)
			depth--;
		else if (in.length == UNDEFINED)
			depth++;
		else
			r->at = in.end;
	}
	if (depth > 0)
		wrong(r, "a sequence does not end");
}

static void take_uid(struct reader *r, const struct part *p, char to[65])
{
	struct df_text t = {(const char *)r->ptr + p->value, p->length};

	if (p->length == UNDEFINED) {
		wrong(r, "a UID without a length");
		return;
	}
	while (t.len > 0 &&
	       (t.ptr[t.len - 1] == '\0' || t.ptr[t.len - 1] == ' '))
		t.len--;
	if (!df_uid_valid(t) || df_str_copy(to, 65, t) != DF_OK)
		wrong(r, "not a UID");
	r->at = p->end;
}

static void take_item(struct reader *r, const struct part *item, bool failed,
		      struct df_references *refs)
{
	struct df_reference ref = {0};
	struct part p;

	while (head(r, item->end, &p) && p.tag != ITEM_END) {
		if (p.tag == REFERENCED_CLASS) {
			take_uid(r, &p, ref.sop_class);
		} else if (p.tag == REFERENCED_INSTANCE) {
			take_uid(r, &p, ref.sop_instance);
		} else {
			if (p.tag == FAILURE_REASON && p.length == 2)
				ref.reason = (uint16_t)le(r->ptr + p.value, 2);
			skip(r, &p);
		}
	}
	if (!failed)
		ref.reason = DF_REFERENCE_GOOD;
	else if (ref.reason == DF_REFERENCE_GOOD)
		ref.reason = DF_REFERENCE_PROCESSING_FAILURE;
	if (ref.sop_class[0] == '\0' || ref.sop_instance[0] == '\0')
		wrong(r, "an item without its UIDs");
	if (r->rc == DF_OK)
		r->rc = df_references_add(refs, &ref, r->why);
}

static void take_sequence(struct reader *r, const struct part *seq,
			  struct df_references *refs)
{
	struct part p;

	while (head(r, seq->end, &p)) {
		if (p.tag == SEQUENCE_END && seq->length == UNDEFINED)
			return;
		if (p.tag != ITEM) {
			wrong(r, "not an item in a sequence");
			return;
		}
		take_item(r, &p, seq->tag == FAILED_SEQUENCE, refs);
	}
	if (seq->length == UNDEFINED)
		wrong(r, "a sequence does not end");
}

void df_commitment_release(struct df_commitment *c)
{
	df_references_release(&c->refs);
	*c = (struct df_commitment){0};
}

enum df_err df_commitment_decode(struct df_commitment *c, const uint8_t *ptr,
				 size_t len, bool explicit_vr,
				 struct df_why *why)
{
	struct reader r = {ptr, 0, explicit_vr, DF_OK, why};
	struct part p;

	*c = (struct df_commitment){0};
	while (head(&r, len, &p)) {
		if (p.tag == TRANSACTION_UID)
			take_uid(&r, &p, c->transaction);
		else if (p.tag == FAILED_SEQUENCE ||
			 p.tag == REFERENCED_SEQUENCE)
			take_sequence(&r, &p, &c->refs);
		else
			skip(&r, &p);
	}
	if (c->transaction[0] == '\0')
		wrong(&r, "no transaction UID");
	if (c->refs.n == 0)
		wrong(&r, "no instance is referenced");
	if (r.rc != DF_OK)
		df_commitment_release(c);
	return r.rc;
}

/* --- encoding --------------------------------------------------------------
 */

struct writer {
	struct df_buf *to;
	bool explicit_vr;
	enum df_err rc; /* sticky */
	struct df_why *why;
};

static void put(struct writer *w, const void *ptr, size_t len)
{
	if (w->rc == DF_OK)
		w->rc = df_buf_add(w->to, ptr, len, w->why);
}

static void put_head(struct writer *w, uint32_t tag, const char *vr,
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
	put(w, b, at);
}

static uint32_t even(const char *s)
{
	return (uint32_t)((strlen(s) + 1) & ~(size_t)1);
}

static void put_uid(struct writer *w, uint32_t tag, const char *uid)
{
	put_head(w, tag, "UI", even(uid));
	put(w, uid, strlen(uid));
	put(w, "", even(uid) - strlen(uid));
}

static uint32_t item_len(const struct df_reference *r)
{
	return 16 + even(r->sop_class) + even(r->sop_instance) +
	       (r->reason != DF_REFERENCE_GOOD ? 10 : 0);
}

static void put_sequence(struct writer *w, const struct df_references *l,
			 bool failed)
{
	uint32_t length = 0;

	for (size_t i = 0; i < l->n; i++)
		if ((l->v[i].reason != DF_REFERENCE_GOOD) == failed)
			length += 8 + item_len(&l->v[i]);
	if (length == 0)
		return;
	put_head(w, failed ? FAILED_SEQUENCE : REFERENCED_SEQUENCE, "SQ",
		 length);
	for (size_t i = 0; i < l->n && w->rc == DF_OK; i++) {
		const struct df_reference *r = &l->v[i];
		uint8_t reason[2] = {(uint8_t)r->reason,
				     (uint8_t)(r->reason >> 8)};

		if ((r->reason != DF_REFERENCE_GOOD) != failed)
			continue;
		put_head(w, ITEM, "", item_len(r));
		put_uid(w, REFERENCED_CLASS, r->sop_class);
		put_uid(w, REFERENCED_INSTANCE, r->sop_instance);
		if (failed) {
			put_head(w, FAILURE_REASON, "US", 2);
			put(w, reason, 2);
		}
	}
}

enum df_err df_commitment_encode(struct df_buf *to,
				 const struct df_commitment *c,
				 bool explicit_vr, struct df_why *why)
{
	struct writer w = {to, explicit_vr, DF_OK, why};

	put_uid(&w, TRANSACTION_UID, c->transaction);
	put_sequence(&w, &c->refs, true);
	put_sequence(&w, &c->refs, false);
	return w.rc;
}
