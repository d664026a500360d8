/* proc.c - start a room, limit ourselves, see who ended. See df/proc.h. */
#include "df/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "df/file.h"
#include "df/str.h"

#define FIRST_FD 3
#define FDS_MAX 16
#define YIELD_NICE 10
#define KEEP_BYTES (4 * 1024 * 1024) /* of one piece */
/* In all: what an image of 512 x 512 goes through is got once, and not page by
 * page again for each (an eighth of the time of a cell that packs). */
#define KEEP_FREE_BYTES (16 * 1024 * 1024)

/* posix_spawn: as cheap as vfork, whatever the size of the parent. */
static enum df_err spawn(pid_t *pid, const struct df_spawn *spec,
			 const int *moved, struct df_why *why)
{
	posix_spawn_file_actions_t acts;
	posix_spawnattr_t attr;
	sigset_t none, all;
	char *const *argv;
	size_t i;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	/* exec does not write to argv, but its type cannot say so */
	memcpy(&argv, &spec->argv, sizeof argv);
	rc = posix_spawn_file_actions_init(&acts);
	if (rc == 0)
		rc = posix_spawnattr_init(&attr);
	if (rc != 0)
		df_bug("no memory to start a room");
	for (i = 0; i < spec->n_fds && rc == 0; i++)
		rc = posix_spawn_file_actions_adddup2(&acts, moved[i],
						      FIRST_FD + (int)i);
	if (rc == 0 && spec->cwd != NULL)
		rc = posix_spawn_file_actions_addchdir_np(&acts, spec->cwd);
	if (rc == 0)
		rc = posix_spawnattr_setsigmask(&attr, &none);
	if (rc == 0)
		rc = posix_spawnattr_setsigdefault(&attr, &all);
	if (rc == 0)
		rc = posix_spawnattr_setflags(
			&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (rc == 0)
		rc = posix_spawn(pid, spec->path, &acts, &attr, argv, environ);
	(void)posix_spawn_file_actions_destroy(&acts); /* cannot fail */
	(void)posix_spawnattr_destroy(&attr);	       /* cannot fail */
	errno = rc;
	if (rc != 0)
		return df_fail_sys(why, DF_E_IO, "cannot start '%s'",
				   spec->path);
	return DF_OK;
}

enum df_err df_proc_spawn(pid_t *pid, const struct df_spawn *spec,
			  struct df_why *why)
{
	int moved[FDS_MAX] = {0};
	enum df_err err = DF_OK;
	size_t i, n;

	if (spec->n_fds > FDS_MAX)
		df_bug("%zu descriptors for a room", spec->n_fds);
	/* out of the way first: dup2 must not hit one that is still needed,
	 * and a dup2 onto itself would keep close-on-exec */
	for (n = 0; n < spec->n_fds; n++) {
		moved[n] = fcntl(spec->fds[n], F_DUPFD_CLOEXEC,
				 FIRST_FD + FDS_MAX);
		if (moved[n] < 0) {
			err = df_fail_sys(why, DF_E_IO,
					  "cannot copy a descriptor");
			break;
		}
	}
	if (err == DF_OK)
		err = spawn(pid, spec, moved, why);
	for (i = 0; i < n; i++)
		df_fd_close(&moved[i]);
	return err;
}

enum df_err df_proc_signal(pid_t pid, int signo, struct df_why *why)
{
	if (pid <= 1)
		df_bug("signal for process %ld", (long)pid);
	if (kill(pid, signo) < 0)
		return df_fail_sys(why, DF_E_IO, "cannot signal a room");
	return DF_OK;
}

bool df_proc_ended(pid_t *pid, int *status)
{
	do {
		*pid = waitpid(-1, status, WNOHANG);
	} while (*pid < 0 && errno == EINTR);
	return *pid > 0;
}

void df_proc_status_text(char *to, size_t cap, int status)
{
	if (WIFSIGNALED(status))
		df_str_fmt(to, cap, "signal %d", WTERMSIG(status));
	else
		df_str_fmt(to, cap, "exit %d", WEXITSTATUS(status));
}

enum df_err df_proc_self_dir(char *to, size_t cap, struct df_why *why)
{
	ssize_t n = readlink("/proc/self/exe", to, cap);
	char *slash;

	if (n < 0)
		return df_fail_sys(why, DF_E_IO, "cannot find the program");
	if ((size_t)n >= cap)
		return df_fail(why, DF_E_LIMIT, "path of the program too long");
	to[n] = '\0';
	slash = strrchr(to, '/');
	if (slash == NULL)
		return df_fail(why, DF_E_IO, "program has no directory");
	*slash = '\0';
	return DF_OK;
}

enum df_err df_proc_confine(struct df_why *why)
{
	struct rlimit none = {0, 0};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) < 0)
		return df_fail_sys(why, DF_E_IO, "cannot renounce privileges");
	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return df_fail_sys(why, DF_E_IO, "cannot forbid core files");
#ifndef __SANITIZE_ADDRESS__ /* the leak check attaches to us at the end */
	if (prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L) < 0)
		return df_fail_sys(why, DF_E_IO, "cannot close our memory");
#endif
	return DF_OK;
}

void df_proc_raise_files(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return; /* the soft limit stays: fewer connections, no harm */
	lim.rlim_cur = lim.rlim_max > 65536 ? 65536 : lim.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &lim); /* as above */
}

void df_proc_yield(void)
{
	struct sched_param none = {0};

	/* neither may be refused to a process that lowers itself; if it is, we
	 * are merely not as polite */
	(void)sched_setscheduler(0, SCHED_BATCH, &none);
	(void)setpriority(PRIO_PROCESS, 0, YIELD_NICE);
}

void df_proc_keep_memory(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, KEEP_BYTES); /* 0: as it was */
	(void)mallopt(M_TRIM_THRESHOLD, KEEP_FREE_BYTES);
}

enum df_err df_proc_limit_memory(uint64_t bytes, struct df_why *why)
{
	struct rlimit lim = {bytes, bytes};

#ifdef __SANITIZE_ADDRESS__
	lim.rlim_cur = lim.rlim_max =
		RLIM_INFINITY; /* its shadow needs 20 TB */
#endif
	if (setrlimit(RLIMIT_AS, &lim) < 0)
		return df_fail_sys(why, DF_E_IO, "cannot cap memory");
	return DF_OK;
}
