/*
 * identity.c - do two records speak of one person? Tables, and why.
 *
 * First the numbers: is one of them the same, almost the same, or does one
 * that belongs to one person alone differ? Then names, birth dates and sexes
 * are compared, and a table says what follows. docs/decisions/0013 argues
 * each of its cells.
 */
#include <string.h>

#include "identity_text.h"

enum likeness { UNKNOWN, SAME, CLOSE, DIFFERENT, LIKENESSES };

struct numbers {
	bool same;   /* one number is the same */
	bool strong; /* and one such says who by itself */
	bool near;   /* resident numbers that differ by one slip */
	bool other;  /* two valid resident numbers, and they differ */
	unsigned reasons;
};

/* --- numbers ----------------------------------------------------------------
 */

#define SHORT_NUMBER 4 /* digits; shorter ones start anew each day, or year */

/* Digits, without zeros before the first other one: a word like 急诊 is no
 * number, and 0001 is the first one of some day. */
static size_t digits_that_count(const char *number)
{
	size_t n = 0;

	for (; *number != '\0'; number++)
		n += (*number > '0' && *number <= '9') ||
		     (*number == '0' && n > 0);
	return n;
}

/* The date that it bears is the one that was stated beside it. */
static bool fits_person(const struct df_person *p,
			const struct df_identifier *id)
{
	return id->type != DF_IDENTIFIER_RESIDENT ||
	       !df_date_valid(p->birth_date) ||
	       !memcmp(p->birth_date, id->number + 6, 8);
}

/* Does it say by itself who he is, where it is issued? */
static bool is_strong(const struct df_person *p, const struct df_identifier *id)
{
	switch (id->type) {
	case DF_IDENTIFIER_RESIDENT:
		return id->checked && fits_person(p, id);
	case DF_IDENTIFIER_LOCAL:
		return !strncmp(id->issuer, "node:", 5) &&
		       digits_that_count(id->number) >= SHORT_NUMBER;
	case DF_IDENTIFIER_PASSPORT:
	case DF_IDENTIFIER_INSURANCE:
	case DF_IDENTIFIER_TYPES:
		break;
	}
	return false; /* typed by hand, unchecked; a family's card */
}

/* Two issuers of one clinic's numbers: 17 of the one is not 17 of the other. */
static bool other_issuer(const struct df_person *a, const struct df_person *b,
			 const char *number)
{
	const char *issuer[2] = {NULL, NULL};
	const struct df_person *const both[] = {a, b};

	for (int side = 0; side < 2; side++)
		for (size_t i = 0; i < both[side]->n_ids; i++) {
			const struct df_identifier *id = &both[side]->ids[i];

			if (id->type == DF_IDENTIFIER_LOCAL &&
			    strncmp(id->issuer, "node:", 5) != 0 &&
			    !strcmp(id->number, number))
				issuer[side] = id->issuer;
		}
	return issuer[0] != NULL && issuer[1] != NULL &&
	       strcmp(issuer[0], issuer[1]) != 0;
}

static void compare_pair(const struct df_person *a,
			 const struct df_identifier *i,
			 const struct df_person *b,
			 const struct df_identifier *j, struct numbers *n)
{
	static const unsigned same[DF_IDENTIFIER_TYPES] = {
		[DF_IDENTIFIER_LOCAL] = DF_BECAUSE(SAME_LOCAL),
		[DF_IDENTIFIER_RESIDENT] = DF_BECAUSE(SAME_RESIDENT),
		[DF_IDENTIFIER_PASSPORT] = DF_BECAUSE(SAME_PASSPORT),
		[DF_IDENTIFIER_INSURANCE] = DF_BECAUSE(SAME_INSURANCE),
	};

	if (i->type != j->type)
		return;
	if (df_identifier_same(i, j)) {
		if (i->type == DF_IDENTIFIER_LOCAL &&
		    other_issuer(a, b, i->number))
			return;
		n->same = true;
		n->strong |= is_strong(a, i) && is_strong(b, j);
		n->reasons |= same[i->type];
		return;
	}
	if (i->type != DF_IDENTIFIER_RESIDENT)
		return; /* one may have several */
	n->reasons |= DF_BECAUSE(OTHER_RESIDENT);
	if (i->checked && j->checked)
		n->other = true;
	else if (df_text_one_apart(i->number, j->number))
		n->near = true;
}

static bool birth_not_of_id(const struct df_person *p)
{
	for (size_t i = 0; i < p->n_ids; i++)
		if (!fits_person(p, &p->ids[i]))
			return true;
	return false;
}

