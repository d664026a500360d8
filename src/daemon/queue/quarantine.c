/*
 * quarantine.c - what cannot be sent, and why: also what names no study, so
 * that no study list shows it; and what a person decides about it.
 */
#include <stdlib.h>
#include <string.h>

#include "answers.h"
#include "df/decision.h"
#include "df/log.h"

#define PAGE 256
#define LIST_MAX 5000

/* Several instances may live in one parcel: then the row tells them apart. */
static void put_id(cJSON *o, const struct df_row_instance *row)
{
	char id[DF_ID_LEN + 24];

	if (row->in_parcel)
		df_str_fmt(id, sizeof id, "%s.%lld", row->object.s,
			   (long long)row->n);
	else
		df_str_fmt(id, sizeof id, "%s", row->object.s);
	put_str(o, "id", id);
}

static cJSON *one_json(struct queue *q, const struct df_row_instance *row)
{
	cJSON *o = cJSON_CreateObject();
	struct df_row_study s = {.uid = ""};

	put_id(o, row);
	put_str(o, "kind",
		row->state == DF_INSTANCE_QUARANTINED ? "image" : "report");
	put_str(o, "sop_instance", row->sop_instance);
	put_str(o, "sop_class", row->sop_class);
	if (df_journal_study(q->j, row->study, &s))
		put_str(o, "study_uid", s.uid);
	else
		put_str(o, "study_uid", "");
	put_str(o, "source", row->calling);
	put_str(o, "peer", row->peer);
	put_time(o, "received", row->received_ms);
	put_num(o, "bytes", row->size_bytes);
	put_str(o, "digest", df_digest_hex(&row->digest).s);
	put_str(o, "reason", row->reason);
	return o;
}

void quarantine_list(struct ask *a)
{
	struct df_row_instance *rows = df_xcalloc(PAGE, sizeof *rows);
	cJSON *all = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(all, "quarantined");
	size_t n = PAGE, total = 0, reports = 0;
	int64_t after = 0;

	while (n == PAGE && total < LIST_MAX) {
		n = df_journal_quarantined_list(a->q->j, after, rows, PAGE);
		for (size_t i = 0; i < n; i++) {
			reports += rows[i].state != DF_INSTANCE_QUARANTINED;
			(void)cJSON_AddItemToArray(list,
						   one_json(a->q, &rows[i]));
		}
		if (n > 0)
			after = rows[n - 1].n;
		total += n;
	}
	put_num(all, "total", df_journal_quarantined(a->q->j) + reports);
	free(rows);
	answer_json(a, all);
}

/* --- one --- */

static void fail(struct ask *a, enum df_err err, const char *text)
{
	struct df_why why = {0};

	(void)df_fail(&why, err, "%s", text);
	answer_error(a->q, a->link, a->tag, err, &why);
}

static bool find(struct ask *a, struct df_row_instance *row)
{
	if (df_journal_quarantined_find(a->q->j, ask_text(a, "id"), row))
		return true;
	fail(a, DF_E_NOTFOUND,
	     "nothing of that id is in quarantine; see quarantine list");
	return false;
}

static void put_decisions(struct queue *q, cJSON *o, int64_t instance)
{
	static const char *const words[] = {
		[DF_DECIDED_RELEASE] = "released",
		[DF_DECIDED_ASIDE] = "set aside",
		[DF_DECIDED_DISCARD] = "discarded",
	};
	struct df_row_decision rows[16];
	cJSON *list = cJSON_AddArrayToObject(o, "decisions");
	size_t n = df_journal_decisions(q->j, instance, rows, 16);

	for (size_t i = 0; i < n; i++) {
		cJSON *d = cJSON_CreateObject();

		put_time(d, "at", rows[i].at_ms);
		put_str(d, "what",
			rows[i].what <= DF_DECIDED_DISCARD ? words[rows[i].what]
							   : "");
		put_str(d, "who", rows[i].who);
		put_str(d, "reason", rows[i].reason);
		(void)cJSON_AddItemToArray(list, d);
	}
}

