/*
 * control.c - see df/control.h.
 */
#include "df/control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "df/clock.h"
#include "df/file.h"

#define READ_STEP 65536u

enum df_err df_control_connect(int *fd, int dir, struct df_why *why)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return df_fail_sys(why, DF_E_IO, "cannot make a socket");
	/* the directory's own path may not fit into sun_path */
	(void)snprintf(to.sun_path, sizeof to.sun_path,
		       "/proc/self/fd/%d/" DF_CONTROL_NAME, dir); /* fits */
	if (connect(*fd, (const struct sockaddr *)&to, sizeof to) < 0) {
		df_fd_close(fd);
		return df_fail(why, DF_E_PEER, "the daemon is not running");
	}
	return DF_OK;
}

/* Moves the descriptors of one control message to fds; closes what is over. */
static bool fds_take(struct msghdr *mh, int *fds, size_t *n)
{
	bool fits = !(mh->msg_flags & MSG_CTRUNC);

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (*n < DF_CONTROL_FDS) {
				fds[(*n)++] = fd;
			} else {
				df_fd_close(&fd);
				fits = false;
			}
		}
	}
	return fits;
}

enum df_err df_control_read(int fd, struct df_buf *buf, int *fds, size_t *n,
			    struct df_why *why)
{
	union {
		char space[CMSG_SPACE(DF_CONTROL_FDS * sizeof(int))];
		struct cmsghdr align;
	} ctl;
	struct iovec iov;
	struct msghdr mh = {.msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = ctl.space,
			    .msg_controllen = sizeof ctl.space};
	size_t step = READ_STEP;
	ssize_t got;
	enum df_err rc;

	if (buf->len >= buf->max)
		return df_fail(why, DF_E_LIMIT, "line is too long");
	if (step > buf->max - buf->len)
		step = buf->max - buf->len;
	rc = df_buf_reserve(buf, step, why);
	if (rc != DF_OK)
		return rc;
	iov = (struct iovec){buf->ptr + buf->len, step};
	do
		got = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return DF_E_AGAIN;
	if (got < 0)
		return df_fail_sys(why, DF_E_PEER, "cannot read from control");
	if (!fds_take(&mh, fds, n))
		return df_fail(why, DF_E_LIMIT, "too many descriptors");
	if (got == 0)
		return df_fail(why, DF_E_PEER, "the other end closed");
	buf->len += (size_t)got;
	return DF_OK;
}

enum df_err df_control_write(int fd, const void *ptr, size_t len,
			     const int *fds, size_t n, size_t *done,
			     struct df_why *why)
{
	union {
		char space[CMSG_SPACE(DF_CONTROL_FDS * sizeof(int))];
		struct cmsghdr align;
	} ctl = {.space = {0}};
	union {
		const void *in;
		void *out;
	} p = {.in = ptr};
	struct iovec iov = {p.out, len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t sent;

	*done = 0;
	if (n > DF_CONTROL_FDS)
		return df_fail(why, DF_E_LIMIT, "too many descriptors");
	if (n > 0) {
		struct cmsghdr *c = &ctl.align;

		mh.msg_control = ctl.space;
		mh.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	do
		sent = sendmsg(fd, &mh, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return DF_E_AGAIN;
	if (sent < 0)
		return df_fail_sys(why, DF_E_PEER, "cannot write to control");
	*done = (size_t)sent;
	return DF_OK;
}

static enum df_err wait_for(int fd, short events, int64_t until_ms,
			    struct df_why *why)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		const int64_t left = until_ms - df_clock_mono_ms();
		int rc;

		if (left <= 0)
			return df_fail(why, DF_E_TIMEOUT,
				       "the daemon did not answer in time");
		rc = poll(&p, 1, (int)left);
		if (rc > 0)
			return DF_OK;
		if (rc < 0 && errno != EINTR)
			return df_fail_sys(why, DF_E_IO, "cannot wait");
	}
}

static enum df_err send_all(int fd, struct df_text line, const int *fds,
			    size_t n, int64_t until_ms, struct df_why *why)
{
	enum df_err rc = DF_OK;

	while (line.len > 0 && rc == DF_OK) {
		size_t done;

		rc = wait_for(fd, POLLOUT, until_ms, why);
		if (rc == DF_OK)
			rc = df_control_write(fd, line.ptr, line.len, fds, n,
					      &done, why);
		if (rc == DF_OK) {
			line.ptr += done;
			line.len -= done;
			n = 0;
		}
	}
	return rc;
}

enum df_err df_control_ask(int fd, struct df_text request, const int *out,
			   size_t n_out, int64_t timeout_ms,
			   struct df_buf *answer, int in[DF_CONTROL_FDS],
			   size_t *n_in, struct df_why *why)
{
	const int64_t until_ms = df_clock_mono_ms() + timeout_ms;
	enum df_err rc;

	*n_in = 0;
	rc = send_all(fd, request, out, n_out, until_ms, why);
	if (rc == DF_OK)
		rc = send_all(fd, df_text_of("\n"), NULL, 0, until_ms, why);
	while (rc == DF_OK) {
		rc = wait_for(fd, POLLIN, until_ms, why);
		if (rc == DF_OK)
			rc = df_control_read(fd, answer, in, n_in, why);
		if (rc == DF_OK && answer->ptr[answer->len - 1] == '\n') {
			answer->len--;
			return DF_OK;
		}
	}
	return rc;
}

enum df_err df_control_user(int fd, uid_t *uid, struct df_why *why)
{
	struct ucred cred;
	socklen_t len = sizeof cred;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return df_fail_sys(why, DF_E_IO, "cannot ask who that is");
	*uid = cred.uid;
	return DF_OK;
}