static struct numbers compare_numbers(const struct df_person *a,
				      const struct df_person *b)
{
	struct numbers n = {0};

	for (size_t i = 0; i < a->n_ids; i++)
		for (size_t j = 0; j < b->n_ids; j++)
			compare_pair(a, &a->ids[i], b, &b->ids[j], &n);
	if (n.near)
		n.reasons = (n.reasons & ~DF_BECAUSE(OTHER_RESIDENT)) |
			    DF_BECAUSE(NEAR_RESIDENT);
	if (n.same && !n.strong)
		n.reasons |= DF_BECAUSE(WEAK_NUMBER);
	if (birth_not_of_id(a) || birth_not_of_id(b))
		n.reasons |= DF_BECAUSE(BIRTH_NOT_OF_ID);
	return n;
}

/* --- names ------------------------------------------------------------------
 */

static size_t characters(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* A text as a string of small numbers, equal where the characters are: so
 * that one slip is one character and not one byte. */
static void as_letters(const char *s, uint32_t *to, size_t cap)
{
	struct df_text t = df_text_of(s);
	size_t n = 0;

	while (n + 1 < cap && (to[n] = df_fold_next(&t)) != 0)
		n++;
	to[n] = 0;
}

static bool one_character_apart(const char *a, const char *b)
{
	uint32_t x[DF_PERSON_NAME_CAP], y[DF_PERSON_NAME_CAP];
	size_t nx = characters(a), ny = characters(b), i = 0, e = 0;

	/* of two characters one is half of the name */
	if (nx < 3 || ny < 3 || nx > ny + 1 || ny > nx + 1)
		return false;
	as_letters(a, x, DF_PERSON_NAME_CAP);
	as_letters(b, y, DF_PERSON_NAME_CAP);
	while (x[i] != 0 && x[i] == y[i])
		i++;
	for (nx = 0; x[nx] != 0; nx++)
		;
	for (ny = 0; y[ny] != 0; ny++)
		;
	while (e < nx - i && e < ny - i && x[nx - 1 - e] == y[ny - 1 - e])
		e++;
	if (nx - i - e <= 1 && ny - i - e <= 1)
		return true;
	return nx == ny && nx - i - e == 2 && x[i] == y[i + 1] &&
	       x[i + 1] == y[i];
}

/* Is any form of the one also the other's? Of this script. */
static bool share(const struct df_name_forms *a, const struct df_name_forms *b,
		  bool latin, bool (*alike)(const char *x, const char *y))
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t j = 0; j < b->n; j++)
			if (a->latin[i] == latin && b->latin[j] == latin &&
			    alike(a->form[i], b->form[j]))
				return true;
	return false;
}

static bool equal(const char *x, const char *y)
{
	return !strcmp(x, y);
}

static bool in_script(const struct df_name_forms *f, bool latin)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->latin[i] == latin)
			return true;
	return false;
}

/* Characters say more than their sound, so they are asked first. */
static enum likeness compare_names(const struct df_person *a,
				   const struct df_person *b, unsigned *why)
{
	struct df_name_forms x, y;
	bool wide, latin;

	df_person_forms(a, &x);
	df_person_forms(b, &y);
	wide = in_script(&x, false) && in_script(&y, false);
	latin = in_script(&x, true) && in_script(&y, true);
	if (wide ? share(&x, &y, false, equal) : share(&x, &y, true, equal)) {
		*why |= wide || (!in_script(&x, false) && !in_script(&y, false))
				? DF_BECAUSE(NAME_SAME)
				: DF_BECAUSE(NAME_READING);
		return SAME;
	}
	if (!wide && !latin)
		return UNKNOWN; /* one is not named, or in no common script */
	if (wide && share(&x, &y, true, equal)) {
		*why |= DF_BECAUSE(NAME_HOMOPHONE);
		return CLOSE;
	}
	if (share(&x, &y, !wide, one_character_apart)) {
		*why |= DF_BECAUSE(NAME_CLOSE);
		return CLOSE;
	}
	*why |= DF_BECAUSE(NAME_DIFFERENT);
	return DIFFERENT;
}

/* --- birth date, sex
 * ----------------------------------------------------------
 */

static enum likeness compare_births(const struct df_person *a,
				    const struct df_person *b, unsigned *why)
{
	char x[9], y[9];

	(void)df_person_birth_date(a, x); /* the array itself */
	(void)df_person_birth_date(b, y);
	if (x[0] == '\0' || y[0] == '\0')
		return UNKNOWN;
	if (!strcmp(x, y)) {
		*why |= DF_BECAUSE(BIRTH_SAME);
		return SAME;
	}
	if (df_text_one_apart(x, y) ||
	    (!memcmp(x, y, 4) && !memcmp(x + 4, y + 6, 2) &&
	     !memcmp(x + 6, y + 4, 2))) {
		*why |= DF_BECAUSE(BIRTH_CLOSE);
		return CLOSE;
	}
	*why |= DF_BECAUSE(BIRTH_DIFFERENT);
	return DIFFERENT;
}

