/*
 * node.c - the node's directory: configuration in, sections added.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "df/file.h"
#include "df/keyring.h"
#include "df/store.h"

#define CONFIG "config.ini"

enum df_err df_node_open(struct df_cli *cli, struct df_why *why)
{
	if (cli->dir_name == NULL || cli->dir_name[0] == '\0')
		return df_fail(why, DF_E_USAGE,
			       "say which node: -C DIR or DCM_FORWARD_DIR");
	return df_dir_open(&cli->dir, AT_FDCWD, cli->dir_name, why);
}

static enum df_err no_node(struct df_why *why)
{
	return df_fail(why, DF_E_NOTFOUND,
		       "this directory is not a node yet (no " CONFIG
		       "); see dcm-forward init --help");
}

enum df_err df_node_followed(const struct df_cli *cli, uint64_t *seq,
			     struct df_why *why)
{
	char path[4096];

	*seq = 0;
	if (faccessat(cli->dir, "index.db", F_OK, 0) < 0)
		return DF_OK; /* made anew at the next start */
	if (snprintf(path, sizeof path, "%s/index.db", cli->dir_name) >=
	    (int)sizeof path)
		return df_fail(why, DF_E_USAGE, "the path is too long");
	return df_store_peek(path, DF_STORE_FOLLOWED, seq, why);
}

enum df_err df_node_exists(const struct df_cli *cli, struct df_why *why)
{
	return faccessat(cli->dir, CONFIG, F_OK, 0) < 0 && errno == ENOENT
		       ? no_node(why)
		       : DF_OK;
}

enum df_err df_node_connect(struct df_cli *cli, struct df_why *why)
{
	const enum df_err rc = df_control_connect(&cli->control, cli->dir, why);

	cli->unheard = rc == DF_E_PEER;
	return rc;
}

enum df_err df_node_config(struct df_cli *cli, struct df_why *why)
{
	enum df_err rc;

	df_buf_release(&cli->cfg_text);
	df_buf_init(&cli->cfg_text, DF_CONFIG_MAX);
	rc = df_file_read(cli->dir, CONFIG, DF_CONFIG_MAX, &cli->cfg_text, why);
	if (rc == DF_E_NOTFOUND)
		return no_node(why);
	if (rc != DF_OK)
		return rc;
	return df_config_parse((const char *)cli->cfg_text.ptr,
			       cli->cfg_text.len, &cli->cfg, why);
}

enum df_err df_node_keys(const struct df_cli *cli, struct df_why *why)
{
	static const char *const files[] = {
		DF_KEYS_NODE_KEY, DF_KEYS_NODE_CRT, DF_KEYS_KEK,
		DF_KEYS_CA_KEY,	  DF_KEYS_SEAL_KEY,
	};
	/* a clinic has the first three */
	const size_t n = cli->cfg.node.role == DF_NODE_CENTRE ? 5 : 3;

	for (size_t i = 0; i < n; i++)
		if (faccessat(cli->dir, files[i], F_OK, 0) < 0 &&
		    errno == ENOENT)
			return df_fail(why, DF_E_KEY,
				       "%s is missing: without it this node "
				       "cannot open what it holds; restore it "
				       "from a backup",
				       files[i]);
	return DF_OK;
}

void df_node_release(struct df_cli *cli)
{
	df_config_release(&cli->cfg);
	df_buf_release(&cli->cfg_text);
	df_fd_close(&cli->control);
	df_fd_close(&cli->dir);
}

void df_node_reload(struct df_cli *cli, const char *verb)
{
	struct df_why why;
	cJSON *result = NULL;
	enum df_err rc = DF_OK;

	if (cli->control < 0)
		rc = df_control_connect(&cli->control, cli->dir, &why);
	if (rc != DF_OK)
		return; /* not running: it reads the file when it starts */
	rc = df_ask(cli, verb, NULL, NULL, 0, DF_ASK_MS, &result, NULL, &why);
	if (rc != DF_OK)
		(void)fprintf(stderr,
			      "dcm-forward: the running daemon did not "
			      "take the change up: %s\n  restart it\n",
			      why.text); /* terminal */
	cJSON_Delete(result);
}

enum df_err df_node_add_section(struct df_cli *cli, const char *kind,
				const char *name, const char *const *pairs,
				size_t n_pairs, struct df_why *why)
{
	enum df_err rc = df_config_append_section(&cli->cfg_text, kind, name,
						  pairs, n_pairs, why);

	rc = df_cli_typed(rc, why);
	if (rc == DF_OK)
		rc = df_file_write_durable(cli->dir, CONFIG, 0600,
					   cli->cfg_text.ptr, cli->cfg_text.len,
					   why);
	if (rc == DF_OK)
		df_node_reload(cli, "reload");
	return rc;
}

enum df_err df_memfd_of(int *fd, const void *ptr, size_t len,
			struct df_why *why)
{
	enum df_err rc = df_memfd_new(fd, "request", why);

	if (rc == DF_OK)
		rc = df_write_all(*fd, ptr, len, why);
	if (rc == DF_OK)
		rc = df_memfd_seal(*fd, why);
	if (rc != DF_OK)
		df_fd_close(fd);
	return rc;
}
