/*
 * pixels.c - what an image shows, as one digest: the same for every lossless
 * transfer syntax, and for a copy with other UIDs.
 *
 * Over the shape, what the data set says of when and how the image was taken
 * and is to be read (two true exams of one day are two, even of a phantom; an
 * image that comes again with its side corrected is another), and the stored
 * bits of every sample, by pixel, as little endian. What cannot be decoded here
 * goes in as the codestreams stand, under its transfer syntax: then only the
 * same codestreams are the same image. No digest has an image of one value
 * (black frames and blank pages are no proof of anything), one that would be
 * more than DECODED_MAX, and one whose decoder failed, be it for want of
 * memory: the same image has the same digest or none.
 *
 * XXH3 and no SHA-256: it costs a third, and proves nothing to anybody. Who
 * could make two images collide can as well send one of them twice.
 */
#include <endian.h>
#include <string.h>

#include "df/checksum.h"
#include "df/frames.h"
#include "df/object.h"
#include "prepare.h"

#define TS_JPEG2000_LOSSLESS "1.2.840.10008.1.2.4.90"
#define J2K_SSIZ_AT 42u /* in a codestream */
#define PIECE 2048u	/* samples at a time */
/* What is decoded for a digest alone: a small file may say that it holds
 * gigabytes, and the time of a cell is better spent. */
#define DECODED_MAX (256u << 20)

/* What tells one image from another of the same pixels. All of short VRs, texts
 * that no coding changes. */
static const uint32_t TELLING[] = {
	0x00080022, 0x0008002a, 0x00080032, /* when it was acquired */
	0x00180015, 0x00181164, 0x00185101, /* part, spacing, view */
	0x00200020, 0x00200032, 0x00200037, /* orientation, position */
	0x00200060, 0x00200062,		    /* side */
	0x00280030, 0x00281052, 0x00281053, /* spacing, what a value means */
};
#define PHOTOMETRIC 0x00280004u /* of colours: by the coding */
#define SAID_MAX 1024

/* One data set, walked, and what of it tells. */
struct image {
	const uint8_t *ptr;
	size_t len;
	const char *transfer_syntax;
	struct df_walk walk;
	char said[SAID_MAX];
	size_t said_len;
	bool too_long; /* to be told from others */
	char photometric[17];
};

static bool is_telling(uint32_t tag)
{
	for (size_t i = 0; i < sizeof TELLING / sizeof TELLING[0]; i++)
		if (TELLING[i] == tag)
			return true;
	return tag == PHOTOMETRIC;
}

static void note(void *ctx, uint32_t tag, uint64_t at, uint64_t len)
{
	struct image *im = ctx;
	size_t n = len > 8 ? (size_t)len - 8 : 0; /* short VRs */
	const char *v = (const char *)im->ptr + at + 8;

	if (!is_telling(tag))
		return;
	while (n > 0 && (v[n - 1] == ' ' || v[n - 1] == '\0'))
		n--;
	if (tag == PHOTOMETRIC) {
		if (n < sizeof im->photometric)
			memcpy(im->photometric, v, n);
		return;
	}
	if (n + 10 > SAID_MAX - im->said_len) {
		im->too_long = true;
		return;
	}
	df_str_fmt(im->said + im->said_len, 10, "%08x=", (unsigned)tag);
	memcpy(im->said + im->said_len + 9, v, n);
	im->said[im->said_len + 9 + n] = '\n';
	im->said_len += n + 10;
}

static bool look(struct image *im, const void *ptr, size_t len, const char *ts)
{
	struct df_walk_limits how = {.passed = note, .ctx = im};

	*im = (struct image){.ptr = ptr, .len = len, .transfer_syntax = ts};
	return df_walk(&im->walk, ptr, len, df_walk_syntax_of(df_text_of(ts)),
		       &how, NULL) == DF_OK &&
	       !im->too_long;
}

static void begin(struct df_summer *h, const struct image *im, const char *form)
{
	const struct df_walk *w = &im->walk;
	char text[256];

	df_str_fmt(text, sizeof text,
		   "dcmf-pixels 2\n%s\n%u %u %u %u %u %u %s\n", form, w->rows,
		   w->columns, w->frames > 0 ? w->frames : 1, w->samples,
		   w->stored, w->representation,
		   w->samples == 1 ? im->photometric : "");
	df_summer_init(h);
	df_summer_update(h, text, strlen(text));
	df_summer_update(h, im->said, im->said_len);
}

static void end(struct df_summer *h, struct df_digest *d)
{
	struct df_checksum sum;

	df_summer_sum(h, &sum);
	df_summer_release(h);
	*d = (struct df_digest){{0}};
	memcpy(d->b, sum.b, sizeof sum.b);
}

/* --- uncompressed ------------------------------------------------------------
 */

/* Where sample i of a frame lies, counted in samples: by pixel, whichever way
 * the data set has them. */
