/* http_test.c - our client against our server over loopback, in one thread:
 * late answers, streamed bodies, ranges, refusals, lost peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "df/clock.h"
#include "df/http_client.h"
#include "df/http_server.h"

struct bench {
	struct df_http_server *server;
	struct df_http_client *client;
	int listener;
	char base[64];
	struct df_http_exchange *held;
	uint64_t streamed;
	unsigned sum;
	unsigned heads, wholes, closes;
	int file;
	unsigned accepted;
};
static struct bench t;

struct reply {
	bool done;
	enum df_err err;
	int status;
	char body[256];
	size_t body_len;
	char offset[32];
	int64_t wait_ms;
	uint64_t sunk;
	enum df_err sink_err;
};

/* --- the server's side -------------------------------------------------- */

static void head(struct df_http_exchange *x, void *ctx)
{
	const char *path = df_http_path(x);
	struct df_text v;

	(void)ctx;
	t.heads++;
	if (strcmp(path, "/now") == 0)
		df_http_answer(x, 200, "text/plain",
			       df_http_peer(x)->fingerprint, 3);
	else if (strcmp(path, "/hold") == 0)
		t.held = x; /* nothing yet */
	else if (strcmp(path, "/stream") == 0)
		df_http_stream(x);
	else if (strcmp(path, "/echo") == 0)
		df_http_gather(x, 100);
	else if (strcmp(path, "/file") == 0)
		df_http_answer_fd(x, 206, "x/y", dup(t.file), 10, 100000);
	else if (strcmp(path, "/headed") == 0)
		df_http_answer_headed(x, 206, "x/y", df_text_of("0123456789"),
				      dup(t.file), 4, 7, 10);
	else if (strcmp(path, "/query") == 0 && df_http_query(x, "after", &v))
		df_http_answer(x, 200, "text/plain", v.ptr, v.len);
	else if (strcmp(path, "/busy") == 0 && df_http_query(x, "for", &v)) {
		df_http_answer_header(x, "Retry-After", v.ptr);
		df_http_answer_err(x, DF_E_AGAIN, NULL);
	} else
		df_http_answer_err(x, DF_E_NOTFOUND, NULL);
}

static enum df_err body(struct df_http_exchange *x, const void *ptr, size_t len,
			void *ctx, struct df_why *why)
{
	(void)x;
	(void)ctx;
	for (size_t i = 0; i < len; i++)
		t.sum += ((const uint8_t *)ptr)[i];
	t.streamed += len;
	if (t.streamed > 3000000)
		return df_fail(why, DF_E_NOSPACE, "full");
	return DF_OK;
}

static void whole(struct df_http_exchange *x, void *ctx)
{
	struct df_text got = df_http_gathered(x);
	struct df_why why;

	(void)ctx;
	t.wholes++;
	if (strcmp(df_http_path(x), "/echo") == 0) {
		df_http_answer(x, 200, "text/plain", got.ptr, got.len);
	} else if (df_http_body_err(x, &why) != DF_OK) {
		df_http_answer_err(x, why.err, why.text);
	} else {
		df_http_answer_header(x, "Upload-Offset", "42");
		t.held = x; /* answered later */
	}
}

static void closed(struct df_http_exchange *x, void *ctx)
{
	(void)ctx;
	if (t.held == x)
		t.held = NULL;
	t.closes++;
}

/* --- the client's side -------------------------------------------------- */

static void done(void *ctx, struct df_http_result *r)
{
	struct reply *reply = ctx;
	struct df_text v;

	assert_false(reply->done);
	reply->done = true;
	reply->err = r->err;
	reply->status = r->status;
	reply->wait_ms = df_http_result_wait_ms(r);
	reply->body_len = r->body.len;
	snprintf(reply->body, sizeof reply->body, "%.*s", (int)r->body.len,
		 r->body.ptr ? (char *)r->body.ptr : "");
	if (df_http_result_header(r, "upload-offset", &v))
		snprintf(reply->offset, sizeof reply->offset, "%.*s",
			 (int)v.len, v.ptr);
}

