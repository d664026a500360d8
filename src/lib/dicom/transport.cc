/* transport.cc - see transport.h. */
#include "transport.h"

#include <algorithm>
#include <cerrno>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dcmtk/dcmnet/dul.h"
#include "dcmtk/oflog/oflog.h"

#include "df/clock.h"

static const int progress_bytes = 4096; /* less than this in progress_ms is
					      a stall, not a slow line */
static const unsigned char abort_pdu[10] = {7, 0, 0, 0, 0, 4, 0, 0, 0, 0};
static const int ask_ms = 500; /* how often a silent wait looks up */
static const unsigned dead_ms = 15000; /* so long without an acknowledgement */
static const int unsent_bytes = 128 * 1024;

df_connection::df_connection(DcmNativeSocketType fd, struct df_wire *wire)
    : DcmTransportConnection(fd), wire_(wire), tcp_(false), head_(false)
{
	int one = 1;

	wire->fd = fd;
	/* fails on AF_UNIX, which needs none of it */
	tcp_ = setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0;
	if (tcp_)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one,
				 sizeof one);
	if (tcp_ && wire->dialled)
		tune();
}

/*
 * What we may wait for is the line's progress: so little is kept that is not
 * sent, and a path that is dead ends the connection, sooner than a PACS that
 * thinks. All hints: a kernel without them works too.
 */
void df_connection::tune()
{
	unsigned ms = std::min((unsigned)wire_->progress_ms, dead_ms);

	(void)setsockopt(getSocket(), IPPROTO_TCP, TCP_CONGESTION, "bbr", 3);
	(void)setsockopt(getSocket(), IPPROTO_TCP, TCP_NOTSENT_LOWAT,
			 &unsent_bytes, sizeof unsent_bytes);
	(void)setsockopt(getSocket(), IPPROTO_TCP, TCP_USER_TIMEOUT, &ms,
			 sizeof ms);
}

/* Bytes of ours that the peer's kernel has not acknowledged. */
static int on_the_way(int fd)
{
	int n = 0;

	return ioctl(fd, SIOCOUTQ, &n) == 0 ? n : 0;
}

df_connection::~df_connection()
{
	close();
}

OFCondition df_connection::serverSideHandshake()
{
	return EC_Normal;
}

OFCondition df_connection::clientSideHandshake()
{
	return EC_Normal;
}

OFCondition df_connection::renegotiate(const char *)
{
	return EC_Normal;
}

/* Does the room end? DCMTK closes after a read that fails: the A-ABORT
 * (source: service user) goes before. */
bool df_connection::ends()
{
	if (wire_->ending == nullptr)
		return false;
	wire_->ended = wire_->ending(wire_->ctx, true);
	if (wire_->ended) {
		(void)send(getSocket(), abort_pdu, sizeof abort_pdu,
			   MSG_DONTWAIT | MSG_NOSIGNAL);
		errno = ECANCELED;
	}
	return wire_->ended;
}

/*
 * Until the socket is ready, or nothing has moved for ms. What of ours is
 * still on its way counts as moving: a peer cannot answer what it has not got.
 */
bool df_connection::wait(short events, int ms)
{
	int64_t moved = df_clock_mono_ms(), until = moved + ms;
	int rest = tcp_ ? on_the_way(getSocket()) : 0;

	for (;;) {
		struct pollfd p = {getSocket(), events, 0};
		int64_t end = wire_->until != 0 && wire_->until < until
				      ? wire_->until
				      : until;
		int64_t left = end - df_clock_mono_ms();
		bool looks = wire_->ending != nullptr || rest > 0;
		bool last = !looks || left <= ask_ms;
		int n = poll(&p, 1, !last ? ask_ms : left > 0 ? (int)left : 0);
		int64_t now = df_clock_mono_ms();

		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR) {
			wire_->sys = errno;
			return false;
		}
		if (n == 0 && !last && ends())
			return false;
		n = rest > 0 ? on_the_way(getSocket()) : 0;
		if (rest - n >= std::min(rest, progress_bytes) && rest > 0) {
			if (wire_->until != 0)
				wire_->until += now - moved;
			until = now + ms;
			moved = now;
			rest = n;
			continue;
		}
		if (now >= end) {
			wire_->timed_out = true;
			errno = ETIMEDOUT;
			return false;
		}
	}
}

