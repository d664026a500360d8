/* packing.h - one parcel in the making; for packing.c and parcel.c. */
#ifndef QUEUE_PACK_H
#define QUEUE_PACK_H

#include "df/route.h"
#include "queue.h"

#define PACK_SUSPECT 2 /* deaths after which an instance goes alone */

struct pack_source {
	struct pack *pack;
	struct df_row_instance row;
	struct opened o;
	uint64_t record;
	uint64_t coded;
	uint64_t mismatches; /* frames that the encoder gave back otherwise */
	char coding[16];
};

struct pack {
	struct pack *next;
	struct queue *q;
	struct df_row_study study;
	struct df_row_parcel row; /* as it will be */
	struct df_coding_chosen coding;
	bool compares;		    /* the cell, frame by frame */
	struct df_coding_work work; /* what the cell had with it */
	struct df_buf header;
	uint8_t cek[CEK_LEN];
	struct df_stage stage;
	uint64_t file_bytes;
	uint64_t promised; /* bytes of the disk, while a cell writes */
	struct pack_source src[PACK_MAX];
	size_t n;
	size_t waiting; /* answers still to come */
	enum df_err rc; /* the first failure among them */
	struct df_why why;
	bool cooling;
};

/* Frees it; with `again` only after a pause, so that a room can come back. */
void pack_over(struct pack *p, bool again);
void pack_cooled(void *ctx);
/* parcel.c: all answers are there. */
void pack_submit(struct pack *p);
/* What the line carries, bytes/s; 0 = not known yet. */
double pack_line(const struct queue *q);

#endif
