/* upload.h - a parcel that comes in: upload.c and upload_parts.c; a whole one
 * that is being checked: arrival.c. */
#ifndef QUEUE_UPLOAD_H
#define QUEUE_UPLOAD_H

#include "df/ranges.h"
#include "queue.h"

#define UPLOAD_SIZE_MAX (64ull << 30) /* as peer.md says */

struct upload {
	struct upload *next;
	struct queue *q;
	struct df_row_upload row;
	struct opened o; /* fields of the header; fd and key are gone */
	struct seen_list seen;
	struct df_checksum checksum; /* of the whole file */
	/* One that we fetched: it has no row, and this hears once what came of
	 * it (DF_E_AGAIN: try again). NULL = a peer uploaded it. */
	void (*fetched)(void *ctx, enum df_err rc, const char *why);
	void *ctx;
};

/* arrival.c: a file in incoming/ that we fetched, which row->peer sealed. It is
 * checked and taken like one that was uploaded, as a copy. */
void arrival_fetched(struct queue *q, const struct df_row_upload *row,
		     void (*fetched)(void *ctx, enum df_err rc,
				     const char *why),
		     void *ctx);

/* upload.c: takes in a parcel of which nothing is here, if there is a place. */
DF_MUST_CHECK enum df_err upload_begin(struct queue *q, const char *peer,
				       const char *hex, uint64_t size,
				       struct df_row_upload *u,
				       struct df_why *why);
/* upload.c: is it here, or another peer's? One that was lost here is not: who
 * brought it brings it again. */
bool upload_is_known(struct queue *q, const char *hex, const char *peer,
		     struct df_row_parcel *p);
/* upload.c: its peer has been told: the next offer of it begins anew. */
void upload_refusal_heard(struct queue *q, struct df_row_upload *u);
/* upload_parts.c: what is held beyond u's offset; NULL = nothing. Borrowed
 * until the next part. */
const struct df_ranges *upload_held(struct queue *q,
				    const struct df_row_upload *u);

#endif
