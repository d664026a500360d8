/*
 * promising.c - storage commitment for modalities: a transaction is durable
 * before it is answered; then each instance that it names is settled, at the
 * level of the configuration.
 *
 *   local   its object was read again from the disk, after the transaction
 *           came, and its checksum is that of its envelope
 *   centre  a receipt that was verified names it, from every peer that its
 *           study goes to; of a study that stays here because the peers have
 *           the same images (linked.c), as local: it is kept until a person
 *           sends it
 *
 * A note settles an instance: after a crash it is settled again.
 */
#include "promising.h"

#include <stdlib.h>
#include <string.h>

#include "df/log.h"

#define PENDING_MAX 10000
#define LOOK_MS 200
#define LOOKS 300 /* instances looked at in that time */
#define BATCH 100
#define ITEMS_MAX 1000000 /* that all transactions name */
#define REREADS_MAX 2 /* at the same time */
#define DROP_MS (86400LL * 1000) /* what a transaction that is over named */
#define SWEEP_MAX 5000
#define FORGET_MS (30LL * 86400 * 1000)
#define SWEEP_MS 3600000

/* statuses of PS3.7 annex C, and of PS3.3 C.14.1.1 */
#define STATUS_PROCESSING_FAILURE 0x0110
#define STATUS_DUPLICATE 0x0131
#define STATUS_RESOURCES 0x0213

/* --- requests ---------------------------------------------------------------
 */

static void asker_add(struct queue *q, struct df_link *link, int64_t n)
{
	struct asker *a;

	for (a = q->promising->askers; a != NULL; a = a->next)
		if (a->commitment == n && !a->telling)
			break;
	if (a == NULL) {
		a = df_xcalloc(1, sizeof *a);
		a->next = q->promising->askers;
		q->promising->askers = a;
	}
	a->link = link;
	a->commitment = n;
}

/* What was read before is older than a request that comes now. */
static void rereads_void(struct promising *p)
{
	for (size_t i = 0; i < REREADS_KEPT; i++)
		if (p->kept[i].busy)
			p->kept[i].upto = 0;
		else
			p->kept[i] = (struct reread){0};
}

/* The same transaction again: the same answer, and the report once more. */
static uint16_t again(struct queue *q, struct df_link *from,
		      const struct df_row_commitment *old,
		      const struct df_row_commitment *c,
		      const struct df_references *refs)
{
	if (!df_digest_same(&old->digest, &c->digest) ||
	    strcmp(old->who, c->who) != 0)
		return STATUS_DUPLICATE;
	if (old->state == DF_COMMITMENT_DONE ||
	    old->state == DF_COMMITMENT_ENDED) {
		rereads_void(q->promising);
		q->promising->at = 0; /* it may be the one at hand */
		if (old->items == 0)
			df_commitment_name(q->j, old->n, refs, NULL);
		df_commitment_reopen(q->j, old->n, q->now);
	} else if (old->state == DF_COMMITMENT_READY)
		df_commitment_move(q->j, old->n, old->state, q->now, false,
				   NULL);
	asker_add(q, from, old->n);
	return 0;
}

static uint16_t take(struct queue *q, struct df_link *from,
		     struct df_row_commitment *c,
		     const struct df_references *refs)
{
	struct promising *p = q->promising;
	struct df_row_commitment old;
	struct df_why why = {0};

	df_references_digest(refs, &c->digest);
	if (df_commitment_find(q->j, DF_COMMITMENT_OF_US, c->uid, &old))
		return again(q, from, &old, c, refs);
	if (p->items < 0 || p->items + (int64_t)refs->n > ITEMS_MAX)
		p->items = (int64_t)df_commitments_items(q->j);
	if (df_commitments_pending(q->j, DF_COMMITMENT_OF_US) >= PENDING_MAX ||
	    p->items + (int64_t)refs->n > ITEMS_MAX ||
	    acceptance(q, 0, &why) != DF_OK)
		return STATUS_RESOURCES;
	c->side = DF_COMMITMENT_OF_US;
	c->state = DF_COMMITMENT_OPEN;
	c->asked_ms = c->next_ms = q->now;
	p->newest = df_commitment_add(q->j, c, refs, NULL);
	p->items += (int64_t)refs->n;
	asker_add(q, from, p->newest);
	return 0;
}

QUEUE_HANDLER(commitment_rq)
{
	struct queue *q = queue_of(room);
	struct df_row_commitment c = {0};
	struct df_references refs = {0};
	uint16_t status = STATUS_PROCESSING_FAILURE;
	struct df_msg out;

	if (q->j == NULL)
		status = STATUS_RESOURCES;
	else if (n_fds == 1 &&
		 df_msg_get_str(m, DF_M_TRANSACTION, c.uid, sizeof c.uid) &&
		 df_msg_get_str(m, DF_M_CALLING, c.who, sizeof c.who) &&
		 df_room_list_read(&refs, fds[0], NULL) == DF_OK)
		status = take(q, from, &c, &refs);
	df_references_release(&refs);
	df_msg_init(&out, DF_MSG_COMMITMENT_STATUS, m->tag);
	df_msg_put_u64(&out, DF_M_STATUS, status);
	queue_post(q, from, &out, NULL, 0); /* after the commit */
	if (q->promising != NULL)
		q->promising->looked_ms = 0;
}

