/*
 * predict.c - residuals of the median edge predictor, byte planes, zstd.
 *
 * Each sample is predicted from its neighbours left, above, and above left
 * (the median of a, b and a + b - c, as JPEG-LS does: Weinberger, Seroussi,
 * Sapiro, "The LOCO-I lossless image compression algorithm", 2000). What it
 * differs by, modulo 2^16, folded so that small differences of both signs are
 * small numbers, is split into a plane of low and a plane of high bytes. zstd
 * takes that. Weaker than the other codecs, and ten times as fast.
 *
 * Samples are taken at their allocated size, whatever their high bits hold.
 * Inner loops are written for the compiler to vectorise: no branches, no
 * dependence between samples when encoding.
 */
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "wavefront.h"

/* Residuals of words have no repetitions worth a search: hardly any, then
 * Huffman. 2.7 % more bytes than level 1, at 1.5 to 2 times its speed. Bytes are
 * often graphics, which repeat themselves. */
#define LEVEL_WORDS (-50)
#define LEVEL_BYTES 1

/* Where the samples of one plane of colour stand, in samples. */
struct grid {
	size_t width; /* samples a row, all colours of a pixel counted */
	size_t rows;
	size_t step; /* to the same colour of the next pixel */
};

static struct grid grid_of(const struct df_frame_shape *s)
{
	bool mixed = s->samples == 3 && !s->planar;

	return (struct grid){
		.width = (size_t)s->columns * (mixed ? 3 : 1),
		.rows = (size_t)s->rows * (s->planar ? s->samples : 1),
		.step = mixed ? 3 : 1,
	};
}

static inline int16_t least(int16_t a, int16_t b)
{
	return a < b ? a : b;
}

static inline int16_t most(int16_t a, int16_t b)
{
	return a > b ? a : b;
}

static inline int16_t predicted(int16_t a, int16_t b, int16_t c)
{
	int16_t edge = (int16_t)(uint16_t)(a + b - c);

	return most(least(a, b), least(most(a, b), edge));
}

static inline uint16_t fold(int16_t r)
{
	return (uint16_t)(((uint16_t)r << 1) ^ (uint16_t)(r >> 15));
}

static inline int16_t unfold(uint16_t z)
{
	return (int16_t)((z >> 1) ^ (uint16_t)-(z & 1));
}

/* --- samples of a row as signed words ----------------------------------- */

/* Unsigned words are moved so that their order stays when they are signed. */
static void load_row(int16_t *restrict to, const uint8_t *restrict from,
		     const struct df_frame_shape *s, size_t n)
{
	uint16_t move = s->sign_extended ? 0 : 0x8000;

	if (s->bytes == 1) {
		for (size_t i = 0; i < n; i++)
			to[i] = from[i];
		return;
	}
	for (size_t i = 0; i < n; i++)
		to[i] = (int16_t)((uint16_t)(from[2 * i] |
					     (from[2 * i + 1] << 8)) ^
				  move);
}

static void store_row(uint8_t *restrict to, const int16_t *restrict from,
		      const struct df_frame_shape *s, size_t n)
{
	uint16_t move = s->sign_extended ? 0 : 0x8000;

	if (s->bytes == 1) {
		for (size_t i = 0; i < n; i++)
			to[i] = (uint8_t)from[i];
		return;
	}
	for (size_t i = 0; i < n; i++) {
		uint16_t v = (uint16_t)from[i] ^ move;

		to[2 * i] = (uint8_t)v;
		to[2 * i + 1] = (uint8_t)(v >> 8);
	}
}

/* --- residuals ---------------------------------------------------------- */

/* row and above have `step` samples before their first: zeros, so that the
 * first of a row is predicted from the one above it (c = 0, a = 0 gives b). */
static void put_residuals(uint8_t *restrict low, uint8_t *restrict high,
			  const int16_t *restrict row,
			  const int16_t *restrict above, size_t step, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int16_t p = predicted(row[i], above[i + step], above[i]);
		uint16_t z = fold((int16_t)(uint16_t)(row[i + step] - p));

		low[i] = (uint8_t)z;
		high[i] = (uint8_t)(z >> 8);
	}
}

static void get_residuals(int16_t *restrict row, const int16_t *restrict above,
			  const uint8_t *restrict low,
			  const uint8_t *restrict high, size_t step, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint16_t z = (uint16_t)(low[i] | (high[i] << 8));
		int16_t p = predicted(row[i], above[i + step], above[i]);

		row[i + step] = (int16_t)(uint16_t)(p + unfold(z));
	}
}

/* Bytes: the difference modulo 256; one plane. */
static void put_bytes(uint8_t *restrict low, const int16_t *restrict row,
		      const int16_t *restrict above, size_t step, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int16_t p = predicted(row[i], above[i + step], above[i]);
		int8_t r = (int8_t)(uint8_t)(row[i + step] - p);

		low[i] = (uint8_t)(((uint8_t)r << 1) ^ (uint8_t)(r >> 7));
	}
}

