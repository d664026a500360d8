/*
 * pairs.h - private: what is known of two patients, and who joins whom.
 */
#ifndef DF_STORE_PAIRS_H
#define DF_STORE_PAIRS_H

#include "people.h"

/* Compares them and keeps what is found; *related: there is something. What a
 * human being decided before stays. */
DF_MUST_CHECK enum df_err
df_pair_compare(struct df_store *s, const struct df_store_patient *a,
		const struct df_person *pa, uint64_t b, bool *related,
		struct df_why *why);
/* Takes up the decisions on a patient who was not known when they came. */
DF_MUST_CHECK enum df_err
df_pair_take_up(struct df_store *s, const struct df_store_patient *p,
		const struct df_person *person, bool *related,
		struct df_why *why);

/* Rows of patients; released by the caller. */
struct df_crowd {
	uint64_t *rows;
	size_t n, cap;
};
/* False when it is in already. */
bool df_crowd_add(struct df_crowd *c, uint64_t row);
bool df_crowd_has(const struct df_crowd *c, uint64_t row);
void df_crowd_release(struct df_crowd *c);

/* Puts these patients, and all who are linked to them, to their persons. */
DF_MUST_CHECK enum df_err df_person_regroup(struct df_store *s,
					    const struct df_crowd *starts,
					    struct df_why *why);

#endif
