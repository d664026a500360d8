/*
 * rules_check.c - every cell of the rules is what its column wants, and what
 * it refers to is there. After this no look-up can meet nonsense.
 */
#include <string.h>

#include "rules_private.h"

#define DAYS_MAX 36500
#define DEPTH_MAX 16 /* of a part within a part within ... */

struct check {
	const struct df_rules *r;
	enum df_rules_table t;
	const struct rules_row *row;
	struct df_why *why;
};

#define WRONG(x, ...) df_rules_wrong((x)->why, (x)->t, (x)->row, __VA_ARGS__)

static bool is_code(struct df_text t)
{
	if (t.len == 0 || t.len >= DF_RULES_CODE)
		return false;
	for (size_t i = 0; i < t.len; i++)
		if (!((t.ptr[i] >= 'A' && t.ptr[i] <= 'Z') ||
		      (t.ptr[i] >= 'a' && t.ptr[i] <= 'z') ||
		      (t.ptr[i] >= '0' && t.ptr[i] <= '9') ||
		      strchr("-._", t.ptr[i]) != NULL))
			return false;
	return true;
}

static enum df_err code(const struct check *x, size_t column)
{
	if (is_code(df_text_of(x->row->cell[column])))
		return DF_OK;
	return WRONG(x, "'%.60s' is no code: 1-39 of A-Z a-z 0-9 - . _",
		     x->row->cell[column]);
}

/* Every entry of a list is the code of a row. */
static enum df_err refers(const struct check *x, size_t column,
			  enum df_rules_table to)
{
	const char *list = x->row->cell[column];
	struct df_text e;

	while (df_rules_list_next(&list, &e))
		if (df_rules_row(x->r, to, e) == NULL)
			return WRONG(x, "'%.*s' is not in %s",
				     (int)(e.len < 40 ? e.len : 40), e.ptr,
				     df_rules_table_file(to));
	return DF_OK;
}

static enum df_err one_of(const struct check *x, size_t column,
			  const char *words)
{
	const char *list = x->row->cell[column];
	struct df_text e;

	while (df_rules_list_next(&list, &e))
		if (!df_rules_list_has(words, e))
			return WRONG(x, "'%.*s' is none of %s",
				     (int)(e.len < 40 ? e.len : 40), e.ptr,
				     words);
	return DF_OK;
}

static enum df_err days(const struct check *x, size_t column)
{
	struct df_text t = df_text_of(x->row->cell[column]);
	uint64_t n;

	if (t.len == 0 || (df_text_u64(t, &n) && n <= DAYS_MAX))
		return DF_OK;
	return WRONG(x, "'%.40s' is no number of days", t.ptr);
}

/* Items and patterns of items; each must mean at least one. */
static enum df_err item_patterns(const struct check *x, size_t column)
{
	const struct rules_sheet *items = &x->r->sheet[DF_RULES_ITEMS];
	const char *list = x->row->cell[column];
	char one[RULES_CELL_MAX + 1];
	struct df_text e;

	while (df_rules_list_next(&list, &e)) {
		size_t i = 0;

		if (df_str_copy(one, sizeof one, e) != DF_OK)
			df_bug("a cell is longer than a cell");
		while (i < items->n &&
		       !df_rules_covers(one, items->rows[i].cell[ITEM_CODE]))
			i++;
		if (i == items->n)
			return WRONG(x, "'%.60s' is no item and covers none",
				     one);
	}
	return DF_OK;
}

static enum df_err item(const struct check *x)
{
	enum df_err rc = code(x, ITEM_CODE);

	if (rc == DF_OK)
		rc = refers(x, ITEM_PARTS, DF_RULES_PARTS);
	if (rc == DF_OK)
		rc = days(x, ITEM_DAYS);
	return rc == DF_OK ? one_of(x, ITEM_REPORT, "signed,sealed,no") : rc;
}

