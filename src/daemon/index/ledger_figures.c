/*
 * ledger_figures.c - the figures of a month: what was eligible, viewed,
 * recognised, declined, by item and institution.
 *
 * What is counted are cases (df/acts.h), in the entries of these days: a case
 * is *eligible* when the rules said yes in any of them, *viewed* when it was,
 * *recognised* or *declined* as its last decision says that nobody took back,
 * else *undecided*. So cases = recognised + declined + undecided, in each row
 * and in all; and whoever reads the register comes to the same.
 */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "df/recognition.h"
#include "ledger_room.h"

#define NAME_CAP 128
#define REASONS_MAX 64
#define CASE_CAP 260 /* study, node, order */

/* What an entry says that is counted. */
struct counted {
	char of[CASE_CAP]; /* its case */
	uint64_t seq;
	enum df_act act;
	bool stands, eligible, emergency;
	char item[DF_RULES_CODE];
	char institution[NAME_CAP];
	char reason[DF_RULES_CODE];
};

struct reason_count {
	char code[DF_RULES_CODE];
	uint64_t n;
};

struct group {
	char item[DF_RULES_CODE];
	char institution[NAME_CAP];
	uint64_t cases, eligible, viewed, recognised, declined, undecided;
	uint64_t emergency;
	uint64_t fen, usv; /* saved */
	struct reason_count reasons[REASONS_MAX];
	size_t n_reasons;
};

struct figures {
	const struct df_rules *rules;
	struct counted *entries; /* owned */
	size_t n, cap;
	uint64_t undone;
	struct group *groups; /* owned; [0] is all of them */
	size_t n_groups, cap_groups;
};

/* As much as there is room for, whole characters. */
static void keep(char *to, size_t cap, const char *from)
{
	size_t n = strlen(from);

	if (n >= cap) {
		n = cap - 1;
		while (n > 0 && ((uint8_t)from[n] & 0xC0) == 0x80)
			n--;
	}
	memcpy(to, from, n);
	to[n] = '\0';
}

/* --- entries -------------------------------------------------------------- */

static enum df_err take(void *ctx, const struct df_store_act *a)
{
	struct figures *f = ctx;
	cJSON *e = cJSON_ParseWithLength(a->json.ptr, a->json.len);
	const cJSON *exam = cJSON_GetObjectItemCaseSensitive(e, "exam");
	const char *order = index_word(e, "order");
	struct counted *c;
	char day[16];

	if (f->n == f->cap) {
		f->cap = f->cap ? 2 * f->cap : 256;
		f->entries =
			df_xrealloc(f->entries, f->cap * sizeof *f->entries);
	}
	c = &f->entries[f->n++];
	*c = (struct counted){.seq = a->seq, .act = a->act};
	df_str_fmt(day, sizeof day, "%u", a->day);
	df_str_fmt(c->of, sizeof c->of, "%s %s %.120s", a->study_uid, a->node,
		   order[0] ? order : day);
	c->stands = a->undone == 0;
	c->eligible = strcmp(index_word(e, "verdict"), "yes") == 0;
	c->emergency =
		cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(e, "emergency"));
	keep(c->item, sizeof c->item, index_word(exam, "item"));
	keep(c->institution, sizeof c->institution,
	     index_word(exam, "institution"));
	keep(c->reason, sizeof c->reason, index_word(e, "reason"));
	cJSON_Delete(e);
	return DF_OK;
}

static int by_case(const void *a, const void *b)
{
	const struct counted *x = a, *y = b;
	int d = strcmp(x->of, y->of);

	return d != 0 ? d : x->seq < y->seq ? -1 : 1;
}

/* --- cases ---------------------------------------------------------------- */

