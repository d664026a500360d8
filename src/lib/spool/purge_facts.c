/*
 * purge_facts.c - the facts for the purge, and its rows. See df/purge.h.
 *
 * A receipt counts for a digest only when its manifest's own text names it:
 * the stored text is hashed, decoded and matched with the stored receipt
 * again each time. That the receipt's signature was verified is what its row
 * says (invariant 10).
 */
#include <stdlib.h>
#include <string.h>

#include "df/commitments.h"
#include "df/hash.h"
#include "df/linked.h"
#include "df/receipt.h"
#include "df/route.h"
#include "purge_facts.h"

/* --- words: what receipts name --- */

/* Which rows a word of whom names, with their digest. */
struct words {
	bool *named;  /* owned; [row][dest] */
	size_t dests; /* OURS, and each configured peer */
};
#define OURS 0 /* we gave the receipt; the others are 1 + their place */

static bool *word_of(const struct words *w, size_t row, size_t dest)
{
	return &w->named[row * w->dests + dest];
}

/* Returns how many rows no word of dest has named so far. */
static size_t words_add(const struct words *w, const struct purge_study *ps,
			const struct df_manifest *m, size_t dest)
{
	size_t left = 0;

	for (size_t i = 0; i < ps->n; i++) {
		bool *named = word_of(w, i, dest);
		const struct df_manifest_instance *in =
			*named ? NULL : df_manifest_find(m, ps->v[i].sop);

		if (in != NULL && df_digest_same(&in->digest, &ps->v[i].digest))
			*named = true;
		left += !*named;
	}
	return left;
}

bool df_purge_is_word(struct df_text text, struct df_text receipt,
		      const struct df_digest *said, const char *node,
		      struct df_manifest *m)
{
	struct df_receipt r = {0};
	struct df_digest is;

	df_hash_bytes(&is, text.ptr, text.len);
	return df_digest_same(said, &is) &&
	       df_manifest_decode(text, m, NULL) == DF_OK &&
	       df_receipt_decode(receipt, &r, NULL) == DF_OK &&
	       df_receipt_match(&r, m, said, NULL) == DF_OK &&
	       (node == NULL || strcmp(r.centre_node.s, node) == 0);
}

/* st: digest, text, receipt of manifests, newest first: as a rule the newest
 * names all that those before it did. */
static void words_read(struct df_journal *j, sqlite3_stmt *st,
		       const struct words *w, const struct purge_study *ps,
		       const char *node, size_t dest)
{
	size_t left = ps->n;

	while (left > 0 && df_sql_row(j, st)) {
		struct df_manifest m = {0};
		struct df_digest said;
		struct df_buf text, receipt;

		df_buf_init(&text, DF_MANIFEST_BYTES_MAX);
		df_buf_init(&receipt, DF_RECEIPT_BYTES_MAX);
		df_col_digest(st, 0, &said);
		if (df_col_blob(st, 1, &text) && df_col_blob(st, 2, &receipt) &&
		    df_purge_is_word(
			    (struct df_text){(const char *)text.ptr, text.len},
			    (struct df_text){(const char *)receipt.ptr,
					     receipt.len},
			    &said, node, &m))
			left = words_add(w, ps, &m, dest);
		df_manifest_release(&m);
		df_buf_release(&text);
		df_buf_release(&receipt);
	}
	df_sql_done(st);
}

static void words_of(struct df_journal *j, const struct df_purge *p,
		     const struct purge_study *ps, struct words *w)
{
	w->dests = 1 + p->cfg->n_peers;
	w->named = df_xcalloc(ps->n * w->dests + 1, sizeof *w->named);
	if (ps->study.peer[0] != '\0')
		words_read(j,
			   df_sql(j,
				  "SELECT digest, text, receipt FROM held"
				  " WHERE study = ? ORDER BY version DESC",
				  "i", ps->study.n),
			   w, ps, NULL, OURS);
	for (size_t i = 0; i < p->cfg->n_peers; i++)
		words_read(j,
			   df_sql(j,
				  "SELECT digest, text, receipt FROM manifests"
				  " WHERE study = ? AND dest = ? AND state = 1"
				  " ORDER BY version DESC",
				  "it", ps->study.n, p->cfg->peers[i].name),
			   w, ps, p->cfg->peers[i].fingerprint, 1 + i);
}

/* --- one instance --- */

/* Its place among the words; OURS = no such peer is configured. */
static size_t peer_of(const struct df_config *cfg, const char *name)
{
	for (size_t i = 0; i < cfg->n_peers; i++)
		if (strcmp(cfg->peers[i].name, name) == 0)
			return 1 + i;
	return OURS;
}

static bool counts(const struct df_config *cfg, int64_t kind, const char *dest)
{
	return kind == DF_DELIVER_PARCEL
		       ? peer_of(cfg, dest) != OURS
		       : df_config_destination(cfg, df_text_of(dest)) != NULL;
}

/* Every destination that it was routed to and that is still configured. */
static void weigh_deliveries(struct df_journal *j, const struct df_purge *p,
			     const struct words *w, size_t row,
			     struct purge_row *r)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT kind, dest, state FROM deliveries"
				  " WHERE kind = 2 AND item = ?1 UNION ALL"
				  " SELECT kind, dest, state FROM deliveries"
				  " WHERE kind = 1 AND item = ?2 AND ?2 > 0",
				  "ii", r->n, r->parcel);
	bool held = false;

	while (df_sql_row(j, st)) {
		char dest[DF_NAME_LEN + 1];

		df_col_text(st, 1, dest, sizeof dest);
		if (!counts(p->cfg, COL(st, 0), dest))
			continue;
		if (COL(st, 2) != DF_DELIVERY_CONFIRMED)
			r->unsent = true;
		else if (COL(st, 0) == DF_DELIVER_PARCEL &&
			 !*word_of(w, row, peer_of(p->cfg, dest)))
			r->unreceipted = true;
		else
			held = true;
	}
	df_sql_done(st);
	r->unheld = !held;
}

