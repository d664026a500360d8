/*
 * user_file.c - files of the person who runs the command, at any path.
 *
 * What is made may be patient data: only he can read it, it takes the place of
 * no other file, and until all of it is on the disk its name ends in ".part".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "df/file.h"

enum df_err df_user_file_read(const char *path, size_t max, struct df_buf *b,
			      struct df_why *why)
{
	FILE *f = fopen(path, "re");
	enum df_err rc = DF_OK;
	size_t got;

	if (f == NULL)
		return df_fail_sys(why,
				   errno == ENOENT ? DF_E_NOTFOUND : DF_E_IO,
				   "cannot open '%s'", path);
	df_buf_init(b, max);
	do {
		const size_t step = max - b->len < 65536 ? max - b->len : 65536;

		rc = df_buf_reserve(b, step ? step : 1, why);
		if (rc != DF_OK)
			break;
		got = fread(b->ptr + b->len, 1, step ? step : 1, f);
		b->len += got;
	} while (got > 0);
	if (rc == DF_OK && ferror(f))
		rc = df_fail_sys(why, DF_E_IO, "cannot read '%s'", path);
	(void)fclose(f); /* only read */
	if (rc == DF_E_LIMIT)
		rc = df_fail(why, rc, "'%s' is larger than %zu bytes", path,
			     max);
	if (rc != DF_OK)
		df_buf_release(b);
	return rc;
}

static enum df_err there_already(const char *path, struct df_why *why)
{
	return df_fail(why, DF_E_EXISTS,
		       "'%s' is there already, and stays: say another name",
		       path);
}

static enum df_err part_name(char part[4096], const char *path,
			     struct df_why *why)
{
	if (snprintf(part, 4096, "%s.part", path) >= 4096)
		return df_fail(why, DF_E_USAGE, "the path is too long");
	return DF_OK;
}

enum df_err df_user_file_begin(int *fd, int dir, const char *path,
			       struct df_why *why)
{
	char part[4096];
	enum df_err rc = part_name(part, path, why);

	*fd = -1;
	if (rc == DF_OK && faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		rc = there_already(path, why);
	if (rc == DF_OK)
		rc = df_file_open(fd, dir, part, O_RDWR | O_CREAT | O_EXCL,
				  0600, why);
	return rc;
}

enum df_err df_user_file_end(int *fd, int dir, const char *path, enum df_err rc,
			     struct df_why *why)
{
	char part[4096];
	const bool made = *fd >= 0;

	if (!made || part_name(part, path, NULL) != DF_OK)
		return rc;
	if (rc == DF_OK)
		rc = df_fd_sync(*fd, path, why);
	df_fd_close(fd);
	/* EINVAL: a file system that cannot look and rename in one step */
	if (rc == DF_OK &&
	    renameat2(dir, part, dir, path, RENAME_NOREPLACE) < 0 &&
	    (errno != EINVAL || renameat(dir, part, dir, path) < 0))
		rc = errno == EEXIST ? there_already(path, why)
				     : df_fail_sys(why, DF_E_IO,
						   "cannot make '%s'", path);
	if (rc != DF_OK)
		(void)unlinkat(dir, part, 0); /* the failure is told */
	return rc;
}

enum df_err df_user_file_write(int dir, const char *path,
			       const struct df_buf *b, struct df_why *why)
{
	int fd;
	enum df_err rc = df_user_file_begin(&fd, dir, path, why);

	if (rc == DF_OK)
		rc = df_write_all(fd, b->ptr, b->len, why);
	return df_user_file_end(&fd, dir, path, rc, why);
}
