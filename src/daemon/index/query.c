/*
 * query.c - answers for the console, as JSON. See the verbs in df/message.h.
 *
 * The only place where identifying columns are opened for people.
 */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/statement.h"
#include "identity_room.h"
#include "index.h"
#include "ledger_room.h"
#include "orders.h"
#include "region.h"

#define REPORTS_LISTED 10000

static void add_time(cJSON *o, const char *key, int64_t ms)
{
	char text[DF_TIME_LEN + 1];

	df_time_encode(text, ms);
	(void)cJSON_AddStringToObject(o, key, text);
}

static cJSON *study_json(const struct df_store_study *st)
{
	cJSON *o = cJSON_CreateObject();
	size_t n;

	(void)cJSON_AddStringToObject(o, "study_uid", st->study_uid);
	(void)cJSON_AddStringToObject(o, "peer", st->peer);
	for (n = 0; n < DF_IDENT_COUNT; n++)
		(void)cJSON_AddStringToObject(o, index_ident_word[n],
					      st->ident[n]);
	(void)cJSON_AddStringToObject(o, "modalities", st->modalities);
	(void)cJSON_AddNumberToObject(o, "series", (double)st->series);
	(void)cJSON_AddNumberToObject(o, "instances", (double)st->instances);
	(void)cJSON_AddNumberToObject(o, "bytes", (double)st->bytes);
	(void)cJSON_AddStringToObject(o, "name_basis", st->basis);
	(void)cJSON_AddBoolToObject(o, "mixed_patients", st->mixed);
	(void)cJSON_AddStringToObject(o, "patient_ref", st->patient);
	(void)cJSON_AddBoolToObject(o, "identity_held", st->held || st->mixed);
	add_time(o, "first_received", st->first_ms);
	add_time(o, "last_received", st->last_ms);
	return o;
}

static const char *text_arg(const cJSON *args, const char *key)
{
	const char *s = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(args, key));

	return s != NULL && s[0] != '\0' ? s : NULL;
}

/* {studies:[uid]} > {patients:[...]}; unknown ones are left out. */
static enum df_err patients(struct index *x, const cJSON *args, cJSON *out,
			    struct df_why *why)
{
	cJSON *list = cJSON_AddArrayToObject(out, "patients");
	const cJSON *uid;
	struct df_store_study st;
	enum df_err rc;

	cJSON_ArrayForEach(uid,
			   cJSON_GetObjectItemCaseSensitive(args, "studies"))
	{
		if (!cJSON_IsString(uid))
			continue;
		rc = df_store_study(x->store, uid->valuestring, NULL, &st, why);
		if (rc == DF_OK)
			(void)cJSON_AddItemToArray(list, study_json(&st));
		else if (rc != DF_E_NOTFOUND && rc != DF_E_CONFLICT)
			return rc;
	}
	return DF_OK;
}

static void add_reason(cJSON *o, const char *key, const char *word,
		       const char *otherwise)
{
	enum df_report_reason r = df_report_reason_from(df_text_of(word));
	char name[40];

	(void)cJSON_AddStringToObject(o, key, word);
	df_str_fmt(name, sizeof name, "%s_text", key);
	(void)cJSON_AddStringToObject(
		o, name,
		r != DF_REASON_NONE ? df_report_reason_en(r) : otherwise);
	df_str_fmt(name, sizeof name, "%s_text_zh", key);
	(void)cJSON_AddStringToObject(
		o, name,
		r != DF_REASON_NONE ? df_report_reason_zh(r) : otherwise);
}

/* What the statement says; of a rejected one only what tells staff apart. */
static void add_statement(struct index *x, cJSON *o,
			  const struct df_statement *s)
{
	struct df_store_study st;

	(void)cJSON_AddStringToObject(o, "accession", s->accession);
	(void)cJSON_AddStringToObject(o, "patient_id", s->patient_id);
	(void)cJSON_AddStringToObject(o, "media_type",
				      df_report_media_word(s->media));
	(void)cJSON_AddNumberToObject(o, "content_length",
				      (double)s->content_bytes);
	(void)cJSON_AddStringToObject(o, "content_sha256",
				      df_digest_hex(&s->content).s);
	(void)cJSON_AddStringToObject(o, "signer_role",
				      df_report_role_word(s->role));
	(void)cJSON_AddStringToObject(o, "centre_node", s->centre_node.s);
	(void)cJSON_AddStringToObject(o, "clinic_node", s->clinic_node.s);
	add_time(o, "signed_at", s->signed_at_ms);
	if (index_claimed_study(x, s->study_uid, s->clinic_node.s, &st, NULL) ==
	    DF_OK)
		(void)cJSON_AddStringToObject(o, "patient_name",
					      st.ident[DF_IDENT_PATIENT_NAME]);
}

