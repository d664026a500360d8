/*
 * name_keys.c - what a patient is found by: numbers, names with dates of
 * birth, and the beginnings of names, each behind a keyed digest.
 *
 * Of a name only beginnings of a few lengths have a key: two to four
 * characters, 3, 5, 8 and 12 letters of its reading, two to four initials.
 * What was typed is looked up by the longest of these that it has, and what is
 * found is opened and compared. Single characters (surnames) have none, so
 * that the file does not say how many bear a common one
 * (docs/decisions/0014).
 */
#include <string.h>

#include "df/person_name.h"
#include "people.h"

#define LETTERS_MAX 304

static const uint8_t LENGTHS_WIDE[] = {2, 3, 4};
static const uint8_t LENGTHS_FULL[] = {3, 5, 8, 12};
static const uint8_t LENGTHS_INITIALS[] = {2, 3, 4};

/* Characters of a group without what stands between them. */
struct letters {
	char s[LETTERS_MAX];
	uint16_t end[LETTERS_MAX]; /* of the n-th character */
	size_t n;
};

void df_keys_add(struct df_keys *k, uint64_t key)
{
	size_t i;

	for (i = 0; i < k->n; i++)
		if (k->key[i] == key)
			return;
	if (k->n < DF_KEYS_MAX)
		k->key[k->n++] = key;
}

/* --- numbers and whole names ----------------------------------------------- */

static uint64_t key_of_parts(struct df_store *s, const char *column,
			     const char *a, const char *b)
{
	char text[DF_IDENTIFIER_ISSUER_CAP + DF_PERSON_NAME_CAP + 2];

	df_str_fmt(text, sizeof text, "%s\n%s", a, b);
	return df_column_key(s, column, df_text_of(text));
}

uint64_t df_key_of_bare_number(struct df_store *s,
			       const struct df_identifier *id)
{
	return key_of_parts(s, "number-of-any-issuer",
			    df_identifier_type_word(id->type), id->number);
}

uint64_t df_key_of_number(struct df_store *s, const struct df_identifier *id)
{
	/* issuers of the other types are often left out: compared when open */
	if (id->type != DF_IDENTIFIER_LOCAL)
		return df_key_of_bare_number(s, id);
	return key_of_parts(s, "number-of-issuer", id->issuer, id->number);
}

void df_keys_of_who(struct df_store *s, const struct df_person *p,
		    struct df_keys *k)
{
	struct df_name_forms forms;
	char birth[9];
	size_t i;

	if (df_person_birth_date(p, birth)[0] == '\0')
		return;
	df_person_forms(p, &forms);
	for (i = 0; i < forms.n; i++)
		df_keys_add(k, key_of_parts(s, "name-and-birth", birth,
					    forms.form[i]));
}

/* --- beginnings of names --------------------------------------------------- */

static bool is_between(const char *at, size_t len)
{
	static const char *const MARKS[] = {"\u00b7", "\u2022", "\u2027",
					    "\u30fb", "\u3000"};
	size_t i;

	if (len == 1)
		return memchr("^ .,-'=\\", *at, 8) != NULL;
	for (i = 0; i < sizeof MARKS / sizeof MARKS[0]; i++)
		if (strlen(MARKS[i]) == len && memcmp(MARKS[i], at, len) == 0)
			return true;
	return false;
}

static size_t char_len(struct df_text t, size_t at)
{
	size_t len = 1;

	while (at + len < t.len && ((uint8_t)t.ptr[at + len] & 0xC0) == 0x80)
		len++;
	return len;
}

static void take_letters(struct letters *l, struct df_text t)
{
	size_t at, len, used = 0;

	l->n = 0;
	for (at = 0; at < t.len; at += len) {
		len = char_len(t, at);
		if (is_between(t.ptr + at, len))
			continue;
		if (used + len >= sizeof l->s)
			break;
		memcpy(l->s + used, t.ptr + at, len);
		if (len == 1 && l->s[used] >= 'A' && l->s[used] <= 'Z')
			l->s[used] = (char)(l->s[used] - 'A' + 'a');
		used += len;
		l->end[l->n++] = (uint16_t)used;
	}
	l->s[used] = '\0';
}

static bool is_ascii(struct df_text t)
{
	size_t i;

	for (i = 0; i < t.len; i++)
		if ((uint8_t)t.ptr[i] >= 0x80)
			return false;
	return true;
}

