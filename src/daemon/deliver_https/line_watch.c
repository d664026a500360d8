/*
 * line_watch.c - is the line alive, and how does it flow?
 *
 * A cut line says nothing: TCP repeats at growing distance, and after a minute
 * of silence may wait another one although the line is back. So when nothing
 * has come from the peer for some seconds, though it owes an answer, a fresh
 * connection asks whether it is there. If it is, the parts that are stuck are
 * given up and go on elsewhere, from where the peer stands; if not, the line is
 * down, and the poll of the mailbox probes until it is back.
 */
#include <stdlib.h>
#include <string.h>

#include "df/clock.h"
#include "df/log.h"
#include "parcel.h"

#define LOOK_MS 250
#define TELL_MS 1000
#define QUIET_MS 4000 /* and six round trips */
#define PROBE_CONNECT_MS 4000
#define PROBE_MS 8000
#define CUTS_MAX 3 /* of one parcel in a row: it may be the peer that is slow */
/* Warm connections: several while images come, one in quiet times. */
#define WARM_MS 45000 /* a peer closes what is idle for 60 s */
#define WARM_MANY 4
#define BUSY_MS (15 * 60 * 1000)

struct probe {
	struct line *line;
	int64_t rtt_ms;
};

static int64_t quiet_most(int64_t rtt_ms)
{
	return QUIET_MS > 6 * rtt_ms ? QUIET_MS : 6 * rtt_ms;
}

static bool is_stuck(const struct part *part, int64_t rtt_ms)
{
	return !part->cut && part->parcel->cuts < CUTS_MAX &&
	       df_http_call_quiet_ms(part->call) >= quiet_most(rtt_ms);
}

static void probed(void *ctx, struct df_http_result *r)
{
	struct probe *probe = ctx;
	struct line *line = probe->line;
	struct df_why why = {0};
	enum df_err rc = http_outcome(r, 200, &why);

	line->probe = NULL;
	if (rc == DF_OK) {
		for (struct part *p = line->parts; p != NULL; p = p->next)
			if (is_stuck(p, probe->rtt_ms)) {
				p->cut = true;
				df_http_call_cancel(p->call);
			}
	} else {
		df_log(DF_LOG_INFO, "line.silent", DF_F_ERR(&why));
		if (!line_failed(rc))
			(void)df_fail(&why, DF_E_PEER, "peer does not answer");
		parcels_fail(line, &why);
		mailbox_look(line);
	}
	free(probe);
}

static void probe(struct line *line, int64_t rtt_ms)
{
	struct probe *probe = df_xcalloc(1, sizeof *probe);
	struct df_http_request rq = {.method = "GET",
				     .max_response = DF_PEER_JSON_MAX,
				     .fresh = true,
				     .connect_ms = PROBE_CONNECT_MS,
				     .total_ms = PROBE_MS,
				     .done = probed,
				     .ctx = probe};
	struct df_why why = {0};

	*probe = (struct probe){line, rtt_ms};
	if (line_start(line, &rq, "/peer/v1/hello", NULL, &why) == DF_OK)
		line->probe = probe;
	else
		free(probe); /* the requests have deadlines of their own */
}

static void look_for_silence(struct line *line, int64_t rtt_ms)
{
	const struct part *p = line->parts;

	while (p != NULL && !is_stuck(p, rtt_ms))
		p = p->next;
	if (p != NULL && line->probe == NULL)
		probe(line, rtt_ms);
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
	df_msg_put_u64(&m, DF_M_CONNECTIONS, line->flow.width);
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
	struct df_http_way way;
	unsigned leaving = 0;

	if (line->parts == NULL && !line->flow.busy)
		return;
	if (line->watch == 0)
		line->watch = df_loop_timer(df_room_loop(line->room),
					    now + LOOK_MS, look_again, line);
	/* not for every event of a fast line */
	if (line->parts != NULL && now - line->looked_ms < LOOK_MS / 5)
		return;
	line->looked_ms = now;
	for (const struct part *p = line->parts; p != NULL; p = p->next)
		leaving += !df_http_call_sent(p->call);
	df_http_client_way(line->client, &way);
	df_flow_look(&line->flow, leaving, way.acked_bytes, way.rtt_us / 1000,
		     now);
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
		n = line->flow.width < WARM_MANY ? line->flow.width : WARM_MANY;
	if (line->down || line->parts != NULL || line->mailbox == NULL)
		return;
	while (n-- > 0)
		if (line_start(line, &rq, "/peer/v1/hello", NULL, NULL) !=
		    DF_OK)
			return; /* the next time */
}
