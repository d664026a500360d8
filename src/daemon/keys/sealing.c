/*
 * sealing.c - content keys: lent to associations, unwrapped, sealed for peers
 * with a whole header, and taken out of a header that arrived.
 */
#include "keys.h"

#include <string.h>

#include "df/clock.h"
#include "df/cms.h"
#include "df/digest.h"
#include "df/sealed.h"

#define RECIPIENTS_MAX 64

static void put_hex(struct df_msg *m, enum df_field f, const void *ptr,
		    size_t len)
{
	char hex[2 * DF_DIGEST_LEN + 1];

	df_hex_encode(hex, ptr, len);
	df_msg_put_str(m, f, hex);
}

void on_association_key(struct df_room *room, struct df_link *from,
			const struct df_msg *m, int *fds, size_t n_fds)
{
	struct keys *k = keys_of(room);
	uint8_t wrapped[DF_WRAPPED_LEN];
	struct df_cek cek;
	struct df_msg out;

	(void)fds, (void)n_fds; /* carries none */
	df_random(cek.b, sizeof cek.b);
	df_kek_wrap(wrapped, k->kek, &cek);
	df_msg_init(&out, DF_MSG_ASSOCIATION_KEY, m->tag);
	df_msg_put(&out, DF_M_CEK, cek.b, sizeof cek.b);
	df_msg_put(&out, DF_M_WRAPPED, wrapped, sizeof wrapped);
	df_msg_put_str(&out, DF_M_PEER, k->fp.s);
	df_wipe(&cek, sizeof cek);
	ring_used(k, USE_ASSOCIATION, NULL, NULL);
	df_room_send(from, &out, NULL, 0);
}

/* --- at rest ------------------------------------------------------------- */

static enum df_err head_of(struct df_sealed_head *head, const struct df_msg *m,
			   struct df_why *why)
{
	struct df_text t;
	enum df_err rc;

	if (!df_msg_get(m, DF_M_HEADER, &t))
		return df_fail(why, DF_E_FORMAT, "no header in the request");
	rc = df_sealed_head_decode(head, (const uint8_t *)t.ptr, t.len, why);
	if (rc == DF_E_AGAIN)
		return df_fail(why, DF_E_FORMAT, "header is not whole");
	return rc;
}

static enum df_err unwrap(struct keys *k, struct df_cek *cek,
			  const struct df_msg *m, struct df_why *why)
{
	struct df_sealed_head head;
	enum df_err rc = head_of(&head, m, why);

	if (rc == DF_OK && head.core.content != DF_SEALED_REST)
		rc = df_fail(why, DF_E_FORMAT, "not an object at rest");
	if (rc == DF_OK)
		rc = df_kek_unwrap(cek, k->kek, head.recipients,
				   head.recipients_len, why);
	if (rc == DF_OK)
		rc = df_header_check(cek, head.core_bytes, head.recipients,
				     head.recipients_len, head.mac, why);
	return rc;
}

void on_unwrap(struct df_room *room, struct df_link *from,
	       const struct df_msg *m, int *fds, size_t n_fds)
{
	struct keys *k = keys_of(room);
	struct df_cek cek = {{0}};
	struct df_why why = {0};
	struct df_msg out;
	enum df_err rc = unwrap(k, &cek, m, &why);

	(void)fds, (void)n_fds; /* carries none */
	df_msg_init(&out, DF_MSG_UNWRAPPED, m->tag);
	df_msg_put_result(&out, rc, &why);
	if (rc == DF_OK)
		df_msg_put(&out, DF_M_CEK, cek.b, sizeof cek.b);
	df_wipe(&cek, sizeof cek);
	ring_used(k, USE_UNWRAP, NULL, rc == DF_OK ? NULL : &why);
	df_room_send(from, &out, NULL, 0);
}

/* --- a header for peers -------------------------------------------------- */

/* Everyone who will be able to open it: the peers named, and we. */
static enum df_err recipients(struct keys *k, const struct df_msg *m,
			      const struct df_cert **certs, size_t *n,
			      struct df_why *why)
{
	struct df_text fp;
	struct peer *p;
	size_t at = 0;
	enum df_err rc;

	certs[0] = k->node_crt;
	*n = 1;
	while (df_msg_next(m, DF_M_PEER, &at, &fp)) {
		if (df_text_eq(fp, k->fp.s))
			continue;
		if (*n == RECIPIENTS_MAX)
			return df_fail(why, DF_E_LIMIT, "too many recipients");
		rc = peers_allowed(k, fp, &p, why);
		if (rc != DF_OK)
			return rc;
		certs[(*n)++] = p->cert;
	}
	return DF_OK;
}

