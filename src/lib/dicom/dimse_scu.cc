/*
 * dimse_scu.cc - opens associations and stores: data set bytes go out as they
 * lie in memory, cut into PDVs by DCMTK's P-DATA service.
 */
#include "scu.h"

#include <cstdio>
#include <cstring>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>

#include "dcmtk/dcmdata/dcuid.h"
#include "dcmtk/dcmnet/cond.h"

#include "df/clock.h"
#include "df/object.h"
#include "df/str.h"
#include "guard.h"

enum df_err df_store_status_err(uint16_t status)
{
	if ((status & 0xf000) == 0xb000) /* stored, with a remark */
		return DF_OK;
	switch (status) {
	case 0x0000:
		return DF_OK;
	case 0x0110: /* processing failure: may pass, says nothing of others */
		return DF_E_AGAIN;
	case 0x0122:
		return DF_E_UNSUPPORTED;
	case 0x0124:
		return DF_E_DENIED;
	default:
		return (status & 0xff00) == 0xa700 ? DF_E_NOSPACE
						   : DF_E_REFUSED;
	}
}

static void destroy(struct df_dimse *d)
{
	if (d->ch.assoc != nullptr)
		(void)ASC_destroyAssociation(&d->ch.assoc);
	if (d->net != nullptr)
		(void)ASC_dropNetwork(&d->net);
	df_buf_release(&d->ch.scratch);
	delete[] d->contexts;
	delete d;
}

static enum df_err propose(struct df_dimse *d, T_ASC_Parameters *params,
			   const struct df_dimse_context *contexts, size_t n,
			   bool reports, struct df_why *why)
{
	d->contexts = new proposed[n]();
	for (size_t i = 0; i < n; i++) {
		const char *ts[1] = {contexts[i].transfer_syntax};
		struct proposed *p = &d->contexts[i];
		bool scp = reports && strcmp(contexts[i].sop_class,
					     DF_COMMITMENT_CLASS) == 0;

		if (df_str_copy(p->sop_class, DF_UID_CAP,
				df_text_of(contexts[i].sop_class)) != DF_OK ||
		    df_str_copy(p->transfer_syntax, DF_UID_CAP,
				df_text_of(ts[0])) != DF_OK ||
		    ASC_addPresentationContext(params, (uint8_t)(2 * i + 1),
					       p->sop_class, ts, 1,
					       scp ? ASC_SC_ROLE_SCP
						   : ASC_SC_ROLE_DEFAULT)
			    .bad())
			return df_fail(why, DF_E_FORMAT,
				       "cannot propose context %zu", i);
	}
	d->n = n;
	return DF_OK;
}

static enum df_err rejected(T_ASC_Parameters *params, struct df_why *why)
{
	T_ASC_RejectParameters rj = {};
	const char *reason = "no reason given";
	enum df_err err = DF_E_REFUSED;

	(void)ASC_getRejectParameters(params, &rj);
	if (rj.reason == ASC_REASON_SU_CALLEDAETITLENOTRECOGNIZED)
		reason = "called AE title not recognised";
	if (rj.reason == ASC_REASON_SU_CALLINGAETITLENOTRECOGNIZED)
		reason = "calling AE title not recognised";
	if (rj.reason == ASC_REASON_SU_APPCONTEXTNAMENOTSUPPORTED)
		reason = "application context not supported";
	if (rj.reason == ASC_REASON_SP_PRES_TEMPORARYCONGESTION)
		reason = "temporary congestion";
	if (rj.reason == ASC_REASON_SP_PRES_LOCALLIMITEXCEEDED)
		reason = "local limit exceeded";
	if (rj.result == ASC_RESULT_REJECTEDTRANSIENT)
		err = DF_E_PEER;
	return df_fail(why, err, "association rejected %s: %s",
		       err == DF_E_PEER ? "for now" : "permanently", reason);
}

