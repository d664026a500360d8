/* http_server.c - see df/http_server.h: libmicrohttpd without listening
 * socket and without threads; every answer may come later. */
#include "df/http_server.h"

#include <microhttpd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "df/peer.h"

/* request line and headers of one connection, and its read buffer */
#define CONNECTION_BYTES (128u * 1024)

struct connection {
	struct df_http_peer peer;
	struct connection *next; /* while it is being added */
	int fd;
};

struct df_http_server {
	struct MHD_Daemon *mhd;
	struct df_http_service service;
	struct connection *adding;
	struct df_http_exchange *first;
	unsigned connections;
	bool stopping;
	bool woken; /* something was resumed: turn before the next wait */
};

enum stage {
	HEAD,	/* the room has not said what to do with the body */
	BODY,	/* the body is being read */
	WHOLE,	/* read; the answer is due */
	QUEUED, /* the answer is with libmicrohttpd */
};

enum body_use { UNDECIDED, GATHER, STREAM, DROP };

struct header {
	struct header *next;
	char *name;
	char *value;
};

struct df_http_exchange {
	struct df_http_server *server;
	struct MHD_Connection *mhd;
	struct df_http_exchange *next;
	struct df_http_peer peer;
	char *method;
	char *path;
	uint64_t length;
	uint64_t received;
	enum stage stage;
	enum body_use use;
	struct df_buf body;
	enum df_err body_err;
	struct df_why body_why;
	struct header *headers;
	struct MHD_Response *response;
	unsigned status;
	void *mine;
	bool known;	 /* head() ran, so closed() will */
	bool rests;	 /* suspended */
	bool calling;	 /* inside a callback: no need to resume */
	bool head_again; /* the head comes once more after a rest */
};

/* --- answers -----------------------------------------------------------------
 */

static void wake(struct df_http_exchange *x)
{
	if (!x->rests)
		return;
	x->rests = false;
	x->server->woken = true;
	MHD_resume_connection(x->mhd);
}

static void rest(struct df_http_exchange *x)
{
	x->rests = true;
	MHD_suspend_connection(x->mhd);
}

void df_http_answer_header(struct df_http_exchange *x, const char *name,
			   const char *value)
{
	struct header *h = df_xcalloc(1, sizeof *h);

	h->name = df_xstrdup(name);
	h->value = df_xstrdup(value);
	h->next = x->headers;
	x->headers = h;
}

/* Ours, so it is valid: an answer without it would say something else. */
static void add_header(struct MHD_Response *response, const char *name,
		       const char *value)
{
	if (MHD_add_response_header(response, name, value) != MHD_YES)
		df_no_memory(strlen(name) + strlen(value));
}

static void answer(struct df_http_exchange *x, unsigned status,
		   const char *content_type, struct MHD_Response *response)
{
	if (response == NULL)
		df_bug("no memory for a response");
	if (x->response != NULL)
		df_bug("exchange answered twice");
	x->response = response;
	x->status = status;
	if (content_type != NULL)
		add_header(response, "Content-Type", content_type);
	for (struct header *h = x->headers; h != NULL; h = h->next)
		add_header(response, h->name, h->value);
	if (x->use == UNDECIDED)
		x->use = DROP;
	if (!x->calling)
		wake(x);
}

void df_http_answer(struct df_http_exchange *x, unsigned status,
		    const char *content_type, const void *ptr, size_t len)
{
	void *p = len > 0 ? df_xmalloc(len) : NULL;

	if (len > 0)
		memcpy(p, ptr, len);
	answer(x, status, content_type,
	       MHD_create_response_from_buffer(len, p, MHD_RESPMEM_MUST_FREE));
}

void df_http_answer_fd(struct df_http_exchange *x, unsigned status,
		       const char *content_type, int fd, uint64_t off,
		       uint64_t len)
{
	if (len == 0) {
		(void)close(fd); /* only read from */
		df_http_answer(x, status, content_type, NULL, 0);
		return;
	}
	answer(x, status, content_type,
	       MHD_create_response_from_fd_at_offset64(len, fd, off));
}

