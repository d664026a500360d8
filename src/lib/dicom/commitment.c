/*
 * commitment.c - data sets of storage commitment, see df/commitment.h.
 *
 * Untrusted bytes: only the two sequences that we know are entered.
 */
#include "df/commitment.h"

#include <string.h>

#include "elements.h"

#define TRANSACTION_UID 0x00081195u
#define FAILED_SEQUENCE 0x00081198u
#define REFERENCED_SEQUENCE 0x00081199u
#define REFERENCED_CLASS 0x00081150u
#define REFERENCED_INSTANCE 0x00081155u
#define FAILURE_REASON 0x00081197u

static void take_uid(struct element_reader *r, const struct element *p,
		     char to[65])
{
	struct df_text t = element_text(r, p);

	if (r->rc == DF_OK &&
	    (!df_uid_valid(t) || df_str_copy(to, 65, t) != DF_OK))
		element_wrong(r, "not a UID");
}

static void take_item(struct element_reader *r, const struct element *item,
		      bool failed, struct df_references *refs)
{
	struct df_reference ref = {0};
	struct element p;

	while (element_next(r, item->end, &p) && p.tag != ELEMENT_ITEM_END) {
		if (p.tag == REFERENCED_CLASS) {
			take_uid(r, &p, ref.sop_class);
		} else if (p.tag == REFERENCED_INSTANCE) {
			take_uid(r, &p, ref.sop_instance);
		} else {
			if (p.tag == FAILURE_REASON && p.length == 2)
				ref.reason = (uint16_t)element_number(
					r->ptr + p.value, 2);
			element_skip(r, &p);
		}
	}
	if (!failed)
		ref.reason = DF_REFERENCE_GOOD;
	else if (ref.reason == DF_REFERENCE_GOOD)
		ref.reason = DF_REFERENCE_PROCESSING_FAILURE;
	if (ref.sop_class[0] == '\0' || ref.sop_instance[0] == '\0')
		element_wrong(r, "an item without its UIDs");
	if (r->rc == DF_OK)
		r->rc = df_references_add(refs, &ref, r->why);
}

static void take_sequence(struct element_reader *r, const struct element *seq,
			  struct df_references *refs)
{
	struct element p;

	while (element_next(r, seq->end, &p)) {
		if (p.tag == ELEMENT_SEQUENCE_END &&
		    seq->length == ELEMENT_UNDEFINED)
			return;
		if (p.tag != ELEMENT_ITEM) {
			element_wrong(r, "not an item in a sequence");
			return;
		}
		take_item(r, &p, seq->tag == FAILED_SEQUENCE, refs);
	}
	if (seq->length == ELEMENT_UNDEFINED)
		element_wrong(r, "a sequence does not end");
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
	struct element_reader r = {.ptr = ptr,
				   .explicit_vr = explicit_vr,
				   .what = "storage commitment",
				   .why = why};
	struct element p;

	*c = (struct df_commitment){0};
	while (element_next(&r, len, &p)) {
		if (p.tag == TRANSACTION_UID)
			take_uid(&r, &p, c->transaction);
		else if (p.tag == FAILED_SEQUENCE ||
			 p.tag == REFERENCED_SEQUENCE)
			take_sequence(&r, &p, &c->refs);
		else
			element_skip(&r, &p);
	}
	if (c->transaction[0] == '\0')
		element_wrong(&r, "no transaction UID");
	if (c->refs.n == 0)
		element_wrong(&r, "no instance is referenced");
	if (r.rc != DF_OK)
		df_commitment_release(c);
	return r.rc;
}

/* --- encoding --------------------------------------------------------------
 */

static uint32_t even(const char *s)
{
	return (uint32_t)((strlen(s) + 1) & ~(size_t)1);
}

static uint32_t item_len(const struct df_reference *r)
{
	return 16 + even(r->sop_class) + even(r->sop_instance) +
	       (r->reason != DF_REFERENCE_GOOD ? 10 : 0);
}

static void put_sequence(struct element_writer *w,
			 const struct df_references *l, bool failed)
{
	uint32_t length = 0;

	for (size_t i = 0; i < l->n; i++)
		if ((l->v[i].reason != DF_REFERENCE_GOOD) == failed)
			length += 8 + item_len(&l->v[i]);
	if (length == 0)
		return;
	element_head(w, failed ? FAILED_SEQUENCE : REFERENCED_SEQUENCE, "SQ",
		     length);
	for (size_t i = 0; i < l->n && w->rc == DF_OK; i++) {
		const struct df_reference *r = &l->v[i];
		uint8_t reason[2] = {(uint8_t)r->reason,
				     (uint8_t)(r->reason >> 8)};

		if ((r->reason != DF_REFERENCE_GOOD) != failed)
			continue;
		element_head(w, ELEMENT_ITEM, "", item_len(r));
		element_value(w, REFERENCED_CLASS, "UI",
			      df_text_of(r->sop_class));
		element_value(w, REFERENCED_INSTANCE, "UI",
			      df_text_of(r->sop_instance));
		if (failed) {
			element_head(w, FAILURE_REASON, "US", 2);
			element_bytes(w, reason, 2);
		}
	}
}

enum df_err df_commitment_encode(struct df_buf *to,
				 const struct df_commitment *c,
				 bool explicit_vr, struct df_why *why)
{
	struct element_writer w = {to, explicit_vr, DF_OK, why};

	element_value(&w, TRANSACTION_UID, "UI", df_text_of(c->transaction));
	put_sequence(&w, &c->refs, true);
	put_sequence(&w, &c->refs, false);
	return w.rc;
}
