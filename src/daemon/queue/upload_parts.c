/*
 * upload_parts.c - parts of a parcel, in any order and maybe cut short.
 *
 * An offset is said only after all before it is synced and the row committed.
 * What came beyond a gap is synced too and remembered here, not in the row: a
 * restart of this room forgets it, and it is sent again. Bytes behind the
 * offset may be anything, and so may the prefix of a part that was cut, whose
 * digest nobody saw whole: the parcel is verified as a whole before it counts.
 */
#include <stdlib.h>
#include <string.h>

#include "df/file.h"
#include "df/log.h"
#include "upload.h"

#define REMEMBERED_MAX 256 /* uploads of one peer */

/* --- beyond a gap -----------------------------------------------------------
 */

struct upload_beyond {
	struct upload_beyond *next;
	char hex[33];
	char peer[DF_HEX_LEN + 1];
	struct df_id file; /* of another file it would say nothing */
	struct df_ranges held;
};

static struct upload_beyond **find_beyond(struct queue *q,
					  const struct df_row_upload *u)
{
	struct upload_beyond **at = &q->beyond;

	while (*at != NULL && (strcmp((*at)->hex, u->hex) != 0 ||
			       strcmp((*at)->peer, u->peer) != 0))
		at = &(*at)->next;
	return at;
}

static void forget(struct upload_beyond **at)
{
	struct upload_beyond *b = *at;

	*at = b->next;
	free(b);
}

const struct df_ranges *upload_held(struct queue *q,
				    const struct df_row_upload *u)
{
	struct upload_beyond **at = find_beyond(q, u);

	if (*at != NULL && strcmp((*at)->file.s, u->file.s) != 0)
		forget(at);
	return *at != NULL ? &(*at)->held : NULL;
}

/* The newest are in front; of a peer that leaves many the oldest go. */
static void forget_oldest(struct queue *q, const char *peer)
{
	size_t n = 0;

	for (struct upload_beyond **at = &q->beyond; *at != NULL;) {
		if (strcmp((*at)->peer, peer) == 0 && ++n > REMEMBERED_MAX)
			forget(at);
		else
			at = &(*at)->next;
	}
}

static bool remember(struct queue *q, const struct df_row_upload *u,
		     uint64_t from, uint64_t to)
{
	struct upload_beyond *b;

	if (upload_held(q, u) == NULL) {
		b = df_xcalloc(1, sizeof *b);
		memcpy(b->hex, u->hex, sizeof b->hex);
		memcpy(b->peer, u->peer, sizeof b->peer);
		b->file = u->file;
		b->next = q->beyond;
		q->beyond = b;
		forget_oldest(q, u->peer);
	}
	return df_ranges_add(&(*find_beyond(q, u))->held, from, to);
}

/* The gap before what is remembered may be closed now. */
static void take_in(struct queue *q, struct df_row_upload *u)
{
	const struct df_ranges *held = upload_held(q, u);
	struct upload_beyond **at;
	struct df_ranges all = {0};

	if (held == NULL)
		return;
	at = find_beyond(q, u);
	(void)df_ranges_add(&all, 0, u->offset); /* the first: has its place */
	for (size_t i = 0; i < held->n; i++)
		(void)df_ranges_add(&all, held->r[i].from,
				    held->r[i].to); /* one more than fits: the
						     * last is sent again */
	u->offset = df_ranges_prefix(&all);
	memset(&(*at)->held, 0, sizeof (*at)->held);
	for (size_t i = 1; i < all.n; i++)
		(void)df_ranges_add(&(*at)->held, all.r[i].from, all.r[i].to);
	if ((*at)->held.n == 0)
		forget(at);
}

/* --- parts ------------------------------------------------------------------
 */

static enum df_err grant(struct queue *q, struct df_row_upload *u,
			 uint64_t offset, uint64_t len, int *fd,
			 struct df_why *why)
{
	const struct df_ranges *held = upload_held(q, u);
	enum df_err rc;

	if (u->state == DF_UPLOAD_REFUSED) {
		upload_refusal_heard(q, u);
		return df_fail(why, u->err, "%s", u->why);
	}
	if (u->state != DF_UPLOAD_RECEIVING || offset < u->offset ||
	    (held != NULL && df_ranges_meet(held, offset, offset + len)))
		return df_fail(why, DF_E_CONFLICT, "some of it is held");
	if (len == 0 || offset > u->size || len > u->size - offset)
		return df_fail(why, DF_E_LIMIT, "part is longer than the rest");
	rc = acceptance_peer(q, u->peer, len, why);
	if (rc != DF_OK)
		return rc;
	if (u->file.s[0] != '\0') {
		rc = df_incoming_open(&q->sp, &u->file, fd, why);
	} else {
		rc = df_incoming_new(&q->sp, &u->file, fd, why);
		if (rc == DF_OK)
			df_journal_upload_put(q->j, u, q->now);
	}
	if (rc == DF_E_IO)
		acceptance_doubt(q);
	return rc;
}