struct headed {
	struct df_text head; /* behind this struct */
	int fd;
	uint64_t off, first;
};

static ssize_t headed_read(void *ctx, uint64_t pos, char *to, size_t max)
{
	const struct headed *h = ctx;
	uint64_t at = h->first + pos;
	ssize_t n;

	if (at < h->head.len) {
		size_t left = h->head.len - (size_t)at;

		max = max < left ? max : left;
		memcpy(to, h->head.ptr + at, max);
		return (ssize_t)max;
	}
	n = pread(h->fd, to, max, (off_t)(h->off + at - h->head.len));
	return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void headed_free(void *ctx)
{
	struct headed *h = ctx;

	(void)close(h->fd); /* only read from */
	free(h);
}

void df_http_answer_headed(struct df_http_exchange *x, unsigned status,
			   const char *content_type, struct df_text head,
			   int fd, uint64_t off, uint64_t first, uint64_t len)
{
	struct headed *h = df_xmalloc(sizeof *h + head.len);

	*h = (struct headed){{(char *)(h + 1), head.len}, fd, off, first};
	memcpy(h + 1, head.ptr, head.len);
	answer(x, status, content_type,
	       MHD_create_response_from_callback(len, 65536, headed_read, h,
						 headed_free));
}

void df_http_answer_err(struct df_http_exchange *x, enum df_err err,
			const char *text)
{
	struct df_buf b;

	df_buf_init(&b, 4096);
	if (df_peer_error_encode(&b, err, text) != DF_OK)
		df_buf_clear(&b);
	df_http_answer(x, df_http_status(err), DF_PEER_TYPE_JSON, b.ptr, b.len);
	df_buf_release(&b);
}

void df_http_gather(struct df_http_exchange *x, size_t max)
{
	x->use = GATHER;
	df_buf_init(&x->body, max);
	if (x->length > max)
		df_http_answer_err(x, DF_E_LIMIT, "body too large");
	else if (!x->calling)
		wake(x);
}

void df_http_stream(struct df_http_exchange *x)
{
	x->use = STREAM;
	if (!x->calling)
		wake(x);
}

/* --- what was asked ----------------------------------------------------- */

const char *df_http_method(const struct df_http_exchange *x)
{
	return x->method;
}

const char *df_http_path(const struct df_http_exchange *x)
{
	return x->path;
}

const struct df_http_peer *df_http_peer(const struct df_http_exchange *x)
{
	return &x->peer;
}

uint64_t df_http_length(const struct df_http_exchange *x)
{
	return x->length;
}

static bool look_up(const struct df_http_exchange *x, enum MHD_ValueKind kind,
		    const char *name, struct df_text *value)
{
	const char *s = MHD_lookup_connection_value(x->mhd, kind, name);

	if (s == NULL)
		return false;
	*value = df_text_of(s);
	return true;
}

bool df_http_request_header(const struct df_http_exchange *x, const char *name,
			    struct df_text *value)
{
	return look_up(x, MHD_HEADER_KIND, name, value);
}

bool df_http_query(const struct df_http_exchange *x, const char *name,
		   struct df_text *value)
{
	return look_up(x, MHD_GET_ARGUMENT_KIND, name, value);
}

void df_http_set(struct df_http_exchange *x, void *mine)
{
	x->mine = mine;
}

void *df_http_get(const struct df_http_exchange *x)
{
	return x->mine;
}

struct df_text df_http_gathered(const struct df_http_exchange *x)
{
	return (struct df_text){(const char *)x->body.ptr, x->body.len};
}

enum df_err df_http_body_err(const struct df_http_exchange *x,
			     struct df_why *why)
{
	if (x->body_err != DF_OK && why != NULL)
		*why = x->body_why;
	return x->body_err;
}

/* --- one request through libmicrohttpd ---------------------------------- */

static enum MHD_Result count_length(void *ctx, enum MHD_ValueKind kind,
				    const char *name, const char *value)
{
	unsigned *n = ctx;

	(void)kind;
	(void)value;
	if (strcasecmp(name, "Content-Length") == 0)
		++*n;
	return MHD_YES;
}

/* One length, written once, and no other framing. */
static enum df_err check_framing(struct df_http_exchange *x, const char **text)
{
	struct df_text value;
	unsigned lengths = 0;

	*text = "body needs one Content-Length";
	if (df_http_request_header(x, "Transfer-Encoding", &value))
		return DF_E_LIMIT;
	(void)MHD_get_connection_values(x->mhd, MHD_HEADER_KIND, count_length,
					&lengths); /* counted */
	if (lengths > 1)
		return DF_E_FORMAT;
	if (lengths == 0)
		return DF_OK;
	if (!df_http_request_header(x, "Content-Length", &value) ||
	    !df_text_u64(value, &x->length))
		return DF_E_FORMAT;
	*text = "body too large";
	return x->length > x->server->service.body_max ? DF_E_LIMIT : DF_OK;
}

static struct df_http_exchange *new_exchange(struct df_http_server *s,
					     struct MHD_Connection *mhd,
					     const char *path,
					     const char *method)
{
	struct df_http_exchange *x = df_xcalloc(1, sizeof *x);
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	x->server = s;
	x->mhd = mhd;
	x->path = df_xstrdup(path);
	x->method = df_xstrdup(method);
	if (info != NULL && info->socket_context != NULL)
		x->peer =
			((const struct connection *)info->socket_context)->peer;
	x->next = s->first;
	s->first = x;
	return x;
}

static enum MHD_Result queue_answer(struct df_http_exchange *x)
{
	enum MHD_Result ok = MHD_queue_response(x->mhd, x->status, x->response);

	MHD_destroy_response(x->response); /* MHD keeps its own reference */
	x->stage = QUEUED;
	return ok;
}

static enum MHD_Result begin(struct df_http_exchange *x)
{
	struct df_http_service *service = &x->server->service;
	const char *text = "";
	enum df_err rc = check_framing(x, &text);

	if (rc != DF_OK) {
		df_http_answer_err(x, rc, text);
		return queue_answer(x); /* closes: the body is not read */
	}
	x->known = true;
	x->calling = true;
	service->head(x, service->ctx);
	x->calling = false;
	if (x->use == UNDECIDED) {
		x->head_again = true;
		rest(x);
		return MHD_YES;
	}
	x->stage = BODY;
	return MHD_YES;
}

static void take_piece(struct df_http_exchange *x, const char *ptr, size_t len)
{
	struct df_http_service *service = &x->server->service;

	x->received += len;
	if (x->body_err != DF_OK || x->response != NULL)
		return; /* read and dropped */
	x->calling = true;
	if (x->use == GATHER)
		x->body_err = df_buf_add(&x->body, ptr, len, &x->body_why);
	else if (x->use == STREAM)
		x->body_err =
			service->body(x, ptr, len, service->ctx, &x->body_why);
	x->calling = false;
}

static enum MHD_Result complete(struct df_http_exchange *x)
{
	struct df_http_service *service = &x->server->service;

	if (x->stage == BODY) {
		x->stage = WHOLE;
		if (x->response == NULL) {
			x->calling = true;
			service->whole(x, service->ctx);
			x->calling = false;
		}
	}
	if (x->response != NULL)
		return queue_answer(x);
	rest(x);
	return MHD_YES;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *mhd,
				  const char *path, const char *method,
				  const char *version, const char *data,
				  size_t *len, void **mine)
{
	struct df_http_server *s = ctx;
	struct df_http_exchange *x = *mine;

	(void)version;
	if (s->stopping)
		return MHD_NO;
	if (x == NULL) {
		x = new_exchange(s, mhd, path, method);
		*mine = x;
		return begin(x);
	}
	if (x->head_again && *len == 0) {
		x->head_again = false;
		x->stage = BODY;
		return MHD_YES;
	}
	if (x->stage == QUEUED) {
		*len = 0;
		return MHD_YES;
	}
	if (*len > 0) {
		take_piece(x, data, *len);
		*len = 0;
		return MHD_YES;
	}
	return complete(x);
}

static void on_completed(void *ctx, struct MHD_Connection *mhd, void **mine,
			 enum MHD_RequestTerminationCode code)
{
	struct df_http_server *s = ctx;
	struct df_http_exchange *x = *mine;
	struct df_http_exchange **at = &s->first;

	(void)mhd;
	(void)code;
	if (x == NULL)
		return;
	*mine = NULL;
	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	if (x->known)
		s->service.closed(x, s->service.ctx);
	if (x->response != NULL && x->stage != QUEUED)
		MHD_destroy_response(x->response);
	while (x->headers != NULL) {
		struct header *h = x->headers;

		x->headers = h->next;
		free(h->name);
		free(h->value);
		free(h);
	}
	df_buf_release(&x->body);
	free(x->method);
	free(x->path);
	free(x);
}

/* --- connections -------------------------------------------------------- */

static void on_connection(void *ctx, struct MHD_Connection *mhd, void **mine,
			  enum MHD_ConnectionNotificationCode code)
{
	struct df_http_server *s = ctx;
	int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)
			 ->connect_fd;
	struct connection **at = &s->adding;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		free(*mine);
		*mine = NULL;
		s->connections--;
		return;
	}
	while (*at != NULL && (*at)->fd != fd)
		at = &(*at)->next;
	if (*at == NULL)
		df_bug("connection of nobody");
	*mine = *at;
	*at = (*at)->next;
	s->connections++;
}

