/*
 * stow_send.c - instances to a DICOMweb server by STOW-RS (PS3.18 10.5).
 *
 * Instances are fetched one after the other from queue and gathered in memory
 * into a request; each request's answer is read for each instance on its own.
 * While a request is under way, the next one is gathered; queue gives several
 * jobs at once, so several requests are under way. A request is about a second
 * of the line, so that a cut costs no more. Where the line is slow instances
 * go compressed without loss, until the server has refused that. Memory: two
 * batches a job, or one instance that is larger.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>

#include "deliver.h"
#include "df/file.h"
#include "df/log.h"
#include "df/stow.h"
#include "stow.h"

#define BATCH_COUNT 16
#define FETCH_MS 300000
#define ANSWER_MS 180000

#define IMPLICIT_LE "1.2.840.10008.1.2"
#define EXPLICIT_LE "1.2.840.10008.1.2.1"
struct stow_instance {
	uint64_t key;
	char sop_instance[65];
	char original[65];	  /* transfer syntax in which it came */
	char transfer_syntax[65]; /* in which it goes */
	bool native;	 /* it may be sent compressed */
	bool compressed; /* as it was fetched */
	bool plain;	 /* compressed it was refused */
	bool alone; /* refused together with others: once more by itself */
};

struct batch {
	struct stow_job *job;
	int body; /* memfd */
	uint64_t len;
	char boundary[DF_ID_LEN + 1];
	size_t index[BATCH_COUNT];
	size_t n;
	uint64_t bytes;
};

struct stow_job {
	struct df_room *room;
	uint32_t tag;
	struct stow_target target;
	struct stow_server *server;
	const struct df_destination *to;
	struct stow_instance *list;
	size_t n;
	size_t *order; /* of fetching; room for each instance three times */
	size_t n_order;
	size_t next; /* in order, to be fetched */
	bool fetching;
	struct batch open; /* being gathered */
	struct batch sent; /* under way, body -1 = none */
	struct stow_job *next_parked;
	bool dead;	   /* the server failed: nothing more is sent */
	int64_t wait_ms;   /* it asks to be left alone so long */
	struct df_why why;
};

static void go_on(struct stow_job *job);

/* --- the first request ------------------------------------------------- */

/* The first request to a server goes alone: the others follow in the form that
 * suits the line. */
static bool park(struct stow_job *job)
{
	struct stow_server *s = job->server;

	if (s->probed || s->prober == job)
		return false;
	if (s->prober == NULL) {
		s->prober = job;
		return false;
	}
	job->next_parked = s->parked;
	s->parked = job;
	return true;
}

static void probe_end(struct stow_job *job, bool probed)
{
	struct stow_server *s = job->server;
	struct stow_job *waits;

	if (s == NULL || s->prober != job)
		return;
	s->prober = NULL;
	s->probed = s->probed || probed;
	waits = s->parked;
	s->parked = NULL;
	while (waits != NULL) {
		struct stow_job *next = waits->next_parked;

		waits->next_parked = NULL;
		go_on(waits); /* the first may be the next prober */
		waits = next;
	}
}

/* --- one request -------------------------------------------------------- */

static void tell_result(struct stow_job *job, size_t i, enum df_err err,
			const struct df_why *why, int status)
{
	struct df_msg m;

	df_msg_init(&m, DF_MSG_RESULT, job->tag);
	df_msg_put_u64(&m, DF_M_KEY_NUMBER, job->list[i].key);
	df_msg_put_result(&m, err, why);
	if (status > 0)
		df_msg_put_u64(&m, DF_M_STATUS, (uint64_t)status);
	df_msg_put_opt(&m, DF_M_TRANSFER_SYNTAX, job->list[i].transfer_syntax);
	tell_queue(job->room, &m, NULL, 0);
}

static enum df_err open_batch(struct stow_job *job, struct df_why *why)
{
	struct batch *b = &job->open;
	struct df_id id;

	if (b->body >= 0)
		return DF_OK;
	*b = (struct batch){.job = job, .body = -1};
	df_id_new(&id);
	memcpy(b->boundary, id.s, sizeof b->boundary);
	return df_memfd_new(&b->body, "stow", why);
}

