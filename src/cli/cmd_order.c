/*
 * cmd_order.c - order add, list, cancel: what modalities find on their
 * worklist, and what is known of the patient before he is exposed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* --- what all print --- */

static void labelled(const char *label, const char *text)
{
	if (text[0] == '\0')
		return;
	(void)printf("  %s", label); /* main checks stdout */
	df_print_clean(text, strlen(text));
	(void)putchar('\n'); /* the same */
}

/* "20261122" and "093000" as people write them. */
static void moment_print(const cJSON *order)
{
	const char *date = df_json_text(order, "scheduled_date");
	const char *time = df_json_text(order, "scheduled_time");

	if (strlen(date) == 8 && strlen(time) >= 4)
		(void)printf("%.4s-%.2s-%.2s %.2s:%.2s  ", date, date + 4,
			     date + 6, time, time + 2); /* main */
}

static const char *state_word(const char *state)
{
	static const char *const words[][2] = {
		{"open", "待检 open"},
		{"performed", "已检 performed"},
		{"cancelled", "已取消 cancelled"},
		{"expired", "过期 expired"},
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i][0], state) == 0)
			return words[i][1];
	return state;
}

static void order_print(const cJSON *order)
{
	moment_print(order);
	df_cell(df_json_text(order, "accession"), 17);
	df_cell(df_json_text(order, "modality"), 5);
	df_cell_cut(df_json_text(order, "patient_name"), 20);
	(void)putchar(' '); /* main checks */
	df_cell(df_json_text(order, "patient_id"), 1);
	(void)fputs("  ", stdout); /* the same */
	df_cell(df_json_text(order, "procedure"), 1);
	(void)putchar('\n'); /* the same */
	labelled("", df_json_text(order, "mark"));
	labelled("设备 station ", df_json_text(order, "station_ae"));
}

/* --- add --- */

static const char *verdict_word(const cJSON *prior)
{
	const char *word =
		df_json_text(df_json_at(prior, "verdict"), "recognise");

	if (strcmp(df_json_text(prior, "match"), "exact") != 0)
		return "疑似本人，请核对 maybe this patient: compare";
	if (strcmp(word, "yes") == 0)
		return "可互认 may be recognised";
	if (strcmp(word, "no") == 0)
		return "不可互认 may not be recognised";
	return "请医师判断 a doctor has to judge";
}

static void priors_print(const cJSON *priors)
{
	const cJSON *p;

	if (cJSON_GetArraySize(priors) == 0)
		return;
	(void)puts("既往检查 earlier exams:"); /* main checks */
	cJSON_ArrayForEach(p, priors)
	{
		(void)fputs("  ", stdout); /* the same */
		df_cell(df_json_text(p, "study_date"), 10);
		df_cell(df_json_text(p, "modality"), 7);
		df_cell_cut(df_json_text(p, "institution"), 24);
		(void)putchar(' '); /* the same */
		df_cell(df_json_text(p, "description"), 1);
		(void)printf("\n    %s\n    %s\n", verdict_word(p),
			     df_json_text(p, "study_uid")); /* the same */
	}
	(void)puts("  由医师决定；影像 images: prior fetch UID --purpose TEXT\n"
		   "  记录 for the record: recognition view|accept|decline"
		   " (see recognition --help)"); /* the same */
}

static void warning_print(const char *word)
{
	if (strcmp(word, "resident_number_mistyped") == 0)
		(void)puts("注意：身份证号校验码不对，请核对 attention: the "
			   "resident ID number is mistyped"); /* main */
	else if (strcmp(word, "birth_date_contradicts_number") == 0)
		(void)puts("注意：出生日期与身份证号不符 attention: the birth "
			   "date is not that of the number"); /* main */
}

static void added_print(const cJSON *answer)
{
	const cJSON *order = df_json_at(answer, "order");

	(void)puts(
		"已登记，设备可在工作列表中看到 added; modalities find it on "
		"their worklist"); /* main checks */
	order_print(order);
	warning_print(df_json_text(answer, "warning"));
	priors_print(df_json_at(answer, "priors"));
}

/* Options of `order add`, and the words of an order that they give. */
static const char *const OPTIONS[][2] = {
	{"id", "patient_id"},
	{"issuer", "patient_id_issuer"},
	{"resident-id", "resident_id"},
	{"name", "patient_name"},
	{"birth", "birth_date"},
	{"sex", "sex"},
	{"modality", "modality"},
	{"body-part", "body_part"},
	{"procedure", "procedure"},
	{"step", "step_description"},
	{"station-ae", "station_ae"},
	{"room", "room"},
	{"accession", "accession"},
	{"physician", "physician"},
	{"department", "department"},
	{"referring", "referring_physician"},
	{"performing", "performing_physician"},
	{"priority", "priority"},
	{"reason", "reason"},
	{"comments", "comments"},
	{"weight", "weight"},
	{"alerts", "alerts"},
	{"allergies", "allergies"},
	{"pregnancy", "pregnancy"},
	{"needs", "special_needs"},
	{"contrast", "contrast_agent"},
};

