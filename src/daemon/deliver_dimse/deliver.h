/*
 * deliver.h - one association of a PACS, the job in hand, what queue lends.
 */
#ifndef DELIVER_H
#define DELIVER_H

#include "df/channel.h"
#include "df/dimse.h"
#include "df/object.h"
#include "df/room.h"

#define WAITING_MAX 32 /* messages kept while a job runs */
#define SYNTAXES_MAX 4 /* in which one instance may go out */

/* One instance of a SEND job. */
struct item {
	uint64_t key; /* queue's number for it */
	char sop_class[DF_UID_CAP];
	char sop_instance[DF_UID_CAP];
	char transfer_syntax[DF_UID_CAP]; /* of the original */
	uint64_t size_bytes;		  /* as it came */
	unsigned losses; /* associations that were lost over it */
	bool plain;	 /* its compressed form was refused */
	bool settled;	 /* its RESULT was sent */
};

struct job {
	uint32_t tag;
	const struct df_destination *to;
	struct item *items; /* owned */
	size_t n;
};

/* An instance that queue is restoring for us, or has restored. */
struct fetch {
	uint32_t tag; /* 0 = none */
	size_t item;
	/* asked for, the best first; then the one that it came in, alone */
	const char *syntaxes[SYNTAXES_MAX];
	size_t n;
};

struct deliver {
	struct df_room *room;
	struct df_dimse *open; /* owned; kept for a while after a job */
	char open_to[DF_NAME_LEN + 1];
	bool incapable; /* it has refused what it said it takes compressed */
	int64_t hears_until_ms; /* on it: a PACS may answer what we asked */
	struct df_msg waiting[WAITING_MAX]; /* owned */
	int waiting_fds[WAITING_MAX];	    /* one each, or -1 */
	size_t n_waiting;
};

struct df_link *deliver_queue(struct deliver *d);

/* The next message for us that is not FETCHED: a kept one or a new one.
 * *m is the caller's copy, *fd its descriptor or -1. DF_E_TIMEOUT after timeout_ms (-1: never). */
DF_MUST_CHECK enum df_err deliver_next(struct deliver *d, int64_t timeout_ms,
				       struct df_msg *m, int *fd,
				       struct df_why *why);

/* Asks queue for the bytes of f->item in one of f->syntaxes. */
void fetch_ask(struct deliver *d, const struct job *job, struct fetch *f);
/* Waits for the first of n that comes: *which it is, the sealed memory, now the
 * caller's, and its size. The result of the restoring when that failed; *lost:
 * queue is gone, or none of them comes. */
DF_MUST_CHECK enum df_err fetch_wait(struct deliver *d, struct fetch *list,
				     size_t n, size_t *which, int *fd,
				     uint64_t *size_bytes, bool *lost,
				     struct df_why *why);

/* Opens an association for what is not settled, or keeps the open one when it
 * will do. */
DF_MUST_CHECK enum df_err
association_for(struct deliver *d, const struct job *job, struct df_why *why);
void association_end(struct deliver *d, bool abort);
/* The transfer syntaxes in which an item can go out over the open association,
 * the best first; returns how many. 0: none was accepted. */
size_t association_syntaxes(const struct deliver *d,
			    const struct df_destination *to,
			    const struct item *it,
			    const char *syntaxes[SYNTAXES_MAX]);
/* Was everything proposed that this item could use? */
bool association_covers(const struct deliver *d,
			const struct df_destination *to,
			const struct item *it);

/* Reads what the PACS says unasked: reports of storage commitment. Ends the
 * association when it is over. */
void association_hear(struct deliver *d);
bool association_offers_commitment(const struct deliver *d);

/* Waits until queue or supervise have a message, or the PACS says something;
 * DF_E_TIMEOUT when timeout_ms pass. */
DF_MUST_CHECK enum df_err deliver_wait(struct deliver *d, int64_t timeout_ms,
				       struct df_why *why);

/* commitment_ask.c: asks a PACS; reports to a modality. Both end with
 * JOB_DONE. */
void ask_run(struct deliver *d, const struct df_msg *m, int list);
void report_run(struct deliver *d, const struct df_msg *m, int list);

/* Both end with JOB_DONE. DF_E_PEER means that queue is gone. */
DF_MUST_CHECK enum df_err send_run(struct deliver *d, const struct df_msg *m,
				   struct df_why *why);
DF_MUST_CHECK enum df_err test_run(struct deliver *d, const struct df_msg *m,
				   struct df_why *why);
void job_done(struct deliver *d, uint32_t tag, enum df_err err,
	      const struct df_why *why, int *fd);
const struct df_destination *
job_destination(struct deliver *d, const struct df_msg *m, struct df_why *why);
void target_of(const struct deliver *d, const struct df_destination *to,
	       struct df_dimse_target *target);

#endif
