/*
 * parcel_send.c - parcels to a peer: whose turn is it, and when does one end.
 *
 * Several parts go at once, as many as the flow finds useful (df/flow.h); the
 * most urgent parcel is always next, so that a STAT study overtakes at a part's
 * length; while one of it is here no part of another is begun. Within a parcel
 * the parts go in order, each over a connection of its own, and the next one
 * leaves when the last byte of one before has left, not when its answer has
 * come: the way there and back costs nothing. What is held there is never sent
 * again: when a part ends badly the peer is asked first.
 */
#include <stdlib.h>
#include <string.h>

#include "df/file.h"
#include "df/log.h"
#include "parcel.h"

#define FAILURES_MORE 2 /* in a row, beside one of each connection */

bool line_failed(enum df_err err)
{
	return err == DF_E_PEER || err == DF_E_TIMEOUT;
}

void parcel_end(struct parcel *p, enum df_err err, const struct df_why *why)
{
	struct parcel **at = &p->line->parcels;
	struct df_msg m;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	df_msg_init(&m, DF_MSG_JOB_DONE, p->tag);
	df_msg_put_result(&m, err, why);
	df_msg_put_u64(&m, DF_M_OFFSET, p->offset);
	tell_queue(p->line->room, &m, NULL, 0);
	df_fd_close(&p->fd);
	free(p);
}

void parcel_progress(struct parcel *p)
{
	struct df_msg m;

	if (p->offset == p->size)
		return; /* its end says so */
	df_msg_init(&m, DF_MSG_PROGRESS, p->tag);
	df_msg_put_u64(&m, DF_M_OFFSET, p->offset);
	tell_queue(p->line->room, &m, NULL, 0);
}

void parcels_fail(struct line *line, const struct df_why *why)
{
	struct parcel *next;

	for (struct parcel *p = line->parcels; p != NULL; p = next) {
		next = p->next;
		if (p->parts > 0 || p->state == PARCEL_OFFERED)
			p->failed = *why;
		else
			parcel_end(p, why->err, why);
	}
	for (struct part *part = line->parts; part != NULL; part = part->next)
		df_http_call_cancel(part->call);
	if (line->offer != NULL)
		df_http_call_cancel(line->offer);
}

void line_stumble(struct line *line, const struct df_why *why)
{
	struct df_why kept = *why;

	if (++line->failures < df_flow_width(&line->flow) + FAILURES_MORE)
		return; /* others may pass */
	line->failures = 0;
	parcels_fail(line, &kept);
	mailbox_look(line);
}

/* --- whose turn ----------------------------------------------------------- */

static bool has_work(const struct parcel *p)
{
	struct df_range gap;

	return p->state == PARCEL_READY && !p->doubt &&
	       p->failed.err == DF_OK &&
	       df_ranges_gap(&p->taken, p->size, &gap);
}

static struct parcel *most_urgent(const struct line *line)
{
	struct parcel *best = NULL;

	for (struct parcel *p = line->parcels; p != NULL; p = p->next)
		if (has_work(p) &&
		    (best == NULL || p->priority < best->priority))
			best = p;
	return best;
}

static bool is_urgent(const struct parcel *p)
{
	return p->priority < DF_PRIORITY_ROUTINE;
}

/* Urgent ones have the line to themselves, whatever they make of it, until the
 * last of their bytes has left. */
static bool must_wait(const struct line *line, const struct parcel *p)
{
	if (is_urgent(p))
		return false;
	for (const struct part *part = line->parts; part; part = part->next)
		if (is_urgent(part->parcel) && !df_http_call_sent(part->call))
			return true;
	for (p = line->parcels; p != NULL; p = p->next)
		if (is_urgent(p) && (p->state == PARCEL_UNSURE ||
				     p->state == PARCEL_OFFERED))
			return true;
	return false;
}

/* Bytes that no part has taken yet. */
static uint64_t bytes_left(const struct line *line)
{
	uint64_t left = 0;

	for (const struct parcel *p = line->parcels; p != NULL; p = p->next)
		if (has_work(p))
			left += p->size - df_ranges_sum(&p->taken);
	return left;
}