enum df_err df_http_server_add(struct df_http_server *s, int fd,
			       const struct df_http_peer *peer,
			       struct df_why *why)
{
	struct sockaddr_un nobody = {.sun_family = AF_UNIX};
	struct connection *c;

	if (s->connections >= s->service.connections_max) {
		(void)close(fd); /* refused */
		return df_fail(why, DF_E_LIMIT, "too many connections");
	}
	c = df_xcalloc(1, sizeof *c);
	c->peer = *peer;
	c->fd = fd;
	c->next = s->adding;
	s->adding = c;
	s->woken = true;
	/* takes fd in any case; on failure it is closed and never notified */
	if (MHD_add_connection(s->mhd, fd, (struct sockaddr *)&nobody,
			       sizeof nobody) != MHD_YES) {
		if (s->adding == c) {
			s->adding = c->next;
			free(c);
		}
		return df_fail(why, DF_E_LIMIT, "cannot serve a connection");
	}
	return DF_OK;
}

static void no_log(void *ctx, const char *fmt, va_list ap)
{
	/* it only grumbles about TCP options on a socketpair */
	(void)ctx;
	(void)fmt;
	(void)ap;
}

struct df_http_server *df_http_server_new(const struct df_http_service *service)
{
	struct df_http_server *s = df_xcalloc(1, sizeof *s);