static size_t group_new(struct figures *f, const char *item,
			const char *institution)
{
	struct group *g;

	if (f->n_groups == f->cap_groups) {
		f->cap_groups = f->cap_groups ? 2 * f->cap_groups : 16;
		f->groups = df_xrealloc(f->groups,
					f->cap_groups * sizeof *f->groups);
	}
	g = &f->groups[f->n_groups];
	*g = (struct group){.cases = 0};
	keep(g->item, sizeof g->item, item);
	keep(g->institution, sizeof g->institution, institution);
	return f->n_groups++;
}

static size_t group_of(struct figures *f, const struct counted *c)
{
	size_t i;

	for (i = 1; i < f->n_groups; i++)
		if (strcmp(f->groups[i].item, c->item) == 0 &&
		    strcmp(f->groups[i].institution, c->institution) == 0)
			return i;
	return group_new(f, c->item, c->institution);
}

static void count_reason(struct group *g, const char *code)
{
	size_t i;

	for (i = 0; i < g->n_reasons; i++)
		if (strcmp(g->reasons[i].code, code) == 0)
			break;
	if (i == REASONS_MAX)
		return; /* counted as declined all the same */
	if (i == g->n_reasons) {
		g->reasons[i] = (struct reason_count){.n = 0};
		keep(g->reasons[i].code, sizeof g->reasons[i].code, code);
		g->n_reasons++;
	}
	g->reasons[i].n++;
}

/* One case, into its row and into the sum of all. */
static void count(struct figures *f, const struct counted *e, size_t n)
{
	const struct counted *decision = NULL;
	bool eligible = false, viewed = false, emergency = false;
	size_t into[2] = {0, group_of(f, &e[n - 1])};
	uint64_t fen = 0, usv = 0;

	for (size_t i = 0; i < n; i++) {
		eligible = eligible || e[i].eligible;
		emergency = emergency || e[i].emergency;
		viewed = viewed || e[i].act == DF_ACT_VIEW;
		f->undone += e[i].act == DF_ACT_UNDO;
		if (e[i].stands &&
		    (e[i].act == DF_ACT_ACCEPT || e[i].act == DF_ACT_DECLINE))
			decision = &e[i];
	}
	if (decision != NULL && decision->act == DF_ACT_ACCEPT)
		(void)df_rules_price(f->rules, decision->item, &fen,
				     &usv); /* false: nothing is known */
	for (size_t i = 0; i < 2; i++) {
		struct group *g = &f->groups[into[i]];

		g->cases++;
		g->eligible += eligible;
		g->viewed += viewed;
		g->emergency += emergency;
		g->fen += fen;
		g->usv += usv;
		if (decision == NULL)
			g->undecided++;
		else if (decision->act == DF_ACT_ACCEPT)
			g->recognised++;
		else
			g->declined++;
		if (decision != NULL && decision->act == DF_ACT_DECLINE)
			count_reason(g, decision->reason);
	}
}

static void count_all(struct figures *f)
{
	size_t from, to;

	(void)group_new(f, "", ""); /* the sum is the first */
	if (f->n > 0)
		qsort(f->entries, f->n, sizeof *f->entries, by_case);
	for (from = 0; from < f->n; from = to) {
		for (to = from + 1; to < f->n; to++)
			if (strcmp(f->entries[to].of, f->entries[from].of) != 0)
				break;
		count(f, &f->entries[from], to - from);
	}
}

/* --- as JSON -------------------------------------------------------------- */

static void put(cJSON *o, const char *key, double v)
{
	(void)cJSON_AddNumberToObject(o, key, v); /* dies for memory */
}

