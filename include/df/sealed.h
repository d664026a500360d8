/*
 * sealed.h - the sealed form "DFENV": CORE, header blocks and geometry.
 *
 * Pure layout, no cryptography (that is df/seal.h). A sealed object is
 *
 *   CORE 152 | u32 R | RECIPIENTS R | MAC 32 | u32 S | SIGNATURE S | PAYLOAD
 *
 * At rest (content 3) the SIGNATURE block, its length included, is absent and
 * RECIPIENTS is the CEK wrapped under the node's KEK (40 bytes): the header of
 * an object at rest is always DF_SEALED_REST_LEN bytes. docs/formats/sealed.md.
 */
#ifndef DF_SEALED_H
#define DF_SEALED_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_SEALED_CORE_LEN 152u
#define DF_SEALED_ID_LEN 16u
#define DF_SEALED_MAC_LEN 32u
#define DF_SEALED_TAG_LEN 16u
#define DF_SEALED_WRAPPED_LEN 40u
#define DF_SEALED_RECIPIENTS_MAX 65536u
#define DF_SEALED_SIGNATURE_MAX 16384u
#define DF_SEALED_REST_LEN \
	(DF_SEALED_CORE_LEN + 4u + DF_SEALED_WRAPPED_LEN + DF_SEALED_MAC_LEN)
#define DF_SEALED_HEAD_MAX                                    \
	(DF_SEALED_CORE_LEN + 4u + DF_SEALED_RECIPIENTS_MAX + \
	 DF_SEALED_MAC_LEN + 4u + DF_SEALED_SIGNATURE_MAX)
#define DF_SEALED_CHUNK_LOG2_MIN 16
#define DF_SEALED_CHUNK_LOG2 18 /* 256 KiB, the default */
#define DF_SEALED_CHUNK_LOG2_MAX 20
#define DF_SEALED_COMMIT_AT 120u /* the key commitment inside CORE */
#define DF_SUITE_AES256GCM 0x0001u

enum df_sealed_content {
	DF_SEALED_PARCEL = 1, /* instances of one study */
	DF_SEALED_REPORT = 2, /* a report bundle */
	DF_SEALED_REST = 3,   /* one data set as it came, at rest, unsigned */
	DF_SEALED_BUNDLE = 4, /* receipts or configuration */
};

struct df_sealed_core {
	enum df_sealed_content content;
	uint16_t suite;		      /* DF_SUITE_AES256GCM */
	uint8_t chunk_log2;	      /* 16..20; 0 on encode = the default */
	uint8_t id[DF_SEALED_ID_LEN]; /* random, names the parcel on the line */
	uint64_t epoch;
	uint64_t sequence;	 /* from 1 within (epoch, stream); 0 at rest */
	int64_t created_ms;	 /* wall clock */
	struct df_digest sender; /* fingerprint of the signing certificate */
	struct df_digest
		previous; /* H0 of the one before, zero for the first */
	struct df_digest commitment; /* written by df/seal.h */
};

/* A whole header, borrowed from the bytes it was decoded from. */
struct df_sealed_head {
	struct df_sealed_core core;
	struct df_digest h0;	   /* SHA-256 of CORE: the parcel's identity */
	const uint8_t *core_bytes; /* DF_SEALED_CORE_LEN */
	const uint8_t *recipients;
	size_t recipients_len;
	const uint8_t *mac;	  /* DF_SEALED_MAC_LEN */
	const uint8_t *signature; /* NULL at rest */
	size_t signature_len;
	size_t head_len; /* payload starts here */
	size_t need;	 /* after DF_E_AGAIN: bytes wanted in all */
};

/* Writes CORE; an impossible field is a bug of the caller. The commitment is
 * copied as it stands (zero until df_seal_commit fills it in the bytes). */
void df_sealed_core_encode(uint8_t to[DF_SEALED_CORE_LEN],
			   const struct df_sealed_core *core);
/* DF_E_FORMAT: magic, version, flags, content, chunk size; DF_E_SUITE. */
DF_MUST_CHECK enum df_err
df_sealed_core_decode(struct df_sealed_core *core,
		      const uint8_t from[DF_SEALED_CORE_LEN],
		      struct df_why *why);

/*
 * Decodes the header at the start of (ptr, len); more bytes may follow.
 * DF_E_AGAIN: give at least head->need bytes; DF_E_FORMAT, DF_E_LIMIT,
 * DF_E_SUITE as soon as they are seen. Nothing is authentic yet:
 * df_header_check() and the signature come next.
 */
DF_MUST_CHECK enum df_err df_sealed_head_decode(struct df_sealed_head *head,
						const uint8_t *ptr, size_t len,
						struct df_why *why);

/* Geometry. Plaintext of n bytes makes max(1, ceil(n / chunk)) chunks. */
uint64_t df_sealed_chunk_count(uint8_t chunk_log2, uint64_t plain_len);
uint64_t df_sealed_payload_len(uint8_t chunk_log2, uint64_t plain_len);
/* Back from a payload length; false when no plaintext has it. */
bool df_sealed_plain_len(uint8_t chunk_log2, uint64_t payload_len,
			 uint64_t *plain_len);
/* Size of a whole sealed object with this header. */
uint64_t df_sealed_size(size_t head_len, uint8_t chunk_log2,
			uint64_t plain_len);

#ifdef __cplusplus
}
#endif
#endif
