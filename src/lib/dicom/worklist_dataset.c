/*
 * worklist_dataset.c - see df/worklist_dataset.h. The table of df/worklist.h
 * says what stands where.
 */
#include "df/worklist_dataset.h"

#include <iconv.h>
#include <string.h>

#include "df/charset.h"
#include "elements.h"

#define CHARSET 0x00080005u
#define TIME_ZONE 0x00080201u
#define VALUE_MAX (16 * 1024)

static bool in_step(unsigned field)
{
	return field >= DF_WORKLIST_STEP_FIRST &&
	       field <= DF_WORKLIST_STEP_LAST;
}

static bool vr_is(unsigned field, const char *vr)
{
	return strcmp(df_worklist_attribute((enum df_worklist_field)field)->vr,
		      vr) == 0;
}

/* --- the question ----------------------------------------------------------
 */

/* DF_WORKLIST_COUNT when we do not know it. */
static unsigned field_of(uint32_t tag, bool step)
{
	unsigned i;

	for (i = 0; i < DF_WORKLIST_COUNT; i++)
		if (in_step(i) == step &&
		    df_worklist_attribute((enum df_worklist_field)i)->tag ==
			    tag)
			break;
	return i;
}

static void take_value(struct element_reader *r, const struct element *p,
		       unsigned field, struct df_worklist_query *q)
{
	struct df_text t;

	q->keys.has[field] = true;
	/* the values in these are not looked at */
	if (vr_is(field, "SQ") || vr_is(field, "US")) {
		element_skip(r, p);
		return;
	}
	t = element_text(r, p);
	if (t.len >= DF_WORKLIST_KEY_CAP) {
		element_wrong(r, "a key is too long");
		return;
	}
	/* what it cannot say becomes a character that matches nothing */
	(void)df_charset_decode(q->text[field], sizeof q->text[field], t,
				q->charset, vr_is(field, "PN"));
}

/* Is it to match, and not only to be returned? What a sequence asks for is not
 * looked into. */
static bool is_key(const struct element_reader *r, const struct element *p)
{
	return p->length != 0 && p->length != ELEMENT_UNDEFINED &&
	       !(p->length >= 4 &&
		 element_number(r->ptr + p->value, 4) == 0xe000fffe);
}

static void take_element(struct element_reader *r, const struct element *p,
			 bool step, struct df_worklist_query *q)
{
	unsigned field = field_of(p->tag, step);

	if (field < DF_WORKLIST_COUNT) {
		take_value(r, p, field, q);
		return;
	}
	if (p->tag == CHARSET && !step) {
		struct df_text t = element_text(r, p);

		if (df_str_copy(q->charset, sizeof q->charset, t) != DF_OK)
			element_wrong(r, "not a character set");
		return;
	}
	if ((p->tag & 0xffff) != 0 && p->tag != CHARSET && p->tag != TIME_ZONE)
		q->others = q->others || is_key(r, p);
	element_skip(r, p);
}

/* Its first item; a sequence that asks for nothing asks for all of it. */
static void take_step(struct element_reader *r, const struct element *seq,
		      struct df_worklist_query *q)
{
	struct element item, p;
	bool first = true, any = false;
	unsigned i;

	while (element_next(r, seq->end, &item)) {
		if (item.tag == ELEMENT_SEQUENCE_END &&
		    seq->length == ELEMENT_UNDEFINED)
			break;
		if (item.tag != ELEMENT_ITEM)
			element_wrong(r, "not an item in a sequence");
		else if (!first)
			element_wrong(r, "two items in a sequence of keys");
		while (element_next(r, item.end, &p) &&
		       p.tag != ELEMENT_ITEM_END) {
			take_element(r, &p, true, q);
			any = true;
		}
		first = false;
	}
	for (i = DF_WORKLIST_STEP_FIRST; !any && i <= DF_WORKLIST_STEP_LAST;
	     i++)
		q->keys.has[i] = true;
}

