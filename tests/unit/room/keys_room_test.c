/*
 * keys_room_test.c - the room `keys` itself, this program as its peers: a
 * whole enrolment, headers that open and headers that must not, what may be
 * signed, and what survives kill -9.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/parcel.h"
#include "df/channel.h"
#include "df/clock.h"
#include "df/enrol.h"
#include "df/file.h"
#include "df/keyring.h"
#include "df/proc.h"
#include "df/room.h"

#define WAIT_MS 20000

static const char CONFIG[] = "[node]\nrole = centre\nname = Zentrum\n"
			     "ae-title = ZENTRUM\nlisten-dicom = 127.0.0.1:0\n"
			     "listen-https = 127.0.0.1:0\n";

static struct house {
	char dir[64];
	pid_t pid;
	struct df_channel supervise, queue, receive, gateway, console, front;
	uint8_t in[DF_CHANNEL_MAX];
	struct df_key *clinic; /* the clinic that enrols here */
	struct df_cert *clinic_crt, *centre_crt, *ca;
	struct df_hex clinic_fp, own_fp;
} h;

/* --- talking to it -------------------------------------------------------- */

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

/* Sends m (and fd), gives the reply's result; *r borrows h.in. */
static enum df_err ask(struct df_channel *to, struct df_msg *m, int fd,
		       struct df_msg *r, struct df_why *why)
{
	int fds[DF_CHANNEL_FDS];
	size_t len, n, i;

	say(to, m, fd);
	assert_int_equal(df_channel_wait(to, WAIT_MS, NULL), DF_OK);
	assert_int_equal(
		df_channel_receive(to, h.in, sizeof h.in, &len, fds, &n, NULL),
		DF_OK);
	for (i = 0; i < n; i++)
		df_fd_close(&fds[i]);
	assert_int_equal(df_msg_decode(r, h.in, len, NULL), DF_OK);
	assert_int_equal(r->tag, 7);
	return df_msg_result(r, why);
}

static int memfd(const char *text)
{
	int fd;

	must(df_memfd_new(&fd, "text", NULL));
	must(df_write_all(fd, text, strlen(text), NULL));
	return fd;
}

static void link_role(enum df_role role, struct df_channel *ours)
{
	struct df_msg m;
	int ends[2];

	must(df_channel_pair(ends, NULL));
	df_channel_init(ours, ends[0]);
	df_msg_init(&m, DF_MSG_LINK, 0);
	df_msg_put_u64(&m, DF_M_ROLE, (uint64_t)role);
	df_msg_put_u64(&m, DF_M_NUMBER, 0);
	say(&h.supervise, &m, ends[1]);
}

static void start(void)
{
	char path[4096];
	const char *argv[] = {"df-keys", NULL};
	struct df_spawn spec = {.path = path, .argv = argv, .cwd = h.dir};
	struct df_msg m;
	int ends[2];

	must(df_proc_self_dir(path, sizeof path - 16, NULL));
	df_str_fmt(path + strlen(path), 16, "/df-keys");
	if (access(path, X_OK) != 0)
		skip();
	must(df_channel_pair(ends, NULL));
	spec.fds = &ends[1];
	spec.n_fds = 1;
	must(df_proc_spawn(&h.pid, &spec, NULL));
	df_fd_close(&ends[1]);
	df_channel_init(&h.supervise, ends[0]);
	df_msg_init(&m, DF_MSG_START, 0);
	df_msg_put_u64(&m, DF_M_ROLE, DF_ROLE_KEYS);
	df_msg_put_u64(&m, DF_M_NUMBER, 0);
	say(&h.supervise, &m, memfd(CONFIG));
	link_role(DF_ROLE_QUEUE, &h.queue);
	link_role(DF_ROLE_RECEIVE, &h.receive);
	link_role(DF_ROLE_GATEWAY, &h.gateway);
	link_role(DF_ROLE_CONSOLE, &h.console);
	link_role(DF_ROLE_FRONT, &h.front);
}

