/*
 * cmd_recognition_check.c - recognition check|rules: may an earlier exam stand
 * for a new one, and by which rules.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "df/file.h"
#include "df/recognition.h"

/* --- check -----------------------------------------------------------------
 */

/* option, member of the exam or of the order */
static const struct {
	const char *option, *member;
} EXAM[] =
	{
		{"modality", "modality"},
		{"body-part", "body_part"},
		{"description", "description"},
		{"procedure", "procedure"},
		{"scheme", "scheme"},
		{"institution", "institution"},
		{"node", "node"},
		{"date", "study_date"},
},
  WANTED[] = {
	  {"for-modality", "modality"},
	  {"for-body-part", "body_part"},
	  {"for", "description"},
	  {"for-item", "item"},
};

static void option_put(const struct df_cli *cli, cJSON *o, const char *option,
		       const char *member)
{
	const char *value = df_cli_option(cli, option);

	if (value != NULL)
		(void)cJSON_AddStringToObject(o, member, value); /* memory */
}

/* A day that is none would only be unknown, and look like an answer. */
static enum df_err day_check(const struct df_cli *cli, const char *option,
			     struct df_why *why)
{
	const char *day = df_cli_option(cli, option), *end;
	struct tm t = {.tm_isdst = -1};
	int written;

	if (day == NULL)
		return DF_OK;
	end = strlen(day) == 8 ? strptime(day, "%Y%m%d", &t) : NULL;
	written = t.tm_mday;
	if (end == NULL || *end != '\0' || timegm(&t) == (time_t)-1 ||
	    t.tm_mday != written)
		return df_fail(why, DF_E_USAGE,
			       "--%s: a day is written 20261122", option);
	return DF_OK;
}

static enum df_err words_check(const struct df_cli *cli, struct df_why *why)
{
	static const char *const REPORTS[] = {"signed", "sealed", "none"};
	static const char *const MORE[] = {"images", "report", "probable"};
	const char *report = df_cli_option(cli, "report");
	bool known = report == NULL, described = false;
	enum df_err rc = day_check(cli, "date", why);

	if (rc == DF_OK)
		rc = day_check(cli, "on", why);
	for (size_t i = 0; i < 3; i++) {
		known = known || strcmp(report, REPORTS[i]) == 0;
		described = described || df_cli_option(cli, MORE[i]) != NULL;
	}
	for (size_t i = 0; i < sizeof EXAM / sizeof *EXAM; i++)
		described = described ||
			    (strcmp(EXAM[i].option, "node") != 0 &&
			     df_cli_option(cli, EXAM[i].option) != NULL);
	if (rc == DF_OK && !known)
		rc = df_fail(why, DF_E_USAGE,
			     "--report is signed, sealed or none");
	if (rc == DF_OK && described && cli->n_args == 1)
		rc = df_fail(why, DF_E_USAGE,
			     "a study that is here says itself what it is: "
			     "give it, or describe an exam");
	return rc;
}

static enum df_err exam_make(const struct df_cli *cli, cJSON *exam,
			     struct df_why *why)
{
	const char *report = df_cli_option(cli, "report");
	const char *images = df_cli_option(cli, "images");
	cJSON *one = cJSON_CreateObject(), *list = cJSON_CreateArray();
	uint64_t n = 1;

	for (size_t i = 0; i < sizeof EXAM / sizeof *EXAM; i++)
		option_put(cli, exam, EXAM[i].option, EXAM[i].member);
	(void)cJSON_AddStringToObject(
		exam, "match",
		df_cli_option(cli, "probable") ? "probable" : "exact");
	(void)cJSON_AddStringToObject(one, "verification",
				      report ? report : "signed");
	if (report == NULL || strcmp(report, "none") != 0)
		(void)cJSON_AddItemToArray(list, one);
	else
		cJSON_Delete(one);
	(void)cJSON_AddItemToObject(exam, "reports", list);
	if (images != NULL && !df_text_u64(df_text_of(images), &n))
		return df_fail(why, DF_E_USAGE, "--images wants a number");
	(void)cJSON_AddNumberToObject(exam, "instances", (double)n);
	return DF_OK;
}

