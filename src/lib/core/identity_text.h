/*
 * identity_text.h - private to the identity files: text as people type it.
 */
#ifndef DF_IDENTITY_TEXT_H
#define DF_IDENTITY_TEXT_H

#include "df/identity.h"

/* One character off *t with full width made half; 0 at the end. Bytes that
 * are no UTF-8 come one by one, marked. */
#define DF_FOLD_BYTE 0x80000000u
uint32_t df_fold_next(struct df_text *t);
/* The character as UTF-8 (or that byte): 1 to 4 bytes. */
size_t df_fold_put(char to[4], uint32_t c);
bool df_fold_is_space(uint32_t c); /* spaces, controls, invisible marks */

/* Equal, or one wrong, one missing, or two neighbours swapped. Bytes. */
bool df_text_one_apart(const char *a, const char *b);
/* A day of the calendar as YYYYMMDD, 1850 to 2199. */
bool df_date_valid(const char *eight);

#endif
