/*
 * spool_faults.c - every call of custody fails in turn.
 *
 *   spool-faults            every 193rd case
 *   spool-faults --full     every 5th
 *   spool-faults CALL...    every case of these kinds of calls
 *
 * A case: one call of one kind fails, once or from then on, with one error.
 * Then either the power goes, or the room starts again on the same cache, and
 * then the power goes. Nothing that was said may be missing, no descriptor may
 * be left, a case takes no longer than seconds.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "custody.h"
#include "df/log.h"
#include "disk.h"

static const struct {
	const char *name;
	int no;
} errors[] = {{"EIO", EIO},	  {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT},
	      {"EROFS", EROFS},	  {"EMFILE", EMFILE}, {"EINTR", EINTR},
	      {"ENOMEM", ENOMEM}};

enum after { CUT_FORGETS, CUT_SOME, RESTARTS, IS_KILLED, AFTER_COUNT };
static const char *const after_text[] = {
	"power cut", "power cut, some written back", "restart, then power cut",
	"killed there, restart, a while later power cut"};
static const enum disk_cut cut_of[] = {DISK_FORGETS, DISK_SOME, DISK_FORGETS,
				       DISK_SETTLED};

static struct {
	unsigned cases, bad;
} total;

static int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static const char *run(struct disk_fault f, enum after after, uint64_t seed)
{
	struct said said = {0};
	const char *what;
	int fds;

	disk_reset();
	fds = open_fds();
	disk_plan(f);
	custody_live(&said);
	if (f.n != 0 && !disk_fired())
		return "";
	disk_plan((struct disk_fault){0}); /* it works again */
	disk_cut(DISK_KILL, 0);
	if (after == RESTARTS || after == IS_KILLED)
		custody_live_again(&said);
	disk_off();
	disk_cut(cut_of[after], seed);
	what = custody_check(&said);
	if (what == NULL && open_fds() != fds)
		what = "a descriptor: it was not closed";
	return what;
}

static void one(struct disk_fault f, size_t e, enum after after)
{
	const char *what;

	alarm(20); /* a case that hangs is a failure */
	what = run(f, after, f.n * 977 + (uint64_t)f.op);
	total.cases++;
	if (what == NULL || *what == '\0')
		return;
	if (total.bad++ < 20)
		printf("# missing: %s\n#   %s %s at call %llu%s, %s\n", what,
		       disk_op_name[f.op], errors[e].name,
		       (unsigned long long)f.n,
		       f.for_good ? " and after" : "", after_text[after]);
}

static void sweep(enum disk_op op, uint64_t calls, unsigned step)
{
	unsigned bad = total.bad, cases = total.cases, turn = 0;

	if (step == 0)
		return;
	for (uint64_t n = 1; n <= calls; n++)
		for (size_t e = 0; e < sizeof errors / sizeof *errors; e++)
			for (unsigned k = 0; k < 2 * AFTER_COUNT; k++) {
				struct disk_fault f = {
					op, n, errors[e].no, k >= AFTER_COUNT,
					k % AFTER_COUNT == IS_KILLED};

				/* EINTR for good is no fault, but a hang */
				if (f.for_good && (f.dies || f.error == EINTR))
					continue;
				if (turn++ % step == 0)
					one(f, e, k % AFTER_COUNT);
			}
	if (calls > 0)
		printf("%s - %s: %u cases of %llu calls\n",
		       total.bad == bad ? "ok" : "not ok", disk_op_name[op],
		       total.cases - cases, (unsigned long long)calls);
}

/* How many cases are left out, and one. */
static unsigned step_of(enum disk_op op, int argc, char **argv)
{
	if (argc < 2)
		return 193;
	if (strcmp(argv[1], "--full") == 0)
		return 5;
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], disk_op_name[op]) == 0)
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	char path[] = "/dev/shm/df-fault-XXXXXX", cmd[80];
	uint64_t calls[DISK_OP_COUNT];
	struct said none = {0};
	const char *what;

	setvbuf(stdout, NULL, _IOLBF, 0);
	df_log_init("test", (enum df_log_level)(DF_LOG_ERROR + 1)); /* faults */
	if (mkdtemp(path) == NULL)
		return 1;
	disk_open(path);
	custody_init(disk_root(), path);
	what = custody_check(&none); /* a node that has lived before */
	disk_save();
	if (what == NULL)
		what = run((struct disk_fault){0}, CUT_FORGETS, 1);
	printf("%s - a life without faults%s%s\n", what == NULL ? "ok" : "not ok",
	       what == NULL ? "" : ": missing ", what == NULL ? "" : what);
	total.bad += what != NULL;
	disk_reset();
	custody_live(&none);
	for (unsigned op = 0; op < DISK_OP_COUNT; op++)
		calls[op] = disk_calls((enum disk_op)op);
	for (unsigned op = 0; op < DISK_OP_COUNT && what == NULL; op++)
		sweep((enum disk_op)op, calls[op],
		      step_of((enum disk_op)op, argc, argv));
	printf("# %u cases, %u bad\n1..%d\n", total.cases, total.bad,
	       DISK_OP_COUNT + 1);
	snprintf(cmd, sizeof cmd, "rm -rf '%s'", path);
	return system(cmd) != 0 || total.bad > 0;
}
