/*
 * orders.h - orders of exams in index.db: what the worklist is made of.
 *
 * An order is a JSON text of the room's, sealed; beside it stands what it is
 * found by: state, moment, study UID and modality in clear, accession number
 * and patient's number behind blind indexes. It follows from the register and
 * can be made again.
 */
#ifndef DF_ORDERS_H
#define DF_ORDERS_H

#include "df/store.h"

#ifdef __cplusplus
extern "C" {
#endif

enum df_order_state {
	DF_ORDER_OPEN,
	DF_ORDER_PERFORMED,
	DF_ORDER_CANCELLED,
};

struct df_store_order {
	char id[DF_ID_LEN + 1]; /* key; a name of ours */
	enum df_order_state state;
	uint64_t moment;    /* YYYYMMDDHHMM, of the step */
	char study_uid[65]; /* that its worklist item names */
	char modality[17];
	char performed[65]; /* the study that closed it, or "" */
	int64_t changed_ms;
	struct df_text accession, patient_id; /* to find it; put only */
	struct df_text text;		      /* borrowed */
};

/* Inserts, or replaces the order of the same id. Between begin and commit. */
DF_MUST_CHECK enum df_err df_store_put_order(struct df_store *s,
					     const struct df_store_order *o,
					     struct df_why *why);
/* *text owns the text of *out. DF_E_NOTFOUND. */
DF_MUST_CHECK enum df_err df_store_order(struct df_store *s, const char *id,
					 struct df_store_order *out,
					 struct df_buf *text,
					 struct df_why *why);
/* Open ones of the moments from..to, the earliest first. fn's error ends it;
 * fn may not put. */
DF_MUST_CHECK enum df_err
df_store_orders(struct df_store *s, uint64_t from, uint64_t to,
		enum df_err (*fn)(void *ctx, const struct df_store_order *o),
		void *ctx, struct df_why *why);
/* The last `limit` of all that ever were, the earliest first; *left_out: how
 * many there are before them. As above. */
DF_MUST_CHECK enum df_err df_store_last_orders(
	struct df_store *s, uint64_t limit, uint64_t *left_out,
	enum df_err (*fn)(void *ctx, const struct df_store_order *o), void *ctx,
	struct df_why *why);
/* Open orders that have this study UID or accession number, or are of this
 * patient's number and modality. As above. */
DF_MUST_CHECK enum df_err df_store_orders_like(
	struct df_store *s, const struct df_store_order *like,
	enum df_err (*fn)(void *ctx, const struct df_store_order *o), void *ctx,
	struct df_why *why);
/* Is there any open order? */
DF_MUST_CHECK enum df_err df_store_has_orders(struct df_store *s, bool *any,
					      struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