static int reap(void)
{
	int status = 0;

	assert_int_equal(waitpid(h.pid, &status, 0), h.pid);
	h.pid = 0;
	df_channel_release(&h.supervise);
	df_channel_release(&h.queue);
	df_channel_release(&h.receive);
	df_channel_release(&h.gateway);
	df_channel_release(&h.console);
	df_channel_release(&h.front);
	return status;
}

static void killed(void)
{
	assert_int_equal(kill(h.pid, SIGKILL), 0);
	(void)reap(); /* it was us */
	start();
}

static void write_keys(void)
{
	static const char *const dirs[] = {DF_KEYS_DIR, DF_KEYS_PEERS,
					   DF_KEYS_INVITES, DF_KEYS_TRUST};
	struct df_keyring_new k;
	size_t i;
	int dir;

	must(df_dir_open(&dir, AT_FDCWD, h.dir, NULL));
	for (i = 0; i < 4; i++)
		must(df_dir_make(dir, dirs[i], NULL));
	must(df_keyring_make(&k, true, df_text_of("中心医院"),
			     df_clock_wall_ms(), NULL));
	for (i = 0; i < k.count; i++) {
		const struct df_buf *b = &k.files[i].content;
		struct df_text t = {(const char *)b->ptr, b->len};

		must(df_file_write_durable(dir, k.files[i].path, 0600, b->ptr,
					   b->len, NULL));
		if (strcmp(k.files[i].path, DF_KEYS_NODE_CRT) == 0)
			must(df_cert_from_pem(&h.centre_crt, t, NULL));
		if (strcmp(k.files[i].path, DF_KEYS_CA_CRT) == 0)
			must(df_cert_from_pem(&h.ca, t, NULL));
	}
	h.own_fp = df_digest_hex(&k.fingerprint);
	df_keyring_release(&k);
	df_fd_close(&dir);
}

static int up(void **state)
{
	(void)state;
	h.supervise.fd = h.queue.fd = h.receive.fd = h.gateway.fd =
		h.console.fd = h.front.fd = -1;
	df_str_fmt(h.dir, sizeof h.dir, "/tmp/df-keys-XXXXXX");
	assert_non_null(mkdtemp(h.dir));
	must(df_key_new(&h.clinic, NULL));
	write_keys();
	return 0;
}

static int down(void **state)
{
	char command[128];

	(void)state;
	if (h.pid > 0) {
		df_channel_release(&h.supervise); /* its end is ours */
		(void)reap();			  /* how does not matter */
	}
	df_key_free(h.clinic);
	df_cert_free(h.clinic_crt);
	df_cert_free(h.centre_crt);
	df_cert_free(h.ca);
	df_str_fmt(command, sizeof command, "rm -rf %s", h.dir);
	return system(command);
}

/* --- enrolment ------------------------------------------------------------ */

static void invite(struct df_invite *i)
{
	char code[DF_INVITE_CODE_LEN + 1], json[512];
	struct df_msg m, r;
	char *at;

	df_msg_init(&m, DF_MSG_QUERY, 7);
	df_msg_put_str(&m, DF_M_VERB, "peer invite");
	df_msg_put_str(&m, DF_M_JSON, "{\"name\":\"桥头镇卫生院\"}");
	must(ask(&h.console, &m, -1, &r, NULL));
	assert_true(df_msg_get_str(&r, DF_M_JSON, json, sizeof json));
	at = strstr(json, "\"code\":\"");
	assert_non_null(at);
	memcpy(code, at + 8, DF_INVITE_CODE_LEN);
	code[DF_INVITE_CODE_LEN] = '\0';
	must(df_invite_decode(i, df_text_of(code), NULL));
}

