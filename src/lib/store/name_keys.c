/*
 * name_keys.c - what a patient is found by: numbers, names with dates of
 * birth, and the beginnings of names, each behind a keyed digest.
 *
 * Of a name only beginnings of a few lengths have a key: two to four
 * characters, 3, 5 and 8 letters of its reading, two to four initials; and the
 * whole reading. What was typed is looked up as a whole reading, and by the
 * longest of the beginnings; what is found is opened and compared. Single characters (surnames) have none, so
 * that the file does not say how many bear a common one
 * (docs/decisions/0014).
 */
#include <string.h>

#include "df/person_name.h"
#include "people.h"

#define LETTERS_MAX 304

static const uint8_t LENGTHS_WIDE[] = {2, 3, 4};
static const uint8_t LENGTHS_FULL[] = {3, 5, 8};
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

/* Of a group as the room reads it; without it, of ASCII only. */
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
	memcpy(out[0].full, l.s, strnlen(l.s, sizeof out[0].full - 1));
	return l.n > 0;
}

/* Appends a line "wangxiaodong wxd\n", once, as long as there is room. */
static void add_reading(char to[DF_IDENT_CAP], const struct df_name_reading *r)
{
	char line[sizeof r->full + sizeof r->initials + 2];
	size_t used = strlen(to);

	df_str_fmt(line, sizeof line, "%s %s\n", r->full, r->initials);
	if (strstr(to, line) == NULL && used + strlen(line) < DF_IDENT_CAP)
		memcpy(to + used, line, strlen(line) + 1);
}

static void add_readings(const struct df_store *s, struct df_text group,
			 char to[DF_IDENT_CAP])
{
	struct df_name_reading r[DF_NAME_READINGS];
	size_t i, n = group.len > 0 ? read_group(s, group, r) : 0;

	for (i = 0; i < n; i++)
		add_reading(to, &r[i]);
}

void df_name_readings(const struct df_store *s, struct df_text name,
		      char to[DF_IDENT_CAP])
{
	struct df_person_name pn;
	struct df_text best;
	size_t i;

	to[0] = '\0';
	df_person_name_split(&pn, name);
	best = df_person_name_best(&pn);
	add_readings(s, best, to);
	for (i = 0; i < DF_PN_GROUPS; i++)
		if (pn.group[i].ptr != best.ptr)
			add_readings(s, pn.group[i], to);
}

/* Takes a line off; false at the end. */
static bool next_reading(struct df_text *lines, struct df_name_reading *r)
{
	struct df_text line;
	const char *gap;

	if (!df_text_line(lines, &line) || line.len == 0)
		return false;
	gap = memchr(line.ptr, ' ', line.len);
	*r = (struct df_name_reading){0};
	if (gap == NULL ||
	    df_str_copy(r->full, sizeof r->full,
			(struct df_text){line.ptr,
					 (size_t)(gap - line.ptr)}) ||
	    df_str_copy(r->initials, sizeof r->initials,
			(struct df_text){gap + 1, line.len - 1 -
							  (size_t)(gap -
								   line.ptr)}))
		return false;
	return true;
}

void df_name_full_readings(const char *readings, char to[DF_PERSON_NAME_CAP])
{
	struct df_text lines = df_text_of(readings);
	struct df_name_reading r;
	size_t n = 0, len;

	to[0] = '\0';
	while (next_reading(&lines, &r)) {
		len = strlen(r.full);
		if (n + len + 2 > DF_PERSON_NAME_CAP)
			return;
		df_str_fmt(to + n, DF_PERSON_NAME_CAP - n, "%s\n", r.full);
		n += len + 1;
	}
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

static void add_wide(struct df_store *s, struct df_text group, bool typed,
		     struct df_keys *k)
{
	char text[LETTERS_MAX];

	if (!is_ascii(group) && df_str_copy(text, sizeof text, group) == DF_OK)
		BEGINNINGS(s, "name", text, LENGTHS_WIDE, typed, k);
}

static void add_whole(struct df_store *s, const char *reading,
		      struct df_keys *k)
{
	if (strlen(reading) > 2) /* shorter ones are as common as surnames */
		df_keys_add(k, df_column_key(s, "whole-reading",
					     df_text_of(reading)));
}

void df_keys_of_name(struct df_store *s, const char *name, const char *readings,
		     struct df_keys *k)
{
	struct df_text lines = df_text_of(readings);
	struct df_person_name pn;
	struct df_name_reading r;
	size_t i;

	df_person_name_split(&pn, df_text_of(name));
	for (i = 0; i < DF_PN_GROUPS; i++)
		add_wide(s, pn.group[i], false, k);
	while (next_reading(&lines, &r)) {
		add_whole(s, r.full, k);
		BEGINNINGS(s, "reading", r.full, LENGTHS_FULL, false, k);
		BEGINNINGS(s, "initials", r.initials, LENGTHS_INITIALS, false,
			   k);
	}
}

/* --- what was typed ------------------------------------------------------------ */

void df_typed_read(const struct df_store *s, const char *typed,
		   struct df_typed *out)
{
	struct df_name_reading r[DF_NAME_READINGS];
	struct df_text t = df_text_of(typed);
	struct letters l;

	*out = (struct df_typed){0};
	take_letters(&l, t);
	memcpy(out->wide, l.s, sizeof out->wide);
	/* who types characters means them */
	if (l.n > 0 && is_ascii(t) && read_group(s, t, r) > 0)
		memcpy(out->letters, r[0].full, sizeof out->letters);
}

void df_keys_of_whole(struct df_store *s, const struct df_typed *t,
		      struct df_keys *k)
{
	add_whole(s, t->letters, k);
}

void df_keys_of_typed(struct df_store *s, const struct df_typed *t,
		      struct df_keys *k)
{
	add_wide(s, df_text_of(t->wide), true, k);
	BEGINNINGS(s, "reading", t->letters, LENGTHS_FULL, true, k);
	BEGINNINGS(s, "initials", t->letters, LENGTHS_INITIALS, true, k);
}

static bool begins(const char *text, const char *with)
{
	return with[0] != '\0' && strncmp(text, with, strlen(with)) == 0;
}

enum df_name_likeness df_typed_meets(const struct df_typed *t, const char *name,
				     const char *readings)
{
	enum df_name_likeness like = DF_NAME_OTHER;
	struct df_text lines = df_text_of(readings);
	struct df_name_reading r;
	struct df_person_name pn;
	struct letters l;
	size_t i;

	while (next_reading(&lines, &r)) {
		if (t->letters[0] != '\0' && !strcmp(r.full, t->letters))
			return DF_NAME_WHOLE;
		if (begins(r.full, t->letters) ||
		    begins(r.initials, t->letters))
			like = DF_NAME_BEGINS;
	}
	df_person_name_split(&pn, df_text_of(name));
	for (i = 0; i < DF_PN_GROUPS; i++) {
		take_letters(&l, pn.group[i]);
		if (begins(l.s, t->wide))
			like = DF_NAME_BEGINS;
	}
	return like;
}
