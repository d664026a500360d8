/*
 * tlskey_test.c - real handshakes in memory, TLS 1.2 and 1.3, where both
 * private keys are behind a callback.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "../../lib/parcel.h"
#include "df/clock.h"
#include "df/tlskey.h"

static struct {
	struct df_key *ca_key, *server_key, *client_key;
	struct df_cert *ca, *server, *client;
	struct df_digest server_fp, client_fp;
	struct df_buf ca_pem, server_pem, client_pem;
} t;

static struct df_cert *enrol(const struct df_key *key, const char *name)
{
	struct df_cert *cert = NULL;
	struct df_buf csr;

	df_buf_init(&csr, 8192);
	must(df_csr_make(&csr, key, df_text_of(name), NULL));
	must(df_node_issue(&cert, t.ca_key, t.ca, csr.ptr, csr.len,
			   df_text_of(name), df_clock_wall_ms(), NULL));
	df_buf_release(&csr);
	return cert;
}

static int setup(void **state)
{
	(void)state;
	must(df_key_new(&t.ca_key, NULL));
	must(df_key_new(&t.server_key, NULL));
	must(df_key_new(&t.client_key, NULL));
	must(df_ca_make(&t.ca, t.ca_key, df_text_of("CA"), df_clock_wall_ms(),
			NULL));
	t.server = enrol(t.server_key, "server");
	t.client = enrol(t.client_key, "client");
	df_cert_fingerprint(t.server, &t.server_fp);
	df_cert_fingerprint(t.client, &t.client_fp);
	df_buf_init(&t.ca_pem, DF_PEM_MAX);
	df_buf_init(&t.server_pem, DF_PEM_MAX);
	df_buf_init(&t.client_pem, DF_PEM_MAX);
	must(df_cert_to_pem(&t.ca_pem, t.ca, NULL));
	must(df_cert_to_pem(&t.server_pem, t.server, NULL));
	must(df_cert_to_pem(&t.client_pem, t.client, NULL));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	df_key_free(t.ca_key);
	df_key_free(t.server_key);
	df_key_free(t.client_key);
	df_cert_free(t.ca);
	df_cert_free(t.server);
	df_cert_free(t.client);
	df_buf_release(&t.ca_pem);
	df_buf_release(&t.server_pem);
	df_buf_release(&t.client_pem);
	return 0;
}

static struct df_text text(const struct df_buf *b)
{
	return (struct df_text){(const char *)b->ptr, b->len};
}

struct signer {
	const struct df_key *key;
	int used;
	bool refuse;
};

static enum df_err sign(void *ctx, const void *digest, size_t len,
			uint8_t sig[DF_RAW_SIGNATURE_MAX], size_t *sig_len)
{
	struct signer *s = ctx;

	s->used++;
	if (s->refuse)
		return DF_E_PEER;
	return df_key_sign_raw(s->key, digest, len, sig, sig_len, NULL);
}

/* Two ends over memory; true when both finished. */
static bool shake(SSL_CTX *server, SSL_CTX *client, int version,
		  struct df_digest *at_server, bool *shown)
{
	SSL *a = SSL_new(server), *b = SSL_new(client);
	BIO *x = NULL, *y = NULL;
	bool done = false;
	int i, ra = 0, rb = 0;
	char c;

	BIO_new_bio_pair(&x, 0, &y, 0);
	SSL_set_bio(a, x, x);
	SSL_set_bio(b, y, y);
	SSL_set_accept_state(a);
	SSL_set_connect_state(b);
	SSL_set_max_proto_version(b, version);
	for (i = 0; i < 20 && !done; i++) {
		rb = SSL_do_handshake(b);
		ra = SSL_do_handshake(a);
		done = ra == 1 && rb == 1;
	}
	if (done) { /* TLS 1.3: the client learns of a refusal only now */
		done = SSL_write(a, "k", 1) == 1 && SSL_read(b, &c, 1) == 1 &&
		       SSL_version(a) == version;
	}
	*shown = df_tls_peer(a, at_server);
	SSL_free(a);
	SSL_free(b);
	ERR_clear_error();
	return done;
}

static SSL_CTX *server_of(struct signer *s)
{
	SSL_CTX *ctx = NULL;

	must(df_tls_server_new(&ctx, text(&t.server_pem), text(&t.ca_pem), sign,
			       s, NULL));
	return ctx;
}

static SSL_CTX *client_of(struct signer *s, const struct df_digest *pin,
			  const struct df_buf *pem)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (s != NULL)
		must(df_tls_use(ctx, text(pem), sign, s, NULL));
	df_tls_pin(ctx, pin);
	return ctx;
}

static void mutual(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct signer s = {.key = t.server_key};
		struct signer c = {.key = t.client_key};
		SSL_CTX *server = server_of(&s);
		SSL_CTX *client = client_of(&c, &t.server_fp, &t.client_pem);
		struct df_digest who;
		bool shown;

		assert_true(shake(server, client, versions[i], &who, &shown));
		assert_true(shown);
		assert_true(df_digest_same(&who, &t.client_fp));
		assert_int_equal(s.used, 1);
		assert_int_equal(c.used, 1);
		SSL_CTX_free(server);
		SSL_CTX_free(client);
	}
}

static void no_client_certificate(void **state)
{
	struct signer s = {.key = t.server_key};
	SSL_CTX *server = server_of(&s);
	SSL_CTX *client = client_of(NULL, &t.server_fp, NULL);
	struct df_digest who;
	bool shown;

	(void)state;
	assert_true(shake(server, client, TLS1_3_VERSION, &who, &shown));
	assert_false(shown);
	SSL_CTX_free(server);
	SSL_CTX_free(client);
}

static void refused(void **state)
{
	struct signer s = {.key = t.server_key}, c = {.key = t.client_key};
	struct signer wrong = {.key = t.ca_key};
	struct parcel_nodes other;
	struct df_buf pem;
	struct signer o;
	SSL_CTX *server = server_of(&s), *client;
	struct df_digest who;
	bool shown;

	(void)state;
	/* another server key than pinned */
	client = client_of(&c, &t.client_fp, &t.client_pem);
	assert_false(shake(server, client, TLS1_3_VERSION, &who, &shown));
	SSL_CTX_free(client);
	/* a certificate of another CA */
	parcel_nodes_make(&other);
	df_buf_init(&pem, DF_PEM_MAX);
	must(df_cert_to_pem(&pem, other.clinic, NULL));
	o = (struct signer){.key = other.clinic_key};
	client = client_of(&o, &t.server_fp, &pem);
	assert_false(shake(server, client, TLS1_3_VERSION, &who, &shown));
	SSL_CTX_free(client);
	df_buf_release(&pem);
	parcel_nodes_release(&other);
	/* the right certificate without its key */
	client = client_of(&wrong, &t.server_fp, &t.client_pem);
	assert_false(shake(server, client, TLS1_3_VERSION, &who, &shown));
	SSL_CTX_free(client);
	/* keys does not answer */
	s.refuse = true;
	client = client_of(&c, &t.server_fp, &t.client_pem);
	assert_false(shake(server, client, TLS1_3_VERSION, &who, &shown));
	s.refuse = false;
	assert_true(shake(server, client, TLS1_3_VERSION, &who, &shown));
	/* old versions */
	SSL_CTX_set_min_proto_version(client, TLS1_VERSION);
	assert_false(shake(server, client, TLS1_1_VERSION, &who, &shown));
	SSL_CTX_free(client);
	SSL_CTX_free(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mutual),
		cmocka_unit_test(no_client_certificate),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