	s->service = *service;
	/* sendfile has no MSG_NOSIGNAL */
	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail */
	s->mhd = MHD_start_daemon(
		MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL |
			MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
		0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER,
		no_log, NULL, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
		MHD_OPTION_CONNECTION_TIMEOUT, service->idle_s,
		MHD_OPTION_CONNECTION_LIMIT, service->connections_max,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
		MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (s->mhd == NULL)
		df_bug("libmicrohttpd does not start");
	return s;
}

void df_http_server_free(struct df_http_server *s)
{
	if (s == NULL)
		return;
	s->stopping = true;
	for (struct df_http_exchange *x = s->first; x != NULL; x = x->next)
		wake(x); /* MHD insists: none may rest when it stops */
	MHD_stop_daemon(s->mhd);
	free(s);
}

int df_http_server_fd(const struct df_http_server *s)
{
	return MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int64_t df_http_server_timeout_ms(struct df_http_server *s)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (s->woken)
		return 0;
	if (MHD_get_timeout(s->mhd, &ms) != MHD_YES)
		return -1;
	return ms > INT32_MAX ? INT32_MAX : (int64_t)ms;
}

void df_http_server_turn(struct df_http_server *s)
{
	s->woken = false;
	(void)MHD_run(s->mhd); /* fails only for a daemon of another kind */
}
