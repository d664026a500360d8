/*
 * rules_private.h - the tables of df/recognition.h as rows of cells, and the
 * look-ups that judging needs. A cell is text that was checked when it was
 * read; a column that a table does not have is "".
 */
#ifndef DF_RULES_PRIVATE_H
#define DF_RULES_PRIVATE_H

#include "df/recognition.h"

#define RULES_COLUMNS 8
#define RULES_ROWS_MAX 20000 /* of one table */
#define RULES_CELL_MAX 600   /* bytes */

/* Columns in our order; a file may have them in another. */
enum {
	ITEM_CODE,
	ITEM_ZH,
	ITEM_EN,
	ITEM_MODALITIES,
	ITEM_PARTS,
	ITEM_DAYS,
	ITEM_REPORT
};
enum { PART_CODE, PART_ZH, PART_EN, PART_WITHIN, PART_KIND };
enum { WORD_TEXT, WORD_MEANS };
enum { PROCEDURE_SCHEME, PROCEDURE_CODE, PROCEDURE_ITEMS };
enum { AREA_CODE, AREA_KIND, AREA_ZH, AREA_EN, AREA_WITHIN, AREA_ACCEPTS };
enum {
	INSTITUTION_CODE,
	INSTITUTION_NAMES,
	INSTITUTION_NODE,
	INSTITUTION_AREAS
};
enum { MARK_INSTITUTION, MARK_AREA, MARK_FROM, MARK_TO, MARK_ITEMS };
enum { VALIDITY_AREA, VALIDITY_ITEM, VALIDITY_RECOGNISE, VALIDITY_DAYS };
enum { REASON_KIND, REASON_AREA, REASON_CODE, REASON_ZH, REASON_EN };
enum { PRICE_ITEM, PRICE_YUAN, PRICE_MSV };

struct rules_row {
	const char *cell[RULES_COLUMNS]; /* into the rules' texts */
	uint32_t line;
	bool ours; /* of the program, not of the node */
};

struct rules_sheet {
	struct rules_row *rows; /* owned */
	size_t n;
};

/* What is looked up by folded text: words, and names of institutions. */
struct rules_key {
	const char *text; /* folded */
	size_t len;
	const struct rules_row *row;
};

struct rules_keys {
	struct rules_key *keys; /* owned; sorted */
	size_t n;
};

struct df_rules {
	struct rules_sheet sheet[DF_RULES_COUNT];
	char *text[DF_RULES_COUNT][2]; /* owned: ours, the node's */
	char *names;		       /* owned: folded names */
	struct rules_keys words;       /* by first byte, longest first */
	size_t words_at[257];	       /* where each first byte begins */
	struct rules_keys institutions;
};

/* Our own tables, made from config/recognition when the program is built. */
extern const struct df_text df_rules_ours[DF_RULES_COUNT];

/* rules_sheet.c */
/* Takes the text over as r->text[t][ours ? 0 : 1] and adds its rows. */
DF_MUST_CHECK enum df_err df_rules_sheet_add(struct df_rules *r,
					     enum df_rules_table t,
					     struct df_text text, bool ours,
					     struct df_why *why);
/* Rows of the same key: the node's takes the place of ours. */
DF_MUST_CHECK enum df_err df_rules_sheet_merge(struct df_rules *r,
					       enum df_rules_table t,
					       struct df_why *why);
DF_PRINTF(4, 5)
enum df_err df_rules_wrong(struct df_why *why, enum df_rules_table t,
			   const struct rules_row *row, const char *fmt, ...);

/* rules_check.c: every cell, and what it refers to. */
DF_MUST_CHECK enum df_err df_rules_check(const struct df_rules *r,
					 struct df_why *why);

/* rules_find.c */
/* The next entry of a comma list; false at the end. */
bool df_rules_list_next(const char **list, struct df_text *entry);
bool df_rules_list_has(const char *list, struct df_text entry);
/* "CT-*" covers "CT-CHEST"; any entry of the list does. */
bool df_rules_covers(const char *patterns, const char *code);
/* How well one pattern fits: not at all (0), the better the longer it is, and
 * best when it is the code itself. */
size_t df_rules_fit(const char *pattern, const char *code);
/* By the first column, or NULL. */
const struct rules_row *df_rules_row(const struct df_rules *r,
				     enum df_rules_table t,
				     struct df_text code);
/* By code, name or node; NULL: unknown. */
const struct rules_row *df_rules_institution(const struct df_rules *r,
					     const char *name);
/* "12.5" as 12500 with three decimals; false when it is no such number. */
bool df_rules_decimal(struct df_text t, unsigned decimals, uint64_t *value);
/* Is a part of the body another one, or within it? */
bool df_rules_is_within(const struct df_rules *r, const struct rules_row *part,
			const struct rules_row *of);
/* Is all of another one on images of a part? The liver is on those of the
 * abdomen, the abdomen not on those of the liver. */
bool df_rules_shows(const struct df_rules *r, const struct rules_row *part,
		    const struct rules_row *of);
/* The areas that an institution is in, nearest first. */
#define RULES_AREAS 64
struct rules_areas {
	const struct rules_row *row[RULES_AREAS];
	size_t n;
};
void df_rules_areas(const struct df_rules *r, const struct rules_row *of,
		    struct rules_areas *out);

/* recognition.c */
DF_PRINTF(3, 4)
void df_verdict_add(struct df_verdict *v, enum df_recognition_code code,
		    const char *fmt, ...);
/* recognition_order.c: adds what speaks against v, and leaves in `items` those
 * that are judged. */
void df_verdict_order(const struct df_rules *r, const struct df_asking *a,
		      struct df_exam_meaning *items, struct df_verdict *v);
static inline bool df_rules_said(const char *text)
{
	return text != NULL && text[0] != '\0';
}

/* rules_fold.c */
/*
 * One form of a text for comparing: full width to half width, ASCII letters
 * upper case, everything that is neither letter, digit, ideograph nor '+' one
 * space, none at the ends. to has room for len + 1 bytes; may be text itself.
 * Returns the new length.
 */
size_t df_rules_fold(char *to, struct df_text text);
bool df_rules_utf8(struct df_text text);
/* Folded keys that begin at text[at] and end where a word may end: the
 * longest, or NULL. */
const struct rules_key *df_rules_word_at(const struct df_rules *r,
					 struct df_text text, size_t at);
/* Days since 1970 of YYYYMMDD; false when it is no day. */
bool df_rules_day(struct df_text date, int64_t *day);

#endif
