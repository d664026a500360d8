/*
 * custody.h - a node's life in one process, and what it said it holds.
 *
 * The same calls in the same order as the queue makes them: receive, pack,
 * upload in parts, manifest, receipt, a start. Whatever was said to a modality
 * or a peer goes into the ledger; custody_check opens the node again and wants
 * all of it.
 */
#ifndef FAULT_CUSTODY_H
#define FAULT_CUSTODY_H

#include <stdbool.h>
#include <stdint.h>

struct said {
	bool received[8];    /* Success for instance k */
	uint64_t offset;     /* of the upload */
	bool taken;          /* the upload is an object here */
	bool receipted;      /* our receipt for it went out */
	bool receipted_again; /* another one, in the next life */
	bool confirmed;      /* we hold a receipt of the other side */
};

/* dir: the node's directory, by descriptor and by path. */
void custody_init(int dir, const char *path);
/* A whole life, up to the first failure that ends the room. */
void custody_live(struct said *said);
/* A short one: the modality repeats what was not answered with Success. */
void custody_live_again(struct said *said);
/* NULL, or what is missing. The disk must be healthy. */
const char *custody_check(const struct said *said);

#endif
