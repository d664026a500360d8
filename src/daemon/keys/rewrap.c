/*
 * rewrap.c - the same parcel or bundle for another reader: CORE, signature and
 * payload stay, recipients and MAC are made anew. So who sealed it is proven to
 * the new reader too, and nothing is decoded or sealed again. A sender of
 * several centres is known by its key; the reader, who does not know it, gets
 * the certificate that our CA made for that key.
 */
#include <string.h>

#include "df/cms.h"
#include "df/digest.h"
#include "df/sealed.h"
#include "keys.h"

static enum df_err add_block(struct df_buf *out, const void *ptr, size_t len,
			     struct df_why *why)
{
	enum df_err rc = df_buf_u32(out, (uint32_t)len);

	return rc == DF_OK ? df_buf_add(out, ptr, len, why) : rc;
}

static enum df_err signature_of(struct keys *k, struct df_buf *out,
				const struct df_sealed_head *old,
				struct df_why *why)
{
	struct df_hex fp = df_digest_hex(&old->core.sender);
	const struct peer *p = peers_find(k, df_text_of(fp.s));
	struct df_cert *cert = NULL;
	enum df_err rc;
	bool own;

	rc = df_cms_verify(NULL, &cert, old->signature, old->signature_len,
			   old->core_bytes, DF_SEALED_CORE_LEN, why);
	if (rc != DF_OK)
		return rc;
	own = df_cert_is_own(cert);
	df_cert_free(cert);
	if (p == NULL || !own)
		return df_buf_add(out, old->signature, old->signature_len, why);
	return df_cms_recertify(out, p->cert, old->signature,
				old->signature_len, old->core_bytes,
				DF_SEALED_CORE_LEN, why);
}

static enum df_err write_head(struct keys *k, struct df_buf *out,
			      const struct df_sealed_head *old,
			      const struct df_cek *cek,
			      const struct df_cert *reader, struct df_why *why)
{
	uint8_t mac[DF_SEALED_MAC_LEN];
	struct df_buf block;
	enum df_err rc;

	df_buf_init(&block, DF_SEALED_RECIPIENTS_MAX);
	rc = df_cms_wrap(&block, cek, &reader, 1, why);
	if (rc == DF_OK)
		rc = df_buf_add(out, old->core_bytes, DF_SEALED_CORE_LEN, why);
	if (rc == DF_OK)
		rc = add_block(out, block.ptr, block.len, why);
	if (rc == DF_OK) {
		df_header_mac(mac, cek, old->core_bytes, block.ptr, block.len);
		rc = df_buf_add(out, mac, sizeof mac, why);
	}
	df_buf_clear(&block);
	if (rc == DF_OK)
		rc = signature_of(k, &block, old, why);
	if (rc == DF_OK)
		rc = add_block(out, block.ptr, block.len, why);
	df_buf_release(&block);
	return rc;
}

static enum df_err rewrap(struct keys *k, struct df_buf *out,
			  const struct df_msg *m, struct df_why *why)
{
	struct df_sealed_head head = {0};
	struct df_cek cek = {{0}};
	struct df_text fp;
	struct peer *p = NULL;
	enum df_err rc;

	if (!df_msg_get(m, DF_M_RECIPIENT, &fp))
		return df_fail(why, DF_E_FORMAT, "rewrap for nobody");
	rc = peers_allowed(k, fp, &p, why);
	if (rc == DF_OK)
		rc = sealing_open(k, &head, &cek, m, "held", why);
	if (rc == DF_OK)
		rc = write_head(k, out, &head, &cek, p->cert, why);
	df_wipe(&cek, sizeof cek);
	return rc;
}

void on_rewrap(struct df_room *room, struct df_link *from,
	       const struct df_msg *m, int *fds, size_t n_fds)
{
	struct keys *k = keys_of(room);
	struct df_why why = {0};
	struct df_text reader = {0};
	char fp[DF_HEX_LEN + 1] = "";
	struct df_buf head;
	struct df_msg out;
	enum df_err rc;

	(void)fds, (void)n_fds; /* carries none */
	df_buf_init(&head, DF_SEALED_HEAD_MAX);
	rc = rewrap(k, &head, m, &why);
	df_msg_init(&out, DF_MSG_REWRAPPED, m->tag);
	df_msg_put_result(&out, rc, &why);
	if (rc == DF_OK)
		df_msg_put(&out, DF_M_HEADER, head.ptr, head.len);
	df_buf_release(&head);
	if (df_msg_get(m, DF_M_RECIPIENT, &reader) &&
	    df_str_copy(fp, sizeof fp, reader) != DF_OK)
		fp[0] = '\0'; /* no fingerprint: not worth a line */
	ring_used(k, USE_REWRAP, fp, rc == DF_OK ? NULL : &why);
	df_room_send(from, &out, NULL, 0);
}
