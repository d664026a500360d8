/*
 * coded.c - one data set as a coded body (docs/formats/coded.md).
 *
 * The encoder goes down a ladder: the codec wanted at the stored precision, the
 * same at the allocated precision (bits above the stored ones are in use),
 * zstd, stored. A rung holds when it is smaller and, unless the caller
 * compares, decodes to the same bytes. The bottom rung is the bytes themselves,
 * so encoding cannot fail for what the data set is.
 */
#include "df/coded.h"

#include <stdlib.h>
#include <string.h>

#include "df/frames.h"
#include "df/str.h"

#define HEAD_LEN 16u
#define PIXEL_LEN 40u /* follows the head where frames are coded */
#define FRAMES_MAX 1000000u
#define SLACK (64u * 1024)

/* Measured on CT, MR, CR and US: level 1 is the best size a millisecond for
 * what stands around pixels, level 3 for whole data sets. */
#define LEVEL 3

static const uint8_t magic[4] = {'D', 'F', 'C', 1};

/* A body's description of its pixels. */
struct layout {
	enum df_coding coding;
	uint64_t offset;
	uint32_t frames;
	bool swap;
	struct df_frame_shape shape;
	uint64_t rest_len; /* zstd frame of what is not pixels */
};

struct job {
	const uint8_t *ptr;
	size_t len;
	struct df_buf *out;
	size_t start; /* out->len at the beginning */
	bool compares;
	struct df_coded_note *note;
	struct df_why *why;
};

const char *df_coding_name(enum df_coding c)
{
	switch (c) {
	case DF_CODED_STORED:
		return "stored";
	case DF_CODED_ZSTD:
		return "zstd";
	case DF_CODED_JPEG_LS:
		return "jpeg-ls";
	case DF_CODED_PREDICT:
		return "predict+zstd";
	case DF_CODED_JPEG2000:
		return "jpeg2000";
	case DF_CODED_JPEG_XL:
		return "jpeg-xl";
	}
	return "unknown";
}

bool df_coding_decode(enum df_coding *c, struct df_text name)
{
	static const enum df_coding all[] = {
		DF_CODED_STORED,  DF_CODED_ZSTD,     DF_CODED_JPEG_LS,
		DF_CODED_PREDICT, DF_CODED_JPEG2000, DF_CODED_JPEG_XL};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (df_text_eq(name, df_coding_name(all[i]))) {
			*c = all[i];
			return true;
		}
	}
	return false;
}

uint64_t df_coded_bound(uint64_t size_bytes)
{
	/* room for a rung that fails: half as much again, and heads */
	return size_bytes + size_bytes / 2 + size_bytes / 64 + SLACK;
}

static uint64_t pixel_bytes(const struct layout *l)
{
	return df_frame_size(&l->shape) * l->frames;
}

static void swap16(uint8_t *p, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2) {
		uint8_t b = p[i];

		p[i] = p[i + 1];
		p[i + 1] = b;
	}
}

/* Why a data set cannot be coded frame by frame; NULL when it can. */
static const char *plan(struct layout *l, const struct df_coded_pixels *p,
			enum df_coding coding, size_t len)
{
	if (!p || !p->length)
		return "no native pixels";
	if (p->offset > len || p->length > len - p->offset)
		return "pixels outside the data set";
	if (p->allocated != 8 && p->allocated != 16)
		return "bits allocated not 8 or 16";
	if (p->stored < 2 || p->stored > p->allocated)
		return "bits stored out of range";
	if (p->samples != 1 && p->samples != 3)
		return "samples per pixel not 1 or 3";
	if (p->rows > 65535 || p->columns > 65535 || p->frames > FRAMES_MAX)
		return "too many rows, columns or frames";
	*l = (struct layout){
		.coding = coding,
		.offset = p->offset,
		.frames = p->frames ? p->frames : 1,
		.swap = p->big_endian && p->allocated == 16,
		.shape =
			{
				.columns = p->columns,
				.rows = p->rows,
				.bits = (uint8_t)p->stored,
				.bytes = (uint8_t)(p->allocated / 8),
				.samples = (uint8_t)p->samples,
				.planar = p->samples == 3 && p->planar == 1,
				.sign_extended = p->representation == 1,
			},
	};
	/* the predictor takes words as they are */
	if (p->high_bit + 1 != p->stored || coding == DF_CODED_PREDICT)
		l->shape.bits = (uint8_t)p->allocated;
	if (!df_frame_size(&l->shape))
		return "no rows or columns";
	if (pixel_bytes(l) > p->length)
		return "pixel data shorter than its shape";
	return NULL;
}

