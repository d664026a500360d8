/* pages_test.c - a flipped bit in a database is never read as a value. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "df/pages.h"
#include "df/str.h"

struct world {
	char dir[64];
	char path[80];
	int fd;
};

static int setup(void **state)
{
	struct world *w = df_xcalloc(1, sizeof *w);

	df_str_fmt(w->dir, sizeof w->dir, "/tmp/df-pages-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	df_str_fmt(w->path, sizeof w->path, "%s/a.db", w->dir);
	w->fd = open(w->dir, O_RDONLY | O_DIRECTORY);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char cmd[100];

	close(w->fd);
	df_str_fmt(cmd, sizeof cmd, "rm -rf '%s'", w->dir);
	assert_int_equal(system(cmd), 0);
	free(w);
	return 0;
}

static sqlite3 *opened(struct world *w)
{
	sqlite3 *db = NULL;

	assert_int_equal(df_pages_open(&db, w->path), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	return db;
}

static void run(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

#define FILL                                                                 \
	"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c"     \
	" WHERE n < 900) INSERT INTO t SELECT n, 'value ' || n, n * 7 FROM c"

static void made(struct world *w)
{
	sqlite3 *db = opened(w);

	run(db, "PRAGMA journal_mode = WAL");
	run(db, "PRAGMA synchronous = FULL");
	run(db, "CREATE TABLE t(n INTEGER PRIMARY KEY, s TEXT, v INT)");
	run(db, "CREATE INDEX t_s ON t(s)");
	run(db, FILL);
	run(db, "DELETE FROM t WHERE n % 3 = 0");
	run(db, "PRAGMA wal_checkpoint(TRUNCATE)");
	run(db, "UPDATE t SET v = v + 1");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* 0 and all values right, or the extended code of the failure. */
static int values(struct world *w)
{
	sqlite3 *db = opened(w);
	sqlite3_stmt *st = NULL;
	int n = 0, code;
	int rc = sqlite3_prepare_v2(db, "SELECT n, s, v FROM t ORDER BY n", -1,
				    &st, NULL);

	while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		char want[32];

		rc = SQLITE_OK;
		n = sqlite3_column_int(st, 0);
		df_str_fmt(want, sizeof want, "value %d", n);
		assert_string_equal(sqlite3_column_text(st, 1), want);
		assert_int_equal(sqlite3_column_int(st, 2), n * 7 + 1);
	}
	code = rc == SQLITE_DONE ? 0 : sqlite3_extended_errcode(db);
	if (code == 0)
		assert_int_equal(n, 899);
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(db);
	return code;
}

static void every_page_is_sealed(void **state)
{
	struct world *w = *state;
	uint64_t pages, bad;

	assert_int_equal(df_pages_check(w->fd, "a.db", &pages, &bad, NULL),
			 DF_E_NOTFOUND);
	made(w);
	assert_int_equal(df_pages_check(w->fd, "a.db", &pages, &bad, NULL),
			 DF_OK);
	assert_true(pages > 8);
	assert_int_equal(bad, 0);
	assert_int_equal(values(w), 0);
}

static void no_flipped_bit_is_a_value(void **state)
{
	struct world *w = *state;
	uint64_t pages, bad;
	unsigned seed = 3, found = 0;
	off_t size;
	int fd;

	made(w);
	fd = open(w->path, O_RDWR);
	size = lseek(fd, 0, SEEK_END);
	for (int k = 0; k < 600; k++) {
		off_t at = rand_r(&seed) % size;
		int code;
		char c, flipped;
		enum df_err rc;

		assert_int_equal(pread(fd, &c, 1, at), 1);
		flipped = (char)(c ^ (1 << k % 8));
		assert_int_equal(pwrite(fd, &flipped, 1, at), 1);
		rc = df_pages_check(w->fd, "a.db", &pages, &bad, NULL);
		assert_true((rc == DF_OK && bad == 1) || rc == DF_E_FORMAT);
		code = values(w); /* asserts that no value is a wrong one */
		assert_true(code == 0 || df_pages_is_damage(code));
		found += code != 0;
		assert_int_equal(pwrite(fd, &c, 1, at), 1);
	}
	close(fd);
	assert_true(found > 200); /* the others are in pages of the index */
	assert_int_equal(values(w), 0);
}

/* The log alone holds what was committed; it has checksums of its own. */
static void a_crash_before_the_pages_are_home(void **state)
{
	struct world *w = *state;
	sqlite3 *db = opened(w);
	char cmd[300];
	uint64_t pages, bad;

	run(db, "PRAGMA journal_mode = WAL");
	run(db, "CREATE TABLE t(n INTEGER PRIMARY KEY, s TEXT, v INT)");
	run(db, FILL);
	run(db, "UPDATE t SET v = v + 1");
	run(db, "DELETE FROM t WHERE n % 3 = 0");
	df_str_fmt(cmd, sizeof cmd, "cp %s %s/b.db; cp %s-wal %s/b.db-wal",
		   w->path, w->dir, w->path, w->dir);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	df_str_fmt(w->path, sizeof w->path, "%s/b.db", w->dir);
	assert_int_equal(values(w), 0);
	assert_int_equal(df_pages_check(w->fd, "b.db", &pages, &bad, NULL),
			 DF_OK);
	assert_int_equal(bad, 0);
}

static void it_steps_aside_whole(void **state)
{
	struct world *w = *state;
	char cmd[200];

	made(w);
	assert_int_equal(df_pages_aside(w->fd, "a.db", NULL), DF_OK);
	assert_int_equal(faccessat(w->fd, "a.db", F_OK, 0), -1);
	df_str_fmt(cmd, sizeof cmd, "ls %s | grep -q '^a.db.20'", w->dir);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(df_pages_aside(w->fd, "a.db", NULL), DF_OK);
	made(w);
	assert_int_equal(values(w), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_page_is_sealed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(no_flipped_bit_is_a_value,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_crash_before_the_pages_are_home, setup, teardown),
		cmocka_unit_test_setup_teardown(it_steps_aside_whole, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
