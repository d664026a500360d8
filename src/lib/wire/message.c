/*
 * message.c - encode and decode the messages between rooms. See df/message.h.
 * Pure; the decoder trusts nothing, a fuzz target holds it to that.
 */
#include "df/message.h"

#include <string.h>

#define HEAD 6  /* u16 type, u32 tag */
#define FIELD 6 /* u16 name, u32 length */

static const char *const NAME[DF_MSG_COUNT] = {
	[DF_MSG_NONE] = "NONE",
#define X(name) [DF_MSG_##name] = #name,
	DF_MSG_MAP(X)
#undef X
};

const char *df_msg_name(enum df_msg_type type)
{
	return (unsigned)type < DF_MSG_COUNT ? NAME[type] : "UNKNOWN";
}

void df_msg_init(struct df_msg *m, enum df_msg_type type, uint32_t tag)
{
	*m = (struct df_msg){.type = type, .tag = tag};
	df_buf_init(&m->body, DF_MSG_MAX);
}

void df_msg_release(struct df_msg *m)
{
	df_buf_wipe(&m->body);
	*m = (struct df_msg){0};
}

void df_msg_put(struct df_msg *m, enum df_field f, const void *ptr, size_t len)
{
	if (m->failed != DF_OK)
		return;
	if (len > DF_MSG_MAX) {
		m->failed = DF_E_LIMIT;
		return;
	}
	m->failed = df_buf_u16(&m->body, (uint16_t)f);
	if (m->failed == DF_OK)
		m->failed = df_buf_u32(&m->body, (uint32_t)len);
	if (m->failed == DF_OK)
		m->failed = df_buf_add(&m->body, ptr, len, NULL);
}

void df_msg_put_str(struct df_msg *m, enum df_field f, const char *s)
{
	df_msg_put(m, f, s, strlen(s));
}

void df_msg_put_opt(struct df_msg *m, enum df_field f, const char *s)
{
	if (s != NULL && *s != '\0')
		df_msg_put(m, f, s, strlen(s));
}

void df_msg_put_text(struct df_msg *m, enum df_field f, struct df_text t)
{
	df_msg_put(m, f, t.ptr, t.len);
}

void df_msg_put_u64(struct df_msg *m, enum df_field f, uint64_t v)
{
	uint8_t p[8];

	df_put_u64(p, v);
	df_msg_put(m, f, p, sizeof p);
}

void df_msg_put_id(struct df_msg *m, enum df_field f, const struct df_id *id)
{
	df_msg_put(m, f, id->s, DF_ID_LEN);
}

void df_msg_put_digest(struct df_msg *m, enum df_field f,
		       const struct df_digest *d)
{
	df_msg_put(m, f, d->b, sizeof d->b);
}

void df_msg_put_checksum(struct df_msg *m, const struct df_checksum *sum)
{
	df_msg_put(m, DF_M_CHECKSUM, sum->b, sizeof sum->b);
}

/* the fields, whether the message is being built or was decoded */
static struct df_text fields_of(const struct df_msg *m)
{
	if (m->in.ptr != NULL)
		return m->in;
	return (struct df_text){(const char *)m->body.ptr, m->body.len};
}

void df_msg_put_item(struct df_msg *m, enum df_field f,
		     const struct df_msg *item)
{
	struct df_text t = fields_of(item);

	if (item->failed != DF_OK)
		m->failed = item->failed;
	df_msg_put(m, f, t.ptr, t.len);
}

void df_msg_copy(struct df_msg *m, const struct df_msg *from, enum df_field f)
{
	struct df_text all = fields_of(from), t;
	size_t at = 0;

	if (f != DF_M_NONE) {
		while (df_msg_next(from, f, &at, &t))
			df_msg_put_text(m, f, t);
		return;
	}
	if (m->failed == DF_OK)
		m->failed = df_buf_add(&m->body, all.ptr, all.len, NULL);
}

void df_msg_put_result(struct df_msg *m, enum df_err err,
		       const struct df_why *why)
{
	if (err == DF_OK)
		return;
	df_msg_put_u64(m, DF_M_ERR, err);
	df_msg_put_str(m, DF_M_WHY,
		       why != NULL && why->text[0] ? why->text
						   : df_err_text(err));
}

enum df_err df_msg_encode(const struct df_msg *m, struct df_buf *out,
			  struct df_why *why)
{
	struct df_text all = fields_of(m);
	enum df_err rc = m->failed;

