/*
 * statement.c - encode and decode of the report statement, see df/statement.h.
 *
 * No failure text repeats a field: they hold patient data.
 */
#include "df/statement.h"

#include <inttypes.h>
#include <string.h>

#include "df/clock.h"
#include "lines.h"

static const char *const STATUS[] = {
	[DF_REPORT_FINAL] = "final",
	[DF_REPORT_PRELIMINARY] = "preliminary",
	[DF_REPORT_AMENDED] = "amended",
	[DF_REPORT_ADDENDUM] = "addendum",
	[DF_REPORT_RETRACTED] = "retracted",
};
static const char *const MEDIA[] = {
	[DF_REPORT_DICOM] = "application/dicom",
	[DF_REPORT_PDF] = "application/pdf",
	[DF_REPORT_HL7V2] = "x-application/hl7-v2+er7",
	[DF_REPORT_FHIR] = "application/fhir+json",
};
static const char *const ROLE[] = {
	[DF_ROLE_REPORTING] = "reporting-physician",
	[DF_ROLE_VERIFYING] = "verifying-physician",
	[DF_ROLE_SEAL] = "centre-seal",
};
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const char *word_of(const char *const *table, size_t n, unsigned i)
{
	return i < n ? table[i] : NULL;
}

static bool word_find(const char *const *table, size_t n, struct df_text w,
		      unsigned *i)
{
	for (*i = 0; *i < n; ++*i)
		if (df_text_eq(w, table[*i]))
			return true;
	return false;
}

const char *df_report_status_word(enum df_report_status status)
{
	return word_of(STATUS, COUNT(STATUS), (unsigned)status);
}

const char *df_report_media_word(enum df_report_media media)
{
	return word_of(MEDIA, COUNT(MEDIA), (unsigned)media);
}

const char *df_report_role_word(enum df_report_role role)
{
	return word_of(ROLE, COUNT(ROLE), (unsigned)role);
}

bool df_report_status_from(struct df_text word, enum df_report_status *status)
{
	unsigned i;

	if (!word_find(STATUS, COUNT(STATUS), word, &i))
		return false;
	*status = (enum df_report_status)i;
	return true;
}

bool df_report_media_from(struct df_text word, enum df_report_media *media)
{
	unsigned i;

	if (!word_find(MEDIA, COUNT(MEDIA), word, &i))
		return false;
	*media = (enum df_report_media)i;
	return true;
}

bool df_report_role_from(struct df_text word, enum df_report_role *role)
{
	unsigned i;

	if (!word_find(ROLE, COUNT(ROLE), word, &i))
		return false;
	*role = (enum df_report_role)i;
	return true;
}

enum df_err df_statement_set_text(char field[DF_STATEMENT_TEXT_MAX + 1],
				  struct df_text t)
{
	field[0] = '\0';
	while (t.len > 0 && t.ptr[t.len - 1] == ' ')
		t.len--;
	while (t.len > 0 && t.ptr[0] == ' ')
		t = (struct df_text){t.ptr + 1, t.len - 1};
	if (!df_text_clean(t, NULL))
		return DF_E_FORMAT;
	if (t.len > DF_STATEMENT_TEXT_MAX)
		return DF_E_LIMIT;
	if (df_text_eq(t, "-"))
		return DF_OK;
	return df_str_copy(field, DF_STATEMENT_TEXT_MAX + 1, t);
}

/* A field as set_text leaves it. */
static bool field_valid(const char *field)
{
	size_t n = strnlen(field, DF_STATEMENT_TEXT_MAX + 1);

	if (n > DF_STATEMENT_TEXT_MAX || !strcmp(field, "-"))
		return false;
	if (n > 0 && (field[0] == ' ' || field[n - 1] == ' '))
		return false;
	return df_text_clean((struct df_text){field, n}, NULL);
}

static enum df_err check(const struct df_statement *s, struct df_why *why)
{
	struct df_id id;