void quarantine_show(struct ask *a)
{
	struct df_row_instance row, other;
	struct queue *q = a->q;
	cJSON *o, *s;

	if (!find(a, &row))
		return;
	o = one_json(q, &row);
	put_str(o, "transfer_syntax", row.transfer_syntax);
	put_str(o, "home", row.in_parcel ? "parcel" : "object");
	put_num(o, "came_again", df_journal_extras(q->j, row.n));
	if (df_journal_standing(q->j, &row, &other)) {
		s = cJSON_AddObjectToObject(o, "standing");
		put_str(s, "digest", df_digest_hex(&other.digest).s);
		put_str(s, "state", df_instance_state_name(other.state));
		put_str(s, "source", other.calling);
		put_time(s, "received", other.received_ms);
		put_num(s, "bytes", other.size_bytes);
	}
	put_decisions(q, o, row.n);
	answer_json(a, o);
}

/* Who and why are words of a person: kept beside the row, never logged. */
static bool decision_of(struct ask *a, struct df_row_decision *d)
{
	*d = (struct df_row_decision){.at_ms = a->q->now};
	if (df_str_copy(d->who, sizeof d->who,
			df_text_of(ask_text(a, "who"))) == DF_OK &&
	    df_str_copy(d->reason, sizeof d->reason,
			df_text_of(ask_text(a, "reason"))) == DF_OK &&
	    d->who[0] != '\0' && d->reason[0] != '\0')
		return true;
	fail(a, DF_E_USAGE,
	     "say who decides (up to 64 bytes) and the reason "
	     "(up to 200)");
	return false;
}

static void answer_state(struct ask *a, int64_t instance)
{
	struct df_row_instance row;
	cJSON *o;

	if (!df_journal_instance(a->q->j, instance, &row))
		df_bug("a row is gone");
	o = cJSON_CreateObject();
	put_id(o, &row);
	put_str(o, "sop_instance", row.sop_instance);
	put_str(o, "state", df_instance_state_name(row.state));
	answer_json(a, o);
}

void quarantine_release(struct ask *a)
{
	struct queue *q = a->q;
	struct df_row_instance row;
	struct df_row_decision d;
	struct df_why why = {0};
	enum df_release how;
	enum df_err rc;

	if (!find(a, &row) || !decision_of(a, &d))
		return;
	rc = df_journal_release(q->j, &q->sp, &row, &d, &how, &why);
	if (rc != DF_OK) {
		answer_error(q, a->link, a->tag, rc, &why);
		return;
	}
	df_log(DF_LOG_WARN, "quarantine.released", DF_F_ID(&row.object),
	       DF_F_UID("sop_instance", row.sop_instance),
	       DF_F_WORD("as", how == DF_RELEASE_REPORT ? "report" : "image"));
	switch (how) {
	case DF_RELEASE_JUDGE:
		inspect_released(q, row.n);
		break;
	case DF_RELEASE_PARCEL:
		verify_again(q, row.parcel);
		break;
	case DF_RELEASE_REPORT:
		q->report_cursor = 0;
		q->report_look = true;
		break;
	}
	receipt_wake(q, NULL);
	answer_state(a, row.n);
}

struct discard {
	struct queue *q;
	struct df_id object;
};

/* A later turn: the row is durable. */
static void discard_file(void *ctx)
{
	struct discard *d = ctx;

	df_spool_discard(&d->q->sp, &d->object);
	free(d);
}

void quarantine_discard(struct ask *a)
{
	struct queue *q = a->q;
	struct df_row_instance row;
	struct df_row_decision d;
	struct df_why why = {0};
	struct discard *later;
	bool file = false;
	enum df_err rc;

	if (!find(a, &row) || !decision_of(a, &d))
		return;
	rc = df_journal_discard(q->j, &q->sp, &row, &d, &file, &why);
	if (rc != DF_OK) {
		answer_error(q, a->link, a->tag, rc, &why);
		return;
	}
	df_log(DF_LOG_WARN, "quarantine.discarded", DF_F_ID(&row.object),
	       DF_F_UID("sop_instance", row.sop_instance),
	       DF_F_BYTES(row.size_bytes));
	if (file) {
		later = df_xmalloc(sizeof *later);
		*later = (struct discard){q, row.object};
		queue_later(q, 0, discard_file, later);
	}
	answer_state(a, row.n);
}
