/*
 * netns.c - makes a network namespace: loopback up, one TUN device with an
 * IPv4 and an IPv6 address, TCP as a fresh connection finds it.
 */
#include "netns.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
/* after the C library's own headers, which it would contradict */
#include <linux/if_tun.h>

/* linux/ipv6.h clashes with netinet/in.h; this is its in6_ifreq */
struct address6 {
	struct in6_addr address;
	uint32_t prefix;
	int index;
};

static bool fail(const char *what)
{
	perror(what);
	return false;
}

static bool set_sysctl(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 &&
		  write(fd, value, strlen(value)) == (ssize_t)strlen(value);

	if (fd >= 0)
		(void)close(fd);
	return ok;
}

static bool set_up(int s, const char *device, unsigned mtu)
{
	struct ifreq r = {0};

	(void)snprintf(r.ifr_name, sizeof r.ifr_name, "%s", device);
	r.ifr_mtu = (int)mtu;
	if (mtu > 0 && ioctl(s, SIOCSIFMTU, &r) < 0)
		return fail("mtu");
	r.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(s, SIOCSIFFLAGS, &r) < 0)
		return fail("interface up");
	return true;
}

static bool set_ipv4(int s, const char *device, const struct netns_plan *plan)
{
	struct ifreq r = {0};
	struct sockaddr_in a = {.sin_family = AF_INET};

	(void)snprintf(r.ifr_name, sizeof r.ifr_name, "%s", device);
	a.sin_addr.s_addr =
		htonl(10u << 24 | 99u << 16 | plan->net << 8 | plan->host);
	memcpy(&r.ifr_addr, &a, sizeof a);
	if (ioctl(s, SIOCSIFADDR, &r) < 0)
		return fail("address");
	a.sin_addr.s_addr = htonl(0xffffff00u);
	memcpy(&r.ifr_netmask, &a, sizeof a);
	if (ioctl(s, SIOCSIFNETMASK, &r) < 0)
		return fail("netmask");
	return true;
}

/* A kernel without IPv6 is no failure: those who need it will find out. */
static bool set_ipv6(const char *device, const struct netns_plan *plan)
{
	int s = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct address6 a = {.prefix = 64};
	char text[64];
	bool ok;

	if (s < 0)
		return true;
	(void)snprintf(text, sizeof text, "fd99:0:0:%x::%x", plan->net,
		       plan->host);
	(void)inet_pton(AF_INET6, text, &a.address);
	a.index = (int)if_nametoindex(device);
	ok = ioctl(s, SIOCSIFADDR, &a) == 0 || fail("IPv6 address");
	(void)close(s);
	return ok;
}

/* A namespace may take as its own only what the machine allows to all. */
static void allow_congestion(const char *name)
{
	static const char path[] =
		"/proc/sys/net/ipv4/tcp_allowed_congestion_control";
	char allowed[256] = "", wanted[320];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (read(fd, allowed, sizeof allowed - 1) < 0)
		allowed[0] = '\0';
	(void)close(fd);
	if (strstr(allowed, name) != NULL)
		return;
	allowed[strcspn(allowed, "\n")] = '\0';
	(void)snprintf(wanted, sizeof wanted, "%s %s", allowed, name);
	(void)set_sysctl(path, wanted);
}

/* What one connection learnt must not help or hurt the next. */
static bool set_tcp(const struct netns_plan *plan)
{
	(void)set_sysctl("/proc/sys/net/ipv4/tcp_no_metrics_save", "1");
	if (plan->congestion == NULL ||
	    set_sysctl("/proc/sys/net/ipv4/tcp_congestion_control",
		       plan->congestion))
		return true;
	return fail(plan->congestion);
}

static bool set_device(struct netns *n, const struct netns_plan *plan)
{
	struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int s = -1;
	bool ok = false;

	(void)snprintf(r.ifr_name, sizeof r.ifr_name, "line%u", plan->net);
	n->tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (n->tun < 0 || ioctl(n->tun, TUNSETIFF, &r) < 0)
		return fail("/dev/net/tun");
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return fail("socket");
	ok = set_up(s, "lo", 0) && set_ipv4(s, r.ifr_name, plan) &&
	     set_up(s, r.ifr_name, plan->mtu) && set_ipv6(r.ifr_name, plan);
	(void)close(s);
	return ok;
}

bool netns_open(struct netns *n, const struct netns_plan *plan, int home)
{
	bool ok;

	n->tun = -1;
	if (plan->congestion != NULL)
		allow_congestion(plan->congestion);
	if (plan->existing != NULL) {
		n->fd = open(plan->existing, O_RDONLY | O_CLOEXEC);
		if (n->fd < 0 || setns(n->fd, CLONE_NEWNET) < 0)
			return fail(plan->existing);
	} else {
		if (unshare(CLONE_NEWNET) < 0)
			return fail("network namespace");
		n->fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		if (n->fd < 0)
			return fail("/proc/self/ns/net");
	}
	ok = set_device(n, plan) && (plan->existing != NULL || set_tcp(plan));
	if (setns(home, CLONE_NEWNET) < 0)
		return fail("home namespace");
	return ok;
}
