/*
 * checksum.h - XXH3-128 of the stored bytes of an object: finds rot and torn
 * content without any key. It is no protection against a hand that changes
 * bytes on purpose; that is the business of the seal (df/seal.h).
 *
 * The value is the canonical form (big-endian), as `xxhsum -H2` prints it.
 * Nothing here fails in use: no memory is fatal, a broken library df_bug().
 */
#ifndef DF_CHECKSUM_H
#define DF_CHECKSUM_H

#include "df/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_CHECKSUM_LEN 16u

struct df_checksum {
	uint8_t b[DF_CHECKSUM_LEN];
};

/* {0} is a valid released state; init may be repeated on a used one. */
struct df_summer {
	void *state; /* owned */
};
void df_summer_init(struct df_summer *s);
void df_summer_update(struct df_summer *s, const void *ptr, size_t len);
/* What came so far; more may follow. */
void df_summer_sum(const struct df_summer *s, struct df_checksum *sum);
void df_summer_release(struct df_summer *s);

bool df_checksum_same(const struct df_checksum *a, const struct df_checksum *b);

#ifdef __cplusplus
}
#endif
#endif