static enum df_err put_head(struct job *j, enum df_coding coding)
{
	uint8_t head[HEAD_LEN] = {0};

	memcpy(head, magic, sizeof magic);
	head[4] = (uint8_t)coding;
	df_put_u64(head + 8, j->len);
	j->out->len = j->start; /* a rung that failed leaves nothing */
	return df_buf_add(j->out, head, sizeof head, j->why);
}

static enum df_err put_layout(struct job *j, const struct layout *l)
{
	uint8_t b[PIXEL_LEN] = {0};

	df_put_u64(b, l->offset);
	df_put_u32(b + 8, l->frames);
	df_put_u32(b + 12, l->shape.columns);
	df_put_u32(b + 16, l->shape.rows);
	b[20] = l->shape.bits;
	b[21] = l->shape.bytes;
	b[22] = l->shape.samples;
	b[23] = (uint8_t)((l->swap ? 1 : 0) | (l->shape.planar ? 2 : 0) |
			  (l->shape.sign_extended ? 4 : 0));
	df_put_u64(b + 24, l->rest_len);
	return df_buf_add(j->out, b, sizeof b, j->why);
}

/* Has the frame come back? `scratch` has room for it. */
static enum df_err came_back(const struct layout *l, const uint8_t *src,
			     const uint8_t *code, size_t code_len,
			     uint8_t *scratch)
{
	size_t size = df_frame_size(&l->shape);
	enum df_err rc = df_frame_decode(scratch, size, l->coding, &l->shape,
					 code, code_len, NULL);

	if (rc == DF_E_NOMEM)
		return rc; /* it says nothing about the codec */
	if (rc != DF_OK || memcmp(scratch, src, size) != 0)
		return DF_E_CORRUPT;
	return DF_OK;
}

/* One frame. `scratch` has room for two. */
static enum df_err code_frame(struct job *j, const struct layout *l,
			      const uint8_t *src, uint8_t *scratch)
{
	size_t size = df_frame_size(&l->shape), at;
	enum df_err rc;

	if (l->swap) {
		memcpy(scratch + size, src, size);
		swap16(scratch + size, size);
		src = scratch + size;
	}
	if (!df_frame_fits(&l->shape, src, size))
		return DF_E_UNSUPPORTED;
	at = j->out->len;
	rc = df_frame_encode(j->out, l->coding, &l->shape, src, size, NULL);
	if (rc != DF_OK || !j->compares)
		return rc;
	return came_back(l, src, j->out->ptr + at, j->out->len - at, scratch);
}

static enum df_err code_frames(struct job *j, const struct layout *l)
{
	size_t size = df_frame_size(&l->shape);
	size_t table = j->out->len;
	uint8_t *scratch = malloc(2 * size);
	enum df_err rc;

	if (!scratch)
		return DF_E_NOMEM;
	rc = df_buf_reserve(j->out, 4ull * l->frames, NULL);
	if (rc != DF_OK)
		goto out;
	j->out->len += 4ull * l->frames;
	for (uint32_t i = 0; i < l->frames && rc == DF_OK; i++) {
		size_t at = j->out->len;

		rc = code_frame(j, l, j->ptr + l->offset + i * size, scratch);
		if (rc == DF_OK)
			df_put_u32(j->out->ptr + table + 4ull * i,
				   (uint32_t)(j->out->len - at));
		if (j->out->len - j->start >= j->len)
			rc = DF_E_LIMIT; /* not smaller */
	}
out:
	free(scratch);
	return rc;
}