static enum df_err enrol(const struct df_invite *i, const struct df_buf *csr,
			 struct df_digest *certificate, struct df_why *why)
{
	char id[DF_INVITE_ID_TEXT + 1];
	struct df_digest proof;
	struct df_text pem;
	struct df_msg m, r;
	enum df_err rc;

	df_hex_encode(id, i->id, sizeof i->id);
	df_invite_proof(&proof, i->secret, csr->ptr, csr->len);
	df_msg_init(&m, DF_MSG_ENROL_RQ, 7);
	df_msg_put_str(&m, DF_M_INVITE, id);
	df_msg_put(&m, DF_M_CSR, csr->ptr, csr->len);
	df_msg_put(&m, DF_M_PROOF, proof.b, sizeof proof.b);
	rc = ask(&h.gateway, &m, -1, &r, why);
	if (rc != DF_OK)
		return rc;
	assert_true(df_msg_get(&r, DF_M_CERT, &pem));
	df_sha256(certificate, pem.ptr, pem.len);
	df_cert_free(h.clinic_crt);
	must(df_cert_from_pem(&h.clinic_crt, pem, NULL));
	assert_true(df_msg_get(&r, DF_M_CA, &pem));
	assert_true(df_msg_get(&r, DF_M_SEAL_CERT, &pem));
	return DF_OK;
}

static enum df_err peer_check(const char *fp)
{
	struct df_msg m, r;

	df_msg_init(&m, DF_MSG_PEER_CHECK_RQ, 7);
	df_msg_put_str(&m, DF_M_PEER, fp);
	return ask(&h.gateway, &m, -1, &r, NULL);
}

static void enrolment(void **state)
{
	struct df_digest first, again, fp;
	struct df_invite i, wrong;
	struct df_key *other = NULL;
	struct df_why why = {0};
	struct df_buf csr, csr2;
	char name[DF_NODE_NAME_MAX + 1];

	(void)state;
	start();
	df_buf_init(&csr, DF_INVITE_CSR_MAX);
	df_buf_init(&csr2, DF_INVITE_CSR_MAX);
	must(df_csr_make(&csr, h.clinic, df_text_of("I say who I am"), NULL));
	must(df_key_new(&other, NULL));
	must(df_csr_make(&csr2, other, df_text_of("thief"), NULL));
	df_key_fingerprint(h.clinic, &fp);
	h.clinic_fp = df_digest_hex(&fp);
	invite(&i);
	assert_int_equal(peer_check(h.clinic_fp.s), DF_E_DENIED);
	wrong = i;
	wrong.secret[0] ^= 1;
	assert_int_equal(enrol(&wrong, &csr, &first, &why), DF_E_DENIED);
	assert_string_equal(why.text, "the proof does not fit this code");
	wrong = i;
	wrong.id[0] ^= 1;
	assert_int_equal(enrol(&wrong, &csr, &first, &why), DF_E_DENIED);
	assert_string_equal(why.text, "unknown code");
	must(enrol(&i, &csr, &first, &why));
	df_cert_name(h.clinic_crt, name); /* the centre's choice */
	assert_string_equal(name, "桥头镇卫生院");
	must(df_cert_check(h.clinic_crt, h.ca, df_clock_wall_ms(), NULL));
	must(peer_check(h.clinic_fp.s));
	killed(); /* all of it was durable before the answer */
	must(peer_check(h.clinic_fp.s));
	must(enrol(&i, &csr, &again, &why));
	assert_true(df_digest_same(&first, &again));
	assert_int_equal(enrol(&i, &csr2, &again, &why), DF_E_DENIED);
	assert_string_equal(why.text, "code already used");
	df_key_free(other);
	df_buf_release(&csr);
	df_buf_release(&csr2);
}

/* --- content keys --------------------------------------------------------- */