static enum df_err core_of(struct keys *k, uint8_t bytes[DF_SEALED_CORE_LEN],
			   struct df_sealed_core *core, const struct df_msg *m,
			   struct df_why *why)
{
	uint64_t content = 0;

	*core = (struct df_sealed_core){.suite = DF_SUITE_AES256GCM,
					.created_ms = df_clock_wall_ms()};
	if (!df_msg_get_u64(m, DF_M_CONTENT, &content) ||
	    (content != DF_SEALED_PARCEL && content != DF_SEALED_REPORT) ||
	    !df_msg_get_u64(m, DF_M_EPOCH, &core->epoch) ||
	    !df_msg_get_u64(m, DF_M_SEQUENCE, &core->sequence) ||
	    !df_msg_get_digest(m, DF_M_PREVIOUS, &core->previous))
		return df_fail(why, DF_E_FORMAT,
			       "request to seal is not whole");
	core->content = (enum df_sealed_content)content;
	df_random(core->id, sizeof core->id);
	df_cert_fingerprint(k->node_crt, &core->sender);
	df_sealed_core_encode(bytes, core);
	return DF_OK;
}

static enum df_err add_block(struct df_buf *out, const struct df_buf *block,
			     struct df_why *why)
{
	enum df_err rc = df_buf_u32(out, (uint32_t)block->len);

	if (rc == DF_OK)
		rc = df_buf_add(out, block->ptr, block->len, why);
	return rc;
}

/* CORE, recipients, MAC, signature, in this order. */
static enum df_err make_header(struct keys *k, struct df_buf *out,
			       uint8_t core[DF_SEALED_CORE_LEN],
			       const struct df_cek *cek,
			       const struct df_cert *const *certs, size_t n,
			       struct df_why *why)
{
	uint8_t mac[DF_SEALED_MAC_LEN];
	struct df_buf block;
	enum df_err rc;

	df_buf_init(&block, DF_SEALED_RECIPIENTS_MAX);
	df_seal_commit(core, cek);
	rc = df_buf_add(out, core, DF_SEALED_CORE_LEN, why);
	if (rc == DF_OK)
		rc = df_cms_wrap(&block, cek, certs, n, why);
	if (rc == DF_OK)
		rc = add_block(out, &block, why);
	if (rc == DF_OK) {
		df_header_mac(mac, cek, core, block.ptr, block.len);
		rc = df_buf_add(out, mac, sizeof mac, why);
	}
	df_buf_clear(&block);
	if (rc == DF_OK)
		rc = df_cms_sign(&block, k->node, k->signer, core,
				 DF_SEALED_CORE_LEN, why);
	if (rc == DF_OK && block.len > DF_SEALED_SIGNATURE_MAX)
		rc = df_fail(why, DF_E_LIMIT, "signature too long");
	if (rc == DF_OK)
		rc = add_block(out, &block, why);
	df_buf_release(&block);
	return rc;
}

void on_seal(struct df_room *room, struct df_link *from, const struct df_msg *m,
	     int *fds, size_t n_fds)
{
	struct keys *k = keys_of(room);
	const struct df_cert *certs[RECIPIENTS_MAX];
	uint8_t bytes[DF_SEALED_CORE_LEN];
	struct df_sealed_core core;
	struct df_why why = {0};
	struct df_digest h0;
	struct df_cek cek;
	struct df_buf head;
	struct df_msg out;
	enum df_err rc;
	size_t n = 0;

	(void)fds, (void)n_fds; /* carries none */
	df_buf_init(&head, DF_SEALED_HEAD_MAX);
	df_random(cek.b, sizeof cek.b);
	rc = recipients(k, m, certs, &n, &why);
	if (rc == DF_OK)
		rc = core_of(k, bytes, &core, m, &why);
	if (rc == DF_OK)
		rc = make_header(k, &head, bytes, &cek, certs, n, &why);
	df_msg_init(&out, DF_MSG_SEALED, m->tag);
	df_msg_put_result(&out, rc, &why);
	if (rc == DF_OK) {
		df_sha256(&h0, bytes, sizeof bytes);
		df_msg_put(&out, DF_M_HEADER, head.ptr, head.len);
		df_msg_put(&out, DF_M_CEK, cek.b, sizeof cek.b);
		put_hex(&out, DF_M_PARCEL, core.id, sizeof core.id);
		df_msg_put_digest(&out, DF_M_H0, &h0);
	}
	df_wipe(&cek, sizeof cek);
	df_buf_release(&head);
	ring_used(k, USE_SEAL, NULL, rc == DF_OK ? NULL : &why);
	df_room_send(from, &out, NULL, 0);
}

/* --- a header that arrived ----------------------------------------------- */

