/* person_name.c - see df/person_name.h. Pure text, no allocation. */
#include "df/person_name.h"

#include <string.h>

static const char wide_space[] = "\xe3\x80\x80"; /* U+3000 */

static struct df_text trim(struct df_text t)
{
	const size_t wide = sizeof wide_space - 1;

	for (;;) {
		if (t.len > 0 && t.ptr[0] == ' ') {
			t.ptr++;
			t.len--;
		} else if (t.len >= wide && !memcmp(t.ptr, wide_space, wide)) {
			t.ptr += wide;
			t.len -= wide;
		} else if (t.len > 0 && t.ptr[t.len - 1] == ' ') {
			t.len--;
		} else if (t.len >= wide &&
			   !memcmp(t.ptr + t.len - wide, wide_space, wide)) {
			t.len -= wide;
		} else {
			return t;
		}
	}
}

/* Takes what stands before the next `mark` off *rest; the last piece takes
 * everything. */
static struct df_text piece(struct df_text *rest, char mark, bool last)
{
	const char *end = NULL;
	struct df_text t = *rest;

	if (!last && rest->len > 0)
		end = memchr(rest->ptr, mark, rest->len);
	if (end == NULL) {
		*rest = (struct df_text){NULL, 0};
		return trim(t);
	}
	t.len = (size_t)(end - t.ptr);
	rest->len -= t.len + 1;
	rest->ptr = end + 1;
	return trim(t);
}

static struct df_text without_empty_tail(struct df_text t)
{
	while (t.len > 0 && t.ptr[t.len - 1] == '^') {
		t.len--;
		t = trim(t);
	}
	return t;
}

void df_person_name_split(struct df_person_name *out, struct df_text pn)
{
	struct df_text rest = piece(&pn, '\\', false);
	size_t g, p;

	for (g = 0; g < DF_PN_GROUPS; g++) {
		struct df_text group = piece(&rest, '=', g + 1 == DF_PN_GROUPS);

		out->group[g] = group = without_empty_tail(group);
		for (p = 0; p < DF_PN_PARTS; p++)
			out->part[g][p] =
				piece(&group, '^', p + 1 == DF_PN_PARTS);
	}
}

static bool is_cjk(uint32_t c)
{
	return (c >= 0x3040 && c <= 0x30ff) ||	 /* kana */
	       (c >= 0x3400 && c <= 0x9fff) ||	 /* Han and extension A */
	       (c >= 0xac00 && c <= 0xd7a3) ||	 /* hangul */
	       (c >= 0xf900 && c <= 0xfaff) ||	 /* compatibility Han */
	       (c >= 0xff66 && c <= 0xff9f) ||	 /* half-width kana */
	       (c >= 0x20000 && c <= 0x323af) || /* Han, extensions B to H */
	       c == 0x3005 || c == 0x3007;	 /* 々 〇 */
}

/* The character at the start of t (valid UTF-8) and its length. */
static size_t character(struct df_text t, uint32_t *c)
{
	const unsigned char *p = (const unsigned char *)t.ptr;
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4, i;

	*c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (i = 1; i < n && i < t.len; i++)
		*c = *c << 6 | (p[i] & 0x3fu);
	return n < t.len ? n : t.len;
}

bool df_text_is_cjk(struct df_text t)
{
	uint32_t c;
	size_t n;

	for (; t.len > 0; t.ptr += n, t.len -= n) {
		n = character(t, &c);
		if (is_cjk(c))
			return true;
	}
	return false;
}

struct df_text df_person_name_best(const struct df_person_name *n)
{
	static const enum df_pn_group order[] = {
		DF_PN_IDEOGRAPHIC, DF_PN_ALPHABETIC, DF_PN_PHONETIC};
	size_t i;

	for (i = 0; i < DF_PN_GROUPS; i++)
		if (n->group[order[i]].len > 0)
			return n->group[order[i]];
	return (struct df_text){NULL, 0};
}

void df_person_name_show(char *to, size_t cap, struct df_text pn)
{
	struct df_person_name name;
	struct df_text best;
	size_t at = 0, n;
	bool space;
	uint32_t c;

	df_person_name_split(&name, pn);
	best = df_person_name_best(&name);
	space = !df_text_is_cjk(best);
	for (; best.len > 0; best.ptr += n, best.len -= n) {
		n = character(best, &c);
		if (at + n >= cap)
			break;
		if (c != '^')
			memcpy(to + at, best.ptr, n);
		else if (space && at > 0 && to[at - 1] != ' ')
			to[at] = ' ';
		else
			continue;
		at += n;
	}
	to[at] = '\0';
}
