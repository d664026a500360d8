/* custody_test.c - what is durable when, and what a start makes of it. */
#include "df/damage.h"
#include "df/decision.h"
#include "spool_fixture.h"

static void published_objects_are_adopted(void **state)
{
	struct world *w = *state;
	struct df_stage s[5], *batch[5];
	struct df_recovery rec;
	struct df_row_instance rows[8];

	for (int k = 0; k < 5; k++) {
		stage_raw(w, &s[k], k < 4 ? k : 3); /* the last is a double */
		batch[k] = &s[k];
	}
	df_stage_publish(&w->sp, batch, 5);
	for (int k = 0; k < 5; k++) {
		assert_int_equal(s[k].result, DF_OK);
		assert_int_equal(s[k].fd, -1);
	}
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.adopted, 4);
	assert_int_equal(rec.dropped, 1);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.adopted + rec.dropped + rec.lost, 0);
	assert_int_equal(
		df_journal_instances(w->j, DF_OF_UNINSPECTED, 0, rows, 8), 4);
	df_spool_remove(&w->sp, &rows[0].object);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.lost, 1);
	assert_int_equal(
		df_journal_instances(w->j, DF_OF_UNINSPECTED, 0, rows, 8), 3);
}

static int fail_sync(int fd)
{
	(void)fd;
	errno = EIO;
	return -1;
}

static void a_failed_sync_is_no_custody(void **state)
{
	struct world *w = *state;
	struct df_stage s, *batch[1] = {&s};
	struct df_recovery rec;

	stage_raw(w, &s, 1);
	df_sys.fdatasync = fail_sync;
	df_stage_publish(&w->sp, batch, 1);
	df_sys_reset();
	assert_int_equal(s.result, DF_E_IO);
	df_stage_unstock(&w->sp);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.objects, 0);
	assert_int_equal(rec.swept, 0); /* it is gone */
}

/* No file is lent out under a name that a power cut could take back. */
static void a_name_that_is_not_durable_is_not_lent(void **state)
{
	struct world *w = *state;
	struct df_recovery rec;
	struct df_stage s;

	df_sys.fsync = fail_sync;
	assert_int_equal(df_stage_new(&w->sp, &s, NULL), DF_E_IO);
	df_sys_reset();
	assert_int_equal(s.fd, -1);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.swept, 0); /* none was left */
	for (unsigned i = 0; i < 3 * DF_SPOOL_STOCK; i++) {
		assert_int_equal(df_stage_new(&w->sp, &s, NULL), DF_OK);
		df_fd_close(&s.fd);
	}
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.swept, 3 * DF_SPOOL_STOCK);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.swept, 0);
}

/* The file as the disk may have it after a cut: `len` bytes, one of them bad. */
static void cut_at(struct world *w, size_t len, size_t bad)
{
	struct df_stage s;
	struct df_buf b;

	assert_int_equal(df_stage_new(&w->sp, &s, NULL), DF_OK);
	raw_file(&b, &s.id, 1);
	if (bad < b.len)
		b.ptr[bad] ^= 1;
	assert_int_equal(df_write_all(s.fd, b.ptr, len < b.len ? len : b.len,
				      NULL), DF_OK);
	df_buf_release(&b);
	df_fd_close(&s.fd);
	df_stage_unstock(&w->sp);
}

/* Wherever the power goes, what was not acknowledged leaves nothing behind. */
static void a_cut_leaves_all_or_nothing(void **state)
{
	struct world *w = *state;
	struct df_recovery rec;
	struct df_buf b;
	struct df_id id;
	size_t whole;

	df_id_new(&id);
	raw_file(&b, &id, 1);
	whole = b.len;
	df_buf_release(&b);
	assert_int_equal(start_again(w, &rec), DF_OK); /* the journal is old */
	for (size_t len = 0; len < whole; len += len < 16 ? 1 : 7) {
		cut_at(w, len, SIZE_MAX);
		assert_int_equal(start_again(w, &rec), DF_OK);
		assert_int_equal(rec.swept, 1);
		assert_int_equal(rec.adopted + rec.bad + rec.objects, 0);
	}
	for (size_t bad = 0; bad < whole; bad += bad < 16 ? 1 : 7) {
		cut_at(w, whole, bad);
		assert_int_equal(start_again(w, &rec), DF_OK);
		assert_int_equal(rec.swept, 1);
		assert_int_equal(rec.adopted + rec.bad + rec.objects, 0);
	}
	cut_at(w, whole, SIZE_MAX);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.swept + rec.bad, 0);
	assert_int_equal(rec.adopted, 1);
}

