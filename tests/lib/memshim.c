/*
 * memshim.c - a shim (LD_PRELOAD) that lets malloc fail in turn.
 *
 * DF_MEMSHIM names a file of one struct plan (memshim.py writes it); all
 * processes map it. In a process of that room the n-th call of malloc, calloc,
 * realloc or aligned_alloc from the moment n was written on gives NULL, and so
 * do `times` - 1 that follow. A program may arm itself: df_memshim_arm.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct plan {
	char room[32];	 /* program, without "df-"; "" = every one */
	uint64_t n;	 /* 0 = none fails */
	uint64_t times;
	uint64_t calls;	 /* so far */
	uint64_t failed; /* so far */
};

void *__libc_malloc(size_t len);
void *__libc_calloc(size_t count, size_t len);
void *__libc_realloc(void *old, size_t len);
void *__libc_memalign(size_t align, size_t len);
void df_memshim_arm(uint64_t n, uint64_t times);

static struct plan own;
static struct plan *plan = &own;
static const char *me = "";

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("DF_MEMSHIM");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	me = program_invocation_short_name;
	if (strncmp(me, "df-", 3) == 0)
		me += 3;
	if (fd < 0)
		return;
	p = mmap(NULL, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED)
		plan = p;
}

void df_memshim_arm(uint64_t n, uint64_t times)
{
	own = (struct plan){.n = n, .times = times};
	plan = &own;
}

static int fails(void)
{
	uint64_t n = __atomic_load_n(&plan->n, __ATOMIC_RELAXED), call;

	if (n == 0 || (plan->room[0] != '\0' && strcmp(plan->room, me) != 0))
		return 0;
	call = __atomic_add_fetch(&plan->calls, 1, __ATOMIC_RELAXED);
	if (call < n || call >= n + plan->times)
		return 0;
	__atomic_add_fetch(&plan->failed, 1, __ATOMIC_RELAXED);
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t len)
{
	return fails() ? NULL : __libc_malloc(len);
}

void *calloc(size_t count, size_t len)
{
	return fails() ? NULL : __libc_calloc(count, len);
}

void *realloc(void *old, size_t len)
{
	return fails() ? NULL : __libc_realloc(old, len);
}

void *aligned_alloc(size_t align, size_t len)
{
	return fails() ? NULL : __libc_memalign(align, len);
}

int posix_memalign(void **to, size_t align, size_t len)
{
	*to = fails() ? NULL : __libc_memalign(align, len);
	return *to == NULL ? ENOMEM : 0;
}
