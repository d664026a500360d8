/* peer_test.c - the documents between nodes: round trips, and what is
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "df/peer.h"
#include "df/stow.h"

#define ID "00112233445566778899aabbccddeeff"

static struct df_text of(const struct df_buf *b)
{
	return (struct df_text){(const char *)b->ptr, b->len};
}

static void offers_round_trip(void **state)
{
	static struct df_peer_offer in[DF_PEER_OFFERS_MAX],
		out[DF_PEER_OFFERS_MAX];
	struct df_buf b;
	size_t n;

	(void)state;
	for (size_t i = 0; i < DF_PEER_OFFERS_MAX; i++) {
		memset(in[i].id.b, (int)i, 16);
		in[i].size_bytes = 1 + i * 1000003;
	}
	df_buf_init(&b, DF_PEER_JSON_MAX);
	assert_int_equal(
		df_peer_offers_encode(&b, in, DF_PEER_OFFERS_MAX, NULL), DF_OK);
	assert_int_equal(df_peer_offers_decode(of(&b), out, &n, NULL), DF_OK);
	assert_int_equal(n, DF_PEER_OFFERS_MAX);
	assert_memory_equal(in, out, sizeof in);
	df_buf_release(&b);
}

static void offered_round_trip(void **state)
{
	static struct df_peer_offered out[DF_PEER_OFFERS_MAX];
	struct df_peer_offered in[3] = {
		{.id.b = {1}, .state = DF_OFFER_HAVE},
		{.id.b = {2}, .state = DF_OFFER_WANT, .offset = 1ull << 40},
		{.id.b = {3},
		 .state = DF_OFFER_REFUSED,
		 .reason = DF_E_NOSPACE},
	};
	struct df_buf b;
	size_t n;

	(void)state;
	df_buf_init(&b, DF_PEER_JSON_MAX);
	assert_int_equal(df_peer_offered_encode(&b, in, 3, NULL), DF_OK);
	assert_int_equal(df_peer_offered_decode(of(&b), out, &n, NULL), DF_OK);
	assert_int_equal(n, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_memory_equal(in[i].id.b, out[i].id.b, 16);
		assert_int_equal(in[i].state, out[i].state);
		assert_int_equal(in[i].offset, out[i].offset);
		assert_int_equal(in[i].reason, out[i].reason);
	}
	df_buf_release(&b);
}

/* What is behind a gap is behind a gap: else nothing would be left to send, and
 * the parcel would wait for ever. */
static void held_ranges(void **state)
{
	static const struct {
		const char *held;
		enum df_err want;
	} T[] = {
		{"[]", DF_OK},
		{"[{\"from\":11,\"to\":20}]", DF_OK},
		{"[{\"from\":11,\"to\":20},{\"from\":30,\"to\":40}]", DF_OK},
		{"[{\"from\":10,\"to\":20}]", DF_E_FORMAT},
		{"[{\"from\":5,\"to\":20}]", DF_E_FORMAT},
		{"[{\"from\":20,\"to\":20}]", DF_E_FORMAT},
		{"[{\"from\":20,\"to\":12}]", DF_E_FORMAT},
		{"[{\"from\":20}]", DF_E_FORMAT},
		{"{}", DF_E_FORMAT},
		{"7", DF_E_FORMAT},
	};
	static struct df_peer_offered out[DF_PEER_OFFERS_MAX];
	struct df_peer_offered in = {.state = DF_OFFER_WANT, .offset = 10};
	struct df_buf b;
	char json[400];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof T / sizeof T[0]; i++) {
		df_str_fmt(json, sizeof json,
			   "{\"parcels\":[{\"id\":\"%032d\",\"state\":\"want\","
			   "\"offset\":10,\"held\":%s}]}",
			   1, T[i].held);
		if (df_peer_offered_decode(df_text_of(json), out, &n, NULL) !=
		    T[i].want)
			fail_msg("held %s", T[i].held);
	}
	assert_true(df_ranges_add(&in.held, 20, 30));
	assert_true(df_ranges_add(&in.held, 40, 50));
	df_buf_init(&b, DF_PEER_JSON_MAX);
	assert_int_equal(df_peer_offered_encode(&b, &in, 1, NULL), DF_OK);
	assert_int_equal(df_peer_offered_decode(of(&b), out, &n, NULL), DF_OK);
	assert_int_equal(out[0].held.n, 2);
	assert_int_equal(out[0].held.r[1].to, 50);
	df_buf_release(&b);
}

