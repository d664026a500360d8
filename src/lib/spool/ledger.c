/*
 * ledger.c - spool/ledger: what was settled about objects and stands in no
 * object, so that state.db can be made again without forgetting it.
 *
 * An append-only file of lines "<XXH3-128 of the rest, hex> <JSON>\n", the
 * first one naming the file. It follows state.db and never leads it: rows that
 * settled something stand in `changed` (triggers, ledger_facts.c), and after a
 * commit they are appended and synced; that they were and how long the file is
 * then, is one note. So a crash repeats lines at worst, and the last line about
 * a thing is right. Nothing waits for the ledger: it is not on the path of an
 * acknowledgement.
 *
 * It is written anew when it has grown to several times what is worth saying,
 * and whenever it is not the file that state.db remembers.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "df/checksum.h"
#include "df/file.h"
#include "df/log.h"
#include "df/sys.h"
#include "ledger.h"
#include "paths.h"

#define NAME "ledger"
#define NEW_NAME "ledger.new"
#define HEAD "dcm-forward ledger 1 "
#define SUM_LEN (2 * DF_CHECKSUM_LEN)
#define PIECE (1u << 20)
#define LINE_MAX ((size_t)48 << 20) /* a manifest and its signatures */
#define GROWN_BYTES (64 << 20)
#define GROWN_TIMES 3

struct state { /* of the file, as state.db remembers it */
	struct df_id id; /* "" = it must be written anew */
	uint64_t bytes;
	uint64_t base; /* when it was written anew */
};

static void state_get(struct df_journal *j, struct state *s)
{
	sqlite3_stmt *st = df_sql(j, "SELECT id, bytes, base FROM ledger", "");

	*s = (struct state){0};
	if (df_sql_row(j, st)) {
		df_col_id(st, 0, &s->id);
		s->bytes = (uint64_t)COL(st, 1);
		s->base = (uint64_t)COL(st, 2);
	}
	df_sql_done(st);
}

static void state_put(struct df_journal *j, const struct state *s)
{
	df_sql_note(j, "UPDATE ledger SET id = ?, bytes = ?, base = ?", "tii",
		    s->id.s, (int64_t)s->bytes, (int64_t)s->base);
}

void df_ledger_distrust(struct df_journal *j)
{
	const struct state none = {.bytes = 0};

	state_put(j, &none);
}

/* --- writing ---------------------------------------------------------------- */

struct out {
	int fd;
	uint64_t at;
	struct df_buf piece;
	enum df_err rc;
	struct df_why why;
};

static void out_flush(struct out *o)
{
	if (o->rc == DF_OK)
		o->rc = df_pwrite_all(o->fd, o->piece.ptr, o->piece.len, o->at,
				      &o->why);
	o->at += o->piece.len;
	df_buf_clear(&o->piece);
}

static void sum_of(char hex[SUM_LEN + 1], const char *ptr, size_t len)
{
	struct df_summer s = {0};
	struct df_checksum sum;

	df_summer_init(&s);
	df_summer_update(&s, ptr, len);
	df_summer_sum(&s, &sum);
	df_summer_release(&s);
	df_hex_encode(hex, sum.b, sizeof sum.b);
}

static void out_line(struct out *o, const char *text, size_t len)
{
	char hex[SUM_LEN + 1];

	sum_of(hex, text, len);
	if (o->piece.len > PIECE)
		out_flush(o);
	if (o->rc == DF_OK)
		o->rc = df_buf_add(&o->piece, hex, SUM_LEN, &o->why);
	if (o->rc == DF_OK)
		o->rc = df_buf_add(&o->piece, " ", 1, &o->why);
	if (o->rc == DF_OK)
		o->rc = df_buf_add(&o->piece, text, len, &o->why);
	if (o->rc == DF_OK)
		o->rc = df_buf_add(&o->piece, "\n", 1, &o->why);
}

