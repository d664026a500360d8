/*
 * worklist_fuzz.c - what a modality asks, in both layouts; an item made of it,
 * in every character set; and items as they travel between rooms. What was
 * asked is answered with exactly those attributes.
 */
#include <stdlib.h>
#include <string.h>

#include "df/attribute_match.h"
#include "df/worklist_dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A character may grow from two bytes to four: then it is too long a key. */
static bool stays_a_key(const struct df_worklist_query *q)
{
	for (unsigned i = 0; i < DF_WORKLIST_COUNT; i++)
		if (q->keys.v[i].len >= DF_WORKLIST_KEY_CAP / 2)
			return false;
	return true;
}

/* The answer holds what was asked for, as a question of the same layout. */
static void answer(const struct df_worklist_query *q, bool explicit_vr,
		   enum df_worklist_charset charset)
{
	static struct df_worklist_query back;
	struct df_worklist_item item = q->keys;
	struct df_buf out;

	df_buf_init(&out, DF_WORKLIST_DATASET_MAX);
	/* a key may hold what no order may: then there is no such item */
	if (df_worklist_item_encode(&out, q, &item, charset, explicit_vr,
				    NULL) == DF_OK) {
		if (df_worklist_query_decode(&back, out.ptr, out.len,
					     explicit_vr, NULL) != DF_OK) {
			if (stays_a_key(q))
				abort();
		} else if (memcmp(back.keys.has, q->keys.has,
				  sizeof back.keys.has)) {
			abort();
		}
	}
	df_buf_release(&out);
}

static void question(const uint8_t *data, size_t size, bool explicit_vr)
{
	static struct df_worklist_query q;

	if (df_worklist_query_decode(&q, data, size, explicit_vr, NULL) !=
	    DF_OK)
		return;
	answer(&q, explicit_vr, DF_WORKLIST_AUTO);
	answer(&q, explicit_vr, DF_WORKLIST_GBK);
	answer(&q, !explicit_vr, DF_WORKLIST_UTF8);
	for (unsigned i = 0; i < DF_WORKLIST_COUNT; i++) {
		const char *vr =
			df_worklist_attribute((enum df_worklist_field)i)->vr;

		(void)df_attribute_match(vr, q.keys.v[i],
					 q.keys.v[DF_WORKLIST_PATIENT_NAME]);
	}
}

static void items(const uint8_t *data, size_t size)
{
	struct df_text rest = {(const char *)data, size}, again;
	struct df_worklist_item item, same;
	struct df_buf out, value;

	while (df_worklist_next(&rest, &item)) {
		df_buf_init(&out, 1 << 20);
		df_buf_init(&value, 1 << 20);
		if (df_worklist_encode(&out, &item, NULL) != DF_OK)
			abort();
		again = (struct df_text){(const char *)out.ptr, out.len};
		if (!df_worklist_next(&again, &same) || again.len != 0)
			abort();
		for (unsigned i = 0; i < DF_WORKLIST_COUNT; i++) {
			if (item.has[i] != same.has[i] ||
			    !df_text_same(item.v[i], same.v[i]))
				abort();
			df_buf_clear(&value);
			if (df_worklist_value(&value,
					      (enum df_worklist_field)i,
					      item.v[i], NULL) != DF_OK)
				continue; /* it is none, which is fine */
		}
		df_buf_release(&out);
		df_buf_release(&value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	question(data, size, false);
	question(data, size, true);
	items(data, size);
	return 0;
}
