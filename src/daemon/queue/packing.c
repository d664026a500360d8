/*
 * packing.c - instances of a study become a parcel.
 *
 * The first parcel of a study closes with its first instance; later ones when
 * they have grown to their size (parcel.size, more on a line of a local
 * network), at once when the line has nothing else to do,
 * after parcel.wait without more, or when the study is closed. They grow to
 * parcel.size by doubling, so that the line does not wait for the first large
 * one to be coded. Those of urgent studies are smaller, so that more of them go
 * at once, wait less and have places of their own.
 * One at a time per study: a parcel names the one before it.
 * keys makes the header, a cell codes and seals, and the file is published.
 * The raw objects stay until verify.c has compared the parcel with them; a
 * crash on the way leaves nothing but a file that the next start removes.
 */
#include "packing.h"

#include <stdlib.h>
#include <string.h>

#include "df/file.h"
#include "df/log.h"
#include "df/sealed.h"

#define PACKS_MAX 4  /* studies that are packed at the same time, */
#define PACKS_URGENT 2 /* and urgent ones beside them */
#define URGENT_PART 4  /* of the size of others */
#define URGENT_WAIT_MS 200
#define BAD_PAUSE_MS 60000
#define FIRST_BYTES (128LL << 10) /* doubled with each parcel of the study */
#define GROWN 16
#define FAST_PARCELS 40 /* a second at most, where the line is so fast, */
#define FAST_SIZE 4	/* in parcels of so many times parcel.size */

void pack_over(struct pack *p, bool again)
{
	struct pack **at = &p->q->packs;

	p->promised = 0;
	if (again && !p->cooling) {
		/* keep the study's place for a moment, then look again */
		p->cooling = true;
		queue_later(p->q, RETRY_MS, pack_cooled, p);
		return;
	}
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	p->q->pack_look = true;
	p->q->urgent_look = p->q->urgent_look || p->study.priority > 0;
	df_stage_drop(&p->q->sp, &p->stage);
	for (size_t i = 0; i < p->n; i++) {
		df_fd_close(&p->src[i].o.fd);
		explicit_bzero(&p->src[i].o, sizeof p->src[i].o);
	}
	df_buf_release(&p->header);
	free(p);
}

void pack_cooled(void *ctx)
{
	pack_over(ctx, false);
}

bool pack_busy(const struct queue *q, int64_t study)
{
	for (const struct pack *p = q->packs; p != NULL; p = p->next)
		if (p->study.n == study)
			return true;
	return false;
}

uint64_t pack_promised(const struct queue *q)
{
	uint64_t sum = 0;

	for (const struct pack *p = q->packs; p != NULL; p = p->next) {
		uint64_t has = 0;

		if (p->promised == 0 ||
		    df_fd_size(p->stage.fd, &has, NULL) != DF_OK)
			continue;
		sum += p->promised > has ? p->promised - has : 0;
	}
	return sum;
}

void pack_failed(struct queue *q, int64_t study, bool soon)
{
	struct pack *p = df_xcalloc(1, sizeof *p);

	/* something is wrong with memory, disk or codec: not in a circle */
	p->q = q;
	p->study.n = study;
	p->cooling = true;
	p->stage.fd = -1;
	p->next = q->packs;
	q->packs = p;
	queue_later(q, soon ? RETRY_MS : BAD_PAUSE_MS, pack_cooled, p);
}

/* --- what goes in ------------------------------------------------------------ */

bool pack_is_awaited(const struct queue *q)
{
	if (q->packs != NULL || q->verifies > 0)
		return false; /* there is something soon */
	for (size_t i = 0; i < q->cfg->n_peers; i++)
		if (q->peers[i].window.failures == 0 &&
		    q->peers[i].under_way == 0)
			return true;
	return false;
}

/* Coded bytes. Each parcel costs both sides jobs and syncs, whatever it holds:
 * a fast line gets fewer. */
static double grown_bytes(const struct queue *q)
{
	double size = (double)q->cfg->parcel.size_bytes;
	double fast = pack_line(q) / FAST_PARCELS;

	if (fast <= size)
		return size;
	return fast < FAST_SIZE * size ? fast : FAST_SIZE * size;
}

/* Raw bytes that the next parcel of a study should hold. */
static double wanted_bytes(const struct queue *q, const struct df_row_study *s)
{
	double size = grown_bytes(q);

	if (s->sequence < GROWN && size > (double)(FIRST_BYTES << s->sequence))
		size = (double)(FIRST_BYTES << s->sequence);
	return size * q->ratio / (s->priority > 0 ? URGENT_PART : 1);
}

/* How many of rows make the next parcel; 0 = wait for more. */
static size_t choose(const struct queue *q, const struct df_row_study *s,
		     const struct df_row_instance *rows, size_t n)
{
	const bool urgent = s->priority > 0;
	double want = wanted_bytes(q, s);
	int64_t wait_ms = q->cfg->parcel.wait_ms;
	double have = 0;
	int64_t newest = 0;
	size_t k;

	for (k = 0; k < n; k++) {
		/* one that cells died on goes alone, to be found out */
		if (rows[k].deaths >= PACK_SUSPECT)
			return k == 0 ? 1 : k;
		have += (double)rows[k].size_bytes;
		if (rows[k].received_ms > newest)
			newest = rows[k].received_ms;
		if (have >= want)
			return k + 1;
	}
	if (s->sequence == 0)
		return 1;
	if (urgent && wait_ms > URGENT_WAIT_MS)
		wait_ms = URGENT_WAIT_MS;
	if (k == PACK_MAX || s->state == DF_STUDY_CLOSED ||
	    q->now - newest >= wait_ms || q->now < newest ||
	    pack_is_awaited(q))
		return k;
	return 0;
}

