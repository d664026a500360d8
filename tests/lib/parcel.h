/*
 * parcel.h - makes and opens small sealed objects, for tests and for the
 * golden files: what keys and prepare do together, in one place.
 */
#ifndef TEST_PARCEL_H
#define TEST_PARCEL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "df/cms.h"
#include "df/digest.h"
#include "df/record.h"
#include "df/sealed.h"

#define NOW_MS 1795312800000LL /* 2026-11-22T02:00:00Z */

#define must(x)                              \
	do {                                 \
		struct df_why w_ = {0};      \
		must_(x, &w_, #x, __LINE__); \
	} while (0)
static inline void must_(enum df_err rc, const struct df_why *w,
			 const char *what, int line)
{
	if (rc == DF_OK)
		return;
	(void)fprintf(stderr, "line %d: %s: %s %s\n", line, what,
		      df_err_name(rc), w->text);
	abort();
}

/* A centre with a CA and a clinic that it enrolled. */
struct parcel_nodes {
	struct df_key *ca_key, *centre_key, *clinic_key;
	struct df_cert *ca, *centre, *clinic;
};

static inline struct df_cert *parcel_enrol(const struct parcel_nodes *n,
					   const struct df_key *key,
					   const char *name)
{
	struct df_cert *cert = NULL;
	struct df_buf csr;

	df_buf_init(&csr, 8192);
	must(df_csr_make(&csr, key, df_text_of(name), NULL));
	must(df_node_issue(&cert, n->ca_key, n->ca, csr.ptr, csr.len,
			   df_text_of(name), NOW_MS, NULL));
	df_buf_release(&csr);
	return cert;
}

static inline void parcel_nodes_make(struct parcel_nodes *n)
{
	must(df_key_new(&n->ca_key, NULL));
	must(df_key_new(&n->centre_key, NULL));
	must(df_key_new(&n->clinic_key, NULL));
	must(df_ca_make(&n->ca, n->ca_key, df_text_of("中心医院 CA"), NOW_MS,
			NULL));
	n->centre = parcel_enrol(n, n->centre_key, "中心医院");
	n->clinic = parcel_enrol(n, n->clinic_key, "桥头镇卫生院");
}

static inline void parcel_nodes_release(struct parcel_nodes *n)
{
	df_key_free(n->ca_key);
	df_key_free(n->centre_key);
	df_key_free(n->clinic_key);
	df_cert_free(n->ca);
	df_cert_free(n->centre);
	df_cert_free(n->clinic);
}

static inline enum df_err parcel_sink(void *ctx, const void *ptr, size_t len,
				      struct df_why *why)
{
	return df_buf_add(ctx, ptr, len, why);
}

/* The whole header (content 1 or 2) from the clinic for both nodes. */
static inline void parcel_header(struct df_buf *out,
				 const struct parcel_nodes *n,
				 struct df_sealed_core *core,
				 const struct df_cek *cek)
{
	const struct df_cert *to[] = {n->clinic, n->centre};
	uint8_t bytes[DF_SEALED_CORE_LEN], mac[DF_SEALED_MAC_LEN];
	struct df_buf b;

	df_cert_fingerprint(n->clinic, &core->sender);
	df_sealed_core_encode(bytes, core);
	df_seal_commit(bytes, cek);
	df_buf_init(&b, DF_SEALED_RECIPIENTS_MAX);
	must(df_cms_wrap(&b, cek, to, 2, NULL));
	must(df_buf_add(out, bytes, sizeof bytes, NULL));
	must(df_buf_u32(out, (uint32_t)b.len));
	must(df_buf_add(out, b.ptr, b.len, NULL));
	df_header_mac(mac, cek, bytes, b.ptr, b.len);
	must(df_buf_add(out, mac, sizeof mac, NULL));
	df_buf_clear(&b);
	must(df_cms_sign(&b, n->clinic_key, n->clinic, bytes, sizeof bytes,
			 NULL));
	must(df_buf_u32(out, (uint32_t)b.len));
	must(df_buf_add(out, b.ptr, b.len, NULL));
	df_buf_release(&b);
}

/* Header, then plain as payload, appended to out. */
static inline void parcel_seal(struct df_buf *out, const struct parcel_nodes *n,
			       struct df_sealed_core *core, const void *plain,
			       size_t len)
{
	struct df_sealer s = {0};
	struct df_cek cek;
	size_t at = out->len;

	df_random(cek.b, sizeof cek.b);
	df_random(core->id, sizeof core->id);
	parcel_header(out, n, core, &cek);
	must(df_seal_init(&s, out->ptr + at, &cek, parcel_sink, out, NULL));
	must(df_seal_update(&s, plain, len, NULL));
	must(df_seal_finish(&s, NULL));
	df_seal_release(&s);
}

/* One instance record, one contents record; the body is what is given. */
static inline void parcel_records(struct df_buf *out, const void *body,
				  size_t len)
{
	struct df_record_instance r = {
		.sop_class = "1.2.840.10008.5.1.4.1.1.2",
		.sop_instance = "1.2.826.0.1.3680043.8.498.1",
		.transfer_syntax = "1.2.840.10008.1.2.1",
		.coding = "stored",
		.size_bytes = len,
		.received_ms = NOW_MS,
		.called_ae = "CLINIC",
		.calling_ae = "CT 1",
	};
	struct df_record_frame f = {.type = DF_RECORD_INSTANCE,
				    .body_len = len};
	struct df_record_contents c = {0};
	struct df_record_entry e = {.offset = out->len};
	uint8_t frame[DF_RECORD_FRAME_LEN];
	struct df_buf head;

	df_sha256(&r.digest, body, len);
	r.body_digest = e.digest = r.digest;
	memcpy(e.name, r.sop_instance, sizeof e.name);
	df_buf_init(&head, DF_RECORD_HEADER_MAX);
	must(df_record_instance_encode(&head, &r, NULL));
	f.header_len = (uint32_t)head.len;
	df_record_frame_encode(frame, &f);
	must(df_buf_add(out, frame, sizeof frame, NULL));
	must(df_buf_add(out, head.ptr, head.len, NULL));
	must(df_buf_add(out, body, len, NULL));
	must(df_record_contents_add(&c, &e, NULL));
	must(df_record_contents_encode(out, &c, NULL));
	df_record_contents_release(&c);
	df_buf_release(&head);
}

/* As the recipient with this key, from the given sender: appends to plain
 * whatever bytes are released, also when it fails in the end. */
static inline enum df_err parcel_open(struct df_buf *plain, const uint8_t *ptr,
				      size_t len, const struct df_key *key,
				      const struct df_cert *cert,
				      const struct df_digest *sender,
				      const struct df_cert *ca,
				      struct df_why *why)
{
	struct df_opener o = {0};
	struct df_cert *signer = NULL;
	struct df_sealed_head h;
	struct df_digest fp;
	struct df_cek cek;
	enum df_err rc = df_sealed_head_decode(&h, ptr, len, why);

	if (rc != DF_OK)
		return rc;
	if (h.signature == NULL)
		return df_fail(why, DF_E_FORMAT, "unsigned");
	rc = df_cms_verify(&fp, &signer, h.signature, h.signature_len,
			   h.core_bytes, DF_SEALED_CORE_LEN, why);
	if (rc == DF_OK && (!df_digest_same(&fp, sender) ||
			    !df_digest_same(&fp, &h.core.sender)))
		rc = df_fail(why, DF_E_SENDER, "another sender");
	if (rc == DF_OK)
		rc = df_cert_check(signer, ca, h.core.created_ms, why);
	df_cert_free(signer);
	if (rc == DF_OK)
		rc = df_cms_unwrap(&cek, h.recipients, h.recipients_len, key,
				   cert, why);
	if (rc == DF_OK)
		rc = df_header_check(&cek, h.core_bytes, h.recipients,
				     h.recipients_len, h.mac, why);
	if (rc == DF_OK)
		rc = df_open_init(&o, h.core_bytes, &cek, parcel_sink, plain,
				  why);
	if (rc == DF_OK)
		rc = df_open_update(&o, ptr + h.head_len, len - h.head_len,
				    why);
	if (rc == DF_OK)
		rc = df_open_finish(&o, why);
	df_open_release(&o);
	return rc;
}

#endif
