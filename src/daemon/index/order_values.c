/*
 * order_values.c - what a person typed becomes an order: checked, in the form
 * that modalities want, and with what it lacks filled in.
 */
#include <string.h>

#include "df/clock.h"
#include "df/identity.h"
#include "orders.h"
#include "region.h"

#define VALUE_MAX 8192

static void put(cJSON *order, enum df_worklist_field f, const char *value)
{
	/* NULL: no memory */
	(void)cJSON_AddStringToObject(order, df_worklist_attribute(f)->word,
				      value);
}

static bool has(const cJSON *order, enum df_worklist_field f)
{
	return order_value(order, f).len > 0;
}

struct df_text order_value(const cJSON *order, enum df_worklist_field f)
{
	return df_text_of(index_word(order, df_worklist_attribute(f)->word));
}

static enum df_err take_values(cJSON *order, const cJSON *args,
			       struct df_why *why)
{
	enum df_err rc = DF_OK;
	struct df_buf b;
	unsigned i;

	df_buf_init(&b, VALUE_MAX);
	for (i = 0; rc == DF_OK && i < DF_WORKLIST_COUNT; i++) {
		enum df_worklist_field f = (enum df_worklist_field)i;
		struct df_text t = order_value(args, f);

		df_buf_clear(&b);
		if (t.len > 0)
			rc = df_worklist_value(&b, f, t, why);
		if (rc == DF_OK && b.len > 0)
			rc = df_buf_u8(&b, '\0');
		if (rc == DF_OK && b.len > 0)
			put(order, f, (const char *)b.ptr);
	}
	df_buf_wipe(&b);
	return rc;
}

/* What a resident number says of its owner; a wrong one is told, not refused:
 * an exam does not wait for a number. */
static void take_resident(cJSON *order, cJSON *out)
{
	struct df_text given = df_text_of(index_word(order, "resident_id"));
	struct df_text birth = order_value(order, DF_WORKLIST_BIRTH_DATE);
	struct df_resident r;

	if (given.len == 0)
		given = order_value(order, DF_WORKLIST_PATIENT_ID);
	if (!df_resident_read(&r, given))
		return;
	if (!r.checked && given.len >= 18) {
		(void)cJSON_AddStringToObject(out, "warning",
					      "resident_number_mistyped");
		return;
	}
	if (birth.len == 0)
		put(order, DF_WORKLIST_BIRTH_DATE, r.birth_date);
	else if (!df_text_eq(birth, r.birth_date))
		(void)cJSON_AddStringToObject(out, "warning",
					      "birth_date_contradicts_number");
	if (!has(order, DF_WORKLIST_SEX))
		put(order, DF_WORKLIST_SEX, r.sex);
}

/* YYMMDD, three characters of the node, six digits of the register's next
 * number: sixteen at most, and never twice. */
static void make_accession(const struct index *x, cJSON *order, const char *now)
{
	char text[17], node[4] = "000";

	if (x->self[0] != '\0')
		memcpy(node, x->self, 3);
	for (size_t i = 0; i < 3; i++)
		if (node[i] >= 'a' && node[i] <= 'z')
			node[i] = (char)(node[i] - 'a' + 'A');
	df_str_fmt(text, sizeof text, "%.6s%s%06llu", now + 2, node,
		   (unsigned long long)df_register_next(x->reg) % 1000000);
	put(order, DF_WORKLIST_ACCESSION, text);
}

static void fill(struct index *x, cJSON *order)
{
	bool emergency = cJSON_IsTrue(
		cJSON_GetObjectItemCaseSensitive(order, "emergency"));
	char now[DF_TIME_LOCAL_LEN + 1], text[65];
	char accession[17];

	df_time_local(now, df_clock_wall_ms());
	if (emergency && !has(order, DF_WORKLIST_PATIENT_NAME))
		put(order, DF_WORKLIST_PATIENT_NAME, "UNKNOWN^EMERGENCY");
	if (emergency && !has(order, DF_WORKLIST_PATIENT_ID)) {
		df_str_fmt(text, sizeof text, "E%s", now);
		put(order, DF_WORKLIST_PATIENT_ID, text);
	}
	if (!has(order, DF_WORKLIST_STEP_TIME))
		put(order, DF_WORKLIST_STEP_TIME,
		    has(order, DF_WORKLIST_STEP_DATE) ? "000000" : now + 8);
	if (!has(order, DF_WORKLIST_STEP_DATE)) {
		df_str_fmt(text, sizeof text, "%.8s", now);
		put(order, DF_WORKLIST_STEP_DATE, text);
	}
	if (!has(order, DF_WORKLIST_ACCESSION))
		make_accession(x, order, now);
	df_str_fmt(accession, sizeof accession, "%s",
		   index_word(order, "accession"));
	if (!has(order, DF_WORKLIST_PROCEDURE_ID))
		put(order, DF_WORKLIST_PROCEDURE_ID, accession);
	if (!has(order, DF_WORKLIST_STEP_ID))
		put(order, DF_WORKLIST_STEP_ID, accession);
	if (!has(order, DF_WORKLIST_STUDY_UID)) {
		df_uid_new(text);
		put(order, DF_WORKLIST_STUDY_UID, text);
	}
	if (!has(order, DF_WORKLIST_PRIORITY))
		put(order, DF_WORKLIST_PRIORITY,
		    emergency ? "STAT" : "ROUTINE");
	put(order, DF_WORKLIST_STEP_STATUS, "SCHEDULED");
}

enum df_err order_take(struct index *x, const cJSON *args, cJSON *order,
		       cJSON *out, struct df_why *why)
{
	const char *resident = index_word(args, "resident_id");
	bool emergency = cJSON_IsTrue(
		cJSON_GetObjectItemCaseSensitive(args, "emergency"));
	enum df_err rc = take_values(order, args, why);

	if (rc != DF_OK)
		return rc;
	if (!has(order, DF_WORKLIST_MODALITY))
		return df_fail(why, DF_E_USAGE,
			       "which kind of exam? no modality (CT, DX, US)");
	if (!emergency && (!has(order, DF_WORKLIST_PATIENT_NAME) ||
			   !has(order, DF_WORKLIST_PATIENT_ID)))
		return df_fail(why, DF_E_USAGE,
			       "who is it? a number and a name are needed, "
			       "except in an emergency");
	if (strlen(resident) > 40 || !df_text_clean(df_text_of(resident), NULL))
		return df_fail(why, DF_E_USAGE, "resident_id: not a number");
	if (resident[0] != '\0')
		(void)cJSON_AddStringToObject(order, "resident_id", resident);
	if (emergency)
		(void)cJSON_AddTrueToObject(order, "emergency");
	take_resident(order, out);
	fill(x, order);
	return DF_OK;
}
