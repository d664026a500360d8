/*
 * answers.c - questions and orders from the console.
 *
 * Answers are JSON in a memfd. They hold UIDs, names of ours and numbers;
 * patients' names are the index's to add.
 */
#include "answers.h"

#include <stdlib.h>
#include <string.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"
#include "prior.h"

#define STUDIES_MAX 1000
#define LIST_MAX 1000
#define TEST_MS 55000

/* --- answering -------------------------------------------------------------- */

/* The console may have gone while others worked for it. */
static bool is_up(struct queue *q, const struct df_link *link)
{
	struct df_link *l = NULL;

	while ((l = df_room_link_next(q->room, DF_ROLE_CONSOLE, l)) != NULL)
		if (l == link)
			return true;
	return false;
}

static void send(struct queue *q, struct df_link *link, struct df_msg *m,
		 int *fd)
{
	if (is_up(q, link))
		queue_post(q, link, m, fd, *fd >= 0 ? 1 : 0);
	df_msg_release(m);
	df_fd_close(fd);
}

void answer_error(struct queue *q, struct df_link *link, uint32_t tag,
		  enum df_err err, const struct df_why *why)
{
	struct df_msg m;
	int fd = -1;

	df_msg_init(&m, DF_MSG_ANSWER, tag);
	df_msg_put_result(&m, err, why);
	send(q, link, &m, &fd);
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
	send(q, link, &m, &fd);
}

void answer_json(struct ask *a, cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);

	cJSON_Delete(json);
	if (text == NULL)
		df_bug("out of memory");
	answer_text(a->q, a->link, a->tag, text, NULL);
	free(text);
}

void answer_file(struct ask *a, cJSON *json, const char *media, int *fd)
{
	char *text = cJSON_PrintUnformatted(json);
	struct df_msg m;

	cJSON_Delete(json);
	if (text == NULL)
		df_bug("out of memory");
	df_msg_init(&m, DF_MSG_ANSWER, a->tag);
	df_msg_put_str(&m, DF_M_JSON, text);
	df_msg_put_str(&m, DF_M_MEDIA, media);
	free(text);
	send(a->q, a->link, &m, fd);
}

static void fail(struct ask *a, enum df_err err, const char *text)
{
	struct df_why why = {0};

	(void)df_fail(&why, err, "%s", text);
	answer_error(a->q, a->link, a->tag, err, &why);
}

const char *ask_text(const struct ask *a, const char *key)
{
	const char *s = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(a->args, key));

	return s != NULL ? s : "";
}

void put_num(cJSON *o, const char *key, uint64_t v)
{
	(void)cJSON_AddNumberToObject(o, key, (double)v); /* NULL: memory */
}

void put_str(cJSON *o, const char *key, const char *s)
{
	(void)cJSON_AddStringToObject(o, key, s); /* NULL: memory */
}

void put_time(cJSON *o, const char *key, int64_t ms)
{
	char text[DF_TIME_LEN + 1] = "";

	if (ms > 0)
		df_time_encode(text, ms);
	put_str(o, key, text);
}

/* --- studies ------------------------------------------------------------------ */

static bool find_study(struct ask *a, struct df_row_study *s)
{
	const char *uid = ask_text(a, "study");

	/* what we hold of a clinic's own study beside it are reports on it */
	if (df_journal_study_find(a->q->j, uid, NULL, s) ||
	    df_journal_study_find(a->q->j, uid, "", s))
		return true;
	fail(a, DF_E_NOTFOUND, "this node holds no such study");
	return false;
}

static void study_list(struct ask *a)
{
	struct df_row_study *rows = df_xcalloc(STUDIES_MAX, sizeof *rows);
	cJSON *all = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(all, "studies");
	size_t n = df_journal_studies(a->q->j, DF_OF_ALL, INT64_MAX, rows,
				      STUDIES_MAX);

	for (size_t i = 0; i < n; i++)
		(void)cJSON_AddItemToArray(list, study_json(a->q, &rows[i]));
	free(rows);
	answer_json(a, all);
}