static size_t place_of(const struct df_walk *w, size_t i)
{
	size_t frame = (size_t)w->rows * w->columns;

	if (w->samples == 1 || w->planar == 0)
		return i;
	return i / (frame * w->samples) * (frame * w->samples) +
	       i % w->samples * frame + i % (frame * w->samples) / w->samples;
}

static uint16_t sample_at(const struct image *im, size_t i)
{
	const struct df_walk *w = &im->walk;
	const uint8_t *p = im->ptr + w->pixel_value;
	unsigned v;

	if (w->allocated == 8)
		v = p[i];
	else if (w->syntax == DF_WALK_EXPLICIT_BE)
		v = (unsigned)p[2 * i] << 8 | p[2 * i + 1];
	else
		v = (unsigned)p[2 * i + 1] << 8 | p[2 * i];
	return (uint16_t)(v >> (w->high_bit + 1 - w->stored) &
			  ((1u << w->stored) - 1));
}

/* How many samples; 0 = not a shape that is understood here. */
static size_t samples_of(const struct image *im)
{
	const struct df_walk *w = &im->walk;
	uint64_t n = (uint64_t)w->rows * w->columns *
		     (w->frames > 0 ? w->frames : 1);

	if (w->rows > UINT16_MAX || w->columns > UINT16_MAX ||
	    (w->allocated != 8 && w->allocated != 16) || w->stored == 0 ||
	    w->stored > w->allocated || w->high_bit >= w->allocated ||
	    w->high_bit + 1 < w->stored || w->samples == 0 || w->samples > 4 ||
	    n > w->pixel_length || n * w->samples > w->pixel_length ||
	    n * w->samples * (w->allocated / 8) > w->pixel_length ||
	    /* bytes in words of the other order */
	    (w->syntax == DF_WALK_EXPLICIT_BE && w->allocated == 8 &&
	     strcmp(w->pixel_vr, "OB") != 0))
		return 0;
	return (size_t)(n * w->samples);
}

/* Little endian words, and so they go out: the compiler vectorises it. */
static bool take_words(const uint8_t *from, size_t k, uint16_t mask,
		       uint16_t first, uint8_t *to)
{
	uint16_t w[PIECE], differ = 0;

	memcpy(w, from, 2 * k);
	mask = htole16(mask);
	first = htole16(first);
	for (size_t i = 0; i < k; i++) {
		w[i] &= mask;
		differ |= w[i] ^ first;
	}
	memcpy(to, w, 2 * k);
	return differ != 0;
}

/* One byte a sample where eight bits are stored, else two. Nearly all images
 * are grey words without gaps: a loop of their own. */
static bool take_piece(const struct image *im, size_t at, size_t k,
		       uint16_t first, uint8_t *to)
{
	const struct df_walk *w = &im->walk;
	const bool wide = w->stored > 8;
	const unsigned mask = (1u << w->stored) - 1;
	unsigned differ = 0;

	if (wide && w->samples == 1 && w->syntax != DF_WALK_EXPLICIT_BE &&
	    w->high_bit + 1 == w->stored) {
		return take_words(im->ptr + w->pixel_value + 2 * at, k,
				  (uint16_t)mask, first, to);
	}
	for (size_t i = 0; i < k; i++) {
		unsigned v = sample_at(im, place_of(w, at + i));

		differ |= v ^ first;
		to[wide ? 2 * i : i] = (uint8_t)v;
		if (wide)
			to[2 * i + 1] = (uint8_t)(v >> 8);
	}
	return differ != 0;
}

static bool digest_native(const struct image *im, struct df_digest *d)
{
	const size_t n = samples_of(im), width = im->walk.stored > 8 ? 2 : 1;
	const uint16_t first = n > 0 ? sample_at(im, 0) : 0;
	uint8_t piece[2 * PIECE];
	struct df_summer h = {0};
	bool varies = false;

	if (n == 0)
		return false;
	begin(&h, im, "samples");
	for (size_t at = 0; at < n; at += PIECE) {
		size_t k = n - at < PIECE ? n - at : PIECE;

		varies |= take_piece(im, at, k, first, piece);
		df_summer_update(&h, piece, width * k);
	}
	end(&h, d);
	return varies;
}

/* --- compressed
 * ---------------------------------------------------------------- */

static bool digest_streams(const struct image *im, struct df_digest *d)
{
	uint64_t at = im->walk.pixel_value, offset, length;
	struct df_summer h = {0};
	bool any = false;

	/* the first is the table of offsets: one that is empty says as much */
	if (!df_walk_fragment(&im->walk, im->ptr, &at, &offset, &length))
		return false;
	begin(&h, im, im->transfer_syntax);
	while (df_walk_fragment(&im->walk, im->ptr, &at, &offset, &length)) {
		any |= length > 0;
		df_summer_update(&h, im->ptr + offset, (size_t)length);
	}
	end(&h, d);
	return any;
}