static enum df_err sink(void *ctx, const void *ptr, size_t len,
			struct df_why *why)
{
	struct reply *reply = ctx;

	(void)ptr;
	reply->sunk += len;
	if (reply->sink_err != DF_OK)
		return df_fail(why, reply->sink_err, "told to");
	return DF_OK;
}

static void turn(void)
{
	struct pollfd p[3] = {
		{.fd = df_http_client_fd(t.client), .events = POLLIN},
		{.fd = df_http_server_fd(t.server), .events = POLLIN},
		{.fd = t.listener, .events = POLLIN},
	};
	int64_t ms = 1000;
	int64_t a = df_http_client_timeout_ms(t.client);
	int64_t b = df_http_server_timeout_ms(t.server);

	if (a >= 0 && a < ms)
		ms = a;
	if (b >= 0 && b < ms)
		ms = b;
	poll(p, 3, (int)ms);
	if (p[2].revents) {
		struct df_http_peer peer = {"abc", "127.0.0.1"};
		int fd = accept(t.listener, NULL, NULL);

		t.accepted++;
		assert_int_equal(df_http_server_add(t.server, fd, &peer, NULL),
				 DF_OK);
	}
	df_http_server_turn(t.server);
	df_http_client_turn(t.client);
}

static struct df_http_call *ask(struct reply *reply, const char *method,
				const char *path, struct df_http_request rq)
{
	struct df_http_call *call = NULL;
	char url[128];

	snprintf(url, sizeof url, "%s%s", t.base, path);
	rq.method = method;
	rq.url = url;
	rq.done = done;
	rq.ctx = reply;
	if (rq.max_response == 0)
		rq.max_response = 200;
	assert_int_equal(df_http_client_start(t.client, &rq, &call, NULL),
			 DF_OK);
	return call;
}

static void until(const bool *flag)
{
	int64_t end = df_clock_mono_ms() + 20000;

	while (!*flag) {
		turn();
		assert_true(df_clock_mono_ms() < end);
	}
}

#define NOTHING ((struct df_http_request){0})

static int set_up(void **state)
{
	struct df_http_service s = {
		.head = head,
		.body = body,
		.whole = whole,
		.closed = closed,
		.body_max = 4u << 20,
		.idle_s = 30,
		.connections_max = 8,
	};
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;

	(void)state;
	t = (struct bench){0};
	t.listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(t.listener, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(t.listener, 8), 0);
	getsockname(t.listener, (struct sockaddr *)&a, &len);
	snprintf(t.base, sizeof t.base, "http://127.0.0.1:%u",
		 ntohs(a.sin_port));
	t.server = df_http_server_new(&s);
	t.client = df_http_client_new(4);
	t.file = memfd_create("file", 0);
	assert_int_equal(ftruncate(t.file, 1 << 20), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	df_http_client_free(t.client);
	df_http_server_free(t.server);
	assert_int_equal(t.heads, t.closes);
	close(t.listener);
	close(t.file);
	return 0;
}

/* --- cases ------------------------------------------------------------------
 */

static void answers_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct reply r = {0}, q = {0}, n = {0};

		ask(&r, "GET", "/now", NOTHING);
		until(&r.done);
		assert_int_equal(r.err, DF_OK);
		assert_int_equal(r.status, 200);
		assert_string_equal(r.body, "abc");
		ask(&q, "GET", "/query?after=17", NOTHING);
		until(&q.done);
		assert_string_equal(q.body, "17");
		ask(&n, "GET", "/none", NOTHING);
		until(&n.done);
		assert_int_equal(n.status, 404);
		assert_non_null(strstr(n.body, "NOTFOUND"));
	}
	assert_int_equal(t.accepted, 1); /* one connection, kept */
}

