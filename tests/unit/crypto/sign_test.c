/*
 * sign_test.c - report signatures: the good ones, and each way to be refused
 * with its own reason. The PKI is made here with OpenSSL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include <openssl/cms.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

#include "../../lib/parcel.h"
#include "df/clock.h"
#include "df/keyring.h"
#include "df/sign.h"

static const char TEXT[] = "dcmf-report: 1\nreport-id: x\n";
#define TEXT_LEN (sizeof TEXT - 1)
#define DAY (86400L)

struct pair {
	EVP_PKEY *key;
	X509 *cert;
};
static struct pair ca, other_ca;
static struct df_buf anchors, seals;
static int64_t now_ms;

static void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *e;
	X509V3_CTX c;

	if (value == NULL)
		return;
	X509V3_set_ctx_nodb(&c);
	X509V3_set_ctx(&c, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
	assert_non_null(e);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

struct want {
	const char *name;
	const char *basic, *usage, *purpose;
	long from_s, to_s;	   /* from now */
	int rsa_bits;		   /* 0: EC */
	const char *curve;	   /* NULL: P-256 */
	const EVP_MD *(*md)(void); /* of the certificate; NULL: SHA-256 */
};

static struct pair make(const struct want *w, const struct pair *by)
{
	static long serial = 1;
	time_t now = (time_t)(now_ms / 1000);
	struct pair p;
	X509_NAME *n;

	p.key = w->rsa_bits ? EVP_RSA_gen((unsigned)w->rsa_bits)
			    : EVP_EC_gen(w->curve ? w->curve : "P-256");
	assert_non_null(p.key);
	p.cert = X509_new();
	by = by ? by : &p;
	X509_set_version(p.cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(p.cert), serial++);
	n = X509_get_subject_name(p.cert);
	X509_NAME_add_entry_by_NID(n, NID_commonName, MBSTRING_UTF8,
				   (const unsigned char *)w->name, -1, -1, 0);
	X509_set_issuer_name(p.cert, X509_get_subject_name(by->cert));
	X509_time_adj_ex(X509_getm_notBefore(p.cert), 0, w->from_s, &now);
	X509_time_adj_ex(X509_getm_notAfter(p.cert), 0, w->to_s, &now);
	X509_set_pubkey(p.cert, p.key);
	extend(p.cert, by->cert, NID_subject_key_identifier, "hash");
	extend(p.cert, by->cert, NID_basic_constraints, w->basic);
	extend(p.cert, by->cert, NID_key_usage, w->usage);
	extend(p.cert, by->cert, NID_ext_key_usage, w->purpose);
	assert_true(X509_sign(p.cert, by->key, w->md ? w->md() : EVP_sha256()) >
		    0);
	return p;
}

static void pair_free(struct pair *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->cert);
}

static void add_pem(struct df_buf *to, X509 *x)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *ptr;
	long n;

	PEM_write_bio_X509(b, x);
	n = BIO_get_mem_data(b, &ptr);
	must(df_buf_add(to, ptr, (size_t)n, NULL));
	BIO_free(b);
}

static int setup(void **state)
{
	struct want w = {.name = "医师 CA",
			 .basic = "critical,CA:TRUE",
			 .usage = "critical,keyCertSign,cRLSign",
			 .from_s = -DAY,
			 .to_s = 3650 * DAY};

	(void)state;
	now_ms = df_clock_wall_ms();
	ca = make(&w, NULL);
	other_ca = make(&w, NULL);
	df_buf_init(&anchors, 1 << 20);
	df_buf_init(&seals, 1 << 20);
	add_pem(&anchors, ca.cert);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pair_free(&ca);
	pair_free(&other_ca);
	df_buf_release(&anchors);
	df_buf_release(&seals);
	return 0;
}

/* Signs as any program would: no policy of ours. */
static void cms_of(struct df_buf *der, const struct pair *p, const EVP_MD *md,
		   unsigned more)
{
	unsigned flags = CMS_BINARY | CMS_DETACHED | CMS_PARTIAL | more;
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
	BIO *in = BIO_new_mem_buf(TEXT, (int)TEXT_LEN);
	unsigned char *ptr = NULL;
	int n;

	assert_non_null(CMS_add1_signer(cms, p->cert, p->key, md, flags));
	assert_int_equal(CMS_final(cms, in, NULL, flags & ~CMS_PARTIAL), 1);
	n = i2d_CMS_ContentInfo(cms, &ptr);
	df_buf_clear(der);
	must(df_buf_add(der, ptr, (size_t)n, NULL));
	OPENSSL_free(ptr);
	BIO_free(in);
	CMS_ContentInfo_free(cms);
}

