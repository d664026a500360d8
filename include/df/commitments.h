/*
 * commitments.h - storage commitment in state.db: transactions that modalities
 * gave us, and those that we gave to a PACS. See df/journal.h for how writing,
 * committing and reading go.
 */
#ifndef DF_COMMITMENTS_H
#define DF_COMMITMENTS_H

#include "df/journal.h"
#include "df/references.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers stand in state.db: only append. */
enum df_commitment_side {
	DF_COMMITMENT_OF_US, /* a modality asked; who = its AE title */
	DF_COMMITMENT_BY_US, /* we asked; who = name of the destination */
};
enum df_commitment_state {
	DF_COMMITMENT_OPEN,  /* of us: its instances are not all settled */
	DF_COMMITMENT_READY, /* of us: all settled, the report is due */
	DF_COMMITMENT_ASKED, /* by us: the answer is due until next */
	DF_COMMITMENT_DONE,  /* the report was taken; by us: it came */
	DF_COMMITMENT_ENDED, /* nobody took the report; by us: no answer */
};
const char *df_commitment_state_name(enum df_commitment_state s);

struct df_row_commitment {
	int64_t n;
	enum df_commitment_side side;
	char uid[65]; /* Transaction UID */
	char who[121];
	struct df_digest digest; /* of what it names */
	enum df_commitment_state state;
	int64_t asked_ms;
	int64_t next_ms; /* next try; ASKED: when it is given up */
	uint32_t tries;
	enum df_err err;
	char why[200];
	uint64_t items; /* read only: how many it names, ... */
	uint64_t open;	/* ... are not settled, ... */
	uint64_t bad;	/* ... failed */
};

/* Adds it with its instances, all unsettled. deliveries: one row number each,
 * by us only, or NULL. Returns its number. */
int64_t df_commitment_add(struct df_journal *j,
			  const struct df_row_commitment *c,
			  const struct df_references *refs,
			  const int64_t *deliveries);
/* The second half of adding: for one whose instances were dropped. */
void df_commitment_name(struct df_journal *j, int64_t n,
			const struct df_references *refs,
			const int64_t *deliveries);
bool df_commitment_find(struct df_journal *j, enum df_commitment_side side,
			const char *uid, struct df_row_commitment *c);
bool df_commitment(struct df_journal *j, int64_t n,
		   struct df_row_commitment *c);
/* Of that side in that state, n > after, with next <= now; who "" = of all. */
size_t df_commitments_due(struct df_journal *j, enum df_commitment_side side,
			  enum df_commitment_state state, const char *who,
			  int64_t after, int64_t now_ms,
			  struct df_row_commitment *rows, size_t max);
/* n > after; for people. */
size_t df_commitments_list(struct df_journal *j, int64_t after,
			   struct df_row_commitment *rows, size_t max);
/* tried: one more try. why NULL = none. */
void df_commitment_move(struct df_journal *j, int64_t n,
			enum df_commitment_state state, int64_t next_ms,
			bool tried, const struct df_why *why);
/* Asked again: open as on the first day. */
void df_commitment_reopen(struct df_journal *j, int64_t n, int64_t now_ms);
/* How many are OPEN, READY or ASKED on that side. */
uint64_t df_commitments_pending(struct df_journal *j,
				enum df_commitment_side side);
/* How many instances are kept that modalities named. */
uint64_t df_commitments_items(struct df_journal *j);
/* Gives up the reports of what was asked before give_up_ms, and forgets what
 * was DONE or ENDED before forget_ms; what modalities named in it goes at
 * drop_ms: its digest is enough to know it again, and who asks again names
 * all. max items at a time: true when there are more. */
bool df_commitments_sweep(struct df_journal *j, int64_t give_up_ms,
			  int64_t drop_ms, int64_t forget_ms, size_t max);
/* The wall clock jumped. */
void df_commitments_shift(struct df_journal *j, int64_t by_ms);

struct df_row_commitment_item {
	int64_t k; /* its place in the transaction, from 0 */
	struct df_reference ref;
};
/* Unsettled ones of a transaction with a place > k, in order. */
size_t df_commitment_unsettled(struct df_journal *j, int64_t n, int64_t k,
			       struct df_row_commitment_item *rows,
			       size_t max);
/* All that it names, with what became of each; unsettled = "processing
 * failure". The caller releases *refs. */
void df_commitment_references(struct df_journal *j, int64_t n,
			      struct df_references *refs);
/* A note: it is found again. reason: DF_REFERENCE_GOOD or why not. */
void df_commitment_settle(struct df_journal *j, int64_t n, int64_t k,
			  uint16_t reason);
/* All that is unsettled. */
void df_commitment_settle_rest(struct df_journal *j, int64_t n,
			       uint16_t reason);
/* Is an instance of that UID named by a modality and not yet settled? */
bool df_commitment_promised(struct df_journal *j, const char *sop_instance);

/* Does an instance that a modality sent under this UID lie in quarantine? */
bool df_commitment_doubtful(struct df_journal *j, const char *sop_instance);

/* --- by us ---------------------------------------------------------------- */
/* Deliveries to dest, n > after, that were taken and that no transaction under
 * way names: refs and their deliveries (room for max). Returns how many. */
size_t df_commitment_wanted(struct df_journal *j, const char *dest,
			    int64_t after, size_t max,
			    struct df_references *refs, int64_t *deliveries);
/* What dest took is confirmed by that alone: it does not commit. Returns how
 * many deliveries. */
uint64_t df_commitment_waive(struct df_journal *j, const char *dest);
/* The delivery that this transaction asks for under a UID; 0 = none, or
 * settled. *k = its place. */
int64_t df_commitment_delivery(struct df_journal *j, int64_t n,
			       const char *sop_instance, int64_t *k);
/* The same, also when it was settled. */
int64_t df_commitment_named(struct df_journal *j, int64_t n,
			    const char *sop_instance);
/* It was never sent: forgets it. */
void df_commitment_drop(struct df_journal *j, int64_t n);
/* In how many transactions the delivery was denied. */
uint64_t df_commitment_denials(struct df_journal *j, int64_t delivery);
/* How many transactions of a destination in a row had no answer. */
uint64_t df_commitment_silences(struct df_journal *j, const char *dest);

#ifdef __cplusplus
}
#endif
#endif
