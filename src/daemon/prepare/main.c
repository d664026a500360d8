/*
 * main.c - the prepare room: a cell that does one job at a time.
 *
 * It sees no path, no network and no private key: a job brings descriptors and
 * the one key it needs. A job that takes too long or too much memory ends the
 * process; the queue tries again, and after three crashes, or nine times too
 * long, the object goes to quarantine. Memory that is gone counts for nothing.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "df/channel.h"
#include "df/clock.h"
#include "df/digest.h"
#include "df/file.h"
#include "df/log.h"
#include "df/object.h"
#include "df/proc.h"
#include "prepare.h"

/* Of the memory a cell may have: data set, coded form, codec, the rest. */
#define SHARE 3u

struct work {
	enum df_msg_type type;
	const char *name; /* in the log */
	job_fn *run;
};

static const struct work works[] = {
	{DF_MSG_INSPECT, "inspect", inspect_run},
	{DF_MSG_PACK, "pack", pack_run},
	{DF_MSG_VERIFY, "verify", verify_run},
	{DF_MSG_RESTORE, "restore", restore_run},
	{DF_MSG_SEAL_REPORT, "seal-report", report_seal_run},
	{DF_MSG_OPEN_REPORT, "open-report", report_open_run},
	{DF_MSG_REPORT_PART, "report-part", report_part_run},
	{DF_MSG_SCRUB, "scrub", reread_run},
};

enum df_err job_cek(struct job *j, const struct df_msg *from,
		    struct df_cek *cek)
{
	struct df_text t;

	if (!df_msg_get(from, DF_M_CEK, &t) || t.len != DF_CEK_LEN)
		return df_fail(&j->why, DF_E_BUG, "job without a key");
	for (size_t i = 0; i < DF_CEK_LEN; i++)
		cek->b[i] = (uint8_t)t.ptr[i];
	return DF_OK;
}

enum df_err job_u64(struct job *j, const struct df_msg *from, enum df_field f,
		    uint64_t *v)
{
	if (!df_msg_get_u64(from, f, v))
		return df_fail(&j->why, DF_E_BUG, "job without field %d",
			       (int)f);
	return DF_OK;
}

enum df_err job_fds(struct job *j, size_t want)
{
	if (j->n_fds < want)
		return df_fail(&j->why, DF_E_BUG,
			       "job with %zu descriptors, %zu are needed",
			       j->n_fds, want);
	return DF_OK;
}

static const struct work *work_of(enum df_msg_type type)
{
	for (size_t i = 0; i < sizeof works / sizeof *works; i++)
		if (works[i].type == type)
			return &works[i];
	return NULL;
}

static void run(const struct work *w, struct job *j, int64_t job_s)
{
	const int64_t cpu = df_clock_cpu_us(), begun = df_clock_mono_us();
	struct df_msg answer;
	enum df_err rc;

	df_msg_init(&j->done, DF_MSG_JOB_DONE, j->m->tag);
	df_msg_init(&answer, DF_MSG_JOB_DONE, j->m->tag);
	(void)alarm((unsigned)job_s); /* SIGALRM ends the cell */
	rc = w->run(j);
	(void)alarm(0);
	df_msg_put_result(&answer, rc, &j->why);
	df_msg_copy(&answer, &j->done, DF_M_NONE);
	df_msg_put_u64(&answer, DF_M_CPU_US,
		       (uint64_t)(df_clock_cpu_us() - cpu));
	df_msg_put_u64(&answer, DF_M_WALL_US,
		       (uint64_t)(df_clock_mono_us() - begun));
	df_msg_release(&j->done);
	if (rc != DF_OK) {
		df_fd_close(&j->out_fd);
		df_log(DF_LOG_WARN, "job.failed", DF_F_WORD("job", w->name),
		       DF_F_ERR(&j->why));
	} else {
		df_log(DF_LOG_DEBUG, "job.done", DF_F_WORD("job", w->name),
		       DF_F_MS((df_clock_mono_us() - begun) / 1000));
	}
	(void)df_room_send(j->queue, &answer, &j->out_fd,
			   j->out_fd >= 0 ? 1 : 0); /* gone: wait says so */
}

static bool serve(struct df_room *room, uint64_t limit)
{
	int fds[DF_CHANNEL_FDS];
	struct df_link *from = NULL;
	struct df_msg m = {0};
	size_t n_fds = 0;
	struct df_why why = {0};
	const struct work *w;
	struct job j;
	enum df_err rc;

	rc = df_room_wait(room, DF_ROLE_BIT(QUEUE) | DF_ROLE_BIT(SUPERVISE), -1,
			  &from, &m, fds, &n_fds, &why);
	if (rc != DF_OK || m.type == DF_MSG_DRAIN)
		return false;
	w = from->role == DF_ROLE_QUEUE ? work_of(m.type) : NULL;
	if (!w) {
		df_log(DF_LOG_ERROR, "message.unknown",
		       DF_F_WORD("type", df_msg_name(m.type)));
		return false;
	}
	j = (struct job){.queue = from,
			 .m = &m,
			 .fds = fds,
			 .n_fds = n_fds,
			 .limit_bytes = limit,
			 .out_fd = -1};
	run(w, &j, df_room_config(room)->prepare.job_s);
	for (size_t i = 0; i < n_fds; i++)
		df_fd_close(&fds[i]);
	return true;
}

int main(int argc, char **argv)
{
	static const struct df_room_spec spec = {
		.role = DF_ROLE_PREPARE,
		.exit_without = DF_ROLE_BIT(QUEUE) | DF_ROLE_BIT(SUPERVISE),
	};
	struct df_room *room = NULL;
	struct df_why why = {0};
	uint64_t memory;
	enum df_err rc;

	df_proc_yield();
	df_proc_keep_memory();
	rc = df_object_init(&why);
	if (rc == DF_OK)
		rc = df_room_open(&room, argc, argv, &spec, DF_ROLE_BIT(QUEUE),
				  &why);
	if (rc == DF_OK)
		rc = df_proc_confine(&why);
	if (rc != DF_OK) {
		df_log(DF_LOG_ERROR, "start.failed", DF_F_ERR(&why));
		return EXIT_FAILURE;
	}
	memory = (uint64_t)df_room_config(room)->prepare.memory_bytes;
	rc = df_proc_limit_memory(memory, &why);
	if (rc != DF_OK)
		df_log(DF_LOG_WARN, "memory.unlimited", DF_F_ERR(&why));
	while (serve(room, memory / SHARE))
		;
	df_room_close(room);
	return EXIT_SUCCESS;
}
