/*
 * attribute_match.h - does a value match a key of a C-FIND? PS3.4 C.2.2.2,
 * pure. Texts are UTF-8. An empty key matches everything.
 */
#ifndef DF_ATTRIBUTE_MATCH_H
#define DF_ATTRIBUTE_MATCH_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * By the VR's rules: UI a list of UIDs; DA and TM a single value or a range;
 * PN with wildcards, whatever the case, in the whole value or in one of its
 * component groups; CS and AE with wildcards, and (which the standard does not
 * ask for) as a list; all other text single value or wildcards. "*" is any
 * characters, "?" one character.
 */
bool df_attribute_match(const char *vr, struct df_text key,
			struct df_text value);

/* A date and a time together, as PS3.4 K.6.1.2.2 wants it: when both keys are
 * ranges, one period from the first date's time to the last date's. */
bool df_moment_match(struct df_text date_key, struct df_text time_key,
		     struct df_text date, struct df_text time);

#ifdef __cplusplus
}
#endif
#endif
