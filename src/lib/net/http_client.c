/* http_client.c - see df/http_client.h: libcurl's multi interface on an epoll
 * descriptor of our own, so that a room's loop sees one descriptor. */
#include "df/http_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "df/clock.h"

#define CONNECT_MS 10000
#define STALL_MS 30000
#define EVENTS 64

struct df_http_client {
	CURLM *multi;
	int epoll_fd;
	int64_t deadline_ms; /* mono, by curl's wish; -1 = none */
	struct df_http_call *first;
	unsigned active;
	unsigned cancelled; /* calls that wait for their end */
};

struct df_http_call {
	struct df_http_client *client;
	struct df_http_call *next;
	CURL *easy;
	struct curl_slist *headers;
	struct df_http_request rq;
	struct df_http_tls tls;
	struct df_buf body;
	uint64_t body_at;	 /* bytes of the body that curl has */
	int64_t paused_until_ms; /* mono; 0 = not held back */
	int64_t paused_since_ms;
	uint64_t sink_bytes;
	int64_t started_ms;
	enum df_err failed; /* by the sink or a limit */
	struct df_why why;
	bool cancelled;
	char error[CURL_ERROR_SIZE];
};

/* --- curl's wishes about descriptors and time ------------------------------
 */

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *ctx,
		       void *per_socket)
{
	struct df_http_client *c = ctx;
	struct epoll_event ev = {.data.fd = fd};

	(void)easy;
	(void)per_socket;
	if (what == CURL_POLL_REMOVE) {
		/* curl may have closed it already, which removed it too */
		(void)epoll_ctl(c->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		ev.events |= EPOLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		ev.events |= EPOLLOUT;
	if (epoll_ctl(c->epoll_fd, EPOLL_CTL_MOD, fd, &ev) < 0 &&
	    epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -1;
	return 0;
}

static int want_time(CURLM *multi, long ms, void *ctx)
{
	struct df_http_client *c = ctx;

	(void)multi;
	c->deadline_ms = ms < 0 ? -1 : df_clock_mono_ms() + ms;
	return 0;
}

/* Progress counts when the line took the bytes, not when a kernel buffer of
 * megabytes did: keep what is unsent small, and notice a dead path. */
static int tune_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
	int low = 128 * 1024;
	unsigned dead_ms = STALL_MS;

	(void)ctx;
	(void)purpose;
	/* hints: a kernel without them works too */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &low, sizeof low);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms,
			 sizeof dead_ms);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "bbr", 3);
	return CURL_SOCKOPT_OK;
}

struct df_http_client *df_http_client_new(unsigned connections)
{
	struct df_http_client *c = df_xcalloc(1, sizeof *c);

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		df_bug("libcurl does not start");
	c->multi = curl_multi_init();
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (c->multi == NULL || c->epoll_fd < 0)
		df_bug("no HTTP client");
	c->deadline_ms = -1;
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, want_time);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
			  (long)connections);
	return c;
}

/* --- one call --------------------------------------------------------------
 */

static size_t take_body(char *ptr, size_t size, size_t count, void *ctx)
{
	struct df_http_call *call = ctx;
	size_t len = size * count;
	long status = 0;

	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	if (call->rq.sink != NULL &&
	    (call->rq.sink_status == 0 ? status == 200 || status == 206
				       : status == call->rq.sink_status)) {
		call->failed =
			call->rq.sink(call->rq.ctx, ptr, len, &call->why);
		if (call->failed == DF_OK)
			call->sink_bytes += len;
	} else {
		call->failed = df_buf_add(&call->body, ptr, len, &call->why);
	}
	return call->failed == DF_OK ? len : 0;
}

static bool body_is_file(const struct df_http_request *rq)
{
	return rq->body == NULL && rq->body_fd_len > 0;
}

static uint64_t body_size(const struct df_http_request *rq)
{
	return body_is_file(rq) ? rq->body_fd_len : rq->body_len;
}

