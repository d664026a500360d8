/* prior.h - earlier exams that people here want: prior_fetch.c brings them,
 * prior_order.c takes orders and says how far they are. */
#ifndef QUEUE_PRIOR_H
#define QUEUE_PRIOR_H

#include "answers.h"
#include "df/fetches.h"

/* prior_order.c */
void prior_order(struct ask *a); /* "prior fetch" */
void prior_list(struct ask *a);
void prior_cancel(struct ask *a);
/* What the person gave as his purpose, as JSON for the peer. It is not written
 * down here (the register of index has it), so a restart forgets it. */
const char *prior_purpose(const struct queue *q, int64_t fetch);
void prior_purpose_forget(struct queue *q, int64_t fetch);

/* prior_fetch.c: it is cancelled; one that is in hand ends after its part. */
void prior_stop(struct queue *q, struct df_row_fetch *row);

#endif
