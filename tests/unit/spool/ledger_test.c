/* ledger_test.c - what was settled outlives state.db, whatever is cut. */
#include "df/commitments.h"
#include "df/decision.h"
#include "df/linked.h"
#include "spool_fixture.h"

static int life; /* numbers the journals */

static void journal_new(struct world *w)
{
	char db[80];

	df_journal_close(w->j);
	df_str_fmt(db, sizeof db, "%s/state%d.db", w->dir, ++life);
	assert_int_equal(df_journal_open(&w->j, db, NULL), DF_OK);
}

static int setup_first(void **state)
{
	int rc = setup(state);

	life = 0;
	journal_new(*state);
	return rc;
}

static void commit(struct world *w)
{
	df_journal_firm(w->j);
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
}

/* --- a life, as the objects alone tell it ------------------------------------
 */

static struct df_row_instance instance(int k)
{
	struct df_row_instance r = {.size_bytes = 10,
				    .received_ms = 1000 + k,
				    .in_parcel = true,
				    .state = DF_INSTANCE_PACKED};

	df_str_fmt(r.sop_instance, 65, "1.2.3.%d", k);
	df_str_fmt(r.sop_class, 65, "1.2.840.1");
	df_str_fmt(r.series, 65, "1.2.9.1");
	memset(r.object.s, '0' + k, DF_ID_LEN);
	r.digest.b[0] = (uint8_t)k;
	return r;
}

#define HEX "00112233445566778899aabbccddeef"

/* order: row numbers differ from life to life */
static void adopted(struct world *w, int order)
{
	struct df_row_study s;
	struct df_row_parcel p = {.direction = DF_ENV_MADE,
				  .epoch = 7,
				  .sequence = 1,
				  .state = DF_PARCEL_READY};
	struct df_row_report r = {.direction = DF_ENV_MADE};

	for (int i = 0; i < order; i++)
		df_journal_study_touch(w->j, "1.2.8", "other", "CT", 1, &s);
	df_journal_study_touch(w->j, "1.2.9", "", "CT", 1000, &s);
	df_str_fmt(p.hex, sizeof p.hex, HEX "1");
	memset(p.object.s, 'p', DF_ID_LEN);
	p.study = s.n;
	p.n = df_journal_parcel_add(w->j, &p);
	for (int i = 0; i < 4; i++) {
		struct df_row_instance row = instance(order ? 3 - i : i);

		row.study = s.n;
		row.parcel = p.n;
		df_journal_object_add(w->j, &row.object, DF_ENV_RAW, 1, 2, 3);
		assert_true(df_journal_instance_add(w->j, &row) > 0);
	}
	df_str_fmt(r.hex, sizeof r.hex, HEX "2");
	memset(r.object.s, 'r', DF_ID_LEN);
	memset(r.peer, 'a', DF_HEX_LEN);
	df_journal_report_add(w->j, &r);
	df_journal_object_add(w->j, &r.object, DF_ENV_REPORT, 5, 6, 7);
}

static struct df_row_study the_study(struct world *w)
{
	struct df_row_study s;

	assert_true(df_journal_study_find(w->j, "1.2.9", "", &s));
	return s;
}

static struct df_row_instance the_instance(struct world *w, int k)
{
	struct df_row_instance want = instance(k), got;
	struct df_row_instance rows[8];
	size_t n = df_journal_instances(w->j, DF_OF_STUDY, the_study(w).n, rows,
					8);

	for (size_t i = 0; i < n; i++)
		if (strcmp(rows[i].sop_instance, want.sop_instance) == 0)
			return rows[i];
	memset(&got, 0, sizeof got);
	fail_msg("instance %d is not there", k);
	return got;
}

static const char manifest_text[] =
	"dcm-forward manifest 1\n"; /* that it is none must not stop a replay */

/* --- what then is settled
 * ------------------------------------------------------ */

