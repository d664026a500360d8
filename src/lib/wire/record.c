/*
 * record.c - frames, instance headers and contents. See df/record.h.
 *
 * Canonical by construction: what was decoded is encoded again and compared,
 * so that no second spelling of one meaning is ever accepted.
 */
#include "df/record.h"

#include <stdlib.h>
#include <string.h>

#include "df/hash.h"

void df_record_frame_encode(uint8_t to[DF_RECORD_FRAME_LEN],
			    const struct df_record_frame *f)
{
	if (f->type < DF_RECORD_INSTANCE || f->type > DF_RECORD_BODY ||
	    f->header_len > DF_RECORD_HEADER_MAX ||
	    f->body_len > DF_RECORD_BODY_MAX)
		df_bug("record type %d", (int)f->type);
	to[0] = (uint8_t)f->type;
	to[1] = 0;
	df_put_u16(to + 2, 0);
	df_put_u32(to + 4, f->header_len);
	df_put_u64(to + 8, f->body_len);
}

enum df_err df_record_frame_decode(struct df_record_frame *f,
				   const uint8_t from[DF_RECORD_FRAME_LEN],
				   struct df_why *why)
{
	memset(f, 0, sizeof *f);
	if (from[0] < DF_RECORD_INSTANCE || from[0] > DF_RECORD_BODY)
		return df_fail(why, DF_E_FORMAT, "record type %u is unknown",
			       from[0]);
	if (from[1] != 0 || df_get_u16(from + 2) != 0)
		return df_fail(why, DF_E_FORMAT, "unknown record flags");
	f->type = (enum df_record_type)from[0];
	f->header_len = df_get_u32(from + 4);
	f->body_len = df_get_u64(from + 8);
	if (f->header_len > DF_RECORD_HEADER_MAX ||
	    f->body_len > DF_RECORD_BODY_MAX ||
	    (f->type == DF_RECORD_CONTENTS &&
	     f->body_len > DF_RECORD_CONTENTS_MAX))
		return df_fail(why, DF_E_LIMIT, "record too long");
	return DF_OK;
}

static bool word_valid(const char *s, size_t cap)
{
	size_t i, n = strnlen(s, cap);

	if (n == 0 || n == cap)
		return false;
	for (i = 0; i < n; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') ||
		      (s[i] >= '0' && s[i] <= '9') || s[i] == '-' ||
		      s[i] == '+'))
			return false;
	return true;
}

static bool uid_ok(const char s[65])
{
	return strnlen(s, 65) < 65 && df_uid_valid(df_text_of(s));
}

/* An AE title that reads back as written: no spaces round it, not "-". */
static bool ae_ok(const char s[17])
{
	size_t i, n = strnlen(s, 17);

	if (n == 0)
		return true;
	if (n == 17 || s[0] == ' ' || s[n - 1] == ' ' || strcmp(s, "-") == 0)
		return false;
	for (i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || (unsigned char)s[i] > 0x7e)
			return false;
	return df_ae_valid(df_text_of(s));
}

static bool id_ok(const struct df_id *id)
{
	struct df_id same;

	if (id->s[0] == '\0')
		return true;
	return strnlen(id->s, sizeof id->s) == DF_ID_LEN &&
	       df_id_decode(&same, df_text_of(id->s));
}

static const char *dash(const char *s)
{
	return s[0] ? s : "-";
}

enum df_err df_record_instance_encode(struct df_buf *out,
				      const struct df_record_instance *r,
				      struct df_why *why)
{
	struct df_hex digest = df_digest_hex(&r->digest);
	struct df_hex body = df_digest_hex(&r->body_digest);

	if (!uid_ok(r->sop_class) || !uid_ok(r->sop_instance) ||
	    !uid_ok(r->transfer_syntax))
		return df_fail(why, DF_E_FORMAT, "invalid UID in a record");
	if (!word_valid(r->coding, sizeof r->coding))
		return df_fail(why, DF_E_FORMAT, "invalid coding in a record");
	if (!ae_ok(r->called_ae) || !ae_ok(r->calling_ae))
		return df_fail(why, DF_E_FORMAT,
			       "invalid AE title in a record");
	if (!id_ok(&r->association) || r->received_ms < 0)
		return df_fail(why, DF_E_FORMAT, "invalid origin in a record");
	return df_buf_addf(out, why,
			   "sop-class: %s\nsop-instance: %s\n"
			   "transfer-syntax: %s\ncoding: %s\nsize: %llu\n"
			   "digest: %s\nbody-digest: %s\nreceived: %llu\n"
			   "called-ae: %s\ncalling-ae: %s\nassociation: %s\n",
			   r->sop_class, r->sop_instance, r->transfer_syntax,
			   r->coding, (unsigned long long)r->size_bytes,
			   digest.s, body.s, (unsigned long long)r->received_ms,
			   dash(r->called_ae), dash(r->calling_ae),
			   dash(r->association.s));
}

