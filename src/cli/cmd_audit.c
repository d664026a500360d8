/*
 * cmd_audit.c - audit list|verify|export: the register of what was decided and
 * asked, and whether all of it is there.
 *
 * `verify` looks at the file itself, link by link, without any key; the daemon,
 * when it runs, opens every entry under its key, and says what it remembers.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "df/file.h"
#include "df/register.h"

#define SLICE 1000

static cJSON *from_number(uint64_t from)
{
	cJSON *args = cJSON_CreateObject();

	(void)cJSON_AddNumberToObject(args, "from", (double)from); /* memory */
	return args;
}

/* --- list ------------------------------------------------------------------
 */

static void said_print(const cJSON *e, const char *key, const char *before)
{
	const cJSON *v = df_json_at(e, key);

	if (cJSON_IsString(v) && v->valuestring[0] != '\0') {
		(void)fputs(before, stdout); /* main checks */
		df_cell_cut(v->valuestring, 24);
	}
}

/* Each kind has its own word for what was done. */
static const char *act_of(const cJSON *e)
{
	static const char *const WORDS[] = {"act", "event", "decided"};

	for (size_t i = 0; i < 2; i++)
		if (df_json_text(e, WORDS[i])[0] != '\0')
			return WORDS[i];
	return WORDS[2];
}

static void entry_print(const cJSON *o)
{
	const cJSON *e = df_json_at(o, "entry");

	(void)printf("%6lld ", (long long)df_json_num(o, "seq")); /* main */
	df_print_time(df_json_text(o, "at"));
	(void)putchar(' '); /* main checks */
	df_cell(df_json_text(o, "kind"), 12);
	df_cell(df_json_text(e, act_of(e)), 14);
	said_print(e, "doctor", "");
	said_print(e, "who", "");
	said_print(e, "by", "");
	said_print(e, "peer", "peer ");
	said_print(e, "study_uid", "study ");
	said_print(e, "purpose", "purpose ");
	said_print(df_json_at(e, "question"), "purpose", "purpose ");
	said_print(e, "result", "");
	(void)putchar('\n'); /* the same */
}

static void list_print(const cJSON *all)
{
	const int64_t more = df_json_num(all, "more");
	const int64_t looked = df_json_num(all, "looked_from");
	const cJSON *o;

	if (cJSON_GetArraySize(df_json_at(all, "entries")) == 0)
		(void)puts("无记录 no entry"); /* main checks stdout */
	cJSON_ArrayForEach(o, df_json_at(all, "entries")) entry_print(o);
	if (more > 0)
		(void)printf("还有更多 there are more: --from %lld\n",
			     (long long)more); /* the same */
	if (looked > 0)
		(void)printf("只看到第 %lld 条为止 only entries from %lld on "
			     "were looked at; from the first on: --from 1\n",
			     (long long)looked,
			     (long long)looked); /* the same */
	if (df_json_num(all, "forged") > 0)
		(void)puts("*** 有记录不可信 entries are not authentic: "
			   "dcm-forward audit verify"); /* the same */
}

/* A word that is mistyped finds nothing, and that would look like an answer. */
static enum df_err kind_put(const struct df_cli *cli, cJSON *args,
			    struct df_why *why)
{
	static const char *const KINDS[] = {"audit", "recognition", "identity",
					    "order"};
	const char *kind = df_cli_option(cli, "kind");

	if (kind == NULL)
		return DF_OK;
	for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
		if (strcmp(kind, KINDS[i]) == 0) {
			(void)cJSON_AddStringToObject(args, "kind", kind);
			return DF_OK;
		}
	return df_fail(why, DF_E_USAGE,
		       "kinds are audit, recognition, identity, order");
}

static enum df_err list_run(struct df_cli *cli, struct df_why *why)
{
	const char *from = df_cli_option(cli, "from");
	cJSON *args = cJSON_CreateObject();
	enum df_err rc = kind_put(cli, args, why);

	if (rc != DF_OK) {
		cJSON_Delete(args);
		return rc;
	}
	rc = df_args_number(cli, args, "from", why);
	if (rc == DF_OK)
		rc = df_args_number(cli, args, "limit", why);
	if (rc != DF_OK)
		return rc;
	if (from == NULL)
		(void)cJSON_AddTrueToObject(args, "newest");
	return df_ask_print(cli, "audit read", args, list_print, why);
}

