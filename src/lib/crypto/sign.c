/*
 * sign.c - verifying a report's signature against our policy; the words.
 * See df/sign.h. Signing is in signer.c.
 *
 * Order of the checks decides which reason is told: algorithm, content, who,
 * when, what for. Every check must pass for DF_SIGN_GOOD.
 */
#include "df/sign.h"

#include <string.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/ess.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "pki.h"
#include "signer.h"

#define FUTURE_MS (5 * 60 * 1000)

static const struct {
	const char *word;
	const char *text;
} TABLE[DF_SIGN_COUNT] = {
#define X(name, word, text) [DF_SIGN_##name] = {word, text},
	DF_SIGN_MAP(X)
#undef X
};

const char *df_sign_word(enum df_sign_verdict v)
{
	return (unsigned)v < DF_SIGN_COUNT ? TABLE[v].word : "unknown";
}

const char *df_sign_text(enum df_sign_verdict v)
{
	return (unsigned)v < DF_SIGN_COUNT ? TABLE[v].text : "unknown";
}

/* All certificates of a bundle; an empty one gives an empty stack. */
static STACK_OF(X509) * read_bundle(struct df_text pem)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	BIO *bio = df_pki_bio(pem.ptr, pem.len);
	X509 *x;

	if (all == NULL || bio == NULL)
		df_bug("no memory for certificates");
	while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		sk_X509_push(all, x);
	BIO_free(bio);
	ERR_clear_error();
	return all;
}

static bool digest_strong(int nid)
{
	return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512;
}

static bool algorithms_strong(CMS_SignerInfo *si, X509 *cert)
{
	X509_ALGOR *digest = NULL, *signature = NULL;
	const ASN1_OBJECT *oid = NULL;
	int md = NID_undef, pk = NID_undef, nid;

	CMS_SignerInfo_get0_algs(si, NULL, NULL, &digest, &signature);
	X509_ALGOR_get0(&oid, NULL, NULL, digest);
	if (!digest_strong(OBJ_obj2nid(oid)))
		return false;
	X509_ALGOR_get0(&oid, NULL, NULL, signature);
	nid = OBJ_obj2nid(oid);
	/* an OID that names a digest of its own must name a strong one */
	if (nid != NID_rsaEncryption && nid != NID_rsassaPss &&
	    (OBJ_find_sigid_algs(nid, &md, &pk) != 1 || !digest_strong(md)))
		return false;
	return df_pki_key_strong(X509_get0_pubkey(cert), 2048);
}

enum df_sign_verdict df_signer_usage(X509 *cert)
{
	uint32_t usage = X509_get_key_usage(cert);
	uint32_t purpose = X509_get_extended_key_usage(cert);

	if (usage == UINT32_MAX || /* does not say */
	    (usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0 ||
	    X509_check_ca(cert) == 1)
		return DF_SIGN_USAGE;
	/* a TLS certificate is not a person's */
	if (purpose != UINT32_MAX &&
	    (purpose & (XKU_SSL_SERVER | XKU_SSL_CLIENT)) != 0 &&
	    (purpose & (XKU_SMIME | XKU_ANYEKU)) == 0)
		return DF_SIGN_USAGE;
	return DF_SIGN_GOOD;
}

enum df_sign_verdict df_signer_time(X509 *cert, int64_t at_ms)
{
	int64_t from = df_pki_time_ms(X509_get0_notBefore(cert));
	int64_t to = df_pki_time_ms(X509_get0_notAfter(cert));

	if (from < 0 || to < 0)
		return DF_SIGN_CHAIN;
	if (at_ms < from)
		return DF_SIGN_NOT_YET;
	return at_ms > to ? DF_SIGN_EXPIRED : DF_SIGN_GOOD;
}

static enum df_sign_verdict chain_verdict(int error)
{
	switch (error) {
	case X509_V_OK:
		return DF_SIGN_GOOD;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return DF_SIGN_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return DF_SIGN_NOT_YET;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_CERT_UNTRUSTED:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE: /* a CA of the same name */
		return DF_SIGN_SIGNER;
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK:
		return DF_SIGN_ALGORITHM;
	default:
		return DF_SIGN_CHAIN;
	}
}

/* The certificate that signed is the one that the signature names (CAdES). */
static bool ess_matches(CMS_SignerInfo *si, const STACK_OF(X509) * chain)
{
	ASN1_STRING *der = CMS_signed_get0_data_by_OBJ(
		si, OBJ_nid2obj(NID_id_smime_aa_signingCertificateV2), -3,
		V_ASN1_SEQUENCE);
	const unsigned char *p;
	ESS_SIGNING_CERT_V2 *ess;
	bool ok;

	if (der == NULL) /* plain CMS; the attribute is not there */
		return true;
	p = ASN1_STRING_get0_data(der);
	ess = d2i_ESS_SIGNING_CERT_V2(NULL, &p, ASN1_STRING_length(der));
	ok = ess != NULL &&
	     OSSL_ESS_check_signing_certs(NULL, ess, chain, 1) == 1;
	ESS_SIGNING_CERT_V2_free(ess);
	return ok;
}

struct check {
	CMS_ContentInfo *cms;
	STACK_OF(X509) * carried; /* in the CMS */
	STACK_OF(X509) * signers;
	STACK_OF(X509) * seals;
	int64_t first_seen_ms;
};

static enum df_sign_verdict check_chain(const struct check *c,
					CMS_SignerInfo *si, X509 *cert,
					const STACK_OF(X509) * anchors,
					bool exact)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	enum df_sign_verdict v;

