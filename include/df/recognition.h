/*
 * recognition.h - may an earlier exam stand for a new one? Rules are data.
 *
 * Pure. Tables (docs/formats/recognition.md) say which exams may be recognised
 * (items), how long, whose marks ("HR") count where, and what the words that
 * modalities write mean. df_recognition_judge takes one exam and who asks, and
 * gives a verdict with every reason for and against. It informs: what is
 * recognised are images and data, never an earlier conclusion; the doctor who
 * treats decides, and nothing is ever blocked.
 *
 * Source: 《医疗机构检查检验结果互认管理办法》, 国卫医发〔2022〕6号.
 */
#ifndef DF_RECOGNITION_H
#define DF_RECOGNITION_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_RULES_TABLE_MAX (4 * 1024 * 1024) /* bytes of one table */
#define DF_RULES_CODE 40 /* room for a code of a table, with its end */

/* --- the tables ------------------------------------------------------------
 * Each has rows of its own in the program; those of the node's directory come
 * on top: a row with the same key takes the place of ours. */

#define DF_RULES_DIR "recognition" /* in the node's directory */
#define DF_RULES_TABLE_MAP(X)                  \
	X(ITEMS, "items.tsv")                  \
	X(PARTS, "parts.tsv")                  \
	X(WORDS, "words.tsv")                  \
	X(PROCEDURES, "procedures.tsv")        \
	X(AREAS, "areas.tsv")                  \
	X(INSTITUTIONS, "institutions.tsv")    \
	X(MARKS, "marks.tsv")                  \
	X(VALIDITY, "validity.tsv")            \
	X(REASONS, "reasons.tsv")              \
	X(PRICES, "prices.tsv")
enum df_rules_table {
#define X(name, file) DF_RULES_##name,
	DF_RULES_TABLE_MAP(X)
#undef X
		DF_RULES_COUNT
};
const char *df_rules_table_file(enum df_rules_table t); /* "items.tsv" */
/* Our own rows, as text that a person may copy and change; static. */
struct df_text df_rules_table_text(enum df_rules_table t);

struct df_rules;
/* Appends the node's table of that file name to `to`; DF_E_NOTFOUND: there is
 * none, and our own rows stand alone. */
typedef enum df_err df_rules_read_fn(void *ctx, const char *file,
				     struct df_buf *to, struct df_why *why);
/* Our rows, then those that read gives (NULL: none). DF_E_CONFIG: `why` has
 * file, line and what is wrong with it; *r is NULL then. */
DF_MUST_CHECK enum df_err df_rules_load(struct df_rules **r,
					df_rules_read_fn *read, void *ctx,
					struct df_why *why);
void df_rules_free(struct df_rules *r); /* NULL is fine */
size_t df_rules_count(const struct df_rules *r, enum df_rules_table t);

/* The code of the institution of that name, code or node; NULL: none. */
const char *df_rules_institution_code(const struct df_rules *r,
				      const char *name);

/* --- coded reasons of doctors ----------------------------------------------
 * "repeat": the six for which an exam may be made again; "decline": those of
 * an area besides. All borrowed from the rules. */
struct df_rules_reason {
	const char *code; /* "1" .. "6", or as an area has it */
	const char *kind; /* "repeat" or "decline" */
	const char *area; /* "" = everywhere */
	const char *zh;
	const char *en;
};
/* Those that hold for an institution (its code, name or node; NULL or unknown:
 * those of everywhere), in the order of the table: *at starts at 0. */
bool df_rules_reason_next(const struct df_rules *r, const char *institution,
			  size_t *at, struct df_rules_reason *out);
/* The one of that code; false: there is none. */
bool df_rules_reason(const struct df_rules *r, const char *institution,
		     const char *code, struct df_rules_reason *out);

/* --- what an exam is -------------------------------------------------------
 */

enum df_side { DF_SIDE_NONE, DF_SIDE_LEFT, DF_SIDE_RIGHT, DF_SIDE_BOTH };
enum df_contrast {
	DF_CONTRAST_UNSAID,
	DF_CONTRAST_PLAIN,
	DF_CONTRAST_ENHANCED,
	DF_CONTRAST_MAYBE, /* "if necessary": nobody knows by these words */
};

#define DF_EXAM_ITEMS 8
#define DF_EXAM_PARTS 8
#define DF_EXAM_TEXTS 4

/* As the data set or an order says. UTF-8, borrowed; NULL or "" = not said. */
struct df_exam_words {
	const char *modality; /* "CT", or all of a study: "CT/SR" */
	const char *body_part; /* BodyPartExamined */
	const char *texts[DF_EXAM_TEXTS]; /* study, series, protocol, procedure
					   * description; order is no matter */
	const char *procedure; /* code ... */
	const char *scheme;    /* ... and its coding scheme designator */
};

enum df_exam_known {
	DF_EXAM_KNOWN,
	DF_EXAM_NO_MODALITY,
	DF_EXAM_NO_PART,	/* no text says a part of the body we know */
	DF_EXAM_CONTRADICTION,	/* texts say different parts */
	DF_EXAM_NO_ITEM,	/* known, but in no item */
};

