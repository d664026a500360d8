/*
 * sysshim.c - a shim (LD_PRELOAD) between any program and its system calls.
 *
 * DF_SHIM names a file of rules, one a line; `#` begins a comment. A rule is
 * words key=value:
 *
 *   room=queue       program, without "df-"; a pattern (fnmatch); default *
 *   call=fdatasync   names of the table below, with commas; required
 *   path=*.db-wal    pattern for the file's path; default: any, also sockets
 *   while=FILE       holds only while FILE exists (remove it: the fault ends)
 *   n=3              from the third call that fits on; default 1
 *   times=1          how often; 0 = for good; default 1
 *   do=...           error:EIO | short (half of a write) | pretend (says it is
 *                    done) | later:MS (says it is done, does it MS later) |
 *                    delay:MS | kill | die (kill, but after the call)
 *
 * The first rule that fits acts. The line `counts FILE` makes the counters
 * common to all processes and visible: FILE holds two u64 a rule, {calls that
 * fitted, times acted}; use a fresh name with each set of rules. A new file
 * renamed over DF_SHIM takes effect at the next call.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define RULES_MAX 32
#define TEXT_MAX 8192
#define NO_FD (-2)

#define CALL_MAP(X)                                                        \
	X(open) X(read) X(write) X(pread) X(pwrite) X(writev) X(fsync)     \
	X(fdatasync) X(sync_file_range) X(ftruncate) X(fallocate)          \
	X(rename) X(unlink) X(mkdir) X(link) X(fstat) X(fstatat)           \
	X(fstatfs) X(close) X(send) X(recv)

enum call {
#define X(name) CALL_##name,
	CALL_MAP(X)
#undef X
		CALL_COUNT
};
static const char *const call_name[] = {
#define X(name) #name,
	CALL_MAP(X)
#undef X
};

enum act { ACT_NONE, ACT_ERROR, ACT_SHORT, ACT_PRETEND, ACT_LATER, ACT_DELAY,
	   ACT_KILL, ACT_DIE };

struct rule {
	unsigned calls; /* a bit a call; 0 = ends the list */
	char path[256], gate[256];
	uint64_t first, times;
	enum act act;
	int err, ms;
	uint64_t *count; /* [0] fitted, [1] acted */
};

struct rules {
	struct rule rule[RULES_MAX];
	unsigned calls; /* of all rules */
	uint64_t own[2 * RULES_MAX];
};

static struct rules none;
static struct rules *active = &none;
static struct timespec active_time;
static ino_t active_ino;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* --- reading the rules: by bare system calls, they are nobody's business --- */

static const struct {
	const char *name;
	int no;
} errors[] = {
	{"EIO", EIO},	    {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT},
	{"EROFS", EROFS},   {"EMFILE", EMFILE}, {"ENFILE", ENFILE},
	{"EINTR", EINTR},   {"EAGAIN", EAGAIN}, {"ENOMEM", ENOMEM},
	{"EACCES", EACCES}, {"ENOENT", ENOENT}, {"EPIPE", EPIPE},
};

static void broken(const char *what)
{
	dprintf(2, "sysshim: cannot understand '%s'\n", what);
	_exit(99);
}

static const char *program(void)
{
	const char *name = program_invocation_short_name;

	return strncmp(name, "df-", 3) == 0 ? name + 3 : name;
}

static unsigned calls_of(char *list)
{
	unsigned bits = 0;
	char *save = NULL;

	for (char *w = strtok_r(list, ",", &save); w != NULL;
	     w = strtok_r(NULL, ",", &save)) {
		unsigned c = 0;

		while (c < CALL_COUNT && strcmp(call_name[c], w) != 0)
			c++;
		if (c == CALL_COUNT)
			broken(w);
		bits |= 1u << c;
	}
	return bits;
}

