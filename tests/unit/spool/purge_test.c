/*
 * purge_test.c - thousands of studies in every state that a journal can show;
 * nothing goes without its word.
 *
 * The test draws the truth first (what is held by whom) and writes rows,
 * manifests and receipts from it; the oracle judges by the truth, the purge by
 * the rows. Time passes, words come late, space gets short. Each fact is then
 * taken away from the judge in turn, and the oracle must notice.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "df/commitments.h"
#include "df/fetches.h"
#include "df/hash.h"
#include "df/linked.h"
#include "df/purge.h"
#include "df/receipt.h"

#define DAY 86400000LL
#define FETCHED (DAY / 2) /* after that, what was fetched may go */
#define PEERS 2
#define PACS 2
#define OBJECTS 3
#define PER_OBJECT 3
#define MISSED 77 /* exit status of a child whose oracle objected */

enum word { NO_ROW, WAITS, CONFIRMS };

struct truth { /* of an instance */
	bool in_use, indexed, report, promised;
	enum word pacs[PACS];
	bool named[PEERS]; /* by a receipt of that peer, with its digest */
	bool ours_named;
	char sop[65];
	struct df_digest digest;
};

struct object {
	struct df_id id;
	bool parcel, gone;
	enum word peer[PEERS];
	struct truth in[PER_OBJECT];
	size_t n;
};

struct study {
	bool taken, open;
	enum df_linked_state linked;
	int64_t fetch, fetched_ms;    /* row, 0 = none; 0 = still under way */
	int64_t n, last_ms, since_ms; /* since when the oracle lets it go */
	struct object o[OBJECTS];
	size_t objects;
	char uid[65];
};

struct world {
	char dir[64];
	struct df_journal *j;
	struct df_config cfg;
	struct df_peer peers[PEERS];
	struct df_destination pacs[PACS];
	struct study *s;
	size_t n;
	int64_t now;
	bool short_of_space;
	size_t went, wrong, judged;
};

static uint64_t seed;

static uint64_t chance(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 16) % below;
}

static bool mostly(void)
{
	return chance(30) != 0;
}

/* --- the oracle --- */

/* It shows what the peers have under another UID: they get none of it. */
static bool held_back(const struct study *s)
{
	return s->linked == DF_LINKED_WATCHED || s->linked == DF_LINKED_HELD;
}

static bool is_held(const struct world *w, const struct study *s,
		    const struct object *o, const struct truth *t)
{
	size_t who = 0;

	for (size_t i = 0; i < w->cfg.n_destinations; i++) {
		if (t->pacs[i] == WAITS)
			return false;
		who += t->pacs[i] == CONFIRMS;
	}
	if (s->taken && !t->ours_named)
		return false;
	if (!s->taken && w->cfg.n_peers > 0 && (!o->parcel || held_back(s)))
		return false; /* a peer is still to get it */
	for (size_t i = 0; i < w->cfg.n_peers && o->parcel && !s->taken; i++) {
		if (o->peer[i] == NO_ROW)
			continue;
		if (o->peer[i] == WAITS || !t->named[i])
			return false;
		who++;
	}
	return who > 0;
}

static bool all_held(const struct world *w, const struct study *s)
{
	for (size_t i = 0; i < s->objects; i++)
		for (size_t k = 0; k < s->o[i].n && !s->o[i].gone; k++)
			if (s->o[i].in[k].in_use &&
			    !is_held(w, s, &s->o[i], &s->o[i].in[k]))
				return false;
	return true;
}

/* Somebody here waits for more of it, or has it since a moment ago. */
static bool is_wanted(const struct world *w, const struct study *s)
{
	return s->fetch > 0 &&
	       (s->fetched_ms == 0 || w->now - s->fetched_ms < FETCHED);
}

static bool but_for_age(const struct world *w, const struct study *s,
			const struct object *o)
{
	if (o->gone || s->open || is_wanted(w, s) || !all_held(w, s))
		return false;
	for (size_t k = 0; k < o->n; k++)
		if (!o->in[k].in_use || !o->in[k].indexed || o->in[k].report ||
		    o->in[k].promised)
			return false;
	return true;
}

static bool may_go(const struct world *w, const struct study *s,
		   const struct object *o)
{
	return but_for_age(w, s, o) &&
	       (w->short_of_space ||
		(s->since_ms > 0 && w->now - s->since_ms >= 30 * DAY));
}

