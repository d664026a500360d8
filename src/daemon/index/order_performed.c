/*
 * order_performed.c - an instance came: whose order is done by it?
 *
 * By the study UID that its worklist item gave; else by the accession number;
 * else by the patient's number, the modality and the day. One that names
 * another patient closes nothing: a modality, or a person, took the wrong line
 * of the worklist, and staff have to see that it is still open.
 */
#include <string.h>

#include "df/log.h"
#include "orders.h"
#include "region.h"

/* Of which study was asked last: its other instances say the same. */
static char asked[DF_UID_LEN + 1];

void order_performed_again(void)
{
	asked[0] = '\0';
}

enum tie { TIE_NONE, TIE_PATIENT, TIE_ACCESSION, TIE_STUDY };
static const char *const TIES[] = {"", "patient", "accession", "study"};

struct choice {
	const struct df_store_instance *i;
	int64_t first_ms; /* when the study began to come */
	enum tie tie;
	char id[DF_ID_LEN + 1];
	char moment[DF_WORKLIST_KEY_CAP]; /* of the step: the earliest counts */
	bool contradicts;
};

static struct df_text ident(const struct choice *c, enum df_ident which)
{
	struct df_text t = c->i->ident[which];

	while (t.len > 0 && t.ptr[t.len - 1] == ' ')
		t.len--;
	return t;
}

static bool is_value(struct df_text t, const cJSON *order,
		     enum df_worklist_field f)
{
	return t.len > 0 && df_text_same(t, order_value(order, f));
}

/* An exam that was there when somebody ordered one is another exam, also when
 * one of its images is late, or told again to a new index.db. */
static bool is_younger(const struct choice *c, const cJSON *order)
{
	const cJSON *added =
		cJSON_GetObjectItemCaseSensitive(order, "added_ms");

	return cJSON_IsNumber(added) &&
	       (double)c->first_ms >= added->valuedouble;
}

static enum tie tie_of(const struct choice *c, const cJSON *order)
{
	if (is_value(c->i->study_uid, order, DF_WORKLIST_STUDY_UID))
		return TIE_STUDY;
	if (is_value(ident(c, DF_IDENT_ACCESSION), order,
		     DF_WORKLIST_ACCESSION))
		return TIE_ACCESSION;
	if (is_value(ident(c, DF_IDENT_PATIENT_ID), order,
		     DF_WORKLIST_PATIENT_ID) &&
	    is_value(c->i->modality, order, DF_WORKLIST_MODALITY) &&
	    is_value(ident(c, DF_IDENT_STUDY_DATE), order,
		     DF_WORKLIST_STEP_DATE) &&
	    is_younger(c, order))
		return TIE_PATIENT;
	return TIE_NONE;
}

static bool is_same_patient(const struct choice *c, const cJSON *order)
{
	struct df_text id = ident(c, DF_IDENT_PATIENT_ID);

	return id.len == 0 || is_value(id, order, DF_WORKLIST_PATIENT_ID) ||
	       df_text_same(id, df_text_of(index_word(order, "resident_id")));
}

static enum df_err look(void *ctx, const struct df_store_order *o)
{
	cJSON *order = cJSON_ParseWithLength(o->text.ptr, o->text.len);
	struct choice *c = ctx;
	enum tie tie = tie_of(c, order);
	char moment[DF_WORKLIST_KEY_CAP];

	df_str_fmt(moment, sizeof moment, "%.8s%.14s",
		   index_word(order, "scheduled_date"),
		   index_word(order, "scheduled_time"));
	if (tie != TIE_NONE && !is_same_patient(c, order)) {
		c->contradicts = true;
		df_log(DF_LOG_WARN, "order.other-patient",
		       DF_F_UID("order", o->id),
		       DF_F_UID("study", o->study_uid));
	} else if (tie > c->tie || (tie != TIE_NONE && tie == c->tie &&
				    strcmp(moment, c->moment) < 0)) {
		c->tie = tie;
		df_str_fmt(c->id, sizeof c->id, "%s", o->id);
		memcpy(c->moment, moment, sizeof moment);
	}
	cJSON_Delete(order);
	return DF_OK;
}

static enum df_err close_order(struct index *x, const struct choice *c,
			       struct df_why *why)
{
	cJSON *entry = cJSON_CreateObject();
	char uid[DF_UID_LEN + 1];

	if (df_str_copy(uid, sizeof uid, c->i->study_uid) != DF_OK)
		uid[0] = '\0';
	(void)cJSON_AddStringToObject(entry, "event", "performed");
	(void)cJSON_AddStringToObject(entry, "id", c->id);
	(void)cJSON_AddStringToObject(entry, "study_uid", uid);
	(void)cJSON_AddStringToObject(entry, "by", TIES[c->tie]);
	return index_register_put(x, "order", entry, why);
}

static enum df_err settle(struct index *x, const struct df_store_instance *i,
			  struct df_why *why)
{
	struct df_store_order like = {.accession = i->ident[DF_IDENT_ACCESSION],
				      .patient_id =
					      i->ident[DF_IDENT_PATIENT_ID]};
	struct choice c = {.i = i, .first_ms = i->received_ms};
	struct df_store_study study;
	enum df_err rc;

	if (df_str_copy(like.study_uid, sizeof like.study_uid, i->study_uid) !=
		    DF_OK ||
	    df_str_copy(like.modality, sizeof like.modality, i->modality) !=
		    DF_OK)
		return DF_OK; /* nothing that we gave */
	rc = df_store_study(x->store, like.study_uid, "", &study, why);
	if (rc != DF_OK)
		return rc;
	if (study.first_ms < c.first_ms)
		c.first_ms = study.first_ms;
	rc = df_store_orders_like(x->store, &like, look, &c, why);
	if (rc == DF_OK && c.tie != TIE_NONE)
		rc = close_order(x, &c, why);
	return rc;
}

void order_performed(struct index *x, const struct df_store_instance *i)
{
	struct df_why why = {0};
	bool any = false;
	enum df_err rc;

	/* what other nodes' modalities did is no order of ours */
	if (i->peer.len > 0 || df_text_eq(i->study_uid, asked))
		return;
	rc = df_store_has_orders(x->store, &any, &why);
	if (rc == DF_OK && any)
		rc = settle(x, i, &why);
	if (rc != DF_OK) /* the next instance tries again */
		df_log(DF_LOG_WARN, "order.not-closed", DF_F_ERR(&why));
	else if (df_str_copy(asked, sizeof asked, i->study_uid) != DF_OK)
		asked[0] = '\0';
}