static void text_print(const char *label, const char *text)
{
	if (text[0] == '\0')
		return;
	(void)printf("%s  ", label); /* main checks stdout */
	df_print_clean(text, strlen(text));
	(void)putchar('\n'); /* the same */
}

static void reason_print(const cJSON *r)
{
	const char *effect = df_json_text(r, "effect");

	(void)printf("  %s ", strcmp(effect, "for") == 0       ? "+"
			      : strcmp(effect, "against") == 0 ? "-"
							       : "?"); /* */
	df_cell(df_json_text(r, "zh"), 40);
	(void)fputs(df_json_text(r, "en"), stdout); /* ours */
	if (df_json_text(r, "detail")[0] != '\0') {
		const char *detail = df_json_text(r, "detail");

		(void)fputs(" (", stdout); /* the same */
		df_print_clean(detail, strlen(detail));
		(void)putchar(')'); /* the same */
	}
	(void)putchar('\n'); /* the same */
}

static void verdict_print(const cJSON *out)
{
	const cJSON *exam = df_json_at(out, "exam");
	const cJSON *v = df_json_at(exam, "verdict"), *r;
	const char *can = df_json_text(v, "recognise");

	text_print("检查 exam       ", df_json_text(exam, "description"));
	text_print("机构 institution", df_json_text(exam, "institution"));
	text_print("项目 item       ", df_json_text(exam, "item_zh"));
	text_print("                ", df_json_text(exam, "item_en"));
	(void)printf("互认 recognise    %s\n",
		     strcmp(can, "yes") == 0  ? "可以互认 yes"
		     : strcmp(can, "no") == 0 ? "不可互认 no"
					      : "待人工判断 a person must "
						"look"); /* main */
	cJSON_ArrayForEach(r, df_json_at(v, "reasons")) reason_print(r);
	if (df_json_text(out, "tables")[0] != '\0')
		(void)printf(
			"规则表有误, 仍用原有规则 the tables here are wrong "
			"and not in use: %s\n",
			df_json_text(out, "tables")); /* the same */
	(void)puts("互认的是影像和数据; 是否采用由接诊医师决定\n"
		   "recognised are images and data; the doctor who treats "
		   "decides"); /* the same */
}

static enum df_err check_run(struct df_cli *cli, struct df_why *why)
{
	cJSON *args = cJSON_CreateObject();
	cJSON *wanted = cJSON_AddObjectToObject(args, "wanted");
	enum df_err rc = words_check(cli, why);

	for (size_t i = 0; i < sizeof WANTED / sizeof *WANTED; i++)
		option_put(cli, wanted, WANTED[i].option, WANTED[i].member);
	option_put(cli, args, "on", "today");
	if (cli->n_args == 1) /* of which clinic, when two sent that UID */
		option_put(cli, args, "node", "peer");
	if (cli->n_args == 1)
		(void)cJSON_AddStringToObject(args, "study", cli->args[0]);
	else if (rc == DF_OK && df_cli_option(cli, "modality") == NULL)
		rc = df_fail(why, DF_E_USAGE,
			     "which exam? give a study, or at least --modality "
			     "and --body-part or --description");
	else if (rc == DF_OK)
		rc = exam_make(cli, cJSON_AddObjectToObject(args, "exam"), why);
	if (rc != DF_OK) {
		cJSON_Delete(args);
		return rc;
	}
	return df_ask_print(cli, "recognition check", args, verdict_print, why);
}

const struct df_cmd df_cmd_recognition_check = {
	.path = "recognition check",
	.args = "STUDY | --modality M [--body-part P] [--description TEXT] "
		"[--procedure CODE --scheme S] [--institution NAME] "
		"[--node FINGERPRINT] [--date YYYYMMDD] [--images N] "
		"[--report signed|sealed|none] [--probable]\n"
		"      [--for TEXT] [--for-modality M] [--for-body-part P] "
		"[--for-item ITEM] [--on YYYYMMDD]",
	.help = "may this earlier exam stand for a new one, and why: a study "
		"that is here, or one as described; --for...: the exam that is "
		"ordered now; --on: as on that day. It informs; it never "
		"blocks. 查询能否互认及理由",
	.options = "modality= body-part= description= procedure= scheme= "
		   "institution= node= date= images= report= probable for= "
		   "for-modality= for-body-part= for-item= on=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.max_args = 1,
	.run = check_run,
};