static void offers_refused(void **state)
{
	static const struct {
		const char *json;
		enum df_err want;
	} T[] = {
		{"", DF_E_FORMAT},
		{"[]", DF_E_FORMAT},
		{"{}", DF_E_FORMAT},
		{"{\"parcels\":{}}", DF_E_FORMAT},
		{"{\"parcels\":[]}", DF_OK},
		{"{\"parcels\":[]} \n", DF_OK},
		{"{\"parcels\":[]} x", DF_E_FORMAT},
		{"{\"parcels\":[1]}", DF_E_FORMAT},
		{"{\"parcels\":[{\"id\":\"" ID "\",\"size\":1}]}", DF_OK},
		{"{\"parcels\":[{\"id\":\"" ID "\",\"size\":1,\"x\":[]}]}",
		 DF_OK},
		{"{\"parcels\":[{\"id\":\"" ID "\",\"size\":0}]}", DF_E_FORMAT},
		{"{\"parcels\":[{\"id\":\"" ID "\",\"size\":-1}]}",
		 DF_E_FORMAT},
		{"{\"parcels\":[{\"id\":\"" ID "\",\"size\":1.5}]}",
		 DF_E_FORMAT},
		{"{\"parcels\":[{\"id\":\"" ID "\",\"size\":\"1\"}]}",
		 DF_E_FORMAT},
		{"{\"parcels\":[{\"id\":\"" ID "\",\"size\":1e15}]}",
		 DF_E_LIMIT},
		{"{\"parcels\":[{\"id\":\"" ID "\",\"size\":1e300}]}",
		 DF_E_FORMAT},
		{"{\"parcels\":[{\"id\":\"../../../../etc/passwd\","
		 "\"size\":1}]}",
		 DF_E_FORMAT},
		{"{\"parcels\":[{\"id\":\"00112233445566778899AABBCCDDEEFF\","
		 "\"size\":1}]}",
		 DF_E_FORMAT},
		{"{\"a\":[[[[[[[[[[1]]]]]]]]]],\"parcels\":[]}", DF_E_LIMIT},
		{"{\"a\":\"[[[[[[[[[[[\\\"[\",\"parcels\":[]}", DF_OK},
	};
	static struct df_peer_offer out[DF_PEER_OFFERS_MAX];
	struct df_buf b;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof T / sizeof T[0]; i++)
		assert_int_equal(df_peer_offers_decode(df_text_of(T[i].json),
						       out, &n, NULL),
				 T[i].want);
	/* one more than allowed, and one byte more than allowed */
	df_buf_init(&b, 1u << 20);
	assert_int_equal(df_buf_addf(&b, NULL, "{\"parcels\":["), DF_OK);
	for (size_t i = 0; i <= DF_PEER_OFFERS_MAX; i++)
		assert_int_equal(df_buf_addf(&b, NULL,
					     "%s{\"id\":\"" ID "\",\"size\":1}",
					     i ? "," : ""),
				 DF_OK);
	assert_int_equal(df_buf_addf(&b, NULL, "]}"), DF_OK);
	assert_int_equal(df_peer_offers_decode(of(&b), out, &n, NULL),
			 DF_E_LIMIT);
	while (b.len <= DF_PEER_JSON_MAX)
		assert_int_equal(df_buf_u8(&b, ' '), DF_OK);
	assert_int_equal(df_peer_offers_decode(of(&b), out, &n, NULL),
			 DF_E_LIMIT);
	df_buf_release(&b);
}

