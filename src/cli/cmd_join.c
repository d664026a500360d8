/*
 * cmd_join.c - peer join: from a one-time code to a working line.
 *
 * The request (CSR) is kept in keys/ until the join is complete, so that a
 * join whose answer was lost can be repeated with the same code: the centre
 * gives the same certificate to the same request only.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "df/clock.h"
#include "df/digest.h"
#include "df/enrol.h"
#include "df/file.h"
#include "df/http_client.h"
#include "df/keyring.h"
#include "df/peer.h"

#define PENDING "keys/join-%s.csr"

struct join {
	struct df_invite invite;
	char id[DF_INVITE_ID_TEXT + 1];
	char pending[64];
	char pin[DF_HEX_LEN + 1];
	char url[DF_URL_LEN + 1];
	struct df_peer_enrol rq;
	struct df_peer_enrolled got;
};

static struct df_text text_of(const struct df_buf *b)
{
	return (struct df_text){(const char *)b->ptr, b->len};
}

/* The request of an earlier try with this code, or a new one. */
static enum df_err csr_make(struct df_cli *cli, struct join *j,
			    struct df_why *why)
{
	struct df_buf pem;
	struct df_key *key = NULL;
	enum df_err rc;

	df_buf_init(&j->rq.csr, DF_PEM_MAX);
	rc = df_file_read(cli->dir, j->pending, DF_PEM_MAX, &j->rq.csr, why);
	if (rc != DF_E_NOTFOUND)
		return rc;
	df_buf_init(&pem, DF_PEM_MAX);
	rc = df_file_read(cli->dir, DF_KEYS_NODE_KEY, DF_PEM_MAX, &pem, why);
	if (rc == DF_OK)
		rc = df_key_from_pem(&key, text_of(&pem), why);
	df_buf_wipe(&pem);
	if (rc == DF_OK)
		rc = df_csr_make(&j->rq.csr, key,
				 df_text_of(cli->cfg.node.name), why);
	df_key_free(key);
	if (rc == DF_OK)
		rc = df_file_write_durable(cli->dir, j->pending, 0600,
					   j->rq.csr.ptr, j->rq.csr.len, why);
	return rc;
}

static enum df_err request_make(struct df_cli *cli, struct join *j,
				struct df_why *why)
{
	struct df_digest proof;
	enum df_err rc = csr_make(cli, j, why);

	if (rc != DF_OK)
		return rc;
	df_str_fmt(j->rq.invite, sizeof j->rq.invite, "%s", j->id);
	df_str_fmt(j->rq.name, sizeof j->rq.name, "%s", cli->cfg.node.name);
	df_invite_proof(&proof, j->invite.secret, j->rq.csr.ptr, j->rq.csr.len);
	df_buf_init(&j->rq.proof, sizeof proof.b);
	return df_buf_add(&j->rq.proof, proof.b, sizeof proof.b, why);
}

static enum df_err exchange(struct df_cli *cli, struct join *j,
			    struct df_why *why)
{
	static const char *const headers[] = {
		"Content-Type: " DF_PEER_TYPE_JSON};
	const struct df_http_tls tls = {.pin = j->pin};
	char url[DF_URL_LEN + 32];
	struct df_http_request rq = {.method = "POST",
				     .url = url,
				     .headers = headers,
				     .n_headers = 1,
				     .tls = &tls,
				     .total_ms = 60000,
				     .max_response = DF_PEER_JSON_MAX};
	struct df_http_result got = {0};
	struct df_cli_proxy proxy;
	struct df_buf body;
	enum df_err rc;

	rc = df_cli_proxy(cli, &proxy, why);
	if (rc != DF_OK)
		return rc;
	rq.proxy = &proxy.http;
	df_buf_init(&body, DF_PEER_JSON_MAX);
	rc = df_peer_enrol_encode(&body, &j->rq, why);
	if (rc != DF_OK)
		return rc;
	df_str_fmt(url, sizeof url, "%s/peer/v1/enrolments", j->url);
	rq.body = body.ptr;
	rq.body_len = body.len;
	df_http_fetch(&rq, &got);
	if (got.err != DF_OK) {
		if (why != NULL)
			*why = got.why;
		rc = got.err;
	} else if (got.status != 200) {
		rc = df_peer_error_decode((unsigned)got.status,
					  text_of(&got.body), why);
	} else {
		rc = df_peer_enrolled_decode(text_of(&got.body), &j->got, why);
	}
	df_buf_release(&got.body);
	df_buf_release(&body);
	return rc;
}

