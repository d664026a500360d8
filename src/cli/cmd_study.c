/*
 * cmd_study.c - study list|show|why|send, queue list|hold|release|retry.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "df/charset.h"

static void studies_print(const cJSON *all)
{
	bool guessed = false, held = false;
	const cJSON *s;

	if (cJSON_GetArraySize(df_json_at(all, "studies")) == 0) {
		(void)puts("no study has come yet 尚无检查"); /* main */
		return;
	}
	df_cell("patient", 24);
	df_cell("state", 12);
	df_cell("from", 12);
	(void)puts("images packed deliv. confirm.      size  study"); /* main */
	cJSON_ArrayForEach(s, df_json_at(all, "studies"))
	{
		char size[16];
		const cJSON *patient = df_json_at(s, "patient");
		const char *name = df_json_text(patient, "patient_name");
		bool open = cJSON_IsTrue(df_json_at(patient, "identity_held"));
		bool guess =
			name[0] != '\0' && df_text_basis_guessed(df_json_text(
						    patient, "name_basis"));

		df_bytes_text(size, df_json_num(s, "bytes"));
		guessed = guessed || guess;
		held = held || open;
		df_cell_cut(name[0] ? name : "-", 21);
		(void)fputs(guess ? "?" : " ", stdout); /* main */
		(void)fputs(open ? "! " : "  ", stdout); /* main */
		df_cell(cJSON_IsTrue(df_json_at(s, "prior"))
				? "prior"
				: df_json_text(s, "state"),
			12);
		df_cell_cut(df_json_text(s, "source"), 12);
		(void)printf("%6lld %6lld %6lld %8lld %9s  %s\n",
			     (long long)df_json_num(s, "instances"),
			     (long long)df_json_num(s, "packed"),
			     (long long)df_json_num(s, "delivered"),
			     (long long)df_json_num(s, "confirmed"), size,
			     df_json_text(s, "study_uid")); /* main checks */
	}
	if (guessed)
		(void)puts("? 姓名的字符集是推测的，请核对 the name was read in "
			   "a guessed character set: make sure"); /* main */
	if (held)
		(void)puts("! 患者身份有矛盾，由人确认 whose exam it is, a "
			   "person must say: dcm-forward identity list"); /* */
}

static enum df_err list_run(struct df_cli *cli, struct df_why *why)
{
	return df_ask_print(cli, "study list", NULL, studies_print, why);
}

const struct df_cmd df_cmd_study_list = {
	.path = "study list",
	.args = "",
	.help = "the studies this node holds, and how far each has come"
		"\n      检查列表及进度",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.run = list_run,
};

static void pretty(const cJSON *o)
{
	char *text = cJSON_Print(o);

	if (text != NULL)
		df_print_clean(text, strlen(text));
	(void)putchar('\n'); /* main checks stdout */
	cJSON_free(text);
}

/* A plain text the room made, or whatever else came. */
static void text_print(const cJSON *o)
{
	const char *text = df_json_text(o, "text");

	if (text[0] == '\0') {
		pretty(o);
		return;
	}
	df_print_clean(text, strlen(text));
	if (text[strlen(text) - 1] != '\n')
		(void)putchar('\n'); /* main checks stdout */
}

/* Where it stands in the order of a destination. */
static void ahead_print(const cJSON *d)
{
	const cJSON *next = df_json_at(d, "before_next");
	const cJSON *last = df_json_at(d, "before_last");
	char size[16];

	if (!cJSON_IsObject(next) || !cJSON_IsObject(last))
		return;
	df_bytes_text(size, df_json_num(last, "bytes"));
	(void)printf("         次序 place: %lld before its next, %lld (%s of %lld "
		     "other studies, %lld STAT) before its last\n",
		     (long long)df_json_num(next, "items"),
		     (long long)df_json_num(last, "items"), size,
		     (long long)df_json_num(last, "studies"),
		     (long long)df_json_num(last, "stat_studies")); /* main */
}

