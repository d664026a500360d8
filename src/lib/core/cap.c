/* cap.c - see df/cap.h: caps as text, which one is in force, and the bucket. */
#include "df/cap.h"

#include <inttypes.h>
#include <string.h>

#define DAY_MIN 1440u
#define WEEK_MIN (7 * DAY_MIN)
#define ALL_DAYS 0x7f
#define RATE_MIN 8000u /* less is no line */
#define RATE_MAX UINT64_C(1000000000000)

static const char day_names[7][4] = {"Mon", "Tue", "Wed", "Thu",
				     "Fri", "Sat", "Sun"};
static const struct {
	const char *name;
	uint64_t factor;
} units[] = {{"Gbit/s", 1000000000},
	     {"Mbit/s", 1000000},
	     {"kbit/s", 1000},
	     {"bit/s", 1}};

/* --- text ------------------------------------------------------------------ */

static struct df_text word_next(struct df_text *rest)
{
	struct df_text w;

	while (rest->len > 0 && (*rest->ptr == ' ' || *rest->ptr == '\t')) {
		rest->ptr++;
		rest->len--;
	}
	w = (struct df_text){rest->ptr, 0};
	while (w.len < rest->len && w.ptr[w.len] != ' ' && w.ptr[w.len] != '\t')
		w.len++;
	rest->ptr += w.len;
	rest->len -= w.len;
	return w;
}

/* 0..6, or 7. */
static unsigned day_of(struct df_text t)
{
	unsigned d = 0;

	while (d < 7 && !df_text_same(t, df_text_of(day_names[d])))
		d++;
	return d;
}

/* Mon-Fri, Sat,Sun, Fri-Mon; false when it is no list of days. */
static bool days_decode(uint8_t *days, struct df_text t)
{
	*days = 0;
	while (t.len > 0) {
		unsigned first, last;

		if (t.len < 3)
			return false;
		first = last = day_of((struct df_text){t.ptr, 3});
		t = (struct df_text){t.ptr + 3, t.len - 3};
		if (t.len >= 4 && t.ptr[0] == '-') {
			last = day_of((struct df_text){t.ptr + 1, 3});
			t = (struct df_text){t.ptr + 4, t.len - 4};
		}
		if (first == 7 || last == 7)
			return false;
		*days |= (uint8_t)(1u << last);
		for (; first != last; first = (first + 1) % 7)
			*days |= (uint8_t)(1u << first);
		if (t.len == 0)
			return true;
		if (t.ptr[0] != ',')
			return false;
		t = (struct df_text){t.ptr + 1, t.len - 1};
	}
	return false;
}

static bool minute_decode(uint16_t *to, struct df_text t)
{
	uint64_t h, m;

	if (t.len != 5 || t.ptr[2] != ':' ||
	    !df_text_u64((struct df_text){t.ptr, 2}, &h) ||
	    !df_text_u64((struct df_text){t.ptr + 3, 2}, &m) || m > 59 ||
	    h * 60 + m > DAY_MIN)
		return false;
	*to = (uint16_t)(h * 60 + m);
	return true;
}

static bool hours_decode(struct df_cap *c, struct df_text t)
{
	return t.len == 11 && t.ptr[5] == '-' &&
	       minute_decode(&c->from_min, (struct df_text){t.ptr, 5}) &&
	       minute_decode(&c->to_min, (struct df_text){t.ptr + 6, 5}) &&
	       c->from_min < DAY_MIN && c->from_min != c->to_min;
}

static bool is_digit(struct df_text t)
{
	return t.len > 0 && t.ptr[0] >= '0' && t.ptr[0] <= '9';
}

/* number and unit, with or without a space; a point for tenths: 1.5 Mbit/s */
static bool rate_decode(uint64_t *to, struct df_text number,
			struct df_text unit)
{
	size_t n = 0, point;
	uint64_t whole, tenths = 0;

