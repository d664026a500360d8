/*
 * console_test.c - the console room as it runs, this program as supervise,
 * queue, index and keys, and as the person at control.sock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "df/channel.h"
#include "df/clock.h"
#include "df/control.h"
#include "df/file.h"
#include "df/proc.h"
#include "df/room.h"

static const char CONFIG[] = "[node]\nrole = clinic\nname = Dorf\n"
			     "ae-title = DORF\n";
static char dir[] = "/tmp/df-console-XXXXXX";
static int dir_fd = -1;
static pid_t room;
static uint8_t in[DF_CHANNEL_MAX];

enum { SUPERVISE, QUEUE, INDEX, KEYS, ROOMS };
static struct df_channel links[ROOMS];

static void say(struct df_channel *ch, struct df_msg *m, int *fds, size_t n)
{
	struct df_buf b;

	df_buf_init(&b, DF_MSG_MAX);
	assert_int_equal(df_msg_encode(m, &b, NULL), DF_OK);
	assert_int_equal(
		df_channel_send_now(ch, b.ptr, b.len, fds, n, 10000, NULL),
		DF_OK);
	df_buf_release(&b);
	df_msg_release(m);
}

static void hear(struct df_channel *ch, struct df_msg *m)
{
	int fds[DF_CHANNEL_FDS];
	size_t len, n = 0;

	assert_int_equal(df_channel_wait(ch, 20000, NULL), DF_OK);
	assert_int_equal(
		df_channel_receive(ch, in, sizeof in, &len, fds, &n, NULL),
		DF_OK);
	assert_int_equal(df_msg_decode(m, in, len, NULL), DF_OK);
	for (size_t i = 0; i < n; i++)
		df_fd_close(&fds[i]);
}

static int memfd(const char *text)
{
	int fd;

	assert_int_equal(df_memfd_new(&fd, "answer", NULL), DF_OK);
	assert_int_equal(df_pwrite_all(fd, text, strlen(text), 0, NULL), DF_OK);
	return fd;
}

/* The room is asked `verb` with `args` in it, and answers that. */
static void answer(int who, const char *verb, const char *args,
		   const char *json, const char *media)
{
	struct df_msg m, a;
	struct df_text t;
	int fd = memfd(json);

	hear(&links[who], &m);
	assert_int_equal(m.type, DF_MSG_QUERY);
	assert_true(df_msg_get(&m, DF_M_VERB, &t));
	assert_true(df_text_eq(t, verb));
	if (args != NULL) {
		assert_true(df_msg_get(&m, DF_M_JSON, &t));
		assert_non_null(memmem(t.ptr, t.len, args, strlen(args)));
	}
	df_msg_init(&a, DF_MSG_ANSWER, m.tag);
	df_msg_put_opt(&a, DF_M_MEDIA, media);
	say(&links[who], &a, &fd, 1);
}

static void refuse(int who, enum df_err err, const char *text)
{
	struct df_msg m, a;
	struct df_why why;

	hear(&links[who], &m);
	df_msg_init(&a, DF_MSG_ANSWER, m.tag);
	df_msg_put_result(&a, df_fail(&why, err, "%s", text), &why);
	say(&links[who], &a, NULL, 0);
}

static int person(const char *line)
{
	int fd;

	assert_int_equal(df_control_connect(&fd, dir_fd, NULL), DF_OK);
	assert_int_equal(write(fd, line, strlen(line)), (ssize_t)strlen(line));
	return fd;
}

