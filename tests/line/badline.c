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
 * since the start or the last `reset`), `reset`, `quit`. Only at the start:
 * `mtu`, `seed`, `congestion` (of TCP in both), `net` (the third byte of the
 * addresses), `far` (path of a namespace to use as B, for a second line to it).
 */
#include "netns.h"
#include "shape.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define NS 1000000000ull
#define MILLISECOND 1000000ull
#define LATE_NS (2 * MILLISECOND)
#define PACKET_MAX 65536
#define READS_A_TURN 64

enum { UP, DOWN, WAYS };

static struct line {
	struct netns end[WAYS]; /* A, B: way UP leaves end[UP] */
	struct shape way[WAYS];
	uint64_t cut_every_ns, cut_for_ns;
	uint64_t next_cut_ns, mend_at_ns; /* UINT64_MAX: never */
	uint64_t cuts, late, worst_ns;
	int control;
} line;
static volatile sig_atomic_t is_over;

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

/* --- settings --------------------------------------------------------------*/

/* "384k", "20M", "1.5": a number of at least 0 with its multiplier */
static bool read_number(const char *text, double *value)
{
	char *end = NULL;

	*value = strtod(text, &end);
	if (end == text || !(*value >= 0))
		return false;
	if (*end == 'k')
		*value *= 1e3;
	else if (*end == 'M')
		*value *= 1e6;
	else if (*end == 'G')
		*value *= 1e9;
	else
		return *end == '\0' || strcmp(end, "%") == 0;
	return end[1] == '\0';
}

static void set_rate(double v)
{
	line.way[UP].rate_bps = line.way[DOWN].rate_bps = (uint64_t)v;
}

static void set_down_rate(double v)
{
	line.way[DOWN].rate_bps = (uint64_t)v;
}

static void set_rtt(double v)
{
	line.way[UP].delay_ns = line.way[DOWN].delay_ns =
		(uint64_t)(v * (double)MILLISECOND / 2);
}

static void set_loss(double v)
{
	line.way[UP].loss_ppm = line.way[DOWN].loss_ppm = (uint32_t)(v * 1e4);
}

static void set_burst(double v)
{
	line.way[UP].burst = line.way[DOWN].burst = (uint32_t)v;
}

static void set_queue(double v)
{
	line.way[UP].queue_bytes = line.way[DOWN].queue_bytes = (uint64_t)v;
}

static void set_cut_every(double v)
{
	line.cut_every_ns = (uint64_t)(v * (double)NS);
	line.next_cut_ns = v > 0 ? now_ns() + line.cut_every_ns : UINT64_MAX;
}

static void set_cut_for(double v)
{
	line.cut_for_ns = (uint64_t)(v * (double)NS);
}

static const struct setting {
	const char *name;
	void (*set)(double value);
	const char *what;
} settings[] = {
	{"rate", set_rate, "bit/s of both ways, 0: no limit (20M)"},
	{"down-rate", set_down_rate, "bit/s from B to A, after rate"},
	{"rtt", set_rtt, "ms, there and back (80)"},
	{"loss", set_loss, "% of packets, each way (0)"},
	{"burst", set_burst, "mean packets of a loss (1)"},
	{"queue", set_queue, "bytes before each transmitter (250k)"},
	{"cut-every", set_cut_every, "s from one cut to the next, 0: none"},
	{"cut-for", set_cut_for, "s that such a cut lasts (5)"},
};

static bool set(const char *name, const char *value)
{
	double number;

	for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
		if (strcmp(name, settings[i].name) != 0)
			continue;
		if (!read_number(value, &number))
			return false;
		settings[i].set(number);
		return true;
	}
	return false;
}

/* --- the line --------------------------------------------------------------*/

static void set_down(bool down)
{
	if (down && !line.way[UP].down)
		line.cuts++;
	for (int i = 0; i < WAYS; i++)
		shape_set_down(&line.way[i], down);
	line.mend_at_ns = UINT64_MAX;
}

