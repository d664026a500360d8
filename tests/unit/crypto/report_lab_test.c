/*
 * report_lab_test.c - signatures made by the openssl command, with the people
 * of tests/lib/report_pki.sh, under our policy.
 *
 * The oracle is another program's signature: ours must accept what it signs
 * for good physicians and refuse each bad one with its own reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "df/clock.h"
#include "df/sign.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define DAY_MS (24 * 3600 * 1000LL)

extern char **environ;

static char dir[64];
static const char STATEMENT[] = "dcmf-report: 1\nreport-id: lab\n";

static int run(const char *script, ...) __attribute__((sentinel));
static int run(const char *program, ...)
{
	char *argv[40];
	va_list ap;
	pid_t pid;
	int n = 0, status = 0;

	va_start(ap, program);
	argv[n++] = (char *)(uintptr_t)program;
	while (n < 39 && (argv[n] = va_arg(ap, char *)) != NULL)
		n++;
	va_end(ap);
	argv[n] = NULL;
	if (posix_spawnp(&pid, program, NULL, NULL, argv, environ) != 0)
		return -1;
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

static struct df_buf slurp(const char *name, const char *end)
{
	char path[256];
	struct df_buf b;
	uint8_t part[4096];
	size_t n;
	FILE *f;

	df_str_fmt(path, sizeof path, "%s/%s%s", dir, name, end);
	f = fopen(path, "rb");
	if (f == NULL)
		fail_msg("no %s", path);
	df_buf_init(&b, 1 << 20);
	while ((n = fread(part, 1, sizeof part, f)) > 0)
		assert_int_equal(df_buf_add(&b, part, n, NULL), DF_OK);
	assert_int_equal(fclose(f), 0);
	return b;
}

static int lab_up(void **state)
{
	char path[256];
	FILE *f;

	(void)state;
	df_str_fmt(dir, sizeof dir, "/tmp/df-lab-XXXXXX");
	if (mkdtemp(dir) == NULL ||
	    run("sh", DF_TESTDATA "/../tests/lib/report_pki.sh", dir, NULL))
		return -1;
	df_str_fmt(path, sizeof path, "%s/statement", dir);
	f = fopen(path, "wb");
	if (f == NULL || fwrite(STATEMENT, 1, sizeof STATEMENT - 1, f) == 0 ||
	    fclose(f) != 0)
		return -1;
	return 0;
}

static int lab_down(void **state)
{
	(void)state;
	return run("rm", "-rf", dir, NULL);
}

/* Signs with the openssl command; extra is one more option, or NULL. */
static struct df_buf sign(const char *name, const char *digest,
			  const char *chain, const char *extra)
{
	char statement[128], key[128], cert[128], certs[128], out[128];

	df_str_fmt(statement, sizeof statement, "%s/statement", dir);
	df_str_fmt(key, sizeof key, "%s/%s.key", dir, name);
	df_str_fmt(cert, sizeof cert, "%s/%s.pem", dir, name);
	df_str_fmt(certs, sizeof certs, "%s/%s", dir, chain);
	df_str_fmt(out, sizeof out, "%s/out.der", dir);
	assert_int_equal(run("openssl", "cms", "-sign", "-binary", "-in",
			     statement, "-signer", cert, "-inkey", key,
			     "-certfile", certs, "-md", digest, "-outform",
			     "DER", "-out", out, "-cades", extra, NULL),
			 0);
	return slurp("out", ".der");
}

static struct df_sign_result verify(const struct df_buf *der, const char *text,
				    const char *anchors, int64_t now_ms)
{
	struct df_buf ca = slurp(anchors, "");
	struct df_sign_trust trust = {
		.signers_pem = {(const char *)ca.ptr, ca.len},
		.seals_pem = {"", 0},
	};
	struct df_sign_result r;

	df_report_verify(&r, der->ptr, der->len, text, strlen(text), &trust,
			 now_ms, now_ms);
	df_buf_release(&ca);
	return r;
}

