/*
 * main.c - the room `index`: who has which study, which report may be shown.
 *
 * The only user of index.db. What is put within GATHER_MS of the last commit
 * shares the next one (the disk has better to do while images arrive); nothing
 * is acknowledged before its commit, and questions commit first. The
 * index key comes from `keys` when that link is up; until then messages wait
 * in memory, in order.
 *
 * Failures: a commit that fails is answered as such and the queue asks again;
 * what the register has of it is applied again before anything is answered. A
 * database that does not open ends the room, so that supervise shows it.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"
#include "index.h"
#include "orders.h"
#include "region.h"

#define PARKED_MAX 4096
#define KEY_TIMEOUT_MS 10000
#define GATHER_MS 100
#define GATHER_MAX 256
static const char PATH[] = "index.db";

static struct index self;

enum df_err index_begin(struct index *x, struct df_why *why)
{
	enum df_err rc;

	if (x->begun)
		return DF_OK;
	rc = df_store_begin(x->store, why);
	x->begun = rc == DF_OK;
	return rc;
}

void index_ack(struct index *x, struct df_link *to, struct df_msg *reply)
{
	if (x->n_acks == x->cap_acks) {
		x->cap_acks = x->cap_acks ? 2 * x->cap_acks : 64;
		x->acks = df_xrealloc(x->acks, x->cap_acks * sizeof *x->acks);
	}
	x->acks[x->n_acks++] = (struct ack){to, *reply};
	*reply = (struct df_msg){0};
}

void index_abandon(struct index *x, enum df_err err, const struct df_why *why)
{
	size_t i;

	if (x->begun)
		df_store_abandon(x->store);
	x->begun = false;
	for (i = 0; i < x->n_acks; i++) {
		struct ack *a = &x->acks[i];
		struct df_msg failed;

		df_msg_init(&failed, a->reply.type, a->reply.tag);
		df_msg_put_result(&failed, err, why);
		df_msg_release(&a->reply);
		if (a->to != NULL)
			(void)df_room_send(a->to, &failed, NULL, 0);
		df_msg_release(&failed); /* a link that is gone asks again */
	}
	x->n_acks = 0;
	index_register_follow(x);
}

void index_flush(struct index *x)
{
	struct df_why why = {0};
	enum df_err rc = DF_OK;
	size_t i;

	if (x->begun) {
		rc = df_store_commit(x->store, &why);
		x->flushed_ms = df_clock_mono_ms();
	}
	if (rc != DF_OK) {
		df_log(DF_LOG_ERROR, "index.commit-failed", DF_F_ERR(&why));
		index_abandon(x, rc, &why);
		return;
	}
	x->begun = false;
	for (i = 0; i < x->n_acks; i++) {
		struct ack *a = &x->acks[i];

		if (a->to != NULL)
			(void)df_room_send(a->to, &a->reply, NULL, 0);
		df_msg_release(&a->reply);
	}
	x->n_acks = 0;
}

/* --- messages before the key ---------------------------------------------- */

static void park(struct index *x, struct df_link *from, const struct df_msg *m,
		 void (*run)(struct df_room *, struct df_link *,
			     const struct df_msg *, int *, size_t))
{
	struct parked *p = df_xcalloc(1, sizeof *p);
	struct df_msg copy;

	if (x->n_parked == PARKED_MAX)
		df_bug("no index key, and %d messages wait", PARKED_MAX);
	df_buf_init(&p->bytes, DF_MSG_MAX);
	df_msg_init(&copy, m->type, m->tag);
	df_msg_copy(&copy, m, DF_M_NONE);
	if (df_msg_encode(&copy, &p->bytes, NULL) != DF_OK)
		df_bug("a message that was decoded does not encode");
	df_msg_release(&copy);
	p->from = from;
	p->run = run;
	*x->parked_end = p;
	x->parked_end = &p->next;
	x->n_parked++;
}

