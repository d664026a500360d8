/*
 * turn.c - the end of a turn: publish, commit, remove, send. In this order.
 */
#include "turn.h"

#include <stdlib.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"

struct post {
	struct post *next;
	struct df_link *link; /* NULL when it went away meanwhile */
	struct df_msg m;
	int fds[64];
	size_t n_fds;
	bool call;
	enum df_msg_type last;
	int64_t timeout_ms;
	df_reply_fn *reply;
	void *ctx;
};

struct publish {
	struct publish *next;
	struct df_stage stage;
	published_fn *done;
	void *ctx;
};

struct later {
	struct queue *q;
	df_loop_fn *fn;
	void *ctx;
};

static struct post *post_new(struct queue *q, struct df_link *link,
			     struct df_msg *m, int *fds, size_t n_fds)
{
	struct post *p = df_xcalloc(1, sizeof *p);

	if (n_fds > sizeof p->fds / sizeof p->fds[0])
		df_bug("too many descriptors");
	p->link = link;
	p->m = *m;
	*m = (struct df_msg){0};
	p->n_fds = n_fds;
	for (size_t i = 0; i < n_fds; i++)
		p->fds[i] = df_fd_take(&fds[i]);
	*q->posts_end = p;
	q->posts_end = &p->next;
	return p;
}

void queue_post(struct queue *q, struct df_link *link, struct df_msg *m,
		int *fds, size_t n_fds)
{
	(void)post_new(q, link, m, fds, n_fds); /* in the list now */
}

void queue_call(struct queue *q, struct df_link *link, struct df_msg *m,
		int *fds, size_t n_fds, enum df_msg_type last,
		int64_t timeout_ms, df_reply_fn *reply, void *ctx)
{
	struct post *p = post_new(q, link, m, fds, n_fds);

	p->call = true;
	p->last = last;
	p->timeout_ms = timeout_ms;
	p->reply = reply;
	p->ctx = ctx;
}

static void leave(struct queue *q, const struct df_id *object, bool aside)
{
	if (q->n_removals == q->cap_removals) {
		q->cap_removals = q->cap_removals ? 2 * q->cap_removals : 64;
		q->removals = df_xrealloc(q->removals, q->cap_removals *
							       sizeof *q->removals);
	}
	q->removals[q->n_removals++] = (struct removal){*object, aside};
}

void queue_remove(struct queue *q, const struct df_id *object)
{
	leave(q, object, false);
}

void queue_aside(struct queue *q, const struct df_id *object)
{
	leave(q, object, true);
}

static void later_now(void *ctx)
{
	struct later *l = ctx;

	l->fn(l->ctx);
	free(l);
}

void queue_later(struct queue *q, int64_t ms, df_loop_fn *fn, void *ctx)
{
	struct later *l = df_xmalloc(sizeof *l);

	*l = (struct later){q, fn, ctx};
	(void)df_loop_timer(df_room_loop(q->room), df_clock_mono_ms() + ms,
			    later_now, l); /* fires once */
}

struct df_link *queue_keys(struct queue *q)
{
	return df_room_link(q->room, DF_ROLE_KEYS, DF_ANY_NUMBER);
}

struct df_link *queue_index(struct queue *q)
{
	return df_room_link(q->room, DF_ROLE_INDEX, DF_ANY_NUMBER);
}

struct df_link *queue_https(struct queue *q)
{
	return df_room_link(q->room, DF_ROLE_DELIVER_HTTPS, DF_ANY_NUMBER);
}

uint32_t queue_chance(void)
{
	uint32_t v;

	df_random(&v, sizeof v);
	return v;
}

void queue_publish(struct queue *q, struct df_stage *stage, published_fn *done,
		   void *ctx)
{
	struct publish *p = df_xcalloc(1, sizeof *p);

	p->stage = *stage;
	*stage = (struct df_stage){.fd = -1};
	p->done = done;
	p->ctx = ctx;
	*q->batch_end = p;
	q->batch_end = &p->next;
}

bool turn_has_work(const struct queue *q)
{
	return q->posts != NULL || q->batch != NULL || q->n_removals > 0 ||
	       df_journal_dirty(q->j);
}

static void publish_all(struct queue *q)
{
	struct publish *list = q->batch, *next;
	struct df_stage **stages;
	size_t n = 0, i = 0;

	for (struct publish *p = list; p != NULL; p = p->next)
		n++;
	if (n == 0)
		return;
	q->batch = NULL;
	q->batch_end = &q->batch;
	stages = df_xcalloc(n, sizeof(*stages));
	for (struct publish *p = list; p != NULL; p = p->next)
		stages[i++] = &p->stage;
	df_stage_publish(&q->sp, stages, n);
	for (struct publish *p = list; p != NULL; p = next) {
		next = p->next;
		p->done(p->ctx, p->stage.result, &p->stage.why);
		free(p);
	}
	free(stages);
}

static void send_all(struct queue *q)
{
	struct post *list = q->posts, *next;

	q->posts = NULL;
	q->posts_end = &q->posts;
	for (struct post *p = list; p != NULL; p = next) {
		next = p->next;
		if (p->call)
			(void)df_room_call(q->room, p->link, &p->m, p->fds,
					   p->n_fds, p->last, p->timeout_ms,
					   p->reply, p->ctx); /* by reply */
		else
			(void)df_room_send(p->link, &p->m, p->fds,
					   p->n_fds); /* link_down follows */
		free(p);
	}
}

void turn_answer(struct queue *q)
{
	send_all(q);
}

/* A row that says quarantined finds its file in either place. */
static void take_away(struct queue *q, const struct removal *r)
{
	struct df_why why;

	if (!r->aside)
		df_spool_remove(&q->sp, &r->object);
	else if (df_spool_quarantine(&q->sp, &r->object, &why) != DF_OK)
		df_log(DF_LOG_ERROR, "spool.quarantine", DF_F_ERR(&why));
}

void turn_end(struct queue *q)
{
	struct df_why why;
	enum df_err rc;

	publish_all(q);
	degraded_look(q);
	if (q->n_removals > 0)
		df_journal_firm(q->j);
	rc = df_journal_commit(q->j, &why);
	if (rc == DF_E_IO)
		degraded_end(q, &why);
	if (rc != DF_OK) {
		/* nothing of this turn was said to anybody */
		df_log(DF_LOG_ERROR, "journal.commit", DF_F_ERR(&why));
		if (rc == DF_E_CORRUPT)
			journal_aside(q, &why);
		if (rc == DF_E_NOSPACE)
			acceptance_open(q); /* for our next life */
		exit(1);
	}
	for (size_t i = 0; i < q->n_removals; i++)
		take_away(q, &q->removals[i]);
	q->n_removals = 0;
	send_all(q);
}

void turn_stock(struct queue *q)
{
	struct df_why why;

	if (q->stock_failed || df_stage_stock(&q->sp, &why) == DF_OK)
		return;
	q->stock_failed = true; /* until the next tick */
	df_log(DF_LOG_WARN, "spool.stock", DF_F_ERR(&why));
}

void turn_link_down(struct queue *q, struct df_link *link)
{
	for (struct post *p = q->posts; p != NULL; p = p->next)
		if (p->link == link)
			p->link = NULL;
}
