/* file_test.c - whole files, durable replacement under every failing call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "df/file.h"
#include "df/proc.h"
#include "df/sys.h"

static struct df_sys real;
static char trace[256];
static int fail_at, count; /* the fail_at-th call fails, -1 = none */
static int error = ENOSPC;

static bool fails(char what)
{
	size_t n = strlen(trace);

	if (n + 1 < sizeof trace)
		trace[n] = what;
	if (count++ != fail_at)
		return false;
	errno = error;
	return true;
}

static int t_openat(int d, const char *n, int f, mode_t m)
{
	return fails('o') ? -1 : real.openat(d, n, f, m);
}

static ssize_t t_write(int fd, const void *p, size_t n)
{
	return fails('w') ? -1 : real.write(fd, p, n > 3 ? 3 : n);
}

static int t_fsync(int fd)
{
	return fails('s') ? -1 : real.fsync(fd);
}

static int t_rename(int a, const char *f, int b, const char *t, unsigned x)
{
	return fails('r') ? -1 : real.renameat2(a, f, b, t, x);
}

static int dir_new(char *path)
{
	int fd;

	strcpy(path, "/tmp/df-file-XXXXXX");
	assert_non_null(mkdtemp(path));
	assert_int_equal(df_dir_open(&fd, AT_FDCWD, path, NULL), DF_OK);
	assert_int_equal(df_dir_make(fd, "sub", NULL), DF_OK);
	assert_int_equal(df_dir_make(fd, "sub", NULL), DF_OK);
	return fd;
}

static void content_is(int dir, const char *want)
{
	struct df_buf b;

	df_buf_init(&b, 100);
	assert_int_equal(df_file_read(dir, "sub/f", 100, &b, NULL), DF_OK);
	assert_int_equal(b.len, strlen(want));
	assert_memory_equal(b.ptr, want, b.len);
	df_buf_release(&b);
}

