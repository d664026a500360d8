/*
 * receive_sink.c - one data set: sealed, hashed and written while it arrives,
 * then synced.
 *
 * The bytes are not parsed. The file is header, payload, envelope. It is synced
 * here, so that associations wait for the disk side by side. Success is said
 * when it is durable, and COMMIT stands in the socket of the very life of queue
 * that lent the file: that one had removed nothing, and the next, which begins
 * when it has ended, finds a whole object and adopts it.
 */
#include "receive.h"

#include <stdlib.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"
#include "df/sealed.h"

#define START_DISK_BYTES (1u << 18) /* then the disk may begin its work */

/* The disk's trouble: the peer is told, and queue when it gets the file back. */
static enum df_err pass_on(const struct receive *r, struct df_why *why)
{
	if (why != NULL)
		*why = r->trouble;
	return r->trouble.err;
}

static enum df_err put(struct receive *r, const void *ptr, size_t len,
		       struct df_why *why)
{
	if (df_write_all(r->file.fd, ptr, len, &r->trouble) != DF_OK)
		return pass_on(r, why);
	df_summer_update(&r->summer, ptr, len);
	r->written += len;
	if (r->written - r->started >= START_DISK_BYTES) {
		df_fd_start_disk(r->file.fd, r->started,
				 r->written - r->started);
		r->started = r->written;
	}
	return DF_OK;
}

static enum df_err emit(void *ctx, const void *ptr, size_t len,
			struct df_why *why)
{
	return put(ctx, ptr, len, why);
}

/* The file goes back to queue, which removes it. */
static void unstage(struct receive *r)
{
	struct df_msg m;

	if (r->file.fd < 0)
		return;
	df_fd_close(&r->file.fd);
	df_msg_init(&m, DF_MSG_UNSTAGE, 0);
	df_msg_put_id(&m, DF_M_ID, &r->file.id);
	df_msg_put_result(&m, r->trouble.err, &r->trouble);
	/* a lost queue has forgotten the file anyway */
	(void)df_room_send(df_room_link(r->room, DF_ROLE_QUEUE, 0), &m, NULL,
			   0);
}

static enum df_err begin_seal(struct receive *r, struct df_why *why)
{
	struct df_sealed_core core = {.content = DF_SEALED_REST,
				      .suite = DF_SUITE_AES256GCM,
				      .chunk_log2 = DF_SEALED_CHUNK_LOG2,
				      .created_ms = df_clock_wall_ms(),
				      .sender = r->self};
	uint8_t bytes[DF_SEALED_CORE_LEN];
	struct df_buf head;
	enum df_err rc;

	df_random(core.id, sizeof core.id);
	df_sealed_core_encode(bytes, &core);
	df_buf_init(&head, DF_SEALED_REST_LEN);
	rc = df_seal_rest_header(&head, bytes, &r->cek, r->wrapped, why);
	if (rc == DF_OK)
		rc = df_seal_init(&r->sealer, bytes, &r->cek, emit, r, why);
	if (rc == DF_OK)
		rc = put(r, head.ptr, head.len, why);
	df_buf_release(&head);
	return rc;
}

static void begin_envelope(struct receive *r, const struct df_store_rq *rq)
{
	struct df_envelope *e = &r->env;

	*e = (struct df_envelope){.kind = DF_ENV_RAW,
				  .id = r->file.id,
				  .received_ms = df_clock_wall_ms(),
				  .association = r->association};
	df_str_fmt(e->called_ae, sizeof e->called_ae, "%s", r->called);
	df_str_fmt(e->calling_ae, sizeof e->calling_ae, "%s", r->calling);
	df_str_fmt(e->address, sizeof e->address, "%s", r->address);
	df_str_fmt(e->sop_class, sizeof e->sop_class, "%s", rq->sop_class);
	df_str_fmt(e->sop_instance, sizeof e->sop_instance, "%s",
		   rq->sop_instance);
	df_str_fmt(e->transfer_syntax, sizeof e->transfer_syntax, "%s",
		   rq->transfer_syntax);
}

/* The peer is better served by a connection that ends, so that it comes again,
 * than by a refusal of every instance. */
void receive_end_without_queue(enum df_err rc, const struct df_why *why)
{
	if (rc != DF_E_PEER)
		return;
	df_log(DF_LOG_ERROR, "association.lost_queue", DF_F_ERR(why));
	exit(1);
}

static enum df_err sink_begin(void *ctx, const struct df_store_rq *rq,
			      struct df_why *why)
{
	struct receive *r = ctx;
	enum df_err rc = receive_stage(r, why);

