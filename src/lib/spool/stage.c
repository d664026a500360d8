/*
 * stage.c - from staging/ into objects/: where custody is taken.
 *
 * Content first, then the name, then the directory that holds it, in batches:
 * the objects of one batch mostly share a directory (df_spool.bucket), so that
 * it is synced once. A sync that failed is never repeated on the same
 * descriptor: the kernel may have dropped the dirty pages, so the file goes.
 */
#include <fcntl.h>
#include <stdio.h>

#include "df/file.h"
#include "df/sys.h"
#include "paths.h"

enum df_err df_stage_new(struct df_spool *sp, struct df_stage *s,
			 struct df_why *why)
{
	*s = (struct df_stage){.fd = -1};
	df_object_name_new(sp, &s->id);
	return df_file_open(&s->fd, sp->staging, s->id.s,
			    O_RDWR | O_CREAT | O_EXCL, 0600, why);
}

void df_stage_drop(struct df_spool *sp, struct df_stage *s)
{
	if (s->id.s[0] != '\0')
		df_path_forget(sp->staging, s->id.s);
	df_fd_close(&s->fd);
	s->id.s[0] = '\0';
}

static void publish_name(struct df_spool *sp, struct df_stage *s)
{
	char to[DF_OBJECT_PATH];

	s->result = df_object_dir(sp, &s->id, &s->why);
	if (s->result != DF_OK)
		return;
	df_object_path(to, &s->id);
	if (df_sys.renameat2(sp->staging, s->id.s, sp->objects, to,
			     RENAME_NOREPLACE) < 0)
		s->result = df_fail_sys(&s->why, DF_E_IO,
					"cannot publish '%s'", s->id.s);
}

static bool same_dir(const struct df_stage *a, const struct df_stage *b)
{
	return a->id.s[0] == b->id.s[0] && a->id.s[1] == b->id.s[1];
}

/* Syncs the directory of batch[i] for it and all later ones that share it. */
static void sync_dir_of(struct df_spool *sp, struct df_stage **batch, size_t n,
			size_t i, bool *done)
{
	struct df_why why;
	enum df_err rc = df_object_dir_sync(sp, &batch[i]->id, &why);

	for (size_t k = i; k < n; k++) {
		if (done[k] || !same_dir(batch[i], batch[k]))
			continue;
		done[k] = true;
		if (rc != DF_OK && batch[k]->result == DF_OK) {
			batch[k]->result = rc;
			batch[k]->why = why;
		}
	}
}

#define ROUND 64 /* objects synced together */

static void publish_round(struct df_spool *sp, struct df_stage **batch,
			  size_t n)
{
	bool done[ROUND] = {false};

	for (size_t i = 1; i < n; i++) /* the disk takes them together */
		df_fd_start_disk(batch[i]->fd, 0, 0);
	for (size_t i = 0; i < n; i++) {
		struct df_stage *s = batch[i];

		s->result = DF_OK;
		if (df_sys.fdatasync(s->fd) < 0)
			s->result = df_fail_sys(&s->why, DF_E_IO,
						"cannot sync '%s'", s->id.s);
	}
	for (size_t i = 0; i < n; i++) {
		if (batch[i]->result == DF_OK)
			publish_name(sp, batch[i]);
		if (batch[i]->result != DF_OK) {
			df_stage_drop(sp, batch[i]);
			done[i] = true;
		}
	}
	for (size_t i = 0; i < n; i++)
		if (!done[i])
			sync_dir_of(sp, batch, n, i, done);
	for (size_t i = 0; i < n; i++)
		df_fd_close(&batch[i]->fd);
}

void df_stage_publish(struct df_spool *sp, struct df_stage **batch, size_t n)
{
	for (size_t at = 0; at < n; at += ROUND)
		publish_round(sp, batch + at, n - at < ROUND ? n - at : ROUND);
}
