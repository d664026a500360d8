/*
 * rules_find.c - the tables of recognition rules loaded, and looked up.
 */
#include <stdlib.h>
#include <string.h>

#include "rules_private.h"

/* --- cells that are lists --------------------------------------------------
 */

bool df_rules_list_next(const char **list, struct df_text *entry)
{
	const char *s = *list, *end;

	while (*s == ' ' || *s == ',')
		s++;
	end = s + strcspn(s, ",");
	*list = end;
	*entry = (struct df_text){s, (size_t)(end - s)};
	while (entry->len > 0 && s[entry->len - 1] == ' ')
		entry->len--;
	return entry->len > 0;
}

bool df_rules_list_has(const char *list, struct df_text entry)
{
	struct df_text e;

	while (df_rules_list_next(&list, &e))
		if (df_text_same(e, entry))
			return true;
	return false;
}

bool df_rules_covers(const char *patterns, const char *code)
{
	struct df_text p;

	while (df_rules_list_next(&patterns, &p)) {
		if (df_text_eq(p, code))
			return true;
		if (p.ptr[p.len - 1] == '*' &&
		    strncmp(p.ptr, code, p.len - 1) == 0)
			return true;
	}
	return false;
}

size_t df_rules_fit(const char *pattern, const char *code)
{
	if (strcmp(pattern, code) == 0)
		return SIZE_MAX;
	return df_rules_covers(pattern, code) ? strlen(pattern) : 0;
}

/* --- rows ------------------------------------------------------------------
 */

const struct rules_row *df_rules_row(const struct df_rules *r,
				     enum df_rules_table t, struct df_text code)
{
	for (size_t i = 0; i < r->sheet[t].n; i++)
		if (df_text_eq(code, r->sheet[t].rows[i].cell[0]))
			return &r->sheet[t].rows[i];
	return NULL;
}

bool df_rules_is_within(const struct df_rules *r, const struct rules_row *part,
			const struct rules_row *of)
{
	while (part != NULL && part != of)
		part = df_rules_row(r, DF_RULES_PARTS,
				    df_text_of(part->cell[PART_WITHIN]));
	return part != NULL;
}

bool df_rules_shows(const struct df_rules *r, const struct rules_row *part,
		    const struct rules_row *of)
{
	return df_rules_is_within(r, of, part) ||
	       (strcmp(part->cell[PART_WITHIN], of->cell[PART_CODE]) == 0 &&
		df_rules_list_has(part->cell[PART_KIND], df_text_of("whole")));
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct rules_key *)a)->text,
		      ((const struct rules_key *)b)->text);
}

const struct rules_row *df_rules_institution(const struct df_rules *r,
					     const char *name)
{
	char folded[RULES_CELL_MAX + 1];
	struct rules_key k = {.text = folded};
	const struct rules_key *found;
	struct df_text t = df_text_of(name);

	if (t.len == 0 || t.len > RULES_CELL_MAX || r->institutions.n == 0)
		return NULL;
	(void)df_rules_fold(folded, t); /* terminated */
	found = bsearch(&k, r->institutions.keys, r->institutions.n, sizeof k,
			compare_names);
	return found ? found->row : NULL;
}

const char *df_rules_institution_code(const struct df_rules *r,
				      const char *name)
{
	const struct rules_row *row = df_rules_institution(r, name);

	return row ? row->cell[INSTITUTION_CODE] : NULL;
}

/* Breadth first: what an area is within comes after all that are as near. */
void df_rules_areas(const struct df_rules *r, const struct rules_row *of,
		    struct rules_areas *out)
{
	const char *list = of ? of->cell[INSTITUTION_AREAS] : "";
	struct df_text code;

	out->n = 0;
	for (size_t next = 0;;) {
		while (df_rules_list_next(&list, &code)) {
			const struct rules_row *area =
				df_rules_row(r, DF_RULES_AREAS, code);
			size_t i = 0;

			while (i < out->n && out->row[i] != area)
				i++;
			if (area != NULL && i == out->n && i < RULES_AREAS)
				out->row[out->n++] = area;
		}
		if (next == out->n)
			return;
		list = out->row[next++]->cell[AREA_WITHIN];
	}
}

/* --- loading ---------------------------------------------------------------
 */

/* Names stand in one cell, with ';' between. */
static bool name_next(const char **list, struct df_text *name)
{
	const char *s = *list + strspn(*list, "; ");

	*name = (struct df_text){s, strcspn(s, ";")};
	*list = s + name->len;
	return name->len > 0;
}

