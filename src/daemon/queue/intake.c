/*
 * intake.c - from receive: empty files out, commits in, the next file back.
 *
 * The worker has synced the content, the name was durable before it got the
 * file, and the object says its own row: so the row is a note, and the worker
 * says Success when COMMIT is on its way. Nothing is removed here that it may
 * have said it of: until its link has been read to the end, what it was lent
 * stays. A worker faces the network: the file must end in exactly the envelope
 * of the message, with our name for it.
 */
#include <stdlib.h>
#include <string.h>

#include "df/decision.h"
#include "df/file.h"
#include "df/log.h"
#include "queue.h"

#define STAGED_MAX 8 /* files one worker may hold */

struct staged {
	struct staged *next;
	struct df_stage stage;
	struct df_link *owner;
};

struct arrival {
	struct df_envelope env;
	uint64_t dfenv_len;
	uint64_t bytes;
};

struct assoc {
	struct df_id id;
	char calling[DF_AE_LEN + 1];
	struct df_why late; /* err != DF_OK: its images are to come later */
};

QUEUE_HANDLER(association_open)
{
	struct assoc *a = df_xcalloc(1, sizeof *a);

	(void)fds, (void)n_fds;
	if (!df_msg_get_id(m, DF_M_ASSOCIATION, &a->id))
		df_id_new(&a->id); /* of no instance: it holds up nothing */
	if (df_msg_get_str(m, DF_M_CALLING, a->calling, sizeof a->calling))
		(void)acceptance_association(queue_of(room), a->calling,
					     &a->late); /* said by `late` */
	free(from->ctx);
	from->ctx = a;
}

bool intake_is_open(struct queue *q, int64_t study)
{
	struct df_link *l = NULL;

	while ((l = df_room_link_next(q->room, DF_ROLE_RECEIVE, l)) != NULL) {
		const struct assoc *a = l->ctx;

		if (a != NULL && df_journal_study_from(q->j, study, &a->id))
			return true;
	}
	return false;
}

static size_t held_by(const struct queue *q, const struct df_link *owner)
{
	size_t n = 0;

	for (const struct staged *s = q->staged; s != NULL; s = s->next)
		n += s->owner == owner;
	return n;
}

static enum df_err stage_for(struct queue *q, struct df_link *from, int *fd,
			     struct df_id *id, struct df_why *why)
{
	struct assoc *a = from->ctx;
	struct staged *s;
	enum df_err rc;

	if (held_by(q, from) >= STAGED_MAX)
		return df_fail(why, DF_E_LIMIT, "too many open files");
	if (a != NULL && a->late.err != DF_OK) {
		/* who was let send goes on; who was not asks again */
		a->late = (struct df_why){0};
		if (acceptance_association(q, a->calling, &a->late) != DF_OK) {
			*why = a->late;
			return why->err;
		}
	}
	rc = acceptance(q, 0, why);
	if (rc != DF_OK)
		return rc;
	s = df_xcalloc(1, sizeof *s);
	rc = df_stage_new(&q->sp, &s->stage, why);
	if (rc == DF_OK)
		rc = df_fd_dup(fd, s->stage.fd, why);
	if (rc == DF_E_IO)
		acceptance_doubt(q);
	if (rc != DF_OK) {
		df_stage_drop(&q->sp, &s->stage);
		free(s);
		return rc;
	}
	*id = s->stage.id;
	s->owner = from;
	s->next = q->staged;
	q->staged = s;
	return DF_OK;
}

/* The next file, or why there is none. */
static void lend(struct queue *q, struct df_link *to, uint32_t tag)
{
	struct df_why why = {0};
	struct df_id id;
	struct df_msg out;
	int fd = -1;
	enum df_err rc = stage_for(q, to, &fd, &id, &why);

	df_msg_init(&out, DF_MSG_STAGED, tag);
	df_msg_put_result(&out, rc, &why);
	if (rc == DF_OK)
		df_msg_put_id(&out, DF_M_ID, &id);
	/* promises nothing, so it need not wait for the commit */
	(void)df_room_send(to, &out, &fd, fd >= 0 ? 1 : 0); /* link_down */
}

QUEUE_HANDLER(stage)
{
	(void)fds, (void)n_fds;
	lend(queue_of(room), from, m->tag);
}

static bool staged_take(struct queue *q, const struct df_link *owner,
			const struct df_id *id, struct df_stage *to)
{
	for (struct staged **at = &q->staged; *at != NULL; at = &(*at)->next) {
		struct staged *s = *at;

		if (s->owner != owner || strcmp(s->stage.id.s, id->s) != 0)
			continue;
		*to = s->stage;
		*at = s->next;
		free(s);
		return true;
	}
	return false;
}

QUEUE_HANDLER(unstage)
{
	struct queue *q = queue_of(room);
	struct df_why why = {0};
	struct df_stage st;
	struct df_id id;
	enum df_err rc = df_msg_result(m, &why);

	(void)fds, (void)n_fds;
	if (rc != DF_OK)
		df_log(DF_LOG_ERROR, "instance.unstored", DF_F_ERR(&why));
	if (!df_msg_get_id(m, DF_M_ID, &id) || !staged_take(q, from, &id, &st))
		return;
	df_stage_drop(&q->sp, &st);
	if (rc == DF_E_IO) /* believed only of a file that was lent */
		degraded_end(q, &why);
}

