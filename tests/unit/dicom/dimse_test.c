/*
 * dimse_test.c - both sides of an association against each other over TCP,
 * and our answering side against raw bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "df/clock.h"
#include "df/dimse.h"
#include "df/object.h"
#include "df/str.h"

#define CT "1.2.840.10008.5.1.4.1.1.2"
#define PRIVATE_CLASS "1.2.3.4.5.6.7"

/* What the answering child does; its exit status is what it saw. */
struct script {
	enum df_dimse_verdict verdict;
	enum df_err begin, write, commit;
	bool unknown_classes;
	enum df_err want; /* of df_dimse_serve */
	unsigned want_begun, want_committed, want_abandoned;
};

struct seen {
	const struct script *script;
	unsigned begun, committed, abandoned;
	size_t bytes;
	uint8_t sum;
	char calling[DF_AE_CAP];
};

static enum df_err sink_begin(void *ctx, const struct df_store_rq *rq,
			      struct df_why *why)
{
	struct seen *s = ctx;

	(void)why;
	s->bytes = 0;
	s->sum = 0;
	if (rq->sop_instance[0] == 0 || rq->transfer_syntax[0] == 0)
		return DF_E_BUG;
	if (s->script->begin == DF_OK)
		s->begun++;
	return s->script->begin;
}

static enum df_err sink_write(void *ctx, const void *ptr, size_t len,
			      struct df_why *why)
{
	struct seen *s = ctx;
	const uint8_t *p = ptr;
	size_t i;

	(void)why;
	for (i = 0; i < len; i++)
		if (p[i] != (uint8_t)((s->bytes + i) * 7 % 251))
			return DF_E_CORRUPT;
	s->bytes += len;
	return s->script->write;
}

static enum df_err sink_commit(void *ctx, struct df_why *why)
{
	struct seen *s = ctx;

	(void)why;
	s->committed++;
	return s->script->commit;
}

static void sink_abandon(void *ctx)
{
	((struct seen *)ctx)->abandoned++;
}

static enum df_dimse_verdict admit(void *ctx, const struct df_dimse_peer *peer)
{
	struct seen *s = ctx;

	memcpy(s->calling, peer->calling, sizeof s->calling);
	return s->script->verdict;
}

static int serve_one(int fd, const struct script *script)
{
	struct seen s = {.script = script};
	struct df_dimse_scp cfg = {.idle_ms = 3000,
				   .progress_ms = 1000,
				   .unknown_classes = script->unknown_classes,
				   .ctx = &s,
				   .admit = admit};
	struct df_store_sink sink = {&s, sink_begin, sink_write, sink_commit,
				     sink_abandon};
	struct df_why why = {0};
	enum df_err rc = df_dimse_serve(fd, &cfg, &sink, &why);

	if (rc != script->want) {
		fprintf(stderr, "serve: %s %s\n", df_err_name(rc), why.text);
		return 2;
	}
	if (s.begun != script->want_begun ||
	    s.committed != script->want_committed ||
	    s.abandoned != script->want_abandoned) {
		fprintf(stderr, "begun %u committed %u abandoned %u\n", s.begun,
			s.committed, s.abandoned);
		return 3;
	}
	return 0;
}

/* A child that answers one connection; the port is in *port. */
static pid_t start(const struct script *script, uint16_t *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof a;
	int l = socket(AF_INET, SOCK_STREAM, 0);
	pid_t pid;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(l, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&a, &len), 0);
	*port = ntohs(a.sin_port);
	pid = fork();
	if (pid == 0) {
		int fd = accept(l, NULL, NULL);

		close(l);
		_exit(serve_one(fd, script));
	}
	close(l);
	return pid;
}

