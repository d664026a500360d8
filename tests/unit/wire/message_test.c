/* message_test.c - the messages between rooms keep what was put into them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "df/message.h"

static void keeps_fields(void **state)
{
	struct df_msg m, item, got, sub;
	struct df_buf wire;
	struct df_text t;
	struct df_id id, id2;
	uint64_t v;
	size_t at = 0;
	char s[8];

	(void)state; /* cmocka's signature */
	df_id_new(&id);
	df_msg_init(&m, DF_MSG_COMMIT, 7);
	df_msg_put_id(&m, DF_M_ID, &id);
	df_msg_put_u64(&m, DF_M_LENGTH, 1ull << 40);
	df_msg_put_opt(&m, DF_M_NAME, "");
	df_msg_init(&item, DF_MSG_COMMIT, 0);
	df_msg_put_str(&item, DF_M_STUDY, "1.2");
	df_msg_put_item(&m, DF_M_SOURCE, &item);
	df_msg_put_item(&m, DF_M_SOURCE, &item);
	df_buf_init(&wire, DF_MSG_MAX);
	assert_int_equal(df_msg_encode(&m, &wire, NULL), DF_OK);
	assert_int_equal(df_msg_decode(&got, wire.ptr, wire.len, NULL), DF_OK);
	assert_int_equal(got.type, DF_MSG_COMMIT);
	assert_int_equal(got.tag, 7);
	assert_true(df_msg_get_id(&got, DF_M_ID, &id2));
	assert_string_equal(id.s, id2.s);
	assert_true(df_msg_get_u64(&got, DF_M_LENGTH, &v));
	assert_true(v == 1ull << 40);
	assert_false(df_msg_get(&got, DF_M_NAME, &t));
	assert_true(df_msg_next_item(&got, DF_M_SOURCE, &at, &sub));
	assert_true(df_msg_get_str(&sub, DF_M_STUDY, s, sizeof s));
	assert_string_equal(s, "1.2");
	assert_true(df_msg_next_item(&got, DF_M_SOURCE, &at, &sub));
	assert_false(df_msg_next_item(&got, DF_M_SOURCE, &at, &sub));
	assert_int_equal(df_msg_result(&got, NULL), DF_OK);
	df_msg_release(&m);
	df_msg_release(&item);
	df_buf_release(&wire);
}

static void refuses_cut_and_unknown(void **state)
{
	struct df_msg m, got;
	struct df_buf wire;
	size_t n;

	(void)state; /* cmocka's signature */
	df_msg_init(&m, DF_MSG_READY, 1);
	df_msg_put_str(&m, DF_M_NAME, "abc");
	df_buf_init(&wire, DF_MSG_MAX);
	assert_int_equal(df_msg_encode(&m, &wire, NULL), DF_OK);
	for (n = 0; n < wire.len; n++) {
		enum df_err rc = df_msg_decode(&got, wire.ptr, n, NULL);

		assert_true(rc == DF_E_FORMAT || n == 6);
	}
	wire.ptr[0] = 0xff;
	assert_int_equal(df_msg_decode(&got, wire.ptr, wire.len, NULL),
			 DF_E_FORMAT);
	df_msg_release(&m);
	df_buf_release(&wire);
}

static void results_travel(void **state)
{
	struct df_why why = {0}, out = {0};
	struct df_msg m;

	(void)state; /* cmocka's signature */
	assert_int_equal(df_fail(&why, DF_E_PEER, "no route to 'pacs'"),
			 DF_E_PEER);
	df_msg_init(&m, DF_MSG_JOB_DONE, 1);
	df_msg_put_result(&m, DF_E_PEER, &why);
	assert_int_equal(df_msg_result(&m, &out), DF_E_PEER);
	assert_string_equal(out.text, "no route to 'pacs'");
	df_msg_release(&m);
}

static void too_large_is_reported_once(void **state)
{
	static char big[DF_MSG_MAX];
	struct df_msg m;
	struct df_buf wire;

	(void)state; /* cmocka's signature */
	df_msg_init(&m, DF_MSG_READY, 1);
	df_msg_put(&m, DF_M_JSON, big, sizeof big);
	df_msg_put_str(&m, DF_M_NAME, "after");
	df_buf_init(&wire, DF_MSG_MAX);
	assert_int_equal(df_msg_encode(&m, &wire, NULL), DF_E_LIMIT);
	df_msg_release(&m);
	df_buf_release(&wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_fields),
		cmocka_unit_test(refuses_cut_and_unknown),
		cmocka_unit_test(results_travel),
		cmocka_unit_test(too_large_is_reported_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
