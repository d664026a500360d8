/* limit.c - see df/limit.h. */
#include "df/limit.h"

#include <string.h>

#define UNIT INT64_C(60000) /* a token a minute for a millisecond = 1 */

void df_limit_init(struct df_limit *l, int64_t per_minute, int64_t burst)
{
	l->per_minute = per_minute > 0 ? per_minute : 1;
	l->burst = burst > 0 ? burst : 1;
	l->n = 0;
}

static struct df_limit_key *key_of(struct df_limit *l, const char *key,
				   int64_t now)
{
	struct df_limit_key *k, *rested = NULL;

	for (k = l->keys; k < l->keys + l->n; k++) {
		if (strncmp(k->key, key, sizeof k->key - 1) == 0)
			return k;
		if (rested == NULL || k->at_ms < rested->at_ms)
			rested = k;
	}
	k = l->n < DF_LIMIT_KEYS ? &l->keys[l->n++] : rested;
	df_str_fmt(k->key, sizeof k->key, "%.*s", (int)sizeof k->key - 1, key);
	k->held = l->burst * UNIT;
	k->at_ms = now;
	return k;
}

static void refill(const struct df_limit *l, struct df_limit_key *k,
		   int64_t now)
{
	int64_t most = l->burst * UNIT;
	int64_t passed = now - k->at_ms;

	k->at_ms = now;
	if (passed <= 0)
		return;
	if (passed > (most - k->held) / l->per_minute)
		k->held = most;
	else
		k->held += passed * l->per_minute;
}

bool df_limit_take(struct df_limit *l, const char *key, int64_t patience_ms,
		   int64_t now, int64_t *wait_ms)
{
	struct df_limit_key *k = key_of(l, key, now);
	int64_t lacks;

	refill(l, k, now);
	lacks = UNIT - k->held;
	*wait_ms = lacks <= 0 ? 0 : (lacks + l->per_minute - 1) / l->per_minute;
	if (*wait_ms > patience_ms)
		return false;
	k->held -= UNIT;
	return true;
}