const struct df_cmd df_cmd_audit_list = {
	.path = "audit list",
	.args = "[--from ENTRY] [--limit N] [--kind "
		"audit|recognition|identity|order]",
	.help = "what was decided and asked, by whom: the newest 200 (of a "
		"kind), or those from\n      a number on. 审计记录",
	.options = "from= limit= kind=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.run = list_run,
};

/* --- verify ----------------------------------------------------------------
 */

struct finding {
	struct df_register_account file;
	bool asked;			      /* the daemon */
	uint64_t checked, forged, remembered; /* by it; numbers given so far */
};

/* Entry by entry, by whoever holds the key. */
static enum df_err ask_daemon(struct df_cli *cli, struct finding *f,
			      struct df_why *why)
{
	uint64_t from = 1;
	enum df_err rc = DF_OK;

	while (rc == DF_OK && from != 0) {
		cJSON *a = NULL;

		rc = df_ask(cli, "audit verify", from_number(from), NULL, 0,
			    DF_ASK_MS, &a, NULL, why);
		if (rc != DF_OK)
			break;
		f->checked += (uint64_t)df_json_num(a, "checked");
		f->forged += (uint64_t)df_json_num(a, "forged");
		f->remembered = (uint64_t)df_json_num(a, "next") - 1;
		from = df_json_num(a, "more") > 0
			       ? (uint64_t)df_json_num(a, "more")
			       : 0;
		cJSON_Delete(a);
	}
	f->asked = rc == DF_OK;
	return rc;
}

/* Of a node that is stopped: what its index.db remembers, when it can say. */
static void ask_index(const struct df_cli *cli, struct finding *f)
{
	uint64_t seq;
	int lock;

	if (df_file_lock(&lock, cli->dir, ".lock", NULL) != DF_OK)
		return; /* somebody runs, and does not answer */
	if (df_node_followed(cli, &seq, NULL) == DF_OK)
		f->remembered = seq;
	df_fd_close(&lock);
}

static void finding_json(const struct finding *f, bool good)
{
	const struct {
		const char *key;
		uint64_t n;
	} rows[] = {
		{"entries", f->file.entries},
		{"last", f->file.last},
		{"missing", f->file.missing},
		{"broken", f->file.broken},
		{"broken_at", f->file.broken_at},
		{"passed", f->file.passed},
		{"bytes", f->file.bytes},
		{"checked", f->checked},
		{"forged", f->forged},
	};
	cJSON *o = cJSON_CreateObject();

	(void)cJSON_AddBoolToObject(o, "good", good); /* dies for memory */
	(void)cJSON_AddBoolToObject(o, "daemon_asked", f->asked);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		(void)cJSON_AddNumberToObject(o, rows[i].key,
					      (double)rows[i].n);
	(void)cJSON_AddStringToObject(o, "head",
				      df_digest_hex(&f->file.head).s);
	df_print_json(o);
	cJSON_Delete(o);
}

static void finding_print(const struct finding *f)
{
	(void)printf("%" PRIu64 " 条记录 entries, last %" PRIu64
		     ", head %.16s\n",
		     f->file.entries, f->file.last,
		     df_digest_hex(&f->file.head).s); /* main checks */
	if (f->file.passed > 0)
		(void)printf("%" PRIu64 " 字节不是记录 bytes are no record: "
			     "entries that a crash cut short, or damage\n",
			     f->file.passed); /* the same */
	if (f->asked)
		(void)printf("%" PRIu64
			     " 条已用密钥核对 opened under the key\n",
			     f->checked); /* the same */
	else
		(void)puts("未用密钥核对 not opened: the node does not run; "
			   "links only"); /* the same */
}

static enum df_err judge(struct finding *f, struct df_why *why)
{
	struct df_register_account *a = &f->file;

	if (f->remembered > a->last) {
		a->missing += f->remembered - a->last;
		if (a->broken == 0)
			a->broken = a->last + 1;
	}
	if (a->broken != 0)
		return df_fail(why, DF_E_CORRUPT,
			       "the chain is broken at entry %" PRIu64
			       " (byte %" PRIu64 "): %" PRIu64
			       " entries are missing or not in their place; "
			       "keep a copy of the file 'register'",
			       a->broken, a->broken_at, a->missing);
	if (f->forged > 0)
		return df_fail(why, DF_E_CORRUPT,
			       "%" PRIu64 " entries are not authentic: "
			       "somebody without the key wrote to the file",
			       f->forged);
	return DF_OK;
}

static enum df_err verify_run(struct df_cli *cli, struct df_why *why)
{
	struct finding f = {.asked = false};
	struct df_register *r = NULL;
	enum df_err rc = df_node_exists(cli, why);

