/*
 * meaning.c - what a data set says: the walker first, then DCMTK.
 *
 * A deflated data set is inflated here, within bounds, and walked like any
 * other: DCMTK never inflates anything itself. For the facts it gets only the
 * elements that they are made of: it looks each one up in its dictionary, and
 * what else stands in a header is no reason to refuse an image.
 */
#include <stdlib.h>
#include <string.h>

#include "df/frames.h"
#include "df/object.h"
#include "prepare.h"

#define KEPT_ONE_MAX (1u << 17) /* no honest value is as long */
#define KEPT_MAX (1u << 20)

/* The data set as it may be read: itself, or inflated. */
struct readable {
	struct df_object o;
	struct df_buf inflated;
	struct instance *whose; /* NULL, or still to be read */
	struct df_buf kept;	/* the elements that facts are made of */
	struct df_why lack;	/* err != DF_OK: one could not be kept */
};

static bool is_fact(uint32_t tag)
{
	switch (tag) {
#define X(name, cap, group, element) case (group) << 16 | (element):
		DF_FACTS_MAP(X)
#undef X
	case 0x00080051: /* Issuer of Accession Number Sequence */
		return true;
	default:
		return false;
	}
}

static void keep(void *ctx, uint32_t tag, uint64_t at, uint64_t len)
{
	struct readable *r = ctx;

	if (!is_fact(tag) || len > KEPT_ONE_MAX || r->kept.len > KEPT_MAX - len)
		return; /* as if it were not there */
	if (r->whose != NULL && r->inflated.ptr == NULL &&
	    instance_need(r->whose, at, len, &r->lack) != DF_OK)
		return;
	/* `lack` says it */
	(void)!df_buf_add(&r->kept, r->o.ptr + at, len, &r->lack);
}

static enum df_err need(void *ctx, uint64_t at, uint64_t len,
			struct df_why *why)
{
	struct readable *r = ctx;

	return instance_need(r->whose, at, len, why);
}

static bool is_deflated(const char *ts)
{
	return df_walk_syntax_of(df_text_of(ts)) == DF_WALK_OPAQUE;
}

/* whose: NULL, or the instance that these bytes are still to be read of. */
static enum df_err readable_open_lazy(struct readable *r, const uint8_t *ptr,
				      size_t len, const char *ts,
				      uint64_t limit, struct instance *whose,
				      struct df_walk *walk, struct df_why *why)
{
	struct df_walk_limits how = {.ctx = r, .passed = keep};
	enum df_err rc = DF_OK;

	*r = (struct readable){.o = {ptr, len, ts}, .whose = whose};
	df_buf_init(&r->kept, KEPT_MAX);
	if (is_deflated(ts)) {
		df_buf_init(&r->inflated, limit);
		if (whose != NULL)
			rc = instance_need(whose, 0, len, why);
		if (rc == DF_OK)
			rc = df_inflate(&r->inflated, ptr, len, why);
		if (rc != DF_OK)
			return rc;
		r->o = (struct df_object){r->inflated.ptr, r->inflated.len,
					  DF_TS_EXPLICIT_LE};
	} else if (whose != NULL) {
		how.need = need;
	}
	rc = df_walk(walk, r->o.ptr, r->o.len,
		     df_walk_syntax_of(df_text_of(r->o.transfer_syntax)), &how,
		     why);
	if (rc == DF_OK && r->lack.err != DF_OK) {
		rc = r->lack.err;
		if (why != NULL)
			*why = r->lack;
	}
	return rc;
}

static enum df_err readable_open(struct readable *r, const uint8_t *ptr,
				 size_t len, const char *ts, uint64_t limit,
				 struct df_walk *walk, struct df_why *why)
{
	return readable_open_lazy(r, ptr, len, ts, limit, NULL, walk, why);
}

static void readable_release(struct readable *r)
{
	df_buf_release(&r->inflated);
	df_buf_wipe(&r->kept);
}

static enum df_err read_facts(const struct readable *r,
			      const char *transfer_syntax,
			      struct df_facts *facts, struct df_why *why)
{
	struct df_object o = {r->kept.ptr, r->kept.len, transfer_syntax};

	if (o.ptr == NULL)
		o.ptr = (const uint8_t *)"";
	return df_object_facts(&o, facts, why);
}

enum df_err meaning_of(struct instance *in, struct df_walk *walk,
		       struct df_facts *facts, uint64_t limit,
		       struct df_why *why)
{
	struct readable r;
	enum df_err rc = readable_open_lazy(&r, in->data.ptr, in->data.len,
					    in->r.transfer_syntax, limit,
					    in->lazy != NULL ? in : NULL, walk,
					    why);

