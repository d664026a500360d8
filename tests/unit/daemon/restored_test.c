/*
 * restored_test.c - data sets that VERIFY has restored: who gets them, how many
 * there may be, how long they stay, and that no descriptor is left behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "../../../src/daemon/queue/restored.h"
#include "df/file.h"

#define LE "1.2.840.10008.1.2.1"
#define MIB (UINT64_C(1) << 20)

static const struct df_id ONE = {"00000000000000000000000001"};
static const struct df_id OTHER = {"00000000000000000000000002"};

static size_t open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	assert_int_equal(closedir(d), 0);
	return n;
}

static int memory(const char *text, uint64_t size)
{
	int fd;

	assert_int_equal(df_memfd_new(&fd, "instance", NULL), DF_OK);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(df_pwrite_all(fd, text, strlen(text), 0, NULL), DF_OK);
	assert_int_equal(df_memfd_seal(fd, NULL), DF_OK);
	return fd;
}

/* True when it was taken. */
static bool put(struct restored_store *s, const struct df_id *parcel,
		uint64_t record, uint64_t size)
{
	int fd = memory(parcel == &ONE ? "one" : "other", size);
	bool taken;

	restored_put(s, parcel, record, LE, &fd, 0);
	taken = fd < 0;
	df_fd_close(&fd);
	return taken;
}

static bool take(struct restored_store *s, const struct df_id *parcel,
		 uint64_t record, const char *text)
{
	char syntax[65], got[8] = "";
	uint64_t size = 0, real = 0;
	int fd = restored_take(s, parcel, record, &size, syntax);

	if (fd < 0)
		return false;
	assert_string_equal(syntax, LE);
	assert_int_equal(df_fd_size(fd, &real, NULL), DF_OK);
	assert_int_equal(size, real);
	assert_int_equal(pread(fd, got, strlen(text), 0), strlen(text));
	assert_string_equal(got, text);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1); /* whoever shares it */
	df_fd_close(&fd);
	return true;
}

static void each_taker_gets_it_once(void **state)
{
	struct restored_store s = {0};
	size_t before = open_files();

	(void)state;
	assert_true(put(&s, &ONE, 0, 10));
	assert_true(put(&s, &ONE, 700, 10));
	assert_true(put(&s, &OTHER, 700, 10));
	assert_false(take(&s, &ONE, 700, "one")); /* not in custody */
	restored_keep(&s, &ONE, 700, 2, 0);
	restored_keep(&s, &OTHER, 700, 1, 0);
	restored_keep(&s, &OTHER, 1, 1, 0); /* is not here */
	assert_true(take(&s, &ONE, 700, "one"));
	assert_true(take(&s, &ONE, 700, "one"));
	assert_false(take(&s, &ONE, 700, "one"));
	assert_true(take(&s, &OTHER, 700, "other"));
	assert_false(take(&s, &OTHER, 700, "other"));
	assert_int_equal(s.n, 1);
	assert_int_equal(s.bytes, 10);
	restored_drop(&s, &ONE);
	assert_int_equal(s.n, 0);
	assert_int_equal(s.bytes, 0);
	assert_int_equal(open_files(), before);
}

static void only_what_is_kept_outlives_its_upload(void **state)
{
	struct restored_store s = {0};

	(void)state;
	for (uint64_t i = 0; i < 4; i++)
		assert_true(put(&s, &ONE, i, 10));
	assert_true(put(&s, &OTHER, 0, 10));
	restored_keep(&s, &ONE, 1, 1, 0);
	restored_keep(&s, &ONE, 2, 0, 0); /* nobody will ask */
	restored_drop(&s, &ONE);
	assert_int_equal(s.n, 2);
	assert_true(take(&s, &ONE, 1, "one"));
	restored_drop(&s, &OTHER);
	assert_int_equal(s.n, 0);
}

static void a_job_may_come_again(void **state)
{
	struct restored_store s = {0};
	size_t before = open_files();

	(void)state;
	assert_true(put(&s, &ONE, 5, 10));
	assert_true(put(&s, &ONE, 6, 10));
	assert_true(put(&s, &ONE, 5, 20));
	assert_int_equal(s.n, 2);
	assert_int_equal(s.bytes, 30);
	restored_drop(&s, &ONE);
	assert_int_equal(open_files(), before);
}

static void full_is_full(void **state)
{
	struct restored_store s = {0};
	uint64_t i;

	(void)state;
	assert_int_equal(restored_room(&s), RESTORED_BYTES);
	assert_false(put(&s, &ONE, 0, RESTORED_ONE + 1));
	for (i = 0; i < 4; i++) {
		assert_true(put(&s, &ONE, i, RESTORED_ONE - MIB));
		restored_keep(&s, &ONE, i, 1, 0);
	}
	assert_int_equal(restored_room(&s), 4 * MIB);
	assert_false(put(&s, &ONE, i, 4 * MIB + 1));
	assert_true(put(&s, &ONE, i, 4 * MIB));
	assert_int_equal(restored_room(&s), 0);
	assert_true(take(&s, &ONE, 0, "one")); /* the oldest is still there */
	assert_int_equal(restored_room(&s), RESTORED_ONE - MIB);
	restored_age(&s, RESTORED_MS);
	assert_int_equal(s.n, 0);
	for (i = 0; i < RESTORED_COUNT; i++)
		assert_true(put(&s, &ONE, i, 10));
	assert_int_equal(restored_room(&s), 0);
	assert_false(put(&s, &ONE, i, 10));
	restored_drop(&s, &ONE);
	assert_int_equal(restored_room(&s), RESTORED_BYTES);
}

static void what_nobody_takes_goes(void **state)
{
	struct restored_store s = {0};
	size_t before = open_files();

	(void)state;
	assert_true(put(&s, &ONE, 0, 10));
	assert_true(put(&s, &ONE, 1, 10));
	restored_keep(&s, &ONE, 0, 1, 0);
	restored_keep(&s, &ONE, 1, 1, 5000); /* its time begins then */
	restored_age(&s, RESTORED_MS - 1);
	assert_int_equal(s.n, 2);
	restored_age(&s, RESTORED_MS);
	assert_int_equal(s.n, 1);
	assert_false(take(&s, &ONE, 0, "one"));
	restored_age(&s, RESTORED_MS + 5000);
	assert_int_equal(s.n, 0);
	assert_int_equal(open_files(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_taker_gets_it_once),
		cmocka_unit_test(only_what_is_kept_outlives_its_upload),
		cmocka_unit_test(a_job_may_come_again),
		cmocka_unit_test(full_is_full),
		cmocka_unit_test(what_nobody_takes_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
