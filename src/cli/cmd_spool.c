/*
 * cmd_spool.c - spool check|rebuild|scrub and index rebuild: custody, looked at
 * by a person.
 *
 * All but scrub need the node stopped: two readers of one journal would be one
 * too many. Nothing here deletes the only copy of anything: what is damaged is
 * moved, what is made anew stands beside the old.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "df/check.h"
#include "df/clock.h"
#include "df/damage.h"
#include "df/file.h"
#include "df/message.h"
#include "df/pages.h"
#include "df/register.h"

#define JOURNAL "state.db"
#define INDEX "index.db"
#define SHOWN 20 /* subjects of one kind */

/* supervise's own lock: held until this process ends. */
static enum df_err stopped(const struct df_cli *cli, struct df_why *why)
{
	static int held = -1; /* never closed: the end of the process does */
	enum df_err rc = DF_OK;

	if (held < 0)
		rc = df_file_lock(&held, cli->dir, ".lock", why);
	if (rc == DF_E_EXISTS)
		return df_fail(why, DF_E_REFUSED,
			       "the node is running; stop it first, or let it "
			       "read everything again itself: spool scrub");
	return rc;
}

struct house {
	struct df_spool spool;
	struct df_journal *j;
};

static enum df_err open_house(const struct df_cli *cli, struct house *h,
			      struct df_why *why)
{
	char path[4096];
	enum df_err rc;

	*h = (struct house){.j = NULL};
	if (snprintf(path, sizeof path, "%s/" JOURNAL, cli->dir_name) >=
	    (int)sizeof path)
		return df_fail(why, DF_E_USAGE, "the path is too long");
	rc = df_spool_open(&h->spool, cli->dir, why);
	if (rc == DF_OK)
		rc = df_journal_open(&h->j, path, why);
	if (rc != DF_OK)
		df_spool_close(&h->spool);
	return rc;
}

static void close_house(struct house *h)
{
	df_journal_close(h->j);
	df_spool_close(&h->spool);
}

/* --- rebuild ---------------------------------------------------------------------- */

static void say_rebuilt(const struct df_cli *cli, const struct df_recovery *r)
{
	const struct {
		const char *key;
		uint64_t n;
		const char *text;
	} rows[] = {
		{"objects", r->objects, "个对象 objects"},
		{"adopted", r->adopted, "已重新登记 taken up from their files"},
		{"facts", r->facts, "账本中的事实 facts from the ledger"},
		{"forgotten", r->forgotten,
		 "账本中损坏的行 damaged lines of the ledger (ALARM)"},
		{"lost", r->lost, "文件丢失 rows without their object (ALARM)"},
		{"bad", r->bad, "损坏的对象 damaged objects (ALARM)"},
		{"dropped", r->dropped,
		 "已有替代 that another form replaced"},
		{"unfinished", r->swept,
		 "从未确认 unfinished, never acknowledged"},
		{"strangers", r->strangers, "外来文件 files that are not ours"},
	};
	cJSON *o = cJSON_CreateObject();

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		(void)cJSON_AddNumberToObject(o, rows[i].key,
					      (double)rows[i].n); /* memory */
		if (!cli->json && (rows[i].n > 0 || i == 0))
			(void)printf("%8" PRIu64 "  %s\n", rows[i].n,
				     rows[i].text); /* main checks stdout */
	}
	if (cli->json)
		df_print_json(o);
	cJSON_Delete(o);
}

static enum df_err rebuild(const struct df_cli *cli, struct df_recovery *r,
			   struct df_why *why)
{
	struct house h;
	enum df_err rc = df_pages_aside(cli->dir, JOURNAL, why);

	if (rc == DF_OK)
		rc = open_house(cli, &h, why);
	if (rc != DF_OK)
		return rc;
	rc = df_spool_recover(&h.spool, h.j, true, df_clock_wall_ms(), r, why);
	if (rc == DF_OK)
		rc = df_ledger_flush(&h.spool, h.j, why);
	df_journal_firm(h.j);
	if (rc == DF_OK)
		rc = df_journal_commit(h.j, why);
	close_house(&h);
	return rc;
}

static enum df_err rebuild_run(struct df_cli *cli, struct df_why *why)
{
	struct df_recovery r = {0};
	enum df_err rc = stopped(cli, why);

