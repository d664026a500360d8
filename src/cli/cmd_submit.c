/*
 * cmd_submit.c - report submit: a physician signs, the node sends.
 *
 * The key is opened in this process and never reaches the daemon; the daemon
 * gets the statement, its signature and the report's bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli.h"
#include "df/clock.h"
#include "df/digest.h"
#include "df/file.h"
#include "df/sign.h"
#include "df/statement.h"

#define BODY_MAX (256u * 1024u * 1024u)
#define P12_MAX (1024u * 1024u)

struct submit {
	struct df_statement st;
	struct df_buf body;
	struct df_buf text; /* of the statement */
	struct df_buf cms;
	char signer[DF_NODE_NAME_MAX + 1];
};

/* What the bytes say they are; names of files say nothing. */
static enum df_err media_of(const struct df_buf *b, enum df_report_media *to,
			    struct df_why *why)
{
	if (b->len > 4 && memcmp(b->ptr, "%PDF", 4) == 0)
		*to = DF_REPORT_PDF;
	else if (b->len > 132 && memcmp(b->ptr + 128, "DICM", 4) == 0)
		*to = DF_REPORT_DICOM;
	else
		return df_fail(why, DF_E_UNSUPPORTED,
			       "the file is neither a PDF nor a DICOM file");
	return DF_OK;
}

static enum df_err text_set(char field[DF_STATEMENT_TEXT_MAX + 1],
			    const cJSON *facts, const char *key,
			    struct df_why *why)
{
	if (df_statement_set_text(
		    field, df_text_of(df_json_text(facts, key))) != DF_OK)
		return df_fail(why, DF_E_FORMAT,
			       "the study's %s cannot stand in a statement",
			       key);
	return DF_OK;
}

static bool hex_set(struct df_hex *to, const char *text)
{
	uint8_t raw[DF_DIGEST_LEN];

	if (!df_hex_decode(raw, sizeof raw, df_text_of(text)))
		return false;
	df_hex_encode(to->s, raw, sizeof raw);
	return true;
}

/* What the node knows of the study: who, and which clinic sent it. */
static enum df_err facts_set(struct df_cli *cli, struct df_statement *st,
			     cJSON **facts, struct df_why *why)
{
	static const char mine[] =
		"the study did not come from a clinic: a report is submitted "
		"at the centre that received the images";
	const char *name;
	enum df_err rc =
		df_ask(cli, "study facts", df_args1("study", st->study_uid),
		       NULL, 0, DF_ASK_MS, facts, NULL, why);

	if (rc == DF_OK)
		rc = text_set(st->accession, *facts, "accession", why);
	if (rc == DF_OK)
		rc = text_set(st->accession_issuer, *facts, "accession_issuer",
			      why);
	if (rc == DF_OK)
		rc = text_set(st->patient_id, *facts, "patient_id", why);
	if (rc == DF_OK)
		rc = text_set(st->patient_id_issuer, *facts,
			      "patient_id_issuer", why);
	if (rc != DF_OK)
		return rc;
	name = df_json_text(*facts, "patient_name");
	if (name[0] != '\0')
		df_sha256(&st->patient_name, name, strlen(name));
	if (df_json_text(*facts, "peer")[0] == '\0')
		return df_fail(why, DF_E_REFUSED, "%s", mine);
	if (!hex_set(&st->clinic_node, df_json_text(*facts, "clinic_node")) ||
	    !hex_set(&st->centre_node, df_json_text(*facts, "node")))
		return df_fail(why, DF_E_BUG, "nodes are missing in the facts");
	return DF_OK;
}

/* Which images were read: the manifests that this node gave receipts for. */
static enum df_err images_set(struct df_cli *cli, struct df_statement *st,
			      struct df_why *why)
{
	cJSON *show = NULL;
	const cJSON *m;
	enum df_err rc =
		df_ask(cli, "study show", df_args1("study", st->study_uid),
		       NULL, 0, DF_ASK_MS, &show, NULL, why);

	cJSON_ArrayForEach(m, df_json_at(show, "held_manifests"))
	{
		const char *hex = cJSON_GetStringValue(m);

		if (hex == NULL)
			hex = df_json_text(m, "digest");
		if (st->image_count < DF_STATEMENT_IMAGES_MAX &&
		    df_digest_decode(&st->images[st->image_count],
				     df_text_of(hex)))
			st->image_count++;
	}
	cJSON_Delete(show);
	return rc;
}