/* How much may go now; 0: it waits, and the client wakes it. */
static size_t paced(struct df_http_call *call, size_t want)
{
	const struct df_http_pace *pace = call->rq.pace;
	int64_t now, wait_ms = 0;
	size_t n;

	if (pace == NULL)
		return want;
	n = pace->take(pace->ctx, want, &wait_ms);
	if (n > 0) {
		call->paused_since_ms = 0;
		return n;
	}
	now = df_clock_mono_ms();
	call->paused_until_ms = now + (wait_ms > 0 ? wait_ms : 1);
	if (call->paused_since_ms == 0)
		call->paused_since_ms = now;
	return 0;
}

static size_t give_body(char *to, size_t size, size_t count, void *ctx)
{
	struct df_http_call *call = ctx;
	uint64_t left = body_size(&call->rq) - call->body_at;
	size_t want = size * count;
	ssize_t n;

	if (want > left)
		want = (size_t)left;
	if (want == 0)
		return 0;
	want = paced(call, want);
	if (want == 0)
		return CURL_READFUNC_PAUSE;
	if (!body_is_file(&call->rq)) {
		memcpy(to, (const char *)call->rq.body + call->body_at, want);
		call->body_at += want;
		return want;
	}
	do
		n = pread(call->rq.body_fd, to, want,
			  (off_t)(call->rq.body_fd_off + call->body_at));
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		call->failed = df_fail(&call->why, DF_E_IO,
				       "cannot read the body to send");
		return CURL_READFUNC_ABORT;
	}
	call->body_at += (uint64_t)n;
	return (size_t)n;
}

/* curl starts over when a kept connection turns out to be dead. */
static int seek_body(void *ctx, curl_off_t offset, int origin)
{
	struct df_http_call *call = ctx;

	if (origin != SEEK_SET || offset < 0 ||
	    (uint64_t)offset > body_size(&call->rq))
		return CURL_SEEKFUNC_FAIL;
	call->body_at = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static CURLcode set_identity(CURL *easy, void *ssl_ctx, void *ctx)
{
	struct df_http_call *call = ctx;

	(void)easy;
	return call->tls.ssl_ctx(ssl_ctx, call->tls.ctx)
		       ? CURLE_OK
		       : CURLE_SSL_CERTPROBLEM;
}

static enum df_err set_pin(CURL *e, const char *pin, struct df_why *why)
{
	struct df_digest d;
	struct df_buf b;
	enum df_err rc;

	if (!df_digest_decode(&d, df_text_of(pin)))
		return df_fail(why, DF_E_CONFIG,
			       "fingerprint is not 64 hex digits");
	df_buf_init(&b, 128);
	rc = df_buf_add(&b, "sha256//", 8, why);
	if (rc == DF_OK)
		rc = df_base64_encode(&b, d.b, sizeof d.b);
	if (rc == DF_OK)
		rc = df_buf_u8(&b, 0);
	if (rc == DF_OK)
		curl_easy_setopt(e, CURLOPT_PINNEDPUBLICKEY,
				 (const char *)b.ptr);
	df_buf_release(&b);
	return rc;
}

static enum df_err set_tls(struct df_http_call *call, struct df_why *why)
{
	const struct df_http_tls *tls = &call->tls;
	bool pinned = tls->pin != NULL && tls->pin[0] != '\0';
	bool anchored = tls->ca_pem != NULL && tls->ca_pem[0] != '\0';
	CURL *e = call->easy;

	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(e, CURLOPT_SSL_CIPHER_LIST,
			 "ECDHE+AESGCM:ECDHE+CHACHA20");
	/* a resumed session would skip the checks above it */
	curl_easy_setopt(e, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	if (tls->ssl_ctx != NULL) {
		curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, set_identity);
		curl_easy_setopt(e, CURLOPT_SSL_CTX_DATA, call);
	}
	if (anchored) {
		struct curl_blob blob = {
			.data = df_xstrdup(tls->ca_pem), /* not const there */
			.len = strlen(tls->ca_pem),
			.flags = CURL_BLOB_COPY,
		};

		curl_easy_setopt(e, CURLOPT_CAINFO_BLOB, &blob);
		curl_easy_setopt(e, CURLOPT_CAPATH, NULL); /* only these */
		free(blob.data);
	}
	if (!pinned)
		return DF_OK;
	/* the key says who it is; a name in a certificate adds nothing */
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
	if (!anchored)
		curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
	return set_pin(e, tls->pin, why);
}

static void set_body(struct df_http_call *call)
{
	const struct df_http_request *rq = &call->rq;
	CURL *e = call->easy;

	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, call);
	if (rq->body != NULL || rq->body_fd_len > 0 ||
	    strcmp(rq->method, "POST") == 0 ||
	    strcmp(rq->method, "PATCH") == 0) {
		curl_easy_setopt(e, CURLOPT_POST, 1L);
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)body_size(rq));
		if (body_is_file(rq) || rq->pace != NULL) {
			curl_easy_setopt(e, CURLOPT_READFUNCTION, give_body);
			curl_easy_setopt(e, CURLOPT_READDATA, call);
			curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, seek_body);
			curl_easy_setopt(e, CURLOPT_SEEKDATA, call);
		} else {
			curl_easy_setopt(e, CURLOPT_POSTFIELDS,
					 rq->body != NULL ? rq->body : "");
		}
		curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024);
	}
	curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, rq->method); /* copied */
}

