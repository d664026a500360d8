/*
 * decision.h - what a person decides about what is in quarantine, and who.
 *
 * Each decision is a row that stays. Nothing here answers for the person; it
 * only keeps the house consistent: one instance stands under a UID (of one
 * giver) at a time, bytes that are not here cannot be used, and nothing is
 * removed but what a person named.
 */
#ifndef DF_DECISION_H
#define DF_DECISION_H

#include "df/journal.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_DECISION_WHO 64
#define DF_DECISION_REASON 200

enum df_decision {
	DF_DECIDED_RELEASE = 1, /* use it */
	DF_DECIDED_ASIDE,	/* another one was released in its place */
	DF_DECIDED_DISCARD,	/* remove it for ever */
};
struct df_row_decision {
	int64_t at_ms;
	enum df_decision what;
	char who[DF_DECISION_WHO + 1];
	char reason[DF_DECISION_REASON + 1];
};

/* By its object, "ID" of quarantine list, or by row number. Quarantined ones
 * and reports that are kept back; false when there is none. */
bool df_journal_quarantined_find(struct df_journal *j, const char *id,
				 struct df_row_instance *r);
/* Those that quarantine list shows, n > after. */
size_t df_journal_quarantined_list(struct df_journal *j, int64_t after,
				   struct df_row_instance *rows, size_t max);
/* The instance that stands under r's UID, of the same giver, when it is
 * another one. */
bool df_journal_standing(struct df_journal *j, const struct df_row_instance *r,
			 struct df_row_instance *standing);

enum df_release {
	DF_RELEASE_JUDGE,  /* the raw object is looked at again */
	DF_RELEASE_PARCEL, /* it is used out of its parcel: verify it again */
	DF_RELEASE_REPORT, /* the report goes to its clinic */
};
/*
 * Into use again. What stands under its UID is set aside in its place (and
 * can be released again). Moves files durably before rows; the rows are
 * durable with the coming commit. DF_E_AGAIN while the standing one is being
 * packed; DF_E_NOTFOUND when its bytes are gone; DF_E_REFUSED when there is
 * nothing to decide.
 */
DF_MUST_CHECK enum df_err df_journal_release(struct df_journal *j,
					     struct df_spool *sp,
					     const struct df_row_instance *r,
					     const struct df_row_decision *d,
					     enum df_release *how,
					     struct df_why *why);
/*
 * For ever; only what is quarantined. why must be given. After the commit
 * df_spool_discard takes the file, when *file says so: bytes in a parcel stay
 * until retention lets go of the parcel.
 */
DF_MUST_CHECK enum df_err df_journal_discard(struct df_journal *j,
					     struct df_spool *sp,
					     const struct df_row_instance *r,
					     const struct df_row_decision *d,
					     bool *file, struct df_why *why);
/* At start: files that a crash left after they were discarded. */
void df_spool_discarded_sweep(struct df_spool *sp, struct df_journal *j);

/* Did a person release this instance? Then no rival and no other owner of its
 * UIDs keeps it back. */
bool df_journal_is_released(struct df_journal *j, int64_t instance);
/* of an instance, oldest first */
size_t df_journal_decisions(struct df_journal *j, int64_t instance,
			    struct df_row_decision *rows, size_t max);
/* How often the same bytes came again. */
uint64_t df_journal_extras(struct df_journal *j, int64_t instance);

/*
 * Are or were these bytes here under this UID, from this peer ("": given
 * here)? Also when they were purged, or are in quarantine: whole, as their
 * file is read. Then they need not be stored again.
 */
bool df_journal_known(struct df_journal *j, const struct df_spool *sp,
		      const char *peer, const char *sop_instance,
		      const struct df_digest *digest,
		      struct df_row_instance *r);

#ifdef __cplusplus
}
#endif
#endif
