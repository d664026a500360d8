/*
 * quarantine.c - what cannot be sent, and why: also what names no study, so
 * that no study list shows it.
 */
#include <stdlib.h>

#include "answers.h"

#define PAGE 256
#define LIST_MAX 5000

static void put_one(struct queue *q, cJSON *list,
		    const struct df_row_instance *row)
{
	cJSON *o = cJSON_CreateObject();
	struct df_row_study s = {.uid = ""};

	put_str(o, "id", row->object.s);
	put_str(o, "sop_instance", row->sop_instance);
	put_str(o, "sop_class", row->sop_class);
	if (df_journal_study(q->j, row->study, &s))
		put_str(o, "study_uid", s.uid);
	else
		put_str(o, "study_uid", "");
	put_str(o, "source", row->calling);
	put_str(o, "peer", row->peer);
	put_time(o, "received", row->received_ms);
	put_num(o, "bytes", row->size_bytes);
	put_str(o, "digest", df_digest_hex(&row->digest).s);
	put_str(o, "reason", row->reason);
	(void)cJSON_AddItemToArray(list, o);
}

void quarantine_list(struct ask *a)
{
	struct df_row_instance *rows = df_xcalloc(PAGE, sizeof *rows);
	cJSON *all = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(all, "quarantined");
	size_t n = PAGE, total = 0;
	int64_t after = 0;

	while (n == PAGE && total < LIST_MAX) {
		n = df_journal_instances(a->q->j, DF_OF_QUARANTINED, after,
					 rows, PAGE);
		for (size_t i = 0; i < n; i++)
			put_one(a->q, list, &rows[i]);
		if (n > 0)
			after = rows[n - 1].n;
		total += n;
	}
	put_num(all, "total", df_journal_quarantined(a->q->j));
	free(rows);
	answer_json(a, all);
}
