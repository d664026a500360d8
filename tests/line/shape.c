/*
 * shape.c - what a line does to packets: it queues, sends at its rate, delays
 * and loses them.
 */
#include "shape.h"

#include <stdlib.h>
#include <string.h>

#define NS 1000000000ull
#define MILLION 1000000u

/* xorshift64*: repeatable, and good enough to lose packets with */
static uint64_t draw(struct shape *s)
{
	s->random ^= s->random >> 12;
	s->random ^= s->random << 25;
	s->random ^= s->random >> 27;
	return s->random * 0x2545F4914F6CDD1Dull;
}

static bool happens(struct shape *s, double probability)
{
	return (double)(draw(s) >> 11) * 0x1.0p-53 < probability;
}

/* Gilbert's two states: in the bad one every packet is lost. The mean stay
 * there is `burst` packets and the share of time in it is the loss. */
static bool is_lost(struct shape *s)
{
	double loss = (double)s->loss_ppm / MILLION;
	double burst = s->burst > 0 ? s->burst : 1;

	if (s->loss_ppm == 0)
		return false;
	if (s->burst <= 1)
		return happens(s, loss);
	if (s->losing)
		s->losing = !happens(s, 1 / burst);
	else
		s->losing = happens(s, loss / (1 - loss) / burst);
	return s->losing;
}

void shape_init(struct shape *s, uint64_t seed)
{
	memset(s, 0, sizeof *s);
	s->burst = 1;
	s->queue_bytes = UINT64_MAX;
	s->random = (seed + 1) * 0x9E3779B97F4A7C15ull;
	s->tail = &s->head;
}

static void drop_all(struct shape *s)
{
	while (s->head != NULL) {
		struct shape_packet *p = s->head;

		s->head = p->next;
		s->count.cut++;
		free(p);
	}
	s->tail = &s->head;
}

void shape_release(struct shape *s)
{
	drop_all(s);
}

void shape_set_down(struct shape *s, bool down)
{
	s->down = down;
	if (down) {
		drop_all(s);
		s->free_at_ns = 0;
	}
}

/* Bytes that wait for the transmitter. */
static uint64_t backlog(const struct shape *s, uint64_t now_ns)
{
	if (s->rate_bps == 0 || s->free_at_ns <= now_ns)
		return 0;
	return (uint64_t)((double)(s->free_at_ns - now_ns) / NS *
				  (double)s->rate_bps / 8 +
			  0.5);
}

void shape_put(struct shape *s, const void *bytes, size_t len, uint64_t now_ns)
{
	uint64_t waiting = backlog(s, now_ns) + len;
	struct shape_packet *p;

	if (s->down) {
		s->count.cut++;
		return;
	}
	/* an empty line takes any packet */
	if (waiting > s->queue_bytes && waiting > len) {
		s->count.overflow++;
		return;
	}
	if (waiting > s->count.queue_most)
		s->count.queue_most = waiting;
	if (s->free_at_ns < now_ns)
		s->free_at_ns = now_ns;
	if (s->rate_bps > 0)
		s->free_at_ns += len * 8 * NS / s->rate_bps;
	s->count.packets++;
	s->count.bytes += len;
	if (is_lost(s)) {
		s->count.lost++;
		s->count.lost_bytes += len;
		return;
	}
	p = malloc(sizeof *p + len);
	if (p == NULL)
		abort();
	p->next = NULL;
	p->len = len;
	p->due_ns = s->free_at_ns + s->delay_ns;
	memcpy(p->bytes, bytes, len);
	*s->tail = p;
	s->tail = &p->next;
}

struct shape_packet *shape_take(struct shape *s, uint64_t now_ns)
{
	struct shape_packet *p = s->head;

	if (p == NULL || p->due_ns > now_ns)
		return NULL;
	s->head = p->next;
	if (s->head == NULL)
		s->tail = &s->head;
	return p;
}

uint64_t shape_next_ns(const struct shape *s)
{
	return s->head != NULL ? s->head->due_ns : UINT64_MAX;
}
