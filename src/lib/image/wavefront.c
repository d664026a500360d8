/*
 * wavefront.c - undoing the predictor for eight rows at once.
 *
 * A sample waits for its left neighbour, so one row is one long chain. Row k
 * of eight is decoded k samples behind row 0: at each step eight samples that
 * do not need each other are worked out in one vector. What is above each is
 * what the row before found a step ago; above left is what was above a step
 * ago. Residuals are turned from rows into steps, samples back, in blocks of
 * eight by eight. Vectors are those of the compiler, for any machine.
 */
#include "wavefront.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

typedef int16_t vec __attribute__((vector_size(16)));

/* Room before and behind each row: it begins and ends up to 8 steps apart. */
#define PAD WAVE_ROWS

#define LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)

/* Three rounds of dealing pairs of rows into each other. */
static inline void turn(vec v[WAVE_ROWS])
{
	for (int round = 0; round < 3; round++) {
		vec w[WAVE_ROWS];

		for (unsigned k = 0; k < 4; k++) {
			w[2 * k] = LOW(v[k], v[k + 4]);
			w[2 * k + 1] = HIGH(v[k], v[k + 4]);
		}
		memcpy(v, w, sizeof w);
	}
}

/* One instruction each where we know of it; the compiler does not find it. */
#ifdef __SSE2__
static inline vec least(vec a, vec b)
{
	return (vec)_mm_min_epi16((__m128i)a, (__m128i)b);
}

static inline vec most(vec a, vec b)
{
	return (vec)_mm_max_epi16((__m128i)a, (__m128i)b);
}

/* All one lane on, a new one in front. */
static inline vec moved_on(vec v, int16_t first)
{
	return (vec)_mm_insert_epi16(_mm_slli_si128((__m128i)v, 2), first, 0);
}
#else
static inline vec least(vec a, vec b)
{
	vec less = a < b;

	return (a & less) | (b & ~less);
}

static inline vec most(vec a, vec b)
{
	vec less = a < b;

	return (b & less) | (a & ~less);
}

static inline vec moved_on(vec v, int16_t first)
{
	vec f = {first};

	return __builtin_shufflevector(f, v, 0, 8, 9, 10, 11, 12, 13, 14);
}
#endif

static void unfold_row(int16_t *restrict to, const uint8_t *restrict low,
		       const uint8_t *restrict high, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint16_t z = (uint16_t)(low[i] | (high[i] << 8));

		to[i] = (int16_t)((z >> 1) ^ (uint16_t)-(z & 1));
	}
}

static inline vec load(const int16_t *from)
{
	vec v;

	memcpy(&v, from, sizeof v);
	return v;
}

/* What goes on from step to step: the samples found, and what was above. */
struct wave {
	vec found, above;
};

/* Signed words must not overflow: sums are taken without sign. */
typedef uint16_t uvec __attribute__((vector_size(16)));

static inline vec step(struct wave *w, vec residual, int16_t above)
{
	vec a = w->found, c = w->above, b = moved_on(a, above);
	vec edge = (vec)((uvec)a + (uvec)b - (uvec)c);
	vec p = most(least(a, b), least(most(a, b), edge));

	w->above = b;
	return (vec)((uvec)p + (uvec)residual);
}

const int16_t *wave_get(int16_t *work, size_t *pitch, const uint8_t *low,
			const uint8_t *high, const int16_t *above, size_t n)
{
	const size_t width = n + 3 * PAD;
	int16_t *res = work, *out = work + WAVE_ROWS * width;
	const vec lane = {0, 1, 2, 3, 4, 5, 6, 7};
	struct wave w = {{0}, {0}};

	for (unsigned k = 0; k < WAVE_ROWS; k++) {
		int16_t *row = res + k * width;

		memset(row, 0, PAD * sizeof *row);
		unfold_row(row + PAD, low + k * n, high + k * n, n);
		memset(row + PAD + n, 0, 2 * PAD * sizeof *row);
	}
	for (size_t t = 0; t < n + WAVE_ROWS - 1; t += WAVE_ROWS) {
		vec v[WAVE_ROWS];

		for (unsigned k = 0; k < WAVE_ROWS; k++)
			v[k] = load(res + k * width + PAD + t - k);
		turn(v);
		for (unsigned i = 0; i < WAVE_ROWS; i++) {
			w.found = step(&w, v[i], t + i < n ? above[t + i] : 0);
			if (t == 0) /* what stands before a row is 0 */
				w.found &= lane <= (int16_t)i;
			v[i] = w.found;
		}
		turn(v);
		for (unsigned k = 0; k < WAVE_ROWS; k++)
			memcpy(out + k * width + PAD + t - k, &v[k],
			       sizeof v[k]);
	}
	*pitch = width;
	return out + PAD;
}
