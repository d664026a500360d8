/*
 * asking.c - storage commitment by PACS: what a PACS took counts as confirmed
 * there when it has committed to it. We ask with a transaction that is durable
 * first; the answer comes over any association, and is durable before it is
 * answered. What it denies is sent again, three times at most; no answer in
 * time means a new question, with pauses that grow.
 */
#include <stdlib.h>
#include <string.h>

#include "df/file.h"
#include "df/log.h"
#include "promising.h"

#define ASK_MAX 1000 /* instances of one transaction */
#define DENIALS_MAX 3
#define BREAKS_MAX 3
#define SILENCES_MAX 6 /* the deadline doubles no further */
#define WHOLE_MS 60000 /* between two looks at all that was taken */
#define STATUS_PROCESSING_FAILURE 0x0110
#define STATUS_INVALID_ARGUMENT 0x0115

struct question {
	struct queue *q;
	size_t dest;
	int64_t commitment;
};

/* --- the end of a question --------------------------------------------------
 */

static void look_again(struct queue *q, const struct df_row_commitment *c)
{
	for (size_t i = 0; i < q->cfg->n_destinations; i++)
		if (strcmp(q->cfg->destinations[i].name, c->who) == 0)
			q->asking[i].whole_ms = 0;
}

/* Nothing comes of it; what it names is asked for anew. */
static void end(struct queue *q, const struct df_row_commitment *c,
		const struct df_why *why)
{
	df_commitment_settle_rest(q->j, c->n, DF_REFERENCE_PROCESSING_FAILURE);
	df_commitment_move(q->j, c->n, DF_COMMITMENT_ENDED, q->now, true, why);
	look_again(q, c);
}

/* The PACS does not do it: its Success to C-STORE is all the word there is. */
static void no_question(struct queue *q, size_t dest, const char *remark)
{
	uint64_t n = df_commitment_waive(q->j, q->pacs[dest].name);

	df_str_fmt(q->pacs[dest].remark, sizeof q->pacs[dest].remark, "%s",
		   remark);
	if (n > 0)
		df_log(DF_LOG_INFO, "commitment.not.offered",
		       DF_F_NUM("destination", dest), DF_F_NUM("instances", n));
}

/* The association broke when it was asked. */
static bool broke(const struct df_reply *r)
{
	uint64_t is = 0;

	if (r->msg != NULL)
		(void)df_msg_get_u64(r->msg, DF_M_COMMITMENT, &is);
	return is != 0;
}

/* The question came to nothing. */
static void failed(struct queue *q, size_t dest, struct df_reply *r,
		   uint64_t status)
{
	struct asking *a = &q->asking[dest];
	bool is_auto =
		q->cfg->destinations[dest].commitment == DF_COMMIT_ASK_AUTO;

	if (broke(r) && a->breaks < BREAKS_MAX)
		a->breaks++;
	if (is_auto && r->err == DF_E_UNSUPPORTED)
		no_question(q, dest, "");
	else if (is_auto && (status != 0 || a->breaks == BREAKS_MAX))
		no_question(q, dest,
			    "it offers storage commitment and refuses our "
			    "question: does it know our AE title and port?");
	else if (!job_lost(r))
		df_window_bad(&a->window, q->now, q->cfg->retry.min_s * 1000,
			      q->cfg->retry.max_s * 1000, queue_chance());
}

static void replied(void *ctx, struct df_reply *r)
{
	struct question *a = ctx;
	struct queue *q = a->q;
	struct asking *asking = &q->asking[a->dest];
	struct df_row_commitment c;
	struct df_why why = r->why;
	uint64_t status = 0;
	/* what could not be asked is no silence of the PACS */
	bool unsent = r->err != DF_OK && r->msg != NULL && !broke(r);

	asking->busy = false;
	if (r->msg != NULL)
		(void)df_msg_get_u64(r->msg, DF_M_STATUS, &status); /* or 0 */
	if (r->err == DF_OK && status != 0)
		(void)df_fail(&why, DF_E_REFUSED,
			      "it refuses to be asked for storage commitment "
			      "(status %04llx)",
			      (unsigned long long)status);
	if (r->err == DF_OK && status == 0) {
		df_window_good(&asking->window);
		asking->breaks = 0;
		q->pacs[a->dest].remark[0] = '\0';
	} else if (df_commitment(q->j, a->commitment, &c) &&
		   /* it may have answered before the response was here */
		   c.state == DF_COMMITMENT_ASKED) {
		df_log(DF_LOG_WARN, "commitment.unasked",
		       DF_F_UID("transaction", c.uid), DF_F_ERR(&why));
		if (unsent)
			df_commitment_drop(q->j, c.n);
		else
			end(q, &c, &why);
		look_again(q, &c);
		failed(q, a->dest, r, status);
	}
	free(a);
}

/* --- asking ------------------------------------------------------------------
 */

static int64_t answer_ms(struct queue *q, const char *dest)
{
	uint64_t silences = df_commitment_silences(q->j, dest);

	if (silences > SILENCES_MAX)
		silences = SILENCES_MAX;
	return q->cfg->commitment.answer_s * 1000 * ((int64_t)1 << silences);
}

