/* person_name_test.c - names taken to pieces, as modalities write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "df/person_name.h"
#include "df/str.h"

static void groups_and_parts(void **state)
{
	static const struct {
		const char *pn, *groups[3], *family[3], *given[3], *show;
	} table[] = {
		/* PS3.5 annexes H.3, I.2, K.2 */
		{"Yamada^Tarou=山田^太郎=やまだ^たろう",
		 {"Yamada^Tarou", "山田^太郎", "やまだ^たろう"},
		 {"Yamada", "山田", "やまだ"},
		 {"Tarou", "太郎", "たろう"},
		 "山田太郎"},
		{"Hong^Gildong=洪^吉洞=홍^길동",
		 {"Hong^Gildong", "洪^吉洞", "홍^길동"},
		 {"Hong", "洪", "홍"},
		 {"Gildong", "吉洞", "길동"},
		 "洪吉洞"},
		{"Zhang^XiaoDong=张^小东=",
		 {"Zhang^XiaoDong", "张^小东", ""},
		 {"Zhang", "张", ""},
		 {"XiaoDong", "小东", ""},
		 "张小东"},
		{"张三",
		 {"张三", "", ""},
		 {"张三", "", ""},
		 {"", "", ""},
		 "张三"},
		{" 张 ^ 三 ^^^ ",
		 {"张 ^ 三", "", ""},
		 {"张", "", ""},
		 {"三", "", ""},
		 "张  三"},
		{"=张^三",
		 {"", "张^三", ""},
		 {"", "张", ""},
		 {"", "三", ""},
		 "张三"},
		{"Buc^Jérôme",
		 {"Buc^Jérôme", "", ""},
		 {"Buc", "", ""},
		 {"Jérôme", "", ""},
		 "Buc Jérôme"},
		{"Adams^John Robert^Quincy^Rev.^B.A. M.Div.",
		 {"Adams^John Robert^Quincy^Rev.^B.A. M.Div.", "", ""},
		 {"Adams", "", ""},
		 {"John Robert", "", ""},
		 "Adams John Robert Quincy Rev. B.A. M.Div."},
		{"A^B\\C^D=E",
		 {"A^B", "", ""},
		 {"A", "", ""},
		 {"B", "", ""},
		 "A B"},
		{"", {"", "", ""}, {"", "", ""}, {"", "", ""}, ""},
		{"===^^", {"", "", "=^^"}, {"", "", "="}, {"", "", ""}, "="},
	};
	struct df_person_name n;
	char shown[64];
	size_t i;
	int g;

	(void)state;
	for (i = 0; i < sizeof table / sizeof table[0]; i++) {
		df_person_name_split(&n, df_text_of(table[i].pn));
		for (g = 0; g < 3 && i + 1 < sizeof table / sizeof table[0];
		     g++) {
			assert_true(df_text_eq(n.group[g], table[i].groups[g]));
			assert_true(df_text_eq(n.part[g][DF_PN_FAMILY],
					       table[i].family[g]));
			assert_true(df_text_eq(n.part[g][DF_PN_GIVEN],
					       table[i].given[g]));
		}
		df_person_name_show(shown, sizeof shown,
				    df_text_of(table[i].pn));
		assert_string_equal(shown, table[i].show);
	}
	df_person_name_split(&n, df_text_of(table[7].pn));
	assert_true(df_text_eq(n.part[0][DF_PN_MIDDLE], "Quincy"));
	assert_true(df_text_eq(n.part[0][DF_PN_PREFIX], "Rev."));
	assert_true(df_text_eq(n.part[0][DF_PN_SUFFIX], "B.A. M.Div."));
}

static void cut_at_a_character(void **state)
{
	char shown[6];

	(void)state;
	df_person_name_show(shown, sizeof shown, df_text_of("张^三"));
	assert_string_equal(shown, "张");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_and_parts),
		cmocka_unit_test(cut_at_a_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
