/*
 * prepare_fixture.h - starts a prepare room with this program as supervise and
 * queue, and makes the sealed objects that the other rooms would.
 */
#ifndef PREPARE_FIXTURE_H
#define PREPARE_FIXTURE_H

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
#include "df/clock.h"
#include "df/digest.h"
#include "df/envelope.h"
#include "df/file.h"
#include "df/proc.h"
#include "df/room.h"
#include "df/seal.h"
#include "df/sealed.h"
#include "df/sign.h"
#include "df/statement.h"

#define LE "1.2.840.10008.1.2.1"
#define IMPLICIT "1.2.840.10008.1.2"
#define DEFLATED "1.2.840.10008.1.2.1.99"
#define BE "1.2.840.10008.1.2.2"
#define CT_CLASS "1.2.840.10008.5.1.4.1.1.2"

static const char CONFIG[] = "[node]\nrole = clinic\nname = Dorf\n"
			     "ae-title = DORF\nlisten-dicom = 127.0.0.1:0\n";

static struct df_channel supervise, queue;
static pid_t cell;
static uint8_t in[DF_CHANNEL_MAX];

/* --- talking --- */

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

static void hear(struct df_channel *ch, struct df_msg *m, int *fd)
{
	int fds[DF_CHANNEL_FDS];
	size_t len, n = 0;

	assert_int_equal(df_channel_wait(ch, 60000, NULL), DF_OK);
	assert_int_equal(
		df_channel_receive(ch, in, sizeof in, &len, fds, &n, NULL),
		DF_OK);
	assert_int_equal(df_msg_decode(m, in, len, NULL), DF_OK);
	*fd = n ? fds[0] : -1;
}

/* What the FACTS of the last job said of pixels; [i] is valid if has[i]. And
 * the data sets that came with them, -1 = none; all -1 where nobody asks for
 * them. */
static struct {
	struct df_digest d[64];
	bool has[64];
	int data[64];
} shown;

/* Sends a job; the number of FACTS before its JOB_DONE, which is in *m. */
static unsigned ask(struct df_msg *job, int *fds, size_t n, struct df_msg *m,
		    int *fd, struct df_why *why)
{
	unsigned facts = 0;
	char uid[65];

	say(&queue, job, fds, n);
	for (;;) {
		hear(&queue, m, fd);
		if (m->type != DF_MSG_FACTS)
			break;
		assert_true(df_msg_get_str(m, DF_M_STUDY, uid, sizeof uid));
		assert_true(facts < 64);
		shown.has[facts] = df_msg_get_digest(m, DF_M_PIXEL_DIGEST,
						     &shown.d[facts]);
		shown.data[facts] = *fd;
		facts++;
	}
	assert_int_equal(m->type, DF_MSG_JOB_DONE);
	assert_int_equal(m->tag, 7);
	*why = (struct df_why){0};
	(void)df_msg_result(m, why);
	return facts;
}

static int set_up(void **state)
{
	static const char *const argv[] = {"df-prepare", NULL};
	struct df_msg m;
	int s[2], q[2], fd;

	(void)state;
	assert_int_equal(df_channel_pair(s, NULL), DF_OK);
	assert_int_equal(df_channel_pair(q, NULL), DF_OK);
	const struct df_spawn spawn = {.path = DF_ROOMS "/df-prepare",
				       .argv = argv,
				       .fds = &s[1],
				       .n_fds = 1};
	assert_int_equal(df_proc_spawn(&cell, &spawn, NULL), DF_OK);
	df_fd_close(&s[1]);
	df_channel_init(&supervise, s[0]);
	df_channel_init(&queue, q[0]);
	assert_int_equal(df_memfd_new(&fd, "config", NULL), DF_OK);
	assert_int_equal(df_pwrite_all(fd, CONFIG, strlen(CONFIG), 0, NULL),
			 DF_OK);
	df_msg_init(&m, DF_MSG_START, 0);
	df_msg_put_u64(&m, DF_M_ROLE, DF_ROLE_PREPARE);
	df_msg_put_u64(&m, DF_M_NUMBER, 0);
	say(&supervise, &m, &fd, 1);
	df_msg_init(&m, DF_MSG_LINK, 0);
	df_msg_put_u64(&m, DF_M_ROLE, DF_ROLE_QUEUE);
	df_msg_put_u64(&m, DF_M_NUMBER, 0);
	say(&supervise, &m, &q[1], 1);
	hear(&supervise, &m, &fd);
	assert_int_equal(m.type, DF_MSG_READY);
	return 0;
}

static int tear_down(void **state)
{
	int status = 0;

	(void)state;
	df_channel_release(&queue);
	df_channel_release(&supervise);
	assert_int_equal(waitpid(cell, &status, 0), cell);
	if (!WIFEXITED(status))
		fail_msg("cell ended with signal %d", WTERMSIG(status));
	return 0;
}

/* --- making objects
 * ---------------------------------------------------------*/

struct object {
	uint8_t *data; /* the data set */
	size_t len;
	char ts[65], sop_class[65], sop_instance[65];
};

