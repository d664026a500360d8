/* ranges.c - see df/ranges.h. */
#include "df/ranges.h"

#include <string.h>

bool df_ranges_add(struct df_ranges *s, uint64_t from, uint64_t to)
{
	size_t first = 0, last;

	if (from >= to)
		return false;
	while (first < s->n && s->r[first].to < from)
		first++;
	/* [first, last) are those that it meets or touches */
	for (last = first; last < s->n && s->r[last].from <= to; last++) {
		if (s->r[last].from < from)
			from = s->r[last].from;
		if (s->r[last].to > to)
			to = s->r[last].to;
	}
	if (first == last && s->n == DF_RANGES_MAX)
		return false;
	memmove(&s->r[first + 1], &s->r[last], (s->n - last) * sizeof s->r[0]);
	s->r[first] = (struct df_range){from, to};
	s->n = s->n + 1 - (last - first);
	return true;
}

bool df_ranges_meet(const struct df_ranges *s, uint64_t from, uint64_t to)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->r[i].from < to && from < s->r[i].to)
			return true;
	return false;
}

bool df_ranges_gap(const struct df_ranges *s, uint64_t size,
		   struct df_range *gap)
{
	uint64_t at = df_ranges_prefix(s);
	size_t next = at > 0 ? 1 : 0; /* the range behind the gap */

	if (at >= size)
		return false;
	*gap = (struct df_range){at, size};
	if (next < s->n && s->r[next].from < size)
		gap->to = s->r[next].from;
	return true;
}

uint64_t df_ranges_prefix(const struct df_ranges *s)
{
	return s->n > 0 && s->r[0].from == 0 ? s->r[0].to : 0;
}

uint64_t df_ranges_sum(const struct df_ranges *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->n; i++)
		sum += s->r[i].to - s->r[i].from;
	return sum;
}
