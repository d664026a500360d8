/* line.c - see df/line.h. */
#include "df/line.h"

#define SAMPLE_BYTES (1u << 20)
/* JPEG-LS: some 58 MB/s of CT a core and a ratio of 4, and a parcel is decoded
 * again to be compared: two cells make 16 MB/s of parcels. */
#define JPEGLS_BYTES_PER_S 16e6

void df_line_begin(struct df_line *l, int64_t now_mono_ms)
{
	if (l->under_way++ > 0)
		return;
	l->since_ms = now_mono_ms;
	l->bytes = 0;
}

void df_line_end(struct df_line *l, uint64_t bytes, int64_t now_mono_ms)
{
	int64_t ms = now_mono_ms - l->since_ms;
	double now;

	if (l->under_way > 0)
		l->under_way--;
	l->bytes += bytes;
	if (l->bytes < SAMPLE_BYTES)
		return;
	now = (double)l->bytes * 1000 / (double)(ms > 0 ? ms : 1);
	l->bytes_per_s = l->bytes_per_s > 0 ? (l->bytes_per_s + now) / 2 : now;
	l->since_ms = now_mono_ms;
	l->bytes = 0;
}

bool df_line_outruns_jpegls(const struct df_line *l)
{
	return l->bytes_per_s > JPEGLS_BYTES_PER_S;
}
