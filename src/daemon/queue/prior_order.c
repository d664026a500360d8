/*
 * prior_order.c - a person here wants an earlier exam: the order, and how far
 * it is. The register of index has who and why before anything is asked for;
 * this room keeps study, peer and progress.
 */
#include <stdlib.h>
#include <string.h>

#include "df/log.h"
#include "prior.h"

#define LIST_MAX 200
#define JSON_MAX 2048
#define NO_PURPOSE "{\"purpose\":\"goes on after a restart\"}"

/* --- purposes
 * ------------------------------------------------------------------ */

struct purpose {
	struct purpose *next;
	int64_t fetch;
	char json[JSON_MAX];
};

const char *prior_purpose(const struct queue *q, int64_t fetch)
{
	for (const struct purpose *p = q->purposes; p != NULL; p = p->next)
		if (p->fetch == fetch)
			return p->json;
	return NO_PURPOSE;
}

void prior_purpose_forget(struct queue *q, int64_t fetch)
{
	struct purpose **at = &q->purposes;

	while (*at != NULL && (*at)->fetch != fetch)
		at = &(*at)->next;
	if (*at != NULL) {
		struct purpose *p = *at;

		*at = p->next;
		explicit_bzero(p, sizeof *p);
		free(p);
	}
}

/* --- the order
 * ------------------------------------------------------------------- */

struct order {
	struct queue *q;
	struct df_link *link;
	uint32_t tag;
	struct df_row_fetch row;
	struct purpose *purpose;
};

static cJSON *fetch_json(struct queue *q, const struct df_row_fetch *f)
{
	cJSON *o = cJSON_CreateObject();
	const char *peer = strcmp(f->origin, q->self) == 0 ? "" : f->origin;
	const bool live = f->state == DF_FETCH_WAITING;

	put_str(o, "study_uid", f->study);
	put_str(o, "from", f->dest);
	put_str(o, "state", df_fetch_state_name(f->state));
	put_str(o, "origin", f->origin);
	put_num(o, "instances", f->instances);
	put_num(o, "gone", f->gone);
	put_num(o, "here",
		f->origin[0] != '\0'
			? df_journal_study_usable(q->j, f->study, peer)
			: 0);
	put_num(o, "bytes", f->bytes + f->offset);
	put_time(o, "asked", f->asked_ms);
	put_time(o, "ended", f->ended_ms);
	put_time(o, "next", live && f->next_ms > q->now ? f->next_ms : 0);
	put_str(o, "error", f->why);
	return o;
}

static void refuse(struct ask *a, enum df_err err, const char *text)
{
	struct df_why why = {0};

	(void)df_fail(&why, err, "%s", text);
	answer_error(a->q, a->link, a->tag, err, &why);
}

/* All of it, from wherever it came. */
static bool is_here(struct queue *q, const char *uid, struct df_row_study *s)
{
	struct df_study_counts c;

	if (!df_journal_study_find(q->j, uid, "", s) &&
	    !df_journal_study_find(q->j, uid, NULL, s))
		return false;
	df_journal_study_counts(q->j, s->n, &c);
	return c.instances > 0 && c.purged == 0 &&
	       !df_journal_study_lost(q->j, s->n) &&
	       (s->peer[0] == '\0' || s->state == DF_STUDY_CLOSED);
}

static const struct df_peer *peer_of(struct ask *a)
{
	const char *name = ask_text(a, "peer");
	const struct df_config *cfg = a->q->cfg;

	if (name[0] != '\0')
		return df_config_peer(cfg, df_text_of(name));
	return cfg->n_peers > 0 ? &cfg->peers[0] : NULL;
}

static void noted(void *ctx, struct df_reply *r)
{
	struct order *o = ctx;
	struct queue *q = o->q;
	struct ask a = {.q = q, .link = o->link, .tag = o->tag};

	if (r->err != DF_OK) {
		answer_error(q, o->link, o->tag, r->err, &r->why);
		free(o->purpose);
		free(o);
		return;
	}
	o->row.n = df_journal_fetch_put(q->j, &o->row);
	o->purpose->fetch = o->row.n;
	o->purpose->next = q->purposes;
	q->purposes = o->purpose;
	df_log(DF_LOG_INFO, "prior.ordered", DF_F_UID("study", o->row.study));
	answer_json(&a, fetch_json(q, &o->row));
	free(o);
}

