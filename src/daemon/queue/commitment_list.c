/*
 * commitment_list.c - storage commitment for people: what modalities wait for,
 * what PACS have been asked.
 */
#include <stdlib.h>
#include <string.h>

#include "answers.h"
#include "promising.h"

#define PAGE 256
#define LIST_MAX 2000

static cJSON *one_json(const struct df_row_commitment *c)
{
	cJSON *o = cJSON_CreateObject();

	put_str(o, "transaction", c->uid);
	put_str(o, "side",
		c->side == DF_COMMITMENT_OF_US ? "asked of us" : "asked by us");
	put_str(o, "who", c->who);
	put_str(o, "state", df_commitment_state_name(c->state));
	put_num(o, "instances", c->items);
	put_num(o, "unsettled", c->open);
	put_num(o, "failed", c->bad);
	put_num(o, "tries", c->tries);
	put_time(o, "asked", c->asked_ms);
	put_time(o, "next", c->next_ms);
	put_str(o, "error", c->why);
	return o;
}

static bool is_over(const struct df_row_commitment *c)
{
	return c->state == DF_COMMITMENT_DONE ||
	       c->state == DF_COMMITMENT_ENDED;
}

void commitment_list(struct ask *a)
{
	struct df_row_commitment *rows = df_xcalloc(PAGE, sizeof *rows);
	cJSON *all = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(all, "commitments");
	bool every =
		cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(a->args, "all"));
	size_t n = PAGE, listed = 0;
	uint64_t over = 0;
	int64_t after = 0;

	while (n == PAGE && listed < LIST_MAX) {
		n = df_commitments_list(a->q->j, after, rows, PAGE);
		for (size_t i = 0; i < n; i++) {
			after = rows[i].n;
			over += is_over(&rows[i]);
			if (is_over(&rows[i]) && !every)
				continue;
			(void)cJSON_AddItemToArray(list, one_json(&rows[i]));
			listed++;
		}
	}
	put_num(all, "over", over);
	free(rows);
	answer_json(a, all);
}

void commitment_put(struct queue *q, cJSON *status)
{
	put_num(status, "commitments_owed",
		df_commitments_pending(q->j, DF_COMMITMENT_OF_US));
	put_num(status, "commitments_awaited",
		df_commitments_pending(q->j, DF_COMMITMENT_BY_US));
}
