/*
 * charset.h - text of a data set to UTF-8.
 *
 * The declared Specific Character Set is believed when the bytes agree with
 * it. Latin-1 agrees with any bytes, and so it is what devices declare that
 * write GBK: under ISO_IR 100, undeclared, or where the bytes contradict what
 * is declared, the readings as UTF-8, GB 18030 and Latin-1 are compared by how
 * likely each is as a text, and the basis says that it is a guess. The stored
 * bytes are never touched. Decoding comes before any splitting at backslash or
 * caret: GBK characters end in those bytes.
 */
#ifndef DF_CHARSET_H
#define DF_CHARSET_H

#include "df/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* From the surest on. */
enum df_text_basis {
	DF_TEXT_ASCII,	  /* "ascii" */
	DF_TEXT_DECLARED, /* "declared" */
	/* guessed: not declared, or not as declared */
	DF_TEXT_UTF8,	 /* "guessed utf-8" */
	DF_TEXT_GB18030, /* "guessed gb18030" */
	DF_TEXT_LATIN1,	 /* "guessed latin-1" */
	DF_TEXT_ISO2022, /* "guessed iso2022": by its own escapes */
	DF_TEXT_UNKNOWN, /* "unknown": U+FFFD for what is not ASCII */
};
const char *df_text_basis_name(enum df_text_basis b);
/* Of a name above: is it for a person to doubt? */
bool df_text_basis_guessed(const char *name);

bool df_utf8_valid(struct df_text t);

/*
 * Writes t as UTF-8 into to (terminated, cut at a character when it does not
 * fit, control characters become spaces, trailing padding removed). `declared`
 * is the value of (0008,0005), "" when absent. is_pn: the caret, equals and
 * backslash are delimiters that reset ISO 2022 designations.
 */
enum df_text_basis df_charset_decode(char *to, size_t cap, struct df_text t,
				     const char *declared, bool is_pn);

#ifdef __cplusplus
}
#endif
#endif