/* From row to row along a column, never in a circle. */
static enum df_err climbs(const struct check *x, size_t column)
{
	const struct rules_row *at = x->row;

	for (size_t n = 0; at != NULL; n++) {
		if (n > DEPTH_MAX)
			return WRONG(x, "is within itself, or too deep");
		at = df_rules_row(x->r, x->t, df_text_of(at->cell[column]));
	}
	return DF_OK;
}

static enum df_err part(const struct check *x)
{
	enum df_err rc = code(x, PART_CODE);

	if (rc == DF_OK && strchr(x->row->cell[PART_WITHIN], ',') != NULL)
		rc = WRONG(x, "a part is within one other");
	if (rc == DF_OK)
		rc = refers(x, PART_WITHIN, DF_RULES_PARTS);
	if (rc == DF_OK)
		rc = climbs(x, PART_WITHIN);
	return rc == DF_OK ? one_of(x, PART_KIND, "paired,vague,whole") : rc;
}

/* "-", sides, contrast and modality, or parts. */
static enum df_err word(const struct check *x)
{
	static const char MARKS[] = "-,side:left,side:right,side:both,"
				    "contrast:plain,contrast:enhanced,"
				    "contrast:not,contrast:maybe";
	const char *list = x->row->cell[WORD_MEANS];
	struct df_text e;

	while (df_rules_list_next(&list, &e))
		if (!df_rules_list_has(MARKS, e) &&
		    (e.len < 10 || memcmp(e.ptr, "modality:", 9) != 0) &&
		    df_rules_row(x->r, DF_RULES_PARTS, e) == NULL)
			return WRONG(
				x,
				"'%.*s' is not in parts.tsv, no modality:M "
				"and none of %s",
				(int)(e.len < 30 ? e.len : 30), e.ptr, MARKS);
	return DF_OK;
}

static enum df_err procedure(const struct check *x)
{
	return refers(x, PROCEDURE_ITEMS, DF_RULES_ITEMS);
}

#define AREA_KINDS "nation,province,city,county,alliance"

static enum df_err area(const struct check *x)
{
	enum df_err rc = code(x, AREA_CODE);

	if (rc == DF_OK && strchr(x->row->cell[AREA_KIND], ',') != NULL)
		rc = WRONG(x, "an area is of one kind");
	if (rc == DF_OK)
		rc = one_of(x, AREA_KIND, AREA_KINDS);
	if (rc == DF_OK)
		rc = refers(x, AREA_WITHIN, DF_RULES_AREAS);
	return rc == DF_OK ? one_of(x, AREA_ACCEPTS, AREA_KINDS) : rc;
}

static enum df_err institution(const struct check *x)
{
	struct df_text node = df_text_of(x->row->cell[INSTITUTION_NODE]);
	struct df_digest d;
	enum df_err rc = code(x, INSTITUTION_CODE);

	if (rc == DF_OK && node.len > 0 && !df_digest_decode(&d, node))
		rc = WRONG(x, "'node' is not the 64 hex digits of a "
			      "fingerprint");
	return rc == DF_OK ? refers(x, INSTITUTION_AREAS, DF_RULES_AREAS) : rc;
}

static enum df_err mark(const struct check *x)
{
	int64_t from, to;
	enum df_err rc = DF_OK;

	if (df_rules_row(x->r, DF_RULES_INSTITUTIONS,
			 df_text_of(x->row->cell[MARK_INSTITUTION])) == NULL)
		rc = WRONG(x, "'%.40s' is not in institutions.tsv",
			   x->row->cell[MARK_INSTITUTION]);
	if (rc == DF_OK &&
	    df_rules_row(x->r, DF_RULES_AREAS,
			 df_text_of(x->row->cell[MARK_AREA])) == NULL)
		rc = WRONG(x, "'%.40s' is not in areas.tsv",
			   x->row->cell[MARK_AREA]);
	if (rc == DF_OK &&
	    (!df_rules_day(df_text_of(x->row->cell[MARK_FROM]), &from) ||
	     !df_rules_day(df_text_of(x->row->cell[MARK_TO]), &to)))
		rc = WRONG(x, "'from' and 'to' are days as 20261231");
	else if (rc == DF_OK && from > to)
		rc = WRONG(x, "'from' is after 'to'");
	return rc == DF_OK ? item_patterns(x, MARK_ITEMS) : rc;
}

