/*
 * parcel_send.c - parcels to a peer: offer, then parts from where it wants.
 *
 * A parcel has at most one part under way; several parcels go at the same
 * time over `connections` connections, and after each part the most urgent
 * parcel is next, so that a STAT study overtakes at a part's length; while one
 * of it is here no part of another is begun. A part
 * is about one second of the line. What is durable there is never sent again:
 * an answer that was lost comes back as 409 with the offset.
 */
#include <stdlib.h>
#include <string.h>

#include "deliver.h"
#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"

#define PART_MIN (64u << 10)
#define PART_FIRST (256u << 10)
#define FAILURES_MORE 2 /* in a row, beside one of each connection */
#define STUMBLES_MAX 6	/* 404 and 409 for one parcel */

enum parcel_state { NEW, OFFERED, READY, SENDING };

struct parcel {
	struct line *line;
	struct parcel *next;
	uint32_t tag;
	enum parcel_state state;
	struct df_parcel_id id;
	char hex[DF_PEER_PARCEL_HEX + 1];
	int fd;
	uint64_t size;
	uint64_t offset;   /* durable there */
	uint64_t priority; /* smaller goes first */
	unsigned stumbles;
	uint8_t *part; /* owned while it is sent */
	size_t part_len;
	struct parcel *batch; /* next in the offer under way */
};

struct offer {
	struct line *line;
	struct parcel *first; /* in the order of the offer */
	struct df_buf json;
};

static void end_parcel(struct parcel *p, enum df_err err,
		       const struct df_why *why)
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
	free(p->part);
	free(p);
}

/* The line is down: what does not run now fails now, and queue decides when
 * to try again. */
static void fail_waiting(struct line *line, const struct df_why *why)
{
	struct parcel *next;

	for (struct parcel *p = line->parcels; p != NULL; p = next) {
		next = p->next;
		if (p->state == NEW || p->state == READY)
			end_parcel(p, why->err, why);
	}
}

static bool line_failed(enum df_err err)
{
	return err == DF_E_PEER || err == DF_E_TIMEOUT;
}

/* A failure of the line, not of this parcel: try again while others pass. */
static void stumble_line(struct parcel *p, const struct df_why *why)
{
	struct line *line = p->line;
	struct df_why kept = *why;
	unsigned most = (unsigned)df_room_config(line->room)->line.connections +
			FAILURES_MORE;

	line->failures++;
	p->state = READY;
	if (line->failures >= most) {
		end_parcel(p, kept.err, &kept);
		fail_waiting(line, &kept);
	}
}

/* --- offers ------------------------------------------------------------- */

static struct parcel *take_batch(struct offer *o)
{
	struct parcel *p = o->first;

	if (p != NULL)
		o->first = p->batch;
	return p;
}

static void offer_answered(struct offer *o, const struct df_http_result *r)
{
	static struct df_peer_offered got[DF_PEER_OFFERS_MAX]; /* one thread */
	struct df_text json = {(const char *)r->body.ptr, r->body.len};
	struct df_why why = {0};
	enum df_err rc = http_outcome(r, 200, &why);
	struct parcel *p;
	size_t n = 0;

	if (rc == DF_OK) {
		o->line->failures = 0;
		rc = df_peer_offered_decode(json, got, &n, &why);
	}
	for (size_t i = 0; (p = take_batch(o)) != NULL; i++) {
		if (rc == DF_OK &&
		    (i >= n || memcmp(&got[i].id, &p->id, sizeof p->id) != 0))
			rc = df_fail(&why, DF_E_FORMAT,
				     "answer does not fit the offer");
		if (rc != DF_OK) {
			end_parcel(p, rc, &why);
		} else if (got[i].state == DF_OFFER_HAVE) {
			p->offset = p->size;
			end_parcel(p, DF_OK, NULL);
		} else if (got[i].state == DF_OFFER_REFUSED) {
			(void)df_fail(&why, got[i].reason, "peer refused it");
			end_parcel(p, why.err, &why);
		} else if (got[i].offset > p->size) {
			(void)df_fail(&why, DF_E_CONFLICT,
				      "peer holds more than there is");
			end_parcel(p, why.err, &why);
		} else {
			p->offset = got[i].offset;
			p->state = READY;
			if (p->offset == p->size) /* all there already */
				end_parcel(p, DF_OK, NULL);
		}
	}
	if (line_failed(rc))
		fail_waiting(o->line, &why);
}

