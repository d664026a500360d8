/*
 * acts.h - the ledger of recognition as index.db has it: what was offered,
 * viewed, accepted, declined and taken back, one row an entry of the register.
 *
 * The register (df/register.h) is the original; these rows follow it and can
 * be made again. A *case* is one earlier exam (study and node) in one order,
 * or, where no order was named, on one day: what a doctor decides about.
 */
#ifndef DF_ACTS_H
#define DF_ACTS_H

#include "df/store.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers stand in index.db: append. */
#define DF_ACT_MAP(X)                   \
	X(OFFER, "offer", "提示")       \
	X(VIEW, "view", "调阅")         \
	X(ACCEPT, "accept", "互认")     \
	X(DECLINE, "decline", "不互认") \
	X(UNDO, "undo", "撤销")
enum df_act {
	DF_ACT_NONE,
#define X(name, word, zh) DF_ACT_##name,
	DF_ACT_MAP(X)
#undef X
		DF_ACT_COUNT
};
const char *df_act_word(enum df_act a);
const char *df_act_zh(enum df_act a);
enum df_act df_act_from(const char *word); /* NONE: no such */

struct df_store_act {
	uint64_t seq; /* of the register */
	int64_t at_ms;
	unsigned day; /* local, 20261122 */
	enum df_act act;
	const char *study_uid;
	const char *node;    /* who holds the study, "" = here */
	const char *subject; /* the order, or the day, as text */
	uint64_t undone;     /* by that entry; 0 = it stands */
	struct df_text json; /* the entry */
};
typedef enum df_err df_store_act_fn(void *ctx, const struct df_store_act *a);

/* Between begin and commit. Its study, node and subject make the case. */
DF_MUST_CHECK enum df_err df_store_put_act(struct df_store *s,
					   const struct df_store_act *a,
					   struct df_why *why);
/* Entry seq is taken back by entry `by`. */
DF_MUST_CHECK enum df_err df_store_undo_act(struct df_store *s, uint64_t seq,
					    uint64_t by, struct df_why *why);

/* In each of what follows, what fn is given is borrowed until it returns;
 * subject is NULL; fn's error ends it. fn may ask, not put. */

/* One. DF_E_NOTFOUND. */
DF_MUST_CHECK enum df_err df_store_act(struct df_store *s, uint64_t seq,
				       df_store_act_fn *fn, void *ctx,
				       struct df_why *why);
/* Those of a case, oldest first. */
DF_MUST_CHECK enum df_err df_store_case(struct df_store *s,
					const char *study_uid, const char *node,
					const char *subject,
					df_store_act_fn *fn, void *ctx,
					struct df_why *why);
/* Of these days, oldest first. */
DF_MUST_CHECK enum df_err df_store_days(struct df_store *s, unsigned first_day,
					unsigned last_day, df_store_act_fn *fn,
					void *ctx, struct df_why *why);
/* Before entry `before`, newest first; study NULL: of any. */
DF_MUST_CHECK enum df_err df_store_acts(struct df_store *s, uint64_t before,
					const char *study_uid, unsigned limit,
					df_store_act_fn *fn, void *ctx,
					struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