/* A new journal knows nothing: what does not match may have been somebody's
 * only copy, and is kept for a person. */
static void a_rebuild_deletes_no_damaged_object(void **state)
{
	struct world *w = *state;
	struct df_recovery rec;

	cut_at(w, 4096, 3);
	cut_at(w, 0, SIZE_MAX);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.bad, 1);
	assert_int_equal(rec.swept, 1); /* an empty one was never anything */
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.bad + rec.swept + rec.adopted, 0);
	cut_at(w, 4096, 3); /* now it knows */
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.bad, 0);
	assert_int_equal(rec.swept, 1);
}

/* The row was said to queue, not to the disk: the object says it again. */
static void a_lost_note_comes_back(void **state)
{
	struct world *w = *state;
	struct df_row_instance row = {.size_bytes = 10}, got;
	struct df_stage s, *batch[1] = {&s};
	struct df_envelope e;
	struct df_recovery rec;

	stage_raw(w, &s, 7);
	e = raw_env(&s.id, 7);
	row.object = s.id;
	row.digest = e.digest;
	row.received_ms = e.received_ms;
	memcpy(row.sop_instance, e.sop_instance, sizeof row.sop_instance);
	df_stage_publish(&w->sp, batch, 1);
	df_journal_arrival_note(w->j, &row, 10, 500);
	assert_false(df_journal_dirty(w->j));
	assert_true(df_journal_object_has(w->j, &row.object));
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.adopted, 1);
	assert_true(df_journal_instance_find(w->j, "", row.sop_instance,
					     &row.digest, &got));
	assert_string_equal(got.object.s, row.object.s);
	assert_string_equal(got.calling, "CT1");
	assert_int_equal(got.received_ms, 1007);
}

static char steps[64];

static int note_fsync(int fd)
{
	strncat(steps, "d", sizeof steps - strlen(steps) - 1);
	return fsync(fd);
}

static int note_fdatasync(int fd)
{
	strncat(steps, "c", sizeof steps - strlen(steps) - 1);
	return fdatasync(fd);
}

/* Who wrote it may have been killed before it synced: the row waits. */
static void what_is_adopted_is_synced_first(void **state)
{
	struct world *w = *state;
	struct df_recovery rec;
	struct df_row_instance row;

	cut_at(w, 4096, SIZE_MAX);
	df_sys.fdatasync = fail_sync;
	assert_int_equal(start_again(w, &rec), DF_E_IO);
	df_sys_reset();
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.adopted, 1);
	cut_at(w, 4096, SIZE_MAX); /* its twin: nobody needs it */
	steps[0] = '\0';
	df_sys.fsync = note_fsync;
	df_sys.fdatasync = note_fdatasync;
	assert_int_equal(start_again(w, &rec), DF_OK);
	df_sys_reset();
	assert_non_null(strstr(steps, "cd")); /* content, then its directory */
	assert_int_equal(rec.dropped, 1);
	assert_true(df_journal_instance_find(w->j, "", "1.2.3.1", NULL, &row));
}

static ssize_t fail_pread(int fd, void *to, size_t len, off_t at)
{
	(void)fd, (void)to, (void)len, (void)at;
	errno = EIO;
	return -1;
}

/* Not being able to read is no proof that there is nothing. */
static void an_unreadable_disk_stops_the_start(void **state)
{
	struct world *w = *state;
	struct df_recovery rec;

	assert_int_equal(start_again(w, &rec), DF_OK);
	cut_at(w, 4096, SIZE_MAX);
	df_sys.pread = fail_pread;
	assert_int_equal(start_again(w, &rec), DF_E_IO);
	df_sys_reset();
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.adopted, 1);
}

/* A row stands and its file is not what it was: never silently. */
static void a_torn_object_is_an_alarm(void **state)
{
	struct world *w = *state;
	struct df_row_instance row;
	struct df_recovery rec;
	char path[200];
	int fd;

	cut_at(w, 4096, SIZE_MAX);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_true(df_journal_instance_find(w->j, "", "1.2.3.1", NULL, &row));
	df_str_fmt(path, sizeof path, "%s/spool/objects/%.2s/%s", w->dir,
		   row.object.s, row.object.s);
	assert_int_equal(truncate(path, 9), 0);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.bad, 1);
	assert_int_equal(rec.swept, 0);
	assert_true(df_journal_instance(w->j, row.n, &row));
	assert_int_equal(row.state, DF_INSTANCE_QUARANTINED);
	/* what is left of it is kept, under a name that nobody reads */
	assert_int_equal(df_spool_object(&w->sp, &row.object, &fd, NULL),
			 DF_E_NOTFOUND);
	df_str_fmt(path, sizeof path, "%s/spool/quarantine/%s.damaged", w->dir,
		   row.object.s);
	assert_int_equal(access(path, F_OK), 0);
}

