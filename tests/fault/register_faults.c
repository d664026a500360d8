/*
 * register_faults.c - every call that the register makes fails in turn, once
 * or from then on; then the power goes, or the room starts again on the same
 * cache and then the power goes. Whatever was acknowledged, or read at a start
 * (index.db has followed it then), must be there, in its place, with its
 * content; and another entry must find room.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "df/file.h"
#include "df/log.h"
#include "df/register.h"
#include "disk.h"

#define ENTRIES 12 /* a life's; some span pages */

static const int errors[] = {EIO, ENOSPC, EDQUOT, EROFS, EMFILE, EINTR, ENOMEM};
enum after { CUT_FORGETS, CUT_SOME, RESTARTS, IS_KILLED, AFTER_COUNT };
static const enum disk_cut cut_of[] = {DISK_FORGETS, DISK_SOME, DISK_FORGETS,
				       DISK_SETTLED};

struct said {
	uint64_t seq[4 * ENTRIES];
	unsigned what[4 * ENTRIES];
	size_t n;
};

static unsigned cases, bad;

/* Bound to its place, and otherwise no secret. */
static enum df_err seal(void *ctx, struct df_text place, struct df_text v,
			struct df_buf *out, struct df_why *why)
{
	enum df_err rc = df_buf_u8(out, (uint8_t)place.len);

	(void)ctx; /* no key */
	if (rc == DF_OK)
		rc = df_buf_add(out, place.ptr, place.len, why);
	return rc == DF_OK ? df_buf_add(out, v.ptr, v.len, why) : rc;
}

static enum df_err unseal(void *ctx, struct df_text place, struct df_text v,
			  struct df_buf *out, struct df_why *why)
{
	size_t n = v.len > 0 ? (uint8_t)v.ptr[0] : 0;

	(void)ctx; /* no key */
	if (n != place.len || v.len < 1 + n ||
	    memcmp(v.ptr + 1, place.ptr, n) != 0)
		return df_fail(why, DF_E_CORRUPT, "another place");
	return df_buf_add(out, v.ptr + 1 + n, v.len - 1 - n, why);
}

static const struct df_column_cipher cipher = {NULL, seal, unseal, NULL};

/* {"n":N} and blanks: of 300 to 9,000 bytes. */
static void entry(char json[9100], unsigned what)
{
	size_t len = 300 + what * 733 % 8700;

	memset(json, ' ', len);
	json[len] = '\0';
	json[snprintf(json, 32, "{\"n\":%u}", what)] = ' ';
}

/* index.db follows what is read at the start: that counts as said, too. */
static enum df_err told(void *ctx, const struct df_register_entry *e)
{
	struct said *said = ctx;
	size_t i;

	for (i = 0; i < said->n; i++)
		if (said->seq[i] == e->seq)
			return DF_OK;
	said->seq[said->n] = e->seq;
	said->what[said->n++] = (unsigned)e->at_ms;
	return DF_OK;
}

/* A room: opens, appends, and ends at the first failure that says so. */
static void live(struct said *said, unsigned count)
{
	struct df_register *r;
	unsigned i;

	df_sync_forget(); /* another process */
	if (df_register_open(&r, disk_root(), &cipher, NULL) != DF_OK)
		return;
	if (df_register_read(r, 1, told, said, NULL, NULL) != DF_OK)
		count = 0;
	for (i = 0; i < count; i++) {
		unsigned what = (unsigned)said->n * 7 + i;
		char json[9100];
		uint64_t seq;
		enum df_err rc;

		entry(json, what);
		rc = df_register_append(r, "audit", what, df_text_of(json),
					&seq, NULL);
		if (rc == DF_OK)
			rc = df_register_sync(r, NULL);
		if (rc == DF_OK && !df_sync_failed(NULL)) {
			said->seq[said->n] = seq;
			said->what[said->n++] = what;
		} else if (rc != DF_E_NOSPACE) {
			break; /* index_register_put: reg_failed */
		}
	}
	df_register_close(r);
}

struct heard {
	const struct said *said;
	size_t found;
	uint64_t last;
	bool wrong;
};

static enum df_err hear(void *ctx, const struct df_register_entry *e)
{
	struct heard *h = ctx;
	char json[9100];
	size_t i;

