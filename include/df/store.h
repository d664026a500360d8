/*
 * store.h - index.db: patients, studies, series, instances, reports.
 *
 * The only user is the room `index`. Values that may identify a patient are
 * sealed under the index key before they reach SQLite and found again through
 * blind indexes; UIDs, digests and times of receipt are in clear. The cipher
 * is lent by the room: this module links no cryptography.
 *
 * Facts can be rebuilt from objects/ (put again, idempotent).
 */
#ifndef DF_STORE_H
#define DF_STORE_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `place` binds a sealed value to its row and column. All calls borrow. */
struct df_column_cipher {
	void *ctx;
	enum df_err (*seal)(void *ctx, struct df_text place,
			    struct df_text value, struct df_buf *out,
			    struct df_why *why);
	enum df_err (*open)(void *ctx, struct df_text place,
			    struct df_text sealed, struct df_buf *out,
			    struct df_why *why);
	void (*blind)(void *ctx, const char *column, struct df_text value,
		      struct df_digest *out);
};

/* What identifies: sealed. The first five belong to the patient. */
#define DF_IDENT_MAP(X)                           \
	X(PATIENT_NAME, "patient_name")           \
	X(PATIENT_ID, "patient_id")               \
	X(PATIENT_ID_ISSUER, "patient_id_issuer") \
	X(BIRTH_DATE, "birth_date")               \
	X(SEX, "sex")                             \
	X(ACCESSION, "accession")                 \
	X(ACCESSION_ISSUER, "accession_issuer")   \
	X(STUDY_DATE, "study_date")               \
	X(STUDY_TIME, "study_time")               \
	X(STUDY_DESCRIPTION, "study_description") \
	X(INSTITUTION, "institution")
enum df_ident {
#define X(name, word) DF_IDENT_##name,
	DF_IDENT_MAP(X)
#undef X
		DF_IDENT_COUNT
};
#define DF_IDENT_PATIENT 5 /* members of the patient */
#define DF_IDENT_CAP 304   /* bytes with the end; longer values are cut */
#define DF_PATIENT_REF_LEN 32 /* lower-case hex; a keyed digest */

/* One instance as `prepare` found it. Text borrowed, {0} when absent. */
struct df_store_instance {
	struct df_text object; /* where it lives: an id of ours */
	struct df_text peer;   /* fingerprint of the clinic, or empty: ours */
	struct df_text calling_ae;
	struct df_text study_uid, series_uid, sop_instance, sop_class;
	struct df_text transfer_syntax, coding, modality, body_part;
	struct df_text series_number, instance_number, rows, columns, frames;
	struct df_text ident[DF_IDENT_COUNT];
	struct df_digest digest;       /* of the data set */
	struct df_digest pixel_digest; /* decoded; zero when not known */
	struct df_text basis;	       /* name_basis, df/facts.h */
	uint64_t size_bytes;
	uint64_t record; /* offset in a parcel */
	int64_t received_ms;
};

struct df_store_study {
	char study_uid[65];
	char peer[DF_HEX_LEN + 1]; /* the clinic; "" = ours */
	char ident[DF_IDENT_COUNT][DF_IDENT_CAP];
	char modalities[64];	   /* "CT/SR", sorted */
	char body_parts[128];	   /* as the series say, sorted, "/" between */
	char basis[17];		   /* how its texts were read, or "" */
	/* whose it is: df/persons.h */
	char patient[DF_PATIENT_REF_LEN + 1];
	uint64_t person;
	/* who it is contradicts itself, or another whom nobody has told apart:
	 * a person must decide, and until then he is nobody for certain */
	bool held;
	int64_t first_ms, last_ms; /* of receipt */
	uint64_t series, instances, bytes;
	bool mixed; /* instances name different patients: a person decides */
};

struct df_store_report {
	char object[DF_ID_LEN + 1]; /* key: where the bundle lives */
	char sender[DF_HEX_LEN + 1];
	int64_t received_ms;
	struct df_digest statement;
	/* as the statement says; report_id "" when it cannot be read */
	char report_id[DF_ID_LEN + 1];
	char study_uid[65];
	uint32_t version;
	uint32_t status;
	/* as we found */
	uint32_t checked; /* verdict of the signature alone */
	uint32_t verdict;
	char reason[32], note[32]; /* words of report_policy, or "" */
	char why[240];		   /* detail for staff, no patient data */
	bool accepted; /* it is a link of its report's chain of versions */
	bool conflict; /* another statement claimed the same version */
	char signer[DF_IDENT_CAP];
	struct df_text text; /* the statement; borrowed */
};

