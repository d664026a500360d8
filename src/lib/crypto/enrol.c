/* enrol.c - invitation codes and proofs. See df/enrol.h. */
#include "df/enrol.h"

#include <stdlib.h>
#include <string.h>

#include "df/digest.h"

#define RAW_LEN (DF_INVITE_ID_LEN + DF_INVITE_SECRET_LEN + DF_DIGEST_LEN + 2)
#define DIGITS 88
static const char ALPHABET[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
static const char PROOF_PREFIX[] = "dfenrol/1\n";

_Static_assert(RAW_LEN * 8 == DIGITS * 5, "whole digits");

void df_invite_new(struct df_invite *i, const struct df_digest *centre)
{
	df_random(i->id, sizeof i->id);
	df_random(i->secret, sizeof i->secret);
	i->centre = *centre;
}

static void pack(uint8_t raw[RAW_LEN], const struct df_invite *i)
{
	struct df_digest d;

	memcpy(raw, i->id, DF_INVITE_ID_LEN);
	memcpy(raw + DF_INVITE_ID_LEN, i->secret, DF_INVITE_SECRET_LEN);
	memcpy(raw + DF_INVITE_ID_LEN + DF_INVITE_SECRET_LEN, i->centre.b,
	       DF_DIGEST_LEN);
	df_sha256(&d, raw, RAW_LEN - 2);
	memcpy(raw + RAW_LEN - 2, d.b, 2);
}

void df_invite_encode(char code[DF_INVITE_CODE_LEN + 1],
		      const struct df_invite *i)
{
	uint8_t raw[RAW_LEN];
	size_t n, at = 0;

	pack(raw, i);
	for (n = 0; n < DIGITS; n++) {
		size_t bit = n * 5;
		unsigned v = (unsigned)raw[bit / 8] << 8;

		if (bit / 8 + 1 < RAW_LEN)
			v |= raw[bit / 8 + 1];
		if (n > 0 && n % 4 == 0)
			code[at++] = '-';
		code[at++] = ALPHABET[(v >> (11 - bit % 8)) & 31];
	}
	code[at] = '\0';
	df_wipe(raw, sizeof raw);
}

static int digit(char c)
{
	const char *p;

	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	if (c == 'O')
		c = '0';
	if (c == 'I' || c == 'L')
		c = '1';
	p = c ? strchr(ALPHABET, c) : NULL;
	return p ? (int)(p - ALPHABET) : -1;
}

static bool unpack(uint8_t raw[RAW_LEN], struct df_text code)
{
	size_t i, n = 0;

	memset(raw, 0, RAW_LEN);
	for (i = 0; i < code.len; i++) {
		char c = code.ptr[i];
		int v = digit(c);
		size_t bit = n * 5;

		if (c == '-' || c == ' ' || c == '\n' || c == '\r')
			continue;
		if (v < 0 || n == DIGITS)
			return false;
		v <<= 11 - bit % 8;
		raw[bit / 8] |= (uint8_t)(v >> 8);
		if (bit / 8 + 1 < RAW_LEN)
			raw[bit / 8 + 1] |= (uint8_t)v;
		n++;
	}
	return n == DIGITS;
}

enum df_err df_invite_decode(struct df_invite *i, struct df_text code,
			     struct df_why *why)
{
	uint8_t raw[RAW_LEN], same[RAW_LEN];
	bool ok = unpack(raw, code);

	memset(i, 0, sizeof *i);
	if (ok) {
		memcpy(i->id, raw, DF_INVITE_ID_LEN);
		memcpy(i->secret, raw + DF_INVITE_ID_LEN, DF_INVITE_SECRET_LEN);
		memcpy(i->centre.b,
		       raw + DF_INVITE_ID_LEN + DF_INVITE_SECRET_LEN,
		       DF_DIGEST_LEN);
		pack(same, i);
		ok = memcmp(same, raw, RAW_LEN) == 0;
	}
	df_wipe(raw, sizeof raw);
	df_wipe(same, sizeof same);
	if (ok)
		return DF_OK;
	df_wipe(i, sizeof *i);
	return df_fail(why, DF_E_FORMAT,
		       "this is not an invitation code, or it was mistyped");
}

void df_invite_proof(struct df_digest *proof,
		     const uint8_t secret[DF_INVITE_SECRET_LEN],
		     const void *csr, size_t csr_len)
{
	size_t n = sizeof PROOF_PREFIX - 1;
	uint8_t *text;

	if (csr_len > DF_INVITE_CSR_MAX)
		df_bug("a request of %zu bytes", csr_len);
	text = df_xmalloc(n + csr_len);
	memcpy(text, PROOF_PREFIX, n);
	memcpy(text + n, csr, csr_len);
	df_hmac_sha256(proof, secret, DF_INVITE_SECRET_LEN, text, n + csr_len);
	free(text);
}