	if (rc == DF_OK)
		rc = rebuild(cli, &r, why);
	if (rc != DF_OK)
		return rc;
	say_rebuilt(cli, &r);
	if (r.lost + r.bad > 0)
		return df_fail(why, DF_E_CORRUPT,
			       "%" PRIu64 " objects are lost and %" PRIu64
			       " are damaged: quarantine list says which; ask "
			       "the modality to send again",
			       r.lost, r.bad);
	return DF_OK;
}

const struct df_cmd df_cmd_spool_rebuild = {
	.path = "spool rebuild",
	.args = "",
	.help = "make state.db anew from the objects and the ledger (node "
		"stopped); the old one stays beside it",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG,
	.run = rebuild_run,
};

static enum df_err index_aside(const struct df_cli *cli, struct df_why *why)
{
	/* the mark first: an index that is new must be told everything */
	enum df_err rc = df_file_write_durable(cli->dir, DF_INDEX_NEW, 0600, "",
					       0, why);

	return rc == DF_OK ? df_pages_aside(cli->dir, INDEX, why) : rc;
}

static enum df_err index_run(struct df_cli *cli, struct df_why *why)
{
	enum df_err rc = stopped(cli, why);

	if (rc == DF_OK)
		rc = index_aside(cli, why);
	if (rc != DF_OK)
		return rc;
	if (!cli->json)
		(void)puts("下次启动时从对象重建 / it is made anew from the "
			   "objects when the node starts; status counts what "
			   "is left (index_left)"); /* main checks */
	return DF_OK;
}

const struct df_cmd df_cmd_index_rebuild = {
	.path = "index rebuild",
	.args = "",
	.help = "make index.db anew from the objects (node stopped); the old "
		"one stays beside it",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG,
	.run = index_run,
};

/* --- check -------------------------------------------------------------------------- */

struct findings {
	uint64_t n[DF_FOUND_COUNT];
	char *subject[DF_FOUND_COUNT][SHOWN];
	struct df_id *aside, *move; /* for repair */
	size_t n_aside, n_move;
	uint64_t objects, bytes;
};

static void remember(struct df_id **list, size_t *n, const char *subject)
{
	struct df_id id;

	if (!df_id_decode(&id, df_text_of(subject)))
		return;
	*list = df_xrealloc(*list, (*n + 1) * sizeof **list);
	(*list)[(*n)++] = id;
}

static void found(void *ctx, enum df_finding f, const char *subject)
{
	struct findings *all = ctx;

	if (all->n[f] < SHOWN)
		all->subject[f][all->n[f]] = df_xstrdup(subject);
	all->n[f]++;
	if (df_finding_kind(f)->remedy == DF_REMEDY_ASIDE)
		remember(&all->aside, &all->n_aside, subject);
	if (df_finding_kind(f)->remedy == DF_REMEDY_MOVE)
		remember(&all->move, &all->n_move, subject);
}

static void findings_release(struct findings *all)
{
	for (size_t f = 0; f < DF_FOUND_COUNT; f++)
		for (size_t i = 0; i < SHOWN; i++)
			free(all->subject[f][i]);
	free(all->aside);
	free(all->move);
}

static uint64_t alarms(const struct findings *all)
{
	uint64_t n = 0;

	for (size_t f = 0; f < DF_FOUND_COUNT; f++)
		if (df_finding_kind((enum df_finding)f)->alarm)
			n += all->n[f];
	return n;
}

static cJSON *findings_json(const struct findings *all)
{
	cJSON *o = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(o, "found");

	/* NULL is lack of memory, which cJSON_Print reports */
	(void)cJSON_AddNumberToObject(o, "objects", (double)all->objects);
	(void)cJSON_AddNumberToObject(o, "bytes", (double)all->bytes);
	(void)cJSON_AddBoolToObject(o, "sound", alarms(all) == 0);
	for (size_t f = 0; f < DF_FOUND_COUNT; f++) {
		const struct df_finding_kind *k =
			df_finding_kind((enum df_finding)f);
		cJSON *one, *subjects;

		if (all->n[f] == 0)
			continue;
		one = cJSON_CreateObject();
		(void)cJSON_AddStringToObject(one, "kind", k->name);
		(void)cJSON_AddNumberToObject(one, "count", (double)all->n[f]);
		(void)cJSON_AddBoolToObject(one, "alarm", k->alarm);
		(void)cJSON_AddStringToObject(one, "text", k->en);
		subjects = cJSON_AddArrayToObject(one, "subjects");
		for (size_t i = 0; i < all->n[f] && i < SHOWN; i++)
			(void)cJSON_AddItemToArray(
				subjects, cJSON_CreateString(all->subject[f][i]));
		(void)cJSON_AddItemToArray(list, one);
	}
	return o;
}

