/*
 * walker.c - one bounded pass over an untrusted data set.
 *
 * A stack of containers (data set, sequence, item, fragments) instead of
 * recursion. Every container knows the byte that it may not pass; an element
 * is looked at only when its whole header lies before that byte, and its value
 * is skipped only when that does too. So each step moves forward and the walk
 * ends after at most `len` steps.
 *
 * Implicit VR does not tell sequences from bytes. A value that begins with an
 * item tag is walked as a sequence on trial: what contradicts that inside turns
 * it back into bytes, but a limit that is passed inside still refuses, because
 * a reader with a dictionary would descend there.
 */
#include "df/walker.h"

#include <string.h>

#include "df/str.h"

#define UNDEFINED 0xFFFFFFFFu
#define TAG(g, e) (((uint32_t)(g) << 16) | (e))
#define ITEM TAG(0xFFFE, 0xE000)
#define ITEM_END TAG(0xFFFE, 0xE00D)
#define SEQUENCE_END TAG(0xFFFE, 0xE0DD)
#define PIXEL_DATA TAG(0x7FE0, 0x0010)

enum kind { DATA_SET, SEQUENCE, ITEM_OF, FRAGMENTS };

struct box {
	enum kind kind;
	enum df_walk_syntax syntax;
	bool open;   /* undefined length: a delimiter ends it */
	bool trial;  /* implicit VR: perhaps only bytes */
	bool pixels; /* the top level's encapsulated pixel data */
	uint64_t start;
	uint64_t limit;
};

struct element {
	uint32_t tag;
	char vr[3];
	uint64_t header; /* offset of the tag */
	uint64_t value;
	uint32_t length;
};

struct state {
	struct df_walk *out;
	df_walk_need *need;
	df_walk_passed *passed;
	void *ctx;
	struct element last; /* of the data set itself; value 0: none */
	const uint8_t *ptr;
	uint64_t at;
	uint64_t elements_max;
	unsigned depth_max;
	unsigned depth; /* sequences and fragments on the stack */
	unsigned n;
	struct box box[2 * DF_WALK_DEPTH_MAX + 2];
	struct df_why *why;
};

#define AT_FMT "element (%04X,%04X) at offset %llu"
#define AT_ARG(e)                                                   \
	(unsigned)((e)->tag >> 16), (unsigned)((e)->tag & 0xFFFFu), \
		(unsigned long long)(e)->header

enum df_walk_syntax df_walk_syntax_of(struct df_text ts)
{
	if (df_text_eq(ts, "1.2.840.10008.1.2") ||
	    df_text_eq(ts, "1.2.840.113619.5.2"))
		return DF_WALK_IMPLICIT_LE;
	if (df_text_eq(ts, "1.2.840.10008.1.2.2"))
		return DF_WALK_EXPLICIT_BE;
	if (df_text_eq(ts, "1.2.840.10008.1.2.1.99") ||
	    df_text_eq(ts, "1.2.840.10008.1.2.4.95") ||
	    df_text_eq(ts, "1.2.840.10008.1.2.4.205"))
		return DF_WALK_OPAQUE; /* deflated; JPIP references, deflated */
	return DF_WALK_EXPLICIT_LE;
}

static uint16_t get16(const uint8_t *p, enum df_walk_syntax syntax)
{
	if (syntax == DF_WALK_EXPLICIT_BE)
		return df_get_u16(p);
	return (uint16_t)(p[0] | (p[1] << 8));
}

static uint32_t get32(const uint8_t *p, enum df_walk_syntax syntax)
{
	if (syntax == DF_WALK_EXPLICIT_BE)
		return df_get_u32(p);
	return (uint32_t)p[0] | ((uint32_t)p[1] << 8) | ((uint32_t)p[2] << 16) |
	       ((uint32_t)p[3] << 24);
}

static uint32_t get_tag(const uint8_t *p, enum df_walk_syntax syntax)
{
	return TAG(get16(p, syntax), get16(p + 2, syntax));
}

static bool vr_in(const char *vr, const char *list)
{
	for (; *list; list += 2)
		if (list[0] == vr[0] && list[1] == vr[1])
			return true;
	return false;
}

