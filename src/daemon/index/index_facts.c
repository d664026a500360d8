/*
 * index_facts.c - facts of instances from the queue, facts of a study back.
 */
#include <string.h>

#include "index.h"
#include "orders.h"
#include "region.h"

const enum df_field index_ident_field[DF_IDENT_COUNT] = {
#define X(name, word) DF_M_##name,
	DF_IDENT_MAP(X)
#undef X
};
const char *const index_ident_word[DF_IDENT_COUNT] = {
#define X(name, word) word,
	DF_IDENT_MAP(X)
#undef X
};

static struct df_text get(const struct df_msg *m, enum df_field f)
{
	struct df_text t = {0};

	(void)df_msg_get(m, f, &t); /* absent is empty */
	return t;
}

static void read_instance(const struct df_msg *m, struct df_store_instance *i)
{
	uint64_t received = 0;
	size_t n;

	*i = (struct df_store_instance){
		.object = get(m, DF_M_OBJECT),
		.peer = get(m, DF_M_PEER),
		.calling_ae = get(m, DF_M_CALLING),
		.study_uid = get(m, DF_M_STUDY),
		.series_uid = get(m, DF_M_SERIES),
		.sop_instance = get(m, DF_M_SOP_INSTANCE),
		.sop_class = get(m, DF_M_SOP_CLASS),
		.transfer_syntax = get(m, DF_M_TRANSFER_SYNTAX),
		.coding = get(m, DF_M_CODING),
		.modality = get(m, DF_M_MODALITY),
		.body_part = get(m, DF_M_BODY_PART),
		.series_number = get(m, DF_M_SERIES_NUMBER),
		.instance_number = get(m, DF_M_INSTANCE_NUMBER),
		.rows = get(m, DF_M_ROWS),
		.columns = get(m, DF_M_COLUMNS),
		.frames = get(m, DF_M_FRAMES),
		.basis = get(m, DF_M_NAME_BASIS),
	};
	for (n = 0; n < DF_IDENT_COUNT; n++)
		i->ident[n] = get(m, index_ident_field[n]);
	/* absent numbers and digests stay zero */
	(void)df_msg_get_digest(m, DF_M_DIGEST, &i->digest);
	(void)df_msg_get_digest(m, DF_M_PIXEL_DIGEST, &i->pixel_digest);
	(void)df_msg_get_u64(m, DF_M_SIZE, &i->size_bytes);
	(void)df_msg_get_u64(m, DF_M_RECORD, &i->record);
	(void)df_msg_get_u64(m, DF_M_RECEIVED_MS, &received);
	i->received_ms = (int64_t)received;
}

void index_facts_put(struct index *x, struct df_link *from,
		     const struct df_msg *m)
{
	struct df_store_instance i;
	struct df_msg reply;
	struct df_why why = {0};
	enum df_err rc;

	read_instance(m, &i);
	rc = index_begin(x, &why);
	if (rc == DF_OK)
		rc = df_store_put_instance(x->store, &i, &why);
	if (rc == DF_OK) {
		order_performed(x, &i);
		region_study_seen(x, &i);
		/* what they wrote failed so badly that it took these along */
		if (!x->begun)
			rc = df_fail(&why, DF_E_AGAIN,
				     "the transaction was lost");
	}
	df_msg_init(&reply, DF_MSG_FACTS_STORED, m->tag);
	df_msg_put_result(&reply, rc, &why);
	index_ack(x, from, &reply);
	/* FORMAT was found before anything was written: the others stand */
	if (rc != DF_OK && rc != DF_E_FORMAT)
		index_abandon(x, rc, &why);
}

/* The newest accepted report of the study: what a next version follows. */
struct latest {
	bool found;
	struct df_store_report report;
};

static enum df_err keep_latest(void *ctx, const struct df_store_report *r)
{
	struct latest *l = ctx;

	if (!r->accepted || r->conflict)
		return DF_OK;
	if (l->found && !strcmp(l->report.report_id, r->report_id) &&
	    l->report.version > r->version)
		return DF_OK;
	l->report = *r;
	l->found = true;
	return DF_OK;
}

static bool contradict(const char *a, const char *b)
{
	return a[0] != '\0' && b[0] != '\0' && strcmp(a, b) != 0;
}

/*
 * Reports that came here by C-STORE stand as a study of our own under the same
 * UID. One that names another patient or order than the clinic's images is
 * nobody's to pass on: a UID alone may be a mistake of the reading side.
 */
static enum df_err reports_agree(struct index *x,
				 const struct df_store_study *clinic,
				 struct df_why *why)
{
	struct df_store_study own;
	enum df_err rc = DF_E_NOTFOUND;

	if (clinic->peer[0] != '\0')
		rc = df_store_study(x->store, clinic->study_uid, "", &own, why);
	if (rc == DF_E_NOTFOUND)
		return DF_OK;
	if (rc != DF_OK)
		return rc;
	if (own.mixed)
		return df_fail(why, DF_E_CONFLICT,
			       "reports of this study name different patients");
	if (contradict(own.ident[DF_IDENT_PATIENT_ID],
		       clinic->ident[DF_IDENT_PATIENT_ID]))
		return df_fail(why, DF_E_CONFLICT,
			       "the report's patient ID is not that of the "
			       "clinic's images");
	if (contradict(own.ident[DF_IDENT_ACCESSION],
		       clinic->ident[DF_IDENT_ACCESSION]))
		return df_fail(why, DF_E_CONFLICT,
			       "the report's accession number is not that of "
			       "the clinic's images");
	return DF_OK;
}

void index_study_facts(struct index *x, struct df_link *from,
		       const struct df_msg *m)
{
	struct latest latest = {0};
	struct df_store_study study;
	struct df_text purpose;
	struct df_why why = {0};
	struct df_msg reply;
	char uid[65];
	enum df_err rc;
	size_t n;

	index_flush(x);
	df_msg_init(&reply, DF_MSG_STUDY_FACTS, m->tag);
	if (!df_msg_get_str(m, DF_M_STUDY, uid, sizeof uid))
		rc = df_fail(&why, DF_E_FORMAT, "no study UID");
	else
		rc = df_store_study(x->store, uid, NULL, &study, &why);
	/* a person may say that it is this patient's all the same */
	if (rc == DF_OK && !df_msg_get(m, DF_M_PURPOSE, &purpose))
		rc = reports_agree(x, &study, &why);
	if (rc == DF_OK)
		rc = df_store_reports(x->store, uid, keep_latest, &latest,
				      &why);
	df_msg_put_result(&reply, rc, &why);
	if (rc == DF_OK) {
		df_msg_put_str(&reply, DF_M_STUDY, study.study_uid);
		df_msg_put_opt(&reply, DF_M_PEER, study.peer);
		for (n = 0; n < DF_IDENT_COUNT; n++)
			df_msg_put_opt(&reply, index_ident_field[n],
				       study.ident[n]);
	}
	if (rc == DF_OK && latest.found) {
		df_msg_put_str(&reply, DF_M_ID, latest.report.report_id);
		df_msg_put_u64(&reply, DF_M_VERSION, latest.report.version);
		df_msg_put_digest(&reply, DF_M_PREVIOUS,
				  &latest.report.statement);
	}
	(void)df_room_send(from, &reply, NULL, 0);
}
