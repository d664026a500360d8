/* prior_files.c - see df/prior_files.h. */
#include "df/prior_files.h"

#include <string.h>

#include "json.h"

#define WAIT_MAX_MS 60000u

enum df_err df_prior_files_encode(struct df_buf *out,
				  const struct df_prior_files *f,
				  struct df_why *why)
{
	cJSON *root = df_json_object();
	cJSON *array;

	df_json_put_text(root, "origin", f->origin);
	df_json_put_u64(root, "instances", f->instances);
	df_json_put_u64(root, "gone", f->gone);
	df_json_put_u64(root, "cursor", f->cursor);
	df_json_put_u64(root, "wait_ms", f->wait_ms);
	array = df_json_put_array(root, "files");
	for (size_t i = 0; i < f->n; i++) {
		cJSON *item = df_json_put_item(array);

		df_json_put_parcel(item, &f->v[i].id);
		df_json_put_u64(item, "size", f->v[i].size_bytes);
		df_json_put_text(item, "kind",
				 f->v[i].report ? "report" : "parcel");
		df_json_put_text(item, "sender", f->v[i].sender);
	}
	return df_json_print(out, root, why);
}

static bool get_node(const cJSON *from, const char *name,
		     char to[DF_HEX_LEN + 1])
{
	struct df_digest d;
	struct df_text t;

	return df_json_get_text(from, name, &t) && df_digest_decode(&d, t) &&
	       df_str_copy(to, DF_HEX_LEN + 1, t) == DF_OK;
}

static bool get_file(const cJSON *item, struct df_prior_file *f)
{
	struct df_text kind;

	if (!df_json_get_parcel(item, &f->id) ||
	    !df_json_get_u64(item, "size", &f->size_bytes) ||
	    !df_json_get_text(item, "kind", &kind) ||
	    !get_node(item, "sender", f->sender))
		return false;
	f->report = df_text_eq(kind, "report");
	return (f->report || df_text_eq(kind, "parcel")) && f->size_bytes > 0 &&
	       f->size_bytes <= DF_PEER_PARCEL_MAX;
}

enum df_err df_prior_files_decode(struct df_text json, struct df_prior_files *f,
				  struct df_why *why)
{
	const cJSON *item = NULL;
	cJSON *root;
	enum df_err rc = df_json_parse(json, DF_PEER_JSON_MAX, &root, why);

	*f = (struct df_prior_files){0};
	if (rc == DF_OK &&
	    (!get_node(root, "origin", f->origin) ||
	     !df_json_get_u64(root, "instances", &f->instances) ||
	     !df_json_get_u64(root, "gone", &f->gone) ||
	     !df_json_get_u64(root, "cursor", &f->cursor) ||
	     !df_json_get_u64(root, "wait_ms", &f->wait_ms) ||
	     f->gone > f->instances || f->wait_ms > WAIT_MAX_MS))
		rc = df_fail(why, DF_E_FORMAT, "list of files is not whole");
	if (rc == DF_OK)
		rc = df_json_get_array(root, "files", DF_PRIOR_FILES_MAX, &item,
				       why);
	for (; rc == DF_OK && item != NULL; item = item->next)
		if (!get_file(item, &f->v[f->n++]))
			rc = df_fail(why, DF_E_FORMAT, "file %zu is bad", f->n);
	cJSON_Delete(root);
	return rc;
}
