/*
 * receive.h - one association: who it is, its data key, the files lent to us.
 */
#ifndef RECEIVE_H
#define RECEIVE_H

#include "df/channel.h"
#include "df/checksum.h"
#include "df/digest.h"
#include "df/dimse.h"
#include "df/envelope.h"
#include "df/room.h"
#include "df/seal.h"

struct stage {
	struct df_id id;
	int fd;		 /* owned; -1 = none */
	uint32_t lender; /* the link to the life of queue that lent it */
};

struct receive {
	struct df_room *room;
	/* the association */
	struct df_id association;
	char address[64];
	char calling[DF_AE_CAP];
	char called[DF_AE_CAP];
	int64_t ends_ms; /* monotonic: no image after this; 0 = no end yet */
	uint64_t stored;
	uint64_t refused;
	/* lent by keys, for this association only */
	struct df_cek cek;
	uint8_t wrapped[DF_WRAPPED_LEN];
	struct df_digest self;
	/* lent by queue */
	struct stage ready;  /* the next file */
	bool asked;	     /* for one, without an answer yet */
	uint32_t asked_of;   /* the link to the life of queue that was asked */
	enum df_err starved; /* why the last answer gave nothing */
	/* the instance that is arriving */
	struct stage file;
	struct df_sealer sealer;
	struct df_sha256 sha;
	struct df_summer summer; /* over the bytes of the file */
	struct df_envelope env;
	struct df_why trouble; /* what the disk said; err DF_OK: nothing */
	uint64_t written; /* bytes in the file */
	uint64_t started; /* of them handed to the disk already */
	/* the report that is to go over this association */
	struct df_commitment report; /* transaction "" = none */
	char reporting[DF_UID_CAP];  /* transaction that is being reported */
};

/* Asks keys for the data key; once, before the first association byte. */
DF_MUST_CHECK enum df_err receive_key(struct receive *r, struct df_why *why);
/* Waits until a file is ready: NOSPACE when the spool is at its mark. */
DF_MUST_CHECK enum df_err receive_stage(struct receive *r, struct df_why *why);
/* The link to the life of queue that lent this file; NULL when it is over: the
 * next one may have removed the file before it was whole. */
struct df_link *receive_lender(struct receive *r, const struct stage *s);
/* Takes one message of queue; waits for it at most wait_ms. */
DF_MUST_CHECK enum df_err receive_message(struct receive *r, int64_t wait_ms,
					  struct df_why *why);
/* Without queue nothing can be stored or promised by this process any more:
 * when rc is DF_E_PEER it ends, so that the peer comes again. */
void receive_end_without_queue(enum df_err rc, const struct df_why *why);
/* Is the association to end, because the node does? silent: the peer is. */
bool receive_is_ending(struct receive *r, bool silent);
/* receive_commitment.c: storage commitment; keep takes COMMITMENT_TELL. */
void receive_commitment(struct receive *r, struct df_commitment_sink *sink);
void receive_report_keep(struct receive *r, const struct df_msg *m, int fd);
void receive_sink(struct receive *r, struct df_store_sink *sink);
void receive_worklist(struct receive *r, struct df_worklist_sink *sink);
void receive_release(struct receive *r);

#endif
