/* checksum.c - XXH3-128 as bytes stream by. See df/checksum.h. */
#include "df/checksum.h"

#include <string.h>

#include <xxhash.h>

void df_summer_init(struct df_summer *s)
{
	if (s->state == NULL)
		s->state = XXH3_createState();
	if (s->state == NULL || XXH3_128bits_reset(s->state) != XXH_OK)
		df_bug("no memory for a checksum");
}

void df_summer_update(struct df_summer *s, const void *ptr, size_t len)
{
	if (XXH3_128bits_update(s->state, ptr, len) != XXH_OK)
		df_bug("checksum of nothing");
}

void df_summer_sum(const struct df_summer *s, struct df_checksum *sum)
{
	XXH128_canonical_t c;

	XXH128_canonicalFromHash(&c, XXH3_128bits_digest(s->state));
	memcpy(sum->b, c.digest, sizeof sum->b);
}

void df_summer_release(struct df_summer *s)
{
	if (s->state != NULL)
		(void)XXH3_freeState(s->state); /* cannot fail */
	s->state = NULL;
}

bool df_checksum_same(const struct df_checksum *a, const struct df_checksum *b)
{
	return memcmp(a->b, b->b, sizeof a->b) == 0;
}
