/*
 * verdict.c - a report that arrived: what the signature check found and what
 * we know become one verdict, stored with the statement.
 *
 * An accepted version may be what a held one waits for: after each acceptance
 * the held ones of that report are asked again, so that every order of arrival
 * ends in the same state.
 */
#include <string.h>

#include "df/log.h"
#include "df/statement.h"
#include "index.h"

#define MANIFESTS_MAX 1024

_Static_assert((int)DF_CLAIM_FINAL == (int)DF_REPORT_FINAL &&
		       (int)DF_CLAIM_PRELIMINARY ==
			       (int)DF_REPORT_PRELIMINARY &&
		       (int)DF_CLAIM_AMENDED == (int)DF_REPORT_AMENDED &&
		       (int)DF_CLAIM_ADDENDUM == (int)DF_REPORT_ADDENDUM &&
		       (int)DF_CLAIM_RETRACTED == (int)DF_REPORT_RETRACTED,
	       "the policy's states are the statement's");

/* One ruling: all that the policy borrows from. */
struct hearing {
	struct df_store_report row;
	struct df_statement st;
	struct df_store_study study;
	struct df_digest manifests[MANIFESTS_MAX];
	size_t manifest_count;
	struct df_report_claim claim;
	struct df_report_known known;
};

enum df_err index_claimed_study(struct index *x, const char *study_uid,
				const char *clinic_node,
				struct df_store_study *out, struct df_why *why)
{
	enum df_err rc;

	if (x->self[0] != '\0' && strcmp(clinic_node, x->self) != 0)
		return df_store_study(x->store, study_uid, clinic_node, out,
				      why);
	rc = df_store_study(x->store, study_uid, "", out, why);
	if (rc != DF_E_NOTFOUND)
		return rc;
	/* one that we hand on for another clinic */
	return df_store_study(x->store, study_uid, NULL, out, why);
}

static enum df_err past(struct index *x, const struct df_store_report *r,
			uint32_t version, struct df_report_past *p,
			struct df_why *why)
{
	struct df_store_report row;
	struct df_buf text;
	enum df_err rc;

	df_buf_init(&text, 256 * 1024);
	rc = df_store_report_version(x->store, r->study_uid, r->report_id,
				     version, &row, &text, why);
	df_buf_wipe(&text);
	*p = (struct df_report_past){0};
	if (rc == DF_E_NOTFOUND)
		return DF_OK;
	if (rc != DF_OK)
		return rc;
	*p = (struct df_report_past){.exists = true,
				     .version = row.version,
				     .statement = row.statement,
				     .status = (enum df_claim_status)row.status,
				     .conflict = row.conflict};
	return DF_OK;
}

static void make_claim(struct hearing *h)
{
	const struct df_statement *st = &h->st;

	h->claim = (struct df_report_claim){
		.version = st->version,
		.status = (enum df_claim_status)st->status,
		.self = &h->row.statement,
		.previous = &st->previous,
		.study_uid = st->study_uid,
		.accession = st->accession,
		.patient_id = st->patient_id,
		.patient_id_issuer = st->patient_id_issuer,
		.images = st->images,
		.image_count = st->image_count,
		.clinic_node = st->clinic_node.s,
		.centre_node = st->centre_node.s,
		.seal_role = st->role == DF_ROLE_SEAL,
	};
}

/* Our value of an identifying column, as a statement would write it. */
static const char *known_text(struct hearing *h, enum df_ident field)
{
	char clean[DF_STATEMENT_TEXT_MAX + 1];

	if (df_statement_set_text(clean, df_text_of(h->study.ident[field])) ==
	    DF_OK)
		df_str_fmt(h->study.ident[field], DF_IDENT_CAP, "%s", clean);
	return h->study.ident[field];
}

static enum df_err gather(struct index *x, struct hearing *h,
			  struct df_why *why)
{
	struct df_report_known *k = &h->known;
	const char *sender = h->row.sender;
	enum df_err rc;

	*k = (struct df_report_known){
		.self = x->self,
		.sender = sender,
		.sender_trusted = !strcmp(sender, x->self) ||
				  df_config_peer(df_room_config(x->room),
						 df_text_of(sender)) != NULL,
		.manifests = h->manifests,
		.manifest_count = h->manifest_count,
	};
	rc = index_claimed_study(x, h->st.study_uid, h->st.clinic_node.s,
				 &h->study, why);
	if (rc != DF_OK && rc != DF_E_NOTFOUND && rc != DF_E_CONFLICT)
		return rc;
	k->study_exists = rc == DF_OK;
	if (rc != DF_OK)
		h->study = (struct df_store_study){0};
	/* what a centre sends us is about a study that we sent, or about one
	 * of another clinic that we fetched from it */
	k->copy = strcmp(sender, x->self) != 0 && h->study.peer[0] != '\0' &&
		  strcmp(h->st.clinic_node.s, x->self) != 0;
	k->clinic = h->study.peer[0] != '\0' &&
				    (k->copy || !strcmp(sender, x->self))
			    ? h->study.peer
			    : x->self;
	k->accession = known_text(h, DF_IDENT_ACCESSION);
	k->patient_id = known_text(h, DF_IDENT_PATIENT_ID);
	k->patient_id_issuer = known_text(h, DF_IDENT_PATIENT_ID_ISSUER);
	rc = past(x, &h->row, 0, &k->last, why);
	if (rc == DF_OK)
		rc = past(x, &h->row, h->row.version, &k->same, why);
	return rc;
}

