/*
 * http_server.h - HTTP/1.1 on connections that somebody else accepted.
 *
 * The server never listens and never holds a TLS key: it is given connected
 * stream sockets (one end of a socketpair that front pumps) together with who
 * is at the other end. One epoll descriptor goes into the room's loop, as with
 * http_client.h: watch it, wake up after df_http_server_timeout_ms(), call
 * df_http_server_turn(); call it also once after answering from elsewhere.
 *
 * Life of an exchange, all calls from inside turn():
 *   head     method, path and headers are there, no byte of the body yet.
 *            Then or later the room calls df_http_gather, df_http_stream or
 *            df_http_answer; until then the connection rests.
 *   body     (only after df_http_stream) the next piece; an error is kept,
 *            what follows is read and dropped, `whole` still comes.
 *   whole    the body is complete. Then or later the room answers.
 *   closed   answered and gone, or the connection was lost before: the last
 *            call; the exchange is no longer valid after it.
 * A request that declares Transfer-Encoding, no length, two lengths or more
 * than body_max is refused before `head` or any allocation.
 */
#ifndef DF_HTTP_SERVER_H
#define DF_HTTP_SERVER_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

struct df_http_server;
struct df_http_exchange;

struct df_http_peer {
	char fingerprint[DF_HEX_LEN + 1]; /* hex, or "" without certificate */
	char address[64];
};

struct df_http_service {
	void (*head)(struct df_http_exchange *x, void *ctx);
	enum df_err (*body)(struct df_http_exchange *x, const void *ptr,
			    size_t len, void *ctx, struct df_why *why);
	void (*whole)(struct df_http_exchange *x, void *ctx);
	void (*closed)(struct df_http_exchange *x, void *ctx);
	void *ctx;
	uint64_t body_max;         /* largest body of any resource */
	unsigned idle_s;           /* without progress: connection closed */
	unsigned connections_max;
};

struct df_http_server *df_http_server_new(const struct df_http_service *service);
void df_http_server_free(struct df_http_server *s); /* closes; NULL is fine */
/* Takes fd, also on failure. DF_E_LIMIT when there are too many. */
DF_MUST_CHECK enum df_err df_http_server_add(struct df_http_server *s, int fd,
					     const struct df_http_peer *peer,
					     struct df_why *why);

int df_http_server_fd(const struct df_http_server *s);
/* -1 = nothing to wait for but the descriptor; 0 = turn now. */
int64_t df_http_server_timeout_ms(struct df_http_server *s);
void df_http_server_turn(struct df_http_server *s);

/* What was asked. Texts live as long as the exchange. */
const char *df_http_method(const struct df_http_exchange *x);
const char *df_http_path(const struct df_http_exchange *x);
const struct df_http_peer *df_http_peer(const struct df_http_exchange *x);
uint64_t df_http_length(const struct df_http_exchange *x); /* of the body */
bool df_http_request_header(const struct df_http_exchange *x, const char *name,
			    struct df_text *value);
bool df_http_query(const struct df_http_exchange *x, const char *name,
		   struct df_text *value);

/* The room's own pointer. */
void df_http_set(struct df_http_exchange *x, void *mine);
void *df_http_get(const struct df_http_exchange *x);

/* Read the body into memory, at most max bytes (else the exchange answers
 * 413 by itself); then `whole`. */
void df_http_gather(struct df_http_exchange *x, size_t max);
struct df_text df_http_gathered(const struct df_http_exchange *x);
/* Hand the body to `body` as it comes. */
void df_http_stream(struct df_http_exchange *x);
/* First error that `body` returned, or DF_OK. */
enum df_err df_http_body_err(const struct df_http_exchange *x,
			     struct df_why *why);

/* Adds a header to the answer to come. */
void df_http_answer_header(struct df_http_exchange *x, const char *name,
			   const char *value);
/* Once an exchange, any time after `head` (an unread body is read and dropped
 * first). Copies. */
void df_http_answer(struct df_http_exchange *x, unsigned status,
		    const char *content_type, const void *ptr, size_t len);
/* An error as peer.h words it; text NULL = what the error says itself. */
void df_http_answer_err(struct df_http_exchange *x, enum df_err err,
			const char *text);
/* Sends [off, off + len) of fd; takes fd. */
void df_http_answer_fd(struct df_http_exchange *x, unsigned status,
		       const char *content_type, int fd, uint64_t off,
		       uint64_t len);
/* Sends [first, first + len) of what begins with head (copied) and goes on at
 * `off` of fd; takes fd. */
void df_http_answer_headed(struct df_http_exchange *x, unsigned status,
			   const char *content_type, struct df_text head,
			   int fd, uint64_t off, uint64_t first, uint64_t len);

#ifdef __cplusplus
}
#endif
#endif
