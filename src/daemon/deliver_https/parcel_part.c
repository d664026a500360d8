/*
 * parcel_part.c - one part of a parcel: a request, and what its answer means.
 *
 * Every part says how large its parcel is, so that the first one to arrive
 * begins it there and nobody has to ask before.
 */
#include <stdlib.h>
#include <string.h>

#include "df/clock.h"
#include "df/file.h"
#include "parcel.h"

#define STUMBLES_MAX 6 /* 404, 409 and no offset, for one parcel */

static bool told_offset(const struct df_http_result *r, const struct parcel *p,
			uint64_t *offset)
{
	struct df_text value;

	return df_http_result_header(r, "Upload-Offset", &value) &&
	       df_text_u64(value, offset) && *offset <= p->size;
}

static void fail_parcel(struct parcel *p, const struct df_why *why)
{
	if (p->failed.err == DF_OK)
		p->failed = *why;
}

static void arrived(struct parcel *p, uint64_t offset)
{
	p->line->failures = 0;
	if (offset > p->offset) {
		p->offset = offset;
		parcel_progress(p);
	}
}

/* The part is gone; its bytes count as taken until the peer was asked. */
static void judge(struct parcel *p, const struct df_http_result *r)
{
	struct df_why why = {0};
	enum df_err rc = http_outcome(r, 204, &why);
	uint64_t offset = 0;

	if (rc == DF_OK && told_offset(r, p, &offset)) {
		arrived(p, offset);
	} else if (rc == DF_OK && ++p->stumbles <= STUMBLES_MAX) {
		p->doubt = true; /* an offer will say */
	} else if (rc == DF_OK) {
		(void)df_fail(&why, DF_E_AGAIN, "peer gave no offset");
		fail_parcel(p, &why);
	} else if ((r->status == 409 || r->status == 404) &&
		   ++p->stumbles <= STUMBLES_MAX) {
		p->doubt = true;
	} else if (r->err == DF_E_CANCELLED) {
		p->doubt = true; /* it was stuck */
	} else if (line_failed(rc)) {
		p->doubt = true;
		line_stumble(p->line, &why);
	} else {
		fail_parcel(p, &why);
	}
}

/* The last of a parcel's parts has ended: whole, in doubt or failed. */
static void settle(struct parcel *p)
{
	struct df_range gap;

	if (p->offset == p->size)
		parcel_end(p, DF_OK, NULL);
	else if (p->failed.err != DF_OK)
		parcel_end(p, p->failed.err, &p->failed);
	else if (p->doubt || !df_ranges_gap(&p->taken, p->size, &gap))
		p->state = PARCEL_UNSURE;
}

static void part_done(void *ctx, struct df_http_result *r)
{
	struct part *part = ctx;
	struct parcel *p = part->parcel;
	struct line *line = p->line;
	struct part **at = &line->parts;

	while (*at != part)
		at = &(*at)->next;
	*at = part->next;
	line->part_ms = df_clock_mono_ms();
	line->sent_bytes += r->sent_bytes;
	judge(p, r); /* the parcel still counts this part: it stays */
	free(part);
	if (--p->parts == 0)
		settle(p);
}

static enum df_err hash_range(struct df_digest *d, int fd,
			      const struct df_range *range, struct df_why *why)
{
	static uint8_t buf[128 * 1024]; /* one thread */
	struct df_sha256 hash = {0};
	enum df_err rc = DF_OK;

	df_sha256_init(&hash);
	for (uint64_t at = range->from; rc == DF_OK && at < range->to;) {
		size_t n = range->to - at < sizeof buf
				   ? (size_t)(range->to - at)
				   : sizeof buf;

		rc = df_pread_all(fd, buf, n, at, why);
		if (rc == DF_OK)
			df_sha256_update(&hash, buf, n);
		at += n;
	}
	df_sha256_final(&hash, d);
	df_sha256_release(&hash);
	return rc;
}

static enum df_err start(struct part *part, struct df_why *why)
{
	const struct parcel *p = part->parcel;
	char path[64], digest_text[64], offset[48], length[48], digest[96];
	const char *headers[] = {"Content-Type: " DF_PEER_TYPE_PARCEL, offset,
				 length, digest, DF_PEER_URGENT};
	struct df_http_request rq = {
		.method = "PATCH",
		.headers = headers,
		.n_headers = p->priority < DF_PRIORITY_ROUTINE ? 5 : 4,
		.body_fd = p->fd,
		.body_fd_off = part->range.from,
		.body_fd_len = part->range.to - part->range.from,
		.max_response = 4096,
		.done = part_done,
		.ctx = part};
	struct df_digest d;
	enum df_err rc = hash_range(&d, p->fd, &part->range, why);

	if (rc != DF_OK)
		return rc;
	df_content_digest_encode(digest_text, &d);
	df_str_fmt(digest, sizeof digest, "Content-Digest: %s", digest_text);
	df_str_fmt(offset, sizeof offset, "Upload-Offset: %llu",
		   (unsigned long long)part->range.from);
	df_str_fmt(length, sizeof length, "Upload-Length: %llu",
		   (unsigned long long)p->size);
	df_str_fmt(path, sizeof path, "/peer/v1/parcels/%s", p->hex);
	return line_start(p->line, &rq, path, &part->call, why);
}

void part_send(struct parcel *p, uint64_t at, uint64_t len)
{
	struct part *part = df_xcalloc(1, sizeof *part);
	struct df_why why = {0};

	part->parcel = p;
	part->range = (struct df_range){at, at + len};
	if (!df_ranges_add(&p->taken, at, at + len))
		df_bug("a gap that has no place");
	if (start(part, &why) != DF_OK) {
		free(part);
		fail_parcel(p, &why);
		if (p->parts == 0)
			settle(p);
		return;
	}
	part->next = p->line->parts;
	p->line->parts = part;
	p->parts++;
}
