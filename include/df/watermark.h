/*
 * watermark.h - how full may the disk of the spool be? Pure, no I/O.
 *
 * A part of the disk is kept back, so that sending, receipts and the journal
 * never want for space: the reserve. What may be filled is the disk less the
 * reserve, and the marks are shares of that; so the order soft, high, reserve
 * holds on a disk of any size. Bytes and inodes are judged alike, the worse
 * counts. A mark that was reached is left only 2 points below it, so that
 * nothing flutters.
 */
#ifndef DF_WATERMARK_H
#define DF_WATERMARK_H

#include "df/err.h"

#ifdef __cplusplus
extern "C" {
#endif

enum df_mark {
	DF_MARK_NONE,
	DF_MARK_SOFT,	 /* alarm; what may be purged is purged */
	DF_MARK_HIGH,	 /* urgent sources and studies in flight only */
	DF_MARK_RESERVE, /* nothing new; what is here is sent on */
};
const char *df_mark_name(enum df_mark mark); /* "none" ... "reserve" */

struct df_disk {
	uint64_t total_bytes; /* that could ever be ours: used and free */
	uint64_t free_bytes;  /* for us, now; without what is held */
	uint64_t held_bytes;  /* preallocated by us, to be given up */
	uint64_t total_inodes; /* 0 = the file system does not count them */
	uint64_t free_inodes;
	bool read_only;
};

struct df_marks {
	uint64_t reserve_bytes;	  /* kept back: the larger of these two, ... */
	uint64_t reserve_percent; /* ... but at most a quarter of the disk */
	uint64_t soft_percent;	  /* of what may be filled */
	uint64_t high_percent;
};

struct df_pressure {
	enum df_mark mark;
	bool inodes; /* it is they that are short */
};

/* Bytes that are kept back on this disk. */
uint64_t df_reserve_bytes(const struct df_disk *d, const struct df_marks *m);
/* Inodes that are kept back: 1 of 20, at most 4096. */
uint64_t df_reserve_inodes(const struct df_disk *d);
/* was: the mark that this function said last. */
struct df_pressure df_watermark(const struct df_disk *d,
				const struct df_marks *m, enum df_mark was);
/* Would the reserve stay whole with `more` bytes on the disk? */
bool df_watermark_fits(const struct df_disk *d, const struct df_marks *m,
		       uint64_t more);
/* Per mille of what may be filled; 1000 at and beyond the reserve. */
uint64_t df_watermark_filled(const struct df_disk *d,
			     const struct df_marks *m);

#ifdef __cplusplus
}
#endif
#endif
