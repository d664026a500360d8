/*
 * sys.h - the system calls that custody makes, behind one replaceable table.
 *
 * Whatever must survive a power cut goes through `df_sys`: tests swap single
 * entries to fail the N-th call or to record what was written and synced.
 * The entries have the meaning of the calls of the same name (-1 and errno).
 */
#ifndef DF_SYS_H
#define DF_SYS_H

#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/vfs.h>

#ifdef __cplusplus
extern "C" {
#endif

struct df_sys {
	int (*openat)(int dir, const char *name, int flags, mode_t mode);
	ssize_t (*read)(int fd, void *to, size_t len);
	ssize_t (*write)(int fd, const void *from, size_t len);
	ssize_t (*pread)(int fd, void *to, size_t len, off_t at);
	ssize_t (*pwrite)(int fd, const void *from, size_t len, off_t at);
	int (*fsync)(int fd);
	int (*fdatasync)(int fd);
	int (*ftruncate)(int fd, off_t len);
	int (*fallocate)(int fd, int mode, off_t at, off_t len);
	int (*fadvise)(int fd, off_t at, off_t len, int advice); /* 0 or -1 */
	int (*renameat2)(int from_dir, const char *from, int to_dir,
			 const char *to, unsigned flags);
	int (*unlinkat)(int dir, const char *name, int flags);
	int (*mkdirat)(int dir, const char *name, mode_t mode);
	int (*fstat)(int fd, struct stat *st);
	int (*fstatat)(int dir, const char *name, struct stat *st, int flags);
	int (*fstatfs)(int fd, struct statfs *st);
	int (*close)(int fd);
};

/* The table in use; starts as the real calls. */
extern struct df_sys df_sys;
/* Puts the real calls back. */
void df_sys_reset(void);

#ifdef __cplusplus
}
#endif
#endif
