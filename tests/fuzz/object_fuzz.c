/*
 * object_fuzz.c - what prepare does with a data set that it does not trust:
 * the walker first, then DCMTK for facts, text and another transfer syntax.
 * The first byte picks the transfer syntax.
 */
#include <stdlib.h>

#include "df/charset.h"
#include "df/object.h"
#include "df/str.h"
#include "df/walker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const syntaxes[] = {
	DF_TS_EXPLICIT_LE,	DF_TS_IMPLICIT_LE,	 DF_TS_EXPLICIT_BE,
	DF_TS_JPEG_LS_LOSSLESS, DF_TS_JPEG_LOSSLESS_SV1, DF_TS_RLE_LOSSLESS,
};

static void view(const struct df_object *o)
{
	struct df_report_view v;

	if (df_object_report(o, 1u << 20, &v, NULL) == DF_OK &&
	    v.kind == DF_REPORT_SR && v.body.len > 0 &&
	    !df_utf8_valid(
		    (struct df_text){(const char *)v.body.ptr, v.body.len}))
		abort();
	df_report_view_release(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	struct df_facts f;
	struct df_walk w;
	struct df_object o;
	struct df_buf out;

	if (!ready && df_object_init(NULL) != DF_OK)
		return 0;
	ready = true;
	if (size < 1)
		return 0;
	o.ptr = data + 1;
	o.len = size - 1;
	o.transfer_syntax = syntaxes[data[0] % 6];
	if (df_walk(&w, o.ptr, o.len,
		    df_walk_syntax_of(df_text_of(o.transfer_syntax)), NULL,
		    NULL) != DF_OK)
		return 0;
	if (df_object_facts(&o, &f, NULL) == DF_OK &&
	    !df_utf8_valid(df_text_of(f.patient_name)))
		abort();
	view(&o);
	df_buf_init(&out, 1u << 24);
	/* any result but a crash will do: transcode proves itself */
	if (df_object_transcode(&o, DF_TS_IMPLICIT_LE, &out, NULL) == DF_OK &&
	    out.len == 0 && o.len != 0)
		abort();
	df_buf_release(&out);
	return 0;
}
