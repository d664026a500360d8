/*
 * priors_json.c - see df/priors.h: tables of what may be said, and the one
 * copy that keeps to them. A question is as it should be or refused; of an
 * answer what is not as it should be is left out, and the rest is said.
 */
#include <math.h>
#include <string.h>

#include "df/priors.h"
#include "json.h"

enum kind {
	TEXT, /* UTF-8 without control characters, max bytes */
	UID,
	NODE,	/* fingerprint; "" = the node that answers */
	DATE,	/* YYYYMMDD */
	NUMBER, /* 0..max */
	FLAG,
	OBJECT,	 /* of `members` */
	LIST,	 /* at most max objects of `members` */
	REASONS, /* at most max words, or objects of `members` */
};

struct member {
	const char *name;
	enum kind kind;
	uint64_t max;
	bool needed;
	const struct member *members; /* ends with a name of NULL */
};

#define MS_MAX UINT64_C(9007199254740992)

static const struct member REASON[] = {
	{"code", TEXT, 64, true, NULL},
	{"zh", TEXT, 300, false, NULL},
	{"en", TEXT, 300, false, NULL},
	{.name = NULL},
};

static const struct member IDENTIFIER[] = {
	{"type", TEXT, 16, true, NULL},
	{"number", TEXT, 65, true, NULL},
	{"issuer", TEXT, 199, false, NULL},
	{.name = NULL},
};

static const struct member QUESTION[] = {
	{"identifiers", LIST, 8, false, IDENTIFIER},
	{"name", TEXT, 303, false, NULL},
	{"birth_date", DATE, 8, false, NULL},
	{"sex", TEXT, 1, false, NULL},
	{"modality", TEXT, 16, false, NULL},
	{"body_part", TEXT, 64, false, NULL},
	{"days", NUMBER, 36500, false, NULL},
	{"purpose", TEXT, 600, true, NULL},
	{"order", TEXT, 64, false, NULL},
	{"who", TEXT, 120, false, NULL},
	{.name = NULL},
};

static const struct member FETCH[] = {
	{"purpose", TEXT, 600, true, NULL},
	{"order", TEXT, 64, false, NULL},
	{"who", TEXT, 120, false, NULL},
	{.name = NULL},
};

/* No address, no telephone, no number of the patient: what tells whether it
 * is this patient, and nothing more. */
static const struct member PATIENT[] = {
	{"name", TEXT, 303, false, NULL},
	{"birth_date", DATE, 8, false, NULL},
	{"sex", TEXT, 16, false, NULL},
	{.name = NULL},
};

static const struct member REPORT[] = {
	{"report_id", TEXT, DF_ID_LEN, true, NULL},
	{"version", NUMBER, UINT32_MAX, true, NULL},
	{"verification", TEXT, 16, true, NULL},
	{"status", TEXT, 32, false, NULL},
	{.name = NULL},
};

static const struct member PRIOR[] = {
	{"study_uid", UID, 64, true, NULL},
	{"node", NODE, DF_HEX_LEN, false, NULL},
	{"institution", TEXT, 303, false, NULL},
	{"patient", OBJECT, 0, false, PATIENT},
	{"match", TEXT, 16, true, NULL},
	{"match_reasons", REASONS, 32, false, REASON},
	{"study_date", TEXT, 16, false, NULL},
	{"study_time", TEXT, 32, false, NULL},
	{"modality", TEXT, 64, false, NULL},
	{"body_part", TEXT, 127, false, NULL},
	{"description", TEXT, 303, false, NULL},
	{"item", TEXT, 64, false, NULL},
	{"instances", NUMBER, MS_MAX, false, NULL},
	{"bytes", NUMBER, MS_MAX, false, NULL},
	{"reports", LIST, 32, false, REPORT},
	{.name = NULL},
};

static const struct member ANSWER[] = {
	{"priors", LIST, DF_PRIORS_MAX, true, PRIOR},
	{"more", FLAG, 0, false, NULL},
	{.name = NULL},
};

static enum df_err copy_object(cJSON *to, const cJSON *from,
			       const struct member *members, bool forgives,
			       struct df_why *why);

static bool is_date(struct df_text t)
{
	uint64_t v;

	return t.len == 8 && df_text_u64(t, &v) && v % 100 >= 1 &&
	       v % 100 <= 31 && v / 100 % 100 >= 1 && v / 100 % 100 <= 12;
}

static bool copy_text(cJSON *to, const cJSON *v, const struct member *m)
{
	struct df_text t = df_text_of(cJSON_GetStringValue(v));
	struct df_digest d;

	if (t.ptr == NULL || t.len > m->max)
		return false;
	if (t.len == 0)
		return !m->needed || m->kind == NODE; /* as if absent */
	if ((m->kind == UID && !df_uid_valid(t)) ||
	    (m->kind == NODE && !df_digest_decode(&d, t)) ||
	    (m->kind == DATE && !is_date(t)) || !df_json_text_clean(t))
		return false;
	df_json_put_text(to, m->name, v->valuestring);
	return true;
}

static enum df_err copy_item(cJSON *list, const cJSON *item,
			     const struct member *m, bool forgives,
			     struct df_why *why)
{
	enum df_err rc = DF_OK;
	cJSON *o;

