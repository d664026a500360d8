/*
 * index_room_test.c - the room `index` itself, this program as its peers.
 *
 * Starts bin/df-index in a throw-away directory with links to keys, queue and
 * console, and looks only at what it answers.
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
#include <sys/wait.h>
#include <unistd.h>

#include "df/channel.h"
#include "df/file.h"
#include "df/proc.h"
#include "df/report_policy.h"
#include "df/room.h"
#include "df/statement.h"

#define WAIT_MS 20000
#define CLINIC \
	"1111111111111111111111111111111111111111111111111111111111111111"
#define CENTRE \
	"2222222222222222222222222222222222222222222222222222222222222222"

static const char CONFIG[] =
	"[node]\nrole = clinic\nname = Dorf\nae-title = DORF\n"
	"listen-dicom = 127.0.0.1:0\n"
	"[peer \"centre\"]\nurl = https://127.0.0.1:1\nfingerprint = " CENTRE
	"\n";

struct house {
	char dir[64];
	pid_t pid;
	struct df_channel supervise, keys, queue, console;
	uint8_t in[DF_CHANNEL_MAX];
	char *json; /* of the last answer */
};

/* --- talking to it ---------------------------------------------------------
 */

static void say(struct df_channel *to, struct df_msg *m, int fd)
{
	struct df_buf b;

	df_buf_init(&b, DF_MSG_MAX);
	assert_int_equal(df_msg_encode(m, &b, NULL), DF_OK);
	assert_int_equal(df_channel_send_now(to, b.ptr, b.len, &fd,
					     fd >= 0 ? 1 : 0, WAIT_MS, NULL),
			 DF_OK);
	df_buf_release(&b);
	df_msg_release(m);
}

/* The next message; a descriptor that comes with it is read into h->json. */
static void hear(struct house *h, struct df_channel *from, struct df_msg *m)
{
	int fds[DF_CHANNEL_FDS];
	uint64_t size;
	size_t len, n;

	assert_int_equal(df_channel_wait(from, WAIT_MS, NULL), DF_OK);
	assert_int_equal(df_channel_receive(from, h->in, sizeof h->in, &len,
					    fds, &n, NULL),
			 DF_OK);
	assert_int_equal(df_msg_decode(m, h->in, len, NULL), DF_OK);
	assert_true(n <= 1);
	free(h->json);
	h->json = NULL;
	if (n == 0)
		return;
	assert_int_equal(df_fd_size(fds[0], &size, NULL), DF_OK);
	h->json = df_xcalloc(1, size + 1);
	assert_int_equal(df_pread_all(fds[0], h->json, size, 0, NULL), DF_OK);
	df_fd_close(&fds[0]);
}

static void link_role(struct house *h, enum df_role role,
		      struct df_channel *ours)
{
	struct df_msg m;
	int ends[2];

	assert_int_equal(df_channel_pair(ends, NULL), DF_OK);
	df_channel_init(ours, ends[0]);
	df_msg_init(&m, DF_MSG_LINK, 0);
	df_msg_put_u64(&m, DF_M_ROLE, (uint64_t)role);
	df_msg_put_u64(&m, DF_M_NUMBER, 0);
	say(&h->supervise, &m, ends[1]);
}

static void start(struct house *h)
{
	char path[4096];
	const char *argv[] = {"df-index", NULL};
	struct df_spawn spec = {.path = path, .argv = argv, .cwd = h->dir};
	struct df_msg m;
	int ends[2], fd;

	assert_int_equal(df_proc_self_dir(path, sizeof path - 16, NULL), DF_OK);
	df_str_fmt(path + strlen(path), 16, "/df-index");
	if (access(path, X_OK) != 0)
		skip();
	assert_int_equal(df_channel_pair(ends, NULL), DF_OK);
	spec.fds = &ends[1];
	spec.n_fds = 1;
	assert_int_equal(df_proc_spawn(&h->pid, &spec, NULL), DF_OK);
	df_fd_close(&ends[1]);
	df_channel_init(&h->supervise, ends[0]);
	assert_int_equal(df_memfd_new(&fd, "config", NULL), DF_OK);
	assert_int_equal(df_write_all(fd, CONFIG, sizeof CONFIG - 1, NULL),
			 DF_OK);
	df_msg_init(&m, DF_MSG_START, 0);
	df_msg_put_u64(&m, DF_M_ROLE, DF_ROLE_INDEX);
	df_msg_put_u64(&m, DF_M_NUMBER, 0);
	say(&h->supervise, &m, fd);
	link_role(h, DF_ROLE_QUEUE, &h->queue);
	link_role(h, DF_ROLE_CONSOLE, &h->console);
}