/* What came is what the code promised, and is about our own key. */
static enum df_err check(struct df_cli *cli, const struct join *j,
			 struct df_why *why)
{
	struct df_cert *own = NULL, *old = NULL, *ca = NULL, *node = NULL;
	struct df_digest a, b;
	struct df_buf pem;
	enum df_err rc;

	df_buf_init(&pem, DF_PEM_MAX);
	rc = df_cert_from_pem(&own, text_of(&j->got.certificate), why);
	if (rc == DF_OK)
		rc = df_cert_from_pem(&ca, text_of(&j->got.ca), why);
	if (rc == DF_OK)
		rc = df_cert_from_pem(&node, text_of(&j->got.node_certificate),
				      why);
	if (rc == DF_OK)
		rc = df_file_read(cli->dir, DF_KEYS_NODE_CRT, DF_PEM_MAX, &pem,
				  why);
	if (rc == DF_OK)
		rc = df_cert_from_pem(&old, text_of(&pem), why);
	if (rc == DF_OK)
		rc = df_cert_check(own, ca, df_clock_wall_ms(), why);
	if (rc == DF_OK)
		rc = df_cert_check(node, ca, df_clock_wall_ms(), why);
	if (rc == DF_OK) {
		df_cert_fingerprint(own, &a);
		df_cert_fingerprint(old, &b);
		if (!df_digest_same(&a, &b))
			rc = df_fail(why, DF_E_SENDER,
				     "the certificate is not for our key");
	}
	if (rc == DF_OK) {
		df_cert_fingerprint(node, &a);
		if (!df_digest_same(&a, &j->invite.centre))
			rc = df_fail(why, DF_E_SENDER,
				     "the centre is not the "
				     "one that made the code");
	}
	df_cert_free(own);
	df_cert_free(old);
	df_cert_free(ca);
	df_cert_free(node);
	df_buf_release(&pem);
	return rc;
}

static enum df_err keep_seal(struct df_cli *cli, const struct join *j,
			     struct df_why *why)
{
	struct df_cert *seal = NULL;
	struct df_digest fp;
	char name[160];
	enum df_err rc;

	if (j->got.seal_certificate.len == 0)
		return DF_OK; /* a centre without a report seal */
	rc = df_cert_from_pem(&seal, text_of(&j->got.seal_certificate), why);
	if (rc != DF_OK)
		return rc;
	df_cert_fingerprint(seal, &fp);
	df_cert_free(seal);
	df_str_fmt(name, sizeof name, "%s/%s%s.pem", DF_KEYS_TRUST,
		   DF_KEYS_SEAL_PREFIX, df_digest_hex(&fp).s);
	return df_file_write_durable(cli->dir, name, 0600,
				     j->got.seal_certificate.ptr,
				     j->got.seal_certificate.len, why);
}

static enum df_err keep_beside(struct df_cli *cli, const struct join *j,
			       const char *suffix, const struct df_buf *pem,
			       struct df_why *why)
{
	char name[160];

	df_str_fmt(name, sizeof name, "%s/%s%s", DF_KEYS_PEERS, j->pin, suffix);
	return df_file_write_durable(cli->dir, name, 0600, pem->ptr, pem->len,
				     why);
}

/* The node's own files are of the first centre, and stay so. */
static enum df_err keep_first(struct df_cli *cli, const struct join *j,
			      struct df_why *why)
{
	struct df_buf ca;
	enum df_err rc;
	bool first;

	df_buf_init(&ca, DF_PEM_MAX);
	rc = df_file_read(cli->dir, DF_KEYS_CA_CRT, DF_PEM_MAX, &ca, why);
	first = rc == DF_E_NOTFOUND ||
		df_text_same(text_of(&ca), text_of(&j->got.ca));
	df_buf_release(&ca);
	if (rc != DF_OK && rc != DF_E_NOTFOUND)
		return rc;
	if (!first)
		return DF_OK;
	rc = df_file_write_durable(cli->dir, DF_KEYS_CA_CRT, 0600,
				   j->got.ca.ptr, j->got.ca.len, why);
	if (rc == DF_OK)
		rc = df_file_write_durable(cli->dir, DF_KEYS_NODE_CRT, 0600,
					   j->got.certificate.ptr,
					   j->got.certificate.len, why);
	return rc;
}

