/*
 * promising.h - storage commitment in queue: what modalities asked of us
 * (promising.c settles it, telling.c reports it), and what we asked of PACS
 * (asking.c).
 */
#ifndef PROMISING_H
#define PROMISING_H

#include "df/commitments.h"
#include "queue.h"

#define REREADS_KEPT 64

/* An object that was read again from the disk, or is being read. */
struct reread {
	struct df_id id; /* "" = free */
	int64_t at_ms;	 /* when it was begun */
	bool busy;
	bool good;
};

/* A transaction whose association may still be there to report over. */
struct asker {
	struct asker *next;
	struct df_link *link;
	int64_t commitment;
	bool telling;
};

struct promising {
	int64_t after; /* settling goes on behind this transaction */
	int64_t looked_ms, swept_ms;
	struct reread kept[REREADS_KEPT];
	size_t kept_next;
	unsigned under_way;
	struct asker *askers; /* owned */
	struct df_window *windows; /* owned; one a configured modality */
	int64_t reporting; /* transaction that is reported just now; 0 = none */
};

struct asking { /* one a configured destination */
	bool busy; /* an N-ACTION is under way */
	bool look; /* something may wait to be asked for, ... */
	int64_t after;	  /* ... behind this delivery, or anywhere ... */
	int64_t whole_ms; /* ... when this was long ago */
	unsigned breaks; /* in a row: it left when it was asked */
	struct df_window window;
};

/* promising.c */
void promising_start(struct queue *q);
QUEUE_HANDLER(commitment_rq);
void promising_pump(struct queue *q);
void promising_link_down(struct queue *q, struct df_link *link);

/* telling.c: reports that are due */
void telling_pump(struct queue *q);
QUEUE_HANDLER(commitment_told);

/* asking.c */
void asking_start(struct queue *q);
/* A destination that commits took what this delivery brings. */
void asking_taken(struct queue *q, size_t dest, int64_t delivery);
QUEUE_HANDLER(commitment_word);
void asking_pump(struct queue *q);

#endif
