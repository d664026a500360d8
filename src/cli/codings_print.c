/* codings_print.c - how a study was coded, and why so. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const char *reason(const char *why)
{
	static const struct {
		const char *word, *text;
	} words[] = {
		{"fixed", "按配置 by configuration"},
		{"fills", "占满线路的最小编码 the smallest that keeps the line "
			  "full"},
		{"fastest", "线路比编码快，取最快者 the line is faster than the "
			    "encoders: most gets through so"},
		{"first", "首幅影像，最快到达 a first image, there soonest"},
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i].word, why) == 0)
			return words[i].text;
	return why;
}

static void choice_print(const cJSON *c)
{
	const int64_t line = df_json_num(c, "line_bytes_per_s");
	const int64_t fell_back = df_json_num(c, "fell_back");
	const int64_t mismatches = df_json_num(c, "mismatches");
	char rate[16];

	(void)printf("         ");			/* main checks stdout */
	df_cell(df_json_text(c, "wanted"), 12);
	(void)printf("%6lld  %s",
		     (long long)df_json_num(c, "instances"),
		     reason(df_json_text(c, "why"))); /* the same */
	if (line > 0) {
		df_bytes_text(rate, line);
		(void)printf("; 线路 line %s/s%s", rate,
			     cJSON_IsTrue(df_json_at(c, "line_assumed"))
				     ? " (未测，假定 not measured yet, assumed)"
				     : ""); /* the same */
	}
	(void)putchar('\n'); /* the same */
	if (fell_back > 0)
		(void)printf("         %lld 幅改用其他编码 images got another "
			     "coding, see below\n",
			     (long long)fell_back); /* the same */
	if (mismatches > 0)
		(void)printf("         警告 ALARM: %lld 帧解码不符，已改用其他编码 "
			     "frames were given back otherwise by the encoder; "
			     "another coding was used\n",
			     (long long)mismatches); /* the same */
}

void df_codings_print(const cJSON *o)
{
	const cJSON *c;
	const double ratio = cJSON_GetNumberValue(df_json_at(o, "ratio"));
	char raw[16], coded[16];

	if (cJSON_GetArraySize(df_json_at(o, "used")) == 0)
		return;
	df_bytes_text(raw, df_json_num(o, "bytes"));
	df_bytes_text(coded, df_json_num(o, "packed_bytes"));
	(void)printf("coded 编码  %s -> %s, %.2f : 1", raw, coded,
		     ratio); /* main checks stdout */
	cJSON_ArrayForEach(c, df_json_at(o, "used"))(void)
		printf(", %lld %s", (long long)df_json_num(c, "instances"),
		       df_json_text(c, "coding")); /* the same */
	(void)putchar('\n');			   /* the same */
	cJSON_ArrayForEach(c, df_json_at(o, "choices")) choice_print(c);
}
