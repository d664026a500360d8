/*
 * verbs.c - which room answers which verb, and answers made of several.
 */
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "df/file.h"

#define QUICK_MS 4500 /* the person gets an answer within five seconds */
#define ASIDE_MS 1500 /* what the answer can do without */
#define SLOW_MS 60000 /* verbs that do work before they answer */
#define PATIENTS_BATCH 400

struct ask {
	struct client *client;
	enum df_role role;
	answer_fn *fn;
};

static cJSON *json_of(struct df_text t)
{
	return t.len ? cJSON_ParseWithLength(t.ptr, t.len) : NULL;
}

/* The JSON that stands in a message's memfd. */
static cJSON *json_read(int fd)
{
	struct df_buf b;
	uint64_t size;
	cJSON *json = NULL;

	df_buf_init(&b, DF_CONTROL_ANSWER_MAX);
	if (df_fd_size(fd, &size, NULL) == DF_OK &&
	    size <= DF_CONTROL_ANSWER_MAX &&
	    df_buf_reserve(&b, (size_t)size, NULL) == DF_OK &&
	    df_pread_all(fd, b.ptr, (size_t)size, 0, NULL) == DF_OK)
		json = json_of(
			(struct df_text){(const char *)b.ptr, (size_t)size});
	df_buf_release(&b);
	return json;
}

static void on_reply(void *ctx, struct df_reply *r)
{
	struct ask *ask = ctx;
	struct client *c = ask->client;
	answer_fn *fn = ask->fn;
	struct answer a = {.client = c, .err = r->err, .why = r->why};
	struct df_text t;
	int none = -1;

	if (!r->last)
		return;
	if (r->msg == NULL) /* no answer: say whose; the error stays */
		(void)df_fail(&a.why, a.err, "%s does not answer: it %s",
			      df_role_name(ask->role),
			      a.err == DF_E_TIMEOUT
				      ? "is busy or stuck; see its log lines"
				      : "is starting again; try again soon");
	free(ask);
	client_hold(c);
	a.fd = r->n_fds > 0 ? &r->fds[0] : &none;
	if (a.err == DF_OK) {
		(void)df_msg_get_str(r->msg, DF_M_MEDIA, a.media,
				     sizeof a.media); /* "" when absent */
		if (df_msg_get(r->msg, DF_M_JSON, &t))
			a.json = json_of(t);
		else if (*a.fd >= 0 && a.media[0] == '\0')
			a.json = json_read(*a.fd);
	}
	c->pending--;
	fn(&a);
	cJSON_Delete(a.json);
	client_let_go(c);
}

void question(struct client *c, enum df_role role, const char *verb,
	      cJSON *args, bool give_fds, int64_t timeout_ms, answer_fn *fn)
{
	struct ask *ask = df_xmalloc(sizeof *ask);
	char *text = args ? cJSON_PrintUnformatted(args) : NULL;
	struct df_msg m;
	const size_t n_fds = give_fds ? c->n_fds : 0;

	cJSON_Delete(args);
	*ask = (struct ask){c, role, fn};
	df_msg_init(&m, DF_MSG_QUERY, 0);
	df_msg_put_str(&m, DF_M_VERB, verb);
	df_msg_put_opt(&m, DF_M_JSON, text);
	free(text);
	c->pending++;
	if (give_fds)
		c->n_fds = 0;
	(void)df_room_call(c->room, df_room_link(c->room, role, DF_ANY_NUMBER),
			   &m, c->fds, n_fds, DF_MSG_NONE, timeout_ms, on_reply,
			   ask); /* a lost link comes as a reply */
}

/* A question whose room is away is answered before it returns, and an answer
 * ends the request: nothing of it may be touched afterwards. */
static cJSON *args_take(struct client *c)
{
	cJSON *args = c->args;

	c->args = NULL;
	return args;
}

/* --- the plain case --------------------------------------------------------
 */

static void pass_back(struct answer *a)
{
	struct client *c = a->client;
	cJSON *result = a->json;

	if (a->err != DF_OK) {
		client_fail(c, a->err, &a->why);
		return;
	}
	a->json = NULL;
	if (a->media[0] != '\0') {
		if (result == NULL)
			result = cJSON_CreateObject();
		(void)cJSON_AddStringToObject(result, "media", a->media);
	}
	client_answer(c, result, a->fd);
}

/* --- status: everybody at once, and who is silent --- */

static void status_add(struct answer *a, const char *what, const char *member)
{
	struct client *c = a->client;
	cJSON *part;

	if (a->err != DF_OK) {
		cJSON *silent =
			cJSON_GetObjectItemCaseSensitive(c->result, "silent");

		(void)cJSON_AddItemToArray(silent, cJSON_CreateString(what));
	}
	part = member ? cJSON_DetachItemFromObjectCaseSensitive(a->json, member)
		      : NULL;
	if (part == NULL && a->err == DF_OK) {
		part = a->json;
		a->json = NULL;
	}
	(void)cJSON_AddItemToObject(c->result, member ? member : what,
				    part ? part : cJSON_CreateNull());
	if (c->pending > 0)
		return;
	part = c->result;
	c->result = NULL;
	/* ready is ready only when everybody answers */
	if (cJSON_GetArraySize(
		    cJSON_GetObjectItemCaseSensitive(part, "silent")) > 0)
		(void)cJSON_ReplaceItemInObjectCaseSensitive(
			part, "ready", cJSON_CreateFalse());
	client_answer(c, part, NULL);
}