static void get_bytes(int16_t *restrict row, const int16_t *restrict above,
		      const uint8_t *restrict low, size_t step, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t r = (uint8_t)((low[i] >> 1) ^ (uint8_t)-(low[i] & 1));
		int16_t p = predicted(row[i], above[i + step], above[i]);

		row[i + step] = (uint8_t)(p + r);
	}
}

/* --- frames ------------------------------------------------------------- */

/* Two rows of words, each behind `step` zeros; then the planes. */
struct scratch {
	int16_t *row, *above;
	uint8_t *planes;
	int16_t *wave; /* decoding words */
};

static bool scratch_new(struct scratch *m, const struct grid *g, size_t len)
{
	*m = (struct scratch){
		.row = calloc(g->step + g->width, sizeof *m->row),
		.above = calloc(g->step + g->width, sizeof *m->above),
		.planes = malloc(len),
	};
	return m->row != NULL && m->above != NULL && m->planes != NULL;
}

static void scratch_free(struct scratch *m)
{
	free(m->row);
	free(m->above);
	free(m->planes);
	free(m->wave);
}

static void scratch_next(struct scratch *m)
{
	int16_t *t = m->row;

	m->row = m->above;
	m->above = t;
}

static enum df_err predict_encode(struct df_buf *out,
				  const struct df_frame_shape *s,
				  const void *ptr, size_t len,
				  struct df_why *why)
{
	struct grid g = grid_of(s);
	size_t n = frame_samples(s);
	const uint8_t *from = ptr;
	struct scratch m;
	enum df_err rc;

	if (!scratch_new(&m, &g, len)) {
		scratch_free(&m);
		return df_fail(why, DF_E_NOMEM, "no memory for a frame");
	}
	for (size_t y = 0; y < g.rows; y++) {
		uint8_t *low = m.planes + y * g.width;

		load_row(m.row + g.step, from + y * g.width * s->bytes, s,
			 g.width);
		if (s->bytes == 1)
			put_bytes(low, m.row, m.above, g.step, g.width);
		else
			put_residuals(low, low + n, m.row, m.above, g.step,
				      g.width);
		scratch_next(&m);
	}
	rc = df_zstd_encode(out, m.planes, len,
			    s->bytes == 1 ? LEVEL_BYTES : LEVEL_WORDS, why);
	scratch_free(&m);
	return rc;
}

/* Eight rows at a time; returns how many are done. */
static size_t decode_waves(uint8_t *to, const struct df_frame_shape *s,
			   const struct grid *g, struct scratch *m, size_t n)
{
	size_t y = 0, pitch;

	if (s->bytes == 1 || g->step != 1 || g->rows < WAVE_ROWS)
		return 0;
	m->wave = malloc(WAVE_WORDS(g->width) * sizeof *m->wave);
	for (; m->wave != NULL && g->rows - y >= WAVE_ROWS; y += WAVE_ROWS) {
		const uint8_t *low = m->planes + y * g->width;
		const int16_t *rows = wave_get(m->wave, &pitch, low, low + n,
					       m->above + 1, g->width);

		for (unsigned k = 0; k < WAVE_ROWS; k++)
			store_row(to + (y + k) * g->width * 2,
				  rows + k * pitch, s, g->width);
		memcpy(m->above + 1, rows + (WAVE_ROWS - 1) * pitch,
		       g->width * sizeof *rows);
	}
	return y;
}

static enum df_err predict_decode(void *to, size_t len,
				  const struct df_frame_shape *s,
				  const void *code, size_t code_len,
				  struct df_why *why)
{
	struct grid g = grid_of(s);
	size_t n = frame_samples(s);
	struct scratch m;
	size_t y = 0;
	enum df_err rc = DF_E_NOMEM;

	if (scratch_new(&m, &g, len))
		rc = df_zstd_decode(m.planes, len, code, code_len, why);
	else
		(void)df_fail(why, rc, "no memory for a frame");
	if (rc == DF_OK)
		y = decode_waves(to, s, &g, &m, n);
	for (; rc == DF_OK && y < g.rows; y++) {
		const uint8_t *low = m.planes + y * g.width;

		if (s->bytes == 1)
			get_bytes(m.row, m.above, low, g.step, g.width);
		else
			get_residuals(m.row, m.above, low, low + n, g.step,
				      g.width);
		store_row((uint8_t *)to + y * g.width * s->bytes,
			  m.row + g.step, s, g.width);
		scratch_next(&m);
	}
	scratch_free(&m);
	return rc;
}

const struct frame_codec frame_codec_predict = {predict_encode,
						predict_decode, false};
