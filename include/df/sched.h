/*
 * sched.h - which of the waiting jobs is next. Pure, no I/O, no clock.
 *
 * Highest priority first; among equals the source that was served longest
 * ago, then the study that was served longest ago, then the oldest job. So a
 * large study never blocks a small one, and no kind of work starves another.
 */
#ifndef DF_SCHED_H
#define DF_SCHED_H

#include <stddef.h>

#include "df/err.h"

#ifdef __cplusplus
extern "C" {
#endif

struct df_sched_job {
	uint32_t priority; /* larger is more urgent */
	uint32_t source;   /* kind of work, or a destination */
	uint64_t study;
	void *ctx;      /* borrowed */
	uint64_t order; /* set by add */
};

#define DF_SCHED_MEMORY 256u /* served keys remembered; older = never */

struct df_sched { /* {0} is empty */
	struct df_sched_job *jobs; /* owned */
	size_t n, cap;
	uint64_t clock;
	struct {
		uint64_t key, at;
	} served[DF_SCHED_MEMORY];
};

void df_sched_release(struct df_sched *s);
void df_sched_add(struct df_sched *s, const struct df_sched_job *job);
/* Takes the next job out and returns its ctx; NULL when there is none. */
void *df_sched_next(struct df_sched *s);
/* All waiting jobs of a study are more urgent by `by` from now on, unless they
 * are as urgent already. */
void df_sched_urge(struct df_sched *s, uint64_t study, uint32_t by);
/* Takes a certain job out; false when it is not there. */
bool df_sched_drop(struct df_sched *s, const void *ctx);

#ifdef __cplusplus
}
#endif
#endif
