/*
 * commitment_fuzz.c - data sets of N-ACTION and N-EVENT-REPORT in both
 * layouts, and the list that travels between rooms. What was decoded and
 * encoded again must decode to the same.
 */
#include <stdlib.h>
#include <string.h>

#include "df/commitment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct df_references *a, const struct df_references *b)
{
	struct df_digest x, y;

	df_references_digest(a, &x);
	df_references_digest(b, &y);
	if (a->n != b->n || !df_digest_same(&x, &y) ||
	    df_references_bad(a) != df_references_bad(b))
		abort();
}

static void data_set(const uint8_t *data, size_t size, bool explicit_vr)
{
	struct df_commitment c, again;
	struct df_buf out;

	if (df_commitment_decode(&c, data, size, explicit_vr, NULL) != DF_OK)
		return;
	df_buf_init(&out, DF_COMMITMENT_DATASET_MAX);
	if (df_commitment_encode(&out, &c, !explicit_vr, NULL) != DF_OK ||
	    df_commitment_decode(&again, out.ptr, out.len, !explicit_vr,
				 NULL) != DF_OK ||
	    strcmp(c.transaction, again.transaction) != 0)
		abort();
	same(&c.refs, &again.refs);
	df_buf_release(&out);
	df_commitment_release(&c);
	df_commitment_release(&again);
}

static void list(const uint8_t *data, size_t size)
{
	struct df_text text = {(const char *)data, size};
	struct df_references l, again;
	struct df_buf out;

	if (df_references_decode(&l, text, NULL) != DF_OK)
		return;
	df_buf_init(&out, DF_REFERENCES_TEXT_MAX);
	if (df_references_encode(&out, &l, NULL) != DF_OK)
		abort();
	text = (struct df_text){(const char *)out.ptr, out.len};
	if (df_references_decode(&again, text, NULL) != DF_OK)
		abort();
	same(&l, &again);
	df_buf_release(&out);
	df_references_release(&l);
	df_references_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	data_set(data, size, false);
	data_set(data, size, true);
	list(data, size);
	return 0;
}