/*
 * What was taken and is not asked for. A PACS may owe answers for very many:
 * they are not passed over each time.
 */
static size_t wanted(struct queue *q, size_t i, struct df_references *refs,
		     int64_t *deliveries)
{
	struct asking *a = &q->asking[i];
	size_t n = df_commitment_wanted(q->j, q->pacs[i].name, a->after,
					ASK_MAX, refs, deliveries);

	a->look = n == ASK_MAX;
	if (n > 0)
		a->after = deliveries[n - 1];
	return n;
}

static void ask(struct queue *q, size_t i, struct df_link *link)
{
	static int64_t deliveries[ASK_MAX]; /* one thread */
	struct df_row_commitment c = {.side = DF_COMMITMENT_BY_US,
				      .state = DF_COMMITMENT_ASKED,
				      .asked_ms = q->now};
	struct df_references refs;
	struct question *a;
	struct df_msg m;
	int fd = -1;

	if (wanted(q, i, &refs, deliveries) == 0 ||
	    df_room_list_fd(&fd, &refs, NULL) != DF_OK) {
		df_references_release(&refs);
		return;
	}
	df_uid_new(c.uid);
	df_str_fmt(c.who, sizeof c.who, "%s", q->pacs[i].name);
	c.next_ms = q->now + answer_ms(q, c.who);
	df_references_digest(&refs, &c.digest);
	c.n = df_commitment_add(q->j, &c, &refs, deliveries);
	df_log(DF_LOG_INFO, "commitment.ask", DF_F_UID("transaction", c.uid),
	       DF_F_NUM("instances", refs.n));
	df_references_release(&refs);
	a = df_xcalloc(1, sizeof *a);
	*a = (struct question){q, i, c.n};
	q->asking[i].busy = true;
	df_msg_init(&m, DF_MSG_COMMITMENT_ASK, 0);
	df_msg_put_str(&m, DF_M_DESTINATION, q->pacs[i].name);
	df_msg_put_str(&m, DF_M_TRANSACTION, c.uid);
	queue_call(q, link, &m, &fd, 1, DF_MSG_JOB_DONE, 0, replied, a);
}

static void expire(struct queue *q)
{
	struct df_row_commitment c;
	struct df_why why = {0};

	while (df_commitments_due(q->j, DF_COMMITMENT_BY_US,
				  DF_COMMITMENT_ASKED, "", 0, q->now, &c,
				  1) == 1) {
		(void)df_fail(&why, DF_E_TIMEOUT,
			      "the PACS did not say in time what it keeps");
		df_log(DF_LOG_WARN, "commitment.unanswered",
		       DF_F_UID("transaction", c.uid));
		end(q, &c, &why);
	}
}

void asking_taken(struct queue *q, size_t dest, int64_t delivery)
{
	struct asking *a = &q->asking[dest];

	a->look = true;
	if (a->after >= delivery)
		a->after = delivery - 1; /* it was sent again */
}

static void look_anywhere(struct queue *q, struct asking *a)
{
	if (q->now - a->whole_ms < WHOLE_MS && q->now >= a->whole_ms)
		return;
	a->whole_ms = q->now;
	a->after = 0;
	a->look = true;
}

void asking_pump(struct queue *q)
{
	if (q->asking_look)
		expire(q);
	q->asking_look = false;
	for (size_t i = 0; i < q->cfg->n_destinations; i++) {
		const struct df_destination *d = &q->cfg->destinations[i];
		struct df_link *link = df_room_link(
			q->room, DF_ROLE_DELIVER_DIMSE, (uint32_t)i);

		if (d->dicom.host[0] == '\0')
			continue;
		look_anywhere(q, &q->asking[i]);
		if (!q->asking[i].look)
			continue;
		if (d->commitment == DF_COMMIT_ASK_NO) {
			q->asking[i].look = false; /* once it was asked */
			no_question(q, i, "");
		} else if (link != NULL && !q->asking[i].busy &&
			   !q->pacs[i].lanes[0].busy &&
			   df_window_open(&q->pacs[i].window, q->now) &&
			   df_window_open(&q->asking[i].window, q->now)) {
			ask(q, i, link);
		}
	}
}

void asking_start(struct queue *q)
{
	size_t n = q->cfg->n_destinations;

	q->asking = n > 0 ? df_xcalloc(n, sizeof *q->asking) : NULL;
}

/* --- the answer --------------------------------------------------------------
 */

/* Is it the word of the destination that was asked? */
static bool is_its_word(struct queue *q, const struct df_msg *m,
			const struct df_row_commitment *c)
{
	const struct df_destination *d =
		df_config_destination(q->cfg, df_text_of(c->who));
	struct df_text by;

	if (d == NULL)
		return false;
	if (df_msg_get(m, DF_M_DESTINATION, &by))
		return df_text_eq(by, d->name);
	return df_msg_get(m, DF_M_CALLING, &by) && df_text_eq(by, d->ae);
}

