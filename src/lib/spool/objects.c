/* objects.c - the directories, and the objects that stand in them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "df/file.h"
#include "df/log.h"
#include "df/sys.h"
#include "paths.h"

#define FORMAT_TEXT "dcm-forward spool 1\n"

void df_object_path(char to[DF_OBJECT_PATH], const struct df_id *id)
{
	df_str_fmt(to, DF_OBJECT_PATH, "%.2s/%s", id->s, id->s);
}

void df_path_forget(int dir, const char *name)
{
	struct df_why why;

	if (df_file_remove(dir, name, &why) != DF_OK)
		df_log(DF_LOG_WARN, "spool.leftover", DF_F_ERR(&why));
}

void df_object_name_new(struct df_spool *sp, struct df_id *id)
{
	df_id_new(id);
	if (sp->in_bucket == 0 || sp->in_bucket >= DF_SPOOL_BUCKET) {
		sp->bucket[0] = id->s[0];
		sp->bucket[1] = id->s[1];
		sp->in_bucket = 0;
	}
	sp->in_bucket++;
	id->s[0] = sp->bucket[0]; /* 120 random bits are left */
	id->s[1] = sp->bucket[1];
}

enum df_err df_object_dir(const struct df_spool *sp, const struct df_id *id,
			  struct df_why *why)
{
	char dir[3] = {id->s[0], id->s[1], '\0'};
	struct stat st;
	enum df_err rc;