/* --- drawing the truth --- */

static void digest_draw(struct df_digest *d)
{
	for (size_t i = 0; i < sizeof d->b; i++)
		d->b[i] = (uint8_t)chance(256);
}

static void draw_object(const struct world *w, struct study *s, size_t at)
{
	struct object *o = &s->o[at];

	df_id_new(&o->id);
	o->parcel = s->taken || (w->cfg.n_peers > 0 ? mostly() : false);
	o->n = o->parcel ? 1 + chance(PER_OBJECT) : 1;
	for (size_t i = 0; i < PEERS; i++)
		o->peer[i] = mostly() ? CONFIRMS : chance(2) ? WAITS : NO_ROW;
	for (size_t k = 0; k < o->n; k++) {
		struct truth *t = &o->in[k];

		df_str_fmt(t->sop, sizeof t->sop, "%s.%zu.%zu", s->uid, at + 1,
			   k + 1);
		digest_draw(&t->digest);
		t->in_use = mostly();
		t->indexed = mostly();
		t->report = !mostly();
		t->promised = !s->taken && !mostly();
		for (size_t i = 0; i < PACS; i++)
			t->pacs[i] = mostly()	 ? CONFIRMS
				     : chance(2) ? WAITS
						 : NO_ROW;
	}
}

/* --- from truth to rows --- */

static void delivery(struct world *w, struct study *s,
		     enum df_delivery_kind kind, int64_t item, const char *dest,
		     enum word word)
{
	static const enum df_delivery_event ways[][3] = {
		{DF_DELIVERY_START, DF_DELIVERY_TAKEN, DF_DELIVERY_TAKEN},
		{DF_DELIVERY_START, DF_DELIVERY_FAILED, DF_DELIVERY_FAILED},
		{DF_DELIVERY_START, DF_DELIVERY_DENIED, DF_DELIVERY_DENIED},
		{DF_DELIVERY_HOLD, DF_DELIVERY_HOLD, DF_DELIVERY_HOLD},
		{DF_DELIVERY_CANCEL, DF_DELIVERY_CANCEL, DF_DELIVERY_CANCEL},
		{DF_DELIVERY_START, DF_DELIVERY_START, DF_DELIVERY_START},
	};
	struct df_row_delivery d;
	size_t way = chance(7);

	if (word == NO_ROW)
		return;
	df_journal_delivery_add(w->j, kind, item, s->n, dest, w->now);
	assert_true(df_journal_delivery_find(w->j, kind, item, dest, &d));
	if (word == CONFIRMS) {
		df_journal_delivery_move(w->j, d.n, DF_DELIVERY_START, 0, DF_OK,
					 NULL, 0);
		df_journal_delivery_move(w->j, d.n, DF_DELIVERY_WORD, 0, DF_OK,
					 NULL, 0);
	} else if (way < 6) {
		for (size_t i = 0; i < 3; i++)
			df_journal_delivery_move(w->j, d.n, ways[way][i], 0,
						 DF_OK, NULL, 0);
	}
}

/* A modality asked for storage commitment and has no answer. */
static void promise(struct world *w, const struct truth *t)
{
	struct df_row_commitment c = {.side = DF_COMMITMENT_OF_US,
				      .state = DF_COMMITMENT_OPEN,
				      .asked_ms = w->now};
	struct df_reference one = {.sop_class = "1.2.840.1"};
	struct df_references refs = {&one, 1};

	df_str_fmt(one.sop_instance, sizeof one.sop_instance, "%s", t->sop);
	df_str_fmt(c.uid, sizeof c.uid, "%s.9", t->sop);
	df_str_fmt(c.who, sizeof c.who, "CT");
	(void)df_commitment_add(w->j, &c, &refs, NULL);
}

