/*
 * control_test.c - lines and descriptors over a stream, whole and in pieces.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "df/control.h"
#include "df/file.h"

static void line_with_descriptors(void **state)
{
	int s[2], fds[DF_CONTROL_FDS], p[2];
	size_t n = 0, done;
	struct df_buf b;
	struct df_why why;
	uid_t uid = 12345;

	(void)state;
	df_buf_init(&b, 16);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s),
			 0);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(df_control_read(s[1], &b, fds, &n, &why), DF_E_AGAIN);
	assert_int_equal(df_control_write(s[0], "{}\n", 3, p, 2, &done, &why),
			 DF_OK);
	assert_int_equal(done, 3);
	assert_int_equal(df_control_read(s[1], &b, fds, &n, &why), DF_OK);
	assert_int_equal(n, 2);
	assert_int_equal(b.len, 3);
	assert_int_equal(df_control_user(s[1], &uid, &why), DF_OK);
	assert_int_equal(uid, getuid());
	/* a line longer than the buffer's maximum is refused */
	assert_int_equal(df_control_write(s[0], "0123456789abcdef", 16, NULL, 0,
					  &done, &why),
			 DF_OK);
	assert_int_equal(df_control_read(s[1], &b, fds, &n, &why), DF_OK);
	assert_int_equal(df_control_read(s[1], &b, fds, &n, &why), DF_E_LIMIT);
	close(s[0]);
	df_buf_clear(&b);
	assert_int_equal(df_control_read(s[1], &b, fds, &n, &why), DF_OK);
	df_buf_clear(&b);
	assert_int_equal(df_control_read(s[1], &b, fds, &n, &why), DF_E_PEER);
	close(s[1]);
	close(p[0]);
	close(p[1]);
	close(fds[0]);
	close(fds[1]);
	df_buf_release(&b);
}

static void nobody_listens(void **state)
{
	char dir[] = "/tmp/df-control-XXXXXX";
	int d, fd;
	struct df_why why;

	(void)state;
	assert_non_null(mkdtemp(dir));
	d = open(dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(df_control_connect(&fd, d, &why), DF_E_PEER);
	assert_int_equal(fd, -1);
	close(d);
	rmdir(dir);
}

static void a_stuck_daemon(void **state)
{
	int s[2], in[DF_CONTROL_FDS];
	size_t n;
	struct df_buf b;
	struct df_why why;

	(void)state;
	df_buf_init(&b, 1024);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	assert_int_equal(df_control_ask(s[0], df_text_of("{}"), NULL, 0, 20, &b,
					in, &n, &why),
			 DF_E_TIMEOUT);
	assert_int_equal(write(s[1], "{\"ok\":true}\n", 12), 12);
	assert_int_equal(df_control_ask(s[0], df_text_of("{}"), NULL, 0, 5000,
					&b, in, &n, &why),
			 DF_OK);
	assert_int_equal(b.len, 11);
	close(s[0]);
	close(s[1]);
	df_buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_with_descriptors),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(a_stuck_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