/*
 * May it be the sender? Revoking ends what a peer may bring, not what we took
 * from it before (held). A prior comes from a node that only the centre knows:
 * its certificate must be of our CA (peers_certificate).
 */
static bool sender_allowed(struct keys *k, struct df_text fp,
			   struct df_text purpose, struct df_why *why)
{
	const struct peer *p = peers_find(k, fp);

	if (df_text_eq(fp, k->fp.s))
		return true;
	if (df_text_eq(purpose, "held"))
		return p != NULL || k->ca != NULL;
	if (df_text_eq(purpose, "prior") && p == NULL)
		return k->ca != NULL;
	return peers_allowed(k, fp, NULL, why) == DF_OK;
}

/* Signed by the sender that CORE names, who is the one expected. */
static enum df_err check_sender(struct keys *k,
				const struct df_sealed_head *head,
				struct df_text expected, struct df_text purpose,
				struct df_why *why)
{
	struct df_hex fp = df_digest_hex(&head->core.sender);
	struct df_cert *cert = NULL;
	struct df_digest signer;
	enum df_err rc;

	if (!df_text_eq(expected, fp.s))
		return df_fail(why, DF_E_SENDER,
			       "sealed by another node than expected");
	if (!sender_allowed(k, expected, purpose, why))
		return df_fail(why, DF_E_SENDER,
			       "sender is not enrolled or was revoked");
	rc = df_cms_verify(&signer, &cert, head->signature, head->signature_len,
			   head->core_bytes, DF_SEALED_CORE_LEN, why);
	if (rc == DF_OK && !df_digest_same(&signer, &head->core.sender))
		rc = df_fail(why, DF_E_SENDER,
			     "signer is not the sender of the header");
	if (rc == DF_OK)
		rc = peers_certificate(k, cert, head->core.created_ms, why);
	df_cert_free(cert);
	return rc;
}

enum df_err sealing_open(struct keys *k, struct df_sealed_head *head,
			 struct df_cek *cek, const struct df_msg *m,
			 const char *purpose, struct df_why *why)
{
	struct df_text expected;
	enum df_err rc = head_of(head, m, why);

	if (!df_msg_get(m, DF_M_PEER, &expected))
		expected = df_text_of(k->fp.s);
	if (rc == DF_OK && head->signature == NULL)
		rc = df_fail(why, DF_E_FORMAT,
			     "an object at rest is not for "
			     "peers");
	if (rc == DF_OK)
		rc = check_sender(k, head, expected, df_text_of(purpose), why);
	if (rc == DF_OK)
		rc = df_cms_unwrap(cek, head->recipients, head->recipients_len,
				   k->node, k->node_crt, why);
	if (rc == DF_OK)
		rc = df_header_check(cek, head->core_bytes, head->recipients,
				     head->recipients_len, head->mac, why);
	return rc;
}

void on_open(struct df_room *room, struct df_link *from, const struct df_msg *m,
	     int *fds, size_t n_fds)
{
	struct keys *k = keys_of(room);
	struct df_sealed_head head = {0};
	struct df_cek cek = {{0}};
	struct df_why why = {0};
	struct df_hex sender;
	struct df_msg out;
	char purpose[16];
	enum df_err rc;

	(void)fds, (void)n_fds; /* carries none */
	(void)df_msg_get_str(m, DF_M_PURPOSE, purpose,
			     sizeof purpose); /* absent: it arrives */
	rc = sealing_open(k, &head, &cek, m, purpose, &why);
	df_msg_init(&out, DF_MSG_OPENED, m->tag);
	df_msg_put_result(&out, rc, &why);
	sender = df_digest_hex(&head.core.sender);
	if (rc == DF_OK) {
		df_msg_put(&out, DF_M_CEK, cek.b, sizeof cek.b);
		df_msg_put_str(&out, DF_M_PEER, sender.s);
		put_hex(&out, DF_M_PARCEL, head.core.id, sizeof head.core.id);
		df_msg_put_digest(&out, DF_M_H0, &head.h0);
		df_msg_put_u64(&out, DF_M_CONTENT, head.core.content);
		df_msg_put_u64(&out, DF_M_EPOCH, head.core.epoch);
		df_msg_put_u64(&out, DF_M_SEQUENCE, head.core.sequence);
		df_msg_put_digest(&out, DF_M_PREVIOUS, &head.core.previous);
		df_msg_put_u64(&out, DF_M_CREATED_MS,
			       (uint64_t)head.core.created_ms);
	}
	df_wipe(&cek, sizeof cek);
	ring_used(k, USE_OPEN, sender.s, rc == DF_OK ? NULL : &why);
	df_room_send(from, &out, NULL, 0);
}
