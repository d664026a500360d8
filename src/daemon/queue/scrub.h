/* scrub.h - what queue.h keeps of the scrubber; scrub.c. */
#ifndef QUEUE_SCRUB_H
#define QUEUE_SCRUB_H

#include "df/damage.h"

struct scrub {
	struct df_scrub state; /* as in the journal, or a little ahead */
	uint64_t total;	       /* objects, counted once an hour */
	struct df_id id;       /* is being read */
	struct suspect *suspects;
	bool busy;
	bool fast; /* a person asked for this round: no pauses */
	int64_t since_ms; /* monotonic: this object, or the last one */
	int64_t ended_ms;
	int64_t counted_ms;
};

/* err: DF_OK; DF_E_CORRUPT: read twice and damaged (why says how, in words
 * that go on from "its file"); DF_E_NOTFOUND: there is none; others: it could
 * not be read. bytes: of its DFENV part. */
typedef void scrubbed_fn(void *ctx, enum df_err err, const struct df_why *why,
			 uint64_t bytes);

#endif
