/* disk.c - the model: nodes, what of them is durable. See disk.h. */
#include "disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "df/sys.h"

#define PAGE 4096u
#define NAME_LEN 64

struct entry {
	char name[NAME_LEN];
	ino_t ino;
};

struct node {
	ino_t ino;
	bool dir;
	uint8_t *kept; /* file: its durable bytes */
	size_t len;
	uint8_t *dirty; /* a byte a page */
	size_t pages;
	struct entry *names; /* directory: its durable entries */
	size_t n_names;
};

struct move { /* a rename that no sync has carried yet */
	ino_t from, to;
	struct entry was, is;
};

static struct node *nodes;
static size_t n_nodes;
static struct move *moves;
static size_t n_moves;
static struct node *saved;
static size_t n_saved;
static ino_t saved_root;
static int root = -1;
static bool off;
static struct disk_fault plan;
static uint64_t counts[DISK_OP_COUNT];
static bool fired;

const char *const disk_op_name[DISK_OP_COUNT] = {
#define X(name) #name,
	DISK_OP_MAP(X)
#undef X
};

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "disk: %s: %s\n", what, strerror(errno));
	abort();
}

static void *grown(void *p, size_t n, size_t size)
{
	p = realloc(p, (n + 1) * size);
	must(p != NULL, "memory");
	return p;
}

int disk_root(void)
{
	return root;
}

void disk_plan(struct disk_fault f)
{
	plan = f;
	fired = false;
	memset(counts, 0, sizeof counts);
}

uint64_t disk_calls(enum disk_op op)
{
	return counts[op];
}

bool disk_fired(void)
{
	return fired;
}

void disk_off(void)
{
	off = true;
}

bool disk_is_off(void)
{
	return off;
}

bool disk_fails(enum disk_op op)
{
	if (off) {
		errno = EIO;
		return true;
	}
	counts[op]++;
	if (plan.n == 0 || plan.op != op || counts[op] < plan.n ||
	    (counts[op] > plan.n && !plan.for_good))
		return false;
	fired = true;
	off = plan.dies;
	errno = plan.error;
	return true;
}

/* --- nodes ------------------------------------------------------------------ */

static struct node *node_find(ino_t ino)
{
	for (size_t i = n_nodes; i-- > 0;)
		if (nodes[i].ino == ino)
			return &nodes[i];
	return NULL;
}

static struct node *node_of(int fd)
{
	struct stat st;
	struct node *n;

	must(fstat(fd, &st) == 0, "fstat");
	n = node_find(st.st_ino);
	if (n != NULL)
		return n;
	nodes = grown(nodes, n_nodes, sizeof *nodes);
	n = &nodes[n_nodes++];
	*n = (struct node){.ino = st.st_ino, .dir = S_ISDIR(st.st_mode)};
	return n;
}

static void node_free(struct node *n)
{
	free(n->kept);
	free(n->dirty);
	free(n->names);
}

void disk_dirty(int fd, uint64_t at, uint64_t len)
{
	struct node *n = node_of(fd);
	size_t last = (size_t)((at + len + PAGE - 1) / PAGE);

	if (last > n->pages) {
		n->dirty = realloc(n->dirty, last);
		must(n->dirty != NULL, "memory");
		memset(n->dirty + n->pages, 0, last - n->pages);
		n->pages = last;
	}
	for (size_t p = (size_t)(at / PAGE); p < last; p++)
		n->dirty[p] = 1;
}

static int reopened(int fd)
{
	char path[40];
	int again;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	must(again >= 0, "open again");
	return again;
}

static void resize(struct node *n, size_t len)
{
	n->kept = realloc(n->kept, len + 1);
	must(n->kept != NULL, "memory");
	if (len > n->len)
		memset(n->kept + n->len, 0, len - n->len);
	n->len = len;
}

static void keep_pages(struct node *n, int fd, size_t p, size_t count)
{
	size_t at = p * PAGE, want = count * PAGE;

	if (at >= n->len)
		return;
	if (want > n->len - at)
		want = n->len - at;
	must(pread(fd, n->kept + at, want, (off_t)at) == (ssize_t)want,
	     "read pages");
}

static void sync_file(struct node *n, int fd, bool failed)
{
	struct stat st;
	int copy = reopened(fd);

	must(fstat(copy, &st) == 0, "fstat");
	if (!failed) {
		resize(n, (size_t)st.st_size);
		for (size_t p = 0, to; p < n->pages; p = to + 1) {
			for (to = p; to < n->pages && n->dirty[to]; to++)
				;
			keep_pages(n, copy, p, to - p);
		}
	}
	/* failed: clean in the cache all the same, and never written */
	if (n->pages > 0)
		memset(n->dirty, 0, n->pages);
	close(copy);
}

