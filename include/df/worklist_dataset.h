/*
 * worklist_dataset.h - the data sets of C-FIND on a modality worklist (PS3.4
 * annex K): what a modality asks, and an item of the answer.
 */
#ifndef DF_WORKLIST_DATASET_H
#define DF_WORKLIST_DATASET_H

#include "df/worklist.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_WORKLIST_CLASS "1.2.840.10008.5.1.4.31"
#define DF_WORKLIST_DATASET_MAX ((size_t)64 * 1024) /* of a question */

/* In which character set answers go. */
enum df_worklist_charset {
	DF_WORKLIST_AUTO, /* as the question's, if that can say it; else UTF-8
			   */
	DF_WORKLIST_UTF8,
	DF_WORKLIST_GB18030,
	DF_WORKLIST_GBK, /* an item that it cannot say goes in GB18030 */
};

struct df_worklist_query {
	/* has: is to be returned; a value: must match. Borrows from text. */
	struct df_worklist_item keys;
	char text[DF_WORKLIST_COUNT][DF_WORKLIST_KEY_CAP];
	char charset[128]; /* as declared, "" = none */
	bool others;	   /* it asks by attributes that we do not know */
};

/* Untrusted bytes, implicit or explicit VR little endian. DF_E_FORMAT. */
DF_MUST_CHECK enum df_err df_worklist_query_decode(struct df_worklist_query *q,
						   const uint8_t *ptr,
						   size_t len, bool explicit_vr,
						   struct df_why *why);

/* Appends what q asks for of this item: what is not known stands there empty.
 * DF_E_FORMAT: a value is not UTF-8. */
DF_MUST_CHECK enum df_err
df_worklist_item_encode(struct df_buf *to, const struct df_worklist_query *q,
			const struct df_worklist_item *item,
			enum df_worklist_charset charset, bool explicit_vr,
			struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
