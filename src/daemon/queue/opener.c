/*
 * opener.c - an object's data key, from keys, and its descriptor.
 *
 * keys sees headers and no payload; cells see one data key and no header they
 * could ask with. The keys of parcels in use are kept for a while: restoring
 * the instances of one parcel asks once. So are the last keys of raw objects:
 * all that came over one association share one, and are opened soon after.
 */
#include <stdlib.h>
#include <string.h>

#include "df/file.h"
#include "df/sealed.h"
#include "queue.h"

#define FIRST_READ 4096

struct opening {
	struct queue *q;
	struct df_id id; /* "" = a file that is not an object */
	bool sealed;
	const char *purpose; /* static; of OPEN_RQ, "" = it arrives */
	struct opened o;
	uint8_t wrapped[WRAPPED_LEN]; /* of a raw object */
	opened_fn *fn;
	void *ctx;
	enum df_err rc;
	struct df_why why;
};

void opened_put(struct df_msg *m, const struct opened *o)
{
	df_msg_put(m, DF_M_CEK, o->cek, sizeof o->cek);
	df_msg_put_u64(m, DF_M_LENGTH, o->dfenv_len);
}

static void finish(struct opening *op, enum df_err rc, const struct df_why *why)
{
	if (op->id.s[0] != '\0')
		object_doubt(op->q, &op->id, rc);
	op->fn(op->ctx, rc, why, &op->o);
	df_fd_close(&op->o.fd);
	explicit_bzero(op->o.cek, sizeof op->o.cek);
	free(op);
}

static void keep(struct queue *q, const struct opening *op)
{
	struct kept_cek *k = &q->ceks[q->cek_next++ % CEKS_KEPT];

	k->id = op->id;
	k->o = op->o;
	k->o.fd = -1;
}

static void take_fields(struct opened *o, const struct df_msg *m)
{
	struct df_text cek = {NULL, 0};

	if (!df_msg_get(m, DF_M_CEK, &cek) || cek.len != CEK_LEN)
		df_bug("keys sent no data key");
	memcpy(o->cek, cek.ptr, CEK_LEN);
	/* a raw object has none of these: they stay zero */
	(void)df_msg_get_str(m, DF_M_PARCEL, o->hex, sizeof o->hex);
	(void)df_msg_get_digest(m, DF_M_H0, &o->h0);
	(void)df_msg_get_digest(m, DF_M_PREVIOUS, &o->previous);
	(void)df_msg_get_u64(m, DF_M_CONTENT, &o->content);
	(void)df_msg_get_u64(m, DF_M_EPOCH, &o->epoch);
	(void)df_msg_get_u64(m, DF_M_SEQUENCE, &o->sequence);
	(void)df_msg_get_u64(m, DF_M_CREATED_MS, &o->created_ms);
}

/* Where a raw object's header has its wrapped key (docs/formats/sealed.md). */
#define WRAPPED_AT (DF_SEALED_CORE_LEN + 4)

static void keep_raw(struct queue *q, const struct opening *op)
{
	struct raw_cek *k = &q->raw_ceks[q->raw_next++ % RAW_CEKS_KEPT];

	memcpy(k->wrapped, op->wrapped, sizeof k->wrapped);
	memcpy(k->cek, op->o.cek, sizeof k->cek);
}

static bool raw_is_kept(struct queue *q, struct opening *op)
{
	static const uint8_t none[WRAPPED_LEN];

	for (size_t i = 0; i < RAW_CEKS_KEPT; i++) {
		const struct raw_cek *k = &q->raw_ceks[i];

		if (memcmp(k->wrapped, op->wrapped, WRAPPED_LEN) != 0 ||
		    memcmp(k->wrapped, none, WRAPPED_LEN) == 0)
			continue;
		memcpy(op->o.cek, k->cek, sizeof k->cek);
		return true;
	}
	return false;
}

static void keys_said(void *ctx, struct df_reply *r)
{
	struct opening *op = ctx;

	if (r->err == DF_OK) {
		take_fields(&op->o, r->msg);
		if (!op->sealed)
			keep_raw(op->q, op);
		if (op->sealed && op->id.s[0] != '\0')
			keep(op->q, op);
	}
	finish(op, r->err, &r->why);
}

static void kept_now(void *ctx)
{
	struct opening *op = ctx;

	finish(op, op->rc, &op->why);
}

/* The whole header, which may be up to DF_SEALED_HEAD_MAX long. */
static enum df_err header_read(int fd, uint64_t file_len, struct df_buf *head,
			       struct df_why *why)
{
	struct df_sealed_head h;
	size_t want = FIRST_READ;
	enum df_err rc;

	for (int i = 0; i < 8; i++) {
		if (want > file_len)
			want = (size_t)file_len;
		df_buf_clear(head);
		rc = df_buf_reserve(head, want, why);
		if (rc == DF_OK)
			rc = df_pread_all(fd, head->ptr, want, 0, why);
		if (rc != DF_OK)
			return rc;
		head->len = want;
		rc = df_sealed_head_decode(&h, head->ptr, head->len, why);
		if (rc == DF_OK) {
			head->len = h.head_len;
			return DF_OK;
		}
		if (rc != DF_E_AGAIN)
			return rc;
		if (h.need <= want || h.need > file_len)
			break;
		want = h.need;
	}
	return df_fail(why, DF_E_TRUNC, "header is not whole");
}

