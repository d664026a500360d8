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
#include "df/receipt.h"
#include "df/route.h"
#include "purge_facts.h"

/* --- words: what receipts name ----------------------------------------------
 */

struct word { /* this digest is held under this UID by dest */
	char sop[DF_UID_CAP];
	struct df_digest digest;
	int32_t dest; /* of cfg->peers; OURS = we gave the receipt */
};
#define OURS (-1)

struct words {
	struct word *v; /* owned, sorted */
	size_t n, cap;
};

static int word_order(const void *a, const void *b)
{
	const struct word *x = a, *y = b;
	int c = strcmp(x->sop, y->sop);

	if (c == 0)
		c = memcmp(x->digest.b, y->digest.b, sizeof x->digest.b);
	if (c == 0)
		c = x->dest < y->dest ? -1 : x->dest > y->dest;
	return c;
}

static void words_add(struct words *w, const struct df_manifest *m,
		      int32_t dest)
{
	if (w->n + m->instance_count > w->cap) {
		w->cap = 2 * (w->n + m->instance_count);
		w->v = df_xrealloc(w->v, w->cap * sizeof *w->v);
	}
	for (size_t i = 0; i < m->instance_count; i++) {
		struct word *to = &w->v[w->n++];

		*to = (struct word){.digest = m->instances[i].digest,
				    .dest = dest};
		memcpy(to->sop, m->instances[i].sop_instance, sizeof to->sop);
	}
}

static bool words_have(const struct words *w, const struct purge_row *r,
		       int32_t dest)
{
	struct word key = {.digest = r->digest, .dest = dest};

	memcpy(key.sop, r->sop, sizeof key.sop);
	return w->n > 0 && bsearch(&key, w->v, w->n, sizeof key, word_order);
}

/* st: digest, text, receipt of one manifest. */
static void words_read(sqlite3_stmt *st, struct words *w, const char *node,
		       int32_t dest)
{
	struct df_manifest m = {0};
	struct df_receipt r = {0};
	struct df_digest said, is;
	struct df_buf text, receipt;

	df_buf_init(&text, DF_MANIFEST_BYTES_MAX);
	df_buf_init(&receipt, DF_RECEIPT_BYTES_MAX);
	df_col_digest(st, 0, &said);
	if (df_col_blob(st, 1, &text) && df_col_blob(st, 2, &receipt)) {
		struct df_text t = {(const char *)text.ptr, text.len};
		struct df_text rt = {(const char *)receipt.ptr, receipt.len};

		df_hash_bytes(&is, text.ptr, text.len);
		if (df_digest_same(&said, &is) &&
		    df_manifest_decode(t, &m, NULL) == DF_OK &&
		    df_receipt_decode(rt, &r, NULL) == DF_OK &&
		    df_receipt_match(&r, &m, &said, NULL) == DF_OK &&
		    (node == NULL || strcmp(r.centre_node.s, node) == 0))
			words_add(w, &m, dest);
	}
	df_manifest_release(&m);
	df_buf_release(&text);
	df_buf_release(&receipt);
}

static void words_of(struct df_journal *j, const struct df_purge *p,
		     const struct df_row_study *s, struct words *w)
{
	sqlite3_stmt *st;

	if (s->peer[0] != '\0') {
		st = df_sql(j,
			    "SELECT digest, text, receipt FROM held"
			    " WHERE study = ?",
			    "i", s->n);
		while (df_sql_row(j, st))
			words_read(st, w, NULL, OURS);
		df_sql_done(st);
	}
	for (size_t i = 0; i < p->cfg->n_peers; i++) {
		st = df_sql(j,
			    "SELECT digest, text, receipt FROM manifests"
			    " WHERE study = ? AND dest = ? AND state = 1",
			    "it", s->n, p->cfg->peers[i].name);
		while (df_sql_row(j, st))
			words_read(st, w, p->cfg->peers[i].fingerprint,
				   (int32_t)i);
		df_sql_done(st);
	}
	if (w->n > 0)
		qsort(w->v, w->n, sizeof *w->v, word_order);
}

/* --- one instance
 * ------------------------------------------------------------- */

static int32_t peer_of(const struct df_config *cfg, const char *name)
{
	for (size_t i = 0; i < cfg->n_peers; i++)
		if (strcmp(cfg->peers[i].name, name) == 0)
			return (int32_t)i;
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
			     const struct words *w, struct purge_row *r)
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
			 !words_have(w, r, peer_of(p->cfg, dest)))
			r->unreceipted = true;
		else
			held = true;
	}
	df_sql_done(st);
	r->unheld = !held;
}

static void weigh(struct df_journal *j, const struct df_purge *p,
		  const struct df_row_study *s, const struct words *w,
		  struct purge_row *r)
{
	if (r->state != DF_INSTANCE_INSPECTED && r->state != DF_INSTANCE_PACKED)
		return;
	weigh_deliveries(j, p, w, r);
	/* a word to a modality that rests on these bytes */
	r->promised = s->peer[0] == '\0' && df_commitment_promised(j, r->sop);
	if (s->peer[0] != '\0' && !words_have(w, r, OURS))
		r->unreceipted = true;
	/* still to be packed for a peer */
	if (df_route_peers(p->cfg, s->peer) && !r->in_parcel)
		r->unsent = true;
}

/* --- the study
 * ------------------------------------------------------------------ */

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

	*ps = (struct purge_study){0};
	if (!df_journal_study(j, study, &ps->study))
		return false;
	df_journal_retained(j, study, &ps->retained);
	read_rows(j, ps);
	words_of(j, p, &ps->study, &w);
	for (size_t i = 0; i < ps->n; i++) {
		struct purge_row *r = &ps->v[i];

		weigh(j, p, &ps->study, &w, r);
		ps->waiting += r->unsent || r->unreceipted || r->unheld;
	}
	free(w.v);
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
