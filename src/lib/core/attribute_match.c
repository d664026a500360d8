/* attribute_match.c - see df/attribute_match.h. */
#include "df/attribute_match.h"

#include <string.h>

#define MOMENT 14 /* digits: YYYYMMDDHHMMSS */

/* Takes what stands before the next `by` off *rest. */
static bool part(struct df_text *rest, char by, struct df_text *one)
{
	const char *at;

	if (rest->ptr == NULL)
		return false;
	at = rest->len > 0 ? memchr(rest->ptr, by, rest->len) : NULL;
	*one = *rest;
	if (at == NULL) {
		*rest = (struct df_text){0};
		return true;
	}
	one->len = (size_t)(at - rest->ptr);
	*rest = (struct df_text){at + 1, rest->len - one->len - 1};
	return true;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Bytes of the character at ptr[0]. */
static size_t character(struct df_text t)
{
	size_t n = 1;

	while (n < t.len && ((unsigned char)t.ptr[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* Without recursion: after a mismatch the last star takes one more. */
static bool wild(struct df_text key, struct df_text value, bool any_case)
{
	size_t k = 0, v = 0, star = SIZE_MAX, taken = 0;

	while (v < value.len) {
		char a = k < key.len ? key.ptr[k] : '\0';
		char b = value.ptr[v];

		if (k < key.len && a == '*') {
			star = k++;
			taken = v;
		} else if (k < key.len && a == '?') {
			v += character(
				(struct df_text){value.ptr + v, value.len - v});
			k++;
		} else if (k < key.len &&
			   (a == b || (any_case && lower(a) == lower(b)))) {
			k++;
			v++;
		} else if (star != SIZE_MAX) {
			taken += character((struct df_text){value.ptr + taken,
							    value.len - taken});
			v = taken;
			k = star + 1;
		} else {
			return false;
		}
	}
	while (k < key.len && key.ptr[k] == '*')
		k++;
	return k == key.len;
}

/* Empty components at the end say nothing: 张^三^^^ is 张^三. */
static struct df_text name(struct df_text t)
{
	t = df_text_trim(t);
	while (t.len > 0 &&
	       (t.ptr[t.len - 1] == '^' || t.ptr[t.len - 1] == ' '))
		t.len--;
	return t;
}

static bool person(struct df_text key, struct df_text value)
{
	struct df_text group;

	key = name(key);
	if (wild(key, name(value), true))
		return true;
	while (part(&value, '=', &group))
		if (name(group).len > 0 && wild(key, name(group), true))
			return true;
	return false;
}

static bool one_of(struct df_text keys, struct df_text value)
{
	struct df_text key;

	while (part(&keys, '\\', &key))
		if (wild(df_text_trim(key), value, false))
			return true;
	return false;
}

/* --- dates and times -------------------------------------------------------
 */

/* Digits only; of "10:15:00.5" the fraction says nothing here. */
static size_t digits(char *to, size_t most, struct df_text t)
{
	size_t n = 0, i;

	for (i = 0; i < t.len && t.ptr[i] != '.' && n < most; i++)
		if (t.ptr[i] >= '0' && t.ptr[i] <= '9')
			to[n++] = t.ptr[i];
	return n;
}

/* The first or the last second of what is said. */
static void bound(char to[MOMENT + 1], struct df_text date, struct df_text time,
		  bool last)
{
	size_t n;

	memcpy(to, last ? "99991231235959" : "00000101000000", MOMENT + 1);
	n = digits(to, 8, date);
	if (n == 8 || n == 0)
		(void)digits(to + 8, 6, time);
}

struct range {
	struct df_text from, to;
	bool is_range;
};

static struct range range_of(struct df_text key)
{
	struct range r = {df_text_trim(key), df_text_trim(key), false};
	const char *at =
		r.from.len > 0 ? memchr(r.from.ptr, '-', r.from.len) : NULL;

	if (at == NULL)
		return r;
	r.is_range = true;
	r.from.len = (size_t)(at - r.from.ptr);
	r.to.ptr = at + 1;
	r.to.len -= r.from.len + 1;
	return r;
}

static bool between(struct df_text date_from, struct df_text time_from,
		    struct df_text date_to, struct df_text time_to,
		    struct df_text date, struct df_text time)
{
	char from[MOMENT + 1], to[MOMENT + 1], at[MOMENT + 1];

	bound(from, date_from, time_from, false);
	bound(to, date_to, time_to, true);
	bound(at, date, time, false);
	return strcmp(from, at) <= 0 && strcmp(at, to) <= 0;
}

static bool moment(bool is_date, struct df_text key, struct df_text value)
{
	static const struct df_text none = {0}, same = {"19700101", 8};
	struct range r = range_of(key);

	value = df_text_trim(value);
	if (r.from.len == 0 && r.to.len == 0)
		return true;
	if (value.len == 0)
		return false;
	return is_date ? between(r.from, none, r.to, none, value, none)
		       : between(same, r.from, same, r.to, same, value);
}

bool df_moment_match(struct df_text date_key, struct df_text time_key,
		     struct df_text date, struct df_text time)
{
	struct range d = range_of(date_key), t = range_of(time_key);

	if (d.is_range && t.is_range && date.len > 0)
		return between(d.from, t.from, d.to, t.to, date, time);
	return moment(true, date_key, date) && moment(false, time_key, time);
}

bool df_attribute_match(const char *vr, struct df_text key,
			struct df_text value)
{
	key = df_text_trim(key);
	value = df_text_trim(value);
	if (key.len == 0)
		return true;
	if (strcmp(vr, "DA") == 0 || strcmp(vr, "TM") == 0)
		return moment(vr[0] == 'D', key, value);
	if (strcmp(vr, "PN") == 0)
		return person(key, value);
	if (strcmp(vr, "UI") == 0 || strcmp(vr, "CS") == 0 ||
	    strcmp(vr, "AE") == 0)
		return one_of(key, value);
	return wild(key, value, false);
}
