/*
 * commitment_ask.c - storage commitment, both ways: a PACS is asked whether it
 * keeps what it took (its answer comes when it likes, on this association or
 * another); a modality is told what became of what it asked.
 */
#include "deliver.h"

#include "df/clock.h"
#include "df/log.h"

#define HEARS_MS 30000 /* the association is kept so long for the answer */

static void done(struct deliver *d, const struct df_msg *m, enum df_err err,
		 uint16_t status, bool broke, const struct df_why *why)
{
	struct df_msg out;

	df_msg_init(&out, DF_MSG_JOB_DONE, m->tag);
	df_msg_put_result(&out, err, why);
	if (err == DF_OK)
		df_msg_put_u64(&out, DF_M_STATUS, status);
	if (broke)
		df_msg_put_u64(&out, DF_M_COMMITMENT, 1);
	/* a lost queue shows at the next wait */
	(void)df_room_send(deliver_queue(d), &out, NULL, 0);
}

static enum df_err take(const struct df_msg *m, int list,
			struct df_commitment *c, struct df_why *why)
{
	*c = (struct df_commitment){0};
	if (!df_msg_get_str(m, DF_M_TRANSACTION, c->transaction,
			    sizeof c->transaction) ||
	    list < 0)
		df_bug("a commitment without its transaction");
	return df_room_list_read(&c->refs, list, why);
}

void ask_run(struct deliver *d, const struct df_msg *m, int list)
{
	struct df_commitment c;
	struct df_why why = {0};
	struct job job = {.tag = m->tag};
	uint16_t status = 0;
	bool broke = false;
	enum df_err rc = take(m, list, &c, &why);

	if (rc == DF_OK) {
		job.to = job_destination(d, m, &why);
		rc = job.to != NULL ? association_for(d, &job, &why) : why.err;
	}
	if (rc == DF_OK) {
		/* it may be heard before the response is */
		d->hears_until_ms = df_clock_mono_ms() + HEARS_MS;
		rc = df_dimse_ask(d->open, &c, &status, &why);
		broke = rc != DF_OK && rc != DF_E_UNSUPPORTED;
		if (broke)
			association_end(d, true);
	}
	df_commitment_release(&c);
	done(d, m, rc, status, broke, &why);
}

static const struct df_modality *modality_find(struct deliver *d,
					       const struct df_msg *m)
{
	const struct df_config *cfg = df_room_config(d->room);
	struct df_text called;

	if (!df_msg_get(m, DF_M_CALLED, &called))
		df_bug("a report without its modality");
	for (size_t i = 0; i < cfg->n_modalities; i++)
		if (df_text_eq(called, cfg->modalities[i].ae) &&
		    cfg->modalities[i].reports.host[0] != '\0')
			return &cfg->modalities[i];
	return NULL;
}

static enum df_err report(struct deliver *d, const struct df_modality *to,
			  const struct df_commitment *c, uint16_t *status,
			  struct df_dimse **open, struct df_why *why)
{
	static const struct df_dimse_context context = {DF_COMMITMENT_CLASS,
							DF_TS_IMPLICIT_LE};
	const struct df_config *cfg = df_room_config(d->room);
	struct df_dimse_target target = {
		.host = to->reports.host,
		.port = to->reports.port,
		.calling = cfg->node.ae,
		.called = to->reports_ae,
		.connect_ms = (int)(cfg->dimse.connect_s * 1000),
		.progress_ms = (int)(cfg->dimse.timeout_s * 1000),
		.reports = true};
	enum df_err rc = df_dimse_open(open, &target, &context, 1, why);

	return rc == DF_OK ? df_dimse_tell(*open, c, status, why) : rc;
}

void report_run(struct deliver *d, const struct df_msg *m, int list)
{
	const struct df_modality *to = modality_find(d, m);
	struct df_dimse *open = NULL;
	struct df_commitment c;
	struct df_why why = {0};
	uint16_t status = 0;
	enum df_err rc = take(m, list, &c, &why);

	if (rc == DF_OK && to == NULL)
		rc = df_fail(&why, DF_E_CONFIG,
			     "the modality has no 'reports' address");
	if (rc == DF_OK)
		rc = report(d, to, &c, &status, &open, &why);
	/* before the release, which takes a while: what the modality has
	 * answered is to be recorded, or it gets it twice */
	done(d, m, rc, status, false, &why);
	if (rc == DF_OK || rc == DF_E_UNSUPPORTED)
		df_dimse_close(open);
	else
		df_dimse_abort(open);
	df_log(rc == DF_OK && status == 0 ? DF_LOG_INFO : DF_LOG_WARN,
	       "commitment.report", DF_F_UID("transaction", c.transaction),
	       DF_F_NUM("instances", c.refs.n), DF_F_NUM("status", status),
	       DF_F_ERR(&why));
	df_commitment_release(&c);
}