static void deliveries_print(const cJSON *o)
{
	const cJSON *d;

	cJSON_ArrayForEach(d, df_json_at(o, "deliveries"))
	{
		(void)printf("to       "); /* main checks stdout */
		df_cell(df_json_text(d, "destination"), 20);
		(void)printf("%lld %ss %s  ",
			     (long long)df_json_num(d, "count"),
			     df_json_text(d, "kind"),
			     df_json_text(d, "state")); /* the same */
		df_cell(df_json_text(d, "error"), 1);
		(void)putchar('\n'); /* the same */
		ahead_print(d);
	}
	cJSON_ArrayForEach(d, df_json_at(o, "manifests"))
	{
		(void)printf("manifest version %lld, %s, to ",
			     (long long)df_json_num(d, "version"),
			     df_json_text(d, "state")); /* the same */
		df_cell(df_json_text(d, "destination"), 1);
		df_cell(df_json_text(d, "error"), 1);
		(void)putchar('\n'); /* the same */
	}
}

static void instances_print(const cJSON *o)
{
	const cJSON *in;

	(void)puts("\nstate       coding            size   packed  SOP instance");
	cJSON_ArrayForEach(in, df_json_at(o, "list"))
	{
		char size[16], packed[16];

		df_bytes_text(size, df_json_num(in, "bytes"));
		df_bytes_text(packed, df_json_num(in, "packed_bytes"));
		df_cell(df_json_text(in, "state"), 11);
		df_cell(df_json_text(in, "coding"), 12);
		(void)printf("%9s %8s  %s  ", size, packed,
			     df_json_text(in, "sop_instance")); /* main */
		df_cell(df_json_text(in, "reason"), 1);
		(void)putchar('\n'); /* the same */
	}
}

/* The receipt that it rests on stands above, by its manifest's version. */
static void retention_print(const cJSON *o)
{
	char size[16];

	if (df_json_text(o, "purged")[0] != '\0') {
		df_bytes_text(size, df_json_num(o, "purged_bytes"));
		(void)printf("released %s 已释放 on ", size); /* main checks */
		df_print_time(df_json_text(o, "purged"));
		(void)puts(": others hold it, by receipt 对方有回执"); /* */
	}
	if (df_json_text(o, "confirmed")[0] == '\0')
		return;
	(void)printf("held by others too, since "); /* main checks */
	df_print_time(df_json_text(o, "confirmed"));
	if (df_json_text(o, "until")[0] != '\0') {
		(void)printf("; kept here until 保存至 "); /* the same */
		df_print_time(df_json_text(o, "until"));
	}
	(void)putchar('\n'); /* the same */
}

/* Other studies of this person with the same images. */
static void same_print(const cJSON *o)
{
	const cJSON *t;

	cJSON_ArrayForEach(t, df_json_at(o, "same_images"))
	{
		const char *node = df_json_text(t, "node");

		(void)printf("same     %lld 幅影像相同 images as study %s%s%.16s\n",
			     (long long)df_json_num(t, "instances"),
			     df_json_text(t, "study_uid"),
			     node[0] ? " of node " : "", node); /* main */
	}
	if (cJSON_IsObject(df_json_at(o, "linked")))
		(void)printf("         未重复上传 not sent again; send it all the "
			     "same: study send %s\n",
			     df_json_text(o, "study_uid")); /* main checks */
}

static void study_print(const cJSON *o)
{
	const char *peer = df_json_text(o, "peer");

	(void)printf("study    %s\n", df_json_text(o, "study_uid"));
	(void)printf("from     %s%s%.16s\n", df_json_text(o, "source"),
		     peer[0] ? ", by node " : "", peer); /* main checks */
	(void)printf("state    %s, %s%s\n", df_json_text(o, "state"),
		     cJSON_IsTrue(df_json_at(o, "closed")) ? "complete" : "open",
		     df_json_num(o, "priority") > 0 ? ", STAT 急诊"
						    : ""); /* the same */
	(void)printf("images   %lld, %lld packed, %lld delivered, %lld "
		     "confirmed, %lld in quarantine\n",
		     (long long)df_json_num(o, "instances"),
		     (long long)df_json_num(o, "packed"),
		     (long long)df_json_num(o, "delivered"),
		     (long long)df_json_num(o, "confirmed"),
		     (long long)df_json_num(o, "quarantined")); /* the same */
	(void)printf("received ");				/* the same */
	df_print_time(df_json_text(o, "opened"));
	(void)printf(" to "); /* the same */
	df_print_time(df_json_text(o, "last"));
	(void)putchar('\n'); /* the same */
	same_print(o);
	deliveries_print(o);
	df_codings_print(df_json_at(o, "codings"));
	retention_print(df_json_at(o, "retention"));
	instances_print(o);
}

