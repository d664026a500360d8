/* destination_test.c - `destination test`: does it answer, does it know us. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "deliver.h"
#include "df/clock.h"
#include "df/file.h"
#include "stow.h"

struct testing {
	struct df_room *room;
	uint32_t tag;
	bool stow;
	struct stow_target target;
};

/* Takes the tree. */
static void tell(struct testing *t, cJSON *root, enum df_err err,
		 const struct df_why *why)
{
	char *text = cJSON_PrintUnformatted(root);
	struct df_why failed = {0};
	struct df_msg m;
	int fd = -1;

	cJSON_Delete(root);
	df_msg_init(&m, DF_MSG_JOB_DONE, t->tag);
	df_msg_put_result(&m, err, why);
	if (text == NULL)
		df_bug("out of memory");
	if (df_memfd_new(&fd, "test", &failed) != DF_OK ||
	    df_write_all(fd, text, strlen(text), &failed) != DF_OK ||
	    df_memfd_seal(fd, &failed) != DF_OK)
		df_bug("cannot keep a small text");
	cJSON_free(text);
	tell_queue(t->room, &m, &fd, 1);
}

static void describe_peer(cJSON *root, const struct df_http_result *r,
			  enum df_err *rc, struct df_why *why)
{
	struct df_peer_hello h;

	*rc = http_outcome(r, 200, why);
	if (*rc == DF_OK)
		*rc = df_peer_hello_decode(
			(struct df_text){(char *)r->body.ptr, r->body.len}, &h,
			why);
	if (*rc != DF_OK)
		return;
	cJSON_AddStringToObject(root, "name", h.name);
	cJSON_AddStringToObject(root, "known_as", h.peer_name);
	cJSON_AddNumberToObject(root, "clock_offset_ms",
				(double)(h.now_ms - df_clock_wall_ms()));
}

static void describe_stow(cJSON *root, const struct df_http_result *r,
			  enum df_err *rc, struct df_why *why)
{
	*rc = r->err;
	if (r->err != DF_OK) {
		*why = r->why;
		return;
	}
	cJSON_AddNumberToObject(root, "status", r->status);
	/* some take STOW-RS only: that they know the resource is what counts,
	 * a refusal to talk to us or a wrong path is none */
	if (r->status == 401 || r->status == 403)
		*rc = df_fail(why, DF_E_DENIED, "server answered %d",
			      r->status);
	else if (r->status == 400 || r->status == 404)
		*rc = df_fail(why, DF_E_NOTFOUND,
			      "server answered %d: is the URL right?",
			      r->status);
	else if (r->status >= 500 && r->status != 501)
		*rc = df_fail(why, DF_E_PEER, "server answered %d", r->status);
}

static void tested(void *ctx, struct df_http_result *r)
{
	struct testing *t = ctx;
	struct df_why why = {0};
	enum df_err rc = DF_OK;
	cJSON *root = cJSON_CreateObject();

	cJSON_AddStringToObject(root, "kind", t->stow ? "stow" : "peer");
	if (t->stow)
		describe_stow(root, r, &rc, &why);
	else
		describe_peer(root, r, &rc, &why);
	cJSON_AddBoolToObject(root, "works", rc == DF_OK);
	cJSON_AddNumberToObject(root, "ms", (double)r->elapsed_ms);
	if (rc != DF_OK) {
		cJSON_AddStringToObject(root, "error", df_err_name(rc));
		cJSON_AddStringToObject(root, "text", why.text);
	}
	tell(t, root, rc, &why);
	stow_target_release(&t->target);
	free(t);
}

/* QIDO-RS answers with patients: not for us to keep. */
static enum df_err drop(void *ctx, const void *ptr, size_t len,
			struct df_why *why)
{
	(void)ctx;
	(void)ptr;
	(void)len;
	(void)why;
	return DF_OK;
}

static enum df_err start_test(struct testing *t, struct df_text name,
			      struct df_why *why)
{
	const struct df_destination *d =
		df_config_destination(df_room_config(t->room), name);
	struct df_http_request rq = {.method = "GET",
				     .max_response = 1u << 20,
				     .total_ms = 20000,
				     .done = tested,
				     .ctx = t};
	static const char *const ACCEPT[] = {"Accept: application/dicom+json"};
	char url[sizeof t->target.url + 16];
	struct line *line;
	enum df_err rc;

	if (d != NULL) {
		t->stow = true;
		rc = stow_target_init(&t->target, d, why);
		if (rc != DF_OK)
			return rc;
		df_str_fmt(url, sizeof url, "%s?limit=1", t->target.url);
		rq.url = url;
		rq.headers = ACCEPT;
		rq.n_headers = 1;
		rq.sink = drop;
		rq.tls = &t->target.tls;
		return df_http_client_start(self.client, &rq, NULL, why);
	}
	rc = line_get(t->room, name, &line, why);
	if (rc != DF_OK)
		return rc;
	return line_start(line, &rq, "/peer/v1/hello", NULL, why);
}

DELIVER_HANDLER(destination_test)
{
	struct testing *t = df_xcalloc(1, sizeof *t);
	struct df_why why = {0};
	struct df_text name;
	enum df_err rc;

	(void)from;
	(void)fds;
	(void)n_fds;
	if (!df_msg_get(m, DF_M_DESTINATION, &name))
		df_bug("TEST is not whole");
	t->room = room;
	t->tag = m->tag;
	rc = start_test(t, name, &why);
	if (rc == DF_OK)
		return;
	job_done(room, t->tag, rc, &why);
	stow_target_release(&t->target);
	free(t);
}
