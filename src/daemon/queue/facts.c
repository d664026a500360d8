/*
 * facts.c - where an instance goes, and what the index must know of it.
 *
 * The queue keeps UIDs; names and numbers go to the index. Until the index
 * says that it has them they are repeated; after a restart they are found
 * again by looking into the object once more.
 */
#include <stdlib.h>

#include "df/decision.h"
#include "df/log.h"
#include "df/route.h"
#include "queue.h"

#define AGAIN_MAX 4 /* objects looked into again at the same time */

struct facts {
	struct facts *next;
	struct queue *q;
	int64_t instance;
	struct df_msg m;
	bool asked;
};

static void ask(struct facts *f);

static void forget(struct facts *f)
{
	struct facts **at = &f->q->unacked;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	f->q->n_unacked--;
	df_msg_release(&f->m);
	free(f);
}

static void again(void *ctx)
{
	ask(ctx);
}

static void stored(void *ctx, struct df_reply *r)
{
	struct facts *f = ctx;

	f->asked = false;
	if (r->err == DF_OK || r->err == DF_E_FORMAT) {
		if (r->err != DF_OK) /* it will never take them */
			df_log(DF_LOG_ERROR, "facts.refused",
			       DF_F_ERR(&r->why));
		df_journal_instance_indexed(f->q->j, f->instance);
		forget(f);
	} else if (!job_lost(r)) {
		if (r->err == DF_E_NOSPACE)
			acceptance_feed(f->q);
		queue_later(f->q, RETRY_MS, again, f);
		f->asked = true; /* the timer holds it */
	}			 /* a lost index: facts_index_up asks again */
}

static void ask(struct facts *f)
{
	struct df_msg m;

	f->asked = true;
	df_msg_init(&m, DF_MSG_FACTS_PUT, 0);
	df_msg_copy(&m, &f->m, DF_M_NONE);
	queue_call(f->q, queue_index(f->q), &m, NULL, 0, DF_MSG_NONE, 0, stored,
		   f);
}

void facts_put(struct queue *q, int64_t instance, const struct df_msg *facts,
	       const struct df_row_instance *row)
{
	struct facts *f = df_xcalloc(1, sizeof *f);

	f->q = q;
	f->instance = instance;
	df_msg_init(&f->m, DF_MSG_FACTS_PUT, 0);
	df_msg_put_id(&f->m, DF_M_OBJECT, &row->object);
	df_msg_put_opt(&f->m, DF_M_PEER, row->peer);
	df_msg_copy(&f->m, facts, DF_M_NONE);
	f->next = q->unacked;
	q->unacked = f;
	q->n_unacked++;
	ask(f);
}

void facts_index_up(struct queue *q)
{
	for (struct facts *f = q->unacked; f != NULL; f = f->next)
		if (!f->asked)
			ask(f);
}

/* --- what an earlier life did not get through -------------------------------
 */

void facts_start(struct queue *q)
{
	struct df_row_instance *rows = df_xcalloc(256, sizeof *rows);
	int64_t after = 0;
	size_t n, cap = 0;

	while ((n = df_journal_instances(q->j, DF_OF_UNINDEXED, after, rows,
					 256)) > 0) {
		if (q->facts.n + n > cap) {
			cap = 2 * (q->facts.n + n);
			q->facts.todo = df_xrealloc(
				q->facts.todo, cap * sizeof *q->facts.todo);
		}
		for (size_t i = 0; i < n; i++)
			q->facts.todo[q->facts.n++] = rows[i].n;
		after = rows[n - 1].n;
	}
	free(rows);
}

void facts_pump(struct queue *q)
{
	struct df_row_instance row;
	struct df_row_parcel p;

	while (q->facts.at < q->facts.n && q->facts.under_way < AGAIN_MAX) {
		int64_t n = q->facts.todo[q->facts.at++];

		if (!df_journal_instance(q->j, n, &row) || row.indexed)
			continue;
		if (!row.in_parcel) {
			inspect_again(q, &row);
		} else if (row.parcel != q->facts.last_parcel &&
			   df_journal_parcel(q->j, row.parcel, &p) &&
			   p.state == DF_PARCEL_READY) {
			/* one that is not yet compared brings its facts then */
			q->facts.last_parcel = row.parcel;
			verify_again(q, row.parcel);
		}
	}
}

/* --- where it goes
 * ------------------------------------------------------------ */

void instance_route(struct queue *q, const struct df_row_instance *row)
{
	for (size_t i = 0; i < q->cfg->n_destinations; i++) {
		const struct df_destination *d = &q->cfg->destinations[i];

		/* AE titles of another house mean nothing here */
		if (df_route_destination(d, row->peer[0] ? "" : row->calling))
			df_journal_delivery_add(q->j, DF_DELIVER_INSTANCE,
						row->n, row->study, d->name,
						q->now);
	}
}

bool study_goes_to(struct queue *q, int64_t study, size_t peer, int64_t but)
{
	bool elsewhere = false;

	for (size_t i = 0; i < q->cfg->n_peers; i++) {
		if (!df_journal_study_routed(q->j, study, q->cfg->peers[i].name,
					     but))
			continue;
		if (i == peer)
			return true;
		elsewhere = true;
	}
	return !elsewhere;
}

void parcel_route(struct queue *q, int64_t parcel, int64_t study)
{
	for (size_t i = 0; i < q->cfg->n_peers; i++)
		if (study_goes_to(q, study, i, parcel))
			df_journal_delivery_add(q->j, DF_DELIVER_PARCEL, parcel,
						study, q->cfg->peers[i].name,
						q->now);
}

void claim_check(struct queue *q, struct df_row_instance *row)
{
	if (row->n != 0 && df_journal_is_released(q->j, row->n))
		return; /* a person knows better */
	switch (df_journal_claim(q->j, row)) {
	case DF_CLAIM_FREE:
		break;
	case DF_CLAIM_TWIN:
		row->indexed = true; /* it is there by the other's hand */
		break;
	case DF_CLAIM_OTHERS:
		row->state = DF_INSTANCE_QUARANTINED;
		df_str_fmt(row->reason, sizeof row->reason,
			   "its study or SOP Instance UID is one that another "
			   "node brought before");
		df_log(DF_LOG_WARN, "instance.of.others",
		       DF_F_WORD("peer", row->peer),
		       DF_F_UID("sop_instance", row->sop_instance));
		break;
	}
}

bool facts_retelling(const struct queue *q)
{
	return q->facts.at < q->facts.n || q->facts.under_way > 0;
}
