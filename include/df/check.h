/*
 * check.h - files and rows held against each other, one by one; nothing is
 * changed. Needs the node stopped, as the journal has one owner.
 */
#ifndef DF_CHECK_H
#define DF_CHECK_H

#include "df/journal.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What `spool check --repair` does about it. */
enum df_remedy {
	DF_REMEDY_NONE,	   /* a person looks; nothing of ours is in danger */
	DF_REMEDY_START,   /* the next start does it by itself */
	DF_REMEDY_ASIDE,   /* the damaged file leaves objects/ and is kept */
	DF_REMEDY_MOVE,	   /* it goes where its name says */
	DF_REMEDY_REBUILD, /* the journal is made anew from the objects */
	DF_REMEDY_LEDGER,  /* the ledger is written anew from the journal */
	DF_REMEDY_INDEX,   /* the index is made anew: index rebuild */
};

/* name, alarm (something is lost, damaged or contradictory), remedy, Chinese,
 * English */
/* clang-format off */
#define DF_FINDING_MAP(X)                                                      \
X(STRANGER, "stranger", false, NONE, "不是本系统的文件", "a file that is not ours") \
X(MISPLACED, "misplaced", true, MOVE, "对象放在错误的目录", "an object in another's directory") \
X(ORPHAN, "orphan", false, START, "没有记录的完整对象，下次启动收养", "a whole object without a row: adopted at the next start") \
X(UNTOLD, "quarantined-without-row", false, START, "隔离区中没有记录的影像，下次启动列出", "an image in quarantine without a row: listed at the next start") \
X(UNFINISHED, "unfinished", false, START, "从未确认的未完成文件", "an unfinished file, never acknowledged") \
X(TORN, "torn", true, ASIDE, "对象结尾不完整", "an object without its whole end") \
X(NAME, "wrong-name", true, ASIDE, "对象内的名称与文件名不同", "an object that bears another's name") \
X(LENGTH, "wrong-length", true, ASIDE, "对象长度与记录不符", "an object that is not as long as its row says") \
X(KIND, "wrong-kind", true, REBUILD, "对象种类与记录不符", "an object of another kind than its row says") \
X(CONTENT, "damaged", true, ASIDE, "对象内容已损坏", "an object that does not match its checksum") \
X(LOST, "lost", true, START, "有记录但文件丢失", "a row whose object is missing") \
X(INSTANCE_HOME, "instance-without-object", true, REBUILD, "影像没有所在对象", "an instance whose object has no row") \
X(INSTANCE_OTHER, "instance-in-wrong-object", true, REBUILD, "影像指向另一对象", "an instance that its object does not hold") \
X(INSTANCE_RECORD, "instance-at-wrong-record", true, REBUILD, "影像在包中的位置不符", "an instance at another place in its parcel") \
X(INSTANCE_STUDY, "instance-without-study", true, REBUILD, "影像没有检查", "an instance without its study") \
X(INSTANCE_TWICE, "instance-twice", true, REBUILD, "同一影像有两条记录", "one instance in two rows") \
X(QUARANTINED_LOST, "quarantined-file-missing", true, NONE, "被隔离的文件丢失", "a quarantined file that is gone") \
X(PARCEL_HOME, "parcel-without-object", true, REBUILD, "包没有对象", "a parcel whose object has no row") \
X(PARCEL_EMPTY, "parcel-without-instances", true, REBUILD, "包没有影像", "a parcel that holds no instance") \
X(PARCEL_OTHER, "parcel-row-differs", true, REBUILD, "包的记录与其文件不符", "a parcel whose row and file differ") \
X(PARCEL_PLACE, "parcel-place-taken", true, NONE, "两个包占同一序号", "two parcels at one place of a stream") \
X(DELIVERY_ITEM, "delivery-of-nothing", true, REBUILD, "投递的对象不存在", "a delivery of what is not there") \
X(UPLOAD_FILE, "upload-without-file", true, START, "上传的文件丢失", "an upload whose file is missing") \
X(UPLOAD_OFFSET, "upload-offset-beyond", true, START, "上传位置超出文件", "an upload's offset beyond its file") \
X(INCOMING_ORPHAN, "incoming-without-row", false, START, "没有记录的传入文件", "an incoming file without a row") \
X(MAIL_OBJECT, "mail-without-object", true, REBUILD, "信箱中的报告文件丢失", "mail whose object is missing") \
X(REPORT_OBJECT, "report-without-object", true, REBUILD, "报告没有对象", "a report whose object has no row") \
X(MANIFEST, "manifest-differs", true, REBUILD, "清单与其摘要不符", "a manifest that does not match its digest") \
X(RECEIPT, "receipt-differs", true, REBUILD, "回执与清单不符", "a receipt that is not of its manifest") \
X(LEDGER_LINE, "ledger-damaged", true, LEDGER, "账本中有损坏的行", "damaged lines in the ledger") \
X(LEDGER_SHORT, "ledger-missing", true, LEDGER, "账本缺失或不是所记的账本", "the ledger is missing, cut, or another") \
X(STATE_PAGES, "state-pages-damaged", true, REBUILD, "state.db 有损坏的页", "damaged pages in state.db") \
X(STATE_STRUCTURE, "state-structure", true, REBUILD, "state.db 结构错误", "state.db is not consistent in itself") \
X(INDEX_PAGES, "index-pages-damaged", true, INDEX, "index.db 有损坏的页", "damaged pages in index.db") \
X(REGISTER, "register-damaged", true, NONE, "register 有缺失或损坏的记录，见 audit verify", "entries of the register are missing or damaged: audit verify")
/* clang-format on */

enum df_finding {
#define X(id, name, alarm, remedy, zh, en) DF_FOUND_##id,
	DF_FINDING_MAP(X)
#undef X
		DF_FOUND_COUNT
};
struct df_finding_kind {
	const char *name;
	bool alarm;
	enum df_remedy remedy;
	const char *zh, *en;
};
const struct df_finding_kind *df_finding_kind(enum df_finding f);

/* subject: an object's id, a UID, a file's name; borrowed. */
typedef void df_finding_fn(void *ctx, enum df_finding f, const char *subject);
/*
 * Calls found for each. read_data: every byte of every object is read and
 * compared. *objects and *bytes say how much was looked at. Failures are those
 * of reading: DF_E_IO, DF_E_CORRUPT (state.db cannot be read).
 */
DF_MUST_CHECK enum df_err
df_spool_check(const struct df_spool *sp, struct df_journal *j, bool read_data,
	       df_finding_fn *found, void *ctx, uint64_t *objects,
	       uint64_t *bytes, struct df_why *why);
/* An object in another's directory goes where its name says, durably.
 * DF_E_EXISTS when one stands there: then both stay. */
DF_MUST_CHECK enum df_err df_spool_replace(struct df_spool *sp,
					   const struct df_id *id,
					   struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
