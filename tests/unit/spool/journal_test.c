/* journal_test.c - rows, and what waits for which commit. */
#include <sqlite3.h>

#include "df/pages.h"
#include "df/purge.h"
#include "spool_fixture.h"

static void every_statement_prepares(void **state)
{
	struct world *w = *state;
	struct df_row_instance in = {.size_bytes = 1}, ins[4];
	struct df_row_study s, ss[4];
	struct df_row_parcel p = {.hex = "aa", .direction = DF_ENV_MADE,
				  .epoch = 1, .sequence = 1}, ps[4];
	struct df_row_delivery d, ds[4];
	struct df_row_place places[4];
	struct df_row_manifest m = {.version = 1, .dest = "c"}, ms[4];
	struct df_row_upload u = {.hex = "ab", .peer = "p"}, us[4];
	struct df_row_pull pull;
	struct df_row_report r = {.hex = "ac"}, rs[4];
	struct df_row_mail mail[4];
	struct df_study_counts c;
	struct df_delivery_sum sums[4];
	struct df_digest dg[4] = {{{0}}};
	struct df_buf a, b;
	int64_t n, pn;

	df_buf_init(&a, 1000);
	df_buf_init(&b, 1000);
	df_journal_study_touch(w->j, "1.2", "", "CT", 5, &s);
	assert_int_equal(s.n, 1);
	n = df_journal_instance_add(w->j, &in);
	assert_true(df_journal_instance(w->j, n, &in));
	for (unsigned k = 0; k <= DF_OF_QUARANTINED; k++)
		(void)df_journal_instances(w->j, (enum df_instances_of)k, 0,
					   ins, 4);
	for (unsigned k = 0; k <= DF_OF_ALL; k++)
		(void)df_journal_studies(w->j, (enum df_studies_of)k, 100, ss,
					 4);
	assert_int_equal(df_journal_oldest_uninspected(w->j), 0);
	assert_int_equal(df_journal_instance_dispatch(w->j, n), 0);
	assert_int_equal(df_journal_instance_dispatch(w->j, n), 1);
	df_journal_instance_settle(w->j, n, DF_INSTANCE_INSPECTED, 1, "1", 1,
				   "");
	assert_int_equal(df_journal_instances(w->j, DF_OF_TO_PACK, 1, ins, 4),
			 1);
	assert_int_equal(df_journal_studies(w->j, DF_OF_UNPACKED, 0, ss, 4), 1);
	p.study = 1;
	pn = df_journal_parcel_add(w->j, &p);
	assert_true(df_journal_study(w->j, 1, &s));
	assert_int_equal(s.sequence, 1);
	df_journal_instance_packed(w->j, n, pn, &in.object, 0, "zstd", 4);
	df_journal_delivery_add(w->j, DF_DELIVER_PARCEL, pn, 1, "c", 9);
	df_journal_delivery_add(w->j, DF_DELIVER_PARCEL, pn, 1, "c", 9);
	assert_int_equal(df_journal_deliveries_due(w->j, DF_DELIVER_PARCEL, "c",
						   10, ds, 4), 1);
	assert_true(df_journal_delivery_find(w->j, DF_DELIVER_PARCEL, pn, "c",
					     &d));
	assert_true(df_journal_delivery_move(w->j, d.n, DF_DELIVERY_START, 0, 0,
					     NULL, 0));
	assert_true(df_journal_delivery_move(w->j, d.n, DF_DELIVERY_TAKEN, 0, 0,
					     NULL, 0));
	assert_false(df_journal_delivery_move(w->j, d.n, DF_DELIVERY_START, 0,
					      0, NULL, 0));
	df_journal_study_close(w->j, 1, "quiet", 50);
	assert_int_equal(df_journal_studies(w->j, DF_OF_UNSIGNED, 0, ss, 4), 0);
	df_journal_parcel_state(w->j, pn, DF_PARCEL_READY);
	assert_int_equal(df_journal_studies(w->j, DF_OF_UNSIGNED, 0, ss, 4), 1);
	m.study = 1;
	df_journal_manifest_add(w->j, &m, df_text_of("t"), df_text_of("s"));
	assert_int_equal(df_journal_studies(w->j, DF_OF_UNSIGNED, 0, ss, 4), 0);
	assert_int_equal(df_journal_manifests_due(w->j, "c", 1, ms, 4), 1);
	assert_true(df_journal_manifest_text(w->j, ms[0].n, &a, &b));
	df_journal_manifest_settle(w->j, ms[0].n, DF_MANIFEST_WAITING, 1, 0,
				   NULL);
	df_journal_manifest_receipt(w->j, &ms[0], df_text_of("r"),
				    df_text_of("s"));
	df_journal_study_counts(w->j, 1, &c);
	assert_int_equal(c.receipted, 1);
	assert_int_equal(c.instances, 1);
	assert_int_equal(df_journal_receipted(w->j, "1.2", dg, 4), 1);
	assert_int_equal(df_journal_manifests_of(w->j, 1, ms, 4), 1);
	assert_int_equal(df_journal_delivery_sums(w->j, 1, sums, 4), 1);
	assert_int_equal(df_journal_delivery_sums(w->j, 0, sums, 4), 1);
	df_journal_held_add(w->j, 1, 1, &dg[3], df_text_of("t"),
			    df_text_of("r"), df_text_of("s"));
	df_buf_clear(&a);
	assert_true(df_journal_held(w->j, 1, 1, &dg[3], &a, &b));
	(void)df_journal_held_digests(w->j, 1, dg, 4);
	assert_int_equal(df_journal_parcels_of(w->j, 1, 0, 0, ps, 4), 1);
	(void)df_journal_parcels_unverified(w->j, 0, ps, 4);
	(void)df_journal_parcel_dispatch(w->j, pn);
	(void)df_journal_parcel_held(w->j, "p", &dg[0]);
	(void)df_journal_parcel_clash(w->j, 1, ps);
	df_journal_study_epoch(w->j, 1);
	df_journal_study_priority(w->j, 1, 1);
	df_journal_upload_put(w->j, &u, 1);
	assert_true(df_journal_upload(w->j, "ab", "p", &u));
	(void)df_journal_uploads_whole(w->j, "", us, 4);
	df_journal_upload_drop(w->j, "ab", "p");
	(void)df_journal_mail_add(w->j, "p", "aa", &in.object, 5);
	assert_int_equal(df_journal_mail(w->j, "p", 0, mail, 4), 1);
	/* ahead of the cursors that a lost journal gave out */
	assert_true(mail[0].seq > 1700000000000);
	assert_true(df_journal_mail_find(w->j, "p", "aa", mail));
	df_journal_pull(w->j, "c", &pull);
	df_journal_pull_put(w->j, &pull);
	df_journal_report_add(w->j, &r);
	assert_true(df_journal_report_find(w->j, "ac", &r));
	(void)df_journal_report_of(w->j, &in.object, &r);
	assert_int_equal(df_journal_reports_open(w->j, 0, rs, 4), 1);
	df_journal_report_stored(w->j, r.n, 1);
	df_journal_extra_add(w->j, n, &in.object, 4);
	df_journal_arrival_note(w->j, &in, 5, 6);
	df_journal_instance_indexed(w->j, n);
	df_journal_instance_reporting(w->j, n, DF_REPORTING_DONE, "");
	df_journal_instance_unpacked(w->j, n, &in.object);
	(void)df_journal_deliveries_list(w->j, 0, places, 4);
	(void)df_journal_deliveries_move(w->j, "c", 0, 0, DF_DELIVERY_HOLD);
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
	df_buf_release(&a);
	df_buf_release(&b);
}

