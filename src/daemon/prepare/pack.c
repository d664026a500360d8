/*
 * pack.c - PACK: instances from raw objects (or older parcels) into one
 * sealed parcel, each coded without loss. That it is without loss, and that
 * the object was what its digest says, VERIFY finds out; only where it found
 * otherwise frames are compared and digests checked here too.
 */
#include <string.h>

#include "df/coded.h"
#include "df/digest.h"
#include "df/log.h"
#include "prepare.h"

/* The first is wanted, another may be smaller. */
static struct df_coded_how wanted(const struct df_msg *m)
{
	struct df_coded_how how = {.coding = DF_CODED_ZSTD};
	struct df_text t;
	uint64_t compare = 0;
	size_t at = 0;

	if (df_msg_next(m, DF_M_CODING, &at, &t) &&
	    !df_coding_decode(&how.coding, t))
		df_log(DF_LOG_WARN, "coding.unknown");
	how.zstd_too = df_msg_next(m, DF_M_CODING, &at, &t);
	(void)df_msg_get_u64(m, DF_M_STATUS,
			     &compare); /* absent: VERIFY does */
	how.compared_later = compare == 0;
	return how;
}

static struct df_coded_pixels pixels_of(const struct df_walk *w)
{
	return (struct df_coded_pixels){
		.offset = w->pixel_value,
		.length = w->pixel_length,
		.rows = w->rows,
		.columns = w->columns,
		.frames = w->frames,
		.samples = w->samples,
		.planar = w->planar,
		.allocated = w->allocated,
		.stored = w->stored,
		.high_bit = w->high_bit,
		.representation = w->representation,
		.big_endian = w->syntax == DF_WALK_EXPLICIT_BE,
	};
}

enum df_err instance_code(struct instance *in, const struct df_coded_how *how,
			  struct df_buf *body, unsigned *mismatches,
			  struct df_why *why)
{
	struct df_coded_pixels pixels = {0};
	struct df_coded_note note;
	struct df_walk walk;
	enum df_err rc;

	/* what the walker refuses was quarantined long ago; here it only
	 * means that nothing is known of pixels */
	rc = df_walk(&walk, in->data.ptr, in->data.len,
		     df_walk_syntax_of(df_text_of(in->r.transfer_syntax)), NULL,
		     NULL);
	if (rc == DF_OK && walk.pixel == DF_WALK_PIXEL_NATIVE)
		pixels = pixels_of(&walk);
	rc = df_coded_encode(body, in->data.ptr, in->data.len, &pixels, how,
			     &note, why);
	if (rc != DF_OK)
		return rc;
	*mismatches = note.mismatches;
	if (note.mismatches)
		df_log(DF_LOG_ERROR, "codec.mismatch",
		       DF_F_UID("instance", in->r.sop_instance),
		       DF_F_NUM("times", note.mismatches));
	df_str_fmt(in->r.coding, sizeof in->r.coding, "%s",
		   df_coding_name(note.used));
	df_sha256(&in->r.body_digest, body->ptr, body->len);
	return DF_OK;
}

static void report(struct df_msg *done, const struct instance *in,
		   uint64_t record, size_t coded, unsigned mismatches)
{
	struct df_msg item;

	df_msg_init(&item, DF_MSG_NONE, 0);
	df_msg_put_str(&item, DF_M_SOP_INSTANCE, in->r.sop_instance);
	df_msg_put_u64(&item, DF_M_RECORD, record);
	df_msg_put_str(&item, DF_M_CODING, in->r.coding);
	df_msg_put_u64(&item, DF_M_SIZE, in->r.size_bytes);
	df_msg_put_u64(&item, DF_M_CODED_SIZE, coded);
	df_msg_put_digest(&item, DF_M_DIGEST, &in->r.digest);
	if (mismatches > 0)
		df_msg_put_u64(&item, DF_M_FAILED, mismatches);
	df_msg_put_item(done, DF_M_INSTANCE, &item);
	df_msg_release(&item);
}

