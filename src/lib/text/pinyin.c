/*
 * pinyin.c - see df/pinyin.h.
 *
 * ICU's Han-Latin joins what its dictionary knows as a word ("zengguo fan"),
 * and a given name is no word: every character is read by itself, but for the
 * surname, where two characters may be one.
 */
#include "df/pinyin.h"

#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/ustring.h>
#include <unicode/utrans.h>

#include "df/str.h"

#define TYPED_MAX 300 /* bytes of a group that are read */
#define ROOM 4096 /* UTF-16 units; the longest readings take a few hundred */

struct text16 {
	UChar s[ROOM];
	int32_t len;
};

struct df_pinyin_reader {
	UTransliterator *plain, *names; /* NULL until first used */
	struct text16 in, head, rest;
};

/* Surnames whose own reading ICU 72 does not know (it was asked for 110);
 * longer ones first. */
static const struct {
	const char *surname, *reading;
} surnames[] = {
	{"尉迟", "yu chi"}, {"澹台", "tan tai"}, {"拓跋", "tuo ba"},
	{"覃", "qin"},	    {"朴", "piao"},	 {"缪", "miao"},
	{"祭", "zhai"},	    {"能", "nai"},	 {"句", "gou"},
	{"阚", "kan"},	    {"都", "du"},	 {"薄", "bo"},
	{"藏", "zang"},	    {"佴", "nai"},	 {"术", "zhu"},
	{"郇", "xun"},	    {"颉", "xie"},	 {"尉", "wei"},
};

struct df_pinyin_reader *df_pinyin_reader_new(void)
{
	return df_xcalloc(1, sizeof(struct df_pinyin_reader));
}

void df_pinyin_reader_free(struct df_pinyin_reader *r)
{
	if (r == NULL)
		return;
	utrans_close(r->plain);
	utrans_close(r->names);
	free(r);
}

static UTransliterator *load(const char *id, struct df_why *why)
{
	UChar id16[64];
	UErrorCode error = U_ZERO_ERROR;
	UTransliterator *t;

	u_charsToUChars(id, id16, (int32_t)strlen(id) + 1);
	t = utrans_openU(id16, -1, UTRANS_FORWARD, NULL, 0, NULL, &error);
	if (U_SUCCESS(error))
		return t;
	(void)df_fail(why, DF_E_CONFIG, "ICU cannot load '%s' (%s)", id,
		      u_errorName(error));
	return NULL;
}

static enum df_err ready(struct df_pinyin_reader *r, struct df_why *why)
{
	if (r->plain == NULL)
		r->plain = load("Any-Latin; Latin-ASCII; Any-Lower", why);
	if (r->plain != NULL && r->names == NULL)
		r->names = load("Han-Latin/Names; Latin-ASCII; Any-Lower", why);
	return r->names != NULL ? DF_OK : DF_E_CONFIG;
}

/* What ICU cannot transliterate within our room has no reading. */
static void transliterate(const UTransliterator *t, struct text16 *s)
{
	UErrorCode error = U_ZERO_ERROR;
	int32_t limit = s->len;

	utrans_transUChars(t, s->s, &s->len, ROOM, 0, &limit, &error);
	if (U_FAILURE(error))
		s->len = 0;
}

static bool stands_alone(UChar32 c)
{
	return u_hasBinaryProperty(c, UCHAR_IDEOGRAPHIC) ||
	       (c >= 0xac00 && c <= 0xd7a3); /* hangul syllables */
}

static bool is_lead(UChar c)
{
	return c >= 0xd800 && c < 0xdc00;
}

/* The character at *at, which moves behind it; halves stand for themselves. */
static UChar32 next(const struct text16 *s, int32_t *at)
{
	UChar32 c = s->s[(*at)++];

	if (is_lead((UChar)c) && *at < s->len && s->s[*at] >= 0xdc00 &&
	    s->s[*at] < 0xe000)
		c = 0x10000 + ((c - 0xd800) << 10) + s->s[(*at)++] - 0xdc00;
	return c;
}

/* Characters of from, each with a space behind it that is a word itself. The
 * input is at most TYPED_MAX units, so there is room. */
static void spread(struct text16 *to, const struct text16 *from, int32_t at)
{
	to->len = 0;
	while (at < from->len) {
		int32_t start = at;
		bool alone = stands_alone(next(from, &at));

		while (start < at)
			to->s[to->len++] = from->s[start++];
		if (alone)
			to->s[to->len++] = ' ';
	}
}

