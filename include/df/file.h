/*
 * file.h - files and directories: whole reads and writes, and the one place
 * that knows the order of sync, rename and directory sync.
 *
 * All descriptors made here are close-on-exec. Names are ours, never a peer's.
 * Failures are DF_E_IO (DF_E_NOSPACE when the disk is full) unless said.
 */
#ifndef DF_FILE_H
#define DF_FILE_H

#include <sys/types.h>

#include "df/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Closes *fd unless it is -1, and sets it to -1. Result of close is dropped:
 * what must be durable was synced before. */
void df_fd_close(int *fd);
/* The descriptor, which *fd no longer owns (-1 afterwards). */
int df_fd_take(int *fd);
/* -1 in *to on failure. The copy is close-on-exec. */
DF_MUST_CHECK enum df_err df_fd_dup(int *to, int fd, struct df_why *why);
/* Size in bytes of a regular file or memfd. */
DF_MUST_CHECK enum df_err df_fd_size(int fd, uint64_t *size_bytes,
				     struct df_why *why);

/* Opens a directory below `dir` (AT_FDCWD allowed). DF_E_NOTFOUND if absent. */
DF_MUST_CHECK enum df_err df_dir_open(int *fd, int dir, const char *name,
				      struct df_why *why);
/* Makes a directory (0700) unless it is there; not synced. */
DF_MUST_CHECK enum df_err df_dir_make(int dir, const char *name,
				      struct df_why *why);
/* Makes the names in a directory durable. `name` is for the message only. */
DF_MUST_CHECK enum df_err df_dir_sync(int fd, const char *name,
				      struct df_why *why);

/*
 * Makes the content of a file durable. Never repeated on the same file: after
 * a failure the kernel may have dropped what was written, and says OK the
 * second time. A file system that shuts itself down lets go of what a sync waits
 * for, and may say 0 to it (XFS does); it bears the mark of its end by then, and
 * no read passes that: so a byte is read, too.
 */
DF_MUST_CHECK enum df_err df_fd_sync(int fd, const char *name,
				     struct df_why *why);
/*
 * Lets the next read come from the disk, not from the cache: after a failed
 * sync, of this or of an earlier process, the cache holds what the disk may
 * not. Syncs first, so that nothing is lost that can still be kept.
 */
DF_MUST_CHECK enum df_err df_fd_from_disk(int fd, const char *name,
					  struct df_why *why);
/*
 * True since a sync of this process failed, of content or of a directory, and
 * not for want of space; why (may be NULL) tells of the first. What is in
 * memory may then be more than the disk holds: the room ends, and starts from
 * what can be read.
 */
bool df_sync_failed(struct df_why *why);
void df_sync_forget(void); /* for tests */

/*
 * Can this disk be written to? Makes a file in `dir`, syncs it, drops it from
 * the cache, reads it again, compares, removes it. DF_E_CORRUPT when it came
 * back with other bytes. A few milliseconds.
 */
DF_MUST_CHECK enum df_err df_disk_probe(int dir, struct df_why *why);

/* openat with O_CLOEXEC and O_NOFOLLOW added. DF_E_NOTFOUND for ENOENT,
 * DF_E_EXISTS for EEXIST. */
DF_MUST_CHECK enum df_err df_file_open(int *fd, int dir, const char *name,
				       int flags, mode_t mode,
				       struct df_why *why);

/* All bytes, or an error; EINTR and short counts are handled. */
DF_MUST_CHECK enum df_err df_write_all(int fd, const void *ptr, size_t len,
				       struct df_why *why);
/* Lets the disk begin with len bytes at offset (0: to the end); a hint that
 * promises nothing. */
void df_fd_start_disk(int fd, uint64_t offset, uint64_t len);
DF_MUST_CHECK enum df_err df_pwrite_all(int fd, const void *ptr, size_t len,
					uint64_t offset, struct df_why *why);
/* Exactly len bytes; DF_E_TRUNC when the file ends before. */
DF_MUST_CHECK enum df_err df_pread_all(int fd, void *ptr, size_t len,
				       uint64_t offset, struct df_why *why);

/* Appends the whole file to buf. DF_E_LIMIT when it is larger than max_bytes
 * or than buf allows, DF_E_NOTFOUND when there is none. */
DF_MUST_CHECK enum df_err df_file_read(int dir, const char *name,
				       size_t max_bytes, struct df_buf *buf,
				       struct df_why *why);
/* Replaces dir/name in one step: temporary file, fsync, rename, directory
 * sync. After DF_OK the new content is durable; after an error the old or the
 * new content is there, whole. `name` may contain one "/". */
DF_MUST_CHECK enum df_err df_file_write_durable(int dir, const char *name,
						mode_t mode, const void *ptr,
						size_t len, struct df_why *why);
/* Removes the name; absent is fine. Not synced. */
DF_MUST_CHECK enum df_err df_file_remove(int dir, const char *name,
					 struct df_why *why);

/* Takes dir/name as the lock of this process until it ends: *fd stays open.
 * DF_E_EXISTS when another process holds it. */
DF_MUST_CHECK enum df_err df_file_lock(int *fd, int dir, const char *name,
				       struct df_why *why);

/* Anonymous memory with a descriptor, at most as large as its limits allow. */
DF_MUST_CHECK enum df_err df_memfd_new(int *fd, const char *name,
				       struct df_why *why);
/* No more writing, growing or shrinking, by anybody. */
DF_MUST_CHECK enum df_err df_memfd_seal(int fd, struct df_why *why);

/* Free bytes for us and total bytes of the file system that holds fd. */
DF_MUST_CHECK enum df_err df_disk_space(int fd, uint64_t *free_bytes,
					uint64_t *total_bytes,
					struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
