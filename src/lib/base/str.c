/* str.c - see df/str.h. */
#include "df/str.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

struct df_text df_text_of(const char *s)
{
	return (struct df_text){s, s ? strlen(s) : 0};
}

struct df_text df_text_trim(struct df_text t)
{
	while (t.len > 0 &&
	       (t.ptr[t.len - 1] == ' ' || t.ptr[t.len - 1] == '\0'))
		t.len--;
	while (t.len > 0 && t.ptr[0] == ' ') {
		t.ptr++;
		t.len--;
	}
	return t;
}

bool df_text_eq(struct df_text t, const char *s)
{
	return t.len == strlen(s) && (t.len == 0 || !memcmp(t.ptr, s, t.len));
}

bool df_text_same(struct df_text a, struct df_text b)
{
	return a.len == b.len && (a.len == 0 || !memcmp(a.ptr, b.ptr, a.len));
}

bool df_text_line(struct df_text *rest, struct df_text *line)
{
	const char *end;

	if (rest->len == 0)
		return false;
	end = memchr(rest->ptr, '\n', rest->len);
	line->ptr = rest->ptr;
	if (end == NULL) {
		line->len = rest->len;
		*rest = (struct df_text){rest->ptr + rest->len, 0};
		return true;
	}
	line->len = (size_t)(end - rest->ptr);
	rest->ptr = end + 1;
	rest->len -= line->len + 1;
	return true;
}

bool df_text_pair(struct df_text line, struct df_text *key,
		  struct df_text *value)
{
	const char *p = memmem(line.ptr, line.len, ": ", 2);

	if (p == NULL)
		return false;
	*key = (struct df_text){line.ptr, (size_t)(p - line.ptr)};
	*value = (struct df_text){p + 2, line.len - key->len - 2};
	return true;
}

bool df_text_u64(struct df_text t, uint64_t *v)
{
	uint64_t n = 0;
	size_t i;

	if (t.len == 0 || t.len > 20)
		return false;
	for (i = 0; i < t.len; i++) {
		unsigned d = (unsigned char)t.ptr[i] - (unsigned)'0';

		if (d > 9 || __builtin_mul_overflow(n, (uint64_t)10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)d, &n))
			return false;
	}
	*v = n;
	return true;
}

enum df_err df_str_copy(char *to, size_t cap, struct df_text t)
{
	if (t.len >= cap || (t.len > 0 && memchr(t.ptr, 0, t.len) != NULL))
		return DF_E_LIMIT;
	if (t.len > 0)
		memcpy(to, t.ptr, t.len);
	to[t.len] = '\0';
	return DF_OK;
}

void df_str_fmt(char *to, size_t cap, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(to, cap, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= cap)
		df_bug("text of %d bytes does not fit %zu", n, cap);
}