/* VRs of today with a 16-bit length; capital letters that we do not know are
 * VRs of tomorrow, which have 32 bits (PS3.5 6.2.2); anything else is taken
 * for a broken writer of 16 bits, as DCMTK takes it. */
static bool vr_is_long(const char *vr)
{
	if (vr_in(vr, "AEASATCSDADSDTFLFDISLOLTPNSHSLSSSTTMUIULUS"))
		return false;
	return vr[0] >= 'A' && vr[0] <= 'Z' && vr[1] >= 'A' && vr[1] <= 'Z';
}

static enum df_err need(const struct state *s, uint64_t at, uint64_t len)
{
	return s->need == NULL ? DF_OK : s->need(s->ctx, at, len, s->why);
}

#define HEADER_MAX 12u

/* What is looked at before an element's length is known. */
static enum df_err need_header(const struct state *s, const struct box *b)
{
	uint64_t left = b->limit - s->at;
	enum df_err rc = need(s, s->at, left < HEADER_MAX ? left : HEADER_MAX);

	if (rc == DF_OK && b->kind == DATA_SET) /* only_zeros */
		rc = need(s, b->limit - 1, 1);
	if (rc == DF_OK && b->kind == DATA_SET && s->ptr[s->at] == 0 &&
	    s->ptr[b->limit - 1] == 0)
		rc = need(s, s->at, left);
	return rc;
}

static enum df_err read_header(struct state *s, const struct box *b,
			       struct element *e)
{
	const uint8_t *p = s->ptr + s->at;
	uint64_t left = b->limit - s->at;
	uint64_t size = 8;

	*e = (struct element){.header = s->at};
	if (left < 8)
		return df_fail(s->why, DF_E_FORMAT,
			       "%llu bytes at offset %llu are no element",
			       (unsigned long long)left,
			       (unsigned long long)s->at);
	e->tag = get_tag(p, b->syntax);
	if (b->syntax == DF_WALK_IMPLICIT_LE || (e->tag >> 16) == 0xFFFE) {
		e->length = get32(p + 4, b->syntax);
	} else {
		e->vr[0] = (char)p[4];
		e->vr[1] = (char)p[5];
		if (!vr_is_long(e->vr)) {
			e->length = get16(p + 6, b->syntax);
		} else if (left < 12) {
			return df_fail(s->why, DF_E_FORMAT,
				       AT_FMT " is cut in its header",
				       AT_ARG(e));
		} else {
			e->length = get32(p + 8, b->syntax);
			size = 12;
		}
	}
	e->value = s->at + size;
	if (e->length != UNDEFINED && e->length > left - size)
		return df_fail(s->why, DF_E_FORMAT,
			       AT_FMT " says %lu bytes, %llu are left",
			       AT_ARG(e), (unsigned long)e->length,
			       (unsigned long long)(left - size));
	return DF_OK;
}

static enum df_err push(struct state *s, enum kind kind,
			enum df_walk_syntax syntax, const struct element *e)
{
	const struct box *parent = &s->box[s->n - 1];
	struct box *b = &s->box[s->n];
	bool open = e->length == UNDEFINED;

	if (kind != ITEM_OF) {
		if (s->depth == s->depth_max)
			return df_fail(s->why, DF_E_LIMIT,
				       AT_FMT " nests deeper than %u sequences",
				       AT_ARG(e), s->depth_max);
		s->depth++;
		if (s->depth > s->out->deepest)
			s->out->deepest = s->depth;
	}
	*b = (struct box){
		.kind = kind,
		.syntax = syntax,
		.open = open,
		.start = e->header,
		.limit = open ? parent->limit : e->value + e->length,
	};
	s->n++;
	s->at = e->value;
	return DF_OK;
}

static void pop(struct state *s)
{
	const struct box *b = &s->box[--s->n];

	if (b->kind == SEQUENCE || b->kind == FRAGMENTS)
		s->depth--;
	if (b->pixels)
		s->out->pixel_length = s->at - s->out->pixel_value;
}

/* --- what is noted at the top level --- */

