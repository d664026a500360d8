/*
 * dimse_scp.cc - answers one association. DCMTK negotiates and frames; the
 * bytes of data sets go from its PDU buffer straight to the sink.
 */
#include "scp.h"

#include <cstring>
#include <unistd.h>

#include "dcmtk/dcmdata/dcuid.h"
#include "dcmtk/dcmnet/cond.h"

#include "df/object.h"
#include "df/str.h"
#include "guard.h"

uint16_t df_store_status(enum df_err err)
{
	switch (err) {
	case DF_E_OK:
		return 0x0000;
	case DF_E_DENIED:
		return 0x0124; /* not authorised */
	case DF_E_UNSUPPORTED:
		return 0x0122; /* SOP class not supported */
	case DF_E_CONFLICT:
		return 0xa900; /* data set does not match SOP class */
	case DF_E_FORMAT:
		return 0xc000; /* cannot understand */
	case DF_E_LIMIT:
		return 0xc001; /* cannot understand: larger than allowed */
	case DF_E_IO: /* ours, and it may pass: the sender may repeat */
	case DF_E_NOSPACE:
	case DF_E_NOMEM:
	case DF_E_AGAIN:
	case DF_E_PEER:
	case DF_E_TIMEOUT:
	case DF_E_CANCELLED:
	case DF_E_BUG:
		return 0xa700; /* out of resources */
	case DF_E_CORRUPT:
	case DF_E_NOTFOUND:
	case DF_E_EXISTS:
	case DF_E_CONFIG:
	case DF_E_USAGE:
	case DF_E_KEY:
	case DF_E_HEADER:
	case DF_E_SENDER:
	case DF_E_SUITE:
	case DF_E_REPLAY:
	case DF_E_CHUNK:
	case DF_E_TRUNC:
	case DF_E_TRAIL:
	case DF_E_MANIFEST:
	case DF_E_REFUSED:
	case DF_E_COUNT:
		break;
	}
	return 0x0110; /* processing failure */
}

static bool class_known(const struct scp *s, const char *uid)
{
	const struct df_dimse_scp *cfg = s->cfg;

	if (strcmp(uid, DF_COMMITMENT_CLASS) == 0)
		return cfg->commitment != nullptr;
	if (s->reports_only && strcmp(uid, UID_VerificationSOPClass) != 0)
		return false;
	if (strcmp(uid, DF_WORKLIST_CLASS) == 0)
		return cfg->worklist != nullptr;
	return strcmp(uid, UID_VerificationSOPClass) == 0 ||
	       df_storage_class_known(uid) ||
	       (cfg->unknown_classes && df_uid_name(uid)[0] == 0);
}

static bool syntax_known(const char *uid)
{
	const char *known;

	for (size_t i = 0; (known = df_transfer_syntax_at(i)) != nullptr; i++)
		if (strcmp(known, uid) == 0)
			return true;
	return false;
}

/* The proposer's order counts: it knows what it holds. */
static void answer_context(struct scp *s, T_ASC_PresentationContext *pc)
{
	T_ASC_Parameters *params = s->ch.assoc->params;
	uint8_t id = pc->presentationContextID;
	T_ASC_P_ResultReason why_not = ASC_P_TRANSFERSYNTAXESNOTSUPPORTED;
	bool commitment = strcmp(pc->abstractSyntax, DF_COMMITMENT_CLASS) == 0;
	bool plain = commitment ||
		     strcmp(pc->abstractSyntax, DF_WORKLIST_CLASS) == 0;

	if (!class_known(s, pc->abstractSyntax)) {
		why_not = ASC_P_ABSTRACTSYNTAXNOTSUPPORTED;
		(void)ASC_refusePresentationContext(params, id, why_not);
		return;
	}
	for (int i = 0; i < pc->transferSyntaxCount; i++) {
		const char *uid = pc->proposedTransferSyntaxes[i];

		if (plain ? !plain_syntax(uid) : !syntax_known(uid))
			continue;
		/* of its roles a peer may have what it proposes */
		if (ASC_acceptPresentationContext(
			    params, id, uid,
			    commitment ? pc->proposedRole
				       : ASC_SC_ROLE_DEFAULT)
			    .good()) {
			scp_copy(s->syntax[id], DF_UID_CAP, uid);
			scp_copy(s->abstract[id], DF_UID_CAP,
				 pc->abstractSyntax);
		}
		return;
	}
	(void)ASC_refusePresentationContext(params, id, why_not);
}