	if (rc == DF_OK)
		rc = read_facts(&r, r.o.transfer_syntax, facts, why);
	/* a codec newer than DCMTK: the elements are laid out alike */
	if (rc == DF_E_UNSUPPORTED && walk->syntax == DF_WALK_EXPLICIT_LE)
		rc = read_facts(&r, DF_TS_EXPLICIT_LE, facts, why);
	readable_release(&r);
	return rc;
}

enum df_err meaning_agrees(const struct instance *in,
			   const struct df_facts *facts, struct df_why *why)
{
	if (strcmp(in->r.sop_instance, facts->sop_instance) != 0)
		return df_fail(why, DF_E_CONFLICT,
			       "sent as SOP instance %s, the data set says %s",
			       in->r.sop_instance, facts->sop_instance);
	if (strcmp(in->r.sop_class, facts->sop_class) != 0)
		return df_fail(why, DF_E_CONFLICT,
			       "sent as SOP class %s, the data set says %s",
			       in->r.sop_class, facts->sop_class);
	return DF_OK;
}

static void put_identity(struct df_msg *m, const struct df_facts *f)
{
	df_msg_put_opt(m, DF_M_PATIENT_NAME, f->patient_name);
	df_msg_put_opt(m, DF_M_PATIENT_ID, f->patient_id);
	df_msg_put_opt(m, DF_M_PATIENT_ID_ISSUER, f->patient_id_issuer);
	df_msg_put_opt(m, DF_M_BIRTH_DATE, f->patient_birth_date);
	df_msg_put_opt(m, DF_M_SEX, f->patient_sex);
	df_msg_put_opt(m, DF_M_ACCESSION, f->accession_number);
	df_msg_put_opt(m, DF_M_STUDY_DATE, f->study_date);
	df_msg_put_opt(m, DF_M_STUDY_TIME, f->study_time);
	df_msg_put_opt(m, DF_M_STUDY_DESCRIPTION, f->study_description);
	df_msg_put_opt(m, DF_M_MODALITY, f->modality);
	df_msg_put_opt(m, DF_M_BODY_PART, f->body_part);
	df_msg_put_opt(m, DF_M_SERIES_NUMBER, f->series_number);
	df_msg_put_opt(m, DF_M_INSTANCE_NUMBER, f->instance_number);
	df_msg_put_opt(m, DF_M_ROWS, f->rows);
	df_msg_put_opt(m, DF_M_COLUMNS, f->columns);
	df_msg_put_opt(m, DF_M_FRAMES, f->frames);
	df_msg_put_opt(m, DF_M_INSTITUTION, f->institution);
	df_msg_put_opt(m, DF_M_NAME_BASIS, f->name_basis);
}

void meaning_send(struct job *j, const struct instance *in,
		  const struct df_facts *facts, const struct df_digest *pixels,
		  int *data)
{
	struct df_msg m;

	df_msg_init(&m, DF_MSG_FACTS, j->m->tag);
	df_msg_put_str(&m, DF_M_SOP_CLASS, facts->sop_class);
	df_msg_put_str(&m, DF_M_SOP_INSTANCE, facts->sop_instance);
	df_msg_put_str(&m, DF_M_STUDY, facts->study_uid);
	df_msg_put_str(&m, DF_M_SERIES, facts->series_uid);
	df_msg_put_str(&m, DF_M_TRANSFER_SYNTAX, in->r.transfer_syntax);
	df_msg_put_u64(&m, DF_M_SIZE, in->r.size_bytes);
	df_msg_put_digest(&m, DF_M_DIGEST, &in->r.digest);
	df_msg_put_u64(&m, DF_M_RECORD, in->record);
	df_msg_put_opt(&m, DF_M_CODING, in->r.coding);
	df_msg_put_opt(&m, DF_M_CALLING, in->r.calling_ae);
	df_msg_put_u64(&m, DF_M_RECEIVED_MS, (uint64_t)in->r.received_ms);
	if (pixels != NULL)
		df_msg_put_digest(&m, DF_M_PIXEL_DIGEST, pixels);
	put_identity(&m, facts);
	(void)df_room_send(j->queue, &m, data,
			   *data >= 0 ? 1 : 0); /* gone: wait says so */
}

enum df_err meaning_transcode(const struct instance *in, const char *wanted,
			      struct bytes *out, uint64_t limit,
			      struct df_why *why)
{
	struct readable r;
	struct df_walk walk;
	struct df_buf to;
	enum df_err rc =
		readable_open(&r, in->data.ptr, in->data.len,
			      in->r.transfer_syntax, limit, &walk, why);