	receive_end_without_queue(rc, why);
	if (rc != DF_OK) {
		r->refused++;
		df_log(DF_LOG_WARN, "instance.refused",
		       DF_F_AE("calling", r->calling), DF_F_ERR(why));
		return rc;
	}
	r->file = r->ready;
	r->ready.fd = -1;
	r->trouble = (struct df_why){0};
	r->written = 0;
	r->started = 0;
	begin_envelope(r, rq);
	df_sha256_init(&r->sha);
	df_summer_init(&r->summer);
	rc = begin_seal(r, why);
	if (rc != DF_OK)
		unstage(r);
	return rc;
}

static enum df_err sink_write(void *ctx, const void *ptr, size_t len,
			      struct df_why *why)
{
	struct receive *r = ctx;
	int64_t most = df_room_config(r->room)->receive.max_object_bytes;

	if (r->env.size_bytes + len > (uint64_t)most)
		return df_fail(why, DF_E_LIMIT,
			       "data set is larger than receive."
			       "max_object_bytes");
	r->env.size_bytes += len;
	df_sha256_update(&r->sha, ptr, len);
	return df_seal_update(&r->sealer, ptr, len, why);
}

static void sink_abandon(void *ctx)
{
	struct receive *r = ctx;

	df_seal_release(&r->sealer);
	unstage(r);
	r->refused++;
}

/* The rest of the file; *trailer is the envelope as written. */
static enum df_err finish(struct receive *r, struct df_buf *trailer,
			  uint64_t *dfenv_len, struct df_why *why)
{
	enum df_err rc = df_seal_finish(&r->sealer, why);

	df_seal_release(&r->sealer);
	df_sha256_final(&r->sha, &r->env.digest);
	*dfenv_len = r->written;
	df_summer_sum(&r->summer, &r->env.checksum);
	if (rc == DF_OK)
		rc = df_envelope_encode(trailer, &r->env, *dfenv_len, why);
	if (rc == DF_OK)
		rc = put(r, trailer->ptr, trailer->len, why);
	/* a sync that failed is not tried again: the file is given up */
	if (rc == DF_OK &&
	    df_fd_sync(r->file.fd, r->file.id.s, &r->trouble) != DF_OK)
		rc = pass_on(r, why);
	return rc;
}

/* Its answer is the next file; it is waited for when that is needed. */
static enum df_err give(struct receive *r, const struct df_buf *trailer,
			uint64_t dfenv_len, struct df_why *why)
{
	struct df_link *lender = receive_lender(r, &r->file);
	struct df_msg m;

	if (lender == NULL)
		return df_fail(why, DF_E_PEER, "queue was lost");
	df_msg_init(&m, DF_MSG_COMMIT, 0);
	df_msg_put_id(&m, DF_M_ID, &r->file.id);
	df_msg_put_u64(&m, DF_M_LENGTH, dfenv_len);
	df_msg_put(&m, DF_M_ENVELOPE, trailer->ptr, trailer->len);
	r->asked = df_room_request(r->room, lender, &m, NULL, 0) != 0;
	r->asked_of = lender->serial;
	return r->asked ? DF_OK : df_fail(why, DF_E_PEER, "queue was lost");
}

static enum df_err sink_commit(void *ctx, struct df_why *why)
{
	struct receive *r = ctx;
	uint64_t dfenv_len = 0;
	struct df_buf trailer;
	enum df_err rc;

	df_buf_init(&trailer, DF_ENV_RAW_MAX);
	rc = finish(r, &trailer, &dfenv_len, why);
	if (rc != DF_OK) {
		unstage(r);
	} else {
		/* from here on the file is queue's */
		rc = give(r, &trailer, dfenv_len, why);
		df_fd_close(&r->file.fd);
	}
	df_buf_release(&trailer);
	receive_end_without_queue(rc, why);
	if (rc == DF_OK) {
		r->stored++;
		df_log(DF_LOG_DEBUG, "instance.received", DF_F_ID(&r->file.id),
		       DF_F_UID("sop_instance", r->env.sop_instance),
		       DF_F_BYTES(r->env.size_bytes));
	} else {
		r->refused++;
		df_log(DF_LOG_WARN, "instance.refused",
		       DF_F_UID("sop_instance", r->env.sop_instance),
		       DF_F_ERR(why));
	}
	return rc;
}

void receive_sink(struct receive *r, struct df_store_sink *sink)
{
	*sink = (struct df_store_sink){r, sink_begin, sink_write, sink_commit,
				       sink_abandon};
}

void receive_release(struct receive *r)
{
	df_fd_close(&r->ready.fd);
	df_fd_close(&r->file.fd);
	df_seal_release(&r->sealer);
	df_sha256_release(&r->sha);
	df_commitment_release(&r->report);
	df_summer_release(&r->summer);
	df_wipe(&r->cek, sizeof r->cek);
}
