/*
 * http_client.h - HTTP/1.1 requests with libcurl, many at once, no thread.
 *
 * A client owns one epoll descriptor: watch it (readable) in the room's loop,
 * wake up after df_http_client_timeout_ms() at the latest, and call
 * df_http_client_turn() then; every callback runs inside that call. A program
 * without a loop calls df_http_client_wait() until it has what it wants.
 *
 * Fixed here: http and https only, no redirects, no proxy from the
 * environment, TCP_NODELAY, BBR where the kernel offers it, 10 s to connect,
 * 30 s without progress in either direction ends a request with DF_E_TIMEOUT,
 * TLS 1.2 with AEAD or 1.3.
 * Any HTTP status is a result, not an error: read `status`. Errors are
 * DF_E_PEER (cannot reach, TLS refused, cut), DF_E_TIMEOUT, DF_E_LIMIT
 * (response larger than allowed), DF_E_DENIED (certificate or pinned key does
 * not match), DF_E_CANCELLED, DF_E_FORMAT (not HTTP, bad URL), or what the
 * sink returned.
 */
#ifndef DF_HTTP_CLIENT_H
#define DF_HTTP_CLIENT_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_HTTP_URL_MAX 2048u

struct df_http_client;
struct df_http_call; /* one request under way */

/* How to trust a server and who we are. Borrowed while any request uses it. */
struct df_http_tls {
	/* Trust anchors, PEM; NULL or "" = the system's. */
	const char *ca_pem;
	/* Fingerprint the server's key must have: hex SHA-256 of its
	 * SubjectPublicKeyInfo. NULL or "" = not pinned, the host name must
	 * match the certificate. When pinned, the name is not looked at; when
	 * pinned without ca_pem, the pin alone decides (enrolment). */
	const char *pin;
	/* Called with an SSL_CTX before each handshake, to set our
	 * certificate and key; may be NULL. False refuses the connection. */
	bool (*ssl_ctx)(void *ssl_ctx, void *ctx);
	void *ctx;
};

/* Holds what is sent to a rate, over as many requests as share it. */
struct df_http_pace {
	/* How many of `want` bytes of a body may leave now; 0: none, ask again
	 * after *wait_ms. */
	size_t (*take)(void *ctx, size_t want, int64_t *wait_ms);
	void *ctx;
};

/* A proxy of the house (CONNECT); TLS is with the peer all the same. */
struct df_http_proxy {
	const char *url;  /* "http://HOST:PORT" */
	const char *user; /* NULL or "" = none; Basic or Digest */
	const char *password;
};

struct df_http_result {
	enum df_err err;   /* DF_OK: a whole response came */
	struct df_why why; /* when err is set; printable ASCII */
	int status;        /* 0 when no response head came */
	struct df_buf body; /* released after done(); df_buf_give to keep it */
	uint64_t sent_bytes;   /* of the body */
	uint64_t sink_bytes;   /* given to the sink */
	int64_t elapsed_ms;
	struct df_http_call *call; /* for df_http_result_header */
};

struct df_http_request {
	const char *method; /* "GET", "POST", "PATCH", "OPTIONS" */
	const char *url;    /* copied */
	/* "Name: value", copied; NULL = none */
	const char *const *headers;
	size_t n_headers;
	const struct df_http_tls *tls; /* NULL = system trust, no identity */

	/* Body: memory (borrowed until done), or a range of a file (fd
	 * borrowed until done, read with pread), or neither. */
	const void *body;
	size_t body_len;
	int body_fd; /* used when body is NULL and body_fd_len > 0 */
	uint64_t body_fd_off;
	uint64_t body_fd_len;

	/* Of the body; NULL = as fast as it goes. Borrowed until done. Who has
	 * waited longest goes first. */
	const struct df_http_pace *pace;

