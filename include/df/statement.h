/*
 * statement.h - the report statement: the text a report's signature covers.
 *
 * It binds the report's bytes to a study, a patient, a clinic, a version and
 * the images that were read. Digest of a statement = SHA-256 over exactly the
 * encoded text. Canonical like the manifest. docs/formats/report.md.
 *
 * Holds patient data: never log a field, never put one into a df_why.
 */
#ifndef DF_STATEMENT_H
#define DF_STATEMENT_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_STATEMENT_BYTES_MAX (16U << 10)
#define DF_STATEMENT_TEXT_MAX 260 /* bytes of UTF-8: LO of 64 characters */
#define DF_STATEMENT_IMAGES_MAX 16

/* Wire words in this order; numbers are part of room messages. */
enum df_report_status {
	DF_REPORT_FINAL,
	DF_REPORT_PRELIMINARY,
	DF_REPORT_AMENDED,
	DF_REPORT_ADDENDUM,
	DF_REPORT_RETRACTED,
};
enum df_report_media {
	DF_REPORT_DICOM, /* application/dicom: SR or Encapsulated PDF, part 10
			  */
	DF_REPORT_PDF,	 /* application/pdf */
	DF_REPORT_HL7V2, /* x-application/hl7-v2+er7 */
	DF_REPORT_FHIR,	 /* application/fhir+json */
};
enum df_report_role {
	DF_ROLE_REPORTING, /* reporting-physician */
	DF_ROLE_VERIFYING, /* verifying-physician */
	DF_ROLE_SEAL,	   /* centre-seal */
};

struct df_statement {
	struct df_id report_id; /* df_id_new(); the same for all versions */
	uint32_t version;	/* from 1 */
	enum df_report_status status;
	struct df_digest previous; /* statement it follows; zero: version 1 */
	char study_uid[65];
	/* free text, UTF-8 without control characters; "" is written "-" */
	char accession[DF_STATEMENT_TEXT_MAX + 1];
	char accession_issuer[DF_STATEMENT_TEXT_MAX + 1];
	char patient_id[DF_STATEMENT_TEXT_MAX + 1];
	char patient_id_issuer[DF_STATEMENT_TEXT_MAX + 1];
	struct df_digest patient_name; /* SHA-256 of the name's UTF-8; zero */
	struct df_digest images[DF_STATEMENT_IMAGES_MAX]; /* manifests read */
	uint32_t image_count;
	struct df_hex clinic_node;
	struct df_hex centre_node;
	enum df_report_media media;
	struct df_digest content; /* of the report's bytes */
	uint64_t content_bytes;
	enum df_report_role role;
	int64_t signed_at_ms; /* wall; only whole seconds are written */
};

/* Appends the text. DF_E_FORMAT for a field that decode would refuse. */
DF_MUST_CHECK enum df_err df_statement_encode(const struct df_statement *s,
					      struct df_buf *out,
					      struct df_why *why);
DF_MUST_CHECK enum df_err df_statement_decode(struct df_text text,
					      struct df_statement *s,
					      struct df_why *why);

/* Copies text into one of the free-text fields: trims spaces, "-" becomes "".
 * DF_E_FORMAT when it is not clean UTF-8, DF_E_LIMIT when it is too long. */
DF_MUST_CHECK enum df_err
df_statement_set_text(char field[DF_STATEMENT_TEXT_MAX + 1], struct df_text t);

/* The words on the wire, and back; false for an unknown word. */
const char *df_report_status_word(enum df_report_status status);
bool df_report_status_from(struct df_text word, enum df_report_status *status);
const char *df_report_media_word(enum df_report_media media);
bool df_report_media_from(struct df_text word, enum df_report_media *media);
const char *df_report_role_word(enum df_report_role role);
bool df_report_role_from(struct df_text word, enum df_report_role *role);

#ifdef __cplusplus
}
#endif
#endif