static void deliver(struct world *w, enum df_delivery_kind kind, int64_t item,
		    const char *dest, enum df_delivery_event last)
{
	struct df_row_delivery d;

	df_journal_delivery_add(w->j, kind, item, the_study(w).n, dest, 9);
	assert_true(df_journal_delivery_find(w->j, kind, item, dest, &d));
	if (last != DF_DELIVERY_HOLD)
		assert_true(df_journal_delivery_move(
			w->j, d.n, DF_DELIVERY_START, 0, DF_OK, "", 0));
	assert_true(df_journal_delivery_move(w->j, d.n, last, 0, DF_E_REFUSED,
					     "said no", 0xA900));
}

static void ask_for_commitment(struct world *w)
{
	struct df_row_commitment c = {.side = DF_COMMITMENT_OF_US,
				      .uid = "1.2.77",
				      .who = "CT1",
				      .state = DF_COMMITMENT_OPEN,
				      .asked_ms = 10};
	struct df_references refs = {0};
	struct df_reference ref = {.sop_class = "1.2.840.1"};

	for (int k = 0; k < 3; k++) {
		df_str_fmt(ref.sop_instance, 65, "1.2.3.%d", k);
		assert_int_equal(df_references_add(&refs, &ref, NULL), DF_OK);
	}
	assert_true(df_commitment_add(w->j, &c, &refs, NULL) > 0);
	df_references_release(&refs);
}

static void settle(struct world *w)
{
	struct df_row_study s = the_study(w);
	struct df_row_manifest m = {
		.study = s.n, .version = 3, .dest = "县医院", .digest = {{9}}};
	struct df_row_parcel p;
	struct df_row_upload u = {.size = 100,
				  .offset = 50,
				  .err = DF_E_CONFLICT,
				  .why = "twice",
				  .state = DF_UPLOAD_REFUSED};
	struct df_row_pull pull = {.dest = "县医院", .cursor = 77};
	struct df_row_report r;
	struct df_row_instance row;
	static const char bytes[] = {'s', 0, (char)0xff};
	struct df_text signature = {bytes, sizeof bytes};

	df_journal_study_close(w->j, s.n, "quiet", 5000);
	df_journal_study_priority(w->j, s.n, 1);
	row = the_instance(w, 0);
	df_journal_instance_settle(w->j, row.n, DF_INSTANCE_QUARANTINED, s.n,
				   "1.2.9.1", 0, "two \"patients\"");
	row = the_instance(w, 1);
	df_journal_instance_reporting(w->j, row.n, DF_REPORTING_DONE, "");
	deliver(w, DF_DELIVER_INSTANCE, row.n, "pacs", DF_DELIVERY_WORD);
	deliver(w, DF_DELIVER_INSTANCE, row.n, "old", DF_DELIVERY_DENIED);
	row = the_instance(w, 2);
	deliver(w, DF_DELIVER_INSTANCE, row.n, "pacs", DF_DELIVERY_HOLD);
	assert_true(df_journal_parcel_find(w->j, HEX "1", &p));
	deliver(w, DF_DELIVER_PARCEL, p.n, "县医院", DF_DELIVERY_TAKEN);
	df_journal_manifest_add(w->j, &m, df_text_of(manifest_text), signature);
	assert_int_equal(df_journal_manifests_of(w->j, s.n, &m, 1), 1);
	df_journal_manifest_receipt(w->j, &m, df_text_of("receipt"), signature);
	df_journal_held_add(w->j, s.n, 2, &m.digest, df_text_of("text"),
			    df_text_of("receipt"), signature);
	df_str_fmt(u.hex, sizeof u.hex, HEX "3");
	memset(u.peer, 'b', DF_HEX_LEN);
	df_journal_upload_put(w->j, &u, 4);
	df_str_fmt(u.hex, sizeof u.hex, HEX "4");
	df_journal_upload_put(w->j, &u, 4);
	commit(w);
	assert_int_equal(df_ledger_flush(&w->sp, w->j, NULL), DF_OK);
	df_journal_upload_drop(w->j, u.hex,
			       u.peer); /* said before: taken back */
	df_journal_pull_put(w->j, &pull);
	assert_true(df_journal_report_find(w->j, HEX "2", &r));
	df_journal_report_stored(w->j, r.n, 1);
	ask_for_commitment(w);
	df_journal_linked_put(w->j, &(struct df_row_linked){s.n, DF_LINKED_SENT,
							    "1.2.7", ""});
	(void)df_journal_mail_add(w->j, r.peer, r.hex, &r.object, 5);
}

