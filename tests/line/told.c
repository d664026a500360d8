/*
 * told.c - what a line can be told: its settings by name, cuts, and the
 * question what it has carried.
 */
#include "badline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "384k", "20M", "1.5": a number of at least 0 with its multiplier */
static bool read_number(const char *text, double *value)
{
	char *end = NULL;

	*value = strtod(text, &end);
	if (end == text || !(*value >= 0))
		return false;
	if (*end == 'k')
		*value *= 1e3;
	else if (*end == 'M')
		*value *= 1e6;
	else if (*end == 'G')
		*value *= 1e9;
	else
		return *end == '\0' || strcmp(end, "%") == 0;
	return end[1] == '\0';
}

static void set_rate(double v)
{
	line.way[UP].rate_bps = line.way[DOWN].rate_bps = (uint64_t)v;
}

static void set_down_rate(double v)
{
	line.way[DOWN].rate_bps = (uint64_t)v;
}

static void set_rtt(double v)
{
	line.way[UP].delay_ns = line.way[DOWN].delay_ns =
		(uint64_t)(v * (double)MILLISECOND / 2);
}

static void set_loss(double v)
{
	line.way[UP].loss_ppm = line.way[DOWN].loss_ppm = (uint32_t)(v * 1e4);
}

static void set_burst(double v)
{
	line.way[UP].burst = line.way[DOWN].burst = (uint32_t)v;
}

static void set_queue(double v)
{
	line.way[UP].queue_bytes = line.way[DOWN].queue_bytes = (uint64_t)v;
}

static void set_cut_every(double v)
{
	line.cut_every_ns = (uint64_t)(v * (double)NS);
	line.next_cut_ns =
		v > 0 ? line_now_ns() + line.cut_every_ns : UINT64_MAX;
}

static void set_cut_for(double v)
{
	line.cut_for_ns = (uint64_t)(v * (double)NS);
}

static const struct setting {
	const char *name;
	void (*set)(double value);
	const char *what;
} settings[] = {
	{"rate", set_rate, "bit/s of both ways, 0: no limit (20M)"},
	{"down-rate", set_down_rate, "bit/s from B to A, after rate"},
	{"rtt", set_rtt, "ms, there and back (80)"},
	{"loss", set_loss, "% of packets, each way (0)"},
	{"burst", set_burst, "mean packets of a loss (1)"},
	{"queue", set_queue, "bytes before each transmitter (250k)"},
	{"cut-every", set_cut_every, "s from one cut to the next, 0: none"},
	{"cut-for", set_cut_for, "s that such a cut lasts (5)"},
};

void line_say_settings(void)
{
	for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
		(void)fprintf(stderr, "  %-10s %s\n", settings[i].name,
			      settings[i].what);
}

bool line_set(const char *name, const char *value)
{
	double number;

	for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
		if (strcmp(name, settings[i].name) != 0)
			continue;
		if (!read_number(value, &number))
			return false;
		settings[i].set(number);
		return true;
	}
	return false;
}

void line_set_down(bool down)
{
	if (down && !line.way[UP].down)
		line.cuts++;
	for (int i = 0; i < WAYS; i++)
		shape_set_down(&line.way[i], down);
	line.mend_at_ns = UINT64_MAX;
}

void line_cut_for(uint64_t ns)
{
	line_set_down(true);
	line.mend_at_ns = line_now_ns() + ns;
}

static int say_way(char *to, size_t cap, int way)
{
	const struct shape_count *c = &line.way[way].count;
	const struct flows *f = &line.flows[way];

	return snprintf(
		to, cap,
		"{\"packets\":%llu,\"bytes\":%llu,\"lost\":%llu,"
		"\"lost_bytes\":%llu,\"overflow\":%llu,\"cut\":%llu,"
		"\"queue_most\":%llu,\"payload\":%llu,"
		"\"again\":%llu,\"opened\":%llu}",
		(unsigned long long)c->packets, (unsigned long long)c->bytes,
		(unsigned long long)c->lost, (unsigned long long)c->lost_bytes,
		(unsigned long long)c->overflow, (unsigned long long)c->cut,
		(unsigned long long)c->queue_most,
		(unsigned long long)f->payload, (unsigned long long)f->again,
		(unsigned long long)f->opened);
}

static unsigned long long since_reset_ms(uint64_t ns)
{
	return ns > line.reset_ns ? (ns - line.reset_ns) / MILLISECOND : 0;
}

static void say_stats(char *to, size_t cap)
{
	char up[400], down[400];

	(void)say_way(up, sizeof up, UP);
	(void)say_way(down, sizeof down, DOWN);
	(void)snprintf(to, cap,
		       "{\"up\":%s,\"down\":%s,\"is_down\":%s,\"cuts\":%llu,"
		       "\"bulk_from_ms\":%llu,\"bulk_until_ms\":%llu,"
		       "\"late_packets\":%llu,\"worst_late_us\":%llu}",
		       up, down, line.way[UP].down ? "true" : "false",
		       (unsigned long long)line.cuts,
		       since_reset_ms(line.bulk_from_ns),
		       since_reset_ms(line.bulk_until_ns),
		       (unsigned long long)line.late,
		       (unsigned long long)(line.worst_ns / 1000));
}

void line_reset(void)
{
	for (int i = 0; i < WAYS; i++) {
		memset(&line.way[i].count, 0, sizeof line.way[i].count);
		line.flows[i].payload = line.flows[i].again = 0;
		line.flows[i].opened = 0;
	}
	line.cuts = line.late = line.worst_ns = 0;
	line.reset_ns = line_now_ns();
	line.bulk_from_ns = line.bulk_until_ns = 0;
}

bool line_obey(char *words, char *answer, size_t cap)
{
	char *rest = NULL, *verb = strtok_r(words, " ", &rest);
	char *name = strtok_r(NULL, " ", &rest);
	char *value = strtok_r(NULL, " ", &rest);
	double number;

	(void)snprintf(answer, cap, "ok");
	if (verb == NULL)
		return false;
	if (strcmp(verb, "stats") == 0)
		say_stats(answer, cap);
	else if (strcmp(verb, "reset") == 0)
		line_reset();
	else if (strcmp(verb, "down") == 0 || strcmp(verb, "up") == 0)
		line_set_down(strcmp(verb, "down") == 0);
	else if (strcmp(verb, "quit") == 0)
		is_over = 1;
	else if (strcmp(verb, "cut") == 0 && name != NULL &&
		 read_number(name, &number))
		line_cut_for((uint64_t)(number * (double)NS));
	else if (strcmp(verb, "set") != 0 || name == NULL || value == NULL ||
		 !line_set(name, value))
		return false;
	return true;
}