static void add_header(struct df_http_call *call, const char *line)
{
	struct curl_slist *more = curl_slist_append(call->headers, line);

	if (more == NULL)
		df_bug("out of memory");
	call->headers = more;
}

static enum df_err set_all(struct df_http_call *call, struct df_why *why)
{
	const struct df_http_request *rq = &call->rq;
	CURL *e = call->easy;

	curl_easy_setopt(e, CURLOPT_PRIVATE, call);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, call->error);
	curl_easy_setopt(e, CURLOPT_URL, rq->url); /* copied */
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_PROXY, ""); /* not from the environment */
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, tune_socket);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(
		e, CURLOPT_LOW_SPEED_TIME,
		(long)((rq->stall_ms > 0 ? rq->stall_ms : STALL_MS) + 999) /
			1000);
	if (rq->total_ms > 0)
		curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)rq->total_ms);
	for (size_t i = 0; i < rq->n_headers; i++)
		add_header(call, rq->headers[i]);
	add_header(call, "Expect:"); /* no round trip before a body */
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, call->headers);
	set_body(call);
	return set_tls(call, why);
}

static void free_call(struct df_http_call *call)
{
	curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	df_buf_release(&call->body);
	free(call);
}

enum df_err df_http_client_start(struct df_http_client *c,
				 const struct df_http_request *rq,
				 struct df_http_call **out, struct df_why *why)
{
	struct df_http_call *call;
	enum df_err rc;

	if (out != NULL)
		*out = NULL;
	if (strlen(rq->url) > DF_HTTP_URL_MAX)
		return df_fail(why, DF_E_LIMIT, "URL is too long");
	call = df_xcalloc(1, sizeof *call);
	call->client = c;
	call->rq = *rq;
	if (rq->tls != NULL)
		call->tls = *rq->tls;
	df_buf_init(&call->body, rq->max_response);
	call->started_ms = df_clock_mono_ms();
	call->easy = curl_easy_init();
	if (call->easy == NULL)
		df_bug("out of memory");
	rc = set_all(call, why);
	if (rc == DF_OK &&
	    curl_multi_add_handle(c->multi, call->easy) != CURLM_OK)
		rc = df_fail(why, DF_E_NOMEM, "cannot add a request");
	if (rc != DF_OK) {
		free_call(call);
		return rc;
	}
	call->next = c->first;
	c->first = call;
	c->active++;
	if (out != NULL)
		*out = call;
	return DF_OK;
}

