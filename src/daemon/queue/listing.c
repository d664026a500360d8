/*
 * listing.c - the state of things as JSON: status, study list, study show.
 *
 * `confirmed` counts what the next holder gave its word for: at a node with a
 * peer instances under a verified receipt, else instances that every PACS they
 * go to accepted.
 */
#include <stdlib.h>
#include <string.h>

#include "query.h"
#include "df/clock.h"

#define STUDIES_MAX 20000
#define ROWS_MAX 100000

static void put_num(cJSON *o, const char *name, uint64_t v)
{
	(void)cJSON_AddNumberToObject(o, name, (double)v);
}

static void put_str(cJSON *o, const char *name, const char *v)
{
	(void)cJSON_AddStringToObject(o, name, v);
}

static void put_time(cJSON *o, const char *name, int64_t ms)
{
	char text[DF_TIME_LEN + 1] = "";

	if (ms > 0)
		df_time_encode(text, ms);
	put_str(o, name, text);
}

/* --- status ------------------------------------------------------------------ */

static void line_put(struct queue *q, cJSON *list,
		     const struct destination_state *d, const char *fingerprint)
{
	cJSON *o = cJSON_CreateObject();

	put_str(o, "name", d->name);
	if (fingerprint != NULL)
		put_str(o, "fingerprint", fingerprint);
	(void)cJSON_AddBoolToObject(o, "connected",
				    d->window.down_since_ms == 0);
	put_num(o, "under_way", d->under_way);
	put_time(o, "down_since", d->window.down_since_ms);
	put_time(o, "next_try",
		 d->window.down_since_ms == 0 ? 0 : d->window.next_ms);
	put_str(o, "error",
		d->window.down_since_ms == 0 || d->last.err == DF_OK
			? ""
			: d->last.text);
	(void)cJSON_AddItemToArray(list, o);
	(void)q; /* one signature for both kinds */
}

void ask_status(const struct ask *a)
{
	struct queue *q = a->q;
	struct df_totals t;
	struct df_why why = {0};
	cJSON *o = cJSON_CreateObject(), *list;
	enum df_err space = df_spool_space(
		&q->sp, (uint64_t)q->cfg->spool.reserve_bytes,
		(uint64_t)q->cfg->spool.reserve_percent, 0, &why);

	df_journal_totals(q->j, &t);
	(void)cJSON_AddBoolToObject(o, "accepting",
				    space == DF_OK && !q->stopping);
	put_str(o, "refusing_because", space == DF_OK ? "" : why.text);
	put_num(o, "studies", t.studies);
	put_num(o, "received", t.instances[DF_INSTANCE_RECEIVED]);
	put_num(o, "inspected", t.instances[DF_INSTANCE_INSPECTED]);
	put_num(o, "packed", t.instances[DF_INSTANCE_PACKED]);
	put_num(o, "quarantined", t.instances[DF_INSTANCE_QUARANTINED]);
	for (unsigned s = 0; s <= DF_DELIVERY_CANCELLED; s++)
		put_num(o, df_delivery_state_name((enum df_delivery_state)s),
			t.deliveries[s]);
	list = cJSON_AddArrayToObject(o, "line");
	for (size_t i = 0; i < q->cfg->n_peers; i++)
		line_put(q, list, &q->peers[i], q->cfg->peers[i].fingerprint);
	list = cJSON_AddArrayToObject(o, "destinations");
	for (size_t i = 0; i < q->cfg->n_destinations; i++)
		line_put(q, list, &q->pacs[i], NULL);
	ask_answer(a, o);
}

/* --- studies ------------------------------------------------------------------ */

static cJSON *study_json(struct queue *q, const struct df_row_study *s)
{
	struct df_study_counts c;
	bool line = q->cfg->n_peers > 0 && s->peer[0] == '\0';
	cJSON *o = cJSON_CreateObject();
	uint64_t delivered, confirmed;

	df_journal_study_counts(q->j, s->n, &c);
	delivered = line ? c.to_line : c.in_pacs;
	confirmed = line ? c.receipted : c.in_pacs;
	put_str(o, "study_uid", s->uid);
	put_str(o, "state",
		s->state == DF_STUDY_OPEN ? "open"
		: c.instances > 0 && confirmed >= c.instances ? "complete"
							      : "closed");
	put_num(o, "instances", c.instances);
	put_num(o, "packed", c.packed);
	put_num(o, "delivered", delivered);
	put_num(o, "confirmed", confirmed);
	put_num(o, "in_pacs", c.in_pacs);
	put_num(o, "quarantined", c.quarantined);
	put_num(o, "held", c.held);
	put_num(o, "deferred", c.deferred);
	put_num(o, "refused", c.refused);
	put_num(o, "bytes", c.bytes);
	put_num(o, "packed_bytes", c.coded_bytes);
	put_str(o, "source", s->source);
	put_str(o, "peer", s->peer);
	put_str(o, "close_reason", s->close_reason);
	put_num(o, "version", s->version);
	put_str(o, "priority", s->priority > 0 ? "stat" : "routine");
	put_time(o, "opened", s->opened_ms);
	put_time(o, "last_received", s->last_ms);
	return o;
}

