/*
 * text_cost.h - how unlikely a reading is as a name or a short text.
 */
#ifndef DF_DICOM_TEXT_COST_H
#define DF_DICOM_TEXT_COST_H

#include "df/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The sum over the characters of a decoded text (UTF-8) of -10 ln p, roughly:
 * the same bytes read in two character sets are probably what costs less.
 * Pure.
 */
int64_t text_cost(struct df_text utf8);

#ifdef __cplusplus
}
#endif
#endif
