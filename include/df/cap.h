/*
 * cap.h - how much of a line we may use, and when. Pure: takes the time.
 *
 * A cap is a rate in bit/s for some hours of some days; a bucket holds a
 * sender to a rate. Hours are those of the clock on the wall of this node
 * (df_time_week_minute), so a cap follows summer time.
 */
#ifndef DF_CAP_H
#define DF_CAP_H

#include "df/buf.h"
#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_CAPS_MAX 16
#define DF_CAP_TEXT 64

struct df_cap {
	uint8_t days;	    /* bit 0 = Monday .. bit 6 = Sunday */
	uint16_t from_min;  /* of the day, 0..1439 */
	uint16_t to_min;    /* 1..1440; not after from_min: the next day's */
	uint64_t bit_per_s; /* 0 = no cap in these hours */
};

struct df_caps { /* {0}: no cap */
	struct df_cap v[DF_CAPS_MAX];
	size_t n;
};

/*
 * "[DAYS] [HH:MM-HH:MM] RATE": "10 Mbit/s", "Mon-Fri 08:00-18:00 2 Mbit/s",
 * "Sat,Sun none", "22:00-06:00 none". DAYS are Mon Tue Wed Thu Fri Sat Sun,
 * lists and ranges; hours that cross midnight belong to the day on which they
 * begin. RATE is a number and bit/s, kbit/s, Mbit/s or Gbit/s (powers of 1000;
 * at least 8 kbit/s), or none. DF_E_CONFIG says what is wrong.
 */
DF_MUST_CHECK enum df_err df_cap_decode(struct df_cap *to, struct df_text t,
					struct df_why *why);
/* The same as text; decodes to the same. */
void df_cap_encode(char to[DF_CAP_TEXT], const struct df_cap *c);
/* Only the rate: "2 Mbit/s". */
void df_cap_rate_encode(char to[DF_CAP_TEXT], uint64_t bit_per_s);

/* The cap in force at a minute of the week (0 = Monday 00:00), or NULL: among
 * those that cover it the one with the fewest hours in the week, and of equals
 * the one that stands last. */
const struct df_cap *df_caps_at(const struct df_caps *c, unsigned week_minute);
/* Its rate; 0 = none. */
uint64_t df_caps_rate(const struct df_caps *c, unsigned week_minute);

/*
 * A token bucket. It never holds more than a tenth of a second, so that no
 * burst follows a rest, and gives pieces of some size, so that a slow line is
 * not cut into crumbs.
 */
struct df_bucket { /* {0}: no cap, nothing taken */
	uint64_t bit_per_s;
	int64_t at_ms;	/* when `held` was true */
	int64_t held_u; /* bytes x 8000: a bit a second for a millisecond = 1 */
};

/* From now on; 0 = no cap. The same rate again changes nothing. */
void df_bucket_rate(struct df_bucket *b, uint64_t bit_per_s,
		    int64_t now_mono_ms);
/* How many of `want` bytes may leave now; they are taken. 0: none, ask again
 * after *wait_ms (at least 1). */
size_t df_bucket_take(struct df_bucket *b, size_t want, int64_t now_mono_ms,
		      int64_t *wait_ms);
/* Bytes that left in any case (heads, what a network adds): they are owed. */
void df_bucket_owe(struct df_bucket *b, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
