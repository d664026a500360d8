/*
 * cmd_spool.c - spool check|rebuild: custody without the daemon.
 *
 * Both need the node stopped: two readers of one journal would be one too
 * many. A rebuild loses attempts, never images: what was delivered may be
 * delivered again, under the same keys.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "df/clock.h"
#include "df/file.h"
#include "df/journal.h"

#define JOURNAL "state.db"

/* supervise's own lock: held until this process ends. */
static enum df_err stopped(const struct df_cli *cli, struct df_why *why)
{
	int held; /* never closed: the end of the process does */
	enum df_err rc = df_file_lock(&held, cli->dir, ".lock", why);

	if (rc == DF_E_EXISTS)
		return df_fail(why, DF_E_REFUSED,
			       "the node is running; stop it first");
	return rc;
}

static void say(const struct df_cli *cli, const struct df_recovery *r)
{
	const struct {
		const char *key;
		uint64_t n;
		const char *text;
	} rows[] = {
		{"objects", r->objects, "objects"},
		{"adopted", r->adopted, "objects without a row"},
		{"lost", r->lost, "rows without their object (ALARM)"},
		{"bad", r->bad,
		 "objects whose envelope is not readable (ALARM)"},
		{"dropped", r->dropped, "objects that another form replaced"},
		{"unfinished", r->swept, "unfinished files, never acknowledged"},
		{"strangers", r->strangers, "files that are not ours"},
	};
	cJSON *o = cJSON_CreateObject();

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		(void)cJSON_AddNumberToObject(o, rows[i].key,
					      (double)rows[i].n); /* memory */
		if (!cli->json && (rows[i].n > 0 || i == 0))
			(void)printf("%8" PRIu64 " %s\n", rows[i].n,
				     rows[i].text); /* main checks stdout */
	}
	if (cli->json)
		df_print_json(o);
	cJSON_Delete(o);
}

static enum df_err journal_path(const struct df_cli *cli, char path[4096],
				struct df_why *why)
{
	if (snprintf(path, 4096, "%s/" JOURNAL, cli->dir_name) >= 4096)
		return df_fail(why, DF_E_USAGE, "the path is too long");
	return DF_OK;
}

static enum df_err recover(struct df_cli *cli, bool change, struct df_why *why)
{
	struct df_spool spool;
	struct df_journal *j = NULL;
	struct df_recovery r = {0};
	char path[4096];
	enum df_err rc = journal_path(cli, path, why);

	if (rc != DF_OK)
		return rc;
	rc = df_spool_open(&spool, cli->dir, why);
	if (rc != DF_OK)
		return rc;
	rc = df_journal_open(&j, path, why);
	if (rc == DF_OK)
		rc = df_spool_recover(&spool, j, change, df_clock_wall_ms(), &r,
				      why);
	if (rc == DF_OK)
		say(cli, &r);
	if (rc == DF_OK && (r.lost > 0 || r.bad > 0))
		rc = df_fail(why, DF_E_CORRUPT,
			     "%" PRIu64 " objects are lost and "
			     "%" PRIu64 " are damaged: look at the disk, ask "
			     "the modality to send again",
			     r.lost, r.bad);
	df_journal_close(j);
	df_spool_close(&spool);
	return rc;
}

static enum df_err check_run(struct df_cli *cli, struct df_why *why)
{
	const enum df_err rc = stopped(cli, why);

	return rc == DF_OK ? recover(cli, false, why) : rc;
}

const struct df_cmd df_cmd_spool_check = {
	.path = "spool check",
	.args = "",
	.help = "hold objects and journal against each other (node stopped)",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG,
	.run = check_run,
};

/* The old journal steps aside, with its parts; nothing is deleted. */
static enum df_err set_aside(const struct df_cli *cli, struct df_why *why)
{
	static const char *const parts[] = {"", "-wal", "-shm"};
	char from[64], to[96], now[DF_TIME_LEN + 1];

	df_time_encode(now, df_clock_wall_ms());
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		df_str_fmt(from, sizeof from, JOURNAL "%s", parts[i]);
		df_str_fmt(to, sizeof to, JOURNAL ".%s%s", now, parts[i]);
		if (renameat2(cli->dir, from, cli->dir, to, RENAME_NOREPLACE) <
			    0 &&
		    errno != ENOENT)
			return df_fail_sys(why, DF_E_IO,
					   "cannot set '%s' aside", from);
	}
	return df_dir_sync(cli->dir, "node", why);
}

static enum df_err rebuild_run(struct df_cli *cli, struct df_why *why)
{
	enum df_err rc = stopped(cli, why);

	if (rc == DF_OK)
		rc = set_aside(cli, why);
	return rc == DF_OK ? recover(cli, true, why) : rc;
}

const struct df_cmd df_cmd_spool_rebuild = {
	.path = "spool rebuild",
	.args = "",
	.help = "make the journal anew from the objects (node stopped)",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG,
	.run = rebuild_run,
};