/* Two peers may choose the same name: the node must start all the same. */
static void a_second_parcel_of_a_name_stops_nobody(void **state)
{
	struct world *w = *state;
	struct df_recovery rec;
	struct df_id one, two;

	parcel_file(w, &one, "a", 7, 9, 1);
	parcel_file(w, &two, "b", 7, 9, 2);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.adopted, 1);
	assert_int_equal(rec.bad, 1);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.adopted + rec.bad + rec.lost, 0);
}

/* A file that was away and is back (a disk, a backup) is taken up again. */
static void what_was_lost_may_come_back(void **state)
{
	struct world *w = *state;
	struct df_row_instance row;
	struct df_recovery rec;
	char cmd[200], peer[DF_HEX_LEN + 1] = {0};
	struct df_id id;

	memset(peer, 'a', DF_HEX_LEN);
	parcel_file(w, &id, "a", 7, 9, 1);
	assert_int_equal(start_again(w, &rec), DF_OK);
	df_str_fmt(cmd, sizeof cmd, "mv %s/spool/objects/%.2s/%s %s/away",
		   w->dir, id.s, id.s, w->dir);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.lost, 1);
	assert_false(df_journal_instance_find(w->j, peer, "1.2.3.9", NULL,
					      &row));
	df_str_fmt(cmd, sizeof cmd, "mv %s/away %s/spool/objects/%.2s/%s",
		   w->dir, w->dir, id.s, id.s);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.adopted, 1);
	assert_true(df_journal_instance_find(w->j, peer, "1.2.3.9", NULL,
					     &row));
	assert_int_equal(row.state, DF_INSTANCE_PACKED);
}

/* state.db of yesterday: a row says "raw", the raw object gave way since. */
static void the_last_copy_is_never_dropped(void **state)
{
	struct world *w = *state;
	struct df_row_instance row;
	struct df_stage s, *batch[1] = {&s};
	struct df_recovery rec;
	struct df_id twin;

	stage_raw(w, &s, 1);
	df_stage_publish(&w->sp, batch, 1);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_true(df_journal_instance_find(w->j, "", "1.2.3.1", NULL, &row));
	df_spool_remove(&w->sp, &row.object);
	stage_raw(w, &s, 1); /* the same bytes in another file */
	twin = s.id;
	df_stage_publish(&w->sp, batch, 1);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.dropped, 0);
	assert_true(df_journal_instance_find(w->j, "", "1.2.3.1", NULL, &row));
	assert_string_equal(row.object.s, twin.s);
}

/* objects/ab/<id> to DIR/away and back. */
static void move_away(struct world *w, const struct df_id *id, bool away)
{
	char object[120], other[120], cmd[260];

	df_str_fmt(object, sizeof object, "%s/spool/objects/%.2s/%s", w->dir,
		   id->s, id->s);
	df_str_fmt(other, sizeof other, "%s/away", w->dir);
	df_str_fmt(cmd, sizeof cmd, "mv %s %s", away ? object : other,
		   away ? other : object);
	assert_int_equal(system(cmd), 0);
}

static struct df_row_instance adopted_raw(struct world *w, int k)
{
	struct df_row_instance row;
	struct df_recovery rec;
	struct df_stage s, *batch[1] = {&s};
	char uid[65];

	stage_raw(w, &s, k);
	df_stage_publish(&w->sp, batch, 1);
	assert_int_equal(start_again(w, &rec), DF_OK);
	df_str_fmt(uid, sizeof uid, "1.2.3.%d", k);
	assert_true(df_journal_instance_find(w->j, "", uid, NULL, &row));
	return row;
}

static size_t in_quarantine(struct world *w)
{
	struct df_row_instance rows[8];

	return df_journal_quarantined_list(w->j, 0, rows, 8);
}

static const struct df_row_decision decision = {
	.at_ms = 1, .who = "Li", .reason = "it is gone"};