	while (n < number.len && ((number.ptr[n] >= '0' && number.ptr[n] <= '9') ||
				  number.ptr[n] == '.'))
		n++;
	if (unit.len == 0)
		unit = (struct df_text){number.ptr + n, number.len - n};
	else if (n != number.len)
		return false;
	for (point = 0; point < n && number.ptr[point] != '.';)
		point++;
	if (!df_text_u64((struct df_text){number.ptr, point}, &whole) ||
	    (point < n && (n - point != 2 ||
			   !df_text_u64((struct df_text){number.ptr + point + 1,
							 1},
					&tenths))))
		return false;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (!df_text_same(unit, df_text_of(units[i].name)))
			continue;
		if (whole > RATE_MAX / units[i].factor)
			return false;
		*to = whole * units[i].factor + tenths * units[i].factor / 10;
		return *to >= RATE_MIN && *to <= RATE_MAX;
	}
	return false;
}

enum df_err df_cap_decode(struct df_cap *to, struct df_text t,
			  struct df_why *why)
{
	struct df_text w = word_next(&t);

	*to = (struct df_cap){ALL_DAYS, 0, DAY_MIN, 0};
	if (!is_digit(w) && !df_text_eq(w, "none")) {
		if (!days_decode(&to->days, w))
			return df_fail(why, DF_E_CONFIG,
				       "'%.*s' is not days like Mon-Fri or "
				       "Sat,Sun",
				       (int)(w.len < 20 ? w.len : 20), w.ptr);
		w = word_next(&t);
	}
	if (memchr(w.ptr ? w.ptr : "", ':', w.len) != NULL) {
		if (!hours_decode(to, w))
			return df_fail(why, DF_E_CONFIG,
				       "'%.*s' is not hours like 08:00-18:00",
				       (int)(w.len < 20 ? w.len : 20), w.ptr);
		w = word_next(&t);
	}
	if (df_text_eq(w, "none")) {
		w = word_next(&t);
	} else {
		struct df_text unit = word_next(&t);

		if (!rate_decode(&to->bit_per_s, w, unit))
			return df_fail(why, DF_E_CONFIG,
				       "a cap ends with a rate like 10 Mbit/s "
				       "(8 kbit/s at least), or none");
		w = word_next(&t);
	}
	return w.len == 0 ? DF_OK
			  : df_fail(why, DF_E_CONFIG,
				    "text follows the rate of a cap");
}

void df_cap_rate_encode(char to[DF_CAP_TEXT], uint64_t bit_per_s)
{
	size_t i = 0;

	if (bit_per_s == 0) {
		df_str_fmt(to, DF_CAP_TEXT, "none");
		return;
	}
	while (bit_per_s < units[i].factor ||
	       bit_per_s % (units[i].factor >= 10 ? units[i].factor / 10 : 1))
		i++;
	if (bit_per_s % units[i].factor == 0)
		df_str_fmt(to, DF_CAP_TEXT, "%" PRIu64 " %s",
			   bit_per_s / units[i].factor, units[i].name);
	else
		df_str_fmt(to, DF_CAP_TEXT, "%" PRIu64 ".%u %s",
			   bit_per_s / units[i].factor,
			   (unsigned)(bit_per_s % units[i].factor * 10 /
				      units[i].factor),
			   units[i].name);
}

static void days_encode(char *to, size_t cap, uint8_t days)
{
	size_t n = 0;

	to[0] = '\0';
	if (days == ALL_DAYS)
		return;
	for (unsigned d = 0; d < 7; d++) {
		unsigned last = d;

		if ((days >> d & 1) == 0)
			continue;
		while (last < 6 && (days >> (last + 1) & 1) != 0)
			last++;
		df_str_fmt(to + n, cap - n, "%s%s%s%s", n > 0 ? "," : "",
			   day_names[d], last > d ? "-" : "",
			   last > d ? day_names[last] : "");
		n += strlen(to + n);
		d = last;
	}
	df_str_fmt(to + n, cap - n, " ");
}

void df_cap_encode(char to[DF_CAP_TEXT], const struct df_cap *c)
{
	char days[40], hours[24] = "", rate[DF_CAP_TEXT];

	days_encode(days, sizeof days, c->days);
	df_cap_rate_encode(rate, c->bit_per_s);
	if (c->from_min != 0 || c->to_min != DAY_MIN)
		df_str_fmt(hours, sizeof hours, "%02u:%02u-%02u:%02u ",
			   c->from_min / 60u, c->from_min % 60u,
			   c->to_min / 60u, c->to_min % 60u);
	df_str_fmt(to, DF_CAP_TEXT, "%s%s%.20s", days, hours, rate);
}

/* --- which one --------------------------------------------------------------- */

