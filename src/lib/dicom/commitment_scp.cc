/*
 * commitment_scp.cc - storage commitment on an association that was opened to
 * us: a modality asks and may get its report here, a PACS reports.
 */
#include "scp.h"

#include "df/clock.h"

/* The status for a data set that is there. */
static uint16_t hand_on(struct scp *s, const struct command *c, uint8_t context,
			const struct df_buf *data)
{
	const struct df_commitment_sink *sink = s->cfg->commitment;
	bool action = c->field == COMMAND_N_ACTION_RQ;
	struct df_commitment said = {};
	uint16_t status;

	if (strcmp(c->sop_class, DF_COMMITMENT_CLASS) != 0)
		return 0x0118; /* no such SOP class */
	if (strcmp(c->sop_instance, DF_COMMITMENT_INSTANCE) != 0)
		return 0x0112; /* no such SOP instance */
	if (action ? c->type != 1 : c->type != 1 && c->type != 2)
		return action ? 0x0123 : 0x0113; /* no such action, event */
	if (action && s->reports_only)
		return 0x0124; /* not authorised */
	if (df_commitment_decode(&said, data->ptr, data->len,
				 is_explicit(s, context), nullptr) != DF_OK)
		return 0x0115; /* invalid argument value */
	status = (action ? sink->asked : sink->answered)(sink->ctx, &said);
	df_commitment_release(&said);
	if (action && status == 0)
		s->asked_on = context;
	return status;
}

enum df_err commitment_rq(struct scp *s, const struct command *c,
			  uint8_t context, struct df_why *why)
{
	struct command rsp = {};
	struct df_buf data;
	enum df_err rc = DF_OK;

	df_buf_init(&data, DF_COMMITMENT_DATASET_MAX);
	if (c->dataset_type != COMMAND_NO_DATASET)
		rc = dataset_collect(&s->ch, context, &data, why);
	rsp.field = (uint16_t)(c->field | 0x8000);
	rsp.message_id = c->message_id;
	rsp.dataset_type = COMMAND_NO_DATASET;
	rsp.type = c->type;
	scp_copy(rsp.sop_class, sizeof rsp.sop_class, c->sop_class);
	scp_copy(rsp.sop_instance, sizeof rsp.sop_instance, c->sop_instance);
	if (rc == DF_OK) {
		rsp.status = hand_on(s, c, context, &data);
		rc = command_write(&s->ch, &rsp, context, why);
	}
	df_buf_release(&data);
	return rc;
}

enum df_err commitment_rsp(struct scp *s, const struct command *c,
			   uint8_t context, struct df_why *why)
{
	const struct df_commitment_sink *sink = s->cfg->commitment;
	enum df_err rc = DF_OK;
	struct df_buf reply; /* some peers add one; it says nothing */

	bool late = !s->telling && s->mute;

	if ((!s->telling && !late) || c->message_id != s->told_id)
		return df_fail(why, DF_E_FORMAT, "response without a request");
	df_buf_init(&reply, DF_COMMITMENT_DATASET_MAX);
	if (c->dataset_type != COMMAND_NO_DATASET)
		rc = dataset_collect(&s->ch, context, &reply, why);
	df_buf_release(&reply);
	if (rc != DF_OK || late)
		return rc;
	s->telling = false;
	sink->told(sink->ctx, DF_OK, c->status);
	return DF_OK;
}

static enum df_err tell(struct scp *s, const struct df_commitment *report,
			struct df_why *why)
{
	struct command rq = {};
	struct df_buf data;
	enum df_err rc;

	rq.field = COMMAND_N_EVENT_REPORT_RQ;
	rq.message_id = ++s->told_id;
	rq.dataset_type = 0x0001;
	rq.type = df_references_bad(&report->refs) > 0 ? 2 : 1;
	scp_copy(rq.sop_class, sizeof rq.sop_class, DF_COMMITMENT_CLASS);
	scp_copy(rq.sop_instance, sizeof rq.sop_instance,
		 DF_COMMITMENT_INSTANCE);
	s->telling = true;
	s->told_until = df_clock_mono_ms() + s->cfg->idle_ms;
	df_buf_init(&data, DF_COMMITMENT_DATASET_MAX);
	rc = df_commitment_encode(&data, report, is_explicit(s, s->asked_on),
				  why);
	if (rc == DF_OK)
		rc = command_write(&s->ch, &rq, s->asked_on, why);
	if (rc == DF_OK)
		rc = dataset_write(&s->ch, data.ptr, data.len, s->asked_on,
				   why);
	df_buf_release(&data);
	return rc;
}

enum df_err commitment_pause(struct scp *s, struct df_why *why)
{
	const struct df_commitment_sink *sink = s->cfg->commitment;
	struct df_commitment report = {};
	enum df_err rc = DF_OK;

	if (s->telling && df_clock_mono_ms() > s->told_until) {
		s->telling = false;
		s->mute = true;
		sink->told(sink->ctx, DF_E_TIMEOUT, 0);
	}
	/* one report at a time, and none to a peer that never asked */
	if (s->asked_on == 0 || s->telling)
		return DF_OK;
	switch (sink->pause(sink->ctx, s->wire.fd, s->cfg->idle_ms, &report)) {
	case DF_DIMSE_READ:
		break;
	case DF_DIMSE_SILENT:
		rc = df_fail(why, DF_E_TIMEOUT,
			     "the peer was silent for too long");
		break;
	case DF_DIMSE_REPORT:
		if (s->mute)
			sink->told(sink->ctx, DF_E_TIMEOUT, 0);
		else
			rc = tell(s, &report, why);
		break;
	}
	df_commitment_release(&report);
	return rc;
}

void commitment_end(struct scp *s)
{
	if (s->telling)
		s->cfg->commitment->told(s->cfg->commitment->ctx, DF_E_PEER, 0);
	s->telling = false;
}