static void denied(struct queue *q, int64_t delivery, unsigned reason)
{
	bool over = df_commitment_denials(q->j, delivery) >= DENIALS_MAX;
	struct df_row_delivery d;
	struct df_why why = {0};

	if (!df_journal_delivery(q->j, delivery, &d))
		return;
	(void)df_fail(&why, over ? DF_E_REFUSED : DF_E_AGAIN,
		      "the PACS took it and does not commit to it (reason "
		      "%04x)",
		      reason);
	(void)df_journal_delivery_move(
		q->j, delivery, over ? DF_DELIVERY_DENIED : DF_DELIVERY_MISSING,
		over ? 0 : object_again(q, d.since_ms), why.err, why.text,
		reason);
}

struct lost {
	int64_t delivery;
	unsigned reason;
};

/* What the report passes over is not committed to either. */
static void unmentioned(struct queue *q, const struct df_row_commitment *c,
			struct lost *lost, size_t *n)
{
	static struct df_row_commitment_item items[ASK_MAX]; /* one thread */
	size_t open = df_commitment_unsettled(q->j, c->n, -1, items, ASK_MAX);
	int64_t k;

	for (size_t i = 0; i < open; i++) {
		int64_t delivery = df_commitment_delivery(
			q->j, c->n, items[i].ref.sop_instance, &k);

		if (delivery != 0)
			lost[(*n)++] = (struct lost){
				delivery, DF_REFERENCE_PROCESSING_FAILURE};
	}
	df_commitment_settle_rest(q->j, c->n, DF_REFERENCE_PROCESSING_FAILURE);
}

static void apply(struct queue *q, const struct df_row_commitment *c,
		  const struct df_references *refs)
{
	struct lost *lost = df_xcalloc(c->items + 1, sizeof *lost);
	size_t n_lost = 0;
	int64_t k;
	uint64_t good = 0;

	for (size_t i = 0; i < refs->n; i++) {
		const struct df_reference *r = &refs->v[i];
		int64_t delivery =
			df_commitment_delivery(q->j, c->n, r->sop_instance, &k);

		if (delivery == 0)
			continue; /* it was not asked for */
		df_commitment_settle(q->j, c->n, k, r->reason);
		if (r->reason != DF_REFERENCE_GOOD) {
			lost[n_lost++] = (struct lost){delivery, r->reason};
			continue;
		}
		good++;
		(void)df_journal_delivery_move(q->j, delivery, DF_DELIVERY_WORD,
					       0, DF_OK, NULL, 0);
	}
	unmentioned(q, c, lost, &n_lost);
	df_commitment_move(q->j, c->n, DF_COMMITMENT_DONE, q->now, true, NULL);
	for (size_t i = 0; i < n_lost; i++)
		denied(q, lost[i].delivery, lost[i].reason);
	free(lost);
	df_log(n_lost > 0 ? DF_LOG_WARN : DF_LOG_INFO, "commitment.answered",
	       DF_F_UID("transaction", c->uid), DF_F_NUM("good", good),
	       DF_F_NUM("failed", n_lost));
}

/* It came too late for its question; what it says is true nevertheless. */
static void apply_late(struct queue *q, const struct df_row_commitment *c,
		       const struct df_references *refs)
{
	struct df_row_delivery d;
	uint64_t good = 0;

	for (size_t i = 0; i < refs->n; i++) {
		const struct df_reference *r = &refs->v[i];

		if (r->reason != DF_REFERENCE_GOOD ||
		    !df_journal_delivery(
			    q->j,
			    df_commitment_named(q->j, c->n, r->sop_instance),
			    &d) ||
		    d.state != DF_DELIVERY_DELIVERED)
			continue;
		(void)df_journal_delivery_move(q->j, d.n, DF_DELIVERY_WORD, 0,
					       DF_OK, NULL, 0);
		good++;
	}
	df_log(DF_LOG_INFO, "commitment.late", DF_F_UID("transaction", c->uid),
	       DF_F_NUM("good", good));
}

static uint16_t take_word(struct queue *q, const struct df_msg *m,
			  const struct df_references *refs)
{
	struct df_row_commitment c;
	char uid[65];

	if (!df_msg_get_str(m, DF_M_TRANSACTION, uid, sizeof uid) ||
	    !df_commitment_find(q->j, DF_COMMITMENT_BY_US, uid, &c) ||
	    !is_its_word(q, m, &c))
		return STATUS_INVALID_ARGUMENT;
	if (c.state == DF_COMMITMENT_ASKED)
		apply(q, &c, refs);
	else if (c.state == DF_COMMITMENT_ENDED)
		apply_late(q, &c, refs); /* else it was said before */
	return 0;
}

QUEUE_HANDLER(commitment_word)
{
	struct queue *q = queue_of(room);
	struct df_references refs = {0};
	uint16_t status = STATUS_PROCESSING_FAILURE;
	struct df_msg out;

	if (q->j != NULL && n_fds == 1 &&
	    df_room_list_read(&refs, fds[0], NULL) == DF_OK)
		status = take_word(q, m, &refs);
	df_references_release(&refs);
	df_msg_init(&out, DF_MSG_COMMITMENT_STATUS, m->tag);
	df_msg_put_u64(&out, DF_M_STATUS, status);
	queue_post(q, from, &out, NULL, 0); /* after the commit */
}
