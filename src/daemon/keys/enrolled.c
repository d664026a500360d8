/*
 * enrolled.c - who is enrolled: keys/peers/<fp>.pem, and beside it <fp>.revoked
 * or, of a centre that we joined, <fp>.own and <fp>.ca.
 *
 * Revoking is for ever: a revoked key is never enrolled again, its owner makes
 * a new one.
 */
#include "keys.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "df/file.h"
#include "df/log.h"

#define PEM_SUFFIX ".pem"
#define REVOKED_SUFFIX ".revoked"

struct peer *peers_find(struct keys *k, struct df_text fp)
{
	size_t i;

	for (i = 0; i < k->n_peers; i++)
		if (df_text_eq(fp, k->peers[i].fp.s))
			return &k->peers[i];
	return NULL;
}

/* Takes cert. */
static enum df_err put(struct keys *k, struct df_cert *cert, struct df_why *why)
{
	struct df_digest d;
	struct df_hex fp;
	struct peer *p;

	df_cert_fingerprint(cert, &d);
	fp = df_digest_hex(&d);
	p = peers_find(k, df_text_of(fp.s));
	if (p != NULL) {
		df_cert_free(p->cert);
		p->cert = cert;
		return DF_OK;
	}
	if (k->n_peers == PEERS_MAX) {
		df_cert_free(cert);
		return df_fail(why, DF_E_LIMIT, "more than %u peers",
			       PEERS_MAX);
	}
	k->peers = df_xrealloc(k->peers, (k->n_peers + 1) * sizeof *p);
	k->peers[k->n_peers++] = (struct peer){.fp = fp, .cert = cert};
	return DF_OK;
}

/* The name without suffix when it is 64 digits and the suffix. */
static bool fp_of(struct df_text *fp, const char *name, const char *suffix)
{
	struct df_digest d;
	size_t n = strlen(name);

	if (n != DF_HEX_LEN + strlen(suffix) ||
	    strcmp(name + DF_HEX_LEN, suffix) != 0)
		return false;
	*fp = (struct df_text){name, DF_HEX_LEN};
	return df_digest_decode(&d, *fp);
}

/* NULL for a bad file: one does not stop the node. */
static enum df_err cert_of(struct df_cert **cert, const char *name,
			   struct df_why *why)
{
	struct df_buf b;
	char path[160];
	enum df_err rc;

	df_str_fmt(path, sizeof path, "%s/%s", DF_KEYS_PEERS, name);
	df_buf_init(&b, DF_PEM_MAX);
	rc = df_file_read(AT_FDCWD, path, DF_PEM_MAX, &b, why);
	if (rc == DF_OK)
		rc = df_cert_from_pem(
			cert, (struct df_text){(const char *)b.ptr, b.len},
			why);
	df_buf_release(&b);
	if (rc != DF_E_FORMAT)
		return rc;
	df_log(DF_LOG_ERROR, "keys.bad_peer_file", DF_F_UID("file", name));
	return DF_OK;
}

static enum df_err load_pem(void *ctx, const char *name, struct df_why *why)
{
	struct keys *k = ctx;
	struct df_cert *cert = NULL;
	struct df_text fp;
	enum df_err rc;

	if (!fp_of(&fp, name, PEM_SUFFIX))
		return DF_OK;
	rc = cert_of(&cert, name, why);
	if (cert == NULL)
		return rc;
	rc = put(k, cert, why);
	if (rc == DF_OK && peers_find(k, fp) == NULL)
		df_log(DF_LOG_ERROR, "keys.peer_file_misnamed",
		       DF_F_UID("file", name));
	return rc;
}

static enum df_err load_beside(void *ctx, const char *name, struct df_why *why)
{
	struct df_text fp = {name, strcspn(name, ".")};
	struct peer *p = peers_find(ctx, fp);

	if (p == NULL)
		return DF_OK;
	if (fp_of(&fp, name, REVOKED_SUFFIX))
		p->revoked = true;
	else if (fp_of(&fp, name, DF_KEYS_OWN_SUFFIX))
		return cert_of(&p->own, name, why);
	else if (fp_of(&fp, name, DF_KEYS_CA_SUFFIX))
		return cert_of(&p->ca, name, why);
	return DF_OK;
}

enum df_err peers_load(struct keys *k, struct df_why *why)
{
	enum df_err rc = ring_names(DF_KEYS_PEERS, load_pem, k, why);

