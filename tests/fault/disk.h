/*
 * disk.h - a disk that fails and forgets, for tests of what custody rests on.
 *
 * Real files in a real directory are what the process sees, the cache; beside
 * them is kept what was synced: content by pages, names by directory. Each
 * call of the df_sys table and each of SQLite's can be made to fail. A sync
 * that fails loses the dirty pages of its file for good: they stay readable,
 * and the next sync says OK (as on XFS). disk_cut leaves what a power cut
 * could leave.
 *
 * Harsher than real file systems: a new name is durable only once its own
 * directory is synced. Only in this they are taken at their word: a rename is
 * one step.
 */
#ifndef FAULT_DISK_H
#define FAULT_DISK_H

#include <stdbool.h>
#include <stdint.h>

#define DISK_OP_MAP(X)                                                     \
	X(openat) X(read) X(write) X(pread) X(pwrite) X(fsync)             \
	X(fdatasync) X(ftruncate) X(renameat2) X(unlinkat) X(mkdirat)      \
	X(fstat) X(fstatat) X(fstatfs) X(close)                            \
	X(sql_open) X(sql_read) X(sql_write) X(sql_truncate) X(sql_sync)   \
	X(sql_delete) X(sql_access) X(sql_size)

enum disk_op {
#define X(name) DISK_##name,
	DISK_OP_MAP(X)
#undef X
		DISK_OP_COUNT
};
extern const char *const disk_op_name[DISK_OP_COUNT];

struct disk_fault {
	enum disk_op op;
	uint64_t n; /* the n-th call, from 1; 0 = none */
	int error;
	bool for_good; /* and all later ones */
	bool dies;     /* the process is killed right after it */
};

/* root: an empty directory. Takes over df_sys and SQLite's default VFS. */
void disk_open(const char *root);
/* From now on; calls are counted anew. */
void disk_plan(struct disk_fault f);
uint64_t disk_calls(enum disk_op op);
bool disk_fired(void);

/* Power off: every call fails, nothing more is kept. */
void disk_off(void);
enum disk_cut {
	DISK_KILL,    /* the machine went on: the cache is as it was */
	DISK_FORGETS, /* nothing that was not synced */
	DISK_SOME,    /* and some of the rest, by seed */
	DISK_SETTLED, /* only what a failed sync lost: the rest had its time */
};
/* Power on again, after everything was closed. */
void disk_cut(enum disk_cut how, uint64_t seed);

/* What is durable now becomes what disk_reset brings back. */
void disk_save(void);
void disk_reset(void);

/* For disk_sqlite.c. */
bool disk_fails(enum disk_op op); /* errno is set */
bool disk_is_off(void);
void disk_dirty(int fd, uint64_t at, uint64_t len);
void disk_synced(int fd, bool failed);
void disk_dir_synced(int fd);
void disk_sqlite_open(void);
int disk_root(void);

#endif
