/*
 * badline.h - the line that badline serves, and what it can be told.
 */
#ifndef DF_TEST_BADLINE_H
#define DF_TEST_BADLINE_H

#include "flows.h"
#include "netns.h"
#include "shape.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#define NS 1000000000ull
#define MILLISECOND 1000000ull

enum { UP, DOWN, WAYS };

struct line {
	struct netns end[WAYS]; /* A, B: way UP leaves end[UP] */
	struct shape way[WAYS];
	struct flows flows[WAYS];
	uint64_t cut_every_ns, cut_for_ns;
	uint64_t next_cut_ns, mend_at_ns; /* UINT64_MAX: never */
	uint64_t cuts, late, worst_ns;
	/* since when it counts; the first and the last full packet up */
	uint64_t reset_ns, bulk_from_ns, bulk_until_ns;
	int control;
};

extern struct line line;
extern volatile sig_atomic_t is_over;

uint64_t line_now_ns(void); /* of a monotonic clock */

/* The setting of that name; false when there is none or the value is bad. */
bool line_set(const char *name, const char *value);
/* Cuts it for so long. */
void line_cut_for(uint64_t ns);
void line_set_down(bool down);
/* Obeys one command and writes its answer; false: not understood. */
bool line_obey(char *words, char *answer, size_t cap);
/* Counts anew. */
void line_reset(void);
/* Prints the names of the settings to stderr. */
void line_say_settings(void);

#endif
