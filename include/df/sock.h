/*
 * sock.h - listening, accepting and looking at sockets, for supervise and
 * front. All descriptors are nonblocking and close-on-exec.
 */
#ifndef DF_SOCK_H
#define DF_SOCK_H

#include <stddef.h>

#include "df/err.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_ADDR_LEN 63 /* "192.0.2.1", "2001:db8::1%eth0" */
#define DF_ADDR_PORT_LEN (DF_ADDR_LEN + 8)

/*
 * Listens on every address that host names ("::" also takes IPv4). *n: room in
 * fds, then how many were opened. DF_E_CONFIG when the name is unknown or the
 * port is taken; nothing stays open then.
 */
DF_MUST_CHECK enum df_err df_sock_listen(int *fds, size_t *n, const char *host,
					 uint16_t port, struct df_why *why);
/* A UNIX stream socket in the working directory, mode 0600; a stale one is
 * replaced. */
DF_MUST_CHECK enum df_err df_sock_listen_unix(int *fd, const char *name,
					      struct df_why *why);
/* One waiting connection and its numeric address (IPv4 plain, no port).
 * DF_E_AGAIN when there is none any more. */
DF_MUST_CHECK enum df_err df_sock_accept(int *fd, int listener,
					 char addr[DF_ADDR_LEN + 1],
					 struct df_why *why);
/* "127.0.0.1:104" or "[::1]:104" of our end; "" when unknown. */
void df_sock_local(char to[DF_ADDR_PORT_LEN + 1], int fd);
/* No Nagle, acknowledge at once. QUICKACK must be armed again after reads. */
void df_sock_tune(int fd);
/* For a line that may lose packets or go silent: BBR where the kernel has it,
 * and an end to a connection whose bytes nobody acknowledges for 30 s. */
void df_sock_far(int fd);
/* Readable only when n bytes are there (or the end, or an error). */
void df_sock_low_water(int fd, int n);
/* Blocking again and without a low water mark: as another room expects it. */
void df_sock_plain(int fd);
/* Looks at what has arrived without taking it: how many bytes, 0 at the end of
 * the stream, -1 when nothing is there or the connection broke (*gone). */
long df_sock_peek(int fd, void *to, size_t len, bool *gone);
/* Two connected stream ends. */
DF_MUST_CHECK enum df_err df_sock_pair(int fds[2], struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
