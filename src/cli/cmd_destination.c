/*
 * cmd_destination.c - destination add|list|test.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "df/object.h"

static enum df_err destination_add(struct df_cli *cli, struct df_why *why)
{
	static const char *const keys[] = {"dicom", "stow", "ca", "calling-ae",
					   "commitment", "associations",
					   "compress"};
	const char *pairs[2 * sizeof keys / sizeof *keys];
	size_t n = 0;

	if ((df_cli_option(cli, "dicom") == NULL) ==
	    (df_cli_option(cli, "stow") == NULL))
		return df_fail(
			why, DF_E_USAGE,
			"say one of --dicom AET@HOST:PORT and --stow URL");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *value = df_cli_option(cli, keys[i]);

		if (value == NULL)
			continue;
		pairs[2 * n] = keys[i];
		pairs[2 * n + 1] = value;
		n++;
	}
	return df_node_add_section(cli, "destination", cli->args[0], pairs, n,
				   why);
}

const struct df_cmd df_cmd_destination_add = {
	.path = "destination add",
	.args = "NAME --dicom AET@HOST:PORT | --stow URL [--ca FILE] "
		"[--calling-ae AET] [--commitment auto|yes|no] "
		"[--associations N] [--compress auto|no|jpeg-ls|jpeg2000]",
	.help = "send images to a PACS or a DICOMweb server; --commitment: "
		"ask it whether it keeps them; --associations: how many at "
		"once, 4 unless said; --compress: without loss, and only where "
		"it takes that"
		"\n      添加发送目的地（PACS 或 DICOMweb）",
	.options = "dicom= stow= ca= calling-ae= commitment= associations= "
		   "compress=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG,
	.min_args = 1,
	.max_args = 1,
	.run = destination_add,
};

static enum df_err destination_list(struct df_cli *cli, struct df_why *why)
{
	cJSON *all = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(all, "destinations");

	(void)why;
	for (size_t i = 0; i < cli->cfg.n_destinations; i++) {
		const struct df_destination *d = &cli->cfg.destinations[i];
		cJSON *o = df_args1("name", d->name);
		char where[DF_URL_LEN + 1];

		if (d->stow[0] != '\0')
			df_str_fmt(where, sizeof where, "%s", d->stow);
		else
			df_str_fmt(where, sizeof where, "%s@%s:%u", d->ae,
				   d->dicom.host, (unsigned)d->dicom.port);
		(void)cJSON_AddStringToObject(o, d->stow[0] ? "stow" : "dicom",
					      where); /* NULL: no memory */
		(void)cJSON_AddItemToArray(list, o);
		if (!cli->json) {
			df_cell(d->name, 20);
			(void)puts(where); /* main checks stdout */
		}
	}
	if (cli->json)
		df_print_json(all);
	cJSON_Delete(all);
	return DF_OK;
}

const struct df_cmd df_cmd_destination_list = {
	.path = "destination list",
	.args = "",
	.help = "where images are sent"
		"\n      发送目的地",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG,
	.run = destination_list,
};

/* --- test --- */

/* "CTImageStorage" as people say it: "CT". */
static void class_print(const char *name)
{
	static const char *const tails[] = {"ImageStorage", "Storage",
					    "ImageStorageForPresentation"};
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		const size_t n = strlen(tails[i]);

		if (strlen(name) > n &&
		    strcmp(name + strlen(name) - n, tails[i]) == 0 &&
		    strlen(name) - n < len)
			len = strlen(name) - n;
	}
	df_print_clean(name, len);
}

static const char *syntax_word(const char *uid)
{
	static const struct {
		const char *uid, *word;
	} words[] = {
		{DF_TS_EXPLICIT_LE, "explicit"},
		{DF_TS_IMPLICIT_LE, "implicit"},
		{DF_TS_JPEG_LS_LOSSLESS, "JPEG-LS"},
		{DF_TS_JPEG2000_LOSSLESS, "JPEG 2000"},
		{DF_TS_JPEG_LOSSLESS_SV1, "JPEG lossless"},
		{DF_TS_RLE_LOSSLESS, "RLE"},
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i].uid, uid) == 0)
			return words[i].word;
	return uid;
}

/* Is it the first of the classes that take the same transfer syntaxes? */
static bool is_first(const cJSON *list, const cJSON *c)
{
	const cJSON *o, *mine = df_json_at(c, "transfer_syntaxes");

	cJSON_ArrayForEach(o, list)
	{
		if (cJSON_Compare(df_json_at(o, "transfer_syntaxes"), mine,
				  true))
			return o == c;
	}
	return true;
}