static void at_rest(void **state)
{
	struct df_sealed_core core = {.content = DF_SEALED_REST,
				      .suite = DF_SUITE_AES256GCM};
	uint8_t bytes[DF_SEALED_CORE_LEN];
	struct df_text t, w;
	struct df_buf head;
	struct df_msg m, r;
	struct df_cek cek;

	(void)state;
	df_buf_init(&head, 1000);
	df_msg_init(&m, DF_MSG_ASSOCIATION_KEY_RQ, 7);
	must(ask(&h.receive, &m, -1, &r, NULL));
	assert_true(df_msg_get(&r, DF_M_CEK, &t) && t.len == DF_CEK_LEN);
	assert_true(df_msg_get(&r, DF_M_WRAPPED, &w) && w.len == 40);
	memcpy(cek.b, t.ptr, DF_CEK_LEN);
	df_sealed_core_encode(bytes, &core);
	must(df_seal_rest_header(&head, bytes, &cek, (const uint8_t *)w.ptr,
				 NULL));
	killed();
	df_msg_init(&m, DF_MSG_UNWRAP_RQ, 7);
	df_msg_put(&m, DF_M_HEADER, head.ptr, head.len);
	must(ask(&h.queue, &m, -1, &r, NULL));
	assert_true(df_msg_get(&r, DF_M_CEK, &t) && t.len == DF_CEK_LEN);
	assert_memory_equal(t.ptr, cek.b, DF_CEK_LEN);
	head.ptr[40] ^= 1;
	df_msg_init(&m, DF_MSG_UNWRAP_RQ, 7);
	df_msg_put(&m, DF_M_HEADER, head.ptr, head.len);
	assert_int_equal(ask(&h.queue, &m, -1, &r, NULL), DF_E_HEADER);
	df_msg_init(&m, DF_MSG_UNWRAP_RQ, 7);
	assert_int_equal(ask(&h.queue, &m, -1, &r, NULL), DF_E_FORMAT);
	df_buf_release(&head);
}

static enum df_err open_header(const struct df_buf *head, const char *peer,
			       struct df_cek *cek)
{
	struct df_msg m, r;
	struct df_text t;
	enum df_err rc;

	df_msg_init(&m, DF_MSG_OPEN_RQ, 7);
	df_msg_put(&m, DF_M_HEADER, head->ptr, head->len);
	df_msg_put_opt(&m, DF_M_PEER, peer);
	rc = ask(&h.queue, &m, -1, &r, NULL);
	if (rc == DF_OK) {
		assert_true(df_msg_get(&r, DF_M_CEK, &t) &&
			    t.len == DF_CEK_LEN);
		memcpy(cek->b, t.ptr, DF_CEK_LEN);
	}
	return rc;
}

static enum df_err seal_for(const char *peer, struct df_buf *head,
			    struct df_cek *cek)
{
	struct df_digest zero = {{0}};
	struct df_msg m, r;
	struct df_text t;
	enum df_err rc;

	df_msg_init(&m, DF_MSG_SEAL_RQ, 7);
	df_msg_put_u64(&m, DF_M_CONTENT, DF_SEALED_PARCEL);
	df_msg_put_u64(&m, DF_M_EPOCH, 1);
	df_msg_put_u64(&m, DF_M_SEQUENCE, 1);
	df_msg_put_digest(&m, DF_M_PREVIOUS, &zero);
	df_msg_put_str(&m, DF_M_PEER, peer);
	rc = ask(&h.queue, &m, -1, &r, NULL);
	if (rc != DF_OK)
		return rc;
	df_buf_clear(head);
	assert_true(df_msg_get(&r, DF_M_HEADER, &t));
	must(df_buf_add(head, t.ptr, t.len, NULL));
	assert_true(df_msg_get(&r, DF_M_CEK, &t) && t.len == DF_CEK_LEN);
	memcpy(cek->b, t.ptr, DF_CEK_LEN);
	return DF_OK;
}

