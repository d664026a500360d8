/*
 * codings.c - every coding over real data sets: ratio and speed by modality,
 * and whether the same bytes come back.
 *
 *   bench-codings FILE|DIRECTORY...   Part 10 files; others are passed over
 *
 * One core. Exit 1 when any data set came back otherwise, a codec mismatched, or
 * there was nothing to try; 2 when something cannot be read.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "df/coded.h"
#include "df/object.h"
#include "df/str.h"
#include "df/walker.h"

static const enum df_coding CODINGS[] = {
	DF_CODED_ZSTD,	   DF_CODED_PREDICT, DF_CODED_JPEG_LS,
	DF_CODED_JPEG2000, DF_CODED_JPEG_XL,
};
#define N_CODINGS (sizeof CODINGS / sizeof *CODINGS)
#define KINDS 32

struct sum {
	uint64_t bytes, coded, files, fell_back;
	double encode_s, decode_s;
};
static struct kind {
	char sop_class[65];
	struct sum sum[N_CODINGS];
} kinds[KINDS];
static int wrong;

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct kind *kind_of(const char *sop_class)
{
	size_t i = 0;

	while (i < KINDS - 1 && kinds[i].sop_class[0] != '\0' &&
	       strcmp(kinds[i].sop_class, sop_class) != 0)
		i++;
	snprintf(kinds[i].sop_class, sizeof kinds[i].sop_class, "%s",
		 sop_class);
	return &kinds[i];
}

static void measure(const char *name, struct sum *sum, enum df_coding coding,
		    const uint8_t *ptr, size_t len,
		    const struct df_coded_pixels *pixels)
{
	const struct df_coded_how how = {.coding = coding};
	struct df_coded_note note;
	struct df_buf out;
	uint8_t *back = malloc(len);
	double t0, t1, t2;

	df_buf_init(&out, df_coded_bound(len));
	t0 = now_s();
	if (back == NULL || df_coded_encode(&out, ptr, len, pixels, &how,
					    &note, NULL) != DF_OK)
		abort();
	t1 = now_s();
	if (df_coded_decode(back, len, out.ptr, out.len, NULL) != DF_OK ||
	    memcmp(back, ptr, len) != 0 || note.mismatches > 0) {
		printf("# WRONG: %s as %s\n", name, df_coding_name(coding));
		wrong++;
	}
	t2 = now_s();
	sum->files++;
	sum->fell_back += note.used != coding;
	sum->bytes += len;
	sum->coded += out.len;
	/* what the encoder did beside coding is one decoding */
	sum->encode_s += t1 - t0 - (t2 - t1);
	sum->decode_s += t2 - t1;
	free(back);
	df_buf_release(&out);
}

static void data_set(const char *name, const uint8_t *ptr, size_t len)
{
	struct df_coded_pixels p = {0};
	struct df_part10 part10;
	struct df_walk w;

	if (df_part10_decode(&part10, ptr, len, NULL) != DF_OK)
		return;
	ptr += part10.dataset_at;
	len -= part10.dataset_at;
	if (df_walk(&w, ptr, len,
		    df_walk_syntax_of(df_text_of(part10.transfer_syntax)), NULL,
		    NULL) == DF_OK &&
	    w.pixel == DF_WALK_PIXEL_NATIVE)
		p = (struct df_coded_pixels){
			.offset = w.pixel_value,
			.length = w.pixel_length,
			.rows = w.rows,
			.columns = w.columns,
			.frames = w.frames,
			.samples = w.samples,
			.planar = w.planar,
			.allocated = w.allocated,
			.stored = w.stored,
			.high_bit = w.high_bit,
			.representation = w.representation,
			.big_endian = w.syntax == DF_WALK_EXPLICIT_BE,
		};
	for (size_t i = 0; i < N_CODINGS; i++)
		measure(name,
			&kind_of(p.length > 0 ? part10.sop_class
					      : "no native pixels")
				 ->sum[i],
			CODINGS[i], ptr, len, &p);
}

static void file(const char *name)
{
	FILE *f = fopen(name, "rb");
	uint8_t *ptr;
	long len;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (len = ftell(f)) <= 0) {
		fprintf(stderr, "codings: cannot read %s\n", name);
		exit(2);
	}
	rewind(f);
	ptr = malloc((size_t)len);
	if (ptr == NULL || fread(ptr, 1, (size_t)len, f) != (size_t)len)
		exit(2);
	fclose(f);
	data_set(name, ptr, (size_t)len);
	free(ptr);
}

static int visit(const char *name, const struct stat *st, int type,
		 struct FTW *ftw)
{
	(void)ftw;
	if (type == FTW_F && st->st_size > 0)
		file(name);
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (nftw(argv[i], visit, 16, FTW_PHYS) != 0)
			return 2;
	for (size_t k = 0; k < KINDS && kinds[k].sop_class[0]; k++) {
		const char *name = df_uid_name(kinds[k].sop_class);

		printf("%s\n", *name ? name : kinds[k].sop_class);
		for (size_t i = 0; i < N_CODINGS; i++) {
			const struct sum *s = &kinds[k].sum[i];
			double mb = (double)s->bytes / 1e6;

			printf("  %-13s files %4llu (%llu fell back) MB %7.1f "
			       "ratio %5.2f  enc %6.0f MB/s  dec %6.0f MB/s\n",
			       df_coding_name(CODINGS[i]),
			       (unsigned long long)s->files,
			       (unsigned long long)s->fell_back, mb,
			       (double)s->bytes / (double)s->coded,
			       mb / s->encode_s, mb / s->decode_s);
		}
	}
	return wrong > 0 || kinds[0].sop_class[0] == '\0';
}