/* Is it what a reader should see of its report: the highest version? */
static bool is_current(struct index *x, const struct df_store_report *r)
{
	struct df_store_report top;
	struct df_buf text;
	bool yes;

	if (!r->accepted || r->conflict || r->verdict == DF_REPORT_REJECTED)
		return false;
	df_buf_init(&text, 256 * 1024);
	yes = df_store_report_version(x->store, r->study_uid, r->report_id, 0,
				      &top, &text, NULL) == DF_OK &&
	      strcmp(top.object, r->object) == 0;
	df_buf_wipe(&text);
	return yes;
}

static cJSON *report_json(struct index *x, const struct df_store_report *r)
{
	const char *status =
		df_report_status_word((enum df_report_status)r->status);
	cJSON *o = cJSON_CreateObject();
	struct df_statement s;
	bool readable = df_statement_decode(r->text, &s, NULL) == DF_OK;

	(void)cJSON_AddStringToObject(o, "id", r->object);
	(void)cJSON_AddStringToObject(o, "object", r->object);
	(void)cJSON_AddStringToObject(o, "study_uid", r->study_uid);
	(void)cJSON_AddStringToObject(o, "report_id", r->report_id);
	(void)cJSON_AddNumberToObject(o, "version", r->version);
	(void)cJSON_AddStringToObject(o, "status",
				      readable && status ? status : "");
	(void)cJSON_AddStringToObject(
		o, "verification",
		df_report_verdict_word((enum df_report_verdict)r->verdict));
	(void)cJSON_AddStringToObject(o, "signed_by", r->signer);
	add_reason(o, "reason", r->reason, r->why);
	add_reason(o, "note", r->note, "");
	(void)cJSON_AddStringToObject(o, "detail", r->why);
	(void)cJSON_AddBoolToObject(o, "current", is_current(x, r));
	(void)cJSON_AddStringToObject(o, "revocation", "not checked");
	(void)cJSON_AddStringToObject(o, "timestamp", "not checked");
	(void)cJSON_AddStringToObject(o, "sender", r->sender);
	(void)cJSON_AddStringToObject(o, "statement_sha256",
				      df_digest_hex(&r->statement).s);
	add_time(o, "received_at", r->received_ms);
	if (readable)
		add_statement(x, o, &s);
	return o;
}

struct listing {
	struct index *x;
	cJSON *list;
	int left;
};

static enum df_err list_one(void *ctx, const struct df_store_report *r)
{
	struct listing *l = ctx;

	if (l->left-- > 0)
		(void)cJSON_AddItemToArray(l->list, report_json(l->x, r));
	return DF_OK;
}

/* {[study]} > {reports:[...]}, oldest first */
static enum df_err report_list(struct index *x, const cJSON *args, cJSON *out,
			       struct df_why *why)
{
	struct listing l = {x, cJSON_AddArrayToObject(out, "reports"),
			    REPORTS_LISTED};

	return df_store_reports(x->store, text_arg(args, "study"), list_one, &l,
				why);
}

/* {id} > the report's members, at the top */
static enum df_err report_get(struct index *x, const cJSON *args, cJSON *out,
			      struct df_why *why)
{
	const char *id = text_arg(args, "id");
	struct df_store_report r;
	struct df_buf text;
	enum df_err rc;
	cJSON *o, *member;

	if (id == NULL)
		return df_fail(why, DF_E_USAGE, "which report? no 'id'");
	df_buf_init(&text, 256 * 1024);
	rc = df_store_report(x->store, id, &r, &text, why);
	if (rc == DF_E_NOTFOUND)
		rc = df_fail(why, rc, "there is no report of that id");
	if (rc == DF_OK) {
		o = report_json(x, &r);
		while ((member = o->child) != NULL)
			(void)cJSON_AddItemToObject(
				out, member->string,
				cJSON_DetachItemViaPointer(o, member));
		cJSON_Delete(o);
	}
	df_buf_wipe(&text);
	return rc;
}

/* {statement, statement_sha256, verification: "signed"|"sealed"} > how it
 * would be ruled here, if it came over the line now; nothing is stored */
static enum df_err report_check(struct index *x, const cJSON *args, cJSON *out,
				struct df_why *why)
{
	const char *text = text_arg(args, "statement");
	const char *digest = text_arg(args, "statement_sha256");
	const char *checked = text_arg(args, "verification");
	struct df_store_report r = {.checked = DF_REPORT_SIGNED};
	enum df_err rc;

	if (text == NULL || checked == NULL || digest == NULL ||
	    !df_digest_decode(&r.statement, df_text_of(digest)))
		return df_fail(why, DF_E_USAGE,
			       "needs statement, statement_sha256 and "
			       "verification");
	if (!strcmp(checked, "sealed"))
		r.checked = DF_REPORT_SEALED;
	else if (strcmp(checked, "signed") != 0)
		return df_fail(why, DF_E_USAGE, "only of a good signature");
	r.text = df_text_of(text);
	rc = index_report_check(x, &r, why);
	if (rc != DF_OK)
		return rc;
	(void)cJSON_AddStringToObject(out, "study_uid", r.study_uid);
	(void)cJSON_AddStringToObject(
		out, "verification",
		df_report_verdict_word((enum df_report_verdict)r.verdict));
	add_reason(out, "reason", r.reason, "");
	add_reason(out, "note", r.note, "");
	return DF_OK;
}

