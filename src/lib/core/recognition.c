/*
 * recognition.c - the verdict on one exam, with every reason. See the header.
 *
 * Each rule looks at one thing and adds one reason; none hides another. Only
 * what the tables say is known: where they are silent the verdict is open.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rules_private.h"

static const struct {
	const char *word, *zh, *en;
	enum df_effect effect;
} CODES[DF_RECOGNITION_COUNT] = {
#define X(name, effect, code, zh, en) {code, zh, en, DF_EFFECT_##effect},
	DF_RECOGNITION_MAP(X)
#undef X
};

const char *df_recognition_word(enum df_recognition_code c)
{
	return CODES[c].word;
}

const char *df_recognition_zh(enum df_recognition_code c)
{
	return CODES[c].zh;
}

const char *df_recognition_en(enum df_recognition_code c)
{
	return CODES[c].en;
}

enum df_effect df_recognition_effect(enum df_recognition_code c)
{
	return CODES[c].effect;
}

const char *df_recognise_word(enum df_recognise v)
{
	static const char *const WORDS[] = {"yes", "no", "unknown"};

	return WORDS[v];
}

const char *df_effect_word(enum df_effect e)
{
	static const char *const WORDS[] = {"for", "against", "open"};

	return WORDS[e];
}

/* --- reasons ---------------------------------------------------------------
 */

void df_verdict_add(struct df_verdict *v, enum df_recognition_code code,
		    const char *fmt, ...)
{
	char *to;
	va_list ap;
	size_t n;

	if (v->n_reasons == DF_VERDICT_REASONS)
		df_bug("more reasons than there are rules");
	v->reasons[v->n_reasons].code = code;
	to = v->reasons[v->n_reasons++].detail;
	va_start(ap, fmt);
	/* may be cut: then at a character */
	(void)vsnprintf(to, sizeof v->reasons[0].detail, fmt, ap);
	va_end(ap);
	for (n = strlen(to); n > 0 && !df_rules_utf8((struct df_text){to, n});)
		to[--n] = '\0';
}

static bool has_effect(const struct df_verdict *v, enum df_effect effect)
{
	for (size_t i = 0; i < v->n_reasons; i++)
		if (CODES[v->reasons[i].code].effect == effect)
			return true;
	return false;
}

/* Against, open, for; within each as they were found. */
static void settle(struct df_verdict *v)
{
	static const enum df_effect ORDER[] = {DF_EFFECT_AGAINST,
					       DF_EFFECT_OPEN, DF_EFFECT_FOR};
	struct df_verdict old = *v;
	size_t n = 0;

	for (size_t e = 0; e < 3; e++)
		for (size_t i = 0; i < old.n_reasons; i++)
			if (CODES[old.reasons[i].code].effect == ORDER[e])
				v->reasons[n++] = old.reasons[i];
	v->recognise = has_effect(v, DF_EFFECT_AGAINST) ? DF_RECOGNISE_NO
		       : has_effect(v, DF_EFFECT_OPEN)	? DF_RECOGNISE_UNKNOWN
							: DF_RECOGNISE_YES;
}

/* --- what does not depend on the item --------------------------------------
 */

struct judging {
	const struct df_rules *r;
	const struct df_exam *exam;
	const struct rules_row *maker; /* NULL: not known */
	const struct rules_row *asker;
	struct rules_areas areas; /* of the asker */
	int64_t day, today;	  /* -1 = not known */
};

static void person_and_images(const struct df_exam *e, struct df_verdict *v)
{
	if (e->patient_exact)
		df_verdict_add(v, DF_RECOGNITION_PATIENT, "%s", "");
	else
		df_verdict_add(v, DF_RECOGNITION_PATIENT_PROBABLE, "%s", "");
	if (e->instances == 0)
		df_verdict_add(v, DF_RECOGNITION_IMAGES_NONE, "%s", "");
	else if (e->incomplete)
		df_verdict_add(v, DF_RECOGNITION_IMAGES_INCOMPLETE, "%" PRIu64,
			       e->instances);
	else
		df_verdict_add(v, DF_RECOGNITION_IMAGES, "%" PRIu64,
			       e->instances);
	if (e->quality_rejected)
		df_verdict_add(v, DF_RECOGNITION_QUALITY_REJECTED, "%s", "");
}

/* What the images say counts before who brought them. */
static void institutions(struct judging *j, const struct df_asking *a,
			 struct df_verdict *v)
{
	const struct df_exam *e = j->exam;
	const char *name =
		df_rules_said(e->institution) ? e->institution : e->node;

	j->maker = df_rules_institution(j->r, name);
	if (!df_rules_said(name))
		df_verdict_add(v, DF_RECOGNITION_INSTITUTION_MISSING, "%s", "");
	else if (j->maker == NULL)
		df_verdict_add(v, DF_RECOGNITION_INSTITUTION_UNKNOWN, "%s",
			       name);
	else
		df_str_fmt(v->institution, sizeof v->institution, "%s",
			   j->maker->cell[INSTITUTION_CODE]);
	j->asker = df_rules_institution(j->r, a->node);
	if (j->asker == NULL)
		j->asker = df_rules_institution(j->r, a->institution);
	if (j->asker == NULL)
		df_verdict_add(v, DF_RECOGNITION_ASKING_UNKNOWN, "%s",
			       df_rules_said(a->institution) ? a->institution
							     : "");
	df_rules_areas(j->r, j->asker, &j->areas);
}

