/*
 * signing.c - signatures of the node and of the report seal, those of others
 * checked, TLS on behalf of front and deliver_https, trust anchors, and the
 * key of the index.
 *
 * A text is signed only under the purpose that its own first line names, so
 * that no room can have one thing signed as another.
 */
#include "keys.h"

#include <fcntl.h>
#include <string.h>

#include "df/clock.h"
#include "df/cms.h"
#include "df/digest.h"
#include "df/file.h"
#include "df/sign.h"

static const struct purpose {
	const char *word;
	const char *first; /* how the text begins */
	bool report;	   /* by the report seal, not by the node */
} PURPOSES[] = {
	{"manifest", "dcmf-manifest: ", false},
	{"receipt", "dcmf-receipt: ", false},
	{"report", "dcmf-report: ", true},
};

static enum df_err read_text(struct df_buf *text, const int *fds, size_t n_fds,
			     struct df_why *why)
{
	uint64_t size = 0;
	enum df_err rc;

	df_buf_init(text, SIGNED_TEXT_MAX);
	if (n_fds < 1)
		return df_fail(why, DF_E_FORMAT, "no text in the request");
	rc = df_fd_size(fds[0], &size, why);
	if (rc == DF_OK && size > SIGNED_TEXT_MAX)
		rc = df_fail(why, DF_E_LIMIT, "text too long to sign");
	if (rc == DF_OK)
		rc = df_buf_reserve(text, (size_t)size + 1, why);
	if (rc == DF_OK)
		rc = df_pread_all(fds[0], text->ptr, (size_t)size, 0, why);
	if (rc == DF_OK)
		text->len = (size_t)size;
	return rc;
}

static const struct purpose *purpose_of(const struct df_msg *m,
					const struct df_buf *text)
{
	struct df_text word;
	size_t i;

	if (!df_msg_get(m, DF_M_PURPOSE, &word))
		return NULL;
	for (i = 0; i < sizeof PURPOSES / sizeof PURPOSES[0]; i++) {
		const struct purpose *p = &PURPOSES[i];
		size_t n = strlen(p->first);

		if (df_text_eq(word, p->word))
			return text->len >= n && memcmp(text->ptr, p->first,
							n) == 0
				       ? p
				       : NULL;
	}
	return NULL;
}

static enum df_err sign(struct keys *k, struct df_buf *der,
			const struct df_msg *m, const int *fds, size_t n_fds,
			struct df_why *why)
{
	const struct purpose *p;
	struct df_buf text;
	enum df_err rc = read_text(&text, fds, n_fds, why);

	p = rc == DF_OK ? purpose_of(m, &text) : NULL;
	if (rc == DF_OK && p == NULL)
		rc = df_fail(why, DF_E_DENIED,
			     "text does not match the purpose of signing");
	else if (rc == DF_OK && p->report &&
		 (k->seal == NULL || k->seal_crt == NULL))
		rc = df_fail(why, DF_E_DENIED, "this node has no report seal");
	else if (rc == DF_OK && p->report)
		rc = df_report_sign(der, k->seal, k->seal_crt, text.ptr,
				    text.len, why);
	else if (rc == DF_OK)
		rc = df_cms_sign(der, k->node, k->signer, text.ptr, text.len,
				 why);
	df_buf_wipe(&text); /* a statement holds patient data */
	return rc;
}

void on_sign(struct df_room *room, struct df_link *from, const struct df_msg *m,
	     int *fds, size_t n_fds)
{
	struct keys *k = keys_of(room);
	struct df_why why = {0};
	struct df_buf der;
	struct df_msg out;
	enum df_err rc;

	df_buf_init(&der, DF_SIGN_CMS_MAX);
	rc = sign(k, &der, m, fds, n_fds, &why);
	df_msg_init(&out, DF_MSG_SIGNED, m->tag);
	df_msg_put_result(&out, rc, &why);
	if (rc == DF_OK)
		df_msg_put(&out, DF_M_SIGNATURE, der.ptr, der.len);
	df_buf_release(&der);
	ring_used(k, USE_SIGN, NULL, rc == DF_OK ? NULL : &why);
	df_room_send(from, &out, NULL, 0);
}

