/*
 * sealed_fuzz.c - headers of sealed objects; then, with a fixed key, the
 * payload behind a header at rest, as a stream and at any place.
 */
#include <string.h>

#include "df/seal.h"
#include "df/sealed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	const uint8_t *ptr;
	size_t len;
};

static enum df_err sink(void *ctx, const void *ptr, size_t len,
			struct df_why *why)
{
	(void)ptr, (void)why;
	*(size_t *)ctx += len;
	return DF_OK;
}

static enum df_err read_bytes(void *ctx, uint64_t offset, void *ptr, size_t len,
			      struct df_why *why)
{
	const struct bytes *b = ctx;

	if (offset > b->len || len > b->len - offset)
		df_bug("read past the payload");
	memcpy(ptr, b->ptr + offset, len);
	(void)why;
	return DF_OK;
}

/* The fuzzer cannot guess a commitment: give CORE the right one. */
static void open_payload(const struct df_sealed_head *h, const uint8_t *data,
			 size_t size)
{
	static const struct df_cek cek = {{1}};
	struct bytes b = {data + h->head_len, size - h->head_len};
	uint8_t core[DF_SEALED_CORE_LEN];
	struct df_opener o = {0};
	struct df_reader r = {0};
	struct df_why why;
	size_t got = 0;

	memcpy(core, h->core_bytes, sizeof core);
	df_seal_commit(core, &cek);
	if (df_open_init(&o, core, &cek, sink, &got, &why) != DF_OK)
		return;
	if (df_open_update(&o, b.ptr, b.len, &why) == DF_OK &&
	    df_open_finish(&o, &why) == DF_OK && got > b.len)
		df_bug("more plaintext than payload");
	df_open_release(&o);
	if (df_reader_init(&r, core, &cek, b.len, read_bytes, &b, &why) ==
		    DF_OK &&
	    df_reader_read(&r, 0, core, 1, &why) == DF_OK &&
	    df_reader_size(&r) == 0)
		df_bug("a byte of an empty plaintext");
	df_reader_release(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct df_sealed_head h;
	struct df_why why;
	uint8_t again[DF_SEALED_CORE_LEN];
	uint64_t plain;
	enum df_err rc = df_sealed_head_decode(&h, data, size, &why);

	if (rc == DF_E_AGAIN && (h.need <= size || h.need > DF_SEALED_HEAD_MAX))
		df_bug("asks for %zu bytes", h.need);
	if (rc != DF_OK)
		return 0;
	df_sealed_core_encode(again, &h.core);
	if (memcmp(again, data, sizeof again) != 0)
		df_bug("CORE has a second spelling");
	if (df_sealed_plain_len(h.core.chunk_log2, size - h.head_len, &plain) &&
	    df_sealed_size(h.head_len, h.core.chunk_log2, plain) != size)
		df_bug("geometry");
	open_payload(&h, data, size);
	return 0;
}
