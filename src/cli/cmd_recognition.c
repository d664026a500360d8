/*
 * cmd_recognition.c - recognition view|accept|decline|undo|list|reasons: what
 * a doctor did with an earlier exam, into the ledger that only grows.
 *
 * It records and blocks nothing; in an emergency one word is enough.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

/* --- one entry -------------------------------------------------------------
 */

static const char *act_text(const char *act)
{
	static const char *const TEXTS[][2] = {
		{"offer", "提示 offered"},     {"view", "调阅 viewed"},
		{"accept", "互认 recognised"}, {"decline", "不互认 declined"},
		{"undo", "撤销 taken back"},
	};

	for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
		if (strcmp(TEXTS[i][0], act) == 0)
			return TEXTS[i][1];
	return act;
}

static const char *verdict_text(const char *word)
{
	if (strcmp(word, "yes") == 0)
		return "可互认 eligible";
	if (strcmp(word, "no") == 0)
		return "不可互认 not eligible";
	return strcmp(word, "unknown") == 0 ? "待人判断 a person must look"
					    : "";
}

static void entry_print(const cJSON *e)
{
	const cJSON *exam = df_json_at(e, "exam");
	const cJSON *patient = df_json_at(e, "patient");
	const char *reason = df_json_text(e, "reason");

	(void)printf("%6lld ", (long long)df_json_num(e, "seq")); /* main */
	df_print_time(df_json_text(e, "at"));
	(void)putchar(' '); /* main checks stdout */
	df_cell(act_text(df_json_text(e, "act")), 16);
	df_cell_cut(df_json_text(patient, "name"), 16);
	df_cell(df_json_text(exam, "study_date"), 8);
	df_cell(df_json_text(exam, "item"), 12);
	df_cell_cut(df_json_text(exam, "institution"), 16);
	df_cell_cut(df_json_text(e, "doctor"), 10);
	if (df_json_text(e, "order")[0] != '\0')
		(void)printf("申请 order %s ",
			     df_json_text(e, "order")); /* the same */
	if (reason[0] != '\0')
		(void)printf("原因 reason %s %s ", reason,
			     df_json_text(e, "reason_zh")); /* the same */
	df_cell(df_json_text(e, "text"), 1);
	if (df_json_num(e, "undo") > 0)
		(void)printf("(%lld) ", (long long)df_json_num(e, "undo"));
	if (df_json_num(e, "undone_by") > 0)
		(void)printf(
			"已撤销 taken back by %lld",
			(long long)df_json_num(e, "undone_by")); /* the same */
	if (cJSON_IsTrue(df_json_at(e, "emergency")))
		(void)fputs("急诊 emergency", stdout); /* the same */
	(void)putchar('\n');			       /* the same */
}

static void recorded_print(const cJSON *answer)
{
	const cJSON *e = df_json_at(answer, "entry");
	const char *verdict = df_json_text(e, "verdict");

	(void)printf("已记录 recorded as entry %lld: %s\n",
		     (long long)df_json_num(e, "seq"),
		     act_text(df_json_text(e, "act"))); /* main checks */
	if (verdict[0] != '\0' && strcmp(verdict, "yes") != 0)
		(void)printf("规则判断 by the rules: %s; why: "
			     "dcm-forward recognition check %s\n",
			     verdict_text(verdict),
			     df_json_text(e, "study_uid")); /* the same */
}

/* --- view, accept, decline -------------------------------------------------
 */

static void add_options(struct df_cli *cli, cJSON *args)
{
	static const char *const NAMES[] = {"doctor", "organisation", "order",
					    "node",   "trigger",      "text",
					    "reason"};

	for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
		const char *v = df_cli_option(cli, NAMES[i]);

		if (v != NULL)
			(void)cJSON_AddStringToObject(args, NAMES[i], v);
	}
	if (df_cli_option(cli, "emergency") != NULL)
		(void)cJSON_AddTrueToObject(args, "emergency");
}

static enum df_err act_run(struct df_cli *cli, struct df_why *why)
{
	cJSON *args = df_args1("study", cli->args[0]);

	add_options(cli, args);
	return df_ask_print(cli, cli->cmd->path, args, recorded_print, why);
}

#define WHO_ARGS                                                      \
	"STUDY --doctor NAME [--order NUMBER] [--organisation NAME] " \
	"[--node FINGERPRINT] [--trigger WORD] [--text WORDS] [--emergency]"
