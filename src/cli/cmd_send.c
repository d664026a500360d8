/*
 * cmd_send.c - send FILE..., echo: a DICOM client to our own node.
 *
 * The files take the same path as a modality's: C-STORE to the local node,
 * under its own AE title, which it allows from this machine.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "df/clock.h"
#include "df/dimse.h"
#include "df/file.h"
#include "df/object.h"

#define FILES_MAX 1000000u

struct item {
	char *path;
	struct df_part10 head;
	uint64_t size;
	bool good;
};

struct list {
	struct item *items;
	size_t n;
	size_t cap;
};

struct tally {
	size_t sent;
	size_t failed;
	uint64_t bytes;
	int64_t began_ms;
	bool tty;
};

static void list_release(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i].path);
	free(l->items);
}

static void list_add(struct list *l, const char *path)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->items = df_xrealloc(l->items, l->cap * sizeof *l->items);
	}
	l->items[l->n++] = (struct item){.path = df_xstrdup(path)};
}

/* A file, or all files below a directory. Links are not followed. */
static enum df_err list_take(struct list *l, const char *path, unsigned depth,
			     struct df_why *why)
{
	struct stat st;
	struct dirent **names = NULL;
	int n;
	enum df_err rc = DF_OK;

	if (lstat(path, &st) < 0)
		return df_fail_sys(why, DF_E_NOTFOUND, "cannot read '%s'",
				   path);
	if (l->n >= FILES_MAX || depth > 16)
		return df_fail(why, DF_E_LIMIT, "too many files");
	if (!S_ISDIR(st.st_mode)) {
		if (S_ISREG(st.st_mode))
			list_add(l, path);
		return DF_OK;
	}
	n = scandir(path, &names, NULL, alphasort);
	if (n < 0)
		return df_fail_sys(why, DF_E_IO, "cannot list '%s'", path);
	for (int i = 0; i < n; i++) {
		char below[4096];

		if (rc == DF_OK && names[i]->d_name[0] != '.' &&
		    snprintf(below, sizeof below, "%s/%s", path,
			     names[i]->d_name) < (int)sizeof below)
			rc = list_take(l, below, depth + 1, why);
		free(names[i]);
	}
	free(names);
	return rc;
}

/* The whole file in memory, read-only; *len = 0 for an empty one. */
static enum df_err file_map(const char *path, const void **ptr, size_t *len,
			    struct df_why *why)
{
	int fd;
	uint64_t size;
	void *at;
	enum df_err rc = df_file_open(&fd, AT_FDCWD, path, O_RDONLY, 0, why);

	*ptr = NULL;
	*len = 0;
	if (rc != DF_OK)
		return rc;
	rc = df_fd_size(fd, &size, why);
	if (rc == DF_OK && size > 0) {
		at = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (at == MAP_FAILED)
			rc = df_fail_sys(why, DF_E_IO, "cannot map '%s'", path);
		else
			*ptr = at;
		if (rc == DF_OK)
			*len = (size_t)size;
	}
	df_fd_close(&fd);
	return rc;
}

static void file_unmap(const void *ptr, size_t len)
{
	union {
		const void *in;
		void *out;
	} p = {.in = ptr};

	if (ptr != NULL)
		(void)munmap(p.out, len); /* ours, cannot fail */
}

static void item_fail(const struct item *it, struct tally *t, const char *text)
{
	t->failed++;
	(void)fprintf(stderr, "%sdcm-forward: %s: %s\n", t->tty ? "\n" : "",
		      it->path, text); /* terminal */
}

static void item_look(struct item *it, struct tally *t)
{
	const void *ptr;
	size_t len;
	struct df_why why = {0};
	enum df_err rc = file_map(it->path, &ptr, &len, &why);

	if (rc == DF_OK)
		rc = df_part10_decode(&it->head, ptr, len, &why);
	file_unmap(ptr, len);
	it->size = len;
	it->good = rc == DF_OK;
	if (rc != DF_OK)
		item_fail(it, t, why.text);
}

static bool context_has(const struct df_dimse_context *c, size_t n,
			const struct df_part10 *head)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(c[i].sop_class, head->sop_class) == 0 &&
		    strcmp(c[i].transfer_syntax, head->transfer_syntax) == 0)
			return true;
	return false;
}