static void offer_done(void *ctx, struct df_http_result *r)
{
	struct offer *o = ctx;

	o->line->offering = false;
	offer_answered(o, r);
	df_buf_release(&o->json);
	free(o);
}

static void send_offer(struct line *line)
{
	static const char *const HEADERS[] = {
		"Content-Type: " DF_PEER_TYPE_JSON};
	static struct df_peer_offer list[DF_PEER_OFFERS_MAX]; /* one thread */
	struct offer *o = df_xcalloc(1, sizeof *o);
	struct parcel **tail = &o->first;
	struct df_http_request rq = {.method = "POST",
				     .headers = HEADERS,
				     .n_headers = 1,
				     .max_response = DF_PEER_JSON_MAX,
				     .done = offer_done,
				     .ctx = o};
	struct df_why why = {0};
	struct parcel *p;
	enum df_err rc;
	size_t n = 0;

	o->line = line;
	for (p = line->parcels; p != NULL && n < DF_PEER_OFFERS_MAX;
	     p = p->next) {
		if (p->state != NEW)
			continue;
		list[n].id = p->id;
		list[n++].size_bytes = p->size;
		p->state = OFFERED;
		p->batch = NULL;
		*tail = p;
		tail = &p->batch;
	}
	df_buf_init(&o->json, DF_PEER_JSON_MAX);
	rc = df_peer_offers_encode(&o->json, list, n, &why);
	rq.body = o->json.ptr;
	rq.body_len = o->json.len;
	if (rc == DF_OK)
		rc = line_start(line, &rq, "/peer/v1/offers", NULL, &why);
	line->offering = rc == DF_OK;
	if (rc == DF_OK)
		return;
	while ((p = take_batch(o)) != NULL)
		end_parcel(p, rc, &why);
	df_buf_release(&o->json);
	free(o);
}

/* --- parts -------------------------------------------------------------- */

static void learn_rate(struct line *line, const struct parcel *p,
		       int64_t elapsed_ms)
{
	uint64_t rate = p->part_len * 1000u /
			(uint64_t)(elapsed_ms > 0 ? elapsed_ms : 1);

	line->rate = line->rate == 0 ? rate : (line->rate * 3 + rate) / 4;
}

static size_t part_size(const struct line *line, const struct parcel *p)
{
	const struct df_config *cfg = df_room_config(line->room);
	uint64_t most = (uint64_t)cfg->line.max_part_bytes;
	uint64_t size = line->rate == 0 ? PART_FIRST : line->rate;

	if (most > DF_PEER_PART_MAX || most < PART_MIN)
		most = DF_PEER_PART_MAX;
	if (size < PART_MIN)
		size = PART_MIN;
	if (size > most)
		size = most;
	/* no crumb at the end: it would cost a round trip of its own */
	if (p->size - p->offset <= size + size / 4 &&
	    p->size - p->offset <= most)
		size = p->size - p->offset;
	return (size_t)(size < p->size - p->offset ? size
						   : p->size - p->offset);
}

static bool told_offset(const struct df_http_result *r, const struct parcel *p,
			uint64_t *offset)
{
	struct df_text value;

	return df_http_result_header(r, "Upload-Offset", &value) &&
	       df_text_u64(value, offset) && *offset <= p->size;
}

static void progress(struct parcel *p)
{
	struct df_msg m;

	p->line->failures = 0;
	p->stumbles = 0;
	if (p->offset == p->size) {
		end_parcel(p, DF_OK, NULL);
		return;
	}
	p->state = READY;
	df_msg_init(&m, DF_MSG_PROGRESS, p->tag);
	df_msg_put_u64(&m, DF_M_OFFSET, p->offset);
	tell_queue(p->line->room, &m, NULL, 0);
}