static void put_instance(struct world *w, struct study *s, struct object *o,
			 size_t k, int64_t parcel)
{
	struct truth *t = &o->in[k];
	struct df_row_instance r = {.study = s->n,
				    .size_bytes = 10,
				    .digest = t->digest,
				    .received_ms = w->now,
				    .object = o->id,
				    .in_parcel = o->parcel,
				    .parcel = parcel,
				    .indexed = t->indexed,
				    .report = t->report ? DF_REPORTING_REFUSED
							: 0};
	int64_t n;

	r.state = o->parcel ? DF_INSTANCE_PACKED : DF_INSTANCE_INSPECTED;
	if (!t->in_use)
		r.state = chance(2) ? DF_INSTANCE_QUARANTINED
				    : DF_INSTANCE_RECEIVED;
	df_str_fmt(r.peer, sizeof r.peer, "%s", s->taken ? "ab" : "");
	df_str_fmt(r.sop_instance, sizeof r.sop_instance, "%s", t->sop);
	n = df_journal_instance_add(w->j, &r);
	for (size_t i = 0; i < PACS; i++)
		delivery(w, s, DF_DELIVER_INSTANCE, n, w->pacs[i].name,
			 t->pacs[i]);
	if (t->promised)
		promise(w, t);
	/* one that is no longer configured: nobody's word is asked */
	delivery(w, s, DF_DELIVER_INSTANCE, n, "gone", WAITS);
}

static void put_object(struct world *w, struct study *s, size_t at)
{
	struct object *o = &s->o[at];
	struct df_row_parcel p = {.object = o->id,
				  .study = s->n,
				  .direction =
					  s->taken ? DF_ENV_TAKEN : DF_ENV_MADE,
				  .epoch = 1,
				  .sequence = at + 1,
				  .state = DF_PARCEL_READY};
	int64_t parcel = 0;

	df_journal_object_add(w->j, &o->id,
			      o->parcel ? DF_ENV_PARCEL : DF_ENV_RAW, 100, 120,
			      w->now);
	if (o->parcel) {
		digest_draw(&p.h0);
		df_hex_encode(p.hex, p.h0.b, 16);
		parcel = df_journal_parcel_add(w->j, &p);
	}
	for (size_t k = 0; k < o->n; k++)
		put_instance(w, s, o, k, parcel);
	for (size_t i = 0; i < PEERS && o->parcel && !s->taken; i++)
		delivery(w, s, DF_DELIVER_PARCEL, parcel, w->peers[i].name,
			 held_back(s) ? NO_ROW : o->peer[i]);
}

/* A manifest over a part of the study, and a receipt that may be a lie. */
struct paper {
	struct df_buf text, receipt;
	struct df_digest digest;
	bool honest;
};

static void write_paper(struct paper *p, struct study *s, const char *node,
			uint32_t version, bool names[OBJECTS][PER_OBJECT])
{
	struct df_manifest m = {.version = version, .created_ms = 1000};
	struct df_manifest_parcel mp = {.id = {1}, .epoch = 1, .sequence = 1};
	struct df_receipt r = {.version = version};
	struct df_manifest_instance extra = {.size_bytes = 1};

	df_str_fmt(m.study_uid, sizeof m.study_uid, "%s", s->uid);
	df_str_fmt(m.close_reason, sizeof m.close_reason, "quiet");
	memset(m.clinic_node.s, 'a', 64);
	digest_draw(&mp.h0);
	if (version > 1)
		digest_draw(&m.previous);
	assert_int_equal(df_manifest_add_parcel(&m, &mp, NULL), DF_OK);
	df_str_fmt(extra.sop_instance, 65, "1.9.%u", version); /* never none */
	digest_draw(&extra.digest);
	assert_int_equal(df_manifest_add_instance(&m, &extra, NULL), DF_OK);
	for (size_t i = 0; i < s->objects; i++)
		for (size_t k = 0; k < s->o[i].n; k++) {
			struct df_manifest_instance in = {.size_bytes = 10};
			bool other = !mostly();

			names[i][k] = mostly();
			if (!names[i][k])
				continue;
			memcpy(in.sop_instance, s->o[i].in[k].sop, 65);
			in.digest = s->o[i].in[k].digest;
			if (other) { /* other bytes of the same UID */
				in.digest.b[31] ^= 1;
				names[i][k] = false;
			}
			assert_int_equal(
				df_manifest_add_instance(&m, &in, NULL), DF_OK);
		}
	df_buf_init(&p->text, DF_MANIFEST_BYTES_MAX);
	df_buf_init(&p->receipt, DF_RECEIPT_BYTES_MAX);
	struct df_why why = {0};
	if (df_manifest_encode(&m, &p->text, &why) != DF_OK)
		fail_msg("%s", why.text);
	df_hash_bytes(&p->digest, p->text.ptr, p->text.len);
	p->honest = mostly();
	r.manifest = p->digest;
	r.held = m.instance_count;
	memcpy(r.study_uid, m.study_uid, 65);
	memcpy(r.centre_node.s, node, 64);
	if (!p->honest)
		switch (chance(3)) {
		case 0:
			r.manifest.b[3] ^= 4;
			break;
		case 1:
			r.held++;
			break;
		default:
			r.version++;
		}
	assert_int_equal(df_receipt_encode(&r, &p->receipt, NULL), DF_OK);
	df_manifest_release(&m);
}

