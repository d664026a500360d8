/*
 * room_test.c - real rooms in child processes, this program as supervise.
 *
 * The child programs are this one again: a queue with a loop and a worker
 * without one. The parent starts them, links them and watches what they say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "df/channel.h"
#include "df/clock.h"
#include "df/file.h"
#include "df/proc.h"
#include "df/room.h"

static const char CONFIG[] = "[node]\nrole = clinic\nname = Dorf\n"
			     "ae-title = DORF\nlisten-dicom = 127.0.0.1:0\n";

/* --- the queue: a room with a loop --------------------------------------- */

static void stage(struct df_room *room, struct df_link *from,
		  const struct df_msg *m, int *fds, size_t n_fds)
{
	struct df_msg r;

	(void)room;
	(void)fds;
	(void)n_fds;
	/* something else first: the asker must put it aside */
	df_msg_init(&r, DF_MSG_COMMITMENT_TELL, 0);
	df_room_send(from, &r, NULL, 0);
	df_msg_init(&r, DF_MSG_STAGED, m->tag);
	df_msg_put_result(&r, DF_E_NOSPACE, NULL);
	df_room_send(from, &r, NULL, 0);
}

static void got_job(void *ctx, struct df_reply *reply)
{
	struct df_room *room = ctx;
	struct df_msg m;

	if (!reply->last)
		return;
	df_msg_init(&m, DF_MSG_ANSWER, (uint32_t)reply->err);
	df_room_send(df_room_link(room, DF_ROLE_SUPERVISE, 0), &m, NULL, 0);
}

/* "call": asks the worker for a job with FACTS and JOB_DONE. */
static void query(struct df_room *room, struct df_link *from,
		  const struct df_msg *m, int *fds, size_t n_fds)
{
	struct df_link *to = df_room_link(room, DF_ROLE_RECEIVE, DF_ANY_NUMBER);
	struct df_msg r;
	uint64_t ms = 0;

	(void)from;
	(void)fds;
	(void)n_fds;
	(void)df_msg_get_u64(m, DF_M_WAIT_MS, &ms);
	df_msg_init(&r, DF_MSG_INSPECT, 0);
	df_msg_put_u64(&r, DF_M_WAIT_MS, ms);
	df_room_call(room, to, &r, NULL, 0, DF_MSG_JOB_DONE, (int64_t)ms,
		     got_job, room);
}

static const struct df_handler QUEUE[] = {
	{DF_MSG_STAGE_RQ, DF_ROLE_RECEIVE, stage},
	{DF_MSG_QUERY, DF_ROLE_SUPERVISE, query},
};

static int queue_main(int argc, char **argv)
{
	const struct df_room_spec spec = {
		.role = DF_ROLE_QUEUE, .handlers = QUEUE, .n_handlers = 2};

	return df_room_main(argc, argv, &spec);
}

/* --- the worker ----------------------------------------------------------- */

static int worker_main(int argc, char **argv)
{
	const struct df_room_spec spec = {.role = DF_ROLE_RECEIVE,
					  .exit_without = DF_ROLE_BIT(QUEUE)};
	struct df_link *queue, *from;
	int fds[DF_CHANNEL_FDS];
	struct df_room *room;
	struct df_msg m, r;
	enum df_err err;
	bool aside = false, work = false;
	uint64_t ms;
	size_t n;

	err = df_room_open(&room, argc, argv, &spec, DF_ROLE_BIT(QUEUE), NULL);
	if (err != DF_OK)
		return 10;
	if (strcmp(df_room_config(room)->node.ae, "DORF") != 0)
		return 11;
	queue = df_room_link(room, DF_ROLE_QUEUE, DF_ANY_NUMBER);
	df_msg_init(&m, DF_MSG_STAGE_RQ, 0);
	err = df_room_ask(room, queue, &m, NULL, 0, 5000, &r, NULL, NULL, NULL);
	if (err != DF_E_NOSPACE || r.type != DF_MSG_STAGED)
		return 12;
	for (;;) {
		err = df_room_wait(room,
				   DF_ROLE_BIT(QUEUE) | DF_ROLE_BIT(SUPERVISE),
				   20000, &from, &m, fds, &n, NULL);
		if (err == DF_E_PEER) {
			df_room_close(room);
			return 5;
		}
		if (err != DF_OK)
			return 14;
		if (m.type == DF_MSG_DRAIN)
			break;
		if (m.type == DF_MSG_COMMITMENT_TELL)
			aside = true;
		if (m.type == DF_MSG_ASSOCIATION)
			work = true;
		if (m.type != DF_MSG_INSPECT ||
		    (df_msg_get_u64(&m, DF_M_WAIT_MS, &ms) && ms > 0))
			continue; /* plays dead */
		df_msg_init(&r, DF_MSG_FACTS, m.tag);
		df_room_send(from, &r, NULL, 0);
		df_msg_init(&r, DF_MSG_JOB_DONE, m.tag);
		df_msg_put_result(&r, DF_E_CORRUPT, NULL);
		df_room_send(from, &r, NULL, 0);
	}
	df_room_close(room);
	return aside && work ? 0 : 13; /* what was put aside came later */
}

