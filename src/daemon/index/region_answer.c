/*
 * region_answer.c - an enrolled node asks which exams of a patient are known.
 *
 * Who may ask, and what he is told, is decided here (docs/decisions/0018):
 * a purpose is given; the patient is named by a number, or by name and date
 * of birth, never by the beginning of a name; a clinic's own numbers can be
 * asked for by that clinic only; what a person must decide first is not told.
 * Question and answer stand in the register before the answer leaves, and
 * only what was told may be fetched.
 */
#include <string.h>

#include "df/clock.h"
#include "df/digest.h"
#include "df/known.h"
#include "df/log.h"
#include "region.h"

#define CANDIDATES_MAX 64 /* patients that are compared */
#define PERSONS_MAX 16
#define PRIORS_MAX 100
#define TOLD_MS (INT64_C(7) * 86400 * 1000) /* so long it may be fetched */
#define RECENT 64			    /* fetches that are remembered */
#define RECENT_MS (INT64_C(3600) * 1000)

struct answering {
	struct index *x;
	const char *asker; /* fingerprint */
	struct df_person who;
	const cJSON *question;
	cJSON *priors; /* in out */
	cJSON *told;   /* for the register */
	uint64_t persons[PERSONS_MAX];
	struct df_match_result match[PERSONS_MAX];
	bool shared[PERSONS_MAX]; /* another has the same number */
	size_t n_persons;
	size_t owner; /* of the number in hand, or PERSONS_MAX */
	bool more;
	struct df_why *why;
};

/* --- who it is -------------------------------------------------------------
 */

/* A clinic's own numbers are its own: others would only be trying them. */
static void drop_others_numbers(struct df_person *p, const char *asker)
{
	char own[DF_HEX_LEN + 6];
	size_t n = 0;

	df_str_fmt(own, sizeof own, "node:%.64s", asker);
	for (size_t i = 0; i < p->n_ids; i++) {
		const struct df_identifier *id = &p->ids[i];

		if (id->type == DF_IDENTIFIER_LOCAL &&
		    (id->issuer[0] == '\0' ||
		     (strncmp(id->issuer, "node:", 5) == 0 &&
		      strcmp(id->issuer, own) != 0)))
			continue;
		p->ids[n++] = *id;
	}
	p->n_ids = n;
}

static enum df_err consider(void *ctx, const struct df_store_patient *found)
{
	struct answering *a = ctx;
	struct df_match_result r;
	struct df_person here;
	size_t i;

	if (found->held)
		return DF_OK; /* a person has to decide who that is */
	r = region_person_match(a->x, &a->who, found, &here);
	if (r.match == DF_MATCH_NONE)
		return DF_OK;
	for (i = 0; i < a->n_persons; i++)
		if (a->persons[i] == found->person)
			break;
	if (i == PERSONS_MAX) {
		a->more = true;
		return DF_OK;
	}
	a->persons[i] = found->person;
	/* one of his records that contradicts speaks louder than all others */
	if (i == a->n_persons || a->match[i].match < r.match)
		a->match[i] = r;
	a->n_persons += i == a->n_persons;
	if (r.match == DF_MATCH_EXACT && a->owner < PERSONS_MAX &&
	    a->owner != i)
		a->shared[i] = a->shared[a->owner] = true;
	if (r.match == DF_MATCH_EXACT)
		a->owner = i;
	return DF_OK;
}

static enum df_err find_persons(struct answering *a)
{
	struct df_store *s = a->x->store;
	char date[9];
	enum df_err rc = DF_OK;

	for (size_t i = 0; rc == DF_OK && i < a->who.n_ids; i++) {
		a->owner = PERSONS_MAX;
		rc = df_store_find_number(s, &a->who.ids[i], CANDIDATES_MAX,
					  consider, a, a->why);
	}
	a->owner = PERSONS_MAX;
	if (rc == DF_OK && a->who.name[0] != '\0' &&
	    df_person_birth_date(&a->who, date)[0] != '\0')
		rc = df_store_find_who(s, a->who.name, date, CANDIDATES_MAX,
				       consider, a, a->why);
	return rc;
}

