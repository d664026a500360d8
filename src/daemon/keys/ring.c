/* ring.c - reads keys/ into memory, and counts what the keys are used for. */
#include "keys.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "df/clock.h"
#include "df/digest.h"
#include "df/file.h"
#include "df/log.h"

static struct df_text text_of(const struct df_buf *b)
{
	return (struct df_text){(const char *)b->ptr, b->len};
}

static enum df_err load_key(struct df_key **key, const char *path,
			    struct df_why *why)
{
	struct df_buf b;
	enum df_err rc;

	df_buf_init(&b, DF_PEM_MAX);
	rc = df_file_read(AT_FDCWD, path, DF_PEM_MAX, &b, why);
	if (rc == DF_OK)
		rc = df_key_from_pem(key, text_of(&b), why);
	df_buf_wipe(&b);
	return rc;
}

static enum df_err load_cert(struct df_cert **cert, const char *path,
			     struct df_why *why)
{
	struct df_buf b;
	enum df_err rc;

	df_buf_init(&b, DF_PEM_MAX);
	rc = df_file_read(AT_FDCWD, path, DF_PEM_MAX, &b, why);
	if (rc == DF_OK)
		rc = df_cert_from_pem(cert, text_of(&b), why);
	df_buf_release(&b);
	return rc;
}

static enum df_err load_kek(uint8_t kek[DF_KEK_LEN], struct df_why *why)
{
	struct df_buf b;
	enum df_err rc;

	df_buf_init(&b, DF_KEK_LEN);
	rc = df_file_read(AT_FDCWD, DF_KEYS_KEK, DF_KEK_LEN, &b, why);
	if (rc == DF_OK && b.len != DF_KEK_LEN)
		rc = df_fail(why, DF_E_CONFIG, "'%s' is not a key",
			     DF_KEYS_KEK);
	if (rc == DF_OK)
		memcpy(kek, b.ptr, DF_KEK_LEN);
	df_buf_wipe(&b);
	return rc;
}

/* A file that only some nodes have. */
static enum df_err optional(enum df_err rc)
{
	return rc == DF_E_NOTFOUND ? DF_OK : rc;
}

static enum df_err signer_choose(struct keys *k, struct df_why *why)
{
	bool several = false;

	for (size_t i = 0; k->ca != NULL && i < k->n_peers; i++)
		several = several || (k->peers[i].ca != NULL &&
				      !same_cert(k->peers[i].ca, k->ca));
	if (several)
		return df_own_issue(&k->signer, k->node, df_text_of(k->name),
				    df_clock_wall_ms(), why);
	k->signer = df_cert_ref(k->node_crt);
	return DF_OK;
}

static enum df_err load_all(struct keys *k, struct df_why *why)
{
	struct df_digest d;
	enum df_err rc = load_key(&k->node, DF_KEYS_NODE_KEY, why);

	if (rc == DF_OK)
		rc = load_cert(&k->node_crt, DF_KEYS_NODE_CRT, why);
	if (rc == DF_OK)
		rc = optional(load_cert(&k->ca, DF_KEYS_CA_CRT, why));
	if (rc == DF_OK)
		rc = optional(load_key(&k->ca_key, DF_KEYS_CA_KEY, why));
	if (rc == DF_OK)
		rc = optional(load_key(&k->seal, DF_KEYS_SEAL_KEY, why));
	if (rc == DF_OK)
		rc = optional(load_cert(&k->seal_crt, DF_KEYS_SEAL_CRT, why));
	if (rc == DF_OK)
		rc = load_kek(k->kek, why);
	if (rc != DF_OK)
		return rc;
	if (!df_cert_has_key(k->node_crt, k->node))
		return df_fail(why, DF_E_CONFIG, "'%s' is not for '%s'",
			       DF_KEYS_NODE_CRT, DF_KEYS_NODE_KEY);
	df_cert_fingerprint(k->node_crt, &d);
	k->fp = df_digest_hex(&d);
	df_cert_name(k->node_crt, k->name);
	rc = peers_load(k, why);
	return rc == DF_OK ? signer_choose(k, why) : rc;
}

enum df_err ring_load(struct keys *k, struct df_why *why)
{
	struct keys fresh = {0};
	enum df_err rc = load_all(&fresh, why);

	if (rc != DF_OK) {
		ring_release(&fresh);
		return rc;
	}
	memcpy(fresh.uses, k->uses, sizeof fresh.uses);
	ring_release(k);
	*k = fresh;
	df_wipe(&fresh, sizeof fresh);
	return DF_OK;
}

void ring_release(struct keys *k)
{
	df_key_free(k->node);
	df_cert_free(k->node_crt);
	df_cert_free(k->signer);
	df_cert_free(k->ca);
	df_key_free(k->ca_key);
	df_key_free(k->seal);
	df_cert_free(k->seal_crt);
	peers_release(k);
	df_wipe(k, sizeof *k);
}

enum df_err ring_names(const char *dir,
		       enum df_err (*each)(void *ctx, const char *name,
					   struct df_why *why),
		       void *ctx, struct df_why *why)
{
	struct dirent *e;
	enum df_err rc;
	DIR *d = NULL;
	int fd;

	rc = df_dir_open(&fd, AT_FDCWD, dir, why);
	if (rc != DF_OK)
		return optional(rc);
	d = fdopendir(fd);
	if (d == NULL) {
		rc = df_fail_sys(why, DF_E_IO, "cannot read '%s'", dir);
		df_fd_close(&fd);
		return rc;
	}
	while (rc == DF_OK && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			rc = each(ctx, e->d_name, why);
	(void)closedir(d); /* only read */
	return rc;
}

static const char *const USE_NAME[USE_COUNT] = {
	[USE_ASSOCIATION] = "key.association",
	[USE_UNWRAP] = "key.unwrap",
	[USE_SEAL] = "key.seal",
	[USE_OPEN] = "key.open",
	[USE_SIGN] = "key.sign",
	[USE_CHECK] = "key.check",
	[USE_TLS] = "key.tls",
	[USE_ENROL] = "key.enrol",
	[USE_REWRAP] = "key.rewrap",
};

void ring_used(struct keys *k, enum use use, const char *detail,
	       const struct df_why *failed)
{
	k->uses[use]++;
	if (failed != NULL)
		df_log(DF_LOG_WARN, USE_NAME[use],
		       DF_F_UID("for", detail ? detail : "-"),
		       DF_F_ERR(failed));
	else
		df_log(DF_LOG_DEBUG, USE_NAME[use],
		       DF_F_UID("for", detail ? detail : "-"),
		       DF_F_NUM("n", k->uses[use]));
}
