/* fetches_test.c - rows of priors: what we fetch, what others fetch from us;
 * copies may go without a receipt; and studies that are linked. */
#include "spool_fixture.h"

#include "df/damage.h"
#include "df/fetches.h"
#include "df/linked.h"
#include "df/purge.h"

#define PEER "abababababababababababababababababababababababababababababababab"

static void a_fetch_is_kept(void **state)
{
	struct world *w = *state;
	struct df_row_fetch f = {.study = "1.2.9",
				 .dest = "centre",
				 .asked_ms = 5,
				 .next_ms = 0},
			    g;
	struct df_recovery rec;
	int fd;

	f.n = df_journal_fetch_put(w->j, &f);
	assert_true(f.n > 0);
	assert_false(df_journal_fetch_due(w->j, "another", 9, &g));
	assert_true(df_journal_fetch_due(w->j, "centre", 9, &g));
	/* a file in hand survives a start, byte for byte of its row */
	assert_int_equal(df_incoming_new(&w->sp, &f.file, &fd, NULL), DF_OK);
	df_fd_close(&fd);
	f.size = 10;
	f.report = true;
	strcpy(f.hex, "00112233445566778899aabbccddeeff");
	strcpy(f.sender, PEER);
	strcpy(f.origin, PEER);
	f.instances = 9;
	f.gone = 1;
	f.bytes = 77;
	f.err = DF_E_PEER;
	strcpy(f.why, "later");
	assert_int_equal(df_journal_fetch_put(w->j, &f), f.n);
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.swept, 0);
	assert_true(df_journal_fetch_of(w->j, "1.2.9", &g));
	assert_memory_equal(&f, &g, sizeof f);
	/* a file that is not what its row says is begun anew */
	f.offset = 4;
	assert_int_equal(df_journal_fetch_put(w->j, &f), f.n);
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_true(df_journal_fetch_of(w->j, "1.2.9", &g));
	assert_string_equal(g.hex, "");
	assert_int_equal(g.offset, 0);
	assert_int_equal(rec.swept, 1);
	/* so is one that is an object by now */
	df_id_new(&f.file);
	f.offset = 0;
	assert_int_equal(df_journal_fetch_put(w->j, &f), f.n);
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_true(df_journal_fetch_of(w->j, "1.2.9", &g));
	assert_string_equal(g.file.s, "");
	/* one that ended is not due; its file is nobody's */
	assert_int_equal(df_incoming_new(&w->sp, &f.file, &fd, NULL), DF_OK);
	df_fd_close(&fd);
	f.state = DF_FETCH_CANCELLED;
	(void)df_journal_fetch_put(w->j, &f); /* n is known */
	assert_false(df_journal_fetch_due(w->j, "centre", 9, &g));
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.swept, 1);
}

static void a_clock_moves_with_fetches(void **state)
{
	struct world *w = *state;
	struct df_row_fetch f = {
		.study = "1.2.9", .dest = "centre", .next_ms = 50};

	f.n = df_journal_fetch_put(w->j, &f);
	df_journal_timers_shift(w->j, 100);
	assert_true(df_journal_fetch_of(w->j, "1.2.9", &f));
	assert_int_equal(f.next_ms, 150);
	assert_int_equal(f.ended_ms, 0);
	f.state = DF_FETCH_DONE;
	f.ended_ms = 160;
	(void)df_journal_fetch_put(w->j, &f); /* n is known */
	df_journal_timers_shift(w->j, -100);
	assert_true(df_journal_fetch_of(w->j, "1.2.9", &f));
	assert_int_equal(f.ended_ms, 60);
	/* a life before had a clock that was far ahead */
	df_journal_timers_cap(w->j, 40, 45);
	assert_true(df_journal_fetch_of(w->j, "1.2.9", &f));
	assert_int_equal(f.next_ms, 40);
	assert_int_equal(f.ended_ms, 40);
}

