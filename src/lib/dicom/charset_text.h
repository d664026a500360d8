/*
 * charset_text.h - the C++ side of charset.h, for texts of any length.
 */
#ifndef DF_DICOM_CHARSET_TEXT_H
#define DF_DICOM_CHARSET_TEXT_H

#include <string>

#include "df/charset.h"

/* What is known of a text before it is read. */
struct text_setting {
	const char *declared; /* (0008,0005) in force, "" when absent */
	bool is_pn;
	/* what the other texts of its data set say, see charset_evidence */
	int64_t chinese;
};

/* Valid UTF-8; with keep_lines, line ends stay as LF, other controls become
 * spaces. */
std::string charset_text(struct df_text t, const struct text_setting &s,
			 bool keep_lines, enum df_text_basis *basis);

/* How much a text speaks for GB 18030 rather than Latin-1 in its data set; 0
 * when it is not open to doubt, below 0 for Latin-1. To be summed up. */
int64_t charset_evidence(struct df_text t, const char *declared);

/* Cut at a character, terminated. */
void charset_put(char *to, size_t cap, const std::string &s);
bool charset_utf8_valid(const char *ptr, size_t len);
/* Length of the well-formed character at p, 0 when there is none. */
size_t charset_utf8_one(const unsigned char *p, size_t len);

/* charset_sets.cc: one reading each; false when the bytes do not agree. What
 * comes out is valid UTF-8 without C1 controls. */
std::string charset_declared(const char *declared); /* as the standard spells */
bool charset_as_gb18030(struct df_text t, std::string *out);
/* Windows-1252: ISO 8859-1 with letters where that has controls. */
bool charset_as_latin(struct df_text t, std::string *out);
bool charset_as_declared(struct df_text t, const struct text_setting &s,
			 std::string *out);
bool charset_by_escapes(struct df_text t, bool is_pn, std::string *out);

#endif
