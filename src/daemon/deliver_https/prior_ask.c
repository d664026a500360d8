/*
 * prior_ask.c - a question to a peer for earlier exams, and its answer.
 *
 * A person waits for it: it goes over connections of its own, kept warm, so
 * that neither a handshake nor a part stands before it, and a cap on what is
 * sent does not hold it up. One try, with a deadline; index has what it knows
 * from before.
 */
#include <stdlib.h>

#include "deliver.h"
#include "df/clock.h"
#include "df/file.h"
#include "df/priors.h"

#define QUESTIONS_AT_ONCE 4
#define QUESTION_MS 10000 /* when nobody says */
#define WARM_MS 45000	  /* a peer closes what is idle for 60 s */

struct questions {
	struct line *line;
	struct df_http_client *client;
	struct df_engine engine;
};

struct asking {
	uint32_t serial; /* of that link */
	struct df_room *room;
	uint32_t tag;
	struct df_buf body;
};

static int64_t questions_wait_ms(void *client)
{
	return df_http_client_timeout_ms(client);
}

static void questions_work(void *client)
{
	df_http_client_turn(client);
}

static void warmed(void *ctx, struct df_http_result *r)
{
	(void)ctx;
	(void)r; /* whether it worked, the next question shows */
}

static void keep_warm(void *ctx)
{
	struct questions *q = ctx;
	struct df_http_request rq = {.method = "GET",
				     .max_response = DF_PEER_JSON_MAX,
				     .total_ms = WARM_MS,
				     .done = warmed};

	(void)df_loop_timer(df_room_loop(q->line->room),
			    df_clock_mono_ms() + WARM_MS, keep_warm, q);
	if (q->line->down)
		return;
	/* none is open: the first question opens one */
	(void)!line_start_on(q->line, q->client, &rq, "/peer/v1/hello", NULL,
			     NULL);
}

void questions_open(struct line *line)
{
	struct questions *q = df_xcalloc(1, sizeof *q);

	q->line = line;
	q->client = df_http_client_new(QUESTIONS_AT_ONCE);
	q->engine = (struct df_engine){.ctx = q->client,
				       .timeout_ms = questions_wait_ms,
				       .turn = questions_work};
	if (df_engine_start(&q->engine, df_room_loop(line->room),
			    df_http_client_fd(q->client)) != DF_OK)
		df_bug("cannot watch questions");
	line->questions = q;
	keep_warm(q);
}

void questions_turn(struct line *line)
{
	df_engine_arm(&line->questions->engine);
}

/* --- one question ----------------------------------------------------------
 */

static enum df_err answer_fd(int *fd, const struct df_http_result *r,
			     struct df_why *why)
{
	struct df_buf json;
	enum df_err rc;

	df_buf_init(&json, DF_PEER_JSON_MAX);
	rc = df_priors_answer_clean(
		&json, (struct df_text){(const char *)r->body.ptr, r->body.len},
		why);
	if (rc == DF_OK)
		rc = df_memfd_new(fd, "priors", why);
	if (rc == DF_OK)
		rc = df_write_all(*fd, json.ptr, json.len, why);
	if (rc == DF_OK)
		rc = df_memfd_seal(*fd, why);
	df_buf_wipe(&json);
	return rc;
}

/* Takes fd. Whoever asked may be gone, or live anew. */
static void tell(struct asking *a, enum df_err err, const struct df_why *why,
		 int64_t wait_ms, int *fd)
{
	struct df_link *link =
		df_room_link(a->room, DF_ROLE_INDEX, DF_ANY_NUMBER);
	struct df_msg m;

	df_msg_init(&m, DF_MSG_PRIORS, a->tag);
	df_msg_put_result(&m, err, why);
	if (wait_ms > 0)
		df_msg_put_u64(&m, DF_M_WAIT_MS, (uint64_t)wait_ms);
	if (err != DF_OK)
		df_fd_close(fd);
	if (link != NULL && link->serial == a->serial)
		(void)df_room_send(link, &m, fd, *fd >= 0 ? 1 : 0);
	else
		df_msg_release(&m);
	df_fd_close(fd);
	df_buf_wipe(&a->body);
	free(a);
}

static void answered(void *ctx, struct df_http_result *r)
{
	struct asking *a = ctx;
	struct df_why why = {0};
	int fd = -1;
	int64_t wait_ms = df_http_result_wait_ms(r);
	enum df_err rc = http_outcome(r, 200, &why);

	if (rc == DF_OK)
		rc = answer_fd(&fd, r, &why);
	tell(a, rc, &why, wait_ms, &fd);
}

DELIVER_HANDLER(prior_ask)
{
	static const char *const HEADERS[] = {
		"Content-Type: " DF_PEER_TYPE_JSON};
	struct asking *a = df_xcalloc(1, sizeof *a);
	struct df_http_request rq = {.method = "POST",
				     .headers = HEADERS,
				     .n_headers = 1,
				     .max_response = DF_PEER_JSON_MAX,
				     .done = answered,
				     .ctx = a};
	uint64_t wait_ms = QUESTION_MS;
	struct df_text name, json;
	struct df_why why = {0};
	struct line *line;
	int none = -1;
	enum df_err rc;

	(void)fds;
	(void)n_fds;
	if (!df_msg_get(m, DF_M_DESTINATION, &name) ||
	    !df_msg_get(m, DF_M_JSON, &json))
		df_bug("PRIOR_ASK is not whole");
	(void)df_msg_get_u64(m, DF_M_WAIT_MS, &wait_ms); /* or our own */
	a->room = room;
	a->serial = from->serial;
	a->tag = m->tag;
	df_buf_init(&a->body, DF_PRIORS_QUESTION);
	rc = df_buf_add(&a->body, json.ptr, json.len, &why);
	if (rc == DF_OK)
		rc = line_get(room, name, &line, &why);
	rq.body = a->body.ptr;
	rq.body_len = a->body.len;
	rq.total_ms = (int64_t)wait_ms;
	if (rc == DF_OK)
		rc = line_start_on(line, line->questions->client, &rq,
				   "/peer/v1/priors", NULL, &why);
	if (rc != DF_OK)
		tell(a, rc, &why, 0, &none);
}