/* Takes the next line, which must be "key: value". */
static bool take(struct df_text *rest, const char *key, struct df_text *value)
{
	struct df_text line, k;

	return df_text_line(rest, &line) && df_text_pair(line, &k, value) &&
	       df_text_eq(k, key);
}

static bool take_copy(struct df_text *rest, const char *key, char *to,
		      size_t cap)
{
	struct df_text v;

	if (!take(rest, key, &v) || v.len == 0)
		return false;
	if (df_text_eq(v, "-"))
		v.len = 0;
	return df_str_copy(to, cap, v) == DF_OK;
}

static bool take_u64(struct df_text *rest, const char *key, uint64_t *v)
{
	struct df_text t;

	return take(rest, key, &t) && df_text_u64(t, v);
}

static bool take_digest(struct df_text *rest, const char *key,
			struct df_digest *d)
{
	struct df_text t;

	return take(rest, key, &t) && df_digest_decode(d, t);
}

static bool take_instance(struct df_record_instance *r, struct df_text rest)
{
	uint64_t received = 0;
	bool ok;

	ok = take_copy(&rest, "sop-class", r->sop_class, 65) &&
	     take_copy(&rest, "sop-instance", r->sop_instance, 65) &&
	     take_copy(&rest, "transfer-syntax", r->transfer_syntax, 65) &&
	     take_copy(&rest, "coding", r->coding, sizeof r->coding) &&
	     take_u64(&rest, "size", &r->size_bytes) &&
	     take_digest(&rest, "digest", &r->digest) &&
	     take_digest(&rest, "body-digest", &r->body_digest) &&
	     take_u64(&rest, "received", &received) && received <= INT64_MAX &&
	     take_copy(&rest, "called-ae", r->called_ae, 17) &&
	     take_copy(&rest, "calling-ae", r->calling_ae, 17) &&
	     take_copy(&rest, "association", r->association.s,
		       sizeof r->association.s);
	r->received_ms = (int64_t)received;
	return ok && rest.len == 0;
}

static bool same_text(const struct df_buf *b, struct df_text t)
{
	return b->len == t.len && memcmp(b->ptr, t.ptr, t.len) == 0;
}

enum df_err df_record_instance_decode(struct df_record_instance *r,
				      struct df_text text, struct df_why *why)
{
	struct df_buf again;
	bool same;

	memset(r, 0, sizeof *r);
	if (text.len == 0 || text.len > DF_RECORD_HEADER_MAX ||
	    !take_instance(r, text))
		return df_fail(why, DF_E_FORMAT,
			       "malformed header of an instance record");
	df_buf_init(&again, DF_RECORD_HEADER_MAX);
	same = df_record_instance_encode(&again, r, NULL) == DF_OK &&
	       same_text(&again, text);
	df_buf_release(&again);
	if (!same)
		return df_fail(why, DF_E_FORMAT,
			       "header of an instance record is not canonical");
	return DF_OK;
}

void df_record_contents_release(struct df_record_contents *c)
{
	free(c->entries);
	c->entries = NULL;
	c->count = 0;
}

static bool name_ok(const char name[65])
{
	return strnlen(name, 65) < 65 &&
	       (df_uid_valid(df_text_of(name)) ||
		strcmp(name, "statement") == 0 || strcmp(name, "cms") == 0 ||
		strcmp(name, "body") == 0);
}

enum df_err df_record_contents_add(struct df_record_contents *c,
				   const struct df_record_entry *e,
				   struct df_why *why)
{
	if (!name_ok(e->name))
		return df_fail(why, DF_E_FORMAT, "invalid name in contents");
	if (c->count >= DF_RECORD_ENTRIES_MAX)
		return df_fail(why, DF_E_LIMIT, "more than %u records",
			       DF_RECORD_ENTRIES_MAX);
	if ((c->count & (c->count - 1)) == 0) /* 0, 1, 2, 4 ...: full */
		c->entries = df_xrealloc(
			c->entries, (c->count ? c->count * 2 : 1) * sizeof *e);
	c->entries[c->count++] = *e;
	return DF_OK;
}

static enum df_err encode_list(struct df_buf *body,
			       const struct df_record_contents *c,
			       struct df_why *why)
{
	enum df_err rc = DF_OK;
	size_t i;

	for (i = 0; rc == DF_OK && i < c->count; i++) {
		const struct df_record_entry *e = &c->entries[i];
		struct df_hex hex = df_digest_hex(&e->digest);

		rc = df_buf_addf(body, why, "%s %s %llu\n", e->name, hex.s,
				 (unsigned long long)e->offset);
	}
	return rc;
}

enum df_err df_record_contents_encode(struct df_buf *out,
				      const struct df_record_contents *c,
				      struct df_why *why)
{
	struct df_record_frame f = {.type = DF_RECORD_CONTENTS};
	uint8_t frame[DF_RECORD_FRAME_LEN];
	struct df_buf body, header;
	struct df_digest d;
	struct df_hex hex;
	enum df_err rc;