	if (cJSON_IsObject(item)) {
		o = df_json_put_item(list);
		rc = copy_object(o, item, m->members, forgives, why);
		if (rc != DF_OK)
			cJSON_Delete(cJSON_DetachItemViaPointer(list, o));
	} else if (m->kind == REASONS && cJSON_IsString(item) &&
		   strlen(item->valuestring) <= 64 &&
		   df_json_text_clean(df_text_of(item->valuestring))) {
		o = cJSON_CreateString(item->valuestring);
		if (o == NULL || !cJSON_AddItemToArray(list, o))
			df_bug("out of memory");
	} else {
		rc = df_fail(why, DF_E_FORMAT, "an item of '%s' is bad",
			     m->name);
	}
	return rc;
}

static enum df_err copy_list(cJSON *to, const cJSON *v, const struct member *m,
			     bool forgives, struct df_why *why)
{
	const cJSON *item;
	enum df_err rc = DF_OK;
	uint64_t left = m->max;
	cJSON *list;

	if (!cJSON_IsArray(v))
		return df_fail(why, DF_E_FORMAT, "'%s' is no list", m->name);
	if ((uint64_t)cJSON_GetArraySize(v) > m->max && !forgives)
		return df_fail(why, DF_E_LIMIT, "more than %u of '%s'",
			       (unsigned)m->max, m->name);
	list = df_json_put_array(to, m->name);
	for (item = v->child; item != NULL && left > 0 && rc == DF_OK;
	     item = item->next, left--) {
		rc = copy_item(list, item, m, forgives, forgives ? NULL : why);
		if (forgives)
			rc = DF_OK; /* it is not in the list */
	}
	return rc;
}

static enum df_err copy_member(cJSON *to, const cJSON *v,
			       const struct member *m, bool forgives,
			       struct df_why *why)
{
	bool good = false;
	cJSON *o;

	switch (m->kind) {
	case TEXT:
	case UID:
	case NODE:
	case DATE:
		good = copy_text(to, v, m);
		break;
	case NUMBER:
		good = cJSON_IsNumber(v) && v->valuedouble >= 0 &&
		       v->valuedouble <= (double)m->max &&
		       !(floor(v->valuedouble) < v->valuedouble);
		if (good)
			df_json_put_u64(to, m->name, (uint64_t)v->valuedouble);
		break;
	case FLAG:
		good = cJSON_IsBool(v);
		if (good &&
		    cJSON_AddBoolToObject(to, m->name, cJSON_IsTrue(v)) == NULL)
			df_bug("out of memory");
		break;
	case OBJECT:
		good = cJSON_IsObject(v);
		if (!good)
			break;
		o = cJSON_AddObjectToObject(to, m->name);
		if (o == NULL)
			df_bug("out of memory");
		return copy_object(o, v, m->members, forgives, why);
	case LIST:
	case REASONS:
		return copy_list(to, v, m, forgives, why);
	}
	return good ? DF_OK : df_fail(why, DF_E_FORMAT, "'%s' is bad", m->name);
}

static enum df_err copy_object(cJSON *to, const cJSON *from,
			       const struct member *members, bool forgives,
			       struct df_why *why)
{
	const struct member *m;
	enum df_err rc = DF_OK;

	for (m = members; m->name != NULL && rc == DF_OK; m++) {
		const cJSON *v =
			cJSON_GetObjectItemCaseSensitive(from, m->name);

		/* without its node an exam would be another's */
		bool optional = forgives && !m->needed && m->kind != NODE;

		if (v != NULL && !cJSON_IsNull(v))
			rc = copy_member(to, v, m, forgives,
					 optional ? NULL : why);
		else if (m->needed)
			rc = df_fail(why, DF_E_FORMAT, "no '%s'", m->name);
		if (optional)
			rc = DF_OK;
	}
	return rc;
}

/* *kept is the caller's, also after a failure. */
static enum df_err copy_document(cJSON **kept, struct df_text json, size_t max,
				 const struct member *members, bool forgives,
				 struct df_why *why)
{
	cJSON *root;
	enum df_err rc = df_json_parse(json, max, &root, why);

	*kept = df_json_object();
	if (rc == DF_OK)
		rc = copy_object(*kept, root, members, forgives, why);
	cJSON_Delete(root);
	return rc;
}

/* Prints what was kept, or only forgets it. */
static enum df_err finish(struct df_buf *out, cJSON *kept, enum df_err rc,
			  struct df_why *why)
{
	if (rc == DF_OK)
		return df_json_print(out, kept, why);
	cJSON_Delete(kept);
	return rc;
}

enum df_err df_priors_question_clean(struct df_buf *out, struct df_text json,
				     struct df_why *why)
{
	cJSON *kept;
	enum df_err rc = copy_document(&kept, json, DF_PRIORS_QUESTION,
				       QUESTION, false, why);

	if (rc == DF_OK &&
	    cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(
		    kept, "identifiers")) == 0 &&
	    (!cJSON_HasObjectItem(kept, "name") ||
	     !cJSON_HasObjectItem(kept, "birth_date")))
		rc = df_fail(why, DF_E_FORMAT,
			     "needs an identifier, or a name and a birth date");
	return finish(out, kept, rc, why);
}

enum df_err df_priors_answer_clean(struct df_buf *out, struct df_text json,
				   struct df_why *why)
{
	cJSON *kept;
	enum df_err rc =
		copy_document(&kept, json, DF_PEER_JSON_MAX, ANSWER, true, why);

	return finish(out, kept, rc, why);
}

enum df_err df_priors_fetch_clean(struct df_buf *out, struct df_text json,
				  struct df_why *why)
{
	cJSON *kept;
	enum df_err rc = copy_document(&kept, json, DF_PRIORS_QUESTION, FETCH,
				       false, why);

	return finish(out, kept, rc, why);
}
