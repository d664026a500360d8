/*
 * cmd_doctor.c - doctor: is this node fit, and what should a person do?
 *
 * Each check prints one line; a bad one ends in what to do. Works without the
 * daemon.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "cli.h"
#include "df/clock.h"
#include "df/file.h"
#include "df/keyring.h"
#include "df/watermark.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)

struct doctor {
	struct df_cli *cli;
	cJSON *checks;
	unsigned bad;
};

static void note(struct doctor *d, bool good, const char *what,
		 const char *text)
{
	cJSON *o = df_args1("check", what);

	(void)cJSON_AddBoolToObject(o, "good", good); /* NULL: no memory */
	(void)cJSON_AddStringToObject(o, "text", text);
	(void)cJSON_AddItemToArray(d->checks, o);
	d->bad += !good;
	if (!d->cli->json)
		(void)printf("%s  %-14s %s\n", good ? "ok " : "BAD", what,
			     text); /* main checks stdout */
}

static void look_config(struct doctor *d)
{
	struct df_why why = {0};
	const enum df_err rc = df_node_config(d->cli, &why);

	note(d, rc == DF_OK, "config", rc == DF_OK ? "good" : why.text);
}

/* The disk under the spool, as the queue judges it. DF_E_NOTFOUND: no spool. */
static enum df_err disk_of(const struct doctor *d, struct df_disk *disk,
			   struct df_why *why)
{
	struct statvfs fs;
	struct stat st;
	enum df_err rc;
	int fd = -1;

	*disk = (struct df_disk){0};
	rc = df_dir_open(&fd, d->cli->dir, "spool", why);
	if (rc == DF_E_NOTFOUND) /* before the first start */
		rc = df_fd_dup(&fd, d->cli->dir, why);
	if (rc == DF_OK && fstatvfs(fd, &fs) < 0)
		rc = df_fail_sys(why, DF_E_IO, "cannot see free space");
	if (rc == DF_OK) {
		disk->total_bytes = (fs.f_blocks - fs.f_bfree + fs.f_bavail) *
				    fs.f_frsize;
		disk->free_bytes = fs.f_bavail * fs.f_frsize;
		disk->total_inodes = fs.f_files;
		disk->free_inodes = fs.f_ffree;
		disk->read_only = (fs.f_flag & ST_RDONLY) != 0;
		if (fstatat(fd, "reserve", &st, AT_SYMLINK_NOFOLLOW) == 0)
			disk->held_bytes = (uint64_t)st.st_blocks * 512;
	}
	df_fd_close(&fd);
	return rc;
}

static void look_disk(struct doctor *d)
{
	const struct df_config *cfg = &d->cli->cfg;
	const struct df_marks marks = {
		.reserve_bytes = (uint64_t)cfg->spool.reserve_bytes,
		.reserve_percent = (uint64_t)cfg->spool.reserve_percent,
		.soft_percent = (uint64_t)cfg->spool.soft_percent,
		.high_percent = (uint64_t)cfg->spool.high_percent,
	};
	struct df_pressure p;
	struct df_disk disk;
	struct df_why why = {0};
	char text[240], a[16], b[16];

	if (disk_of(d, &disk, &why) != DF_OK) {
		note(d, false, "disk", why.text);
		return;
	}
	p = df_watermark(&disk, &marks, DF_MARK_NONE);
	df_bytes_text(a, (int64_t)(disk.free_bytes + disk.held_bytes));
	df_bytes_text(b, (int64_t)df_reserve_bytes(&disk, &marks));
	df_str_fmt(text, sizeof text,
		   "%s left, of them %s kept back for sending; filled to "
		   "%" PRIu64 " %%%s%s",
		   a, b, df_watermark_filled(&disk, &marks) / 10,
		   p.inodes && p.mark > DF_MARK_NONE ? "; few inodes left" : "",
		   disk.read_only	      ? ": READ-ONLY 磁盘只读"
		   : p.mark > DF_MARK_NONE ? ": make room 请清理磁盘"
					      : "");
	note(d, p.mark == DF_MARK_NONE && !disk.read_only, "disk", text);
}

static void look_modes(struct doctor *d)
{
	struct df_why why = {0};
	struct stat st;

	if (fstatat(d->cli->dir, DF_KEYS_DIR, &st, AT_SYMLINK_NOFOLLOW) < 0)
		note(d, false, "keys",
		     "missing: this node cannot open what it "
		     "holds; restore a backup");
	else if (st.st_mode & 077)
		note(d, false, "keys", "others may read them: chmod 700 keys");
	else if (df_node_keys(d->cli, &why) != DF_OK)
		note(d, false, "keys", why.text);
	else
		note(d, true, "keys", "all there, private");
}