static void put_instances(struct queue *q, cJSON *o, int64_t study)
{
	struct df_row_instance *rows = df_xcalloc(LIST_MAX, sizeof *rows);
	cJSON *list = cJSON_AddArrayToObject(o, "list");
	size_t n = df_journal_instances(q->j, DF_OF_STUDY, study, rows,
					LIST_MAX);

	for (size_t i = 0; i < n; i++) {
		cJSON *in = cJSON_CreateObject();

		put_str(in, "sop_instance", rows[i].sop_instance);
		put_str(in, "sop_class", rows[i].sop_class);
		put_str(in, "transfer_syntax", rows[i].transfer_syntax);
		put_str(in, "state", df_instance_state_name(rows[i].state));
		put_str(in, "coding", rows[i].coding);
		put_num(in, "bytes", rows[i].size_bytes);
		put_num(in, "packed_bytes", rows[i].coded_bytes);
		put_str(in, "reason", rows[i].reason);
		(void)cJSON_AddItemToArray(list, in);
	}
	free(rows);
}

static void put_manifests(struct queue *q, cJSON *o, int64_t study)
{
	struct df_row_manifest rows[16];
	cJSON *list = cJSON_AddArrayToObject(o, "manifests");
	size_t n = df_journal_manifests_of(q->j, study, rows, 16);

	for (size_t i = 0; i < n; i++) {
		cJSON *m = cJSON_CreateObject();

		put_num(m, "version", rows[i].version);
		put_str(m, "destination", rows[i].dest);
		put_str(m, "digest", df_digest_hex(&rows[i].digest).s);
		put_str(m, "state",
			rows[i].state == DF_MANIFEST_RECEIPTED ? "receipted"
							       : "waiting");
		put_str(m, "error", rows[i].why);
		(void)cJSON_AddItemToArray(list, m);
	}
}

static void put_held(struct queue *q, cJSON *o, int64_t study)
{
	struct df_digest d[16];
	cJSON *list = cJSON_AddArrayToObject(o, "held_manifests");
	size_t n = df_journal_held_digests(q->j, study, d, 16);

	for (size_t i = 0; i < n; i++)
		(void)cJSON_AddItemToArray(
			list, cJSON_CreateString(df_digest_hex(&d[i]).s));
}

static void put_sums(struct queue *q, cJSON *o, int64_t study)
{
	struct df_delivery_sum rows[32];
	cJSON *list = cJSON_AddArrayToObject(o, "deliveries");
	size_t n = df_journal_delivery_sums(q->j, study, rows, 32);

	for (size_t i = 0; i < n; i++) {
		cJSON *d = cJSON_CreateObject();

		put_str(d, "destination", rows[i].dest);
		put_str(d, "kind",
			rows[i].kind == DF_DELIVER_PARCEL ? "parcel"
							  : "instance");
		put_str(d, "state", df_delivery_state_name(rows[i].state));
		put_num(d, "count", rows[i].count);
		put_str(d, "error", rows[i].why);
		put_num(d, "remarked", rows[i].remarked);
		put_time(d, "next", rows[i].next_ms);
		place_put(q, d, study, &rows[i]);
		(void)cJSON_AddItemToArray(list, d);
	}
}

static void study_show(struct ask *a)
{
	struct df_row_study s;
	cJSON *o;

	if (!find_study(a, &s))
		return;
	o = study_json(a->q, &s);
	put_sums(a->q, o, s.n);
	put_manifests(a->q, o, s.n);
	put_held(a->q, o, s.n);
	codings_put_study(a->q, o, s.n);
	purge_put_study(a->q, o, s.n);
	put_instances(a->q, o, s.n);
	answer_json(a, o);
}