static void outgoing(void **state)
{
	struct df_cek cek, back;
	struct df_sealed_head s;
	struct df_digest own, fp;
	struct df_buf head;

	(void)state;
	df_buf_init(&head, DF_SEALED_HEAD_MAX);
	df_cert_fingerprint(h.ca, &fp);
	assert_int_equal(seal_for(df_digest_hex(&fp).s, &head, &cek),
			 DF_E_DENIED);
	must(seal_for(h.clinic_fp.s, &head, &cek));
	must(df_sealed_head_decode(&s, head.ptr, head.len, NULL));
	assert_int_equal(s.head_len, head.len);
	df_cert_fingerprint(h.centre_crt, &own);
	assert_true(df_digest_same(&s.core.sender, &own));
	must(df_cms_verify(&fp, NULL, s.signature, s.signature_len,
			   s.core_bytes, DF_SEALED_CORE_LEN, NULL));
	assert_true(df_digest_same(&fp, &own));
	must(df_cms_unwrap(&back, s.recipients, s.recipients_len, h.clinic,
			   h.clinic_crt, NULL));
	assert_memory_equal(&back, &cek, sizeof cek);
	must(df_header_check(&cek, s.core_bytes, s.recipients, s.recipients_len,
			     s.mac, NULL));
	must(open_header(&head, NULL, &back)); /* what we sent we can open */
	assert_memory_equal(&back, &cek, sizeof cek);
	assert_int_equal(open_header(&head, h.clinic_fp.s, &back), DF_E_SENDER);
	df_buf_release(&head);
}

/* --- the same for another reader -------------------------------------------
 */

static enum df_err rewrap(const struct df_buf *head, const char *sender,
			  const char *reader, struct df_buf *out)
{
	struct df_msg m, r;
	struct df_text t;
	enum df_err rc;

	df_msg_init(&m, DF_MSG_REWRAP_RQ, 7);
	df_msg_put(&m, DF_M_HEADER, head->ptr, head->len);
	df_msg_put_opt(&m, DF_M_PEER, sender);
	df_msg_put_str(&m, DF_M_RECIPIENT, reader);
	rc = ask(&h.queue, &m, -1, &r, NULL);
	df_buf_clear(out);
	if (rc == DF_OK) {
		assert_true(df_msg_get(&r, DF_M_HEADER, &t));
		must(df_buf_add(out, t.ptr, t.len, NULL));
	}
	return rc;
}

static void rewrapped(void **state)
{
	struct df_cek cek, back;
	struct df_sealed_head was, is;
	struct df_digest ca;
	struct df_buf head, other;
	size_t i;

	(void)state;
	df_buf_init(&head, DF_SEALED_HEAD_MAX);
	df_buf_init(&other, DF_SEALED_HEAD_MAX);
	must(seal_for(h.own_fp.s, &head, &cek)); /* for ourselves alone */
	must(rewrap(&head, NULL, h.clinic_fp.s, &other));
	must(df_sealed_head_decode(&was, head.ptr, head.len, NULL));
	must(df_sealed_head_decode(&is, other.ptr, other.len, NULL));
	/* who sealed it, and what, is as it was */
	assert_memory_equal(is.core_bytes, was.core_bytes, DF_SEALED_CORE_LEN);
	assert_int_equal(is.signature_len, was.signature_len);
	assert_memory_equal(is.signature, was.signature, was.signature_len);
	/* the reader opens it, and nobody else */
	must(df_cms_unwrap(&back, is.recipients, is.recipients_len, h.clinic,
			   h.clinic_crt, NULL));
	assert_memory_equal(&back, &cek, sizeof cek);
	must(df_header_check(&back, is.core_bytes, is.recipients,
			     is.recipients_len, is.mac, NULL));
	assert_int_equal(open_header(&other, NULL, &back), DF_E_KEY);
	/* only for who is enrolled, and of the sender that is expected */
	df_cert_fingerprint(h.ca, &ca);
	assert_int_equal(rewrap(&head, NULL, df_digest_hex(&ca).s, &other),
			 DF_E_DENIED);
	assert_int_equal(rewrap(&head, h.clinic_fp.s, h.clinic_fp.s, &other),
			 DF_E_SENDER);
	for (i = 0; i < head.len; i += 41) {
		head.ptr[i] ^= 0x20;
		assert_int_not_equal(rewrap(&head, NULL, h.clinic_fp.s, &other),
				     DF_OK);
		head.ptr[i] ^= 0x20;
	}
	df_buf_release(&head);
	df_buf_release(&other);
}

