/*
 * restore.c - RESTORE: one instance as it came, or in the first of the wanted
 * transfer syntaxes that it can be brought to without loss.
 */
#include <string.h>

#include "prepare.h"

struct restored {
	struct instance in;
	struct bytes body;  /* {0} for a raw object */
	char ts[65];	    /* as it goes out */
	struct bytes other; /* in ts; {0}: the original */
};

/* The original bytes, once. */
static enum df_err original(struct job *j, struct restored *r)
{
	if (r->in.data.ptr != NULL || r->body.ptr == NULL)
		return DF_OK;
	return instance_decode(&r->in, &r->body, j->limit_bytes, &j->why);
}

static enum df_err wrap(struct job *j, struct restored *r, const void *body,
			size_t len)
{
	struct df_buf out;
	enum df_err rc;

	df_buf_init(&out, j->limit_bytes);
	rc = encapsulate(&out, body, len, r->in.r.transfer_syntax,
			 j->limit_bytes, &j->why);
	if (rc == DF_OK)
		r->other.ptr = df_buf_give(&out, &r->other.len);
	df_buf_release(&out);
	return rc;
}

/* The codestreams of the parcel when they are of this kind, else new ones. */
static enum df_err compress(struct job *j, struct restored *r)
{
	const struct df_coded_how how = {.coding = encapsulate_coding(r->ts)};
	unsigned mismatches = 0;
	struct df_buf made;
	enum df_err rc;

	if (r->body.ptr != NULL &&
	    strcmp(r->in.r.coding, df_coding_name(how.coding)) == 0)
		return wrap(j, r, r->body.ptr, r->body.len);
	rc = original(j, r);
	if (rc != DF_OK)
		return rc;
	df_buf_init(&made, df_coded_bound(r->in.data.len));
	rc = instance_code(&r->in, &how, &made, &mismatches, &j->why);
	if (rc == DF_OK)
		rc = wrap(j, r, made.ptr, made.len);
	df_buf_release(&made);
	return rc;
}

/* last: nothing else is wanted, so DCMTK may try what is beyond us. */
static enum df_err bring(struct job *j, struct restored *r, bool last)
{
	enum df_err rc;

	if (strcmp(r->ts, r->in.r.transfer_syntax) == 0)
		return original(j, r);
	if (encapsulate_knows(r->ts)) {
		rc = compress(j, r);
		if (rc != DF_E_UNSUPPORTED || !last)
			return rc;
	}
	rc = original(j, r);
	if (rc != DF_OK)
		return rc;
	return meaning_transcode(&r->in, r->ts, &r->other, j->limit_bytes,
				 &j->why);
}

static enum df_err bring_any(struct job *j, struct restored *r)
{
	struct df_text t, next;
	size_t at = 0;
	bool more = df_msg_next(j->m, DF_M_TRANSFER_SYNTAX, &at, &next);
	enum df_err rc = DF_E_UNSUPPORTED;

	if (!more)
		next = df_text_of(r->in.r.transfer_syntax);
	do {
		t = next;
		more = more &&
		       df_msg_next(j->m, DF_M_TRANSFER_SYNTAX, &at, &next);
		rc = df_str_copy(r->ts, sizeof r->ts, t);
		if (rc == DF_OK)
			rc = bring(j, r, !more);
	} while (rc == DF_E_UNSUPPORTED && more);
	return rc;
}

static enum df_err answer(struct job *j, struct restored *r, bool part10)
{
	const struct bytes *data =
		r->other.ptr != NULL ? &r->other : &r->in.data;
	const struct df_record_instance *of = &r->in.r;
	struct df_buf head;
	enum df_err rc = DF_OK;

	df_buf_init(&head, 64 * 1024);
	if (part10)
		rc = meaning_part10(&head, &r->in, r->ts, &j->why);
	if (rc == DF_OK)
		rc = bytes_to_memfd(&j->out_fd, head.ptr, head.len, data->ptr,
				    data->len, &j->why);
	if (rc == DF_OK) {
		df_msg_put_u64(&j->done, DF_M_SIZE, head.len + data->len);
		df_msg_put_digest(&j->done, DF_M_DIGEST, &of->digest);
		df_msg_put_str(&j->done, DF_M_TRANSFER_SYNTAX, r->ts);
		df_msg_put_str(&j->done, DF_M_SOP_CLASS, of->sop_class);
		df_msg_put_str(&j->done, DF_M_SOP_INSTANCE, of->sop_instance);
		if (part10 && meaning_unfinished(&r->in, j->limit_bytes))
			df_msg_put_u64(&j->done, DF_M_STATUS, 1);
	}
	df_buf_release(&head);
	return rc;
}

enum df_err restore_run(struct job *j)
{
	struct restored r = {0};
	struct df_text form = {0};
	enum df_err rc = job_fds(j, 1);

	if (rc != DF_OK)
		return rc;
	(void)df_msg_get(j->m, DF_M_FORM, &form); /* absent: the data set */
	rc = instance_load(j, j->m, j->fds[0], false, &r.in, &r.body);
	if (rc == DF_OK)
		rc = bring_any(j, &r);
	if (rc == DF_OK)
		rc = answer(j, &r, df_text_eq(form, "part10"));
	instance_release(&r.in);
	bytes_release(&r.body);
	bytes_release(&r.other);
	return rc;
}
