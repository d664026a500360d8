/*
 * main.c - dcm-forward: the table of commands, usage, dispatch; no work.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "df/file.h"

#define DF_CMD_MAP(X)       \
	X(init)             \
	X(serve)            \
	X(status)           \
	X(doctor)           \
	X(config_check)     \
	X(config_show)      \
	X(config_sample)    \
	X(reload)           \
	X(modality_add)     \
	X(modality_list)    \
	X(destination_add)  \
	X(destination_list) \
	X(destination_test) \
	X(peer_invite)      \
	X(peer_join)        \
	X(peer_list)        \
	X(peer_revoke)      \
	X(peer_test)        \
	X(study_list)       \
	X(study_show)       \
	X(study_why)        \
	X(study_send)       \
	X(study_export)     \
	X(queue_list)       \
	X(queue_hold)       \
	X(queue_release)    \
	X(queue_retry)      \
	X(quarantine_list)  \
	X(quarantine_show)  \
	X(quarantine_release) \
	X(quarantine_discard) \
	X(identity_list)    \
	X(identity_show)    \
	X(identity_merge)   \
	X(identity_split)   \
	X(identity_undo)    \
	X(commitment_list)  \
	X(order_add)        \
	X(order_list)       \
	X(order_cancel)     \
	X(prior_search)     \
	X(recognition_check) \
	X(recognition_rules) \
	X(report_submit)    \
	X(report_trust_add) \
	X(report_list)      \
	X(report_show)      \
	X(report_verify)    \
	X(report_export)    \
	X(prior_fetch)      \
	X(prior_list)       \
	X(prior_cancel)     \
	X(recognition_view) \
	X(recognition_accept) \
	X(recognition_decline) \
	X(recognition_undo) \
	X(recognition_list) \
	X(recognition_reasons) \
	X(recognition_figures) \
	X(audit_list) \
	X(audit_verify) \
	X(audit_export) \
	X(spool_check)      \
	X(spool_rebuild)    \
	X(spool_scrub)      \
	X(index_rebuild)    \
	X(send)             \
	X(echo)

#define X(name) extern const struct df_cmd df_cmd_##name;
DF_CMD_MAP(X)
#undef X
static const struct df_cmd *const commands[] = {
#define X(name) &df_cmd_##name,
	DF_CMD_MAP(X)
#undef X
};
#define N_COMMANDS (sizeof commands / sizeof *commands)

enum df_exit df_cli_exit(enum df_err err)
{
	switch (err) {
	case DF_E_OK:
		return DF_EXIT_OK;
	case DF_E_USAGE:
		return DF_EXIT_USAGE;
	case DF_E_NOTFOUND:
		return DF_EXIT_NOT_FOUND;
	case DF_E_DENIED:
	case DF_E_REFUSED:
	case DF_E_EXISTS:
	case DF_E_CONFLICT:
		return DF_EXIT_REFUSED;
	case DF_E_TIMEOUT:
		return DF_EXIT_TIMEOUT;
	case DF_E_IO:
	case DF_E_NOSPACE:
	case DF_E_NOMEM:
	case DF_E_AGAIN:
	case DF_E_PEER:
	case DF_E_CANCELLED:
	case DF_E_CORRUPT:
	case DF_E_FORMAT:
	case DF_E_LIMIT:
	case DF_E_UNSUPPORTED:
	case DF_E_CONFIG:
	case DF_E_KEY:
	case DF_E_HEADER:
	case DF_E_SENDER:
	case DF_E_SUITE:
	case DF_E_REPLAY:
	case DF_E_CHUNK:
	case DF_E_TRUNC:
	case DF_E_TRAIL:
	case DF_E_MANIFEST:
	case DF_E_BUG:
	case DF_E_COUNT:
		break;
	}
	return DF_EXIT_FAILED;
}

const char *df_cli_option_at(const struct df_cli *cli, const char *name,
			     size_t nth)
{
	for (size_t i = 0; i < cli->n_options; i++)
		if (strcmp(cli->options[i].name, name) == 0 && nth-- == 0)
			return cli->options[i].value;
	return NULL;
}

const char *df_cli_option(const struct df_cli *cli, const char *name)
{
	return df_cli_option_at(cli, name, 0);
}

static void usage_one(FILE *to, const struct df_cmd *c)
{
	(void)fprintf(to, "  %s%s%s\n      %s\n", c->path,
		      c->args[0] ? " " : "", c->args,
		      c->help); /* to a terminal */
}

