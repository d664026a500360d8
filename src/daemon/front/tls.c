/*
 * tls.c - ends TLS and pumps plain bytes to and from gateway.
 *
 * The private key is in keys: a handshake asks it for one signature. Gateway
 * gets one end of a socketpair with the fingerprint of the certificate that
 * the peer showed (or none: enrolment). Each direction holds one buffer; a
 * side that does not read stops the other, and no progress for two minutes
 * ends both. So does a request that trickles: it has two minutes, and a second
 * more for each RATE_MIN bytes that came, until we begin to answer.
 */
#include "front.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "df/clock.h"
#include "df/file.h"
#include "df/log.h"

#define HANDSHAKE_MS 15000
#define IDLE_MS 120000
#define RATE_MIN 256 /* bytes a second; a worn satellite line has ten times */
#define STRANGER_MS 60000 /* all that one without a certificate has */
#define LINGER_MS 2000
#define SIGN_MS 2000
#define IDENTITY_MS 5000
#define BUFFER 32768
#define ROUNDS 64 /* of pumping before others have their turn */

struct flow {
	uint8_t bytes[BUFFER];
	size_t at;  /* first byte not yet sent */
	size_t len; /* bytes from there */
	bool ended; /* its source has no more */
};

struct tls {
	SSL *ssl;
	int plain; /* our end of the socketpair, -1 before the handshake */
	bool is_open;
	bool plain_gone; /* hung up; what it left is read without waiting */
	bool lingers;	 /* all sent; what still comes in is dropped */
	bool read_wants_write;
	bool write_wants_read;
	int64_t moved_ms;
	int64_t until_ms; /* of a stranger; INT64_MAX */
	int64_t asked_ms; /* first byte that came since we last sent; 0 */
	int64_t asked_bytes;
	struct flow in;	  /* TLS to gateway */
	struct flow out;  /* gateway to TLS */
};

static void pump(struct conn *c);

/* --- who we are ----------------------------------------------------------- */

static enum df_err sign(void *ctx, const void *digest, size_t len,
			uint8_t sig[DF_RAW_SIGNATURE_MAX], size_t *sig_len)
{
	struct front *f = ctx;
	struct df_why why = {0};
	struct df_msg m, reply;
	struct df_text s = {0};
	enum df_err err;

	df_msg_init(&m, DF_MSG_TLS_SIGN_RQ, 0);
	df_msg_put(&m, DF_M_DIGEST_BYTES, digest, len);
	err = df_room_ask(f->room, df_room_link(f->room, DF_ROLE_KEYS, 0), &m,
			  NULL, 0, SIGN_MS, &reply, NULL, NULL, &why);
	if (err == DF_OK && (!df_msg_get(&reply, DF_M_SIGNATURE, &s) ||
			     s.len > DF_RAW_SIGNATURE_MAX))
		err = df_fail(&why, DF_E_FORMAT, "no signature in the answer");
	if (err != DF_OK) {
		df_log(DF_LOG_ERROR, "tls.unsigned", DF_F_ERR(&why));
		return err;
	}
	memcpy(sig, s.ptr, s.len);
	*sig_len = s.len;
	return DF_OK;
}

