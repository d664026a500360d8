/*
 * register_test.c - the register: what was synced is there, whatever becomes
 * of the bytes around it, and what is missing is said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "df/aead.h"
#include "df/digest.h"
#include "df/file.h"
#include "df/register.h"
#include "df/sys.h"

static uint8_t key[DF_AEAD_KEY_LEN];

static enum df_err do_seal(void *ctx, struct df_text place, struct df_text v,
			   struct df_buf *out, struct df_why *why)
{
	return df_aead_seal(out, ctx, place, v.ptr, v.len, why);
}

static enum df_err do_open(void *ctx, struct df_text place, struct df_text v,
			   struct df_buf *out, struct df_why *why)
{
	return df_aead_open(out, ctx, place, v.ptr, v.len, why);
}

static struct df_column_cipher cipher(void)
{
	return (struct df_column_cipher){key, do_seal, do_open, NULL};
}

struct home {
	char path[64];
	int dir;
	struct df_register *r;
};

static void reopen(struct home *h)
{
	struct df_column_cipher c = cipher();
	struct df_why why = {0};

	df_register_close(h->r);
	h->r = NULL;
	if (df_register_open(&h->r, h->dir, &c, &why) != DF_OK)
		fail_msg("%s", why.text);
}

static int up(void **state)
{
	struct home *h = df_xcalloc(1, sizeof *h);

	memset(key, 7, sizeof key);
	df_str_fmt(h->path, sizeof h->path, "/tmp/df-register-XXXXXX");
	assert_non_null(mkdtemp(h->path));
	assert_int_equal(df_dir_open(&h->dir, AT_FDCWD, h->path, NULL), DF_OK);
	reopen(h);
	*state = h;
	return 0;
}

static int down(void **state)
{
	struct home *h = *state;

	df_sys_reset();
	df_sync_forget();
	df_register_close(h->r);
	(void)unlinkat(h->dir, DF_REGISTER_FILE, 0); /* rmdir tells */
	df_fd_close(&h->dir);
	assert_int_equal(rmdir(h->path), 0);
	free(h);
	return 0;
}

/* {"n":N} of that kind, synced; its number. */
static uint64_t put(struct home *h, const char *kind, int n)
{
	char json[32];
	uint64_t seq = 0;

	df_str_fmt(json, sizeof json, "{\"n\":%d}", n);
	assert_int_equal(df_register_append(h->r, kind, 1000 + n,
					    df_text_of(json), &seq, NULL),
			 DF_OK);
	assert_int_equal(df_register_sync(h->r, NULL), DF_OK);
	return seq;
}

struct heard {
	uint64_t seq[2000];
	int n[2000];
	size_t len;
	size_t stop_at;
};

static enum df_err hear(void *ctx, const struct df_register_entry *e)
{
	struct heard *h = ctx;
	char json[32];

	assert_int_equal(df_str_copy(json, sizeof json, e->json), DF_OK);
	h->n[h->len] = atoi(json + 5);
	h->seq[h->len++] = e->seq;
	assert_int_equal(e->at_ms, 1000 + h->n[h->len - 1]);
	return h->len == h->stop_at ? DF_E_NOTFOUND : DF_OK;
}

static struct heard got;
static uint64_t read_all(struct home *h, uint64_t from)
{
	uint64_t forged;

	got = (struct heard){.len = 0};
	assert_int_equal(
		df_register_read(h->r, from, hear, &got, &forged, NULL), DF_OK);
	return forged;
}

static struct df_buf slurp(struct home *h)
{
	struct df_buf b;

	df_buf_init(&b, 1 << 20);
	assert_int_equal(df_file_read(h->dir, DF_REGISTER_FILE, 1 << 20, &b,
				      NULL),
			 DF_OK);
	return b;
}

static void spill(struct home *h, const void *ptr, size_t len)
{
	int fd = openat(h->dir, DF_REGISTER_FILE,
			O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, ptr, len), (ssize_t)len);
	close(fd);
}