static struct df_sign_result verify(const struct df_buf *der, const char *text,
				    size_t len, int64_t seen_ms,
				    int64_t signed_ms)
{
	struct df_sign_trust t = {{(const char *)anchors.ptr, anchors.len},
				  {(const char *)seals.ptr, seals.len}};
	struct df_sign_result r;

	df_report_verify(&r, der->ptr, der->len, text, len, &t, seen_ms,
			 signed_ms);
	return r;
}

#define GOOD_USE "critical,digitalSignature,nonRepudiation"
#define NO_CA "critical,CA:FALSE"

static const EVP_MD *sha1(void)
{
	return EVP_sha1();
}

static void table(void **state)
{
	static const struct {
		struct want w;
		bool stranger; /* signed by the other CA */
		bool self;
		bool weak; /* SHA-1 in the signature */
		unsigned flags;
		enum df_sign_verdict want;
	} rows[] = {
		{{"ecdsa", NO_CA, GOOD_USE, NULL, -DAY, DAY, 0, NULL, NULL},
		 0,
		 0,
		 0,
		 CMS_CADES,
		 DF_SIGN_GOOD},
		{{"p384", NO_CA, GOOD_USE, NULL, -DAY, DAY, 0, "P-384", NULL},
		 0,
		 0,
		 0,
		 CMS_CADES,
		 DF_SIGN_GOOD},
		{{"rsa", NO_CA, GOOD_USE, NULL, -DAY, DAY, 2048, NULL, NULL},
		 0,
		 0,
		 0,
		 CMS_CADES,
		 DF_SIGN_GOOD},
		{{"plain cms", NO_CA, GOOD_USE, NULL, -DAY, DAY, 2048, NULL,
		  NULL},
		 0,
		 0,
		 0,
		 0,
		 DF_SIGN_GOOD},
		{{"by key id", NO_CA, GOOD_USE, NULL, -DAY, DAY, 0, NULL, NULL},
		 0,
		 0,
		 0,
		 CMS_USE_KEYID,
		 DF_SIGN_GOOD},
		{{"nr only", NO_CA, "critical,nonRepudiation",
		  "emailProtection", -DAY, DAY, 0, NULL, NULL},
		 0,
		 0,
		 0,
		 CMS_CADES,
		 DF_SIGN_GOOD},
		{{"stranger", NO_CA, GOOD_USE, NULL, -DAY, DAY, 0, NULL, NULL},
		 1,
		 0,
		 0,
		 CMS_CADES,
		 DF_SIGN_SIGNER},
		{{"self", NO_CA, GOOD_USE, NULL, -DAY, DAY, 0, NULL, NULL},
		 0,
		 1,
		 0,
		 CMS_CADES,
		 DF_SIGN_SIGNER},
		{{"expired", NO_CA, GOOD_USE, NULL, -9 * DAY, -DAY, 0, NULL,
		  NULL},
		 0,
		 0,
		 0,
		 CMS_CADES,
		 DF_SIGN_EXPIRED},
		{{"not yet", NO_CA, GOOD_USE, NULL, DAY, 9 * DAY, 0, NULL,
		  NULL},
		 0,
		 0,
		 0,
		 CMS_CADES,
		 DF_SIGN_NOT_YET},
		{{"wrong usage", NO_CA, "critical,keyEncipherment", NULL, -DAY,
		  DAY, 2048, NULL, NULL},
		 0,
		 0,
		 0,
		 0,
		 DF_SIGN_USAGE},
		{{"no usage", NO_CA, NULL, NULL, -DAY, DAY, 0, NULL, NULL},
		 0,
		 0,
		 0,
		 CMS_CADES,
		 DF_SIGN_USAGE},
		{{"tls", NO_CA, GOOD_USE, "serverAuth,clientAuth", -DAY, DAY, 0,
		  NULL, NULL},
		 0,
		 0,
		 0,
		 CMS_CADES,
		 DF_SIGN_USAGE},
		{{"a ca", "critical,CA:TRUE",
		  "critical,digitalSignature,keyCertSign", NULL, -DAY, DAY, 0,
		  NULL, NULL},
		 0,
		 0,
		 0,
		 CMS_CADES,
		 DF_SIGN_USAGE},
		{{"rsa 1024", NO_CA, GOOD_USE, NULL, -DAY, DAY, 1024, NULL,
		  NULL},
		 0,
		 0,
		 0,
		 CMS_CADES,
		 DF_SIGN_ALGORITHM},
		{{"p224", NO_CA, GOOD_USE, NULL, -DAY, DAY, 0, "P-224", NULL},
		 0,
		 0,
		 0,
		 CMS_CADES,
		 DF_SIGN_ALGORITHM},
		{{"sha1 signature", NO_CA, GOOD_USE, NULL, -DAY, DAY, 2048,
		  NULL, NULL},
		 0,
		 0,
		 1,
		 0,
		 DF_SIGN_ALGORITHM},
		{{"sha1 certificate", NO_CA, GOOD_USE, NULL, -DAY, DAY, 2048,
		  NULL, sha1},
		 0,
		 0,
		 0,
		 0,
		 DF_SIGN_ALGORITHM},
	};
	struct df_buf der;
	size_t i;

	(void)state;
	df_buf_init(&der, 1 << 20);
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct pair p = make(&rows[i].w, rows[i].self	    ? NULL
						 : rows[i].stranger ? &other_ca
								    : &ca);
		struct df_sign_result r;

		cms_of(&der, &p, rows[i].weak ? EVP_sha1() : EVP_sha256(),
		       rows[i].flags);
		r = verify(&der, TEXT, TEXT_LEN, now_ms, now_ms);
		if (r.verdict != rows[i].want)
			fail_msg("%s: %s", rows[i].w.name,
				 df_sign_word(r.verdict));
		assert_false(r.seal);
		assert_string_equal(r.signer, rows[i].w.name);
		pair_free(&p);
	}
	df_buf_release(&der);
}

