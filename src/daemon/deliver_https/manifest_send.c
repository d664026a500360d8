/* manifest_send.c - a signed manifest to a peer; its receipt, or what it still
 * misses, back to queue. */
#include <stdlib.h>
#include <string.h>

#include "deliver.h"
#include "df/file.h"

#define MISSING_MAX 1024

struct manifest_post {
	struct df_room *room;
	uint32_t tag;
	struct df_buf body;
};

static void free_post(struct manifest_post *post)
{
	df_buf_release(&post->body);
	free(post);
}

static void tell_receipt(struct manifest_post *post, struct df_text body)
{
	struct df_text receipt, cms;
	struct df_why why = {0};
	struct df_msg m;

	if (df_peer_signed_decode(body, &receipt, &cms, &why) != DF_OK ||
	    receipt.len + cms.len > DF_MSG_SMALL) {
		job_done(post->room, post->tag, DF_E_FORMAT, &why);
		return;
	}
	df_msg_init(&m, DF_MSG_JOB_DONE, post->tag);
	df_msg_put_text(&m, DF_M_RECEIPT, receipt);
	df_msg_put_text(&m, DF_M_SIGNATURE, cms);
	tell_queue(post->room, &m, NULL, 0);
}

static void tell_missing(struct manifest_post *post, struct df_text body)
{
	static struct df_parcel_id ids[MISSING_MAX]; /* one thread */
	char hex[DF_PEER_PARCEL_HEX + 1];
	struct df_why why = {0};
	struct df_msg m;
	size_t n;

	if (df_peer_missing_decode(body, ids, MISSING_MAX, &n, &why) != DF_OK) {
		job_done(post->room, post->tag, why.err, &why);
		return;
	}
	df_msg_init(&m, DF_MSG_JOB_DONE, post->tag);
	(void)df_fail(&why, DF_E_AGAIN, "peer does not hold all of it yet");
	df_msg_put_result(&m, DF_E_AGAIN, &why);
	for (size_t i = 0; i < n; i++) {
		df_parcel_id_encode(hex, &ids[i]);
		df_msg_put_str(&m, DF_M_MISSING, hex);
	}
	tell_queue(post->room, &m, NULL, 0);
}

static void posted(void *ctx, struct df_http_result *r)
{
	struct manifest_post *post = ctx;
	struct df_text body = {(const char *)r->body.ptr, r->body.len};
	struct df_why why = {0};
	enum df_err rc;

	if (r->err == DF_OK && r->status == 202) {
		tell_missing(post, body);
	} else {
		rc = http_outcome(r, 200, &why);
		if (rc == DF_OK)
			tell_receipt(post, body);
		else
			job_done(post->room, post->tag, rc, &why);
	}
	free_post(post);
}

static enum df_err make_body(struct df_buf *body, int fd, struct df_text cms,
			     struct df_why *why)
{
	uint64_t size = 0;
	struct df_buf text;
	enum df_err rc = df_fd_size(fd, &size, why);

	df_buf_init(&text, DF_PEER_SIGNED_MAX);
	if (rc == DF_OK && size > DF_PEER_SIGNED_MAX)
		rc = df_fail(why, DF_E_LIMIT, "manifest is too large");
	if (rc == DF_OK)
		rc = df_buf_reserve(&text, (size_t)size, why);
	if (rc == DF_OK)
		rc = df_pread_all(fd, text.ptr, (size_t)size, 0, why);
	if (rc == DF_OK)
		rc = df_peer_signed_encode(
			body, (struct df_text){(char *)text.ptr, (size_t)size},
			cms, why);
	df_buf_release(&text);
	return rc;
}

DELIVER_HANDLER(manifest_send)
{
	static const char *const HEADERS[] = {
		"Content-Type: " DF_PEER_TYPE_SIGNED, DF_PEER_URGENT};
	struct manifest_post *post = df_xcalloc(1, sizeof *post);
	struct df_http_request rq = {.method = "POST",
				     .headers = HEADERS,
				     .n_headers = 1,
				     .max_response = DF_PEER_JSON_MAX,
				     .stall_ms = 90000,
				     .done = posted,
				     .ctx = post};
	struct df_text name, study, cms;
	struct df_why why = {0};
	struct line *line;
	uint64_t priority = DF_PRIORITY_ROUTINE;
	char path[128];
	enum df_err rc;

	(void)from;
	(void)df_msg_get_u64(m, DF_M_PRIORITY, &priority); /* or routine */
	rq.n_headers = priority < DF_PRIORITY_ROUTINE ? 2 : 1;
	if (n_fds != 1 || !df_msg_get(m, DF_M_DESTINATION, &name) ||
	    !df_msg_get(m, DF_M_STUDY, &study) || !df_uid_valid(study) ||
	    !df_msg_get(m, DF_M_SIGNATURE, &cms))
		df_bug("MANIFEST_SEND is not whole");
	post->room = room;
	post->tag = m->tag;
	df_buf_init(&post->body, 8u + DF_PEER_SIGNED_MAX + DF_PEER_CMS_MAX);
	df_str_fmt(path, sizeof path, "/peer/v1/studies/%.*s/manifests",
		   (int)study.len, study.ptr);
	rc = line_get(room, name, &line, &why);
	if (rc == DF_OK)
		rc = make_body(&post->body, fds[0], cms, &why);
	rq.body = post->body.ptr;
	rq.body_len = post->body.len;
	if (rc == DF_OK)
		rc = line_start(line, &rq, path, NULL, &why);
	if (rc == DF_OK)
		return;
	job_done(room, post->tag, rc, &why);
	free_post(post);
}
