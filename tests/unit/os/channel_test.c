/* channel_test.c - whole messages, descriptors, backlog, end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "df/channel.h"
#include "df/file.h"

static uint8_t big[DF_CHANNEL_MAX];

static void pair(struct df_channel *a, struct df_channel *b)
{
	int fds[2];

	assert_int_equal(df_channel_pair(fds, NULL), DF_OK);
	df_channel_init(a, fds[0]);
	df_channel_init(b, fds[1]);
}

static enum df_err take(struct df_channel *ch, size_t *len, int *fds, size_t *n)
{
	return df_channel_receive(ch, big, sizeof big, len, fds, n, NULL);
}

static void descriptors_travel(void **state)
{
	struct df_channel a, b;
	int fds[DF_CHANNEL_FDS], send[2], p[2];
	size_t len, n;
	char c;

	(void)state;
	pair(&a, &b);
	assert_int_equal(take(&b, &len, fds, &n), DF_E_AGAIN);
	assert_int_equal(pipe(p), 0);
	send[0] = p[0];
	send[1] = p[1];
	assert_int_equal(df_channel_send(&a, "hello", 5, send, 2, NULL), DF_OK);
	assert_int_equal(send[0], -1);
	assert_int_equal(fcntl(p[0], F_GETFD), -1); /* taken */
	assert_int_equal(take(&b, &len, fds, &n), DF_OK);
	assert_int_equal(len, 5);
	assert_memory_equal(big, "hello", 5);
	assert_int_equal(n, 2);
	assert_int_equal(fds[2], -1);
	assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(read(fds[0], &c, 1), 1);
	df_fd_close(&fds[0]);
	df_fd_close(&fds[1]);
	df_channel_release(&a);
	assert_int_equal(take(&b, &len, fds, &n), DF_E_PEER);
	assert_int_equal(df_channel_send(&b, "x", 1, NULL, 0, NULL), DF_E_PEER);
	df_channel_release(&b);
	df_channel_release(&b);
}

static void backlog_keeps_order(void **state)
{
	const uint32_t count = 300;
	struct df_channel a, b;
	uint32_t i, got = 0, v;
	int fds[DF_CHANNEL_FDS], one;
	size_t len, n, passed = 0;
	uint8_t *msg = calloc(1, DF_CHANNEL_MAX);
	enum df_err err;

	(void)state;
	pair(&a, &b);
	for (i = 0; i < count; i++) {
		memcpy(msg, &i, sizeof i);
		one = i % 10 == 0 ? dup(0) : -1;
		assert_int_equal(df_channel_send(&a, msg, DF_CHANNEL_MAX, &one,
						 one < 0 ? 0 : 1, NULL),
				 DF_OK);
	}
	assert_true(df_channel_waits(&a));
	while (got < count) {
		err = take(&b, &len, fds, &n);
		if (err == DF_E_AGAIN) {
			assert_int_not_equal(df_channel_flush(&a, NULL),
					     DF_E_PEER);
			continue;
		}
		assert_int_equal(err, DF_OK);
		assert_int_equal(len, DF_CHANNEL_MAX);
		memcpy(&v, big, sizeof v);
		assert_int_equal(v, got);
		got++;
		passed += n;
		if (n > 0)
			df_fd_close(&fds[0]);
	}
	assert_int_equal(passed, count / 10);
	assert_int_equal(a.backlog_bytes, 0);
	free(msg);
	df_channel_release(&a);
	df_channel_release(&b);
}

static void bounded(void **state)
{
	struct df_channel a, b;
	enum df_err err = DF_OK;
	uint8_t *msg = calloc(1, DF_CHANNEL_MAX + 1);
	size_t i;

	(void)state;
	pair(&a, &b);
	assert_int_equal(
		df_channel_send(&a, msg, DF_CHANNEL_MAX + 1, NULL, 0, NULL),
		DF_E_LIMIT);
	for (i = 0; i < 2000 && err == DF_OK; i++)
		err = df_channel_send(&a, msg, DF_CHANNEL_MAX, NULL, 0, NULL);
	assert_int_equal(err, DF_E_LIMIT);
	assert_true(a.backlog_bytes <= DF_CHANNEL_BACKLOG);
	assert_int_equal(df_channel_send_now(&a, msg, 1, NULL, 0, 0, NULL),
			 DF_E_LIMIT);
	df_channel_release(&a);
	df_channel_release(&b);
	pair(&a, &b);
	while (!df_channel_waits(&a))
		assert_int_equal(
			df_channel_send(&a, msg, DF_CHANNEL_MAX, NULL, 0, NULL),
			DF_OK);
	assert_int_equal(df_channel_send_now(&a, msg, 1, NULL, 0, 0, NULL),
			 DF_E_TIMEOUT);
	assert_int_equal(df_channel_wait(&a, 0, NULL), DF_E_TIMEOUT);
	free(msg);
	df_channel_release(&a);
	df_channel_release(&b);
}

/* A peer that ends before it read ours: what it had sent is not lost. */
static void last_words_are_heard(void **state)
{
	struct df_channel a, b;
	int fds[DF_CHANNEL_FDS];
	size_t len, n;

	(void)state;
	pair(&a, &b);
	assert_int_equal(df_channel_send(&b, "unread", 6, NULL, 0, NULL),
			 DF_OK);
	assert_int_equal(df_channel_send(&a, "last", 4, NULL, 0, NULL), DF_OK);
	df_channel_release(&a);
	assert_int_equal(take(&b, &len, fds, &n), DF_OK);
	assert_memory_equal(big, "last", 4);
	assert_int_equal(take(&b, &len, fds, &n), DF_E_PEER);
	df_channel_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors_travel),
		cmocka_unit_test(backlog_keeps_order),
		cmocka_unit_test(bounded),
		cmocka_unit_test(last_words_are_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
