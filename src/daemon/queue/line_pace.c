/* line_pace.c - what deliver_https measures of a line to a peer: for the choice
 * of codings, and for people. */
#include <cjson/cJSON.h>
#include <string.h>

#include "answers.h"
#include "queue.h"

static void take(struct destination_state *d, const struct df_msg *m)
{
	uint64_t rate = 0, connections = 0, rtt = 0;

	/* absent: 0, not known */
	(void)df_msg_get_u64(m, DF_M_RATE, &rate);
	(void)df_msg_get_u64(m, DF_M_CONNECTIONS, &connections);
	(void)df_msg_get_u64(m, DF_M_WAIT_MS, &rtt);
	(void)df_msg_get_u64(m, DF_M_SIZE, &d->pace.sent_bytes);
	(void)df_msg_get_str(m, DF_M_NAME, d->pace.congestion,
			     sizeof d->pace.congestion);
	d->pace.connections = (uint32_t)connections;
	d->pace.rtt_ms = (uint32_t)rtt;
	if (rate > 0)
		d->bytes_per_s = (double)rate;
}

QUEUE_HANDLER(line_pace)
{
	struct queue *q = queue_of(room);
	struct df_text name;

	(void)from, (void)fds, (void)n_fds;
	if (!df_msg_get(m, DF_M_DESTINATION, &name))
		df_bug("a measure of a line without its name");
	for (size_t i = 0; i < q->cfg->n_peers; i++)
		if (df_text_eq(name, q->peers[i].name))
			take(&q->peers[i], m);
}

void line_put(cJSON *o, const struct destination_state *d)
{
	cJSON *line;

	if (d->pace.connections == 0)
		return; /* no peer, or nothing was sent yet */
	line = cJSON_AddObjectToObject(o, "line");
	(void)cJSON_AddNumberToObject(line, "bit_per_s",
				      d->bytes_per_s * 8);
	(void)cJSON_AddNumberToObject(line, "round_trip_ms", d->pace.rtt_ms);
	(void)cJSON_AddNumberToObject(line, "connections", d->pace.connections);
	(void)cJSON_AddStringToObject(line, "congestion_control",
				      d->pace.congestion);
	(void)cJSON_AddNumberToObject(line, "sent_bytes",
				      (double)d->pace.sent_bytes);
}