static enum df_err refuse(struct scp *s, enum df_dimse_verdict verdict,
			  struct df_why *why)
{
	T_ASC_RejectParameters rj = {ASC_RESULT_REJECTEDPERMANENT,
				     ASC_SOURCE_SERVICEUSER,
				     ASC_REASON_SU_CALLEDAETITLENOTRECOGNIZED};

	if (verdict == DF_DIMSE_REJECT_CALLING)
		rj.reason = ASC_REASON_SU_CALLINGAETITLENOTRECOGNIZED;
	if (verdict == DF_DIMSE_REJECT_BUSY) {
		rj.result = ASC_RESULT_REJECTEDTRANSIENT;
		rj.source = ASC_SOURCE_SERVICEPROVIDER_PRESENTATION_RELATED;
		rj.reason = ASC_REASON_SP_PRES_LOCALLIMITEXCEEDED;
	}
	if (ASC_rejectAssociation(s->ch.assoc, &rj).bad())
		return df_fail(why, DF_E_PEER, "cannot send the rejection");
	return DF_OK;
}

/* DF_OK with *open = false after a rejection. */
static enum df_err negotiate(struct scp *s, bool *open, struct df_why *why)
{
	T_ASC_Parameters *params = s->ch.assoc->params;
	struct df_dimse_peer peer = {};
	char responding[DF_AE_CAP];
	enum df_dimse_verdict verdict;
	int n;

	*open = false;
	(void)ASC_getAPTitles(params, peer.calling, sizeof peer.calling,
			      peer.called, sizeof peer.called, responding,
			      sizeof responding);
	scp_copy(peer.implementation, sizeof peer.implementation,
		  params->theirImplementationClassUID);
	verdict = DF_DIMSE_REJECT_CALLING;
	if (df_ae_valid(df_text_of(peer.calling)))
		verdict = df_ae_valid(df_text_of(peer.called))
				  ? s->cfg->admit(s->cfg->ctx, &peer)
				  : DF_DIMSE_REJECT_CALLED;
	if (verdict != DF_DIMSE_ACCEPT && verdict != DF_DIMSE_ACCEPT_REPORTS)
		return refuse(s, verdict, why);
	s->reports_only = verdict == DF_DIMSE_ACCEPT_REPORTS;
	n = ASC_countPresentationContexts(params);
	for (int i = 0; i < n; i++) {
		T_ASC_PresentationContext pc;

		if (ASC_getPresentationContext(params, i, &pc).good())
			answer_context(s, &pc);
	}
	if (ASC_acknowledgeAssociation(s->ch.assoc).bad())
		return df_fail(why, DF_E_PEER, "cannot accept the association");
	*open = true;
	return DF_OK;
}

/*
 * The data set of one C-STORE. *verdict is what the sink said; the result is
 * how the association stands. Whatever the sink says, all bytes are read, so
 * that the association lives.
 */
static enum df_err dataset_read(struct scp *s, uint8_t context,
				enum df_err *verdict, struct df_why *sink_why,
				struct df_why *why)
{
	const struct df_store_sink *sink = s->sink;
	bool begun = *verdict == DF_OK;
	struct pace pace = {};
	enum df_err rc = DF_OK;

	for (;;) {
		DUL_PDV pdv;
		enum flow f = pdv_next(&s->ch, &pdv, &rc, why);

		if (f == FLOW_RELEASE)
			rc = df_fail(why, DF_E_FORMAT,
				     "release inside a data set");
		else if (f == FLOW_DATA && pdv.pdvType != DUL_DATASETPDV)
			rc = df_fail(why, DF_E_FORMAT,
				     "command inside a data set");
		else if (f == FLOW_DATA && pdv.presentationContextID != context)
			rc = df_fail(why, DF_E_FORMAT,
				     "data set on another context than its "
				     "command");
		else if (f == FLOW_DATA && !pdv.lastPDV &&
			 !pace_kept(&pace, pdv.fragmentLength,
				    s->wire.progress_ms))
			rc = df_fail(why, DF_E_TIMEOUT,
				     "a data set came too slowly");
		if (rc != DF_OK)
			break;
		if (*verdict == DF_OK && pdv.fragmentLength > 0) {
			*verdict = sink->write(sink->ctx, pdv.data,
					       pdv.fragmentLength, sink_why);
			if (*verdict != DF_OK)
				sink->abandon(sink->ctx);
		}
		if (pdv.lastPDV)
			return DF_OK;
	}
	if (begun && *verdict == DF_OK)
		sink->abandon(sink->ctx);
	return rc;
}

/*
 * May this C-STORE begin? A context stands for what was negotiated and admitted
 * on it: one for another service is no way in.
 */