static void study_why(struct ask *a)
{
	struct df_row_study s, own;
	char *text, *more = NULL;
	struct df_buf both;
	cJSON *o;

	if (!find_study(a, &s))
		return;
	text = why_text(a->q, &s);
	if (s.peer[0] != '\0' && df_journal_study_find(a->q->j, s.uid, "", &own))
		more = why_text(a->q, &own);
	df_buf_init(&both, 65536);
	if (df_buf_addf(&both, NULL, "%s%s%s", text, more ? "\n" : "",
			more ? more : "") != DF_OK ||
	    df_buf_u8(&both, 0) != DF_OK)
		df_bug("two screens are more than 64 KiB");
	o = cJSON_CreateObject();
	put_str(o, "text", (const char *)both.ptr);
	free(text);
	free(more);
	df_buf_release(&both);
	answer_json(a, o);
}

static void study_send(struct ask *a)
{
	struct queue *q = a->q;
	const bool stat = cJSON_IsTrue(
		cJSON_GetObjectItemCaseSensitive(a->args, "stat"));
	struct df_row_study s;
	cJSON *o;

	if (!find_study(a, &s))
		return;
	if (s.peer[0] != '\0' && !stat) {
		fail(a, DF_E_REFUSED,
		     "this study is a clinic's; only the clinic can say that "
		     "it is complete: study send there");
		return;
	}
	if (stat)
		study_urge(q, s.n);
	if (s.peer[0] == '\0')
		linked_let_go(q, s.n); /* a person wants it sent */
	if (s.peer[0] == '\0' && s.state == DF_STUDY_OPEN) {
		df_journal_study_close(q->j, s.n, "hand", df_clock_wall_ms());
		df_log(DF_LOG_INFO, "study.closed", DF_F_UID("study", s.uid),
		       DF_F_WORD("reason", "hand"));
	}
	q->pack_look = q->study_look = true;
	o = cJSON_CreateObject();
	put_str(o, "study_uid", s.uid);
	answer_json(a, o);
}

/* --- reports -------------------------------------------------------------------- */

struct part {
	struct queue *q;
	struct df_link *link;
	uint32_t tag;
	char form[16];
};

static void part_done(void *ctx, struct df_reply *r)
{
	struct part *p = ctx;
	struct df_msg m;
	int fd = -1;

	if (r->err != DF_OK || r->n_fds != 1) {
		answer_error(p->q, p->link, p->tag,
			     r->err != DF_OK ? r->err : DF_E_BUG, &r->why);
	} else {
		fd = df_fd_take(&r->fds[0]);
		df_msg_init(&m, DF_MSG_ANSWER, p->tag);
		df_msg_copy(&m, r->msg, DF_M_MEDIA);
		send(p->q, p->link, &m, &fd);
	}
	free(p);
}

static void part_opened(void *ctx, enum df_err rc, const struct df_why *why,
			struct opened *o)
{
	struct part *p = ctx;
	struct job *job;

	if (rc != DF_OK) {
		answer_error(p->q, p->link, p->tag, rc, why);
		free(p);
		return;
	}
	job = job_new(p->q, DF_MSG_REPORT_PART, WORK_REPORT, 0, p);
	opened_put(&job->m, o);
	df_msg_put_str(&job->m, DF_M_FORM, p->form);
	job_fd(job, df_fd_take(&o->fd));
	job->priority = 1; /* a person waits */
	job->done = part_done;
	job_submit(job);
}

static void report_part(struct ask *a)
{
	struct df_row_report r;
	struct df_id object;
	struct part *p;

	if (!df_id_decode(&object, df_text_of(ask_text(a, "object"))) ||
	    !df_journal_report_of(a->q->j, &object, &r)) {
		fail(a, DF_E_NOTFOUND, "no such report");
		return;
	}
	/* never a body from a report that was not verified */
	if (!r.stored || r.verdict > 1) {
		fail(a, DF_E_DENIED, "the report could not be verified");
		return;
	}
	p = df_xcalloc(1, sizeof *p);
	p->q = a->q;
	p->link = a->link;
	p->tag = a->tag;
	df_str_fmt(p->form, sizeof p->form, "%s",
		   a->verb + strlen("report "));
	object_open(a->q, &object, true,
		    r.direction == DF_ENV_TAKEN ? r.peer : "", part_opened, p);
}