static void it_is_there_again(void **state)
{
	struct home *h = *state;
	char secret[] = "{\"name\":\"\xe5\xbc\xa0\xe4\xb8\x89\"}";
	struct df_buf b;

	assert_int_equal(put(h, "audit", 1), 1);
	assert_int_equal(put(h, "order", 2), 2);
	reopen(h);
	assert_int_equal(put(h, "audit", 3), 3);
	reopen(h);
	assert_int_equal(read_all(h, 1), 0);
	assert_int_equal(got.len, 3);
	assert_int_equal(got.n[2], 3);
	assert_int_equal(read_all(h, 3), 0);
	assert_int_equal(got.len, 1);
	assert_int_equal(df_register_account(h->r)->broken, 0);
	assert_int_equal(df_register_account(h->r)->passed, 0);
	assert_int_equal(df_register_append(h->r, "order", 1,
					    df_text_of(secret), NULL, NULL),
			 DF_OK);
	b = slurp(h);
	assert_null(memmem(b.ptr, b.len, "\xe5\xbc\xa0", 3));
	assert_null(memmem(b.ptr, b.len, "order", 5));
	df_buf_release(&b);
}

static void an_end_and_its_error(void **state)
{
	struct home *h = *state;
	struct heard g = {.stop_at = 2};

	put(h, "a", 1), put(h, "a", 2), put(h, "a", 3);
	assert_int_equal(df_register_read(h->r, 1, hear, &g, NULL, NULL),
			 DF_E_NOTFOUND);
	assert_int_equal(g.len, 2);
}

/* Cut at `len`, and filled up with zeros to `full`. */
static void torn(struct home *h, const struct df_buf *whole, size_t len,
		 size_t full, size_t entries)
{
	const struct df_register_account *a;
	uint8_t *bytes = df_xcalloc(1, full + 1);
	struct df_buf after;

	memcpy(bytes, whole->ptr, len);
	spill(h, bytes, full);
	reopen(h);
	a = df_register_account(h->r);
	assert_int_equal(a->entries, entries);
	assert_int_equal(a->missing, 0);
	assert_int_equal(a->broken, 0);
	assert_int_equal(put(h, "a", 77), entries + 1);
	reopen(h);
	assert_int_equal(read_all(h, 1), 0);
	assert_int_equal(got.len, entries + 1);
	assert_int_equal(got.n[entries], 77);
	assert_int_equal(df_register_account(h->r)->broken, 0);
	after = slurp(h); /* nothing that stood there was changed */
	assert_memory_equal(after.ptr, bytes, full);
	df_buf_release(&after);
	free(bytes);
}

static void an_entry_is_torn_anywhere(void **state)
{
	struct home *h = *state;
	struct df_buf two, three;
	size_t len;

	put(h, "a", 1), put(h, "a", 2);
	two = slurp(h);
	put(h, "a", 3);
	three = slurp(h);
	for (len = two.len; len < three.len; len++) {
		torn(h, &three, len, len, 2);
		torn(h, &three, len, three.len, 2);
	}
	torn(h, &three, len, three.len, 3);
	df_buf_release(&two);
	df_buf_release(&three);
}

/* Each byte of the file in turn: whatever else was there is read. */
static void a_byte_is_wrong_anywhere(void **state)
{
	struct home *h = *state;
	const struct df_register_account *a;
	struct df_buf b;
	size_t at, n;

	for (n = 1; n <= 4; n++)
		put(h, "a", (int)n);
	b = slurp(h);
	for (at = 0; at < b.len; at++) {
		size_t record = at < 24 ? 0 : (at - 24) * 4 / (b.len - 24) + 1;
		bool last = record == 4;
		size_t left = record == 0 ? 4 : 3;

		b.ptr[at] ^= 0x20;
		spill(h, b.ptr, b.len);
		reopen(h);
		a = df_register_account(h->r);
		assert_int_equal(a->entries, left);
		assert_int_equal(read_all(h, 1), 0);
		assert_int_equal(got.len, left);
		for (n = 0; n < left; n++)
			assert_int_equal(got.n[n],
					 n + 1 + (record && n + 1 >= record));
		/* index.db knows of four */
		df_register_pass(h->r, 4);
		assert_int_equal(a->broken, record ? record : 1);
		assert_int_equal(a->missing, record ? 1 : 0);
		assert_int_equal(put(h, "a", 5), 5);
		reopen(h);
		assert_int_equal(read_all(h, 1), 0);
		assert_int_equal(got.len, left + 1);
		a = df_register_account(h->r);
		assert_int_equal(a->broken, record ? record : 1);
		assert_true(a->broken_at > 0 || record == 0);
		assert_true(a->passed > 0 || record == 0);
		assert_true(!last || a->missing == 1);
		b.ptr[at] ^= 0x20;
	}
	df_buf_release(&b);
}

