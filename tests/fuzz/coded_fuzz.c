/*
 * coded_fuzz.c - any bytes as a coded body, and any bytes as pixels of any
 * shape that must come back exactly.
 */
#include <stdlib.h>
#include <string.h>

#include "df/coded.h"
#include "df/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST (4u << 20)

static void decode(const uint8_t *data, size_t size)
{
	struct df_coded_head head;
	uint8_t *to;

	if (df_coded_head(&head, data, size, NULL) != DF_OK ||
	    head.size_bytes > MOST)
		return;
	to = malloc(head.size_bytes ? head.size_bytes : 1);
	if (df_coded_decode(to, head.size_bytes, data, size, NULL) == DF_OK &&
	    size < 16)
		abort(); /* nothing is that small */
	free(to);
}

/* Every byte that the parts name must be there. */
static void parts(const uint8_t *data, size_t size)
{
	struct df_coded_parts p;
	unsigned sum = 0;
	size_t codes = 0;

	if (df_coded_parts(&p, data, size, NULL) != DF_OK)
		return;
	if (p.offset > p.size_bytes || p.length > p.size_bytes - p.offset)
		abort();
	for (size_t i = 0; i < p.rest_len; i++)
		sum += p.rest[i];
	for (uint32_t i = 0; i < p.frames; i++)
		codes += df_get_u32(p.table + 4ull * i);
	for (size_t i = 0; i < codes; i++)
		sum += p.codes[i];
	if (codes != p.codes_len || (sum == 1 && size == 0))
		abort();
}

static void round_trip(const uint8_t *data, size_t size)
{
	struct df_coded_pixels p = {0};
	struct df_coded_note note;
	struct df_buf out;
	struct df_coded_how how;
	uint8_t *back;

	if (size < 16)
		return;
	p.offset = data[0];
	p.length = size;
	p.rows = data[1];
	p.columns = data[2];
	p.frames = data[3] % 8;
	p.samples = data[4] % 4;
	p.planar = data[5] & 1;
	p.allocated = 8u * (1 + data[6] % 3);
	p.stored = data[7] % 18;
	p.high_bit = data[8] & 1 ? p.stored - 1 : data[8];
	p.representation = data[9] & 1;
	p.big_endian = data[10] & 1;
	if (p.offset < size)
		p.length = size - p.offset;
	df_buf_init(&out, df_coded_bound(size));
	how.coding = (enum df_coding)(data[11] % (DF_CODED_JPEG_XL + 1));
	how.zstd_too = data[12] & 1;
	how.compared_later = data[12] & 2;
	if (df_coded_encode(&out, data, size, &p, &how, &note, NULL) != DF_OK ||
	    note.mismatches)
		abort();
	back = malloc(size);
	if (df_coded_decode(back, size, out.ptr, out.len, NULL) != DF_OK ||
	    memcmp(back, data, size) != 0)
		abort();
	free(back);
	df_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct df_buf out;

	decode(data, size);
	parts(data, size);
	round_trip(data, size);
	df_buf_init(&out, MOST);
	if (df_inflate(&out, data, size, NULL) == DF_OK && out.len > MOST)
		abort();
	df_buf_release(&out);
	return 0;
}
