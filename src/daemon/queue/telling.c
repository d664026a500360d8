/*
 * telling.c - reports of storage commitment to modalities: over the
 * association that asked while it rests, else over one of our own, with pauses
 * that grow while the modality is off. A report is done when the modality has
 * answered it; before that it is given again, after a crash too.
 */
#include <stdlib.h>
#include <string.h>

#include "df/file.h"
#include "df/log.h"
#include "promising.h"

#define REFUSALS_MAX 3
#define DUE_MAX 16

struct tell { /* over an association of our own */
	struct queue *q;
	int64_t commitment;
	size_t modality;
};

static void done(struct queue *q, const struct df_row_commitment *c)
{
	df_commitment_move(q->j, c->n, DF_COMMITMENT_DONE, q->now, true, NULL);
	df_log(DF_LOG_INFO, "commitment.reported",
	       DF_F_UID("transaction", c->uid), DF_F_AE("modality", c->who),
	       DF_F_NUM("instances", c->items), DF_F_NUM("failed", c->bad));
}

/* It was read, and not accepted: this may be the modality's last word. */
static void refused(struct queue *q, const struct df_row_commitment *c,
		    uint64_t status)
{
	struct df_why why = {0};
	bool over = c->tries + 1 >= REFUSALS_MAX;

	(void)df_fail(&why, DF_E_REFUSED,
		      "the modality answered the report with status %04llx",
		      (unsigned long long)status);
	df_commitment_move(q->j, c->n,
			   over ? DF_COMMITMENT_ENDED : DF_COMMITMENT_READY,
			   object_again(q, c->asked_ms), true, &why);
	df_log(DF_LOG_WARN, "commitment.refused",
	       DF_F_UID("transaction", c->uid), DF_F_AE("modality", c->who),
	       DF_F_NUM("status", status));
}

/* What the modality answered to a report that is due. */
static void answered(struct queue *q, const struct df_row_commitment *c,
		     uint64_t status)
{
	if (status == 0)
		done(q, c);
	else
		refused(q, c, status);
}

static bool message_of(struct queue *q, struct df_msg *m, enum df_msg_type type,
		       const struct df_row_commitment *c, int *fd)
{
	struct df_references refs;
	struct df_why why = {0};
	enum df_err rc;

	df_commitment_references(q->j, c->n, &refs);
	rc = df_room_list_fd(fd, &refs, &why);
	df_references_release(&refs);
	if (rc != DF_OK && !q->promising->stuck)
		df_log(DF_LOG_ERROR, "commitment.report", DF_F_ERR(&why));
	q->promising->stuck = rc != DF_OK;
	if (rc != DF_OK)
		return false; /* looked at again */
	df_msg_init(m, type, 0);
	df_msg_put_str(m, DF_M_TRANSACTION, c->uid);
	return true;
}

/* --- over the association that asked
 * ------------------------------------------ */

QUEUE_HANDLER(commitment_told)
{
	struct queue *q = queue_of(room);
	struct asker **at;
	struct df_row_commitment c;
	char uid[65], who[DF_AE_LEN + 1];
	uint64_t status = 0;

	(void)fds, (void)n_fds;
	if (q->j == NULL ||
	    !df_msg_get_str(m, DF_M_TRANSACTION, uid, sizeof uid) ||
	    !df_msg_get_str(m, DF_M_CALLING, who, sizeof who) ||
	    !df_commitment_find(q->j, DF_COMMITMENT_OF_US, uid, &c) ||
	    strcmp(c.who, who) != 0)
		return;
	(void)df_msg_get_u64(m, DF_M_STATUS, &status); /* absent: 0 */
	for (at = &q->promising->askers; *at != NULL; at = &(*at)->next) {
		struct asker *a = *at;

		if (a->link == from && a->commitment == c.n && a->telling) {
			*at = a->next;
			free(a);
			break;
		}
	}
	if (c.state == DF_COMMITMENT_READY && df_msg_result(m, NULL) == DF_OK)
		answered(q, &c, status);
	q->promising->looked_ms = 0; /* else over one of our own, now */
}

static void tell_asker(struct queue *q, struct asker *a,
		       const struct df_row_commitment *c)
{
	struct df_msg m;
	int fd = -1;

	if (!message_of(q, &m, DF_MSG_COMMITMENT_TELL, c, &fd))
		return;
	a->telling = true;
	queue_post(q, a->link, &m, &fd, 1);
}

