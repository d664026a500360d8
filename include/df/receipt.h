/*
 * receipt.h - the centre's word that it holds all of a manifest: text that
 * the centre signs with its node key (detached CMS over the encoded bytes).
 *
 * Only a receipt whose signature, manifest digest, study, version and count
 * all agree releases bytes at the clinic. docs/formats/manifest.md.
 */
#ifndef DF_RECEIPT_H
#define DF_RECEIPT_H

#include "df/manifest.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_RECEIPT_BYTES_MAX 1024U

struct df_receipt {
	struct df_digest manifest; /* SHA-256 of the manifest's text */
	char study_uid[DF_UID_CAP];
	uint32_t version;
	struct df_hex centre_node; /* fingerprint, lower-case hex */
	uint64_t held;		   /* instances, verified and durable */
	int64_t at_ms;		   /* wall; only whole seconds are written */
};

/* Appends the text. DF_E_FORMAT for a field that decode would refuse. */
DF_MUST_CHECK enum df_err df_receipt_encode(const struct df_receipt *r,
					    struct df_buf *out,
					    struct df_why *why);
DF_MUST_CHECK enum df_err df_receipt_decode(struct df_text text,
					    struct df_receipt *r,
					    struct df_why *why);

/* DF_OK when *r is a receipt of exactly this manifest with this digest;
 * DF_E_MANIFEST and the first difference otherwise. */
DF_MUST_CHECK enum df_err df_receipt_match(const struct df_receipt *r,
					   const struct df_manifest *m,
					   const struct df_digest *digest,
					   struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
