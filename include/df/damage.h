/*
 * damage.h - objects that no longer are what they were, and who looks for them.
 *
 * Every object is read again within a week, from the disk. One that is damaged
 * goes to quarantine/<id>.damaged: no reader of objects finds it under its name
 * any more, so it is never sent and never taken for a copy that is here.
 */
#ifndef DF_DAMAGE_H
#define DF_DAMAGE_H

#include "df/journal.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_DAMAGED_WORD "damaged" /* reasons of such instances begin so */

struct df_scrub { /* one row: how far the round is */
	struct df_id cursor; /* looked at last; "" = a round begins */
	int64_t begun_ms;
	uint64_t looked; /* objects in this round */
	uint64_t bytes;
	uint64_t damaged; /* found since the node was made */
	int64_t done_ms;  /* when the last whole round ended; 0 = never */
};
void df_journal_scrub(struct df_journal *j, struct df_scrub *s);
/* A note: objects looked at twice do no harm. */
void df_journal_scrub_put(struct df_journal *j, const struct df_scrub *s);
/* The next object in order of names, "" = the first; false at the end. */
bool df_journal_scrub_next(struct df_journal *j, const struct df_id *after,
			   struct df_id *id);
uint64_t df_journal_object_count(struct df_journal *j);

struct df_damage {
	uint64_t instances; /* that had their home in it */
	uint64_t elsewhere; /* of these: confirmed by some destination */
	char holder[121];   /* one that confirmed, "" = nobody */
};
/*
 * The object's file does not hold what was put into it: moves it to
 * quarantine/<id>.damaged, durably, and writes the rows: its instances are in
 * quarantine with a reason that says what to do, a parcel is bad, what was to
 * be sent of it is refused, a report in it is not shown. Durable with the
 * coming commit; a cut between file and rows is a lost object to recovery,
 * which says the same. what: "does not match its checksum".
 */
DF_MUST_CHECK enum df_err df_spool_condemn(struct df_spool *sp,
					   struct df_journal *j,
					   const struct df_id *id,
					   const char *what,
					   struct df_damage *found,
					   struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