/* The queue's states, and from the index which studies show the same; without
 * the index the rest is still true. */
static enum df_err show_run(struct df_cli *cli, struct df_why *why)
{
	cJSON *study = NULL, *twins = NULL, *args;
	enum df_err rc = df_ask(cli, "study show",
				df_args1("study", cli->args[0]), NULL, 0,
				DF_ASK_MS, &study, NULL, why);

	if (rc != DF_OK)
		return rc;
	args = df_args1("study", df_json_text(study, "study_uid"));
	(void)cJSON_AddStringToObject(args, "peer",
				      df_json_text(study, "peer")); /* memory */
	if (df_ask(cli, "study twins", args, NULL, 0, DF_ASK_MS, &twins, NULL,
		   NULL) == DF_OK)
		(void)cJSON_AddItemToObject(
			study, "same_images",
			cJSON_DetachItemFromObjectCaseSensitive(
				twins, "same_images")); /* the same */
	if (cli->json)
		df_print_json(study);
	else
		study_print(study);
	cJSON_Delete(twins);
	cJSON_Delete(study);
	return DF_OK;
}

const struct df_cmd df_cmd_study_show = {
	.path = "study show",
	.args = "UID",
	.help = "one study in full"
		"\n      单个检查的详情",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = show_run,
};

static enum df_err why_run(struct df_cli *cli, struct df_why *why)
{
	return df_ask_print(cli, "study why", df_args1("study", cli->args[0]),
			    text_print, why);
}

const struct df_cmd df_cmd_study_why = {
	.path = "study why",
	.args = "UID",
	.help = "where it is, what is missing, the last error, what to do"
		"\n      检查在哪里、缺什么、该怎么办",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = why_run,
};

static enum df_err send_run(struct df_cli *cli, struct df_why *why)
{
	cJSON *args = df_args1("study", cli->args[0]);

	if (df_cli_option(cli, "stat") != NULL)
		(void)cJSON_AddTrueToObject(args, "stat"); /* no memory */
	return df_ask_print(cli, "study send", args, NULL, why);
}

const struct df_cmd df_cmd_study_send = {
	.path = "study send",
	.args = "UID [--stat]",
	.help = "the study is complete now; --stat: it is urgent and goes "
		"before all others"
		"\n      检查已完整，现在发送；--stat 急诊",
	.options = "stat",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = send_run,
};

/* --- queue --- */

static void queue_print(const cJSON *all)
{
	const cJSON *d, *list = df_json_at(all, "deliveries");

	if (cJSON_GetArraySize(list) == 0) {
		(void)puts("nothing waits to be delivered 没有待发送的内容");
		return;
	}
	(void)puts("id         place  destination          state      tries  "
		   "next try             last error"); /* main checks stdout */
	cJSON_ArrayForEach(d, list)
	{
		const cJSON *id = df_json_at(d, "id");

		if (cJSON_IsNumber(id))
			(void)printf("%-10lld ", (long long)df_json_num(
							 d, "id")); /* main */
		else
			df_cell(df_json_text(d, "id"), 10);
		if (df_json_num(d, "place") > 0)
			(void)printf("%-5lld%c ",
				     (long long)df_json_num(d, "place"),
				     cJSON_IsTrue(df_json_at(d, "stat"))
					     ? '!'
					     : ' '); /* main checks stdout */
		else
			df_cell("-", 6);
		df_cell(df_json_text(d, "destination"), 20);
		df_cell(df_json_text(d, "state"), 10);
		(void)printf("%-6lld ",
			     (long long)df_json_num(d, "tries")); /* main */
		df_cell(df_json_text(d, "next"), 20);
		df_cell(df_json_text(d, "error"), 1);
		(void)putchar('\n'); /* main checks stdout */
	}
}