static void findings_print(const struct findings *all)
{
	char size[16];

	df_bytes_text(size, (int64_t)all->bytes);
	(void)printf("%" PRIu64 " 个对象 objects, %s\n", all->objects,
		     size); /* main checks stdout, here and below */
	for (size_t f = 0; f < DF_FOUND_COUNT; f++) {
		const struct df_finding_kind *k =
			df_finding_kind((enum df_finding)f);

		if (all->n[f] == 0)
			continue;
		(void)printf("%s %" PRIu64 "  %s / %s\n",
			     k->alarm ? "警报 ALARM" : "注意 note ", all->n[f],
			     k->zh, k->en);
		for (size_t i = 0; i < all->n[f] && i < 5; i++)
			(void)printf("        %s\n", all->subject[f][i]);
	}
	if (alarms(all) == 0)
		(void)puts("完好 sound");
}

static enum df_err check_database(const struct df_cli *cli, const char *name,
				  enum df_finding f, struct findings *all,
				  struct df_why *why)
{
	uint64_t pages, bad;
	enum df_err rc = df_pages_check(cli->dir, name, &pages, &bad, why);

	if (rc == DF_E_NOTFOUND)
		return DF_OK; /* made anew at the next start */
	if (rc == DF_E_FORMAT)
		bad = 1;
	for (uint64_t i = 0; (rc == DF_OK || rc == DF_E_FORMAT) && i < bad; i++)
		found(all, f, name);
	return rc == DF_E_FORMAT ? DF_OK : rc;
}

/* Its chain, and against what index.db has followed. */
static enum df_err check_register(const struct df_cli *cli,
				  struct findings *all, struct df_why *why)
{
	const struct df_register_account *a;
	struct df_register *r;
	uint64_t seq = 0;
	enum df_err rc = df_register_open(&r, cli->dir, NULL, why);

	if (rc == DF_E_NOTFOUND)
		return DF_OK; /* none yet; or lost, and the index says so */
	if (rc != DF_OK)
		return rc;
	a = df_register_account(r);
	if (all->n[DF_FOUND_INDEX_PAGES] == 0)
		rc = df_node_followed(cli, &seq, why);
	if (rc == DF_OK && (a->broken != 0 || seq > a->last))
		found(all, DF_FOUND_REGISTER, DF_REGISTER_FILE);
	df_register_close(r);
	return rc;
}

/* Looks; when state.db itself is damaged its rows prove nothing. */
static enum df_err look(const struct df_cli *cli, bool read_data,
			struct findings *all, struct df_why *why)
{
	struct house h;
	enum df_err rc;

	rc = check_database(cli, JOURNAL, DF_FOUND_STATE_PAGES, all, why);
	if (rc == DF_OK)
		rc = check_database(cli, INDEX, DF_FOUND_INDEX_PAGES, all, why);
	if (rc == DF_OK)
		rc = check_register(cli, all, why);
	if (rc != DF_OK || all->n[DF_FOUND_STATE_PAGES] > 0)
		return rc;
	rc = open_house(cli, &h, why);
	if (rc != DF_OK)
		return rc;
	rc = df_spool_check(&h.spool, h.j, read_data, found, all,
			    &all->objects, &all->bytes, why);
	close_house(&h);
	return rc;
}

static bool wants(const struct findings *all, enum df_remedy remedy)
{
	for (size_t f = 0; f < DF_FOUND_COUNT; f++)
		if (all->n[f] > 0 &&
		    df_finding_kind((enum df_finding)f)->remedy == remedy)
			return true;
	return false;
}

/* Files to where they belong; nothing is deleted. */
static enum df_err repair_files(const struct df_cli *cli,
				const struct findings *all, struct df_why *why)
{
	struct df_damage damage;
	struct df_recovery r;
	struct house h;
	enum df_err rc = open_house(cli, &h, why);

	if (rc != DF_OK)
		return rc;
	for (size_t i = 0; i < all->n_move; i++)
		if (df_spool_replace(&h.spool, &all->move[i], why) != DF_OK)
			(void)fprintf(stderr, "%s\n", why->text); /* stays */
	for (size_t i = 0; rc == DF_OK && i < all->n_aside; i++)
		rc = df_spool_condemn(&h.spool, h.j, &all->aside[i],
				      "was found damaged by spool check",
				      &damage, why);
	/* before recovery: what is written anew must not be read first */
	if (rc == DF_OK && wants(all, DF_REMEDY_LEDGER))
		df_ledger_distrust(h.j);
	if (rc == DF_OK)
		rc = df_spool_recover(&h.spool, h.j, true, df_clock_wall_ms(),
				      &r, why);
	df_journal_firm(h.j);
	if (rc == DF_OK)
		rc = df_journal_commit(h.j, why);
	if (rc == DF_OK)
		rc = df_ledger_flush(&h.spool, h.j, why);
	df_journal_firm(h.j);
	if (rc == DF_OK)
		rc = df_journal_commit(h.j, why);
	close_house(&h);
	return rc;
}

