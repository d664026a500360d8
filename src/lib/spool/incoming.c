/*
 * incoming.c - parcels that arrive from a peer, part by part.
 *
 * The durable offset is a row; bytes behind it may be anything and are written
 * again. A whole, verified parcel gets its envelope and becomes an object.
 */
#include <fcntl.h>
#include <stdio.h>

#include "df/file.h"
#include "df/sys.h"
#include "paths.h"

enum df_err df_incoming_new(struct df_spool *sp, struct df_id *id, int *fd,
			    struct df_why *why)
{
	enum df_err rc;

	df_object_name_new(sp, id);
	rc = df_file_open(fd, sp->incoming, id->s, O_RDWR | O_CREAT | O_EXCL,
			  0600, why);
	/* the name must outlive a power cut: its row will name it */
	if (rc == DF_OK)
		rc = df_dir_sync(sp->incoming, "incoming", why);
	if (rc != DF_OK)
		df_fd_close(fd);
	return rc;
}

enum df_err df_incoming_open(const struct df_spool *sp, const struct df_id *id,
			     int *fd, struct df_why *why)
{
	return df_file_open(fd, sp->incoming, id->s, O_RDWR, 0, why);
}

enum df_err df_incoming_sync(int fd, struct df_why *why)
{
	return df_fd_sync(fd, "incoming/..", why);
}

void df_incoming_drop(struct df_spool *sp, const struct df_id *id)
{
	df_path_forget(sp->incoming, id->s);
}

void df_incoming_drop_refused(struct df_spool *sp, const struct df_id *id)
{
	if (id->s[0] != '\0')
		df_path_forget(sp->quarantine, id->s);
}

static enum df_err add_envelope(int fd, const struct df_envelope *env,
				uint64_t dfenv_len, uint64_t *file_bytes,
				struct df_why *why)
{
	struct df_buf b;
	enum df_err rc;

	df_buf_init(&b, DF_ENV_TEXT_MAX);
	rc = df_envelope_encode(&b, env, dfenv_len, why);
	if (rc == DF_OK && df_sys.ftruncate(fd, (off_t)dfenv_len) < 0)
		rc = df_fail_sys(why, DF_E_IO, "cannot cut an object");
	if (rc == DF_OK)
		rc = df_pwrite_all(fd, b.ptr, b.len, dfenv_len, why);
	*file_bytes = dfenv_len + b.len;
	df_buf_release(&b);
	return rc;
}

enum df_err df_incoming_publish(struct df_spool *sp, int fd,
				const struct df_envelope *env,
				uint64_t dfenv_len, uint64_t *file_bytes,
				struct df_why *why)
{
	char to[DF_OBJECT_PATH];
	enum df_err rc;

	rc = add_envelope(fd, env, dfenv_len, file_bytes, why);
	if (rc == DF_OK)
		rc = df_fd_sync(fd, env->id.s, why);
	if (rc == DF_OK)
		rc = df_object_dir(sp, &env->id, why);
	if (rc != DF_OK)
		return rc;
	df_object_path(to, &env->id);
	if (df_sys.renameat2(sp->incoming, env->id.s, sp->objects, to,
			     RENAME_NOREPLACE) < 0)
		return df_fail_sys(why, DF_E_IO, "cannot publish '%s'",
				   env->id.s);
	return df_object_dir_sync(sp, &env->id, why);
}