static bool link_tells(const struct promising *p, const struct df_link *link)
{
	for (const struct asker *a = p->askers; a != NULL; a = a->next)
		if (a->link == link && a->telling)
			return true;
	return false;
}

static bool has_asker(const struct promising *p, int64_t commitment)
{
	for (const struct asker *a = p->askers; a != NULL; a = a->next)
		if (a->commitment == commitment)
			return true;
	return false;
}

/* It may have asked again over a second one. */
static bool is_telling(const struct promising *p, int64_t commitment)
{
	for (const struct asker *a = p->askers; a != NULL; a = a->next)
		if (a->commitment == commitment && a->telling)
			return true;
	return false;
}

/* Over the associations that asked, one report at a time each, and each report
 * over one of them. */
static void tell_askers(struct queue *q)
{
	struct promising *p = q->promising;
	struct df_row_commitment c;

	for (struct asker *a = p->askers; a != NULL; a = a->next)
		if (!is_telling(p, a->commitment) &&
		    p->reporting != a->commitment && !link_tells(p, a->link) &&
		    df_commitment(q->j, a->commitment, &c) &&
		    c.state == DF_COMMITMENT_READY)
			tell_asker(q, a, &c);
}

/* --- over an association of our own
 * ------------------------------------------- */

static void failed(struct queue *q, const struct tell *t,
		   const struct df_row_commitment *c, const struct df_why *why)
{
	struct df_window *w = &q->promising->windows[t->modality];

	df_window_bad(w, q->now, q->cfg->retry.min_s * 1000,
		      q->cfg->retry.max_s * 1000, queue_chance());
	df_commitment_move(q->j, c->n, DF_COMMITMENT_READY, w->next_ms, false,
			   why);
}

static void replied(void *ctx, struct df_reply *r)
{
	struct tell *t = ctx;
	struct queue *q = t->q;
	struct df_row_commitment c;
	uint64_t status = 0;

	q->promising->reporting = 0;
	q->promising->looked_ms = 0;
	if (r->msg != NULL)
		(void)df_msg_get_u64(r->msg, DF_M_STATUS, &status); /* or 0 */
	if (r->err == DF_OK)
		df_window_good(&q->promising->windows[t->modality]);
	if (df_commitment(q->j, t->commitment, &c) &&
	    c.state == DF_COMMITMENT_READY) {
		if (r->err == DF_OK)
			answered(q, &c, status);
		else if (!job_lost(r)) /* else at once again */
			failed(q, t, &c, &r->why);
	}
	free(t);
}

static void tell(struct queue *q, const struct df_row_commitment *c,
		 struct df_link *link, size_t modality)
{
	struct tell *t;
	struct df_msg m;
	int fd = -1;

	if (!message_of(q, &m, DF_MSG_COMMITMENT_REPORT, c, &fd))
		return;
	t = df_xcalloc(1, sizeof *t);
	*t = (struct tell){q, c->n, modality};
	q->promising->reporting = c->n;
	df_msg_put_str(&m, DF_M_CALLED, c->who);
	queue_call(q, link, &m, &fd, 1, DF_MSG_JOB_DONE, 0, replied, t);
}

static void tell_modality(struct queue *q, size_t i, struct df_link *link)
{
	static struct df_row_commitment due[DUE_MAX]; /* one thread */
	struct promising *p = q->promising;
	size_t n = df_commitments_due(
		q->j, DF_COMMITMENT_OF_US, DF_COMMITMENT_READY,
		q->cfg->modalities[i].ae, 0, q->now, due, DUE_MAX);

	for (size_t k = 0; k < n; k++)
		if (!has_asker(p, due[k].n)) {
			tell(q, &due[k], link, i);
			return;
		}
}

void telling_pump(struct queue *q)
{
	struct df_link *link = df_room_link(q->room, DF_ROLE_DELIVER_DIMSE,
					    (uint32_t)q->cfg->n_destinations);
	struct promising *p = q->promising;

	tell_askers(q);
	for (size_t i = 0; i < q->cfg->n_modalities && link != NULL; i++) {
		const struct df_modality *m = &q->cfg->modalities[i];

		if (p->reporting == 0 && m->reports.host[0] != '\0' &&
		    df_window_open(&p->windows[i], q->now))
			tell_modality(q, i, link);
	}
}
