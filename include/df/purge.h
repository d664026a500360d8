/*
 * purge.h - letting go of what others hold: the facts for df/retention.h from
 * state.db, and the rows of it.
 *
 * A purge is: facts, judgement and rows in one transaction; after its commit
 * the files are unlinked. The rows of the instances stay: their digests are
 * known, so that the same bytes are not stored and sent again, and other bytes
 * under the same UID are a conflict as before.
 */
#ifndef DF_PURGE_H
#define DF_PURGE_H

#include "df/config.h"
#include "df/journal.h"
#include "df/retention.h"

#ifdef __cplusplus
extern "C" {
#endif

struct df_purge {
	const struct df_config *cfg; /* destinations and peers that count */
	struct df_retention policy;
	int64_t now_ms;
	df_retention_fn *judge; /* df_retention_judge */
};

/*
 * Looks at up to max studies after *cursor, among the next few hundred, and
 * notes since when they are confirmed and how much of them may go. False at the
 * end: *cursor is 0 then.
 */
bool df_journal_releasable_scan(struct df_journal *j, const struct df_purge *p,
				int64_t *cursor, size_t max);

struct df_releasable {
	uint64_t studies; /* that others hold wholly ... */
	uint64_t bytes;	  /* ... and what of them stands here, not yet old */
	uint64_t purged_studies;
	uint64_t purged_bytes; /* ever */
};
void df_journal_releasable(struct df_journal *j, struct df_releasable *r);

struct df_purged {
	struct df_row_study study;
	uint64_t objects;
	uint64_t instances;
	uint64_t bytes;
};
/*
 * Lets go of what may go of the study that has been confirmed longest. gone is
 * called for each object that is to be unlinked once this transaction is
 * committed. False when no study is due; true with no objects when the study
 * turned out to be kept.
 */
bool df_journal_purge(struct df_journal *j, const struct df_purge *p,
		      void (*gone)(void *ctx, const struct df_id *object),
		      void *ctx, struct df_purged *out);

/* What retention has to say of one study; zeros when nothing. */
struct df_row_retained {
	int64_t confirmed_ms; /* since when it may go, but for its age */
	uint64_t bytes;	      /* that may go then */
	int64_t purged_ms;    /* when bytes went; 0 = none did */
	uint64_t purged_bytes;
};
void df_journal_retained(struct df_journal *j, int64_t study,
			 struct df_row_retained *r);

#ifdef __cplusplus
}
#endif
#endif