static void add_words(struct df_pinyin_reading *out, const struct text16 *s)
{
	size_t at = strlen(out->words), initials = strlen(out->initials);
	bool fresh = true;
	int32_t i;

	for (i = 0; i < s->len && at + 2 < sizeof out->words; i++) {
		UChar c = s->s[i];

		if (c > 0x7e || c == '\'' || c == '`')
			continue; /* within a word */
		if ((c < 'a' || c > 'z') && (c < '0' || c > '9')) {
			fresh = true;
			continue;
		}
		if (fresh && at > 0)
			out->words[at++] = ' ';
		if (fresh && initials + 1 < sizeof out->initials)
			out->initials[initials++] = (char)c;
		out->words[at++] = (char)c;
		fresh = false;
	}
	out->words[at] = '\0';
	out->initials[initials] = '\0';
}

static void set(struct text16 *s, const UChar *from, int32_t len)
{
	memcpy(s->s, from, (size_t)len * sizeof *from);
	s->len = len;
}

static void set_ascii(struct text16 *s, const char *from)
{
	s->len = (int32_t)strlen(from);
	u_charsToUChars(from, s->s, s->len);
}

static int32_t words_of(const struct text16 *s)
{
	int32_t i, n = 0;

	for (i = 0; i < s->len; i++)
		n += s->s[i] != ' ' && (i == 0 || s->s[i - 1] == ' ');
	return n;
}

static bool known_surname(struct df_pinyin_reader *r, struct df_text group,
			  int32_t *units)
{
	size_t i;

	for (i = 0; i < sizeof surnames / sizeof surnames[0]; i++) {
		size_t len = strlen(surnames[i].surname);

		if (group.len < len ||
		    memcmp(group.ptr, surnames[i].surname, len) != 0)
			continue;
		set_ascii(&r->head, surnames[i].reading);
		*units = (int32_t)(len / 3); /* each is three bytes of UTF-8 */
		return true;
	}
	return false;
}

/* Reads the surname into r->head; returns how many units of r->in it was. */
static int32_t read_surname(struct df_pinyin_reader *r, struct df_text group)
{
	int32_t one = 0, two;

	if (known_surname(r, group, &one))
		return one;
	r->head.len = 0;
	if (r->in.len == 0 ||
	    !u_hasBinaryProperty(next(&r->in, &one), UCHAR_IDEOGRAPHIC))
		return 0;
	two = one;
	if (two < r->in.len &&
	    u_hasBinaryProperty(next(&r->in, &two), UCHAR_IDEOGRAPHIC)) {
		set(&r->head, r->in.s, two);
		transliterate(r->names, &r->head);
		if (words_of(&r->head) == 2)
			return two;
	}
	set(&r->head, r->in.s, one);
	transliterate(r->names, &r->head);
	return one;
}

enum df_err df_pinyin_read(struct df_pinyin_reader *r, struct df_text group,
			   struct df_pinyin *out, struct df_why *why)
{
	struct df_pinyin_reading *name = &out->reading[0];
	struct df_pinyin_reading *everyday = &out->reading[1];
	UErrorCode error = U_ZERO_ERROR;
	int32_t surname;

	memset(out, 0, sizeof *out);
	if (ready(r, why) != DF_OK)
		return DF_E_CONFIG;
	if (group.len > TYPED_MAX)
		group.len = TYPED_MAX;
	/* a character that the cut has halved becomes U+FFFD */
	u_strFromUTF8WithSub(r->in.s, ROOM, &r->in.len, group.ptr,
			     (int32_t)group.len, 0xfffd, NULL, &error);
	if (U_FAILURE(error) || group.len == 0)
		return DF_OK;
	surname = read_surname(r, group);
	add_words(name, &r->head);
	spread(&r->rest, &r->in, surname);
	transliterate(r->plain, &r->rest);
	add_words(name, &r->rest);
	spread(&r->rest, &r->in, 0);
	transliterate(r->plain, &r->rest);
	add_words(everyday, &r->rest);
	df_pinyin_fold(name->full, sizeof name->full, df_text_of(name->words));
	df_pinyin_fold(everyday->full, sizeof everyday->full,
		       df_text_of(everyday->words));
	out->n = name->full[0] == '\0'			     ? 0
		 : strcmp(name->words, everyday->words) == 0 ? 1
							     : 2;
	return DF_OK;
}

void df_pinyin_fold(char *to, size_t cap, struct df_text typed)
{
	size_t i, n = 0;

	for (i = 0; i < typed.len && n + 1 < cap; i++) {
		char c = typed.ptr[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if ((c < 'a' || c > 'z') && (c < '0' || c > '9'))
			continue;
		if (c == 'v' && n > 0 && (to[n - 1] == 'l' || to[n - 1] == 'n'))
			c = 'u'; /* how keyboards write ü */
		to[n++] = c;
	}
	to[n] = '\0';
}