/* Our own texts count as well: a node may check what it signed. */
static enum df_err check(struct keys *k, const struct df_msg *m, const int *fds,
			 size_t n_fds, struct df_why *why)
{
	struct df_text peer = {NULL, 0}, sig = {NULL, 0};
	struct df_cert *cert = NULL;
	struct df_digest signer;
	struct df_buf text;
	struct df_hex fp;
	enum df_err rc = read_text(&text, fds, n_fds, why);

	if (rc == DF_OK &&
	    (purpose_of(m, &text) == NULL || !df_msg_get(m, DF_M_PEER, &peer) ||
	     !df_msg_get(m, DF_M_SIGNATURE, &sig)))
		rc = df_fail(why, DF_E_FORMAT,
			     "text does not match the purpose of checking");
	if (rc == DF_OK && !df_text_eq(peer, k->fp.s))
		rc = peers_allowed(k, peer, NULL, why);
	if (rc == DF_OK)
		rc = df_cms_verify(&signer, &cert, sig.ptr, sig.len, text.ptr,
				   text.len, why);
	if (rc == DF_OK) {
		fp = df_digest_hex(&signer);
		if (!df_text_eq(peer, fp.s))
			rc = df_fail(why, DF_E_SENDER,
				     "signed by another node than expected");
	}
	if (rc == DF_OK)
		rc = peers_certificate(k, cert, df_clock_wall_ms(), why);
	df_cert_free(cert);
	df_buf_release(&text);
	return rc;
}

void on_check(struct df_room *room, struct df_link *from,
	      const struct df_msg *m, int *fds, size_t n_fds)
{
	struct keys *k = keys_of(room);
	struct df_why why = {0};
	struct df_msg out;
	enum df_err rc = check(k, m, fds, n_fds, &why);

	df_msg_init(&out, DF_MSG_CHECKED, m->tag);
	df_msg_put_result(&out, rc, &why);
	ring_used(k, USE_CHECK, NULL, rc == DF_OK ? NULL : &why);
	df_room_send(from, &out, NULL, 0);
}

/* --- trust anchors ------------------------------------------------------- */

struct anchors {
	struct df_buf signers;
	struct df_buf seals;
};

static enum df_err add_anchor(void *ctx, const char *name, struct df_why *why)
{
	size_t n = strlen(name), prefix = strlen(DF_KEYS_SEAL_PREFIX);
	struct anchors *a = ctx;
	struct df_buf *to = &a->signers;
	char path[320];
	enum df_err rc;

	if (n < 4 || n > 200 || strcmp(name + n - 4, ".pem") != 0)
		return DF_OK;
	if (strncmp(name, DF_KEYS_SEAL_PREFIX, prefix) == 0)
		to = &a->seals;
	df_str_fmt(path, sizeof path, "%s/%s", DF_KEYS_TRUST, name);
	rc = df_file_read(AT_FDCWD, path, DF_PEM_MAX, to, why);
	if (rc == DF_OK) /* a file may lack its last line end */
		rc = df_buf_u8(to, '\n');
	return rc;
}

static enum df_err memfd_of(int *fd, const char *name, const struct df_buf *b,
			    struct df_why *why)
{
	enum df_err rc = df_memfd_new(fd, name, why);

	if (rc == DF_OK)
		rc = df_write_all(*fd, b->ptr, b->len, why);
	if (rc == DF_OK)
		rc = df_memfd_seal(*fd, why);
	return rc;
}

/* Read anew each time: few reports, and a trust just added counts at once. */
static enum df_err anchors(struct keys *k, int fds[2], struct df_why *why)
{
	struct anchors a;
	enum df_err rc;

	df_buf_init(&a.signers, ANCHORS_MAX);
	df_buf_init(&a.seals, ANCHORS_MAX);
	rc = ring_names(DF_KEYS_TRUST, add_anchor, &a, why);
	if (rc == DF_OK && k->seal_crt != NULL) /* a centre trusts its own */
		rc = df_cert_to_pem(&a.seals, k->seal_crt, why);
	if (rc == DF_OK)
		rc = memfd_of(&fds[0], "anchors", &a.signers, why);
	if (rc == DF_OK)
		rc = memfd_of(&fds[1], "seals", &a.seals, why);
	df_buf_release(&a.signers);
	df_buf_release(&a.seals);
	return rc;
}

void on_anchors(struct df_room *room, struct df_link *from,
		const struct df_msg *m, int *fds, size_t n_fds)
{
	struct df_why why = {0};
	int out_fds[2] = {-1, -1};
	struct df_msg out;
	enum df_err rc = anchors(keys_of(room), out_fds, &why);

	(void)fds, (void)n_fds; /* carries none */
	df_msg_init(&out, DF_MSG_ANCHORS, m->tag);
	df_msg_put_result(&out, rc, &why);
	if (rc != DF_OK) {
		df_fd_close(&out_fds[0]);
		df_fd_close(&out_fds[1]);
	}
	df_room_send(from, &out, out_fds, rc == DF_OK ? 2 : 0);
}

/* --- TLS, peers, index --------------------------------------------------- */

