/*
 * cmd_report.c - report list|show|export|verify, report trust add.
 *
 * The daemon gives no part of a report that it could not verify. `verify`
 * does the cryptographic checks again, here, with the node's trust.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "df/clock.h"
#include "df/digest.h"
#include "df/file.h"
#include "df/keyring.h"
#include "df/sign.h"
#include "df/statement.h"

#define BODY_MAX (512u * 1024u * 1024u)

/* --- words --- */

static const char *verdict_text(const char *word)
{
	if (strcmp(word, "signed") == 0)
		return "signed 已签名";
	if (strcmp(word, "sealed") == 0)
		return "sealed by centre, not signed by a physician 中心签章";
	if (strcmp(word, "held") == 0)
		return "waits for an earlier version 等待先前版本";
	return "could not be verified 无法验证";
}

static const char *verdict_short(const char *word)
{
	if (strcmp(word, "signed") == 0)
		return "signed 已签名:";
	if (strcmp(word, "sealed") == 0)
		return "sealed by centre 中心签章:";
	if (strcmp(word, "held") == 0)
		return "waits 等待:";
	return "NOT VERIFIED 无法验证:";
}

static void reports_print(const cJSON *all)
{
	const cJSON *r;

	if (cJSON_GetArraySize(df_json_at(all, "reports")) == 0) {
		(void)puts("no report has come yet 尚无报告"); /* main */
		return;
	}
	df_cell("report", 26);
	df_cell("received", 19);
	df_cell("status", 11);
	df_cell("patient", 20);
	(void)puts("verified, by whom, or why not"); /* the same */
	cJSON_ArrayForEach(r, df_json_at(all, "reports"))
	{
		const char *reason = df_json_text(r, "reason_text");

		df_cell(df_json_text(r, "id"), 26);
		df_print_time(df_json_text(r, "received_at"));
		(void)putchar(' '); /* main checks stdout */
		df_cell(df_json_text(r, "status"), 11);
		df_cell_cut(df_json_text(r, "patient_name"), 20);
		if (reason[0] == '\0')
			reason = df_json_text(r, "reason");
		df_cell(verdict_short(df_json_text(r, "verification")), 1);
		df_cell(reason[0] ? reason : df_json_text(r, "signed_by"), 1);
		(void)putchar('\n'); /* the same */
	}
}

static enum df_err list_run(struct df_cli *cli, struct df_why *why)
{
	const char *study = df_cli_option(cli, "study");

	return df_ask_print(cli, "report list",
			    study ? df_args1("study", study) : NULL,
			    reports_print, why);
}

const struct df_cmd df_cmd_report_list = {
	.path = "report list",
	.args = "[--study UID]",
	.help = "reports that came, and whether each could be verified"
		"\n      收到的报告及验证结果",
	.options = "study=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.run = list_run,
};

/* --- parts from the daemon --- */

/* form: "text", "body", "statement", "cms"; b is the caller's. */
static enum df_err part_get(struct df_cli *cli, const char *form,
			    const char *id, struct df_buf *b,
			    struct df_why *why)
{
	cJSON *result = NULL;
	char verb[32];
	uint64_t size = 0;
	int fd = -1;
	enum df_err rc;

	df_str_fmt(verb, sizeof verb, "report %s", form);
	df_buf_init(b, BODY_MAX);
	rc = df_ask(cli, verb, df_args1("id", id), NULL, 0, DF_ASK_SLOW_MS,
		    &result, &fd, why);
	cJSON_Delete(result);
	if (rc == DF_OK && fd < 0)
		rc = df_fail(why, DF_E_BUG, "the answer has no file");
	if (rc == DF_OK)
		rc = df_fd_size(fd, &size, why);
	if (rc == DF_OK && size > BODY_MAX)
		rc = df_fail(why, DF_E_LIMIT, "the report is too large");
	if (rc == DF_OK)
		rc = df_buf_reserve(b, (size_t)size + 1, why);
	if (rc == DF_OK)
		rc = df_pread_all(fd, b->ptr, (size_t)size, 0, why);
	if (rc == DF_OK)
		b->len = (size_t)size;
	df_fd_close(&fd);
	return rc;
}