static void p12_of(struct df_buf *out, const struct pair *p,
		   const char *passphrase)
{
	PKCS12 *p12 = PKCS12_create(passphrase, "doctor", p->key, p->cert, NULL,
				    0, 0, 0, 0, 0);
	unsigned char *ptr = NULL;
	int n = i2d_PKCS12(p12, &ptr);

	must(df_buf_add(out, ptr, (size_t)n, NULL));
	OPENSSL_free(ptr);
	PKCS12_free(p12);
}

static void physician(void **state)
{
	struct want w = {.name = "张医生",
			 .basic = NO_CA,
			 .usage = GOOD_USE,
			 .from_s = -DAY,
			 .to_s = DAY};
	struct pair p = make(&w, &ca), tls;
	char signer[DF_NODE_NAME_MAX + 1];
	struct df_sign_result r;
	struct df_buf p12, der;

	(void)state;
	df_buf_init(&p12, 1 << 20);
	df_buf_init(&der, 1 << 20);
	p12_of(&p12, &p, "secret");
	assert_int_equal(df_report_sign_p12(&der, p12.ptr, p12.len, "wrong",
					    TEXT, TEXT_LEN, now_ms, signer,
					    NULL),
			 DF_E_DENIED);
	assert_int_equal(df_report_sign_p12(&der, "abc", 3, "secret", TEXT,
					    TEXT_LEN, now_ms, signer, NULL),
			 DF_E_FORMAT);
	assert_int_equal(df_report_sign_p12(&der, p12.ptr, p12.len, "secret",
					    TEXT, TEXT_LEN,
					    now_ms + 2 * DAY * 1000, signer,
					    NULL),
			 DF_E_UNSUPPORTED);
	assert_int_equal(df_report_sign_p12(&der, p12.ptr, p12.len, "secret",
					    TEXT, TEXT_LEN, now_ms, signer,
					    NULL),
			 DF_OK);
	assert_string_equal(signer, "张医生");
	r = verify(&der, TEXT, TEXT_LEN, now_ms, now_ms);
	assert_int_equal(r.verdict, DF_SIGN_GOOD);
	assert_string_equal(r.signer, "张医生");
	assert_false(r.seal);
	/* a changed byte of the text */
	r = verify(&der, "dcmf-report: 1\nreport-id: y\n", TEXT_LEN, now_ms,
		   now_ms);
	assert_int_equal(r.verdict, DF_SIGN_CONTENT);
	/* times: the statement's, then the receiver's clock */
	r = verify(&der, TEXT, TEXT_LEN, now_ms, now_ms + 4 * 60000);
	assert_int_equal(r.verdict, DF_SIGN_GOOD);
	r = verify(&der, TEXT, TEXT_LEN, now_ms, now_ms + 6 * 60000);
	assert_int_equal(r.verdict, DF_SIGN_FUTURE);
	r = verify(&der, TEXT, TEXT_LEN, now_ms - 6 * 60000,
		   now_ms - 6 * 60000);
	assert_int_equal(r.verdict, DF_SIGN_FUTURE);
	r = verify(&der, TEXT, TEXT_LEN, now_ms + 3 * DAY * 1000, now_ms);
	assert_int_equal(r.verdict, DF_SIGN_EXPIRED);
	df_buf_clear(&p12);
	w.purpose = "clientAuth";
	tls = make(&w, &ca);
	p12_of(&p12, &tls, "");
	assert_int_equal(df_report_sign_p12(&der, p12.ptr, p12.len, NULL, TEXT,
					    TEXT_LEN, now_ms, signer, NULL),
			 DF_E_UNSUPPORTED);
	pair_free(&p);
	pair_free(&tls);
	df_buf_release(&p12);
	df_buf_release(&der);
}

