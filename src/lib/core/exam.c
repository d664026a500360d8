/*
 * exam.c - what an exam is, from the words that modalities write.
 *
 * The words of the table are searched from left to right, at each place the
 * longest; what they mean is gathered. A body part code that contradicts the
 * texts is said and not settled: many modalities send a default.
 */
#include <string.h>

#include "rules_private.h"

#define TEXT_MAX 600 /* bytes of one text that are looked at */
#define MODALITIES 8

/* --- modalities ------------------------------------------------------------
 */

/* Sorted, without those that are no images of their own. */
struct modalities {
	char code[MODALITIES][17];
	size_t n;
};

static bool is_image(const char *code)
{
	static const char *const NOT[] = {
		"SR",	  "PR",	      "KO",  "SEG",	 "DOC",
		"OT",	  "AU",	      "REG", "RTSTRUCT", "RTPLAN",
		"RTDOSE", "RTRECORD", "RWV", "ANN",	 "FID",
		"PLAN",	  "ASMT",     "SMR", "STAIN",	 "TEXTUREMAP"};

	for (size_t i = 0; i < sizeof NOT / sizeof *NOT; i++)
		if (strcmp(code, NOT[i]) == 0)
			return false;
	return true;
}

static void modality_add(struct modalities *m, const char *code)
{
	size_t i = 0;

	while (i < m->n && strcmp(m->code[i], code) < 0)
		i++;
	if (m->n == MODALITIES || (i < m->n && !strcmp(m->code[i], code)))
		return;
	memmove(m->code[i + 1], m->code[i], (m->n - i) * sizeof m->code[0]);
	memcpy(m->code[i], code, sizeof m->code[0]);
	m->n++;
}

static void modalities_add(struct modalities *m, struct df_text text,
			   bool images)
{
	char code[17];
	size_t n = 0;

	for (size_t i = 0; i <= text.len; i++) {
		char c = i < text.len ? text.ptr[i] : '/';

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 32);
		if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
			if (n < sizeof code - 1)
				code[n++] = c;
			continue;
		}
		memset(code + n, 0, sizeof code - n);
		if (n > 0 && (!images || is_image(code)))
			modality_add(m, code);
		n = 0;
	}
}

/* Is it one of the alternatives, "CR,DX,PT+CT"? */
static bool modality_fits(const char *alternatives, const struct modalities *m)
{
	struct df_text one;

	while (df_rules_list_next(&alternatives, &one)) {
		struct modalities want = {.n = 0};
		size_t i = 0;

		modalities_add(&want, one, false);
		while (i < want.n && i < m->n &&
		       strcmp(want.code[i], m->code[i]) == 0)
			i++;
		if (i == want.n && i == m->n)
			return true;
	}
	return false;
}

/* --- words -----------------------------------------------------------------
 */

struct found {
	const struct rules_row *parts[DF_EXAM_PARTS];
	size_t n;
	bool more; /* parts than there is room for */
	unsigned sides;	 /* bits of enum df_side: said at all ... */
	unsigned beside; /* ... and right beside a paired part */
	bool plain, enhanced, maybe;
	struct modalities modalities; /* "胸部CT": as orders say it */
};

static void part_add(struct found *f, const struct rules_row *part)
{
	size_t i = 0;

	while (i < f->n && f->parts[i] != part)
		i++;
	if (i == DF_EXAM_PARTS)
		f->more = true;
	else if (i == f->n)
		f->parts[f->n++] = part;
}

/* What a word leaves to the one right behind it. */
struct before {
	bool no;	/* there is none of this contrast */
	unsigned sides; /* the side of a part */
	bool part;	/* a paired part whose side was not said before it */
};

static unsigned side_bit(struct df_text e)
{
	return df_text_eq(e, "side:left")    ? 1u << DF_SIDE_LEFT
	       : df_text_eq(e, "side:right") ? 1u << DF_SIDE_RIGHT
	       : df_text_eq(e, "side:both")  ? 1u << DF_SIDE_BOTH
					     : 0;
}

