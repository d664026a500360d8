/*
 * identifier.c - numbers that stand for a person, in their normal forms.
 */
#include <string.h>

#include "identity_text.h"

static const char *const words[DF_IDENTIFIER_TYPES] = {"local", "resident",
						       "passport", "insurance"};

const char *df_identifier_type_word(enum df_identifier_type type)
{
	return type < DF_IDENTIFIER_TYPES ? words[type] : "?";
}

/* Half width, large letters, no space; hyphens and dots only where they may
 * tell two numbers apart (1-11 and 11-1 of one clinic). False: no room, or no
 * text: what was taken out could make another number of it. */
static bool normal(char *to, size_t cap, struct df_text t, bool punctuation)
{
	size_t n = 0, len;
	char put[4];
	uint32_t c;

	while ((c = df_fold_next(&t)) != 0) {
		if (c & DF_FOLD_BYTE)
			return false;
		if (df_fold_is_space(c) ||
		    (!punctuation && (c == '-' || c == '.')))
			continue;
		if (c >= 'a' && c <= 'z')
			c -= 'a' - 'A';
		len = df_fold_put(put, c);
		if (n + len >= cap)
			return false;
		memcpy(to + n, put, len);
		n += len;
	}
	to[n] = '\0';
	return true;
}

/* What is typed when there is no number: one character again and again. */
static bool is_placeholder(const char *s)
{
	static const char *const none[] = {
		"",	   "NULL",     "NONE",	    "NIL",	 "N/A",
		"NA",	   "UNKNOWN",  "ANON",	    "ANONYMOUS", "ANONYMIZED",
		"TEST",	   "NOID",     "UNDEFINED", "EMERGENCY", "无",
		"未知",	   "不详",     "急诊",	    "急救",	 "门诊",
		"住院",	   "体检",     "123",	    "1234",	 "12345",
		"123456",  "1234567",  "12345678",  "123456789"};

	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		if (!strcmp(s, none[i]))
			return true;
	return strspn(s, (char[]){s[0], '\0'}) == strlen(s) &&
	       (strlen(s) >= 4 || strchr("0-?*./X", s[0]) != NULL);
}

bool df_identifier_set(struct df_identifier *id, enum df_identifier_type type,
		       struct df_text number, struct df_text issuer)
{
	struct df_resident r;

	*id = (struct df_identifier){.type = type};
	if (type == DF_IDENTIFIER_RESIDENT) {
		if (!df_resident_read(&r, number))
			return false;
		memcpy(id->number, r.number, sizeof r.number);
		id->checked = r.checked;
		return true; /* there is one issuer */
	}
	return normal(id->number, sizeof id->number, number,
		      type == DF_IDENTIFIER_LOCAL) &&
	       normal(id->issuer, sizeof id->issuer, issuer, true) &&
	       !is_placeholder(id->number);
}

static bool of_node(struct df_identifier *id, struct df_text number,
		    const char *node)
{
	if (!df_identifier_set(id, DF_IDENTIFIER_LOCAL, number,
			       (struct df_text){0}))
		return false;
	df_str_fmt(id->issuer, sizeof id->issuer, "node:%.*s", DF_HEX_LEN,
		   node);
	return true;
}

bool df_identifier_parse(struct df_identifier *id, struct df_text t,
			 const char *node)
{
	struct df_resident r;

	for (unsigned type = 0; type < DF_IDENTIFIER_TYPES; type++) {
		size_t n = strlen(words[type]);
		struct df_text rest;

		if (t.len <= n || t.ptr[n] != ':' ||
		    memcmp(t.ptr, words[type], n) != 0)
			continue;
		rest = (struct df_text){t.ptr + n + 1, t.len - n - 1};
		if (type == DF_IDENTIFIER_LOCAL)
			return of_node(id, rest, node);
		return df_identifier_set(id, (enum df_identifier_type)type,
					 rest, (struct df_text){0});
	}
	if (df_resident_read(&r, t) && r.checked)
		return df_identifier_set(id, DF_IDENTIFIER_RESIDENT, t,
					 (struct df_text){0});
	return of_node(id, t, node);
}

bool df_identifier_same(const struct df_identifier *a,
			const struct df_identifier *b)
{
	return a->type == b->type && !strcmp(a->number, b->number) &&
	       !strcmp(a->issuer, b->issuer);
}

bool df_person_add(struct df_person *p, const struct df_identifier *id)
{
	for (size_t i = 0; i < p->n_ids; i++)
		if (df_identifier_same(&p->ids[i], id))
			return false;
	if (p->n_ids == DF_PERSON_IDS)
		return false;
	p->ids[p->n_ids++] = *id;
	return true;
}