	if (df_sys.fstatat(sp->objects, dir, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return DF_OK;
	rc = df_dir_make(sp->objects, dir, why);
	if (rc == DF_OK)
		rc = df_dir_sync(sp->objects, "objects", why);
	if (rc != DF_OK) /* else the next caller would take it for durable */
		(void)df_sys.unlinkat(sp->objects, dir, AT_REMOVEDIR);
	return rc;
}

enum df_err df_object_dir_sync(const struct df_spool *sp,
			       const struct df_id *id, struct df_why *why)
{
	char dir[3] = {id->s[0], id->s[1], '\0'};
	int fd;
	enum df_err rc = df_dir_open(&fd, sp->objects, dir, why);

	if (rc != DF_OK)
		return rc;
	rc = df_dir_sync(fd, "objects/..", why);
	df_fd_close(&fd);
	return rc;
}

/*
 * A spool is made when there is neither it nor a journal. A journal without
 * its spool is a disk that was not mounted: the place where it belongs must
 * stay empty.
 */
static enum df_err check_mounted(const struct df_spool *sp, int node_dir,
				 struct df_why *why)
{
	struct stat st;

	if (df_sys.fstatat(sp->root, "FORMAT", &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno == ENOENT &&
	    df_sys.fstatat(node_dir, "state.db", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return df_fail(why, DF_E_NOTFOUND,
			       "spool/FORMAT is missing, and state.db knows a "
			       "spool: is its disk mounted?");
	return DF_OK;
}

static enum df_err check_format(struct df_spool *sp, struct df_why *why)
{
	struct df_buf b;
	enum df_err rc;

	df_buf_init(&b, 64);
	rc = df_file_read(sp->root, "FORMAT", 64, &b, why);
	if (rc == DF_E_NOTFOUND)
		rc = df_file_write_durable(sp->root, "FORMAT", 0600,
					   FORMAT_TEXT, strlen(FORMAT_TEXT),
					   why);
	else if (rc == DF_OK && (b.len != strlen(FORMAT_TEXT) ||
				 memcmp(b.ptr, FORMAT_TEXT, b.len) != 0))
		rc = df_fail(why, DF_E_FORMAT,
			     "spool/FORMAT is not 'dcm-forward spool 1': made "
			     "by another version");
	df_buf_release(&b);
	return rc;
}

static enum df_err dir_take(int *fd, int at, const char *name,
			    struct df_why *why)
{
	enum df_err rc = df_dir_make(at, name, why);

	return rc == DF_OK ? df_dir_open(fd, at, name, why) : rc;
}

static enum df_err reserve_take(struct df_spool *sp, struct df_why *why)
{
	enum df_err rc = df_file_open(&sp->reserve, sp->root, "reserve", O_RDWR,
				      0, why);

	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}

enum df_err df_spool_open(struct df_spool *sp, int node_dir,
			  struct df_why *why)
{
	enum df_err rc;

	*sp = (struct df_spool){.root = -1,
				.incoming = -1,
				.objects = -1,
				.quarantine = -1,
				.reserve = -1};
	rc = dir_take(&sp->root, node_dir, "spool", why);
	if (rc == DF_OK)
		rc = check_mounted(sp, node_dir, why);
	if (rc == DF_OK)
		rc = dir_take(&sp->incoming, sp->root, "incoming", why);
	if (rc == DF_OK)
		rc = dir_take(&sp->objects, sp->root, "objects", why);
	if (rc == DF_OK)
		rc = dir_take(&sp->quarantine, sp->root, "quarantine", why);
	/* an earlier life may have been killed before it synced these */
	if (rc == DF_OK)
		rc = df_dir_sync(sp->objects, "objects", why);
	if (rc == DF_OK)
		rc = df_dir_sync(sp->root, "spool", why);
	if (rc == DF_OK && node_dir >= 0)
		rc = df_dir_sync(node_dir, ".", why);
	if (rc == DF_OK)
		rc = check_format(sp, why);
	if (rc == DF_OK)
		rc = reserve_take(sp, why);
	if (rc == DF_OK)
		df_spool_mark_place(sp);
	else
		df_spool_close(sp);
	return rc;
}

void df_spool_close(struct df_spool *sp)
{
	df_stage_unstock(sp);
	df_fd_close(&sp->root);
	df_fd_close(&sp->incoming);
	df_fd_close(&sp->objects);
	df_fd_close(&sp->quarantine);
	df_fd_close(&sp->reserve);
}

enum df_err df_spool_object(const struct df_spool *sp, const struct df_id *id,
			    int *fd, struct df_why *why)
{
	char path[DF_OBJECT_PATH];
	enum df_err rc;

	df_object_path(path, id);
	rc = df_file_open(fd, sp->objects, path, O_RDONLY, 0, why);
	if (rc == DF_E_NOTFOUND)
		rc = df_file_open(fd, sp->quarantine, id->s, O_RDONLY, 0, why);
	return rc;
}

enum df_err df_spool_envelope(int fd, struct df_envelope *env,
			      uint64_t *dfenv_len, struct df_buf *text,
			      struct df_why *why)
{
	uint8_t footer[DF_ENV_FOOTER_LEN];
	uint64_t size;
	uint8_t *p;
	size_t len;
	enum df_err rc = df_fd_size(fd, &size, why);

	*env = (struct df_envelope){0};
	if (rc != DF_OK)
		return rc;
	if (size < sizeof footer)
		return df_fail(why, DF_E_TRUNC, "object is too short");
	rc = df_pread_all(fd, footer, sizeof footer, size - sizeof footer, why);
	if (rc == DF_OK)
		rc = df_envelope_footer(dfenv_len, footer, size, why);
	if (rc != DF_OK)
		return rc;
	len = (size_t)(size - *dfenv_len); /* <= DF_ENV_TEXT_MAX + 16 */
	p = df_xmalloc(len);
	rc = df_pread_all(fd, p, len, *dfenv_len, why);
	if (rc == DF_OK)
		rc = df_envelope_decode(env, p, len, why);
	if (rc == DF_OK && text != NULL)
		rc = df_buf_add(text, p, len, why);
	if (rc != DF_OK)
		df_envelope_release(env);
	free(p);
	return rc;
}

void df_spool_remove(struct df_spool *sp, const struct df_id *id)
{
	char path[DF_OBJECT_PATH];

	df_object_path(path, id);
	df_path_forget(sp->objects, path);
}

static enum df_err to_quarantine(struct df_spool *sp, int from,
				 const char *path, const struct df_id *id,
				 struct df_why *why)
{
	if (df_sys.renameat2(from, path, sp->quarantine, id->s,
			     RENAME_NOREPLACE) < 0 &&
	    errno != ENOENT)
		return df_fail_sys(why, DF_E_IO, "cannot quarantine '%s'",
				   id->s);
	return df_dir_sync(sp->quarantine, "quarantine", why);
}

enum df_err df_spool_quarantine(struct df_spool *sp, const struct df_id *id,
				struct df_why *why)
{
	char path[DF_OBJECT_PATH];

	df_object_path(path, id);
	return to_quarantine(sp, sp->objects, path, id, why);
}

enum df_err df_spool_unquarantine(struct df_spool *sp, const struct df_id *id,
				  struct df_why *why)
{
	char path[DF_OBJECT_PATH];
	enum df_err rc = df_object_dir(sp, id, why);

	if (rc != DF_OK)
		return rc;
	df_object_path(path, id);
	if (df_sys.renameat2(sp->quarantine, id->s, sp->objects, path,
			     RENAME_NOREPLACE) < 0 &&
	    errno != ENOENT)
		return df_fail_sys(why, DF_E_IO, "cannot take '%s' back",
				   id->s);
	return df_object_dir_sync(sp, id, why);
}

void df_spool_discard(struct df_spool *sp, const struct df_id *id)
{
	df_path_forget(sp->quarantine, id->s);
}

enum df_err df_incoming_quarantine(struct df_spool *sp, const struct df_id *id,
				   struct df_why *why)
{
	return to_quarantine(sp, sp->incoming, id->s, id, why);
}

static bool id_of(struct df_id *id, const char *name, const char *suffix)
{
	return strlen(name) == DF_ID_LEN + strlen(suffix) &&
	       strcmp(name + DF_ID_LEN, suffix) == 0 &&
	       df_id_decode(id, (struct df_text){name, DF_ID_LEN});
}

/* Calls each for the names of ours in a directory: "<id><suffix>". */
static enum df_err each_in(int dir, const char *suffix, df_spool_each_fn *each,
			   void *ctx, bool *go_on, uint64_t *strangers,
			   struct df_why *why)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	struct df_id id;

	if (d == NULL) {
		enum df_err rc = df_fail_sys(why, DF_E_IO, "cannot list");

		if (fd >= 0)
			df_fd_close(&fd);
		return rc;
	}
	while (*go_on && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		if (id_of(&id, e->d_name, suffix))
			*go_on = each(ctx, &id);
		else
			(*strangers)++;
	}
	(void)closedir(d); /* read only */
	return DF_OK;
}

enum df_err df_spool_each(const struct df_spool *sp, df_spool_each_fn *each,
			  void *ctx, uint64_t *strangers, struct df_why *why)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	bool go_on = true;
	enum df_err rc = DF_OK;

	*strangers = 0;
	for (size_t i = 0; rc == DF_OK && go_on && i < 36 * 36; i++) {
		char dir[3] = {digits[i / 36], digits[i % 36], '\0'};
		int fd;

		rc = df_dir_open(&fd, sp->objects, dir, why);
		if (rc == DF_E_NOTFOUND) {
			rc = DF_OK;
			continue;
		}
		if (rc == DF_OK) {
			rc = each_in(fd, "", each, ctx, &go_on, strangers, why);
			df_fd_close(&fd);
		}
	}
	return rc;
}

enum df_err df_spool_each_incoming(const struct df_spool *sp,
				   df_spool_each_fn *each, void *ctx,
				   struct df_why *why)
{
	uint64_t strangers = 0;
	bool go_on = true;

	return each_in(sp->incoming, "", each, ctx, &go_on, &strangers, why);
}

enum df_err df_spool_each_quarantined(const struct df_spool *sp,
				      df_spool_each_fn *each, void *ctx,
				      struct df_why *why)
{
	uint64_t strangers = 0;
	bool go_on = true;

	return each_in(sp->quarantine, "", each, ctx, &go_on, &strangers,
		       why);
}

enum df_err df_spool_each_damaged(const struct df_spool *sp,
				  df_spool_each_fn *each, void *ctx,
				  struct df_why *why)
{
	uint64_t strangers = 0;
	bool go_on = true;

	return each_in(sp->quarantine, DF_DAMAGED_SUFFIX, each, ctx, &go_on,
		       &strangers, why);
}
