/*
 * issue.c - making certificates and requests; a new node's key set.
 * See df/x509.h and df/keyring.h.
 *
 * Validity starts an hour early: clocks of clinics differ.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "df/digest.h"
#include "df/keyring.h"
#include "pki.h"

#define HOUR_S 3600L
#define DAY_S (24 * HOUR_S)
#define CA_DAYS 3650L
#define NODE_DAYS 730L

struct profile {
	long days;
	const char *basic;   /* basicConstraints */
	const char *usage;   /* keyUsage */
	const char *purpose; /* extendedKeyUsage, or NULL */
};
static const struct profile CA = {CA_DAYS, "critical,CA:TRUE,pathlen:0",
				  "critical,keyCertSign,cRLSign", NULL};
static const struct profile NODE = {NODE_DAYS, "critical,CA:FALSE",
				    "critical,digitalSignature,keyAgreement",
				    "serverAuth,clientAuth"};
static const struct profile SEAL = {NODE_DAYS, "critical,CA:FALSE",
				    "critical,digitalSignature,nonRepudiation",
				    NULL};

bool df_name_valid(struct df_text name)
{
	size_t i = 0, count = 0;

	while (i < name.len) {
		unsigned long c;
		int n = UTF8_getc((const unsigned char *)name.ptr + i,
				  (int)(name.len - i), &c);

		if (n <= 0 || c < 0x20 || (c >= 0x7f && c < 0xa0))
			return false;
		i += (size_t)n;
		count++;
	}
	return count >= 1 && count <= 64;
}

static bool set_name(X509_NAME *to, struct df_text name)
{
	return X509_NAME_add_entry_by_NID(to, NID_commonName, MBSTRING_UTF8,
					  (const unsigned char *)name.ptr,
					  (int)name.len, -1, 0) == 1;
}

static bool extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *e;
	X509V3_CTX ctx;
	bool ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = e != NULL && X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

static bool set_times(X509 *x, int64_t now_ms, long days)
{
	time_t now = (time_t)(now_ms / 1000);

	return X509_time_adj_ex(X509_getm_notBefore(x), 0, -HOUR_S, &now) !=
		       NULL &&
	       X509_time_adj_ex(X509_getm_notAfter(x), (int)days, 0, &now) !=
		       NULL;
}

static bool set_serial(X509 *x)
{
	uint8_t raw[16];
	BIGNUM *bn;
	bool ok;

	df_random(raw, sizeof raw);
	raw[0] = (raw[0] & 0x3f) | 0x40; /* positive, full length */
	bn = BN_bin2bn(raw, sizeof raw, NULL);
	ok = bn != NULL &&
	     BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) != NULL;
	BN_free(bn);
	return ok;
}

struct issue {
	const struct profile *profile;
	struct df_text name;
	EVP_PKEY *subject; /* public key to certify */
	X509 *issuer;	   /* NULL: self-signed */
	EVP_PKEY *key;	   /* signs */
	int64_t now_ms;
};

static bool fill(X509 *x, const struct issue *i)
{
	const struct profile *p = i->profile;
	X509 *issuer = i->issuer ? i->issuer : x;

	return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
	       set_name(X509_get_subject_name(x), i->name) &&
	       X509_set_issuer_name(x, X509_get_subject_name(issuer)) == 1 &&
	       set_times(x, i->now_ms, p->days) &&
	       X509_set_pubkey(x, i->subject) == 1 &&
	       extend(x, issuer, NID_subject_key_identifier, "hash") &&
	       extend(x, issuer, NID_authority_key_identifier, "keyid") &&
	       extend(x, issuer, NID_basic_constraints, p->basic) &&
	       extend(x, issuer, NID_key_usage, p->usage) &&
	       (p->purpose == NULL ||
		extend(x, issuer, NID_ext_key_usage, p->purpose)) &&
	       X509_sign(x, i->key, EVP_sha256()) > 0;
}

static enum df_err issue(struct df_cert **cert, const struct issue *i,
			 struct df_why *why)
{
	X509 *x;

	*cert = NULL;
	if (!df_name_valid(i->name))
		return df_fail(why, DF_E_FORMAT,
			       "a name has 1 to 64 characters, none of them "
			       "a control character");
	x = X509_new();
	if (x == NULL || !fill(x, i)) {
		X509_free(x);
		return df_pki_fail(why, DF_E_FORMAT,
				   "cannot make a certificate");
	}
	*cert = df_pki_cert(x);
	return DF_OK;
}

