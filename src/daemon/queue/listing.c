/* listing.c - the queue's states as JSON, and orders to hold or go on. */
#include <stdlib.h>
#include <string.h>

#include "df/file.h"
#include "answers.h"
#include "df/fetches.h"

#define LIST_MAX 2000

void study_view(struct queue *q, const struct df_row_study *s,
		struct study_view *v)
{
	struct df_study_counts *c = &v->c;
	char twin[65];

	df_journal_study_counts(q->j, s->n, c);
	v->by_peer = q->cfg->n_peers > 0 && s->peer[0] == '\0';
	v->delivered = v->by_peer ? c->to_line : c->to_pacs;
	v->confirmed = v->by_peer ? c->receipted : c->in_pacs;
	if (c->refused > 0)
		v->state = "refused";
	else if (linked_is_held(q, s->n, twin))
		v->state = "linked";
	else if (c->held > 0)
		v->state = "held";
	else if (c->instances == 0 && c->quarantined > 0)
		v->state = "quarantined";
	else if (c->instances > 0 && v->confirmed == c->instances)
		v->state = "confirmed";
	else if (c->deferred > 0)
		v->state = "deferred";
	else if (s->state == DF_STUDY_OPEN)
		v->state = "receiving";
	else if (!v->by_peer && c->for_pacs == 0)
		v->state = "stored";
	else
		v->state = "sending";
}

cJSON *study_json(struct queue *q, const struct df_row_study *s)
{
	cJSON *o = cJSON_CreateObject();
	struct study_view v;

	study_view(q, s, &v);
	put_str(o, "study_uid", s->uid);
	put_num(o, "instances", v.c.instances);
	put_str(o, "state", v.state);
	put_num(o, "packed", v.c.packed);
	put_num(o, "delivered", v.delivered);
	put_num(o, "confirmed", v.confirmed);
	put_num(o, "in_pacs", v.c.in_pacs);
	put_num(o, "quarantined", v.c.quarantined);
	put_num(o, "refused", v.c.refused);
	put_num(o, "purged", v.c.purged);
	put_num(o, "held", v.c.held);
	put_num(o, "bytes", v.c.bytes);
	put_num(o, "packed_bytes", v.c.coded_bytes);
	put_str(o, "source", s->source);
	put_str(o, "peer", s->peer);
	(void)cJSON_AddBoolToObject(o, "prior",
				    df_journal_study_is_copy(q->j, s->n));
	(void)cJSON_AddBoolToObject(o, "closed", s->state == DF_STUDY_CLOSED);
	put_str(o, "close_reason", s->close_reason);
	linked_put(q, o, s->n);
	put_num(o, "version", s->version);
	put_num(o, "priority", s->priority);
	put_time(o, "opened", s->opened_ms);
	put_time(o, "last", s->last_ms);
	return o;
}

/* --- status --------------------------------------------------------------------- */

static void put_destination(struct queue *q, cJSON *list,
			    const struct destination_state *d, const char *kind)
{
	cJSON *o = cJSON_CreateObject();

	put_str(o, "name", d->name);
	put_str(o, "kind", kind);
	(void)cJSON_AddBoolToObject(o, "up", d->window.failures == 0);
	put_str(o, "last_error", d->last.text);
	put_str(o, "warning", d->remark);
	cap_put(q, o, d->name);
	line_put(o, d);
	put_time(o, "next_try",
		 d->window.failures > 0 && d->window.next_ms > q->now
			 ? d->window.next_ms
			 : 0);
	(void)cJSON_AddItemToArray(list, o);
}

static void put_acceptance(struct queue *q, cJSON *o)
{
	const struct acceptance *a = &q->acceptance;
	struct df_why why = {0};
	cJSON *d;

	(void)cJSON_AddBoolToObject(o, "accepting",
				    acceptance(q, 0, &why) == DF_OK);
	put_str(o, "refusing", acceptance_word(q)); /* A700, and why */
	put_str(o, "refusing_text", why.text);
	degraded_put(q, o);
	put_num(o, "free_bytes", a->disk.free_bytes);
	d = cJSON_AddObjectToObject(o, "disk");
	put_num(d, "total_bytes", a->disk.total_bytes);
	put_num(d, "free_bytes", a->disk.free_bytes);
	put_num(d, "held_bytes", a->disk.held_bytes);
	put_num(d, "reserve_bytes", df_reserve_bytes(&a->disk, &a->marks));
	put_num(d, "total_inodes", a->disk.total_inodes);
	put_num(d, "free_inodes", a->disk.free_inodes);
	put_num(d, "filled_percent",
		df_watermark_filled(&a->disk, &a->marks) / 10);
	put_num(d, "soft_percent", a->marks.soft_percent);
	put_num(d, "high_percent", a->marks.high_percent);
	put_str(d, "mark", df_mark_name(a->pressure.mark));
	put_str(d, "of", a->pressure.inodes ? "inodes" : "bytes");
	if (a->days_left >= 0)
		put_num(d, "days_left", (uint64_t)a->days_left);
}

/* Data sets for PACS: what waits restored, and how they were come by. */
static void put_restored(const struct restored_store *s, cJSON *o)
{
	cJSON *r = cJSON_AddObjectToObject(o, "restored");

	put_num(r, "kept", s->n);
	put_num(r, "bytes", s->bytes);
	put_num(r, "served", s->served);
	put_num(r, "decoded_again", s->decoded);
}

