/*
 * line_watch.c - is the line alive, and how does it flow?
 *
 * A cut line says nothing: TCP repeats at growing distance, and after a minute
 * of silence may wait another one although the line is back. So when nothing
 * has come from the peer for some seconds, though it owes an acknowledgement, a
 * fresh connection asks whether it is there. If it is, what is stuck is given
 * up and goes on elsewhere, from where the peer stands; if not, the line is
 * down, and the poll of the mailbox probes until it is back.
 */
#include <stdlib.h>
#include <string.h>

#include "df/clock.h"
#include "df/log.h"
#include "parcel.h"

#define LOOK_MS 250
#define TELL_MS 1000
#define QUIET_MS 4000 /* bytes on the way: this, and six round trips */
#define SLOW_MS 20000 /* all is there: the peer may be slow */
#define PROBE_CONNECT_MS 4000
#define PROBE_MS 8000
/* Warm connections: several while images come, one in quiet times. The first
 * image goes over all that there are. */
#define WARM_MS 45000 /* a peer closes what is idle for 60 s */
#define WARM_MANY 4
#define BUSY_MS (15 * 60 * 1000)

struct probe {
	struct line *line;
	struct df_http_silence most;
};

static void probed(void *ctx, struct df_http_result *r)
{
	struct probe *probe = ctx;
	struct line *line = probe->line;
	struct df_why why = {0};

	line->probe = NULL;
	if (http_outcome(r, 200, &why) == DF_OK) {
		(void)df_http_client_silent(line->client, &probe->most, true);
	} else {
		df_log(DF_LOG_INFO, "line.silent", DF_F_ERR(&why));
		if (!line_failed(why.err))
			(void)df_fail(&why, DF_E_PEER, "peer does not answer");
		parcels_fail(line, &why);
		(void)df_http_client_silent(line->client, &probe->most, true);
		mailbox_look(line);
	}
	free(probe);
}

static void look_for_silence(struct line *line, int64_t rtt_ms)
{
	struct df_http_silence most = {QUIET_MS, SLOW_MS};
	struct df_http_request rq = {.method = "GET",
				     .max_response = DF_PEER_JSON_MAX,
				     .fresh = true,
				     .connect_ms = PROBE_CONNECT_MS,
				     .total_ms = PROBE_MS,
				     .done = probed};
	struct probe *probe;

	if (most.line_ms < 6 * rtt_ms)
		most.line_ms = 6 * rtt_ms;
	if (line->probe != NULL ||
	    df_http_client_silent(line->client, &most, false) == 0)
		return;
	probe = df_xcalloc(1, sizeof *probe);
	*probe = (struct probe){line, most};
	rq.ctx = probe;
	if (line_start(line, &rq, "/peer/v1/hello", NULL, NULL) == DF_OK)
		line->probe = probe;
	else
		free(probe); /* the requests have deadlines of their own */
}

/* --- how it flows --------------------------------------------------------- */

static void tell_pace(struct line *line, const struct df_http_way *way,
		      int64_t now)
{
	struct df_msg m;

	line->told_ms = now;
	df_msg_init(&m, DF_MSG_LINE_PACE, 0);
	df_msg_put_str(&m, DF_M_DESTINATION, line->peer->name);
	if (line->flow.bytes_per_s > 0)
		df_msg_put_u64(&m, DF_M_RATE,
			       (uint64_t)line->flow.bytes_per_s);
	df_msg_put_u64(&m, DF_M_CONNECTIONS, df_flow_width(&line->flow));
	df_msg_put_opt(&m, DF_M_NAME, way->congestion);
	df_msg_put_u64(&m, DF_M_WAIT_MS, way->rtt_us / 1000);
	df_msg_put_u64(&m, DF_M_SIZE, line->sent_bytes);
	tell_queue(line->room, &m, NULL, 0);
}

static void look_again(void *ctx)
{
	struct line *line = ctx;

	line->watch = 0;
	line_look(line);
}

void line_look(struct line *line)
{
	int64_t now = df_clock_mono_ms();
	struct df_flow_seen seen = {0};
	struct df_http_way way;

	if (line->parts == NULL && line->offer == NULL && !line->flow.busy)
		return;
	if (line->watch == 0)
		line->watch = df_loop_timer(df_room_loop(line->room),
					    now + LOOK_MS, look_again, line);
	/* not for every event of a fast line */
	if (line->parts != NULL && now - line->looked_ms < LOOK_MS / 5)
		return;
	line->looked_ms = now;
	for (const struct part *p = line->parts; p != NULL; p = p->next) {
		seen.under_way++;
		seen.leaving += !df_http_call_sent(p->call);
	}
	df_http_client_way(line->client, &way);
	seen.acked = way.acked_bytes;
	seen.rtt_ms = way.rtt_us / 1000;
	if (way.congestion[0] != '\0')
		seen.control = strncmp(way.congestion, "bbr", 3) == 0
				       ? DF_FLOW_STEADY
				       : DF_FLOW_YIELDS;
	df_flow_look(&line->flow, &seen, now);
	look_for_silence(line, way.rtt_us / 1000);
	if (now - line->told_ms >= TELL_MS || line->parts == NULL)
		tell_pace(line, &way, now);
}

/* --- connections that are there when an image comes ----------------------- */

static void kept_warm(void *ctx, struct df_http_result *r)
{
	(void)ctx;
	(void)r; /* whether it worked, the mailbox's poll knows */
}

static void warm_again(void *ctx)
{
	line_warm(ctx);
}

void line_warm(struct line *line)
{
	struct df_http_request rq = {.method = "GET",
				     .max_response = DF_PEER_JSON_MAX,
				     .total_ms = WARM_MS,
				     .done = kept_warm};
	int64_t now = df_clock_mono_ms();
	unsigned n = 1;

	(void)df_loop_timer(df_room_loop(line->room), now + WARM_MS,
			    warm_again, line);
	if (line->part_ms != 0 && now - line->part_ms < BUSY_MS)
		n = line->flow.fixed > 0 && line->flow.fixed < WARM_MANY
			    ? line->flow.fixed
			    : WARM_MANY;
	if (line->down || line->parts != NULL)
		return;
	while (n-- > 0)
		if (line_start(line, &rq, "/peer/v1/hello", NULL, NULL) !=
		    DF_OK)
			return; /* the next time */
}
