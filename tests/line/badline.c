/*
 * badline.c - a bad line between two network namespaces, in user space.
 *
 *   badline --control PATH [--NAME VALUE]...   makes the line and serves it
 *   badline tell PATH WORD...                  asks the one at PATH
 *
 * Makes the namespaces A (10.99.0.1, fd99::1) and B (10.99.0.2, fd99::2), each
 * with a TUN device, and carries the packets between them as the settings say
 * ("up" is A to B). Prints "ready PID A B" when it does; a command enters one
 * with nsenter --net=/proc/PID/fd/A. They are gone when all in them are.
 *
 * Settings, at the start and by `tell PATH set NAME VALUE`: struct setting.
 * What else can be told: `down`, `up`, `cut SECONDS`, `stats` (JSON, counted
 * since the start or the last `reset`; "bytes" is what the wire carried,
 * "payload" and "again" what TCP was given and what it repeated, "bulk" from
 * when to when full packets went up), `reset`,
 * `quit`. Only at the start:
 * `mtu`, `seed`, `congestion` (of TCP in both), `net` (the third byte of the
 * addresses), `far` (path of a namespace to use as B, for a second line to it).
 */
#include "badline.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LATE_NS (2 * MILLISECOND)
#define PACKET_MAX 65536
#define READS_A_TURN 64
#define BULK 1000 /* bytes of a packet that carries a study */

struct line line;
volatile sig_atomic_t is_over;

uint64_t line_now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

/* What has come out of one way is given to the other end. */
static void deliver(int way)
{
	struct shape_packet *p;
	uint64_t now = line_now_ns(), late;

	while ((p = shape_take(&line.way[way], now)) != NULL) {
		late = now - p->due_ns;
		if (late > line.worst_ns)
			line.worst_ns = late;
		if (late > LATE_NS)
			line.late++;
		/* an end whose device is gone, or full: the packet is lost */
		if (write(line.end[1 - way].tun, p->bytes, p->len) < 0)
			line.way[way].count.lost++;
		free(p);
	}
}

static void collect(int way)
{
	static unsigned char packet[PACKET_MAX];
	ssize_t n;

	for (int i = 0; i < READS_A_TURN; i++) {
		n = read(line.end[way].tun, packet, sizeof packet);
		if (n <= 0)
			return;
		flows_note(&line.flows[way], packet, (size_t)n);
		if (way == UP && n >= BULK) {
			line.bulk_until_ns = line_now_ns();
			if (line.bulk_from_ns == 0)
				line.bulk_from_ns = line.bulk_until_ns;
		}
		shape_put(&line.way[way], packet, (size_t)n, line_now_ns());
	}
}

static uint64_t keep_schedule(void)
{
	uint64_t now = line_now_ns(), next;

	if (line.mend_at_ns <= now)
		line_set_down(false);
	if (line.next_cut_ns <= now) {
		line.next_cut_ns += line.cut_every_ns;
		line_cut_for(line.cut_for_ns);
	}
	next = line.mend_at_ns < line.next_cut_ns ? line.mend_at_ns
						  : line.next_cut_ns;
	for (int i = 0; i < WAYS; i++) {
		deliver(i);
		if (shape_next_ns(&line.way[i]) < next)
			next = shape_next_ns(&line.way[i]);
	}
	return next;
}

/* --- what it is told -------------------------------------------------------*/

static void listen_to_control(void)
{
	char words[256], answer[1024];
	struct sockaddr_un from;
	socklen_t size = sizeof from;
	ssize_t n = recvfrom(line.control, words, sizeof words - 1,
			     MSG_DONTWAIT, (struct sockaddr *)&from, &size);

	if (n < 0)
		return;
	words[n] = '\0';
	if (!line_obey(words, answer, sizeof answer))
		(void)snprintf(answer, sizeof answer, "not understood");
	/* who asked may be gone */
	(void)sendto(line.control, answer, strlen(answer), MSG_DONTWAIT,
		     (struct sockaddr *)&from, size);
}

static int open_control(const char *path, bool is_server)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (s < 0 || strlen(path) >= sizeof a.sun_path)
		return -1;
	/* who asks is bound to a name that the kernel finds */
	if (!is_server &&
	    bind(s, (struct sockaddr *)&a, sizeof(sa_family_t)) < 0)
		return -1;
	memcpy(a.sun_path, path, strlen(path));
	if ((is_server ? bind(s, (struct sockaddr *)&a, sizeof a)
		       : connect(s, (struct sockaddr *)&a, sizeof a)) < 0)
		return -1;
	return s;
}

