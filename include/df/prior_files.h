/*
 * prior_files.h - the answer to POST /peer/v1/priors/{study}/fetch: which
 * parcels and report bundles make up a study, ready for the node that asked.
 * docs/formats/peer.md is the specification. Pure, no I/O.
 */
#ifndef DF_PRIOR_FILES_H
#define DF_PRIOR_FILES_H

#include "df/peer.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_PRIOR_FILES_MAX 64u /* in one answer */

struct df_prior_file {
	struct df_parcel_id id;
	uint64_t size_bytes;	     /* of the DFENV stream that is fetched */
	bool report;		     /* a report bundle, else a parcel */
	char sender[DF_HEX_LEN + 1]; /* who sealed it */
};
struct df_prior_files {
	char origin[DF_HEX_LEN + 1]; /* the node that brought the study */
	uint64_t instances;	     /* of the study, all of them, held there */
	uint64_t gone;		     /* of these, let go: not to be had */
	uint64_t cursor;	     /* to ask on from */
	uint64_t wait_ms;	     /* there is more, in so long; 0 = no */
	struct df_prior_file v[DF_PRIOR_FILES_MAX];
	size_t n;
};
DF_MUST_CHECK enum df_err
df_prior_files_encode(struct df_buf *out, const struct df_prior_files *f,
		      struct df_why *why);
/* DF_E_FORMAT or DF_E_LIMIT, and no byte of the input in *why. */
DF_MUST_CHECK enum df_err df_prior_files_decode(struct df_text json,
						struct df_prior_files *f,
						struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