static unsigned parts_leaving(const struct line *line, unsigned *all)
{
	unsigned leaving = 0;

	*all = 0;
	for (const struct part *part = line->parts; part; part = part->next) {
		++*all;
		leaving += !df_http_call_sent(part->call);
	}
	return leaving;
}

/* A connection that is open is worth two that have to be made first. */
static unsigned free_connections(struct line *line, unsigned leaving)
{
	unsigned more = df_flow_width(&line->flow) - leaving;
	struct df_http_way way;

	df_http_client_way(line->client, &way);
	return way.idle < 1 ? 1 : way.idle < more ? way.idle : more;
}

static void send_parts(struct line *line)
{
	const struct df_config *cfg = df_room_config(line->room);
	uint64_t most = (uint64_t)cfg->line.max_part_bytes;
	unsigned width = df_flow_width(&line->flow), all, leaving;
	struct df_range gap;
	struct parcel *p;

	if (most > DF_PEER_PART_MAX)
		most = DF_PEER_PART_MAX;
	for (;;) {
		leaving = parts_leaving(line, &all);
		p = most_urgent(line);
		/* those that wait for an answer are few, or the answers are
		 * slow: then more would not help */
		if (leaving >= width || all >= width + 1 + (width + 1) / 2 ||
		    p == NULL || must_wait(line, p))
			break;
		(void)df_ranges_gap(&p->taken, p->size, &gap); /* has work */
		part_send(p, gap.from,
			  df_flow_part(&line->flow, gap.to - gap.from,
				       bytes_left(line),
				       free_connections(line, leaving), most));
	}
}

void parcels_turn(struct line *line)
{
	if (line->offer == NULL)
		parcel_offer(line);
	send_parts(line);
	line_look(line);
}

/* --- jobs ----------------------------------------------------------------- */

DELIVER_HANDLER(parcel_send)
{
	struct parcel *p = df_xcalloc(1, sizeof *p);
	struct df_text name = {0};
	struct df_why why = {0};
	struct parcel **at;
	uint64_t offset;
	enum df_err rc;

	(void)from;
	p->tag = m->tag;
	p->fd = -1;
	if (n_fds != 1 || !df_msg_get(m, DF_M_DESTINATION, &name) ||
	    !df_msg_get_str(m, DF_M_PARCEL, p->hex, sizeof p->hex) ||
	    !df_parcel_id_decode(&p->id, df_text_of(p->hex)) ||
	    !df_msg_get_u64(m, DF_M_LENGTH, &p->size) || p->size == 0)
		df_bug("PARCEL_SEND is not whole");
	p->priority = 0;
	(void)df_msg_get_u64(m, DF_M_PRIORITY, &p->priority); /* or 0 */
	/* what was never sent is not there: no need to ask */
	p->state = df_msg_get_u64(m, DF_M_OFFSET, &offset) ? PARCEL_READY
							   : PARCEL_UNSURE;
	rc = line_get(room, name, &p->line, &why);
	if (rc != DF_OK) {
		job_done(room, p->tag, rc, &why);
		free(p);
		return;
	}
	p->fd = df_fd_take(&fds[0]);
	for (at = &p->line->parcels; *at != NULL;)
		at = &(*at)->next;
	*at = p; /* on its way at the end of the turn */
}

DELIVER_HANDLER(parcel_urge)
{
	char hex[DF_PEER_PARCEL_HEX + 1];
	struct df_text name;
	uint64_t priority;

	(void)room, (void)from, (void)fds, (void)n_fds;
	if (!df_msg_get(m, DF_M_DESTINATION, &name) ||
	    !df_msg_get_str(m, DF_M_PARCEL, hex, sizeof hex) ||
	    !df_msg_get_u64(m, DF_M_PRIORITY, &priority))
		df_bug("PARCEL_URGE is not whole");
	for (struct line *line = self.lines; line != NULL; line = line->next)
		for (struct parcel *p = line->parcels; p != NULL; p = p->next)
			if (df_text_eq(name, line->peer->name) &&
			    strcmp(p->hex, hex) == 0)
				p->priority = priority;
}
