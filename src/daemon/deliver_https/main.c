/*
 * main.c - deliver_https: everything that this node dials over HTTP. Pushes
 * parcels and manifests to peers, pulls their mailboxes, stores to DICOMweb
 * servers. It reads and writes only descriptors that queue gave it, and signs
 * TLS handshakes by asking keys.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "deliver.h"
#include "df/file.h"
#include "df/log.h"
#include "df/tlskey.h"

#define SIGN_MS 10000
/* to one peer: parts, also those that wait for an answer, and beside them an
 * offer, a manifest, a poll, a pull, a probe */
#define CONNECTIONS_MAX (DF_FLOW_WIDEST + DF_FLOW_WIDEST / 2 + 5)
#define SERVER_CONNECTIONS 8 /* to one DICOMweb server */

struct deliver self;

/* --- who we are --------------------------------------------------------- */

static enum df_err sign(void *ctx, const void *digest, size_t len,
			uint8_t sig[DF_RAW_SIGNATURE_MAX], size_t *sig_len)
{
	struct df_room *room = ctx;
	struct df_why why = {0};
	struct df_msg m, reply = {0};
	struct df_text t;
	enum df_err rc;

	df_msg_init(&m, DF_MSG_TLS_SIGN_RQ, 0);
	df_msg_put(&m, DF_M_DIGEST_BYTES, digest, len);
	rc = df_room_ask(room, df_room_link(room, DF_ROLE_KEYS, DF_ANY_NUMBER),
			 &m, NULL, 0, SIGN_MS, &reply, NULL, NULL, &why);
	if (rc == DF_OK && (!df_msg_get(&reply, DF_M_SIGNATURE, &t) ||
			    t.len > DF_RAW_SIGNATURE_MAX))
		rc = df_fail(&why, DF_E_FORMAT, "keys gave no signature");
	if (rc == DF_OK) {
		memcpy(sig, t.ptr, t.len);
		*sig_len = t.len;
	} else {
		df_log(DF_LOG_ERROR, "tls.unsigned", DF_F_ERR(&why));
	}
	return rc;
}

static bool use_identity(void *ssl_ctx, void *ctx)
{
	struct line *line = ctx;
	struct df_text cert = {(const char *)line->cert_pem.ptr,
			       line->cert_pem.len};
	struct df_why why = {0};

	if (df_tls_use(ssl_ctx, cert, sign, line->room, &why) == DF_OK)
		return true;
	df_log(DF_LOG_ERROR, "tls.identity", DF_F_ERR(&why));
	return false;
}

static void keep_pem(struct df_buf *to, const struct df_msg *m,
		     enum df_field field)
{
	struct df_text t;

	df_buf_release(to);
	df_buf_init(to, DF_MSG_MAX + 1);
	if (df_msg_get(m, field, &t) && t.len > 0 &&
	    (df_buf_add(to, t.ptr, t.len, NULL) != DF_OK ||
	     df_buf_u8(to, 0) != DF_OK))
		df_bug("a certificate larger than a message");
	if (to->len > 0)
		to->len--; /* the end stays behind it */
}

/* Blocks: without it no handshake is possible, and keys answers at once. */
static enum df_err identify(struct line *line, struct df_why *why)
{
	struct df_link *keys =
		df_room_link(line->room, DF_ROLE_KEYS, DF_ANY_NUMBER);
	struct df_msg m, reply = {0};
	enum df_err rc;

	if (keys == NULL)
		return df_fail(why, DF_E_AGAIN, "keys has not answered yet");
	df_msg_init(&m, DF_MSG_TLS_IDENTITY_RQ, 0);
	df_msg_put_str(&m, DF_M_PEER, line->peer->fingerprint);
	rc = df_room_ask(line->room, keys, &m, NULL, 0, SIGN_MS, &reply, NULL,
			 NULL, why);
	if (rc != DF_OK) {
		df_log(DF_LOG_ERROR, "tls.identity", DF_F_ERR(why));
		return df_fail(why, DF_E_AGAIN, "keys has not answered yet");
	}
	keep_pem(&line->cert_pem, &reply, DF_M_CERT);
	keep_pem(&line->ca_pem, &reply, DF_M_CA);
	if (line->cert_pem.len == 0 || line->ca_pem.len == 0)
		return df_fail(why, DF_E_CONFIG, "not joined to a centre yet");
	return DF_OK;
}

