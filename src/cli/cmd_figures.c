/*
 * cmd_figures.c - recognition figures: the report of a month, for people, as
 * JSON, or as CSV for a spreadsheet.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "df/clock.h"

static const struct {
	const char *key;
	const char *head;
} COUNTS[] = {
	{"cases", "病例数 cases"},	 {"eligible", "可互认 eligible"},
	{"viewed", "已调阅 viewed"},	 {"recognised", "互认 recognised"},
	{"declined", "不互认 declined"}, {"undecided", "未决定 undecided"},
	{"emergency", "急诊 emergency"},
};
#define N_COUNTS (sizeof COUNTS / sizeof *COUNTS)

/* --- CSV -------------------------------------------------------------------
 */

/* A cell that no spreadsheet takes for a formula. */
static void csv_text(const char *text)
{
	(void)putchar('"'); /* main checks stdout */
	if (text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL)
		(void)putchar('\''); /* the same */
	for (; *text != '\0'; text++) {
		if (*text == '"')
			(void)putchar('"'); /* the same */
		(void)putchar((unsigned char)*text < 0x20 ? ' ' : *text);
	}
	(void)putchar('"'); /* the same */
}

static void csv_head(const cJSON *all)
{
	const cJSON *r;

	/* a spreadsheet takes it for UTF-8 then */
	(void)fputs("\xEF\xBB\xBF\"项目 item\",\"名称 name\",\"机构 "
		    "institution\"",
		    stdout); /* main checks stdout */
	for (size_t i = 0; i < N_COUNTS; i++)
		(void)printf(",\"%s\"", COUNTS[i].head); /* the same */
	cJSON_ArrayForEach(r, df_json_at(all, "reasons"))
	{
		char head[80];

		(void)putchar(','); /* the same */
		df_str_fmt(head, sizeof head, "原因 reason %.16s",
			   df_json_text(r, "code"));
		csv_text(head);
	}
	(void)fputs(",\"估计节省 (元) saved, yuan\","
		    "\"估计减少剂量 (mSv) dose saved\"\r\n",
		    stdout); /* the same */
}

static void csv_row(const cJSON *all, const cJSON *row, const char *first)
{
	const cJSON *r;

	csv_text(first != NULL ? first : df_json_text(row, "item"));
	(void)putchar(','); /* main checks stdout */
	csv_text(df_json_text(row, "item_zh"));
	(void)putchar(','); /* the same */
	csv_text(df_json_text(row, "institution"));
	for (size_t i = 0; i < N_COUNTS; i++)
		(void)printf(",%lld",
			     (long long)df_json_num(
				     row, COUNTS[i].key)); /* the same */
	cJSON_ArrayForEach(r, df_json_at(all, "reasons"))
	{
		long long n = (long long)df_json_num(df_json_at(row, "reasons"),
						     df_json_text(r, "code"));

		(void)printf(",%lld", n > 0 ? n : 0); /* the same */
	}
	(void)printf(",%.2f,%.3f\r\n",
		     cJSON_GetNumberValue(df_json_at(row, "saved_yuan")),
		     cJSON_GetNumberValue(
			     df_json_at(row, "saved_msv"))); /* the same */
}

static void csv_print(const cJSON *all)
{
	const cJSON *row;

	csv_head(all);
	cJSON_ArrayForEach(row, df_json_at(all, "rows"))
		csv_row(all, row, NULL);
	csv_row(all, df_json_at(all, "total"), "合计 total");
}

/* --- for people ------------------------------------------------------------
 */

static void row_print(const cJSON *row, const char *first)
{
	df_cell(first != NULL ? first : df_json_text(row, "item"), 12);
	df_cell_cut(df_json_text(row, "institution"), 20);
	for (size_t i = 0; i + 1 < N_COUNTS; i++)
		(void)printf("%9lld", (long long)df_json_num(
					      row, COUNTS[i].key)); /* main */
	(void)putchar('\n'); /* the same */
}

static void people_print(const cJSON *all)
{
	const cJSON *row, *r, *total = df_json_at(all, "total");

	df_cell("", 12);
	df_cell("", 20);
	/* main checks stdout at the end */
	(void)puts("     病例   可互认   已调阅     互认   不互认   未决定");
	df_cell("item", 12);
	df_cell("institution", 20);
	(void)puts("    cases eligible   viewed  recogn. declined  undecid.");
	cJSON_ArrayForEach(row, df_json_at(all, "rows")) row_print(row, NULL);
	row_print(total, "合计 total");
	cJSON_ArrayForEach(r, df_json_at(all, "reasons"))
	{
		long long n = (long long)df_json_num(
			df_json_at(total, "reasons"), df_json_text(r, "code"));

		if (n > 0)
			(void)printf("原因 reason %s: %lld  %s\n",
				     df_json_text(r, "code"), n,
				     df_json_text(r, "zh")); /* main */
	}
	(void)printf("估计 estimate: 节省 saved %.2f 元 yuan, 减少 avoided "
		     "%.2f mSv (prices.tsv)\n",
		     cJSON_GetNumberValue(df_json_at(total, "saved_yuan")),
		     cJSON_GetNumberValue(
			     df_json_at(total, "saved_msv"))); /* the same */
}

static enum df_err figures_run(struct df_cli *cli, struct df_why *why)
{
	const char *month = df_cli_option(cli, "month");
	const char *from = df_cli_option(cli, "from");
	const char *to = df_cli_option(cli, "to");
	bool csv = df_cli_option(cli, "csv") != NULL;
	cJSON *args = cJSON_CreateObject();
	char now[16];

	if ((from == NULL) != (to == NULL) || (month != NULL && from != NULL)) {
		cJSON_Delete(args);
		return df_fail(why, DF_E_USAGE,
			       "say --month 2026-11, or --from and --to "
			       "(20261101)");
	}
	if (month == NULL && from == NULL) {
		unsigned day = df_time_local_day(df_clock_wall_ms());

		df_str_fmt(now, sizeof now, "%04u-%02u", day / 10000,
			   day / 100 % 100);
		month = now;
	}
	if (month != NULL)
		(void)cJSON_AddStringToObject(args, "month", month);
	if (from != NULL) {
		(void)cJSON_AddStringToObject(args, "from", from);
		(void)cJSON_AddStringToObject(args, "to", to);
	}
	return df_ask_print(cli, "recognition figures", args,
			    csv ? csv_print : people_print, why);
}

const struct df_cmd df_cmd_recognition_figures = {
	.path = "recognition figures",
	.args = "[--month 2026-11 | --from DAY --to DAY] [--csv]",
	.help = "what was eligible, viewed, recognised, declined and why, by "
		"item and institution;\n      exposures and cost saved are an "
		"estimate (prices.tsv). 互认月报",
	.options = "month= from= to= csv",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.run = figures_run,
};
