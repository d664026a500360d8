/*
 * walker_fuzz.c - any bytes as a data set: the first byte picks the syntax.
 * What the walker says of offsets must lie inside.
 */
#include <stdlib.h>
#include <string.h>

#include "../lib/veiled.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Read by need it must come to the same. */
static void walk_veiled(const uint8_t *data, size_t size,
			enum df_walk_syntax syntax, enum df_err want,
			const struct df_walk *whole)
{
	struct veiled v = {data, malloc(size ? size : 1), 0};
	const struct df_walk_limits how = {.need = unveil, .ctx = &v};
	struct df_walk w;

	memset(v.seen, 0xa5, size);
	if (df_walk(&w, v.seen, size, syntax, &how, NULL) != want ||
	    !same_walk(&w, whole))
		abort();
	free(v.seen);
}

/* The elements that are told of make up the data set. */
static void walk_told(const uint8_t *data, size_t size,
		      enum df_walk_syntax syntax, enum df_err want)
{
	struct passed p = {0};
	const struct df_walk_limits how = {.passed = pass_on, .ctx = &p};
	struct df_walk w;

	if (df_walk(&w, data, size, syntax, &how, NULL) != want ||
	    (want == DF_OK && (p.gap || p.end != w.end)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct df_walk w;
	enum df_walk_syntax syntax;
	enum df_err rc;
	struct df_why why;
	uint64_t at, offset, length, n = 0;

	if (size < 1)
		return 0;
	size--;
	syntax = (enum df_walk_syntax)(data[0] % 3);
	rc = df_walk(&w, data + 1, size, syntax, NULL, &why);
	walk_veiled(data + 1, size, syntax, rc, &w);
	walk_told(data + 1, size, syntax, rc);
	if (rc != DF_OK)
		return 0;
	if (w.pixel != DF_WALK_PIXEL_NONE &&
	    (w.pixel_value > size || w.pixel_length > size - w.pixel_value))
		abort();
	at = w.pixel_value;
	while (df_walk_fragment(&w, data + 1, &at, &offset, &length)) {
		if (offset > size || length > size - offset)
			abort();
		n++;
	}
	if (w.pixel == DF_WALK_PIXEL_ENCAPSULATED && n != w.fragments)
		abort();
	return 0;
}