static void identity_told(void *ctx, struct df_reply *reply)
{
	struct df_text cert = {0}, ca = {0};
	struct front *f = ctx;
	SSL_CTX *fresh = NULL;
	enum df_err err = reply->err;

	if (err == DF_OK && (!df_msg_get(reply->msg, DF_M_CERT, &cert) ||
			     !df_msg_get(reply->msg, DF_M_CA, &ca)))
		err = df_fail(&reply->why, DF_E_KEY,
			      "this node has no certificate of a centre");
	if (err == DF_OK)
		err = df_tls_server_new(&fresh, cert, ca, sign, f, &reply->why);
	if (err != DF_OK) {
		/* a keys that comes back is asked again */
		df_log(DF_LOG_ERROR, "tls.identity", DF_F_ERR(&reply->why));
		return;
	}
	SSL_CTX_set_mode(fresh, SSL_MODE_ENABLE_PARTIAL_WRITE |
					SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_free(f->ssl_ctx); /* connections hold their own reference */
	f->ssl_ctx = fresh;
	listeners_watch(f);
	df_room_ready(f->room);
}

void tls_identity_ask(struct front *f)
{
	struct df_msg m;

	df_msg_init(&m, DF_MSG_TLS_IDENTITY_RQ, 0);
	df_room_call(f->room, df_room_link(f->room, DF_ROLE_KEYS, 0), &m, NULL,
		     0, DF_MSG_TLS_IDENTITY, IDENTITY_MS, identity_told, f);
}

/* --- events --------------------------------------------------------------- */

static void plain_watch(struct conn *c)
{
	struct tls *t = c->tls;
	unsigned events = 0;

	if (t->plain < 0 || t->plain_gone)
		return;
	if (t->out.len == 0 && !t->out.ended)
		events |= DF_LOOP_READ;
	if (t->in.len > 0)
		events |= DF_LOOP_WRITE;
	df_loop_modify(df_room_loop(c->f->room), t->plain, events);
}

static void net_watch(struct conn *c)
{
	struct tls *t = c->tls;
	unsigned events = 0;

	if (t->lingers || t->write_wants_read ||
	    (t->in.len == 0 && !t->in.ended && !t->read_wants_write))
		events |= DF_LOOP_READ;
	if (t->read_wants_write || (t->out.len > 0 && !t->write_wants_read))
		events |= DF_LOOP_WRITE;
	df_loop_modify(df_room_loop(c->f->room), c->fd, events);
}

/* --- the end -------------------------------------------------------------- */

void tls_release(struct conn *c)
{
	struct tls *t = c->tls;

	if (t == NULL)
		return;
	if (t->plain >= 0)
		df_loop_unwatch(df_room_loop(c->f->room), t->plain);
	df_fd_close(&t->plain);
	SSL_free(t->ssl);
	explicit_bzero(t, sizeof *t); /* plain bytes of a peer */
	free(t);
	c->tls = NULL;
	ERR_clear_error();
}

static void late(void *ctx)
{
	struct conn *c = ctx;

	df_log(DF_LOG_INFO, "connection.dropped", DF_F_ADDR(c->address),
	       DF_F_WORD("reason", "no TLS handshake in time"));
	conn_end(c);
}

static void linger_over(void *ctx)
{
	conn_end(ctx);
}

/* Everything is sent: close so that the peer can still read it. */
static void linger(struct conn *c)
{
	struct tls *t = c->tls;

	t->lingers = true;
	(void)SSL_shutdown(t->ssl); /* best effort: the close says it too */
	(void)shutdown(c->fd, SHUT_WR);
	df_loop_unwatch(df_room_loop(c->f->room), t->plain);
	df_fd_close(&t->plain);
	net_watch(c);
	conn_deadline(c, LINGER_MS, linger_over);
}

static void drop_rest(struct conn *c)
{
	uint8_t rest[4096];
	ssize_t n;

	do {
		n = recv(c->fd, rest, sizeof rest, MSG_DONTWAIT);
	} while (n > 0);
	if (n == 0 || errno != EAGAIN)
		conn_end(c);
}

static int64_t lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Until it must have moved; trickling helps nobody. */
static int64_t left_of(const struct tls *t)
{
	int64_t until_ms = lesser(t->moved_ms + IDLE_MS, t->until_ms);

	if (t->asked_ms != 0)
		until_ms = lesser(until_ms,
				  t->asked_ms + IDLE_MS +
					  t->asked_bytes * 1000 / RATE_MIN);
	return until_ms - df_clock_mono_ms();
}

int64_t tls_moved_ms(const struct conn *c)
{
	return c->tls->moved_ms;
}

static void idle_look(void *ctx)
{
	struct conn *c = ctx;
	int64_t left_ms = left_of(c->tls);

	if (left_ms > 0) {
		conn_deadline(c, left_ms, idle_look);
		return;
	}
	df_log(DF_LOG_INFO, "connection.dropped", DF_F_ADDR(c->address),
	       DF_F_WORD("reason", "no progress, or hardly any"));
	conn_end(c);
}

/* --- pumping: each step says whether a byte or an end moved -------------- */

enum step { STEP_STILL, STEP_MOVED, STEP_BROKEN };

static enum step net_read(struct conn *c)
{
	struct tls *t = c->tls;
	int n;

	if (t->in.len > 0 || t->in.ended)
		return STEP_STILL;
	t->read_wants_write = false;
	ERR_clear_error();
	n = SSL_read(t->ssl, t->in.bytes, BUFFER);
	if (n > 0) {
		t->in.at = 0;
		t->in.len = (size_t)n;
		if (t->asked_ms == 0)
			t->asked_ms = df_clock_mono_ms();
		t->asked_bytes += n;
		df_sock_tune(c->fd);
		return STEP_MOVED;
	}
	switch (SSL_get_error(t->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		return STEP_STILL;
	case SSL_ERROR_WANT_WRITE:
		t->read_wants_write = true;
		return STEP_STILL;
	case SSL_ERROR_ZERO_RETURN:
		t->in.ended = true;
		return STEP_MOVED;
	default: /* without close_notify a stream is cut, not ended */
		return STEP_BROKEN;
	}
}

static enum step plain_write(struct tls *t)
{
	ssize_t n;

	if (t->in.len == 0)
		return STEP_STILL;
	n = send(t->plain, t->in.bytes + t->in.at, t->in.len,
		 MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return STEP_STILL;
	if (n < 0 && errno == EPIPE) { /* it answered and does not read on */
		t->in.len = 0;
		t->in.ended = true;
		return STEP_MOVED;
	}
	if (n < 0)
		return STEP_BROKEN;
	t->in.at += (size_t)n;
	t->in.len -= (size_t)n;
	return STEP_MOVED;
}

static enum step plain_read(struct tls *t)
{
	ssize_t n;

	if (t->out.len > 0 || t->out.ended)
		return STEP_STILL;
	n = recv(t->plain, t->out.bytes, BUFFER, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return STEP_STILL;
	if (n <= 0) {
		t->out.ended = true;
		return STEP_MOVED;
	}
	t->out.at = 0;
	t->out.len = (size_t)n;
	return STEP_MOVED;
}

static enum step net_write(struct conn *c)
{
	struct tls *t = c->tls;
	int n;

	if (t->out.len == 0)
		return STEP_STILL;
	t->write_wants_read = false;
	ERR_clear_error();
	n = SSL_write(t->ssl, t->out.bytes + t->out.at, (int)t->out.len);
	if (n > 0) {
		t->out.at += (size_t)n;
		t->out.len -= (size_t)n;
		t->asked_ms = t->asked_bytes = 0; /* it is being answered */
		return STEP_MOVED;
	}
	switch (SSL_get_error(t->ssl, n)) {
	case SSL_ERROR_WANT_WRITE:
		return STEP_STILL;
	case SSL_ERROR_WANT_READ:
		t->write_wants_read = true;
		return STEP_STILL;
	default:
		return STEP_BROKEN;
	}
}

static void pump_again(void *ctx)
{
	struct conn *c = ctx;

	conn_deadline(c, left_of(c->tls), idle_look);
	pump(c);
}

/* One round in both directions. */
static enum step round_trip(struct conn *c)
{
	struct tls *t = c->tls;
	enum step steps[4] = {net_read(c), STEP_STILL, STEP_STILL, STEP_STILL};
	bool moved = false;
	size_t i;

	steps[1] = plain_write(t);
	steps[2] = plain_read(t);
	steps[3] = net_write(c);
	for (i = 0; i < 4; i++) {
		if (steps[i] == STEP_BROKEN)
			return STEP_BROKEN;
		moved = moved || steps[i] == STEP_MOVED;
	}
	if (t->in.ended && t->in.len == 0)
		(void)shutdown(t->plain, SHUT_WR); /* twice is fine */
	return moved ? STEP_MOVED : STEP_STILL;
}

static void pump(struct conn *c)
{
	struct tls *t = c->tls;
	enum step step = STEP_MOVED;
	int i;

	for (i = 0; i < ROUNDS && step == STEP_MOVED; i++) {
		step = round_trip(c);
		if (step == STEP_BROKEN) {
			conn_end(c);
			return;
		}
		if (step == STEP_MOVED)
			t->moved_ms = df_clock_mono_ms();
		if (t->out.ended && t->out.len == 0) {
			linger(c);
			return;
		}
	}
	/* OpenSSL may hold bytes that epoll does not see */
	if (step == STEP_MOVED)
		conn_deadline(c, 0, pump_again);
	net_watch(c);
	plain_watch(c);
}

static void plain_ready(void *ctx, int fd, unsigned events)
{
	struct conn *c = ctx;

	if (events & DF_LOOP_HANGUP) { /* it would be said again and again */
		df_loop_unwatch(df_room_loop(c->f->room), fd);
		c->tls->plain_gone = true;
	}
	pump(c);
}

/* --- handshake ------------------------------------------------------------ */

static void hand_over(struct conn *c)
{
	struct front *f = c->f;
	struct df_link *gateway = df_room_link(f->room, DF_ROLE_GATEWAY, 0);
	struct df_digest peer;
	struct df_why why = {0};
	struct df_msg m;
	bool known;
	int fds[2];

	if (gateway == NULL || df_sock_pair(fds, &why) != DF_OK) {
		conn_end(c); /* the peer tries again */
		return;
	}
	c->tls->plain = fds[0];
	c->tls->moved_ms = df_clock_mono_ms();
	df_msg_init(&m, DF_MSG_CONNECTION, 0);
	df_msg_put_str(&m, DF_M_ADDRESS, c->address);
	known = df_tls_peer(c->tls->ssl, &peer);
	if (known) {
		conn_known(c, &peer);
		df_msg_put_str(&m, DF_M_PEER, c->peer.s);
	}
	if (df_room_send(gateway, &m, &fds[1], 1) != DF_OK) {
		df_fd_close(&c->tls->plain);
		conn_end(c);
		return;
	}
	if (df_loop_watch(df_room_loop(f->room), c->tls->plain, 0, plain_ready,
			  c) != DF_OK)
		df_bug("cannot watch a connection");
	c->tls->is_open = true;
	c->tls->until_ms = known ? INT64_MAX : c->tls->moved_ms + STRANGER_MS;
	conn_deadline(c, left_of(c->tls), idle_look);
	pump(c);
}

static void handshake(struct conn *c)
{
	struct df_loop *loop = df_room_loop(c->f->room);
	int n;

	ERR_clear_error();
	n = SSL_do_handshake(c->tls->ssl);
	if (n == 1) {
		hand_over(c);
		return;
	}
	switch (SSL_get_error(c->tls->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		df_sock_tune(c->fd);
		df_loop_modify(loop, c->fd, DF_LOOP_READ);
		return;
	case SSL_ERROR_WANT_WRITE:
		df_loop_modify(loop, c->fd, DF_LOOP_WRITE);
		return;
	default:
		df_log(DF_LOG_INFO, "tls.refused", DF_F_ADDR(c->address),
		       DF_F_UID("reason",
				ERR_reason_error_string(ERR_peek_error())
					? ERR_reason_error_string(
						  ERR_peek_error())
					: "connection lost"));
		conn_end(c);
	}
}

static void net_ready(void *ctx, int fd, unsigned events)
{
	struct conn *c = ctx;

	if ((events & DF_LOOP_HANGUP) && (c->tls == NULL || c->tls->is_open) &&
	    !(c->tls != NULL && c->tls->lingers)) {
		conn_end(c); /* nobody there any more in either direction */
		return;
	}
	if (c->tls == NULL) { /* its first bytes: now it costs memory */
		df_sock_low_water(fd, 1);
		c->tls = df_xcalloc(1, sizeof *c->tls);
		c->tls->plain = -1;
		c->tls->ssl = SSL_new(c->f->ssl_ctx);
		if (c->tls->ssl == NULL || SSL_set_fd(c->tls->ssl, fd) != 1) {
			conn_end(c);
			return;
		}
		SSL_set_accept_state(c->tls->ssl);
	}
	if (c->tls->lingers)
		drop_rest(c);
	else if (c->tls->is_open)
		pump(c);
	else
		handshake(c);
}

void tls_begin(struct conn *c)
{
	if (df_loop_watch(df_room_loop(c->f->room), c->fd, DF_LOOP_READ,
			  net_ready, c) != DF_OK)
		df_bug("cannot watch a connection");
	conn_deadline(c, HANDSHAKE_MS, late);
}
