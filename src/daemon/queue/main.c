/*
 * main.c - the room `queue`: start, the turn, the table of messages.
 *
 * Failures: a commit of state.db that fails ends the room before anything of
 * that turn was said; it starts again from what is durable.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "df/clock.h"
#include "df/decision.h"
#include "df/file.h"
#include "df/log.h"
#include "promising.h"
#include "turn.h"

static struct queue self;

struct queue *queue_of(struct df_room *room)
{
	return df_room_ctx(room);
}

static void tick(void *ctx)
{
	struct queue *q = ctx;

	(void)df_loop_timer(df_room_loop(q->room),
			    df_clock_mono_ms() + TICK_MS, tick,
			    q); /* runs as long as the room */
	acceptance_tick(q);
	q->study_look = true;
	q->manifest_look = true;
	q->pack_look = true;
	q->upload_look = true;
	q->verify_look = true;
	q->stock_failed = false;
	q->asking_look = true;
	q->report_look = true;
	q->ledger_ticks++;
	restored_age(&q->restored, df_clock_mono_ms());
	df_journal_firm(q->j); /* notes wait no longer than this */
}

static void pump(struct queue *q)
{
	clock_watch(q); /* before anything is judged by the time */
	q->now = df_clock_wall_ms();
	if (q->stopping)
		return;
	inspect_pump(q);
	facts_pump(q);
	verify_pump(q);
	pack_pump(q);
	linked_pump(q);
	assemble_pump(q);
	deliver_pump(q);
	pacs_pump(q);
	promising_pump(q);
	asking_pump(q);
	upload_pump(q);
	receipt_pump(q);
	mailbox_pump(q);
	pull_pump(q);
	prior_pump(q);
	report_pump(q);
	verdict_pump(q);
	purge_pump(q);
	scrub_pump(q);
	cells_pump(q);
}

static void turn(struct df_room *room)
{
	struct queue *q = queue_of(room);

	if (q->j == NULL) { /* degraded: refusals only */
		turn_answer(q);
		return;
	}
	degraded_look(q);
	pump(q);
	ledger_look(q, false); /* also when there is nothing else to do */
	/* answers that come at once (a lost link) may add more */
	for (int i = 0; i < 100 && turn_has_work(q); i++) {
		turn_end(q);
		ledger_look(q, false);
		cells_pump(q);
	}
	turn_stock(q);
}

static void drain(struct df_room *room)
{
	struct queue *q = queue_of(room);

	if (q->j != NULL)
		df_journal_firm(q->j);
	turn(room); /* what was committed is answered; the rest is taken up
		     * again at the next start */
	if (q->j != NULL)
		ledger_look(q, true);
	q->stopping = true;
	df_stage_unstock(&q->sp);
	df_log(DF_LOG_INFO, "queue.drained");
	df_room_stop(room);
}

static void identity(void *ctx, struct df_reply *r)
{
	struct queue *q = ctx;

	if (r->err != DF_OK ||
	    !df_msg_get_str(r->msg, DF_M_PEER, q->self, sizeof q->self))
		q->self[0] = '\0'; /* asked again when keys are back */
}

static void link_up(struct df_room *room, struct df_link *link)
{
	struct queue *q = queue_of(room);
	struct df_msg m;

	if (link->role == DF_ROLE_SUPERVISE)
		return; /* before start */
	if (q->j == NULL) { /* who asks for more than a refusal sees us away */
		if (link->role == DF_ROLE_GATEWAY ||
		    link->role == DF_ROLE_DELIVER_HTTPS)
			df_room_link_drop(link);
		return;
	}
	if (link->role == DF_ROLE_KEYS) {
		df_msg_init(&m, DF_MSG_TLS_IDENTITY_RQ, 0);
		queue_call(q, link, &m, NULL, 0, DF_MSG_NONE, CALL_MS, identity,
			   q);
	} else if (link->role == DF_ROLE_INDEX) {
		facts_index_up(q);
	}
}

static void link_down(struct df_room *room, struct df_link *link)
{
	struct queue *q = queue_of(room);

	if (link->role == DF_ROLE_RECEIVE) {
		promising_link_down(q, link);
		intake_link_down(q, link);
	}
	if (link->role == DF_ROLE_GATEWAY) {
		receipt_link_down(q, link);
		mailbox_link_down(q, link);
		prior_give_link_down(q, link);
	}
	if (link->role == DF_ROLE_DELIVER_HTTPS ||
	    link->role == DF_ROLE_DELIVER_DIMSE)
		deliver_link_down(q, link);
	turn_link_down(q, link);
}

static struct destination_state *states(size_t n)
{
	return n == 0 ? NULL : df_xcalloc(n, sizeof(struct destination_state));
}