static enum df_err store_allowed(const struct scp *s, const struct command *c,
				 uint8_t context)
{
	const char *on = s->abstract[context];

	if (s->reports_only)
		return DF_E_DENIED;
	if (c->dataset_type == COMMAND_NO_DATASET || c->sop_class[0] == 0 ||
	    c->sop_instance[0] == 0)
		return DF_E_FORMAT;
	return strcmp(on, c->sop_class) == 0 &&
			       strcmp(on, UID_VerificationSOPClass) != 0 &&
			       strcmp(on, DF_COMMITMENT_CLASS) != 0 &&
			       strcmp(on, DF_WORKLIST_CLASS) != 0
		       ? DF_OK
		       : DF_E_UNSUPPORTED;
}

static enum df_err store(struct scp *s, const struct command *c,
			 uint8_t context, struct df_why *why)
{
	struct df_store_rq rq = {};
	struct df_why sink_why = {};
	struct command rsp = {};
	enum df_err verdict, rc;

	scp_copy(rq.sop_class, sizeof rq.sop_class, c->sop_class);
	scp_copy(rq.sop_instance, sizeof rq.sop_instance, c->sop_instance);
	scp_copy(rq.transfer_syntax, sizeof rq.transfer_syntax,
		  s->syntax[context]);
	scp_copy(rq.move_originator, sizeof rq.move_originator,
		  c->move_originator);
	rq.message_id = c->message_id;
	verdict = store_allowed(s, c, context);
	if (verdict == DF_OK)
		verdict = s->sink->begin(s->sink->ctx, &rq, &sink_why);
	if (c->dataset_type != COMMAND_NO_DATASET) {
		rc = dataset_read(s, context, &verdict, &sink_why, why);
		if (rc != DF_OK)
			return rc;
		if (verdict == DF_OK)
			verdict = s->sink->commit(s->sink->ctx, &sink_why);
	}
	rsp.field = COMMAND_C_STORE_RSP;
	rsp.message_id = c->message_id;
	rsp.dataset_type = COMMAND_NO_DATASET;
	rsp.status = df_store_status(verdict);
	scp_copy(rsp.sop_class, sizeof rsp.sop_class, c->sop_class);
	scp_copy(rsp.sop_instance, sizeof rsp.sop_instance, c->sop_instance);
	if (verdict != DF_OK)
		scp_copy(rsp.comment, sizeof rsp.comment,
			  df_err_text(verdict));
	return command_write(&s->ch, &rsp, context, why);
}

/* C-ECHO, and the answer to what we do not do. */
static enum df_err other(struct scp *s, const struct command *c,
			 uint8_t context, struct df_why *why)
{
	struct command rsp = {};

	if ((c->field & 0x8000) != 0)
		return df_fail(why, DF_E_FORMAT, "response without a request");
	if (c->dataset_type != COMMAND_NO_DATASET) {
		enum df_err drain = DF_E_UNSUPPORTED;
		enum df_err rc = dataset_read(s, context, &drain, nullptr, why);

		if (rc != DF_OK)
			return rc;
	}
	if (c->field == COMMAND_C_CANCEL_RQ)
		return DF_OK; /* nothing to cancel, and it has no response */
	rsp.field = (uint16_t)(c->field | 0x8000);
	rsp.message_id = c->message_id;
	rsp.dataset_type = COMMAND_NO_DATASET;
	rsp.status = c->field == COMMAND_C_ECHO_RQ ? 0x0000 : 0x0211;
	scp_copy(rsp.sop_class, sizeof rsp.sop_class, c->sop_class);
	return command_write(&s->ch, &rsp, context, why);
}

/* One command that has come, and its answer. */
static enum df_err serve_command(struct scp *s, const struct command *c,
				 uint8_t context, struct df_why *why)
{
	bool has_sink = s->cfg->commitment != nullptr;

	if (s->syntax[context][0] == 0)
		return df_fail(why, DF_E_FORMAT,
			       "command on a context that was not accepted");
	if (c->field == COMMAND_C_STORE_RQ)
		return store(s, c, context, why);
	if (has_sink && (c->field == COMMAND_N_ACTION_RQ ||
			 c->field == COMMAND_N_EVENT_REPORT_RQ))
		return commitment_rq(s, c, context, why);
	if (c->field == COMMAND_C_FIND_RQ &&
	    strcmp(s->abstract[context], DF_WORKLIST_CLASS) == 0)
		return worklist_find(s, c, context, why);
	if (c->field == COMMAND_N_EVENT_REPORT_RSP)
		return commitment_rsp(s, c, context, why);
	return other(s, c, context, why);
}

