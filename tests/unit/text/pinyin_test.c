/* pinyin_test.c - names as one types them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "df/pinyin.h"
#include "df/str.h"

static void reads(void **state)
{
	static const struct {
		const char *name, *words, *initials, *other;
	} table[] = {
		{"张三", "zhang san", "zs", NULL},
		{"王^小东", "wang xiao dong", "wxd", NULL},
		/* surnames with a reading of their own */
		{"单雄信", "shan xiong xin", "sxx", "dan xiong xin"},
		{"单^雄信", "shan xiong xin", "sxx", "dan xiong xin"},
		{"曾国藩", "zeng guo fan", "zgf", "ceng guo fan"},
		{"解晓东", "xie xiao dong", "xxd", "jie xiao dong"},
		{"仇英", "qiu ying", "qy", "chou ying"},
		{"区^大任", "ou da ren", "odr", "qu da ren"},
		{"翟志刚", "zhai zhi gang", "zzg", "di zhi gang"},
		{"盖^叫天", "ge jiao tian", "gjt", "gai jiao tian"},
		{"查良镛", "zha liang yong", "zly", "cha liang yong"},
		{"任我行", "ren wo xing", "rwx", NULL},
		{"覃^海洋", "qin hai yang", "qhy", "tan hai yang"},
		{"缪昌文", "miao chang wen", "mcw", "mou chang wen"},
		/* two characters, one surname */
		{"尉迟^恭", "yu chi gong", "ycg", "wei chi gong"},
		{"万俟^卨", "mo qi xie", "mqx", "wan qi xie"},
		{"欧阳娜娜", "ou yang na na", "oynn", NULL},
		{"长孙无忌", "zhang sun wu ji", "zswj", NULL},
		{"澹台灭明", "tan tai mie ming", "ttmm", "dan tai mie ming"},
		/* in a given name they are read as everywhere */
		{"张^小单", "zhang xiao dan", "zxd", NULL},
		{"吕布", "lu bu", "lb", NULL},
		{"李昞", "li bing", "lb", NULL},
		{"陶喆", "tao zhe", "tz", NULL},
		/* other scripts */
		{"やまだ^たろう", "yamada tarou", "yt", NULL},
		{"ﾔﾏﾀﾞ^ﾀﾛｳ", "yamada tarou", "yt", NULL},
		{"김^희중", "gim hui jung", "ghj", NULL},
		{"Müller^Jérôme", "muller jerome", "mj", NULL},
		{"O'Brien^Séan", "obrien sean", "os", NULL},
		{"Люкceмбypг", "lukcembypg", "l", NULL},
		{"Buß^Ærøn-Åse", "buss aeron ase", "baa", NULL},
		{"ZHANG^SAN^^", "zhang san", "zs", NULL},
	};
	struct df_pinyin_reader *r = df_pinyin_reader_new();
	struct df_pinyin p;
	char full[304];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof table / sizeof table[0]; i++) {
		assert_int_equal(
			df_pinyin_read(r, df_text_of(table[i].name), &p, NULL),
			DF_OK);
		assert_string_equal(p.reading[0].words, table[i].words);
		assert_string_equal(p.reading[0].initials, table[i].initials);
		df_pinyin_fold(full, sizeof full, df_text_of(table[i].words));
		assert_string_equal(p.reading[0].full, full);
		assert_null(strchr(full, ' '));
		if (table[i].other != NULL) {
			assert_int_equal(p.n, 2);
			assert_string_equal(p.reading[1].words, table[i].other);
		}
	}
	df_pinyin_reader_free(r);
}

static void nothing_to_read(void **state)
{
	struct df_pinyin_reader *r = df_pinyin_reader_new();
	struct df_pinyin p;
	char big[4096];

	(void)state;
	assert_int_equal(df_pinyin_read(r, df_text_of(""), &p, NULL), DF_OK);
	assert_int_equal(p.n, 0);
	assert_int_equal(df_pinyin_read(r, df_text_of("^^ --"), &p, NULL),
			 DF_OK);
	assert_int_equal(p.n, 0);
	/* as long as it likes, halved at the cut, and not even UTF-8 */
	memset(big, 0xe5, sizeof big);
	assert_int_equal(
		df_pinyin_read(r, (struct df_text){big, sizeof big}, &p, NULL),
		DF_OK);
	memset(big, 'x', sizeof big);
	assert_int_equal(
		df_pinyin_read(r, (struct df_text){big, sizeof big}, &p, NULL),
		DF_OK);
	assert_int_equal(strlen(p.reading[0].full), 300);
	df_pinyin_reader_free(r);
	df_pinyin_reader_free(NULL);
}

static void what_one_types(void **state)
{
	char to[8];

	(void)state;
	df_pinyin_fold(to, sizeof to, df_text_of("Lv Bu"));
	assert_string_equal(to, "lubu");
	df_pinyin_fold(to, sizeof to, df_text_of("N\xc3\xbcv"));
	assert_string_equal(to, "nu");
	df_pinyin_fold(to, sizeof to, df_text_of("zhang xiaosan"));
	assert_string_equal(to, "zhangxi");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(nothing_to_read),
		cmocka_unit_test(what_one_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
