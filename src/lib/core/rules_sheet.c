/*
 * rules_sheet.c - a table of recognition rules: text with tabs to rows.
 *
 * The first line that is no comment names the columns. Written for people and
 * their spreadsheets: a byte order mark, CR LF, '#' comments, empty lines and
 * quoted cells are fine. Anything else that is not understood is said, with
 * file and line; nothing is skipped.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules_private.h"

/* '!' = may not be empty, '=' = part of the key (and not empty), '~' = part of
 * the key, may be empty; a column without a mark may be missing. */
static const char *const COLUMNS[DF_RULES_COUNT][RULES_COLUMNS] = {
	[DF_RULES_ITEMS] = {"=item", "!zh", "!en", "!modalities", "!parts",
			    "!days", "!report"},
	[DF_RULES_PARTS] = {"=part", "!zh", "!en", "within", "kind"},
	[DF_RULES_WORDS] = {"=text", "!means"},
	[DF_RULES_PROCEDURES] = {"=scheme", "=code", "!items"},
	[DF_RULES_AREAS] = {"=area", "!kind", "!zh", "!en", "within",
			    "accepts"},
	[DF_RULES_INSTITUTIONS] = {"=institution", "!names", "node", "!areas"},
	[DF_RULES_MARKS] = {"=institution", "=area", "=from", "=to", "=items"},
	[DF_RULES_VALIDITY] = {"=area", "=item", "!recognise", "days"},
	[DF_RULES_REASONS] = {"=kind", "~area", "=code", "!zh", "!en"},
	[DF_RULES_PRICES] = {"=item", "!yuan", "!msv"},
};

static const char *const FILES[DF_RULES_COUNT] = {
#define X(name, file) [DF_RULES_##name] = file,
	DF_RULES_TABLE_MAP(X)
#undef X
};

const char *df_rules_table_file(enum df_rules_table t)
{
	return FILES[t];
}

struct df_text df_rules_table_text(enum df_rules_table t)
{
	return df_rules_ours[t];
}

enum df_err df_rules_wrong(struct df_why *why, enum df_rules_table t,
			   const struct rules_row *row, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	/* cut at worst */
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return df_fail(why, DF_E_CONFIG, "%s%s:%u: %s",
		       row->ours ? "our own " : DF_RULES_DIR "/", FILES[t],
		       (unsigned)row->line, text);
}

static bool is_column(const char *spec, const char *name)
{
	if (spec == NULL)
		return false;
	return strcmp(spec + (strchr("!=~", spec[0]) != NULL), name) == 0;
}

/* --- cells -----------------------------------------------------------------
 */

/* Takes blanks and a spreadsheet's quotes off, in place. */
static char *trim(char *s)
{
	size_t n;
	char *to;

	while (*s == ' ')
		s++;
	n = strlen(s);
	while (n > 0 && s[n - 1] == ' ')
		s[--n] = '\0';
	if (n < 2 || s[0] != '"' || s[n - 1] != '"')
		return s;
	s[n - 1] = '\0';
	to = s;
	for (const char *p = s + 1; *p != '\0'; p++) {
		*to++ = *p;
		if (p[0] == '"' && p[1] == '"')
			p++;
	}
	*to = '\0';
	return s;
}

/* The next cell of a line that is terminated; NULL at its end. */
static char *cell_next(char **line)
{
	char *s = *line, *tab;

	if (s == NULL)
		return NULL;
	tab = strchr(s, '\t');
	*line = tab ? tab + 1 : NULL;
	if (tab != NULL)
		*tab = '\0';
	return trim(s);
}

/* --- lines -----------------------------------------------------------------
 */

struct reader {
	enum df_rules_table t;
	struct rules_sheet *sheet;
	struct rules_row at; /* for messages: the line */
	int order[RULES_COLUMNS];
	size_t n_columns; /* of the file; 0 before its header */
	struct df_why *why;
};

static enum df_err header(struct reader *x, char *line)
{
	const char *const *spec = COLUMNS[x->t];
	bool seen[RULES_COLUMNS] = {false};
	const char *name;

	while ((name = cell_next(&line)) != NULL) {
		int c = 0;

		if (*name == '\0' && line == NULL)
			break; /* a spreadsheet's empty column at the end */
		while (c < RULES_COLUMNS && !is_column(spec[c], name))
			c++;
		if (c == RULES_COLUMNS || x->n_columns == RULES_COLUMNS)
			return df_rules_wrong(x->why, x->t, &x->at,
					      "there is no column '%.40s'; the "
					      "first line names the columns",
					      name);
		if (seen[c])
			return df_rules_wrong(x->why, x->t, &x->at,
					      "column '%.40s' is there twice",
					      name);
		seen[c] = true;
		x->order[x->n_columns++] = c;
	}
	for (int c = 0; c < RULES_COLUMNS && spec[c] != NULL; c++)
		if (!seen[c] && strchr("!=~", spec[c][0]) != NULL)
			return df_rules_wrong(x->why, x->t, &x->at,
					      "column '%s' is missing",
					      spec[c] + 1);
	return DF_OK;
}

static struct rules_row *row_add(struct rules_sheet *s)
{
	if ((s->n & (s->n - 1)) == 0)
		s->rows = df_xrealloc(s->rows,
				      (s->n ? 2 * s->n : 1) * sizeof *s->rows);
	s->rows[s->n] = (struct rules_row){0};
	return &s->rows[s->n++];
}

