/* http_client.c - see df/http_client.h: libcurl's multi interface on an epoll
 * descriptor of our own, so that a room's loop sees one descriptor. */
#include "df/http_client.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "df/clock.h"
#include "http_private.h"

#define EVENTS 64
#define WAIT_MAX_MS (24 * 60 * 60 * 1000) /* that a server may ask for */

/* --- curl's wishes about descriptors and time ------------------------------
 */

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *ctx,
		       void *per_socket)
{
	struct df_http_client *c = ctx;
	struct epoll_event ev = {.data.fd = fd};
	struct df_http_call *call = NULL;

	(void)per_socket;
	/* curl closes old connections with a handle of its own */
	(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call);
	if (call != NULL)
		call->fd = what == CURL_POLL_REMOVE ? -1 : fd;
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
	call->fd = -1;
	rc = http_request_set(call, why);
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

/* A person must know which of the two machines it was. */
static void blame_proxy(const struct df_http_call *call, CURLcode code,
			struct df_why *why)
{
	const struct df_http_proxy *proxy = call->rq.proxy;
	struct df_why said = *why;
	long answer = 0;

	if (proxy == NULL || proxy->url[0] == '\0')
		return;
	curl_easy_getinfo(call->easy, CURLINFO_HTTP_CONNECTCODE, &answer);
	if (answer == 407)
		(void)df_fail(why, why->err,
			      "the proxy wants a name and password, or others "
			      "than these (407)");
	else if (answer >= 400)
		(void)df_fail(why, why->err,
			      "the proxy does not let us through (%ld)", answer);
	else if (code == CURLE_COULDNT_CONNECT ||
		 code == CURLE_COULDNT_RESOLVE_PROXY)
		(void)df_fail(why, why->err, "the proxy is not there: %.110s",
			      said.text);
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
		blame_proxy(call, code, &r.why);
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
	while (c->sockets != NULL) { /* curl leaves none */
		struct http_socket *s = c->sockets;

		c->sockets = s->next;
		free(s);
	}
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
		if (call->paused_until_ms != 0 &&
		    call->paused_until_ms <= now &&
		    (best == NULL || call->paused_number < best->paused_number))
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

int64_t df_http_result_wait_ms(const struct df_http_result *r)
{
	struct df_text value;
	uint64_t seconds;
	int64_t ms;
	time_t at;

	if ((r->status != 503 && r->status != 429) ||
	    !df_http_result_header(r, "Retry-After", &value))
		return 0;
	if (df_text_u64(value, &seconds)) {
		ms = seconds < WAIT_MAX_MS / 1000 ? (int64_t)seconds * 1000
						  : WAIT_MAX_MS;
	} else {
		at = curl_getdate(value.ptr, NULL); /* curl's, terminated */
		ms = at == -1 ? 0 : (int64_t)at * 1000 - df_clock_wall_ms();
	}
	if (ms < 0)
		return 0;
	return ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS;
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