/* What may not stand beside a held parcel: reliability, E_REPLAY. */
static void a_stream_is_a_chain(void **state)
{
	struct world *w = *state;
	struct df_row_study study;
	struct df_row_parcel p = {.direction = DF_ENV_TAKEN,
				  .epoch = 1,
				  .state = DF_PARCEL_READY};
	struct df_row_parcel q;

	df_journal_study_touch(w->j, "1.2.3", "p", "CT", 1, &study);
	p.study = study.n;
	p.sequence = 5;
	p.h0.b[0] = 5;
	p.previous.b[0] = 4;
	df_str_fmt(p.hex, sizeof p.hex, "%032d", 5);
	assert_true(df_journal_parcel_add(w->j, &p) > 0);
	assert_false(df_journal_parcel_clash(w->j, study.n, &p));
	q = p;
	q.h0.b[0] = 9; /* another one at its place */
	assert_true(df_journal_parcel_clash(w->j, study.n, &q));
	q.sequence = 6; /* after it: must name it */
	q.previous.b[0] = 5;
	assert_false(df_journal_parcel_clash(w->j, study.n, &q));
	q.previous.b[0] = 7;
	assert_true(df_journal_parcel_clash(w->j, study.n, &q));
	q.sequence = 4; /* before it: must be what it names */
	assert_true(df_journal_parcel_clash(w->j, study.n, &q));
	q.h0.b[0] = 4;
	assert_false(df_journal_parcel_clash(w->j, study.n, &q));
	q.sequence = 8; /* a gap holds nothing back */
	assert_false(df_journal_parcel_clash(w->j, study.n, &q));
	q.sequence = 5;
	q.epoch = 2; /* another stream */
	assert_false(df_journal_parcel_clash(w->j, study.n, &q));
}

