/* sealed.c - layout and geometry of the sealed form. See df/sealed.h. */
#include "df/sealed.h"

#include <string.h>

#include "df/hash.h"

static const uint8_t MAGIC[8] = {'D', 'F', 'E', 'N', 'V', '\r', '\n', 0x1a};
#define VERSION 1

enum { /* offsets in CORE */
       AT_VERSION = 8,
       AT_SUITE = 10,
       AT_CHUNK = 12,
       AT_CONTENT = 13,
       AT_FLAGS = 14,
       AT_ID = 16,
       AT_EPOCH = 32,
       AT_SEQUENCE = 40,
       AT_CREATED = 48,
       AT_SENDER = 56,
       AT_PREVIOUS = 88,
};

void df_sealed_core_encode(uint8_t to[DF_SEALED_CORE_LEN],
			   const struct df_sealed_core *core)
{
	uint8_t log2 = core->chunk_log2 ? core->chunk_log2
					: (uint8_t)DF_SEALED_CHUNK_LOG2;

	if (core->suite != DF_SUITE_AES256GCM)
		df_bug("suite %04x", core->suite);
	if (log2 < DF_SEALED_CHUNK_LOG2_MIN || log2 > DF_SEALED_CHUNK_LOG2_MAX)
		df_bug("chunk size 2^%u", log2);
	if (core->content < DF_SEALED_PARCEL ||
	    core->content > DF_SEALED_BUNDLE || core->created_ms < 0)
		df_bug("content %d", (int)core->content);
	memcpy(to, MAGIC, sizeof MAGIC);
	df_put_u16(to + AT_VERSION, VERSION);
	df_put_u16(to + AT_SUITE, core->suite);
	to[AT_CHUNK] = log2;
	to[AT_CONTENT] = (uint8_t)core->content;
	df_put_u16(to + AT_FLAGS, 0);
	memcpy(to + AT_ID, core->id, sizeof core->id);
	df_put_u64(to + AT_EPOCH, core->epoch);
	df_put_u64(to + AT_SEQUENCE, core->sequence);
	df_put_u64(to + AT_CREATED, (uint64_t)core->created_ms);
	memcpy(to + AT_SENDER, core->sender.b, DF_DIGEST_LEN);
	memcpy(to + AT_PREVIOUS, core->previous.b, DF_DIGEST_LEN);
	memcpy(to + DF_SEALED_COMMIT_AT, core->commitment.b, DF_DIGEST_LEN);
}

enum df_err df_sealed_core_decode(struct df_sealed_core *core,
				  const uint8_t from[DF_SEALED_CORE_LEN],
				  struct df_why *why)
{
	uint16_t version = df_get_u16(from + AT_VERSION);
	uint64_t created = df_get_u64(from + AT_CREATED);

	memset(core, 0, sizeof *core);
	if (memcmp(from, MAGIC, sizeof MAGIC) != 0)
		return df_fail(why, DF_E_FORMAT, "not a sealed object");
	if (version != VERSION)
		return df_fail(why, DF_E_FORMAT,
			       "sealed form version %u is unknown", version);
	core->suite = df_get_u16(from + AT_SUITE);
	if (core->suite != DF_SUITE_AES256GCM)
		return df_fail(why, DF_E_SUITE, "suite %04x is not allowed",
			       core->suite);
	core->chunk_log2 = from[AT_CHUNK];
	if (core->chunk_log2 < DF_SEALED_CHUNK_LOG2_MIN ||
	    core->chunk_log2 > DF_SEALED_CHUNK_LOG2_MAX)
		return df_fail(why, DF_E_FORMAT, "chunk size 2^%u is refused",
			       core->chunk_log2);
	if (from[AT_CONTENT] < DF_SEALED_PARCEL ||
	    from[AT_CONTENT] > DF_SEALED_BUNDLE)
		return df_fail(why, DF_E_FORMAT, "content %u is unknown",
			       from[AT_CONTENT]);
	core->content = (enum df_sealed_content)from[AT_CONTENT];
	if (df_get_u16(from + AT_FLAGS) != 0)
		return df_fail(why, DF_E_FORMAT, "unknown flags %04x",
			       df_get_u16(from + AT_FLAGS));
	if (created > INT64_MAX)
		return df_fail(why, DF_E_FORMAT, "impossible time of creation");
	memcpy(core->id, from + AT_ID, sizeof core->id);
	core->epoch = df_get_u64(from + AT_EPOCH);
	core->sequence = df_get_u64(from + AT_SEQUENCE);
	core->created_ms = (int64_t)created;
	memcpy(core->sender.b, from + AT_SENDER, DF_DIGEST_LEN);
	memcpy(core->previous.b, from + AT_PREVIOUS, DF_DIGEST_LEN);
	memcpy(core->commitment.b, from + DF_SEALED_COMMIT_AT, DF_DIGEST_LEN);
	return DF_OK;
}