static void head_print(const cJSON *r)
{
	const char *status = df_json_text(r, "status");
	const char *reason = df_json_text(r, "reason_text");

	if (strcmp(status, "preliminary") == 0)
		(void)puts("*** PRELIMINARY 初步报告 ***"); /* main checks */
	(void)printf("report   %s, version %lld, %s\n",
		     df_json_text(r, "report_id"),
		     (long long)df_json_num(r, "version"), status);  /* same */
	(void)printf("study    %s\n", df_json_text(r, "study_uid")); /* same */
	(void)printf("patient  "); /* the same */
	df_cell(df_json_text(r, "patient_name"), 1);
	df_cell(df_json_text(r, "patient_id"), 1);
	(void)printf("\nverified %s\n",
		     verdict_text(df_json_text(r, "verification"))); /* same */
	if (df_json_text(r, "signed_by")[0] != '\0') {
		(void)printf("by       "); /* the same */
		df_cell(df_json_text(r, "signed_by"), 1);
		(void)printf("at %s\n",
			     df_json_text(r, "signed_at")); /* same */
	}
	(void)printf("         revocation %s, time stamp %s\n",
		     df_json_text(r, "revocation"),
		     df_json_text(r, "timestamp")); /* the same */
	if (reason[0] != '\0')
		(void)printf("reason   %s %s\n", reason,
			     df_json_text(r, "reason_text_zh")); /* same */
	if (df_json_text(r, "note_text")[0] != '\0')
		(void)printf("note     %s %s\n", df_json_text(r, "note_text"),
			     df_json_text(r, "note_text_zh")); /* the same */
	(void)putchar('\n');				       /* the same */
}

static bool shown(const cJSON *r)
{
	const char *word = df_json_text(r, "verification");

	return strcmp(word, "signed") == 0 || strcmp(word, "sealed") == 0;
}

static enum df_err show_run(struct df_cli *cli, struct df_why *why)
{
	cJSON *r = NULL;
	struct df_buf text;
	enum df_err rc = df_ask(cli, "report get", df_args1("id", cli->args[0]),
				NULL, 0, DF_ASK_MS, &r, NULL, why);

	df_buf_init(&text, 0);
	if (rc == DF_OK && !cli->json)
		head_print(r);
	if (rc == DF_OK && shown(r))
		rc = part_get(cli, "text", cli->args[0], &text, why);
	else if (rc == DF_OK)
		rc = df_fail(why, DF_E_REFUSED,
			     "this report could not be "
			     "verified; its text is not shown");
	if (rc == DF_OK && cli->json) {
		text.ptr[text.len] = '\0'; /* part_get left room */
		(void)cJSON_AddStringToObject(r, "text",
					      (const char *)text.ptr);
		df_print_json(r);
	} else if (rc == DF_OK) {
		df_print_clean((const char *)text.ptr, text.len);
		(void)putchar('\n'); /* main checks stdout */
	}
	df_buf_wipe(&text);
	cJSON_Delete(r);
	return rc;
}

const struct df_cmd df_cmd_report_show = {
	.path = "report show",
	.args = "ID",
	.help = "a verified report as text; of others only why not"
		"\n      显示已验证的报告",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = show_run,
};

/* --- files --- */

static const char *const bundle_parts[] = {"statement", "cms", "body"};

static enum df_err bundle_make(struct df_cli *cli, const char *dir,
			       struct df_why *why)
{
	enum df_err rc = DF_OK;

	if (mkdir(dir, 0700) < 0)
		return df_fail_sys(why, errno == EEXIST ? DF_E_EXISTS : DF_E_IO,
				   "cannot make '%s'", dir);
	for (size_t i = 0; i < 3 && rc == DF_OK; i++) {
		struct df_buf b;
		char path[4096];

		rc = part_get(cli, bundle_parts[i], cli->args[0], &b, why);
		if (rc == DF_OK &&
		    snprintf(path, sizeof path, "%s/%s", dir,
			     bundle_parts[i]) >= (int)sizeof path)
			rc = df_fail(why, DF_E_USAGE, "the path is too long");
		if (rc == DF_OK)
			rc = df_user_file_write(AT_FDCWD, path, &b, why);
		df_buf_wipe(&b);
	}
	return rc;
}

