/*
 * ledger_acts.c - the ledger of recognition: what was offered, viewed,
 * accepted, declined and taken back, by whom, for which order.
 *
 * An entry of the register says all of it (docs/formats/register.md); the
 * state of a case follows from its entries: the last decision that was not
 * taken back holds. Nothing here blocks an exam, and nobody is asked to
 * decide: that an earlier exam was passed over is no entry but the offer.
 */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "df/clock.h"
#include "df/log.h"
#include "df/recognition.h"
#include "ledger_room.h"

#define TEXT_MAX 200  /* characters of a reason in words */
#define LOOKED_AT 200 /* entries of one study */

static void add_said(cJSON *o, const char *key, const char *text)
{
	if (text != NULL && text[0] != '\0')
		index_add(o, key, text);
}

static const cJSON *member(const cJSON *o, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(o, key);
}

/* A whole number from 0; 0 when there is none. */
static uint64_t number(const cJSON *o, const char *key)
{
	double v = cJSON_GetNumberValue(member(o, key));

	return v >= 1 && v < 9e15 ? (uint64_t)v : 0;
}

/* --- from an entry to its row --------------------------------------------- */

struct target {
	enum df_act act;
	uint64_t undone;
	char study_uid[65];
	cJSON *entry; /* when it is wanted */
	bool keep;
};

static enum df_err look_at(void *ctx, const struct df_store_act *a)
{
	struct target *t = ctx;

	t->act = a->act;
	t->undone = a->undone;
	df_str_fmt(t->study_uid, sizeof t->study_uid, "%s", a->study_uid);
	if (t->keep)
		t->entry = cJSON_ParseWithLength(a->json.ptr, a->json.len);
	return DF_OK;
}

/* May entry `seq` be taken back? */
static enum df_err undoable(struct index *x, uint64_t seq, struct target *t,
			    struct df_why *why)
{
	enum df_err rc = df_store_act(x->store, seq, look_at, t, why);

	if (rc == DF_E_NOTFOUND)
		return df_fail(why, rc, "entry %llu is none of the ledger",
			       (unsigned long long)seq);
	if (rc != DF_OK)
		return rc;
	if (t->act != DF_ACT_ACCEPT && t->act != DF_ACT_DECLINE)
		return df_fail(why, DF_E_REFUSED,
			       "entry %llu is no decision: only 'accept' and "
			       "'decline' are taken back",
			       (unsigned long long)seq);
	if (t->undone != 0)
		return df_fail(
			why, DF_E_REFUSED,
			"entry %llu was taken back before, by entry %llu",
			(unsigned long long)seq, (unsigned long long)t->undone);
	return DF_OK;
}

enum df_err ledger_apply(struct index *x, const struct df_register_entry *e,
			 const cJSON *json, struct df_why *why)
{
	struct target t = {.keep = false};
	uint64_t undoes = number(json, "undo");
	struct df_store_act a = {
		.seq = e->seq,
		.at_ms = e->at_ms,
		.day = (unsigned)number(json, "day"),
		.act = df_act_from(index_word(json, "act")),
		.study_uid = index_word(json, "study_uid"),
		.node = index_word(json, "node"),
		.json = e->json,
	};
	char day[16];
	enum df_err rc;

	df_str_fmt(day, sizeof day, "%u", a.day);
	a.subject =
		index_word(json, "order")[0] ? index_word(json, "order") : day;
	if (a.act == DF_ACT_NONE || a.day == 0 ||
	    !df_uid_valid(df_text_of(a.study_uid)) ||
	    strlen(a.node) > DF_HEX_LEN)
		return df_fail(why, DF_E_FORMAT, "no entry of the ledger");
	if (a.act == DF_ACT_UNDO) {
		rc = undoable(x, undoes, &t, why);
		if (rc == DF_OK)
			rc = df_store_undo_act(x->store, undoes, e->seq, why);
		if (rc != DF_OK)
			return rc;
	}
	return df_store_put_act(x->store, &a, why);
}

/* --- the exam that an entry is about -------------------------------------- */

