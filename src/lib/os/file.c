/*
 * file.c - whole reads and writes, and the order that makes them durable.
 *
 * Content first, then the name, then the directory that holds it; every call
 * through df_sys, so that tests can cut the power between any two.
 */
#include "df/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "df/str.h"
#include "df/sys.h"

#define NAME_MAX_LEN 256

void df_fd_close(int *fd)
{
	if (*fd >= 0)
		(void)df_sys.close(*fd); /* nothing is left to do about it */
	*fd = -1;
}

int df_fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

enum df_err df_fd_dup(int *to, int fd, struct df_why *why)
{
	*to = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (*to < 0)
		return df_fail_sys(why, DF_E_IO, "cannot copy a descriptor");
	return DF_OK;
}

enum df_err df_fd_size(int fd, uint64_t *size_bytes, struct df_why *why)
{
	struct stat st;

	*size_bytes = 0;
	if (df_sys.fstat(fd, &st) < 0)
		return df_fail_sys(why, DF_E_IO, "cannot stat a descriptor");
	*size_bytes = (uint64_t)st.st_size;
	return DF_OK;
}

enum df_err df_file_open(int *fd, int dir, const char *name, int flags,
			 mode_t mode, struct df_why *why)
{
	enum df_err err = DF_E_IO;

	do {
		*fd = df_sys.openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW,
				    mode);
	} while (*fd < 0 && errno == EINTR);
	if (*fd >= 0)
		return DF_OK;
	if (errno == ENOENT)
		err = DF_E_NOTFOUND;
	else if (errno == EEXIST)
		err = DF_E_EXISTS;
	return df_fail_sys(why, err, "cannot open '%s'", name);
}

enum df_err df_dir_open(int *fd, int dir, const char *name, struct df_why *why)
{
	enum df_err err;

	*fd = df_sys.openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (*fd >= 0)
		return DF_OK;
	err = errno == ENOENT ? DF_E_NOTFOUND : DF_E_IO;
	return df_fail_sys(why, err, "cannot open directory '%s'", name);
}

enum df_err df_dir_make(int dir, const char *name, struct df_why *why)
{
	if (df_sys.mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
		return df_fail_sys(why, DF_E_IO, "cannot make directory '%s'",
				   name);
	return DF_OK;
}

/* Like df_sys: of the process, not of a file. What failed once stays said. */
static struct df_why sync_failure;

static enum df_err sync_fails(const char *name, struct df_why *why)
{
	struct df_why here;
	enum df_err err = df_fail_sys(&here, DF_E_IO, "cannot sync '%s'", name);

	if (sync_failure.err == DF_OK && err != DF_E_NOSPACE)
		sync_failure = here;
	if (why != NULL)
		*why = here;
	return err;
}

bool df_sync_failed(struct df_why *why)
{
	if (sync_failure.err != DF_OK && why != NULL)
		*why = sync_failure;
	return sync_failure.err != DF_OK;
}

void df_sync_forget(void)
{
	sync_failure = (struct df_why){0};
}

enum df_err df_dir_sync(int fd, const char *name, struct df_why *why)
{
	return df_sys.fsync(fd) < 0 ? sync_fails(name, why) : DF_OK;
}

enum df_err df_fd_sync(int fd, const char *name, struct df_why *why)
{
	char first;

	if (df_sys.fdatasync(fd) < 0)
		return sync_fails(name, why);
	/* EBADF: one that is only written cannot be asked */
	if (df_sys.pread(fd, &first, 1, 0) < 0 && errno != EBADF)
		return sync_fails(name, why);
	return DF_OK;
}

enum df_err df_fd_from_disk(int fd, const char *name, struct df_why *why)
{
	enum df_err err = df_fd_sync(fd, name, why);

	/* a file system that keeps its pages all the same (tmpfs) has no other
	 * place for them */
	if (err == DF_OK)
		(void)df_sys.fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return err;
}

enum df_err df_write_all(int fd, const void *ptr, size_t len,
			 struct df_why *why)
{
	const uint8_t *from = ptr;
	ssize_t n;

	while (len > 0) {
		n = df_sys.write(fd, from, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return df_fail_sys(why, DF_E_IO, "cannot write");
		from += n;
		len -= (size_t)n;
	}
	return DF_OK;
}

void df_fd_start_disk(int fd, uint64_t offset, uint64_t len)
{
	/* a file system that cannot does it when it is synced */
	(void)sync_file_range(fd, (off_t)offset, (off_t)len,
			      SYNC_FILE_RANGE_WRITE);
}

enum df_err df_pwrite_all(int fd, const void *ptr, size_t len, uint64_t offset,
			  struct df_why *why)
{
	const uint8_t *from = ptr;
	ssize_t n;