static void note_uid(struct state *s, const struct element *e,
		     struct df_walk_uid *to)
{
	struct df_text t = {(const char *)s->ptr + e->value, e->length};

	if (to->s[0])
		return; /* the first of two stands, as for DCMTK */
	while (t.len && (t.ptr[t.len - 1] == '\0' || t.ptr[t.len - 1] == ' '))
		t.len--;
	if (!t.len)
		return;
	if (!df_uid_valid(t) || df_str_copy(to->s, sizeof to->s, t) != DF_OK)
		s->out->bad_uid = true;
}

static void note_number(const struct state *s, const struct element *e,
			uint32_t *to)
{
	const uint8_t *p = s->ptr + e->value;

	if (e->length == 4)
		*to = get32(p, s->out->syntax);
	else if (e->length >= 2)
		*to = get16(p, s->out->syntax);
}

static void note_frames(const struct state *s, const struct element *e)
{
	struct df_text t = {(const char *)s->ptr + e->value, e->length};
	uint64_t v = 0;

	while (t.len && (*t.ptr == ' ' || *t.ptr == '0'))
		t.ptr++, t.len--;
	while (t.len && (t.ptr[t.len - 1] == '\0' || t.ptr[t.len - 1] == ' '))
		t.len--;
	if (df_text_u64(t, &v) && v <= UINT32_MAX)
		s->out->frames = (uint32_t)v;
}

static void note_photometric(const struct state *s, const struct element *e)
{
	struct df_text t = {(const char *)s->ptr + e->value, e->length};

	while (t.len && (t.ptr[t.len - 1] == '\0' || t.ptr[t.len - 1] == ' '))
		t.len--;
	if (df_str_copy(s->out->photometric, sizeof s->out->photometric, t) !=
	    DF_OK)
		s->out->photometric[0] = '\0';
}

static void note_pixel(struct state *s, const struct element *e,
		       enum df_walk_pixel kind)
{
	struct df_walk *w = s->out;

	if (w->pixel != DF_WALK_PIXEL_NONE)
		return;
	w->pixel = kind;
	w->pixel_header = e->header;
	w->pixel_value = e->value;
	w->pixel_length = e->length;
	memcpy(w->pixel_vr, e->vr, sizeof w->pixel_vr);
}

/* The place of a plain number, or NULL. */
static uint32_t *number_of(struct df_walk *w, uint32_t tag)
{
	switch (tag) {
	case TAG(0x0028, 0x0002):
		return &w->samples;
	case TAG(0x0028, 0x0006):
		return &w->planar;
	case TAG(0x0028, 0x0010):
		return &w->rows;
	case TAG(0x0028, 0x0011):
		return &w->columns;
	case TAG(0x0028, 0x0100):
		return &w->allocated;
	case TAG(0x0028, 0x0101):
		return &w->stored;
	case TAG(0x0028, 0x0102):
		return &w->high_bit;
	case TAG(0x0028, 0x0103):
		return &w->representation;
	default:
		return NULL;
	}
}

static bool is_pixel(uint32_t tag)
{
	return tag == PIXEL_DATA || tag == TAG(0x7FE0, 0x0008) ||
	       tag == TAG(0x7FE0, 0x0009);
}

static void note(struct state *s, const struct element *e)
{
	struct df_walk *w = s->out;
	uint32_t *number = number_of(w, e->tag);

	if (number)
		note_number(s, e, number);
	else if (e->tag == TAG(0x0008, 0x0016))
		note_uid(s, e, &w->sop_class);
	else if (e->tag == TAG(0x0008, 0x0018))
		note_uid(s, e, &w->sop_instance);
	else if (e->tag == TAG(0x0020, 0x000D))
		note_uid(s, e, &w->study);
	else if (e->tag == TAG(0x0020, 0x000E))
		note_uid(s, e, &w->series);
	else if (e->tag == TAG(0x0028, 0x0004))
		note_photometric(s, e);
	else if (e->tag == TAG(0x0028, 0x0008))
		note_frames(s, e);
	else if (e->tag == PIXEL_DATA)
		note_pixel(s, e, DF_WALK_PIXEL_NATIVE);
	else if (is_pixel(e->tag))
		note_pixel(s, e, DF_WALK_PIXEL_FLOAT);
}

