/*
 * envelope.h - the trailer of an object file: who, when, from where, digests.
 *
 * An object file is
 *
 *   DFENV stream (N bytes) || envelope text || u64 N || "DFENVEL1"
 *
 * The text is UTF-8 lines "key: value\n" in fixed order and ends with the line
 * "hash: <sha256 of the lines above, hex>". Offsets that go over the line
 * cover the DFENV part only: the trailer never leaves the machine. It exists
 * so that state.db can be rebuilt from objects/ alone; it holds no patient
 * data (UIDs, AE titles and digests only).
 */
#ifndef DF_ENVELOPE_H
#define DF_ENVELOPE_H

#include "df/checksum.h"
#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_ENV_FOOTER_LEN 16u /* u64 DFENV length, "DFENVEL1" */
#define DF_ENV_TEXT_MAX (4u << 20)
#define DF_ENV_INSTANCES_MAX 4096u
#define DF_ENV_RAW_MAX 2048u /* a raw trailer always fits in this */
#define DF_UID_MAX 64u

enum df_env_kind {
	DF_ENV_NONE,
	DF_ENV_RAW,    /* one instance as it came, DFENV content 3 */
	DF_ENV_PARCEL, /* coded instances of one study, content 1 */
	DF_ENV_REPORT, /* a signed report bundle, content 2 */
};

enum df_env_direction {
	DF_ENV_MADE = 1, /* sealed here; peer = whom it is for ("" = nobody) */
	DF_ENV_TAKEN,    /* received; peer = who signed it */
	/* a parcel that we asked for (a prior): a copy of what another node
	 * answers for; peer = who signed it */
	DF_ENV_FETCHED,
};

/* One instance inside a parcel. */
struct df_env_instance {
	char sop_instance[DF_UID_MAX + 1];
	char sop_class[DF_UID_MAX + 1];
	char series_uid[DF_UID_MAX + 1];
	char transfer_syntax[DF_UID_MAX + 1]; /* of the original data set */
	struct df_digest digest;              /* of the original data set */
	uint64_t size_bytes;                  /* of the original data set */
	uint64_t record_offset;               /* in the plaintext */
	char coding[16];                      /* "stored", "zstd", "jpeg-ls" */
	int64_t received_ms;                  /* when it came to this node */
	struct df_id association;             /* that brought it here, or "" */
	char calling_ae[17];                  /* who brought it here, or "" */
};

/* {0} is a valid released state. */
struct df_envelope {
	enum df_env_kind kind;
	struct df_id id;     /* the object's file name */
	int64_t received_ms; /* wall time when it was stored */
	struct df_checksum checksum; /* of the DFENV stream */

	/* raw */
	struct df_id association;
	char called_ae[17];
	char calling_ae[17];
	char address[64]; /* "192.0.2.1" or "2001:db8::1", no port needed */
	char sop_class[DF_UID_MAX + 1];    /* of the C-STORE command */
	char sop_instance[DF_UID_MAX + 1]; /* of the C-STORE command */
	char transfer_syntax[DF_UID_MAX + 1]; /* of the presentation context */
	uint64_t size_bytes;     /* data set bytes as they came */
	struct df_digest digest; /* SHA-256 of the data set bytes as they came */

	/* parcel, report */
	enum df_env_direction direction;
	char peer[DF_HEX_LEN + 1]; /* fingerprint, or "" */
	uint8_t parcel_id[16];     /* id of the CORE */
	char study_uid[DF_UID_MAX + 1];
	uint64_t epoch;
	uint64_t sequence;
	struct df_digest h0;
	struct df_digest previous;
	struct df_env_instance *instances; /* owned; parcel only */
	size_t n_instances;
};

void df_envelope_release(struct df_envelope *env);

/*
 * Appends text and footer to out: write exactly these bytes after the
 * dfenv_len bytes of the DFENV stream. DF_E_FORMAT when a field is missing or
 * not valid for the kind (UIDs, AE titles and ids are checked), DF_E_LIMIT
 * past the maximum of out.
 */
DF_MUST_CHECK enum df_err df_envelope_encode(struct df_buf *out,
					     const struct df_envelope *env,
					     uint64_t dfenv_len,
					     struct df_why *why);

/*
 * footer: the last 16 bytes of a file of file_size bytes. Gives the length of
 * the DFENV part; the trailer is [*dfenv_len, file_size). DF_E_TRUNC when the
 * file carries no footer, DF_E_FORMAT when the lengths cannot be.
 */
DF_MUST_CHECK enum df_err
df_envelope_footer(uint64_t *dfenv_len,
		   const uint8_t footer[DF_ENV_FOOTER_LEN], uint64_t file_size,
		   struct df_why *why);

/*
 * (ptr, len) is the whole trailer with its footer. Strict: exactly the lines
 * that encode would write, else DF_E_FORMAT; DF_E_CORRUPT when the hash does
 * not match. *env is released on failure.
 */
DF_MUST_CHECK enum df_err df_envelope_decode(struct df_envelope *env,
					     const uint8_t *ptr, size_t len,
					     struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
