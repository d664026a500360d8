/*
 * disk_sqlite.c - SQLite's calls to its files, on the disk that forgets.
 *
 * A VFS over the usual one. Version 1 of the methods: state.db is locked for
 * one process, so that its WAL needs no shared memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk.h"

struct file {
	sqlite3_file base;
	int fd;	       /* ours, to say which file it is */
	bool new_name; /* its first sync carries the directory */
	sqlite3_file *real;
};

static sqlite3_vfs *usual;
static sqlite3_vfs shim;

static int error_of(int io)
{
	return errno == ENOSPC || errno == EDQUOT ? SQLITE_FULL : io;
}

#define REAL(f) (((struct file *)(f))->real)

static int x_close(sqlite3_file *f)
{
	struct file *me = (struct file *)f;
	int rc = me->real->pMethods->xClose(me->real);

	close(me->fd);
	return rc;
}

static int x_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
	if (disk_fails(DISK_sql_read))
		return SQLITE_IOERR_READ;
	return REAL(f)->pMethods->xRead(REAL(f), to, n, at);
}

/* The zeros of a new log, which are no data: a hole reads the same, faster. */
static bool is_filling(int fd, const char *from, int n, sqlite3_int64 at)
{
	return n > 4096 && at == lseek(fd, 0, SEEK_END) && from[0] == 0 &&
	       memcmp(from, from + 1, (size_t)n - 1) == 0;
}

static int x_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
	if (disk_fails(DISK_sql_write))
		return error_of(SQLITE_IOERR_WRITE);
	if (is_filling(((struct file *)f)->fd, from, n, at))
		return ftruncate(((struct file *)f)->fd, at + n) == 0
			       ? SQLITE_OK
			       : SQLITE_IOERR_WRITE;
	disk_dirty(((struct file *)f)->fd, (uint64_t)at, (uint64_t)n);
	return REAL(f)->pMethods->xWrite(REAL(f), from, n, at);
}

static int x_truncate(sqlite3_file *f, sqlite3_int64 len)
{
	if (disk_fails(DISK_sql_truncate))
		return SQLITE_IOERR_TRUNCATE;
	return REAL(f)->pMethods->xTruncate(REAL(f), len);
}

static int x_sync(sqlite3_file *f, int flags)
{
	struct file *me = (struct file *)f;
	bool was_off = disk_is_off(), failed = disk_fails(DISK_sql_sync);

	(void)flags; /* real syncs would only take time */
	if (!was_off)
		disk_synced(me->fd, failed);
	if (failed)
		return SQLITE_IOERR_FSYNC;
	if (me->new_name)
		disk_dir_synced(disk_root());
	me->new_name = false;
	return SQLITE_OK;
}

static int x_size(sqlite3_file *f, sqlite3_int64 *to)
{
	if (disk_fails(DISK_sql_size))
		return SQLITE_IOERR_FSTAT;
	return REAL(f)->pMethods->xFileSize(REAL(f), to);
}

static int x_lock(sqlite3_file *f, int how)
{
	return REAL(f)->pMethods->xLock(REAL(f), how);
}

static int x_unlock(sqlite3_file *f, int how)
{
	return REAL(f)->pMethods->xUnlock(REAL(f), how);
}

static int x_locked(sqlite3_file *f, int *is)
{
	return REAL(f)->pMethods->xCheckReservedLock(REAL(f), is);
}

static int x_control(sqlite3_file *f, int op, void *arg)
{
	return REAL(f)->pMethods->xFileControl(REAL(f), op, arg);
}

static int x_sector(sqlite3_file *f)
{
	return REAL(f)->pMethods->xSectorSize(REAL(f));
}

static int x_device(sqlite3_file *f)
{
	return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}

static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = x_close,
	.xRead = x_read,
	.xWrite = x_write,
	.xTruncate = x_truncate,
	.xSync = x_sync,
	.xFileSize = x_size,
	.xLock = x_lock,
	.xUnlock = x_unlock,
	.xCheckReservedLock = x_locked,
	.xFileControl = x_control,
	.xSectorSize = x_sector,
	.xDeviceCharacteristics = x_device,
};

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags,
		  int *out)
{
	struct file *me = (struct file *)f;
	bool was_there = name != NULL && access(name, F_OK) == 0;
	int rc;

	(void)v;
	*me = (struct file){.fd = -1, .real = (sqlite3_file *)(me + 1)};
	if (disk_fails(DISK_sql_open))
		return SQLITE_CANTOPEN;
	rc = usual->xOpen(usual, name, me->real, flags, out);
	if (rc != SQLITE_OK)
		return rc;
	me->base.pMethods = &methods;
	me->fd = name != NULL ? open(name, O_RDWR | O_CLOEXEC) : -1;
	if (me->fd < 0)
		abort(); /* no temporary files: they are in memory */
	me->new_name = !was_there && (flags & SQLITE_OPEN_WAL) != 0;
	return SQLITE_OK;
}

static int v_delete(sqlite3_vfs *v, const char *name, int sync_dir)
{
	int rc;

	(void)v;
	if (disk_fails(DISK_sql_delete))
		return SQLITE_IOERR_DELETE;
	rc = usual->xDelete(usual, name, 0);
	if (rc == SQLITE_OK && sync_dir)
		disk_dir_synced(disk_root());
	return rc;
}

static int v_access(sqlite3_vfs *v, const char *name, int flags, int *is)
{
	(void)v;
	if (disk_fails(DISK_sql_access))
		return SQLITE_IOERR_ACCESS;
	return usual->xAccess(usual, name, flags, is);
}

void disk_sqlite_open(void)
{
	usual = sqlite3_vfs_find(NULL);
	shim = *usual;
	shim.szOsFile = (int)sizeof(struct file) + usual->szOsFile;
	shim.zName = "forgetful";
	shim.pNext = NULL;
	shim.xOpen = v_open;
	shim.xDelete = v_delete;
	shim.xAccess = v_access;
	if (sqlite3_vfs_register(&shim, 1) != SQLITE_OK)
		abort();
}
