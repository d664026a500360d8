/*
 * channel.c - messages with descriptors over SOCK_SEQPACKET. See df/channel.h.
 *
 * Invariant: while anything waits in the backlog, nothing is sent past it.
 */
#include "df/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "df/clock.h"
#include "df/file.h"

#define SOCKET_BUFFER (4 * 1024 * 1024)

struct df_channel_item {
	struct df_channel_item *next;
	size_t len;
	size_t n_fds;
	int fds[DF_CHANNEL_FDS];
	uint8_t bytes[];
};

union control {
	struct cmsghdr head; /* for its alignment */
	char room[CMSG_SPACE(sizeof(int) * DF_CHANNEL_FDS)];
};

enum df_err df_channel_pair(int fds[2], struct df_why *why)
{
	int size = SOCKET_BUFFER, i;

	fds[0] = fds[1] = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, fds) < 0)
		return df_fail_sys(why, DF_E_IO, "cannot make a channel");
	for (i = 0; i < 2; i++) {
		/* as root all of it, else as much as the system allows; a
		 * smaller buffer only means an earlier backlog */
		if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &size,
			       sizeof size) < 0)
			(void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size,
					 sizeof size);
	}
	return DF_OK;
}

void df_channel_init(struct df_channel *ch, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	*ch = (struct df_channel){.fd = fd};
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		df_bug("descriptor %d is no channel", fd);
}

static void fds_close(int *fds, size_t n_fds)
{
	size_t i;

	for (i = 0; i < n_fds; i++)
		df_fd_close(&fds[i]);
}

static void item_drop(struct df_channel *ch)
{
	struct df_channel_item *item = ch->first;

	ch->first = item->next;
	if (ch->first == NULL)
		ch->last = NULL;
	ch->backlog_bytes -= item->len;
	fds_close(item->fds, item->n_fds);
	explicit_bzero(item->bytes, item->len); /* may hold keys */
	free(item);
}

void df_channel_release(struct df_channel *ch)
{
	while (ch->first != NULL)
		item_drop(ch);
	df_fd_close(&ch->fd);
}

/* One message into the socket. DF_E_AGAIN when it is full. */
static enum df_err put(int fd, const void *ptr, size_t len, const int *fds,
		       size_t n_fds, struct df_why *why)
{
	/* sendmsg does not write to it, but the type cannot say so */
	struct iovec iov = {.iov_base = (void *)(uintptr_t)ptr, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	union control control = {0};
	struct cmsghdr *c;
	ssize_t n;

	if (n_fds > 0) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	do {
		n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n == (ssize_t)len)
		return DF_OK;
	if (n >= 0)
		df_bug("a message was cut in sending");
	/* ETOOMANYREFS: too many descriptors in flight; they will land */
	if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS)
		return DF_E_AGAIN;
	if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
		return df_fail_sys(why, DF_E_PEER, "other room has left");
	return df_fail_sys(why, DF_E_IO, "cannot send to a room");
}

static void item_add(struct df_channel *ch, const void *ptr, size_t len,
		     int *fds, size_t n_fds)
{
	struct df_channel_item *item = df_xmalloc(sizeof *item + len);
	size_t i;

	item->next = NULL;
	item->len = len;
	item->n_fds = n_fds;
	for (i = 0; i < n_fds; i++)
		item->fds[i] = df_fd_take(&fds[i]);
	memcpy(item->bytes, ptr, len);
	if (ch->last == NULL)
		ch->first = item;
	else
		ch->last->next = item;
	ch->last = item;
	ch->backlog_bytes += len;
}

enum df_err df_channel_send(struct df_channel *ch, const void *ptr, size_t len,
			    int *fds, size_t n_fds, struct df_why *why)
{
	enum df_err err = DF_E_AGAIN;

	if (ch->fd < 0)
		err = df_fail(why, DF_E_PEER, "channel is closed");
	else if (len == 0 || len > DF_CHANNEL_MAX || n_fds > DF_CHANNEL_FDS)
		err = df_fail(why, DF_E_LIMIT, "message of %zu bytes", len);
	else if (ch->first == NULL)
		err = put(ch->fd, ptr, len, fds, n_fds, why);
	if (err == DF_E_AGAIN && ch->backlog_bytes + len > DF_CHANNEL_BACKLOG)
		err = df_fail(why, DF_E_LIMIT, "room does not read");
	if (err == DF_E_AGAIN) {
		item_add(ch, ptr, len, fds, n_fds);
		return DF_OK;
	}
	fds_close(fds, n_fds);
	return err;
}