	while (len > 0) {
		n = df_sys.pwrite(fd, from, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return df_fail_sys(why, DF_E_IO, "cannot write");
		from += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return DF_OK;
}

enum df_err df_pread_all(int fd, void *ptr, size_t len, uint64_t offset,
			 struct df_why *why)
{
	uint8_t *to = ptr;
	ssize_t n;

	while (len > 0) {
		n = df_sys.pread(fd, to, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return df_fail_sys(why, DF_E_IO, "cannot read");
		if (n == 0)
			return df_fail(why, DF_E_TRUNC, "file ends too early");
		to += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return DF_OK;
}

/* Reads to the end of fd; at most max_bytes. */
static enum df_err slurp(int fd, size_t max_bytes, struct df_buf *buf,
			 const char *name, struct df_why *why)
{
	size_t total = 0;
	uint8_t part[8192];
	enum df_err err;
	ssize_t n;

	for (;;) {
		n = df_sys.read(fd, part, sizeof part);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return df_fail_sys(why, DF_E_IO, "cannot read '%s'",
					   name);
		if (n == 0)
			return DF_OK;
		total += (size_t)n;
		if (total > max_bytes)
			return df_fail(why, DF_E_LIMIT,
				       "'%s' exceeds %zu bytes", name,
				       max_bytes);
		err = df_buf_add(buf, part, (size_t)n, why);
		if (err != DF_OK)
			return err;
	}
}

enum df_err df_file_read(int dir, const char *name, size_t max_bytes,
			 struct df_buf *buf, struct df_why *why)
{
	enum df_err err;
	int fd;

	err = df_file_open(&fd, dir, name, O_RDONLY, 0, why);
	if (err != DF_OK)
		return err;
	err = slurp(fd, max_bytes, buf, name, why);
	df_fd_close(&fd);
	return err;
}

/* The directory part of name ("." when there is none), opened. */
static enum df_err parent_open(int *fd, int dir, const char *name,
			       const char **leaf, struct df_why *why)
{
	const char *slash = strrchr(name, '/');
	char parent[NAME_MAX_LEN];
	struct df_text t;
	enum df_err err;

	*fd = -1;
	*leaf = slash == NULL ? name : slash + 1;
	if (slash == NULL)
		return df_dir_open(fd, dir, ".", why);
	t = (struct df_text){name, (size_t)(slash - name)};
	err = df_str_copy(parent, sizeof parent, t);
	if (err != DF_OK)
		return df_fail(why, err, "file name is too long");
	return df_dir_open(fd, dir, parent, why);
}

/* Content of the temporary file, durable; the name is not. */
static enum df_err temp_write(int dir, const char *temp, mode_t mode,
			      const void *ptr, size_t len, struct df_why *why)
{
	enum df_err err;
	int fd;

	err = df_file_open(&fd, dir, temp, O_WRONLY | O_CREAT | O_EXCL, mode,
			   why);
	if (err != DF_OK)
		return err;
	err = df_write_all(fd, ptr, len, why);
	if (err == DF_OK)
		err = df_fd_sync(fd, temp, why);
	if (df_sys.close(fd) < 0 && err == DF_OK)
		err = df_fail_sys(why, DF_E_IO, "cannot close '%s'", temp);
	return err;
}

enum df_err df_file_write_durable(int dir, const char *name, mode_t mode,
				  const void *ptr, size_t len,
				  struct df_why *why)
{
	const char *leaf;
	struct df_id id;
	char temp[NAME_MAX_LEN];
	enum df_err err;
	int parent;

	err = parent_open(&parent, dir, name, &leaf, why);
	if (err != DF_OK)
		return err;
	df_id_new(&id);
	df_str_fmt(temp, sizeof temp, ".%s.tmp", id.s);
	err = temp_write(parent, temp, mode, ptr, len, why);
	if (err == DF_OK && df_sys.renameat2(parent, temp, parent, leaf, 0) < 0)
		err = df_fail_sys(why, DF_E_IO, "cannot name '%s'", name);
	if (err != DF_OK) /* best effort: a left-over is only litter */
		(void)df_sys.unlinkat(parent, temp, 0);
	else
		err = df_dir_sync(parent, name, why);
	df_fd_close(&parent);
	return err;
}

enum df_err df_file_remove(int dir, const char *name, struct df_why *why)
{
	if (df_sys.unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return df_fail_sys(why, DF_E_IO, "cannot remove '%s'", name);
	return DF_OK;
}

enum df_err df_file_lock(int *fd, int dir, const char *name, struct df_why *why)
{
	enum df_err err;

	err = df_file_open(fd, dir, name, O_RDWR | O_CREAT, 0600, why);
	if (err != DF_OK)
		return err;
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return DF_OK;
	if (errno == EWOULDBLOCK)
		err = df_fail(why, DF_E_EXISTS, "'%s' is held", name);
	else
		err = df_fail_sys(why, DF_E_IO, "cannot lock '%s'", name);
	df_fd_close(fd);
	return err;
}

enum df_err df_memfd_new(int *fd, const char *name, struct df_why *why)
{
	*fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return df_fail_sys(why, DF_E_IO, "cannot make memory '%s'",
				   name);
	return DF_OK;
}

enum df_err df_memfd_seal(int fd, struct df_why *why)
{
	int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

	if (fcntl(fd, F_ADD_SEALS, seals) < 0)
		return df_fail_sys(why, DF_E_IO, "cannot seal memory");
	return DF_OK;
}

enum df_err df_disk_space(int fd, uint64_t *free_bytes, uint64_t *total_bytes,
			  struct df_why *why)
{
	struct statfs st;

	*free_bytes = 0;
	*total_bytes = 0;
	if (df_sys.fstatfs(fd, &st) < 0)
		return df_fail_sys(why, DF_E_IO, "cannot see free space");
	*free_bytes = (uint64_t)st.f_bavail * (uint64_t)st.f_bsize;
	*total_bytes = (uint64_t)st.f_blocks * (uint64_t)st.f_bsize;
	return DF_OK;
}
