/*
 * index_rules.c - the rules of recognition in this room: read, kept fresh, and
 * asked about exams as JSON.
 *
 * The node's own tables are in DIR/recognition/. They are looked at once for
 * each message, so that a saved change counts at once; tables that are wrong
 * change nothing, and every answer says so until they are mended.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cjson/cJSON.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"
#include "df/recognition.h"
#include "index.h"

/* Which file it was that was read; all zero: none. */
struct stamp {
	uint64_t inode, size_bytes;
	int64_t s, ns;
};

struct index_rules {
	struct df_rules *rules;
	struct df_rules *before; /* somebody up the stack may hold them yet */
	struct stamp stamps[DF_RULES_COUNT];
	struct df_why why; /* of the tables that are there; DF_OK: in use */
};

static void path_of(char to[64], const char *file)
{
	df_str_fmt(to, 64, DF_RULES_DIR "/%s", file);
}

static void stamps_take(struct stamp stamps[DF_RULES_COUNT])
{
	char path[64];

	memset(stamps, 0, DF_RULES_COUNT * sizeof *stamps);
	for (int t = 0; t < DF_RULES_COUNT; t++) {
		struct stat st;

		path_of(path, df_rules_table_file((enum df_rules_table)t));
		if (stat(path, &st) < 0)
			continue;
		stamps[t] =
			(struct stamp){st.st_ino, (uint64_t)st.st_size,
				       st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
	}
}

static enum df_err table_read(void *ctx, const char *file, struct df_buf *to,
			      struct df_why *why)
{
	char path[64];

	(void)ctx; /* the node's directory is where we are */
	path_of(path, file);
	return df_file_read(AT_FDCWD, path, DF_RULES_TABLE_MAX, to, why);
}

static void reload(struct index_rules *x)
{
	struct df_rules *fresh;

	/* before reading: what is saved meanwhile is read the next time */
	stamps_take(x->stamps);
	x->why = (struct df_why){0};
	if (df_rules_load(&fresh, table_read, NULL, &x->why) == DF_OK) {
		df_rules_free(x->before);
		x->before = x->rules;
		x->rules = fresh;
		x->why = (struct df_why){0}; /* a file that is not there */
		df_log(DF_LOG_INFO, "rules.loaded",
		       DF_F_NUM("institutions",
				df_rules_count(fresh, DF_RULES_INSTITUTIONS)),
		       DF_F_NUM("marks",
				df_rules_count(fresh, DF_RULES_MARKS)));
		return;
	}
	df_log(DF_LOG_ERROR, "rules.refused", DF_F_ERR(&x->why));
	if (x->rules == NULL &&
	    df_rules_load(&x->rules, NULL, NULL, NULL) != DF_OK)
		df_bug("our own tables of rules are wrong");
}

const struct df_rules *index_rules(struct index *x, struct df_why *bad)
{
	struct stamp now[DF_RULES_COUNT];

	if (x->rules == NULL) {
		x->rules = df_xcalloc(1, sizeof *x->rules);
		reload(x->rules);
	} else if (!x->rules_fresh) {
		stamps_take(now);
		if (memcmp(now, x->rules->stamps, sizeof now) != 0)
			reload(x->rules);
	}
	x->rules_fresh = true;
	if (bad != NULL)
		*bad = x->rules->why;
	return x->rules->rules;
}

void index_rules_release(struct index *x)
{
	if (x->rules != NULL) {
		df_rules_free(x->rules->before);
		df_rules_free(x->rules->rules);
	}
	free(x->rules);
	x->rules = NULL;
}

/* --- an exam as JSON -------------------------------------------------------
 */

static const char *text(const cJSON *o, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
}

/* Members that an exam and an order share; absent ones are not said. */
static struct df_exam_words words_of(const cJSON *o)
{
	return (struct df_exam_words){
		.modality = text(o, "modality"),
		.body_part = text(o, "body_part"),
		.texts = {text(o, "description"), text(o, "series_description"),
			  text(o, "protocol"), text(o, "procedure_text")},
		.procedure = text(o, "procedure"),
		.scheme = text(o, "scheme"),
	};
}

/* The best of what is known. */
static enum df_exam_report report_of(const cJSON *o)
{
	enum df_exam_report best = DF_EXAM_REPORT_NONE;
	const cJSON *r;

	cJSON_ArrayForEach(r, cJSON_GetObjectItemCaseSensitive(o, "reports"))
	{
		const char *word = text(r, "verification");
		enum df_exam_report is = DF_EXAM_REPORT_UNVERIFIED;

		if (word != NULL && strcmp(word, "signed") == 0)
			is = DF_EXAM_REPORT_SIGNED;
		else if (word != NULL && strcmp(word, "sealed") == 0)
			is = DF_EXAM_REPORT_SEALED;
		best = is > best ? is : best;
	}
	return best;
}

static struct df_exam exam_of(const struct index *x, const cJSON *o)
{
	const char *node = text(o, "node"), *match = text(o, "match");
	const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, "instances");

	return (struct df_exam){
		.words = words_of(o),
		.institution = text(o, "institution"),
		.node = node != NULL && node[0] == '\0' ? x->self : node,
		.date = text(o, "study_date"),
		.instances = cJSON_IsNumber(n) && n->valuedouble > 0
				     ? (uint64_t)n->valuedouble
				     : 0,
		.incomplete = cJSON_IsFalse(
			cJSON_GetObjectItemCaseSensitive(o, "complete")),
		.quality_rejected = cJSON_IsTrue(
			cJSON_GetObjectItemCaseSensitive(o, "unusable")),
		.patient_exact = match != NULL && strcmp(match, "exact") == 0,
		.report = report_of(o),
	};
}