static enum df_err put_pem(struct df_msg *out, enum df_field f,
			   const struct df_cert *cert, struct df_why *why)
{
	struct df_buf pem;
	enum df_err rc;

	df_buf_init(&pem, DF_PEM_MAX);
	rc = df_cert_to_pem(&pem, cert, why);
	if (rc == DF_OK)
		df_msg_put(out, f, pem.ptr, pem.len);
	df_buf_release(&pem);
	return rc;
}

void on_tls_identity(struct df_room *room, struct df_link *from,
		     const struct df_msg *m, int *fds, size_t n_fds)
{
	struct keys *k = keys_of(room);
	const struct df_cert *crt = k->node_crt, *ca = k->ca;
	const struct peer *p = NULL;
	struct df_text fp;
	struct df_why why = {0};
	struct df_msg out;
	enum df_err rc;

	(void)fds, (void)n_fds; /* carries none */
	if (df_msg_get(m, DF_M_PEER, &fp))
		p = peers_find(k, fp);
	if (p != NULL && p->own != NULL && p->ca != NULL) {
		crt = p->own;
		ca = p->ca;
	}
	df_msg_init(&out, DF_MSG_TLS_IDENTITY, m->tag);
	rc = put_pem(&out, DF_M_CERT, crt, &why);
	if (rc == DF_OK && ca != NULL)
		rc = put_pem(&out, DF_M_CA, ca, &why);
	df_msg_put_str(&out, DF_M_PEER, k->fp.s);
	df_msg_put_str(&out, DF_M_NAME, k->name);
	df_msg_put_result(&out, rc, &why);
	df_room_send(from, &out, NULL, 0);
}

void on_tls_sign(struct df_room *room, struct df_link *from,
		 const struct df_msg *m, int *fds, size_t n_fds)
{
	struct keys *k = keys_of(room);
	uint8_t sig[DF_RAW_SIGNATURE_MAX];
	struct df_text digest = {NULL, 0};
	struct df_why why = {0};
	struct df_msg out;
	enum df_err rc;
	size_t n = 0;

	(void)fds, (void)n_fds; /* carries none */
	if (df_msg_get(m, DF_M_DIGEST_BYTES, &digest))
		rc = df_key_sign_raw(k->node, digest.ptr, digest.len, sig, &n,
				     &why);
	else
		rc = df_fail(&why, DF_E_FORMAT, "no digest to sign");
	df_msg_init(&out, DF_MSG_TLS_SIGN, m->tag);
	df_msg_put_result(&out, rc, &why);
	if (rc == DF_OK)
		df_msg_put(&out, DF_M_SIGNATURE, sig, n);
	ring_used(k, USE_TLS, df_role_name(from->role),
		  rc == DF_OK ? NULL : &why);
	df_room_send(from, &out, NULL, 0);
}

void on_peer_check(struct df_room *room, struct df_link *from,
		   const struct df_msg *m, int *fds, size_t n_fds)
{
	char name[DF_NODE_NAME_MAX + 1] = "";
	struct df_text fp = {NULL, 0};
	struct df_why why = {0};
	struct peer *p = NULL;
	struct df_msg out;
	enum df_err rc;

	(void)fds, (void)n_fds; /* carries none */
	if (df_msg_get(m, DF_M_PEER, &fp))
		rc = peers_allowed(keys_of(room), fp, &p, &why);
	else
		rc = df_fail(&why, DF_E_DENIED, "no peer named");
	/* TLS looked at its certificate when the connection began */
	if (rc == DF_OK && df_cert_not_after_ms(p->cert) < df_clock_wall_ms())
		rc = df_fail(&why, DF_E_DENIED,
			     "the certificate of this peer has expired");
	df_msg_init(&out, DF_MSG_PEER_CHECK, m->tag);
	df_msg_put_result(&out, rc, &why);
	if (rc == DF_OK) {
		df_cert_name(p->cert, name);
		df_msg_put_str(&out, DF_M_NAME, name);
	}
	df_room_send(from, &out, NULL, 0);
}

void on_index_key(struct df_room *room, struct df_link *from,
		  const struct df_msg *m, int *fds, size_t n_fds)
{
	struct keys *k = keys_of(room);
	uint8_t key[64];
	struct df_msg out;

	(void)fds, (void)n_fds; /* carries none */
	df_hkdf_sha256(key, sizeof key, k->kek, sizeof k->kek, "", 0,
		       "dcmf/1 index");
	df_msg_init(&out, DF_MSG_INDEX_KEY, m->tag);
	df_msg_put(&out, DF_M_KEY, key, sizeof key);
	df_msg_put_str(&out, DF_M_PEER, k->fp.s);
	df_wipe(key, sizeof key);
	df_room_send(from, &out, NULL, 0);
}