/* --- how a call ends -------------------------------------------------------
 */

static enum df_err curl_err(CURLcode code)
{
	/* not an enum of ours: what is not named is the peer's failure */
	if (code == CURLE_OK)
		return DF_OK;
	if (code == CURLE_OPERATION_TIMEDOUT)
		return DF_E_TIMEOUT;
	if (code == CURLE_PEER_FAILED_VERIFICATION ||
	    code == CURLE_SSL_PINNEDPUBKEYNOTMATCH ||
	    code == CURLE_SSL_CERTPROBLEM)
		return DF_E_DENIED;
	if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
		return DF_E_FORMAT;
	if (code == CURLE_OUT_OF_MEMORY)
		return DF_E_NOMEM;
	return DF_E_PEER;
}

/* curl's own words may quote a host or certificate name: printable only. */
static void say_why(struct df_why *why, enum df_err err, CURLcode code,
		    const char *error)
{
	const char *from = error[0] != '\0' ? error : curl_easy_strerror(code);
	char text[160];
	size_t n = 0;

	for (; *from != '\0' && n < sizeof text - 1; from++)
		if (*from >= ' ' && *from <= '~')
			text[n++] = *from;
	text[n] = '\0';
	/* nearly always it is the time that is wrong, and not a certificate */
	if (strstr(text, "not yet valid") != NULL ||
	    strstr(text, "has expired") != NULL)
		(void)df_fail(why, err, "%s: is the clock of this node right?",
			      text);
	else
		(void)df_fail(why, err, "%s", text);
}

static void finish(struct df_http_call *call, CURLcode code)
{
	struct df_http_client *c = call->client;
	struct df_http_call **at = &c->first;
	struct df_http_result r = {.call = call};
	curl_off_t sent = 0;
	long status = 0;

	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(call->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	r.status = (int)status;
	r.sent_bytes = (uint64_t)sent;
	r.sink_bytes = call->sink_bytes;
	r.elapsed_ms = df_clock_mono_ms() - call->started_ms;
	if (call->cancelled) {
		r.err = df_fail(&r.why, DF_E_CANCELLED, "request cancelled");
		c->cancelled--;
	} else if (call->failed != DF_OK) {
		r.err = call->failed;
		r.why = call->why;
	} else if (code != CURLE_OK) {
		r.err = curl_err(code);
		say_why(&r.why, r.err, code, call->error);
	}
	r.body = call->body;
	call->body = (struct df_buf){0};

	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	c->active--;
	curl_multi_remove_handle(c->multi, call->easy);
	call->rq.done(call->rq.ctx, &r);
	df_buf_release(&r.body);
	free_call(call);
}

void df_http_call_cancel(struct df_http_call *call)
{
	if (call->cancelled)
		return;
	call->cancelled = true;
	call->client->cancelled++;
}

static struct df_http_call *find_cancelled(struct df_http_client *c)
{
	struct df_http_call *call = c->first;

	while (call != NULL && !call->cancelled)
		call = call->next;
	return call;
}

static void settle(struct df_http_client *c)
{
	CURLMsg *msg;
	int left;

	while (c->cancelled > 0)
		finish(find_cancelled(c), CURLE_OK);
	for (;;) {
		struct df_http_call *call = NULL;

		msg = curl_multi_info_read(c->multi, &left);
		if (msg == NULL)
			break;
		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &call);
		finish(call, msg->data.result);
	}
}

void df_http_client_free(struct df_http_client *c)
{
	if (c == NULL)
		return;
	for (struct df_http_call *call = c->first; call; call = call->next)
		df_http_call_cancel(call);
	while (c->first != NULL) {
		df_http_call_cancel(c->first); /* also what done() started */
		settle(c);
	}
	curl_multi_cleanup(c->multi);
	(void)close(c->epoll_fd); /* nothing to lose */
	free(c);
}

/* --- held back ---------------------------------------------------------------
 */

