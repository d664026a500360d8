/*
 * rules_fuzz.c - any table of recognition rules loads or is refused with a
 * reason; by what loads any exam can be judged, and its own text as words too.
 *
 * The first byte says which table; the rest is its text.
 */
#include <stdlib.h>
#include <string.h>

#include "df/recognition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const char *file;
	struct df_text text;
};

static enum df_err table_read(void *ctx, const char *file, struct df_buf *to,
			      struct df_why *why)
{
	const struct input *in = ctx;

	if (strcmp(file, in->file) != 0)
		return DF_E_NOTFOUND;
	return df_buf_add(to, in->text.ptr, in->text.len, why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in;
	struct df_rules *r;
	struct df_why why = {0};
	struct df_verdict v;
	char text[1024];
	struct df_exam exam = {
		.words = {.modality = text,
			  .body_part = text,
			  .texts = {text},
			  .procedure = text,
			  .scheme = text},
		.institution = text,
		.date = "20261101",
		.instances = 1,
	};
	struct df_asking asking = {
		.institution = text, .today = "20261115", .wanted_item = text};

	if (size == 0)
		return 0;
	in.file = df_rules_table_file(
		(enum df_rules_table)(data[0] % DF_RULES_COUNT));
	in.text = (struct df_text){(const char *)data + 1, size - 1};
	if (df_rules_load(&r, table_read, &in, &why) != DF_OK) {
		if (r != NULL || why.err != DF_E_CONFIG || why.text[0] == '\0')
			abort();
		return 0;
	}
	size = size < sizeof text ? size - 1 : sizeof text - 1;
	memcpy(text, data + 1, size);
	text[size] = '\0';
	df_recognition_judge(r, &exam, &asking, &v);
	if (v.n_reasons == 0)
		abort();
	asking.wanted = exam.words;
	exam.words.modality = "CT";
	asking.wanted_item = NULL;
	df_recognition_judge(r, &exam, &asking, &v);
	if (v.recognise == DF_RECOGNISE_YES && v.item[0] == '\0')
		abort();
	df_rules_free(r);
	return 0;
}