static enum df_err request_failed(struct df_dimse *d, T_ASC_Parameters *params,
				  const OFCondition &cond, struct df_why *why)
{
	if (cond == DUL_ASSOCIATIONREJECTED)
		return rejected(params, why);
	if (d->wire.timed_out || cond == DUL_READTIMEOUT)
		return df_fail(why, DF_E_TIMEOUT,
			       "no answer to the association request");
	if (cond == DUL_PEERABORTEDASSOCIATION)
		return df_fail(why, DF_E_PEER,
			       "the peer aborted the association request");
	/* DCMTK's text names host, port and errno: nothing of a patient */
	return df_fail(why, DF_E_PEER, "cannot open an association: %.150s",
		       cond.text());
}

/* params belongs to the association once ASC_requestAssociation made one. */
static enum df_err request(struct df_dimse *d,
			   const struct df_dimse_target *target,
			   T_ASC_Parameters *params, struct df_why *why)
{
	char at[192], here[2] = "-";
	OFCondition cond;

	(void)snprintf(at, sizeof at, "%s:%u", target->host, target->port);
	(void)ASC_setAPTitles(params, target->calling, target->called, nullptr);
	(void)ASC_setPresentationAddresses(params, here, at);
	dcmConnectionTimeout.set(target->connect_ms / 1000 +
				 (target->connect_ms % 1000 != 0));
	d->wire.dialled = true;
	d->wire.pace = target->pace;
	d->wire.pace_ctx = target->pace_ctx;
	d->wire.read_ms = target->progress_ms;
	d->wire.progress_ms = target->progress_ms;
	cond = ASC_requestAssociation(d->net, params, &d->ch.assoc, nullptr,
				      nullptr, DUL_NOBLOCK,
				      target->progress_ms / 1000 + 1);
	if (cond.bad()) {
		enum df_err rc = request_failed(d, params, cond, why);

		if (d->ch.assoc == nullptr)
			(void)ASC_destroyAssociationParameters(&params);
		return rc;
	}
	for (size_t i = 0; i < d->n; i++) {
		T_ASC_PresentationContext pc;
		uint8_t id = (uint8_t)(2 * i + 1);

		if (ASC_findAcceptedPresentationContext(d->ch.assoc->params, id,
							&pc)
			    .good() &&
		    pc.resultReason == ASC_P_ACCEPTANCE &&
		    strcmp(pc.acceptedTransferSyntax,
			   d->contexts[i].transfer_syntax) == 0)
			d->contexts[i].id = id;
	}
	d->open = true;
	return DF_OK;
}

static enum df_err open_target(struct df_dimse **out,
			       const struct df_dimse_target *target,
			       const struct df_dimse_context *contexts,
			       size_t n, struct df_why *why)
{
	struct df_dimse *d;
	T_ASC_Parameters *params = nullptr;
	enum df_err rc = DF_OK;

	*out = nullptr;
	if (n == 0 || n > DF_DIMSE_CONTEXTS_MAX)
		return df_fail(why, DF_E_LIMIT, "%zu presentation contexts", n);
	/* DCMTK keeps "host:port" in 64 bytes */
	if (strlen(target->host) > 57 || strchr(target->host, ':') != nullptr)
		return df_fail(why, DF_E_UNSUPPORTED,
			       "host is not a name or an IPv4 address of at "
			       "most 57 characters");
	df_network_init();
	d = new df_dimse();
	d->ch.wire = &d->wire;
	df_buf_init(&d->ch.scratch, COMMAND_MAX);
	if (ASC_initializeNetwork(NET_REQUESTOR, 0,
				  target->progress_ms / 1000 + 1, &d->net)
		    .bad() ||
	    ASC_setTransportLayer(d->net, &d->layer, 0).bad() ||
	    ASC_createAssociationParameters(&params, DF_DIMSE_PDU_MAX).bad())
		rc = df_fail(why, DF_E_IO, "cannot set up DCMTK's network");
	if (rc == DF_OK)
		rc = propose(d, params, contexts, n, target->reports, why);
	if (rc == DF_OK)
		rc = request(d, target, params, why);
	else if (params != nullptr)
		(void)ASC_destroyAssociationParameters(&params);
	if (rc != DF_OK) {
		destroy(d);
		return rc;
	}
	*out = d;
	return DF_OK;
}