static void unpark(struct index *x)
{
	struct parked *p;

	while ((p = x->parked) != NULL) {
		struct df_msg m = {0};

		x->parked = p->next;
		if (p->from != NULL &&
		    df_msg_decode(&m, p->bytes.ptr, p->bytes.len, NULL) ==
			    DF_OK)
			p->run(x->room, p->from, &m, NULL, 0);
		df_buf_wipe(&p->bytes);
		free(p);
	}
	x->parked_end = &x->parked;
	x->n_parked = 0;
}

/* --- handlers --------------------------------------------------------------
 */

/* A message came. A room that is about to end answers nothing more: it is
 * asked again. */
static bool can_answer(struct index *x)
{
	x->rules_fresh = false;
	return x->store != NULL && !x->reg_failed;
}

static void on_facts(struct df_room *room, struct df_link *from,
		     const struct df_msg *m, int *fds, size_t n_fds)
{
	struct index *x = df_room_ctx(room);

	(void)fds, (void)n_fds; /* carries none */
	if (!can_answer(x))
		park(x, from, m, on_facts);
	else
		index_facts_put(x, from, m);
}

static void on_study(struct df_room *room, struct df_link *from,
		     const struct df_msg *m, int *fds, size_t n_fds)
{
	struct index *x = df_room_ctx(room);

	(void)fds, (void)n_fds; /* carries none */
	if (!can_answer(x))
		park(x, from, m, on_study);
	else
		index_study_facts(x, from, m);
}

static void on_report(struct df_room *room, struct df_link *from,
		      const struct df_msg *m, int *fds, size_t n_fds)
{
	struct index *x = df_room_ctx(room);

	(void)fds, (void)n_fds; /* carries none */
	if (!can_answer(x))
		park(x, from, m, on_report);
	else
		index_report_put(x, from, m);
}

static void on_twins(struct df_room *room, struct df_link *from,
		     const struct df_msg *m, int *fds, size_t n_fds)
{
	struct index *x = df_room_ctx(room);

	(void)fds, (void)n_fds; /* carries none */
	if (!can_answer(x))
		park(x, from, m, on_twins);
	else
		index_twins(x, from, m);
}

static void on_related(struct df_room *room, struct df_link *from,
		       const struct df_msg *m, int *fds, size_t n_fds)
{
	struct index *x = df_room_ctx(room);

	(void)fds, (void)n_fds; /* carries none */
	if (!can_answer(x))
		park(x, from, m, on_related);
	else
		index_related(x, from, m);
}

static void on_audit(struct df_room *room, struct df_link *from,
		     const struct df_msg *m, int *fds, size_t n_fds)
{
	struct index *x = df_room_ctx(room);

	(void)fds, (void)n_fds; /* carries none */
	if (!can_answer(x))
		park(x, from, m, on_audit);
	else
		index_audit_put(x, from, m);
}

static void on_query(struct df_room *room, struct df_link *from,
		     const struct df_msg *m, int *fds, size_t n_fds)
{
	struct index *x = df_room_ctx(room);

	(void)fds, (void)n_fds; /* index verbs take none */
	if (!can_answer(x))
		park(x, from, m, on_query);
	else
		index_query(x, from, m);
}

static void on_prior(struct df_room *room, struct df_link *from,
		     const struct df_msg *m, int *fds, size_t n_fds)
{
	struct index *x = df_room_ctx(room);

	(void)fds, (void)n_fds; /* carries none */
	if (!can_answer(x))
		park(x, from, m, on_prior);
	else
		region_asked(x, from, m);
}

static void on_fetch(struct df_room *room, struct df_link *from,
		     const struct df_msg *m, int *fds, size_t n_fds)
{
	struct index *x = df_room_ctx(room);

	(void)fds, (void)n_fds; /* carries none */
	if (!can_answer(x))
		park(x, from, m, on_fetch);
	else
		region_may_fetch(x, from, m);
}

