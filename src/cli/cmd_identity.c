/*
 * cmd_identity.c - identity list|show|merge|split|undo: which records may be
 * one person, why, and what a named person decides about it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define REF_SHOWN 12 /* characters; enough to name one among millions */

static void ref_print(const char *ref)
{
	(void)printf("%.*s", REF_SHOWN, ref); /* main checks */
}

static void patient_print(const char *head, const cJSON *p)
{
	const char *node = df_json_text(p, "node");

	(void)fputs(head, stdout); /* main checks */
	ref_print(df_json_text(p, "ref"));
	(void)fputs("  ", stdout); /* the same */
	df_cell(df_json_text(p, "patient_name"), 16);
	df_cell(df_json_text(p, "birth_date"), 8);
	df_cell(df_json_text(p, "sex"), 2);
	df_cell(df_json_text(p, "patient_id"), 20);
	if (node[0] != '\0')
		(void)printf("%.12s", node); /* the same */
	else
		(void)fputs("本机 here", stdout); /* the same */
	(void)putchar('\n');			  /* the same */
}

static void reasons_print(const cJSON *pair)
{
	const cJSON *r;

	(void)fputs("  原因 because: ", stdout); /* main checks */
	cJSON_ArrayForEach(r, df_json_at(pair, "reasons"))
	{
		(void)printf("%s %s%s", df_json_text(r, "zh"),
			     df_json_text(r, "en"),
			     r->next != NULL ? "; " : ""); /* the same */
	}
	(void)putchar('\n'); /* the same */
}

static void pair_print(const cJSON *pair)
{
	const char *decided = df_json_text(pair, "decided");

	(void)printf("%s / %s\n", df_json_text(pair, "match_zh"),
		     df_json_text(pair, "match_en")); /* main checks */
	patient_print("  ", df_json_at(pair, "a"));
	patient_print("  ", df_json_at(pair, "b"));
	reasons_print(pair);
	if (strcmp(decided, "nothing") != 0)
		(void)printf("  已定 decided: %s (%lld)\n",
			     strcmp(decided, "same") ? "不是同一人 different"
						     : "同一人 the same",
			     (long long)df_json_num(pair, "seq")); /* */
}

/* --- list
 * ---------------------------------------------------------------------- */

static void list_print(const cJSON *all)
{
	const cJSON *pair;
	long long open = (long long)df_json_num(all, "open");

	cJSON_ArrayForEach(pair, df_json_at(all, "questions")) pair_print(pair);
	(void)printf("%lld 个问题待人决定 / questions wait for a person\n",
		     open); /* main checks */
	if (cJSON_IsTrue(df_json_at(all, "more")))
		(void)puts("还有更多 / there are more: --limit N"); /* */
	if (open > 0)
		(void)puts("下一步 next:  dcm-forward identity show REF\n"
			   "              dcm-forward identity merge|split A B "
			   "--by NAME --reason TEXT"); /* the same */
}

static enum df_err list_run(struct df_cli *cli, struct df_why *why)
{
	cJSON *args = cJSON_CreateObject();
	enum df_err rc = df_args_number(cli, args, "limit", why);

	if (rc != DF_OK)
		return rc;
	(void)cJSON_AddBoolToObject(args, "all",
				    df_cli_option(cli, "all") != NULL);
	return df_ask_print(cli, "identity list", args, list_print, why);
}

const struct df_cmd df_cmd_identity_list = {
	.path = "identity list",
	.args = "[--all] [--limit N]",
	.help = "records that may be one person, or bear one number and are "
		"two: each with its\n      reasons. --all: also those that "
		"were decided. 待人确认的患者身份问题及原因",
	.options = "all limit=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.run = list_run,
};

/* --- show
 * ---------------------------------------------------------------------- */

static void studies_print(const cJSON *o)
{
	const cJSON *s;

	cJSON_ArrayForEach(s, df_json_at(o, "studies"))
	{
		(void)fputs("  ", stdout); /* main checks */
		df_cell(df_json_text(s, "study_date"), 8);
		df_cell(df_json_text(s, "modalities"), 8);
		df_cell_cut(df_json_text(s, "study_description"), 20);
		df_cell_cut(df_json_text(s, "institution"), 20);
		df_cell(df_json_text(s, "study_uid"), 1);
		(void)putchar('\n'); /* the same */
	}
}

static void decisions_print(const cJSON *o)
{
	const cJSON *d;

	cJSON_ArrayForEach(d, df_json_at(o, "decisions"))
	{
		long long undoes = (long long)df_json_num(d, "undoes");

		(void)printf("  %lld  ",
			     (long long)df_json_num(d, "seq")); /* main */
		df_print_time(df_json_text(d, "at"));
		(void)fputs("  ", stdout); /* the same */
		df_cell(df_json_text(d, "by"), 10);
		if (undoes > 0)
			(void)printf("撤销 undoes %lld ", undoes); /* */
		else
			(void)fputs(strcmp(df_json_text(d, "decided"), "same")
					    ? "拆分 split "
					    : "合并 merge ",
				    stdout); /* the same */
		ref_print(df_json_text(d, "other"));
		(void)fputs("  ", stdout); /* the same */
		df_cell(df_json_text(d, "reason"), 1);
		(void)putchar('\n'); /* the same */
	}
}