static enum df_err copy_file(struct batch *b, int from, uint64_t len,
			     struct df_why *why)
{
	off_t at = 0;

	while (len > 0) {
		ssize_t n = sendfile(b->body, from, &at,
				     len > 1u << 30 ? 1u << 30 : (size_t)len);

		if (n <= 0)
			return df_fail_sys(why, DF_E_IO, "cannot copy");
		len -= (uint64_t)n;
		b->len += (uint64_t)n;
	}
	return DF_OK;
}

/* Any boundary that is random is one that the data does not hold. Orthanc
 * passes over parts whose type has a parameter, so the transfer syntax stands
 * in the file only. */
static enum df_err add_instance(struct batch *b, size_t i, int fd,
				struct df_why *why)
{
	char head[160];
	uint64_t size;
	enum df_err rc = df_fd_size(fd, &size, why);

	df_str_fmt(head, sizeof head,
		   "%s--%s\r\nContent-Type: application/dicom\r\n\r\n",
		   b->n > 0 ? "\r\n" : "", b->boundary);
	if (rc == DF_OK)
		rc = df_write_all(b->body, head, strlen(head), why);
	if (rc != DF_OK)
		return rc;
	b->len += strlen(head);
	rc = copy_file(b, fd, size, why);
	b->index[b->n++] = i;
	b->bytes += size;
	return rc;
}

static void fail_batch(struct batch *b, enum df_err err,
		       const struct df_why *why, int status)
{
	for (size_t k = 0; k < b->n; k++)
		tell_result(b->job, b->index[k], err, why, status);
	df_fd_close(&b->body);
}

/* One bad instance may have spoilt the request: find out which. */
static void split_batch(struct batch *b)
{
	struct stow_job *job = b->job;

	for (size_t k = 0; k < b->n; k++) {
		job->list[b->index[k]].alone = true;
		job->order[job->n_order++] = b->index[k];
	}
	df_fd_close(&b->body);
}

/*
 * Was it the compressed form that it could not take? Then the original
 * follows, and the others go like that at once. A word on the whole request,
 * or on the instance.
 */
static bool is_form_refused(struct stow_job *job, size_t i, int status,
			    const struct df_stow_item *items, size_t n)
{
	struct stow_instance *in = &job->list[i];
	uint16_t reason = df_stow_reason(items, n, in->sop_instance);
	bool refused = n == 0 ? status == 400 || status == 406 || status == 415
			      : (reason & 0xFF00) == 0xA900 ||
					(reason & 0xF000) == 0xC000 ||
					reason == 0x0110;

	if (!refused || !in->compressed)
		return false;
	df_log(DF_LOG_WARN, "compressed.refused",
	       DF_F_UID("transfer_syntax", in->transfer_syntax),
	       DF_F_NUM("status", n == 0 ? (uint64_t)status : reason));
	in->plain = true;
	job->server->incapable = true;
	job->order[job->n_order++] = i;
	return true;
}

static void read_answer(struct batch *b, const struct df_http_result *r)
{
	static struct df_stow_item items[DF_STOW_ITEMS_MAX]; /* one thread */
	struct stow_job *job = b->job;
	struct df_text json = {(const char *)r->body.ptr, r->body.len};
	struct df_why why = {0};
	size_t n = 0;

	/* unreadable: nothing is known, so nothing counts as stored */
	(void)!df_stow_decode(json, items, &n, NULL);
	/* Orthanc answers 400 and names what it stored all the same: asking
	 * once more is safer than believing either half */
	if (b->n > 1 && (n == 0 || r->status != 409) &&
	    df_stow_outcome(r->status, items, 0, "", NULL) == DF_E_REFUSED) {
		split_batch(b);
		return;
	}
	for (size_t k = 0; k < b->n; k++) {
		struct stow_instance *in = &job->list[b->index[k]];
		uint16_t remark;
		enum df_err rc;

		why = (struct df_why){0};
		rc = df_stow_outcome(r->status, items, n, in->sop_instance,
				     &why);
		if (rc != DF_OK && is_form_refused(job, b->index[k], r->status,
						   items, n))
			continue;
		remark = df_stow_reason(items, n, in->sop_instance);
		tell_result(job, b->index[k], rc, &why,
			    rc == DF_OK && remark != 0 ? remark : r->status);
		if (rc != DF_OK && n == 0 && df_err_fate(rc) == DF_FATE_RETRY) {
			job->dead = true; /* the server's trouble */
			job->why = why;
		}
	}
	df_fd_close(&b->body);
}