static void act_of(struct rule *r, const char *word)
{
	static const char *const names[] = {
		[ACT_ERROR] = "error", [ACT_SHORT] = "short",
		[ACT_PRETEND] = "pretend", [ACT_LATER] = "later",
		[ACT_DELAY] = "delay", [ACT_KILL] = "kill",
		[ACT_DIE] = "die"};
	size_t len = strcspn(word, ":");
	const char *arg = word[len] == ':' ? word + len + 1 : "";

	for (unsigned a = ACT_ERROR; a <= ACT_DIE; a++)
		if (strlen(names[a]) == len && memcmp(names[a], word, len) == 0)
			r->act = (enum act)a;
	r->ms = atoi(arg);
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
		if (strcmp(errors[i].name, arg) == 0)
			r->err = errors[i].no;
	if (r->act == ACT_NONE || (r->act == ACT_ERROR && r->err == 0))
		broken(word);
}

/* False when it is for another program. */
static bool parse_rule(struct rule *r, char *line)
{
	bool ours = true;
	char *save = NULL;

	r->first = r->times = 1;
	for (char *w = strtok_r(line, " \t", &save); w != NULL;
	     w = strtok_r(NULL, " \t", &save)) {
		char *v = strchr(w, '=');

		if (v == NULL)
			broken(w);
		*v++ = '\0';
		if (strcmp(w, "room") == 0)
			ours = fnmatch(v, program(), 0) == 0;
		else if (strcmp(w, "call") == 0)
			r->calls = calls_of(v);
		else if (strcmp(w, "path") == 0)
			snprintf(r->path, sizeof r->path, "%s", v);
		else if (strcmp(w, "while") == 0)
			snprintf(r->gate, sizeof r->gate, "%s", v);
		else if (strcmp(w, "n") == 0)
			r->first = strtoull(v, NULL, 10);
		else if (strcmp(w, "times") == 0)
			r->times = strtoull(v, NULL, 10);
		else if (strcmp(w, "do") == 0)
			act_of(r, v);
		else
			broken(w);
	}
	if (r->calls == 0 || r->act == ACT_NONE)
		broken("a rule without call or do");
	return ours;
}

static uint64_t *map_counts(const char *path)
{
	const size_t bytes = 2 * RULES_MAX * sizeof(uint64_t);
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path,
			      O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	void *p = MAP_FAILED;

	if (fd >= 0 && syscall(SYS_ftruncate, fd, bytes) == 0)
		p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 0);
	if (fd >= 0)
		syscall(SYS_close, fd);
	if (p == MAP_FAILED)
		broken(path);
	return p;
}

static struct rules *parse(char *text)
{
	struct rules *rs = mmap(NULL, sizeof *rs, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t *counts = rs->own;
	char *save = NULL;
	size_t n = 0, number = 0;

	if (rs == MAP_FAILED)
		broken("memory");
	for (char *l = strtok_r(text, "\n", &save); l != NULL;
	     l = strtok_r(NULL, "\n", &save)) {
		struct rule r = {0};

		if (*l == '#')
			continue;
		if (strncmp(l, "counts ", 7) == 0) {
			counts = map_counts(l + 7);
			continue;
		}
		if (number == RULES_MAX)
			broken("so many rules");
		r.count = counts + 2 * number++;
		if (!parse_rule(&r, l))
			continue;
		rs->calls |= r.calls;
		rs->rule[n++] = r;
	}
	return rs;
}

static void load(const char *path)
{
	char text[TEXT_MAX];
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	long n = fd >= 0 ? syscall(SYS_read, fd, text, sizeof text - 1) : 0;

	if (fd >= 0)
		syscall(SYS_close, fd);
	text[n > 0 ? n : 0] = '\0';
	__atomic_store_n(&active, parse(text), __ATOMIC_RELEASE);
}

/* The rules as they are now; an old set is left to readers that have it. */
static struct rules *rules(void)
{
	static const char *path;
	struct stat st = {0};