static void usage(FILE *to)
{
	(void)fprintf(
		to,
		"dcm-forward " DF_VERSION
		" - DICOM images over a bad line, signed reports back\n\n"
		"usage: dcm-forward [-C DIR] <command> [arguments] [--json]\n\n"
		"-C DIR, or DCM_FORWARD_DIR, is the node's directory.\n\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		usage_one(to, commands[i]);
	(void)fprintf(
		to,
		"\nexit status: 0 done, 1 failed, 2 wrong usage, 3 the "
		"daemon is not running,\n4 not found, 5 refused, 6 no answer "
		"in time\n");
}

/* "study": the commands that begin with it; false = none does. */
static bool usage_noun(FILE *to, const char *noun)
{
	const size_t len = strlen(noun);
	bool any = false;

	for (size_t i = 0; i < N_COMMANDS; i++) {
		const char *path = commands[i]->path;

		if (strncmp(path, noun, len) != 0 || path[len] != ' ')
			continue;
		usage_one(to, commands[i]);
		any = true;
	}
	return any;
}

/* How many words of argv[at..] are the command's path; 0 = not this one. */
static size_t words_match(const char *path, int argc, char **argv, int at)
{
	size_t words = 0;

	while (*path) {
		const char *end = strchrnul(path, ' ');
		const size_t len = (size_t)(end - path);

		if (at >= argc || strlen(argv[at]) != len ||
		    memcmp(argv[at], path, len) != 0)
			return 0;
		words++;
		at++;
		path = *end ? end + 1 : end;
	}
	return words;
}

/* "role= from=+ all" holds name? 1 = as a flag, 2 = with a value, 3 = with one,
 * and it may repeat. */
static int option_known(const char *options, const char *name)
{
	const size_t len = strlen(name);

	for (const char *at = options; at != NULL && *at != '\0';
	     at = strchr(at, ' ')) {
		at += *at == ' ';
		if (strncmp(at, name, len) != 0)
			continue;
		if (at[len] == '=')
			return at[len + 1] == '+' ? 3 : 2;
		if (at[len] == '\0' || at[len] == ' ')
			return 1;
	}
	return 0;
}

/* Takes argv[i]; false = not known, a second time, or without its value: what
 * begins with -- is none, but after '='. */
static bool option_take(struct df_cli *cli, int argc, char **argv, int *i)
{
	char *name = argv[*i] + 2, *value = strchr(name, '=');
	int kind;

	if (value != NULL)
		*value++ = '\0';
	if (strcmp(name, "json") == 0 && value == NULL) {
		cli->json = true;
		return true;
	}
	kind = option_known(cli->cmd->options, name);
	if (kind == 0 || (kind == 1 && value != NULL) ||
	    (kind < 3 && df_cli_option(cli, name) != NULL) ||
	    cli->n_options == DF_CLI_OPTIONS)
		return false;
	if (kind > 1 && value == NULL) {
		if (*i + 1 >= argc || strncmp(argv[*i + 1], "--", 2) == 0)
			return false;
		value = argv[++*i];
	}
	cli->options[cli->n_options].name = name;
	cli->options[cli->n_options++].value = value ? value : "";
	return true;
}

static enum df_err parse_rest(struct df_cli *cli, int argc, char **argv, int at,
			      struct df_why *why)
{
	bool options = true;

	cli->args = argv + at; /* compacted in place */
	for (int i = at; i < argc; i++) {
		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
		} else if (options && argv[i][0] == '-' && argv[i][1] == '-') {
			if (!option_take(cli, argc, argv, &i))
				return df_fail(why, DF_E_USAGE,
					       "option '%s' is unknown, "
					       "given twice or without its "
					       "value",
					       argv[i]);
		} else {
			cli->args[cli->n_args++] = argv[i];
		}
	}
	if (cli->n_args < cli->cmd->min_args ||
	    cli->n_args > cli->cmd->max_args)
		return df_fail(why, DF_E_USAGE,
			       "usage: dcm-forward [-C DIR] %s %s",
			       cli->cmd->path, cli->cmd->args);
	return DF_OK;
}

/* -C DIR and --json may stand before the command. */
static int globals(struct df_cli *cli, int argc, char **argv)
{
	int at = 1;

	cli->dir_name = getenv("DCM_FORWARD_DIR");
	while (at < argc) {
		if (strcmp(argv[at], "-C") == 0 && at + 1 < argc) {
			cli->dir_name = argv[at + 1];
			at += 2;
		} else if (strcmp(argv[at], "--json") == 0) {
			cli->json = true;
			at++;
		} else {
			break;
		}
	}
	return at;
}