static void mail_and_missing_round_trip(void **state)
{
	static struct df_peer_mail out[DF_PEER_MAIL_MAX];
	struct df_peer_mail in[2] = {{7, {{9}}, 70000}, {8, {{10}}, 1}};
	struct df_parcel_id ids[2] = {{{1, 2}}, {{3, 4}}}, back[2];
	uint64_t cursor;
	struct df_buf b;
	size_t n;

	(void)state;
	df_buf_init(&b, DF_PEER_JSON_MAX);
	assert_int_equal(df_peer_mail_encode(&b, 8, in, 2, NULL), DF_OK);
	assert_int_equal(df_peer_mail_decode(of(&b), &cursor, out, &n, NULL),
			 DF_OK);
	assert_int_equal(cursor, 8);
	assert_int_equal(n, 2);
	assert_memory_equal(in, out, sizeof in);
	df_buf_clear(&b);
	assert_int_equal(df_peer_missing_encode(&b, ids, 2, NULL), DF_OK);
	assert_int_equal(df_peer_missing_decode(of(&b), back, 2, &n, NULL),
			 DF_OK);
	assert_int_equal(n, 2);
	assert_memory_equal(ids, back, sizeof ids);
	assert_int_equal(df_peer_missing_decode(of(&b), back, 1, &n, NULL),
			 DF_OK);
	assert_int_equal(n, 1);
	df_buf_release(&b);
}

static void put(struct df_buf *b, const char *s)
{
	df_buf_init(b, 4096);
	assert_int_equal(df_buf_add(b, s, strlen(s), NULL), DF_OK);
}

static void enrolment_round_trip(void **state)
{
	static const char PEM[] = "-----BEGIN CERTIFICATE-----\nMII=\n"
				  "-----END CERTIFICATE-----\n";
	struct df_peer_enrol in = {.invite = "Ab-1", .name = "桥头镇卫生院"};
	struct df_peer_enrol out = {0};
	struct df_peer_enrolled got = {0}, said = {.centre_name = "县医院"};
	struct df_buf b;

	(void)state;
	put(&in.csr, "0\x01\x02");
	put(&in.proof, "proof");
	df_buf_init(&b, DF_PEER_JSON_MAX);
	assert_int_equal(df_peer_enrol_encode(&b, &in, NULL), DF_OK);
	assert_int_equal(df_peer_enrol_decode(of(&b), &out, NULL), DF_OK);
	assert_string_equal(out.name, in.name);
	assert_string_equal(out.invite, in.invite);
	assert_int_equal(out.csr.len, in.csr.len);
	assert_memory_equal(out.csr.ptr, in.csr.ptr, in.csr.len);
	df_peer_enrol_release(&in);
	df_peer_enrol_release(&out);

	df_buf_clear(&b);
	memset(said.fingerprint, 'a', 64);
	put(&said.certificate, PEM);
	put(&said.ca, PEM);
	put(&said.node_certificate, PEM);
	assert_int_equal(df_peer_enrolled_encode(&b, &said, NULL), DF_OK);
	assert_int_equal(df_peer_enrolled_decode(of(&b), &got, NULL), DF_OK);
	assert_string_equal(got.centre_name, said.centre_name);
	assert_int_equal(got.ca.len, strlen(PEM));
	assert_int_equal(got.seal_certificate.len, 0);
	df_peer_enrolled_release(&said);
	df_peer_enrolled_release(&got);
	df_buf_release(&b);
}

static void names_refused(void **state)
{
	static const char *const T[] = {
		"{\"invite\":\"a/b\",\"name\":\"n\",\"csr\":\"AA==\","
		"\"proof\":\"AA==\"}",
		"{\"invite\":\"a\",\"name\":\"\\u0007\",\"csr\":\"AA==\","
		"\"proof\":\"AA==\"}",
		"{\"invite\":\"a\",\"name\":\"\\u009b\",\"csr\":\"AA==\","
		"\"proof\":\"AA==\"}",
		"{\"invite\":\"a\",\"name\":\"\xff\",\"csr\":\"AA==\","
		"\"proof\":\"AA==\"}",
		"{\"invite\":\"a\",\"name\":\"n\",\"csr\":\"A\","
		"\"proof\":\"AA==\"}",
		"{\"invite\":\"a\",\"name\":\"n\",\"csr\":\"\","
		"\"proof\":\"AA==\"}",
		"{\"invite\":\"a\",\"name\":\"n\",\"csr\":\"AA==\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof T / sizeof T[0]; i++) {
		struct df_peer_enrol e = {0};

		assert_int_equal(
			df_peer_enrol_decode(df_text_of(T[i]), &e, NULL),
			DF_E_FORMAT);
		df_peer_enrol_release(&e);
	}
}

