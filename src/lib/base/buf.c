/* buf.c - see df/buf.h. */
#include "df/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void df_buf_init(struct df_buf *b, size_t max_bytes)
{
	*b = (struct df_buf){.max = max_bytes};
}

void df_buf_release(struct df_buf *b)
{
	free(b->ptr);
	*b = (struct df_buf){.max = b->max};
}

void df_buf_wipe(struct df_buf *b)
{
	if (b->ptr != NULL)
		explicit_bzero(b->ptr, b->cap);
	df_buf_release(b);
}

void df_buf_clear(struct df_buf *b)
{
	b->len = 0;
}

uint8_t *df_buf_give(struct df_buf *b, size_t *len)
{
	uint8_t *p = b->ptr;

	*len = b->len;
	*b = (struct df_buf){.max = b->max};
	return p;
}

enum df_err df_buf_reserve(struct df_buf *b, size_t more, struct df_why *why)
{
	size_t need, cap;
	uint8_t *p;

	if (b->len > b->max || more > b->max - b->len)
		return df_fail(why, DF_E_LIMIT,
			       "buffer would exceed its maximum of %zu bytes",
			       b->max);
	need = b->len + more;
	if (need <= b->cap)
		return DF_OK;
	cap = b->cap < 256 ? 256 : b->cap + b->cap / 2;
	if (cap < need)
		cap = need;
	if (cap > b->max)
		cap = b->max;
	p = realloc(b->ptr, cap);
	if (p == NULL)
		return df_fail(why, DF_E_NOMEM, "no memory for %zu bytes", cap);
	b->ptr = p;
	b->cap = cap;
	return DF_OK;
}

enum df_err df_buf_add(struct df_buf *b, const void *ptr, size_t len,
		       struct df_why *why)
{
	enum df_err rc = df_buf_reserve(b, len, why);

	if (rc != DF_OK)
		return rc;
	if (len > 0)
		memcpy(b->ptr + b->len, ptr, len);
	b->len += len;
	return DF_OK;
}

enum df_err df_buf_addf(struct df_buf *b, struct df_why *why, const char *fmt,
			...)
{
	va_list ap;
	enum df_err rc;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return df_fail(why, DF_E_BUG, "bad format");
	/* one byte more for the NUL that vsnprintf writes */
	rc = df_buf_reserve(b, (size_t)n + 1, why);
	if (rc != DF_OK)
		return rc;
	va_start(ap, fmt);
	(void)vsnprintf((char *)b->ptr + b->len, (size_t)n + 1, fmt,
			ap); /* measured above */
	va_end(ap);
	b->len += (size_t)n;
	return DF_OK;
}

enum df_err df_buf_u8(struct df_buf *b, uint8_t v)
{
	return df_buf_add(b, &v, 1, NULL);
}

enum df_err df_buf_u16(struct df_buf *b, uint16_t v)
{
	uint8_t p[2];

	df_put_u16(p, v);
	return df_buf_add(b, p, sizeof p, NULL);
}

enum df_err df_buf_u32(struct df_buf *b, uint32_t v)
{
	uint8_t p[4];

	df_put_u32(p, v);
	return df_buf_add(b, p, sizeof p, NULL);
}

enum df_err df_buf_u64(struct df_buf *b, uint64_t v)
{
	uint8_t p[8];

	df_put_u64(p, v);
	return df_buf_add(b, p, sizeof p, NULL);
}