static size_t read_group(const struct df_store *s, struct df_text group,
			 struct df_name_reading out[DF_NAME_READINGS])
{
	struct letters l;

	if (s->lent.read != NULL)
		return s->lent.read(s->lent.ctx, group, out);
	if (!is_ascii(group))
		return 0;
	take_letters(&l, group);
	out[0] = (struct df_name_reading){0};
	memcpy(out[0].full, l.s, sizeof out[0].full);
	return l.n > 0;
}

/* Keys of all beginnings of the given lengths; of a typed text, only of the
 * longest. */
static void add_beginnings(struct df_store *s, const char *column,
			   const char *text, const uint8_t *lengths, size_t n,
			   bool typed, struct df_keys *k)
{
	struct letters l;
	size_t i;

	take_letters(&l, df_text_of(text));
	for (i = n; i-- > 0;) {
		if (lengths[i] > l.n)
			continue;
		df_keys_add(k, df_column_key(s, column,
					     (struct df_text){
						     l.s,
						     l.end[lengths[i] - 1]}));
		if (typed)
			return;
	}
}

#define BEGINNINGS(s, column, text, lengths, typed, k) \
	add_beginnings(s, column, text, lengths, sizeof lengths, typed, k)

static void add_group(struct df_store *s, struct df_text group, bool typed,
		      struct df_keys *k)
{
	struct df_name_reading r[DF_NAME_READINGS];
	char text[LETTERS_MAX];
	size_t i, n;

	if (group.len == 0 || df_str_copy(text, sizeof text, group) != DF_OK)
		return;
	if (!is_ascii(group))
		BEGINNINGS(s, "name", text, LENGTHS_WIDE, typed, k);
	if (typed && !is_ascii(group))
		return; /* who types characters means them */
	n = read_group(s, group, r);
	for (i = 0; i < n; i++) {
		BEGINNINGS(s, "reading", r[i].full, LENGTHS_FULL, typed, k);
		BEGINNINGS(s, "initials", typed ? r[i].full : r[i].initials,
			   LENGTHS_INITIALS, typed, k);
	}
}

void df_keys_of_name(struct df_store *s, const char *name, struct df_keys *k)
{
	struct df_person_name pn;
	size_t i;

	df_person_name_split(&pn, df_text_of(name));
	for (i = 0; i < DF_PN_GROUPS; i++)
		add_group(s, pn.group[i], false, k);
}

void df_keys_of_typed(struct df_store *s, const char *typed, struct df_keys *k)
{
	add_group(s, df_text_of(typed), true, k);
}

static bool begins(const char *text, const char *with)
{
	return with[0] != '\0' && strncmp(text, with, strlen(with)) == 0;
}

static bool group_begins(const struct df_store *s, struct df_text group,
			 const struct letters *wide, const char *letters)
{
	struct df_name_reading r[DF_NAME_READINGS];
	struct letters l;
	size_t i, n;

	if (group.len == 0)
		return false;
	take_letters(&l, group);
	if (begins(l.s, wide->s))
		return true;
	n = letters[0] != '\0' ? read_group(s, group, r) : 0;
	for (i = 0; i < n; i++)
		if (begins(r[i].full, letters) ||
		    begins(r[i].initials, letters))
			return true;
	return false;
}

bool df_name_begins(const struct df_store *s, const char *name,
		    const char *typed)
{
	struct df_name_reading r[DF_NAME_READINGS] = {0};
	struct df_text t = df_text_of(typed);
	struct df_person_name pn;
	struct letters wide;
	size_t i;

	take_letters(&wide, t);
	if (!is_ascii(t) || read_group(s, t, r) == 0)
		r[0].full[0] = '\0';
	df_person_name_split(&pn, df_text_of(name));
	for (i = 0; i < DF_PN_GROUPS; i++)
		if (group_begins(s, pn.group[i], &wide, r[0].full))
			return true;
	return false;
}

void df_name_words(const struct df_store *s, const char *name, char to[304])
{
	struct df_name_reading r[DF_NAME_READINGS];
	struct df_person_name pn;
	struct df_text best;

	df_person_name_split(&pn, df_text_of(name));
	best = df_person_name_best(&pn);
	to[0] = '\0';
	if (best.len > 0 && read_group(s, best, r) > 0)
		memcpy(to, r[0].words, sizeof r[0].words);
}
