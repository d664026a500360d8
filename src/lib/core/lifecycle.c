/* lifecycle.c - which event leads where. See df/lifecycle.h. */
#include "df/lifecycle.h"

#include <stddef.h>

static const struct {
	enum df_instance_state from;
	enum df_instance_event event;
	enum df_instance_state to;
} instance_moves[] = {
#define M(from, event, to)                                                     \
	{DF_INSTANCE_##from, DF_INSTANCE_##event, DF_INSTANCE_##to}
	M(RECEIVED, UNDERSTOOD, INSPECTED),
	M(RECEIVED, REJECTED, QUARANTINED),
	M(INSPECTED, UNDERSTOOD, INSPECTED), /* looked at again for facts */
	M(INSPECTED, REJECTED, QUARANTINED),
	M(INSPECTED, REPLACED, PACKED),
	M(PACKED, UNDERSTOOD, PACKED),
	M(PACKED, REPLACED, PACKED),
	M(INSPECTED, LET_GO, PURGED),
	M(PACKED, LET_GO, PURGED),
	M(QUARANTINED, JUDGE, RECEIVED),
	M(QUARANTINED, ACCEPT, PACKED),
	M(INSPECTED, SET_ASIDE, QUARANTINED),
	M(PACKED, SET_ASIDE, QUARANTINED),
	M(PURGED, SET_ASIDE, DISCARDED), /* nothing is left to keep */
	M(QUARANTINED, DISCARD, DISCARDED),
#undef M
};

static const struct {
	enum df_delivery_state from;
	enum df_delivery_event event;
	enum df_delivery_state to;
} delivery_moves[] = {
#define M(from, event, to)                                                     \
	{DF_DELIVERY_##from, DF_DELIVERY_##event, DF_DELIVERY_##to}
	M(WAITING, START, SENDING),
	M(DEFERRED, START, SENDING),
	M(SENDING, TAKEN, DELIVERED),
	M(SENDING, WORD, CONFIRMED),
	M(SENDING, FAILED, DEFERRED),
	M(SENDING, LOST, WAITING),
	M(SENDING, DENIED, REFUSED),
	M(DELIVERED, WORD, CONFIRMED),
	M(DELIVERED, MISSING, WAITING),
	M(DELIVERED, DENIED, REFUSED), /* taken, and never committed to */
	M(CONFIRMED, WORD, CONFIRMED),
	M(WAITING, HOLD, HELD),
	M(DEFERRED, HOLD, HELD),
	M(HELD, RELEASE, WAITING),
	M(WAITING, RETRY, WAITING),
	M(DEFERRED, RETRY, WAITING),
	M(HELD, RETRY, WAITING),
	M(REFUSED, RETRY, WAITING),
	M(EXPIRED, RETRY, WAITING),
	M(WAITING, EXPIRE, EXPIRED),
	M(DEFERRED, EXPIRE, EXPIRED),
	M(WAITING, CANCEL, CANCELLED),
	M(DEFERRED, CANCEL, CANCELLED),
	M(HELD, CANCEL, CANCELLED),
#undef M
};

bool df_instance_may(enum df_instance_state from, enum df_instance_event event,
		     enum df_instance_state *to)
{
	size_t n = sizeof instance_moves / sizeof instance_moves[0];

	for (size_t i = 0; i < n; i++)
		if (instance_moves[i].from == from &&
		    instance_moves[i].event == event) {
			*to = instance_moves[i].to;
			return true;
		}
	return false;
}

bool df_delivery_may(enum df_delivery_state from, enum df_delivery_event event,
		     enum df_delivery_state *to)
{
	size_t n = sizeof delivery_moves / sizeof delivery_moves[0];

	for (size_t i = 0; i < n; i++)
		if (delivery_moves[i].from == from &&
		    delivery_moves[i].event == event) {
			*to = delivery_moves[i].to;
			return true;
		}
	return false;
}

enum df_instance_state df_instance_next(enum df_instance_state from,
					enum df_instance_event event)
{
	enum df_instance_state to;

	if (!df_instance_may(from, event, &to))
		df_bug("instance: no way from %s by event %d",
		       df_instance_state_name(from), (int)event);
	return to;
}

enum df_delivery_state df_delivery_next(enum df_delivery_state from,
					enum df_delivery_event event)
{
	enum df_delivery_state to;

	if (!df_delivery_may(from, event, &to))
		df_bug("delivery: no way from %s by event %d",
		       df_delivery_state_name(from), (int)event);
	return to;
}

bool df_delivery_ended(enum df_delivery_state s)
{
	return s == DF_DELIVERY_CONFIRMED || s == DF_DELIVERY_REFUSED ||
	       s == DF_DELIVERY_EXPIRED || s == DF_DELIVERY_CANCELLED;
}

const char *df_instance_state_name(enum df_instance_state s)
{
	static const char *const names[] = {"received",	   "inspected",
					    "packed",	   "quarantined",
					    "purged",	   "discarded"};

	return (unsigned)s < 6 ? names[s] : "unknown";
}

const char *df_delivery_state_name(enum df_delivery_state s)
{
	static const char *const names[] = {
		"waiting",   "sending",	  "deferred", "held",	"delivered",
		"confirmed", "refused", "expired",  "cancelled"};

	return (unsigned)s < 9 ? names[s] : "unknown";
}