static void part_done(void *ctx, struct df_http_result *r)
{
	struct parcel *p = ctx;
	struct line *line = p->line;
	struct df_why why = {0};
	enum df_err rc = http_outcome(r, 204, &why);
	uint64_t offset = 0;

	line->sending--;
	free(p->part);
	p->part = NULL;
	if (rc == DF_OK && told_offset(r, p, &offset) && offset > p->offset) {
		learn_rate(line, p, r->elapsed_ms);
		p->offset = offset;
		progress(p);
	} else if (rc == DF_OK) {
		(void)df_fail(&why, DF_E_FORMAT, "peer gave no new offset");
		end_parcel(p, why.err, &why);
	} else if (r->status == 409 && told_offset(r, p, &offset) &&
		   ++p->stumbles <= STUMBLES_MAX) {
		p->offset = offset; /* an answer was lost: go on from there */
		if (offset == p->size)
			progress(p);
		else
			p->state = READY;
	} else if (r->status == 404 && ++p->stumbles <= STUMBLES_MAX) {
		p->state = NEW; /* it lost the offer */
	} else if (line_failed(rc)) {
		stumble_line(p, &why);
	} else {
		end_parcel(p, rc, &why);
	}
}

static void send_part(struct parcel *p)
{
	char path[64], digest_text[64], offset[48], digest[96];
	const char *headers[] = {"Content-Type: " DF_PEER_TYPE_PARCEL, offset,
				 digest};
	struct df_http_request rq = {.method = "PATCH",
				     .headers = headers,
				     .n_headers = 3,
				     .max_response = 4096,
				     .done = part_done,
				     .ctx = p};
	struct df_why why = {0};
	struct df_digest d;
	enum df_err rc;

	p->part_len = part_size(p->line, p);
	p->part = df_xmalloc(p->part_len);
	rc = df_pread_all(p->fd, p->part, p->part_len, p->offset, &why);
	if (rc == DF_OK) {
		df_sha256(&d, p->part, p->part_len);
		df_content_digest_encode(digest_text, &d);
		df_str_fmt(digest, sizeof digest, "Content-Digest: %s",
			   digest_text);
		df_str_fmt(offset, sizeof offset, "Upload-Offset: %llu",
			   (unsigned long long)p->offset);
		df_str_fmt(path, sizeof path, "/peer/v1/parcels/%s", p->hex);
		rq.body = p->part;
		rq.body_len = p->part_len;
		rc = line_start(p->line, &rq, path, NULL, &why);
	}
	if (rc != DF_OK) {
		end_parcel(p, rc, &why);
		return;
	}
	p->state = SENDING;
	p->line->sending++;
}

static struct parcel *most_urgent(const struct line *line)
{
	struct parcel *best = NULL;

	for (struct parcel *p = line->parcels; p != NULL; p = p->next)
		if (p->state == READY &&
		    (best == NULL || p->priority < best->priority))
			best = p;
	return best;
}

static bool is_urgent(const struct parcel *p)
{
	return p->priority < DF_PRIORITY_ROUTINE;
}

/* Urgent ones have the line to themselves, whatever they make of it. */
static bool must_wait(const struct line *line, const struct parcel *p)
{
	if (is_urgent(p))
		return false;
	for (p = line->parcels; p != NULL; p = p->next)
		if (is_urgent(p))
			return true;
	return false;
}

void parcels_turn(struct line *line)
{
	const struct df_config *cfg = df_room_config(line->room);
	struct parcel *p = line->parcels;

	while (p != NULL && p->state != NEW)
		p = p->next;
	if (p != NULL && !line->offering)
		send_offer(line);
	while (line->sending < (unsigned)cfg->line.connections) {
		p = most_urgent(line);
		if (p == NULL || must_wait(line, p))
			break;
		send_part(p);
	}
}

DELIVER_HANDLER(parcel_send)
{
	struct parcel *p = df_xcalloc(1, sizeof *p);
	struct df_text name = {0};
	struct df_why why = {0};
	struct parcel **at;
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
	rc = line_get(room, name, &p->line, &why);
	if (rc != DF_OK) {
		job_done(room, p->tag, rc, &why);
		free(p);
		return;
	}
	p->fd = df_fd_take(&fds[0]);
	for (at = &p->line->parcels; *at != NULL;)
		at = &(*at)->next;
	*at = p; /* offered with its companions at the end of the turn */
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
