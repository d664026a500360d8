/*
 * upload.c - parcels from an enrolled peer: what is wanted of an offer.
 *
 * A whole parcel is opened by keys (the sender must be who uploads it), and a
 * cell decodes every instance; only then it becomes an object, and its
 * instances go on their way to the PACS. What fails is kept in quarantine and
 * refused by reason at the next offer.
 */
#include <stdlib.h>
#include <string.h>

#include "upload.h"

#define RECEIVING_MAX 256 /* unfinished parcels of one peer */
#define REFUSED_MAX 256	  /* refused ones, until a person looks */
#define RESTED_MS (60 * 60 * 1000)

/* --- offers --------------------------------------------------------------- */

static void put_answer(struct df_msg *out, struct df_msg *item, const char *hex,
		       const char *want, uint64_t offset)
{
	df_msg_put_str(item, DF_M_PARCEL, hex);
	df_msg_put_str(item, DF_M_WANT, want);
	df_msg_put_u64(item, DF_M_OFFSET, offset);
	df_msg_put_item(out, DF_M_OFFER, item);
	df_msg_release(item);
}

static void put_have(struct df_msg *out, const char *hex, uint64_t size)
{
	struct df_msg item;

	df_msg_init(&item, DF_MSG_NONE, 0);
	put_answer(out, &item, hex, "have", size);
}

static void put_refused(struct df_msg *out, const char *hex, enum df_err err,
			const char *why)
{
	struct df_msg item;

	df_msg_init(&item, DF_MSG_NONE, 0);
	df_msg_put_u64(&item, DF_M_ERR, (uint64_t)err);
	df_msg_put_opt(&item, DF_M_WHY, why);
	put_answer(out, &item, hex, "refuse", 0);
}

static void put_wanted(struct queue *q, struct df_msg *out,
		       const struct df_row_upload *u)
{
	const struct df_ranges *held = upload_held(q, u);
	struct df_msg item, range;

	df_msg_init(&item, DF_MSG_NONE, 0);
	for (size_t i = 0; held != NULL && i < held->n; i++) {
		df_msg_init(&range, DF_MSG_NONE, 0);
		df_msg_put_u64(&range, DF_M_OFFSET, held->r[i].from);
		df_msg_put_u64(&range, DF_M_LENGTH,
			       held->r[i].to - held->r[i].from);
		df_msg_put_item(&item, DF_M_HELD, &range);
		df_msg_release(&range);
	}
	put_answer(out, &item, u->hex, "want", u->offset);
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

void upload_refusal_heard(struct queue *q, struct df_row_upload *u)
{
	if (u->offset == 0)
		return;
	u->offset = 0;
	df_journal_upload_put(q->j, u, q->now);
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
		put_refused(out, u->hex, u->err, u->why);
		upload_refusal_heard(q, u);
		return true;
	}
	/* its sender holds it and brings it again: one copy is enough */
	df_incoming_drop_refused(&q->sp, &u->file);
	df_journal_upload_drop(q->j, u->hex, u->peer);
	return false;
}

enum df_err upload_begin(struct queue *q, const char *peer, const char *hex,
			 uint64_t size, struct df_row_upload *u,
			 struct df_why *why)
{
	enum df_err rc = acceptance_peer(q, peer, size, why);

	if (rc == DF_OK && size == 0)
		rc = df_fail(why, DF_E_FORMAT, "parcel is empty");
	if (rc == DF_OK && size > UPLOAD_SIZE_MAX)
		rc = df_fail(why, DF_E_LIMIT, "parcel is too large");
	if (rc == DF_OK && !place_for(q, peer))
		rc = df_fail(why, DF_E_AGAIN,
			     "too many parcels of this node are unfinished");
	if (rc != DF_OK)
		return rc;
	*u = (struct df_row_upload){.size = size};
	df_str_fmt(u->hex, sizeof u->hex, "%s", hex);
	df_str_fmt(u->peer, sizeof u->peer, "%s", peer);
	df_journal_upload_put(q->j, u, q->now);
	return DF_OK;
}

bool upload_is_known(struct queue *q, const char *hex, const char *peer,
		     struct df_row_parcel *p)
{
	return df_journal_parcel_find(q->j, hex, p) &&
	       (p->state != DF_PARCEL_BAD || strcmp(p->peer, peer) != 0);
}

static void answer_offer(struct queue *q, struct df_msg *out, const char *peer,
			 const char *hex, uint64_t size)
{
	struct df_row_parcel p;
	struct df_row_upload u = {0};
	struct df_why why = {0};

	if (upload_is_known(q, hex, peer, &p)) {
		if (strcmp(p.peer, peer) == 0)
			put_have(out, hex, p.dfenv_len);
		else
			put_refused(out, hex, DF_E_CONFLICT,
				    "another peer brought it");
	} else if (df_journal_upload(q->j, hex, peer, &u) &&
		   (u.state != DF_UPLOAD_REFUSED || is_refused(q, out, &u))) {
		if (u.state == DF_UPLOAD_REFUSED)
			return; /* answered */
		if (u.size != size)
			put_refused(out, hex, DF_E_CONFLICT,
				    "its size has changed");
		else if (u.state == DF_UPLOAD_WHOLE)
			put_have(out, hex, size);
		else
			put_wanted(q, out, &u);
	} else if (upload_begin(q, peer, hex, size, &u, &why) == DF_OK) {
		put_wanted(q, out, &u);
	} else {
		put_refused(out, hex, why.err, why.text);
	}
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