/* The next command. DF_E_CANCELLED when none is wanted any more. */
static enum flow next_command(struct scp *s, struct command *c,
			      uint8_t *context, enum df_err *rc,
			      struct df_why *why)
{
	const struct df_dimse_scp *cfg = s->cfg;
	enum flow f = FLOW_ENDED;

	if (cfg->ending != nullptr && cfg->ending(cfg->ctx, false)) {
		s->wire.ended = true;
	} else {
		s->wire.read_ms = cfg->idle_ms;
		s->wire.ending = cfg->ending;
		s->wire.ctx = cfg->ctx;
		f = command_read(&s->ch, c, context, rc, why);
		s->wire.read_ms = cfg->progress_ms;
		s->wire.ending = nullptr;
	}
	if (s->wire.ended)
		*rc = df_fail(why, DF_E_CANCELLED, "this node is ending");
	return s->wire.ended ? FLOW_ENDED : f;
}

static enum df_err serve_messages(struct scp *s, struct df_why *why)
{
	for (;;) {
		struct command c;
		uint8_t context = 0;
		enum df_err rc = commitment_pause(s, why);
		enum flow f;

		if (rc != DF_OK)
			return rc;
		f = next_command(s, &c, &context, &rc, why);
		if (f == FLOW_RELEASE) {
			(void)ASC_acknowledgeRelease(s->ch.assoc);
			return DF_OK;
		}
		if (f == FLOW_ENDED)
			return rc;
		rc = serve_command(s, &c, context, why);
		if (rc != DF_OK)
			return rc;
	}
}

static enum df_err serve_association(struct scp *s, struct df_why *why)
{
	OFCondition cond;
	enum df_err rc;
	bool open = false;

	cond = ASC_receiveAssociation(s->net, &s->ch.assoc, DF_DIMSE_PDU_MAX,
				      nullptr, nullptr, OFFalse, DUL_NOBLOCK,
				      s->cfg->idle_ms / 1000 + 1);
	if (cond.bad()) {
		if (s->wire.timed_out || cond == DUL_READTIMEOUT)
			return df_fail(why, DF_E_TIMEOUT,
				       "no association request in time");
		if (s->wire.closed)
			return df_fail(why, DF_E_PEER,
				       "closed before an association");
		return df_fail(why, DF_E_FORMAT,
			       "not an association request (%04x:%04x)",
			       cond.module(), cond.code());
	}
	/* after another PDU than a request, or half a one, DCMTK says good */
	if (s->wire.closed)
		rc = df_fail(why, DF_E_PEER, "closed before an association");
	else if (s->ch.assoc->params->DULparams.applicationContextName[0] == 0)
		rc = df_fail(why, DF_E_FORMAT, "not an association request");
	else
		rc = negotiate(s, &open, why);
	if (rc == DF_OK && open)
		rc = serve_messages(s, why);
	commitment_end(s);
	if (rc != DF_OK && rc != DF_E_PEER)
		(void)ASC_abortAssociation(s->ch.assoc);
	return rc;
}

static enum df_err serve(int fd, const struct df_dimse_scp *cfg,
			 const struct df_store_sink *sink, struct df_why *why)
{
	struct scp *s = new scp();
	df_layer layer(&s->wire);
	enum df_err rc;

	s->cfg = cfg;
	s->sink = sink;
	s->ch.wire = &s->wire;
	s->wire.read_ms = cfg->idle_ms;
	s->wire.progress_ms = cfg->progress_ms;
	df_buf_init(&s->ch.scratch, COMMAND_MAX);
	df_network_init();
	dcmExternalSocketHandle.set(fd);
	if (ASC_initializeNetwork(NET_ACCEPTOR, 0, cfg->progress_ms / 1000 + 1,
				  &s->net)
		    .bad() ||
	    ASC_setTransportLayer(s->net, &layer, 0).bad()) {
		(void)close(fd);
		rc = df_fail(why, DF_E_IO, "cannot set up DCMTK's network");
	} else {
		/* from here on the socket belongs to the connection */
		rc = serve_association(s, why);
	}
	if (s->ch.assoc != nullptr) {
		(void)ASC_dropAssociation(s->ch.assoc);
		(void)ASC_destroyAssociation(&s->ch.assoc);
	}
	if (s->net != nullptr)
		(void)ASC_dropNetwork(&s->net);
	df_buf_release(&s->ch.scratch);
	delete s;
	return rc;
}

extern "C" enum df_err df_dimse_serve(int fd, const struct df_dimse_scp *cfg,
				      const struct df_store_sink *sink,
				      struct df_why *why)
try {
	return serve(fd, cfg, sink, why);
}
DF_GUARD(why)
