/*
 * cmd_serve.c - serve becomes supervise; status, reload.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "df/file.h"
#include "df/proc.h"

static enum df_err serve_run(struct df_cli *cli, struct df_why *why)
{
	char dir[PATH_MAX - 32], path[PATH_MAX];
	char c[] = "-C", name[] = "df-supervise";
	char *node = df_xstrdup(cli->dir_name);
	char *argv[] = {name, c, node, NULL};
	enum df_err rc = df_proc_self_dir(dir, sizeof dir, why);

	if (rc != DF_OK)
		return rc;
	df_str_fmt(path, sizeof path, "%s/df-supervise", dir);
	df_node_release(cli);
	(void)execv(path, argv); /* returns only when it failed */
	return df_fail_sys(why, DF_E_IO, "cannot start '%s'", path);
}

const struct df_cmd df_cmd_serve = {
	.path = "serve",
	.args = "",
	.help = "run the node in the foreground; SIGTERM drains, SIGHUP "
		"reloads",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG,
	.run = serve_run,
};

static void status_rooms(const cJSON *all)
{
	const cJSON *r;

	(void)puts(
		"room              state       pid      restarts"); /* main */
	cJSON_ArrayForEach(r, df_json_at(all, "rooms"))
	{
		char name[40];
		const int64_t number = df_json_num(r, "number");
		const char *room = df_json_text(r, "room");

		if (room[0] == '\0')
			room = df_json_text(r, "name");
		(void)snprintf(name, sizeof name, number > 0 ? "%s#%d" : "%s",
			       room, (int)number); /* cut is fine */
		df_cell(name, 17);
		df_cell(df_json_text(r, "state"), 11);
		(void)printf("%-8lld %lld\n", (long long)df_json_num(r, "pid"),
			     (long long)df_json_num(r, "restarts")); /* main */
	}
}

static void status_print(const cJSON *all)
{
	const cJSON *v;

	(void)printf("%s\n", cJSON_IsTrue(df_json_at(all, "ready"))
				     ? "ready"
				     : "not ready"); /* main checks stdout */
	status_rooms(all);
	(void)puts("\nqueue"); /* the same */
	cJSON_ArrayForEach(v, df_json_at(all, "queue")) if (cJSON_IsNumber(v) ||
							    cJSON_IsString(v))
	{
		char *text = cJSON_PrintUnformatted(v);

		(void)printf("  %-24s %s\n", v->string, text); /* same */
		cJSON_free(text);
	}
	(void)puts("\npeers"); /* the same */
	cJSON_ArrayForEach(v, df_json_at(all, "peers"))
	{
		(void)printf("  "); /* the same */
		df_cell(df_json_text(v, "name"), 30);
		df_cell(df_json_text(v, "fingerprint"), 64);
		(void)puts(df_json_text(v, "state")); /* the same */
	}
	cJSON_ArrayForEach(v, df_json_at(all, "silent"))(void)
		printf("\n%s does not answer\n",
		       cJSON_GetStringValue(v)); /* the same */
}

static enum df_err status_run(struct df_cli *cli, struct df_why *why)
{
	cJSON *all = NULL;
	enum df_err rc = df_ask(cli, "status", NULL, NULL, 0, DF_ASK_MS, &all,
				NULL, why);

	if (rc == DF_OK && cli->json)
		df_print_json(all);
	else if (rc == DF_OK)
		status_print(all);
	cJSON_Delete(all);
	return rc;
}

const struct df_cmd df_cmd_status = {
	.path = "status",
	.args = "",
	.help = "rooms, queue and peers of the running node",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.run = status_run,
};

static enum df_err reload_run(struct df_cli *cli, struct df_why *why)
{
	cJSON *result = NULL;
	enum df_err rc = df_ask(cli, "reload", NULL, NULL, 0, DF_ASK_MS,
				&result, NULL, why);

	cJSON_Delete(result);
	return rc;
}

const struct df_cmd df_cmd_reload = {
	.path = "reload",
	.args = "",
	.help = "the running node takes its configuration up anew",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG | DF_NEEDS_DAEMON,
	.run = reload_run,
};