static bool is_paired(const struct rules_row *part)
{
	return df_rules_list_has(part->cell[PART_KIND], df_text_of("paired"));
}

static void mean(const struct df_rules *r, const char *means, struct found *f,
		 struct before *b)
{
	struct before next = {.no = false};
	bool parts = false, paired = false;
	struct df_text e;

	while (df_rules_list_next(&means, &e)) {
		const bool enhanced = df_text_eq(e, "contrast:enhanced");
		const struct rules_row *part;

		next.sides |= side_bit(e);
		next.no |= df_text_eq(e, "contrast:not");
		f->plain |=
			df_text_eq(e, "contrast:plain") || (enhanced && b->no);
		f->enhanced |= enhanced && !b->no;
		f->maybe |= df_text_eq(e, "contrast:maybe");
		if (e.len > 9 && !memcmp(e.ptr, "modality:", 9))
			modalities_add(&f->modalities,
				       (struct df_text){e.ptr + 9, e.len - 9},
				       false);
		part = df_rules_row(r, DF_RULES_PARTS, e);
		if (part == NULL)
			continue;
		part_add(f, part);
		parts = true;
		paired |= is_paired(part);
	}
	f->sides |= next.sides;
	if (paired || b->part)
		f->beside |= next.sides;
	if (paired)
		f->beside |= b->sides;
	next.part = paired ? (b->sides | next.sides) == 0
			   : b->part && next.sides != 0;
	next.sides = parts || next.sides == 0 ? 0 : next.sides | b->sides;
	*b = next;
}

/* "HeadSeq", as protocols are called, is two words. */
static struct df_text words_apart(const char *text, char to[2 * TEXT_MAX])
{
	size_t n = 0;

	for (size_t i = 0; text != NULL && text[i] != '\0' && i < TEXT_MAX;
	     i++) {
		if (i > 0 && text[i] >= 'A' && text[i] <= 'Z' &&
		    text[i - 1] >= 'a' && text[i - 1] <= 'z')
			to[n++] = ' ';
		to[n++] = text[i];
	}
	return (struct df_text){to, n};
}

static void scan(const struct df_rules *r, const char *text, struct found *f)
{
	char folded[2 * TEXT_MAX + 1];
	struct df_text t = words_apart(text, folded);
	struct before b = {.no = false};

	t.len = df_rules_fold(folded, t);
	for (size_t at = 0; at < t.len;) {
		const struct rules_key *k = df_rules_word_at(r, t, at);

		if (k != NULL) {
			mean(r, k->row->cell[WORD_MEANS], f, &b);
			at += k->len;
			continue;
		}
		if (t.ptr[at] != ' ')
			b = (struct before){.no = false};
		else if (t.ptr[at - 1] < 'A' || t.ptr[at - 1] > 'Z')
			b.no = false; /* "NO IV" goes on, "无, 增强" does not */
		at++;
	}
}

/* --- parts -----------------------------------------------------------------
 */

/* Neither says anything of the other? One empty list contradicts nobody. */
static bool contradicts(const struct df_rules *r, const struct found *a,
			const struct found *b)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n; k++)
			if (df_rules_is_within(r, a->parts[i], b->parts[k]) ||
			    df_rules_is_within(r, b->parts[k], a->parts[i]))
				return false;
	return a->n > 0 && b->n > 0;
}

static bool is_vague(const struct rules_row *part)
{
	return df_rules_list_has(part->cell[PART_KIND], df_text_of("vague"));
}

static bool is_vague_beside(const struct df_rules *r, const struct found *f,
			    const struct rules_row *part)
{
	if (!is_vague(part))
		return false;
	for (size_t i = 0; i < f->n; i++)
		if (f->parts[i] != part &&
		    df_rules_is_within(r, f->parts[i], part))
			return true;
	return false;
}

