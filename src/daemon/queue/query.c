/*
 * query.c - what people ask of the queue, and their orders: JSON in and out.
 * See the verbs in df/message.h. Orders are durable before they are answered,
 * like everything that leaves this room.
 */
#include <stdlib.h>
#include <string.h>

#include "query.h"
#include "df/clock.h"
#include "df/file.h"

#define LIST_MAX 1000

static const char *arg(const struct ask *a, const char *name)
{
	const char *s = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(a->args, name));

	return s ? s : "";
}

void answer_error(struct queue *q, struct df_link *link, uint32_t tag,
		  enum df_err err, const struct df_why *why)
{
	struct df_msg m;

	df_msg_init(&m, DF_MSG_ANSWER, tag);
	df_msg_put_result(&m, err, why);
	queue_post(q, link, &m, NULL, 0);
}

void answer_text(struct queue *q, struct df_link *link, uint32_t tag,
		 const char *text, const char *media)
{
	struct df_why why = {0};
	struct df_msg m;
	int fd = text_fd("answer", df_text_of(text), &why);

	if (fd < 0) {
		answer_error(q, link, tag, why.err, &why);
		return;
	}
	df_msg_init(&m, DF_MSG_ANSWER, tag);
	df_msg_put_opt(&m, DF_M_MEDIA, media);
	queue_post(q, link, &m, &fd, 1);
}

void ask_answer(const struct ask *a, cJSON *result)
{
	char *text = cJSON_PrintUnformatted(result);

	cJSON_Delete(result);
	if (text == NULL)
		answer_error(a->q, a->link, a->tag, DF_E_NOMEM, NULL);
	else
		answer_text(a->q, a->link, a->tag, text, NULL);
	cJSON_free(text);
}

static void ask_fail(const struct ask *a, enum df_err err, const char *text)
{
	struct df_why why;

	err = df_fail(&why, err, "%s", text);
	answer_error(a->q, a->link, a->tag, err, &why);
}

/* Our own study of that UID, else one that a peer gave us. */
static bool study_named(const struct ask *a, struct df_row_study *s)
{
	const char *uid = arg(a, "study");

	if (df_journal_study_find(a->q->j, uid, "", s) ||
	    df_journal_study_find(a->q->j, uid, NULL, s))
		return true;
	ask_fail(a, DF_E_NOTFOUND, "no such study; see `study list`");
	return false;
}

static void study_why(const struct ask *a)
{
	struct df_row_study s;
	cJSON *o;
	char *text;

	if (!study_named(a, &s))
		return;
	text = why_text(a->q, &s);
	o = cJSON_CreateObject();
	(void)cJSON_AddStringToObject(o, "study_uid", s.uid);
	(void)cJSON_AddStringToObject(o, "text", text);
	free(text);
	ask_answer(a, o);
}

static void study_send(const struct ask *a)
{
	struct df_row_study s;
	cJSON *o;

	if (!study_named(a, &s))
		return;
	if (s.peer[0] != '\0') {
		ask_fail(a, DF_E_DENIED,
			 "the study belongs to the clinic that sent it; it "
			 "decides when it is complete");
		return;
	}
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(a->args, "stat")))
		df_journal_study_priority(a->q->j, s.n, 1);
	if (s.state == DF_STUDY_OPEN)
		df_journal_study_close(a->q->j, s.n, "by-hand");
	a->q->study_look = true;
	a->q->pack_look = true;
	o = cJSON_CreateObject();
	(void)cJSON_AddStringToObject(o, "study_uid", s.uid);
	(void)cJSON_AddStringToObject(o, "state", "closed");
	ask_answer(a, o);
}

/* --- the queue ------------------------------------------------------------- */

static void queue_list(const struct ask *a)
{
	struct df_row_delivery *rows = df_xcalloc(LIST_MAX, sizeof *rows);
	size_t n = df_journal_deliveries_list(a->q->j, 0, rows, LIST_MAX);
	cJSON *o = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(o, "deliveries");

	for (size_t i = 0; i < n; i++)
		(void)cJSON_AddItemToArray(list,
					   delivery_json(a->q, &rows[i]));
	(void)cJSON_AddBoolToObject(o, "more", n == LIST_MAX);
	free(rows);
	ask_answer(a, o);
}