static int entries(const char *path)
{
	char sub[64];
	DIR *d;
	int n = 0;

	snprintf(sub, sizeof sub, "%s/sub", path);
	d = opendir(sub);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

static void clean(int dir, const char *path)
{
	df_sys_reset();
	assert_int_equal(df_file_remove(dir, "sub/f", NULL), DF_OK);
	assert_int_equal(df_file_remove(dir, "sub/f", NULL), DF_OK);
	unlinkat(dir, "sub", AT_REMOVEDIR);
	close(dir);
	rmdir(path);
}

static void old_or_new(void **state)
{
	char path[32];
	int dir = dir_new(path), n;
	enum df_err err = DF_E_IO;
	struct df_why why;

	(void)state;
	assert_int_equal(
		df_file_write_durable(dir, "sub/f", 0600, "old", 3, NULL),
		DF_OK);
	real = df_sys;
	for (n = 0; err != DF_OK; n++) {
		df_sys.openat = t_openat;
		df_sys.write = t_write;
		df_sys.fsync = df_sys.fdatasync = t_fsync;
		df_sys.renameat2 = t_rename;
		memset(trace, 0, sizeof trace);
		fail_at = n;
		count = 0;
		why = (struct df_why){0};
		err = df_file_write_durable(dir, "sub/f", 0600, "newer", 5,
					    &why);
		df_sys_reset();
		if (err == DF_OK)
			break;
		if (strchr(trace, 'r') == NULL || trace[n] == 'r')
			content_is(dir, "old");
		assert_false(df_sync_failed(NULL)); /* the disk is only full */
		assert_int_equal(err, DF_E_NOSPACE);
		assert_int_equal(why.sys, ENOSPC);
		assert_int_equal(entries(path), 1); /* no litter */
	}
	/* the order that makes it durable */
	assert_string_equal(trace, "oowwsrs");
	assert_int_equal(n, 7);
	content_is(dir, "newer");
	clean(dir, path);
}

static void reads(void **state)
{
	char path[32], c[4];
	int dir = dir_new(path), fd;
	struct df_buf b;
	uint64_t size, total;

	(void)state;
	df_buf_init(&b, 100);
	assert_int_equal(df_file_read(dir, "sub/f", 9, &b, NULL),
			 DF_E_NOTFOUND);
	assert_int_equal(
		df_file_write_durable(dir, "sub/f", 0600, "0123456789", 10, 0),
		DF_OK);
	assert_int_equal(df_file_read(dir, "sub/f", 9, &b, NULL), DF_E_LIMIT);
	df_buf_release(&b);
	assert_int_equal(df_file_open(&fd, dir, "sub/f", O_RDONLY, 0, NULL),
			 DF_OK);
	assert_int_equal(df_pread_all(fd, c, 4, 6, NULL), DF_OK);
	assert_memory_equal(c, "6789", 4);
	assert_int_equal(df_pread_all(fd, c, 4, 7, NULL), DF_E_TRUNC);
	assert_int_equal(df_fd_size(fd, &size, NULL), DF_OK);
	assert_int_equal(size, 10);
	assert_int_equal(df_disk_space(fd, &size, &total, NULL), DF_OK);
	assert_true(size <= total);
	df_fd_close(&fd);
	assert_int_equal(fd, -1);
	clean(dir, path);
}

static ssize_t t_pread(int fd, void *p, size_t n, off_t at)
{
	ssize_t got = fails('p') ? -1 : real.pread(fd, p, n, at);

	if (got > 0 && fail_at == -2)
		((char *)p)[got - 1] ^= 1; /* one bit of what was written */
	return got;
}

static ssize_t t_write_whole(int fd, const void *p, size_t n)
{
	return fails('w') ? -1 : real.write(fd, p, n);
}

static enum df_err probe(int dir, int fail, struct df_why *why)
{
	enum df_err err;

	df_sys.openat = t_openat;
	df_sys.write = t_write_whole;
	df_sys.fsync = df_sys.fdatasync = t_fsync;
	df_sys.pread = t_pread;
	memset(trace, 0, sizeof trace);
	fail_at = fail;
	count = 0;
	err = df_disk_probe(dir, why);
	df_sys_reset();
	return err;
}

static void a_disk_is_probed(void **state)
{
	char path[32];
	int dir = dir_new(path), sub, n;
	struct df_why why = {0}, first;
	enum df_err err = DF_E_IO;

	(void)state;
	real = df_sys;
	error = EIO;
	assert_int_equal(df_dir_open(&sub, dir, "sub", NULL), DF_OK);
	assert_int_equal(probe(sub, -1, &why), DF_OK);
	assert_false(df_sync_failed(NULL));
	assert_int_equal(probe(sub, -2, &why), DF_E_CORRUPT);
	for (n = 0; err != DF_OK; n++) {
		err = probe(sub, n, &why);
		if (err == DF_OK)
			break;
		assert_int_equal(err, DF_E_IO);
		assert_int_equal(entries(path), 0);
		/* the first read belongs to the sync of the file */
		assert_true(df_sync_failed(&first) ==
			    (trace[n] == 's' || n == 4));
		if (trace[n] == 's')
			assert_string_equal(first.text, why.text);
		df_sync_forget();
	}
	assert_string_equal(trace, "owsspp");
	df_fd_close(&sub);
	clean(dir, path);
}

static void memory_is_sealed(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(df_memfd_new(&fd, "t", NULL), DF_OK);
	assert_int_equal(df_write_all(fd, "abc", 3, NULL), DF_OK);
	assert_int_equal(df_memfd_seal(fd, NULL), DF_OK);
	assert_int_equal(df_pwrite_all(fd, "x", 1, 0, NULL), DF_E_IO);
	assert_true(mmap(NULL, 3, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	df_fd_close(&fd);
}

static void spawns(void **state)
{
	const char *const argv[] = {"sh", "-c",
				    "echo $PWD >&4; read x <&3; exit 7", NULL};
	struct df_spawn spec = {.path = "/bin/sh", .argv = argv, .cwd = "/"};
	int in[2], out[2], fds[2], status = 0;
	char text[32] = "";
	pid_t pid, ended = 0;

	(void)state;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	fds[0] = in[0];
	fds[1] = out[1];
	spec.fds = fds;
	spec.n_fds = 2;
	assert_int_equal(df_proc_spawn(&pid, &spec, NULL), DF_OK);
	close(in[0]);
	close(out[1]);
	assert_int_equal(read(out[0], text, sizeof text), 2);
	assert_string_equal(text, "/\n");
	assert_false(df_proc_ended(&ended, &status));
	close(in[1]);
	while (read(out[0], text, sizeof text) > 0)
		; /* end of file: it has ended, or does so now */
	while (!df_proc_ended(&ended, &status))
		;
	assert_int_equal(ended, pid);
	df_proc_status_text(text, sizeof text, status);
	assert_string_equal(text, "exit 7");
	close(out[0]);
	spec.path = "/nonexistent";
	assert_int_equal(df_proc_spawn(&pid, &spec, NULL), DF_E_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(old_or_new),
		cmocka_unit_test(reads),
		cmocka_unit_test(a_disk_is_probed),
		cmocka_unit_test(memory_is_sealed),
		cmocka_unit_test(spawns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
