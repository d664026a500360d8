/*
 * stage.c - files to write into, and what makes them custody.
 *
 * Names are made ahead: a stock of empty files is born in objects/ under final
 * names, and their directory is synced once before the first of them is lent
 * out. So only the content is left to wait for when an instance has come. A
 * file without a whole, matching end is unfinished and was never acknowledged;
 * recover.c drops it. A sync that failed is never repeated on the same
 * descriptor: the kernel may have dropped the dirty pages, so the file goes.
 */
#include <fcntl.h>
#include <stdio.h>

#include "df/file.h"
#include "paths.h"

static void name_forget(struct df_spool *sp, struct df_name *n)
{
	char path[DF_OBJECT_PATH];

	df_object_path(path, &n->id);
	df_path_forget(sp->objects, path);
	df_fd_close(&n->fd);
}

static enum df_err name_make(struct df_spool *sp, struct df_name *n,
			     struct df_why *why)
{
	char path[DF_OBJECT_PATH];

	df_object_name_new(sp, &n->id);
	df_object_path(path, &n->id);
	return df_file_open(&n->fd, sp->objects, path,
			    O_RDWR | O_CREAT | O_EXCL, 0600, why);
}

enum df_err df_stage_stock(struct df_spool *sp, struct df_why *why)
{
	struct df_name *made = &sp->names[sp->n_names];
	enum df_err rc = DF_OK;
	struct df_id first;
	size_t n = 0;

	if (sp->n_names > DF_SPOOL_STOCK / 2)
		return DF_OK;
	sp->in_bucket = 0; /* one directory for all of them */
	df_object_name_new(sp, &first);
	rc = df_object_dir(sp, &first, why);
	while (rc == DF_OK && n < DF_SPOOL_STOCK) {
		rc = name_make(sp, &made[n], why);
		n += rc == DF_OK;
	}
	if (n == 0)
		return rc;
	/* when the disk has no more, what there is will do */
	rc = df_object_dir_sync(sp, &first, why);
	for (size_t i = 0; rc != DF_OK && i < n; i++)
		name_forget(sp, &made[i]);
	if (rc == DF_OK)
		sp->n_names += n;
	return rc;
}

void df_stage_unstock(struct df_spool *sp)
{
	while (sp->n_names > 0)
		name_forget(sp, &sp->names[--sp->n_names]);
}

enum df_err df_stage_new(struct df_spool *sp, struct df_stage *s,
			 struct df_why *why)
{
	enum df_err rc = DF_OK;

	*s = (struct df_stage){.fd = -1};
	if (sp->n_names == 0)
		rc = df_stage_stock(sp, why);
	if (rc != DF_OK)
		return rc;
	sp->n_names--;
	s->id = sp->names[sp->n_names].id;
	s->fd = df_fd_take(&sp->names[sp->n_names].fd);
	return DF_OK;
}

void df_stage_drop(struct df_spool *sp, struct df_stage *s)
{
	struct df_name n = {s->id, df_fd_take(&s->fd)};

	if (s->id.s[0] != '\0')
		name_forget(sp, &n);
	df_fd_close(&n.fd);
	s->id.s[0] = '\0';
}

void df_stage_publish(struct df_spool *sp, struct df_stage **batch, size_t n)
{
	for (size_t i = 1; i < n; i++) /* the disk takes them together */
		df_fd_start_disk(batch[i]->fd, 0, 0);
	for (size_t i = 0; i < n; i++) {
		struct df_stage *s = batch[i];

		s->result = df_fd_sync(s->fd, s->id.s, &s->why);
		if (s->result != DF_OK)
			df_stage_drop(sp, s);
		df_fd_close(&s->fd);
	}
}
