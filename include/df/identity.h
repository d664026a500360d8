/*
 * identity.h - who is who: identifiers, a person as one source wrote him, and
 * a matcher that says why. Pure: no I/O, no clock, no tables of a library.
 *
 * Numbers and names come from strangers: everything here takes any bytes,
 * and what does not fit is no identifier (never a cut one, which could equal
 * another). Nothing here merges anybody: EXACT may be joined by a machine,
 * PROBABLE and CONTRADICTION are for a person (docs/decisions/0013).
 */
#ifndef DF_IDENTITY_H
#define DF_IDENTITY_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- identifiers ------------------------------------------------------------
 */
enum df_identifier_type {
	DF_IDENTIFIER_LOCAL,	 /* a clinic's own number; by issuer */
	DF_IDENTIFIER_RESIDENT,	 /* GB 11643, 18 characters, X large */
	DF_IDENTIFIER_PASSPORT,	 /* issuer: the state, or "" */
	DF_IDENTIFIER_INSURANCE, /* issuer: the fund, or ""; families share */
	DF_IDENTIFIER_TYPES
};

#define DF_IDENTIFIER_NUMBER_CAP 66
#define DF_IDENTIFIER_ISSUER_CAP 200
struct df_identifier {
	enum df_identifier_type type;
	char number[DF_IDENTIFIER_NUMBER_CAP]; /* normal form */
	char issuer[DF_IDENTIFIER_ISSUER_CAP];
	bool checked; /* it came with a check digit, and that holds */
};

/* A resident number taken apart. */
struct df_resident {
	char number[19];    /* 18 characters; of 15 the rest is computed */
	char birth_date[9]; /* YYYYMMDD */
	char sex[2];	    /* "M" or "F" */
	bool checked;	    /* false: of 15 digits, or the check digit fails */
};

/* Width, spaces, hyphens and x are forgiven ("×" and "*" for X too). False
 * when it cannot be one: length, province, date. One whose check digit fails
 * is true with checked = false: a resident number with a typing error.
 * Every single wrong character and every swap of neighbours in a number of 18
 * gives false or checked = false (proof in resident.c). */
bool df_resident_read(struct df_resident *r, struct df_text t);

/* "local", "resident", "passport", "insurance" */
const char *df_identifier_type_word(enum df_identifier_type type);
/* One number of a stated type in its normal form. False when it is empty, does
 * not fit, is a placeholder ("000000", "无", "UNKNOWN") or, for RESIDENT, can
 * be none. issuer {0} is "". */
bool df_identifier_set(struct df_identifier *id, enum df_identifier_type type,
		       struct df_text number, struct df_text issuer);
/* What a person types: "resident:…", "passport:…", "insurance:…", "local:…",
 * or a bare number, which is a resident number when it can be one and its
 * check digit holds, else a number of this node's clinic. node: fingerprint. */
bool df_identifier_parse(struct df_identifier *id, struct df_text t,
			 const char *node);
/* Same type, number and issuer. */
bool df_identifier_same(const struct df_identifier *a,
			const struct df_identifier *b);

/* --- a person, as one source wrote him --------------------------------------
 */
#define DF_PERSON_IDS 8
#define DF_PERSON_NAME_CAP 304
struct df_person {
	struct df_identifier ids[DF_PERSON_IDS];
	size_t n_ids;
	char name[DF_PERSON_NAME_CAP]; /* PN, UTF-8, groups by '=' */
	/* the name in Latin letters (df/pinyin.h), one reading a line (单 is
	 * shan, and dan to whom does not know); "" when nobody said */
	char reading[DF_PERSON_NAME_CAP];
	char birth_date[9]; /* YYYYMMDD, or "" */
	char sex[2];	    /* "M", "F", "O" or "" */
};

/*
 * The person that five attributes of a data set speak of. node is the
 * fingerprint of who brought it (for what is ours: our own).
 *
 * PatientID becomes: RESIDENT when it can be one; PASSPORT or INSURANCE when
 * the issuer says so ("护照", "PASSPORT", "PPN", "医保", "SS", ...); and,
 * unless it is a resident number whose check digit holds, LOCAL under
 * "node:<fingerprint>", so that equal numbers of two clinics never meet; and
 * LOCAL under the issuer too, when the data set names one.
 * A date that is none and a sex that is none of M, F, O are left out.
 */
void df_person_of(struct df_person *p, struct df_text name,
		  struct df_text patient_id, struct df_text issuer,
		  struct df_text birth_date, struct df_text sex,
		  const char *node);