void df_hex_encode(char *to, const void *ptr, size_t len)
{
	static const char DIGIT[] = "0123456789abcdef";
	const uint8_t *p = ptr;
	size_t i;

	for (i = 0; i < len; i++) {
		to[2 * i] = DIGIT[p[i] >> 4];
		to[2 * i + 1] = DIGIT[p[i] & 15];
	}
	to[2 * len] = '\0';
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool df_hex_decode(void *to, size_t len, struct df_text hex)
{
	uint8_t *p = to;
	size_t i;

	if (hex.len != 2 * len)
		return false;
	for (i = 0; i < len; i++) {
		int hi = nibble(hex.ptr[2 * i]);
		int lo = nibble(hex.ptr[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		p[i] = (uint8_t)(hi * 16 + lo);
	}
	return true;
}

struct df_hex df_digest_hex(const struct df_digest *d)
{
	struct df_hex h;

	df_hex_encode(h.s, d->b, sizeof d->b);
	return h;
}

bool df_digest_decode(struct df_digest *d, struct df_text hex)
{
	return df_hex_decode(d->b, sizeof d->b, hex);
}

bool df_digest_same(const struct df_digest *a, const struct df_digest *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool df_digest_is_zero(const struct df_digest *d)
{
	static const struct df_digest ZERO;

	return df_digest_same(d, &ZERO);
}

static const char B64[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum df_err df_base64_encode(struct df_buf *out, const void *ptr, size_t len)
{
	const uint8_t *p = ptr;
	size_t i;

	for (i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;
		char c[4];
		enum df_err rc;

		if (i + 1 < len)
			v |= (uint32_t)p[i + 1] << 8;
		if (i + 2 < len)
			v |= p[i + 2];
		c[0] = B64[v >> 18];
		c[1] = B64[(v >> 12) & 63];
		c[2] = i + 1 < len ? B64[(v >> 6) & 63] : '=';
		c[3] = i + 2 < len ? B64[v & 63] : '=';
		rc = df_buf_add(out, c, 4, NULL);
		if (rc != DF_OK)
			return rc;
	}
	return DF_OK;
}

enum df_err df_base64_decode(struct df_buf *out, struct df_text t,
			     struct df_why *why)
{
	size_t i, j, pad = 0;

	if (t.len % 4 != 0)
		return df_fail(why, DF_E_FORMAT, "base64 of odd length");
	for (i = 0; i < t.len; i += 4) {
		uint32_t v = 0;
		uint8_t o[3];
		enum df_err rc;

		for (j = 0; j < 4; j++) {
			char c = t.ptr[i + j];
			const char *at = c ? strchr(B64, c) : NULL;
			bool may_pad = i + 4 == t.len && j >= 2;

			if (c == '=' && may_pad) {
				pad++;
				v <<= 6;
				continue;
			}
			if (at == NULL || pad > 0)
				return df_fail(why, DF_E_FORMAT,
					       "not base64 at byte %zu", i + j);
			v = (v << 6) | (uint32_t)(at - B64);
		}
		o[0] = (uint8_t)(v >> 16);
		o[1] = (uint8_t)(v >> 8);
		o[2] = (uint8_t)v;
		rc = df_buf_add(out, o, 3 - pad, why);
		if (rc != DF_OK)
			return rc;
	}
	return DF_OK;
}

void df_random(void *to, size_t len)
{
	uint8_t *p = to;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n <= 0)
			df_bug("the kernel gives no random bytes");
		p += n;
		len -= (size_t)n;
	}
}

/* 32 letters, five bits each: nothing that a file system or person mixes up */
static const char IDS[] = "0123456789abcdefghjkmnpqrstvwxyz";

void df_id_new(struct df_id *id)
{
	uint8_t r[DF_ID_LEN];
	size_t i;

	df_random(r, sizeof r);
	for (i = 0; i < DF_ID_LEN; i++)
		id->s[i] = IDS[r[i] & 31];
	id->s[DF_ID_LEN] = '\0';
}

bool df_id_decode(struct df_id *id, struct df_text t)
{
	size_t i;

	if (t.len != DF_ID_LEN)
		return false;
	for (i = 0; i < t.len; i++)
		if (t.ptr[i] == '\0' || strchr(IDS, t.ptr[i]) == NULL)
			return false;
	memcpy(id->s, t.ptr, DF_ID_LEN);
	id->s[DF_ID_LEN] = '\0';
	return true;
}

/* Length of the UTF-8 sequence at p (1-4), 0 when it is not well formed. */
static size_t utf8_len(const uint8_t *p, size_t left)
{
	static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80		   ? 1
		   : (p[0] & 0xE0) == 0xC0 ? 2
		   : (p[0] & 0xF0) == 0xE0 ? 3
		   : (p[0] & 0xF8) == 0xF0 ? 4
					   : 0;
	uint32_t c;
	size_t i;

	if (n == 0 || n > left)
		return 0;
	c = n == 1 ? p[0] : p[0] & (0x7Fu >> n);
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		c = (c << 6) | (p[i] & 0x3Fu);
	}
	/* controls (C0, DEL, C1), surrogates and overlong forms are refused */
	if (c < 0x20 || (c >= 0x7F && c < 0xA0) || c < LEAST[n] ||
	    (c >= 0xD800 && c < 0xE000) || c > 0x10FFFF)
		return 0;
	return n;
}

bool df_text_clean(struct df_text t, size_t *chars)
{
	size_t i = 0, count = 0, n;

	while (i < t.len) {
		n = utf8_len((const uint8_t *)t.ptr + i, t.len - i);
		if (n == 0)
			return false;
		i += n;
		count++;
	}
	if (chars != NULL)
		*chars = count;
	return true;
}

bool df_uid_valid(struct df_text uid)
{
	bool digit = false; /* the component so far is not empty */
	size_t i;

	if (uid.len == 0 || uid.len > 64)
		return false;
	for (i = 0; i < uid.len; i++) {
		char c = uid.ptr[i];

		if (c == '.') {
			if (!digit)
				return false;
			digit = false;
		} else if (c >= '0' && c <= '9') {
			digit = true;
		} else {
			return false;
		}
	}
	return digit;
}

bool df_ae_valid(struct df_text ae)
{
	bool solid = false;
	size_t i;

	if (ae.len == 0 || ae.len > 16)
		return false;
	for (i = 0; i < ae.len; i++) {
		unsigned char c = (unsigned char)ae.ptr[i];

		if (c < 0x20 || c > 0x7e || c == '\\')
			return false;
		solid = solid || c != ' ';
	}
	return solid;
}

void df_uid_new(char to[DF_UID_LEN + 1])
{
	uint64_t v[2];

	df_random(v, sizeof v);
	df_str_fmt(to, DF_UID_LEN + 1, "2.25.1%018llu%018llu",
		   (unsigned long long)(v[0] % 1000000000000000000),
		   (unsigned long long)(v[1] % 1000000000000000000));
}