enum df_err df_worklist_query_decode(struct df_worklist_query *q,
				     const uint8_t *ptr, size_t len,
				     bool explicit_vr, struct df_why *why)
{
	struct element_reader r = {.ptr = ptr,
				   .explicit_vr = explicit_vr,
				   .what = "worklist",
				   .why = why};
	struct element p;
	unsigned i;

	memset(q, 0, sizeof *q);
	while (element_next(&r, len, &p)) {
		if (p.tag == DF_WORKLIST_STEP_SEQUENCE)
			take_step(&r, &p, q);
		else
			take_element(&r, &p, false, q);
	}
	for (i = 0; i < DF_WORKLIST_COUNT; i++)
		q->keys.v[i] = df_text_of(q->text[i]);
	return r.rc;
}

/* --- the answer ------------------------------------------------------------
 */

struct charset {
	const char *name;  /* of (0008,0005) */
	const char *iconv; /* NULL: it stays UTF-8 */
};
static const struct charset UTF8 = {"ISO_IR 192", NULL};
static const struct charset GB18030 = {"GB18030", "GB18030"};
static const struct charset GBK = {"GBK", "GBK"};

struct answer {
	const struct df_worklist_query *query;
	const struct df_worklist_item *item;
	const struct charset *set;
	iconv_t cd;    /* (iconv_t)-1: none */
	bool is_ascii; /* what every console can read needs no word about it */
	bool explicit_vr;
};

static bool is_ascii(const struct df_worklist_query *q,
		     const struct df_worklist_item *item)
{
	unsigned i;
	size_t k;

	for (i = 0; i < DF_WORKLIST_COUNT; i++)
		for (k = 0; q->keys.has[i] && k < item->v[i].len; k++)
			if ((item->v[i].ptr[k] & 0x80) != 0)
				return false;
	return true;
}

static bool asks_for_step(const struct df_worklist_query *q)
{
	for (unsigned i = DF_WORKLIST_STEP_FIRST; i <= DF_WORKLIST_STEP_LAST;
	     i++)
		if (q->keys.has[i])
			return true;
	return false;
}

/* DF_E_UNSUPPORTED when the character set cannot say it. */
static enum df_err convert(const struct answer *a, struct df_text t,
			   struct df_buf *to, struct df_why *why)
{
	char *in = (char *)(uintptr_t)t.ptr, *out;
	size_t in_left = t.len, out_left = 4 * t.len;
	enum df_err rc;

	if (a->cd == (iconv_t)-1)
		return df_buf_add(to, t.ptr, t.len, why);
	rc = df_buf_reserve(to, out_left, why);
	if (rc != DF_OK || t.len == 0)
		return rc;
	out = (char *)to->ptr + to->len;
	(void)iconv(a->cd, NULL, NULL, NULL, NULL); /* begins anew */
	if (iconv(a->cd, &in, &in_left, &out, &out_left) != 0)
		return df_fail(why, DF_E_UNSUPPORTED,
			       "the character set lacks a character");
	to->len = (size_t)((uint8_t *)out - to->ptr);
	return DF_OK;
}

static void put_field(struct element_writer *w, const struct answer *a,
		      unsigned field)
{
	const struct df_worklist_attr *row =
		df_worklist_attribute((enum df_worklist_field)field);
	struct df_text t = a->item->v[field];
	struct df_buf bytes;
	uint64_t number;

	if (vr_is(field, "SQ")) {
		element_head(w, row->tag, row->vr, 0);
		return;
	}
	if (vr_is(field, "US")) {
		bool known = df_text_u64(t, &number) && number <= 0xffff;
		uint8_t two[2] = {(uint8_t)(known ? number : 0),
				  (uint8_t)(known ? number >> 8 : 0)};

		element_head(w, row->tag, row->vr, known ? 2 : 0);
		element_bytes(w, two, known ? 2 : 0);
		return;
	}
	df_buf_init(&bytes, VALUE_MAX);
	if (w->rc == DF_OK)
		w->rc = convert(a, t, &bytes, w->why);
	element_value(w, row->tag, row->vr,
		      (struct df_text){(const char *)bytes.ptr, bytes.len});
	df_buf_wipe(&bytes);
}

