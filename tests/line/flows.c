/*
 * flows.c - reads IP and TCP headers to tell first sendings from repetitions.
 */
#include "flows.h"

#define PROTOCOL_TCP 6
#define TCP_SYN 0x02
#define IPV6_HEAD 40
#define TCP_HEAD 20

static uint32_t u32_at(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

/* FNV-1a; never 0, which is a free slot */
static uint64_t mix(uint64_t key, const unsigned char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		key = (key ^ p[i]) * 0x100000001b3ull;
	return key;
}

/* Where TCP begins, 0: none here; *key of both addresses. */
static size_t tcp_at(const unsigned char *p, size_t len, uint64_t *key)
{
	size_t head;

	*key = 0xcbf29ce484222325ull;
	if (len >= IPV6_HEAD && p[0] >> 4 == 6) {
		*key = mix(*key, p + 8, 32);
		return p[6] == PROTOCOL_TCP ? IPV6_HEAD : 0;
	}
	if (len < 20 || p[0] >> 4 != 4 || p[9] != PROTOCOL_TCP)
		return 0;
	head = (size_t)(p[0] & 0xf) * 4;
	*key = mix(*key, p + 12, 8);
	return head;
}

void flows_note(struct flows *f, const unsigned char *packet, size_t len)
{
	uint64_t key;
	size_t at = tcp_at(packet, len, &key), head, size;
	const unsigned char *tcp = packet + at;
	struct flow *flow;
	int32_t fresh;

	if (at == 0 || len < at + TCP_HEAD)
		return;
	head = (size_t)(tcp[12] >> 4) * 4;
	if (len < at + head)
		return;
	size = len - at - head;
	key = mix(key, tcp, 4) | 1;
	flow = &f->flow[key / 2 % FLOWS_MAX];
	if ((tcp[13] & TCP_SYN) != 0) {
		if (flow->key != key || flow->next != u32_at(tcp + 4) + 1)
			f->opened++;
		flow->key = key;
		flow->next = u32_at(tcp + 4) + 1;
		return;
	}
	if (size == 0)
		return;
	if (flow->key != key) {
		flow->key = key;
		flow->next = u32_at(tcp + 4);
	}
	/* modulo 2^32: how far this packet goes beyond what was seen */
	fresh = (int32_t)(u32_at(tcp + 4) + (uint32_t)size - flow->next);
	if (fresh < 0)
		fresh = 0;
	if ((size_t)fresh > size)
		fresh = (int32_t)size;
	if (fresh > 0)
		flow->next = u32_at(tcp + 4) + (uint32_t)size;
	f->payload += (uint64_t)fresh;
	f->again += size - (uint64_t)fresh;
}