/* --- rules -----------------------------------------------------------------
 */

struct tables {
	int dir;
	bool own[DF_RULES_COUNT]; /* the node has one of its own */
};

static enum df_err table_read(void *ctx, const char *file, struct df_buf *to,
			      struct df_why *why)
{
	struct tables *t = ctx;
	char path[64];
	enum df_err rc;

	df_str_fmt(path, sizeof path, DF_RULES_DIR "/%s", file);
	rc = df_file_read(t->dir, path, DF_RULES_TABLE_MAX, to, why);
	for (int i = 0; i < DF_RULES_COUNT && rc == DF_OK; i++)
		if (strcmp(file, df_rules_table_file((enum df_rules_table)i)) ==
		    0)
			t->own[i] = true;
	return rc;
}

enum df_err df_node_rules(int dir, struct df_why *why)
{
	struct tables t = {.dir = dir};
	struct df_rules *r;
	enum df_err rc = df_rules_load(&r, table_read, &t, why);

	df_rules_free(r);
	return rc;
}

static enum df_err table_print(const struct df_cli *cli, struct df_why *why)
{
	const char *name = cli->args[0];

	for (int i = 0; i < DF_RULES_COUNT; i++) {
		const enum df_rules_table t = (enum df_rules_table)i;
		const struct df_text text = df_rules_table_text(t);

		if (strcmp(name, df_rules_table_file(t)) != 0)
			continue;
		df_print_file(cli, text.ptr, text.len);
		return DF_OK;
	}
	return df_fail(why, DF_E_NOTFOUND,
		       "there is no table '%.40s'; 'recognition rules' lists "
		       "them",
		       name);
}

/* Without a row for us no mark can be judged: said where it can be mended. */
static void own_print(const struct df_cli *cli, const struct df_rules *r,
		      cJSON *all)
{
	const char *name = cli->cfg.node.name;
	const char *code = df_rules_institution_code(r, name);

	(void)cJSON_AddStringToObject(all, "institution", code ? code : "");
	if (cli->json)
		return;
	if (code != NULL)
		(void)printf("本机构 our own institution: %s, %s\n", code,
			     name); /* main checks stdout */
	else
		(void)printf(
			"机构表中没有本机构 our own institution, %s, is in no "
			"table: add a row with that name to "
			"%s/" DF_RULES_DIR "/institutions.tsv\n",
			name, cli->dir_name); /* the same */
}

static enum df_err rules_run(struct df_cli *cli, struct df_why *why)
{
	struct tables t = {.dir = cli->dir};
	cJSON *all, *list;
	struct df_rules *r;
	enum df_err rc;

	if (cli->n_args == 1)
		return table_print(cli, why);
	rc = df_rules_load(&r, table_read, &t, why);
	if (rc != DF_OK)
		return rc;
	all = cJSON_CreateObject();
	list = cJSON_AddArrayToObject(all, "tables");
	for (int i = 0; i < DF_RULES_COUNT; i++) {
		const enum df_rules_table at = (enum df_rules_table)i;
		cJSON *o = df_args1("file", df_rules_table_file(at));

		(void)cJSON_AddNumberToObject(
			o, "rows", (double)df_rules_count(r, at)); /* memory */
		(void)cJSON_AddBoolToObject(o, "own", t.own[i]);
		(void)cJSON_AddItemToArray(list, o);
		if (!cli->json)
			(void)printf("%-18s %6zu rows%s\n",
				     df_rules_table_file(at),
				     df_rules_count(r, at),
				     t.own[i] ? ", the node's own among them "
						"含本机规则"
					      : ""); /* main */
	}
	own_print(cli, r, all);
	if (cli->json)
		df_print_json(all);
	cJSON_Delete(all);
	df_rules_free(r);
	return DF_OK;
}

const struct df_cmd df_cmd_recognition_rules = {
	.path = "recognition rules",
	.args = "[TABLE]",
	.help = "check the tables of recognition rules and count them; with a "
		"table's file name: our own rows of it, to copy from into "
		"DIR/recognition/, where a row with the same key takes the "
		"place of ours 规则表",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG,
	.max_args = 1,
	.run = rules_run,
};