static void on_worklist(struct df_room *room, struct df_link *from,
			const struct df_msg *m, int *fds, size_t n_fds)
{
	struct index *x = df_room_ctx(room);

	(void)fds, (void)n_fds; /* carries none */
	if (!can_answer(x))
		park(x, from, m, on_worklist);
	else
		order_worklist(x, from, m);
}

static const struct df_handler HANDLERS[] = {
	{DF_MSG_WORKLIST_RQ, DF_ROLE_RECEIVE, on_worklist},
	{DF_MSG_FACTS_PUT, DF_ROLE_QUEUE, on_facts},
	{DF_MSG_STUDY_FACTS_RQ, DF_ROLE_QUEUE, on_study},
	{DF_MSG_REPORT_PUT, DF_ROLE_QUEUE, on_report},
	{DF_MSG_TWINS_RQ, DF_ROLE_QUEUE, on_twins},
	{DF_MSG_RELATED_RQ, DF_ROLE_QUEUE, on_related},
	{DF_MSG_AUDIT_PUT, DF_ROLE_QUEUE, on_audit},
	{DF_MSG_QUERY, DF_ROLE_CONSOLE, on_query},
	{DF_MSG_PRIOR_RQ, DF_ROLE_GATEWAY, on_prior},
	{DF_MSG_FETCH_MAY_RQ, DF_ROLE_GATEWAY, on_fetch},
};

/* --- the key and the database ----------------------------------------------
 */

/* One that is made now has nothing: queue is told before it exists. */
static enum df_err open_once(struct index *x, struct df_why *why)
{
	struct df_column_cipher cipher = index_cipher(x);
	int fd = -1;
	enum df_err rc = df_file_open(&fd, AT_FDCWD, PATH, O_RDWR, 0, why);

	if (rc == DF_E_NOTFOUND) {
		rc = df_file_write_durable(AT_FDCWD, DF_INDEX_NEW, 0600, "", 0,
					   why);
		/* nobody else may read it; its log takes the same mode */
		if (rc == DF_OK)
			rc = df_file_open(&fd, AT_FDCWD, PATH, O_RDWR | O_CREAT,
					  0600, why);
	}
	df_fd_close(&fd);
	if (rc == DF_OK)
		rc = df_store_open(&x->store, PATH, &cipher, why);
	if (rc == DF_OK)
		index_lend(x);
	if (rc == DF_OK)
		rc = index_register_open(x, why);
	if (rc != DF_OK) { /* nor is there anything that follows it */
		df_register_close(x->reg);
		x->reg = NULL;
		df_store_close(x->store);
		x->store = NULL;
	}
	return rc;
}

/* Damaged, or of an older release: another one takes its place, and is told
 * everything again. */
static void step_aside(struct index *x, const struct df_why *what)
{
	struct df_why why = {0};

	(void)x; /* its descriptors stay on the file, under whatever name */
	if (what->err == DF_E_AGAIN)
		df_log(DF_LOG_WARN, "index.older", DF_F_ERR(what));
	else
		df_log(DF_LOG_ERROR, "index.damaged", DF_F_ERR(what));
	if (df_store_aside(AT_FDCWD, &why) != DF_OK)
		df_log(DF_LOG_ERROR, "index.aside", DF_F_ERR(&why));
}

static void open_store(struct index *x)
{
	struct df_why why = {0};
	enum df_err rc = open_once(x, &why);

	if (rc == DF_E_CORRUPT || rc == DF_E_AGAIN) {
		step_aside(x, &why);
		rc = open_once(x, &why);
	}
	if (rc != DF_OK) {
		df_log(DF_LOG_ERROR, "index.open-failed", DF_F_ERR(&why));
		df_room_stop(x->room);
		return;
	}
	df_log(DF_LOG_INFO, "index.open");
	unpark(x);
	df_room_ready(x->room);
}

