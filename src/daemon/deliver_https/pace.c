/*
 * pace.c - what we may send to one place, by the hour: [peer] and [destination]
 * `cap`. One bucket for all its connections.
 *
 * A cap is what the network carries, so that it is what people see in their
 * router: bodies, and for them what TLS, TCP and IP add (1 in 27 with full
 * segments), and the heads of requests that have a body. Answers, questions
 * without a body and what is pulled are not counted.
 */
#include "deliver.h"
#include "df/clock.h"

struct pace {
	struct pace *next;
	const struct df_caps *caps; /* of the configuration */
	struct df_bucket bucket;
	struct df_http_pace http;
};

#define NETWORK_PART 27
#define HEAD_BYTES 500u

static size_t take(void *ctx, size_t want, int64_t *wait_ms)
{
	struct pace *p = ctx;
	int64_t now = df_clock_mono_ms();
	size_t n;

	df_bucket_rate(&p->bucket,
		       df_caps_rate(p->caps,
				    df_time_week_minute(df_clock_wall_ms())),
		       now);
	n = df_bucket_take(&p->bucket, want, now, wait_ms);
	df_bucket_owe(&p->bucket, n / NETWORK_PART);
	return n;
}

static struct pace *pace_of(const struct df_caps *caps)
{
	struct pace *p = self.paces;

	while (p != NULL && p->caps != caps)
		p = p->next;
	if (p != NULL)
		return p;
	p = df_xcalloc(1, sizeof *p);
	p->caps = caps;
	p->http = (struct df_http_pace){take, p};
	p->next = self.paces;
	self.paces = p;
	return p;
}

void pace_join(const struct df_caps *caps, struct df_http_request *rq)
{
	struct pace *p;

	if (caps->n == 0 || (rq->body_len == 0 && rq->body_fd_len == 0))
		return;
	p = pace_of(caps);
	rq->pace = &p->http;
	df_bucket_owe(&p->bucket, HEAD_BYTES);
}
