/*
 * person_name.h - a decoded person name (VR PN) taken to pieces.
 *
 * PS3.5 6.2.1: up to three component groups divided by '=' (alphabetic,
 * ideographic, phonetic), each of up to five components divided by '^'. Split
 * only what df_charset_decode (charset.h) has decoded: bytes of GBK and of ISO
 * 2022 characters have the values of these delimiters. What a modality really
 * writes is taken as it is: a Chinese name may stand in the first group, and
 * whole in its first component.
 *
 * Pure; everything returned borrows from the name that was given. Names
 * identify a patient: never log them, never put them into a df_why.
 */
#ifndef DF_PERSON_NAME_H
#define DF_PERSON_NAME_H

#include "df/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

enum df_pn_group {
	DF_PN_ALPHABETIC,
	DF_PN_IDEOGRAPHIC,
	DF_PN_PHONETIC,
	DF_PN_GROUPS
};
enum df_pn_part {
	DF_PN_FAMILY,
	DF_PN_GIVEN,
	DF_PN_MIDDLE,
	DF_PN_PREFIX,
	DF_PN_SUFFIX,
	DF_PN_PARTS
};

/* Spaces at both ends (also U+3000) are trimmed; absent is empty. */
struct df_person_name {
	struct df_text group[DF_PN_GROUPS]; /* with its '^', none at its end */
	struct df_text part[DF_PN_GROUPS][DF_PN_PARTS];
};

/* pn: UTF-8. Only its first value counts (up to a backslash); groups and
 * components past the last known one belong to it. */
void df_person_name_split(struct df_person_name *out, struct df_text pn);

/* The group that a person here reads: the ideographic one, else the first that
 * is not empty; {NULL, 0} when none is. */
struct df_text df_person_name_best(const struct df_person_name *n);

/* True when t has a Chinese character, kana or hangul: names written in these
 * are joined without a space. */
bool df_text_is_cjk(struct df_text t);

/* The best group as a person reads it, into to (terminated, cut at a
 * character): "张^三" is "张三", "Buc^Jérôme" is "Buc Jérôme". */
void df_person_name_show(char *to, size_t cap, struct df_text pn);

#ifdef __cplusplus
}
#endif
#endif