static void flush(struct world *w)
{
	commit(w);
	assert_int_equal(df_ledger_flush(&w->sp, w->j, NULL), DF_OK);
	commit(w);
}

/* All that the ledger would say, in order, without its name and sums. */
static char *said(struct world *w)
{
	char cmd[200];
	char *all = df_xcalloc(1, 1 << 20);
	FILE *f;
	size_t n;

	df_str_fmt(cmd, sizeof cmd,
		   "tail -n +2 %s/spool/ledger | cut -c 34- | sort", w->dir);
	f = popen(cmd, "r");
	assert_non_null(f);
	n = fread(all, 1, (1 << 20) - 1, f);
	all[n] = '\0';
	assert_int_equal(pclose(f), 0);
	return all;
}

static struct df_ledger_account reborn(struct world *w, int order)
{
	struct df_ledger_account a;

	journal_new(w);
	adopted(w, order);
	assert_int_equal(df_ledger_replay(&w->sp, w->j, &a, NULL), DF_OK);
	flush(w); /* a new journal writes it anew, from its rows */
	return a;
}

/* What is said of a life and of the next one, made from it, is the same. */
static void nothing_settled_is_forgotten(void **state)
{
	struct world *w = *state;
	struct df_ledger_account a;
	char *first, *second, *third;

	adopted(w, 0);
	settle(w);
	flush(w);
	a = reborn(w, 1);
	assert_int_equal(a.damaged, 0);
	assert_true(a.facts > 12);
	first = said(w);
	assert_non_null(strstr(first, "县医院"));
	assert_non_null(strstr(first, "two \\\"patients\\\""));
	assert_null(strstr(first, HEX "4"));
	(void)reborn(w, 0);
	second = said(w);
	/* the life before had rows of an "other", this one has its line */
	assert_string_equal(first, second);
	(void)reborn(w, 1);
	third = said(w);
	assert_string_equal(first, third);
	free(first);
	free(second);
	free(third);
}