/* --- what is told ----------------------------------------------------------
 */

struct telling {
	struct answering *a;
	const struct df_match_result *match;
};

/* What came to us under the UID of a clinic's exam is a report on it. */
static enum df_err is_report(struct index *x, const struct df_store_study *st,
			     bool *is, struct df_why *why)
{
	struct df_store_study first;
	enum df_err rc = DF_OK;

	*is = false;
	if (st->peer[0] != '\0')
		return DF_OK;
	rc = df_store_study(x->store, st->study_uid, NULL, &first, why);
	*is = rc == DF_E_CONFLICT || (rc == DF_OK && first.peer[0] != '\0');
	explicit_bzero(&first, sizeof first);
	return rc == DF_E_CONFLICT ? DF_OK : rc;
}

static enum df_err tell_one(void *ctx, const struct df_store_study *st)
{
	struct telling *t = ctx;
	struct answering *a = t->a;
	const char *node = st->peer[0] != '\0' ? st->peer : a->x->self;
	enum df_err rc;
	bool report;
	cJSON *o;

	if (st->mixed || st->held)
		return DF_OK;
	rc = is_report(a->x, st, &report, a->why);
	if (rc != DF_OK || report)
		return rc;
	if (cJSON_GetArraySize(a->priors) == PRIORS_MAX) {
		a->more = true;
		return DF_OK;
	}
	if (!index_prior_fits(a->x, st, a->question))
		return DF_OK;
	o = index_prior_json(a->x, st, t->match, a->why);
	if (o == NULL)
		return a->why->err;
	cJSON_DeleteItemFromObjectCaseSensitive(o, "node");
	(void)cJSON_AddStringToObject(o, "node", node); /* memory */
	(void)cJSON_AddItemToArray(a->priors, o);
	return DF_OK;
}

/* What leaves, and no more; for the register we are "". */
static void note_told(struct answering *a)
{
	const cJSON *p;
	cJSON *o;

	cJSON_ArrayForEach(p, a->priors)
	{
		const char *node = index_word(p, "node");

		o = cJSON_CreateObject();
		(void)cJSON_AddStringToObject(
			o, "study_uid",
			index_word(p, "study_uid")); /* memory */
		(void)cJSON_AddStringToObject(
			o, "node", strcmp(node, a->x->self) == 0 ? "" : node);
		(void)cJSON_AddItemToArray(a->told, o);
	}
}

static enum df_err tell_all(struct answering *a)
{
	enum df_err rc = DF_OK;

	for (size_t i = 0; rc == DF_OK && i < a->n_persons; i++) {
		struct telling t = {a, &a->match[i]};

		if (t.match->match == DF_MATCH_CONTRADICTION)
			continue;
		if (a->shared[i])
			a->match[i].match = DF_MATCH_PROBABLE;
		rc = df_store_person_studies(a->x->store, a->persons[i],
					     PRIORS_MAX + 1, tell_one, &t,
					     a->why);
	}
	return rc;
}

/* --- the question ----------------------------------------------------------
 */

static enum df_err record(struct answering *a, enum df_err result,
			  struct df_why *why)
{
	cJSON *e = cJSON_CreateObject();

	(void)cJSON_AddStringToObject(e, "act", "prior-told"); /* memory */
	(void)cJSON_AddStringToObject(e, "peer", a->asker);
	(void)cJSON_AddStringToObject(e, "result", df_err_name(result));
	(void)cJSON_AddItemToObject(e, "question",
				    cJSON_Duplicate(a->question, true));
	(void)cJSON_AddItemToObject(e, "studies",
				    cJSON_Duplicate(a->told, true));
	return index_register_put(a->x, "audit", e, why);
}