static struct df_text text_of(const struct df_buf *b)
{
	return (struct df_text){(const char *)b->ptr, b->len};
}

static size_t find_manifest(struct world *w, int64_t study, uint32_t version,
			    int dest, struct df_row_manifest *m)
{
	struct df_row_manifest rows[8];
	size_t n = df_journal_manifests_of(w->j, study, rows, 8);

	for (size_t i = 0; i < n; i++)
		if (rows[i].version == version &&
		    strcmp(rows[i].dest, w->peers[dest].name) == 0) {
			*m = rows[i];
			return 1;
		}
	return 0;
}

/* dest < 0: the receipt that we gave. */
static void receipts(struct world *w, struct study *s, int dest)
{
	static const char ours[65] = "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
				     "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";
	struct df_text none = {"", 0};
	uint32_t versions = 1 + (uint32_t)chance(2);

	for (uint32_t v = 1; v <= versions; v++) {
		bool names[OBJECTS][PER_OBJECT] = {{0}}, counts;
		struct paper p = {0};

		write_paper(&p, s, dest < 0 ? ours : w->peers[dest].fingerprint,
			    v, names);
		counts = p.honest;
		if (dest < 0) {
			df_journal_held_add(w->j, s->n, v, &p.digest,
					    text_of(&p.text),
					    text_of(&p.receipt), none);
		} else {
			struct df_row_manifest row = {.study = s->n,
						      .version = v,
						      .digest = p.digest},
					       now;
			bool waits = !mostly();

			df_str_fmt(row.dest, sizeof row.dest, "%s",
				   w->peers[dest].name);
			df_journal_manifest_add(w->j, &row, text_of(&p.text),
						none);
			assert_int_equal(find_manifest(w, s->n, v, dest, &now),
					 1);
			if (!waits)
				df_journal_manifest_receipt(
					w->j, &now, text_of(&p.receipt), none);
			counts = counts && !waits;
		}
		for (size_t i = 0; i < s->objects && counts; i++)
			for (size_t k = 0; k < s->o[i].n; k++) {
				struct truth *t = &s->o[i].in[k];

				if (dest < 0)
					t->ours_named |= names[i][k];
				else
					t->named[dest] |= names[i][k];
			}
		df_buf_release(&p.text);
		df_buf_release(&p.receipt);
	}
}

static void fetch(struct world *w, struct study *s)
{
	struct df_row_fetch f = {.n = s->fetch,
				 .state = s->fetched_ms > 0 ? DF_FETCH_DONE
							    : DF_FETCH_WAITING,
				 .ended_ms = s->fetched_ms};

	df_str_fmt(f.study, sizeof f.study, "%s", s->uid);
	s->fetch = df_journal_fetch_put(w->j, &f);
}

static void put_study(struct world *w, size_t at)
{
	struct study *s = &w->s[at];
	struct df_row_study row;

	*s = (struct study){.taken = chance(3) == 0, .open = !mostly()};
	if (!s->taken && !mostly())
		s->linked = (enum df_linked_state)(1 + chance(3));
	df_str_fmt(s->uid, sizeof s->uid, "1.2.%zu", at + 1);
	s->last_ms = w->now;
	df_journal_study_touch(w->j, s->uid, s->taken ? "ab" : "", "CT", w->now,
			       &row);
	s->n = row.n;
	if (s->linked != DF_LINKED_NOT)
		df_journal_linked_put(
			w->j, &(struct df_row_linked){.study = s->n,
						      .state = s->linked,
						      .twin = "1.2.8"});
	if (chance(4) == 0)
		fetch(w, s);
	s->objects = 1 + chance(OBJECTS);
	for (size_t i = 0; i < s->objects; i++)
		draw_object(w, s, i);
	if (s->taken) {
		receipts(w, s, -1);
		s->open = false; /* given, it is closed */
	}
	for (size_t i = 0; i < PEERS && !s->taken; i++)
		receipts(w, s, (int)i);
	for (size_t i = 0; i < s->objects; i++)
		put_object(w, s, i);
	if (!s->open && !s->taken)
		df_journal_study_close(w->j, s->n, "quiet", w->now);
}

