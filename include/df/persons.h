/*
 * persons.h - who is who in index.db: persons behind patients, how they are
 * found, and what was made of them.
 *
 * A patient is one exact identity as one node sends it, and is never changed.
 * A person is a set of patients that are the same by their identifiers
 * (df/identity.h), or by the word of a human being. Which patients make a
 * person is derived: the same patients and decisions give the same persons, in
 * whatever order they came. Nothing outside of index.db keeps the number of a
 * person; a patient's `ref` is for ever (under one index key).
 *
 * All is found through 8-byte blind keys; what they find is opened and
 * compared, so that a key that is shared by chance shows nothing.
 */
#ifndef DF_PERSONS_H
#define DF_PERSONS_H

#include "df/identity.h"
#include "df/store.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A name as it is typed: lower-case letters and digits. */
struct df_name_reading {
	char full[128];	   /* "wangxiaodong" */
	char initials[32]; /* "wxd" */
};
#define DF_NAME_READINGS 2

/* What the room lends besides its cipher, before the first put. */
struct df_store_lent {
	char self[DF_HEX_LEN + 1]; /* our fingerprint: issuer of our numbers */
	/* How a component group of a name is read: how many readings, at most
	 * DF_NAME_READINGS. NULL: names are found by their characters only. */
	void *ctx;
	size_t (*read)(void *ctx, struct df_text group,
		       struct df_name_reading *out);
};
void df_store_lend(struct df_store *s, const struct df_store_lent *lent);

struct df_store_patient {
	uint64_t row;	 /* of this index.db only */
	char ref[DF_PATIENT_REF_LEN + 1];
	char peer[DF_HEX_LEN + 1]; /* who sent it; "" = ours */
	uint64_t person; /* of this index.db, until the next put */
	bool held;	 /* see df_store_study */
	char ident[DF_IDENT_PATIENT][DF_IDENT_CAP];
	char readings[DF_IDENT_CAP]; /* of the name: "FULL INITIALS\n"... */
};
typedef enum df_err df_store_patient_fn(void *ctx,
					const struct df_store_patient *p);
/* What the matcher reads of a patient. */
void df_store_person_of(const struct df_store *s,
			const struct df_store_patient *p,
			struct df_person *out);

/* --- found -----------------------------------------------------------------
 * Each at most `limit`, newest first; fn's error ends it. fn may ask, not put.
 */

/* By number. A LOCAL one without issuer finds it under each issuer. */
DF_MUST_CHECK enum df_err
df_store_find_number(struct df_store *s, const struct df_identifier *number,
		     unsigned limit, df_store_patient_fn *fn, void *ctx,
		     struct df_why *why);
/* By the beginning of a name: at least two characters that are not ASCII,
 * three letters of its reading, or two initials. DF_E_USAGE: it is shorter.
 * Those whose whole reading was typed come first. *more: there may be older
 * ones that were not looked at. */
DF_MUST_CHECK enum df_err
df_store_find_name(struct df_store *s, const char *typed, unsigned limit,
		   df_store_patient_fn *fn, void *ctx, bool *more,
		   struct df_why *why);
/* By a whole name, in any of its groups, and the date of birth. */
DF_MUST_CHECK enum df_err
df_store_find_who(struct df_store *s, const char *name, const char *birth_date,
		  unsigned limit, df_store_patient_fn *fn, void *ctx,
		  struct df_why *why);
/* By ref, or its first characters when no other begins so. DF_E_NOTFOUND,
 * DF_E_CONFLICT: several do. */
DF_MUST_CHECK enum df_err df_store_patient(struct df_store *s, const char *ref,
					   struct df_store_patient *out,
					   struct df_why *why);
/* All of a person, oldest first. */
DF_MUST_CHECK enum df_err df_store_person(struct df_store *s, uint64_t person,
					  df_store_patient_fn *fn, void *ctx,
					  struct df_why *why);
/* The studies of a person, the last received first. */
DF_MUST_CHECK enum df_err df_store_person_studies(
	struct df_store *s, uint64_t person, unsigned limit,
	enum df_err (*fn)(void *ctx, const struct df_store_study *study),
	void *ctx, struct df_why *why);

/* --- what a human being must say, and said ---------------------------------
 */

enum df_decided { DF_DECIDED_NOTHING, DF_DECIDED_SAME, DF_DECIDED_DIFFERENT };

/* Two patients that share a name or number, and what was found. */
struct df_store_pair {
	struct df_store_patient a, b;
	enum df_match match;
	unsigned reasons;
	enum df_decided decided;
	uint64_t seq; /* of the register, when decided */
};
/* Those that are probable or contradict and not decided (all: all of these,
 * and all decided ones). DF_E_OK when there are none. */
DF_MUST_CHECK enum df_err df_store_pairs(
	struct df_store *s, bool all, unsigned limit,
	enum df_err (*fn)(void *ctx, const struct df_store_pair *pair),
	void *ctx, struct df_why *why);
/* How many of them are open: not decided, and not settled by other records
 * (perhaps one person, and by their other links they are). */
DF_MUST_CHECK enum df_err df_store_questions(struct df_store *s, uint64_t *open,
					     struct df_why *why);
/* All of one patient (as `a`), exact ones too. */
DF_MUST_CHECK enum df_err df_store_patient_pairs(
	struct df_store *s, uint64_t row,
	enum df_err (*fn)(void *ctx, const struct df_store_pair *pair),
	void *ctx, struct df_why *why);
/* What a human being said of two patients (whole refs), as entry `seq` of the
 * register; NOTHING takes it back. Holds also for patients that are not known
 * yet. Stands between begin and commit. DF_E_FORMAT: no refs. */
DF_MUST_CHECK enum df_err df_store_decide(struct df_store *s, const char *ref_a,
					  const char *ref_b,
					  enum df_decided decided, uint64_t seq,
					  struct df_why *why);

/* Entry `seq` says something of the two: it is found again by either, in order.
 * other: NULL = whomever. Between begin and commit; DF_E_FORMAT: as above. */
DF_MUST_CHECK enum df_err df_store_put_said(struct df_store *s,
					    const char *ref_a,
					    const char *ref_b, uint64_t seq,
					    struct df_why *why);
DF_MUST_CHECK enum df_err
df_store_said(struct df_store *s, const char *ref, const char *other,
	      enum df_err (*fn)(void *ctx, uint64_t seq), void *ctx,
	      struct df_why *why);

/* --- the same images -------------------------------------------------------
 */

/* An instance of ours and one with the same decoded pixels in another study. */
struct df_store_twin {
	char sop_instance[65];
	char other_instance[65];
	char other_study[65];
	char other_peer[DF_HEX_LEN + 1];
	bool same_person; /* as far as is known */
	bool same_modality;
};
DF_MUST_CHECK enum df_err
df_store_twins(struct df_store *s, const char *study_uid, const char *peer,
	       enum df_err (*fn)(void *ctx, const struct df_store_twin *twin),
	       void *ctx, struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
