/* manifest_fuzz.c - what decodes must encode to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "df/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct df_text text = {(const char *)data, size};
	struct df_manifest v = {0};
	struct df_buf again;

	df_buf_init(&again, size + 4096);
	if (df_manifest_decode(text, &v, NULL) == DF_OK &&
	    (df_manifest_encode(&v, &again, NULL) != DF_OK ||
	     again.len != size || memcmp(again.ptr, data, size) != 0))
		abort();
	df_buf_release(&again);
	df_manifest_release(&v);
	return 0;
}