static int tell(const char *path, char **words, int count)
{
	char text[1024] = "";
	struct timeval wait = {.tv_sec = 5};
	int s = open_control(path, false);
	ssize_t n;

	for (int i = 0; i < count; i++) {
		(void)strncat(text, i > 0 ? " " : "",
			      sizeof text - strlen(text) - 1);
		(void)strncat(text, words[i], sizeof text - strlen(text) - 1);
	}
	if (s < 0 || send(s, text, strlen(text), 0) < 0 ||
	    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) < 0) {
		perror(path);
		return 1;
	}
	n = recv(s, text, sizeof text - 1, 0);
	if (n < 0) {
		perror(path);
		return 1;
	}
	text[n] = '\0';
	(void)puts(text);
	return strcmp(text, "not understood") == 0 ? 2 : 0;
}

/* --- start -----------------------------------------------------------------*/

static int usage(void)
{
	(void)fprintf(stderr,
		      "badline --control PATH [--NAME VALUE]...\n"
		      "badline tell PATH down|up|cut S|set NAME VALUE|stats|"
		      "reset|quit\nNAME is one of\n");
	line_say_settings();
	(void)fprintf(stderr, "  mtu, seed, congestion, net, far\n");
	return 2;
}

static void end(int sig)
{
	(void)sig;
	is_over = 1;
}

static void serve(void)
{
	struct pollfd p[] = {{line.end[UP].tun, POLLIN, 0},
			     {line.end[DOWN].tun, POLLIN, 0},
			     {line.control, POLLIN, 0}};
	sigset_t none;

	(void)sigemptyset(&none);
	while (!is_over) {
		uint64_t next = keep_schedule(), now = line_now_ns();
		uint64_t ns = next > now ? next - now : 0;
		struct timespec t = {(time_t)(ns / NS), (long)(ns % NS)};

		if (ppoll(p, 3, next == UINT64_MAX ? NULL : &t, &none) < 0)
			continue;
		for (int i = 0; i < WAYS; i++)
			if (p[i].revents != 0)
				collect(i);
		if (p[2].revents != 0)
			listen_to_control();
	}
}

/* An instrument that waits for a processor measures itself. */
static void prepare_process(void)
{
	struct sigaction a = {.sa_handler = end};
	sigset_t both;

	(void)setpriority(PRIO_PROCESS, 0, -15);
	(void)prctl(PR_SET_TIMERSLACK, 1000);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)sigemptyset(&both);
	(void)sigaddset(&both, SIGTERM);
	(void)sigaddset(&both, SIGINT);
	/* they arrive within ppoll only */
	(void)sigprocmask(SIG_BLOCK, &both, NULL);
	(void)sigaction(SIGTERM, &a, NULL);
	(void)sigaction(SIGINT, &a, NULL);
}

int main(int argc, char **argv)
{
	struct netns_plan a = {.host = 1, .mtu = 1500}, b = {.host = 2};
	const char *control = NULL;
	uint64_t seed = 1;
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (argc > 3 && strcmp(argv[1], "tell") == 0)
		return tell(argv[2], argv + 3, argc - 3);
	for (int i = 1; i + 1 < argc; i += 2)
		if (strcmp(argv[i], "--seed") == 0)
			seed = strtoull(argv[i + 1], NULL, 10);
	for (int i = 0; i < WAYS; i++)
		shape_init(&line.way[i], seed * WAYS + (uint64_t)i);
	line.next_cut_ns = line.mend_at_ns = UINT64_MAX;
	(void)(line_set("rate", "20M") && line_set("rtt", "80") &&
	       line_set("queue", "250k") && line_set("cut-for", "5"));
	for (int i = 1; i < argc; i += 2) {
		const char *name = argv[i], *value = argv[i + 1];

		if (strncmp(name, "--", 2) != 0 || value == NULL)
			return usage();
		if (strcmp(name, "--control") == 0)
			control = value;
		else if (strcmp(name, "--mtu") == 0)
			a.mtu = (unsigned)strtoul(value, NULL, 10);
		else if (strcmp(name, "--net") == 0)
			a.net = (unsigned)strtoul(value, NULL, 10) & 0xff;
		else if (strcmp(name, "--congestion") == 0)
			a.congestion = value;
		else if (strcmp(name, "--far") == 0)
			b.existing = value;
		else if (strcmp(name, "--seed") != 0 &&
			 !line_set(name + 2, value))
			return usage();
	}
	if (control == NULL)
		return usage();
	b.mtu = a.mtu;
	b.net = a.net;
	b.congestion = a.congestion;
	prepare_process();
	line_reset();
	if (!netns_open(&line.end[UP], &a, home) ||
	    !netns_open(&line.end[DOWN], &b, home))
		return 77;
	line.control = open_control(control, true);
	if (line.control < 0) {
		perror(control);
		return 1;
	}
	(void)printf("ready %d %d %d\n", (int)getpid(), line.end[UP].fd,
		     line.end[DOWN].fd);
	(void)fflush(stdout);
	serve();
	(void)unlink(control);
	return 0;
}