/* A further version of a report that went out from here. */
static enum df_err amends_set(const cJSON *facts, struct df_statement *st,
			      const char *report, struct df_why *why)
{
	const cJSON *r;

	cJSON_ArrayForEach(r, df_json_at(facts, "reports"))
	{
		const int64_t version = df_json_num(r, "version");

		if (strcmp(df_json_text(r, "report_id"), report) != 0 ||
		    version < (int64_t)st->version - 1)
			continue;
		st->version = (uint32_t)version + 1;
		if (!df_digest_decode(
			    &st->previous,
			    df_text_of(df_json_text(r, "statement_sha256"))))
			return df_fail(why, DF_E_BUG, "no digest of a version");
	}
	if (st->version == 1)
		return df_fail(why, DF_E_NOTFOUND,
			       "no report '%s' of this study "
			       "is known here; give --version and --previous",
			       report);
	return DF_OK;
}

static enum df_err version_set(const struct df_cli *cli, const cJSON *facts,
			       struct df_statement *st, struct df_why *why)
{
	const char *report = df_cli_option(cli, "report-id");
	const char *version = df_cli_option(cli, "version");
	const char *previous = df_cli_option(cli, "previous");
	uint64_t n;

	st->version = 1;
	df_id_new(&st->report_id);
	if (report == NULL && version == NULL && previous == NULL)
		return DF_OK;
	if (report == NULL || !df_id_decode(&st->report_id, df_text_of(report)))
		return df_fail(why, DF_E_USAGE,
			       "--report-id is the id of the first version");
	if (version == NULL)
		return amends_set(facts, st, report, why);
	if (!df_text_u64(df_text_of(version), &n) || n < 1 || n > 100000 ||
	    (n > 1) != (previous != NULL))
		return df_fail(why, DF_E_USAGE,
			       "a --version above 1 needs --previous, the "
			       "SHA-256 of the statement before it");
	st->version = (uint32_t)n;
	if (n > 1 && !df_digest_decode(&st->previous, df_text_of(previous)))
		return df_fail(why, DF_E_USAGE, "--previous is 64 hex digits");
	return DF_OK;
}

/* From a file's first line, or typed without echo. Secret: wipe it. */
static enum df_err passphrase_get(const struct df_cli *cli, struct df_buf *to,
				  struct df_why *why)
{
	const char *path = df_cli_option(cli, "passphrase-file");
	struct termios old, quiet;
	char line[1024];
	bool ok;
	enum df_err rc;

	df_buf_init(to, 2048);
	if (path != NULL) {
		struct df_buf raw;
		struct df_text rest, first = {"", 0};

		rc = df_user_file_read(path, sizeof line, &raw, why);
		rest = (struct df_text){(const char *)raw.ptr, raw.len};
		(void)df_text_line(&rest,
				   &first); /* empty file: empty phrase */
		if (rc == DF_OK)
			rc = df_buf_add(to, first.ptr, first.len, why);
		df_buf_wipe(&raw);
		return rc == DF_OK ? df_buf_add(to, "", 1, why) : rc;
	}
	if (tcgetattr(0, &old) < 0) /* not a terminal: no passphrase */
		return df_buf_add(to, "", 1, why);
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	(void)fputs("Passphrase of the signer's key: ", stderr); /* terminal */
	(void)tcsetattr(0, TCSAFLUSH, &quiet); /* else it is shown */
	ok = fgets(line, sizeof line, stdin) != NULL;
	(void)tcsetattr(0, TCSAFLUSH, &old); /* nothing more can be done */
	(void)fputc('\n', stderr);	     /* terminal */
	line[ok ? strcspn(line, "\n") : 0] = '\0';
	rc = df_buf_add(to, line, strlen(line) + 1, why);
	df_wipe(line, sizeof line);
	return ok ? rc : df_fail(why, DF_E_CANCELLED, "no passphrase");
}

static enum df_err sign(const struct df_cli *cli, struct submit *s,
			struct df_why *why)
{
	struct df_buf p12, pass;
	enum df_err rc = df_statement_encode(&s->st, &s->text, why);

	if (rc != DF_OK)
		return rc;
	rc = df_user_file_read(df_cli_option(cli, "signer"), P12_MAX, &p12,
			       why);
	if (rc != DF_OK)
		return rc;
	rc = passphrase_get(cli, &pass, why);
	if (rc == DF_OK)
		rc = df_report_sign_p12(&s->cms, p12.ptr, p12.len,
					(const char *)pass.ptr, s->text.ptr,
					s->text.len, df_clock_wall_ms(),
					s->signer, why);
	df_buf_wipe(&pass);
	df_buf_wipe(&p12);
	return rc;
}

static enum df_err hand_over(struct df_cli *cli, struct submit *s,
			     cJSON **result, struct df_why *why)
{
	const struct df_buf *parts[3] = {&s->text, &s->cms, &s->body};
	int fds[3] = {-1, -1, -1};
	enum df_err rc = DF_OK;

	for (size_t i = 0; i < 3 && rc == DF_OK; i++)
		rc = df_memfd_of(&fds[i], parts[i]->ptr, parts[i]->len, why);
	if (rc == DF_OK)
		rc = df_ask(cli, "report submit",
			    df_args1("study", s->st.study_uid), fds, 3,
			    DF_ASK_SLOW_MS, result, NULL, why);
	for (size_t i = 0; i < 3; i++)
		df_fd_close(&fds[i]);
	return rc;
}