static void set_word(char *to, size_t cap, enum df_report_reason r)
{
	df_str_fmt(to, cap, "%s", df_report_reason_word(r));
}

static enum df_err mark_conflict(struct index *x,
				 const struct df_store_report *r,
				 struct df_why *why)
{
	struct df_store_report other;
	struct df_buf text;
	enum df_err rc;

	df_buf_init(&text, 256 * 1024);
	rc = df_store_report_version(x->store, r->study_uid, r->report_id,
				     r->version, &other, &text, why);
	if (rc == DF_OK && strcmp(other.object, r->object) != 0) {
		other.conflict = true;
		other.verdict = DF_REPORT_REJECTED;
		set_word(other.reason, sizeof other.reason, DF_REASON_CONFLICT);
		rc = df_store_put_report(x->store, &other, why);
	}
	df_buf_wipe(&text);
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}

/* Rules on h->row, whose statement is decoded in h->st; stores nothing. */
static enum df_err rule(struct index *x, struct hearing *h,
			struct df_report_ruling *r, struct df_why *why)
{
	struct df_store_report *row = &h->row;
	enum df_err rc;

	make_claim(h);
	rc = gather(x, h, why);
	if (rc != DF_OK)
		return rc;
	*r = df_report_rule(&h->claim, &h->known,
			    (enum df_report_verdict)row->checked);
	row->verdict = r->verdict;
	set_word(row->reason, sizeof row->reason, r->reason);
	set_word(row->note, sizeof row->note, r->note);
	return DF_OK;
}

static enum df_err store_replay(struct index *x, struct df_store_report *row,
				struct df_why *why)
{
	struct df_store_report first;
	struct df_buf text;
	enum df_err rc;

	df_buf_init(&text, 256 * 1024);
	rc = df_store_report_version(x->store, row->study_uid, row->report_id,
				     row->version, &first, &text, why);
	df_buf_wipe(&text);
	/* the same statement in another bundle leaves no second row */
	if (rc != DF_OK || strcmp(first.object, row->object) != 0)
		return rc;
	row->conflict = first.conflict;
	return df_store_put_report(x->store, row, why);
}

static enum df_err rule_and_store(struct index *x, struct hearing *h,
				  struct df_why *why)
{
	struct df_store_report *row = &h->row;
	struct df_report_ruling r;
	enum df_err rc = rule(x, h, &r, why);

	if (rc != DF_OK)
		return rc;
	df_log(DF_LOG_INFO, "report.ruled", DF_F_WORD("object", row->object),
	       DF_F_UID("study", row->study_uid),
	       DF_F_NUM("version", row->version),
	       DF_F_WORD("verdict", df_report_verdict_word(r.verdict)),
	       DF_F_WORD("reason", df_report_reason_word(r.reason)));
	if (r.conflict)
		rc = mark_conflict(x, row, why);
	if (rc != DF_OK)
		return rc;
	row->accepted = r.reason == DF_REASON_NONE || r.replay;
	return r.replay ? store_replay(x, row, why)
			: df_store_put_report(x->store, row, why);
}

/* --- those that waited for an earlier version ------------------------------
 */

struct waiting {
	const struct df_store_report *after;
	struct df_store_report row;
	struct df_buf *text; /* owns the statement of row */
	bool found;
};

static enum df_err find_waiting(void *ctx, const struct df_store_report *r)
{
	struct waiting *w = ctx;
	enum df_err rc;

	if (w->found || r->verdict != DF_REPORT_HELD ||
	    r->version != w->after->version + 1 ||
	    strcmp(r->report_id, w->after->report_id) != 0)
		return DF_OK;
	w->found = true;
	w->row = *r;
	df_buf_clear(w->text);
	rc = df_buf_add(w->text, r->text.ptr, r->text.len, NULL);
	w->row.text =
		(struct df_text){(const char *)w->text->ptr, w->text->len};
	return rc;
}

static enum df_err release_held(struct index *x, struct hearing *h,
				struct df_why *why)
{
	struct df_buf text;
	struct waiting w = {.after = &h->row, .text = &text};
	enum df_err rc;

	df_buf_init(&text, 256 * 1024);
	do {
		w.found = false;
		rc = df_store_reports(x->store, h->row.study_uid, find_waiting,
				      &w, why);
		if (rc != DF_OK || !w.found)
			break;
		h->row = w.row;
		rc = df_statement_decode(h->row.text, &h->st, why);
		if (rc == DF_OK)
			rc = rule_and_store(x, h, why);
	} while (rc == DF_OK && h->row.accepted);
	df_buf_wipe(&text);
	return rc;
}

/* --- the message -----------------------------------------------------------
 */

/* Fields of the statement that the row keeps, also of a rejected one: they
 * are what it claims, and staff must see which study a refusal concerns. */
