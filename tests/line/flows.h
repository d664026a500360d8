/*
 * flows.h - the TCP payload of one direction: what was sent for the first time
 * and what TCP sent again. Each connection's bytes are counted once, in the
 * order in which its sender gives them to the line.
 */
#ifndef DF_TEST_FLOWS_H
#define DF_TEST_FLOWS_H

#include <stddef.h>
#include <stdint.h>

#define FLOWS_MAX 4096 /* more at a time: the oldest of a slot is forgotten */

struct flows {
	uint64_t payload; /* bytes that connections sent, each once */
	uint64_t again;	  /* bytes of retransmissions */
	uint64_t opened;  /* SYNs of different connections */
	struct flow {
		uint64_t key;
		uint32_t next; /* sequence number after the last byte seen */
	} flow[FLOWS_MAX];
};

/* An IP packet that a sender gave to the line; what is no TCP is passed over.
 */
void flows_note(struct flows *f, const unsigned char *packet, size_t len);

#endif
