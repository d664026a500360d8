/*
 * openssl_memory.c - when memory is gone in OpenSSL, the room ends.
 *
 * It says "signature is not valid" as well when it had no memory to look, and
 * who hears that refuses a parcel, a receipt or a report for ever. A room that
 * dies has said nothing. What it takes memory for is bounded by what we give
 * it. Every program that links this module links this file (CMakeLists.txt).
 */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "df/err.h"

void df_openssl_memory(void);

static void *take(size_t len, const char *file, int line)
{
	(void)file, (void)line;
	return len == 0 ? NULL : df_xmalloc(len);
}

static void give(void *p, const char *file, int line)
{
	(void)file, (void)line;
	free(p);
}

static void *resize(void *p, size_t len, const char *file, int line)
{
	if (len > 0)
		return df_xrealloc(p, len);
	give(p, file, line);
	return NULL;
}

/* Before anything of OpenSSL has taken memory. */
__attribute__((constructor)) void df_openssl_memory(void)
{
	if (CRYPTO_set_mem_functions(take, resize, give) != 1)
		df_bug("OpenSSL has memory already");
}