static void a_header_is_kept_for_its_reader(void **state)
{
	struct world *w = *state;
	struct df_row_outgoing o = {.hex = "aa", .skip = 3, .size = 20}, got;
	struct df_buf head;

	strcpy(o.peer, PEER);
	df_id_new(&o.object);
	df_buf_init(&head, 100);
	df_journal_outgoing_put(w->j, &o, df_text_of("head"), 50);
	assert_false(df_journal_outgoing(w->j, "other", "aa", &got, NULL));
	assert_true(df_journal_outgoing(w->j, PEER, "aa", &got, &head));
	assert_memory_equal(&o, &got, sizeof o);
	assert_int_equal(head.len, 4);
	df_journal_outgoing_forget(w->j, 50);
	assert_true(df_journal_outgoing(w->j, PEER, "aa", &got, NULL));
	df_journal_outgoing_forget(w->j, 51);
	assert_false(df_journal_outgoing(w->j, PEER, "aa", &got, NULL));
	df_buf_release(&head);
}

/* A study of a peer with one instance in one parcel. */
static int64_t study_of(struct world *w, enum df_env_direction direction,
			struct df_row_parcel *p)
{
	const bool made = direction == DF_ENV_MADE;
	struct df_row_instance in = {.sop_instance = "1.2.3.1",
				     .sop_class = "1.2.840.1",
				     .size_bytes = 10,
				     .state = DF_INSTANCE_PACKED,
				     .in_parcel = true,
				     .indexed = true};
	struct df_row_study s;

	df_journal_study_touch(w->j, "1.2.9", made ? "" : PEER, "CT1", 5, &s);
	*p = (struct df_row_parcel){.hex = "bb",
				    .study = s.n,
				    .direction = direction,
				    .epoch = 1,
				    .sequence = 1,
				    .state = DF_PARCEL_READY};
	df_id_new(&p->object);
	if (!made)
		strcpy(p->peer, PEER);
	p->h0.b[0] = (uint8_t)(direction + 1);
	df_journal_object_add(w->j, &p->object, DF_ENV_PARCEL, 100, 120, 5);
	p->n = df_journal_parcel_add(w->j, p);
	strcpy(in.peer, p->peer);
	in.study = s.n;
	in.object = p->object;
	in.parcel = p->n;
	(void)df_journal_instance_add(w->j, &in); /* its number */
	df_journal_study_close(w->j, s.n, "fetched", 6);
	return s.n;
}

static void count(void *ctx, const struct df_id *object)
{
	(void)object;
	++*(int *)ctx;
}

/* How many objects of the journal may go. */
static int purged(struct world *w)
{
	struct df_config cfg = {0};
	struct df_purge p = {.cfg = &cfg,
			     .policy = {.keep_ms = 10},
			     .now_ms = 100,
			     .judge = df_retention_judge};
	struct df_purged out;
	int64_t cursor = 0;
	int gone = 0;

	(void)df_journal_releasable_scan(w->j, &p, &cursor, 64);
	p.now_ms = 200;
	(void)df_journal_purge(w->j, &p, count, &gone, &out);
	return gone;
}

static void a_copy_may_go(void **state)
{
	struct world *w = *state;
	struct df_row_parcel p, back;
	int64_t n = study_of(w, DF_ENV_FETCHED, &p);
	struct df_study_counts c;
	struct df_id object;

	assert_true(df_journal_study_is_copy(w->j, n));
	assert_int_equal(purged(w), 1);
	df_journal_study_counts(w->j, n, &c);
	assert_int_equal(c.purged, 1);
	assert_int_equal(df_journal_study_usable(w->j, "1.2.9", PEER), 0);
	/* and is here again when it is fetched again */
	df_id_new(&object);
	df_journal_parcel_revive(w->j, p.n, &object);
	assert_int_equal(df_journal_study_usable(w->j, "1.2.9", PEER), 1);
	assert_true(df_journal_parcel(w->j, p.n, &back));
	assert_int_equal(back.state, DF_PARCEL_READY);
	assert_string_equal(back.object.s, object.s);
}