	if (rc == DF_OK &&
	    df_control_connect(&cli->control, cli->dir, NULL) == DF_OK)
		rc = ask_daemon(cli, &f, why);
	else if (rc == DF_OK)
		ask_index(cli, &f);
	if (rc == DF_OK)
		rc = df_register_open(&r, cli->dir, NULL, why);
	if (rc == DF_E_NOTFOUND)
		return df_fail(why, rc,
			       "there is no register yet: the node "
			       "makes it when it starts");
	if (rc != DF_OK)
		return rc;
	f.file = *df_register_account(r);
	df_register_close(r);
	rc = judge(&f, why);
	if (cli->json)
		finding_json(&f, rc == DF_OK);
	else
		finding_print(&f);
	if (rc == DF_OK && !cli->json)
		(void)puts("完整 whole: every entry follows on the one "
			   "before"); /* main checks */
	return rc;
}

const struct df_cmd df_cmd_audit_verify = {
	.path = "audit verify",
	.args = "",
	.help = "is every entry of the register there, in its place, "
		"unchanged? Says the first that is\n      not. A node that "
		"runs also opens each under its key. 核对审计记录",
	.needs = DF_NEEDS_DIR,
	.run = verify_run,
};

/* --- export ----------------------------------------------------------------
 */

static enum df_err slice_write(int fd, const cJSON *answer, uint64_t *n,
			       struct df_why *why)
{
	enum df_err rc = DF_OK;
	const cJSON *o;

	cJSON_ArrayForEach(o, df_json_at(answer, "entries"))
	{
		char *line = cJSON_PrintUnformatted(o);

		rc = line != NULL ? df_write_all(fd, line, strlen(line), why)
				  : df_fail(why, DF_E_NOMEM, "no memory");
		free(line);
		if (rc == DF_OK)
			rc = df_write_all(fd, "\n", 1, why);
		if (rc != DF_OK)
			break;
		++*n;
	}
	return rc;
}

static enum df_err export_all(struct df_cli *cli, int fd, uint64_t *n,
			      struct df_why *why)
{
	uint64_t from = 1;
	enum df_err rc = DF_OK;

	while (rc == DF_OK && from != 0) {
		cJSON *args = from_number(from), *a = NULL;

		(void)cJSON_AddNumberToObject(args, "limit", SLICE);
		rc = kind_put(cli, args, why);
		if (rc != DF_OK) {
			cJSON_Delete(args);
			break;
		}
		if (from == 1) /* once: it is one export */
			(void)cJSON_AddStringToObject(
				args, "export", df_cli_option(cli, "who"));
		rc = df_ask(cli, "audit read", args, NULL, 0, DF_ASK_MS, &a,
			    NULL, why);
		if (rc == DF_OK)
			rc = slice_write(fd, a, n, why);
		from = df_json_num(a, "more") > 0
			       ? (uint64_t)df_json_num(a, "more")
			       : 0;
		cJSON_Delete(a);
	}
	return rc;
}

static enum df_err export_run(struct df_cli *cli, struct df_why *why)
{
	const char *to = df_cli_option(cli, "to");
	const char *who = df_cli_option(cli, "who");
	uint64_t n = 0;
	int fd;
	enum df_err rc;

	if (to == NULL || who == NULL || who[0] == '\0')
		return df_fail(why, DF_E_USAGE,
			       "say where and who: --to FILE --who NAME; the "
			       "file holds names of patients in clear");
	rc = df_user_file_begin(&fd, AT_FDCWD, to, why);
	if (rc == DF_OK)
		rc = export_all(cli, fd, &n, why);
	rc = df_user_file_end(&fd, AT_FDCWD, to, rc, why);
	if (rc == DF_OK && !cli->json)
		(void)printf("%" PRIu64 " 条记录 entries in %s; it holds names "
			     "of patients in clear\n",
			     n, to); /* main checks stdout */
	if (rc == DF_OK && cli->json) {
		cJSON *o = df_args1("file", to);

		(void)cJSON_AddNumberToObject(o, "entries", (double)n);
		df_print_json(o);
		cJSON_Delete(o);
	}
	return rc;
}

const struct df_cmd df_cmd_audit_export = {
	.path = "audit export",
	.args = "--to FILE --who NAME [--kind "
		"audit|recognition|identity|order]",
	.help = "all entries in clear, a line of JSON each, into a new file "
		"that only you can read;\n      that you took it is an entry, "
		"too. 导出审计记录",
	.options = "to= who= kind=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.run = export_run,
};