static void rows_are_as_they_were(void **state)
{
	struct world *w = *state;
	struct df_row_delivery d;
	struct df_row_instance row;
	struct df_row_manifest m;
	struct df_row_upload u;
	struct df_row_pull pull;
	struct df_row_parcel p;
	struct df_row_mail mail[2], was[2];
	struct df_row_study s;
	struct df_row_report r;
	struct df_row_commitment asked;
	struct df_row_linked linked;
	struct df_buf receipt, signature;
	char peer[65] = "";

	memset(peer, 'a', DF_HEX_LEN);
	df_buf_init(&receipt, 100);
	df_buf_init(&signature, 100);
	adopted(w, 0);
	settle(w);
	flush(w);
	assert_int_equal(df_journal_mail(w->j, peer, 0, was, 2), 1);
	(void)reborn(w, 1);
	s = the_study(w);
	assert_int_equal(s.state, DF_STUDY_CLOSED);
	assert_int_equal(s.version, 3);
	assert_int_equal(s.priority, 1);
	assert_int_equal(s.closed_ms, 5000);
	assert_string_equal(s.close_reason, "receipted"); /* held_add said it */
	assert_int_equal(df_journal_linked(w->j, s.n, &linked), DF_LINKED_SENT);
	row = the_instance(w, 0);
	assert_int_equal(row.state, DF_INSTANCE_QUARANTINED);
	assert_string_equal(row.reason, "two \"patients\"");
	row = the_instance(w, 1);
	assert_int_equal(row.report, DF_REPORTING_DONE);
	assert_true(df_journal_delivery_find(w->j, DF_DELIVER_INSTANCE, row.n,
					     "pacs", &d));
	assert_int_equal(d.state, DF_DELIVERY_CONFIRMED);
	assert_int_equal(d.study, s.n);
	assert_true(df_journal_delivery_find(w->j, DF_DELIVER_INSTANCE, row.n,
					     "old", &d));
	assert_int_equal(d.state, DF_DELIVERY_REFUSED);
	assert_int_equal(d.status, 0xA900);
	assert_string_equal(d.why, "said no");
	row = the_instance(w, 2);
	assert_true(df_journal_delivery_find(w->j, DF_DELIVER_INSTANCE, row.n,
					     "pacs", &d));
	assert_int_equal(d.state, DF_DELIVERY_HELD);
	assert_true(df_journal_parcel_find(w->j, HEX "1", &p));
	assert_true(df_journal_delivery_find(w->j, DF_DELIVER_PARCEL, p.n,
					     "县医院", &d));
	assert_int_equal(df_journal_manifests_of(w->j, s.n, &m, 1), 1);
	assert_int_equal(m.version, 3);
	assert_int_equal(m.state, DF_MANIFEST_RECEIPTED);
	assert_int_equal(m.digest.b[0], 9);
	assert_true(
		df_journal_held(w->j, s.n, 2, &m.digest, &receipt, &signature));
	assert_int_equal(receipt.len, 7);
	assert_int_equal(signature.len, 3);
	assert_int_equal(signature.ptr[2], 0xff);
	memset(peer, 'b', DF_HEX_LEN);
	assert_true(df_journal_upload(w->j, HEX "3", peer, &u));
	assert_int_equal(u.state, DF_UPLOAD_REFUSED);
	assert_string_equal(u.why, "twice");
	assert_false(df_journal_upload(w->j, HEX "4", peer, &u));
	df_journal_pull(w->j, "县医院", &pull);
	assert_int_equal(pull.cursor, 77);
	assert_true(df_commitment_find(w->j, DF_COMMITMENT_OF_US, "1.2.77",
				       &asked));
	assert_int_equal(asked.state, DF_COMMITMENT_OPEN);
	assert_int_equal(asked.items, 3);
	assert_int_equal(asked.open, 3);
	memset(peer, 'a', DF_HEX_LEN);
	assert_int_equal(df_journal_mail(w->j, peer, 0, mail, 2), 1);
	assert_true(mail[0].seq == was[0].seq);
	assert_true(df_journal_report_find(w->j, HEX "2", &r));
	assert_true(r.stored);
	df_buf_release(&receipt);
	df_buf_release(&signature);
}

/* --- cuts
 * ------------------------------------------------------------------------ */

static uint64_t size_of(struct world *w)
{
	struct stat st;

	assert_int_equal(fstatat(w->sp.root, "ledger", &st, 0), 0);
	return (uint64_t)st.st_size;
}

static int fail_sync(int fd)
{
	(void)fd;
	errno = EIO;
	return -1;
}

static void a_failed_append_is_said_again(void **state)
{
	struct world *w = *state;
	struct df_row_study s;
	struct df_ledger_account a;

	adopted(w, 0);
	flush(w);
	df_journal_study_close(w->j, the_study(w).n, "quiet", 5000);
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
	df_sys.fdatasync = fail_sync;
	assert_int_equal(df_ledger_flush(&w->sp, w->j, NULL), DF_E_IO);
	commit(w);
	assert_int_equal(df_ledger_flush(&w->sp, w->j, NULL), DF_E_IO);
	commit(w);
	df_sys_reset();
	flush(w);
	a = reborn(w, 1);
	assert_int_equal(a.damaged, 0);
	s = the_study(w);
	assert_int_equal(s.state, DF_STUDY_CLOSED);
}