/*
 * Reads all n bytes: DCMTK asks for a PDU's head, then for its body. A peer
 * that trickles is timed out by amount, not by its last byte.
 */
ssize_t df_connection::read(void *buf, size_t n)
{
	char *to = static_cast<char *>(buf);
	size_t got = 0, since = 0;
	int ms = wire_->read_ms;
	int64_t start = 0;
	int one = 1;

	while (got < n) {
		ssize_t r = recv(getSocket(), to + got, n - got, MSG_DONTWAIT);

		if (r > 0) {
			got += (size_t)r;
			since += (size_t)r;
			if (since >= (size_t)progress_bytes)
				start = 0, since = 0;
			ms = wire_->progress_ms;
			if (tcp_)
				(void)setsockopt(getSocket(), IPPROTO_TCP,
						 TCP_QUICKACK, &one,
						 sizeof one);
			continue;
		}
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			int64_t now = df_clock_mono_ms();

			if (start == 0)
				start = now;
			if (!wait(POLLIN, ms - (int)(now - start)))
				return -1;
			continue;
		}
		wire_->closed = true;
		wire_->sys = r < 0 ? errno : 0;
		return r;
	}
	return (ssize_t)n;
}

/* How much may leave now; waits while it is nothing. */
size_t df_connection::paced(size_t want)
{
	int64_t wait_ms = 0;
	size_t may = want;

	while (wire_->pace != nullptr) {
		may = wire_->pace(wire_->pace_ctx, want, &wait_ms);
		if (may > 0)
			break;
		(void)poll(nullptr, 0,
			   (int)std::min(wait_ms, (int64_t)ask_ms));
	}
	return may;
}

ssize_t df_connection::write(void *buf, size_t n)
{
	const char *from = static_cast<const char *>(buf);
	/* DCMTK writes the head of a P-DATA PDU apart from its body: one
	 * segment for both. */
	int more;
	size_t put = 0, may = 0;

	head_ = !head_ && n == 12 && from[0] == 4;
	more = head_ ? MSG_MORE : 0;
	while (put < n) {
		ssize_t r;

		if (may == 0)
			may = paced(n - put);
		r = send(getSocket(), from + put, may,
			 MSG_DONTWAIT | MSG_NOSIGNAL | more);
		if (r >= 0) {
			put += (size_t)r;
			may -= (size_t)r;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == EWOULDBLOCK) {
			if (!wait(POLLOUT, wire_->progress_ms))
				return -1;
			continue;
		}
		wire_->closed = true;
		wire_->sys = errno;
		return -1;
	}
	return (ssize_t)n;
}

void df_connection::close()
{
	if (getSocket() < 0)
		return;
	(void)shutdown(getSocket(), SHUT_WR);
	(void)::close(getSocket());
	setSocket(-1);
	wire_->fd = -1;
}

void df_connection::closeTransportConnection()
{
	close();
}

unsigned long df_connection::getPeerCertificateLength()
{
	return 0;
}

unsigned long df_connection::getPeerCertificate(void *, unsigned long)
{
	return 0;
}

/* DCMTK counts in seconds and asks before it reads; the deadline is read's. */
OFBool df_connection::networkDataAvailable(int timeout_s)
{
	struct pollfd p = {getSocket(), POLLIN, 0};
	int n = 0;

	do {
		n = poll(&p, 1, timeout_s > 0 ? timeout_s * 1000 : 0);
	} while (n < 0 && errno == EINTR);
	return n > 0 ? OFTrue : OFFalse;
}

OFBool df_connection::isTransparentConnection()
{
	return OFTrue;
}

OFString &df_connection::dumpConnectionParameters(OFString &str)
{
	str = "socket";
	return str;
}

DcmTransportConnection *df_layer::createConnection(DcmNativeSocketType fd,
						   OFBool secure)
{
	return secure ? nullptr : new df_connection(fd, wire_);
}

/* DCMTK logs values of data sets; nothing of that may reach our log. */
void df_dcmtk_silence(void)
{
	OFLog::configure(OFLogger::OFF_LOG_LEVEL);
}

void df_network_init(void)
{
	df_dcmtk_silence();
	dcmDisableGethostbyaddr.set(OFTrue);
	dcmAssociatePDUSizeLimit.set(256 * 1024);
}
