/* adopt_test.c - what a start makes of files that belong together. */
#include "spool_fixture.h"

/* The file of a parcel that was made here and holds what raw_env(k) says. */
static void make_parcel(struct world *w, struct df_id *id, int k)
{
	struct df_env_instance in = {.size_bytes = 10};
	struct df_envelope e = {.kind = DF_ENV_PARCEL,
				.direction = DF_ENV_MADE,
				.received_ms = 2000,
				.epoch = 1,
				.sequence = 1,
				.n_instances = 1,
				.instances = &in};
	uint64_t bytes;
	int fd;

	assert_int_equal(df_incoming_new(&w->sp, id, &fd, NULL), DF_OK);
	assert_int_equal(df_write_all(fd, "0123456789", 10, NULL), DF_OK);
	e.id = *id;
	e.parcel_id[0] = 1;
	sum_up(&e.checksum, "0123456789");
	e.h0.b[0] = 1;
	df_str_fmt(e.study_uid, 65, "1.2.9");
	df_str_fmt(in.sop_instance, 65, "1.2.3.%d", k);
	df_str_fmt(in.sop_class, 65, "1.2.840.1");
	df_str_fmt(in.transfer_syntax, 65, "1.2.840.2");
	df_str_fmt(in.series_uid, 65, "1.2.9.1");
	df_str_fmt(in.coding, 16, "zstd");
	in.digest.b[0] = (uint8_t)k;
	assert_int_equal(df_incoming_publish(&w->sp, fd, &e, 10, &bytes, NULL),
			 DF_OK);
	df_fd_close(&fd);
}

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
	make_parcel(w, &parcel, 5);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_true(df_journal_instance_find(w->j, "", "1.2.3.5", NULL, &row));
	/* until it is compared, the image is at home in its own object */
	assert_false(row.in_parcel);
	assert_string_equal(row.object.s, s.id.s);
	/* and it goes into no other parcel */
	assert_true(df_journal_parcel(w->j, row.parcel, &p));
	assert_string_equal(p.object.s, parcel.s);
	assert_int_equal(p.state, DF_PARCEL_UNVERIFIED);
	assert_int_equal(df_journal_instances(w->j, DF_OF_TO_PACK, row.study,
					      rows, 4),
			 0);
	/* when it does not compare, it may be packed again */
	df_journal_parcel_state(w->j, p.n, DF_PARCEL_BAD);
	df_journal_parcel_undo(w->j, p.n);
	assert_int_equal(df_journal_instances(w->j, DF_OF_TO_PACK, row.study,
					      rows, 4),
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
