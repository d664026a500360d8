/* flow.c - see df/flow.h. */
#include "df/flow.h"

#define WIDTH_FIRST 4
#define WIDTH_LEAST 2
#define FRESH_BYTES (192u << 10) /* a first image, as it is coded */
#define SILENCE_MS 1000
#define PART_UNKNOWN (256u << 10)
#define SLOWEST_SHARE 32768.0 /* bytes/s: less to each is no gain */
#define GAIN 1.2	      /* that doubling must bring */
#define PIECES_A_SECOND 100   /* the other side syncs each: more is no gain */
#define SETTLE_MS 500
#define MEASURE_MS 1000
#define HOLD_MIN_MS 30000
#define HOLD_MAX_MS 300000
#define RATE_BYTES (1u << 20) /* a measure of the rate: so many bytes, */
#define RATE_MS 3000	      /* or so long and at least */
#define RATE_BYTES_MIN (64u << 10)

void df_flow_init(struct df_flow *f, unsigned fixed)
{
	*f = (struct df_flow){.fixed = fixed,
			      .width = fixed > 0 ? fixed : WIDTH_FIRST};
}

static double per_s(uint64_t bytes, int64_t ms)
{
	return (double)bytes * 1000 / (double)(ms > 0 ? ms : 1);
}

static unsigned widest(const struct df_flow *f)
{
	double n = f->bytes_per_s / SLOWEST_SHARE;

	if (n < WIDTH_LEAST)
		return f->steady ? 1 : WIDTH_LEAST;
	return n > DF_FLOW_WIDEST ? DF_FLOW_WIDEST : (unsigned)n;
}

/* Time in which nothing is sent says nothing of the line. */
static void learn_rate(struct df_flow *f, bool sending, uint64_t acked,
		       int64_t now)
{
	if (f->busy && now > f->seen_ms) {
		f->sum_ms += now - f->seen_ms;
		f->sum_bytes += acked - f->seen_acked;
	}
	f->busy = sending;
	f->seen_ms = now;
	f->seen_acked = acked;
	if (f->sum_bytes < RATE_BYTES &&
	    (f->sum_ms < RATE_MS || f->sum_bytes < RATE_BYTES_MIN))
		return;
	f->bytes_per_s = f->bytes_per_s > 0
				 ? (f->bytes_per_s +
				    per_s(f->sum_bytes, f->sum_ms)) / 2
				 : per_s(f->sum_bytes, f->sum_ms);
	f->sum_ms = 0;
	f->sum_bytes = 0;
}

static void hold(struct df_flow *f, int64_t now, bool in_vain)
{
	f->hold_ms = in_vain && f->hold_ms > 0 ? 2 * f->hold_ms : HOLD_MIN_MS;
	if (f->hold_ms > HOLD_MAX_MS)
		f->hold_ms = HOLD_MAX_MS;
	f->hold_until_ms = now + f->hold_ms;
	f->before = 0;
}

static void widen(struct df_flow *f, double carries, int64_t now)
{
	f->back = f->width;
	f->before = carries;
	f->width = 2 * f->width < widest(f) ? 2 * f->width : widest(f);
	if (f->width <= f->back) {
		f->width = f->back;
		hold(f, now, true);
	}
}

static void measured(struct df_flow *f, double carries, int64_t now)
{
	if (f->before > 0 && carries < GAIN * f->before) {
		f->width = f->back;
		hold(f, now, true);
	} else if (f->before > 0 || now >= f->hold_until_ms) {
		widen(f, carries, now);
	}
}

static void learn_width(struct df_flow *f, uint64_t acked, int64_t rtt_ms,
			int64_t now)
{
	int64_t settle_ms = SETTLE_MS + 4 * rtt_ms;
	int64_t measure_ms = MEASURE_MS + 4 * rtt_ms;

	if (f->full_acked == 0) {
		if (now - f->full_since_ms < settle_ms)
			return;
		f->full_acked = acked;
		f->measured_from_ms = now;
	} else if (now - f->measured_from_ms >= measure_ms) {
		measured(f, per_s(acked - f->full_acked,
				  now - f->measured_from_ms), now);
		f->full_since_ms = now;
		f->full_acked = 0;
	}
}

/* One connection is enough until it is known better. */
static void begin(struct df_flow *f, bool steady, int64_t now)
{
	f->begun = true;
	f->steady = steady;
	if (!steady || f->fixed > 0)
		return;
	f->width = 1;
	hold(f, now, false);
}

static void look_fresh(struct df_flow *f, const struct df_flow_seen *seen,
		       int64_t now)
{
	if (!f->busy && seen->under_way > 0 &&
	    (f->seen_ms == 0 || now - f->seen_ms >= SILENCE_MS)) {
		f->fresh = true;
		f->fresh_from = seen->acked;
	} else if (seen->acked - f->fresh_from >= FRESH_BYTES) {
		f->fresh = false;
	}
}

unsigned df_flow_width(const struct df_flow *f)
{
	unsigned first = WIDTH_FIRST;

	if (f->fixed > 0 || !f->steady || !f->fresh)
		return f->width;
	if (f->bytes_per_s > 0 && first > widest(f))
		first = widest(f);
	return f->width > first ? f->width : first;
}

void df_flow_look(struct df_flow *f, const struct df_flow_seen *seen,
		  int64_t now)
{
	bool full;

	if (!f->begun && seen->control != DF_FLOW_UNKNOWN)
		begin(f, seen->control == DF_FLOW_STEADY, now);
	look_fresh(f, seen, now);
	full = seen->leaving >= df_flow_width(f);
	learn_rate(f, seen->under_way > 0, seen->acked, now);
	if (f->fixed > 0)
		return;
	if (!f->full || !full || df_flow_width(f) != f->width) {
		f->full = full;
		f->full_since_ms = now;
		f->full_acked = 0;
	} else {
		learn_width(f, seen->acked, seen->rtt_ms, now);
	}
	/* a line that has become slow keeps no crowd */
	if (f->before == 0 && f->bytes_per_s > 0 && f->width > widest(f))
		f->width = widest(f);
}

uint64_t df_flow_part(const struct df_flow *f, uint64_t gap, uint64_t left,
		      unsigned free, uint64_t most)
{
	uint64_t share = PART_UNKNOWN, piece = DF_FLOW_PIECE_MIN;

	if (f->bytes_per_s > 0)
		share = (uint64_t)f->bytes_per_s / df_flow_width(f);
	if (f->bytes_per_s / PIECES_A_SECOND > (double)piece)
		piece = (uint64_t)f->bytes_per_s / PIECES_A_SECOND;
	if (share < DF_FLOW_PART_MIN)
		share = DF_FLOW_PART_MIN;
	if (share > most)
		share = most;
	if (free > 1 && left < share * free) {
		share = (left + free - 1) / free;
		if (share < piece)
			share = piece < most ? piece : most;
	}
	/* no crumb at the end: it would cost a request of its own */
	if (gap <= share + share / 4 && gap <= most)
		return gap;
	return share < gap ? share : gap;
}