void queue_status(struct ask *a)
{
	struct queue *q = a->q;
	struct df_delivery_sum *sums = df_xcalloc(256, sizeof *sums);
	uint64_t by_state[DF_DELIVERY_CANCELLED + 1] = {0};
	cJSON *o = cJSON_CreateObject(), *list;
	size_t n = df_journal_delivery_sums(q->j, 0, sums, 256);

	for (size_t i = 0; i < n; i++)
		if ((unsigned)sums[i].state <= DF_DELIVERY_CANCELLED)
			by_state[sums[i].state] += sums[i].count;
	free(sums);
	put_acceptance(q, o);
	put_num(o, "received", q->instances_received);
	put_num(o, "inspecting", q->inspect.under_way);
	put_num(o, "quarantined", df_journal_quarantined(q->j));
	commitment_put(q, o);
	(void)cJSON_AddBoolToObject(o, "inspected_all",
				    df_journal_oldest_uninspected(q->j) ==
					    INT64_MAX);
	for (unsigned s = 0; s <= DF_DELIVERY_CANCELLED; s++)
		put_num(o, df_delivery_state_name((enum df_delivery_state)s),
			by_state[s]);
	scrub_put(q, o);
	put_num(o, "index_left", q->facts.n - q->facts.at + q->n_unacked);
	purge_put(q, o);
	codings_put(q, o);
	put_restored(&q->restored, o);
	list = cJSON_AddArrayToObject(o, "destinations");
	for (size_t i = 0; i < q->cfg->n_destinations; i++)
		put_destination(q, list, &q->pacs[i], "pacs");
	for (size_t i = 0; i < q->cfg->n_peers; i++)
		put_destination(q, list, &q->peers[i], "peer");
	answer_json(a, o);
}

/* --- queue ------------------------------------------------------------------------ */

void queue_list(struct ask *a)
{
	struct queue *q = a->q;
	struct df_row_place *rows = df_xcalloc(LIST_MAX, sizeof *rows);
	cJSON *all = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(all, "deliveries");
	size_t n = df_journal_deliveries_list(q->j, 0, rows, LIST_MAX);
	struct df_row_delivery row, *d = &row;
	struct df_row_instance in;
	struct df_row_study s;

	for (size_t i = 0; i < n; i++) {
		cJSON *o;

		if (!df_journal_delivery(q->j, rows[i].n, d))
			continue;
		o = cJSON_CreateObject();
		put_num(o, "id", (uint64_t)d->n);
		put_num(o, "place", rows[i].place);
		(void)cJSON_AddBoolToObject(o, "stat", d->priority > 0);
		put_str(o, "kind",
			d->kind == DF_DELIVER_PARCEL ? "parcel" : "instance");
		put_str(o, "destination", d->dest);
		put_str(o, "state", df_delivery_state_name(d->state));
		if (df_journal_study(q->j, d->study, &s))
			put_str(o, "study_uid", s.uid);
		if (d->kind == DF_DELIVER_INSTANCE &&
		    df_journal_instance(q->j, d->item, &in))
			put_str(o, "sop_instance", in.sop_instance);
		put_num(o, "tries", d->tries);
		put_time(o, "next", d->next_ms);
		put_str(o, "error", d->why);
		put_num(o, "status", d->status);
		(void)cJSON_AddItemToArray(list, o);
	}
	free(rows);
	answer_json(a, all);
}

/* What a person orders, he wants now. */
static void open_windows(struct queue *q)
{
	for (size_t i = 0; i < q->cfg->n_destinations; i++)
		df_window_good(&q->pacs[i].window);
	for (size_t i = 0; i < q->cfg->n_peers; i++)
		df_window_good(&q->peers[i].window);
}

static uint64_t move_one(struct queue *q, const cJSON *id,
			 enum df_delivery_event event)
{
	uint64_t n = 0;

	if (cJSON_IsNumber(id))
		n = (uint64_t)id->valuedouble;
	else if (!df_text_u64(df_text_of(cJSON_GetStringValue(id)), &n))
		return 0;
	return df_journal_delivery_move(q->j, (int64_t)n, event, 0, DF_OK, NULL,
					0);
}

static bool is_known(const struct queue *q, const char *dest)
{
	return df_config_destination(q->cfg, df_text_of(dest)) != NULL ||
	       df_config_peer(q->cfg, df_text_of(dest)) != NULL;
}

void queue_order(struct ask *a)
{
	struct queue *q = a->q;
	const cJSON *ids = cJSON_GetObjectItemCaseSensitive(a->args, "ids");
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(a->args, "id");
	const char *dest = ask_text(a, "destination");
	enum df_delivery_event event = DF_DELIVERY_HOLD;
	uint64_t moved = 0;
	cJSON *o;

	if (dest[0] != '\0' && !is_known(q, dest)) {
		struct df_why why = {0};
		enum df_err rc = df_fail(&why, DF_E_NOTFOUND,
					 "no destination or peer of that name; "
					 "see destination list");

		answer_error(q, a->link, a->tag, rc, &why);
		return;
	}
	if (strcmp(a->verb, "queue release") == 0)
		event = DF_DELIVERY_RELEASE;
	else if (strcmp(a->verb, "queue retry") == 0)
		event = DF_DELIVERY_RETRY;
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(a->args, "all")))
		moved = df_journal_deliveries_move(q->j, "", 0, 0, event);
	else if (dest[0] != '\0')
		moved = df_journal_deliveries_move(q->j, dest, 0, 0, event);
	if (id != NULL)
		moved += move_one(q, id, event);
	cJSON_ArrayForEach(id, ids) moved += move_one(q, id, event);
	if (event != DF_DELIVERY_HOLD)
		open_windows(q);
	o = cJSON_CreateObject();
	put_num(o, "moved", moved);
	answer_json(a, o);
}
