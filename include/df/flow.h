/*
 * flow.h - how a line is used: over how many connections, in parts how large.
 * Pure: takes the time and what TCP has acknowledged.
 *
 * Where packets are lost, a connection that takes each loss for a full line
 * (cubic) carries a fraction of it, and many together carry it all; where BBR
 * is spoken, or nothing is lost, more of them only cost. So nobody is asked:
 * while all connections are busy their number is doubled and what arrives is
 * measured; growth that brings nothing is taken back and not tried again for a
 * while.
 *
 * With a congestion control that is steady under loss one connection carries
 * the line, and each more overfills its queue when it starts: it begins with
 * one, and tries more only after a while. But the first bytes after a silence
 * go over several: windows are small then, and somebody waits for the first
 * image.
 */
#ifndef DF_FLOW_H
#define DF_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DF_FLOW_WIDEST 16
#define DF_FLOW_PART_MIN (32u << 10)
#define DF_FLOW_PIECE_MIN (32u << 10) /* of the last bytes there are */

struct df_flow { /* {0}, or df_flow_init */
	unsigned fixed;	    /* of the configuration; 0 = find out */
	unsigned width;	    /* parts that are sent at once, see df_flow_width */
	bool begun;
	bool steady; /* its congestion control */
	bool fresh;  /* the first bytes after a silence are on the way */
	uint64_t fresh_from;
	double bytes_per_s; /* that it carries; 0 = not known yet */
	/* what it carries: over the time in which anything was sent */
	bool busy;
	int64_t seen_ms;
	uint64_t seen_acked;
	int64_t sum_ms;
	uint64_t sum_bytes;
	/* how many: over the time in which all were busy */
	bool full;
	int64_t full_since_ms;
	uint64_t full_acked; /* when measuring began; 0 = it settles */
	int64_t measured_from_ms;
	double before;	 /* what half as many carried; 0 = nothing is tried */
	unsigned back;	 /* to so many when it brings nothing */
	int64_t hold_until_ms;
	int64_t hold_ms; /* the last pause between two tries */
};

void df_flow_init(struct df_flow *f, unsigned fixed);
/* How many parts may have bytes to send at the same time, now. */
unsigned df_flow_width(const struct df_flow *f);
/* What its congestion control makes of a loss. */
enum df_flow_control {
	DF_FLOW_UNKNOWN, /* no connection is open */
	DF_FLOW_YIELDS,	 /* a full line: reno, cubic */
	DF_FLOW_STEADY,	 /* a loss: BBR */
};
/* What is known of the line at one moment. */
struct df_flow_seen {
	unsigned under_way; /* parts that have not ended, */
	unsigned leaving;   /* those of them that have bytes to send yet */
	uint64_t acked;	    /* by TCP so far, over all connections, bytes */
	int64_t rtt_ms;	    /* 0 = unknown */
	enum df_flow_control control;
};
/* Looks at the line: when a part begins or ends, and a few times a second
 * between. */
void df_flow_look(struct df_flow *f, const struct df_flow_seen *seen,
		  int64_t now_mono_ms);
/*
 * How large the next part is: about a second of one connection's share, and
 * never so large that what is left (bytes not yet begun, over all parcels)
 * leaves one of `free` connections without work, unless that makes pieces that
 * the line carries in a hundredth of a second: each costs the other side a
 * sync. gap: bytes missing at that place, most: the configured limit; the
 * result is in 1..gap.
 */
uint64_t df_flow_part(const struct df_flow *f, uint64_t gap, uint64_t left,
		      unsigned free, uint64_t most);

#ifdef __cplusplus
}
#endif
#endif