static enum df_err open_files(struct queue *q, struct df_why *why)
{
	enum df_err rc = df_spool_open(&q->sp, AT_FDCWD, why);

	if (rc == DF_OK)
		acceptance_open(q);
	if (rc == DF_OK)
		rc = journal_start(q, why);
	if (rc == DF_OK)
		df_journal_timers_cap(q->j, q->now,
				      q->now + 2 * 1000 * q->cfg->retry.max_s);
	return rc;
}

static enum df_err start(struct df_room *room, struct df_why *why)
{
	struct queue *q = &self;

	q->room = room;
	q->cfg = df_room_config(room);
	q->posts_end = &q->posts;
	q->batch_end = &q->batch;
	q->ratio = 2.5;
	df_coders_init(&q->coders);
	q->now = df_clock_wall_ms();
	q->pacs = states(q->cfg->n_destinations);
	q->peers = states(q->cfg->n_peers);
	q->fetchings = df_xcalloc(q->cfg->n_peers + 1, sizeof *q->fetchings);
	for (size_t i = 0; i < q->cfg->n_destinations; i++)
		q->pacs[i].name = q->cfg->destinations[i].name;
	for (size_t i = 0; i < q->cfg->n_peers; i++)
		q->peers[i].name = q->cfg->peers[i].name;
	q->inspect.more = true;
	df_room_set_ctx(room, q);
	acceptance_start(q);
	if (degraded_start(q))
		return DF_OK;
	if (open_files(q, why) != DF_OK) {
		degraded_wait(q, why);
		return DF_OK;
	}
	df_room_ready(room);
	df_spool_discarded_sweep(&q->sp, q->j);
	scrub_start(q);
	tick(q);
	facts_start(q);
	linked_start(q);
	promising_start(q);
	asking_start(q);
	return DF_OK;
}

static const struct df_handler handlers[] = {
	{DF_MSG_ASSOCIATION_OPEN, DF_ROLE_RECEIVE, on_association_open},
	{DF_MSG_STAGE_RQ, DF_ROLE_RECEIVE, on_stage},
	{DF_MSG_COMMIT, DF_ROLE_RECEIVE, on_commit},
	{DF_MSG_UNSTAGE, DF_ROLE_RECEIVE, on_unstage},
	{DF_MSG_COMMITMENT_RQ, DF_ROLE_RECEIVE, on_commitment_rq},
	{DF_MSG_COMMITMENT_TOLD, DF_ROLE_RECEIVE, on_commitment_told},
	{DF_MSG_COMMITMENT_WORD, DF_ROLE_RECEIVE, on_commitment_word},
	{DF_MSG_COMMITMENT_WORD, DF_ROLE_DELIVER_DIMSE, on_commitment_word},
	{DF_MSG_FETCH, DF_ROLE_DELIVER_DIMSE, on_fetch},
	{DF_MSG_FETCH, DF_ROLE_DELIVER_HTTPS, on_fetch},
	{DF_MSG_MAIL, DF_ROLE_DELIVER_HTTPS, on_mail},
	{DF_MSG_LINE, DF_ROLE_DELIVER_HTTPS, on_line},
	{DF_MSG_LINE_PACE, DF_ROLE_DELIVER_HTTPS, on_line_pace},
	{DF_MSG_OFFER_RQ, DF_ROLE_GATEWAY, on_offer},
	{DF_MSG_PART_RQ, DF_ROLE_GATEWAY, on_part},
	{DF_MSG_PART_DONE, DF_ROLE_GATEWAY, on_part_done},
	{DF_MSG_MANIFEST_RQ, DF_ROLE_GATEWAY, on_manifest},
	{DF_MSG_MAILBOX_RQ, DF_ROLE_GATEWAY, on_mailbox},
	{DF_MSG_PARCEL_RQ, DF_ROLE_GATEWAY, on_parcel},
	{DF_MSG_PRIOR_FILES_RQ, DF_ROLE_GATEWAY, on_prior_files},
	{DF_MSG_QUERY, DF_ROLE_CONSOLE, on_query},
	{DF_MSG_CELL_CRASHED, DF_ROLE_SUPERVISE, on_cell_crashed},
};

int main(int argc, char **argv)
{
	static const struct df_room_spec spec = {
		.role = DF_ROLE_QUEUE,
		.handlers = handlers,
		.n_handlers = sizeof handlers / sizeof handlers[0],
		.start = start,
		.link_up = link_up,
		.link_down = link_down,
		.turn = turn,
		.drain = drain,
		.says_ready = true,
	};
	int rc = df_room_main(argc, argv, &spec);

	df_journal_close(self.j); /* what was not committed was not said */
	return rc;
}