	if (rc == DF_OK && all.len + HEAD > DF_MSG_MAX)
		rc = DF_E_LIMIT;
	if (rc != DF_OK)
		return df_fail(why, rc, "message %s does not fit",
			       df_msg_name(m->type));
	rc = df_buf_reserve(out, HEAD + all.len, why);
	if (rc != DF_OK)
		return rc;
	rc = df_buf_u16(out, (uint16_t)m->type);
	if (rc == DF_OK)
		rc = df_buf_u32(out, m->tag);
	if (rc == DF_OK)
		rc = df_buf_add(out, all.ptr, all.len, why);
	return rc;
}

enum df_err df_msg_decode(struct df_msg *m, const void *ptr, size_t len,
			  struct df_why *why)
{
	const uint8_t *p = ptr;
	size_t at = HEAD;

	*m = (struct df_msg){0};
	if (len < HEAD || len > DF_MSG_MAX)
		return df_fail(why, DF_E_FORMAT, "message of %zu bytes", len);
	m->type = (enum df_msg_type)df_get_u16(p);
	m->tag = df_get_u32(p + 2);
	if (m->type == DF_MSG_NONE || m->type >= DF_MSG_COUNT)
		return df_fail(why, DF_E_FORMAT, "unknown message type %u",
			       (unsigned)m->type);
	while (at < len) {
		if (len - at < FIELD || df_get_u32(p + at + 2) > len - at - FIELD)
			return df_fail(why, DF_E_FORMAT,
				       "message %s is cut at byte %zu",
				       df_msg_name(m->type), at);
		at += FIELD + df_get_u32(p + at + 2);
	}
	m->in = (struct df_text){(const char *)p + HEAD, len - HEAD};
	return DF_OK;
}

bool df_msg_next(const struct df_msg *m, enum df_field f, size_t *at,
		 struct df_text *t)
{
	struct df_text all = fields_of(m);

	while (*at < all.len) {
		const uint8_t *p = (const uint8_t *)all.ptr + *at;
		size_t n;

		if (all.len - *at < FIELD)
			return false;
		n = df_get_u32(p + 2);
		if (n > all.len - *at - FIELD)
			return false; /* only an item can be cut here */
		*at += FIELD + n;
		if (df_get_u16(p) == f) {
			*t = (struct df_text){(const char *)p + FIELD, n};
			return true;
		}
	}
	return false;
}

bool df_msg_next_item(const struct df_msg *m, enum df_field f, size_t *at,
		      struct df_msg *item)
{
	struct df_text t;

	if (!df_msg_next(m, f, at, &t))
		return false;
	*item = (struct df_msg){.type = m->type, .tag = m->tag, .in = t};
	return true;
}

bool df_msg_get(const struct df_msg *m, enum df_field f, struct df_text *t)
{
	size_t at = 0;

	return df_msg_next(m, f, &at, t);
}

bool df_msg_get_u64(const struct df_msg *m, enum df_field f, uint64_t *v)
{
	struct df_text t;

	if (!df_msg_get(m, f, &t) || t.len != 8)
		return false;
	*v = df_get_u64((const uint8_t *)t.ptr);
	return true;
}

bool df_msg_get_id(const struct df_msg *m, enum df_field f, struct df_id *id)
{
	struct df_text t;

	return df_msg_get(m, f, &t) && df_id_decode(id, t);
}

bool df_msg_get_digest(const struct df_msg *m, enum df_field f,
		       struct df_digest *d)
{
	struct df_text t;

	if (!df_msg_get(m, f, &t) || t.len != sizeof d->b)
		return false;
	memcpy(d->b, t.ptr, sizeof d->b);
	return true;
}

bool df_msg_get_checksum(const struct df_msg *m, struct df_checksum *sum)
{
	struct df_text t;

	if (!df_msg_get(m, DF_M_CHECKSUM, &t) || t.len != sizeof sum->b)
		return false;
	memcpy(sum->b, t.ptr, sizeof sum->b);
	return true;
}

bool df_msg_get_str(const struct df_msg *m, enum df_field f, char *to,
		    size_t cap)
{
	struct df_text t;

	to[0] = '\0';
	return df_msg_get(m, f, &t) && df_str_copy(to, cap, t) == DF_OK;
}

enum df_err df_msg_result(const struct df_msg *m, struct df_why *why)
{
	struct df_text text = {0};
	uint64_t code;
	enum df_err err;

	if (!df_msg_get_u64(m, DF_M_ERR, &code) || code == DF_OK)
		return DF_OK;
	err = df_err_from(code);
	if (!df_msg_get(m, DF_M_WHY, &text))
		text = df_text_of(df_err_text(err));
	return df_fail(why, err, "%.*s", (int)text.len, text.ptr);
}
