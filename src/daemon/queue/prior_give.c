/*
 * prior_give.c - the files of an earlier exam for a node that may have it
 * (index said so): its parcels as they stand here and the reports on it, each
 * with a header that this reader can open (REWRAP_RQ). Payloads are neither
 * decoded nor copied; mailbox.c serves them behind their new headers.
 *
 * A study of our own that went to no peer lies here as raw objects: it is
 * packed first, by packing.c, and its parcels are its home from then on.
 */
#include <stdlib.h>
#include <string.h>

#include "df/fetches.h"
#include "df/log.h"
#include "df/sealed.h"
#include "queue.h"

#define PARCELS_PAGE 32
#define REPORTS_MAX 24
#define GIVE_MAX (PARCELS_PAGE + REPORTS_MAX)
#define WANTED_MS 60000	     /* asked for again while it is wanted */
#define PACKING_WAIT_MS 1000 /* look again after */
#define KEPT_MS (7 * 86400000ll)

struct give_file {
	struct giving *g;
	struct df_row_outgoing row;
	struct df_buf head; /* as it stands here */
	uint64_t dfenv_len;
};

struct giving {
	struct giving *next;
	struct queue *q;
	struct df_link *link; /* NULL when it went away */
	uint32_t tag;
	char peer[DF_HEX_LEN + 1]; /* the reader */
	struct df_row_study study;
	uint64_t instances, gone, cursor, wait_ms;
	struct give_file files[GIVE_MAX];
	size_t n;
	size_t waiting; /* headers still to come, and one for us */
	enum df_err rc;
	struct df_why why;
};

void prior_give_link_down(struct queue *q, struct df_link *link)
{
	for (struct giving *g = q->givings; g != NULL; g = g->next)
		if (g->link == link)
			g->link = NULL;
}

static void over(struct giving *g)
{
	struct giving **at = &g->q->givings;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	for (size_t i = 0; i < g->n; i++)
		df_buf_release(&g->files[i].head);
	free(g);
}

static void put_files(const struct giving *g, struct df_msg *out)
{
	const char *origin =
		g->study.peer[0] != '\0' ? g->study.peer : g->q->self;

	df_msg_put_str(out, DF_M_PEER, origin);
	df_msg_put_u64(out, DF_M_NUMBER, g->instances);
	df_msg_put_u64(out, DF_M_MISSING, g->gone);
	df_msg_put_u64(out, DF_M_CURSOR, g->cursor);
	if (g->wait_ms > 0)
		df_msg_put_u64(out, DF_M_WAIT_MS, g->wait_ms);
	for (size_t i = 0; i < g->n; i++) {
		const struct df_row_outgoing *o = &g->files[i].row;
		struct df_msg item;

		if (o->hex[0] == '\0')
			continue;
		df_msg_init(&item, DF_MSG_NONE, 0);
		df_msg_put_str(&item, DF_M_PARCEL, o->hex);
		df_msg_put_u64(&item, DF_M_LENGTH, o->size);
		df_msg_put_str(&item, DF_M_PEER, o->sender);
		df_msg_put_u64(&item, DF_M_CONTENT,
			       o->report ? DF_SEALED_REPORT : DF_SEALED_PARCEL);
		df_msg_put_item(out, DF_M_MAIL, &item);
		df_msg_release(&item);
	}
}

static void answer(struct giving *g)
{
	struct df_msg out;

	if (g->link != NULL) {
		df_msg_init(&out, DF_MSG_PRIOR_FILES, g->tag);
		df_msg_put_result(&out, g->rc, &g->why);
		if (g->rc == DF_OK)
			put_files(g, &out);
		queue_post(g->q, g->link, &out, NULL, 0);
	}
	over(g);
}

static void part_ready(struct giving *g, enum df_err rc,
		       const struct df_why *why)
{
	if (rc != DF_OK && g->rc == DF_OK) {
		g->rc = rc;
		g->why = *why;
	}
	if (--g->waiting == 0)
		answer(g);
}

/* --- headers ----------------------------------------------------------------
 */

static void file_ready(struct give_file *f, enum df_err rc,
		       const struct df_why *why)
{
	/* without a report that cannot be read here there is still the study */
	if (rc != DF_OK && df_err_fate(rc) != DF_FATE_RETRY && f->row.report) {
		df_log(DF_LOG_WARN, "prior.report.left", DF_F_ERR(why));
		f->row.hex[0] = '\0';
		rc = DF_OK;
	}
	part_ready(f->g, rc, why);
}

static void rewrapped(void *ctx, struct df_reply *r)
{
	struct give_file *f = ctx;
	struct df_text header;

	if (r->err == DF_OK) {
		if (!df_msg_get(r->msg, DF_M_HEADER, &header))
			df_bug("keys made no header");
		f->row.skip = f->head.len;
		f->row.size = f->dfenv_len - f->head.len + header.len;
		df_journal_outgoing_put(f->g->q->j, &f->row, header,
					f->g->q->now);
	}
	file_ready(f, r->err, &r->why);
}

