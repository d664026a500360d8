/*
 * walker_fuzz.c - any bytes as a data set: the first byte picks the syntax.
 * What the walker says of offsets must lie inside.
 */
#include <stdlib.h>
#include <string.h>

#include "df/walker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct df_walk w;
	struct df_why why;
	uint64_t at, offset, length, n = 0;

	if (size < 1)
		return 0;
	size--;
	if (df_walk(&w, data + 1, size, (enum df_walk_syntax)(data[0] % 3),
		    NULL, &why) != DF_OK)
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