static uint32_t le32(const uint8_t *p)
{
	return p[0] | (p[1] << 8) | (p[2] << 16) | ((uint32_t)p[3] << 24);
}

/* A text of the file meta information, all short VRs but (0002,0001). */
static void meta(const uint8_t *p, const uint8_t *end, unsigned element,
		 char *to)
{
	while (p < end) {
		size_t head = memcmp(p + 4, "OB", 2) == 0 ? 12 : 8;
		size_t len =
			head == 12 ? le32(p + 8) : (size_t)(p[6] | (p[7] << 8));

		if ((unsigned)(p[2] | (p[3] << 8)) == element) {
			assert_true(len <= 64);
			memcpy(to, p + head, len);
			while (len && to[len - 1] == '\0')
				len--;
			to[len] = '\0';
		}
		p += head + len;
	}
}

static struct object load(const char *name)
{
	struct object o = {0};
	struct df_buf b;
	size_t at;

	df_buf_init(&b, 64 << 20);
	assert_int_equal(df_file_read(AT_FDCWD, name, b.max, &b, NULL), DF_OK);
	at = 144 + le32(b.ptr + 140);
	meta(b.ptr + 132, b.ptr + at, 0x0010, o.ts);
	meta(b.ptr + 132, b.ptr + at, 0x0002, o.sop_class);
	meta(b.ptr + 132, b.ptr + at, 0x0003, o.sop_instance);
	o.len = b.len - at;
	o.data = df_xmalloc(o.len);
	memcpy(o.data, b.ptr + at, o.len);
	df_buf_release(&b);
	return o;
}

static enum df_err to_buf(void *ctx, const void *ptr, size_t len,
			  struct df_why *why)
{
	return df_buf_add(ctx, ptr, len, why);
}

/* The object file of a raw instance; *length is its DFENV part. */
static int raw(const struct object *o, const struct df_cek *cek,
	       uint64_t *length)
{
	const uint8_t wrapped[DF_WRAPPED_LEN] = {0};
	struct df_sealed_core core = {.content = DF_SEALED_REST,
				      .suite = DF_SUITE_AES256GCM,
				      .id = {9}};
	struct df_envelope env = {.kind = DF_ENV_RAW,
				  .received_ms = 1763777000000,
				  .called_ae = "DORF",
				  .calling_ae = "CT1",
				  .address = "127.0.0.1",
				  .size_bytes = o->len};
	uint8_t bytes[DF_SEALED_CORE_LEN];
	struct df_sealer s = {0};
	struct df_summer summer = {0};
	struct df_buf b;
	int fd;

	df_buf_init(&b, 1 << 30);
	df_sealed_core_encode(bytes, &core);
	assert_int_equal(df_seal_rest_header(&b, bytes, cek, wrapped, NULL),
			 DF_OK);
	assert_int_equal(df_seal_init(&s, bytes, cek, to_buf, &b, NULL), DF_OK);
	assert_int_equal(df_seal_update(&s, o->data, o->len, NULL), DF_OK);
	assert_int_equal(df_seal_finish(&s, NULL), DF_OK);
	df_seal_release(&s);
	*length = b.len;
	df_summer_init(&summer);
	df_summer_update(&summer, b.ptr, b.len);
	df_summer_sum(&summer, &env.checksum);
	df_summer_release(&summer);
	df_id_new(&env.id);
	df_id_new(&env.association);
	strcpy(env.sop_class, o->sop_class);
	strcpy(env.sop_instance, o->sop_instance);
	strcpy(env.transfer_syntax, o->ts);
	df_sha256(&env.digest, o->data, o->len);
	assert_int_equal(df_envelope_encode(&b, &env, *length, NULL), DF_OK);
	assert_int_equal(df_memfd_new(&fd, "raw", NULL), DF_OK);
	assert_int_equal(df_pwrite_all(fd, b.ptr, b.len, 0, NULL), DF_OK);
	df_buf_release(&b);
	return fd;
}

/* A header as `keys` makes it; nobody looks at the CMS parts here. */
static void parcel_header(struct df_buf *b, const struct df_cek *cek,
			  enum df_sealed_content content)
{
	struct df_sealed_core core = {.content = content,
				      .suite = DF_SUITE_AES256GCM,
				      .id = {1},
				      .sequence = 1,
				      .created_ms = 1763777000000,
				      .sender = {{5}}};
	uint8_t bytes[DF_SEALED_CORE_LEN], mac[DF_HEADER_MAC_LEN];

	df_buf_init(b, 4096);
	df_sealed_core_encode(bytes, &core);
	df_seal_commit(bytes, cek);
	df_header_mac(mac, cek, bytes, "recipients", 10);
	assert_int_equal(df_buf_add(b, bytes, sizeof bytes, NULL), DF_OK);
	assert_int_equal(df_buf_u32(b, 10), DF_OK);
	assert_int_equal(df_buf_add(b, "recipients", 10, NULL), DF_OK);
	assert_int_equal(df_buf_add(b, mac, sizeof mac, NULL), DF_OK);
	assert_int_equal(df_buf_u32(b, 4), DF_OK);
	assert_int_equal(df_buf_add(b, "sign", 4, NULL), DF_OK);
}

#endif
