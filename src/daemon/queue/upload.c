/*
 * upload.c - parcels from an enrolled peer: offers, parts, custody.
 *
 * An offset is said only after the part is synced and its row committed. A
 * whole parcel is opened by keys (the sender must be who uploads it), and a
 * cell decodes every instance; only then it becomes an object, and its
 * instances go on their way to the PACS. What fails is kept in quarantine and
 * refused by reason at the next offer.
 */
#include <stdlib.h>
#include <string.h>

#include "df/file.h"
#include "df/log.h"
#include "df/sealed.h"
#include "upload.h"

#define RECEIVING_MAX 256 /* unfinished parcels of one peer */
#define REFUSED_MAX 256	  /* refused ones, until a person looks */
#define RESTED_MS (60 * 60 * 1000)

/* --- offers --------------------------------------------------------------- */

static void put_offer(struct df_msg *out, const char *hex, const char *want,
		      uint64_t offset, enum df_err err, const char *why)
{
	struct df_msg item;

	df_msg_init(&item, DF_MSG_NONE, 0);
	df_msg_put_str(&item, DF_M_PARCEL, hex);
	df_msg_put_str(&item, DF_M_WANT, want);
	df_msg_put_u64(&item, DF_M_OFFSET, offset);
	if (err != DF_OK) {
		df_msg_put_u64(&item, DF_M_ERR, (uint64_t)err);
		df_msg_put_opt(&item, DF_M_WHY, why);
	}
	df_msg_put_item(out, DF_M_OFFER, &item);
	df_msg_release(&item);
}

/*
 * Is there a place for one more upload of this peer? One that rested for an
 * hour makes room: its sender holds the bytes and would begin it anew.
 */
static bool place_for(struct queue *q, const char *peer)
{
	struct df_row_upload u;
	int64_t oldest_ms = 0;
	char hex[33] = "";

	if (df_journal_uploads_of(q->j, peer, DF_UPLOAD_REFUSED, &oldest_ms,
				  hex) >= REFUSED_MAX)
		return false;
	if (df_journal_uploads_of(q->j, peer, DF_UPLOAD_RECEIVING, &oldest_ms,
				  hex) < RECEIVING_MAX)
		return true;
	if (q->now - oldest_ms < RESTED_MS ||
	    !df_journal_upload(q->j, hex, peer, &u))
		return false;
	if (u.file.s[0] != '\0')
		df_incoming_drop(&q->sp, &u.file);
	df_journal_upload_drop(q->j, hex, peer);
	return true;
}

/*
 * Refused once more, and from then on wanted anew: an offer that comes after
 * the refusal was heard is a later try, or a person's order (queue retry). What
 * was refused may have been right: a clock, a certificate, cells that died by
 * chance. offset 0 = heard.
 */
static bool is_refused(struct queue *q, struct df_msg *out,
		       struct df_row_upload *u)
{
	if (u->offset > 0) {
		put_offer(out, u->hex, "refuse", 0, u->err, u->why);
		u->offset = 0;
		df_journal_upload_put(q->j, u, q->now);
		return true;
	}
	/* its sender holds it and brings it again: one copy is enough */
	df_incoming_drop_refused(&q->sp, &u->file);
	df_journal_upload_drop(q->j, u->hex, u->peer);
	return false;
}

static void answer_offer(struct queue *q, struct df_msg *out, const char *peer,
			 const char *hex, uint64_t size)
{
	struct df_row_parcel p;
	struct df_row_upload u = {0};
	struct df_why why = {0};
	enum df_err rc;

	if (df_journal_parcel_find(q->j, hex, &p)) {
		if (strcmp(p.peer, peer) == 0)
			put_offer(out, hex, "have", p.dfenv_len, DF_OK, NULL);
		else
			put_offer(out, hex, "refuse", 0, DF_E_CONFLICT,
				  "another peer brought it");
		return;
	}
	if (df_journal_upload(q->j, hex, peer, &u) &&
	    (u.state != DF_UPLOAD_REFUSED || is_refused(q, out, &u))) {
		if (u.state == DF_UPLOAD_REFUSED)
			return;
		if (u.size != size)
			put_offer(out, hex, "refuse", 0, DF_E_CONFLICT,
				  "its size has changed");
		else
			put_offer(out, hex,
				  u.state == DF_UPLOAD_WHOLE ? "have" : "want",
				  u.offset, DF_OK, NULL);
		return;
	}
	rc = acceptance_peer(q, peer, size, &why);
	if (rc == DF_OK && !place_for(q, peer))
		rc = df_fail(&why, DF_E_AGAIN,
			     "too many parcels of this node are unfinished");
	if (rc != DF_OK || size == 0) {
		put_offer(out, hex, "refuse", 0, rc != DF_OK ? rc : DF_E_FORMAT,
			  why.text);
		return;
	}
	u = (struct df_row_upload){.size = size};
	df_str_fmt(u.hex, sizeof u.hex, "%s", hex);
	df_str_fmt(u.peer, sizeof u.peer, "%s", peer);
	df_journal_upload_put(q->j, &u, q->now);
	put_offer(out, hex, "want", 0, DF_OK, NULL);
}

