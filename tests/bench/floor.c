/*
 * floor.c - the least that a durable receiver does: bench-floor PORT DIRECTORY.
 *
 * A process an association; each data set is hashed, sealed, written and synced
 * while it arrives, with the same pieces as df-receive, and then answered. The
 * files are there before it begins. No key that anybody keeps, no row, no
 * inspection, no index: nothing of it could be found again. What a node takes
 * longer is what custody costs (tests/bench/ingest).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "df/digest.h"
#include "df/dimse.h"
#include "df/file.h"
#include "df/proc.h"
#include "df/seal.h"
#include "df/sealed.h"

#define START_DISK_BYTES (1u << 18) /* as receive_sink.c */
#define NAMES 16384		    /* beyond: every data set is refused */

struct floor {
	int dir, fd;
	atomic_uint *used; /* names, by all associations */
	uint64_t written, started;
	struct df_cek cek;
	struct df_sealer sealer;
	struct df_sha256 sha;
};

static enum df_err name_open(int *fd, int dir, unsigned n, int flags,
			     struct df_why *why)
{
	char name[32];

	snprintf(name, sizeof name, "%u", n);
	return df_file_open(fd, dir, name, O_RDWR | flags, 0600, why);
}

static enum df_err names_make(int dir, struct df_why *why)
{
	enum df_err rc = DF_OK;

	for (unsigned n = 0; rc == DF_OK && n < NAMES; n++) {
		int fd = -1;

		rc = name_open(&fd, dir, n, O_CREAT | O_EXCL, why);
		df_fd_close(&fd);
	}
	return rc == DF_OK ? df_dir_sync(dir, "floor", why) : rc;
}

static enum df_err put(void *ctx, const void *ptr, size_t len,
		       struct df_why *why)
{
	struct floor *f = ctx;
	enum df_err rc = df_write_all(f->fd, ptr, len, why);

	f->written += len;
	if (rc == DF_OK && f->written - f->started >= START_DISK_BYTES) {
		df_fd_start_disk(f->fd, f->started, f->written - f->started);
		f->started = f->written;
	}
	return rc;
}

static enum df_err begin(void *ctx, const struct df_store_rq *rq,
			 struct df_why *why)
{
	struct df_sealed_core core = {.content = DF_SEALED_REST,
				      .suite = DF_SUITE_AES256GCM,
				      .chunk_log2 = DF_SEALED_CHUNK_LOG2};
	const uint8_t wrapped[DF_WRAPPED_LEN] = {0};
	uint8_t bytes[DF_SEALED_CORE_LEN];
	struct floor *f = ctx;
	struct df_buf head;
	enum df_err rc;

	(void)rq;
	f->written = f->started = 0;
	df_random(core.id, sizeof core.id);
	df_sealed_core_encode(bytes, &core);
	df_sha256_init(&f->sha);
	df_buf_init(&head, DF_SEALED_REST_LEN);
	rc = name_open(&f->fd, f->dir, atomic_fetch_add(f->used, 1), 0, why);
	if (rc == DF_OK)
		rc = df_seal_rest_header(&head, bytes, &f->cek, wrapped, why);
	if (rc == DF_OK)
		rc = df_seal_init(&f->sealer, bytes, &f->cek, put, f, why);
	if (rc == DF_OK)
		rc = put(f, head.ptr, head.len, why);
	df_buf_release(&head);
	return rc;
}

static enum df_err take(void *ctx, const void *ptr, size_t len,
			struct df_why *why)
{
	struct floor *f = ctx;

	df_sha256_update(&f->sha, ptr, len);
	return df_seal_update(&f->sealer, ptr, len, why);
}

static void abandon(void *ctx)
{
	struct floor *f = ctx;

	df_seal_release(&f->sealer);
	df_fd_close(&f->fd);
}

static enum df_err commit(void *ctx, struct df_why *why)
{
	struct floor *f = ctx;
	struct df_digest digest;
	enum df_err rc = df_seal_finish(&f->sealer, why);

	df_sha256_final(&f->sha, &digest);
	if (rc == DF_OK)
		rc = put(f, digest.b, sizeof digest.b, why);
	if (rc == DF_OK)
		rc = df_fd_sync(f->fd, "floor", why);
	abandon(f);
	return rc;
}

static enum df_dimse_verdict admit(void *ctx, const struct df_dimse_peer *peer)
{
	(void)ctx;
	(void)peer;
	return DF_DIMSE_ACCEPT;
}

static _Noreturn void serve(int fd, int dir, atomic_uint *used)
{
	static struct floor f;
	const struct df_store_sink sink = {&f, begin, take, commit, abandon};
	const struct df_dimse_scp scp = {
		.idle_ms = 60000, .progress_ms = 60000, .admit = admit};
	struct df_why why = {0};

	df_proc_keep_memory();
	f.dir = dir;
	f.used = used;
	f.fd = -1;
	df_random(f.cek.b, sizeof f.cek.b);
	_exit(df_dimse_serve(fd, &scp, &sink, &why) == DF_OK ? 0 : 1);
}

/* So that their processor time is counted as ours. */
static void reap(int number)
{
	int was = errno;

	(void)number;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	errno = was;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1, s = socket(AF_INET, SOCK_STREAM, 0), dir;
	struct df_why why = {0};
	atomic_uint *used = mmap(NULL, sizeof *used, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (argc != 3 || used == MAP_FAILED)
		return 2;
	at.sin_port = htons((uint16_t)atoi(argv[1]));
	dir = open(argv[2], O_RDONLY | O_DIRECTORY);
	if (dir < 0 || names_make(dir, &why) != DF_OK || s < 0 ||
	    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
	    bind(s, (const struct sockaddr *)&at, sizeof at) < 0 ||
	    listen(s, 64) < 0) {
		perror("bench-floor");
		return 1;
	}
	signal(SIGCHLD, reap);
	for (;;) {
		int fd = accept(s, NULL, NULL);

		if (fd < 0)
			continue;
		if (fork() == 0)
			serve(fd, dir, used);
		close(fd);
	}
}