/* False when there is no room or it is there already. */
bool df_person_add(struct df_person *p, const struct df_identifier *id);
/* The stated birth date, else the one in a checked resident number, or "". */
const char *df_person_birth_date(const struct df_person *p, char to[9]);

/* Forms of the name for an equality look-up: groups and reading without case,
 * width, spaces, carets and dots; placeholders ("匿名") give none. Two names
 * that df_person_match calls the same, or of the same sound, share one. */
#define DF_PERSON_FORMS 6
struct df_name_forms {
	char form[DF_PERSON_FORMS][DF_PERSON_NAME_CAP];
	bool latin[DF_PERSON_FORMS]; /* ASCII only */
	size_t n;
};
void df_person_forms(const struct df_person *p, struct df_name_forms *f);

/* --- the matcher ------------------------------------------------------------
 */
#define DF_MATCH_MAP(X)                                                    \
	X(NONE, "none", "无关联", "no match")                              \
	X(PROBABLE, "probable", "可能是同一人", "perhaps the same person") \
	X(EXACT, "exact", "同一人", "the same person")                     \
	X(CONTRADICTION, "contradiction", "同号不同人，有矛盾",            \
	  "one number, but another person")
enum df_match {
#define X(name, word, zh, en) DF_MATCH_##name,
	DF_MATCH_MAP(X)
#undef X
		DF_MATCH_COUNT
};

/* clang-format off */
#define DF_MATCH_REASON_MAP(X)                                                 \
X(SAME_RESIDENT, "same-resident-id", "身份证号相同", "same resident ID")       \
X(SAME_PASSPORT, "same-passport", "护照号相同", "same passport number")        \
X(SAME_INSURANCE, "same-insurance", "医保号相同", "same insurance number")     \
X(SAME_LOCAL, "same-local", "机构内编号相同", "same number of one clinic")     \
X(WEAK_NUMBER, "weak-number", "仅凭该号码不足以确认",                          \
	"this number alone does not identify")                                 \
X(NEAR_RESIDENT, "near-resident-id", "身份证号只差一位或相邻两位颠倒",         \
	"resident IDs differ by one digit or a swap")                          \
X(OTHER_RESIDENT, "other-resident-id", "身份证号不同", "other resident ID")    \
X(BIRTH_NOT_OF_ID, "birth-not-of-id", "出生日期与身份证号不符",                \
	"birth date is not that of the resident ID")                           \
X(NAME_SAME, "name-same", "姓名相同", "same name")                             \
X(NAME_READING, "name-reading", "姓名拼音相同", "name of the same reading")    \
X(NAME_HOMOPHONE, "name-homophone", "姓名同音不同字",                          \
	"names sound alike, other characters")                                 \
X(NAME_CLOSE, "name-close", "姓名只差一字", "names differ by one character")   \
X(NAME_DIFFERENT, "name-different", "姓名不同", "other name")                  \
X(BIRTH_SAME, "birth-same", "出生日期相同", "same birth date")                 \
X(BIRTH_CLOSE, "birth-close", "出生日期只差一位或月日颠倒",                    \
	"birth dates differ by one digit or a swap")                           \
X(BIRTH_DIFFERENT, "birth-different", "出生日期不同", "other birth date")      \
X(SEX_SAME, "sex-same", "性别相同", "same sex")                                \
X(SEX_DIFFERENT, "sex-different", "性别不同", "other sex")
/* clang-format on */
enum df_match_reason_bit {
#define X(name, word, zh, en) DF_MATCH_REASON_##name,
	DF_MATCH_REASON_MAP(X)
#undef X
		DF_MATCH_REASON_COUNT
};
#define DF_BECAUSE(name) (1u << DF_MATCH_REASON_##name)

struct df_match_result {
	enum df_match match;
	unsigned reasons; /* DF_BECAUSE(...) of all that was compared */
};

/*
 * Symmetric. EXACT: a number is the same and nothing that both state differs;
 * never across two birth dates. PROBABLE: likely enough to ask a person.
 * CONTRADICTION: a number is the same, the person is not. Who joins several
 * records compares with each: EXACT with one and CONTRADICTION with another
 * is a question for a person, too. The tables stand in identity.c.
 */
struct df_match_result df_person_match(const struct df_person *a,
				       const struct df_person *b);

const char *df_match_word(enum df_match m);
const char *df_match_zh(enum df_match m);
const char *df_match_en(enum df_match m);
/* bit < DF_MATCH_REASON_COUNT */
const char *df_match_reason_word(unsigned bit);
const char *df_match_reason_zh(unsigned bit);
const char *df_match_reason_en(unsigned bit);

#ifdef __cplusplus
}
#endif
#endif