QUEUE_HANDLER(offer)
{
	struct queue *q = queue_of(room);
	char peer[DF_HEX_LEN + 1], hex[33];
	struct df_msg out, item;
	uint64_t size;
	size_t at = 0;

	(void)fds, (void)n_fds;
	df_msg_init(&out, DF_MSG_OFFER, m->tag);
	if (!df_msg_get_str(m, DF_M_PEER, peer, sizeof peer))
		df_bug("an offer without a peer");
	while (df_msg_next_item(m, DF_M_OFFER, &at, &item))
		if (df_msg_get_str(&item, DF_M_PARCEL, hex, sizeof hex) &&
		    df_msg_get_u64(&item, DF_M_LENGTH, &size))
			answer_offer(q, &out, peer, hex, size);
	queue_post(q, from, &out, NULL, 0);
}

/* --- parts ------------------------------------------------------------------
 */

static enum df_err grant(struct queue *q, struct df_row_upload *u,
			 uint64_t offset, uint64_t len, int *fd,
			 struct df_why *why)
{
	enum df_err rc;

	if (u->state == DF_UPLOAD_REFUSED)
		return df_fail(why, u->err, "%s", u->why);
	if (u->state != DF_UPLOAD_RECEIVING || offset != u->offset)
		return df_fail(why, DF_E_CONFLICT, "go on at another offset");
	if (len == 0 || len > u->size - u->offset)
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

static enum df_err find_upload(struct queue *q, struct df_row_upload *u,
			       struct df_why *why)
{
	struct df_row_parcel p;
	char hex[33], peer[DF_HEX_LEN + 1];

	memcpy(hex, u->hex, sizeof hex);
	memcpy(peer, u->peer, sizeof peer);
	if (df_journal_upload(q->j, hex, peer, u))
		return DF_OK;
	if (df_journal_parcel_find(q->j, hex, &p) &&
	    strcmp(p.peer, peer) == 0) {
		u->offset = p.dfenv_len;
		return df_fail(why, DF_E_CONFLICT, "it is here already");
	}
	return df_fail(why, DF_E_NOTFOUND, "offer it first");
}

QUEUE_HANDLER(part)
{
	struct queue *q = queue_of(room);
	struct df_row_upload u;
	struct df_why why = {0};
	struct df_msg out;
	uint64_t offset, len;
	enum df_err rc;
	int fd = -1;

	(void)fds, (void)n_fds;
	if (!read_part(m, &u, &offset, &len))
		df_bug("a part that is not whole");
	rc = find_upload(q, &u, &why);
	if (rc == DF_OK)
		rc = grant(q, &u, offset, len, &fd, &why);
	df_msg_init(&out, DF_MSG_PART, m->tag);
	df_msg_put_result(&out, rc, &why);
	if (rc == DF_OK || rc == DF_E_CONFLICT)
		df_msg_put_u64(&out, DF_M_OFFSET, u.offset);
	queue_post(q, from, &out, &fd, rc == DF_OK ? 1 : 0);
	df_fd_close(&fd);
}

static enum df_err part_keep(struct queue *q, struct df_row_upload *u,
			     uint64_t offset, uint64_t len, struct df_why *why)
{
	int fd = -1;
	enum df_err rc;

	if (u->state != DF_UPLOAD_RECEIVING || offset != u->offset)
		return DF_OK; /* said twice: the offset that stands is told */
	if (len > u->size - u->offset)
		return df_fail(why, DF_E_LIMIT, "part is longer than the rest");
	rc = df_incoming_open(&q->sp, &u->file, &fd, why);
	if (rc == DF_OK)
		rc = df_incoming_sync(fd, why);
	df_fd_close(&fd);
	if (rc != DF_OK)
		return rc;
	u->offset += len;
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
	rc = find_upload(q, &u, &why);
	if (rc == DF_OK)
		rc = part_keep(q, &u, offset, len, &why);
	df_msg_init(&out, DF_MSG_PART_DURABLE, m->tag);
	df_msg_put_result(&out, rc, &why);
	if (rc == DF_OK)
		df_msg_put_u64(&out, DF_M_OFFSET, u.offset);
	queue_post(q, from, &out, NULL, 0);
}