enum df_err df_ca_make(struct df_cert **cert, const struct df_key *key,
		       struct df_text name, int64_t now_ms, struct df_why *why)
{
	struct issue i = {&CA, name, key->pkey, NULL, key->pkey, now_ms};

	return issue(cert, &i, why);
}

enum df_err df_own_issue(struct df_cert **cert, const struct df_key *key,
			 struct df_text name, int64_t now_ms,
			 struct df_why *why)
{
	struct issue i = {&NODE, name, key->pkey, NULL, key->pkey, now_ms};

	return issue(cert, &i, why);
}

enum df_err df_seal_issue(struct df_cert **cert, const struct df_key *ca_key,
			  const struct df_cert *ca,
			  const struct df_key *seal_key, struct df_text name,
			  int64_t now_ms, struct df_why *why)
{
	struct issue i = {&SEAL,    name,	  seal_key->pkey,
			  ca->x509, ca_key->pkey, now_ms};

	return issue(cert, &i, why);
}

enum df_err df_csr_make(struct df_buf *der, const struct df_key *key,
			struct df_text name, struct df_why *why)
{
	X509_REQ *req = X509_REQ_new();
	unsigned char *ptr = NULL;
	enum df_err rc;
	int n = -1;

	if (!df_name_valid(name))
		rc = df_fail(why, DF_E_FORMAT, "a name has 1 to 64 characters");
	else if (req == NULL || X509_REQ_set_version(req, 0) != 1 ||
		 !set_name(X509_REQ_get_subject_name(req), name) ||
		 X509_REQ_set_pubkey(req, key->pkey) != 1 ||
		 X509_REQ_sign(req, key->pkey, EVP_sha256()) <= 0 ||
		 (n = i2d_X509_REQ(req, &ptr)) <= 0)
		rc = df_pki_fail(why, DF_E_FORMAT, "cannot make a request");
	else
		rc = df_buf_add(der, ptr, (size_t)n, why);
	OPENSSL_free(ptr);
	X509_REQ_free(req);
	return rc;
}

/* A request whose own signature and kind of key are right; caller frees. */
static enum df_err csr_open(X509_REQ **req, const void *der, size_t len,
			    struct df_why *why)
{
	const unsigned char *p = der;
	EVP_PKEY *key;

	*req = len <= 8192 ? d2i_X509_REQ(NULL, &p, (long)len) : NULL;
	key = *req ? X509_REQ_get0_pubkey(*req) : NULL;
	if (key == NULL || p != (const unsigned char *)der + len) {
		X509_REQ_free(*req);
		*req = NULL;
		return df_pki_fail(why, DF_E_FORMAT,
				   "cannot read a certificate request");
	}
	if (!df_pki_key_is_ec(key, 256) || X509_REQ_verify(*req, key) != 1) {
		X509_REQ_free(*req);
		*req = NULL;
		return df_pki_fail(why, DF_E_DENIED,
				   "certificate request is not signed by a "
				   "P-256 key of its own");
	}
	return DF_OK;
}

static void csr_name(X509_REQ *req, char to[DF_NODE_NAME_MAX + 1])
{
	X509_NAME *name = X509_REQ_get_subject_name(req);
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	unsigned char *utf8 = NULL;
	struct df_text t = {NULL, 0};
	int n = -1;

	to[0] = '\0';
	if (at >= 0)
		n = ASN1_STRING_to_UTF8(&utf8,
					X509_NAME_ENTRY_get_data(
						X509_NAME_get_entry(name, at)));
	if (n > 0)
		t = (struct df_text){(const char *)utf8, (size_t)n};
	if (!df_name_valid(t) ||
	    df_str_copy(to, DF_NODE_NAME_MAX + 1, t) != DF_OK)
		to[0] = '\0';
	OPENSSL_free(utf8);
}

enum df_err df_csr_check(const void *der, size_t len,
			 char name[DF_NODE_NAME_MAX + 1],
			 struct df_digest *fingerprint, struct df_why *why)
{
	unsigned char *pub = NULL;
	X509_REQ *req;
	enum df_err rc;
	int n;

	rc = csr_open(&req, der, len, why);
	if (rc != DF_OK)
		return rc;
	if (name != NULL)
		csr_name(req, name);
	n = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(req), &pub);
	if (n <= 0)
		df_bug("a public key has no encoding");
	if (fingerprint != NULL)
		df_sha256(fingerprint, pub, (size_t)n);
	OPENSSL_free(pub);
	X509_REQ_free(req);
	return DF_OK;
}