/* --- opening the sources and the header ---------------------------------------- */

static void part_ready(struct pack *p, enum df_err rc,
		       const struct df_why *why)
{
	if (rc != DF_OK && p->rc == DF_OK) {
		p->rc = rc;
		p->why = *why;
	}
	if (--p->waiting > 0)
		return;
	if (p->rc == DF_OK) {
		pack_submit(p);
		return;
	}
	df_log(DF_LOG_WARN, "pack.delayed", DF_F_ERR(&p->why));
	pack_over(p, true);
}

static void source_opened(void *ctx, enum df_err rc, const struct df_why *why,
			  struct opened *o)
{
	struct pack_source *s = ctx;

	if (rc == DF_OK) {
		s->o = *o;
		o->fd = -1;
	}
	part_ready(s->pack, rc, why);
}

static void sealed(void *ctx, struct df_reply *r)
{
	struct pack *p = ctx;
	struct df_text header, cek;
	enum df_err rc = r->err;
	struct df_why why = r->why;

	if (rc == DF_OK && (!df_msg_get(r->msg, DF_M_HEADER, &header) ||
			    !df_msg_get(r->msg, DF_M_CEK, &cek) ||
			    cek.len != CEK_LEN ||
			    !df_msg_get_str(r->msg, DF_M_PARCEL, p->row.hex,
					    sizeof p->row.hex) ||
			    !df_msg_get_digest(r->msg, DF_M_H0, &p->row.h0)))
		df_bug("keys sealed without saying what");
	if (rc == DF_OK) {
		memcpy(p->cek, cek.ptr, CEK_LEN);
		rc = df_buf_add(&p->header, header.ptr, header.len, &why);
	}
	part_ready(p, rc, &why);
}

static void ask_header(struct pack *p)
{
	struct queue *q = p->q;
	struct df_msg m;

	p->row.study = p->study.n;
	p->row.direction = DF_ENV_MADE;
	p->row.epoch = p->study.epoch;
	p->row.sequence = p->study.sequence + 1;
	p->row.previous = p->study.h0;
	df_msg_init(&m, DF_MSG_SEAL_RQ, 0);
	df_msg_put_u64(&m, DF_M_CONTENT, DF_SEALED_PARCEL);
	df_msg_put_u64(&m, DF_M_EPOCH, p->row.epoch);
	df_msg_put_u64(&m, DF_M_SEQUENCE, p->row.sequence);
	df_msg_put_digest(&m, DF_M_PREVIOUS, &p->row.previous);
	for (size_t i = 0; i < q->cfg->n_peers; i++)
		df_msg_put_str(&m, DF_M_PEER, q->cfg->peers[i].fingerprint);
	queue_call(q, queue_keys(q), &m, NULL, 0, DF_MSG_NONE, CALL_MS, sealed,
		   p);
}

static void start(struct queue *q, const struct df_row_study *s,
		  const struct df_row_instance *rows, size_t n)
{
	struct pack *p = df_xcalloc(1, sizeof *p);

	p->q = q;
	p->study = *s;
	p->n = n;
	p->waiting = n + 1;
	p->stage.fd = -1;
	df_buf_init(&p->header, DF_SEALED_HEAD_MAX);
	p->next = q->packs;
	q->packs = p;
	for (size_t i = 0; i < n; i++) {
		p->src[i] = (struct pack_source){.pack = p, .row = rows[i]};
		p->src[i].o.fd = -1;
	}
	for (size_t i = 0; i < n; i++)
		object_open(q, &rows[i].object, false, "", source_opened,
			    &p->src[i]);
	ask_header(p);
}

/* Studies of that urgency that are packed now. */
static size_t packs_of(const struct queue *q, bool urgent)
{
	size_t n = 0;

	for (const struct pack *p = q->packs; p != NULL; p = p->next)
		n += (p->study.priority > 0) == urgent;
	return n;
}

static bool has_place(const struct queue *q, bool urgent)
{
	return packs_of(q, urgent) < (urgent ? PACKS_URGENT : PACKS_MAX);
}

static void pack_study(struct queue *q, const struct df_row_study *s)
{
	static struct df_row_instance rows[PACK_MAX]; /* one thread */
	size_t k;

	if (pack_busy(q, s->n))
		return;
	k = df_journal_instances(q->j, DF_OF_TO_PACK, s->n, rows, PACK_MAX);
	k = choose(q, s, rows, k);
	if (k > 0)
		start(q, s, rows, k);
}

/* What goes to no peer, and another node fetches. */
static void pack_wanted(struct queue *q)
{
	struct df_row_study s;

	for (size_t i = 0; i < WANTED_STUDIES; i++)
		if (prior_wanted(q, i) != 0 && has_place(q, false) &&
		    df_journal_study(q->j, prior_wanted(q, i), &s))
			pack_study(q, &s);
}

void pack_pump(struct queue *q)
{
	struct df_row_study studies[16];
	size_t n;

	if (!q->pack_look)
		return;
	/* without a place: the end of one sets pack_look */
	if (!has_place(q, false) && !(q->urgent_look && has_place(q, true)))
		return;
	q->pack_look = q->urgent_look = false;
	n = q->cfg->n_peers == 0
		    ? 0
		    : df_journal_studies(q->j, DF_OF_UNPACKED, 0, studies, 16);
	for (size_t i = 0; i < n; i++) {
		/* an urgent one takes any place that is free */
		if (!has_place(q, studies[i].priority > 0) &&
		    (studies[i].priority == 0 || !has_place(q, false)))
			continue;
		if (df_route_peers(q->cfg, studies[i].peer))
			pack_study(q, &studies[i]);
	}
	pack_wanted(q);
}