static void signed_pairs(void **state)
{
	struct df_text text, cms;
	struct df_buf b;

	(void)state;
	df_buf_init(&b, 4096);
	assert_int_equal(df_peer_signed_encode(&b, df_text_of("hello\n"),
					       df_text_of("cms"), NULL),
			 DF_OK);
	assert_int_equal(df_peer_signed_decode(of(&b), &text, &cms, NULL),
			 DF_OK);
	assert_true(df_text_eq(text, "hello\n"));
	assert_true(df_text_eq(cms, "cms"));
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(
			df_peer_signed_decode(
				(struct df_text){(const char *)b.ptr, n}, &text,
				&cms, NULL),
			DF_E_FORMAT);
	assert_int_equal(df_buf_u8(&b, 0), DF_OK);
	assert_int_equal(df_peer_signed_decode(of(&b), &text, &cms, NULL),
			 DF_E_FORMAT);
	df_buf_release(&b);
}

static void header_fields(void **state)
{
	struct df_digest d = {{1, 2, 3}}, back;
	uint64_t first, last;
	char text[64];

	(void)state;
	df_content_digest_encode(text, &d);
	assert_int_equal(
		df_content_digest_decode(&back, df_text_of(text), NULL), DF_OK);
	assert_true(df_digest_same(&d, &back));
	assert_int_equal(
		df_content_digest_decode(
			&back,
			df_text_of("md5=:AA==:, SHA-256=:"
				   "AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
				   "=:"),
			NULL),
		DF_OK);
	assert_true(df_digest_same(&d, &back));
	assert_int_not_equal(df_content_digest_decode(
				     &back, df_text_of("sha-256=:AA==:"), NULL),
			     DF_OK);
	assert_int_not_equal(
		df_content_digest_decode(&back, df_text_of("md5=:AA==:"), NULL),
		DF_OK);
	assert_int_not_equal(
		df_content_digest_decode(&back, df_text_of(""), NULL), DF_OK);
	assert_true(df_range_decode(df_text_of("bytes=5-9"), &first, &last));
	assert_int_equal(first, 5);
	assert_int_equal(last, 9);
	assert_true(df_range_decode(df_text_of("bytes=5-"), &first, &last));
	assert_true(last == UINT64_MAX);
	assert_false(df_range_decode(df_text_of("bytes=-5"), &first, &last));
	assert_false(df_range_decode(df_text_of("bytes=9-5"), &first, &last));
	assert_false(
		df_range_decode(df_text_of("bytes=1-2,4-5"), &first, &last));
	assert_false(df_range_decode(df_text_of("lines=1-2"), &first, &last));
}

static void errors_round_trip(void **state)
{
	struct df_why why = {0};
	struct df_buf b;

	(void)state;
	df_buf_init(&b, 4096);
	assert_int_equal(
		df_peer_error_encode(&b, DF_E_DENIED, "code already used"),
		DF_OK);
	assert_int_equal(df_peer_error_decode(403, of(&b), &why), DF_E_DENIED);
	assert_non_null(strstr(why.text, "code already used"));
	/* its bug is not ours; without a body the status decides */
	assert_int_equal(df_peer_error_decode(
				 500, df_text_of("{\"error\":\"BUG\"}"), NULL),
			 DF_E_PEER);
	assert_int_equal(df_peer_error_decode(502, df_text_of("<html>"), NULL),
			 DF_E_PEER);
	assert_int_equal(df_peer_error_decode(404, df_text_of(""), NULL),
			 DF_E_NOTFOUND);
	assert_int_equal(df_peer_error_decode(507, df_text_of(""), NULL),
			 DF_E_NOSPACE);
	df_buf_release(&b);
}

