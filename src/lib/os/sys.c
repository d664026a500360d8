/* sys.c - the real calls behind the table. See df/sys.h. */
#include "df/sys.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int sys_openat(int dir, const char *name, int flags, mode_t mode)
{
	return openat(dir, name, flags, mode);
}

#define REAL                                                            \
	{                                                               \
		.openat = sys_openat, .read = read, .write = write,     \
		.pread = pread, .pwrite = pwrite, .fsync = fsync,       \
		.fdatasync = fdatasync, .ftruncate = ftruncate,         \
		.renameat2 = renameat2, .unlinkat = unlinkat,           \
		.mkdirat = mkdirat, .fstat = fstat, .fstatat = fstatat, \
		.fstatfs = fstatfs, .close = close,                     \
	}

struct df_sys df_sys = REAL;

void df_sys_reset(void)
{
	df_sys = (struct df_sys)REAL;
}
