/* peers.c - rows of uploads, mailboxes, pulls and reports. */
#include <stdio.h>

#include "sql.h"

#define SELECT_UPLOAD                                                          \
	"SELECT hex, peer, size, offset, file, state, err, why, deaths,"      \
	" priority FROM uploads "

static void upload_read(sqlite3_stmt *st, struct df_row_upload *u)
{
	*u = (struct df_row_upload){0};
	df_col_text(st, 0, u->hex, sizeof u->hex);
	df_col_text(st, 1, u->peer, sizeof u->peer);
	u->size = (uint64_t)COL(st, 2);
	u->offset = (uint64_t)COL(st, 3);
	df_col_id(st, 4, &u->file);
	u->state = (enum df_upload_state)COL(st, 5);
	u->err = df_err_from((uint64_t)COL(st, 6));
	df_col_text(st, 7, u->why, sizeof u->why);
	u->deaths = (uint32_t)COL(st, 8);
	u->priority = (uint32_t)COL(st, 9);
}

bool df_journal_upload(struct df_journal *j, const char *hex, const char *peer,
		       struct df_row_upload *u)
{
	sqlite3_stmt *st = df_sql(j,
				  SELECT_UPLOAD "WHERE hex = ? AND peer = ?",
				  "tt", hex, peer);
	bool found = df_sql_row(j, st);

	if (found)
		upload_read(st, u);
	df_sql_done(st);
	return found;
}

void df_journal_upload_put(struct df_journal *j, const struct df_row_upload *u,
			   int64_t now_ms)
{
	df_sql_run(j,
		   "INSERT OR REPLACE INTO uploads"
		   " VALUES(?,?,?,?,?,?,?,?,?,?,?)",
		   "ttiitiitiii", u->hex, u->peer, (int64_t)u->size,
		   (int64_t)u->offset, u->file.s, (int64_t)u->state,
		   (int64_t)u->err, u->why, (int64_t)u->deaths, now_ms,
		   (int64_t)u->priority);
}

void df_journal_upload_drop(struct df_journal *j, const char *hex,
			    const char *peer)
{
	df_sql_run(j, "DELETE FROM uploads WHERE hex = ? AND peer = ?", "tt",
		   hex, peer);
}

size_t df_journal_uploads_whole(struct df_journal *j, const char *after,
				struct df_row_upload *rows, size_t max)
{
	sqlite3_stmt *st = df_sql(
		j,
		SELECT_UPLOAD
		"WHERE state = 1 AND peer = (SELECT peer FROM uploads"
		" WHERE state = 1 AND peer > ? ORDER BY peer LIMIT 1)"
		" ORDER BY priority DESC, at LIMIT ?",
		"ti", after, (int64_t)max);
	size_t n = 0;

	while (n < max && df_sql_row(j, st))
		upload_read(st, &rows[n++]);
	df_sql_done(st);
	return n;
}

size_t df_journal_uploads_urgent(struct df_journal *j,
				 struct df_row_upload *rows, size_t max)
{
	sqlite3_stmt *st = df_sql(
		j,
		SELECT_UPLOAD
		/* of each group the row with the least: SQLite says so */
		"WHERE state = 1 AND priority > 0 GROUP BY peer"
		" ORDER BY min(at) LIMIT ?",
		"i", (int64_t)max);
	size_t n = 0;

	while (n < max && df_sql_row(j, st))
		upload_read(st, &rows[n++]);
	df_sql_done(st);
	return n;
}

static bool any(struct df_journal *j, sqlite3_stmt *st)
{
	bool found = df_sql_row(j, st);

	df_sql_done(st);
	return found;
}

bool df_journal_upload_file(struct df_journal *j, const struct df_id *file)
{
	return any(j, df_sql(j, "SELECT 1 FROM uploads WHERE file = ?", "t",
			     file->s));
}

/* --- mailboxes ------------------------------------------------------------ */

int64_t df_journal_mail_add(struct df_journal *j, const char *peer,
			    const char *hex, const struct df_id *object,
			    uint64_t dfenv_len)
{
	/* Numbers grow across the loss of this journal too, or a peer's cursor
	 * would be ahead of its mail: so they begin at the time. */
	df_sql_run(j,
		   "INSERT OR IGNORE INTO mail(seq, peer, hex, object, dfenv)"
		   " VALUES(max((SELECT coalesce(max(seq), 0) + 1 FROM mail),"
		   " 1000 * strftime('%s', 'now')),?,?,?,?)",
		   "ttti", peer, hex, object->s, (int64_t)dfenv_len);
	return df_sql_last(j);
}

#define SELECT_MAIL "SELECT seq, peer, hex, object, dfenv FROM mail "

static void mail_read(sqlite3_stmt *st, struct df_row_mail *m)
{
	*m = (struct df_row_mail){.seq = COL(st, 0)};
	df_col_text(st, 1, m->peer, sizeof m->peer);
	df_col_text(st, 2, m->hex, sizeof m->hex);
	df_col_id(st, 3, &m->object);
	m->dfenv_len = (uint64_t)COL(st, 4);
}

