/*
 * recognition_order.c - is an earlier exam the one that is ordered now? Item,
 * part, side and contrast; of what the order does not say nothing is asked.
 */
#include <string.h>

#include "rules_private.h"

/* Do left and right differ in what was made of an item? Without a part
 * of it (known by its code) any of the item's parts says so. */
static bool is_paired(const struct df_rules *r, const struct df_exam_meaning *m,
		      const char *item)
{
	const struct rules_row *row =
		df_rules_row(r, DF_RULES_ITEMS, df_text_of(item));
	const char *list = row->cell[ITEM_PARTS];
	bool paired = false, made = false, any = false;
	struct df_text part;

	while (df_rules_list_next(&list, &part)) {
		const struct rules_row *p =
			df_rules_row(r, DF_RULES_PARTS, part);
		const bool is = df_rules_list_has(p->cell[PART_KIND],
						  df_text_of("paired"));

		any |= is;
		for (size_t i = 0; i < m->n_parts; i++)
			if (df_text_eq(part, m->parts[i])) {
				made = true;
				paired |= is;
			}
	}
	return made ? paired : any;
}

static void sides(const struct df_rules *r, const struct df_exam_meaning *want,
		  struct df_verdict *v, const char *item)
{
	const enum df_side has = v->meaning.side;

	if (!is_paired(r, &v->meaning, item) || has == DF_SIDE_BOTH)
		return;
	if (has == DF_SIDE_NONE || want->side == DF_SIDE_NONE)
		df_verdict_add(v, DF_RECOGNITION_SIDE_UNKNOWN, "%s", item);
	else if (has != want->side)
		df_verdict_add(v, DF_RECOGNITION_SIDE_OTHER, "%s", item);
}

enum shown { SHOWN_OTHER, SHOWN_PARTLY, SHOWN_ALL };

/* How much of a part that is wanted those show that were made of its item;
 * none is known: nothing speaks against it. */
static enum shown how_much(const struct df_rules *r,
			   const struct df_exam_meaning *has,
			   const char *of_item, struct df_text wanted)
{
	const struct rules_row *want = df_rules_row(r, DF_RULES_PARTS, wanted);
	enum shown most = SHOWN_OTHER;
	bool any = false;

	for (size_t i = 0; i < has->n_parts && most != SHOWN_ALL; i++) {
		const struct df_text code = df_text_of(has->parts[i]);
		const struct rules_row *part =
			df_rules_row(r, DF_RULES_PARTS, code);

		if (!df_rules_list_has(of_item, code))
			continue;
		any = true;
		if (df_rules_shows(r, part, want))
			most = has->coarse[i] ? SHOWN_PARTLY : SHOWN_ALL;
		else if (df_rules_is_within(r, part, want))
			most = SHOWN_PARTLY;
	}
	return any ? most : SHOWN_ALL;
}

/* An item may be of many parts ("limbs and joints"): each that is ordered must
 * have been made. The worst of them is said. */
static void parts(const struct df_rules *r, const struct df_exam_meaning *want,
		  struct df_verdict *v, const char *item)
{
	const char *list = df_rules_row(r, DF_RULES_ITEMS, df_text_of(item))
				   ->cell[ITEM_PARTS];
	enum shown least = SHOWN_ALL;
	const char *of = "";

	for (size_t i = 0; i < want->n_parts; i++) {
		const struct df_text code = df_text_of(want->parts[i]);
		enum shown one;

		if (want->coarse[i] || !df_rules_list_has(list, code))
			continue;
		one = how_much(r, &v->meaning, list, code);
		if (one < least) {
			least = one;
			of = want->parts[i];
		}
	}
	if (least != SHOWN_ALL)
		df_verdict_add(v,
			       least == SHOWN_OTHER
				       ? DF_RECOGNITION_PART_OTHER
				       : DF_RECOGNITION_PART_NARROWER,
			       "%s %s", item, of);
}

static void contrasts(const struct df_exam_meaning *want, struct df_verdict *v)
{
	const bool maybe = want->contrast == DF_CONTRAST_MAYBE;

	if ((want->contrast != DF_CONTRAST_ENHANCED && !maybe) ||
	    v->meaning.contrast == DF_CONTRAST_ENHANCED)
		return;
	if (v->meaning.contrast == DF_CONTRAST_PLAIN && !maybe)
		df_verdict_add(v, DF_RECOGNITION_CONTRAST_MISSING, "%s", "");
	else
		df_verdict_add(v, DF_RECOGNITION_CONTRAST_UNKNOWN, "%s", "");
}

static bool has_item(const struct df_exam_meaning *m, const char *item)
{
	for (size_t i = 0; i < m->n_items; i++)
		if (strcmp(m->items[i], item) == 0)
			return true;
	return false;
}

/* false: nothing is ordered. */
static bool wanted(const struct df_rules *r, const struct df_asking *a,
		   struct df_exam_meaning *want)
{
	const struct df_exam_words *w = &a->wanted;
	bool any = df_rules_said(a->wanted_item) ||
		   df_rules_said(w->modality) || df_rules_said(w->body_part) ||
		   df_rules_said(w->procedure);

	for (size_t i = 0; i < DF_EXAM_TEXTS; i++)
		any |= df_rules_said(w->texts[i]);
	df_exam_understand(r, w, want);
	if (!df_rules_said(a->wanted_item))
		return any;
	want->n_items = 0; /* the code says it, the words say side, contrast */
	want->left_out = false;
	if (df_rules_row(r, DF_RULES_ITEMS, df_text_of(a->wanted_item)) != NULL)
		df_str_fmt(want->items[want->n_items++], DF_RULES_CODE, "%s",
			   a->wanted_item);
	return any;
}

void df_verdict_order(const struct df_rules *r, const struct df_asking *a,
		      struct df_exam_meaning *items, struct df_verdict *v)
{
	struct df_exam_meaning want;

	*items = v->meaning;
	if (!wanted(r, a, &want))
		return;
	if (want.n_items == 0 || want.left_out)
		df_verdict_add(v, DF_RECOGNITION_WANTED_UNKNOWN, "%s", "");
	if (want.n_items == 0 || v->meaning.n_items == 0)
		return;
	items->n_items = 0;
	for (size_t i = 0; i < want.n_items; i++) {
		if (!has_item(&v->meaning, want.items[i])) {
			df_verdict_add(v, DF_RECOGNITION_ITEM_OTHER, "%s",
				       want.items[i]);
			continue;
		}
		memcpy(items->items[items->n_items++], want.items[i],
		       DF_RULES_CODE);
		parts(r, &want, v, want.items[i]);
		sides(r, &want, v, want.items[i]);
	}
	if (items->n_items > 0)
		contrasts(&want, v);
}