	if (!df_id_decode(&id, df_text_of(s->report_id.s)))
		return df_fail(why, DF_E_FORMAT, "report id is not an id");
	if (s->version == 0 ||
	    (s->version == 1) != df_digest_is_zero(&s->previous))
		return df_fail(why, DF_E_FORMAT,
			       "report version %u and predecessor disagree",
			       s->version);
	if (!df_report_status_word(s->status) ||
	    !df_report_media_word(s->media) || !df_report_role_word(s->role))
		return df_fail(why, DF_E_FORMAT,
			       "status, media type or role is not known");
	if (!df_uid_valid(df_text_of(s->study_uid)))
		return df_fail(why, DF_E_FORMAT, "study UID is not a UID");
	if (!field_valid(s->accession) || !field_valid(s->accession_issuer) ||
	    !field_valid(s->patient_id) || !field_valid(s->patient_id_issuer))
		return df_fail(why, DF_E_FORMAT,
			       "accession or patient id is not clean text");
	if (!df_hex_valid(&s->clinic_node) || !df_hex_valid(&s->centre_node))
		return df_fail(why, DF_E_FORMAT, "node is not a fingerprint");
	if (df_digest_is_zero(&s->content) || s->signed_at_ms < 0 ||
	    s->image_count > DF_STATEMENT_IMAGES_MAX)
		return df_fail(why, DF_E_FORMAT,
			       "content, time or images are not valid");
	return DF_OK;
}

static const char *dash(const char *field)
{
	return field[0] == '\0' ? "-" : field;
}

static enum df_err add_images(const struct df_statement *s, struct df_buf *out,
			      struct df_why *why)
{
	enum df_err rc = df_buf_addf(out, why, "images: ");
	uint32_t i;

	if (rc == DF_OK && s->image_count == 0)
		rc = df_buf_addf(out, why, "-");
	for (i = 0; rc == DF_OK && i < s->image_count; i++) {
		if (df_digest_is_zero(&s->images[i]))
			return df_fail(why, DF_E_FORMAT,
				       "digest of the images is empty");
		rc = df_buf_addf(out, why, "%s%s", i ? "," : "",
				 df_ref_of(&s->images[i]).s);
	}
	return rc != DF_OK ? rc : df_buf_addf(out, why, "\n");
}

static enum df_err add_who(const struct df_statement *s, struct df_buf *out,
			   struct df_why *why)
{
	return df_buf_addf(out, why,
			   "dcmf-report: 1\n"
			   "report-id: %s\n"
			   "report-version: %" PRIu32 "\n"
			   "status: %s\n"
			   "previous: %s\n"
			   "study-uid: %s\n"
			   "accession: %s\n"
			   "accession-issuer: %s\n"
			   "patient-id: %s\n"
			   "patient-id-issuer: %s\n"
			   "patient-name-sha256: %s\n",
			   s->report_id.s, s->version,
			   df_report_status_word(s->status),
			   df_ref_of(&s->previous).s, s->study_uid,
			   dash(s->accession), dash(s->accession_issuer),
			   dash(s->patient_id), dash(s->patient_id_issuer),
			   df_digest_is_zero(&s->patient_name)
				   ? "-"
				   : df_digest_hex(&s->patient_name).s);
}

enum df_err df_statement_encode(const struct df_statement *s,
				struct df_buf *out, struct df_why *why)
{
	char time[DF_TIME_LEN + 1];
	enum df_err rc = check(s, why);

	if (rc == DF_OK)
		rc = add_who(s, out, why);
	if (rc == DF_OK)
		rc = add_images(s, out, why);
	if (rc != DF_OK)
		return rc;
	df_time_encode(time, s->signed_at_ms);
	return df_buf_addf(out, why,
			   "clinic-node: %s\n"
			   "centre-node: %s\n"
			   "media-type: %s\n"
			   "content: %s\n"
			   "content-length: %" PRIu64 "\n"
			   "signer-role: %s\n"
			   "signed-at: %s\n",
			   s->clinic_node.s, s->centre_node.s,
			   df_report_media_word(s->media),
			   df_ref_of(&s->content).s, s->content_bytes,
			   df_report_role_word(s->role), time);
}

