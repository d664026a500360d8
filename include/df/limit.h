/*
 * limit.h - how many requests each of many may make: a token bucket a key.
 * Pure: takes the time.
 *
 * A bucket holds `burst` tokens and is filled by `per_minute`. Who comes when
 * it is empty may wait for its turn (the token is owed), or is refused. Keys
 * are few: enrolled nodes, addresses of strangers; when there are more than
 * the table holds, the one that has rested longest makes place, and begins
 * with a full bucket when it comes again.
 */
#ifndef DF_LIMIT_H
#define DF_LIMIT_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_LIMIT_KEYS 512u

struct df_limit_key {
	char key[DF_HEX_LEN + 1];
	int64_t held; /* tokens x 60,000; below zero: owed */
	int64_t at_ms;
};
struct df_limit {
	int64_t per_minute; /* at least 1 */
	int64_t burst;
	struct df_limit_key keys[DF_LIMIT_KEYS];
	size_t n;
};

void df_limit_init(struct df_limit *l, int64_t per_minute, int64_t burst);
/*
 * One for this key (longer ones are cut). True: it may go after *wait_ms (0 =
 * now), at most patience_ms from now, and the token is taken. False: it would
 * have to wait longer, *wait_ms says how long; nothing is taken.
 */
bool df_limit_take(struct df_limit *l, const char *key, int64_t patience_ms,
		   int64_t now_mono_ms, int64_t *wait_ms);

#ifdef __cplusplus
}
#endif
#endif