static void submit(struct ask *a)
{
	report_submit(a->q, a->link, a->tag, ask_text(a, "study"), a->fds,
		      a->n_fds);
}

/* --- destination test ------------------------------------------------------------- */

static void tested(void *ctx, struct df_reply *r)
{
	struct part *p = ctx;
	struct df_msg m;
	int fd = -1;

	if (!r->last)
		return;
	if (r->n_fds == 1) {
		fd = df_fd_take(&r->fds[0]);
		df_msg_init(&m, DF_MSG_ANSWER, p->tag);
		send(p->q, p->link, &m, &fd);
	} else {
		answer_error(p->q, p->link, p->tag,
			     r->err != DF_OK ? r->err : DF_E_BUG, &r->why);
	}
	free(p);
}

static struct df_link *link_of(struct queue *q, const char *name)
{
	for (size_t i = 0; i < q->cfg->n_destinations; i++)
		if (strcmp(q->cfg->destinations[i].name, name) == 0)
			return q->cfg->destinations[i].dicom.host[0] == '\0'
				       ? queue_https(q)
				       : df_room_link(q->room,
						      DF_ROLE_DELIVER_DIMSE,
						      (uint32_t)i);
	return df_config_peer(q->cfg, df_text_of(name)) != NULL ? queue_https(q)
								: NULL;
}

static void destination_test(struct ask *a)
{
	const char *name = ask_text(a, "name");
	struct df_link *link = link_of(a->q, name);
	struct part *p;
	struct df_msg m;

	if (link == NULL) {
		fail(a, DF_E_NOTFOUND,
		     "no such destination, or it is just starting: see "
		     "destination list; a node that dials us is tested from "
		     "there");
		return;
	}
	p = df_xcalloc(1, sizeof *p);
	p->q = a->q;
	p->link = a->link;
	p->tag = a->tag;
	df_msg_init(&m, DF_MSG_TEST, 0);
	df_msg_put_str(&m, DF_M_DESTINATION, name);
	queue_call(a->q, link, &m, NULL, 0, DF_MSG_JOB_DONE, TEST_MS, tested,
		   p);
}

/* --- the table ---------------------------------------------------------------------- */

static const struct {
	const char *verb;
	void (*run)(struct ask *a);
} verbs[] = {
	{"status", queue_status},
	{"study list", study_list},
	{"study show", study_show},
	{"study why", study_why},
	{"study send", study_send},
	{"study export", study_export},
	{"queue list", queue_list},
	{"quarantine list", quarantine_list},
	{"quarantine show", quarantine_show},
	{"quarantine release", quarantine_release},
	{"quarantine discard", quarantine_discard},
	{"commitment list", commitment_list},
	{"queue hold", queue_order},
	{"queue release", queue_order},
	{"queue retry", queue_order},
	{"report submit", submit},
	{"report text", report_part},
	{"report body", report_part},
	{"report statement", report_part},
	{"report cms", report_part},
	{"destination test", destination_test},
	{"spool scrub", spool_scrub},
	{"prior fetch", prior_order},
	{"prior list", prior_list},
	{"prior cancel", prior_cancel},
};

QUEUE_HANDLER(query)
{
	struct ask a = {queue_of(room), from, m->tag, "", NULL, fds, n_fds};
	struct df_text json = {NULL, 0};

	if (!df_msg_get_str(m, DF_M_VERB, a.verb, sizeof a.verb))
		df_bug("a question without a verb");
	if (df_msg_get(m, DF_M_JSON, &json))
		a.args = cJSON_ParseWithLength(json.ptr, json.len);
	if (a.q->j == NULL) {
		degraded_answer(&a);
		cJSON_Delete(a.args);
		return;
	}
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (strcmp(verbs[i].verb, a.verb) == 0) {
			verbs[i].run(&a);
			cJSON_Delete(a.args);
			return;
		}
	cJSON_Delete(a.args);
	a.args = NULL;
	fail(&a, DF_E_UNSUPPORTED, "no such verb");
}