/* --- one step in each kind of container --- */

static enum df_err enter_undefined(struct state *s, const struct box *b,
				   const struct element *e)
{
	bool top = b->kind == DATA_SET;
	enum df_err rc;

	if (b->syntax == DF_WALK_IMPLICIT_LE ? e->tag != PIXEL_DATA
					     : vr_in(e->vr, "SQ"))
		return push(s, SEQUENCE, b->syntax, e);
	if (b->syntax != DF_WALK_IMPLICIT_LE && vr_in(e->vr, "UN"))
		return push(s, SEQUENCE, DF_WALK_IMPLICIT_LE, e); /* CP-246 */
	if (b->syntax != DF_WALK_IMPLICIT_LE && !vr_in(e->vr, "OBOWOLODOFOVOX"))
		return df_fail(s->why, DF_E_FORMAT,
			       AT_FMT " may not have undefined length",
			       AT_ARG(e));
	if (top && e->tag == PIXEL_DATA &&
	    s->out->pixel == DF_WALK_PIXEL_NONE) {
		note_pixel(s, e, DF_WALK_PIXEL_ENCAPSULATED);
		rc = push(s, FRAGMENTS, b->syntax, e);
		s->box[s->n - 1].pixels = rc == DF_OK;
		return rc;
	}
	return push(s, FRAGMENTS, b->syntax, e);
}

static bool begins_with_item(const struct state *s, const struct element *e)
{
	return e->length >= 8 &&
	       get_tag(s->ptr + e->value, DF_WALK_IMPLICIT_LE) == ITEM;
}

/* In the data set or an item. */
static enum df_err step_elements(struct state *s, const struct box *b)
{
	struct element e;
	enum df_err rc = read_header(s, b, &e);

	if (rc != DF_OK)
		return rc;
	if (b->kind == DATA_SET)
		s->last = e;
	if ((e.tag >> 16) == 0xFFFE) {
		if (e.tag == ITEM_END && b->kind == ITEM_OF && !e.length) {
			s->at = e.value;
			pop(s);
			return DF_OK;
		}
		return df_fail(s->why, DF_E_FORMAT, AT_FMT " cannot stand here",
			       AT_ARG(&e));
	}
	if (e.length == UNDEFINED)
		return enter_undefined(s, b, &e);
	if (!is_pixel(e.tag) || b->syntax == DF_WALK_IMPLICIT_LE)
		rc = need(s, e.value, is_pixel(e.tag) && e.length > 8
					      ? 8 /* begins_with_item */
					      : e.length);
	if (rc != DF_OK)
		return rc;
	if (b->kind == DATA_SET)
		note(s, &e);
	if (b->syntax != DF_WALK_IMPLICIT_LE && vr_in(e.vr, "SQ"))
		return push(s, SEQUENCE, b->syntax, &e);
	if (b->syntax == DF_WALK_IMPLICIT_LE && begins_with_item(s, &e)) {
		rc = push(s, SEQUENCE, b->syntax, &e);
		if (rc == DF_OK)
			s->box[s->n - 1].trial = true;
		return rc;
	}
	s->at = e.value + e.length;
	return DF_OK;
}

/* In a sequence or in fragments: items and the delimiter only. */
static enum df_err step_items(struct state *s, const struct box *b)
{
	struct element e;
	enum df_err rc = read_header(s, b, &e);

	if (rc != DF_OK)
		return rc;
	if (e.tag == SEQUENCE_END && !e.length) {
		s->at = e.value;
		if (b->open)
			pop(s); /* else a stray one: the length decides */
		return DF_OK;
	}
	if (e.tag != ITEM)
		return df_fail(s->why, DF_E_FORMAT,
			       AT_FMT " stands where an item must", AT_ARG(&e));
	if (b->kind == SEQUENCE)
		return push(s, ITEM_OF, b->syntax, &e);
	if (e.length == UNDEFINED)
		return df_fail(s->why, DF_E_FORMAT,
			       "fragment at offset %llu has no length",
			       (unsigned long long)e.header);
	if (b->pixels)
		s->out->fragments++;
	s->at = e.value + e.length;
	return DF_OK;
}