static enum df_err not_recorded(const struct df_why *unrecorded,
				struct df_why *why)
{
	df_log(DF_LOG_ERROR, "region.not-recorded", DF_F_ERR(unrecorded));
	return df_fail(why, DF_E_AGAIN, "the question cannot be recorded");
}

static enum df_err allowed(struct answering *a)
{
	const struct df_config *cfg = df_room_config(a->x->room);

	if (!cfg->region.answer)
		return df_fail(a->why, DF_E_DENIED,
			       "this node answers no questions ([region] "
			       "answer = no)");
	if (index_word(a->question, "purpose")[0] == '\0')
		return df_fail(a->why, DF_E_DENIED, "no purpose is given");
	if (!region_person_enough(&a->who))
		return df_fail(a->why, DF_E_DENIED,
			       "needs a number that the asking clinic may use, "
			       "or a name and a birth date");
	return DF_OK;
}

static enum df_err answer(struct answering *a, cJSON *out)
{
	struct df_why unrecorded = {0};
	enum df_err rc = allowed(a);

	if (rc == DF_OK)
		rc = find_persons(a);
	if (rc == DF_OK)
		rc = tell_all(a);
	if (rc == DF_OK) {
		a->more |= region_fit(a->priors);
		note_told(a);
	}
	if (record(a, rc, &unrecorded) != DF_OK)
		return not_recorded(&unrecorded, a->why);
	if (a->more)
		(void)cJSON_AddTrueToObject(out, "more"); /* memory */
	return rc;
}

void region_asked(struct index *x, struct df_link *from, const struct df_msg *m)
{
	struct df_why why = {0};
	char asker[DF_HEX_LEN + 1];
	struct answering a = {.x = x, .asker = asker, .why = &why};
	cJSON *question, *out = cJSON_CreateObject();
	struct df_text json = {0};
	enum df_err rc;

	index_flush(x);
	(void)df_msg_get(m, DF_M_JSON, &json); /* gateway checked it */
	question = cJSON_ParseWithLength(json.ptr, json.len);
	if (question == NULL ||
	    !df_msg_get_str(m, DF_M_PEER, asker, sizeof asker)) {
		rc = df_fail(&why, DF_E_FORMAT, "not a question");
	} else {
		a.question = question;
		a.priors = cJSON_AddArrayToObject(out, "priors");
		a.told = cJSON_CreateArray();
		region_person_get(question, &a.who);
		drop_others_numbers(&a.who, asker);
		rc = answer(&a, out);
	}
	index_flush(x);
	df_log(DF_LOG_INFO, "region.asked", DF_F_WORD("peer", asker),
	       DF_F_NUM("told", (uint64_t)cJSON_GetArraySize(a.told)),
	       DF_F_WORD("result", df_err_name(rc)));
	cJSON_Delete(question);
	cJSON_Delete(a.told);
	explicit_bzero(&a, sizeof a);
	index_answer(from, DF_MSG_PRIORS, m->tag, rc, out, &why);
}

/* --- the register ----------------------------------------------------------
 */

enum df_err region_audit_apply(struct index *x,
			       const struct df_register_entry *e,
			       const cJSON *json, struct df_why *why)
{
	const cJSON *o;
	enum df_err rc = DF_OK;

	if (strcmp(index_word(json, "act"), "prior-told") != 0)
		return DF_OK; /* nothing follows from it */
	cJSON_ArrayForEach(o, cJSON_GetObjectItemCaseSensitive(json, "studies"))
	{
		rc = df_store_put_told(x->store, index_word(json, "peer"),
				       index_word(o, "study_uid"),
				       index_word(o, "node"), e->at_ms, why);
		if (rc != DF_OK)
			return rc;
	}
	return DF_OK;
}

/* --- may it be fetched? ----------------------------------------------------
 */

struct giving {
	struct df_msg *reply;
	const char *node; /* who made the exam */
};

/* Who gets it judges it by his own trust anchors: those of this node may lack
 * the physician's. */