/* Does one of the first n parts say more exactly what part it is? */
static bool is_coarse_beside(const struct df_rules *r, const struct found *f,
			     size_t n, const struct rules_row *part)
{
	for (size_t i = 0; i < n; i++)
		if (df_rules_is_within(r, f->parts[i], part) &&
		    !df_rules_shows(r, f->parts[i], part))
			return true;
	return false;
}

static void part_put(struct df_exam_meaning *out, const char *code, bool coarse)
{
	size_t i = out->n_parts++;

	for (; i > 0 && strcmp(out->parts[i - 1], code) > 0; i--) {
		memcpy(out->parts[i], out->parts[i - 1], DF_RULES_CODE);
		out->coarse[i] = out->coarse[i - 1];
	}
	df_str_fmt(out->parts[i], DF_RULES_CODE, "%s", code);
	out->coarse[i] = coarse;
}

/* The first `said` are of the texts; then those that only the code has. */
static void parts_put(const struct df_rules *r, const struct found *f,
		      size_t said, struct df_exam_meaning *out)
{
	for (size_t i = 0; i < f->n; i++)
		if (!is_vague_beside(r, f, f->parts[i]))
			part_put(out, f->parts[i]->cell[PART_CODE],
				 i >= said && is_coarse_beside(r, f, said,
							       f->parts[i]));
}

/* One side is said of all. Several are "both" when they stand beside the only
 * part that has sides; of "左膝、右踝" and "左膝、右侧胸部" none is known. */
static enum df_side side_of(const struct found *f)
{
	const unsigned both = 1u << DF_SIDE_BOTH;
	const unsigned each = 1u << DF_SIDE_LEFT | 1u << DF_SIDE_RIGHT;
	size_t paired = 0;

	for (enum df_side s = DF_SIDE_LEFT; s <= DF_SIDE_BOTH; s++)
		if (f->sides == 1u << s)
			return s;
	for (size_t i = 0; i < f->n; i++)
		paired += is_paired(f->parts[i]);
	return paired == 1 && ((f->beside & both) != 0 ||
			       (f->beside & each) == each)
		       ? DF_SIDE_BOTH
		       : DF_SIDE_NONE;
}

/* --- items -----------------------------------------------------------------
 */

static void item_add(struct df_exam_meaning *out, struct df_text code)
{
	size_t i = 0;

	while (i < out->n_items && !df_text_eq(code, out->items[i]))
		i++;
	if (i == DF_EXAM_ITEMS)
		out->left_out = true;
	else if (i == out->n_items &&
		 df_str_copy(out->items[i], DF_RULES_CODE, code) == DF_OK)
		out->n_items++;
}

static void items_by_code(const struct df_rules *r,
			  const struct df_exam_words *w,
			  struct df_exam_meaning *out)
{
	const struct rules_sheet *s = &r->sheet[DF_RULES_PROCEDURES];
	struct df_text e;

	if (w->procedure == NULL || w->scheme == NULL)
		return;
	for (size_t i = 0; i < s->n; i++) {
		const char *const *c = s->rows[i].cell;
		const char *list = c[PROCEDURE_ITEMS];

		if (strcmp(c[PROCEDURE_CODE], w->procedure) != 0 ||
		    strcmp(c[PROCEDURE_SCHEME], w->scheme) != 0)
			continue;
		while (df_rules_list_next(&list, &e))
			item_add(out, e);
	}
}

static void items_by_part(const struct df_rules *r, const struct modalities *m,
			  struct df_exam_meaning *out)
{
	const struct rules_sheet *s = &r->sheet[DF_RULES_ITEMS];
	bool placed[DF_EXAM_PARTS] = {false};

	for (size_t i = 0; i < s->n; i++) {
		const char *const *c = s->rows[i].cell;

		if (!modality_fits(c[ITEM_MODALITIES], m))
			continue;
		for (size_t k = 0; k < out->n_parts; k++)
			if (df_rules_list_has(c[ITEM_PARTS],
					      df_text_of(out->parts[k]))) {
				item_add(out, df_text_of(c[ITEM_CODE]));
				placed[k] = true;
			}
	}
	for (size_t k = 0; k < out->n_parts; k++)
		out->left_out |= !placed[k] && !out->coarse[k];
}

