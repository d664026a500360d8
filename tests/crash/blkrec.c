/*
 * blkrec.c - a disk that remembers everything: blkrec IMAGE RECORD DIR [FAIL]
 *
 * Mounts at DIR (FUSE) the file `disk`, backed by IMAGE; put a loop device and
 * a file system on it. Every write, discard and flush goes to RECORD in the
 * order in which the disk took them, and so does every line that somebody
 * writes to the file `mark`: what was promised, in the same total order. While
 * the file FAIL exists, writes, discards and flushes fail with EIO and leave
 * nothing. Runs in the foreground until DIR is unmounted; single-threaded, for
 * the order is the point.
 *
 * RECORD: {u32 type, u32 length, u64 offset} in the machine's order, then
 * `length` bytes (of writes and marks; of a discard, length is its length / 512
 * and nothing follows). Types: enum record.
 */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <linux/falloc.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_WRITE (1 << 20)
#define SECTOR 512

enum record { RECORD_WRITE = 1, RECORD_FLUSH, RECORD_MARK, RECORD_DISCARD };

static int image = -1, record = -1;
static const char *fail_switch;
static off_t image_size;

static int remember(enum record type, const void *data, size_t len,
		    uint64_t offset, uint32_t said)
{
	struct {
		uint32_t type, len;
		uint64_t offset;
	} head = {type, said, offset};
	struct iovec v[2] = {{&head, sizeof head}, {(void *)(uintptr_t)data, len}};

	/* the record is in memory or on a sound disk: short is an accident */
	if (writev(record, v, len > 0 ? 2 : 1) != (ssize_t)(sizeof head + len))
		return -EIO;
	return 0;
}

static int is_failing(void)
{
	return fail_switch != NULL && access(fail_switch, F_OK) == 0;
}

static int is_disk(const char *path)
{
	return strcmp(path, "/disk") == 0;
}

static int disk_getattr(const char *path, struct stat *st,
			struct fuse_file_info *fi)
{
	(void)fi;
	memset(st, 0, sizeof *st);
	st->st_nlink = 1;
	if (strcmp(path, "/") == 0) {
		st->st_mode = S_IFDIR | 0755;
	} else if (is_disk(path)) {
		st->st_mode = S_IFREG | 0600;
		st->st_size = image_size;
	} else if (strcmp(path, "/mark") == 0) {
		st->st_mode = S_IFREG | 0600;
	} else {
		return -ENOENT;
	}
	return 0;
}

static int disk_open(const char *path, struct fuse_file_info *fi)
{
	(void)path; /* getattr has found it */
	fi->direct_io = 1;
	return 0;
}

static int disk_read(const char *path, char *to, size_t len, off_t at,
		     struct fuse_file_info *fi)
{
	ssize_t n = is_disk(path) ? pread(image, to, len, at) : 0;

	(void)fi;
	return n < 0 ? -errno : (int)n;
}

static int disk_write(const char *path, const char *from, size_t len, off_t at,
		      struct fuse_file_info *fi)
{
	int rc;

	(void)fi;
	if (!is_disk(path)) {
		rc = remember(RECORD_MARK, from, len, 0, (uint32_t)len);
		return rc < 0 ? rc : (int)len;
	}
	if (is_failing() || pwrite(image, from, len, at) != (ssize_t)len)
		return -EIO;
	rc = remember(RECORD_WRITE, from, len, (uint64_t)at, (uint32_t)len);
	return rc < 0 ? rc : (int)len;
}

static int disk_fsync(const char *path, int only_data,
		      struct fuse_file_info *fi)
{
	(void)only_data, (void)fi;
	if (!is_disk(path))
		return 0;
	return is_failing() ? -EIO : remember(RECORD_FLUSH, NULL, 0, 0, 0);
}

/* Discards and zeroes alike: what is read afterwards are zeroes. */
static int disk_fallocate(const char *path, int mode, off_t at, off_t len,
			  struct fuse_file_info *fi)
{
	(void)fi;
	if (!is_disk(path) || at % SECTOR != 0 || len % SECTOR != 0 ||
	    (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) == 0)
		return -EOPNOTSUPP;
	if (is_failing())
		return -EIO;
	if (fallocate(image, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
		      len) < 0)
		return -errno;
	return remember(RECORD_DISCARD, NULL, 0, (uint64_t)at,
			(uint32_t)(len / SECTOR));
}

/* A shell opens `mark` with O_TRUNC. */
static int disk_truncate(const char *path, off_t len, struct fuse_file_info *fi)
{
	(void)len, (void)fi;
	return is_disk(path) ? -EPERM : 0;
}

static void *disk_init(struct fuse_conn_info *conn, struct fuse_config *config)
{
	conn->max_write = MAX_WRITE;
	config->direct_io = 1;
	config->kernel_cache = 0;
	return NULL;
}

static const struct fuse_operations operations = {
	.init = disk_init,	     .getattr = disk_getattr,
	.open = disk_open,	     .read = disk_read,
	.write = disk_write,	     .fsync = disk_fsync,
	.truncate = disk_truncate,   .fallocate = disk_fallocate,
};

int main(int argc, char **argv)
{
	char *fuse[] = {argv[0], argc > 3 ? argv[3] : NULL, "-f", "-s", NULL};
	struct stat st;

	if (argc < 4 || argc > 5) {
		fprintf(stderr, "usage: blkrec IMAGE RECORD DIR [FAIL]\n");
		return 2;
	}
	fail_switch = argc > 4 ? argv[4] : NULL;
	image = open(argv[1], O_RDWR | O_CLOEXEC);
	record = open(argv[2], O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC,
		      0600);
	if (image < 0 || record < 0 || fstat(image, &st) < 0) {
		perror("blkrec");
		return 1;
	}
	image_size = st.st_size;
	return fuse_main(4, fuse, &operations, NULL);
}
