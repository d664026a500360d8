/*
 * prepare.h - what the files of this room share.
 *
 * A cell does one job at a time: descriptors and keys come with the job, the
 * answer goes back, everything is forgotten. It holds at most one instance in
 * memory (with its coded form while packing).
 */
#ifndef DF_PREPARE_H
#define DF_PREPARE_H

#include "df/coded.h"
#include "df/facts.h"
#include "df/message.h"
#include "df/record.h"
#include "df/room.h"
#include "df/seal.h"
#include "df/sealed.h"
#include "df/walker.h"

/* --- one job (main.c) --- */
struct job {
	struct df_link *queue;
	const struct df_msg *m;
	int *fds; /* borrowed; closed when the job ends */
	size_t n_fds;
	uint64_t limit_bytes; /* one data set may have */
	uint64_t want_bytes;  /* of data sets, that may still go with FACTS */
	unsigned handed;      /* data sets that went */
	struct df_msg done;   /* JOB_DONE, filled by the job */
	int out_fd;	      /* goes with it, or -1 */
	struct df_why why;
};
typedef enum df_err job_fn(struct job *j);
job_fn inspect_run, pack_run, verify_run, restore_run, report_seal_run,
	report_open_run, report_part_run, reread_run;
/* The checksum of the first length bytes of the file, into the answer. */
enum df_err job_sum(struct job *j, uint64_t length);

/* The job's CEK, or DF_E_BUG. */
DF_MUST_CHECK enum df_err job_cek(struct job *j, const struct df_msg *from,
				  struct df_cek *cek);
/* A number that the job must have. */
DF_MUST_CHECK enum df_err job_u64(struct job *j, const struct df_msg *from,
				  enum df_field f, uint64_t *v);
DF_MUST_CHECK enum df_err job_fds(struct job *j, size_t want);

/* --- memory (bytes.c) --- */
struct bytes { /* {0} is released */
	uint8_t *ptr;
	size_t len;
};
DF_MUST_CHECK enum df_err bytes_new(struct bytes *b, uint64_t len,
				    uint64_t limit, struct df_why *why);
/* The same, all zeros. */
DF_MUST_CHECK enum df_err bytes_zeros(struct bytes *b, uint64_t len,
				      uint64_t limit, struct df_why *why);
void bytes_release(struct bytes *b);
/* The whole file behind a descriptor. */
DF_MUST_CHECK enum df_err bytes_of_fd(struct bytes *b, int fd, uint64_t limit,
				      struct df_why *why);
/* A sealed memfd with these two pieces one after the other. */
DF_MUST_CHECK enum df_err bytes_to_memfd(int *fd, const void *a, size_t a_len,
					 const void *b, size_t b_len,
					 struct df_why *why);

/* --- reading a sealed file (source.c) --- */
struct source {
	int fd; /* borrowed */
	uint64_t length;
	struct bytes head_bytes;
	struct df_sealed_head head;
	struct df_reader reader;
};
DF_MUST_CHECK enum df_err source_open(struct source *s, int fd,
				      const struct df_cek *cek, uint64_t length,
				      enum df_sealed_content content,
				      struct df_why *why);
void source_release(struct source *s);

/* One instance with its original bytes. */
struct instance {
	struct df_record_instance r;
	struct bytes data;
	/* NULL, or data is read where instance_need asked for it */
	struct source *lazy; /* borrowed */
	bool *have;	     /* by chunk of the source; owned */
	uint64_t record; /* offset of the record; 0 for raw */
	uint64_t next;	 /* offset behind the record */
};
void instance_release(struct instance *in);
/* Content 3 with its trailer; the size is checked, and the digest unless
 * VERIFY will find out: what is read is authentic, chunk by chunk. */
DF_MUST_CHECK enum df_err source_raw(struct source *s, struct instance *in,
				     bool digest_later, uint64_t limit,
				     struct df_why *why);
/* The same, but nothing is read yet and no digest checked. s must outlive
 * it. */
DF_MUST_CHECK enum df_err source_raw_lazy(struct source *s, struct instance *in,
					  uint64_t limit, struct df_why *why);
/* Bytes of the data set that will be looked at; ctx is the instance. */
df_walk_need instance_need;
/* The instance record at an offset; all digests are checked. */
DF_MUST_CHECK enum df_err source_instance(struct source *s, uint64_t at,
					  struct instance *in, uint64_t limit,
					  struct df_why *why);
/* The same record with its coded body (*body is the caller's) and without the
 * data; the body's digest is checked. */
DF_MUST_CHECK enum df_err source_coded(struct source *s, uint64_t at,
				       struct instance *in, struct bytes *body,
				       uint64_t limit, struct df_why *why);
/* The original bytes out of it; their digest is checked. */
DF_MUST_CHECK enum df_err instance_decode(struct instance *in,
					  const struct bytes *body,
					  uint64_t limit, struct df_why *why);