	if (path == NULL)
		path = getenv("DF_SHIM") != NULL ? getenv("DF_SHIM") : "";
	if (*path == '\0' ||
	    syscall(SYS_newfstatat, AT_FDCWD, path, &st, 0) != 0)
		return &none;
	pthread_mutex_lock(&lock);
	if (st.st_ino != active_ino ||
	    st.st_mtim.tv_nsec != active_time.tv_nsec ||
	    st.st_mtim.tv_sec != active_time.tv_sec) {
		active_ino = st.st_ino;
		active_time = st.st_mtim;
		load(path);
	}
	pthread_mutex_unlock(&lock);
	return __atomic_load_n(&active, __ATOMIC_ACQUIRE);
}

/* --- judging a call -------------------------------------------------------- */

static void path_of(char *to, size_t cap, int fd, const char *name)
{
	char link[64];
	long n = 0;

	if (name != NULL && *name == '/') {
		snprintf(to, cap, "%s", name);
		return;
	}
	if (fd == AT_FDCWD)
		snprintf(link, sizeof link, "/proc/self/cwd");
	else
		snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = syscall(SYS_readlinkat, AT_FDCWD, link, to, cap - 1);
	n = n > 0 ? n : 0;
	to[n] = '\0';
	if (name != NULL)
		snprintf(to + n, cap - (size_t)n, "/%s", name);
}

static bool fits(const struct rule *r, enum call call, int fd,
		 const char *name)
{
	char path[4096];

	if ((r->calls & 1u << call) == 0)
		return false;
	if (r->gate[0] != '\0' &&
	    syscall(SYS_faccessat, AT_FDCWD, r->gate, F_OK) != 0)
		return false;
	if (r->path[0] == '\0')
		return true;
	path_of(path, sizeof path, fd, name);
	return fnmatch(r->path, path, 0) == 0;
}

static bool is_due(const struct rule *r)
{
	uint64_t n = __atomic_add_fetch(&r->count[0], 1, __ATOMIC_RELAXED);

	if (n < r->first || (r->times != 0 && n >= r->first + r->times))
		return false;
	__atomic_add_fetch(&r->count[1], 1, __ATOMIC_RELAXED);
	return true;
}

static const struct rule *judge(enum call call, int fd, const char *name)
{
	static __thread bool inside;
	const struct rule *found = NULL;
	struct rules *rs;
	int keep = errno;

	if (inside)
		return NULL;
	inside = true;
	rs = rules();
	for (const struct rule *r = rs->rule;
	     (rs->calls & 1u << call) != 0 && found == NULL && r->calls != 0 &&
	     r < rs->rule + RULES_MAX;
	     r++)
		if (fits(r, call, fd, name) && is_due(r))
			found = r;
	inside = false;
	errno = keep;
	return found;
}

static void pause_ms(int ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR)
		;
}

static void die(void)
{
	syscall(SYS_kill, getpid(), SIGKILL);
}

struct promise {
	long call;
	int fd, ms;
};

static void *keep_promise(void *ctx)
{
	struct promise *p = ctx;

	pause_ms(p->ms);
	(void)syscall(p->call, p->fd); /* nobody hears of it any more */
	syscall(SYS_close, p->fd);
	free(p);
	return NULL;
}

/* A sync that was said to be done is done after a while. */
static void promise(enum call call, int fd, int ms)
{
	struct promise *p = malloc(sizeof *p);
	pthread_t thread;

	if (p == NULL || (call != CALL_fsync && call != CALL_fdatasync))
		broken("later: only of fsync and fdatasync");
	*p = (struct promise){call == CALL_fsync ? SYS_fsync : SYS_fdatasync,
			      (int)syscall(SYS_dup, fd), ms};
	if (pthread_create(&thread, NULL, keep_promise, p) != 0)
		broken("a thread");
	pthread_detach(thread);
}

enum say { SAY_GO, SAY_FAIL, SAY_DONE, SAY_HALF };

static enum say before(const struct rule *r, enum call call, int fd)
{
	switch (r != NULL ? r->act : ACT_NONE) {
	case ACT_NONE:
	case ACT_DIE:
		break;
	case ACT_ERROR:
		errno = r->err;
		return SAY_FAIL;
	case ACT_SHORT:
		return SAY_HALF;
	case ACT_PRETEND:
		return SAY_DONE;
	case ACT_LATER:
		promise(call, fd, r->ms);
		return SAY_DONE;
	case ACT_DELAY:
		pause_ms(r->ms);
		break;
	case ACT_KILL:
		die();
		break;
	}
	return SAY_GO;
}

