/* prior_files_test.c - the files of an earlier exam, as two nodes name them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "df/prior_files.h"

#define NODE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID "00112233445566778899aabbccddeeff"
#define HEAD                                                   \
	"{\"origin\":\"" NODE "\",\"instances\":9,\"gone\":2," \
	"\"cursor\":77,\"wait_ms\":1000,\"files\":["

static struct df_prior_files f, g;

static enum df_err decode(const char *json)
{
	return df_prior_files_decode(df_text_of(json), &g, NULL);
}

static void there_and_back(void **state)
{
	struct df_buf out;

	(void)state;
	f = (struct df_prior_files){.origin = NODE,
				    .instances = 9,
				    .gone = 2,
				    .cursor = 77,
				    .wait_ms = 1000,
				    .n = DF_PRIOR_FILES_MAX};
	for (size_t i = 0; i < f.n; i++) {
		f.v[i].id.b[0] = (uint8_t)i;
		f.v[i].size_bytes = 1 + i * 1000000;
		f.v[i].report = i % 7 == 6;
		strcpy(f.v[i].sender, NODE);
	}
	df_buf_init(&out, DF_PEER_JSON_MAX);
	assert_int_equal(df_prior_files_encode(&out, &f, NULL), DF_OK);
	assert_int_equal(
		df_prior_files_decode(
			(struct df_text){(char *)out.ptr, out.len}, &g, NULL),
		DF_OK);
	assert_memory_equal(&f, &g, sizeof f);
	df_buf_release(&out);
}

static void what_is_refused(void **state)
{
	static const char *const bad[] = {
		"{}",
		"[]",
		HEAD "{}]}",
		HEAD "{\"id\":\"" ID "\",\"size\":5,\"kind\":\"else\","
		     "\"sender\":\"" NODE "\"}]}",
		HEAD "{\"id\":\"" ID "\",\"size\":0,\"kind\":\"parcel\","
		     "\"sender\":\"" NODE "\"}]}",
		HEAD "{\"id\":\"../etc\",\"size\":5,\"kind\":\"parcel\","
		     "\"sender\":\"" NODE "\"}]}",
		HEAD "{\"id\":\"" ID "\",\"size\":5,\"kind\":\"parcel\","
		     "\"sender\":\"somebody\"}]}",
		/* more than all is gone; a wait without end */
		"{\"origin\":\"" NODE "\",\"instances\":1,\"gone\":2,"
		"\"cursor\":0,\"wait_ms\":0,\"files\":[]}",
		"{\"origin\":\"" NODE "\",\"instances\":1,\"gone\":0,"
		"\"cursor\":0,\"wait_ms\":99999999,\"files\":[]}",
	};

	(void)state;
	assert_int_equal(decode(HEAD "]}"), DF_OK);
	assert_int_equal(decode(HEAD "{\"id\":\"" ID "\",\"size\":5,"
				     "\"kind\":\"parcel\",\"sender\":\"" NODE
				     "\",\"newer\":1}]}"),
			 DF_OK);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(decode(bad[i]), DF_E_FORMAT);
}

static void too_many(void **state)
{
	struct df_buf b;

	(void)state;
	df_buf_init(&b, 64 << 10);
	assert_int_equal(df_buf_addf(&b, NULL, "%s", HEAD), DF_OK);
	for (unsigned i = 0; i <= DF_PRIOR_FILES_MAX; i++)
		assert_int_equal(
			df_buf_addf(&b, NULL,
				    "%s{\"id\":\"" ID "\",\"size\":5,\"kind\":"
				    "\"parcel\",\"sender\":\"" NODE "\"}",
				    i > 0 ? "," : ""),
			DF_OK);
	assert_int_equal(df_buf_addf(&b, NULL, "]}"), DF_OK);
	assert_int_equal(
		df_prior_files_decode((struct df_text){(char *)b.ptr, b.len},
				      &g, NULL),
		DF_E_LIMIT);
	df_buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
