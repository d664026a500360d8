/*
 * orders.c - orders of exams: added, listed, cancelled; and what an entry of
 * the register makes of them in index.db.
 */
#include "orders.h"

#include <string.h>

#include "df/clock.h"
#include "region.h"

#define LAST_MOMENT 999999999999
#define DAY_MS ((int64_t)86400000)
#define TEXT_MAX ((size_t)64 * 1024)
#define LISTED 500 /* of all that ever were */
#define LISTED_MOST 10000

static const char *const STATES[] = {"open", "performed", "cancelled"};

/* --- what an entry does ----------------------------------------------------
 */

/* 20261122 and 93000 are 202611220930. */
static uint64_t moment_of(uint64_t day, uint64_t time)
{
	return day * 10000 + time / 100;
}

static enum df_err store_order(struct index *x, enum df_order_state state,
			       int64_t at_ms, const cJSON *order,
			       struct df_why *why)
{
	struct df_store_order o = {.state = state, .changed_ms = at_ms};
	const cJSON *done =
		cJSON_GetObjectItemCaseSensitive(order, "performed");
	struct df_text uid = order_value(order, DF_WORKLIST_STUDY_UID);
	struct df_text modality = order_value(order, DF_WORKLIST_MODALITY);
	uint64_t day = 0, time = 0;
	struct df_id id;
	char *text;
	enum df_err rc;

	if (!df_id_decode(&id, df_text_of(index_word(order, "id"))) ||
	    !df_uid_valid(uid) ||
	    df_str_copy(o.study_uid, sizeof o.study_uid, uid) != DF_OK ||
	    df_str_copy(o.modality, sizeof o.modality, modality) != DF_OK ||
	    df_str_copy(o.performed, sizeof o.performed,
			df_text_of(index_word(done, "study_uid"))) != DF_OK ||
	    !df_text_u64(order_value(order, DF_WORKLIST_STEP_DATE), &day) ||
	    !df_text_u64(order_value(order, DF_WORKLIST_STEP_TIME), &time))
		return df_fail(why, DF_E_FORMAT, "this is no order");
	o.moment = moment_of(day, time);
	df_str_fmt(o.id, sizeof o.id, "%s", id.s);
	o.accession = order_value(order, DF_WORKLIST_ACCESSION);
	o.patient_id = order_value(order, DF_WORKLIST_PATIENT_ID);
	text = cJSON_PrintUnformatted(order);
	if (text == NULL)
		return df_fail(why, DF_E_NOMEM, "no memory for an order");
	o.text = df_text_of(text);
	rc = df_store_put_order(x->store, &o, why);
	explicit_bzero(text, strlen(text));
	cJSON_free(text);
	return rc;
}

enum df_err order_load(struct index *x, const char *id,
		       struct df_store_order *row, cJSON **order,
		       struct df_why *why)
{
	struct df_buf text;
	enum df_err rc;

	*order = NULL;
	df_buf_init(&text, TEXT_MAX);
	rc = df_store_order(x->store, id, row, &text, why);
	if (rc == DF_OK) {
		*order = cJSON_ParseWithLength(row->text.ptr, row->text.len);
		row->text = (struct df_text){0};
		if (!cJSON_IsObject(*order)) {
			cJSON_Delete(*order);
			*order = NULL;
			rc = df_fail(why, DF_E_CORRUPT, "an order is no JSON");
		}
	}
	if (rc == DF_E_NOTFOUND)
		rc = df_fail(why, rc, "there is no such order");
	df_buf_wipe(&text);
	return rc;
}

static enum df_err closed(const struct df_store_order *row, struct df_why *why)
{
	if (row->state == DF_ORDER_PERFORMED)
		return df_fail(why, DF_E_CONFLICT,
			       "the exam was performed already: study %s",
			       row->performed);
	if (row->state == DF_ORDER_CANCELLED)
		return df_fail(why, DF_E_CONFLICT,
			       "the order was cancelled already");
	return DF_OK;
}