/* A second row beside the lost one would let a person discard the only copy. */
static void a_raw_object_that_is_back_has_one_row(void **state)
{
	struct world *w = *state;
	struct df_row_instance row = adopted_raw(w, 1), got;
	struct df_recovery rec;

	move_away(w, &row.object, true);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(in_quarantine(w), 1);
	move_away(w, &row.object, false);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.adopted, 1);
	assert_int_equal(in_quarantine(w), 0);
	assert_true(df_journal_instance_find(w->j, "", "1.2.3.1", NULL, &got));
	assert_int_equal(got.n, row.n);
	assert_int_equal(got.state, DF_INSTANCE_RECEIVED);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.adopted + rec.lost, 0);
}

/* Whatever a row in quarantine says: a file in use is not taken with it. */
static void what_another_row_uses_is_not_discarded(void **state)
{
	struct world *w = *state;
	struct df_row_instance row = adopted_raw(w, 1), stale;
	struct df_recovery rec;
	struct df_why why;
	bool file = true;
	int fd;

	stale = row;
	stale.state = DF_INSTANCE_QUARANTINED;
	stale.n = df_journal_instance_add(w->j, &stale);
	assert_int_equal(df_journal_discard(w->j, &w->sp, &stale, &decision,
					    &file, &why),
			 DF_OK);
	assert_false(file);
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
	df_spool_discarded_sweep(&w->sp, w->j);
	assert_int_equal(start_again(w, &rec), DF_OK);
	df_spool_discarded_sweep(&w->sp, w->j);
	assert_int_equal(rec.lost + rec.adopted, 0);
	assert_true(df_journal_instance(w->j, row.n, &row));
	assert_int_equal(row.state, DF_INSTANCE_RECEIVED);
	assert_int_equal(df_spool_object(&w->sp, &row.object, &fd, NULL),
			 DF_OK);
	df_fd_close(&fd);
}

/* A judgement and a decision are not forgotten because a disk was away. */
static void a_loss_undoes_no_judgement(void **state)
{
	struct world *w = *state;
	struct df_row_instance row = adopted_raw(w, 1), got;
	struct df_recovery rec;
	struct df_why why;
	struct df_id id;
	char peer[DF_HEX_LEN + 1] = {0};
	bool file;

	df_journal_instance_settle(w->j, row.n, DF_INSTANCE_QUARANTINED, 0, "",
				   0, "judged");
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
	for (int away = 1; away >= 0; away--) {
		move_away(w, &row.object, away);
		assert_int_equal(start_again(w, &rec), DF_OK);
		assert_true(df_journal_instance(w->j, row.n, &got));
		assert_int_equal(got.state, DF_INSTANCE_QUARANTINED);
		assert_string_equal(got.reason, "judged");
		assert_int_equal(in_quarantine(w), 1);
	}
	memset(peer, 'a', DF_HEX_LEN);
	parcel_file(w, &id, "a", 7, 9, 2);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_true(df_journal_instance_find(w->j, peer, "1.2.3.9", NULL,
					     &row));
	df_journal_instance_settle(w->j, row.n, DF_INSTANCE_QUARANTINED,
				   row.study, "", 0, "judged");
	assert_true(df_journal_instance(w->j, row.n, &row));
	assert_int_equal(df_journal_discard(w->j, &w->sp, &row, &decision,
					    &file, &why),
			 DF_OK);
	assert_int_equal(df_journal_commit(w->j, NULL), DF_OK);
	for (int away = 1; away >= 0; away--) {
		move_away(w, &row.object, away);
		assert_int_equal(start_again(w, &rec), DF_OK);
		assert_true(df_journal_instance(w->j, row.n, &got));
		assert_int_equal(got.state, DF_INSTANCE_DISCARDED);
	}
}

/* A file that was lost comes back in part: a row still names it. */
static void what_a_row_names_is_not_dropped(void **state)
{
	struct world *w = *state;
	struct df_row_instance row = adopted_raw(w, 1);
	struct df_recovery rec;
	char path[200];

	move_away(w, &row.object, true);
	assert_int_equal(start_again(w, &rec), DF_OK);
	move_away(w, &row.object, false);
	df_str_fmt(path, sizeof path, "%s/spool/objects/%.2s/%s", w->dir,
		   row.object.s, row.object.s);
	assert_int_equal(truncate(path, 30), 0);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.swept, 0);
	assert_int_equal(rec.bad, 1);
	df_str_fmt(path, sizeof path, "%s/spool/quarantine/%s.damaged", w->dir,
		   row.object.s);
	assert_int_equal(access(path, F_OK), 0);
}