static enum df_err try_frames(struct job *j, struct layout *l)
{
	const uint8_t *suffix = j->ptr + l->offset + pixel_bytes(l);
	size_t suffix_len = j->len - l->offset - pixel_bytes(l);
	size_t at;
	enum df_err rc = put_head(j, l->coding);

	if (rc == DF_OK)
		rc = put_layout(j, l);
	if (rc != DF_OK)
		return rc;
	at = j->out->len;
	rc = df_zstd_encode2(j->out, j->ptr, l->offset, suffix, suffix_len,
			     LEVEL, NULL);
	if (rc != DF_OK)
		return rc;
	l->rest_len = j->out->len - at;
	df_put_u64(j->out->ptr + at - PIXEL_LEN + 24, l->rest_len);
	if (j->compares)
		rc = df_zstd_compare(j->out->ptr + at, l->rest_len, j->ptr,
				     l->offset, suffix, suffix_len, NULL);
	if (rc != DF_OK)
		return rc;
	return code_frames(j, l);
}

static enum df_err try_zstd(struct job *j)
{
	enum df_err rc = put_head(j, DF_CODED_ZSTD);
	size_t at = j->out->len;

	if (rc == DF_OK)
		rc = df_zstd_encode(j->out, j->ptr, j->len, LEVEL, NULL);
	if (rc != DF_OK)
		return rc;
	if (j->out->len - j->start >= j->len + HEAD_LEN)
		return DF_E_LIMIT;
	if (!j->compares)
		return DF_OK;
	return df_zstd_compare(j->out->ptr + at, j->out->len - at, j->ptr,
			       j->len, NULL, 0, NULL);
}

static bool settled(struct job *j, enum df_err rc, const char *not_smaller)
{
	if (rc == DF_OK)
		return true;
	if (rc == DF_E_CORRUPT)
		j->note->mismatches++;
	j->note->fallback = rc == DF_E_CORRUPT ? "decodes to something else"
			    : rc == DF_E_NOMEM ? "not enough memory"
			    : rc == DF_E_UNSUPPORTED
				    ? "pixels do not fit the codec"
				    : not_smaller;
	return false;
}

static enum df_err smaller_of_both(struct job *j)
{
	struct df_buf other = {0};
	struct job z = *j;
	struct df_coded_note unused = {0};
	enum df_err rc;

	df_buf_init(&other, df_coded_bound(j->len));
	z.out = &other;
	z.start = 0;
	z.note = &unused;
	rc = try_zstd(&z);
	if (rc == DF_OK && other.len < j->out->len - j->start) {
		j->out->len = j->start;
		rc = df_buf_add(j->out, other.ptr, other.len, j->why);
		if (rc == DF_OK) {
			j->note->used = DF_CODED_ZSTD;
			j->note->fallback = "zstd is smaller";
		}
	} else {
		rc = DF_OK;
	}
	df_buf_release(&other);
	return rc;
}

static bool frame_rungs(struct job *j, const struct df_coded_pixels *pixels,
			enum df_coding coding)
{
	struct layout l = {0};
	enum df_err rc;

	j->note->fallback = plan(&l, pixels, coding, j->len);
	if (j->note->fallback)
		return false;
	rc = try_frames(j, &l);
	if (rc == DF_E_UNSUPPORTED && l.shape.bits < 8 * l.shape.bytes) {
		l.shape.bits = (uint8_t)(8 * l.shape.bytes);
		rc = try_frames(j, &l);
	}
	if (!settled(j, rc, "the codec is not smaller"))
		return false;
	j->note->used = coding;
	return true;
}

