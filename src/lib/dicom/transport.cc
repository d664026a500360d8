/* transport.cc - see transport.h. */
#include "transport.h"

#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dcmtk/dcmnet/dul.h"
#include "dcmtk/oflog/oflog.h"

#include "df/clock.h"

static const size_t progress_bytes = 4096; /* less than this in progress_ms is
					      a stall, not a slow line */
static const unsigned char abort_pdu[10] = {7, 0, 0, 0, 0, 4, 0, 0, 0, 0};
static const int ask_ms = 500; /* how often a silent wait looks up */

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

bool df_connection::wait(short events, int ms)
{
	int64_t until = df_clock_mono_ms() + ms;

	if (wire_->until != 0 && until > wire_->until)
		until = wire_->until;
	for (;;) {
		struct pollfd p = {getSocket(), events, 0};
		int64_t left = until - df_clock_mono_ms();
		bool asks = wire_->ending != nullptr && left > ask_ms;
		int n = poll(&p, 1, asks ? ask_ms : left > 0 ? (int)left : 0);

		if (n == 0 && asks) {
			wire_->ended = wire_->ending(wire_->ctx, true);
			if (!wire_->ended)
				continue;
			/* DCMTK closes after a read that fails: the A-ABORT
			 * (source: service user) goes before */
			(void)send(getSocket(), abort_pdu, sizeof abort_pdu,
				   MSG_DONTWAIT | MSG_NOSIGNAL);
			errno = ECANCELED;
			return false;
		}
		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR) {
			wire_->sys = errno;
			return false;
		}
		if (n == 0) {
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
			if (since >= progress_bytes)
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

ssize_t df_connection::write(void *buf, size_t n)
{
	const char *from = static_cast<const char *>(buf);
	/* DCMTK writes the head of a P-DATA PDU apart from its body: one
	 * segment for both. */
	int more;
	size_t put = 0;

	head_ = !head_ && n == 12 && from[0] == 4;
	more = head_ ? MSG_MORE : 0;
	while (put < n) {
		ssize_t r = send(getSocket(), from + put, n - put,
				 MSG_DONTWAIT | MSG_NOSIGNAL | more);

		if (r >= 0) {
			put += (size_t)r;
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