	if (ctx == NULL ||
	    X509_STORE_CTX_init(ctx, NULL, cert, c->carried) != 1)
		df_bug("no memory for a certificate chain");
	/* the stack is read only; OpenSSL has no const here */
	X509_STORE_CTX_set0_trusted_stack(ctx,
					  (STACK_OF(X509) *)(uintptr_t)anchors);
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_time(param, (time_t)(c->first_seen_ms / 1000));
	X509_VERIFY_PARAM_set_auth_level(param, 2);
	if (exact) /* a pinned certificate needs no CA above it */
		X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	(void)X509_verify_cert(ctx); /* the error says it all */
	v = chain_verdict(X509_STORE_CTX_get_error(ctx));
	if (v == DF_SIGN_GOOD &&
	    !ess_matches(si, X509_STORE_CTX_get0_chain(ctx)))
		v = DF_SIGN_CHAIN;
	X509_STORE_CTX_free(ctx);
	return v;
}

static bool is_seal(const struct check *c, X509 *cert)
{
	int i;

	for (i = 0; i < sk_X509_num(c->seals); i++)
		if (X509_cmp(sk_X509_value(c->seals, i), cert) == 0)
			return true;
	return false;
}

/* Claimed time of signing, or -1 when the signature carries none. */
static int64_t signing_time_ms(CMS_SignerInfo *si)
{
	X509_ATTRIBUTE *a;
	ASN1_TYPE *t = NULL;
	int at = CMS_signed_get_attr_by_NID(si, NID_pkcs9_signingTime, -1);

	a = at >= 0 ? CMS_signed_get_attr(si, at) : NULL;
	if (a != NULL)
		t = X509_ATTRIBUTE_get0_type(a, 0);
	if (t == NULL ||
	    (t->type != V_ASN1_UTCTIME && t->type != V_ASN1_GENERALIZEDTIME))
		return -1;
	return df_pki_time_ms(t->value.asn1_string);
}

/* Everything but the signature value itself. */
static enum df_sign_verdict
check_signer(const struct check *c, CMS_SignerInfo *si, X509 *cert, bool *seal)
{
	enum df_sign_verdict v;

	*seal = is_seal(c, cert);
	v = check_chain(c, si, cert, *seal ? c->seals : c->signers, *seal);
	if (v == DF_SIGN_GOOD)
		v = df_signer_time(cert, c->first_seen_ms);
	if (v == DF_SIGN_GOOD)
		v = df_signer_usage(cert);
	if (v == DF_SIGN_GOOD &&
	    signing_time_ms(si) > c->first_seen_ms + FUTURE_MS)
		v = DF_SIGN_FUTURE;
	return v;
}

static void name_signer(struct df_sign_result *r, X509 *cert)
{
	struct df_cert borrowed = {cert};

	df_cert_name(&borrowed, r->signer);
	df_cert_fingerprint(&borrowed, &r->signer_key);
	r->not_after_ms = df_cert_not_after_ms(&borrowed);
}

/* Finds each signer's certificate among those carried; false: one lacks. */
static bool match_signers(const struct check *c, STACK_OF(CMS_SignerInfo) * all)
{
	int i, k;

	for (i = 0; i < sk_CMS_SignerInfo_num(all); i++) {
		CMS_SignerInfo *si = sk_CMS_SignerInfo_value(all, i);
		X509 *found = NULL;

		for (k = 0; k < sk_X509_num(c->carried); k++)
			if (CMS_SignerInfo_cert_cmp(
				    si, sk_X509_value(c->carried, k)) == 0)
				found = sk_X509_value(c->carried, k);
		if (found == NULL)
			return false;
		CMS_SignerInfo_set1_signer_cert(si, found);
	}
	return true;
}