static void show_print(const cJSON *o)
{
	const cJSON *p;

	(void)puts("同一人的记录 / records of this person:"); /* main checks */
	cJSON_ArrayForEach(p, df_json_at(o, "person")) patient_print("  ", p);
	if (cJSON_IsTrue(df_json_at(df_json_at(o, "patient"), "held")))
		(void)puts("  归属待定：记录之间有矛盾 / held: its records "
			   "contradict each other"); /* the same */
	(void)puts("检查 / exams:");		     /* the same */
	studies_print(o);
	if (cJSON_GetArraySize(df_json_at(o, "pairs")) > 0)
		(void)puts("相近的记录 / records like it:"); /* the same */
	cJSON_ArrayForEach(p, df_json_at(o, "pairs")) pair_print(p);
	if (cJSON_GetArraySize(df_json_at(o, "decisions")) > 0)
		(void)puts("决定 / decisions (identity undo NUMBER):"); /* */
	decisions_print(o);
}

static enum df_err show_run(struct df_cli *cli, struct df_why *why)
{
	return df_ask_print(cli, "identity show",
			    df_args1("patient", cli->args[0]), show_print, why);
}

const struct df_cmd df_cmd_identity_show = {
	.path = "identity show",
	.args = "REF|STUDY_UID",
	.help = "one record: who it is one person with, his exams, records "
		"like it, what people\n      decided. REF: as in identity "
		"list, or its first characters. 一条患者记录的归属",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = show_run,
};

/* --- merge, split, undo
 * ----------------------------------------------------------- */

static void decided_print(const cJSON *o)
{
	const char *said = df_json_text(o, "decided");
	const cJSON *p;

	(void)printf("%lld: %s\n", (long long)df_json_num(o, "seq"),
		     !strcmp(said, "same") ? "同一人 the same person"
		     : !strcmp(said, "different")
			     ? "不是同一人 different persons"
			     : "恢复为未决定 as the "
			       "records say"); /* main */
	cJSON_ArrayForEach(p, df_json_at(o, "person")) patient_print("  ", p);
	(void)printf("撤销 to take it back:  dcm-forward identity undo %lld "
		     "--by NAME --reason TEXT\n",
		     (long long)df_json_num(o, "seq")); /* the same */
}

static void undone_print(const cJSON *o)
{
	const cJSON *p;

	(void)puts("已撤销 taken back"); /* main checks */
	cJSON_ArrayForEach(p, df_json_at(o, "person")) patient_print("  ", p);
}

/* Who decides is a name, not an account: several share one at a clinic. */
static enum df_err signature(const struct df_cli *cli, cJSON **args,
			     struct df_why *why)
{
	const char *by = df_cli_option(cli, "by");
	const char *reason = df_cli_option(cli, "reason");

	if (by == NULL || by[0] == '\0' || reason == NULL || reason[0] == '\0')
		return df_fail(why, DF_E_USAGE,
			       "say who you are and why: --by NAME --reason "
			       "TEXT; both are kept");
	*args = cJSON_CreateObject();
	(void)cJSON_AddStringToObject(*args, "by", by); /* NULL: no memory */
	(void)cJSON_AddStringToObject(*args, "reason", reason);
	return DF_OK;
}

static enum df_err of_two(struct df_cli *cli, const char *verb,
			  struct df_why *why)
{
	cJSON *args = NULL;
	enum df_err rc = signature(cli, &args, why);

	if (rc != DF_OK)
		return rc;
	(void)cJSON_AddStringToObject(args, "a", cli->args[0]);
	(void)cJSON_AddStringToObject(args, "b", cli->args[1]);
	return df_ask_print(cli, verb, args, decided_print, why);
}

static enum df_err merge_run(struct df_cli *cli, struct df_why *why)
{
	return of_two(cli, "identity merge", why);
}

const struct df_cmd df_cmd_identity_merge = {
	.path = "identity merge",
	.args = "A B --by NAME --reason TEXT",
	.help = "these two records are one person; stronger than what the "
		"records say.\n      No record is changed. 合并：确认两条记录是"
		"同一人（可撤销）",
	.options = "by= reason=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 2,
	.max_args = 2,
	.run = merge_run,
};

static enum df_err split_run(struct df_cli *cli, struct df_why *why)
{
	return of_two(cli, "identity split", why);
}

const struct df_cmd df_cmd_identity_split = {
	.path = "identity split",
	.args = "A B --by NAME --reason TEXT",
	.help = "these two records are two persons, whatever number they "
		"share.\n      拆分：确认两条记录不是同一人（可撤销）",
	.options = "by= reason=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 2,
	.max_args = 2,
	.run = split_run,
};

static enum df_err undo_run(struct df_cli *cli, struct df_why *why)
{
	cJSON *args = NULL;
	enum df_err rc = signature(cli, &args, why);
	uint64_t seq;

	if (rc != DF_OK)
		return rc;
	if (!df_text_u64(df_text_of(cli->args[0]), &seq) || seq == 0) {
		cJSON_Delete(args);
		return df_fail(why, DF_E_USAGE,
			       "a decision is named by its number; see "
			       "identity show");
	}
	(void)cJSON_AddNumberToObject(args, "seq", (double)seq);
	return df_ask_print(cli, "identity undo", args, undone_print, why);
}

const struct df_cmd df_cmd_identity_undo = {
	.path = "identity undo",
	.args = "NUMBER --by NAME --reason TEXT",
	.help = "takes a merge or split back: what held before it holds again. "
		"Both stay in the register.\n      撤销一次合并或拆分",
	.options = "by= reason=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = undo_run,
};
