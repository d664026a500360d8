/* veiled.h - a data set of which only what was asked for can be seen. */
#ifndef VEILED_H
#define VEILED_H

#include <string.h>

#include "df/walker.h"

struct veiled {
	const void *real;
	char *seen;
	uint64_t bytes; /* that were asked for */
};

static inline enum df_err unveil(void *ctx, uint64_t at, uint64_t len,
				 struct df_why *why)
{
	struct veiled *v = ctx;

	(void)why;
	memcpy(v->seen + at, (const char *)v->real + at, len);
	v->bytes += len;
	return DF_OK;
}

/* What was told of elements: one behind the other, without a gap? */
struct passed {
	uint64_t n, end;
	bool gap;
	uint32_t last;
	uint64_t last_len;
};

static inline void pass_on(void *ctx, uint32_t tag, uint64_t at, uint64_t len)
{
	struct passed *p = ctx;

	p->gap = p->gap || at != p->end || len < 8;
	p->end = at + len;
	p->last = tag;
	p->last_len = len;
	p->n++;
}

/* Did both find the same? */
static inline bool same_walk(const struct df_walk *a, const struct df_walk *b)
{
	return a->elements == b->elements && a->deepest == b->deepest &&
	       a->end == b->end && a->trailing == b->trailing &&
	       a->pixel == b->pixel && a->pixel_value == b->pixel_value &&
	       a->pixel_length == b->pixel_length &&
	       a->fragments == b->fragments && a->rows == b->rows &&
	       a->columns == b->columns && a->frames == b->frames &&
	       a->bad_uid == b->bad_uid &&
	       strcmp(a->sop_instance.s, b->sop_instance.s) == 0 &&
	       strcmp(a->study.s, b->study.s) == 0;
}

#endif
