/* lines.c - see lines.h. */
#include "lines.h"

#include <string.h>

void df_lines_init(struct df_lines *l, struct df_text text, size_t max_bytes,
		   struct df_why *why)
{
	*l = (struct df_lines){.rest = text, .why = why};
	if (text.len > max_bytes)
		l->rc = df_fail(why, DF_E_LIMIT, "text exceeds %zu bytes",
				max_bytes);
	else if (text.len == 0 || text.ptr[text.len - 1] != '\n')
		l->rc = df_fail(why, DF_E_FORMAT, "text ends inside a line");
}

void df_lines_bad(struct df_lines *l, const char *what)
{
	if (l->rc == DF_OK)
		l->rc = df_fail(l->why, DF_E_FORMAT, "line %u: %s", l->number,
				what);
}

struct df_text df_lines_take(struct df_lines *l, const char *key)
{
	struct df_text line, k, v;

	if (l->rc != DF_OK)
		return (struct df_text){0};
	l->number++;
	if (!df_text_line(&l->rest, &line)) {
		l->rc = df_fail(l->why, DF_E_FORMAT, "ends before '%s'", key);
		return (struct df_text){0};
	}
	if (!df_text_pair(line, &k, &v) || !df_text_eq(k, key)) {
		l->rc = df_fail(l->why, DF_E_FORMAT, "line %u: is not '%s'",
				l->number, key);
		return (struct df_text){0};
	}
	return v;
}

void df_lines_word(struct df_lines *l, const char *key, const char *want)
{
	struct df_text v = df_lines_take(l, key);

	if (l->rc == DF_OK && !df_text_eq(v, want))
		l->rc = df_fail(l->why, DF_E_FORMAT, "'%s' is not %s", key,
				want);
}

void df_lines_uid(struct df_lines *l, const char *key, char to[65])
{
	struct df_text v = df_lines_take(l, key);

	to[0] = '\0';
	if (!df_uid_valid(v) || df_str_copy(to, 65, v) != DF_OK)
		df_lines_bad(l, "not a UID");
}

uint64_t df_lines_u64(struct df_lines *l, const char *key, uint64_t max)
{
	struct df_text v = df_lines_take(l, key);
	uint64_t n = 0;

	if (!df_text_u64(v, &n) || n > max)
		df_lines_bad(l, "not a number within its bounds");
	return n;
}

bool df_hex_valid(const struct df_hex *h)
{
	size_t i;

	for (i = 0; i < DF_HEX_LEN; i++)
		if (strchr("0123456789abcdef", h->s[i]) == NULL ||
		    h->s[i] == '\0')
			return false;
	return h->s[DF_HEX_LEN] == '\0';
}

void df_lines_hex(struct df_lines *l, const char *key, struct df_hex *to)
{
	struct df_text v = df_lines_take(l, key);

	*to = (struct df_hex){0};
	if (v.len != DF_HEX_LEN ||
	    df_str_copy(to->s, sizeof to->s, v) != DF_OK || !df_hex_valid(to))
		df_lines_bad(l, "not a fingerprint");
}

void df_lines_digest(struct df_lines *l, const char *key, struct df_digest *to)
{
	struct df_text v = df_lines_take(l, key);

	if (!df_ref_decode(to, v))
		df_lines_bad(l, "not a digest");
}

int64_t df_lines_time(struct df_lines *l, const char *key)
{
	struct df_text v = df_lines_take(l, key);
	int64_t t = l->rc == DF_OK ? df_time_decode(v.ptr, v.len) : -1;

	if (t < 0)
		df_lines_bad(l, "not a time like 2026-11-22T01:02:03Z");
	return t;
}

struct df_text df_lines_split(struct df_text *rest)
{
	const char *end = rest->len ? memchr(rest->ptr, ' ', rest->len) : NULL;
	struct df_text word = *rest;

	if (end == NULL) {
		*rest = (struct df_text){0};
		return word;
	}
	word.len = (size_t)(end - word.ptr);
	rest->ptr = end + 1;
	rest->len -= word.len + 1;
	return word;
}

enum df_err df_lines_canonical(struct df_lines *l, struct df_text text,
			       const struct df_buf *again)
{
	if (l->rc != DF_OK)
		return l->rc;
	if (l->rest.len != 0)
		return df_fail(l->why, DF_E_FORMAT, "bytes follow line %u",
			       l->number);
	if (again->len != text.len || memcmp(again->ptr, text.ptr, text.len))
		return df_fail(l->why, DF_E_FORMAT,
			       "text is not in its canonical form");
	return DF_OK;
}

struct df_ref df_ref_of(const struct df_digest *d)
{
	struct df_ref r = {"-"};

	if (!df_digest_is_zero(d))
		df_str_fmt(r.s, sizeof r.s, "sha256:%s", df_digest_hex(d).s);
	return r;
}

bool df_ref_decode(struct df_digest *d, struct df_text t)
{
	*d = (struct df_digest){0};
	if (df_text_eq(t, "-"))
		return true;
	if (t.len != DF_REF_LEN || memcmp(t.ptr, "sha256:", 7) != 0)
		return false;
	return df_digest_decode(d, (struct df_text){t.ptr + 7, DF_HEX_LEN});
}