static enum likeness compare_sexes(const struct df_person *a,
				   const struct df_person *b, unsigned *why)
{
	char x = a->sex[0], y = b->sex[0];

	if ((x != 'M' && x != 'F') || (y != 'M' && y != 'F'))
		return UNKNOWN;
	*why |= x == y ? DF_BECAUSE(SEX_SAME) : DF_BECAUSE(SEX_DIFFERENT);
	return x == y ? SAME : DIFFERENT;
}

/* --- what follows
 * -------------------------------------------------------------
 */

#define N DF_MATCH_NONE
#define P DF_MATCH_PROBABLE
#define E DF_MATCH_EXACT
#define C DF_MATCH_CONTRADICTION

/* One number is the same. [sex differs][name][birth date] */
static const enum df_match same_number[2][LIKENESSES][LIKENESSES] = {
	{
		/* birth:      UNKNOWN SAME CLOSE DIFFERENT */
		[UNKNOWN] = {E, E, P, P},
		[SAME] = {E, E, P, P},
		[CLOSE] = {P, P, P, C},
		[DIFFERENT] = {C, P, C, C},
	},
	{
		[UNKNOWN] = {P, P, P, C},
		[SAME] = {P, P, P, C},
		[CLOSE] = {C, C, C, C},
		[DIFFERENT] = {C, C, C, C},
	},
};

static enum df_match by_number(const struct numbers *n, enum likeness name,
			       enum likeness birth, enum likeness sex)
{
	enum df_match m = same_number[sex == DIFFERENT][name][birth];

	if (n->other)
		return C; /* two valid resident numbers are two persons */
	/* a weak number needs a name and a date that agree */
	if (m == E && !n->strong && (name != SAME || birth != SAME))
		return P;
	return m;
}

static enum df_match without_number(const struct numbers *n, enum likeness name,
				    enum likeness birth, enum likeness sex,
				    unsigned why)
{
	bool sounds = name == SAME || (why & DF_BECAUSE(NAME_HOMOPHONE)) != 0;

	if (n->other || sex == DIFFERENT)
		return N; /* twins; namesakes */
	if (n->near && (name == SAME || name == CLOSE))
		return P;
	return sounds && birth == SAME ? P : N;
}

#undef N
#undef P
#undef E
#undef C

struct df_match_result df_person_match(const struct df_person *a,
				       const struct df_person *b)
{
	struct numbers n = compare_numbers(a, b);
	unsigned why = n.reasons;
	enum likeness name = compare_names(a, b, &why);
	enum likeness birth = compare_births(a, b, &why);
	enum likeness sex = compare_sexes(a, b, &why);
	enum df_match m = n.same ? by_number(&n, name, birth, sex)
				 : without_number(&n, name, birth, sex, why);

	return (struct df_match_result){m, why};
}

/* --- words
 * ----------------------------------------------------------------------
 */

#define WORDS(name, list, column) \
	static const char *const name[] = {list(column)};
#define WORD(name, word, zh, en) word,
#define ZH(name, word, zh, en) zh,
#define EN(name, word, zh, en) en,
WORDS(match_words, DF_MATCH_MAP, WORD)
WORDS(match_zh, DF_MATCH_MAP, ZH)
WORDS(match_en, DF_MATCH_MAP, EN)
WORDS(reason_words, DF_MATCH_REASON_MAP, WORD)
WORDS(reason_zh, DF_MATCH_REASON_MAP, ZH)
WORDS(reason_en, DF_MATCH_REASON_MAP, EN)

const char *df_match_word(enum df_match m)
{
	return m < DF_MATCH_COUNT ? match_words[m] : "?";
}

const char *df_match_zh(enum df_match m)
{
	return m < DF_MATCH_COUNT ? match_zh[m] : "?";
}

const char *df_match_en(enum df_match m)
{
	return m < DF_MATCH_COUNT ? match_en[m] : "?";
}

const char *df_match_reason_word(unsigned bit)
{
	return bit < DF_MATCH_REASON_COUNT ? reason_words[bit] : "?";
}

const char *df_match_reason_zh(unsigned bit)
{
	return bit < DF_MATCH_REASON_COUNT ? reason_zh[bit] : "?";
}

const char *df_match_reason_en(unsigned bit)
{
	return bit < DF_MATCH_REASON_COUNT ? reason_en[bit] : "?";
}
