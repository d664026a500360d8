/* clock.c - see df/clock.h. */
#include "df/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "df/str.h"

static int64_t read_us(clockid_t which)
{
	struct timespec ts;

	if (clock_gettime(which, &ts) < 0)
		df_bug("no clock");
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int64_t read_ms(clockid_t which)
{
	return read_us(which) / 1000;
}

int64_t df_clock_wall_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

int64_t df_clock_mono_ms(void)
{
	return read_ms(CLOCK_BOOTTIME);
}

int64_t df_clock_mono_us(void)
{
	return read_us(CLOCK_BOOTTIME);
}

int64_t df_clock_cpu_us(void)
{
	return read_us(CLOCK_PROCESS_CPUTIME_ID);
}

void df_time_encode(char to[DF_TIME_LEN + 1], int64_t wall_ms)
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(to, DF_TIME_LEN + 1, "%Y-%m-%dT%H:%M:%SZ", &tm) !=
		    DF_TIME_LEN)
		df_bug("time %lld cannot be written", (long long)wall_ms);
}

int64_t df_time_decode(const char *text, unsigned long len)
{
	char back[DF_TIME_LEN + 1];
	struct tm tm = {0};
	int64_t ms;
	time_t t;

	if (len != DF_TIME_LEN)
		return -1;
	memcpy(back, text, len);
	back[len] = '\0';
	if (strptime(back, "%Y-%m-%dT%H:%M:%SZ", &tm) == NULL)
		return -1;
	t = timegm(&tm);
	if (t < 0)
		return -1;
	/* one way of writing each time: what decodes must encode to itself */
	ms = (int64_t)t * 1000;
	df_time_encode(back, ms);
	return memcmp(back, text, len) == 0 ? ms : -1;
}

unsigned df_time_week_minute(int64_t wall_ms)
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL)
		return 0; /* no year that anybody lives in */
	return (unsigned)((tm.tm_wday + 6) % 7 * 1440 + tm.tm_hour * 60 +
			  tm.tm_min);
}

void df_time_local(char to[DF_TIME_LOCAL_LEN + 1], int64_t wall_ms)
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;

	memcpy(to, "19700101000000", DF_TIME_LOCAL_LEN + 1);
	if (localtime_r(&t, &tm) != NULL && tm.tm_year < 8100)
		(void)strftime(to, DF_TIME_LOCAL_LEN + 1, "%Y%m%d%H%M%S",
			       &tm); /* four digits of a year fit */
}

unsigned df_time_local_day(int64_t wall_ms)
{
	time_t t = (time_t)(wall_ms / 1000);
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL)
		return 19700101; /* no year that anybody lives in */
	return (unsigned)((tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 +
			  tm.tm_mday);
}
