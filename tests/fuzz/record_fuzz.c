/*
 * record_fuzz.c - a plaintext of records, read one after the other; what
 * decodes encodes to the same bytes.
 */
#include <string.h>

#include "df/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void instance(struct df_text header)
{
	struct df_record_instance r;
	struct df_why why;
	struct df_buf b;

	if (df_record_instance_decode(&r, header, &why) != DF_OK)
		return;
	df_buf_init(&b, DF_RECORD_HEADER_MAX);
	if (df_record_instance_encode(&b, &r, &why) != DF_OK ||
	    b.len != header.len || memcmp(b.ptr, header.ptr, b.len) != 0)
		df_bug("instance header has a second spelling");
	df_buf_release(&b);
}

static void contents(const uint8_t *record, struct df_text header,
		     const uint8_t *body, size_t body_len)
{
	struct df_record_contents c = {0};
	struct df_why why;
	struct df_buf b;

	if (df_record_contents_decode(&c, header, body, body_len, &why) !=
	    DF_OK)
		return;
	df_buf_init(&b, 2 << 20);
	if (df_record_contents_encode(&b, &c, &why) != DF_OK ||
	    b.len != DF_RECORD_FRAME_LEN + header.len + body_len ||
	    memcmp(b.ptr, record, b.len) != 0)
		df_bug("contents have a second spelling");
	df_buf_release(&b);
	df_record_contents_release(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = 0;

	while (size - at >= DF_RECORD_FRAME_LEN) {
		struct df_record_frame f;
		struct df_text header;
		struct df_why why;
		size_t left = size - at - DF_RECORD_FRAME_LEN;

		if (df_record_frame_decode(&f, data + at, &why) != DF_OK ||
		    f.header_len > left || f.body_len > left - f.header_len)
			return 0;
		header = (struct df_text){(const char *)data + at +
						  DF_RECORD_FRAME_LEN,
					  f.header_len};
		if (f.type == DF_RECORD_INSTANCE)
			instance(header);
		else if (f.type == DF_RECORD_CONTENTS)
			contents(data + at, header,
				 data + at + DF_RECORD_FRAME_LEN + f.header_len,
				 (size_t)f.body_len);
		at += DF_RECORD_FRAME_LEN + f.header_len + (size_t)f.body_len;
	}
	return 0;
}
