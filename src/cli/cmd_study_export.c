/* cmd_study_export.c - study export: the images of a study as DICOM files. */
#include <fcntl.h>
#include <stdio.h>

#include "cli.h"
#include "df/file.h"

/* The answer's file under a name of ours: a peer's text is in no path. */
static enum df_err file_copy(int dir, unsigned n, int from, struct df_why *why)
{
	uint64_t size = 0;
	struct df_buf b;
	char name[32];
	int to = -1;
	enum df_err rc = df_fd_size(from, &size, why);

	df_str_fmt(name, sizeof name, "IM%06u.dcm", n);
	if (rc == DF_OK)
		rc = df_file_open(&to, dir, name, O_WRONLY | O_CREAT | O_EXCL,
				  0600, why);
	df_buf_init(&b, 1 << 20);
	for (uint64_t at = 0; rc == DF_OK && at < size; at += b.len) {
		uint64_t left = size - at;

		b.len = 0;
		rc = df_buf_reserve(&b, left < b.max ? (size_t)left : b.max,
				    why);
		if (rc != DF_OK)
			break;
		b.len = left < b.max ? (size_t)left : b.max;
		rc = df_pread_all(from, b.ptr, b.len, at, why);
		if (rc == DF_OK)
			rc = df_pwrite_all(to, b.ptr, b.len, at, why);
	}
	df_buf_wipe(&b);
	df_fd_close(&to);
	return rc;
}

static enum df_err export_next(struct df_cli *cli, int dir, unsigned n,
			       int64_t *after, struct df_why *why)
{
	cJSON *result = NULL, *args = df_args1("study", cli->args[0]);
	int fd = -1;
	enum df_err rc;

	(void)cJSON_AddNumberToObject(args, "after", (double)*after); /* mem */
	rc = df_ask(cli, "study export", args, NULL, 0, DF_ASK_SLOW_MS, &result,
		    &fd, why);
	if (rc == DF_OK && fd < 0)
		rc = df_fail(why, DF_E_BUG, "an image without its file");
	if (rc == DF_OK)
		rc = file_copy(dir, n, fd, why);
	if (rc == DF_OK)
		*after = df_json_num(result, "after");
	df_fd_close(&fd);
	cJSON_Delete(result);
	return rc;
}

static enum df_err export_run(struct df_cli *cli, struct df_why *why)
{
	const char *to = df_cli_option(cli, "to");
	int64_t after = 0;
	unsigned n = 0;
	int dir = -1;
	enum df_err rc;

	if (to == NULL)
		return df_fail(why, DF_E_USAGE, "say where: --to DIR");
	rc = df_dir_make(AT_FDCWD, to, why);
	if (rc == DF_OK)
		rc = df_dir_open(&dir, AT_FDCWD, to, why);
	while (rc == DF_OK) {
		rc = export_next(cli, dir, n + 1, &after, why);
		n += rc == DF_OK;
	}
	df_fd_close(&dir);
	if (rc == DF_E_NOTFOUND && n > 0) /* that was the last one */
		rc = DF_OK;
	if (rc == DF_OK && cli->json) {
		cJSON *o = cJSON_CreateObject();

		(void)cJSON_AddNumberToObject(o, "images", n); /* memory */
		df_print_json(o);
		cJSON_Delete(o);
	} else if (rc == DF_OK) {
		(void)printf("%u 幅影像 images\n", n); /* main checks */
	}
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