/* The power went between the rename into quarantine/ and the row. */
static void what_stands_in_quarantine_is_in_a_list(void **state)
{
	struct world *w = *state;
	struct df_row_instance row;
	struct df_recovery rec;
	struct df_stage s, *batch[1] = {&s};

	assert_int_equal(start_again(w, &rec), DF_OK); /* the journal is old */
	stage_raw(w, &s, 1);
	df_stage_publish(&w->sp, batch, 1);
	assert_int_equal(df_spool_quarantine(&w->sp, &s.id, NULL), DF_OK);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.adopted, 1);
	assert_int_equal(df_journal_quarantined_list(w->j, 0, &row, 1), 1);
	assert_string_equal(row.object.s, s.id.s);
	assert_int_equal(row.state, DF_INSTANCE_QUARANTINED);
	assert_int_equal(start_again(w, &rec), DF_OK);
	assert_int_equal(rec.adopted + rec.lost, 0);
	assert_int_equal(in_quarantine(w), 1);
}

/* Between the rename to <id>.damaged and the rows: damaged, and not lost; by
 * an old journal and by a new one. */
static void a_damaged_object_is_told_after_a_cut(void **state)
{
	struct world *w = *state;
	struct df_row_instance row = adopted_raw(w, 1);
	struct df_recovery rec;
	char cmd[200];

	for (int fresh = 0; fresh < 2; fresh++) {
		if (fresh) {
			df_str_fmt(cmd, sizeof cmd, "rm %s/state.db*", w->dir);
			assert_int_equal(system(cmd), 0);
		} else {
			assert_int_equal(df_spool_set_aside(&w->sp, &row.object,
							    NULL),
					 DF_OK);
		}
		assert_int_equal(start_again(w, &rec), DF_OK);
		assert_int_equal(rec.lost, 0);
		assert_int_equal(
			df_journal_quarantined_list(w->j, 0, &row, 1), 1);
		assert_memory_equal(row.reason, DF_DAMAGED_WORD ": ", 9);
		assert_int_equal(start_again(w, &rec), DF_OK);
		assert_int_equal(rec.bad + rec.adopted + rec.lost, 0);
		assert_int_equal(in_quarantine(w), 1);
	}
}

/* A parcel may name thousands that live in one file: it is read once. */
static void a_copy_in_quarantine_is_read_once(void **state)
{
	struct world *w = *state;
	struct df_row_instance row = adopted_raw(w, 1), got;
	struct df_why why;
	bool file;

	df_journal_instance_settle(w->j, row.n, DF_INSTANCE_QUARANTINED, 0, "",
				   0, "judged");
	assert_true(df_journal_instance(w->j, row.n, &row));
	df_sys.pread = fail_pread;
	assert_false(df_journal_known(w->j, &w->sp, "", "1.2.3.1", &row.digest,
				      &got));
	df_sys_reset();
	assert_true(df_journal_known(w->j, &w->sp, "", "1.2.3.1", &row.digest,
				     &got));
	df_sys.pread = fail_pread;
	assert_true(df_journal_known(w->j, &w->sp, "", "1.2.3.1", &row.digest,
				     &got));
	df_sys_reset();
	assert_int_equal(df_journal_discard(w->j, &w->sp, &row, &decision,
					    &file, &why),
			 DF_OK);
	assert_false(df_journal_known(w->j, &w->sp, "", "1.2.3.1", &row.digest,
				      &got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(published_objects_are_adopted),
		T(a_failed_sync_is_no_custody),
		T(a_name_that_is_not_durable_is_not_lent),
		T(a_cut_leaves_all_or_nothing),
		T(a_rebuild_deletes_no_damaged_object),
		T(a_lost_note_comes_back),
		T(what_is_adopted_is_synced_first),
		T(an_unreadable_disk_stops_the_start),
		T(a_torn_object_is_an_alarm),
		T(a_second_parcel_of_a_name_stops_nobody),
		T(what_was_lost_may_come_back),
		T(the_last_copy_is_never_dropped),
		T(a_raw_object_that_is_back_has_one_row),
		T(what_another_row_uses_is_not_discarded),
		T(a_loss_undoes_no_judgement),
		T(what_a_row_names_is_not_dropped),
		T(what_stands_in_quarantine_is_in_a_list),
		T(a_damaged_object_is_told_after_a_cut),
		T(a_copy_in_quarantine_is_read_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