static enum df_err export_run(struct df_cli *cli, struct df_why *why)
{
	const char *to = df_cli_option(cli, "to");
	const char *bundle = df_cli_option(cli, "bundle");
	struct df_buf b;
	enum df_err rc = DF_OK;

	if (to == NULL && bundle == NULL)
		return df_fail(why, DF_E_USAGE,
			       "say where: --to FILE or --bundle DIR");
	if (to != NULL) {
		rc = part_get(cli, "body", cli->args[0], &b, why);
		if (rc == DF_OK)
			rc = df_user_file_write(AT_FDCWD, to, &b, why);
		df_buf_wipe(&b);
	}
	if (rc == DF_OK && bundle != NULL)
		rc = bundle_make(cli, bundle, why);
	return rc;
}

const struct df_cmd df_cmd_report_export = {
	.path = "report export",
	.args = "ID --to FILE | --bundle DIR",
	.help = "the original file, or statement, signature and file together"
		"\n      导出报告原件",
	.options = "to= bundle=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = export_run,
};

/* --- verify --- */

/* All PEM files of report-trust, physicians' and seals' apart. */
static enum df_err trust_read(struct df_cli *cli, struct df_buf *signers,
			      struct df_buf *seals, struct df_why *why)
{
	const size_t prefix = strlen(DF_KEYS_SEAL_PREFIX);
	struct dirent *e;
	DIR *d;
	int fd;
	enum df_err rc = df_dir_open(&fd, cli->dir, DF_KEYS_TRUST, why);

	if (rc != DF_OK)
		return rc;
	d = fdopendir(fd);
	if (d == NULL) {
		df_fd_close(&fd);
		return df_fail_sys(why, DF_E_IO, "cannot list report-trust");
	}
	while (rc == DF_OK && (e = readdir(d)) != NULL) {
		const size_t n = strlen(e->d_name);
		const bool seal =
			strncmp(e->d_name, DF_KEYS_SEAL_PREFIX, prefix) == 0;

		if (n < 4 || strcmp(e->d_name + n - 4, ".pem") != 0)
			continue;
		rc = df_file_read(fd, e->d_name, DF_PEM_MAX,
				  seal ? seals : signers, why);
	}
	(void)closedir(d); /* only read */
	return rc;
}

static struct df_text text_of(const struct df_buf *b)
{
	return (struct df_text){(const char *)b->ptr, b->len};
}

/* Content against statement, signature against statement and trust. */
static enum df_err bundle_check(struct df_cli *cli, const struct df_buf part[3],
				struct df_statement *s,
				struct df_sign_result *result,
				struct df_why *why)
{
	struct df_buf signers, seals;
	struct df_sign_trust trust;
	struct df_digest d;
	enum df_err rc;

	df_buf_init(&signers, 16u << 20);
	df_buf_init(&seals, 16u << 20);
	rc = df_statement_decode(text_of(&part[0]), s, why);
	if (rc == DF_OK)
		rc = trust_read(cli, &signers, &seals, why);
	if (rc == DF_OK) {
		trust = (struct df_sign_trust){text_of(&signers),
					       text_of(&seals)};
		df_report_verify(result, part[1].ptr, part[1].len, part[0].ptr,
				 part[0].len, &trust, df_clock_wall_ms(),
				 s->signed_at_ms);
		df_sha256(&d, part[2].ptr, part[2].len);
		if (part[2].len != s->content_bytes ||
		    !df_digest_same(&d, &s->content))
			result->verdict = DF_SIGN_CONTENT;
	}
	df_buf_release(&signers);
	df_buf_release(&seals);
	return rc;
}

static enum df_err verify_say(struct df_cli *cli, const struct df_statement *s,
			      const struct df_sign_result *r,
			      struct df_why *why)
{
	const bool good = r->verdict == DF_SIGN_GOOD;
	const char *word = !good ? "rejected" : r->seal ? "sealed" : "signed";

