/*
 * source.c - opening a sealed file and taking instances out of it.
 *
 * The header must belong to the key, every chunk read is authentic, and the
 * bytes of an instance must have the digest that its record (or, at rest, its
 * envelope) says. What does not is refused as a whole.
 */
#include <stdlib.h>
#include <string.h>

#include "df/coded.h"
#include "df/digest.h"
#include "df/envelope.h"
#include "df/file.h"
#include "prepare.h"

static enum df_err read_payload(void *ctx, uint64_t offset, void *ptr,
				size_t len, struct df_why *why)
{
	const struct source *s = ctx;

	if (len > s->length || offset > s->length - len ||
	    s->head.head_len > s->length - len - offset)
		return df_fail(why, DF_E_TRUNC, "sealed file ends too early");
	return df_pread_all(s->fd, ptr, len, s->head.head_len + offset, why);
}

static enum df_err read_head(struct source *s, struct df_why *why)
{
	uint64_t want = 4096;
	enum df_err rc = DF_E_AGAIN;

	while (rc == DF_E_AGAIN) {
		bytes_release(&s->head_bytes);
		if (want > s->length)
			want = s->length;
		rc = bytes_new(&s->head_bytes, want, DF_SEALED_HEAD_MAX, why);
		if (rc != DF_OK)
			return rc;
		rc = df_pread_all(s->fd, s->head_bytes.ptr, want, 0, why);
		if (rc != DF_OK)
			return rc;
		rc = df_sealed_head_decode(&s->head, s->head_bytes.ptr, want,
					   why);
		if (rc == DF_E_AGAIN && s->head.need <= want)
			df_bug("header wants %zu bytes after %llu",
			       s->head.need, (unsigned long long)want);
		if (rc == DF_E_AGAIN && want == s->length)
			return df_fail(why, DF_E_TRUNC, "sealed header is cut");
		want = s->head.need;
	}
	return rc;
}

enum df_err source_open(struct source *s, int fd, const struct df_cek *cek,
			uint64_t length, enum df_sealed_content content,
			struct df_why *why)
{
	enum df_err rc;

	*s = (struct source){.fd = fd, .length = length};
	rc = read_head(s, why);
	if (rc != DF_OK)
		return rc;
	if (s->head.core.content != content)
		return df_fail(why, DF_E_FORMAT,
			       "sealed content is %d where %d must be",
			       (int)s->head.core.content, (int)content);
	rc = df_header_check(cek, s->head.core_bytes, s->head.recipients,
			     s->head.recipients_len, s->head.mac, why);
	if (rc != DF_OK)
		return rc;
	return df_reader_init(&s->reader, s->head.core_bytes, cek,
			      length - s->head.head_len, read_payload, s, why);
}

void source_release(struct source *s)
{
	df_reader_release(&s->reader);
	bytes_release(&s->head_bytes);
}

void instance_release(struct instance *in)
{
	bytes_release(&in->data);
	free(in->have);
	in->have = NULL;
}

/* The trailer behind the DFENV part: what the association said. */
static enum df_err read_trailer(struct source *s, struct df_envelope *env,
				struct df_why *why)
{
	uint8_t footer[DF_ENV_FOOTER_LEN];
	struct bytes text = {0};
	uint64_t size = 0, dfenv = 0;
	enum df_err rc = df_fd_size(s->fd, &size, why);

	if (rc != DF_OK)
		return rc;
	if (size < sizeof footer)
		return df_fail(why, DF_E_TRUNC, "object has no trailer");
	rc = df_pread_all(s->fd, footer, sizeof footer, size - sizeof footer,
			  why);
	if (rc == DF_OK)
		rc = df_envelope_footer(&dfenv, footer, size, why);
	if (rc != DF_OK)
		return rc;
	if (dfenv != s->length)
		return df_fail(why, DF_E_CORRUPT,
			       "trailer and row disagree on the length");
	rc = bytes_new(&text, size - dfenv, DF_ENV_TEXT_MAX, why);
	if (rc == DF_OK)
		rc = df_pread_all(s->fd, text.ptr, text.len, dfenv, why);
	if (rc == DF_OK)
		rc = df_envelope_decode(env, text.ptr, text.len, why);
	bytes_release(&text);
	return rc;
}

static enum df_err check_digest(const struct bytes *b,
				const struct df_digest *want, const char *what,
				struct df_why *why)
{
	struct df_digest got;

