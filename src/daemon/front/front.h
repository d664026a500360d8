/*
 * front.h - the room at the door: it accepts, waits and hands on.
 *
 * A connection belongs to front until a whole association request is there
 * (DICOM), or as long as it lives (TLS, whose bytes front pumps).
 */
#ifndef DF_FRONT_H
#define DF_FRONT_H

#include "df/digest.h"
#include "df/room.h"
#include "df/sock.h"
#include "df/tlskey.h"

#define FRONT_LISTENERS 8

struct front;
struct tls;

enum conn_kind { CONN_DICOM, CONN_TLS };

struct conn {
	enum conn_kind kind;
	int fd; /* owned */
	char address[DF_ADDR_LEN + 1];
	uint64_t timer; /* deadline of what it is doing */
	struct front *f;
	struct conn *next;
	struct conn *prev;
	/* DICOM */
	bool complete; /* waits for a worker only */
	uint32_t mark; /* bytes that must be there before we look */
	int64_t until_ms;
	struct conn *line_next;
	/* TLS */
	struct tls *tls; /* owned, NULL until its first byte */
	struct df_hex peer; /* who it is; "" = a stranger */
};

struct listener {
	enum conn_kind kind;
	int fd;
	struct front *f;
	bool watched;
};

struct front {
	struct df_room *room;
	struct listener listeners[FRONT_LISTENERS];
	size_t n_listeners;
	struct conn *conns;
	int64_t n_conns;
	int64_t passed;	   /* associations at workers */
	struct conn *line; /* complete requests, first come first served */
	struct conn *line_last;
	struct ssl_ctx_st *ssl_ctx; /* NULL until keys has told who we are */
	bool full_said;
};

/* conn.c */
void listeners_watch(struct front *f);
void listeners_close(struct front *f);
void conn_deadline(struct conn *c, int64_t in_ms, df_loop_fn *run);
/* Closes what is still owned and forgets it. */
void conn_end(struct conn *c);
/* c has shown who it is: its address answers for it no longer, and what its
 * peer has too many of ends, the one that has been still for longest first. */
void conn_known(struct conn *c, const struct df_digest *peer);

/* associate_wait.c */
void association_begin(struct conn *c);
void association_forget(struct conn *c);
void worker_gone(struct df_room *room, struct df_link *from,
		 const struct df_msg *m, int *fds, size_t n_fds);

/* tls.c */
void tls_identity_ask(struct front *f);
void tls_begin(struct conn *c);
int64_t tls_moved_ms(const struct conn *c); /* monotonic */
void tls_release(struct conn *c);

#endif
