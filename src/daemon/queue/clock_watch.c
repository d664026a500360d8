/*
 * clock_watch.c - the wall clock jumps: timers go with it.
 *
 * Dates in state.db are wall time, so that they survive a restart; pauses and
 * quiet times are spans. When the wall clock leaves the monotonic one by more
 * than a minute (a battery that was flat, a person, the first NTP answer) all
 * waiting times are moved by the same amount: nothing sleeps for a year, and
 * no study closes because a year has passed.
 */
#include "df/clock.h"
#include "df/log.h"
#include "promising.h"

#define JUMP_MS 60000

static void window_shift(struct df_window *w, int64_t by_ms)
{
	if (w->next_ms != 0)
		w->next_ms += by_ms;
	if (w->down_since_ms != 0)
		w->down_since_ms += by_ms;
}

static void windows_shift(struct destination_state *d, size_t n, int64_t by_ms)
{
	for (size_t i = 0; i < n; i++) {
		window_shift(&d[i].window, by_ms);
		for (size_t k = 0; k < DF_ASSOCIATIONS; k++)
			window_shift(&d[i].lanes[k].window, by_ms);
	}
}

void clock_watch(struct queue *q)
{
	int64_t ahead = df_clock_wall_ms() - df_clock_mono_ms();
	int64_t by_ms = ahead - q->wall_ahead_ms;

	if (q->wall_ahead_ms == 0 || (by_ms < JUMP_MS && by_ms > -JUMP_MS)) {
		q->wall_ahead_ms = ahead; /* small steps are followed */
		return;
	}
	q->wall_ahead_ms = ahead;
	df_log(DF_LOG_WARN, "clock.jumped", DF_F_MS(by_ms));
	df_journal_timers_shift(q->j, by_ms);
	df_commitments_shift(q->j, by_ms);
	windows_shift(q->pacs, q->cfg->n_destinations, by_ms);
	for (size_t i = 0; i < q->cfg->n_destinations; i++)
		window_shift(&q->asking[i].window, by_ms);
	for (size_t i = 0; i < q->cfg->n_modalities; i++)
		window_shift(&q->promising->windows[i], by_ms);
	windows_shift(q->peers, q->cfg->n_peers, by_ms);
}