/* --- a verdict as JSON -----------------------------------------------------
 */

static cJSON *verdict_json(const struct df_verdict *v)
{
	cJSON *o = cJSON_CreateObject(), *list;

	index_add(o, "recognise", df_recognise_word(v->recognise));
	index_add(o, "item", v->item);
	index_add(o, "institution", v->institution);
	if (v->age_days >= 0)
		(void)cJSON_AddNumberToObject(o, "age_days",
					      (double)v->age_days);
	if (v->valid_days >= 0)
		(void)cJSON_AddNumberToObject(o, "valid_days",
					      (double)v->valid_days);
	list = cJSON_AddArrayToObject(o, "reasons");
	for (size_t i = 0; i < v->n_reasons; i++) {
		const enum df_recognition_code c = v->reasons[i].code;
		cJSON *r = cJSON_CreateObject();

		index_add(r, "code", df_recognition_word(c));
		index_add(r, "effect",
			  df_effect_word(df_recognition_effect(c)));
		index_add(r, "zh", df_recognition_zh(c));
		index_add(r, "en", df_recognition_en(c));
		if (v->reasons[i].detail[0] != '\0')
			index_add(r, "detail", v->reasons[i].detail);
		(void)cJSON_AddItemToArray(list, r);
	}
	return o;
}

static void member_set(cJSON *o, const char *key, cJSON *value_take)
{
	cJSON_DeleteItemFromObjectCaseSensitive(o, key);
	(void)cJSON_AddItemToObject(o, key, value_take); /* false: no memory */
}

static void judge(struct index *x, const struct df_rules *r, cJSON *exam,
		  const cJSON *wanted, const char *today)
{
	const struct df_exam e = exam_of(x, exam);
	const struct df_asking a = {
		.node = x->self,
		.institution = df_room_config(x->room)->node.name,
		.today = today,
		.wanted = words_of(wanted),
		.wanted_item = text(wanted, "item"),
	};
	const char *zh = "", *en = "";
	struct df_verdict v;

	df_recognition_judge(r, &e, &a, &v);
	/* another node's word on this is no matter: the rules here count */
	member_set(exam, "item", cJSON_CreateString(v.item));
	if (df_rules_item(r, v.item, &zh, &en)) {
		member_set(exam, "item_zh", cJSON_CreateString(zh));
		member_set(exam, "item_en", cJSON_CreateString(en));
	}
	member_set(exam, "verdict", verdict_json(&v));
}

void index_priors_judge(struct index *x, cJSON *priors, const cJSON *wanted)
{
	const struct df_rules *r = index_rules(x, NULL);
	char today[16];
	cJSON *o;

	df_str_fmt(today, sizeof today, "%08u",
		   df_time_local_day(df_clock_wall_ms()));
	cJSON_ArrayForEach(o, priors) judge(x, r, o, wanted, today);
}

/* --- the verbs -------------------------------------------------------------
 */

/* Says at the end of an answer that the tables on disk are not in use. */
static void bad_tables(cJSON *out, const struct df_why *bad)
{
	if (bad->err != DF_OK)
		index_add(out, "tables", bad->text);
}

/* A study of ours as an exam. Of its own patient: that is who it is. */
static enum df_err study_exam(struct index *x, const char *uid,
			      const char *peer, cJSON **exam,
			      struct df_why *why)
{
	const struct df_match_result same = {.match = DF_MATCH_EXACT};
	struct df_store_study st;
	enum df_err rc = df_store_study(x->store, uid, peer, &st, why);

	if (rc == DF_E_NOTFOUND)
		return df_fail(why, rc,
			       "study '%.64s' is not known here; 'study list' "
			       "shows what is, 'prior search' asks the centre",
			       uid);
	if (rc == DF_OK) {
		*exam = index_prior_json(x, &st, &same, why);
		rc = *exam != NULL ? DF_OK : why->err;
	}
	return rc;
}

/* {study [peer] | exam:{..}} [wanted:{..}] [today] > the exam, judged */
enum df_err index_recognition_check(struct index *x, const cJSON *args,
				    cJSON *out, struct df_why *why)
{
	const cJSON *given = cJSON_GetObjectItemCaseSensitive(args, "exam");
	const cJSON *wanted = cJSON_GetObjectItemCaseSensitive(args, "wanted");
	const char *uid = text(args, "study"), *day = text(args, "today");
	struct df_why bad;
	const struct df_rules *r = index_rules(x, &bad);
	char today[16];
	cJSON *exam = NULL;
	enum df_err rc = DF_OK;

	df_str_fmt(today, sizeof today, "%08u",
		   df_time_local_day(df_clock_wall_ms()));
	if (uid != NULL)
		rc = study_exam(x, uid, text(args, "peer"), &exam, why);
	else if (cJSON_IsObject(given))
		exam = cJSON_Duplicate(given, true);
	else
		rc = df_fail(why, DF_E_USAGE,
			     "which exam? neither 'study' nor 'exam'");
	if (rc != DF_OK)
		return rc;
	judge(x, r, exam, wanted, day != NULL ? day : today);
	(void)cJSON_AddItemToObject(out, "exam", exam); /* false: no memory */
	bad_tables(out, &bad);
	return DF_OK;
}
