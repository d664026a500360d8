/*
 * commitments_test.c - rows of storage commitment: what is kept of those that
 * are over, and for how long.
 */
#include "df/commitments.h"
#include "spool_fixture.h"

#define ITEMS 25

static void name(struct df_references *refs)
{
	struct df_reference r = {.sop_class = "1.2.840.1"};

	*refs = (struct df_references){0};
	for (int k = 0; k < ITEMS; k++) {
		df_str_fmt(r.sop_instance, 65, "1.2.3.%d", k);
		assert_int_equal(df_references_add(refs, &r, NULL), DF_OK);
	}
}

static int64_t over(struct world *w, enum df_commitment_side side,
		    const char *uid)
{
	struct df_row_commitment c = {.side = side,
				      .state = DF_COMMITMENT_DONE,
				      .asked_ms = 10};
	struct df_references refs;
	int64_t n;

	df_str_fmt(c.uid, sizeof c.uid, "%s", uid);
	df_str_fmt(c.who, sizeof c.who, "CT1");
	name(&refs);
	n = df_commitment_add(w->j, &c, &refs, NULL);
	df_references_release(&refs);
	return n;
}

static void what_is_over_is_dropped(void **state)
{
	struct world *w = *state;
	int64_t n = over(w, DF_COMMITMENT_OF_US, "1.2.77");
	int64_t ours = over(w, DF_COMMITMENT_BY_US, "1.2.78");
	struct df_row_commitment c;
	struct df_references refs;

	assert_int_equal(df_commitments_items(w->j), ITEMS);
	assert_false(df_commitments_sweep(w->j, 0, 10, 10, 10)); /* not yet */
	assert_true(df_commitments_sweep(w->j, 0, 11, 10, 10));
	assert_int_equal(df_commitments_items(w->j), ITEMS - 10);
	assert_true(df_commitments_sweep(w->j, 0, 11, 10, 10));
	assert_false(df_commitments_sweep(w->j, 0, 11, 10, 10));
	assert_true(df_commitment(w->j, n, &c));
	assert_int_equal(c.items, 0);
	assert_true(df_commitment(w->j, ours, &c));
	assert_int_equal(c.items, ITEMS); /* denials are counted in it */

	name(&refs);
	df_commitment_name(w->j, n, &refs, NULL); /* it asks again */
	df_references_release(&refs);
	df_commitment_reopen(w->j, n, 20);
	assert_true(df_commitment(w->j, n, &c));
	assert_int_equal(c.state, DF_COMMITMENT_OPEN);
	assert_int_equal(c.open, ITEMS);

	assert_false(df_commitments_sweep(w->j, 0, 11, 11, 100));
	assert_false(df_commitment(w->j, ours, &c));
	assert_true(df_commitment(w->j, n, &c));
}

static void what_was_never_sent_is_no_silence(void **state)
{
	struct world *w = *state;
	int64_t n = over(w, DF_COMMITMENT_BY_US, "1.2.78");
	struct df_row_commitment c;

	df_commitment_move(w->j, n, DF_COMMITMENT_ENDED, 10, true, NULL);
	assert_int_equal(df_commitment_silences(w->j, "CT1"), 1);
	df_commitment_drop(w->j, n);
	assert_int_equal(df_commitment_silences(w->j, "CT1"), 0);
	assert_false(df_commitment(w->j, n, &c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_over_is_dropped, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			what_was_never_sent_is_no_silence, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