static void key_add(struct rules_keys *k, const char *text, size_t len,
		    const struct rules_row *row)
{
	if ((k->n & (k->n - 1)) == 0)
		k->keys = df_xrealloc(k->keys,
				      (k->n ? 2 * k->n : 1) * sizeof *k->keys);
	k->keys[k->n++] = (struct rules_key){text, len, row};
}

/* Code, names and node of every institution, each for one of them only. */
static enum df_err names_index(struct df_rules *r, struct df_why *why)
{
	const struct rules_sheet *s = &r->sheet[DF_RULES_INSTITUTIONS];
	struct rules_keys *k = &r->institutions;
	size_t size = 1, n = 0;

	for (size_t i = 0; i < s->n; i++)
		for (size_t c = INSTITUTION_CODE; c <= INSTITUTION_NODE; c++)
			size += 2 * strlen(s->rows[i].cell[c]) + 2;
	r->names = df_xmalloc(size);
	for (size_t i = 0; i < s->n; i++)
		for (size_t c = INSTITUTION_CODE; c <= INSTITUTION_NODE; c++) {
			const char *list = s->rows[i].cell[c];
			struct df_text name;

			while (name_next(&list, &name)) {
				size_t len = df_rules_fold(r->names + n, name);

				if (len > 0)
					key_add(k, r->names + n, len,
						&s->rows[i]);
				n += len + 1;
			}
		}
	if (k->n > 0)
		qsort(k->keys, k->n, sizeof *k->keys, compare_names);
	for (size_t i = 1; i < k->n; i++) {
		const struct rules_row *a = k->keys[i - 1].row;
		const struct rules_row *b = k->keys[i].row;

		if (a != b && compare_names(&k->keys[i - 1], &k->keys[i]) == 0)
			return df_rules_wrong(why, DF_RULES_INSTITUTIONS,
					      a->line > b->line ? a : b,
					      "a name of line %u, too: which "
					      "institution is it?",
					      a->line > b->line ? b->line
								: a->line);
	}
	return DF_OK;
}

static int compare_words(const void *a, const void *b)
{
	const struct rules_key *x = a, *y = b;
	const unsigned char p = (unsigned char)x->text[0];
	const unsigned char q = (unsigned char)y->text[0];

	if (p != q)
		return p < q ? -1 : 1;
	return x->len == y->len ? 0 : x->len > y->len ? -1 : 1;
}

static void words_index(struct df_rules *r)
{
	const struct rules_sheet *s = &r->sheet[DF_RULES_WORDS];
	struct rules_keys *k = &r->words;
	size_t i = 0;

	for (size_t n = 0; n < s->n; n++)
		key_add(k, s->rows[n].cell[WORD_TEXT],
			strlen(s->rows[n].cell[WORD_TEXT]), &s->rows[n]);
	if (k->n > 0)
		qsort(k->keys, k->n, sizeof *k->keys, compare_words);
	for (size_t first = 0; first < 257; first++) {
		while (i < k->n && (unsigned char)k->keys[i].text[0] < first)
			i++;
		r->words_at[first] = i;
	}
}

static enum df_err table_load(struct df_rules *r, enum df_rules_table t,
			      df_rules_read_fn *read, void *ctx,
			      struct df_why *why)
{
	struct df_buf own;
	enum df_err rc = df_rules_sheet_add(r, t, df_rules_ours[t], true, why);

	if (rc != DF_OK || read == NULL)
		return rc;
	df_buf_init(&own, DF_RULES_TABLE_MAX);
	rc = read(ctx, df_rules_table_file(t), &own, why);
	if (rc == DF_OK)
		rc = df_rules_sheet_add(
			r, t, (struct df_text){(const char *)own.ptr, own.len},
			false, why);
	else if (rc == DF_E_NOTFOUND)
		rc = DF_OK; /* ours alone */
	df_buf_release(&own);
	return rc == DF_OK ? df_rules_sheet_merge(r, t, why) : rc;
}

