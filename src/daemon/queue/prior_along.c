/*
 * prior_along.c - the reading PACS gets what a reader compares with: when a
 * study is complete here, the last exams of the same person that are here too
 * and were never given to a PACS of the configuration.
 *
 * As a rule there are none, for the PACS got them when they came. It is for one
 * that was added later, or that a study was kept from. They stand behind the
 * new study, which is under way already; a delivery that is there is not made
 * again. What a restart interrupts is made good with the next study.
 */
#include <stdlib.h>
#include <string.h>

#include "df/log.h"
#include "queue.h"

#define STUDY_ROWS 4096
#define DAY_MS UINT64_C(86400000)

static uint64_t give(struct queue *q, const struct df_row_study *s)
{
	struct df_row_instance *rows = df_xcalloc(STUDY_ROWS, sizeof *rows);
	size_t n =
		df_journal_instances(q->j, DF_OF_STUDY, s->n, rows, STUDY_ROWS);
	uint64_t given = 0;

	for (size_t i = 0; i < n; i++) {
		if ((rows[i].state != DF_INSTANCE_INSPECTED &&
		     rows[i].state != DF_INSTANCE_PACKED) ||
		    df_journal_claim(q->j, &rows[i]) != DF_CLAIM_FREE)
			continue;
		for (size_t d = 0; d < q->cfg->n_destinations; d++) {
			struct df_row_delivery has;

			given += !df_journal_delivery_find(
				q->j, DF_DELIVER_INSTANCE, rows[i].n,
				q->cfg->destinations[d].name, &has);
		}
		instance_route(q, &rows[i]);
	}
	free(rows);
	return given;
}

static void related(void *ctx, struct df_reply *r)
{
	struct queue *q = ctx;
	char uid[65], peer[DF_HEX_LEN + 1];
	struct df_row_study s;
	struct df_msg item;
	uint64_t given;
	size_t at = 0;

	while (r->err == DF_OK &&
	       df_msg_next_item(r->msg, DF_M_MAIL, &at, &item)) {
		if (!df_msg_get_str(&item, DF_M_STUDY, uid, sizeof uid))
			df_bug("a related study without its UID");
		(void)df_msg_get_str(&item, DF_M_PEER, peer,
				     sizeof peer); /* absent: ours */
		if (!df_journal_study_find(q->j, uid, peer, &s))
			continue;
		given = give(q, &s);
		if (given > 0)
			df_log(DF_LOG_INFO, "prior.along",
			       DF_F_UID("study", s.uid),
			       DF_F_NUM("deliveries", given));
	}
}

void prior_along(struct queue *q, int64_t study)
{
	struct df_row_study s;
	struct df_msg m;

	if (q->cfg->n_destinations == 0 || q->cfg->region.along == 0 ||
	    queue_index(q) == NULL || !df_journal_study(q->j, study, &s))
		return;
	df_msg_init(&m, DF_MSG_RELATED_RQ, 0);
	df_msg_put_str(&m, DF_M_STUDY, s.uid);
	df_msg_put_opt(&m, DF_M_PEER, s.peer);
	df_msg_put_u64(&m, DF_M_NUMBER, (uint64_t)q->cfg->region.along);
	df_msg_put_u64(&m, DF_M_WAIT_MS,
		       (uint64_t)q->cfg->region.along_days * DAY_MS);
	queue_call(q, queue_index(q), &m, NULL, 0, DF_MSG_NONE, CALL_MS,
		   related, q);
}
