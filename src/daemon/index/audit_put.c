/*
 * audit_put.c - what queue does for a person stands in the register before it
 * is done.
 */
#include <cjson/cJSON.h>

#include "index.h"

void index_audit_put(struct index *x, struct df_link *from,
		     const struct df_msg *m)
{
	struct df_why why = {0};
	struct df_text json;
	struct df_msg reply;
	cJSON *entry;
	enum df_err rc;

	if (!df_msg_get(m, DF_M_JSON, &json))
		df_bug("an entry for the register without content");
	entry = cJSON_ParseWithLength(json.ptr, json.len);
	if (cJSON_IsObject(entry)) {
		rc = index_register_put(x, "audit", entry, &why);
	} else {
		cJSON_Delete(entry);
		rc = df_fail(&why, DF_E_FORMAT, "an entry is one object");
	}
	df_msg_init(&reply, DF_MSG_AUDIT_STORED, m->tag);
	df_msg_put_result(&reply, rc, &why);
	index_ack(x, from, &reply);
}
