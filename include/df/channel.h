/*
 * channel.h - messages with descriptors between two rooms.
 *
 * One end of a SOCK_SEQPACKET socketpair and what could not be sent yet.
 * A message is 1..DF_CHANNEL_MAX bytes with at most DF_CHANNEL_FDS
 * descriptors. Messages arrive whole, once and in order, or the channel is
 * broken (DF_E_PEER) for good.
 *
 * Sending TAKES the descriptors: they are closed here and set to -1 in the
 * caller's array, whether the call succeeds or not.
 */
#ifndef DF_CHANNEL_H
#define DF_CHANNEL_H

#include <stddef.h>

#include "df/err.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_CHANNEL_MAX (128u * 1024u) /* bytes in one message */
#define DF_CHANNEL_FDS 64u	      /* descriptors in one message */
#define DF_CHANNEL_BACKLOG (64u * 1024u * 1024u) /* bytes waiting in memory */

struct df_channel_item;

struct df_channel { /* init before use, or fd = -1 */
	int fd;	    /* owned; nonblocking */
	struct df_channel_item *first;
	struct df_channel_item *last;
	size_t backlog_bytes;
};

/* Two connected ends, nonblocking, close-on-exec, with large buffers. */
DF_MUST_CHECK enum df_err df_channel_pair(int fds[2], struct df_why *why);
/* Takes fd (made nonblocking). */
void df_channel_init(struct df_channel *ch, int fd);
/* Closes and drops the backlog with its descriptors; idempotent. */
void df_channel_release(struct df_channel *ch);

/* Never blocks: what does not fit now waits in memory and goes out with
 * df_channel_flush. DF_E_PEER when the other end is gone, DF_E_LIMIT when the
 * message is too large or the backlog is full. */
DF_MUST_CHECK enum df_err df_channel_send(struct df_channel *ch,
					  const void *ptr, size_t len, int *fds,
					  size_t n_fds, struct df_why *why);
/* DF_OK when nothing waits any more, DF_E_AGAIN when the socket is full. */
DF_MUST_CHECK enum df_err df_channel_flush(struct df_channel *ch,
					   struct df_why *why);
/* True while a flush is due: watch the descriptor for writing. */
bool df_channel_waits(const struct df_channel *ch);

/* One message into buf (cap >= DF_CHANNEL_MAX) and fds (room for
 * DF_CHANNEL_FDS; now the caller's, unused entries -1).
 * DF_E_AGAIN when there is none, DF_E_PEER when the other end is gone,
 * DF_E_FORMAT when it was too large. */
DF_MUST_CHECK enum df_err df_channel_receive(struct df_channel *ch, void *buf,
					     size_t cap, size_t *len,
					     int fds[DF_CHANNEL_FDS],
					     size_t *n_fds, struct df_why *why);

/* For rooms without a loop. Sends everything that waits and this message
 * before it returns; DF_E_TIMEOUT after timeout_ms (-1 = for ever). */
DF_MUST_CHECK enum df_err df_channel_send_now(struct df_channel *ch,
					      const void *ptr, size_t len,
					      int *fds, size_t n_fds,
					      int64_t timeout_ms,
					      struct df_why *why);
/* Waits until a message (or the end) can be received. DF_E_TIMEOUT. */
DF_MUST_CHECK enum df_err df_channel_wait(const struct df_channel *ch,
					  int64_t timeout_ms,
					  struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