void promising_link_down(struct queue *q, struct df_link *link)
{
	struct asker **at = q->promising != NULL ? &q->promising->askers : NULL;

	while (at != NULL && *at != NULL) {
		struct asker *a = *at;

		if (a->link != link) {
			at = &a->next;
			continue;
		}
		*at = a->next;
		free(a);
	}
}

/* --- reading again ----------------------------------------------------------
 */

struct rereading {
	struct queue *q;
	struct df_id id;
};

static struct reread *reread_find(struct promising *p, const struct df_id *id)
{
	for (size_t i = 0; i < REREADS_KEPT; i++)
		if (strcmp(p->kept[i].id.s, id->s) == 0)
			return &p->kept[i];
	return NULL;
}

static void reread_done(void *ctx, enum df_err err, const struct df_why *why,
			uint64_t bytes)
{
	struct rereading *job = ctx;
	struct queue *q = job->q;
	struct reread *k = reread_find(q->promising, &job->id);

	(void)bytes;
	q->promising->under_way--;
	q->promising->looked_ms = 0;
	if (k != NULL && (err == DF_OK || err == DF_E_CORRUPT)) {
		k->busy = false;
		k->good = err == DF_OK;
	} else if (k != NULL) {
		k->busy = false; /* moved, or the disk: in the next pass */
		k->failed = q->promising->pass;
	}
	if (err == DF_E_CORRUPT)
		object_condemn(q, &job->id, why);
	free(job);
}

static void reread_begin(struct queue *q, const struct df_row_instance *row,
			 int64_t commitment)
{
	struct promising *p = q->promising;
	struct reread *k = reread_find(p, &row->object); /* too old, or none */
	struct rereading *ctx;

	if (p->under_way >= REREADS_MAX)
		return;
	if (k == NULL)
		k = &p->kept[p->kept_next++ % REREADS_KEPT];
	if (k->busy)
		return;
	*k = (struct reread){.id = row->object,
			     .busy = true,
			     .upto = p->newest > commitment ? p->newest
							    : commitment};
	p->under_way++;
	ctx = df_xcalloc(1, sizeof *ctx);
	*ctx = (struct rereading){q, row->object};
	object_reread(q, &row->object, reread_done, ctx);
}

/* --- settling ---------------------------------------------------------------
 */

enum {
	UNSETTLED = 0xffff, /* not known yet; looked at in the next pass */
	REREADING = 0xfffe, /* known soon: this pass waits for it */
};

static unsigned settle_local(struct queue *q, const struct df_row_instance *row,
			     int64_t commitment)
{
	const struct reread *k = reread_find(q->promising, &row->object);

	if (k != NULL && !k->busy && k->failed == q->promising->pass)
		return UNSETTLED;
	if (k == NULL || k->failed != 0 || k->upto < commitment)
		reread_begin(q, row, commitment);
	if (k == NULL || k->busy || k->failed != 0 || k->upto < commitment)
		return REREADING;
	return k->good ? DF_REFERENCE_GOOD : DF_REFERENCE_PROCESSING_FAILURE;
}

static unsigned settle_centre(struct queue *q,
			      const struct df_row_instance *row)
{
	struct df_row_delivery d;

	for (size_t i = 0; i < q->cfg->n_peers; i++)
		if (study_goes_to(q, row->study, i, 0) &&
		    (row->parcel == 0 ||
		     !df_journal_delivery_find(q->j, DF_DELIVER_PARCEL,
					       row->parcel,
					       q->cfg->peers[i].name, &d) ||
		     d.state != DF_DELIVERY_CONFIRMED))
			return UNSETTLED;
	return q->cfg->n_peers > 0 ? DF_REFERENCE_GOOD : UNSETTLED;
}

static bool at_centre(const struct queue *q)
{
	int64_t level = q->cfg->commitment.level;

	return level == DF_COMMIT_CENTRE ||
	       (level == DF_COMMIT_AUTO && q->cfg->n_peers > 0);
}

