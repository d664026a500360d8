/* json.c - see json.h. */
#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 8
#define INTEGER_MAX 9007199254740992.0 /* 2^53 */
#define PEM_MAX (64u << 10)

/* --- reading ------------------------------------------------------------ */

/* cJSON recurses: count the brackets before it does. */
static bool too_deep(struct df_text json)
{
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < json.len; i++) {
		char c = json.ptr[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			depth++;
		else if (!quoted && (c == '}' || c == ']') && depth > 0)
			depth--;
		if (depth > DEPTH_MAX)
			return true;
	}
	return false;
}

static void *take(size_t len)
{
	return df_xmalloc(len);
}

/* cJSON says the same of bad JSON and of memory that is gone; a peer must not
 * be refused for what we lack. Bounded: max bytes of text. */
static void memory_or_death(void)
{
	cJSON_Hooks hooks = {take, free};

	cJSON_InitHooks(&hooks);
}

enum df_err df_json_parse(struct df_text json, size_t max, cJSON **root,
			  struct df_why *why)
{
	const char *end = NULL;

	*root = NULL;
	memory_or_death();
	if (json.len > max || too_deep(json))
		return df_fail(why, DF_E_LIMIT, "JSON is too large or deep");
	*root = cJSON_ParseWithLengthOpts(json.ptr != NULL ? json.ptr : "",
					  json.len, &end, false);
	while (*root != NULL && end < json.ptr + json.len &&
	       strchr(" \t\r\n", *end) != NULL && *end != '\0')
		end++;
	if (*root != NULL && cJSON_IsObject(*root) &&
	    end == json.ptr + json.len)
		return DF_OK;
	cJSON_Delete(*root);
	*root = NULL;
	return df_fail(why, DF_E_FORMAT, "not a JSON object");
}

bool df_json_get_u64(const cJSON *from, const char *name, uint64_t *v)
{
	const cJSON *i = cJSON_GetObjectItemCaseSensitive(from, name);

	if (!cJSON_IsNumber(i) || !(i->valuedouble >= 0) ||
	    i->valuedouble > INTEGER_MAX ||
	    floor(i->valuedouble) < i->valuedouble)
		return false;
	*v = (uint64_t)i->valuedouble;
	return true;
}

bool df_json_get_text(const cJSON *from, const char *name, struct df_text *t)
{
	const cJSON *i = cJSON_GetObjectItemCaseSensitive(from, name);

	if (!cJSON_IsString(i) || i->valuestring == NULL)
		return false;
	*t = df_text_of(i->valuestring);
	return true;
}

bool df_json_get_parcel(const cJSON *from, struct df_parcel_id *id)
{
	struct df_text t;

	return df_json_get_text(from, "id", &t) && df_parcel_id_decode(id, t);
}

/* Bytes a UTF-8 sequence that starts with c has, 0 = none may. */
static size_t utf8_len(uint8_t c)
{
	if (c < 0x80)
		return 1;
	if (c >= 0xC2 && c <= 0xDF)
		return 2;
	if (c >= 0xE0 && c <= 0xEF)
		return 3;
	return c >= 0xF0 && c <= 0xF4 ? 4 : 0;
}

bool df_json_text_clean(struct df_text t)
{
	for (size_t i = 0; i < t.len;) {
		uint8_t c = (uint8_t)t.ptr[i];
		size_t n = utf8_len(c);

		if (n == 0 || n > t.len - i || c < 0x20 || c == 0x7F)
			return false;
		for (size_t k = 1; k < n; k++)
			if (((uint8_t)t.ptr[i + k] & 0xC0) != 0x80)
				return false;
		if (c == 0xC2 && (uint8_t)t.ptr[i + 1] < 0xA0)
			return false; /* C1 controls */
		i += n;
	}
	return t.len > 0;
}

bool df_json_get_name(const cJSON *from, const char *name,
		      char to[DF_PEER_NAME_MAX + 1])
{
	struct df_text t;

	return df_json_get_text(from, name, &t) && df_json_text_clean(t) &&
	       df_str_copy(to, DF_PEER_NAME_MAX + 1, t) == DF_OK;
}

