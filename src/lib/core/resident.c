/*
 * resident.c - the resident identity number, GB 11643-1999.
 *
 * 6 digits of region, 8 of birth date, 3 of sequence (odd: male), and a check
 * character by ISO 7064 MOD 11-2: the sum of digit times weight, with weights
 * 2^(17-i) mod 11 and X = 10 at the end (weight 1), is 1 modulo 11.
 *
 * Why no single slip passes: 11 is prime. One wrong character changes the sum
 * by weight * difference, both not 0 modulo 11. A swap of neighbours changes
 * it by (weight - next weight) * difference; each weight is twice the next, so
 * neighbouring ones differ. An X that is swapped to the left is no digit.
 *
 * Numbers of 15 digits (until 1999) lack century and check character: both are
 * computed, so nothing was checked.
 */
#include <string.h>

#include "identity_text.h"

static const int weights[17] = {7, 9, 10, 5,  8, 4, 2, 1, 6,
				3, 7, 9,  10, 5, 8, 4, 2};

static char check_of(const char *number)
{
	int sum = 0;

	for (int i = 0; i < 17; i++)
		sum += weights[i] * (number[i] - '0');
	return "10X98765432"[sum % 11];
}

/* GB/T 2260's first level; 81 to 83 also hold residents of Hong Kong, Macao
 * and Taiwan. Foreign permanent residents: 9, then the province. */
static bool province(const char *two)
{
	static const char all[] = "11 12 13 14 15 21 22 23 31 32 33 34 35 36 "
				  "37 41 42 43 44 45 46 50 51 52 53 54 61 62 "
				  "63 64 65 71 81 82 83";

	for (const char *p = all; *p != '\0'; p += p[2] == ' ' ? 3 : 2)
		if (p[0] == two[0] && p[1] == two[1])
			return true;
	return false;
}

/* Digits, and an X that stands last; returns how many, 0 = other things. */
static size_t characters(struct df_text t, char to[19])
{
	size_t n = 0;
	bool ended = false;
	uint32_t c;

	while ((c = df_fold_next(&t)) != 0) {
		if (df_fold_is_space(c) || c == '-')
			continue;
		if (ended || n == 18)
			return 0;
		if (c == 'x' || c == 'X' || c == 0xd7 || c == '*') {
			ended = true;
			c = 'X';
		} else if (c < '0' || c > '9') {
			return 0;
		}
		to[n++] = (char)c;
	}
	to[n] = '\0';
	return ended && n != 18 ? 0 : n;
}

/* 15 to 17 digits; who was over a hundred then had 996 to 999. */
static void lengthen(const char *old, char *number)
{
	bool ancient = old[12] == '9' && old[13] == '9' && old[14] >= '6';

	memcpy(number, old, 6);
	memcpy(number + 6, ancient ? "18" : "19", 2);
	memcpy(number + 8, old + 6, 9);
}

bool df_resident_read(struct df_resident *r, struct df_text t)
{
	char c[19];
	size_t n = characters(t, c);

	*r = (struct df_resident){0};
	if (n == 15)
		lengthen(c, r->number);
	else if (n == 18)
		memcpy(r->number, c, 17);
	else
		return false;
	if (!province(r->number[0] == '9' ? r->number + 1 : r->number) ||
	    !df_date_valid(r->number + 6)) {
		*r = (struct df_resident){0};
		return false;
	}
	r->checked = n == 18 && c[17] == check_of(r->number);
	r->number[17] = n == 18 ? c[17] : check_of(r->number);
	memcpy(r->birth_date, r->number + 6, 8);
	r->sex[0] = (r->number[16] - '0') % 2 ? 'M' : 'F';
	return true;
}
