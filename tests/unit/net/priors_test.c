/* priors_test.c - what may be said about earlier exams, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "df/peer.h"
#include "df/priors.h"

typedef enum df_err clean_fn(struct df_buf *, struct df_text, struct df_why *);

#define SAME NULL
#define UID "1.2.3"
#define NODE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void expect(clean_fn *clean, const char *in, enum df_err err,
		   const char *want)
{
	struct df_why why = {0};
	struct df_buf out;

	df_buf_init(&out, DF_PEER_JSON_MAX);
	assert_int_equal(clean(&out, df_text_of(in), &why), err);
	if (err == DF_OK) {
		want = want != SAME ? want : in;
		assert_int_equal(out.len, strlen(want));
		assert_memory_equal(out.ptr, want, out.len);
	} else {
		/* what a peer said is not said again */
		assert_null(strstr(why.text, "110101199003070011"));
	}
	df_buf_release(&out);
}

static void questions(void **state)
{
	static const struct {
		const char *in;
		enum df_err err;
		const char *want;
	} T[] = {
		{"{\"identifiers\":[{\"type\":\"resident\",\"number\":"
		 "\"110101199003070011\"}],\"purpose\":\"CT\"}",
		 DF_OK, SAME},
		{"{\"name\":\"张三\",\"birth_date\":\"19900307\",\"days\":90,"
		 "\"purpose\":\"入院检查\",\"order\":\"A1\"}",
		 DF_OK, SAME},
		/* unknown members stay outside */
		{"{\"name\":\"张三\",\"birth_date\":\"19900307\","
		 "\"telephone\":\"1\",\"purpose\":\"CT\"}",
		 DF_OK,
		 "{\"name\":\"张三\",\"birth_date\":\"19900307\","
		 "\"purpose\":\"CT\"}"},
		/* no purpose, an empty one */
		{"{\"identifiers\":[{\"type\":\"resident\",\"number\":"
		 "\"110101199003070011\"}]}",
		 DF_E_FORMAT, NULL},
		{"{\"name\":\"张三\",\"birth_date\":\"19900307\","
		 "\"purpose\":\"\"}",
		 DF_E_FORMAT, NULL},
		/* a name alone, a list of nobody */
		{"{\"name\":\"张三\",\"purpose\":\"CT\"}", DF_E_FORMAT, NULL},
		{"{\"birth_date\":\"19900307\",\"purpose\":\"CT\"}",
		 DF_E_FORMAT, NULL},
		{"{\"identifiers\":[],\"name\":\"张三\",\"purpose\":\"CT\"}",
		 DF_E_FORMAT, NULL},
		{"{\"name\":\"张三\",\"birth_date\":\"1990*\","
		 "\"purpose\":\"CT\"}",
		 DF_E_FORMAT, NULL},
		{"{\"name\":\"张三\",\"birth_date\":\"19901307\","
		 "\"purpose\":\"CT\"}",
		 DF_E_FORMAT, NULL},
		{"{\"name\":\"a\\nb\",\"birth_date\":\"19900307\","
		 "\"purpose\":\"CT\"}",
		 DF_E_FORMAT, NULL},
		{"{\"identifiers\":[{\"number\":\"110101199003070011\"}],"
		 "\"purpose\":\"CT\"}",
		 DF_E_FORMAT, NULL},
		{"{\"identifiers\":[1],\"purpose\":\"CT\"}", DF_E_FORMAT, NULL},
		{"{\"identifiers\":{},\"purpose\":\"CT\"}", DF_E_FORMAT, NULL},
		{"{\"name\":\"张三\",\"birth_date\":\"19900307\","
		 "\"days\":-1,\"purpose\":\"CT\"}",
		 DF_E_FORMAT, NULL},
		{"[]", DF_E_FORMAT, NULL},
		{"", DF_E_FORMAT, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof T / sizeof T[0]; i++)
		expect(df_priors_question_clean, T[i].in, T[i].err, T[i].want);
}

static void too_many(void **state)
{
	struct df_buf b;
	struct df_why why;

	(void)state;
	df_buf_init(&b, DF_PEER_JSON_MAX);
	assert_int_equal(df_buf_addf(&b, &why,
				     "{\"purpose\":\"CT\","
				     "\"identifiers\":["),
			 DF_OK);
	for (int i = 0; i < 9; i++)
		assert_int_equal(df_buf_addf(&b, &why,
					     "%s{\"type\":\"local\","
					     "\"number\":\"%d\"}",
					     i ? "," : "", i),
				 DF_OK);
	assert_int_equal(df_buf_addf(&b, &why, "]}"), DF_OK);
	assert_int_equal(df_buf_u8(&b, 0), DF_OK);
	expect(df_priors_question_clean, (char *)b.ptr, DF_E_LIMIT, NULL);
	df_buf_release(&b);
}

static void answers(void **state)
{
	static const char FULL[] =
		"{\"priors\":[{\"study_uid\":\"" UID "\",\"node\":\"" NODE "\","
		"\"institution\":\"县医院\",\"patient\":{\"name\":\"张三\","
		"\"birth_date\":\"19900307\",\"sex\":\"M\"},"
		"\"match\":\"exact\",\"match_reasons\":[\"same-number\","
		"{\"code\":\"x\",\"zh\":\"同号\",\"en\":\"same\"}],"
		"\"study_date\":\"20261115\",\"modality\":\"CT\","
		"\"body_part\":\"CHEST\",\"instances\":250,"
		"\"bytes\":130000000,\"reports\":[{\"report_id\":\"r1\","
		"\"version\":1,\"verification\":\"signed\"}]}],\"more\":false}";

	(void)state;
	expect(df_priors_answer_clean, FULL, DF_OK, SAME);
	expect(df_priors_answer_clean, "{\"priors\":[]}", DF_OK, SAME);
	expect(df_priors_answer_clean, "{}", DF_E_FORMAT, NULL);
	/* what the patient is called there, not where he lives; what a node
	 * makes of it is for the one that asked to judge */
	expect(df_priors_answer_clean,
	       "{\"priors\":[{\"study_uid\":\"" UID "\",\"node\":\"\","
	       "\"match\":\"exact\",\"patient\":{\"name\":\"A\","
	       "\"address\":\"B\",\"patient_id\":\"110101199003070011\"},"
	       "\"verdict\":{\"recognise\":\"yes\"},\"where\":[\"here\"]}]}",
	       DF_OK,
	       "{\"priors\":[{\"study_uid\":\"" UID "\","
	       "\"patient\":{\"name\":\"A\"},\"match\":\"exact\"}]}");
	/* what is odd is left out, the rest is said */
#define GOOD "{\"study_uid\":\"" UID "\",\"match\":\"exact\"}"
	expect(df_priors_answer_clean,
	       "{\"priors\":[{\"study_uid\":\"../x\",\"match\":\"exact\"},"
	       "1," GOOD ",{\"study_uid\":\"" UID "\"}]}",
	       DF_OK, "{\"priors\":[" GOOD "]}");
	expect(df_priors_answer_clean,
	       "{\"priors\":[{\"study_uid\":\"" UID "\",\"node\":\"me\","
	       "\"match\":\"exact\"}]}",
	       DF_OK, "{\"priors\":[]}");
	expect(df_priors_answer_clean,
	       "{\"priors\":[{\"study_uid\":\"" UID "\",\"match\":\"exact\","
	       "\"description\":\"\\u001b[2J\",\"instances\":-1,"
	       "\"study_date\":\"2026-11-22T00:00:00Z\"}]}",
	       DF_OK, "{\"priors\":[" GOOD "]}");
	expect(df_priors_answer_clean,
	       "{\"priors\":[{\"study_uid\":\"" UID "\",\"patient\":{"
	       "\"name\":\"A\",\"birth_date\":\"1990.03.07\",\"sex\":7},"
	       "\"match\":\"exact\",\"reports\":[{\"report_id\":\"r1\"},"
	       "{\"report_id\":\"r2\",\"version\":1,\"verification\":"
	       "\"signed\"}]}],\"more\":1}",
	       DF_OK,
	       "{\"priors\":[{\"study_uid\":\"" UID "\",\"patient\":{"
	       "\"name\":\"A\"},\"match\":\"exact\",\"reports\":["
	       "{\"report_id\":\"r2\",\"version\":1,\"verification\":"
	       "\"signed\"}]}]}");
#undef GOOD
	expect(df_priors_answer_clean, "{\"priors\":{}}", DF_E_FORMAT, NULL);
}

static void fetches(void **state)
{
	(void)state;
	expect(df_priors_fetch_clean, "{\"purpose\":\"CT\",\"who\":\"d\"}",
	       DF_OK, SAME);
	expect(df_priors_fetch_clean, "{\"who\":\"d\"}", DF_E_FORMAT, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions),
		cmocka_unit_test(too_many),
		cmocka_unit_test(answers),
		cmocka_unit_test(fetches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
