/*
 * clock.h - time, from one interface, int64_t milliseconds everywhere.
 *
 * Wall time dates records; monotonic time drives every timer. Policy code
 * takes `now_ms` as an argument and never asks.
 */
#ifndef DF_CLOCK_H
#define DF_CLOCK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

int64_t df_clock_wall_ms(void); /* since 1970-01-01T00:00:00Z */
int64_t df_clock_mono_ms(void); /* since boot; never goes back */
/* For what a piece of work took, microseconds: that clock, and the processor's
 * time of this process. */
int64_t df_clock_mono_us(void);
int64_t df_clock_cpu_us(void);

/* "2026-11-22T01:02:03Z" (RFC 3339, UTC, whole seconds) and back; -1 = bad. */
#define DF_TIME_LEN 20
void df_time_encode(char to[DF_TIME_LEN + 1], int64_t wall_ms);
int64_t df_time_decode(const char *text, unsigned long len);
/* The minute of the week by the clock on the wall here (the time zone of the
 * node), 0 = Monday 00:00. */
unsigned df_time_week_minute(int64_t wall_ms);
/* The day by that clock, as a number: 20261122. */
unsigned df_time_local_day(int64_t wall_ms);
/* By the same clock, "20261122093000". */
#define DF_TIME_LOCAL_LEN 14
void df_time_local(char to[DF_TIME_LOCAL_LEN + 1], int64_t wall_ms);

#ifdef __cplusplus
}
#endif
#endif