static void take_text(struct df_lines *l, const char *key, char *field)
{
	struct df_text v = df_lines_take(l, key);

	if (df_statement_set_text(field, v) != DF_OK)
		df_lines_bad(l, "not clean text");
}

static void take_name(struct df_lines *l, struct df_statement *s)
{
	struct df_text v = df_lines_take(l, "patient-name-sha256");

	if (!df_text_eq(v, "-") && !df_digest_decode(&s->patient_name, v))
		df_lines_bad(l, "not a digest");
}

static void take_images(struct df_lines *l, struct df_statement *s)
{
	struct df_text v = df_lines_take(l, "images");
	struct df_text one;

	if (df_text_eq(v, "-"))
		return;
	while (l->rc == DF_OK && v.len > 0) {
		one = (struct df_text){v.ptr,
				       v.len < DF_REF_LEN ? v.len : DF_REF_LEN};
		if (s->image_count == DF_STATEMENT_IMAGES_MAX ||
		    !df_ref_decode(&s->images[s->image_count++], one)) {
			df_lines_bad(l, "not digests of manifests");
			return;
		}
		v = (struct df_text){v.ptr + one.len, v.len - one.len};
		if (v.len > 0) /* canonical() sees what is not a comma */
			v = (struct df_text){v.ptr + 1, v.len - 1};
	}
}

static void take_rest(struct df_lines *l, struct df_statement *s)
{
	df_lines_hex(l, "clinic-node", &s->clinic_node);
	df_lines_hex(l, "centre-node", &s->centre_node);
	if (!df_report_media_from(df_lines_take(l, "media-type"), &s->media))
		df_lines_bad(l, "not a media type that we know");
	df_lines_digest(l, "content", &s->content);
	s->content_bytes = df_lines_u64(l, "content-length", INT64_MAX);
	if (!df_report_role_from(df_lines_take(l, "signer-role"), &s->role))
		df_lines_bad(l, "not a role that we know");
	s->signed_at_ms = df_lines_time(l, "signed-at");
}

static void take_head(struct df_lines *l, struct df_statement *s)
{
	df_lines_word(l, "dcmf-report", "1");
	if (!df_id_decode(&s->report_id, df_lines_take(l, "report-id")))
		df_lines_bad(l, "not an id");
	s->version = (uint32_t)df_lines_u64(l, "report-version", UINT32_MAX);
	if (!df_report_status_from(df_lines_take(l, "status"), &s->status))
		df_lines_bad(l, "not a status that we know");
	df_lines_digest(l, "previous", &s->previous);
	df_lines_uid(l, "study-uid", s->study_uid);
	take_text(l, "accession", s->accession);
	take_text(l, "accession-issuer", s->accession_issuer);
	take_text(l, "patient-id", s->patient_id);
	take_text(l, "patient-id-issuer", s->patient_id_issuer);
	take_name(l, s);
	take_images(l, s);
}

enum df_err df_statement_decode(struct df_text text, struct df_statement *s,
				struct df_why *why)
{
	struct df_buf again;
	struct df_lines l;
	enum df_err rc;

	*s = (struct df_statement){0};
	df_buf_init(&again, DF_STATEMENT_BYTES_MAX + 1);
	df_lines_init(&l, text, DF_STATEMENT_BYTES_MAX, why);
	take_head(&l, s);
	take_rest(&l, s);
	if (l.rc == DF_OK)
		l.rc = df_statement_encode(s, &again, why);
	rc = df_lines_canonical(&l, text, &again);
	df_buf_release(&again);
	return rc;
}
