/*
 * bundle.c - report bundles: statement, signature, the report's own bytes.
 *
 * SEAL_REPORT writes one; OPEN_REPORT says whether its signature holds and
 * its content is what was signed; REPORT_PART gives a part of it for showing.
 * Whether a bundle may be shown is not decided here.
 */
#include <string.h>

#include "df/digest.h"
#include "df/sign.h"
#include "df/statement.h"
#include "prepare.h"

/* Verdicts of OPEN_REPORT (message.h). */
enum { SIGNED = 0, SEALED = 1, REJECTED = 2 };

struct bundle {
	struct bytes statement;
	struct bytes cms;
	struct bytes body;
};

static void bundle_release(struct bundle *b)
{
	bytes_release(&b->statement);
	bytes_release(&b->cms);
	bytes_release(&b->body);
}

static struct df_text text_of(const struct bytes *b)
{
	return (struct df_text){(const char *)b->ptr, b->len};
}

/* --- SEAL_REPORT --- */

static enum df_err seal_part(struct sink *to, enum df_record_type type,
			     const char *name, const struct bytes *b,
			     struct df_why *why)
{
	struct df_digest digest;

	df_sha256(&digest, b->ptr, b->len);
	return sink_record(to, type, name, &digest, (struct df_text){0},
			   text_of(b), why);
}

static enum df_err seal_bundle(struct job *j, const struct df_cek *cek,
			       const struct bundle *b)
{
	struct sink to = {0};
	struct df_text header;
	enum df_err rc;

	if (!df_msg_get(j->m, DF_M_HEADER, &header))
		return df_fail(&j->why, DF_E_BUG, "job without a header");
	rc = sink_open(&to, j->fds[0], header, cek, &j->why);
	if (rc == DF_OK)
		rc = seal_part(&to, DF_RECORD_STATEMENT, "statement",
			       &b->statement, &j->why);
	if (rc == DF_OK)
		rc = seal_part(&to, DF_RECORD_CMS, "cms", &b->cms, &j->why);
	if (rc == DF_OK)
		rc = seal_part(&to, DF_RECORD_BODY, "body", &b->body, &j->why);
	if (rc == DF_OK)
		rc = sink_close(&to, &j->done, &j->why);
	sink_release(&to);
	return rc;
}

enum df_err report_seal_run(struct job *j)
{
	struct bundle b = {0};
	struct df_cek cek;
	enum df_err rc = job_fds(j, 4);

	if (rc == DF_OK)
		rc = job_cek(j, j->m, &cek);
	if (rc != DF_OK)
		return rc;
	rc = bytes_of_fd(&b.statement, j->fds[1], DF_STATEMENT_BYTES_MAX,
			 &j->why);
	if (rc == DF_OK)
		rc = bytes_of_fd(&b.cms, j->fds[2], DF_SIGN_CMS_MAX, &j->why);
	if (rc == DF_OK)
		rc = bytes_of_fd(&b.body, j->fds[3], j->limit_bytes, &j->why);
	if (rc == DF_OK)
		rc = seal_bundle(j, &cek, &b);
	bundle_release(&b);
	df_wipe(&cek, sizeof cek);
	return rc;
}

/* --- reading --- */

struct part {
	enum df_record_type type;
	const char *name;
	struct bytes *to;
	uint64_t limit;
};

static enum df_err read_part(struct source *s, const struct part *p,
			     struct df_record_contents *got, uint64_t *at,
			     struct df_why *why)
{
	struct df_record_entry entry = {.offset = *at};
	struct record r;
	enum df_err rc = source_record(s, *at, &r, p->limit, why);

	if (rc != DF_OK)
		return rc;
	*p->to = r.body;
	*at = r.next;
	if (r.frame.type != p->type || r.header.len)
		return df_fail(
			why, DF_E_FORMAT,
			"record '%s' of a report is not where it must be",
			p->name);
	df_str_fmt(entry.name, sizeof entry.name, "%s", p->name);
	df_sha256(&entry.digest, r.body.ptr, r.body.len);
	return df_record_contents_add(got, &entry, why);
}

static enum df_err read_contents(struct source *s,
				 const struct df_record_contents *got,
				 uint64_t at, struct df_why *why)
{
	struct record r;
	enum df_err rc = source_record(s, at, &r, DF_RECORD_CONTENTS_MAX, why);

	if (rc != DF_OK)
		return rc;
	if (r.frame.type != DF_RECORD_CONTENTS)
		rc = df_fail(why, DF_E_MANIFEST, "report has no contents");
	else if (r.next != df_reader_size(&s->reader))
		rc = df_fail(why, DF_E_TRAIL,
			     "bytes follow the contents record");
	else
		rc = contents_agree(&r, got, why);
	bytes_release(&r.body);
	return rc;
}