static void target_set(struct df_dimse_target *to, const struct df_config *cfg)
{
	const char *host = cfg->node.listen_dicom.host;

	if (strcmp(host, "::") == 0 || strcmp(host, "0.0.0.0") == 0)
		host = "127.0.0.1";
	*to = (struct df_dimse_target){.host = host,
				       .port = cfg->node.listen_dicom.port,
				       .calling = cfg->node.ae,
				       .called = cfg->node.ae,
				       .connect_ms = 10000,
				       .progress_ms = 30000};
}

static void progress(const struct tally *t, size_t all, bool end)
{
	char bytes[16];
	const double s = (double)(df_clock_mono_ms() - t->began_ms) / 1000;
	const size_t done = t->sent + t->failed;

	if (!end && !t->tty)
		return;
	df_bytes_text(bytes, (int64_t)t->bytes);
	if (t->tty) {
		const int wide = all ? (int)(30 * done / all) : 0;

		(void)fprintf(stderr, "\r[%.*s%*s] %zu/%zu  %s  %.1f s  ", wide,
			      "##############################", 30 - wide, "",
			      done, all, bytes, s); /* terminal */
	}
	if (end && t->tty)
		(void)fputc('\n', stderr); /* terminal */
}

static void item_send(struct df_dimse *d, const struct item *it,
		      struct tally *t, bool *alive)
{
	struct df_store_rq rq = {0};
	struct df_store_rsp rsp;
	struct df_why why = {0};
	const void *ptr;
	size_t len;
	enum df_err rc = file_map(it->path, &ptr, &len, &why);

	if (rc == DF_OK && len < it->head.dataset_at)
		rc = df_fail(&why, DF_E_FORMAT, "the file changed");
	if (rc == DF_OK) {
		df_str_fmt(rq.sop_class, sizeof rq.sop_class, "%s",
			   it->head.sop_class);
		df_str_fmt(rq.sop_instance, sizeof rq.sop_instance, "%s",
			   it->head.sop_instance);
		df_str_fmt(rq.transfer_syntax, sizeof rq.transfer_syntax, "%s",
			   it->head.transfer_syntax);
		rc = df_dimse_store(d, &rq,
				    (const char *)ptr + it->head.dataset_at,
				    len - it->head.dataset_at, &rsp, &why);
		*alive = rc == DF_OK || rc == DF_E_UNSUPPORTED;
	}
	file_unmap(ptr, len);
	if (rc == DF_OK && df_store_status_err(rsp.status) != DF_OK)
		rc = df_fail(&why, DF_E_REFUSED, "refused with status %04X%s%s",
			     rsp.status, rsp.comment[0] ? ": " : "",
			     rsp.comment);
	if (rc != DF_OK) {
		item_fail(it, t, why.text);
		return;
	}
	t->sent++;
	t->bytes += len;
}

/* One association for items[from..]; returns the first not handled. */
static enum df_err batch_send(const struct df_config *cfg, struct list *l,
			      size_t from, size_t *next, struct tally *t,
			      struct df_why *why)
{
	struct df_dimse_context contexts[DF_DIMSE_CONTEXTS_MAX];
	struct df_dimse_target target;
	struct df_dimse *d = NULL;
	bool alive = true;
	size_t n = 0, end = from;
	enum df_err rc;

	for (; end < l->n; end++) {
		const struct df_part10 *head = &l->items[end].head;

		if (!l->items[end].good || context_has(contexts, n, head))
			continue;
		if (n == DF_DIMSE_CONTEXTS_MAX)
			break;
		contexts[n].sop_class = head->sop_class;
		contexts[n++].transfer_syntax = head->transfer_syntax;
	}
	*next = end;
	if (n == 0)
		return DF_OK;
	target_set(&target, cfg);
	rc = df_dimse_open(&d, &target, contexts, n, why);
	for (size_t i = from; i < end && rc == DF_OK; i++) {
		if (!l->items[i].good)
			continue;
		item_send(d, &l->items[i], t, &alive);
		progress(t, l->n, false);
		if (!alive) { /* a new association for the rest */
			*next = i + 1;
			break;
		}
	}
	if (alive)
		df_dimse_close(d);
	else
		df_dimse_abort(d);
	return rc;
}

