/*
 * pages.c - a thin layer under SQLite: seals pages as they are written to the
 * database file, checks them as they are read. See df/pages.h.
 *
 * Everything but the database file itself passes through, and of that
 * everything but whole pages: SQLite reads parts of the first page (its header)
 * before it knows how large pages are. A page of zeros was never written (a
 * free one in a file that grew).
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "df/checksum.h"
#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"
#include "df/pages.h"
#include "df/sys.h"

#define SEAL_LEN 8u
#define PAGE_MIN 512
#define PAGE_MAX 65536
#define AT_RESERVED 20 /* of the header: bytes kept free in each page */
#define AT_PAGE_SIZE 16
#define VFS_NAME "df-pages"

struct file {
	sqlite3_file base; /* first: SQLite sees this */
	bool database;
	sqlite3_file *real; /* behind this struct */
};

static sqlite3_vfs vfs;

static sqlite3_file *real_of(sqlite3_file *f)
{
	return ((struct file *)f)->real;
}

static void seal_of(uint8_t seal[SEAL_LEN], const uint8_t *page, size_t len)
{
	struct df_summer s = {0};
	struct df_checksum sum;

	df_summer_init(&s);
	df_summer_update(&s, page, len - SEAL_LEN);
	df_summer_sum(&s, &sum);
	df_summer_release(&s);
	memcpy(seal, sum.b, SEAL_LEN);
}

static bool is_zero(const uint8_t *page, size_t len)
{
	return page[0] == 0 && memcmp(page, page + 1, len - 1) == 0;
}

static bool page_is_good(const uint8_t *page, size_t len)
{
	uint8_t seal[SEAL_LEN];

	seal_of(seal, page, len);
	return memcmp(seal, page + len - SEAL_LEN, SEAL_LEN) == 0 ||
	       is_zero(page, len);
}

static bool is_page(int len, sqlite3_int64 at)
{
	return len >= PAGE_MIN && (len & (len - 1)) == 0 && at % len == 0;
}

/* Is it a header of ours? SQLite would believe another number. */
static bool has_room(const uint8_t *head)
{
	return memcmp(head, "SQLite format 3", 16) == 0 &&
	       head[AT_RESERVED] == SEAL_LEN;
}

/* --- files --------------------------------------------------------------------- */

static int on_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
	struct file *f = (struct file *)file;
	int rc = f->real->pMethods->xRead(f->real, to, len, at);

	if (rc != SQLITE_OK || !f->database)
		return rc;
	if ((at == 0 && len > AT_RESERVED && !has_room(to)) ||
	    (is_page(len, at) && !page_is_good(to, (size_t)len))) {
		df_log(DF_LOG_ERROR, "database.page.damaged",
		       DF_F_NUM("page", at / len + 1));
		return SQLITE_IOERR_DATA;
	}
	return rc;
}

static int on_write(sqlite3_file *file, const void *from, int len,
		    sqlite3_int64 at)
{
	struct file *f = (struct file *)file;
	uint8_t *page;
	int rc;

	if (!f->database || !is_page(len, at))
		return f->real->pMethods->xWrite(f->real, from, len, at);
	page = sqlite3_malloc(len);
	if (page == NULL)
		return SQLITE_IOERR_NOMEM;
	memcpy(page, from, (size_t)len);
	seal_of(page + len - SEAL_LEN, page, (size_t)len);
	rc = f->real->pMethods->xWrite(f->real, page, len, at);
	sqlite3_free(page);
	return rc;
}

static int on_close(sqlite3_file *f)
{
	return real_of(f)->pMethods->xClose(real_of(f));
}

static int on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return real_of(f)->pMethods->xTruncate(real_of(f), size);
}

/* The read: see df_fd_sync. */
static int on_sync(sqlite3_file *f, int flags)
{
	const sqlite3_io_methods *real = real_of(f)->pMethods;
	int rc = real->xSync(real_of(f), flags);
	char first;

	if (rc != SQLITE_OK)
		return rc;
	rc = real->xRead(real_of(f), &first, 1, 0);
	return rc == SQLITE_OK || rc == SQLITE_IOERR_SHORT_READ
		       ? SQLITE_OK
		       : SQLITE_IOERR_FSYNC;
}

static int on_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int on_lock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int on_unlock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int on_check_lock(sqlite3_file *f, int *held)
{
	return real_of(f)->pMethods->xCheckReservedLock(real_of(f), held);
}

