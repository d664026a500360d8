/*
 * sink.c - writing a sealed file: header, records, contents, last chunk.
 *
 * The header and its key come from `keys`; the key seals this one stream and
 * no other. If anything fails, the whole file is given up.
 */
#include "df/digest.h"
#include "df/file.h"
#include "prepare.h"

static enum df_err emit(void *ctx, const void *ptr, size_t len,
			struct df_why *why)
{
	struct sink *s = ctx;
	enum df_err rc = df_pwrite_all(s->fd, ptr, len, s->written, why);

	if (rc != DF_OK)
		return rc;
	s->written += len;
	df_summer_update(&s->summer, ptr, len);
	return DF_OK;
}

enum df_err sink_open(struct sink *s, int fd, struct df_text header,
		      const struct df_cek *cek, struct df_why *why)
{
	struct df_sealed_head head;
	enum df_err rc;

	*s = (struct sink){.fd = fd};
	df_summer_init(&s->summer);
	rc = df_sealed_head_decode(&head, (const uint8_t *)header.ptr,
				   header.len, why);
	if (rc != DF_OK || head.head_len != header.len)
		return df_fail(why, DF_E_BUG, "header to seal with is not one");
	rc = emit(s, header.ptr, header.len, why);
	if (rc != DF_OK)
		return rc;
	return df_seal_init(&s->sealer, head.core_bytes, cek, emit, s, why);
}

static enum df_err put(struct sink *s, const void *ptr, size_t len,
		       struct df_why *why)
{
	enum df_err rc = DF_OK;

	if (len)
		rc = df_seal_update(&s->sealer, ptr, len, why);
	s->plain += len;
	return rc;
}

enum df_err sink_record(struct sink *s, enum df_record_type type,
			const char *name, const struct df_digest *digest,
			struct df_text header, struct df_text body,
			struct df_why *why)
{
	struct df_record_frame frame = {
		.type = type,
		.header_len = (uint32_t)header.len,
		.body_len = body.len,
	};
	struct df_record_entry entry = {.digest = *digest, .offset = s->plain};
	uint8_t bytes[DF_RECORD_FRAME_LEN];
	enum df_err rc =
		df_str_copy(entry.name, sizeof entry.name, df_text_of(name));

	if (rc != DF_OK)
		return df_fail(why, DF_E_BUG, "record has an overlong name");
	rc = df_record_contents_add(&s->contents, &entry, why);
	df_record_frame_encode(bytes, &frame);
	if (rc == DF_OK)
		rc = put(s, bytes, sizeof bytes, why);
	if (rc == DF_OK)
		rc = put(s, header.ptr, header.len, why);
	if (rc == DF_OK)
		rc = put(s, body.ptr, body.len, why);
	return rc;
}

enum df_err sink_close(struct sink *s, struct df_msg *done, struct df_why *why)
{
	struct df_checksum sum;
	struct df_buf contents;
	enum df_err rc;

	df_buf_init(&contents, DF_RECORD_CONTENTS_MAX + DF_RECORD_HEADER_MAX +
				       DF_RECORD_FRAME_LEN);
	rc = df_record_contents_encode(&contents, &s->contents, why);
	if (rc == DF_OK)
		rc = put(s, contents.ptr, contents.len, why);
	if (rc == DF_OK)
		rc = df_seal_finish(&s->sealer, why);
	df_buf_release(&contents);
	if (rc != DF_OK)
		return rc;
	df_summer_sum(&s->summer, &sum);
	df_msg_put_u64(done, DF_M_LENGTH, s->written);
	df_msg_put_checksum(done, &sum);
	return DF_OK;
}

void sink_release(struct sink *s)
{
	df_seal_release(&s->sealer);
	df_summer_release(&s->summer);
	df_record_contents_release(&s->contents);
}