static unsigned length_min(const struct df_cap *c)
{
	return (c->to_min + (c->to_min > c->from_min ? 0 : DAY_MIN)) -
	       c->from_min;
}

static unsigned span_min(const struct df_cap *c)
{
	unsigned days = 0;

	for (unsigned d = 0; d < 7; d++)
		days += c->days >> d & 1;
	return days * length_min(c);
}

static bool covers(const struct df_cap *c, unsigned week_minute)
{
	for (unsigned d = 0; d < 7; d++) {
		unsigned from = d * DAY_MIN + c->from_min;

		if ((c->days >> d & 1) != 0 &&
		    (week_minute + WEEK_MIN - from) % WEEK_MIN < length_min(c))
			return true;
	}
	return false;
}

const struct df_cap *df_caps_at(const struct df_caps *c, unsigned week_minute)
{
	const struct df_cap *best = NULL;

	for (size_t i = 0; i < c->n; i++)
		if (covers(&c->v[i], week_minute % WEEK_MIN) &&
		    (best == NULL || span_min(&c->v[i]) <= span_min(best)))
			best = &c->v[i];
	return best;
}

uint64_t df_caps_rate(const struct df_caps *c, unsigned week_minute)
{
	const struct df_cap *cap = df_caps_at(c, week_minute);

	return cap != NULL ? cap->bit_per_s : 0;
}

/* --- the bucket ---------------------------------------------------------------
 */

#define BYTE_U 8000 /* bytes are counted in bit/s x ms, so nothing is rounded */
#define DEPTH_MS 100
#define PIECE_MS 40
#define PIECE_MIN 1400u
#define PIECE_MAX 16384u /* a TLS record */

static size_t piece(const struct df_bucket *b)
{
	uint64_t bytes = b->bit_per_s * PIECE_MS / BYTE_U;

	if (bytes < PIECE_MIN)
		return PIECE_MIN;
	return bytes < PIECE_MAX ? (size_t)bytes : PIECE_MAX;
}

static int64_t depth(const struct df_bucket *b)
{
	int64_t all = (int64_t)b->bit_per_s * DEPTH_MS;
	int64_t least = (int64_t)piece(b) * BYTE_U;

	return all > least ? all : least;
}

static void fill(struct df_bucket *b, int64_t now_ms)
{
	int64_t ms = now_ms - b->at_ms;

	b->at_ms = now_ms;
	if (ms <= 0)
		return; /* a clock that stands or goes back gives nothing */
	/* what is owed may be more than a second's worth; what is held not */
	if (ms > 3600 * 1000)
		ms = 3600 * 1000;
	b->held_u += (int64_t)b->bit_per_s * ms;
	if (b->held_u > depth(b))
		b->held_u = depth(b);
}

void df_bucket_rate(struct df_bucket *b, uint64_t bit_per_s, int64_t now_ms)
{
	if (b->bit_per_s == bit_per_s)
		return;
	if (b->bit_per_s != 0)
		fill(b, now_ms); /* until now the old rate held */
	b->bit_per_s = bit_per_s;
	b->at_ms = now_ms;
	/* one hour's debts are not paid at the next one's rate, nor is what it
	 * held spent at it */
	if (b->held_u < 0 || bit_per_s == 0)
		b->held_u = 0;
	if (b->held_u > depth(b))
		b->held_u = depth(b);
}

size_t df_bucket_take(struct df_bucket *b, size_t want, int64_t now_ms,
		      int64_t *wait_ms)
{
	int64_t least;
	size_t may;

	*wait_ms = 0;
	if (b->bit_per_s == 0 || want == 0)
		return want;
	fill(b, now_ms);
	least = (int64_t)(want < piece(b) ? want : piece(b)) * BYTE_U;
	if (b->held_u < least) {
		*wait_ms = (least - b->held_u + (int64_t)b->bit_per_s - 1) /
			   (int64_t)b->bit_per_s;
		return 0;
	}
	may = (size_t)(b->held_u / BYTE_U);
	if (may > want)
		may = want;
	b->held_u -= (int64_t)may * BYTE_U;
	return may;
}

void df_bucket_owe(struct df_bucket *b, size_t bytes)
{
	if (b->bit_per_s != 0)
		b->held_u -= (int64_t)bytes * BYTE_U;
}