/* --- time passes --- */

static void gone(void *ctx, const struct df_id *id)
{
	struct world *w = ctx;

	for (size_t i = 0; i < w->n; i++)
		for (size_t k = 0; k < w->s[i].objects; k++) {
			struct object *o = &w->s[i].o[k];

			if (strcmp(o->id.s, id->s) != 0)
				continue;
			w->wrong += !may_go(w, &w->s[i], o);
			w->went++;
			o->gone = true;
			return;
		}
	w->wrong++; /* what is that? */
}

static void commit(struct world *w)
{
	struct df_why why = {0};

	if (df_journal_commit(w->j, &why) != DF_OK)
		fail_msg("%s", why.text);
}

static struct study *study_of(struct world *w, int64_t n)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->s[i].n == n)
			return &w->s[i];
	return NULL;
}

static void purge_all(struct world *w, df_retention_fn *judge)
{
	struct df_purge p = {
		&w->cfg, {30 * DAY, w->short_of_space, FETCHED}, w->now, judge};
	struct df_purged out;
	int64_t cursor = 0;

	while (df_journal_releasable_scan(w->j, &p, &cursor, 64))
		;
	for (size_t i = 0; i < w->n; i++)
		for (size_t k = 0; k < w->s[i].objects; k++)
			if (w->s[i].since_ms == 0 &&
			    but_for_age(w, &w->s[i], &w->s[i].o[k]))
				w->s[i].since_ms = w->now;
	while (df_journal_purge(w->j, &p, gone, w, &out)) {
		w->judged++;
		study_of(w, out.study.n)->since_ms = 0;
	}
	commit(w);
}

/* Nothing that may go was forgotten. */
static size_t left_behind(const struct world *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		for (size_t k = 0; k < w->s[i].objects; k++)
			n += may_go(w, &w->s[i], &w->s[i].o[k]);
	return n;
}

/* A word that was missing comes; or one more image of a study. */
static void something_happens(struct world *w)
{
	struct study *s = &w->s[chance(w->n)];
	struct df_row_study row;

	w->now++;
	if (s->taken)
		return;
	if (s->open) {
		s->open = false;
		df_journal_study_close(w->j, s->n, "quiet", w->now);
	} else if (chance(4) == 0) {
		s->open = true;
		s->last_ms = w->now;
		s->since_ms = 0;
		df_journal_study_touch(w->j, s->uid, "", "CT", w->now, &row);
	}
}

static void fetches_end(struct world *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->s[i].fetch > 0 && w->s[i].fetched_ms == 0 &&
		    chance(2) == 0) {
			w->s[i].fetched_ms = w->now;
			fetch(w, &w->s[i]);
		}
}

