/*
 * object.h - the meaning of a DICOM data set in memory.
 *
 * Conventions as in dimse.h: no C++ or DCMTK type or exception crosses. A data
 * set is (ptr, len) and its transfer syntax, without preamble and file meta
 * information. Everything here works on memory, after the bounded walker has
 * passed it. No text of a data set goes into a df_why.
 */
#ifndef DF_OBJECT_H
#define DF_OBJECT_H

#include "df/buf.h"
#include "df/facts.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Transfer syntaxes that the code names. */
#define DF_TS_IMPLICIT_LE "1.2.840.10008.1.2"
#define DF_TS_EXPLICIT_LE "1.2.840.10008.1.2.1"
#define DF_TS_DEFLATED_LE "1.2.840.10008.1.2.1.99"
#define DF_TS_EXPLICIT_BE "1.2.840.10008.1.2.2"
#define DF_TS_JPEG_LOSSLESS "1.2.840.10008.1.2.4.57"
#define DF_TS_JPEG_LOSSLESS_SV1 "1.2.840.10008.1.2.4.70"
#define DF_TS_JPEG_LS_LOSSLESS "1.2.840.10008.1.2.4.80"
#define DF_TS_JPEG2000_LOSSLESS "1.2.840.10008.1.2.4.90"
#define DF_TS_RLE_LOSSLESS "1.2.840.10008.1.2.5"

struct df_object {
	const uint8_t *ptr; /* borrowed */
	size_t len;
	const char *transfer_syntax;
};

/* Loads the data dictionary and silences DCMTK's log. Once a process, before
 * it confines itself; DF_E_CONFIG when the dictionary is not there. */
DF_MUST_CHECK enum df_err df_object_init(struct df_why *why);

/*
 * Reads the facts. Elements that are absent stay ""; a data set without valid
 * SOP Class, SOP Instance, Study and Series Instance UIDs is DF_E_FORMAT (the
 * facts found so far are there). DF_E_FORMAT also for what DCMTK cannot read,
 * DF_E_UNSUPPORTED for a transfer syntax it does not know.
 */
DF_MUST_CHECK enum df_err df_object_facts(const struct df_object *o,
					  struct df_facts *facts,
					  struct df_why *why);

/*
 * Writes the data set in another transfer syntax into *out, without loss:
 * between all uncompressed ones and deflated; from JPEG-LS lossless, JPEG
 * lossless and RLE to uncompressed; from all of these to JPEG-LS lossless.
 * Lossy pixel data is never decoded or coded again. The pixels of a coded
 * result are decoded again and compared. DF_E_UNSUPPORTED says why not;
 * DF_E_LIMIT past out's maximum.
 */
DF_MUST_CHECK enum df_err df_object_transcode(const struct df_object *o,
					      const char *transfer_syntax,
					      struct df_buf *out,
					      struct df_why *why);
/* Whether transcode is worth trying, by the two UIDs alone. */
bool df_object_can_transcode(const char *from, const char *to);

/*
 * The preamble, "DICM" and file meta information that make the data set a
 * Part 10 file when the unchanged data set bytes follow: appended to *out.
 * Needs no dictionary. source_ae may be NULL.
 */
DF_MUST_CHECK enum df_err
df_object_part10(struct df_buf *out, const char *sop_class,
		 const char *sop_instance, const char *transfer_syntax,
		 const char *source_ae, struct df_why *why);

/* What a Part 10 file in memory says of itself, and where the data set lies.
 * Only the file meta information is read. A file without preamble or meta
 * information is DF_E_FORMAT. */
struct df_part10 {
	char sop_class[65];
	char sop_instance[65];
	char transfer_syntax[65];
	size_t dataset_at; /* the data set is ptr[dataset_at..len) */
};
DF_MUST_CHECK enum df_err df_part10_decode(struct df_part10 *p, const void *ptr,
					   size_t len, struct df_why *why);

/* --- reports ---------------------------------------------------------------*/

enum df_report_kind { DF_REPORT_NONE, DF_REPORT_SR, DF_REPORT_PDF };
/* By SOP class alone: is it an SR document or an Encapsulated PDF? */
enum df_report_kind df_report_kind(const char *sop_class);

struct df_report_view {
	enum df_report_kind kind;
	bool complete;	 /* SR: Completion Flag; PDF: always true */
	bool verified;	 /* SR: Verification Flag; PDF: attribute of its
			    Verification Flag when present */
	char title[300]; /* UTF-8; patient data */
	/* SR: UTF-8 plain text. PDF: the PDF's bytes, padding removed. */
	struct df_buf body;
};
/* Renders an SR or extracts a PDF. *view is initialised with the maximum and
 * belongs to the caller: release it in every case. */
DF_MUST_CHECK enum df_err df_object_report(const struct df_object *o,
					   size_t max_bytes,
					   struct df_report_view *view,
					   struct df_why *why);
void df_report_view_release(struct df_report_view *view); /* idempotent */

/* --- tables ----------------------------------------------------------------*/

/* What DCMTK knows; NULL past the end. */
const char *df_storage_class_at(size_t i);
const char *df_transfer_syntax_at(size_t i); /* without private and video-only
						ones left out: all storable */
bool df_storage_class_known(const char *uid);
/* Encapsulated (pixel data in fragments)? */
bool df_transfer_syntax_encapsulated(const char *uid);
const char *df_uid_name(const char *uid); /* "" when not known */

#ifdef __cplusplus
}
#endif
#endif
