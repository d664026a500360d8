/*
 * cmd_prior_search.c - prior search: which exams of a patient are known, here
 * and at the centre, before he is exposed again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "df/identity.h"

static void line_print(const char *label, const char *text)
{
	if (text[0] == '\0')
		return;
	(void)printf("    %s ", label); /* main checks stdout */
	df_print_clean(text, strlen(text));
	(void)putchar('\n'); /* the same */
}

/* A word of the matcher, in both languages; one of a later version as it is. */
static void word_print(const char *word)
{
	for (unsigned bit = 0; bit < DF_MATCH_REASON_COUNT; bit++)
		if (strcmp(word, df_match_reason_word(bit)) == 0) {
			(void)printf("%s %s", df_match_reason_zh(bit),
				     df_match_reason_en(bit)); /* main */
			return;
		}
	(void)fputs(word, stdout); /* main checks stdout */
}

/* Words, or objects with a text for people. */
static void reasons_print(const char *label, const cJSON *reasons)
{
	const cJSON *r;

	if (cJSON_GetArraySize(reasons) == 0)
		return;
	(void)printf("    %s", label); /* main checks stdout */
	cJSON_ArrayForEach(r, reasons)
	{
		const char *en = df_json_text(r, "en");

		(void)putchar(' '); /* the same */
		if (cJSON_IsString(r))
			word_print(r->valuestring);
		else if (en[0] != '\0')
			(void)printf("%s %s", df_json_text(r, "zh"),
				     en); /* the same */
		else
			(void)fputs(df_json_text(r, "code"), stdout); /* */
		if (r->next != NULL)
			(void)putchar(';'); /* the same */
	}
	(void)putchar('\n'); /* the same */
}

static void reports_print(const cJSON *prior)
{
	const cJSON *r;

	cJSON_ArrayForEach(r, df_json_at(prior, "reports"))(void)
		printf("    报告 report %s, version %lld, %s\n",
		       df_json_text(r, "report_id"),
		       (long long)df_json_num(r, "version"),
		       df_json_text(r, "verification")); /* main */
}

static void where_print(const cJSON *prior)
{
	const char *learned = df_json_text(prior, "learned_at");
	const cJSON *w;

	(void)fputs("    在 at ", stdout); /* main checks */
	cJSON_ArrayForEach(w, df_json_at(prior, "where"))
	{
		const char *word = cJSON_GetStringValue(w);

		(void)fputs(word != NULL && strcmp(word, "here") == 0
				    ? "本机 here "
				    : "中心 centre ",
			    stdout); /* the same */
	}
	if (learned[0] != '\0') {
		(void)fputs("(得知于 as learned on ", stdout); /* the same */
		df_print_time(learned);
		(void)putchar(')'); /* the same */
	}
	(void)printf("\n    检查 study %s\n",
		     df_json_text(prior, "study_uid")); /* the same */
}

static void prior_print(const cJSON *prior)
{
	const cJSON *patient = df_json_at(prior, "patient");
	const cJSON *verdict = df_json_at(prior, "verdict");
	const char *match = df_json_text(prior, "match");
	const char *item = df_json_text(prior, "item");
	const char *can = df_json_text(verdict, "recognise");
	char size[16];

	df_bytes_text(size, df_json_num(prior, "bytes"));
	df_cell(df_json_text(prior, "study_date"), 9);
	df_cell(df_json_text(prior, "modality"), 5);
	df_cell(df_json_text(prior, "body_part"), 12);
	df_cell(df_json_text(prior, "institution"), 20);
	(void)printf("%lld images, %s\n",
		     (long long)df_json_num(prior, "instances"),
		     size); /* main checks stdout */
	line_print("内容 what", df_json_text(prior, "description"));
	(void)fputs("    患者 patient ", stdout); /* the same */
	df_cell(df_json_text(patient, "name"), 1);
	df_cell(df_json_text(patient, "birth_date"), 1);
	df_cell(df_json_text(patient, "sex"), 1);
	(void)fputs(strcmp(match, "exact") == 0
			    ? "同一人 the same person\n"
			    : "可能是同一人，请核对 perhaps the same person: "
			      "make sure\n",
		    stdout); /* the same */
	reasons_print("因为 because", df_json_at(prior, "match_reasons"));
	line_print("项目 item", item);
	if (can[0] != '\0')
		(void)printf("    互认 recognise: %s\n",
			     strcmp(can, "yes") == 0  ? "可以 yes"
			     : strcmp(can, "no") == 0 ? "不可 no"
						      : "待人工判断 a doctor "
							"must look"); /* */
	reasons_print("依据 because", df_json_at(verdict, "reasons"));
	reports_print(prior);
	where_print(prior);
}