/* A copy of the entry without what it is found by, under `key`. */
static void set_part(cJSON *order, const char *key, const cJSON *entry,
		     int64_t at_ms)
{
	cJSON *part = cJSON_Duplicate(entry, true);

	cJSON_DeleteItemFromObjectCaseSensitive(part, "event");
	cJSON_DeleteItemFromObjectCaseSensitive(part, "id");
	(void)cJSON_AddNumberToObject(part, "at_ms", (double)at_ms);
	cJSON_DeleteItemFromObjectCaseSensitive(order, key);
	(void)cJSON_AddItemToObject(order, key, part);
}

static void set_text(cJSON *order, const char *key, const char *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(order, key);
	if (value[0] != '\0')
		(void)cJSON_AddStringToObject(order, key, value);
}

static enum df_err change(struct index *x, const struct df_register_entry *e,
			  const cJSON *json, const char *event,
			  struct df_why *why)
{
	struct df_store_order row;
	enum df_order_state state;
	cJSON *order = NULL;
	enum df_err rc =
		order_load(x, index_word(json, "id"), &row, &order, why);

	if (rc != DF_OK)
		return rc;
	state = row.state;
	if (strcmp(event, "mark") != 0)
		rc = closed(&row, why);
	if (rc == DF_OK && strcmp(event, "cancel") == 0) {
		set_part(order, "cancelled", json, e->at_ms);
		state = DF_ORDER_CANCELLED;
	} else if (rc == DF_OK && strcmp(event, "performed") == 0) {
		set_part(order, "performed", json, e->at_ms);
		state = DF_ORDER_PERFORMED;
	} else if (rc == DF_OK && strcmp(event, "mark") == 0) {
		set_text(order, "mark", index_word(json, "mark"));
		set_text(order, "mark_text", index_word(json, "mark_text"));
	} else if (rc == DF_OK) {
		rc = df_fail(why, DF_E_UNSUPPORTED, "no such event");
	}
	if (rc == DF_OK)
		rc = store_order(x, state, e->at_ms, order, why);
	cJSON_Delete(order);
	return rc;
}

enum df_err order_apply(struct index *x, const struct df_register_entry *e,
			const cJSON *json, struct df_why *why)
{
	const char *event = index_word(json, "event");

	order_performed_again();
	if (strcmp(event, "add") != 0)
		return change(x, e, json, event, why);
	return store_order(x, DF_ORDER_OPEN, e->at_ms,
			   cJSON_GetObjectItemCaseSensitive(json, "order"),
			   why);
}

/* --- add -------------------------------------------------------------------
 */

/* Finds the open order of an accession number. */
struct same {
	struct df_text accession, patient_id;
	char id[DF_ID_LEN + 1];
	bool of_another;
};

static enum df_err look_same(void *ctx, const struct df_store_order *o)
{
	cJSON *order = cJSON_ParseWithLength(o->text.ptr, o->text.len);
	struct same *s = ctx;

	if (df_text_same(order_value(order, DF_WORKLIST_ACCESSION),
			 s->accession)) {
		df_str_fmt(s->id, sizeof s->id, "%s", o->id);
		if (!df_text_same(order_value(order, DF_WORKLIST_PATIENT_ID),
				  s->patient_id))
			s->of_another = true;
	}
	cJSON_Delete(order);
	return DF_OK;
}

static enum df_err find_accession(struct index *x, struct same *s,
				  struct df_why *why)
{
	struct df_store_order like = {.accession = s->accession};

	return df_store_orders_like(x->store, &like, look_same, s, why);
}

static enum df_err put_add(struct index *x, const cJSON *order,
			   struct df_why *why)
{
	cJSON *entry = cJSON_CreateObject();

	(void)cJSON_AddStringToObject(entry, "event", "add");
	(void)cJSON_AddItemToObject(entry, "order",
				    cJSON_Duplicate(order, true));
	return index_register_put(x, "order", entry, why);
}

enum df_err order_add(struct index *x, const cJSON *args, cJSON *out,
		      struct df_why *why)
{
	cJSON *order = cJSON_CreateObject();
	struct same same = {0};
	struct df_id id;
	enum df_err rc;

