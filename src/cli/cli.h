/*
 * cli.h - private to the command: what a command is, and what it may use.
 *
 * Each cmd_*.c holds the commands of one noun and ends in `const struct
 * df_cmd`s; main.c lists them. Results go to standard output, everything else
 * to standard error.
 */
#ifndef DF_CLI_H
#define DF_CLI_H

#include <cjson/cJSON.h>

#include "df/config.h"
#include "df/control.h"
#include "df/http_client.h"

/* Exit status; --help lists them. */
enum df_exit {
	DF_EXIT_OK = 0,
	DF_EXIT_FAILED = 1,
	DF_EXIT_USAGE = 2,
	DF_EXIT_NO_DAEMON = 3,
	DF_EXIT_NOT_FOUND = 4,
	DF_EXIT_REFUSED = 5,
	DF_EXIT_TIMEOUT = 6,
};

enum df_needs {
	DF_NEEDS_DIR = 1 << 0,	  /* the node's directory, opened */
	DF_NEEDS_CONFIG = 1 << 1, /* and its configuration, parsed */
	DF_NEEDS_DAEMON = 1 << 2, /* and the daemon, connected */
};

#define DF_CLI_OPTIONS 64
#define DF_CLI_ARGS 65536

struct df_cli {
	const struct df_cmd *cmd;
	const char *dir_name;
	bool json;
	int dir;     /* DF_NEEDS_DIR, else -1 */
	int control; /* DF_NEEDS_DAEMON, else -1 */
	bool unheard; /* df_node_connect found no daemon */
	struct df_config cfg;
	struct df_buf cfg_text; /* config.ini as it stands */
	struct {
		const char *name, *value;
	} options[DF_CLI_OPTIONS];
	size_t n_options;
	char **args;
	size_t n_args;
};

struct df_cmd {
	const char *path; /* "study list" */
	const char *args; /* for usage: "UID" */
	const char *help;
	const char *options; /* "role= from=+ all": "=" takes a value, "=+"
				several */
	unsigned needs;
	size_t min_args;
	size_t max_args;
	/* DF_OK, or the failure that main prints and turns into a status. */
	enum df_err (*run)(struct df_cli *cli, struct df_why *why);
};

/* The value of an option ("" for a flag), NULL when not given; nth for those
 * that may repeat. */
const char *df_cli_option(const struct df_cli *cli, const char *name);
const char *df_cli_option_at(const struct df_cli *cli, const char *name,
			     size_t nth);
enum df_exit df_cli_exit(enum df_err err);

/* --- the node's directory (node.c) -----------------------------------------
 */
DF_MUST_CHECK enum df_err df_node_open(struct df_cli *cli, struct df_why *why);
/* DF_E_NOTFOUND and what to do when it is no node's. */
DF_MUST_CHECK enum df_err df_node_exists(const struct df_cli *cli,
					 struct df_why *why);
/* To the daemon. */
DF_MUST_CHECK enum df_err df_node_connect(struct df_cli *cli,
					  struct df_why *why);
/* The key files that its role needs are there. Needs the configuration. */
DF_MUST_CHECK enum df_err df_node_keys(const struct df_cli *cli,
				       struct df_why *why);
DF_MUST_CHECK enum df_err df_node_config(struct df_cli *cli,
					 struct df_why *why);
void df_node_release(struct df_cli *cli);
/* Appends a section to config.ini, checked and durable; asks a running daemon
 * to take it up (says so on standard error). */
DF_MUST_CHECK enum df_err
df_node_add_section(struct df_cli *cli, const char *kind, const char *name,
		    const char *const *pairs, size_t n_pairs,
		    struct df_why *why);
/* The node's tables of recognition rules can be used (DF_E_CONFIG: file, line
 * and what is wrong). */
DF_MUST_CHECK enum df_err df_node_rules(int dir, struct df_why *why);
/* The last entry of the register that index.db has followed; 0 without one.
 * Of a node that is stopped. */
DF_MUST_CHECK enum df_err df_node_followed(const struct df_cli *cli,
					   uint64_t *seq, struct df_why *why);
/* A running daemon parses its configuration anew; none running is fine. */
void df_node_reload(struct df_cli *cli, const char *verb);
/* Bytes into a sealed memfd. */
DF_MUST_CHECK enum df_err df_memfd_of(int *fd, const void *ptr, size_t len,
				      struct df_why *why);

/* --- files of the person (user_file.c) -------------------------------------
 */
/* A whole file (any path) into b. */
DF_MUST_CHECK enum df_err df_user_file_read(const char *path, size_t max,
					    struct df_buf *b,
					    struct df_why *why);
/* A new file below `dir` (AT_FDCWD: any path) that only he can read and write;
 * DF_E_EXISTS when one of that name is there. It gets its name at the end. */
