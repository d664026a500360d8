/* http_fetch.c - see df/http_client.h: one request, waited for. */
#include "df/http_client.h"

struct fetched {
	struct df_http_result *out;
	enum df_err (*sink)(void *ctx, const void *ptr, size_t len,
			    struct df_why *why);
	void *sink_ctx;
	bool done;
};

static enum df_err fetch_sink(void *ctx, const void *ptr, size_t len,
			      struct df_why *why)
{
	struct fetched *f = ctx;

	return f->sink(f->sink_ctx, ptr, len, why);
}

static void fetch_done(void *ctx, struct df_http_result *r)
{
	struct fetched *f = ctx;

	*f->out = *r;
	f->out->call = NULL;
	r->body = (struct df_buf){0}; /* the caller's now */
	f->done = true;
}

void df_http_fetch(const struct df_http_request *rq, struct df_http_result *out)
{
	struct df_http_client *c = df_http_client_new(1);
	struct df_http_request one = *rq;
	struct fetched f = {.out = out, .sink = rq->sink, .sink_ctx = rq->ctx};

	*out = (struct df_http_result){0};
	one.done = fetch_done;
	one.ctx = &f;
	if (rq->sink != NULL)
		one.sink = fetch_sink;
	out->err = df_http_client_start(c, &one, NULL, &out->why);
	if (out->err == DF_OK)
		while (!f.done)
			df_http_client_wait(c, 1000);
	df_http_client_free(c);
}
