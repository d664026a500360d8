/*
 * poison.c - a shim (LD_PRELOAD) that makes certain images deadly to read.
 *
 * When a prepare cell deciphers bytes that hold one of these words, it dies:
 *   POISON-SEGV, POISON-ABRT, POISON-EXIT   by a fault of its own
 *   POISON-KILL    by SIGKILL, as the memory killer would
 *   POISON-LUCK    by SIGKILL, but only the first times, as chance would:
 *                  as often as there are files in $DF_POISON_LUCK to remove
 *   POISON-SLOW    by its own alarm, POISON-LACK for want of memory, both only
 *                  as often as there are files in $DF_POISON_SLOW, _LACK
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int take_one(const char *dir)
{
	DIR *d = dir != NULL ? opendir(dir) : NULL;
	const struct dirent *e;
	int taken = 0;

	while (d != NULL && !taken && (e = readdir(d)) != NULL)
		taken = e->d_name[0] != '.' &&
			unlinkat(dirfd(d), e->d_name, 0) == 0;
	if (d != NULL)
		(void)closedir(d);
	return taken;
}

static void taste(const unsigned char *p, size_t n)
{
	const unsigned char *at = memmem(p, n, "POISON-", 7);

	if (at == NULL || (size_t)(p + n - at) < 11 ||
	    strcmp(program_invocation_short_name, "df-prepare") != 0)
		return;
	if (memcmp(at + 7, "SEGV", 4) == 0)
		(void)raise(SIGSEGV);
	else if (memcmp(at + 7, "ABRT", 4) == 0)
		abort();
	else if (memcmp(at + 7, "EXIT", 4) == 0)
		_exit(3);
	else if (memcmp(at + 7, "KILL", 4) == 0 ||
		 (memcmp(at + 7, "LUCK", 4) == 0 &&
		  take_one(getenv("DF_POISON_LUCK"))))
		(void)raise(SIGKILL);
	else if (memcmp(at + 7, "SLOW", 4) == 0 &&
		 take_one(getenv("DF_POISON_SLOW")))
		(void)raise(SIGALRM);
	else if (memcmp(at + 7, "LACK", 4) == 0 &&
		 take_one(getenv("DF_POISON_LACK")))
		_exit(71); /* DF_EXIT_NOMEM */
}

int EVP_CipherUpdate(void *ctx, unsigned char *out, int *n,
		     const unsigned char *in, int len);

int EVP_CipherUpdate(void *ctx, unsigned char *out, int *n,
		     const unsigned char *in, int len)
{
	static int (*real)(void *, unsigned char *, int *,
			   const unsigned char *, int);
	int rc;

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "EVP_CipherUpdate");
	rc = real(ctx, out, n, in, len);
	if (rc == 1 && out != NULL && *n > 0)
		taste(out, (size_t)*n);
	return rc;
}