static void what_was_lost_comes_back(void **state)
{
	struct world *w = *state;
	struct df_row_parcel p, back;
	struct df_row_delivery d;
	struct df_recovery rec;
	struct df_row_instance in;
	struct df_id object;
	int64_t n = study_of(w, DF_ENV_FETCHED, &p);

	assert_int_equal(df_journal_instances(w->j, DF_OF_STUDY, n, &in, 1), 1);
	df_journal_delivery_add(w->j, DF_DELIVER_INSTANCE, in.n, n, "pacs", 5);
	assert_false(df_journal_study_lost(w->j, n));
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
	assert_int_equal(start_again(w, &rec), DF_OK); /* it has no file */
	assert_int_equal(rec.lost, 1);
	assert_true(df_journal_study_lost(w->j, n));
	/* a judgement is no loss */
	df_journal_instance_settle(w->j, in.n, DF_INSTANCE_QUARANTINED, n, "",
				   0, "other content");
	assert_false(df_journal_study_lost(w->j, n));
	df_id_new(&object);
	df_journal_parcel_revive(w->j, p.n, &object);
	assert_int_equal(df_journal_study_usable(w->j, "1.2.9", PEER), 0);
	/* damage is; what was not sent for it goes */
	df_journal_instance_settle(w->j, in.n, DF_INSTANCE_QUARANTINED, n, "",
				   0, DF_DAMAGED_WORD ": its file");
	assert_true(df_journal_study_lost(w->j, n));
	assert_true(df_journal_delivery_find(w->j, DF_DELIVER_INSTANCE, in.n,
					     "pacs", &d));
	assert_true(df_journal_delivery_move(w->j, d.n, DF_DELIVERY_START, 0,
					     DF_OK, NULL, 0));
	assert_true(df_journal_delivery_move(w->j, d.n, DF_DELIVERY_DENIED, 0,
					     DF_E_CORRUPT,
					     DF_DAMAGED_WORD ": its file", 0));
	df_journal_parcel_revive(w->j, p.n, &object);
	assert_false(df_journal_study_lost(w->j, n));
	assert_int_equal(df_journal_study_usable(w->j, "1.2.9", PEER), 1);
	assert_true(df_journal_parcel(w->j, p.n, &back));
	assert_int_equal(back.state, DF_PARCEL_READY);
	assert_true(df_journal_study_untold(w->j, "1.2.9"));
	assert_true(df_journal_delivery(w->j, d.n, &d));
	assert_int_equal(d.state, DF_DELIVERY_WAITING);
}

static void ledger_is_written(struct world *w)
{
	assert_int_equal(df_ledger_flush(&w->sp, w->j, NULL), DF_OK);
	df_journal_firm(w->j);
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
}

/* The queue was killed between the name of what came again, and its rows. */
static void what_came_again_is_home_after_a_cut(void **state)
{
	struct world *w = *state;
	struct df_row_instance row;
	struct df_recovery rec;
	struct df_row_parcel p;
	struct df_id first, second;
	char cmd[100];

	parcel_file(w, &first, "a", 1, 5, 5);
	assert_int_equal(start_again(w, &rec), DF_OK);
	df_spool_remove(&w->sp, &first);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.lost, 1);
	ledger_is_written(w);
	parcel_file(w, &second, "a", 1, 5, 5);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.adopted, 1);
	assert_int_equal(rec.bad, 0);
	assert_int_equal(df_journal_quarantined(w->j), 0);
	assert_int_equal(
		df_journal_instances(w->j, DF_OF_UNINDEXED, 0, &row, 1), 1);
	assert_string_equal(row.object.s, second.s);
	assert_true(df_journal_parcel(w->j, row.parcel, &p));
	assert_int_equal(p.state, DF_PARCEL_READY);
	/* so it is after state.db is lost */
	ledger_is_written(w);
	df_str_fmt(cmd, sizeof cmd, "rm %s/state.db*", w->dir);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_true(df_journal_parcel_find(w->j, p.hex, &p));
	assert_int_equal(p.state, DF_PARCEL_READY);
	assert_int_equal(df_journal_quarantined(w->j), 0);
	/* a second file while the first one stands is nobody's home */
	parcel_file(w, &first, "a", 1, 5, 5);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.bad, 1);
}

static void what_we_took_stays(void **state)
{
	struct world *w = *state;
	struct df_row_parcel p;
	int64_t n = study_of(w, DF_ENV_TAKEN, &p);

	/* its sender may have let go by now: nobody else has it */
	assert_false(df_journal_study_is_copy(w->j, n));
	assert_int_equal(purged(w), 0);
}

static void a_receipt_makes_it_no_copy(void **state)
{
	struct world *w = *state;
	struct df_row_parcel p;
	struct df_digest d = {{1}};
	int64_t n = study_of(w, DF_ENV_FETCHED, &p);

	df_journal_held_add(w->j, n, 1, &d, df_text_of("text"),
			    df_text_of("receipt"), df_text_of("cms"));
	assert_false(df_journal_study_is_copy(w->j, n));
	assert_int_equal(purged(w), 0);
}

