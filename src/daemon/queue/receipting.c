/*
 * receipting.c - a peer's manifest, and our signed word that we hold all of
 * it.
 *
 * The word is given when every parcel and every instance that the manifest
 * names is an object here with its row committed; the receipt itself is
 * committed before it leaves. While parcels are still being checked the
 * question waits; else the answer names what is missing.
 */
#include <stdlib.h>
#include <string.h>

#include "df/file.h"
#include "df/hash.h"
#include "df/log.h"
#include "df/receipt.h"
#include "queue.h"

#define PATIENCE_MS 15000
#define PARKED_BYTES_MAX (4ull * DF_MANIFEST_BYTES_MAX) /* of all texts */
#define PARKED_PEER_MAX 4 /* of one peer: it has one question at a time */

struct parked_manifest {
	struct parked_manifest *next;
	struct queue *q;
	struct df_link *link; /* NULL when it went away */
	uint32_t tag;
	char peer[DF_HEX_LEN + 1];
	char study[65];
	struct df_buf text;
	struct df_buf signature;
	struct df_buf receipt;
	struct df_manifest m;
	struct df_digest digest;
	int64_t study_n;
	int64_t until_ms;
	bool busy;   /* keys are asked */
	bool urgent; /* the study is, at its sender's */
	bool look; /* what it waits for may be there */
};

static struct df_text text_of(const struct df_buf *b)
{
	return (struct df_text){(const char *)b->ptr, b->len};
}

static void over(struct parked_manifest *p)
{
	struct parked_manifest **at = &p->q->manifests;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	df_manifest_release(&p->m);
	df_buf_release(&p->text);
	df_buf_release(&p->signature);
	df_buf_release(&p->receipt);
	free(p);
}

/* Takes out. */
static void answer(struct parked_manifest *p, struct df_msg *out)
{
	if (p->link != NULL)
		queue_post(p->q, p->link, out, NULL, 0);
	df_msg_release(out);
	over(p);
}

static void fail(struct parked_manifest *p, enum df_err err,
		 const struct df_why *why)
{
	struct df_msg out;

	df_log(DF_LOG_WARN, "manifest.refused", DF_F_WORD("peer", p->peer),
	       DF_F_ERR(why));
	df_msg_init(&out, DF_MSG_MANIFEST_ANSWER, p->tag);
	df_msg_put_result(&out, err, why);
	answer(p, &out);
}

static void give(struct parked_manifest *p, struct df_text receipt,
		 struct df_text signature)
{
	struct df_msg out;

	df_msg_init(&out, DF_MSG_MANIFEST_ANSWER, p->tag);
	df_msg_put_text(&out, DF_M_RECEIPT, receipt);
	df_msg_put_text(&out, DF_M_SIGNATURE, signature);
	answer(p, &out);
}

static void receipt_signed(void *ctx, struct df_reply *r)
{
	struct parked_manifest *p = ctx;
	struct df_text signature;

	if (r->err != DF_OK) {
		fail(p, DF_E_PEER, &r->why);
		return;
	}
	if (!df_msg_get(r->msg, DF_M_SIGNATURE, &signature))
		df_bug("keys signed without a signature");
	df_journal_held_add(p->q->j, p->study_n, p->m.version, &p->digest,
			    text_of(&p->text), text_of(&p->receipt), signature);
	df_log(DF_LOG_INFO, "receipt.given", DF_F_UID("study", p->study),
	       DF_F_NUM("version", p->m.version),
	       DF_F_NUM("instances", p->m.instance_count));
	prior_along(p->q, p->study_n);
	give(p, text_of(&p->receipt), signature);
}

