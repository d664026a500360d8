/*
 * orders.h - private to the room `index`: what is to be done, for modalities
 * (the worklist) and for people.
 *
 * An order is a JSON object: values by the words of df/worklist.h, and
 *   id                 a name of ours
 *   resident_id        the patient's, when patient_id is a clinic's number
 *   emergency          true: nobody was asked anything
 *   who, added_ms      who added it, when
 *   mark, mark_text    what technicians and staff read about earlier exams
 *   cancelled          {who, reason, at_ms}
 *   performed          {study_uid, by, at_ms}
 * It stands in the register (kind "order": {event, id, ...}) and, as far as it
 * has come, in index.db.
 */
#ifndef DF_INDEX_ORDERS_H
#define DF_INDEX_ORDERS_H

#include <cjson/cJSON.h>

#include "df/orders.h"
#include "df/worklist.h"
#include "index.h"

/* orders.c: the verbs, and what an entry of the register does. */
DF_MUST_CHECK enum df_err order_add(struct index *x, const cJSON *args,
				    cJSON *out, struct df_why *why);
DF_MUST_CHECK enum df_err order_list(struct index *x, const cJSON *args,
				     cJSON *out, struct df_why *why);
DF_MUST_CHECK enum df_err order_cancel(struct index *x, const cJSON *args,
				       cJSON *out, struct df_why *why);
index_apply_fn order_apply;
/* The order of that id, the caller's. DF_E_NOTFOUND. */
DF_MUST_CHECK enum df_err order_load(struct index *x, const char *id,
				     struct df_store_order *row, cJSON **order,
				     struct df_why *why);
/* Open orders before this are on no worklist any more: YYYYMMDDHHMM. */
uint64_t order_first_moment(const struct index *x);

/* order_values.c: what was typed becomes an order, with what it lacks; what
 * the person should know goes into out.warning. DF_E_USAGE. */
DF_MUST_CHECK enum df_err order_take(struct index *x, const cJSON *args,
				     cJSON *order, cJSON *out,
				     struct df_why *why);
/* The value of a worklist attribute in it; {"", 0} when there is none. */
struct df_text order_value(const cJSON *order, enum df_worklist_field f);

/* order_mark.c: what a list of earlier exams, newest first and judged, means
 * for who takes the image: into the order (mark, mark_text). */
void order_mark(cJSON *order, const cJSON *priors);

/* order_priors.c: earlier exams of this patient, as this node knows them and
 * as others last told it, into out.priors, and what they mean into the order.
 * Never fails: an exam is not stopped by what we could not find. */
void order_judge(struct index *x, cJSON *order, cJSON *out);
/* The other nodes are asked, too; when they answer, the order says it. */
void order_ask(struct index *x, const cJSON *order);

/* order_performed.c: an instance came; the order that it belongs to is done.
 * In the open transaction. */
void order_performed(struct index *x, const struct df_store_instance *i);
void order_performed_again(void); /* an order was added: look anew */

/* order_worklist.c: WORKLIST_RQ. */
void order_worklist_init(struct index *x);
void order_worklist(struct index *x, struct df_link *from,
		    const struct df_msg *m);

#endif