static enum df_err add_report(void *ctx, const struct df_store_report *r)
{
	const struct giving *g = ctx;

	if (!r->conflict && index_report_is_on(r, g->node))
		df_msg_put_str(g->reply, DF_M_OBJECT, r->object);
	return DF_OK;
}

static enum df_err may_fetch(struct index *x, const char *asker,
			     const char *study, char origin[DF_HEX_LEN + 1],
			     struct df_why *why)
{
	const struct df_config *cfg = df_room_config(x->room);
	enum df_err rc;

	if (!cfg->region.answer)
		return df_fail(why, DF_E_DENIED,
			       "this node gives nothing to others ([region] "
			       "answer = no)");
	rc = df_store_told(x->store, asker, study, df_clock_wall_ms() - TOLD_MS,
			   origin, why);
	if (rc == DF_E_NOTFOUND)
		rc = df_fail(why, DF_E_DENIED,
			     "ask for this patient's exams first: only what "
			     "was told within a week is given");
	return rc;
}

/* A fetch asks for its list again and again, in the same words: that is one
 * entry an hour. Takes e. */
static enum df_err record_fetch(struct index *x, cJSON *e, struct df_why *why)
{
	static struct {
		struct df_digest entry;
		int64_t until_ms;
	} recent[RECENT];
	static size_t at;
	char *text = cJSON_PrintUnformatted(e);
	int64_t now = df_clock_mono_ms();
	struct df_digest d = {0};
	enum df_err rc;

	if (text != NULL)
		df_sha256(&d, text, strlen(text));
	cJSON_free(text);
	for (size_t i = 0; i < RECENT; i++)
		if (recent[i].until_ms > now &&
		    df_digest_same(&recent[i].entry, &d)) {
			cJSON_Delete(e);
			return DF_OK;
		}
	rc = index_register_put(x, "audit", e, why);
	if (rc == DF_OK) {
		recent[at].entry = d;
		recent[at].until_ms = now + RECENT_MS;
		at = (at + 1) % RECENT;
	}
	return rc;
}

void region_may_fetch(struct index *x, struct df_link *from,
		      const struct df_msg *m)
{
	char asker[DF_HEX_LEN + 1], study[65], origin[DF_HEX_LEN + 1] = "";
	struct df_why why = {0}, unrecorded = {0};
	struct df_msg reply;
	struct giving giving = {&reply, origin};
	cJSON *e = cJSON_CreateObject();
	struct df_text json = {0};
	enum df_err rc;

	index_flush(x);
	if (!df_msg_get_str(m, DF_M_PEER, asker, sizeof asker) ||
	    !df_msg_get_str(m, DF_M_STUDY, study, sizeof study))
		rc = df_fail(&why, DF_E_FORMAT, "no peer, or no study");
	else
		rc = may_fetch(x, asker, study, origin, &why);
	(void)df_msg_get(m, DF_M_JSON, &json); /* gateway checked it */
	(void)cJSON_AddStringToObject(e, "act", "fetch-asked"); /* memory */
	(void)cJSON_AddStringToObject(e, "peer", asker);
	(void)cJSON_AddStringToObject(e, "study_uid", study);
	(void)cJSON_AddStringToObject(e, "result", df_err_name(rc));
	(void)cJSON_AddItemToObject(e, "question",
				    cJSON_ParseWithLength(json.ptr, json.len));
	if (record_fetch(x, e, &unrecorded) != DF_OK)
		rc = not_recorded(&unrecorded, &why);
	index_flush(x);
	df_msg_init(&reply, DF_MSG_FETCH_MAY, m->tag);
	if (origin[0] == '\0')
		giving.node = x->self;
	if (rc == DF_OK)
		rc = df_store_reports(x->store, study, add_report, &giving,
				      &why);
	df_msg_put_result(&reply, rc, &why);
	df_msg_put_opt(&reply, DF_M_PEER, origin);
	(void)df_room_send(from, &reply, NULL, 0);
}