static void status_rooms(struct answer *a)
{
	cJSON *ready = cJSON_GetObjectItemCaseSensitive(a->json, "ready");
	cJSON *all = a->client->result;
	static const char *const more[] = {"associations", "listen"};

	for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
		cJSON *v = cJSON_DetachItemFromObjectCaseSensitive(a->json,
								   more[i]);

		if (v != NULL)
			(void)cJSON_AddItemToObject(all, more[i], v);
	}
	if (cJSON_IsTrue(ready))
		(void)cJSON_ReplaceItemInObjectCaseSensitive(
			all, "ready", cJSON_CreateTrue());
	status_add(a, "rooms", "rooms");
}

static void status_queue(struct answer *a)
{
	status_add(a, "queue", NULL);
}

static void status_peers(struct answer *a)
{
	status_add(a, "peers", "peers");
}

/* Of what a person must decide. An index that is not there is no reason not
 * to say the rest, and supervise says it. */
static void status_identity(struct answer *a)
{
	a->err = DF_OK;
	status_add(a, "identity", NULL);
}

static void run_status(struct client *c)
{
	c->result = cJSON_CreateObject();
	(void)cJSON_AddFalseToObject(c->result, "ready");
	(void)cJSON_AddArrayToObject(c->result, "silent");
	c->pending++; /* until all are asked */
	question(c, DF_ROLE_SUPERVISE, "status", NULL, false, QUICK_MS,
		 status_rooms);
	question(c, DF_ROLE_QUEUE, "status", NULL, false, QUICK_MS,
		 status_queue);
	question(c, DF_ROLE_INDEX, "identity status", NULL, false, ASIDE_MS,
		 status_identity);
	c->pending--;
	question(c, DF_ROLE_KEYS, "peer list", NULL, false, QUICK_MS,
		 status_peers);
}

/* --- studies: the queue's states, the index's patients --- */

static const char *text_of(const cJSON *o, const char *key)
{
	const char *s =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));

	return s ? s : "";
}

/* Copies one patient's columns into the study with the same UID. */
static void patient_merge(cJSON *studies, const cJSON *patient)
{
	const char *uid = text_of(patient, "study_uid");
	cJSON *study;

	if (uid[0] == '\0')
		uid = text_of(patient, "study");
	cJSON_ArrayForEach(study, studies)
	{
		/* a clinic's study and our reports on it share the UID */
		if (strcmp(text_of(study, "study_uid"), uid) != 0 ||
		    cJSON_HasObjectItem(study, "patient"))
			continue;
		(void)cJSON_AddItemToObject(study, "patient",
					    cJSON_Duplicate(patient, true));
		(void)cJSON_AddStringToObject(study, "modality",
					      text_of(patient, "modalities"));
	}
}

static void studies_patients(struct answer *a)
{
	struct client *c = a->client;
	cJSON *studies = cJSON_GetObjectItemCaseSensitive(c->result, "studies");
	cJSON *patients = cJSON_GetObjectItemCaseSensitive(a->json, "patients");
	cJSON *result, *p;

	if (patients == NULL)
		patients = cJSON_GetObjectItemCaseSensitive(a->json, "studies");
	/* without the index the list is still true, only nameless */
	cJSON_ArrayForEach(p, patients) patient_merge(studies, p);
	if (c->pending > 0)
		return;
	result = c->result;
	c->result = NULL;
	client_answer(c, result, NULL);
}

static void ask_patients(struct client *c, const cJSON *studies)
{
	const cJSON *s;
	cJSON *uids = NULL;
	int n = 0;

	c->pending++; /* until all batches are out */
	cJSON_ArrayForEach(s, studies)
	{
		const bool last = s->next == NULL;

		if (uids == NULL)
			uids = cJSON_CreateArray();
		(void)cJSON_AddItemToArray(
			uids, cJSON_CreateString(text_of(s, "study_uid")));
		if (++n < PATIENTS_BATCH && !last)
			continue;
		cJSON *args = cJSON_CreateObject();

		(void)cJSON_AddItemToObject(args, "studies", uids);
		uids = NULL;
		n = 0;
		if (last)
			c->pending--;
		question(c, DF_ROLE_INDEX, "patients", args, false, QUICK_MS,
			 studies_patients);
		if (last)
			return;
	}
}

static void studies_states(struct answer *a)
{
	struct client *c = a->client;
	const cJSON *studies =
		cJSON_GetObjectItemCaseSensitive(a->json, "studies");

	if (a->err != DF_OK || cJSON_GetArraySize(studies) == 0) {
		pass_back(a);
		return;
	}
	c->result = a->json;
	a->json = NULL;
	ask_patients(c, studies);
}