/* Cut at every byte of the last append: what is whole counts. */
static void a_torn_tail_costs_only_itself(void **state)
{
	struct world *w = *state;
	struct df_ledger_account a;
	uint64_t before, after;

	adopted(w, 0);
	flush(w);
	before = size_of(w);
	df_journal_study_close(w->j, the_study(w).n, "quiet", 5000);
	flush(w);
	after = size_of(w);
	assert_true(after > before);
	for (uint64_t cut = after; cut-- > before;) {
		int fd = openat(w->sp.root, "ledger", O_RDWR);

		assert_int_equal(ftruncate(fd, (off_t)cut), 0);
		close(fd);
		assert_int_equal(df_ledger_check(&w->sp, &a, NULL), DF_OK);
		assert_int_equal(a.damaged, 0);
		if (cut % 16 != 0)
			continue;
		/* the journal is the truth: what is missing is said again */
		df_journal_study_priority(w->j, the_study(w).n,
					  (uint32_t)(cut / 16 % 2));
		commit(w);
		assert_int_not_equal(df_ledger_flush(&w->sp, w->j, NULL),
				     DF_OK);
		flush(w);
		(void)reborn(w, 1);
		assert_int_equal(the_study(w).state, DF_STUDY_CLOSED);
		after = size_of(w);
		break;
	}
}

static void a_flipped_bit_costs_one_line(void **state)
{
	struct world *w = *state;
	struct df_ledger_account a, b;
	uint64_t size;

	adopted(w, 0);
	settle(w);
	flush(w);
	assert_int_equal(df_ledger_check(&w->sp, &b, NULL), DF_OK);
	size = size_of(w) - 1; /* without the last LF it was never said */
	for (uint64_t at = 0; at < size; at += 7) {
		int fd = openat(w->sp.root, "ledger", O_RDWR);
		char c, flipped;

		assert_int_equal(pread(fd, &c, 1, (off_t)at), 1);
		flipped = (char)(c ^ (1 << at % 8));
		assert_int_equal(pwrite(fd, &flipped, 1, (off_t)at), 1);
		assert_int_equal(df_ledger_check(&w->sp, &a, NULL), DF_OK);
		assert_true(a.damaged >= 1 && a.damaged <= 2);
		assert_true(a.facts >= b.facts - 2);
		assert_int_equal(pwrite(fd, &c, 1, (off_t)at), 1);
		close(fd);
	}
}

/* The journal of yesterday: its ledger knows what came since. */
static void an_older_journal_catches_up(void **state)
{
	struct world *w = *state;
	struct df_ledger_account a;
	char cmd[200];

	adopted(w, 0);
	flush(w);
	journal_new(w); /* closes it, so that the copy is whole */
	df_str_fmt(cmd, sizeof cmd, "cp %s/state1.db %s/state3.db", w->dir,
		   w->dir);
	assert_int_equal(system(cmd), 0);
	df_journal_close(w->j);
	df_str_fmt(cmd, sizeof cmd, "%s/state1.db", w->dir);
	assert_int_equal(df_journal_open(&w->j, cmd, NULL), DF_OK);
	df_journal_study_close(w->j, the_study(w).n, "quiet", 5000);
	flush(w);
	life = 2;
	journal_new(w);
	assert_int_equal(the_study(w).state, DF_STUDY_OPEN);
	assert_int_equal(df_ledger_replay(&w->sp, w->j, &a, NULL), DF_OK);
	assert_int_equal(a.facts, 1);
	assert_int_equal(the_study(w).state, DF_STUDY_CLOSED);
}

static void ledger_copy(struct world *w, const char *from, const char *to)
{
	char cmd[200];

	df_str_fmt(cmd, sizeof cmd, "cp %s/%s %s/%s", w->dir, from, w->dir, to);
	assert_int_equal(system(cmd), 0);
}

