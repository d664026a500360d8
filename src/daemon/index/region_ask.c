/*
 * region_ask.c - which exams of a patient are known: here at once, then at the
 * nodes that we dial, then one answer, after 1.5 s with what there is.
 *
 * Invariants: a question leaves only after it stands in the register, with its
 * purpose; an answer is shown only after it does. Whatever is away, the answer
 * comes, and says who could not be asked and why.
 */
#include <stdlib.h>
#include <string.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"
#include "region.h"

#define SEARCH_MS 1500
#define QUIET_MS 20000
#define MARGIN_MS 50 /* of that, to put it together */

/* Why somebody did not answer. */
#define UNASKED_MAP(X)                                                         \
	X(NONE, "", "", "")                                                    \
	X(OFF, "off", "本机设置为不询问其他机构 ([region] ask = never)",       \
	  "this node is set to ask nobody ([region] ask = never)")             \
	X(LOCAL, "local", "只查了本机 (--local)",                              \
	  "only this node was looked at (--local)")                            \
	X(PURPOSE, "no-purpose", "没有说明用途 (--purpose 或 --order)",        \
	  "no purpose was given (--purpose or --order)")                       \
	X(PERSON, "no-identity", "需要证件号，或姓名加出生日期",               \
	  "needs a number, or a name and a birth date")                        \
	X(RECORD, "no-record", "审计记录无法写入，因此没有询问",               \
	  "the question could not be recorded, so it was not asked")           \
	X(LATE, "late", "规定时间内没有回答", "no answer in time")             \
	X(UNREACHED, "unreachable", "连接不上", "cannot be reached")           \
	X(BUSY, "busy", "提问太多，稍后再问", "too many questions; ask later") \
	X(DENIED, "denied", "对方不允许", "the other side does not allow it")  \
	X(FAILED, "failed", "回答无法使用", "the answer is of no use")
enum unasked {
#define X(name, code, zh, en) UNASKED_##name,
	UNASKED_MAP(X)
#undef X
};
static const struct {
	const char *code, *zh, *en;
} UNASKED[] = {
#define X(name, code, zh, en) {code, zh, en},
	UNASKED_MAP(X)
#undef X
};

/* One search: a person's, or a quiet one (to NULL). */
struct region_search {
	struct region_search *next;
	struct index *x;
	struct df_link *to;
	uint32_t tag;
	region_done_fn *done; /* of a quiet one, or NULL */
	void *ctx;	      /* its */
	cJSON *out;	      /* owned: {priors, asked} as far as it is */
	cJSON *question;      /* owned: as it leaves */
	struct df_person who;
	unsigned pending; /* nodes, and one while they are being asked */
	unsigned failed;
	int64_t until_ms;
};

/* One node that is asked. */
struct asked {
	struct region_search *s;
	const struct df_peer *peer;
};

/* --- the end ---------------------------------------------------------------
 */

static void search_free(struct region_search *s)
{
	struct region_search **at = &s->x->searches;

	while (*at != NULL && *at != s)
		at = &(*at)->next;
	if (*at == s)
		*at = s->next;
	cJSON_Delete(s->out);
	cJSON_Delete(s->question);
	explicit_bzero(s, sizeof *s);
	free(s);
}

/* The exam that is thought of, when the question says which. */
static const cJSON *wanted(const cJSON *question)
{
	return cJSON_HasObjectItem(question, "modality") &&
			       cJSON_HasObjectItem(question, "body_part")
		       ? question
		       : NULL;
}

static void one_less(struct region_search *s)
{
	struct index *x = s->x;
	struct df_why why = {0};
	region_done_fn *done = s->done;
	void *ctx = s->ctx;
	bool all = s->failed == 0;

	if (--s->pending > 0)
		return;
	if (s->to != NULL) {
		cJSON *list =
			cJSON_GetObjectItemCaseSensitive(s->out, "priors");

		region_sort(list);
		index_priors_judge(x, list, wanted(s->question));
		if (index_word(s->question, "purpose")[0] != '\0')
			index_recognition_offer(
				x, list, index_word(s->question, "order"),
				"search", false);
		index_answer(s->to, DF_MSG_ANSWER, s->tag, DF_OK, s->out, &why);
		s->out = NULL;
	}
	search_free(s);
	if (done != NULL)
		done(x, ctx, all);
}

static enum unasked unasked_of(enum df_err err)
{
	static const struct {
		enum df_err err;
		enum unasked unasked;
	} T[] = {
		{DF_E_TIMEOUT, UNASKED_LATE},
		{DF_E_CANCELLED, UNASKED_LATE},
		{DF_E_AGAIN, UNASKED_BUSY},
		{DF_E_DENIED, UNASKED_DENIED},
		{DF_E_REFUSED, UNASKED_DENIED},
		{DF_E_SENDER, UNASKED_DENIED},
		{DF_E_PEER, UNASKED_UNREACHED},
		{DF_E_CONFIG, UNASKED_UNREACHED},
	};