static void out_changed(struct df_journal *j, struct out *o)
{
	for (size_t i = 0; i < df_n_fact_kinds; i++) {
		sqlite3_stmt *st = df_sql(j, df_fact_kinds[i].render, "");

		while (df_sql_row(j, st))
			out_line(o, (const char *)sqlite3_column_text(st, 0),
				 (size_t)sqlite3_column_bytes(st, 0));
	}
	out_flush(o);
	if (o->rc == DF_OK)
		o->rc = df_fd_sync(o->fd, "the ledger", &o->why);
}

static enum df_err over(struct out *o, struct df_why *why)
{
	df_fd_close(&o->fd);
	df_buf_release(&o->piece);
	if (o->rc != DF_OK && why != NULL)
		*why = o->why;
	return o->rc;
}

/* Everything that is worth saying, into a new file that takes the old one's
 * place; the old one stands until then. */
static enum df_err write_anew(struct df_spool *sp, struct df_journal *j,
			      struct df_why *why)
{
	struct out o = {.fd = -1};
	struct state s = {0};
	char head[sizeof HEAD + DF_ID_LEN];

	df_buf_init(&o.piece, LINE_MAX + PIECE);
	df_sql_note(j, "DELETE FROM changed", "");
	for (size_t i = 0; i < df_n_fact_kinds; i++)
		df_sql_note(j, df_fact_kinds[i].all, "");
	df_id_new(&s.id);
	df_str_fmt(head, sizeof head, HEAD "%s", s.id.s);
	o.rc = df_file_open(&o.fd, sp->root, NEW_NAME,
			    O_RDWR | O_CREAT | O_TRUNC, 0600, &o.why);
	if (o.rc == DF_OK) {
		out_line(&o, head, strlen(head));
		out_changed(j, &o);
	}
	if (o.rc == DF_OK &&
	    df_sys.renameat2(sp->root, NEW_NAME, sp->root, NAME, 0) < 0)
		o.rc = df_fail_sys(&o.why, DF_E_IO, "cannot name the ledger");
	if (o.rc == DF_OK)
		o.rc = df_dir_sync(sp->root, "spool", &o.why);
	if (o.rc == DF_OK) {
		s.bytes = s.base = o.at;
		df_sql_note(j, "DELETE FROM changed", "");
		state_put(j, &s);
	} else {
		df_path_forget(sp->root, NEW_NAME); /* it may be large */
	}
	return over(&o, why);
}

static enum df_err append(struct df_spool *sp, struct df_journal *j,
			  struct state *s, struct df_why *why)
{
	struct out o = {.fd = -1, .at = s->bytes};
	uint64_t size;

	df_buf_init(&o.piece, LINE_MAX + PIECE);
	o.rc = df_file_open(&o.fd, sp->root, NAME, O_RDWR, 0, &o.why);
	if (o.rc == DF_OK)
		o.rc = df_fd_size(o.fd, &size, &o.why);
	if (o.rc == DF_OK && size < s->bytes)
		o.rc = df_fail(&o.why, DF_E_TRUNC, "the ledger was cut");
	/* what stands behind was begun and not finished */
	if (o.rc == DF_OK && size > s->bytes &&
	    df_sys.ftruncate(o.fd, (off_t)s->bytes) < 0)
		o.rc = df_fail_sys(&o.why, DF_E_IO, "cannot cut the ledger");
	if (o.rc == DF_OK)
		out_changed(j, &o);
	if (o.rc == DF_OK) {
		s->bytes = o.at;
		df_sql_note(j, "DELETE FROM changed", "");
	} else if (o.rc != DF_E_NOSPACE) {
		/* a sync that failed is not repeated: another file, whole */
		s->id.s[0] = '\0';
	}
	state_put(j, s);
	return over(&o, why);
}

enum df_err df_ledger_flush(struct df_spool *sp, struct df_journal *j,
			    struct df_why *why)
{
	sqlite3_stmt *st = df_sql(j, "SELECT 1 FROM changed LIMIT 1", "");
	bool any = df_sql_row(j, st);
	struct state s;

