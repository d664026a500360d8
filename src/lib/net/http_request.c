/* http_request.c - what curl is told of a request, and its body. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "df/clock.h"
#include "http_private.h"

#define CONNECT_MS 10000
#define STALL_MS 30000
#define SLOWEST 32L /* bytes a second; what trickles stands still */
/* What is in curl's hands counts as sent: keep it small. */
#define UPLOAD_BUFFER 16384L

/* --- bodies ----------------------------------------------------------------
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

/* When the first wakes who waits for the same and came before; 0 = none. */
static int64_t before_us(const struct df_http_call *call)
{
	int64_t first_ms = 0;

	for (const struct df_http_call *o = call->client->first; o; o = o->next)
		if (o->paused_until_ms != 0 && o->rq.pace == call->rq.pace &&
		    (call->paused_number == 0 ||
		     o->paused_number < call->paused_number) &&
		    (first_ms == 0 || o->paused_until_ms < first_ms))
			first_ms = o->paused_until_ms;
	return first_ms;
}

/* How much may go now; 0: it waits, and the client wakes it. Whose socket
 * always has room would ask again before the others wake: he stands behind. */
static size_t paced(struct df_http_call *call, size_t want)
{
	const struct df_http_pace *pace = call->rq.pace;
	int64_t until_ms, wait_ms = 0;
	size_t n;

	if (pace == NULL)
		return want;
	until_ms = before_us(call);
	if (until_ms == 0) {
		n = pace->take(pace->ctx, want, &wait_ms);
		if (n > 0) {
			call->paused_number = 0;
			return n;
		}
		until_ms = df_clock_mono_ms() + (wait_ms > 0 ? wait_ms : 1);
	}
	call->paused_until_ms = until_ms;
	if (call->paused_number == 0)
		call->paused_number = ++call->client->last_paused;
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

/* An option that was not taken is a request without it: without a pin, say. */
#define set_option(easy, option, value) \
	taken(curl_easy_setopt(easy, option, value))
static void taken(CURLcode code)
{
	if (code == CURLE_OUT_OF_MEMORY)
		df_no_memory(0);
	if (code != CURLE_OK)
		df_bug("curl does not take an option: %s",
		       curl_easy_strerror(code));
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
		set_option(e, CURLOPT_PINNEDPUBLICKEY, (const char *)b.ptr);
	df_buf_release(&b);
	return rc;
}

static enum df_err set_tls(struct df_http_call *call, struct df_why *why)
{
	const struct df_http_tls *tls = &call->tls;
	bool pinned = tls->pin != NULL && tls->pin[0] != '\0';
	bool anchored = tls->ca_pem != NULL && tls->ca_pem[0] != '\0';
	CURL *e = call->easy;

	set_option(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	set_option(e, CURLOPT_SSL_CIPHER_LIST, "ECDHE+AESGCM:ECDHE+CHACHA20");
	/* a resumed session would skip the checks above it */
	set_option(e, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	if (tls->ssl_ctx != NULL) {
		set_option(e, CURLOPT_SSL_CTX_FUNCTION, set_identity);
		set_option(e, CURLOPT_SSL_CTX_DATA, call);
	}
	if (anchored) {
		struct curl_blob blob = {
			.data = df_xstrdup(tls->ca_pem), /* not const there */
			.len = strlen(tls->ca_pem),
			.flags = CURL_BLOB_COPY,
		};

		set_option(e, CURLOPT_CAINFO_BLOB, &blob);
		set_option(e, CURLOPT_CAPATH, NULL); /* only these */
		free(blob.data);
	}
	if (!pinned)
		return DF_OK;
	/* the key says who it is; a name in a certificate adds nothing */
	set_option(e, CURLOPT_SSL_VERIFYHOST, 0L);
	if (!anchored)
		set_option(e, CURLOPT_SSL_VERIFYPEER, 0L);
	return set_pin(e, tls->pin, why);
}

static void set_body(struct df_http_call *call)
{
	const struct df_http_request *rq = &call->rq;
	CURL *e = call->easy;

	set_option(e, CURLOPT_WRITEFUNCTION, take_body);
	set_option(e, CURLOPT_WRITEDATA, call);
	if (rq->body != NULL || rq->body_fd_len > 0 ||
	    strcmp(rq->method, "POST") == 0 ||
	    strcmp(rq->method, "PATCH") == 0) {
		set_option(e, CURLOPT_POST, 1L);
		set_option(e, CURLOPT_POSTFIELDSIZE_LARGE,
			   (curl_off_t)body_size(rq));
		if (body_is_file(rq) || rq->pace != NULL) {
			set_option(e, CURLOPT_READFUNCTION, give_body);
			set_option(e, CURLOPT_READDATA, call);
			set_option(e, CURLOPT_SEEKFUNCTION, seek_body);
			set_option(e, CURLOPT_SEEKDATA, call);
		} else {
			set_option(e, CURLOPT_POSTFIELDS,
				   rq->body != NULL ? rq->body : "");
		}
		set_option(e, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER);
	}
	set_option(e, CURLOPT_CUSTOMREQUEST, rq->method); /* copied */
}

/* What goes through it is still TLS with the peer, end to end. */
static void set_proxy(CURL *e, const struct df_http_proxy *proxy)
{
	if (proxy == NULL || proxy->url[0] == '\0') {
		set_option(e, CURLOPT_PROXY, ""); /* nor the environment's */
		return;
	}
	set_option(e, CURLOPT_PROXY, proxy->url);
	set_option(e, CURLOPT_NOPROXY, "");
	set_option(e, CURLOPT_HTTPPROXYTUNNEL, 1L);
	set_option(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	if (proxy->user == NULL || proxy->user[0] == '\0')
		return;
	set_option(e, CURLOPT_PROXYUSERNAME, proxy->user);
	set_option(e, CURLOPT_PROXYPASSWORD,
		   proxy->password != NULL ? proxy->password : "");
	set_option(e, CURLOPT_PROXYAUTH,
		   (long)(CURLAUTH_BASIC | CURLAUTH_DIGEST));
}

static void add_header(struct df_http_call *call, const char *line)
{
	struct curl_slist *more = curl_slist_append(call->headers, line);

	if (more == NULL)
		df_no_memory(strlen(line));
	call->headers = more;
}

enum df_err http_request_set(struct df_http_call *call, struct df_why *why)
{
	const struct df_http_request *rq = &call->rq;
	CURL *e = call->easy;

	set_option(e, CURLOPT_PRIVATE, call);
	set_option(e, CURLOPT_ERRORBUFFER, call->error);
	set_option(e, CURLOPT_URL, rq->url); /* copied */
	set_option(e, CURLOPT_PROTOCOLS_STR, "http,https");
	set_option(e, CURLOPT_FOLLOWLOCATION, 0L);
	set_option(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	set_option(e, CURLOPT_NOSIGNAL, 1L);
	set_option(e, CURLOPT_TCP_NODELAY, 1L);
	set_option(e, CURLOPT_TCP_KEEPALIVE, 1L);
	set_option(e, CURLOPT_SOCKOPTFUNCTION, http_socket_opened);
	set_option(e, CURLOPT_SOCKOPTDATA, call->client);
	set_option(e, CURLOPT_CLOSESOCKETFUNCTION, http_socket_close);
	set_option(e, CURLOPT_CLOSESOCKETDATA, call->client);
	set_option(e, CURLOPT_CONNECTTIMEOUT_MS,
		   (long)(rq->connect_ms > 0 ? rq->connect_ms : CONNECT_MS));
	if (rq->fresh)
		set_option(e, CURLOPT_FRESH_CONNECT, 1L);
	set_option(e, CURLOPT_LOW_SPEED_LIMIT, SLOWEST);
	set_option(e, CURLOPT_LOW_SPEED_TIME,
		   (long)((rq->stall_ms > 0 ? rq->stall_ms : STALL_MS) + 999) /
			   1000);
	if (rq->total_ms > 0)
		set_option(e, CURLOPT_TIMEOUT_MS, (long)rq->total_ms);
	for (size_t i = 0; i < rq->n_headers; i++)
		add_header(call, rq->headers[i]);
	add_header(call, "Expect:"); /* no round trip before a body */
	set_option(e, CURLOPT_HTTPHEADER, call->headers);
	set_proxy(e, rq->proxy);
	set_body(call);
	return set_tls(call, why);
}
