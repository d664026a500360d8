/* prior_list_ask.c - asks a peer which files make up an earlier exam that it
 * lets us have; queue then pulls them one by one. */
#include <stdlib.h>

#include "deliver.h"
#include "df/prior_files.h"
#include "df/priors.h"
#include "df/sealed.h"

#define LIST_MS 60000

struct listing {
	struct df_room *room;
	uint32_t tag;
	struct df_buf body;
};

static void over(struct listing *l, enum df_err rc, const struct df_why *why)
{
	if (rc != DF_OK)
		job_done(l->room, l->tag, rc, why);
	df_buf_wipe(&l->body);
	free(l);
}

static void put_file(struct df_msg *m, const struct df_prior_file *f)
{
	char hex[DF_PEER_PARCEL_HEX + 1];
	struct df_msg item;

	df_parcel_id_encode(hex, &f->id);
	df_msg_init(&item, DF_MSG_NONE, 0);
	df_msg_put_str(&item, DF_M_PARCEL, hex);
	df_msg_put_u64(&item, DF_M_LENGTH, f->size_bytes);
	df_msg_put_str(&item, DF_M_PEER, f->sender);
	df_msg_put_u64(&item, DF_M_CONTENT,
		       f->report ? DF_SEALED_REPORT : DF_SEALED_PARCEL);
	df_msg_put_item(m, DF_M_MAIL, &item);
	df_msg_release(&item);
}

static void listed(void *ctx, struct df_http_result *r)
{
	static struct df_prior_files f; /* one thread */
	struct df_text json = {(const char *)r->body.ptr, r->body.len};
	struct listing *l = ctx;
	struct df_why why = {0};
	struct df_msg m;
	enum df_err rc = http_outcome(r, 200, &why);

	if (rc == DF_OK)
		rc = df_prior_files_decode(json, &f, &why);
	if (rc == DF_OK) {
		df_msg_init(&m, DF_MSG_JOB_DONE, l->tag);
		df_msg_put_str(&m, DF_M_PEER, f.origin);
		df_msg_put_u64(&m, DF_M_NUMBER, f.instances);
		df_msg_put_u64(&m, DF_M_MISSING, f.gone);
		df_msg_put_u64(&m, DF_M_CURSOR, f.cursor);
		if (f.wait_ms > 0)
			df_msg_put_u64(&m, DF_M_WAIT_MS, f.wait_ms);
		for (size_t i = 0; i < f.n; i++)
			put_file(&m, &f.v[i]);
		tell_queue(l->room, &m, NULL, 0);
	}
	over(l, rc, &why);
}

DELIVER_HANDLER(prior_fetch)
{
	static const char *const HEADERS[] = {
		"Content-Type: " DF_PEER_TYPE_JSON};
	struct listing *l = df_xcalloc(1, sizeof *l);
	struct df_http_request rq = {.method = "POST",
				     .headers = HEADERS,
				     .n_headers = 1,
				     .max_response = DF_PEER_JSON_MAX,
				     .stall_ms = LIST_MS,
				     .total_ms = LIST_MS,
				     .done = listed,
				     .ctx = l};
	struct df_text name, study, json;
	struct df_why why = {0};
	struct line *line;
	uint64_t cursor = 0;
	char path[160];
	enum df_err rc;

	(void)from, (void)fds, (void)n_fds;
	if (!df_msg_get(m, DF_M_DESTINATION, &name) ||
	    !df_msg_get(m, DF_M_STUDY, &study) || !df_uid_valid(study) ||
	    !df_msg_get_u64(m, DF_M_CURSOR, &cursor) ||
	    !df_msg_get(m, DF_M_JSON, &json))
		df_bug("PRIOR_FETCH is not whole");
	l->room = room;
	l->tag = m->tag;
	df_buf_init(&l->body, DF_PRIORS_QUESTION);
	rc = df_buf_add(&l->body, json.ptr, json.len, &why);
	rq.body = l->body.ptr;
	rq.body_len = l->body.len;
	df_str_fmt(path, sizeof path, "/peer/v1/priors/%.*s/fetch?after=%llu",
		   (int)study.len, study.ptr, (unsigned long long)cursor);
	if (rc == DF_OK)
		rc = line_get(room, name, &line, &why);
	if (rc == DF_OK)
		rc = line_start(line, &rq, path, NULL, &why);
	if (rc != DF_OK)
		over(l, rc, &why);
}
