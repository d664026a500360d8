/*
 * http_socket.c - the client's sockets: how they are set up, and what TCP knows
 * of the way that they go.
 *
 * Bytes that the other side has acknowledged are the one true measure of what
 * a line carries: what a kernel took into its buffers may be megabytes more.
 */
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "df/clock.h"
#include "http_private.h"

#define DEAD_MS 30000
/* unsent bytes in the kernel: what is urgent waits behind them */
#define UNSENT_BYTES (32 * 1024)
#define ESTABLISHED 1 /* of the kernel's states */

static bool tcp_info(int fd, struct tcp_info *info)
{
	socklen_t len = sizeof *info;

	memset(info, 0, sizeof *info); /* an old kernel fills less */
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &len) == 0;
}

/* Hints: a kernel without them works too. */
int http_socket_opened(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
	struct df_http_client *c = ctx;
	struct http_socket *s = df_xcalloc(1, sizeof *s);
	unsigned dead_ms = DEAD_MS;
	int low = UNSENT_BYTES;

	(void)purpose;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &low, sizeof low);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms,
			 sizeof dead_ms);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "bbr", 3);
	s->fd = fd;
	s->next = c->sockets;
	c->sockets = s;
	c->n_sockets++;
	return CURL_SOCKOPT_OK;
}

static void count_acked(struct df_http_client *c, struct http_socket *s,
			const struct tcp_info *info)
{
	if (info->tcpi_bytes_acked > s->acked)
		c->acked += info->tcpi_bytes_acked - s->acked;
	s->acked = info->tcpi_bytes_acked;
}

int http_socket_close(void *ctx, curl_socket_t fd)
{
	struct df_http_client *c = ctx;
	struct http_socket **at = &c->sockets;
	struct http_socket *s;
	struct tcp_info info;

	while (*at != NULL && (*at)->fd != fd)
		at = &(*at)->next;
	s = *at;
	if (s != NULL) {
		if (tcp_info(fd, &info))
			count_acked(c, s, &info);
		*at = s->next;
		c->n_sockets--;
		free(s);
	}
	return close(fd);
}

void df_http_client_way(struct df_http_client *c, struct df_http_way *way)
{
	unsigned alive = 0;
	socklen_t len;

	*way = (struct df_http_way){.open = c->n_sockets};
	for (struct http_socket *s = c->sockets; s != NULL; s = s->next) {
		struct tcp_info info;

		if (!tcp_info(s->fd, &info) || info.tcpi_state != ESTABLISHED)
			continue;
		alive++;
		count_acked(c, s, &info);
		if (info.tcpi_rtt > 0 &&
		    (way->rtt_us == 0 || info.tcpi_rtt < way->rtt_us))
			way->rtt_us = info.tcpi_rtt;
		len = sizeof way->congestion - 1;
		if (way->congestion[0] == '\0')
			(void)getsockopt(s->fd, IPPROTO_TCP, TCP_CONGESTION,
					 way->congestion, &len);
	}
	way->acked_bytes = c->acked;
	way->idle = alive > c->active ? alive - c->active : 0;
}

bool df_http_call_sent(const struct df_http_call *call)
{
	/* a small body in memory leaves with its head */
	return call->rq.body_fd_len == 0 ||
	       call->body_at == call->rq.body_fd_len;
}

/*
 * A peer that does not read, and whose window is full, has a kernel that
 * answers each probe of the window: only what it has taken says how it is.
 */
static int64_t unmoved_ms(struct df_http_call *call,
			  const struct tcp_info *info)
{
	int64_t now = df_clock_mono_ms();

	if (call->moved_ms == 0 || info->tcpi_bytes_acked != call->acked)
		call->moved_ms = now;
	call->acked = info->tcpi_bytes_acked;
	return now - call->moved_ms;
}

static bool is_silent(struct df_http_call *call,
		      const struct df_http_silence *most)
{
	int64_t quiet = df_clock_mono_ms() - call->started_ms;
	struct tcp_info info;

	if (call->cancelled || call->fd < 0 || call->paused_until_ms != 0) {
		call->moved_ms = 0;
		return false;
	}
	if (!tcp_info(call->fd, &info) || info.tcpi_state != ESTABLISHED)
		return false;
	if (unmoved_ms(call, &info) >= most->peer_ms &&
	    !df_http_call_sent(call))
		return true;
	if (info.tcpi_last_ack_recv < quiet)
		quiet = info.tcpi_last_ack_recv;
	if (info.tcpi_last_data_recv < quiet)
		quiet = info.tcpi_last_data_recv;
	if (info.tcpi_unacked > 0)
		return quiet >= most->line_ms;
	return !call->rq.patient && df_http_call_sent(call) &&
	       quiet >= most->peer_ms;
}

unsigned df_http_client_silent(struct df_http_client *c,
			       const struct df_http_silence *most, bool cut)
{
	unsigned n = 0;

	for (struct df_http_call *call = c->first; call; call = call->next) {
		if (!is_silent(call, most))
			continue;
		n++;
		if (cut)
			df_http_call_cancel(call);
	}
	return n;
}
