/* wavefront.h - eight rows of residuals at once; private to predict.c. */
#ifndef IMAGE_WAVEFRONT_H
#define IMAGE_WAVEFRONT_H

#include <stddef.h>
#include <stdint.h>

#define WAVE_ROWS 8u
/* Words that a wave needs for rows of n samples. */
#define WAVE_WORDS(n) (2u * WAVE_ROWS * ((n) + 3u * WAVE_ROWS))

/*
 * The samples of eight rows of n words from their residuals, low[] and high[]
 * bytes one row after the other, and the row above them (zeros at the top of
 * an image). work: WAVE_WORDS(n). Row k is then at the returned pointer plus
 * k * *pitch.
 */
const int16_t *wave_get(int16_t *work, size_t *pitch, const uint8_t *low,
			const uint8_t *high, const int16_t *above, size_t n);

#endif
