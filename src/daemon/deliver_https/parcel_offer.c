/* parcel_offer.c - what does the peer hold of these parcels? */
#include <stdlib.h>
#include <string.h>

#include "parcel.h"

struct offer {
	struct line *line;
	struct parcel *first; /* in the order of the offer */
	struct df_buf json;
};

static struct parcel *take_batch(struct offer *o)
{
	struct parcel *p = o->first;

	if (p != NULL)
		o->first = p->batch;
	return p;
}

static void wanted(struct parcel *p, const struct df_peer_offered *o)
{
	struct df_why why = {0};

	p->taken = o->held;
	p->doubt = false;
	p->state = PARCEL_READY;
	p->offset = o->offset;
	/* held has a place left: it says so only of what is behind a gap */
	if (o->offset > p->size ||
	    (o->offset > 0 && !df_ranges_add(&p->taken, 0, o->offset)) ||
	    (p->taken.n > 0 && p->taken.r[p->taken.n - 1].to > p->size)) {
		(void)df_fail(&why, DF_E_CONFLICT,
			      "peer holds more than there is");
		parcel_end(p, why.err, &why);
	} else if (p->offset == p->size) { /* all there already */
		parcel_end(p, DF_OK, NULL);
	} else {
		parcel_progress(p);
	}
}

static void answered(struct parcel *p, const struct df_peer_offered *o)
{
	struct df_why why = {0};

	switch (o->state) {
	case DF_OFFER_HAVE:
		p->offset = p->size;
		parcel_end(p, DF_OK, NULL);
		break;
	case DF_OFFER_REFUSED:
		(void)df_fail(&why, o->reason, "peer refused it");
		parcel_end(p, why.err, &why);
		break;
	case DF_OFFER_WANT:
		wanted(p, o);
		break;
	}
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
		if (p->failed.err != DF_OK)
			parcel_end(p, p->failed.err, &p->failed);
		else if (r->err == DF_E_CANCELLED)
			p->state = PARCEL_UNSURE; /* it was stuck */
		else if (rc != DF_OK)
			parcel_end(p, rc, &why);
		else
			answered(p, &got[i]);
	}
	if (line_failed(rc) && r->err != DF_E_CANCELLED) {
		parcels_fail(o->line, &why);
		mailbox_look(o->line);
	}
}

static void offer_done(void *ctx, struct df_http_result *r)
{
	struct offer *o = ctx;

	o->line->offer = NULL;
	offer_answered(o, r);
	df_buf_release(&o->json);
	free(o);
}

void parcel_offer(struct line *line)
{
	static const char *const HEADERS[] = {
		"Content-Type: " DF_PEER_TYPE_JSON};
	static struct df_peer_offer list[DF_PEER_OFFERS_MAX]; /* one thread */
	struct offer *o;
	struct parcel **tail;
	struct df_http_request rq = {.method = "POST",
				     .headers = HEADERS,
				     .n_headers = 1,
				     .max_response = DF_PEER_JSON_MAX,
				     .done = offer_done};
	struct df_why why = {0};
	struct parcel *p;
	enum df_err rc;
	size_t n = 0;

	for (p = line->parcels; p != NULL && p->state != PARCEL_UNSURE;)
		p = p->next;
	if (p == NULL)
		return;
	o = df_xcalloc(1, sizeof *o);
	o->line = line;
	rq.ctx = o;
	tail = &o->first;
	for (p = line->parcels; p != NULL && n < DF_PEER_OFFERS_MAX;
	     p = p->next) {
		if (p->state != PARCEL_UNSURE)
			continue;
		list[n].id = p->id;
		list[n++].size_bytes = p->size;
		p->state = PARCEL_OFFERED;
		p->batch = NULL;
		*tail = p;
		tail = &p->batch;
	}
	df_buf_init(&o->json, DF_PEER_JSON_MAX);
	rc = df_peer_offers_encode(&o->json, list, n, &why);
	rq.body = o->json.ptr;
	rq.body_len = o->json.len;
	if (rc == DF_OK)
		rc = line_start(line, &rq, "/peer/v1/offers", &line->offer,
				&why);
	if (rc == DF_OK)
		return;
	while ((p = take_batch(o)) != NULL)
		parcel_end(p, rc, &why);
	df_buf_release(&o->json);
	free(o);
}
