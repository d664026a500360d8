/*
 * ranges.h - which bytes of a whole are there: a few ranges, kept in order.
 *
 * For parts that come in any order and may be cut: each side of a line knows
 * what it holds, and what is missing first. Ranges that touch become one.
 */
#ifndef DF_RANGES_H
#define DF_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DF_RANGES_MAX 32

struct df_range {
	uint64_t from;
	uint64_t to; /* first byte after it */
};

struct df_ranges { /* {0} = nothing is there */
	struct df_range r[DF_RANGES_MAX];
	size_t n;
};

/* Adds [from, to). False, and nothing changes, when it is empty or there is no
 * place for one more. */
bool df_ranges_add(struct df_ranges *s, uint64_t from, uint64_t to);
/* Is any byte of [from, to) there? */
bool df_ranges_meet(const struct df_ranges *s, uint64_t from, uint64_t to);
/* The first bytes that are missing in a whole of `size`; false: none. */
bool df_ranges_gap(const struct df_ranges *s, uint64_t size,
		   struct df_range *gap);
/* How many bytes are there without a gap, from the first byte on. */
uint64_t df_ranges_prefix(const struct df_ranges *s);
/* How many bytes are there in all. */
uint64_t df_ranges_sum(const struct df_ranges *s);

#ifdef __cplusplus
}
#endif
#endif
