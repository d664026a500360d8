/*
 * lines.h - "key: value" texts in fixed order, for the decoders of wire/.
 *
 * The error is sticky: take all fields, then look at rc once. A decoder that
 * ends with df_lines_canonical() accepts exactly what its encoder writes.
 */
#ifndef DF_LINES_H
#define DF_LINES_H

#include "df/clock.h"
#include "df/str.h"

struct df_lines {
	struct df_text rest;
	uint32_t number; /* of the line last taken, from 1 */
	enum df_err rc;
	struct df_why *why;
};

void df_lines_init(struct df_lines *l, struct df_text text, size_t max_bytes,
		   struct df_why *why);
/* Records the first failure: what is wrong with the line last taken. */
void df_lines_bad(struct df_lines *l, const char *what);
/* The value of the next line, whose key must be `key`; empty after an error. */
struct df_text df_lines_take(struct df_lines *l, const char *key);
void df_lines_word(struct df_lines *l, const char *key, const char *want);
void df_lines_uid(struct df_lines *l, const char *key, char to[65]);
uint64_t df_lines_u64(struct df_lines *l, const char *key, uint64_t max);
void df_lines_hex(struct df_lines *l, const char *key, struct df_hex *to);
/* "sha256:<hex>", or "-" for a digest of zeros. */
void df_lines_digest(struct df_lines *l, const char *key, struct df_digest *to);
int64_t df_lines_time(struct df_lines *l, const char *key);
/* Takes the next space-separated word off *rest; empty at the end. */
struct df_text df_lines_split(struct df_text *rest);
/* All was taken, and `again` (the fields encoded anew) is `text`. */
enum df_err df_lines_canonical(struct df_lines *l, struct df_text text,
			       const struct df_buf *again);

/* For the encoders. */
#define DF_REF_LEN (7 + DF_HEX_LEN)
struct df_ref {
	char s[DF_REF_LEN + 1]; /* "sha256:<hex>" or "-" */
};
struct df_ref df_ref_of(const struct df_digest *d);
bool df_ref_decode(struct df_digest *d, struct df_text t);
bool df_hex_valid(const struct df_hex *h); /* 64 lower-case digits */

#endif
