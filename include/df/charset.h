/*
 * charset.h - text of a data set to UTF-8.
 *
 * The declared Specific Character Set is believed when the bytes agree with
 * it. Undeclared or wrongly declared text (GBK under ISO_IR 100 is common)
 * falls back to UTF-8, then GB18030, and the basis says so. Decoding comes
 * before any splitting at backslash or caret: GBK characters end in those
 * bytes.
 */
#ifndef DF_CHARSET_H
#define DF_CHARSET_H

#include "df/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

enum df_text_basis {
	DF_TEXT_ASCII,
	DF_TEXT_DECLARED,
	DF_TEXT_UTF8,
	DF_TEXT_GB18030,
	DF_TEXT_UNKNOWN,
};
const char *df_text_basis_name(enum df_text_basis b);

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
