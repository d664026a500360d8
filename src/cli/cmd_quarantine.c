/*
 * cmd_quarantine.c - quarantine list: what came in and cannot be sent, and
 * why; the only place that shows an instance without a usable study.
 */
#include <stdio.h>

#include "cli.h"

static void list_print(const cJSON *all)
{
	const cJSON *o;

	cJSON_ArrayForEach(o, df_json_at(all, "quarantined"))
	{
		const char *study = df_json_text(o, "study_uid");

		df_cell(df_json_text(o, "received"), 22);
		df_cell(df_json_text(o, "source"), 16);
		df_cell(df_json_text(o, "sop_instance"), 1);
		(void)fputs("\n  原因 reason: ", stdout); /* main checks */
		df_cell(df_json_text(o, "reason"), 1);
		(void)fputs("\n  检查 study:  ", stdout); /* the same */
		df_cell(study[0] != '\0' ? study : "未知 unknown", 1);
		(void)putchar('\n'); /* the same */
	}
	(void)printf("%lld 影像被隔离，原文件保存在 spool/ 中 / images in "
		     "quarantine; their bytes are kept in spool/\n",
		     (long long)df_json_num(all, "total")); /* the same */
}

static enum df_err list_run(struct df_cli *cli, struct df_why *why)
{
	cJSON *result = NULL;
	enum df_err rc = df_ask(cli, "quarantine list", NULL, NULL, 0,
				DF_ASK_MS, &result, NULL, why);

	if (rc == DF_OK && cli->json)
		df_print_json(result);
	else if (rc == DF_OK)
		list_print(result);
	cJSON_Delete(result);
	return rc;
}

const struct df_cmd df_cmd_quarantine_list = {
	.path = "quarantine list",
	.args = "",
	.help = "images that came in and cannot be sent, and why",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.run = list_run,
};