/* Who came first owns the UIDs, see owners.c. */
static void uids_belong_to_who_came_first(void **state)
{
	struct world *w = *state;
	struct df_row_study a, b, found;
	struct df_row_instance first = {.peer = "aa",
					.sop_instance = "1.2.3",
					.state = DF_INSTANCE_PACKED,
					.received_ms = 10};
	struct df_row_instance r;

	df_journal_study_touch(w->j, "1.2", "aa", "CT", 10, &a);
	first.study = a.n;
	first.digest.b[0] = 1;
	assert_int_equal(df_journal_claim(w->j, &first), DF_CLAIM_FREE);
	first.n = df_journal_instance_add(w->j, &first);
	assert_int_equal(df_journal_claim(w->j, &first), DF_CLAIM_FREE);
	df_journal_study_touch(w->j, "1.2", "bb", "CT", 20, &b);
	r = (struct df_row_instance){.peer = "bb",
				     .sop_instance = "1.2.3",
				     .study = b.n,
				     .digest = first.digest};
	assert_int_equal(df_journal_claim(w->j, &r), DF_CLAIM_TWIN);
	r.digest.b[0] = 2; /* its UID, other bytes */
	assert_int_equal(df_journal_claim(w->j, &r), DF_CLAIM_OTHERS);
	df_str_fmt(r.sop_instance, 65, "1.2.4"); /* its study, another UID */
	assert_int_equal(df_journal_claim(w->j, &r), DF_CLAIM_OTHERS);
	assert_true(df_journal_study_find(w->j, "1.2", NULL, &found));
	assert_string_equal(found.peer, "aa"); /* who gets the reports */
	df_journal_study_touch(w->j, "1.5", "bb", "CT", 20, &b);
	r.study = b.n;
	assert_int_equal(df_journal_claim(w->j, &r), DF_CLAIM_FREE);
	r.peer[0] = '\0'; /* received here: our own affair */
	assert_int_equal(df_journal_claim(w->j, &r), DF_CLAIM_FREE);
}

static int64_t add_parcel(struct world *w, int64_t study, uint64_t bytes,
			  int64_t now_ms)
{
	static unsigned number;
	struct df_row_parcel p = {.study = study,
				  .direction = DF_ENV_MADE,
				  .epoch = 1,
				  .sequence = number,
				  .dfenv_len = bytes,
				  .state = DF_PARCEL_READY};

	df_str_fmt(p.hex, sizeof p.hex, "%032x", ++number);
	p.n = df_journal_parcel_add(w->j, &p);
	df_journal_delivery_add(w->j, DF_DELIVER_PARCEL, p.n, study, "c",
				now_ms);
	return p.n;
}

