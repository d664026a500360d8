/*
 * report_file.c - is a DICOM file that a person submits the report that it
 * should be? Apart from cmd_submit.c, because a statement's media types and
 * DICOM's kinds of reports have names in common.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "df/object.h"

static enum df_err agrees(const struct df_facts *f, const char *study_uid,
			  const char *patient_id, struct df_why *why)
{
	if (strcmp(f->study_uid, study_uid) != 0)
		return df_fail(why, DF_E_REFUSED,
			       "the file is a report on another study, %s",
			       f->study_uid);
	if (f->patient_id[0] != '\0' && patient_id[0] != '\0' &&
	    strcmp(f->patient_id, patient_id) != 0)
		return df_fail(why, DF_E_REFUSED,
			       "the file names another patient than the study");
	return DF_OK;
}

enum df_err df_report_file_check(const void *ptr, size_t len,
				 const char *study_uid, const char *patient_id,
				 struct df_why *why)
{
	struct df_part10 head;
	struct df_facts *f = df_xcalloc(1, sizeof *f);
	enum df_err rc = df_part10_decode(&head, ptr, len, why);

	if (rc == DF_OK && df_report_kind(head.sop_class) == DF_REPORT_NONE)
		rc = df_fail(why, DF_E_UNSUPPORTED,
			     "the DICOM file is neither a structured report "
			     "nor an Encapsulated PDF");
	if (rc == DF_OK)
		rc = df_object_init(why);
	if (rc == DF_OK) {
		const struct df_object o = {
			(const uint8_t *)ptr + head.dataset_at,
			len - head.dataset_at, head.transfer_syntax};

		rc = df_object_facts(&o, f, why);
	}
	if (rc == DF_OK)
		rc = agrees(f, study_uid, patient_id, why);
	explicit_bzero(f, sizeof *f); /* patient data */
	free(f);
	return rc;
}
