/* sys.c - the real calls behind the table. See df/sys.h. */
#include "df/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int sys_openat(int dir, const char *name, int flags, mode_t mode)
{
	return openat(dir, name, flags, mode);
}

static int sys_fadvise(int fd, off_t at, off_t len, int advice)
{
	errno = posix_fadvise(fd, at, len, advice);
	return errno == 0 ? 0 : -1;
}

#define REAL                                                            \
	{                                                               \
		.openat = sys_openat, .read = read, .write = write,     \
		.pread = pread, .pwrite = pwrite, .fsync = fsync,       \
		.fdatasync = fdatasync, .ftruncate = ftruncate,         \
		.fallocate = fallocate, .fadvise = sys_fadvise,         \
		.renameat2 = renameat2, .unlinkat = unlinkat,           \
		.mkdirat = mkdirat, .fstat = fstat, .fstatat = fstatat, \
		.fstatfs = fstatfs, .close = close,                     \
	}

struct df_sys df_sys = REAL;

void df_sys_reset(void)
{
	df_sys = (struct df_sys)REAL;
}
