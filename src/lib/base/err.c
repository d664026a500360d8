/* err.c - the error table in use. See df/err.h. */
#include "df/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	const char *text;
	enum df_fate fate;
} TABLE[DF_E_COUNT] = {
#define X(name, fate, text) [DF_E_##name] = {#name, text, DF_FATE_##fate},
	DF_ERR_MAP(X)
#undef X
};

int df_errno(void)
{
	return errno;
}

const char *df_err_name(enum df_err err)
{
	return (unsigned)err < DF_E_COUNT ? TABLE[err].name : "UNKNOWN";
}

const char *df_err_text(enum df_err err)
{
	return (unsigned)err < DF_E_COUNT ? TABLE[err].text : "unknown error";
}

enum df_fate df_err_fate(enum df_err err)
{
	return (unsigned)err < DF_E_COUNT ? TABLE[err].fate : DF_FATE_ABORT;
}

enum df_err df_err_from(uint64_t code)
{
	return code < DF_E_COUNT ? (enum df_err)code : DF_E_BUG;
}

enum df_err df_fail_at(struct df_why *why, enum df_err err, int sys,
		       const char *where, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (err == DF_E_IO && (sys == ENOSPC || sys == EDQUOT))
		err = DF_E_NOSPACE;
	if (why == NULL)
		return err;
	why->err = err;
	why->sys = sys;
	why->where = where;
	va_start(ap, fmt);
	n = vsnprintf(why->text, sizeof why->text, fmt, ap);
	va_end(ap);
	if (sys != 0 && n >= 0 && (size_t)n < sizeof why->text)
		(void)snprintf(why->text + n, sizeof why->text - (size_t)n,
			       ": %s", strerror(sys)); /* a cut text is fine */
	return err;
}

void df_bug_at(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "level=error event=bug at=%s:%d text=\"", file,
		      line); /* dying: nobody left to tell */
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputs("\"\n", stderr);
	abort();
}

void df_no_memory(uint64_t size_bytes)
{
	(void)fprintf(stderr,
		      "level=error event=memory.gone text=\"no memory for "
		      "%llu bytes\"\n",
		      (unsigned long long)size_bytes); /* nobody left to tell */
	_exit(DF_EXIT_NOMEM);
}

void *df_xmalloc(uint64_t size_bytes)
{
	void *p = malloc(size_bytes ? size_bytes : 1);

	if (p == NULL)
		df_no_memory(size_bytes);
	return p;
}

void *df_xcalloc(uint64_t count, uint64_t size_bytes)
{
	void *p = calloc(count ? count : 1, size_bytes ? size_bytes : 1);

	if (p == NULL)
		df_no_memory(count * size_bytes);
	return p;
}

void *df_xrealloc(void *old, uint64_t size_bytes)
{
	void *p = realloc(old, size_bytes ? size_bytes : 1);

	if (p == NULL)
		df_no_memory(size_bytes);
	return p;
}

char *df_xstrdup(const char *text)
{
	size_t n = strlen(text) + 1;
	char *p = df_xmalloc(n);

	memcpy(p, text, n);
	return p;
}
