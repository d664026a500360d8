/*
 * register_record.h - one record of the register, as bytes. Pure.
 *
 *   0   4  mark DF 'R' 'E' 'C'
 *   4   4  n
 *   8   8  number
 *  16  32  hash of the record before (of the head, for the first)
 *  48   n  sealed: u64 time, u8 k, k bytes kind, JSON
 *  48+n 32 SHA-256 of all bytes above
 */
#ifndef DF_REGISTER_RECORD_H
#define DF_REGISTER_RECORD_H

#include "df/register.h"

#define DF_REGISTER_HEAD_LEN 24u
#define DF_REGISTER_FRAME_LEN 48u /* before the sealed bytes */
#define DF_REGISTER_SEALED_MAX (DF_REGISTER_JSON_MAX + 1024)
#define DF_REGISTER_RECORD_MAX \
	(DF_REGISTER_FRAME_LEN + DF_REGISTER_SEALED_MAX + DF_DIGEST_LEN)

struct df_register_record {
	uint64_t seq;
	struct df_digest previous, hash;
	struct df_text sealed; /* borrowed */
	size_t len;	       /* of the record */
};

/* The record that begins at ptr. False: none does, or it is not whole. */
bool df_register_record_decode(struct df_register_record *r, const uint8_t *ptr,
			       size_t len);
/* Appends the record; r->sealed is given, hash and len are filled in. */
DF_MUST_CHECK enum df_err
df_register_record_encode(struct df_buf *out, struct df_register_record *r,
			  struct df_why *why);
/* Where at or behind `from` a record could begin; len when nowhere: its last
 * three bytes may be the beginning of a mark. */
size_t df_register_record_find(const uint8_t *ptr, size_t len, size_t from);

/* What a sealed value is bound to: "register/<seq>/<previous>". */
struct df_register_place {
	char s[112];
};
struct df_register_place
df_register_record_place(const struct df_register_record *r);

/* The plaintext of a sealed value. DF_E_FORMAT. */
DF_MUST_CHECK enum df_err df_register_plain_decode(struct df_register_entry *e,
						   struct df_text plain,
						   struct df_why *why);
DF_MUST_CHECK enum df_err
df_register_plain_encode(struct df_buf *out, const char *kind, int64_t now_ms,
			 struct df_text json, struct df_why *why);

#endif