/* What the peer may hear: who, why, for which order. */
static struct purpose *purpose_of(struct ask *a)
{
	static const struct {
		const char *name;
		size_t max; /* bytes: docs/formats/peer.md */
	} M[] = {{"purpose", 600}, {"who", 120}, {"order", 64}};
	struct purpose *p = df_xcalloc(1, sizeof *p);
	cJSON *o = cJSON_CreateObject();
	bool fits = true;

	for (size_t i = 0; i < sizeof M / sizeof *M; i++) {
		const char *text = ask_text(a, M[i].name);

		fits = fits && strlen(text) <= M[i].max;
		if (text[0] != '\0')
			put_str(o, M[i].name, text);
	}
	fits = fits &&
	       cJSON_PrintPreallocated(o, p->json, sizeof p->json, false) != 0;
	cJSON_Delete(o);
	if (fits)
		return p;
	free(p);
	return NULL;
}

/* The register knows first: who fetched what, from whom, why. */
static void note(struct ask *a, const struct df_row_fetch *row,
		 struct purpose *purpose)
{
	struct order *order = df_xcalloc(1, sizeof *order);
	cJSON *o = cJSON_Parse(purpose->json);
	struct df_msg m;
	char *text;

	put_str(o, "act", "prior fetch");
	put_str(o, "study_uid", row->study);
	put_str(o, "peer", row->dest);
	text = cJSON_PrintUnformatted(o);
	cJSON_Delete(o);
	*order = (struct order){.q = a->q,
				.link = a->link,
				.tag = a->tag,
				.row = *row,
				.purpose = purpose};
	df_msg_init(&m, DF_MSG_AUDIT_PUT, 0);
	df_msg_put_str(&m, DF_M_JSON, text);
	cJSON_free(text);
	queue_call(a->q, queue_index(a->q), &m, NULL, 0, DF_MSG_NONE, CALL_MS,
		   noted, order);
}

void prior_order(struct ask *a)
{
	struct queue *q = a->q;
	const char *uid = ask_text(a, "study");
	const struct df_peer *peer = peer_of(a);
	struct df_row_fetch row = {.asked_ms = q->now}, old;
	struct df_row_study s;
	struct purpose *purpose;

	if (!df_uid_valid(df_text_of(uid))) {
		refuse(a, DF_E_USAGE, "that is no study instance UID");
	} else if (ask_text(a, "purpose")[0] == '\0') {
		refuse(a, DF_E_USAGE,
		       "an earlier exam is fetched for a "
		       "purpose: --purpose TEXT");
	} else if (peer == NULL) {
		refuse(a, DF_E_REFUSED,
		       "there is no centre to fetch it from: dcm-forward peer "
		       "join");
	} else if (is_here(q, uid, &s)) {
		refuse(a, DF_E_EXISTS,
		       "all of it is here: dcm-forward study show");
	} else if (df_journal_fetch_of(q->j, uid, &old) &&
		   old.state == DF_FETCH_WAITING) {
		old.next_ms = 0; /* a person wants it now */
		df_journal_fetch_put(q->j, &old);
		answer_json(a, fetch_json(q, &old));
	} else if ((purpose = purpose_of(a)) == NULL) {
		refuse(a, DF_E_USAGE, "purpose, name or order is too long");
	} else {
		df_str_fmt(row.study, sizeof row.study, "%s", uid);
		df_str_fmt(row.dest, sizeof row.dest, "%s", peer->name);
		note(a, &row, purpose);
	}
}

/* --- how far
 * ----------------------------------------------------------------------- */

void prior_list(struct ask *a)
{
	struct df_row_fetch *rows = df_xcalloc(LIST_MAX, sizeof *rows);
	size_t n = df_journal_fetches(a->q->j, rows, LIST_MAX);
	cJSON *all = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(all, "priors");

	for (size_t i = 0; i < n; i++)
		(void)cJSON_AddItemToArray(
			list, fetch_json(a->q, &rows[i])); /* memory */
	free(rows);
	answer_json(a, all);
}

void prior_cancel(struct ask *a)
{
	struct queue *q = a->q;
	struct df_row_fetch row;

	if (!df_journal_fetch_of(q->j, ask_text(a, "study"), &row) ||
	    row.state != DF_FETCH_WAITING) {
		refuse(a, DF_E_NOTFOUND, "nothing of it is being fetched");
		return;
	}
	prior_stop(q, &row);
	answer_json(a, fetch_json(q, &row));
}