static int on_control(sqlite3_file *f, int op, void *arg)
{
	return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int on_sector(sqlite3_file *f)
{
	return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int on_device(sqlite3_file *f)
{
	return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

/* Version 1: no shared memory (the lock is exclusive), no mapped pages. */
static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = on_close,
	.xRead = on_read,
	.xWrite = on_write,
	.xTruncate = on_truncate,
	.xSync = on_sync,
	.xFileSize = on_size,
	.xLock = on_lock,
	.xUnlock = on_unlock,
	.xCheckReservedLock = on_check_lock,
	.xFileControl = on_control,
	.xSectorSize = on_sector,
	.xDeviceCharacteristics = on_device,
};

static int on_open(sqlite3_vfs *v, sqlite3_filename name, sqlite3_file *file,
		   int flags, int *out_flags)
{
	sqlite3_vfs *real = v->pAppData;
	struct file *f = (struct file *)file;
	int rc;

	*f = (struct file){.real = (sqlite3_file *)(void *)(f + 1)};
	f->database = (flags & SQLITE_OPEN_MAIN_DB) != 0;
	rc = real->xOpen(real, name, f->real, flags, out_flags);
	if (f->real->pMethods != NULL) /* to be closed, also after a failure */
		f->base.pMethods = &methods;
	return rc;
}

/* A room has one thread, and counts nothing of SQLite's memory: no lock for
 * each piece of it. Hints: what is refused costs time only. */
static void make_quick(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static void vfs_make(void)
{
	sqlite3_vfs *real;

	make_quick(); /* before SQLite begins */
	real = sqlite3_vfs_find(NULL);

	if (real == NULL)
		df_bug("SQLite has no file system");
	vfs = *real; /* its other calls do not look at whose they are */
	vfs.zName = VFS_NAME;
	vfs.pNext = NULL;
	vfs.szOsFile = real->szOsFile + (int)sizeof(struct file);
	vfs.pAppData = real;
	vfs.xOpen = on_open;
	if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
		df_bug("SQLite does not take a file system");
}

int df_pages_open(sqlite3 **db, const char *path)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int reserve = SEAL_LEN;
	int rc;

	if (pthread_once(&once, vfs_make) != 0)
		df_bug("once is never");
	rc = sqlite3_open_v2(path, db,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
				     SQLITE_OPEN_NOFOLLOW,
			     VFS_NAME);
	if (rc == SQLITE_OK) /* of one that is made now */
		rc = sqlite3_file_control(*db, "main",
					  SQLITE_FCNTL_RESERVE_BYTES, &reserve);
	return rc;
}

bool df_pages_is_damage(int code)
{
	return code == SQLITE_IOERR_DATA || (code & 0xff) == SQLITE_CORRUPT ||
	       (code & 0xff) == SQLITE_NOTADB;
}

/* --- without SQLite --------------------------------------------------------------- */

static enum df_err check_pages(int fd, uint64_t *pages, uint64_t *bad,
			       struct df_why *why)
{
	static uint8_t page[PAGE_MAX];
	uint64_t size, page_size;
	enum df_err rc = df_fd_size(fd, &size, why);

	if (rc == DF_OK && size == 0)
		return DF_OK; /* made and never written: all is in the log */
	if (rc == DF_OK)
		rc = df_pread_all(fd, page, 100, 0, why);
	if (rc != DF_OK)
		return rc;
	page_size = df_get_u16(page + AT_PAGE_SIZE);
	page_size = page_size == 1 ? PAGE_MAX : page_size;
	if (!has_room(page) || page_size < PAGE_MIN || size % page_size != 0)
		return df_fail(why, DF_E_FORMAT,
			       "it is no database with checksums");
	for (uint64_t at = 0; at < size; at += page_size) {
		rc = df_pread_all(fd, page, (size_t)page_size, at, why);
		if (rc != DF_OK)
			return rc;
		(*pages)++;
		*bad += !page_is_good(page, (size_t)page_size);
	}
	return DF_OK;
}

enum df_err df_pages_check(int dir, const char *name, uint64_t *pages,
			   uint64_t *bad, struct df_why *why)
{
	int fd = -1;
	enum df_err rc = df_file_open(&fd, dir, name, O_RDONLY, 0, why);

	*pages = *bad = 0;
	if (rc == DF_OK)
		rc = check_pages(fd, pages, bad, why);
	df_fd_close(&fd);
	return rc;
}

enum df_err df_pages_aside(int dir, const char *name, struct df_why *why)
{
	static const char *const parts[] = {"", "-wal", "-shm"};
	char from[64], to[96], now[DF_TIME_LEN + 1];
	enum df_err rc;
	int fd = -1;

	df_time_encode(now, df_clock_wall_ms());
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		df_str_fmt(from, sizeof from, "%s%s", name, parts[i]);
		df_str_fmt(to, sizeof to, "%s.%s%s", name, now, parts[i]);
		if (df_sys.renameat2(dir, from, dir, to, RENAME_NOREPLACE) < 0 &&
		    errno != ENOENT)
			return df_fail_sys(why, DF_E_IO,
					   "cannot set '%s' aside", from);
	}
	rc = df_dir_open(&fd, dir, ".", why);
	if (rc == DF_OK)
		rc = df_dir_sync(fd, ".", why);
	df_fd_close(&fd);
	return rc;
}