	df_id_new(&id);
	(void)cJSON_AddStringToObject(order, "id", id.s);
	(void)cJSON_AddStringToObject(order, "who", index_word(args, "who"));
	(void)cJSON_AddNumberToObject(order, "added_ms",
				      (double)df_clock_wall_ms());
	rc = order_take(x, args, order, out, why);
	if (rc == DF_OK) {
		same.accession = order_value(order, DF_WORKLIST_ACCESSION);
		same.patient_id = order_value(order, DF_WORKLIST_PATIENT_ID);
		rc = find_accession(x, &same, why);
	}
	if (rc == DF_OK && same.of_another)
		rc = df_fail(why, DF_E_EXISTS,
			     "this accession number is on an open order of "
			     "another patient");
	if (rc == DF_OK) {
		order_judge(x, order, out);
		rc = put_add(x, order, why);
	}
	if (rc == DF_OK) {
		index_recognition_offer(
			x, cJSON_GetObjectItemCaseSensitive(out, "priors"),
			same.accession.ptr, "registration", false);
		order_ask(x, order);
		(void)cJSON_AddItemToObject(out, "order", order);
	} else {
		cJSON_Delete(order);
	}
	return rc;
}

/* --- list, cancel ----------------------------------------------------------
 */

uint64_t order_first_moment(const struct index *x)
{
	int64_t days = df_room_config(x->room)->worklist.days;

	return moment_of(df_time_local_day(df_clock_wall_ms() - days * DAY_MS),
			 0);
}

struct listing {
	cJSON *list;
	uint64_t first_moment;
};

static enum df_err list_one(void *ctx, const struct df_store_order *o)
{
	cJSON *order = cJSON_ParseWithLength(o->text.ptr, o->text.len);
	struct listing *l = ctx;
	bool late = o->state == DF_ORDER_OPEN && o->moment < l->first_moment;
	char time[DF_TIME_LEN + 1];

	if (order == NULL)
		return DF_OK; /* none that this program wrote */
	df_time_encode(time, o->changed_ms);
	(void)cJSON_AddStringToObject(order, "state",
				      late ? "expired" : STATES[o->state]);
	(void)cJSON_AddStringToObject(order, "changed", time);
	(void)cJSON_AddItemToArray(l->list, order);
	return DF_OK;
}

/* {[all, limit]} > {orders:[...], [left_out]}: open ones, or the last of all
 * that ever were */
enum df_err order_list(struct index *x, const cJSON *args, cJSON *out,
		       struct df_why *why)
{
	double limit = cJSON_GetNumberValue(
		cJSON_GetObjectItemCaseSensitive(args, "limit"));
	struct listing l = {cJSON_AddArrayToObject(out, "orders"),
			    order_first_moment(x)};

	uint64_t left_out = 0;
	enum df_err rc;

	if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(args, "all")))
		return df_store_orders(x->store, l.first_moment, LAST_MOMENT,
				       list_one, &l, why);
	if (!(limit >= 1))
		limit = LISTED;
	if (limit > LISTED_MOST)
		limit = LISTED_MOST;
	rc = df_store_last_orders(x->store, (uint64_t)limit, &left_out,
				  list_one, &l, why);
	(void)cJSON_AddNumberToObject(out, "left_out", (double)left_out);
	return rc;
}

/* {id: of the order, or its accession number; who, reason} */
enum df_err order_cancel(struct index *x, const cJSON *args, cJSON *out,
			 struct df_why *why)
{
	struct same same = {.accession = df_text_of(index_word(args, "id"))};
	const char *reason = index_word(args, "reason");
	struct df_store_order row;
	cJSON *order, *entry;
	enum df_err rc = find_accession(x, &same, why);

	if (rc == DF_OK)
		rc = order_load(x,
				same.id[0] ? same.id : index_word(args, "id"),
				&row, &order, why);
	if (rc != DF_OK)
		return rc;
	rc = closed(&row, why);
	if (rc == DF_OK && !df_text_clean(df_text_of(reason), NULL))
		rc = df_fail(why, DF_E_USAGE, "reason: it is not text");
	if (rc == DF_OK) {
		entry = cJSON_CreateObject();
		(void)cJSON_AddStringToObject(entry, "event", "cancel");
		(void)cJSON_AddStringToObject(entry, "id", row.id);
		(void)cJSON_AddStringToObject(entry, "who",
					      index_word(args, "who"));
		(void)cJSON_AddStringToObject(entry, "reason", reason);
		rc = index_register_put(x, "order", entry, why);
	}
	if (rc == DF_OK)
		(void)cJSON_AddItemToObject(out, "order", order);
	else
		cJSON_Delete(order);
	return rc;
}
