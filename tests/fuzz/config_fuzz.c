/*
 * config_fuzz.c - any text parses or is refused; what parses can be shown.
 */
#include <stdlib.h>

#include "df/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct df_config c;
	struct df_why why;
	struct df_buf b;

	if (df_config_parse((const char *)data, size, &c, &why) != DF_OK)
		return 0;
	df_buf_init(&b, 4 * DF_CONFIG_MAX);
	if (df_config_show(&b, &c, &why) != DF_OK)
		abort();
	df_buf_release(&b);
	df_config_release(&c);
	return 0;
}