struct search {
	const char *node; /* NULL: any */
	cJSON *entry;
};

static enum df_err take_entry(void *ctx, const struct df_store_act *a)
{
	struct search *s = ctx;

	if (s->entry == NULL &&
	    (s->node == NULL || strcmp(s->node, a->node) == 0))
		s->entry = cJSON_ParseWithLength(a->json.ptr, a->json.len);
	return DF_OK;
}

static void take_member(cJSON *to, cJSON *from, const char *key)
{
	cJSON *m = cJSON_DetachItemFromObjectCaseSensitive(from, key);

	if (m != NULL)
		(void)cJSON_AddItemToObject(to, key, m); /* dies for memory */
}

/* What of an exam the ledger keeps. */
static void add_exam(cJSON *e, const cJSON *exam)
{
	static const char *const KEPT[] = {
		"item", "modality", "body_part", "study_date", "institution",
	};
	const cJSON *patient = member(exam, "patient");
	const cJSON *verdict = member(exam, "verdict");
	cJSON *o;

	index_add(e, "study_uid", index_word(exam, "study_uid"));
	index_add(e, "node", index_word(exam, "node"));
	if (cJSON_IsObject(patient))
		(void)cJSON_AddItemToObject(e, "patient",
					    cJSON_Duplicate(patient, true));
	o = cJSON_AddObjectToObject(e, "exam");
	for (size_t i = 0; i < sizeof KEPT / sizeof KEPT[0]; i++)
		add_said(o, KEPT[i], index_word(exam, KEPT[i]));
	add_said(o, "institution_code", index_word(verdict, "institution"));
	index_add(e, "verdict", index_word(verdict, "recognise"));
}

/* The number that we know him by, too. */
static void add_number(struct index *x, cJSON *e)
{
	cJSON *patient = cJSON_GetObjectItemCaseSensitive(e, "patient");
	const char *node = index_word(e, "node");
	struct df_store_study st;

	if (patient == NULL ||
	    df_store_study(x->store, index_word(e, "study_uid"), node, &st,
			   NULL) != DF_OK)
		return;
	add_said(patient, "id", st.ident[DF_IDENT_PATIENT_ID]);
	add_said(patient, "issuer", st.ident[DF_IDENT_PATIENT_ID_ISSUER]);
}

/* As index.db has it, judged now; else as it was offered. */
static enum df_err put_exam(struct index *x, cJSON *e, const char *study,
			    const char *node, struct df_why *why)
{
	cJSON *args = cJSON_CreateObject(), *found = cJSON_CreateObject();
	struct search s = {.node = node};
	enum df_err rc;

	index_add(args, "study", study);
	if (node != NULL)
		index_add(args, "peer", node);
	rc = index_recognition_check(x, args, found, why);
	if (rc == DF_OK)
		add_exam(e, member(found, "exam"));
	cJSON_Delete(args);
	cJSON_Delete(found);
	if (rc != DF_E_NOTFOUND)
		return rc;
	rc = df_store_acts(x->store, INT64_MAX, study, LOOKED_AT, take_entry,
			   &s, why);
	if (rc == DF_OK && s.entry == NULL)
		return df_fail(why, DF_E_NOTFOUND,
			       "study '%.64s' is not known here, and was never "
			       "shown by a search; 'prior search' finds it",
			       study);
	if (rc == DF_OK) {
		take_member(e, s.entry, "study_uid");
		take_member(e, s.entry, "node");
		take_member(e, s.entry, "patient");
		take_member(e, s.entry, "exam");
		take_member(e, s.entry, "verdict");
	}
	cJSON_Delete(s.entry);
	return rc;
}

/* --- a person's act ------------------------------------------------------- */

static size_t characters(const char *utf8)
{
	size_t n = 0;

	for (; utf8[0] != '\0'; utf8++)
		n += ((uint8_t)utf8[0] & 0xC0) != 0x80;
	return n;
}

static enum df_err check_words(const cJSON *args, struct df_why *why)
{
	static const char *const SHORT[] = {"doctor", "organisation", "order",
					    "trigger"};