static enum df_err validity(const struct check *x)
{
	const char *const *c = x->row->cell;
	enum df_err rc = DF_OK;

	if (strcmp(c[VALIDITY_AREA], "*") != 0 &&
	    df_rules_row(x->r, DF_RULES_AREAS, df_text_of(c[VALIDITY_AREA])) ==
		    NULL)
		rc = WRONG(x, "'%.40s' is not in areas.tsv (* = everywhere)",
			   c[VALIDITY_AREA]);
	if (rc == DF_OK && strchr(c[VALIDITY_ITEM], ',') != NULL)
		rc = WRONG(x, "one item or pattern a row");
	if (rc == DF_OK)
		rc = item_patterns(x, VALIDITY_ITEM);
	if (rc == DF_OK && strcmp(c[VALIDITY_RECOGNISE], "yes") != 0 &&
	    strcmp(c[VALIDITY_RECOGNISE], "no") != 0)
		rc = WRONG(x, "'recognise' is yes or no");
	return rc == DF_OK ? days(x, VALIDITY_DAYS) : rc;
}

static enum df_err reason(const struct check *x)
{
	const char *const *c = x->row->cell;
	enum df_err rc = code(x, REASON_CODE);

	if (rc == DF_OK && strcmp(c[REASON_KIND], "repeat") != 0 &&
	    strcmp(c[REASON_KIND], "decline") != 0)
		rc = WRONG(x, "'kind' is repeat or decline");
	if (rc == DF_OK && c[REASON_AREA][0] != '\0' &&
	    df_rules_row(x->r, DF_RULES_AREAS, df_text_of(c[REASON_AREA])) ==
		    NULL)
		rc = WRONG(x, "'%.40s' is not in areas.tsv", c[REASON_AREA]);
	return rc;
}

static enum df_err price(const struct check *x)
{
	const char *const *c = x->row->cell;
	uint64_t n;

	if (strchr(c[PRICE_ITEM], ',') != NULL)
		return WRONG(x, "one item or pattern a row");
	if (!df_rules_decimal(df_text_of(c[PRICE_YUAN]), 2, &n))
		return WRONG(x, "'yuan' is an amount as 65 or 65.50");
	if (!df_rules_decimal(df_text_of(c[PRICE_MSV]), 3, &n))
		return WRONG(x, "'msv' is a dose as 6 or 0.05");
	return item_patterns(x, PRICE_ITEM);
}

static enum df_err (*const CHECK[DF_RULES_COUNT])(const struct check *) = {
	[DF_RULES_ITEMS] = item,     [DF_RULES_PARTS] = part,
	[DF_RULES_WORDS] = word,     [DF_RULES_PROCEDURES] = procedure,
	[DF_RULES_AREAS] = area,     [DF_RULES_INSTITUTIONS] = institution,
	[DF_RULES_MARKS] = mark,     [DF_RULES_VALIDITY] = validity,
	[DF_RULES_REASONS] = reason, [DF_RULES_PRICES] = price,
};

enum df_err df_rules_check(const struct df_rules *r, struct df_why *why)
{
	struct check x = {.r = r, .why = why};
	enum df_err rc = DF_OK;

	for (int t = 0; t < DF_RULES_COUNT; t++) {
		x.t = (enum df_rules_table)t;
		for (size_t i = 0; i < r->sheet[t].n && rc == DF_OK; i++) {
			x.row = &r->sheet[t].rows[i];
			rc = CHECK[t](&x);
		}
	}
	return rc;
}
