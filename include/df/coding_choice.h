/*
 * coding_choice.h - which coding an image gets with `coding = auto`.
 *
 * A line of L bytes/s carries L * ratio raw bytes; the cells make so many a
 * second as their time allows. What gets through is the lesser of the two, and
 * the coding for which that is greatest is chosen: on a slow line the
 * smallest, on a fast one the fastest, between them the smallest whose encoder
 * keeps the line full. The first image of a study gets the coding with which
 * it is there soonest. Pure: rates are told, words come back.
 */
#ifndef DF_CODING_CHOICE_H
#define DF_CODING_CHOICE_H

#include "df/config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One coding; by enum df_coding_choice, AUTO unused. */
struct df_coder {
	double pack_s;	 /* processor seconds to read, code, seal a raw byte */
	double verify_s; /* to open it again, decode and compare */
	double ratio;	 /* raw to coded, of what the figures were taken from */
	uint64_t mismatches; /* it gave back something else: passed over */
};

/* What is known of the encoders. df_coders_init fills it with figures of one
 * ordinary core and real CT; work done corrects them. */
struct df_coders {
	struct df_coder by[DF_CODING_COUNT];
	double content; /* how much better than there images code here */
	double share;	/* of a processor that a cell gets while it works */
};
void df_coders_init(struct df_coders *c);

/* A job's measure. */
struct df_coding_work {
	uint64_t raw, coded; /* bytes; coded 0 = not known here */
	uint64_t cpu_us;     /* processor time */
	uint64_t wall_us;
};
void df_coders_packed(struct df_coders *c, enum df_coding_choice coding,
		      const struct df_coding_work *w);
void df_coders_verified(struct df_coders *c, enum df_coding_choice coding,
			const struct df_coding_work *w);
/* An encoder gave back something else; auto does not use it again. */
void df_coders_mismatch(struct df_coders *c, enum df_coding_choice coding);

enum df_coding_why {
	DF_CODING_FIXED,   /* by configuration */
	DF_CODING_FILLS,   /* the smallest that keeps the line full */
	DF_CODING_FASTEST, /* the cells are the limit: most gets through so */
	DF_CODING_FIRST,   /* a first image: it is there soonest */
	DF_CODING_WHYS,
};
const char *df_coding_why_word(enum df_coding_why why); /* "fills" */

struct df_coding_chosen {
	enum df_coding_choice coding;
	enum df_coding_why why;
	double line_bytes_per_s;
	bool assumed; /* the line was not measured yet */
};
/*
 * cells: how many code at the same time. line_bytes_per_s: what the line
 * carries, 0 = not known. first_bytes: size of a study's first image, which
 * somebody waits for; 0 = not the first.
 */
void df_coding_choose(struct df_coding_chosen *to, const struct df_coders *c,
		      unsigned cells, double line_bytes_per_s,
		      uint64_t first_bytes);

const char *df_coding_word(enum df_coding_choice c); /* "jpeg-xl" */
/* DF_CODING_COUNT when it is no word of ours. */
enum df_coding_choice df_coding_of_word(const char *word);

#ifdef __cplusplus
}
#endif
#endif
