/*
 * proc.h - processes: start a room, limit ourselves, see who ended.
 */
#ifndef DF_PROC_H
#define DF_PROC_H

#include <stddef.h>
#include <sys/types.h>

#include "df/err.h"

#ifdef __cplusplus
extern "C" {
#endif

struct df_spawn {
	const char *path;	 /* absolute path of the program */
	const char *const *argv; /* NULL-terminated */
	const char *cwd;	 /* working directory, or NULL to keep ours */
	const int *fds;		 /* become 3, 4, ... in the child; borrowed */
	size_t n_fds;
};

/* Starts a program with an empty signal mask, default signals, our
 * environment and 0, 1, 2. */
DF_MUST_CHECK enum df_err df_proc_spawn(pid_t *pid, const struct df_spawn *spec,
					struct df_why *why);
DF_MUST_CHECK enum df_err df_proc_signal(pid_t pid, int signo,
					 struct df_why *why);
/* Takes one ended child: its pid and wait status; false when there is none. */
bool df_proc_ended(pid_t *pid, int *status);
/* "exit 3" or "signal 9" for messages. */
void df_proc_status_text(char *to, size_t cap, int status);

/* The directory of the program that runs ("/usr/lib/dcm-forward"). */
DF_MUST_CHECK enum df_err df_proc_self_dir(char *to, size_t cap,
					   struct df_why *why);
/* No new privileges, no core files, memory not readable by others. */
DF_MUST_CHECK enum df_err df_proc_confine(struct df_why *why);
/* Raises the soft limit of open files to the hard one. */
void df_proc_raise_files(void);
/* Gives way to rooms for whose answer somebody waits. */
void df_proc_yield(void);
/* Freed memory stays with us: for rooms that take and give back the same few
 * hundred KiB for each image, where the kernel would clear it every time. */
void df_proc_keep_memory(void);
/* Caps our own address space. */
DF_MUST_CHECK enum df_err df_proc_limit_memory(uint64_t bytes,
					       struct df_why *why);

#ifdef __cplusplus
}
#endif
#endif