static void sign(struct parked_manifest *p)
{
	struct queue *q = p->q;
	struct df_receipt r = {.manifest = p->digest,
			       .version = p->m.version,
			       .held = p->m.instance_count,
			       .at_ms = q->now};
	struct df_why why = {0};
	struct df_msg m;
	int fd = -1;

	memcpy(r.study_uid, p->m.study_uid, sizeof r.study_uid);
	memcpy(r.centre_node.s, q->self, sizeof r.centre_node.s);
	df_buf_clear(&p->receipt);
	if (df_receipt_encode(&r, &p->receipt, &why) == DF_OK)
		fd = text_fd("receipt", text_of(&p->receipt), &why);
	if (fd < 0) {
		fail(p, why.err, &why);
		return;
	}
	p->busy = true;
	df_msg_init(&m, DF_MSG_SIGN_RQ, 0);
	df_msg_put_str(&m, DF_M_PURPOSE, "receipt");
	queue_call(q, queue_keys(q), &m, &fd, 1, DF_MSG_NONE, CALL_MS,
		   receipt_signed, p);
}

/* Parcels that are neither here nor being checked go into out. */
static void count_parcels(const struct parked_manifest *p, struct df_msg *out,
			  size_t *missing, size_t *checking)
{
	struct df_row_upload u;
	char hex[33];

	for (size_t i = 0; i < p->m.parcel_count; i++) {
		const struct df_manifest_parcel *mp = &p->m.parcels[i];

		if (df_journal_parcel_held(p->q->j, p->peer, &mp->h0))
			continue;
		df_hex_encode(hex, mp->id, sizeof mp->id);
		if (df_journal_upload(p->q->j, hex, p->peer, &u) &&
		    u.state == DF_UPLOAD_WHOLE) {
			(*checking)++;
			continue;
		}
		(*missing)++;
		if (*missing < 1000)
			df_msg_put_str(out, DF_M_MISSING, hex);
	}
}

static bool all_instances(const struct parked_manifest *p)
{
	for (size_t i = 0; i < p->m.instance_count; i++) {
		const struct df_manifest_instance *in = &p->m.instances[i];
		struct df_row_instance row;

		if (!df_journal_instance_find(p->q->j, p->peer,
					      in->sop_instance, &in->digest,
					      &row) ||
		    row.size_bytes != in->size_bytes)
			return false;
	}
	return true;
}

static void look(struct parked_manifest *p)
{
	size_t missing = 0, checking = 0;
	struct df_row_study study;
	struct df_why why = {0};
	struct df_msg out;

	df_msg_init(&out, DF_MSG_MANIFEST_ANSWER, p->tag);
	count_parcels(p, &out, &missing, &checking);
	if (missing + checking > 0) {
		if (missing == 0 && p->q->now < p->until_ms) {
			df_msg_release(&out); /* soon all are checked */
			return;
		}
		(void)df_fail(&why, DF_E_AGAIN,
			      "%zu parcels are missing, %zu "
			      "are being checked",
			      missing, checking);
		df_msg_put_result(&out, DF_E_AGAIN, &why);
		answer(p, &out);
		return;
	}
	df_msg_release(&out);
	if (!df_journal_study_find(p->q->j, p->study, p->peer, &study) ||
	    !all_instances(p)) {
		fail(p,
		     df_fail(&why, DF_E_MANIFEST,
			     "it names instances that its parcels do not "
			     "hold, or that are in quarantine here"),
		     &why);
		return;
	}
	p->study_n = study.n;
	sign(p);
}

static void checked(void *ctx, struct df_reply *r)
{
	struct parked_manifest *p = ctx;
	struct df_why why = r->why;
	enum df_err rc = r->err;
	struct df_row_study study;
	struct df_buf receipt, signature;

	p->busy = false;
	if (rc == DF_OK)
		rc = df_manifest_decode(text_of(&p->text), &p->m, &why);
	if (rc == DF_OK && (strcmp(p->m.clinic_node.s, p->peer) != 0 ||
			    strcmp(p->m.study_uid, p->study) != 0))
		rc = df_fail(&why, DF_E_MANIFEST,
			     "it is of another node or study than said");
	if (rc != DF_OK) {
		fail(p, rc, &why);
		return;
	}
	df_hash_bytes(&p->digest, p->text.ptr, p->text.len);
	df_buf_init(&receipt, DF_RECEIPT_BYTES_MAX);
	df_buf_init(&signature, DF_MSG_SMALL);
	if (p->urgent &&
	    df_journal_study_find(p->q->j, p->study, p->peer, &study) &&
	    study.priority == 0)
		study_urge(p->q, study.n);
	/* the same manifest again gets the same word */
	if (df_journal_study_find(p->q->j, p->study, p->peer, &study) &&
	    df_journal_held(p->q->j, study.n, p->m.version, &p->digest,
			    &receipt, &signature))
		give(p, text_of(&receipt), text_of(&signature));
	else
		look(p);
	df_buf_release(&receipt);
	df_buf_release(&signature);
}