static const struct df_cmd *find(int argc, char **argv, int *at)
{
	const struct df_cmd *best = NULL;
	size_t most = 0;

	for (size_t i = 0; i < N_COMMANDS; i++) {
		const size_t n =
			words_match(commands[i]->path, argc, argv, *at);

		if (n > most) {
			most = n;
			best = commands[i];
		}
	}
	*at += (int)most;
	return best;
}

static enum df_err run(struct df_cli *cli, struct df_why *why)
{
	const unsigned needs = cli->cmd->needs;
	enum df_err rc = DF_OK;

	if (needs != 0)
		rc = df_node_open(cli, why);
	if (rc == DF_OK && (needs & DF_NEEDS_CONFIG))
		rc = df_node_config(cli, why);
	if (rc == DF_OK && (needs & DF_NEEDS_DAEMON))
		rc = df_node_exists(cli, why);
	if (rc == DF_OK && (needs & DF_NEEDS_DAEMON))
		rc = df_node_connect(cli, why);
	if (rc == DF_OK)
		rc = cli->cmd->run(cli, why);
	return rc;
}

/* A command with nothing to say; `serve` is none. */
static void done_print(void)
{
	cJSON *o = cJSON_CreateObject();

	(void)cJSON_AddTrueToObject(o, "ok"); /* NULL: no memory */
	df_print_json(o);
	cJSON_Delete(o);
}

/* The failure, for a person or for a program. */
static void complain(const struct df_cli *cli, struct df_why *why,
		     bool no_daemon)
{
	const char *hint =
		no_daemon ? "start it: dcm-forward -C DIR serve" : NULL;

	df_text_mend(why->text);
	if (cli->json && !df_json_printed()) {
		cJSON *o = cJSON_CreateObject();

		(void)cJSON_AddFalseToObject(o, "ok"); /* NULL: no memory */
		(void)cJSON_AddStringToObject(o, "error",
					      df_err_name(why->err));
		(void)cJSON_AddStringToObject(o, "text", why->text);
		if (hint != NULL)
			(void)cJSON_AddStringToObject(o, "hint", hint);
		df_print_json(o);
		cJSON_Delete(o);
	}
	(void)fprintf(stderr, "dcm-forward: %s\n", why->text); /* last resort */
	if (hint != NULL)
		(void)fprintf(stderr, "  %s\n", hint);
}

static void mark(struct df_why *why, enum df_err rc)
{
	if (why->text[0] == '\0')
		(void)df_fail(why, rc, "%s", df_err_text(rc)); /* returns rc */
	why->err = rc;
}

int main(int argc, char **argv)
{
	struct df_cli cli = {.dir = -1, .control = -1};
	struct df_why why = {0};
	int at = globals(&cli, argc, argv);
	enum df_exit status;
	enum df_err rc;
	bool no_daemon;

	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail for SIGPIPE */
	if (at >= argc || strcmp(argv[at], "--help") == 0 ||
	    strcmp(argv[at], "help") == 0) {
		usage(at >= argc ? stderr : stdout);
		return at >= argc ? DF_EXIT_USAGE : DF_EXIT_OK;
	}
	if (strcmp(argv[at], "--version") == 0) {
		(void)printf("dcm-forward " DF_VERSION
			     "\n"); /* checked below */
		return fflush(stdout) == 0 ? DF_EXIT_OK : DF_EXIT_FAILED;
	}
	cli.cmd = find(argc, argv, &at);
	if (cli.cmd == NULL && at + 1 < argc &&
	    strcmp(argv[at + 1], "--help") == 0 && usage_noun(stdout, argv[at]))
		return DF_EXIT_OK;
	if (cli.cmd == NULL && at + 1 == argc && usage_noun(stderr, argv[at]))
		return DF_EXIT_USAGE;
	if (cli.cmd == NULL) {
		(void)fprintf(stderr,
			      "dcm-forward: unknown command '%s'; see "
			      "dcm-forward --help\n",
			      argv[at]); /* terminal */
		return DF_EXIT_USAGE;
	}
	if (at < argc && strcmp(argv[at], "--help") == 0) {
		usage_one(stdout, cli.cmd);
		return DF_EXIT_OK;
	}
	rc = parse_rest(&cli, argc, argv, at, &why);
	if (rc == DF_OK)
		rc = run(&cli, &why);
	no_daemon = rc == DF_E_PEER && cli.unheard;
	if (rc != DF_OK) {
		mark(&why, rc);
		complain(&cli, &why, no_daemon);
	} else if (cli.json && !df_json_printed()) {
		done_print();
	}
	status = no_daemon ? DF_EXIT_NO_DAEMON : df_cli_exit(rc);
	df_node_release(&cli);
	if (fclose(stdout) != 0 && status == DF_EXIT_OK)
		status = DF_EXIT_FAILED;
	return status;
}