bool df_json_get_fingerprint(const cJSON *from, char to[DF_HEX_LEN + 1])
{
	struct df_digest d;
	struct df_text t;

	if (!df_json_get_text(from, "fingerprint", &t) ||
	    !df_digest_decode(&d, t))
		return false;
	return df_str_copy(to, DF_HEX_LEN + 1,
			   df_text_of(df_digest_hex(&d).s)) == DF_OK;
}

bool df_json_get_base64(const cJSON *from, const char *name, struct df_buf *to,
			size_t max)
{
	struct df_text t;

	df_buf_init(to, max);
	return df_json_get_text(from, name, &t) &&
	       df_base64_decode(to, t, NULL) == DF_OK && to->len > 0;
}

/* PEM; absent gives an empty buffer when it may be. */
bool df_json_get_pem(const cJSON *from, const char *name, struct df_buf *to,
		     bool optional)
{
	static const char LEAD[] = "-----BEGIN CERTIFICATE-----";
	struct df_text t;

	df_buf_init(to, PEM_MAX);
	if (!df_json_get_text(from, name, &t))
		return optional &&
		       cJSON_GetObjectItemCaseSensitive(from, name) == NULL;
	return t.len > sizeof LEAD &&
	       memcmp(t.ptr, LEAD, sizeof LEAD - 1) == 0 &&
	       df_buf_add(to, t.ptr, t.len, NULL) == DF_OK;
}

/* The array `name` of objects, with at most max items. */
enum df_err df_json_get_array(const cJSON *from, const char *name, size_t max,
			      const cJSON **first, struct df_why *why)
{
	const cJSON *a = cJSON_GetObjectItemCaseSensitive(from, name);

	if (!cJSON_IsArray(a))
		return df_fail(why, DF_E_FORMAT, "no array '%s'", name);
	if ((size_t)cJSON_GetArraySize(a) > max)
		return df_fail(why, DF_E_LIMIT, "more than %zu items in '%s'",
			       max, name);
	*first = a->child;
	return DF_OK;
}

/* --- writing ------------------------------------------------------------ */

cJSON *df_json_object(void)
{
	cJSON *o = cJSON_CreateObject();

	if (o == NULL)
		df_bug("out of memory");
	return o;
}

void df_json_put_text(cJSON *to, const char *name, const char *text)
{
	if (cJSON_AddStringToObject(to, name, text) == NULL)
		df_bug("out of memory");
}

void df_json_put_u64(cJSON *to, const char *name, uint64_t v)
{
	if (cJSON_AddNumberToObject(to, name, (double)v) == NULL)
		df_bug("out of memory");
}

void df_json_put_parcel(cJSON *to, const struct df_parcel_id *id)
{
	char hex[DF_PEER_PARCEL_HEX + 1];

	df_parcel_id_encode(hex, id);
	df_json_put_text(to, "id", hex);
}

void df_json_put_base64(cJSON *to, const char *name, const struct df_buf *b)
{
	struct df_buf t;

	df_buf_init(&t, DF_PEER_JSON_MAX);
	if (df_base64_encode(&t, b->ptr, b->len) != DF_OK ||
	    df_buf_u8(&t, 0) != DF_OK)
		df_bug("'%s' is too large", name);
	df_json_put_text(to, name, (const char *)t.ptr);
	df_buf_release(&t);
}

void df_json_put_pem(cJSON *to, const char *name, const struct df_buf *b)
{
	char *text;

	if (b->len == 0)
		return;
	text = df_xmalloc(b->len + 1);
	memcpy(text, b->ptr, b->len);
	text[b->len] = '\0';
	df_json_put_text(to, name, text);
	free(text);
}

cJSON *df_json_put_array(cJSON *to, const char *name)
{
	cJSON *a = cJSON_AddArrayToObject(to, name);

	if (a == NULL)
		df_bug("out of memory");
	return a;
}

cJSON *df_json_put_item(cJSON *array)
{
	cJSON *o = df_json_object();

	if (!cJSON_AddItemToArray(array, o))
		df_bug("out of memory");
	return o;
}

/* Appends the text and deletes the tree. */
enum df_err df_json_print(struct df_buf *out, cJSON *root, struct df_why *why)
{
	char *text = cJSON_PrintUnformatted(root);
	enum df_err rc;

	cJSON_Delete(root);
	if (text == NULL)
		df_bug("out of memory");
	rc = df_buf_add(out, text, strlen(text), why);
	cJSON_free(text);
	return rc;
}
