/*
 * acceptance.h - whether new bytes are taken, and why not: the state.
 *
 * One place decides for images (STAGE_RQ), parcels (OFFER_RQ) and reports
 * (MAIL); `status` says the same words.
 */
#ifndef ACCEPTANCE_H
#define ACCEPTANCE_H

#include "df/spool.h"

enum refusal {
	REFUSAL_NONE,
	REFUSAL_DRAINING,  /* this node ends */
	REFUSAL_DEGRADED,  /* a sync failed; until a probe was read back */
	REFUSAL_UNMOUNTED, /* the path leads to another disk */
	REFUSAL_READ_ONLY,
	REFUSAL_SPACE,
	REFUSAL_INODES,
};

#define DATABASES 2 /* state.db and index.db */

struct acceptance {
	struct df_disk disk; /* as last looked at */
	struct df_marks marks;
	struct df_pressure pressure;
	enum refusal refusal; /* as last said in the log */
	struct df_why why;    /* of the refusal */
	struct df_why degraded; /* err != DF_OK: we are, and this is why */
	bool doubted;	      /* a write failed, none has worked since */
	struct df_why doubt;
	int64_t tried_ms;     /* monotonic: when one was last tried */
	int64_t given_ms;     /* monotonic: when the reserve was last cut */
	bool unheld;	      /* files cannot be preallocated here */
	unsigned ticks;
	int64_t fed_ms; /* monotonic: when databases last got of the reserve */
	uint64_t log_bytes[DATABASES];
	/* how fast the disk fills: free bytes a while ago (wall ms) */
	uint64_t then_free;
	int64_t then_ms;
	int64_t days_left; /* -1 = not filling, or not known yet */
};

#endif