	df_buf_init(&body, DF_RECORD_CONTENTS_MAX);
	df_buf_init(&header, DF_RECORD_HEADER_MAX);
	rc = encode_list(&body, c, why);
	if (rc != DF_OK)
		goto out;
	df_hash_bytes(&d, body.ptr, body.len);
	hex = df_digest_hex(&d);
	rc = df_buf_addf(&header, why, "count: %zu\nbody-digest: %s\n",
			 c->count, hex.s);
	if (rc != DF_OK)
		goto out;
	f.header_len = (uint32_t)header.len;
	f.body_len = body.len;
	df_record_frame_encode(frame, &f);
	rc = df_buf_add(out, frame, sizeof frame, why);
	if (rc == DF_OK)
		rc = df_buf_add(out, header.ptr, header.len, why);
	if (rc == DF_OK)
		rc = df_buf_add(out, body.ptr, body.len, why);
out:
	df_buf_release(&body);
	df_buf_release(&header);
	return rc;
}

/* "name digest offset"; offsets rise. */
static bool decode_entry(struct df_record_entry *e, struct df_text line)
{
	const char *sp = line.len ? memchr(line.ptr, ' ', line.len) : NULL;
	struct df_text name, rest;

	memset(e, 0, sizeof *e);
	if (sp == NULL)
		return false;
	name = (struct df_text){line.ptr, (size_t)(sp - line.ptr)};
	rest = (struct df_text){sp + 1, line.len - name.len - 1};
	if (rest.len < DF_HEX_LEN + 2 || rest.ptr[DF_HEX_LEN] != ' ')
		return false;
	return df_str_copy(e->name, sizeof e->name, name) == DF_OK &&
	       df_digest_decode(&e->digest,
				(struct df_text){rest.ptr, DF_HEX_LEN}) &&
	       df_text_u64((struct df_text){rest.ptr + DF_HEX_LEN + 1,
					    rest.len - DF_HEX_LEN - 1},
			   &e->offset);
}

static enum df_err decode_list(struct df_record_contents *c, uint64_t count,
			       struct df_text rest, struct df_why *why)
{
	struct df_record_entry e;
	struct df_text line;
	enum df_err rc;

	while (df_text_line(&rest, &line)) {
		if (!decode_entry(&e, line) ||
		    (c->count > 0 &&
		     e.offset <= c->entries[c->count - 1].offset))
			return df_fail(why, DF_E_FORMAT,
				       "malformed line in contents");
		rc = df_record_contents_add(c, &e, why);
		if (rc != DF_OK)
			return rc;
	}
	if (c->count != count)
		return df_fail(why, DF_E_FORMAT, "contents: count is wrong");
	return DF_OK;
}

/* Decodes, then holds the text against what we would have written. */
static enum df_err decode_contents(struct df_record_contents *c,
				   struct df_text header, struct df_text body,
				   struct df_why *why)
{
	struct df_buf again;
	struct df_digest want, d;
	struct df_text rest = header;
	uint64_t count = 0;
	enum df_err rc;

	if (!take_u64(&rest, "count", &count) ||
	    !take_digest(&rest, "body-digest", &want) || rest.len != 0)
		return df_fail(why, DF_E_FORMAT, "malformed contents record");
	df_hash_bytes(&d, body.ptr, body.len);
	if (!df_digest_same(&d, &want))
		return df_fail(why, DF_E_MANIFEST,
			       "contents do not match their digest");
	rc = decode_list(c, count, body, why);
	if (rc != DF_OK)
		return rc;
	df_buf_init(&again, DF_RECORD_FRAME_LEN + DF_RECORD_HEADER_MAX +
				    DF_RECORD_CONTENTS_MAX);
	rc = df_record_contents_encode(&again, c, why);
	if (rc == DF_OK &&
	    (again.len != DF_RECORD_FRAME_LEN + header.len + body.len ||
	     memcmp(again.ptr + DF_RECORD_FRAME_LEN, header.ptr, header.len) !=
		     0 ||
	     (body.len > 0 &&
	      memcmp(again.ptr + DF_RECORD_FRAME_LEN + header.len, body.ptr,
		     body.len) != 0)))
		rc = df_fail(why, DF_E_FORMAT, "contents are not canonical");
	df_buf_release(&again);
	return rc;
}

enum df_err df_record_contents_decode(struct df_record_contents *c,
				      struct df_text header,
				      const uint8_t *body, size_t body_len,
				      struct df_why *why)
{
	struct df_text b = {(const char *)body, body_len};
	enum df_err rc;

	memset(c, 0, sizeof *c);
	if (header.len == 0 || header.len > DF_RECORD_HEADER_MAX ||
	    body_len > DF_RECORD_CONTENTS_MAX)
		return df_fail(why, DF_E_LIMIT, "contents record too long");
	rc = decode_contents(c, header, b, why);
	if (rc != DF_OK)
		df_record_contents_release(c);
	return rc;
}
