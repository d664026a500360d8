/* message_fuzz.c - no byte string breaks the decoder of room messages, and
 * what decodes encodes back to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "df/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct df_msg m, item;
	struct df_buf out;
	struct df_text t;
	size_t at = 0;
	uint64_t v;

	if (df_msg_decode(&m, data, size, NULL) != DF_OK)
		return 0;
	while (df_msg_next_item(&m, DF_M_SOURCE, &at, &item))
		(void)df_msg_get(&item, DF_M_CEK, &t);
	(void)df_msg_get_u64(&m, DF_M_ERR, &v);
	df_buf_init(&out, DF_MSG_MAX);
	if (df_msg_encode(&m, &out, NULL) != DF_OK || out.len != size ||
	    memcmp(out.ptr, data, size) != 0)
		abort();
	df_buf_release(&out);
	return 0;
}