/* --- supervise ------------------------------------------------------------ */

struct parent {
	struct df_room *room;
	int ready;
	int down;
	int64_t answer;
};

static struct parent self;
static pid_t queue_pid, worker_pid;

static void on_ready(struct df_room *room, struct df_link *from,
		     const struct df_msg *m, int *fds, size_t n_fds)
{
	(void)room, (void)from, (void)m, (void)fds, (void)n_fds;
	self.ready++;
}

static void on_answer(struct df_room *room, struct df_link *from,
		      const struct df_msg *m, int *fds, size_t n_fds)
{
	(void)room, (void)from, (void)fds, (void)n_fds;
	self.answer = m->tag;
}

static void on_down(struct df_room *room, struct df_link *link)
{
	(void)room, (void)link;
	self.down++;
}

static const struct df_handler PARENT[] = {
	{DF_MSG_READY, DF_ROLE_QUEUE, on_ready},
	{DF_MSG_READY, DF_ROLE_RECEIVE, on_ready},
	{DF_MSG_ANSWER, DF_ROLE_QUEUE, on_answer},
};
static const struct df_room_spec PARENT_SPEC = {.role = DF_ROLE_SUPERVISE,
						.handlers = PARENT,
						.n_handlers = 3,
						.link_down = on_down};

static struct df_link *start(enum df_role role, pid_t *pid)
{
	const char *argv[] = {"room_test", df_role_name(role), NULL};
	struct df_spawn spec = {.path = "/proc/self/exe", .argv = argv};
	struct df_link *link;
	struct df_msg m;
	int fds[2], text;

	assert_int_equal(df_channel_pair(fds, NULL), DF_OK);
	spec.fds = &fds[1];
	spec.n_fds = 1;
	assert_int_equal(df_proc_spawn(pid, &spec, NULL), DF_OK);
	df_fd_close(&fds[1]);
	link = df_room_link_add(self.room, role, 0, fds[0]);
	assert_int_equal(df_memfd_new(&text, "configuration", NULL), DF_OK);
	assert_int_equal(df_write_all(text, CONFIG, strlen(CONFIG), NULL), 0);
	df_msg_init(&m, DF_MSG_START, 0);
	df_msg_put_u64(&m, DF_M_ROLE, role);
	df_msg_put_u64(&m, DF_M_NUMBER, 0);
	assert_int_equal(df_room_send(link, &m, &text, 1), DF_OK);
	return link;
}

static void link_send(struct df_link *to, enum df_role role, int fd)
{
	struct df_msg m;

	df_msg_init(&m, DF_MSG_LINK, 0);
	df_msg_put_u64(&m, DF_M_ROLE, role);
	df_msg_put_u64(&m, DF_M_NUMBER, 0);
	assert_int_equal(df_room_send(to, &m, &fd, 1), DF_OK);
}

static void both_up(struct df_link **queue, struct df_link **worker)
{
	struct df_msg m;
	int fds[2];

	self = (struct parent){.room = df_room_new(&PARENT_SPEC), .answer = -1};
	*queue = start(DF_ROLE_QUEUE, &queue_pid);
	*worker = start(DF_ROLE_RECEIVE, &worker_pid);
	assert_int_equal(df_channel_pair(fds, NULL), DF_OK);
	link_send(*queue, DF_ROLE_RECEIVE, fds[0]);
	/* work may be there before the links are */
	df_msg_init(&m, DF_MSG_ASSOCIATION, 0);
	df_room_send(*worker, &m, NULL, 0);
	link_send(*worker, DF_ROLE_QUEUE, fds[1]);
}