	if (rc == DF_OK)
		rc = ring_names(DF_KEYS_PEERS, load_beside, k, why);
	return rc;
}

void peers_release(struct keys *k)
{
	size_t i;

	for (i = 0; i < k->n_peers; i++) {
		df_cert_free(k->peers[i].cert);
		df_cert_free(k->peers[i].own);
		df_cert_free(k->peers[i].ca);
	}
	free(k->peers);
	k->peers = NULL;
	k->n_peers = 0;
}

enum df_err peers_allowed(struct keys *k, struct df_text fp, struct peer **peer,
			  struct df_why *why)
{
	struct peer *p = peers_find(k, fp);

	if (p == NULL)
		return df_fail(why, DF_E_DENIED, "peer is not enrolled");
	if (p->revoked)
		return df_fail(why, DF_E_DENIED, "peer was revoked");
	if (peer != NULL)
		*peer = p;
	return DF_OK;
}

enum df_err peers_enrol(struct keys *k, const struct df_cert *cert,
			struct df_why *why)
{
	char path[160];
	struct df_digest d;
	struct df_hex fp;
	struct df_buf pem;
	struct peer *p;
	enum df_err rc;

	df_cert_fingerprint(cert, &d);
	fp = df_digest_hex(&d);
	p = peers_find(k, df_text_of(fp.s));
	if (p != NULL && p->revoked)
		return df_fail(why, DF_E_DENIED, "this key was revoked");
	df_buf_init(&pem, DF_PEM_MAX);
	rc = df_cert_to_pem(&pem, cert, why);
	df_str_fmt(path, sizeof path, "%s/%s" PEM_SUFFIX, DF_KEYS_PEERS, fp.s);
	if (rc == DF_OK)
		rc = df_file_write_durable(AT_FDCWD, path, 0600, pem.ptr,
					   pem.len, why);
	if (rc == DF_OK)
		rc = put(k, df_cert_ref(cert), why);
	df_buf_release(&pem);
	return rc;
}

enum df_err peers_revoke(struct keys *k, struct df_text fp, struct df_why *why)
{
	struct peer *p = peers_find(k, fp);
	char path[160];
	enum df_err rc;

	if (p == NULL)
		return df_fail(why, DF_E_NOTFOUND, "no such peer");
	df_str_fmt(path, sizeof path, "%s/%s" REVOKED_SUFFIX, DF_KEYS_PEERS,
		   p->fp.s);
	rc = df_file_write_durable(AT_FDCWD, path, 0600, "revoked\n", 8, why);
	if (rc == DF_OK)
		p->revoked = true;
	return rc;
}

bool same_cert(const struct df_cert *a, const struct df_cert *b)
{
	struct df_buf x, y;
	bool same;

	df_buf_init(&x, DF_PEM_MAX);
	df_buf_init(&y, DF_PEM_MAX);
	same = df_cert_to_der(&x, a, NULL) == DF_OK &&
	       df_cert_to_der(&y, b, NULL) == DF_OK && x.len == y.len &&
	       memcmp(x.ptr, y.ptr, x.len) == 0;
	df_buf_release(&x);
	df_buf_release(&y);
	return same;
}

enum df_err peers_certificate(struct keys *k, const struct df_cert *cert,
			      int64_t at_ms, struct df_why *why)
{
	struct df_digest d;
	struct df_hex fp;
	struct peer *p;
	enum df_err rc;

	df_cert_fingerprint(cert, &d);
	fp = df_digest_hex(&d);
	p = peers_find(k, df_text_of(fp.s));
	if (same_cert(cert, k->node_crt) ||
	    (p != NULL && same_cert(cert, p->cert)))
		return DF_OK;
	if ((p != NULL || strcmp(fp.s, k->fp.s) == 0) &&
	    df_cert_is_own(cert)) /* its key is what we know it by */
		return DF_OK;
	if (k->ca == NULL)
		return df_fail(why, DF_E_SENDER,
			       "the signer's certificate is unknown");
	rc = df_cert_check(cert, k->ca, at_ms, why);
	for (size_t i = 0; rc != DF_OK && i < k->n_peers; i++)
		if (k->peers[i].ca != NULL)
			rc = df_cert_check(cert, k->peers[i].ca, at_ms, why);
	return rc;
}
