/*
 * identity_room.h - private to the room `index`: who is one person, as people
 * are asked it and as they decide it. docs/decisions/0013.
 */
#ifndef DF_INDEX_IDENTITY_ROOM_H
#define DF_INDEX_IDENTITY_ROOM_H

#include <cjson/cJSON.h>

#include "df/persons.h"
#include "index.h"

/* One of the register's entries of kind "identity". */
struct identity_entry {
	uint64_t seq;
	int64_t at_ms;
	enum df_decided said;	 /* of the two, from now on */
	uint64_t undoes;	 /* this entry; 0 = it decides */
	uint64_t said_seq;	 /* which entry holds from now on; 0 = none */
	const char *a, *b;	 /* whole refs; borrowed from the JSON */
	const char *by, *reason; /* never logged */
};
/* DF_E_FORMAT: it is none. */
DF_MUST_CHECK enum df_err identity_entry_read(struct identity_entry *e,
					      const cJSON *json, uint64_t seq,
					      int64_t at_ms,
					      struct df_why *why);
const char *identity_said_word(enum df_decided said);
/* Those on this patient (and `other`, NULL: whomever), the earliest first. */
typedef void identity_entry_fn(void *ctx, const struct identity_entry *e);
DF_MUST_CHECK enum df_err identity_entries(struct index *x, const char *ref,
					   const char *other,
					   identity_entry_fn *fn, void *ctx,
					   struct df_why *why);

/* --- identity_questions.c: verbs that ask ----------------------------------
 */
/* {all, limit} > {questions:[pair], more, open} */
DF_MUST_CHECK enum df_err index_identity_list(struct index *x,
					      const cJSON *args, cJSON *out,
					      struct df_why *why);
/* {} > {open}: how many wait */
DF_MUST_CHECK enum df_err index_identity_status(struct index *x,
						const cJSON *args, cJSON *out,
						struct df_why *why);
/* {patient} > {patient, person:[patient], studies:[...], pairs:[pair],
 * decisions:[...]} */
DF_MUST_CHECK enum df_err index_identity_show(struct index *x,
					      const cJSON *args, cJSON *out,
					      struct df_why *why);
cJSON *identity_patient_json(const struct df_store_patient *p);
/* "person": all who are one with that patient, into out. */
DF_MUST_CHECK enum df_err identity_person_add(struct index *x,
					      const struct df_store_patient *p,
					      cJSON *out, struct df_why *why);

/* --- identity_decisions.c: verbs that decide --------------------------------
 */
/* {a, b, by, reason} > {seq, decided, person:[patient]} */
DF_MUST_CHECK enum df_err index_identity_merge(struct index *x,
					       const cJSON *args, cJSON *out,
					       struct df_why *why);
DF_MUST_CHECK enum df_err index_identity_split(struct index *x,
					       const cJSON *args, cJSON *out,
					       struct df_why *why);
/* {seq, by, reason}: what held before that decision holds again. */
DF_MUST_CHECK enum df_err index_identity_undo(struct index *x,
					      const cJSON *args, cJSON *out,
					      struct df_why *why);
index_apply_fn index_identity_apply;

#endif
