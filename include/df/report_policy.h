/*
 * report_policy.h - may this report be shown, and under which word?
 *
 * Pure. Takes what the signature check found, what the statement claims and
 * what we know, and gives a ruling. It covers the rules that need no
 * cryptography: right centre and clinic, right study, patient and images,
 * order of versions, no way back, conflict and replay. Revocation and time
 * stamps are not checked yet and are shown so. docs/formats/report.md.
 */
#ifndef DF_REPORT_POLICY_H
#define DF_REPORT_POLICY_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers are part of room messages and of index.db: only append. */
enum df_report_verdict {
	DF_REPORT_SIGNED,   /* by a physician whom we trust */
	DF_REPORT_SEALED,   /* by the centre's seal alone */
	DF_REPORT_REJECTED, /* never shown: reason */
	DF_REPORT_HELD,     /* good, but an earlier version has not come */
};
const char *df_report_verdict_word(enum df_report_verdict v); /* "signed" */

/* In the order of the statement's status words. */
enum df_claim_status {
	DF_CLAIM_FINAL,
	DF_CLAIM_PRELIMINARY,
	DF_CLAIM_AMENDED,
	DF_CLAIM_ADDENDUM,
	DF_CLAIM_RETRACTED,
};

/* What the statement says. Text borrowed; "" when absent. */
struct df_report_claim {
	uint32_t version;
	enum df_claim_status status;
	const struct df_digest *self;     /* digest of the statement */
	const struct df_digest *previous; /* zero for version 1 */
	const char *study_uid;
	const char *accession;
	const char *patient_id;
	const char *patient_id_issuer;
	const struct df_digest *images;
	size_t image_count;
	const char *clinic_node; /* fingerprints */
	const char *centre_node;
	bool seal_role; /* claims to carry the centre's seal only */
};

/* One version of the same report that we accepted. */
struct df_report_past {
	bool exists;
	uint32_t version;
	struct df_digest statement;
	enum df_claim_status status;
	bool conflict; /* another statement claimed the same version */
};

/* What we know. Text borrowed; "" when absent. */
struct df_report_known {
	const char *self;   /* our own fingerprint; "" = cannot be checked */
	const char *sender; /* who signed the bundle's envelope, verified */
	bool sender_trusted; /* our own centre by configuration, or ourselves */
	bool study_exists;
	const char *clinic; /* whose study it is: a peer, or ourselves */
	bool copy; /* of that peer's study, which we fetched: a prior */
	const char *accession;
	const char *patient_id;
	const char *patient_id_issuer;
	/* Digests of the study's receipted manifests, oldest first. */
	const struct df_digest *manifests;
	size_t manifest_count;
	struct df_report_past last; /* highest version of this report id */
	struct df_report_past same; /* the version that the claim has */
};

/*
 * Reasons, and the notes that stand beside a shown report: word, English,
 * Chinese. The second group are the words of the signature check (df/sign.h)
 * so that one table speaks for all.
 */
