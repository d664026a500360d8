/*
 * ledger_list.c - the ledger of recognition, shown: its entries, and the
 * reasons that a decision may have.
 */
#include <string.h>

#include <cjson/cJSON.h>

#include "df/clock.h"
#include "df/recognition.h"
#include "ledger_room.h"

#define LISTED 200 /* entries, when nobody says how many */
#define LISTED_MAX 10000
#define LOOKED_AT_MAX 100000 /* for those of one kind */

static uint64_t number(const cJSON *o, const char *key)
{
	double v =
		cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(o, key));

	return v >= 1 && v < 9e15 ? (uint64_t)v : 0;
}

struct listing {
	cJSON *list;
	const char *act; /* "" = all */
	uint64_t left;
};

static enum df_err list_one(void *ctx, const struct df_store_act *a)
{
	struct listing *l = ctx;
	char at[DF_TIME_LEN + 1];
	cJSON *o;

	if (l->left == 0)
		return DF_E_CANCELLED; /* enough */
	if (l->act[0] != '\0' && strcmp(l->act, df_act_word(a->act)) != 0)
		return DF_OK;
	o = cJSON_ParseWithLength(a->json.ptr, a->json.len);
	if (o == NULL)
		return DF_OK; /* it was parsed before it was put */
	df_time_encode(at, a->at_ms);
	(void)cJSON_AddNumberToObject(o, "seq", (double)a->seq);
	index_add(o, "at", at);
	if (a->undone != 0)
		(void)cJSON_AddNumberToObject(o, "undone_by",
					      (double)a->undone);
	(void)cJSON_AddItemToArray(l->list, o);
	l->left--;
	return DF_OK;
}

/* {[study] [act] [before] [limit]} > {entries}, newest first */
enum df_err ledger_list(struct index *x, const cJSON *args, cJSON *out,
			struct df_why *why)
{
	struct listing l = {cJSON_AddArrayToObject(out, "entries"),
			    index_word(args, "act"), 0};
	const char *study = index_word(args, "study");
	uint64_t before = number(args, "before");
	uint64_t limit = number(args, "limit");
	enum df_err rc;

	if (l.act[0] != '\0' && df_act_from(l.act) == DF_ACT_NONE)
		return df_fail(why, DF_E_USAGE,
			       "acts are offer, view, accept, decline, undo");
	l.left = limit == 0 ? LISTED : limit > LISTED_MAX ? LISTED_MAX : limit;
	rc = df_store_acts(x->store, before > 0 ? before : INT64_MAX,
			   study[0] ? study : NULL, LOOKED_AT_MAX, list_one, &l,
			   why);
	return rc == DF_E_CANCELLED && l.left == 0 ? DF_OK : rc;
}

/* {} > {reasons}: the codes that hold for this node */
enum df_err ledger_reasons(struct index *x, const cJSON *args, cJSON *out,
			   struct df_why *why)
{
	const char *here = df_room_config(x->room)->node.name;
	const struct df_rules *rules = index_rules(x, NULL);
	cJSON *list = cJSON_AddArrayToObject(out, "reasons");
	struct df_rules_reason r;
	size_t at = 0;

	(void)args, (void)why; /* nothing to ask, nothing to fail */
	while (df_rules_reason_next(rules, here, &at, &r)) {
		cJSON *o = cJSON_CreateObject();

		index_add(o, "code", r.code);
		index_add(o, "kind", r.kind);
		index_add(o, "area", r.area);
		index_add(o, "zh", r.zh);
		index_add(o, "en", r.en);
		(void)cJSON_AddItemToArray(list, o);
	}
	return DF_OK;
}