void ask_study_list(const struct ask *a)
{
	struct df_row_study *rows = df_xcalloc(STUDIES_MAX, sizeof *rows);
	size_t n = df_journal_studies(a->q->j, DF_OF_ALL, 0, rows, STUDIES_MAX);
	cJSON *o = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(o, "studies");

	for (size_t i = 0; i < n; i++)
		(void)cJSON_AddItemToArray(list, study_json(a->q, &rows[i]));
	free(rows);
	ask_answer(a, o);
}

static cJSON *instance_json(const struct df_row_instance *r)
{
	cJSON *o = cJSON_CreateObject();

	put_str(o, "sop_instance", r->sop_instance);
	put_str(o, "sop_class", r->sop_class);
	put_str(o, "series_uid", r->series);
	put_str(o, "transfer_syntax", r->transfer_syntax);
	put_num(o, "bytes", r->size_bytes);
	put_str(o, "digest", df_digest_hex(&r->digest).s);
	put_str(o, "state", df_instance_state_name(r->state));
	put_str(o, "coding", r->coding);
	put_num(o, "packed_bytes", r->coded_bytes);
	put_str(o, "reason", r->reason);
	put_str(o, "calling_ae", r->calling);
	put_time(o, "received", r->received_ms);
	return o;
}

cJSON *delivery_json(struct queue *q, const struct df_row_delivery *d)
{
	struct df_row_study s = {0};
	cJSON *o = cJSON_CreateObject();

	put_num(o, "id", (uint64_t)d->n);
	put_str(o, "kind",
		d->kind == DF_DELIVER_PARCEL ? "parcel" : "instance");
	put_str(o, "destination", d->dest);
	put_str(o, "state", df_delivery_state_name(d->state));
	put_num(o, "tries", d->tries);
	put_time(o, "since", d->since_ms);
	put_time(o, "next", d->state == DF_DELIVERY_DEFERRED ? d->next_ms : 0);
	put_str(o, "error", d->why);
	put_num(o, "status", d->status);
	put_str(o, "study_uid",
		df_journal_study(q->j, d->study, &s) ? s.uid : "");
	return o;
}

static void manifests_put(struct queue *q, cJSON *o, const struct df_row_study *s)
{
	static const char *const STATE[] = {"waiting", "receipted", "refused"};
	struct df_row_manifest rows[32];
	struct df_digest held[32];
	cJSON *list = cJSON_AddArrayToObject(o, "versions");
	cJSON *digests = cJSON_AddArrayToObject(o, "manifests");
	size_t n = df_journal_manifests_of(q->j, s->n, rows, 32);

	for (size_t i = 0; i < n; i++) {
		cJSON *m = cJSON_CreateObject();

		put_num(m, "version", rows[i].version);
		put_str(m, "peer", rows[i].dest);
		put_str(m, "digest", df_digest_hex(&rows[i].digest).s);
		put_str(m, "state", STATE[rows[i].state]);
		put_str(m, "error", rows[i].why);
		(void)cJSON_AddItemToArray(list, m);
	}
	/* what a report on this study names as the images read */
	n = s->peer[0] ? df_journal_held_digests(q->j, s->n, held, 32)
		       : df_journal_receipted(q->j, s->uid, held, 32);
	for (size_t i = 0; i < n; i++)
		(void)cJSON_AddItemToArray(
			digests,
			cJSON_CreateString(df_digest_hex(&held[i]).s));
}

void ask_study_show(const struct ask *a)
{
	struct df_row_study s;
	struct df_row_instance *rows;
	cJSON *o, *list;
	size_t n;

	if (!ask_study(a, &s))
		return;
	o = study_json(a->q, &s);
	rows = df_xcalloc(ROWS_MAX, sizeof *rows);
	n = df_journal_instances(a->q->j, DF_OF_STUDY, s.n, rows, ROWS_MAX);
	list = cJSON_AddArrayToObject(o, "images");
	for (size_t i = 0; i < n; i++)
		(void)cJSON_AddItemToArray(list, instance_json(&rows[i]));
	free(rows);
	manifests_put(a->q, o, &s);
	ask_answer(a, o);
}