static enum df_err read_bundle(struct source *s, struct bundle *b,
			       uint64_t limit, struct df_why *why)
{
	const struct part parts[] = {
		{DF_RECORD_STATEMENT, "statement", &b->statement,
		 DF_STATEMENT_BYTES_MAX},
		{DF_RECORD_CMS, "cms", &b->cms, DF_SIGN_CMS_MAX},
		{DF_RECORD_BODY, "body", &b->body, limit},
	};
	struct df_record_contents got = {0};
	uint64_t at = 0;
	enum df_err rc = DF_OK;

	for (size_t i = 0; rc == DF_OK && i < 3; i++)
		rc = read_part(s, &parts[i], &got, &at, why);
	if (rc == DF_OK)
		rc = read_contents(s, &got, at, why);
	df_record_contents_release(&got);
	return rc;
}

static enum df_err open_bundle(struct job *j, struct bundle *b)
{
	struct source s = {0};
	struct df_cek cek;
	uint64_t length;
	enum df_err rc = job_fds(j, 1);

	if (rc == DF_OK)
		rc = job_cek(j, j->m, &cek);
	if (rc == DF_OK)
		rc = job_u64(j, j->m, DF_M_LENGTH, &length);
	if (rc != DF_OK)
		return rc;
	rc = source_open(&s, j->fds[0], &cek, length, DF_SEALED_REPORT,
			 &j->why);
	if (rc == DF_OK)
		rc = read_bundle(&s, b, j->limit_bytes, &j->why);
	source_release(&s);
	df_wipe(&cek, sizeof cek);
	return rc;
}

/* --- OPEN_REPORT --- */

struct verdict {
	unsigned number;
	const char *reason; /* word of core/report_policy, static */
	char why[200];
	char signer[DF_NODE_NAME_MAX + 1];
};

static void reject(struct verdict *v, const char *reason, const char *text)
{
	v->number = REJECTED;
	v->reason = reason;
	df_str_fmt(v->why, sizeof v->why, "%.*s", (int)sizeof v->why - 1, text);
}

/* Does the body parse as what the statement says it is? */
static enum df_err check_media(struct job *j, const struct df_statement *st,
			       const struct bytes *body, struct df_why *why)
{
	struct df_buf text;
	enum df_err rc;

	switch (st->media) {
	case DF_REPORT_PDF:
		if (body->len < 8 || memcmp(body->ptr, "%PDF-", 5) != 0)
			return df_fail(why, DF_E_FORMAT, "body is not a PDF");
		return DF_OK;
	case DF_REPORT_DICOM:
		df_buf_init(&text, j->limit_bytes);
		rc = meaning_report(body, &text, j->limit_bytes, why);
		df_buf_release(&text);
		return rc;
	case DF_REPORT_HL7V2:
	case DF_REPORT_FHIR:
		break;
	}
	return df_fail(why, DF_E_UNSUPPORTED,
		       "media type %s is not read here yet",
		       df_report_media_word(st->media));
}

/* The statement speaks of one study; the report inside may not of another. */
static void check_about(struct job *j, const struct df_statement *st,
			const struct bytes *body, struct verdict *v)
{
	struct df_why why = {0};
	enum df_err rc = meaning_report_about(
		body, st->study_uid, st->patient_id, j->limit_bytes, &why);

	if (rc == DF_E_CONFLICT)
		reject(v, "wrong-study", why.text);
	else if (rc == DF_E_DENIED)
		reject(v, "wrong-patient", why.text);
	else if (rc != DF_OK)
		reject(v, "unreadable-content", why.text);
}

static void check_signature(const struct bundle *b,
			    const struct df_statement *st,
			    const struct df_sign_trust *trust, int64_t now_ms,
			    struct verdict *v)
{
	struct df_sign_result r = {0};

	df_report_verify(&r, b->cms.ptr, b->cms.len, b->statement.ptr,
			 b->statement.len, trust, now_ms, st->signed_at_ms);
	memcpy(v->signer, r.signer, sizeof v->signer);
	if (r.verdict != DF_SIGN_GOOD) {
		reject(v, df_sign_word(r.verdict),
		       r.detail[0] ? r.detail : df_sign_text(r.verdict));
		return;
	}
	v->number = r.seal ? SEALED : SIGNED;
	if (r.seal != (st->role == DF_ROLE_SEAL))
		reject(v, "wrong-role",
		       "the signer is not in the role that the statement "
		       "names");
}

static void judge(struct job *j, const struct bundle *b,
		  const struct df_sign_trust *trust, int64_t now_ms,
		  struct verdict *v)
{
	struct df_statement st;
	struct df_digest digest;
	struct df_why why = {0};

