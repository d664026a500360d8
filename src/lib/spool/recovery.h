/* recovery.h - one recovery: recover.c and adopt.c. */
#ifndef DF_SPOOL_RECOVERY_H
#define DF_SPOOL_RECOVERY_H

#include "df/damage.h"
#include "sql.h"

#define LOST_REASON "its object is missing from the spool"
#define JUDGED_REASON "judged before state.db was made anew"
#define UNTOLD_REASON "set aside when the node was cut off; why is not known"

/* instances whose bytes were lost, or found damaged, and never came again */
#define SQL_LOST                                                   \
	"state = 3 AND (reason = '" LOST_REASON                    \
	"' OR reason GLOB '" DF_DAMAGED_WORD                       \
	":*') AND NOT EXISTS (SELECT 1 FROM instances o"           \
	" WHERE o.sop = instances.sop AND o.peer = instances.peer" \
	" AND o.state NOT IN (3, 5))"

struct newcomer { /* a whole object without a row */
	struct df_id id;
	bool raw;
	int64_t received_ms;
};

struct recovery {
	struct df_spool *sp;
	struct df_journal *j;
	struct df_recovery *out;
	bool change;
	bool fresh; /* the journal has never been held against objects/ */
	int64_t now_ms;
	struct newcomer *new;
	size_t n_new, cap_new;
	struct df_id *gone; /* files to remove after the commit */
	size_t n_gone;
	char synced[3];	    /* the directory that was synced last */
	struct df_id held;  /* the object that was compared last */
	enum df_err rc;
	struct df_why why;
};

/* The file goes after the commit. */
void df_recovery_drop(struct recovery *r, const struct df_id *id);
/* Rows for a whole, durable object that has none; or it is dropped, when
 * another object stands for it. */
void df_recovery_adopt(struct recovery *r, const struct df_envelope *env,
		       uint64_t dfenv_len, uint64_t bytes);
/* A raw object in quarantine/: its rows, not to be used. */
void df_recovery_quarantined(struct recovery *r, const struct df_envelope *env,
			     uint64_t dfenv_len, uint64_t bytes);
/* One in quarantine/<id>.damaged: rows for df_spool_condemn to judge; false
 * when it needs none. */
bool df_recovery_damaged(struct recovery *r, const struct df_envelope *env,
			 uint64_t dfenv_len, uint64_t bytes);

#endif
