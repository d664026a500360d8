/*
 * request.c - from a request line to a resource: the routes, the turn of each
 * peer, the check of the peer at every request, and what all resources do
 * alike.
 *
 * Invariant: a struct request lives from head to closed of its exchange, and
 * no reply reaches it after that.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"
#include "gateway.h"

/* of bodies in memory: one peer's, and the large ones of all */
#define GATHERED_PEER_MAX (GATEWAY_SIGNED + GATEWAY_SMALL)
#define GATHERED_LARGE_MAX (4ull * GATEWAY_SIGNED)
#define PATIENCE_MS 5000 /* for a turn; more than all connections of a peer owe */

static const struct route ROUTES[] = {
	{"GET", "/peer/v1/hello", NULL, false, hello_begin, NULL},
	{"POST", "/peer/v1/enrolments", NULL, true, enrol_begin, enrol_whole},
	{"POST", "/peer/v1/offers", NULL, false, offers_begin, offers_whole},
	{"PATCH", "/peer/v1/parcels/", "", false, part_begin, part_whole},
	{"GET", "/peer/v1/parcels/", "", false, parcel_begin, NULL},
	{"POST", "/peer/v1/studies/", "/manifests", false, manifest_begin,
	 manifest_whole},
	{"GET", "/peer/v1/mailbox", NULL, false, mailbox_begin, NULL},
	{"POST", "/peer/v1/priors/", "/fetch", false, prior_fetch_begin,
	 prior_fetch_whole},
	{"POST", "/peer/v1/priors", NULL, false, priors_begin, priors_whole},
};

/* The variable part, when path is one of this route's. */
static bool path_fits(const struct route *r, struct df_text path,
		      struct df_text *variable)
{
	size_t lead = strlen(r->lead);
	size_t trail = r->trail != NULL ? strlen(r->trail) : 0;

	if (path.len < lead + trail || memcmp(path.ptr, r->lead, lead) != 0 ||
	    (trail > 0 &&
	     memcmp(path.ptr + path.len - trail, r->trail, trail) != 0))
		return false;
	*variable = (struct df_text){path.ptr + lead, path.len - lead - trail};
	return (r->trail != NULL) == (variable->len > 0);
}

const char *request_peer(const struct request *rq)
{
	return df_http_peer(rq->x)->fingerprint;
}

void request_put_urgent(const struct request *rq, struct df_msg *m)
{
	struct df_text value;

	if (df_http_request_header(rq->x, "Priority", &value) &&
	    df_peer_is_urgent(value))
		df_msg_put_u64(m, DF_M_PRIORITY, 1);
}

void request_ask(struct request *rq, enum df_role role, struct df_msg *m,
		 int *fds, size_t n_fds, int64_t timeout_ms, df_reply_fn *reply)
{
	struct df_link *link = df_room_link(rq->room, role, DF_ANY_NUMBER);

	rq->call = df_room_call(rq->room, link, m, fds, n_fds, DF_MSG_NONE,
				timeout_ms, reply, rq);
}

bool request_failed(struct request *rq, const struct df_reply *reply)
{
	rq->call = 0;
	if (reply->err == DF_OK)
		return false;
	df_log(DF_LOG_WARN, "request.refused",
	       DF_F_WORD("route", rq->route->lead),
	       DF_F_WORD("peer", request_peer(rq)), DF_F_ERR(&reply->why));
	df_http_answer_err(rq->x, reply->err, reply->why.text);
	return true;
}

void request_json(struct request *rq, unsigned status, struct df_buf *json,
		  enum df_err encoded)
{
	if (encoded != DF_OK)
		df_http_answer_err(rq->x, encoded, "answer is too large");
	else
		df_http_answer(rq->x, status, DF_PEER_TYPE_JSON, json->ptr,
			       json->len);
	df_buf_release(json);
}

/*
 * Bodies that are read into memory. A peer may have one of the largest under
 * way, or many small ones; all together a few of the largest. Small ones of
 * others are never refused for it: their number is that of the connections.
 */
static struct request *gathering;

static void gather_forget(struct request *rq)
{
	struct request **at = &gathering;

	while (*at != NULL && *at != rq)
		at = &(*at)->gather_next;
	if (*at == rq)
		*at = rq->gather_next;
}

/* A peer's key; a stranger's address, so that strangers are not one. */
static const char *who(const struct request *rq)
{
	const struct df_http_peer *peer = df_http_peer(rq->x);

	return peer->fingerprint[0] != '\0' ? peer->fingerprint
					    : peer->address;
}

void request_gather(struct request *rq, size_t max)
{
	uint64_t len = df_http_length(rq->x), mine = len, large = len;

	for (const struct request *g = gathering; g != NULL;
	     g = g->gather_next) {
		uint64_t theirs = df_http_length(g->x);

		large += theirs > GATEWAY_SMALL ? theirs : 0;
		if (strcmp(who(g), who(rq)) == 0)
			mine += theirs;
	}
	if (mine > GATHERED_PEER_MAX ||
	    (len > GATEWAY_SMALL && large > GATHERED_LARGE_MAX)) {
		df_http_answer_err(rq->x, DF_E_AGAIN,
				   "too much at once: ask again");
		return;
	}
	rq->gather_next = gathering;
	gathering = rq;
	df_http_gather(rq->x, max);
}