static void link_up(struct df_room *room, struct df_link *link)
{
	struct df_why why = {0};

	(void)room;
	if (link->role != DF_ROLE_KEYS)
		return;
	for (struct line *line = self.lines; line != NULL; line = line->next)
		(void)identify(line, &why); /* logged; the old one stays */
}

/* --- lines -------------------------------------------------------------- */

#define PASSWORD_MAX 256

/* The house's proxy, as the configuration of this process says. */
static void read_proxy(const struct df_config *cfg)
{
	struct df_why why = {0};
	size_t len;

	self.proxy = (struct df_http_proxy){.url = cfg->line.proxy,
					    .user = cfg->line.proxy_user};
	df_buf_init(&self.proxy_password, PASSWORD_MAX);
	if (cfg->line.proxy_password[0] == '\0')
		return;
	if (df_file_read(AT_FDCWD, cfg->line.proxy_password, PASSWORD_MAX - 1,
			 &self.proxy_password, &why) != DF_OK)
		df_log(DF_LOG_ERROR, "proxy.password", DF_F_ERR(&why));
	len = self.proxy_password.len;
	while (len > 0 && (self.proxy_password.ptr[len - 1] == '\n' ||
			   self.proxy_password.ptr[len - 1] == '\r'))
		len--;
	self.proxy_password.len = len;
	if (df_buf_u8(&self.proxy_password, 0) != DF_OK)
		df_bug("a password larger than its limit");
	self.proxy.password = (const char *)self.proxy_password.ptr;
}

static int64_t wait_ms(void *client)
{
	return df_http_client_timeout_ms(client);
}

static void work(void *client)
{
	df_http_client_turn(client);
}

static void open_line(struct line *line)
{
	const struct df_config *cfg = df_room_config(line->room);

	df_flow_init(&line->flow, (unsigned)cfg->line.connections);
	line->client = df_http_client_new(CONNECTIONS_MAX);
	line->engine = (struct df_engine){
		.ctx = line->client, .timeout_ms = wait_ms, .turn = work};
	if (df_engine_start(&line->engine, df_room_loop(line->room),
			    df_http_client_fd(line->client)) != DF_OK)
		df_bug("cannot watch a line");
	line_warm(line);
	questions_open(line);
}

enum df_err line_get(struct df_room *room, struct df_text name,
		     struct line **out, struct df_why *why)
{
	const struct df_peer *peer = df_config_peer(df_room_config(room), name);
	struct line *line = self.lines;
	enum df_err rc;

	*out = NULL;
	if (peer == NULL)
		return df_fail(why, DF_E_CONFIG, "no such peer configured");
	while (line != NULL && line->peer != peer)
		line = line->next;
	if (line == NULL) {
		line = df_xcalloc(1, sizeof *line);
		line->room = room;
		line->peer = peer;
		line->tls = (struct df_http_tls){
			.pin = peer->fingerprint,
			.ssl_ctx = use_identity,
			.ctx = line,
		};
		rc = identify(line, why);
		if (rc != DF_OK) {
			df_buf_release(&line->cert_pem);
			df_buf_release(&line->ca_pem);
			free(line);
			return rc;
		}
		line->next = self.lines;
		self.lines = line;
		open_line(line);
	}
	*out = line;
	return DF_OK;
}

enum df_err line_start_on(struct line *line, struct df_http_client *client,
			  struct df_http_request *rq, const char *path,
			  struct df_http_call **call, struct df_why *why)
{
	char url[DF_URL_LEN + 300];
	size_t base = strlen(line->peer->url);