void disk_synced(int fd, bool failed)
{
	struct node *n = node_of(fd);

	if (!n->dir)
		sync_file(n, fd, failed);
	else if (!failed)
		disk_dir_synced(fd);
}

/* --- directories ------------------------------------------------------------ */

static void entry_put(struct node *d, const struct entry *e)
{
	for (size_t i = 0; i < d->n_names; i++)
		if (strcmp(d->names[i].name, e->name) == 0) {
			d->names[i] = *e;
			return;
		}
	d->names = grown(d->names, d->n_names, sizeof *d->names);
	d->names[d->n_names++] = *e;
}

static void entry_drop(struct node *d, const struct entry *e)
{
	for (size_t i = 0; i < d->n_names; i++)
		if (strcmp(d->names[i].name, e->name) == 0 &&
		    d->names[i].ino == e->ino)
			d->names[i--] = d->names[--d->n_names];
}

static void carry_moves(ino_t dir)
{
	for (size_t i = 0; i < n_moves; i++) {
		struct node *from = node_find(moves[i].from);
		struct node *to = node_find(moves[i].to);

		if (moves[i].from != dir && moves[i].to != dir)
			continue;
		entry_drop(from, &moves[i].was);
		entry_put(to, &moves[i].is);
		moves[i--] = moves[--n_moves];
	}
}

void disk_dir_synced(int fd)
{
	struct node *n = node_of(fd);
	DIR *d = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY));
	struct dirent *e;

	must(d != NULL, "list");
	carry_moves(n->ino);
	n->n_names = 0;
	while ((e = readdir(d)) != NULL) {
		struct entry to = {.ino = e->d_ino};

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(to.name, sizeof to.name, "%.63s", e->d_name);
		entry_put(n, &to);
	}
	closedir(d);
}

/* --- the table -------------------------------------------------------------- */

static int d_openat(int dir, const char *name, int flags, mode_t mode)
{
	struct stat st;
	int fd;

	/* what is not there cannot fail in another way: not worth a case */
	if ((flags & O_CREAT) == 0 && fstatat(dir, name, &st, 0) < 0)
		return -1;
	if (disk_fails(DISK_openat))
		return -1;
	fd = openat(dir, name, flags, mode);
	if (fd >= 0)
		(void)node_of(fd);
	return fd;
}

static ssize_t d_read(int fd, void *to, size_t len)
{
	return disk_fails(DISK_read) ? -1 : read(fd, to, len);
}

static ssize_t d_pread(int fd, void *to, size_t len, off_t at)
{
	return disk_fails(DISK_pread) ? -1 : pread(fd, to, len, at);
}

/* A disk that fills up takes half of the write before. */
static size_t taken(enum disk_op op, size_t len)
{
	bool fills = plan.n > 0 && plan.op == op && plan.error == ENOSPC &&
		     counts[op] + 2 == plan.n && len > 1;

	return fills ? len / 2 : len;
}

static ssize_t d_pwrite(int fd, const void *from, size_t len, off_t at)
{
	len = taken(DISK_pwrite, len);
	if (disk_fails(DISK_pwrite))
		return -1;
	disk_dirty(fd, (uint64_t)at, len);
	return pwrite(fd, from, len, at);
}

static ssize_t d_write(int fd, const void *from, size_t len)
{
	len = taken(DISK_write, len);
	if (disk_fails(DISK_write))
		return -1;
	disk_dirty(fd, (uint64_t)lseek(fd, 0, SEEK_CUR), len);
	return write(fd, from, len);
}

static int sync_call(enum disk_op op, int fd)
{
	bool was_off = off, failed = disk_fails(op);
	int error = errno;

	if (!was_off)
		disk_synced(fd, failed);
	errno = error;
	return failed ? -1 : 0;
}

static int d_fsync(int fd)
{
	return sync_call(DISK_fsync, fd);
}

static int d_fdatasync(int fd)
{
	return sync_call(DISK_fdatasync, fd);
}

static int d_ftruncate(int fd, off_t len)
{
	return disk_fails(DISK_ftruncate) ? -1 : ftruncate(fd, len);
}