/* A block of length bytes at *at: false (and need set) when not yet there. */
static bool block(struct df_sealed_head *head, size_t have, size_t *at,
		  size_t length)
{
	*at += length;
	if (*at <= have)
		return true;
	head->need = *at;
	return false;
}

static enum df_err more(struct df_sealed_head *head, struct df_why *why)
{
	return df_fail(why, DF_E_AGAIN, "header needs %zu bytes", head->need);
}

static enum df_err decode_signature(struct df_sealed_head *head,
				    const uint8_t *ptr, size_t len, size_t at,
				    struct df_why *why)
{
	size_t n;

	if (!block(head, len, &at, 4))
		return more(head, why);
	n = df_get_u32(ptr + at - 4);
	if (n == 0 || n > DF_SEALED_SIGNATURE_MAX)
		return df_fail(why, DF_E_FORMAT, "signature of %zu bytes", n);
	if (!block(head, len, &at, n))
		return more(head, why);
	head->signature = ptr + at - n;
	head->signature_len = n;
	head->head_len = at;
	return DF_OK;
}

enum df_err df_sealed_head_decode(struct df_sealed_head *head,
				  const uint8_t *ptr, size_t len,
				  struct df_why *why)
{
	size_t at = 0, n;
	enum df_err rc;
	bool rest;

	memset(head, 0, sizeof *head);
	if (!block(head, len, &at, DF_SEALED_CORE_LEN))
		return more(head, why);
	rc = df_sealed_core_decode(&head->core, ptr, why);
	if (rc != DF_OK)
		return rc;
	head->core_bytes = ptr;
	df_hash_bytes(&head->h0, ptr, DF_SEALED_CORE_LEN);
	if (!block(head, len, &at, 4))
		return more(head, why);
	n = df_get_u32(ptr + at - 4);
	rest = head->core.content == DF_SEALED_REST;
	if (n == 0 || n > DF_SEALED_RECIPIENTS_MAX ||
	    (rest && n != DF_SEALED_WRAPPED_LEN))
		return df_fail(why, DF_E_FORMAT, "recipients of %zu bytes", n);
	if (!block(head, len, &at, n))
		return more(head, why);
	head->recipients = ptr + at - n;
	head->recipients_len = n;
	if (!block(head, len, &at, DF_SEALED_MAC_LEN))
		return more(head, why);
	head->mac = ptr + at - DF_SEALED_MAC_LEN;
	if (!rest)
		return decode_signature(head, ptr, len, at, why);
	head->head_len = at;
	return DF_OK;
}

uint64_t df_sealed_chunk_count(uint8_t chunk_log2, uint64_t plain_len)
{
	uint64_t chunk = 1ull << chunk_log2;

	return plain_len == 0 ? 1 : (plain_len - 1) / chunk + 1;
}

uint64_t df_sealed_payload_len(uint8_t chunk_log2, uint64_t plain_len)
{
	return plain_len +
	       df_sealed_chunk_count(chunk_log2, plain_len) * DF_SEALED_TAG_LEN;
}

bool df_sealed_plain_len(uint8_t chunk_log2, uint64_t payload_len,
			 uint64_t *plain_len)
{
	uint64_t whole = (1ull << chunk_log2) + DF_SEALED_TAG_LEN;
	uint64_t full = payload_len / whole;
	uint64_t tail = payload_len % whole;

	if (tail == 0 && full > 0) {
		*plain_len = full << chunk_log2;
		return true;
	}
	/* an empty last chunk exists only as the only chunk */
	if (tail < DF_SEALED_TAG_LEN || (tail == DF_SEALED_TAG_LEN && full > 0))
		return false;
	*plain_len = (full << chunk_log2) + tail - DF_SEALED_TAG_LEN;
	return true;
}

uint64_t df_sealed_size(size_t head_len, uint8_t chunk_log2, uint64_t plain_len)
{
	return head_len + df_sealed_payload_len(chunk_log2, plain_len);
}
