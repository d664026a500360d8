/*
 * cmd_peer.c - peer invite|list|revoke|test.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static enum df_err invite_run(struct df_cli *cli, struct df_why *why)
{
	cJSON *result = NULL;
	enum df_err rc;

	if (cli->cfg.node.role != DF_NODE_CENTRE)
		return df_fail(
			why, DF_E_REFUSED,
			"only a centre invites; on the clinic: peer join");
	if (cli->cfg.node.listen_https.host[0] == '\0')
		return df_fail(why, DF_E_CONFIG,
			       "the centre has no listen-https in config.ini; "
			       "nobody could join");
	rc = df_ask(cli, "peer invite", df_args1("name", cli->args[0]), NULL, 0,
		    DF_ASK_MS, &result, NULL, why);
	if (rc == DF_OK && df_json_text(result, "code")[0] == '\0')
		rc = df_fail(why, DF_E_BUG, "no code in the answer");
	if (rc == DF_OK && cli->json)
		df_print_json(result);
	else if (rc == DF_OK)
		(void)puts(df_json_text(result, "code")); /* main checks */
	cJSON_Delete(result);
	return rc;
}

const struct df_cmd df_cmd_peer_invite = {
	.path = "peer invite",
	.args = "NAME",
	.help = "print a one-time code (24 h) for a clinic of that name"
		"\n      为卫生院生成一次性邀请码",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = invite_run,
};

/* Those whom we dial are configuration, those who dial us are keys' list. */
static cJSON *dialled(const struct df_cli *cli)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < cli->cfg.n_peers; i++) {
		const struct df_peer *p = &cli->cfg.peers[i];
		cJSON *o = df_args1("name", p->name);

		(void)cJSON_AddStringToObject(o, "fingerprint",
					      p->fingerprint);	 /* no memory */
		(void)cJSON_AddStringToObject(o, "url", p->url); /* the same */
		(void)cJSON_AddItemToArray(list, o);
	}
	return list;
}

/* The URL at which we dial it; "" = it dials us. */
static const char *url_of(const cJSON *result, const char *fingerprint)
{
	const cJSON *p;

	cJSON_ArrayForEach(p, df_json_at(result, "dialled"))
	{
		if (strcmp(df_json_text(p, "fingerprint"), fingerprint) == 0)
			return df_json_text(p, "url");
	}
	return "";
}

static void peers_print(const cJSON *result)
{
	const cJSON *p;

	if (cJSON_GetArraySize(df_json_at(result, "peers")) == 0) {
		(void)puts("no peers yet 尚无对端: at the centre peer invite "
			   "NAME, at the clinic peer join URL --code CODE");
		return;
	}
	cJSON_ArrayForEach(p, df_json_at(result, "peers"))
	{
		const char *fingerprint = df_json_text(p, "fingerprint");
		const char *url = url_of(result, fingerprint);

		df_cell(df_json_text(p, "name"), 24);
		df_cell(df_json_text(p, "state"), 9);
		df_cell(url[0] ? url : "(it dials us)", 32);
		(void)puts(fingerprint); /* main checks stdout */
	}
}

static enum df_err list_run(struct df_cli *cli, struct df_why *why)
{
	cJSON *result = NULL;
	enum df_err rc = df_ask(cli, "peer list", NULL, NULL, 0, DF_ASK_MS,
				&result, NULL, why);

	if (rc != DF_OK)
		return rc;
	(void)cJSON_AddItemToObject(result, "dialled",
				    dialled(cli)); /* memory */
	if (cli->json) {
		df_print_json(result);
	} else {
		peers_print(result);
	}
	cJSON_Delete(result);
	return DF_OK;
}

const struct df_cmd df_cmd_peer_list = {
	.path = "peer list",
	.args = "",
	.help = "nodes that may dial us, and nodes that we dial"
		"\n      对端节点",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG | DF_NEEDS_DAEMON,
	.run = list_run,
};

static enum df_err revoke_run(struct df_cli *cli, struct df_why *why)
{
	return df_ask_print(cli, "peer revoke", df_args1("peer", cli->args[0]),
			    NULL, why);
}

const struct df_cmd df_cmd_peer_revoke = {
	.path = "peer revoke",
	.args = "NAME|FINGERPRINT",
	.help = "refuse a node from its next request on"
		"\n      吊销对端节点",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = revoke_run,
};

static enum df_err test_run(struct df_cli *cli, struct df_why *why)
{
	const struct df_peer *p = NULL;

	if (cli->n_args == 0 && cli->cfg.n_peers == 1)
		p = &cli->cfg.peers[0];
	else if (cli->n_args == 1)
		p = df_config_peer(&cli->cfg, df_text_of(cli->args[0]));
	if (p == NULL)
		return df_fail(why, DF_E_NOTFOUND,
			       "no such peer in config.ini");
	return df_peer_hello_test(cli, p->url, p->fingerprint, true, why);
}

const struct df_cmd df_cmd_peer_test = {
	.path = "peer test",
	.args = "[NAME]",
	.help = "say whether the line to the centre works, and its clock"
		"\n      测试到中心的线路",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG,
	.max_args = 1,
	.run = test_run,
};