	df_sql_done(st);
	if (!df_journal_at_rest(j))
		df_bug("the ledger is written from what may be taken back");
	state_get(j, &s);
	if (s.id.s[0] == '\0' ||
	    (any && s.bytes > GROWN_BYTES && s.bytes > GROWN_TIMES * s.base))
		return write_anew(sp, j, why);
	return any ? append(sp, j, &s, why) : DF_OK;
}

/* --- reading ---------------------------------------------------------------- */

struct in {
	int fd;
	uint64_t at;   /* of the next line */
	uint64_t read; /* up to here it is in buf */
	struct df_buf buf;
	size_t used;
	bool skip; /* the rest of a line that is too long */
	uint64_t good; /* end of the last line that is whole */
	uint64_t damaged;
	enum df_err rc;
	struct df_why why;
};

/* More of the file behind what is left; false at its end. */
static bool in_more(struct in *in)
{
	ssize_t n;

	memmove(in->buf.ptr, in->buf.ptr + in->used, in->buf.len - in->used);
	in->buf.len -= in->used;
	in->used = 0;
	in->rc = df_buf_reserve(&in->buf, PIECE, &in->why);
	if (in->rc != DF_OK)
		return false;
	n = df_sys.pread(in->fd, in->buf.ptr + in->buf.len, PIECE,
			 (off_t)in->read);
	if (n < 0)
		in->rc = df_fail_sys(&in->why, DF_E_IO,
				     "cannot read the ledger");
	if (n <= 0)
		return false;
	in->buf.len += (size_t)n;
	in->read += (uint64_t)n;
	return true;
}

/* The JSON of the next whole line, terminated; borrowed until the next call.
 * Damaged ones are counted and passed over. NULL at the end. */
static const char *in_line(struct in *in)
{
	char hex[SUM_LEN + 1];

	for (;;) {
		char *line = (char *)in->buf.ptr + in->used;
		size_t left = in->buf.len - in->used;
		char *end = left > 0 ? memchr(line, '\n', left) : NULL;
		size_t len;

		if (end == NULL) {
			if (left > LINE_MAX) { /* no line of ours */
				in->at += left;
				in->used = in->buf.len;
				in->skip = true;
			}
			if (in_more(in))
				continue;
			return NULL; /* a line without its end was not said */
		}
		len = (size_t)(end - line);
		in->used += len + 1;
		in->at += len + 1;
		*end = '\0';
		if (!in->skip && len > SUM_LEN + 1 && line[SUM_LEN] == ' ') {
			sum_of(hex, line + SUM_LEN + 1, len - SUM_LEN - 1);
			if (memcmp(hex, line, SUM_LEN) == 0) {
				in->good = in->at;
				return line + SUM_LEN + 1;
			}
		}
		in->skip = false;
		in->damaged++;
	}
}

static void in_open(struct in *in, const struct df_spool *sp)
{
	*in = (struct in){.fd = -1};
	df_buf_init(&in->buf, LINE_MAX + PIECE);
	in->rc = df_file_open(&in->fd, sp->root, NAME, O_RDWR, 0, &in->why);
	if (in->rc == DF_OK)
		in->rc = df_buf_reserve(&in->buf, PIECE, &in->why);
}

static void in_seek(struct in *in, uint64_t at)
{
	in->at = in->read = in->good = at;
	in->used = 0;
	in->skip = false;
	df_buf_clear(&in->buf);
}

static void in_close(struct in *in)
{
	df_fd_close(&in->fd);
	df_buf_release(&in->buf);
}

static const struct df_fact_kind *kind_of(struct df_journal *j,
					  const char *line)
{
	sqlite3_stmt *st = df_sql(
		j, "SELECT iif(json_valid(?1), ?1 ->> 'kind', '')", "t", line);
	const struct df_fact_kind *kind = NULL;
	char name[32] = "";

	if (df_sql_row(j, st))
		df_col_text(st, 0, name, sizeof name);
	df_sql_done(st);
	for (size_t i = 0; i < df_n_fact_kinds; i++)
		if (strcmp(df_fact_kinds[i].name, name) == 0)
			kind = &df_fact_kinds[i];
	return kind;
}

