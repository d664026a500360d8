/*
 * pinyin.h - a name as one types it: Latin letters of any script, by ICU.
 *
 * Chinese names are read with their surname's own reading (单 shan, 曾 zeng,
 * 解 xie; two-character surnames as one) and, where it differs, with the
 * everyday reading of the same characters too. Kana, hangul, Cyrillic and the
 * rest are transliterated, accents go: "Müller" is "muller".
 *
 * What comes out is made of a-z, 0-9 and spaces only. ü is u, as in passports
 * of old; a query typed as "lv" is folded to the same "lu" by df_pinyin_fold.
 *
 * Readings identify a patient as much as the name does: never log them.
 */
#ifndef DF_PINYIN_H
#define DF_PINYIN_H

#include "df/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

struct df_pinyin_reading {
	char words[304];   /* "zhang xiao san", one space between words */
	char full[304];	   /* "zhangxiaosan": df_pinyin_fold of the words */
	char initials[64]; /* "zxs" */
};

struct df_pinyin {
	size_t n; /* 0 when the text has nothing to read */
	struct df_pinyin_reading reading[2];
};

/* Loads ICU's tables on its first use (docs/performance.md has the cost), so
 * it is kept for the life of the room. Not for two threads at once. */
struct df_pinyin_reader;
struct df_pinyin_reader *df_pinyin_reader_new(void);
void df_pinyin_reader_free(struct df_pinyin_reader *r); /* NULL is fine */

/*
 * group: one component group of a person name as UTF-8 ("张^三", "张三",
 * "Zhang^San"), see df/person_name.h; at most 300 bytes are read. DF_E_CONFIG:
 * ICU's tables are not there.
 */
DF_MUST_CHECK enum df_err df_pinyin_read(struct df_pinyin_reader *r,
					 struct df_text group,
					 struct df_pinyin *out,
					 struct df_why *why);

/* What a person typed in ASCII, made comparable with the start of `full` or
 * `initials`: lower case, letters and digits only, "lv" and "nv" as "lu" and
 * "nu". Any prefix of a text gives a prefix of its folded form. */
void df_pinyin_fold(char *to, size_t cap, struct df_text typed);

#ifdef __cplusplus
}
#endif
#endif