static cJSON *group_json(const struct figures *f, const struct group *g,
			 bool total)
{
	const char *zh = "", *en = "";
	cJSON *o = cJSON_CreateObject(), *reasons;

	if (!total) {
		(void)df_rules_item(f->rules, g->item, &zh, &en);
		(void)cJSON_AddStringToObject(o, "item", g->item);
		(void)cJSON_AddStringToObject(o, "item_zh", zh);
		(void)cJSON_AddStringToObject(o, "item_en", en);
		(void)cJSON_AddStringToObject(o, "institution", g->institution);
	}
	put(o, "cases", (double)g->cases);
	put(o, "eligible", (double)g->eligible);
	put(o, "viewed", (double)g->viewed);
	put(o, "recognised", (double)g->recognised);
	put(o, "declined", (double)g->declined);
	put(o, "undecided", (double)g->undecided);
	put(o, "emergency", (double)g->emergency);
	reasons = cJSON_AddObjectToObject(o, "reasons");
	for (size_t i = 0; i < g->n_reasons; i++)
		put(reasons, g->reasons[i].code, (double)g->reasons[i].n);
	put(o, "saved_yuan", (double)g->fen / 100);
	put(o, "saved_msv", (double)g->usv / 1000);
	return o;
}

static int by_item(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	int d = strcmp(x->item, y->item);

	return d != 0 ? d : strcmp(x->institution, y->institution);
}

static void as_json(struct figures *f, struct index *x, cJSON *out)
{
	const char *here = df_room_config(x->room)->node.name;
	cJSON *rows = cJSON_AddArrayToObject(out, "rows");
	cJSON *list = cJSON_AddArrayToObject(out, "reasons");
	struct df_rules_reason r;
	size_t at = 0;

	qsort(f->groups + 1, f->n_groups - 1, sizeof *f->groups, by_item);
	for (size_t i = 1; i < f->n_groups; i++)
		(void)cJSON_AddItemToArray(rows,
					   group_json(f, &f->groups[i], false));
	(void)cJSON_AddItemToObject(out, "total",
				    group_json(f, &f->groups[0], true));
	put(out, "undone", (double)f->undone);
	put(out, "entries", (double)f->n);
	while (df_rules_reason_next(f->rules, here, &at, &r)) {
		cJSON *o = cJSON_CreateObject();

		(void)cJSON_AddStringToObject(o, "code", r.code);
		(void)cJSON_AddStringToObject(o, "zh", r.zh);
		(void)cJSON_AddStringToObject(o, "en", r.en);
		(void)cJSON_AddItemToArray(list, o);
	}
}

/* "2026-11", or a day as "20261122" for from and to. */
static enum df_err days_of(const cJSON *args, unsigned *first, unsigned *last,
			   struct df_why *why)
{
	const char *month = index_word(args, "month");
	uint64_t y, m, a, b;

	if (month[0] != '\0') {
		if (strlen(month) != 7 || month[4] != '-' ||
		    !df_text_u64((struct df_text){month, 4}, &y) ||
		    !df_text_u64((struct df_text){month + 5, 2}, &m) || m < 1 ||
		    m > 12)
			return df_fail(why, DF_E_USAGE,
				       "a month is written 2026-11");
		*first = (unsigned)(y * 10000 + m * 100);
		*last = *first + 99;
		return DF_OK;
	}
	if (strlen(index_word(args, "from")) != 8 ||
	    strlen(index_word(args, "to")) != 8 ||
	    !df_text_u64(df_text_of(index_word(args, "from")), &a) ||
	    !df_text_u64(df_text_of(index_word(args, "to")), &b) || a > b)
		return df_fail(why, DF_E_USAGE,
			       "of when? 'month' (2026-11), or 'from' and 'to' "
			       "(20261101)");
	*first = (unsigned)a;
	*last = (unsigned)b;
	return DF_OK;
}

enum df_err ledger_figures(struct index *x, const cJSON *args, cJSON *out,
			   struct df_why *why)
{
	struct figures f = {.rules = index_rules(x, NULL)};
	unsigned first = 0, last = 0;
	enum df_err rc = days_of(args, &first, &last, why);

	if (rc == DF_OK)
		rc = df_store_days(x->store, first, last, take, &f, why);
	if (rc == DF_OK) {
		count_all(&f);
		if (index_word(args, "month")[0] != '\0')
			(void)cJSON_AddStringToObject(
				out, "month", index_word(args, "month"));
		as_json(&f, x, out);
	}
	free(f.entries);
	free(f.groups);
	return rc;
}
