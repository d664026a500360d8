/* cmd_prior_fetch.c - prior fetch, list, cancel: an earlier exam from the
 * centre, with the reports on it. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static void print_one(const cJSON *f)
{
	const int64_t gone = df_json_num(f, "gone");
	const char *error = df_json_text(f, "error");
	const char *state = df_json_text(f, "state");
	const bool live = strcmp(state, "fetching") == 0;

	(void)printf("%s\n  %s%s: %lld / %lld 幅 images",
		     df_json_text(f, "study_uid"),
		     strcmp(state, "done") == 0 ? "已调阅 "
		     : live			? "调阅中 "
						: "未完成 ",
		     state, (long long)df_json_num(f, "here"),
		     (long long)df_json_num(f, "instances")); /* main */
	if (gone > 0)
		(void)printf(", %lld 对方已释放 gone there",
			     (long long)gone); /* main checks stdout */
	(void)printf(", %.1f MB, 来自 from %s\n",
		     (double)df_json_num(f, "bytes") / 1e6,
		     df_json_text(f, "from")); /* main */
	if (error[0] != '\0')
		(void)printf("  原因 reason: %s\n", error); /* main */
	if (live && df_json_text(f, "next")[0] != '\0') {
		(void)printf("  下次 next try: "); /* main */
		df_print_time(df_json_text(f, "next"));
		(void)putchar('\n'); /* main */
	}
}

static void print_list(const cJSON *answer)
{
	const cJSON *f, *list = df_json_at(answer, "priors");

	cJSON_ArrayForEach(f, list) print_one(f);
	if (cJSON_GetArraySize(list) == 0)
		(void)printf("没有调阅记录 / nothing was fetched\n"); /* main */
}

static enum df_err prior_fetch(struct df_cli *cli, struct df_why *why)
{
	static const char *const options[] = {"purpose", "order", "peer"};
	cJSON *args = df_args1("study", cli->args[0]);

	(void)cJSON_AddStringToObject(args, "who",
				      df_cli_who(cli)); /* memory */
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (df_cli_option(cli, options[i]) != NULL)
			(void)cJSON_AddStringToObject(
				args, options[i],
				df_cli_option(cli, options[i])); /* memory */
	return df_ask_print(cli, "prior fetch", args, print_one, why);
}

const struct df_cmd df_cmd_prior_fetch = {
	.path = "prior fetch",
	.args = "STUDY_UID --purpose TEXT [--by NAME] [--order N] "
		"[--peer NAME]",
	.help = "bring an earlier exam from the centre, and the signed reports "
		"on it\n      调阅既往影像和签名报告；须写明用途。新检查优先，"
		"调阅让路。\n      It comes behind all images of our own; see "
		"how far it is: prior list.\n      Then: study show UID, "
		"report "
		"list --study UID; a local PACS gets it too.",
	.options = "purpose= by= order= peer=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = prior_fetch,
};

static enum df_err prior_list(struct df_cli *cli, struct df_why *why)
{
	return df_ask_print(cli, "prior list", NULL, print_list, why);
}

const struct df_cmd df_cmd_prior_list = {
	.path = "prior list",
	.args = "",
	.help = "earlier exams that were fetched, and how far they are\n      "
		"已调阅的既往检查及进度",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.run = prior_list,
};

static enum df_err prior_cancel(struct df_cli *cli, struct df_why *why)
{
	return df_ask_print(cli, "prior cancel",
			    df_args1("study", cli->args[0]), print_one, why);
}

const struct df_cmd df_cmd_prior_cancel = {
	.path = "prior cancel",
	.args = "STUDY_UID",
	.help = "stop fetching it; what has come stays\n      停止调阅",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = prior_cancel,
};