static void cut_for(uint64_t ns)
{
	set_down(true);
	line.mend_at_ns = now_ns() + ns;
}

/* What has come out of one way is given to the other end. */
static void deliver(int way)
{
	struct shape_packet *p;
	uint64_t now = now_ns(), late;

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
		shape_put(&line.way[way], packet, (size_t)n, now_ns());
	}
}

static uint64_t keep_schedule(void)
{
	uint64_t now = now_ns(), next;

	if (line.mend_at_ns <= now)
		set_down(false);
	if (line.next_cut_ns <= now) {
		line.next_cut_ns += line.cut_every_ns;
		cut_for(line.cut_for_ns);
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

static int say_way(char *to, size_t cap, const char *name,
		   const struct shape *s)
{
	const struct shape_count *c = &s->count;

	return snprintf(
		to, cap,
		"\"%s\":{\"packets\":%llu,\"bytes\":%llu,"
		"\"lost\":%llu,\"lost_bytes\":%llu,\"overflow\":%llu,"
		"\"cut\":%llu,\"queue_most\":%llu}",
		name, (unsigned long long)c->packets,
		(unsigned long long)c->bytes, (unsigned long long)c->lost,
		(unsigned long long)c->lost_bytes,
		(unsigned long long)c->overflow, (unsigned long long)c->cut,
		(unsigned long long)c->queue_most);
}

static void say_stats(char *to, size_t cap)
{
	char up[400], down[400];

	(void)say_way(up, sizeof up, "up", &line.way[UP]);
	(void)say_way(down, sizeof down, "down", &line.way[DOWN]);
	(void)snprintf(to, cap,
		       "{%s,%s,\"is_down\":%s,\"cuts\":%llu,"
		       "\"late_packets\":%llu,\"worst_late_us\":%llu}",
		       up, down, line.way[UP].down ? "true" : "false",
		       (unsigned long long)line.cuts,
		       (unsigned long long)line.late,
		       (unsigned long long)(line.worst_ns / 1000));
}

static void reset(void)
{
	for (int i = 0; i < WAYS; i++)
		memset(&line.way[i].count, 0, sizeof line.way[i].count);
	line.cuts = line.late = line.worst_ns = 0;
}

static bool obey(char *words, char *answer, size_t cap)
{
	char *rest = NULL, *verb = strtok_r(words, " ", &rest);
	char *name = strtok_r(NULL, " ", &rest);
	char *value = strtok_r(NULL, " ", &rest);
	double number;

	(void)snprintf(answer, cap, "ok");
	if (verb == NULL)
		return false;
	if (strcmp(verb, "stats") == 0)
		say_stats(answer, cap);
	else if (strcmp(verb, "reset") == 0)
		reset();
	else if (strcmp(verb, "down") == 0 || strcmp(verb, "up") == 0)
		set_down(strcmp(verb, "down") == 0);
	else if (strcmp(verb, "quit") == 0)
		is_over = 1;
	else if (strcmp(verb, "cut") == 0 && name != NULL &&
		 read_number(name, &number))
		cut_for((uint64_t)(number * (double)NS));
	else if (strcmp(verb, "set") != 0 || name == NULL || value == NULL ||
		 !set(name, value))
		return false;
	return true;
}

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
	if (!obey(words, answer, sizeof answer))
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
	for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
		(void)fprintf(stderr, "  %-10s %s\n", settings[i].name,
			      settings[i].what);
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
		uint64_t next = keep_schedule(), now = now_ns();
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
	(void)(set("rate", "20M") && set("rtt", "80") && set("queue", "250k") &&
	       set("cut-for", "5"));
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
		else if (strcmp(name, "--seed") != 0 && !set(name + 2, value))
			return usage();
	}
	if (control == NULL)
		return usage();
	b.mtu = a.mtu;
	b.net = a.net;
	b.congestion = a.congestion;
	prepare_process();
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