/* The precision that a codestream has is its own: 16 bits for 12 are common.
 * Ssiz of its first component (ISO 15444-1, A.5.1). */
static bool take_precision(struct df_frame_shape *shape, const uint8_t *code,
			   uint64_t len)
{
	if (len < J2K_SSIZ_AT + 1 || memcmp(code, "\xff\x4f\xff\x51", 4) != 0)
		return false;
	shape->bits = (uint8_t)((code[J2K_SSIZ_AT] & 0x7f) + 1);
	shape->sign_extended = code[J2K_SSIZ_AT] >> 7 != 0;
	return shape->bits >= 2 && shape->bits <= 8 * shape->bytes;
}

/* JPEG 2000, which DCMTK does not decode: grey, a frame in each fragment. */
static bool decode_jpeg2000(const struct image *im, uint64_t limit,
			    struct bytes *all)
{
	const struct df_walk *w = &im->walk;
	const uint64_t frames = w->frames > 0 ? w->frames : 1;
	struct df_frame_shape shape = {.columns = w->columns,
				       .rows = w->rows,
				       .bytes = (uint8_t)(w->allocated / 8),
				       .bits = (uint8_t)w->stored,
				       .samples = 1};
	uint64_t at = w->pixel_value, offset, length;
	const uint64_t size = df_frame_size(&shape);
	bool good = size > 0 && frames <= limit / size &&
		    bytes_new(all, size * frames, limit, NULL) == DF_OK &&
		    df_walk_fragment(w, im->ptr, &at, &offset, &length);

	for (uint64_t i = 0; good && i < frames; i++)
		good = df_walk_fragment(w, im->ptr, &at, &offset, &length) &&
		       take_precision(&shape, im->ptr + offset, length) &&
		       df_frame_decode(all->ptr + i * size, (size_t)size,
				       DF_CODED_JPEG2000, &shape,
				       im->ptr + offset, (size_t)length,
				       NULL) == DF_OK;
	return good;
}

static bool is_grey_jpeg2000(const struct image *im)
{
	const struct df_walk *w = &im->walk;

	return w->samples == 1 && w->stored > 0 && w->stored <= 16 &&
	       (w->allocated == 8 || w->allocated == 16) &&
	       w->fragments == (w->frames > 0 ? w->frames : 1) + 1ull;
}

static bool digest_jpeg2000(const struct image *im, uint64_t limit,
			    struct df_digest *d)
{
	const struct df_walk *w = &im->walk;
	struct image plain = *im;
	struct bytes all = {0};
	bool good = decode_jpeg2000(im, limit, &all);

	plain.ptr = all.ptr;
	plain.walk.pixel_value = 0;
	plain.walk.pixel_length = all.len;
	plain.walk.high_bit = w->stored - 1;
	plain.walk.syntax = DF_WALK_EXPLICIT_LE;
	good = good && digest_native(&plain, d);
	bytes_release(&all);
	return good;
}

/* Is what it says of its shape something to decode here? */
static bool is_bounded(const struct df_walk *w)
{
	const uint64_t plane = (uint64_t)w->rows * w->columns;
	const uint64_t each = plane * (w->samples > 0 ? w->samples : 1) *
			      (w->allocated > 8 ? w->allocated / 8 : 1);

	return w->rows <= UINT16_MAX && w->columns <= UINT16_MAX &&
	       w->samples <= 4 && w->allocated <= 32 && each <= DECODED_MAX &&
	       each * (w->frames > 0 ? w->frames : 1) <= DECODED_MAX;
}

bool instance_pixels(const struct instance *in, uint64_t limit,
		     struct df_digest *d)
{
	const char *ts = in->r.transfer_syntax;
	struct bytes plain = {0};
	struct image im;
	bool has = false;

	if (!look(&im, in->data.ptr, in->data.len, ts))
		return false;
	if (im.walk.pixel == DF_WALK_PIXEL_NATIVE)
		return digest_native(&im, d);
	if (im.walk.pixel != DF_WALK_PIXEL_ENCAPSULATED &&
	    im.walk.syntax != DF_WALK_OPAQUE)
		return false;
	if (!is_bounded(&im.walk))
		return false;
	if (df_object_can_transcode(ts, DF_TS_EXPLICIT_LE)) {
		struct image out;

		has = meaning_transcode(in, DF_TS_EXPLICIT_LE, &plain, limit,
					NULL) == DF_OK &&
		      look(&out, plain.ptr, plain.len, DF_TS_EXPLICIT_LE) &&
		      out.walk.pixel == DF_WALK_PIXEL_NATIVE &&
		      digest_native(&out, d);
	} else if (im.walk.pixel == DF_WALK_PIXEL_ENCAPSULATED) {
		has = strcmp(ts, TS_JPEG2000_LOSSLESS) == 0 &&
				      is_grey_jpeg2000(&im)
			      ? digest_jpeg2000(&im, limit, d)
			      : digest_streams(&im, d);
	}
	bytes_release(&plain);
	return has;
}
