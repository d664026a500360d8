/* worklist_test.c - what people type, as values; items as bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "df/worklist.h"

#define SIXTEEN "一二三四五六七八九十一二三四五六"
#define SIXTY_FOUR SIXTEEN SIXTEEN SIXTEEN SIXTEEN

/* want NULL: refused */
static const struct {
	enum df_worklist_field field;
	const char *typed, *want;
} CASES[] = {
	{DF_WORKLIST_BIRTH_DATE, "1949-12-31", "19491231"},
	{DF_WORKLIST_BIRTH_DATE, "1949/12/31", "19491231"},
	{DF_WORKLIST_BIRTH_DATE, "19491231", "19491231"},
	{DF_WORKLIST_BIRTH_DATE, "1949-13-31", NULL},
	{DF_WORKLIST_BIRTH_DATE, "1949-04-31", NULL},
	{DF_WORKLIST_BIRTH_DATE, "1949-12-00", NULL},
	{DF_WORKLIST_BIRTH_DATE, "494-12-31", NULL},
	{DF_WORKLIST_BIRTH_DATE, "194912311", NULL},
	{DF_WORKLIST_BIRTH_DATE, "", NULL},
	{DF_WORKLIST_STEP_TIME, "09:30", "093000"},
	{DF_WORKLIST_STEP_TIME, "235959", "235959"},
	{DF_WORKLIST_STEP_TIME, "24:00", NULL},
	{DF_WORKLIST_STEP_TIME, "9:30", NULL},
	{DF_WORKLIST_STEP_TIME, "noon", NULL},
	{DF_WORKLIST_SEX, "男", "M"},
	{DF_WORKLIST_SEX, "女", "F"},
	{DF_WORKLIST_SEX, "o", "O"},
	{DF_WORKLIST_SEX, "X", NULL},
	{DF_WORKLIST_SEX, "MF", NULL},
	{DF_WORKLIST_MODALITY, "ct", "CT"},
	{DF_WORKLIST_MODALITY, "C-T", NULL},
	{DF_WORKLIST_BODY_PART, "胸", NULL},
	{DF_WORKLIST_PATIENT_NAME, "  张^三 ", "张^三"},
	{DF_WORKLIST_PATIENT_NAME, "Zhang^San=张^三=", "Zhang^San=张^三="},
	{DF_WORKLIST_PATIENT_NAME, SIXTY_FOUR "=" SIXTY_FOUR,
	 SIXTY_FOUR "=" SIXTY_FOUR},
	{DF_WORKLIST_PATIENT_NAME, SIXTY_FOUR "一", NULL},
	{DF_WORKLIST_PATIENT_NAME, "a=b=c=d", NULL},
	{DF_WORKLIST_PATIENT_NAME, "张\\三", NULL},
	{DF_WORKLIST_PATIENT_NAME, "张\n三", NULL},
	{DF_WORKLIST_PATIENT_NAME, "\xd5\xc5", NULL}, /* GBK */
	{DF_WORKLIST_PATIENT_ID, "4711", "4711"},
	{DF_WORKLIST_PROCEDURE, SIXTY_FOUR, SIXTY_FOUR},
	{DF_WORKLIST_PROCEDURE, SIXTY_FOUR "一", NULL},
	{DF_WORKLIST_ACCESSION, SIXTEEN, SIXTEEN},
	{DF_WORKLIST_ACCESSION, SIXTEEN "1", NULL},
	{DF_WORKLIST_STATION_AE, "CT_1", "CT_1"},
	{DF_WORKLIST_STATION_AE, "ＣＴ", NULL},
	{DF_WORKLIST_STUDY_UID, "2.25.1", "2.25.1"},
	{DF_WORKLIST_STUDY_UID, "2.25.", NULL},
	{DF_WORKLIST_PREGNANCY_STATUS, "4", "4"},
	{DF_WORKLIST_PREGNANCY_STATUS, "-", NULL},
	{DF_WORKLIST_PROCEDURE_CODE, "x", NULL},
};

static void values(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
		struct df_why why = {0};
		struct df_buf b;
		enum df_err rc;

		df_buf_init(&b, 4096);
		rc = df_worklist_value(&b, CASES[i].field,
				       df_text_of(CASES[i].typed), &why);
		if (rc != (CASES[i].want != NULL ? DF_OK : DF_E_USAGE))
			fail_msg("%zu '%s': %s", i, CASES[i].typed, why.text);
		if (rc == DF_OK &&
		    !df_text_eq((struct df_text){(char *)b.ptr, b.len},
				CASES[i].want))
			fail_msg("%zu '%s' became something else", i,
				 CASES[i].typed);
		/* what was typed is a patient's, and not to be told */
		if (rc != DF_OK && strlen(CASES[i].typed) > 6)
			assert_null(strstr(why.text, CASES[i].typed));
		df_buf_release(&b);
	}
}

/* The encoder writes elements in the order of the table. */
static void table(void **state)
{
	uint32_t last = 0;

	(void)state;
	for (unsigned i = 0; i < DF_WORKLIST_COUNT; i++) {
		const struct df_worklist_attr *a =
			df_worklist_attribute((enum df_worklist_field)i);

		if (i == DF_WORKLIST_STEP_FIRST) {
			assert_true(last < DF_WORKLIST_STEP_SEQUENCE);
			last = 0;
		}
		if (i == DF_WORKLIST_STEP_LAST + 1)
			last = DF_WORKLIST_STEP_SEQUENCE;
		assert_true(a->tag > last);
		last = a->tag;
	}
}

static void items(void **state)
{
	struct df_worklist_item item = {0}, back;
	struct df_text rest;
	struct df_buf b;

	(void)state;
	item.has[DF_WORKLIST_MODALITY] = item.has[DF_WORKLIST_SEX] = true;
	item.v[DF_WORKLIST_MODALITY] = df_text_of("CT");
	df_buf_init(&b, 4096);
	assert_int_equal(df_worklist_encode(&b, &item, NULL), DF_OK);
	assert_int_equal(df_worklist_encode(&b, &item, NULL), DF_OK);
	rest = (struct df_text){(char *)b.ptr, b.len};
	for (int i = 0; i < 2; i++) {
		assert_true(df_worklist_next(&rest, &back));
		assert_memory_equal(back.has, item.has, sizeof back.has);
		assert_true(df_text_eq(back.v[DF_WORKLIST_MODALITY], "CT"));
	}
	assert_false(df_worklist_next(&rest, &back));
	assert_int_equal(rest.len, 0);
	for (size_t cut = 1; cut < b.len; cut++) {
		size_t n = 0;

		rest = (struct df_text){(char *)b.ptr, cut};
		while (df_worklist_next(&rest, &back))
			n++;
		assert_true(n == (cut >= b.len / 2) &&
			    (rest.len > 0 || cut == b.len / 2));
	}
	df_buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(table),
		cmocka_unit_test(items),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
