/*
 * deliver.h - private to the room: what goes out over HTTPS.
 *
 * One process, one loop, many transfers. A job comes from queue with a tag and
 * ends with exactly one JOB_DONE of that tag; when to try again is queue's
 * business, except that a mailbox is asked for ever and that one broken
 * connection does not fail a peer which otherwise answers.
 */
#ifndef DF_DELIVER_H
#define DF_DELIVER_H

#include "df/digest.h"
#include "df/engine.h"
#include "df/flow.h"
#include "df/http_client.h"
#include "df/message.h"
#include "df/peer.h"
#include "df/room.h"

struct pace;
struct parcel;
struct part;
struct probe;
struct mailbox;
struct questions;

/* A node that we dial: its line and what waits for it. */
struct line {
	struct df_room *room;
	const struct df_peer *peer; /* of the configuration */
	struct df_http_tls tls;
	struct df_buf cert_pem; /* ours, of its CA */
	struct df_buf ca_pem;	/* terminated */
	struct line *next;
	struct df_http_client *client; /* its connections, and nobody else's */
	struct df_engine engine;
	struct df_flow flow;
	struct parcel *parcels; /* in the order in which they came */
	struct part *parts;	/* on their way */
	struct df_http_call *offer; /* under way, or NULL */
	unsigned failures;	/* in a row, of the line itself */
	struct mailbox *mailbox;
	struct questions *questions; /* prior_ask.c */
	bool down;	       /* as the mailbox's poll finds it */
	struct probe *probe;   /* line_watch.c; NULL = none under way */
	uint64_t watch;	       /* timer, while parts are under way */
	int64_t looked_ms;     /* when the flow was last looked at */
	int64_t told_ms;       /* when queue was last told of it */
	int64_t part_ms;       /* when a part last ended */
	uint64_t sent_bytes;   /* of parcels, since start */
};

struct deliver {
	struct df_http_client *client; /* of DICOMweb servers */
	struct df_engine engine;
	struct df_http_proxy proxy; /* for peers; url "" = none */
	struct df_buf proxy_password; /* terminated */
	struct line *lines;
	struct pace *paces; /* pace.c */
};
extern struct deliver self;

/* --- main.c ------------------------------------------------------------- */
/* The line to a peer of the configuration. DF_E_CONFIG when there is none,
 * DF_E_AGAIN while keys has not said who we are. */
DF_MUST_CHECK enum df_err line_get(struct df_room *room, struct df_text name,
				   struct line **line, struct df_why *why);
/* url is <peer's URL><path>; starts it with the line's identity. */
DF_MUST_CHECK enum df_err
line_start(struct line *line, struct df_http_request *rq, const char *path,
	   struct df_http_call **call, struct df_why *why);
/* The same over other connections, and not held up by a cap. */
DF_MUST_CHECK enum df_err
line_start_on(struct line *line, struct df_http_client *client,
	      struct df_http_request *rq, const char *path,
	      struct df_http_call **call, struct df_why *why);
/* Sends m (taken) to queue. */
void tell_queue(struct df_room *room, struct df_msg *m, int *fds, size_t n);
/* JOB_DONE without anything more. */
void job_done(struct df_room *room, uint32_t tag, enum df_err err,
	      const struct df_why *why);
/* DF_OK for the wanted status, else what went wrong. */
enum df_err http_outcome(const struct df_http_result *r, int wanted,
			 struct df_why *why);

/* pace.c: the request's body keeps to these caps of the configuration,
 * together with all others to that place. */
void pace_join(const struct df_caps *caps, struct df_http_request *rq);

/* --- the jobs: handlers of messages from queue -------------------------- */
#define DELIVER_HANDLER(name)                                 \
	void name(struct df_room *room, struct df_link *from, \
		  const struct df_msg *m, int *fds, size_t n_fds)
DELIVER_HANDLER(parcel_send); /* parcel_send.c */
DELIVER_HANDLER(parcel_urge);
DELIVER_HANDLER(manifest_send);	      /* manifest_send.c */
DELIVER_HANDLER(mailbox_open);	   /* mailbox_poll.c */
DELIVER_HANDLER(pull);
DELIVER_HANDLER(stow_send);	   /* stow_send.c */
DELIVER_HANDLER(destination_test); /* destination_test.c */
DELIVER_HANDLER(prior_ask);	   /* prior_ask.c; from index */
DELIVER_HANDLER(prior_fetch);	   /* prior_list_ask.c */

/* prior_ask.c: connections for questions that a person waits for. */
void questions_open(struct line *line);
void questions_turn(struct line *line);
/* parcel_send.c: offers what is in doubt, sends parts. */
void parcels_turn(struct line *line);
/* The line is down: what waits fails now, what is under way when it has ended,
 * and queue decides when to try again. */
void parcels_fail(struct line *line, const struct df_why *why);

/* line_watch.c: looks at what goes on; often, it costs little. */
void line_look(struct line *line);
/* From the start of the line on: keeps a connection or more open. */
void line_warm(struct line *line);
/* mailbox_poll.c: asks again at once, and hears whether the line is up. */
void mailbox_look(struct line *line);

#endif