	size_t max_response; /* bytes of a response kept in memory */
	/* When set, the body of a response with sink_status (0: 200 or 206)
	 * goes here instead; an error ends the request with it. Bodies of
	 * other statuses go to memory. */
	int sink_status;
	enum df_err (*sink)(void *ctx, const void *ptr, size_t len,
			    struct df_why *why);
	const struct df_http_proxy *proxy; /* borrowed; NULL = none */
	bool fresh;	    /* over a connection of its own */
	int64_t connect_ms; /* 0 = 10 s, TLS included */
	bool patient;	  /* the peer may take its time: a long poll */
	int64_t stall_ms; /* 0 = 30 s; a long poll needs more than it asks */
	int64_t total_ms; /* 0 = no limit */
	/* Exactly once, never from inside df_http_client_start(); it may start
	 * and cancel requests, but not free the client. */
	void (*done)(void *ctx, struct df_http_result *result);
	void *ctx;
};

/* connections: at most so many to one host at once (more requests wait). */
struct df_http_client *df_http_client_new(unsigned connections);
/* Ends all requests with DF_E_CANCELLED first. NULL is fine. */
void df_http_client_free(struct df_http_client *c);

/* The request is copied but for what is said to be borrowed. */
DF_MUST_CHECK enum df_err df_http_client_start(struct df_http_client *c,
					       const struct df_http_request *rq,
					       struct df_http_call **call,
					       struct df_why *why);
/* done() runs with DF_E_CANCELLED at the next turn; the borrowed memory, fd
 * and ctx must live until then. */
void df_http_call_cancel(struct df_http_call *call);

/* True when all of the body that comes from a file has left for the kernel;
 * what is left is to hear the answer. */
bool df_http_call_sent(const struct df_http_call *call);
/*
 * Requests over open connections from which nothing has come, not even an
 * acknowledgement: for line_ms though bytes of ours are on the way (that is the
 * line), or for peer_ms though all has arrived there (that may be the peer);
 * and those of which the peer has taken nothing for peer_ms although there is
 * more to send. Says how many; cut ends them with DF_E_CANCELLED. Sees what was
 * taken since the last look: to be asked a few times a second.
 */
struct df_http_silence {
	int64_t line_ms;
	int64_t peer_ms;
};
unsigned df_http_client_silent(struct df_http_client *c,
			       const struct df_http_silence *most, bool cut);

/* What TCP knows of the way to the peer. */
struct df_http_way {
	uint64_t acked_bytes; /* acknowledged since the client was made */
	unsigned open;	      /* connections, those that connect included */
	unsigned idle;	      /* of them without a request */
	uint32_t rtt_us;      /* of the best; 0 = unknown */
	char congestion[16];  /* "bbr", "cubic"; "" = none is open */
};
void df_http_client_way(struct df_http_client *c, struct df_http_way *way);

int df_http_client_fd(const struct df_http_client *c);
/* -1 = nothing to wait for but the descriptor; 0 = turn now. */
int64_t df_http_client_timeout_ms(const struct df_http_client *c);
void df_http_client_turn(struct df_http_client *c);
/* Waits for at most ms (or less), then turns. For programs without a loop. */
void df_http_client_wait(struct df_http_client *c, int64_t ms);
unsigned df_http_client_active(const struct df_http_client *c);

/* The server's time (header Date), wall ms; only inside done(). */
bool df_http_result_date(const struct df_http_result *r, int64_t *ms);
/* How long a server that answered 429 or 503 asks to be left alone, at most a
 * day; 0 = it does not say. Only inside done(). */
int64_t df_http_result_wait_ms(const struct df_http_result *r);
/* Last value of a response header, only inside done(); false when absent. */
bool df_http_result_header(const struct df_http_result *r, const char *name,
			   struct df_text *value);

/*
 * One request, waited for: for the command line. Same fields; done, ctx and
 * the client are made here. The caller releases out->body.
 */
void df_http_fetch(const struct df_http_request *rq,
		   struct df_http_result *out);

#ifdef __cplusplus
}
#endif
#endif
