/*
 * charset_text.h - the C++ side of charset.h, for texts of any length.
 */
#ifndef DF_DICOM_CHARSET_TEXT_H
#define DF_DICOM_CHARSET_TEXT_H

#include <string>

#include "df/charset.h"

/* Valid UTF-8; with keep_lines, line ends stay as LF, other controls become
 * spaces. */
std::string charset_text(struct df_text t, const char *declared, bool is_pn,
			 bool keep_lines, enum df_text_basis *basis);

#endif
