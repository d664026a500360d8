/*
 * shares.c - whose bytes fill the disk: above the high mark a peer that holds
 * more than an equal share waits, and the others go on. There is always room
 * for one that has brought nothing yet: a peer alone stops at the high mark.
 */
#include <string.h>

#include "acceptance.h"
#include "df/clock.h"
#include "queue.h"

#define SHARES_MAX 1024 /* peers looked at; more is no hospital group */
#define SHARES_MS 5000	/* it is a walk over all parcels: not for each part */

static struct { /* one thread */
	struct df_row_share v[SHARES_MAX];
	size_t n;
	int64_t until_ms; /* monotonic */
} shares;

static void look(struct queue *q)
{
	int64_t now = df_clock_mono_ms();

	if (shares.until_ms > now)
		return;
	shares.n = df_journal_peer_shares(q->j, shares.v, SHARES_MAX);
	shares.until_ms = now + SHARES_MS;
}

enum df_err acceptance_peer(struct queue *q, const char *peer, uint64_t more,
			    struct df_why *why)
{
	enum df_err rc = acceptance(q, more, why);
	uint64_t held = 0, sum = 0, equal;

	if (rc != DF_OK || q->acceptance.pressure.mark < DF_MARK_HIGH)
		return rc;
	look(q);
	for (size_t i = 0; i < shares.n; i++) {
		sum += shares.v[i].bytes;
		if (strcmp(shares.v[i].peer, peer) == 0)
			held = shares.v[i].bytes;
	}
	equal = sum / (shares.n > 2 ? shares.n : 2);
	if (held <= equal)
		return DF_OK;
	return df_fail(why, DF_E_NOSPACE,
		       "the disk is above its high mark, and this node has "
		       "%llu MiB on it; an equal share is %llu",
		       (unsigned long long)(held >> 20),
		       (unsigned long long)(equal >> 20));
}
