/*
 * manifest.h - what a study consists of: the text that the clinic signs.
 *
 * The digest of a manifest is SHA-256 over exactly the encoded text, and its
 * signature is a detached CMS over the same bytes (df/sign.h); neither is
 * made here. Canonical: one meaning has one text, so decode refuses all that
 * encode would not have written. docs/formats/manifest.md has the grammar.
 */
#ifndef DF_MANIFEST_H
#define DF_MANIFEST_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_MANIFEST_INSTANCES_MAX 100000
#define DF_MANIFEST_PARCELS_MAX 100000
#define DF_MANIFEST_BYTES_MAX (16U << 20)
#define DF_MANIFEST_REASON_MAX 32
#define DF_UID_CAP 65 /* 64 characters and the end */

struct df_manifest_instance {
	char sop_instance[DF_UID_CAP];
	struct df_digest digest; /* of the original data set bytes */
	uint64_t size_bytes;	 /* of the original data set */
};

struct df_manifest_parcel {
	uint8_t id[16];	     /* as in the parcel's CORE */
	struct df_digest h0; /* Hash(CORE) */
	uint64_t epoch;	     /* of its stream */
	uint64_t sequence;   /* from 1 */
};

struct df_manifest {
	char study_uid[DF_UID_CAP];
	uint32_t version;	   /* from 1 */
	struct df_digest previous; /* of version - 1; zero for version 1 */
	struct df_hex clinic_node; /* fingerprint, lower-case hex */
	int64_t created_ms;	   /* wall; only whole seconds are written */
	/* why the study was closed: a word of [a-z0-9-] ("quiet", "hand") */
	char close_reason[DF_MANIFEST_REASON_MAX + 1];
	struct df_manifest_instance *instances; /* owned, each UID once */
	size_t instance_count;
	struct df_manifest_parcel *parcels; /* owned, by (epoch, sequence) */
	size_t parcel_count;
};

void df_manifest_release(struct df_manifest *m); /* idempotent, zero is fine */

/* Append a copy to the arrays. DF_E_LIMIT past the maximum. */
DF_MUST_CHECK enum df_err
df_manifest_add_instance(struct df_manifest *m,
			 const struct df_manifest_instance *i,
			 struct df_why *why);
DF_MUST_CHECK enum df_err
df_manifest_add_parcel(struct df_manifest *m,
		       const struct df_manifest_parcel *p, struct df_why *why);

/*
 * Sorts both arrays in place and appends the text to *out, whose maximum
 * should be DF_MANIFEST_BYTES_MAX. Every version names the whole study, not
 * what is new. DF_E_FORMAT: a field that decode would refuse (UID twice,
 * version 1 with a predecessor, no instance, ...); DF_E_LIMIT.
 */
DF_MUST_CHECK enum df_err df_manifest_encode(struct df_manifest *m,
					     struct df_buf *out,
					     struct df_why *why);

/* Into a zeroed *m, which the caller releases also after a failure.
 * DF_E_FORMAT or DF_E_LIMIT; the text must be whole. */
DF_MUST_CHECK enum df_err df_manifest_decode(struct df_text text,
					     struct df_manifest *m,
					     struct df_why *why);

/* By SOP instance UID in a decoded or encoded (sorted) manifest, or NULL. */
const struct df_manifest_instance *df_manifest_find(const struct df_manifest *m,
						    const char *sop_instance);

#ifdef __cplusplus
}
#endif
#endif