/* Each step may be repeated; the configuration is written last. */
static enum df_err keep(struct df_cli *cli, struct join *j, struct df_why *why)
{
	const char *pairs[] = {"url", j->url, "fingerprint", j->pin};
	enum df_err rc =
		keep_beside(cli, j, ".pem", &j->got.node_certificate, why);

	if (rc == DF_OK)
		rc = keep_beside(cli, j, DF_KEYS_CA_SUFFIX, &j->got.ca, why);
	if (rc == DF_OK)
		rc = keep_beside(cli, j, DF_KEYS_OWN_SUFFIX,
				 &j->got.certificate, why);
	if (rc == DF_OK)
		rc = keep_seal(cli, j, why);
	if (rc == DF_OK)
		rc = keep_first(cli, j, why);
	if (rc == DF_OK &&
	    df_config_peer(&cli->cfg, df_text_of(j->pin)) == NULL)
		rc = df_node_add_section(cli, "peer", j->got.centre_name, pairs,
					 2, why);
	else if (rc == DF_OK)
		df_node_reload(cli, "reload");
	if (rc == DF_OK)
		rc = df_file_remove(cli->dir, j->pending, why);
	return rc;
}

static enum df_err url_take(struct join *j, const char *url, struct df_why *why)
{
	size_t len = strlen(url);

	while (len > 0 && url[len - 1] == '/')
		len--;
	if (strncmp(url, "https://", 8) != 0)
		return df_fail(why, DF_E_USAGE,
			       "the centre's address is https://HOST:PORT");
	if (df_str_copy(j->url, sizeof j->url, (struct df_text){url, len}) !=
	    DF_OK)
		return df_fail(why, DF_E_USAGE, "the address is too long");
	return DF_OK;
}

static enum df_err join_run(struct df_cli *cli, struct df_why *why)
{
	struct join j = {0};
	const char *code = df_cli_option(cli, "code");
	enum df_err rc = url_take(&j, cli->args[0], why);

	if (rc == DF_OK && code == NULL)
		rc = df_fail(why, DF_E_USAGE,
			     "join needs --code: ask the centre for one");
	if (rc == DF_OK && cli->cfg.node.role != DF_NODE_CLINIC)
		rc = df_fail(why, DF_E_REFUSED,
			     "a centre does not join; its "
			     "certificates come from its own CA");
	if (rc == DF_OK)
		rc = df_invite_decode(&j.invite, df_text_of(code), why);
	if (rc != DF_OK)
		return rc;
	df_hex_encode(j.id, j.invite.id, sizeof j.invite.id);
	df_str_fmt(j.pending, sizeof j.pending, PENDING, j.id);
	df_str_fmt(j.pin, sizeof j.pin, "%s",
		   df_digest_hex(&j.invite.centre).s);
	rc = request_make(cli, &j, why);
	if (rc == DF_OK)
		rc = exchange(cli, &j, why);
	if (rc == DF_OK)
		rc = check(cli, &j, why);
	if (rc == DF_OK)
		rc = keep(cli, &j, why);
	if (rc == DF_OK && !cli->json)
		(void)printf("joined \"%s\"\n", j.got.centre_name); /* main */
	df_wipe(&j.invite, sizeof j.invite);
	df_peer_enrol_release(&j.rq);
	df_peer_enrolled_release(&j.got);
	if (rc == DF_OK)
		rc = df_peer_hello_test(cli, j.url, j.pin, true, why);
	return rc;
}

const struct df_cmd df_cmd_peer_join = {
	.path = "peer join",
	.args = "URL --code CODE",
	.help = "enrol this clinic at a centre with its one-time code"
		"\n      用邀请码加入中心",
	.options = "code=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG,
	.min_args = 1,
	.max_args = 1,
	.run = join_run,
};