static void a_linked_study_has_no_manifest(void **state)
{
	struct world *w = *state;
	struct df_row_parcel p;
	int64_t n = study_of(w, DF_ENV_MADE, &p);
	struct df_row_linked l = {.study = n, .twin = "1.2.8"}, got;
	struct df_row_study s;

	assert_int_equal(df_journal_linked(w->j, n, &got), DF_LINKED_NOT);
	assert_true(df_journal_study_packed(w->j, n));
	assert_int_equal(df_journal_studies(w->j, DF_OF_UNSIGNED, 0, &s, 1), 1);
	for (l.state = DF_LINKED_WATCHED; l.state <= DF_LINKED_HELD;
	     l.state++) {
		df_journal_linked_put(w->j, &l);
		assert_int_equal(
			df_journal_studies(w->j, DF_OF_UNSIGNED, 0, &s, 1), 0);
		assert_int_equal(
			df_journal_linked_in(w->j, l.state, 0, &got, 1), 1);
		assert_memory_equal(&l, &got, sizeof l);
		assert_int_equal(purged(w), 0); /* nobody holds it */
	}
	l.state = DF_LINKED_SENT;
	df_journal_linked_put(w->j, &l);
	assert_int_equal(df_journal_studies(w->j, DF_OF_UNSIGNED, 0, &s, 1), 1);
	assert_int_equal(
		df_journal_linked_in(w->j, DF_LINKED_WATCHED, 0, &got, 1), 0);
}

static void a_twin_counts_for_the_peer_that_holds_it(void **state)
{
	struct world *w = *state;
	struct df_row_parcel p;
	struct df_row_delivery d;
	struct df_row_study s;
	int64_t n = study_of(w, DF_ENV_MADE, &p);

	assert_true(df_journal_study(w->j, n, &s));
	assert_false(df_journal_study_held_by(w->j, &s, "centre"));
	df_journal_delivery_add(w->j, DF_DELIVER_PARCEL, p.n, n, "centre", 5);
	assert_false(df_journal_study_held_by(w->j, &s, "centre"));
	assert_true(df_journal_delivery_find(w->j, DF_DELIVER_PARCEL, p.n,
					     "centre", &d));
	assert_true(df_journal_delivery_move(w->j, d.n, DF_DELIVERY_START, 0,
					     DF_OK, NULL, 0));
	assert_true(df_journal_delivery_move(w->j, d.n, DF_DELIVERY_TAKEN, 0,
					     DF_OK, NULL, 0));
	assert_false(df_journal_study_held_by(w->j, &s, "centre"));
	assert_true(df_journal_delivery_move(w->j, d.n, DF_DELIVERY_WORD, 0,
					     DF_OK, NULL, 0));
	assert_true(df_journal_study_held_by(w->j, &s, "centre"));
	/* a peer that was added later never got it */
	assert_false(df_journal_study_held_by(w->j, &s, "another"));
}

static void a_copy_counts_where_it_was_fetched(void **state)
{
	struct world *w = *state;
	struct df_row_parcel p;
	struct df_row_study s;
	struct df_row_fetch f = {.study = "1.2.9", .dest = "centre"};
	int64_t n = study_of(w, DF_ENV_FETCHED, &p);

	assert_true(df_journal_study(w->j, n, &s));
	assert_false(df_journal_study_held_by(w->j, &s, "centre"));
	f.n = df_journal_fetch_put(w->j, &f);
	assert_false(df_journal_study_held_by(w->j, &s, "centre"));
	f.state = DF_FETCH_DONE;
	(void)df_journal_fetch_put(w->j, &f); /* n is known */
	assert_true(df_journal_study_held_by(w->j, &s, "centre"));
	assert_false(df_journal_study_held_by(w->j, &s, "another"));
	assert_int_equal(purged(w), 1); /* who knows whether it is there now */
	assert_false(df_journal_study_held_by(w->j, &s, "centre"));
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_fetch_is_kept),
		CASE(a_clock_moves_with_fetches),
		CASE(a_header_is_kept_for_its_reader),
		CASE(a_copy_may_go),
		CASE(what_was_lost_comes_back),
		CASE(what_came_again_is_home_after_a_cut),
		CASE(what_we_took_stays),
		CASE(a_receipt_makes_it_no_copy),
		CASE(a_linked_study_has_no_manifest),
		CASE(a_twin_counts_for_the_peer_that_holds_it),
		CASE(a_copy_counts_where_it_was_fetched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