static void hears_when_to_come_again(void **state)
{
	static const struct {
		const char *path;
		int64_t least_ms, most_ms;
	} TABLE[] = {
		{"/busy?for=7", 7000, 7000},
		{"/busy?for=0", 0, 0},
		{"/busy?for=-5", 0, 0},
		{"/busy?for=soon", 0, 0},
		{"/busy?for=99999999999999999999", 0, 0},
		{"/busy?for=9999999", 86400000, 86400000},
		{"/busy?for=Sun%2C%2006%20Nov%201994%2008%3A49%3A37%20GMT", 0,
		 0},
		{"/busy?for=Fri%2C%2001%20Jan%202100%2000%3A00%3A00%20GMT",
		 86400000, 86400000},
		{"/now", 0, 0},
		{"/none", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof TABLE / sizeof TABLE[0]; i++) {
		struct reply r = {0};

		ask(&r, "GET", TABLE[i].path, NOTHING);
		until(&r.done);
		assert_int_equal(r.err, DF_OK);
		assert_in_range(r.wait_ms, TABLE[i].least_ms,
				TABLE[i].most_ms);
	}
}

static void answers_later(void **state)
{
	struct reply r = {0}, again = {0};

	(void)state;
	ask(&r, "GET", "/hold", NOTHING);
	while (t.held == NULL)
		turn();
	assert_false(r.done);
	df_http_answer(t.held, 200, "text/plain", "late", 4);
	until(&r.done);
	assert_string_equal(r.body, "late");
	ask(&again, "GET", "/now", NOTHING);
	until(&again.done);
	assert_int_equal(t.accepted, 1);
}

static void holds_then_reads_the_body(void **state)
{
	struct df_http_request rq = {.body = "hello", .body_len = 5};
	struct reply r = {0}, again = {0};

	(void)state;
	ask(&r, "POST", "/hold", rq);
	while (t.held == NULL)
		turn();
	df_http_stream(t.held);
	t.held = NULL;
	while (t.held == NULL)
		turn();
	assert_int_equal(t.streamed, 5);
	df_http_answer(t.held, 204, NULL, NULL, 0);
	until(&r.done);
	assert_int_equal(r.status, 204);
	assert_string_equal(r.offset, "42");
	/* answered before its body was read: read and dropped */
	ask(&again, "POST", "/now", rq);
	until(&again.done);
	assert_int_equal(again.status, 200);
	assert_int_equal(t.accepted, 1);
}

static void streams_bodies(void **state)
{
	struct df_http_request rq = {
		.body_fd = t.file, .body_fd_off = 1, .body_fd_len = 1000000};
	struct reply r = {0}, again = {0};

	(void)state;
	assert_int_equal(pwrite(t.file, "\x09\x01\x02", 3, 0), 3);
	ask(&r, "PATCH", "/stream", rq);
	while (t.held == NULL)
		turn();
	assert_int_equal(t.streamed, 1000000);
	assert_int_equal(t.sum, 3); /* the 9 stands before the range */
	df_http_answer(t.held, 204, NULL, NULL, 0);
	until(&r.done);
	assert_int_equal(r.status, 204);
	t.streamed = 2900000; /* the sink fails half way: told at the end */
	ask(&again, "PATCH", "/stream", rq);
	until(&again.done);
	assert_int_equal(again.status, 507);
	assert_int_equal(t.accepted, 1);
}

struct ration {
	uint64_t allowed, given;
};

static size_t take_ration(void *ctx, size_t want, int64_t *wait_ms)
{
	struct ration *r = ctx;
	uint64_t left = r->allowed - r->given;

	*wait_ms = 1;
	if (want > left)
		want = (size_t)left;
	r->given += want;
	return want;
}

/* No byte of a body leaves that was not allowed, from memory or a file; all
 * who share a pace come to their turn. */
static void keeps_to_a_pace(void **state)
{
	static char memory[50000];
	struct ration ration = {.allowed = 10000};
	struct df_http_pace pace = {take_ration, &ration};
	struct df_http_request file = {.body_fd = t.file,
				       .body_fd_len = 200000,
				       .pace = &pace};
	struct df_http_request mem = {.body = memory,
				      .body_len = sizeof memory,
				      .pace = &pace};
	struct reply r = {0}, m = {0}, poll = {0};
	int64_t end = df_clock_mono_ms() + 50;

	(void)state;
	ask(&r, "PATCH", "/stream", file);
	while (t.streamed < 10000 || df_clock_mono_ms() < end)
		turn();
	assert_int_equal(t.streamed, 10000);
	ask(&m, "POST", "/now", mem);
	ask(&poll, "GET", "/now", NOTHING); /* without a body: not held back */
	until(&poll.done);
	assert_int_equal(ration.given, 10000);
	assert_int_equal(t.streamed, 10000);
	for (int i = 0; !m.done; i++) {
		assert_true(i < 200);
		ration.allowed += 5000;
		while (!m.done && ration.given < ration.allowed)
			turn();
	}
	assert_int_equal(m.status, 200);
	/* they took turns: the large one was not left behind (what it was
	 * given arrives when the server's thread comes to it) */
	assert_in_range(ration.given - sizeof memory, 40000, 80000);
	assert_false(r.done);
	ration.allowed = 1000000;
	while (t.held == NULL)
		turn();
	assert_int_equal(t.streamed, 200000);
	assert_int_equal(ration.given, 250000);
	df_http_answer(t.held, 204, NULL, NULL, 0);
	until(&r.done);
	assert_int_equal(r.status, 204);
}

/* One that is held back can be cancelled, and freed with its client. */
static void ends_while_held_back(void **state)
{
	struct ration none = {0};
	struct df_http_pace pace = {take_ration, &none};
	struct df_http_request rq = {.body = "hello", .body_len = 5,
				     .pace = &pace};
	struct reply r = {0}, left = {0};
	struct df_http_call *call = ask(&r, "POST", "/echo", rq);

	(void)state;
	while (t.heads == 0)
		turn();
	df_http_call_cancel(call);
	until(&r.done);
	assert_int_equal(r.err, DF_E_CANCELLED);
	ask(&left, "POST", "/echo", rq);
	while (t.heads < 2)
		turn();
	df_http_client_free(t.client);
	t.client = NULL;
	assert_int_equal(left.err, DF_E_CANCELLED);
	while (t.closes < t.heads)
		df_http_server_turn(t.server);
}

static void sends_file_ranges(void **state)
{
	struct df_http_request rq = {.sink = sink};
	struct reply r = {0}, small = {0}, failing = {.sink_err = DF_E_IO};

	(void)state;
	ask(&r, "GET", "/file", rq);
	until(&r.done);
	assert_int_equal(r.err, DF_OK);
	assert_int_equal(r.status, 206);
	assert_int_equal(r.sunk, 100000);
	ask(&small, "GET", "/file", NOTHING); /* into 200 bytes of memory */
	until(&small.done);
	assert_int_equal(small.err, DF_E_LIMIT);
	ask(&failing, "GET", "/file", rq);
	until(&failing.done);
	assert_int_equal(failing.err, DF_E_IO);
}

/* Another head than the file's own: a piece across where they meet. */
static void sends_another_head(void **state)
{
	struct reply r = {0};
	uint8_t want[10] = "789", file[7];

	(void)state;
	assert_int_equal(pread(t.file, file, 7, 4), 7);
	memcpy(want + 3, file, 7);
	ask(&r, "GET", "/headed", NOTHING);
	until(&r.done);
	assert_int_equal(r.status, 206);
	assert_int_equal(r.body_len, 10);
	assert_memory_equal(r.body, want, 10);
}

static void refuses_large_bodies(void **state)
{
	char big[101] = "";
	struct df_http_request rq = {.body = big, .body_len = sizeof big};
	struct df_http_request huge = {.body_fd = t.file,
				       .body_fd_len = (4u << 20) + 1};
	struct reply r = {0}, ok = {0}, h = {0};

	(void)state;
	ask(&r, "POST", "/echo", rq);
	until(&r.done);
	assert_int_equal(r.status, 413);
	rq.body_len = 100;
	ask(&ok, "POST", "/echo", rq);
	until(&ok.done);
	assert_int_equal(ok.status, 200);
	assert_int_equal(ok.body_len, 100);
	assert_int_equal(ftruncate(t.file, 5 << 20), 0);
	ask(&h, "POST", "/stream", huge);
	until(&h.done);
	assert_true(h.status == 413 || h.err == DF_E_PEER);
	assert_int_equal(t.streamed, 0);
}

/* Bytes straight into the socket: what a careful client would never send. */
static void refuses_bad_framing(void **state)
{
	static const struct {
		const char *head;
		const char *want;
	} T[] = {
		{"POST /echo HTTP/1.1\r\nHost: a\r\n"
		 "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		 " 413 "},
		{"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
		 "Content-Length: 2\r\n\r\nab",
		 " 400 "},
		{"POST /echo HTTP/1.1\r\nHost: a\r\n"
		 "Content-Length: 99999999999999999999\r\n\r\n",
		 " 4"},
		{"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
		 " 4"},
		{"GET /now HTTP/1.1\r\n\r\n", " 400 "},
		{"\x16\x03\x01\x02\r\n\r\n", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof T / sizeof T[0]; i++) {
		struct df_http_peer peer = {"", "test"};
		char got[512] = "";
		ssize_t n = -1;
		int sp[2];

		assert_int_equal(
			socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sp),
			0);
		assert_int_equal(
			df_http_server_add(t.server, sp[0], &peer, NULL),
			DF_OK);
		assert_int_equal(write(sp[1], T[i].head, strlen(T[i].head)),
				 strlen(T[i].head));
		for (int k = 0; k < 20 && n < 0; k++) {
			df_http_server_turn(t.server);
			n = read(sp[1], got, sizeof got - 1);
		}
		assert_non_null(strstr(got, T[i].want));
		close(sp[1]);
		turn();
	}
	assert_int_equal(t.wholes, 0);
}

static void survives_lost_peers(void **state)
{
	struct reply r = {0};
	struct df_http_call *call;

	(void)state;
	call = ask(&r, "GET", "/hold", NOTHING);
	while (t.held == NULL)
		turn();
	df_http_call_cancel(call);
	until(&r.done);
	assert_int_equal(r.err, DF_E_CANCELLED);
	assert_non_null(t.held); /* rests until it is answered */
	df_http_answer(t.held, 200, "text/plain", "x", 1);
	while (t.closes < t.heads)
		turn();
}

static void reports_dead_servers(void **state)
{
	struct df_http_request rq = {.method = "GET", .max_response = 10};
	struct df_http_result out;

	(void)state;
	rq.url = "http://127.0.0.1:1/";
	df_http_fetch(&rq, &out);
	assert_int_equal(out.err, DF_E_PEER);
	assert_int_equal(out.status, 0);
	df_buf_release(&out.body);
	rq.url = "file:///etc/passwd";
	df_http_fetch(&rq, &out);
	assert_int_equal(out.err, DF_E_FORMAT);
	df_buf_release(&out.body);
}

static void caps_connections(void **state)
{
	struct df_http_peer peer = {"", "test"};
	int ends[9];
	int sp[2];

	(void)state;
	for (int i = 0; i < 9; i++) {
		enum df_err rc;

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sp), 0);
		ends[i] = sp[1];
		rc = df_http_server_add(t.server, sp[0], &peer, NULL);
		df_http_server_turn(t.server);
		assert_int_equal(rc, i < 8 ? DF_OK : DF_E_LIMIT);
	}
	for (int i = 0; i < 9; i++)
		close(ends[i]);
	for (int i = 0; i < 3; i++)
		df_http_server_turn(t.server);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sp), 0);
	assert_int_equal(df_http_server_add(t.server, sp[0], &peer, NULL),
			 DF_OK);
	close(sp[1]);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(answers_at_once),		 CASE(answers_later),
		CASE(hears_when_to_come_again),
		CASE(holds_then_reads_the_body), CASE(streams_bodies),
		CASE(sends_file_ranges),	 CASE(sends_another_head),
		CASE(refuses_large_bodies),
		CASE(refuses_bad_framing),	 CASE(survives_lost_peers),
		CASE(reports_dead_servers),	 CASE(caps_connections),
		CASE(keeps_to_a_pace),		 CASE(ends_while_held_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