	while (base > 0 && line->peer->url[base - 1] == '/')
		base--;
	df_str_fmt(url, sizeof url, "%.*s%s", (int)base, line->peer->url, path);
	rq->url = url;
	line->tls.ca_pem = (const char *)line->ca_pem.ptr; /* may be new */
	rq->tls = &line->tls;
	rq->proxy = &self.proxy;
	return df_http_client_start(client, rq, call, why);
}

enum df_err line_start(struct line *line, struct df_http_request *rq,
		       const char *path, struct df_http_call **call,
		       struct df_why *why)
{
	pace_join(&line->peer->caps, rq);
	return line_start_on(line, line->client, rq, path, call, why);
}

void tell_queue(struct df_room *room, struct df_msg *m, int *fds, size_t n)
{
	/* a lost queue ends this room anyway */
	(void)df_room_send(df_room_link(room, DF_ROLE_QUEUE, DF_ANY_NUMBER), m,
			   fds, n);
}

void job_done(struct df_room *room, uint32_t tag, enum df_err err,
	      const struct df_why *why)
{
	struct df_msg m;

	df_msg_init(&m, DF_MSG_JOB_DONE, tag);
	df_msg_put_result(&m, err, why);
	tell_queue(room, &m, NULL, 0);
}

enum df_err http_outcome(const struct df_http_result *r, int wanted,
			 struct df_why *why)
{
	if (r->err == DF_E_CANCELLED) /* by line_watch.c */
		return df_fail(why, DF_E_PEER, "the line went silent");
	if (r->err != DF_OK) {
		*why = r->why;
		return r->err;
	}
	if (r->status == wanted)
		return DF_OK;
	return df_peer_error_decode(
		(unsigned)r->status,
		(struct df_text){(const char *)r->body.ptr, r->body.len}, why);
}

/* --- the loop ----------------------------------------------------------- */

static enum df_err start(struct df_room *room, struct df_why *why)
{
	(void)why; /* nothing here fails but by dying */
	read_proxy(df_room_config(room));
	self.client = df_http_client_new(SERVER_CONNECTIONS);
	self.engine = (struct df_engine){
		.ctx = self.client, .timeout_ms = wait_ms, .turn = work};
	return df_engine_start(&self.engine, df_room_loop(room),
			       df_http_client_fd(self.client));
}

static void turn(struct df_room *room)
{
	(void)room;
	for (struct line *line = self.lines; line != NULL; line = line->next) {
		parcels_turn(line);
		df_engine_arm(&line->engine);
		questions_turn(line);
	}
	df_engine_arm(&self.engine);
}

int main(int argc, char **argv)
{
	static const struct df_handler HANDLERS[] = {
		{DF_MSG_PARCEL_SEND, DF_ROLE_QUEUE, parcel_send},
		{DF_MSG_PARCEL_URGE, DF_ROLE_QUEUE, parcel_urge},
		{DF_MSG_MANIFEST_SEND, DF_ROLE_QUEUE, manifest_send},
		{DF_MSG_MAILBOX_OPEN, DF_ROLE_QUEUE, mailbox_open},
		{DF_MSG_PULL, DF_ROLE_QUEUE, pull},
		{DF_MSG_PRIOR_FETCH, DF_ROLE_QUEUE, prior_fetch},
		{DF_MSG_SEND, DF_ROLE_QUEUE, stow_send},
		{DF_MSG_TEST, DF_ROLE_QUEUE, destination_test},
		{DF_MSG_PRIOR_ASK, DF_ROLE_INDEX, prior_ask},
	};
	static const struct df_room_spec SPEC = {
		.role = DF_ROLE_DELIVER_HTTPS,
		.handlers = HANDLERS,
		.n_handlers = sizeof HANDLERS / sizeof HANDLERS[0],
		.start = start,
		.link_up = link_up,
		.turn = turn,
		.exit_without = DF_ROLE_BIT(QUEUE),
	};

	return df_room_main(argc, argv, &SPEC);
}
