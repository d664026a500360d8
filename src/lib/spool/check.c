/* check.c - what files say, held against the rows. See df/check.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "df/damage.h"
#include "df/fetches.h"
#include "df/file.h"
#include "df/sys.h"
#include "paths.h"

const struct df_finding_kind *df_finding_kind(enum df_finding f)
{
	static const struct df_finding_kind kinds[] = {
#define X(id, name, alarm, remedy, zh, en)                                     \
	{name, alarm, DF_REMEDY_##remedy, zh, en},
		DF_FINDING_MAP(X)
#undef X
	};

	return &kinds[f];
}

void df_check_found(struct check *c, enum df_finding f, const char *subject)
{
	c->fn(c->ctx, f, subject != NULL ? subject : "");
}

/* --- one object ------------------------------------------------------------------- */

static bool row_of(struct check *c, const struct df_id *id, int64_t *kind,
		   uint64_t *dfenv, uint64_t *bytes)
{
	sqlite3_stmt *st = df_sql(
		c->j, "SELECT kind, dfenv, bytes FROM objects WHERE id = ?",
		"t", id->s);
	bool found = df_sql_row(c->j, st);

	if (found) {
		*kind = COL(st, 0);
		*dfenv = (uint64_t)COL(st, 1);
		*bytes = (uint64_t)COL(st, 2);
	}
	df_sql_done(st);
	return found;
}

static void check_raw(struct check *c, const struct df_envelope *env)
{
	sqlite3_stmt *st = df_sql(
		c->j, "SELECT 1 FROM instances WHERE object = ? AND"
		      " (sop <> ? OR digest <> ? OR size <> ? OR in_parcel)"
		      " AND state <> 5",
		"ttdi", env->id.s, env->sop_instance, &env->digest,
		(int64_t)env->size_bytes);

	if (df_sql_row(c->j, st))
		df_check_found(c, DF_FOUND_INSTANCE_OTHER, env->sop_instance);
	df_sql_done(st);
}

static const struct df_env_instance *held(const struct df_envelope *env,
					  sqlite3_stmt *st)
{
	struct df_digest digest;
	char sop[DF_UID_MAX + 1];

	df_col_text(st, 0, sop, sizeof sop);
	df_col_digest(st, 1, &digest);
	for (size_t i = 0; i < env->n_instances; i++)
		if (strcmp(env->instances[i].sop_instance, sop) == 0 &&
		    df_digest_same(&env->instances[i].digest, &digest))
			return &env->instances[i];
	return NULL;
}

static void check_parcel(struct check *c, const struct df_envelope *env)
{
	sqlite3_stmt *st = df_sql(
		c->j, "SELECT sop, digest, record FROM instances WHERE"
		      " object = ? AND in_parcel AND state IN (1, 2, 3)",
		"t", env->id.s);
	char hex[33];

	while (df_sql_row(c->j, st)) {
		const struct df_env_instance *in = held(env, st);

		if (in == NULL || in->record_offset != (uint64_t)COL(st, 2))
			df_check_found(c,
				       in == NULL ? DF_FOUND_INSTANCE_OTHER
						  : DF_FOUND_INSTANCE_RECORD,
				       (const char *)sqlite3_column_text(st,
									 0));
	}
	df_hex_encode(hex, env->parcel_id, 16);
	st = df_sql(c->j,
		    "SELECT 1 FROM parcels WHERE object = ? AND (hex <> ? OR"
		    " epoch <> ? OR sequence <> ? OR h0 <> ? OR previous <> ?"
		    " OR direction <> ?)",
		    "ttiiddi", env->id.s, hex, (int64_t)env->epoch,
		    (int64_t)env->sequence, &env->h0, &env->previous,
		    (int64_t)env->direction);
	if (df_sql_row(c->j, st))
		df_check_found(c, DF_FOUND_PARCEL_OTHER, hex);
	df_sql_done(st);
}

static void check_known(struct check *c, const struct df_envelope *env,
			int64_t kind, uint64_t dfenv, uint64_t dfenv_is,
			uint64_t bytes, uint64_t bytes_is)
{
	if ((int64_t)env->kind != kind)
		df_check_found(c, DF_FOUND_KIND, env->id.s);
	else if (dfenv != dfenv_is || bytes != bytes_is)
		df_check_found(c, DF_FOUND_LENGTH, env->id.s);
	else if (env->kind == DF_ENV_RAW)
		check_raw(c, env);
	else if (env->kind == DF_ENV_PARCEL)
		check_parcel(c, env);
}

/* A disk that cannot be read, or no memory, ends the check: it proves nothing.
 */
static bool readable(struct check *c, enum df_err rc, const struct df_why *why)
{
	if (df_err_fate(rc) != DF_FATE_RETRY)
		return true;
	c->rc = rc;
	c->why = *why;
	return false;
}