static enum df_err pack_instance(struct job *j, struct sink *to,
				 const struct df_coded_how *how,
				 struct instance *in)
{
	struct df_buf body, header;
	uint64_t record = to->plain;
	unsigned mismatches = 0;
	enum df_err rc;

	df_buf_init(&body, df_coded_bound(in->data.len));
	df_buf_init(&header, DF_RECORD_HEADER_MAX);
	rc = instance_code(in, how, &body, &mismatches, &j->why);
	if (rc == DF_OK)
		rc = df_record_instance_encode(&header, &in->r, &j->why);
	if (rc == DF_OK)
		rc = sink_record(
			to, DF_RECORD_INSTANCE, in->r.sop_instance,
			&in->r.digest,
			(struct df_text){(char *)header.ptr, header.len},
			(struct df_text){(char *)body.ptr, body.len}, &j->why);
	if (rc == DF_OK)
		report(&j->done, in, record, body.len, mismatches);
	df_buf_release(&body);
	df_buf_release(&header);
	return rc;
}

enum df_err instance_load(struct job *j, const struct df_msg *from, int fd,
			  bool digest_later, struct instance *in,
			  struct bytes *body)
{
	struct source s = {0};
	struct df_cek cek;
	uint64_t kind, length, record = 0;
	enum df_err rc = job_cek(j, from, &cek);

	if (rc == DF_OK)
		rc = job_u64(j, from, DF_M_KIND, &kind);
	if (rc == DF_OK)
		rc = job_u64(j, from, DF_M_LENGTH, &length);
	if (rc == DF_OK && kind == DF_SOURCE_PARCEL)
		rc = job_u64(j, from, DF_M_RECORD, &record);
	if (rc != DF_OK)
		return rc;
	rc = source_open(&s, fd, &cek, length,
			 kind == DF_SOURCE_PARCEL ? DF_SEALED_PARCEL
						  : DF_SEALED_REST,
			 &j->why);
	if (rc == DF_OK && kind == DF_SOURCE_RAW)
		rc = source_raw(&s, in, digest_later, j->limit_bytes,
				&j->why);
	else if (rc == DF_OK && body != NULL)
		rc = source_coded(&s, record, in, body, j->limit_bytes,
				  &j->why);
	else if (rc == DF_OK)
		rc = source_instance(&s, record, in, j->limit_bytes, &j->why);
	source_release(&s);
	df_wipe(&cek, sizeof cek);
	return rc;
}

static enum df_err pack_sources(struct job *j, struct sink *to)
{
	const struct df_coded_how how = wanted(j->m);
	struct df_msg item;
	size_t at = 0, i = 0;
	enum df_err rc = DF_OK;

	while (rc == DF_OK && df_msg_next_item(j->m, DF_M_SOURCE, &at, &item)) {
		struct instance in = {0};

		rc = job_fds(j, i + 2);
		if (rc == DF_OK)
			rc = instance_load(j, &item, j->fds[i + 1],
					   how.compared_later, &in, NULL);
		if (rc == DF_OK)
			rc = pack_instance(j, to, &how, &in);
		instance_release(&in);
		if (rc != DF_OK)
			df_msg_put_u64(&j->done, DF_M_FAILED, i);
		i++;
	}
	if (rc == DF_OK && i == 0)
		rc = df_fail(&j->why, DF_E_BUG, "nothing to pack");
	return rc;
}

enum df_err pack_run(struct job *j)
{
	struct sink to = {0};
	struct df_text header;
	struct df_cek cek;
	enum df_err rc = job_fds(j, 2);

	if (rc == DF_OK)
		rc = job_cek(j, j->m, &cek);
	if (rc != DF_OK)
		return rc;
	if (!df_msg_get(j->m, DF_M_HEADER, &header))
		return df_fail(&j->why, DF_E_BUG, "job without a header");
	rc = sink_open(&to, j->fds[0], header, &cek, &j->why);
	if (rc == DF_OK)
		rc = pack_sources(j, &to);
	if (rc == DF_OK)
		rc = sink_close(&to, &j->done, &j->why);
	sink_release(&to);
	df_wipe(&cek, sizeof cek);
	return rc;
}