const struct proposed *scu_context(const struct df_dimse *d,
				   const char *sop_class,
				   const char *transfer_syntax)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct proposed *p = &d->contexts[i];

		if (p->id != 0 && strcmp(p->sop_class, sop_class) == 0 &&
		    strcmp(p->transfer_syntax, transfer_syntax) == 0)
			return p;
	}
	return nullptr;
}

/* Waits for the next response; reports that come before it are taken. */
static enum df_err await(struct df_dimse *d, struct command *rsp,
			 uint8_t *answered, struct df_why *why)
{
	enum df_err rc = DF_OK;

	while (rc == DF_OK) {
		enum flow f = command_read(&d->ch, rsp, answered, &rc, why);

		if (f == FLOW_RELEASE)
			return df_fail(why, DF_E_PEER,
				       "the peer released in place of an "
				       "answer");
		if (f == FLOW_ENDED)
			return rc;
		if (rsp->field != COMMAND_N_EVENT_REPORT_RQ)
			return DF_OK;
		rc = scu_heard(d, rsp, *answered, why);
		if (rc == DF_OK && df_clock_mono_ms() > d->wire.until)
			rc = df_fail(why, DF_E_TIMEOUT,
				     "the peer reports and does not answer");
	}
	return rc;
}

enum df_err scu_exchange(struct df_dimse *d, struct command *rq,
			 uint8_t context, const void *ptr, size_t len,
			 struct command *rsp, struct df_why *why)
{
	enum df_err rc;
	uint8_t answered = 0;

	rq->message_id = d->next_id++;
	rc = command_write(&d->ch, rq, context, why);
	if (rc == DF_OK && ptr != nullptr)
		rc = dataset_write(&d->ch, ptr, len, context, why);
	if (rc != DF_OK)
		return rc;
	d->wire.until = df_clock_mono_ms() +
			(int64_t)patience * d->wire.progress_ms;
	rc = await(d, rsp, &answered, why);
	d->wire.until = 0;
	if (rc != DF_OK)
		return rc;
	if (rsp->field != (rq->field | 0x8000) || answered != context ||
	    rsp->message_id != rq->message_id ||
	    rsp->dataset_type != COMMAND_NO_DATASET)
		return df_fail(why, DF_E_FORMAT,
			       "the peer answered something else (command "
			       "%04x)",
			       rsp->field);
	return DF_OK;
}

static enum df_err store(struct df_dimse *d, const struct df_store_rq *rq,
			 const void *ptr, size_t len, struct df_store_rsp *rsp,
			 struct df_why *why)
{
	const struct proposed *p =
		scu_context(d, rq->sop_class, rq->transfer_syntax);
	bool deflated = strcmp(rq->transfer_syntax, DF_TS_DEFLATED_LE) == 0;
	struct command ask = {}, answer = {};
	std::string padded;
	enum df_err rc;

	memset(rsp, 0, sizeof *rsp);
	if (p == nullptr)
		return df_fail(why, DF_E_UNSUPPORTED,
			       "the peer accepted no context for class %s in "
			       "transfer syntax %s",
			       rq->sop_class, rq->transfer_syntax);
	if (len == 0 || (len % 2 != 0 && !deflated))
		return df_fail(why, DF_E_UNSUPPORTED,
			       "data set of %zu bytes: must be even, not empty",
			       len);
	if (len % 2 != 0) { /* PS3.5 A.5: a deflated stream ends in one NUL */
		padded.assign(static_cast<const char *>(ptr), len);
		padded.push_back('\0');
		ptr = padded.data();
		len++;
	}
	ask.field = COMMAND_C_STORE_RQ;
	ask.dataset_type = 0x0001;
	(void)snprintf(ask.sop_class, sizeof ask.sop_class, "%s",
		       rq->sop_class);
	(void)snprintf(ask.sop_instance, sizeof ask.sop_instance, "%s",
		       rq->sop_instance);
	rc = scu_exchange(d, &ask, p->id, ptr, len, &answer, why);
	if (rc != DF_OK)
		return rc;
	rsp->status = answer.status;
	memcpy(rsp->comment, answer.comment, sizeof rsp->comment);
	return DF_OK;
}