enum df_err df_node_issue(struct df_cert **cert, const struct df_key *ca_key,
			  const struct df_cert *ca, const void *csr,
			  size_t csr_len, struct df_text name, int64_t now_ms,
			  struct df_why *why)
{
	struct issue i = {&NODE, name, NULL, ca->x509, ca_key->pkey, now_ms};
	X509_REQ *req;
	enum df_err rc;

	*cert = NULL;
	rc = csr_open(&req, csr, csr_len, why);
	if (rc != DF_OK)
		return rc;
	i.subject = X509_REQ_get0_pubkey(req);
	rc = issue(cert, &i, why);
	X509_REQ_free(req);
	return rc;
}

/* --- a new node ---------------------------------------------------------- */

static struct df_buf *add(struct df_keyring_new *k, const char *path)
{
	struct df_keyring_file *f = &k->files[k->count++];

	f->path = path;
	df_buf_init(&f->content, DF_PEM_MAX);
	return &f->content;
}

static enum df_err add_pair(struct df_keyring_new *k, const char *key_path,
			    const struct df_key *key, const char *cert_path,
			    const struct df_cert *cert, struct df_why *why)
{
	enum df_err rc = df_key_to_pem(add(k, key_path), key, why);

	if (rc != DF_OK)
		return rc;
	return df_cert_to_pem(add(k, cert_path), cert, why);
}

struct node_keys {
	struct df_key *node, *ca, *seal;
	struct df_cert *node_crt, *ca_crt, *seal_crt;
};

static enum df_err make_centre(struct node_keys *n, struct df_text name,
			       int64_t now_ms, struct df_why *why)
{
	struct issue i = {.profile = &NODE, .name = name, .now_ms = now_ms};
	enum df_err rc = df_key_new(&n->ca, why);

	if (rc == DF_OK)
		rc = df_key_new(&n->seal, why);
	if (rc == DF_OK)
		rc = df_ca_make(&n->ca_crt, n->ca, name, now_ms, why);
	if (rc == DF_OK)
		rc = df_seal_issue(&n->seal_crt, n->ca, n->ca_crt, n->seal,
				   name, now_ms, why);
	if (rc != DF_OK)
		return rc;
	i.subject = n->node->pkey;
	i.issuer = n->ca_crt->x509;
	i.key = n->ca->pkey;
	return issue(&n->node_crt, &i, why);
}

static enum df_err make_files(struct df_keyring_new *k,
			      const struct node_keys *n, struct df_why *why)
{
	uint8_t kek[32];
	enum df_err rc;

	rc = add_pair(k, DF_KEYS_NODE_KEY, n->node, DF_KEYS_NODE_CRT,
		      n->node_crt, why);
	if (rc == DF_OK && n->ca != NULL)
		rc = add_pair(k, DF_KEYS_CA_KEY, n->ca, DF_KEYS_CA_CRT,
			      n->ca_crt, why);
	if (rc == DF_OK && n->seal != NULL)
		rc = add_pair(k, DF_KEYS_SEAL_KEY, n->seal, DF_KEYS_SEAL_CRT,
			      n->seal_crt, why);
	if (rc != DF_OK)
		return rc;
	df_random(kek, sizeof kek);
	rc = df_buf_add(add(k, DF_KEYS_KEK), kek, sizeof kek, why);
	df_wipe(kek, sizeof kek);
	return rc;
}

enum df_err df_keyring_make(struct df_keyring_new *k, bool centre,
			    struct df_text name, int64_t now_ms,
			    struct df_why *why)
{
	struct node_keys n = {0};
	enum df_err rc;

	memset(k, 0, sizeof *k);
	rc = df_key_new(&n.node, why);
	if (rc == DF_OK && centre)
		rc = make_centre(&n, name, now_ms, why);
	else if (rc == DF_OK)
		rc = df_own_issue(&n.node_crt, n.node, name, now_ms, why);
	if (rc == DF_OK) {
		df_key_fingerprint(n.node, &k->fingerprint);
		rc = make_files(k, &n, why);
	}
	if (rc != DF_OK)
		df_keyring_release(k);
	df_key_free(n.node);
	df_key_free(n.ca);
	df_key_free(n.seal);
	df_cert_free(n.node_crt);
	df_cert_free(n.ca_crt);
	df_cert_free(n.seal_crt);
	return rc;
}

void df_keyring_release(struct df_keyring_new *k)
{
	size_t i;

	for (i = 0; i < k->count; i++)
		df_buf_wipe(&k->files[i].content);
	memset(k, 0, sizeof *k);
}