static void ask_header(struct give_file *f)
{
	struct giving *g = f->g;
	struct df_row_outgoing made;
	struct df_why why = {0};
	struct df_msg m;
	enum df_err rc;

	g->waiting++;
	df_buf_init(&f->head, DF_SEALED_HEAD_MAX);
	if (df_journal_outgoing(g->q->j, g->peer, f->row.hex, &made, NULL) &&
	    strcmp(made.object.s, f->row.object.s) == 0) {
		f->row = made;
		file_ready(f, DF_OK, &why);
		return;
	}
	rc = object_header(g->q, &f->row.object, &f->head, &f->dfenv_len, &why);
	if (rc != DF_OK) {
		file_ready(f, rc, &why);
		return;
	}
	df_msg_init(&m, DF_MSG_REWRAP_RQ, 0);
	df_msg_put(&m, DF_M_HEADER, f->head.ptr, f->head.len);
	df_msg_put_str(&m, DF_M_PEER, f->row.sender);
	df_msg_put_str(&m, DF_M_RECIPIENT, g->peer);
	queue_call(g->q, queue_keys(g->q), &m, NULL, 0, DF_MSG_NONE, CALL_MS,
		   rewrapped, f);
}

/* sender "" = we sealed it. */
static void add_file(struct giving *g, const char *hex,
		     const struct df_id *object, const char *sender,
		     bool report)
{
	struct give_file *f = &g->files[g->n++];

	*f = (struct give_file){.g = g};
	memcpy(f->row.peer, g->peer, sizeof f->row.peer);
	memcpy(f->row.hex, hex, sizeof f->row.hex);
	df_str_fmt(f->row.sender, sizeof f->row.sender, "%s",
		   sender[0] != '\0' ? sender : g->q->self);
	f->row.object = *object;
	f->row.report = report;
}

/* --- what there is -----------------------------------------------------------
 */

static bool add_parcels(struct giving *g)
{
	static struct df_row_parcel rows[PARCELS_PAGE]; /* one thread */
	size_t n = df_journal_parcels_ready(
		g->q->j, g->study.n, (int64_t)g->cursor, rows, PARCELS_PAGE);

	for (size_t i = 0; i < n; i++) {
		add_file(g, rows[i].hex, &rows[i].object, rows[i].peer, false);
		g->cursor = (uint64_t)rows[i].n;
	}
	return n < PARCELS_PAGE;
}

/* Behind all parcels: a report is nothing without its study. */
static void add_reports(struct giving *g, const struct df_msg *m)
{
	struct df_row_report r;
	struct df_text text;
	struct df_id id;
	size_t at = 0;

	while (g->n < GIVE_MAX && df_msg_next(m, DF_M_OBJECT, &at, &text))
		if (df_id_decode(&id, text) &&
		    df_journal_report_of(g->q->j, &id, &r))
			add_file(g, r.hex, &r.object,
				 r.direction == DF_ENV_MADE ? "" : r.peer,
				 true);
}

static void want(struct queue *q, int64_t study)
{
	struct wanted *place = &q->wanted[0];

	for (size_t i = 0; i < WANTED_STUDIES; i++) {
		struct wanted *w = &q->wanted[i];

		if (w->study == study) {
			place = w;
			break;
		}
		if (w->until_ms < place->until_ms)
			place = w;
	}
	*place = (struct wanted){study, q->now + WANTED_MS};
	q->pack_look = true;
}

int64_t prior_wanted(const struct queue *q, size_t place)
{
	return q->wanted[place].until_ms > q->now ? q->wanted[place].study : 0;
}

static enum df_err list(struct giving *g, const struct df_msg *m,
			struct df_why *why)
{
	char uid[65], origin[DF_HEX_LEN + 1];
	struct df_study_counts c;

	if (!df_msg_get_str(m, DF_M_STUDY, uid, sizeof uid) ||
	    !df_msg_get_str(m, DF_M_RECIPIENT, g->peer, sizeof g->peer) ||
	    !df_msg_get_u64(m, DF_M_CURSOR, &g->cursor))
		df_bug("a question for files that is not whole");
	if (g->q->self[0] == '\0')
		return df_fail(why, DF_E_AGAIN, "this node is starting");
	(void)df_msg_get_str(m, DF_M_PEER, origin,
			     sizeof origin); /* absent: our own */
	if (!df_journal_study_find(g->q->j, uid, origin, &g->study))
		return df_fail(why, DF_E_NOTFOUND,
			       "this node holds no such study");
	df_journal_study_counts(g->q->j, g->study.n, &c);
	g->instances = c.instances;
	g->gone = c.purged;
	if (!add_parcels(g)) {
		g->wait_ms = 1; /* the next page */
	} else if (df_journal_study_is_raw(g->q->j, g->study.n)) {
		if (g->study.peer[0] == '\0')
			want(g->q, g->study.n);
		g->wait_ms = PACKING_WAIT_MS;
	} else {
		add_reports(g, m);
	}
	return DF_OK;
}

QUEUE_HANDLER(prior_files)
{
	struct queue *q = queue_of(room);
	struct giving *g = df_xcalloc(1, sizeof *g);

	(void)fds, (void)n_fds;
	g->q = q;
	g->link = from;
	g->tag = m->tag;
	g->waiting = 1;
	g->next = q->givings;
	q->givings = g;
	df_journal_outgoing_forget(q->j, q->now - KEPT_MS);
	g->rc = list(g, m, &g->why);
	for (size_t i = 0; g->rc == DF_OK && i < g->n; i++)
		ask_header(&g->files[i]);
	part_ready(g, DF_OK, &g->why);
}
