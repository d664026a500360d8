/*
 * cmd_config.c - config check|show|sample; modality add|list.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static enum df_err check_run(struct df_cli *cli, struct df_why *why)
{
	/* DF_NEEDS_CONFIG parsed config.ini */
	const enum df_err rc = df_node_rules(cli->dir, why);

	if (rc != DF_OK)
		return rc;
	if (!cli->json)
		(void)puts("config.ini is good"); /* main checks stdout */
	return DF_OK;
}

const struct df_cmd df_cmd_config_check = {
	.path = "config check",
	.args = "",
	.help = "parse config.ini and the tables of recognition/, and say "
		"which line is wrong",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG,
	.run = check_run,
};

/* The lines of df_config_show as {"section.key": "value", ...}. */
static void show_json(struct df_text rest)
{
	cJSON *o = cJSON_CreateObject();
	struct df_text line;

	while (df_text_line(&rest, &line)) {
		char text[1024];
		char *value, *origin = NULL;

		if (df_str_copy(text, sizeof text, line) != DF_OK)
			continue;
		value = strstr(text, " = ");
		if (value == NULL)
			continue;
		*value = '\0';
		value += 3;
		for (char *p = value; (p = strstr(p, "  # ")) != NULL; p++)
			origin = p;
		if (origin != NULL)
			*origin = '\0';
		(void)cJSON_AddStringToObject(o, text, value); /* no memory */
	}
	df_print_json(o);
	cJSON_Delete(o);
}

static enum df_err show_run(struct df_cli *cli, struct df_why *why)
{
	struct df_buf b;
	enum df_err rc;

	df_buf_init(&b, 4 * DF_CONFIG_MAX);
	rc = df_config_show(&b, &cli->cfg, why);
	if (rc == DF_OK && cli->json)
		show_json((struct df_text){(const char *)b.ptr, b.len});
	else if (rc == DF_OK)
		df_print_clean((const char *)b.ptr, b.len);
	df_buf_release(&b);
	return rc;
}

const struct df_cmd df_cmd_config_show = {
	.path = "config show",
	.args = "",
	.help = "every key with its value and where it comes from",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG,
	.run = show_run,
};

static enum df_err sample_run(struct df_cli *cli, struct df_why *why)
{
	struct df_buf b;
	enum df_err rc;

	df_buf_init(&b, DF_CONFIG_MAX);
	rc = df_config_sample(&b, NULL, why);
	if (rc == DF_OK)
		df_print_file(cli, (const char *)b.ptr, b.len);
	df_buf_release(&b);
	return rc;
}

const struct df_cmd df_cmd_config_sample = {
	.path = "config sample",
	.args = "",
	.help = "a commented config.ini with every key",
	.run = sample_run,
};

static enum df_err modality_add(struct df_cli *cli, struct df_why *why)
{
	const char *pairs[2 * DF_CIDRS + 6];
	const char *reports = df_cli_option(cli, "reports");
	size_t n = 0;
	const char *from;

	while (n < DF_CIDRS + 1 &&
	       (from = df_cli_option_at(cli, "from", n)) != NULL) {
		pairs[2 * n] = "from";
		pairs[2 * n + 1] = from;
		n++;
	}
	if (reports != NULL) {
		pairs[2 * n] = "reports";
		pairs[2 * n + 1] = reports;
		n++;
	}
	if (df_cli_option(cli, "stat") != NULL) {
		pairs[2 * n] = "stat";
		pairs[2 * n + 1] = "yes";
		n++;
	}
	return df_node_add_section(cli, "modality", cli->args[0], pairs, n,
				   why);
}

const struct df_cmd df_cmd_modality_add = {
	.path = "modality add",
	.args = "AET [--from CIDR]... [--reports AET@HOST:PORT] [--stat]",
	.help = "allow a calling AE title, from anywhere or from these "
		"addresses; --reports: where it takes storage commitment "
		"reports; --stat: urgent, its studies go first and are "
		"taken while the disk is nearly full"
		"\n      允许设备发送影像；--stat 急诊优先",
	.options = "from=+ reports= stat",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG,
	.min_args = 1,
	.max_args = 1,
	.run = modality_add,
};

static enum df_err modality_list(struct df_cli *cli, struct df_why *why)
{
	cJSON *all = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(all, "modalities");

	(void)why;
	for (size_t i = 0; i < cli->cfg.n_modalities; i++) {
		const struct df_modality *m = &cli->cfg.modalities[i];
		cJSON *o = df_args1("ae_title", m->ae);

		(void)cJSON_AddNumberToObject(o, "prefixes",
					      (double)m->n_from); /* memory */
		(void)cJSON_AddBoolToObject(o, "reports",
					    m->reports.host[0] != '\0');
		(void)cJSON_AddBoolToObject(o, "stat", m->stat);
		(void)cJSON_AddItemToArray(list, o);
		if (!cli->json)
			(void)printf("%-16s %s%s%s\n", m->ae,
				     m->n_from ? "from listed addresses"
					       : "from anywhere",
				     m->reports.host[0] != '\0'
					     ? ", takes reports"
					     : "",
				     m->stat ? ", urgent 急诊优先"
					     : ""); /* main */
	}
	if (cli->json)
		df_print_json(all);
	cJSON_Delete(all);
	return DF_OK;
}

const struct df_cmd df_cmd_modality_list = {
	.path = "modality list",
	.args = "",
	.help = "who may send images"
		"\n      允许发送的设备",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG,
	.run = modality_list,
};
