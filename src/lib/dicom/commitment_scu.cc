/*
 * commitment_scu.cc - storage commitment on an association that we opened: we
 * ask a PACS, hear its report, or give ours to a modality.
 */
#include "scu.h"

#include <cstdio>

#include "df/clock.h"
#include "df/object.h"
#include "guard.h"

static enum df_err say(struct df_dimse *d, struct command *rq,
		       const struct df_commitment *c, uint16_t *status,
		       struct df_why *why)
{
	const struct proposed *p =
		scu_context(d, DF_COMMITMENT_CLASS, DF_TS_IMPLICIT_LE);
	struct command rsp = {};
	struct df_buf data;
	enum df_err rc;

	if (p == nullptr)
		return df_fail(why, DF_E_UNSUPPORTED,
			       "the peer does not accept storage commitment");
	rq->dataset_type = 0x0001;
	(void)snprintf(rq->sop_class, sizeof rq->sop_class, "%s",
		       DF_COMMITMENT_CLASS);
	(void)snprintf(rq->sop_instance, sizeof rq->sop_instance, "%s",
		       DF_COMMITMENT_INSTANCE);
	df_buf_init(&data, DF_COMMITMENT_DATASET_MAX);
	rc = df_commitment_encode(&data, c, false, why);
	if (rc == DF_OK)
		rc = scu_exchange(d, rq, p->id, data.ptr, data.len, &rsp, why);
	df_buf_release(&data);
	*status = rsp.status;
	return rc;
}

enum df_err scu_heard(struct df_dimse *d, const struct command *rq,
		      uint8_t context, struct df_why *why)
{
	struct df_commitment said = {};
	struct command rsp = {};
	struct df_buf data;
	enum df_err rc = DF_OK;

	rsp.field = COMMAND_N_EVENT_REPORT_RSP;
	rsp.message_id = rq->message_id;
	rsp.dataset_type = COMMAND_NO_DATASET;
	rsp.type = rq->type;
	(void)snprintf(rsp.sop_class, sizeof rsp.sop_class, "%s",
		       rq->sop_class);
	(void)snprintf(rsp.sop_instance, sizeof rsp.sop_instance, "%s",
		       rq->sop_instance);
	df_buf_init(&data, DF_COMMITMENT_DATASET_MAX);
	if (rq->dataset_type != COMMAND_NO_DATASET)
		rc = dataset_collect(&d->ch, context, &data, why);
	if (rc == DF_OK) {
		rsp.status = 0x0115; /* invalid argument value */
		if (d->heard != nullptr && (rq->type == 1 || rq->type == 2) &&
		    df_commitment_decode(&said, data.ptr, data.len, false,
					 nullptr) == DF_OK)
			rsp.status = d->heard(d->heard_ctx, &said);
		df_commitment_release(&said);
		rc = command_write(&d->ch, &rsp, context, why);
	}
	df_buf_release(&data);
	return rc;
}

static enum df_err hear(struct df_dimse *d, struct df_why *why)
{
	struct command c = {};
	uint8_t context = 0;
	enum df_err rc = DF_OK;
	enum flow f = command_read(&d->ch, &c, &context, &rc, why);

	if (f == FLOW_RELEASE) {
		(void)ASC_acknowledgeRelease(d->ch.assoc);
		return df_fail(why, DF_E_PEER, "the peer released");
	}
	if (f == FLOW_ENDED)
		return rc;
	if (c.field != COMMAND_N_EVENT_REPORT_RQ)
		return df_fail(why, DF_E_FORMAT,
			       "the peer said something unasked (command "
			       "%04x)",
			       c.field);
	return scu_heard(d, &c, context, why);
}

extern "C" enum df_err df_dimse_ask(struct df_dimse *d,
				    const struct df_commitment *c,
				    uint16_t *status, struct df_why *why)
try {
	struct command rq = {};

	rq.field = COMMAND_N_ACTION_RQ;
	rq.type = 1; /* request storage commitment */
	return say(d, &rq, c, status, why);
}
DF_GUARD(why)

extern "C" enum df_err df_dimse_tell(struct df_dimse *d,
				     const struct df_commitment *c,
				     uint16_t *status, struct df_why *why)
try {
	struct command rq = {};

	rq.field = COMMAND_N_EVENT_REPORT_RQ;
	rq.type = df_references_bad(&c->refs) > 0 ? 2 : 1;
	return say(d, &rq, c, status, why);
}
DF_GUARD(why)

extern "C" void df_dimse_listen(struct df_dimse *d, df_dimse_heard_fn *heard,
				void *ctx)
{
	d->heard = heard;
	d->heard_ctx = ctx;
}

extern "C" enum df_err df_dimse_hear(struct df_dimse *d, struct df_why *why)
try {
	enum df_err rc;

	d->wire.until = df_clock_mono_ms() +
			(int64_t)patience * d->wire.progress_ms;
	rc = hear(d, why);
	d->wire.until = 0;
	return rc;
}
DF_GUARD(why)

extern "C" int df_dimse_fd(const struct df_dimse *d)
{
	return d->wire.fd;
}