/* Of those that may ask again the one that has waited longest. */
static void wake_paced(struct df_http_client *c)
{
	struct df_http_call *best = NULL;
	int64_t now = df_clock_mono_ms();

	for (struct df_http_call *call = c->first; call; call = call->next)
		if (call->paused_until_ms != 0 && call->paused_until_ms <= now &&
		    (best == NULL ||
		     call->paused_since_ms < best->paused_since_ms))
			best = call;
	if (best == NULL)
		return;
	best->paused_until_ms = 0;
	/* what goes wrong in it ends the call as any failure does */
	(void)curl_easy_pause(best->easy, CURLPAUSE_CONT);
}

/* When the first may ask again, but not after deadline_ms; -1 = never. */
static int64_t paced_deadline(const struct df_http_client *c,
			      int64_t deadline_ms)
{
	for (const struct df_http_call *call = c->first; call;
	     call = call->next)
		if (call->paused_until_ms != 0 &&
		    (deadline_ms < 0 || call->paused_until_ms < deadline_ms))
			deadline_ms = call->paused_until_ms;
	return deadline_ms;
}

/* --- the loop's side -------------------------------------------------------
 */

int df_http_client_fd(const struct df_http_client *c)
{
	return c->epoll_fd;
}

int64_t df_http_client_timeout_ms(const struct df_http_client *c)
{
	int64_t deadline_ms = paced_deadline(c, c->deadline_ms), left;

	if (c->cancelled > 0)
		return 0;
	if (deadline_ms < 0)
		return -1;
	left = deadline_ms - df_clock_mono_ms();
	return left < 0 ? 0 : left;
}

void df_http_client_turn(struct df_http_client *c)
{
	struct epoll_event ev[EVENTS];
	int running;
	int n = epoll_wait(c->epoll_fd, ev, EVENTS, 0);

	for (int i = 0; i < n; i++) {
		int mask = 0;

		if (ev[i].events & EPOLLIN)
			mask |= CURL_CSELECT_IN;
		if (ev[i].events & EPOLLOUT)
			mask |= CURL_CSELECT_OUT;
		if (ev[i].events & (EPOLLERR | EPOLLHUP))
			mask |= CURL_CSELECT_ERR;
		curl_multi_socket_action(c->multi, ev[i].data.fd, mask,
					 &running);
	}
	wake_paced(c);
	if (c->deadline_ms >= 0 && c->deadline_ms <= df_clock_mono_ms()) {
		c->deadline_ms = -1; /* curl sets it again */
		curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0,
					 &running);
	}
	settle(c);
}

void df_http_client_wait(struct df_http_client *c, int64_t ms)
{
	struct pollfd p = {.fd = c->epoll_fd, .events = POLLIN};
	int64_t own = df_http_client_timeout_ms(c);

	if (own >= 0 && own < ms)
		ms = own;
	(void)poll(&p, 1, (int)ms); /* turn looks for itself */
	df_http_client_turn(c);
}

unsigned df_http_client_active(const struct df_http_client *c)
{
	return c->active;
}

bool df_http_result_header(const struct df_http_result *r, const char *name,
			   struct df_text *value)
{
	struct curl_header *h = NULL;

	if (curl_easy_header(r->call->easy, name, 0, CURLH_HEADER, -1, &h) !=
	    CURLHE_OK)
		return false;
	if (h->amount > 1 &&
	    curl_easy_header(r->call->easy, name, h->amount - 1, CURLH_HEADER,
			     -1, &h) != CURLHE_OK)
		return false;
	*value = df_text_of(h->value);
	return true;
}

bool df_http_result_date(const struct df_http_result *r, int64_t *ms)
{
	struct df_text value;
	time_t at;

	if (!df_http_result_header(r, "Date", &value))
		return false;
	at = curl_getdate(value.ptr, NULL); /* curl's own, terminated */
	*ms = (int64_t)at * 1000;
	return at != -1;
}