/* Only zeros to the end of the data set: padding of a sloppy writer. */
static bool only_zeros(const struct state *s, const struct box *b)
{
	const uint8_t *p = s->ptr + s->at;
	uint64_t left = b->limit - s->at;

	if (b->kind != DATA_SET || s->out->elements == 0 || p[0] || p[left - 1])
		return false;
	return left == 1 || memcmp(p, p + 1, left - 1) == 0;
}

/* After a contradiction: the innermost container on trial was only bytes. */
static bool turn_back(struct state *s)
{
	unsigned i = s->n;

	while (i > 0 && !s->box[i - 1].trial)
		i--;
	if (i == 0)
		return false;
	s->at = s->box[i - 1].limit;
	while (s->n >= i)
		pop(s);
	return true;
}

/* The walk is at the end of the last element of the data set itself. */
static void pass(struct state *s)
{
	if (s->passed != NULL && s->last.value != 0)
		s->passed(s->ctx, s->last.tag, s->last.header,
			  s->at - s->last.header);
	s->last.value = 0;
}

static enum df_err step(struct state *s)
{
	const struct box *b = &s->box[s->n - 1];

	enum df_err rc;

	if (b->kind == DATA_SET)
		pass(s);
	if (s->at == b->limit) {
		if (b->open)
			return df_fail(s->why, DF_E_FORMAT,
				       "sequence or item at offset %llu has "
				       "no end",
				       (unsigned long long)b->start);
		pop(s);
		return DF_OK;
	}
	rc = need_header(s, b);
	if (rc != DF_OK)
		return rc;
	if (only_zeros(s, b)) {
		s->out->trailing = b->limit - s->at;
		s->at = b->limit;
		return DF_OK;
	}
	if (++s->out->elements > s->elements_max)
		return df_fail(s->why, DF_E_LIMIT,
			       "data set has more than %llu elements",
			       (unsigned long long)s->elements_max);
	if (b->kind == SEQUENCE || b->kind == FRAGMENTS)
		return step_items(s, b);
	return step_elements(s, b);
}

enum df_err df_walk(struct df_walk *walk, const void *ptr, size_t len,
		    enum df_walk_syntax syntax,
		    const struct df_walk_limits *limits, struct df_why *why)
{
	struct state s = {
		.out = walk,
		.ptr = ptr,
		.depth_max = limits && limits->depth &&
					     limits->depth < DF_WALK_DEPTH_MAX
				     ? limits->depth
				     : DF_WALK_DEPTH_MAX,
		.elements_max = limits && limits->elements
					? limits->elements
					: DF_WALK_ELEMENTS_MAX,
		.why = why,
		.need = limits ? limits->need : NULL,
		.passed = limits ? limits->passed : NULL,
		.ctx = limits ? limits->ctx : NULL,
	};

	*walk = (struct df_walk){.syntax = syntax};
	if (syntax == DF_WALK_OPAQUE)
		return DF_OK;
	if (len == 0)
		return df_fail(why, DF_E_FORMAT, "data set is empty");
	s.box[0] =
		(struct box){.kind = DATA_SET, .syntax = syntax, .limit = len};
	s.n = 1;
	while (s.n > 0) {
		enum df_err rc = step(&s);

		if (rc == DF_OK || (rc == DF_E_FORMAT && turn_back(&s)))
			continue;
		return rc;
	}
	walk->end = len - walk->trailing;
	return DF_OK;
}

bool df_walk_fragment(const struct df_walk *walk, const void *ptr, uint64_t *at,
		      uint64_t *offset, uint64_t *length)
{
	const uint8_t *p = (const uint8_t *)ptr + *at;
	uint64_t end = walk->pixel_value + walk->pixel_length;

	if (walk->pixel != DF_WALK_PIXEL_ENCAPSULATED || *at + 8 > end ||
	    get_tag(p, walk->syntax) != ITEM)
		return false;
	*offset = *at + 8;
	*length = get32(p + 4, walk->syntax);
	if (*length > end - *offset)
		return false;
	*at = *offset + *length;
	return true;
}
