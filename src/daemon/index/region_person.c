/* region_person.c - a person as two nodes speak of him: typed, known here,
 * written into a question, read from one. */
#include <string.h>

#include "region.h"

#define SAME_NUMBER_MAX 16 /* patients that are looked at */

/* "1990-03-07" and "19900307"; false: neither. */
static bool date_typed(char to[9], const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (*text == '-' || *text == '/' || *text == '.')
			continue;
		if (*text < '0' || *text > '9' || n == 8)
			return false;
		to[n++] = *text;
	}
	to[n] = '\0';
	return n == 0 || n == 8;
}

enum df_err region_person_typed(struct index *x, const cJSON *args,
				struct df_person *p, struct df_why *why)
{
	const char *id = index_word(args, "id");
	const char *issuer = index_word(args, "issuer");
	const char *sex = index_word(args, "sex");
	struct df_identifier number;
	bool good;

	*p = (struct df_person){0};
	if (id[0] != '\0') {
		good = issuer[0] != '\0'
			       ? df_identifier_set(&number, DF_IDENTIFIER_LOCAL,
						   df_text_of(id),
						   df_text_of(issuer))
			       : df_identifier_parse(&number, df_text_of(id),
						     x->self);
		if (!good)
			return df_fail(
				why, DF_E_USAGE,
				"this cannot be the number of a patient");
		(void)df_person_add(p, &number); /* the first one */
	}
	if (df_str_copy(p->name, sizeof p->name,
			df_text_of(index_word(args, "name"))) != DF_OK)
		return df_fail(why, DF_E_USAGE, "the name is too long");
	if (!date_typed(p->birth_date, index_word(args, "birth_date")))
		return df_fail(why, DF_E_USAGE,
			       "a birth date is written 1990-03-07");
	if (sex[0] != '\0' && (strchr("MFO", sex[0]) == NULL || sex[1] != '\0'))
		return df_fail(why, DF_E_USAGE, "sex is M, F or O");
	df_str_fmt(p->sex, sizeof p->sex, "%s", sex);
	return DF_OK;
}

struct df_match_result region_person_match(struct index *x,
					   const struct df_person *p,
					   const struct df_store_patient *found,
					   struct df_person *here)
{
	struct df_match_result r;

	df_store_person_of(x->store, found, here);
	r = df_person_match(p, here);
	if (r.match == DF_MATCH_EXACT && found->held)
		r.match = DF_MATCH_PROBABLE;
	return r;
}

struct adding {
	struct index *x;
	struct df_person *p;
};

static enum df_err add_known(void *ctx, const struct df_store_patient *found)
{
	struct adding *to = ctx;
	struct df_person here;

	if (region_person_match(to->x, to->p, found, &here).match !=
	    DF_MATCH_EXACT)
		return DF_OK;
	for (size_t i = 0; i < here.n_ids; i++)
		(void)df_person_add(to->p, &here.ids[i]); /* as many as fit */
	if (to->p->name[0] == '\0')
		memcpy(to->p->name, here.name, sizeof here.name);
	if (to->p->birth_date[0] == '\0')
		memcpy(to->p->birth_date, here.birth_date,
		       sizeof here.birth_date);
	if (to->p->sex[0] == '\0')
		memcpy(to->p->sex, here.sex, sizeof here.sex);
	return DF_OK;
}

enum df_err region_person_known(struct index *x, struct df_person *p,
				struct df_why *why)
{
	struct adding to = {x, p};
	struct df_identifier number;

	if (p->n_ids == 0)
		return DF_OK;
	number = p->ids[0];
	return df_store_find_number(x->store, &number, SAME_NUMBER_MAX,
				    add_known, &to, why);
}

bool region_person_enough(const struct df_person *p)
{
	char date[9];

	return p->n_ids > 0 ||
	       (p->name[0] != '\0' && df_person_birth_date(p, date)[0] != '\0');
}

/* --- JSON ------------------------------------------------------------------
 */

static void put_some(cJSON *to, const char *key, const char *text)
{
	if (text[0] != '\0')
		(void)cJSON_AddStringToObject(to, key, text); /* memory */
}

void region_person_put(cJSON *to, const struct df_person *p)
{
	char date[9];

	if (p->n_ids > 0) {
		cJSON *list = cJSON_AddArrayToObject(to, "identifiers");

		for (size_t i = 0; i < p->n_ids; i++) {
			cJSON *o = cJSON_CreateObject();

			put_some(o, "type",
				 df_identifier_type_word(p->ids[i].type));
			put_some(o, "number", p->ids[i].number);
			put_some(o, "issuer", p->ids[i].issuer);
			(void)cJSON_AddItemToArray(list, o); /* memory */
		}
	}
	put_some(to, "name", p->name);
	put_some(to, "birth_date", df_person_birth_date(p, date));
	put_some(to, "sex", p->sex);
}

static bool type_of(const char *word, enum df_identifier_type *type)
{
	for (unsigned t = 0; t < DF_IDENTIFIER_TYPES; t++)
		if (strcmp(df_identifier_type_word((enum df_identifier_type)t),
			   word) == 0) {
			*type = (enum df_identifier_type)t;
			return true;
		}
	return false;
}

static void copy_fitting(char *to, size_t cap, const char *text)
{
	if (df_str_copy(to, cap, df_text_of(text)) != DF_OK)
		to[0] = '\0'; /* what does not fit is no name of anybody */
}

void region_person_get(const cJSON *from, struct df_person *p)
{
	const cJSON *o;

	*p = (struct df_person){0};
	cJSON_ArrayForEach(
		o, cJSON_GetObjectItemCaseSensitive(from, "identifiers"))
	{
		enum df_identifier_type type;
		struct df_identifier id;

		if (type_of(index_word(o, "type"), &type) &&
		    df_identifier_set(&id, type,
				      df_text_of(index_word(o, "number")),
				      df_text_of(index_word(o, "issuer"))))
			(void)df_person_add(p, &id); /* as many as fit */
	}
	copy_fitting(p->name, sizeof p->name, index_word(from, "name"));
	copy_fitting(p->birth_date, sizeof p->birth_date,
		     index_word(from, "birth_date"));
	copy_fitting(p->sex, sizeof p->sex, index_word(from, "sex"));
}

/* --- names for what was learned --------------------------------------------
 */

bool region_person_key(const struct df_person *p, size_t nth,
		       char to[REGION_NAME_CAP])
{
	struct df_name_forms forms;
	char date[9];

	if (nth < p->n_ids) {
		df_str_fmt(to, REGION_NAME_CAP, "%s|%s|%s",
			   df_identifier_type_word(p->ids[nth].type),
			   p->ids[nth].number, p->ids[nth].issuer);
		return true;
	}
	nth -= p->n_ids;
	if (df_person_birth_date(p, date)[0] == '\0')
		return false;
	df_person_forms(p, &forms);
	if (nth >= forms.n)
		return false;
	df_str_fmt(to, REGION_NAME_CAP, "name|%s|%s", forms.form[nth],
		   df_person_birth_date(p, date));
	return true;
}