static bool apply(struct df_journal *j, const char *line, bool first)
{
	const struct df_fact_kind *kind = kind_of(j, line);

	if (kind == NULL || kind->first != first)
		return false;
	for (size_t i = 0; i < DF_FACT_STEPS && kind->apply[i] != NULL; i++)
		df_sql_run(j, kind->apply[i], "t", line);
	df_ledger_applied(j, kind, line);
	return true;
}

enum whose {
	OURS,	 /* the file that state.db remembers, as long as it was */
	ANOTHER, /* a ledger that state.db never saw */
	STALE,	 /* cut, without a head, or state.db remembers none */
};

static enum whose whose(struct in *in, const struct state *s)
{
	const char *head = in_line(in);
	size_t n = strlen(HEAD);
	uint64_t size = 0;

	if (head == NULL || strncmp(head, HEAD, n) != 0 || s->id.s[0] == '\0')
		return STALE;
	if (strcmp(head + n, s->id.s) != 0)
		return ANOTHER;
	return df_fd_size(in->fd, &size, NULL) == DF_OK && size >= s->bytes
		       ? OURS
		       : STALE;
}

/* From where: what state.db has not seen of its own file; all of another one
 * that an older state.db finds. A stale one has nothing to say to a journal
 * that is in use, and everything to a new one. */
static bool begin(struct in *in, const struct state *s, bool fresh,
		  uint64_t *from, bool *ours)
{
	enum whose of = whose(in, s);

	*ours = of == OURS;
	*from = *ours ? s->bytes : 0;
	return of != STALE || fresh;
}

static void put_back(struct df_journal *j, struct in *in, uint64_t from,
		     struct df_ledger_account *out)
{
	const char *line;

	for (int pass = 0; in->rc == DF_OK && pass < 2; pass++) {
		in_seek(in, from);
		in->damaged = 0;
		while ((line = in_line(in)) != NULL)
			out->facts += apply(j, line, pass == 0);
	}
	out->damaged = in->damaged;
}

enum df_err df_ledger_replay(struct df_spool *sp, struct df_journal *j,
			     struct df_ledger_account *out, struct df_why *why)
{
	bool ours = false, fresh = df_sql_is_fresh(j);
	struct state s;
	struct in in;
	uint64_t from;

	*out = (struct df_ledger_account){0};
	state_get(j, &s);
	in_open(&in, sp);
	if (in.rc == DF_OK && begin(&in, &s, fresh, &from, &ours))
		put_back(j, &in, from, out);
	if (in.rc != DF_OK && in.rc != DF_E_NOTFOUND) {
		if (fresh && why != NULL)
			*why = in.why;
		df_log(DF_LOG_ERROR, "ledger.unreadable", DF_F_ERR(&in.why));
	}
	s.bytes = in.good;
	if (!ours || in.rc != DF_OK || in.damaged > 0)
		s.id.s[0] = '\0';
	in_close(&in);
	/* a journal in use knows what it knows, and says it again */
	if (in.rc != DF_OK && in.rc != DF_E_NOTFOUND && fresh)
		return in.rc;
	state_put(j, &s);
	return DF_OK;
}

bool df_ledger_is_whole(const struct df_spool *sp, struct df_journal *j)
{
	struct state s;
	struct in in;
	bool ours = false;

	state_get(j, &s);
	in_open(&in, sp);
	if (s.id.s[0] == '\0') /* it will be written anew */
		ours = true;
	else if (in.rc == DF_OK)
		ours = whose(&in, &s) == OURS;
	in_close(&in);
	return ours;
}

enum df_err df_ledger_check(const struct df_spool *sp,
			    struct df_ledger_account *out, struct df_why *why)
{
	struct in in;

	*out = (struct df_ledger_account){0};
	in_open(&in, sp);
	while (in.rc == DF_OK && in_line(&in) != NULL)
		out->facts++;
	out->damaged = in.damaged;
	if (in.rc != DF_OK && in.rc != DF_E_NOTFOUND && why != NULL)
		*why = in.why;
	in_close(&in);
	return in.rc == DF_E_NOTFOUND ? DF_OK : in.rc;
}
