/*
 * parcel.h - private to the room: a parcel on its way, and its parts.
 *
 * Several parts of one parcel go at the same time, each a range of it. What
 * became of a part that did not end well only the peer knows: it is asked
 * before another one is sent.
 */
#ifndef DF_DELIVER_PARCEL_H
#define DF_DELIVER_PARCEL_H

#include "deliver.h"
#include "df/ranges.h"

enum parcel_state {
	PARCEL_UNSURE, /* the peer is to be asked what it holds */
	PARCEL_OFFERED,
	PARCEL_READY,
};

struct parcel {
	struct line *line;
	struct parcel *next;
	uint32_t tag;
	enum parcel_state state;
	struct df_parcel_id id;
	char hex[DF_PEER_PARCEL_HEX + 1];
	int fd;
	uint64_t size;
	uint64_t offset;	/* durable there without a gap */
	struct df_ranges taken; /* held there, or on its way */
	uint64_t priority;	/* smaller goes first */
	unsigned parts;		/* on their way */
	bool doubt;		/* of one of them */
	unsigned stumbles;	/* 404 and 409 */
	struct df_why failed;	/* it ends with its last part */
	struct parcel *batch;	/* next in the offer under way */
};

struct part {
	struct part *next; /* of the line */
	struct parcel *parcel;
	struct df_range range;
	struct df_http_call *call;
};

/* parcel_send.c */
void parcel_end(struct parcel *p, enum df_err err, const struct df_why *why);
/* Tells queue how far it is, or that it is there. */
void parcel_progress(struct parcel *p);
/* A failure of the line and not of a parcel. */
void line_stumble(struct line *line, const struct df_why *why);
bool line_failed(enum df_err err);

/* parcel_offer.c: asks for all that are unsure. */
void parcel_offer(struct line *line);

/* parcel_part.c: sends the next `len` missing bytes from `at`. */
void part_send(struct parcel *p, uint64_t at, uint64_t len);

#endif