static int64_t add_study(struct world *w, const char *uid, int64_t at_ms)
{
	struct df_row_study s;

	df_journal_study_touch(w->j, uid, "", "CT", at_ms, &s);
	return s.n;
}

/* The studies of what is due, in its order: "1 2 2 3". */
static const char *order(struct world *w)
{
	static char text[400];
	struct df_row_delivery due[64];
	size_t n = df_journal_deliveries_due(w->j, DF_DELIVER_PARCEL, "c",
					     INT64_MAX, due, 64);
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		df_str_fmt(text + at, sizeof text - at, "%s%d",
			   i > 0 ? " " : "", (int)due[i].study);
		at += strlen(text + at);
	}
	return text;
}

/* A study of 40 MB, then a small one, then another large one. */
static void small_studies_pass_large_ones(void **state)
{
	struct world *w = *state;
	int64_t big = add_study(w, "1", 1000), small, other;

	for (int i = 0; i < 10; i++)
		add_parcel(w, big, 4000000, 1000);
	small = add_study(w, "2", 20000);
	for (int i = 0; i < 3; i++)
		add_parcel(w, small, 1000000, 20000);
	assert_int_equal(big, 1);
	assert_int_equal(small, 2);
	/* the first of each; then 33, 65, ... s against 28 and 36 s */
	assert_string_equal(order(w), "1 2 2 1 2 1 1 1 1 1 1 1 1");
	other = add_study(w, "3", 100000);
	for (int i = 0; i < 3; i++)
		add_parcel(w, other, 4000000, 100000);
	/* due 132 and 164 s: it gets its share beside the first, 33 to 289 s;
	 * what is older by more than its size does not wait for it */
	assert_string_equal(order(w),
			    "1 2 3 2 1 2 1 1 1 3 1 3 1 1 1 1");
}

/* Days of work wait: the oldest first, and no study is put off for ever. */
static void a_backlog_goes_by_age(void **state)
{
	struct world *w = *state;
	struct df_row_delivery due[64];
	const int64_t day = 86400000;
	int64_t huge = add_study(w, "1", 0);

	for (int i = 0; i < 4; i++)
		add_parcel(w, huge, (uint64_t)1 << 36, 1000);
	for (int i = 0; i < 5; i++) {
		char uid[8];
		int64_t n;

		df_str_fmt(uid, sizeof uid, "2.%d", i);
		n = add_study(w, uid, i * day);
		add_parcel(w, n, 1000000, i * day);
		add_parcel(w, n, 1000000, i * day);
	}
	/* 64 GiB are put off by a day and no more */
	assert_string_equal(order(w), "1 2 3 4 5 6 2 1 1 1 3 4 5 6");
	/* noted by a clock that was days ahead */
	df_journal_timers_cap(w->j, 1000, day);
	assert_int_equal(df_journal_deliveries_due(w->j, DF_DELIVER_PARCEL, "c",
						   INT64_MAX, due, 64), 14);
	assert_true(due[13].due_ms <= 1000 + 2 * day);
}

/* 2 2 2 2 3 3 3 3 1 1 1, of 1000 bytes, but three of 4 MB in study 3 */
static void assert_places(struct world *w, int64_t routine, int64_t late,
			  int64_t stat)
{
	struct df_row_place places[16];
	struct df_row_delivery d;
	struct df_ahead next, last;
	uint64_t seen = 0;

	assert_int_equal(df_journal_deliveries_list(w->j, 0, places, 16), 11);
	for (size_t i = 0; i < 11; i++) {
		assert_true(df_journal_delivery(w->j, places[i].n, &d));
		assert_in_range(places[i].place, d.study == late   ? 1
						 : d.study == stat ? 5
								   : 9,
				d.study == late	  ? 4
				: d.study == stat ? 8
						  : 11);
		seen |= (uint64_t)1 << places[i].place;
	}
	assert_int_equal(seen, 0xffe);
	df_journal_ahead(w->j, late, "c", DF_DELIVER_PARCEL, &next, &last);
	assert_true(next.waits);
	assert_int_equal(next.items + last.items, 0);
	df_journal_ahead(w->j, stat, "c", DF_DELIVER_PARCEL, &next, &last);
	assert_int_equal(next.items, 4);
	assert_int_equal(last.items, 4);
	assert_int_equal(last.bytes, 4000);
	df_journal_ahead(w->j, routine, "c", DF_DELIVER_PARCEL, &next, &last);
	assert_int_equal(last.items, 8);
	assert_int_equal(last.studies, 2);
	assert_int_equal(last.urgent, 2);
	assert_int_equal(last.bytes, 12005000);
	df_journal_ahead(w->j, 77, "c", DF_DELIVER_PARCEL, &next, &last);
	assert_false(next.waits);
}