static void look_cert(struct doctor *d, const char *what, const char *path)
{
	struct df_buf pem;
	struct df_cert *cert = NULL;
	struct df_why why = {0};
	char text[160];
	enum df_err rc;

	df_buf_init(&pem, DF_PEM_MAX);
	rc = df_file_read(d->cli->dir, path, DF_PEM_MAX, &pem, &why);
	if (rc == DF_OK)
		rc = df_cert_from_pem(
			&cert, (struct df_text){(const char *)pem.ptr, pem.len},
			&why);
	df_buf_release(&pem);
	if (rc == DF_E_NOTFOUND)
		return; /* which files there are depends on the role */
	if (rc == DF_OK) {
		const int64_t days =
			(df_cert_not_after_ms(cert) - df_clock_wall_ms()) /
			DAY_MS;
		const bool early =
			df_cert_not_before_ms(cert) > df_clock_wall_ms();

		df_str_fmt(text, sizeof text,
			   early ? "not valid yet: the clock is wrong?"
				 : "valid for %" PRId64 " more days%s",
			   days, days < 30 ? ": join again" : "");
		note(d, !early && days >= 30, what, text);
	} else {
		note(d, false, what, why.text);
	}
	df_cert_free(cert);
}

static void look_clock(struct doctor *d)
{
	char now[DF_TIME_LEN + 1];
	const int64_t ms = df_clock_wall_ms();
	/* no build of this program is older than its first release */
	const bool sane = ms > (int64_t)1767225600000; /* 2026-01-01 */

	df_time_encode(now, ms);
	note(d, sane, "clock", sane ? now : "before 2026: set the time");
}

/* What the queue says of the disk that it writes to. */
static void look_writing(struct doctor *d, const cJSON *queue)
{
	const char *trouble = df_json_text(queue, "disk_trouble");
	char text[400];

	if (cJSON_IsFalse(df_json_at(queue, "accepting"))) {
		df_str_fmt(text, sizeof text, "images are refused (%s): %s",
			   df_json_text(queue, "refusing"),
			   df_json_text(queue, "refusing_text"));
		note(d, false, "accepting", text);
	}
	if (trouble[0] == '\0')
		return;
	df_str_fmt(text, sizeof text,
		   "failed at %s: %s; have it looked at (smartctl), replace "
		   "it 磁盘写入曾失败，请检查或更换",
		   df_json_text(queue, "disk_trouble_at"), trouble);
	note(d, false, "disk", text);
}

static void look_daemon(struct doctor *d)
{
	struct df_why why = {0};
	const cJSON *peer;
	cJSON *all = NULL;
	enum df_err rc =
		df_control_connect(&d->cli->control, d->cli->dir, &why);

	if (rc == DF_OK)
		rc = df_ask(d->cli, "status", NULL, NULL, 0, DF_ASK_MS, &all,
			    NULL, &why);
	if (rc != DF_OK)
		note(d, false, "daemon", why.text);
	else if (!cJSON_IsTrue(df_json_at(all, "ready")))
		note(d, false, "daemon", "runs, but is not ready: see status");
	else
		note(d, true, "daemon", "ready");
	look_writing(d, df_json_at(all, "queue"));
	cJSON_ArrayForEach(peer,
			   df_json_at(df_json_at(all, "queue"), "destinations"))
	{
		const char *text = df_json_text(peer, "warning");

		if (text[0] != '\0')
			note(d, false, "clock", text);
	}
	cJSON_Delete(all);
}

static void look_peers(struct doctor *d)
{
	for (size_t i = 0; i < d->cli->cfg.n_peers; i++) {
		const struct df_peer *p = &d->cli->cfg.peers[i];
		struct df_why why = {0};
		const enum df_err rc = df_peer_hello_test(
			d->cli, p->url, p->fingerprint, false, &why);
		char own[160];

		df_str_fmt(own, sizeof own, "%s/%s" DF_KEYS_OWN_SUFFIX,
			   DF_KEYS_PEERS, p->fingerprint);
		look_cert(d, p->name, own);
		note(d, rc == DF_OK, "line", rc == DF_OK ? p->url : why.text);
	}
}

static enum df_err doctor_run(struct df_cli *cli, struct df_why *why)
{
	struct doctor d = {.cli = cli, .checks = cJSON_CreateArray()};
	enum df_err rc = DF_OK;

	look_config(&d);
	look_clock(&d);
	look_disk(&d);
	look_modes(&d);
	look_cert(&d, "node.crt", DF_KEYS_NODE_CRT);
	look_cert(&d, "ca.crt", DF_KEYS_CA_CRT);
	look_cert(&d, "seal.crt", DF_KEYS_SEAL_CRT);
	look_daemon(&d);
	look_peers(&d);
	if (d.bad > 0)
		rc = df_fail(why, DF_E_CONFIG, "%u of the checks are bad",
			     d.bad);
	if (cli->json) {
		cJSON *o = cJSON_CreateObject();

		(void)cJSON_AddItemToObject(o, "checks", d.checks); /* memory */
		df_print_json(o);
		cJSON_Delete(o);
	} else {
		cJSON_Delete(d.checks);
	}
	return rc;
}

const struct df_cmd df_cmd_doctor = {
	.path = "doctor",
	.args = "",
	.help = "configuration, disk, clock, certificates, daemon, line"
		"\n      自检：配置、磁盘、时钟、证书、线路",
	.needs = DF_NEEDS_DIR,
	.run = doctor_run,
};