static bool read_part(const struct df_msg *m, struct df_row_upload *u,
		      uint64_t *offset, uint64_t *len)
{
	*u = (struct df_row_upload){0};
	return df_msg_get_str(m, DF_M_PEER, u->peer, sizeof u->peer) &&
	       df_msg_get_str(m, DF_M_PARCEL, u->hex, sizeof u->hex) &&
	       df_msg_get_u64(m, DF_M_OFFSET, offset) &&
	       df_msg_get_u64(m, DF_M_LENGTH, len);
}

/* size 0 = an unknown one is not begun. */
static enum df_err find_upload(struct queue *q, struct df_row_upload *u,
			       uint64_t size, struct df_why *why)
{
	struct df_row_parcel p;
	char hex[33], peer[DF_HEX_LEN + 1];

	memcpy(hex, u->hex, sizeof hex);
	memcpy(peer, u->peer, sizeof peer);
	if (df_journal_upload(q->j, hex, peer, u))
		return size == 0 || size == u->size
			       ? DF_OK
			       : df_fail(why, DF_E_CONFLICT,
					 "its size has changed");
	if (upload_is_known(q, hex, peer, &p)) {
		if (strcmp(p.peer, peer) != 0)
			return df_fail(why, DF_E_CONFLICT,
				       "another peer brought it");
		u->offset = p.dfenv_len;
		return df_fail(why, DF_E_CONFLICT, "it is here already");
	}
	if (size > 0)
		return upload_begin(q, peer, hex, size, u, why);
	return df_fail(why, DF_E_NOTFOUND, "offer it first");
}

QUEUE_HANDLER(part)
{
	struct queue *q = queue_of(room);
	struct df_row_upload u;
	struct df_why why = {0};
	struct df_msg out;
	uint64_t offset, len, size = 0, priority;
	enum df_err rc;
	int fd = -1;

	(void)fds, (void)n_fds;
	if (!read_part(m, &u, &offset, &len))
		df_bug("a part that is not whole");
	(void)df_msg_get_u64(m, DF_M_SIZE, &size); /* absent: 0 */
	rc = find_upload(q, &u, size, &why);
	if (rc == DF_OK && u.priority == 0 &&
	    df_msg_get_u64(m, DF_M_PRIORITY, &priority)) {
		u.priority = 1;
		df_journal_upload_put(q->j, &u, q->now);
	}
	if (rc == DF_OK)
		rc = grant(q, &u, offset, len, &fd, &why);
	df_msg_init(&out, DF_MSG_PART, m->tag);
	df_msg_put_result(&out, rc, &why);
	if (rc == DF_OK || rc == DF_E_CONFLICT)
		df_msg_put_u64(&out, DF_M_OFFSET, u.offset);
	queue_post(q, from, &out, &fd, rc == DF_OK ? 1 : 0);
	df_fd_close(&fd);
}

/* What was cut short is kept as far as it came: len may be less than granted. */
static enum df_err part_keep(struct queue *q, struct df_row_upload *u,
			     uint64_t offset, uint64_t len, struct df_why *why)
{
	const struct df_ranges *held = upload_held(q, u);
	int fd = -1;
	enum df_err rc;

	if (u->state != DF_UPLOAD_RECEIVING || offset < u->offset ||
	    (held != NULL && df_ranges_meet(held, offset, offset + len)))
		return DF_OK; /* said twice: the offset that stands is told */
	if (offset > u->size || len > u->size - offset)
		return df_fail(why, DF_E_LIMIT, "part is longer than the rest");
	rc = df_incoming_open(&q->sp, &u->file, &fd, why);
	if (rc == DF_OK)
		rc = df_incoming_sync(fd, why);
	df_fd_close(&fd);
	if (rc != DF_OK)
		return rc;
	if (offset > u->offset)
		return remember(q, u, offset, offset + len)
			       ? DF_OK
			       : df_fail(why, DF_E_AGAIN, "too many gaps");
	u->offset += len;
	take_in(q, u);
	if (u->offset == u->size) {
		u->state = DF_UPLOAD_WHOLE;
		q->upload_look = true;
	}
	df_journal_upload_put(q->j, u, q->now);
	return DF_OK;
}

QUEUE_HANDLER(part_done)
{
	struct queue *q = queue_of(room);
	struct df_row_upload u;
	struct df_why why = {0};
	struct df_msg out;
	uint64_t offset, len;
	enum df_err rc;

	(void)fds, (void)n_fds;
	if (!read_part(m, &u, &offset, &len))
		df_bug("a part that is not whole");
	rc = find_upload(q, &u, 0, &why);
	if (rc == DF_OK)
		rc = part_keep(q, &u, offset, len, &why);
	df_msg_init(&out, DF_MSG_PART_DURABLE, m->tag);
	df_msg_put_result(&out, rc, &why);
	if (rc == DF_OK)
		df_msg_put_u64(&out, DF_M_OFFSET, u.offset);
	queue_post(q, from, &out, NULL, 0);
}