	df_sha256(&got, b->ptr, b->len);
	if (!df_digest_same(&got, want))
		return df_fail(why, DF_E_CORRUPT,
			       "%s does not match its digest", what);
	return DF_OK;
}

static void from_envelope(struct df_record_instance *r,
			  const struct df_envelope *env)
{
	*r = (struct df_record_instance){
		.size_bytes = env->size_bytes,
		.digest = env->digest,
		.received_ms = env->received_ms,
		.association = env->association,
	};
	memcpy(r->sop_class, env->sop_class, sizeof env->sop_class);
	memcpy(r->sop_instance, env->sop_instance, sizeof env->sop_instance);
	memcpy(r->transfer_syntax, env->transfer_syntax,
	       sizeof env->transfer_syntax);
	memcpy(r->called_ae, env->called_ae, sizeof env->called_ae);
	memcpy(r->calling_ae, env->calling_ae, sizeof env->calling_ae);
}

/* What the trailer says of it, without its bytes. */
static enum df_err raw_begin(struct source *s, struct instance *in,
			     struct df_why *why)
{
	struct df_envelope env = {0};
	enum df_err rc = read_trailer(s, &env, why);

	*in = (struct instance){0};
	if (rc != DF_OK)
		return rc;
	from_envelope(&in->r, &env);
	in->next = df_reader_size(&s->reader);
	if (env.kind != DF_ENV_RAW)
		rc = df_fail(why, DF_E_FORMAT, "object is not a raw instance");
	else if (in->next != env.size_bytes)
		rc = df_fail(why, DF_E_CORRUPT,
			     "object holds %llu bytes, its envelope says %llu",
			     (unsigned long long)in->next,
			     (unsigned long long)env.size_bytes);
	df_envelope_release(&env);
	return rc;
}

enum df_err source_raw(struct source *s, struct instance *in, bool digest_later,
		       uint64_t limit, struct df_why *why)
{
	enum df_err rc = raw_begin(s, in, why);

	if (rc == DF_OK)
		rc = bytes_new(&in->data, in->next, limit, why);
	if (rc == DF_OK && in->data.len)
		rc = df_reader_read(&s->reader, 0, in->data.ptr, in->data.len,
				    why);
	if (rc == DF_OK && !digest_later)
		rc = check_digest(&in->data, &in->r.digest, "object", why);
	return rc;
}

enum df_err source_raw_lazy(struct source *s, struct instance *in,
			    uint64_t limit, struct df_why *why)
{
	enum df_err rc = raw_begin(s, in, why);

	if (rc == DF_OK)
		rc = bytes_zeros(&in->data, in->next, limit, why);
	if (rc != DF_OK)
		return rc;
	in->lazy = s;
	in->have = df_xcalloc(in->data.len / s->reader.chunk + 1,
			      sizeof *in->have);
	return DF_OK;
}

enum df_err instance_need(void *ctx, uint64_t at, uint64_t len,
			  struct df_why *why)
{
	struct instance *in = ctx;
	enum df_err rc = DF_OK;
	uint64_t chunk;

	if (in->lazy == NULL || len == 0)
		return DF_OK;
	chunk = in->lazy->reader.chunk;
	if (at > in->data.len || len > in->data.len - at)
		df_bug("bytes %llu of a data set of %zu",
		       (unsigned long long)at, in->data.len);
	for (uint64_t i = at / chunk; i <= (at + len - 1) / chunk; i++) {
		uint64_t from = i * chunk;
		uint64_t n = in->data.len - from < chunk ? in->data.len - from
							 : chunk;

		if (in->have[i])
			continue;
		rc = df_reader_read(&in->lazy->reader, from,
				    in->data.ptr + from, n, why);
		if (rc != DF_OK)
			return rc;
		in->have[i] = true;
	}
	return rc;
}

