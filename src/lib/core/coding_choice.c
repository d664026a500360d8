/* coding_choice.c - see df/coding_choice.h. */
#include "df/coding_choice.h"

#include <string.h>

/* What is taken for the line until it is measured: a clinic's 20 Mbit/s. */
#define LINE_UNKNOWN 2.5e6
/* Cells do other work too. */
#define CELLS_BUSY 0.75
/* More of what gets through is worth less than the noise of its measure. */
#define NOISE 0.97
/* A parcel of this many raw bytes changes what is known by a quarter. */
#define WEIGHT_BYTES 8e6

static const struct {
	const char *word;
	double encode, decode, ratio; /* MB/s of one core */
} start[DF_CODING_COUNT] = {
	[DF_CODING_AUTO] = {"auto", 1, 1, 1},
	[DF_CODING_STORED] = {"stored", 4000, 8000, 1},
	[DF_CODING_ZSTD] = {"zstd", 160, 700, 2.4},
	[DF_CODING_JPEGLS] = {"jpeg-ls", 58, 69, 3.9},
	[DF_CODING_PREDICT] = {"predict+zstd", 600, 1100, 3.3},
	[DF_CODING_JPEG2000] = {"jpeg2000", 22, 26, 3.97},
	[DF_CODING_JPEGXL] = {"jpeg-xl", 37, 46, 4.3},
};
/* A raw byte read, opened and hashed; and a coded one sealed, written, hashed,
 * read again and sent. */
#define HANDLE_S 1.5e-9
#define CODED_S 4e-9

const char *df_coding_word(enum df_coding_choice c)
{
	return c < DF_CODING_COUNT ? start[c].word : "unknown";
}

enum df_coding_choice df_coding_of_word(const char *word)
{
	unsigned c = 0;

	while (c < DF_CODING_COUNT && strcmp(start[c].word, word) != 0)
		c++;
	return (enum df_coding_choice)c;
}

const char *df_coding_why_word(enum df_coding_why why)
{
	static const char *const words[DF_CODING_WHYS] = {
		[DF_CODING_FIXED] = "fixed",
		[DF_CODING_FILLS] = "fills",
		[DF_CODING_FASTEST] = "fastest",
		[DF_CODING_FIRST] = "first",
	};

	return why < DF_CODING_WHYS ? words[why] : "unknown";
}

void df_coders_init(struct df_coders *c)
{
	*c = (struct df_coders){.content = 1, .share = 1};
	for (unsigned i = DF_CODING_STORED; i < DF_CODING_COUNT; i++) {
		double decode_s = 1e-6 / start[i].decode;
		double handle_s = HANDLE_S + CODED_S / start[i].ratio;

		c->by[i] = (struct df_coder){
			.pack_s = handle_s + 1e-6 / start[i].encode,
			.verify_s = handle_s + decode_s,
			.ratio = start[i].ratio,
		};
	}
}

static void approach(double *value, double now, uint64_t raw)
{
	double weight = 0.25 * (double)raw / WEIGHT_BYTES;

	*value += (now - *value) * (weight < 0.25 ? weight : 0.25);
}

static void learn(struct df_coders *c, double *cost_s,
		  const struct df_coding_work *w)
{
	if (w->raw == 0 || w->cpu_us == 0)
		return;
	approach(cost_s, (double)w->cpu_us / 1e6 / (double)w->raw, w->raw);
	if (w->wall_us >= w->cpu_us)
		approach(&c->share, (double)w->cpu_us / (double)w->wall_us,
			 w->raw);
}

void df_coders_packed(struct df_coders *c, enum df_coding_choice coding,
		      const struct df_coding_work *w)
{
	struct df_coder *by = &c->by[coding];

	learn(c, &by->pack_s, w);
	/* What codes well codes well in each coding: one figure for all, so
	 * that those not in use are judged by the same images. */
	if (w->coded > 0 && coding != DF_CODING_STORED)
		approach(&c->content,
			 (double)w->raw / (double)w->coded / by->ratio, w->raw);
}

void df_coders_verified(struct df_coders *c, enum df_coding_choice coding,
			const struct df_coding_work *w)
{
	learn(c, &c->by[coding].verify_s, w);
}

void df_coders_mismatch(struct df_coders *c, enum df_coding_choice coding)
{
	c->by[coding].mismatches++;
}

static double ratio_of(const struct df_coders *c, unsigned i)
{
	double r = c->by[i].ratio * c->content;

	return i == DF_CODING_STORED || r < 1 ? 1 : r;
}

/* Raw bytes a second that the cells make of it. */
static double made(const struct df_coders *c, unsigned i, unsigned cells)
{
	return cells * CELLS_BUSY * c->share /
	       (c->by[i].pack_s + c->by[i].verify_s);
}

/* Until one image is there: packed and compared here, carried over, restored
 * and compared there. */
static double there_s(const struct df_coders *c, unsigned i, double line,
		      uint64_t bytes)
{
	return (double)bytes *
	       ((c->by[i].pack_s + 2 * c->by[i].verify_s) / c->share +
		1 / (ratio_of(c, i) * line));
}

static const enum df_coding_choice by_work[] = {
	DF_CODING_STORED, DF_CODING_PREDICT, DF_CODING_ZSTD,
	DF_CODING_JPEGLS, DF_CODING_JPEGXL,  DF_CODING_JPEG2000,
};

/* Greater is better. */
static double worth(const struct df_coders *c, unsigned i, unsigned cells,
		    double line, uint64_t first_bytes)
{
	double carried = line * ratio_of(c, i), coded = made(c, i, cells);

	if (first_bytes > 0)
		return 1 / there_s(c, i, line, first_bytes);
	return carried < coded ? carried : coded;
}

void df_coding_choose(struct df_coding_chosen *to, const struct df_coders *c,
		      unsigned cells, double line_bytes_per_s,
		      uint64_t first_bytes)
{
	double line = line_bytes_per_s > 0 ? line_bytes_per_s : LINE_UNKNOWN;
	double best = 0;
	unsigned found = DF_CODING_STORED;

	for (size_t k = 0; k < sizeof by_work / sizeof *by_work; k++) {
		unsigned i = by_work[k];
		double w = worth(c, i, cells, line, first_bytes);

		/* of equals the one with less work */
		if (c->by[i].mismatches > 0 || w * NOISE <= best)
			continue;
		best = w;
		found = i;
	}
	*to = (struct df_coding_chosen){
		.coding = (enum df_coding_choice)found,
		.why = DF_CODING_FILLS,
		.line_bytes_per_s = line,
		.assumed = line_bytes_per_s <= 0,
	};
	if (first_bytes > 0)
		to->why = DF_CODING_FIRST;
	else if (made(c, found, cells) < line * ratio_of(c, found))
		to->why = DF_CODING_FASTEST;
}
