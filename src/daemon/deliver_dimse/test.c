/*
 * test.c - `destination test`: does the PACS answer, and what would it take?
 */
#include "deliver.h"

#include <string.h>

#include "df/clock.h"
#include "df/file.h"

static const char *const classes[] = {
	"1.2.840.10008.5.1.4.1.1.2",	 /* CT */
	"1.2.840.10008.5.1.4.1.1.2.1",	 /* Enhanced CT */
	"1.2.840.10008.5.1.4.1.1.4",	 /* MR */
	"1.2.840.10008.5.1.4.1.1.4.1",	 /* Enhanced MR */
	"1.2.840.10008.5.1.4.1.1.1",	 /* CR */
	"1.2.840.10008.5.1.4.1.1.1.1",	 /* DX for presentation */
	"1.2.840.10008.5.1.4.1.1.1.2",	 /* mammography for presentation */
	"1.2.840.10008.5.1.4.1.1.6.1",	 /* US */
	"1.2.840.10008.5.1.4.1.1.3.1",	 /* US multi-frame */
	"1.2.840.10008.5.1.4.1.1.7",	 /* secondary capture */
	"1.2.840.10008.5.1.4.1.1.12.1",	 /* XA */
	"1.2.840.10008.5.1.4.1.1.88.11", /* Basic Text SR */
	"1.2.840.10008.5.1.4.1.1.104.1", /* Encapsulated PDF */
};
static const char *const syntaxes[] = {
	DF_TS_EXPLICIT_LE,	 DF_TS_IMPLICIT_LE,
	DF_TS_JPEG_LS_LOSSLESS,	 DF_TS_JPEG2000_LOSSLESS,
	DF_TS_JPEG_LOSSLESS_SV1, DF_TS_RLE_LOSSLESS,
};
#define CLASSES (sizeof classes / sizeof classes[0])
#define SYNTAXES (sizeof syntaxes / sizeof syntaxes[0])

static enum df_err report(struct df_buf *json, const struct df_dimse *d,
			  int64_t echo_ms, struct df_why *why)
{
	bool commits =
		df_dimse_accepts(d, DF_COMMITMENT_CLASS, DF_TS_IMPLICIT_LE);
	enum df_err rc;
	size_t c, t;
	bool any = false;

	rc = df_buf_addf(json, why,
			 "{\"echo\":%s,\"ms\":%lld,\"commitment\":%s,"
			 "\"accepts\":[",
			 echo_ms >= 0 ? "true" : "false", (long long)echo_ms,
			 commits ? "true" : "false");
	for (c = 0; c < CLASSES && rc == DF_OK; c++) {
		bool first = true;

		for (t = 0; t < SYNTAXES && rc == DF_OK; t++) {
			if (!df_dimse_accepts(d, classes[c], syntaxes[t]))
				continue;
			if (first)
				rc = df_buf_addf(json, why,
						 "%s{\"sop_class\":\"%s\","
						 "\"name\":\"%s\","
						 "\"transfer_syntaxes\":[",
						 any ? "," : "", classes[c],
						 df_uid_name(classes[c]));
			if (rc == DF_OK)
				rc = df_buf_addf(json, why, "%s\"%s\"",
						 first ? "" : ",", syntaxes[t]);
			first = false;
			any = true;
		}
		if (!first && rc == DF_OK)
			rc = df_buf_addf(json, why, "]}");
	}
	return rc == DF_OK ? df_buf_addf(json, why, "]}") : rc;
}

static enum df_err dial(struct deliver *d, const struct df_destination *to,
			struct df_buf *json, struct df_why *why)
{
	struct df_dimse_context contexts[2 + CLASSES * SYNTAXES];
	struct df_dimse_target target;
	struct df_dimse *open = NULL;
	struct df_why echo_why = {0};
	int64_t start = df_clock_mono_ms(), ms = -1;
	size_t n = 0, c, t;
	enum df_err rc;

	contexts[n].sop_class = DF_VERIFICATION_CLASS;
	contexts[n++].transfer_syntax = DF_TS_IMPLICIT_LE;
	contexts[n].sop_class = DF_COMMITMENT_CLASS;
	contexts[n++].transfer_syntax = DF_TS_IMPLICIT_LE;
	for (c = 0; c < CLASSES; c++)
		for (t = 0; t < SYNTAXES; t++) {
			contexts[n].sop_class = classes[c];
			contexts[n++].transfer_syntax = syntaxes[t];
		}
	target_of(d, to, &target);
	rc = df_dimse_open(&open, &target, contexts, n, why);
	if (rc != DF_OK)
		return rc;
	rc = df_dimse_echo(open, &echo_why);
	if (rc == DF_OK)
		ms = df_clock_mono_ms() - start;
	if (rc == DF_OK || rc == DF_E_REFUSED) {
		rc = report(json, open, ms, why);
		df_dimse_close(open);
		return rc;
	}
	df_dimse_abort(open);
	if (why != NULL)
		*why = echo_why;
	return rc;
}

static enum df_err to_memfd(const struct df_buf *json, int *fd,
			    struct df_why *why)
{
	enum df_err rc = df_memfd_new(fd, "test", why);

	if (rc == DF_OK)
		rc = df_write_all(*fd, json->ptr, json->len, why);
	if (rc == DF_OK)
		rc = df_memfd_seal(*fd, why);
	if (rc != DF_OK)
		df_fd_close(fd);
	return rc;
}

enum df_err test_run(struct deliver *d, const struct df_msg *m,
		     struct df_why *why)
{
	const struct df_destination *to;
	struct df_why mine = {0};
	struct df_buf json;
	enum df_err rc = DF_OK;
	int fd = -1;

	df_buf_init(&json, DF_MSG_SMALL);
	to = job_destination(d, m, &mine);
	rc = to != NULL ? dial(d, to, &json, &mine) : mine.err;
	if (rc == DF_OK)
		rc = to_memfd(&json, &fd, &mine);
	df_buf_release(&json);
	if (deliver_queue(d) == NULL)
		return df_fail(why, DF_E_PEER, "queue is gone");
	job_done(d, m->tag, rc, &mine, fd >= 0 ? &fd : NULL);
	return DF_OK;
}