	if (df_statement_decode(text_of(&b->statement), &st, &why) != DF_OK) {
		reject(v, "unreadable-statement", why.text);
		return;
	}
	/* the name of the signer is worth showing whatever follows */
	check_signature(b, &st, trust, now_ms, v);
	if (v->number == REJECTED)
		return;
	df_sha256(&digest, b->body.ptr, b->body.len);
	if (st.content_bytes != b->body.len ||
	    !df_digest_same(&digest, &st.content)) {
		reject(v, df_sign_word(DF_SIGN_CONTENT),
		       "the report's bytes are not those that were signed");
		return;
	}
	if (check_media(j, &st, &b->body, &why) != DF_OK) {
		reject(v, "unreadable-content", why.text);
		return;
	}
	if (st.media == DF_REPORT_DICOM)
		check_about(j, &st, &b->body, v);
}

enum df_err report_open_run(struct job *j)
{
	struct bundle b = {0};
	struct bytes anchors = {0}, seals = {0};
	struct verdict v = {0};
	struct df_digest digest;
	uint64_t now_ms = 0;
	enum df_err rc = job_fds(j, 3);

	if (rc == DF_OK)
		rc = job_u64(j, j->m, DF_M_NOW_MS, &now_ms);
	if (rc == DF_OK)
		rc = open_bundle(j, &b);
	if (rc == DF_OK)
		rc = bytes_of_fd(&anchors, j->fds[1], 4 << 20, &j->why);
	if (rc == DF_OK)
		rc = bytes_of_fd(&seals, j->fds[2], 4 << 20, &j->why);
	if (rc == DF_OK) {
		const struct df_sign_trust trust = {text_of(&anchors),
						    text_of(&seals)};

		judge(j, &b, &trust, (int64_t)now_ms, &v);
		df_sha256(&digest, b.statement.ptr, b.statement.len);
		df_msg_put_text(&j->done, DF_M_STATEMENT,
				text_of(&b.statement));
		df_msg_put_digest(&j->done, DF_M_DIGEST, &digest);
		df_msg_put_u64(&j->done, DF_M_VERDICT, v.number);
		df_msg_put_opt(&j->done, DF_M_REASON, v.reason);
		df_msg_put_opt(&j->done, DF_M_WHY, v.why);
		df_msg_put_opt(&j->done, DF_M_SIGNER, v.signer);
	}
	bytes_release(&anchors);
	bytes_release(&seals);
	bundle_release(&b);
	return rc;
}

/* --- REPORT_PART --- */

static enum df_err show_text(struct job *j, const struct bundle *b,
			     struct df_buf *out)
{
	struct df_statement st;
	enum df_err rc =
		df_statement_decode(text_of(&b->statement), &st, &j->why);

	if (rc != DF_OK)
		return rc;
	if (st.media == DF_REPORT_DICOM)
		return meaning_report(&b->body, out, j->limit_bytes, &j->why);
	if (st.media == DF_REPORT_PDF)
		return df_buf_addf(
			out, &j->why,
			"PDF 文件，%zu 字节；请导出后阅读\n"
			"a PDF document of %zu bytes; export it to read it\n",
			b->body.len, b->body.len);
	return df_fail(&j->why, DF_E_UNSUPPORTED,
		       "media type %s is not shown here yet",
		       df_report_media_word(st.media));
}

static const char *media_of(const struct bundle *b)
{
	struct df_statement st;

	if (df_statement_decode(text_of(&b->statement), &st, NULL) != DF_OK)
		return "application/octet-stream";
	return df_report_media_word(st.media);
}

enum df_err report_part_run(struct job *j)
{
	struct bundle b = {0};
	struct df_text form = {0};
	struct df_buf text;
	struct df_text part = {0};
	const char *media = "text/plain; charset=utf-8";
	enum df_err rc = open_bundle(j, &b);

	df_buf_init(&text, j->limit_bytes);
	(void)df_msg_get(j->m, DF_M_FORM, &form); /* absent: refused below */
	if (rc == DF_OK && df_text_eq(form, "text")) {
		rc = show_text(j, &b, &text);
		part = (struct df_text){(const char *)text.ptr, text.len};
	} else if (rc == DF_OK && df_text_eq(form, "body")) {
		media = media_of(&b);
		part = text_of(&b.body);
	} else if (rc == DF_OK && df_text_eq(form, "statement")) {
		part = text_of(&b.statement);
	} else if (rc == DF_OK && df_text_eq(form, "cms")) {
		media = "application/pkcs7-signature";
		part = text_of(&b.cms);
	} else if (rc == DF_OK) {
		rc = df_fail(&j->why, DF_E_BUG, "report part is not one");
	}
	if (rc == DF_OK)
		rc = bytes_to_memfd(&j->out_fd, part.ptr, part.len, NULL, 0,
				    &j->why);
	if (rc == DF_OK) {
		df_msg_put_str(&j->done, DF_M_MEDIA, media);
		df_msg_put_u64(&j->done, DF_M_SIZE, part.len);
	}
	df_buf_release(&text);
	bundle_release(&b);
	return rc;
}
