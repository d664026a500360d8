/*
 * line.h - how fast a line carries what is sent over it.
 *
 * Counted while something is under way, so that waiting for work does not make
 * a line look slow. Good enough to tell a broadband line from a local network;
 * not for accounts.
 */
#ifndef DF_LINE_H
#define DF_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct df_line { /* {0}: nothing known */
	size_t under_way;
	int64_t since_ms;
	uint64_t bytes;	    /* that arrived since then */
	double bytes_per_s; /* 0 until a megabyte has gone over it */
};

/* A transfer begins. */
void df_line_begin(struct df_line *l, int64_t now_mono_ms);
/* One ends; bytes = what it brought over, 0 when it failed. */
void df_line_end(struct df_line *l, uint64_t bytes, int64_t now_mono_ms);
/* True when the line carries more than two cells can code as JPEG-LS, so that
 * a faster coding gets there sooner though it has more bytes. */
bool df_line_outruns_jpegls(const struct df_line *l);

#ifdef __cplusplus
}
#endif
#endif