	for (size_t i = 0; i < sizeof T / sizeof *T; i++)
		if (T[i].err == err)
			return T[i].unasked;
	return UNASKED_FAILED;
}

/* What became of the question to this node, for the answer. */
static void note_asked(struct region_search *s, const struct df_peer *peer,
		       enum unasked why, const char *detail)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(s->out, "asked");
	cJSON *o = cJSON_CreateObject();

	(void)cJSON_AddStringToObject(o, "peer", peer->name); /* memory */
	(void)cJSON_AddStringToObject(o, "node", peer->fingerprint);
	(void)cJSON_AddBoolToObject(o, "answered", why == UNASKED_NONE);
	if (why != UNASKED_NONE) {
		(void)cJSON_AddStringToObject(o, "code", UNASKED[why].code);
		(void)cJSON_AddStringToObject(o, "why", UNASKED[why].en);
		(void)cJSON_AddStringToObject(o, "why_zh", UNASKED[why].zh);
		if (detail != NULL && detail[0] != '\0')
			(void)cJSON_AddStringToObject(o, "detail", detail);
	}
	(void)cJSON_AddItemToArray(list, o);
}

/* What this node told before, when it does not answer now. */
static void add_recalled(struct region_search *s, const struct df_peer *peer)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(s->out, "priors");
	struct df_why why = {0};
	cJSON *answer;
	int64_t learned_ms;

	if (region_recall(s->x, &s->who, peer->fingerprint, s->question,
			  &learned_ms, &answer, &why) != DF_OK)
		df_log(DF_LOG_WARN, "region.recall-failed", DF_F_ERR(&why));
	else if (answer != NULL)
		region_merge(s->x, list, answer, peer->fingerprint, learned_ms);
	cJSON_Delete(answer);
}

static void add_told(struct region_search *s, const struct df_peer *peer,
		     cJSON *answer)
{
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "more"))) {
		cJSON_DeleteItemFromObjectCaseSensitive(s->out, "more");
		(void)cJSON_AddTrueToObject(s->out, "more"); /* memory */
	}
	region_merge(s->x, cJSON_GetObjectItemCaseSensitive(s->out, "priors"),
		     answer, peer->fingerprint, 0);
}

/* --- the register ----------------------------------------------------------
 */

static void copy_member(cJSON *to, const cJSON *from, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(from, key);

	if (v != NULL)
		(void)cJSON_AddItemToObject(to, key, cJSON_Duplicate(v, true));
}

static const char *trigger_of(const struct region_search *s)
{
	if (s->done == NULL)
		return "person";
	return strncmp(index_word(s->question, "purpose"), "order ", 6) == 0
		       ? "registration"
		       : "new study";
}

/* Somebody looked, and nobody else was asked. What is here is shown all the
 * same when that cannot be written: a disk in trouble stops no exam. */
static void record_search(struct region_search *s)
{
	cJSON *e = cJSON_CreateObject();
	struct df_why why = {0};

	(void)cJSON_AddStringToObject(e, "act", "prior-search"); /* memory */
	(void)cJSON_AddItemToObject(e, "question",
				    cJSON_Duplicate(s->question, true));
	if (index_register_put(s->x, "audit", e, &why) != DF_OK)
		df_log(DF_LOG_ERROR, "region.not-recorded", DF_F_ERR(&why));
	index_flush(s->x);
}

static enum df_err record_question(struct region_search *s,
				   const struct df_peer *peer,
				   struct df_why *why)
{
	cJSON *e = cJSON_CreateObject();

	(void)cJSON_AddStringToObject(e, "act", "prior-asked"); /* memory */
	(void)cJSON_AddStringToObject(e, "peer", peer->fingerprint);
	(void)cJSON_AddStringToObject(e, "trigger", trigger_of(s));
	(void)cJSON_AddItemToObject(e, "question",
				    cJSON_Duplicate(s->question, true));
	return index_register_put(s->x, "audit", e, why);
}

static enum df_err record_answer(struct region_search *s,
				 const struct df_peer *peer,
				 const cJSON *answer, enum unasked unasked,
				 struct df_why *why)
{
	cJSON *e = cJSON_CreateObject(), *uids;
	const cJSON *o;