static void say(const struct df_cli *cli, const struct tally *t)
{
	char bytes[16];
	const int64_t ms = df_clock_mono_ms() - t->began_ms;

	if (cli->json) {
		cJSON *o = cJSON_CreateObject();

		(void)cJSON_AddNumberToObject(o, "sent", (double)t->sent);
		(void)cJSON_AddNumberToObject(o, "failed", (double)t->failed);
		(void)cJSON_AddNumberToObject(o, "bytes", (double)t->bytes);
		(void)cJSON_AddNumberToObject(o, "ms", (double)ms); /* memory */
		df_print_json(o);
		cJSON_Delete(o);
		return;
	}
	df_bytes_text(bytes, (int64_t)t->bytes);
	(void)printf("%zu sent (%s), %zu failed, %.2f s\n", t->sent, bytes,
		     t->failed, (double)ms / 1000); /* main checks stdout */
}

static enum df_err listening(const struct df_cli *cli, struct df_why *why)
{
	if (cli->cfg.node.listen_dicom.host[0] == '\0')
		return df_fail(why, DF_E_CONFIG,
			       "the node has no listen-dicom in config.ini");
	return DF_OK;
}

static enum df_err send_run(struct df_cli *cli, struct df_why *why)
{
	struct list l = {0};
	struct tally t = {.began_ms = df_clock_mono_ms(),
			  .tty = isatty(2) == 1 && !cli->json};
	enum df_err rc = listening(cli, why);

	for (size_t i = 0; i < cli->n_args && rc == DF_OK; i++)
		rc = list_take(&l, cli->args[i], 0, why);
	for (size_t i = 0; i < l.n && rc == DF_OK; i++)
		item_look(&l.items[i], &t);
	for (size_t at = 0; at < l.n && rc == DF_OK;)
		rc = batch_send(&cli->cfg, &l, at, &at, &t, why);
	progress(&t, l.n, true);
	list_release(&l);
	if (rc != DF_OK)
		return rc;
	say(cli, &t);
	if (t.failed > 0)
		return df_fail(why, DF_E_REFUSED,
			       "%zu of %zu files were not sent", t.failed,
			       t.failed + t.sent);
	return DF_OK;
}

const struct df_cmd df_cmd_send = {
	.path = "send",
	.args = "FILE|DIR...",
	.help = "give DICOM files to this node, as a modality would"
		"\n      把 DICOM 文件交给本节点",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG,
	.min_args = 1,
	.max_args = DF_CLI_ARGS,
	.run = send_run,
};

static enum df_err echo_run(struct df_cli *cli, struct df_why *why)
{
	static const struct df_dimse_context context = {DF_VERIFICATION_CLASS,
							DF_TS_IMPLICIT_LE};
	struct df_dimse_target target;
	struct df_endpoint to;
	char ae[DF_AE_LEN + 1];
	struct df_dimse *d = NULL;
	const int64_t began = df_clock_mono_ms();
	enum df_err rc = DF_OK;

	if (cli->n_args == 0)
		rc = listening(cli, why);
	if (rc != DF_OK)
		return rc;
	target_set(&target, &cli->cfg);
	if (cli->n_args == 1) {
		rc = df_dicom_address_decode(ae, &to, df_text_of(cli->args[0]),
					     why);
		target.called = ae;
		target.host = to.host;
		target.port = to.port;
	}
	if (rc == DF_OK)
		rc = df_dimse_open(&d, &target, &context, 1, why);
	if (rc == DF_OK)
		rc = df_dimse_echo(d, why);
	if (rc == DF_OK)
		df_dimse_close(d);
	else
		df_dimse_abort(d);
	if (rc == DF_OK && !cli->json)
		(void)printf(
			"%s answers in %lld ms\n", target.called,
			(long long)(df_clock_mono_ms() - began)); /* main */
	return rc;
}

const struct df_cmd df_cmd_echo = {
	.path = "echo",
	.args = "[AET@HOST:PORT]",
	.help = "C-ECHO to this node, or to another"
		"\n      测试 DICOM 连接",
	.needs = DF_NEEDS_DIR | DF_NEEDS_CONFIG,
	.max_args = 1,
	.run = echo_run,
};