#define WHO_OPTIONS \
	"doctor= organisation= order= node= trigger= text= emergency"

const struct df_cmd df_cmd_recognition_view = {
	.path = "recognition view",
	.args = WHO_ARGS,
	.help = "a doctor looked at an earlier exam: into the ledger. "
		"记录医生已调阅既往检查",
	.options = WHO_OPTIONS,
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = act_run,
};

const struct df_cmd df_cmd_recognition_accept = {
	.path = "recognition accept",
	.args = WHO_ARGS,
	.help = "an earlier exam is recognised in place of a new one: its "
		"images and data, not its\n      conclusion. "
		"互认既往检查的影像和数据",
	.options = WHO_OPTIONS,
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = act_run,
};

const struct df_cmd df_cmd_recognition_decline = {
	.path = "recognition decline",
	.args = WHO_ARGS " --reason CODE",
	.help = "the exam is made again, and why: a code (recognition reasons "
		"shows them), words of\n      at most 200 characters; "
		"--emergency needs no more. 记录重新检查及原因",
	.options = WHO_OPTIONS " reason=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = act_run,
};

/* --- undo ------------------------------------------------------------------
 */

static enum df_err undo_run(struct df_cli *cli, struct df_why *why)
{
	cJSON *args;
	uint64_t seq;

	if (!df_text_u64(df_text_of(cli->args[0]), &seq) || seq == 0)
		return df_fail(why, DF_E_USAGE,
			       "which entry? its number, as in recognition "
			       "list");
	args = cJSON_CreateObject();
	(void)cJSON_AddNumberToObject(args, "undo", (double)seq); /* memory */
	add_options(cli, args);
	return df_ask_print(cli, "recognition undo", args, recorded_print, why);
}

const struct df_cmd df_cmd_recognition_undo = {
	.path = "recognition undo",
	.args = "ENTRY --doctor NAME --text WORDS [--organisation NAME]",
	.help = "take a decision back; both stay in the ledger. "
		"撤销一条互认或不互认记录",
	.options = "doctor= organisation= text=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = undo_run,
};

/* --- list ------------------------------------------------------------------
 */

static void list_print(const cJSON *all)
{
	const cJSON *e;

	if (cJSON_GetArraySize(df_json_at(all, "entries")) == 0)
		(void)puts("无记录 no entry"); /* main checks stdout */
	cJSON_ArrayForEach(e, df_json_at(all, "entries")) entry_print(e);
}

static enum df_err list_run(struct df_cli *cli, struct df_why *why)
{
	const char *act = df_cli_option(cli, "act");
	cJSON *args = cJSON_CreateObject();
	enum df_err rc;

	if (cli->n_args > 0)
		(void)cJSON_AddStringToObject(args, "study", cli->args[0]);
	if (act != NULL)
		(void)cJSON_AddStringToObject(args, "act", act);
	rc = df_args_number(cli, args, "limit", why);
	if (rc == DF_OK)
		rc = df_args_number(cli, args, "before", why);
	if (rc != DF_OK)
		return rc;
	return df_ask_print(cli, "recognition list", args, list_print, why);
}

const struct df_cmd df_cmd_recognition_list = {
	.path = "recognition list",
	.args = "[STUDY] [--act offer|view|accept|decline|undo] [--limit N] "
		"[--before ENTRY]",
	.help = "the ledger, newest first. 互认台账",
	.options = "act= limit= before=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.max_args = 1,
	.run = list_run,
};

static void reasons_print(const cJSON *all)
{
	const cJSON *r;

	cJSON_ArrayForEach(r, df_json_at(all, "reasons"))
	{
		df_cell(df_json_text(r, "code"), 5);
		df_cell(df_json_text(r, "zh"), 1);
		(void)printf("\n      %s\n", df_json_text(r, "en")); /* main */
	}
}

static enum df_err reasons_run(struct df_cli *cli, struct df_why *why)
{
	return df_ask_print(cli, "recognition reasons", NULL, reasons_print,
			    why);
}

const struct df_cmd df_cmd_recognition_reasons = {
	.path = "recognition reasons",
	.args = "",
	.help = "codes of reasons for another exam, that hold here. "
		"重新检查原因代码",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.run = reasons_run,
};