/* Whoever asks and hangs up in a circle must not fill our memory. */
static bool too_many(const struct parked_manifest *newest)
{
	uint64_t bytes = 0, mine = 0;

	for (const struct parked_manifest *p = newest->q->manifests; p != NULL;
	     p = p->next) {
		bytes += p->text.len;
		mine += strcmp(p->peer, newest->peer) == 0;
	}
	return mine > PARKED_PEER_MAX || bytes > PARKED_BYTES_MAX;
}

QUEUE_HANDLER(manifest)
{
	struct queue *q = queue_of(room);
	struct parked_manifest *p = df_xcalloc(1, sizeof *p);
	struct df_text signature = {NULL, 0};
	struct df_why why = {0};
	struct df_msg ask;
	uint64_t priority;
	int fd;

	p->q = q;
	p->link = from;
	p->tag = m->tag;
	p->until_ms = q->now + PATIENCE_MS;
	p->urgent = df_msg_get_u64(m, DF_M_PRIORITY, &priority);
	p->next = q->manifests;
	q->manifests = p;
	df_buf_init(&p->text, DF_MANIFEST_BYTES_MAX);
	df_buf_init(&p->signature, DF_MSG_SMALL);
	df_buf_init(&p->receipt, DF_RECEIPT_BYTES_MAX);
	(void)df_msg_get_str(m, DF_M_PEER, p->peer, sizeof p->peer);
	if (q->self[0] == '\0') {
		fail(p, df_fail(&why, DF_E_PEER, "not ready: ask again"), &why);
		return;
	}
	if (n_fds != 1 || p->peer[0] == '\0' ||
	    !df_msg_get_str(m, DF_M_STUDY, p->study, sizeof p->study) ||
	    !df_msg_get(m, DF_M_SIGNATURE, &signature) ||
	    fd_text(fds[0], &p->text, &why) != DF_OK) {
		fail(p, df_fail(&why, DF_E_FORMAT, "manifest is not whole"),
		     &why);
		return;
	}
	if (too_many(p)) {
		fail(p, df_fail(&why, DF_E_AGAIN, "busy: ask again"), &why);
		return;
	}
	/* a copy that nobody else can write to */
	fd = text_fd("manifest", text_of(&p->text), &why);
	if (fd < 0) {
		fail(p, why.err, &why);
		return;
	}
	p->busy = true;
	df_msg_init(&ask, DF_MSG_CHECK_RQ, 0);
	df_msg_put_str(&ask, DF_M_PURPOSE, "manifest");
	df_msg_put_str(&ask, DF_M_PEER, p->peer);
	df_msg_put_text(&ask, DF_M_SIGNATURE, signature);
	queue_call(q, queue_keys(q), &ask, &fd, 1, DF_MSG_NONE, CALL_MS,
		   checked, p);
}

void receipt_pump(struct queue *q)
{
	struct parked_manifest *next;

	for (struct parked_manifest *p = q->manifests; p != NULL; p = next) {
		next = p->next;
		if (p->busy || (!p->look && q->now < p->until_ms))
			continue;
		p->look = false;
		look(p);
	}
}

void receipt_wake(struct queue *q, const char *peer)
{
	for (struct parked_manifest *p = q->manifests; p != NULL; p = p->next)
		if (peer == NULL || strcmp(p->peer, peer) == 0)
			p->look = true;
}

void receipt_link_down(struct queue *q, struct df_link *link)
{
	for (struct parked_manifest *p = q->manifests; p != NULL; p = p->next)
		if (p->link == link)
			p->link = NULL;
}
