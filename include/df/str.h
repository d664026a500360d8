/*
 * str.h - strings: bounded copies, hex, base64, ids, line parsing.
 */
#ifndef DF_STR_H
#define DF_STR_H

#include "df/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_ID_LEN 26 /* characters of one of our random names */
struct df_id {
	char s[DF_ID_LEN + 1]; /* [0-9a-z], terminated; "" = none */
};
#define DF_DIGEST_LEN 32 /* SHA-256 */
#define DF_HEX_LEN 64
struct df_digest {
	uint8_t b[DF_DIGEST_LEN];
};
struct df_hex {
	char s[DF_HEX_LEN + 1];
};

struct df_text df_text_of(const char *s); /* NULL gives {NULL, 0} */
/* Without the padding of DICOM: spaces at both ends, NULs at the far one. */
struct df_text df_text_trim(struct df_text t);
bool df_text_eq(struct df_text t, const char *s);
bool df_text_same(struct df_text a, struct df_text b);
/* Takes one line (without its LF) off *rest; false at the end. */
bool df_text_line(struct df_text *rest, struct df_text *line);
/* Splits "key: value" at the first ": "; false when there is none. */
bool df_text_pair(struct df_text line, struct df_text *key,
		  struct df_text *value);
/* Decimal without sign, whole text, no overflow. */
bool df_text_u64(struct df_text t, uint64_t *v);

/* Copies and terminates; DF_E_LIMIT when it does not fit or holds a NUL. */
DF_MUST_CHECK enum df_err df_str_copy(char *to, size_t cap, struct df_text t);
/* Like snprintf, but a cut is a bug: for texts whose size we know. */
void df_str_fmt(char *to, size_t cap, const char *fmt, ...) DF_PRINTF(3, 4);

void df_hex_encode(char *to /* 2*len+1 */, const void *ptr, size_t len);
/* Exactly 2*len lower- or upper-case digits, or false. */
bool df_hex_decode(void *to, size_t len, struct df_text hex);
struct df_hex df_digest_hex(const struct df_digest *d);
bool df_digest_decode(struct df_digest *d, struct df_text hex);
bool df_digest_same(const struct df_digest *a, const struct df_digest *b);
bool df_digest_is_zero(const struct df_digest *d);

DF_MUST_CHECK enum df_err df_base64_encode(struct df_buf *out, const void *ptr,
					   size_t len);
DF_MUST_CHECK enum df_err df_base64_decode(struct df_buf *out, struct df_text t,
					   struct df_why *why);

/* A fresh name from the kernel's random source (130 bits). */
void df_id_new(struct df_id *id);
/* Only what df_id_new could have made is accepted. */
bool df_id_decode(struct df_id *id, struct df_text t);
void df_random(void *to, size_t len); /* dies if the kernel has none */

/* Is it UTF-8 without controls? *chars: how many characters (may be NULL). */
bool df_text_clean(struct df_text t, size_t *chars);

/* UID of PS3.5 9.1: [0-9.]{1,64}, no empty component. Leading zeros pass,
 * real scanners write them. */
bool df_uid_valid(struct df_text uid);
/* A fresh one: 2.25 and a random number below 2^128 (PS3.5 B.2). */
#define DF_UID_LEN 64
void df_uid_new(char to[DF_UID_LEN + 1]);
/* AE title of PS3.5 6.2: 1-16 characters, no backslash or control, not only
 * spaces. */
bool df_ae_valid(struct df_text ae);

#ifdef __cplusplus
}
#endif
#endif