static void run_study_list(struct client *c)
{
	question(c, DF_ROLE_QUEUE, "study list", args_take(c), false, QUICK_MS,
		 studies_states);
}

/* --- reports: never a body from an unverified one --- */

static void report_part(struct answer *a)
{
	struct client *c = a->client;
	const char *verdict = text_of(a->json, "verification");
	cJSON *args;

	if (a->err != DF_OK) {
		client_fail(c, a->err, &a->why);
		return;
	}
	if (strcmp(verdict, "signed") != 0 && strcmp(verdict, "sealed") != 0) {
		struct df_why why;
		const enum df_err err =
			df_fail(&why, DF_E_REFUSED,
				"the report could not be verified; its text "
				"is not shown");

		client_fail(c, err, &why);
		return;
	}
	args = cJSON_CreateObject();
	(void)cJSON_AddStringToObject(args, "object",
				      text_of(a->json, "object"));
	question(c, DF_ROLE_QUEUE, c->route->verb, args, false, SLOW_MS,
		 pass_back);
}

static void run_report_part(struct client *c)
{
	question(c, DF_ROLE_INDEX, "report get", args_take(c), false, QUICK_MS,
		 report_part);
}

/* Trust and peers are read again; no room restarts for it. */
static void run_keys_reload(struct client *c)
{
	question(c, DF_ROLE_KEYS, "reload", args_take(c), false, QUICK_MS,
		 pass_back);
}

/* --- the table --- */

static const struct route routes[] = {
	{"status", DF_ROLE_NONE, 0, run_status},
	{"reload", DF_ROLE_SUPERVISE, QUICK_MS, NULL},
	{"keys reload", DF_ROLE_NONE, 0, run_keys_reload},
	{"peer invite", DF_ROLE_KEYS, QUICK_MS, NULL},
	{"peer list", DF_ROLE_KEYS, QUICK_MS, NULL},
	{"peer revoke", DF_ROLE_KEYS, QUICK_MS, NULL},
	{"study list", DF_ROLE_NONE, 0, run_study_list},
	{"study show", DF_ROLE_QUEUE, QUICK_MS, NULL},
	{"study why", DF_ROLE_QUEUE, QUICK_MS, NULL},
	{"study send", DF_ROLE_QUEUE, QUICK_MS, NULL},
	{"study export", DF_ROLE_QUEUE, SLOW_MS, NULL},
	{"study facts", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"study twins", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"queue list", DF_ROLE_QUEUE, QUICK_MS, NULL},
	{"quarantine list", DF_ROLE_QUEUE, QUICK_MS, NULL},
	{"quarantine show", DF_ROLE_QUEUE, QUICK_MS, NULL},
	{"quarantine release", DF_ROLE_QUEUE, QUICK_MS, NULL},
	{"quarantine discard", DF_ROLE_QUEUE, QUICK_MS, NULL},
	{"spool scrub", DF_ROLE_QUEUE, QUICK_MS, NULL},
	{"queue hold", DF_ROLE_QUEUE, QUICK_MS, NULL},
	{"queue release", DF_ROLE_QUEUE, QUICK_MS, NULL},
	{"queue retry", DF_ROLE_QUEUE, QUICK_MS, NULL},
	{"commitment list", DF_ROLE_QUEUE, QUICK_MS, NULL},
	{"destination test", DF_ROLE_QUEUE, SLOW_MS, NULL},
	{"prior fetch", DF_ROLE_QUEUE, QUICK_MS, NULL},
	{"prior list", DF_ROLE_QUEUE, QUICK_MS, NULL},
	{"prior cancel", DF_ROLE_QUEUE, QUICK_MS, NULL},
	{"prior search", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"order add", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"order list", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"order cancel", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"recognition view", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"recognition accept", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"recognition decline", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"recognition undo", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"recognition list", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"recognition reasons", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"recognition figures", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"audit read", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"audit status", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"audit verify", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"report list", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"report get", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"report check", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"recognition check", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"identity list", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"identity show", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"identity merge", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"identity split", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"identity undo", DF_ROLE_INDEX, QUICK_MS, NULL},
	{"report submit", DF_ROLE_QUEUE, SLOW_MS, NULL},
	{"report text", DF_ROLE_NONE, 0, run_report_part},
	{"report body", DF_ROLE_NONE, 0, run_report_part},
	{"report statement", DF_ROLE_NONE, 0, run_report_part},
	{"report cms", DF_ROLE_NONE, 0, run_report_part},
};

const struct route *route_find(const char *verb)
{
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
		if (strcmp(routes[i].verb, verb) == 0)
			return &routes[i];
	return NULL;
}

void route_start(struct client *c)
{
	if (c->route->run != NULL) {
		c->route->run(c);
		return;
	}
	question(c, c->route->role, c->route->verb, args_take(c), true,
		 c->route->timeout_ms, pass_back);
}
