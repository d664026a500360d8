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
	int64_t upto;	 /* transactions up to this one were there when it was
			    begun; no clock: that one may jump */
	uint64_t failed; /* pass in which it could not be read, or 0 */
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
	/* settling: the transaction at hand, 0 = none, its item, and what stays
	 * open of it before that; else it goes on behind `after` */
	int64_t at, at_k, after;
	size_t at_open;
	uint64_t pass;	/* over all that are open, from 1 */
	int64_t newest; /* transaction of us */
	int64_t items;	/* named by transactions of us; -1 = not counted */
	int64_t looked_ms, swept_ms;
	struct reread kept[REREADS_KEPT];
	size_t kept_next;
	unsigned under_way;
	struct asker *askers; /* owned */
	struct df_window *windows; /* owned; one a configured modality */
	int64_t reporting; /* transaction that is reported just now; 0 = none */
	bool stuck;	   /* no report can be made ready; it was logged */
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
