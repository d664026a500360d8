/*
 * retention.h - may the bytes of an object go? Pure, no I/O, no clock.
 *
 * The rule: an object goes when everything in it is known to be held by
 * others, under their word for its digest, for as long as the house wants to
 * keep it beside them. Each condition is one row of a table; any one of them
 * keeps the object. Who asks gathers the facts and acts in one transaction.
 */
#ifndef DF_RETENTION_H
#define DF_RETENTION_H

#include "df/err.h"

#ifdef __cplusplus
extern "C" {
#endif

struct df_retention { /* the policy */
	int64_t keep_ms; /* after the last word; 0 = only when space is short */
	bool short_of_space;
	int64_t fetched_ms; /* after it was fetched, also when space is short */
};

/* Of one object (a raw object or a parcel); counts of instances. */
struct df_retention_facts {
	uint64_t instances;  /* whose home it is, understood and in use */
	uint64_t aside;	     /* that live in it besides: quarantined, unread */
	uint64_t unindexed;  /* whose facts the index has not kept */
	uint64_t reports;    /* that go back to a clinic; or wait to */
	uint64_t unsent;     /* a configured destination has not confirmed */
	uint64_t unreceipted; /* whose digest no verified receipt names: of
			       * each peer it went to; ours, when it came from
			       * a peer */
	uint64_t unheld;     /* that nobody at all has confirmed */
	uint64_t promised;   /* named in a storage commitment not yet said */
	bool study_open;     /* more of the study may come */
	uint64_t study_waiting; /* instances in other objects of the study for
				 * which one of unsent to unheld holds */
	bool fetching;		/* somebody here waits for more of it */
	int64_t fetched_ms;	/* when that was over last; 0 = never */
	int64_t confirmed_ms; /* since when the study is; 0 = not yet noted */
	int64_t now_ms;
};

/* Why it is kept; the order is that of the table. */
enum df_keep {
	DF_KEEP_NOT, /* it may go */
	DF_KEEP_EMPTY,
	DF_KEEP_ASIDE,
	DF_KEEP_UNINDEXED,
	DF_KEEP_REPORT,
	DF_KEEP_UNSENT,
	DF_KEEP_UNRECEIPTED,
	DF_KEEP_UNHELD,
	DF_KEEP_PROMISED,
	DF_KEEP_OPEN,
	DF_KEEP_STUDY,
	DF_KEEP_FETCHING,
	DF_KEEP_FETCHED,
	DF_KEEP_YOUNG, /* everything else allows it */
	DF_KEEP_COUNT,
};

typedef enum df_keep df_retention_fn(const struct df_retention_facts *f,
				     const struct df_retention *policy);
df_retention_fn df_retention_judge;

#ifdef __cplusplus
}
#endif
#endif
