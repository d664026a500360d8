/*
 * netns.h - a network namespace without a name, with one TUN device in it. It
 * is gone when the last process that holds it is.
 */
#ifndef DF_TEST_NETNS_H
#define DF_TEST_NETNS_H

#include <stdbool.h>

struct netns {
	int fd;	 /* the namespace: others enter it by /proc/PID/fd/FD */
	int tun; /* packets that leave it; those written arrive in it */
};

struct netns_plan {
	unsigned net; /* 0..255: addresses 10.99.net.host, fd99:0:0:net::host */
	unsigned host; /* 1 or 2 */
	unsigned mtu;
	const char *congestion; /* TCP congestion control, or NULL: as it is */
	const char
		*existing; /* path of a namespace to use, or NULL: a new one */
};

/* Opens it and comes back to `home`. Says what failed on stderr and returns
 * false; needs CAP_SYS_ADMIN and CAP_NET_ADMIN. */
bool netns_open(struct netns *n, const struct netns_plan *plan, int home);

#endif