static enum df_err repair(const struct df_cli *cli, const struct findings *all,
			  struct df_why *why)
{
	struct df_recovery r;
	enum df_err rc = DF_OK;

	/* the files first: the journal is made from what stands then */
	if (all->n[DF_FOUND_STATE_PAGES] == 0)
		rc = repair_files(cli, all, why);
	if (rc == DF_OK && wants(all, DF_REMEDY_REBUILD))
		rc = rebuild(cli, &r, why);
	if (rc == DF_OK && wants(all, DF_REMEDY_INDEX))
		rc = index_aside(cli, why);
	return rc;
}

static enum df_err look_and_say(const struct df_cli *cli, bool read_data,
				bool say, struct findings *all,
				struct df_why *why)
{
	enum df_err rc = look(cli, read_data, all, why);
	cJSON *o;

	if (rc != DF_OK || !say)
		return rc;
	if (!cli->json) {
		findings_print(all);
		return DF_OK;
	}
	o = findings_json(all);
	df_print_json(o);
	cJSON_Delete(o);
	return DF_OK;
}

static enum df_err check_run(struct df_cli *cli, struct df_why *why)
{
	bool read_data = df_cli_option(cli, "read-data") != NULL;
	bool mend = df_cli_option(cli, "repair") != NULL;
	struct findings all = {.objects = 0};
	uint64_t left;
	enum df_err rc = stopped(cli, why);

	if (rc == DF_OK)
		rc = look_and_say(cli, read_data, !mend || !cli->json, &all,
				  why);
	if (rc == DF_OK && mend)
		rc = repair(cli, &all, why);
	if (rc == DF_OK && mend) {
		if (!cli->json)
			(void)puts("-- 修复之后 after repair"); /* main */
		findings_release(&all);
		all = (struct findings){.objects = 0};
		rc = look_and_say(cli, read_data, true, &all, why);
	}
	left = alarms(&all);
	findings_release(&all);
	if (rc == DF_OK && left > 0)
		rc = df_fail(why, DF_E_CORRUPT,
			     "%" PRIu64 " things are not as they should be; "
			     "spool check --repair mends what can be mended and "
			     "deletes nothing",
			     left);
	return rc;
}

const struct df_cmd df_cmd_spool_check = {
	.path = "spool check",
	.args = "[--read-data] [--repair]",
	.help = "hold files and rows against each other (node stopped); "
		"--read-data also reads every byte"
		"\n      核对文件与记录（须先停止节点）",
	.options = "read-data repair",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG,
	.run = check_run,
};

/* --- scrub --------------------------------------------------------------------------- */

static void scrub_print(const cJSON *o)
{
	const cJSON *s = df_json_at(o, "scrub");
	char size[16];

	df_bytes_text(size, df_json_num(s, "bytes"));
	(void)printf("%lld / %lld 个对象已重读 objects read again, %s\n",
		     (long long)df_json_num(s, "looked_at"),
		     (long long)df_json_num(s, "objects"),
		     size); /* main checks stdout, here and below */
	(void)printf("本轮开始 round began   %s\n",
		     df_json_text(s, "round_began"));
	(void)printf("上轮结束 last one ended %s\n",
		     df_json_text(s, "last_round_ended"));
	(void)printf("发现损坏 found damaged  %lld%s\n",
		     (long long)df_json_num(s, "damaged"),
		     df_json_num(s, "damaged") > 0 ? "  (quarantine list)" : "");
}

static enum df_err scrub_run(struct df_cli *cli, struct df_why *why)
{
	return df_ask_print(cli, "spool scrub",
			    df_cli_option(cli, "now") != NULL
				    ? df_args1("begin", "now")
				    : NULL,
			    scrub_print, why);
}

const struct df_cmd df_cmd_spool_scrub = {
	.path = "spool scrub",
	.args = "[--now]",
	.help = "how far the node is with reading everything again; --now "
		"begins a round without pauses",
	.options = "now",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.run = scrub_run,
};