/* "2026-11-22 09:30", "2026-11-22", "09:30" */
static void add_moment(cJSON *args, const char *text)
{
	const char *space = strpbrk(text, " T");
	char date[32] = "";

	if (space != NULL && (size_t)(space - text) < sizeof date) {
		memcpy(date, text, (size_t)(space - text));
		(void)cJSON_AddStringToObject(args, "scheduled_date", date);
		(void)cJSON_AddStringToObject(args, "scheduled_time",
					      space + 1);
	} else {
		(void)cJSON_AddStringToObject(args,
					      strchr(text, ':') != NULL
						      ? "scheduled_time"
						      : "scheduled_date",
					      text);
	}
}

static enum df_err add_run(struct df_cli *cli, struct df_why *why)
{
	cJSON *args = cJSON_CreateObject();
	const char *when = df_cli_option(cli, "scheduled");

	for (size_t i = 0; i < sizeof OPTIONS / sizeof *OPTIONS; i++) {
		const char *value = df_cli_option(cli, OPTIONS[i][0]);

		if (value != NULL) /* NULL of cJSON: no memory */
			(void)cJSON_AddStringToObject(args, OPTIONS[i][1],
						      value);
	}
	if (when != NULL)
		add_moment(args, when);
	(void)cJSON_AddBoolToObject(args, "emergency",
				    df_cli_option(cli, "emergency") != NULL);
	(void)cJSON_AddStringToObject(args, "who", df_cli_who(cli));
	return df_ask_print(cli, "order add", args, added_print, why);
}

const struct df_cmd df_cmd_order_add = {
	.path = "order add",
	.args = "--id ID --name NAME --modality CT [--resident-id ID] "
		"[--birth DATE] [--sex M|F|O]\n          [--body-part WORD] "
		"[--procedure TEXT] [--scheduled \"DATE TIME\"] "
		"[--station-ae AET] [--emergency]",
	.help = "what a modality is to do: it finds it on its worklist, with "
		"a word about earlier exams\n      登记检查：设备在工作列表"
		"（MWL）中看到；登记时查找既往检查并提示，不阻止检查\n      "
		"NAME: 张三, 张^三, or Zhang^San=张^三. DATE TIME: now, unless "
		"you say another.\n      Without --station-ae every modality "
		"finds it. --emergency: nothing is needed but the modality,\n"
		"      and nothing is looked up. More: --issuer --accession "
		"--step --room --physician --department\n      --referring "
		"--performing --priority --reason --comments --weight --alerts "
		"--allergies --pregnancy --needs --contrast --by",
	.options = "id= issuer= resident-id= name= birth= sex= modality= "
		   "body-part= procedure= step= station-ae= room= accession= "
		   "physician= department= referring= performing= priority= "
		   "reason= comments= weight= alerts= allergies= pregnancy= "
		   "needs= contrast= scheduled= emergency by=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.run = add_run,
};

/* --- list --- */

static void list_print(const cJSON *answer)
{
	const cJSON *o, *list = df_json_at(answer, "orders");

	cJSON_ArrayForEach(o, list)
	{
		const char *state = df_json_text(o, "state");
		const cJSON *cancelled = df_json_at(o, "cancelled");

		order_print(o);
		if (strcmp(state, "open") != 0)
			(void)printf("  %s\n", state_word(state)); /* main */
		labelled("study ",
			 df_json_text(df_json_at(o, "performed"), "study_uid"));
		labelled("原因 reason ", df_json_text(cancelled, "reason"));
	}
	if (cJSON_GetArraySize(list) == 0)
		(void)puts("没有待检 nothing is to be done"); /* main checks */
	if (df_json_num(answer, "left_out") > 0)
		(void)printf("还有 %lld 条 / there are %lld more: --limit N\n",
			     (long long)df_json_num(answer, "left_out"),
			     (long long)df_json_num(answer, "left_out"));
}

static enum df_err list_run(struct df_cli *cli, struct df_why *why)
{
	cJSON *args = cJSON_CreateObject();
	enum df_err rc = df_args_number(cli, args, "limit", why);

	if (rc != DF_OK)
		return rc;
	(void)cJSON_AddBoolToObject(args, "all",
				    df_cli_option(cli, "all") != NULL);
	return df_ask_print(cli, "order list", args, list_print, why);
}

const struct df_cmd df_cmd_order_list = {
	.path = "order list",
	.args = "[--all [--limit N]]",
	.help = "what is to be done; --all: also what was performed, with its "
		"study, or cancelled, or is too old,\n      the last 500 or N "
		"(10000 at most). 待检列表；--all 含已检、已取消和过期",
	.options = "all limit=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.run = list_run,
};

/* --- cancel --- */

static void cancelled_print(const cJSON *answer)
{
	(void)puts("已取消 cancelled"); /* main checks */
	order_print(df_json_at(answer, "order"));
}

static enum df_err cancel_run(struct df_cli *cli, struct df_why *why)
{
	const char *reason = df_cli_option(cli, "reason");
	cJSON *args = df_args1("id", cli->args[0]);

	(void)cJSON_AddStringToObject(args, "who", df_cli_who(cli));
	(void)cJSON_AddStringToObject(args, "reason",
				      reason != NULL ? reason : "");
	return df_ask_print(cli, "order cancel", args, cancelled_print, why);
}

const struct df_cmd df_cmd_order_cancel = {
	.path = "order cancel",
	.args = "ACCESSION [--reason TEXT] [--by NAME]",
	.help = "take an order off the worklist; it stays in the record\n"
		"      取消检查登记（留有记录）",
	.options = "reason= by=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = cancel_run,
};