static void group_print(const cJSON *list, const cJSON *first)
{
	const cJSON *o, *t, *mine = df_json_at(first, "transfer_syntaxes");
	const char *sep = "  takes ";

	cJSON_ArrayForEach(o, list)
	{
		if (!cJSON_Compare(df_json_at(o, "transfer_syntaxes"), mine,
				   true))
			continue;
		(void)fputs(sep, stdout); /* main checks stdout */
		class_print(df_json_text(o, "name"));
		sep = ", ";
	}
	sep = "\n    as ";
	cJSON_ArrayForEach(t, mine)
	{
		const char *uid = cJSON_GetStringValue(t);

		(void)printf("%s%s", sep, uid ? syntax_word(uid) : "");
		sep = ", ";
	}
	(void)putchar('\n'); /* the same */
}

static void dimse_print(const char *name, const cJSON *r, const cJSON *list)
{
	const cJSON *c;

	if (cJSON_IsTrue(df_json_at(r, "echo")))
		(void)printf("%s works 连接正常: C-ECHO answered in %lld ms\n",
			     name, (long long)df_json_num(r, "ms")); /* main */
	else
		(void)printf("%s takes associations but refuses C-ECHO\n",
			     name); /* the same */
	cJSON_ArrayForEach(c, list)
	{
		if (is_first(list, c))
			group_print(list, c);
	}
	(void)puts(cJSON_IsTrue(df_json_at(r, "commitment"))
			   ? "  offers storage commitment 支持存储承诺: images "
			     "are confirmed when it has committed to them"
			   : "  no storage commitment 不支持存储承诺: images are "
			     "confirmed when it says Success"); /* the same */
	if (cJSON_GetArraySize(list) == 0)
		(void)puts("  but takes no kind of image: is this node's AE "
			   "title known there?"); /* the same */
}

static void http_print(const char *name, const cJSON *r)
{
	const long long ms = (long long)df_json_num(r, "ms");
	const cJSON *clock = df_json_at(r, "clock_offset_ms");

	if (strcmp(df_json_text(r, "kind"), "stow") == 0) {
		(void)printf("%s works 连接正常: the DICOMweb server answered "
			     "%lld in %lld ms\n",
			     name, (long long)df_json_num(r, "status"), ms);
		return;
	}
	(void)printf("%s works 连接正常: answered in %lld ms; this node is "
		     "\"%s\" there; its clock is %.1f s from ours\n",
		     name, ms, df_json_text(r, "known_as"),
		     clock ? clock->valuedouble / 1000 : 0.0); /* main */
}

/* A failure that the deliverer put into its answer. */
static enum df_err test_print(const struct df_cli *cli, const cJSON *r,
			      struct df_why *why)
{
	const cJSON *list = df_json_at(r, "accepts");
	const char *name = cli->args[0];

	if (cli->json)
		df_print_json(r);
	if (list == NULL && !cJSON_IsTrue(df_json_at(r, "works")))
		return df_fail(why, DF_E_PEER, "'%s' does not work: %s", name,
			       df_json_text(r, "text"));
	if (cli->json)
		return DF_OK;
	if (list != NULL)
		dimse_print(name, r, list);
	else
		http_print(name, r);
	return DF_OK;
}

/* What a person looks at first. */
static void advise(const char *name)
{
	(void)fprintf(
		stderr,
		"  检查 look at: 1. the other machine is on and its program "
		"runs  2. address, port and\n  AE title: dcm-forward "
		"destination list  3. there, this node's AE title and "
		"address\n  are allowed  4. the network and firewalls\n"
		"  images for %s wait here and go by themselves when it "
		"answers 影像不会丢失，恢复后自动发送\n",
		name); /* terminal */
}

static enum df_err destination_test(struct df_cli *cli, struct df_why *why)
{
	cJSON *result = NULL;
	enum df_err rc =
		df_ask(cli, "destination test", df_args1("name", cli->args[0]),
		       NULL, 0, DF_ASK_SLOW_MS, &result, NULL, why);

	if (rc == DF_OK)
		rc = test_print(cli, result, why);
	if (rc != DF_OK && rc != DF_E_NOTFOUND && !cli->json)
		advise(cli->args[0]);
	cJSON_Delete(result);
	return rc;
}

const struct df_cmd df_cmd_destination_test = {
	.path = "destination test",
	.args = "NAME",
	.help = "say what works at a destination or peer, without sending an "
		"image"
		"\n      测试目的地或对端，不发送影像",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = destination_test,
};