static void check_file(struct check *c, const struct df_id *id, int fd)
{
	struct df_envelope env = {0};
	struct df_why why = {0};
	int64_t kind = 0;
	uint64_t dfenv = 0, bytes = 0, dfenv_is = 0, size = 0;
	bool known = row_of(c, id, &kind, &dfenv, &bytes);
	enum df_err rc = df_fd_size(fd, &size, &why);

	if (rc == DF_OK)
		rc = df_spool_envelope(fd, &env, &dfenv_is, NULL, &why);
	if (!readable(c, rc, &why))
		return;
	c->objects++;
	c->bytes += size;
	if (rc != DF_OK) {
		df_check_found(c, known ? DF_FOUND_TORN : DF_FOUND_UNFINISHED,
			       id->s);
	} else if (strcmp(env.id.s, id->s) != 0) {
		df_check_found(c, DF_FOUND_NAME, id->s);
	} else if (c->read_data &&
		   (rc = df_spool_content(fd, &env, dfenv_is, &why)) != DF_OK) {
		if (readable(c, rc, &why))
			df_check_found(c, DF_FOUND_CONTENT, id->s);
	} else if (!known) {
		df_check_found(c, DF_FOUND_ORPHAN, id->s);
	} else {
		check_known(c, &env, kind, dfenv, dfenv_is, bytes, size);
	}
	df_envelope_release(&env);
}

/* --- directories -------------------------------------------------------------------- */

typedef void entry_fn(struct check *c, int dir, const char *name);

static void each_entry(struct check *c, int at, const char *name,
		       entry_fn *each)
{
	int fd = -1;
	DIR *d = NULL;
	const struct dirent *e;

	if (df_dir_open(&fd, at, name, &c->why) == DF_OK)
		d = fdopendir(fd);
	if (d == NULL) {
		c->rc = df_fail_sys(&c->why, DF_E_IO, "cannot list '%s'", name);
		df_fd_close(&fd);
		return;
	}
	while (c->rc == DF_OK && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			each(c, dirfd(d), e->d_name);
	(void)closedir(d); /* read only */
}

static void in_bucket(struct check *c, int dir, const char *name)
{
	struct df_id id;
	int fd = -1;
	enum df_err rc;

	if (!df_id_decode(&id, df_text_of(name))) {
		df_check_found(c, DF_FOUND_STRANGER, name);
		return;
	}
	if (strncmp(name, c->dir, 2) != 0) {
		df_check_found(c, DF_FOUND_MISPLACED, name);
		return;
	}
	rc = df_file_open(&fd, dir, name, O_RDONLY, 0, &c->why);
	if (rc == DF_OK)
		check_file(c, &id, fd);
	else
		c->rc = rc;
	df_fd_close(&fd);
}

static void in_objects(struct check *c, int dir, const char *name)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

	if (strlen(name) != 2 || strchr(digits, name[0]) == NULL ||
	    strchr(digits, name[1]) == NULL) {
		df_check_found(c, DF_FOUND_STRANGER, name);
		return;
	}
	df_str_fmt(c->dir, sizeof c->dir, "%s", name);
	each_entry(c, dir, name, in_bucket);
}

/* In no list: nobody would ever look at it. */
static void in_quarantine(struct check *c, int dir, const char *name)
{
	struct df_envelope env = {0};
	struct df_why why = {0};
	struct df_id id;
	uint64_t length;
	int fd = -1;
	enum df_err rc;

	if (!df_id_decode(&id, df_text_of(name)) || df_sql_names(c->j, &id))
		return;
	rc = df_file_open(&fd, dir, name, O_RDONLY, 0, &why);
	if (rc == DF_OK)
		rc = df_spool_envelope(fd, &env, &length, NULL, &why);
	if (rc == DF_OK && env.kind == DF_ENV_RAW &&
	    strcmp(env.id.s, id.s) == 0)
		df_check_found(c, DF_FOUND_UNTOLD, name);
	else if (rc != DF_OK)
		(void)readable(c, rc, &why); /* it ends the check */
	df_envelope_release(&env);
	df_fd_close(&fd);
}

static void in_incoming(struct check *c, int dir, const char *name)
{
	struct df_id id;

	(void)dir; /* its name says enough */
	if (!df_id_decode(&id, df_text_of(name)))
		df_check_found(c, DF_FOUND_STRANGER, name);
	else if (!df_journal_upload_file(c->j, &id) &&
		 !df_journal_pull_file(c->j, &id) &&
		 !df_journal_fetch_file(c->j, &id))
		df_check_found(c, DF_FOUND_INCOMING_ORPHAN, name);
}

/* --- rows that name files -------------------------------------------------------------- */

