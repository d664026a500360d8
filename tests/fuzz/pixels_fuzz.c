/* pixels_fuzz.c - what an image shows, of any bytes that claim to be one: the
 * first byte chooses the transfer syntax. */
#include <stdlib.h>

#include "../../src/daemon/prepare/bytes.c"
#include "../../src/daemon/prepare/pixels.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* DCMTK's decoders have their own targets. */
enum df_err meaning_transcode(const struct instance *in, const char *wanted,
			      struct bytes *out, uint64_t limit,
			      struct df_why *why)
{
	(void)in, (void)wanted, (void)out, (void)limit;
	return df_fail(why, DF_E_UNSUPPORTED, "not here");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const syntaxes[] = {
		"1.2.840.10008.1.2.1",	  "1.2.840.10008.1.2",
		"1.2.840.10008.1.2.2",	  TS_JPEG2000_LOSSLESS,
		"1.2.840.10008.1.2.4.50",
	};
	struct instance in = {.data = {.ptr = NULL}};
	struct df_digest one, two;
	uint8_t *copy;

	if (size == 0)
		return 0;
	copy = df_xmalloc(size); /* so that a step too far is seen */
	memcpy(copy, data + 1, size - 1);
	in.data = (struct bytes){copy, size - 1};
	df_str_fmt(in.r.transfer_syntax, sizeof in.r.transfer_syntax, "%s",
		   syntaxes[data[0] % (sizeof syntaxes / sizeof *syntaxes)]);
	if (instance_pixels(&in, 16 << 20, &one) &&
	    (!instance_pixels(&in, 16 << 20, &two) ||
	     !df_digest_same(&one, &two)))
		abort();
	free(copy);
	return 0;
}
