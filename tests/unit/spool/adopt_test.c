/* adopt_test.c - what a start makes of files that belong together. */
#include "spool_fixture.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_parcel_beside_its_images_is_compared, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