/* Frame, header text (into header[DF_RECORD_HEADER_MAX]) and body. */
struct record {
	struct df_record_frame frame;
	struct df_text header;
	char header_bytes[DF_RECORD_HEADER_MAX];
	struct bytes body;
	uint64_t next;
};
DF_MUST_CHECK enum df_err source_record(struct source *s, uint64_t at,
					struct record *r, uint64_t limit,
					struct df_why *why);

/* Does a contents record list exactly the records that were seen? */
DF_MUST_CHECK enum df_err contents_agree(const struct record *r,
					 const struct df_record_contents *seen,
					 struct df_why *why);

/* --- writing a sealed file (sink.c) --- */
struct sink {
	int fd;		  /* borrowed */
	uint64_t written; /* bytes of the file */
	uint64_t plain;	  /* bytes of plaintext so far */
	struct df_sealer sealer;
	struct df_summer summer; /* over the bytes of the file */
	struct df_record_contents contents;
};
DF_MUST_CHECK enum df_err sink_open(struct sink *s, int fd,
				    struct df_text header,
				    const struct df_cek *cek,
				    struct df_why *why);
/* One record; its entry goes to the contents. digest: see df_record_entry. */
DF_MUST_CHECK enum df_err sink_record(struct sink *s, enum df_record_type type,
				      const char *name,
				      const struct df_digest *digest,
				      struct df_text header,
				      struct df_text body, struct df_why *why);
/* The contents record and the last chunk; LENGTH and CHECKSUM of the whole
 * file go into done. */
DF_MUST_CHECK enum df_err sink_close(struct sink *s, struct df_msg *done,
				     struct df_why *why);
void sink_release(struct sink *s);

/* --- one instance of a job (pack.c) --- */
/* KIND, CEK, LENGTH and RECORD of a message or item; the fd belongs to it.
 * body not NULL: of a parcel as source_coded gives it, of a raw object {0}.
 * digest_later: as source_raw has it. */
DF_MUST_CHECK enum df_err instance_load(struct job *j,
					const struct df_msg *from, int fd,
					bool digest_later, struct instance *in,
					struct bytes *body);
/* Its coded body; fills the coding and body digest of in->r on the way. */
DF_MUST_CHECK enum df_err instance_code(struct instance *in,
					const struct df_coded_how *how,
					struct df_buf *body,
					unsigned *mismatches,
					struct df_why *why);

/* --- what an image shows (pixels.c) --- */
/* False: nothing to tell it by. All of the data must be there. */
bool instance_pixels(const struct instance *in, uint64_t limit,
		     struct df_digest *d);

/* --- compressed transfer syntaxes (encapsulate.c) --- */
/* The two that are made out of coded bodies. */
bool encapsulate_knows(const char *transfer_syntax);
enum df_coding encapsulate_coding(const char *transfer_syntax);
/* The data set of a coded body with its codestreams encapsulated.
 * transfer_syntax: in which the data set came. DF_E_UNSUPPORTED when it is not
 * certain that every decoder gives back the same. */
DF_MUST_CHECK enum df_err encapsulate(struct df_buf *out, const void *body,
				      size_t len, const char *transfer_syntax,
				      uint64_t limit, struct df_why *why);

/* --- meaning (meaning.c) --- */
/* The walker, then DCMTK; a deflated data set is inflated within bounds. */
DF_MUST_CHECK enum df_err meaning_of(struct instance *in,
				     struct df_walk *walk,
				     struct df_facts *facts, uint64_t limit,
				     struct df_why *why);
/* Does the data set say of itself what the command or record said? */
DF_MUST_CHECK enum df_err meaning_agrees(const struct instance *in,
					 const struct df_facts *facts,
					 struct df_why *why);
/* One FACTS message to the queue; pixels NULL = not known. Takes *data, the
 * data set, unless -1. */
void meaning_send(struct job *j, const struct instance *in,
		  const struct df_facts *facts, const struct df_digest *pixels,
		  int *data);
/* In another transfer syntax, lossless; *out is ours. */
DF_MUST_CHECK enum df_err meaning_transcode(const struct instance *in,
					    const char *wanted,
					    struct bytes *out, uint64_t limit,
					    struct df_why *why);
DF_MUST_CHECK enum df_err meaning_part10(struct df_buf *out,
					 const struct instance *in,
					 const char *transfer_syntax,
					 struct df_why *why);
/* Is it a structured report that says it is not complete? */
bool meaning_unfinished(const struct instance *in, uint64_t limit);
/* Is the report in the file about this study and patient? DF_E_CONFLICT: about
 * another study; DF_E_DENIED: of another patient. "" = any. */
DF_MUST_CHECK enum df_err meaning_report_about(const struct bytes *file,
					       const char *study_uid,
					       const char *patient_id,
					       uint64_t limit,
					       struct df_why *why);
/* The body of a report that is a Part 10 file: walked, then rendered as text
 * (SR), or named (Encapsulated PDF). */
DF_MUST_CHECK enum df_err meaning_report(const struct bytes *file,
					 struct df_buf *text, uint64_t limit,
					 struct df_why *why);

#endif