	for (size_t i = 0; i < sizeof SHORT / sizeof SHORT[0]; i++)
		if (characters(index_word(args, SHORT[i])) > 64)
			return df_fail(why, DF_E_USAGE,
				       "--%s has more than 64 characters",
				       SHORT[i]);
	if (characters(index_word(args, "text")) > TEXT_MAX)
		return df_fail(why, DF_E_USAGE,
			       "--text has more than %d characters", TEXT_MAX);
	if (index_word(args, "doctor")[0] == '\0')
		return df_fail(why, DF_E_USAGE, "who? say --doctor NAME");
	return DF_OK;
}

/* Why not: one of the codes, that the tables of this node have; in an
 * emergency nobody is asked, and it is that. */
static enum df_err put_reason(struct index *x, cJSON *e, const cJSON *args,
			      struct df_why *why)
{
	bool emergency = cJSON_IsTrue(member(args, "emergency"));
	const char *code = index_word(args, "reason");
	struct df_rules_reason r;

	if (code[0] == '\0' && emergency)
		code = "4";
	if (code[0] == '\0')
		return df_fail(why, DF_E_USAGE,
			       "why? say --reason CODE: 1 to 6, or a code of "
			       "reasons.tsv (recognition reasons shows them)");
	if (!df_rules_reason(index_rules(x, NULL),
			     df_room_config(x->room)->node.name, code, &r))
		return df_fail(why, DF_E_USAGE,
			       "no reason has the code '%.16s'; recognition "
			       "reasons shows which there are",
			       code);
	index_add(e, "reason", code);
	index_add(e, "reason_zh", r.zh);
	return DF_OK;
}

static void put_who(struct index *x, cJSON *e, const cJSON *args)
{
	const char *organisation = index_word(args, "organisation");

	add_said(e, "doctor", index_word(args, "doctor"));
	index_add(e, "organisation",
		  organisation[0] ? organisation
				  : df_room_config(x->room)->node.name);
	add_said(e, "order", index_word(args, "order"));
	index_add(e, "trigger",
		  index_word(args, "trigger")[0] ? index_word(args, "trigger")
						 : "console");
	add_said(e, "text", index_word(args, "text"));
	if (cJSON_IsTrue(member(args, "emergency")))
		(void)cJSON_AddTrueToObject(e, "emergency");
	(void)cJSON_AddNumberToObject(e, "day",
				      df_time_local_day(df_clock_wall_ms()));
}

/* Records e (taken), and says what was recorded. */
static enum df_err record(struct index *x, cJSON *e, cJSON *out,
			  struct df_why *why)
{
	cJSON *said = cJSON_Duplicate(e, true);
	enum df_err rc = index_register_put(x, "recognition", e, why);

	if (rc == DF_OK) {
		(void)cJSON_AddNumberToObject(
			said, "seq", (double)df_register_account(x->reg)->last);
		(void)cJSON_AddItemToObject(out, "entry", said);
	} else {
		cJSON_Delete(said);
	}
	return rc;
}

static enum df_err act(struct index *x, enum df_act what, const cJSON *args,
		       cJSON *out, struct df_why *why)
{
	const char *study = index_word(args, "study"),
		   *node = index_word(args, "node");
	cJSON *e = cJSON_CreateObject();
	enum df_err rc = check_words(args, why);

	index_add(e, "act", df_act_word(what));
	if (rc == DF_OK && !df_uid_valid(df_text_of(study)))
		rc = df_fail(why, DF_E_USAGE, "which study? a UID is needed");
	if (rc == DF_OK)
		rc = put_exam(x, e, study, node[0] ? node : NULL, why);
	if (rc == DF_OK && what == DF_ACT_DECLINE)
		rc = put_reason(x, e, args, why);
	if (rc != DF_OK) {
		cJSON_Delete(e);
		return rc;
	}
	add_number(x, e);
	put_who(x, e, args);
	return record(x, e, out, why);
}

enum df_err ledger_view(struct index *x, const cJSON *args, cJSON *out,
			struct df_why *why)
{
	return act(x, DF_ACT_VIEW, args, out, why);
}

