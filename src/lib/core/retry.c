/* retry.c - see df/retry.h. */
#include "df/retry.h"

int64_t df_retry_next(int64_t now_ms, int64_t since_ms, int64_t min_ms,
		      int64_t max_ms, uint32_t chance)
{
	int64_t wait = now_ms - since_ms; /* a clock set back gives min */

	if (wait < min_ms)
		wait = min_ms;
	if (wait > max_ms)
		wait = max_ms;
	/* 80 % .. 120 % in steps of 1/1024 */
	return now_ms + wait * 4 / 5 + wait * 2 / 5 * (chance % 1025) / 1024;
}

enum df_blame df_retry_blame(enum df_err err)
{
	switch (df_err_fate(err)) {
	case DF_FATE_NONE:
	case DF_FATE_RETRY:
		return err == DF_E_NOMEM ? DF_BLAME_OBJECT_LATER
					 : DF_BLAME_DESTINATION;
	case DF_FATE_REJECT:
		/* a wrong configuration or an unknown peer there is not the
		 * object's fault: it waits until a person repairs it */
		if (err == DF_E_DENIED || err == DF_E_CONFIG)
			return DF_BLAME_DESTINATION;
		return DF_BLAME_OBJECT;
	case DF_FATE_QUARANTINE:
	case DF_FATE_ABORT:
		return DF_BLAME_OBJECT_LATER;
	}
	return DF_BLAME_OBJECT_LATER;
}

bool df_window_open(const struct df_window *w, int64_t now_ms)
{
	return now_ms >= w->next_ms;
}

void df_window_good(struct df_window *w)
{
	*w = (struct df_window){0};
}

void df_window_bad(struct df_window *w, int64_t now_ms, int64_t min_ms,
		   int64_t max_ms, uint32_t chance)
{
	if (w->down_since_ms == 0 || w->down_since_ms > now_ms)
		w->down_since_ms = now_ms;
	w->failures++;
	w->next_ms = df_retry_next(now_ms, w->down_since_ms, min_ms, max_ms,
				   chance);
}
