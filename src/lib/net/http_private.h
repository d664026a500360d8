/* http_private.h - private to the module: what the three files of the client
 * know of a request. http_client.c runs them, http_request.c tells curl what is
 * wanted, http_socket.c looks after the sockets. */
#ifndef DF_HTTP_PRIVATE_H
#define DF_HTTP_PRIVATE_H

#include <curl/curl.h>

#include "df/http_client.h"

struct http_socket {
	struct http_socket *next;
	int fd;
	uint64_t acked; /* when it was last looked at */
};

struct df_http_client {
	CURLM *multi;
	int epoll_fd;
	int64_t deadline_ms; /* mono, by curl's wish; -1 = none */
	struct df_http_call *first;
	struct http_socket *sockets;
	unsigned n_sockets;
	uint64_t acked; /* by all sockets that there were */
	unsigned active;
	unsigned cancelled; /* calls that wait for their end */
	uint64_t last_paused; /* the last number that was given out */
};

struct df_http_call {
	struct df_http_client *client;
	struct df_http_call *next;
	CURL *easy;
	int fd; /* that curl waits for, -1 = none */
	struct curl_slist *headers;
	struct df_http_request rq;
	struct df_http_tls tls;
	struct df_buf body;
	uint64_t body_at;	 /* bytes of the body that curl has */
	int64_t paused_until_ms; /* mono; 0 = not held back */
	uint64_t paused_number;	 /* its place among the waiting; 0 = none */
	uint64_t sink_bytes;
	int64_t started_ms;
	uint64_t acked;	    /* of its connection when it was looked at, */
	int64_t moved_ms;   /* and since when it is that */
	enum df_err failed; /* by the sink or a limit */
	struct df_why why;
	bool cancelled;
	char error[CURL_ERROR_SIZE];
};

/* http_request.c: tells curl all of call->rq. */
enum df_err http_request_set(struct df_http_call *call, struct df_why *why);

/* http_socket.c: callbacks of curl, ctx = the client; close for those that
 * outlive a request. */
int http_socket_opened(void *ctx, curl_socket_t fd, curlsocktype purpose);
int http_socket_close(void *ctx, curl_socket_t fd);

#endif
