/*
 * lifecycle.h - the lives of an instance and of a delivery, as tables.
 *
 * The tables are sparse: a (state, event) pair that is not listed cannot
 * happen, and asking for it is a bug. The numbers are stored in state.db:
 * only append.
 */
#ifndef DF_LIFECYCLE_H
#define DF_LIFECYCLE_H

#include "df/err.h"

#ifdef __cplusplus
extern "C" {
#endif

enum df_instance_state {
	DF_INSTANCE_RECEIVED,    /* stored, not yet looked at */
	DF_INSTANCE_INSPECTED,   /* understood; raw object is its home */
	DF_INSTANCE_PACKED,      /* a compared parcel is its home */
	DF_INSTANCE_QUARANTINED, /* kept, not used; only a person ends it */
	DF_INSTANCE_PURGED,	 /* let go under receipts; its digest is known */
	DF_INSTANCE_DISCARDED,	 /* a person ended it; as if it never came */
};
enum df_instance_event {
	DF_INSTANCE_UNDERSTOOD, /* the cell could read it and agrees with it */
	DF_INSTANCE_REJECTED,   /* contradiction, unreadable, or it kills cells */
	DF_INSTANCE_REPLACED,   /* decoded from its parcel and compared */
	DF_INSTANCE_LET_GO,     /* retention: others hold it, by receipt */
	/* a person's word: */
	DF_INSTANCE_JUDGE,      /* look at the raw object again */
	DF_INSTANCE_ACCEPT,     /* use what lies in the parcel */
	DF_INSTANCE_SET_ASIDE,  /* another one takes its place */
	DF_INSTANCE_DISCARD,
};

enum df_delivery_state {
	DF_DELIVERY_WAITING,
	DF_DELIVERY_SENDING,
	DF_DELIVERY_DEFERRED, /* failed for now; waits for its time */
	DF_DELIVERY_HELD,     /* a person said wait */
	DF_DELIVERY_DELIVERED, /* the next holder took the bytes */
	DF_DELIVERY_CONFIRMED, /* the next holder gave its word for it */
	DF_DELIVERY_REFUSED,   /* end: the next holder will not have it */
	DF_DELIVERY_EXPIRED,   /* end */
	DF_DELIVERY_CANCELLED, /* end */
};
enum df_delivery_event {
	DF_DELIVERY_START,
	DF_DELIVERY_TAKEN,   /* bytes are durable there */
	DF_DELIVERY_WORD,    /* receipt verified, or the PACS said Success */
	DF_DELIVERY_FAILED,  /* this object failed; it may succeed later */
	DF_DELIVERY_LOST,    /* the deliverer or the destination went away */
	DF_DELIVERY_DENIED,  /* this object will never be taken */
	DF_DELIVERY_MISSING, /* the peer says that it does not hold it */
	DF_DELIVERY_HOLD,
	DF_DELIVERY_RELEASE,
	DF_DELIVERY_RETRY, /* a person said now */
	DF_DELIVERY_EXPIRE,
	DF_DELIVERY_CANCEL,
};

/* True and *to set when the table has the pair. */
bool df_instance_may(enum df_instance_state from, enum df_instance_event event,
		     enum df_instance_state *to);
bool df_delivery_may(enum df_delivery_state from, enum df_delivery_event event,
		     enum df_delivery_state *to);
/* The state after event; a pair that is not listed aborts the room. */
enum df_instance_state df_instance_next(enum df_instance_state from,
					enum df_instance_event event);
enum df_delivery_state df_delivery_next(enum df_delivery_state from,
					enum df_delivery_event event);

/* Nothing more will happen to it by itself. */
bool df_delivery_ended(enum df_delivery_state s);
const char *df_instance_state_name(enum df_instance_state s);
const char *df_delivery_state_name(enum df_delivery_state s);

#ifdef __cplusplus
}
#endif
#endif