/* {study} > what a report statement for it needs */
static enum df_err study_facts(struct index *x, const cJSON *args, cJSON *out,
			       struct df_why *why)
{
	const char *uid = text_arg(args, "study");
	struct df_store_study st;
	enum df_err rc;
	cJSON *o, *member;

	if (uid == NULL)
		return df_fail(why, DF_E_USAGE, "which study? no 'study'");
	rc = df_store_study(x->store, uid, text_arg(args, "peer"), &st, why);
	if (rc == DF_E_NOTFOUND)
		rc = df_fail(why, rc, "study '%.64s' is not known here", uid);
	if (rc != DF_OK)
		return rc;
	o = study_json(&st);
	while ((member = o->child) != NULL)
		(void)cJSON_AddItemToObject(
			out, member->string,
			cJSON_DetachItemViaPointer(o, member));
	cJSON_Delete(o);
	(void)cJSON_AddStringToObject(out, "clinic_node",
				      st.peer[0] ? st.peer : x->self);
	(void)cJSON_AddStringToObject(out, "node", x->self);
	return report_list(x, args, out, why);
}

static const struct {
	const char *verb;
	enum df_err (*run)(struct index *x, const cJSON *args, cJSON *out,
			   struct df_why *why);
} VERBS[] = {
	{"patients", patients},	      {"report list", report_list},
	{"report get", report_get},   {"report check", report_check},
	{"study facts", study_facts},
	{"order add", order_add},
	{"order list", order_list},
	{"order cancel", order_cancel},
	{"recognition check", index_recognition_check},
	{"recognition view", ledger_view},
	{"recognition accept", ledger_accept},
	{"recognition decline", ledger_decline},
	{"recognition undo", ledger_undo},
	{"recognition list", ledger_list},
	{"recognition reasons", ledger_reasons},
	{"recognition figures", ledger_figures},
	{"audit read", audit_read},
	{"audit status", audit_status},
	{"audit verify", audit_verify},
	{"prior local", index_prior_local},
	{"study twins", index_study_twins},
	{"identity list", index_identity_list},
	{"identity status", index_identity_status},
	{"identity show", index_identity_show},
	{"identity merge", index_identity_merge},
	{"identity split", index_identity_split},
	{"identity undo", index_identity_undo},
};

enum df_err index_verb(struct index *x, struct df_text verb, const cJSON *args,
		       cJSON *out, struct df_why *why)
{
	size_t i;

	for (i = 0; i < sizeof VERBS / sizeof VERBS[0]; i++)
		if (df_text_eq(verb, VERBS[i].verb))
			return VERBS[i].run(x, args, out, why);
	return df_fail(why, DF_E_UNSUPPORTED, "no such question");
}

/* The answer's text in a sealed memfd. */
static enum df_err print(cJSON *out, int *fd, struct df_why *why)
{
	char *text = cJSON_PrintUnformatted(out);
	enum df_err rc;

	if (text == NULL)
		return df_fail(why, DF_E_NOMEM, "no memory for an answer");
	rc = df_memfd_new(fd, "answer", why);
	if (rc == DF_OK)
		rc = df_write_all(*fd, text, strlen(text), why);
	if (rc == DF_OK)
		rc = df_memfd_seal(*fd, why);
	cJSON_free(text);
	return rc;
}

void index_answer(struct df_link *to, enum df_msg_type type, uint32_t tag,
		  enum df_err rc, cJSON *out_take, struct df_why *why)
{
	struct df_msg reply;
	int fd = -1;

	if (rc == DF_OK)
		rc = print(out_take, &fd, why);
	cJSON_Delete(out_take);
	if (rc != DF_OK)
		df_fd_close(&fd);
	df_msg_init(&reply, type, tag);
	df_msg_put_result(&reply, rc, why);
	(void)df_room_send(to, &reply, &fd, fd >= 0 ? 1 : 0);
}

void index_query(struct index *x, struct df_link *from, const struct df_msg *m)
{
	struct df_text verb = {0}, json = {0};
	cJSON *args, *out = cJSON_CreateObject();
	struct df_why why = {0};
	enum df_err rc;

	index_flush(x);
	(void)df_msg_get(m, DF_M_JSON, &json); /* absent: no arguments */
	args = json.len ? cJSON_ParseWithLength(json.ptr, json.len) : NULL;
	if (df_msg_get(m, DF_M_VERB, &verb) &&
	    df_text_eq(verb, "prior search")) {
		cJSON_Delete(out);
		region_search(x, from, m->tag, args); /* answers later */
		cJSON_Delete(args);
		return;
	}
	if (verb.ptr == NULL)
		rc = df_fail(&why, DF_E_FORMAT, "a question without a verb");
	else
		rc = index_verb(x, verb, args, out, &why);
	cJSON_Delete(args);
	index_answer(from, DF_MSG_ANSWER, m->tag, rc, out, &why);
}
