/* adopt_test.c - what a start makes of files that belong together. */
#include "spool_fixture.h"

#include "df/fetches.h"
#include "df/purge.h"

/* The queue was killed before the rows of both were committed. */
static void a_parcel_beside_its_images_is_compared(void **state)
{
	struct world *w = *state;
	struct df_stage s, *batch[1] = {&s};
	struct df_row_instance row, rows[4];
	struct df_recovery rec;
	struct df_row_parcel p;
	struct df_id parcel;

	stage_raw(w, &s, 5);
	df_stage_publish(&w->sp, batch, 1);
	parcel_file(w, &parcel, "", 1, 5, 5);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_true(df_journal_instance_find(w->j, "", "1.2.3.5", NULL, &row));
	/* until it is compared, the image is at home in its own object */
	assert_false(row.in_parcel);
	assert_string_equal(row.object.s, s.id.s);
	/* and it goes into no other parcel */
	assert_true(df_journal_parcel(w->j, row.parcel, &p));
	assert_string_equal(p.object.s, parcel.s);
	assert_int_equal(p.state, DF_PARCEL_UNVERIFIED);
	assert_int_equal(
		df_journal_instances(w->j, DF_OF_TO_PACK, row.study, rows, 4),
		0);
	/* when it does not compare, it may be packed again */
	df_journal_parcel_state(w->j, p.n, DF_PARCEL_BAD);
	df_journal_parcel_undo(w->j, p.n);
	assert_int_equal(
		df_journal_instances(w->j, DF_OF_TO_PACK, row.study, rows, 4),
		1);
}

static enum df_keep any(const struct df_retention_facts *f,
			const struct df_retention *p)
{
	(void)f, (void)p;
	return DF_KEEP_NOT;
}

static void remove_file(void *ctx, const struct df_id *object)
{
	struct world *w = ctx;

	df_spool_remove(&w->sp, object);
}

static void let_go(struct world *w, const struct df_row_parcel *p)
{
	struct df_config cfg = {0};
	struct df_purge purge = {&cfg, {1, true, 0}, 9000, any};
	struct df_row_delivery d;
	struct df_purged out;
	int64_t cursor = 0;

	df_journal_study_close(w->j, p->study, "quiet", 5000);
	df_journal_delivery_add(w->j, DF_DELIVER_PARCEL, p->n, p->study, "peer",
				5);
	assert_true(df_journal_delivery_find(w->j, DF_DELIVER_PARCEL, p->n,
					     "peer", &d));
	assert_true(df_journal_delivery_move(w->j, d.n, DF_DELIVERY_START, 0,
					     DF_OK, NULL, 0));
	assert_true(df_journal_delivery_move(w->j, d.n, DF_DELIVERY_WORD, 0,
					     DF_OK, NULL, 0));
	(void)df_journal_releasable_scan(w->j, &purge, &cursor, 64);
	assert_true(df_journal_purge(w->j, &purge, remove_file, w, &out));
	assert_int_equal(out.objects, 1);
}

static void settled(struct world *w)
{
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
	assert_int_equal(df_ledger_flush(&w->sp, w->j, NULL), DF_OK);
	df_journal_firm(w->j);
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
}

/* The ledger says that it went, and then that it is here; the file too. */
static void what_came_back_is_not_gone(void **state)
{
	struct world *w = *state;
	struct df_row_instance row;
	struct df_recovery rec;
	struct df_row_parcel p;
	struct df_id object;
	char cmd[100];

	parcel_file(w, &object, "", 1, 5, 5);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_true(df_journal_instance_find(w->j, "", "1.2.3.5", NULL, &row));
	assert_true(df_journal_parcel(w->j, row.parcel, &p));
	settled(w);
	let_go(w, &p);
	settled(w);
	parcel_file(w, &object, "", 1, 5, 5);
	df_journal_object_add(w->j, &object, DF_ENV_PARCEL, 10, 20, 9001);
	df_journal_parcel_revive(w->j, p.n, &object);
	settled(w);
	df_str_fmt(cmd, sizeof cmd, "rm %s/state.db*", w->dir);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_true(df_journal_instance_find(w->j, "", "1.2.3.5", NULL, &row));
	assert_int_equal(row.state, DF_INSTANCE_PACKED);
	assert_true(df_journal_parcel(w->j, row.parcel, &p));
	assert_int_equal(p.state, DF_PARCEL_READY);
	assert_string_equal(p.object.s, object.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_parcel_beside_its_images_is_compared, setup,
			teardown),
		cmocka_unit_test_setup_teardown(what_came_back_is_not_gone,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