struct df_store;

/* Opens or makes the database. cipher is copied, its ctx borrowed until
 * close. DF_E_KEY: made under another index key; DF_E_AGAIN: by an older
 * release, it is to step aside and to be made again; DF_E_UNSUPPORTED: by a
 * newer one; DF_E_IO, DF_E_NOSPACE. */
DF_MUST_CHECK enum df_err df_store_open(struct df_store **s, const char *path,
					const struct df_column_cipher *cipher,
					struct df_why *why);
/* Something that was read of it is damaged: it is to step aside. */
bool df_store_damaged(const struct df_store *s);
/* index.db, and its log, step aside as index.db.TIME: nothing is deleted. */
DF_MUST_CHECK enum df_err df_store_aside(int dir, struct df_why *why);
void df_store_close(struct df_store *s); /* NULL is fine; rolls back */

/* All puts stand between begin and commit; durable after commit's DF_OK.
 * After any failure abandon, which forgets every put since begin. */
DF_MUST_CHECK enum df_err df_store_begin(struct df_store *s,
					 struct df_why *why);
DF_MUST_CHECK enum df_err df_store_commit(struct df_store *s,
					  struct df_why *why);
void df_store_abandon(struct df_store *s);

/* A part of a transaction that can be taken back alone: save, then keep or
 * back. Parts do not nest. When back fails, abandon all. */
DF_MUST_CHECK enum df_err df_store_save(struct df_store *s, struct df_why *why);
DF_MUST_CHECK enum df_err df_store_keep(struct df_store *s, struct df_why *why);
DF_MUST_CHECK enum df_err df_store_back(struct df_store *s, struct df_why *why);

/* A number that is remembered under a constant name; 0 when none is. */
DF_MUST_CHECK enum df_err df_store_number(struct df_store *s, const char *name,
					  uint64_t *value, struct df_why *why);
DF_MUST_CHECK enum df_err df_store_put_number(struct df_store *s,
					      const char *name, uint64_t value,
					      struct df_why *why);
/* The number in an index.db that no process has open; needs no key. */
DF_MUST_CHECK enum df_err df_store_peek(const char *path, const char *name,
					uint64_t *value, struct df_why *why);
/* How far index.db has followed the register (df/register.h). */
#define DF_STORE_FOLLOWED "register_seq"

/* Idempotent. The same instance and digest again moves it to its new place;
 * another digest is kept beside it. DF_E_FORMAT: a UID is missing. */
DF_MUST_CHECK enum df_err
df_store_put_instance(struct df_store *s, const struct df_store_instance *i,
		      struct df_why *why);

/* peer NULL: the clinic that sent it, else our own; DF_E_CONFLICT when two
 * clinics sent a study of that UID. DF_E_NOTFOUND. */
DF_MUST_CHECK enum df_err
df_store_study(struct df_store *s, const char *study_uid, const char *peer,
	       struct df_store_study *out, struct df_why *why);
/* Newest first, at most `limit`. fn's error ends it. */
DF_MUST_CHECK enum df_err df_store_studies(
	struct df_store *s, uint64_t limit,
	enum df_err (*fn)(void *ctx, const struct df_store_study *study),
	void *ctx, struct df_why *why);

/* Inserts, or replaces the row of the same object. */
DF_MUST_CHECK enum df_err df_store_put_report(struct df_store *s,
					      const struct df_store_report *r,
					      struct df_why *why);
/* *text owns the statement of *out. DF_E_NOTFOUND. */
DF_MUST_CHECK enum df_err df_store_report(struct df_store *s,
					  const char *object,
					  struct df_store_report *out,
					  struct df_buf *text,
					  struct df_why *why);
/* The accepted version of a report of a study; version 0: the highest.
 * text_out as above. DF_E_NOTFOUND. */
DF_MUST_CHECK enum df_err
df_store_report_version(struct df_store *s, const char *study_uid,
			const char *report_id, uint32_t version,
			struct df_store_report *out, struct df_buf *text,
			struct df_why *why);
/* Those of a study (NULL: all), oldest first. fn may put reports. */
DF_MUST_CHECK enum df_err df_store_reports(
	struct df_store *s, const char *study_uid,
	enum df_err (*fn)(void *ctx, const struct df_store_report *report),
	void *ctx, struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