static void say(const struct df_cli *cli, const struct submit *s, cJSON *result)
{
	struct df_digest d;

	df_sha256(&d, s->text.ptr, s->text.len);
	if (cli->json) {
		cJSON *o = result ? result : cJSON_CreateObject();

		(void)cJSON_DeleteItemFromObjectCaseSensitive(o, "report_id");
		(void)cJSON_AddStringToObject(o, "report_id",
					      s->st.report_id.s);
		(void)cJSON_AddNumberToObject(o, "version", s->st.version);
		(void)cJSON_AddStringToObject(o, "statement_sha256",
					      df_digest_hex(&d).s);
		(void)cJSON_AddStringToObject(o, "signed_by", s->signer);
		df_print_json(o);
		if (result == NULL)
			cJSON_Delete(o);
		return;
	}
	(void)printf("report %s version %u, signed by %s, is on its way\n",
		     s->st.report_id.s, (unsigned)s->st.version,
		     s->signer); /* main checks stdout */
}

static enum df_err statement_fill(struct df_cli *cli, struct submit *s,
				  struct df_why *why)
{
	const char *status = df_cli_option(cli, "status");
	const char *role = df_cli_option(cli, "role");
	cJSON *facts = NULL;
	enum df_err rc;

	s->st.status = DF_REPORT_FINAL;
	s->st.role = DF_ROLE_REPORTING;
	if (status != NULL &&
	    !df_report_status_from(df_text_of(status), &s->st.status))
		return df_fail(why, DF_E_USAGE,
			       "--status is final, preliminary, "
			       "amended, addendum or retracted");
	if (role != NULL && strcmp(role, "verifying") == 0)
		s->st.role = DF_ROLE_VERIFYING;
	else if (role != NULL && strcmp(role, "reporting") != 0)
		return df_fail(why, DF_E_USAGE,
			       "--role is reporting or verifying");
	if (df_str_copy(s->st.study_uid, sizeof s->st.study_uid,
			df_text_of(df_cli_option(cli, "study"))) != DF_OK)
		return df_fail(why, DF_E_USAGE, "--study is not a UID");
	rc = df_user_file_read(df_cli_option(cli, "file"), BODY_MAX, &s->body,
			       why);
	if (rc == DF_OK)
		rc = media_of(&s->body, &s->st.media, why);
	if (rc == DF_OK)
		rc = facts_set(cli, &s->st, &facts, why);
	if (rc == DF_OK && s->st.media == DF_REPORT_DICOM)
		rc = df_report_file_check(
			s->body.ptr, s->body.len, s->st.study_uid,
			df_json_text(facts, "patient_id"), why);
	if (rc == DF_OK)
		rc = images_set(cli, &s->st, why);
	if (rc == DF_OK)
		rc = version_set(cli, facts, &s->st, why);
	cJSON_Delete(facts);
	df_sha256(&s->st.content, s->body.ptr, s->body.len);
	s->st.content_bytes = s->body.len;
	s->st.signed_at_ms = df_clock_wall_ms();
	return rc;
}

static enum df_err submit_run(struct df_cli *cli, struct df_why *why)
{
	static const char *const wanted[] = {"study", "file", "signer"};
	struct submit s = {0};
	cJSON *result = NULL;
	enum df_err rc;

	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (df_cli_option(cli, wanted[i]) == NULL)
			return df_fail(why, DF_E_USAGE, "submit needs --%s",
				       wanted[i]);
	df_buf_init(&s.text, DF_STATEMENT_BYTES_MAX);
	df_buf_init(&s.cms, DF_SIGN_CMS_MAX);
	rc = statement_fill(cli, &s, why);
	if (rc == DF_OK)
		rc = sign(cli, &s, why);
	if (rc == DF_OK)
		rc = hand_over(cli, &s, &result, why);
	if (rc == DF_OK)
		say(cli, &s, result);
	cJSON_Delete(result);
	df_buf_wipe(&s.body);
	df_buf_wipe(&s.text);
	df_buf_release(&s.cms);
	df_wipe(&s.st, sizeof s.st);
	return rc;
}

const struct df_cmd df_cmd_report_submit = {
	.path = "report submit",
	.args = "--study UID --file F [--status final|preliminary|amended|"
		"addendum|retracted] --signer P12 [--passphrase-file F] "
		"[--role reporting|verifying] "
		"[--report-id ID [--version N --previous HEX]]",
	.help = "sign a report here and send it to the clinic of the study"
		"\n      签发报告并发回卫生院",
	.options = "study= file= status= signer= passphrase-file= role= "
		   "report-id= version= previous=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.run = submit_run,
};