static enum df_err open_prior(const struct parcel_nodes *n)
{
	struct df_sealed_core core = {.content = DF_SEALED_PARCEL,
				      .suite = DF_SUITE_AES256GCM,
				      .sequence = 1,
				      .created_ms = df_clock_wall_ms()};
	struct df_cek cek = {{5}};
	struct df_digest fp;
	struct df_buf head;
	struct df_msg m, r;
	enum df_err rc, as_peer;

	df_buf_init(&head, DF_SEALED_HEAD_MAX);
	parcel_header(&head, n, &core, &cek);
	df_cert_fingerprint(n->clinic, &fp);
	as_peer = open_header(&head, df_digest_hex(&fp).s, &cek);
	assert_int_equal(as_peer, DF_E_SENDER); /* it is no peer of ours */
	df_msg_init(&m, DF_MSG_OPEN_RQ, 7);
	df_msg_put(&m, DF_M_HEADER, head.ptr, head.len);
	df_msg_put_str(&m, DF_M_PEER, df_digest_hex(&fp).s);
	df_msg_put_str(&m, DF_M_PURPOSE, "prior");
	rc = ask(&h.queue, &m, -1, &r, NULL);
	df_buf_release(&head);
	return rc;
}

/* What we asked for may come from any node of our CA, and from no other. */
static void priors(void **state)
{
	struct parcel_nodes stranger = {0}, node = {0};
	struct df_buf pem;
	char path[128];

	(void)state;
	parcel_nodes_make(&stranger);
	df_cert_free(stranger.centre);
	stranger.centre = df_cert_ref(h.centre_crt); /* it is sealed for us */
	assert_int_equal(open_prior(&stranger), DF_E_SENDER);
	df_buf_init(&pem, DF_PEM_MAX);
	df_str_fmt(path, sizeof path, "%s/" DF_KEYS_CA_KEY, h.dir);
	must(df_file_read(AT_FDCWD, path, DF_PEM_MAX, &pem, NULL));
	must(df_key_from_pem(&node.ca_key,
			     (struct df_text){(const char *)pem.ptr, pem.len},
			     NULL));
	node.ca = df_cert_ref(h.ca);
	must(df_key_new(&node.clinic_key, NULL));
	node.clinic = parcel_enrol(&node, node.clinic_key, "镇卫生院");
	node.centre = df_cert_ref(h.centre_crt);
	must(open_prior(&node));
	df_buf_wipe(&pem);
	parcel_nodes_release(&stranger);
	parcel_nodes_release(&node);
}

/*
 * A node of several centres signs with a certificate of its own: its key is
 * what each knows it by. Who does not know it gets one of our CA.
 */
