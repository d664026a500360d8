/* What a test line does to packets, and what it counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "flows.h"
#include "shape.h"

#define MS 1000000ull
static const unsigned char packet[1500];

/* Packets that come out by `now_ns`; the time of the last in *last_ns. */
static unsigned drain(struct shape *s, uint64_t now_ns, uint64_t *last_ns)
{
	struct shape_packet *p;
	unsigned n = 0;

	while ((p = shape_take(s, now_ns)) != NULL) {
		assert_true(p->due_ns >= *last_ns);
		*last_ns = p->due_ns;
		free(p);
		n++;
	}
	return n;
}

static void packets_leave_at_the_rate_and_arrive_after_the_delay(void **state)
{
	struct shape s;
	uint64_t last = 0;

	(void)state;
	shape_init(&s, 1);
	s.rate_bps = 12000000; /* 1500 bytes a millisecond */
	s.delay_ns = 40 * MS;
	for (int i = 0; i < 100; i++)
		shape_put(&s, packet, sizeof packet, 5 * MS);
	assert_int_equal(shape_next_ns(&s), 46 * MS);
	assert_int_equal(drain(&s, 46 * MS - 1, &last), 0);
	assert_int_equal(drain(&s, 95 * MS, &last), 50);
	assert_int_equal(drain(&s, UINT64_MAX, &last), 50);
	assert_int_equal(last, 145 * MS);
	assert_int_equal(s.count.bytes, 150000);
	shape_release(&s);
}

static void a_full_queue_drops_what_comes(void **state)
{
	struct shape s;
	uint64_t last = 0;

	(void)state;
	shape_init(&s, 1);
	s.rate_bps = 12000000;
	s.queue_bytes = 15000;
	for (int i = 0; i < 30; i++)
		shape_put(&s, packet, sizeof packet, 0);
	assert_int_equal(s.count.overflow, 20);
	assert_int_equal(s.count.queue_most, 15000);
	/* five have left: there is room for five */
	for (int i = 0; i < 30; i++)
		shape_put(&s, packet, sizeof packet, 5 * MS);
	assert_int_equal(s.count.packets, 15);
	assert_int_equal(drain(&s, UINT64_MAX, &last), 15);
	shape_release(&s);
}

/* Loses 2 of 100, alone or in bursts; *runs counts the bursts. */
static double loss_of(uint32_t burst, unsigned *runs)
{
	struct shape s;
	uint64_t last = 0, before = 0;
	bool losing = false;

	shape_init(&s, 7);
	s.loss_ppm = 20000;
	s.burst = burst;
	*runs = 0;
	for (int i = 0; i < 400000; i++) {
		shape_put(&s, packet, 40, 0);
		if (s.count.lost > before && !losing)
			(*runs)++;
		losing = s.count.lost > before;
		before = s.count.lost;
		(void)drain(&s, UINT64_MAX, &last);
	}
	shape_release(&s);
	return (double)before / 400000;
}

static void losses_are_as_many_as_asked_and_in_bursts_as_long(void **state)
{
	unsigned alone, bursts;
	double a = loss_of(1, &alone), b = loss_of(8, &bursts);

	(void)state;
	assert_true(a > 0.019 && a < 0.021);
	assert_true(b > 0.018 && b < 0.022);
	assert_true(400000 * a / alone < 1.1);
	assert_true(400000 * b / bursts > 7.2 && 400000 * b / bursts < 8.8);
}

static void a_seed_loses_the_same_packets(void **state)
{
	struct shape s[2];
	uint64_t last = 0;

	(void)state;
	for (int i = 0; i < 2; i++) {
		shape_init(&s[i], 42);
		s[i].loss_ppm = 100000;
	}
	for (int k = 0; k < 1000; k++) {
		for (int i = 0; i < 2; i++)
			shape_put(&s[i], packet, 40, 0);
		assert_int_equal(s[0].count.lost, s[1].count.lost);
	}
	for (int i = 0; i < 2; i++) {
		(void)drain(&s[i], UINT64_MAX, &last);
		shape_release(&s[i]);
		last = 0;
	}
}

static void a_cut_takes_what_is_under_way_and_what_comes(void **state)
{
	struct shape s;
	uint64_t last = 0;

	(void)state;
	shape_init(&s, 1);
	s.rate_bps = 12000000;
	for (int i = 0; i < 10; i++)
		shape_put(&s, packet, sizeof packet, 0);
	assert_int_equal(drain(&s, 4 * MS, &last), 4);
	shape_set_down(&s, true);
	shape_put(&s, packet, sizeof packet, 4 * MS);
	assert_int_equal(s.count.cut, 7);
	assert_int_equal(shape_next_ns(&s), UINT64_MAX);
	shape_set_down(&s, false);
	shape_put(&s, packet, sizeof packet, 20 * MS);
	assert_int_equal(shape_next_ns(&s), 21 * MS);
	assert_int_equal(drain(&s, UINT64_MAX, &last), 1);
	shape_release(&s);
}

/* An IPv4 packet of a TCP connection from `port`. */
static void send_tcp(struct flows *f, unsigned char port, unsigned char flags,
		     uint32_t sequence, size_t size)
{
	unsigned char p[2000] = {
		0x45, [9] = 6, [12] = 10, [16] = 10, [21] = port};

	for (int i = 0; i < 4; i++)
		p[24 + i] = (unsigned char)(sequence >> (24 - 8 * i));
	p[32] = 5 << 4;
	p[33] = flags;
	flows_note(f, p, 40 + size);
}

static void each_byte_of_a_connection_counts_once(void **state)
{
	static struct flows f;

	(void)state;
	send_tcp(&f, 1, 2, 0xfffffff0u, 0);
	send_tcp(&f, 1, 2, 0xfffffff0u, 0);
	assert_int_equal(f.opened, 1);
	send_tcp(&f, 1, 16, 0xfffffff1u, 1000); /* goes over the end of 2^32 */
	send_tcp(&f, 1, 16, 985, 1000);
	send_tcp(&f, 1, 16, 1985, 0);
	assert_int_equal(f.payload, 2000);
	send_tcp(&f, 1, 16, 0xfffffff1u, 1000);
	send_tcp(&f, 1, 16, 1485, 1000); /* half of it is new */
	assert_int_equal(f.payload, 2500);
	assert_int_equal(f.again, 1500);
	send_tcp(&f, 2, 2, 7, 0);
	send_tcp(&f, 2, 16, 8, 100);
	assert_int_equal(f.opened, 2);
	assert_int_equal(f.payload, 2600);
	flows_note(&f, packet, 19);
	flows_note(&f, packet, sizeof packet);
	assert_int_equal(f.payload + f.again, 4100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			packets_leave_at_the_rate_and_arrive_after_the_delay),
		cmocka_unit_test(a_full_queue_drops_what_comes),
		cmocka_unit_test(
			losses_are_as_many_as_asked_and_in_bursts_as_long),
		cmocka_unit_test(a_seed_loses_the_same_packets),
		cmocka_unit_test(a_cut_takes_what_is_under_way_and_what_comes),
		cmocka_unit_test(each_byte_of_a_connection_counts_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
