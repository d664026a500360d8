/*
 * cmd_quarantine.c - quarantine list|show|release|discard: what came in and
 * cannot be sent, and what a person decides about it. The only place that
 * shows an instance without a usable study.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static void row_print(const cJSON *o)
{
	const char *study = df_json_text(o, "study_uid");

	df_cell(df_json_text(o, "received"), 22);
	df_cell(df_json_text(o, "source"), 16);
	df_cell(df_json_text(o, "sop_instance"), 1);
	(void)fputs("\n  编号 id:     ", stdout); /* main checks */
	df_cell(df_json_text(o, "id"), 1);
	(void)fputs("\n  原因 reason: ", stdout); /* the same */
	df_cell(df_json_text(o, "reason"), 1);
	(void)fputs("\n  检查 study:  ", stdout); /* the same */
	df_cell(study[0] != '\0' ? study : "未知 unknown", 1);
	(void)putchar('\n'); /* the same */
}

static void list_print(const cJSON *all)
{
	const cJSON *o;

	cJSON_ArrayForEach(o, df_json_at(all, "quarantined")) row_print(o);
	(void)printf("%lld 影像或报告被隔离，原文件保存在 spool/ 中 / images "
		     "or reports in quarantine; their bytes are kept in "
		     "spool/\n",
		     (long long)df_json_num(all, "total")); /* the same */
	if (df_json_num(all, "total") > 0)
		(void)puts(
			"下一步 next:  dcm-forward quarantine show ID"); /* */
}

static enum df_err list_run(struct df_cli *cli, struct df_why *why)
{
	return df_ask_print(cli, "quarantine list", NULL, list_print, why);
}

const struct df_cmd df_cmd_quarantine_list = {
	.path = "quarantine list",
	.args = "",
	.help = "images that came in and cannot be sent, and why"
		"\n      被隔离的影像及原因",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.run = list_run,
};

/* --- show --- */

static void decisions_print(const cJSON *o)
{
	const cJSON *d;

	cJSON_ArrayForEach(d, df_json_at(o, "decisions"))
	{
		(void)fputs("  决定 decided:  ", stdout); /* main checks */
		df_cell(df_json_text(d, "at"), 22);
		df_cell(df_json_text(d, "what"), 10);
		df_cell(df_json_text(d, "who"), 12);
		df_cell(df_json_text(d, "reason"), 1);
		(void)putchar('\n'); /* the same */
	}
}

static void show_print(const cJSON *o)
{
	const cJSON *s = df_json_at(o, "standing");

	row_print(o);
	(void)printf("  字节 bytes:  %lld\n",
		     (long long)df_json_num(o, "bytes")); /* main checks */
	(void)fputs("  摘要 digest: ", stdout);		  /* the same */
	df_cell(df_json_text(o, "digest"), 1);
	(void)putchar('\n'); /* the same */
	if (df_json_num(o, "came_again") > 0)
		(void)printf("  又收到 came again: %lld\n",
			     (long long)df_json_num(o, "came_again")); /* */
	if (s != NULL) {
		(void)fputs("  同一 UID 现用的是 / standing under this UID:\n"
			    "    ",
			    stdout); /* the same */
		df_cell(df_json_text(s, "received"), 22);
		df_cell(df_json_text(s, "source"), 16);
		df_cell(df_json_text(s, "state"), 10);
		(void)fputs("\n    ", stdout); /* the same */
		df_cell(df_json_text(s, "digest"), 1);
		(void)putchar('\n'); /* the same */
	}
	decisions_print(o);
	(void)puts(
		"  怎么办 do:   quarantine release ID --reason TEXT  使用它 / "
		"use "
		"it; what stands\n               under its UID is set aside "
		"in its place\n               quarantine discard ID --reason "
		"TEXT --yes  永久删除 / remove it for ever"); /* the same */
}

static enum df_err ask_about(struct df_cli *cli, const char *verb, cJSON *args,
			     void (*human)(const cJSON *), struct df_why *why)
{
	(void)cJSON_AddStringToObject(args, "id", cli->args[0]); /* memory */
	return df_ask_print(cli, verb, args, human, why);
}

static enum df_err show_run(struct df_cli *cli, struct df_why *why)
{
	return ask_about(cli, "quarantine show", cJSON_CreateObject(),
			 show_print, why);
}

const struct df_cmd df_cmd_quarantine_show = {
	.path = "quarantine show",
	.args = "ID",
	.help = "one of them: where it came from, what stands under its UID, "
		"what people decided"
		"\n      被隔离影像的详情",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = show_run,
};

/* --- release, discard --- */

static cJSON *decision(const struct df_cli *cli)
{
	const char *reason = df_cli_option(cli, "reason");
	cJSON *args = cJSON_CreateObject();

	(void)cJSON_AddStringToObject(args, "who", df_cli_who(cli)); /* memory */
	(void)cJSON_AddStringToObject(args, "reason",
				      reason != NULL ? reason : "");
	return args;
}

static void decided_print(const cJSON *o)
{
	df_cell(df_json_text(o, "sop_instance"), 1);
	(void)fputs(": ", stdout); /* main checks */
	df_cell(df_json_text(o, "state"), 1);
	(void)putchar('\n'); /* the same */
}

static enum df_err release_run(struct df_cli *cli, struct df_why *why)
{
	if (df_cli_option(cli, "reason") == NULL)
		return df_fail(why, DF_E_USAGE,
			       "say why: --reason TEXT; it is kept with your "
			       "name");
	return ask_about(cli, "quarantine release", decision(cli),
			 decided_print, why);
}

const struct df_cmd df_cmd_quarantine_release = {
	.path = "quarantine release",
	.args = "ID --reason TEXT [--by NAME]",
	.help = "use it after all: an image is judged and sent like a new one, "
		"and what stands\n      under its UID is set aside in its "
		"place; a report goes to the clinic of its study, which "
		"refuses "
		"one of\n      another patient.\n      "
		"A PACS that has the other one keeps or replaces it by its own "
		"rule.\n      放行：影像按新收到的处理并发送，同一 UID "
		"原有的影像改为隔离",
	.options = "reason= by=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = release_run,
};

static enum df_err discard_run(struct df_cli *cli, struct df_why *why)
{
	if (df_cli_option(cli, "reason") == NULL ||
	    df_cli_option(cli, "yes") == NULL)
		return df_fail(why, DF_E_USAGE,
			       "this removes it for ever: say --reason TEXT "
			       "and --yes");
	return ask_about(cli, "quarantine discard", decision(cli),
			 decided_print, why);
}

const struct df_cmd df_cmd_quarantine_discard = {
	.path = "quarantine discard",
	.args = "ID --reason TEXT --yes [--by NAME]",
	.help = "remove it for ever; only what is in quarantine. If the same "
		"bytes come again they\n      are judged anew. 永久删除被隔离的"
		"影像",
	.options = "reason= by= yes",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = discard_run,
};
