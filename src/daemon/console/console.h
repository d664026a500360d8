/*
 * console.h - private to console: clients, requests, questions to rooms.
 */
#ifndef DF_CONSOLE_H
#define DF_CONSOLE_H

#include <cjson/cJSON.h>

#include "df/control.h"
#include "df/room.h"

#define CLIENTS_MAX 64u

struct route;

/* One connection to control.sock; one request at a time. */
struct client {
	struct client *next;
	struct df_room *room;
	int fd; /* -1: gone, waits for its last answer only */
	struct df_buf in;
	struct df_buf out;
	size_t out_done;
	int fds[DF_CONTROL_FDS]; /* came with the request */
	size_t n_fds;
	int out_fd; /* goes with the answer, or -1 */
	/* the request under way */
	const struct route *route; /* NULL: none */
	cJSON *args;		   /* owned */
	cJSON *result;		   /* owned, grows while rooms answer */
	unsigned pending;	   /* questions without an answer yet */
	unsigned held;		   /* callbacks that still look at it */
};

/* The answer of a room: err, or json (give it to keep it), or a file. */
struct answer {
	struct client *client;
	enum df_err err;
	struct df_why why;
	cJSON *json; /* freed after the callback unless set to NULL */
	int *fd;     /* df_fd_take to keep it; -1 = none */
	char media[64];
};
typedef void answer_fn(struct answer *a);

struct route {
	const char *verb;
	enum df_role role; /* whom to ask when run is NULL */
	int64_t timeout_ms;
	/* Starts the questions; NULL: pass args on, pass the answer back. */
	void (*run)(struct client *c);
};

/* Takes args (NULL = none) and, if asked to, the client's descriptors. */
void question(struct client *c, enum df_role role, const char *verb,
	      cJSON *args, bool give_fds, int64_t timeout_ms, answer_fn *fn);

const struct route *route_find(const char *verb);
void route_start(struct client *c);

/* Ends the request under way; `result` is taken, NULL = {}. */
void client_answer(struct client *c, cJSON *result, int *fd);
void client_fail(struct client *c, enum df_err err, const struct df_why *why);
/* Around a callback: let_go frees the client when it is gone and at rest. */
void client_hold(struct client *c);
void client_let_go(struct client *c);
enum df_err clients_start(struct df_room *room, struct df_why *why);

#endif
