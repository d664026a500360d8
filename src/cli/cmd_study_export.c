/* cmd_study_export.c - study export: the images of a study as DICOM files. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "df/file.h"

struct exporting {
	struct df_cli *cli;
	int dir;
	uint64_t made;
	uint64_t of;   /* images of the study, here or not */
	int64_t after; /* the node's number of the last one */
	bool all;      /* there is no other one here */
};

static enum df_err bytes_copy(int to, int from, struct df_why *why)
{
	uint64_t size = 0;
	struct df_buf b;
	enum df_err rc = df_fd_size(from, &size, why);

	df_buf_init(&b, 1 << 20);
	for (uint64_t at = 0; rc == DF_OK && at < size; at += b.len) {
		const size_t step =
			size - at < b.max ? (size_t)(size - at) : b.max;

		b.len = 0;
		rc = df_buf_reserve(&b, step, why);
		if (rc == DF_OK)
			rc = df_pread_all(from, b.ptr, step, at, why);
		if (rc == DF_OK)
			rc = df_write_all(to, b.ptr, step, why);
		b.len = step;
	}
	df_buf_wipe(&b);
	return rc;
}

/* The person's directory; none is made for a study that is not here. */
static enum df_err dir_begin(struct exporting *e, struct df_why *why)
{
	const char *to = df_cli_option(e->cli, "to");
	enum df_err rc = DF_OK;

	if (e->dir < 0)
		rc = df_dir_make(AT_FDCWD, to, why);
	if (rc == DF_OK && e->dir < 0)
		rc = df_dir_open(&e->dir, AT_FDCWD, to, why);
	return rc;
}

/* The answer's file under a name of ours: a peer's text is in no path. */
static enum df_err file_copy(struct exporting *e, int from, struct df_why *why)
{
	char name[32];
	int to = -1;
	enum df_err rc = dir_begin(e, why);

	df_str_fmt(name, sizeof name, "IM%06" PRIu64 ".dcm", e->made + 1);
	if (rc == DF_OK)
		rc = df_user_file_begin(&to, e->dir, name, why);
	if (rc == DF_OK)
		rc = bytes_copy(to, from, why);
	return df_user_file_end(&to, e->dir, name, rc, why);
}

static enum df_err export_next(struct exporting *e, struct df_why *why)
{
	cJSON *result = NULL, *args = df_args1("study", e->cli->args[0]);
	int fd = -1;
	enum df_err rc;

	(void)cJSON_AddNumberToObject(args, "after", (double)e->after); /* */
	rc = df_ask(e->cli, "study export", args, NULL, 0, DF_ASK_SLOW_MS,
		    &result, &fd, why);
	if (rc == DF_OK) {
		e->of = (uint64_t)df_json_num(result, "instances");
		e->after = df_json_num(result, "after");
		e->all = e->after < 0;
	}
	if (rc == DF_OK && !e->all)
		rc = file_copy(e, fd, why);
	if (rc == DF_OK && !e->all)
		e->made++;
	df_fd_close(&fd);
	cJSON_Delete(result);
	return rc;
}

static void progress(const struct exporting *e)
{
	if (isatty(STDERR_FILENO))
		(void)fprintf(stderr, "\r%" PRIu64 " / %" PRIu64 "%s", e->made,
			      e->of, e->all ? "\n" : ""); /* terminal */
}

static enum df_err say(const struct exporting *e, struct df_why *why)
{
	if (e->cli->json) {
		cJSON *o = cJSON_CreateObject();

		(void)cJSON_AddNumberToObject(o, "images", (double)e->made);
		(void)cJSON_AddNumberToObject(o, "of", (double)e->of); /* */
		df_print_json(o);
		cJSON_Delete(o);
	} else {
		(void)printf("%" PRIu64 " / %" PRIu64 " 幅影像 images\n",
			     e->made, e->of); /* main checks */
	}
	if (e->made >= e->of)
		return DF_OK;
	return df_fail(why, DF_E_NOTFOUND,
		       "不完整 not all of it: the others are not here, or no "
		       "longer (what the centre has comes with prior fetch "
		       "STUDY_UID --purpose TEXT), or in quarantine "
		       "(quarantine list)");
}

static enum df_err export_run(struct df_cli *cli, struct df_why *why)
{
	const char *to = df_cli_option(cli, "to");
	struct exporting e = {.cli = cli, .dir = -1};
	enum df_err rc = DF_OK;

	if (to == NULL)
		return df_fail(why, DF_E_USAGE, "say where: --to DIR");
	while (rc == DF_OK && !e.all) {
		rc = export_next(&e, why);
		progress(&e);
	}
	df_fd_close(&e.dir);
	if (rc == DF_OK)
		return say(&e, why);
	if (e.made > 0)
		(void)fprintf(stderr,
			      "不完整 not all of it: %" PRIu64 " / %" PRIu64
			      " images in %s\n",
			      e.made, e.of, to); /* terminal */
	return rc;
}

const struct df_cmd df_cmd_study_export = {
	.path = "study export",
	.args = "UID --to DIR",
	.help = "its images as DICOM files, bit for bit as they came, for a "
		"viewer or a disc;\n      they are patient data in clear: mind "
		"where they go\n      导出影像文件；含患者信息，注意保管",
	.options = "to=",
	.needs = DF_NEEDS_DIR | DF_NEEDS_DAEMON,
	.min_args = 1,
	.max_args = 1,
	.run = export_run,
};
