/*
 * inspect.c - INSPECT: is a raw object what it says, and what does it say?
 * VERIFY: the same for every instance of a parcel, and the parcel itself. What
 * it has restored for that goes with the facts, when queue wants it.
 */
#include <string.h>

#include "df/digest.h"
#include "df/file.h"
#include "prepare.h"

#define HANDED_MAX 64 /* descriptors of one job: all may be in flight */

/* The data set, whose digest was checked, as queue wants it; else *fd is -1,
 * and it is restored when somebody asks for it. */
static void hand_over(struct job *j, const struct instance *in, int *fd)
{
	if (j->want_bytes == 0 || in->data.len > j->want_bytes ||
	    j->handed == HANDED_MAX ||
	    bytes_to_memfd(fd, in->data.ptr, in->data.len, NULL, 0, NULL) !=
		    DF_OK)
		return;
	j->want_bytes -= in->data.len;
	j->handed++;
}

static enum df_err understand(struct job *j, struct instance *in)
{
	struct df_facts facts = {0};
	struct df_walk walk = {0};
	struct df_digest pixels;
	uint64_t careful = 0;
	bool shown = false;
	int fd = -1;
	enum df_err rc = meaning_of(in, &walk, &facts, j->limit_bytes, &j->why);

	if (rc == DF_OK)
		rc = meaning_agrees(in, &facts, &j->why);
	/* of a refused one too: its study is where a person looks for it; the
	 * walk has come past it even when the end is missing */
	if (rc != DF_OK && facts.study_uid[0] == '\0')
		df_str_fmt(facts.study_uid, sizeof facts.study_uid, "%s",
			   walk.study.s);
	(void)df_msg_get_u64(j->m, DF_M_STATUS, &careful);
	if (rc == DF_OK && in->lazy == NULL && careful == 0)
		shown = instance_pixels(in, j->limit_bytes, &pixels);
	if (rc == DF_OK)
		hand_over(j, in, &fd);
	if (rc == DF_OK || df_uid_valid(df_text_of(facts.study_uid)))
		meaning_send(j, in, &facts, shown ? &pixels : NULL, &fd);
	df_fd_close(&fd);
	return rc;
}

enum df_err inspect_run(struct job *j)
{
	struct source s = {0};
	struct instance in = {0};
	struct df_cek cek;
	uint64_t length;
	enum df_err rc = job_fds(j, 1);

	if (rc == DF_OK)
		rc = job_cek(j, j->m, &cek);
	if (rc == DF_OK)
		rc = job_u64(j, j->m, DF_M_LENGTH, &length);
	if (rc != DF_OK)
		return rc;
	rc = source_open(&s, j->fds[0], &cek, length, DF_SEALED_REST, &j->why);
	if (rc == DF_OK)
		rc = source_raw_lazy(&s, &in, j->limit_bytes, &j->why);
	if (rc == DF_OK)
		rc = understand(j, &in);
	instance_release(&in);
	source_release(&s);
	df_wipe(&cek, sizeof cek);
	return rc;
}

/* What the records were, to be held against the contents record. */
struct seen {
	struct df_record_contents got;
	bool closed;
};

static enum df_err see_instance(struct job *j, struct source *s, uint64_t at,
				struct seen *seen, uint64_t *next)
{
	struct df_record_entry entry = {.offset = at};
	struct instance in;
	enum df_err rc = source_instance(s, at, &in, j->limit_bytes, &j->why);

	if (rc == DF_OK) {
		memcpy(entry.name, in.r.sop_instance, sizeof entry.name);
		entry.digest = in.r.digest;
		rc = df_record_contents_add(&seen->got, &entry, &j->why);
	}
	if (rc == DF_OK)
		rc = understand(j, &in);
	*next = in.next;
	instance_release(&in);
	return rc;
}

/* The type at `at`, without reading the body yet. */
static enum df_err peek(struct source *s, uint64_t at,
			struct df_record_frame *f, struct df_why *why)
{
	uint8_t bytes[DF_RECORD_FRAME_LEN];
	enum df_err rc;

	if (df_reader_size(&s->reader) - at < sizeof bytes)
		return df_fail(why, DF_E_MANIFEST,
			       "parcel ends without its contents record");
	rc = df_reader_read(&s->reader, at, bytes, sizeof bytes, why);
	if (rc == DF_OK)
		rc = df_record_frame_decode(f, bytes, why);
	return rc;
}

static enum df_err see_record(struct job *j, struct source *s, uint64_t *at,
			      struct seen *seen)
{
	struct df_record_frame f;
	struct record r;
	enum df_err rc = peek(s, *at, &f, &j->why);

	if (rc != DF_OK)
		return rc;
	if (f.type == DF_RECORD_INSTANCE)
		return see_instance(j, s, *at, seen, at);
	if (f.type != DF_RECORD_NOTE && f.type != DF_RECORD_CONTENTS)
		return df_fail(&j->why, DF_E_FORMAT,
			       "a record of type %d stands in a parcel",
			       (int)f.type);
	rc = source_record(s, *at, &r, j->limit_bytes, &j->why);
	if (rc == DF_OK && f.type == DF_RECORD_CONTENTS) {
		rc = contents_agree(&r, &seen->got, &j->why);
		seen->closed = true;
	}
	*at = r.next;
	bytes_release(&r.body);
	return rc;
}

static enum df_err see_parcel(struct job *j, struct source *s)
{
	struct seen seen = {0};
	uint64_t at = 0;
	enum df_err rc = DF_OK;

	while (rc == DF_OK && !seen.closed)
		rc = see_record(j, s, &at, &seen);
	if (rc == DF_OK && at != df_reader_size(&s->reader))
		rc = df_fail(&j->why, DF_E_TRAIL,
			     "bytes follow the contents record");
	if (rc == DF_OK && seen.got.count == 0)
		rc = df_fail(&j->why, DF_E_MANIFEST, "parcel is empty");
	df_record_contents_release(&seen.got);
	return rc;
}

enum df_err verify_run(struct job *j)
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
	(void)df_msg_get_u64(j->m, DF_M_WANT,
			     &j->want_bytes); /* absent: none */
	rc = source_open(&s, j->fds[0], &cek, length, DF_SEALED_PARCEL,
			 &j->why);
	if (rc == DF_OK)
		rc = see_parcel(j, &s);
	if (rc == DF_OK)
		rc = job_sum(j, length); /* they are still in memory */
	source_release(&s);
	df_wipe(&cek, sizeof cek);
	return rc;
}
