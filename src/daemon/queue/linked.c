/*
 * linked.c - the same images under other UIDs are sent once (df/linked.h).
 *
 * A parcel of our own that was compared is not routed at once: the index is
 * asked whether all that it shows belongs to another study of the same person
 * which our peers hold by their receipt. The question costs a message; when the
 * index does not answer, or a person said that the study is urgent or is to be
 * sent, nothing waits. One image that is not the other's lets all of them go.
 */
#include <stdlib.h>
#include <string.h>

#include "answers.h"
#include "df/fetches.h"
#include "df/linked.h"
#include "df/log.h"
#include "queue.h"

#define ANSWER_MS 2000
#define LOOK_MAX 16

struct asking_twins {
	struct queue *q;
	int64_t study;
	uint64_t instances; /* of the parcel */
};

/* All its parcels take the line, now and from now on. */
static void send_all(struct queue *q, struct df_row_linked *row)
{
	struct df_row_parcel p[LOOK_MAX];
	int64_t after = 0;
	size_t n;

	row->state = DF_LINKED_SENT;
	df_journal_linked_put(q->j, row);
	while ((n = df_journal_parcels_ready(q->j, row->study, after, p,
					     LOOK_MAX)) > 0) {
		for (size_t i = 0; i < n; i++)
			if (p[i].direction == DF_ENV_MADE)
				parcel_route(q, p[i].n, row->study);
		after = p[n - 1].n;
	}
	q->study_look = q->manifest_look = true;
}

void linked_let_go(struct queue *q, int64_t study)
{
	struct df_row_linked row;

	struct df_row_study s;

	if (!df_journal_study(q->j, study, &s) || s.peer[0] != '\0')
		return; /* another node's: it goes to no peer of ours */
	(void)df_journal_linked(q->j, study, &row); /* NOT: from now on */
	if (row.state != DF_LINKED_SENT)
		send_all(q, &row);
}

/* Does every peer that ours go to hold it, all of it? */
static bool is_held_there(struct queue *q, const char *uid, const char *peer)
{
	struct df_row_study s;
	size_t i = 0;

	if (!df_journal_study_find(q->j, uid, peer, &s))
		return false;
	while (i < q->cfg->n_peers &&
	       df_journal_study_held_by(q->j, &s, q->cfg->peers[i].name))
		i++;
	return i > 0 && i == q->cfg->n_peers;
}

static void answered(void *ctx, struct df_reply *r)
{
	struct asking_twins *a = ctx;
	struct queue *q = a->q;
	struct df_row_linked row;
	char uid[65], peer[DF_HEX_LEN + 1];
	uint64_t same = 0;

	q->twins_asked--;
	q->study_look = true;
	(void)df_journal_linked(q->j, a->study, &row); /* SENT: let go */
	if (row.state != DF_LINKED_SENT && r->err == DF_OK &&
	    df_msg_get_u64(r->msg, DF_M_NUMBER, &same) &&
	    same == a->instances &&
	    df_msg_get_str(r->msg, DF_M_STUDY, uid, sizeof uid) &&
	    (df_msg_get_str(r->msg, DF_M_PEER, peer, sizeof peer) ||
	     peer[0] == '\0') &&
	    is_held_there(q, uid, peer)) {
		row.state = DF_LINKED_WATCHED;
		memcpy(row.twin, uid, sizeof row.twin);
		memcpy(row.peer, peer, sizeof row.peer);
		df_journal_linked_put(q->j, &row);
	} else if (row.state != DF_LINKED_SENT) {
		send_all(q, &row); /* this parcel, too */
	}
	free(a);
}

/* True when it is asked about; else it is to be routed now. */
static bool ask(struct queue *q, const struct df_row_study *s,
		const struct seen_list *seen)
{
	struct asking_twins *a;
	struct df_row_linked row;
	struct df_text pixels;
	struct df_msg m;

	if (df_journal_linked(q->j, s->n, &row) == DF_LINKED_SENT)
		return false;
	if (q->cfg->study.linked != DF_STUDY_LINKED_HOLD || s->priority > 0 ||
	    q->cfg->n_peers == 0 || queue_index(q) == NULL || seen->n == 0)
		return false;
	df_msg_init(&m, DF_MSG_TWINS_RQ, 0);
	df_msg_put_str(&m, DF_M_STUDY, s->uid);
	for (size_t i = 0; i < seen->n; i++) {
		if (!df_msg_get(&seen->v[i].facts, DF_M_PIXEL_DIGEST,
				&pixels)) {
			df_msg_release(&m);
			return false;
		}
		df_msg_put_str(&m, DF_M_SOP_INSTANCE,
			       seen->v[i].row.sop_instance);
	}
	row.state = DF_LINKED_WATCHED;
	df_journal_linked_put(q->j, &row);
	a = df_xmalloc(sizeof *a);
	*a = (struct asking_twins){q, s->n, seen->n};
	q->twins_asked++;
	queue_call(q, queue_index(q), &m, NULL, 0, DF_MSG_NONE, ANSWER_MS,
		   answered, a);
	return true;
}

void linked_route(struct queue *q, const struct df_row_parcel *p,
		  const struct seen_list *seen)
{
	struct df_row_study s;

	if (p->direction == DF_ENV_MADE &&
	    df_journal_study(q->j, p->study, &s) && ask(q, &s, seen))
		return;
	parcel_route(q, p->n, p->study);
	linked_let_go(q, p->study);
}

/* What an earlier life was asking about goes its way. */
void linked_start(struct queue *q)
{
	struct df_row_linked rows[LOOK_MAX];
	size_t n;

	while ((n = df_journal_linked_in(q->j, DF_LINKED_WATCHED, 0, rows,
					 LOOK_MAX)) > 0)
		for (size_t i = 0; i < n; i++)
			send_all(q, &rows[i]);
}

/* Complete, and never let go: it stays. */
void linked_pump(struct queue *q)
{
	struct df_row_linked rows[LOOK_MAX];
	struct df_row_study s;
	int64_t after = 0;
	size_t n;

	if (!q->study_look || q->twins_asked > 0)
		return;
	while ((n = df_journal_linked_in(q->j, DF_LINKED_WATCHED, after, rows,
					 LOOK_MAX)) > 0) {
		for (size_t i = 0; i < n; i++) {
			after = rows[i].study;
			if (!df_journal_study_packed(q->j, after) ||
			    !df_journal_study(q->j, after, &s))
				continue;
			rows[i].state = DF_LINKED_HELD;
			df_journal_linked_put(q->j, &rows[i]);
			df_log(DF_LOG_WARN, "study.linked",
			       DF_F_UID("study", s.uid),
			       DF_F_UID("same_as", rows[i].twin));
		}
	}
}

/* --- for people
 * ---------------------------------------------------------------- */

void linked_put(struct queue *q, cJSON *study, int64_t n)
{
	struct df_row_linked row;
	cJSON *o;

	if (df_journal_linked(q->j, n, &row) != DF_LINKED_HELD)
		return;
	o = cJSON_AddObjectToObject(study, "linked");
	put_str(o, "study_uid", row.twin);
	put_str(o, "node", row.peer);
}

bool linked_is_held(struct queue *q, int64_t study, char twin[65])
{
	struct df_row_linked row;
	bool held = df_journal_linked(q->j, study, &row) == DF_LINKED_HELD;

	memcpy(twin, row.twin, 65);
	return held;
}