static void asked_print(const cJSON *asked)
{
	(void)fputs("询问 asked: ", stdout); /* main checks */
	df_cell(df_json_text(asked, "peer"), 1);
	if (cJSON_IsTrue(df_json_at(asked, "answered"))) {
		(void)puts("已回答 it answered"); /* the same */
		return;
	}
	(void)fputs("未能查询 not known from there now: ", stdout); /* */
	df_cell(df_json_text(asked, "why_zh"), 1);
	df_cell(df_json_text(asked, "why"), 1);
	df_cell(df_json_text(asked, "detail"), 1);
	(void)putchar('\n'); /* the same */
}

static void found_print(const cJSON *all)
{
	const cJSON *priors = df_json_at(all, "priors"), *o;
	bool elsewhere = false;

	cJSON_ArrayForEach(o, priors)
	{
		const cJSON *w = df_json_at(o, "where");

		prior_print(o);
		elsewhere = elsewhere || (cJSON_GetArraySize(w) == 1 &&
					  strcmp(cJSON_GetStringValue(w->child),
						 "here") != 0);
	}
	(void)printf("%d 次既往检查 earlier exams are known\n",
		     cJSON_GetArraySize(priors)); /* main checks stdout */
	if (cJSON_IsTrue(df_json_at(all, "more")))
		(void)puts(
			"还有更多，请缩小范围 there are more: say --modality, "
			"--body-part or --days"); /* the same */
	cJSON_ArrayForEach(o, df_json_at(all, "asked")) asked_print(o);
	if (elsewhere)
		(void)puts("下一步 next:  dcm-forward prior fetch STUDY "
			   "--purpose TEXT"); /* the same */
}

static enum df_err put_days(const struct df_cli *cli, cJSON *args,
			    struct df_why *why)
{
	const char *days = df_cli_option(cli, "days");
	uint64_t n;

	if (days == NULL)
		return DF_OK;
	if (!df_text_u64(df_text_of(days), &n) || n > 36500)
		return df_fail(why, DF_E_USAGE,
			       "--days takes a number of days");
	(void)cJSON_AddNumberToObject(args, "days", (double)n); /* memory */
	return DF_OK;
}

static enum df_err search_run(struct df_cli *cli, struct df_why *why)
{
	static const struct {
		const char *option, *member;
	} TEXTS[] = {
		{"id", "id"},
		{"issuer", "issuer"},
		{"name", "name"},
		{"birth", "birth_date"},
		{"sex", "sex"},
		{"modality", "modality"},
		{"body-part", "body_part"},
		{"purpose", "purpose"},
		{"order", "order"},
	};
	cJSON *args = cJSON_CreateObject();
	enum df_err rc;

	for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
		const char *value = df_cli_option(cli, TEXTS[i].option);

		if (value != NULL && value[0] != '\0')
			(void)cJSON_AddStringToObject(args, TEXTS[i].member,
						      value); /* memory */
	}
	(void)cJSON_AddStringToObject(args, "who", df_cli_who(cli)); /* */
	if (df_cli_option(cli, "local") != NULL)
		(void)cJSON_AddTrueToObject(args, "local"); /* the same */
	rc = put_days(cli, args, why);
	if (rc == DF_OK && df_cli_option(cli, "id") == NULL &&
	    df_cli_option(cli, "name") == NULL)
		rc = df_fail(why, DF_E_USAGE,
			     "whose exams? say --id NUMBER or --name NAME");
	if (rc != DF_OK) {
		cJSON_Delete(args);
		return rc;
	}
	return df_ask_print(cli, "prior search", args, found_print, why);
}

const struct df_cmd df_cmd_prior_search = {
	.path = "prior search",
	.args = "--id NUMBER [--issuer NAME] | --name NAME [--birth "
		"YYYY-MM-DD] [--sex M|F]\n          [--modality CT] "
		"[--body-part CHEST] [--days 90] [--purpose TEXT | --order "
		"NUMBER] [--by NAME] [--local]",
	.help = "earlier exams of a patient, here and at the centre\n      "
		"查找既往检查：先查本机，写明用途时再问中心（须有证件号，或姓名"
		"加"
		"出生日期）\n      Others are asked only with a purpose, and "
		"with a number or a name and birth date; --local: nobody is.",
	.options = "id= issuer= name= birth= sex= modality= body-part= days= "
		   "purpose= order= by= local",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.run = search_run,
};