	if (cli->json) {
		cJSON *o = df_args1("verification", word);

		(void)cJSON_AddStringToObject(
			o, "reason", good ? "" : df_sign_word(r->verdict));
		(void)cJSON_AddStringToObject(o, "signed_by", r->signer);
		(void)cJSON_AddStringToObject(o, "study_uid", s->study_uid);
		df_print_json(o);
		cJSON_Delete(o);
	} else {
		(void)printf("%s%s%s\n", verdict_text(word),
			     r->signer[0] ? ": " : "", r->signer); /* main */
	}
	if (good)
		return DF_OK;
	return df_fail(why, DF_E_REFUSED, "%s", df_sign_text(r->verdict));
}

static enum df_err verify_run(struct df_cli *cli, struct df_why *why)
{
	struct df_buf part[3] = {{0}};
	struct df_statement s;
	struct df_sign_result result = {0};
	struct stat st;
	const char *what = cli->args[0];
	const bool dir = stat(what, &st) == 0 && S_ISDIR(st.st_mode);
	enum df_err rc = DF_OK;

	if (!dir)
		rc = df_node_connect(cli, why);
	for (size_t i = 0; i < 3 && rc == DF_OK; i++) {
		char path[4096];

		if (dir && snprintf(path, sizeof path, "%s/%s", what,
				    bundle_parts[i]) >= (int)sizeof path)
			rc = df_fail(why, DF_E_USAGE, "the path is too long");
		else if (dir)
			rc = df_user_file_read(path, BODY_MAX, &part[i], why);
		else
			rc = part_get(cli, bundle_parts[i], what, &part[i],
				      why);
	}
	if (rc == DF_OK)
		rc = bundle_check(cli, part, &s, &result, why);
	if (rc == DF_OK)
		rc = verify_say(cli, &s, &result, why);
	for (size_t i = 0; i < 3; i++)
		df_buf_wipe(&part[i]);
	return rc;
}

const struct df_cmd df_cmd_report_verify = {
	.path = "report verify",
	.args = "ID|DIR",
	.help = "check content and signature again, here (DIR: an exported "
		"bundle)"
		"\n      再次验证内容和签名",
	.needs = DF_NEEDS_DIR,
	.min_args = 1,
	.max_args = 1,
	.run = verify_run,
};

/* --- trust --- */

static enum df_err trust_add(struct df_cli *cli, struct df_why *why)
{
	struct df_cert *cert = NULL;
	struct df_buf pem, clean;
	struct df_digest fp;
	char path[160], name[DF_NODE_NAME_MAX + 1];
	enum df_err rc;

	df_buf_init(&clean, DF_PEM_MAX);
	rc = df_user_file_read(cli->args[0], DF_PEM_MAX, &pem, why);
	if (rc == DF_OK)
		rc = df_cert_from_pem(&cert, text_of(&pem), why);
	df_buf_release(&pem);
	if (rc == DF_OK && !df_cert_is_ca(cert))
		rc = df_fail(why, DF_E_REFUSED,
			     "this certificate is not a CA's; "
			     "trust the CA that issues the physicians' ones");
	if (rc == DF_OK && df_cert_not_after_ms(cert) < df_clock_wall_ms())
		rc = df_fail(why, DF_E_REFUSED, "this certificate expired");
	if (rc == DF_OK)
		rc = df_cert_to_pem(&clean, cert, why);
	if (rc == DF_OK) {
		df_cert_fingerprint(cert, &fp);
		df_cert_name(cert, name);
		df_str_fmt(path, sizeof path, "%s/%s.pem", DF_KEYS_TRUST,
			   df_digest_hex(&fp).s);
		rc = df_file_write_durable(cli->dir, path, 0600, clean.ptr,
					   clean.len, why);
	}
	df_cert_free(cert);
	df_buf_release(&clean);
	if (rc != DF_OK)
		return rc;
	df_node_reload(cli, "keys reload");
	if (!cli->json)
		(void)printf("certificates of \"%s\" may sign reports; those "
			     "that came before stay as they\nwere judged: ask "
			     "the centre to submit them again\n",
			     name); /* main checks stdout */
	return DF_OK;
}

const struct df_cmd df_cmd_report_trust_add = {
	.path = "report trust add",
	.args = "CA.pem",
	.help = "reports signed under this CA count as signed by a physician"
		"\n      信任签发医师证书的 CA",
	.needs = DF_NEEDS_DIR,
	.min_args = 1,
	.max_args = 1,
	.run = trust_add,
};
