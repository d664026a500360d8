/*
 * supervise.h - the room that starts the others and nothing else.
 *
 * A *cell* is one place for a process: front, prepare#1, one worker for one
 * association. The process in it may come and go; the cell remembers how
 * often, and when the next one may start.
 */
#ifndef DF_SUPERVISE_H
#define DF_SUPERVISE_H

#include <sys/types.h>

#include "df/room.h"
#include "df/sock.h"

#define LISTENERS_MAX 8
#define BUILD_DIR_MAX 4096

enum cell_state {
	CELL_WAITING,  /* no process; starts when its timer says so */
	CELL_STARTING, /* has not said READY yet */
	CELL_READY,
	CELL_STOPPING, /* was told to drain */
};

struct cell {
	enum df_role role;
	uint32_t number;
	enum cell_state state;
	bool wanted; /* else it goes when its process has ended */
	bool busy;   /* receive: has its association */
	pid_t pid;   /* 0 = no process */
	struct df_link *link;
	uint64_t restarts;
	bool crashed; /* its last process, by itself or by a kill */
	int64_t started_ms;
	int64_t pause_ms; /* before the next start */
	uint64_t timer;	  /* start again, or kill what will not end */
	struct supervise *s;
	struct cell *next;
};

struct door {
	const char *kind; /* "dicom", "https", "control" */
	int fd;		  /* owned */
	char address[DF_ADDR_PORT_LEN + 1];
};

/* An accepted connection without a worker. */
struct waiting {
	struct waiting *next;
	int fd;
	char address[DF_ADDR_LEN + 1];
};

enum phase {
	PHASE_SERVING,
	PHASE_SETTLING, /* a reload waits for associations to end */
	PHASE_ENDING,	/* SIGTERM */
};

struct supervise {
	struct df_room *room;
	char bin_dir[BUILD_DIR_MAX]; /* where the rooms' programs are */
	int lock_fd;
	int config_fd; /* sealed memory with the text, owned */
	struct df_config config;
	struct df_config next_config; /* of a reload that is under way */
	int next_config_fd;
	unsigned next_roles; /* roles that the reload restarts */
	struct door doors[LISTENERS_MAX];
	size_t n_doors;
	struct cell *cells;
	uint32_t next_worker;
	uint32_t busy; /* workers with an association */
	struct waiting *waiting;
	struct waiting *waiting_last;
	enum phase phase;
	unsigned stage; /* of PHASE_ENDING */
	uint64_t timer; /* deadline of the phase */
};

/* process_cells.c */
/* Makes the cells that the configuration wants, drops what it does not. */
void cells_plan(struct supervise *s);
struct cell *cell_add(struct supervise *s, enum df_role role, uint32_t number);
void cell_start(struct cell *c);
/* Tells its process to finish. */
void cell_drain(struct cell *c);
void cell_ended(struct supervise *s, pid_t pid, int status);
void cells_kill(struct supervise *s);
bool cells_any(const struct supervise *s, unsigned roles);
bool cells_ready(const struct supervise *s);
struct cell *cell_of(struct supervise *s, const struct df_link *link);
void cells_release(struct supervise *s);
void cell_link_down(struct df_room *room, struct df_link *link);

/* edges.c */
bool is_edge(enum df_role a, enum df_role b);

/* doors.c */
DF_MUST_CHECK enum df_err doors_open(struct supervise *s, struct df_why *why);
void doors_close(struct supervise *s);
void accepted(struct df_room *room, struct df_link *from,
	      const struct df_msg *m, int *fds, size_t n_fds);
/* A worker with an association has ended. */
void worker_gone(struct supervise *s);
/* Gives waiting connections to workers, and keeps spare workers. */
void workers_fill(struct supervise *s);

/* change.c */
DF_MUST_CHECK enum df_err config_load(struct df_config *cfg, int *fd,
				      struct df_why *why);
/* DF_OK: checked, and under way. */
DF_MUST_CHECK enum df_err reload(struct supervise *s, struct df_why *why);
/* Goes on with a reload or an end, when something has ended. */
void change_step(struct supervise *s);
void end_begin(struct supervise *s);

/* status.c */
void query(struct df_room *room, struct df_link *from, const struct df_msg *m,
	   int *fds, size_t n_fds);

#endif
