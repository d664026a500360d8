/* member.c - texts of JSON objects, read and written. */
#include <cjson/cJSON.h>

#include "index.h"

const char *index_word(const cJSON *o, const char *key)
{
	const char *s =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));

	return s != NULL ? s : "";
}

void index_add(cJSON *o, const char *key, const char *text)
{
	(void)cJSON_AddStringToObject(o, key, text); /* dies for memory */
}