static void test_people(void **state)
{
	static const struct {
		const char *name, *digest, *chain, *extra, *anchors;
		enum df_sign_verdict want;
	} CASES[] = {
		{"rsa", "sha256", "ca.pem", NULL, "ca.pem", DF_SIGN_GOOD},
		{"rsa", "sha512", "ca.pem", NULL, "ca.pem", DF_SIGN_GOOD},
		{"ecdsa", "sha256", "ca.pem", NULL, "ca.pem", DF_SIGN_GOOD},
		{"p384", "sha384", "ca.pem", NULL, "ca.pem", DF_SIGN_GOOD},
		{"intermediate", "sha256", "chain.pem", NULL, "ca.pem",
		 DF_SIGN_GOOD},
		{"intermediate", "sha256", "ca.pem", NULL, "ca.pem",
		 DF_SIGN_SIGNER},
		{"rsa", "sha256", "ca.pem", NULL, "other-ca.pem",
		 DF_SIGN_SIGNER},
		{"unknown", "sha256", "other-ca.pem", NULL, "ca.pem",
		 DF_SIGN_SIGNER},
		{"selfsigned", "sha256", "ca.pem", NULL, "ca.pem",
		 DF_SIGN_SIGNER},
		{"expired", "sha256", "ca.pem", NULL, "ca.pem",
		 DF_SIGN_EXPIRED},
		{"notyet", "sha256", "ca.pem", NULL, "ca.pem", DF_SIGN_NOT_YET},
		{"usage", "sha256", "ca.pem", NULL, "ca.pem", DF_SIGN_USAGE},
		{"tls", "sha256", "ca.pem", NULL, "ca.pem", DF_SIGN_USAGE},
		{"weak", "sha256", "ca.pem", NULL, "ca.pem", DF_SIGN_ALGORITHM},
		{"rsa", "sha1", "ca.pem", NULL, "ca.pem", DF_SIGN_ALGORITHM},
		{"rsa", "md5", "ca.pem", NULL, "ca.pem", DF_SIGN_ALGORITHM},
		{"rsa", "sha256", "ca.pem", "-nodetach", "ca.pem",
		 DF_SIGN_MALFORMED},
		{"rsa", "sha256", "ca.pem", "-nocerts", "ca.pem",
		 DF_SIGN_SIGNER},
	};
	int64_t now = df_clock_wall_ms();
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(CASES); i++) {
		struct df_buf der = sign(CASES[i].name, CASES[i].digest,
					 CASES[i].chain, CASES[i].extra);
		struct df_sign_result r =
			verify(&der, STATEMENT, CASES[i].anchors, now);

		if (r.verdict != CASES[i].want)
			fail_msg("%s %s %s: %s, wanted %s", CASES[i].name,
				 CASES[i].digest,
				 CASES[i].extra ? CASES[i].extra : "",
				 df_sign_word(r.verdict),
				 df_sign_word(CASES[i].want));
		assert_false(r.seal);
		df_buf_release(&der);
	}
}

static void test_damage(void **state)
{
	struct df_buf der = sign("ecdsa", "sha256", "ca.pem", NULL), none = {0};
	int64_t now = df_clock_wall_ms();
	struct df_sign_result r;
	size_t i;

	(void)state;
	r = verify(&der, "dcmf-report: 1\nreport-id: lad\n", "ca.pem", now);
	assert_int_equal(r.verdict, DF_SIGN_CONTENT);
	r = verify(&none, STATEMENT, "ca.pem", now);
	assert_int_equal(r.verdict, DF_SIGN_UNSIGNED);
	r = verify(&der, STATEMENT, "ca.pem", now - 3 * DAY_MS);
	assert_int_not_equal(r.verdict, DF_SIGN_GOOD);
	r = verify(&der, STATEMENT, "ca.pem", now + 400 * DAY_MS);
	assert_int_equal(r.verdict, DF_SIGN_EXPIRED);
	/* the signature value stands at the end: each bit of it matters */
	for (i = der.len - 64; i < der.len; i++) {
		der.ptr[i] ^= 1;
		r = verify(&der, STATEMENT, "ca.pem", now);
		assert_int_not_equal(r.verdict, DF_SIGN_GOOD);
		der.ptr[i] ^= 1;
	}
	for (i = 0; i < der.len; i += 7) {
		struct df_buf cut = der;

		cut.len = i;
		r = verify(&cut, STATEMENT, "ca.pem", now);
		assert_int_not_equal(r.verdict, DF_SIGN_GOOD);
	}
	df_buf_release(&der);
}

/* Our own signer: what it makes verifies; what nobody would accept it does
 * not sign. */
static void test_p12(void **state)
{
	static const struct {
		const char *name;
		enum df_err rc;
		enum df_sign_verdict verdict;
	} CASES[] = {
		{"rsa", DF_OK, DF_SIGN_GOOD},
		{"ecdsa", DF_OK, DF_SIGN_GOOD},
		{"p384", DF_OK, DF_SIGN_GOOD},
		{"intermediate", DF_OK, DF_SIGN_GOOD},
		{"unknown", DF_OK, DF_SIGN_SIGNER},
		{"selfsigned", DF_OK, DF_SIGN_SIGNER},
		{"expired", DF_E_UNSUPPORTED, DF_SIGN_GOOD},
		{"notyet", DF_E_UNSUPPORTED, DF_SIGN_GOOD},
		{"usage", DF_E_UNSUPPORTED, DF_SIGN_GOOD},
		{"tls", DF_E_UNSUPPORTED, DF_SIGN_GOOD},
		{"weak", DF_E_UNSUPPORTED, DF_SIGN_GOOD},
	};
	int64_t now = df_clock_wall_ms();
	char signer[DF_NODE_NAME_MAX + 1];
	struct df_sign_result r;
	struct df_why why = {0};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(CASES); i++) {
		struct df_buf p12 = slurp(CASES[i].name, ".p12"), der;
		enum df_err rc;

		df_buf_init(&der, DF_SIGN_CMS_MAX);
		rc = df_report_sign_p12(&der, p12.ptr, p12.len, "wrong",
					STATEMENT, strlen(STATEMENT), now,
					signer, &why);
		assert_int_equal(rc, DF_E_DENIED);
		rc = df_report_sign_p12(&der, p12.ptr, p12.len, "demo",
					STATEMENT, strlen(STATEMENT), now,
					signer, &why);
		if (rc != CASES[i].rc)
			fail_msg("%s: %s", CASES[i].name,
				 rc ? why.text : "signed");
		if (rc == DF_OK) {
			r = verify(&der, STATEMENT, "ca.pem", now);
			assert_int_equal(r.verdict, CASES[i].verdict);
		}
		df_buf_release(&der);
		df_buf_release(&p12);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_people),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_p12),
	};

	return cmocka_run_group_tests(tests, lab_up, lab_down);
}
