/* query.h - one question and its answer; for query.c and listing.c only. */
#ifndef QUEUE_QUERY_H
#define QUEUE_QUERY_H

#include <cjson/cJSON.h>

#include "queue.h"

struct ask {
	struct queue *q;
	struct df_link *link;
	uint32_t tag;
	cJSON *args; /* NULL = none; freed by on_query */
	int *fds;    /* the handler's */
	size_t n_fds;
};

/* Takes result. */
void ask_answer(const struct ask *a, cJSON *result);
/* The study that args name; false after it has answered "not found". */
bool ask_study(const struct ask *a, struct df_row_study *s);

/* listing.c */
void ask_status(const struct ask *a);
void ask_study_list(const struct ask *a);
void ask_study_show(const struct ask *a);
cJSON *delivery_json(struct queue *q, const struct df_row_delivery *d);

#endif