enum df_err df_coded_encode(struct df_buf *out, const void *ptr, size_t len,
			    const struct df_coded_pixels *pixels,
			    const struct df_coded_how *how,
			    struct df_coded_note *note, struct df_why *why)
{
	struct df_coded_note unused;
	struct job j = {.ptr = ptr,
			.len = len,
			.out = out,
			.start = out->len,
			.compares = !how->compared_later,
			.note = note ? note : &unused,
			.why = why};
	enum df_err rc;

	*j.note = (struct df_coded_note){.used = DF_CODED_STORED};
	if (df_frame_coding(how->coding) &&
	    frame_rungs(&j, pixels, how->coding))
		return how->zstd_too &&
				       (pixels->stored <= 8 ||
					pixels->samples > 1)
			       ? smaller_of_both(&j)
			       : DF_OK;
	if (how->coding != DF_CODED_STORED &&
	    settled(&j, try_zstd(&j), "zstd is not smaller")) {
		j.note->used = DF_CODED_ZSTD;
		return DF_OK;
	}
	rc = put_head(&j, DF_CODED_STORED);
	if (rc == DF_OK)
		rc = df_buf_add(out, ptr, len, why);
	return rc;
}

enum df_err df_coded_head(struct df_coded_head *head, const void *body,
			  size_t len, struct df_why *why)
{
	const uint8_t *p = body;

	if (len < HEAD_LEN || memcmp(p, magic, sizeof magic) != 0)
		return df_fail(why, DF_E_FORMAT, "coded body has no head");
	if (p[4] > DF_CODED_JPEG_XL)
		return df_fail(why, DF_E_UNSUPPORTED,
			       "coding %u is not known here", p[4]);
	if (p[5] || p[6] || p[7])
		return df_fail(why, DF_E_FORMAT, "coded head is not clean");
	head->coding = (enum df_coding)p[4];
	head->size_bytes = df_get_u64(p + 8);
	return DF_OK;
}

static enum df_err get_layout(struct layout *l, enum df_coding coding,
			      const uint8_t *b, size_t len, uint64_t size,
			      struct df_why *why)
{
	if (len < PIXEL_LEN)
		return df_fail(why, DF_E_FORMAT, "coded body is cut");
	*l = (struct layout){
		.coding = coding,
		.offset = df_get_u64(b),
		.frames = df_get_u32(b + 8),
		.swap = b[23] & 1,
		.shape =
			{
				.columns = df_get_u32(b + 12),
				.rows = df_get_u32(b + 16),
				.bits = b[20],
				.bytes = b[21],
				.samples = b[22],
				.planar = b[23] & 2,
				.sign_extended = b[23] & 4,
			},
		.rest_len = df_get_u64(b + 24),
	};
	if (b[23] > 7 || df_get_u64(b + 32) || !df_frame_size(&l->shape) ||
	    !l->frames || l->frames > FRAMES_MAX || l->offset > size ||
	    pixel_bytes(l) > size - l->offset ||
	    l->rest_len > len - PIXEL_LEN ||
	    4ull * l->frames > len - PIXEL_LEN - l->rest_len)
		return df_fail(why, DF_E_FORMAT,
			       "coded pixels do not fit the data set");
	return DF_OK;
}

static enum df_err decode_frames(uint8_t *to, const struct layout *l,
				 const uint8_t *table, size_t len,
				 struct df_why *why)
{
	const uint8_t *code = table + 4ull * l->frames;
	size_t left = len - 4ull * l->frames;
	size_t size = df_frame_size(&l->shape);

	for (uint32_t i = 0; i < l->frames; i++, to += size) {
		uint32_t n = df_get_u32(table + 4ull * i);
		enum df_err rc;

		if (n > left)
			return df_fail(why, DF_E_FORMAT, "coded body is cut");
		rc = df_frame_decode(to, size, l->coding, &l->shape, code, n,
				     why);
		if (rc != DF_OK)
			return rc;
		if (l->swap)
			swap16(to, size);
		code += n;
		left -= n;
	}
	if (left)
		return df_fail(why, DF_E_FORMAT,
			       "bytes follow the last coded frame");
	return DF_OK;
}

