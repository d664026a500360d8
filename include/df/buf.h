/*
 * buf.h - a growable byte buffer that knows its maximum, and borrowed text.
 *
 * A buffer cannot be made without a maximum: sizes that come from outside are
 * bounded here, once. `struct df_text` is (ptr, len) borrowed from somebody
 * else, not terminated, not validated.
 */
#ifndef DF_BUF_H
#define DF_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "df/err.h"

#ifdef __cplusplus
extern "C" {
#endif

struct df_text {
	const char *ptr;
	size_t len;
};

struct df_buf {
	uint8_t *ptr; /* owned; NULL while empty */
	size_t len;
	size_t cap;
	size_t max;
};

/* {0} is a released buffer with maximum 0; init sets the maximum. */
void df_buf_init(struct df_buf *b, size_t max_bytes);
void df_buf_release(struct df_buf *b);  /* frees; idempotent */
void df_buf_wipe(struct df_buf *b);     /* overwrites, then frees: for secrets */
void df_buf_clear(struct df_buf *b);    /* len = 0, keeps the memory */
/* Hands the memory (len bytes) to the caller, who frees it. */
uint8_t *df_buf_give(struct df_buf *b, size_t *len);

/* Make room for `more` bytes past len. DF_E_LIMIT past the maximum. */
DF_MUST_CHECK enum df_err df_buf_reserve(struct df_buf *b, size_t more,
					 struct df_why *why);
DF_MUST_CHECK enum df_err df_buf_add(struct df_buf *b, const void *ptr,
				     size_t len, struct df_why *why);
DF_MUST_CHECK enum df_err df_buf_addf(struct df_buf *b, struct df_why *why,
				      const char *fmt, ...) DF_PRINTF(3, 4);
/* Big-endian integers, as all our formats use. */
DF_MUST_CHECK enum df_err df_buf_u8(struct df_buf *b, uint8_t v);
DF_MUST_CHECK enum df_err df_buf_u16(struct df_buf *b, uint16_t v);
DF_MUST_CHECK enum df_err df_buf_u32(struct df_buf *b, uint32_t v);
DF_MUST_CHECK enum df_err df_buf_u64(struct df_buf *b, uint64_t v);

static inline uint16_t df_get_u16(const uint8_t *p)
{
	return (uint16_t)((p[0] << 8) | p[1]);
}
static inline uint32_t df_get_u32(const uint8_t *p)
{
	return ((uint32_t)df_get_u16(p) << 16) | df_get_u16(p + 2);
}
static inline uint64_t df_get_u64(const uint8_t *p)
{
	return ((uint64_t)df_get_u32(p) << 32) | df_get_u32(p + 4);
}
static inline void df_put_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}
static inline void df_put_u32(uint8_t *p, uint32_t v)
{
	df_put_u16(p, (uint16_t)(v >> 16));
	df_put_u16(p + 2, (uint16_t)v);
}
static inline void df_put_u64(uint8_t *p, uint64_t v)
{
	df_put_u32(p, (uint32_t)(v >> 32));
	df_put_u32(p + 4, (uint32_t)v);
}

#ifdef __cplusplus
}
#endif
#endif
