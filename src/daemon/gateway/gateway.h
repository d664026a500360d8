/*
 * gateway.h - private to the room: one request from its head to its answer.
 *
 * Every request of a peer is checked with keys first, then translated to one
 * message to queue (or keys, for enrolments); the reply is translated back.
 * docs/formats/peer.md says what is asked and answered.
 */
#ifndef DF_GATEWAY_H
#define DF_GATEWAY_H

#include "df/digest.h"
#include "df/engine.h"
#include "df/http_server.h"
#include "df/limit.h"
#include "df/message.h"
#include "df/peer.h"
#include "df/room.h"

#define GATEWAY_KEYS_MS 15000
#define GATEWAY_QUEUE_MS 60000
#define GATEWAY_SMALL DF_PEER_JSON_MAX
#define GATEWAY_SIGNED (8u + DF_PEER_SIGNED_MAX + DF_PEER_CMS_MAX)

struct request;

/* One resource and method. `begin` runs when the peer may come in: it starts
 * reading the body, asks somebody, or answers. `whole` runs with the body. */
struct route {
	const char *method;
	const char *lead;  /* path up to the variable part */
	const char *trail; /* path after it; NULL = no variable part */
	bool without_peer; /* enrolment: nobody to check yet */
	void (*begin)(struct request *rq);
	void (*whole)(struct request *rq);
};

struct request {
	struct df_room *room;
	struct df_http_exchange *x;
	const struct route *route;
	struct df_text variable; /* part of the path; borrowed from x */
	uint32_t call;		 /* tag under way, 0 = none */
	char peer_name[DF_PEER_NAME_MAX + 1];

	/* a part that is being written */
	struct df_parcel_id parcel;
	struct request *next; /* of those that bring a part */
	bool overtaken;	      /* another one wrote it meanwhile */
	int fd;
	uint64_t size; /* of the parcel, 0 = not said */
	uint64_t offset;
	uint64_t length; /* of the part */
	uint64_t written;
	struct df_digest want;
	struct df_sha256 hash;

	/* a range that is being asked for */
	bool ranged;
	uint64_t first, last;

	uint64_t cursor;
	uint64_t turn; /* timer: it waits for its turn, 0 = not */
	struct request *gather_next; /* of those whose body is in memory */
};

/* The room's server; ctx of the room. */
struct gateway {
	struct df_http_server *server;
	struct df_engine engine;
	struct df_limit requests;  /* of one peer, or stranger's address */
	struct df_limit questions; /* of one peer, about patients */
	struct df_limit fetches; /* of one peer, for lists of an exam's files */
};

/* --- request.c ---------------------------------------------------------------
 */
extern const struct df_http_service gateway_service; /* ctx = the room */
/* Sends m (taken) to a room; the reply comes with ctx = rq. */
void request_ask(struct request *rq, enum df_role role, struct df_msg *m,
		 int *fds, size_t n_fds, int64_t timeout_ms,
		 df_reply_fn *reply);
/* As df_http_gather, within what one peer and all may have in memory. */
void request_gather(struct request *rq, size_t max);
/* Refuses for now: ask again after so long. */
void request_again(struct request *rq, int64_t wait_ms, const char *text);
/* Answers the error of a reply (or none); true when it was one. */
bool request_failed(struct request *rq, const struct df_reply *reply);
void request_json(struct request *rq, unsigned status, struct df_buf *json,
		  enum df_err encoded);
const char *request_peer(const struct request *rq);
/* PRIORITY, when the request says that its study is urgent. */
void request_put_urgent(const struct request *rq, struct df_msg *m);

/* --- peer_*.c: the resources
 * ------------------------------- */
void offers_begin(struct request *rq);
void offers_whole(struct request *rq);
/* What this peer was bringing of it ends here; what has come is kept. */
void parts_cut(struct request *rq, const struct df_parcel_id *parcel);
void part_begin(struct request *rq);
void part_whole(struct request *rq);
void part_end(struct request *rq); /* it is over, maybe too early */
enum df_err part_body(struct request *rq, const void *ptr, size_t len,
		      struct df_why *why);
void manifest_begin(struct request *rq);
void manifest_whole(struct request *rq);
void mailbox_begin(struct request *rq);
void parcel_begin(struct request *rq);
void prior_fetch_begin(struct request *rq); /* peer_fetch.c */
void prior_fetch_whole(struct request *rq);
void hello_begin(struct request *rq);
void priors_begin(struct request *rq);
void priors_whole(struct request *rq);
void enrol_begin(struct request *rq);
void enrol_whole(struct request *rq);

#endif
