/* stow.c - see df/stow.h. A status alone never makes a success of an
 * instance that the answer names as failed, nor a 202 of one it leaves out. */
#include "df/stow.h"

#include <string.h>

#include "json.h"

#define REFERENCED_SOPS "00081199"
#define FAILED_SOPS "00081198"
#define SOP_INSTANCE "00081155"
#define FAILURE_REASON "00081197"
#define WARNING_REASON "00081196"

/* The first item of an attribute's Value, or NULL. */
static const cJSON *value_of(const cJSON *from, const char *tag)
{
	const cJSON *a = cJSON_GetObjectItemCaseSensitive(from, tag);
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(a, "Value");

	return cJSON_IsArray(v) ? v->child : NULL;
}

static bool take_item(const cJSON *from, bool stored, struct df_stow_item *item)
{
	const cJSON *uid = value_of(from, SOP_INSTANCE);
	const cJSON *reason =
		value_of(from, stored ? WARNING_REASON : FAILURE_REASON);

	*item = (struct df_stow_item){.stored = stored};
	if (!cJSON_IsString(uid) || !df_uid_valid(df_text_of(uid->valuestring)))
		return false;
	if (cJSON_IsNumber(reason) && reason->valuedouble >= 0 &&
	    reason->valuedouble <= 65535)
		item->reason = (uint16_t)reason->valuedouble;
	return df_str_copy(item->sop_instance, sizeof item->sop_instance,
			   df_text_of(uid->valuestring)) == DF_OK;
}

enum df_err df_stow_decode(struct df_text json,
			   struct df_stow_item items[DF_STOW_ITEMS_MAX],
			   size_t *n, struct df_why *why)
{
	static const char *const TAGS[] = {FAILED_SOPS, REFERENCED_SOPS};
	cJSON *root;
	enum df_err rc = df_json_parse(json, DF_STOW_JSON_MAX, &root, why);

	*n = 0;
	for (size_t t = 0; rc == DF_OK && t < 2; t++) {
		const cJSON *i = value_of(root, TAGS[t]);

		for (; rc == DF_OK && i != NULL; i = i->next) {
			if (*n == DF_STOW_ITEMS_MAX)
				rc = df_fail(why, DF_E_LIMIT,
					     "too many instances in answer");
			else if (take_item(i, t == 1, &items[*n]))
				++*n;
			else
				rc = df_fail(why, DF_E_FORMAT,
					     "not a STOW-RS answer");
		}
	}
	if (rc != DF_OK)
		*n = 0;
	cJSON_Delete(root);
	return rc;
}

/* Only what speaks of the content is the instance's fault; a wrong URL or a
 * missing permission is the server's, and passes when somebody mends it. */
static enum df_err status_outcome(int status, struct df_why *why)
{
	if (status == 507)
		return df_fail(why, DF_E_NOSPACE, "server answered 507");
	if (status == 400 || status == 406 || status == 413 || status == 415 ||
	    status == 422)
		return df_fail(why, DF_E_REFUSED, "server answered %d", status);
	if (status == 404)
		return df_fail(why, DF_E_PEER,
			       "server answered 404: is the URL right?");
	return df_fail(why, DF_E_PEER, "server answered %d", status);
}

/* Failed comes first in the list, and wins. */
static const struct df_stow_item *item_of(const struct df_stow_item *items,
					  size_t n, const char *sop_instance)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(items[i].sop_instance, sop_instance) == 0)
			return &items[i];
	return NULL;
}

uint16_t df_stow_reason(const struct df_stow_item *items, size_t n,
			const char *sop_instance)
{
	const struct df_stow_item *it = item_of(items, n, sop_instance);

	return it != NULL ? it->reason : 0;
}

enum df_err df_stow_outcome(int status, const struct df_stow_item *items,
			    size_t n, const char *sop_instance,
			    struct df_why *why)
{
	const struct df_stow_item *it;

	if (status != 200 && status != 202 && status != 409)
		return status_outcome(status, why);
	it = item_of(items, n, sop_instance);
	if (it == NULL)
		return df_fail(why, status == 409 ? DF_E_REFUSED : DF_E_PEER,
			       "server answered %d without a word on it",
			       status);
	if (it->stored && status != 409)
		return DF_OK;
	if (it->stored)
		return df_fail(why, DF_E_PEER, "server answered 409 for it");
	/* PS3.18 10.5.3.2.1: A7xx is the server's shortage */
	if ((it->reason & 0xFF00) == 0xA700)
		return df_fail(why, DF_E_NOSPACE, "failure reason 0x%04X",
			       it->reason);
	/* 0x0110 processing failure may pass */
	if (it->reason == 0x0110)
		return df_fail(why, DF_E_AGAIN,
			       "failure reason 0x0110: it could not process "
			       "this one");
	return df_fail(why, DF_E_REFUSED, "failure reason 0x%04X", it->reason);
}