static void dates(struct judging *j, const struct df_asking *a,
		  struct df_verdict *v)
{
	if (!df_rules_day(df_text_of(a->today), &j->today)) {
		j->today = -1;
		df_verdict_add(v, DF_RECOGNITION_DATE_MISSING, "today");
	}
	if (!df_rules_day(df_text_of(j->exam->date), &j->day)) {
		j->day = -1;
		if (j->today >= 0)
			df_verdict_add(v, DF_RECOGNITION_DATE_MISSING, "%s",
				       "");
	} else if (j->today >= 0 && j->day > j->today) {
		df_verdict_add(v, DF_RECOGNITION_DATE_FUTURE, "%s",
			       j->exam->date);
	} else if (j->today >= 0) {
		v->age_days = j->today - j->day;
	}
}

/* --- one item --------------------------------------------------------------
 */

/* Does the nearest of the asker's areas that has a rule take such marks? */
static bool accepts(const struct judging *j, const char *kind)
{
	for (size_t i = 0; i < j->areas.n; i++) {
		const char *list = j->areas.row[i]->cell[AREA_ACCEPTS];

		if (list[0] != '\0')
			return df_rules_list_has(list, df_text_of(kind));
	}
	return true;
}

static const struct rules_row *mark_area(const struct judging *j,
					 const struct rules_row *mark)
{
	for (size_t i = 0; i < j->areas.n; i++)
		if (strcmp(j->areas.row[i]->cell[AREA_CODE],
			   mark->cell[MARK_AREA]) == 0)
			return j->areas.row[i];
	return NULL;
}

/* How far a mark gets: the best one counts. */
enum reach { REACH_NONE, REACH_ITEM, REACH_DAY, REACH_AREA, REACH_ALL };

static enum reach mark_reach(const struct judging *j,
			     const struct rules_row *mark, const char *item)
{
	const struct rules_row *area;
	int64_t from, to;

	if (strcmp(mark->cell[MARK_INSTITUTION],
		   j->maker->cell[INSTITUTION_CODE]) != 0 ||
	    !df_rules_covers(mark->cell[MARK_ITEMS], item))
		return REACH_NONE;
	if (!df_rules_day(df_text_of(mark->cell[MARK_FROM]), &from) ||
	    !df_rules_day(df_text_of(mark->cell[MARK_TO]), &to))
		df_bug("a mark without a day passed the check");
	if (j->day < from || j->day > to)
		return REACH_ITEM;
	area = mark_area(j, mark);
	if (area == NULL)
		return REACH_DAY;
	return accepts(j, area->cell[AREA_KIND]) ? REACH_ALL : REACH_AREA;
}

static void marks(const struct judging *j, const char *item,
		  struct df_verdict *v)
{
	static const enum df_recognition_code CODE[] = {
		[REACH_NONE] = DF_RECOGNITION_MARK_NONE,
		[REACH_ITEM] = DF_RECOGNITION_MARK_PERIOD,
		[REACH_DAY] = DF_RECOGNITION_MARK_SCOPE,
		[REACH_AREA] = DF_RECOGNITION_MARK_KIND,
		[REACH_ALL] = DF_RECOGNITION_MARK,
	};
	const struct rules_sheet *s = &j->r->sheet[DF_RULES_MARKS];
	const struct rules_row *best = NULL;
	enum reach reach = REACH_NONE;

	for (size_t i = 0; i < s->n; i++) {
		const enum reach one = mark_reach(j, &s->rows[i], item);

		if (one <= reach)
			continue;
		reach = one;
		best = &s->rows[i];
	}
	/* without a day or an asker only "there is none" can be said */
	if (reach >= REACH_ITEM && j->day < 0)
		return;
	if (reach >= REACH_DAY && j->asker == NULL)
		return;
	if (best == NULL)
		df_verdict_add(v, CODE[reach], "%s",
			       j->maker->cell[INSTITUTION_CODE]);
	else
		df_verdict_add(v, CODE[reach], "%s %s-%s",
			       best->cell[MARK_AREA], best->cell[MARK_FROM],
			       best->cell[MARK_TO]);
}

/* The rule of an area for an item: its own before that of a pattern. */
static const struct rules_row *validity_in(const struct df_rules *r,
					   const char *area, const char *item)
{
	const struct rules_sheet *s = &r->sheet[DF_RULES_VALIDITY];
	const struct rules_row *best = NULL;
	size_t most = 0;

	for (size_t i = 0; i < s->n; i++) {
		const char *const *c = s->rows[i].cell;
		const size_t fit = df_rules_fit(c[VALIDITY_ITEM], item);

		if (fit > most && strcmp(c[VALIDITY_AREA], area) == 0) {
			best = &s->rows[i];
			most = fit;
		}
	}
	return best;
}