/* Urgent ones first, the oldest of them first, each as a whole and in its
 * order; also one that is called urgent late. */
static void urgent_studies_go_first(void **state)
{
	struct world *w = *state;
	int64_t routine = add_study(w, "1", 10), late = add_study(w, "2", 20),
		stat = add_study(w, "3", 30);
	struct df_row_delivery due[64];

	df_journal_study_priority(w->j, stat, 1);
	for (int i = 0; i < 3; i++) {
		add_parcel(w, routine, 1000, 10);
		add_parcel(w, late, 1000, 20);
		add_parcel(w, stat, 4000000, 30);
	}
	assert_string_equal(order(w), "3 3 3 1 2 1 1 2 2");
	df_journal_study_priority(w->j, late, 1);
	add_parcel(w, late, 1000, 40);
	add_parcel(w, stat, 1000, 50);
	assert_string_equal(order(w), "2 2 2 2 3 3 3 3 1 1 1");
	assert_int_equal(df_journal_deliveries_due(w->j, DF_DELIVER_PARCEL, "c",
						   INT64_MAX, due, 64), 11);
	for (size_t i = 1; i < 4; i++)
		assert_true(due[i].item > due[i - 1].item);
	assert_places(w, routine, late, stat);
	/* the clock was wrong and is set right: old and new ones compare */
	df_journal_timers_shift(w->j, 1000000);
	assert_string_equal(order(w), "2 2 2 2 3 3 3 3 1 1 1");
}

/* A file from before there was an order gets one, and keeps what it holds. */
static void an_older_file_is_taken_up(void **state)
{
	struct world *w = *state;
	int64_t study = add_study(w, "1", 10);
	struct df_row_upload u = {.hex = "ab", .peer = "p", .size = 5};
	sqlite3 *db = NULL;
	char path[80], *said = NULL;

	add_parcel(w, study, 1000, 10);
	df_journal_upload_put(w->j, &u, 7);
	df_journal_firm(w->j);
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
	df_journal_close(w->j);
	df_str_fmt(path, sizeof path, "%s/state.db", w->dir);
	assert_int_equal(df_pages_open(&db, path), SQLITE_OK);
	if (sqlite3_exec(db,
			 "PRAGMA locking_mode = EXCLUSIVE;"
			 "DROP INDEX deliveries_due; DROP INDEX deliveries_share;"
			 "DROP INDEX uploads_urgent;"
			 "CREATE INDEX deliveries_due ON deliveries(dest, kind,"
			 " priority DESC, n) WHERE state IN (0, 2);"
			 "ALTER TABLE deliveries DROP COLUMN due;"
			 "ALTER TABLE uploads DROP COLUMN priority;",
			 NULL, NULL, &said) != SQLITE_OK)
		fail_msg("%s", said);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(df_journal_open(&w->j, path, NULL), DF_OK);
		assert_string_equal(order(w), "1");
		assert_true(df_journal_upload(w->j, "ab", "p", &u));
		assert_int_equal(u.priority, 0);
		if (i == 0)
			df_journal_close(w->j);
	}
	study = add_study(w, "2", 20);
	df_journal_study_priority(w->j, study, 1);
	add_parcel(w, study, 1000, 20);
	assert_string_equal(order(w), "2 1");
}

