/*
 * space.c - the disk under the spool: how full, still mounted, still writable;
 * and the reserve, a preallocated file, so that a stranger who takes every
 * byte cannot take what sending needs.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "df/file.h"
#include "df/sys.h"
#include "paths.h"

#define RESERVE_STEP (16ull << 20)

void df_spool_mark_place(struct df_spool *sp)
{
	char link[32], at[DF_SPOOL_PLACE - 8];
	struct stat st;
	ssize_t n;

	sp->place[0] = '\0';
	df_str_fmt(link, sizeof link, "/proc/self/fd/%d", sp->root);
	n = readlink(link, at, sizeof at - 1);
	if (n <= 0 || n >= (ssize_t)sizeof at - 1 ||
	    df_sys.fstatat(sp->root, "FORMAT", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return; /* without /proc this is not watched */
	at[n] = '\0';
	df_str_fmt(sp->place, sizeof sp->place, "%s/FORMAT", at);
	sp->device = st.st_dev;
	sp->inode = st.st_ino;
}

enum df_err df_spool_in_place(const struct df_spool *sp, struct df_why *why)
{
	struct stat st;

	if (sp->place[0] == '\0')
		return DF_OK;
	if (df_sys.fstatat(AT_FDCWD, sp->place, &st, AT_SYMLINK_NOFOLLOW) ==
		    0 &&
	    st.st_dev == sp->device && st.st_ino == sp->inode)
		return DF_OK;
	return df_fail(why, DF_E_NOTFOUND,
		       "the disk of the spool is not where it was: '%s' is "
		       "gone or another",
		       sp->place);
}

static uint64_t held_by(int fd)
{
	struct stat st;

	if (fd < 0 || df_sys.fstat(fd, &st) < 0)
		return 0;
	return (uint64_t)st.st_blocks * 512;
}

enum df_err df_spool_disk(const struct df_spool *sp, struct df_disk *d,
			  struct df_why *why)
{
	struct statfs st;
	uint64_t unit;

	*d = (struct df_disk){0};
	if (df_sys.fstatfs(sp->root, &st) < 0)
		return df_fail_sys(why, DF_E_IO, "cannot see free space");
	unit = (uint64_t)(st.f_frsize > 0 ? st.f_frsize : st.f_bsize);
	d->free_bytes = st.f_bavail * unit;
	/* what only others may take is not part of our disk */
	d->total_bytes = (st.f_blocks - st.f_bfree + st.f_bavail) * unit;
	d->held_bytes = held_by(sp->reserve);
	d->total_inodes = st.f_files;
	d->free_inodes = st.f_ffree;
	d->read_only = ((unsigned long)st.f_flags & ST_RDONLY) != 0;
	return DF_OK;
}

/*
 * A little at a time: the room that asks has other things to do. What is held
 * is counted in blocks, so the file may end in a part.
 */
enum df_err df_spool_reserve_grow(struct df_spool *sp, uint64_t target,
				  struct df_why *why)
{
	uint64_t held = held_by(sp->reserve), step;

	if (held >= target)
		return DF_OK;
	step = target - held < RESERVE_STEP ? target - held : RESERVE_STEP;
	if (sp->reserve < 0) {
		enum df_err rc = df_file_open(&sp->reserve, sp->root, "reserve",
					      O_RDWR | O_CREAT, 0600, why);

		if (rc != DF_OK)
			return rc;
	}
	if (df_sys.fallocate(sp->reserve, 0, (off_t)held, (off_t)step) < 0)
		return df_fail_sys(why,
				   errno == EOPNOTSUPP ? DF_E_UNSUPPORTED
						       : DF_E_IO,
				   "cannot hold back space");
	return DF_OK;
}

enum df_err df_spool_reserve_give(struct df_spool *sp, uint64_t bytes,
				  struct df_why *why)
{
	uint64_t held = held_by(sp->reserve);

	if (held == 0)
		return df_fail(why, DF_E_NOSPACE, "the reserve is used up");
	if (df_sys.ftruncate(sp->reserve,
			     (off_t)(held > bytes ? held - bytes : 0)) < 0)
		return df_fail_sys(why, DF_E_IO, "cannot give up the reserve");
	return DF_OK;
}