/* What is known of one instance: its reason, or UNSETTLED. */
static unsigned judge(struct queue *q, const struct df_row_commitment *c,
		      const struct df_reference *ref)
{
	struct df_row_instance row;
	char twin[65];

	/* which bytes are right is for a person to say */
	if (df_commitment_doubtful(q->j, ref->sop_instance))
		return DF_REFERENCE_PROCESSING_FAILURE;
	if (!df_journal_instance_find(q->j, "", ref->sop_instance, NULL, &row))
		return q->now - c->asked_ms <
				       q->cfg->commitment.missing_s * 1000
			       ? UNSETTLED
			       : DF_REFERENCE_NO_SUCH_INSTANCE;
	if (strcmp(row.sop_class, ref->sop_class) != 0)
		return DF_REFERENCE_CLASS_CONFLICT;
	switch (row.state) {
	case DF_INSTANCE_PURGED: /* let go because others hold it */
		return DF_REFERENCE_GOOD;
	case DF_INSTANCE_INSPECTED:
	case DF_INSTANCE_PACKED:
		return at_centre(q) && !linked_is_held(q, row.study, twin)
			       ? settle_centre(q, &row)
			       : settle_local(q, &row, c->n);
	case DF_INSTANCE_RECEIVED:
	case DF_INSTANCE_QUARANTINED:
	case DF_INSTANCE_DISCARDED:
		break;
	}
	return UNSETTLED;
}

/*
 * Goes on with the transaction at hand, from the item where it stopped: behind
 * `max` items, or at the first whose object is being read again, so that no
 * result is driven out before it was used. Returns how many it looked at.
 */
static size_t settle(struct queue *q, const struct df_row_commitment *c,
		     size_t max)
{
	static struct df_row_commitment_item items[BATCH]; /* one thread */
	struct promising *p = q->promising;
	bool late =
		q->now - c->asked_ms >= q->cfg->commitment.deadline_s * 1000;
	bool waits = false; /* an item was met where the next turn begins */
	int64_t k = p->at_k;
	size_t seen = 0, n = BATCH;

	while (n == BATCH && seen < max) {
		n = df_commitment_unsettled(q->j, c->n, k, items, BATCH);
		for (size_t i = 0; i < n; i++) {
			unsigned reason = judge(q, c, &items[i].ref);

			if (late && reason >= REREADING)
				reason = DF_REFERENCE_PROCESSING_FAILURE;
			waits = waits || reason == REREADING;
			if (reason < REREADING)
				df_commitment_settle(q->j, c->n, items[i].k,
						     (uint16_t)reason);
			else if (!waits)
				p->at_open++;
			k = items[i].k;
			if (!waits)
				p->at_k = k;
		}
		seen += n;
		if (waits && p->under_way >= REREADS_MAX)
			break;
	}
	if (waits || n == BATCH)
		return waits ? max : seen;
	if (p->at_open == 0)
		df_commitment_move(q->j, c->n, DF_COMMITMENT_READY, q->now,
				   false, NULL);
	p->at = 0;
	return seen + 1;
}

/* The next that is open; false at the end of the pass. */
static bool settle_next(struct queue *q, struct df_row_commitment *c)
{
	struct promising *p = q->promising;

	if (p->at != 0 && df_commitment(q->j, p->at, c) &&
	    c->state == DF_COMMITMENT_OPEN)
		return true;
	p->at = 0;
	if (df_commitments_due(q->j, DF_COMMITMENT_OF_US, DF_COMMITMENT_OPEN,
			       "", p->after, q->now, c, 1) != 1) {
		p->after = 0;
		p->pass++;
		return false;
	}
	p->at = p->after = c->n;
	p->at_k = -1;
	p->at_open = 0;
	return true;
}

/* Some of the open ones, the others a little later: images go first. */
static void settle_some(struct queue *q)
{
	struct df_row_commitment c;
	size_t seen = 0;

	while (seen < LOOKS && settle_next(q, &c))
		seen += settle(q, &c, LOOKS - seen);
}

void promising_pump(struct queue *q)
{
	struct promising *p = q->promising;
	const struct df_config *cfg = q->cfg;

	if (q->now - p->looked_ms < LOOK_MS && q->now >= p->looked_ms)
		return;
	p->looked_ms = q->now;
	settle_some(q);
	telling_pump(q);
	if (q->now - p->swept_ms < SWEEP_MS && q->now >= p->swept_ms)
		return;
	rereads_void(p); /* numbers of transactions may come again */
	if (df_commitments_sweep(q->j,
				 q->now - (cfg->commitment.deadline_s +
					   cfg->commitment.report_s) *
						  1000,
				 q->now - DROP_MS, q->now - FORGET_MS,
				 SWEEP_MAX))
		return; /* more of it at the next look */
	p->swept_ms = q->now;
	p->items = -1;
}

void promising_start(struct queue *q)
{
	size_t n = q->cfg->n_modalities;

	q->promising = df_xcalloc(1, sizeof *q->promising);
	q->promising->pass = 1;
	q->promising->items = -1;
	if (n > 0)
		q->promising->windows =
			df_xcalloc(n, sizeof *q->promising->windows);
}
