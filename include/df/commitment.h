/*
 * commitment.h - Storage Commitment Push Model (PS3.4 annex J): the data sets
 * of N-ACTION (a request) and N-EVENT-REPORT (its result).
 */
#ifndef DF_COMMITMENT_H
#define DF_COMMITMENT_H

#include "df/references.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_COMMITMENT_CLASS "1.2.840.10008.1.20.1"
#define DF_COMMITMENT_INSTANCE "1.2.840.10008.1.20.1.1" /* well-known */
#define DF_COMMITMENT_DATASET_MAX (16u << 20)		  /* bytes */

/* The two sides of it that a node plays, each as SCP and as SCU:
 * a modality asks us and we report; we ask a PACS and it reports. */
struct df_commitment {
	char transaction[65];
	struct df_references refs; /* owned; failed ones have a reason */
};
void df_commitment_release(struct df_commitment *c); /* idempotent */

/*
 * Untrusted bytes, implicit or explicit VR little endian. Elements that we do
 * not know are skipped. A failed instance without a reason gets "processing
 * failure". DF_E_FORMAT when the structure is wrong, a UID is none, the
 * transaction is missing or nothing is referenced; DF_E_LIMIT. *c is released
 * then.
 */
DF_MUST_CHECK enum df_err df_commitment_decode(struct df_commitment *c,
					       const uint8_t *ptr, size_t len,
					       bool explicit_vr,
					       struct df_why *why);
/* Appends the data set: what failed in a Failed SOP Sequence with its reason,
 * the rest in the Referenced SOP Sequence. */
DF_MUST_CHECK enum df_err df_commitment_encode(struct df_buf *to,
					       const struct df_commitment *c,
					       bool explicit_vr,
					       struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