/* A ledger of yesterday beside a journal of today: the journal is right. */
static void a_stale_ledger_changes_nothing(void **state)
{
	const struct df_row_decision d = {
		.at_ms = 1, .who = "Li", .reason = "the right one"};
	struct world *w = *state;
	struct df_row_instance row;
	struct df_recovery rec;
	struct df_stage s, *batch[1] = {&s};
	enum df_release how;

	stage_raw(w, &s, 1);
	df_stage_publish(&w->sp, batch, 1);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_true(df_journal_instance_find(w->j, "", "1.2.3.1", NULL, &row));
	df_journal_instance_settle(w->j, row.n, DF_INSTANCE_QUARANTINED, 0, "",
				   0, "judged");
	flush(w);
	ledger_copy(w, "spool/ledger", "old");
	assert_true(df_journal_instance(w->j, row.n, &row));
	assert_int_equal(df_journal_release(w->j, &w->sp, &row, &d, &how, NULL),
			 DF_OK);
	flush(w);
	for (int distrusted = 0; distrusted < 2; distrusted++) {
		if (distrusted) {
			df_ledger_distrust(w->j);
			commit(w);
		}
		ledger_copy(w, "old", "spool/ledger");
		assert_int_equal(start_again(w, &rec), DF_OK);
		assert_int_equal(rec.facts, 0);
		assert_true(df_journal_instance(w->j, row.n, &row));
		assert_int_equal(row.state, DF_INSTANCE_RECEIVED);
		flush(w); /* it is written anew */
		assert_true(df_ledger_is_whole(&w->sp, w->j));
	}
}

static ssize_t fail_pread(int fd, void *to, size_t len, off_t at)
{
	(void)fd, (void)to, (void)len, (void)at;
	errno = EIO;
	return -1;
}

/* It only follows: a journal that is sound starts without it. */
static void an_unreadable_ledger_stops_no_node(void **state)
{
	struct world *w = *state;
	struct df_ledger_account a;
	struct df_recovery rec;

	assert_int_equal(start_again(w, &rec), DF_OK);
	flush(w);
	df_sys.pread = fail_pread;
	assert_int_equal(start_again(w, &rec), DF_OK);
	df_sys_reset();
	flush(w);
	assert_true(df_ledger_is_whole(&w->sp, w->j));
	journal_new(w); /* it has nothing but the ledger */
	df_sys.pread = fail_pread;
	assert_int_equal(df_ledger_replay(&w->sp, w->j, &a, NULL), DF_E_IO);
	df_sys_reset();
}

/* More than a line can be, without an end: the lines behind it count. */
static void a_line_without_end_is_passed_over(void **state)
{
	struct world *w = *state;
	struct df_ledger_account a;
	char cmd[300];

	adopted(w, 0);
	df_journal_study_close(w->j, the_study(w).n, "quiet", 5000);
	flush(w);
	df_str_fmt(cmd, sizeof cmd,
		   "cd %s/spool; (head -n 1 ledger; head -c 70000000 /dev/zero;"
		   " echo; tail -n +2 ledger) >l; mv l ledger", w->dir);
	assert_int_equal(system(cmd), 0);
	a = reborn(w, 1);
	assert_int_equal(a.damaged, 1);
	assert_int_equal(the_study(w).state, DF_STUDY_CLOSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_settled_is_forgotten,
						setup_first, teardown),
		cmocka_unit_test_setup_teardown(rows_are_as_they_were,
						setup_first, teardown),
		cmocka_unit_test_setup_teardown(a_failed_append_is_said_again,
						setup_first, teardown),
		cmocka_unit_test_setup_teardown(a_torn_tail_costs_only_itself,
						setup_first, teardown),
		cmocka_unit_test_setup_teardown(a_flipped_bit_costs_one_line,
						setup_first, teardown),
		cmocka_unit_test_setup_teardown(an_older_journal_catches_up,
						setup_first, teardown),
		cmocka_unit_test_setup_teardown(a_stale_ledger_changes_nothing,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_unreadable_ledger_stops_no_node, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_line_without_end_is_passed_over, setup_first,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
