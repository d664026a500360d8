/*
 * restored.h - data sets that VERIFY has restored to compare them, kept for the
 * PACS that are to get them at once, so that they are not decoded again.
 *
 * A data set is named by the parcel that holds it and its record there. Nothing
 * rests on it: what is not here is restored when it is asked for. Full is full:
 * the oldest are asked for first, so they stay and what is new is not kept.
 */
#ifndef QUEUE_RESTORED_H
#define QUEUE_RESTORED_H

#include "df/err.h"
#include "df/str.h"

#define RESTORED_BYTES (UINT64_C(48) << 20) /* of memory, in all; */
#define RESTORED_ONE (RESTORED_BYTES / 4)   /* by one data set; */
#define RESTORED_COUNT 256		    /* descriptors */
#define RESTORED_MS 60000		    /* kept for so long */

struct restored_one;
struct restored_store { /* {0} is empty */
	struct restored_one *first;
	size_t n;
	uint64_t bytes;
	/* what PACS and STOW-RS servers asked for, since start */
	uint64_t served;  /* out of here */
	uint64_t decoded; /* by a cell, once more */
};

/* How many bytes may be put. */
uint64_t restored_room(const struct restored_store *s);
/* Takes a sealed memfd with a data set, if there is room for it. */
void restored_put(struct restored_store *s, const struct df_id *parcel,
		  uint64_t record, const char *transfer_syntax, int *fd,
		  int64_t mono_ms);
/* Its instance is in custody and so many will ask; before, nobody gets it. */
void restored_keep(struct restored_store *s, const struct df_id *parcel,
		   uint64_t record, unsigned takers, int64_t mono_ms);
/* What was not to be kept of this parcel goes. */
void restored_drop(struct restored_store *s, const struct df_id *parcel);
/* What nobody took in its time goes. */
void restored_age(struct restored_store *s, int64_t mono_ms);
/* A descriptor, the caller's, its bytes and transfer syntax; -1 when it is not
 * here. After the last taker it is not. */
int restored_take(struct restored_store *s, const struct df_id *parcel,
		  uint64_t record, uint64_t *size_bytes,
		  char transfer_syntax[65]);

#endif