static bool size_at(int dir, const char *path, uint64_t *size)
{
	struct stat st;

	if (df_sys.fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	*size = (uint64_t)st.st_size;
	return true;
}

static void check_lost(struct check *c)
{
	sqlite3_stmt *st = df_sql(c->j, "SELECT id FROM objects", "");
	struct df_id id;
	uint64_t size;

	while (df_sql_row(c->j, st)) {
		char path[DF_OBJECT_PATH];

		df_col_id(st, 0, &id);
		df_object_path(path, &id);
		if (!size_at(c->sp->objects, path, &size) &&
		    !size_at(c->sp->quarantine, id.s, &size))
			df_check_found(c, DF_FOUND_LOST, id.s);
	}
	st = df_sql(c->j,
		    "SELECT object FROM instances WHERE state = 3 AND"
		    " in_parcel = 0 AND EXISTS (SELECT 1 FROM objects WHERE"
		    " id = object)",
		    "");
	while (df_sql_row(c->j, st)) {
		char path[DF_OBJECT_PATH];

		df_col_id(st, 0, &id);
		df_object_path(path, &id);
		if (!size_at(c->sp->quarantine, id.s, &size) &&
		    !size_at(c->sp->objects, path, &size))
			df_check_found(c, DF_FOUND_QUARANTINED_LOST, id.s);
	}
}

static void check_uploads(struct check *c)
{
	sqlite3_stmt *st = df_sql(
		c->j, "SELECT file, offset, hex FROM uploads WHERE state < 2"
		      " AND file <> ''"
		      " UNION ALL SELECT file, offset, hex FROM pulls WHERE"
		      " hex <> '' AND file <> ''",
		"");

	while (df_sql_row(c->j, st)) {
		const char *hex = (const char *)sqlite3_column_text(st, 2);
		struct df_id file;
		uint64_t size = 0;

		df_col_id(st, 0, &file);
		if (!size_at(c->sp->incoming, file.s, &size))
			df_check_found(c, DF_FOUND_UPLOAD_FILE, hex);
		else if (size < (uint64_t)COL(st, 1))
			df_check_found(c, DF_FOUND_UPLOAD_OFFSET, hex);
	}
}

static void check_ledger(struct check *c)
{
	struct df_ledger_account a;
	enum df_err rc = df_ledger_check(c->sp, &a, &c->why);

	if (rc != DF_OK) {
		c->rc = rc;
		return;
	}
	for (uint64_t i = 0; i < a.damaged; i++)
		df_check_found(c, DF_FOUND_LEDGER_LINE, "ledger");
	if (!df_ledger_is_whole(c->sp, c->j))
		df_check_found(c, DF_FOUND_LEDGER_SHORT, "ledger");
}

enum df_err df_spool_check(const struct df_spool *sp, struct df_journal *j,
			   bool read_data, df_finding_fn *found, void *ctx,
			   uint64_t *objects, uint64_t *bytes,
			   struct df_why *why)
{
	struct check c = {.sp = sp,
			  .j = j,
			  .read_data = read_data,
			  .fn = found,
			  .ctx = ctx};

	each_entry(&c, sp->root, "objects", in_objects);
	if (c.rc == DF_OK)
		each_entry(&c, sp->root, "incoming", in_incoming);
	if (c.rc == DF_OK)
		each_entry(&c, sp->root, "quarantine", in_quarantine);
	if (c.rc == DF_OK) {
		check_lost(&c);
		check_uploads(&c);
		df_check_rows(&c);
		check_ledger(&c);
	}
	if (c.rc == DF_OK) /* what a read found sticks to the journal */
		c.rc = df_journal_commit(j, &c.why);
	*objects = c.objects;
	*bytes = c.bytes;
	if (c.rc != DF_OK && why != NULL)
		*why = c.why;
	return c.rc;
}

/* --- repair ------------------------------------------------------------------------------ */

enum df_err df_spool_replace(struct df_spool *sp, const struct df_id *id,
			     struct df_why *why)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	char from[DF_OBJECT_PATH], to[DF_OBJECT_PATH];
	enum df_err rc = df_object_dir(sp, id, why);
	uint64_t size;

	df_object_path(to, id);
	for (size_t i = 0; rc == DF_OK && i < 36 * 36; i++) {
		df_str_fmt(from, sizeof from, "%c%c/%s", digits[i / 36],
			   digits[i % 36], id->s);
		if (strcmp(from, to) == 0 ||
		    !size_at(sp->objects, from, &size))
			continue;
		if (df_sys.renameat2(sp->objects, from, sp->objects, to,
				     RENAME_NOREPLACE) < 0)
			return errno == EEXIST
				       ? df_fail(why, DF_E_EXISTS,
						 "'%s' stands at both places",
						 id->s)
				       : df_fail_sys(why, DF_E_IO,
						     "cannot move '%s'", id->s);
		return df_object_dir_sync(sp, id, why);
	}
	return rc == DF_OK ? df_fail(why, DF_E_NOTFOUND, "'%s' is gone", id->s)
			   : rc;
}
