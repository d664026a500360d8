/*
 * prior.c - an earlier exam as JSON: what a search shows, prints and sends.
 */
#include <string.h>

#include <cjson/cJSON.h>

#include "df/clock.h"
#include "df/recognition.h"
#include "df/statement.h"
#include "index.h"

#define REPORTS_MAX 32 /* of an exam: docs/formats/peer.md */

/* --- does it answer the question? ----------------------------------------------- */

/* Is `one` among "a/b/c"? Letters of either case. */
static bool among(const char *list, const char *one)
{
	size_t len = strlen(one);
	const char *at, *end;

	for (at = list; at[0] != '\0'; at = end + (end[0] == '/')) {
		end = strchrnul(at, '/');
		if ((size_t)(end - at) == len &&
		    strncasecmp(at, one, len) == 0)
			return true;
	}
	return false;
}

/* Midnight of a DICOM date, as if here were Greenwich; -1: it is none. */
static int64_t midnight_ms(const char *date)
{
	char text[DF_TIME_LEN + 1];

	if (strlen(date) < 8)
		return -1;
	df_str_fmt(text, sizeof text, "%.4s-%.2s-%.2sT00:00:00Z", date,
		   date + 4, date + 6);
	return df_time_decode(text, DF_TIME_LEN);
}

/* Whole days from a DICOM date to today; false: it is none. */
static bool age_days(const char *date, double *days)
{
	char today[9];
	int64_t then = midnight_ms(date), now;

	df_str_fmt(today, sizeof today, "%08u",
		   df_time_local_day(df_clock_wall_ms()));
	now = midnight_ms(today);
	*days = (double)((now - then) / (INT64_C(86400) * 1000));
	return then >= 0;
}

bool index_prior_fits(struct index *x, const struct df_store_study *st,
		      const cJSON *question)
{
	const char *modality = index_word(question, "modality");
	const char *part = index_word(question, "body_part");
	const struct df_exam_words typed = {.modality = modality,
					    .body_part = part};
	const struct df_exam_words has = {
		.modality = st->modalities,
		.body_part = st->body_parts,
		.texts = {st->ident[DF_IDENT_STUDY_DESCRIPTION]},
	};
	double days = cJSON_GetNumberValue(
		cJSON_GetObjectItemCaseSensitive(question, "days"));
	double age;

	/* one that does not say its part may be the one that is looked for; by
	 * meaning: 胸部 is CHEST, and what is a DX may be sent as CR */
	if (!df_exam_words_meet(index_rules(x, NULL), &typed, &has) &&
	    !(among(st->modalities, modality) && among(st->body_parts, part)))
		return false;
	return !(days > 0) ||
	       !age_days(st->ident[DF_IDENT_STUDY_DATE], &age) || age <= days;
}

/* --- as JSON ---------------------------------------------------------------------- */

void index_match_json(cJSON *o, const struct df_match_result *m)
{
	cJSON *reasons = cJSON_CreateArray();
	unsigned bit;

	index_add(o, "match", df_match_word(m->match));
	for (bit = 0; bit < DF_MATCH_REASON_COUNT; bit++)
		if (m->reasons & (1u << bit))
			(void)cJSON_AddItemToArray(
				reasons,
				cJSON_CreateString(df_match_reason_word(bit)));
	(void)cJSON_AddItemToObject(o, "match_reasons", reasons);
}

struct reports {
	cJSON *list;
	const char *node; /* who made the exam: its clinic, or we */
};

bool index_report_is_on(const struct df_store_report *r, const char *node)
{
	struct df_statement s;

	return df_statement_decode(r->text, &s, NULL) == DF_OK &&
	       strcmp(s.clinic_node.s, node) == 0;
}

/* Those that may be shown; the last of very many. */
static enum df_err add_report(void *ctx, const struct df_store_report *r)
{
	const struct reports *to = ctx;
	cJSON *o;

	if (r->verdict == DF_REPORT_REJECTED || !r->accepted || r->conflict ||
	    !index_report_is_on(r, to->node))
		return DF_OK;
	if (cJSON_GetArraySize(to->list) == REPORTS_MAX)
		cJSON_DeleteItemFromArray(to->list, 0);
	o = cJSON_CreateObject();
	index_add(o, "report_id", r->report_id);
	(void)cJSON_AddNumberToObject(o, "version", r->version);
	index_add(o, "verification",
		  df_report_verdict_word((enum df_report_verdict)r->verdict));
	(void)cJSON_AddItemToArray(to->list, o);
	return DF_OK;
}

static void add_patient(cJSON *o, const struct df_store_study *st)
{
	const char *birth = st->ident[DF_IDENT_BIRTH_DATE];
	const struct df_text no = {0};
	cJSON *p = cJSON_AddObjectToObject(o, "patient");
	struct df_person read;

	/* 1999.12.31 is a date, too */
	df_person_of(&read, no, no, no, df_text_of(birth), no, "");
	index_add(p, "name", st->ident[DF_IDENT_PATIENT_NAME]);
	index_add(p, "birth_date",
		  read.birth_date[0] != '\0' ? read.birth_date : birth);
	index_add(p, "sex", st->ident[DF_IDENT_SEX]);
}

cJSON *index_prior_json(struct index *x, const struct df_store_study *st,
			const struct df_match_result *match, struct df_why *why)
{
	struct df_match_result m = *match;
	cJSON *o = cJSON_CreateObject(), *where;
	struct reports reports = {NULL, st->peer[0] ? st->peer : x->self};

	/* who it is stands open: nobody is told that it is certain */
	if (m.match == DF_MATCH_EXACT && (st->held || st->mixed))
		m.match = DF_MATCH_PROBABLE;
	index_add(o, "study_uid", st->study_uid);
	index_add(o, "node", st->peer);
	index_add(o, "institution", st->ident[DF_IDENT_INSTITUTION]);
	add_patient(o, st);
	index_match_json(o, &m);
	index_add(o, "study_date", st->ident[DF_IDENT_STUDY_DATE]);
	index_add(o, "study_time", st->ident[DF_IDENT_STUDY_TIME]);
	index_add(o, "modality", st->modalities);
	index_add(o, "body_part", st->body_parts);
	index_add(o, "description", st->ident[DF_IDENT_STUDY_DESCRIPTION]);
	(void)cJSON_AddNumberToObject(o, "instances", (double)st->instances);
	(void)cJSON_AddNumberToObject(o, "bytes", (double)st->bytes);
	(void)cJSON_AddBoolToObject(o, "held", st->held || st->mixed);
	reports.list = cJSON_AddArrayToObject(o, "reports");
	where = cJSON_AddArrayToObject(o, "where");
	(void)cJSON_AddItemToArray(where, cJSON_CreateString("here"));
	if (df_store_reports(x->store, st->study_uid, add_report, &reports,
			     why) != DF_OK) {
		cJSON_Delete(o);
		return NULL;
	}
	return o;
}
