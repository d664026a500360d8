/*
 * people.h - private: patients, their blind keys, and the persons they make.
 */
#ifndef DF_STORE_PEOPLE_H
#define DF_STORE_PEOPLE_H

#include "sql.h"

/* --- study_facts.c -------------------------------------------------------- */
/* The row of a node's fingerprint ("" = ourselves), made if need be. */
DF_MUST_CHECK enum df_err df_peer_row(struct df_store *s, struct df_text node,
				      uint64_t *row, struct df_why *why);
/* From a row of DF_SQL_STUDY. */
DF_MUST_CHECK enum df_err df_study_read(struct df_store *s, sqlite3_stmt *q,
					struct df_store_study *out,
					struct df_why *why);

/* --- instance_rows.c ---------------------------------------------------------- */
DF_MUST_CHECK enum df_err df_instance_put(struct df_store *s,
					  const struct df_store_instance *i,
					  uint64_t series, struct df_why *why);

/* --- patients.c ----------------------------------------------------------- */
#define DF_PATIENT_KEY_LEN 16
struct df_patient_key {
	uint8_t b[DF_PATIENT_KEY_LEN];
};
/* Which patient an instance names: keyed, for ever the same. */
struct df_patient_key df_patient_key(struct df_store *s,
				     const struct df_store_instance *i);
/* Its number with issuer, and its name with birth date; 0 = it says none. */
uint64_t df_patient_number(struct df_store *s,
			   const struct df_store_instance *i);
uint64_t df_patient_who(struct df_store *s, const struct df_store_instance *i);
/* The patient's row, made (and its person found) if need be. */
DF_MUST_CHECK enum df_err df_patient_row(struct df_store *s,
					 const struct df_store_instance *i,
					 const struct df_patient_key *key,
					 uint64_t peer, uint64_t *row,
					 struct df_why *why);
DF_MUST_CHECK enum df_err df_patient_read(struct df_store *s, uint64_t row,
					  struct df_store_patient *out,
					  struct df_why *why);
/* The sealed part of a patient's row: the first n of its texts; after those of
 * df_ident stands one more, the readings of the name. */
DF_MUST_CHECK enum df_err df_patient_open(struct df_store *s,
					  struct df_text key,
					  struct df_text sealed,
					  char (*ident)[DF_IDENT_CAP],
					  unsigned n,
					  char ref[DF_PATIENT_REF_LEN + 1],
					  struct df_why *why);

/* --- name_keys.c ---------------------------------------------------------- */
#define DF_KEYS_MAX 96
/* What a patient is found by, blind. A set: adding twice is fine, what is
 * beyond its room is left out. */
struct df_keys {
	uint64_t key[DF_KEYS_MAX];
	size_t n;
};
void df_keys_add(struct df_keys *k, uint64_t key);
uint64_t df_key_of_number(struct df_store *s, const struct df_identifier *id);
/* A LOCAL number under any issuer: for people who type it. */
uint64_t df_key_of_bare_number(struct df_store *s,
			       const struct df_identifier *id);
/* Keys of all forms of the name with the date of birth; none without one. */
void df_keys_of_who(struct df_store *s, const struct df_person *p,
		    struct df_keys *k);
/* Readings of a name's groups, the best group's first: a line "FULL INITIALS"
 * each. Kept with the patient: to read is slow. */
void df_name_readings(const struct df_store *s, struct df_text name,
		      char to[DF_IDENT_CAP]);
/* The full ones, a line each (df_person.reading); "" = none. */
void df_name_full_readings(const char *readings, char to[DF_PERSON_NAME_CAP]);
/* Keys of the beginnings of a name. */
void df_keys_of_name(struct df_store *s, const char *name, const char *readings,
		     struct df_keys *k);
/* What somebody typed of a name: as it is without what stands between its
 * characters, and the letters of ASCII as names are read. */
struct df_typed {
	char wide[DF_PERSON_NAME_CAP];
	char letters[128];
};
void df_typed_read(const struct df_store *s, const char *typed,
		   struct df_typed *out);
/* As a whole reading; none: it is none. */
void df_keys_of_whole(struct df_store *s, const struct df_typed *t,
		      struct df_keys *k);
/* As a beginning; none: it is too short. */
void df_keys_of_typed(struct df_store *s, const struct df_typed *t,
		      struct df_keys *k);
/* BEGINS: in one of its groups, readings or initials. WHOLE: it is a reading. */
enum df_name_likeness { DF_NAME_OTHER, DF_NAME_BEGINS, DF_NAME_WHOLE };
enum df_name_likeness df_typed_meets(const struct df_typed *t, const char *name,
				     const char *readings);

/* --- persons.c ------------------------------------------------------------ */
/* The next patient of a person behind *row, which begins as 0; DF_E_NOTFOUND
 * after the last. */
DF_MUST_CHECK enum df_err df_person_next(struct df_store *s, uint64_t person,
					 uint64_t *row, struct df_why *why);
/* A new patient: compared with those who share a number or a name with birth
 * date, and put to the person that he is. */
DF_MUST_CHECK enum df_err df_person_admit(struct df_store *s, uint64_t row,
					  struct df_why *why);

#endif