static void on_key(void *ctx, struct df_reply *reply)
{
	struct index *x = ctx;
	struct df_text key;

	if (x->store != NULL)
		return;
	if (reply->err != DF_OK) {
		/* a new link to keys asks again */
		df_log(DF_LOG_WARN, "index.no-key", DF_F_ERR(&reply->why));
		return;
	}
	if (!df_msg_get(reply->msg, DF_M_KEY, &key) ||
	    key.len != sizeof x->seal_key + sizeof x->blind_key)
		df_bug("the index key is not 64 bytes");
	memcpy(x->seal_key, key.ptr, sizeof x->seal_key);
	memcpy(x->blind_key, key.ptr + sizeof x->seal_key, sizeof x->blind_key);
	if (!df_msg_get_str(reply->msg, DF_M_PEER, x->self, sizeof x->self))
		df_log(DF_LOG_WARN, "index.no-own-fingerprint");
	open_store(x);
}

static void link_up(struct df_room *room, struct df_link *link)
{
	struct df_msg m;

	if (link->role != DF_ROLE_KEYS || self.store != NULL)
		return;
	df_msg_init(&m, DF_MSG_INDEX_KEY_RQ, 0);
	(void)df_room_call(room, link, &m, NULL, 0, DF_MSG_INDEX_KEY,
			   KEY_TIMEOUT_MS, on_key, &self);
}

static void link_down(struct df_room *room, struct df_link *link)
{
	struct parked *p;
	size_t i;

	(void)room; /* there is one */
	for (i = 0; i < self.n_acks; i++)
		if (self.acks[i].to == link)
			self.acks[i].to = NULL;
	for (p = self.parked; p != NULL; p = p->next)
		if (p->from == link)
			p->from = NULL;
	region_link_down(&self, link);
}

static void gathered(void *ctx);

static void turn(struct df_room *room)
{
	int64_t at_ms = self.flushed_ms + GATHER_MS;
	struct df_why why = {0};

	if (self.store != NULL && df_store_damaged(self.store)) {
		(void)df_fail(&why, DF_E_CORRUPT, "a page is damaged");
		step_aside(&self, &why);
		exit(1); /* and the next one begins anew */
	}
	if (self.reg_failed || !self.begun || self.n_acks >= GATHER_MAX ||
	    df_clock_mono_ms() >= at_ms) {
		index_flush(&self);
	} else if (!self.gathering) {
		self.gathering = true;
		(void)df_loop_timer(df_room_loop(room), at_ms, gathered,
				    &self); /* fires once */
	}
	if (self.reg_failed)
		exit(1); /* and the next one reads what the disk has */
}

static void gathered(void *ctx)
{
	struct index *x = ctx;

	x->gathering = false;
	turn(x->room);
}

static enum df_err start(struct df_room *room, struct df_why *why)
{
	(void)why; /* nothing here can fail */
	self.room = room;
	self.parked_end = &self.parked;
	order_worklist_init(&self);
	df_room_set_ctx(room, &self);
	return DF_OK;
}

static void end(struct df_room *room)
{
	struct df_why why = {.err = DF_E_CANCELLED};

	(void)room; /* there is one */
	index_flush(&self);
	index_abandon(&self, DF_E_CANCELLED, &why);
	df_store_close(self.store);
	index_rules_release(&self);
	df_register_close(self.reg);
	df_pinyin_reader_free(self.pinyin);
	free(self.acks);
	explicit_bzero(self.seal_key, sizeof self.seal_key);
	explicit_bzero(self.blind_key, sizeof self.blind_key);
}

int main(int argc, char **argv)
{
	static const struct df_room_spec SPEC = {
		.role = DF_ROLE_INDEX,
		.handlers = HANDLERS,
		.n_handlers = sizeof HANDLERS / sizeof HANDLERS[0],
		.start = start,
		.link_up = link_up,
		.link_down = link_down,
		.turn = turn,
		.end = end,
		.says_ready = true,
	};

	return df_room_main(argc, argv, &SPEC);
}