static void a_file_is_lost(void **state)
{
	struct home *h = *state;

	put(h, "a", 1), put(h, "a", 2);
	assert_int_equal(unlinkat(h->dir, DF_REGISTER_FILE, 0), 0);
	reopen(h);
	df_register_pass(h->r, 2);
	assert_int_equal(put(h, "a", 3), 3);
	reopen(h);
	assert_int_equal(df_register_account(h->r)->broken, 1);
	assert_int_equal(df_register_account(h->r)->missing, 2);
	assert_int_equal(df_register_account(h->r)->first, 3);
}

static void another_key(void **state)
{
	struct home *h = *state;
	struct df_column_cipher c = cipher();
	struct df_register *r;

	put(h, "a", 1);
	key[0]++;
	assert_int_equal(df_register_open(&r, h->dir, &c, NULL), DF_E_KEY);
	key[0]--;
}

/* Somebody who can write, but has no key. */
static void hash_again(struct df_buf *b, size_t from, size_t to)
{
	struct df_digest d;

	df_sha256(&d, b->ptr + from, to - from - DF_DIGEST_LEN);
	memcpy(b->ptr + to - DF_DIGEST_LEN, d.b, sizeof d.b);
	if (to < b->len)
		memcpy(b->ptr + to + 16, d.b, sizeof d.b);
}

static void a_hand_without_the_key(void **state)
{
	struct home *h = *state;
	struct df_buf b;
	size_t len, at;

	put(h, "a", 1), put(h, "a", 2), put(h, "a", 3);
	b = slurp(h);
	len = (b.len - 24) / 3;
	/* another content, and every hash made right again */
	b.ptr[24 + len + 60] ^= 1;
	for (at = 24 + len; at < b.len; at += len)
		hash_again(&b, at, at + len);
	spill(h, b.ptr, b.len);
	reopen(h);
	assert_int_equal(df_register_account(h->r)->broken, 0);
	assert_int_equal(read_all(h, 1), 2); /* it, and what follows on it */
	assert_int_equal(got.len, 1);
	df_buf_release(&b);
}

/* A whole entry of another history of this node, under the same number. */
static void an_entry_of_an_older_copy(void **state)
{
	struct home *h = *state;
	struct df_buf one, old, b;
	size_t len;

	put(h, "a", 1);
	one = slurp(h);
	put(h, "a", 2);
	old = slurp(h);
	spill(h, one.ptr, one.len);
	reopen(h);
	put(h, "a", 5), put(h, "a", 3);
	b = slurp(h);
	len = (b.len - 24) / 3;
	memcpy(b.ptr + 24 + len, old.ptr + 24 + len, len);
	spill(h, b.ptr, b.len);
	reopen(h);
	assert_int_equal(df_register_account(h->r)->broken, 3);
	df_buf_release(&one), df_buf_release(&old), df_buf_release(&b);
}

static int no_sync(int fd)
{
	(void)fd;
	errno = EIO;
	return -1;
}

static void a_sync_fails(void **state)
{
	struct home *h = *state;

	put(h, "a", 1);
	assert_int_equal(df_register_append(h->r, "a", 1002,
					    df_text_of("{\"n\":2}"), NULL,
					    NULL),
			 DF_OK);
	df_sys.fdatasync = no_sync;
	df_sys.fsync = no_sync;
	assert_int_equal(df_register_sync(h->r, NULL), DF_E_IO);
	df_sys_reset();
	assert_int_equal(df_register_sync(h->r, NULL), DF_E_IO);
	assert_int_equal(df_register_append(h->r, "a", 1, df_text_of("{}"),
					    NULL, NULL),
			 DF_E_IO);
	df_sync_forget();
	reopen(h);
	assert_int_equal(put(h, "a", 3), 3);
}