static void batch_posted(void *ctx, struct df_http_result *r)
{
	struct stow_job *job = ctx;

	if (r->err != DF_OK) {
		job->dead = true;
		job->why = r->why;
		fail_batch(&job->sent, r->err, &r->why, 0);
	} else {
		stow_server_measure(job->server, r);
		job->wait_ms = df_http_result_wait_ms(r);
		read_answer(&job->sent, r);
	}
	probe_end(job, r->err == DF_OK);
	go_on(job);
}

static void post_batch(struct stow_job *job)
{
	char type[160], tail[64];
	const char *headers[] = {type, "Accept: application/dicom+json"};
	struct df_http_request rq = {.method = "POST",
				     .url = job->target.url,
				     .headers = headers,
				     .n_headers = 2,
				     .tls = &job->target.tls,
				     .max_response = DF_STOW_JSON_MAX,
				     .stall_ms = ANSWER_MS,
				     .done = batch_posted,
				     .ctx = job};
	struct df_why why = {0};
	struct batch *b = &job->sent;
	enum df_err rc;

	*b = job->open;
	job->open.body = -1;
	df_str_fmt(type, sizeof type,
		   "Content-Type: multipart/related; "
		   "type=\"application/dicom\"; boundary=%s",
		   b->boundary);
	df_str_fmt(tail, sizeof tail, "\r\n--%s--\r\n", b->boundary);
	rc = df_write_all(b->body, tail, strlen(tail), &why);
	b->len += strlen(tail);
	rq.body_fd = b->body;
	rq.body_fd_len = b->len;
	pace_join(job->target.caps, &rq);
	if (rc == DF_OK)
		rc = df_http_client_start(self.client, &rq, NULL, &why);
	if (rc == DF_OK)
		return;
	job->dead = true;
	job->why = why;
	fail_batch(b, rc, &why, 0);
}

/* --- gathering ---------------------------------------------------------- */

static void end_job(struct stow_job *job)
{
	struct df_msg m;

	if (job->open.body >= 0)
		fail_batch(&job->open, job->why.err, &job->why, 0);
	df_msg_init(&m, DF_MSG_JOB_DONE, job->tag);
	if (job->dead)
		df_msg_put_result(&m, job->why.err, &job->why);
	if (job->dead && job->wait_ms > 0)
		df_msg_put_u64(&m, DF_M_WAIT_MS, (uint64_t)job->wait_ms);
	tell_queue(job->room, &m, NULL, 0);
	probe_end(job, false);
	stow_target_release(&job->target);
	free(job->list);
	free(job->order);
	free(job);
}

static void fetched(void *ctx, struct df_reply *reply)
{
	struct stow_job *job = ctx;
	size_t i = job->order[job->next++];
	struct df_why why = reply->why;
	enum df_err rc = reply->err;

	job->fetching = false;
	if (rc == DF_OK && reply->n_fds != 1)
		df_bug("FETCHED without data");
	if (rc == DF_OK) {
		struct stow_instance *in = &job->list[i];
		char ts[65];

		/* absent: what was said with the job */
		if (df_msg_get_str(reply->msg, DF_M_TRANSFER_SYNTAX, ts,
				   sizeof ts)) {
			in->compressed = strcmp(ts, in->original) != 0;
			memcpy(in->transfer_syntax, ts, sizeof ts);
		}
		rc = open_batch(job, &why);
	}
	if (rc == DF_OK) {
		rc = add_instance(&job->open, i, reply->fds[0], &why);
		if (rc != DF_OK) { /* the request is spoilt */
			fail_batch(&job->open, rc, &why, 0);
			go_on(job);
			return;
		}
	}
	if (rc != DF_OK)
		tell_result(job, i, rc, &why, 0);
	go_on(job);
}