/* What is not dirty is read from the disk again. */
static int d_fadvise(int fd, off_t at, off_t len, int advice)
{
	struct node *n = node_of(fd);
	static const uint8_t zeros[PAGE];
	int again = reopened(fd);
	struct stat st;

	(void)at, (void)len;
	must(advice == POSIX_FADV_DONTNEED && fstat(again, &st) == 0, "advise");
	for (size_t p = 0; p * PAGE < (size_t)st.st_size; p++) {
		size_t from = p * PAGE, want = (size_t)st.st_size - from;
		size_t has = n->len > from ? n->len - from : 0;

		if (p < n->pages && n->dirty[p])
			continue;
		want = want > PAGE ? PAGE : want;
		has = has > want ? want : has;
		must((has == 0 ||
		      pwrite(again, n->kept + from, has, (off_t)from) ==
			      (ssize_t)has) &&
			     pwrite(again, zeros, want - has,
				    (off_t)(from + has)) ==
				     (ssize_t)(want - has),
		     "read again");
	}
	close(again);
	return 0;
}

static int d_renameat2(int a, const char *from, int b, const char *to,
		       unsigned flags)
{
	struct move m = {0};
	struct stat st;

	if (disk_fails(DISK_renameat2))
		return -1;
	if (fstatat(a, from, &st, 0) < 0)
		return -1;
	m.was.ino = m.is.ino = st.st_ino;
	if (renameat2(a, from, b, to, flags) < 0)
		return -1;
	m.from = node_of(a)->ino;
	snprintf(m.was.name, NAME_LEN, "%s", from);
	snprintf(m.is.name, NAME_LEN, "%s",
		 strrchr(to, '/') ? strrchr(to, '/') + 1 : to);
	if (strchr(to, '/') != NULL) { /* objects/ab: the directory of the name */
		char dir[3] = {to[0], to[1], '\0'};

		must(fstatat(b, dir, &st, 0) == 0, "fstatat");
		m.to = st.st_ino;
	} else {
		m.to = node_of(b)->ino;
	}
	if (strchr(from, '/') != NULL) {
		char dir[3] = {from[0], from[1], '\0'};

		must(fstatat(a, dir, &st, 0) == 0, "fstatat");
		m.from = st.st_ino;
		snprintf(m.was.name, NAME_LEN, "%s", strrchr(from, '/') + 1);
	}
	if (m.from != m.to) {
		moves = grown(moves, n_moves, sizeof *moves);
		moves[n_moves++] = m;
	}
	return 0;
}

static int d_unlinkat(int dir, const char *name, int flags)
{
	return disk_fails(DISK_unlinkat) ? -1 : unlinkat(dir, name, flags);
}

static int d_mkdirat(int dir, const char *name, mode_t mode)
{
	int fd, rc = disk_fails(DISK_mkdirat) ? -1 : mkdirat(dir, name, mode);

	if (rc < 0)
		return rc;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY);
	must(fd >= 0, "open a new directory");
	(void)node_of(fd);
	close(fd);
	return 0;
}

static int d_fstat(int fd, struct stat *st)
{
	return disk_fails(DISK_fstat) ? -1 : fstat(fd, st);
}

static int d_fstatat(int dir, const char *name, struct stat *st, int flags)
{
	return disk_fails(DISK_fstatat) ? -1 : fstatat(dir, name, st, flags);
}

static int d_fstatfs(int fd, struct statfs *st)
{
	return disk_fails(DISK_fstatfs) ? -1 : fstatfs(fd, st);
}

static int d_close(int fd)
{
	int rc = close(fd); /* gone in any case */

	return disk_fails(DISK_close) ? -1 : rc;
}

/* --- power ------------------------------------------------------------------ */

static void empty(int dir)
{
	DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY));
	struct dirent *e;

	must(d != NULL, "list");
	while ((e = readdir(d)) != NULL) {
		int fd;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (unlinkat(dir, e->d_name, 0) == 0)
			continue;
		fd = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY);
		must(fd >= 0, "open to empty");
		empty(fd);
		close(fd);
		must(unlinkat(dir, e->d_name, AT_REMOVEDIR) == 0, "rmdir");
	}
	closedir(d);
}

static const struct node *in(const struct node *v, size_t n, ino_t ino)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].ino == ino)
			return &v[i];
	return NULL;
}