static void seal(void **state)
{
	struct df_key *ca_key = NULL, *key = NULL;
	struct df_cert *root = NULL, *cert = NULL;
	struct df_sign_result r;
	struct df_buf der;

	(void)state;
	must(df_key_new(&ca_key, NULL));
	must(df_key_new(&key, NULL));
	must(df_ca_make(&root, ca_key, df_text_of("中心"), now_ms, NULL));
	must(df_seal_issue(&cert, ca_key, root, key, df_text_of("中心医院"),
			   now_ms, NULL));
	df_buf_init(&der, 1 << 20);
	must(df_report_sign(&der, key, cert, TEXT, TEXT_LEN, NULL));
	r = verify(&der, TEXT, TEXT_LEN, now_ms, now_ms);
	assert_int_equal(r.verdict, DF_SIGN_SIGNER); /* not trusted yet */
	must(df_cert_to_pem(&seals, cert, NULL));
	r = verify(&der, TEXT, TEXT_LEN, now_ms, now_ms);
	assert_int_equal(r.verdict, DF_SIGN_GOOD);
	assert_true(r.seal);
	assert_string_equal(r.signer, "中心医院");
	df_buf_clear(&seals);
	df_buf_release(&der);
	df_key_free(ca_key);
	df_key_free(key);
	df_cert_free(root);
	df_cert_free(cert);
}

/* No changed signature is ever shown as good for another text or signer. */
static void mutations(void **state)
{
	struct want w = {.name = "m",
			 .basic = NO_CA,
			 .usage = GOOD_USE,
			 .from_s = -DAY,
			 .to_s = DAY};
	struct pair p = make(&w, &ca);
	struct df_sign_result r;
	struct df_buf der;
	size_t i;

	(void)state;
	df_buf_init(&der, 1 << 20);
	cms_of(&der, &p, EVP_sha256(), CMS_CADES);
	for (i = 0; i < der.len; i++) {
		size_t len = der.len;

		der.len = i; /* every truncation */
		r = verify(&der, TEXT, TEXT_LEN, now_ms, now_ms);
		assert_int_not_equal(r.verdict, DF_SIGN_GOOD);
		der.len = len;
		der.ptr[i] ^= (uint8_t)(1 << i % 8);
		r = verify(&der, "another text", 12, now_ms, now_ms);
		assert_int_not_equal(r.verdict, DF_SIGN_GOOD);
		r = verify(&der, TEXT, TEXT_LEN, now_ms, now_ms);
		if (r.verdict == DF_SIGN_GOOD) /* bytes that CMS leaves open */
			assert_string_equal(r.signer, "m");
		der.ptr[i] ^= (uint8_t)(1 << i % 8);
	}
	df_buf_clear(&der);
	r = verify(&der, TEXT, TEXT_LEN, now_ms, now_ms);
	assert_int_equal(r.verdict, DF_SIGN_UNSIGNED);
	pair_free(&p);
	df_buf_release(&der);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(physician),
		cmocka_unit_test(seal),
		cmocka_unit_test(mutations),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