/* What we make of the words. */
struct df_exam_meaning {
	enum df_exam_known known;
	char parts[DF_EXAM_PARTS][DF_RULES_CODE]; /* codes, sorted */
	bool coarse[DF_EXAM_PARTS]; /* only the code says so; a text says it
				     * more exactly: HEAD of 鼻窦CT */
	size_t n_parts;
	char items[DF_EXAM_ITEMS][DF_RULES_CODE]; /* codes, in table order */
	size_t n_items;
	bool left_out; /* a part is in none of them, or there are too many */
	enum df_side side;
	enum df_contrast contrast;
};
void df_exam_understand(const struct df_rules *r,
			const struct df_exam_words *words,
			struct df_exam_meaning *out);
/* Could both be of the same: kinds of images of one item, parts of the body of
 * one family? What either does not say, or we do not understand, is no reason
 * against it. */
bool df_exam_words_meet(const struct df_rules *r,
			const struct df_exam_words *a,
			const struct df_exam_words *b);
/* An item's names, or false. */
bool df_rules_item(const struct df_rules *r, const char *code, const char **zh,
		   const char **en);

/* What one exam of an item costs and exposes, for estimates: hundredths of a
 * yuan, thousandths of a mSv. False: no row fits. */
bool df_rules_price(const struct df_rules *r, const char *item,
		    uint64_t *price_fen, uint64_t *dose_usv);

/* --- the verdict -----------------------------------------------------------
 */

/* What is known of the report, the best of them. */
enum df_exam_report {
	DF_EXAM_REPORT_NONE,
	DF_EXAM_REPORT_UNVERIFIED, /* rejected, or not checked */
	DF_EXAM_REPORT_SEALED,	   /* by the centre's seal alone */
	DF_EXAM_REPORT_SIGNED,	   /* by a physician */
};

/* An earlier exam. Texts as above. */
struct df_exam {
	struct df_exam_words words;
	const char *institution; /* InstitutionName */
	const char *node;	 /* fingerprint of the node it came from */
	const char *date;	 /* StudyDate, YYYYMMDD */
	uint64_t instances;
	bool incomplete;       /* images are known to be missing */
	bool quality_rejected; /* somebody found the images not usable */
	bool patient_exact;    /* false: probable, a person must look */
	enum df_exam_report report;
};

/* Who asks, and for what. */
struct df_asking {
	const char *institution;    /* name or code in the tables */
	const char *node;	    /* fingerprint; the tables know it or not */
	const char *today;	    /* YYYYMMDD, local */
	struct df_exam_words wanted; /* the exam that is ordered, if any */
	const char *wanted_item; /* or its item's code; "" = any */
};

enum df_recognise {
	DF_RECOGNISE_YES,
	DF_RECOGNISE_NO,
	DF_RECOGNISE_UNKNOWN, /* a person must look */
};
const char *df_recognise_word(enum df_recognise v); /* "yes" */

enum df_effect { DF_EFFECT_FOR, DF_EFFECT_AGAINST, DF_EFFECT_OPEN };
const char *df_effect_word(enum df_effect e); /* "for" "against" "open" */

