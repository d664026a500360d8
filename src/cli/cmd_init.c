/*
 * cmd_init.c - a new node's directory: keys first, config.ini last.
 *
 * config.ini makes a directory a node, so an init that was cut off leaves
 * something that init can be run on again only after a person looked at it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "df/clock.h"
#include "df/file.h"
#include "df/keyring.h"
#include "df/recognition.h"

static enum df_err add(struct df_buf *b, const char *key, const char *value,
		       struct df_why *why)
{
	for (const char *p = value; p != NULL && *p != '\0'; p++)
		if ((unsigned char)*p < 0x20)
			return df_fail(why, DF_E_USAGE,
				       "--%s holds control characters", key);
	return value ? df_buf_addf(b, why, "%s = %s\n", key, value) : DF_OK;
}

/* The commented file with what the options say. */
static enum df_err config_make(const struct df_cli *cli, struct df_buf *to,
			       struct df_config *cfg, struct df_why *why)
{
	static const char *const keys[] = {"role", "name", "ae-title",
					   "listen-dicom", "listen-https"};
	struct df_buf text;
	enum df_err rc;

	df_buf_init(&text, DF_CONFIG_MAX);
	rc = df_buf_addf(&text, why, "[node]\n");
	for (size_t i = 0; i < sizeof keys / sizeof *keys && rc == DF_OK; i++)
		rc = add(&text, keys[i], df_cli_option(cli, keys[i]), why);
	if (rc == DF_OK)
		rc = df_cli_typed(df_config_parse((const char *)text.ptr,
						  text.len, cfg, why),
				  why);
	if (rc == DF_OK)
		rc = df_config_sample(to, cfg, why);
	df_buf_release(&text);
	return rc;
}

static enum df_err keys_write(int dir, const struct df_config *cfg,
			      struct df_digest *fingerprint, struct df_why *why)
{
	static const char *const dirs[] = {DF_KEYS_DIR, DF_KEYS_PEERS,
					   DF_KEYS_INVITES, DF_KEYS_TRUST};
	struct df_keyring_new k = {0};
	enum df_err rc = DF_OK;

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs && rc == DF_OK; i++)
		rc = df_dir_make(dir, dirs[i], why);
	if (rc == DF_OK)
		rc = df_keyring_make(&k, cfg->node.role == DF_NODE_CENTRE,
				     df_text_of(cfg->node.name),
				     df_clock_wall_ms(), why);
	for (size_t i = 0; i < k.count && rc == DF_OK; i++)
		rc = df_file_write_durable(dir, k.files[i].path, 0600,
					   k.files[i].content.ptr,
					   k.files[i].content.len, why);
	*fingerprint = k.fingerprint;
	df_keyring_release(&k);
	return rc;
}

/* A directory that holds keys or a configuration is somebody's node. */
static enum df_err check_fresh(int dir, struct df_why *why)
{
	static const char *const names[] = {"config.ini", DF_KEYS_NODE_KEY};
	struct stat st;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (fstatat(dir, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			return df_fail(why, DF_E_EXISTS,
				       "this directory is a node already (%s)",
				       names[i]);
	return DF_OK;
}

static enum df_err init_run(struct df_cli *cli, struct df_why *why)
{
	static const char *const wanted[] = {"role", "name", "ae-title"};
	struct df_buf ini;
	struct df_digest fp;
	enum df_err rc;

	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (df_cli_option(cli, wanted[i]) == NULL)
			return df_fail(why, DF_E_USAGE, "init needs --%s",
				       wanted[i]);
	if (cli->dir_name == NULL)
		return df_fail(why, DF_E_USAGE,
			       "say where: -C DIR or DCM_FORWARD_DIR");
	df_buf_init(&ini, DF_CONFIG_MAX);
	rc = config_make(cli, &ini, &cli->cfg, why);
	if (rc == DF_OK && mkdir(cli->dir_name, 0700) < 0 && errno != EEXIST)
		rc = df_fail_sys(why, DF_E_IO, "cannot make '%s'",
				 cli->dir_name);
	if (rc == DF_OK)
		rc = df_node_open(cli, why);
	if (rc == DF_OK)
		rc = check_fresh(cli->dir, why);
	if (rc == DF_OK)
		rc = keys_write(cli->dir, &cli->cfg, &fp, why);
	if (rc == DF_OK)
		rc = df_dir_make(cli->dir, DF_RULES_DIR, why);
	if (rc == DF_OK)
		rc = df_file_write_durable(cli->dir, "config.ini", 0600,
					   ini.ptr, ini.len, why);
	df_buf_release(&ini);
	if (rc == DF_OK && cli->json) {
		cJSON *o = df_args1("fingerprint", df_digest_hex(&fp).s);

		df_print_json(o);
		cJSON_Delete(o);
	} else if (rc == DF_OK) {
		(void)printf("%s is a %s node, fingerprint %s\n", cli->dir_name,
			     cli->cfg.node.role == DF_NODE_CENTRE ? "centre"
								  : "clinic",
			     df_digest_hex(&fp).s); /* main checks stdout */
	}
	return rc;
}

const struct df_cmd df_cmd_init = {
	.path = "init",
	.args = "--role clinic|centre --name NAME --ae-title AET "
		"[--listen-dicom ADDR:PORT] [--listen-https ADDR:PORT]",
	.help = "make a node's directory with keys and a commented config.ini",
	.options = "role= name= ae-title= listen-dicom= listen-https=",
	.run = init_run,
};
