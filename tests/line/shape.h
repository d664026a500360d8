/*
 * shape.h - one direction of a line: a drop-tail queue before a transmitter of
 * a fixed rate, then a delay, then losses. Pure: the caller gives the time
 * (nanoseconds of one clock), so that a test needs no clock.
 */
#ifndef DF_TEST_SHAPE_H
#define DF_TEST_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shape_packet {
	struct shape_packet *next;
	uint64_t due_ns; /* leaves the line then */
	size_t len;
	unsigned char bytes[];
};

/* What has happened since the last reset. */
struct shape_count {
	uint64_t packets, bytes;   /* sent by the transmitter: the wire */
	uint64_t lost, lost_bytes; /* of these, gone on the way */
	uint64_t overflow;	   /* packets that the queue had no room for */
	uint64_t cut;		   /* packets that met a cut */
	uint64_t queue_most;	   /* bytes, at its fullest */
};

struct shape {
	/* may be changed at any time; order is kept */
	uint64_t rate_bps; /* 0: no transmitter, at once */
	uint64_t delay_ns;
	uint32_t loss_ppm;
	uint32_t burst; /* mean packets of a loss; 1: independent */
	uint64_t queue_bytes;
	bool down; /* what is in it, and what comes, is gone */

	struct shape_count count;
	uint64_t
		free_at_ns; /* when the transmitter has sent all it was given */
	uint64_t random;
	bool losing; /* within a burst */
	struct shape_packet *head, **tail;
};

/* Sets up an idle direction; the same seed loses the same packets. */
void shape_init(struct shape *s, uint64_t seed);
void shape_release(struct shape *s);

/* A packet (copied) reaches the queue at `now_ns`. */
void shape_put(struct shape *s, const void *bytes, size_t len, uint64_t now_ns);

/* The next packet that is due, to be freed by the caller, or NULL. */
struct shape_packet *shape_take(struct shape *s, uint64_t now_ns);

/* When the next one is due; UINT64_MAX when nothing is under way. */
uint64_t shape_next_ns(const struct shape *s);

/* Cuts the line (what is under way is lost), or mends it. */
void shape_set_down(struct shape *s, bool down);

#endif