	(void)cJSON_AddStringToObject(e, "act", "prior-answer"); /* memory */
	(void)cJSON_AddStringToObject(e, "peer", peer->fingerprint);
	(void)cJSON_AddBoolToObject(e, "answered", answer != NULL);
	if (answer == NULL)
		(void)cJSON_AddStringToObject(e, "code", UNASKED[unasked].code);
	copy_member(e, s->question, "purpose");
	uids = cJSON_AddArrayToObject(e, "studies");
	cJSON_ArrayForEach(
		o, cJSON_GetObjectItemCaseSensitive(answer, "priors"))(void)
		cJSON_AddItemToArray(
			uids, cJSON_CreateString(index_word(o, "study_uid")));
	return index_register_put(s->x, "audit", e, why);
}

/* --- asking ----------------------------------------------------------------
 */

static bool asks_for_all(const cJSON *question)
{
	return !cJSON_HasObjectItem(question, "modality") &&
	       !cJSON_HasObjectItem(question, "body_part") &&
	       !cJSON_HasObjectItem(question, "days");
}

static cJSON *read_answer(const struct df_reply *reply, struct df_why *why)
{
	struct df_buf text;
	cJSON *answer = NULL;
	uint64_t size = 0;
	enum df_err rc;

	if (reply->n_fds != 1)
		df_bug("an answer without its text");
	df_buf_init(&text, 256u << 10);
	rc = df_fd_size(reply->fds[0], &size, why);
	if (rc == DF_OK)
		rc = df_buf_reserve(&text, (size_t)size, why);
	if (rc == DF_OK)
		rc = df_pread_all(reply->fds[0], text.ptr, (size_t)size, 0,
				  why);
	if (rc == DF_OK)
		answer = cJSON_ParseWithLength((char *)text.ptr, (size_t)size);
	if (rc == DF_OK && answer == NULL)
		(void)df_fail(why, DF_E_FORMAT, "not an answer");
	df_buf_wipe(&text);
	return answer;
}

/* For days without a line. */
static void keep_answer(struct region_search *s, const struct df_peer *peer,
			const cJSON *answer)
{
	struct df_why why = {0};

	if (region_learn(s->x, &s->who, peer->fingerprint, answer,
			 asks_for_all(s->question), &why) != DF_OK)
		df_log(DF_LOG_WARN, "region.not-kept", DF_F_ERR(&why));
}

static void node_answered(void *ctx, struct df_reply *reply)
{
	struct asked *a = ctx;
	struct region_search *s = a->s;
	const struct df_peer *peer = a->peer;
	enum unasked unasked = UNASKED_NONE;
	struct df_why why = reply->why, unwritten = {0};
	cJSON *answer = NULL;

	free(a);
	if (reply->err != DF_OK)
		unasked = unasked_of(reply->err);
	else
		answer = read_answer(reply, &why);
	if (reply->err == DF_OK && answer == NULL)
		unasked = UNASKED_FAILED;
	if (record_answer(s, peer, answer, unasked, &unwritten) != DF_OK) {
		/* nobody may see what nobody can account for */
		why = unwritten;
		cJSON_Delete(answer);
		answer = NULL;
		unasked = UNASKED_RECORD;
	}
	if (answer != NULL)
		keep_answer(s, peer, answer);
	index_flush(s->x);
	if (answer != NULL)
		add_told(s, peer, answer);
	else
		add_recalled(s, peer);
	s->failed += answer == NULL;
	note_asked(s, peer, unasked, answer != NULL ? NULL : why.text);
	cJSON_Delete(answer);
	one_less(s);
}

static void ask_node(struct region_search *s, const struct df_peer *peer)
{
	struct df_room *room = s->x->room;
	int64_t left_ms = s->until_ms - df_clock_mono_ms() - MARGIN_MS;
	struct asked *a = df_xcalloc(1, sizeof *a);
	struct df_why why = {0};
	struct df_msg m;
	char *text;

	*a = (struct asked){s, peer};
	if (record_question(s, peer, &why) != DF_OK) {
		df_log(DF_LOG_ERROR, "region.not-recorded", DF_F_ERR(&why));
		free(a);
		s->failed++;
		add_recalled(s, peer);
		note_asked(s, peer, UNASKED_RECORD, why.text);
		return;
	}
	index_flush(s->x);
	if (left_ms < 1)
		left_ms = 1;
	text = cJSON_PrintUnformatted(s->question);
	df_msg_init(&m, DF_MSG_PRIOR_ASK, 0);
	df_msg_put_str(&m, DF_M_DESTINATION, peer->name);
	df_msg_put_u64(&m, DF_M_WAIT_MS, (uint64_t)left_ms);
	df_msg_put_str(&m, DF_M_JSON, text != NULL ? text : "");
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	cJSON_free(text);
	s->pending++;
	(void)df_room_call(
		room, df_room_link(room, DF_ROLE_DELIVER_HTTPS, DF_ANY_NUMBER),
		&m, NULL, 0, DF_MSG_PRIORS, left_ms + MARGIN_MS / 2,
		node_answered, a);
}

