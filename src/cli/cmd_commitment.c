/*
 * cmd_commitment.c - commitment list: which modality waits to hear that its
 * images are safe, which PACS was asked whether it keeps them.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const char *state_text(const char *word)
{
	static const struct {
		const char *word, *text;
	} words[] = {
		{"open", "等待影像安全保存 waiting until its images are safe"},
		{"ready", "等待设备接收报告 waiting for the modality to take "
			  "the report"},
		{"asked", "等待 PACS 答复 waiting for the PACS to answer"},
		{"done", "完成 done"},
		{"ended", "已放弃 given up"},
	};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(words[i].word, word) == 0)
			return words[i].text;
	return word;
}

static void list_print(const cJSON *all)
{
	const cJSON *o, *list = df_json_at(all, "commitments");

	cJSON_ArrayForEach(o, list)
	{
		const char *error = df_json_text(o, "error");
		bool ours = strcmp(df_json_text(o, "side"), "asked by us") == 0;

		df_cell(df_json_text(o, "asked"), 22);
		(void)fputs(ours ? "PACS " : "设备 modality ",
			    stdout); /* main checks */
		df_cell(df_json_text(o, "who"), 16);
		(void)printf("%lld 影像 images, %lld 失败 failed\n  %s\n  ",
			     (long long)df_json_num(o, "instances"),
			     (long long)df_json_num(o, "failed"),
			     state_text(df_json_text(o, "state")));
		df_cell(df_json_text(o, "transaction"), 1);
		if (error[0] != '\0') {
			(void)fputs("\n  错误 error: ", stdout); /* the same */
			df_cell(error, 1);
		}
		(void)putchar('\n'); /* the same */
	}
	if (cJSON_GetArraySize(list) == 0)
		(void)puts("没有未完成的存储承诺 no storage commitment is "
			   "under way"); /* the same */
}

static enum df_err list_run(struct df_cli *cli, struct df_why *why)
{
	cJSON *args = cJSON_CreateObject();

	(void)cJSON_AddBoolToObject(args, "all",
				    df_cli_option(cli, "all") != NULL);
	return df_ask_print(cli, "commitment list", args, list_print, why);
}

const struct df_cmd df_cmd_commitment_list = {
	.path = "commitment list",
	.args = "[--all]",
	.help = "storage commitment: modalities that wait to hear that their "
		"images are safe, and PACS that were asked; --all: also what "
		"is over"
		"\n      存储承诺",
	.options = "all",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.run = list_run,
};