static int writes_left;
static ssize_t full(int fd, const void *from, size_t len, off_t at)
{
	if (writes_left-- > 0)
		return pwrite(fd, from, len > 20 ? 20 : len, at);
	errno = ENOSPC;
	return -1;
}

static void the_disk_is_full(void **state)
{
	struct home *h = *state;
	int i;

	put(h, "a", 1);
	for (i = 0; i < 6; i++) {
		df_sys.pwrite = full;
		writes_left = i;
		assert_int_equal(df_register_append(h->r, "a", 1,
						    df_text_of("{\"n\":9}"),
						    NULL, NULL),
				 DF_E_NOSPACE);
		df_sys_reset();
		assert_int_equal(read_all(h, 1), 0);
		assert_int_equal(got.len, 1 + (size_t)i);
		assert_int_equal(put(h, "a", i), 2 + (uint64_t)i);
	}
	reopen(h);
	assert_int_equal(df_register_account(h->r)->broken, 0);
	assert_int_equal(read_all(h, 1), 0);
	assert_int_equal(got.len, 7);
}

static void too_long(void **state)
{
	struct home *h = *state;
	size_t len = DF_REGISTER_JSON_MAX + 1;
	char *json = df_xcalloc(1, len);

	memset(json, ' ', len);
	assert_int_equal(df_register_append(h->r, "a", 1,
					    (struct df_text){json, len}, NULL,
					    NULL),
			 DF_E_LIMIT);
	assert_int_equal(df_register_append(h->r, "a", 1,
					    (struct df_text){json, len - 1},
					    NULL, NULL),
			 DF_OK);
	assert_int_equal(df_register_account(h->r)->entries, 1);
	free(json);
}

/* Many entries, any of them as a beginning; large ones cross the pieces that
 * are read at once. */
static void from_anywhere(void **state)
{
	struct home *h = *state;
	uint64_t seq;
	int i;

	for (i = 1; i <= 1500; i++) {
		char json[1500] = "{\"n\":";

		df_str_fmt(json + 5, sizeof json - 5, "%d}", i);
		assert_int_equal(df_register_append(h->r, "a", 1000 + i,
						    df_text_of(json), &seq,
						    NULL),
				 DF_OK);
		assert_int_equal(seq, i);
		if (i == 700)
			reopen(h);
	}
	for (i = 0; i < 2; i++, reopen(h))
		for (seq = 1; seq <= 1500; seq += 97) {
			assert_int_equal(read_all(h, seq), 0);
			assert_int_equal(got.len, 1501 - seq);
			assert_int_equal(got.n[0], seq);
		}
	assert_int_equal(read_all(h, 1501), 0);
	assert_int_equal(got.len, 0);
}

static void an_account_without_a_key(void **state)
{
	struct home *h = *state;
	struct df_register *r;

	put(h, "a", 1), put(h, "a", 2);
	assert_int_equal(df_register_open(&r, h->dir, NULL, NULL), DF_OK);
	assert_int_equal(df_register_account(r)->entries, 2);
	assert_memory_equal(df_register_account(r)->head.b,
			    df_register_account(h->r)->head.b, 32);
	df_register_close(r);
	spill(h, "DFREGIS2................", 24);
	assert_int_equal(df_register_open(&r, h->dir, NULL, NULL),
			 DF_E_UNSUPPORTED);
	assert_int_equal(unlinkat(h->dir, DF_REGISTER_FILE, 0), 0);
	assert_int_equal(df_register_open(&r, h->dir, NULL, NULL),
			 DF_E_NOTFOUND);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_there_again),
		TEST(an_end_and_its_error),
		TEST(an_entry_is_torn_anywhere),
		TEST(a_byte_is_wrong_anywhere),
		TEST(a_file_is_lost),
		TEST(another_key),
		TEST(a_hand_without_the_key),
		TEST(an_entry_of_an_older_copy),
		TEST(a_sync_fails),
		TEST(the_disk_is_full),
		TEST(too_long),
		TEST(from_anywhere),
		TEST(an_account_without_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