/* Issuers that are no institution but say what the number is: words as
 * systems write them, codes of HL7 table 0203. */
static enum df_identifier_type type_of_issuer(const char *issuer)
{
	static const struct {
		const char *word;
		enum df_identifier_type type;
	} table[] = {
		{"PASSPORT", DF_IDENTIFIER_PASSPORT},
		{"PPN", DF_IDENTIFIER_PASSPORT},
		{"护照", DF_IDENTIFIER_PASSPORT},
		{"护照号", DF_IDENTIFIER_PASSPORT},
		{"INSURANCE", DF_IDENTIFIER_INSURANCE},
		{"HC", DF_IDENTIFIER_INSURANCE},
		{"SS", DF_IDENTIFIER_INSURANCE},
		{"MEDICAL INSURANCE", DF_IDENTIFIER_INSURANCE},
		{"医保", DF_IDENTIFIER_INSURANCE},
		{"医保卡", DF_IDENTIFIER_INSURANCE},
		{"医保卡号", DF_IDENTIFIER_INSURANCE},
		{"社保卡", DF_IDENTIFIER_INSURANCE},
		{"新农合", DF_IDENTIFIER_INSURANCE},
	};
	char word[DF_IDENTIFIER_ISSUER_CAP];

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		/* the same folding, so that the table is readable */
		if (normal(word, sizeof word, df_text_of(table[i].word),
			   true) &&
		    !strcmp(issuer, word))
			return table[i].type;
	}
	return DF_IDENTIFIER_LOCAL;
}

static void add_patient_id(struct df_person *p, struct df_text number,
			   struct df_text issuer, const char *node)
{
	struct df_identifier id;
	enum df_identifier_type type;

	if (df_identifier_set(&id, DF_IDENTIFIER_RESIDENT, number,
			      (struct df_text){0})) {
		(void)df_person_add(p, &id); /* the first has room */
		if (id.checked)
			return;
	}
	if (of_node(&id, number, node))
		(void)df_person_add(p, &id); /* the same */
	if (!df_identifier_set(&id, DF_IDENTIFIER_LOCAL, number, issuer) ||
	    id.issuer[0] == '\0')
		return;
	type = type_of_issuer(id.issuer);
	if (type == DF_IDENTIFIER_LOCAL ||
	    df_identifier_set(&id, type, number, (struct df_text){0}))
		(void)df_person_add(p, &id); /* the same */
}

static void set_date(char to[9], struct df_text t)
{
	char d[9];
	size_t n = 0;
	uint32_t c;

	to[0] = '\0';
	while ((c = df_fold_next(&t)) != 0) {
		if (df_fold_is_space(c) || c == '.' || c == '-' || c == '/')
			continue; /* 1999.12.31 stood in ACR-NEMA */
		if (n == 8 || c < '0' || c > '9')
			return;
		d[n++] = (char)c;
	}
	/* the first of 1900 is what systems write for want of a date */
	if (n == 8 && df_date_valid(d) && memcmp(d, "19000101", 8) != 0) {
		memcpy(to, d, 8);
		to[8] = '\0';
	}
}

void df_person_of(struct df_person *p, struct df_text name,
		  struct df_text patient_id, struct df_text issuer,
		  struct df_text birth_date, struct df_text sex,
		  const char *node)
{
	uint32_t c;

	*p = (struct df_person){0};
	if (df_str_copy(p->name, sizeof p->name, name) != DF_OK)
		p->name[0] = '\0'; /* a cut one could equal another */
	add_patient_id(p, patient_id, issuer, node);
	set_date(p->birth_date, birth_date);
	do {
		c = df_fold_next(&sex);
	} while (c != 0 && df_fold_is_space(c));
	if (c == 'M' || c == 'm' || c == 0x7537)
		p->sex[0] = 'M';
	else if (c == 'F' || c == 'f' || c == 0x5973)
		p->sex[0] = 'F';
	else if (c == 'O' || c == 'o')
		p->sex[0] = 'O';
}

const char *df_person_birth_date(const struct df_person *p, char to[9])
{
	to[0] = '\0';
	if (df_date_valid(p->birth_date)) {
		memcpy(to, p->birth_date, 9);
		return to;
	}
	for (size_t i = 0; i < p->n_ids; i++)
		if (p->ids[i].type == DF_IDENTIFIER_RESIDENT &&
		    p->ids[i].checked) {
			memcpy(to, p->ids[i].number + 6, 8);
			to[8] = '\0';
			break;
		}
	return to;
}