/* --- the calls ------------------------------------------------------------- */

/* One call: `fd` and `name` say on what; `done` is what it returns when it
 * only pretends; `halve` is run for half of a write. */
#define BODY(ret, call, fd, name, symbol, args, done, halve)               \
	static ret(*real) symbol##_SIG;                                    \
	const struct rule *r = judge(CALL_##call, fd, name);               \
	enum say say = before(r, CALL_##call, fd);                         \
	ret result;                                                        \
                                                                           \
	if (real == NULL)                                                  \
		*(void **)&real = dlsym(RTLD_NEXT, #symbol);               \
	if (say == SAY_FAIL)                                               \
		return (ret)-1;                                            \
	if (say == SAY_DONE)                                               \
		return (ret)(done);                                        \
	if (say == SAY_HALF) {                                             \
		halve;                                                     \
	}                                                                  \
	result = real args;                                                \
	if (r != NULL && r->act == ACT_DIE)                                \
		die();                                                     \
	return result
#define HALF_LEN len = len > 1 ? len / 2 : len

#define CALL(ret, symbol, call, args, fd, name, done, halve)               \
	ret symbol symbol##_SIG                                            \
	{                                                                  \
		BODY(ret, call, fd, name, symbol, args, done, halve);      \
	}

#define read_SIG (int fd, void *to, size_t len)
#define pread_SIG (int fd, void *to, size_t len, off_t at)
#define pread64_SIG (int fd, void *to, size_t len, off64_t at)
#define write_SIG (int fd, const void *from, size_t len)
#define pwrite_SIG (int fd, const void *from, size_t len, off_t at)
#define pwrite64_SIG (int fd, const void *from, size_t len, off64_t at)
#define writev_SIG (int fd, const struct iovec *v, int n)
#define fsync_SIG (int fd)
#define fdatasync_SIG (int fd)
#define sync_file_range_SIG (int fd, off64_t at, off64_t len, unsigned flags)
#define ftruncate_SIG (int fd, off_t len)
#define ftruncate64_SIG (int fd, off64_t len)
#define fallocate_SIG (int fd, int mode, off_t at, off_t len)
#define fallocate64_SIG (int fd, int mode, off64_t at, off64_t len)
#define rename_SIG (const char *from, const char *to)
#define renameat_SIG (int fd, const char *from, int dir, const char *to)
#define renameat2_SIG                                                      \
	(int fd, const char *from, int dir, const char *to, unsigned flags)
#define unlink_SIG (const char *name)
#define unlinkat_SIG (int fd, const char *name, int flags)
#define mkdir_SIG (const char *name, mode_t mode)
#define mkdirat_SIG (int fd, const char *name, mode_t mode)
#define linkat_SIG                                                         \
	(int fd, const char *from, int dir, const char *to, int flags)
#define fstat_SIG (int fd, struct stat *st)
#define fstat64_SIG (int fd, struct stat64 *st)
#define fstatat_SIG (int fd, const char *name, struct stat *st, int flags)
#define fstatat64_SIG (int fd, const char *name, struct stat64 *st, int flags)
#define fstatfs_SIG (int fd, struct statfs *st)
#define fstatfs64_SIG (int fd, struct statfs64 *st)
#define close_SIG (int fd)
#define send_SIG (int fd, const void *from, size_t len, int flags)
#define sendmsg_SIG (int fd, const struct msghdr *m, int flags)
#define recv_SIG (int fd, void *to, size_t len, int flags)
#define recvmsg_SIG (int fd, struct msghdr *m, int flags)

CALL(ssize_t, read, read, (fd, to, len), fd, NULL, 0, HALF_LEN)
CALL(ssize_t, pread, pread, (fd, to, len, at), fd, NULL, 0, HALF_LEN)
CALL(ssize_t, pread64, pread, (fd, to, len, at), fd, NULL, 0, HALF_LEN)
CALL(ssize_t, write, write, (fd, from, len), fd, NULL, len, HALF_LEN)
CALL(ssize_t, pwrite, pwrite, (fd, from, len, at), fd, NULL, len, HALF_LEN)
CALL(ssize_t, pwrite64, pwrite, (fd, from, len, at), fd, NULL, len, HALF_LEN)
CALL(ssize_t, writev, writev, (fd, v, n), fd, NULL, 0, n = n > 1 ? n / 2 : n)
CALL(int, fsync, fsync, (fd), fd, NULL, 0, )
CALL(int, fdatasync, fdatasync, (fd), fd, NULL, 0, )
CALL(int, sync_file_range, sync_file_range, (fd, at, len, flags), fd, NULL, 0, )
CALL(int, ftruncate, ftruncate, (fd, len), fd, NULL, 0, )
CALL(int, ftruncate64, ftruncate, (fd, len), fd, NULL, 0, )
CALL(int, fallocate, fallocate, (fd, mode, at, len), fd, NULL, 0, )
CALL(int, fallocate64, fallocate, (fd, mode, at, len), fd, NULL, 0, )
CALL(int, rename, rename, (from, to), AT_FDCWD, to, 0, )
CALL(int, renameat, rename, (fd, from, dir, to), dir, to, 0, )
CALL(int, renameat2, rename, (fd, from, dir, to, flags), dir, to, 0, )
CALL(int, unlink, unlink, (name), AT_FDCWD, name, 0, )
CALL(int, unlinkat, unlink, (fd, name, flags), fd, name, 0, )
CALL(int, mkdir, mkdir, (name, mode), AT_FDCWD, name, 0, )
CALL(int, mkdirat, mkdir, (fd, name, mode), fd, name, 0, )
CALL(int, linkat, link, (fd, from, dir, to, flags), dir, to, 0, )
CALL(int, fstat, fstat, (fd, st), fd, NULL, 0, )
CALL(int, fstat64, fstat, (fd, st), fd, NULL, 0, )
CALL(int, fstatat, fstatat, (fd, name, st, flags), fd, name, 0, )
CALL(int, fstatat64, fstatat, (fd, name, st, flags), fd, name, 0, )
CALL(int, fstatfs, fstatfs, (fd, st), fd, NULL, 0, )
CALL(int, fstatfs64, fstatfs, (fd, st), fd, NULL, 0, )
CALL(int, close, close, (fd), fd, NULL, 0, )
CALL(ssize_t, send, send, (fd, from, len, flags), fd, NULL, len, HALF_LEN)
CALL(ssize_t, sendmsg, send, (fd, m, flags), fd, NULL, 0, )
CALL(ssize_t, recv, recv, (fd, to, len, flags), fd, NULL, 0, HALF_LEN)
CALL(ssize_t, recvmsg, recv, (fd, m, flags), fd, NULL, 0, )

#define OPEN(symbol, sig, dir)                                             \
	int symbol sig                                                     \
	{                                                                  \
		static int (*real)(int, const char *, int, ...);           \
		const struct rule *r = judge(CALL_open, dir, name);        \
		mode_t mode = 0;                                           \
		va_list ap;                                                \
		int fd;                                                    \
                                                                           \
		va_start(ap, flags);                                       \
		if ((flags & (O_CREAT | __O_TMPFILE)) != 0)                \
			mode = va_arg(ap, mode_t);                         \
		va_end(ap);                                                \
		if (real == NULL)                                          \
			*(void **)&real = dlsym(RTLD_NEXT, "openat64");    \
		if (before(r, CALL_open, NO_FD) == SAY_FAIL)               \
			return -1;                                         \
		fd = real(dir, name, flags, mode);                         \
		if (r != NULL && r->act == ACT_DIE)                        \
			die();                                             \
		return fd;                                                 \
	}
OPEN(open, (const char *name, int flags, ...), AT_FDCWD)
OPEN(open64, (const char *name, int flags, ...), AT_FDCWD)
OPEN(openat, (int dir, const char *name, int flags, ...), dir)
OPEN(openat64, (int dir, const char *name, int flags, ...), dir)