	df_buf_init(&to, limit);
	if (rc == DF_OK && strcmp(r.o.transfer_syntax, wanted) == 0 &&
	    r.inflated.ptr) {
		df_buf_release(&to); /* inflating was all there was to do */
		to = r.inflated;
		r.inflated = (struct df_buf){0};
	} else if (rc == DF_OK) {
		rc = df_object_transcode(&r.o, wanted, &to, why);
	}
	if (rc == DF_OK)
		out->ptr = df_buf_give(&to, &out->len);
	df_buf_release(&to);
	readable_release(&r);
	return rc;
}

enum df_err meaning_part10(struct df_buf *out, const struct instance *in,
			   const char *transfer_syntax, struct df_why *why)
{
	return df_object_part10(
		out, in->r.sop_class, in->r.sop_instance, transfer_syntax,
		in->r.calling_ae[0] ? in->r.calling_ae : NULL, why);
}

bool meaning_unfinished(const struct instance *in, uint64_t limit)
{
	struct df_report_view view = {0};
	struct df_walk walk;
	struct readable r;
	bool unfinished;

	if (df_report_kind(in->r.sop_class) != DF_REPORT_SR)
		return false;
	/* one that cannot be read is none that is finished */
	unfinished = readable_open(&r, in->data.ptr, in->data.len,
				   in->r.transfer_syntax, limit, &walk,
				   NULL) != DF_OK ||
		     df_object_report(&r.o, limit, &view, NULL) != DF_OK ||
		     !view.complete;
	df_report_view_release(&view);
	readable_release(&r);
	return unfinished;
}

static enum df_err add_view(struct df_buf *text,
			    const struct df_report_view *view,
			    struct df_why *why)
{
	enum df_err rc = DF_OK;

	if (!view->complete)
		rc = df_buf_addf(text, why,
				 "*** 报告未完成 / NOT COMPLETE ***\n");
	if (rc == DF_OK && view->kind == DF_REPORT_SR && !view->verified)
		rc = df_buf_addf(
			text, why,
			"未标明经医师审核 / not marked as verified by a "
			"physician (Verification Flag)\n\n");
	/* an SR begins with its title by itself */
	if (rc == DF_OK && view->title[0] && view->kind != DF_REPORT_SR)
		rc = df_buf_addf(text, why, "%s\n\n", view->title);
	if (rc != DF_OK)
		return rc;
	if (view->kind == DF_REPORT_SR)
		return df_buf_add(text, view->body.ptr, view->body.len, why);
	return df_buf_addf(
		text, why,
		"PDF 文件，%zu 字节；请导出后阅读\n"
		"a PDF document of %zu bytes; export it to read it\n",
		view->body.len, view->body.len);
}

enum df_err meaning_report_about(const struct bytes *file,
				 const char *study_uid, const char *patient_id,
				 uint64_t limit, struct df_why *why)
{
	struct df_facts *f = df_xcalloc(1, sizeof *f);
	struct df_part10 p;
	struct df_walk walk;
	struct readable r = {0};
	enum df_err rc = df_part10_decode(&p, file->ptr, file->len, why);

	if (rc == DF_OK)
		rc = readable_open(&r, file->ptr + p.dataset_at,
				   file->len - p.dataset_at, p.transfer_syntax,
				   limit, &walk, why);
	if (rc == DF_OK)
		rc = read_facts(&r, r.o.transfer_syntax, f, why);
	if (rc == DF_OK && strcmp(f->study_uid, study_uid) != 0)
		rc = df_fail(why, DF_E_CONFLICT,
			     "the report's own study is %s", f->study_uid);
	if (rc == DF_OK && f->patient_id[0] != '\0' && patient_id[0] != '\0' &&
	    strcmp(f->patient_id, patient_id) != 0)
		rc = df_fail(why, DF_E_DENIED,
			     "the report's own patient ID is another");
	readable_release(&r);
	explicit_bzero(f, sizeof *f);
	free(f);
	return rc;
}

enum df_err meaning_report(const struct bytes *file, struct df_buf *text,
			   uint64_t limit, struct df_why *why)
{
	struct df_report_view view = {0};
	struct df_part10 p;
	struct df_walk walk;
	struct readable r;
	enum df_err rc = df_part10_decode(&p, file->ptr, file->len, why);

	if (rc != DF_OK)
		return rc;
	if (df_report_kind(p.sop_class) == DF_REPORT_NONE)
		return df_fail(why, DF_E_FORMAT,
			       "object is neither a structured report nor an "
			       "encapsulated PDF");
	rc = readable_open(&r, file->ptr + p.dataset_at,
			   file->len - p.dataset_at, p.transfer_syntax, limit,
			   &walk, why);
	if (rc == DF_OK)
		rc = df_object_report(&r.o, limit, &view, why);
	if (rc == DF_OK)
		rc = add_view(text, &view, why);
	df_report_view_release(&view);
	readable_release(&r);
	return rc;
}
