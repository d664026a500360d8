/* damage.c - see df/damage.h. */
#include "df/damage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "df/file.h"
#include "df/sys.h"
#include "paths.h"
#include "sql.h"

void df_journal_scrub(struct df_journal *j, struct df_scrub *s)
{
	sqlite3_stmt *st = df_sql(j,
				  "SELECT cursor, begun, looked, bytes,"
				  " damaged, done FROM scrub",
				  "");

	*s = (struct df_scrub){0};
	if (df_sql_row(j, st)) {
		df_col_id(st, 0, &s->cursor);
		s->begun_ms = COL(st, 1);
		s->looked = (uint64_t)COL(st, 2);
		s->bytes = (uint64_t)COL(st, 3);
		s->damaged = (uint64_t)COL(st, 4);
		s->done_ms = COL(st, 5);
	}
	df_sql_done(st);
}

void df_journal_scrub_put(struct df_journal *j, const struct df_scrub *s)
{
	df_sql_note(j,
		    "UPDATE scrub SET cursor = ?, begun = ?, looked = ?,"
		    " bytes = ?, damaged = ?, done = ?",
		    "tiiiii", s->cursor.s, s->begun_ms, (int64_t)s->looked,
		    (int64_t)s->bytes, (int64_t)s->damaged, s->done_ms);
}

bool df_journal_scrub_next(struct df_journal *j, const struct df_id *after,
			   struct df_id *id)
{
	sqlite3_stmt *st = df_sql(
		j, "SELECT id FROM objects WHERE id > ? ORDER BY id LIMIT 1",
		"t", after->s);
	bool found = df_sql_row(j, st);

	if (found)
		df_col_id(st, 0, id);
	df_sql_done(st);
	return found;
}

int64_t df_journal_object_created(struct df_journal *j, const struct df_id *id)
{
	sqlite3_stmt *st = df_sql(
		j, "SELECT created FROM objects WHERE id = ?", "t", id->s);
	int64_t ms = df_sql_row(j, st) ? COL(st, 0) : 0;

	df_sql_done(st);
	return ms;
}

uint64_t df_journal_index_forget(struct df_journal *j)
{
	uint64_t n;

	df_sql_run(j,
		   "UPDATE instances SET indexed = 0 WHERE indexed = 1 AND"
		   " state IN (1, 2)",
		   "");
	n = df_sql_changes(j);
	df_sql_run(j, "UPDATE reports SET stored = 0 WHERE stored = 1", "");
	return n + df_sql_changes(j);
}

uint64_t df_journal_object_count(struct df_journal *j)
{
	sqlite3_stmt *st = df_sql(j, "SELECT count(*) FROM objects", "");
	uint64_t n = df_sql_row(j, st) ? (uint64_t)COL(st, 0) : 0;

	df_sql_done(st);
	return n;
}

enum df_err df_spool_set_aside(struct df_spool *sp, const struct df_id *id,
			       struct df_why *why)
{
	char from[DF_OBJECT_PATH], to[DF_ID_LEN + 16];

	df_object_path(from, id);
	df_str_fmt(to, sizeof to, "%s" DF_DAMAGED_SUFFIX, id->s);
	if (df_sys.renameat2(sp->objects, from, sp->quarantine, to, 0) < 0 &&
	    (errno != ENOENT ||
	     (df_sys.renameat2(sp->quarantine, id->s, sp->quarantine, to, 0) <
		      0 &&
	      errno != ENOENT)))
		return df_fail_sys(why, DF_E_IO, "cannot set '%s' aside",
				   id->s);
	return df_dir_sync(sp->quarantine, "quarantine", why);
}

enum df_err df_spool_aside(const struct df_spool *sp, const struct df_id *id,
			   int *fd, struct df_why *why)
{
	char name[DF_ID_LEN + 16];

	df_str_fmt(name, sizeof name, "%s" DF_DAMAGED_SUFFIX, id->s);
	return df_file_open(fd, sp->quarantine, name, O_RDONLY, 0, why);
}

/* Who else has what this object holds, by receipt or by a PACS's word. */
static void find_holders(struct df_journal *j, const struct df_id *id,
			 struct df_damage *found)
{
	sqlite3_stmt *st = df_sql(
		j,
		"SELECT count(*), count(d), max(d) FROM (SELECT i.n,"
		" (SELECT dest FROM deliveries WHERE state = 5 AND"
		"  (kind = 2 AND item = i.n OR kind = 1 AND item = i.parcel"
		"   AND i.parcel > 0) LIMIT 1) AS d"
		" FROM instances i WHERE object = ? AND state IN (0, 1, 2))",
		"t", id->s);

	*found = (struct df_damage){0};
	if (df_sql_row(j, st)) {
		found->instances = (uint64_t)COL(st, 0);
		found->elsewhere = (uint64_t)COL(st, 1);
		df_col_text(st, 2, found->holder, sizeof found->holder);
	}
	df_sql_done(st);
}

static void refuse_deliveries(struct df_journal *j, const struct df_id *id,
			      const char *text)
{
	df_sql_run(j,
		   "UPDATE deliveries SET state = 6, err = ?1, why = ?2"
		   " WHERE state IN (0, 1, 2, 3) AND (kind = 2 AND item IN"
		   "  (SELECT n FROM instances WHERE object = ?3) OR kind = 1"
		   "  AND item IN (SELECT n FROM parcels WHERE object = ?3))",
		   "itt", (int64_t)DF_E_CORRUPT, text, id->s);
}

enum df_err df_spool_condemn(struct df_spool *sp, struct df_journal *j,
			     const struct df_id *id, const char *what,
			     struct df_damage *found, struct df_why *why)
{
	char here[160], there[160];
	enum df_err rc = df_spool_set_aside(sp, id, why);

	if (rc != DF_OK)
		return rc;
	find_holders(j, id, found);
	df_str_fmt(here, sizeof here,
		   DF_DAMAGED_WORD ": its file on this disk %.40s; send it "
				   "again from the modality",
		   what);
	df_str_fmt(there, sizeof there,
		   DF_DAMAGED_WORD ": its file on this disk %.40s; nothing is "
				   "lost, it is held by ",
		   what);
	df_sql_run(j,
		   "UPDATE instances SET state = 3, reason = ifnull("
		   " (SELECT ?2 || substr(dest, 1, 20) FROM deliveries d"
		   "  WHERE d.state = 5 AND (kind = 2 AND item = instances.n OR"
		   "   kind = 1 AND item = instances.parcel AND parcel > 0)"
		   "  LIMIT 1), ?1)"
		   " WHERE object = ?3 AND state IN (0, 1, 2)",
		   "ttt", here, there, id->s);
	refuse_deliveries(j, id, here);
	df_sql_run(j, "UPDATE parcels SET state = 2 WHERE object = ? AND"
		      " state IN (0, 1)",
		   "t", id->s);
	df_sql_run(j, "UPDATE reports SET stored = 1, verdict = 2"
		      " WHERE object = ?",
		   "t", id->s);
	df_sql_run(j, "DELETE FROM mail WHERE object = ?", "t", id->s);
	df_journal_object_drop(j, id);
	df_sql_whole(j)->s[0] = '\0';
	return DF_OK;
}