static void give_key(struct house *h, uint8_t first)
{
	uint8_t key[64] = {first, 2, 3};
	struct df_msg m, r;

	link_role(h, DF_ROLE_KEYS, &h->keys);
	hear(h, &h->keys, &m);
	assert_int_equal(m.type, DF_MSG_INDEX_KEY_RQ);
	df_msg_init(&r, DF_MSG_INDEX_KEY, m.tag);
	df_msg_put(&r, DF_M_KEY, key, sizeof key);
	df_msg_put_str(&r, DF_M_PEER, CLINIC);
	say(&h->keys, &r, -1);
}

static int stop(struct house *h)
{
	int status = 0;

	df_channel_release(&h->supervise);
	assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
	df_channel_release(&h->queue);
	df_channel_release(&h->console);
	df_channel_release(&h->keys);
	return status;
}

static int up(void **state)
{
	struct house *h = df_xcalloc(1, sizeof *h);

	h->keys.fd = h->queue.fd = h->console.fd = h->supervise.fd = -1;
	df_str_fmt(h->dir, sizeof h->dir, "/tmp/df-index-XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	*state = h;
	return 0;
}

static int down(void **state)
{
	static const char *const NAMES[] = {"index.db", "index.db-wal",
					    "index.db-shm", "register",
					    DF_INDEX_NEW};
	struct house *h = *state;
	char path[128];
	size_t i;

	if (h->pid > 0 && h->supervise.fd >= 0)
		(void)stop(h);
	for (i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
		df_str_fmt(path, sizeof path, "%s/%s", h->dir, NAMES[i]);
		(void)unlink(path); /* not all are there */
	}
	assert_int_equal(rmdir(h->dir), 0);
	free(h->json);
	free(h);
	return 0;
}

static void put_facts(struct house *h, const char *study, uint32_t tag)
{
	struct df_digest d = {{9}};
	char series[80], instance[80];
	struct df_msg m;

	df_str_fmt(series, sizeof series, "%s.1", study);
	df_str_fmt(instance, sizeof instance, "%s.1.%u", study, tag);
	df_msg_init(&m, DF_MSG_FACTS_PUT, tag);
	df_msg_put_str(&m, DF_M_OBJECT, "0123456789abcdefghjkmnpqrs");
	df_msg_put_str(&m, DF_M_STUDY, study);
	df_msg_put_str(&m, DF_M_SERIES, series);
	df_msg_put_str(&m, DF_M_SOP_INSTANCE, instance);
	df_msg_put_str(&m, DF_M_SOP_CLASS, "1.2.840.10008.5.1.4.1.1.2");
	df_msg_put_str(&m, DF_M_MODALITY, "CT");
	df_msg_put_str(&m, DF_M_PATIENT_NAME, "Wang^Fang=王^芳");
	df_msg_put_str(&m, DF_M_PATIENT_ID, "PID-1");
	df_msg_put_str(&m, DF_M_ACCESSION, "A1 ");
	df_msg_put_digest(&m, DF_M_DIGEST, &d);
	df_msg_put_u64(&m, DF_M_SIZE, 512);
	df_msg_put_u64(&m, DF_M_RECEIVED_MS, 1795309323000);
	say(&h->queue, &m, -1);
}

static void stored(struct house *h, enum df_msg_type type, uint32_t tag,
		   struct df_msg *m)
{
	hear(h, &h->queue, m);
	assert_int_equal(m->type, type);
	assert_int_equal(m->tag, tag);
}

static void ask(struct house *h, const char *verb, const char *args,
		enum df_err want)
{
	struct df_msg m;

	df_msg_init(&m, DF_MSG_QUERY, 5);
	df_msg_put_str(&m, DF_M_VERB, verb);
	df_msg_put_str(&m, DF_M_JSON, args);
	say(&h->console, &m, -1);
	hear(h, &h->console, &m);
	assert_int_equal(m.type, DF_MSG_ANSWER);
	assert_int_equal(df_msg_result(&m, NULL), want);
}

struct patient {
	const char *id, *name, *birth;
};

/* One image of a study of its own; its pixels are told, too. */
static void put_exam(struct house *h, const char *study, const char *date,
		     const struct patient *p, uint8_t pixels, uint32_t tag)
{
	struct df_digest d = {{(uint8_t)tag}}, image = {{pixels}};
	char series[80], instance[80];
	struct df_msg m;

	df_str_fmt(series, sizeof series, "%s.1", study);
	df_str_fmt(instance, sizeof instance, "%s.1.%u", study, tag);
	df_msg_init(&m, DF_MSG_FACTS_PUT, tag);
	df_msg_put_str(&m, DF_M_OBJECT, "0123456789abcdefghjkmnpqrs");
	df_msg_put_str(&m, DF_M_STUDY, study);
	df_msg_put_str(&m, DF_M_SERIES, series);
	df_msg_put_str(&m, DF_M_SOP_INSTANCE, instance);
	df_msg_put_str(&m, DF_M_MODALITY, "CT");
	df_msg_put_str(&m, DF_M_BODY_PART, "CHEST");
	df_msg_put_str(&m, DF_M_PATIENT_ID, p->id);
	df_msg_put_str(&m, DF_M_PATIENT_NAME, p->name);
	df_msg_put_str(&m, DF_M_BIRTH_DATE, p->birth);
	df_msg_put_str(&m, DF_M_STUDY_DATE, date);
	df_msg_put_digest(&m, DF_M_DIGEST, &d);
	df_msg_put_digest(&m, DF_M_PIXEL_DIGEST, &image);
	df_msg_put_u64(&m, DF_M_RECEIVED_MS, 1795309323000);
	say(&h->queue, &m, -1);
	hear(h, &h->queue, &m);
	assert_int_equal(m.type, DF_MSG_FACTS_STORED);
	assert_int_equal(df_msg_result(&m, NULL), DF_OK);
}

static int times(const char *text, const char *word)
{
	int n = 0;

	for (text = strstr(text, word); text != NULL;
	     text = strstr(text + 1, word))
		n++;
	return n;
}

/* --- reports ---------------------------------------------------------------
 */

struct paper {
	struct df_statement st;
	struct df_buf text;
	struct df_digest digest;
	char object[DF_ID_LEN + 1];
};

static void paper_make(struct paper *p, const char *study, uint32_t version,
		       const struct df_digest *previous)
{
	static unsigned serial;
	struct df_id id;

	*p = (struct paper){.st = {.version = version,
				   .status = version == 1 ? DF_REPORT_FINAL
							  : DF_REPORT_AMENDED,
				   .media = DF_REPORT_PDF,
				   .content_bytes = 10,
				   .signed_at_ms = 1795309323000}};
	df_str_fmt(p->st.report_id.s, sizeof p->st.report_id.s,
		   "0123456789abcdefghjkmnpqrs");
	df_str_fmt(p->st.study_uid, sizeof p->st.study_uid, "%s", study);
	df_str_fmt(p->st.accession, sizeof p->st.accession, "A1");
	df_str_fmt(p->st.patient_id, sizeof p->st.patient_id, "PID-1");
	df_str_fmt(p->st.clinic_node.s, sizeof p->st.clinic_node.s, CLINIC);
	df_str_fmt(p->st.centre_node.s, sizeof p->st.centre_node.s, CENTRE);
	memset(p->st.content.b, 7, 32);
	if (previous != NULL)
		p->st.previous = *previous;
	p->st.image_count = 1;
	memset(p->st.images[0].b, 8, 32);
	/* stands for SHA-256, which crypto makes */
	serial++;
	memcpy(p->digest.b, &serial, sizeof serial);
	df_id_new(&id);
	df_str_fmt(p->object, sizeof p->object, "%s", id.s);
}

static void paper_put(struct house *h, struct paper *p, const char *object,
		      uint32_t verdict, uint32_t tag)
{
	struct df_msg m;

	df_buf_init(&p->text, DF_STATEMENT_BYTES_MAX);
	assert_int_equal(df_statement_encode(&p->st, &p->text, NULL), DF_OK);
	df_msg_init(&m, DF_MSG_REPORT_PUT, tag);
	df_msg_put_str(&m, DF_M_OBJECT, object);
	df_msg_put_str(&m, DF_M_PEER, CENTRE);
	df_msg_put(&m, DF_M_STATEMENT, p->text.ptr, p->text.len);
	df_msg_put_digest(&m, DF_M_DIGEST, &p->digest);
	df_msg_put_u64(&m, DF_M_VERDICT, verdict);
	if (verdict == DF_REPORT_REJECTED)
		df_msg_put_str(&m, DF_M_REASON, "certificate-expired");
	df_msg_put_str(&m, DF_M_SIGNER, "Dr. Zhang");
	df_msg_put_digest(&m, DF_M_MANIFEST, &p->st.images[0]);
	df_msg_put_u64(&m, DF_M_NOW_MS, 1795309400000 + tag);
	say(&h->queue, &m, -1);
	df_buf_release(&p->text);
}

static void ruled(struct house *h, uint32_t tag, uint64_t verdict,
		  const char *reason)
{
	uint64_t v = 99;
	char word[32];
	struct df_msg m;

	stored(h, DF_MSG_REPORT_STORED, tag, &m);
	assert_int_equal(df_msg_result(&m, NULL), DF_OK);
	assert_true(df_msg_get_u64(&m, DF_M_VERDICT, &v));
	(void)df_msg_get_str(&m, DF_M_REASON, word, sizeof word);
	assert_string_equal(word, reason);
	assert_int_equal(v, verdict);
}

/* --- tests -----------------------------------------------------------------
 */

static void test_facts(void **state)
{
	struct house *h = *state;
	struct df_msg m;
	char text[64];

	start(h);
	put_facts(h, "1.2.3", 1); /* waits for the key */
	give_key(h, 1);
	stored(h, DF_MSG_FACTS_STORED, 1, &m);
	assert_int_equal(df_msg_result(&m, NULL), DF_OK);
	put_facts(h, "1.2.3", 2);
	put_facts(h, "nonsense", 3); /* its neighbours stand */
	put_facts(h, "1.2.3", 4);
	stored(h, DF_MSG_FACTS_STORED, 2, &m);
	assert_int_equal(df_msg_result(&m, NULL), DF_OK);
	stored(h, DF_MSG_FACTS_STORED, 3, &m);
	assert_int_equal(df_msg_result(&m, NULL), DF_E_FORMAT);
	stored(h, DF_MSG_FACTS_STORED, 4, &m);
	assert_int_equal(df_msg_result(&m, NULL), DF_OK);
	(void)stop(h);
	start(h); /* again, on what is durable */
	give_key(h, 1);
	df_msg_init(&m, DF_MSG_STUDY_FACTS_RQ, 7);
	df_msg_put_str(&m, DF_M_STUDY, "1.2.3");
	say(&h->queue, &m, -1);
	stored(h, DF_MSG_STUDY_FACTS, 7, &m);
	assert_true(df_msg_get_str(&m, DF_M_PATIENT_NAME, text, sizeof text));
	assert_string_equal(text, "Wang^Fang=王^芳");
	assert_false(df_msg_get_str(&m, DF_M_PEER, text, sizeof text));
	ask(h, "patients", "{\"studies\":[\"1.2.3\",\"9.9\"]}", DF_OK);
	assert_int_equal(times(h->json, "\"study_uid\""), 1);
	assert_non_null(strstr(h->json, "\"instances\":3"));
	ask(h, "study facts", "{\"study\":\"1.2.3\"}", DF_OK);
	assert_non_null(strstr(h->json, "\"clinic_node\":\"" CLINIC));
	ask(h, "study facts", "{\"study\":\"9.9\"}", DF_E_NOTFOUND);
	ask(h, "nonsense", "{}", DF_E_UNSUPPORTED);
	assert_int_equal(stop(h), 0);
}

static void test_verdicts(void **state)
{
	struct house *h = *state;
	struct paper one, two, other;
	struct df_msg m;
	char args[64];

	start(h);
	give_key(h, 1);
	put_facts(h, "1.2.3", 1);
	put_facts(h, "1.2.4", 2);
	stored(h, DF_MSG_FACTS_STORED, 1, &m);
	stored(h, DF_MSG_FACTS_STORED, 2, &m);
	paper_make(&one, "1.2.3", 1, NULL);
	paper_put(h, &one, "bad0", DF_REPORT_REJECTED, 10);
	ruled(h, 10, DF_REPORT_REJECTED, "certificate-expired");
	paper_put(h, &one, one.object, DF_REPORT_SIGNED, 11);
	ruled(h, 11, DF_REPORT_SIGNED, "");
	paper_put(h, &one, "copy", DF_REPORT_SIGNED, 12); /* replay */
	ruled(h, 12, DF_REPORT_SIGNED, "");
	paper_make(&other, "1.2.4", 1, NULL);
	df_str_fmt(other.st.patient_id, sizeof other.st.patient_id, "PID-2");
	paper_put(h, &other, other.object, DF_REPORT_SIGNED, 13);
	ruled(h, 13, DF_REPORT_REJECTED, "wrong-patient");
	paper_make(&other, "1.9", 1, NULL);
	paper_put(h, &other, other.object, DF_REPORT_SIGNED, 14);
	ruled(h, 14, DF_REPORT_REJECTED, "unknown-study");
	paper_make(&two, "1.2.3", 2, &one.digest);
	paper_put(h, &two, two.object, DF_REPORT_SIGNED, 15);
	ruled(h, 15, DF_REPORT_SIGNED, "");
	paper_make(&other, "1.2.3", 1, NULL);
	paper_put(h, &other, other.object, DF_REPORT_SIGNED, 16);
	ruled(h, 16, DF_REPORT_REJECTED, "older-version");
	ask(h, "report list", "{\"study\":\"1.2.3\"}", DF_OK);
	assert_int_equal(times(h->json, "\"id\""), 4);
	assert_int_equal(times(h->json, "\"current\":true"), 1);
	df_str_fmt(args, sizeof args, "{\"id\":\"%s\"}", two.object);
	ask(h, "report get", args, DF_OK);
	assert_non_null(strstr(h->json, "\"verification\":\"signed\""));
	assert_non_null(strstr(h->json, "\"signed_by\":\"Dr. Zhang\""));
	paper_make(&other, "1.2.3", 2, &one.digest); /* the same version */
	paper_put(h, &other, other.object, DF_REPORT_SIGNED, 17);
	ruled(h, 17, DF_REPORT_REJECTED, "version-conflict");
	ask(h, "report get", args, DF_OK);
	assert_non_null(strstr(h->json, "\"verification\":\"rejected\""));
	ask(h, "report get", "{\"id\":\"none\"}", DF_E_NOTFOUND);
}

/* `report check` says what would become of a file, and stores nothing. */
static void test_check(void **state)
{
	struct house *h = *state;
	struct df_msg m;
	struct paper p;
	char args[4096], text[2048];
	size_t i, n = 0;

	start(h);
	give_key(h, 1);
	put_facts(h, "1.2.3", 1);
	stored(h, DF_MSG_FACTS_STORED, 1, &m);
	paper_make(&p, "1.2.3", 1, NULL);
	df_buf_init(&p.text, DF_STATEMENT_BYTES_MAX);
	assert_int_equal(df_statement_encode(&p.st, &p.text, NULL), DF_OK);
	for (i = 0; i < p.text.len; i++) {
		if (p.text.ptr[i] == '\n')
			text[n++] = '\\';
		text[n++] = p.text.ptr[i] == '\n' ? 'n' : (char)p.text.ptr[i];
	}
	text[n] = '\0';
	df_buf_release(&p.text);
	df_str_fmt(args, sizeof args,
		   "{\"statement\":\"%s\",\"statement_sha256\":\"%s\","
		   "\"verification\":\"signed\"}",
		   text, CENTRE);
	ask(h, "report check", args, DF_OK);
	assert_non_null(strstr(h->json, "\"verification\":\"signed\""));
	memcpy(strstr(args, "PID-1"), "PID-2", 5);
	ask(h, "report check", args, DF_OK);
	assert_non_null(strstr(h->json, "\"reason\":\"wrong-patient\""));
	ask(h, "report check", "{}", DF_E_USAGE);
	ask(h, "report list", "{}", DF_OK);
	assert_string_equal(h->json, "{\"reports\":[]}");
}

/* Five versions in every order end in the same state. */
static void test_orders(void **state)
{
	struct house *h = *state;
	struct paper v[5];
	struct df_msg m;
	int n, k, at, left[5];
	char study[32], args[64];

	start(h);
	give_key(h, 1);
	for (n = 0; n < 120; n++) {
		df_str_fmt(study, sizeof study, "1.2.3.%d", n);
		put_facts(h, study, 1);
		stored(h, DF_MSG_FACTS_STORED, 1, &m);
		for (k = 0; k < 5; k++) {
			paper_make(&v[k], study, (uint32_t)k + 1,
				   k ? &v[k - 1].digest : NULL);
			left[k] = k;
		}
		for (k = 5, at = n; k > 0; at /= k, k--) {
			int pick = at % k, which = left[pick];

			memmove(left + pick, left + pick + 1,
				(size_t)(4 - pick) * sizeof *left);
			paper_put(h, &v[which], v[which].object,
				  DF_REPORT_SIGNED, (uint32_t)k);
			stored(h, DF_MSG_REPORT_STORED, (uint32_t)k, &m);
		}
		df_str_fmt(args, sizeof args, "{\"study\":\"%s\"}", study);
		ask(h, "report list", args, DF_OK);
		assert_int_equal(times(h->json, "\"verification\":\"signed\""),
				 5);
		assert_int_equal(times(h->json, "\"current\":true"), 1);
	}
}

static void test_wrong_key(void **state)
{
	struct house *h = *state;
	struct df_msg m;
	int status;

	start(h);
	give_key(h, 1);
	put_facts(h, "1.2.3", 1);
	stored(h, DF_MSG_FACTS_STORED, 1, &m);
	(void)stop(h);
	start(h);
	give_key(h, 2);
	assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
	h->pid = 0;
	df_channel_release(&h->supervise);
	df_channel_release(&h->queue);
	df_channel_release(&h->console);
	df_channel_release(&h->keys);
}

static void test_priors(void **state)
{
	static const struct patient ZENG = {"11010519491231002X", "曾^小东",
					    "19491231"};
	static const struct patient OTHER = {"P-4711", "王^伟", "1980.01.01"};
	static const struct {
		const char *args;
		int priors, exact;
	} CASES[] = {
		{"{\"id\":\"11010519491231002x\"}", 3, 3},
		{"{\"id\":\"P-4711\"}", 1, 1},
		{"{\"id\":\"P-4712\"}", 0, 0},
		{"{\"name\":\"曾小\"}", 3, 0}, /* by a name: look at it */
		{"{\"name\":\"zengxiao\"}", 3, 0}, /* not ceng */
		{"{\"name\":\"zxd\"}", 3, 0},
		{"{\"name\":\"曾小东\",\"birth_date\":\"1949-12-31\"}", 3, 0},
		{"{\"name\":\"曾小东\",\"birth_date\":\"1950-12-31\"}", 0, 0},
		{"{\"id\":\"11010519491231002X\",\"modality\":\"MR\"}", 0, 0},
		{"{\"id\":\"11010519491231002X\",\"modality\":\"CT\","
		 "\"body_part\":\"胸部\"}", 3, 3},
		{"{\"id\":\"11010519491231002X\",\"days\":30}", 1, 1},
		{"{\"id\":\"11010519491231002X\",\"not\":\"1.2.2\"}", 2, 2},
	};
	struct house *h = *state;
	size_t i;

	start(h);
	give_key(h, 1);
	put_exam(h, "1.2.1", "20190101", &ZENG, 5, 1);
	put_exam(h, "1.2.2", "20991231", &ZENG, 6, 2); /* in no time */
	put_exam(h, "1.2.3", "20200101", &ZENG, 5, 3); /* a second reading */
	put_exam(h, "1.2.4", "20200101", &OTHER, 7, 4);
	for (i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
		ask(h, "prior local", CASES[i].args, DF_OK);
		if (times(h->json, "\"study_uid\"") != CASES[i].priors ||
		    times(strstr(h->json, "\"priors\""),
			  "\"match\":\"exact\"") != CASES[i].exact)
			fail_msg("%s: %s", CASES[i].args, h->json);
	}
	ask(h, "prior local", CASES[0].args, DF_OK);
	assert_true(strstr(h->json, "1.2.2") < strstr(h->json, "1.2.3"));
	assert_true(strstr(h->json, "1.2.3") < strstr(h->json, "1.2.1"));
	ask(h, "prior local", CASES[1].args, DF_OK);
	assert_non_null(strstr(strstr(h->json, "\"priors\""),
			       "\"birth_date\":\"19800101\""));
	ask(h, "prior local", "{\"name\":\"曾\"}", DF_E_USAGE);
	ask(h, "prior local", "{}", DF_E_USAGE);
	ask(h, "study twins", "{\"study\":\"1.2.3\"}", DF_OK);
	assert_non_null(strstr(h->json, "{\"study_uid\":\"1.2.1\",\"node\":\"\","
					"\"instances\":1}"));
	ask(h, "study twins", "{\"study\":\"1.2.4\"}", DF_OK);
	assert_non_null(strstr(h->json, "\"same_images\":[]"));
	assert_int_equal(stop(h), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		T(test_facts),	T(test_verdicts),  T(test_check),
		T(test_orders), T(test_wrong_key), T(test_priors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
