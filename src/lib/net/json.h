/*
 * json.h - private to net: strict, bounded reading of JSON from the network,
 * and writing that dies when memory is gone.
 */
#ifndef DF_NET_JSON_H
#define DF_NET_JSON_H

#include <cjson/cJSON.h>

#include "df/peer.h"

/* One object of at most max bytes, nesting <= 8, nothing after it. *root is
 * NULL after a failure; cJSON_Delete takes both. */
DF_MUST_CHECK enum df_err df_json_parse(struct df_text json, size_t max,
					cJSON **root, struct df_why *why);

/* Members; false when absent or not of the kind. */
bool df_json_get_u64(const cJSON *from, const char *name, uint64_t *v);
bool df_json_get_text(const cJSON *from, const char *name, struct df_text *t);
bool df_json_get_parcel(const cJSON *from, struct df_parcel_id *id);
/* UTF-8 without control characters, not empty. */
bool df_json_text_clean(struct df_text t);
bool df_json_get_name(const cJSON *from, const char *name,
		      char to[DF_PEER_NAME_MAX + 1]);
bool df_json_get_fingerprint(const cJSON *from, char to[DF_HEX_LEN + 1]);
/* These make *to, which the caller releases in any case. */
bool df_json_get_base64(const cJSON *from, const char *name, struct df_buf *to,
			size_t max);
bool df_json_get_pem(const cJSON *from, const char *name, struct df_buf *to,
		     bool optional);
/* First item of the array `name`, which has at most max. */
DF_MUST_CHECK enum df_err df_json_get_array(const cJSON *from, const char *name,
					    size_t max, const cJSON **first,
					    struct df_why *why);

cJSON *df_json_object(void);
void df_json_put_text(cJSON *to, const char *name, const char *text);
void df_json_put_u64(cJSON *to, const char *name, uint64_t v);
void df_json_put_parcel(cJSON *to, const struct df_parcel_id *id);
void df_json_put_base64(cJSON *to, const char *name, const struct df_buf *b);
void df_json_put_pem(cJSON *to, const char *name, const struct df_buf *b);
cJSON *df_json_put_array(cJSON *to, const char *name);
cJSON *df_json_put_item(cJSON *array);
/* Appends the text to *out and deletes the tree. */
DF_MUST_CHECK enum df_err df_json_print(struct df_buf *out, cJSON *root,
					struct df_why *why);

#endif