void request_again(struct request *rq, int64_t wait_ms, const char *text)
{
	char seconds[24];

	df_str_fmt(seconds, sizeof seconds, "%lld",
		   (long long)(wait_ms + 999) / 1000);
	df_http_answer_header(rq->x, "Retry-After", seconds);
	df_http_answer_err(rq->x, DF_E_AGAIN, text);
}

static void peer_checked(void *ctx, struct df_reply *reply)
{
	struct request *rq = ctx;

	if (request_failed(rq, reply))
		return;
	if (reply->msg->type != DF_MSG_PEER_CHECK)
		df_bug("keys answered a check with %s",
		       df_msg_name(reply->msg->type));
	/* absent: the peer has no name here, which harms nobody */
	(void)df_msg_get_str(reply->msg, DF_M_NAME, rq->peer_name,
			     sizeof rq->peer_name);
	rq->route->begin(rq);
}

static void check_peer(struct request *rq)
{
	struct df_msg m;

	if (request_peer(rq)[0] == '\0') {
		df_http_answer_err(rq->x, DF_E_DENIED,
				   "no client certificate: join first");
		return;
	}
	df_msg_init(&m, DF_MSG_PEER_CHECK_RQ, 0);
	df_msg_put_str(&m, DF_M_PEER, request_peer(rq));
	request_ask(rq, DF_ROLE_KEYS, &m, NULL, 0, GATEWAY_KEYS_MS,
		    peer_checked);
}

static void begin_request(void *ctx)
{
	struct request *rq = ctx;

	rq->turn = 0;
	if (rq->route->without_peer)
		rq->route->begin(rq);
	else
		check_peer(rq);
}

/*
 * Who asks more than its share waits for its turn, unanswered: that slows it
 * down, where a refusal would only be answered by the next request. Strangers
 * are told apart by their address.
 */
static void await_turn(struct request *rq)
{
	struct gateway *g = df_room_ctx(rq->room);
	int64_t now = df_clock_mono_ms(), wait_ms;

	if (!df_limit_take(&g->requests, who(rq), PATIENCE_MS, now, &wait_ms))
		request_again(rq, wait_ms, "too many requests");
	else if (wait_ms > 0)
		rq->turn = df_loop_timer(df_room_loop(rq->room), now + wait_ms,
					 begin_request, rq);
	else
		begin_request(rq);
}

static void on_head(struct df_http_exchange *x, void *ctx)
{
	struct df_text path = df_text_of(df_http_path(x));
	struct df_text variable = {0};
	const struct route *route = NULL;
	struct request *rq;
	bool known = false;

	for (size_t i = 0; i < sizeof ROUTES / sizeof ROUTES[0]; i++) {
		struct df_text v;

		if (!path_fits(&ROUTES[i], path, &v))
			continue;
		known = true;
		if (strcmp(df_http_method(x), ROUTES[i].method) == 0) {
			route = &ROUTES[i];
			variable = v;
		}
	}
	if (route == NULL) {
		if (known)
			df_http_answer(x, 405, NULL, NULL, 0);
		else
			df_http_answer_err(x, DF_E_NOTFOUND,
					   "no such resource");
		return;
	}
	rq = df_xcalloc(1, sizeof *rq);
	rq->room = ctx;
	rq->x = x;
	rq->route = route;
	rq->variable = variable;
	rq->fd = -1;
	df_http_set(x, rq);
	await_turn(rq);
}

static enum df_err on_body(struct df_http_exchange *x, const void *ptr,
			   size_t len, void *ctx, struct df_why *why)
{
	(void)ctx;
	return part_body(df_http_get(x), ptr, len, why); /* the only stream */
}

static void on_whole(struct df_http_exchange *x, void *ctx)
{
	struct request *rq = df_http_get(x);

	(void)ctx;
	if (rq->route->whole != NULL)
		rq->route->whole(rq);
	else if (rq->call == 0)
		df_bug("%s has no answer", rq->route->lead);
}

static void on_closed(struct df_http_exchange *x, void *ctx)
{
	struct request *rq = df_http_get(x);

	(void)ctx;
	if (rq == NULL)
		return;
	df_room_call_cancel(rq->room, rq->call);
	df_loop_cancel(df_room_loop(rq->room), rq->turn);
	part_end(rq);
	gather_forget(rq);
	df_fd_close(&rq->fd);
	df_sha256_release(&rq->hash);
	free(rq);
}

const struct df_http_service gateway_service = {
	.head = on_head,
	.body = on_body,
	.whole = on_whole,
	.closed = on_closed,
	.body_max = GATEWAY_SIGNED,
	.idle_s = 60,
};
