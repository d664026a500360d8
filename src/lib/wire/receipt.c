/* receipt.c - encode, decode and match of the receipt, see df/receipt.h. */
#include "df/receipt.h"

#include <inttypes.h>
#include <string.h>

#include "df/clock.h"
#include "lines.h"

enum df_err df_receipt_encode(const struct df_receipt *r, struct df_buf *out,
			      struct df_why *why)
{
	char time[DF_TIME_LEN + 1];

	if (df_digest_is_zero(&r->manifest) || r->version == 0 ||
	    !df_uid_valid(df_text_of(r->study_uid)) ||
	    !df_hex_valid(&r->centre_node) || r->held == 0 ||
	    r->held > DF_MANIFEST_INSTANCES_MAX || r->at_ms < 0)
		return df_fail(why, DF_E_FORMAT, "receipt field is not valid");
	df_time_encode(time, r->at_ms);
	return df_buf_addf(out, why,
			   "dcmf-receipt: 1\n"
			   "manifest: %s\n"
			   "study-uid: %s\n"
			   "version: %" PRIu32 "\n"
			   "centre-node: %s\n"
			   "held: %" PRIu64 "\n"
			   "at: %s\n",
			   df_ref_of(&r->manifest).s, r->study_uid, r->version,
			   r->centre_node.s, r->held, time);
}

enum df_err df_receipt_decode(struct df_text text, struct df_receipt *r,
			      struct df_why *why)
{
	struct df_buf again;
	struct df_lines l;
	enum df_err rc;

	*r = (struct df_receipt){0};
	df_buf_init(&again, DF_RECEIPT_BYTES_MAX + 1);
	df_lines_init(&l, text, DF_RECEIPT_BYTES_MAX, why);
	df_lines_word(&l, "dcmf-receipt", "1");
	df_lines_digest(&l, "manifest", &r->manifest);
	df_lines_uid(&l, "study-uid", r->study_uid);
	r->version = (uint32_t)df_lines_u64(&l, "version", UINT32_MAX);
	df_lines_hex(&l, "centre-node", &r->centre_node);
	r->held = df_lines_u64(&l, "held", DF_MANIFEST_INSTANCES_MAX);
	r->at_ms = df_lines_time(&l, "at");
	if (l.rc == DF_OK)
		l.rc = df_receipt_encode(r, &again, why);
	rc = df_lines_canonical(&l, text, &again);
	df_buf_release(&again);
	return rc;
}

enum df_err df_receipt_match(const struct df_receipt *r,
			     const struct df_manifest *m,
			     const struct df_digest *digest, struct df_why *why)
{
	if (!df_digest_same(&r->manifest, digest))
		return df_fail(why, DF_E_MANIFEST,
			       "receipt is for another manifest");
	if (strcmp(r->study_uid, m->study_uid) != 0 || r->version != m->version)
		return df_fail(why, DF_E_MANIFEST,
			       "receipt is for another study or version");
	if (r->held != m->instance_count)
		return df_fail(why, DF_E_MANIFEST,
			       "receipt counts %" PRIu64 " instances, not %zu",
			       r->held, m->instance_count);
	return DF_OK;
}