static void validity(const struct judging *j, const struct rules_row *item,
		     struct df_verdict *v)
{
	const char *code = item->cell[ITEM_CODE];
	const char *days = item->cell[ITEM_DAYS];
	const struct rules_row *rule = NULL;
	uint64_t n;

	for (size_t i = 0; i < j->areas.n && rule == NULL; i++)
		rule = validity_in(j->r, j->areas.row[i]->cell[AREA_CODE],
				   code);
	if (rule == NULL)
		rule = validity_in(j->r, "*", code);
	if (rule != NULL && rule->cell[VALIDITY_DAYS][0] != '\0')
		days = rule->cell[VALIDITY_DAYS];
	if (rule != NULL && strcmp(rule->cell[VALIDITY_RECOGNISE], "no") == 0)
		df_verdict_add(v, DF_RECOGNITION_AREA_EXCLUDES, "%s %s",
			       rule->cell[VALIDITY_AREA], code);
	if (!df_text_u64(df_text_of(days), &n))
		df_bug("days that are no number passed the check");
	v->valid_days = (int64_t)n;
	if (v->age_days < 0)
		return;
	df_verdict_add(v,
		       v->age_days > v->valid_days ? DF_RECOGNITION_TOO_OLD
						   : DF_RECOGNITION_RECENT,
		       "%" PRId64 "/%" PRId64, v->age_days, v->valid_days);
}

static void report(const struct df_exam *e, const char *wants,
		   struct df_verdict *v)
{
	const enum df_exam_report least = strcmp(wants, "sealed") == 0
						  ? DF_EXAM_REPORT_SEALED
						  : DF_EXAM_REPORT_SIGNED;

	if (strcmp(wants, "no") == 0)
		return;
	if (e->report == DF_EXAM_REPORT_NONE)
		df_verdict_add(v, DF_RECOGNITION_REPORT_MISSING, "%s", "");
	else if (e->report < least)
		df_verdict_add(v, DF_RECOGNITION_REPORT_UNVERIFIED, "%s",
			       wants);
	else
		df_verdict_add(v, DF_RECOGNITION_REPORT, "%s", "");
}

static void judge_item(const struct judging *j, const char *code,
		       struct df_verdict *v)
{
	const struct rules_row *item =
		df_rules_row(j->r, DF_RULES_ITEMS, df_text_of(code));

	df_str_fmt(v->item, sizeof v->item, "%s", code);
	df_verdict_add(v, DF_RECOGNITION_ITEM, "%s", code);
	if (j->maker != NULL && j->maker == j->asker)
		df_verdict_add(v, DF_RECOGNITION_OWN, "%s",
			       j->maker->cell[INSTITUTION_CODE]);
	else if (j->maker != NULL)
		marks(j, code, v);
	validity(j, item, v);
	report(j->exam, item->cell[ITEM_REPORT], v);
	settle(v);
}

static void meaning_reason(struct df_verdict *v)
{
	switch (v->meaning.known) {
	case DF_EXAM_KNOWN:
		return;
	case DF_EXAM_NO_MODALITY:
		df_verdict_add(v, DF_RECOGNITION_MODALITY_MISSING, "%s", "");
		return;
	case DF_EXAM_NO_PART:
		df_verdict_add(v, DF_RECOGNITION_PART_UNKNOWN, "%s", "");
		return;
	case DF_EXAM_CONTRADICTION:
		df_verdict_add(v, DF_RECOGNITION_PART_CONTRADICTION, "%s %s",
			       v->meaning.parts[0], v->meaning.parts[1]);
		return;
	case DF_EXAM_NO_ITEM:
		df_verdict_add(v, DF_RECOGNITION_ITEM_NONE, "%s",
			       v->meaning.parts[0]);
		return;
	}
}

void df_recognition_judge(const struct df_rules *r, const struct df_exam *exam,
			  const struct df_asking *asking,
			  struct df_verdict *out)
{
	/* the less favourable, the larger */
	static const int RANK[] = {[DF_RECOGNISE_YES] = 0,
				   [DF_RECOGNISE_UNKNOWN] = 1,
				   [DF_RECOGNISE_NO] = 2};
	struct df_verdict base = {.age_days = -1, .valid_days = -1};
	struct judging j = {.r = r, .exam = exam};
	struct df_exam_meaning items;

	df_exam_understand(r, &exam->words, &base.meaning);
	meaning_reason(&base);
	df_verdict_order(r, asking, &items, &base);
	institutions(&j, asking, &base);
	dates(&j, asking, &base);
	person_and_images(exam, &base);
	*out = base;
	if (base.meaning.n_items == 0)
		report(exam, "sealed", out); /* no item says what it wants */
	settle(out);
	for (size_t i = 0; i < items.n_items; i++) {
		struct df_verdict one = base;

		judge_item(&j, items.items[i], &one);
		if (i == 0 || RANK[one.recognise] > RANK[out->recognise])
			*out = one;
	}
}
