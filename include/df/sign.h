/*
 * sign.h - signing a report statement, and the policy by which one verifies.
 *
 * The signature is a CAdES-BES detached CMS over the statement's text. The
 * checks are those of the report policy that need cryptography: trust anchor
 * for reports, key usage, algorithms, times. Which study, which version, which
 * centre is core/report_policy's business.
 */
#ifndef DF_SIGN_H
#define DF_SIGN_H

#include "df/x509.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DF_SIGN_CMS_MAX (256u << 10)

/* Signs with a key and certificate held in memory (the centre's seal). */
DF_MUST_CHECK enum df_err df_report_sign(struct df_buf *der,
					 const struct df_key *key,
					 const struct df_cert *cert,
					 const void *statement, size_t len,
					 struct df_why *why);
/*
 * Signs with a PKCS#12 (key, certificate, chain). DF_E_DENIED: wrong
 * passphrase; DF_E_FORMAT: not a PKCS#12 or no key in it; DF_E_UNSUPPORTED: a
 * key or certificate that every verifier would refuse (the text says why).
 */
DF_MUST_CHECK enum df_err
df_report_sign_p12(struct df_buf *der, const void *p12, size_t p12_len,
		   const char *passphrase, const void *statement, size_t len,
		   int64_t now_ms, char signer[DF_NODE_NAME_MAX + 1],
		   struct df_why *why);

/* Numbers are part of room messages and of index.db: only append. */
#define DF_SIGN_MAP(X)                                                        \
	X(GOOD, "good", "signature verified")                                 \
	X(CONTENT, "content-changed",                                         \
	  "the signed text was changed after signing")                        \
	X(MALFORMED, "malformed", "the signature cannot be read")             \
	X(UNSIGNED, "unsigned", "there is no signature")                      \
	X(SIGNER, "unknown-signer",                                           \
	  "the signer's certificate leads to no trusted report signer")       \
	X(EXPIRED, "certificate-expired", "the signer's certificate expired") \
	X(NOT_YET, "certificate-not-yet-valid",                               \
	  "the signer's certificate is not valid yet")                        \
	X(USAGE, "wrong-key-usage",                                           \
	  "the signer's certificate may not sign documents")                  \
	X(ALGORITHM, "weak-algorithm",                                        \
	  "the signature uses a key or digest that is too weak")              \
	X(FUTURE, "signed-in-the-future",                                     \
	  "the time of signing lies in the future")                           \
	X(CHAIN, "bad-chain", "the certificate chain is not valid")
enum df_sign_verdict {
#define X(name, word, text) DF_SIGN_##name,
	DF_SIGN_MAP(X)
#undef X
		DF_SIGN_COUNT
};
const char *df_sign_word(enum df_sign_verdict v); /* "wrong-key-usage" */
const char *df_sign_text(enum df_sign_verdict v);

struct df_sign_trust {
	struct df_text signers_pem; /* CAs for report signing, concatenated */
	struct df_text seals_pem;   /* seal certificates, concatenated */
};

struct df_sign_result {
	enum df_sign_verdict verdict;
	bool seal; /* good, and by a centre's seal, not by a person */
	char signer[DF_NODE_NAME_MAX + 1]; /* common name, "" unless known */
	struct df_digest signer_key;	   /* fingerprint, zero unless known */
	int64_t not_after_ms;		   /* of the signer's certificate */
	char detail[160];		   /* one line more, for staff */
};

/*
 * Never fails: every doubt is a verdict. With several signers each must be
 * good; the first one that is a person names the result, else the seal.
 * first_seen_ms is when this node received it, signed_at_ms what the statement
 * says (more than 5 minutes past first_seen_ms is refused).
 */
void df_report_verify(struct df_sign_result *result, const void *der,
		      size_t der_len, const void *statement, size_t len,
		      const struct df_sign_trust *trust, int64_t first_seen_ms,
		      int64_t signed_at_ms);

#ifdef __cplusplus
}
#endif
#endif