static void waiting_times_go_with_the_clock(void **state)
{
	struct world *w = *state;
	struct df_row_study study;
	struct df_row_delivery due[2];

	df_journal_study_touch(w->j, "1.2.3", "", "CT", 1000, &study);
	df_journal_delivery_add(w->j, DF_DELIVER_PARCEL, 7, study.n, "c", 1000);
	assert_int_equal(df_journal_deliveries_due(w->j, DF_DELIVER_PARCEL, "c",
						   1000, due, 2), 1);
	assert_true(df_journal_delivery_move(w->j, due[0].n, DF_DELIVERY_START,
					     0, DF_OK, NULL, 0));
	assert_true(df_journal_delivery_move(w->j, due[0].n, DF_DELIVERY_FAILED,
					     500000, DF_E_IO, "x", 0));
	assert_int_equal(df_journal_deliveries_due(w->j, DF_DELIVER_PARCEL, "c",
						   400000, due, 2), 0);
	df_journal_timers_cap(w->j, 1000, 600000); /* 500000 is no surprise */
	assert_int_equal(df_journal_deliveries_due(w->j, DF_DELIVER_PARCEL, "c",
						   400000, due, 2), 0);
	df_journal_timers_shift(w->j, -200000); /* the clock went back */
	assert_int_equal(df_journal_deliveries_due(w->j, DF_DELIVER_PARCEL, "c",
						   300000, due, 2), 1);
	assert_true(df_journal_study(w->j, study.n, &study));
	assert_true(study.last_ms == 1000 - 200000);
	df_journal_timers_cap(w->j, 100000, 200000); /* 300000 is */
	assert_int_equal(df_journal_deliveries_due(w->j, DF_DELIVER_PARCEL, "c",
						   100000, due, 2), 1);
}

static int64_t add_one(struct world *w, int k)
{
	struct df_row_instance in = {.size_bytes = 10, .received_ms = k};

	df_id_new(&in.object);
	df_str_fmt(in.sop_instance, 65, "1.2.3.%d", k);
	return df_journal_instance_add(w->j, &in);
}

/* What can be found again waits for what cannot; old objects are counted. */
static void notes_wait(void **state)
{
	struct world *w = *state;
	int64_t n = add_one(w, 1);
	char db[80];

	assert_true(df_journal_dirty(w->j));
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
	assert_int_equal(df_journal_instance_dispatch(w->j, n), 0);
	assert_false(df_journal_dirty(w->j)); /* the first try is a note */
	df_journal_firm(w->j);
	assert_true(df_journal_dirty(w->j));
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
	df_journal_firm(w->j);
	assert_false(df_journal_dirty(w->j)); /* nothing left to sync */
	assert_int_equal(df_journal_instance_dispatch(w->j, n), 1);
	assert_true(df_journal_dirty(w->j)); /* a second one is not */
	df_journal_instance_settle(w->j, n, DF_INSTANCE_INSPECTED, 1, "1", 0,
				   "");
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
	df_journal_instance_indexed(w->j, n);
	assert_false(df_journal_dirty(w->j));
	df_journal_close(w->j); /* and the note is lost */
	df_str_fmt(db, sizeof db, "%s/state.db", w->dir);
	assert_int_equal(df_journal_open(&w->j, db, NULL), DF_OK);
	assert_int_equal(df_journal_instance_dispatch(w->j, n), 0);
	assert_true(df_journal_dirty(w->j)); /* it is of an earlier life */
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
	n = add_one(w, 2);
	df_journal_instance_settle(w->j, n, DF_INSTANCE_QUARANTINED, 1, "1", 0,
				   "bad");
	assert_true(df_journal_dirty(w->j));
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
}

/* What had come when a person closed the study does not open it again. */
static void only_a_late_image_reopens(void **state)
{
	struct world *w = *state;
	struct df_row_study s;

	df_journal_study_touch(w->j, "1.2.4", "", "CT", 10, &s);
	df_journal_study_close(w->j, s.n, "hand", 50);
	df_journal_study_touch(w->j, "1.2.4", "", "CT", 40, &s);
	assert_int_equal(s.state, DF_STUDY_CLOSED);
	assert_true(s.last_ms == 40);
	df_journal_study_touch(w->j, "1.2.4", "", "CT", 60, &s);
	assert_int_equal(s.state, DF_STUDY_OPEN);
}