#define DF_REPORT_REASON_MAP(X)                                                \
	X(NONE, "", "", "")                                                    \
	X(UNREADABLE, "unreadable-statement",                                  \
	  "the report's statement cannot be read", "报告声明无法解析")         \
	X(SENDER, "wrong-centre",                                              \
	  "it does not come from the centre configured here",                  \
	  "报告并非来自本机配置的中心")                                        \
	X(CLINIC, "wrong-clinic", "it is addressed to another clinic",         \
	  "报告的收件机构不是本机构")                                          \
	X(STUDY, "unknown-study",                                              \
	  "its study is not one that this node knows",                         \
	  "报告所指的检查在本机没有记录")                                      \
	X(PATIENT, "wrong-patient",                                            \
	  "its patient is not the patient of the study",                       \
	  "报告中的患者与该检查的患者不一致")                                  \
	X(ACCESSION, "wrong-accession",                                        \
	  "its accession number is not that of the study",                     \
	  "报告中的检查号与该检查不一致")                                      \
	X(ROLE, "wrong-role",                                                  \
	  "the signer is not in the role that the statement names",            \
	  "签名者与声明中的角色不符")                                          \
	X(OLDER, "older-version",                                              \
	  "a newer version of this report is already here",                    \
	  "本机已有该报告的更新版本")                                          \
	X(CONFLICT, "version-conflict",                                        \
	  "two different statements claim the same version; ask the centre",   \
	  "同一版本号出现两份不同的报告，请联系中心核实")                      \
	X(PREVIOUS, "wrong-predecessor",                                       \
	  "it does not follow the version that we have",                       \
	  "报告与本机已有的上一版本不衔接")                                    \
	X(BACK, "no-way-back",                                                 \
	  "a final report cannot become preliminary again",                    \
	  "正式报告不能退回为初步报告")                                        \
	X(RETRACTED, "retracted-stays",                                        \
	  "the report was retracted; no further version is accepted",          \
	  "该报告已撤回，不再接受后续版本")                                    \
	X(FIRST, "nothing-to-amend",                                           \
	  "a first version cannot amend, add to or retract anything",          \
	  "首个版本不能是修订、补充或撤回")                                    \
	X(GAP, "version-gap", "an earlier version has not arrived yet",        \
	  "较早的版本尚未到达，暂缓显示")                                      \
	X(IMAGES_OLDER, "older-images",                                        \
	  "the report was made on an older set of images",                     \
	  "报告依据的是较早的一批图像，之后又有新图像")                        \
	X(IMAGES_UNKNOWN, "images-not-named",                                  \
	  "the report does not name a set of images that was receipted",       \
	  "报告未指明已确认收到的图像批次")                                    \
	X(FOREIGN, "another-institution",                                      \
	  "made for another institution, fetched with an earlier exam",        \
	  "报告为其他机构出具，随既往检查一并调阅")                            \
	/* words of the signature check */                                     \
	X(SIG_CONTENT, "content-changed",                                      \
	  "the content was changed after signing", "内容在签名之后被改动")     \
	X(SIG_MALFORMED, "malformed", "the signature cannot be read",          \
	  "签名无法解析")                                                      \
	X(SIG_UNSIGNED, "unsigned", "there is no signature", "没有签名")       \
	X(SIG_SIGNER, "unknown-signer",                                        \
	  "the signer's certificate leads to no trusted report signer",        \
	  "签名者证书不属于受信任的报告签名机构")                              \
	X(SIG_EXPIRED, "certificate-expired",                                  \
	  "the signer's certificate expired", "签名者证书已过期")              \
	X(SIG_NOT_YET, "certificate-not-yet-valid",                            \
	  "the signer's certificate is not valid yet", "签名者证书尚未生效")   \
	X(SIG_USAGE, "wrong-key-usage",                                        \
	  "the signer's certificate may not sign documents",                   \
	  "签名者证书的用途不允许签署文件")                                    \
	X(SIG_ALGORITHM, "weak-algorithm",                                     \
	  "the signature uses a key or digest that is too weak",               \
	  "签名所用的密钥或摘要算法强度不足")                                  \
	X(SIG_FUTURE, "signed-in-the-future",                                  \
	  "the time of signing lies in the future", "签名时间在将来")          \
	X(SIG_CHAIN, "bad-chain", "the certificate chain is not valid",        \
	  "证书链无效")                                                        \
	/* the cell could not read what was signed */                          \
	X(CONTENT, "unreadable-content",                                       \
	  "the report's content is not of the kind that it says",              \
	  "报告内容与其声明的格式不符，无法读取")                              \
	X(CONTENT_STUDY, "wrong-study",                                        \
	  "the report inside is about another study than its statement",       \
	  "报告正文所属的检查与报告声明不一致")

enum df_report_reason {
#define X(name, word, en, zh) DF_REASON_##name,
	DF_REPORT_REASON_MAP(X)
#undef X
		DF_REASON_COUNT
};
const char *df_report_reason_word(enum df_report_reason r);
const char *df_report_reason_en(enum df_report_reason r);
const char *df_report_reason_zh(enum df_report_reason r);
/* DF_REASON_NONE for an unknown word. */
enum df_report_reason df_report_reason_from(struct df_text word);

struct df_report_ruling {
	enum df_report_verdict verdict;
	enum df_report_reason reason; /* of REJECTED and HELD */
	enum df_report_reason note;   /* beside SIGNED or SEALED, or NONE */
	bool replay;   /* the same statement again: nothing changes */
	bool conflict; /* mark the other holder of this version too */
};

/*
 * `verified` is SIGNED or SEALED as the signature check found it. A report
 * whose signature failed is REJECTED by the check; do not ask here.
 */
struct df_report_ruling
df_report_rule(const struct df_report_claim *claim,
	       const struct df_report_known *known,
	       enum df_report_verdict verified);

#ifdef __cplusplus
}
#endif
#endif