/* name, effect, code, Chinese, English. Codes go into the ledger: append. */
#define DF_RECOGNITION_MAP(X)                                                  \
	X(ITEM, FOR, "item", "属于互认项目",                                   \
	  "the exam is an item of the list")                                   \
	X(MODALITY_MISSING, OPEN, "modality-missing", "检查类型不明",          \
	  "the modality is not known")                                         \
	X(PART_UNKNOWN, OPEN, "body-part-unknown",                             \
	  "检查部位不明: 对照表中没有这些文字",                                \
	  "the part of the body is not known: no word of the table is there")  \
	X(PART_CONTRADICTION, OPEN, "body-part-contradiction",                 \
	  "检查部位前后矛盾", "the texts name different parts of the body")    \
	X(ITEM_NONE, AGAINST, "item-none", "不在互认项目目录内",               \
	  "the exam is not an item of the list")                               \
	X(ITEM_OTHER, AGAINST, "item-other", "不是本次申请的检查项目",         \
	  "it is another exam than the one that is ordered")                   \
	X(PART_OTHER, AGAINST, "part-other", "同一项目, 但不是申请的部位",     \
	  "the same item, but another part of the body")                       \
	X(WANTED_UNKNOWN, OPEN, "wanted-unknown", "申请的检查项目无法对应",    \
	  "the exam that is ordered is not understood")                        \
	X(SIDE_OTHER, AGAINST, "side-other", "左右侧不同",                     \
	  "it shows the other side")                                           \
	X(SIDE_UNKNOWN, OPEN, "side-unknown", "左右侧不明",                    \
	  "the side is not known")                                             \
	X(CONTRAST_MISSING, AGAINST, "contrast-missing",                       \
	  "申请增强检查, 既往为平扫",                                          \
	  "contrast is ordered, the earlier exam has none")                    \
	X(CONTRAST_UNKNOWN, OPEN, "contrast-unknown",                          \
	  "申请增强检查, 既往是否增强不明",                                    \
	  "contrast is ordered, the earlier exam does not say")                \
	X(INSTITUTION_MISSING, OPEN, "institution-missing", "检查机构不明",    \
	  "the institution is not known")                                      \
	X(INSTITUTION_UNKNOWN, OPEN, "institution-unknown",                    \
	  "机构表中没有该检查机构", "the institution is in no table")          \
	X(ASKING_UNKNOWN, OPEN, "asking-unknown", "机构表中没有本机构",        \
	  "our own institution is in no table")                                \
	X(OWN, FOR, "own", "本机构的检查", "the exam was made here")           \
	X(MARK, FOR, "mark", "有互认标识", "a mark covers it")                 \
	X(MARK_NONE, AGAINST, "mark-none", "该机构此项目没有互认标识",         \
	  "the institution has no mark for this item")                         \
	X(MARK_PERIOD, AGAINST, "mark-period", "检查日期不在互认标识有效期内", \
	  "its mark was not valid on the day of the exam")                     \
	X(MARK_SCOPE, AGAINST, "mark-scope", "互认标识的范围不含本机构",       \
	  "its mark does not reach to where we are")                           \
	X(MARK_KIND, AGAINST, "mark-kind", "本地区不接受此级互认标识",         \
	  "this region does not take marks of that kind")                      \
	X(AREA_EXCLUDES, AGAINST, "area-excludes", "本地区规定此项目不互认",   \
	  "this region excludes the item")                                     \
	X(RECENT, FOR, "recent", "在互认时限内", "it is recent enough")        \
	X(TOO_OLD, AGAINST, "too-old", "超过互认时限",                         \
	  "it is older than the item allows")                                  \
	X(DATE_MISSING, OPEN, "date-missing", "检查日期不明",                  \
	  "the day of the exam is not known")                                  \
	X(DATE_FUTURE, OPEN, "date-future", "检查日期晚于今天",                \
	  "the day of the exam is after today")                                \
	X(IMAGES, FOR, "images", "有影像", "the images are there")             \
	X(IMAGES_NONE, AGAINST, "images-none", "没有影像", "no images")        \
	X(IMAGES_INCOMPLETE, OPEN, "images-incomplete", "影像不完整",          \
	  "images are missing")                                                \
	X(QUALITY_REJECTED, AGAINST, "quality-rejected", "影像质量不合格",     \
	  "the images were found not usable")                                  \
	X(REPORT, FOR, "report", "有经验证的报告",                             \
	  "a verified report is there")                                        \
	X(REPORT_MISSING, OPEN, "report-missing", "尚无报告",                  \
	  "there is no report yet")                                            \
	X(REPORT_UNVERIFIED, OPEN, "report-unverified", "报告签名未通过验证",  \
	  "no report of it could be verified as this item wants")              \
	X(PATIENT, FOR, "patient", "患者身份一致", "it is the same person")    \
	X(PATIENT_PROBABLE, OPEN, "patient-probable",                          \
	  "患者身份仅为疑似一致, 需人工确认",                                  \
	  "it is probably the same person: somebody must make sure")           \
	X(PART_NARROWER, OPEN, "part-narrower",                                \
	  "既往检查的部位只是申请部位的一部分",                                \
	  "it shows only a part of what is ordered")
enum df_recognition_code {
#define X(name, effect, code, zh, en) DF_RECOGNITION_##name,
	DF_RECOGNITION_MAP(X)
#undef X
		DF_RECOGNITION_COUNT
};
const char *df_recognition_word(enum df_recognition_code c); /* "mark-none" */
const char *df_recognition_zh(enum df_recognition_code c);
const char *df_recognition_en(enum df_recognition_code c);
enum df_effect df_recognition_effect(enum df_recognition_code c);

#define DF_VERDICT_REASONS 32 /* two an item, and what there is once */
struct df_verdict {
	enum df_recognise recognise;
	struct {
		enum df_recognition_code code;
		char detail[96]; /* codes, days, dates; UTF-8, may be "" */
	} reasons[DF_VERDICT_REASONS]; /* those against first, then open */
	size_t n_reasons;
	struct df_exam_meaning meaning;
	char item[DF_RULES_CODE]; /* the item that it was judged as, or "" */
	char institution[DF_RULES_CODE]; /* code of who made it, or "" */
	int64_t age_days; /* -1 = not known */
	int64_t valid_days; /* -1 = not known */
};
/* Any reason against: no; else any open: unknown; else yes. Of an exam of
 * several items, without a wanted one, the least favourable counts. */
void df_recognition_judge(const struct df_rules *r, const struct df_exam *exam,
			  const struct df_asking *asking,
			  struct df_verdict *out);

#ifdef __cplusplus
}
#endif
#endif
