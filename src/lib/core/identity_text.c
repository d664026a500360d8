/*
 * identity_text.c - text as people type it: width, spaces, one slip.
 */
#include "identity_text.h"

#include <string.h>

/* One character of well-formed UTF-8: its length, or 0. */
static size_t decode(const unsigned char *p, size_t len, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80	 ? 1
		   : p[0] < 0xc2 ? 0
		   : p[0] < 0xe0 ? 2
		   : p[0] < 0xf0 ? 3
		   : p[0] < 0xf5 ? 4
				 : 0;

	if (n == 0 || n > len)
		return 0;
	*c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (p[i] & 0x3fu);
	}
	if (*c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000))
		return 0;
	return n;
}

uint32_t df_fold_next(struct df_text *t)
{
	uint32_t c = 0;
	size_t n;

	if (t->len == 0)
		return 0;
	n = decode((const unsigned char *)t->ptr, t->len, &c);
	if (n == 0) {
		c = DF_FOLD_BYTE | (unsigned char)t->ptr[0];
		n = 1;
	}
	t->ptr += n;
	t->len -= n;
	if (c == 0)
		return ' '; /* a NUL pads like a space; 0 is our end */
	if (c >= 0xff01 && c <= 0xff5e)
		return c - 0xff01 + '!';
	return c == 0x3000 ? ' ' : c;
}

size_t df_fold_put(char to[4], uint32_t c)
{
	if (c & DF_FOLD_BYTE || c < 0x80) {
		to[0] = (char)(c & 0xff);
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 0x3f));
		to[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 0x3f));
	to[2] = (char)(0x80 | (c >> 6 & 0x3f));
	to[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

bool df_fold_is_space(uint32_t c)
{
	return c <= ' ' || c == 0x7f || (c >= 0x80 && c < 0xa1) || c == 0xad ||
	       (c >= 0x2000 && c <= 0x200f) || (c >= 0x2028 && c <= 0x202f) ||
	       c == 0x2060 || c == 0xfeff;
}

bool df_text_one_apart(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b), i = 0;

	if (na > nb)
		return df_text_one_apart(b, a);
	while (i < na && a[i] == b[i])
		i++;
	if (na == nb)
		return i == na || !strcmp(a + i + 1, b + i + 1) ||
		       (i + 1 < na && a[i] == b[i + 1] && a[i + 1] == b[i] &&
			!strcmp(a + i + 2, b + i + 2));
	return nb == na + 1 && !strcmp(a + i, b + i + 1);
}

bool df_date_valid(const char *d)
{
	static const int days[] = {31, 29, 31, 30, 31, 30,
				   31, 31, 30, 31, 30, 31};
	int n[8], year, month, day;

	for (int i = 0; i < 8; i++) {
		if (d[i] < '0' || d[i] > '9')
			return false;
		n[i] = d[i] - '0';
	}
	year = n[0] * 1000 + n[1] * 100 + n[2] * 10 + n[3];
	month = n[4] * 10 + n[5];
	day = n[6] * 10 + n[7];
	if (year < 1850 || year > 2199 || month < 1 || month > 12 || day < 1 ||
	    day > days[month - 1])
		return false;
	return month != 2 || day < 29 ||
	       (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}