static enum df_exam_known known(const struct modalities *m,
				const struct found *f, bool contradiction)
{
	if (m->n == 0)
		return DF_EXAM_NO_MODALITY;
	if (contradiction)
		return DF_EXAM_CONTRADICTION;
	for (size_t i = 0; i < f->n; i++)
		if (!is_vague(f->parts[i]))
			return DF_EXAM_KNOWN;
	return DF_EXAM_NO_PART; /* none, or only such as "the spine" */
}

void df_exam_understand(const struct df_rules *r, const struct df_exam_words *w,
			struct df_exam_meaning *out)
{
	struct modalities m = {.n = 0};
	struct found part = {.n = 0}, text = {.n = 0};
	bool contradiction;
	size_t said;

	*out = (struct df_exam_meaning){.known = DF_EXAM_KNOWN};
	scan(r, w->body_part, &part);
	for (size_t i = 0; i < DF_EXAM_TEXTS; i++)
		scan(r, w->texts[i], &text);
	modalities_add(&m, df_text_of(w->modality), true);
	if (w->modality == NULL || w->modality[0] == '\0')
		m = text.modalities;
	contradiction = contradicts(r, &part, &text);
	said = text.n;
	for (size_t i = 0; i < part.n; i++)
		part_add(&text, part.parts[i]);
	parts_put(r, &text, said, out);
	out->left_out = text.more || part.more;
	text.sides |= part.sides;
	text.beside |= part.beside;
	out->side = side_of(&text);
	/* "平扫+增强" has both: it is the one that shows more */
	text.enhanced |= part.enhanced;
	out->contrast = text.enhanced && (text.maybe || part.maybe)
				? DF_CONTRAST_MAYBE
			: text.enhanced		   ? DF_CONTRAST_ENHANCED
			: text.plain || part.plain ? DF_CONTRAST_PLAIN
						   : DF_CONTRAST_UNSAID;
	items_by_code(r, w, out);
	if (out->n_items > 0)
		return; /* a code says it better than words */
	out->known = known(&m, &text, contradiction);
	if (out->known == DF_EXAM_KNOWN)
		items_by_part(r, &m, out);
	if (out->known == DF_EXAM_KNOWN && out->n_items == 0)
		out->known = DF_EXAM_NO_ITEM;
}

/* --- two exams -------------------------------------------------------------
 */

/* "CR" and "DX" are: some item takes either. */
static bool same_kind(const struct df_rules *r, const char *a, const char *b)
{
	const struct rules_sheet *s = &r->sheet[DF_RULES_ITEMS];

	if (strcmp(a, b) == 0)
		return true;
	for (size_t i = 0; i < s->n; i++) {
		const char *list = s->rows[i].cell[ITEM_MODALITIES];

		if (df_rules_list_has(list, df_text_of(a)) &&
		    df_rules_list_has(list, df_text_of(b)))
			return true;
	}
	return false;
}

static bool kinds_meet(const struct df_rules *r, const struct modalities *a,
		       const struct modalities *b)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n; k++)
			if (same_kind(r, a->code[i], b->code[k]))
				return true;
	return a->n == 0 || b->n == 0;
}

static void read_all(const struct df_rules *r, const struct df_exam_words *w,
		     struct found *f)
{
	*f = (struct found){.n = 0};
	scan(r, w->body_part, f);
	for (size_t i = 0; i < DF_EXAM_TEXTS; i++)
		scan(r, w->texts[i], f);
	if (w->modality != NULL && w->modality[0] != '\0')
		f->modalities.n = 0;
	modalities_add(&f->modalities, df_text_of(w->modality), true);
}

bool df_exam_words_meet(const struct df_rules *r, const struct df_exam_words *a,
			const struct df_exam_words *b)
{
	struct found x, y;

	read_all(r, a, &x);
	read_all(r, b, &y);
	return kinds_meet(r, &x.modalities, &y.modalities) &&
	       !contradicts(r, &x, &y);
}