static enum df_err echo(struct df_dimse *d, struct df_why *why)
{
	struct command ask = {}, answer = {};
	const struct proposed *p = nullptr;
	enum df_err rc;

	for (size_t i = 0; i < d->n && p == nullptr; i++)
		if (d->contexts[i].id != 0 &&
		    strcmp(d->contexts[i].sop_class, DF_VERIFICATION_CLASS) ==
			    0)
			p = &d->contexts[i];
	if (p == nullptr)
		return df_fail(why, DF_E_REFUSED,
			       "the peer does not accept C-ECHO");
	ask.field = COMMAND_C_ECHO_RQ;
	ask.dataset_type = COMMAND_NO_DATASET;
	(void)snprintf(ask.sop_class, sizeof ask.sop_class, "%s",
		       DF_VERIFICATION_CLASS);
	rc = scu_exchange(d, &ask, p->id, nullptr, 0, &answer, why);
	if (rc == DF_OK && answer.status != 0)
		rc = df_fail(why, DF_E_REFUSED, "C-ECHO status %04x",
			     answer.status);
	return rc;
}

extern "C" enum df_err df_dimse_open(struct df_dimse **d,
				     const struct df_dimse_target *target,
				     const struct df_dimse_context *contexts,
				     size_t n, struct df_why *why)
try {
	return open_target(d, target, contexts, n, why);
}
DF_GUARD(why)

extern "C" bool df_dimse_accepts(const struct df_dimse *d,
				 const char *sop_class,
				 const char *transfer_syntax)
{
	return scu_context(d, sop_class, transfer_syntax) != nullptr;
}

extern "C" enum df_err df_dimse_store(struct df_dimse *d,
				      const struct df_store_rq *rq,
				      const void *ptr, size_t len,
				      struct df_store_rsp *rsp,
				      struct df_why *why)
try {
	return store(d, rq, ptr, len, rsp, why);
}
DF_GUARD(why)

extern "C" enum df_err df_dimse_echo(struct df_dimse *d, struct df_why *why)
try {
	return echo(d, why);
}
DF_GUARD(why)

extern "C" void df_dimse_measure(const struct df_dimse *d,
				 struct df_dimse_line *line)
{
	const uint64_t enough = 128 * 1024; /* bytes: past the first window */
	struct tcp_info info = {};
	socklen_t len = sizeof info;

	*line = {};
	if (getsockopt(d->wire.fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return;
	/* the best of the last minutes: a busy machine delays the others */
	line->rtt_us = info.tcpi_min_rtt;
	if (info.tcpi_bytes_acked >= enough)
		line->bytes_per_s = info.tcpi_delivery_rate;
}

extern "C" bool df_dimse_is_stale(struct df_dimse *d)
{
	return ASC_dataWaiting(d->ch.assoc, 0);
}

extern "C" void df_dimse_close(struct df_dimse *d)
{
	if (d == nullptr)
		return;
	try {
		(void)ASC_releaseAssociation(d->ch.assoc);
		destroy(d);
	} catch (...) {
		/* nothing is left to save, and the caller is done with it */
	}
}

extern "C" void df_dimse_abort(struct df_dimse *d)
{
	if (d == nullptr)
		return;
	try {
		(void)ASC_abortAssociation(d->ch.assoc);
		destroy(d);
	} catch (...) {
		/* as above */
	}
}