static enum unasked may_ask(const struct region_search *s, const cJSON *args)
{
	const struct df_config *cfg = df_room_config(s->x->room);

	if (cfg->region.ask == DF_REGION_ASK_NEVER)
		return UNASKED_OFF;
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(args, "local")))
		return UNASKED_LOCAL;
	if (index_word(s->question, "purpose")[0] == '\0')
		return UNASKED_PURPOSE;
	return region_person_enough(&s->who) ? UNASKED_NONE : UNASKED_PERSON;
}

/* Runs until all nodes have answered; may end, and free s, at once. */
static void ask_all(struct region_search *s, const cJSON *args)
{
	const struct df_config *cfg = df_room_config(s->x->room);
	enum unasked unasked = may_ask(s, args);
	bool asked = false;

	for (size_t i = 0; i < cfg->n_peers; i++) {
		const struct df_peer *peer = &cfg->peers[i];

		if (peer->url[0] == '\0')
			continue;
		if (unasked == UNASKED_NONE) {
			ask_node(s, peer);
			asked = true;
			continue;
		}
		add_recalled(s, peer);
		note_asked(s, peer, unasked, NULL);
	}
	if (!asked && s->to != NULL)
		record_search(s);
	one_less(s);
}

/* {identifiers, name, birth_date, sex, modality, body_part, days, purpose,
 * order, who} */
static cJSON *question_of(const struct df_person *p, const cJSON *args)
{
	static const char *const MORE[] = {"modality", "body_part", "days",
					   "purpose",  "order",	    "who"};
	cJSON *q = cJSON_CreateObject();
	char purpose[200];

	region_person_put(q, p);
	for (size_t i = 0; i < sizeof MORE / sizeof *MORE; i++)
		copy_member(q, args, MORE[i]);
	if (!cJSON_HasObjectItem(q, "purpose") &&
	    index_word(q, "order")[0] != '\0') {
		df_str_fmt(purpose, sizeof purpose, "order %.64s",
			   index_word(q, "order"));
		(void)cJSON_AddStringToObject(q, "purpose", purpose); /* */
	}
	return q;
}

static struct region_search *
search_new(struct index *x, const struct df_person *typed, const cJSON *args)
{
	struct region_search *s = df_xcalloc(1, sizeof *s);
	struct df_why why = {0};

	s->x = x;
	s->who = *typed;
	if (region_person_known(x, &s->who, &why) != DF_OK)
		df_log(DF_LOG_WARN, "region.person-unknown", DF_F_ERR(&why));
	s->out = cJSON_CreateObject();
	s->question = question_of(&s->who, args);
	s->pending = 1;
	s->until_ms = df_clock_mono_ms() + SEARCH_MS;
	s->next = x->searches;
	x->searches = s;
	return s;
}

void region_search(struct index *x, struct df_link *from, uint32_t tag,
		   const cJSON *args)
{
	struct df_person typed;
	struct df_why why = {0};
	struct region_search *s;
	enum df_err rc = region_person_typed(x, args, &typed, &why);

	if (rc == DF_OK && typed.n_ids == 0 && typed.name[0] == '\0')
		rc = df_fail(&why, DF_E_USAGE,
			     "whose exams? give a number or a name");
	if (rc != DF_OK) {
		index_answer(from, DF_MSG_ANSWER, tag, rc, NULL, &why);
		return;
	}
	s = search_new(x, &typed, args);
	rc = index_verb(x, df_text_of("prior local"), args, s->out, &why);
	if (rc != DF_OK) {
		search_free(s);
		index_answer(from, DF_MSG_ANSWER, tag, rc, NULL, &why);
		return;
	}
	if (!cJSON_HasObjectItem(s->out, "priors"))
		(void)cJSON_AddArrayToObject(s->out, "priors"); /* memory */
	(void)cJSON_AddArrayToObject(s->out, "asked");
	s->to = from;
	s->tag = tag;
	ask_all(s, args);
}

void region_link_down(struct index *x, struct df_link *link)
{
	for (struct region_search *s = x->searches; s != NULL; s = s->next)
		if (s->to == link)
			s->to = NULL; /* it is learned all the same */
}

void region_ask_quietly(struct index *x, const struct df_person *p,
			const char *purpose, region_done_fn *done, void *ctx)
{
	cJSON *args = cJSON_CreateObject();
	struct region_search *s;

	(void)cJSON_AddStringToObject(args, "purpose", purpose); /* memory */
	s = search_new(x, p, args);
	(void)cJSON_AddArrayToObject(s->out, "priors");
	(void)cJSON_AddArrayToObject(s->out, "asked");
	s->done = done;
	s->ctx = ctx;
	s->until_ms += QUIET_MS - SEARCH_MS; /* nobody waits for it */
	ask_all(s, args);
	cJSON_Delete(args);
}