enum df_err source_record(struct source *s, uint64_t at, struct record *r,
			  uint64_t limit, struct df_why *why)
{
	uint64_t size = df_reader_size(&s->reader);
	uint8_t frame[DF_RECORD_FRAME_LEN];
	enum df_err rc;

	r->body = (struct bytes){0};
	if (at > size || size - at < sizeof frame)
		return df_fail(why, DF_E_FORMAT, "no record at offset %llu",
			       (unsigned long long)at);
	rc = df_reader_read(&s->reader, at, frame, sizeof frame, why);
	if (rc == DF_OK)
		rc = df_record_frame_decode(&r->frame, frame, why);
	if (rc != DF_OK)
		return rc;
	at += sizeof frame;
	if (r->frame.header_len > sizeof r->header_bytes ||
	    r->frame.header_len > size - at ||
	    r->frame.body_len > size - at - r->frame.header_len)
		return df_fail(why, DF_E_FORMAT,
			       "record at offset %llu passes the end",
			       (unsigned long long)(at - sizeof frame));
	r->header = (struct df_text){r->header_bytes, r->frame.header_len};
	if (r->header.len) {
		rc = df_reader_read(&s->reader, at, r->header_bytes,
				    r->header.len, why);
		if (rc != DF_OK)
			return rc;
	}
	at += r->frame.header_len;
	rc = bytes_new(&r->body, r->frame.body_len, limit, why);
	if (rc == DF_OK && r->body.len)
		rc = df_reader_read(&s->reader, at, r->body.ptr, r->body.len,
				    why);
	if (rc != DF_OK)
		bytes_release(&r->body);
	r->next = at + r->frame.body_len;
	return rc;
}

/* What the record and the head of the body say of each other. */
static enum df_err check_body(const struct instance *in,
			      const struct bytes *body, struct df_why *why)
{
	struct df_coded_head head;
	enum df_err rc;

	rc = check_digest(body, &in->r.body_digest, "coded body", why);
	if (rc == DF_OK)
		rc = df_coded_head(&head, body->ptr, body->len, why);
	if (rc == DF_OK &&
	    (head.size_bytes != in->r.size_bytes ||
	     strcmp(df_coding_name(head.coding), in->r.coding) != 0))
		rc = df_fail(why, DF_E_MANIFEST,
			     "coded body is not what its record says");
	return rc;
}

enum df_err source_coded(struct source *s, uint64_t at, struct instance *in,
			 struct bytes *body, uint64_t limit, struct df_why *why)
{
	struct record r;
	enum df_err rc = source_record(s, at, &r, limit + limit / 2, why);

	*in = (struct instance){.record = at};
	*body = (struct bytes){0};
	if (rc != DF_OK)
		return rc;
	in->next = r.next;
	if (r.frame.type != DF_RECORD_INSTANCE)
		rc = df_fail(why, DF_E_FORMAT,
			     "record at offset %llu is no instance",
			     (unsigned long long)at);
	if (rc == DF_OK)
		rc = df_record_instance_decode(&in->r, r.header, why);
	if (rc == DF_OK)
		rc = check_body(in, &r.body, why);
	if (rc == DF_OK)
		*body = r.body;
	else
		bytes_release(&r.body);
	return rc;
}

enum df_err instance_decode(struct instance *in, const struct bytes *body,
			    uint64_t limit, struct df_why *why)
{
	enum df_err rc = bytes_new(&in->data, in->r.size_bytes, limit, why);

	if (rc == DF_OK)
		rc = df_coded_decode(in->data.ptr, in->data.len, body->ptr,
				     body->len, why);
	if (rc == DF_OK)
		rc = check_digest(&in->data, &in->r.digest, "instance", why);
	return rc;
}

enum df_err source_instance(struct source *s, uint64_t at, struct instance *in,
			    uint64_t limit, struct df_why *why)
{
	struct bytes body;
	enum df_err rc = source_coded(s, at, in, &body, limit, why);

	if (rc == DF_OK)
		rc = instance_decode(in, &body, limit, why);
	bytes_release(&body);
	return rc;
}

enum df_err contents_agree(const struct record *r,
			   const struct df_record_contents *seen,
			   struct df_why *why)
{
	struct df_record_contents said = {0};
	enum df_err rc = df_record_contents_decode(
		&said, r->header, r->body.ptr, r->body.len, why);
	bool same = rc == DF_OK && said.count == seen->count;

	for (size_t i = 0; same && i < said.count; i++) {
		const struct df_record_entry *a = &said.entries[i];
		const struct df_record_entry *b = &seen->entries[i];

		same = strcmp(a->name, b->name) == 0 &&
		       a->offset == b->offset &&
		       df_digest_same(&a->digest, &b->digest);
	}
	if (rc == DF_OK && !same)
		rc = df_fail(why, DF_E_MANIFEST,
			     "contents do not list the records there are");
	df_record_contents_release(&said);
	return rc;
}