	h->wrong = h->wrong || e->seq <= h->last;
	h->last = e->seq;
	for (i = 0; i < h->said->n; i++) {
		if (h->said->seq[i] != e->seq)
			continue;
		entry(json, h->said->what[i]);
		h->wrong = h->wrong || !df_text_eq(e->json, json);
		h->found++;
	}
	return DF_OK;
}

/* NULL, or what is missing. */
static const char *check(const struct said *said)
{
	struct said more = *said;
	struct heard h = {.said = said};
	struct df_register *r;
	uint64_t forged;
	struct df_why why;

	df_sync_forget();
	if (df_register_open(&r, disk_root(), &cipher, &why) != DF_OK)
		return "it does not open";
	if (df_register_read(r, 1, hear, &h, &forged, &why) != DF_OK ||
	    forged > 0)
		return "it cannot be read";
	df_register_close(r);
	if (h.wrong)
		return "an entry is another, or in another place";
	if (h.found != said->n)
		return "an entry that was acknowledged";
	live(&more, 1);
	if (more.n == 0 || more.seq[more.n - 1] <= h.last)
		return "room for another entry";
	h = (struct heard){.said = &more};
	if (df_register_open(&r, disk_root(), &cipher, &why) != DF_OK ||
	    df_register_read(r, 1, hear, &h, &forged, &why) != DF_OK)
		return "it cannot be read again";
	df_register_close(r);
	return h.found == more.n && !h.wrong ? NULL : "the next entry";
}

static int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void one(struct disk_fault f, enum after after)
{
	struct said said = {.n = 0};
	const char *what;
	int fds = open_fds();

	alarm(20); /* a case that hangs is a failure */
	disk_reset();
	disk_plan(f);
	live(&said, ENTRIES);
	if (f.n != 0 && !disk_fired())
		return;
	cases++;
	disk_plan((struct disk_fault){0}); /* it works again */
	disk_cut(DISK_KILL, 0);
	if (after == RESTARTS || after == IS_KILLED)
		live(&said, ENTRIES);
	disk_off();
	disk_cut(cut_of[after], f.n * 977 + (uint64_t)f.op);
	what = check(&said);
	if (what == NULL && open_fds() != fds)
		what = "a descriptor: it was not closed";
	if (what != NULL && bad++ < 20)
		printf("# missing: %s\n#   %s error %d at call %llu%s, %u\n",
		       what, disk_op_name[f.op], f.error,
		       (unsigned long long)f.n, f.for_good ? " and after" : "",
		       (unsigned)after);
}

static void sweep(enum disk_op op, uint64_t calls)
{
	for (uint64_t n = 1; n <= calls; n++)
		for (size_t e = 0; e < sizeof errors / sizeof *errors; e++)
			for (unsigned k = 0; k < 2 * AFTER_COUNT; k++) {
				struct disk_fault f = {
					op, n, errors[e], k >= AFTER_COUNT,
					k % AFTER_COUNT == IS_KILLED};

				/* EINTR for good is no fault, but a hang */
				if (f.for_good &&
				    (f.dies || f.error == EINTR))
					continue;
				one(f, (enum after)(k % AFTER_COUNT));
			}
}

int main(void)
{
	char path[] = "/dev/shm/df-register-fault-XXXXXX", cmd[96];
	struct said said = {.n = 0};
	uint64_t calls[DISK_OP_COUNT];

	setvbuf(stdout, NULL, _IOLBF, 0);
	df_log_init("test", (enum df_log_level)(DF_LOG_ERROR + 1)); /* faults */
	if (mkdtemp(path) == NULL)
		return 1;
	disk_open(path);
	disk_save();
	live(&said, ENTRIES);
	for (unsigned op = 0; op < DISK_OP_COUNT; op++)
		calls[op] = disk_calls((enum disk_op)op);
	printf("%s - a life without faults\n",
	       said.n == ENTRIES && check(&said) == NULL ? "ok" : "not ok");
	bad += said.n != ENTRIES;
	one((struct disk_fault){0}, CUT_FORGETS);
	for (unsigned op = 0; op < DISK_OP_COUNT; op++)
		sweep((enum disk_op)op, calls[op]);
	printf("%s - every call fails: %u cases, %u bad\n1..2\n",
	       bad == 0 ? "ok" : "not ok", cases, bad);
	snprintf(cmd, sizeof cmd, "rm -rf '%s'", path);
	return system(cmd) != 0 || bad > 0 || cases < 100;
}
