/*
 * seal.h - sealing and opening DFENV payloads; the keyed parts of the header.
 *
 * CORE is given as its 152 bytes (df/sealed.h encodes it; this module does not
 * see that header). Chunk size is read from CORE. Suite 0x0001 only.
 *
 * No plaintext of an unverified chunk ever leaves: emit and read give bytes
 * only after the chunk's tag was checked. A stream is whole only when
 * df_open_finish() (or df_reader_init()) said DF_OK.
 */
#ifndef DF_SEAL_H
#define DF_SEAL_H

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_CEK_LEN 32u
#define DF_KEK_LEN 32u
#define DF_WRAPPED_LEN 40u
#define DF_CORE_LEN 152u
#define DF_HEADER_MAC_LEN 32u
#define DF_CHUNK_TAG_LEN 16u

struct df_cek {
	uint8_t b[DF_CEK_LEN];
};

/* --- header -------------------------------------------------------------- */

/* Fills the key commitment (bytes 120..151) of an encoded CORE. */
void df_seal_commit(uint8_t core[DF_CORE_LEN], const struct df_cek *cek);
void df_header_mac(uint8_t mac[DF_HEADER_MAC_LEN], const struct df_cek *cek,
		   const uint8_t core[DF_CORE_LEN], const void *recipients,
		   size_t recipients_len);
/* Commitment and MAC of a received header: DF_E_HEADER when either is wrong. */
DF_MUST_CHECK enum df_err
df_header_check(const struct df_cek *cek, const uint8_t core[DF_CORE_LEN],
		const void *recipients, size_t recipients_len,
		const uint8_t mac[DF_HEADER_MAC_LEN], struct df_why *why);

/* AES-256 key wrap (RFC 3394). Unwrap: DF_E_KEY. */
void df_kek_wrap(uint8_t to[DF_WRAPPED_LEN], const uint8_t kek[DF_KEK_LEN],
		 const struct df_cek *cek);
DF_MUST_CHECK enum df_err df_kek_unwrap(struct df_cek *cek,
					const uint8_t kek[DF_KEK_LEN],
					const void *wrapped, size_t len,
					struct df_why *why);

/*
 * The whole header of an object at rest (content 3): commits core in place and
 * appends CORE, wrapped CEK, MAC to out: 228 bytes, then comes the payload.
 */
DF_MUST_CHECK enum df_err
df_seal_rest_header(struct df_buf *out, uint8_t core[DF_CORE_LEN],
		    const struct df_cek *cek,
		    const uint8_t wrapped[DF_WRAPPED_LEN], struct df_why *why);

/* --- sealing ------------------------------------------------------------- */

/* Takes whole chunks (ciphertext || tag when sealing, plaintext when opening),
 * borrowed for the call. An error stops the stream and is passed up. */
typedef enum df_err df_chunk_emit(void *ctx, const void *ptr, size_t len,
				  struct df_why *why);

/* {0} is a valid released state. About two chunks of memory. */
struct df_sealer {
	void *gcm; /* owned */
	uint8_t *plain;
	uint8_t *out;
	size_t chunk;
	size_t have;	/* bytes in plain */
	uint32_t index; /* of the next chunk */
	df_chunk_emit *emit;
	void *ctx;
};
/* core must be committed to cek (df_seal_commit). DF_E_FORMAT, DF_E_BUG. */
DF_MUST_CHECK enum df_err df_seal_init(struct df_sealer *s,
				       const uint8_t core[DF_CORE_LEN],
				       const struct df_cek *cek,
				       df_chunk_emit *emit, void *ctx,
				       struct df_why *why);
DF_MUST_CHECK enum df_err df_seal_update(struct df_sealer *s, const void *ptr,
					 size_t len, struct df_why *why);
/* Emits the last chunk. After it only release is allowed. */
DF_MUST_CHECK enum df_err df_seal_finish(struct df_sealer *s,
					 struct df_why *why);
void df_seal_release(struct df_sealer *s); /* wipes */

/* --- opening a stream ---------------------------------------------------- */

/*
 * The payload in order, in pieces of any size. Errors:
 *   DF_E_HEADER  cek is not the one that CORE commits to
 *   DF_E_CHUNK   a chunk is not authentic (damaged, moved, foreign)
 *   DF_E_TRUNC   ends without the last chunk
 *   DF_E_TRAIL   bytes follow the last chunk
 * A stream cut inside a chunk cannot be told from a damaged last chunk: it is
 * DF_E_TRUNC when fewer than 16 bytes are left, else DF_E_CHUNK.
 */
struct df_opener {
	void *gcm; /* owned */
	uint8_t *in;
	uint8_t *plain;
	size_t chunk;
	size_t have;
	uint32_t index;
	df_chunk_emit *emit;
	void *ctx;
};
DF_MUST_CHECK enum df_err df_open_init(struct df_opener *o,
				       const uint8_t core[DF_CORE_LEN],
				       const struct df_cek *cek,
				       df_chunk_emit *emit, void *ctx,
				       struct df_why *why);
DF_MUST_CHECK enum df_err df_open_update(struct df_opener *o, const void *ptr,
					 size_t len, struct df_why *why);
DF_MUST_CHECK enum df_err df_open_finish(struct df_opener *o,
					 struct df_why *why);
void df_open_release(struct df_opener *o); /* wipes */

/* --- opening at any place ------------------------------------------------ */

/* Reads exactly len bytes at offset of the payload, or fails. */
typedef enum df_err df_payload_read(void *ctx, uint64_t offset, void *ptr,
				    size_t len, struct df_why *why);

/* {0} is a valid released state. Holds one chunk of plaintext. */
struct df_reader {
	void *gcm; /* owned */
	uint8_t *in;
	uint8_t *plain;
	size_t chunk;
	uint64_t payload_len;
	uint64_t plain_len;
	uint64_t last;	  /* index of the last chunk */
	uint64_t current; /* chunk in plain, or UINT64_MAX */
	df_payload_read *read;
	void *ctx;
};
/*
 * payload_len: bytes after the header. Opens the last chunk at once, so that a
 * cut or lengthened file is refused here: DF_E_TRUNC, DF_E_CHUNK.
 */
DF_MUST_CHECK enum df_err
df_reader_init(struct df_reader *r, const uint8_t core[DF_CORE_LEN],
	       const struct df_cek *cek, uint64_t payload_len,
	       df_payload_read *read, void *ctx, struct df_why *why);
uint64_t df_reader_size(const struct df_reader *r); /* plaintext bytes */
/* Exactly len bytes of plaintext at offset; past the end is DF_E_TRUNC. */
DF_MUST_CHECK enum df_err df_reader_read(struct df_reader *r, uint64_t offset,
					 void *ptr, size_t len,
					 struct df_why *why);
void df_reader_release(struct df_reader *r); /* wipes */

#ifdef __cplusplus
}
#endif
#endif