static void world_open(struct world *w, size_t peers, size_t pacs, size_t n)
{
	char path[80];

	*w = (struct world){.now = 1000 * DAY, .n = n};
	df_str_fmt(w->dir, sizeof w->dir, "/tmp/df-purge-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	df_str_fmt(path, sizeof path, "%s/state.db", w->dir);
	assert_int_equal(df_journal_open(&w->j, path, NULL), DF_OK);
	for (size_t i = 0; i < PEERS; i++) {
		df_str_fmt(w->peers[i].name, sizeof w->peers[i].name, "peer%zu",
			   i);
		memset(w->peers[i].fingerprint, "12"[i], 64);
	}
	for (size_t i = 0; i < PACS; i++)
		df_str_fmt(w->pacs[i].name, sizeof w->pacs[i].name, "pacs%zu",
			   i);
	w->cfg.peers = w->peers;
	w->cfg.n_peers = peers;
	w->cfg.destinations = w->pacs;
	w->cfg.n_destinations = pacs;
	w->s = df_xcalloc(n, sizeof *w->s);
	for (size_t i = 0; i < n; i++)
		put_study(w, i);
}

static void world_close(struct world *w)
{
	char cmd[100];

	df_journal_close(w->j);
	free(w->s);
	df_str_fmt(cmd, sizeof cmd, "rm -rf '%s'", w->dir);
	assert_int_equal(system(cmd), 0);
}

static size_t objects_of(const struct world *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		n += w->s[i].objects;
	return n;
}

struct account {
	size_t objects, went, wrong, left;
};

/* Sixty days, then no more space. */
static void live(size_t peers, size_t pacs, size_t studies,
		 df_retention_fn *judge, struct account *a)
{
	struct world w;

	world_open(&w, peers, pacs, studies);
	a->objects += objects_of(&w);
	for (int day = 0; day <= 60; day++) {
		w.short_of_space = day == 60;
		if (day % 20 == 0) {
			fetches_end(&w);
			purge_all(&w, judge);
			a->left += left_behind(&w);
		}
		w.now += DAY;
		for (size_t i = 0; i < studies / 50; i++)
			something_happens(&w);
	}
	a->went += w.went;
	a->wrong += w.wrong;
	world_close(&w);
}

static void nothing_goes_without_its_word(void **state)
{
	struct account a = {0};

	(void)state;
	seed = 20261122;
	live(2, 2, 2000, df_retention_judge, &a);
	live(1, 0, 2000, df_retention_judge, &a);
	live(0, 1, 1500, df_retention_judge, &a);
	print_message("%zu objects, %zu went\n", a.objects, a.went);
	assert_true(a.objects >= 10000);
	assert_true(a.went > 2000); /* else nothing was tried */
	assert_int_equal(a.wrong, 0);
	assert_int_equal(a.left, 0);
}

static void nobody_holds_it(void **state)
{
	struct account a = {0};

	(void)state;
	seed = 4711;
	live(0, 0, 300, df_retention_judge, &a);
	/* only a clinic's, by no PACS: the centre is where they are kept */
	assert_int_equal(a.went, 0);
	assert_int_equal(a.wrong + a.left, 0);
}

/* The judge without one of its facts. */
#define WITHOUT(field)                               \
	static enum df_keep without_##field(         \
		const struct df_retention_facts *f,  \
		const struct df_retention *p)        \
	{                                            \
		struct df_retention_facts less = *f; \
                                                     \
		less.field = 0;                      \
		return df_retention_judge(&less, p); \
	}
WITHOUT(aside)
WITHOUT(unindexed)
WITHOUT(reports)
WITHOUT(unsent)
WITHOUT(unreceipted)
WITHOUT(unheld)
WITHOUT(promised)
WITHOUT(study_open)
WITHOUT(study_waiting)
WITHOUT(fetching)
WITHOUT(fetched_ms)

static enum df_keep without_age(const struct df_retention_facts *f,
				const struct df_retention *p)
{
	struct df_retention any = {p->keep_ms, true, p->fetched_ms};

	return df_retention_judge(f, &any);
}

static void each_fact_is_missed(void **state)
{
	static df_retention_fn *const judges[] = {
		without_aside,	  without_unindexed,   without_reports,
		without_unsent,	  without_unreceipted, without_unheld,
		without_promised, without_study_open,  without_study_waiting,
		without_fetching, without_fetched_ms,  without_age,
	};

	(void)state;
	for (size_t i = 0; i < sizeof judges / sizeof judges[0]; i++) {
		pid_t pid = fork();
		int status = 0;

		assert_true(pid >= 0);
		if (pid == 0) {
			struct account a = {0};

			/* a bug that is found where it happens ends it too */
			if (getenv("DF_LOUD") == NULL)
				(void)!freopen("/dev/null", "w", stderr);
			seed = 99 + i;
			for (int k = 0; k < 4 && a.wrong == 0; k++)
				live(k % 2, 1 + k / 2, 600, judges[i], &a);
			_exit(a.wrong == 0 ? 0 : MISSED);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!(WIFEXITED(status) && WEXITSTATUS(status) == MISSED) &&
		    !(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT))
			fail_msg("nobody missed fact %zu: %x", i, status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_goes_without_its_word),
		cmocka_unit_test(nobody_holds_it),
		cmocka_unit_test(each_fact_is_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
