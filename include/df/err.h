/*
 * err.h - what can go wrong, what becomes of it, and why it happened.
 *
 * One enum, one table. A call that can fail returns `enum df_err`; the detail
 * for a human goes to an optional last parameter `struct df_why *why`. The
 * place where the failure originates writes it, callers pass it up unchanged,
 * and one place at each boundary translates it (DIMSE status, HTTP status,
 * exit code, lifecycle event).
 */
#ifndef DF_ERR_H
#define DF_ERR_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DF_MUST_CHECK __attribute__((warn_unused_result))
#define DF_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define DF_NORETURN __attribute__((noreturn))

/* What the state machine does with an object or peer after a failure. */
enum df_fate {
	DF_FATE_NONE,       /* not a failure */
	DF_FATE_RETRY,      /* the same act may succeed later */
	DF_FATE_REJECT,     /* refuse the input; the giver keeps it */
	DF_FATE_QUARANTINE, /* keep it, do not use it, tell a person */
	DF_FATE_ABORT,      /* our own invariant is broken: end this room */
};

/* name, fate, plain text. Codes are part of room messages: only append. */
#define DF_ERR_MAP(X)                                                          \
	X(OK, NONE, "no error")                                                \
	X(IO, RETRY, "input/output failure")                                   \
	X(NOSPACE, RETRY, "no space left in the spool")                        \
	X(NOMEM, RETRY, "out of memory")                                       \
	X(AGAIN, RETRY, "not enough data yet")                                 \
	X(PEER, RETRY, "peer unavailable")                                     \
	X(TIMEOUT, RETRY, "no progress before the deadline")                   \
	X(CANCELLED, RETRY, "cancelled")                                       \
	X(CORRUPT, QUARANTINE, "content does not match its digest")            \
	X(CONFLICT, QUARANTINE, "contradicts what is already held")            \
	X(FORMAT, REJECT, "malformed input")                                   \
	X(LIMIT, REJECT, "input exceeds a configured limit")                   \
	X(UNSUPPORTED, REJECT, "not supported")                                \
	X(DENIED, REJECT, "not allowed")                                       \
	X(NOTFOUND, REJECT, "not found")                                       \
	X(EXISTS, REJECT, "already exists")                                    \
	X(CONFIG, REJECT, "configuration error")                               \
	X(USAGE, REJECT, "wrong usage")                                        \
	X(KEY, QUARANTINE, "no key opens it")                                  \
	X(HEADER, QUARANTINE, "header is not authentic")                       \
	X(SENDER, QUARANTINE, "sender unknown or signature bad")               \
	X(SUITE, QUARANTINE, "cipher suite not allowed here")                  \
	X(REPLAY, QUARANTINE, "sequence contradicts a parcel already held")    \
	X(CHUNK, QUARANTINE, "chunk is not authentic")                         \
	X(TRUNC, QUARANTINE, "sealed stream ends too early")                   \
	X(TRAIL, QUARANTINE, "bytes follow the end of the sealed stream")      \
	X(MANIFEST, QUARANTINE, "manifest does not match the records")         \
	X(REFUSED, REJECT, "refused by the peer")                              \
	X(BUG, ABORT, "broken invariant")

enum df_err {
#define X(name, fate, text) DF_E_##name,
	DF_ERR_MAP(X)
#undef X
		DF_E_COUNT
};
#define DF_OK DF_E_OK

/* Detail of one failure. Fixed size, never holds patient data or secrets. */
struct df_why {
	enum df_err err;
	int sys;           /* errno at the origin, or 0 */
	const char *where; /* __func__ of the origin, static */
	char text[240];    /* lower case, what failed first, no full stop */
};

/*
 * Records a failure in *why (which may be NULL) and returns err, so that the
 * origin can say `return df_fail(why, DF_E_LIMIT, "...", ...)`.
 * df_fail_sys also keeps errno and appends its text; DF_E_IO becomes
 * DF_E_NOSPACE for ENOSPC and EDQUOT.
 */
#define df_fail(why, err, ...) df_fail_at(why, err, 0, __func__, __VA_ARGS__)
#define df_fail_sys(why, err, ...)                                             \
	df_fail_at(why, err, df_errno(), __func__, __VA_ARGS__)
enum df_err df_fail_at(struct df_why *why, enum df_err err, int sys,
		       const char *where, const char *fmt, ...) DF_PRINTF(5, 6);
int df_errno(void);

const char *df_err_name(enum df_err err); /* "NOSPACE" */
const char *df_err_text(enum df_err err);
enum df_fate df_err_fate(enum df_err err);
/* Maps a number from a message back to an error; unknown numbers are BUG. */
enum df_err df_err_from(uint64_t code);

/* A broken invariant: says where, then aborts this room in every build. */
#define df_bug(...) df_bug_at(__FILE__, __LINE__, __VA_ARGS__)
void df_bug_at(const char *file, int line, const char *fmt, ...)
	DF_PRINTF(3, 4) DF_NORETURN;

/* Memory is gone, and that is nobody's fault: says so and ends this room with
 * this status, which counts against no object (supervise). */
#define DF_EXIT_NOMEM 71
void df_no_memory(uint64_t size_bytes) DF_NORETURN;

/* malloc family for small, bounded sizes: df_no_memory when it is gone. */
void *df_xmalloc(uint64_t size_bytes);
void *df_xcalloc(uint64_t count, uint64_t size_bytes);
void *df_xrealloc(void *old, uint64_t size_bytes);
char *df_xstrdup(const char *text);

#ifdef __cplusplus
}
#endif
#endif