static void build(int dir, const struct node *v, size_t n,
		  const struct node *of)
{
	for (size_t i = 0; of != NULL && i < of->n_names; i++) {
		const struct entry *e = &of->names[i];
		const struct node *c = in(v, n, e->ino);
		int fd;

		if (c != NULL && c->dir) {
			must(mkdirat(dir, e->name, 0700) == 0, "mkdir");
			fd = openat(dir, e->name, O_RDONLY | O_DIRECTORY);
			must(fd >= 0, "open a directory");
			build(fd, v, n, c);
		} else {
			fd = openat(dir, e->name, O_WRONLY | O_CREAT, 0600);
			must(fd >= 0 && (c == NULL || c->len == 0 ||
					 write(fd, c->kept, c->len) ==
						 (ssize_t)c->len),
			     "build a file");
		}
		close(fd);
	}
}

/* Everything that stands there is durable. */
static void scan(int dir)
{
	struct node *of = node_of(dir);

	if (!of->dir) {
		struct stat st;

		must(fstat(dir, &st) == 0, "fstat");
		if (st.st_size > 0)
			disk_dirty(dir, 0, (uint64_t)st.st_size);
		disk_synced(dir, false);
		return;
	}
	disk_dir_synced(dir);
	for (size_t i = 0; i < node_of(dir)->n_names; i++) {
		int fd = openat(dir, node_of(dir)->names[i].name, O_RDONLY);

		must(fd >= 0, "open to scan");
		scan(fd);
		close(fd);
	}
}

static void nodes_free(struct node *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		node_free(&v[i]);
	free(v);
}

static void rescan(void)
{
	nodes_free(nodes, n_nodes);
	nodes = NULL;
	n_nodes = n_moves = 0;
	scan(root);
	off = false;
}

static bool chance(uint64_t *seed)
{
	if (*seed == UINT64_MAX)
		return true;
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 63;
}

/* Some of what no sync has carried reaches the disk all the same; seed
 * UINT64_MAX: all of it. */
static void write_back(int dir, uint64_t *seed)
{
	DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY));
	struct dirent *e;

	must(d != NULL, "list");
	while ((e = readdir(d)) != NULL) {
		struct node *n = node_find(e->d_ino);
		struct stat st;
		int fd;

		if (n == NULL || e->d_name[0] == '.')
			continue;
		fd = openat(dir, e->d_name, O_RDONLY);
		must(fd >= 0 && fstat(fd, &st) == 0, "open to write back");
		if (n->dir)
			write_back(fd, seed);
		if (!n->dir && chance(seed))
			resize(n, (size_t)st.st_size);
		for (size_t p = 0; !n->dir && p < n->pages; p++)
			if (n->dirty[p] && chance(seed))
				keep_pages(n, fd, p, 1);
		close(fd);
	}
	closedir(d);
	if (chance(seed))
		disk_dir_synced(dir);
}

void disk_cut(enum disk_cut how, uint64_t seed)
{
	struct stat st;

	if (how == DISK_KILL) {
		off = false;
		return;
	}
	if (how == DISK_SETTLED)
		seed = UINT64_MAX;
	if (how == DISK_SOME || how == DISK_SETTLED)
		write_back(root, &seed);
	must(fstat(root, &st) == 0, "fstat");
	empty(root);
	build(root, nodes, n_nodes, node_find(st.st_ino));
	rescan();
}

void disk_save(void)
{
	struct stat st;

	rescan();
	nodes_free(saved, n_saved);
	saved = nodes;
	n_saved = n_nodes;
	nodes = NULL;
	n_nodes = 0;
	must(fstat(root, &st) == 0, "fstat");
	saved_root = st.st_ino;
	rescan();
}

void disk_reset(void)
{
	empty(root);
	build(root, saved, n_saved, in(saved, n_saved, saved_root));
	rescan();
	disk_plan((struct disk_fault){0});
}

void disk_open(const char *path)
{
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(root >= 0, path);
	df_sys.openat = d_openat;
	df_sys.read = d_read;
	df_sys.write = d_write;
	df_sys.pread = d_pread;
	df_sys.pwrite = d_pwrite;
	df_sys.fsync = d_fsync;
	df_sys.fdatasync = d_fdatasync;
	df_sys.ftruncate = d_ftruncate;
	df_sys.fadvise = d_fadvise;
	df_sys.renameat2 = d_renameat2;
	df_sys.unlinkat = d_unlinkat;
	df_sys.mkdirat = d_mkdirat;
	df_sys.fstat = d_fstat;
	df_sys.fstatat = d_fstatat;
	df_sys.fstatfs = d_fstatfs;
	df_sys.close = d_close;
	disk_sqlite_open();
	rescan();
}
