/*
 * record.h - records: what the plaintext of a parcel or report bundle is.
 *
 *   { u8 type, u8 flags = 0, u16 0, u32 hlen, u64 blen } header body
 *
 * A parcel is instance (and note) records and exactly one contents record at
 * its end; a report bundle is statement, cms, body, contents, in this order.
 * Headers are canonical text, "key: value\n" in fixed order: one meaning has
 * one text, decoders refuse all else. docs/formats/sealed.md.
 */
#ifndef DF_RECORD_H
#define DF_RECORD_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_RECORD_FRAME_LEN 16u
#define DF_RECORD_HEADER_MAX 4096u	  /* hlen */
#define DF_RECORD_BODY_MAX (1ull << 40)	  /* blen */
#define DF_RECORD_CONTENTS_MAX (1u << 20) /* blen of contents */
#define DF_RECORD_ENTRIES_MAX 4096u

enum df_record_type {
	DF_RECORD_INSTANCE = 1,
	DF_RECORD_NOTE = 2, /* ignored by readers */
	DF_RECORD_CONTENTS = 3,
	DF_RECORD_STATEMENT = 4, /* report statement text, no header */
	DF_RECORD_CMS = 5,	 /* its detached CMS, DER, no header */
	DF_RECORD_BODY = 6,	 /* the report's bytes, no header */
};

struct df_record_frame {
	enum df_record_type type;
	uint32_t header_len;
	uint64_t body_len;
};

void df_record_frame_encode(uint8_t to[DF_RECORD_FRAME_LEN],
			    const struct df_record_frame *f);
/* DF_E_FORMAT: unknown type, flags, reserved; DF_E_LIMIT: lengths. */
DF_MUST_CHECK enum df_err
df_record_frame_decode(struct df_record_frame *f,
		       const uint8_t from[DF_RECORD_FRAME_LEN],
		       struct df_why *why);

/* Header of an instance record. The body is the instance as coded. */
struct df_record_instance {
	char sop_class[65];
	char sop_instance[65];
	char transfer_syntax[65]; /* of the original data set */
	char coding[16];	  /* [a-z0-9+-]: "stored", "zstd", "jpeg-ls" */
	uint64_t size_bytes;	  /* of the original data set */
	struct df_digest digest;  /* SHA-256 of the original data set */
	struct df_digest body_digest; /* SHA-256 of the record's body */
	int64_t received_ms;	      /* wall clock at the first node */
	char called_ae[17];	      /* "" when unknown */
	char calling_ae[17];
	struct df_id association; /* "" when unknown */
};

/* Appends the text. DF_E_FORMAT: a field that decode would refuse. */
DF_MUST_CHECK enum df_err
df_record_instance_encode(struct df_buf *out,
			  const struct df_record_instance *r,
			  struct df_why *why);
DF_MUST_CHECK enum df_err
df_record_instance_decode(struct df_record_instance *r, struct df_text text,
			  struct df_why *why);

/* The contents record: one entry a record before it (notes excepted), in
 * order. Header "count: N\nbody-digest: <hex>\n", body one line an entry. */
struct df_record_entry {
	char name[65];		 /* SOP instance UID, or statement|cms|body */
	struct df_digest digest; /* instance: original data set; else: body */
	uint64_t offset;	 /* of the record's frame in the plaintext */
};
struct df_record_contents {
	struct df_record_entry *entries; /* owned */
	size_t count;
};
void df_record_contents_release(struct df_record_contents *c);
/* Appends a copy. DF_E_LIMIT past DF_RECORD_ENTRIES_MAX. */
DF_MUST_CHECK enum df_err
df_record_contents_add(struct df_record_contents *c,
		       const struct df_record_entry *e, struct df_why *why);
/* Appends the whole record: frame, header, body. */
DF_MUST_CHECK enum df_err
df_record_contents_encode(struct df_buf *out,
			  const struct df_record_contents *c,
			  struct df_why *why);
/* Into a zeroed *c; released after a failure. DF_E_FORMAT, DF_E_LIMIT,
 * DF_E_MANIFEST when the body's digest differs. */
DF_MUST_CHECK enum df_err
df_record_contents_decode(struct df_record_contents *c, struct df_text header,
			  const uint8_t *body, size_t body_len,
			  struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
