/*
 * worklist_value.c - what a person typed becomes a value of a worklist item,
 * or is refused.
 */
#include <string.h>

#include "df/worklist.h"

static enum df_err wrong(struct df_why *why, enum df_worklist_field f,
			 const char *what)
{
	return df_fail(why, DF_E_USAGE, "%s: %s",
		       df_worklist_attribute(f)->word, what);
}

/* Digits of "2026-11-22" or "09:30"; SIZE_MAX when there is anything else. */
static size_t digits(char to[14], size_t most, struct df_text t)
{
	size_t n = 0, i;

	for (i = 0; i < t.len; i++) {
		char c = t.ptr[i];

		if (c == '-' || c == '/' || c == '.' || c == ':')
			continue;
		if (c < '0' || c > '9' || n == most)
			return SIZE_MAX;
		to[n++] = c;
	}
	return n;
}

static unsigned two(const char *p)
{
	return (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
}

static enum df_err add_date(struct df_buf *to, enum df_worklist_field f,
			    struct df_text t, struct df_why *why)
{
	static const unsigned days[] = {31, 29, 31, 30, 31, 30,
					31, 31, 30, 31, 30, 31};
	char d[14];

	if (digits(d, 8, t) != 8 || two(d + 4) < 1 || two(d + 4) > 12 ||
	    two(d + 6) < 1 || two(d + 6) > days[two(d + 4) - 1])
		return wrong(why, f, "a date is written 2026-11-22");
	return df_buf_add(to, d, 8, why);
}

static enum df_err add_time(struct df_buf *to, enum df_worklist_field f,
			    struct df_text t, struct df_why *why)
{
	char d[14];
	size_t n = digits(d, 6, t);

	if ((n != 4 && n != 6) || two(d) > 23 || two(d + 2) > 59 ||
	    (n == 6 && two(d + 4) > 59))
		return wrong(why, f, "a time is written 09:30");
	if (n == 4)
		memcpy(d + 4, "00", 2);
	return df_buf_add(to, d, 6, why);
}

/* CS: capitals, digits, blank and underscore. */
static enum df_err add_code(struct df_buf *to, enum df_worklist_field f,
			    struct df_text t, struct df_why *why)
{
	enum df_err rc = DF_OK;
	size_t i;

	if (f == DF_WORKLIST_SEX && df_text_eq(t, "男"))
		return df_buf_add(to, "M", 1, why);
	if (f == DF_WORKLIST_SEX && df_text_eq(t, "女"))
		return df_buf_add(to, "F", 1, why);
	for (i = 0; rc == DF_OK && i < t.len; i++) {
		char c = t.ptr[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == ' ' || c == '_'))
			return wrong(why, f,
				     "only letters, digits and _ may be used");
		if (f == DF_WORKLIST_SEX && strchr("MFO", c) == NULL)
			return wrong(why, f, "it is M, F or O");
		rc = df_buf_u8(to, (uint8_t)c);
	}
	return rc;
}

/* Each component group of a name has the length of the VR. */
static bool is_name(struct df_text t)
{
	size_t groups = 1, in_group = 0, at;

	for (at = 0; at < t.len; at++) {
		/* the bytes that continue a character do not count */
		if (((unsigned char)t.ptr[at] & 0xc0) == 0x80)
			continue;
		if (t.ptr[at] == '=') {
			groups++;
			in_group = 0;
		} else if (++in_group > 64) {
			return false;
		}
	}
	return groups <= 3;
}

enum df_err df_worklist_value(struct df_buf *to, enum df_worklist_field f,
			      struct df_text value, struct df_why *why)
{
	const struct df_worklist_attr *a = df_worklist_attribute(f);
	struct df_text t = df_text_trim(value);
	size_t chars = 0;
	uint64_t number;

	if (!df_text_clean(t, &chars))
		return wrong(why, f, "it is not UTF-8 text of one line");
	if (strcmp(a->vr, "DA") == 0)
		return add_date(to, f, t, why);
	if (strcmp(a->vr, "TM") == 0)
		return add_time(to, f, t, why);
	if (chars > a->chars)
		return wrong(why, f, "it is too long");
	if (t.len > 0 && memchr(t.ptr, '\\', t.len) != NULL)
		return wrong(why, f, "it may not hold a backslash");
	if (strcmp(a->vr, "CS") == 0)
		return add_code(to, f, t, why);
	if (strcmp(a->vr, "UI") == 0 && !df_uid_valid(t))
		return wrong(why, f, "it is not a UID");
	if (strcmp(a->vr, "AE") == 0 && !df_ae_valid(t))
		return wrong(why, f, "it is not an AE title");
	if (strcmp(a->vr, "PN") == 0 && !is_name(t))
		return wrong(why, f, "it is not a name");
	if (strcmp(a->vr, "US") == 0 && !df_text_u64(t, &number))
		return wrong(why, f, "it is a number");
	if (strcmp(a->vr, "SQ") == 0)
		return wrong(why, f, "it cannot be given");
	return df_buf_add(to, t.ptr, t.len, why);
}