static enum df_err decode_pixels(uint8_t *to, size_t size,
				 enum df_coding coding, const uint8_t *b,
				 size_t len, struct df_why *why)
{
	struct layout l;
	size_t rest_size, pixels;
	enum df_err rc = get_layout(&l, coding, b, len, size, why);

	if (rc != DF_OK)
		return rc;
	pixels = pixel_bytes(&l);
	rest_size = size - pixels;
	/* decoded in front, then what stands behind the pixels moves there */
	rc = df_zstd_decode(to, rest_size, b + PIXEL_LEN, l.rest_len, why);
	if (rc != DF_OK)
		return rc;
	memmove(to + l.offset + pixels, to + l.offset, rest_size - l.offset);
	return decode_frames(to + l.offset, &l, b + PIXEL_LEN + l.rest_len,
			     len - PIXEL_LEN - l.rest_len, why);
}

enum df_err df_coded_parts(struct df_coded_parts *p, const void *body,
			   size_t len, struct df_why *why)
{
	const uint8_t *b = (const uint8_t *)body + HEAD_LEN;
	struct df_coded_head head;
	struct layout l;
	uint64_t codes = 0;
	enum df_err rc = df_coded_head(&head, body, len, why);

	if (rc != DF_OK)
		return rc;
	if (!df_frame_coding(head.coding))
		return df_fail(why, DF_E_UNSUPPORTED,
			       "pixels are not coded by frame");
	len -= HEAD_LEN;
	rc = get_layout(&l, head.coding, b, len, head.size_bytes, why);
	if (rc != DF_OK)
		return rc;
	*p = (struct df_coded_parts){
		.coding = head.coding,
		.size_bytes = head.size_bytes,
		.offset = l.offset,
		.length = pixel_bytes(&l),
		.frames = l.frames,
		.samples = l.shape.samples,
		.allocated = 8u * l.shape.bytes,
		.bits = l.shape.bits,
		.planar = l.shape.planar,
		.sign_extended = l.shape.sign_extended,
		.big_endian = l.swap,
		.rest = b + PIXEL_LEN,
		.rest_len = l.rest_len,
		.table = b + PIXEL_LEN + l.rest_len,
	};
	p->codes = p->table + 4ull * l.frames;
	p->codes_len = (size_t)(b + len - p->codes);
	for (uint32_t i = 0; i < l.frames; i++)
		codes += df_get_u32(p->table + 4ull * i);
	if (codes != p->codes_len)
		return df_fail(why, DF_E_FORMAT,
			       "coded frames are not of the length announced");
	return DF_OK;
}

enum df_err df_coded_decode(void *to, size_t size_bytes, const void *body,
			    size_t len, struct df_why *why)
{
	const uint8_t *b = (const uint8_t *)body + HEAD_LEN;
	struct df_coded_head head;
	enum df_err rc = df_coded_head(&head, body, len, why);

	if (rc != DF_OK)
		return rc;
	if (head.size_bytes != size_bytes)
		return df_fail(why, DF_E_FORMAT,
			       "coded body is of another size");
	len -= HEAD_LEN;
	switch (head.coding) {
	case DF_CODED_STORED:
		if (len != size_bytes)
			return df_fail(why, DF_E_FORMAT,
				       "stored body is of another size");
		memcpy(to, b, len);
		return DF_OK;
	case DF_CODED_ZSTD:
		return df_zstd_decode(to, size_bytes, b, len, why);
	case DF_CODED_JPEG_LS:
	case DF_CODED_PREDICT:
	case DF_CODED_JPEG2000:
	case DF_CODED_JPEG_XL:
		return decode_pixels(to, size_bytes, head.coding, b, len, why);
	}
	df_bug("coding %d passed its head", (int)head.coding);
}
