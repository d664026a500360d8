/*
 * ask.c - one question to the running daemon's console, one answer.
 */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "df/file.h"

cJSON *df_args1(const char *key, const char *value)
{
	cJSON *o = cJSON_CreateObject();

	(void)cJSON_AddStringToObject(o, key, value); /* NULL: no memory */
	return o;
}

enum df_err df_args_number(struct df_cli *cli, cJSON *args, const char *option,
			   struct df_why *why)
{
	const char *value = df_cli_option(cli, option);
	uint64_t n;

	if (value == NULL)
		return DF_OK;
	if (!df_text_u64(df_text_of(value), &n) || n == 0) {
		cJSON_Delete(args);
		return df_fail(why, DF_E_USAGE, "--%s needs a number", option);
	}
	(void)cJSON_AddNumberToObject(args, option, (double)n);
	return DF_OK;
}

enum df_err df_cli_typed(enum df_err rc, struct df_why *why)
{
	if (rc == DF_E_CONFIG || rc == DF_E_LIMIT)
		rc = why->err = DF_E_USAGE;
	return rc;
}

const char *df_cli_who(const struct df_cli *cli)
{
	const char *by = df_cli_option(cli, "by"), *sudo = getenv("SUDO_USER");
	const struct passwd *pw;

	if (by != NULL && by[0] != '\0')
		return by;
	if (sudo != NULL && sudo[0] != '\0')
		return sudo;
	pw = getpwuid(getuid());
	return pw != NULL ? pw->pw_name : "";
}

static enum df_err err_of(const char *name)
{
	for (unsigned i = 1; name != NULL && i < DF_E_COUNT; i++)
		if (strcmp(df_err_name((enum df_err)i), name) == 0)
			return (enum df_err)i;
	return DF_E_BUG;
}

/* Texts of peers and of modalities are among them. */
static void texts_mend(cJSON *all)
{
	cJSON *i;

	cJSON_ArrayForEach(i, all)
	{
		if (cJSON_IsString(i))
			df_text_mend(i->valuestring);
		texts_mend(i);
	}
}

/* {"ok":true,"result":..} or the failure it tells of. */
static enum df_err answer_decode(const struct df_buf *line, cJSON **result,
				 struct df_why *why)
{
	cJSON *o = cJSON_ParseWithLength((const char *)line->ptr, line->len);
	enum df_err rc = DF_OK;

	if (o == NULL)
		return df_fail(why, DF_E_FORMAT, "the answer is not JSON");
	texts_mend(o);
	if (cJSON_IsTrue(df_json_at(o, "ok"))) {
		*result = cJSON_DetachItemFromObjectCaseSensitive(o, "result");
	} else {
		rc = df_fail(why, err_of(df_json_text(o, "error")), "%s",
			     df_json_text(o, "text"));
	}
	cJSON_Delete(o);
	return rc;
}

enum df_err df_ask(struct df_cli *cli, const char *verb, cJSON *args,
		   const int *out, size_t n_out, int64_t timeout_ms,
		   cJSON **result, int *fd, struct df_why *why)
{
	cJSON *rq = cJSON_CreateObject();
	struct df_buf answer;
	int in[DF_CONTROL_FDS];
	size_t n_in = 0;
	char *text;
	enum df_err rc;

	*result = NULL;
	(void)cJSON_AddStringToObject(rq, "verb", verb); /* NULL: no memory */
	if (args != NULL)
		(void)cJSON_AddItemToObject(rq, "args", args);
	text = cJSON_PrintUnformatted(rq);
	cJSON_Delete(rq);
	df_buf_init(&answer, DF_CONTROL_ANSWER_MAX);
	rc = df_control_ask(cli->control, df_text_of(text), out, n_out,
			    timeout_ms, &answer, in, &n_in, why);
	free(text);
	if (rc == DF_OK)
		rc = answer_decode(&answer, result, why);
	if (fd != NULL)
		*fd = rc == DF_OK && n_in > 0 ? df_fd_take(&in[0]) : -1;
	for (size_t i = 0; i < n_in; i++)
		df_fd_close(&in[i]);
	df_buf_release(&answer);
	return rc;
}

enum df_err df_ask_print(struct df_cli *cli, const char *verb, cJSON *args,
			 void (*human)(const cJSON *), struct df_why *why)
{
	cJSON *result = NULL;
	enum df_err rc =
		df_ask(cli, verb, args, NULL, 0, DF_ASK_MS, &result, NULL, why);

	if (rc == DF_OK && cli->json)
		df_print_json(result);
	else if (rc == DF_OK && human != NULL)
		human(result);
	cJSON_Delete(result);
	return rc;
}