static void of_several_centres(void **state)
{
	struct parcel_nodes n = {.clinic_key = h.clinic,
				 .centre = h.centre_crt};
	struct parcel_nodes other = {0};
	struct df_sealed_core core = {.content = DF_SEALED_PARCEL,
				      .suite = DF_SUITE_AES256GCM,
				      .sequence = 1,
				      .created_ms = df_clock_wall_ms()};
	struct df_cek cek = {{5}}, back;
	struct df_cert *cert = NULL;
	struct df_sealed_head is;
	struct df_buf head, passed;

	(void)state;
	df_buf_init(&head, DF_SEALED_HEAD_MAX);
	df_buf_init(&passed, DF_SEALED_HEAD_MAX);
	must(df_own_issue(&n.clinic, h.clinic, df_text_of("镇卫生院"),
			  df_clock_wall_ms(), NULL));
	parcel_header(&head, &n, &core, &cek);
	must(open_header(&head, h.clinic_fp.s, &back));
	assert_memory_equal(&back, &cek, sizeof cek);
	for (size_t i = 0; i < head.len; i += 37) {
		head.ptr[i] ^= 0x10;
		assert_int_not_equal(open_header(&head, h.clinic_fp.s, &back),
				     DF_OK);
		head.ptr[i] ^= 0x10;
	}
	must(rewrap(&head, h.clinic_fp.s, h.clinic_fp.s, &passed));
	must(df_sealed_head_decode(&is, passed.ptr, passed.len, NULL));
	must(df_cms_verify(NULL, &cert, is.signature, is.signature_len,
			   is.core_bytes, DF_SEALED_CORE_LEN, NULL));
	must(df_cert_check(cert, h.ca, df_clock_wall_ms(), NULL));
	df_cert_free(cert);
	df_cert_free(n.clinic);

	/* another CA's word about that key says nothing here */
	parcel_nodes_make(&other);
	n.clinic = parcel_enrol(&other, h.clinic, "镇卫生院");
	df_buf_clear(&head);
	parcel_header(&head, &n, &core, &cek);
	assert_int_equal(open_header(&head, h.clinic_fp.s, &back), DF_E_SENDER);
	df_cert_free(n.clinic);
	parcel_nodes_release(&other);
	df_buf_release(&head);
	df_buf_release(&passed);
}

static void incoming(void **state)
{
	struct parcel_nodes n = {.clinic_key = h.clinic,
				 .clinic = h.clinic_crt,
				 .centre = h.centre_crt};
	struct df_sealed_core core = {.content = DF_SEALED_PARCEL,
				      .suite = DF_SUITE_AES256GCM,
				      .sequence = 1,
				      .created_ms = df_clock_wall_ms()};
	struct df_cek cek = {{5}}, back;
	struct df_buf head;
	struct df_msg m, r;
	size_t i;

	(void)state;
	df_buf_init(&head, DF_SEALED_HEAD_MAX);
	parcel_header(&head, &n, &core, &cek);
	must(open_header(&head, h.clinic_fp.s, &back));
	assert_memory_equal(&back, &cek, sizeof cek);
	assert_int_equal(open_header(&head, NULL, &back), DF_E_SENDER);
	for (i = 0; i < head.len; i += 37) {
		head.ptr[i] ^= 0x10;
		assert_int_not_equal(open_header(&head, h.clinic_fp.s, &back),
				     DF_OK);
		head.ptr[i] ^= 0x10;
	}
	df_msg_init(&m, DF_MSG_QUERY, 7);
	df_msg_put_str(&m, DF_M_VERB, "peer revoke");
	df_msg_put_str(&m, DF_M_JSON, "{\"peer\":\"桥头镇卫生院\"}");
	must(ask(&h.console, &m, -1, &r, NULL));
	assert_int_equal(open_header(&head, h.clinic_fp.s, &back), DF_E_SENDER);
	assert_int_equal(peer_check(h.clinic_fp.s), DF_E_DENIED);
	assert_int_equal(seal_for(h.clinic_fp.s, &head, &cek), DF_E_DENIED);
	killed();
	assert_int_equal(peer_check(h.clinic_fp.s), DF_E_DENIED);
	df_buf_release(&head);
}

/* --- signatures ----------------------------------------------------------- */

static enum df_err sign(const char *purpose, const char *text,
			struct df_buf *sig)
{
	struct df_msg m, r;
	struct df_text t;
	enum df_err rc;

	df_msg_init(&m, DF_MSG_SIGN_RQ, 7);
	df_msg_put_str(&m, DF_M_PURPOSE, purpose);
	rc = ask(&h.queue, &m, memfd(text), &r, NULL);
	df_buf_clear(sig);
	if (rc == DF_OK && df_msg_get(&r, DF_M_SIGNATURE, &t))
		must(df_buf_add(sig, t.ptr, t.len, NULL));
	return rc;
}