static void fill_claimed(struct df_store_report *row,
			 const struct df_statement *st)
{
	memcpy(row->report_id, st->report_id.s, sizeof row->report_id);
	memcpy(row->study_uid, st->study_uid, sizeof row->study_uid);
	row->version = st->version;
	row->status = (uint32_t)st->status;
}

static enum df_err read_put(struct index *x, const struct df_msg *m,
			    struct hearing *h, struct df_why *why)
{
	struct df_store_report *row = &h->row, old;
	uint64_t now = 0, verdict = 0;
	struct df_text t;
	struct df_buf text;
	size_t at = 0;

	*h = (struct hearing){0};
	if (!df_msg_get_str(m, DF_M_OBJECT, row->object, sizeof row->object) ||
	    !df_msg_get_u64(m, DF_M_VERDICT, &verdict) ||
	    verdict > DF_REPORT_REJECTED)
		return df_fail(why, DF_E_FORMAT, "REPORT_PUT lacks a field");
	/* the rest may be absent in a bundle that did not open */
	(void)df_msg_get_str(m, DF_M_PEER, row->sender, sizeof row->sender);
	(void)df_msg_get_str(m, DF_M_REASON, row->reason, sizeof row->reason);
	(void)df_msg_get_str(m, DF_M_WHY, row->why, sizeof row->why);
	(void)df_msg_get_str(m, DF_M_SIGNER, row->signer, sizeof row->signer);
	(void)df_msg_get_u64(m, DF_M_NOW_MS, &now);
	(void)df_msg_get_digest(m, DF_M_DIGEST, &row->statement);
	(void)df_msg_get(m, DF_M_STATEMENT, &row->text);
	row->checked = row->verdict = (uint32_t)verdict;
	row->received_ms = (int64_t)now;
	while (h->manifest_count < MANIFESTS_MAX &&
	       df_msg_next(m, DF_M_MANIFEST, &at, &t)) {
		struct df_digest *d = &h->manifests[h->manifest_count];

		if (t.len == sizeof d->b) {
			memcpy(d->b, t.ptr, sizeof d->b);
			h->manifest_count++;
		}
	}
	df_buf_init(&text, 256 * 1024);
	if (df_store_report(x->store, row->object, &old, &text, why) == DF_OK) {
		row->received_ms = old.received_ms;
		row->accepted = old.accepted;
		row->conflict = old.conflict;
	}
	df_buf_wipe(&text);
	return DF_OK;
}

static enum df_err settle(struct index *x, struct hearing *h,
			  struct df_why *why)
{
	struct df_store_report row;
	bool readable = df_statement_decode(h->row.text, &h->st, NULL) == DF_OK;
	enum df_err rc;

	if (readable)
		fill_claimed(&h->row, &h->st);
	if (h->row.checked != DF_REPORT_REJECTED && !readable) {
		h->row.verdict = DF_REPORT_REJECTED;
		set_word(h->row.reason, sizeof h->row.reason,
			 DF_REASON_UNREADABLE);
	}
	if (h->row.checked == DF_REPORT_REJECTED || !readable)
		return df_store_put_report(x->store, &h->row, why);
	rc = rule_and_store(x, h, why);
	if (rc != DF_OK || !h->row.accepted)
		return rc;
	row = h->row; /* the answer is about this one */
	rc = release_held(x, h, why);
	h->row = row;
	return rc;
}

void index_report_put(struct index *x, struct df_link *from,
		      const struct df_msg *m)
{
	static struct hearing h; /* one at a time; too large for the stack */
	struct df_why why = {0};
	struct df_msg reply;
	enum df_err rc;

	rc = read_put(x, m, &h, &why);
	if (rc == DF_OK)
		rc = index_begin(x, &why);
	if (rc == DF_OK)
		rc = settle(x, &h, &why);
	df_msg_init(&reply, DF_MSG_REPORT_STORED, m->tag);
	df_msg_put_result(&reply, rc, &why);
	if (rc == DF_OK) {
		df_msg_put_u64(&reply, DF_M_VERDICT, h.row.verdict);
		df_msg_put_opt(&reply, DF_M_REASON, h.row.reason);
		df_msg_put_u64(&reply, DF_M_STATUS, h.row.status);
	}
	index_ack(x, from, &reply);
	if (rc != DF_OK && rc != DF_E_FORMAT)
		index_abandon(x, rc, &why);
	explicit_bzero(&h, sizeof h);
}

/* --- a question only --------------------------------------------------------
 */

enum df_err index_report_check(struct index *x, struct df_store_report *row,
			       struct df_why *why)
{
	static struct hearing h; /* as above */
	struct df_report_ruling r;
	enum df_err rc;

	h = (struct hearing){.row = *row};
	rc = df_statement_decode(row->text, &h.st, why);
	if (rc == DF_OK) {
		fill_claimed(&h.row, &h.st);
		/* a file comes from nobody: take the centre that it names */
		df_str_fmt(h.row.sender, sizeof h.row.sender, "%s",
			   h.st.centre_node.s);
		rc = rule(x, &h, &r, why);
	}
	*row = h.row;
	explicit_bzero(&h, sizeof h);
	return rc;
}
