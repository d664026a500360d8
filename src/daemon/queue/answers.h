/* answers.h - one question of the console; answers.c, listing.c. */
#ifndef QUEUE_ANSWERS_H
#define QUEUE_ANSWERS_H

#include <cjson/cJSON.h>

#include "queue.h"

struct ask {
	struct queue *q;
	struct df_link *link;
	uint32_t tag;
	char verb[40];
	cJSON *args; /* NULL when there are none */
	int *fds;
	size_t n_fds;
};
void answer_json(struct ask *a, cJSON *json); /* takes json */
/* A file and what it is; takes json and fd. */
void answer_file(struct ask *a, cJSON *json, const char *media, int *fd);
const char *ask_text(const struct ask *a, const char *key); /* "" = absent */
void put_num(cJSON *o, const char *key, uint64_t v);
void put_str(cJSON *o, const char *key, const char *s);
void put_time(cJSON *o, const char *key, int64_t ms);

/* listing.c */
cJSON *study_json(struct queue *q, const struct df_row_study *s);
void queue_status(struct ask *a);
void queue_list(struct ask *a);
void queue_order(struct ask *a); /* hold, release, retry */

/* quarantine.c */
void quarantine_list(struct ask *a);
void quarantine_show(struct ask *a);
void quarantine_release(struct ask *a);
void quarantine_discard(struct ask *a);

/* commitment_list.c */
void commitment_list(struct ask *a);
void commitment_put(struct queue *q, cJSON *status);

/* scrub.c */
void scrub_put(struct queue *q, cJSON *status);
void spool_scrub(struct ask *a);

/* placing.c */
/* Where a study stands at a destination, into an item of "deliveries". */
void place_put(struct queue *q, cJSON *o, int64_t study,
	       const struct df_delivery_sum *d);
/* The same as lines of `study why`; how many bytes. */
size_t place_say(struct queue *q, char *to, size_t cap, int64_t study,
		 const struct df_delivery_sum *d);
/* The cap of this hour, when the destination has any. */
void cap_put(struct queue *q, cJSON *o, const char *name);

/* degraded.c */
void degraded_answer(struct ask *a); /* while the disk does not work */
/* line_pace.c: the line to a peer, when something is known of it. */
void line_put(cJSON *destination, const struct destination_state *d);
void degraded_put(const struct queue *q, cJSON *status);

/* codings.c */
void codings_put(const struct queue *q, cJSON *status);
void codings_put_study(struct queue *q, cJSON *study, int64_t n);

/* export.c */
void study_export(struct ask *a);

/* linked.c: "linked", when it is held for it */
void linked_put(struct queue *q, cJSON *study, int64_t n);

/* purging.c */
void purge_put(struct queue *q, cJSON *status);
void purge_put_study(struct queue *q, cJSON *study, int64_t n);

/* What a study has come to, in the words of `study list`. */
struct study_view {
	struct df_study_counts c;
	bool by_peer; /* confirmed = receipted, else accepted by the PACS */
	uint64_t delivered;
	uint64_t confirmed;
	const char *state;
};
void study_view(struct queue *q, const struct df_row_study *s,
		struct study_view *v);

#endif