/* What the person reads; -1 or the file that came. */
static int reads(int fd, const char *const *wants, size_t n)
{
	struct df_buf b;
	int fds[DF_CONTROL_FDS] = {-1};
	size_t n_fds = 0;

	df_buf_init(&b, DF_CONTROL_ANSWER_MAX);
	while (b.len == 0 || b.ptr[b.len - 1] != '\n')
		assert_int_equal(df_control_read(fd, &b, fds, &n_fds, NULL),
				 DF_OK);
	for (size_t i = 0; i < n; i++)
		if (memmem(b.ptr, b.len, wants[i], strlen(wants[i])) == NULL)
			fail_msg("'%.*s' does not hold '%s'", (int)b.len,
				 (const char *)b.ptr, wants[i]);
	df_buf_release(&b);
	close(fd);
	return n_fds ? fds[0] : -1;
}
#define READS(fd, ...)                                \
	reads(fd, (const char *const[]){__VA_ARGS__}, \
	      sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void link_give(enum df_role role, int who)
{
	struct df_msg m;
	int ends[2];

	assert_int_equal(df_channel_pair(ends, NULL), DF_OK);
	df_channel_init(&links[who], ends[0]);
	df_msg_init(&m, DF_MSG_LINK, 0);
	df_msg_put_u64(&m, DF_M_ROLE, role);
	df_msg_put_u64(&m, DF_M_NUMBER, 0);
	say(&links[SUPERVISE], &m, &ends[1], 1);
}

static int set_up(void **state)
{
	static const char *const argv[] = {"df-console", NULL};
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct df_msg m;
	int s[2], fds[2];

	(void)state;
	assert_non_null(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(at.sun_path, sizeof at.sun_path, "%s/control.sock", dir);
	fds[1] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fds[1], (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fds[1], 16), 0);
	assert_int_equal(df_channel_pair(s, NULL), DF_OK);
	const struct df_spawn spawn = {.path = DF_ROOMS "/df-console",
				       .argv = argv,
				       .fds = &s[1],
				       .n_fds = 1};
	assert_int_equal(df_proc_spawn(&room, &spawn, NULL), DF_OK);
	df_fd_close(&s[1]);
	df_channel_init(&links[SUPERVISE], s[0]);
	fds[0] = memfd(CONFIG);
	df_msg_init(&m, DF_MSG_START, 0);
	df_msg_put_u64(&m, DF_M_ROLE, DF_ROLE_CONSOLE);
	df_msg_put_u64(&m, DF_M_NUMBER, 0);
	df_msg_put_str(&m, DF_M_LISTENER, "control");
	say(&links[SUPERVISE], &m, fds, 2);
	link_give(DF_ROLE_QUEUE, QUEUE);
	link_give(DF_ROLE_INDEX, INDEX);
	link_give(DF_ROLE_KEYS, KEYS);
	hear(&links[SUPERVISE], &m);
	assert_int_equal(m.type, DF_MSG_READY);
	return 0;
}

static int tear_down(void **state)
{
	char path[128];
	int status = 0;

	(void)state;
	for (int i = ROOMS - 1; i >= 0; i--)
		df_channel_release(&links[i]);
	assert_int_equal(waitpid(room, &status, 0), room);
	if (!WIFEXITED(status))
		fail_msg("console ended with signal %d", WTERMSIG(status));
	snprintf(path, sizeof path, "%s/control.sock", dir);
	unlink(path);
	close(dir_fd);
	rmdir(dir);
	return 0;
}

static void one_room(void **state)
{
	int p = person(
		"{\"verb\":\"study why\",\"args\":{\"study\":\"1.2\"}}\n");

	(void)state;
	answer(QUEUE, "study why", "\"study\":\"1.2\"", "{\"text\":\"here\"}",
	       NULL);
	READS(p, "\"ok\":true", "\"text\":\"here\"");
	p = person("{\"verb\":\"study why\"}\n");
	refuse(QUEUE, DF_E_NOTFOUND, "no such study");
	READS(p, "\"ok\":false", "\"error\":\"NOTFOUND\"", "no such study");
}

static void not_a_request(void **state)
{
	(void)state;
	READS(person("nonsense\n"), "\"error\":\"USAGE\"");
	READS(person("{\"verb\":\"fly\"}\n"), "unknown verb");
	READS(person("{}\n"), "not a request");
}

/* Nothing of it comes to a room: the next question proves it. */
static void no_text(void **state)
{
	static const char *const lines[] = {
		"{\"verb\":\"order add\",\"args\":{\"who\":\"\xd6\xd0\"}}\n",
		"{\"verb\":\"order "
		"add\",\"args\":{\"who\":\"a\\u001b[31m\"}}\n",
		"{\"verb\":\"order add\",\"args\":{\"who\":\"a\\nb\"}}\n",
		"{\"verb\":\"order add\",\"args\":{\"x\":{\"who\":"
		"\"\\u009b\"}}}\n",
	};
	int p;

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		READS(person(lines[i]), "\"error\":\"USAGE\"",
		      "who: it is not UTF-8 text of one line");
	READS(person("{\"verb\":\"queue hold\",\"args\":{\"ids\":[\"\x80\"]}}"
		     "\n"),
	      "queue hold: it is not UTF-8");
	p = person("{\"verb\":\"order add\",\"args\":{\"who\":\"王敏\"}}\n");
	answer(INDEX, "order add", "王敏", "{}", NULL);
	READS(p, "\"ok\":true");
}

static void status_of_all(void **state)
{
	int p = person("{\"verb\":\"status\"}\n");

	(void)state;
	answer(SUPERVISE, "status", NULL, "{\"ready\":true,\"rooms\":[{}]}",
	       NULL);
	answer(QUEUE, "status", NULL, "{\"studies\":3}", NULL);
	answer(INDEX, "identity status", NULL, "{\"open\":2}", NULL);
	answer(KEYS, "peer list", NULL, "{\"peers\":[{\"name\":\"x\"}]}", NULL);
	READS(p, "\"ready\":true", "\"rooms\":[{}]", "\"studies\":3",
	      "\"open\":2", "\"name\":\"x\"", "\"silent\":[]");
	/* one that fails: the rest is said, and it is not ready */
	p = person("{\"verb\":\"status\"}\n");
	answer(KEYS, "peer list", NULL, "{\"peers\":[]}", NULL);
	refuse(QUEUE, DF_E_IO, "broken");
	answer(INDEX, "identity status", NULL, "{\"open\":0}", NULL);
	answer(SUPERVISE, "status", NULL, "{\"ready\":true,\"rooms\":[]}",
	       NULL);
	READS(p, "\"ready\":false", "\"silent\":[\"queue\"]", "\"queue\":null");
	/* without the index the rest is said, and that is no trouble */
	p = person("{\"verb\":\"status\"}\n");
	answer(KEYS, "peer list", NULL, "{\"peers\":[]}", NULL);
	refuse(INDEX, DF_E_IO, "broken");
	answer(QUEUE, "status", NULL, "{\"studies\":3}", NULL);
	answer(SUPERVISE, "status", NULL, "{\"ready\":true,\"rooms\":[]}",
	       NULL);
	READS(p, "\"ready\":true", "\"silent\":[]", "\"identity\":null");
}

static void studies_with_patients(void **state)
{
	int p = person("{\"verb\":\"study list\"}\n");

	(void)state;
	answer(QUEUE, "study list", NULL,
	       "{\"studies\":[{\"study_uid\":\"1.2\"},{\"study_uid\":\"1.3\"}]"
	       "}",
	       NULL);
	answer(INDEX, "patients", "[\"1.2\",\"1.3\"]",
	       "{\"patients\":[{\"study_uid\":\"1.3\",\"patient_name\":\"N\","
	       "\"modalities\":\"CT\"}]}",
	       NULL);
	READS(p, "\"study_uid\":\"1.2\"",
	      "{\"study_uid\":\"1.3\",\"patient\":{", "\"modality\":\"CT\"");
	/* without the index the list is nameless, but there */
	p = person("{\"verb\":\"study list\"}\n");
	answer(QUEUE, "study list", NULL,
	       "{\"studies\":[{\"study_uid\":\"1.2\"}]}", NULL);
	refuse(INDEX, DF_E_IO, "broken");
	READS(p, "\"ok\":true", "\"study_uid\":\"1.2\"");
	p = person("{\"verb\":\"study list\"}\n");
	answer(QUEUE, "study list", NULL, "{\"studies\":[]}", NULL);
	READS(p, "\"studies\":[]");
}

static void no_body_unverified(void **state)
{
	static const char *const words[] = {"rejected", "held", ""};
	int p, fd;
	char json[128];

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		p = person("{\"verb\":\"report body\",\"args\":{\"id\":\"a\"}}"
			   "\n");
		snprintf(json, sizeof json,
			 "{\"object\":\"o\",\"verification\":\"%s\"}",
			 words[i]);
		answer(INDEX, "report get", "\"id\":\"a\"", json, NULL);
		/* queue is never asked: the next question proves it */
		READS(p, "\"error\":\"REFUSED\"");
	}
	p = person("{\"verb\":\"report body\",\"args\":{\"id\":\"a\"}}\n");
	answer(INDEX, "report get", NULL,
	       "{\"object\":\"o\",\"verification\":\"sealed\"}", NULL);
	answer(QUEUE, "report body", "\"object\":\"o\"", "%PDF",
	       "application/pdf");
	fd = READS(p, "\"ok\":true", "\"media\":\"application/pdf\"");
	assert_true(fd >= 0);
	close(fd);
}

