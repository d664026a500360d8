/* envelope_fuzz.c - what decodes must encode to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "df/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *ptr, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *ptr, size_t len)
{
	struct df_envelope env;
	struct df_buf out;

	if (df_envelope_decode(&env, ptr, len, NULL) != DF_OK)
		return 0;
	df_buf_init(&out, len);
	if (df_envelope_encode(&out, &env, df_get_u64(ptr + len - 16), NULL) !=
		    DF_OK ||
	    out.len != len || memcmp(out.ptr, ptr, len) != 0)
		abort();
	df_buf_release(&out);
	df_envelope_release(&env);
	return 0;
}