static void put_charset(struct element_writer *w, const struct answer *a)
{
	if (!a->is_ascii)
		element_value(w, CHARSET, "CS", df_text_of(a->set->name));
}

/* It says its character set itself, as PS3.5 7.5.3 allows: there are readers
 * that forget it at the head of an item. */
static void put_step(struct element_writer *w, const struct answer *a)
{
	struct df_buf inside;
	struct element_writer in = {&inside, w->explicit_vr, w->rc, w->why};
	uint32_t len;
	unsigned i;

	df_buf_init(&inside, DF_WORKLIST_DATASET_MAX);
	put_charset(&in, a);
	for (i = DF_WORKLIST_STEP_FIRST; i <= DF_WORKLIST_STEP_LAST; i++)
		if (a->query->keys.has[i])
			put_field(&in, a, i);
	w->rc = in.rc;
	len = (uint32_t)inside.len;
	element_head(w, DF_WORKLIST_STEP_SEQUENCE, "SQ", len + 8);
	element_head(w, ELEMENT_ITEM, "", len);
	element_bytes(w, inside.ptr, len);
	df_buf_wipe(&inside);
}

/* On a failure `to` is as it was. */
static enum df_err put_item(struct df_buf *to, struct answer *a,
			    struct df_why *why)
{
	struct element_writer w = {to, a->explicit_vr, DF_OK, why};
	size_t before = to->len;
	unsigned i;

	a->cd = (iconv_t)-1;
	if (a->set->iconv != NULL) {
		a->cd = iconv_open(a->set->iconv, "UTF-8");
		if (a->cd == (iconv_t)-1)
			return df_fail(why, DF_E_UNSUPPORTED,
				       "no conversion to %s here",
				       a->set->name);
	}
	put_charset(&w, a);
	for (i = 0; i < DF_WORKLIST_COUNT; i++) {
		if (i == DF_WORKLIST_STEP_FIRST && asks_for_step(a->query))
			put_step(&w, a);
		if (!in_step(i) && a->query->keys.has[i])
			put_field(&w, a, i);
	}
	if (a->cd != (iconv_t)-1)
		(void)iconv_close(a->cd);
	if (w.rc != DF_OK)
		to->len = before;
	return w.rc;
}

static const struct charset *choose(const struct df_worklist_query *q,
				    enum df_worklist_charset charset)
{
	struct df_text asked = df_text_of(q->charset);

	if (charset == DF_WORKLIST_GB18030 ||
	    (charset == DF_WORKLIST_AUTO && df_text_eq(asked, GB18030.name)))
		return &GB18030;
	if (charset == DF_WORKLIST_GBK ||
	    (charset == DF_WORKLIST_AUTO && df_text_eq(asked, GBK.name)))
		return &GBK;
	return &UTF8;
}

enum df_err df_worklist_item_encode(struct df_buf *to,
				    const struct df_worklist_query *q,
				    const struct df_worklist_item *item,
				    enum df_worklist_charset charset,
				    bool explicit_vr, struct df_why *why)
{
	struct answer a = {q,
			   item,
			   choose(q, charset),
			   (iconv_t)-1,
			   is_ascii(q, item),
			   explicit_vr};
	enum df_err rc;
	unsigned i;

	for (i = 0; i < DF_WORKLIST_COUNT; i++)
		if (item->v[i].len > VALUE_MAX / 4 ||
		    !df_utf8_valid(item->v[i]))
			return df_fail(why, DF_E_FORMAT,
				       "a value is not UTF-8 or too long");
	rc = put_item(to, &a, why);
	if (rc == DF_E_UNSUPPORTED && a.set == &GBK) {
		a.set = &GB18030;
		rc = put_item(to, &a, why);
	}
	return rc;
}