static enum df_err row(struct reader *x, char *line)
{
	const char *const *spec = COLUMNS[x->t];
	struct rules_row *r;
	size_t n = 0;
	char *s;

	if (x->sheet->n >= RULES_ROWS_MAX)
		return df_rules_wrong(x->why, x->t, &x->at, "more than %d rows",
				      RULES_ROWS_MAX);
	r = row_add(x->sheet);
	r->line = x->at.line;
	r->ours = x->at.ours;
	for (size_t c = 0; c < RULES_COLUMNS; c++)
		r->cell[c] = "";
	while ((s = cell_next(&line)) != NULL) {
		if (n == x->n_columns && *s != '\0')
			return df_rules_wrong(x->why, x->t, &x->at,
					      "more cells than columns");
		if (strlen(s) > RULES_CELL_MAX)
			return df_rules_wrong(x->why, x->t, &x->at,
					      "a cell is longer than %d bytes",
					      RULES_CELL_MAX);
		if (n == x->n_columns)
			continue;
		if (x->t == DF_RULES_WORDS && x->order[n] == WORD_TEXT)
			(void)df_rules_fold(s, df_text_of(s)); /* its length */
		r->cell[x->order[n++]] = s;
	}
	for (int c = 0; c < RULES_COLUMNS && spec[c] != NULL; c++)
		if (r->cell[c][0] == '\0' && strchr("!=", spec[c][0]) != NULL)
			return df_rules_wrong(x->why, x->t, &x->at,
					      "'%s' is empty", spec[c] + 1);
	return DF_OK;
}

static enum df_err check_text(struct reader *x, struct df_text text)
{
	struct df_text rest = text, line;

	while (df_text_line(&rest, &line)) {
		x->at.line++;
		if (line.len > 0 && line.ptr[line.len - 1] == '\r')
			line.len--;
		for (size_t i = 0; i < line.len; i++)
			if ((unsigned char)line.ptr[i] < 0x20 &&
			    line.ptr[i] != '\t')
				return df_rules_wrong(
					x->why, x->t, &x->at,
					"holds control characters: save it as "
					"UTF-8 text");
		if (!df_rules_utf8(line))
			return df_rules_wrong(x->why, x->t, &x->at,
					      "is not UTF-8 (GBK?): save it as "
					      "UTF-8");
	}
	x->at.line = 0;
	return DF_OK;
}

enum df_err df_rules_sheet_add(struct df_rules *r, enum df_rules_table t,
			       struct df_text text, bool ours,
			       struct df_why *why)
{
	struct reader x = {.t = t, .sheet = &r->sheet[t], .why = why};
	char *line, *end;
	enum df_err rc;

	x.at.ours = ours;
	if (text.len > DF_RULES_TABLE_MAX)
		return df_fail(why, DF_E_CONFIG, "%s is too large", FILES[t]);
	if (text.len >= 3 && !memcmp(text.ptr, "\xef\xbb\xbf", 3))
		text = (struct df_text){text.ptr + 3, text.len - 3};
	rc = check_text(&x, text);
	line = df_xmalloc(text.len + 1);
	if (text.len > 0)
		memcpy(line, text.ptr, text.len);
	line[text.len] = '\0';
	r->text[t][ours ? 0 : 1] = line;
	for (; rc == DF_OK && line != NULL; line = end) {
		end = strchr(line, '\n');
		if (end != NULL)
			*end++ = '\0';
		x.at.line++;
		line[strcspn(line, "\r")] = '\0';
		if (line[0] == '#' || line[strspn(line, " \t")] == '\0')
			continue;
		rc = x.n_columns == 0 ? header(&x, line) : row(&x, line);
	}
	return rc;
}

/* --- the node's rows over ours ---------------------------------------------
 */

struct place {
	const struct rules_row *row;
	size_t at;
	enum df_rules_table t;
};

static int compare_keys(const struct place *a, const struct place *b)
{
	const char *const *spec = COLUMNS[a->t];
	int d = 0;

	for (int c = 0; c < RULES_COLUMNS && spec[c] != NULL && d == 0; c++)
		if (strchr("=~", spec[c][0]) != NULL)
			d = strcmp(a->row->cell[c], b->row->cell[c]);
	return d;
}

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	const int d = compare_keys(x, y);

	return d != 0 ? d : x->at < y->at ? -1 : 1;
}

enum df_err df_rules_sheet_merge(struct df_rules *r, enum df_rules_table t,
				 struct df_why *why)
{
	struct rules_sheet *s = &r->sheet[t];
	struct place *places = df_xcalloc(s->n + 1, sizeof *places);
	bool *gone = df_xcalloc(s->n + 1, sizeof *gone);
	enum df_err rc = DF_OK;
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		places[i] = (struct place){&s->rows[i], i, t};
	if (s->n > 0)
		qsort(places, s->n, sizeof *places, compare_places);
	for (size_t i = 1; i < s->n && rc == DF_OK; i++) {
		const struct place *a = &places[i - 1], *b = &places[i];

		if (compare_keys(a, b) != 0)
			continue;
		if (a->row->ours == b->row->ours) {
			rc = df_rules_wrong(why, t, b->row,
					    "the same as line %u",
					    (unsigned)a->row->line);
			continue;
		}
		s->rows[a->at] = *b->row; /* in its place in the order */
		gone[b->at] = true;
	}
	for (size_t i = 0; i < s->n; i++)
		if (!gone[i])
			s->rows[n++] = s->rows[i];
	s->n = n;
	free(places);
	free(gone);
	return rc;
}