static enum df_err check(const char *purpose, const char *peer,
			 const char *text, const struct df_buf *sig)
{
	struct df_msg m, r;

	df_msg_init(&m, DF_MSG_CHECK_RQ, 7);
	df_msg_put_str(&m, DF_M_PURPOSE, purpose);
	df_msg_put_str(&m, DF_M_PEER, peer);
	df_msg_put(&m, DF_M_SIGNATURE, sig->ptr, sig->len);
	return ask(&h.queue, &m, memfd(text), &r, NULL);
}

static void signatures(void **state)
{
	static const char manifest[] = "dcmf-manifest: 1\n";
	struct df_buf sig;

	(void)state;
	df_buf_init(&sig, 1 << 16);
	must(sign("manifest", manifest, &sig));
	must(check("manifest", h.own_fp.s, manifest, &sig));
	assert_int_equal(
		check("manifest", h.own_fp.s, "dcmf-manifest: 2\n", &sig),
		DF_E_SENDER);
	assert_int_equal(check("receipt", h.own_fp.s, manifest, &sig),
			 DF_E_FORMAT);
	assert_int_equal(check("manifest", h.clinic_fp.s, manifest, &sig),
			 DF_E_DENIED); /* revoked by now */
	/* nothing is signed as something else */
	assert_int_equal(sign("receipt", manifest, &sig), DF_E_DENIED);
	assert_int_equal(sign("report", manifest, &sig), DF_E_DENIED);
	assert_int_equal(sign("other", manifest, &sig), DF_E_DENIED);
	assert_int_equal(sign("manifest", "", &sig), DF_E_DENIED);
	must(sign("report", "dcmf-report: 1\n", &sig));
	/* the seal is not the node */
	assert_int_equal(check("report", h.own_fp.s, "dcmf-report: 1\n", &sig),
			 DF_E_SENDER);
	df_buf_release(&sig);
}

static void tls(void **state)
{
	uint8_t digest[32] = {1};
	struct df_msg m, r;
	struct df_text t;

	(void)state;
	df_msg_init(&m, DF_MSG_TLS_IDENTITY_RQ, 7);
	must(ask(&h.front, &m, -1, &r, NULL));
	assert_true(df_msg_get(&r, DF_M_CERT, &t));
	assert_true(df_msg_get(&r, DF_M_CA, &t));
	df_msg_init(&m, DF_MSG_TLS_SIGN_RQ, 7);
	df_msg_put(&m, DF_M_DIGEST_BYTES, digest, sizeof digest);
	must(ask(&h.front, &m, -1, &r, NULL));
	assert_true(df_msg_get(&r, DF_M_SIGNATURE, &t));
	df_msg_init(&m, DF_MSG_TLS_SIGN_RQ, 7);
	df_msg_put(&m, DF_M_DIGEST_BYTES, digest, 5);
	assert_int_equal(ask(&h.front, &m, -1, &r, NULL), DF_E_FORMAT);
}

/* A gateway that was taken over may not have keys opened: the room ends. */
static void foreign_message(void **state)
{
	struct df_msg m;

	(void)state;
	df_msg_init(&m, DF_MSG_UNWRAP_RQ, 7);
	say(&h.gateway, &m, -1);
	assert_int_not_equal(reap(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enrolment),
		cmocka_unit_test(at_rest),
		cmocka_unit_test(outgoing),
		cmocka_unit_test(rewrapped),
		cmocka_unit_test(of_several_centres),
		cmocka_unit_test(priors),
		cmocka_unit_test(incoming),
		cmocka_unit_test(signatures),
		cmocka_unit_test(tls),
		cmocka_unit_test(foreign_message),
	};

	return cmocka_run_group_tests(tests, up, down);
}