DF_MUST_CHECK enum df_err df_user_file_begin(int *fd, int dir, const char *path,
					     struct df_why *why);
/* Closes it: kept when rc is DF_OK and it is on the disk, else gone. Returns rc
 * or why it is gone. */
DF_MUST_CHECK enum df_err df_user_file_end(int *fd, int dir, const char *path,
					   enum df_err rc, struct df_why *why);
/* All of it at once. */
DF_MUST_CHECK enum df_err df_user_file_write(int dir, const char *path,
					     const struct df_buf *b,
					     struct df_why *why);

/* --- the daemon (ask.c) ----------------------------------------------------
 */
#define DF_ASK_MS 10000
#define DF_ASK_SLOW_MS 65000
/*
 * Asks the console: args is taken (NULL = none), out borrowed. *result is the
 * caller's (cJSON_Delete). fd may be NULL; else the file of the answer or -1.
 */
DF_MUST_CHECK enum df_err df_ask(struct df_cli *cli, const char *verb,
				 cJSON *args, const int *out, size_t n_out,
				 int64_t timeout_ms, cJSON **result, int *fd,
				 struct df_why *why);
/* Asks within DF_ASK_MS and prints the answer: JSON as it came, else by
 * `human`; NULL says nothing. args is taken. */
DF_MUST_CHECK enum df_err df_ask_print(struct df_cli *cli, const char *verb,
				       cJSON *args,
				       void (*human)(const cJSON *),
				       struct df_why *why);
/* What the configuration does not take was typed: DF_E_CONFIG and DF_E_LIMIT
 * are DF_E_USAGE. */
enum df_err df_cli_typed(enum df_err rc, struct df_why *why);
/* The account of the person, also behind sudo; --by says it otherwise. */
const char *df_cli_who(const struct df_cli *cli);
/* {"key": value} for args. */
cJSON *df_args1(const char *key, const char *value);
/* The number above 0 of this option, if it was given, into args under the same
 * name; DF_E_USAGE: args is deleted. */
DF_MUST_CHECK enum df_err df_args_number(struct df_cli *cli, cJSON *args,
					 const char *option,
					 struct df_why *why);

/* --- output (output.c) -----------------------------------------------------
 */
/* One line of JSON on standard output; --json prints one, whatever comes. */
void df_print_json(const cJSON *json);
bool df_json_printed(void);
/* '?' for what is no UTF-8, and for controls: terminals obey them. */
void df_text_mend(char *text);
const char *df_json_text(const cJSON *o, const char *key);
/* -1 when absent. */
int64_t df_json_num(const cJSON *o, const char *key);
const cJSON *df_json_at(const cJSON *o, const char *key);
void df_bytes_text(char to[16], int64_t bytes); /* "12.3 MB" */
/* A cell of a table: pads to `width` columns; CJK counts two. */
void df_cell(const char *text, int width);
/* The same for names: cut at the width with an ellipsis. */
void df_cell_cut(const char *text, int width);
/* "2026-11-22T03:44:21.5Z" without fraction and letters; "" stays. */
void df_print_time(const char *time);
/* Text of a peer without control characters (terminals obey them). */
void df_print_clean(const char *text, size_t len);
/* A file of ours: so, or as {"text": ...}. */
void df_print_file(const struct df_cli *cli, const char *text, size_t len);

/* How a study was coded and why, "codings" of `study show`
 * (codings_print.c). */
void df_codings_print(const cJSON *codings);

/* A DICOM file's bytes: a report, on this study, on no other patient
 * (report_file.c). */
DF_MUST_CHECK enum df_err df_report_file_check(const void *ptr, size_t len,
					       const char *study_uid,
					       const char *patient_id,
					       struct df_why *why);

/* --- the line (node_tls.c) -------------------------------------------------
 */
struct df_http_tls;
/* TLS with the node's own key and certificate, the peer pinned. */
struct df_node_tls;
DF_MUST_CHECK enum df_err df_node_tls_new(struct df_node_tls **tls,
					  struct df_cli *cli, const char *pin,
					  struct df_why *why);
const struct df_http_tls *df_node_tls_http(const struct df_node_tls *tls);
void df_node_tls_free(struct df_node_tls *tls);
/* The house's proxy ([line] proxy), and its password from its file. */
struct df_cli_proxy {
	struct df_http_proxy http; /* borrows the configuration and this */
	char password[256];
};
DF_MUST_CHECK enum df_err df_cli_proxy(struct df_cli *cli,
				       struct df_cli_proxy *to,
				       struct df_why *why);
/* GET /peer/v1/hello as this node; prints one line when `say`. */
DF_MUST_CHECK enum df_err df_peer_hello_test(struct df_cli *cli,
					     const char *url, const char *pin,
					     bool say, struct df_why *why);

#endif