static void windows_open(struct queue *q, const char *dest)
{
	for (size_t i = 0; i < q->cfg->n_destinations; i++)
		if (dest[0] == '\0' || strcmp(q->pacs[i].name, dest) == 0)
			q->pacs[i].window = (struct df_window){0};
	for (size_t i = 0; i < q->cfg->n_peers; i++)
		if (dest[0] == '\0' || strcmp(q->peers[i].name, dest) == 0)
			q->peers[i].window = (struct df_window){0};
}

static bool destination_known(const struct queue *q, const char *name)
{
	for (size_t i = 0; i < q->cfg->n_destinations; i++)
		if (strcmp(q->pacs[i].name, name) == 0)
			return true;
	for (size_t i = 0; i < q->cfg->n_peers; i++)
		if (strcmp(q->peers[i].name, name) == 0)
			return true;
	return false;
}

/* {ids:[..]}, {all:true}, {destination:name} or {id:n} */
static void queue_order(const struct ask *a, enum df_delivery_event event)
{
	const char *dest = arg(a, "destination");
	const cJSON *id, *one = cJSON_GetObjectItemCaseSensitive(a->args, "id");
	uint64_t moved = 0;
	cJSON *o;

	if (dest[0] != '\0' && !destination_known(a->q, dest)) {
		ask_fail(a, DF_E_NOTFOUND, "no such destination");
		return;
	}
	if (dest[0] != '\0' ||
	    cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(a->args, "all")))
		moved = df_journal_deliveries_move(
			a->q->j, dest, 0, (enum df_delivery_kind)0, event);
	cJSON_ArrayForEach(
		id, cJSON_GetObjectItemCaseSensitive(a->args, "ids")) moved +=
		df_journal_delivery_move(a->q->j, (int64_t)id->valuedouble,
					 event, a->q->now, DF_OK, "", 0);
	if (cJSON_IsNumber(one))
		moved += df_journal_delivery_move(a->q->j,
						  (int64_t)one->valuedouble,
						  event, a->q->now, DF_OK, "",
						  0);
	if (event != DF_DELIVERY_HOLD)
		windows_open(a->q, dest);
	o = cJSON_CreateObject();
	(void)cJSON_AddNumberToObject(o, "moved", (double)moved);
	ask_answer(a, o);
}

static void queue_hold(const struct ask *a)
{
	queue_order(a, DF_DELIVERY_HOLD);
}

static void queue_release(const struct ask *a)
{
	queue_order(a, DF_DELIVERY_RELEASE);
}

static void queue_retry(const struct ask *a)
{
	queue_order(a, DF_DELIVERY_RETRY);
}

/* --- work that other rooms do for the answer -------------------------------- */

/* An answer that comes later; the link may go away meanwhile. */
struct pending {
	struct queue *q;
	uint32_t tag;
	char form[16];
};

static void pending_answer(struct pending *p, enum df_err err,
			   const struct df_why *why, const struct df_msg *from,
			   int *fd)
{
	struct df_link *link =
		df_room_link(p->q->room, DF_ROLE_CONSOLE, DF_ANY_NUMBER);
	struct df_msg m;

	df_msg_init(&m, DF_MSG_ANSWER, p->tag);
	df_msg_put_result(&m, err, why);
	if (err == DF_OK && from != NULL)
		df_msg_copy(&m, from, DF_M_MEDIA);
	queue_post(p->q, link, &m, fd, fd != NULL && *fd >= 0 ? 1 : 0);
	free(p);
}

static struct pending *pending_new(const struct ask *a, const char *form)
{
	struct pending *p = df_xcalloc(1, sizeof *p);

	p->q = a->q;
	p->tag = a->tag;
	df_str_fmt(p->form, sizeof p->form, "%s", form);
	return p;
}

static void part_done(void *ctx, struct df_reply *r)
{
	pending_answer(ctx, r->err, &r->why, r->msg,
		       r->n_fds > 0 ? &r->fds[0] : NULL);
}

static void part_opened(void *ctx, enum df_err err, const struct df_why *why,
			struct opened *o)
{
	struct pending *p = ctx;
	struct job *job;

