/*
 * region.h - private to the room `index`: questions about earlier exams, ours
 * to other nodes and theirs to us. docs/formats/peer.md says what is asked.
 */
#ifndef DF_INDEX_REGION_H
#define DF_INDEX_REGION_H

#include <cjson/cJSON.h>

#include "df/persons.h"
#include "index.h"

/* --- region_person.c: a person as JSON -------------------------------------
 */

/* What somebody typed: {id, issuer, name, birth_date, sex}. DF_E_USAGE. */
DF_MUST_CHECK enum df_err region_person_typed(struct index *x,
					      const cJSON *args,
					      struct df_person *p,
					      struct df_why *why);
/* Adds what we know of whoever has the first number of p for certain. */
DF_MUST_CHECK enum df_err region_person_known(struct index *x,
					      struct df_person *p,
					      struct df_why *why);
/* Is he the patient that is known here? Never exactly one whom a person must
 * decide about. *here: what is known of him. */
struct df_match_result region_person_match(struct index *x,
					   const struct df_person *p,
					   const struct df_store_patient *found,
					   struct df_person *here);
/* {identifiers, name, birth_date, sex} into an object, and out of it. */
void region_person_put(cJSON *to, const struct df_person *p);
void region_person_get(const cJSON *from, struct df_person *p);
/* Can a question be asked about p: a number, or a name and a birth date? */
bool region_person_enough(const struct df_person *p);
/* Texts that name p, for df/known.h: the nth, his numbers first; false at the
 * end. */
#define REGION_NAME_CAP 640
bool region_person_key(const struct df_person *p, size_t nth,
		       char to[REGION_NAME_CAP]);

/* --- region_merge.c: answers become one ------------------------------------
 */

/* Adds the exams of another node's answer to list; node: who answered.
 * learned_ms 0 = just now. */
void region_merge(struct index *x, cJSON *list, cJSON *answer, const char *node,
		  int64_t learned_ms);
/* Newest exam first. */
void region_sort(cJSON *list);
/* As many of the newest as one answer holds; true: there were more. */
bool region_fit(cJSON *list);
/* Keeps an answer about p; whole: to a question for all exams. */
DF_MUST_CHECK enum df_err region_learn(struct index *x,
				       const struct df_person *p,
				       const char *node, const cJSON *answer,
				       bool whole, struct df_why *why);
/* Finds it again, as far as it may be p's and the question wants it (NULL: all
 * of it). *answer NULL, *learned_ms 0:
 * nothing is known. */
DF_MUST_CHECK enum df_err region_recall(struct index *x,
					const struct df_person *p,
					const char *node, const cJSON *question,
					int64_t *learned_ms, cJSON **answer,
					struct df_why *why);

/* --- region_ask.c: we ask --------------------------------------------------
 */

/* The verb "prior search"; answers when all did, or after 1.5 s. */
void region_search(struct index *x, struct df_link *from, uint32_t tag,
		   const cJSON *args);
/* Nobody waits: what is answered is kept. done may run before it returns; all:
 * nobody that was asked failed to answer. */
typedef void region_done_fn(struct index *x, void *ctx, bool all);
void region_ask_quietly(struct index *x, const struct df_person *p,
			const char *purpose, region_done_fn *done, void *ctx);
void region_link_down(struct index *x, struct df_link *link);

/* region_quiet.c: an instance of ours was put: its patient's earlier exams are
 * asked for, once a day. */
void region_study_seen(struct index *x, const struct df_store_instance *i);

/* --- region_answer.c: we are asked -----------------------------------------
 */
void region_asked(struct index *x, struct df_link *from,
		  const struct df_msg *m); /* PRIOR_RQ */
void region_may_fetch(struct index *x, struct df_link *from,
		      const struct df_msg *m); /* FETCH_MAY_RQ */
index_apply_fn region_audit_apply;

#endif