static enum df_err queue_list(struct df_cli *cli, struct df_why *why)
{
	return df_ask_print(cli, "queue list", NULL, queue_print, why);
}

const struct df_cmd df_cmd_queue_list = {
	.path = "queue list",
	.args = "",
	.help = "what is still to be delivered; place: its turn at the "
		"destination (1 = next), ! = STAT"
		"\n      待发送队列",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.run = queue_list,
};

/* An order that moved nothing named nothing that is there. */
static enum df_err order_send(struct df_cli *cli, const char *verb, cJSON *args,
			      bool by_id, struct df_why *why)
{
	cJSON *result = NULL;
	enum df_err rc =
		df_ask(cli, verb, args, NULL, 0, DF_ASK_MS, &result, NULL, why);
	const int64_t moved = df_json_num(result, "moved");

	if (rc == DF_OK && by_id && moved == 0)
		rc = df_fail(why, DF_E_NOTFOUND,
			     "no such delivery, or not in "
			     "a state for this; see queue list");
	else if (rc == DF_OK && cli->json)
		df_print_json(result);
	else if (rc == DF_OK)
		(void)printf("%lld deliveries\n", (long long)moved); /* main */
	cJSON_Delete(result);
	return rc;
}

/* {ids:[..]} or {all:true} or {destination:..} */
static enum df_err queue_order(struct df_cli *cli, const char *verb,
			       struct df_why *why)
{
	cJSON *args = cJSON_CreateObject(), *ids;
	const char *destination = df_cli_option(cli, "destination");

	if (df_cli_option(cli, "all") != NULL) {
		(void)cJSON_AddTrueToObject(args, "all"); /* NULL: memory */
	} else if (destination != NULL) {
		(void)cJSON_AddStringToObject(args, "destination",
					      destination); /* the same */
	} else if (cli->n_args == 0) {
		cJSON_Delete(args);
		return df_fail(why, DF_E_USAGE,
			       "say --all, --destination NAME, or which ids");
	} else {
		ids = cJSON_AddArrayToObject(args, "ids");
		for (size_t i = 0; i < cli->n_args; i++) {
			uint64_t n;
			cJSON *id;

			if (df_text_u64(df_text_of(cli->args[i]), &n))
				id = cJSON_CreateNumber((double)n);
			else
				id = cJSON_CreateString(cli->args[i]);
			(void)cJSON_AddItemToArray(ids, id); /* memory */
		}
	}
	return order_send(cli, verb, args, cli->n_args > 0, why);
}

static enum df_err queue_hold(struct df_cli *cli, struct df_why *why)
{
	return queue_order(cli, "queue hold", why);
}

const struct df_cmd df_cmd_queue_hold = {
	.path = "queue hold",
	.args = "--all | --destination NAME | ID...",
	.help = "keep what waits from being sent until released"
		"\n      暂停发送",
	.options = "all destination=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.max_args = 1000,
	.run = queue_hold,
};

static enum df_err queue_release(struct df_cli *cli, struct df_why *why)
{
	return queue_order(cli, "queue release", why);
}

const struct df_cmd df_cmd_queue_release = {
	.path = "queue release",
	.args = "--all | --destination NAME | ID...",
	.help = "let held deliveries go on"
		"\n      恢复发送",
	.options = "all destination=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.max_args = 1000,
	.run = queue_release,
};

static enum df_err queue_retry(struct df_cli *cli, struct df_why *why)
{
	cJSON *args = cJSON_CreateObject();
	uint64_t n;

	if (df_text_u64(df_text_of(cli->args[0]), &n))
		(void)cJSON_AddNumberToObject(args, "id",
					      (double)n); /* memory */
	else
		(void)cJSON_AddStringToObject(args, "id",
					      cli->args[0]); /* same */
	return order_send(cli, "queue retry", args, true, why);
}

const struct df_cmd df_cmd_queue_retry = {
	.path = "queue retry",
	.args = "ID",
	.help = "try a delivery again now, refused ones too"
		"\n      立即重试",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = queue_retry,
};
