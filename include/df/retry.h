/*
 * retry.h - when to try again. Pure: takes the time, returns a time.
 *
 * Two failures are two things. A *destination* failure (cannot connect, TLS,
 * 5xx, transient rejection, full) closes the destination's window for a while
 * and costs the object nothing; an *object* failure costs the object and not
 * the destination.
 */
#ifndef DF_RETRY_H
#define DF_RETRY_H

#include "df/err.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * now + clamp(now - since, min, max) +- 20 %: the longer it has waited, the
 * longer the next pause; no counter to keep. All milliseconds. chance is any
 * random number.
 */
int64_t df_retry_next(int64_t now_ms, int64_t since_ms, int64_t min_ms,
		      int64_t max_ms, uint32_t chance);

enum df_blame { DF_BLAME_DESTINATION, DF_BLAME_OBJECT_LATER, DF_BLAME_OBJECT };
/* Whose failure err is, and whether the object may ever succeed. */
enum df_blame df_retry_blame(enum df_err err);

/* {0} is an open window. */
struct df_window {
	int64_t down_since_ms; /* 0 = up */
	int64_t next_ms;       /* nothing is tried before */
	uint32_t failures;     /* in a row */
};
bool df_window_open(const struct df_window *w, int64_t now_ms);
void df_window_good(struct df_window *w);
void df_window_bad(struct df_window *w, int64_t now_ms, int64_t min_ms,
		   int64_t max_ms, uint32_t chance);

#ifdef __cplusplus
}
#endif
#endif