static void who_leaves(void **state)
{
	int p = person("{\"verb\":\"queue list\"}\n"), q;

	(void)state;
	close(p); /* before the answer */
	answer(QUEUE, "queue list", NULL, "{\"deliveries\":[]}", NULL);
	/* two lines at once, or a line without end: dropped */
	p = person("{\"verb\":\"queue list\"}\n{\"verb\":\"queue list\"}\n");
	q = person("{\"verb\":\"queue list\"}\n");
	answer(QUEUE, "queue list", NULL, "{\"deliveries\":[]}", NULL);
	READS(q, "\"deliveries\":[]");
	close(p);
}

/* A room that is away is named at once; back again, it is asked again. */
static void a_room_away(void **state)
{
	int p;

	(void)state;
	df_channel_release(&links[QUEUE]);
	p = person("{\"verb\":\"study why\",\"args\":{\"study\":\"1.2\"}}\n");
	READS(p, "\"error\":\"PEER\"", "queue does not answer");
	p = person("{\"verb\":\"study list\"}\n");
	READS(p, "\"error\":\"PEER\"");
	link_give(DF_ROLE_QUEUE, QUEUE);
	for (;;) { /* LINK and the request race: both are right */
		struct df_buf b;
		int fds[DF_CONTROL_FDS];
		size_t n = 0;
		bool away;

		p = person("{\"verb\":\"queue list\"}\n");
		if (df_channel_wait(&links[QUEUE], 200, NULL) == DF_OK)
			break;
		df_buf_init(&b, 4096);
		assert_int_equal(df_control_read(p, &b, fds, &n, NULL), DF_OK);
		away = memmem(b.ptr, b.len, "PEER", 4) != NULL;
		assert_true(away);
		df_buf_release(&b);
		close(p);
	}
	answer(QUEUE, "queue list", NULL, "{\"deliveries\":[]}", NULL);
	READS(p, "\"deliveries\":[]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_room),
		cmocka_unit_test(not_a_request),
		cmocka_unit_test(no_text),
		cmocka_unit_test(status_of_all),
		cmocka_unit_test(studies_with_patients),
		cmocka_unit_test(no_body_unverified),
		cmocka_unit_test(who_leaves),
		cmocka_unit_test(a_room_away),
	};

	alarm(100);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
