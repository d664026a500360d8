/*
 * control.h - control.sock: lines of JSON with descriptors, both ends.
 *
 * A UNIX stream socket. A request is one line {"verb":"...","args":{...}} and
 * its answer one line, {"ok":true,"result":{...}} or
 * {"ok":false,"error":"NAME","text":"..."}. Descriptors travel with the first
 * byte of a line. What the lines mean is the business of console and of the
 * command; here are only the bytes.
 */
#ifndef DF_CONTROL_H
#define DF_CONTROL_H

#include <sys/types.h>

#include "df/str.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_CONTROL_NAME "control.sock"
#define DF_CONTROL_FDS 8u		       /* with one line, at most */
#define DF_CONTROL_REQUEST_MAX (1024u * 1024u) /* bytes of a request */
#define DF_CONTROL_ANSWER_MAX (64u * 1024u * 1024u)

/* Connects to the node in `dir`. DF_E_PEER when no daemon listens there. */
DF_MUST_CHECK enum df_err df_control_connect(int *fd, int dir,
					     struct df_why *why);

/*
 * What there is, once: appends bytes to buf and descriptors to fds (*n so far,
 * room for DF_CONTROL_FDS; more than that is DF_E_LIMIT). DF_E_AGAIN when
 * nothing is there on a nonblocking socket, DF_E_PEER at the end.
 */
DF_MUST_CHECK enum df_err df_control_read(int fd, struct df_buf *buf, int *fds,
					  size_t *n, struct df_why *why);
/*
 * Sends what fits, once; *done = bytes sent. The descriptors are borrowed and
 * go with the first byte. DF_E_AGAIN when nothing fits now, DF_E_PEER.
 */
DF_MUST_CHECK enum df_err df_control_write(int fd, const void *ptr, size_t len,
					   const int *fds, size_t n,
					   size_t *done, struct df_why *why);

/*
 * A whole exchange, for the command: sends `request` (a line without its LF)
 * and waits for the answer line (LF removed) and its descriptors, which are
 * the caller's also after a failure. DF_E_TIMEOUT after timeout_ms in all.
 */
DF_MUST_CHECK enum df_err
df_control_ask(int fd, struct df_text request, const int *out, size_t n_out,
	       int64_t timeout_ms, struct df_buf *answer,
	       int in[DF_CONTROL_FDS], size_t *n_in, struct df_why *why);

/* The user at the other end, as the kernel knows it. */
DF_MUST_CHECK enum df_err df_control_user(int fd, uid_t *uid,
					  struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