/* However many studies there are, a step walks over some of them. */
static void a_step_of_retention_is_short(void **state)
{
	struct world *w = *state;
	struct df_config cfg = {.n_peers = 0};
	struct df_purge p = {.cfg = &cfg, .judge = df_retention_judge};
	struct df_row_study s;
	int64_t cursor = 0, before = 0;
	char uid[65];

	for (int i = 0; i < 2000; i++) {
		df_str_fmt(uid, sizeof uid, "1.2.%d", i);
		df_journal_study_touch(w->j, uid, "", "CT", 1, &s);
	}
	while (df_journal_releasable_scan(w->j, &p, &cursor, 16)) {
		assert_true(cursor > before && cursor - before < 1000);
		before = cursor;
	}
	assert_true(before > 1000);
	assert_int_equal(cursor, 0);
}

static void bring(struct world *w, const char *peer, const char *hex,
		  uint64_t bytes, int64_t at)
{
	struct df_row_upload u = {.size = bytes, .offset = bytes,
				  .state = DF_UPLOAD_WHOLE};

	df_str_fmt(u.peer, sizeof u.peer, "%s", peer);
	df_str_fmt(u.hex, sizeof u.hex, "%s", hex);
	df_journal_upload_put(w->j, &u, at);
}

/* Who brought much first does not stand before who brought little later. */
static void peers_take_turns(void **state)
{
	static const char *const order[] = {"a1", "a2", "b1", "c1", "c2"};
	struct world *w = *state;
	struct df_row_upload us[4];
	struct df_row_share shares[4];
	const char *after = "";
	size_t seen = 0, n;

	bring(w, "c", "c2", 7, 9);
	bring(w, "c", "c1", 70, 8);
	bring(w, "a", "a1", 1, 1);
	bring(w, "a", "a2", 1, 2);
	bring(w, "b", "b1", 5, 3);
	while ((n = df_journal_uploads_whole(w->j, after, us, 4)) > 0) {
		for (size_t i = 0; i < n; i++)
			assert_string_equal(us[i].hex, order[seen++]);
		after = order[seen - 1][0] == 'a'   ? "a"
			: order[seen - 1][0] == 'b' ? "b"
						    : "c";
	}
	assert_int_equal(seen, 5);
	assert_int_equal(df_journal_uploads_urgent(w->j, us, 4), 0);
	assert_true(df_journal_upload(w->j, "c2", "c", us));
	us[0].priority = 1;
	df_journal_upload_put(w->j, us, 9);
	assert_int_equal(df_journal_uploads_urgent(w->j, us, 4), 1);
	assert_string_equal(us[0].hex, "c2");
	assert_true(df_journal_upload(w->j, "c1", "c", us));
	us[0].priority = 1;
	df_journal_upload_put(w->j, us, 8);
	assert_true(df_journal_upload(w->j, "a2", "a", us));
	us[0].priority = 1;
	df_journal_upload_put(w->j, us, 10);
	assert_int_equal(df_journal_uploads_urgent(w->j, us, 4), 2);
	assert_string_equal(us[0].hex, "c1");
	assert_string_equal(us[1].hex, "a2");
	assert_int_equal(df_journal_uploads_whole(w->j, "", us, 1), 1);
	assert_string_equal(us[0].hex, "a2"); /* urgent before older */
	assert_int_equal(df_journal_peer_shares(w->j, shares, 4), 3);
	assert_string_equal(shares[2].peer, "c");
	assert_int_equal(shares[2].bytes, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(notes_wait),
		T(every_statement_prepares),
		T(a_stream_is_a_chain),
		T(only_a_late_image_reopens),
		T(small_studies_pass_large_ones),
		T(a_backlog_goes_by_age),
		T(urgent_studies_go_first),
		T(an_older_file_is_taken_up),
		T(waiting_times_go_with_the_clock),
		T(uids_belong_to_who_came_first),
		T(peers_take_turns),
		T(a_step_of_retention_is_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