static void weigh(struct df_journal *j, const struct df_purge *p,
		  const struct purge_study *ps, const struct words *w,
		  size_t row)
{
	const char *peer = ps->study.peer;
	struct purge_row *r = &ps->v[row];

	if (r->state != DF_INSTANCE_INSPECTED && r->state != DF_INSTANCE_PACKED)
		return;
	weigh_deliveries(j, p, w, row, r);
	if (ps->copy) { /* who made it ready for us answers for it */
		r->unheld = false;
		return;
	}
	/* a word to a modality that rests on these bytes */
	r->promised = peer[0] == '\0' && df_commitment_promised(j, r->sop);
	if (peer[0] != '\0' && !*word_of(w, row, OURS))
		r->unreceipted = true;
	/* still to be packed for a peer; or what the peers have is like it, and
	 * their word is for that and not for this */
	if (df_route_peers(p->cfg, peer) && (!r->in_parcel || ps->held_back))
		r->unsent = true;
}

/* --- the study --- */

static void read_rows(struct df_journal *j, struct purge_study *ps)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT n, object, in_parcel, parcel, state,"
				  " sop, digest, indexed, report FROM instances"
				  " WHERE study = ? AND state NOT IN (4, 5)"
				  " ORDER BY object, n",
				  "i", ps->study.n);

	while (df_sql_row(j, st)) {
		struct purge_row *r;

		if (ps->n == ps->cap) {
			ps->cap = ps->cap ? 2 * ps->cap : 64;
			ps->v = df_xrealloc(ps->v, ps->cap * sizeof *ps->v);
		}
		r = &ps->v[ps->n++];
		*r = (struct purge_row){
			.n = COL(st, 0),
			.in_parcel = COL(st, 2) != 0,
			.parcel = COL(st, 3),
			.state = (enum df_instance_state)COL(st, 4),
			.indexed = COL(st, 7) != 0,
			.report = COL(st, 8) != 0};
		df_col_id(st, 1, &r->object);
		df_col_text(st, 5, r->sop, sizeof r->sop);
		df_col_digest(st, 6, &r->digest);
	}
	df_sql_done(st);
}

bool df_purge_load(struct df_journal *j, const struct df_purge *p,
		   int64_t study, struct purge_study *ps)
{
	struct words w = {0};
	struct df_row_linked linked;

	*ps = (struct purge_study){0};
	if (!df_journal_study(j, study, &ps->study))
		return false;
	ps->copy = df_journal_study_is_copy(j, study);
	(void)df_journal_linked(j, study, &linked); /* mostly NOT */
	ps->held_back = linked.state == DF_LINKED_WATCHED ||
			linked.state == DF_LINKED_HELD;
	df_journal_retained(j, study, &ps->retained);
	(void)df_journal_fetch_of(j, ps->study.uid,
				  &ps->fetch); /* mostly none */
	read_rows(j, ps);
	words_of(j, p, ps, &w);
	for (size_t i = 0; i < ps->n; i++) {
		struct purge_row *r = &ps->v[i];

		weigh(j, p, ps, &w, i);
		ps->waiting += r->unsent || r->unreceipted || r->unheld;
	}
	free(w.named);
	return true;
}

void df_purge_unload(struct purge_study *ps)
{
	free(ps->v);
	*ps = (struct purge_study){0};
}

/* Those that live in the object and stand in no row of this study. */
static uint64_t strangers_in(struct df_journal *j, const struct df_id *object,
			     int64_t study)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT count(*) FROM instances WHERE"
				  " object = ? AND study <> ? AND state"
				  " NOT IN (4, 5)",
				  "ti", object->s, study);
	uint64_t n = df_sql_row(j, st) ? (uint64_t)COL(st, 0) : 1;

	df_sql_done(st);
	return n;
}

size_t df_purge_object(struct df_journal *j, const struct df_purge *p,
		       const struct purge_study *ps, size_t at,
		       struct df_retention_facts *f)
{
	uint64_t waiting = 0;
	size_t i;

	*f = (struct df_retention_facts){
		.study_open = ps->study.state == DF_STUDY_OPEN,
		.fetching =
			ps->fetch.n > 0 && ps->fetch.state == DF_FETCH_WAITING,
		.fetched_ms = ps->fetch.ended_ms,
		.confirmed_ms = ps->retained.confirmed_ms,
		.now_ms = p->now_ms,
	};
	for (i = at;
	     i < ps->n && strcmp(ps->v[i].object.s, ps->v[at].object.s) == 0;
	     i++) {
		const struct purge_row *r = &ps->v[i];

		if (r->state != DF_INSTANCE_INSPECTED &&
		    r->state != DF_INSTANCE_PACKED) {
			f->aside++;
			continue;
		}
		f->instances++;
		f->unindexed += !r->indexed;
		f->reports += r->report;
		f->unsent += r->unsent;
		f->unreceipted += r->unreceipted;
		f->unheld += r->unheld;
		f->promised += r->promised;
		waiting += r->unsent || r->unreceipted || r->unheld;
	}
	f->aside += strangers_in(j, &ps->v[at].object, ps->study.n);
	f->study_waiting = ps->waiting - waiting;
	return i;
}