static enum df_sign_verdict check_strength(STACK_OF(CMS_SignerInfo) * all,
					   struct df_sign_result *r)
{
	int i;

	for (i = 0; i < sk_CMS_SignerInfo_num(all); i++) {
		CMS_SignerInfo *si = sk_CMS_SignerInfo_value(all, i);
		X509 *cert = NULL;

		CMS_SignerInfo_get0_algs(si, NULL, &cert, NULL, NULL);
		name_signer(r, cert);
		if (!algorithms_strong(si, cert))
			return DF_SIGN_ALGORITHM;
	}
	return DF_SIGN_GOOD;
}

/* Each signer must be good; a person's name goes before the seal's. */
static enum df_sign_verdict check_signers(const struct check *c,
					  STACK_OF(CMS_SignerInfo) * all,
					  struct df_sign_result *r)
{
	bool person = false;
	int i;

	for (i = 0; i < sk_CMS_SignerInfo_num(all); i++) {
		CMS_SignerInfo *si = sk_CMS_SignerInfo_value(all, i);
		enum df_sign_verdict v;
		X509 *cert = NULL;
		bool seal = false;

		CMS_SignerInfo_get0_algs(si, NULL, &cert, NULL, NULL);
		v = check_signer(c, si, cert, &seal);
		if (v != DF_SIGN_GOOD || i == 0 || (!seal && !person))
			name_signer(r, cert);
		if (v != DF_SIGN_GOOD)
			return v;
		person = person || !seal;
	}
	r->seal = !person;
	return DF_SIGN_GOOD;
}

static enum df_sign_verdict check_all(struct check *c, const void *statement,
				      size_t len, struct df_sign_result *r)
{
	STACK_OF(CMS_SignerInfo) *all = CMS_get0_SignerInfos(c->cms);
	enum df_sign_verdict v;
	BIO *data;
	bool same;

	if (sk_CMS_SignerInfo_num(all) < 1)
		return DF_SIGN_UNSIGNED;
	if (CMS_is_detached(c->cms) != 1 || sk_CMS_SignerInfo_num(all) > 3)
		return DF_SIGN_MALFORMED;
	if (!match_signers(c, all))
		return DF_SIGN_SIGNER;
	v = check_strength(all, r);
	if (v != DF_SIGN_GOOD)
		return v;
	data = df_pki_bio(statement, len);
	same = data != NULL &&
	       CMS_verify(c->cms, NULL, NULL, data, NULL,
			  CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) == 1;
	BIO_free(data);
	return same ? check_signers(c, all, r) : DF_SIGN_CONTENT;
}

void df_report_verify(struct df_sign_result *result, const void *der,
		      size_t der_len, const void *statement, size_t len,
		      const struct df_sign_trust *trust, int64_t first_seen_ms,
		      int64_t signed_at_ms)
{
	const unsigned char *p = der;
	struct check c = {.first_seen_ms = first_seen_ms};

	memset(result, 0, sizeof *result);
	result->verdict = der_len == 0 ? DF_SIGN_UNSIGNED : DF_SIGN_MALFORMED;
	if (der_len == 0 || der_len > DF_SIGN_CMS_MAX)
		goto out;
	c.cms = d2i_CMS_ContentInfo(NULL, &p, (long)der_len);
	if (c.cms == NULL || p != (const unsigned char *)der + der_len ||
	    OBJ_obj2nid(CMS_get0_type(c.cms)) != NID_pkcs7_signed)
		goto out;
	c.carried = CMS_get1_certs(c.cms);
	c.signers = read_bundle(trust->signers_pem);
	c.seals = read_bundle(trust->seals_pem);
	result->verdict = check_all(&c, statement, len, result);
	if (result->verdict == DF_SIGN_GOOD &&
	    signed_at_ms > first_seen_ms + FUTURE_MS)
		result->verdict = DF_SIGN_FUTURE;
out:
	if (result->verdict != DF_SIGN_GOOD)
		result->seal = false;
	df_str_fmt(result->detail, sizeof result->detail, "%s",
		   df_sign_text(result->verdict));
	sk_X509_pop_free(c.carried, X509_free);
	sk_X509_pop_free(c.signers, X509_free);
	sk_X509_pop_free(c.seals, X509_free);
	CMS_ContentInfo_free(c.cms);
	ERR_clear_error();
}
