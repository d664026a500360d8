/*
 * enrol.h - the one-time code of an invitation, and the proof that one has it.
 *
 * Code: Crockford base32 (no I, L, O, U; case and '-' do not matter) of
 * id 5 || secret 16 || centre's fingerprint 32 || check 2, in groups of four.
 * The secret never goes over the line: the clinic sends
 * proof = HMAC-SHA-256(secret, "dfenrol/1\n" || CSR DER) beside its CSR.
 */
#ifndef DF_ENROL_H
#define DF_ENROL_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_INVITE_ID_LEN 5u
#define DF_INVITE_SECRET_LEN 16u
#define DF_INVITE_CODE_LEN 109 /* 88 digits and 21 dashes */
#define DF_INVITE_ID_TEXT 10   /* the id as hex: file name and JSON */
#define DF_INVITE_HOURS 24
#define DF_INVITE_CSR_MAX 8192u /* check before df_invite_proof */

struct df_invite {
	uint8_t id[DF_INVITE_ID_LEN];
	uint8_t secret[DF_INVITE_SECRET_LEN];
	struct df_digest centre; /* fingerprint of the node that invites */
};
void df_invite_new(struct df_invite *i, const struct df_digest *centre);
void df_invite_encode(char code[DF_INVITE_CODE_LEN + 1],
		      const struct df_invite *i);
/* DF_E_FORMAT: not a code, or mistyped. */
DF_MUST_CHECK enum df_err
df_invite_decode(struct df_invite *i, struct df_text code, struct df_why *why);
void df_invite_proof(struct df_digest *proof,
		     const uint8_t secret[DF_INVITE_SECRET_LEN],
		     const void *csr, size_t csr_len);

#ifdef __cplusplus
}
#endif
#endif
