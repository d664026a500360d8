/*
 * bytes.c - large pieces of memory: bounded when they are made.
 */
#include <stdlib.h>
#include <string.h>

#include "df/file.h"
#include "prepare.h"

static enum df_err get(struct bytes *b, uint64_t len, uint64_t limit,
		       bool zeros, struct df_why *why)
{
	*b = (struct bytes){0};
	if (len > limit)
		return df_fail(
			why, DF_E_LIMIT,
			"%llu bytes are more than a cell may hold (%llu)",
			(unsigned long long)len, (unsigned long long)limit);
	b->ptr = zeros ? calloc(1, len ? len : 1) : malloc(len ? len : 1);
	if (!b->ptr)
		return df_fail(why, DF_E_NOMEM, "no memory for %llu bytes",
			       (unsigned long long)len);
	b->len = len;
	return DF_OK;
}

enum df_err bytes_new(struct bytes *b, uint64_t len, uint64_t limit,
		      struct df_why *why)
{
	return get(b, len, limit, false, why);
}

enum df_err bytes_zeros(struct bytes *b, uint64_t len, uint64_t limit,
			struct df_why *why)
{
	return get(b, len, limit, true, why);
}

void bytes_release(struct bytes *b)
{
	free(b->ptr);
	*b = (struct bytes){0};
}

enum df_err bytes_of_fd(struct bytes *b, int fd, uint64_t limit,
			struct df_why *why)
{
	uint64_t size = 0;
	enum df_err rc = df_fd_size(fd, &size, why);

	*b = (struct bytes){0};
	if (rc == DF_OK)
		rc = bytes_new(b, size, limit, why);
	if (rc == DF_OK)
		rc = df_pread_all(fd, b->ptr, b->len, 0, why);
	if (rc != DF_OK)
		bytes_release(b);
	return rc;
}

enum df_err bytes_to_memfd(int *fd, const void *a, size_t a_len, const void *b,
			   size_t b_len, struct df_why *why)
{
	enum df_err rc = df_memfd_new(fd, "instance", why);

	if (rc != DF_OK)
		return rc;
	rc = df_pwrite_all(*fd, a, a_len, 0, why);
	if (rc == DF_OK)
		rc = df_pwrite_all(*fd, b, b_len, a_len, why);
	if (rc == DF_OK)
		rc = df_memfd_seal(*fd, why);
	if (rc != DF_OK)
		df_fd_close(fd);
	return rc;
}