static void fetch_next(struct stow_job *job)
{
	const struct stow_instance *in = &job->list[job->order[job->next]];
	const char *small = in->native && !in->plain
				    ? stow_server_syntax(job->server, job->to)
				    : NULL;
	struct df_msg m;

	job->fetching = true;
	df_msg_init(&m, DF_MSG_FETCH, 0);
	df_msg_put_u64(&m, DF_M_JOB, job->tag);
	df_msg_put_u64(&m, DF_M_KEY_NUMBER, in->key);
	df_msg_put_str(&m, DF_M_FORM, "part10");
	df_msg_put_opt(&m, DF_M_TRANSFER_SYNTAX, small);
	if (small != NULL)
		df_msg_put_str(&m, DF_M_TRANSFER_SYNTAX, in->original);
	/* not cancelled: the job lives until it is answered; without queue
	 * the room ends */
	(void)df_room_call(
		job->room,
		df_room_link(job->room, DF_ROLE_QUEUE, DF_ANY_NUMBER), &m, NULL,
		0, DF_MSG_FETCHED, FETCH_MS, fetched, job);
}

static bool batch_full(const struct stow_job *job)
{
	const struct batch *b = &job->open;

	if (b->body < 0 || b->n == 0)
		return false;
	return b->n == BATCH_COUNT || b->bytes >= stow_server_batch(job->server) ||
	       job->list[b->index[0]].alone ||
	       (job->next < job->n_order &&
		job->list[job->order[job->next]].alone);
}

static void go_on(struct stow_job *job)
{
	bool more;

	if (job->fetching)
		return; /* comes back here */
	more = job->next < job->n_order && !job->dead;
	if (job->open.body >= 0 && job->sent.body < 0 && !job->dead &&
	    (batch_full(job) || !more))
		post_batch(job);
	more = job->next < job->n_order && !job->dead;
	if (more && !batch_full(job) && !park(job))
		fetch_next(job);
	else if (!more && job->sent.body < 0)
		end_job(job);
}

static void take_list(struct stow_job *job, const struct df_msg *m)
{
	struct df_msg item;
	size_t at = 0, n = 0;

	while (df_msg_next_item(m, DF_M_INSTANCE, &at, &item))
		n++;
	job->list = df_xcalloc(n + 1, sizeof *job->list);
	job->order = df_xcalloc(3 * n + 1, sizeof *job->order);
	at = 0;
	while (df_msg_next_item(m, DF_M_INSTANCE, &at, &item)) {
		struct stow_instance *in = &job->list[job->n++];

		if (!df_msg_get_u64(&item, DF_M_KEY_NUMBER, &in->key))
			df_bug("SEND is not whole");
		/* a UID that is none is answered for by no server; without
		 * transfer syntax none is told back */
		(void)df_msg_get_str(&item, DF_M_SOP_INSTANCE, in->sop_instance,
				     sizeof in->sop_instance);
		(void)df_msg_get_str(&item, DF_M_TRANSFER_SYNTAX, in->original,
				     sizeof in->original);
		memcpy(in->transfer_syntax, in->original, sizeof in->original);
		in->native = strcmp(in->original, EXPLICIT_LE) == 0 ||
			     strcmp(in->original, IMPLICIT_LE) == 0;
		job->order[job->n_order++] = job->n - 1;
	}
}

DELIVER_HANDLER(stow_send)
{
	struct stow_job *job = df_xcalloc(1, sizeof *job);
	const struct df_destination *d;
	struct df_text name;
	enum df_err rc = DF_OK;

	(void)from;
	(void)fds;
	(void)n_fds;
	if (!df_msg_get(m, DF_M_DESTINATION, &name))
		df_bug("SEND is not whole");
	job->room = room;
	job->tag = m->tag;
	job->open.body = -1;
	job->sent.body = -1;
	take_list(job, m);
	d = df_config_destination(df_room_config(room), name);
	if (d == NULL)
		rc = df_fail(&job->why, DF_E_CONFIG,
			     "no such destination configured");
	else
		rc = stow_target_init(&job->target, d, &job->why);
	if (d != NULL)
		job->server = stow_server_of(room, d);
	job->to = d;
	job->dead = rc != DF_OK;
	go_on(job);
}