static void ask_keys(struct opening *op, const char *sender)
{
	struct df_buf head;
	struct df_msg m;
	enum df_err rc;

	df_buf_init(&head, DF_SEALED_HEAD_MAX);
	rc = header_read(op->o.fd, op->o.dfenv_len, &head, &op->why);
	if (rc == DF_OK && !op->sealed && head.len >= WRAPPED_AT + WRAPPED_LEN)
		memcpy(op->wrapped, head.ptr + WRAPPED_AT, WRAPPED_LEN);
	if (rc == DF_OK && !op->sealed && raw_is_kept(op->q, op)) {
		queue_later(op->q, 0, kept_now, op);
	} else if (rc == DF_OK) {
		df_msg_init(&m, op->sealed ? DF_MSG_OPEN_RQ : DF_MSG_UNWRAP_RQ,
			    0);
		df_msg_put(&m, DF_M_HEADER, head.ptr, head.len);
		if (op->sealed)
			df_msg_put_opt(&m, DF_M_PEER, sender);
		if (op->sealed)
			df_msg_put_opt(&m, DF_M_PURPOSE, op->purpose);
		queue_call(op->q, queue_keys(op->q), &m, NULL, 0, DF_MSG_NONE,
			   CALL_MS, keys_said, op);
	} else {
		op->rc = rc;
		queue_later(op->q, 0, kept_now, op);
	}
	df_buf_release(&head);
}

static enum df_err object_length(int fd, uint64_t *len, struct df_why *why)
{
	uint8_t foot[DF_ENV_FOOTER_LEN];
	uint64_t size;
	enum df_err rc = df_fd_size(fd, &size, why);

	if (rc == DF_OK && size < sizeof foot)
		rc = df_fail(why, DF_E_TRUNC, "object is too short");
	if (rc == DF_OK)
		rc = df_pread_all(fd, foot, sizeof foot, size - sizeof foot,
				  why);
	return rc == DF_OK ? df_envelope_footer(len, foot, size, why) : rc;
}

static struct opening *opening_new(struct queue *q, bool sealed, opened_fn *fn,
				   void *ctx)
{
	struct opening *op = df_xcalloc(1, sizeof *op);

	op->q = q;
	op->sealed = sealed;
	op->purpose = "";
	op->fn = fn;
	op->ctx = ctx;
	op->o.fd = -1;
	return op;
}

void object_open(struct queue *q, const struct df_id *id, bool sealed,
		 const char *sender, opened_fn *fn, void *ctx)
{
	struct opening *op = opening_new(q, sealed, fn, ctx);
	int fd = -1;

	op->id = *id;
	op->purpose = "held";
	op->rc = df_spool_object(&q->sp, id, &fd, &op->why);
	if (op->rc == DF_OK) {
		op->o.fd = fd;
		op->rc = object_length(fd, &op->o.dfenv_len, &op->why);
	}
	for (size_t i = 0; op->rc == DF_OK && i < CEKS_KEPT; i++) {
		if (strcmp(q->ceks[i].id.s, id->s) != 0)
			continue;
		op->o = q->ceks[i].o;
		op->o.fd = fd;
		queue_later(q, 0, kept_now, op);
		return;
	}
	if (op->rc == DF_OK)
		ask_keys(op, sender);
	else
		queue_later(q, 0, kept_now, op);
}

void object_open_fd(struct queue *q, int fd, uint64_t len, const char *sender,
		    const char *purpose, opened_fn *fn, void *ctx)
{
	struct opening *op = opening_new(q, true, fn, ctx);

	op->purpose = purpose;
	op->o.fd = fd;
	op->o.dfenv_len = len;
	ask_keys(op, sender);
}

enum df_err object_header(struct queue *q, const struct df_id *id,
			  struct df_buf *head, uint64_t *dfenv_len,
			  struct df_why *why)
{
	int fd = -1;
	enum df_err rc = df_spool_object(&q->sp, id, &fd, why);

	if (rc == DF_OK)
		rc = object_length(fd, dfenv_len, why);
	if (rc == DF_OK)
		rc = header_read(fd, *dfenv_len, head, why);
	df_fd_close(&fd);
	return rc;
}

int text_fd(const char *name, struct df_text t, struct df_why *why)
{
	int fd = -1;

	if (df_memfd_new(&fd, name, why) != DF_OK ||
	    df_write_all(fd, t.ptr, t.len, why) != DF_OK ||
	    df_memfd_seal(fd, why) != DF_OK)
		df_fd_close(&fd);
	return fd;
}

enum df_err fd_text(int fd, struct df_buf *to, struct df_why *why)
{
	uint64_t size;
	enum df_err rc = df_fd_size(fd, &size, why);

	if (rc == DF_OK && size > to->max)
		rc = df_fail(why, DF_E_LIMIT, "text is too long");
	if (rc == DF_OK)
		rc = df_buf_reserve(to, (size_t)size, why);
	if (rc == DF_OK)
		rc = df_pread_all(fd, to->ptr, (size_t)size, 0, why);
	if (rc == DF_OK)
		to->len = (size_t)size;
	return rc;
}