void intake_link_down(struct queue *q, struct df_link *link)
{
	struct staged **at = &q->staged;

	while (*at != NULL) {
		struct staged *s = *at;

		if (s->owner != link) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		df_stage_drop(&q->sp, &s->stage);
		free(s);
	}
	free(link->ctx);
	link->ctx = NULL;
	q->study_look = true;
}

/* --- commits --------------------------------------------------------------- */

static void row_of(struct df_row_instance *r, const struct df_envelope *env)
{
	*r = (struct df_row_instance){.size_bytes = env->size_bytes,
				      .digest = env->digest,
				      .association = env->association,
				      .received_ms = env->received_ms,
				      .object = env->id};
	memcpy(r->sop_instance, env->sop_instance, sizeof r->sop_instance);
	memcpy(r->sop_class, env->sop_class, sizeof r->sop_class);
	memcpy(r->transfer_syntax, env->transfer_syntax,
	       sizeof r->transfer_syntax);
	memcpy(r->calling, env->calling_ae, sizeof r->calling);
}

/* The trailer in the file must be the one in the message, ours by name. */
static enum df_err check_file(struct arrival *a, const struct df_stage *st,
			      struct df_text text, struct df_why *why)
{
	uint8_t tail[DF_ENV_RAW_MAX];
	enum df_err rc = df_fd_size(st->fd, &a->bytes, why);

	if (rc == DF_OK && (text.len < DF_ENV_FOOTER_LEN ||
			    text.len > sizeof tail ||
			    a->bytes != a->dfenv_len + text.len))
		rc = df_fail(why, DF_E_FORMAT,
			     "the file's length is not what was said");
	if (rc == DF_OK)
		rc = df_pread_all(st->fd, tail, text.len, a->dfenv_len, why);
	if (rc == DF_OK && (memcmp(tail, text.ptr, text.len) != 0 ||
			    df_get_u64(tail + text.len - DF_ENV_FOOTER_LEN) !=
				    a->dfenv_len))
		rc = df_fail(why, DF_E_FORMAT,
			     "the file's envelope is not what was said");
	if (rc == DF_OK)
		rc = df_envelope_decode(&a->env, (const uint8_t *)text.ptr,
					text.len, why);
	if (rc == DF_OK && (a->env.kind != DF_ENV_RAW ||
			    strcmp(a->env.id.s, st->id.s) != 0))
		rc = df_fail(why, DF_E_FORMAT,
			     "the envelope names another object");
	return rc;
}

/* Bytes that are held here, or were: no second copy is kept. */
static bool is_double(struct queue *q, const struct df_envelope *env)
{
	struct df_row_instance old;

	if (!df_journal_known(q->j, &q->sp, "", env->sop_instance,
			      &env->digest, &old))
		return false;
	df_journal_extra_add(q->j, old.n, &env->association, q->now);
	df_log(DF_LOG_DEBUG, "instance.double",
	       DF_F_UID("sop_instance", env->sop_instance));
	return true;
}

static void settle(struct queue *q, const struct arrival *a,
		   struct df_stage *st)
{
	struct df_row_instance row;

	if (is_double(q, &a->env)) { /* another object holds the same bytes */
		df_stage_drop(&q->sp, st);
		return;
	}
	row_of(&row, &a->env);
	/* other bytes under a known UID are judged when they are looked into */
	df_journal_arrival_note(q->j, &row, a->dfenv_len, a->bytes);
	df_fd_close(&st->fd);
	q->inspect.more = true;
	q->instances_received++;
}

/* A worker that lies: it lends itself no more, but what it may have said
 * Success of is not removed. */
static void distrust(struct queue *q, struct df_link *from, struct df_stage *st,
		     const struct df_why *why)
{
	struct df_why mine = {0};

	df_log(DF_LOG_ERROR, "instance.unsound", DF_F_ERR(why));
	df_room_link_drop(from);
	if (st->id.s[0] != '\0' &&
	    df_spool_set_aside(&q->sp, &st->id, &mine) != DF_OK)
		df_log(DF_LOG_ERROR, "spool.quarantine", DF_F_ERR(&mine));
	df_fd_close(&st->fd);
}

/* The next file goes first: the modality waits for it, the row does not. */
QUEUE_HANDLER(commit)
{
	struct queue *q = queue_of(room);
	struct df_stage st = {.fd = -1};
	struct df_text text = {NULL, 0};
	struct df_why why = {0};
	struct df_id id = {""};
	struct arrival a = {0};
	enum df_err rc;

	(void)fds, (void)n_fds;
	if (!df_msg_get_id(m, DF_M_ID, &id) ||
	    !df_msg_get_u64(m, DF_M_LENGTH, &a.dfenv_len) ||
	    !df_msg_get(m, DF_M_ENVELOPE, &text) ||
	    !staged_take(q, from, &id, &st)) {
		(void)df_fail(&why, DF_E_FORMAT, "commit of what is not staged");
		distrust(q, from, &st, &why);
		return;
	}
	lend(q, from, m->tag);
	rc = check_file(&a, &st, text, &why);
	if (rc == DF_OK)
		settle(q, &a, &st);
	else if (rc == DF_E_NOMEM) /* the next life will find it, */
		df_no_memory(text.len);
	else if (df_err_fate(rc) == DF_FATE_RETRY) /* or say why not */
		degraded_end(q, &why);
	else
		distrust(q, from, &st, &why);
	df_envelope_release(&a.env);
}
