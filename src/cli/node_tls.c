/*
 * node_tls.c - the command speaks to the centre as the node: its key, its
 * certificate of that centre, the centre pinned by fingerprint.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "df/clock.h"
#include "df/file.h"
#include "df/http_client.h"
#include "df/keyring.h"
#include "df/peer.h"
#include "df/tlskey.h"

struct df_node_tls {
	struct df_http_tls http;
	struct df_key *key;
	struct df_buf cert;
	char pin[DF_HEX_LEN + 1];
};

static enum df_err sign_here(void *ctx, const void *digest, size_t len,
			     uint8_t sig[DF_RAW_SIGNATURE_MAX], size_t *sig_len)
{
	struct df_node_tls *t = ctx;

	return df_key_sign_raw(t->key, digest, len, sig, sig_len, NULL);
}

static bool use_identity(void *ssl_ctx, void *ctx)
{
	struct df_node_tls *t = ctx;

	return df_tls_use(
		       ssl_ctx,
		       (struct df_text){(const char *)t->cert.ptr, t->cert.len},
		       sign_here, t, NULL) == DF_OK;
}

enum df_err df_node_tls_new(struct df_node_tls **out, struct df_cli *cli,
			    const char *pin, struct df_why *why)
{
	struct df_node_tls *t = df_xcalloc(1, sizeof *t);
	char own[160];
	struct df_buf key;
	enum df_err rc;

	df_str_fmt(own, sizeof own, "%s/%s" DF_KEYS_OWN_SUFFIX, DF_KEYS_PEERS,
		   pin);
	df_buf_init(&key, DF_PEM_MAX);
	df_buf_init(&t->cert, DF_PEM_MAX);
	rc = df_file_read(cli->dir, DF_KEYS_NODE_KEY, DF_PEM_MAX, &key, why);
	if (rc == DF_OK)
		rc = df_key_from_pem(
			&t->key,
			(struct df_text){(const char *)key.ptr, key.len}, why);
	if (rc == DF_OK)
		rc = df_file_read(cli->dir, own, DF_PEM_MAX, &t->cert, why);
	if (rc == DF_E_NOTFOUND)
		rc = df_file_read(cli->dir, DF_KEYS_NODE_CRT, DF_PEM_MAX,
				  &t->cert, why);
	df_buf_wipe(&key);
	if (rc != DF_OK) {
		df_node_tls_free(t);
		return rc;
	}
	df_str_fmt(t->pin, sizeof t->pin, "%s", pin);
	t->http = (struct df_http_tls){
		.pin = t->pin, .ssl_ctx = use_identity, .ctx = t};
	*out = t;
	return DF_OK;
}

const struct df_http_tls *df_node_tls_http(const struct df_node_tls *tls)
{
	return &tls->http;
}

void df_node_tls_free(struct df_node_tls *t)
{
	if (t == NULL)
		return;
	df_key_free(t->key);
	df_buf_release(&t->cert);
	free(t);
}

static void hello_say(const struct df_cli *cli, const struct df_peer_hello *h,
		      int64_t elapsed_ms)
{
	const int64_t ahead_ms = h->now_ms - df_clock_wall_ms();

	if (cli->json) {
		cJSON *o = df_args1("name", h->name);

		(void)cJSON_AddNumberToObject(o, "ms", (double)elapsed_ms);
		(void)cJSON_AddNumberToObject(o, "clock_ahead_ms",
					      (double)ahead_ms); /* no memory */
		df_print_json(o);
		cJSON_Delete(o);
		return;
	}
	(void)printf("the line to \"%s\" works: %" PRId64 " ms, its clock is "
		     "%+.1f s from ours\n",
		     h->name, elapsed_ms,
		     (double)ahead_ms / 1000); /* main checks stdout */
	if (ahead_ms > 300000 || ahead_ms < -300000)
		(void)fprintf(stderr,
			      "dcm-forward: the clocks differ by more "
			      "than 5 minutes; set the time\n"); /* terminal */
}

enum df_err df_cli_proxy(struct df_cli *cli, struct df_cli_proxy *to,
			 struct df_why *why)
{
	const char *file = cli->cfg.line.proxy_password;
	enum df_err rc = DF_OK;
	struct df_buf b;
	size_t len;

	*to = (struct df_cli_proxy){.http = {.url = cli->cfg.line.proxy,
					     .user = cli->cfg.line.proxy_user,
					     .password = to->password}};
	if (file[0] == '\0')
		return DF_OK;
	df_buf_init(&b, sizeof to->password);
	rc = df_file_read(cli->dir, file, sizeof to->password - 1, &b, why);
	for (len = b.len; len > 0 && (b.ptr[len - 1] == '\n' ||
				      b.ptr[len - 1] == '\r');)
		len--;
	if (rc == DF_OK)
		memcpy(to->password, b.ptr, len);
	df_buf_release(&b);
	return rc;
}

enum df_err df_peer_hello_test(struct df_cli *cli, const char *url,
			       const char *pin, bool say, struct df_why *why)
{
	struct df_node_tls *tls = NULL;
	struct df_http_result got = {0};
	struct df_peer_hello h;
	char full[DF_URL_LEN + 32];
	struct df_http_request rq = {.method = "GET",
				     .url = full,
				     .max_response = DF_PEER_JSON_MAX,
				     .total_ms = 30000};
	struct df_text body;
	struct df_cli_proxy proxy;
	enum df_err rc = df_cli_proxy(cli, &proxy, why);

	if (rc == DF_OK)
		rc = df_node_tls_new(&tls, cli, pin, why);
	if (rc != DF_OK)
		return rc;
	rq.proxy = &proxy.http;
	df_str_fmt(full, sizeof full, "%s/peer/v1/hello", url);
	rq.tls = df_node_tls_http(tls);
	df_http_fetch(&rq, &got);
	body = (struct df_text){(const char *)got.body.ptr, got.body.len};
	if (got.err != DF_OK) {
		if (why != NULL)
			*why = got.why;
		rc = got.err;
	} else if (got.status != 200) {
		rc = df_peer_error_decode((unsigned)got.status, body, why);
	} else {
		rc = df_peer_hello_decode(body, &h, why);
	}
	if (rc == DF_OK && say)
		hello_say(cli, &h, got.elapsed_ms);
	df_buf_release(&got.body);
	df_node_tls_free(tls);
	return rc;
}