static void finish(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static const struct df_dimse_context contexts[] = {
	{DF_VERIFICATION_CLASS, DF_TS_IMPLICIT_LE},
	{CT, DF_TS_JPEG_LS_LOSSLESS},
	{CT, DF_TS_EXPLICIT_LE},
	{PRIVATE_CLASS, DF_TS_EXPLICIT_LE},
};

static enum df_err dial(struct df_dimse **d, uint16_t port, struct df_why *why)
{
	struct df_dimse_target t = {.host = "127.0.0.1",
				    .port = port,
				    .calling = "TESTER",
				    .called = "ANY",
				    .connect_ms = 2000,
				    .progress_ms = 3000};

	return df_dimse_open(d, &t, contexts, 4, why);
}

static uint8_t *pattern(size_t len)
{
	uint8_t *p = malloc(len);
	size_t i;

	assert_non_null(p);
	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 7 % 251);
	return p;
}

static const struct df_store_rq ct = {.sop_class = CT,
				      .sop_instance = "1.2.3.4",
				      .transfer_syntax = DF_TS_EXPLICIT_LE};

static void stores_bytes_as_they_are(void **state)
{
	static const size_t sizes[] = {2, 12, 131060, 131062, 131072, 5000000};
	struct script script = {.want_begun = 6, .want_committed = 6};
	struct df_dimse *d = NULL;
	struct df_store_rsp rsp;
	struct df_why why = {0};
	uint16_t port;
	pid_t pid = start(&script, &port);
	uint8_t *p = pattern(5000000);
	size_t i;

	(void)state;
	assert_int_equal(dial(&d, port, &why), DF_OK);
	assert_int_equal(df_dimse_echo(d, &why), DF_OK);
	assert_true(df_dimse_accepts(d, CT, DF_TS_JPEG_LS_LOSSLESS));
	assert_false(df_dimse_accepts(d, CT, DF_TS_IMPLICIT_LE));
	assert_false(df_dimse_accepts(d, PRIVATE_CLASS, DF_TS_EXPLICIT_LE));
	for (i = 0; i < 6; i++) {
		assert_int_equal(
			df_dimse_store(d, &ct, p, sizes[i], &rsp, &why), DF_OK);
		assert_int_equal(rsp.status, 0);
	}
	assert_int_equal(df_dimse_store(d, &ct, p, 3, &rsp, &why),
			 DF_E_UNSUPPORTED);
	assert_false(df_dimse_is_stale(d));
	df_dimse_close(d);
	free(p);
	finish(pid);
}

static void refusals_keep_the_association(void **state)
{
	static const struct {
		struct script script;
		uint16_t status;
	} table[] = {
		{{.begin = DF_E_NOSPACE}, 0xa700},
		{{.begin = DF_E_UNSUPPORTED}, 0x0122},
		{{.write = DF_E_LIMIT, .want_begun = 2, .want_abandoned = 2},
		 0xc001},
		{{.commit = DF_E_IO, .want_begun = 2, .want_committed = 2},
		 0xa700},
	};
	uint8_t *p = pattern(400000);
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct df_dimse *d = NULL;
		struct df_store_rsp rsp;
		struct df_why why = {0};
		uint16_t port;
		pid_t pid = start(&table[i].script, &port);

		assert_int_equal(dial(&d, port, &why), DF_OK);
		for (n = 0; n < 2; n++) {
			assert_int_equal(
				df_dimse_store(d, &ct, p, 400000, &rsp, &why),
				DF_OK);
			assert_int_equal(rsp.status, table[i].status);
		}
		assert_int_equal(df_dimse_echo(d, &why), DF_OK);
		df_dimse_close(d);
		finish(pid);
	}
	free(p);
}

