/* codings.c - how images are coded, and why so: for people. */
#include "df/coding_rows.h"
#include "answers.h"

#define ROWS_MAX 32

static double rounded(double v)
{
	return (double)(int64_t)(v * 100 + 0.5) / 100;
}

static void put_sums(cJSON *o, const struct df_coding_sum *sums, size_t n)
{
	cJSON *list = cJSON_AddArrayToObject(o, "used");
	uint64_t raw = 0, coded = 0;

	for (size_t i = 0; i < n; i++) {
		cJSON *s = cJSON_CreateObject();

		put_str(s, "coding", sums[i].coding);
		put_num(s, "instances", sums[i].instances);
		put_num(s, "bytes", sums[i].raw);
		put_num(s, "packed_bytes", sums[i].coded);
		(void)cJSON_AddItemToArray(list, s);
		raw += sums[i].raw;
		coded += sums[i].coded;
	}
	put_num(o, "bytes", raw);
	put_num(o, "packed_bytes", coded);
	(void)cJSON_AddNumberToObject(
		o, "ratio",
		coded > 0 ? rounded((double)raw / (double)coded) : 0);
}

void codings_put_study(struct queue *q, cJSON *study, int64_t n)
{
	struct df_coding_sum sums[ROWS_MAX];
	struct df_row_coding rows[ROWS_MAX];
	cJSON *o = cJSON_AddObjectToObject(study, "codings"), *list;
	size_t count = df_journal_codings(q->j, n, sums, ROWS_MAX);

	put_sums(o, sums, count);
	list = cJSON_AddArrayToObject(o, "choices");
	count = df_journal_codings_wanted(q->j, n, rows, ROWS_MAX);
	for (size_t i = 0; i < count; i++) {
		const struct df_row_coding *r = &rows[i];
		cJSON *c = cJSON_CreateObject();

		put_str(c, "wanted", r->wanted);
		put_str(c, "why", r->why);
		put_num(c, "line_bytes_per_s", r->line_bytes_per_s);
		(void)cJSON_AddBoolToObject(c, "line_assumed", r->assumed);
		put_num(c, "instances", r->instances);
		put_num(c, "fell_back", r->fell_back);
		put_num(c, "mismatches", r->mismatches);
		(void)cJSON_AddItemToArray(list, c);
	}
}

void codings_put(const struct queue *q, cJSON *status)
{
	const struct df_coders *c = &q->coders;
	cJSON *o = cJSON_AddObjectToObject(status, "codings"), *list;
	uint64_t mismatches = 0;

	list = cJSON_AddArrayToObject(o, "encoders");
	for (unsigned i = DF_CODING_STORED; i < DF_CODING_COUNT; i++) {
		const struct df_coder *by = &c->by[i];
		cJSON *e = cJSON_CreateObject();

		put_str(e, "coding",
			df_coding_word((enum df_coding_choice)i));
		/* of one core, packed and compared again */
		put_num(e, "bytes_per_s",
			(uint64_t)(1 / (by->pack_s + by->verify_s)));
		put_num(e, "mismatches", by->mismatches);
		(void)cJSON_AddItemToArray(list, e);
		mismatches += by->mismatches;
	}
	(void)cJSON_AddNumberToObject(o, "share", rounded(c->share));
	/* parcels with frames that came back otherwise, since the start */
	put_num(o, "mismatches", mismatches);
}