enum df_err df_channel_flush(struct df_channel *ch, struct df_why *why)
{
	enum df_err err;

	while (ch->first != NULL) {
		err = put(ch->fd, ch->first->bytes, ch->first->len,
			  ch->first->fds, ch->first->n_fds, why);
		if (err != DF_OK)
			return err;
		item_drop(ch);
	}
	return DF_OK;
}

bool df_channel_waits(const struct df_channel *ch)
{
	return ch->first != NULL;
}

/* Takes the descriptors out of the control data. */
static size_t fds_take(struct msghdr *msg, int *fds)
{
	struct cmsghdr *c;
	size_t n = 0, i, count;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < count && n < DF_CHANNEL_FDS; i++, n++)
			memcpy(&fds[n], CMSG_DATA(c) + i * sizeof(int),
			       sizeof(int));
	}
	return n;
}

enum df_err df_channel_receive(struct df_channel *ch, void *buf, size_t cap,
			       size_t *len, int fds[DF_CHANNEL_FDS],
			       size_t *n_fds, struct df_why *why)
{
	struct iovec iov = {.iov_base = buf, .iov_len = cap};
	union control control;
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof control};
	size_t i;
	ssize_t n;

	*len = *n_fds = 0;
	for (i = 0; i < DF_CHANNEL_FDS; i++)
		fds[i] = -1;
	if (ch->fd < 0)
		return df_fail(why, DF_E_PEER, "channel is closed");
	/* a peer that ended before it read all of ours is a reset, said once:
	 * what it had sent before is still there */
	do {
		n = recvmsg(ch->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	} while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0 && errno == EAGAIN)
		return DF_E_AGAIN;
	if (n < 0)
		return df_fail_sys(why, DF_E_IO, "cannot receive from a room");
	if (n == 0)
		return df_fail(why, DF_E_PEER, "room at the other end left");
	*n_fds = fds_take(&msg, fds);
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		fds_close(fds, *n_fds);
		*n_fds = 0;
		return df_fail(why, DF_E_FORMAT, "message is too large");
	}
	*len = (size_t)n;
	return DF_OK;
}

/* --- without a loop ------------------------------------------------------ */

static enum df_err ready_wait(int fd, short events, int64_t deadline_ms,
			      struct df_why *why)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t left_ms = -1;
	int n;

	for (;;) {
		if (deadline_ms >= 0) {
			left_ms = deadline_ms - df_clock_mono_ms();
			left_ms = left_ms < 0 ? 0 : left_ms;
			left_ms = left_ms > 3600000 ? 3600000 : left_ms;
		}
		n = poll(&p, 1, (int)left_ms);
		if (n > 0)
			return DF_OK;
		if (n < 0 && errno != EINTR)
			return df_fail_sys(why, DF_E_IO, "cannot wait");
		if (n == 0 && df_clock_mono_ms() >= deadline_ms)
			return df_fail(why, DF_E_TIMEOUT,
				       "room at the other end is silent");
	}
}

static int64_t deadline_of(int64_t timeout_ms)
{
	return timeout_ms < 0 ? -1 : df_clock_mono_ms() + timeout_ms;
}

enum df_err df_channel_send_now(struct df_channel *ch, const void *ptr,
				size_t len, int *fds, size_t n_fds,
				int64_t timeout_ms, struct df_why *why)
{
	int64_t deadline_ms = deadline_of(timeout_ms);
	enum df_err err = df_channel_send(ch, ptr, len, fds, n_fds, why);

	while (err == DF_OK && ch->first != NULL) {
		err = ready_wait(ch->fd, POLLOUT, deadline_ms, why);
		if (err != DF_OK)
			return err;
		err = df_channel_flush(ch, why);
		if (err == DF_E_AGAIN)
			err = DF_OK;
	}
	return err;
}

enum df_err df_channel_wait(const struct df_channel *ch, int64_t timeout_ms,
			    struct df_why *why)
{
	if (ch->fd < 0)
		return df_fail(why, DF_E_PEER, "channel is closed");
	return ready_wait(ch->fd, POLLIN, deadline_of(timeout_ms), why);
}