static void stop_timer(void *ctx)
{
	*(bool *)ctx = true;
}

/* Turns until `what` is reached; the turn of the room itself goes by hand. */
static void turns(const int *what, int want)
{
	bool late = false;
	uint64_t t =
		df_loop_timer(df_room_loop(self.room),
			      df_clock_mono_ms() + 10000, stop_timer, &late);

	while (*what < want && !late) {
		df_loop_once(df_room_loop(self.room), -1);
		df_room_turn(self.room);
	}
	df_loop_cancel(df_room_loop(self.room), t);
	assert_false(late);
}

static int64_t ask_queue(struct df_link *queue, uint64_t wait_ms)
{
	struct df_msg m;
	int done = 0;

	self.answer = -1;
	df_msg_init(&m, DF_MSG_QUERY, 0);
	df_msg_put_u64(&m, DF_M_WAIT_MS, wait_ms);
	df_room_send(queue, &m, NULL, 0);
	while (self.answer < 0 && done++ < 1000) {
		df_loop_once(df_room_loop(self.room), 10000);
		df_room_turn(self.room);
	}
	return self.answer;
}

static int status_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

static void drain(struct df_link *link)
{
	struct df_msg m;

	df_msg_init(&m, DF_MSG_DRAIN, 0);
	df_room_send(link, &m, NULL, 0);
}

static void life(void **state)
{
	struct df_link *queue, *worker;

	(void)state;
	both_up(&queue, &worker);
	turns(&self.ready, 2);
	assert_int_equal(ask_queue(queue, 0), DF_E_CORRUPT);
	assert_int_equal(ask_queue(queue, 20), DF_E_TIMEOUT);
	assert_int_equal(ask_queue(queue, 0), DF_E_CORRUPT);
	drain(worker);
	turns(&self.down, 1);
	assert_int_equal(status_of(worker_pid), 0);
	assert_int_equal(ask_queue(queue, 0), DF_E_PEER);
	drain(queue);
	turns(&self.down, 2);
	assert_int_equal(status_of(queue_pid), 0);
	df_room_free(self.room);
}

static void unknown_message_ends_it(void **state)
{
	struct df_link *queue, *worker;
	struct df_msg m;

	(void)state;
	both_up(&queue, &worker);
	turns(&self.ready, 2);
	assert_int_equal(ask_queue(queue, 0), DF_E_CORRUPT);
	df_msg_init(&m, DF_MSG_UNSTAGE, 0);
	df_room_send(queue, &m, NULL, 0);
	turns(&self.down, 2); /* and the worker cannot do without it */
	assert_int_equal(status_of(queue_pid), 1);
	assert_int_equal(status_of(worker_pid), 5);
	df_room_free(self.room);
}

static void orphans_leave(void **state)
{
	struct df_link *queue, *worker;

	(void)state;
	both_up(&queue, &worker);
	turns(&self.ready, 2);
	assert_int_equal(ask_queue(queue, 0), DF_E_CORRUPT); /* it waits now */
	df_room_free(self.room); /* supervise is gone */
	assert_int_equal(status_of(queue_pid), 0);
	assert_int_equal(status_of(worker_pid), 5);
}

/* Told to end while the links that it needs have not come, nor will come. */
static void ends_before_it_began(void **state)
{
	struct df_link *worker;

	(void)state;
	self = (struct parent){.room = df_room_new(&PARENT_SPEC)};
	worker = start(DF_ROLE_RECEIVE, &worker_pid);
	drain(worker);
	turns(&self.down, 1);
	assert_int_equal(status_of(worker_pid), 10);
	df_room_free(self.room);
}

static void roles(void **state)
{
	(void)state;
	assert_int_equal(df_role_decode(df_text_of("deliver_dimse")),
			 DF_ROLE_DELIVER_DIMSE);
	assert_int_equal(df_role_decode(df_text_of("nobody")), DF_ROLE_NONE);
	assert_string_equal(df_role_name(DF_ROLE_KEYS), "keys");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(life),
		cmocka_unit_test(unknown_message_ends_it),
		cmocka_unit_test(orphans_leave),
		cmocka_unit_test(ends_before_it_began),
		cmocka_unit_test(roles),
	};

	if (argc > 1 && strcmp(argv[1], "queue") == 0)
		return queue_main(argc, argv);
	if (argc > 1)
		return worker_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
