/*
 * rules_fold.c - texts that modalities and people write, made comparable.
 *
 * No table of characters: ASCII, its full-width forms, and "ideographs" (all
 * from U+2E80 on but punctuation), between which a word may begin and end.
 */
#include <string.h>

#include "rules_private.h"

/* One character off *t; false: not UTF-8 (shortest form, no surrogates). */
static bool take(struct df_text *t, uint32_t *c)
{
	static const uint32_t LEAST[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *)t->ptr;
	size_t n, i;

	n = p[0] < 0x80	  ? 1
	    : p[0] < 0xc0 ? 0
	    : p[0] < 0xe0 ? 2
	    : p[0] < 0xf0 ? 3
	    : p[0] < 0xf8 ? 4
			  : 0;
	if (n == 0 || n > t->len)
		return false;
	*c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return false;
		*c = *c << 6 | (p[i] & 0x3f);
	}
	if (*c < LEAST[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000))
		return false;
	t->ptr += n;
	t->len -= n;
	return true;
}

bool df_rules_utf8(struct df_text text)
{
	uint32_t c;

	while (text.len > 0)
		if (!take(&text, &c))
			return false;
	return true;
}

static bool is_digit(uint32_t c)
{
	return c >= '0' && c <= '9';
}

/* Letters of any alphabet; the exact list is no matter. */
static bool is_letter(uint32_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= 0xc0 && c < 0x2000 && c != 0xd7 && c != 0xf7);
}

static bool is_ideograph(uint32_t c)
{
	return c >= 0x2e80 && (c < 0x3000 || c >= 0x3040) &&
	       (c < 0xfe10 || c > 0xfe6f) && (c < 0xff00 || c > 0xffef);
}

size_t df_rules_fold(char *to, struct df_text text)
{
	bool gap = false;
	size_t n = 0, len;
	uint32_t c;

	while (text.len > 0) {
		const char *from = text.ptr;

		if (!take(&text, &c)) { /* some byte: a separator */
			text.ptr++;
			text.len--;
			gap = true;
			continue;
		}
		if (c >= 0xff01 && c <= 0xff5e)
			c -= 0xfee0;
		if (c == '+' && text.len >= 2 && !memcmp(text.ptr, "/-", 2)) {
			from = "\xc2\xb1"; /* +/- is ± */
			c = 0xb1;
			text.ptr += 2;
			text.len -= 2;
		}
		if (!is_letter(c) && !is_digit(c) && !is_ideograph(c) &&
		    c != '+' && c != 0xb1) {
			gap = true;
			continue;
		}
		if (gap && n > 0)
			to[n++] = ' ';
		gap = false;
		if (c < 0x80) {
			to[n++] = (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
		} else {
			len = c == 0xb1 ? 2 : (size_t)(text.ptr - from);
			memmove(to + n, from, len);
			n += len;
		}
	}
	to[n] = '\0';
	return n;
}

/* What stands at, or ends before, a place; 0 = nothing. Of folded text. */
static uint32_t char_at(struct df_text text, size_t at)
{
	struct df_text rest = {text.ptr + at, text.len - at};
	uint32_t c;

	return at < text.len && take(&rest, &c) ? c : 0;
}

static uint32_t char_before(struct df_text text, size_t at)
{
	if (at == 0)
		return 0;
	for (at--; at > 0 && ((unsigned char)text.ptr[at] & 0xc0) == 0x80; at--)
		;
	return char_at(text, at);
}

/* May a word end between them? "1HEAD" yes, "THEAD" no, "L5S" yes. */
static bool parts_words(uint32_t a, uint32_t b)
{
	return !(is_letter(a) && is_letter(b)) && !(is_digit(a) && is_digit(b));
}

const struct rules_key *df_rules_word_at(const struct df_rules *r,
					 struct df_text text, size_t at)
{
	const size_t first = (unsigned char)text.ptr[at];
	const size_t left = text.len - at;
	size_t i;

	if (!parts_words(char_before(text, at), char_at(text, at)))
		return NULL;
	for (i = r->words_at[first]; i < r->words_at[first + 1]; i++) {
		const struct rules_key *k = &r->words.keys[i];

		if (k->len <= left && !memcmp(k->text, text.ptr + at, k->len) &&
		    parts_words(char_before(text, at + k->len),
				char_at(text, at + k->len)))
			return k;
	}
	return NULL;
}

bool df_rules_day(struct df_text date, int64_t *day)
{
	static const uint8_t LENGTHS[] = {31, 28, 31, 30, 31, 30,
					  31, 31, 30, 31, 30, 31};
	uint64_t n;
	int64_t y, m, d, era, of_year;
	bool leap;

	if (date.len != 8 || !df_text_u64(date, &n))
		return false;
	y = (int64_t)(n / 10000);
	m = (int64_t)(n / 100 % 100);
	d = (int64_t)(n % 100);
	leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	if (y < 1 || m < 1 || m > 12 || d < 1 ||
	    d > LENGTHS[m - 1] + (m == 2 && leap ? 1 : 0))
		return false;
	/* years that begin in March: H. Hinnant, days_from_civil */
	y -= m <= 2;
	era = y / 400;
	of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	y -= era * 400;
	*day = era * 146097 + y * 365 + y / 4 - y / 100 + of_year - 719468;
	return true;
}
