/*
 * room.h - what every room does alike: start, links, messages, calls, end.
 *
 * A room is a program whose descriptor 3 is a channel to supervise. The first
 * message there is START (role, number, configuration, listeners); LINK
 * messages bring one end of a socketpair to a peer room each. A message whose
 * type is neither in the handler table nor a reply to a call of ours ends the
 * room. Loss of supervise ends every room.
 *
 * Two forms. A room with a loop calls df_room_main and lives in callbacks. A
 * worker without one calls df_room_open and then df_room_wait / df_room_ask.
 *
 * Ownership: sending TAKES the message (released and wiped) and the
 * descriptors (closed, set to -1). A message that is given to a callback
 * borrows its bytes until the callback returns; descriptors that the callback
 * does not take with df_fd_take are closed after it.
 */
#ifndef DF_ROOM_H
#define DF_ROOM_H

#include <stddef.h>

#include "df/config.h"
#include "df/loop.h"
#include "df/message.h"
#include "df/references.h"

#ifdef __cplusplus
extern "C" {
#endif

/* role, name of program and log lines. Numbers are part of START and LINK. */
#define DF_ROLE_MAP(X)                    \
	X(SUPERVISE, "supervise")         \
	X(FRONT, "front")                 \
	X(RECEIVE, "receive")             \
	X(QUEUE, "queue")                 \
	X(KEYS, "keys")                   \
	X(PREPARE, "prepare")             \
	X(INDEX, "index")                 \
	X(GATEWAY, "gateway")             \
	X(DELIVER_HTTPS, "deliver_https") \
	X(DELIVER_DIMSE, "deliver_dimse") \
	X(CONSOLE, "console")

enum df_role {
	DF_ROLE_NONE,
#define X(role, name) DF_ROLE_##role,
	DF_ROLE_MAP(X)
#undef X
		DF_ROLE_COUNT
};
const char *df_role_name(enum df_role role); /* "deliver_dimse" */
/* DF_ROLE_NONE when unknown. */
enum df_role df_role_decode(struct df_text name);

#define DF_ROLE_BIT(role) (1u << DF_ROLE_##role)
#define DF_ANY_NUMBER UINT32_MAX

struct df_room;

/* A connection to a peer room. Valid until its link_down has returned. */
struct df_link {
	enum df_role role;
	uint32_t number; /* prepare#0, prepare#1; receive#n is one worker */
	uint32_t serial; /* of this room's links: another life has another */
	struct df_room *room;
	void *ctx; /* the room's own, starts as NULL */
};

struct df_handler {
	enum df_msg_type type;
	enum df_role from; /* a type from another role is unknown */
	void (*run)(struct df_room *room, struct df_link *from,
		    const struct df_msg *m, int *fds, size_t n_fds);
};

/* Any callback may be NULL. */
struct df_room_spec {
	enum df_role role;
	const struct df_handler *handlers;
	size_t n_handlers;
	/* Configuration and listeners are there, links are not yet. An error
	 * ends the room (logged). */
	enum df_err (*start)(struct df_room *room, struct df_why *why);
	void (*link_up)(struct df_room *room, struct df_link *link);
	/* Calls on it were answered with DF_E_PEER before. */
	void (*link_down)(struct df_room *room, struct df_link *link);
	/* After each turn of the loop: group commit. */
	void (*turn)(struct df_room *room);
	/* Finish what is in hand, then df_room_stop. NULL: stop at once. */
	void (*drain)(struct df_room *room);
	/* After the loop, before the process ends. */
	void (*end)(struct df_room *room);
	/* DF_ROLE_BIT(x) of peers whose loss ends this room. */
	unsigned exit_without;
	/* READY is sent after start unless this is set; then the room says
	 * df_room_ready itself. */
	bool says_ready;
};

/* The whole life of a room with a loop; returns its exit status. */
int df_room_main(int argc, char **argv, const struct df_room_spec *spec);

/* --- what the room knows ------------------------------------------------- */
const struct df_config *df_room_config(const struct df_room *room);
struct df_loop *df_room_loop(struct df_room *room);
uint32_t df_room_number(const struct df_room *room);
/* "dicom" (several may be given), "https", "control": the next listening
 * descriptor of that kind, now the caller's; -1 when there is none. */
int df_room_listener(struct df_room *room, const char *kind);
void df_room_set_ctx(struct df_room *room, void *ctx);
void *df_room_ctx(const struct df_room *room);
bool df_room_draining(const struct df_room *room);
void df_room_ready(struct df_room *room);
/* The loop returns after this turn. */
void df_room_stop(struct df_room *room);

/* --- links --------------------------------------------------------------- */
/* NULL when it is not up. */
struct df_link *df_room_link(struct df_room *room, enum df_role role,
			     uint32_t number_or_any);
/* Steps through the links of a role, after = NULL for the first. */
struct df_link *df_room_link_next(struct df_room *room, enum df_role role,
				  const struct df_link *after);
/* Bytes that wait in our memory because the peer does not read. */
size_t df_link_backlog(const struct df_link *link);

/*
 * Takes m and fds. Never blocks. DF_E_PEER when link is NULL or broken: its
 * link_down follows, so most callers need not look. DF_E_LIMIT when the
 * message does not fit (a bug of the caller's: the link stays up).
 */
enum df_err df_room_send(struct df_link *link, struct df_msg *m, int *fds,
			 size_t n_fds);

/* --- calls: requests with a reply ---------------------------------------- */
struct df_reply {
	enum df_err err;	  /* the reply's result; else PEER, TIMEOUT */
	struct df_why why;	  /* filled when err != DF_OK */
	const struct df_msg *msg; /* NULL when no reply came */
	int *fds;
	size_t n_fds;
	bool last; /* nothing more comes for this call */
	struct df_link *link;
};
typedef void df_reply_fn(void *ctx, struct df_reply *reply);

/*
 * Takes m and fds, gives m a fresh tag (returned, never 0), sends it and runs
 * `reply` for each message from that link with this tag, up to and including
 * the first of type `last` (DF_MSG_NONE: the first of any type). If the link
 * is lost, or timeout_ms (0 = none) passes before the last one, it runs once
 * with DF_E_PEER or DF_E_TIMEOUT. With link NULL or broken it runs before
 * the call returns (0 is returned then).
 */
uint32_t df_room_call(struct df_room *room, struct df_link *link,
		      struct df_msg *m, int *fds, size_t n_fds,
		      enum df_msg_type last, int64_t timeout_ms,
		      df_reply_fn *reply, void *ctx);
/* `reply` will not run any more; late replies are dropped. 0 is fine. */
void df_room_call_cancel(struct df_room *room, uint32_t tag);

/* --- without a loop ------------------------------------------------------ */
/*
 * Waits for START and for a link to each role in `needs`, then says READY.
 * handlers, turn and the callbacks of spec are not used but exit_without.
 */
DF_MUST_CHECK enum df_err df_room_open(struct df_room **room, int argc,
				       char **argv,
				       const struct df_room_spec *spec,
				       unsigned needs, struct df_why *why);
void df_room_close(struct df_room *room);

/*
 * The next message from a link whose role is in `roles`. m borrows the room's
 * buffer until the next wait or ask; fds (room for DF_CHANNEL_FDS) are the
 * caller's. DRAIN comes from DF_ROLE_SUPERVISE and makes df_room_draining true;
 * what supervise says while it is not in `roles` is kept until it is.
 * DF_E_TIMEOUT (timeout_ms -1 = never), DF_E_PEER when supervise, a peer in
 * `roles` or one in exit_without is gone, or one in `roles` began anew.
 */
DF_MUST_CHECK enum df_err df_room_wait(struct df_room *room, unsigned roles,
				       int64_t timeout_ms,
				       struct df_link **from, struct df_msg *m,
				       int *fds, size_t *n_fds,
				       struct df_why *why);
/*
 * Waits until df_room_wait with these roles has something to look at, or fd
 * can be read (*readable). DF_E_TIMEOUT as there; a peer that is gone shows in
 * the df_room_wait that follows.
 */
DF_MUST_CHECK enum df_err df_room_wait_fd(struct df_room *room, unsigned roles,
					  int fd, int64_t timeout_ms,
					  bool *readable, struct df_why *why);
/*
 * Both forms: takes m and out_fds, gives m a fresh tag, sends it and blocks
 * until the reply with that tag is there. Other messages that arrive meanwhile
 * are kept and delivered later, in order. `reply` borrows the room's buffer
 * until the next wait or ask (the end of the callback in a loop); in_fds has
 * room for DF_CHANNEL_FDS (NULL: descriptors of the reply are closed).
 * Returns the reply's result, DF_E_TIMEOUT or DF_E_PEER.
 */
DF_MUST_CHECK enum df_err df_room_ask(struct df_room *room,
				      struct df_link *link, struct df_msg *m,
				      int *out_fds, size_t n_out,
				      int64_t timeout_ms, struct df_msg *reply,
				      int *in_fds, size_t *n_in,
				      struct df_why *why);
/* Like df_room_ask without the waiting: returns the tag (0 when the link is
 * gone); the reply comes by df_room_wait. */
uint32_t df_room_request(struct df_room *room, struct df_link *link,
			 struct df_msg *m, int *fds, size_t n_fds);

/* --- lists of instances that travel beside a message ---------------------- */
/* A sealed memfd that holds the list, the caller's. */
DF_MUST_CHECK enum df_err df_room_list_fd(int *fd,
					  const struct df_references *l,
					  struct df_why *why);
/* Reads such a descriptor, which stays the caller's. */
DF_MUST_CHECK enum df_err df_room_list_read(struct df_references *l, int fd,
					    struct df_why *why);

/* --- for supervise and tests --------------------------------------------- */
/* A room without a parent; never NULL. */
struct df_room *df_room_new(const struct df_room_spec *spec);
void df_room_free(struct df_room *room);
/* Takes one end of a channel; link_up runs before it returns. */
struct df_link *df_room_link_add(struct df_room *room, enum df_role role,
				 uint32_t number, int fd);
/* Drops a link without asking the peer; link_down runs at the end of the turn.
 */
void df_room_link_drop(struct df_link *link);
void df_room_run(struct df_room *room);
/* What df_room_run does after each turn of the loop, for tests that turn it by
 * hand. */
void df_room_turn(struct df_room *room);
/* Replaces the configuration (taken). */
void df_room_set_config(struct df_room *room, struct df_config *cfg);

#ifdef __cplusplus
}
#endif
#endif
