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
#define DF_FLOW_PART_MIN (64u << 10)
#define DF_FLOW_PIECE_MIN (32u << 10) /* of the last bytes there are */

struct df_flow { /* {0}, or df_flow_init */
	unsigned fixed;	    /* of the configuration; 0 = find out */
	unsigned width;	    /* parts that are sent at once */
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
/*
 * Looks at the line: when a part begins or ends, and a few times a second
 * between. under_way: parts that have not ended, leaving: those of them that
 * have bytes to send yet; acked: bytes that TCP had
 * acknowledged so far, over all connections; rtt_ms: 0 = unknown.
 */
void df_flow_look(struct df_flow *f, unsigned under_way, unsigned leaving,
		  uint64_t acked, int64_t rtt_ms, int64_t now_mono_ms);
/*
 * How large the next part is: about a second of one connection's share, and
 * never so large that what is left (bytes not yet begun, over all parcels)
 * leaves one of `free` connections without work. gap: bytes missing at that
 * place, most: the configured limit; the result is in 1..gap.
 */
uint64_t df_flow_part(const struct df_flow *f, uint64_t gap, uint64_t left,
		      unsigned free, uint64_t most);

#ifdef __cplusplus
}
#endif
#endif
