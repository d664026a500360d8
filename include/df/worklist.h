/*
 * worklist.h - what a modality worklist item holds (PS3.4 annex K), and an
 * item as bytes between rooms.
 *
 * Values are UTF-8, as people typed them; dates and times as DICOM writes
 * them. An item of values is also what a modality asks by: `has` says which
 * attributes it wants, and a value is one that must match.
 */
#ifndef DF_WORKLIST_H
#define DF_WORKLIST_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
/*
 * X(name, tag, VR, most characters, word in JSON and on the command line).
 * In the order of the data set; what stands between STEP_FIRST and STEP_LAST
 * is inside the Scheduled Procedure Step Sequence. A sequence (SQ) of this
 * table is one that we always give empty.
 */
#define DF_WORKLIST_MAP(X)                                                     \
X(ACCESSION,            0x00080050, "SH", 16, "accession")                     \
X(REFERRING_PHYSICIAN,  0x00080090, "PN", 64, "referring_physician")           \
X(REFERENCED_STUDY,     0x00081110, "SQ", 0, "referenced_study")               \
X(REFERENCED_PATIENT,   0x00081120, "SQ", 0, "referenced_patient")             \
X(PATIENT_NAME,         0x00100010, "PN", 194, "patient_name")                 \
X(PATIENT_ID,           0x00100020, "LO", 64, "patient_id")                    \
X(PATIENT_ID_ISSUER,    0x00100021, "LO", 64, "patient_id_issuer")             \
X(BIRTH_DATE,           0x00100030, "DA", 8, "birth_date")                     \
X(SEX,                  0x00100040, "CS", 1, "sex")                            \
X(PATIENT_WEIGHT,       0x00101030, "DS", 16, "weight")                        \
X(MEDICAL_ALERTS,       0x00102000, "LO", 64, "alerts")                        \
X(ALLERGIES,            0x00102110, "LO", 64, "allergies")                     \
X(PREGNANCY_STATUS,     0x001021c0, "US", 1, "pregnancy")                      \
X(STUDY_UID,            0x0020000d, "UI", 64, "study_uid")                     \
X(REQUESTING_PHYSICIAN, 0x00321032, "PN", 64, "physician")                     \
X(REQUESTING_SERVICE,   0x00321033, "LO", 64, "department")                    \
X(PROCEDURE,            0x00321060, "LO", 64, "procedure")                     \
X(PROCEDURE_CODE,       0x00321064, "SQ", 0, "procedure_code")                 \
X(ADMISSION_ID,         0x00380010, "LO", 64, "admission")                     \
X(SPECIAL_NEEDS,        0x00380050, "LO", 64, "special_needs")                 \
X(PATIENT_LOCATION,     0x00380300, "LO", 64, "patient_location")              \
X(PATIENT_STATE,        0x00380500, "LO", 64, "patient_state")                 \
X(MODALITY,             0x00080060, "CS", 16, "modality")                      \
X(BODY_PART,            0x00180015, "CS", 16, "body_part")                     \
X(CONTRAST_AGENT,       0x00321070, "LO", 64, "contrast_agent")                \
X(STATION_AE,           0x00400001, "AE", 16, "station_ae")                    \
X(STEP_DATE,            0x00400002, "DA", 8, "scheduled_date")                 \
X(STEP_TIME,            0x00400003, "TM", 14, "scheduled_time")                \
X(PERFORMING_PHYSICIAN, 0x00400006, "PN", 64, "performing_physician")          \
X(STEP_DESCRIPTION,     0x00400007, "LO", 64, "step_description")              \
X(PROTOCOL_CODE,        0x00400008, "SQ", 0, "protocol_code")                  \
X(STEP_ID,              0x00400009, "SH", 16, "step_id")                       \
X(STATION_NAME,         0x00400010, "SH", 16, "station_name")                  \
X(STEP_LOCATION,        0x00400011, "SH", 16, "room")                          \
X(PREMEDICATION,        0x00400012, "LO", 64, "premedication")                 \
X(STEP_STATUS,          0x00400020, "CS", 16, "step_status")                   \
X(STEP_COMMENTS,        0x00400400, "LT", 1024, "step_comments")               \
X(PROCEDURE_ID,         0x00401001, "SH", 16, "procedure_id")                  \
X(REASON,               0x00401002, "LO", 64, "reason")                        \
X(PRIORITY,             0x00401003, "SH", 16, "priority")                      \
X(TRANSPORT,            0x00401004, "LO", 64, "transport")                     \
X(COMMENTS,             0x00401400, "LT", 1024, "comments")                    \
X(CONFIDENTIALITY,      0x00403001, "LO", 64, "confidentiality")
/* clang-format on */

enum df_worklist_field {
#define X(name, tag, vr, chars, word) DF_WORKLIST_##name,
	DF_WORKLIST_MAP(X)
#undef X
		DF_WORKLIST_COUNT
};
#define DF_WORKLIST_STEP_FIRST DF_WORKLIST_MODALITY
#define DF_WORKLIST_STEP_LAST DF_WORKLIST_STEP_COMMENTS
#define DF_WORKLIST_STEP_SEQUENCE 0x00400100u
#define DF_WORKLIST_KEY_CAP 300 /* bytes of a value to match, and its end */

struct df_worklist_attr {
	uint32_t tag;
	const char *vr;
	unsigned chars; /* at most, of a value; of each group in a name */
	const char *word;
};
const struct df_worklist_attr *df_worklist_attribute(enum df_worklist_field f);

/*
 * May this value stand there? Its length, its characters and its form are
 * those of the VR. Appends it in its normal form: dates and times without
 * what people write between the digits, codes in capitals, "男" as M.
 * DF_E_USAGE: `why` says what is wrong, without the value.
 */
DF_MUST_CHECK enum df_err df_worklist_value(struct df_buf *to,
					    enum df_worklist_field f,
					    struct df_text value,
					    struct df_why *why);

struct df_worklist_item {
	struct df_text v[DF_WORKLIST_COUNT]; /* borrowed */
	bool has[DF_WORKLIST_COUNT];
};

/* Appends the item: {u16 field, u32 length, bytes}*, then u16 0xffff. */
DF_MUST_CHECK enum df_err
df_worklist_encode(struct df_buf *to, const struct df_worklist_item *item,
		   struct df_why *why);
/* Takes one item off *rest; it borrows from there. False at the end, and with
 * *rest not empty when what is left is no item. */
bool df_worklist_next(struct df_text *rest, struct df_worklist_item *item);

#ifdef __cplusplus
}
#endif
#endif
