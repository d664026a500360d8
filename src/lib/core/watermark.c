/* watermark.c - marks of a disk that fills. See df/watermark.h. */
#include "df/watermark.h"

#define INODES_MAX 4096u
#define BACK_PER_MILLE 20u /* below a mark before it is left */

static const char *const MARKS[] = {
	[DF_MARK_NONE] = "none",
	[DF_MARK_SOFT] = "soft",
	[DF_MARK_HIGH] = "high",
	[DF_MARK_RESERVE] = "reserve",
};

const char *df_mark_name(enum df_mark mark)
{
	return MARKS[mark];
}

uint64_t df_reserve_bytes(const struct df_disk *d, const struct df_marks *m)
{
	uint64_t keep = d->total_bytes / 100 * m->reserve_percent;

	if (keep < m->reserve_bytes)
		keep = m->reserve_bytes;
	if (keep > d->total_bytes / 4)
		keep = d->total_bytes / 4;
	return keep;
}

uint64_t df_reserve_inodes(const struct df_disk *d)
{
	uint64_t keep = d->total_inodes / 20;

	return keep < INODES_MAX ? keep : INODES_MAX;
}

/* Of what may be filled, in per mille; room includes the reserve. */
static uint64_t filled(uint64_t total, uint64_t room, uint64_t keep)
{
	uint64_t most = total - keep, left;

	if (room <= keep || most == 0)
		return 1000;
	left = room - keep;
	if (left >= most)
		return 0;
	/* rounded down: 1000 is the reserve alone; no product overflows */
	return (uint64_t)((double)(most - left) / (double)most * 1000.0);
}

static uint64_t room_bytes(const struct df_disk *d)
{
	uint64_t room = d->free_bytes + d->held_bytes;

	return room < d->total_bytes ? room : d->total_bytes;
}

uint64_t df_watermark_filled(const struct df_disk *d, const struct df_marks *m)
{
	return filled(d->total_bytes, room_bytes(d), df_reserve_bytes(d, m));
}

static enum df_mark mark_of(uint64_t per_mille, const struct df_marks *m,
			    enum df_mark was)
{
	const uint64_t at[] = {
		[DF_MARK_SOFT] = m->soft_percent * 10,
		[DF_MARK_HIGH] = m->high_percent * 10,
		[DF_MARK_RESERVE] = 1000,
	};

	for (enum df_mark k = DF_MARK_RESERVE; k > DF_MARK_NONE; k--) {
		uint64_t from = at[k];

		if (was >= k)
			from = from > BACK_PER_MILLE ? from - BACK_PER_MILLE
						     : 0;
		if (per_mille >= from)
			return k;
	}
	return DF_MARK_NONE;
}

struct df_pressure df_watermark(const struct df_disk *d,
				const struct df_marks *m, enum df_mark was)
{
	uint64_t bytes = df_watermark_filled(d, m);
	uint64_t inodes = 0;
	struct df_pressure p;

	if (d->total_inodes > 0)
		inodes = filled(d->total_inodes, d->free_inodes,
				df_reserve_inodes(d));
	p.inodes = inodes > bytes;
	p.mark = mark_of(p.inodes ? inodes : bytes, m, was);
	return p;
}

bool df_watermark_fits(const struct df_disk *d, const struct df_marks *m,
		       uint64_t more)
{
	uint64_t room = room_bytes(d), keep = df_reserve_bytes(d, m);

	return room > keep && room - keep >= more;
}