enum df_err df_rules_load(struct df_rules **r, df_rules_read_fn *read,
			  void *ctx, struct df_why *why)
{
	struct df_rules *x = df_xcalloc(1, sizeof *x);
	enum df_err rc = DF_OK;

	*r = NULL;
	for (int t = 0; t < DF_RULES_COUNT && rc == DF_OK; t++)
		rc = table_load(x, (enum df_rules_table)t, read, ctx, why);
	if (rc == DF_OK)
		rc = names_index(x, why);
	if (rc == DF_OK)
		rc = df_rules_check(x, why);
	if (rc != DF_OK) {
		df_rules_free(x);
		return rc;
	}
	words_index(x);
	*r = x;
	return DF_OK;
}

void df_rules_free(struct df_rules *r)
{
	if (r == NULL)
		return;
	for (int t = 0; t < DF_RULES_COUNT; t++) {
		free(r->sheet[t].rows);
		free(r->text[t][0]);
		free(r->text[t][1]);
	}
	free(r->names);
	free(r->words.keys);
	free(r->institutions.keys);
	free(r);
}

size_t df_rules_count(const struct df_rules *r, enum df_rules_table t)
{
	return r->sheet[t].n;
}

bool df_rules_item(const struct df_rules *r, const char *code, const char **zh,
		   const char **en)
{
	const struct rules_row *row =
		df_rules_row(r, DF_RULES_ITEMS, df_text_of(code));

	if (row == NULL)
		return false;
	*zh = row->cell[ITEM_ZH];
	*en = row->cell[ITEM_EN];
	return true;
}

/* --- coded reasons ---------------------------------------------------------
 */

bool df_rules_reason_next(const struct df_rules *r, const char *institution,
			  size_t *at, struct df_rules_reason *out)
{
	const struct rules_sheet *s = &r->sheet[DF_RULES_REASONS];
	struct rules_areas areas;

	df_rules_areas(r, df_rules_institution(r, institution), &areas);
	for (; *at < s->n; (*at)++) {
		const char *const *c = s->rows[*at].cell;
		bool holds = c[REASON_AREA][0] == '\0';

		for (size_t i = 0; i < areas.n && !holds; i++)
			holds = strcmp(areas.row[i]->cell[AREA_CODE],
				       c[REASON_AREA]) == 0;
		if (!holds)
			continue;
		(*at)++;
		*out = (struct df_rules_reason){
			.code = c[REASON_CODE],
			.kind = c[REASON_KIND],
			.area = c[REASON_AREA],
			.zh = c[REASON_ZH],
			.en = c[REASON_EN],
		};
		return true;
	}
	return false;
}

bool df_rules_reason(const struct df_rules *r, const char *institution,
		     const char *code, struct df_rules_reason *out)
{
	size_t at = 0;

	while (df_rules_reason_next(r, institution, &at, out))
		if (strcmp(out->code, code) == 0)
			return true;
	return false;
}

/* --- prices ----------------------------------------------------------------
 */

#define DECIMAL_MAX 1000000000u /* of the whole part */

bool df_rules_decimal(struct df_text t, unsigned decimals, uint64_t *value)
{
	const char *dot = t.len > 0 ? memchr(t.ptr, '.', t.len) : NULL;
	struct df_text whole = {t.ptr, dot ? (size_t)(dot - t.ptr) : t.len};
	struct df_text part = {dot ? dot + 1 : NULL,
			       dot ? t.len - whole.len - 1 : 0};
	uint64_t n = 0, scale = 1;

	if (!df_text_u64(whole, value) || *value > DECIMAL_MAX ||
	    (dot != NULL && (part.len == 0 || part.len > decimals ||
			     !df_text_u64(part, &n))))
		return false;
	for (unsigned i = 0; i < decimals; i++) {
		*value *= 10;
		if (i >= part.len)
			scale *= 10;
	}
	*value += n * scale;
	return true;
}

bool df_rules_price(const struct df_rules *r, const char *item,
		    uint64_t *price_fen, uint64_t *dose_usv)
{
	const struct rules_sheet *s = &r->sheet[DF_RULES_PRICES];
	const struct rules_row *best = NULL;
	size_t most = 0;

	for (size_t i = 0; i < s->n; i++) {
		const size_t fit =
			df_rules_fit(s->rows[i].cell[PRICE_ITEM], item);

		if (fit > most) {
			best = &s->rows[i];
			most = fit;
		}
	}
	return best != NULL &&
	       df_rules_decimal(df_text_of(best->cell[PRICE_YUAN]), 2,
				price_fen) &&
	       df_rules_decimal(df_text_of(best->cell[PRICE_MSV]), 3, dose_usv);
}