	if (err != DF_OK) {
		pending_answer(p, err, why, NULL, NULL);
		return;
	}
	job = job_new(p->q, DF_MSG_REPORT_PART, WORK_REPORT, 0, p);
	opened_put(&job->m, o);
	df_msg_put_str(&job->m, DF_M_FORM, p->form);
	job_fd(job, df_fd_take(&o->fd));
	job->done = part_done;
	job_submit(job);
}

static void report_part(const struct ask *a, const char *form)
{
	struct df_row_report r;
	struct df_id id;

	if (!df_id_decode(&id, df_text_of(arg(a, "object"))) ||
	    !df_journal_report_of(a->q->j, &id, &r)) {
		ask_fail(a, DF_E_NOTFOUND, "no such report");
		return;
	}
	object_open(a->q, &id, true, r.direction == DF_ENV_MADE ? "" : r.peer,
		    part_opened, pending_new(a, form));
}

static void report_text(const struct ask *a)
{
	report_part(a, "text");
}

static void report_body(const struct ask *a)
{
	report_part(a, "body");
}

static void report_statement(const struct ask *a)
{
	report_part(a, "statement");
}

static void report_cms(const struct ask *a)
{
	report_part(a, "cms");
}

static void report_submit_verb(const struct ask *a)
{
	report_submit(a->q, a->link, a->tag, arg(a, "study"), a->fds, a->n_fds);
}

static void test_done(void *ctx, struct df_reply *r)
{
	pending_answer(ctx, r->err, &r->why, NULL,
		       r->n_fds > 0 ? &r->fds[0] : NULL);
}

static void destination_test(const struct ask *a)
{
	const char *name = arg(a, "name");
	struct df_link *link = queue_https(a->q);
	struct df_msg m;

	if (!destination_known(a->q, name)) {
		ask_fail(a, DF_E_NOTFOUND,
			 "no such destination; see `destination list`");
		return;
	}
	for (uint32_t i = 0; i < a->q->cfg->n_destinations; i++)
		if (strcmp(a->q->pacs[i].name, name) == 0 &&
		    a->q->cfg->destinations[i].stow[0] == '\0')
			link = df_room_link(a->q->room, DF_ROLE_DELIVER_DIMSE,
					    i);
	df_msg_init(&m, DF_MSG_TEST, 0);
	df_msg_put_str(&m, DF_M_DESTINATION, name);
	queue_call(a->q, link, &m, NULL, 0, DF_MSG_JOB_DONE, CALL_MS, test_done,
		   pending_new(a, ""));
}

/* --- the table --------------------------------------------------------------- */

static const struct {
	const char *verb;
	void (*run)(const struct ask *a);
} VERBS[] = {
	{"status", ask_status},
	{"study list", ask_study_list},
	{"study show", ask_study_show},
	{"study why", study_why},
	{"study send", study_send},
	{"queue list", queue_list},
	{"queue hold", queue_hold},
	{"queue release", queue_release},
	{"queue retry", queue_retry},
	{"report submit", report_submit_verb},
	{"report text", report_text},
	{"report body", report_body},
	{"report statement", report_statement},
	{"report cms", report_cms},
	{"destination test", destination_test},
};

bool ask_study(const struct ask *a, struct df_row_study *s)
{
	return study_named(a, s);
}

void on_query(struct df_room *room, struct df_link *from,
	      const struct df_msg *m, int *fds, size_t n_fds)
{
	struct ask a = {.q = queue_of(room), .link = from, .tag = m->tag,
			.fds = fds, .n_fds = n_fds};
	struct df_text verb = {0}, json = {0};
	size_t i;

	a.q->now = df_clock_wall_ms();
	(void)df_msg_get(m, DF_M_VERB, &verb); /* unknown verb when absent */
	if (df_msg_get(m, DF_M_JSON, &json) && json.len > 0)
		a.args = cJSON_ParseWithLength(json.ptr, json.len);
	for (i = 0; i < sizeof VERBS / sizeof VERBS[0]; i++)
		if (df_text_eq(verb, VERBS[i].verb))
			break;
	if (i < sizeof VERBS / sizeof VERBS[0])
		VERBS[i].run(&a);
	else
		ask_fail(&a, DF_E_UNSUPPORTED, "the queue knows no such verb");
	cJSON_Delete(a.args);
}
