/*
 * facts.h - what we know of an instance from its data set, as text.
 *
 * Filled by df_object_facts (dicom). Every value is valid UTF-8 without control
 * characters, terminated, "" when absent. All but the UIDs may identify a
 * patient: never log them, never put them into a df_why.
 */
#ifndef DF_FACTS_H
#define DF_FACTS_H

#include "df/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* name, capacity in bytes with the end, group, element */
#define DF_FACTS_MAP(X)                            \
	X(sop_class, 65, 0x0008, 0x0016)           \
	X(sop_instance, 65, 0x0008, 0x0018)        \
	X(study_uid, 65, 0x0020, 0x000d)           \
	X(series_uid, 65, 0x0020, 0x000e)          \
	X(modality, 17, 0x0008, 0x0060)            \
	X(patient_name, 300, 0x0010, 0x0010)       \
	X(patient_id, 200, 0x0010, 0x0020)         \
	X(patient_id_issuer, 200, 0x0010, 0x0021)  \
	X(patient_birth_date, 17, 0x0010, 0x0030)  \
	X(patient_sex, 17, 0x0010, 0x0040)         \
	X(accession_number, 65, 0x0008, 0x0050)    \
	X(study_id, 65, 0x0020, 0x0010)            \
	X(study_date, 17, 0x0008, 0x0020)          \
	X(study_time, 29, 0x0008, 0x0030)          \
	X(study_description, 200, 0x0008, 0x1030)  \
	X(series_description, 200, 0x0008, 0x103e) \
	X(series_number, 17, 0x0020, 0x0011)       \
	X(instance_number, 17, 0x0020, 0x0013)     \
	X(body_part, 33, 0x0018, 0x0015)           \
	X(institution, 200, 0x0008, 0x0080)        \
	X(manufacturer, 200, 0x0008, 0x0070)       \
	X(device, 200, 0x0008, 0x1090)             \
	X(rows, 17, 0x0028, 0x0010)                \
	X(columns, 17, 0x0028, 0x0011)             \
	X(frames, 17, 0x0028, 0x0008)              \
	X(bits_allocated, 17, 0x0028, 0x0100)      \
	X(bits_stored, 17, 0x0028, 0x0101)         \
	X(samples, 17, 0x0028, 0x0002)             \
	X(photometric, 33, 0x0028, 0x0004)         \
	X(charset, 129, 0x0008, 0x0005)            \
	X(completion, 17, 0x0040, 0xa491)          \
	X(verification, 17, 0x0040, 0xa493)        \
	X(document_title, 300, 0x0042, 0x0010)

struct df_facts {
#define X(name, cap, group, element) char name[cap];
	DF_FACTS_MAP(X)
#undef X
	/* Universal or local id of (0008,0051), its first item. */
	char accession_issuer[200];
	/* How sure the text is, df_text_basis_name (charset.h): of the patient's
	 * name and number, and of the worst of all elements. */
	char name_basis[17];
	char text_basis[17];
};

#ifdef __cplusplus
}
#endif
#endif
