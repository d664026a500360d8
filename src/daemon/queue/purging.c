/*
 * purging.c - retention: bytes go when others hold them, by their word.
 *
 * One study at a time, the one that has been confirmed longest; after its days
 * are over, or earlier when the disk is at its soft mark. Looking for what
 * became confirmed goes round slowly, some studies a step.
 */
#include "answers.h"
#include "df/clock.h"
#include "df/log.h"
#include "df/purge.h"

#define DAY_MS 86400000ll
#define STEP_MS 200  /* while there is more to do */
#define REST_MS 5000 /* between two rounds */
#define STUDIES_STEP 16

static struct df_purge purge_of(const struct queue *q)
{
	return (struct df_purge){
		.cfg = q->cfg,
		.policy = {.keep_ms = q->cfg->retention.days * DAY_MS,
			   .short_of_space =
				   q->cfg->retention.early &&
				   q->acceptance.pressure.mark >= DF_MARK_SOFT,
			   .fetched_ms =
				   q->acceptance.pressure.mark >= DF_MARK_HIGH
					   ? 0
					   : DAY_MS},
		.now_ms = q->now,
		.judge = df_retention_judge,
	};
}

static void gone(void *ctx, const struct df_id *object)
{
	queue_remove(ctx, object);
}

void purge_pump(struct queue *q)
{
	struct df_purge p = purge_of(q);
	struct df_purged out;
	int64_t now = df_clock_mono_ms();
	bool more;

	if (now < q->purge.next_ms)
		return;
	more = df_journal_releasable_scan(q->j, &p, &q->purge.cursor,
					  STUDIES_STEP);
	if (df_journal_purge(q->j, &p, gone, q, &out)) {
		more = true;
		if (out.objects > 0)
			df_log(DF_LOG_INFO, "study.purged",
			       DF_F_UID("study", out.study.uid),
			       DF_F_NUM("instances", out.instances),
			       DF_F_NUM("objects", out.objects),
			       DF_F_BYTES(out.bytes),
			       DF_F_WORD("for", p.policy.short_of_space
							? "space"
							: "age"));
	}
	if (!more)
		q->purge.rounds++;
	q->purge.next_ms = now + (more ? STEP_MS : REST_MS);
}

/* --- for people --- */

void purge_put(struct queue *q, cJSON *status)
{
	cJSON *o = cJSON_AddObjectToObject(status, "retention");
	struct df_releasable r;

	df_journal_releasable(q->j, &r);
	put_num(o, "days", (uint64_t)q->cfg->retention.days);
	(void)cJSON_AddBoolToObject(o, "early", q->cfg->retention.early);
	put_num(o, "rounds", q->purge.rounds);
	put_num(o, "releasable_studies", r.studies);
	put_num(o, "releasable_bytes", r.bytes);
	put_num(o, "purged_studies", r.purged_studies);
	put_num(o, "purged_bytes", r.purged_bytes);
}

void purge_put_study(struct queue *q, cJSON *study, int64_t n)
{
	cJSON *o = cJSON_AddObjectToObject(study, "retention");
	struct df_row_retained r;
	int64_t keep_ms = q->cfg->retention.days * DAY_MS;

	df_journal_retained(q->j, n, &r);
	put_time(o, "confirmed", r.confirmed_ms);
	put_num(o, "releasable_bytes", r.bytes);
	put_time(o, "until",
		 r.confirmed_ms > 0 && keep_ms > 0 ? r.confirmed_ms + keep_ms
						   : 0);
	put_time(o, "purged", r.purged_ms);
	put_num(o, "purged_bytes", r.purged_bytes);
}