static void stow_answers(void **state)
{
	static const char JSON[] =
		"{\"00081199\":{\"vr\":\"SQ\",\"Value\":[{\"00081155\":{"
		"\"vr\":\"UI\",\"Value\":[\"1.2.3\"]}}]},"
		"\"00081198\":{\"vr\":\"SQ\",\"Value\":["
		"{\"00081155\":{\"vr\":\"UI\",\"Value\":[\"1.2.4\"]},"
		"\"00081197\":{\"vr\":\"US\",\"Value\":[49152]}},"
		"{\"00081155\":{\"vr\":\"UI\",\"Value\":[\"1.2.5\"]},"
		"\"00081197\":{\"vr\":\"US\",\"Value\":[42752]}}]}}";
	static const struct {
		int status;
		const char *uid;
		enum df_err want;
	} T[] = {
		{200, "1.2.3", DF_OK},
		{202, "1.2.3", DF_OK},
		{202, "1.2.4", DF_E_REFUSED},
		{200, "1.2.4", DF_E_REFUSED},
		{202, "1.2.5", DF_E_NOSPACE},
		{200, "1.2.6", DF_E_PEER}, /* not a word on it: not stored */
		{409, "1.2.4", DF_E_REFUSED},
		{409, "1.2.3", DF_E_PEER},
		{204, "1.2.3", DF_E_PEER},
		{400, "1.2.3", DF_E_REFUSED},
		{401, "1.2.3", DF_E_PEER},
		{404, "1.2.3", DF_E_PEER},
		{503, "1.2.3", DF_E_PEER},
		{429, "1.2.3", DF_E_PEER},
		{507, "1.2.3", DF_E_NOSPACE},
	};
	static struct df_stow_item items[DF_STOW_ITEMS_MAX];
	size_t n;

	(void)state;
	assert_int_equal(df_stow_decode(df_text_of(JSON), items, &n, NULL),
			 DF_OK);
	assert_int_equal(n, 3);
	for (size_t i = 0; i < sizeof T / sizeof T[0]; i++)
		assert_int_equal(
			df_stow_outcome(T[i].status, items, n, T[i].uid, NULL),
			T[i].want);
	assert_int_equal(df_stow_decode(df_text_of("<xml/>"), items, &n, NULL),
			 DF_E_FORMAT);
	assert_int_equal(n, 0);
}

static void urgency(void **state)
{
	static const char *const yes[] = {"u=0", "i, u=0", " u=0 ,i", "u=0,u=0"};
	static const char *const no[] = {"",	"u=1", "u=", "u=00", "xu=0",
					 "u=0;x", "i",	 ",",  "u = 0", "u=0\0"};

	(void)state;
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		assert_true(df_peer_is_urgent(df_text_of(yes[i])));
	for (size_t i = 0; i < sizeof no / sizeof *no - 1; i++)
		assert_false(df_peer_is_urgent(df_text_of(no[i])));
	assert_false(df_peer_is_urgent((struct df_text){"u=0", 4}));
	assert_false(df_peer_is_urgent((struct df_text){NULL, 0}));
	assert_true(df_peer_is_urgent(
		df_text_of(strchr(DF_PEER_URGENT, ' ') + 1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_round_trip),
		cmocka_unit_test(offered_round_trip),
		cmocka_unit_test(held_ranges),
		cmocka_unit_test(offers_refused),
		cmocka_unit_test(mail_and_missing_round_trip),
		cmocka_unit_test(enrolment_round_trip),
		cmocka_unit_test(names_refused),
		cmocka_unit_test(signed_pairs),
		cmocka_unit_test(header_fields),
		cmocka_unit_test(errors_round_trip),
		cmocka_unit_test(stow_answers),
		cmocka_unit_test(urgency),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