static void rejections(void **state)
{
	static const struct {
		enum df_dimse_verdict verdict;
		enum df_err want;
		const char *text;
	} table[] = {
		{DF_DIMSE_REJECT_CALLED, DF_E_REFUSED, "called AE"},
		{DF_DIMSE_REJECT_CALLING, DF_E_REFUSED, "calling AE"},
		{DF_DIMSE_REJECT_BUSY, DF_E_PEER, "local limit"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct script script = {.verdict = table[i].verdict};
		struct df_dimse *d = NULL;
		struct df_why why = {0};
		uint16_t port;
		pid_t pid = start(&script, &port);

		assert_int_equal(dial(&d, port, &why), table[i].want);
		assert_null(d);
		assert_non_null(strstr(why.text, table[i].text));
		finish(pid);
	}
}

static void unknown_classes_when_wanted(void **state)
{
	struct script script = {.unknown_classes = true};
	struct df_dimse *d = NULL;
	struct df_why why = {0};
	uint16_t port;
	pid_t pid = start(&script, &port);

	(void)state;
	assert_int_equal(dial(&d, port, &why), DF_OK);
	assert_true(df_dimse_accepts(d, PRIVATE_CLASS, DF_TS_EXPLICIT_LE));
	df_dimse_close(d);
	finish(pid);
}

static void abort_ends_it(void **state)
{
	struct script script = {.want = DF_E_PEER};
	struct df_dimse *d = NULL;
	struct df_why why = {0};
	uint16_t port;
	pid_t pid = start(&script, &port);

	(void)state;
	assert_int_equal(dial(&d, port, &why), DF_OK);
	df_dimse_abort(d);
	finish(pid);
}

static void nobody_there(void **state)
{
	struct df_dimse *d = NULL;
	struct df_why why = {0};

	(void)state;
	assert_int_equal(dial(&d, 1, &why), DF_E_PEER);
	assert_null(d);
}

/* Bytes that are no association request, or a lying one. */
static void raw_bytes(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum df_err want;
	} table[] = {
		{"GET / HTTP/1.1\r\n\r\n", 18, DF_E_FORMAT},
		{"\1\0\377\377\377\377", 6, DF_E_FORMAT},
		{"\4\0\0\0\0\6\0\0\0\2\1\3", 12, DF_E_FORMAT},
		{"\1\0\0\0\0\4\0\1", 8, DF_E_PEER},
		{"", 0, DF_E_PEER},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct script script = {.want = table[i].want};
		int pair[2];
		pid_t pid;

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		pid = fork();
		if (pid == 0) {
			close(pair[0]);
			_exit(serve_one(pair[1], &script));
		}
		close(pair[1]);
		assert_int_equal(write(pair[0], table[i].bytes, table[i].len),
				 (ssize_t)table[i].len);
		shutdown(pair[0], SHUT_WR);
		finish(pid);
		close(pair[0]);
	}
}

static void silence_times_out(void **state)
{
	struct script script = {.want = DF_E_TIMEOUT};
	int pair[2];
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid = fork();
	if (pid == 0) {
		close(pair[0]);
		_exit(serve_one(pair[1], &script));
	}
	close(pair[1]);
	finish(pid);
	close(pair[0]);
}

static void statuses(void **state)
{
	(void)state;
	assert_int_equal(df_store_status(DF_OK), 0);
	assert_int_equal(df_store_status(DF_E_NOSPACE), 0xa700);
	assert_int_equal(df_store_status(DF_E_FORMAT), 0xc000);
	assert_int_equal(df_store_status_err(0xb007), DF_OK);
	assert_int_equal(df_store_status_err(0xa701), DF_E_NOSPACE);
	assert_int_equal(df_store_status_err(0xa900), DF_E_REFUSED);
	assert_int_equal(df_store_status_err(0xc123), DF_E_REFUSED);
	assert_int_equal(df_store_status_err(0x0111), DF_E_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stores_bytes_as_they_are),
		cmocka_unit_test(refusals_keep_the_association),
		cmocka_unit_test(rejections),
		cmocka_unit_test(unknown_classes_when_wanted),
		cmocka_unit_test(abort_ends_it),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(raw_bytes),
		cmocka_unit_test(silence_times_out),
		cmocka_unit_test(statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