size_t df_journal_mail(struct df_journal *j, const char *peer, int64_t after,
		       struct df_row_mail *rows, size_t max)
{
	sqlite3_stmt *st = df_sql(j,
				  SELECT_MAIL "WHERE peer = ? AND seq > ?"
					      " ORDER BY seq LIMIT ?",
				  "tii", peer, after, (int64_t)max);
	size_t n = 0;

	while (n < max && df_sql_row(j, st))
		mail_read(st, &rows[n++]);
	df_sql_done(st);
	return n;
}

bool df_journal_mail_find(struct df_journal *j, const char *peer,
			  const char *hex, struct df_row_mail *m)
{
	sqlite3_stmt *st = df_sql(j, SELECT_MAIL "WHERE peer = ? AND hex = ?",
				  "tt", peer, hex);
	bool found = df_sql_row(j, st);

	if (found)
		mail_read(st, m);
	df_sql_done(st);
	return found;
}

void df_journal_pull(struct df_journal *j, const char *dest,
		     struct df_row_pull *p)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT cursor, hex, next_cursor, size,"
				  " offset, file FROM pulls WHERE dest = ?",
				  "t", dest);

	*p = (struct df_row_pull){0};
	df_str_fmt(p->dest, sizeof p->dest, "%s", dest);
	if (df_sql_row(j, st)) {
		p->cursor = COL(st, 0);
		df_col_text(st, 1, p->hex, sizeof p->hex);
		p->next_cursor = COL(st, 2);
		p->size = (uint64_t)COL(st, 3);
		p->offset = (uint64_t)COL(st, 4);
		df_col_id(st, 5, &p->file);
	}
	df_sql_done(st);
}

void df_journal_pull_put(struct df_journal *j, const struct df_row_pull *p)
{
	df_sql_run(j, "INSERT OR REPLACE INTO pulls VALUES(?,?,?,?,?,?,?)",
		   "titiiit", p->dest, p->cursor, p->hex, p->next_cursor,
		   (int64_t)p->size, (int64_t)p->offset, p->file.s);
}

bool df_journal_pull_file(struct df_journal *j, const struct df_id *file)
{
	return any(j, df_sql(j, "SELECT 1 FROM pulls WHERE file = ?", "t",
			     file->s));
}

/* --- reports -------------------------------------------------------------- */

void df_journal_report_add(struct df_journal *j, const struct df_row_report *r)
{
	df_sql_run(j,
		   "INSERT OR IGNORE INTO reports(object, hex, peer, direction,"
		   " stored, verdict) VALUES(?,?,?,?,?,?)",
		   "tttiii", r->object.s, r->hex, r->peer,
		   (int64_t)r->direction, (int64_t)r->stored,
		   (int64_t)r->verdict);
}

#define SELECT_REPORT                                                          \
	"SELECT n, object, hex, peer, direction, stored, verdict FROM reports "

static void report_read(sqlite3_stmt *st, struct df_row_report *r)
{
	*r = (struct df_row_report){.n = COL(st, 0)};
	df_col_id(st, 1, &r->object);
	df_col_text(st, 2, r->hex, sizeof r->hex);
	df_col_text(st, 3, r->peer, sizeof r->peer);
	r->direction = (enum df_env_direction)COL(st, 4);
	r->stored = COL(st, 5) != 0;
	r->verdict = (uint32_t)COL(st, 6);
}

static bool report_one(struct df_journal *j, sqlite3_stmt *st,
		       struct df_row_report *r)
{
	bool found = df_sql_row(j, st);

	if (found)
		report_read(st, r);
	df_sql_done(st);
	return found;
}

bool df_journal_report_find(struct df_journal *j, const char *hex,
			    struct df_row_report *r)
{
	return report_one(j, df_sql(j, SELECT_REPORT "WHERE hex = ?", "t", hex),
			  r);
}

bool df_journal_report_of(struct df_journal *j, const struct df_id *object,
			  struct df_row_report *r)
{
	return report_one(
		j, df_sql(j, SELECT_REPORT "WHERE object = ?", "t", object->s),
		r);
}

size_t df_journal_reports_open(struct df_journal *j, int64_t after,
			       struct df_row_report *rows, size_t max)
{
	sqlite3_stmt *st = df_sql(j,
				  SELECT_REPORT "WHERE stored = 0 AND n > ?"
						" ORDER BY n LIMIT ?",
				  "ii", after, (int64_t)max);
	size_t n = 0;

	while (n < max && df_sql_row(j, st))
		report_read(st, &rows[n++]);
	df_sql_done(st);
	return n;
}

void df_journal_report_stored(struct df_journal *j, int64_t n,
			      uint32_t verdict)
{
	df_sql_run(j, "UPDATE reports SET stored = 1, verdict = ? WHERE n = ?",
		   "ii", (int64_t)verdict, n);
}
