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

	if (rc == DF_OK)
		rc = df_node_keys(cli, why);
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

/* Why images are refused, and what a person does about it. */
static void status_refusal(const cJSON *queue)
{
	static const struct {
		const char *reason, *text;
	} words[] = {
		{"space", "NO ROOM: make room on this disk\n  "
			  "磁盘已满，拒收新影像；请清理磁盘"},
		{"inodes", "NO ROOM for more files: make room on this disk\n  "
			   "磁盘文件数已满，拒收新影像；请清理磁盘"},
		{"read-only", "DISK IS READ-ONLY: see the system's log\n  "
			      "磁盘只读，拒收新影像；请查看系统日志"},
		{"unmounted", "DISK IS AWAY: mount the disk of the spool\n  "
			      "磁盘未挂载，拒收新影像；请挂载磁盘"},
		{"degraded", "DISK FAILS: it did not keep what was written; "
			     "it is tried again every 5 s. Replace it\n  "
			     "磁盘写入失败，拒收新影像；每5秒自动重试，请更换磁盘"},
		{"draining", "ending: new images are refused\n  "
			     "正在停止，拒收新影像"},
	};
	const char *reason = df_json_text(queue, "refusing");
	const char *trouble = df_json_text(queue, "disk_trouble");

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i].reason, reason) == 0)
			(void)printf("  %s\n  A700: %s\n", words[i].text,
				     df_json_text(queue, "refusing_text"));
	if (trouble[0] == '\0')
		return;
	(void)printf("  this disk failed at 磁盘曾写入失败: ");
	df_print_time(df_json_text(queue, "disk_trouble_at"));
	(void)printf(" %s\n", trouble); /* main checks stdout */
}

/* The disk fills, and images are still taken. */
static void status_marks(const cJSON *disk)
{
	const char *mark = df_json_text(disk, "mark");
	const cJSON *days = df_json_at(disk, "days_left");

	if (strcmp(mark, "soft") == 0)
		(void)printf("  ALARM 警告: disk filled to %lld %%, make room "
			     "磁盘将满，请清理\n",
			     (long long)df_json_num(disk, "filled_percent"));
	else if (strcmp(mark, "high") == 0)
		(void)printf("  ALARM 警告: disk filled to %lld %%; only urgent "
			     "modalities and studies in flight are taken "
			     "磁盘将满，仅接收急诊影像\n",
			     (long long)df_json_num(disk, "filled_percent"));
	if (cJSON_IsNumber(days))
		(void)printf("  %8lld  days until it is full 预计可用天数\n",
			     (long long)df_json_num(disk, "days_left"));
}

static void status_queue(const cJSON *queue)
{
	static const struct {
		const char *key, *text;
	} counts[] = {
		{"received", "images taken since the start 已接收"},
		{"inspecting", "being looked into 检查中"},
		{"waiting", "wait to be sent 等待发送"},
		{"sending", "being sent 发送中"},
		{"deferred", "to be tried again later 稍后重试"},
		{"held", "held by a person 已暂停"},
		{"refused", "refused by the other side 对方拒收"},
		{"delivered", "sent, receipt not here yet 已送达待回执"},
		{"confirmed", "confirmed 已确认"},
		{"expired", "given up 已过期"},
		{"quarantined", "in quarantine: quarantine list 已隔离"},
	};
	char free_bytes[16];

	(void)puts("\nqueue 队列"); /* main checks stdout */
	status_refusal(queue);
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		if (df_json_num(queue, counts[i].key) > 0)
			(void)printf(
				"  %8lld  %s\n",
				(long long)df_json_num(queue, counts[i].key),
				counts[i].text); /* the same */
	df_bytes_text(free_bytes, df_json_num(queue, "free_bytes"));
	(void)printf("  %8s  free on this disk 磁盘剩余\n", free_bytes);
	status_marks(df_json_at(queue, "disk"));
	df_bytes_text(free_bytes,
		      df_json_num(df_json_at(queue, "retention"),
				  "releasable_bytes"));
	(void)printf("  %8s  held by others too, may be let go 可释放\n",
		     free_bytes); /* the same */
	if (df_json_num(df_json_at(queue, "codings"), "mismatches") > 0)
		(void)puts("  ALARM 警告: an encoder gave frames back otherwise; "
			   "another coding was used, nothing is lost: study "
			   "show\n  编码器结果不符，已改用其他编码，影像无损");
}

static void status_destinations(const cJSON *queue)
{
	const cJSON *d, *list = df_json_at(queue, "destinations");

	if (cJSON_GetArraySize(list) == 0)
		return;
	(void)puts("\ndestinations 目的地"); /* main checks stdout */
	cJSON_ArrayForEach(d, list)
	{
		const bool up = cJSON_IsTrue(df_json_at(d, "up"));

		(void)fputs("  ", stdout); /* the same */
		df_cell(df_json_text(d, "name"), 22);
		df_cell(df_json_text(d, "kind"), 5);
		df_cell(up ? "good" : "DOWN", 5);
		if (!up) {
			df_cell(df_json_text(d, "last_error"), 1);
			(void)fputs("; next try ", stdout); /* the same */
			df_print_time(df_json_text(d, "next_try"));
		} else {
			df_cell(df_json_text(d, "warning"), 1);
		}
		if (cJSON_IsObject(df_json_at(d, "cap")))
			(void)printf("  cap 限速 %s",
				     df_json_text(df_json_at(d, "cap"),
						  "rate")); /* the same */
		(void)putchar('\n'); /* the same */
	}
}

static void status_print(const cJSON *all)
{
	const cJSON *v, *queue = df_json_at(all, "queue");

	(void)puts(cJSON_IsTrue(df_json_at(all, "ready"))
			   ? "ready 运行正常"
			   : "not ready 未就绪"); /* main checks stdout */
	status_rooms(all);
	if (cJSON_IsObject(queue)) {
		status_queue(queue);
		status_destinations(queue);
	}
	if (df_json_num(df_json_at(all, "identity"), "open") > 0)
		(void)printf("\nidentity 患者身份: %lld 个问题待人决定 / "
			     "questions wait for a person: dcm-forward "
			     "identity list\n",
			     (long long)df_json_num(df_json_at(all, "identity"),
						    "open")); /* the same */
	if (cJSON_GetArraySize(df_json_at(all, "peers")) > 0)
		(void)puts("\npeers 对端"); /* the same */
	cJSON_ArrayForEach(v, df_json_at(all, "peers"))
	{
		(void)fputs("  ", stdout); /* the same */
		df_cell(df_json_text(v, "name"), 22);
		df_cell(df_json_text(v, "state"), 9);
		(void)printf("%.16s…\n",
			     df_json_text(v, "fingerprint")); /* the same */
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
	.help = "rooms, queue and peers of the running node"
		"\n      运行状态、队列、对端",
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
	.help = "the running node takes its configuration up anew"
		"\n      重新读取配置",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG | DF_NEEDS_DAEMON,
	.run = reload_run,
};
