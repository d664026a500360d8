/*
 * order_mark.c - what is known of earlier exams, said where it is read before
 * the exposure: in the answer to who registers the patient, and in the
 * worklist item of who takes the image.
 *
 * It informs. A doctor decides; nothing here stops or delays an exam.
 */
#include <string.h>

#include "orders.h"
#include "region.h"

#define TOLD_MAX 3 /* exams in the text */
#define PLACE 12   /* characters of an institution in it */

/* How much an earlier exam matters; more is told first. */
enum weight {
	WEIGHT_NONE,
	WEIGHT_PROBABLE, /* of somebody who may be this patient */
	WEIGHT_KNOWN,	 /* of the patient; no rule says whether it counts */
	WEIGHT_COUNTS,	 /* may stand for the one that is ordered */
};

static bool has_modality(const char *all, struct df_text one)
{
	const char *at;

	for (at = all; at != NULL; at = strchr(at, '/')) {
		at += *at == '/';
		if (strncmp(at, one.ptr, one.len) == 0 &&
		    (at[one.len] == '/' || at[one.len] == '\0'))
			return true;
	}
	return false;
}

static enum weight weigh(const cJSON *prior, const cJSON *order)
{
	const char *recognise =
		index_word(cJSON_GetObjectItemCaseSensitive(prior, "verdict"),
			   "recognise");
	struct df_text modality = order_value(order, DF_WORKLIST_MODALITY);
	bool is_no = strcmp(recognise, "no") == 0;

	if (strcmp(recognise, "yes") == 0)
		return WEIGHT_COUNTS; /* for this order, by its item */
	if (is_no || modality.len == 0 ||
	    !has_modality(index_word(prior, "modality"), modality))
		return WEIGHT_NONE;
	return strcmp(index_word(prior, "match"), "exact") == 0
		       ? WEIGHT_KNOWN
		       : WEIGHT_PROBABLE;
}

/* The first characters of a place's name. */
static void place(char to[PLACE * 4 + 1], const char *name)
{
	size_t n = 0, chars = 0;

	for (; name[n] != '\0' && n < PLACE * 4; n++) {
		if (((unsigned char)name[n] & 0xc0) != 0x80 && chars++ == PLACE)
			break;
		to[n] = name[n] == '\\' ? ' ' : name[n];
	}
	to[n] = '\0';
	if (!df_text_clean(df_text_of(to), NULL))
		to[0] = '\0';
}

/* "CT 2026-11-15 县医院"; what is written oddly is left out: a mark that no
 * console can show would keep the whole worklist back. */
static void name_exam(char *to, size_t cap, const cJSON *prior)
{
	static const char codes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/ ";
	const char *date = index_word(prior, "study_date");
	const char *modalities = index_word(prior, "modality");
	char where[PLACE * 4 + 1], modality[17] = "", day[12] = "";

	place(where, index_word(prior, "institution"));
	if (strlen(modalities) < sizeof modality &&
	    strspn(modalities, codes) == strlen(modalities))
		df_str_fmt(modality, sizeof modality, "%s", modalities);
	if (strlen(date) == 8 && strspn(date, codes + 26) == 8)
		df_str_fmt(day, sizeof day, "%.4s-%.2s-%.2s", date, date + 4,
			   date + 6);
	df_str_fmt(to, cap, "%s %s%s%s", modality, day, where[0] ? " " : "",
		   where);
}

static const char *word_of(const cJSON *prior)
{
	const char *recognise =
		index_word(cJSON_GetObjectItemCaseSensitive(prior, "verdict"),
			   "recognise");

	if (strcmp(index_word(prior, "match"), "exact") != 0)
		return "疑似本人,请核对";
	if (strcmp(recognise, "yes") == 0)
		return "可互认";
	return strcmp(recognise, "no") == 0 ? "不可互认" : "请医师判断";
}

static void set(cJSON *order, const char *key, const char *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(order, key);
	if (value[0] != '\0')
		(void)cJSON_AddStringToObject(order, key, value);
}

void order_mark(cJSON *order, const cJSON *priors)
{
	char mark[256] = "", text[1024] = "", exam[128];
	enum weight most = WEIGHT_NONE;
	const cJSON *p;
	size_t told = 0, len = 0;

	cJSON_ArrayForEach(p, priors)
	{
		enum weight w = weigh(p, order);

		name_exam(exam, sizeof exam, p);
		if (w > most) {
			most = w;
			df_str_fmt(mark, sizeof mark, "[%s%s%s]",
				   w == WEIGHT_COUNTS  ? "已有互认"
				   : w == WEIGHT_KNOWN ? "已有"
						       : "疑有",
				   exam, w == WEIGHT_PROBABLE ? ",请核对" : "");
		}
		if (told++ < TOLD_MAX) {
			df_str_fmt(text + len, sizeof text - len, "%s%s: %s",
				   len > 0 ? "; " : "已有检查: ", exam,
				   word_of(p));
			len = strlen(text);
		}
	}
	set(order, "mark", mark);
	set(order, "mark_text", text);
}