enum df_err ledger_accept(struct index *x, const cJSON *args, cJSON *out,
			  struct df_why *why)
{
	return act(x, DF_ACT_ACCEPT, args, out, why);
}

enum df_err ledger_decline(struct index *x, const cJSON *args, cJSON *out,
			   struct df_why *why)
{
	return act(x, DF_ACT_DECLINE, args, out, why);
}

/* {undo: entry, doctor, text} */
enum df_err ledger_undo(struct index *x, const cJSON *args, cJSON *out,
			struct df_why *why)
{
	static const char *const KEPT[] = {"study_uid", "node", "order",
					   "patient", "exam"};
	struct target t = {.keep = true};
	uint64_t seq = number(args, "undo");
	cJSON *e;
	enum df_err rc = check_words(args, why);

	if (rc == DF_OK && index_word(args, "text")[0] == '\0')
		rc = df_fail(why, DF_E_USAGE, "why? say --text WORDS");
	if (rc == DF_OK)
		rc = undoable(x, seq, &t, why);
	if (rc != DF_OK) {
		cJSON_Delete(t.entry);
		return rc;
	}
	e = cJSON_CreateObject();
	index_add(e, "act", df_act_word(DF_ACT_UNDO));
	(void)cJSON_AddNumberToObject(e, "undo", (double)seq);
	index_add(e, "undone", df_act_word(t.act));
	for (size_t i = 0; i < sizeof KEPT / sizeof KEPT[0]; i++)
		take_member(e, t.entry, KEPT[i]);
	cJSON_Delete(t.entry);
	put_who(x, e, args);
	return record(x, e, out, why);
}

/* --- what is offered by itself -------------------------------------------- */

static enum df_err saw(void *ctx, const struct df_store_act *a)
{
	bool *any = ctx;

	(void)a; /* whichever it is */
	*any = true;
	return DF_OK;
}

static enum df_err offer(struct index *x, const cJSON *exam, const char *order,
			 const char *trigger, bool emergency,
			 struct df_why *why)
{
	unsigned today = df_time_local_day(df_clock_wall_ms());
	const char *study = index_word(exam, "study_uid");
	bool known = false;
	char day[16];
	cJSON *e;
	enum df_err rc;

	df_str_fmt(day, sizeof day, "%u", today);
	if (!df_uid_valid(df_text_of(study)))
		return df_fail(why, DF_E_FORMAT, "an exam without a UID");
	rc = df_store_case(x->store, study, index_word(exam, "node"),
			   order[0] ? order : day, saw, &known, why);
	if (rc != DF_OK || known)
		return rc;
	e = cJSON_CreateObject();
	index_add(e, "act", df_act_word(DF_ACT_OFFER));
	add_exam(e, exam);
	add_number(x, e);
	index_add(e, "organisation", df_room_config(x->room)->node.name);
	add_said(e, "order", order);
	index_add(e, "trigger", trigger);
	if (emergency)
		(void)cJSON_AddTrueToObject(e, "emergency");
	(void)cJSON_AddNumberToObject(e, "day", today);
	return index_register_put(x, "recognition", e, why);
}

void index_recognition_offer(struct index *x, const cJSON *priors,
			     const char *order, const char *trigger,
			     bool emergency)
{
	struct df_why why = {0};
	const cJSON *exam;

	index_register_gather(x);
	cJSON_ArrayForEach(exam, priors)
	{
		const char *v =
			index_word(member(exam, "verdict"), "recognise");

		if ((strcmp(v, "yes") != 0 && strcmp(v, "unknown") != 0) ||
		    strcmp(index_word(exam, "match"), "exact") != 0)
			continue;
		if (offer(x, exam, order != NULL ? order : "", trigger,
			  emergency, &why) != DF_OK)
			df_log(DF_LOG_WARN, "ledger.offer-not-recorded",
			       DF_F_ERR(&why));
	}
	if (index_register_sync(x, &why) != DF_OK)
		df_log(DF_LOG_WARN, "ledger.offers-not-recorded",
		       DF_F_ERR(&why));
}
