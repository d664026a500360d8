/* sock.c - listening, accepting and looking at sockets. See df/sock.h. */
#include "df/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "df/file.h"
#include "df/str.h"

#define BACKLOG 512

static enum df_err listen_one(int *fd, const struct addrinfo *ai,
			      struct df_why *why)
{
	int on = 1, off = 0;

	*fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		     0);
	if (*fd < 0)
		return df_fail_sys(why, DF_E_IO, "cannot make a socket");
	if (setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    (ai->ai_family == AF_INET6 &&
	     setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0))
		return df_fail_sys(why, DF_E_IO, "cannot set up a socket");
	if (bind(*fd, ai->ai_addr, ai->ai_addrlen) < 0 ||
	    listen(*fd, BACKLOG) < 0)
		return df_fail_sys(why, DF_E_CONFIG, "cannot listen");
	return DF_OK;
}

static enum df_err listen_all(int *fds, size_t *n, size_t cap,
			      const struct addrinfo *list, struct df_why *why)
{
	const struct addrinfo *ai;
	enum df_err err = DF_OK;
	size_t i;

	for (ai = list; ai != NULL && *n < cap && err == DF_OK;
	     ai = ai->ai_next) {
		err = listen_one(&fds[*n], ai, why);
		*n += 1;
	}
	for (i = 0; i < *n && err != DF_OK; i++)
		df_fd_close(&fds[i]);
	if (err != DF_OK)
		*n = 0;
	return err;
}

enum df_err df_sock_listen(int *fds, size_t *n, const char *host, uint16_t port,
			   struct df_why *why)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC,
				 .ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	struct df_why first = {0};
	size_t cap = *n;
	char service[8];
	enum df_err err;
	int rc;

	*n = 0;
	df_str_fmt(service, sizeof service, "%u", (unsigned)port);
	rc = getaddrinfo(host, service, &hints, &list);
	if (rc == 0) {
		err = listen_all(fds, n, cap, list, &first);
		freeaddrinfo(list);
	} else {
		err = df_fail(&first, DF_E_CONFIG, "%s", gai_strerror(rc));
	}
	/* a machine without IPv6 still has an "everywhere" */
	if (err != DF_OK && strcmp(host, "::") == 0)
		return df_sock_listen(fds, (*n = cap, n), "0.0.0.0", port, why);
	if (err != DF_OK)
		return df_fail(why, DF_E_CONFIG,
			       "cannot listen on '%s' port "
			       "%u: %s",
			       host, (unsigned)port, first.text);
	return DF_OK;
}

enum df_err df_sock_listen_unix(int *fd, const char *name, struct df_why *why)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	enum df_err err;
	mode_t old;
	int rc;

	err = df_str_copy(sa.sun_path, sizeof sa.sun_path, df_text_of(name));
	if (err != DF_OK)
		return df_fail(why, err, "socket name is too long");
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return df_fail_sys(why, DF_E_IO, "cannot make a socket");
	(void)unlink(name); /* a stale one; a live one has the lock we hold */
	old = umask(0177);
	rc = bind(*fd, (const struct sockaddr *)&sa, sizeof sa);
	(void)umask(old); /* cannot fail */
	if (rc == 0 && listen(*fd, BACKLOG) == 0)
		return DF_OK;
	err = df_fail_sys(why, DF_E_IO, "cannot listen on '%s'", name);
	df_fd_close(fd);
	return err;
}

/* Without the ::ffff: of an IPv4 caller on an IPv6 socket. */
static void address_text(char to[DF_ADDR_LEN + 1],
			 const struct sockaddr_storage *sa, socklen_t len)
{
	char text[NI_MAXHOST] = "";
	const char *plain = text;

	if (getnameinfo((const struct sockaddr *)sa, len, text, sizeof text,
			NULL, 0, NI_NUMERICHOST) != 0)
		text[0] = '\0';
	if (strncmp(text, "::ffff:", 7) == 0 && strchr(text, '.') != NULL)
		plain = text + 7;
	if (df_str_copy(to, DF_ADDR_LEN + 1, df_text_of(plain)) != DF_OK)
		to[0] = '\0';
}

enum df_err df_sock_accept(int *fd, int listener, char addr[DF_ADDR_LEN + 1],
			   struct df_why *why)
{
	struct sockaddr_storage sa = {0};
	socklen_t len;

	do {
		len = sizeof sa;
		*fd = accept4(listener, (struct sockaddr *)&sa, &len,
			      SOCK_CLOEXEC | SOCK_NONBLOCK);
	} while (*fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (*fd < 0 && errno == EAGAIN)
		return DF_E_AGAIN;
	if (*fd < 0)
		return df_fail_sys(why, DF_E_IO, "cannot accept");
	address_text(addr, &sa, len);
	return DF_OK;
}

void df_sock_local(char to[DF_ADDR_PORT_LEN + 1], int fd)
{
	struct sockaddr_storage sa = {0};
	char addr[DF_ADDR_LEN + 1];
	socklen_t len = sizeof sa;
	unsigned port = 0;

	to[0] = '\0';
	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		return;
	if (sa.ss_family == AF_INET)
		port = ntohs(((const struct sockaddr_in *)&sa)->sin_port);
	else if (sa.ss_family == AF_INET6)
		port = ntohs(((const struct sockaddr_in6 *)&sa)->sin6_port);
	address_text(addr, &sa, len);
	df_str_fmt(to, DF_ADDR_PORT_LEN + 1,
		   strchr(addr, ':') != NULL ? "[%s]:%u" : "%s:%u", addr, port);
}

void df_sock_tune(int fd)
{
	int on = 1;

	/* only speed is lost where the kernel does not want to */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

void df_sock_far(int fd)
{
	unsigned dead_ms = 30000;

	/* hints: a kernel without them works too */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "bbr", 3);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms,
			 sizeof dead_ms);
}

void df_sock_low_water(int fd, int n)
{
	/* without it front would only wake up more often */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof n);
}

void df_sock_plain(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	df_sock_low_water(fd, 1);
	if (flags >= 0) /* a descriptor of ours always has flags */
		(void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

long df_sock_peek(int fd, void *to, size_t len, bool *gone)
{
	ssize_t n;

	do {
		n = recv(fd, to, len, MSG_PEEK | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	*gone = n == 0 || (n < 0 && errno != EAGAIN);
	return n;
}

enum df_err df_sock_pair(int fds[2], struct df_why *why)
{
	fds[0] = fds[1] = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		       fds) < 0)
		return df_fail_sys(why, DF_E_IO, "cannot make a socket pair");
	return DF_OK;
}
